/* Which objects could match each other: these are matched in one image. */
#define _GNU_SOURCE /* qsort_r */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "report/ground/ground_state.h"

static const double LOWEST = 0.1;

/* Ground truth has the numbers 0 to ground_truth->count, predictions follow. */
struct graph {
    const struct vdt_ground_merged *truth, *found;
    double lowest;
    uint32_t *parents;
};

static uint32_t root_of(uint32_t *parents, uint32_t i)
{
    while (parents[i] != i)
        i = parents[i] = parents[parents[i]];
    return i;
}

/* Whether their IoU can be `lowest`, by what their boxes share and by their areas. */
static bool can_match(const struct graph *graph, size_t truth, size_t found)
{
    const double *a = graph->truth->box[truth], *b = graph->found->box[found];
    double width = fmin(a[0] + a[2], b[0] + b[2]) - fmax(a[0], b[0]);
    double height = fmin(a[1] + a[3], b[1] + b[3]) - fmax(a[1], b[1]);
    if (!(width > 0) || !(height > 0))
        return false;
    double areas[2] = {graph->truth->area[truth], graph->found->area[found]};
    double shared = fmin(width * height, fmin(areas[0], areas[1]));
    double whole = graph->truth->crowd[truth] ? areas[1] : areas[0] + areas[1] - shared;
    /* A little less, for rounding. */
    return shared >= whole * graph->lowest * (1 - 1e-6);
}

/* --- links ---------------------------------------------------------------------------------- */

/* Objects of an area follow each other. */
static size_t end_of_area(const struct vdt_ground_merged *merged, size_t first)
{
    size_t end = first;
    while (end < merged->count && merged->area_of[end] == merged->area_of[first])
        end++;
    return end;
}

static vdt_status index_area(const struct vdt_ground_merged *merged, size_t first, size_t end,
                             struct vdt_index **index, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) double(*boxes)[4] = vdt_allocate(end - first, sizeof *boxes);
    if (boxes == NULL)
        return vdt_fail_memory(error, "objects on the ground");
    for (size_t i = first; i < end; i++) {
        const double *b = merged->box[i];
        const double box[4] = {b[0], b[1], b[0] + b[2], b[1] + b[3]};
        memcpy(boxes[i - first], box, sizeof box);
    }
    return vdt_index_build((const double(*)[4])boxes, end - first, index, error);
}

static vdt_status link_area(struct graph *graph, const size_t truth[2], const size_t found[2],
                            struct vdt_error *error)
{
    struct vdt_index *index = NULL;
    struct vdt_hits hits = {0};
    vdt_status status = index_area(graph->found, found[0], found[1], &index, error);
    for (size_t i = truth[0]; status == VDT_OK && i < truth[1]; i++) {
        const double *b = graph->truth->box[i];
        const double box[4] = {b[0], b[1], b[0] + b[2], b[1] + b[3]};
        status = vdt_index_query(index, box, &hits, error);
        for (size_t k = 0; status == VDT_OK && k < hits.count; k++) {
            size_t other = found[0] + hits.ids[k];
            if (!can_match(graph, i, other))
                continue;
            uint32_t one = root_of(graph->parents, (uint32_t)i);
            uint32_t two = root_of(graph->parents, (uint32_t)(graph->truth->count + other));
            graph->parents[one > two ? one : two] = one > two ? two : one;
        }
    }
    free(hits.ids);
    vdt_index_free(index);
    return status;
}

static vdt_status link_all(struct graph *graph, struct vdt_error *error)
{
    const struct vdt_ground_merged *truth = graph->truth, *found = graph->found;
    size_t nodes = truth->count + found->count;
    if (nodes >= UINT32_MAX)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED, "%zu objects on the ground; below 2^32 - 1",
                        nodes);
    graph->parents = vdt_allocate(nodes, sizeof *graph->parents);
    if (graph->parents == NULL)
        return vdt_fail_memory(error, "objects on the ground");
    for (uint32_t i = 0; i < nodes; i++)
        graph->parents[i] = i;
    vdt_status status = VDT_OK;
    for (size_t i = 0, k = 0; status == VDT_OK && i < truth->count && k < found->count;) {
        size_t ends[2] = {end_of_area(truth, i), end_of_area(found, k)};
        if (truth->area_of[i] == found->area_of[k])
            status = link_area(graph, (size_t[2]){i, ends[0]}, (size_t[2]){k, ends[1]}, error);
        bool both = truth->area_of[i] == found->area_of[k];
        bool first = truth->area_of[i] < found->area_of[k];
        i = both || first ? ends[0] : i;
        k = both || !first ? ends[1] : k;
    }
    return status;
}

/* --- images --------------------------------------------------------------------------------- */

/* Numbers in the order of each image's first object: ground truth, then predictions. */
static vdt_status number_images(struct graph *graph, struct vdt_ground_merged *truth,
                                struct vdt_ground_merged *found, uint32_t *count,
                                struct vdt_error *error)
{
    size_t nodes = truth->count + found->count;
    vdt_cleanup(vdt_free_pointer) uint32_t *numbers = vdt_allocate(nodes, sizeof *numbers);
    if (numbers == NULL)
        return vdt_fail_memory(error, "objects on the ground");
    *count = 0;
    for (uint32_t i = 0; i < nodes; i++) {
        uint32_t root = root_of(graph->parents, i);
        numbers[i] = root == i ? (*count)++ : numbers[root];
        if (i < truth->count)
            truth->image[i] = numbers[i];
        else
            found->image[i - truth->count] = numbers[i];
    }
    return VDT_OK;
}

/* --- ground truth of every category
 * ----------------------------------------------------------------- */

/* What a column of ground truth becomes: object `from`, with another category. */
struct copy {
    uint32_t from, category;
    bool own; /* the object itself, not one of its copies */
};

struct copies {
    struct copy *list;
    size_t count, capacity;
};

static bool add_copy(struct copies *copies, uint32_t from, uint32_t category, bool own)
{
    if (!vdt_grow(&copies->list, &copies->capacity, copies->count + 1, sizeof *copies->list))
        return false;
    copies->list[copies->count++] = (struct copy){from, category, own};
    return true;
}

static int by_image(const void *left, const void *right, void *payload)
{
    const struct vdt_ground_merged *found = payload;
    uint32_t i = *(const uint32_t *)left, k = *(const uint32_t *)right;
    if (found->image[i] != found->image[k])
        return found->image[i] < found->image[k] ? -1 : 1;
    if (found->category[i] != found->category[k])
        return found->category[i] < found->category[k] ? -1 : 1;
    return i < k ? -1 : i > k;
}

static size_t first_of_image(const struct vdt_ground_merged *found, const uint32_t *order,
                             uint32_t image)
{
    size_t low = 0, high = found->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (found->image[order[middle]] < image)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool list_copies(const struct vdt_ground_merged *truth,
                        const struct vdt_ground_merged *found, const uint32_t *order,
                        struct copies *copies)
{
    bool good = true;
    for (uint32_t i = 0; good && i < truth->count; i++) {
        if (truth->category[i] != VDT_GROUND_ANY) {
            good = add_copy(copies, i, truth->category[i], true);
            continue;
        }
        uint32_t last = VDT_GROUND_ANY;
        for (size_t k = first_of_image(found, order, truth->image[i]);
             good && k < found->count && found->image[order[k]] == truth->image[i]; k++) {
            uint32_t category = found->category[order[k]];
            if (category == last)
                continue;
            good = add_copy(copies, i, category, last == VDT_GROUND_ANY);
            last = category;
        }
    }
    return good;
}

static bool copy_shape(const struct vdt_ground_merged *from, size_t object, struct vdt_geometry *to)
{
    const struct vdt_shapes *shapes = &from->shapes;
    size_t first = to->part_count;
    for (uint64_t p = shapes->shape_offsets[object]; p < shapes->shape_offsets[object + 1]; p++) {
        uint64_t ring = shapes->part_offsets[p], end = shapes->part_offsets[p + 1];
        if (!vdt_grow(&to->parts, &to->part_capacity, to->part_count + 1, sizeof *to->parts) ||
            !vdt_grow(&to->rings, &to->ring_capacity, to->ring_count + end - ring,
                      sizeof *to->rings))
            return false;
        to->parts[to->part_count++] = (struct vdt_part){to->ring_count, end - ring};
        for (; ring < end; ring++) {
            uint64_t at = shapes->ring_offsets[ring], count = shapes->ring_offsets[ring + 1] - at;
            if (!vdt_grow(&to->points, &to->point_capacity, to->point_count + count,
                          sizeof *to->points))
                return false;
            memcpy(to->points + to->point_count, shapes->points + at, count * sizeof *to->points);
            to->rings[to->ring_count++] = (struct vdt_ring){to->point_count, count};
            to->point_count += count;
        }
    }
    if (!vdt_grow(&to->features, &to->feature_capacity, to->feature_count + 1,
                  sizeof *to->features))
        return false;
    to->features[to->feature_count++] =
        (struct vdt_feature){.first = first, .count = to->part_count - first};
    return true;
}

static void copy_columns(const struct vdt_ground_merged *from, const struct copy *copy,
                         struct vdt_ground_merged *to)
{
    size_t i = to->count++, k = copy->from;
    uint64_t first = from->piece_offsets[k];
    uint64_t count = copy->own ? from->piece_offsets[k + 1] - first : 0;
    to->image[i] = from->image[k];
    to->category[i] = copy->category;
    to->area_of[i] = from->area_of[k];
    to->score[i] = from->score[k];
    to->area[i] = from->area[k];
    memcpy(to->box[i], from->box[k], sizeof to->box[i]);
    to->crowd[i] = from->crowd[k];
    to->ignore[i] = from->ignore[k];
    to->piece_offsets[i + 1] = to->piece_offsets[i] + count;
    if (count > 0)
        memcpy(to->pieces + to->piece_offsets[i], from->pieces + first, count * sizeof *to->pieces);
}

static vdt_status rebuild(struct vdt_ground_merged *truth, const struct copies *copies,
                          struct vdt_error *error)
{
    vdt_cleanup(vdt_geometry_clear) struct vdt_geometry shapes = {0};
    struct vdt_ground_merged *made = NULL;
    vdt_status status = vdt_ground_merged_new(copies->count, truth->piece_offsets[truth->count],
                                              false, &made, error);
    for (size_t i = 0; status == VDT_OK && i < copies->count; i++) {
        copy_columns(truth, &copies->list[i], made);
        if (!copy_shape(truth, copies->list[i].from, &shapes))
            status = vdt_fail_memory(error, "objects on the ground");
    }
    if (status == VDT_OK)
        status = vdt_ground_merged_end(made, &shapes, error);
    if (status == VDT_OK) {
        struct vdt_ground_merged old = *truth;
        made->counts = truth->counts;
        *truth = *made;
        truth->objects.shapes = &truth->shapes;
        *made = old;
    }
    vdt_ground_merged_free(made);
    return status;
}

static vdt_status spread_any(struct vdt_ground_merged *truth, const struct vdt_ground_merged *found,
                             struct vdt_error *error)
{
    bool any = false;
    for (size_t i = 0; i < truth->count && !any; i++)
        any = truth->category[i] == VDT_GROUND_ANY;
    if (!any)
        return VDT_OK;
    struct copies copies = {0};
    vdt_cleanup(vdt_free_pointer) uint32_t *order = vdt_allocate(found->count, sizeof *order);
    if (order == NULL)
        return vdt_fail_memory(error, "objects on the ground");
    for (uint32_t i = 0; i < found->count; i++)
        order[i] = i;
    qsort_r(order, found->count, sizeof *order, by_image, (void *)found);
    vdt_status status = list_copies(truth, found, order, &copies)
                            ? rebuild(truth, &copies, error)
                            : vdt_fail_memory(error, "objects on the ground");
    free(copies.list);
    return status;
}

vdt_status vdt_ground_images(struct vdt_ground_merged *ground_truth,
                             struct vdt_ground_merged *predictions, double lowest,
                             uint32_t *image_count, struct vdt_error *error)
{
    if (!(lowest >= 0) || !(lowest <= 1))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "a lowest IoU of %g: 0 to 1", lowest);
    struct graph graph = {ground_truth, predictions, lowest > 0 ? lowest : LOWEST, NULL};
    uint32_t count = 0;
    vdt_status status = link_all(&graph, error);
    if (status == VDT_OK)
        status = number_images(&graph, ground_truth, predictions, &count, error);
    free(graph.parents);
    if (status == VDT_OK)
        status = spread_any(ground_truth, predictions, error);
    if (status == VDT_OK)
        *image_count = count;
    return status;
}
