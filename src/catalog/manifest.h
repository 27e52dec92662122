/* Manifests: the document that says which bytes a version of an entry is.
 *
 * {"vedatile_manifest": "1", "entry", "name", "version", "release"?, "digest", "size",
 *  "block_size", "blocks": {"href", "size", "sha256"}, "store": {"href", "size"}, "created_at",
 *  "info": {...}}; hrefs are relative to the manifest's own address, so that a folder of any static
 * server is as good as a catalog. */
#ifndef CATALOG_MANIFEST_H
#define CATALOG_MANIFEST_H

#include <stdint.h>
#include <vedatile/error.h>

#include "base/json.h"
#include "catalog/blocks.h"

/* {0} is empty; strings are owned. */
struct vdt_manifest {
    char *entry; /* its id */
    char *name;
    uint32_t version; /* from 1 */
    uint32_t release; /* 0: no release, the newest version */
    char digest[VDT_DIGEST_TEXT];
    uint64_t size;
    uint32_t block_size;
    char *blocks; /* hrefs */
    char *store;
    char blocks_sha256[VDT_DIGEST_TEXT]; /* of the block list as it is sent */
    char *created_at;
    json_t *info; /* an object; NULL: none */
};

/* Reads a manifest, believing nothing: sizes, digests and hrefs are checked. An href must be
 * relative or http(s). `what` names the source in messages. VDT_ERR_FORMAT. */
vdt_status vdt_manifest_parse(const char *text, const char *what, struct vdt_manifest *manifest,
                              struct vdt_error *error);

/* The document, owned; NULL when memory is out. Fields that are NULL or 0 are left out; the hrefs
 * are "blocks" and "store.h5" where they are NULL. */
json_t *vdt_manifest_document(const struct vdt_manifest *manifest);

/* The block list that belongs to a manifest, from the bytes of its `blocks` href: VDT_ERR_FORMAT
 * unless its SHA-256, its length and the version's digest are those of the manifest. */
vdt_status vdt_manifest_blocks(const struct vdt_manifest *manifest, const void *bytes, size_t size,
                               const char *what, struct vdt_block_list *list,
                               struct vdt_error *error);

void vdt_manifest_clear(struct vdt_manifest *manifest);

/* `href` as seen from the address `base` (RFC 3986, without queries of `base`), owned; NULL when
 * memory is out. */
char *vdt_href_resolve(const char *base, const char *href);

#endif
