/* Addresses: whom a token is for, and what may be asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vedatile/catalog.h>

#include "catalog/call.h"
#include "catalog/http.h"
#include "catalog/sidecar.h"

static struct vdt_error error;

static void only_http_addresses_are_asked(void **state)
{
    (void)state;
    static const char *const good[] = {"http://h", "https://h:8443/x", "HTTP://h",
                                       "http://[::1]:80/", "http://127.0.0.1:1/a?b=c"};
    static const char *const bad[] = {"",
                                      "h",
                                      "ftp://h",
                                      "file:///etc/passwd",
                                      "http://",
                                      "http:/h",
                                      "http://u:p@h/",
                                      "http://u@h",
                                      "http://h\r\nX: y",
                                      "http://h /",
                                      "//h",
                                      "https://h:999999/"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(vdt_url_is_http(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (vdt_url_is_http(bad[i]))
            fail_msg("%s", bad[i]);
}

static void tokens_are_for_one_origin(void **state)
{
    (void)state;
    assert_true(vdt_url_same_origin("http://h/a", "http://H:80/b?c"));
    assert_true(vdt_url_same_origin("https://h", "https://h:443"));
    assert_false(vdt_url_same_origin("http://h", "https://h"));
    assert_false(vdt_url_same_origin("http://h:81", "http://h"));
    assert_false(vdt_url_same_origin("http://h", "http://h.evil.example"));
    assert_false(vdt_url_same_origin("http://h", "http://evil.example/h"));
    assert_false(vdt_url_same_origin("http://h", "http://h@evil.example"));
    assert_false(vdt_url_same_origin("http://h", "x"));
    assert_true(vdt_url_is_this_machine("http://127.0.0.1:5"));
    assert_true(vdt_url_is_this_machine("http://127.9.9.9"));
    assert_true(vdt_url_is_this_machine("http://localhost/"));
    assert_true(vdt_url_is_this_machine("http://[::1]/"));
    assert_false(vdt_url_is_this_machine("http://127.evil.example"));
    assert_false(vdt_url_is_this_machine("http://127.0.0.1.evil.example"));
    assert_false(vdt_url_is_this_machine("http://localhost.evil.example"));
    assert_false(vdt_url_is_this_machine("http://10.0.0.1"));
}

static vdt_status open_with(const char *url, const char *token, bool insecure)
{
    struct vdt_catalog *catalog = NULL;
    const struct vdt_catalog_options options = {.insecure = insecure};
    vdt_status status = vdt_catalog_open(url, token, &options, &catalog, &error);
    vdt_catalog_free(catalog);
    return status;
}

static void tokens_do_not_travel_in_the_clear(void **state)
{
    (void)state;
    assert_int_equal(open_with("http://h", NULL, false), VDT_OK);
    assert_int_equal(open_with("http://h", "t", false), VDT_ERR_ARGUMENT);
    assert_int_equal(open_with("http://h", "t", true), VDT_OK);
    assert_int_equal(open_with("https://h", "t", false), VDT_OK);
    assert_int_equal(open_with("http://127.0.0.1", "t", false), VDT_OK);
    assert_int_equal(open_with("https://h", "a\r\nX: y", false), VDT_ERR_ARGUMENT);
    assert_int_equal(open_with("https://h", "", false), VDT_ERR_ARGUMENT);
    assert_int_equal(open_with(NULL, "t", false), VDT_ERR_ARGUMENT);
    assert_int_equal(open_with(NULL, NULL, false), VDT_OK);
}

static void parts_of_paths_stay_parts(void **state)
{
    (void)state;
    struct vdt_call call = {0};
    assert_true(vdt_call_path(&call, "/v1/users/", "a/../b?c=d#e %", "/x", NULL));
    assert_string_equal(call.path, "/v1/users/a%2F..%2Fb%3Fc%3Dd%23e%20%25/x");
    assert_false(vdt_call_path(&call, "/v1/users/", "..", "/x", NULL));
    assert_false(vdt_call_path(&call, "/v1/users/", ".", NULL));
    assert_false(vdt_call_path(&call, "/v1/users/", "", NULL));
    char *long_name = malloc(20000);
    memset(long_name, 'a', 19999);
    long_name[19999] = '\0';
    assert_false(vdt_call_path(&call, "/v1/users/", long_name, NULL));
    free(long_name);
    assert_true(vdt_is_entry_id("abcdefghijklm234"));
    assert_false(vdt_is_entry_id("abcdefghijklm018"));
    assert_false(vdt_is_entry_id("abcdefghijklm23"));
}

/* --- files -------------------------------------------------------------------------------- */

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/vdt-catalog-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static void logins_come_back_newest_first(void **state)
{
    (void)state;
    char path[128];
    struct stat info;
    struct vdt_login login = {0};
    snprintf(path, sizeof path, "%s/a/b/login.json", folder);
    assert_int_equal(vdt_login_read(path, NULL, &login, &error), VDT_ERR_NOT_FOUND);
    for (int i = 0; i < 3; i++) {
        struct vdt_login made = {.url = i == 1 ? "https://two/" : "https://one",
                                 .token = i == 0   ? "old"
                                          : i == 1 ? "other"
                                                   : "new",
                                 .user = "ana",
                                 .insecure = i == 1};
        assert_int_equal(vdt_login_write(path, &made, &error), VDT_OK);
    }
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(vdt_login_read(path, NULL, &login, &error), VDT_OK);
    assert_string_equal(login.url, "https://one");
    assert_string_equal(login.token, "new");
    vdt_login_clear(&login);
    assert_int_equal(vdt_login_read(path, "https://two", &login, &error), VDT_OK);
    assert_string_equal(login.token, "other");
    assert_true(login.insecure);
    vdt_login_clear(&login);
    assert_int_equal(vdt_login_remove(path, "https://one///", &error), VDT_OK);
    assert_int_equal(vdt_login_read(path, "https://one", &login, &error), VDT_ERR_NOT_FOUND);
    assert_int_equal(vdt_login_remove(path, "https://one", &error), VDT_ERR_NOT_FOUND);
    chmod(path, 0640);
    assert_int_equal(vdt_login_read(path, NULL, &login, &error), VDT_ERR_DENIED);
}

static void sidecars_come_back(void **state)
{
    (void)state;
    char path[128], name[160];
    snprintf(path, sizeof path, "%s/a.h5", folder);
    struct vdt_sidecar made = {.url = "https://h", .entry = "abcdefghijklmnop", .name = "x\"y"};
    struct vdt_sidecar read = {0};
    assert_int_equal(vdt_sidecar_read(path, &read, &error), VDT_OK);
    assert_null(read.entry);
    made.version = 7;
    strcpy(made.digest, "d1");
    strcpy(made.pending, "p1");
    assert_int_equal(vdt_sidecar_write(path, &made, &error), VDT_OK);
    assert_int_equal(vdt_sidecar_read(path, &read, &error), VDT_OK);
    assert_string_equal(read.url, made.url);
    assert_string_equal(read.entry, made.entry);
    assert_string_equal(read.name, made.name);
    assert_string_equal(read.digest, "d1");
    assert_string_equal(read.pending, "p1");
    assert_int_equal(read.version, 7);
    assert_null(read.manifest);
    vdt_sidecar_clear(&read);
    snprintf(name, sizeof name, "%s.catalog", path);
    static const char *const wrong[] = {"", "[]", "{}", "{\"entry\": 5, \"version\": 1}",
                                        "{\"entry\": \"x\", \"version\": \"1\"}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(vdt_write_whole(name, wrong[i], 0644, &error), VDT_OK);
        assert_int_equal(vdt_sidecar_read(path, &read, &error), VDT_ERR_FORMAT);
        assert_non_null(strstr(error.message, ".catalog"));
    }
}

int main(void)
{
#define FILES(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_http_addresses_are_asked),
        cmocka_unit_test(tokens_are_for_one_origin),
        cmocka_unit_test(tokens_do_not_travel_in_the_clear),
        cmocka_unit_test(parts_of_paths_stay_parts),
        FILES(logins_come_back_newest_first),
        FILES(sidecars_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
