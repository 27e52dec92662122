/* What sensors call their bands. Private to source/. */
#ifndef SOURCE_SENSOR_H
#define SOURCE_SENSOR_H

#include <stdbool.h>

#include "source/scenes/scene.h"

enum vdt_sensor {
    VDT_SENSOR_UNKNOWN = 0,
    VDT_SENSOR_SENTINEL2,
    VDT_SENSOR_LANDSAT4, /* 4, 5 and 7 */
    VDT_SENSOR_LANDSAT8  /* 8 and 9 */
};

enum { VDT_BAND_ID_SIZE = 4 };

/* Scenes are of one file here: vdt_band_at says which has a band.
 *
 * By metadata, GDAL driver, file name and the form of the bands' descriptions. */
enum vdt_sensor vdt_sensor_find(const struct vdt_scene *scene);

/* A sensor's number of a band in one form, "4" or "8A", from texts such as "B04", "SR_B4" and
 * "B4, central wavelength 665 nm". False when `text` is none. */
bool vdt_band_id(const char *text, char id[VDT_BAND_ID_SIZE]);

/* That of the scene's band `number`: of its description, else, in a file of one band, of the file's
 * name ("LC08_..._SR_B4.TIF", "T31TCJ_..._B04_10m.jp2"). */
bool vdt_sensor_band_id(const struct vdt_scene *scene, int number, char id[VDT_BAND_ID_SIZE]);

/* The common names of a sensor's band, blanks between them ("nir08 nir"); NULL when it has none. */
const char *vdt_sensor_names(enum vdt_sensor sensor, const char *id);

#endif
