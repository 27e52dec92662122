/* Tiles as picture files: which bands, in which range, in which format. */
#ifndef EXCHANGE_PICTURE_H
#define EXCHANGE_PICTURE_H

#include <vedatile/exchange.h>

#include "exchange/record.h"
#include "source/scenes/raster_file.h"

/* {0} is empty; made once for an export. */
struct vdt_picture {
    enum vdt_raster_format format;
    const char *suffix;        /* ".png" */
    struct vdt_tile_spec tile; /* of what is written */
    struct vdt_tile_spec store;
    uint32_t *bands;         /* [tile.bands] indices from 0 */
    const char **band_names; /* [tile.bands], borrowed from the reader */
    bool all;                /* every band in its place */
    double *low;             /* [tile.bands] becomes 0; NULL: no stretch */
    double *scale;           /* [tile.bands] per unit */
    void *pixels;            /* NULL: the tile is written as it is */
};

/* Refuses by name what the format cannot hold. `groups`: those to be exported, whose statistics a
 * stretch goes by. */
vdt_status vdt_picture_init(struct vdt_picture *picture, const struct vdt_export_options *options,
                            const struct vdt_reader *reader, const size_t *groups,
                            size_t group_count, struct vdt_error *error);
void vdt_picture_clear(struct vdt_picture *picture);

/* The tile's chosen bands, [band][row][col] of picture->tile; valid until the next call. */
const void *vdt_picture_pixels(struct vdt_picture *picture, const struct vdt_record *record);

/* The tile as a file. */
vdt_status vdt_picture_save(struct vdt_picture *picture, const struct vdt_record *record,
                            const char *path, struct vdt_error *error);

/* The same file appended to `bytes`. */
vdt_status vdt_picture_encode(struct vdt_picture *picture, const struct vdt_record *record,
                              struct vdt_buffer *bytes, struct vdt_error *error);

/* A mask or instance mask, [rows][cols] of `dtype`, as a file of one band that lies where the
 * sample does. */
vdt_status vdt_mask_save(const struct vdt_record *record, const struct vdt_tile_spec *tile,
                         enum vdt_raster_format format, enum vdt_dtype dtype, const void *pixels,
                         const char *path, struct vdt_error *error);

#endif
