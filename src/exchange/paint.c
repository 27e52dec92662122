/* Objects to instance masks. */
#include "exchange/paint.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"

void vdt_paint_clear(struct vdt_paint *paint)
{
    vdt_raster_clear(&paint->raster);
    free(paint->points);
    *paint = (struct vdt_paint){0};
}

bool vdt_paint_point(struct vdt_paint *paint, double x, double y)
{
    if (!vdt_grow(&paint->points, &paint->point_capacity, paint->point_count + 1,
                  sizeof *paint->points))
        return false;
    paint->points[paint->point_count][0] = x;
    paint->points[paint->point_count++][1] = y;
    return true;
}

vdt_status vdt_paint_polygon(struct vdt_paint *paint, const struct vdt_tile_spec *tile, uint16_t id,
                             uint16_t *instances, struct vdt_error *error)
{
    if (paint->point_count < 3)
        return VDT_OK;
    struct vdt_ring ring = {.count = paint->point_count};
    struct vdt_part part = {.count = 1};
    const struct vdt_geometry geometry = {.points = paint->points,
                                          .rings = &ring,
                                          .parts = &part,
                                          .point_count = paint->point_count,
                                          .ring_count = 1,
                                          .part_count = 1};
    const struct vdt_window window = {.cols = (int32_t)tile->cols, .rows = (int32_t)tile->rows};
    return vdt_burn_part(&paint->raster, &geometry, 0, &window, id, sizeof *instances, instances,
                         error);
}

/* The next run; pycocotools' rleFrString. */
static bool next_run(const char **text, const int64_t before, int64_t *run)
{
    int64_t value = 0;
    int shift = 0;
    for (;; shift += 5) {
        int letter = **text - 48;
        if (letter < 0 || letter > 63 || shift > 30)
            return false;
        (*text)++;
        value |= (int64_t)(letter & 31) << shift;
        if ((letter & 32) != 0)
            continue;
        if ((letter & 16) != 0)
            value -= (int64_t)1 << (shift + 5);
        break;
    }
    *run = value + before;
    return *run >= 0;
}

bool vdt_paint_rle(const char *text, const struct vdt_tile_spec *tile, uint16_t id,
                   uint16_t *instances)
{
    int64_t all = (int64_t)tile->rows * tile->cols, at = 0, run = 0, last[2] = {0};
    for (size_t i = 0; *text != '\0'; i++) {
        if (!next_run(&text, i > 2 ? last[i % 2] : 0, &run) || run > all - at)
            return false;
        last[i % 2] = run;
        for (int64_t p = at; i % 2 == 1 && p < at + run; p++)
            instances[(size_t)(p % tile->rows) * tile->cols + (size_t)(p / tile->rows)] = id;
        at += run;
    }
    return at == all;
}
