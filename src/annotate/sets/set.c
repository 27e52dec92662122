/* A set in memory: its samples, and what finds samples and records. */
#include "annotate/sets/set.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/random.h"

enum { LEAST_SLOTS = 64 };

struct vdt_annotations *vdt_set_new(void)
{
    struct vdt_annotations *set = calloc(1, sizeof *set);
    if (set == NULL)
        return NULL;
    set->lock = -1;
    set->group = vdt_copy_string("");
    if (set->group == NULL) {
        free(set);
        return NULL;
    }
    return set;
}

void vdt_set_cleanup(struct vdt_annotations **set)
{
    vdt_annotations_free(*set);
}

void vdt_set_forget(struct vdt_annotations *set)
{
    free(set->first);
    free(set->by_sample);
    set->first = set->by_sample = NULL;
}

void vdt_annotations_free(struct vdt_annotations *set)
{
    if (set == NULL)
        return;
    if (set->lock >= 0) {
        if (set->lock_path != NULL)
            unlink(set->lock_path); /* whoever waits for it looks whether it is still this one */
        close(set->lock);
    }
    vdt_strings_clear(&set->samples.references);
    vdt_strings_clear(&set->samples.texts);
    vdt_strings_clear(&set->samples.groups);
    free(set->samples.rows);
    vdt_record_columns_clear(&set->records);
    vdt_set_forget(set);
    free(set->slots);
    free(set->names);
    free(set->path);
    free(set->lock_path);
    free(set->store);
    free(set->group);
    free(set);
}

const char *vdt_set_name(const struct vdt_annotations *set)
{
    return set->path == NULL ? "annotations" : set->path;
}

const char *vdt_annotations_path(const struct vdt_annotations *set)
{
    return set->path == NULL ? "" : set->path;
}

const char *vdt_annotations_store_uuid(const struct vdt_annotations *set)
{
    return set->uuid;
}

const char *vdt_annotations_group(const struct vdt_annotations *set)
{
    return set->group;
}

bool vdt_annotations_bound(const struct vdt_annotations *set)
{
    return set->bound;
}

const char *vdt_annotations_digest(const struct vdt_annotations *set)
{
    return set->digest;
}

const char *vdt_annotation_kind_name(enum vdt_annotation_kind kind)
{
    static const char *const names[] = {"unknown", "label", "box",  "rotated",
                                        "polygon", "mask",  "line", "point"};
    return (unsigned)kind <= VDT_ANNOTATION_POINT ? names[kind] : names[0];
}

/* --- samples --------------------------------------------------------------------------------- */

bool vdt_set_group(struct vdt_annotations *set, const char *name, uint32_t *group)
{
    size_t index;
    if (!vdt_strings_intern(&set->samples.groups, name, strlen(name), &index))
        return false;
    *group = (uint32_t)index;
    return true;
}

bool vdt_set_add_sample(struct vdt_annotations *set, const char *reference,
                        const struct vdt_set_sample *row, uint32_t *index)
{
    struct vdt_set_samples *samples = &set->samples;
    if (samples->count >= UINT32_MAX - 1 ||
        !vdt_grow(&samples->rows, &samples->capacity, samples->count + 1, sizeof *samples->rows) ||
        !vdt_strings_add(&samples->references, reference, strlen(reference)))
        return false;
    *index = (uint32_t)samples->count;
    samples->rows[samples->count++] = *row;
    vdt_set_forget(set);
    return true;
}

void vdt_set_size_sample(struct vdt_annotations *set, uint32_t sample, uint32_t rows, uint32_t cols)
{
    struct vdt_set_sample *row = &set->samples.rows[sample];
    if (row->rows == 0 || row->cols == 0) {
        row->rows = rows;
        row->cols = cols;
    }
}

bool vdt_set_describe(struct vdt_annotations *set, uint32_t sample, const char *metadata)
{
    struct vdt_set_samples *samples = &set->samples;
    size_t index;
    if (metadata == NULL || *metadata == '\0' || strcmp(metadata, "{}") == 0) {
        samples->rows[sample].metadata = 0;
        return true;
    }
    if (!vdt_strings_intern(&samples->texts, metadata, strlen(metadata), &index) ||
        index >= UINT32_MAX - 1)
        return false;
    samples->rows[sample].metadata = (uint32_t)index + 1;
    return true;
}

uint64_t vdt_annotations_sample_count(const struct vdt_annotations *set)
{
    return set->samples.count;
}

static bool list(struct vdt_annotations *set);

/* The first question lists the rows of all samples: asked of one after the other, each would look
 * at all rows. */
static uint64_t count_of(const struct vdt_annotations *set, uint64_t sample)
{
    if (list((struct vdt_annotations *)(uintptr_t)set))
        return set->first[sample + 1] - set->first[sample];
    uint64_t count = 0;
    for (uint64_t row = 0; row < set->records.count; row++)
        count += set->records.sample[row] == sample && vdt_record_columns_alive(&set->records, row);
    return count;
}

vdt_status vdt_annotations_sample(const struct vdt_annotations *set, uint64_t index,
                                  struct vdt_annotated_sample *sample, struct vdt_error *error)
{
    const struct vdt_set_samples *samples = &set->samples;
    if (index >= samples->count)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: no sample %llu: there are %zu",
                        vdt_set_name(set), (unsigned long long)index, samples->count);
    const struct vdt_set_sample *row = &samples->rows[index];
    *sample = (struct vdt_annotated_sample){
        .reference = vdt_strings_at(&samples->references, (size_t)index),
        .rows = row->rows,
        .cols = row->cols,
        .annotated = row->marked != 0,
        .annotations = count_of(set, index),
        .group = row->index == UINT64_MAX ? "" : vdt_strings_at(&samples->groups, row->group),
        .index = row->index,
        .metadata = row->metadata == 0 ? "" : vdt_strings_at(&samples->texts, row->metadata - 1),
        .code = row->code,
    };
    return VDT_OK;
}

vdt_status vdt_annotations_find_sample(struct vdt_annotations *set, const char *reference,
                                       uint32_t *index, struct vdt_error *error)
{
    size_t found;
    if (!vdt_strings_find(&set->samples.references, reference, strlen(reference), &found))
        return vdt_fail_memory(error, vdt_set_name(set));
    if (found == set->samples.count)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: no sample \"%.200s\"%s", vdt_set_name(set),
                        reference, set->bound ? " in the store" : "");
    *index = (uint32_t)found;
    return VDT_OK;
}

/* --- rows of a sample ------------------------------------------------------------------------ */

/* Counting sort: rows by sample, in their order. */
static bool list(struct vdt_annotations *set)
{
    const struct vdt_record_columns *records = &set->records;
    if (set->first != NULL)
        return true;
    uint64_t *first = vdt_allocate_zero(set->samples.count + 2, sizeof *first);
    uint64_t *rows = vdt_allocate((size_t)records->count, sizeof *rows);
    if (first == NULL || rows == NULL) {
        free(first);
        free(rows);
        return false;
    }
    for (uint64_t row = 0; row < records->count; row++)
        first[records->sample[row] + 2] += vdt_record_columns_alive(records, row);
    for (size_t i = 0; i < set->samples.count; i++)
        first[i + 2] += first[i + 1];
    for (uint64_t row = 0; row < records->count; row++)
        if (vdt_record_columns_alive(records, row))
            rows[first[records->sample[row] + 1]++] = row;
    set->first = first;
    set->by_sample = rows;
    return true;
}

vdt_status vdt_annotations_list(struct vdt_annotations *set, uint32_t sample, const uint64_t **rows,
                                size_t *count, struct vdt_error *error)
{
    if (sample >= set->samples.count)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: no sample %u: there are %zu",
                        vdt_set_name(set), sample, set->samples.count);
    if (!list(set))
        return vdt_fail_memory(error, vdt_set_name(set));
    *rows = set->by_sample + set->first[sample];
    *count = (size_t)(set->first[sample + 1] - set->first[sample]);
    return VDT_OK;
}

uint64_t vdt_annotations_count(const struct vdt_annotations *set)
{
    return set->records.count - set->records.dead_count;
}

/* --- ids ------------------------------------------------------------------------------------- */

static uint64_t hash_id(uint32_t sample, const char *id)
{
    return vdt_hash(sample, id, strlen(id));
}

static void place(struct vdt_annotations *set, uint64_t row)
{
    const struct vdt_record_columns *records = &set->records;
    size_t mask = set->slot_count - 1;
    size_t slot = (size_t)hash_id(records->sample[row], vdt_strings_at(&records->ids, row)) & mask;
    while (set->slots[slot] != 0)
        slot = (slot + 1) & mask;
    set->slots[slot] = row + 1;
    set->slots_used++;
}

/* Rows without ids (of runs) have the texts that they would have been given. */
static bool name_rows(struct vdt_record_columns *records)
{
    char id[32];
    for (uint64_t row = records->ids.count; row < records->count; row++) {
        int length = snprintf(id, sizeof id, "#%llu",
                              (unsigned long long)vdt_record_columns_number(records, row));
        if (!vdt_strings_add(&records->ids, id, (size_t)length))
            return false;
    }
    return true;
}

static bool make_slots(struct vdt_annotations *set)
{
    struct vdt_record_columns *records = &set->records;
    size_t wanted = LEAST_SLOTS;
    if (!name_rows(records))
        return false;
    while (wanted / 2 < records->count + 1)
        wanted *= 2;
    uint64_t *slots = vdt_allocate_zero(wanted, sizeof *slots);
    if (slots == NULL)
        return false;
    free(set->slots);
    set->slots = slots;
    set->slot_count = wanted;
    set->slots_used = 0;
    for (uint64_t row = 0; row < records->count; row++)
        if (vdt_record_columns_alive(records, row))
            place(set, row);
    return true;
}

bool vdt_set_find_id(struct vdt_annotations *set, uint32_t sample, const char *id, uint64_t *row)
{
    const struct vdt_record_columns *records = &set->records;
    *row = UINT64_MAX;
    if (set->slots == NULL && !make_slots(set))
        return false;
    size_t mask = set->slot_count - 1;
    for (size_t slot = (size_t)hash_id(sample, id) & mask; set->slots[slot] != 0;
         slot = (slot + 1) & mask) {
        uint64_t at = set->slots[slot] - 1;
        if (vdt_record_columns_alive(records, at) && records->sample[at] == sample &&
            strcmp(vdt_strings_at(&records->ids, at), id) == 0) {
            *row = at;
            break;
        }
    }
    return true;
}

bool vdt_set_append(struct vdt_annotations *set, const struct vdt_annotation *annotation)
{
    if (!vdt_record_columns_add(&set->records, annotation))
        return false;
    vdt_set_forget(set);
    set->changed = true;
    if (set->slots == NULL)
        return true;
    if ((set->slots_used + 1) * 2 > set->slot_count)
        return make_slots(set);
    place(set, set->records.count - 1);
    return true;
}

vdt_status vdt_annotations_find(struct vdt_annotations *set, uint32_t sample, const char *id,
                                uint64_t *row, struct vdt_error *error)
{
    if (!vdt_set_find_id(set, sample, id, row))
        return vdt_fail_memory(error, vdt_set_name(set));
    if (*row != UINT64_MAX)
        return VDT_OK;
    return vdt_fail(
        error, VDT_ERR_NOT_FOUND, "%s: sample \"%.200s\" has no annotation \"%.200s\"",
        vdt_set_name(set),
        sample < set->samples.count ? vdt_strings_at(&set->samples.references, sample) : "", id);
}

vdt_status vdt_annotations_find_number(struct vdt_annotations *set, uint64_t number, uint64_t *row,
                                       struct vdt_error *error)
{
    const struct vdt_record_columns *records = &set->records;
    for (uint64_t i = 0; i < records->count; i++)
        if (vdt_record_columns_number(records, i) == number &&
            vdt_record_columns_alive(records, i)) {
            *row = i;
            return VDT_OK;
        }
    return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: no annotation of number %llu", vdt_set_name(set),
                    (unsigned long long)number);
}

vdt_status vdt_annotations_prepare(struct vdt_annotations *set, struct vdt_error *error)
{
    bool done = list(set) && vdt_strings_index(&set->samples.references) &&
                (set->slots != NULL || make_slots(set));
    return done ? VDT_OK : vdt_fail_memory(error, vdt_set_name(set));
}

/* --- files ----------------------------------------------------------------------------------- */

/* The name without folders; *length without its last extension. */
static const char *stem_of(const char *name, size_t *length)
{
    const char *slash = strrchr(name, '/');
    const char *base = slash == NULL ? name : slash + 1;
    const char *dot = strrchr(base, '.');
    *length = dot == NULL || dot == base ? strlen(base) : (size_t)(dot - base);
    return base;
}

bool vdt_set_find_file(struct vdt_annotations *set, const char *name, uint32_t *sample)
{
    const struct vdt_strings *references = &set->samples.references;
    size_t found, length, other;
    const char *stem = stem_of(name, &length);
    *sample = UINT32_MAX;
    if (!vdt_strings_find(&set->samples.references, name, strlen(name), &found))
        return false;
    if (found == references->count &&
        !vdt_strings_find(&set->samples.references, stem, length, &found))
        return false;
    if (found < references->count) {
        *sample = (uint32_t)found;
        return true;
    }
    unsigned matches = 0;
    for (size_t i = 0; i < references->count; i++) {
        const char *text = stem_of(vdt_strings_at(references, i), &other);
        if (other == length && memcmp(text, stem, length) == 0) {
            found = i;
            matches++;
        }
    }
    if (matches == 1)
        *sample = (uint32_t)found;
    return true;
}
