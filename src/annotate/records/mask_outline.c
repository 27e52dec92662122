/* Parts are coloured, then the edges between pixel and no pixel are walked once each. */
#include "annotate/records/mask_outline.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"

/* The mask's tight rectangle with a frame of one pixel around it, row by row. */
struct field {
    size_t cols, rows;
    uint32_t left, top; /* of the frame, in pixels of the mask + 1 */
    uint32_t *part;     /* 0: no pixel; UINT32_MAX: not coloured yet */
    uint8_t *walked;    /* edges, by enum side */
    size_t *stack;
    size_t stack_capacity;
};

enum side { TOP = 1, RIGHT = 2, BOTTOM = 4, LEFT = 8 };

static void clear_field(struct field *field)
{
    free(field->part);
    free(field->walked);
    free(field->stack);
}

static bool make_field(struct field *field, const struct vdt_annotation *mask)
{
    double box[4];
    vdt_annotation_bounds(mask, box);
    field->left = (uint32_t)box[0];
    field->top = (uint32_t)box[1];
    field->cols = (size_t)box[2] + 2;
    field->rows = (size_t)box[3] + 2;
    field->part = vdt_allocate_zero(field->cols * field->rows, sizeof *field->part);
    field->walked = vdt_allocate_zero(field->cols * field->rows, 1);
    if (field->part == NULL || field->walked == NULL)
        return false;
    uint64_t at = 0;
    for (size_t i = 0; i < mask->count_count; at += mask->counts[i], i++)
        for (uint64_t k = at; i % 2 == 1 && k < at + mask->counts[i]; k++) {
            size_t col = (size_t)(k / mask->rows) - field->left + 1;
            size_t row = (size_t)(k % mask->rows) - field->top + 1;
            field->part[row * field->cols + col] = UINT32_MAX;
        }
    return true;
}

/* Everything that shares edges with `start`. */
static bool colour(struct field *field, size_t start, uint32_t part)
{
    const size_t steps[4] = {1, (size_t)0 - 1, field->cols, (size_t)0 - field->cols};
    size_t count = 0;
    if (!vdt_grow(&field->stack, &field->stack_capacity, 1, sizeof *field->stack))
        return false;
    field->part[start] = part;
    field->stack[count++] = start;
    while (count > 0) {
        size_t at = field->stack[--count];
        for (int k = 0; k < 4; k++) {
            size_t next = at + steps[k];
            if (field->part[next] != UINT32_MAX)
                continue;
            if (!vdt_grow(&field->stack, &field->stack_capacity, count + 1, sizeof *field->stack))
                return false;
            field->part[next] = part;
            field->stack[count++] = next;
        }
    }
    return true;
}

/* A walk along the sides of pixels with the part to the right: on TOP sides to the right, on RIGHT
 * ones down, on BOTTOM ones to the left, on LEFT ones up. */
struct walk {
    size_t pixel;
    enum side side;
};

static enum side turned(enum side side, int quarter)
{
    static const enum side order[] = {TOP, RIGHT, BOTTOM, LEFT};
    int at = side == TOP ? 0 : side == RIGHT ? 1 : side == BOTTOM ? 2 : 3;
    return order[(at + quarter + 4) % 4];
}

static size_t step(const struct field *field, enum side side)
{
    return side == TOP      ? 1
           : side == RIGHT  ? field->cols
           : side == BOTTOM ? (size_t)0 - 1
                            : (size_t)0 - field->cols;
}

/* The next side; pixels that only touch at a corner are other parts, or the other side of a hole.
 */
static struct walk advance(const struct field *field, struct walk walk)
{
    size_t ahead = walk.pixel + step(field, walk.side);
    if (field->part[ahead] == 0)
        return (struct walk){walk.pixel, turned(walk.side, 1)};
    size_t beside = ahead + step(field, turned(walk.side, -1));
    if (field->part[beside] == 0)
        return (struct walk){ahead, walk.side};
    return (struct walk){beside, turned(walk.side, -1)};
}

/* Where a side begins. */
static void corner(const struct field *field, struct walk walk, double point[2])
{
    size_t col = walk.pixel % field->cols, row = walk.pixel / field->cols;
    col += walk.side == RIGHT || walk.side == BOTTOM;
    row += walk.side == BOTTOM || walk.side == LEFT;
    point[0] = (double)col - 1 + field->left;
    point[1] = (double)row - 1 + field->top;
}

static bool walk_ring(struct field *field, struct vdt_outlines *out, size_t pixel, enum side side)
{
    struct walk walk = {pixel, side};
    do {
        struct walk next = advance(field, walk);
        field->walked[walk.pixel] |= (uint8_t)walk.side;
        if (next.side != walk.side) {
            if (!vdt_grow(&out->points, &out->point_capacity, out->point_count + 1,
                          sizeof *out->points))
                return false;
            corner(field, next, out->points[out->point_count++]);
        }
        walk = next;
    } while (walk.pixel != pixel || walk.side != side);
    if (!vdt_grow(&out->rings, &out->ring_capacity, out->ring_count + 2, sizeof *out->rings))
        return false;
    out->rings[0] = 0;
    out->rings[++out->ring_count] = out->point_count;
    return true;
}

/* The outer ring of a part is met first, from above; holes have TOP sides below them. */
static bool walk_part(struct field *field, struct vdt_outlines *out, size_t first, uint32_t part)
{
    for (size_t at = first; at < field->cols * field->rows; at++)
        if (field->part[at] == part && field->part[at - field->cols] == 0 &&
            (field->walked[at] & TOP) == 0 && !walk_ring(field, out, at, TOP))
            return false;
    if (!vdt_grow(&out->parts, &out->part_capacity, out->part_count + 2, sizeof *out->parts))
        return false;
    out->parts[0] = 0;
    out->parts[++out->part_count] = out->ring_count;
    return true;
}

bool vdt_mask_outline(struct vdt_outlines *outlines, const struct vdt_annotation *mask)
{
    vdt_cleanup(clear_field) struct field field = {0};
    if (!make_field(&field, mask))
        return false;
    uint32_t parts = 0;
    for (size_t at = 0; at < field.cols * field.rows; at++)
        if (field.part[at] == UINT32_MAX &&
            (!colour(&field, at, ++parts) || !walk_part(&field, outlines, at, parts)))
            return false;
    return true;
}
