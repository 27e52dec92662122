/* Changes: records are looked at, then put in. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "annotate/records/check.h"
#include "annotate/sets/staged.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/random.h"

static vdt_status refuse_borrowed(const struct vdt_annotations *set, struct vdt_error *error)
{
    if (set->borrowed)
        return vdt_fail(error, VDT_ERR_DENIED, "%s: cannot be changed", vdt_set_name(set));
    if (set->path != NULL && !set->write)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: was not opened to be changed", set->path);
    return VDT_OK;
}

/* --- staging --------------------------------------------------------------------------------- */

vdt_status vdt_staged_begin(struct vdt_staged *staged, const char *what, const char *noun,
                            const struct vdt_annotations_change *change,
                            struct vdt_annotations_report *report, struct vdt_error *error)
{
    *staged = (struct vdt_staged){
        .what = what, .noun = noun, .change = change, .report = report, .set = vdt_set_new()};
    *report = (struct vdt_annotations_report){0};
    return staged->set == NULL ? vdt_fail_memory(error, what) : VDT_OK;
}

void vdt_staged_end(struct vdt_staged *staged)
{
    vdt_annotations_free(staged->set);
    free(staged->places);
    *staged = (struct vdt_staged){0};
}

vdt_status vdt_staged_sample(struct vdt_staged *staged, const char *reference, uint32_t rows,
                             uint32_t cols, uint32_t *sample, struct vdt_error *error)
{
    struct vdt_annotations *set = staged->set;
    size_t found;
    bool done = vdt_strings_find(&set->samples.references, reference, strlen(reference), &found);
    if (done && found == set->samples.count) {
        const struct vdt_set_sample row = {
            .rows = rows, .cols = cols, .index = UINT64_MAX, .code = INT64_MIN};
        return vdt_set_add_sample(set, reference, &row, sample)
                   ? VDT_OK
                   : vdt_fail_memory(error, staged->what);
    }
    if (!done)
        return vdt_fail_memory(error, staged->what);
    struct vdt_set_sample *row = &set->samples.rows[found];
    row->rows = rows == 0 ? row->rows : rows;
    row->cols = cols == 0 ? row->cols : cols;
    *sample = (uint32_t)found;
    return VDT_OK;
}

vdt_status vdt_staged_add(struct vdt_staged *staged, const struct vdt_annotation *a, uint64_t place,
                          struct vdt_error *error)
{
    struct vdt_record_columns *records = &staged->set->records;
    struct vdt_annotation numbered = *a;
    numbered.number = records->count;
    if (!vdt_grow(&staged->places, &staged->place_capacity, (size_t)records->count + 1,
                  sizeof *staged->places) ||
        !vdt_record_columns_add(records, &numbered))
        return vdt_fail_memory(error, staged->what);
    staged->places[records->count - 1] = place;
    return VDT_OK;
}

vdt_status vdt_staged_problem(struct vdt_staged *staged, vdt_status status, uint64_t place,
                              const char *sample, const char *id, const char *why,
                              struct vdt_error *error)
{
    char text[1024];
    if (status == VDT_ERR_MEMORY || strcmp(why, VDT_WHY_MEMORY) == 0)
        return vdt_fail_memory(error, staged->what);
    int length = snprintf(text, sizeof text, "%.300s: %s %llu", staged->what, staged->noun,
                          (unsigned long long)place);
    if (sample != NULL)
        length +=
            snprintf(text + length, sizeof text - (size_t)length, ", sample \"%.100s\"", sample);
    if (id != NULL)
        length +=
            snprintf(text + length, sizeof text - (size_t)length, ", annotation \"%.60s\"", id);
    snprintf(text + length, sizeof text - (size_t)length, ": %s", why);
    staged->report->failed++;
    if (!staged->change->skip_bad)
        return vdt_fail(error, status, "%s", text);
    if (staged->change->problem != NULL)
        staged->change->problem(text, staged->change->payload);
    return VDT_OK;
}

/* --- looking --------------------------------------------------------------------------------- */

/* What a merge works with. */
struct merge {
    struct vdt_staged *staged;
    struct vdt_annotations *set;
    uint32_t *samples; /* of each staged sample: in the set; UINT32_MAX: new or unknown */
    uint8_t *bad;      /* of each row */
    struct vdt_label *labels;
    size_t label_capacity;
};

static void clear_merge(struct merge *merge)
{
    free(merge->samples);
    free(merge->bad);
    free(merge->labels);
}

/* A staged row with its labels; false: memory is out. */
static bool get_row(struct merge *merge, uint64_t row, struct vdt_annotation *a)
{
    const struct vdt_record_columns *from = &merge->staged->set->records;
    vdt_record_columns_get(from, row, a);
    if (!vdt_grow(&merge->labels, &merge->label_capacity, a->label_count + 1,
                  sizeof *merge->labels))
        return false;
    uint64_t first = vdt_record_columns_first_label(from, row);
    for (size_t i = 0; i < a->label_count; i++) {
        uint32_t label = from->label[first + i];
        merge->labels[i] = (struct vdt_label){vdt_record_columns_key(from, label),
                                              vdt_record_columns_value(from, label),
                                              from->score == NULL ? NAN : from->score[first + i]};
    }
    a->labels = merge->labels;
    return true;
}

static vdt_status find_samples(struct merge *merge, struct vdt_error *error)
{
    const struct vdt_set_samples *samples = &merge->staged->set->samples;
    merge->samples = vdt_allocate(samples->count, sizeof *merge->samples);
    merge->bad = vdt_allocate_zero((size_t)merge->staged->set->records.count, 1);
    if (merge->samples == NULL || merge->bad == NULL)
        return vdt_fail_memory(error, merge->staged->what);
    for (size_t i = 0; i < samples->count; i++) {
        const char *reference = vdt_strings_at(&samples->references, i);
        size_t found;
        bool done = true;
        if (merge->staged->by_file && merge->set->bound)
            done = vdt_set_find_file(merge->set, reference, &merge->samples[i]);
        else {
            done = vdt_strings_find(&merge->set->samples.references, reference, strlen(reference),
                                    &found);
            merge->samples[i] = found == merge->set->samples.count ? UINT32_MAX : (uint32_t)found;
        }
        if (!done)
            return vdt_fail_memory(error, merge->staged->what);
    }
    return VDT_OK;
}

/* Ids that come twice: by a table of their hashes. */
static vdt_status find_twins(struct merge *merge, struct vdt_error *error)
{
    struct vdt_staged *staged = merge->staged;
    const struct vdt_record_columns *records = &staged->set->records;
    size_t slots = 64;
    while (slots / 2 < records->count + 1)
        slots *= 2;
    vdt_cleanup(vdt_free_pointer) uint64_t *table = vdt_allocate_zero(slots, sizeof *table);
    if (table == NULL)
        return vdt_fail_memory(error, staged->what);
    vdt_status status = VDT_OK;
    for (uint64_t row = 0; status == VDT_OK && row < records->count && records->ids.count > 0;
         row++) {
        const char *id = vdt_strings_at(&records->ids, row);
        if (merge->bad[row] || *id == '\0')
            continue;
        size_t slot = (size_t)vdt_hash(records->sample[row], id, strlen(id)) & (slots - 1);
        for (; table[slot] != 0 && !merge->bad[row]; slot = (slot + 1) & (slots - 1)) {
            uint64_t other = table[slot] - 1;
            if (records->sample[other] != records->sample[row] ||
                strcmp(vdt_strings_at(&records->ids, other), id) != 0)
                continue;
            char why[128];
            snprintf(why, sizeof why, "%s %llu has that id on that sample as well", staged->noun,
                     (unsigned long long)staged->places[other]);
            merge->bad[row] = 1;
            status = vdt_staged_problem(
                staged, VDT_ERR_ARGUMENT, staged->places[row],
                vdt_strings_at(&staged->set->samples.references, records->sample[row]), id, why,
                error);
        }
        if (!merge->bad[row])
            table[slot] = row + 1;
    }
    return status;
}

static vdt_status look_at(struct merge *merge, uint64_t row, struct vdt_error *error)
{
    struct vdt_staged *staged = merge->staged;
    struct vdt_annotation a;
    char why[VDT_ANNOTATION_WHY];
    if (!get_row(merge, row, &a))
        return vdt_fail_memory(error, staged->what);
    const char *reference = vdt_strings_at(&staged->set->samples.references, a.sample);
    uint32_t sample = merge->samples[a.sample];
    const struct vdt_set_sample *known = sample == UINT32_MAX ? &staged->set->samples.rows[a.sample]
                                                              : &merge->set->samples.rows[sample];
    vdt_status status = VDT_OK;
    if (sample == UINT32_MAX && merge->set->bound) {
        merge->bad[row] = 1;
        status = vdt_staged_problem(staged, VDT_ERR_NOT_FOUND, staged->places[row], reference, a.id,
                                    "the store has no such sample", error);
    } else if (!vdt_annotation_check(&a, known->rows, known->cols, staged->scores, why)) {
        merge->bad[row] = 1;
        status = vdt_staged_problem(staged, VDT_ERR_ARGUMENT, staged->places[row], reference, a.id,
                                    why, error);
    }
    return status;
}

/* Samples without records that the store has not. */
static vdt_status look_at_samples(struct merge *merge, struct vdt_error *error)
{
    const struct vdt_set_samples *samples = &merge->staged->set->samples;
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && merge->set->bound && i < samples->count; i++) {
        const struct vdt_set_sample *row = &samples->rows[i];
        if (merge->samples[i] == UINT32_MAX && row->marked > 1)
            status = vdt_staged_problem(merge->staged, VDT_ERR_NOT_FOUND, row->marked - 1,
                                        vdt_strings_at(&samples->references, i), NULL,
                                        "the store has no such sample", error);
    }
    return status;
}

/* --- putting in ------------------------------------------------------------------------------ */

/* What is said about a sample. Size and metadata of a bound set are the store's. */
static bool describe(struct merge *merge, uint32_t sample, const struct vdt_set_sample *row,
                     const char *metadata)
{
    struct vdt_annotations *set = merge->set;
    struct vdt_set_sample *to = &set->samples.rows[sample];
    const struct vdt_set_sample before = *to;
    bool replace = merge->staged->change->update;
    to->code = row->code != INT64_MIN && (replace || to->code == INT64_MIN) ? row->code : to->code;
    if (!set->bound) {
        to->rows = row->rows != 0 && (replace || to->rows == 0) ? row->rows : to->rows;
        to->cols = row->cols != 0 && (replace || to->cols == 0) ? row->cols : to->cols;
    }
    set->changed = set->changed || to->code != before.code || to->rows != before.rows ||
                   to->cols != before.cols;
    if (set->bound || *metadata == '\0' || (!replace && to->metadata != 0))
        return true;
    set->changed = true;
    return vdt_set_describe(set, sample, metadata);
}

static bool put_samples(struct merge *merge)
{
    struct vdt_staged *staged = merge->staged;
    const struct vdt_set_samples *from = &staged->set->samples;
    for (size_t i = 0; i < from->count; i++) {
        struct vdt_set_sample row = from->rows[i];
        const char *text = row.metadata == 0 ? "" : vdt_strings_at(&from->texts, row.metadata - 1);
        bool mark = row.marked != 0;
        if (merge->samples[i] == UINT32_MAX) {
            if (merge->set->bound)
                continue;
            row.marked = row.metadata = 0;
            if (!vdt_set_add_sample(merge->set, vdt_strings_at(&from->references, i), &row,
                                    &merge->samples[i]))
                return false;
            staged->report->samples++;
            merge->set->changed = true;
        }
        uint32_t sample = merge->samples[i];
        if (!describe(merge, sample, &row, text))
            return false;
        struct vdt_set_sample *to = &merge->set->samples.rows[sample];
        if (mark && to->marked == 0) {
            to->marked = 1;
            staged->report->marked++;
            merge->set->changed = true;
        }
    }
    return true;
}

/* The table of labels in its order, before records use it. */
static bool put_labels(struct merge *merge)
{
    const struct vdt_record_columns *from = &merge->staged->set->records;
    for (uint32_t i = 0; i < from->labels.count; i++) {
        uint32_t label;
        struct vdt_record_columns *to = &merge->set->records;
        size_t before = to->labels.count;
        if (from->codes[i] == INT64_MIN)
            continue;
        if (!vdt_record_columns_label(to, vdt_record_columns_key(from, i),
                                      vdt_record_columns_value(from, i), INT64_MIN, &label))
            return false;
        merge->set->changed =
            merge->set->changed || before != to->labels.count || to->codes[label] != from->codes[i];
        to->codes[label] = from->codes[i];
    }
    return true;
}

/* A free id for an annotation that has none: "#" and its number. */
static bool make_id(struct vdt_annotations *set, uint32_t sample, uint64_t number, char id[40])
{
    uint64_t row;
    int at = snprintf(id, 40, "#%llu", (unsigned long long)number);
    while (vdt_set_find_id(set, sample, id, &row)) {
        if (row == UINT64_MAX)
            return true;
        if (at >= 38)
            return false;
        id[at++] = '+';
        id[at] = '\0';
    }
    return false;
}

static bool put_record(struct merge *merge, uint64_t index)
{
    struct vdt_annotations *set = merge->set;
    struct vdt_annotations_report *report = merge->staged->report;
    struct vdt_annotation a;
    uint64_t row = UINT64_MAX;
    char id[40];
    if (!get_row(merge, index, &a))
        return false;
    a.sample = merge->samples[a.sample];
    a.number = set->next_number;
    if (a.id == NULL) {
        if (!make_id(set, a.sample, a.number, id))
            return false;
        a.id = id;
    } else if (!vdt_set_find_id(set, a.sample, a.id, &row)) {
        return false;
    }
    if (row != UINT64_MAX && !merge->staged->change->update) {
        report->ignored++;
        return true;
    }
    if (!a.box_given)
        vdt_annotation_bounds(&a, a.box);
    if (row != UINT64_MAX) {
        a.number = vdt_record_columns_number(&set->records, row);
        if (!vdt_record_columns_kill(&set->records, row))
            return false;
        report->updated++;
    } else {
        set->next_number++;
        report->added++;
    }
    struct vdt_set_sample *sample = &set->samples.rows[a.sample];
    report->marked += sample->marked == 0;
    sample->marked = 1;
    return vdt_set_append(set, &a);
}

vdt_status vdt_staged_merge(struct vdt_staged *staged, struct vdt_annotations *set,
                            struct vdt_error *error)
{
    vdt_cleanup(clear_merge) struct merge merge = {.staged = staged, .set = set};
    uint64_t count = staged->set->records.count;
    vdt_status status = refuse_borrowed(set, error);
    if (status == VDT_OK)
        status = find_samples(&merge, error);
    if (status == VDT_OK)
        status = look_at_samples(&merge, error);
    for (uint64_t row = 0; status == VDT_OK && row < count; row++)
        status = look_at(&merge, row, error);
    if (status == VDT_OK)
        status = find_twins(&merge, error);
    if (status != VDT_OK)
        return status;
    bool done = put_samples(&merge) && put_labels(&merge);
    for (uint64_t row = 0; done && row < count; row++)
        done = merge.bad[row] || put_record(&merge, row);
    if (done)
        return VDT_OK;
    set->broken = true;
    return vdt_fail_memory(error, vdt_set_name(set));
}

/* --- from the caller's structs --------------------------------------------------------------- */

static void end_staged(struct vdt_staged *staged)
{
    vdt_staged_end(staged);
}

/* A copy in staging needs sound pointers; what they hold is looked at later. */
static bool can_be_staged(const struct vdt_annotation *a, char why[VDT_ANNOTATION_WHY])
{
    bool outline = a->kind == VDT_ANNOTATION_POLYGON || a->kind == VDT_ANNOTATION_LINE ||
                   a->kind == VDT_ANNOTATION_POINT;
    for (size_t i = 0; i < a->label_count; i++)
        if (a->labels[i].value == NULL)
            return vdt_annotation_check(a, 0, 0, true, why);
    if (outline || a->kind == VDT_ANNOTATION_MASK || (a->id != NULL && *a->id == '\0') ||
        a->flags > UINT8_MAX || a->kind < VDT_ANNOTATION_LABEL || a->kind > VDT_ANNOTATION_POINT)
        return vdt_annotation_check(a, 0, 0, true, why);
    return true;
}

static vdt_status stage(struct vdt_staged *staged, const struct vdt_annotations *set,
                        const struct vdt_annotation *a, uint64_t place, struct vdt_error *error)
{
    char why[VDT_ANNOTATION_WHY];
    if (a->sample >= set->samples.count) {
        snprintf(why, sizeof why, "there is no sample %u: there are %zu", a->sample,
                 set->samples.count);
        return vdt_staged_problem(staged, VDT_ERR_NOT_FOUND, place, NULL, a->id, why, error);
    }
    const char *reference = vdt_strings_at(&set->samples.references, a->sample);
    struct vdt_annotation copy = *a;
    copy.area_given = a->area_given || (a->area != 0 && !isnan(a->area));
    if (!can_be_staged(&copy, why))
        return vdt_staged_problem(staged, VDT_ERR_ARGUMENT, place, reference, a->id, why, error);
    if (a->kind != VDT_ANNOTATION_POLYGON && a->kind != VDT_ANNOTATION_LINE &&
        a->kind != VDT_ANNOTATION_POINT)
        copy.part_count = 0;
    vdt_status status = vdt_staged_sample(staged, reference, 0, 0, &copy.sample, error);
    return status == VDT_OK ? vdt_staged_add(staged, &copy, place, error) : status;
}

vdt_status vdt_annotations_add(struct vdt_annotations *set,
                               const struct vdt_annotation *annotations, size_t count,
                               const struct vdt_annotations_change *change,
                               struct vdt_annotations_report *report, struct vdt_error *error)
{
    const struct vdt_annotations_change none = {0};
    struct vdt_annotations_report own;
    vdt_cleanup(end_staged) struct vdt_staged staged = {0};
    vdt_status status =
        vdt_staged_begin(&staged, vdt_set_name(set), "record", change == NULL ? &none : change,
                         report == NULL ? &own : report, error);
    for (size_t i = 0; status == VDT_OK && i < count; i++)
        status = stage(&staged, set, &annotations[i], i + 1, error);
    return status == VDT_OK ? vdt_staged_merge(&staged, set, error) : status;
}

vdt_status vdt_annotations_add_sample(struct vdt_annotations *set, const char *reference,
                                      uint32_t rows, uint32_t cols, const char *metadata,
                                      bool update, uint32_t *index, struct vdt_error *error)
{
    struct vdt_annotations_report report;
    const struct vdt_annotations_change change = {.update = update};
    vdt_cleanup(end_staged) struct vdt_staged staged = {0};
    uint32_t sample;
    char why[VDT_ANNOTATION_WHY];
    const struct vdt_annotation about = {
        .kind = VDT_ANNOTATION_BOX, .id = reference, .metadata = metadata};
    if (set->bound)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: has the samples of its store; \"%.200s\" cannot be added",
                        vdt_set_name(set), reference);
    if (!vdt_annotation_check(&about, 0, 0, true, why))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: sample \"%.200s\": %s", vdt_set_name(set),
                        reference, why);
    vdt_status status =
        vdt_staged_begin(&staged, vdt_set_name(set), "sample", &change, &report, error);
    if (status == VDT_OK)
        status = vdt_staged_sample(&staged, reference, rows, cols, &sample, error);
    if (status == VDT_OK && !vdt_set_describe(staged.set, sample, metadata))
        status = vdt_fail_memory(error, vdt_set_name(set));
    if (status == VDT_OK)
        status = vdt_staged_merge(&staged, set, error);
    return status == VDT_OK ? vdt_annotations_find_sample(set, reference, index, error) : status;
}

/* --- taking away ----------------------------------------------------------------------------- */

static vdt_status refuse_sample(const struct vdt_annotations *set, uint32_t sample,
                                struct vdt_error *error)
{
    vdt_status status = refuse_borrowed(set, error);
    if (status == VDT_OK && sample >= set->samples.count)
        status = vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: no sample %u: there are %zu",
                          vdt_set_name(set), sample, set->samples.count);
    return status;
}

vdt_status vdt_annotations_mark(struct vdt_annotations *set, uint32_t sample,
                                struct vdt_error *error)
{
    vdt_status status = refuse_sample(set, sample, error);
    if (status == VDT_OK && set->samples.rows[sample].marked == 0) {
        set->samples.rows[sample].marked = 1;
        set->changed = true;
    }
    return status;
}

vdt_status vdt_annotations_clear(struct vdt_annotations *set, uint32_t sample,
                                 struct vdt_error *error)
{
    const uint64_t *rows = NULL;
    size_t count = 0;
    vdt_status status = refuse_sample(set, sample, error);
    if (status == VDT_OK)
        status = vdt_annotations_list(set, sample, &rows, &count, error);
    for (size_t i = 0; status == VDT_OK && i < count; i++)
        if (!vdt_record_columns_kill(&set->records, rows[i]))
            status = vdt_fail_memory(error, vdt_set_name(set));
    if (status != VDT_OK)
        return status;
    vdt_set_forget(set);
    set->changed = set->changed || count > 0 || set->samples.rows[sample].marked != 0;
    set->samples.rows[sample].marked = 0;
    return VDT_OK;
}

vdt_status vdt_annotations_remove(struct vdt_annotations *set, uint32_t sample, const char *id,
                                  struct vdt_error *error)
{
    uint64_t row;
    vdt_status status = refuse_sample(set, sample, error);
    if (status == VDT_OK)
        status = vdt_annotations_find(set, sample, id, &row, error);
    if (status == VDT_OK && !vdt_record_columns_kill(&set->records, row))
        status = vdt_fail_memory(error, vdt_set_name(set));
    if (status != VDT_OK)
        return status;
    vdt_set_forget(set);
    set->changed = true;
    return VDT_OK;
}
