/* Sums of small integers, 32 bytes at a time where the processor can. */
#include "store/statistics.h"

#include <math.h>
#include <stddef.h>

struct vdt_band_stats vdt_statistics_of(const struct vdt_sums *sums)
{
    struct vdt_band_stats stats = {.count = sums->count};
    stats.mean = (double)sums->sum / (double)sums->count;
    int64_t near = (int64_t)floor(stats.mean + 0.5);
    int64_t off = sums->sum - (int64_t)sums->count * near;
    uint64_t around = sums->squares - (uint64_t)near * (uint64_t)(sums->sum + off);
    stats.m2 = (double)around - (double)off * ((double)off / (double)sums->count);
    stats.min = (double)sums->low;
    stats.max = (double)sums->high;
    return stats;
}

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

static void add_pixel(struct vdt_sums *sums, int64_t value)
{
    sums->count++;
    sums->sum += value;
    sums->squares += (uint64_t)(value * value);
    sums->low = value < sums->low ? value : sums->low;
    sums->high = value > sums->high ? value : sums->high;
}

AVX2 static __m256i load(const void *from)
{
    return _mm256_loadu_si256(from);
}

/* Both halves of every 64 bits, as numbers without a sign. */
AVX2 static __m256i widened(__m256i words)
{
    return _mm256_add_epi64(_mm256_and_si256(words, _mm256_set1_epi64x(UINT32_MAX)),
                            _mm256_srli_epi64(words, 32));
}

AVX2 static uint64_t total(__m256i sums)
{
    uint64_t lanes[4];
    _mm256_storeu_si256((void *)lanes, sums);
    return lanes[0] + lanes[1] + lanes[2] + lanes[3];
}

enum { RUN_U8 = 8192, RUN_16 = 16384 }; /* vectors after which 32 bits could overflow */

AVX2 static void sums_u8(const uint8_t *pixels, size_t count, struct vdt_sums *sums)
{
    const __m256i zero = _mm256_setzero_si256();
    __m256i low = _mm256_set1_epi8(-1), high = zero, sum = zero, squares = zero;
    size_t i = 0;
    while (i + 32 <= count) {
        __m256i run = zero;
        for (int k = 0; k < RUN_U8 && i + 32 <= count; k++, i += 32) {
            __m256i v = load(pixels + i);
            low = _mm256_min_epu8(low, v);
            high = _mm256_max_epu8(high, v);
            sum = _mm256_add_epi64(sum, _mm256_sad_epu8(v, zero));
            __m256i a = _mm256_unpacklo_epi8(v, zero), b = _mm256_unpackhi_epi8(v, zero);
            run = _mm256_add_epi32(run, _mm256_madd_epi16(a, a));
            run = _mm256_add_epi32(run, _mm256_madd_epi16(b, b));
        }
        squares = _mm256_add_epi64(squares, widened(run));
    }
    uint8_t lows[32], highs[32];
    _mm256_storeu_si256((void *)lows, low);
    _mm256_storeu_si256((void *)highs, high);
    *sums = (struct vdt_sums){i, total(squares), (int64_t)total(sum), UINT8_MAX, 0};
    for (int k = 0; k < 32; k++) {
        sums->low = lows[k] < sums->low ? lows[k] : sums->low;
        sums->high = highs[k] > sums->high ? highs[k] : sums->high;
    }
    for (; i < count; i++)
        add_pixel(sums, pixels[i]);
}

/* Of 16 bits less `shift`, which brings numbers without a sign into those with one. */
AVX2 static size_t sums_16(const void *pixels, size_t count, int32_t shift, struct vdt_sums *sums)
{
    const __m256i zero = _mm256_setzero_si256(), one = _mm256_set1_epi16(1);
    const __m256i flip = _mm256_set1_epi16((int16_t)-shift);
    __m256i low = _mm256_set1_epi16(INT16_MAX), high = _mm256_set1_epi16(INT16_MIN);
    __m256i squares = zero;
    int64_t sum = 0;
    size_t i = 0;
    while (i + 16 <= count) {
        __m256i run = zero;
        for (int k = 0; k < RUN_16 && i + 16 <= count; k++, i += 16) {
            __m256i v = _mm256_xor_si256(load((const uint16_t *)pixels + i), flip);
            low = _mm256_min_epi16(low, v);
            high = _mm256_max_epi16(high, v);
            run = _mm256_add_epi32(run, _mm256_madd_epi16(v, one));
            squares = _mm256_add_epi64(squares, widened(_mm256_madd_epi16(v, v)));
        }
        int32_t lanes[8];
        _mm256_storeu_si256((void *)lanes, run);
        for (int k = 0; k < 8; k++)
            sum += lanes[k];
    }
    int16_t lows[16], highs[16];
    _mm256_storeu_si256((void *)lows, low);
    _mm256_storeu_si256((void *)highs, high);
    *sums = (struct vdt_sums){i, 0, sum + (int64_t)i * shift, INT32_MAX, INT32_MIN};
    for (int k = 0; k < 16; k++) {
        sums->low = lows[k] + shift < sums->low ? lows[k] + shift : sums->low;
        sums->high = highs[k] + shift > sums->high ? highs[k] + shift : sums->high;
    }
    sums->squares = total(squares) + 2 * (uint64_t)shift * (uint64_t)sum +
                    (uint64_t)i * (uint64_t)shift * (uint64_t)shift;
    return i;
}

bool vdt_sums_all(enum vdt_dtype dtype, const void *pixels, size_t count, struct vdt_sums *sums)
{
    if (count == 0 || !__builtin_cpu_supports("avx2"))
        return false;
    if (dtype == VDT_UINT8) {
        sums_u8(pixels, count, sums);
    } else if (dtype == VDT_UINT16) {
        const uint16_t *values = pixels;
        for (size_t i = sums_16(values, count, 32768, sums); i < count; i++)
            add_pixel(sums, values[i]);
    } else if (dtype == VDT_INT16) {
        const int16_t *values = pixels;
        for (size_t i = sums_16(values, count, 0, sums); i < count; i++)
            add_pixel(sums, values[i]);
    } else {
        return false;
    }
    return true;
}

#else

bool vdt_sums_all(enum vdt_dtype dtype, const void *pixels, size_t count, struct vdt_sums *sums)
{
    (void)dtype, (void)pixels, (void)count, (void)sums;
    return false;
}

#endif
