/* Manifests, read with distrust and written. */
#include "catalog/manifest.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"

/* A store of a million gigabytes is a lie. */
static const uint64_t LARGEST_STORE = UINT64_C(1) << 50;

static bool is_digest(const char *text)
{
    size_t length = text == NULL ? 0 : strlen(text);
    return length == VDT_DIGEST_TEXT - 1 && strspn(text, "0123456789abcdef") == length;
}

/* "http:" and "https:" are the only schemes; control bytes and blanks are in no address. */
static bool is_href(const char *text)
{
    if (text == NULL || *text == '\0' || strlen(text) > 4096)
        return false;
    for (const char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f)
            return false;
    size_t scheme = strcspn(text, ":/?#");
    return text[scheme] != ':' || strncasecmp(text, "http://", 7) == 0 ||
           strncasecmp(text, "https://", 8) == 0;
}

/* --- reading ------------------------------------------------------------------------------ */

struct reading {
    const char *what;
    struct vdt_error *error;
    vdt_status status;
};

static bool wrong(struct reading *reading, const char *field, const char *should)
{
    if (reading->status == VDT_OK)
        reading->status = vdt_fail(reading->error, VDT_ERR_FORMAT, "%s: \"%s\" is not %s",
                                   reading->what, field, should);
    return false;
}

static uint64_t read_number(struct reading *reading, const json_t *object, const char *field,
                            uint64_t least, uint64_t most)
{
    const json_t *value = json_object_get(object, field);
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < 0 || (uint64_t)number < least ||
        (uint64_t)number > most)
        wrong(reading, field, "a number that can be");
    return (uint64_t)number;
}

static void read_digest(struct reading *reading, const json_t *object, const char *field,
                        char digest[VDT_DIGEST_TEXT])
{
    const char *text = json_string_value(json_object_get(object, field));
    if (is_digest(text))
        memcpy(digest, text, VDT_DIGEST_TEXT);
    else
        wrong(reading, field, "a SHA-256 in hex");
}

static char *read_text(struct reading *reading, const json_t *object, const char *field)
{
    const char *text = json_string_value(json_object_get(object, field));
    char *copy = vdt_copy_string(text == NULL ? "" : text);
    if (copy == NULL)
        reading->status = vdt_fail_memory(reading->error, reading->what);
    return copy;
}

static char *read_href(struct reading *reading, const json_t *object, const char *field)
{
    char *href = read_text(reading, json_object_get(object, field), "href");
    if (href != NULL && !is_href(href))
        wrong(reading, field, "an object with a usable \"href\"");
    return href;
}

static void read_fields(struct reading *reading, const json_t *json, struct vdt_manifest *made)
{
    made->entry = read_text(reading, json, "entry");
    made->name = read_text(reading, json, "name");
    made->created_at = read_text(reading, json, "created_at");
    made->version = (uint32_t)read_number(reading, json, "version", 1, UINT32_MAX);
    if (json_object_get(json, "release") != NULL && !json_is_null(json_object_get(json, "release")))
        made->release = (uint32_t)read_number(reading, json, "release", 1, UINT32_MAX);
    read_digest(reading, json, "digest", made->digest);
    made->size = read_number(reading, json, "size", 1, LARGEST_STORE);
    made->block_size =
        (uint32_t)read_number(reading, json, "block_size", VDT_BLOCK_SIZE_MIN, VDT_BLOCK_SIZE_MAX);
    made->blocks = read_href(reading, json, "blocks");
    made->store = read_href(reading, json, "store");
    const json_t *blocks = json_object_get(json, "blocks");
    read_digest(reading, blocks, "sha256", made->blocks_sha256);
    uint64_t list = read_number(reading, blocks, "size", VDT_BLOCK_DIGEST, LARGEST_STORE);
    if (reading->status == VDT_OK &&
        list != vdt_block_count(made->size, made->block_size) * VDT_BLOCK_DIGEST)
        wrong(reading, "blocks", "as long as the store's size asks for");
    if (json_is_object(json_object_get(json, "info")))
        made->info = json_deep_copy(json_object_get(json, "info"));
}

vdt_status vdt_manifest_parse(const char *text, const char *what, struct vdt_manifest *manifest,
                              struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *json = NULL;
    struct reading reading = {.what = what, .error = error, .status = VDT_OK};
    struct vdt_manifest made = {0};
    vdt_status status = vdt_json_parse(text, what, &json, error);
    if (status != VDT_OK)
        return status;
    const char *format = json_string_value(json_object_get(json, "vedatile_manifest"));
    if (format == NULL)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: not the manifest of a store", what);
    if (strcmp(format, "1") != 0)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "%s: a manifest of format %.20s: this program reads format 1", what,
                        format);
    read_fields(&reading, json, &made);
    if (reading.status == VDT_OK)
        *manifest = made;
    else
        vdt_manifest_clear(&made);
    return reading.status;
}

vdt_status vdt_manifest_blocks(const struct vdt_manifest *manifest, const void *bytes, size_t size,
                               const char *what, struct vdt_block_list *list,
                               struct vdt_error *error)
{
    unsigned char digest[VDT_BLOCK_DIGEST];
    char hex[VDT_DIGEST_TEXT];
    struct vdt_block_list made = {0};
    vdt_sha256(bytes, size, digest);
    vdt_hex(digest, sizeof digest, hex);
    if (strcmp(hex, manifest->blocks_sha256) != 0)
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "%s: the block list is not the one of the manifest: try again", what);
    vdt_status status = vdt_block_list_of_bytes(bytes, size, manifest->size, manifest->block_size,
                                                what, &made, error);
    if (status != VDT_OK)
        return status;
    vdt_block_list_digest(&made, hex);
    if (strcmp(hex, manifest->digest) != 0) {
        vdt_block_list_clear(&made);
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "%s: the manifest's digest is not that of its blocks", what);
    }
    *list = made;
    return VDT_OK;
}

void vdt_manifest_clear(struct vdt_manifest *manifest)
{
    free(manifest->entry);
    free(manifest->name);
    free(manifest->blocks);
    free(manifest->store);
    free(manifest->created_at);
    json_decref(manifest->info);
    *manifest = (struct vdt_manifest){0};
}

/* --- writing ------------------------------------------------------------------------------ */

static json_t *href_object(const char *href, uint64_t size)
{
    return json_pack("{s:s, s:I}", "href", href, "size", (json_int_t)size);
}

json_t *vdt_manifest_document(const struct vdt_manifest *manifest)
{
    uint64_t list = vdt_block_count(manifest->size, manifest->block_size) * VDT_BLOCK_DIGEST;
    json_t *blocks = href_object(manifest->blocks == NULL ? "blocks" : manifest->blocks, list);
    json_t *store =
        href_object(manifest->store == NULL ? "store.h5" : manifest->store, manifest->size);
    json_object_set_new(blocks, "sha256", json_string(manifest->blocks_sha256));
    json_t *json = json_pack("{s:s, s:s*, s:s*, s:I, s:s, s:I, s:I, s:o, s:o, s:s*, s:O*}",
                             "vedatile_manifest", "1", "entry", manifest->entry, "name",
                             manifest->name, "version", (json_int_t)manifest->version, "digest",
                             manifest->digest, "size", (json_int_t)manifest->size, "block_size",
                             (json_int_t)manifest->block_size, "blocks", blocks, "store", store,
                             "created_at", manifest->created_at, "info", manifest->info);
    if (json != NULL && manifest->release > 0)
        json_object_set_new(json, "release", json_integer(manifest->release));
    return json;
}

/* --- hrefs -------------------------------------------------------------------------------- */

static char *joined(const char *left, size_t length, const char *right)
{
    size_t size = length + strlen(right) + 1;
    char *text = vdt_allocate(size, 1);
    if (text != NULL) {
        memcpy(text, left, length);
        memcpy(text + length, right, size - length);
    }
    return text;
}

/* "a/./b" and "a/../b" of a path that begins with '/', in place. */
static void remove_dots(char *path)
{
    char *to = path, *end = path + strcspn(path, "?#");
    const char *from = path;
    while (from < end) {
        size_t part = 1 + strcspn(from + 1, "/?#");
        bool last = from + part >= end;
        bool one = part == 2 && from[1] == '.', two = part == 3 && from[1] == '.' && from[2] == '.';
        if (two)
            while (to > path && *--to != '/') {
            }
        if (!one && !two) {
            memmove(to, from, part);
            to += part;
        } else if (last)
            *to++ = '/';
        from += part;
    }
    memmove(to, end, strlen(end) + 1);
}

char *vdt_href_resolve(const char *base, const char *href)
{
    size_t name = strcspn(href, ":/?#");
    if (href[name] == ':' && name > 0) /* whole, of whatever scheme */
        return vdt_copy_string(href);
    const char *mark = strstr(base, "://");
    size_t scheme = mark == NULL ? 0 : (size_t)(mark - base);
    size_t host = mark == NULL ? 0 : scheme + 3 + strcspn(mark + 3, "/?#");
    char *text;
    if (href[0] == '/' && href[1] == '/')
        return joined(base, scheme + 1, href);
    if (href[0] == '/')
        text = joined(base, host, href);
    else {
        size_t path = host + strcspn(base + host, "?#"), folder = path;
        while (folder > host && base[folder - 1] != '/')
            folder--;
        if (folder == host) { /* "http://host" has an empty path */
            vdt_cleanup(vdt_free_pointer) char *root = joined(base, host, "/");
            text = root == NULL ? NULL : joined(root, host + 1, href);
        } else
            text = joined(base, folder, href);
    }
    if (text != NULL && text[host] == '/')
        remove_dots(text + host);
    return text;
}
