/* Slices: which samples belong to which value of a field, and the values of the task for each. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "annotate/sets/row.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "report/document.h"
#include "report/fields.h"
#include "report/resample.h"
#include "report/tasks/objects.h"
#include "report/tasks/place.h"

enum { SLICES_MOST = 1000, NUMBERS_MOST = 12, RANGES = 4 };

/* Either one value a unit, or a table of members. Owns what it points to. */
struct slicing {
    char **names;
    uint32_t count;
    uint32_t *of;     /* [units] slice; VDT_NO_SAMPLE: none */
    uint8_t *members; /* [count][units]; NULL: `of` */
};

static void clear_slicing(struct slicing *slicing)
{
    for (uint32_t i = 0; i < slicing->count; i++)
        free(slicing->names[i]);
    free(slicing->names);
    free(slicing->of);
    free(slicing->members);
}

static vdt_status put(struct slicing *slicing, uint32_t unit, const char *name, const char *field,
                      struct vdt_error *error)
{
    uint32_t slice = vdt_name_index(&slicing->names, &slicing->count, name);
    if (slice == UINT32_MAX)
        return vdt_fail_memory(error, "slices");
    if (slicing->count > SLICES_MOST)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "by %s: more than %d values; take a field with fewer", field, SLICES_MOST);
    slicing->of[unit] = slice;
    return VDT_OK;
}

static vdt_status start_values(struct slicing *slicing, uint32_t units, struct vdt_error *error)
{
    slicing->of = vdt_allocate(units, sizeof *slicing->of);
    if (slicing->of == NULL)
        return vdt_fail_memory(error, "slices");
    for (uint32_t i = 0; i < units; i++)
        slicing->of[i] = VDT_NO_SAMPLE;
    return VDT_OK;
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right;
}

/* Many numbers become ranges that hold about equally many samples. */
static vdt_status make_ranges(struct slicing *slicing, const double *numbers, uint32_t units,
                              const char *field, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) double *sorted = vdt_allocate(units, sizeof *sorted);
    uint32_t count = 0;
    if (sorted == NULL)
        return vdt_fail_memory(error, "slices");
    for (uint32_t i = 0; i < units; i++)
        if (!isnan(numbers[i]))
            sorted[count++] = numbers[i];
    qsort(sorted, count, sizeof *sorted, by_value);
    for (uint32_t range = 0; range < RANGES && count; range++) {
        double low = sorted[(uint64_t)count * range / RANGES];
        double high =
            range + 1 < RANGES ? sorted[(uint64_t)count * (range + 1) / RANGES] : sorted[count - 1];
        char name[96];
        snprintf(name, sizeof name, "%.6g to %.6g", low, high);
        for (uint32_t i = 0; i < units; i++) {
            bool last = range + 1 == RANGES;
            if (!(numbers[i] >= low && (numbers[i] < high || last)))
                continue;
            vdt_status status = put(slicing, i, name, field, error);
            if (status)
                return status;
        }
    }
    return VDT_OK;
}

static uint32_t distinct(const double *numbers, uint32_t units, double seen[NUMBERS_MOST + 1])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < units && count <= NUMBERS_MOST; i++) {
        bool there = isnan(numbers[i]);
        for (uint32_t k = 0; k < count; k++)
            there = there || seen[k] == numbers[i];
        if (!there)
            seen[count++] = numbers[i];
    }
    return count;
}

static vdt_status by_metadata(struct slicing *slicing, const struct vdt_scorer *scorer,
                              const struct vdt_sides *sides, const char *field,
                              struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) double *numbers =
        vdt_allocate(scorer->unit_count, sizeof *numbers);
    bool all_numbers = true, any = false;
    vdt_status status = numbers ? VDT_OK : vdt_fail_memory(error, "slices");
    for (uint32_t i = 0; !status && i < scorer->unit_count; i++) {
        struct vdt_field_value value;
        numbers[i] = NAN;
        if (!scorer->weights[i])
            continue;
        status = vdt_field_read(sides, i, field, &value, error);
        if (status || !value.any)
            continue;
        any = true;
        all_numbers = all_numbers && value.is_number;
        numbers[i] = value.number;
        if (!all_numbers || slicing->count <= NUMBERS_MOST)
            status = put(slicing, i, value.name, field, error);
    }
    if (status)
        return status;
    if (!any)
        return vdt_fail(error, VDT_ERR_NOT_FOUND,
                        "by %s: no sample has such a field; there are class, group, scene, view, "
                        "region and members of the samples' metadata",
                        field);
    double seen[NUMBERS_MOST + 1];
    if (!all_numbers || distinct(numbers, scorer->unit_count, seen) <= NUMBERS_MOST)
        return VDT_OK;
    clear_slicing(slicing);
    *slicing = (struct slicing){0};
    status = start_values(slicing, scorer->unit_count, error);
    return status ? status : make_ranges(slicing, numbers, scorer->unit_count, field, error);
}

/* --- memberships --------------------------------------------------------------------------- */

static vdt_status add_member(struct slicing *slicing, uint32_t units, uint32_t unit,
                             const char *name, struct vdt_error *error)
{
    uint32_t before = slicing->count;
    uint32_t slice = vdt_name_index(&slicing->names, &slicing->count, name);
    if (slice == UINT32_MAX)
        return vdt_fail_memory(error, "slices");
    if (slicing->count > SLICES_MOST)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED, "slices: more than %d values", SLICES_MOST);
    if (slicing->count > before) {
        uint8_t *grown = realloc(slicing->members, (size_t)slicing->count * units);
        if (grown == NULL)
            return vdt_fail_memory(error, "slices");
        slicing->members = grown;
        memset(grown + (size_t)slice * units, 0, units);
    }
    if (unit < units)
        slicing->members[(size_t)slice * units + unit] = 1;
    return VDT_OK;
}

static vdt_status by_view(struct slicing *slicing, const struct vdt_scorer *scorer,
                          const struct vdt_sides *sides, struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    for (size_t v = 0; v < vdt_reader_view_count(sides->reader); v++) {
        struct vdt_view view = vdt_reader_view(sides->reader, v);
        for (uint32_t i = 0; !status && i < sides->sample_count; i++) {
            bool inside = false;
            for (uint64_t k = 0;
                 strcmp(sides->samples[i].group, view.group) == 0 && k < view.count && !inside; k++)
                inside = view.indices[k] == sides->samples[i].index;
            if (inside)
                status = add_member(slicing, scorer->unit_count, i, view.name, error);
        }
    }
    if (!status && slicing->count == 0)
        status = vdt_fail(error, VDT_ERR_NOT_FOUND, "by view: no view of %s has these samples",
                          sides->options->store);
    return status;
}

/* Samples by the classes that are labelled on them. */
static vdt_status by_class(struct slicing *slicing, const struct vdt_scorer *scorer,
                           const struct vdt_sides *sides, struct vdt_error *error)
{
    const char *key = sides->options->label_key ? sides->options->label_key : "class";
    vdt_cleanup(vdt_row_room_clear) struct vdt_row_room room = {0};
    vdt_status status = VDT_OK;
    for (uint32_t i = 0; !status && sides->truth && i < sides->sample_count; i++) {
        const uint64_t *rows = NULL;
        size_t count = 0;
        if (sides->samples[i].truth != VDT_NO_SAMPLE && scorer->weights[i])
            status =
                vdt_annotations_list(sides->truth, sides->samples[i].truth, &rows, &count, error);
        for (size_t k = 0; !status && k < count; k++) {
            struct vdt_annotation annotation;
            status = vdt_row_get(sides->truth, rows[k], &room, &annotation, error);
            for (size_t l = 0; !status && l < annotation.label_count; l++) {
                const struct vdt_label *label = &annotation.labels[l];
                if (strcmp(label->key && label->key[0] ? label->key : "class", key) == 0)
                    status = add_member(slicing, scorer->unit_count, i, label->value, error);
            }
        }
    }
    if (!status && slicing->count == 0)
        status = vdt_fail(error, VDT_ERR_NOT_FOUND, "by class: no sample has labels of objects");
    return status;
}

/* --- scores -------------------------------------------------------------------------------- */

static vdt_status make_slicing(const struct vdt_scorer *scorer, struct vdt_sides *sides,
                               struct slicing *slicing, struct vdt_error *error)
{
    const char *field = sides->options->by;
    bool region = strcmp(field, "region") == 0 || strncmp(field, "region:", 7) == 0;
    vdt_status status = start_values(slicing, scorer->unit_count, error);
    if (status)
        return status;
    if (scorer->on_ground && !region)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "by %s: objects on the ground are in no sample; by is region", field);
    bool of_store = vdt_field_of_store(field) || strcmp(field, "view") == 0;
    if ((of_store || region) && sides->reader == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "by %s needs a store", field);
    if (region)
        return vdt_place_regions(scorer, sides, &slicing->names, &slicing->count, slicing->of,
                                 error);
    if (strcmp(field, "view") == 0)
        return by_view(slicing, scorer, sides, error);
    if (strcmp(field, "class") == 0)
        return by_class(slicing, scorer, sides, error);
    return by_metadata(slicing, scorer, sides, field, error);
}

static vdt_status add_slice(const struct vdt_scorer *scorer, const struct slicing *slicing,
                            uint32_t slice, uint32_t *weights, double *values, json_t *list,
                            struct vdt_error *error)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < scorer->unit_count; i++) {
        bool inside = slicing->members
                          ? slicing->members[(size_t)slice * scorer->unit_count + i] != 0
                          : slicing->of[i] == slice;
        weights[i] = inside ? scorer->weights[i] : 0;
        count += weights[i];
    }
    if (count == 0)
        return VDT_OK;
    vdt_status status = scorer->score(scorer->state, weights, values, error);
    if (status)
        return status;
    json_t *object = json_object();
    json_array_append_new(list, object);
    json_object_set_new(object, "value",
                        slice < slicing->count ? vdt_document_text(slicing->names[slice])
                                               : json_null());
    json_object_set_new(object, scorer->on_ground ? "units" : "samples", vdt_document_count(count));
    if (scorer->on_ground)
        vdt_place_counts(scorer, weights, object);
    return vdt_values_document(scorer, values, true, object, error);
}

struct sorted_slice {
    const char *name;
    uint32_t slice;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct sorted_slice *)a)->name, ((const struct sorted_slice *)b)->name);
}

vdt_status vdt_slices_document(const struct vdt_scorer *scorer, struct vdt_sides *sides,
                               json_t **document, struct vdt_error *error)
{
    vdt_cleanup(clear_slicing) struct slicing slicing = {0};
    vdt_cleanup(vdt_json_release) json_t *list = json_array();
    vdt_cleanup(vdt_free_pointer) uint32_t *weights =
        vdt_allocate(scorer->unit_count, sizeof *weights);
    vdt_cleanup(vdt_free_pointer) double *values =
        vdt_allocate(scorer->value_count, sizeof *values);
    vdt_status status = make_slicing(scorer, sides, &slicing, error);
    if (status)
        return status;
    vdt_cleanup(vdt_free_pointer) struct sorted_slice *order =
        vdt_allocate(slicing.count, sizeof *order);
    if (list == NULL || weights == NULL || values == NULL || order == NULL)
        return vdt_fail_memory(error, "slices");
    for (uint32_t i = 0; i < slicing.count; i++)
        order[i] = (struct sorted_slice){slicing.names[i], i};
    bool ranges = slicing.count == RANGES && strstr(slicing.names[0], " to ");
    if (!ranges)
        qsort(order, slicing.count, sizeof *order, by_name);
    for (uint32_t i = 0; !status && i < slicing.count; i++)
        status = add_slice(scorer, &slicing, order[i].slice, weights, values, list, error);
    if (!status && slicing.members == NULL)
        status = add_slice(scorer, &slicing, VDT_NO_SAMPLE, weights, values, list, error);
    if (status)
        return status;
    *document = json_incref(list);
    return VDT_OK;
}
