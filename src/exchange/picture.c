/* Tiles as picture files. */
#include "exchange/picture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

static vdt_status choose_bands(struct vdt_picture *picture,
                               const struct vdt_export_options *options,
                               const struct vdt_store_spec *spec, struct vdt_error *error)
{
    size_t count = options->bands == NULL ? spec->tile.bands : options->band_count;
    if (count == 0 || count > UINT16_MAX)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "bands: 1 to 65535 of them, not %zu", count);
    picture->bands = vdt_allocate(count, sizeof *picture->bands);
    picture->band_names = vdt_allocate(count, sizeof *picture->band_names);
    if (picture->bands == NULL || picture->band_names == NULL)
        return vdt_fail_memory(error, options->store);
    picture->all = count == spec->tile.bands;
    for (size_t i = 0; i < count; i++) {
        int number = options->bands == NULL ? (int)i + 1 : options->bands[i];
        if (number < 1 || (uint32_t)number > spec->tile.bands)
            return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: there is no band %d: it has %u",
                            options->store, number, spec->tile.bands);
        picture->bands[i] = (uint32_t)number - 1;
        picture->band_names[i] = spec->band_names[number - 1];
        picture->all &= picture->bands[i] == i;
    }
    picture->store = picture->tile = spec->tile;
    picture->tile.bands = (uint32_t)count;
    return VDT_OK;
}

/* Chan et al. 1979. */
static void merge(struct vdt_band_stats *sum, const struct vdt_band_stats *part)
{
    if (part->count == 0)
        return;
    double a = (double)sum->count, b = (double)part->count, delta = part->mean - sum->mean;
    sum->m2 += part->m2 + delta * delta * a * b / (a + b);
    sum->mean += delta * b / (a + b);
    sum->min = sum->count == 0 ? part->min : fmin(sum->min, part->min);
    sum->max = sum->count == 0 ? part->max : fmax(sum->max, part->max);
    sum->count += part->count;
}

static void set_range(struct vdt_picture *picture, uint32_t band, enum vdt_stretch stretch,
                      const struct vdt_band_stats *stats)
{
    double low = stats->min, high = stats->max;
    if (stretch == VDT_STRETCH_SIGMA) {
        double sigma = stats->count == 0 ? 0 : sqrt(stats->m2 / (double)stats->count);
        low = stats->mean - 2 * sigma;
        high = stats->mean + 2 * sigma;
    }
    picture->low[band] = low;
    picture->scale[band] = high > low ? 255 / (high - low) : 0;
}

static vdt_status measure(struct vdt_picture *picture, enum vdt_stretch stretch,
                          const struct vdt_reader *reader, const size_t *groups, size_t group_count,
                          struct vdt_error *error)
{
    size_t bands = picture->store.bands;
    vdt_cleanup(vdt_free_pointer) struct vdt_band_stats *stats =
        vdt_allocate_zero(bands, 2 * sizeof *stats);
    picture->low = vdt_allocate(picture->tile.bands, sizeof *picture->low);
    picture->scale = vdt_allocate(picture->tile.bands, sizeof *picture->scale);
    if (stats == NULL || picture->low == NULL || picture->scale == NULL)
        return vdt_fail_memory(error, vdt_reader_path(reader));
    for (size_t g = 0; g < group_count; g++) {
        vdt_status status = vdt_reader_band_stats(reader, groups[g], stats + bands, error);
        if (status != VDT_OK)
            return status;
        for (size_t b = 0; b < bands; b++)
            merge(&stats[b], &stats[bands + b]);
    }
    for (uint32_t b = 0; b < picture->tile.bands; b++)
        set_range(picture, b, stretch, &stats[picture->bands[b]]);
    picture->tile.dtype = VDT_UINT8;
    return VDT_OK;
}

static bool fits_png(const struct vdt_tile_spec *tile)
{
    return (tile->bands == 1 || tile->bands == 3) &&
           (tile->dtype == VDT_UINT8 || tile->dtype == VDT_UINT16);
}

static vdt_status choose_format(struct vdt_picture *picture, enum vdt_picture_kind kind,
                                const char *store, struct vdt_error *error)
{
    const struct vdt_tile_spec *tile = &picture->tile;
    if (kind == VDT_PICTURE_AUTO)
        kind = fits_png(tile) ? VDT_PICTURE_PNG : VDT_PICTURE_TIFF;
    bool fits = kind == VDT_PICTURE_TIFF ||
                (fits_png(tile) && (kind == VDT_PICTURE_PNG || tile->dtype == VDT_UINT8));
    if (!fits)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "%s: %s holds 1 or 3 bands of uint8%s, not %u of %s: choose --bands or "
                        "--stretch, or write TIFF",
                        store, kind == VDT_PICTURE_PNG ? "PNG" : "JPEG",
                        kind == VDT_PICTURE_PNG ? " or uint16" : "", tile->bands,
                        vdt_dtype_name(tile->dtype));
    picture->format = kind == VDT_PICTURE_PNG    ? VDT_RASTER_PNG
                      : kind == VDT_PICTURE_JPEG ? VDT_RASTER_JPEG
                                                 : VDT_RASTER_TIFF;
    picture->suffix = kind == VDT_PICTURE_PNG ? ".png" : kind == VDT_PICTURE_JPEG ? ".jpg" : ".tif";
    return VDT_OK;
}

vdt_status vdt_picture_init(struct vdt_picture *picture, const struct vdt_export_options *options,
                            const struct vdt_reader *reader, const size_t *groups,
                            size_t group_count, struct vdt_error *error)
{
    struct vdt_store_spec spec = vdt_reader_spec(reader);
    vdt_status status = choose_bands(picture, options, &spec, error);
    if (status == VDT_OK && options->stretch != VDT_STRETCH_NONE)
        status = measure(picture, options->stretch, reader, groups, group_count, error);
    if (status == VDT_OK)
        status = choose_format(picture, options->picture, options->store, error);
    if (status != VDT_OK || (picture->all && picture->low == NULL))
        return status;
    picture->pixels = vdt_allocate(vdt_tile_bytes(&picture->tile), 1);
    return picture->pixels == NULL ? vdt_fail_memory(error, options->store) : VDT_OK;
}

void vdt_picture_clear(struct vdt_picture *picture)
{
    free(picture->bands);
    free(picture->band_names);
    free(picture->low);
    free(picture->scale);
    free(picture->pixels);
    *picture = (struct vdt_picture){0};
}

static double value_at(enum vdt_dtype dtype, const void *plane, size_t i)
{
    switch (dtype) {
    case VDT_UINT8: return ((const uint8_t *)plane)[i];
    case VDT_UINT16: return ((const uint16_t *)plane)[i];
    case VDT_INT16: return ((const int16_t *)plane)[i];
    case VDT_UINT32: return ((const uint32_t *)plane)[i];
    case VDT_INT32: return ((const int32_t *)plane)[i];
    case VDT_FLOAT32: return ((const float *)plane)[i];
    default: return ((const double *)plane)[i];
    }
}

const void *vdt_picture_pixels(struct vdt_picture *picture, const struct vdt_record *record)
{
    if (picture->pixels == NULL)
        return record->sample.image;
    size_t pixels = (size_t)picture->tile.rows * picture->tile.cols;
    size_t from = pixels * vdt_dtype_size(picture->store.dtype);
    for (uint32_t b = 0; b < picture->tile.bands; b++) {
        const char *plane = (const char *)record->sample.image + picture->bands[b] * from;
        if (picture->low == NULL) {
            memcpy((char *)picture->pixels + b * from, plane, from);
            continue;
        }
        uint8_t *to = (uint8_t *)picture->pixels + b * pixels;
        for (size_t i = 0; i < pixels; i++) {
            double value =
                (value_at(picture->store.dtype, plane, i) - picture->low[b]) * picture->scale[b];
            to[i] = value >= 255 ? 255 : value > 0 ? (uint8_t)(value + 0.5) : 0; /* NaN is 0 */
        }
    }
    return picture->pixels;
}

static struct vdt_raster_place place_of(const struct vdt_record *record)
{
    const double *g = record->sample.geotransform;
    bool placed = g[1] != 0 || g[2] != 0 || g[4] != 0 || g[5] != 0;
    return placed ? (struct vdt_raster_place){.geotransform = g, .crs = record->crs}
                  : (struct vdt_raster_place){0};
}

vdt_status vdt_picture_save(struct vdt_picture *picture, const struct vdt_record *record,
                            const char *path, struct vdt_error *error)
{
    struct vdt_raster_place place = place_of(record);
    return vdt_raster_save(path, picture->format, &picture->tile,
                           vdt_picture_pixels(picture, record), picture->band_names, &place, error);
}

vdt_status vdt_picture_encode(struct vdt_picture *picture, const struct vdt_record *record,
                              struct vdt_buffer *bytes, struct vdt_error *error)
{
    struct vdt_raster_place place = place_of(record);
    return vdt_raster_encode(picture->format, &picture->tile, vdt_picture_pixels(picture, record),
                             picture->band_names, &place, bytes, error);
}

vdt_status vdt_mask_save(const struct vdt_record *record, const struct vdt_tile_spec *tile,
                         enum vdt_raster_format format, enum vdt_dtype dtype, const void *pixels,
                         const char *path, struct vdt_error *error)
{
    struct vdt_raster_place place = place_of(record);
    const struct vdt_tile_spec raster = {
        .bands = 1, .rows = tile->rows, .cols = tile->cols, .dtype = dtype};
    return vdt_raster_save(path, format, &raster, pixels, NULL, &place, error);
}
