/* Parameters of searches. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/fold.h"
#include "server/query/search.h"

enum { TEXTS_MOST = 1000, TEXT_MOST = 4096 };

static void clear_wanted(struct vdt_wanted *wanted)
{
    for (size_t i = 0; i < wanted->count; i++)
        free(wanted->texts[i]);
    free(wanted->texts);
}

void vdt_query_clear(struct vdt_query *search)
{
    struct vdt_wanted *const all[] = {&search->ids,     &search->classes, &search->tasks,
                                      &search->sensors, &search->tags,    &search->owners,
                                      &search->groups};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        clear_wanted(all[i]);
    for (size_t i = 0; i < search->collection_count; i++)
        free(search->collections[i].name);
    free(search->collections);
    free(search->q);
    free(search->token);
    free(search->filter_text);
    vdt_planar_clear(&search->shape);
    vdt_filter_free(search->filter);
    *search = (struct vdt_query){0};
}

bool vdt_query_collection(struct vdt_query *search, int64_t entry, int64_t version,
                          const char *name)
{
    char *copy = search->collection_count < VDT_SEARCH_COLLECTIONS ? vdt_copy_string(name) : NULL;
    if (copy == NULL || !vdt_grow(&search->collections, &search->collection_capacity,
                                  search->collection_count + 1, sizeof *search->collections)) {
        free(copy);
        return false;
    }
    search->collections[search->collection_count++] = (struct vdt_collection){entry, version, copy};
    return true;
}

/* --- kinds of parameters -------------------------------------------------------------------- */

static vdt_status set_text(char **text, const char *name, const char *value,
                           struct vdt_error *error)
{
    if (strlen(value) > VDT_FILTER_TEXT)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: too long", name);
    free(*text);
    *text = vdt_copy_string(value);
    return *text == NULL ? vdt_fail_memory(error, name) : VDT_OK;
}

static vdt_status add_text(struct vdt_wanted *wanted, const char *name, const char *text,
                           size_t size, struct vdt_error *error)
{
    if (size == 0)
        return VDT_OK;
    if (size > TEXT_MOST || wanted->count == TEXTS_MOST)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: too many or too long", name);
    char **grown = realloc(wanted->texts, (wanted->count + 1) * sizeof *grown);
    if (grown == NULL)
        return vdt_fail_memory(error, name);
    wanted->texts = grown;
    grown[wanted->count] = vdt_allocate_zero(size + 1, 1);
    if (grown[wanted->count] == NULL)
        return vdt_fail_memory(error, name);
    memcpy(grown[wanted->count++], text, size);
    return VDT_OK;
}

/* "a,b": an empty list finds nothing, so one that was given is remembered by its place. */
static vdt_status add_texts(struct vdt_wanted *wanted, const char *name, const char *value,
                            struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    while (status == VDT_OK && *value != '\0') {
        size_t size = strcspn(value, ",");
        status = add_text(wanted, name, value, size, error);
        value += size + (value[size] == ',');
    }
    return status;
}

static vdt_status add_json_texts(struct vdt_wanted *wanted, const char *name, const json_t *value,
                                 struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    if (json_is_string(value))
        return add_text(wanted, name, json_string_value(value), json_string_length(value), error);
    if (!json_is_array(value))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: a list of texts was expected", name);
    for (size_t i = 0; status == VDT_OK && i < json_array_size(value); i++) {
        const json_t *one = json_array_get(value, i);
        status =
            json_is_string(one)
                ? add_text(wanted, name, json_string_value(one), json_string_length(one), error)
                : vdt_fail(error, VDT_ERR_ARGUMENT, "%s: a list of texts was expected", name);
    }
    return status;
}

static struct vdt_wanted *wanted_of(struct vdt_query *search, const char *name)
{
    const struct {
        const char *name;
        struct vdt_wanted *wanted;
        int of; /* what it is asked of; -1: both */
    } all[] = {{"ids", &search->ids, -1},
               {"class", &search->classes, -1},
               {"task", &search->tasks, VDT_SEARCH_ENTRIES},
               {"sensor", &search->sensors, VDT_SEARCH_ENTRIES},
               {"tag", &search->tags, VDT_SEARCH_ENTRIES},
               {"owner", &search->owners, VDT_SEARCH_ENTRIES},
               {"group", &search->groups, VDT_SEARCH_SAMPLES}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (strcmp(all[i].name, name) == 0 && (all[i].of < 0 || all[i].of == (int)search->of))
            return all[i].wanted;
    return NULL;
}

static vdt_status set_box(struct vdt_query *search, const double *numbers, size_t count,
                          struct vdt_error *error)
{
    vdt_planar_clear(&search->shape);
    search->boxes++;
    return vdt_box_shape(numbers, count, &search->shape, error);
}

/* JSON's numbers, so that no locale has a say. */
static vdt_status box_parameter(struct vdt_query *search, const char *value,
                                struct vdt_error *error)
{
    double numbers[6];
    size_t count = 0;
    while (count < 6) {
        size_t size = strcspn(value, ",");
        const char *start = value + strspn(value, " +");
        json_t *number = start > value + size
                             ? NULL
                             : json_loadb(start, size - (size_t)(start - value),
                                          JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, NULL);
        bool good = json_is_number(number);
        numbers[count++] = json_number_value(number);
        json_decref(number);
        if (!good)
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "bbox: west,south,east,north in degrees was expected");
        value += size;
        if (*value == '\0')
            return set_box(search, numbers, count, error);
        value++;
    }
    return vdt_fail(error, VDT_ERR_ARGUMENT, "bbox: west,south,east,north in degrees was expected");
}

static vdt_status box_member(struct vdt_query *search, const json_t *value, struct vdt_error *error)
{
    double numbers[7] = {0};
    size_t count = json_array_size(value);
    for (size_t i = 0; i < count && i < 7; i++) {
        if (!json_is_number(json_array_get(value, i)))
            return vdt_fail(error, VDT_ERR_ARGUMENT, "bbox: a list of numbers was expected");
        numbers[i] = json_number_value(json_array_get(value, i));
    }
    return set_box(search, numbers, count, error);
}

static vdt_status intersects_member(struct vdt_query *search, const json_t *value,
                                    struct vdt_error *error)
{
    size_t vertices = 0;
    vdt_planar_clear(&search->shape);
    search->boxes++;
    return vdt_json_shape(value, &vertices, &search->shape, error);
}

static vdt_status intersects_parameter(struct vdt_query *search, const char *value,
                                       struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *json = NULL;
    struct vdt_error local;
    if (vdt_json_parse(value, "intersects", &json, &local) != VDT_OK)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s", local.message);
    return intersects_member(search, json, error);
}

static vdt_status set_limit(struct vdt_query *search, double limit, struct vdt_error *error)
{
    if (!(limit >= 1 && limit <= 1e15) || limit != floor(limit))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "limit: a whole number from 1 was expected");
    search->limit = limit > VDT_SEARCH_MOST ? VDT_SEARCH_MOST : (int64_t)limit;
    return VDT_OK;
}

static vdt_status limit_parameter(struct vdt_query *search, const char *value,
                                  struct vdt_error *error)
{
    double limit = 0;
    size_t size = strlen(value);
    for (size_t i = 0; i < size && limit >= 0; i++)
        limit =
            value[i] >= '0' && value[i] <= '9' && size <= 15 ? limit * 10 + (value[i] - '0') : -1;
    return set_limit(search, limit, error);
}

static vdt_status add_sort(struct vdt_query *search, const char *name, bool down,
                           struct vdt_error *error)
{
    const struct vdt_queryables *all =
        search->of == VDT_SEARCH_ENTRIES ? &vdt_entry_queryables : &vdt_sample_queryables;
    const struct vdt_queryable *key = vdt_queryable_find(all, name);
    if (key == NULL || !key->sortable) {
        char names[300] = "";
        for (const struct vdt_queryable *one = all->list; one->name != NULL; one++)
            if (one->sortable && strlen(names) + strlen(one->name) + 3 < sizeof names) {
                strcat(names, names[0] == '\0' ? "" : ", ");
                strcat(names, one->name);
            }
        return vdt_fail(error, VDT_ERR_ARGUMENT, "sortby: not by %.100s; by %s", name, names);
    }
    if (search->sort_count == VDT_SEARCH_SORTS)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "sortby: by %d at most", VDT_SEARCH_SORTS);
    search->sorts[search->sort_count++] = (struct vdt_sort){key, down};
    return VDT_OK;
}

/* "-datetime,+id"; a plus may have become a space. */
static vdt_status sort_parameter(struct vdt_query *search, const char *value,
                                 struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    search->sort_count = 0;
    while (status == VDT_OK && *value != '\0') {
        char name[128] = "";
        size_t size = strcspn(value, ",");
        bool down = *value == '-', sign = down || *value == '+' || *value == ' ';
        snprintf(name, sizeof name, "%.*s", (int)(size - sign), value + sign);
        status = add_sort(search, name, down, error);
        value += size + (value[size] == ',');
    }
    return status;
}

static vdt_status sort_member(struct vdt_query *search, const json_t *value,
                              struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    search->sort_count = 0;
    if (!json_is_array(value))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "sortby: a list of {\"field\", \"direction\"} was expected");
    for (size_t i = 0; status == VDT_OK && i < json_array_size(value); i++) {
        const json_t *one = json_array_get(value, i);
        const char *field = json_string_value(json_object_get(one, "field"));
        const json_t *direction = json_object_get(one, "direction");
        const char *word = direction == NULL ? "asc" : json_string_value(direction);
        if (field == NULL || word == NULL ||
            (strcasecmp(word, "asc") != 0 && strcasecmp(word, "desc") != 0))
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "sortby: a field, and asc or desc, were expected");
        status = add_sort(search, field, strcasecmp(word, "desc") == 0, error);
    }
    return status;
}

static vdt_status set_language(struct vdt_query *search, const char *value, struct vdt_error *error)
{
    bool json = strcmp(value, "cql2-json") == 0;
    if (!json && strcmp(value, "cql2-text") != 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "filter-lang: %.40s is none; there are cql2-text and cql2-json", value);
    search->filter_json = json;
    return VDT_OK;
}

static vdt_status check_crs(const char *value, struct vdt_error *error)
{
    return strcmp(value, "http://www.opengis.net/def/crs/OGC/1.3/CRS84") == 0
               ? VDT_OK
               : vdt_fail(error, VDT_ERR_ARGUMENT,
                          "filter-crs: only http://www.opengis.net/def/crs/OGC/1.3/CRS84");
}

static vdt_status set_truth(bool *truth, const char *name, const char *value,
                            struct vdt_error *error)
{
    *truth = strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
    return *truth || strcmp(value, "false") == 0 || strcmp(value, "0") == 0
               ? VDT_OK
               : vdt_fail(error, VDT_ERR_ARGUMENT, "%s: true or false was expected", name);
}

static vdt_status set_time(struct vdt_query *search, const char *value, struct vdt_error *error)
{
    search->timed = true;
    return vdt_interval_parse(value, &search->time, error);
}

/* --- by name -------------------------------------------------------------------------------- */

vdt_status vdt_query_parameter(struct vdt_query *search, const char *name, const char *value,
                               bool *known, struct vdt_error *error)
{
    *known = true;
    if (wanted_of(search, name) != NULL)
        return add_texts(wanted_of(search, name), name, value, error);
    if (strcmp(name, "q") == 0 && search->of == VDT_SEARCH_ENTRIES)
        return set_text(&search->q, name, value, error);
    if (strcmp(name, "token") == 0)
        return set_text(&search->token, name, value, error);
    if (strcmp(name, "filter") == 0)
        return set_text(&search->filter_text, name, value, error);
    if (strcmp(name, "filter-lang") == 0)
        return set_language(search, value, error);
    if (strcmp(name, "filter-crs") == 0)
        return check_crs(value, error);
    if (strcmp(name, "bbox") == 0)
        return box_parameter(search, value, error);
    if (strcmp(name, "intersects") == 0)
        return intersects_parameter(search, value, error);
    if (strcmp(name, "datetime") == 0)
        return set_time(search, value, error);
    if (strcmp(name, "limit") == 0)
        return limit_parameter(search, value, error);
    if (strcmp(name, "sortby") == 0)
        return sort_parameter(search, value, error);
    if (strcmp(name, "deleted") == 0 && search->of == VDT_SEARCH_ENTRIES)
        return set_truth(&search->bin, name, value, error);
    *known = false;
    return VDT_OK;
}

static vdt_status filter_member(struct vdt_query *search, const json_t *value,
                                struct vdt_error *error)
{
    if (json_is_string(value))
        return set_text(&search->filter_text, "filter", json_string_value(value), error);
    vdt_filter_free(search->filter);
    search->filter = NULL;
    return vdt_filter_parse_json(value, &search->filter, error);
}

vdt_status vdt_query_member(struct vdt_query *search, const char *name, const json_t *value,
                            bool *known, struct vdt_error *error)
{
    *known = true;
    if (wanted_of(search, name) != NULL)
        return add_json_texts(wanted_of(search, name), name, value, error);
    if (strcmp(name, "bbox") == 0)
        return box_member(search, value, error);
    if (strcmp(name, "intersects") == 0)
        return intersects_member(search, value, error);
    if (strcmp(name, "sortby") == 0)
        return sort_member(search, value, error);
    if (strcmp(name, "filter") == 0)
        return filter_member(search, value, error);
    if (strcmp(name, "limit") == 0)
        return set_limit(search, json_is_number(value) ? json_number_value(value) : -1, error);
    if (json_is_string(value))
        return vdt_query_parameter(search, name, json_string_value(value), known, error);
    static const char *const others[] = {"q", "token", "filter-lang", "filter-crs", "datetime"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (strcmp(name, others[i]) == 0)
            return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: a text was expected", name);
    *known = false;
    return VDT_OK;
}

vdt_status vdt_query_ready(struct vdt_query *search, struct vdt_error *error)
{
    if (search->boxes > 1)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "bbox and intersects: give one of them");
    if (search->filter_text == NULL)
        return VDT_OK;
    if (!search->filter_json)
        return vdt_filter_parse_text(search->filter_text, &search->filter, error);
    vdt_cleanup(vdt_json_release) json_t *json = NULL;
    struct vdt_error local;
    if (vdt_json_parse(search->filter_text, "filter", &json, &local) != VDT_OK)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s", local.message);
    return vdt_filter_parse_json(json, &search->filter, error);
}
