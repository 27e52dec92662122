/* Saves: which entry and which version before, the blocks, and the commit. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vedatile/catalog.h>
#include <vedatile/store.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/path.h"
#include "catalog/blocks.h"
#include "catalog/call.h"
#include "catalog/sidecar.h"
#include "catalog/upload.h"
#include "store/file.h"
#include "store/snapshot.h"

/* How often a store that is written meanwhile is begun anew. */
enum { TRIES = 5 };

struct saving {
    struct vdt_catalog *catalog;
    const char *store;
    const struct vdt_save_options *options;
    struct vdt_sidecar sidecar;
    bool known; /* the sidecar is about this entry */
    bool made;  /* the entry is new */
    char id[17];
    char head[VDT_DIGEST_TEXT]; /* of the newest version; "" without one */
    uint32_t head_version;
    struct vdt_snapshot *snapshot;
    struct vdt_block_list list;
    char digest[VDT_DIGEST_TEXT];
    json_t *document; /* the entry's */
};

static void saving_cleanup(struct saving *saving)
{
    vdt_sidecar_clear(&saving->sidecar);
    vdt_snapshot_free(saving->snapshot);
    vdt_block_list_clear(&saving->list);
    json_decref(saving->document);
}

static char *replace_text(char **text, const char *with)
{
    free(*text);
    *text = with == NULL ? NULL : vdt_copy_string(with);
    return *text;
}

/* --- the store ---------------------------------------------------------------------------- */

/* A store that can be opened, and that is all here. `name` gets its name, or its file's. */
static vdt_status look_at_store(const char *store, char **name, struct vdt_error *error)
{
    struct vdt_reader *reader = NULL;
    vdt_status status = vdt_file_refuse_partial(store, "sent", error);
    if (status == VDT_OK)
        status = vdt_reader_open(store, &reader, error);
    if (status != VDT_OK)
        return status;
    const char *own = vdt_reader_spec(reader).name;
    *name = own != NULL && *own != '\0' ? vdt_copy_string(own) : vdt_path_stem(store);
    vdt_reader_free(reader);
    return *name == NULL ? vdt_fail_memory(error, store) : VDT_OK;
}

struct hashing {
    struct vdt_http *http;
    uint64_t told;
};

static bool hashed(uint64_t done, uint64_t total, void *payload)
{
    struct hashing *hashing = payload;
    (void)total;
    vdt_http_advance(hashing->http, (int64_t)(done - hashing->told));
    hashing->told = done;
    return vdt_http_goes_on(hashing->http);
}

static vdt_status hash(struct saving *saving, struct vdt_error *error)
{
    struct hashing hashing = {.http = saving->catalog->http};
    vdt_snapshot_free(saving->snapshot);
    saving->snapshot = NULL;
    vdt_block_list_clear(&saving->list);
    vdt_status status = vdt_snapshot_open(saving->store, &saving->snapshot, error);
    if (status != VDT_OK)
        return status;
    vdt_http_begin(hashing.http, VDT_STEP_HASH, vdt_snapshot_size(saving->snapshot));
    status = vdt_block_list_of_snapshot(saving->snapshot, saving->store, saving->options->threads,
                                        hashed, &hashing, &saving->list, error);
    if (status == VDT_OK)
        vdt_block_list_digest(&saving->list, saving->digest);
    return status;
}

/* --- the entry ---------------------------------------------------------------------------- */

static vdt_status take_document(struct saving *saving, json_t *taken, struct vdt_error *error)
{
    const json_t *data = json_object_get(taken, "data");
    const char *id = json_string_value(json_object_get(data, "id"));
    const char *digest = json_string_value(json_object_get(data, "digest"));
    json_decref(saving->document);
    saving->document = taken;
    if (id == NULL || !vdt_is_entry_id(id))
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: its answer is no entry",
                        vdt_http_base(saving->catalog->http));
    snprintf(saving->id, sizeof saving->id, "%s", id);
    snprintf(saving->head, sizeof saving->head, "%s", digest == NULL ? "" : digest);
    saving->head_version = (uint32_t)json_integer_value(json_object_get(data, "version"));
    return VDT_OK;
}

static vdt_status fetch_entry(struct saving *saving, const char *id, struct vdt_error *error)
{
    json_t *json = NULL;
    struct vdt_call call = {0};
    vdt_call_path(&call, "/v1/entries/", id, NULL);
    vdt_status status = vdt_call_json(saving->catalog, &call, &json, NULL, error);
    return status == VDT_OK ? take_document(saving, json, error) : status;
}

/* An entry that a save which was cut off made, and that has no version yet: the caller's own, of
 * that name. */
static vdt_status find_begun(struct saving *saving, const char *name, struct vdt_error *error)
{
    char id[17], *text = NULL;
    vdt_cleanup(vdt_json_release) json_t *json = NULL;
    vdt_status status = vdt_entry_id(saving->catalog, name, id, NULL);
    if (status == VDT_ERR_CANCELLED)
        return status;
    if (status != VDT_OK || vdt_catalog_entry(saving->catalog, id, &text, NULL) != VDT_OK)
        return VDT_END;
    vdt_cleanup(vdt_free_pointer) char *owned = text;
    status = vdt_json_parse(text, id, &json, error);
    if (status != VDT_OK)
        return status;
    const json_t *update = json_object_get(json_object_get(json, "links"), "create");
    if (update == NULL || json_is_string(json_object_get(json_object_get(json, "data"), "digest")))
        return VDT_END;
    return take_document(saving, json_incref(json), error);
}

static vdt_status make_entry(struct saving *saving, const char *name, struct vdt_error *error)
{
    json_t *json = NULL;
    struct vdt_entry_values values = saving->options->values;
    struct vdt_call call = {.method = "POST", .path = "/v1/entries", .once = true};
    if (values.name == NULL)
        values.name = name;
    vdt_status status = find_begun(saving, values.name, error);
    if (status != VDT_END)
        return status;
    call.body = vdt_entry_values_json(&values);
    status = vdt_call_json(saving->catalog, &call, &json, NULL, error);
    if (status == VDT_OK)
        status = take_document(saving, json, error);
    saving->made = status == VDT_OK;
    return status;
}

static vdt_status choose_entry(struct saving *saving, const char *name, struct vdt_error *error)
{
    const struct vdt_sidecar *sidecar = &saving->sidecar;
    const char *to = saving->options->to;
    bool same_server =
        sidecar->url != NULL && strcmp(sidecar->url, vdt_http_base(saving->catalog->http)) == 0;
    char id[17];
    vdt_status status;
    if (to != NULL) {
        status = vdt_entry_id(saving->catalog, to, id, error);
        if (status == VDT_OK)
            status = fetch_entry(saving, id, error);
    } else if (same_server) {
        status = fetch_entry(saving, sidecar->entry, error);
        if (status == VDT_ERR_NOT_FOUND)
            return vdt_fail(error, VDT_ERR_NOT_FOUND,
                            "%s: its entry %s is not there any more: restore it, or remove "
                            "%s.catalog to save the store as a new entry",
                            saving->store, sidecar->entry, saving->store);
    } else
        status = make_entry(saving, name, error);
    saving->known = status == VDT_OK && same_server && strcmp(sidecar->entry, saving->id) == 0;
    return status;
}

/* What the version follows must be what is there now, unless it is forced. */
static vdt_status check_parent(const struct saving *saving, struct vdt_error *error)
{
    const struct vdt_sidecar *sidecar = &saving->sidecar;
    if (saving->head[0] == '\0' || saving->options->force ||
        strcmp(saving->head, saving->digest) == 0)
        return VDT_OK;
    if (!saving->known)
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "%s: entry %s has version %u, and nothing says that this store follows it: "
                        "pull it first, or --force",
                        saving->store, saving->id, saving->head_version);
    if (strcmp(saving->head, sidecar->digest) == 0 || strcmp(saving->head, sidecar->pending) == 0)
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_MISMATCH,
                    "%s: entry %s has version %u by now, and this store stems from version %u: "
                    "pull that one into another file, or --force",
                    saving->store, saving->id, saving->head_version, sidecar->version);
}

/* --- sending ------------------------------------------------------------------------------ */

static vdt_status remember(struct saving *saving, const char *digest, uint32_t version,
                           const char *pending, struct vdt_error *error)
{
    struct vdt_sidecar *sidecar = &saving->sidecar;
    const json_t *data = json_object_get(saving->document, "data");
    replace_text(&sidecar->url, vdt_http_base(saving->catalog->http));
    replace_text(&sidecar->manifest, NULL);
    replace_text(&sidecar->entry, saving->id);
    replace_text(&sidecar->name, json_string_value(json_object_get(data, "name")));
    sidecar->version = version;
    snprintf(sidecar->digest, sizeof sidecar->digest, "%s", digest);
    snprintf(sidecar->pending, sizeof sidecar->pending, "%s", pending);
    sidecar->stamp[0] = '\0';
    if (strcmp(digest, saving->digest) == 0 && !vdt_snapshot_changed(saving->snapshot))
        vdt_file_stamp(saving->store, sidecar->stamp);
    saving->known = true;
    return vdt_sidecar_write(saving->store, sidecar, error);
}

static vdt_status commit(struct saving *saving, const char *upload, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *json = NULL;
    char header[128] = "If-None-Match: *";
    struct vdt_call call = {.method = "POST", .header = header, .patient = true};
    if (saving->head[0] != '\0')
        snprintf(header, sizeof header, "If-Match: \"%s\"", saving->head);
    vdt_call_path(&call, "/v1/uploads/", upload, "/commit", NULL);
    call.body = json_pack("{s:s*}", "message", saving->options->message);
    vdt_status status = vdt_call_json(saving->catalog, &call, &json, NULL, error);
    if (status == VDT_ERR_MISMATCH)
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "%s: somebody saved to entry %s meanwhile: pull it into another file and "
                        "compare, or --force",
                        saving->store, saving->id);
    if (status != VDT_OK)
        return status;
    return take_document(saving, json_incref(json_object_get(json, "entry")), error);
}

static vdt_status send(struct saving *saving, struct vdt_error *error)
{
    char upload[64];
    if (strcmp(saving->head, saving->digest) == 0)
        return remember(saving, saving->head, saving->head_version, "", error);
    vdt_status status = vdt_upload(saving->catalog, saving->id, saving->snapshot, saving->store,
                                   &saving->list, upload, error);
    /* Should we not live to see the answer, the next save knows that version as its own. */
    if (status == VDT_OK)
        status = remember(saving, saving->head, saving->head_version, saving->digest, error);
    if (status == VDT_OK)
        status = commit(saving, upload, error);
    if (status == VDT_OK)
        status = remember(saving, saving->head, saving->head_version, "", error);
    return status;
}

static vdt_status describe(struct saving *saving, struct vdt_error *error)
{
    const struct vdt_save_options *options = saving->options;
    vdt_cleanup(vdt_json_release) json_t *values = vdt_entry_values_json(&options->values);
    vdt_status status = VDT_OK;
    json_t *json = NULL;
    if (!saving->made && json_object_size(values) > 0) {
        struct vdt_call call = {.method = "PATCH", .body = json_incref(values)};
        vdt_call_path(&call, "/v1/entries/", saving->id, NULL);
        status = vdt_call_json(saving->catalog, &call, &json, NULL, error);
        if (status == VDT_OK)
            status = take_document(saving, json, error);
    }
    if (status == VDT_OK && options->publish) {
        struct vdt_call call = {.method = "POST"};
        vdt_call_path(&call, "/v1/entries/", saving->id, "/publish", NULL);
        json = NULL;
        status = vdt_call_json(saving->catalog, &call, &json, NULL, error);
        if (status == VDT_OK)
            status = take_document(saving, json, error);
    }
    return status;
}

vdt_status vdt_catalog_save(struct vdt_catalog *catalog, const char *store,
                            const struct vdt_save_options *options, char **document,
                            struct vdt_error *error)
{
    static const struct vdt_save_options defaults;
    vdt_cleanup(saving_cleanup) struct saving saving = {
        .catalog = catalog, .store = store, .options = options == NULL ? &defaults : options};
    vdt_cleanup(vdt_free_pointer) char *name = NULL;
    vdt_status status = look_at_store(store, &name, error);
    if (status == VDT_OK)
        status = vdt_sidecar_read(store, &saving.sidecar, error);
    if (status == VDT_OK)
        status = hash(&saving, error);
    if (status == VDT_OK)
        status = choose_entry(&saving, name, error);
    for (int tries = 1; status == VDT_OK; tries++) {
        status = check_parent(&saving, error);
        if (status == VDT_OK && !saving.known)
            status = remember(&saving, saving.head, saving.head_version, "", error);
        if (status == VDT_OK)
            status = send(&saving, error);
        if (tries == TRIES)
            break;
        if (status == VDT_ERR_MISMATCH && saving.options->force)
            status = fetch_entry(&saving, saving.id, error);
        else if (status == VDT_ERR_BUSY && vdt_snapshot_changed(saving.snapshot))
            status = hash(&saving, error);
        else
            break;
    }
    if (status == VDT_OK)
        status = describe(&saving, error);
    return status == VDT_OK ? vdt_hand_out(saving.document, document, error) : status;
}
