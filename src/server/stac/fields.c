/* The Fields extension: which members of documents are sent. */
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "server/stac/stac.h"

enum { DEEPEST = 8, NAMES_MOST = 200 };

void vdt_stac_fields_clear(struct vdt_stac_fields *fields)
{
    json_decref(fields->include);
    json_decref(fields->exclude);
    *fields = (struct vdt_stac_fields){0};
}

static vdt_status add(json_t **list, const char *name, size_t size, struct vdt_error *error)
{
    if (*list == NULL)
        *list = json_array();
    if (size == 0 || size > 200 || json_array_size(*list) >= NAMES_MOST)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "fields: names with commas between were expected");
    return json_array_append_new(*list, json_stringn(name, size)) == 0
               ? VDT_OK
               : vdt_fail_memory(error, "fields");
}

/* "+a,-b,c"; a plus may have become a space. */
vdt_status vdt_stac_fields_parameter(struct vdt_stac_fields *fields, const char *value,
                                     struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    fields->given = true;
    while (status == VDT_OK && *value != '\0') {
        size_t size = strcspn(value, ",");
        bool not = *value == '-', sign = not || *value == '+' || *value == ' ';
        status = add(not ? &fields->exclude : &fields->include, value + sign, size - sign, error);
        value += size + (value[size] == ',');
    }
    return status;
}

static vdt_status add_all(json_t **list, const json_t *value, struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    if (value == NULL || json_is_null(value))
        return VDT_OK;
    if (!json_is_array(value))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "fields: lists of names were expected");
    for (size_t i = 0; status == VDT_OK && i < json_array_size(value); i++) {
        const json_t *one = json_array_get(value, i);
        status = json_is_string(one)
                     ? add(list, json_string_value(one), json_string_length(one), error)
                     : vdt_fail(error, VDT_ERR_ARGUMENT, "fields: lists of names were expected");
    }
    return status;
}

vdt_status vdt_stac_fields_member(struct vdt_stac_fields *fields, const json_t *value,
                                  struct vdt_error *error)
{
    const json_t *include = json_object_get(value, "include");
    const json_t *exclude = json_object_get(value, "exclude");
    if (!json_is_object(value))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "fields: {\"include\": [...], \"exclude\": [...]} was expected");
    fields->given = true;
    vdt_status status = add_all(&fields->include, include, error);
    if (status == VDT_OK)
        status = add_all(&fields->exclude, exclude, error);
    /* An empty list to have, beside what to leave out, asks for the few members. */
    if (status == VDT_OK && include != NULL && fields->include == NULL)
        fields->include = json_array();
    return status;
}

/* Copies the member "a.b.c" of one object to another. */
static void copy_member(const json_t *from, json_t *to, const char *name)
{
    char part[256];
    for (int depth = 0; depth < DEEPEST; depth++) {
        size_t size = strcspn(name, ".");
        memcpy(part, name, size < sizeof part ? size : 0);
        part[size < sizeof part ? size : 0] = '\0';
        json_t *value = json_object_get(from, part);
        if (value == NULL)
            return;
        if (name[size] == '\0' || !json_is_object(value)) {
            if (name[size] == '\0')
                json_object_set(to, part, value);
            return;
        }
        json_t *inner = json_object_get(to, part);
        if (inner == NULL) {
            inner = json_object();
            json_object_set_new(to, part, inner);
        } else if (inner == value) {
            return; /* all of it is there */
        }
        from = value;
        to = inner;
        name += size + 1;
    }
}

static void remove_member(json_t *from, const char *name)
{
    char part[256];
    for (int depth = 0; depth < DEEPEST && from != NULL; depth++) {
        size_t size = strcspn(name, ".");
        memcpy(part, name, size < sizeof part ? size : 0);
        part[size < sizeof part ? size : 0] = '\0';
        if (name[size] == '\0') {
            json_object_del(from, part);
            return;
        }
        from = json_object_get(from, part);
        name += size + 1;
    }
}

/* What tells a document from others; they are never left out. */
static const char *const always[] = {"type", "stac_version", "id", "collection"};

static void copy_all(const json_t *from, json_t *to, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        copy_member(from, to, names[i]);
}

json_t *vdt_stac_fields_apply(const struct vdt_stac_fields *fields, json_t *taken)
{
    static const char *const few[] = {"type",
                                      "stac_version",
                                      "id",
                                      "collection",
                                      "geometry",
                                      "bbox",
                                      "links",
                                      "assets",
                                      "properties.datetime",
                                      "properties.start_datetime",
                                      "properties.end_datetime"};
    if (!fields->given || taken == NULL)
        return taken;
    size_t wanted = json_array_size(fields->include);
    bool all = fields->include == NULL && fields->exclude != NULL;
    json_t *made = all ? json_deep_copy(taken) : json_object();
    vdt_cleanup(vdt_json_release) json_t *copy = all ? NULL : json_deep_copy(taken);
    if (wanted == 0 && !all)
        copy_all(copy, made, few, sizeof few / sizeof few[0]);
    for (size_t i = 0; i < json_array_size(fields->exclude); i++)
        remove_member(made, json_string_value(json_array_get(fields->exclude, i)));
    for (size_t i = 0; i < wanted; i++)
        copy_member(copy, made, json_string_value(json_array_get(fields->include, i)));
    copy_all(taken, made, always, sizeof always / sizeof always[0]);
    json_decref(taken);
    return made;
}
