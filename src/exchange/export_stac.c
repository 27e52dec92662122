/* STAC 1.0.0: items.json, an ItemCollection with an item for each tile, over the files of GeoTIFF
 * and a GeoJSON of the labels. Extensions: label 1.0.1, projection 1.1.0, file 2.1.0. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "exchange/about.h"
#include "exchange/exporter.h"
#include "exchange/ground_json.h"
#include "exchange/planes.h"

#define EXTENSIONS "https://stac-extensions.github.io/"

struct catalog {
    struct vdt_text_file items;
    bool first;
    struct vdt_outline footprint;
};

static vdt_status begin(struct vdt_export *out, struct vdt_error *error)
{
    struct catalog *catalog = calloc(1, sizeof *catalog);
    if (catalog == NULL)
        return vdt_fail_memory(error, out->folder);
    out->state = catalog;
    catalog->first = true;
    vdt_cleanup(vdt_free_pointer) char *path = vdt_path_join(out->folder, "items.json", NULL);
    if (path == NULL)
        return vdt_fail_memory(error, out->folder);
    vdt_status status = vdt_text_open(&catalog->items, path, error);
    if (status == VDT_OK)
        fputs("{\"type\":\"FeatureCollection\",\"features\":[\n", catalog->items.file);
    return status;
}

static void clear(struct vdt_export *out)
{
    struct catalog *catalog = out->state;
    if (catalog == NULL)
        return;
    vdt_text_abandon(&catalog->items);
    vdt_outline_clear(&catalog->footprint);
    free(catalog);
}

static bool has_labels(const struct vdt_export *out)
{
    return (out->spec.tasks & (VDT_CLASSIFICATION | VDT_DETECTION | VDT_INSTANCE)) != 0;
}

static vdt_status begin_group(struct vdt_export *out, struct vdt_error *error)
{
    vdt_status status = vdt_export_geotiff.begin_group(out, error);
    return status == VDT_OK && has_labels(out) ? vdt_export_folder(out, "labels", error) : status;
}

/* --- assets ------------------------------------------------------------------------------- */

/* A multihash: sha2-256 (0x12), 32 bytes (0x20). */
static vdt_status checksum(const char *path, char text[2 * 32 + 5], json_int_t *size,
                           struct vdt_error *error)
{
    unsigned char digest[32], bytes[4096];
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return vdt_fail_errno(error, path);
    struct vdt_sha256 *sha = vdt_sha256_new();
    *size = 0;
    for (size_t count; sha != NULL && (count = fread(bytes, 1, sizeof bytes, file)) > 0;) {
        vdt_sha256_add(sha, bytes, count);
        *size += (json_int_t)count;
    }
    bool failed = ferror(file) != 0;
    fclose(file);
    if (sha == NULL)
        return vdt_fail_memory(error, path);
    vdt_sha256_finish(sha, digest);
    memcpy(text, "1220", 4);
    vdt_hex(digest, sizeof digest, text + 4);
    return failed ? vdt_fail_errno(error, path) : VDT_OK;
}

struct asset {
    const char *name, *kind, *suffix, *type, *role, *title;
};

static vdt_status add_asset(struct vdt_export *out, const struct vdt_record *record,
                            const struct asset *asset, json_t *assets, struct vdt_error *error)
{
    char hash[2 * 32 + 5];
    json_int_t size = 0;
    vdt_cleanup(vdt_free_pointer) char *path =
        vdt_export_path(out, asset->kind, record, asset->suffix);
    if (path == NULL)
        return vdt_fail_memory(error, out->folder);
    vdt_status status = checksum(path, hash, &size, error);
    if (status != VDT_OK)
        return status;
    char href[sizeof record->name * 3 + 200] = "./", *end = href + 2;
    end += snprintf(end, sizeof href - 2, "%s/%s/", asset->kind, out->group_name);
    /* A % in the file's name is %25 in a URL. */
    for (const char *c = record->name; *c != '\0'; c++)
        end += snprintf(end, 4, *c == '%' ? "%%25" : "%c", *c);
    snprintf(end, 16, "%s", asset->suffix);
    json_object_set_new(assets, asset->name,
                        json_pack("{s:s, s:s, s:s, s:[s], s:s, s:I}", "href", href, "type",
                                  asset->type, "title", asset->title, "roles", asset->role,
                                  "file:checksum", hash, "file:size", size));
    return VDT_OK;
}

static vdt_status add_assets(struct vdt_export *out, const struct vdt_record *record,
                             json_t *assets, struct vdt_error *error)
{
    static const char tiff[] = "image/tiff; application=geotiff";
    const struct vdt_labels *labels = &record->sample.labels;
    const bool vector = has_labels(out);
    const struct {
        bool there;
        struct asset asset;
    } all[] = {
        {true, {"image", "images", ".tif", tiff, "data", "tile"}},
        {vector, {"labels", "labels", ".geojson", "application/geo+json", "labels", "labels"}},
    };
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < sizeof all / sizeof all[0]; i++)
        if (all[i].there)
            status = add_asset(out, record, &all[i].asset, assets, error);
    for (enum vdt_array i = VDT_MASK; status == VDT_OK && i < VDT_TILE_ARRAYS; i++) {
        const struct vdt_plane *plane = &vdt_planes[i];
        bool first = !vector && json_object_get(assets, "labels") == NULL;
        const struct asset asset = {
            first ? "labels" : plane->name, plane->folder, ".tif", tiff, "labels", plane->name};
        if (vdt_label_pixels(labels, i) != NULL)
            status = add_asset(out, record, &asset, assets, error);
    }
    return status;
}

/* The boxes, or for tiles of a class the tile itself. */
static vdt_status write_labels(struct vdt_export *out, const struct vdt_record *record,
                               struct vdt_error *error)
{
    struct catalog *catalog = out->state;
    const struct vdt_labels *labels = &record->sample.labels;
    struct vdt_text_file text = {0};
    vdt_cleanup(vdt_free_pointer) char *path = vdt_export_path(out, "labels", record, ".geojson");
    json_t *features = json_array();
    if (labels->boxes == NULL)
        json_array_append_new(
            features, json_pack("{s:s, s:o, s:{s:o}}", "type", "Feature", "geometry",
                                vdt_ground_tile(&catalog->footprint, record, &out->spec),
                                "properties", "class", vdt_ground_classes(record, &out->spec)));
    for (size_t i = 0; i < labels->box_count; i++)
        json_array_append_new(features,
                              vdt_ground_label(&catalog->footprint, record, &out->spec, i));
    json_t *document = json_pack("{s:s, s:o}", "type", "FeatureCollection", "features", features);
    vdt_status status =
        path == NULL ? vdt_fail_memory(error, out->folder) : vdt_text_open(&text, path, error);
    if (status != VDT_OK) {
        json_decref(document);
        return status;
    }
    status = vdt_text_json(&text, document, true, error);
    if (status == VDT_OK)
        status = vdt_text_close(&text, error);
    vdt_text_abandon(&text);
    return status;
}

/* --- items -------------------------------------------------------------------------------- */

/* Of the scene; where it is unknown, of the store. RFC 3339 wants a time and a zone. */
static void find_time(const struct vdt_export *out, const struct vdt_record *record, char text[64])
{
    const char *time = record->scene.acquired;
    if (time[0] == '\0')
        time = vdt_reader_created_at(out->reader);
    const char *clock = strchr(time, 'T');
    bool zone = clock != NULL && strpbrk(clock, "Z+-") != NULL;
    snprintf(text, 64, "%.40s%s%s", time, clock == NULL ? "T00:00:00" : "", zone ? "" : "Z");
}

static json_t *strings(const char *const *texts, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_string(texts[i]));
    return list;
}

static void add_label_fields(const struct vdt_export *out, json_t *properties)
{
    uint32_t tasks = out->spec.tasks;
    bool vector = has_labels(out);
    json_t *names = json_array();
    if ((tasks & VDT_CLASSIFICATION) != 0)
        json_array_append_new(names, json_string("classification"));
    if ((tasks & (VDT_DETECTION | VDT_INSTANCE)) != 0)
        json_array_append_new(names, json_string("detection"));
    if ((tasks & (VDT_SEGMENTATION | VDT_INSTANCE)) != 0)
        json_array_append_new(names, json_string("segmentation"));
    json_object_set_new(properties, "label:tasks", names);
    json_object_set_new(properties, "label:type", json_string(vector ? "vector" : "raster"));
    json_object_set_new(properties, "label:properties",
                        vector ? json_pack("[s]", "class") : json_null());
    json_object_set_new(properties, "label:description", json_string(out->spec.name));
    json_object_set_new(properties, "label:classes",
                        json_pack("[{s:o, s:o}]", "name",
                                  vector ? json_string("class") : json_null(), "classes",
                                  strings(out->spec.classes, out->spec.class_count)));
}

/* The affine transform in the order of rasterio. */
static void add_projection(const struct vdt_export *out, const struct vdt_record *record,
                           json_t *properties)
{
    const double *g = record->sample.geotransform;
    int code = vdt_crs_epsg(record->crs);
    json_object_set_new(properties, "proj:epsg", code == 0 ? json_null() : json_integer(code));
    if (record->crs[0] != '\0')
        json_object_set_new(properties, "proj:wkt2", json_string(record->crs));
    json_object_set_new(properties, "proj:shape",
                        json_pack("[i, i]", (int)out->spec.tile.rows, (int)out->spec.tile.cols));
    if (g[1] != 0 || g[2] != 0) {
        const double transform[6] = {g[1], g[2], g[0], g[4], g[5], g[3]};
        json_object_set_new(properties, "proj:transform", vdt_json_numbers(transform, 6));
    }
}

static json_t *item_of(struct vdt_export *out, const struct vdt_record *record, json_t *assets)
{
    struct catalog *catalog = out->state;
    const struct vdt_sample *sample = &record->sample;
    char time[64];
    find_time(out, record, time);
    json_t *properties = json_pack("{s:s, s:s}", "datetime", time, "vedatile:group", record->group);
    json_t *extensions = json_pack("[s, s]", EXTENSIONS "projection/v1.1.0/schema.json",
                                   EXTENSIONS "file/v2.1.0/schema.json");
    if (properties != NULL)
        add_projection(out, record, properties);
    if (properties != NULL && out->spec.tasks != 0) {
        json_array_append_new(extensions, json_string(EXTENSIONS "label/v1.0.1/schema.json"));
        add_label_fields(out, properties);
    }
    json_t *item =
        json_pack("{s:s, s:s, s:o, s:s, s:o, s:o, s:[], s:O}", "type", "Feature", "stac_version",
                  "1.0.0", "stac_extensions", extensions, "id", record->name, "geometry",
                  vdt_ground_tile(&catalog->footprint, record, &out->spec), "properties",
                  properties, "links", "assets", assets);
    if (item != NULL && isfinite(sample->bounds[0]))
        json_object_set_new(item, "bbox", vdt_json_numbers(sample->bounds, 4));
    return item;
}

static vdt_status write_sample(struct vdt_export *out, const struct vdt_record *record,
                               struct vdt_error *error)
{
    struct catalog *catalog = out->state;
    vdt_cleanup(vdt_json_release) json_t *assets = json_object();
    vdt_status status = vdt_export_geotiff.sample(out, record, error);
    if (status == VDT_OK && has_labels(out))
        status = write_labels(out, record, error);
    if (status == VDT_OK)
        status = add_assets(out, record, assets, error);
    if (status != VDT_OK)
        return status;
    if (!catalog->first)
        fputs(",\n", catalog->items.file);
    catalog->first = false;
    return vdt_text_json(&catalog->items, item_of(out, record, assets), false, error);
}

static vdt_status end(struct vdt_export *out, struct vdt_error *error)
{
    struct catalog *catalog = out->state;
    fputs("\n]}\n", catalog->items.file);
    return vdt_text_close(&catalog->items, error);
}

const struct vdt_export_format vdt_export_stac = {.name = "stac",
                                                  .picture = VDT_PICTURE_TIFF,
                                                  .own_picture = true,
                                                  .lists = true,
                                                  .lists_labels = true,
                                                  .begin = begin,
                                                  .begin_group = begin_group,
                                                  .sample = write_sample,
                                                  .end = end,
                                                  .clear = clear};
