#include "stores.h"

#include <time.h>

#include "base/digest.h"
#include "store/chunk_cache.h"

/* The format, as src/store/chunk_cache.c has it. */
enum { HEADER = 72, HEADER_CRC = 64, ENTRY = 136, ENTRY_CHUNKS = 112, ENTRY_OFFSET = 120 };
enum { ENTRY_CRC = 128, CHUNKS = VDT_CHUNK_CACHE_LEAST - 10 };

static uint64_t addresses[CHUNKS], few_addresses[10];
static uint32_t sizes[CHUNKS], few_sizes[10];
static struct vdt_extent many, few;

static int make_extents(void **state)
{
    for (uint64_t i = 0; i < CHUNKS; i++) {
        addresses[i] = vdt_mix(i);
        sizes[i] = (uint32_t)vdt_mix(~i);
    }
    for (uint64_t i = 0; i < 10; i++) {
        few_addresses[i] = 3 * i;
        few_sizes[i] = 8192;
    }
    many = (struct vdt_extent){CHUNKS, 1, CHUNKS, addresses, sizes};
    few = (struct vdt_extent){10 * 1000 - 7, 1000, 10, few_addresses, few_sizes};
    return make_folder(state);
}

/* --- a cache beside any file ------------------------------------------------------------------ */

static struct vdt_file *open_file(const char *path)
{
    struct vdt_file *file = NULL;
    if (vdt_file_open_read(path, &file, &error) != VDT_OK)
        fail_msg("%s", error.message);
    return file;
}

/* Opens the cache of `path`, notes both extents, and saves. */
static void save(const char *path, bool found)
{
    struct vdt_file *file = open_file(path);
    struct vdt_chunk_cache *cache = vdt_chunk_cache_open(file);
    assert_non_null(cache);
    vdt_chunk_cache_add(cache, "train/images", &many, found);
    vdt_chunk_cache_add(cache, "train/samples", &few, found);
    vdt_chunk_cache_save(cache);
    vdt_chunk_cache_free(cache);
    vdt_file_free(file);
}

/* Whether the cache of `path` has what `wanted` is; if it has, it is the same. */
static bool has(const char *path, const char *name, const struct vdt_extent *wanted)
{
    struct vdt_file *file = open_file(path);
    struct vdt_chunk_cache *cache = vdt_chunk_cache_open(file);
    struct vdt_extent found = {
        .rows = wanted->rows, .chunk_rows = wanted->chunk_rows, .chunks = wanted->chunks};
    assert_non_null(cache);
    bool yes = vdt_chunk_cache_find(cache, name, &found);
    if (yes) {
        assert_memory_equal(found.addresses, wanted->addresses, 8 * wanted->chunks);
        assert_memory_equal(found.sizes, wanted->sizes, 4 * wanted->chunks);
        free(found.addresses);
        free(found.sizes);
    } else {
        assert_null(found.addresses);
        assert_null(found.sizes);
    }
    vdt_chunk_cache_free(cache);
    vdt_file_free(file);
    return yes;
}

static const char *a_file(void)
{
    const char *path = in_folder("a.h5");
    write_file(path, "any bytes", 9);
    return path;
}

static void set_time(const char *path, time_t seconds)
{
    struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void what_was_noted_is_found(void **state)
{
    (void)state;
    const char *path = a_file();
    struct stat info;
    assert_int_equal(chmod(path, 0640), 0);
    assert_false(has(path, "train/images", &many));
    save(path, false);
    assert_int_equal(files_in_folder(false), 2);
    assert_int_equal(stat(in_folder("a.h5.chunks"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
    assert_int_equal(info.st_size, HEADER + 2 * ENTRY + 12 * VDT_CHUNK_CACHE_LEAST);
    /* It says whose it is. */
    size_t size;
    unsigned char *data = read_file(in_folder("a.h5.chunks"), &size);
    assert_int_equal(stat(path, &info), 0);
    int64_t store[6] = {info.st_size,         (int64_t)info.st_ino, info.st_mtim.tv_sec,
                        info.st_mtim.tv_nsec, info.st_ctim.tv_sec,  info.st_ctim.tv_nsec};
    assert_memory_equal(data, "VDTCHNKS\1\0\0\0\2\0\0\0", 16);
    assert_memory_equal(data + 16, store, 48);
    free(data);
    assert_true(has(path, "train/images", &many));
    assert_true(has(path, "train/samples", &few));
    assert_false(has(path, "train/image", &many));
    assert_false(has(path, "train/images", &few));
    struct vdt_extent other = few;
    other.rows++;
    assert_false(has(path, "train/samples", &other));
    other = few;
    other.chunk_rows++;
    assert_false(has(path, "train/samples", &other));
}

static void it_is_written_only_when_that_is_worth_it(void **state)
{
    (void)state;
    const char *path = a_file();
    struct stat before, after;
    many.chunks--;
    save(path, false);
    many.chunks++;
    assert_int_equal(files_in_folder(false), 1);
    save(path, true); /* nothing new */
    assert_int_equal(files_in_folder(false), 1);
    save(path, false);
    assert_int_equal(stat(in_folder("a.h5.chunks"), &before), 0);
    save(path, true);
    assert_int_equal(stat(in_folder("a.h5.chunks"), &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(files_in_folder(false), 2);
}

static void another_state_of_the_file_has_none(void **state)
{
    (void)state;
    const char *path = a_file(), *other = in_folder("b.h5");
    set_time(path, 1000000000);
    save(path, false);
    assert_true(has(path, "train/images", &many));
    /* Longer. */
    write_file(path, "any bytes!", 10);
    set_time(path, 1000000000);
    assert_false(has(path, "train/images", &many));
    save(path, false);
    assert_true(has(path, "train/images", &many));
    /* As long, written later. */
    write_file(path, "ANY BYTES!", 10);
    assert_false(has(path, "train/images", &many));
    save(path, false);
    assert_true(has(path, "train/images", &many));
    /* As long, and its time set back. */
    set_time(path, 1000000000);
    save(path, false);
    assert_true(has(path, "train/images", &many));
    /* Longer than the clock of a file system stands still. */
    nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
    write_file(path, "any bytes?", 10);
    set_time(path, 1000000000);
    assert_false(has(path, "train/images", &many));
    save(path, false);
    /* Another file of that size and time. */
    copy_file(path, other);
    set_time(other, 1000000000);
    copy_file(in_folder("a.h5.chunks"), in_folder("b.h5.chunks"));
    assert_true(has(path, "train/images", &many));
    assert_false(has(other, "train/images", &many));
}

static void beside_a_journal_there_is_none(void **state)
{
    (void)state;
    const char *path = a_file(), *journal = in_folder("a.h5.journal");
    save(path, false);
    write_file(journal, "being written", 13);
    assert_false(has(path, "train/images", &many));
    unlink(in_folder("a.h5.chunks"));
    save(path, false);
    assert_false(exists(in_folder("a.h5.chunks")));
    unlink(journal);
    save(path, false);
    assert_true(has(path, "train/images", &many));
}

static void places_that_cannot_be_written_are_no_error(void **state)
{
    (void)state;
    const char *path = a_file(), *part = in_folder("a.h5.chunks.part");
    const char *precious = in_folder("precious"), *cache = in_folder("a.h5.chunks");
    write_file(precious, "precious", 8);
    /* A folder in its place. */
    assert_int_equal(mkdir(cache, 0700), 0);
    save(path, false);
    assert_false(has(path, "train/images", &many));
    assert_int_equal(files_in_folder(false), 3);
    assert_int_equal(rmdir(cache), 0);
    /* Links that lead to what is not ours. */
    assert_int_equal(symlink("precious", part), 0);
    save(path, false);
    assert_false(exists(cache));
    unlink(part);
    assert_int_equal(symlink("nowhere", part), 0);
    save(path, false);
    assert_false(exists(in_folder("nowhere")));
    unlink(part);
    assert_int_equal(link(precious, part), 0);
    save(path, false);
    assert_false(exists(cache));
    assert_int_equal(size_of(precious), 8);
    unlink(part);
    /* What a crash left is in nobody's way. */
    write_file(part, "half a cache", 12);
    save(path, false);
    assert_true(has(path, "train/images", &many));
    assert_false(exists(part));
    assert_int_equal(files_in_folder(false), 3);
}

/* --- bytes from elsewhere --------------------------------------------------------------------- */

static void damage_is_seen(void **state)
{
    (void)state;
    const char *path = a_file(), *cache = in_folder("a.h5.chunks");
    save(path, false);
    size_t size;
    unsigned char *data = read_file(cache, &size);
    for (size_t i = 0; i < size; i += i < HEADER + 2 * ENTRY ? 1 : 6007) {
        data[i] ^= (unsigned char)(1u << i % 8);
        write_file(cache, data, size);
        data[i] ^= (unsigned char)(1u << i % 8);
        bool both = has(path, "train/images", &many) && has(path, "train/samples", &few);
        /* Bytes that nobody reads are the header's last four. */
        if (both != (i >= HEADER_CRC + 4 && i < HEADER))
            fail_msg("byte %zu", i);
    }
    for (size_t cut = 0; cut < size; cut += cut < 400 ? 1 : 5003) {
        write_file(cache, data, cut);
        assert_false(has(path, "train/images", &many) && has(path, "train/samples", &few));
    }
    write_file(cache, data, size);
    assert_true(has(path, "train/images", &many));
    free(data);
}

static void set_u64(unsigned char *at, uint64_t value)
{
    memcpy(at, &value, 8);
}

/* Makes the checksums of a changed cache of `count` arrays right again. */
static void seal(unsigned char *data, uint32_t count)
{
    uint32_t crc = vdt_crc32c(vdt_crc32c(0, data, HEADER_CRC), data + HEADER, count * ENTRY);
    memcpy(data + HEADER_CRC, &crc, 4);
}

static void claims_are_not_believed(void **state)
{
    (void)state;
    static const uint64_t claims[] = {1,          1u << 20,   1ull << 32,     UINT64_MAX / 12,
                                      UINT64_MAX, 1ull << 63, UINT64_MAX - 11};
    const char *path = a_file(), *cache = in_folder("a.h5.chunks");
    save(path, false);
    size_t size;
    unsigned char *data = read_file(cache, &size), *first = data + HEADER;
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        struct vdt_extent claimed = {claims[i], 1, claims[i], addresses, sizes};
        struct vdt_extent right = many;
        uint64_t offset;
        memcpy(&offset, first + ENTRY_OFFSET, 8);
        set_u64(first + ENTRY_CHUNKS - 16, claims[i]);
        set_u64(first + ENTRY_CHUNKS, claims[i]);
        seal(data, 2);
        write_file(cache, data, size);
        assert_false(has(path, "train/images", &claimed));
        set_u64(first + ENTRY_CHUNKS - 16, many.rows);
        set_u64(first + ENTRY_CHUNKS, many.chunks);
        set_u64(first + ENTRY_OFFSET, i == 0 ? offset + 1 : claims[i]);
        seal(data, 2);
        write_file(cache, data, size);
        assert_false(has(path, "train/images", &right));
        set_u64(first + ENTRY_OFFSET, offset);
        /* More arrays than there are bytes. */
        memcpy(data + 12, &claims[i], 4);
        seal(data, 2);
        write_file(cache, data, size);
        assert_false(has(path, "train/images", &right) && claims[i] != 1);
        memcpy(data + 12, &(uint32_t){2}, 4);
    }
    /* A cache of another version, or of a store that is not quite this one. */
    for (size_t i = 0; i < HEADER_CRC; i += i == 11 ? 5 : 1) { /* not the number of arrays */
        data[i] ^= 1;
        seal(data, 2);
        write_file(cache, data, size);
        assert_false(has(path, "train/images", &many));
        data[i] ^= 1;
    }
    seal(data, 2);
    write_file(cache, data, size);
    assert_true(has(path, "train/images", &many));
    free(data);
}

/* --- with a store ------------------------------------------------------------------------------
 */

enum { SAMPLES = 10950, SOME = 1009 };

static struct vdt_store_spec spec;

static const char *large_store(void)
{
    const char *path = in_folder("s.h5");
    spec = make_spec(VDT_UINT8, 15, VDT_CODEC_LZ4);
    make_store(path, &spec, SAMPLES);
    return path;
}

static void expect_some(const char *path, uint64_t count)
{
    struct vdt_reader *reader = read_store(path);
    assert_int_equal(vdt_reader_count(reader, 0), count);
    for (uint64_t i = 0; i < count; i += SOME)
        expect_sample(reader, 0, i, &spec, i);
    expect_sample(reader, 0, count - 1, &spec, count - 1);
    vdt_reader_free(reader);
}

/* The first array of the table is the images. */
static unsigned char *places_of_images(unsigned char *data)
{
    uint64_t offset;
    assert_string_equal(data + HEADER, "train/images");
    memcpy(&offset, data + HEADER + ENTRY_OFFSET, 8);
    return data + offset;
}

static void write_places(const char *cache, unsigned char *data, size_t size)
{
    uint32_t crc = vdt_crc32c(0, places_of_images(data), 12 * SAMPLES);
    uint32_t count;
    memcpy(data + HEADER + ENTRY_CRC, &crc, 4);
    memcpy(&count, data + 12, 4);
    seal(data, count);
    write_file(cache, data, size);
}

/* Exchanges the places of images 0 and 3, which are equally long. */
static void exchange(const char *cache, const unsigned char *good, size_t size)
{
    unsigned char *data = malloc(size), first[8];
    memcpy(data, good, size);
    unsigned char *places = places_of_images(data);
    memcpy(first, places, 8);
    memcpy(places, places + 24, 8);
    memcpy(places + 24, first, 8);
    assert_memory_equal(places + 8 * SAMPLES, places + 8 * SAMPLES + 12, 4);
    write_places(cache, data, size);
    free(data);
}

/* Which image is read as the first: that of sample 0 or of sample 3. */
static uint64_t first_image(const char *path)
{
    static struct made m;
    unsigned char image[70];
    struct vdt_reader *reader = read_store(path);
    assert_int_equal(vdt_reader_image(reader, 0, 0, image, &error), VDT_OK);
    vdt_reader_free(reader);
    make_sample(&m, &spec, 0);
    return memcmp(image, m.image, 70) == 0 ? 0 : 3;
}

static void a_store_opens_from_its_cache(void **state)
{
    (void)state;
    const char *path = large_store(), *cache = in_folder("s.h5.chunks");
    assert_int_equal(files_in_folder(false), 1);
    expect_some(path, SAMPLES);
    assert_int_equal(files_in_folder(false), 2);
    size_t size, after;
    unsigned char *good = read_file(cache, &size);
    expect_some(path, SAMPLES);
    /* That it is used shows when it lies. */
    exchange(cache, good, size);
    assert_int_equal(first_image(path), 3);
    unlink(cache);
    assert_int_equal(first_image(path), 0);
    unsigned char *again = read_file(cache, &after);
    assert_int_equal(size, after);
    assert_memory_equal(good, again, size);
    /* Not while a writer has the store, and not after it. */
    exchange(cache, good, size);
    struct vdt_writer *writer = open_store(path);
    assert_int_equal(first_image(path), 0);
    append_to(writer, "train", &spec, SAMPLES, 300);
    assert_int_equal(first_image(path), 0);
    commit(writer);
    expect_some(path, SAMPLES + 300);
    finish(writer);
    expect_some(path, SAMPLES + 300);
    expect_some(path, SAMPLES + 300);
    free(good);
    free(again);
}

static void places_outside_the_file_are_not_believed(void **state)
{
    (void)state;
    const char *path = large_store(), *cache = in_folder("s.h5.chunks");
    expect_some(path, SAMPLES);
    size_t size, after;
    unsigned char *good = read_file(cache, &size), *data = malloc(size);
    uint64_t end = size_of(path);
    const struct {
        uint64_t address;
        uint32_t stored;
    } lies[] = {{end, 1},          {end - 30, 31}, {UINT64_MAX, 40}, {UINT64_MAX - 10, 11},
                {1ull << 63, 100}, {0, 0},         {0, UINT32_MAX},  {0, 4096 + 141}};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        memcpy(data, good, size);
        set_u64(places_of_images(data) + 8 * 5, lies[i].address);
        memcpy(places_of_images(data) + 8 * SAMPLES + 4 * 5, &lies[i].stored, 4);
        write_places(cache, data, size);
        struct vdt_reader *reader = read_store(path);
        expect_sample(reader, 0, 5, &spec, 5);
        vdt_reader_free(reader);
        /* And it was made anew, whole. */
        unsigned char *again = read_file(cache, &after);
        assert_int_equal(after, size);
        assert_memory_equal(again, good, size);
        free(again);
    }
    free(good);
    free(data);
}

static void small_stores_leave_nothing(void **state)
{
    (void)state;
    const char *path = in_folder("a.h5");
    spec = make_spec(VDT_UINT8, 15, VDT_CODEC_LZ4);
    make_store(path, &spec, 30);
    expect_group(path, "train", &spec, 0, 30);
    assert_int_equal(files_in_folder(false), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_noted_is_found, clean, close_all),
        cmocka_unit_test_setup_teardown(it_is_written_only_when_that_is_worth_it, clean, close_all),
        cmocka_unit_test_setup_teardown(another_state_of_the_file_has_none, clean, close_all),
        cmocka_unit_test_setup_teardown(beside_a_journal_there_is_none, clean, close_all),
        cmocka_unit_test_setup_teardown(places_that_cannot_be_written_are_no_error, clean,
                                        close_all),
        cmocka_unit_test_setup_teardown(damage_is_seen, clean, close_all),
        cmocka_unit_test_setup_teardown(claims_are_not_believed, clean, close_all),
        cmocka_unit_test_setup_teardown(a_store_opens_from_its_cache, clean, close_all),
        cmocka_unit_test_setup_teardown(places_outside_the_file_are_not_believed, clean, close_all),
        cmocka_unit_test_setup_teardown(small_stores_leave_nothing, clean, close_all),
    };
    return cmocka_run_group_tests_name("store/chunk_cache", tests, make_extents, remove_folder);
}
