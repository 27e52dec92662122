/* Annotations of a log, sorted. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "annotate/records/check.h"
#include "annotate/runs/run_commit.h"
#include "base/cleanup.h"
#include "base/error.h"

/* What is sorted. */
struct entry {
    struct vdt_run_live live;
    uint32_t label; /* the first, or most likely, of its labels */
    uint32_t sample;
    double score;
};

struct gather {
    struct vdt_run *run;
    struct vdt_record_columns *records;
    struct entry *entries; /* [count] by sample and order of adding */
    size_t count, room;
    struct vdt_run_view view;
    struct vdt_run_labels labels;
    bool ids; /* one has an id: then all need one */
};

static void clear_gather(struct gather *gather)
{
    free(gather->entries);
    free(gather->labels.labels);
    vdt_run_view_clear(&gather->view);
}

static bool is_class(const struct vdt_label *label)
{
    return label->key == NULL || *label->key == '\0' || strcmp(label->key, "class") == 0;
}

/* The label that an annotation is sorted by: of its classes the most likely, else its first. */
static const struct vdt_label *chief(const struct vdt_annotation *annotation)
{
    const struct vdt_label *best = NULL;
    for (size_t i = 0; i < annotation->label_count; i++) {
        const struct vdt_label *label = &annotation->labels[i];
        if (is_class(label) && (best == NULL || label->score > best->score))
            best = label;
    }
    return best != NULL || annotation->label_count == 0 ? best : annotation->labels;
}

static vdt_status add_entry(struct gather *gather, uint32_t sample, const struct vdt_run_live *live,
                            struct vdt_error *error)
{
    struct vdt_run *run = gather->run;
    struct entry entry = {.live = *live, .sample = sample};
    if (!vdt_grow(&gather->entries, &gather->room, gather->count + 1, sizeof entry))
        return vdt_fail_memory(error, run->path);
    if (live->type == VDT_RUN_BOXES) {
        const struct vdt_run_box *box = (const struct vdt_run_box *)live->at;
        entry.label = box->class_id;
        entry.score = box->score;
    } else {
        struct vdt_annotation annotation;
        vdt_status status = vdt_run_live_read(run, live, &gather->labels, &annotation, error);
        if (status != VDT_OK)
            return status;
        const struct vdt_label *label = chief(&annotation);
        if (label == NULL)
            return vdt_fail(error, VDT_ERR_FORMAT, "%s: a record has no label", run->log.path);
        if (!vdt_record_columns_label(gather->records, label->key, label->value, INT64_MIN,
                                      &entry.label))
            return vdt_fail_memory(error, run->path);
        entry.score = label->score;
        gather->ids |= annotation.id != NULL;
    }
    gather->entries[gather->count++] = entry;
    return VDT_OK;
}

/* --- sorting: by label, keeping the order of samples, then within a cell by score ---------------
 */

struct rank {
    double score;
    size_t at;
};

static int compare_ranks(const void *a, const void *b)
{
    const struct rank *x = a;
    const struct rank *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

static bool by_label(const struct gather *gather, size_t *order)
{
    size_t labels = gather->records->labels.count;
    vdt_cleanup(vdt_free_pointer) size_t *next = vdt_allocate_zero(labels + 1, sizeof *next);
    if (next == NULL)
        return false;
    for (size_t i = 0; i < gather->count; i++)
        next[gather->entries[i].label + 1]++;
    for (size_t label = 0; label < labels; label++)
        next[label + 1] += next[label];
    for (size_t i = 0; i < gather->count; i++)
        order[next[gather->entries[i].label]++] = i;
    return true;
}

static bool by_score(const struct gather *gather, size_t *order)
{
    vdt_cleanup(vdt_free_pointer) struct rank *ranks = NULL;
    size_t room = 0;
    const struct entry *entries = gather->entries;
    for (size_t first = 0; first < gather->count;) {
        size_t end = first + 1;
        bool sorted = true;
        while (end < gather->count && entries[order[end]].label == entries[order[first]].label &&
               entries[order[end]].sample == entries[order[first]].sample) {
            sorted = sorted && entries[order[end]].score <= entries[order[end - 1]].score;
            end++;
        }
        if (!sorted) {
            if (!vdt_grow(&ranks, &room, end - first, sizeof *ranks))
                return false;
            for (size_t i = first; i < end; i++)
                ranks[i - first] = (struct rank){entries[order[i]].score, order[i]};
            qsort(ranks, end - first, sizeof *ranks, compare_ranks);
            for (size_t i = first; i < end; i++)
                order[i] = ranks[i - first].at;
        }
        first = end;
    }
    return true;
}

/* --- rows ----------------------------------------------------------------------------------------
 */

static vdt_status add_row(struct gather *gather, const struct entry *entry, uint64_t row,
                          struct vdt_error *error)
{
    struct vdt_annotation annotation;
    vdt_status status =
        vdt_run_live_read(gather->run, &entry->live, &gather->labels, &annotation, error);
    if (status != VDT_OK)
        return status;
    char id[32];
    annotation.sample = entry->sample;
    annotation.number = row;
    if (gather->ids && annotation.id == NULL) {
        snprintf(id, sizeof id, "#%llu", (unsigned long long)row);
        annotation.id = id;
    }
    if (!annotation.box_given)
        vdt_annotation_bounds(&annotation, annotation.box);
    return vdt_record_columns_add(gather->records, &annotation)
               ? VDT_OK
               : vdt_fail_memory(error, gather->run->path);
}

static vdt_status take_all(struct gather *gather, struct vdt_error *error)
{
    struct vdt_run *run = gather->run;
    vdt_status status = VDT_OK;
    for (uint32_t s = 0; s < run->references.count && status == VDT_OK; s++) {
        if (run->places[s].last == 0)
            continue;
        status = vdt_run_resolve(run, s, &gather->view, error);
        for (size_t i = 0; i < gather->view.count && status == VDT_OK; i++)
            status = add_entry(gather, s, &gather->view.items[i], error);
    }
    return status;
}

vdt_status vdt_run_gather(struct vdt_run *run, struct vdt_record_columns *records,
                          vdt_progress_fn progress, void *payload, struct vdt_error *error)
{
    vdt_cleanup(clear_gather) struct gather gather = {.run = run, .records = records};
    for (uint32_t i = 0; i < run->classes.count; i++) {
        uint32_t label;
        if (!vdt_record_columns_label(records, "class", vdt_texts_get(&run->classes, i), INT64_MIN,
                                      &label))
            return vdt_fail_memory(error, run->path);
    }
    vdt_status status = vdt_run_log_map(&run->log, error);
    if (status == VDT_OK)
        status = take_all(&gather, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_free_pointer) size_t *order = vdt_allocate(gather.count, sizeof *order);
    if (order == NULL || !by_label(&gather, order) || !by_score(&gather, order))
        return vdt_fail_memory(error, run->path);
    for (size_t i = 0; i < gather.count && status == VDT_OK; i++) {
        status = add_row(&gather, &gather.entries[order[i]], i, error);
        if (status == VDT_OK && progress != NULL && i % 65536 == 0 &&
            !progress(i, gather.count, payload))
            status =
                vdt_fail(error, VDT_ERR_CANCELLED, "%s: stopped; the run is still open", run->path);
    }
    return status;
}
