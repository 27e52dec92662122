/* Samples of different groups that share ground, in one store or in several. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <vedatile/split.h>
#include <vedatile/store.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/random.h"
#include "source/ground.h"
#include "tile/index.h"

enum { PROGRESS_STEP = 1024 };

/* Samples are compared only with those of the same space: the Earth, the plane of a CRS that is not
 * on it, or the pixels of a scene. */
enum space_kind { SPACE_EARTH, SPACE_PLANE, SPACE_SCENE };

struct item {
    enum space_kind kind;
    uint64_t space; /* which plane, which scene */
    uint64_t scene; /* by digest */
    struct vdt_footprint footprint;
    struct vdt_window window;
    bool boxed;                  /* on the Earth, but only bounds in degrees are known */
    uint32_t store, group, name; /* name: of the group, by number */
    uint64_t sample;
};

struct leakage {
    const struct vdt_leakage_options *options;
    const char *const *paths;
    struct vdt_reader **readers;
    size_t reader_count;
    struct vdt_ground *ground;
    struct item *items;
    size_t count, capacity;
    const char **names;
    size_t name_count, name_capacity;
    struct vdt_leakage_report report;
};

/* The samples of one space and where to look for neighbours. */
struct space {
    struct item *items;
    size_t count;
    double (*boxes)[4]; /* on the Earth with the gap about them */
    struct vdt_index *index;
    struct vdt_hits hits;
};

static void clear_leakage(struct leakage *leakage)
{
    for (size_t i = 0; i < leakage->reader_count; i++)
        vdt_reader_free(leakage->readers[i]);
    free(leakage->readers);
    vdt_ground_free(leakage->ground);
    free(leakage->items);
    free(leakage->names);
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
static vdt_status box_footprint(struct leakage *leakage, const double bounds[4],
                                struct vdt_footprint *footprint, struct vdt_error *error)
{
    bool on_earth;
    double width = bounds[2] - bounds[0] + (bounds[2] < bounds[0] ? 360 : 0);
    *footprint = (struct vdt_footprint){
        .geotransform = {bounds[0], width, 0, bounds[3], 0, bounds[1] - bounds[3]},
        .cols = 1,
        .rows = 1};
    return vdt_ground_crs(leakage->ground, "EPSG:4326", &footprint->crs, &on_earth, error);
}

static vdt_status place_item(struct leakage *leakage, const struct vdt_sample *sample,
                             const char *crs, struct item *item, struct vdt_error *error)
{
    bool on_earth = false;
    uint32_t number = 0;
    const double *b = sample->bounds;
    vdt_status status = VDT_OK;
    item->footprint =
        (struct vdt_footprint){.cols = sample->window.cols, .rows = sample->window.rows};
    memcpy(item->footprint.geotransform, sample->geotransform, sizeof sample->geotransform);
    if (is_invertible(sample->geotransform)) {
        status = vdt_ground_crs(leakage->ground, crs, &number, &on_earth, error);
        item->footprint.crs = number;
        item->kind = on_earth ? SPACE_EARTH : SPACE_PLANE;
        item->space = on_earth ? 0 : number;
    } else if (isfinite(b[0] + b[1] + b[2] + b[3])) {
        item->boxed = true;
        item->kind = SPACE_EARTH;
        status = box_footprint(leakage, b, &item->footprint, error);
    } else {
        const double pixels[6] = {sample->window.col, 1, 0, sample->window.row, 0, 1};
        item->kind = SPACE_SCENE;
        item->space = item->scene;
        memcpy(item->footprint.geotransform, pixels, sizeof pixels);
        status = vdt_ground_crs(leakage->ground, "", &item->footprint.crs, &on_earth, error);
    }
    return status;
}

static vdt_status name_number(struct leakage *leakage, const char *name, uint32_t *number,
                              struct vdt_error *error)
{
    size_t at = 0;
    while (at < leakage->name_count && strcmp(leakage->names[at], name) != 0)
        at++;
    if (at == leakage->name_count) {
        if (!vdt_grow(&leakage->names, &leakage->name_capacity, at + 1, sizeof *leakage->names))
            return vdt_fail_memory(error, "leakage");
        leakage->names[leakage->name_count++] = name;
    }
    *number = (uint32_t)at;
    return VDT_OK;
}

static vdt_status add_sample(struct leakage *leakage, struct item item, struct vdt_error *error)
{
    const struct vdt_reader *reader = leakage->readers[item.store];
    struct vdt_sample sample;
    vdt_status status = vdt_reader_sample(reader, item.group, item.sample, &sample, NULL, error);
    if (status != VDT_OK)
        return status;
    if (sample.scene >= vdt_reader_scene_count(reader) ||
        sample.crs >= vdt_reader_crs_count(reader) || sample.window.cols < 1 ||
        sample.window.rows < 1)
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "%s: sample %.63s has no window, or names a scene or CRS that is not there",
                        leakage->paths[item.store], sample.key);
    const char *digest = vdt_reader_scene(reader, sample.scene).digest;
    item.scene = vdt_hash(0, digest, strlen(digest));
    item.window = sample.window;
    status = place_item(leakage, &sample, vdt_reader_crs(reader, sample.crs), &item, error);
    if (status != VDT_OK)
        return status;
    leakage->report.unplaced += item.kind != SPACE_EARTH;
    if (item.kind != SPACE_EARTH && leakage->options->gap > 0)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "%s: sample %.63s has no place on the Earth, so a gap in metres cannot be "
                        "proven: leave the gap out",
                        leakage->paths[item.store], sample.key);
    if (!vdt_grow(&leakage->items, &leakage->capacity, leakage->count + 1, sizeof item))
        return vdt_fail_memory(error, "leakage");
    leakage->items[leakage->count++] = item;
    return VDT_OK;
}

static vdt_status add_store(struct leakage *leakage, const char *path, struct vdt_error *error)
{
    uint32_t store = (uint32_t)leakage->reader_count;
    vdt_status status = vdt_reader_open(path, &leakage->readers[store], error);
    if (status != VDT_OK)
        return status;
    leakage->reader_count++;
    const struct vdt_reader *reader = leakage->readers[store];
    for (uint32_t g = 0; status == VDT_OK && g < vdt_reader_group_count(reader); g++) {
        struct item item = {.store = store, .group = g};
        status = name_number(leakage, vdt_reader_group_name(reader, g), &item.name, error);
        for (; status == VDT_OK && item.sample < vdt_reader_count(reader, g); item.sample++)
            status = add_sample(leakage, item, error);
    }
    return status;
}

/* --- comparing --------------------------------------------------------------------------- */

static int compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int by_space(const void *left, const void *right)
{
    const struct item *a = left, *b = right;
    int order = compare(a->kind, b->kind);
    order = order != 0 ? order : compare(a->space, b->space);
    order = order != 0 ? order : compare(a->store, b->store);
    order = order != 0 ? order : compare(a->group, b->group);
    return order != 0 ? order : compare(a->sample, b->sample);
}

/* Pixels that two windows of a scene share. */
static double shared_pixels(const struct vdt_window *a, const struct vdt_window *b)
{
    double cols = fmin((double)a->col + a->cols, (double)b->col + b->cols) - fmax(a->col, b->col);
    double rows = fmin((double)a->row + a->rows, (double)b->row + b->rows) - fmax(a->row, b->row);
    return fmax(cols, 0) * fmax(rows, 0);
}

static vdt_status name_sample(const struct leakage *leakage, const struct item *item,
                              struct vdt_sample *sample, struct vdt_leak_sample *out,
                              struct vdt_error *error)
{
    const struct vdt_reader *reader = leakage->readers[item->store];
    vdt_status status = vdt_reader_sample(reader, item->group, item->sample, sample, NULL, error);
    *out = (struct vdt_leak_sample){leakage->paths[item->store],
                                    vdt_reader_group_name(reader, item->group), sample->key};
    return status;
}

static vdt_status tell(struct leakage *leakage, const struct item *a, const struct item *b,
                       double area, bool pixels, struct vdt_error *error)
{
    struct vdt_sample samples[2];
    struct vdt_leak leak = {.area = area, .pixels = pixels};
    leakage->report.leaks++;
    if (leakage->options->leak == NULL)
        return VDT_OK;
    vdt_status status = name_sample(leakage, a, &samples[0], &leak.samples[0], error);
    if (status == VDT_OK)
        status = name_sample(leakage, b, &samples[1], &leak.samples[1], error);
    if (status == VDT_OK)
        leakage->options->leak(&leak, leakage->options->payload);
    return status;
}

static vdt_status compare_items(struct leakage *leakage, const struct item *a, const struct item *b,
                                struct vdt_error *error)
{
    struct vdt_nearness nearness = {0};
    const double *g = a->footprint.geotransform;
    bool one_scene = a->boxed && b->boxed && a->scene == b->scene;
    double pixels = one_scene ? shared_pixels(&a->window, &b->window) : 0;
    if (pixels > 0)
        return tell(leakage, a, b, pixels, true, error);
    if (one_scene && !(leakage->options->gap > 0))
        return VDT_OK;
    vdt_status status = vdt_ground_compare(leakage->ground, &a->footprint, &b->footprint,
                                           leakage->options->gap, &nearness, error);
    if (status != VDT_OK || !nearness.near)
        return status;
    if (a->kind != SPACE_EARTH)
        nearness.area /= fabs(g[1] * g[5] - g[2] * g[4]);
    return tell(leakage, a, b, nearness.area, a->kind != SPACE_EARTH, error);
}

static vdt_status index_space(const struct leakage *leakage, struct space *space,
                              struct vdt_error *error)
{
    space->boxes = vdt_allocate(space->count, sizeof *space->boxes);
    if (space->boxes == NULL)
        return vdt_fail_memory(error, "leakage");
    for (size_t i = 0; i < space->count; i++) {
        const struct item *item = &space->items[i];
        if (!vdt_ground_box(leakage->ground, &item->footprint, leakage->options->gap,
                            space->boxes[i]))
            return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                            "%s: sample %llu of group %s lies where its CRS has no place on the "
                            "Earth",
                            leakage->paths[item->store], (unsigned long long)item->sample,
                            leakage->names[item->name]);
    }
    return vdt_index_build((const double(*)[4])space->boxes, space->count, &space->index, error);
}

/* Item `at` with those after it that its box meets, whole turns of the Earth away too. A box that
 * is met in two turns is compared in the first. */
static vdt_status compare_with_later(struct leakage *leakage, struct space *space, size_t at,
                                     struct vdt_error *error)
{
    const struct item *item = &space->items[at];
    const double *box = space->boxes[at];
    int turns = item->kind == SPACE_EARTH ? 1 : 0;
    for (int turn = -turns; turn <= turns; turn++) {
        const double moved[4] = {box[0] + 360 * turn, box[1], box[2] + 360 * turn, box[3]};
        vdt_status status = vdt_index_query(space->index, moved, &space->hits, error);
        for (size_t i = 0; status == VDT_OK && i < space->hits.count; i++) {
            size_t id = space->hits.ids[i];
            const double *other = space->boxes[id];
            bool before = turn > -turns && moved[0] - 360 <= other[2] && other[0] <= moved[2] - 360;
            if (id > at && !before && space->items[id].name != item->name)
                status = compare_items(leakage, item, &space->items[id], error);
        }
        if (status != VDT_OK)
            return status;
    }
    return VDT_OK;
}

static vdt_status compare_space(struct leakage *leakage, struct item *items, size_t count,
                                struct vdt_error *error)
{
    vdt_cleanup(clear_space) struct space space = {.items = items, .count = count};
    const struct vdt_leakage_options *options = leakage->options;
    vdt_status status = index_space(leakage, &space, error);
    for (size_t i = 0; status == VDT_OK && i < count; i++) {
        status = compare_with_later(leakage, &space, i, error);
        uint64_t done = (uint64_t)(items - leakage->items) + i + 1;
        if (status == VDT_OK && done % PROGRESS_STEP == 0 && options->progress != NULL &&
            !options->progress(done, leakage->count, options->payload))
            return vdt_fail(error, VDT_ERR_CANCELLED, "stopped; nothing is proven");
    }
    return status;
}

vdt_status vdt_leakage(const char *const *stores, size_t count,
                       const struct vdt_leakage_options *options, struct vdt_leakage_report *report,
                       struct vdt_error *error)
{
    static const struct vdt_leakage_options none = {0};
    vdt_cleanup(clear_leakage) struct leakage leakage = {
        .options = options == NULL ? &none : options, .paths = stores};
    if (count == 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "no store to look for shared ground in");
    if (!(leakage.options->gap >= 0) || !(leakage.options->gap <= 1e5))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "a gap of %g m: 0 to 100000",
                        leakage.options->gap);
    leakage.readers = vdt_allocate_zero(count, sizeof *leakage.readers);
    if (leakage.readers == NULL)
        return vdt_fail_memory(error, "leakage");
    vdt_status status = vdt_ground_open(&leakage.ground, error);
    for (size_t i = 0; status == VDT_OK && i < count; i++)
        status = add_store(&leakage, stores[i], error);
    if (status != VDT_OK)
        return status;
    leakage.report.samples = leakage.count;
    qsort(leakage.items, leakage.count, sizeof *leakage.items, by_space);
    for (size_t i = 0, end; status == VDT_OK && i < leakage.count; i = end) {
        struct item *first = &leakage.items[i];
        for (end = i + 1; end < leakage.count && leakage.items[end].kind == first->kind &&
                          leakage.items[end].space == first->space;)
            end++;
        status = compare_space(&leakage, first, end - i, error);
    }
    if (status == VDT_OK && report != NULL)
        *report = leakage.report;
    return status;
}
