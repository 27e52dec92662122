/* Pixels of tiles on the ground: which tile counts, how large they are, in which region. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "report/ground/ground_regions.h"

enum { NODE = 32 }; /* pixels between places where the size of a pixel is computed */

struct vdt_ground_pixels {
    const struct vdt_ground_areas *areas;
    const struct vdt_ground_regions *regions;
    struct vdt_ground_ways ways;
    struct vdt_hits hits;
    struct polygons {
        struct vdt_region_map map;
        uint32_t grid; /* that the map is of */
    } named, ignored;
    uint32_t *region; /* [rows * cols], of ignored polygons; NULL without */
    double *nodes;    /* [node rows][node columns] */
    size_t node_cols;
    double (*row)[2]; /* [cols] */
};

vdt_status vdt_ground_pixels_open(const struct vdt_ground_areas *areas,
                                  const struct vdt_ground_regions *regions,
                                  struct vdt_ground_pixels **out, struct vdt_error *error)
{
    struct vdt_ground_pixels *pixels = vdt_allocate_zero(1, sizeof *pixels);
    if (pixels == NULL)
        return vdt_fail_memory(error, "pixels on the ground");
    size_t rows = areas->rows / NODE + 2;
    pixels->areas = areas;
    pixels->regions = regions;
    pixels->named.grid = pixels->ignored.grid = UINT32_MAX;
    pixels->region = areas->ignored
                         ? vdt_allocate((size_t)areas->rows * areas->cols, sizeof *pixels->region)
                         : NULL;
    pixels->node_cols = areas->cols / NODE + 2;
    pixels->nodes = vdt_allocate(rows * pixels->node_cols, sizeof *pixels->nodes);
    pixels->row = vdt_allocate(areas->cols, sizeof *pixels->row);
    bool good = pixels->nodes && pixels->row && (pixels->region || !areas->ignored);
    vdt_status status = !good ? vdt_fail_memory(error, "pixels on the ground")
                              : vdt_ground_ways_open(&pixels->ways, areas, error);
    if (status != VDT_OK) {
        vdt_ground_pixels_free(pixels);
        return status;
    }
    *out = pixels;
    return VDT_OK;
}

void vdt_ground_pixels_free(struct vdt_ground_pixels *pixels)
{
    if (pixels == NULL)
        return;
    vdt_ground_ways_clear(&pixels->ways);
    vdt_region_map_clear(&pixels->named.map);
    vdt_region_map_clear(&pixels->ignored.map);
    free(pixels->hits.ids);
    free(pixels->region);
    free(pixels->nodes);
    free(pixels->row);
    free(pixels);
}

/* --- which tile counts --------------------------------------------------------------------------
 */

/* Takes from `mine` the pixels to whose centres the middle of the other tile is nearer. All numbers
 * are whole or halves, so that distances are exact. */
static void give_up(const struct vdt_ground_placed *mine, const struct vdt_ground_placed *other,
                    size_t cols, const double common[4], uint8_t *counts)
{
    const double *a = mine->window, *b = other->window;
    double x0 = (a[0] + a[2]) / 2, y0 = (a[1] + a[3]) / 2;
    double x1 = (b[0] + b[2]) / 2, y1 = (b[1] + b[3]) / 2;
    for (double y = common[1]; y < common[3]; y++)
        for (double x = common[0]; x < common[2]; x++) {
            double px = x + 0.5, py = y + 0.5;
            double own = (px - x0) * (px - x0) + (py - y0) * (py - y0);
            double its = (px - x1) * (px - x1) + (py - y1) * (py - y1);
            if (its < own || (its == own && other->rank < mine->rank))
                counts[(size_t)(y - a[1]) * cols + (size_t)(x - a[0])] = 0;
        }
}

vdt_status vdt_tile_counts(const struct vdt_ground_areas *areas, uint32_t tile,
                           struct vdt_hits *hits, uint8_t *counts, struct vdt_error *error)
{
    const struct vdt_ground_placed *mine = &areas->tiles[tile];
    const struct vdt_ground_grid *grid = &areas->grids[mine->grid];
    memset(counts, 1, (size_t)areas->rows * areas->cols);
    vdt_status status = vdt_index_query(grid->index, mine->window, hits, error);
    for (size_t i = 0; status == VDT_OK && i < hits->count; i++) {
        uint32_t number = areas->sorted[grid->first + hits->ids[i]];
        const struct vdt_ground_placed *other = &areas->tiles[number];
        double common[4];
        if (number != tile &&
            vdt_tiles_relate(mine->window, other->window, common) == VDT_TILES_OVERLAP)
            give_up(mine, other, areas->cols, common, counts);
    }
    return status;
}

/* --- how large they are -------------------------------------------------------------------------
 */

/* The size of a pixel about a place; 0 where there is none on the Earth. */
static double size_at(struct vdt_ground_pixels *pixels, uint32_t grid, double x, double y)
{
    double c[4][2] = {
        {x - 0.5, y - 0.5}, {x + 0.5, y - 0.5}, {x + 0.5, y + 0.5}, {x - 0.5, y + 0.5}};
    if (!vdt_ground_flatten(&pixels->ways, grid, c, 4))
        return 0;
    return fabs((c[2][0] - c[0][0]) * (c[3][1] - c[1][1]) -
                (c[3][0] - c[1][0]) * (c[2][1] - c[0][1])) /
           2;
}

static void find_area(struct vdt_ground_pixels *pixels, uint32_t tile, double *area)
{
    const struct vdt_ground_areas *areas = pixels->areas;
    const struct vdt_ground_placed *placed = &areas->tiles[tile];
    size_t across = pixels->node_cols, down = areas->rows / NODE + 2;
    for (size_t i = 0; i < down; i++)
        for (size_t k = 0; k < across; k++)
            pixels->nodes[i * across + k] =
                size_at(pixels, placed->grid, placed->window[0] + (double)(k * NODE),
                        placed->window[1] + (double)(i * NODE));
    for (uint32_t y = 0; y < areas->rows; y++)
        for (uint32_t x = 0; x < areas->cols; x++) {
            const double *node = &pixels->nodes[y / NODE * across + x / NODE];
            double u = (x % NODE + 0.5) / NODE, v = (y % NODE + 0.5) / NODE;
            double upper = node[0] + (node[1] - node[0]) * u;
            double lower = node[across] + (node[across + 1] - node[across]) * u;
            area[(size_t)y * areas->cols + x] = upper + (lower - upper) * v;
        }
}

/* --- in which region ----------------------------------------------------------------------------
 */

static vdt_status take_grid(struct vdt_ground_pixels *pixels, struct polygons *polygons,
                            const struct vdt_ground_regions *regions, uint32_t grid,
                            struct vdt_error *error)
{
    if (polygons->grid == grid)
        return VDT_OK;
    vdt_region_map_clear(&polygons->map);
    polygons->grid = grid;
    return vdt_region_map_make(&pixels->ways, grid, regions, &polygons->map, error);
}

/* Puts the centres of a row of pixels onto the plane; false when one has no place. */
static bool place_row(struct vdt_ground_pixels *pixels, const struct vdt_ground_placed *tile,
                      uint32_t row)
{
    for (uint32_t x = 0; x < pixels->areas->cols; x++) {
        pixels->row[x][0] = tile->window[0] + x + 0.5;
        pixels->row[x][1] = tile->window[1] + row + 0.5;
    }
    return vdt_ground_flatten(&pixels->ways, tile->grid, pixels->row, pixels->areas->cols);
}

/* Whether one region, or none, has the whole tile. */
static vdt_status find_one_region(struct vdt_ground_pixels *pixels, struct vdt_region_map *map,
                                  const struct vdt_ground_placed *tile, bool *one, uint32_t *region,
                                  struct vdt_error *error)
{
    double box[4] = {INFINITY, INFINITY, -INFINITY, -INFINITY};
    bool crosses = true;
    for (int i = 0; i < 16; i++) {
        double t = i % 4 / 4.0, u[] = {t, 1, 1 - t, 0}, v[] = {0, t, 1, 1 - t}, point[1][2];
        const double *w = tile->window;
        point[0][0] = w[0] + u[i / 4] * (w[2] - w[0]);
        point[0][1] = w[1] + v[i / 4] * (w[3] - w[1]);
        if (!vdt_ground_flatten(&pixels->ways, tile->grid, point, 1))
            return VDT_OK;
        for (int axis = 0; axis < 2; axis++) {
            box[axis] = fmin(box[axis], point[0][axis]);
            box[axis + 2] = fmax(box[axis + 2], point[0][axis]);
        }
    }
    for (int axis = 0; axis < 2; axis++) { /* sides bend between these points */
        double more = (box[axis + 2] - box[axis]) / 8;
        box[axis] -= more;
        box[axis + 2] += more;
    }
    vdt_status status = vdt_region_map_crosses(map, box, &crosses, error);
    if (status != VDT_OK || crosses)
        return status;
    *one = true;
    const double middle[2] = {(box[0] + box[2]) / 2, (box[1] + box[3]) / 2};
    return vdt_region_map_at(map, middle, region, error);
}

static vdt_status find_regions(struct vdt_ground_pixels *pixels, struct polygons *polygons,
                               const struct vdt_ground_regions *regions, uint32_t tile,
                               uint32_t *region, struct vdt_error *error)
{
    const struct vdt_ground_areas *areas = pixels->areas;
    const struct vdt_ground_placed *placed = &areas->tiles[tile];
    uint32_t whole = 0;
    bool one = false;
    vdt_status status = take_grid(pixels, polygons, regions, placed->grid, error);
    if (status == VDT_OK)
        status = find_one_region(pixels, &polygons->map, placed, &one, &whole, error);
    for (uint32_t y = 0; status == VDT_OK && y < areas->rows; y++) {
        uint32_t *row = region + (size_t)y * areas->cols;
        bool good = one || place_row(pixels, placed, y);
        for (uint32_t x = 0; status == VDT_OK && x < areas->cols; x++)
            if (one)
                row[x] = whole;
            else if (!good)
                row[x] = vdt_ground_region_count(regions);
            else
                status = vdt_region_map_at(&polygons->map, pixels->row[x], &row[x], error);
    }
    return status;
}

/* Takes the pixels in ignored polygons away. */
static vdt_status find_ignored(struct vdt_ground_pixels *pixels, uint32_t tile, uint8_t *counts,
                               struct vdt_error *error)
{
    const struct vdt_ground_areas *areas = pixels->areas;
    uint32_t none = vdt_ground_region_count(areas->ignored);
    size_t size = (size_t)areas->rows * areas->cols;
    vdt_status status =
        find_regions(pixels, &pixels->ignored, areas->ignored, tile, pixels->region, error);
    for (size_t i = 0; status == VDT_OK && i < size; i++)
        counts[i] = counts[i] && pixels->region[i] >= none;
    return status;
}

vdt_status vdt_ground_pixels_tile(struct vdt_ground_pixels *pixels, uint32_t tile, uint8_t *counts,
                                  double *area, uint32_t *region, struct vdt_error *error)
{
    if (tile >= pixels->areas->tile_count)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "pixels of tile %u of %u", tile,
                        pixels->areas->tile_count);
    if (region != NULL && pixels->regions == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "no regions were given");
    vdt_status status = VDT_OK;
    if (counts != NULL)
        status = vdt_tile_counts(pixels->areas, tile, &pixels->hits, counts, error);
    if (status == VDT_OK && counts != NULL && pixels->areas->ignored != NULL)
        status = find_ignored(pixels, tile, counts, error);
    if (status == VDT_OK && area != NULL)
        find_area(pixels, tile, area);
    if (status == VDT_OK && region != NULL)
        status = find_regions(pixels, &pixels->named, pixels->regions, tile, region, error);
    return status;
}
