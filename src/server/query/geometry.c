/* Geometries of requests: boxes and GeoJSON. */
#include <math.h>
#include <string.h>

#include "server/query/ast.h"

/* --- boxes ---------------------------------------------------------------------------------- */

static double wrapped(double longitude)
{
    if (longitude >= -180 && longitude <= 180)
        return longitude;
    return longitude - 360 * floor((longitude + 180) / 360);
}

vdt_status vdt_box_shape(const double *numbers, size_t count, struct vdt_planar *shape,
                         struct vdt_error *error)
{
    if (count != 4 && count != 6)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "bbox: %zu numbers; it takes west, south, east, north in degrees", count);
    for (size_t i = 0; i < count; i++)
        if (!isfinite(numbers[i]) || fabs(numbers[i]) > 1e9)
            return vdt_fail(error, VDT_ERR_ARGUMENT, "bbox: number %zu is no place on Earth",
                            i + 1);
    size_t half = count / 2;
    double west = numbers[0], south = numbers[1], east = numbers[half], north = numbers[half + 1];
    if (south > north)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "bbox: south is %g and north %g; it takes west, south, east, north", south,
                        north);
    if (count == 6 && numbers[2] > numbers[5])
        return vdt_fail(error, VDT_ERR_ARGUMENT, "bbox: the lowest height is above the highest");
    south = fmax(south, -90);
    north = fmin(north, 90);
    if (south > north)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "bbox: latitudes go from -90 to 90");
    struct vdt_planar made = {0};
    bool good;
    if (east - west >= 360) {
        good = vdt_planar_box(&made, -180, south, 180, north);
    } else {
        west = wrapped(west);
        east = wrapped(east);
        good = west <= east ? vdt_planar_box(&made, west, south, east, north)
                            : vdt_planar_box(&made, west, south, 180, north) &&
                                  vdt_planar_box(&made, -180, south, east, north);
    }
    if (!good) {
        vdt_planar_clear(&made);
        return vdt_fail_memory(error, "bbox");
    }
    *shape = made;
    return VDT_OK;
}

/* --- GeoJSON -------------------------------------------------------------------------------- */

/* What is being read. */
struct reading {
    struct vdt_planar *shape;
    size_t *vertices;
    struct vdt_error *error;
};

static vdt_status bad(struct reading *reading, const char *what)
{
    return vdt_fail(reading->error, VDT_ERR_ARGUMENT, "geometry: %s", what);
}

static vdt_status read_position(struct reading *reading, const json_t *json)
{
    const json_t *x = json_array_get(json, 0), *y = json_array_get(json, 1);
    size_t size = json_array_size(json);
    if (size < 2 || size > 4 || !json_is_number(x) || !json_is_number(y))
        return bad(reading, "a position is [longitude, latitude]");
    double point[2] = {json_number_value(x), json_number_value(y)};
    if (!isfinite(point[0]) || !isfinite(point[1]) || fabs(point[0]) > 540 || fabs(point[1]) > 90)
        return vdt_fail(reading->error, VDT_ERR_ARGUMENT,
                        "geometry: [%g, %g] is no longitude and latitude in degrees", point[0],
                        point[1]);
    if (++*reading->vertices > VDT_FILTER_VERTICES)
        return vdt_fail(reading->error, VDT_ERR_ARGUMENT,
                        "geometry: more than %d points; simplify it", VDT_FILTER_VERTICES);
    return vdt_planar_point(reading->shape, point[0], point[1])
               ? VDT_OK
               : vdt_fail_memory(reading->error, "geometry");
}

/* A run of at least `least` positions; of a ring the closing repeat is checked and left out. */
static vdt_status read_run(struct reading *reading, const json_t *json, size_t least, bool ring)
{
    size_t count = json_array_size(json);
    if (count < least)
        return bad(reading, ring ? "a ring has four positions or more, the last as the first"
                                 : "a line has two positions or more");
    if (ring && !json_equal(json_array_get(json, 0), json_array_get(json, count - 1)))
        return bad(reading, "a ring ends where it began");
    if (!vdt_planar_run(reading->shape))
        return vdt_fail_memory(reading->error, "geometry");
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < count - ring; i++)
        status = read_position(reading, json_array_get(json, i));
    return status;
}

static vdt_status read_piece(struct reading *reading, const json_t *json, enum vdt_planar_kind kind)
{
    if (!vdt_planar_piece(reading->shape, kind))
        return vdt_fail_memory(reading->error, "geometry");
    if (kind == VDT_PLANAR_POINT)
        return vdt_planar_run(reading->shape) ? read_position(reading, json)
                                              : vdt_fail_memory(reading->error, "geometry");
    if (kind == VDT_PLANAR_LINE)
        return read_run(reading, json, 2, false);
    if (json_array_size(json) == 0)
        return bad(reading, "a polygon has rings");
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < json_array_size(json); i++)
        status = read_run(reading, json_array_get(json, i), 4, true);
    return status;
}

static vdt_status read_geometry(struct reading *reading, const json_t *json, int depth);

static vdt_status read_members(struct reading *reading, const json_t *json, int depth)
{
    const json_t *members = json_object_get(json, "geometries");
    if (depth >= 4 || json_array_size(members) == 0)
        return bad(reading, "a GeometryCollection has geometries, and few within each other");
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < json_array_size(members); i++)
        status = read_geometry(reading, json_array_get(members, i), depth + 1);
    return status;
}

static vdt_status read_geometry(struct reading *reading, const json_t *json, int depth)
{
    static const char *const types[] = {"Point",      "LineString",      "Polygon",
                                        "MultiPoint", "MultiLineString", "MultiPolygon"};
    const char *type = json_string_value(json_object_get(json, "type"));
    const json_t *places = json_object_get(json, "coordinates");
    if (type == NULL)
        return bad(reading, "no GeoJSON geometry");
    if (strcmp(type, "GeometryCollection") == 0)
        return read_members(reading, json, depth);
    for (size_t i = 0; i < 6; i++) {
        if (strcmp(type, types[i]) != 0)
            continue;
        if (json_array_size(places) == 0)
            return bad(reading, "it has no coordinates");
        if (i < 3)
            return read_piece(reading, places, (enum vdt_planar_kind)i);
        vdt_status status = VDT_OK;
        for (size_t p = 0; status == VDT_OK && p < json_array_size(places); p++)
            status = read_piece(reading, json_array_get(places, p), (enum vdt_planar_kind)(i - 3));
        return status;
    }
    return vdt_fail(reading->error, VDT_ERR_ARGUMENT, "geometry: no type %.40s in GeoJSON", type);
}

vdt_status vdt_json_shape(const json_t *json, size_t *vertices, struct vdt_planar *shape,
                          struct vdt_error *error)
{
    struct vdt_planar made = {0};
    struct reading reading = {&made, vertices, error};
    vdt_status status = read_geometry(&reading, json, 0);
    if (status != VDT_OK) {
        vdt_planar_clear(&made);
        return status;
    }
    vdt_planar_end(&made);
    *shape = made;
    return VDT_OK;
}
