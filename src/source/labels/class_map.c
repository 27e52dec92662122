/* Class maps: rules that make classes of features' fields. */
#include "source/labels/class_map.h"

#include <cpl_conv.h>
#include <cpl_string.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "source/labels/labels_state.h"

enum { MOST_RULES = 10000 };

struct rule {
    int class_number; /* or VDT_CLASS_MAP_LEFT_OUT, VDT_CLASS_MAP_IGNORED */
    uint32_t field;
    struct vdt_values values; /* of a rule of values */
    bool is_range, is_condition;
    double low, high; /* low <= value < high */
    size_t condition; /* the number of its condition */
};

struct vdt_class_map {
    json_t *json;
    struct rule *rules;
    size_t rule_count;
    int otherwise; /* what is none of the rules' */
    struct vdt_values fields, classes;
    const char **conditions; /* borrowed from json */
    size_t *condition_rules;
    size_t condition_count;
};

/* While a file is read: where in it. */
struct place {
    const char *path, *class_field;
    size_t rule;
    struct vdt_error *error;
};

static void free_map(struct vdt_class_map **map)
{
    vdt_class_map_free(*map);
}

void vdt_class_map_free(struct vdt_class_map *map)
{
    if (map == NULL)
        return;
    for (size_t i = 0; i < map->rule_count; i++)
        vdt_values_clear(&map->rules[i].values);
    vdt_values_clear(&map->fields);
    vdt_values_clear(&map->classes);
    json_decref(map->json);
    free(map->conditions);
    free(map->condition_rules);
    free(map->rules);
    free(map);
}

/* --- reading ----------------------------------------------------------------------------- */

static vdt_status fail_rule(const struct place *place, const char *member, const char *what)
{
    return vdt_fail(place->error, VDT_ERR_FORMAT, "%s: rules[%zu]%s%s: %s", place->path,
                    place->rule, member[0] == '\0' ? "" : ".", member, what);
}

static vdt_status fail_memory(const struct place *place)
{
    return vdt_fail_memory(place->error, place->path);
}

/* A value of the file as it would be read from a label file. */
static bool value_text(const json_t *value, char number[64], const char **text)
{
    *text = number;
    if (json_is_string(value))
        *text = json_string_value(value);
    else if (json_is_integer(value))
        snprintf(number, 64, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        vdt_label_number_text(json_real_value(value), number, 64);
    else if (json_is_boolean(value))
        *text = json_is_true(value) ? "1" : "0";
    else if (json_is_null(value))
        *text = VDT_NO_VALUE;
    else
        return false;
    return true;
}

static vdt_status read_values(const struct place *place, struct rule *rule, const json_t *list)
{
    if (!json_is_array(list) || json_array_size(list) == 0)
        return fail_rule(place, "values", "not a list of values: write [\"a\", \"b\"]");
    for (size_t i = 0; i < json_array_size(list); i++) {
        char number[64], member[32];
        const char *text;
        uint32_t added;
        snprintf(member, sizeof member, "values[%zu]", i);
        if (!value_text(json_array_get(list, i), number, &text))
            return fail_rule(place, member, "neither text, number, true, false nor null");
        if (!vdt_values_add(&rule->values, text, &added))
            return fail_memory(place);
    }
    return VDT_OK;
}

static vdt_status read_range(const struct place *place, struct rule *rule, const json_t *range)
{
    const json_t *low = json_array_get(range, 0), *high = json_array_get(range, 1);
    if (json_array_size(range) != 2 || !(json_is_number(low) || json_is_null(low)) ||
        !(json_is_number(high) || json_is_null(high)))
        return fail_rule(place, "range", "not two numbers: write [10, 20], null for no limit");
    rule->is_range = true;
    rule->low = json_is_null(low) ? -INFINITY : json_number_value(low);
    rule->high = json_is_null(high) ? INFINITY : json_number_value(high);
    return rule->low < rule->high ? VDT_OK
                                  : fail_rule(place, "range", "its low end is not below its high");
}

static vdt_status read_condition(struct vdt_class_map *map, const struct place *place,
                                 struct rule *rule, const json_t *where)
{
    if (!json_is_string(where) || json_string_length(where) == 0)
        return fail_rule(place, "where", "not a condition: write \"height > 3\"");
    rule->is_condition = true;
    rule->condition = map->condition_count;
    map->conditions[map->condition_count] = json_string_value(where);
    map->condition_rules[map->condition_count++] = place->rule;
    return VDT_OK;
}

static vdt_status read_field(struct vdt_class_map *map, const struct place *place,
                             struct rule *rule, const json_t *field)
{
    const char *name = field == NULL ? place->class_field : json_string_value(field);
    if (field != NULL && rule->is_condition)
        return fail_rule(place, "field", "\"where\" names fields itself: remove it");
    if (rule->is_condition)
        return VDT_OK;
    if (name == NULL && field != NULL)
        return fail_rule(place, "field", "not the name of a field");
    if (name == NULL)
        return fail_rule(place, "", "no field: name one here, \"field\", or with --class-field");
    return vdt_values_add(&map->fields, name, &rule->field) ? VDT_OK : fail_memory(place);
}

static vdt_status read_class(struct vdt_class_map *map, const struct place *place,
                             const json_t *object, int *number)
{
    const json_t *class = json_object_get(object, "class"),
                 *ignore = json_object_get(object, "ignore");
    uint32_t added;
    *number = ignore == NULL ? VDT_CLASS_MAP_LEFT_OUT : VDT_CLASS_MAP_IGNORED;
    if (ignore != NULL && !json_is_true(ignore))
        return fail_rule(place, "ignore", "only true says something");
    if ((class == NULL) == (ignore == NULL))
        return fail_rule(place, "", "it needs either \"class\" or \"ignore\"");
    if (ignore != NULL || json_is_null(class))
        return VDT_OK;
    if (!json_is_string(class) || json_string_length(class) == 0)
        return fail_rule(place, "class", "neither a name nor null");
    if (!vdt_values_add(&map->classes, json_string_value(class), &added))
        return fail_memory(place);
    *number = (int)added;
    return VDT_OK;
}

static vdt_status check_members(const struct place *place, json_t *object)
{
    static const char *const known[] = {"class", "ignore", "field", "values", "range", "where"};
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        bool found = false;
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
            found = found || strcmp(known[i], name) == 0;
        if (!found)
            return fail_rule(place, name, "a rule has no such member");
    }
    return VDT_OK;
}

static vdt_status read_rule(struct vdt_class_map *map, const struct place *place, json_t *object)
{
    struct rule *rule = &map->rules[map->rule_count++];
    if (!json_is_object(object))
        return fail_rule(place, "", "not an object");
    const json_t *values = json_object_get(object, "values");
    const json_t *range = json_object_get(object, "range");
    const json_t *where = json_object_get(object, "where");
    vdt_status status = check_members(place, object);
    if (status == VDT_OK && (values != NULL) + (range != NULL) + (where != NULL) != 1)
        status = fail_rule(place, "", "it needs one of \"values\", \"range\" and \"where\"");
    if (status == VDT_OK)
        status = read_class(map, place, object, &rule->class_number);
    if (status == VDT_OK && values != NULL)
        status = read_values(place, rule, values);
    if (status == VDT_OK && range != NULL)
        status = read_range(place, rule, range);
    if (status == VDT_OK && where != NULL)
        status = read_condition(map, place, rule, where);
    return status != VDT_OK ? status
                            : read_field(map, place, rule, json_object_get(object, "field"));
}

static vdt_status read_default(struct vdt_class_map *map, const struct place *place)
{
    const json_t *otherwise = json_object_get(map->json, "default");
    uint32_t added;
    map->otherwise = otherwise == NULL ? VDT_CLASS_MAP_NO_RULE : VDT_CLASS_MAP_LEFT_OUT;
    if (otherwise == NULL || json_is_null(otherwise))
        return VDT_OK;
    if (!json_is_string(otherwise) || json_string_length(otherwise) == 0)
        return vdt_fail(place->error, VDT_ERR_FORMAT,
                        "%s: default: neither the name of a class nor null", place->path);
    if (!vdt_values_add(&map->classes, json_string_value(otherwise), &added))
        return fail_memory(place);
    map->otherwise = (int)added;
    return VDT_OK;
}

static vdt_status read_rules(struct vdt_class_map *map, struct place *place)
{
    const json_t *rules = json_object_get(map->json, "rules");
    size_t count = json_array_size(rules);
    if (!json_is_array(rules) || count == 0 || count > MOST_RULES)
        return vdt_fail(place->error, VDT_ERR_FORMAT,
                        "%s: rules: not a list of 1 to %d rules: see docs/class-maps.md",
                        place->path, MOST_RULES);
    const char *name;
    json_t *value;
    json_object_foreach(map->json, name, value)
    {
        if (strcmp(name, "rules") != 0 && strcmp(name, "default") != 0)
            return vdt_fail(place->error, VDT_ERR_FORMAT,
                            "%s: %s: a class map has \"rules\" and \"default\" only", place->path,
                            name);
    }
    map->rules = vdt_allocate_zero(count, sizeof *map->rules);
    map->conditions = vdt_allocate_zero(count, sizeof *map->conditions);
    map->condition_rules = vdt_allocate_zero(count, sizeof *map->condition_rules);
    if (map->rules == NULL || map->conditions == NULL || map->condition_rules == NULL)
        return fail_memory(place);
    vdt_status status = VDT_OK;
    for (place->rule = 0; place->rule < count && status == VDT_OK; place->rule++)
        status = read_rule(map, place, json_array_get(rules, place->rule));
    return status == VDT_OK ? read_default(map, place) : status;
}

vdt_status vdt_class_map_read(const char *path, const char *class_field, struct vdt_class_map **map,
                              struct vdt_error *error)
{
    json_error_t where;
    struct place place = {.path = path, .class_field = class_field, .error = error};
    vdt_status status = vdt_check_exists(path, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(free_map) struct vdt_class_map *read = vdt_allocate_zero(1, sizeof *read);
    if (read == NULL)
        return fail_memory(&place);
    read->json = json_load_file(path, JSON_REJECT_DUPLICATES, &where);
    if (read->json == NULL)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: line %d column %d: %s", path, where.line,
                        where.column, where.text);
    status = read_rules(read, &place);
    if (status != VDT_OK)
        return status;
    *map = read;
    read = NULL;
    return VDT_OK;
}

/* A whole number, and what follows it. */
static bool read_whole(const char **text, long long *number)
{
    char *end;
    const char *digits = **text == '-' ? *text + 1 : *text;
    if (*digits < '0' || *digits > '9')
        return false;
    *number = strtoll(*text, &end, 10);
    *text = end;
    return *number > -(1LL << 53) && *number < 1LL << 53;
}

/* "1=water" or "10-19=crop" as a rule of a file; NULL when it is neither. */
static json_t *rule_of(const char *item)
{
    long long low, high;
    bool good = read_whole(&item, &low), range = good && *item == '-';
    high = low;
    if (range) {
        item++;
        good = read_whole(&item, &high) && high >= low;
    }
    if (!good || *item != '=' || item[1] == '\0')
        return NULL;
    json_t *rule = range ? json_pack("{s:[I,I]}", "range", (json_int_t)low, (json_int_t)high + 1)
                         : json_pack("{s:[I]}", "values", (json_int_t)low);
    item++;
    if (strcmp(item, "ignore") == 0)
        json_object_set_new(rule, "ignore", json_true());
    else
        json_object_set_new(rule, "class",
                            strcmp(item, "background") == 0 ? json_null() : json_string(item));
    return rule;
}

vdt_status vdt_class_map_parse(const char *const *texts, size_t count, struct vdt_class_map **map,
                               struct vdt_error *error)
{
    struct place place = {.path = "label values", .class_field = VDT_PIXEL_VALUE, .error = error};
    vdt_cleanup(free_map) struct vdt_class_map *read = vdt_allocate_zero(1, sizeof *read);
    json_t *rules = json_array();
    if (read == NULL || (read->json = json_pack("{s:o}", "rules", rules)) == NULL)
        return fail_memory(&place);
    for (size_t i = 0; i < count; i++) {
        json_t *rule = rule_of(texts[i]);
        if (rule == NULL)
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "label values: '%.60s': write VALUE=CLASS or LOW-HIGH=CLASS, with "
                            "whole numbers; a class map's file is for --label-map",
                            texts[i]);
        json_array_append_new(rules, rule);
    }
    vdt_status status = read_rules(read, &place);
    if (status != VDT_OK)
        return status;
    *map = read;
    read = NULL;
    return VDT_OK;
}

/* --- asking ------------------------------------------------------------------------------ */

char *vdt_class_map_text(const struct vdt_class_map *map)
{
    return vdt_json_text(map->json);
}

size_t vdt_class_map_field_count(const struct vdt_class_map *map)
{
    return map->fields.count;
}

const char *vdt_class_map_field(const struct vdt_class_map *map, size_t field)
{
    return map->fields.texts[field];
}

size_t vdt_class_map_condition_count(const struct vdt_class_map *map)
{
    return map->condition_count;
}

const char *vdt_class_map_condition(const struct vdt_class_map *map, size_t condition)
{
    return map->conditions[condition];
}

void vdt_class_map_place(const struct vdt_class_map *map, size_t condition, char *text, size_t size)
{
    snprintf(text, size, "rules[%zu].where", map->condition_rules[condition]);
}

size_t vdt_class_map_class_count(const struct vdt_class_map *map)
{
    return map->classes.count;
}

const char *vdt_class_map_class(const struct vdt_class_map *map, size_t number)
{
    return map->classes.texts[number];
}

static bool in_range(const struct rule *rule, const char *text)
{
    char *end;
    double value = CPLStrtod(text, &end);
    return end != text && *end == '\0' && rule->low <= value && value < rule->high;
}

static bool fits(const struct rule *rule, const char *const *values, const bool *holds)
{
    uint32_t found;
    if (rule->is_condition)
        return holds[rule->condition];
    const char *value = values[rule->field];
    return rule->is_range ? in_range(rule, value) : vdt_values_find(&rule->values, value, &found);
}

int vdt_class_map_apply(const struct vdt_class_map *map, const char *const *values,
                        const bool *holds)
{
    for (size_t i = 0; i < map->rule_count; i++)
        if (fits(&map->rules[i], values, holds))
            return map->rules[i].class_number;
    return map->otherwise;
}
