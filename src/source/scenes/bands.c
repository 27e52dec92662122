/* Bands by name. */
#include "source/scenes/bands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/path.h"
#include "source/quiet.h"
#include "source/scenes/join.h"
#include "source/scenes/scene_state.h"
#include "source/scenes/sensor.h"

enum { BY_DESCRIPTION, BY_COMMON_NAME, BY_COLOUR, BY_SENSOR, BY_FILE, WAYS };

/* A GeoTIFF gives "eo:common_name=red" back as the item "eo" with the value "common_name=red". */
static const char *common_name(const struct vdt_scene *scene, int number)
{
    static const char key[] = "common_name=";
    GDALRasterBandH band = vdt_scene_band(scene, number);
    const char *name = GDALGetMetadataItem(band, "eo:common_name", NULL);
    const char *split = GDALGetMetadataItem(band, "eo", NULL);
    if (name == NULL && split != NULL && strncmp(split, key, sizeof key - 1) == 0)
        name = split + sizeof key - 1;
    return name != NULL ? name : GDALGetMetadataItem(band, "common_name", NULL);
}

static const char *colour(const struct vdt_scene *scene, int number)
{
    GDALColorInterp kind = GDALGetRasterColorInterpretation(vdt_scene_band(scene, number));
    return kind == GCI_Undefined ? NULL : GDALGetColorInterpretationName(kind);
}

/* The common names of a band by its sensor's number, blanks between them; NULL without. */
static const char *sensor_names(const struct vdt_scene *scene, int number,
                                char id[VDT_BAND_ID_SIZE])
{
    struct vdt_band_at at = vdt_band_at(scene, number);
    return vdt_sensor_band_id(at.scene, at.number, id)
               ? vdt_sensor_names(vdt_sensor_find(at.scene), id)
               : NULL;
}

/* In a stack, a band may be called as its file: with its number where that has several. */
static bool file_name(const struct vdt_scene *scene, int number, char name[VDT_BAND_NAME])
{
    const struct vdt_scene_recipe *recipe = vdt_join_recipe(scene);
    struct vdt_band_at at = vdt_band_at(scene, number);
    vdt_cleanup(vdt_free_pointer) char *stem = NULL;
    if (recipe == NULL || recipe->kind == VDT_SCENE_MOSAIC)
        return false;
    stem = vdt_path_stem(at.scene->path);
    int images = at.scene->info.band_count - (at.scene->alpha != NULL);
    if (stem != NULL && images > 1)
        snprintf(name, VDT_BAND_NAME, "%.200s_%d", stem, at.number);
    else
        snprintf(name, VDT_BAND_NAME, "%.200s", stem == NULL ? "" : stem);
    return true;
}

void vdt_scene_band_name(const struct vdt_scene *scene, int number, char name[VDT_BAND_NAME])
{
    char suffix[40], id[VDT_BAND_ID_SIZE];
    const struct vdt_scene_recipe *recipe = vdt_join_recipe(scene);
    const struct vdt_joined_band *joined = vdt_joined_band(scene, number);
    const char *described = GDALGetDescription(vdt_scene_band(scene, number));
    if (described[0] != '\0' && (recipe == NULL || recipe->kind != VDT_SCENE_TIMES)) {
        snprintf(name, VDT_BAND_NAME, "%.255s", described);
    } else if (recipe == NULL) {
        snprintf(name, VDT_BAND_NAME, "band_%d", number);
    } else if (recipe->kind != VDT_SCENE_STACK &&
               (recipe->kind != VDT_SCENE_EXTRA || joined->member == 0)) {
        char own[VDT_BAND_NAME];
        vdt_scene_band_name(vdt_join_member(scene, joined->member), joined->number, own);
        vdt_join_suffix(scene, number, suffix);
        snprintf(name, VDT_BAND_NAME, "%.200s%s", own, suffix);
    } else {
        const char *common = common_name(scene, number);
        common = common != NULL ? common : sensor_names(scene, number, id);
        if (common == NULL)
            file_name(scene, number, name);
        else
            snprintf(name, VDT_BAND_NAME, "%.*s", (int)strcspn(common, " "), common);
    }
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

static bool is_sensors(const struct vdt_scene *scene, int number, const char *name)
{
    char id[VDT_BAND_ID_SIZE] = "", asked[VDT_BAND_ID_SIZE];
    const char *names = sensor_names(scene, number, id);
    return (id[0] != '\0' && vdt_band_id(name, asked) && strcmp(asked, id) == 0) ||
           is_listed(name, names);
}

static bool is_called(const struct vdt_scene *scene, int way, int number, const char *name)
{
    const char *text = NULL;
    char stem[VDT_BAND_NAME];
    switch (way) {
    case BY_DESCRIPTION: text = GDALGetDescription(vdt_scene_band(scene, number)); break;
    case BY_COMMON_NAME: text = common_name(scene, number); break;
    case BY_COLOUR: text = colour(scene, number); break;
    case BY_FILE: text = file_name(scene, number, stem) ? stem : NULL; break;
    default: return is_sensors(scene, number, name);
    }
    return text != NULL && strcasecmp(text, name) == 0;
}

/* "1 B02 (blue), 2 B03 (green)": every band with all that it is called. */
static void list_bands(const struct vdt_scene *scene, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 1; i <= scene->info.band_count && used + 1 < size; i++) {
        char id[VDT_BAND_ID_SIZE], stem[VDT_BAND_NAME];
        const char *description = GDALGetDescription(vdt_scene_band(scene, i));
        const char *other = common_name(scene, i);
        if (other == NULL)
            other = sensor_names(scene, i, id);
        if (other == NULL && file_name(scene, i, stem))
            other = stem;
        if (other == NULL)
            other = colour(scene, i);
        used += (size_t)snprintf(text + used, size - used, "%s%d", i == 1 ? "" : ", ", i);
        if (description[0] != '\0' && used < size)
            used += (size_t)snprintf(text + used, size - used, " %.40s", description);
        if (other != NULL && used < size)
            used += (size_t)snprintf(text + used, size - used, " (%.40s)", other);
    }
}

static vdt_status find_band(const struct vdt_scene *scene, const char *name, int *number,
                            struct vdt_error *error)
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
            if (is_called(scene, way, i, name))
                *(found == 0 ? &found : &second) = i;
        if (second != 0)
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "%s: bands %d and %d are both called '%s': name them by number",
                            scene->path, found, second, name);
        *number = found;
        if (found != 0)
            return VDT_OK;
    }
    list_bands(scene, list, sizeof list);
    return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: no band is called '%s': it has %s", scene->path,
                    name, list);
}

/* --- lists ---------------------------------------------------------------------------------- */

/* Bands of a scene and the names that they were asked for by; NULL where none was. */
struct list {
    int *numbers;
    const char **names;
    size_t count, number_room, name_room;
};

static void clear_list(struct list *list)
{
    free(list->numbers);
    free(list->names);
}

static vdt_status add_band(struct list *list, int number, const char *name, struct vdt_error *error)
{
    if (!vdt_grow(&list->numbers, &list->number_room, list->count + 1, sizeof *list->numbers) ||
        !vdt_grow(&list->names, &list->name_room, list->count + 1, sizeof *list->names))
        return vdt_fail_memory(error, "bands");
    list->numbers[list->count] = number;
    list->names[list->count++] = name;
    return VDT_OK;
}

static vdt_status find_all(const struct vdt_scene *scene, const char *const *names, size_t count,
                           struct list *list, struct vdt_error *error);

/* The bands that a member has under these names, by their numbers in the joined scene. */
static vdt_status find_in_member(const struct vdt_scene *scene, size_t member,
                                 const char *const *names, size_t count, struct list *list,
                                 struct vdt_error *error)
{
    vdt_cleanup(clear_list) struct list own = {0};
    vdt_status status = find_all(vdt_join_member(scene, member), names, count, &own, error);
    for (size_t i = 0; status == VDT_OK && i < own.count; i++) {
        int found = 0;
        for (int k = 1; k <= scene->info.band_count && found == 0; k++) {
            const struct vdt_joined_band *band = vdt_joined_band(scene, k);
            if (band->member == member && band->number == own.numbers[i])
                found = k;
        }
        if (found == 0)
            return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                            "%s: band %d is alpha, which a joined scene has no band for",
                            vdt_join_recipe(scene)->members[member].path, own.numbers[i]);
        status = add_band(list, found, own.names[i], error);
    }
    return status;
}

/* Names are about a date, and not about extra bands, which are all there. */
static vdt_status find_all(const struct vdt_scene *scene, const char *const *names, size_t count,
                           struct list *list, struct vdt_error *error)
{
    const struct vdt_scene_recipe *recipe = vdt_join_recipe(scene);
    vdt_status status = VDT_OK;
    if (recipe != NULL && recipe->kind == VDT_SCENE_TIMES) {
        for (size_t i = 0; status == VDT_OK && i < recipe->member_count; i++)
            status = find_in_member(scene, i, names, count, list, error);
        return status;
    }
    if (recipe != NULL && recipe->kind == VDT_SCENE_EXTRA) {
        status = find_in_member(scene, 0, names, count, list, error);
        for (int i = 1; status == VDT_OK && i <= scene->info.band_count; i++)
            if (vdt_joined_band(scene, i)->member > 0)
                status = add_band(list, i, NULL, error);
        return status;
    }
    for (size_t i = 0; status == VDT_OK && i < count; i++) {
        int number = 0;
        bool plain = names[i][0] >= '0' && names[i][0] <= '9';
        status = find_band(scene, names[i], &number, error);
        if (status == VDT_OK)
            status = add_band(list, number, plain ? NULL : names[i], error);
    }
    return status;
}

vdt_status vdt_bands_find(struct vdt_scene *scene, const char *const *names, size_t count,
                          int **numbers, struct vdt_error *error)
{
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    vdt_cleanup(clear_list) struct list list = {0};
    vdt_status status = find_all(scene, names, count, &list, error);
    if (status != VDT_OK)
        return status;
    *numbers = list.numbers;
    list.numbers = NULL;
    return VDT_OK;
}

/* What a band is called that was asked for by name. */
static vdt_status rename_band(const struct vdt_scene *scene, int number, const char *asked,
                              char **name, struct vdt_error *error)
{
    char text[VDT_BAND_NAME], suffix[40];
    vdt_join_suffix(scene, number, suffix);
    snprintf(text, sizeof text, "%.200s%s", asked, suffix);
    if (strcasecmp(*name, text) == 0)
        return VDT_OK;
    char *copy = vdt_copy_string(text);
    if (copy == NULL)
        return vdt_fail_memory(error, scene->path);
    free(*name);
    *name = copy;
    return VDT_OK;
}

vdt_status vdt_bands_select(struct vdt_scene *scene, const char *const *names, size_t count,
                            struct vdt_band_selection *selection, struct vdt_error *error)
{
    if (names == NULL)
        return vdt_scene_select(scene, NULL, 0, selection, error);
    if (count == 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: no bands are chosen", scene->path);
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    vdt_cleanup(vdt_selection_clear) struct vdt_band_selection chosen = {0};
    vdt_cleanup(clear_list) struct list list = {0};
    vdt_status status = find_all(scene, names, count, &list, error);
    if (status == VDT_OK)
        status = vdt_scene_select(scene, list.numbers, list.count, &chosen, error);
    for (size_t i = 0; status == VDT_OK && i < list.count; i++)
        if (list.names[i] != NULL)
            status = rename_band(scene, list.numbers[i], list.names[i], &chosen.names[i], error);
    if (status != VDT_OK)
        return status;
    *selection = chosen;
    chosen = (struct vdt_band_selection){0};
    return VDT_OK;
}
