/* A sample as a picture, a GeoTIFF or GeoJSON, made by a confined worker from its stored bytes: no
 * HDF5 is read. */
#ifndef SERVER_DRAW_RENDER_H
#define SERVER_DRAW_RENDER_H

#include "base/buffer.h"
#include "base/json.h"
#include "server/draw/draw.h"
#include "server/draw/shade.h"
#include "server/meta/samples.h"

enum vdt_render_kind {
    VDT_RENDER_PNG = 1, /* the image for the eye */
    VDT_RENDER_TIFF,    /* all bands in their own type, with its place on the ground */
    VDT_RENDER_MASK,    /* PNG: class id + 1 as numbers of a palette, or 16-bit grey */
    VDT_RENDER_LABELS   /* GeoJSON FeatureCollection */
};

enum { VDT_PICTURE_MOST = 4096 }; /* pixels a side of a PNG */

/* All borrowed. */
struct vdt_render {
    enum vdt_render_kind kind;
    const json_t *info; /* of the version */
    const struct vdt_sample_row *sample;
    /* Of VDT_RENDER_PNG: */
    size_t band_count; /* 0: as `vedatile show` */
    uint32_t bands[3]; /* from 0 */
    enum vdt_stretch_kind stretch;
    double low, high;
    uint32_t size; /* pixels of the longer side; 0: the tile's, or VDT_PICTURE_MOST */
};

/* Which bytes of the store the rendering needs: address and size of each, [*count]; *pieces is the
 * caller's, from malloc. VDT_ERR_NOT_FOUND: the store has no such array. */
struct vdt_render_piece {
    uint64_t address, size;
};
vdt_status vdt_render_pieces(const struct vdt_render *render, struct vdt_render_piece **pieces,
                             size_t *count, struct vdt_error *error);

/* `runs` hold the pieces' bytes, one after the other. The file is appended to `bytes`.
 * VDT_ERR_ARGUMENT for what the caller asked, VDT_ERR_FORMAT for what the store is. Any thread. */
vdt_status vdt_render(struct vdt_draw *draw, const struct vdt_render *render,
                      const struct vdt_file_run *runs, size_t run_count, struct vdt_buffer *bytes,
                      struct vdt_error *error);

#endif
