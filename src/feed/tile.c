/* Windows to images with statistics, keys and places. */
#include "feed/tile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "feed/place.h"
#include "store/packet.h"

vdt_status vdt_tile_init(struct vdt_tile *tile, const struct vdt_tile_spec *spec,
                         struct vdt_error *error)
{
    struct vdt_tile made = {.spec = *spec,
                            .pixels = vdt_allocate(vdt_tile_bytes(spec), 1),
                            .valid = vdt_allocate(spec->rows, spec->cols),
                            .stats = vdt_allocate(spec->bands, sizeof *made.stats)};
    if (made.pixels == NULL || made.valid == NULL || made.stats == NULL) {
        vdt_tile_clear(&made);
        return vdt_fail_memory(error, "a tile");
    }
    *tile = made;
    return VDT_OK;
}

void vdt_tile_clear(struct vdt_tile *tile)
{
    free(tile->pixels);
    free(tile->valid);
    free(tile->stats);
    *tile = (struct vdt_tile){0};
}

static double valid_share(const uint8_t *valid, size_t count)
{
    uint64_t sum = 0;
    if (memchr(valid, 0, count) == NULL)
        return 1;
    for (size_t i = 0; i < count; i++)
        sum += valid[i];
    return (double)sum / (double)count;
}

vdt_status vdt_tile_read(struct vdt_tile *tile, struct vdt_scene *scene,
                         const struct vdt_band_selection *selection,
                         const struct vdt_window *window, const uint8_t *seen,
                         double *valid_fraction, struct vdt_error *error)
{
    vdt_status status = vdt_scene_read(scene, selection, window, tile->pixels, tile->valid, error);
    if (status == VDT_OK && seen != NULL)
        vdt_tile_hide(tile, selection, seen, valid_fraction);
    else if (status == VDT_OK)
        *valid_fraction = valid_share(tile->valid, (size_t)tile->spec.rows * tile->spec.cols);
    return status;
}

void vdt_tile_hide(struct vdt_tile *tile, const struct vdt_band_selection *selection,
                   const uint8_t *seen, double *valid_fraction)
{
    size_t count = (size_t)tile->spec.rows * tile->spec.cols;
    vdt_scene_blank(selection, count, seen, tile->pixels, tile->valid);
    *valid_fraction = valid_share(tile->valid, count);
}

static void measure_bands(struct vdt_tile *tile, const struct vdt_band_selection *selection,
                          const uint8_t *valid)
{
    size_t pixels = (size_t)tile->spec.rows * tile->spec.cols;
    size_t plane = pixels * vdt_dtype_size(tile->spec.dtype);
    for (uint32_t b = 0; b < tile->spec.bands; b++)
        tile->stats[b] =
            vdt_band_statistics(tile->spec.dtype, (const char *)tile->pixels + b * plane, pixels,
                                valid, selection->has_nodata[b] ? &selection->nodata[b] : NULL);
}

void vdt_tile_describe(struct vdt_tile *tile, struct vdt_scene *scene,
                       const struct vdt_band_selection *selection, const struct vdt_window *window,
                       double valid_fraction, struct vdt_sample *sample)
{
    const struct vdt_scene_info *info = vdt_scene_info(scene);
    measure_bands(tile, selection, valid_fraction < 1 ? tile->valid : NULL);
    vdt_window_key(info->digest, window, sample->key);
    sample->window = *window;
    sample->valid_fraction = (float)valid_fraction;
    sample->weight = 1;
    sample->image = tile->pixels;
    sample->stats = tile->stats;
    vdt_window_geotransform(info, window, sample->geotransform);
    vdt_place_bounds(scene, window, sample->bounds);
}

void vdt_window_key(const char *digest, const struct vdt_window *window, char key[VDT_KEY_SIZE])
{
    snprintf(key, VDT_KEY_SIZE, "%.16s-%d-%d-%dx%d", digest, window->col, window->row, window->cols,
             window->rows);
}
