/* Annotations of a set for the caller: structs, JSON, lists of labels; and from JSON. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "annotate/records/record_json.h"
#include "annotate/sets/staged.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

vdt_status vdt_annotations_get(const struct vdt_annotations *set, uint64_t row,
                               struct vdt_annotation *a, struct vdt_label *labels,
                               size_t *label_count, struct vdt_error *error)
{
    const struct vdt_record_columns *records = &set->records;
    if (row >= records->count || !vdt_record_columns_alive(records, row))
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: no annotation in row %llu",
                        vdt_set_name(set), (unsigned long long)row);
    vdt_record_columns_get(records, row, a);
    uint64_t first = vdt_record_columns_first_label(records, row);
    size_t room = labels == NULL || label_count == NULL ? 0 : *label_count;
    for (size_t i = 0; i < a->label_count && i < room; i++) {
        uint32_t label = records->label[first + i];
        labels[i] = (struct vdt_label){vdt_record_columns_key(records, label),
                                       vdt_record_columns_value(records, label),
                                       records->score == NULL ? NAN : records->score[first + i]};
    }
    if (label_count != NULL)
        *label_count = a->label_count;
    a->labels = labels;
    a->label_count = a->label_count < room ? a->label_count : room;
    if (!a->area_given)
        a->area = vdt_annotation_area(a);
    return VDT_OK;
}

vdt_status vdt_annotations_json(const struct vdt_annotations *set, uint64_t row, char **json,
                                struct vdt_error *error)
{
    struct vdt_annotation a;
    size_t count = 0;
    vdt_status status = vdt_annotations_get(set, row, &a, NULL, &count, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_free_pointer) struct vdt_label *labels = vdt_allocate(count, sizeof *labels);
    if (labels == NULL)
        return vdt_fail_memory(error, vdt_set_name(set));
    status = vdt_annotations_get(set, row, &a, labels, &count, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_json_release) json_t *value =
        vdt_record_json(&a, vdt_strings_at(&set->samples.references, a.sample));
    char *text = value == NULL ? NULL : vdt_json_text(value);
    if (text == NULL)
        return vdt_fail_memory(error, vdt_set_name(set));
    *json = text;
    return VDT_OK;
}

/* --- lists of labels ------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted, each once; the labels of living records only. */
static vdt_status names(struct vdt_annotations *set, const char *key, bool keys,
                        const char *const **out, size_t *count, struct vdt_error *error)
{
    const struct vdt_record_columns *records = &set->records;
    size_t labels = records->labels.count, found = 0;
    const char **list = vdt_allocate(labels, sizeof *list);
    vdt_cleanup(vdt_free_pointer) uint8_t *used = vdt_allocate_zero(labels, 1);
    if (list == NULL || used == NULL) {
        free(list);
        return vdt_fail_memory(error, vdt_set_name(set));
    }
    for (uint64_t row = 0; row < records->count; row++) {
        uint64_t first = vdt_record_columns_first_label(records, row);
        uint64_t end = records->label_offsets == NULL ? row + 1 : records->label_offsets[row + 1];
        for (uint64_t i = first; i < end && vdt_record_columns_alive(records, row); i++)
            used[records->label[i]] = 1;
    }
    for (uint32_t i = 0; i < labels; i++)
        if (used[i] && (keys || strcmp(vdt_record_columns_key(records, i), key) == 0))
            list[found++] =
                keys ? vdt_record_columns_key(records, i) : vdt_record_columns_value(records, i);
    if (found > 1)
        qsort(list, found, sizeof *list, by_text);
    size_t kept = 0;
    for (size_t i = 0; i < found; i++)
        if (kept == 0 || strcmp(list[kept - 1], list[i]) != 0)
            list[kept++] = list[i];
    free(set->names);
    set->names = list;
    *out = list;
    *count = kept;
    return VDT_OK;
}

vdt_status vdt_annotations_values(struct vdt_annotations *set, const char *key,
                                  const char *const **values, size_t *count,
                                  struct vdt_error *error)
{
    return names(set, key == NULL || *key == '\0' ? "class" : key, false, values, count, error);
}

vdt_status vdt_annotations_keys(struct vdt_annotations *set, const char *const **keys,
                                size_t *count, struct vdt_error *error)
{
    return names(set, NULL, true, keys, count, error);
}

/* --- from JSON ------------------------------------------------------------------------------- */

static vdt_status stage_sample(struct vdt_staged *staged, const struct vdt_json_record *record,
                               uint64_t place, struct vdt_error *error)
{
    uint32_t sample;
    vdt_status status =
        vdt_staged_sample(staged, record->sample, record->rows, record->cols, &sample, error);
    if (status != VDT_OK)
        return status;
    if (record->annotated)
        staged->set->samples.rows[sample].marked = place + 1;
    if (record->code != INT64_MIN)
        staged->set->samples.rows[sample].code = record->code;
    if (record->a.metadata != NULL && !vdt_set_describe(staged->set, sample, record->a.metadata))
        return vdt_fail_memory(error, staged->what);
    return VDT_OK;
}

static vdt_status stage_category(struct vdt_staged *staged, const struct vdt_json_record *record,
                                 uint64_t place, struct vdt_error *error)
{
    uint32_t label;
    char why[VDT_ANNOTATION_WHY];
    const struct vdt_label *value = record->a.labels;
    if (!vdt_annotation_check(&record->a, 0, 0, true, why))
        return vdt_staged_problem(staged, VDT_ERR_ARGUMENT, place, NULL, NULL, why, error);
    return vdt_record_columns_label(&staged->set->records, value->key, value->value, record->code,
                                    &label)
               ? VDT_OK
               : vdt_fail_memory(error, staged->what);
}

static vdt_status stage(struct vdt_staged *staged, const json_t *value,
                        struct vdt_record_room *room, uint64_t place, struct vdt_error *error)
{
    struct vdt_json_record record;
    char why[VDT_ANNOTATION_WHY];
    if (!vdt_record_parse(value, room, &record, why))
        return vdt_staged_problem(staged, VDT_ERR_FORMAT, place, record.sample, record.a.id, why,
                                  error);
    if (record.is_category)
        return stage_category(staged, &record, place, error);
    if (record.sample == NULL || *record.sample == '\0')
        return vdt_staged_problem(staged, VDT_ERR_FORMAT, place, NULL, record.a.id,
                                  "it names no sample (\"sample\")", error);
    if (record.is_sample)
        return stage_sample(staged, &record, place, error);
    vdt_status status = vdt_staged_sample(staged, record.sample, 0, 0, &record.a.sample, error);
    if (status != VDT_OK)
        return status;
    if (!vdt_annotation_check(&record.a, 0, 0, true, why))
        return vdt_staged_problem(staged, VDT_ERR_ARGUMENT, place, record.sample, record.a.id, why,
                                  error);
    return vdt_staged_add(staged, &record.a, place, error);
}

static vdt_status stage_lines(struct vdt_staged *staged, const char *text, size_t size,
                              struct vdt_record_room *room, struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    uint64_t line = 1;
    for (size_t at = 0; status == VDT_OK && at < size; line++) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t length = end == NULL ? size - at : (size_t)(end - text) - at;
        bool blank = strspn(text + at, " \t\r") >= length;
        json_error_t place;
        vdt_cleanup(vdt_json_release) json_t *value =
            blank ? NULL
                  : json_loadb(text + at, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &place);
        if (value != NULL)
            status = stage(staged, value, room, line, error);
        else if (!blank) {
            char why[256];
            snprintf(why, sizeof why, "column %d: %.150s", place.column, place.text);
            status = vdt_staged_problem(staged, VDT_ERR_FORMAT, line, NULL, NULL, why, error);
        }
        at += length + 1;
    }
    return status;
}

static vdt_status stage_text(struct vdt_staged *staged, const char *text, size_t size,
                             struct vdt_record_room *room, struct vdt_error *error)
{
    size_t at = strspn(text, " \t\r\n");
    json_error_t place;
    vdt_cleanup(vdt_json_release) json_t *whole = NULL;
    if (at < size && text[at] == '[') {
        whole = json_loadb(text, size, JSON_REJECT_DUPLICATES, &place);
        if (whole == NULL)
            return vdt_fail(error, VDT_ERR_FORMAT, "%s: line %d column %d: %s", staged->what,
                            place.line, place.column, place.text);
        staged->noun = "record";
        vdt_status status = VDT_OK;
        for (size_t i = 0; status == VDT_OK && i < json_array_size(whole); i++)
            status = stage(staged, json_array_get(whole, i), room, i + 1, error);
        return status;
    }
    /* One object over several lines. */
    whole = json_loadb(text, size, JSON_REJECT_DUPLICATES, &place);
    return whole != NULL ? stage(staged, whole, room, 1, error)
                         : stage_lines(staged, text, size, room, error);
}

vdt_status vdt_staged_json(struct vdt_staged *staged, const char *text, size_t size,
                           struct vdt_error *error)
{
    vdt_cleanup(vdt_record_room_clear) struct vdt_record_room room = {0};
    return stage_text(staged, text, size, &room, error);
}

static void end_staged(struct vdt_staged *staged)
{
    vdt_staged_end(staged);
}

vdt_status vdt_annotations_add_json(struct vdt_annotations *set, const char *text, size_t size,
                                    const char *what, const struct vdt_annotations_change *change,
                                    struct vdt_annotations_report *report, struct vdt_error *error)
{
    const struct vdt_annotations_change none = {0};
    struct vdt_annotations_report own;
    vdt_cleanup(end_staged) struct vdt_staged staged = {0};
    /* Ends with a NUL, which the caller's text need not. */
    vdt_cleanup(vdt_free_pointer) char *copy = vdt_allocate(size + 1, 1);
    if (copy == NULL)
        return vdt_fail_memory(error, what);
    memcpy(copy, text, size);
    copy[size] = '\0';
    vdt_status status = vdt_staged_begin(&staged, what, "line", change == NULL ? &none : change,
                                         report == NULL ? &own : report, error);
    if (status == VDT_OK)
        status = vdt_staged_json(&staged, copy, size, error);
    return status == VDT_OK ? vdt_staged_merge(&staged, set, error) : status;
}
