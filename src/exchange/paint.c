/* Objects to instance masks. */
#include "exchange/paint.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/run_lengths.h"

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

bool vdt_paint_rle(const char *text, const struct vdt_tile_spec *tile, uint16_t id,
                   uint16_t *instances)
{
    int64_t all = (int64_t)tile->rows * tile->cols, at = 0, run = 0;
    struct vdt_run_lengths runs = {.at = text, .end = text + strlen(text)};
    while (vdt_run_lengths_next(&runs, &run)) {
        if (run > all - at)
            return false;
        for (int64_t p = at; runs.count % 2 == 0 && p < at + run; p++)
            instances[(size_t)(p % tile->rows) * tile->cols + (size_t)(p / tile->rows)] = id;
        at += run;
    }
    return runs.at == runs.end && at == all;
}
