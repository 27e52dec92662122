/* Samples that share ground: an index finds neighbours, exact outlines decide. */
#include "feed/nearby.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/random.h"
#include "tile/index.h"

enum { PROGRESS_STEP = 1024 };

/* The samples of one space and where to look for neighbours. */
struct space {
    struct vdt_nearby_item *items;
    size_t count;
    double (*boxes)[4]; /* on the Earth with the gap about them */
    struct vdt_index *index;
    struct vdt_hits hits;
};

struct search {
    struct vdt_nearby *nearby;
    vdt_nearby_fn found;
    void *payload;
};

void vdt_nearby_clear(struct vdt_nearby *nearby)
{
    vdt_ground_free(nearby->ground);
    free(nearby->items);
    *nearby = (struct vdt_nearby){0};
}

static void clear_space(struct space *space)
{
    free(space->boxes);
    vdt_index_free(space->index);
    free(space->hits.ids);
}

/* --- where samples lie ------------------------------------------------------------------- */

static bool is_invertible(const double g[6])
{
    double determinant = g[1] * g[5] - g[2] * g[4];
    return isfinite(g[0] + g[3] + determinant) && determinant != 0;
}

/* A footprint in degrees that is all of the bounds. */
static vdt_status box_footprint(struct vdt_nearby *nearby, const double bounds[4],
                                struct vdt_footprint *footprint, struct vdt_error *error)
{
    bool on_earth;
    double width = bounds[2] - bounds[0] + (bounds[2] < bounds[0] ? 360 : 0);
    *footprint = (struct vdt_footprint){
        .geotransform = {bounds[0], width, 0, bounds[3], 0, bounds[1] - bounds[3]},
        .cols = 1,
        .rows = 1};
    return vdt_ground_crs(nearby->ground, "EPSG:4326", &footprint->crs, &on_earth, error);
}

static vdt_status place_item(struct vdt_nearby *nearby, const struct vdt_sample *sample,
                             const char *crs, struct vdt_nearby_item *item, struct vdt_error *error)
{
    bool on_earth = false;
    uint32_t number = 0;
    const double *b = sample->bounds;
    vdt_status status = VDT_OK;
    item->footprint =
        (struct vdt_footprint){.cols = sample->window.cols, .rows = sample->window.rows};
    memcpy(item->footprint.geotransform, sample->geotransform, sizeof sample->geotransform);
    if (is_invertible(sample->geotransform)) {
        status = vdt_ground_crs(nearby->ground, crs, &number, &on_earth, error);
        item->footprint.crs = number;
        item->kind = on_earth ? VDT_SPACE_EARTH : VDT_SPACE_PLANE;
        item->space = on_earth ? 0 : number;
    } else if (isfinite(b[0] + b[1] + b[2] + b[3])) {
        item->boxed = true;
        item->kind = VDT_SPACE_EARTH;
        status = box_footprint(nearby, b, &item->footprint, error);
    } else {
        const double pixels[6] = {sample->window.col, 1, 0, sample->window.row, 0, 1};
        item->kind = VDT_SPACE_SCENE;
        item->space = item->scene;
        memcpy(item->footprint.geotransform, pixels, sizeof pixels);
        status = vdt_ground_crs(nearby->ground, "", &item->footprint.crs, &on_earth, error);
    }
    return status;
}

vdt_status vdt_nearby_add(struct vdt_nearby *nearby, const struct vdt_reader *reader,
                          struct vdt_nearby_item item, struct vdt_error *error)
{
    struct vdt_sample sample;
    const char *path = vdt_reader_path(reader);
    vdt_status status = vdt_reader_sample(reader, item.group, item.sample, &sample, NULL, error);
    if (status == VDT_OK && nearby->ground == NULL)
        status = vdt_ground_open(&nearby->ground, error);
    if (status != VDT_OK)
        return status;
    if (sample.scene >= vdt_reader_scene_count(reader) ||
        sample.crs >= vdt_reader_crs_count(reader) || sample.window.cols < 1 ||
        sample.window.rows < 1)
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "%s: sample %.63s has no window, or names a scene or CRS that is not there",
                        path, sample.key);
    const struct vdt_scene_record scene = vdt_reader_scene(reader, sample.scene);
    /* Images that are of no scene have a row without a size in common: each is its own. */
    const char *space = scene.cols > 0 || scene.rows > 0 ? scene.digest : sample.key;
    item.scene = vdt_hash(0, space, strlen(space));
    item.window = sample.window;
    status = place_item(nearby, &sample, vdt_reader_crs(reader, sample.crs), &item, error);
    if (status != VDT_OK)
        return status;
    nearby->unplaced += item.kind != VDT_SPACE_EARTH;
    if (item.kind != VDT_SPACE_EARTH && nearby->gap > 0)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "%s: sample %.63s has no place on the Earth, so a gap in metres cannot be "
                        "proven: leave the gap out",
                        path, sample.key);
    if (!vdt_ground_box(nearby->ground, &item.footprint, nearby->gap, item.box))
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "%s: sample %llu of group %s lies where its CRS has no place on the Earth",
                        path, (unsigned long long)item.sample,
                        vdt_reader_group_name(reader, item.group));
    if (!vdt_grow(&nearby->items, &nearby->capacity, nearby->count + 1, sizeof item))
        return vdt_fail_memory(error, path);
    nearby->items[nearby->count++] = item;
    return VDT_OK;
}

/* --- comparing --------------------------------------------------------------------------- */

static int compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int by_space(const void *left, const void *right)
{
    const struct vdt_nearby_item *a = left, *b = right;
    int order = compare(a->set, b->set);
    order = order != 0 ? order : compare(a->kind, b->kind);
    order = order != 0 ? order : compare(a->space, b->space);
    order = order != 0 ? order : compare(a->store, b->store);
    order = order != 0 ? order : compare(a->group, b->group);
    order = order != 0 ? order : compare(a->sample, b->sample);
    return order != 0 ? order : compare(a->name, b->name);
}

static bool same_space(const struct vdt_nearby_item *a, const struct vdt_nearby_item *b)
{
    return a->set == b->set && a->kind == b->kind && a->space == b->space;
}

/* Pixels that two windows of a scene share. */
static double shared_pixels(const struct vdt_window *a, const struct vdt_window *b)
{
    double cols = fmin((double)a->col + a->cols, (double)b->col + b->cols) - fmax(a->col, b->col);
    double rows = fmin((double)a->row + a->rows, (double)b->row + b->rows) - fmax(a->row, b->row);
    return fmax(cols, 0) * fmax(rows, 0);
}

static vdt_status compare_items(const struct search *search, const struct vdt_nearby_item *a,
                                const struct vdt_nearby_item *b, struct vdt_error *error)
{
    struct vdt_nearness nearness = {0};
    const double *g = a->footprint.geotransform, gap = search->nearby->gap;
    bool one_scene = a->boxed && b->boxed && a->scene == b->scene;
    double pixels = one_scene ? shared_pixels(&a->window, &b->window) : 0;
    if (pixels > 0)
        return search->found(a, b, pixels, true, search->payload, error);
    if (one_scene && !(gap > 0))
        return VDT_OK;
    vdt_status status = vdt_ground_compare(search->nearby->ground, &a->footprint, &b->footprint,
                                           gap, &nearness, error);
    if (status != VDT_OK || !nearness.near)
        return status;
    bool earth = a->kind == VDT_SPACE_EARTH;
    if (!earth)
        nearness.area /= fabs(g[1] * g[5] - g[2] * g[4]);
    return search->found(a, b, nearness.area, !earth, search->payload, error);
}

static vdt_status index_space(struct space *space, struct vdt_error *error)
{
    space->boxes = vdt_allocate(space->count, sizeof *space->boxes);
    if (space->boxes == NULL)
        return vdt_fail_memory(error, "leakage");
    for (size_t i = 0; i < space->count; i++)
        memcpy(space->boxes[i], space->items[i].box, sizeof *space->boxes);
    return vdt_index_build((const double(*)[4])space->boxes, space->count, &space->index, error);
}

/* Item `at` with those after it that its box meets, whole turns of the Earth away too. A box that
 * is met in two turns is compared in the first. */
static vdt_status compare_with_later(const struct search *search, struct space *space, size_t at,
                                     struct vdt_error *error)
{
    const struct vdt_nearby_item *item = &space->items[at];
    const double *box = space->boxes[at];
    int turns = item->kind == VDT_SPACE_EARTH ? 1 : 0;
    for (int turn = -turns; turn <= turns; turn++) {
        const double moved[4] = {box[0] + 360 * turn, box[1], box[2] + 360 * turn, box[3]};
        vdt_status status = vdt_index_query(space->index, moved, &space->hits, error);
        for (size_t i = 0; status == VDT_OK && i < space->hits.count; i++) {
            size_t id = space->hits.ids[i];
            const double *other = space->boxes[id];
            bool before = turn > -turns && moved[0] - 360 <= other[2] && other[0] <= moved[2] - 360;
            if (id > at && !before && space->items[id].name != item->name)
                status = compare_items(search, item, &space->items[id], error);
        }
        if (status != VDT_OK)
            return status;
    }
    return VDT_OK;
}

static vdt_status compare_space(const struct search *search, struct vdt_nearby_item *items,
                                size_t count, struct vdt_error *error)
{
    vdt_cleanup(clear_space) struct space space = {.items = items, .count = count};
    const struct vdt_nearby *nearby = search->nearby;
    vdt_status status = index_space(&space, error);
    for (size_t i = 0; status == VDT_OK && i < count; i++) {
        status = compare_with_later(search, &space, i, error);
        uint64_t done = (uint64_t)(items - nearby->items) + i + 1;
        if (status == VDT_OK && done % PROGRESS_STEP == 0 && nearby->progress != NULL &&
            !nearby->progress(done, nearby->count, nearby->payload))
            return vdt_fail(error, VDT_ERR_CANCELLED, "stopped; nothing is proven");
    }
    return status;
}

vdt_status vdt_nearby_find(struct vdt_nearby *nearby, vdt_nearby_fn found, void *payload,
                           struct vdt_error *error)
{
    const struct search search = {.nearby = nearby, .found = found, .payload = payload};
    vdt_status status = VDT_OK;
    if (nearby->count > 0)
        qsort(nearby->items, nearby->count, sizeof *nearby->items, by_space);
    for (size_t i = 0, end; status == VDT_OK && i < nearby->count; i = end) {
        struct vdt_nearby_item *first = &nearby->items[i];
        for (end = i + 1; end < nearby->count && same_space(first, &nearby->items[end]);)
            end++;
        status = compare_space(&search, first, end - i, error);
    }
    return status;
}
