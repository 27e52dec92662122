/* What the database has to call while it reads rows: the engine's own SQL has no such thing, or has
 * it otherwise on every engine. */
#ifndef SERVER_QUERY_FUNCTIONS_H
#define SERVER_QUERY_FUNCTIONS_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/planar.h"

/* Makes known to a connection:
 * vdt_fold(text): the text without regard to case (base/fold.h);
 * vdt_meets(west, south, east, north, footprint, shape): whether a box or, where it is not NULL, a
 *   footprint meets a packed shape (base/planar.h); NULL for NULL.
 * SQLite's code. */
int vdt_query_functions(sqlite3 *handle);

/* The second without SQL. A box with west above east is across the antimeridian. The footprint is a
 * ring of `count` points in degrees, none of them more than a turn off; NULL: the box. */
bool vdt_place_meets(const double box[4], const double (*footprint)[2], size_t count,
                     const struct vdt_planar *shape);

#endif
