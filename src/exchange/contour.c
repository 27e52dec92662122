/* Outlines of objects. */
#include "exchange/contour.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"

/* Directions of an edge with the object on its right; bits of `edges`. */
enum { RIGHT, DOWN, LEFT, UP, DIRECTIONS };

void vdt_contour_clear(struct vdt_contour *contour)
{
    free(contour->boxes);
    free(contour->edges);
    free(contour->points);
    *contour = (struct vdt_contour){0};
}

vdt_status vdt_contour_find(struct vdt_contour *contour, const uint16_t *instances, uint32_t rows,
                            uint32_t cols, size_t count, struct vdt_error *error)
{
    if (!vdt_grow(&contour->boxes, &contour->box_capacity, count, sizeof *contour->boxes))
        return vdt_fail_memory(error, "outlines");
    contour->box_count = count;
    if (count > 0)
        memset(contour->boxes, 0, count * sizeof *contour->boxes);
    for (uint32_t row = 0; row < rows; row++)
        for (uint32_t col = 0; col < cols; col++) {
            uint16_t id = instances[(size_t)row * cols + col];
            if (id == 0 || id > count)
                continue;
            struct vdt_contour_box *box = &contour->boxes[id - 1];
            if (box->left == box->right)
                *box = (struct vdt_contour_box){col, row, col, row};
            box->left = col < box->left ? col : box->left;
            box->right = col + 1 > box->right ? col + 1 : box->right;
            box->bottom = row + 1;
        }
    return VDT_OK;
}

/* Marks the edges of every pixel that have no pixel of the object on their other side. */
static void mark_edges(struct vdt_contour *contour, const struct vdt_contour_box *box,
                       const uint16_t *instances, uint32_t cols, uint16_t id)
{
    size_t stride = box->right - box->left + 1;
    for (uint32_t row = box->top; row < box->bottom; row++)
        for (uint32_t col = box->left; col < box->right; col++) {
            const uint16_t *pixel = &instances[(size_t)row * cols + col];
            if (*pixel != id)
                continue;
            unsigned char *corner = &contour->edges[(row - box->top) * stride + (col - box->left)];
            if (row == box->top || pixel[-(ptrdiff_t)cols] != id)
                corner[0] |= 1 << RIGHT;
            if (col + 1 == box->right || pixel[1] != id)
                corner[1] |= 1 << DOWN;
            if (row + 1 == box->bottom || pixel[cols] != id)
                corner[stride + 1] |= 1 << LEFT;
            if (col == box->left || pixel[-1] != id)
                corner[stride] |= 1 << UP;
        }
}

static bool add_point(struct vdt_contour *contour, uint32_t x, uint32_t y)
{
    if (!vdt_grow(&contour->points, &contour->point_capacity, contour->point_count + 1,
                  sizeof *contour->points))
        return false;
    contour->points[contour->point_count][0] = x;
    contour->points[contour->point_count++][1] = y;
    return true;
}

/* From a corner round the ring and back, taking the edges away; points where it turns. Turning
 * right first keeps parts that touch at a corner apart. */
static bool follow(struct vdt_contour *contour, const struct vdt_contour_box *box, size_t at)
{
    static const int steps_x[] = {1, 0, -1, 0}, steps_y[] = {0, 1, 0, -1};
    size_t stride = box->right - box->left + 1, start = at;
    int direction = RIGHT; /* the first corner in reading order */
    bool good = true, turned = true;
    do {
        if (turned)
            good = add_point(contour, box->left + (uint32_t)(at % stride),
                             box->top + (uint32_t)(at / stride));
        contour->edges[at] &= (unsigned char)~(1 << direction);
        at = (size_t)((ptrdiff_t)at + steps_x[direction] + steps_y[direction] * (ptrdiff_t)stride);
        int before = direction;
        static const int turns[] = {1, 0, 3};
        for (int i = 0; i < 3; i++) {
            direction = (before + turns[i]) % DIRECTIONS;
            if ((contour->edges[at] >> direction & 1) != 0)
                break;
        }
        turned = direction != before;
    } while (good && at != start);
    return good;
}

static bool trace_rings(struct vdt_contour *contour, const struct vdt_contour_box *box)
{
    size_t corners = (size_t)(box->right - box->left + 1) * (box->bottom - box->top + 1);
    size_t rings = 0;
    for (size_t at = 0; at < corners; at++)
        while ((contour->edges[at] >> RIGHT & 1) != 0) {
            /* The first ring is closed before another one is added. */
            if (rings == 1 && !add_point(contour, contour->points[0][0], contour->points[0][1]))
                return false;
            size_t first = contour->point_count;
            if (!follow(contour, box, at))
                return false;
            if (rings++ > 0 &&
                (!add_point(contour, contour->points[first][0], contour->points[first][1]) ||
                 !add_point(contour, contour->points[0][0], contour->points[0][1])))
                return false;
        }
    return true;
}

vdt_status vdt_contour_trace(struct vdt_contour *contour, const uint16_t *instances, uint32_t cols,
                             uint16_t id, struct vdt_error *error)
{
    contour->point_count = 0;
    const struct vdt_contour_box *box = &contour->boxes[id - 1];
    if (box->left == box->right)
        return VDT_OK;
    size_t corners = (size_t)(box->right - box->left + 1) * (box->bottom - box->top + 1);
    if (!vdt_grow(&contour->edges, &contour->edge_capacity, corners, 1))
        return vdt_fail_memory(error, "outlines");
    memset(contour->edges, 0, corners);
    mark_edges(contour, box, instances, cols, id);
    return trace_rings(contour, box) ? VDT_OK : vdt_fail_memory(error, "outlines");
}
