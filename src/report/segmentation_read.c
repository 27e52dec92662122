/* Reads masks and rasters sample by sample and keeps what their scores are sums of. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/ordered.h"
#include "report/ground.h"
#include "report/place.h"
#include "report/segmentation_state.h"

/* What the workers share. */
struct reading {
    struct vdt_segmented *segmented;
    const struct vdt_sides *sides;
    struct vdt_tile_spec tile;
    size_t mask_size;               /* bytes of a store's value */
    struct vdt_ground_areas *areas; /* on the ground; else NULL */
    uint32_t *tiles;                /* of samples, there */
};

/* One worker's memory: both sides as 16-bit values. */
struct read_worker {
    struct vdt_pixel_counter *counter;
    uint8_t *raw;
    uint16_t *truth, *predicted;
    uint64_t *both, *any;
    struct vdt_ground_pixels *ground; /* NULL: every pixel counts */
    uint8_t *skip;
};

static void stop(void *payload, void *worker)
{
    struct read_worker *own = worker;
    (void)payload;
    vdt_pixel_counter_free(own->counter);
    free(own->raw);
    free(own->truth);
    free(own->predicted);
    free(own->both);
    free(own->any);
    vdt_ground_pixels_free(own->ground);
    free(own->skip);
    free(own);
}

static vdt_status start(void *payload, void **worker, struct vdt_error *error)
{
    const struct reading *all = payload;
    size_t pixels = (size_t)all->tile.rows * all->tile.cols;
    size_t values = (size_t)all->segmented->class_count + 1;
    struct read_worker *own = vdt_allocate_zero(1, sizeof *own);
    if (own == NULL)
        return vdt_fail_memory(error, "masks");
    own->raw = vdt_allocate(pixels, 2);
    own->truth = vdt_allocate(pixels, sizeof *own->truth);
    own->predicted = vdt_allocate(pixels, sizeof *own->predicted);
    own->both = vdt_allocate(values, sizeof *own->both);
    own->any = vdt_allocate(values, sizeof *own->any);
    own->skip = vdt_allocate(pixels, sizeof *own->skip);
    bool good = own->raw && own->truth && own->predicted && own->both && own->any && own->skip;
    vdt_status status =
        good ? vdt_pixel_counter_new(all->segmented->class_count, VDT_UINT16, &own->counter, error)
             : vdt_fail_memory(error, "masks");
    if (!status && all->areas)
        status = vdt_ground_pixels_open(all->areas, NULL, &own->ground, error);
    if (status) {
        stop(payload, own);
        return status;
    }
    *worker = own;
    return VDT_OK;
}

/* Widens values; the highest of the type stays what it is: ignore. */
static void widen(const void *raw, size_t bytes, size_t pixels, uint16_t *values)
{
    const uint8_t *narrow = raw;
    if (bytes == 2) {
        memcpy(values, raw, 2 * pixels);
        return;
    }
    for (size_t i = 0; i < pixels; i++)
        values[i] = narrow[i] == VDT_IGNORE_U8 ? VDT_IGNORE_U16 : narrow[i];
}

static vdt_status read_truth(const struct reading *all, struct read_worker *own, uint32_t unit,
                             struct vdt_error *error)
{
    const struct vdt_side_sample *sample = &all->sides->samples[unit];
    vdt_status status =
        vdt_reader_mask(all->sides->reader, sample->store_group, sample->index, own->raw, error);
    if (!status)
        widen(own->raw, all->mask_size, (size_t)all->tile.rows * all->tile.cols, own->truth);
    return status;
}

/* A sample that has no raster is predicted nowhere. */
static vdt_status read_raster(const struct reading *all, struct read_worker *own, uint32_t unit,
                              struct vdt_error *error)
{
    const struct vdt_side_sample *sample = &all->sides->samples[unit];
    size_t pixels = (size_t)all->tile.rows * all->tile.cols;
    enum vdt_dtype dtype;
    uint32_t rows, cols;
    vdt_status status = VDT_ERR_NOT_FOUND;
    if (sample->predicted != VDT_NO_SAMPLE)
        status =
            vdt_run_raster_shape(all->sides->run, sample->predicted, &dtype, &rows, &cols, error);
    if (status == VDT_ERR_NOT_FOUND) {
        for (size_t i = 0; i < pixels; i++)
            own->predicted[i] = VDT_IGNORE_U16;
        return VDT_OK;
    }
    if (!status && (rows != all->tile.rows || cols != all->tile.cols))
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "sample %s: the raster has %u x %u pixels, the tile %u x %u",
                        sample->reference, cols, rows, all->tile.cols, all->tile.rows);
    if (!status)
        status = vdt_run_raster(all->sides->run, sample->predicted, own->raw, error);
    if (status)
        return status;
    widen(own->raw, vdt_dtype_size(dtype), pixels, own->predicted);
    for (size_t i = 0; i < pixels; i++)
        own->predicted[i] = all->segmented->run_values[own->predicted[i]];
    return VDT_OK;
}

static vdt_status keep_cells(struct vdt_segmented *segmented, struct read_worker *own,
                             uint32_t unit, struct vdt_error *error)
{
    const uint64_t *matrix = vdt_pixel_counter_matrix(own->counter);
    size_t size = (size_t)(segmented->class_count + 1) * (segmented->class_count + 2);
    uint32_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += matrix[i] != 0;
    struct vdt_pixel_cell *cells = vdt_allocate(count, sizeof *cells);
    if (cells == NULL)
        return vdt_fail_memory(error, "masks");
    for (size_t i = 0, at = 0; i < size; i++)
        if (matrix[i])
            cells[at++] = (struct vdt_pixel_cell){(uint32_t)i, (uint32_t)matrix[i]};
    segmented->cells[unit] = cells;
    segmented->cell_counts[unit] = count;
    return VDT_OK;
}

static vdt_status keep_edges(const struct reading *all, struct read_worker *own, uint32_t unit,
                             struct vdt_error *error)
{
    struct vdt_segmented *segmented = all->segmented;
    uint32_t values = segmented->class_count + 1, count = 0;
    memset(own->both, 0, values * sizeof *own->both);
    memset(own->any, 0, values * sizeof *own->any);
    const uint8_t *skip = own->ground ? own->skip : NULL;
    vdt_status status = vdt_boundary_add(own->truth, own->predicted, skip, VDT_UINT16,
                                         all->tile.rows, all->tile.cols, segmented->class_count,
                                         vdt_boundary_distance(all->tile.rows, all->tile.cols),
                                         own->both, own->any, error);
    if (status)
        return status;
    for (uint32_t i = 0; i < values; i++)
        count += own->any[i] != 0;
    struct vdt_edge_cell *edges = vdt_allocate(count, sizeof *edges);
    if (edges == NULL)
        return vdt_fail_memory(error, "masks");
    for (uint32_t i = 0, at = 0; i < values; i++)
        if (own->any[i])
            edges[at++] = (struct vdt_edge_cell){i, (uint32_t)own->both[i], (uint32_t)own->any[i]};
    segmented->edges[unit] = edges;
    segmented->edge_counts[unit] = count;
    return VDT_OK;
}

/* A place that several tiles show counts in one of them. */
static vdt_status find_skip(const struct reading *all, struct read_worker *own, uint32_t unit,
                            struct vdt_error *error)
{
    size_t pixels = (size_t)all->tile.rows * all->tile.cols;
    vdt_status status =
        vdt_ground_pixels_tile(own->ground, all->tiles[unit], own->skip, NULL, NULL, error);
    for (size_t i = 0; !status && i < pixels; i++)
        own->skip[i] = !own->skip[i];
    return status;
}

static vdt_status process(void *payload, void *worker, uint64_t item, uint32_t slot,
                          struct vdt_error *error)
{
    const struct reading *all = payload;
    struct read_worker *own = worker;
    uint32_t unit = (uint32_t)item;
    (void)slot;
    if (!all->sides->weights[unit])
        return VDT_OK;
    vdt_status status = read_truth(all, own, unit, error);
    if (!status)
        status = read_raster(all, own, unit, error);
    if (!status && own->ground)
        status = find_skip(all, own, unit, error);
    vdt_pixel_counter_clear(own->counter);
    if (!status)
        status = vdt_pixel_counter_add(own->counter, own->truth, own->predicted,
                                       own->ground ? own->skip : NULL,
                                       (uint64_t)all->tile.rows * all->tile.cols, 1, error);
    if (!status)
        status = keep_cells(all->segmented, own, unit, error);
    return status ? status : keep_edges(all, own, unit, error);
}

static vdt_status read_all(struct reading *all, struct vdt_error *error)
{
    static const struct vdt_ordered_ops ops = {start, process, stop};
    const struct vdt_sides *sides = all->sides;
    const struct vdt_evaluate_options *options = sides->options;
    struct vdt_ordered *pool;
    uint32_t slot, slots = 4 * (options->threads ? options->threads : vdt_core_count());
    uint64_t done = 0;
    vdt_status status =
        vdt_ordered_start(&ops, all, sides->sample_count, options->threads, slots, &pool, error);
    if (status)
        return status;
    while ((status = vdt_ordered_take(pool, &slot, error)) == VDT_OK) {
        vdt_ordered_release(pool, slot);
        if (options->progress &&
            !options->progress(++done, sides->sample_count, options->payload)) {
            status = vdt_fail(error, VDT_ERR_CANCELLED, "stopped");
            break;
        }
    }
    vdt_ordered_free(pool);
    return status == VDT_END ? VDT_OK : status;
}

vdt_status vdt_segmented_read(struct vdt_segmented *segmented, const struct vdt_sides *sides,
                              struct vdt_error *error)
{
    struct reading all = {.segmented = segmented,
                          .sides = sides,
                          .tile = vdt_reader_spec(sides->reader).tile,
                          .mask_size = vdt_reader_mask_size(sides->reader)};
    vdt_status status =
        sides->options->ground ? vdt_place_areas(sides, &all.areas, &all.tiles, error) : VDT_OK;
    if (!status)
        status = read_all(&all, error);
    vdt_ground_areas_free(all.areas);
    free(all.tiles);
    return status;
}
