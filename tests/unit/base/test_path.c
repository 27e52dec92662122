#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"

/* A fresh folder that is the working folder of the test:
 *   a/x.tif   a/deep/y.tif   b/   top.tif   link -> a */
static char root[] = "/tmp/vedatile-path-XXXXXX";

static void make_file(const char *path)
{
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static int enter_folder(void **state)
{
    (void)state;
    if (mkdtemp(root) == NULL || chdir(root) != 0 || mkdir("a", 0700) != 0 ||
        mkdir("a/deep", 0700) != 0 || mkdir("b", 0700) != 0 || symlink("a", "link") != 0)
        return -1;
    make_file("a/x.tif");
    make_file("a/deep/y.tif");
    make_file("top.tif");
    return 0;
}

static int leave_folder(void **state)
{
    (void)state;
    static const char *const files[] = {"a/x.tif", "a/deep/y.tif", "top.tif", "link", "data"};
    static const char *const folders[] = {"a/deep", "a", "b"};
    for (size_t i = 0; i < 5; i++)
        unlink(files[i]);
    for (size_t i = 0; i < 3; i++)
        rmdir(folders[i]);
    return chdir("/") != 0 || rmdir(root) != 0;
}

static void check_owned(char *text, const char *expected)
{
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
}

static void suffix_is_added(void **state)
{
    (void)state;
    check_owned(vdt_path_with("a/store.h5", ".journal"), "a/store.h5.journal");
    check_owned(vdt_path_with("", ""), "");
}

static void stem_has_no_folder_and_no_extension(void **state)
{
    (void)state;
    check_owned(vdt_path_stem("store.h5"), "store");
    check_owned(vdt_path_stem("a/b.c/store.h5"), "store");
    check_owned(vdt_path_stem("/x/store.tar.gz"), "store.tar");
    check_owned(vdt_path_stem("a.b/store"), "store");
    check_owned(vdt_path_stem("store"), "store");
}

static void relative_path_leads_from_the_folder_of_the_file(void **state)
{
    (void)state;
    check_owned(vdt_path_relative("a/x.tif", "a/store.h5"), "x.tif");
    check_owned(vdt_path_relative("a/x.tif", "store.h5"), "a/x.tif");
    check_owned(vdt_path_relative("a/x.tif", "b/store.h5"), "../a/x.tif");
    check_owned(vdt_path_relative("top.tif", "a/deep/store.h5"), "../../top.tif");
    check_owned(vdt_path_relative("a/deep/y.tif", "a/store.h5"), "deep/y.tif");
    check_owned(vdt_path_relative("./a/../a/x.tif", "./b/store.h5"), "../a/x.tif");
}

static void absolute_and_relative_names_mix(void **state)
{
    (void)state;
    char scene[64];
    char store[64];
    snprintf(scene, sizeof scene, "%s/a/x.tif", root);
    snprintf(store, sizeof store, "%s/b/store.h5", root);
    check_owned(vdt_path_relative(scene, "b/store.h5"), "../a/x.tif");
    check_owned(vdt_path_relative("a/x.tif", store), "../a/x.tif");
    check_owned(vdt_path_relative(scene, store), "../a/x.tif");
}

static void link_to_a_folder_is_followed(void **state)
{
    (void)state;
    check_owned(vdt_path_relative("a/x.tif", "link/store.h5"), "x.tif");
}

static void names_that_are_no_files_are_copied(void **state)
{
    (void)state;
    static const char *const names[] = {"https://example.org/a/x.tif", "/vsicurl/https://e.org/x",
                                        "/vsizip/a.zip/x.tif", "NETCDF:\"a.nc\":band"};
    for (size_t i = 0; i < 4; i++)
        check_owned(vdt_path_relative(names[i], "a/store.h5"), names[i]);
}

static void folder_is_synced(void **state)
{
    (void)state;
    struct vdt_error error = {0};
    assert_int_equal(vdt_sync_folder("a/store.h5", &error), VDT_OK);
    assert_int_equal(vdt_sync_folder("store.h5", &error), VDT_OK);
    assert_int_equal(vdt_sync_folder("nosuch/store.h5", &error), VDT_ERR_NOT_FOUND);
    assert_non_null(strstr(error.message, "nosuch"));
}

static int open_data(int flags)
{
    int fd = open("data", flags, 0600);
    assert_true(fd >= 0);
    return fd;
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    const uint64_t far = (uint64_t)5 << 30;
    int fd = open_data(O_CREAT | O_TRUNC | O_RDWR);
    char text[16] = "";
    assert_int_equal(vdt_write_at(fd, "hello", 5, 3, "data", NULL), VDT_OK);
    assert_int_equal(vdt_write_at(fd, "world", 5, far, "data", NULL), VDT_OK);
    assert_int_equal(vdt_write_at(fd, "", 0, 1, "data", NULL), VDT_OK);
    assert_int_equal(vdt_read_at(fd, text, 5, 3, "data", NULL), VDT_OK);
    assert_string_equal(text, "hello");
    assert_int_equal(vdt_read_at(fd, text, 5, far, "data", NULL), VDT_OK);
    assert_string_equal(text, "world");
    close(fd);
}

static void reading_past_the_end_names_the_file(void **state)
{
    (void)state;
    struct vdt_error error = {0};
    int fd = open_data(O_CREAT | O_TRUNC | O_RDWR);
    char text[16];
    assert_int_equal(vdt_write_at(fd, "hello", 5, 0, "data", NULL), VDT_OK);
    assert_int_equal(vdt_read_at(fd, text, 6, 0, "some.h5", &error), VDT_ERR_FORMAT);
    assert_non_null(strstr(error.message, "some.h5"));
    assert_non_null(strstr(error.message, "ends at"));
    assert_int_equal(vdt_read_at(fd, text, 1, 100, "some.h5", NULL), VDT_ERR_FORMAT);
    assert_int_equal(vdt_read_at(fd, text, 0, 100, "some.h5", NULL), VDT_OK);
    close(fd);
}

static void refusals_of_the_system_are_reported(void **state)
{
    (void)state;
    struct vdt_error error = {0};
    int fd = open_data(O_CREAT | O_RDONLY);
    assert_int_equal(vdt_write_at(fd, "x", 1, 0, "some.h5", &error), VDT_ERR_IO);
    assert_non_null(strstr(error.message, "some.h5"));
    close(fd);
    char text[1];
    assert_int_equal(vdt_read_at(-1, text, 1, 0, "some.h5", &error), VDT_ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suffix_is_added),
        cmocka_unit_test(stem_has_no_folder_and_no_extension),
        cmocka_unit_test(relative_path_leads_from_the_folder_of_the_file),
        cmocka_unit_test(absolute_and_relative_names_mix),
        cmocka_unit_test(link_to_a_folder_is_followed),
        cmocka_unit_test(names_that_are_no_files_are_copied),
        cmocka_unit_test(folder_is_synced),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(reading_past_the_end_names_the_file),
        cmocka_unit_test(refusals_of_the_system_are_reported),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
