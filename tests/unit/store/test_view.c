#include "stores.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "store/writer.h"

static char digest_a[65], digest_b[65];

static void put(struct vdt_writer *writer, const char *name, const char *group,
                const uint64_t *indices, uint64_t count)
{
    if (vdt_writer_put_view(writer, name, group, indices, count, NULL, &error) != VDT_OK)
        fail_msg("%s", error.message);
}

static struct vdt_view view_of(const struct vdt_reader *reader, const char *name)
{
    size_t view = 99;
    if (vdt_reader_find_view(reader, name, &view, &error) != VDT_OK)
        fail_msg("%s", error.message);
    return vdt_reader_view(reader, view);
}

/* Group "train" of 40 samples and a view of four of them. */
static struct vdt_store_spec make_viewed(const char *path)
{
    static const uint64_t indices[] = {3, 0, 39, 3};
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 15, VDT_CODEC_RAW);
    struct vdt_writer *writer = create_store(path, &spec);
    append_to(writer, "train", &spec, 0, 40);
    put(writer, "fold-1", "train", indices, 4);
    finish(writer);
    return spec;
}

/* --- what is kept is read --------------------------------------------------------------------- */

static void views_come_back(void **state)
{
    (void)state;
    enum { MANY = 20000, LONG = 200000 };
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 0, VDT_CODEC_RAW);
    struct vdt_writer *writer = create_store(in_folder("a.h5"), &spec);
    uint64_t *many = calloc(MANY, 8);
    char *text = calloc(LONG + 3, 1);
    memset(text, 'x', LONG + 2);
    text[0] = text[LONG + 1] = '"';
    for (uint64_t i = 0; i < MANY; i++)
        many[i] = vdt_mix(i) % 50;
    append_to(writer, "train", &spec, 0, 50); /* not committed yet */
    append_to(writer, "test", &spec, 100, 7);
    put(writer, "none", "test", NULL, 0);
    assert_int_equal(
        vdt_writer_put_view(writer, "many", "train", many, MANY, "{\"q\": [1]}", &error), VDT_OK);
    put(writer, "8192", "train", many, 8192);
    assert_int_equal(vdt_writer_put_view(writer, "Z_z-9", "test", &(uint64_t){6}, 1, text, &error),
                     VDT_OK);
    finish(writer);
    struct vdt_reader *reader = read_store(in_folder("a.h5"));
    static const char *const names[] = {"8192", "Z_z-9", "many", "none"};
    assert_int_equal(vdt_reader_view_count(reader), 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(vdt_reader_view(reader, i).name, names[i]);
    struct vdt_view view = view_of(reader, "many");
    assert_string_equal(view.group, "train");
    assert_string_equal(view.definition, "{\"q\": [1]}");
    assert_int_equal(view.count, MANY);
    assert_memory_equal(view.indices, many, MANY * sizeof *many);
    view = view_of(reader, "8192");
    assert_memory_equal(view.indices, many, sizeof(uint64_t) * 8192);
    assert_string_equal(view.definition, "");
    view = view_of(reader, "Z_z-9");
    assert_true(view.count == 1 && view.indices[0] == 6);
    assert_string_equal(view.definition, text);
    assert_int_equal(view_of(reader, "none").count, 0);
    vdt_reader_free(reader);
    digest_of(in_folder("a.h5"), digest_a);
    free(many);
    free(text);
}

static void other_programs_read_them(void **state)
{
    (void)state;
    uint64_t indices[4] = {0};
    uint32_t crc = 0;
    hsize_t rows = 0;
    char group[6] = "";
    make_viewed(in_folder("a.h5"));
    hid_t file = H5Fopen(in_folder("a.h5"), H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t set = H5Dopen2(file, "/views/fold-1", H5P_DEFAULT), space = H5Dget_space(set);
    assert_int_equal(H5Sget_simple_extent_dims(space, &rows, NULL), 1);
    assert_int_equal(rows, 4);
    assert_true(H5Dread(set, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, indices) >= 0);
    assert_true(indices[0] == 3 && indices[1] == 0 && indices[2] == 39 && indices[3] == 3);
    hid_t attribute = H5Aopen(set, "group", H5P_DEFAULT), type = H5Aget_type(attribute);
    assert_int_equal(H5Tget_size(type), 5);
    assert_true(H5Aread(attribute, type, group) >= 0);
    assert_string_equal(group, "train");
    H5Tclose(type);
    H5Aclose(attribute);
    attribute = H5Aopen(set, "crc32c", H5P_DEFAULT);
    assert_true(H5Aread(attribute, H5T_NATIVE_UINT32, &crc) >= 0);
    /* CRC-32C (Castagnoli) of those 32 bytes, computed bit by bit. */
    uint32_t wanted = UINT32_MAX;
    for (size_t i = 0; i < 32; i++) {
        wanted ^= ((const unsigned char *)indices)[i];
        for (int bit = 0; bit < 8; bit++)
            wanted = wanted >> 1 ^ (wanted & 1 ? 0x82F63B78u : 0);
    }
    assert_int_equal(crc, ~wanted);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Dclose(set);
    H5Fclose(file);
}

static void a_view_is_replaced_and_removed(void **state)
{
    (void)state;
    const char *path = in_folder("a.h5");
    struct vdt_store_spec spec = make_viewed(path);
    const uint64_t one[] = {41};
    struct vdt_writer *writer = open_store(path);
    append_to(writer, "train", &spec, 40, 2);
    put(writer, "fold-1", "train", one, 1);
    put(writer, "fold-2", "train", one, 1);
    finish(writer);
    struct vdt_reader *before = read_store(path);
    assert_int_equal(vdt_reader_view_count(before), 2);
    assert_true(view_of(before, "fold-1").count == 1 && view_of(before, "fold-1").indices[0] == 41);
    writer = open_store(path);
    assert_int_equal(vdt_writer_remove_view(writer, "fold-1", &error), VDT_OK);
    assert_int_equal(vdt_writer_remove_view(writer, "fold-1", &error), VDT_ERR_NOT_FOUND);
    assert_non_null(strstr(error.message, "no view \"fold-1\""));
    assert_int_equal(vdt_writer_remove_view(writer, "../train", &error), VDT_ERR_NOT_FOUND);
    finish(writer);
    struct vdt_reader *after = read_store(path);
    assert_int_equal(vdt_reader_view_count(after), 1);
    size_t view = 77;
    assert_int_equal(vdt_reader_find_view(after, "fold-1", &view, &error), VDT_ERR_NOT_FOUND);
    assert_int_equal(view, 77);
    assert_non_null(strstr(error.message, "no view \"fold-1\"; there is: fold-2"));
    assert_int_equal(view_of(before, "fold-1").indices[0], 41); /* its snapshot */
    vdt_reader_free(before);
    vdt_reader_free(after);
    expect_group(path, "train", &spec, 0, 42);
    digest_of(path, digest_a);
}

static void what_is_not_committed_never_was(void **state)
{
    (void)state;
    const char *path = in_folder("a.h5");
    struct vdt_store_spec spec = make_viewed(path);
    size_t size = size_of(path);
    digest_of(path, digest_a);
    struct vdt_writer *writer = open_store(path);
    append_to(writer, "train", &spec, 40, 100);
    put(writer, "fold-1", "train", &(uint64_t){139}, 1);
    put(writer, "other", "train", &(uint64_t){0}, 1);
    vdt_writer_free(writer);
    writer = open_store(path);
    assert_int_equal(vdt_writer_remove_view(writer, "fold-1", &error), VDT_OK);
    vdt_writer_free(writer);
    assert_int_equal(size_of(path), size);
    digest_of(path, digest_b);
    assert_string_equal(digest_a, digest_b);
}

static void senseless_views_are_refused(void **state)
{
    (void)state;
    const char *path = in_folder("a.h5");
    make_viewed(path);
    static const struct {
        const char *name, *group, *definition;
        uint64_t index;
        vdt_status status;
        const char *word;
    } cases[] = {{"", "train", NULL, 0, VDT_ERR_ARGUMENT, "letters"},
                 {"a/b", "train", NULL, 0, VDT_ERR_ARGUMENT, "letters"},
                 {"..", "train", NULL, 0, VDT_ERR_ARGUMENT, "letters"},
                 {"v", "nosuch", NULL, 0, VDT_ERR_NOT_FOUND, "no group \"nosuch\""},
                 {"v", "train", NULL, 40, VDT_ERR_ARGUMENT, "index 0 is sample 40 of 40"},
                 {"v", "train", NULL, UINT64_MAX, VDT_ERR_ARGUMENT, "index 0"},
                 {"v", "train", "{\"a\":", 0, VDT_ERR_ARGUMENT, "JSON"},
                 {"v", "train", "\"\xff\"", 0, VDT_ERR_ARGUMENT, "JSON"}};
    struct vdt_writer *writer = open_store(path);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vdt_status status = vdt_writer_put_view(writer, cases[i].name, cases[i].group,
                                                &cases[i].index, 1, cases[i].definition, &error);
        if (status != cases[i].status || strstr(error.message, cases[i].word) == NULL)
            fail_msg("case %zu: %s", i, error.message);
    }
    char *text = malloc((2 << 20) + 3);
    memset(text, '1', 2 << 20); /* a long string */
    text[0] = text[(2 << 20) - 1] = '"';
    text[2 << 20] = '\0';
    assert_int_equal(vdt_writer_put_view(writer, "v", "train", NULL, 0, text, &error),
                     VDT_ERR_ARGUMENT);
    free(text);
    put(writer, "v", "train", &(uint64_t){39}, 1); /* none of this did any harm */
    assert_int_equal(vdt_writer_finish(writer, &error), VDT_OK);
    assert_int_equal(vdt_writer_put_view(writer, "v", "train", NULL, 0, NULL, &error),
                     VDT_ERR_ARGUMENT);
    assert_int_equal(vdt_writer_remove_view(writer, "v", &error), VDT_ERR_ARGUMENT);
    vdt_writer_free(writer);
    struct vdt_reader *reader = read_store(path);
    assert_int_equal(vdt_reader_view_count(reader), 2);
    vdt_reader_free(reader);
}

static void the_writer_says_what_it_holds(void **state)
{
    (void)state;
    struct vdt_store_spec spec = make_viewed(in_folder("a.h5"));
    struct vdt_writer *writer = open_store(in_folder("a.h5"));
    assert_int_equal(vdt_writer_count(writer, "train"), 40);
    append_to(writer, "train", &spec, 40, 3);
    append_to(writer, "new", &spec, 50, 1);
    assert_int_equal(vdt_writer_count(writer, "train"), 43);
    assert_int_equal(vdt_writer_count(writer, "new"), 1);
    assert_int_equal(vdt_writer_count(writer, "views"), 0);
    struct vdt_store_spec found = vdt_writer_spec(writer);
    assert_memory_equal(&found.tile, &spec.tile, sizeof spec.tile);
    assert_int_equal(found.tasks, 15);
    assert_string_equal(found.classes[3], class_names[3]);
    vdt_writer_free(writer);
}

/* --- the digest ------------------------------------------------------------------------------- */

/* Samples 0 .. 9, fed from either end, and a view of the samples 4, 7, 4. */
static void make_ordered(const char *path, bool backwards)
{
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 1, VDT_CODEC_RAW);
    struct vdt_writer *writer = create_store(path, &spec);
    uint64_t indices[] = {4, 7, 4};
    append_to(writer, "before", &spec, 100, 3);
    for (uint64_t i = 0; i < 10; i++)
        append_to(writer, "train", &spec, backwards ? 9 - i : i, 1);
    for (size_t i = 0; i < 3; i++)
        indices[i] = backwards ? 9 - indices[i] : indices[i];
    put(writer, "v", "train", indices, 3);
    finish(writer);
}

static void the_digest_knows_views_by_their_samples(void **state)
{
    (void)state;
    const char *path = in_folder("a.h5"), *other = in_folder("b.h5");
    make_ordered(path, false);
    make_ordered(other, true);
    digest_of(path, digest_a);
    digest_of(other, digest_b);
    assert_string_equal(digest_a, digest_b);
    struct vdt_writer *writer = open_store(other);
    put(writer, "v", "train", (const uint64_t[]){5, 2, 2}, 3);
    finish(writer);
    digest_of(other, digest_b);
    assert_string_not_equal(digest_a, digest_b);
    for (int i = 0; i < 2; i++) {
        writer = open_store(i ? path : other);
        assert_int_equal(vdt_writer_remove_view(writer, "v", &error), VDT_OK);
        finish(writer);
    }
    digest_of(path, digest_a);
    digest_of(other, digest_b);
    assert_string_equal(digest_a, digest_b);
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 1, VDT_CODEC_RAW);
    writer = create_store(in_folder("never.h5"), &spec); /* it never had a view */
    append_to(writer, "before", &spec, 100, 3);
    append_to(writer, "train", &spec, 0, 10);
    finish(writer);
    digest_of(in_folder("never.h5"), digest_b);
    assert_string_equal(digest_a, digest_b);
}

/* --- commits and crashes ---------------------------------------------------------------------- */

/* Each commit adds 3 samples, makes "all" a view of all of them, and takes "last" away or puts it
 * there again. */
static void change_views(const char *path, const struct vdt_store_spec *spec, uint64_t total)
{
    static uint64_t indices[3000];
    struct vdt_writer *writer = exists(path) ? open_store(path) : create_store(path, spec);
    add_place(writer);
    for (uint64_t i = 0; i < 3000; i++)
        indices[i] = i;
    for (uint64_t at = vdt_writer_total(writer); at < total; at += 3) {
        append_to(writer, "train", spec, at, 3);
        put(writer, "all", "train", indices, at + 3);
        if (at % 2 == 0)
            put(writer, "last", "train", indices + at, 3);
        else if (vdt_writer_remove_view(writer, "last", &error) != VDT_OK)
            abort();
        commit(writer);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    finish(writer);
}

/* How many samples there are; the views are those of that moment. */
static uint64_t expect_moment(const char *path)
{
    struct vdt_reader *reader = NULL;
    vdt_status status = vdt_reader_open(path, &reader, &error);
    if (status == VDT_ERR_BUSY || status == VDT_ERR_NOT_FOUND)
        return 0;
    if (status != VDT_OK)
        fail_msg("%s", error.message);
    uint64_t count = vdt_reader_count(reader, 0);
    struct vdt_view all = view_of(reader, "all");
    assert_int_equal(count % 3, 0);
    assert_int_equal(all.count, count);
    for (uint64_t i = 0; i < count; i++)
        assert_int_equal(all.indices[i], i);
    size_t last = 0;
    bool there = vdt_reader_find_view(reader, "last", &last, NULL) == VDT_OK;
    assert_int_equal(there, (count - 3) % 2 == 0);
    if (there)
        assert_int_equal(vdt_reader_view(reader, last).indices[2], count - 1);
    vdt_reader_free(reader);
    return count;
}

static void readers_see_views_of_one_moment(void **state)
{
    (void)state;
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 0, VDT_CODEC_RAW);
    char path[256];
    strcpy(path, in_folder("a.h5"));
    pid_t child = fork();
    if (child == 0) {
        change_views(path, &spec, 300);
        _exit(0);
    }
    uint64_t last = 0;
    int states = 0, result = 1;
    while (waitpid(child, &result, WNOHANG) == 0) {
        uint64_t count = expect_moment(path);
        states += count > last;
        last = count > last ? count : last;
    }
    assert_int_equal(result, 0);
    assert_true(states > 3);
    assert_int_equal(expect_moment(path), 300);
}

static void killed_writers_leave_whole_views(void **state)
{
    (void)state;
    char path[256];
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 0, VDT_CODEC_RAW);
    enum { TOTAL = 600 };
    strcpy(path, in_folder("a.h5"));
    uint64_t before = 0;
    int kills = 0, result = 1;
    for (uint64_t round = 0; result != 0; round++) {
        pid_t child = fork();
        if (child == 0) {
            change_views(path, &spec, TOTAL);
            _exit(0);
        }
        nanosleep(&(struct timespec){.tv_nsec = (long)(vdt_mix(round) % 40000000)}, NULL);
        if (round < 300)
            kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &result, 0), child);
        kills += result != 0;
        uint64_t count = expect_moment(path);
        assert_true(count >= before);
        before = count;
    }
    assert_true(kills > 2);
    assert_int_equal(before, TOTAL);
    digest_of(path, digest_a);
}

/* A commit that only takes away still marks its store, or its journal would fit any other. */
static void a_removal_marks_its_store(void **state)
{
    (void)state;
    const char *path = in_folder("a.h5");
    make_viewed(path);
    struct vdt_writer *writer = open_store(path);
    size_t size = size_of(path), after;
    assert_int_equal(vdt_writer_remove_view(writer, "fold-1", &error), VDT_OK);
    commit(writer);
    unsigned char *data = read_file(path, &after), sum = 0;
    assert_int_equal(after, size + 4096);
    for (size_t i = size; i < after; i++)
        sum |= data[i];
    assert_true(sum != 0);
    free(data);
    vdt_writer_free(writer);
    for (int i = 0; i < 5; i++) { /* and does not let it grow for ever */
        writer = open_store(path);
        put(writer, "fold-1", "train", &(uint64_t){1}, 1);
        commit(writer);
        assert_int_equal(vdt_writer_remove_view(writer, "fold-1", &error), VDT_OK);
        finish(writer);
    }
    assert_true(size_of(path) < size + 8 * 4096);
}

/* --- hostile files ---------------------------------------------------------------------------- */

static hid_t new_set(hid_t file, const char *name, hid_t type, hsize_t rows, hsize_t chunk)
{
    hsize_t most = H5S_UNLIMITED;
    hid_t space = H5Screate_simple(1, &rows, &most), creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, 1, &chunk);
    H5Ldelete(file, name, H5P_DEFAULT);
    hid_t set = H5Dcreate2(file, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    assert_true(set >= 0);
    H5Pclose(creation);
    H5Sclose(space);
    return set;
}

static void set_text(hid_t object, const char *name, const char *text)
{
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, strlen(text));
    if (H5Aexists(object, name) > 0)
        H5Adelete(object, name);
    hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, type, text);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
}

/* A whole view by hand, without a checksum. */
static hid_t by_hand(hid_t file, const uint64_t *indices, hsize_t rows)
{
    hid_t set = new_set(file, "views/fold-1", H5T_STD_U64LE, rows, rows);
    set_text(set, "group", "train");
    set_text(set, "definition", "{}");
    assert_true(H5Dwrite(set, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, indices) >= 0);
    return set;
}

static void too_far(hid_t file)
{
    H5Dclose(by_hand(file, (const uint64_t[]){0, 40}, 2));
}

static void huge_claim(hid_t file)
{
    hid_t set = new_set(file, "views/fold-1", H5T_STD_U64LE, (hsize_t)1 << 60, 8192);
    H5Dclose(set);
}

static void missing_chunk(hid_t file)
{
    hid_t set = new_set(file, "views/fold-1", H5T_STD_U64LE, 5000, 5000);
    set_text(set, "group", "train");
    set_text(set, "definition", "{}");
    H5Dclose(set);
}

static void other_index(hid_t file)
{
    hid_t set = H5Dopen2(file, "views/fold-1", H5P_DEFAULT);
    assert_true(H5Dwrite(set, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                         (const uint64_t[]){3, 1, 39, 3}) >= 0);
    H5Dclose(set);
}

static void other_type(hid_t file)
{
    H5Dclose(new_set(file, "views/fold-1", H5T_STD_I64LE, 1, 1));
}

static void other_chunks(hid_t file)
{
    H5Dclose(new_set(file, "views/fold-1", H5T_STD_U64LE, 100, 10));
}

static void filtered(hid_t file)
{
    hsize_t rows = 4, most = H5S_UNLIMITED;
    hid_t space = H5Screate_simple(1, &rows, &most), creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, 1, &rows);
    H5Pset_filter(creation, 32004, H5Z_FLAG_OPTIONAL, 0, NULL);
    H5Dclose(
        H5Dcreate2(file, "views/coded", H5T_STD_U64LE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
    H5Pclose(creation);
    H5Sclose(space);
}

static void no_group_named(hid_t file)
{
    H5Dclose(new_set(file, "views/fold-1", H5T_STD_U64LE, 1, 1));
}

static void other_group(hid_t file)
{
    hid_t set = H5Dopen2(file, "views/fold-1", H5P_DEFAULT);
    set_text(set, "group", "lost");
    H5Dclose(set);
}

static void no_dataset(hid_t file)
{
    H5Gclose(H5Gcreate2(file, "views/sub", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
}

static void external_view(hid_t file)
{
    H5Lcreate_external("good.h5", "/views/fold-1", file, "views/far", H5P_DEFAULT, H5P_DEFAULT);
}

static void soft_view(hid_t file)
{
    H5Lcreate_soft("/views/fold-1", file, "views/soft", H5P_DEFAULT, H5P_DEFAULT);
}

static void external_folder(hid_t file)
{
    H5Ldelete(file, "views", H5P_DEFAULT);
    H5Lcreate_external("good.h5", "/views", file, "views", H5P_DEFAULT, H5P_DEFAULT);
}

static void a_set_as_folder(hid_t file)
{
    H5Dclose(new_set(file, "views", H5T_STD_U64LE, 1, 1));
}

static void an_array_of_the_store(hid_t file)
{
    H5Lcreate_hard(file, "train/metadata/offsets", file, "views/own", H5P_DEFAULT, H5P_DEFAULT);
}

static void virtual_view(hid_t file)
{
    hsize_t rows = 4;
    hid_t space = H5Screate_simple(1, &rows, NULL), creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_virtual(creation, space, "good.h5", "/views/fold-1", space);
    H5Dclose(
        H5Dcreate2(file, "views/far", H5T_STD_U64LE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
    H5Pclose(creation);
    H5Sclose(space);
}

static hid_t edit(const char *path)
{
    return H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
}

static void hostile_views_are_refused(void **state)
{
    (void)state;
    static const struct {
        void (*spoil)(hid_t file);
        const char *word;
    } cases[] = {{too_far, "/views/fold-1: index 1 is sample 40 of 40"},
                 {huge_claim, "/views/fold-1 is not a view"},
                 {missing_chunk, "/views/fold-1: chunk 0 is missing"},
                 {other_index, "/views/fold-1: its indices do not match their checksum"},
                 {other_type, "/views/fold-1 is not a view"},
                 {other_chunks, "/views/fold-1 is not a view"},
                 {filtered, "/views/coded is not a view"},
                 {no_group_named, "/views/fold-1: no attribute \"group\""},
                 {other_group, "/views/fold-1 is of the group \"lost\""},
                 {no_dataset, "/views/sub is not a view"},
                 {external_view, "/views/far: not of this file"},
                 {soft_view, "/views/soft: not of this file"},
                 {external_folder, "/views: not of this file"},
                 {a_set_as_folder, "/views: not of this file"},
                 {an_array_of_the_store, "/views/own is not a view"},
                 {virtual_view, "/views/far is not a view"}};
    char path[256], good[256];
    strcpy(path, in_folder("bad.h5"));
    strcpy(good, in_folder("good.h5"));
    make_viewed(good);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct vdt_reader *reader = NULL;
        struct vdt_writer *writer = NULL;
        copy_file(good, path);
        hid_t file = edit(path);
        cases[i].spoil(file);
        H5Fclose(file);
        if (vdt_reader_open(path, &reader, &error) != VDT_ERR_FORMAT ||
            strstr(error.message, cases[i].word) == NULL || strstr(error.message, path) == NULL)
            fail_msg("case %zu, \"%s\": %s", i, cases[i].word, error.message);
        assert_null(reader);
        assert_int_equal(vdt_writer_open(path, &writer, &error), VDT_ERR_FORMAT);
    }
}

static void views_made_by_hand_are_read(void **state)
{
    (void)state;
    const char *path = in_folder("a.h5");
    make_viewed(path);
    hid_t file = edit(path);
    H5Dclose(by_hand(file, (const uint64_t[]){9, 8, 7}, 3));
    H5Gclose(H5Gcreate2(file, "views/no view, by its name", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Fclose(file);
    struct vdt_reader *reader = read_store(path);
    assert_int_equal(vdt_reader_view_count(reader), 1);
    assert_int_equal(view_of(reader, "fold-1").indices[2], 7);
    vdt_reader_free(reader);
    char line[1024] = "";
    struct vdt_check_options options = {.payload = line};
    struct vdt_check_report report = {0};
    digest_of(path, digest_a);
    file = edit(path);
    hid_t set = H5Dopen2(file, "views/fold-1", H5P_DEFAULT);
    set_text(set, "definition", "{broken");
    H5Dclose(set);
    H5Fclose(file);
    assert_int_equal(vdt_check(path, &options, keep_problem, &report, &error), VDT_OK);
    assert_int_equal(report.problems, 1);
    assert_non_null(strstr(line, "/views/fold-1: its definition is not JSON"));
}

/* Flipped bits: the file is refused, or says what it said before. Never a crash. */
static void flipped_bits_change_no_view(void **state)
{
    (void)state;
    enum { VIEWS = 40 };
    const char *path = in_folder("a.h5");
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 0, VDT_CODEC_RAW);
    struct vdt_writer *writer = create_store(path, &spec);
    uint64_t indices[64];
    append_to(writer, "train", &spec, 0, 64);
    commit(writer);
    size_t start = size_of(path), size; /* views lie behind */
    for (uint64_t i = 0; i < 64; i++)
        indices[i] = vdt_mix(i) % 64;
    for (int i = 0; i < VIEWS; i++) {
        char name[16];
        snprintf(name, sizeof name, "view-%d", i);
        put(writer, name, "train", indices, (uint64_t)i + 1);
    }
    finish(writer);
    digest_of(path, digest_a);
    unsigned char *data = read_file(path, &size);
    unsigned refused = 0, named = 0;
    for (uint64_t i = 0; i < 1500; i++) {
        size_t at = start + vdt_mix(i) % (size - start);
        struct vdt_check_options options = {.threads = 1};
        struct vdt_check_report report = {0};
        data[at] ^= (unsigned char)(1u << i % 8);
        write_file(path, data, size);
        data[at] ^= (unsigned char)(1u << i % 8);
        error.message[0] = '\0';
        if (vdt_check(path, &options, NULL, &report, &error) != VDT_OK) {
            refused++;
            named += strstr(error.message, "/views/view-") != NULL;
            assert_non_null(strstr(error.message, path));
        } else if (report.problems == 0 && strcmp(report.digest, digest_a) != 0) {
            fail_msg("nobody saw byte %zu of %zu", at, size);
        }
    }
    assert_true(refused > 100);
    assert_true(named > 20);
    free(data);
}

int main(void)
{
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, clean, close_all)
    const struct CMUnitTest tests[] = {
        STORE_TEST(views_come_back),
        STORE_TEST(other_programs_read_them),
        STORE_TEST(a_view_is_replaced_and_removed),
        STORE_TEST(what_is_not_committed_never_was),
        STORE_TEST(senseless_views_are_refused),
        STORE_TEST(the_writer_says_what_it_holds),
        STORE_TEST(the_digest_knows_views_by_their_samples),
        STORE_TEST(readers_see_views_of_one_moment),
        STORE_TEST(killed_writers_leave_whole_views),
        STORE_TEST(a_removal_marks_its_store),
        STORE_TEST(hostile_views_are_refused),
        STORE_TEST(views_made_by_hand_are_read),
        STORE_TEST(flipped_bits_change_no_view),
    };
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    return cmocka_run_group_tests_name("store/view", tests, make_folder, remove_folder);
}
