/* Confined workers: what they read, what they cannot do, and how they end. */
#include "../store/stores.h"

#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "server/draw/inspect.h"
#include "server/draw/jobs.h"
#include "store/reader.h"

static struct vdt_draw *draw;

static int start(void **state)
{
    (void)state;
    const struct vdt_draw_options options = {
        .jobs = 3, .inspect_ms = 60000, .memory_bytes = (uint64_t)256 << 20};
    return make_folder(state) != 0 || vdt_draw_start(&options, &draw, &error) != VDT_OK;
}

static int stop(void **state)
{
    vdt_draw_stop(draw);
    return remove_folder(state);
}

/* A file as `parts` runs of about the same size. */
static vdt_status inspect_parts(const char *path, size_t parts, struct vdt_inspection *inspection)
{
    struct vdt_file_run runs[32];
    uint64_t size = size_of(path), part = size / parts, at = 0;
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    for (size_t i = 0; i < parts; i++, at += part)
        runs[i] = (struct vdt_file_run){fd, at, i + 1 == parts ? size - at : part};
    vdt_status status = vdt_inspect(draw, runs, parts, folder, inspection, &error);
    close(fd);
    return status;
}

static int64_t number(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static void expect_refused(const char *path, const char *part)
{
    struct vdt_inspection inspection = {0};
    vdt_status status = inspect_parts(path, 1, &inspection);
    if (status != VDT_ERR_FORMAT || strstr(error.message, part) == NULL)
        fail_msg("%s: %s", vdt_status_name(status), status == VDT_OK ? "" : error.message);
    assert_null(strchr(error.message, '\n'));
    assert_null(inspection.info);
}

/* --- what is read --------------------------------------------------------------------------- */

static void expect_row(const struct vdt_record_row *row, const struct vdt_reader *reader,
                       size_t group)
{
    struct vdt_sample sample;
    char *text = NULL;
    assert_int_equal(vdt_reader_sample(reader, group, row->position, &sample, NULL, &error),
                     VDT_OK);
    assert_int_equal(vdt_reader_metadata(reader, group, row->position, &text, &error), VDT_OK);
    assert_string_equal(row->group, vdt_reader_group_name(reader, group));
    assert_string_equal(row->sample.key, sample.key);
    assert_string_equal(row->sample.metadata, text);
    assert_memory_equal(&row->sample.window, &sample.window, sizeof sample.window);
    assert_int_equal(row->sample.scene, sample.scene);
    assert_int_equal(row->sample.crs, sample.crs);
    assert_true(row->sample.valid_fraction == sample.valid_fraction);
    assert_int_equal(row->boxes, vdt_reader_box_rows(reader, group, row->position, 1));
    vdt_string_free(text);
}

/* Places lead to the bytes that the reader decodes. */
static void expect_image(const struct vdt_record_row *row, const struct vdt_reader *reader,
                         const char *path, size_t group)
{
    const struct vdt_store_spec spec = vdt_reader_spec(reader);
    unsigned char image[MOST_BYTES], stored[MOST_BYTES];
    assert_int_equal(row->places[0].array, VDT_IMAGES);
    if (spec.image_codec != VDT_CODEC_RAW)
        return;
    assert_int_equal(vdt_reader_image(reader, group, row->position, image, &error), VDT_OK);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, (long)row->places[0].address, SEEK_SET);
    assert_int_equal(fread(stored, 1, row->places[0].size, file), row->places[0].size);
    fclose(file);
    assert_memory_equal(stored, image, vdt_tile_bytes(&spec.tile));
}

static void records_are_the_samples(void **state)
{
    (void)state;
    const char *path = in_folder("all.h5");
    struct vdt_store_spec spec = make_spec(VDT_UINT16, 255, VDT_CODEC_RAW);
    struct vdt_writer *writer = create_store(path, &spec);
    append_to(writer, "train", &spec, 0, 2500);
    append_to(writer, "test", &spec, 2500, 7);
    finish(writer);
    struct vdt_inspection inspection = {0};
    if (inspect_parts(path, 13, &inspection) != VDT_OK)
        fail_msg("%s", error.message);
    assert_int_equal(inspection.samples, 2507);
    struct vdt_reader *reader = read_store(path);
    struct vdt_record_row row;
    uint64_t count = 0;
    for (vdt_status status;
         (status = vdt_records_next(inspection.records, &row, &error)) != VDT_END; count++) {
        assert_int_equal(status, VDT_OK);
        size_t group = strcmp(row.group, "train") == 0;
        assert_int_equal(row.position, count < 7 ? count : count - 7);
        expect_row(&row, reader, group);
        expect_image(&row, reader, path, group);
    }
    assert_int_equal(count, 2507);
    const json_t *groups = json_object_get(inspection.info, "groups");
    assert_int_equal(number(json_object_get(groups, "train"), "count"), 2500);
    assert_int_equal(number(json_object_get(inspection.info, "stats"), "samples"), 2507);
    vdt_reader_free(reader);
    vdt_inspection_clear(&inspection);
}

/* The same digests for samples that a later version has at the same place, others for others. */
static void digests_tell_what_changed(void **state)
{
    (void)state;
    const char *path = in_folder("grown.h5");
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 15, VDT_CODEC_LZ4);
    struct vdt_inspection before = {0}, after = {0};
    struct vdt_record_row old, new;
    make_store(path, &spec, 300);
    assert_int_equal(inspect_parts(path, 1, &before), VDT_OK);
    struct vdt_writer *writer = open_store(path);
    append_to(writer, "train", &spec, 300, 50);
    finish(writer);
    assert_int_equal(inspect_parts(path, 2, &after), VDT_OK);
    for (uint64_t i = 0; i < 300; i++) {
        assert_int_equal(vdt_records_next(before.records, &old, &error), VDT_OK);
        uint64_t digest = old.digest;
        assert_int_equal(vdt_records_next(after.records, &new, &error), VDT_OK);
        assert_true(new.digest == digest);
    }
    assert_int_equal(vdt_records_next(before.records, &old, &error), VDT_END);
    assert_int_equal(vdt_records_next(after.records, &new, &error), VDT_OK);
    vdt_inspection_clear(&before);
    vdt_inspection_clear(&after);
}

/* --- what is refused ------------------------------------------------------------------------ */

static void bad_files_are_refused(void **state)
{
    (void)state;
    const char *path = in_folder("bad.h5"), *cut = in_folder("cut.h5");
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 15, VDT_CODEC_ZSTD);
    make_store(path, &spec, 60);
    size_t size;
    unsigned char *data = read_file(path, &size);
    write_file(cut, "", 0);
    expect_refused(cut, "not a store");
    write_file(cut, "hello", 5);
    expect_refused(cut, "not a store");
    for (size_t i = 1; i < 16; i++) {
        struct vdt_inspection inspection = {0};
        write_file(cut, data, size * i / 16);
        if (inspect_parts(cut, 1, &inspection) == VDT_OK) /* only what no table is in is missing */
            vdt_inspection_clear(&inspection);
        else
            assert_int_equal(error.status, VDT_ERR_FORMAT);
    }
    free(data);
}

/* Bits of everything but pixels: refused, or so that everything read is as it should be. */
static void flipped_bits_end_no_server(void **state)
{
    (void)state;
    const char *path = in_folder("bits.h5"), *bad = in_folder("flip.h5");
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 15, VDT_CODEC_DEFLATE);
    make_store(path, &spec, 20);
    size_t size, refused = 0;
    unsigned char *data = read_file(path, &size);
    for (uint64_t i = 0; i < 150; i++) {
        struct vdt_inspection inspection = {0};
        size_t at = vdt_mix(i) % size;
        data[at] ^= (unsigned char)(1u << vdt_mix(i + 1000) % 8);
        write_file(bad, data, size);
        data[at] = (unsigned char)(data[at] ^ (1u << vdt_mix(i + 1000) % 8));
        if (inspect_parts(bad, 1 + i % 3, &inspection) == VDT_OK) {
            assert_int_equal(inspection.samples, 20);
            vdt_inspection_clear(&inspection);
        } else {
            assert_int_equal(error.status, VDT_ERR_FORMAT);
            refused++;
        }
    }
    assert_true(refused > 0);
    assert_true(vdt_draw_alive(draw));
    free(data);
}

/* --- confinement ---------------------------------------------------------------------------- */

static vdt_status nothing(void *payload, enum vdt_frame_kind kind, const void *data, size_t size,
                          struct vdt_error *reason)
{
    (void)payload, (void)kind, (void)data, (void)size, (void)reason;
    return VDT_OK;
}

static vdt_status attempt(const char *what, unsigned wall_ms)
{
    const char *path = in_folder("writable");
    write_file(path, "content", 7);
    int fd = open(path, O_RDWR);
    const struct vdt_file_run run = {fd, 0, 7};
    const struct vdt_draw_job job = {.kind = VDT_JOB_TRY,
                                     .runs = &run,
                                     .run_count = 1,
                                     .request = what,
                                     .request_size = strlen(what),
                                     .wall_ms = wall_ms};
    error = (struct vdt_error){0};
    vdt_status status = vdt_draw_run(draw, &job, nothing, NULL, &error);
    close(fd);
    return status;
}

static void workers_can_do_nothing_else(void **state)
{
    (void)state;
    static const struct {
        const char *what, *message;
    } cases[] = {{"open", "refused"},
                 {"create", "refused"},
                 {"write", "refused"},
                 {"place", "does not need"},
                 {"socket", "does not need"},
                 {"fork", "does not need"},
                 {"exec", "does not need"},
                 {"kill", "does not need"},
                 {"trace", "does not need"},
                 {"code", "does not need"},
                 {"thread", "does not need"},
                 {"threads open", "refused"},
                 /* One that may begin threads may do nothing else, either. */
                 {"threads write", "refused"},
                 {"threads socket", "does not need"},
                 {"threads fork", "does not need"},
                 {"threads exec", "does not need"},
                 {"threads kill", "does not need"},
                 {"threads trace", "does not need"},
                 {"threads create", "refused"},
                 {"threads code", "does not need"}};
    assert_int_equal(attempt("nothing", 5000), VDT_OK);
    if (attempt("threads thread", 5000) != VDT_OK)
        fail_msg("%s", error.message);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (attempt(cases[i].what, 5000) != VDT_ERR_FORMAT ||
            strstr(error.message, cases[i].message) == NULL)
            fail_msg("%s: %s", cases[i].what, error.message);
    assert_false(exists("/tmp/vedatile-worker-was-here"));
    size_t size;
    unsigned char *content = read_file(in_folder("writable"), &size);
    assert_int_equal(size, 7);
    assert_memory_equal(content, "content", 7);
    free(content);
#if !defined(__SANITIZE_ADDRESS__)
    assert_int_equal(attempt("memory", 20000), VDT_ERR_FORMAT);
    assert_non_null(strstr(error.message, "refused"));
#endif
}

static void late_workers_are_ended(void **state)
{
    (void)state;
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    assert_int_equal(attempt("spin", 300), VDT_ERR_FORMAT);
    clock_gettime(CLOCK_MONOTONIC, &end);
    assert_non_null(strstr(error.message, "took longer than"));
    assert_true(end.tv_sec - begin.tv_sec < 20);
    assert_int_equal(attempt("nothing", 5000), VDT_OK);
}

/* --- many, and ends ------------------------------------------------------------------------- */

static void *inspect_often(void *path)
{
    intptr_t failures = 0;
    for (int i = 0; i < 6; i++) {
        struct vdt_error reason;
        struct vdt_inspection inspection = {0};
        int fd = open(path, O_RDONLY);
        const struct vdt_file_run run = {fd, 0, size_of(path)};
        if (vdt_inspect(draw, &run, 1, folder, &inspection, &reason) != VDT_OK ||
            inspection.samples != 40)
            failures++;
        vdt_inspection_clear(&inspection);
        close(fd);
    }
    return (void *)failures;
}

static void jobs_run_side_by_side(void **state)
{
    (void)state;
    char path[512];
    pthread_t threads[8];
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 15, VDT_CODEC_LZ4);
    snprintf(path, sizeof path, "%s", in_folder("many.h5"));
    make_store(path, &spec, 40);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, inspect_often, path), 0);
    for (size_t i = 0; i < 8; i++) {
        void *failures;
        pthread_join(threads[i], &failures);
        assert_null(failures);
    }
}

/* The zygote is a child of the supervisor, which is ours. */
static pid_t find_child(pid_t parent)
{
    char path[64];
    int child = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)parent, (int)parent);
    FILE *file = fopen(path, "r");
    if (file != NULL) {
        if (fscanf(file, "%d", &child) != 1)
            child = 0;
        fclose(file);
    }
    return child;
}

static void a_dead_zygote_is_replaced(void **state)
{
    (void)state;
    pid_t supervisor = find_child(getpid()), zygote = supervisor > 0 ? find_child(supervisor) : 0;
    if (zygote == 0)
        skip(); /* a kernel that does not say whose child is whose */
    assert_int_equal(kill(zygote, SIGKILL), 0);
    assert_int_equal(attempt("nothing", 10000), VDT_OK);
    assert_true(vdt_draw_alive(draw));
}

static void *spin(void *payload)
{
    (void)payload;
    struct vdt_error reason;
    const struct vdt_draw_job job = {
        .kind = VDT_JOB_TRY, .request = "spin", .request_size = 4, .wall_ms = 60000};
    return (void *)(intptr_t)vdt_draw_run(draw, &job, nothing, NULL, &reason);
}

/* A server that stops waits for nobody's store. */
static void the_end_is_now(void **state)
{
    (void)state;
    struct vdt_draw *usual = draw;
    pthread_t thread;
    void *result;
    const struct timespec moment = {.tv_nsec = 200000000};
    assert_int_equal(vdt_draw_start(NULL, &draw, &error), VDT_OK);
    assert_int_equal(pthread_create(&thread, NULL, spin, NULL), 0);
    nanosleep(&moment, NULL);
    vdt_draw_end(draw);
    pthread_join(thread, &result);
    assert_int_equal((intptr_t)result, VDT_ERR_BUSY);
    assert_int_equal(attempt("nothing", 5000), VDT_ERR_BUSY);
    vdt_draw_stop(draw);
    draw = usual;
}

/* Last: it leaves no workers behind. Jobs end with the zygote, and none is taken any more. */
static void without_processes_there_is_an_answer(void **state)
{
    (void)state;
    pthread_t thread;
    void *result;
    const struct timespec moment = {.tv_nsec = 1000000};
    pid_t supervisor = find_child(getpid()), zygote = supervisor > 0 ? find_child(supervisor) : 0;
    if (zygote == 0)
        skip();
    assert_int_equal(pthread_create(&thread, NULL, spin, NULL), 0);
    while (find_child(zygote) == 0)
        nanosleep(&moment, NULL);
    assert_int_equal(kill(supervisor, SIGKILL), 0);
    assert_int_equal(kill(zygote, SIGKILL), 0);
    pthread_join(thread, &result);
    assert_int_equal((intptr_t)result, VDT_ERR_BUSY);
    while (vdt_draw_alive(draw))
        nanosleep(&moment, NULL);
    assert_int_equal(attempt("nothing", 5000), VDT_ERR_BUSY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(records_are_the_samples, clean),
        cmocka_unit_test_teardown(digests_tell_what_changed, clean),
        cmocka_unit_test_teardown(bad_files_are_refused, clean),
        cmocka_unit_test_teardown(flipped_bits_end_no_server, clean),
        cmocka_unit_test_teardown(workers_can_do_nothing_else, clean),
        cmocka_unit_test_teardown(late_workers_are_ended, clean),
        cmocka_unit_test_teardown(jobs_run_side_by_side, clean),
        cmocka_unit_test_teardown(a_dead_zygote_is_replaced, clean),
        cmocka_unit_test_teardown(the_end_is_now, clean),
        cmocka_unit_test_teardown(without_processes_there_is_an_answer, clean),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
