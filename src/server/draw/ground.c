/* PROJ in a process that may not open files. */
#include "server/draw/ground.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/lonlat_json.h"
#include "source/ground/lonlat.h"

enum { SIDE_POINTS = 4, POINTS = 4 * SIDE_POINTS };

int vdt_ground_prepare(void)
{
    /* Any CRS that PROJ has to look up; it keeps its data base open for those to come. */
    vdt_lonlat_free(vdt_lonlat_open("EPSG:32631"));
    int next = dup(0); /* descriptors are given from below */
    if (next >= 0)
        close(next);
    return next - 1;
}

void vdt_ground_labels_clear(struct vdt_ground_labels *labels)
{
    free(labels->boxes);
    free(labels->classes);
    free(labels->features);
    free(labels->visible);
    *labels = (struct vdt_ground_labels){0};
}

/* The corners of a rectangle of pixels and points between them: straight lines of pixels are not
 * straight in degrees. */
static void outline(const double g[6], const double box[4], double points[POINTS][2])
{
    static const int corners[5][2] = {{0, 1}, {2, 1}, {2, 3}, {0, 3}, {0, 1}};
    for (int i = 0; i < POINTS; i++) {
        const int *from = corners[i / SIDE_POINTS], *to = corners[i / SIDE_POINTS + 1];
        double share = (double)(i % SIDE_POINTS) / SIDE_POINTS;
        double x = box[from[0]] + (box[to[0]] - box[from[0]]) * share;
        double y = box[from[1]] + (box[to[1]] - box[from[1]]) * share;
        points[i][0] = g[0] + g[1] * x + g[2] * y;
        points[i][1] = g[3] + g[4] * x + g[5] * y;
    }
}

/* The polygon of a rectangle; null where it has no place. */
static json_t *polygon_of(struct vdt_lonlat *ground, const struct vdt_ground_sample *sample,
                          const double box[4])
{
    double points[POINTS][2];
    outline(sample->geotransform, box, points);
    json_t *polygon = ground != NULL && sample->placed && vdt_lonlat_from(ground, points, POINTS)
                          ? vdt_lonlat_polygon((const double(*)[2])points, POINTS)
                          : NULL;
    return polygon == NULL ? json_null() : polygon;
}

static json_t *real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *box_feature(struct vdt_lonlat *ground, const struct vdt_ground_sample *sample,
                           const struct vdt_ground_labels *labels, size_t i)
{
    const float *b = ((const float(*)[4])labels->boxes)[i];
    const double box[4] = {(double)b[0], (double)b[1], (double)b[2], (double)b[3]};
    uint16_t class_id = ((const uint16_t *)labels->classes)[i];
    const char *name =
        class_id < sample->spec->class_count ? sample->spec->classes[class_id] : NULL;
    return json_pack("{s:s, s:o, s:{s:s, s:s, s:s?, s:i, s:I, s:o, s:[o,o,o,o]}}", "type",
                     "Feature", "geometry", polygon_of(ground, sample, box), "properties", "key",
                     sample->key, "group", sample->group, "class", name, "class_id", (int)class_id,
                     "feature", (json_int_t)((const int64_t *)labels->features)[i], "visible",
                     real((double)((const float *)labels->visible)[i]), "box", real(box[0]),
                     real(box[1]), real(box[2]), real(box[3]));
}

static json_t *tile_feature(const struct vdt_ground_sample *sample, const json_t *footprint)
{
    return json_pack("{s:s, s:O, s:{s:s, s:s, s:O, s:[i,i,i,i]}}", "type", "Feature", "geometry",
                     footprint, "properties", "key", sample->key, "group", sample->group, "classes",
                     sample->counts, "box", 0, 0, (int)sample->spec->tile.cols,
                     (int)sample->spec->tile.rows);
}

json_t *vdt_ground_document(const struct vdt_ground_sample *sample,
                            const struct vdt_ground_labels *labels)
{
    bool boxes = (sample->spec->tasks & (VDT_DETECTION | VDT_INSTANCE)) != 0;
    const double whole[4] = {0, 0, sample->spec->tile.cols, sample->spec->tile.rows};
    struct vdt_lonlat *ground = sample->crs[0] == '\0' ? NULL : vdt_lonlat_open(sample->crs);
    json_t *features = json_array();
    json_t *footprint = polygon_of(ground, sample, whole);
    if (json_is_null(footprint)) {
        json_decref(footprint);
        footprint = vdt_lonlat_box(sample->bounds);
    }
    for (size_t i = 0; boxes && i < labels->count; i++)
        json_array_append_new(features, box_feature(ground, sample, labels, i));
    if (!boxes)
        json_array_append_new(features, tile_feature(sample, footprint));
    vdt_lonlat_free(ground);
    return json_pack("{s:s, s:o, s:s, s:s, s:o}", "type", "FeatureCollection", "features", features,
                     "key", sample->key, "group", sample->group, "footprint", footprint);
}
