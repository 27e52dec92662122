/* Bootstrap: how much a score would move with other samples of the same kind. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <vedatile/scores.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/random.h"

/* A number below `count`, from the upper bits of a product (Lemire 2019, without the rejection of
 * a bias of count / 2^64). */
static uint64_t draw(uint64_t seed, uint64_t replicate, uint64_t i, uint64_t count)
{
    const uint64_t random = vdt_mix2(vdt_mix2(seed, replicate), i);
    const uint64_t high = random >> 32, low = random & UINT32_MAX;
    return (high * count + (low * count >> 32)) >> 32;
}

static vdt_status draw_clusters(uint64_t seed, uint64_t replicate, uint64_t count,
                                const uint32_t *cluster, uint32_t cluster_count, uint32_t *weights,
                                struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) uint32_t *drawn = vdt_allocate_zero(cluster_count, sizeof *drawn);
    if (!drawn)
        return vdt_fail_memory(error, "bootstrap");
    for (uint64_t i = 0; i < count; i++)
        if (cluster[i] >= cluster_count)
            return vdt_fail(error, VDT_ERR_ARGUMENT, "bootstrap: sample %llu: cluster %u of %u",
                            (unsigned long long)i, cluster[i], cluster_count);
    for (uint32_t i = 0; i < cluster_count; i++)
        drawn[draw(seed, replicate, i, cluster_count)]++;
    for (uint64_t i = 0; i < count; i++)
        weights[i] = drawn[cluster[i]];
    return VDT_OK;
}

vdt_status vdt_bootstrap_weights(uint64_t seed, uint64_t replicate, uint64_t count,
                                 const uint32_t *cluster, uint32_t cluster_count, uint32_t *weights,
                                 struct vdt_error *error)
{
    if (count > UINT32_MAX)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "bootstrap: %llu samples; at most 2^32 - 1",
                        (unsigned long long)count);
    if (cluster)
        return draw_clusters(seed, replicate, count, cluster, cluster_count, weights, error);
    memset(weights, 0, count * sizeof *weights);
    for (uint64_t i = 0; i < count; i++)
        weights[draw(seed, replicate, i, count)]++;
    return VDT_OK;
}

static int by_value(const void *a, const void *b)
{
    const double first = *(const double *)a, second = *(const double *)b;
    return (first > second) - (first < second);
}

static double percentile(const double *sorted, uint64_t count, double share)
{
    const double at = share * (double)(count - 1);
    const uint64_t below = (uint64_t)at;
    if (below + 1 >= count)
        return sorted[count - 1];
    return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

vdt_status vdt_bootstrap_interval(const double *values, uint64_t count, double level,
                                  struct vdt_interval *interval, struct vdt_error *error)
{
    if (level == 0)
        level = 0.95;
    if (!(level > 0 && level < 1))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "bootstrap: a level of %g; between 0 and 1",
                        level);
    vdt_cleanup(vdt_free_pointer) double *sorted = vdt_allocate(count, sizeof *sorted);
    if (!sorted)
        return vdt_fail_memory(error, "bootstrap");
    uint64_t kept = 0;
    double sum = 0, squares = 0, above = 0;
    for (uint64_t i = 0; i < count; i++)
        if (!isnan(values[i])) {
            sorted[kept++] = values[i];
            sum += values[i];
            above += values[i] > 0 ? 1 : values[i] < 0 ? 0 : 0.5;
        }
    *interval = (struct vdt_interval){NAN, NAN, NAN, NAN, NAN, kept};
    if (kept == 0)
        return VDT_OK;
    qsort(sorted, kept, sizeof *sorted, by_value);
    interval->mean = sum / (double)kept;
    for (uint64_t i = 0; i < kept; i++)
        squares += (sorted[i] - interval->mean) * (sorted[i] - interval->mean);
    interval->low = percentile(sorted, kept, (1 - level) / 2);
    interval->high = percentile(sorted, kept, (1 + level) / 2);
    interval->deviation = kept > 1 ? sqrt(squares / (double)(kept - 1)) : 0;
    interval->above = above / (double)kept;
    return VDT_OK;
}
