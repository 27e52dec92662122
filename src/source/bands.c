/* Bands by name. */
#include "source/bands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "source/quiet.h"
#include "source/scene_state.h"
#include "source/sensor.h"

enum { BY_DESCRIPTION, BY_COMMON_NAME, BY_COLOUR, BY_SENSOR, WAYS };

static GDALRasterBandH band_of(const struct vdt_scene *scene, int number)
{
    return GDALGetRasterBand(scene->dataset, number);
}

/* A GeoTIFF gives "eo:common_name=red" back as the item "eo" with the value "common_name=red". */
static const char *common_name(const struct vdt_scene *scene, int number)
{
    static const char key[] = "common_name=";
    GDALRasterBandH band = band_of(scene, number);
    const char *name = GDALGetMetadataItem(band, "eo:common_name", NULL);
    const char *split = GDALGetMetadataItem(band, "eo", NULL);
    if (name == NULL && split != NULL && strncmp(split, key, sizeof key - 1) == 0)
        name = split + sizeof key - 1;
    return name != NULL ? name : GDALGetMetadataItem(band, "common_name", NULL);
}

static const char *colour(const struct vdt_scene *scene, int number)
{
    GDALColorInterp kind = GDALGetRasterColorInterpretation(band_of(scene, number));
    return kind == GCI_Undefined ? NULL : GDALGetColorInterpretationName(kind);
}

/* Whether `word` is one of the words of `list`. */
static bool is_listed(const char *word, const char *list)
{
    size_t length = strlen(word);
    while (list != NULL && *list != '\0') {
        size_t next = strcspn(list, " ");
        if (next == length && strncasecmp(list, word, length) == 0)
            return true;
        list += next + strspn(list + next, " ");
    }
    return false;
}

static bool is_sensors(const struct vdt_scene *scene, enum vdt_sensor sensor, int number,
                       const char *name)
{
    char id[VDT_BAND_ID_SIZE], asked[VDT_BAND_ID_SIZE];
    if (!vdt_sensor_band_id(scene, number, id))
        return false;
    return (vdt_band_id(name, asked) && strcmp(asked, id) == 0) ||
           is_listed(name, vdt_sensor_names(sensor, id));
}

static bool is_called(const struct vdt_scene *scene, enum vdt_sensor sensor, int way, int number,
                      const char *name)
{
    const char *text = NULL;
    switch (way) {
    case BY_DESCRIPTION: text = GDALGetDescription(band_of(scene, number)); break;
    case BY_COMMON_NAME: text = common_name(scene, number); break;
    case BY_COLOUR: text = colour(scene, number); break;
    default: return is_sensors(scene, sensor, number, name);
    }
    return text != NULL && strcasecmp(text, name) == 0;
}

/* "1 B02 (blue), 2 B03 (green)": every band with all that it is called. */
static void list_bands(const struct vdt_scene *scene, enum vdt_sensor sensor, char *text,
                       size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 1; i <= scene->info.band_count && used + 1 < size; i++) {
        char id[VDT_BAND_ID_SIZE];
        const char *description = GDALGetDescription(band_of(scene, i));
        const char *other = common_name(scene, i);
        if (other == NULL && vdt_sensor_band_id(scene, i, id))
            other = vdt_sensor_names(sensor, id);
        if (other == NULL)
            other = colour(scene, i);
        used += (size_t)snprintf(text + used, size - used, "%s%d", i == 1 ? "" : ", ", i);
        if (description[0] != '\0' && used < size)
            used += (size_t)snprintf(text + used, size - used, " %.40s", description);
        if (other != NULL && used < size)
            used += (size_t)snprintf(text + used, size - used, " (%.40s)", other);
    }
}

static vdt_status find_band(const struct vdt_scene *scene, enum vdt_sensor sensor, const char *name,
                            int *number, struct vdt_error *error)
{
    char list[512];
    char *end;
    long plain = strtol(name, &end, 10);
    if (name[0] >= '0' && name[0] <= '9' && *end == '\0') {
        *number = plain > scene->info.band_count ? scene->info.band_count + 1 : (int)plain;
        if (*number >= 1 && *number <= scene->info.band_count)
            return VDT_OK;
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: no band %s: it has bands 1 to %d",
                        scene->path, name, scene->info.band_count);
    }
    for (int way = 0; way < WAYS; way++) {
        int found = 0, second = 0;
        for (int i = 1; i <= scene->info.band_count && second == 0; i++)
            if (is_called(scene, sensor, way, i, name))
                *(found == 0 ? &found : &second) = i;
        if (second != 0)
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "%s: bands %d and %d are both called '%s': name them by number",
                            scene->path, found, second, name);
        *number = found;
        if (found != 0)
            return VDT_OK;
    }
    list_bands(scene, sensor, list, sizeof list);
    return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: no band is called '%s': it has %s", scene->path,
                    name, list);
}

vdt_status vdt_bands_find(struct vdt_scene *scene, const char *const *names, size_t count,
                          int **numbers, struct vdt_error *error)
{
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    vdt_cleanup(vdt_free_pointer) int *found = vdt_allocate(count, sizeof *found);
    if (found == NULL)
        return vdt_fail_memory(error, scene->path);
    enum vdt_sensor sensor = vdt_sensor_find(scene);
    for (size_t i = 0; i < count; i++) {
        vdt_status status = find_band(scene, sensor, names[i], &found[i], error);
        if (status != VDT_OK)
            return status;
    }
    *numbers = found;
    found = NULL;
    return VDT_OK;
}

vdt_status vdt_bands_select(struct vdt_scene *scene, const char *const *names, size_t count,
                            struct vdt_band_selection *selection, struct vdt_error *error)
{
    if (names == NULL)
        return vdt_scene_select(scene, NULL, 0, selection, error);
    if (count == 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: no bands are chosen", scene->path);
    vdt_cleanup(vdt_selection_clear) struct vdt_band_selection chosen = {0};
    vdt_cleanup(vdt_free_pointer) int *numbers = NULL;
    vdt_status status = vdt_bands_find(scene, names, count, &numbers, error);
    if (status == VDT_OK)
        status = vdt_scene_select(scene, numbers, count, &chosen, error);
    for (size_t i = 0; status == VDT_OK && i < count; i++) {
        bool plain = names[i][0] >= '0' && names[i][0] <= '9';
        if (plain || strcasecmp(chosen.names[i], names[i]) == 0)
            continue;
        char *name = vdt_copy_string(names[i]);
        if (name == NULL)
            return vdt_fail_memory(error, scene->path);
        free(chosen.names[i]);
        chosen.names[i] = name;
    }
    if (status != VDT_OK)
        return status;
    *selection = chosen;
    chosen = (struct vdt_band_selection){0};
    return VDT_OK;
}
