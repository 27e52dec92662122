/* Sentinel-2 and Landsat: which it is, and the STAC common names of its bands
 * (https://github.com/stac-extensions/eo, version 2.0; the older names beside them). */
#include "source/scenes/sensor.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "source/scenes/scene_state.h"

struct names {
    const char *id;
    const char *names;
};

static const struct names sentinel2[] = {{"1", "coastal"},
                                         {"2", "blue"},
                                         {"3", "green"},
                                         {"4", "red"},
                                         {"5", "rededge071 rededge"},
                                         {"6", "rededge075 rededge"},
                                         {"7", "rededge078 rededge"},
                                         {"8", "nir"},
                                         {"8A", "nir08"},
                                         {"9", "nir09"},
                                         {"10", "cirrus"},
                                         {"11", "swir16"},
                                         {"12", "swir22"},
                                         {NULL, NULL}};
static const struct names landsat4[] = {{"1", "blue"},      {"2", "green"},  {"3", "red"},
                                        {"4", "nir08 nir"}, {"5", "swir16"}, {"6", "lwir11"},
                                        {"7", "swir22"},    {"8", "pan"},    {NULL, NULL}};
static const struct names landsat8[] = {{"1", "coastal"}, {"2", "blue"},      {"3", "green"},
                                        {"4", "red"},     {"5", "nir08 nir"}, {"6", "swir16"},
                                        {"7", "swir22"},  {"8", "pan"},       {"9", "cirrus"},
                                        {"10", "lwir11"}, {"11", "lwir12"},   {NULL, NULL}};

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* --- the sensor --------------------------------------------------------------------------- */

/* "LANDSAT_8", "Landsat-7", "Sentinel-2A". */
static enum vdt_sensor of_platform(const char *text)
{
    if (strncasecmp(text, "sentinel-2", 10) == 0 || strncasecmp(text, "sentinel2", 9) == 0)
        return VDT_SENSOR_SENTINEL2;
    if (strncasecmp(text, "landsat", 7) != 0)
        return VDT_SENSOR_UNKNOWN;
    const char *number = text + 7 + strspn(text + 7, "-_ 0");
    if (*number == '\0' || (number[1] >= '0' && number[1] <= '9'))
        return VDT_SENSOR_UNKNOWN;
    return strchr("89", *number) != NULL    ? VDT_SENSOR_LANDSAT8
           : strchr("457", *number) != NULL ? VDT_SENSOR_LANDSAT4
                                            : VDT_SENSOR_UNKNOWN;
}

/* "T31TCJ_20200518T105031_..." is a Sentinel-2 tile. */
static bool is_sentinel2_tile(const char *name)
{
    static const char form[] = "T00AAA_00000000T";
    for (size_t i = 0; i < sizeof form - 1; i++) {
        unsigned char c = (unsigned char)name[i];
        bool good = form[i] == '0'   ? isdigit(c) != 0
                    : form[i] == 'A' ? isupper(c) != 0
                                     : c == (unsigned char)form[i];
        if (!good)
            return false;
    }
    return true;
}

static enum vdt_sensor of_file(const char *path)
{
    static const struct {
        const char *begins;
        enum vdt_sensor sensor;
    } files[] = {{"LC08_", VDT_SENSOR_LANDSAT8},   {"LC09_", VDT_SENSOR_LANDSAT8},
                 {"LO08_", VDT_SENSOR_LANDSAT8},   {"LO09_", VDT_SENSOR_LANDSAT8},
                 {"LT04_", VDT_SENSOR_LANDSAT4},   {"LT05_", VDT_SENSOR_LANDSAT4},
                 {"LE07_", VDT_SENSOR_LANDSAT4},   {"S2A_", VDT_SENSOR_SENTINEL2},
                 {"S2B_", VDT_SENSOR_SENTINEL2},   {"S2C_", VDT_SENSOR_SENTINEL2},
                 {"HLS.L30", VDT_SENSOR_LANDSAT8}, {"HLS.S30", VDT_SENSOR_SENTINEL2}};
    const char *name = file_name(path);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (strncmp(name, files[i].begins, strlen(files[i].begins)) == 0)
            return files[i].sensor;
    return is_sentinel2_tile(name) ? VDT_SENSOR_SENTINEL2 : VDT_SENSOR_UNKNOWN;
}

/* Numbers of two digits, and 8A, are Sentinel-2's. */
static enum vdt_sensor of_descriptions(const struct vdt_scene *scene)
{
    for (int i = 1; i <= scene->info.band_count; i++) {
        const char *text = GDALGetDescription(GDALGetRasterBand(scene->dataset, i));
        char id[VDT_BAND_ID_SIZE];
        if (toupper((unsigned char)text[0]) == 'B' && vdt_band_id(text, id) &&
            (text[1] == '0' || strcmp(id, "8A") == 0))
            return VDT_SENSOR_SENTINEL2;
    }
    return VDT_SENSOR_UNKNOWN;
}

enum vdt_sensor vdt_sensor_find(const struct vdt_scene *scene)
{
    static const char *const items[][2] = {{"SATELLITEID", "IMAGERY"},
                                           {"SPACECRAFT_ID", NULL},
                                           {"SPACECRAFT_NAME", NULL},
                                           {"SATELLITE", NULL},
                                           {"platform", NULL}};
    enum vdt_sensor sensor = VDT_SENSOR_UNKNOWN;
    for (size_t i = 0; i < sizeof items / sizeof items[0] && sensor == VDT_SENSOR_UNKNOWN; i++) {
        const char *text = GDALGetMetadataItem(scene->dataset, items[i][0], items[i][1]);
        sensor = text == NULL ? VDT_SENSOR_UNKNOWN : of_platform(text);
    }
    if (sensor == VDT_SENSOR_UNKNOWN && strcmp(scene->info.driver, "SENTINEL2") == 0)
        sensor = VDT_SENSOR_SENTINEL2;
    if (sensor == VDT_SENSOR_UNKNOWN)
        sensor = of_file(scene->path);
    return sensor == VDT_SENSOR_UNKNOWN ? of_descriptions(scene) : sensor;
}

/* --- its bands ----------------------------------------------------------------------------- */

bool vdt_band_id(const char *text, char id[VDT_BAND_ID_SIZE])
{
    if (strncasecmp(text, "SR_", 3) == 0 || strncasecmp(text, "ST_", 3) == 0)
        text += 3;
    if (toupper((unsigned char)*text++) != 'B')
        return false;
    text += *text == '0';
    size_t digits = strspn(text, "0123456789");
    if (digits < 1 || digits > 2)
        return false;
    bool letter = toupper((unsigned char)text[digits]) == 'A';
    char after = text[digits + letter];
    if (after != '\0' && after != ',' && after != ' ')
        return false;
    snprintf(id, VDT_BAND_ID_SIZE, "%.*s%s", (int)digits, text, letter ? "A" : "");
    return true;
}

/* The last of the parts between '_' and '.' that is a band's number. */
static bool id_of_file(const char *path, char id[VDT_BAND_ID_SIZE])
{
    const char *part = file_name(path);
    bool found = false;
    while (*part != '\0') {
        char word[8];
        size_t length = strcspn(part, "_.");
        snprintf(word, sizeof word, "%.*s", length < sizeof word ? (int)length : 0, part);
        found |= vdt_band_id(word, id);
        part += length + (part[length] != '\0');
    }
    return found;
}

bool vdt_sensor_band_id(const struct vdt_scene *scene, int number, char id[VDT_BAND_ID_SIZE])
{
    const char *text = GDALGetDescription(GDALGetRasterBand(scene->dataset, number));
    if (text[0] != '\0')
        return vdt_band_id(text, id);
    /* A warped file has alpha besides. */
    int images = scene->info.band_count - (scene->alpha != NULL);
    return images == 1 && id_of_file(scene->path, id);
}

const char *vdt_sensor_names(enum vdt_sensor sensor, const char *id)
{
    static const struct names *const tables[] = {[VDT_SENSOR_SENTINEL2] = sentinel2,
                                                 [VDT_SENSOR_LANDSAT4] = landsat4,
                                                 [VDT_SENSOR_LANDSAT8] = landsat8};
    if (sensor == VDT_SENSOR_UNKNOWN)
        return NULL;
    for (const struct names *row = tables[sensor]; row->id != NULL; row++)
        if (strcmp(row->id, id) == 0)
            return row->names;
    return NULL;
}
