/* Class rasters as rows, packed as a store's chunks are. */
#include "server/meta/rasters.h"

#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "store/codec.h"
#include "store/decoder.h"

enum { ROW_BYTES = 64 }; /* of a raster beyond its pixels */

void vdt_meta_raster_clear(struct vdt_meta_raster *raster)
{
    free(raster->pixels);
    *raster = (struct vdt_meta_raster){0};
}

static size_t size_of(const struct vdt_meta_raster *raster)
{
    return (size_t)raster->rows * raster->cols * (raster->bits / 8);
}

vdt_status vdt_meta_run_tile(struct vdt_session *session, const struct vdt_meta_run *run,
                             struct vdt_meta_tile *tile, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session, "SELECT info FROM version WHERE entry = ?1 AND number = ?2", &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, run->entry);
    vdt_bind_integer(rows, 2, run->version);
    status = vdt_rows_next(rows, error);
    if (status == VDT_END)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "run %s: its version is not there any more",
                        run->slug);
    if (status == VDT_OK)
        status = vdt_json_parse(vdt_rows_text(rows, 0), "the version", &tile->info, error);
    const json_t *shape = json_object_get(tile->info, "tile");
    tile->rows = (uint32_t)json_integer_value(json_object_get(shape, "rows"));
    tile->cols = (uint32_t)json_integer_value(json_object_get(shape, "cols"));
    tile->classes = (uint32_t)json_array_size(json_object_get(tile->info, "classes"));
    return status;
}

/* --- packed ----------------------------------------------------------------------------------- */

static vdt_status pack(const struct vdt_meta_raster *raster, struct vdt_buffer *packed,
                       struct vdt_error *error)
{
    struct vdt_coder coder = {0};
    vdt_status status = vdt_encode_chunk(&coder, VDT_CODEC_LZ4, raster->bits / 8, raster->pixels,
                                         size_of(raster), packed, error);
    vdt_coder_clear(&coder);
    return status;
}

static vdt_status unpack(const void *packed, size_t size, struct vdt_meta_raster *raster,
                         struct vdt_error *error)
{
    struct vdt_decoder decoder = {0};
    raster->pixels = vdt_allocate(1, size_of(raster));
    if (raster->pixels == NULL)
        return vdt_fail_memory(error, "raster");
    vdt_status status = vdt_decode(&decoder, VDT_CODEC_LZ4, raster->bits / 8, packed, size,
                                   raster->pixels, size_of(raster), error);
    vdt_decoder_clear(&decoder);
    return status;
}

/* --- rows ------------------------------------------------------------------------------------- */

/* Bytes of the raster that is there, -1: none, and whether it is the same. */
static vdt_status find_size(struct vdt_session *session, int64_t run, int64_t sample,
                            const struct vdt_meta_raster *raster, const struct vdt_buffer *packed,
                            int64_t *size, bool *same, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    size_t stored = 0;
    *size = -1;
    *same = false;
    vdt_status status = vdt_db_prepare(
        session, "SELECT bits, pixels FROM run_raster WHERE run = ?1 AND sample = ?2", &rows,
        error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, run);
    vdt_bind_integer(rows, 2, sample);
    status = vdt_rows_next(rows, error);
    if (status != VDT_OK)
        return status == VDT_END ? VDT_OK : status;
    const void *pixels = vdt_rows_blob(rows, 1, &stored);
    *size = (int64_t)stored;
    *same = vdt_rows_integer(rows, 0) == raster->bits && stored == packed->size &&
            memcmp(pixels, packed->data, stored) == 0;
    return VDT_OK;
}

static vdt_status write_row(struct vdt_session *session, int64_t run, int64_t sample,
                            const struct vdt_meta_raster *raster, const struct vdt_buffer *packed,
                            struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session,
        "INSERT INTO run_raster (run, sample, height, width, bits, pixels) VALUES (?1, ?2, ?3, ?4, "
        "?5, ?6) ON CONFLICT (run, sample) DO UPDATE SET height = excluded.height, width = "
        "excluded.width, bits = excluded.bits, pixels = excluded.pixels",
        &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, run);
    vdt_bind_integer(rows, 2, sample);
    vdt_bind_integer(rows, 3, raster->rows);
    vdt_bind_integer(rows, 4, raster->cols);
    vdt_bind_integer(rows, 5, raster->bits);
    vdt_bind_blob(rows, 6, packed->data, packed->size);
    return vdt_rows_run(rows, error);
}

vdt_status vdt_meta_raster_put(struct vdt_session *session, int64_t run, int64_t sample,
                               const struct vdt_meta_raster *raster,
                               struct vdt_meta_run_change *change, struct vdt_error *error)
{
    vdt_cleanup(vdt_buffer_clear) struct vdt_buffer packed = {0};
    int64_t before = -1;
    bool same = false;
    vdt_status status = pack(raster, &packed, error);
    if (status == VDT_OK)
        status = find_size(session, run, sample, raster, &packed, &before, &same, error);
    if (status != VDT_OK || same)
        return status;
    status = write_row(session, run, sample, raster, &packed, error);
    if (status != VDT_OK)
        return status;
    change->rasters += before < 0;
    change->bytes += (int64_t)packed.size - (before < 0 ? -ROW_BYTES : before);
    return vdt_meta_run_mark(session, run, sample, change, error);
}

/* The row's columns are height, width, bits and pixels. */
static vdt_status read_row(struct vdt_rows *rows, int column, bool shape_only,
                           struct vdt_meta_raster *raster, struct vdt_error *error)
{
    size_t size = 0;
    raster->rows = (uint32_t)vdt_rows_integer(rows, column);
    raster->cols = (uint32_t)vdt_rows_integer(rows, column + 1);
    raster->bits = (unsigned)vdt_rows_integer(rows, column + 2);
    if (shape_only)
        return VDT_OK;
    const void *packed = vdt_rows_blob(rows, column + 3, &size);
    return unpack(packed, size, raster, error);
}

vdt_status vdt_meta_raster_find(struct vdt_session *session, int64_t run, int64_t sample,
                                bool shape_only, struct vdt_meta_raster *raster,
                                struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session,
        "SELECT height, width, bits, pixels FROM run_raster WHERE run = ?1 AND sample = ?2", &rows,
        error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, run);
    vdt_bind_integer(rows, 2, sample);
    status = vdt_rows_next(rows, error);
    return status == VDT_OK ? read_row(rows, 0, shape_only, raster, error) : status;
}

vdt_status vdt_meta_raster_each(struct vdt_session *session, int64_t run,
                                vdt_status (*each)(void *payload, int64_t sample,
                                                   const struct vdt_meta_raster *raster,
                                                   struct vdt_error *error),
                                void *payload, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session,
                                       "SELECT sample, height, width, bits, pixels FROM run_raster "
                                       "WHERE run = ?1 ORDER BY sample",
                                       &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, run);
    while ((status = vdt_rows_next(rows, error)) == VDT_OK) {
        vdt_cleanup(vdt_meta_raster_clear) struct vdt_meta_raster raster = {0};
        status = read_row(rows, 1, false, &raster, error);
        if (status == VDT_OK)
            status = each(payload, vdt_rows_integer(rows, 0), &raster, error);
        if (status != VDT_OK)
            return status;
    }
    return status == VDT_END ? VDT_OK : status;
}
