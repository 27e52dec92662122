#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/error.h"

static void fail_fills_message_and_returns_status(void **state)
{
    (void)state;
    struct vdt_error error = {0};
    assert_int_equal(vdt_fail(&error, VDT_ERR_FORMAT, "%s: band %d", "a.tif", 7), VDT_ERR_FORMAT);
    assert_int_equal(error.status, VDT_ERR_FORMAT);
    assert_string_equal(error.message, "a.tif: band 7");
}

static void fail_takes_no_error(void **state)
{
    (void)state;
    assert_int_equal(vdt_fail(NULL, VDT_ERR_BUSY, "%s", "nobody listens"), VDT_ERR_BUSY);
    assert_int_equal(vdt_fail_memory(NULL, "x"), VDT_ERR_MEMORY);
    errno = ENOENT;
    assert_int_equal(vdt_fail_errno(NULL, "x"), VDT_ERR_NOT_FOUND);
}

static void fail_replaces_an_earlier_message(void **state)
{
    (void)state;
    struct vdt_error error = {0};
    vdt_fail(&error, VDT_ERR_IO, "first, and longer");
    vdt_fail(&error, VDT_ERR_EXISTS, "second");
    assert_int_equal(error.status, VDT_ERR_EXISTS);
    assert_string_equal(error.message, "second");
}

static void message_is_one_line(void **state)
{
    (void)state;
    struct vdt_error error = {0};
    vdt_fail(&error, VDT_ERR_FORMAT, "a\nb\r\nc");
    assert_string_equal(error.message, "a b  c");
}

static void long_message_is_cut(void **state)
{
    (void)state;
    struct vdt_error error = {0};
    char text[3000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    vdt_fail(&error, VDT_ERR_FORMAT, "%s", text);
    assert_int_equal(strlen(error.message), sizeof error.message - 1);
}

static void errno_decides_the_status(void **state)
{
    (void)state;
    static const struct {
        int code;
        vdt_status status;
        const char *message;
    } cases[] = {
        {ENOENT, VDT_ERR_NOT_FOUND, "x: No such file or directory"},
        {EEXIST, VDT_ERR_EXISTS, "x: File exists"},
        {ENOMEM, VDT_ERR_MEMORY, "x: Cannot allocate memory"},
        {ENOSPC, VDT_ERR_FULL, "x: No space left on device"},
        {EACCES, VDT_ERR_IO, "x: Permission denied"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct vdt_error error = {0};
        errno = cases[i].code;
        assert_int_equal(vdt_fail_errno(&error, "x"), cases[i].status);
        assert_int_equal(error.status, cases[i].status);
        assert_string_equal(error.message, cases[i].message);
    }
}

static void every_status_has_its_name(void **state)
{
    (void)state;
    assert_string_equal(vdt_status_name(VDT_OK), "VDT_OK");
    assert_string_equal(vdt_status_name(VDT_END), "VDT_END");
    for (int status = VDT_ERR_FULL; status < 0; status++) {
        const char *name = vdt_status_name((vdt_status)status);
        assert_int_equal(strncmp(name, "VDT_ERR_", 8), 0);
        for (int other = VDT_ERR_FULL; other < status; other++)
            assert_string_not_equal(name, vdt_status_name((vdt_status)other));
    }
    assert_non_null(vdt_status_name((vdt_status)99));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fail_fills_message_and_returns_status),
        cmocka_unit_test(fail_takes_no_error),
        cmocka_unit_test(fail_replaces_an_earlier_message),
        cmocka_unit_test(message_is_one_line),
        cmocka_unit_test(long_message_is_cut),
        cmocka_unit_test(errno_decides_the_status),
        cmocka_unit_test(every_status_has_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
