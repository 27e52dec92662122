/* Boundaries of regions, of all values in one walk.
 *
 * A pixel is inside its region when the square of 2 * distance + 1 pixels around it is of one
 * value. That is so when each row of the square is, and these are of the same value; both are
 * counted as runs, so the cost does not grow with the distance. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <vedatile/scores.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

static uint32_t value_at(const void *values, enum vdt_dtype dtype, uint64_t at)
{
    return dtype == VDT_UINT8 ? ((const uint8_t *)values)[at] : ((const uint16_t *)values)[at];
}

struct walk {
    const void *values;
    enum vdt_dtype dtype;
    uint32_t rows, cols;
    uint64_t side;    /* of the square */
    uint32_t *before; /* [cols] value of the row above */
    uint64_t *run;    /* [cols] rows that end here, all of one value across the square */
    uint8_t *boundary;
};

/* The square's lowest row is `row`: marks the middle where all of it is of one value. */
static void walk_row(struct walk *walk, uint32_t row)
{
    const uint64_t first = (uint64_t)row * walk->cols, distance = walk->side / 2;
    uint64_t across = 0; /* equal pixels that end at `col` */
    for (uint32_t col = 0; col < walk->cols; col++) {
        const uint32_t value = value_at(walk->values, walk->dtype, first + col);
        const bool goes_on =
            col > 0 && value == value_at(walk->values, walk->dtype, first + col - 1);
        across = goes_on ? across + 1 : 1;
        if (col < distance)
            continue;
        /* The middle column of the square that ends at `col`. */
        const uint64_t middle = col - distance;
        if (col + 1 < walk->side || across < walk->side)
            walk->run[middle] = 0;
        else if (walk->run[middle] > 0 && walk->before[middle] == value)
            walk->run[middle]++;
        else
            walk->run[middle] = 1;
        walk->before[middle] = value;
        if (walk->run[middle] >= walk->side)
            walk->boundary[first - distance * walk->cols + middle] = 0;
    }
}

vdt_status vdt_mask_boundary(const void *values, enum vdt_dtype dtype, uint32_t rows, uint32_t cols,
                             uint32_t distance, uint8_t *boundary, struct vdt_error *error)
{
    if (dtype != VDT_UINT8 && dtype != VDT_UINT16)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "boundary: masks are uint8 or uint16, not %s",
                        vdt_dtype_name(dtype));
    vdt_cleanup(vdt_free_pointer) uint32_t *before = vdt_allocate_zero(cols, sizeof *before);
    vdt_cleanup(vdt_free_pointer) uint64_t *run = vdt_allocate_zero(cols, sizeof *run);
    if (!before || !run)
        return vdt_fail_memory(error, "boundary");
    memset(boundary, 1, (size_t)rows * cols);
    struct walk walk = {values, dtype, rows,    cols, 2 * (uint64_t)distance + 1,
                        before, run,   boundary};
    for (uint32_t row = 0; row < rows; row++)
        walk_row(&walk, row);
    return VDT_OK;
}

uint32_t vdt_boundary_distance(uint32_t rows, uint32_t cols)
{
    const double distance = nearbyint(0.02 * hypot(rows, cols));
    return distance < 1 ? 1 : (uint32_t)distance;
}

vdt_status vdt_boundary_add(const void *truth, const void *predicted, const uint8_t *skip,
                            enum vdt_dtype dtype, uint32_t rows, uint32_t cols,
                            uint32_t class_count, uint32_t distance, uint64_t *both, uint64_t *any,
                            struct vdt_error *error)
{
    const uint64_t pixels = (uint64_t)rows * cols;
    vdt_cleanup(vdt_free_pointer) uint8_t *of_truth = vdt_allocate(pixels, 1);
    vdt_cleanup(vdt_free_pointer) uint8_t *of_predicted = vdt_allocate(pixels, 1);
    if (!of_truth || !of_predicted)
        return vdt_fail_memory(error, "boundary");
    vdt_status status = vdt_mask_boundary(truth, dtype, rows, cols, distance, of_truth, error);
    if (status == VDT_OK)
        status = vdt_mask_boundary(predicted, dtype, rows, cols, distance, of_predicted, error);
    if (status != VDT_OK)
        return status;
    const uint32_t ignored = dtype == VDT_UINT8 ? UINT8_MAX : UINT16_MAX;
    for (uint64_t i = 0; i < pixels; i++) {
        const uint32_t t = value_at(truth, dtype, i), p = value_at(predicted, dtype, i);
        if ((skip && skip[i]) || t == ignored)
            continue;
        if (t > class_count || (p > class_count && p != ignored))
            return vdt_fail(error, VDT_ERR_FORMAT, "pixel %llu: value %u of %u classes",
                            (unsigned long long)i, t > class_count ? t : p, class_count);
        const bool agree = of_truth[i] && of_predicted[i] && t == p;
        both[t] += agree;
        any[t] += of_truth[i];
        if (of_predicted[i] && p != ignored && !agree)
            any[p]++;
    }
    return VDT_OK;
}
