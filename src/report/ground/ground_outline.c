/* Masks to polygons, along the edges of pixels. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "report/ground/ground_state.h"

/* Directions: right, down, left, up. Ones are on the right hand of who walks along them. */
static const int STEP[4][2] = {{1, 0}, {0, 1}, {-1, 0}, {0, -1}};

void vdt_outliner_clear(struct vdt_outliner *outliner)
{
    free(outliner->marks);
    free(outliner->seen);
    free(outliner->ring);
    vdt_geometry_clear(&outliner->rings);
    *outliner = (struct vdt_outliner){0};
}

struct image {
    const uint8_t *bits;
    int64_t rows, cols;
};

static bool is_one(const struct image *image, int64_t x, int64_t y)
{
    return x >= 0 && y >= 0 && x < image->cols && y < image->rows &&
           image->bits[y * image->cols + x] != 0;
}

/* The pixel ahead of a corner on the right or left hand. */
static bool ahead(const struct image *image, int64_t x, int64_t y, int direction, bool left)
{
    /* Pixel (x, y) is right of and below corner (x, y). */
    static const int right_of[4][2] = {{0, 0}, {-1, 0}, {-1, -1}, {0, -1}};
    int side = left ? (direction + 3) % 4 : direction;
    return is_one(image, x + right_of[side][0], y + right_of[side][1]);
}

/* --- rings ---------------------------------------------------------------------------------- */

/* Keeps ring[from, to) as one of the rings: it passes no corner twice. */
static bool keep_ring(struct vdt_outliner *outliner, size_t from, size_t to)
{
    struct vdt_geometry *rings = &outliner->rings;
    size_t count = to - from;
    if (!vdt_grow(&rings->rings, &rings->ring_capacity, rings->ring_count + 1,
                  sizeof *rings->rings) ||
        !vdt_grow(&rings->points, &rings->point_capacity, rings->point_count + count,
                  sizeof *rings->points))
        return false;
    rings->rings[rings->ring_count++] = (struct vdt_ring){rings->point_count, count};
    memcpy(rings->points + rings->point_count, outliner->ring + from,
           count * sizeof *rings->points);
    rings->point_count += count;
    return true;
}

/* Adds a corner where the walk turns. Where it was here before, what lies between is a ring of its
 * own: a hole that touches the outline, or an outline that a hole touches. */
static bool add_corner(struct vdt_outliner *outliner, const struct image *image, int64_t x,
                       int64_t y, size_t *count)
{
    uint32_t *seen = &outliner->seen[y * (image->cols + 1) + x];
    if (*seen != 0) {
        size_t from = *seen - 1;
        if (!keep_ring(outliner, from, *count))
            return false;
        for (size_t i = from + 1; i < *count; i++)
            outliner->seen[(int64_t)outliner->ring[i][1] * (image->cols + 1) +
                           (int64_t)outliner->ring[i][0]] = 0;
        *count = from + 1;
        return true;
    }
    if (!vdt_grow(&outliner->ring, &outliner->ring_capacity, *count + 1, sizeof *outliner->ring))
        return false;
    outliner->ring[*count][0] = (double)x;
    outliner->ring[*count][1] = (double)y;
    *seen = (uint32_t)++ * count;
    return true;
}

/* Walks from the upper left corner of a pixel whose upper edge is an outline, to the right. */
static bool walk(struct vdt_outliner *outliner, const struct image *image, int64_t left,
                 int64_t top)
{
    int64_t x = left, y = top;
    int direction = 0;
    size_t count = 0;
    do {
        if (direction == 0)
            outliner->marks[y * image->cols + x] = 1;
        x += STEP[direction][0];
        y += STEP[direction][1];
        int turn = !ahead(image, x, y, direction, false)  ? 1
                   : !ahead(image, x, y, direction, true) ? 0
                                                          : 3;
        if (turn != 0 && !add_corner(outliner, image, x, y, &count))
            return false;
        direction = (direction + turn) % 4;
    } while (x != left || y != top || direction != 0);
    for (size_t i = 0; i < count; i++)
        outliner->seen[(int64_t)outliner->ring[i][1] * (image->cols + 1) +
                       (int64_t)outliner->ring[i][0]] = 0;
    return count == 0 || keep_ring(outliner, 0, count);
}

static bool find_rings(struct vdt_outliner *outliner, const struct image *image)
{
    for (int64_t y = 0; y < image->rows; y++)
        for (int64_t x = 0; x < image->cols; x++)
            if (is_one(image, x, y) && !is_one(image, x, y - 1) &&
                outliner->marks[y * image->cols + x] == 0 && !walk(outliner, image, x, y))
                return false;
    return true;
}

/* --- parts ---------------------------------------------------------------------------------- */

static const double (*points_of(const struct vdt_geometry *rings, size_t ring))[2]
{
    return (const double(*)[2])rings->points + rings->rings[ring].first;
}

static bool is_inside(const struct vdt_geometry *rings, size_t ring, const double at[2])
{
    const double(*points)[2] = points_of(rings, ring);
    size_t count = rings->rings[ring].count;
    bool inside = false;
    for (size_t i = 0; i < count; i++) {
        const double *a = points[i], *b = points[(i + 1) % count];
        if (a[0] == b[0] && (a[1] > at[1]) != (b[1] > at[1]) && a[0] > at[0])
            inside = !inside;
    }
    return inside;
}

/* A pixel's centre beside a hole, among the ones that it is a hole of. */
static void beside(const struct vdt_geometry *rings, size_t hole, double at[2])
{
    const double(*points)[2] = points_of(rings, hole);
    size_t top = 0;
    for (size_t i = 1; i < rings->rings[hole].count; i++)
        if (points[i][1] < points[top][1] ||
            (points[i][1] == points[top][1] && points[i][0] < points[top][0]))
            top = i;
    /* Above its uppermost edge, which begins here. */
    at[0] = points[top][0] + 0.5;
    at[1] = points[top][1] - 0.5;
}

/* The outline that a hole is in: the smallest one. */
static size_t owner_of(const struct vdt_geometry *rings, const double *areas, size_t hole)
{
    double at[2];
    size_t owner = SIZE_MAX;
    beside(rings, hole, at);
    for (size_t i = 0; i < rings->ring_count; i++)
        if (areas[i] > 0 && areas[i] > -areas[hole] &&
            (owner == SIZE_MAX || areas[i] < areas[owner]) && is_inside(rings, i, at))
            owner = i;
    return owner;
}

static bool append_ring(const struct vdt_geometry *rings, size_t ring, const int64_t corner[2],
                        struct vdt_geometry *to)
{
    const double(*points)[2] = points_of(rings, ring);
    size_t count = rings->rings[ring].count;
    if (!vdt_grow(&to->rings, &to->ring_capacity, to->ring_count + 1, sizeof *to->rings) ||
        !vdt_grow(&to->points, &to->point_capacity, to->point_count + count, sizeof *to->points))
        return false;
    to->rings[to->ring_count++] = (struct vdt_ring){to->point_count, count};
    for (size_t i = 0; i < count; i++, to->point_count++)
        for (int axis = 0; axis < 2; axis++)
            to->points[to->point_count][axis] = points[i][axis] + (double)corner[axis];
    return true;
}

/* Outlines with their holes as parts. owners[hole] is its outline. */
static bool append_parts(const struct vdt_geometry *rings, const double *areas,
                         const size_t *owners, const int64_t corner[2], struct vdt_geometry *to)
{
    for (size_t i = 0; i < rings->ring_count; i++) {
        if (!(areas[i] > 0))
            continue;
        if (!vdt_grow(&to->parts, &to->part_capacity, to->part_count + 1, sizeof *to->parts))
            return false;
        struct vdt_part *part = &to->parts[to->part_count++];
        *part = (struct vdt_part){to->ring_count, 1};
        if (!append_ring(rings, i, corner, to))
            return false;
        for (size_t k = 0; k < rings->ring_count; k++)
            if (owners[k] == i && !(areas[k] > 0)) {
                if (!append_ring(rings, k, corner, to))
                    return false;
                part->count++;
            }
    }
    return true;
}

static vdt_status make_parts(const struct vdt_geometry *rings, const int64_t corner[2],
                             struct vdt_geometry *to, struct vdt_error *error)
{
    double *areas = vdt_allocate(rings->ring_count, sizeof *areas);
    size_t *owners = vdt_allocate(rings->ring_count, sizeof *owners);
    bool good = areas != NULL && owners != NULL;
    for (size_t i = 0; good && i < rings->ring_count; i++)
        areas[i] = vdt_ring_area2(points_of(rings, i), rings->rings[i].count) / 2;
    for (size_t i = 0; good && i < rings->ring_count; i++)
        owners[i] = areas[i] > 0 ? i : owner_of(rings, areas, i);
    good = good && append_parts(rings, areas, owners, corner, to);
    free(areas);
    free(owners);
    return good ? VDT_OK : vdt_fail_memory(error, "outlines of masks");
}

vdt_status vdt_outliner_trace(struct vdt_outliner *outliner, const uint8_t *bits, size_t rows,
                              size_t cols, const int64_t corner[2], struct vdt_geometry *to,
                              struct vdt_error *error)
{
    const struct image image = {bits, (int64_t)rows, (int64_t)cols};
    struct vdt_geometry *rings = &outliner->rings;
    size_t corners = (rows + 1) * (cols + 1), before = outliner->seen_capacity;
    rings->ring_count = rings->point_count = 0;
    if (!vdt_grow(&outliner->marks, &outliner->mark_capacity, rows * cols, 1) ||
        !vdt_grow(&outliner->seen, &outliner->seen_capacity, corners, sizeof *outliner->seen))
        return vdt_fail_memory(error, "outlines of masks");
    memset(outliner->marks, 0, rows * cols);
    if (outliner->seen_capacity != before)
        memset(outliner->seen, 0, outliner->seen_capacity * sizeof *outliner->seen);
    if (!find_rings(outliner, &image))
        return vdt_fail_memory(error, "outlines of masks");
    return make_parts(rings, corner, to, error);
}
