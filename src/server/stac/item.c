/* Samples as Items. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/lonlat_json.h"
#include "catalog/http.h"
#include "server/meta/times.h"
#include "server/stac/stac.h"

/* Columns of what is read of a sample. */
enum {
    KEY,
    GROUP,
    POSITION,
    WEST,
    SOUTH,
    EAST,
    NORTH,
    FOOTPRINT,
    TIME,
    SCENE,
    CRS,
    GEOTRANSFORM,
    COLS,
    ROWS,
    BOXES,
    CLASSES,
    VALID
};

#define COLUMNS                                                                          \
    "SELECT key, grp, position, west, south, east, north, footprint, time, scene, crs, " \
    "geotransform, cols, rows, boxes, classes, valid_fraction FROM sample WHERE id = ?1"

static json_t *geometry_of(struct vdt_rows *rows, json_t **bbox)
{
    double box[4], ring[VDT_LONLAT_MOST][2];
    *bbox = NULL;
    if (vdt_rows_is_null(rows, WEST))
        return json_null();
    for (int i = 0; i < 4; i++)
        box[i] = vdt_rows_real(rows, WEST + i);
    *bbox = json_pack("[f, f, f, f]", box[0], box[1], box[2], box[3]);
    size_t size = 0;
    const void *footprint = vdt_rows_blob(rows, FOOTPRINT, &size);
    size_t count = size / sizeof ring[0];
    json_t *polygon = NULL;
    if (footprint != NULL && count >= 3 && count <= VDT_LONLAT_MOST) {
        memcpy(ring, footprint, count * sizeof ring[0]);
        const double(*points)[2] = (const double(*)[2])ring;
        polygon = vdt_lonlat_polygon(points, (int)count);
    }
    return polygon == NULL ? vdt_lonlat_box(box) : polygon;
}

/* --- properties ----------------------------------------------------------------------------- */

static json_t *info_time(const struct vdt_stac_collection *collection, const char *name)
{
    const json_t *time = json_object_get(collection->info, name);
    return vdt_time_json(json_is_integer(time) ? json_integer_value(time) : collection->created);
}

/* When it was taken; where no scene says so, between the first and the last scene of the store, or
 * at least before it was saved. */
static void put_time(const struct vdt_stac_collection *collection, struct vdt_rows *rows,
                     json_t *properties)
{
    if (!vdt_rows_is_null(rows, TIME)) {
        json_object_set_new(properties, "datetime", vdt_time_json(vdt_rows_integer(rows, TIME)));
        return;
    }
    json_object_set_new(properties, "datetime", json_null());
    json_object_set_new(properties, "start_datetime", info_time(collection, "start_time"));
    json_object_set_new(properties, "end_datetime", info_time(collection, "end_time"));
}

static bool is_split(const char *group)
{
    return strcmp(group, "train") == 0 || strcmp(group, "test") == 0 ||
           strcmp(group, "validate") == 0;
}

/* Version 1.1.0 of the extension: its members are those that GDAL reads, and what reads the newer
 * ones makes them of these. A document with both is valid by neither. */
static void put_projection(struct vdt_rows *rows, json_t *properties, json_t *extensions)
{
    const char *crs = vdt_rows_text(rows, CRS);
    size_t size = 0;
    const void *bytes = vdt_rows_blob(rows, GEOTRANSFORM, &size);
    double g[6];
    bool coded = crs != NULL && strncmp(crs, "EPSG:", 5) == 0;
    if (bytes == NULL || size != sizeof g)
        return;
    memcpy(g, bytes, sizeof g);
    json_array_append_new(extensions, json_string(VDT_STAC_EXTENSION("projection/v1.1.0")));
    json_object_set_new(properties, "proj:epsg",
                        coded ? json_integer(strtol(crs + 5, NULL, 10)) : json_null());
    json_object_set_new(properties, "proj:shape",
                        json_pack("[I, I]", (json_int_t)vdt_rows_integer(rows, ROWS),
                                  (json_int_t)vdt_rows_integer(rows, COLS)));
    json_object_set_new(properties, "proj:transform",
                        json_pack("[f, f, f, f, f, f]", g[1], g[2], g[0], g[4], g[5], g[3]));
}

static bool has_task(const struct vdt_stac_collection *collection, const char *name)
{
    const json_t *tasks = json_object_get(collection->info, "tasks");
    for (size_t i = 0; i < json_array_size(tasks); i++)
        if (strcmp(json_string_value(json_array_get(tasks, i)), name) == 0)
            return true;
    return false;
}

static json_t *counts_of(const json_t *classes)
{
    json_t *counts = json_array(), *count;
    const char *name;
    json_object_foreach((json_t *)classes, name, count)
        json_array_append_new(counts, json_pack("{s:s, s:O}", "name", name, "count", count));
    return counts;
}

static void put_labels(const struct vdt_stac_collection *collection, const json_t *classes,
                       json_t *properties, json_t *extensions)
{
    json_t *names = json_object_get(collection->info, "classes");
    json_t *tasks = json_object_get(collection->info, "tasks");
    if (json_array_size(tasks) == 0)
        return;
    bool vector = has_task(collection, "classification") || has_task(collection, "detection") ||
                  has_task(collection, "instance");
    json_array_append_new(extensions, json_string(VDT_STAC_EXTENSION("label/v1.0.1")));
    json_object_set(properties, "label:tasks", tasks);
    json_object_set_new(properties, "label:type", json_string(vector ? "vector" : "raster"));
    json_object_set_new(properties, "label:properties",
                        vector ? json_pack("[s]", "class") : json_null());
    json_object_set_new(properties, "label:description", json_string(collection->row.name));
    json_object_set_new(properties, "label:classes",
                        json_pack("[{s:o, s:o}]", "name",
                                  vector ? json_string("class") : json_null(), "classes",
                                  names == NULL ? json_array() : json_incref(names)));
    json_t *counts = counts_of(classes);
    if (json_array_size(counts) > 0)
        json_object_set_new(properties, "label:overviews",
                            json_pack("[{s:s, s:o}]", "property_key", "class", "counts", counts));
    else
        json_decref(counts);
}

static json_t *properties_of(const struct vdt_stac_collection *collection, struct vdt_rows *rows,
                             json_t *extensions)
{
    const char *group = vdt_rows_text(rows, GROUP), *scene = vdt_rows_text(rows, SCENE);
    const char *text = vdt_rows_text(rows, CLASSES);
    json_t *classes = text == NULL ? NULL : json_loads(text, 0, NULL);
    if (classes == NULL)
        classes = json_object();
    json_t *properties =
        json_pack("{s:s, s:I, s:I, s:o}", "vt:group", group, "vt:index",
                  (json_int_t)vdt_rows_integer(rows, POSITION), "vt:boxes",
                  (json_int_t)vdt_rows_integer(rows, BOXES), "vt:classes", classes);
    put_time(collection, rows, properties);
    json_object_set_new(properties, "created", vdt_time_json(collection->created));
    if (!vdt_rows_is_null(rows, VALID))
        json_object_set_new(properties, "vt:valid_fraction", json_real(vdt_rows_real(rows, VALID)));
    if (scene != NULL && *scene != '\0')
        json_object_set_new(properties, "vt:scene", json_string(scene));
    if (is_split(group)) {
        json_array_append_new(extensions, json_string(VDT_STAC_EXTENSION("ml-aoi/v0.2.0")));
        json_object_set_new(properties, "ml-aoi:split", json_string(group));
    }
    put_projection(rows, properties, extensions);
    put_labels(collection, classes, properties, extensions);
    return properties;
}

/* --- links and assets ----------------------------------------------------------------------- */

static json_t *asset(const char *type, const char *role, const char *format, const char *base,
                     const struct vdt_stac_collection *collection, const char *key)
{
    char href[2048], version[40] = "";
    if (collection->release != 0)
        snprintf(version, sizeof version, "?version=%lld", (long long)collection->version);
    snprintf(href, sizeof href, "%s/v1/entries/%s/samples/%s/%s%s", base, collection->row.slug, key,
             format, version);
    return json_pack("{s:s, s:s, s:[s]}", "href", href, "type", type, "roles", role);
}

static json_t *assets_of(const struct vdt_stac *stac, const struct vdt_stac_collection *collection,
                         const char *key)
{
    char store[1200];
    json_t *assets = json_object();
    json_object_set_new(
        assets, "image",
        asset("image/tiff; application=geotiff", "data", "image.tif", stac->base, collection, key));
    json_object_set_new(assets, "preview",
                        asset("image/png", "thumbnail", "image.png", stac->base, collection, key));
    json_object_set_new(
        assets, "labels",
        asset(VDT_STAC_GEOJSON, "labels", "labels.json", stac->base, collection, key));
    if (has_task(collection, "segmentation"))
        json_object_set_new(assets, "mask",
                            asset("image/png", "labels", "mask.png", stac->base, collection, key));
    snprintf(store, sizeof store, "%s/v1/entries/%s/versions/%lld/store.h5", stac->base,
             collection->row.slug, (long long)collection->version);
    json_object_set_new(assets, "store",
                        json_pack("{s:s, s:s, s:[s, s], s:I}", "href", store, "type",
                                  "application/x-hdf5", "roles", "data", "archive", "file:size",
                                  (json_int_t)collection->size));
    return assets;
}

static json_t *links_of(const struct vdt_stac *stac, const struct vdt_stac_collection *collection,
                        const char *key)
{
    json_t *links = json_array();
    const char *base = stac->base, *id = collection->id;
    if (vdt_stac_link(links, "self", VDT_STAC_GEOJSON, "%s/collections/%s/items/%s", base, id,
                      key) &&
        vdt_stac_link(links, "root", VDT_STAC_JSON, "%s/", base) &&
        vdt_stac_link(links, "parent", VDT_STAC_JSON, "%s/collections/%s", base, id) &&
        vdt_stac_link(links, "collection", VDT_STAC_JSON, "%s/collections/%s", base, id))
        return links;
    json_decref(links);
    return NULL;
}

static vdt_status make(const struct vdt_stac *stac, const struct vdt_stac_collection *collection,
                       struct vdt_rows *rows, json_t **document)
{
    vdt_cleanup(vdt_free_pointer) char *key = vdt_url_escape(vdt_rows_text(rows, KEY));
    if (key == NULL)
        return vdt_fail_memory(stac->error, "item");
    json_t *extensions = json_pack("[s]", VDT_STAC_EXTENSION("file/v2.1.0")), *bbox;
    json_t *geometry = geometry_of(rows, &bbox);
    json_t *properties = properties_of(collection, rows, extensions);
    json_t *made = json_pack(
        "{s:s, s:s, s:o, s:s, s:s, s:o, s:o, s:o, s:o}", "type", "Feature", "stac_version", "1.1.0",
        "stac_extensions", extensions, "id", vdt_rows_text(rows, KEY), "collection", collection->id,
        "geometry", geometry, "properties", properties, "links", links_of(stac, collection, key),
        "assets", assets_of(stac, collection, key));
    if (made == NULL) {
        json_decref(bbox);
        return vdt_fail_memory(stac->error, "item");
    }
    if (bbox != NULL)
        json_object_set_new(made, "bbox", bbox);
    *document = made;
    return VDT_OK;
}

vdt_status vdt_stac_item_json(const struct vdt_stac *stac,
                              const struct vdt_stac_collection *collection, int64_t sample,
                              json_t **document)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(stac->session, COLUMNS, &rows, stac->error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, sample);
    status = vdt_rows_next(rows, stac->error);
    if (status == VDT_END)
        return vdt_fail(stac->error, VDT_ERR_NOT_FOUND, "no such item");
    return status == VDT_OK ? make(stac, collection, rows, document) : status;
}
