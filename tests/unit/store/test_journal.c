#include <sys/file.h>

#include "stores.h"

#include "base/path.h"
#include "store/driver.h"
#include "store/file.h"
#include "store/journal.h"

/* --- the overlay ------------------------------------------------------------------------------ */

static void pages_are_found_again(void **state)
{
    (void)state;
    struct vdt_overlay overlay = {0};
    assert_null(vdt_overlay_find(&overlay, 0));
    for (uint64_t i = 0; i < 5000; i++) {
        unsigned char *page = vdt_overlay_add(&overlay, i * i);
        memset(page, (int)(i % 251), VDT_PAGE);
    }
    assert_int_equal(overlay.count, 5000);
    for (uint64_t i = 0; i < 5000; i++) {
        assert_int_equal(vdt_overlay_find(&overlay, i * i)[4095], i % 251);
        if (i > 0)
            assert_null(vdt_overlay_find(&overlay, i * i + 1));
    }
    vdt_overlay_clear(&overlay);
    assert_null(vdt_overlay_find(&overlay, 4));
}

static void patching_touches_its_pages_only(void **state)
{
    (void)state;
    static unsigned char data[5 * VDT_PAGE];
    struct vdt_overlay overlay = {0};
    memset(vdt_overlay_add(&overlay, 10), 1, VDT_PAGE);
    memset(vdt_overlay_add(&overlay, 12), 2, VDT_PAGE);
    for (size_t from = 9 * VDT_PAGE - 3; from < 13 * VDT_PAGE + 3; from += 1021) {
        for (size_t size = 0; size < 3 * VDT_PAGE; size += 1365) {
            memset(data, 9, sizeof data);
            vdt_overlay_patch(&overlay, data, size, from);
            for (size_t i = 0; i < size + 5; i++) {
                size_t page = (from + i) / VDT_PAGE;
                assert_int_equal(data[i], i >= size ? 9 : page == 10 ? 1 : page == 12 ? 2 : 9);
            }
        }
    }
    vdt_overlay_clear(&overlay);
}

/* --- the journal ------------------------------------------------------------------------------ */

/* A store of five pages and a journal that replaces pages 1 and 3; the last page is new. */
static size_t make_journal(const char *store, const char *path)
{
    unsigned char bytes[5 * VDT_PAGE];
    struct vdt_overlay overlay = {0};
    struct vdt_journal journal = {.fd = -1};
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)vdt_mix(i);
    write_file(store, bytes, sizeof bytes);
    memset(vdt_overlay_add(&overlay, 1), 0x11, VDT_PAGE);
    memset(vdt_overlay_add(&overlay, 3), 0x33, VDT_PAGE);
    int fd = open(store, O_RDWR);
    struct vdt_journal_store of = {
        .fd = fd, .path = store, .tail = 4 * VDT_PAGE, .size = 5 * VDT_PAGE};
    assert_int_equal(vdt_journal_open(&journal, path, &error), VDT_OK);
    assert_int_equal(vdt_journal_write(&journal, &overlay, &of, &error), VDT_OK);
    vdt_journal_close(&journal, true);
    close(fd);
    vdt_overlay_clear(&overlay);
    return size_of(path);
}

static bool journal_is_valid(const char *store, const char *path)
{
    struct vdt_overlay overlay = {0};
    bool valid = true;
    int fd = open(store, O_RDONLY);
    assert_int_equal(vdt_journal_read(path, fd, &overlay, &valid, &error), VDT_OK);
    close(fd);
    assert_int_equal(overlay.count, valid ? 2 : 0);
    if (valid) {
        assert_int_equal(vdt_overlay_find(&overlay, 1)[7], 0x11);
        assert_int_equal(vdt_overlay_find(&overlay, 3)[7], 0x33);
    }
    vdt_overlay_clear(&overlay);
    return valid;
}

static void a_journal_is_read_back_and_applied(void **state)
{
    (void)state;
    const char *store = in_folder("s"), *path = in_folder("s.journal");
    make_journal(store, path);
    assert_true(journal_is_valid(store, path));
    struct vdt_overlay overlay = {0};
    bool valid = false;
    int fd = open(store, O_RDWR);
    assert_int_equal(vdt_journal_read(path, fd, &overlay, &valid, &error), VDT_OK);
    assert_int_equal(vdt_overlay_apply(&overlay, fd, store, &error), VDT_OK);
    close(fd);
    vdt_overlay_clear(&overlay);
    size_t size;
    unsigned char *bytes = read_file(store, &size);
    assert_int_equal(size, 5 * VDT_PAGE);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(bytes[i], i / VDT_PAGE == 1   ? 0x11
                                   : i / VDT_PAGE == 3 ? 0x33
                                                       : (unsigned char)vdt_mix(i));
    free(bytes);
    assert_true(journal_is_valid(store, path)); /* and may be applied once more */
}

static void absent_and_empty_journals_hold_nothing(void **state)
{
    (void)state;
    const char *store = in_folder("s"), *path = in_folder("s.journal");
    struct vdt_journal journal = {.fd = -1};
    make_journal(store, path);
    unlink(path);
    assert_false(journal_is_valid(store, path));
    assert_int_equal(vdt_journal_generation(path), 0);
    write_file(path, "", 0);
    assert_false(journal_is_valid(store, path));
    assert_int_equal(vdt_journal_open(&journal, path, &error), VDT_OK);
    assert_false(journal_is_valid(store, path));
    uint64_t generation = vdt_journal_generation(path);
    assert_true(generation > 1);
    assert_int_equal(vdt_journal_reset(&journal, &error), VDT_OK);
    assert_int_not_equal(vdt_journal_generation(path), generation);
    vdt_journal_close(&journal, false);
    assert_false(exists(path));
}

static void a_torn_journal_never_happened(void **state)
{
    (void)state;
    const char *store = in_folder("s"), *path = in_folder("s.journal");
    size_t size = make_journal(store, path);
    unsigned char *bytes = read_file(path, &size);
    for (size_t cut = 0; cut < size; cut += 61) {
        write_file(path, bytes, cut);
        assert_false(journal_is_valid(store, path));
    }
    for (size_t at = 0; at < size; at += at < 64 ? 1 : 61) {
        bytes[at] ^= 0x40;
        write_file(path, bytes, size);
        assert_false(journal_is_valid(store, path));
        bytes[at] ^= 0x40;
    }
    for (uint64_t i = 0; i < 200; i++) {
        unsigned char garbage[300];
        for (size_t k = 0; k < sizeof garbage; k++)
            garbage[k] = (unsigned char)vdt_mix(1000 * i + k);
        memcpy(garbage, bytes, i % 24);
        write_file(path, garbage, sizeof garbage);
        assert_false(journal_is_valid(store, path));
    }
    bytes = realloc(bytes, size + 9);
    memcpy(bytes + size, "leftovers", 9); /* of a longer journal before */
    write_file(path, bytes, size + 9);
    assert_true(journal_is_valid(store, path));
    free(bytes);
}

static void a_journal_belongs_to_its_store(void **state)
{
    (void)state;
    const char *store = in_folder("s"), *path = in_folder("s.journal");
    size_t size;
    make_journal(store, path);
    unsigned char *bytes = read_file(store, &size);
    bytes[4 * VDT_PAGE + 5] ^= 1; /* another file of the same size */
    write_file(store, bytes, size);
    assert_false(journal_is_valid(store, path));
    bytes[4 * VDT_PAGE + 5] ^= 1;
    write_file(store, bytes, size - 1);
    assert_false(journal_is_valid(store, path));
    bytes[2 * VDT_PAGE] ^= 1; /* pages before the commit's own may be half replaced */
    write_file(store, bytes, size);
    assert_true(journal_is_valid(store, path));
    free(bytes);
}

/* --- files ------------------------------------------------------------------------------------ */

static void expect_bytes(const struct vdt_file *file, uint64_t at, const char *wanted)
{
    char bytes[64];
    assert_int_equal(vdt_file_read(file, bytes, strlen(wanted), at, &error), VDT_OK);
    assert_memory_equal(bytes, wanted, strlen(wanted));
}

static void overwriting_waits_for_the_commit(void **state)
{
    (void)state;
    struct vdt_file *file = NULL, *reader = NULL;
    assert_int_equal(vdt_file_create(in_folder("f"), &file, &error), VDT_OK);
    assert_int_equal(vdt_file_write(file, "first", 5, 4090, &error), VDT_OK);
    assert_int_equal(vdt_file_commit(file, &error), VDT_OK);
    assert_int_equal(size_of(in_folder("f")), 4096); /* whole pages */
    assert_int_equal(vdt_file_write(file, "second", 6, 4092, &error), VDT_OK);
    expect_bytes(file, 4090, "fisecond");
    assert_int_equal(vdt_file_open_read(in_folder("f"), &reader, &error), VDT_OK);
    expect_bytes(reader, 4090, "first");
    assert_false(vdt_file_changed(reader));
    assert_int_equal(vdt_file_commit(file, &error), VDT_OK);
    assert_true(vdt_file_changed(reader));
    expect_bytes(reader, 4090, "fiseco");
    vdt_file_free(reader);
    assert_int_equal(vdt_file_write(file, "lost", 4, 4088, &error), VDT_OK);
    assert_int_equal(vdt_file_write(file, "lost", 4, 9000, &error), VDT_OK);
    assert_int_equal(size_of(in_folder("f")), 9004);
    vdt_file_free(file);
    assert_int_equal(files_in_folder(false), 1);
    assert_int_equal(size_of(in_folder("f")), 8192);
    assert_int_equal(vdt_file_open_read(in_folder("f"), &reader, &error), VDT_OK);
    expect_bytes(reader, 4090, "fisecond");
    vdt_file_free(reader);
}

/* HDF5 may free space at the end of the file; the store of the last commit stays as long as it is.
 */
static void committed_bytes_are_never_cut_off(void **state)
{
    (void)state;
    struct vdt_file *file = NULL;
    assert_int_equal(vdt_file_create(in_folder("f"), &file, &error), VDT_OK);
    assert_int_equal(vdt_file_write(file, "tail", 4, 9000, &error), VDT_OK);
    assert_int_equal(vdt_file_commit(file, &error), VDT_OK);
    assert_int_equal(vdt_file_truncate(file, 100, &error), VDT_OK);
    assert_int_equal(size_of(in_folder("f")), 12288);
    assert_int_equal(vdt_file_truncate(file, 20000, &error), VDT_OK);
    assert_int_equal(size_of(in_folder("f")), 20000);
    assert_int_equal(vdt_file_truncate(file, 100, &error), VDT_OK);
    expect_bytes(file, 9000, "tail");
    assert_int_equal(size_of(in_folder("f")), 12288);
    vdt_file_free(file);
}

/* As after writes that failed: HDF5 closes late, at the latest when the process ends. */
static void a_late_close_of_hdf5_finds_no_file(void **state)
{
    (void)state;
    struct vdt_file *file = NULL;
    hid_t id = -1;
    assert_int_equal(vdt_file_create(in_folder("f"), &file, &error), VDT_OK);
    assert_int_equal(vdt_file_hdf5(file, &id, &error), VDT_OK);
    H5Gclose(H5Gcreate2(id, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    vdt_file_abandon(file);
    vdt_file_free(file);
    assert_true(H5Fclose(id) >= 0);
    assert_int_equal(files_in_folder(false), 0);
}

static void every_commit_is_a_change(void **state)
{
    (void)state;
    struct vdt_file *file = NULL, *reader = NULL;
    assert_int_equal(vdt_file_create(in_folder("f"), &file, &error), VDT_OK);
    assert_int_equal(vdt_file_write(file, "0", 1, 0, &error), VDT_OK);
    assert_int_equal(vdt_file_commit(file, &error), VDT_OK);
    for (int i = 0; i < 300; i++) { /* also those within one tick of the file system's clock */
        assert_int_equal(vdt_file_open_read(in_folder("f"), &reader, &error), VDT_OK);
        assert_int_equal(vdt_file_write(file, &i, sizeof i, 0, &error), VDT_OK);
        assert_false(vdt_file_changed(reader));
        assert_int_equal(vdt_file_commit(file, &error), VDT_OK);
        assert_true(vdt_file_changed(reader));
        vdt_file_free(reader);
    }
    vdt_file_free(file);
}

/* --- crashes inside a commit ------------------------------------------------------------------ */

static struct vdt_store_spec spec;
static char old_digest[65], new_digest[65], digest[65];
static unsigned char *old_bytes, *new_bytes;
static size_t old_size, new_size;
static struct vdt_overlay pages; /* that the second commit replaces */

/* Two states of one store: 40 samples, and 60 in two groups. */
static void make_states(void)
{
    spec = make_spec(VDT_UINT16, 15, VDT_CODEC_LZ4);
    make_store(in_folder("s.h5"), &spec, 40);
    digest_of(in_folder("s.h5"), old_digest);
    old_bytes = read_file(in_folder("s.h5"), &old_size);
    struct vdt_writer *writer = open_store(in_folder("s.h5"));
    append_to(writer, "train", &spec, 40, 15);
    append_to(writer, "test", &spec, 55, 5);
    finish(writer);
    digest_of(in_folder("s.h5"), new_digest);
    new_bytes = read_file(in_folder("s.h5"), &new_size);
    assert_string_not_equal(old_digest, new_digest);
    assert_true(new_size > old_size && old_size % VDT_PAGE == 0);
    for (uint64_t n = 0; n < old_size / VDT_PAGE; n++)
        if (memcmp(old_bytes + n * VDT_PAGE, new_bytes + n * VDT_PAGE, VDT_PAGE) != 0)
            memcpy(vdt_overlay_add(&pages, n), new_bytes + n * VDT_PAGE, VDT_PAGE);
    assert_true(pages.count > 5);
}

static void drop_states(void)
{
    free(old_bytes);
    free(new_bytes);
    vdt_overlay_clear(&pages);
}

/* The store as a crash leaves it: new data behind, `applied` of the replaced pages in place (the
 * last one only half), and the journal cut to `journal_bytes`; SIZE_MAX is all of it. */
static void make_crash(uint32_t applied, size_t journal_bytes)
{
    files_in_folder(true);
    const char *path = in_folder("s.h5"), *journal_path = in_folder("s.h5.journal");
    unsigned char *bytes = malloc(new_size);
    memcpy(bytes, new_bytes, new_size);
    memcpy(bytes, old_bytes, old_size);
    write_file(path, bytes, new_size);
    int fd = open(path, O_RDWR);
    struct vdt_journal journal = {.fd = -1};
    struct vdt_journal_store store = {.fd = fd, .path = path, .tail = old_size, .size = new_size};
    assert_int_equal(vdt_journal_open(&journal, journal_path, &error), VDT_OK);
    assert_int_equal(vdt_journal_write(&journal, &pages, &store, &error), VDT_OK);
    for (uint32_t i = 0; i < pages.capacity && applied > 0; i++)
        if (pages.numbers[i] != 0) {
            size_t part = --applied == 0 ? VDT_PAGE / 2 : VDT_PAGE;
            uint64_t at = (pages.numbers[i] - 1) * VDT_PAGE;
            assert_int_equal(vdt_write_at(fd, pages.pages[i], part, at, path, &error), VDT_OK);
        }
    vdt_journal_close(&journal, true);
    close(fd);
    if (journal_bytes != SIZE_MAX)
        assert_int_equal(truncate(journal_path, (off_t)journal_bytes), 0);
    free(bytes);
}

static void carry_on_and_compare(const char *wanted)
{
    /* While another process has the lock, a reader reads through the journal. */
    int fd = open(in_folder("s.h5"), O_RDWR);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    digest_of(in_folder("s.h5"), digest);
    assert_string_equal(digest, wanted);
    assert_true(exists(in_folder("s.h5.journal")));
    close(fd);
    /* Then it brings a whole one home. */
    digest_of(in_folder("s.h5"), digest);
    assert_string_equal(digest, wanted);
    assert_true(exists(in_folder("s.h5.journal")) == (strcmp(wanted, old_digest) == 0));
    digest_of(in_folder("s.h5"), digest);
    assert_string_equal(digest, wanted);
    struct vdt_writer *writer = open_store(in_folder("s.h5"));
    vdt_writer_free(writer);
    assert_int_equal(files_in_folder(false), 1);
    digest_of(in_folder("s.h5"), digest);
    assert_string_equal(digest, wanted);
    writer = open_store(in_folder("s.h5"));
    if (strcmp(wanted, old_digest) == 0) {
        append_to(writer, "test", &spec, 55, 5);
        append_to(writer, "train", &spec, 40, 15);
    }
    finish(writer);
    digest_of(in_folder("s.h5"), digest);
    assert_string_equal(digest, new_digest);
}

static void a_crash_inside_a_commit_leaves_the_old_or_the_new(void **state)
{
    (void)state;
    make_states();
    size_t records = pages.count * (8 + (size_t)VDT_PAGE);
    for (uint32_t applied = 0; applied <= pages.count + 1; applied++) {
        make_crash(applied, SIZE_MAX);
        carry_on_and_compare(new_digest);
    }
    for (size_t cut = 0; cut < 48 + records; cut += records / 9) {
        make_crash(0, cut);
        carry_on_and_compare(old_digest);
    }
    drop_states();
}

/* Samples are read by pread, which must go through the journal as HDF5 does. */
static void a_reader_sees_through_a_pending_journal(void **state)
{
    (void)state;
    make_states();
    make_crash(0, SIZE_MAX);
    int fd = open(in_folder("s.h5"), O_RDWR);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    struct vdt_reader *reader = read_store(in_folder("s.h5"));
    size_t group;
    assert_int_equal(vdt_reader_find_group(reader, "train", &group, &error), VDT_OK);
    assert_int_equal(vdt_reader_count(reader, group), 55);
    for (uint64_t i = 0; i < 55; i++) {
        struct vdt_sample sample;
        char key[32];
        snprintf(key, sizeof key, "key-%d", (int)i);
        assert_int_equal(vdt_reader_sample(reader, group, i, &sample, NULL, &error), VDT_OK);
        assert_string_equal(sample.key, key);
    }
    vdt_reader_free(reader);
    close(fd);
    drop_states();
}

static void a_new_store_ignores_the_journal_of_another(void **state)
{
    (void)state;
    make_states();
    make_crash(1, SIZE_MAX);
    unlink(in_folder("s.h5"));
    make_store(in_folder("s.h5"), &spec, 40);
    digest_of(in_folder("s.h5"), digest);
    assert_string_equal(digest, old_digest);
    assert_int_equal(files_in_folder(false), 1);
    make_crash(1, SIZE_MAX);
    make_store(in_folder("t.h5"), &spec, 40);
    assert_int_equal(rename(in_folder("t.h5"), in_folder("s.h5")), 0); /* as a pull does */
    carry_on_and_compare(old_digest);
    drop_states();
}

int main(void)
{
#define JOURNAL_TEST(test) cmocka_unit_test_setup_teardown(test, clean, close_all)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_found_again),
        cmocka_unit_test(patching_touches_its_pages_only),
        JOURNAL_TEST(a_journal_is_read_back_and_applied),
        JOURNAL_TEST(absent_and_empty_journals_hold_nothing),
        JOURNAL_TEST(a_torn_journal_never_happened),
        JOURNAL_TEST(a_journal_belongs_to_its_store),
        JOURNAL_TEST(overwriting_waits_for_the_commit),
        JOURNAL_TEST(committed_bytes_are_never_cut_off),
        JOURNAL_TEST(a_late_close_of_hdf5_finds_no_file),
        JOURNAL_TEST(every_commit_is_a_change),
        JOURNAL_TEST(a_crash_inside_a_commit_leaves_the_old_or_the_new),
        JOURNAL_TEST(a_reader_sees_through_a_pending_journal),
        JOURNAL_TEST(a_new_store_ignores_the_journal_of_another),
    };
    return cmocka_run_group_tests_name("store/journal", tests, make_folder, remove_folder);
}
