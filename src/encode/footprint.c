/* Passes along columns, then along rows: the work is the same for every width and distance. */
#include "encode/footprint.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/error.h"

void vdt_around_clear(struct vdt_around *around)
{
    free(around->near);
    free(around->line);
    *around = (struct vdt_around){0};
}

int32_t vdt_boundary_halo(uint32_t width)
{
    return (int32_t)(width / 2);
}

int32_t vdt_distance_halo(double limit)
{
    return (int32_t)ceil(limit);
}

static bool reserve(struct vdt_around *around, const struct vdt_footprint *footprint)
{
    size_t cols = (size_t)footprint->cols, pixels = cols * (size_t)footprint->rows;
    return vdt_grow(&around->near, &around->near_capacity, pixels, sizeof *around->near) &&
           vdt_grow(&around->line, &around->line_capacity, 2 * cols, sizeof *around->line);
}

/* --- boundaries --------------------------------------------------------------------------- */

/* For every pixel of the tile's rows: whether a pixel of that kind is in the square's rows above
 * and below it. */
static void look_along_columns(struct vdt_around *around, const struct vdt_footprint *footprint,
                               uint8_t kind, int32_t above, int32_t below)
{
    int32_t *next = around->line; /* the row of the first such pixel from here down */
    for (int32_t c = 0; c < footprint->cols; c++)
        next[c] = INT32_MAX;
    int32_t row = footprint->rows - 1;
    for (int32_t r = footprint->rows - 1 - footprint->halo; r >= footprint->halo; r--) {
        for (; row >= r - above; row--) {
            const uint8_t *kinds = footprint->kinds + (size_t)row * (size_t)footprint->cols;
            for (int32_t c = 0; c < footprint->cols; c++)
                if (kinds[c] == kind)
                    next[c] = row;
        }
        int32_t *near = around->near + (size_t)r * (size_t)footprint->cols;
        for (int32_t c = 0; c < footprint->cols; c++)
            near[c] = next[c] <= r + below;
    }
}

vdt_status vdt_make_boundary(struct vdt_around *around, const struct vdt_footprint *footprint,
                             enum vdt_boundary side, uint32_t width, uint8_t *boundary,
                             struct vdt_error *error)
{
    int32_t before = (int32_t)((width - 1) / 2), after = (int32_t)(width / 2);
    uint8_t own = side == VDT_BOUNDARY_INNER ? VDT_OBJECT : VDT_BACKGROUND;
    uint8_t other = side == VDT_BOUNDARY_INNER ? VDT_BACKGROUND : VDT_OBJECT;
    int32_t halo = footprint->halo, cols = footprint->cols - 2 * halo;
    if (!reserve(around, footprint))
        return vdt_fail_memory(error, "a boundary");
    look_along_columns(around, footprint, other, before, after);
    for (int32_t r = halo; r < footprint->rows - halo; r++, boundary += cols) {
        const uint8_t *kinds = footprint->kinds + (size_t)r * (size_t)footprint->cols;
        const int32_t *near = around->near + (size_t)r * (size_t)footprint->cols;
        int32_t next = INT32_MAX, col = footprint->cols - 1;
        for (int32_t c = footprint->cols - 1 - halo; c >= halo; c--) {
            for (; col >= c - before; col--)
                if (near[col])
                    next = col;
            boundary[c - halo] = kinds[c] == own && next <= c + after;
        }
    }
    return VDT_OK;
}

/* --- distances ---------------------------------------------------------------------------- */

/* For every pixel: how many rows away in its column the nearest of that kind is; `far` for none. */
static void measure_columns(struct vdt_around *around, const struct vdt_footprint *footprint,
                            uint8_t kind, int32_t far)
{
    size_t cols = (size_t)footprint->cols;
    for (int32_t r = 0; r < footprint->rows; r++) {
        const uint8_t *kinds = footprint->kinds + (size_t)r * cols;
        int32_t *near = around->near + (size_t)r * cols;
        for (size_t c = 0; c < cols; c++) {
            int32_t before = r == 0 ? far : near[c - cols];
            near[c] = kinds[c] == kind ? 0 : before < far ? before + 1 : far;
        }
    }
    for (int32_t r = footprint->rows - 2; r >= 0; r--) {
        int32_t *near = around->near + (size_t)r * cols;
        for (size_t c = 0; c < cols; c++)
            if (near[c + cols] + 1 < near[c])
                near[c] = near[c + cols] + 1;
    }
}

static int64_t squared(int64_t value)
{
    return value * value;
}

/* The first column at which the parabola from `right` is below that from `left`. */
static int64_t meeting(int64_t left, int64_t left_near, int64_t right, int64_t right_near)
{
    int64_t above = squared(right) - squared(left) + squared(right_near) - squared(left_near);
    int64_t wide = 2 * (right - left), half = above / wide;
    return half - (above % wide < 0) + 1;
}

/* The squares of distances of one row, from those along its columns: the lowest parabola at each
 * column. Those that are lowest somewhere, and from where on, are kept in `line`. */
static void measure_row(struct vdt_around *around, const int32_t *near, int32_t cols,
                        const uint8_t *kinds, uint8_t own, int32_t halo, double limit,
                        float *distance)
{
    int32_t *vertex = around->line, *from = around->line + cols, top = 0;
    vertex[0] = from[0] = 0;
    for (int32_t c = 1; c < cols; c++) {
        int64_t start = 0;
        for (; top >= 0; top--) {
            start = meeting(vertex[top], near[vertex[top]], c, near[c]);
            if (start > from[top])
                break;
        }
        if (top < 0)
            start = 0;
        if (start >= cols)
            continue;
        vertex[++top] = c;
        from[top] = (int32_t)start;
    }
    for (int32_t c = cols - 1; c >= halo; c--) {
        while (from[top] > c)
            top--;
        if (c >= cols - halo || kinds[c] != own)
            continue;
        double length = sqrt((double)(squared(c - vertex[top]) + squared(near[vertex[top]])));
        float cut = (float)fmin(length, limit);
        distance[c - halo] = own == VDT_OBJECT ? cut : -cut;
    }
}

vdt_status vdt_make_distance(struct vdt_around *around, const struct vdt_footprint *footprint,
                             double limit, float *distance, struct vdt_error *error)
{
    int32_t halo = footprint->halo, cols = footprint->cols, width = cols - 2 * halo;
    int32_t far = cols + footprint->rows; /* more than the limit, which is at most the halo */
    if (!reserve(around, footprint))
        return vdt_fail_memory(error, "distances");
    for (int pass = 0; pass < 2; pass++) {
        uint8_t own = pass == 0 ? VDT_OBJECT : VDT_BACKGROUND;
        measure_columns(around, footprint, pass == 0 ? VDT_BACKGROUND : VDT_OBJECT, far);
        for (int32_t r = halo; r < footprint->rows - halo; r++) {
            size_t at = (size_t)r * (size_t)cols;
            measure_row(around, around->near + at, cols, footprint->kinds + at, own, halo, limit,
                        distance + (size_t)(r - halo) * (size_t)width);
        }
    }
    return VDT_OK;
}
