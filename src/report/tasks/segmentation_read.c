/* Reads masks and rasters sample by sample and keeps what their scores are sums of. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/ordered.h"
#include "report/ground/ground.h"
#include "report/tasks/place.h"
#include "report/tasks/segmentation_state.h"

/* What the workers share. */
struct reading {
    struct vdt_segmented *segmented;
    const struct vdt_sides *sides;
    struct vdt_ground_areas *areas; /* on the ground; else NULL */
    uint32_t *tiles;                /* of samples, there */
};

/* One worker's memory: both sides as 16-bit values, as large as the sample at hand. */
struct read_worker {
    struct vdt_pixel_counter *counter;
    uint32_t rows, cols;
    size_t capacity;
    uint8_t *raw;
    uint16_t *truth, *predicted;
    uint64_t *both, *any;
    struct vdt_ground_pixels *ground; /* NULL: every pixel counts */
    uint8_t *skip;
    double *area;    /* of each pixel, on the ground */
    double *by_cell; /* of the matrix */
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
    free(own->area);
    free(own->by_cell);
    free(own);
}

static size_t matrix_size(const struct vdt_segmented *segmented)
{
    return (size_t)(segmented->class_count + 1) * (segmented->class_count + 2);
}

static vdt_status start(void *payload, void **worker, struct vdt_error *error)
{
    const struct reading *all = payload;
    size_t values = (size_t)all->segmented->class_count + 1;
    struct read_worker *own = vdt_allocate_zero(1, sizeof *own);
    if (own == NULL)
        return vdt_fail_memory(error, "masks");
    own->both = vdt_allocate(values, sizeof *own->both);
    own->any = vdt_allocate(values, sizeof *own->any);
    own->by_cell = vdt_allocate(matrix_size(all->segmented), sizeof *own->by_cell);
    bool good = own->both && own->any && own->by_cell;
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

static size_t pixels_of(const struct read_worker *own)
{
    return (size_t)own->rows * own->cols;
}

/* Each array keeps what it has when another one has no room. */
static vdt_status make_room(struct read_worker *own, bool ground, struct vdt_error *error)
{
    size_t pixels = pixels_of(own);
    if (pixels <= own->capacity)
        return VDT_OK;
    const struct {
        void *array;
        size_t size;
        bool wanted;
    } all[] = {{&own->raw, 2, true},
               {&own->truth, sizeof *own->truth, true},
               {&own->predicted, sizeof *own->predicted, true},
               {&own->skip, sizeof *own->skip, ground},
               {&own->area, sizeof *own->area, ground}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        size_t capacity = own->capacity;
        if (all[i].wanted && !vdt_grow(all[i].array, &capacity, pixels, all[i].size))
            return vdt_fail_memory(error, "masks");
    }
    own->capacity = pixels;
    return VDT_OK;
}

/* Rows and columns of a sample: the store's tiles', else what either side says. */
static vdt_status find_size(const struct reading *all, uint32_t unit, struct read_worker *own,
                            struct vdt_error *error)
{
    const struct vdt_side_sample *sample = &all->sides->samples[unit];
    struct vdt_annotated_sample known = {0};
    enum vdt_dtype dtype;
    vdt_status status = VDT_OK;
    if (all->sides->reader) {
        struct vdt_tile_spec tile = vdt_reader_spec(all->sides->reader).tile;
        own->rows = tile.rows;
        own->cols = tile.cols;
        return VDT_OK;
    }
    if (sample->truth != VDT_NO_SAMPLE)
        status = vdt_annotations_sample(all->sides->truth, sample->truth, &known, error);
    bool predicted = sample->predicted != VDT_NO_SAMPLE;
    if (!status && predicted && (known.rows == 0 || known.cols == 0))
        status = vdt_annotations_sample(all->sides->predicted, sample->predicted, &known, error);
    own->rows = known.rows;
    own->cols = known.cols;
    if (!status && predicted && (known.rows == 0 || known.cols == 0) &&
        vdt_run_raster_shape(all->sides->run, sample->predicted, &dtype, &own->rows, &own->cols,
                             NULL))
        own->rows = own->cols = 0;
    if (!status && (own->rows == 0 || own->cols == 0))
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "sample %s: nobody knows how many pixels it has; add it to the set with "
                        "rows and cols",
                        sample->reference);
    return status;
}

/* --- both sides ---------------------------------------------------------------------------- */

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

static void rename_values(const uint16_t *table, size_t pixels, uint16_t *values)
{
    for (size_t i = 0; table && i < pixels; i++)
        values[i] = table[values[i]];
}

static vdt_status burn(const struct reading *all, const struct read_worker *own, bool truth,
                       uint32_t sample, uint16_t *pixels, struct vdt_error *error)
{
    const struct vdt_segmented *segmented = all->segmented;
    const struct vdt_burnt_values *names =
        truth ? &segmented->truth_names : &segmented->predicted_names;
    struct vdt_annotations_burn_options options = {
        .key = all->sides->options->label_key,
        .classes = (const char *const *)names->names,
        .values = names->values,
        .class_count = names->count,
        .touched = segmented->touched,
        .scores = !truth,
        .lowest = segmented->lowest,
    };
    return vdt_annotations_burn(truth ? all->sides->truth : all->sides->predicted, sample, &options,
                                own->rows, own->cols, pixels, error);
}

static vdt_status read_truth(const struct reading *all, struct read_worker *own, uint32_t unit,
                             struct vdt_error *error)
{
    const struct vdt_side_sample *sample = &all->sides->samples[unit];
    if (all->segmented->truth_burnt && sample->truth == VDT_NO_SAMPLE) {
        memset(own->truth, 0, pixels_of(own) * sizeof *own->truth);
        return VDT_OK;
    }
    if (all->segmented->truth_burnt)
        return burn(all, own, true, sample->truth, own->truth, error);
    vdt_status status =
        vdt_reader_mask(all->sides->reader, sample->store_group, sample->index, own->raw, error);
    if (status)
        return status;
    widen(own->raw, vdt_reader_mask_size(all->sides->reader), pixels_of(own), own->truth);
    rename_values(all->segmented->truth_values, pixels_of(own), own->truth);
    return VDT_OK;
}

static vdt_status read_raster(const struct reading *all, struct read_worker *own, uint32_t unit,
                              struct vdt_error *error)
{
    const struct vdt_side_sample *sample = &all->sides->samples[unit];
    enum vdt_dtype dtype;
    uint32_t rows, cols;
    vdt_status status =
        vdt_run_raster_shape(all->sides->run, sample->predicted, &dtype, &rows, &cols, error);
    if (!status && (rows != own->rows || cols != own->cols))
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "sample %s: the raster has %u x %u pixels, the %s %u x %u",
                        sample->reference, cols, rows, all->sides->reader ? "tile" : "sample",
                        own->cols, own->rows);
    if (!status)
        status = vdt_run_raster(all->sides->run, sample->predicted, own->raw, error);
    if (status)
        return status;
    widen(own->raw, vdt_dtype_size(dtype), pixels_of(own), own->predicted);
    rename_values(all->segmented->predicted_values, pixels_of(own), own->predicted);
    return VDT_OK;
}

/* A sample that has no raster, or was not predicted, is predicted nowhere. */
static vdt_status read_predicted(const struct reading *all, struct read_worker *own, uint32_t unit,
                                 struct vdt_error *error)
{
    const struct vdt_side_sample *sample = &all->sides->samples[unit];
    vdt_status status = VDT_ERR_NOT_FOUND;
    if (sample->predicted != VDT_NO_SAMPLE && !all->segmented->predicted_burnt)
        status = read_raster(all, own, unit, error);
    else if (sample->predicted != VDT_NO_SAMPLE && sample->has_prediction)
        status = burn(all, own, false, sample->predicted, own->predicted, error);
    if (status != VDT_ERR_NOT_FOUND)
        return status;
    for (size_t i = 0; i < pixels_of(own); i++)
        own->predicted[i] = VDT_IGNORE_U16;
    return VDT_OK;
}

/* --- what is kept -------------------------------------------------------------------------- */

/* The ground of each cell of the matrix, in the order of the pixels. */
static vdt_status keep_areas(struct vdt_segmented *segmented, struct read_worker *own,
                             uint32_t unit, struct vdt_error *error)
{
    uint32_t columns = segmented->class_count + 2, count = segmented->cell_counts[unit];
    memset(own->by_cell, 0, matrix_size(segmented) * sizeof *own->by_cell);
    for (size_t i = 0; i < pixels_of(own); i++) {
        if (own->skip[i] || own->truth[i] == VDT_IGNORE_U16)
            continue;
        uint32_t column = own->predicted[i] == VDT_IGNORE_U16 ? columns - 1 : own->predicted[i];
        own->by_cell[(size_t)own->truth[i] * columns + column] += own->area[i];
    }
    segmented->areas[unit] = vdt_allocate(count, sizeof(double));
    if (segmented->areas[unit] == NULL)
        return vdt_fail_memory(error, "masks");
    for (uint32_t k = 0; k < count; k++)
        segmented->areas[unit][k] = own->by_cell[segmented->cells[unit][k].cell];
    return VDT_OK;
}

static vdt_status keep_cells(struct vdt_segmented *segmented, struct read_worker *own,
                             uint32_t unit, struct vdt_error *error)
{
    const uint64_t *matrix = vdt_pixel_counter_matrix(own->counter);
    size_t size = matrix_size(segmented);
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
    vdt_status status = vdt_boundary_add(
        own->truth, own->predicted, skip, VDT_UINT16, own->rows, own->cols, segmented->class_count,
        vdt_boundary_distance(own->rows, own->cols), own->both, own->any, error);
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
    vdt_status status =
        vdt_ground_pixels_tile(own->ground, all->tiles[unit], own->skip, own->area, NULL, error);
    for (size_t i = 0; !status && i < pixels_of(own); i++)
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
    vdt_status status = find_size(all, unit, own, error);
    if (!status)
        status = make_room(own, all->areas != NULL, error);
    if (!status)
        status = read_truth(all, own, unit, error);
    if (!status)
        status = read_predicted(all, own, unit, error);
    if (!status && own->ground)
        status = find_skip(all, own, unit, error);
    vdt_pixel_counter_clear(own->counter);
    if (!status)
        status = vdt_pixel_counter_add(own->counter, own->truth, own->predicted,
                                       own->ground ? own->skip : NULL, pixels_of(own), 1, error);
    if (!status)
        status = keep_cells(all->segmented, own, unit, error);
    if (!status && own->ground)
        status = keep_areas(all->segmented, own, unit, error);
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
        status = vdt_evaluate_progress(options, ++done, sides->sample_count, error);
        if (status)
            break;
    }
    vdt_ordered_free(pool);
    return status == VDT_END ? VDT_OK : status;
}

/* One plane of other units makes sums of areas a matter of units. */
static bool all_metres(const struct vdt_ground_areas *areas)
{
    bool metres = true;
    for (uint32_t i = 0; i < vdt_ground_area_count(areas); i++)
        metres = metres && vdt_ground_area(areas, i).metres;
    return metres;
}

vdt_status vdt_segmented_read(struct vdt_segmented *segmented, const struct vdt_sides *sides,
                              struct vdt_error *error)
{
    struct reading all = {.segmented = segmented, .sides = sides};
    vdt_status status =
        sides->options->ground ? vdt_place_areas(sides, &all.areas, &all.tiles, error) : VDT_OK;
    if (!status && all.areas)
        segmented->metres = all_metres(all.areas);
    if (!status)
        status = read_all(&all, error);
    vdt_ground_areas_free(all.areas);
    free(all.tiles);
    return status;
}
