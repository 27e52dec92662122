/* Fields of samples, and parts of the samples that are equal in one. */
#include "report/fields.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

/* The metadata of a sample as JSON; *object NULL: it has none. */
static vdt_status read_metadata(const struct vdt_sides *sides, uint32_t unit, json_t **object,
                                struct vdt_error *error)
{
    const struct vdt_side_sample *sample = &sides->samples[unit];
    char *text = NULL;
    vdt_status status = VDT_OK;
    *object = NULL;
    if (sides->reader) {
        status =
            vdt_reader_metadata(sides->reader, sample->store_group, sample->index, &text, error);
    } else if (sides->truth) {
        struct vdt_annotated_sample known;
        status = vdt_annotations_sample(sides->truth, sample->truth, &known, error);
        if (!status && known.metadata[0] && (text = vdt_copy_string(known.metadata)) == NULL)
            status = vdt_fail_memory(error, "metadata");
    }
    if (!status && text && text[0])
        status = vdt_json_parse(text, sample->reference, object, error);
    free(text);
    return status;
}

/* The member of a name, or of names joined by '.'. */
static const json_t *find_field(const json_t *object, const char *field)
{
    const json_t *found = json_object_get(object, field);
    const char *dot = strchr(field, '.');
    if (found || dot == NULL)
        return found;
    char name[256];
    snprintf(name, sizeof name, "%.*s", (int)(dot - field), field);
    return find_field(json_object_get(object, name), dot + 1);
}

/* A value as the name of a slice; false for none. */
static bool value_name(const json_t *value, char *name, size_t size)
{
    if (json_is_string(value))
        snprintf(name, size, "%s", json_string_value(value));
    else if (json_is_integer(value))
        snprintf(name, size, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        snprintf(name, size, "%.12g", json_real_value(value));
    else if (json_is_boolean(value))
        snprintf(name, size, "%s", json_is_true(value) ? "true" : "false");
    else
        return false;
    return true;
}

bool vdt_field_of_store(const char *field)
{
    return strcmp(field, "scene") == 0 || strcmp(field, "group") == 0;
}

static vdt_status read_place(const struct vdt_sides *sides, uint32_t unit, const char *field,
                             struct vdt_field_value *value, struct vdt_error *error)
{
    const struct vdt_side_sample *sample = &sides->samples[unit];
    const char *name = sample->group;
    struct vdt_sample row;
    if (strcmp(field, "scene") == 0) {
        vdt_status status =
            vdt_reader_sample(sides->reader, sample->store_group, sample->index, &row, NULL, error);
        if (status)
            return status;
        name = vdt_reader_scene(sides->reader, row.scene).uri;
    }
    snprintf(value->name, sizeof value->name, "%s", name);
    value->any = true;
    return VDT_OK;
}

vdt_status vdt_field_read(const struct vdt_sides *sides, uint32_t unit, const char *field,
                          struct vdt_field_value *value, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *object = NULL;
    value->any = value->is_number = false;
    value->number = NAN;
    value->name[0] = 0;
    if (vdt_field_of_store(field) && sides->reader)
        return read_place(sides, unit, field, value, error);
    vdt_status status = read_metadata(sides, unit, &object, error);
    const json_t *found = status ? NULL : find_field(object, field);
    if (!found || !value_name(found, value->name, sizeof value->name))
        return status;
    value->any = true;
    value->is_number = json_is_number(found);
    if (value->is_number)
        value->number = json_number_value(found);
    return VDT_OK;
}

/* --- parts --------------------------------------------------------------------------------- */

struct named {
    char *name; /* NULL: it has none */
    uint32_t at;
};

struct named_list {
    struct named *items;
    uint32_t count;
};

static void clear_named(struct named_list *list)
{
    for (uint32_t i = 0; list->items && i < list->count; i++)
        free(list->items[i].name);
    free(list->items);
}

static int by_name(const void *a, const void *b)
{
    const struct named *left = a, *right = b;
    int order = left->name && right->name ? strcmp(left->name, right->name)
                                          : (left->name == NULL) - (right->name == NULL);
    return order ? order : (left->at > right->at) - (left->at < right->at);
}

vdt_status vdt_field_parts(const struct vdt_sides *sides, const uint32_t *units, uint32_t count,
                           const char *field, const char *option, uint32_t *of, uint32_t *parts,
                           struct vdt_error *error)
{
    vdt_cleanup(clear_named) struct named_list list = {
        .items = vdt_allocate_zero(count, sizeof *list.items), .count = count};
    struct vdt_field_value value;
    bool any = false;
    if (list.items == NULL)
        return vdt_fail_memory(error, option);
    if (vdt_field_of_store(field) && sides->reader == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s %s needs a store", option, field);
    for (uint32_t i = 0; i < count; i++) {
        vdt_status status = vdt_field_read(sides, units[i], field, &value, error);
        list.items[i].at = i;
        if (!status && value.any && (list.items[i].name = vdt_copy_string(value.name)) == NULL)
            status = vdt_fail_memory(error, option);
        if (status)
            return status;
        any = any || value.any;
    }
    if (!any)
        return vdt_fail(error, VDT_ERR_NOT_FOUND,
                        "%s %s: no sample has such a field; there are scene, group and members of "
                        "the samples' metadata",
                        option, field);
    qsort(list.items, count, sizeof *list.items, by_name);
    *parts = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct named *item = &list.items[i];
        bool same = i > 0 && item->name && strcmp(item[-1].name, item->name) == 0;
        *parts += !same;
        of[item->at] = *parts - 1;
    }
    return VDT_OK;
}
