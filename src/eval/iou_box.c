/* Boxes: intersection over union. In a dense cell those that cannot overlap are not looked at:
 * boxes lie in strips by the power of two of their width, sorted by their left edge, so that a few
 * boxes of a cell that are very wide do not make all of them candidates. */
#include "eval/iou_box.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/buffer.h"

enum { DENSE = 48, STRIPS = 16 };

struct vdt_box_strip {
    size_t first, end; /* in places */
};

struct vdt_box_place {
    double left;
    double reach; /* the largest right edge of this place and those before it in its strip */
    uint32_t box;
    uint32_t strip;
};

static bool grow(struct vdt_box_set *set, size_t count)
{
    if (count <= set->capacity)
        return true;
    double *columns[5] = {NULL};
    bool *crowd = vdt_allocate(2 * count, sizeof *crowd);
    double *memory = vdt_allocate(2 * count, 5 * sizeof *memory);
    if (crowd == NULL || memory == NULL) {
        free(crowd);
        free(memory);
        return false;
    }
    for (int i = 0; i < 5; i++)
        columns[i] = memory + (size_t)i * 2 * count;
    free(set->left);
    free(set->crowd);
    set->left = columns[0];
    set->top = columns[1];
    set->right = columns[2];
    set->bottom = columns[3];
    set->area = columns[4];
    set->crowd = crowd;
    set->capacity = 2 * count;
    return true;
}

void vdt_box_set_clear(struct vdt_box_set *set)
{
    free(set->left);
    free(set->crowd);
    free(set->strips);
    free(set->places);
    *set = (struct vdt_box_set){0};
}

/* --- many boxes ----------------------------------------------------------------------------- */

static int by_place(const void *left, const void *right)
{
    const struct vdt_box_place *a = left, *b = right;
    if (a->strip != b->strip)
        return a->strip < b->strip ? -1 : 1;
    return (a->left > b->left) - (a->left < b->left);
}

/* Finite even where the right edge is not. */
static double width_of(const struct vdt_box_set *set, size_t i)
{
    return fmin(set->right[i] - set->left[i], DBL_MAX);
}

static bool make_strips(struct vdt_box_set *set)
{
    if (set->strips == NULL && (set->strips = vdt_allocate(STRIPS, sizeof *set->strips)) == NULL)
        return false;
    if (!vdt_grow(&set->places, &set->place_capacity, set->count, sizeof *set->places))
        return false;
    double widest = 0;
    for (size_t i = 0; i < set->count; i++)
        widest = fmax(widest, width_of(set, i));
    size_t used = 0;
    for (size_t i = 0; i < set->count; i++) {
        double width = width_of(set, i);
        if (!(width > 0)) /* overlaps nothing */
            continue;
        int narrower = ilogb(widest) - ilogb(width);
        set->places[used++] =
            (struct vdt_box_place){set->left[i], set->right[i], (uint32_t)i,
                                   (uint32_t)(narrower < STRIPS ? narrower : STRIPS - 1)};
    }
    qsort(set->places, used, sizeof *set->places, by_place);
    set->strip_count = 0;
    for (size_t i = 0; i < used; i++) {
        struct vdt_box_place *place = &set->places[i];
        if (i == 0 || place->strip != place[-1].strip)
            set->strips[set->strip_count++] = (struct vdt_box_strip){i, i};
        else if (place->reach < place[-1].reach)
            place->reach = place[-1].reach;
        set->strips[set->strip_count - 1].end = i + 1;
    }
    return true;
}

bool vdt_box_set_reserve(struct vdt_box_set *set, size_t count)
{
    if (!grow(set, count))
        return false;
    set->count = count;
    set->strip_count = 0;
    return true;
}

bool vdt_box_set_index(struct vdt_box_set *set)
{
    return set->count <= DENSE || make_strips(set);
}

bool vdt_box_set_fill(struct vdt_box_set *set, const struct vdt_objects *objects, const uint32_t *g,
                      size_t count)
{
    if (!vdt_box_set_reserve(set, count))
        return false;
    for (size_t i = 0; i < count; i++) {
        const double *box = objects->box[g[i]];
        set->left[i] = box[0];
        set->top[i] = box[1];
        set->right[i] = box[2] + box[0];
        set->bottom[i] = box[3] + box[1];
        set->area[i] = box[2] * box[3];
        set->crowd[i] = objects->crowd != NULL && objects->crowd[g[i]] != 0;
    }
    return vdt_box_set_index(set);
}

/* --- overlap -------------------------------------------------------------------------------- */

struct query {
    double left, top, right, bottom, area;
};

static inline double overlap(const struct vdt_box_set *set, size_t i, const struct query *query)
{
    double right = set->right[i] < query->right ? set->right[i] : query->right;
    double left = set->left[i] > query->left ? set->left[i] : query->left;
    double width = right - left;
    if (width <= 0)
        return 0;
    double bottom = set->bottom[i] < query->bottom ? set->bottom[i] : query->bottom;
    double top = set->top[i] > query->top ? set->top[i] : query->top;
    double height = bottom - top;
    if (height <= 0)
        return 0;
    double shared = width * height;
    return shared / (set->crowd[i] ? query->area : query->area + set->area[i] - shared);
}

/* The first place of a strip whose boxes can reach beyond `left`. */
static size_t first_reaching(const struct vdt_box_place *places, size_t low, size_t high,
                             double left)
{
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (places[middle].reach <= left)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t find_in_strips(const struct vdt_box_set *set, const struct query *query,
                             double lowest, uint32_t *found, double *iou)
{
    size_t count = 0;
    for (size_t s = 0; s < set->strip_count; s++) {
        size_t end = set->strips[s].end;
        size_t place = first_reaching(set->places, set->strips[s].first, end, query->left);
        for (; place < end && set->places[place].left < query->right; place++) {
            double value = overlap(set, set->places[place].box, query);
            if (value >= lowest) {
                found[count] = set->places[place].box;
                iou[count++] = value;
            }
        }
    }
    return count;
}

/* Without a branch that depends on where boxes are. */
static size_t touching_of_all(const struct vdt_box_set *set, const struct query *query,
                              uint32_t *found)
{
    size_t touching = 0;
    for (size_t i = 0; i < set->count; i++) {
        found[touching] = (uint32_t)i;
        touching += (size_t)((set->left[i] < query->right) & (query->left < set->right[i]) &
                             (set->top[i] < query->bottom) & (query->top < set->bottom[i]));
    }
    return touching;
}

static int by_number(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

static size_t touching_of_strips(const struct vdt_box_set *set, const struct query *query,
                                 uint32_t *found)
{
    size_t count = 0;
    for (size_t s = 0; s < set->strip_count; s++) {
        size_t end = set->strips[s].end;
        size_t place = first_reaching(set->places, set->strips[s].first, end, query->left);
        for (; place < end && set->places[place].left < query->right; place++) {
            uint32_t i = set->places[place].box;
            found[count] = i;
            count += (size_t)((query->left < set->right[i]) & (set->top[i] < query->bottom) &
                              (query->top < set->bottom[i]));
        }
    }
    if (count > 1)
        qsort(found, count, sizeof *found, by_number);
    return count;
}

size_t vdt_box_set_touching(const struct vdt_box_set *set, const double sides[4], uint32_t *found)
{
    struct query query = {sides[0], sides[1], sides[2], sides[3], 0};
    return set->strip_count > 0 ? touching_of_strips(set, &query, found)
                                : touching_of_all(set, &query, found);
}

static size_t find_in_all(const struct vdt_box_set *set, const struct query *query, double lowest,
                          uint32_t *found, double *iou)
{
    size_t touching = touching_of_all(set, query, found), count = 0;
    for (size_t i = 0; i < touching; i++) {
        double value = overlap(set, found[i], query);
        found[count] = found[i];
        iou[count] = value;
        count += value >= lowest;
    }
    return count;
}

size_t vdt_box_set_find(const struct vdt_box_set *set, const double box[4], double lowest,
                        uint32_t *found, double *iou)
{
    struct query query = {box[0], box[1], box[2] + box[0], box[3] + box[1], box[2] * box[3]};
    if (set->strip_count > 0 && lowest > 0)
        return find_in_strips(set, &query, lowest, found, iou);
    if (lowest > 0)
        return find_in_all(set, &query, lowest, found, iou);
    for (size_t i = 0; i < set->count; i++) {
        found[i] = (uint32_t)i;
        iou[i] = overlap(set, i, &query);
    }
    return set->count;
}
