/* Sort-tile-recursive packing (Leutenegger, Lopez, Edgington 1997): the tree is one array of boxes,
 * level after level, and a node's children are the next FANOUT boxes of the level below. */
#include "tile/index.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

enum { FANOUT = 16, LEVELS_MAX = 10 };

struct vdt_index {
    size_t levels;                 /* 0: empty; level 0 is the boxes themselves */
    size_t first[LEVELS_MAX];      /* of each level, in boxes */
    size_t node_count[LEVELS_MAX]; /* of each level */
    double (*boxes)[4];
    uint32_t *ids; /* of level 0 */
};

struct item {
    double x, y;
    uint32_t id;
};

static int compare(double a, double b, uint32_t a_id, uint32_t b_id)
{
    if (a != b)
        return a < b ? -1 : 1;
    return a_id < b_id ? -1 : a_id > b_id;
}

static int by_x(const void *a, const void *b)
{
    const struct item *p = a, *q = b;
    return compare(p->x, q->x, p->id, q->id);
}

static int by_y(const void *a, const void *b)
{
    const struct item *p = a, *q = b;
    return compare(p->y, q->y, p->id, q->id);
}

static int by_id(const void *a, const void *b)
{
    uint32_t p = *(const uint32_t *)a, q = *(const uint32_t *)b;
    return p < q ? -1 : p > q;
}

static double centre(double low, double high)
{
    double value = low / 2 + high / 2;
    return isnan(value) ? 0 : value; /* NaN has no place in an order */
}

static void sort_items(struct item *items, size_t count)
{
    qsort(items, count, sizeof *items, by_x);
    size_t leaves = (count + FANOUT - 1) / FANOUT;
    size_t slices = (size_t)ceil(sqrt((double)leaves));
    size_t step = (leaves + slices - 1) / slices * FANOUT;
    for (size_t i = 0; i < count; i += step)
        qsort(items + i, count - i < step ? count - i : step, sizeof *items, by_y);
}

static size_t plan_levels(struct vdt_index *index, size_t count)
{
    size_t total = 0;
    for (;;) {
        index->first[index->levels] = total;
        index->node_count[index->levels] = count;
        index->levels++;
        total += count;
        if (count <= 1)
            return total;
        count = (count + FANOUT - 1) / FANOUT;
    }
}

static void join_boxes(const double (*boxes)[4], size_t count, double joined[4])
{
    memcpy(joined, boxes[0], sizeof boxes[0]);
    for (size_t i = 1; i < count; i++) {
        joined[0] = fmin(joined[0], boxes[i][0]);
        joined[1] = fmin(joined[1], boxes[i][1]);
        joined[2] = fmax(joined[2], boxes[i][2]);
        joined[3] = fmax(joined[3], boxes[i][3]);
    }
}

static void pack_levels(struct vdt_index *index)
{
    for (size_t level = 1; level < index->levels; level++) {
        size_t below = index->node_count[level - 1];
        const double(*children)[4] = (const double(*)[4])index->boxes + index->first[level - 1];
        double(*nodes)[4] = index->boxes + index->first[level];
        for (size_t i = 0; i < index->node_count[level]; i++) {
            size_t left = below - i * FANOUT;
            join_boxes(children + i * FANOUT, left < FANOUT ? left : FANOUT, nodes[i]);
        }
    }
}

static void release(struct vdt_index **index)
{
    vdt_index_free(*index);
}

vdt_status vdt_index_build(const double (*boxes)[4], size_t count, struct vdt_index **index,
                           struct vdt_error *error)
{
    if (count > UINT32_MAX)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED, "%zu features: more than 4294967295", count);
    vdt_cleanup(release) struct vdt_index *built = vdt_allocate_zero(1, sizeof *built);
    if (built == NULL)
        return vdt_fail_memory(error, "feature index");
    if (count > 0) {
        vdt_cleanup(vdt_free_pointer) struct item *items = vdt_allocate(count, sizeof *items);
        built->boxes = vdt_allocate(plan_levels(built, count), sizeof *built->boxes);
        built->ids = vdt_allocate(count, sizeof *built->ids);
        if (items == NULL || built->boxes == NULL || built->ids == NULL)
            return vdt_fail_memory(error, "feature index");
        for (size_t i = 0; i < count; i++)
            items[i] = (struct item){centre(boxes[i][0], boxes[i][2]),
                                     centre(boxes[i][1], boxes[i][3]), (uint32_t)i};
        sort_items(items, count);
        for (size_t i = 0; i < count; i++) {
            built->ids[i] = items[i].id;
            memcpy(built->boxes[i], boxes[items[i].id], sizeof boxes[0]);
        }
        pack_levels(built);
    }
    *index = built;
    built = NULL;
    return VDT_OK;
}

vdt_status vdt_index_geometry(const struct vdt_geometry *geometry, struct vdt_index **index,
                              struct vdt_error *error)
{
    size_t count = geometry->feature_count;
    vdt_cleanup(vdt_free_pointer) double(*boxes)[4] = vdt_allocate(count, sizeof *boxes);
    if (boxes == NULL)
        return vdt_fail_memory(error, "index of features");
    for (size_t i = 0; i < count; i++)
        memcpy(boxes[i], geometry->features[i].box, sizeof *boxes);
    return vdt_index_build((const double(*)[4])boxes, count, index, error);
}

void vdt_index_free(struct vdt_index *index)
{
    if (index == NULL)
        return;
    free(index->boxes);
    free(index->ids);
    free(index);
}

/* False for NaN. */
static bool meets(const double a[4], const double b[4])
{
    return a[0] <= b[2] && b[0] <= a[2] && a[1] <= b[3] && b[1] <= a[3];
}

/* Depth is bounded by LEVELS_MAX. False: memory is out. */
static bool collect(const struct vdt_index *index, size_t level, size_t node,
                    const double rectangle[4], struct vdt_hits *hits)
{
    if (!meets(index->boxes[index->first[level] + node], rectangle))
        return true;
    if (level == 0) {
        if (!vdt_grow(&hits->ids, &hits->capacity, hits->count + 1, sizeof *hits->ids))
            return false;
        hits->ids[hits->count++] = index->ids[node];
        return true;
    }
    size_t end = (node + 1) * FANOUT;
    if (end > index->node_count[level - 1])
        end = index->node_count[level - 1];
    for (size_t child = node * FANOUT; child < end; child++)
        if (!collect(index, level - 1, child, rectangle, hits))
            return false;
    return true;
}

vdt_status vdt_index_query(const struct vdt_index *index, const double rectangle[4],
                           struct vdt_hits *hits, struct vdt_error *error)
{
    hits->count = 0;
    if (index->levels > 0 && !collect(index, index->levels - 1, 0, rectangle, hits))
        return vdt_fail_memory(error, "features of a window");
    if (hits->count > 1)
        qsort(hits->ids, hits->count, sizeof *hits->ids, by_id);
    return VDT_OK;
}
