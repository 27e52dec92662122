/* /v1/entries/{id}/samples and /stats: documents of samples, made of their rows. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "catalog/http.h"
#include "server/api/answer.h"
#include "server/api/pictures.h"
#include "server/api/routes.h"
#include "server/api/versions.h"
#include "server/meta/samples.h"
#include "server/meta/times.h"
#include "server/query/time.h"
#include "store/layout.h"

/* --- one sample --------------------------------------------------------------------------- */

static bool has_array(const struct vdt_sample_row *row, uint32_t array)
{
    for (size_t i = 0; i < row->place_count; i++)
        if (row->places[i].array == array)
            return true;
    return false;
}

struct page {
    const char *base, *slug;
    char version[32]; /* "?version=3" where the request named one */
    json_t *samples;
    uint64_t limit, count;
    char group[64]; /* of the last one */
    int64_t position;
};

static bool add_link(json_t *links, const struct page *page, const char *key, const char *name,
                     const char *file, const char *type)
{
    json_t *href = json_sprintf("%s/v1/entries/%s/samples/%s%s%s", page->base, page->slug, key,
                                file, page->version);
    json_t *link = json_pack("{s:o}", "href", href);
    if (link == NULL)
        return false;
    if (type != NULL)
        json_object_set_new(link, "type", json_string(type));
    return json_object_set_new(links, name, link) == 0;
}

static json_t *links_json(const struct page *page, const struct vdt_sample_row *row)
{
    json_t *links = json_object();
    vdt_cleanup(vdt_free_pointer) char *key = vdt_url_escape(row->key);
    if (key == NULL)
        return links;
    add_link(links, page, key, "self", "", NULL);
    add_link(links, page, key, "image", "/image.tif", "image/tiff; application=geotiff");
    add_link(links, page, key, "thumbnail", "/image.png", "image/png");
    add_link(links, page, key, "labels", "/labels.json", "application/geo+json");
    if (has_array(row, VDT_MASK))
        add_link(links, page, key, "mask", "/mask.png", "image/png");
    json_object_set_new(
        links, "entry",
        json_pack("{s:o}", "href", json_sprintf("%s/v1/entries/%s", page->base, page->slug)));
    return links;
}

static json_t *numbers(const double *values, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i])) {
            json_decref(array);
            return json_null();
        }
        json_array_append_new(array, json_real(values[i]));
    }
    return array;
}

static json_t *parsed(const char *text)
{
    json_t *value = text == NULL ? NULL : json_loads(text, 0, NULL);
    return value == NULL ? json_null() : value;
}

static json_t *sample_json(const struct page *page, const struct vdt_sample_row *row)
{
    char image[9], labels[9];
    snprintf(image, sizeof image, "%08x", (unsigned)row->image_crc);
    snprintf(labels, sizeof labels, "%08x", (unsigned)row->label_crc);
    return json_pack(
        "{s:s, s:s, s:I, s:I, s:o, s:o, s:s, s:s, s:[i,i,i,i], s:o, s:I, s:o, s:s, s:s, s:o, s:o, "
        "s:o}",
        "key", row->key, "group", row->group, "position", (json_int_t)row->position, "since",
        (json_int_t)row->since, "bbox", numbers(row->bounds, 4), "datetime",
        row->has_time ? vdt_time_json(row->time) : json_null(), "scene", row->scene, "crs",
        row->crs, "window", (int)row->window.col, (int)row->window.row, (int)row->window.cols,
        (int)row->window.rows, "geotransform",
        row->placed ? numbers(row->geotransform, 6) : json_null(), "boxes", (json_int_t)row->boxes,
        "classes", parsed(row->classes), "image_crc32c", image, "label_crc32c", labels,
        "valid_fraction",
        isfinite(row->valid_fraction) ? json_real(row->valid_fraction) : json_null(), "metadata",
        parsed(row->metadata), "links", links_json(page, row));
}

static void begin_page(struct vdt_request *request, const struct vdt_asked *asked,
                       struct page *page)
{
    *page = (struct page){.base = vdt_request_base(request), .slug = asked->entry.slug};
    if (asked->pinned)
        snprintf(page->version, sizeof page->version, "?version=%lld", (long long)asked->version);
}

static vdt_status get_sample(struct vdt_request *request, struct vdt_session *session,
                             struct vdt_answer *answer, struct vdt_error *error)
{
    struct page page;
    vdt_cleanup(vdt_asked_clear) struct vdt_asked asked = {0};
    vdt_cleanup(vdt_sample_row_clear) struct vdt_sample_row row = {0};
    vdt_status status = vdt_asked_find(request, session, &asked, error);
    if (status == VDT_OK)
        status = vdt_sample_find(session, asked.entry.id, asked.version,
                                 vdt_request_path(request, "key"), &row, error);
    if (status != VDT_OK)
        return status;
    begin_page(request, &asked, &page);
    answer->json = sample_json(&page, &row);
    return answer->json == NULL ? vdt_fail_memory(error, "sample") : VDT_OK;
}

static void handle_sample(struct vdt_request *request)
{
    vdt_api_run(request, VDT_DB_READ, get_sample);
}

/* --- lists -------------------------------------------------------------------------------- */

/* One more than the page has tells that there is another page. */
static bool add_sample(void *payload, const struct vdt_sample_row *row)
{
    struct page *page = payload;
    if (page->count++ == page->limit)
        return false;
    json_array_append_new(page->samples, sample_json(page, row));
    snprintf(page->group, sizeof page->group, "%s", row->group);
    page->position = row->position;
    return true;
}

static vdt_status read_bbox(const char *text, double bbox[4], struct vdt_error *error)
{
    double values[6];
    int count = 0, used = 0;
    for (const char *at = text; count < 6 && sscanf(at, "%lf%n", &values[count], &used) == 1;) {
        count++;
        at += used;
        if (*at == '\0')
            text = at;
        if (*at != ',')
            break;
        at++;
    }
    bool good = *text == '\0' && (count == 4 || count == 6);
    for (int i = 0; good && i < count; i++)
        good = isfinite(values[i]);
    for (int i = 0; good && i < 4; i++)
        bbox[i] = values[count == 6 && i > 1 ? i + 1 : i];
    if (!good || bbox[1] > bbox[3] || fabs(bbox[0]) > 180 || fabs(bbox[2]) > 180)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "bbox: four numbers: west,south,east,north in degrees");
    return VDT_OK;
}

static vdt_status read_filters(struct vdt_request *request, struct vdt_samples_query *query,
                               double bbox[4], struct vdt_error *error)
{
    struct vdt_interval interval;
    const char *box = vdt_request_query(request, "bbox");
    const char *time = vdt_request_query(request, "datetime");
    vdt_status status = VDT_OK;
    query->group = vdt_request_query(request, "group");
    query->class_name = vdt_request_query(request, "class");
    if (box != NULL) {
        status = read_bbox(box, bbox, error);
        query->bbox = bbox;
    }
    if (status == VDT_OK && time != NULL) {
        status = vdt_interval_parse(time, &interval, error);
        query->has_from = query->has_to = true;
        query->from = interval.start;
        query->to = interval.end;
    }
    return status;
}

/* What the next page repeats of the query. */
static bool repeat_filters(struct vdt_request *request, const struct vdt_asked *asked,
                           struct vdt_buffer *query)
{
    static const char *const names[] = {"group", "class", "bbox", "datetime"};
    char version[48];
    bool good = true;
    for (size_t i = 0; good && i < sizeof names / sizeof *names; i++) {
        const char *value = vdt_request_query(request, names[i]);
        vdt_cleanup(vdt_free_pointer) char *escaped = value == NULL ? NULL : vdt_url_escape(value);
        if (value != NULL)
            good = escaped != NULL && vdt_buffer_append(query, names[i], strlen(names[i])) &&
                   vdt_buffer_append(query, "=", 1) &&
                   vdt_buffer_append(query, escaped, strlen(escaped)) &&
                   vdt_buffer_append(query, "&", 1);
    }
    /* All pages are of one version, whatever becomes of the head meanwhile. */
    snprintf(version, sizeof version, "version=%lld&", (long long)asked->version);
    return good && vdt_buffer_append(query, version, strlen(version) + 1);
}

/* A list is one of an entry, a version and filters. */
static char *list_name(const struct vdt_asked *asked, const struct vdt_buffer *filters)
{
    size_t size = filters->size + sizeof asked->entry.slug + 16;
    char *name = vdt_allocate(size, 1);
    if (name != NULL)
        snprintf(name, size, "samples/%s?%s", asked->entry.slug, (const char *)filters->data);
    return name;
}

static vdt_status start_after(const json_t *after, struct vdt_samples_query *query,
                              struct vdt_error *error)
{
    const json_t *position = json_array_get(after, 1);
    query->after_group = json_string_value(json_array_get(after, 0));
    query->after_position = json_integer_value(position);
    return query->after_group != NULL && json_is_integer(position)
               ? VDT_OK
               : vdt_fail(error, VDT_ERR_ARGUMENT, "token: not one of this list");
}

static vdt_status list_samples(struct vdt_request *request, struct vdt_session *session,
                               struct vdt_answer *answer, struct vdt_error *error)
{
    double bbox[4];
    int limit = 0;
    struct page page;
    struct vdt_samples_query query = {0};
    vdt_cleanup(vdt_asked_clear) struct vdt_asked asked = {0};
    vdt_cleanup(vdt_json_release) json_t *after = NULL;
    vdt_cleanup(vdt_buffer_clear) struct vdt_buffer repeated = {0};
    vdt_cleanup(vdt_free_pointer) char *list = NULL;
    vdt_status status = vdt_asked_find(request, session, &asked, error);
    if (status == VDT_OK)
        status = read_filters(request, &query, bbox, error);
    if (status == VDT_OK && (!repeat_filters(request, &asked, &repeated) ||
                             (list = list_name(&asked, &repeated)) == NULL))
        status = vdt_fail_memory(error, "samples");
    if (status == VDT_OK)
        status = vdt_api_page(request, list, &limit, &after, error);
    if (status == VDT_OK && after != NULL)
        status = start_after(after, &query, error);
    if (status != VDT_OK)
        return status;
    begin_page(request, &asked, &page);
    page.samples = json_array();
    page.limit = (uint64_t)limit;
    query.entry = asked.entry.id;
    query.version = asked.version;
    query.limit = page.limit + 1;
    status = vdt_samples_list(session, &query, add_sample, &page, error);
    if (status != VDT_OK) {
        json_decref(page.samples);
        return status;
    }
    json_t *next = page.count <= page.limit
                       ? NULL
                       : json_pack("[s, I]", page.group, (json_int_t)page.position);
    return vdt_api_answer_page(request, list, "samples", page.samples, next, limit,
                               (const char *)repeated.data, answer, error);
}

static void handle_list(struct vdt_request *request)
{
    vdt_api_run(request, VDT_DB_READ, list_samples);
}

/* --- statistics --------------------------------------------------------------------------- */

static vdt_status get_stats(struct vdt_request *request, struct vdt_session *session,
                            struct vdt_answer *answer, struct vdt_error *error)
{
    vdt_cleanup(vdt_asked_clear) struct vdt_asked asked = {0};
    vdt_cleanup(vdt_json_release) json_t *info = NULL;
    vdt_status status = vdt_asked_find(request, session, &asked, error);
    if (status == VDT_OK)
        status = vdt_asked_info(session, &asked, &info, error);
    if (status != VDT_OK)
        return status;
    json_t *stats = json_object_get(info, "stats");
    if (!json_is_object(stats))
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "this version has no statistics");
    answer->json = json_incref(stats);
    json_object_set_new(stats, "version", json_integer((json_int_t)asked.version));
    json_object_set(stats, "group_bands", json_object_get(info, "group_bands"));
    return VDT_OK;
}

static void handle_stats(struct vdt_request *request)
{
    vdt_api_run(request, VDT_DB_READ, get_stats);
}

/* --- routes ------------------------------------------------------------------------------- */

#define SAMPLES "/v1/entries/{id}/samples"

const struct vdt_route vdt_sample_routes[] = {
    {.method = "GET", .pattern = SAMPLES, .flags = VDT_ROUTE_ANYONE, .handle = handle_list},
    {.method = "GET",
     .pattern = SAMPLES "/{key}",
     .flags = VDT_ROUTE_ANYONE,
     .handle = handle_sample},
    {.method = "GET",
     .pattern = SAMPLES "/{key}/image.png",
     .flags = VDT_ROUTE_ANYONE,
     .handle = vdt_handle_image_png},
    {.method = "GET",
     .pattern = SAMPLES "/{key}/image.tif",
     .flags = VDT_ROUTE_ANYONE,
     .handle = vdt_handle_image_tif},
    {.method = "GET",
     .pattern = SAMPLES "/{key}/mask.png",
     .flags = VDT_ROUTE_ANYONE,
     .handle = vdt_handle_mask_png},
    {.method = "GET",
     .pattern = SAMPLES "/{key}/labels.json",
     .flags = VDT_ROUTE_ANYONE,
     .handle = vdt_handle_labels_json},
    {.method = "GET",
     .pattern = "/v1/entries/{id}/stats",
     .flags = VDT_ROUTE_ANYONE,
     .handle = handle_stats},
    {0},
};
