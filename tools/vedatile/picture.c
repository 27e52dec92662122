/* Tiles of any type and any bands -> pictures for the eye. */
#include "picture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "report.h"

enum { VALUES_MOST = 1 << 19, VALUES_LEAST_PER_TILE = 64 };

#define PERCENTILE 0.02
#define FULL_RANGE 0.62 /* of 255: an 8-bit picture that was made for the eye */

static int find_band(const struct vdt_store_spec *spec, const char *name)
{
    for (uint32_t i = 0; i < spec->tile.bands; i++)
        if (strcasecmp(spec->band_names[i], name) == 0)
            return (int)i;
    return -1;
}

struct stretch picture_bands(const struct vdt_store_spec *spec)
{
    int red = find_band(spec, "red"), green = find_band(spec, "green");
    int blue = find_band(spec, "blue");
    uint32_t bands = spec->tile.bands;
    if (red >= 0 && green >= 0 && blue >= 0)
        return (struct stretch){.count = 3,
                                .bands = {(uint32_t)red, (uint32_t)green, (uint32_t)blue}};
    if (bands > 4)
        return (struct stretch){.count = 3, .bands = {2, 1, 0}};
    if (bands >= 3)
        return (struct stretch){.count = 3, .bands = {0, 1, 2}};
    return (struct stretch){.count = 1};
}

static double pixel_value(const void *image, enum vdt_dtype dtype, size_t at)
{
    switch (dtype) {
    case VDT_UINT8: return ((const uint8_t *)image)[at];
    case VDT_UINT16: return ((const uint16_t *)image)[at];
    case VDT_INT16: return ((const int16_t *)image)[at];
    case VDT_UINT32: return ((const uint32_t *)image)[at];
    case VDT_INT32: return ((const int32_t *)image)[at];
    case VDT_FLOAT32: return (double)((const float *)image)[at];
    case VDT_FLOAT64: return ((const double *)image)[at];
    default: break; /* no store has it */
    }
    return NAN;
}

struct values {
    double *items[3];
    size_t count[3];
    size_t per_tile;
};

static void collect(const struct vdt_store_spec *spec, const void *image,
                    const struct vdt_band_stats *stats, const struct stretch *stretch,
                    struct values *values)
{
    size_t pixels = (size_t)spec->tile.rows * spec->tile.cols;
    size_t step = (pixels + values->per_tile - 1) / values->per_tile;
    /* A step that divides the row's length would look at a few columns only. */
    while (step > 1 && spec->tile.cols % step == 0)
        step++;
    for (size_t c = 0; c < stretch->count; c++) {
        uint32_t band = stretch->bands[c];
        if (stats[band].count == 0)
            continue;
        for (size_t i = 0; i < pixels; i += step) {
            double value = pixel_value(image, spec->tile.dtype, band * pixels + i);
            if (value >= stats[band].min && value <= stats[band].max)
                values->items[c][values->count[c]++] = value;
        }
    }
}

static int compare_doubles(const void *a, const void *b)
{
    double first = *(const double *)a, second = *(const double *)b;
    return (first > second) - (first < second);
}

static void find_range(struct values *values, enum vdt_dtype dtype, struct stretch *stretch)
{
    stretch->plain = dtype == VDT_UINT8 && stretch->count == 3;
    for (size_t c = 0; c < stretch->count; c++) {
        size_t count = values->count[c];
        qsort(values->items[c], count, sizeof *values->items[c], compare_doubles);
        double last = count ? (double)(count - 1) : 0;
        stretch->low[c] = count ? values->items[c][(size_t)(PERCENTILE * last)] : 0;
        stretch->high[c] = count ? values->items[c][(size_t)((1 - PERCENTILE) * last)] : 1;
        if (!(stretch->high[c] > stretch->low[c]))
            stretch->high[c] = stretch->low[c] + 1;
        if (stretch->high[c] - stretch->low[c] < FULL_RANGE * 255)
            stretch->plain = false;
    }
    for (size_t c = 0; stretch->plain && c < stretch->count; c++) {
        stretch->low[c] = 0;
        stretch->high[c] = 255;
    }
}

static vdt_status collect_all(const struct vdt_reader *reader, const struct sample_ref *samples,
                              size_t count, const struct stretch *stretch, struct values *values,
                              struct vdt_error *error)
{
    struct vdt_store_spec spec = vdt_reader_spec(reader);
    void *image = malloc(vdt_tile_bytes(&spec.tile));
    struct vdt_band_stats *stats = calloc(spec.tile.bands, sizeof *stats);
    vdt_status status = image && stats ? VDT_OK : error_memory(error);
    for (size_t i = 0; !status && i < count; i++) {
        struct vdt_sample row;
        status = vdt_reader_sample(reader, samples[i].group, samples[i].index, &row, stats, error);
        if (!status)
            status = vdt_reader_image(reader, samples[i].group, samples[i].index, image, error);
        if (!status)
            collect(&spec, image, stats, stretch, values);
    }
    free(image);
    free(stats);
    return status;
}

vdt_status picture_stretch(const struct vdt_reader *reader, const struct sample_ref *samples,
                           size_t count, struct stretch *stretch, struct vdt_error *error)
{
    struct vdt_store_spec spec = vdt_reader_spec(reader);
    struct values values = {.per_tile = VALUES_MOST / (count ? count : 1)};
    if (values.per_tile < VALUES_LEAST_PER_TILE)
        values.per_tile = VALUES_LEAST_PER_TILE;
    vdt_status status = VDT_OK;
    for (size_t c = 0; c < stretch->count; c++) {
        values.items[c] = calloc(count * values.per_tile + 1, sizeof *values.items[c]);
        if (!values.items[c])
            status = error_memory(error);
    }
    if (!status)
        status = collect_all(reader, samples, count, stretch, &values, error);
    if (!status)
        find_range(&values, spec.tile.dtype, stretch);
    for (size_t c = 0; c < 3; c++)
        free(values.items[c]);
    return status;
}

static uint32_t shade(double value, double low, double high)
{
    if (!isfinite(value))
        return 0;
    double share = (value - low) / (high - low);
    return (uint32_t)(fmax(0, fmin(1, share)) * 255 + 0.5);
}

static void paint(const struct vdt_store_spec *spec, const void *image,
                  const struct stretch *stretch, cairo_surface_t *surface)
{
    size_t cols = spec->tile.cols, rows = spec->tile.rows;
    size_t pitch = (size_t)cairo_image_surface_get_stride(surface);
    unsigned char *data = cairo_image_surface_get_data(surface);
    for (size_t row = 0; row < rows; row++) {
        uint32_t *line = (uint32_t *)(void *)(data + row * pitch);
        for (size_t col = 0; col < cols; col++) {
            uint32_t shades[3];
            for (size_t c = 0; c < 3; c++) {
                size_t from = stretch->count == 3 ? c : 0;
                size_t at = (stretch->bands[from] * rows + row) * cols + col;
                shades[c] = shade(pixel_value(image, spec->tile.dtype, at), stretch->low[from],
                                  stretch->high[from]);
            }
            line[col] = shades[0] << 16 | shades[1] << 8 | shades[2];
        }
    }
}

vdt_status picture_draw(const struct vdt_reader *reader, struct sample_ref sample,
                        const struct stretch *stretch, cairo_surface_t **surface,
                        struct vdt_error *error)
{
    struct vdt_store_spec spec = vdt_reader_spec(reader);
    void *image = malloc(vdt_tile_bytes(&spec.tile));
    if (!image)
        return error_memory(error);
    vdt_status status = vdt_reader_image(reader, sample.group, sample.index, image, error);
    cairo_surface_t *drawn = NULL;
    if (!status) {
        drawn = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)spec.tile.cols,
                                           (int)spec.tile.rows);
        if (cairo_surface_status(drawn))
            status = error_set(error, VDT_ERR_UNSUPPORTED, "cannot draw a tile of %u x %u: %s",
                               spec.tile.cols, spec.tile.rows,
                               cairo_status_to_string(cairo_surface_status(drawn)));
    }
    if (!status) {
        cairo_surface_flush(drawn);
        paint(&spec, image, stretch, drawn);
        cairo_surface_mark_dirty(drawn);
        *surface = cairo_surface_reference(drawn);
    }
    if (drawn)
        cairo_surface_destroy(drawn);
    free(image);
    return status;
}

vdt_status picture_of(const struct vdt_store_spec *spec, const void *pixels, const uint8_t *valid,
                      cairo_surface_t **surface, struct vdt_error *error)
{
    struct stretch stretch = picture_bands(spec);
    size_t count = (size_t)spec->tile.rows * spec->tile.cols;
    struct values values = {.per_tile = count};
    bool good = true;
    for (size_t c = 0; c < stretch.count; c++) {
        values.items[c] = calloc(count + 1, sizeof *values.items[c]);
        good = good && values.items[c];
        for (size_t i = 0; good && i < count; i++) {
            double value = pixel_value(pixels, spec->tile.dtype, stretch.bands[c] * count + i);
            if (valid[i] && isfinite(value))
                values.items[c][values.count[c]++] = value;
        }
    }
    if (good)
        find_range(&values, spec->tile.dtype, &stretch);
    for (size_t c = 0; c < 3; c++)
        free(values.items[c]);
    cairo_surface_t *drawn =
        cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)spec->tile.cols, (int)spec->tile.rows);
    if (!good || cairo_surface_status(drawn)) {
        cairo_surface_destroy(drawn);
        return error_memory(error);
    }
    cairo_surface_flush(drawn);
    paint(spec, pixels, &stretch, drawn);
    cairo_surface_mark_dirty(drawn);
    *surface = drawn;
    return VDT_OK;
}
