/* Windows of a scene: pixels, padding and which pixels are image. */
#include <math.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "source/quiet.h"
#include "source/scenes/blocks.h"
#include "source/scenes/convert_pixels.h"
#include "source/scenes/join.h"
#include "source/scenes/remote.h"
#include "source/scenes/scene_reduce.h"
#include "source/scenes/scene_state.h"

/* The part of a window that lies in the scene; empty when cols or rows is 0. */
struct inside {
    int col, row;  /* in the scene */
    int left, top; /* in the window */
    int cols, rows;
};

static void clamp_axis(int32_t start, int32_t count, int32_t limit, int *first, int *skip,
                       int *kept)
{
    int64_t begin = start < 0 ? 0 : start;
    int64_t end = (int64_t)start + count < limit ? (int64_t)start + count : limit;
    *kept = end > begin ? (int)(end - begin) : 0;
    *first = *kept > 0 ? (int)begin : 0;
    *skip = *kept > 0 ? (int)(begin - start) : 0;
}

static struct inside clamp(const struct vdt_scene *scene, const struct vdt_window *window)
{
    struct inside in;
    clamp_axis(window->col, window->cols, scene->info.cols, &in.col, &in.left, &in.cols);
    clamp_axis(window->row, window->rows, scene->info.rows, &in.row, &in.top, &in.rows);
    if (in.cols == 0 || in.rows == 0)
        in.cols = in.rows = 0;
    return in;
}

GDALDataType vdt_gdal_type(enum vdt_dtype dtype)
{
    switch (dtype) {
    case VDT_UINT8: return GDT_Byte;
    case VDT_UINT16: return GDT_UInt16;
    case VDT_INT16: return GDT_Int16;
    case VDT_UINT32: return GDT_UInt32;
    case VDT_INT32: return GDT_Int32;
    case VDT_FLOAT32: return GDT_Float32;
    default: break;
    }
    return GDT_Float64;
}

/* --- nodata ------------------------------------------------------------------------------ */

/* One loop a type, so that the compiler vectorises each. FILL sets every pixel to the value; MARK
 * sets valid where a pixel differs from it, KEEP clears it where it does not. */
#define NODATA_LOOPS(NAME, TYPE, DIFFERS)                                              \
    static void fill_##NAME(void *pixels, size_t count, double value)                  \
    {                                                                                  \
        TYPE *p = pixels, v = (TYPE)value;                                             \
        for (size_t i = 0; i < count; i++)                                             \
            p[i] = v;                                                                  \
    }                                                                                  \
    static void mark_##NAME(const void *pixels, size_t count, const struct hole *hole, \
                            uint8_t *restrict valid)                                   \
    {                                                                                  \
        const TYPE *p = pixels, v = (TYPE)hole->value;                                 \
        const bool numbers = !hole->nan;                                               \
        (void)numbers;                                                                 \
        if (hole->keep)                                                                \
            for (size_t i = 0; i < count; i++)                                         \
                valid[i] &= (DIFFERS);                                                 \
        else                                                                           \
            for (size_t i = 0; i < count; i++)                                         \
                valid[i] |= (DIFFERS);                                                 \
    }

/* What is no image in a band. */
struct hole {
    double value; /* NaN where only those count, in floating point */
    bool nan;     /* NaN counts, too */
    bool keep;    /* clear, instead of set, valid */
};

#define DIFFERS_WHOLE (p[i] != v)
#define DIFFERS_REAL ((p[i] != v) & (numbers | (p[i] == p[i])))
NODATA_LOOPS(u8, uint8_t, DIFFERS_WHOLE)
NODATA_LOOPS(u16, uint16_t, DIFFERS_WHOLE)
NODATA_LOOPS(i16, int16_t, DIFFERS_WHOLE)
NODATA_LOOPS(u32, uint32_t, DIFFERS_WHOLE)
NODATA_LOOPS(i32, int32_t, DIFFERS_WHOLE)
NODATA_LOOPS(f32, float, DIFFERS_REAL)
NODATA_LOOPS(f64, double, DIFFERS_REAL)

static void fill(enum vdt_dtype dtype, void *pixels, size_t count, double value)
{
    switch (dtype) {
    case VDT_UINT8: fill_u8(pixels, count, value); break;
    case VDT_UINT16: fill_u16(pixels, count, value); break;
    case VDT_INT16: fill_i16(pixels, count, value); break;
    case VDT_UINT32: fill_u32(pixels, count, value); break;
    case VDT_INT32: fill_i32(pixels, count, value); break;
    case VDT_FLOAT32: fill_f32(pixels, count, value); break;
    case VDT_FLOAT64: fill_f64(pixels, count, value); break;
    default: break; /* no scene has it */
    }
}

static void mark(enum vdt_dtype dtype, const void *pixels, size_t count, const struct hole *hole,
                 uint8_t *valid)
{
    switch (dtype) {
    case VDT_UINT8: mark_u8(pixels, count, hole, valid); break;
    case VDT_UINT16: mark_u16(pixels, count, hole, valid); break;
    case VDT_INT16: mark_i16(pixels, count, hole, valid); break;
    case VDT_UINT32: mark_u32(pixels, count, hole, valid); break;
    case VDT_INT32: mark_i32(pixels, count, hole, valid); break;
    case VDT_FLOAT32: mark_f32(pixels, count, hole, valid); break;
    case VDT_FLOAT64: mark_f64(pixels, count, hole, valid); break;
    default: break;
    }
}

/* False where every pixel of the band is image. `numbers`: NaN is no image either. */
static bool find_hole(const struct vdt_band_selection *selection, int band, bool numbers,
                      struct hole *hole)
{
    double value = selection->nodata[band];
    bool real = vdt_dtype_is_real(selection->dtype);
    bool has = selection->has_nodata[band] && vdt_dtype_fits(selection->dtype, value);
    *hole = (struct hole){.value = has ? value : (double)NAN,
                          .nan = real && (numbers || (has && isnan(value))),
                          .keep = selection->any_nodata};
    return has || hole->nan;
}

/* A pixel is image as soon as one band is not its nodata; with any_nodata, when none is. */
void vdt_find_valid(const struct vdt_band_selection *selection, bool numbers,
                    const unsigned char *pixels, size_t count, uint8_t *valid)
{
    struct hole hole;
    size_t band_bytes = count * vdt_dtype_size(selection->dtype);
    int without = 0;
    for (int i = 0; i < selection->count; i++)
        without += !find_hole(selection, i, numbers, &hole);
    bool all = selection->any_nodata || without > 0;
    memset(valid, all, count);
    if (!selection->any_nodata && without > 0)
        return;
    for (int i = 0; i < selection->count; i++)
        if (find_hole(selection, i, numbers, &hole))
            mark(selection->dtype, pixels + (size_t)i * band_bytes, count, &hole, valid);
}

/* --- padding ----------------------------------------------------------------------------- */

/* What pixels that are no image have in a band. */
static double blank_value(const struct vdt_band_selection *selection, int band)
{
    bool usable =
        selection->has_nodata[band] && vdt_dtype_fits(selection->dtype, selection->nodata[band]);
    return usable ? selection->nodata[band] : 0;
}

void vdt_scene_blank_all(const struct vdt_band_selection *selection, size_t count,
                         unsigned char *pixels)
{
    for (int i = 0; i < selection->count; i++)
        fill(selection->dtype, pixels + (size_t)i * count * vdt_dtype_size(selection->dtype), count,
             blank_value(selection, i));
}

void vdt_scene_blank(const struct vdt_band_selection *selection, size_t count, const uint8_t *seen,
                     void *pixels, uint8_t *valid)
{
    size_t size = vdt_dtype_size(selection->dtype);
    for (int i = 0; i < selection->count; i++) {
        unsigned char *band = (unsigned char *)pixels + (size_t)i * count * size;
        double value = blank_value(selection, i);
        for (size_t k = 0; k < count; k++)
            if (!seen[k])
                fill(selection->dtype, band + k * size, 1, value);
    }
    for (size_t k = 0; k < count; k++)
        valid[k] &= seen[k] != 0;
}

static void clear_outside(const struct vdt_window *window, const struct inside *in, uint8_t *valid)
{
    size_t cols = (size_t)window->cols;
    for (int row = 0; row < window->rows; row++) {
        uint8_t *line = valid + (size_t)row * cols;
        if (row < in->top || row >= in->top + in->rows) {
            memset(line, 0, cols);
            continue;
        }
        size_t end = (size_t)(in->left + in->cols);
        memset(line, 0, (size_t)in->left);
        memset(line + end, 0, cols - end);
    }
}

/* --- reading ----------------------------------------------------------------------------- */

/* Reads the part of a window that lies in the scene to `corner`, [band][row][col] with `cols` and
 * `rows` from one line and one band to the next. */
static bool read_pixels(struct vdt_scene *scene, const struct vdt_band_selection *selection,
                        const struct inside *in, int cols, int rows, unsigned char *corner)
{
    GSpacing size = (GSpacing)vdt_dtype_size(selection->dtype), line = size * cols;
    if (vdt_blocks_are_of(scene->blocks, selection)) {
        const struct vdt_block_window window = {in->col, in->row, in->cols, in->rows};
        return vdt_blocks_read(scene->blocks, &window, (size_t)line, (size_t)(line * rows), corner);
    }
    GDALRasterIOExtraArg extra;
    INIT_RASTERIO_EXTRA_ARG(extra);
    return GDALDatasetRasterIOEx(scene->dataset, GF_Read, in->col, in->row, in->cols, in->rows,
                                 corner, in->cols, in->rows, vdt_gdal_type(selection->dtype),
                                 selection->count, selection->bands, size, line, line * rows,
                                 &extra) == CE_None;
}

/* Pixels as they are; those outside the scene are there already. */
static bool read_plain(struct vdt_scene *scene, const struct vdt_band_selection *selection,
                       const struct vdt_window *window, const struct inside *in,
                       unsigned char *pixels, uint8_t *valid)
{
    size_t count = (size_t)window->cols * (size_t)window->rows;
    size_t first = (size_t)in->top * (size_t)window->cols + (size_t)in->left;
    unsigned char *corner = pixels + first * vdt_dtype_size(selection->dtype);
    if (!read_pixels(scene, selection, in, window->cols, window->rows, corner))
        return false;
    vdt_find_valid(selection, false, pixels, count, valid);
    if (in->cols < window->cols || in->rows < window->rows)
        clear_outside(window, in, valid);
    return true;
}

/* The same through the pixels as they are stored: only what lies in the scene is converted. */
static bool read_converted(struct vdt_scene *scene, const struct vdt_band_selection *selection,
                           const struct vdt_window *window, const struct inside *in,
                           unsigned char *pixels, uint8_t *valid)
{
    const struct vdt_band_selection *stored = selection->stored;
    size_t count = (size_t)in->cols * (size_t)in->rows, cols = (size_t)in->cols;
    size_t from = vdt_dtype_size(stored->dtype), to = vdt_dtype_size(selection->dtype);
    size_t bytes = count * (size_t)stored->count * from;
    bool numbers = vdt_dtype_is_real(stored->dtype) && !vdt_dtype_is_real(selection->dtype);
    if (!vdt_grow(&scene->raw, &scene->raw_capacity, bytes + count, 1)) {
        CPLError(CE_Failure, CPLE_OutOfMemory, "out of memory");
        return false;
    }
    uint8_t *tight = scene->raw + bytes;
    if (!read_pixels(scene, stored, in, in->cols, in->rows, scene->raw))
        return false;
    vdt_find_valid(stored, numbers, scene->raw, count, tight);
    memset(valid, 0, (size_t)window->cols * (size_t)window->rows);
    for (size_t row = 0; row < (size_t)in->rows; row++) {
        size_t line = ((size_t)in->top + row) * (size_t)window->cols + (size_t)in->left;
        memcpy(valid + line, tight + row * cols, cols);
        for (int b = 0; b < selection->count; b++) {
            size_t plane = (size_t)b * (size_t)window->cols * (size_t)window->rows;
            vdt_convert_pixels(selection, b, scene->raw + ((size_t)b * count + row * cols) * from,
                               cols, pixels + (plane + line) * to);
        }
    }
    return true;
}

/* Takes transparent or masked pixels out of `valid`. Integers are clamped to a byte by GDAL, which
 * keeps 0 apart from all else; an alpha of 0.3 would become 0 and is read as it is. */
static bool apply_mask(struct vdt_scene *scene, GDALRasterBandH band,
                       const struct vdt_window *window, const struct inside *in, uint8_t *valid)
{
    bool real = GDALDataTypeIsFloating(GDALGetRasterDataType(band)) != 0;
    size_t size = real ? sizeof(float) : 1, count = (size_t)in->cols * (size_t)in->rows;
    if (!vdt_grow(&scene->scratch, &scene->scratch_capacity, count * size, 1)) {
        CPLError(CE_Failure, CPLE_OutOfMemory, "out of memory");
        return false;
    }
    if (GDALRasterIO(band, GF_Read, in->col, in->row, in->cols, in->rows, scene->scratch, in->cols,
                     in->rows, real ? GDT_Float32 : GDT_Byte, 0, 0) != CE_None)
        return false;
    for (int row = 0; row < in->rows; row++) {
        uint8_t *line = valid + (size_t)(in->top + row) * (size_t)window->cols + in->left;
        const unsigned char *opaque = scene->scratch + (size_t)row * (size_t)in->cols * size;
        for (int col = 0; col < in->cols; col++)
            line[col] &= real ? ((const float *)(const void *)opaque)[col] > 0 : opaque[col] != 0;
    }
    return true;
}

static vdt_status fail_read(struct vdt_scene *scene, const struct vdt_window *window,
                            const struct vdt_quiet *quiet, struct vdt_error *error)
{
    vdt_status status =
        vdt_fail(error, VDT_ERR_FORMAT,
                 "%s: window col %d row %d %dx%d: cannot be read (%s): fetch or make the file anew",
                 scene->path, window->col, window->row, window->cols, window->rows,
                 vdt_quiet_text(quiet, "GDAL does not say why"));
    /* A block that came with a warning is in GDAL's cache, where it would pass for good. */
    GDALFlushCache(scene->dataset);
    vdt_blocks_forget(scene->blocks);
    return status;
}

static vdt_status try_read(struct vdt_scene *scene, const struct vdt_band_selection *selection,
                           const struct vdt_window *window, void *pixels, uint8_t *valid,
                           struct vdt_error *error)
{
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    struct inside in = clamp(scene, window);
    size_t count = (size_t)window->cols * (size_t)window->rows;
    bool padded = in.cols < window->cols || in.rows < window->rows;
    if (padded)
        vdt_scene_blank_all(selection, count, pixels);
    if (in.cols == 0) {
        memset(valid, 0, count);
        return VDT_OK;
    }
    bool good = selection->stored != NULL
                    ? read_converted(scene, selection, window, &in, pixels, valid)
                    : read_plain(scene, selection, window, &in, pixels, valid);
    if (!good || quiet.failures + quiet.damage > 0)
        return fail_read(scene, window, &quiet, error);
    if (scene->alpha != NULL)
        good = apply_mask(scene, scene->alpha, window, &in, valid);
    if (good && scene->mask != NULL)
        good = apply_mask(scene, scene->mask, window, &in, valid);
    if (!good || quiet.failures + quiet.damage > 0)
        return fail_read(scene, window, &quiet, error);
    return VDT_OK;
}

vdt_status vdt_scene_read(struct vdt_scene *scene, const struct vdt_band_selection *selection,
                          const struct vdt_window *window, void *pixels, uint8_t *valid,
                          struct vdt_error *error)
{
    if (window->cols < 1 || window->rows < 1)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: a window of %d x %d pixels", scene->path,
                        window->cols, window->rows);
    if (scene->join != NULL)
        return vdt_join_read(scene, selection, window, pixels, valid, error);
    vdt_cleanup(vdt_remote_end) struct vdt_remote remote;
    vdt_remote_begin(&remote, scene->path);
    struct vdt_error cause;
    for (unsigned tried = 0;; tried++) {
        vdt_status status = try_read(scene, selection, window, pixels, valid, &cause);
        if (status == VDT_OK)
            return VDT_OK;
        if (!vdt_remote_again(scene->path, &cause, tried))
            return vdt_fail(error, status, "%s", cause.message);
    }
}
