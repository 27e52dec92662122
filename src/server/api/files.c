/* Versions as bytes: manifests, block lists and stores, of the head, of releases and of versions.
 *
 * Who may write to an entry, or has it shared, sees all versions that are kept. Everybody else sees
 * what is public: the head, releases, and versions that were the head while the entry was public,
 * so that a pull goes on when its version is followed by another. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "catalog/manifest.h"
#include "server/api/uploads.h"
#include "server/blobs/block_map.h"
#include "server/meta/access.h"
#include "server/meta/times.h"
#include "server/net/range.h"
#include "server/net/reply.h"
#include "server/net/route.h"

/* A version that was asked for and may be seen. */
struct version {
    struct vdt_session *session;
    struct vdt_entry_row row;
    int64_t number, release; /* release 0: asked for as version or head */
    char digest[VDT_DIGEST_TEXT];
    uint64_t size;
    uint32_t block_size;
    int64_t created;
    char *info;   /* JSON */
    void *blocks; /* the list as it was saved */
    size_t blocks_size;
};

static void clear_version(struct version *version)
{
    free(version->info);
    free(version->blocks);
    vdt_entry_row_clear(&version->row);
    vdt_db_end(&version->session);
}

static vdt_status not_found(struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_NOT_FOUND, "the entry has no such version");
}

/* --- which version ------------------------------------------------------------------------------
 */

static vdt_status number_of_release(struct version *version, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        version->session, "SELECT version FROM release WHERE entry = ?1 AND number = ?2", &rows,
        error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, version->row.id);
    vdt_bind_integer(rows, 2, version->release);
    status = vdt_rows_next(rows, error);
    if (status == VDT_END)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "the entry has no release %" PRId64,
                        version->release);
    version->number = vdt_rows_integer(rows, 0);
    return status;
}

/* Sets the version's number by what the path names: {n}, {v}, or the head. */
static vdt_status choose_number(struct vdt_request *request, struct version *version,
                                struct vdt_error *error)
{
    uint64_t asked = 0;
    const char *release = vdt_request_path(request, "n");
    const char *number = vdt_request_path(request, "v");
    const char *text = release != NULL ? release : number;
    if (text == NULL) {
        version->number = version->row.head;
        return version->number == 0
                   ? vdt_fail(error, VDT_ERR_NOT_FOUND, "the entry has no version yet")
                   : VDT_OK;
    }
    if (!vdt_parse_count(text, INT64_MAX, &asked) || asked == 0)
        return not_found(error);
    version->number = (int64_t)asked;
    version->release = release != NULL ? (int64_t)asked : 0;
    return release != NULL ? number_of_release(version, error) : VDT_OK;
}

/* Is a version public that was asked for by its number? */
static vdt_status check_public(struct version *version, struct vdt_error *error)
{
    if (version->number == version->row.head || version->release != 0)
        return VDT_OK;
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        version->session,
        "SELECT 1 FROM entry e WHERE e.id = ?1 AND (EXISTS (SELECT 1 FROM release r WHERE r.entry "
        "= "
        "e.id AND r.version = ?2) OR EXISTS (SELECT 1 FROM version n WHERE n.entry = e.id AND "
        "n.number > ?2 AND n.created > e.published AND NOT EXISTS (SELECT 1 FROM version b WHERE "
        "b.entry = e.id AND b.number > ?2 AND b.number < n.number)))",
        &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, version->row.id);
    vdt_bind_integer(rows, 2, version->number);
    status = vdt_rows_next(rows, error);
    return status == VDT_END ? not_found(error) : status;
}

/* Whether the caller has the entry as its own, shared, or as an admin; others see what is public.
 */
static vdt_status is_insider(struct vdt_request *request, struct version *version, bool *insider,
                             struct vdt_error *error)
{
    const struct vdt_caller *caller = vdt_request_caller(request);
    *insider = version->row.access >= VDT_ACCESS_WRITE || !version->row.is_public;
    if (*insider || caller->user == 0 || !vdt_caller_may(caller, VDT_SCOPE_READ))
        return VDT_OK;
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        version->session, "SELECT 1 FROM entry_share WHERE entry = ?1 AND user = ?2", &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, version->row.id);
    vdt_bind_integer(rows, 2, caller->user);
    status = vdt_rows_next(rows, error);
    *insider = status == VDT_OK;
    return status == VDT_END ? VDT_OK : status;
}

static vdt_status read_row(struct version *version, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(version->session,
                                       "SELECT digest, size, block_size, created, info, blocks "
                                       "FROM version WHERE entry = ?1 AND number = ?2",
                                       &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, version->row.id);
    vdt_bind_integer(rows, 2, version->number);
    status = vdt_rows_next(rows, error);
    if (status == VDT_END)
        return not_found(error);
    if (status != VDT_OK)
        return status;
    snprintf(version->digest, sizeof version->digest, "%s", vdt_rows_text(rows, 0));
    version->size = (uint64_t)vdt_rows_integer(rows, 1);
    version->block_size = (uint32_t)vdt_rows_integer(rows, 2);
    version->created = vdt_rows_integer(rows, 3);
    const void *blocks = vdt_rows_blob(rows, 5, &version->blocks_size);
    version->blocks = vdt_allocate(1, version->blocks_size);
    version->info = vdt_copy_string(vdt_rows_text(rows, 4));
    if (version->blocks == NULL || version->info == NULL)
        return vdt_fail_memory(error, "version");
    memcpy(version->blocks, blocks, version->blocks_size);
    return VDT_OK;
}

/* Finds what was asked for. False: it has replied. */
static bool find_version(struct vdt_request *request, struct version *version)
{
    struct vdt_error error = {0};
    bool insider = false;
    vdt_status status =
        vdt_db_begin(vdt_request_server(request)->db, VDT_DB_READ, &version->session, &error);
    if (status == VDT_OK)
        status =
            vdt_entry_find(version->session, vdt_request_caller(request),
                           vdt_request_path(request, "id"), VDT_ACCESS_READ, &version->row, &error);
    if (status == VDT_OK)
        status = choose_number(request, version, &error);
    if (status == VDT_OK)
        status = is_insider(request, version, &insider, &error);
    if (status == VDT_OK && !insider)
        status = check_public(version, &error);
    if (status == VDT_OK)
        status = read_row(version, &error);
    if (status != VDT_OK)
        vdt_reply_failure(request, &error);
    return status == VDT_OK;
}

/* The bytes of a version never change; who may see them can. So only one's own memory keeps them.
 */
static void let_keep(struct vdt_request *request)
{
    vdt_reply_header(request, "Cache-Control", "private, max-age=86400, immutable");
}

/* --- the documents ------------------------------------------------------------------------------
 */

static char *href_of(const struct version *version, const char *name)
{
    char text[80];
    if (version->release != 0)
        snprintf(text, sizeof text, "../../versions/%" PRId64 "/%s", version->number, name);
    else
        snprintf(text, sizeof text, "versions/%" PRId64 "/%s", version->number, name);
    return vdt_copy_string(text);
}

/* "of_version": asked for by its number, so hrefs are beside it. */
static json_t *make_manifest(const struct version *version, bool of_version)
{
    vdt_cleanup(vdt_manifest_clear) struct vdt_manifest manifest = {0};
    unsigned char digest[32];
    char created[VDT_TIME_ROOM];
    vdt_time_text(version->created, created);
    manifest.entry = vdt_copy_string(version->row.slug);
    manifest.name = vdt_copy_string(version->row.name);
    manifest.created_at = vdt_copy_string(created);
    manifest.blocks = of_version ? NULL : href_of(version, "blocks");
    manifest.store = of_version ? NULL : href_of(version, "store.h5");
    manifest.version = (uint32_t)version->number;
    manifest.release = (uint32_t)version->release;
    manifest.size = version->size;
    manifest.block_size = version->block_size;
    manifest.info = json_loads(version->info, 0, NULL);
    memcpy(manifest.digest, version->digest, sizeof manifest.digest);
    vdt_sha256(version->blocks, version->blocks_size, digest);
    vdt_hex(digest, sizeof digest, manifest.blocks_sha256);
    return manifest.entry == NULL || manifest.name == NULL || manifest.created_at == NULL
               ? NULL
               : vdt_manifest_document(&manifest);
}

static void get_manifest(struct vdt_request *request)
{
    vdt_cleanup(clear_version) struct version version = {0};
    char etag[80];
    if (!find_version(request, &version))
        return;
    snprintf(etag, sizeof etag, "\"m%" PRId64 "-%" PRId64 "-r%" PRId64 "\"", version.number,
             version.release, version.row.revision);
    const char *known = vdt_request_header(request, "If-None-Match");
    vdt_reply_header(request, "ETag", etag);
    vdt_reply_header(request, "Cache-Control", "private, no-cache");
    if (known != NULL && vdt_etag_in_list(known, etag))
        vdt_reply_empty(request, 304);
    else
        vdt_reply_json(request, 200,
                       make_manifest(&version, vdt_request_path(request, "v") != NULL));
}

/* --- the bytes ----------------------------------------------------------------------------------
 */

struct list_bytes {
    unsigned char *data;
};

static ssize_t read_list(void *state, uint64_t at, void *to, size_t room)
{
    const struct list_bytes *list = state;
    memcpy(to, list->data + at, room); /* the reply asks for no more than there is */
    return (ssize_t)room;
}

static void free_list(void *state)
{
    struct list_bytes *list = state;
    free(list->data);
    free(list);
}

static void get_blocks(struct vdt_request *request)
{
    vdt_cleanup(clear_version) struct version version = {0};
    char etag[VDT_DIGEST_TEXT + 8];
    if (!find_version(request, &version))
        return;
    struct list_bytes *list = vdt_allocate_zero(1, sizeof *list);
    if (list == NULL) {
        vdt_reply_error(request, 503, "Busy", "out of memory");
        return;
    }
    list->data = version.blocks;
    version.blocks = NULL;
    snprintf(etag, sizeof etag, "\"b%s\"", version.digest);
    let_keep(request);
    vdt_reply_reader(request, version.blocks_size, "application/octet-stream", etag, read_list,
                     list, free_list);
}

static ssize_t read_store(void *state, uint64_t at, void *to, size_t room)
{
    return vdt_block_map_read(state, to, room, at, NULL);
}

static bool locate_store(void *state, uint64_t at, uint64_t size, int *fd, uint64_t *offset)
{
    const struct vdt_block_map *map = state;
    const struct vdt_map_run *run = vdt_block_map_find(map, at);
    *fd = vdt_blob_descriptor(map->blobs[run->blob].open);
    *offset = run->offset + (at - run->at);
    return *fd >= 0 && at + size <= run->at + run->size;
}

static void free_store(void *state)
{
    vdt_block_map_clear(state);
    free(state);
}

static void get_store(struct vdt_request *request)
{
    struct vdt_error error = {0};
    vdt_cleanup(clear_version) struct version version = {0};
    char etag[VDT_DIGEST_TEXT + 8];
    char name[96];
    if (!find_version(request, &version))
        return;
    struct vdt_block_map *map = vdt_allocate_zero(1, sizeof *map);
    vdt_status status = map == NULL ? vdt_fail_memory(&error, "version")
                                    : vdt_block_map_load(version.session, version.row.id,
                                                         version.number, map, &error);
    if (status == VDT_OK)
        status = vdt_block_map_open(map, vdt_request_server(request)->blobs, &error);
    if (status != VDT_OK) {
        /* A blob that is not there is the server's fault, not a wrong address. */
        vdt_server_warn(vdt_request_server(request), "damage", "%s", error.message);
        vdt_reply_error(request, 500, "InternalError", "the version cannot be read");
        if (map != NULL)
            free_store(map);
        return;
    }
    snprintf(etag, sizeof etag, "\"%s\"", version.digest);
    snprintf(name, sizeof name, "attachment; filename=\"%s-v%" PRId64 ".h5\"", version.row.slug,
             version.number);
    let_keep(request);
    vdt_reply_header(request, "Content-Disposition", name);
    vdt_reply_pieces(
        request, version.size, "application/x-hdf5", etag,
        &(struct vdt_pieces){
            .read = read_store, .locate = locate_store, .state = map, .release = free_store});
}

const struct vdt_route vdt_file_routes[] = {
    {"GET", "/v1/entries/{id}/manifest", VDT_SCOPE_NONE, VDT_ROUTE_ANYONE, 0, get_manifest, NULL},
    {"GET", "/v1/entries/{id}/releases/{n}/manifest", VDT_SCOPE_NONE, VDT_ROUTE_ANYONE, 0,
     get_manifest, NULL},
    {"GET", "/v1/entries/{id}/versions/{v}/manifest", VDT_SCOPE_NONE, VDT_ROUTE_ANYONE, 0,
     get_manifest, NULL},
    {"GET", "/v1/entries/{id}/versions/{v}/blocks", VDT_SCOPE_NONE, VDT_ROUTE_ANYONE, 0, get_blocks,
     NULL},
    {"GET", "/v1/entries/{id}/versions/{v}/store.h5", VDT_SCOPE_NONE, VDT_ROUTE_ANYONE, 0,
     get_store, NULL},
    {NULL, NULL, 0, 0, 0, NULL, NULL},
};
