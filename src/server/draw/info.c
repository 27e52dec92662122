/* The document of a store, made of what the reader says. */
#include "server/draw/info.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "source/ground/lonlat.h"

enum { TASKS = 8, DOCUMENT_MOST = 1 << 20 };

/* Text that is not UTF-8 loses what is not ASCII. */
static json_t *text_json(const char *text)
{
    json_t *value = json_string(text);
    vdt_cleanup(vdt_free_pointer) char *copy = value == NULL ? vdt_copy_string(text) : NULL;
    for (char *c = copy; c != NULL && *c != '\0'; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    return value != NULL || copy == NULL ? value : json_string(copy);
}

static json_t *texts_json(const char *const *texts, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, text_json(texts[i]));
    return array;
}

/* A document inside the store; null for what is none, or is too much to be kept with every version.
 */
static json_t *document_json(const char *text)
{
    json_t *value = strlen(text) <= DOCUMENT_MOST ? json_loads(text, 0, NULL) : NULL;
    return value != NULL ? value : json_null();
}

static json_t *tasks_json(uint32_t tasks)
{
    json_t *array = json_array();
    for (unsigned i = 0; i < TASKS; i++)
        if ((tasks & (UINT32_C(1) << i)) != 0)
            json_array_append_new(array,
                                  json_string(vdt_task_name((enum vdt_task)(UINT32_C(1) << i))));
    return array;
}

static json_t *groups_json(const struct vdt_reader *reader)
{
    json_t *groups = json_object();
    for (size_t g = 0; g < vdt_reader_group_count(reader); g++)
        json_object_set_new(groups, vdt_reader_group_name(reader, g),
                            json_pack("{s:I, s:I}", "count",
                                      (json_int_t)vdt_reader_count(reader, g), "boxes",
                                      (json_int_t)vdt_reader_box_count(reader, g)));
    return groups;
}

static json_t *views_json(const struct vdt_reader *reader)
{
    json_t *views = json_object();
    for (size_t i = 0; i < vdt_reader_view_count(reader); i++) {
        struct vdt_view view = vdt_reader_view(reader, i);
        json_object_set_new(
            views, view.name,
            json_pack("{s:s, s:I}", "group", view.group, "count", (json_int_t)view.count));
    }
    return views;
}

static json_t *scenes_json(const struct vdt_reader *reader)
{
    json_t *scenes = json_array();
    for (size_t i = 0; i < vdt_reader_scene_count(reader); i++) {
        struct vdt_scene_record scene = vdt_reader_scene(reader, i);
        json_t *object =
            json_pack("{s:o, s:I, s:o, s:o, s:i, s:i}", "uri", text_json(scene.uri), "bytes",
                      (json_int_t)scene.size, "digest", text_json(scene.digest), "acquired",
                      text_json(scene.acquired), "cols", scene.cols, "rows", scene.rows);
        json_array_append_new(scenes, object);
    }
    return scenes;
}

static json_t *crs_json(const struct vdt_reader *reader)
{
    json_t *list = json_array();
    for (size_t i = 0; i < vdt_reader_crs_count(reader); i++) {
        const char *wkt = vdt_reader_crs(reader, i);
        int code = vdt_crs_epsg(wkt);
        json_array_append_new(list, json_pack("{s:o, s:o}", "wkt", text_json(wkt), "epsg",
                                              code > 0 ? json_integer(code) : json_null()));
    }
    return list;
}

/* --- where it comes from ------------------------------------------------------------------ */

static const char *base_name(const char *uri)
{
    const char *slash = strrchr(uri, '/');
    return slash == NULL ? uri : slash + 1;
}

const char *vdt_sensor_of(const char *uri)
{
    /* Naming conventions of ESA's SAFE products and of USGS's Landsat Collection 2. */
    static const struct {
        const char *prefix, *name;
    } sensors[] = {{"S1A_", "Sentinel-1A"}, {"S1B_", "Sentinel-1B"}, {"S1C_", "Sentinel-1C"},
                   {"S2A_", "Sentinel-2A"}, {"S2B_", "Sentinel-2B"}, {"S2C_", "Sentinel-2C"},
                   {"LT04_", "Landsat 4"},  {"LT05_", "Landsat 5"},  {"LE07_", "Landsat 7"},
                   {"LC08_", "Landsat 8"},  {"LC09_", "Landsat 9"}};
    for (const char *part = uri; part != NULL; part = strchr(part, '/')) {
        part += *part == '/';
        for (size_t i = 0; i < sizeof sensors / sizeof *sensors; i++)
            if (strncasecmp(part, sensors[i].prefix, strlen(sensors[i].prefix)) == 0)
                return sensors[i].name;
    }
    return NULL;
}

static json_t *sensors_json(const struct vdt_reader *reader)
{
    vdt_cleanup(vdt_json_release) json_t *seen = json_object();
    json_t *list = json_array();
    for (size_t i = 0; i < vdt_reader_scene_count(reader); i++) {
        const char *name = vdt_sensor_of(vdt_reader_scene(reader, i).uri);
        if (name == NULL || json_object_get(seen, name) != NULL)
            continue;
        json_object_set_new(seen, name, json_true());
        json_array_append_new(list, json_string(name));
    }
    return list;
}

/* The scene's name, or how many there are. */
static json_t *source_json(const struct vdt_reader *reader)
{
    char text[32];
    size_t count = vdt_reader_scene_count(reader);
    if (count == 1)
        return text_json(base_name(vdt_reader_scene(reader, 0).uri));
    snprintf(text, sizeof text, "%zu scenes", count);
    return json_string(text);
}

json_t *vdt_info_json(const struct vdt_reader *reader)
{
    struct vdt_store_spec spec = vdt_reader_spec(reader);
    const struct {
        const char *name;
        json_t *value;
    } members[] = {
        {"format", text_json(vdt_reader_format(reader))},
        {"uuid", text_json(vdt_reader_uuid(reader))},
        {"name", text_json(spec.name)},
        {"tile", json_pack("{s:i, s:i, s:i, s:s}", "bands", (int)spec.tile.bands, "rows",
                           (int)spec.tile.rows, "cols", (int)spec.tile.cols, "dtype",
                           vdt_dtype_name(spec.tile.dtype))},
        {"tasks", tasks_json(spec.tasks)},
        {"classes", texts_json(spec.classes, spec.class_count)},
        {"groups", groups_json(reader)},
        {"views", views_json(reader)},
        {"bounds", json_null()},
        {"codec", json_string(vdt_codec_name(spec.image_codec))},
        {"bytes", json_integer((json_int_t)vdt_reader_file_bytes(reader))},
        {"mask_codec", json_string(vdt_codec_name(spec.mask_codec))},
        {"band_names", texts_json(spec.band_names, spec.tile.bands)},
        {"scenes", scenes_json(reader)},
        {"created_at", text_json(vdt_reader_created_at(reader))},
        {"producer", text_json(vdt_reader_producer(reader))},
        {"times", document_json(vdt_reader_times(reader))},
        {"scene_members", document_json(vdt_reader_scene_members(reader))},
        {"feed_config", document_json(vdt_reader_feed_config(reader))},
        {"failures", document_json(vdt_reader_feed_failures(reader))},
        {"crs", crs_json(reader)},
        {"sensors", sensors_json(reader)},
        {"source", source_json(reader)},
    };
    json_t *info = json_object();
    bool good = info != NULL;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (json_object_set_new(info, members[i].name, members[i].value) != 0)
            good = false;
    if (good)
        return info;
    json_decref(info);
    return NULL;
}
