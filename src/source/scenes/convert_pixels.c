/* Pixels of one type and unit to another: through runs of doubles, which hold every value of every
 * type exactly. */
#include "source/scenes/convert_pixels.h"

#include <math.h>

enum { RUN = 256 };

static const double bounds[][2] = {
    [VDT_UINT8] = {0, UINT8_MAX},         [VDT_UINT16] = {0, UINT16_MAX},
    [VDT_INT16] = {INT16_MIN, INT16_MAX}, [VDT_UINT32] = {0, UINT32_MAX},
    [VDT_INT32] = {INT32_MIN, INT32_MAX},
};

bool vdt_dtype_is_real(enum vdt_dtype dtype)
{
    return dtype == VDT_FLOAT32 || dtype == VDT_FLOAT64;
}

bool vdt_dtype_fits(enum vdt_dtype dtype, double value)
{
    if (dtype == VDT_FLOAT64)
        return true;
    if (dtype == VDT_FLOAT32)
        return !isfinite(value) || isfinite((float)value);
    return value >= bounds[dtype][0] && value <= bounds[dtype][1] && value == floor(value);
}

/* --- runs --------------------------------------------------------------------------------- */

#define RUN_LOOPS(NAME, TYPE)                                                \
    static void get_##NAME(const void *pixels, size_t count, double *values) \
    {                                                                        \
        const TYPE *p = pixels;                                              \
        for (size_t i = 0; i < count; i++)                                   \
            values[i] = (double)p[i];                                        \
    }                                                                        \
    static void put_##NAME(const double *values, size_t count, void *pixels) \
    {                                                                        \
        TYPE *p = pixels;                                                    \
        for (size_t i = 0; i < count; i++)                                   \
            p[i] = (TYPE)values[i];                                          \
    }

RUN_LOOPS(u8, uint8_t)
RUN_LOOPS(u16, uint16_t)
RUN_LOOPS(i16, int16_t)
RUN_LOOPS(u32, uint32_t)
RUN_LOOPS(i32, int32_t)
RUN_LOOPS(f32, float)
RUN_LOOPS(f64, double)

static void get(enum vdt_dtype dtype, const void *pixels, size_t count, double *values)
{
    switch (dtype) {
    case VDT_UINT8: get_u8(pixels, count, values); break;
    case VDT_UINT16: get_u16(pixels, count, values); break;
    case VDT_INT16: get_i16(pixels, count, values); break;
    case VDT_UINT32: get_u32(pixels, count, values); break;
    case VDT_INT32: get_i32(pixels, count, values); break;
    case VDT_FLOAT32: get_f32(pixels, count, values); break;
    default: get_f64(pixels, count, values); break;
    }
}

static void put(enum vdt_dtype dtype, const double *values, size_t count, void *pixels)
{
    switch (dtype) {
    case VDT_UINT8: put_u8(values, count, pixels); break;
    case VDT_UINT16: put_u16(values, count, pixels); break;
    case VDT_INT16: put_i16(values, count, pixels); break;
    case VDT_UINT32: put_u32(values, count, pixels); break;
    case VDT_INT32: put_i32(values, count, pixels); break;
    case VDT_FLOAT32: put_f32(values, count, pixels); break;
    default: put_f64(values, count, pixels); break;
    }
}

/* After clamping the sum is below 2^53, where doubles are whole numbers: adding and taking away
 * rounds as every sum is rounded, half to even, and compiles to vector code where rint() is a call.
 */
static void settle(double *values, size_t count, const double range[2], double none)
{
    const double whole = 0x1.8p52, low = range[0], high = range[1];
    for (size_t i = 0; i < count; i++) {
        double value = values[i];
        bool number = value == value;
        value = value < low ? low : value;
        value = value > high ? high : value;
        value = (value + whole) - whole;
        values[i] = number ? value : none;
    }
}

void vdt_convert_pixels(const struct vdt_band_selection *selection, int band, const void *stored,
                        size_t count, void *pixels)
{
    const struct vdt_band_selection *from = selection->stored;
    size_t from_size = vdt_dtype_size(from->dtype), size = vdt_dtype_size(selection->dtype);
    double scale = selection->scale[band], offset = selection->offset[band];
    double values[RUN], hole = from->nodata[band], none = selection->nodata[band];
    bool has = from->has_nodata[band], real = vdt_dtype_is_real(selection->dtype);
    for (size_t start = 0; start < count; start += RUN) {
        size_t run = count - start < RUN ? count - start : RUN;
        get(from->dtype, (const char *)stored + start * from_size, run, values);
        for (size_t i = 0; i < run; i++) {
            double value = values[i] * scale + offset;
            values[i] = has && values[i] == hole ? none : value;
        }
        if (has && isnan(hole))
            for (size_t i = 0; i < run; i++)
                values[i] = isnan(values[i]) ? none : values[i];
        if (!real)
            settle(values, run, bounds[selection->dtype], has ? none : 0);
        put(selection->dtype, values, run, (char *)pixels + start * size);
    }
}
