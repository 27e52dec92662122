/* Bands, percentiles, and pictures made smaller. */
#include "server/draw/shade.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"

enum { VALUES_MOST = 1 << 19 };

#define PERCENTILE 0.02
#define FULL_RANGE 0.62 /* of 255: an 8-bit picture that was made for the eye */

static int find_band(const struct vdt_store_spec *spec, const char *name)
{
    for (uint32_t i = 0; i < spec->tile.bands; i++)
        if (strcasecmp(spec->band_names[i], name) == 0)
            return (int)i;
    return -1;
}

void vdt_shade_bands(const struct vdt_store_spec *spec, struct vdt_shade *shade)
{
    int named[3] = {find_band(spec, "red"), find_band(spec, "green"), find_band(spec, "blue")};
    uint32_t bands = spec->tile.bands;
    bool colour = named[0] >= 0 && named[1] >= 0 && named[2] >= 0;
    shade->count = colour || bands >= 3 ? 3 : 1;
    for (uint32_t i = 0; i < 3; i++)
        shade->bands[i] = colour ? (uint32_t)named[i] : bands > 4 ? 2 - i : bands >= 3 ? i : 0;
}

static double value_of(const void *image, enum vdt_dtype dtype, size_t at)
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

static int compare_doubles(const void *a, const void *b)
{
    double first = *(const double *)a, second = *(const double *)b;
    return (first > second) - (first < second);
}

/* Values of a band, enough of them; their number. */
static size_t collect(const struct vdt_tile_spec *tile, const void *image, uint32_t band,
                      const struct vdt_band_stats *stats, double *values)
{
    size_t pixels = (size_t)tile->rows * tile->cols, count = 0;
    size_t step = (pixels + VALUES_MOST - 1) / VALUES_MOST;
    /* A step that divides the row's length would look at a few columns only. */
    while (step > 1 && tile->cols % step == 0)
        step++;
    for (size_t i = 0; stats->count > 0 && i < pixels; i += step) {
        double value = value_of(image, tile->dtype, band * pixels + i);
        if (value >= stats->min && value <= stats->max)
            values[count++] = value;
    }
    return count;
}

static void find_range(struct vdt_shade *shade, size_t c, double *values, size_t count)
{
    double last = count > 0 ? (double)(count - 1) : 0;
    qsort(values, count, sizeof *values, compare_doubles);
    shade->low[c] = count > 0 ? values[(size_t)(PERCENTILE * last)] : 0;
    shade->high[c] = count > 0 ? values[(size_t)((1 - PERCENTILE) * last)] : 1;
    if (!(shade->high[c] > shade->low[c]))
        shade->high[c] = shade->low[c] + 1;
}

static void type_range(enum vdt_dtype dtype, double *low, double *high)
{
    switch (dtype) {
    case VDT_UINT8: *low = 0, *high = 255; return;
    case VDT_UINT16: *low = 0, *high = UINT16_MAX; return;
    case VDT_INT16: *low = INT16_MIN, *high = INT16_MAX; return;
    case VDT_UINT32: *low = 0, *high = UINT32_MAX; return;
    case VDT_INT32: *low = INT32_MIN, *high = INT32_MAX; return;
    default: *low = 0, *high = 1; return;
    }
}

bool vdt_shade_range(struct vdt_shade *shade, const struct vdt_tile_spec *tile, const void *image,
                     const struct vdt_band_stats *stats)
{
    if (shade->kind == VDT_STRETCH_RANGE)
        return true;
    for (size_t c = 0; shade->kind == VDT_STRETCH_NONE && c < shade->count; c++)
        type_range(tile->dtype, &shade->low[c], &shade->high[c]);
    if (shade->kind == VDT_STRETCH_NONE)
        return true;
    double *values = vdt_allocate(VALUES_MOST + 1, sizeof *values);
    if (values == NULL)
        return false;
    bool plain = tile->dtype == VDT_UINT8 && shade->count == 3;
    for (size_t c = 0; c < shade->count; c++) {
        uint32_t band = shade->bands[c];
        find_range(shade, c, values, collect(tile, image, band, &stats[band], values));
        plain = plain && shade->high[c] - shade->low[c] >= FULL_RANGE * 255;
    }
    for (size_t c = 0; plain && c < shade->count; c++) {
        shade->low[c] = 0;
        shade->high[c] = 255;
    }
    free(values);
    return true;
}

static uint8_t shade_value(double value, double low, double high)
{
    if (!isfinite(value))
        return 0;
    double share = (value - low) / (high - low);
    return (uint8_t)(fmax(0, fmin(1, share)) * 255 + 0.5);
}

void vdt_shade_paint(const struct vdt_shade *shade, const struct vdt_tile_spec *tile,
                     const void *image, uint8_t *pixels)
{
    size_t count = (size_t)tile->rows * tile->cols;
    for (size_t c = 0; c < shade->count; c++)
        for (size_t i = 0; i < count; i++)
            pixels[i * shade->count + c] =
                shade_value(value_of(image, tile->dtype, shade->bands[c] * count + i),
                            shade->low[c], shade->high[c]);
}

void vdt_shade_resize(const uint8_t *pixels, uint32_t cols, uint32_t rows, size_t channels,
                      uint32_t to_cols, uint32_t to_rows, uint8_t *to)
{
    for (uint32_t y = 0; y < to_rows; y++) {
        uint64_t top = (uint64_t)y * rows / to_rows, bottom = (uint64_t)(y + 1) * rows / to_rows;
        bottom = bottom > top ? bottom : top + 1;
        for (uint32_t x = 0; x < to_cols; x++) {
            uint64_t left = (uint64_t)x * cols / to_cols;
            uint64_t right = (uint64_t)(x + 1) * cols / to_cols;
            right = right > left ? right : left + 1;
            uint64_t sums[3] = {0}, all = (bottom - top) * (right - left);
            for (uint64_t row = top; row < bottom; row++)
                for (uint64_t i = (row * cols + left) * channels;
                     i < (row * cols + right) * channels; i++)
                    sums[(i - (row * cols + left) * channels) % channels] += pixels[i];
            for (size_t c = 0; c < channels; c++)
                to[((size_t)y * to_cols + x) * channels + c] = (uint8_t)((sums[c] + all / 2) / all);
        }
    }
}
