/* Values go by way of one of three types that hold them: int64 when integers are clamped, float32
 * where that is exact enough, else float64. */
#include "load/convert.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* gcc 12 vectorises loops of unknown length from -O3 on; clang does at -O2. A fused multiply-add
 * would make results differ from machine to machine. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC optimize("O3")
#endif

enum { BLOCK = 512 }; /* values on their way: stays in the first-level cache */

/* Types for arrays at any address. */
#define ANY __attribute__((aligned(1), may_alias))
typedef int8_t ANY any_int8;
typedef uint8_t ANY any_uint8;
typedef int16_t ANY any_int16;
typedef uint16_t ANY any_uint16;
typedef int32_t ANY any_int32;
typedef uint32_t ANY any_uint32;
typedef int64_t ANY any_int64;
typedef uint64_t ANY any_uint64;
typedef float ANY any_float32;
typedef double ANY any_float64;

/* --- single values ---------------------------------------------------------------------------- */

static inline uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Without branches, so that rows of it are vectorised; to the bit what F16C does. */
static inline uint16_t half_from_float(float value)
{
    const uint32_t infinity = 0x7f800000, overflow = 0x477ff000, least_normal = 0x38800000;
    uint32_t bits = bits_of(value);
    uint32_t sign = bits >> 16 & 0x8000;
    bits &= 0x7fffffff;
    /* Adding 0.5 leaves the half's subnormal, rounded, in the low bits of the sum. */
    uint32_t tiny = bits_of(float_of(bits) + 0.5F) - bits_of(0.5F);
    uint32_t normal = (bits - (112U << 23) + 0xfff + (bits >> 13 & 1)) >> 13;
    uint32_t nan = 0x7e00 | (bits >> 13 & 0x3ff);
    uint32_t half = bits < least_normal ? tiny : normal;
    half = bits >= overflow ? 0x7c00 : half;
    half = bits > infinity ? nan : half;
    return (uint16_t)(sign | half);
}

static inline uint16_t bfloat16_from_float(float value)
{
    uint32_t bits = bits_of(value);
    bool nan = (bits & 0x7fffffff) > 0x7f800000;
    uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    return (uint16_t)(nan ? bits >> 16 | 0x40 : rounded);
}

static inline float float_from_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t bits = (uint32_t)(half & 0x7fff) << 13;
    uint32_t normal = bits + (112U << 23);
    uint32_t special = bits + (224U << 23); /* infinity and NaN */
    special |= bits > 0x0f800000 ? 0x400000 : 0;
    float tiny = (float)(half & 0x7fff) * 0x1p-24F;
    uint32_t value = bits < 0x00800000 ? bits_of(tiny) : normal;
    value = bits >= 0x0f800000 ? special : value;
    return float_of(sign | value);
}

static inline float float_from_bfloat16(uint16_t value)
{
    return float_of((uint32_t)value << 16);
}

/* Rounds to odd, so that rounding on to a shorter type is as if done at once (Boldo, Melquiond
 * 2008). */
static inline float odd_from_double(double value)
{
    float rounded = (float)value;
    uint32_t bits = bits_of(rounded);
    if (isnan(value) || rounded == value || bits & 1)
        return rounded;
    return float_of(fabs((double)rounded) > fabs(value) ? bits - 1 : bits + 1);
}

uint16_t vdt_half_from_float(float value)
{
    return half_from_float(value);
}

uint16_t vdt_bfloat16_from_float(float value)
{
    return bfloat16_from_float(value);
}

float vdt_float_from_half(uint16_t half)
{
    return float_from_half(half);
}

bool vdt_is_integer(enum vdt_dtype dtype)
{
    switch (dtype) {
    case VDT_UINT8:
    case VDT_UINT16:
    case VDT_INT16:
    case VDT_UINT32:
    case VDT_INT32:
    case VDT_INT8:
    case VDT_UINT64:
    case VDT_INT64: return true;
    case VDT_FLOAT32:
    case VDT_FLOAT64:
    case VDT_FLOAT16:
    case VDT_BFLOAT16: return false;
    }
    return false;
}

/* --- rows of one type ------------------------------------------------------------------------- */

/* A function name(conversion, in, count, out) that stores ((calculation) - offset) * factor. */
#define DEFINE_LOAD(name, in_type, calculation, real, any_real)                             \
    static void name(const struct vdt_conversion *conversion, const void *in, size_t count, \
                     void *out)                                                             \
    {                                                                                       \
        const in_type *restrict x = in;                                                     \
        any_real *restrict y = out;                                                         \
        const real factor = (real)conversion->factor, offset = (real)conversion->offset;    \
        if (conversion->scaled)                                                             \
            for (size_t i = 0; i < count; i++)                                              \
                y[i] = ((real)calculation(x[i]) - offset) * factor;                         \
        else                                                                                \
            for (size_t i = 0; i < count; i++)                                              \
                y[i] = (real)calculation(x[i]);                                             \
    }

DEFINE_LOAD(float_uint8, any_uint8, , float, any_float32)
DEFINE_LOAD(float_int8, any_int8, , float, any_float32)
DEFINE_LOAD(float_uint16, any_uint16, , float, any_float32)
DEFINE_LOAD(float_int16, any_int16, , float, any_float32)
DEFINE_LOAD(float_float32, any_float32, , float, any_float32)
DEFINE_LOAD(float_float16, any_uint16, float_from_half, float, any_float32)
DEFINE_LOAD(float_bfloat16, any_uint16, float_from_bfloat16, float, any_float32)

DEFINE_LOAD(double_uint8, any_uint8, , double, any_float64)
DEFINE_LOAD(double_int8, any_int8, , double, any_float64)
DEFINE_LOAD(double_uint16, any_uint16, , double, any_float64)
DEFINE_LOAD(double_int16, any_int16, , double, any_float64)
DEFINE_LOAD(double_uint32, any_uint32, , double, any_float64)
DEFINE_LOAD(double_int32, any_int32, , double, any_float64)
DEFINE_LOAD(double_uint64, any_uint64, , double, any_float64)
DEFINE_LOAD(double_int64, any_int64, , double, any_float64)
DEFINE_LOAD(double_float32, any_float32, , double, any_float64)
DEFINE_LOAD(double_float64, any_float64, , double, any_float64)
DEFINE_LOAD(double_float16, any_uint16, float_from_half, double, any_float64)
DEFINE_LOAD(double_bfloat16, any_uint16, float_from_bfloat16, double, any_float64)

/* A function name(in, count, out) for values that need no calculation but `expression` of x. */
#define DEFINE_STORE(name, in_type, out_type, expression)     \
    static void name(const void *in, size_t count, void *out) \
    {                                                         \
        const in_type *restrict from = in;                    \
        out_type *restrict y = out;                           \
        for (size_t i = 0; i < count; i++) {                  \
            in_type x = from[i];                              \
            y[i] = (out_type)(expression);                    \
        }                                                     \
    }

#define CLAMPED(low, high) (x < (low) ? (low) : x > (high) ? (high) : x)

DEFINE_STORE(integers_uint8, any_uint8, int64_t, x)
DEFINE_STORE(integers_int8, any_int8, int64_t, x)
DEFINE_STORE(integers_uint16, any_uint16, int64_t, x)
DEFINE_STORE(integers_int16, any_int16, int64_t, x)
DEFINE_STORE(integers_uint32, any_uint32, int64_t, x)
DEFINE_STORE(integers_int32, any_int32, int64_t, x)
DEFINE_STORE(integers_uint64, any_uint64, int64_t, x > INT64_MAX ? INT64_MAX : x)
DEFINE_STORE(integers_int64, any_int64, int64_t, x)

DEFINE_STORE(uint8_clamped, int64_t, any_uint8, CLAMPED(0, UINT8_MAX))
DEFINE_STORE(int8_clamped, int64_t, any_int8, CLAMPED(INT8_MIN, INT8_MAX))
DEFINE_STORE(uint16_clamped, int64_t, any_uint16, CLAMPED(0, UINT16_MAX))
DEFINE_STORE(int16_clamped, int64_t, any_int16, CLAMPED(INT16_MIN, INT16_MAX))
DEFINE_STORE(uint32_clamped, int64_t, any_uint32, CLAMPED(0, (int64_t)UINT32_MAX))
DEFINE_STORE(int32_clamped, int64_t, any_int32, CLAMPED(INT32_MIN, INT32_MAX))
DEFINE_STORE(uint64_clamped, int64_t, any_uint64, x < 0 ? 0 : x)
DEFINE_STORE(int64_clamped, int64_t, any_int64, x)

DEFINE_STORE(float32_doubles, double, any_float32, x)
DEFINE_STORE(float16_doubles, double, any_uint16, half_from_float(odd_from_double(x)))
DEFINE_STORE(bfloat16_doubles, double, any_uint16, bfloat16_from_float(odd_from_double(x)))
DEFINE_STORE(bfloat16_floats, float, any_uint16, bfloat16_from_float(x))
DEFINE_STORE(float16_portable, float, any_uint16, half_from_float(x))

#if defined(__x86_64__)
__attribute__((target("avx2,f16c"))) static void float16_f16c(const void *in, size_t count,
                                                              void *out)
{
    const float *x = in;
    unsigned char *y = out;
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        __m128i halves = _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT);
        _mm_storeu_si128((__m128i *)(void *)(y + 2 * i), halves);
    }
    float16_portable(x + i, count - i, y + 2 * i);
}
#endif

static void float16_floats(const void *in, size_t count, void *out)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) { /* such CPUs have F16C, for which clang 14 cannot ask */
        float16_f16c(in, count, out);
        return;
    }
#endif
    float16_portable(in, count, out);
}

/* --- from type to type ------------------------------------------------------------------------ */

typedef void load_function(const struct vdt_conversion *conversion, const void *in, size_t count,
                           void *out);
typedef void store_function(const void *in, size_t count, void *out);

/* By enum vdt_dtype. NULL in the first: float64 is needed, to hold the values. */
static load_function *const load_floats[] = {
    [VDT_UINT8] = float_uint8,       [VDT_INT8] = float_int8,
    [VDT_UINT16] = float_uint16,     [VDT_INT16] = float_int16,
    [VDT_FLOAT32] = float_float32,   [VDT_FLOAT16] = float_float16,
    [VDT_BFLOAT16] = float_bfloat16, [VDT_INT64] = NULL,
};
static load_function *const load_doubles[] = {
    [VDT_UINT8] = double_uint8,     [VDT_INT8] = double_int8,
    [VDT_UINT16] = double_uint16,   [VDT_INT16] = double_int16,
    [VDT_UINT32] = double_uint32,   [VDT_INT32] = double_int32,
    [VDT_UINT64] = double_uint64,   [VDT_INT64] = double_int64,
    [VDT_FLOAT32] = double_float32, [VDT_FLOAT64] = double_float64,
    [VDT_FLOAT16] = double_float16, [VDT_BFLOAT16] = double_bfloat16,
};
static store_function *const load_integers[] = {
    [VDT_UINT8] = integers_uint8,   [VDT_INT8] = integers_int8,     [VDT_UINT16] = integers_uint16,
    [VDT_INT16] = integers_int16,   [VDT_UINT32] = integers_uint32, [VDT_INT32] = integers_int32,
    [VDT_UINT64] = integers_uint64, [VDT_INT64] = integers_int64,
};
static store_function *const store_integers[] = {
    [VDT_UINT8] = uint8_clamped,   [VDT_INT8] = int8_clamped,     [VDT_UINT16] = uint16_clamped,
    [VDT_INT16] = int16_clamped,   [VDT_UINT32] = uint32_clamped, [VDT_INT32] = int32_clamped,
    [VDT_UINT64] = uint64_clamped, [VDT_INT64] = int64_clamped,
};
static store_function *const store_floats[] = {
    [VDT_FLOAT16] = float16_floats,
    [VDT_BFLOAT16] = bfloat16_floats,
};
static store_function *const store_doubles[] = {
    [VDT_FLOAT32] = float32_doubles,
    [VDT_FLOAT16] = float16_doubles,
    [VDT_BFLOAT16] = bfloat16_doubles,
};

void vdt_convert(const struct vdt_conversion *conversion, const void *in, size_t count, void *out)
{
    const enum vdt_dtype from = conversion->from, to = conversion->to;
    const size_t in_size = vdt_dtype_size(from), out_size = vdt_dtype_size(to);
    assert(!vdt_is_integer(to) || (vdt_is_integer(from) && !conversion->scaled));
    if (from == to && !conversion->scaled) {
        memcpy(out, in, count * in_size);
        return;
    }
    const bool wide = load_floats[from] == NULL || to == VDT_FLOAT64;
    if (to == VDT_FLOAT64 || (to == VDT_FLOAT32 && !wide)) {
        (wide ? load_doubles[from] : load_floats[from])(conversion, in, count, out);
        return;
    }
    for (size_t done = 0; done < count; done += BLOCK) {
        union {
            int64_t integers[BLOCK];
            double doubles[BLOCK];
            float floats[BLOCK];
        } block;
        const size_t part = count - done < BLOCK ? count - done : BLOCK;
        const unsigned char *x = (const unsigned char *)in + done * in_size;
        unsigned char *y = (unsigned char *)out + done * out_size;
        if (vdt_is_integer(to)) {
            load_integers[from](x, part, block.integers);
            store_integers[to](block.integers, part, y);
        } else if (wide) {
            load_doubles[from](conversion, x, part, block.doubles);
            store_doubles[to](block.doubles, part, y);
        } else {
            load_floats[from](conversion, x, part, block.floats);
            store_floats[to](block.floats, part, y);
        }
    }
}
