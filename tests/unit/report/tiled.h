/* A made-up scene of boxes, cut by tiles. */
#ifndef TESTS_REPORT_TILED_H
#define TESTS_REPORT_TILED_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <vedatile/detection.h>
#include <vedatile/shapes.h>

#include "base/random.h"
#include "report/ground/ground.h"

enum { SCENE = 512, OBJECTS_MOST = 400, PIECES_MOST = 60000, TILES_MOST = 2000 };

__attribute__((unused)) static const double north_up[6] = {300000, 0.5, 0, 9110000, 0, -0.5};
__attribute__((unused)) static const double rotated[6] = {300000, 0.4, 0.3, 9110000, 0.3, -0.4};
__attribute__((unused)) static const double south_up[6] = {300000, 0.5, 0, 9110000, 0, 0.5};
__attribute__((unused)) static const double degrees[6] = {-34.9, 5e-6, 0, -8.0, 0, -5e-6};
__attribute__((unused)) static const double antimeridian[6] = {179.999, 5e-6, 0, 52, 0, -5e-6};

/* A scene of objects: boxes in its pixels. */
struct scene {
    size_t count;
    double box[OBJECTS_MOST][4]; /* xmin, ymin, xmax, ymax */
    uint32_t category[OBJECTS_MOST];
    double score[OBJECTS_MOST];
};

/* The same as tiles show it. */
struct tiled {
    struct vdt_placed_tile tiles[TILES_MOST];
    uint32_t tile_count, rows, cols;
    size_t count;
    uint32_t image[PIECES_MOST], category[PIECES_MOST];
    double score[PIECES_MOST], box[PIECES_MOST][4];
    int64_t feature[PIECES_MOST];
    struct vdt_masks *masks;
    double points[PIECES_MOST][4][2];
    struct vdt_objects objects;
    struct vdt_shapes shapes;
    uint64_t offsets[PIECES_MOST + 1], point_offsets[PIECES_MOST + 1];
};

static inline struct tiled *new_tiled(void)
{
    struct tiled *tiled = calloc(1, sizeof *tiled);
    assert_non_null(tiled);
    assert_int_equal(vdt_masks_new(&tiled->masks, NULL), VDT_OK);
    return tiled;
}

static inline void free_tiled(struct tiled *tiled)
{
    vdt_masks_free(tiled->masks);
    free(tiled);
}

static inline void add_tile(struct tiled *tiled, const double geotransform[6], int32_t col,
                            int32_t row)
{
    struct vdt_placed_tile *tile = &tiled->tiles[tiled->tile_count++];
    const double *g = geotransform;
    *tile = (struct vdt_placed_tile){
        .scene = 7, .window = {col, row, (int32_t)tiled->cols, (int32_t)tiled->rows}};
    memcpy(tile->geotransform, g, 6 * sizeof *g);
    tile->geotransform[0] += col * g[1] + row * g[2];
    tile->geotransform[3] += col * g[4] + row * g[5];
}

static inline void lay_tiles(struct tiled *tiled, const double geotransform[6], uint32_t size,
                             uint32_t stride)
{
    tiled->rows = tiled->cols = size;
    for (uint32_t row = 0; row + size <= SCENE; row += stride)
        for (uint32_t col = 0; col + size <= SCENE; col += stride)
            add_tile(tiled, geotransform, (int32_t)col, (int32_t)row);
}

static inline void add_mask(struct tiled *tiled, const double box[4])
{
    uint8_t *pixels = calloc(tiled->rows, tiled->cols);
    assert_non_null(pixels);
    for (uint32_t y = 0; y < tiled->rows; y++)
        for (uint32_t x = 0; x < tiled->cols; x++)
            pixels[y * tiled->cols + x] =
                x + 0.5 > box[0] && x + 0.5 < box[2] && y + 0.5 > box[1] && y + 0.5 < box[3];
    assert_int_equal(vdt_masks_add_u8(tiled->masks, tiled->rows, tiled->cols, pixels,
                                      (ptrdiff_t)tiled->cols, 1, NULL),
                     VDT_OK);
    free(pixels);
}

enum kind { BOXES, MASKS, POLYGONS };

static inline void cut_one(struct tiled *tiled, const struct scene *scene, size_t object,
                           uint32_t number, enum kind kind)
{
    const struct vdt_window *w = &tiled->tiles[number].window;
    const double *b = scene->box[object];
    double box[4] = {fmax(b[0] - w->col, 0), fmax(b[1] - w->row, 0), fmin(b[2] - w->col, w->cols),
                     fmin(b[3] - w->row, w->rows)};
    if (!(box[2] > box[0]) || !(box[3] > box[1]))
        return;
    size_t i = tiled->count++;
    assert_true(i < PIECES_MOST);
    tiled->image[i] = number;
    tiled->category[i] = scene->category[object];
    tiled->score[i] = scene->score[object];
    tiled->feature[i] = (int64_t)object;
    memcpy(tiled->box[i], (double[4]){box[0], box[1], box[2] - box[0], box[3] - box[1]},
           sizeof box);
    const double corners[4][2] = {
        {box[0], box[1]}, {box[2], box[1]}, {box[2], box[3]}, {box[0], box[3]}};
    memcpy(tiled->points[i], corners, sizeof corners);
    if (kind == MASKS)
        add_mask(tiled, box);
}

static inline void finish(struct tiled *tiled, enum kind kind, bool scored)
{
    tiled->objects = (struct vdt_objects){
        .count = tiled->count,
        .image = tiled->image,
        .category = tiled->category,
        .score = scored ? tiled->score : NULL,
        .box = kind == BOXES ? (const double(*)[4])tiled->box : NULL,
        .shapes = kind == BOXES   ? NULL
                  : kind == MASKS ? vdt_masks_shapes(tiled->masks)
                                  : &tiled->shapes,
    };
    for (size_t i = 0; i <= tiled->count; i++) {
        tiled->offsets[i] = i;
        tiled->point_offsets[i] = 4 * i;
    }
    tiled->shapes = (struct vdt_shapes){
        .kind = VDT_SHAPE_POLYGON,
        .count = tiled->count,
        .points = (const double(*)[2])tiled->points,
        .ring_offsets = tiled->point_offsets,
        .part_offsets = tiled->offsets,
        .shape_offsets = tiled->offsets,
    };
}

static inline void cut(struct tiled *tiled, const struct scene *scene, enum kind kind, bool scored)
{
    tiled->count = 0;
    vdt_masks_clear(tiled->masks);
    for (uint32_t t = 0; t < tiled->tile_count; t++)
        for (size_t i = 0; i < scene->count; i++)
            cut_one(tiled, scene, i, t, kind);
    finish(tiled, kind, scored);
}

/* Objects of whole pixels that do not share any, so that masks and boxes are the same. */
static inline void scatter(struct scene *scene, uint64_t seed, size_t count)
{
    *scene = (struct scene){0};
    for (uint64_t i = 0; scene->count < count && i < 20 * count; i++) {
        double box[4];
        for (int axis = 0; axis < 2; axis++) {
            double size = 4 + floor(vdt_unit(vdt_mix2(seed, 4 * i + (uint64_t)axis)) * 60);
            double room = SCENE - size;
            box[axis] = floor(vdt_unit(vdt_mix2(~seed, 4 * i + (uint64_t)axis)) * room);
            box[axis + 2] = box[axis] + size;
        }
        bool free_ground = true;
        for (size_t k = 0; k < scene->count; k++) {
            const double *other = scene->box[k];
            free_ground = free_ground && (box[0] > other[2] + 3 || box[2] + 3 < other[0] ||
                                          box[1] > other[3] + 3 || box[3] + 3 < other[1]);
        }
        if (!free_ground)
            continue;
        memcpy(scene->box[scene->count], box, sizeof box);
        scene->category[scene->count] = (uint32_t)(i % 3);
        scene->score[scene->count++] = 0.1 + 0.8 * vdt_unit(vdt_mix2(seed, ~i));
    }
}

static const char *const utm[] = {"EPSG:32725", "EPSG:4326"};

static inline struct vdt_ground_areas *open_areas(const struct tiled *tiled, bool lonlat,
                                                  uint32_t threads)
{
    struct vdt_error error = {0};
    struct vdt_ground_areas *areas = NULL;
    const struct vdt_ground_options options = {
        .tiles = tiled->tiles,
        .tile_count = tiled->tile_count,
        .rows = tiled->rows,
        .cols = tiled->cols,
        .crs = utm + (lonlat ? 1 : 0),
        .crs_count = 1,
        .threads = threads,
    };
    if (vdt_ground_areas_open(&options, &areas, &error) != VDT_OK)
        fail_msg("%s", error.message);
    return areas;
}

static inline struct vdt_ground_merged *merge_tiled(const struct tiled *tiled, bool lonlat,
                                                    bool known, uint32_t threads)
{
    struct vdt_error error = {0};
    struct vdt_ground_merged *merged = NULL;
    struct vdt_ground_areas *areas = open_areas(tiled, lonlat, threads);
    const struct vdt_ground_input input = {.objects = &tiled->objects,
                                           .feature = known ? tiled->feature : NULL};
    if (vdt_ground_merge(areas, &input, &merged, &error) != VDT_OK)
        fail_msg("%s", error.message);
    vdt_ground_areas_free(areas);
    return merged;
}

static inline void assert_same_objects(const struct vdt_ground_merged *one,
                                       const struct vdt_ground_merged *two, double tolerance)
{
    const struct vdt_objects *a = vdt_ground_objects(one), *b = vdt_ground_objects(two);
    assert_int_equal(a->count, b->count);
    for (uint64_t i = 0; i < a->count; i++) {
        assert_int_equal(a->category[i], b->category[i]);
        assert_true((a->score == NULL) == (b->score == NULL));
        if (a->score != NULL)
            assert_true(a->score[i] == b->score[i]);
        assert_true(fabs(a->area[i] - b->area[i]) <= tolerance * a->area[i]);
        for (int k = 0; k < 4; k++)
            assert_true(fabs(a->box[i][k] - b->box[i][k]) <= tolerance * 100);
    }
}

/* --- a scene in tiles is the scene --------------------------------------------------------------
 */

#endif
