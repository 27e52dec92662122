/* What is known of a local store without asking anybody. */
#include <inttypes.h>
#include <string.h>
#include <vedatile/catalog.h>
#include <vedatile/store.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "catalog/blocks.h"
#include "catalog/call.h"
#include "catalog/sidecar.h"
#include "store/partial.h"

vdt_status vdt_catalog_local(const char *store, char **document, struct vdt_error *error)
{
    struct vdt_sidecar sidecar = {0};
    char digest[VDT_DIGEST_TEXT] = "", stamp[64];
    uint64_t size = 0;
    double percent = 100;
    vdt_status status = vdt_sidecar_read(store, &sidecar, error);
    if (status != VDT_OK)
        return status;
    vdt_file_stamp(store, stamp);
    bool partial = vdt_partial_exists(store);
    if (partial) { /* fills, and so is touched, but cannot be changed */
        memcpy(digest, sidecar.digest, sizeof digest);
        size = strtoull(stamp, NULL, 10);
        status = vdt_store_percent_cached(store, &percent, error);
    } else if (stamp[0] != '\0' && strcmp(stamp, sidecar.stamp) == 0) {
        memcpy(digest, sidecar.digest, sizeof digest);
        size = strtoull(stamp, NULL, 10);
    } else {
        struct vdt_block_list list = {0};
        status = vdt_block_list_of_file(store, 0, NULL, NULL, &list, error);
        if (status == VDT_OK)
            vdt_block_list_digest(&list, digest);
        size = list.size;
        vdt_block_list_clear(&list);
    }
    bool saved = sidecar.entry != NULL;
    bool changed =
        !saved || (strcmp(digest, sidecar.digest) != 0 && strcmp(digest, sidecar.pending) != 0);
    vdt_cleanup(vdt_json_release) json_t *json =
        json_pack("{s:s, s:I, s:s, s:s?, s:s?, s:s?, s:s?, s:b, s:f}", "store", store, "bytes",
                  (json_int_t)size, "digest", digest, "url", sidecar.url, "manifest",
                  sidecar.manifest, "entry", sidecar.entry, "name", sidecar.name, "changed",
                  changed, "percent_cached", percent);
    if (json != NULL)
        json_object_set_new(json, "version",
                            sidecar.version > 0 ? json_integer(sidecar.version) : json_null());
    vdt_sidecar_clear(&sidecar);
    if (status != VDT_OK)
        return status;
    if (json == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: the name is not UTF-8", store);
    return vdt_hand_out(json, document, error);
}

vdt_status vdt_catalog_sidecar(const char *store, char **document, struct vdt_error *error)
{
    struct vdt_sidecar sidecar = {0};
    vdt_status status = vdt_sidecar_read(store, &sidecar, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_json_release) json_t *json =
        json_pack("{s:s?, s:s?, s:s?, s:s?}", "url", sidecar.url, "manifest", sidecar.manifest,
                  "entry", sidecar.entry, "name", sidecar.name);
    if (json != NULL)
        json_object_set_new(json, "version",
                            sidecar.version > 0 ? json_integer(sidecar.version) : json_null());
    vdt_sidecar_clear(&sidecar);
    return json == NULL ? vdt_fail_memory(error, store) : vdt_hand_out(json, document, error);
}
