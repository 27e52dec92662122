/* Annotations of any kind into the log. */
#include <math.h>
#include <string.h>

#include "annotate/runs/run_check.h"
#include "annotate/runs/run_write.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/random.h"

/* The annotations of one call by sample, in their order. */
struct by_sample {
    uint32_t sample;
    size_t index;
};

static int compare_samples(const void *a, const void *b)
{
    const struct by_sample *x = a;
    const struct by_sample *y = b;
    if (x->sample != y->sample)
        return x->sample < y->sample ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* What one sample gets: items one behind the other, and what is without ids apart from it. */
struct batch {
    struct vdt_run_call *call;
    const struct vdt_annotation *annotations;
    enum vdt_run_mode mode;
    struct vdt_run_counts counts;
    struct vdt_buffer bytes, item;
    struct vdt_run_view view; /* what the sample has */
    bool resolved;
};

static uint32_t content_of(const struct vdt_annotation *annotation)
{
    if (annotation->id != NULL && *annotation->id != '\0')
        return VDT_RUN_HAS_IDS;
    return annotation->kind == VDT_ANNOTATION_LABEL ? VDT_RUN_HAS_LABELS : VDT_RUN_HAS_SHAPES;
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* No id twice on a sample in one call. */
static vdt_status ids_differ(const struct batch *batch, uint32_t sample,
                             const struct by_sample *items, size_t count, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) const char **ids = vdt_allocate(count, sizeof *ids);
    size_t found = 0;
    if (ids == NULL)
        return vdt_fail_memory(error, batch->call->run->path);
    for (size_t i = 0; i < count; i++)
        if (content_of(&batch->annotations[items[i].index]) == VDT_RUN_HAS_IDS)
            ids[found++] = batch->annotations[items[i].index].id;
    if (found > 1)
        qsort(ids, found, sizeof *ids, compare_ids);
    for (size_t i = 1; i < found; i++)
        if (strcmp(ids[i - 1], ids[i]) == 0)
            return vdt_fail(error, VDT_ERR_ARGUMENT, "sample %s: the id '%s' occurs twice",
                            vdt_texts_get(&batch->call->run->references, sample), ids[i]);
    return VDT_OK;
}

static vdt_status has_id(struct batch *batch, uint32_t sample, const char *id, bool *has,
                         struct vdt_error *error)
{
    struct vdt_run *run = batch->call->run;
    *has = false;
    if ((run->places[sample].has & VDT_RUN_HAS_IDS) == 0)
        return VDT_OK;
    if (!batch->resolved) {
        vdt_status status = vdt_run_log_map(&run->log, error);
        if (status == VDT_OK)
            status = vdt_run_resolve(run, sample, &batch->view, error);
        if (status != VDT_OK)
            return status;
        batch->resolved = true;
    }
    for (size_t i = 0; i < batch->view.count && !*has; i++) {
        const char *other = vdt_run_live_id(&batch->view.items[i]);
        *has = other != NULL && strcmp(other, id) == 0;
    }
    return VDT_OK;
}

/* The digest of what has no ids, and which kinds there are. */
static vdt_status digest_of(struct batch *batch, const struct by_sample *items, size_t count,
                            uint64_t *digest, uint32_t *has, struct vdt_error *error)
{
    *digest = VDT_RUN_ITEMS;
    *has = 0;
    for (size_t i = 0; i < count; i++) {
        const struct vdt_annotation *annotation = &batch->annotations[items[i].index];
        uint32_t content = content_of(annotation);
        if (content == VDT_RUN_HAS_IDS)
            continue;
        *has |= content;
        batch->item.size = 0;
        if (!vdt_run_encode(annotation, &batch->item))
            return vdt_fail_memory(error, batch->call->run->path);
        *digest = vdt_hash(*digest, batch->item.data, batch->item.size);
    }
    return VDT_OK;
}

/* Chooses what of a sample's annotations is written, and counts all. */
static vdt_status choose(struct batch *batch, uint32_t sample, const struct by_sample *items,
                         size_t count, enum vdt_run_meeting meeting, struct vdt_run_block *block,
                         struct vdt_error *error)
{
    for (size_t i = 0; i < count; i++) {
        const struct vdt_annotation *annotation = &batch->annotations[items[i].index];
        uint32_t content = content_of(annotation);
        enum vdt_run_meeting met = meeting;
        if (content == VDT_RUN_HAS_IDS) {
            bool has;
            vdt_status status = has_id(batch, sample, annotation->id, &has, error);
            if (status != VDT_OK)
                return status;
            met = !has                            ? VDT_RUN_NEW
                  : batch->mode == VDT_RUN_UPDATE ? VDT_RUN_REPLACES
                                                  : VDT_RUN_AGAIN;
        }
        batch->counts.added += met == VDT_RUN_NEW;
        batch->counts.updated += met == VDT_RUN_REPLACES;
        batch->counts.ignored += met == VDT_RUN_AGAIN;
        if (met == VDT_RUN_AGAIN)
            continue;
        if (!vdt_run_encode(annotation, &batch->bytes))
            return vdt_fail_memory(error, batch->call->run->path);
        block->count++;
        block->has |= content;
    }
    return VDT_OK;
}

static vdt_status add_sample(struct batch *batch, const struct by_sample *items, size_t count,
                             struct vdt_error *error)
{
    struct vdt_run *run = batch->call->run;
    uint32_t sample = items[0].sample;
    struct vdt_run_block block = {.mode = batch->mode};
    uint32_t has;
    enum vdt_run_meeting meeting;
    batch->bytes.size = 0;
    batch->resolved = false;
    vdt_status status = ids_differ(batch, sample, items, count, error);
    if (status == VDT_OK)
        status = digest_of(batch, items, count, &block.digest, &has, error);
    if (status == VDT_OK)
        status = vdt_run_meet(run, sample, has, block.digest, batch->mode, &meeting, error);
    if (status == VDT_OK && meeting == VDT_RUN_OTHER)
        status = vdt_run_exists(run, sample, error);
    if (status == VDT_OK)
        status = choose(batch, sample, items, count, meeting, &block, error);
    if (status != VDT_OK || block.count == 0)
        return status;
    void *place = vdt_run_call_block(batch->call, VDT_RUN_ITEMS, sample, &block, batch->bytes.size);
    if (place == NULL)
        return vdt_fail_memory(error, run->path);
    memcpy(place, batch->bytes.data, batch->bytes.size);
    return VDT_OK;
}

static vdt_status add_samples(struct batch *batch, const struct by_sample *items, size_t count,
                              struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    for (size_t first = 0; first < count && status == VDT_OK;) {
        size_t end = first + 1;
        while (end < count && items[end].sample == items[first].sample)
            end++;
        status = add_sample(batch, items + first, end - first, error);
        first = end;
    }
    return status;
}

vdt_status vdt_run_add(struct vdt_run *run, const struct vdt_annotation *annotations, size_t count,
                       enum vdt_run_mode mode, struct vdt_run_counts *counts,
                       struct vdt_error *error)
{
    struct vdt_run_call call;
    vdt_status status = vdt_run_call_begin(&call, run, error);
    for (size_t i = 0; i < count && status == VDT_OK; i++)
        status = vdt_run_annotation_check(run, i, &annotations[i], error);
    vdt_cleanup(vdt_free_pointer) struct by_sample *items = vdt_allocate(count, sizeof *items);
    if (status == VDT_OK && items == NULL)
        status = vdt_fail_memory(error, run->path);
    for (size_t i = 0; i < count && status == VDT_OK; i++)
        items[i] = (struct by_sample){annotations[i].sample, i};
    struct batch batch = {.call = &call, .annotations = annotations, .mode = mode};
    if (status == VDT_OK) {
        qsort(items, count, sizeof *items, compare_samples);
        status = add_samples(&batch, items, count, error);
    }
    status = vdt_run_call_end(&call, status, error);
    vdt_buffer_clear(&batch.bytes);
    vdt_buffer_clear(&batch.item);
    vdt_run_view_clear(&batch.view);
    if (counts != NULL)
        *counts = status == VDT_OK ? batch.counts : (struct vdt_run_counts){0};
    return status;
}
