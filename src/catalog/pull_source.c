/* From an entry's id or name, or an address, to a manifest and its block list. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/path.h"
#include "catalog/pull.h"

enum { MANIFEST_MOST = 8 << 20 };

/* A block list is 1/8192 of its store: this is one of four terabytes. */
static const uint64_t LIST_MOST = UINT64_C(512) << 20;

static void answer_cleanup(struct vdt_http_answer *answer)
{
    vdt_http_answer_clear(answer);
}

void vdt_pull_source_clear(struct vdt_pull_source *source)
{
    free(source->manifest_url);
    free(source->store_url);
    vdt_manifest_clear(&source->manifest);
    vdt_block_list_clear(&source->list);
    *source = (struct vdt_pull_source){0};
}

static bool is_url(const char *text)
{
    return strstr(text, "://") != NULL;
}

/* An address as people have it: of a manifest, of a folder that holds one, or of an entry or a
 * release of a catalog. */
static char *manifest_of(const char *url, uint32_t release)
{
    char suffix[64] = "";
    size_t length = strcspn(url, "?#");
    const char *entry = strstr(url, "/v1/entries/");
    const char *last = url + length;
    while (last > url && last[-1] != '/')
        last--;
    size_t name = (size_t)(url + length - last);
    bool named = (name >= 5 && memcmp(url + length - 5, ".json", 5) == 0) ||
                 (name == 8 && memcmp(last, "manifest", 8) == 0);
    if (!named && entry != NULL && release > 0)
        snprintf(suffix, sizeof suffix, "/releases/%" PRIu32 "/manifest", release);
    else if (!named && entry != NULL)
        snprintf(suffix, sizeof suffix, "/manifest");
    else if (!named && name == 0)
        snprintf(suffix, sizeof suffix, "manifest.json");
    return vdt_path_with(url, suffix);
}

static vdt_status find_manifest(struct vdt_catalog *catalog, const char *what, uint32_t release,
                                struct vdt_pull_source *source, struct vdt_error *error)
{
    char id[17], after[48] = "/manifest";
    const char *base = vdt_http_base(catalog->http);
    if (is_url(what)) {
        if (!vdt_url_is_http(what))
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "%.200s: only http and https addresses are pulled from", what);
        source->manifest_url = manifest_of(what, release);
        source->from_catalog = *base != '\0' && strstr(what, "/v1/entries/") != NULL &&
                               vdt_url_same_origin(base, what);
        return source->manifest_url == NULL ? vdt_fail_memory(error, "pull") : VDT_OK;
    }
    if (*base == '\0')
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "'%.40s': no server is known: 'vedatile login URL' first, or give an "
                        "address",
                        what);
    vdt_status status = vdt_entry_id(catalog, what, id, error);
    if (status != VDT_OK)
        return status;
    struct vdt_call call = {0};
    if (release > 0)
        snprintf(after, sizeof after, "/releases/%" PRIu32 "/manifest", release);
    vdt_call_path(&call, "/v1/entries/", id, after, NULL);
    source->manifest_url = vdt_path_with(base, call.path);
    source->from_catalog = true;
    return source->manifest_url == NULL ? vdt_fail_memory(error, "pull") : VDT_OK;
}

static vdt_status get(struct vdt_catalog *catalog, const char *url, uint64_t most,
                      struct vdt_http_answer *answer, struct vdt_error *error)
{
    struct vdt_http_request request = {.url = url, .body_most = most};
    vdt_status status = vdt_http_do(catalog->http, &request, answer, error);
    if (status == VDT_OK && answer->body.size == 0)
        return vdt_fail(error, VDT_ERR_FORMAT, "%.*s: is empty", vdt_http_shown(url), url);
    return status;
}

static vdt_status read_manifest(struct vdt_catalog *catalog, struct vdt_pull_source *source,
                                struct vdt_error *error)
{
    char shown[512];
    vdt_cleanup(answer_cleanup) struct vdt_http_answer answer = {0};
    vdt_status status = get(catalog, source->manifest_url, MANIFEST_MOST, &answer, error);
    if (status != VDT_OK)
        return status;
    snprintf(shown, sizeof shown, "%.*s", vdt_http_shown(source->manifest_url),
             source->manifest_url);
    if (memchr(answer.body.data, 0, answer.body.size) != NULL)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: not the manifest of a store", shown);
    status = vdt_manifest_parse((const char *)answer.body.data, shown, &source->manifest, error);
    if (status != VDT_OK)
        return status;
    source->store_url = vdt_href_resolve(source->manifest_url, source->manifest.store);
    return source->store_url == NULL ? vdt_fail_memory(error, "pull") : VDT_OK;
}

static vdt_status read_list(struct vdt_catalog *catalog, struct vdt_pull_source *source,
                            struct vdt_error *error)
{
    char shown[512];
    const struct vdt_manifest *manifest = &source->manifest;
    vdt_cleanup(answer_cleanup) struct vdt_http_answer answer = {0};
    vdt_cleanup(vdt_free_pointer) char *url =
        vdt_href_resolve(source->manifest_url, manifest->blocks);
    uint64_t most = vdt_block_count(manifest->size, manifest->block_size) * VDT_BLOCK_DIGEST;
    if (url == NULL)
        return vdt_fail_memory(error, "pull");
    snprintf(shown, sizeof shown, "%.*s", vdt_http_shown(url), url);
    if (most > LIST_MOST)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED, "%s: a list of %" PRIu64 " bytes", shown, most);
    vdt_status status = get(catalog, url, most, &answer, error);
    if (status != VDT_OK)
        return status;
    return vdt_manifest_blocks(manifest, answer.body.data, answer.body.size, shown, &source->list,
                               error);
}

vdt_status vdt_pull_find(struct vdt_catalog *catalog, const char *what, uint32_t release,
                         struct vdt_pull_source *source, struct vdt_error *error)
{
    vdt_http_begin(catalog->http, VDT_STEP_CALL, 0);
    vdt_status status = find_manifest(catalog, what, release, source, error);
    if (status == VDT_OK)
        status = read_manifest(catalog, source, error);
    if (status == VDT_OK)
        status = read_list(catalog, source, error);
    if (status != VDT_OK)
        vdt_pull_source_clear(source);
    return status;
}
