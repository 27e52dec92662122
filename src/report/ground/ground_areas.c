/* Tiles on their grids of pixels, and the areas that they cover together. */
#define _GNU_SOURCE /* qsort_r */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/ordered.h"
#include "report/ground/ground_state.h"

/* Tiles are of one grid when their corners are as near to its pixels' as this, in pixels. */
static const double ON_GRID = 0.01;

enum { GRIDS_BACK = 8 }; /* how many grids of its scene a tile is compared with */

/* --- grids -------------------------------------------------------------------------------- */

/* Tiles of a scene in an order that owes nothing to how they were given. */
static int by_scene(const void *left, const void *right, void *payload)
{
    const struct vdt_placed_tile *tiles = payload;
    uint32_t i = *(const uint32_t *)left, k = *(const uint32_t *)right;
    const struct vdt_placed_tile *a = &tiles[i], *b = &tiles[k];
    const int64_t keys[][2] = {{a->scene, b->scene},
                               {a->window.row, b->window.row},
                               {a->window.col, b->window.col},
                               {a->window.rows, b->window.rows},
                               {a->window.cols, b->window.cols}};
    for (size_t n = 0; n < sizeof keys / sizeof keys[0]; n++)
        if (keys[n][0] != keys[n][1])
            return keys[n][0] < keys[n][1] ? -1 : 1;
    int order = memcmp(a->geotransform, b->geotransform, sizeof a->geotransform);
    return order != 0 ? order : i < k ? -1 : i > k;
}

static bool is_placed(const double g[6])
{
    double determinant = g[1] * g[5] - g[2] * g[4];
    return determinant != 0 && isfinite(determinant) && isfinite(g[0]) && isfinite(g[3]);
}

static bool is_zero(const double g[6])
{
    for (int i = 0; i < 6; i++)
        if (g[i] != 0)
            return false;
    return true;
}

/* The tile's own: what a grid would be that began with it. */
static void grid_of(const struct vdt_ground_areas *areas, const struct vdt_placed_tile *tile,
                    struct vdt_ground_grid *grid, double corner[2])
{
    const double *g = tile->geotransform;
    bool plain =
        tile->window.cols == (int32_t)areas->cols && tile->window.rows == (int32_t)areas->rows;
    *grid = (struct vdt_ground_grid){.scene = tile->scene, .crs = tile->crs, .placed = !is_zero(g)};
    corner[0] = plain ? tile->window.col : 0;
    corner[1] = plain ? tile->window.row : 0;
    if (!grid->placed) {
        memcpy(grid->geotransform, (double[6]){0, 1, 0, 0, 0, 1}, sizeof grid->geotransform);
        return;
    }
    memcpy(grid->geotransform, g, sizeof grid->geotransform);
    grid->geotransform[0] -= corner[0] * g[1] + corner[1] * g[2];
    grid->geotransform[3] -= corner[0] * g[4] + corner[1] * g[5];
}

/* Whether the pixels of `own` are those of `grid`, moved by whole ones: by shift. */
static bool on_grid(const struct vdt_ground_areas *areas, const struct vdt_ground_grid *grid,
                    const struct vdt_ground_grid *own, double shift[2])
{
    const double *g = grid->geotransform, *o = own->geotransform;
    if (grid->placed != own->placed || strcmp(areas->crs[grid->crs], areas->crs[own->crs]) != 0)
        return false;
    double determinant = g[1] * g[5] - g[2] * g[4];
    double x = o[0] - g[0], y = o[3] - g[3];
    double from[2] = {(x * g[5] - y * g[2]) / determinant, (y * g[1] - x * g[4]) / determinant};
    double side = fmax(areas->cols, areas->rows);
    for (int i = 0; i < 2; i++) {
        shift[i] = rint(from[i]);
        double dx = (o[1 + i] - g[1 + i]) * side, dy = (o[4 + i] - g[4 + i]) * side;
        if (!(fabs(from[i] - shift[i]) <= ON_GRID && fabs(shift[i]) < 1e9) ||
            !(fabs((dx * g[5] - dy * g[2]) / determinant) <= ON_GRID) ||
            !(fabs((dy * g[1] - dx * g[4]) / determinant) <= ON_GRID))
            return false;
    }
    return true;
}

static vdt_status check_tile(const struct vdt_ground_options *options, uint32_t number,
                             struct vdt_error *error)
{
    const struct vdt_placed_tile *tile = &options->tiles[number];
    if (tile->crs >= options->crs_count)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "tile %u: CRS %u of %zu", number, tile->crs,
                        options->crs_count);
    if (tile->window.cols < 1 || tile->window.rows < 1)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "tile %u: a window of %dx%d", number,
                        tile->window.cols, tile->window.rows);
    if (!is_zero(tile->geotransform) && !is_placed(tile->geotransform))
        return vdt_fail(error, VDT_ERR_FORMAT, "tile %u: its geotransform maps pixels to no area",
                        number);
    return VDT_OK;
}

/* Puts a tile on a grid of its scene (of any scene, with join), which is made if need be. */
static vdt_status put_tile(struct vdt_ground_areas *areas, const struct vdt_placed_tile *tile,
                           bool join, struct vdt_ground_placed *placed, struct vdt_error *error)
{
    struct vdt_ground_grid own;
    double corner[2], shift[2] = {0, 0};
    grid_of(areas, tile, &own, corner);
    uint32_t grid = areas->grid_count, back = 0;
    for (uint32_t i = areas->grid_count; i-- > 0 && grid == areas->grid_count;) {
        if (!join && (areas->grids[i].scene != tile->scene || back++ == GRIDS_BACK))
            break;
        double moved[2];
        bool same_scene = areas->grids[i].scene == tile->scene;
        if (!on_grid(areas, &areas->grids[i], &own, moved))
            continue;
        /* Without a place only the scene says which pixels are the same ones. */
        if (same_scene ? moved[0] == 0 && moved[1] == 0 : join && own.placed) {
            grid = i;
            memcpy(shift, moved, sizeof shift);
        }
    }
    if (grid == areas->grid_count) {
        if (!vdt_grow(&areas->grids, &areas->grid_capacity, grid + 1, sizeof *areas->grids))
            return vdt_fail_memory(error, "tiles on the ground");
        areas->grids[areas->grid_count++] = own;
    }
    double col = corner[0] + shift[0], row = corner[1] + shift[1];
    *placed = (struct vdt_ground_placed){
        .grid = grid, .window = {col, row, col + areas->cols, row + areas->rows}};
    return VDT_OK;
}

static vdt_status put_tiles(struct vdt_ground_areas *areas,
                            const struct vdt_ground_options *options, struct vdt_error *error)
{
    for (uint32_t i = 0; i < areas->tile_count; i++) {
        vdt_status status = check_tile(options, i, error);
        if (status != VDT_OK)
            return status;
        areas->sorted[i] = i;
    }
    qsort_r(areas->sorted, areas->tile_count, sizeof *areas->sorted, by_scene,
            (void *)options->tiles);
    vdt_status status = VDT_OK;
    for (uint32_t i = 0; status == VDT_OK && i < areas->tile_count; i++) {
        uint32_t tile = areas->sorted[i];
        status = put_tile(areas, &options->tiles[tile], options->join_scenes, &areas->tiles[tile],
                          error);
    }
    return status;
}

static int by_grid(const void *left, const void *right, void *payload)
{
    const struct vdt_ground_placed *tiles = payload;
    uint32_t i = *(const uint32_t *)left, k = *(const uint32_t *)right;
    const struct vdt_ground_placed *a = &tiles[i], *b = &tiles[k];
    if (a->grid != b->grid)
        return a->grid < b->grid ? -1 : 1;
    if (a->window[1] != b->window[1])
        return a->window[1] < b->window[1] ? -1 : 1;
    if (a->window[0] != b->window[0])
        return a->window[0] < b->window[0] ? -1 : 1;
    return i < k ? -1 : i > k;
}

/* Sorts tiles by grid and gives each grid its run of them, with an index. */
static vdt_status gather_grids(struct vdt_ground_areas *areas, struct vdt_error *error)
{
    qsort_r(areas->sorted, areas->tile_count, sizeof *areas->sorted, by_grid, areas->tiles);
    vdt_cleanup(vdt_free_pointer) double(*boxes)[4] =
        vdt_allocate(areas->tile_count, sizeof *boxes);
    if (boxes == NULL)
        return vdt_fail_memory(error, "tiles on the ground");
    for (uint32_t i = 0; i < areas->tile_count; i++) {
        struct vdt_ground_placed *tile = &areas->tiles[areas->sorted[i]];
        struct vdt_ground_grid *grid = &areas->grids[tile->grid];
        tile->rank = i;
        memcpy(boxes[i], tile->window, sizeof boxes[i]);
        if (grid->count++ == 0) {
            grid->first = i;
            memcpy(grid->hull, tile->window, sizeof grid->hull);
        }
        for (int axis = 0; axis < 2; axis++) {
            grid->hull[axis] = fmin(grid->hull[axis], tile->window[axis]);
            grid->hull[axis + 2] = fmax(grid->hull[axis + 2], tile->window[axis + 2]);
        }
    }
    vdt_status status = VDT_OK;
    for (uint32_t i = 0; status == VDT_OK && i < areas->grid_count; i++) {
        struct vdt_ground_grid *grid = &areas->grids[i];
        status = vdt_index_build((const double(*)[4])boxes + grid->first, grid->count, &grid->index,
                                 error);
    }
    return status;
}

/* --- areas -------------------------------------------------------------------------------- */

enum vdt_tile_relation vdt_tiles_relate(const double a[4], const double b[4], double common[4])
{
    for (int axis = 0; axis < 2; axis++) {
        common[axis] = fmax(a[axis], b[axis]);
        common[axis + 2] = fmin(a[axis + 2], b[axis + 2]);
    }
    double width = common[2] - common[0], height = common[3] - common[1];
    if (width > 0 && height > 0)
        return VDT_TILES_OVERLAP;
    return (width == 0 && height > 0) || (height == 0 && width > 0) ? VDT_TILES_TOUCH
                                                                    : VDT_TILES_APART;
}

static uint32_t root_of(uint32_t *parents, uint32_t i)
{
    while (parents[i] != i)
        i = parents[i] = parents[parents[i]];
    return i;
}

/* parents[place in sorted]: the first tile of an area is its root. */
static vdt_status join_tiles(const struct vdt_ground_areas *areas, uint32_t *parents,
                             struct vdt_error *error)
{
    struct vdt_hits hits = {0};
    vdt_status status = VDT_OK;
    for (uint32_t i = 0; i < areas->tile_count; i++)
        parents[i] = i;
    for (uint32_t i = 0; status == VDT_OK && i < areas->tile_count; i++) {
        const struct vdt_ground_placed *tile = &areas->tiles[areas->sorted[i]];
        const struct vdt_ground_grid *grid = &areas->grids[tile->grid];
        status = vdt_index_query(grid->index, tile->window, &hits, error);
        for (size_t k = 0; status == VDT_OK && k < hits.count; k++) {
            double common[4];
            uint32_t other = grid->first + hits.ids[k];
            if (other >= i ||
                vdt_tiles_relate(tile->window, areas->tiles[areas->sorted[other]].window, common) ==
                    VDT_TILES_APART)
                continue;
            uint32_t a = root_of(parents, i), b = root_of(parents, other);
            parents[a > b ? a : b] = a > b ? b : a;
        }
    }
    free(hits.ids);
    return status;
}

static vdt_status number_areas(struct vdt_ground_areas *areas, const struct vdt_placed_tile *tiles,
                               struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) uint32_t *parents =
        vdt_allocate(areas->tile_count, sizeof *parents);
    areas->areas = vdt_allocate_zero(areas->tile_count, sizeof *areas->areas);
    areas->area_grids = vdt_allocate_zero(areas->tile_count, sizeof *areas->area_grids);
    if (parents == NULL || areas->areas == NULL || areas->area_grids == NULL)
        return vdt_fail_memory(error, "tiles on the ground");
    vdt_status status = join_tiles(areas, parents, error);
    for (uint32_t i = 0; status == VDT_OK && i < areas->tile_count; i++) {
        uint32_t tile = areas->sorted[i], root = root_of(parents, i);
        uint32_t area = root == i ? areas->area_count++ : areas->tiles[areas->sorted[root]].area;
        areas->tiles[tile].area = area;
        if (root == i) {
            areas->area_grids[area] = areas->tiles[tile].grid;
            areas->areas[area].scene = tiles[tile].scene;
        }
        areas->areas[area].tiles++;
    }
    return status;
}

static void describe_areas(struct vdt_ground_areas *areas)
{
    for (uint32_t i = 0; i < areas->area_count; i++) {
        const struct vdt_ground_grid *grid = &areas->grids[areas->area_grids[i]];
        areas->areas[i].metres = grid->metres;
        areas->areas[i].crs = grid->metres ? grid->plane.text : "";
    }
}

/* --- all of it ---------------------------------------------------------------------------- */

static vdt_status check_options(const struct vdt_ground_options *options, struct vdt_error *error)
{
    if (options->rows == 0 || options->cols == 0 || options->rows > INT32_MAX ||
        options->cols > INT32_MAX)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "tiles of %ux%u pixels on the ground",
                        options->cols, options->rows);
    if (!(options->overlap >= 0) || !(options->overlap <= 1))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "predictions of two tiles are one from an IoU of %g on: 0 to 1",
                        options->overlap);
    if (!(options->reach >= 0) || !(options->reach <= 1000))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "objects within %g pixels of a border touch it: 0 to 1000", options->reach);
    if (!(options->min_visible >= 0) || !(options->min_visible <= 1))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "a least visible share of %g: 0 to 1",
                        options->min_visible);
    return VDT_OK;
}

static vdt_status allocate(struct vdt_ground_areas *areas, const struct vdt_ground_options *options,
                           struct vdt_error *error)
{
    areas->tiles = vdt_allocate_zero(options->tile_count, sizeof *areas->tiles);
    areas->sorted = vdt_allocate(options->tile_count, sizeof *areas->sorted);
    areas->crs = vdt_allocate_zero(options->crs_count, sizeof *areas->crs);
    bool good = areas->tiles != NULL && areas->sorted != NULL && areas->crs != NULL;
    for (size_t i = 0; good && i < options->crs_count; i++, areas->crs_count++)
        good = (areas->crs[i] = vdt_copy_string(options->crs[i])) != NULL;
    return good ? VDT_OK : vdt_fail_memory(error, "tiles on the ground");
}

vdt_status vdt_ground_areas_open(const struct vdt_ground_options *options,
                                 struct vdt_ground_areas **out, struct vdt_error *error)
{
    vdt_status status = check_options(options, error);
    if (status != VDT_OK)
        return status;
    struct vdt_ground_areas *areas = vdt_allocate_zero(1, sizeof *areas);
    if (areas == NULL)
        return vdt_fail_memory(error, "tiles on the ground");
    areas->rows = options->rows;
    areas->cols = options->cols;
    areas->tile_count = options->tile_count;
    areas->threads = options->threads == 0 ? vdt_core_count() : options->threads;
    areas->mean_scores = options->mean_scores;
    areas->ignore_cut = options->ignore_cut;
    areas->min_visible = options->min_visible;
    areas->overlap = options->overlap > 0 ? options->overlap : 0.5;
    areas->reach = options->reach > 0 ? options->reach : 1;
    status = allocate(areas, options, error);
    if (status == VDT_OK)
        status = put_tiles(areas, options, error);
    if (status == VDT_OK)
        status = gather_grids(areas, error);
    if (status == VDT_OK)
        status = vdt_ground_planes(areas, error);
    if (status == VDT_OK)
        status = number_areas(areas, options->tiles, error);
    if (status != VDT_OK) {
        vdt_ground_areas_free(areas);
        return status;
    }
    describe_areas(areas);
    areas->ignored = options->ignored;
    *out = areas;
    return VDT_OK;
}

void vdt_ground_areas_free(struct vdt_ground_areas *areas)
{
    if (areas == NULL)
        return;
    for (size_t i = 0; i < areas->crs_count; i++)
        free(areas->crs[i]);
    for (uint32_t i = 0; i < areas->grid_count; i++)
        vdt_index_free(areas->grids[i].index);
    vdt_ground_regions_free(areas->ignored);
    free(areas->crs);
    free(areas->tiles);
    free(areas->sorted);
    free(areas->grids);
    free(areas->areas);
    free(areas->area_grids);
    free(areas);
}

uint32_t vdt_ground_area_count(const struct vdt_ground_areas *areas)
{
    return areas->area_count;
}

struct vdt_ground_area vdt_ground_area(const struct vdt_ground_areas *areas, uint32_t area)
{
    return areas->areas[area];
}
