/* Functions for SQLite, and the arithmetic of places. */
#include "server/query/functions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/fold.h"

static void fold(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    const char *text = (const char *)sqlite3_value_text(values[0]);
    if (text == NULL) {
        sqlite3_result_null(context);
        return;
    }
    char *folded = vdt_fold(text);
    if (folded == NULL)
        sqlite3_result_error_nomem(context);
    else
        sqlite3_result_text(context, folded, -1, free);
}

/* What crosses the antimeridian reaches beyond 180 or -180 degrees, so it is asked a turn away,
 * too. */
static bool meets_turned(struct vdt_planar *place, const struct vdt_planar *shape)
{
    if (vdt_planar_meet(place, shape))
        return true;
    double west = place->pieces[0].box[0], east = place->pieces[0].box[2];
    double turn = east > 180 ? -360 : west < -180 ? 360 : 0;
    if (turn == 0)
        return false;
    for (size_t i = 0; i < place->point_count; i++)
        place->points[i][0] += turn;
    vdt_planar_end(place);
    return vdt_planar_meet(place, shape);
}

/* Whether the box of any piece meets the box of the place, a turn away or not. */
static bool may_meet(const double box[4], const struct vdt_planar *shape)
{
    double east = box[2] < box[0] ? box[2] + 360 : box[2];
    for (size_t i = 0; i < shape->piece_count; i++) {
        const double *piece = shape->pieces[i].box;
        if (piece[1] > box[3] || piece[3] < box[1])
            continue;
        for (int turn = -1; turn <= 1; turn++)
            if (piece[0] <= east + turn * 360. && piece[2] >= box[0] + turn * 360.)
                return true;
    }
    return false;
}

bool vdt_place_meets(const double box[4], const double (*footprint)[2], size_t count,
                     const struct vdt_planar *shape)
{
    if (!may_meet(box, shape))
        return false;
    struct vdt_planar place = {0};
    bool good;
    if (footprint == NULL) {
        double east = box[2] < box[0] ? box[2] + 360 : box[2];
        good = vdt_planar_box(&place, box[0], box[1], east, box[3]);
    } else {
        good = vdt_planar_piece(&place, VDT_PLANAR_POLYGON) && vdt_planar_run(&place);
        for (size_t i = 0; good && i < count; i++)
            good = vdt_planar_point(&place, footprint[i][0], footprint[i][1]);
        vdt_planar_end(&place);
    }
    bool meets = good && meets_turned(&place, shape);
    vdt_planar_clear(&place);
    return meets;
}

static void free_shape(void *shape)
{
    vdt_planar_clear(shape);
    free(shape);
}

/* The last argument, unpacked once for a statement. */
static struct vdt_planar *shape_of(sqlite3_context *context, sqlite3_value *value, bool *kept)
{
    struct vdt_planar *shape = sqlite3_get_auxdata(context, 5);
    *kept = shape != NULL;
    if (shape != NULL)
        return shape;
    shape = calloc(1, sizeof *shape);
    if (shape == NULL ||
        !vdt_planar_unpack(sqlite3_value_blob(value), (size_t)sqlite3_value_bytes(value), shape)) {
        free(shape);
        sqlite3_result_error(context, "vdt_meets: no shape", -1);
        return NULL;
    }
    return shape;
}

enum { RING_POINTS = 256 };

static void meets(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    double box[4], ring[RING_POINTS][2];
    for (int i = 0; i < 4; i++) {
        if (sqlite3_value_type(values[i]) == SQLITE_NULL)
            return;
        box[i] = sqlite3_value_double(values[i]);
    }
    size_t points = 0;
    if (sqlite3_value_type(values[4]) == SQLITE_BLOB) {
        points = (size_t)sqlite3_value_bytes(values[4]) / sizeof ring[0];
        if (points >= 3 && points <= RING_POINTS)
            memcpy(ring, sqlite3_value_blob(values[4]), points * sizeof ring[0]);
        else
            points = 0;
    }
    bool kept;
    struct vdt_planar *shape = shape_of(context, values[5], &kept);
    if (shape == NULL)
        return;
    const double(*footprint)[2] = points == 0 ? NULL : (const double(*)[2])ring;
    sqlite3_result_int(context, vdt_place_meets(box, footprint, points, shape));
    if (!kept)
        sqlite3_set_auxdata(context, 5, shape, free_shape);
}

int vdt_query_functions(sqlite3 *handle)
{
    const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
    int code = sqlite3_create_function(handle, "vdt_fold", 1, flags, NULL, fold, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_create_function(handle, "vdt_meets", 6, flags, NULL, meets, NULL, NULL);
    return code;
}
