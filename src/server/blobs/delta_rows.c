/* What an entry's versions have, for deltas. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "server/blobs/delta.h"
#include "server/meta/db.h"

struct loading {
    struct vdt_known *known;
    struct vdt_rows *digests; /* (entry, version, first byte from 1, bytes) -> digests */
    int64_t entry;
    uint32_t block_size;
};

static vdt_status add_run(struct loading *loading, int64_t version, uint64_t first, uint64_t count,
                          int64_t blob, uint64_t offset, bool current, struct vdt_error *error)
{
    size_t size = 0;
    vdt_bind_integer(loading->digests, 1, loading->entry);
    vdt_bind_integer(loading->digests, 2, version);
    vdt_bind_integer(loading->digests, 3, (int64_t)(first * VDT_BLOCK_DIGEST + 1));
    vdt_bind_integer(loading->digests, 4, (int64_t)(count * VDT_BLOCK_DIGEST));
    vdt_status status = vdt_rows_next(loading->digests, error);
    if (status != VDT_OK)
        return status == VDT_END ? VDT_OK : status;
    const unsigned char *digests = vdt_rows_blob(loading->digests, 0, &size);
    if (size != count * VDT_BLOCK_DIGEST)
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "version %lld of entry %lld: its block list is short", (long long)version,
                        (long long)loading->entry);
    return vdt_known_add(loading->known, digests, count, blob, offset, current ? first : UINT64_MAX,
                         error);
}

static vdt_status add_current(struct loading *loading, struct vdt_session *session,
                              struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session,
        "SELECT s.version, s.first_block, s.count, s.blob, s.blob_offset FROM entry e "
        "JOIN version v ON v.entry = e.id AND v.number = e.head "
        "JOIN segment s ON s.entry = v.entry AND s.version = v.number "
        "WHERE e.id = ?1 AND v.block_size = ?2 ORDER BY s.first_block",
        &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, loading->entry);
    vdt_bind_integer(rows, 2, loading->block_size);
    while ((status = vdt_rows_next(rows, error)) == VDT_OK) {
        status = add_run(loading, vdt_rows_integer(rows, 0), (uint64_t)vdt_rows_integer(rows, 1),
                         (uint64_t)vdt_rows_integer(rows, 2), vdt_rows_integer(rows, 3),
                         (uint64_t)vdt_rows_integer(rows, 4), true, error);
        if (status != VDT_OK)
            return status;
    }
    return status == VDT_END ? VDT_OK : status;
}

/* All runs of all versions in the order of blobs, so that what versions share is read once. */
static vdt_status add_others(struct loading *loading, struct vdt_session *session,
                             struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session,
        "SELECT s.version, s.first_block, s.count, s.blob, s.blob_offset FROM segment s "
        "JOIN version v ON v.entry = s.entry AND v.number = s.version "
        "WHERE s.entry = ?1 AND v.block_size = ?2 "
        "ORDER BY s.blob, s.blob_offset, s.count DESC",
        &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, loading->entry);
    vdt_bind_integer(rows, 2, loading->block_size);
    int64_t last_blob = 0;
    uint64_t known_until = 0; /* in the blob */
    while ((status = vdt_rows_next(rows, error)) == VDT_OK) {
        uint64_t first = (uint64_t)vdt_rows_integer(rows, 1);
        uint64_t count = (uint64_t)vdt_rows_integer(rows, 2);
        int64_t blob = vdt_rows_integer(rows, 3);
        uint64_t offset = (uint64_t)vdt_rows_integer(rows, 4);
        uint64_t end = offset + count * loading->block_size;
        if (blob != last_blob)
            known_until = 0;
        last_blob = blob;
        if (end <= known_until)
            continue;
        uint64_t skip = known_until > offset ? (known_until - offset) / loading->block_size : 0;
        status = add_run(loading, vdt_rows_integer(rows, 0), first + skip, count - skip, blob,
                         offset + skip * loading->block_size, false, error);
        if (status != VDT_OK)
            return status;
        known_until = end;
    }
    return status == VDT_END ? VDT_OK : status;
}

vdt_status vdt_delta_load(struct vdt_session *session, int64_t entry,
                          const struct vdt_block_list *list, struct vdt_delta *delta,
                          struct vdt_error *error)
{
    vdt_cleanup(vdt_known_release) struct vdt_known *known = vdt_known_new(list->block_size);
    vdt_cleanup(vdt_rows_release) struct vdt_rows *digests = NULL;
    if (known == NULL)
        return vdt_fail_memory(error, "delta of an upload");
    vdt_status status = vdt_db_prepare(
        session, "SELECT substr(blocks, ?3, ?4) FROM version WHERE entry = ?1 AND number = ?2",
        &digests, error);
    if (status != VDT_OK)
        return status;
    struct loading loading = {known, digests, entry, list->block_size};
    status = add_current(&loading, session, error);
    if (status == VDT_OK)
        status = add_others(&loading, session, error);
    return status != VDT_OK ? status : vdt_delta_make(list, known, delta, error);
}
