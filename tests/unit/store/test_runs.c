/* A store's bytes in pieces: the same as in one. */
#include "stores.h"

#include "store/reader.h"
#include "store/runs.h"

static void bytes_are_those_of_the_files(void **state)
{
    (void)state;
    unsigned char bytes[1000], read[1000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)vdt_mix(i);
    write_file(in_folder("a"), bytes, 1000);
    int fd = open(in_folder("a"), O_RDONLY);
    /* 300 .. 399, nothing, 0 .. 49, 999, nothing, 100 .. 149 */
    const struct vdt_file_run runs[] = {{fd, 300, 100}, {fd, 5, 0},    {fd, 0, 50},
                                        {fd, 999, 1},   {fd, 1000, 0}, {fd, 100, 50}};
    struct vdt_runs *open_runs = NULL;
    assert_int_equal(vdt_runs_open("bytes", runs, 6, &open_runs, &error), VDT_OK);
    assert_int_equal(vdt_runs_size(open_runs), 201);
    unsigned char whole[201];
    memcpy(whole, bytes + 300, 100);
    memcpy(whole + 100, bytes, 50);
    whole[150] = bytes[999];
    memcpy(whole + 151, bytes + 100, 50);
    for (size_t at = 0; at <= 201; at++)
        for (size_t size = 0; size <= 201 - at; size += 7) {
            assert_int_equal(vdt_runs_read(open_runs, read, size, at, &error), VDT_OK);
            assert_memory_equal(read, whole + at, size);
        }
    assert_int_equal(vdt_runs_read(open_runs, read, 1, 201, &error), VDT_ERR_ARGUMENT);
    assert_int_equal(vdt_runs_read(open_runs, read, 202, 0, &error), VDT_ERR_ARGUMENT);
    assert_int_equal(vdt_runs_read(open_runs, read, 0, 201, &error), VDT_OK);
    vdt_runs_free(open_runs);
    close(fd);
}

static void what_is_not_there_is_an_error(void **state)
{
    (void)state;
    unsigned char read[100];
    struct vdt_runs *runs = NULL;
    write_file(in_folder("a"), "0123456789", 10);
    int fd = open(in_folder("a"), O_RDONLY);
    const struct vdt_file_run beyond = {fd, 5, 6}, endless[] = {{fd, 0, INT64_MAX}, {fd, 0, 1}};
    const struct vdt_file_run far = {fd, UINT64_MAX - 3, 10};
    assert_int_equal(vdt_runs_open("bytes", &beyond, 1, &runs, &error), VDT_OK);
    assert_int_equal(vdt_runs_read(runs, read, 6, 0, &error), VDT_ERR_IO);
    assert_non_null(strstr(error.message, "cut short"));
    assert_int_equal(vdt_runs_read(runs, read, 5, 0, &error), VDT_OK);
    vdt_runs_free(runs);
    assert_int_equal(vdt_runs_open("bytes", endless, 2, &runs, &error), VDT_ERR_ARGUMENT);
    assert_int_equal(vdt_runs_open("bytes", &far, 1, &runs, &error), VDT_ERR_ARGUMENT);
    close(fd);
}

/* However the file is cut, the reader says the same, and looks at nothing beside it. */
static void readers_do_not_see_the_cuts(void **state)
{
    (void)state;
    const char *path = in_folder("store.h5");
    struct vdt_store_spec spec = make_spec(VDT_UINT16, 15, VDT_CODEC_LZ4);
    make_store(path, &spec, 30);
    write_file(in_folder("store.h5.journal"), "no journal", 10);
    uint64_t size = size_of(path);
    int fd = open(path, O_RDONLY);
    for (size_t parts = 1; parts <= 40; parts += 13) {
        struct vdt_file_run runs[40];
        uint64_t at = 0;
        for (size_t i = 0; i < parts; i++) {
            uint64_t end = i + 1 == parts ? size : size * (i + 1) / parts - i % 3;
            runs[i] = (struct vdt_file_run){fd, at, end - at};
            at = end;
        }
        struct vdt_reader *reader = NULL;
        if (vdt_reader_open_runs("pieces", runs, parts, &reader, &error) != VDT_OK)
            fail_msg("%s", error.message);
        assert_int_equal(vdt_reader_file_bytes(reader), size);
        for (uint64_t i = 0; i < 30; i++)
            expect_sample(reader, 0, i, &spec, i);
        vdt_reader_free(reader);
    }
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(bytes_are_those_of_the_files, clean),
        cmocka_unit_test_teardown(what_is_not_there_is_an_error, clean),
        cmocka_unit_test_teardown(readers_do_not_see_the_cuts, clean),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
