/* Block maps from the database: of versions and of uploads. */
#include <stdio.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "server/blobs/block_map.h"
#include "server/meta/db.h"

/* Rows of (first block, count, blob, offset), in order, to the end. */
static vdt_status add_rows(struct vdt_block_map *map, struct vdt_rows *rows, const char *what,
                           struct vdt_error *error)
{
    vdt_status status;
    while ((status = vdt_rows_next(rows, error)) == VDT_OK) {
        status = vdt_block_map_add(map, (uint64_t)vdt_rows_integer(rows, 0),
                                   (uint64_t)vdt_rows_integer(rows, 1), vdt_rows_text(rows, 2),
                                   (uint64_t)vdt_rows_integer(rows, 3), what, error);
        if (status != VDT_OK)
            return status;
    }
    return status != VDT_END ? status : vdt_block_map_complete(map, what, error);
}

/* The head row (size, block size, digest) of what the map is of. */
static vdt_status take_sizes(struct vdt_block_map *map, struct vdt_rows *rows, const char *what,
                             struct vdt_error *error)
{
    vdt_status status = vdt_rows_next(rows, error);
    if (status == VDT_END)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: is not there", what);
    if (status != VDT_OK)
        return status;
    map->size = (uint64_t)vdt_rows_integer(rows, 0);
    map->block_size = (uint32_t)vdt_rows_integer(rows, 1);
    snprintf(map->digest, sizeof map->digest, "%s", vdt_rows_text(rows, 2));
    if (map->block_size == 0 || map->size == 0 || map->size > INT64_MAX)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: has %llu bytes in blocks of %u", what,
                        (unsigned long long)map->size, map->block_size);
    return VDT_OK;
}

vdt_status vdt_block_map_load(struct vdt_session *session, int64_t entry, int64_t version,
                              struct vdt_block_map *map, struct vdt_error *error)
{
    char what[80];
    snprintf(what, sizeof what, "version %lld of entry %lld", (long long)version, (long long)entry);
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_cleanup(vdt_rows_release) struct vdt_rows *runs = NULL;
    vdt_cleanup(vdt_block_map_clear) struct vdt_block_map made = {0};
    vdt_status status = vdt_db_prepare(
        session, "SELECT size, block_size, digest FROM version WHERE entry = ?1 AND number = ?2",
        &rows, error);
    if (status == VDT_OK)
        status = vdt_db_prepare(session,
                                "SELECT s.first_block, s.count, b.name, s.blob_offset "
                                "FROM segment s JOIN blob b ON b.id = s.blob "
                                "WHERE s.entry = ?1 AND s.version = ?2 ORDER BY s.first_block",
                                &runs, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, entry);
    vdt_bind_integer(rows, 2, version);
    vdt_bind_integer(runs, 1, entry);
    vdt_bind_integer(runs, 2, version);
    status = take_sizes(&made, rows, what, error);
    if (status == VDT_OK)
        status = add_rows(&made, runs, what, error);
    if (status != VDT_OK)
        return status;
    *map = made;
    made = (struct vdt_block_map){0};
    return VDT_OK;
}

vdt_status vdt_block_map_of_upload(struct vdt_session *session, const char *upload,
                                   struct vdt_block_map *map, struct vdt_error *error)
{
    char what[64];
    snprintf(what, sizeof what, "upload %.40s", upload);
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_cleanup(vdt_rows_release) struct vdt_rows *runs = NULL;
    vdt_cleanup(vdt_block_map_clear) struct vdt_block_map made = {0};
    vdt_status status = vdt_db_prepare(
        session, "SELECT size, block_size, '' FROM upload WHERE id = ?1", &rows, error);
    if (status == VDT_OK)
        status = vdt_db_prepare(session,
                                "SELECT s.first_block, s.count, b.name, s.blob_offset "
                                "FROM upload_segment s JOIN blob b ON b.id = s.blob "
                                "WHERE s.upload = ?1 ORDER BY s.first_block",
                                &runs, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_text(rows, 1, upload);
    vdt_bind_text(runs, 1, upload);
    status = take_sizes(&made, rows, what, error);
    if (status == VDT_OK)
        status = add_rows(&made, runs, what, error);
    if (status != VDT_OK)
        return status;
    *map = made;
    made = (struct vdt_block_map){0};
    return VDT_OK;
}
