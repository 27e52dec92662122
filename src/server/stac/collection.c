/* Entries and their releases as Collections. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "server/meta/times.h"
#include "server/stac/stac.h"

void vdt_stac_collection_clear(struct vdt_stac_collection *collection)
{
    vdt_entry_row_clear(&collection->row);
    json_decref(collection->info);
    free(collection->digest);
    *collection = (struct vdt_stac_collection){0};
}

/* --- finding them --------------------------------------------------------------------------- */

/* "slug" or "slug@vN". */
static bool split_id(const char *id, char slug[VDT_SLUG_SIZE + 1], int64_t *release)
{
    size_t size = strcspn(id, "@");
    *release = 0;
    if (size != VDT_SLUG_SIZE)
        return false;
    memcpy(slug, id, size);
    slug[size] = '\0';
    if (id[size] == '\0')
        return true;
    const char *digits = id + size + 2;
    size_t count = id[size + 1] == 'v' ? strspn(digits, "0123456789") : 0;
    if (count == 0 || count > 9 || digits[count] != '\0' || digits[0] == '0')
        return false;
    *release = strtol(digits, NULL, 10);
    return true;
}

static void digest_blocks(struct vdt_stac_collection *collection, const void *blocks, size_t size)
{
    unsigned char digest[32];
    struct vdt_sha256 *sha = vdt_sha256_new();
    if (sha == NULL)
        return;
    vdt_sha256_add(sha, blocks, size);
    vdt_sha256_finish(sha, digest);
    vdt_hex(digest, sizeof digest, collection->blocks_digest);
    collection->blocks_size = size;
}

static vdt_status load_version(const struct vdt_stac *stac, struct vdt_stac_collection *collection)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(stac->session,
                                       "SELECT digest, size, created, info, blocks FROM version "
                                       "WHERE entry = ?1 AND number = ?2",
                                       &rows, stac->error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, collection->row.id);
    vdt_bind_integer(rows, 2, collection->version);
    status = vdt_rows_next(rows, stac->error);
    if (status != VDT_OK)
        return status == VDT_END ? vdt_fail(stac->error, VDT_ERR_NOT_FOUND, "no such version")
                                 : status;
    const char *digest = vdt_rows_text(rows, 0), *info = vdt_rows_text(rows, 3);
    size_t size = 0;
    const void *blocks = vdt_rows_blob(rows, 4, &size);
    collection->digest = vdt_copy_string(digest == NULL ? "" : digest);
    collection->size = vdt_rows_integer(rows, 1);
    collection->created = vdt_rows_integer(rows, 2);
    collection->info = info == NULL ? NULL : json_loads(info, 0, NULL);
    digest_blocks(collection, blocks, size);
    return collection->digest == NULL ? vdt_fail_memory(stac->error, "collection") : VDT_OK;
}

static vdt_status version_of_release(const struct vdt_stac *stac, int64_t entry, int64_t release,
                                     int64_t *version)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        stac->session, "SELECT version FROM release WHERE entry = ?1 AND number = ?2", &rows,
        stac->error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, entry);
    vdt_bind_integer(rows, 2, release);
    status = vdt_rows_next(rows, stac->error);
    *version = status == VDT_OK ? vdt_rows_integer(rows, 0) : 0;
    return status == VDT_END ? VDT_OK : status;
}

vdt_status vdt_stac_find(const struct vdt_stac *stac, const char *id,
                         struct vdt_stac_collection *collection)
{
    char slug[VDT_SLUG_SIZE + 1];
    int64_t release;
    if (!split_id(id, slug, &release))
        return vdt_fail(stac->error, VDT_ERR_NOT_FOUND, "no collection %.60s", id);
    vdt_status status = vdt_entry_find(stac->session, stac->caller, slug, VDT_ACCESS_READ,
                                       &collection->row, stac->error);
    if (status != VDT_OK)
        return status == VDT_ERR_NOT_FOUND
                   ? vdt_fail(stac->error, VDT_ERR_NOT_FOUND, "no collection %.60s", id)
                   : status;
    snprintf(collection->id, sizeof collection->id, "%s", id);
    collection->release = release;
    collection->version = collection->row.head;
    if (release != 0)
        status = version_of_release(stac, collection->row.id, release, &collection->version);
    if (status == VDT_OK && collection->version == 0)
        status = vdt_fail(stac->error, VDT_ERR_NOT_FOUND, "no collection %.60s", id);
    return status == VDT_OK ? load_version(stac, collection) : status;
}

/* --- the document --------------------------------------------------------------------------- */

/* west, south, east, north: of the row for the head, of the store otherwise. */
static bool box_of(const struct vdt_stac_collection *collection, double box[4])
{
    const json_t *bounds = json_object_get(collection->info, "bounds");
    if (collection->release == 0)
        memcpy(box, collection->row.box, 4 * sizeof *box);
    for (size_t i = 0; collection->release != 0 && i < 4; i++) {
        const json_t *number = json_array_get(bounds, i);
        box[i] = json_is_number(number) ? json_number_value(number) : NAN;
    }
    return isfinite(box[0]) && isfinite(box[1]) && isfinite(box[2]) && isfinite(box[3]);
}

static json_t *time_member(const struct vdt_stac_collection *collection, const char *name)
{
    const json_t *time = json_object_get(collection->info, name);
    return json_is_integer(time) ? vdt_time_json(json_integer_value(time)) : json_null();
}

static json_t *extent_of(const struct vdt_stac_collection *collection)
{
    double box[4];
    if (!box_of(collection, box)) {
        static const double earth[4] = {-180, -90, 180, 90};
        memcpy(box, earth, sizeof box);
    }
    return json_pack("{s:{s:[[f,f,f,f]]}, s:{s:[[o,o]]}}", "spatial", "bbox", box[0], box[1],
                     box[2], box[3], "temporal", "interval", time_member(collection, "start_time"),
                     time_member(collection, "end_time"));
}

/* An SPDX identifier, or "other". */
static const char *license_of(const char *license)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-+";
    return license != NULL && *license != '\0' && strspn(license, plain) == strlen(license)
               ? license
               : "other";
}

static json_t *copy_member(const struct vdt_stac_collection *collection, const char *name)
{
    json_t *value = json_object_get(collection->info, name);
    return value == NULL ? json_array() : json_incref(value);
}

static json_t *groups_of(const struct vdt_stac_collection *collection, json_t *splits)
{
    json_t *names = json_array(), *group;
    const char *name;
    json_object_foreach(json_object_get(collection->info, "groups"), name, group)
    {
        json_array_append_new(names, json_string(name));
        if (strcmp(name, "train") == 0 || strcmp(name, "test") == 0 ||
            strcmp(name, "validate") == 0)
            json_array_append_new(splits, json_string(name));
    }
    return names;
}

static void put_list(json_t *object, const char *name, json_t *taken)
{
    if (json_array_size(taken) > 0)
        json_object_set_new(object, name, taken);
    else
        json_decref(taken);
}

static json_t *summaries_of(const struct vdt_stac_collection *collection)
{
    json_t *summaries = json_object(), *splits = json_array(), *texts = json_array();
    const json_t *text = json_object_get(json_object_get(collection->info, "tile"), "dtype");
    if (json_is_string(text))
        json_array_append_new(texts, json_deep_copy(text));
    put_list(summaries, "vt:classes", copy_member(collection, "classes"));
    put_list(summaries, "vt:tasks", copy_member(collection, "tasks"));
    put_list(summaries, "vt:sensors", copy_member(collection, "sensors"));
    put_list(summaries, "vt:group", groups_of(collection, splits));
    put_list(summaries, "ml-aoi:split", splits);
    put_list(summaries, "data_type", texts);
    return summaries;
}

static json_t *assets_of(const struct vdt_stac *stac, const struct vdt_stac_collection *collection)
{
    char store[1200], blocks[1200], manifest[1200], checksum[80];
    const char *slug = collection->row.slug;
    long long version = (long long)collection->version;
    snprintf(store, sizeof store, "%s/v1/entries/%s/versions/%lld/store.h5", stac->base, slug,
             version);
    snprintf(blocks, sizeof blocks, "%s/v1/entries/%s/versions/%lld/blocks", stac->base, slug,
             version);
    snprintf(manifest, sizeof manifest, "%s/v1/entries/%s/versions/%lld/manifest", stac->base, slug,
             version);
    snprintf(checksum, sizeof checksum, "1220%s", collection->blocks_digest);
    return json_pack(
        "{s:{s:s, s:s, s:s, s:[s,s], s:I, s:s}, s:{s:s, s:s, s:s, s:[s], s:s, s:I}, "
        "s:{s:s, s:s, s:s, s:[s]}}",
        "store", "href", store, "type", "application/x-hdf5", "title", "All samples in one file",
        "roles", "data", "archive", "file:size", (json_int_t)collection->size, "vt:digest",
        collection->digest, "blocks", "href", blocks, "type", "application/octet-stream", "title",
        "SHA-256 of every block of the store", "roles", "metadata", "file:checksum", checksum,
        "file:size", (json_int_t)collection->blocks_size, "manifest", "href", manifest, "type",
        "application/json", "title", "What `vedatile pull` reads", "roles", "metadata");
}

static json_t *item_assets(void)
{
    return json_pack("{s:{s:s, s:s, s:[s]}, s:{s:s, s:s, s:[s]}, s:{s:s, s:s, s:[s]}}", "image",
                     "title", "Pixels", "type", "image/tiff; application=geotiff", "roles", "data",
                     "preview", "title", "Picture", "type", "image/png", "roles", "thumbnail",
                     "labels", "title", "Labels", "type", VDT_STAC_GEOJSON, "roles", "labels");
}

static bool add_versions(const struct vdt_stac *stac, const struct vdt_stac_collection *collection,
                         json_t *links, int64_t last)
{
    const char *slug = collection->row.slug;
    int64_t n = collection->release;
    bool good = n == 0 || vdt_stac_link(links, "latest-version", VDT_STAC_JSON, "%s/collections/%s",
                                        stac->base, slug);
    int64_t before = n == 0 ? last : n - 1;
    if (good && before > 0)
        good = vdt_stac_link(links, "predecessor-version", VDT_STAC_JSON, "%s/collections/%s@v%lld",
                             stac->base, slug, (long long)before);
    if (good && n != 0 && n < last)
        good = vdt_stac_link(links, "successor-version", VDT_STAC_JSON, "%s/collections/%s@v%lld",
                             stac->base, slug, (long long)(n + 1));
    return good;
}

static json_t *links_of(const struct vdt_stac *stac, const struct vdt_stac_collection *collection,
                        int64_t last)
{
    json_t *links = json_array();
    const char *base = stac->base, *id = collection->id;
    bool good =
        vdt_stac_link(links, "self", VDT_STAC_JSON, "%s/collections/%s", base, id) &&
        vdt_stac_link(links, "root", VDT_STAC_JSON, "%s/", base) &&
        vdt_stac_link(links, "parent", VDT_STAC_JSON, "%s/", base) &&
        vdt_stac_link(links, "items", VDT_STAC_GEOJSON, "%s/collections/%s/items", base, id) &&
        vdt_stac_link(links, VDT_STAC_QUERYABLES, VDT_STAC_SCHEMA, "%s/collections/%s/queryables",
                      base, id) &&
        vdt_stac_link(links, "alternate", VDT_STAC_JSON, "%s/v1/entries/%s", base,
                      collection->row.slug) &&
        add_versions(stac, collection, links, last);
    if (good)
        return links;
    json_decref(links);
    return NULL;
}

static vdt_status last_release(const struct vdt_stac *stac, int64_t entry, int64_t *last)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        stac->session, "SELECT coalesce(max(number), 0) FROM release WHERE entry = ?1", &rows,
        stac->error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, entry);
    status = vdt_rows_next(rows, stac->error);
    *last = status == VDT_OK ? vdt_rows_integer(rows, 0) : 0;
    return status;
}

static vdt_status tags_of(const struct vdt_stac *stac, int64_t entry, json_t *tags)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status =
        vdt_db_prepare(stac->session, "SELECT tag FROM entry_tag WHERE entry = ?1 ORDER BY tag",
                       &rows, stac->error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, entry);
    while ((status = vdt_rows_next(rows, stac->error)) == VDT_OK)
        json_array_append_new(tags, json_string(vdt_rows_text(rows, 0)));
    return status == VDT_END ? VDT_OK : status;
}

vdt_status vdt_stac_collection_json(const struct vdt_stac *stac,
                                    const struct vdt_stac_collection *collection, json_t **document)
{
    char version[24];
    const struct vdt_entry_row *row = &collection->row;
    int64_t last;
    vdt_cleanup(vdt_json_release) json_t *tags = json_array();
    vdt_status status = last_release(stac, row->id, &last);
    if (status == VDT_OK)
        status = tags_of(stac, row->id, tags);
    if (status != VDT_OK)
        return status;
    bool head = collection->release == 0;
    snprintf(version, sizeof version, "%lld",
             (long long)(head ? collection->version : collection->release));
    const char *described =
        row->description == NULL || *row->description == '\0' ? row->name : row->description;
    json_t *made = json_pack(
        "{s:s, s:s, s:[s, s], s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:O}", "type",
        "Collection", "stac_version", "1.1.0", "stac_extensions", VDT_STAC_EXTENSION("file/v2.1.0"),
        VDT_STAC_EXTENSION("version/v1.2.0"), "id", collection->id, "title", row->name,
        "description", described, "license", license_of(row->license), "version", version, "extent",
        extent_of(collection), "summaries", summaries_of(collection), "assets",
        assets_of(stac, collection), "item_assets", item_assets(), "links",
        links_of(stac, collection, last), "vt:groups",
        json_object_get(collection->info, "groups") == NULL
            ? json_null()
            : json_object_get(collection->info, "groups"));
    if (made == NULL)
        return vdt_fail_memory(stac->error, "collection");
    if (json_array_size(tags) > 0)
        json_object_set(made, "keywords", tags);
    json_object_set_new(made, "created", vdt_time_json(head ? row->created : collection->created));
    json_object_set_new(made, "updated", vdt_time_json(head ? row->updated : collection->created));
    *document = made;
    return VDT_OK;
}
