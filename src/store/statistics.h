/* Statistics of bands of 8 and 16 bits from exact sums. */
#ifndef STORE_STATISTICS_H
#define STORE_STATISTICS_H

#include <stdbool.h>
#include <vedatile/store.h>

/* Of at least one pixel. `squares` is modulo 2^64: around the whole number next to the mean the
 * true value is less than that. */
struct vdt_sums {
    uint64_t count, squares;
    int64_t sum, low, high;
};

struct vdt_band_stats vdt_statistics_of(const struct vdt_sums *sums);

/* Of all pixels of a band, with the vector instructions that this processor has. False where there
 * are none for the type: nothing is done then. */
bool vdt_sums_all(enum vdt_dtype dtype, const void *pixels, size_t count, struct vdt_sums *sums);

#endif
