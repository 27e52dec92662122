/* What a store says of itself, as JSON. Private to draw/. */
#ifndef SERVER_DRAW_INFO_H
#define SERVER_DRAW_INFO_H

#include "base/json.h"
#include "store/reader.h"

/* What `vedatile info --json` prints but for the bounds, with "crs", "sensors" and "source". New
 * reference; NULL: memory is out. */
json_t *vdt_info_json(const struct vdt_reader *reader);

/* Names of sensors that a scene's name tells: "S2A_MSIL2A_...", "LC08_L2SP_...". NULL: none. */
const char *vdt_sensor_of(const char *uri);

#endif
