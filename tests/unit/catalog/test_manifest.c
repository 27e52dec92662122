/* Manifests: written, read back, and refused where they lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/json.h"
#include "catalog/manifest.h"

static struct vdt_error error;
static unsigned char digests[64];

/* A manifest of two blocks. */
static struct vdt_manifest sample(void)
{
    struct vdt_manifest made = {.entry = strdup("abcdefghijklmnop"),
                                .name = strdup("Olinda \xc3\xa9"),
                                .version = 3,
                                .release = 2,
                                .size = 200000,
                                .block_size = VDT_BLOCK_SIZE,
                                .created_at = strdup("2026-01-02T03:04:05Z"),
                                .info = json_pack("{s:i}", "samples", 4)};
    unsigned char digest[32];
    struct vdt_block_list list = {0};
    for (int i = 0; i < 64; i++)
        digests[i] = (unsigned char)(i * 7);
    assert_int_equal(
        vdt_block_list_of_bytes(digests, 64, made.size, made.block_size, "x", &list, &error),
        VDT_OK);
    vdt_block_list_digest(&list, made.digest);
    vdt_block_list_clear(&list);
    vdt_sha256(digests, 64, digest);
    vdt_hex(digest, 32, made.blocks_sha256);
    return made;
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    struct vdt_manifest made = sample(), read = {0};
    json_t *json = vdt_manifest_document(&made);
    assert_non_null(json);
    char *text = vdt_json_text(json);
    assert_int_equal(vdt_manifest_parse(text, "m", &read, &error), VDT_OK);
    assert_string_equal(read.entry, made.entry);
    assert_string_equal(read.name, made.name);
    assert_string_equal(read.digest, made.digest);
    assert_string_equal(read.blocks_sha256, made.blocks_sha256);
    assert_string_equal(read.created_at, made.created_at);
    assert_string_equal(read.blocks, "blocks");
    assert_string_equal(read.store, "store.h5");
    assert_true(read.version == 3 && read.release == 2 && read.size == 200000);
    assert_true(json_equal(read.info, made.info));
    struct vdt_block_list list = {0};
    assert_int_equal(vdt_manifest_blocks(&read, digests, 64, "b", &list, &error), VDT_OK);
    assert_int_equal(list.count, 2);
    vdt_block_list_clear(&list);
    free(text);
    json_decref(json);
    vdt_manifest_clear(&made);
    vdt_manifest_clear(&read);
}

static void lists_of_others_are_refused(void **state)
{
    (void)state;
    struct vdt_manifest made = sample();
    struct vdt_block_list list = {0};
    digests[5] ^= 1;
    assert_int_equal(vdt_manifest_blocks(&made, digests, 64, "b", &list, &error), VDT_ERR_FORMAT);
    digests[5] ^= 1;
    assert_int_equal(vdt_manifest_blocks(&made, digests, 63, "b", &list, &error), VDT_ERR_FORMAT);
    made.digest[0] = made.digest[0] == 'a' ? 'b' : 'a';
    assert_int_equal(vdt_manifest_blocks(&made, digests, 64, "b", &list, &error), VDT_ERR_FORMAT);
    assert_non_null(strstr(error.message, "digest"));
    vdt_manifest_clear(&made);
    made = sample();
    made.size = 100000; /* one block */
    assert_int_equal(vdt_manifest_blocks(&made, digests, 64, "b", &list, &error), VDT_ERR_FORMAT);
    assert_null(list.digests);
    vdt_manifest_clear(&made);
}

static void expect_refused(json_t *json, const char *named)
{
    struct vdt_manifest read = {0};
    char *text = vdt_json_text(json);
    vdt_status status = vdt_manifest_parse(text, "http://x/m", &read, &error);
    if (status != VDT_ERR_FORMAT || strstr(error.message, named) == NULL ||
        strncmp(error.message, "http://x/m: ", 12) != 0)
        fail_msg("%s: %d %s", text, status, error.message);
    assert_null(read.entry);
    free(text);
}

static void fields_that_cannot_be_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *path, *value;
    } wrong[] = {{"version", "0"},
                 {"version", "-1"},
                 {"version", "\"1\""},
                 {"release", "0"},
                 {"digest", "\"abc\""},
                 {"digest", "null"},
                 {"size", "0"},
                 {"size", "-5"},
                 {"size", "1e9"},
                 {"size", "9223372036854775807"},
                 {"size", "600000"},
                 {"block_size", "1024"},
                 {"block_size", "1073741824"},
                 {"blocks", "null"},
                 {"blocks", "{\"href\": \"b\", \"size\": 32, \"sha256\": \"\"}"},
                 {"store", "\"store.h5\""},
                 {"store", "{\"href\": \"\"}"},
                 {"store", "{\"href\": \"file:///etc/passwd\"}"},
                 {"store", "{\"href\": \"FILE:/etc/passwd\"}"},
                 {"store", "{\"href\": \"ftp://host/x\"}"},
                 {"store", "{\"href\": \"gopher:x\"}"},
                 {"store", "{\"href\": \"a b\"}"},
                 {"store", "{\"href\": \"a\\r\\nb\"}"}};
    struct vdt_manifest made = sample();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        json_t *json = vdt_manifest_document(&made);
        json_object_set_new(json, wrong[i].path, json_loads(wrong[i].value, JSON_DECODE_ANY, NULL));
        bool digest = strstr(wrong[i].value, "sha256") != NULL;
        bool length = strcmp(wrong[i].value, "600000") == 0;
        expect_refused(json, digest ? "sha256" : length ? "blocks" : wrong[i].path);
        json_decref(json);
    }
    vdt_manifest_clear(&made);
    struct vdt_manifest read = {0};
    assert_int_equal(vdt_manifest_parse("{\"a\": 1}", "m", &read, &error), VDT_ERR_FORMAT);
    assert_int_equal(vdt_manifest_parse("[]", "m", &read, &error), VDT_ERR_FORMAT);
    assert_int_equal(vdt_manifest_parse("<html>", "m", &read, &error), VDT_ERR_FORMAT);
    assert_int_equal(vdt_manifest_parse("{\"vedatile_manifest\": \"2\"}", "m", &read, &error),
                     VDT_ERR_UNSUPPORTED);
}

/* As urllib.parse.urljoin has them. */
static void hrefs_are_resolved(void **state)
{
    (void)state;
    static const struct {
        const char *base, *href, *expected;
    } cases[] = {
        {"http://h/a/m.json", "blocks", "http://h/a/blocks"},
        {"http://h/a/m.json?x=1/2", "blocks", "http://h/a/blocks"},
        {"http://h:81/v1/entries/e/manifest", "versions/3/store.h5",
         "http://h:81/v1/entries/e/versions/3/store.h5"},
        {"http://h/a/b/m", "../c", "http://h/a/c"},
        {"http://h/a/b/m", "./c", "http://h/a/b/c"},
        {"http://h/a/b/m", "../../../c", "http://h/c"},
        {"http://h/a/b/m", "/c/d?e=../f", "http://h/c/d?e=../f"},
        {"http://h/a/b/m", "..", "http://h/a/"},
        {"https://h/a", "//k/b", "https://k/b"},
        {"https://h/a", "http://k/b", "http://k/b"},
        {"http://h/a/b/m", "file:///etc/passwd", "file:///etc/passwd"},
        {"http://h/a/b/m", "./c:d", "http://h/a/b/c:d"},
        {"http://h", "b", "http://h/b"},
        {"http://h/", "b", "http://h/b"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = vdt_href_resolve(cases[i].base, cases[i].href);
        assert_string_equal(text, cases[i].expected);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(lists_of_others_are_refused),
        cmocka_unit_test(fields_that_cannot_be_are_named),
        cmocka_unit_test(hrefs_are_resolved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
