/* What the samples of a group come to together. */
#include <math.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "store/reader_state.h"

enum { BLOCK_BYTES = 1 << 20 };

/* Joins two sets' means and squared differences exactly: Chan, Golub and LeVeque 1979, "Updating
 * formulae and a pairwise algorithm for computing sample variances". */
static void merge(struct vdt_band_stats *sum, const struct vdt_band_stats *part)
{
    if (part->count == 0)
        return;
    if (sum->count == 0) {
        *sum = *part;
        return;
    }
    double a = (double)sum->count, b = (double)part->count, delta = part->mean - sum->mean;
    sum->m2 += part->m2 + delta * delta * a * b / (a + b);
    sum->mean += delta * b / (a + b);
    sum->count += part->count;
    sum->min = fmin(sum->min, part->min);
    sum->max = fmax(sum->max, part->max);
}

vdt_status vdt_reader_band_stats(const struct vdt_reader *reader, size_t group,
                                 struct vdt_band_stats *stats, struct vdt_error *error)
{
    const struct vdt_layout *layout = &reader->header.layout;
    size_t bands = layout->spec.tile.bands;
    uint64_t block = layout->row_bytes < BLOCK_BYTES ? BLOCK_BYTES / layout->row_bytes : 1;
    if (group >= reader->group_count)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: group %zu of %zu", reader->path, group,
                        reader->group_count);
    vdt_cleanup(vdt_free_pointer) unsigned char *rows = vdt_allocate(block, layout->row_bytes);
    vdt_cleanup(vdt_free_pointer) struct vdt_band_stats *sums =
        vdt_allocate_zero(2 * bands, sizeof *sums);
    if (rows == NULL || sums == NULL)
        return vdt_fail_memory(error, reader->path);
    uint64_t samples = reader->groups[group].count;
    for (uint64_t first = 0; first < samples; first += block) {
        uint64_t count = samples - first < block ? samples - first : block;
        vdt_status status = vdt_reader_rows(reader, group, VDT_SAMPLES, first, count, rows, error);
        if (status != VDT_OK)
            return status;
        for (uint64_t i = 0; i < count; i++) {
            struct vdt_sample sample;
            vdt_row_unpack(layout, rows + i * layout->row_bytes, &sample, sums + bands);
            for (size_t b = 0; b < bands; b++)
                merge(&sums[b], &sums[bands + b]);
        }
    }
    memcpy(stats, sums, bands * sizeof *stats);
    return VDT_OK;
}

uint64_t vdt_reader_most_boxes(const struct vdt_reader *reader, size_t group)
{
    const struct vdt_reader_group *g = &reader->groups[group];
    uint64_t most = 0;
    for (uint64_t i = 0; g->box_offsets != NULL && i < g->count; i++) {
        uint64_t boxes = g->box_offsets[i + 1] - g->box_offsets[i];
        most = boxes > most ? boxes : most;
    }
    return most;
}
