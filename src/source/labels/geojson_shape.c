/* The "geometry" member of GeoJSON features. */
#include "source/labels/geojson_shape.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"

enum { NESTED_COLLECTIONS = 16, DEEPEST = 3 };

/* The types and how deep their positions lie in "coordinates". */
static const struct kind {
    const char *name;
    int depth;           /* -1: it has "geometries" */
    const char *no_area; /* what it is made of, or NULL for polygons */
} kinds[] = {
    {"Polygon", 2, NULL},
    {"MultiPolygon", 3, NULL},
    {"Point", 0, "Point"},
    {"MultiPoint", 1, "Point"},
    {"LineString", 1, "LineString"},
    {"MultiLineString", 2, "LineString"},
    {"GeometryCollection", -1, NULL},
};

void vdt_geojson_shape_clear(struct vdt_geojson_shape *room)
{
    free(room->points);
    free(room->rings);
    free(room->parts);
    *room = (struct vdt_geojson_shape){0};
}

bool vdt_geojson_is(struct vdt_scan *scan, const char *name)
{
    const char *key = vdt_scan_key(scan);
    if ((key[0] | 0x20) != name[0]) /* names begin with small letters */
        return false;
    if (strcmp(key, name) == 0)
        return true;
    if (strcasecmp(key, name) == 0)
        vdt_scan_strange(scan);
    return false;
}

static bool out_of_memory(struct vdt_scan *scan)
{
    if (vdt_scan_fine(scan))
        scan->state = VDT_SCAN_MEMORY;
    return false;
}

/* --- coordinates ------------------------------------------------------------------------- */

static bool begins_number(char c)
{
    return c == '-' || (c >= '0' && c <= '9');
}

/* [x, y] or [x, y, z, ...] behind its bracket. */
static bool read_position(struct vdt_scan *scan, struct vdt_geojson_shape *room)
{
    struct vdt_scan_number x, y, other;
    if (!vdt_scan_read_number(scan, &x))
        return false;
    if (vdt_scan_peek(scan) == ']')
        return vdt_scan_strange(scan);
    if (!vdt_scan_take(scan, ','))
        return false;
    if (!begins_number(vdt_scan_peek(scan)))
        return vdt_scan_strange(scan);
    if (!vdt_scan_read_number(scan, &y))
        return false;
    while (vdt_scan_peek(scan) == ',') {
        scan->at++;
        if (!begins_number(vdt_scan_peek(scan)))
            return vdt_scan_strange(scan);
        if (!vdt_scan_read_number(scan, &other))
            return false;
    }
    if (!vdt_scan_take(scan, ']'))
        return false;
    if (!vdt_grow(&room->points, &room->point_capacity, room->point_count + 1,
                  sizeof *room->points))
        return out_of_memory(scan);
    room->points[room->point_count][0] = x.real;
    room->points[room->point_count++][1] = y.real;
    return true;
}

static bool add_count(struct vdt_scan *scan, size_t **counts, size_t *count, size_t *capacity,
                      size_t value)
{
    if (!vdt_grow(counts, capacity, *count + 1, sizeof **counts))
        return out_of_memory(scan);
    (*counts)[(*count)++] = value;
    return true;
}

/* An array of positions or of such arrays, `depth` deep in "coordinates". */
static bool read_array(struct vdt_scan *scan, struct vdt_geojson_shape *room, int depth)
{
    if (vdt_scan_peek(scan) != '[')
        return vdt_scan_strange(scan);
    scan->at++;
    char next = vdt_scan_peek(scan);
    if (begins_number(next)) {
        if (room->depth >= 0 && room->depth != depth)
            return vdt_scan_strange(scan);
        room->depth = depth;
        return read_position(scan, room);
    }
    if (next == ']' && depth == 0) {
        scan->at++;
        return true;
    }
    if (next != '[' || depth == DEEPEST)
        return vdt_scan_strange(scan);
    size_t points = room->point_count, rings = room->ring_count;
    for (;;) {
        if (!read_array(scan, room, depth + 1))
            return false;
        if (vdt_scan_peek(scan) != ',')
            break;
        scan->at++;
    }
    if (!vdt_scan_take(scan, ']'))
        return false;
    if (room->depth == depth + 1)
        return add_count(scan, &room->rings, &room->ring_count, &room->ring_capacity,
                         room->point_count - points);
    if (room->depth == depth + 2)
        return add_count(scan, &room->parts, &room->part_count, &room->part_capacity,
                         room->ring_count - rings);
    return true;
}

static bool read_coordinates(struct vdt_scan *scan, struct vdt_geojson_shape *room)
{
    room->point_count = room->ring_count = room->part_count = 0;
    room->depth = -1;
    return read_array(scan, room, 0);
}

/* --- geometries -------------------------------------------------------------------------- */

/* Each position of a Point or MultiPoint, each list of positions of a line. */
static vdt_status append_lines(const struct vdt_geojson_shape *room, bool apart,
                               struct vdt_geometry *geometry, struct vdt_shape *result,
                               struct vdt_error *error)
{
    const double(*points)[2] = (const double(*)[2])room->points;
    vdt_status status = VDT_OK;
    for (size_t i = 0; apart && i < room->point_count && status == VDT_OK; i++)
        status = vdt_shape_append_line(geometry, points + i, 1, result, error);
    for (size_t i = 0; !apart && i < room->ring_count && status == VDT_OK;
         points += room->rings[i++])
        status = vdt_shape_append_line(geometry, points, room->rings[i], result, error);
    return status;
}

static vdt_status append_polygons(struct vdt_scan *scan, const struct vdt_geojson_shape *room,
                                  const struct kind *kind, struct vdt_geometry *geometry,
                                  struct vdt_shape *result, struct vdt_error *error)
{
    if (room->depth < 0) /* an empty geometry */
        return VDT_OK;
    if (room->depth != kind->depth) {
        vdt_scan_leave(scan);
        return VDT_OK;
    }
    if (kind->no_area != NULL) {
        if (result->no_area[0] == '\0')
            strcpy(result->no_area, kind->no_area);
        return room->lines ? append_lines(room, strcmp(kind->no_area, "Point") == 0, geometry,
                                          result, error)
                           : VDT_OK;
    }
    if (result->lines > 0) { /* which have to be the last parts */
        vdt_scan_leave(scan);
        return VDT_OK;
    }
    size_t point = 0, ring = 0;
    for (size_t i = 0; i < room->part_count; i++) {
        vdt_status status =
            vdt_shape_append_rings(geometry, (const double(*)[2])room->points + point,
                                   room->rings + ring, room->parts[i], result, error);
        if (status != VDT_OK)
            return status;
        for (size_t end = ring + room->parts[i]; ring < end; ring++)
            point += room->rings[ring];
    }
    return VDT_OK;
}

static const struct kind *find_kind(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

static vdt_status read_geometry(struct vdt_scan *scan, struct vdt_geojson_shape *room, int depth,
                                struct vdt_geometry *geometry, struct vdt_shape *result,
                                struct vdt_error *error)
{
    const struct kind *kind = NULL;
    bool first = true, coordinates = false, geometries = false;
    vdt_status status = VDT_OK;
    while (status == VDT_OK && vdt_scan_member(scan, &first)) {
        if (vdt_geojson_is(scan, "type")) {
            if (kind != NULL || vdt_scan_peek(scan) != '"')
                vdt_scan_strange(scan);
            else if (vdt_scan_string(scan, &scan->key))
                kind = find_kind(vdt_scan_key(scan));
        } else if (vdt_geojson_is(scan, "coordinates")) {
            if (coordinates || geometries)
                vdt_scan_strange(scan);
            coordinates = read_coordinates(scan, room);
        } else if (vdt_geojson_is(scan, "geometries")) {
            bool first_of_all = true;
            if (coordinates || geometries || depth == NESTED_COLLECTIONS ||
                vdt_scan_peek(scan) != '[')
                vdt_scan_strange(scan);
            geometries = true;
            while (status == VDT_OK && vdt_scan_element(scan, &first_of_all)) {
                if (vdt_scan_peek(scan) != '{')
                    vdt_scan_strange(scan);
                status = read_geometry(scan, room, depth + 1, geometry, result, error);
            }
        } else if (vdt_geojson_is(scan, "crs")) {
            vdt_scan_strange(scan);
        } else {
            vdt_scan_skip(scan);
        }
    }
    if (status != VDT_OK || !vdt_scan_fine(scan))
        return status;
    bool collection = kind != NULL && kind->depth < 0;
    if (kind == NULL || collection != geometries || collection == coordinates) {
        vdt_scan_leave(scan);
        return VDT_OK;
    }
    return collection ? VDT_OK : append_polygons(scan, room, kind, geometry, result, error);
}

vdt_status vdt_geojson_shape(struct vdt_scan *scan, struct vdt_geojson_shape *room,
                             struct vdt_geometry *geometry, struct vdt_shape *result,
                             struct vdt_error *error)
{
    *result = (struct vdt_shape){0};
    size_t before = geometry->part_count;
    vdt_status status = read_geometry(scan, room, 0, geometry, result, error);
    result->parts = geometry->part_count - before;
    return status;
}
