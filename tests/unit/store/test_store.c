#include "stores.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "store/writer.h"

static char digest_a[65], digest_b[65];

/* --- what is written is read ----------------------------------------------------------------- */

static void every_type_codec_and_task_comes_back(void **state)
{
    (void)state;
    const char *path = in_folder("a.h5");
    for (int dtype = VDT_UINT8; dtype <= VDT_FLOAT64; dtype++)
        for (int codec = VDT_CODEC_RAW; codec <= VDT_CODEC_ZSTD; codec++) {
            uint32_t tasks = (uint32_t)(dtype * 5 + codec) % 256;
            struct vdt_store_spec spec =
                make_spec((enum vdt_dtype)dtype, tasks, (enum vdt_codec)codec);
            make_store(path, &spec, 11);
            expect_group(path, "train", &spec, 0, 11);
            digest_of(path, digest_a);
            unlink(path);
        }
}

static void every_set_of_tasks_comes_back(void **state)
{
    (void)state;
    const char *path = in_folder("a.h5");
    for (uint32_t tasks = 0; tasks < 256; tasks++) {
        struct vdt_store_spec spec = make_spec(VDT_UINT8, tasks, VDT_CODEC_LZ4);
        make_store(path, &spec, 6);
        expect_group(path, "train", &spec, 0, 6);
        digest_of(path, digest_a);
        unlink(path);
    }
}

/* A writer takes what it gets; what cannot be is found by the check. */
static void pixels_that_cannot_be_are_found(void **state)
{
    (void)state;
    static struct made m;
    static const char *const texts[] = {"the boundary has a value", "the contact mask has a value",
                                        "a distance is infinite", "a target is infinite"};
    for (int i = 0; i < 4; i++) {
        struct vdt_store_spec spec = make_spec(VDT_UINT8, 16u << i, VDT_CODEC_LZ4);
        struct vdt_writer *writer = create_store(in_folder("a.h5"), &spec);
        make_sample(&m, &spec, 1);
        m.boundary[20] = 2;
        m.contact[20] = 254;
        m.distance[20] = INFINITY;
        m.target[20] = -INFINITY;
        assert_int_equal(vdt_writer_append(writer, "train", &m.sample, &error), VDT_OK);
        finish(writer);
        char first[1024] = "";
        struct vdt_check_options options = {.threads = 1, .payload = first};
        struct vdt_check_report report = {0};
        assert_int_equal(vdt_check(in_folder("a.h5"), &options, keep_problem, &report, &error),
                         VDT_OK);
        assert_int_equal(report.problems, 1);
        assert_non_null(strstr(first, texts[i]));
        unlink(in_folder("a.h5"));
    }
}

static void columns_cross_their_chunks(void **state)
{
    (void)state;
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 15, VDT_CODEC_RAW);
    struct vdt_writer *writer = create_store(in_folder("a.h5"), &spec);
    /* 3000 samples have about 14,700 boxes, 120,000 bytes of metadata and 750 kB of rows. */
    for (uint64_t i = 0; i < 3000; i += 300) {
        append_to(writer, "train", &spec, i, 300);
        if (i % 900 == 0)
            commit(writer);
    }
    finish(writer);
    assert_int_equal(files_in_folder(false), 1);
    struct vdt_reader *reader = read_store(in_folder("a.h5"));
    assert_true(vdt_reader_box_count(reader, 0) > 12000);
    vdt_reader_free(reader);
    expect_group(in_folder("a.h5"), "train", &spec, 0, 3000);
    digest_of(in_folder("a.h5"), digest_a);
}

static void boxes_are_read_by_ranges(void **state)
{
    (void)state;
    struct vdt_store_spec spec = make_spec(VDT_UINT8, VDT_DETECTION, VDT_CODEC_RAW);
    make_store(in_folder("a.h5"), &spec, 40);
    struct vdt_reader *reader = read_store(in_folder("a.h5"));
    uint64_t rows = vdt_reader_box_rows(reader, 0, 3, 30), at = 0;
    int64_t *all = calloc(rows, 8), one[MOST_BOXES];
    assert_int_equal(vdt_reader_boxes(reader, 0, 3, 30, NULL, NULL, all, NULL, &error), VDT_OK);
    for (uint64_t i = 3; i < 33; i++) {
        uint64_t n = vdt_reader_box_rows(reader, 0, i, 1);
        assert_int_equal(vdt_reader_boxes(reader, 0, i, 1, NULL, NULL, one, NULL, &error), VDT_OK);
        assert_memory_equal(one, all + at, n * 8);
        at += n;
    }
    assert_int_equal(at, rows);
    free(all);
    vdt_reader_free(reader);
}

static void the_header_says_what_was_asked(void **state)
{
    (void)state;
    static const char *const bands[] = {"B04", "n\xc3\xadr"};
    struct vdt_store_spec spec = make_spec(VDT_INT16, 9, VDT_CODEC_DEFLATE);
    char digest[33];
    uint32_t index = 9;
    spec.band_names = bands;
    spec.mask_codec = VDT_CODEC_LZ4;
    struct vdt_writer *writer = create_store(in_folder("hill.v2.h5"), &spec);
    for (unsigned i = 0; i < 30; i++) {
        struct vdt_scene_record scene = scene_number(i, digest);
        assert_int_equal(vdt_writer_add_scene(writer, &scene, &index, &error), VDT_OK);
        assert_int_equal(index, i);
        snprintf(digest, sizeof digest, "PROJCRS[%u]", i);
        assert_int_equal(vdt_writer_add_crs(writer, digest, &index, &error), VDT_OK);
        assert_int_equal(index, i + 1);
    }
    assert_int_equal(vdt_writer_add_crs(writer, "", &index, &error), VDT_OK);
    assert_int_equal(index, 31);
    assert_int_equal(vdt_writer_set_feed_config(writer, "[{\"a\":1}]", &error), VDT_OK);
    bool changed = false;
    assert_string_equal(vdt_writer_feed_failures(writer), "[]");
    assert_int_equal(vdt_writer_set_feed_failures(writer, "[2]", &changed, &error), VDT_OK);
    assert_true(changed);
    finish(writer);
    struct vdt_reader *reader = read_store(in_folder("hill.v2.h5"));
    struct vdt_store_spec found = vdt_reader_spec(reader);
    assert_memory_equal(&found.tile, &spec.tile, sizeof spec.tile);
    assert_int_equal(found.tasks, 9);
    assert_int_equal(found.class_count, 4);
    for (int i = 0; i < 4; i++)
        assert_string_equal(found.classes[i], class_names[i]);
    assert_string_equal(found.band_names[1], bands[1]);
    assert_string_equal(found.name, "hill.v2");
    assert_int_equal(found.image_codec, VDT_CODEC_DEFLATE);
    assert_int_equal(found.mask_codec, VDT_CODEC_LZ4);
    assert_string_equal(vdt_reader_format(reader), "1.0");
    assert_string_equal(vdt_reader_feed_config(reader), "[{\"a\":1}]");
    assert_string_equal(vdt_reader_feed_failures(reader), "[2]");
    assert_int_equal(strlen(vdt_reader_uuid(reader)), 36);
    assert_non_null(strstr(vdt_reader_producer(reader), "HDF5 1."));
    assert_int_equal(vdt_reader_scene_count(reader), 30);
    assert_int_equal(vdt_reader_crs_count(reader), 32);
    for (unsigned i = 0; i < 30; i++) {
        struct vdt_scene_record wanted = scene_number(i, digest),
                                scene = vdt_reader_scene(reader, i);
        assert_string_equal(scene.digest, wanted.digest);
        assert_string_equal(scene.uri, wanted.uri);
        assert_string_equal(scene.acquired, wanted.acquired);
        assert_true(scene.size == wanted.size && scene.cols == 512 && scene.rows == 256);
    }
    assert_string_equal(vdt_reader_crs(reader, 30), "PROJCRS[29]");
    assert_int_equal(vdt_reader_group_count(reader), 0);
    vdt_reader_free(reader);
    digest_of(in_folder("hill.v2.h5"), digest_a);
}

static void many_classes_make_two_byte_masks(void **state)
{
    (void)state;
    static char names[3000][40];
    static const char *classes[3000];
    static uint16_t mask[35], back[35];
    struct vdt_store_spec spec = make_spec(VDT_UINT8, VDT_SEGMENTATION, VDT_CODEC_LZ4);
    struct made *m = malloc(sizeof *m);
    for (int i = 0; i < 3000; i++) {
        snprintf(names[i], sizeof names[i], "class number %d \xc3\xa9", i);
        classes[i] = names[i];
    }
    spec.classes = classes;
    spec.class_count = 3000;
    for (int i = 0; i < 35; i++)
        mask[i] = i % 9 ? (uint16_t)(i * 85) : VDT_IGNORE_U16;
    struct vdt_writer *writer = create_store(in_folder("a.h5"), &spec);
    make_sample(m, &spec, 1);
    m->sample.labels.mask = mask;
    assert_int_equal(vdt_writer_append(writer, "train", &m->sample, &error), VDT_OK);
    finish(writer);
    free(m);
    struct vdt_reader *reader = read_store(in_folder("a.h5"));
    assert_int_equal(vdt_reader_mask_size(reader), 2);
    assert_string_equal(vdt_reader_spec(reader).classes[2999], names[2999]);
    assert_int_equal(vdt_reader_mask(reader, 0, 0, back, &error), VDT_OK);
    assert_memory_equal(mask, back, sizeof mask);
    vdt_reader_free(reader);
    digest_of(in_folder("a.h5"), digest_a);
}

static void statistics_are_those_of_the_pixels(void **state)
{
    (void)state;
    struct vdt_store_spec spec = make_spec(VDT_FLOAT64, 0, VDT_CODEC_RAW);
    make_store(in_folder("a.h5"), &spec, 3);
    struct vdt_reader *reader = read_store(in_folder("a.h5"));
    struct vdt_sample sample;
    struct vdt_band_stats stats[2];
    assert_int_equal(vdt_reader_sample(reader, 0, 2, &sample, stats, &error), VDT_OK);
    assert_ptr_equal(sample.stats, stats);
    assert_int_equal(stats[0].count, 35); /* -2, -1, ... 32 */
    assert_true(stats[0].mean == 15 && stats[0].min == -2 && stats[0].max == 32);
    assert_true(fabs(stats[0].m2 - 3570) < 1e-9); /* 2 * (1 + 4 + ... + 17 * 17) */
    assert_true(stats[1].mean == 50 && stats[1].min == 33 && stats[1].max == 67);
    vdt_reader_free(reader);
}

/* --- growing ---------------------------------------------------------------------------------- */

static void a_store_grows_by_reopening(void **state)
{
    (void)state;
    const char *grown = in_folder("grown.h5"), *once = in_folder("once.h5");
    struct vdt_store_spec spec = make_spec(VDT_UINT16, 15, VDT_CODEC_LZ4);
    for (uint64_t i = 0; i < 60; i += 10) {
        struct vdt_writer *writer = i == 0 ? create_store(grown, &spec) : open_store(grown);
        add_place(writer);
        assert_int_equal(vdt_writer_total(writer), 2 * i);
        append_to(writer, "train", &spec, i, 10);
        append_to(writer, "test", &spec, 1000 + i, 10);
        finish(writer);
    }
    expect_group(grown, "train", &spec, 0, 60);
    expect_group(grown, "test", &spec, 1000, 60);
    struct vdt_writer *writer = create_store(once, &spec);
    append_to(writer, "test", &spec, 1000, 60);
    append_to(writer, "train", &spec, 0, 60);
    finish(writer);
    digest_of(grown, digest_a);
    digest_of(once, digest_b);
    assert_string_equal(digest_a, digest_b);
    struct vdt_reader *reader = read_store(grown);
    size_t group;
    assert_int_equal(vdt_reader_group_count(reader), 2);
    assert_string_equal(vdt_reader_group_name(reader, 0), "test");
    assert_int_equal(vdt_reader_scene_count(reader), 1);
    assert_int_equal(vdt_reader_find_group(reader, "trian", &group, &error), VDT_ERR_NOT_FOUND);
    assert_non_null(strstr(error.message, "test, train"));
    vdt_reader_free(reader);
}

static void the_digest_is_of_the_content(void **state)
{
    (void)state;
    const char *a = in_folder("a.h5"), *b = in_folder("b.h5");
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 15, VDT_CODEC_RAW);
    make_store(a, &spec, 20);
    digest_of(a, digest_a);
    spec.image_codec = VDT_CODEC_ZSTD;
    spec.mask_codec = VDT_CODEC_DEFLATE;
    struct vdt_writer *writer = create_store(b, &spec);
    for (uint64_t i = 20; i-- > 0;)
        append_to(writer, "train", &spec, i, 1);
    finish(writer);
    digest_of(b, digest_b);
    assert_string_equal(digest_a, digest_b);
    writer = open_store(b);
    append_to(writer, "train", &spec, 20, 1);
    finish(writer);
    digest_of(b, digest_b);
    assert_string_not_equal(digest_a, digest_b);
    unlink(b);
    writer = create_store(b, &spec);
    append_to(writer, "other", &spec, 0, 20);
    finish(writer);
    digest_of(b, digest_b);
    assert_string_not_equal(digest_a, digest_b);
}

static void a_key_is_there_once(void **state)
{
    (void)state;
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 0, VDT_CODEC_RAW);
    static struct made m;
    struct vdt_writer *writer = create_store(in_folder("a.h5"), &spec);
    make_sample(&m, &spec, 7);
    assert_false(vdt_writer_has(writer, "key-7"));
    append_to(writer, "train", &spec, 7, 1);
    assert_true(vdt_writer_has(writer, "key-7"));
    assert_int_equal(vdt_writer_append(writer, "train", &m.sample, &error), VDT_ERR_EXISTS);
    assert_int_equal(vdt_writer_append(writer, "test", &m.sample, &error), VDT_ERR_EXISTS);
    assert_non_null(strstr(error.message, "key-7"));
    finish(writer);
    writer = open_store(in_folder("a.h5"));
    assert_true(vdt_writer_has(writer, "key-7"));
    assert_int_equal(vdt_writer_append(writer, "test", &m.sample, &error), VDT_ERR_EXISTS);
    append_to(writer, "train", &spec, 8, 1);
    finish(writer);
    struct vdt_reader *reader = read_store(in_folder("a.h5"));
    assert_int_equal(vdt_reader_group_count(reader), 1); /* the refused group was not made */
    vdt_reader_free(reader);
    expect_group(in_folder("a.h5"), "train", &spec, 7, 2);
}

/* --- arguments -------------------------------------------------------------------------------- */

static void expect_spec_refused(struct vdt_store_spec spec, const char *word)
{
    struct vdt_writer *writer = NULL;
    assert_int_equal(vdt_writer_create(in_folder("bad.h5"), &spec, &writer, &error),
                     VDT_ERR_ARGUMENT);
    assert_null(writer);
    assert_non_null(strstr(error.message, word));
    assert_non_null(strstr(error.message, "bad.h5"));
    assert_int_equal(files_in_folder(false), 0);
}

static void senseless_specs_are_refused(void **state)
{
    (void)state;
    static const char *const twice[] = {"a", "b", "a"}, *const empty[] = {""};
    static const char *const broken[] = {"a\xff"}, *const cut[] = {"\xc3"},
                             *const overlong[] = {"\xc0\xaf"};
    struct vdt_store_spec good = make_spec(VDT_UINT8, 15, VDT_CODEC_RAW), spec;
    spec = good, spec.tile.bands = 0;
    expect_spec_refused(spec, "empty");
    spec = good, spec.tile.rows = 1u << 31;
    expect_spec_refused(spec, "too large");
    spec = good, spec.tile.dtype = 0;
    expect_spec_refused(spec, "pixel type");
    spec = good, spec.tasks = 256;
    expect_spec_refused(spec, "task");
    spec = good, spec.class_count = 0;
    expect_spec_refused(spec, "class");
    spec = good, spec.image_codec = VDT_CODEC_AUTO;
    expect_spec_refused(spec, "codec");
    spec = good, spec.classes = twice, spec.class_count = 3;
    expect_spec_refused(spec, "twice");
    spec = good, spec.classes = empty, spec.class_count = 1;
    expect_spec_refused(spec, "255 bytes");
    spec.classes = broken;
    expect_spec_refused(spec, "UTF-8");
    spec.classes = cut;
    expect_spec_refused(spec, "UTF-8");
    spec.classes = overlong;
    expect_spec_refused(spec, "UTF-8");
    spec = good, spec.name = "\x80";
    expect_spec_refused(spec, "UTF-8");
}

static void expect_sample_refused(struct vdt_writer *writer, const struct vdt_sample *sample,
                                  const char *group, const char *word)
{
    error.message[0] = '\0';
    assert_int_equal(vdt_writer_append(writer, group, sample, &error), VDT_ERR_ARGUMENT);
    if (strstr(error.message, word) == NULL)
        fail_msg("\"%s\" is not about \"%s\"", error.message, word);
}

static void senseless_samples_are_refused(void **state)
{
    (void)state;
    static struct made m;
    static const char *const groups[] = {"",    "views", "scenes",   "crs",
                                         "a/b", "a b",   "\xc3\xa9", "."};
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 15, VDT_CODEC_RAW);
    struct vdt_writer *writer = create_store(in_folder("a.h5"), &spec);
    make_sample(&m, &spec, 4);
    struct vdt_sample s = m.sample;
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        expect_sample_refused(writer, &s, groups[i], "group");
    s.scene = 1;
    expect_sample_refused(writer, &s, "train", "scene");
    s = m.sample, s.crs = 1;
    expect_sample_refused(writer, &s, "train", "CRS");
    s = m.sample, s.key[0] = '\0';
    expect_sample_refused(writer, &s, "train", "key");
    s = m.sample, s.key[3] = ' ';
    expect_sample_refused(writer, &s, "train", "key");
    s = m.sample, memset(s.key, 'k', VDT_KEY_SIZE);
    expect_sample_refused(writer, &s, "train", "key");
    s = m.sample, s.image = NULL;
    expect_sample_refused(writer, &s, "train", "image");
    s = m.sample, s.labels.mask = NULL;
    expect_sample_refused(writer, &s, "train", "label");
    s = m.sample, s.labels.box_visible = NULL;
    expect_sample_refused(writer, &s, "train", "boxes");
    s = m.sample, s.metadata = "[1]";
    expect_sample_refused(writer, &s, "train", "metadata");
    s = m.sample, s.metadata = "{\"a\":";
    expect_sample_refused(writer, &s, "train", "metadata");
    s = m.sample, m.box_class[3] = 4;
    expect_sample_refused(writer, &s, "train", "class 4 of 4");
    make_sample(&m, &spec, 4);
    assert_int_equal(vdt_writer_append(writer, "train", &m.sample, &error), VDT_OK);
    char digest[33];
    struct vdt_scene_record scene = scene_number(5, digest);
    uint32_t index = 77;
    scene.digest = "short";
    assert_int_equal(vdt_writer_add_scene(writer, &scene, &index, &error), VDT_ERR_ARGUMENT);
    assert_int_equal(index, 77);
    finish(writer); /* none of this did any harm */
    struct vdt_reader *reader = read_store(in_folder("a.h5"));
    assert_int_equal(vdt_reader_count(reader, 0), 1);
    expect_sample(reader, 0, 0, &spec, 4);
    assert_int_equal(vdt_reader_image(reader, 0, 1, m.image, &error), VDT_ERR_ARGUMENT);
    assert_int_equal(vdt_reader_image(reader, 1, 0, m.image, &error), VDT_ERR_ARGUMENT);
    assert_int_equal(vdt_reader_image(reader, 0, UINT64_MAX, m.image, &error), VDT_ERR_ARGUMENT);
    vdt_reader_free(reader);
}

static void a_finished_writer_does_nothing_more(void **state)
{
    (void)state;
    static struct made m;
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 0, VDT_CODEC_RAW);
    struct vdt_writer *writer = create_store(in_folder("a.h5"), &spec);
    make_sample(&m, &spec, 1);
    assert_int_equal(vdt_writer_finish(writer, &error), VDT_OK);
    assert_int_equal(vdt_writer_finish(writer, &error), VDT_ERR_ARGUMENT);
    assert_int_equal(vdt_writer_append(writer, "train", &m.sample, &error), VDT_ERR_ARGUMENT);
    uint32_t index;
    assert_int_equal(vdt_writer_add_crs(writer, "x", &index, &error), VDT_ERR_ARGUMENT);
    vdt_writer_free(writer);
    vdt_writer_free(NULL);
    vdt_reader_free(NULL);
}

/* --- commits ---------------------------------------------------------------------------------- */

static void nothing_appears_before_the_first_commit(void **state)
{
    (void)state;
    const char *path = in_folder("a.h5");
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 15, VDT_CODEC_RAW);
    struct vdt_writer *writer = create_store(path, &spec);
    append_to(writer, "train", &spec, 0, 300);
    assert_false(exists(path));
    vdt_writer_free(writer);
    assert_int_equal(files_in_folder(false), 0);
    writer = create_store(path, &spec);
    commit(writer);
    assert_true(exists(path));
    assert_false(exists(in_folder("a.h5.part")));
    assert_int_equal(count_in(path, "train"), 0);
    vdt_writer_free(writer);
    assert_int_equal(files_in_folder(false), 1);
    struct vdt_writer *other = NULL;
    assert_int_equal(vdt_writer_create(path, &spec, &other, &error), VDT_ERR_EXISTS);
    assert_null(other);
}

static void freeing_keeps_the_last_commit(void **state)
{
    (void)state;
    const char *path = in_folder("a.h5");
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 15, VDT_CODEC_LZ4);
    make_store(path, &spec, 500);
    digest_of(path, digest_a);
    size_t size = size_of(path);
    for (int round = 0; round < 3; round++) {
        struct vdt_writer *writer = open_store(path);
        append_to(writer, "train", &spec, 500, 2000);
        append_to(writer, "test", &spec, 5000, 20);
        vdt_writer_free(writer);
        assert_int_equal(files_in_folder(false), 1);
        assert_int_equal(size_of(path), size);
        digest_of(path, digest_b);
        assert_string_equal(digest_a, digest_b);
    }
    struct vdt_writer *writer = open_store(path);
    append_to(writer, "train", &spec, 500, 10);
    commit(writer);
    append_to(writer, "train", &spec, 510, 10);
    vdt_writer_free(writer);
    expect_group(path, "train", &spec, 0, 510);
}

static void one_process_writes_at_a_time(void **state)
{
    (void)state;
    const char *path = in_folder("a.h5");
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 0, VDT_CODEC_RAW);
    struct vdt_writer *writer = create_store(path, &spec), *other = NULL;
    assert_int_equal(vdt_writer_create(path, &spec, &other, &error), VDT_ERR_BUSY);
    assert_true(exists(in_folder("a.h5.part")));
    commit(writer);
    assert_int_equal(vdt_writer_open(path, &other, &error), VDT_ERR_BUSY);
    assert_non_null(strstr(error.message, "a.h5"));
    append_to(writer, "train", &spec, 0, 5);
    finish(writer);
    other = open_store(path);
    assert_int_equal(vdt_writer_open(path, &writer, &error), VDT_ERR_BUSY);
    append_to(other, "train", &spec, 5, 5);
    finish(other);
    expect_group(path, "train", &spec, 0, 10);
}

/* A .part that is another name of a store (a crash between link and unlink) is not emptied. */
static void a_left_part_never_costs_a_store(void **state)
{
    (void)state;
    const char *path = in_folder("a.h5"), *moved = in_folder("moved.h5");
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 15, VDT_CODEC_RAW);
    make_store(path, &spec, 5);
    assert_int_equal(link(path, in_folder("a.h5.part")), 0);
    assert_int_equal(rename(path, moved), 0);
    make_store(path, &spec, 7);
    expect_group(moved, "train", &spec, 0, 5);
    expect_group(path, "train", &spec, 0, 7);
    unlink(path);
    write_file(in_folder("a.h5.part"), "left by a crash", 15);
    make_store(path, &spec, 3);
    expect_group(path, "train", &spec, 0, 3);
    assert_int_equal(files_in_folder(false), 2);
}

static void a_reader_keeps_its_snapshot(void **state)
{
    (void)state;
    const char *path = in_folder("a.h5");
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 15, VDT_CODEC_LZ4);
    make_store(path, &spec, 30);
    struct vdt_reader *before = read_store(path);
    struct vdt_writer *writer = open_store(path);
    append_to(writer, "train", &spec, 30, 1000);
    struct vdt_reader *during = read_store(path);
    for (int i = 0; i < 8; i++) {
        commit(writer);
        append_to(writer, "train", &spec, 1030 + 100 * (uint64_t)i, 100);
    }
    struct vdt_reader *after = read_store(path);
    finish(writer);
    assert_int_equal(vdt_reader_count(before, 0), 30);
    assert_int_equal(vdt_reader_count(during, 0), 30);
    assert_int_equal(vdt_reader_count(after, 0), 1730);
    for (uint64_t i = 0; i < 1730; i++) {
        if (i < 30) {
            expect_sample(before, 0, i, &spec, i);
            expect_sample(during, 0, i, &spec, i);
        }
        expect_sample(after, 0, i, &spec, i);
    }
    vdt_reader_free(before);
    vdt_reader_free(during);
    vdt_reader_free(after);
}

/* Each commit adds 10 samples to one group and 5 to another. */
static void *commit_often(void *payload)
{
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 15, VDT_CODEC_LZ4);
    struct vdt_writer *writer = open_store(in_folder("a.h5"));
    for (uint64_t i = 0; i < 25; i++) {
        append_to(writer, "train", &spec, 10 * i, 10);
        append_to(writer, "test", &spec, 100000 + 5 * i, 5);
        commit(writer);
        nanosleep(&(struct timespec){.tv_nsec = 15000000}, NULL);
    }
    finish(writer);
    *(volatile bool *)payload = true;
    return NULL;
}

static void readers_never_see_a_mix(void **state)
{
    (void)state;
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 15, VDT_CODEC_LZ4);
    char path[256];
    strcpy(path, in_folder("a.h5"));
    make_store(path, &spec, 0);
    pid_t child = fork();
    if (child == 0) {
        bool done = false;
        commit_often(&done);
        _exit(done ? 0 : 1);
    }
    uint64_t last = 0;
    int states = 0, result = 0;
    while (waitpid(child, &result, WNOHANG) == 0) {
        struct vdt_reader *reader = NULL;
        vdt_status status = vdt_reader_open(path, &reader, &error);
        if (status == VDT_ERR_BUSY)
            continue;
        if (status != VDT_OK)
            fail_msg("%s", error.message);
        uint64_t train = 0, test = 0;
        for (size_t g = 0; g < vdt_reader_group_count(reader); g++)
            *(strcmp(vdt_reader_group_name(reader, g), "test") == 0 ? &test : &train) =
                vdt_reader_count(reader, g);
        assert_int_equal(train, 2 * test);
        assert_true(train >= last);
        states += train != last;
        last = train;
        if (train > 0)
            expect_sample(reader, 1, train - 1, &spec, train - 1);
        vdt_reader_free(reader);
    }
    assert_int_equal(result, 0);
    assert_true(states > 3);
    expect_group(path, "train", &spec, 0, 250);
}

/* --- crashes ---------------------------------------------------------------------------------- */

/* Samples go in runs of 7, each committed; the child is killed whenever it pleases the clock. */
static void append_until_killed(const char *path, const struct vdt_store_spec *spec, uint64_t total)
{
    struct vdt_writer *writer = exists(path) ? open_store(path) : create_store(path, spec);
    add_place(writer);
    while (vdt_writer_total(writer) < total) {
        uint64_t at = vdt_writer_total(writer), left = total - at;
        append_to(writer, "train", spec, at, left < 7 ? left : 7);
        commit(writer);
    }
    finish(writer);
}

static void killed_writers_lose_no_commit(void **state)
{
    (void)state;
    char path[256];
    struct vdt_store_spec spec = make_spec(VDT_UINT16, 15, VDT_CODEC_LZ4);
    enum { TOTAL = 700 };
    strcpy(path, in_folder("a.h5"));
    make_store(in_folder("once.h5"), &spec, TOTAL);
    digest_of(in_folder("once.h5"), digest_a);
    uint64_t before = 0;
    int kills = 0, result = 1;
    for (uint64_t round = 0; result != 0; round++) {
        pid_t child = fork();
        if (child == 0) {
            append_until_killed(path, &spec, TOTAL);
            _exit(0);
        }
        nanosleep(&(struct timespec){.tv_nsec = (long)(vdt_mix(round) % 40000000)}, NULL);
        if (round < 400)
            kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &result, 0), child);
        kills += result != 0;
        if (exists(path)) {
            uint64_t count = count_in(path, "train");
            assert_true(count >= before && (count % 7 == 0 || count == TOTAL));
            before = count;
            digest_of(path, digest_b); /* whole at every moment */
        }
    }
    assert_true(kills > 2);
    digest_of(path, digest_b);
    assert_string_equal(digest_a, digest_b);
    assert_int_equal(files_in_folder(false), 2);
}

/* --- full disks ------------------------------------------------------------------------------- */

/* Appends until the limit on the size of files stops it, with a commit now and then. */
static void expect_full_disk(struct vdt_writer *writer, const struct vdt_store_spec *spec,
                             uint64_t first, uint64_t commit_every)
{
    static struct made m;
    vdt_status status = VDT_OK;
    for (uint64_t i = first; status == VDT_OK && i < first + 50000; i++) {
        make_sample(&m, spec, i);
        status = vdt_writer_append(writer, "train", &m.sample, &error);
        if (status == VDT_OK && i % commit_every == commit_every - 1)
            status = vdt_writer_commit(writer, &error);
    }
    assert_int_equal(status, VDT_ERR_IO);
    assert_non_null(strstr(error.message, strerror(EFBIG)));
    assert_non_null(strstr(error.message, folder));
    assert_int_equal(vdt_writer_append(writer, "train", &m.sample, &error), VDT_ERR_ARGUMENT);
    assert_int_equal(vdt_writer_commit(writer, &error), VDT_ERR_ARGUMENT);
    vdt_writer_free(writer);
}

static void a_full_disk_keeps_the_last_commit(void **state)
{
    (void)state;
    const char *path = in_folder("a.h5");
    struct vdt_store_spec spec = make_spec(VDT_UINT16, 15, VDT_CODEC_RAW);
    struct rlimit old;
    getrlimit(RLIMIT_FSIZE, &old);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    for (rlim_t limit = 1000; limit < 3000000; limit = limit * 2 + 777) {
        struct rlimit small = {limit, old.rlim_max};
        struct vdt_writer *writer = create_store(path, &spec);
        setrlimit(RLIMIT_FSIZE, &small);
        expect_full_disk(writer, &spec, 0, 1u << 30);
        setrlimit(RLIMIT_FSIZE, &old);
        assert_int_equal(files_in_folder(false), 0);
    }
    make_store(path, &spec, 100);
    for (rlim_t step = 0; step < 12; step++) {
        uint64_t count = count_in(path, "train");
        size_t size = size_of(path);
        struct rlimit small = {size + step * 40000, old.rlim_max};
        struct vdt_writer *writer = open_store(path);
        setrlimit(RLIMIT_FSIZE, &small);
        expect_full_disk(writer, &spec, count, 50);
        setrlimit(RLIMIT_FSIZE, &old);
        assert_int_equal(files_in_folder(false), 1);
        digest_of(path, digest_a);
        assert_true(count_in(path, "train") >= count);
        assert_true(size_of(path) < size + step * 40000 + 4096);
    }
    signal(SIGXFSZ, handler);
    expect_group(path, "train", &spec, 0, count_in(path, "train"));
}

int main(void)
{
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, clean, close_all)
    const struct CMUnitTest tests[] = {
        STORE_TEST(every_type_codec_and_task_comes_back),
        STORE_TEST(every_set_of_tasks_comes_back),
        STORE_TEST(pixels_that_cannot_be_are_found),
        STORE_TEST(columns_cross_their_chunks),
        STORE_TEST(boxes_are_read_by_ranges),
        STORE_TEST(the_header_says_what_was_asked),
        STORE_TEST(many_classes_make_two_byte_masks),
        STORE_TEST(statistics_are_those_of_the_pixels),
        STORE_TEST(a_store_grows_by_reopening),
        STORE_TEST(the_digest_is_of_the_content),
        STORE_TEST(a_key_is_there_once),
        STORE_TEST(senseless_specs_are_refused),
        STORE_TEST(senseless_samples_are_refused),
        STORE_TEST(a_finished_writer_does_nothing_more),
        STORE_TEST(nothing_appears_before_the_first_commit),
        STORE_TEST(freeing_keeps_the_last_commit),
        STORE_TEST(one_process_writes_at_a_time),
        STORE_TEST(a_left_part_never_costs_a_store),
        STORE_TEST(a_reader_keeps_its_snapshot),
        STORE_TEST(readers_never_see_a_mix),
        STORE_TEST(killed_writers_lose_no_commit),
        STORE_TEST(a_full_disk_keeps_the_last_commit),
    };
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    return cmocka_run_group_tests_name("store/store", tests, make_folder, remove_folder);
}
