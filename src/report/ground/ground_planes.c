/* From pixels of a grid to the ground. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "report/ground/ground_state.h"

enum { SAMPLES = 5 }; /* along each side of a grid's hull */

static const double radians = 3.14159265358979323846 / 180;
static const double MOST_ANGLE = 60; /* degrees from its middle that an azimuthal plane has */
static const double EXACT = 1e-4;    /* pixels that a side may be off */
static const double MIDDLES = 10;    /* middles are whole parts of a degree */

vdt_status vdt_ground_ways_open(struct vdt_ground_ways *ways, const struct vdt_ground_areas *areas,
                                struct vdt_error *error)
{
    ways->areas = areas;
    ways->lonlat = vdt_allocate_zero(areas->crs_count, sizeof(struct vdt_lonlat *));
    return ways->lonlat != NULL ? VDT_OK : vdt_fail_memory(error, "tiles on the ground");
}

void vdt_ground_ways_clear(struct vdt_ground_ways *ways)
{
    for (size_t i = 0; ways->lonlat != NULL && i < ways->areas->crs_count; i++)
        vdt_lonlat_free(ways->lonlat[i]);
    free(ways->lonlat);
    *ways = (struct vdt_ground_ways){0};
}

static struct vdt_lonlat *way_of(struct vdt_ground_ways *ways, uint32_t crs)
{
    if (ways->lonlat[crs] == NULL && ways->areas->crs[crs][0] != '\0')
        ways->lonlat[crs] = vdt_lonlat_open(ways->areas->crs[crs]);
    return ways->lonlat[crs];
}

static void apply(const double g[6], double (*points)[2], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double x = points[i][0], y = points[i][1];
        points[i][0] = g[0] + x * g[1] + y * g[2];
        points[i][1] = g[3] + x * g[4] + y * g[5];
    }
}

bool vdt_ground_lonlat(struct vdt_ground_ways *ways, uint32_t number, double (*points)[2],
                       size_t count)
{
    const struct vdt_ground_grid *grid = &ways->areas->grids[number];
    struct vdt_lonlat *lonlat = way_of(ways, grid->crs);
    apply(grid->geotransform, points, count);
    return lonlat != NULL && vdt_lonlat_from(lonlat, points, count);
}

bool vdt_ground_flatten(struct vdt_ground_ways *ways, uint32_t number, double (*points)[2],
                        size_t count)
{
    const struct vdt_ground_grid *grid = &ways->areas->grids[number];
    if (!grid->metres) {
        apply(grid->geotransform, points, count);
        return true;
    }
    bool good = vdt_ground_lonlat(ways, number, points, count);
    for (size_t i = 0; good && i < count; i++)
        good = vdt_equal_area_flatten(&grid->plane, points[i]);
    double width = grid->plane.width;
    for (size_t i = 1; good && width > 0 && i < count; i++)
        points[i][0] -= width * rint((points[i][0] - points[0][0]) / width);
    return good;
}

/* --- a grid's plane --------------------------------------------------------------------------- */

/* Sample `n` of SAMPLES * SAMPLES places of the hull, the middle first. */
static void sample(const struct vdt_ground_grid *grid, int n, double point[2])
{
    const int middle = SAMPLES * SAMPLES / 2;
    n = n == 0 ? middle : n == middle ? 0 : n;
    double u = (double)(n % SAMPLES) / (SAMPLES - 1), v = (double)(n / SAMPLES) / (SAMPLES - 1);
    point[0] = grid->hull[0] + u * (grid->hull[2] - grid->hull[0]);
    point[1] = grid->hull[1] + v * (grid->hull[3] - grid->hull[1]);
}

static double angle_between(const double a[2], const double b[2])
{
    double first = a[1] * radians, second = b[1] * radians, turn = (a[0] - b[0]) * radians;
    double cosine = sin(first) * sin(second) + cos(first) * cos(second) * cos(turn);
    return acos(fmax(-1, fmin(1, cosine))) / radians;
}

/* False when no place of the hull is on the Earth. */
static bool choose_plane(struct vdt_ground_ways *ways, uint32_t number)
{
    struct vdt_ground_grid *grid = &ways->areas->grids[number];
    double middle[2] = {0}, farthest = 0;
    bool found = false;
    for (int n = 0; n < SAMPLES * SAMPLES; n++) {
        double point[1][2];
        sample(grid, n, point[0]);
        if (!vdt_ground_lonlat(ways, number, point, 1))
            continue;
        if (!found)
            for (int axis = 0; axis < 2; axis++)
                middle[axis] = rint(point[0][axis] * MIDDLES) / MIDDLES;
        found = true;
        farthest = fmax(farthest, angle_between(middle, point[0]));
    }
    middle[0] -= 360 * rint(middle[0] / 360);
    bool cylindrical = farthest > MOST_ANGLE;
    if (cylindrical)
        middle[1] = fmax(-MOST_ANGLE, fmin(MOST_ANGLE, middle[1]));
    vdt_equal_area_make(&grid->plane, middle, cylindrical);
    return found;
}

/* How far the middle of a side of `length` pixels is from where it would be in the plane, in
 * pixels; 0 where that cannot be told. */
static double bend_of(struct vdt_ground_ways *ways, uint32_t grid, const double at[2],
                      double length, int axis)
{
    double side[5][2];
    for (int i = 0; i < 5; i++)
        memcpy(side[i], at, sizeof side[i]);
    side[1][axis] += length / 2;
    side[2][axis] += length;
    side[3][axis] += 1;
    side[4][1 - axis] += 1;
    if (!vdt_ground_flatten(ways, grid, side, 5))
        return 0;
    double off = hypot(side[1][0] - (side[0][0] + side[2][0]) / 2,
                       side[1][1] - (side[0][1] + side[2][1]) / 2);
    double pixel = fabs((side[3][0] - side[0][0]) * (side[4][1] - side[0][1]) -
                        (side[3][1] - side[0][1]) * (side[4][0] - side[0][0]));
    return pixel > 0 ? off / sqrt(pixel) : 0;
}

/* Sides bend with the square of their length. Twice what was seen, and a power of two, so that
 * scenes have the same whatever their tiles are. */
static double points_of_sides(struct vdt_ground_ways *ways, uint32_t number)
{
    const struct vdt_ground_grid *grid = &ways->areas->grids[number];
    double width = grid->hull[2] - grid->hull[0], height = grid->hull[3] - grid->hull[1];
    double length = fmax(64, hypot(width, height) / 16), most = 0;
    for (int n = 0; n < SAMPLES * SAMPLES; n++)
        for (int axis = 0; axis < 2; axis++) {
            double at[2];
            sample(grid, n, at);
            at[axis] -= length / 2;
            most = fmax(most, bend_of(ways, number, at, length, axis));
        }
    int exponent = 0;
    double wanted = sqrt(2 * most / EXACT) / length;
    if (!(wanted > 0) || !isfinite(wanted))
        return 0;
    frexp(wanted, &exponent);
    return ldexp(1, exponent);
}

vdt_status vdt_ground_planes(struct vdt_ground_areas *areas, struct vdt_error *error)
{
    vdt_cleanup(vdt_ground_ways_clear) struct vdt_ground_ways ways = {0};
    vdt_status status = vdt_ground_ways_open(&ways, areas, error);
    for (uint32_t i = 0; status == VDT_OK && i < areas->grid_count; i++) {
        struct vdt_ground_grid *grid = &areas->grids[i];
        grid->metres = grid->placed && way_of(&ways, grid->crs) != NULL;
        if (!grid->metres)
            continue;
        if (!choose_plane(&ways, i))
            return vdt_fail(error, VDT_ERR_FORMAT,
                            "tile %u: its geotransform and CRS lead to no place on the Earth",
                            areas->sorted[grid->first]);
        grid->bend = points_of_sides(&ways, i);
    }
    return status;
}
