/* Groups objects by category and image, in the order in which pycocotools has them. */
#include "eval/match_group.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "eval/match_options.h"
#include "eval/match_sort.h"

/* --- values that make no sense -------------------------------------------------------------- */

static vdt_status check_columns(const struct vdt_match_options *options, const char *what,
                                const struct vdt_objects *objects, bool scored,
                                struct vdt_error *error)
{
    if (objects->count == 0)
        return VDT_OK;
    if (objects->count >= UINT32_MAX)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: too many objects for one evaluation", what);
    if (objects->image == NULL || (objects->category == NULL && options->input_categories > 1))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: images and categories are required", what);
    if (objects->box == NULL && objects->shapes == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: neither boxes nor shapes are given", what);
    if (scored && objects->score == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: scores are required", what);
    return VDT_OK;
}

/* False when a value is not finite, or becomes so by what is computed of it. */
static bool finite_box(const double box[4])
{
    return isfinite(box[0] + box[2]) && isfinite(box[1] + box[3]) && isfinite(box[2] * box[3]);
}

static vdt_status check_one(const struct vdt_match_options *options, const char *what,
                            const struct vdt_objects *objects, bool scored, uint64_t i,
                            struct vdt_error *error)
{
    if (objects->image[i] >= options->images)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s %llu: image %u; there are %u", what,
                        (unsigned long long)i, objects->image[i], options->images);
    if (objects->category != NULL && objects->category[i] >= options->input_categories)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s %llu: category %u; there are %u", what,
                        (unsigned long long)i, objects->category[i], options->input_categories);
    if (scored && !isfinite(objects->score[i]))
        return vdt_fail(error, VDT_ERR_FORMAT, "%s %llu: its score is not a finite number", what,
                        (unsigned long long)i);
    if (objects->box != NULL && !finite_box(objects->box[i]))
        return vdt_fail(error, VDT_ERR_FORMAT, "%s %llu: its box is not of finite numbers", what,
                        (unsigned long long)i);
    if (objects->area != NULL && !isfinite(objects->area[i]))
        return vdt_fail(error, VDT_ERR_FORMAT, "%s %llu: its area is not a finite number", what,
                        (unsigned long long)i);
    return VDT_OK;
}

static vdt_status check_values(const struct vdt_match_options *options, const char *what,
                               const struct vdt_objects *objects, bool scored,
                               struct vdt_error *error)
{
    vdt_status status = check_columns(options, what, objects, scored, error);
    for (uint64_t i = 0; status == VDT_OK && i < objects->count; i++)
        status = check_one(options, what, objects, scored, i, error);
    return status;
}

/* --- order ---------------------------------------------------------------------------------- */

/* What objects are ordered by: category and image, or image and category where all categories are
 * one cell. */
struct keys {
    const uint32_t *major; /* NULL: all 0 */
    const uint32_t *minor;
    uint64_t minors;
    bool small; /* both fit in 32 bits together */
};

static struct keys keys_of(const struct vdt_match_options *options,
                           const struct vdt_objects *objects)
{
    struct keys keys = {objects->category, objects->image, options->images, false};
    uint64_t majors = options->input_categories;
    if (options->class_agnostic) {
        keys = (struct keys){objects->image, objects->category, options->input_categories, false};
        majors = options->images;
    }
    keys.small = majors * keys.minors <= UINT32_MAX;
    return keys;
}

static uint32_t value_at(const uint32_t *column, uint64_t i)
{
    return column == NULL ? 0 : column[i];
}

static bool in_order(const struct keys *keys, uint64_t count)
{
    for (uint64_t i = 1; i < count; i++) {
        uint32_t before = value_at(keys->major, i - 1), here = value_at(keys->major, i);
        if (before > here ||
            (before == here && value_at(keys->minor, i - 1) > value_at(keys->minor, i)))
            return false;
    }
    return true;
}

/* Sorts indices by a column, or by both at once where they fit. */
static void sort_by(uint64_t *items, uint64_t *spare, const uint32_t *column, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        items[i] = (uint64_t)value_at(column, (uint32_t)items[i]) << 32 | (uint32_t)items[i];
    vdt_sort_upper(items, spare, count);
}

static vdt_status order_of(const struct keys *keys, uint64_t count, uint32_t **order,
                           struct vdt_error *error)
{
    *order = vdt_allocate(count, sizeof **order);
    if (*order == NULL)
        return vdt_fail_memory(error, "detection");
    for (uint64_t i = 0; i < count; i++)
        (*order)[i] = (uint32_t)i;
    if (in_order(keys, count))
        return VDT_OK;
    vdt_cleanup(vdt_free_pointer) uint64_t *items = vdt_allocate(count, 2 * sizeof *items);
    if (items == NULL)
        return vdt_fail_memory(error, "detection");
    if (keys->small) {
        for (uint64_t i = 0; i < count; i++)
            items[i] =
                (value_at(keys->major, i) * keys->minors + value_at(keys->minor, i)) << 32 | i;
        vdt_sort_upper(items, items + count, count);
    } else {
        for (uint64_t i = 0; i < count; i++)
            items[i] = i;
        sort_by(items, items + count, keys->minor, count);
        sort_by(items, items + count, keys->major, count);
    }
    for (uint64_t i = 0; i < count; i++)
        (*order)[i] = (uint32_t)items[i];
    return VDT_OK;
}

/* --- LVIS: the highest scores of an image over all categories ------------------------------- */

/* Takes out of `order` what is not among them. */
static vdt_status limit_images(const struct vdt_match_options *options,
                               const struct vdt_objects *detections, uint32_t *order,
                               uint64_t *count, struct vdt_error *error)
{
    uint64_t all = *count, kept = 0;
    vdt_cleanup(vdt_free_pointer) uint64_t *items = vdt_allocate(all, 2 * sizeof *items);
    vdt_cleanup(vdt_free_pointer) uint32_t *seen = vdt_allocate_zero(options->images, sizeof *seen);
    vdt_cleanup(vdt_free_pointer) bool *keep = vdt_allocate_zero(all, sizeof *keep);
    if (items == NULL || seen == NULL || keep == NULL)
        return vdt_fail_memory(error, "detection");
    vdt_sort_scores(detections->score, all, items, items + all);
    for (uint64_t i = 0; i < all; i++)
        keep[items[i]] = seen[detections->image[items[i]]]++ < options->max_per_image;
    for (uint64_t i = 0; i < all; i++)
        if (keep[order[i]])
            order[kept++] = order[i];
    *count = kept;
    return VDT_OK;
}

/* --- cells ---------------------------------------------------------------------------------- */

/* A walk over the cells of one side. */
struct side {
    const struct vdt_match_options *options;
    const struct vdt_objects *objects;
    const uint32_t *order;
    uint64_t count;
    uint64_t next;
};

static uint64_t key_at(const struct side *side, uint64_t place)
{
    uint32_t object = side->order[place];
    uint32_t category =
        side->options->class_agnostic ? 0 : value_at(side->objects->category, object);
    return vdt_cell_key(category, side->objects->image[object]);
}

static uint64_t next_key(const struct side *side)
{
    return side->next < side->count ? key_at(side, side->next) : UINT64_MAX;
}

/* How many objects from here have this key. */
static uint32_t take_run(struct side *side, uint64_t key)
{
    uint64_t first = side->next;
    while (side->next < side->count && key_at(side, side->next) == key)
        side->next++;
    return (uint32_t)(side->next - first);
}

static bool listed(const uint64_t *keys, size_t count, uint64_t key)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (keys[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && keys[low] == key;
}

static void fill_cell(const struct vdt_match_options *options, uint64_t key, struct vdt_cell *cell)
{
    uint32_t most = options->max_detections[options->max_count - 1];
    cell->category = (uint32_t)(key >> 32);
    cell->image = (uint32_t)key;
    cell->kept = cell->detections < most ? cell->detections : most;
    cell->open = listed(options->not_exhaustive, options->not_exhaustive_count, key);
    if (options->federated && cell->truths == 0 &&
        !listed(options->negative, options->negative_count, key))
        cell->kept = 0;
}

static vdt_status make_cells(const struct vdt_match_options *options, struct side *truths,
                             struct side *detections, struct vdt_cells *cells,
                             struct vdt_error *error)
{
    size_t capacity = 0;
    for (;;) {
        uint64_t truth_key = next_key(truths), detection_key = next_key(detections);
        uint64_t key = truth_key < detection_key ? truth_key : detection_key;
        if (key == UINT64_MAX)
            break;
        if (!vdt_grow(&cells->cells, &capacity, cells->count + 1, sizeof *cells->cells))
            return vdt_fail_memory(error, "detection");
        struct vdt_cell *cell = &cells->cells[cells->count++];
        *cell = (struct vdt_cell){.first_detection = (uint32_t)detections->next,
                                  .first_truth = (uint32_t)truths->next,
                                  .row = (uint32_t)cells->rows};
        cell->detections = take_run(detections, key);
        cell->truths = take_run(truths, key);
        fill_cell(options, key, cell);
        cells->rows += cell->kept;
    }
    return VDT_OK;
}

vdt_status vdt_cells_make(const struct vdt_match_options *options, const struct vdt_objects *truths,
                          const struct vdt_objects *detections, struct vdt_cells *cells,
                          struct vdt_error *error)
{
    vdt_status status = check_values(options, "ground truth", truths, false, error);
    if (status == VDT_OK)
        status = check_values(options, "detection", detections, true, error);
    if (status != VDT_OK)
        return status;
    struct keys truth_keys = keys_of(options, truths), keys = keys_of(options, detections);
    cells->detections = detections->count;
    status = order_of(&truth_keys, truths->count, &cells->truth, error);
    if (status == VDT_OK)
        status = order_of(&keys, detections->count, &cells->detection, error);
    if (status == VDT_OK && options->max_per_image > 0)
        status = limit_images(options, detections, cells->detection, &cells->detections, error);
    if (status != VDT_OK)
        return status;
    struct side truth_side = {options, truths, cells->truth, truths->count, 0};
    struct side side = {options, detections, cells->detection, cells->detections, 0};
    return make_cells(options, &truth_side, &side, cells, error);
}

void vdt_cells_clear(struct vdt_cells *cells)
{
    free(cells->detection);
    free(cells->truth);
    free(cells->cells);
    *cells = (struct vdt_cells){0};
}
