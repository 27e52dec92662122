/* What a sample has: its records in order, with what replaced what. */
#include <string.h>

#include "annotate/runs/run_state.h"
#include "base/error.h"

void vdt_run_view_clear(struct vdt_run_view *view)
{
    free(view->items);
    free(view->records);
    *view = (struct vdt_run_view){0};
}

static vdt_status damaged(const struct vdt_run *run, struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_FORMAT, "%s: a record is damaged", run->log.path);
}

const char *vdt_run_live_id(const struct vdt_run_live *live)
{
    return live->type == VDT_RUN_ITEMS ? vdt_run_item_id(live->at, live->left) : NULL;
}

/* Where the records of the sample are, oldest first. */
static vdt_status find_records(const struct vdt_run *run, uint32_t sample,
                               struct vdt_run_view *view, size_t *count, struct vdt_error *error)
{
    size_t found = 0;
    uint64_t at = run->places[sample].last;
    while (at != 0) {
        struct vdt_run_head head;
        struct vdt_run_block block;
        const void *record = vdt_run_log_record(&run->log, at, &head);
        if (record == NULL || head.size < sizeof block)
            return damaged(run, error);
        memcpy(&block, record, sizeof block);
        if (block.previous >= at)
            return damaged(run, error);
        if (!vdt_grow(&view->records, &view->record_room, found + 1, sizeof *view->records))
            return vdt_fail_memory(error, run->log.path);
        view->records[found++] = at;
        at = block.previous;
    }
    for (size_t i = 0; i < found / 2; i++) {
        uint64_t swap = view->records[i];
        view->records[i] = view->records[found - 1 - i];
        view->records[found - 1 - i] = swap;
    }
    *count = found;
    return VDT_OK;
}

/* Removes annotations without ids of the kinds in `has`. */
static void forget(struct vdt_run_view *view, uint32_t has)
{
    size_t kept = 0;
    for (size_t i = 0; i < view->count; i++)
        if ((view->items[i].has & has) == 0)
            view->items[kept++] = view->items[i];
    view->count = kept;
}

static void forget_id(struct vdt_run_view *view, const char *id)
{
    size_t kept = 0;
    for (size_t i = 0; i < view->count; i++) {
        const char *other = vdt_run_live_id(&view->items[i]);
        if (other == NULL || strcmp(other, id) != 0)
            view->items[kept++] = view->items[i];
    }
    view->count = kept;
}

static bool add_live(struct vdt_run_view *view, struct vdt_run_live live)
{
    if (!vdt_grow(&view->items, &view->room, view->count + 1, sizeof *view->items))
        return false;
    view->items[view->count++] = live;
    return true;
}

static vdt_status add_items(const struct vdt_run *run, const struct vdt_run_block *block,
                            const unsigned char *at, uint32_t left, struct vdt_run_view *view,
                            struct vdt_error *error)
{
    for (uint32_t i = 0; i < block->count; i++) {
        uint32_t kind;
        uint32_t size = vdt_run_item_size(at, left, &kind);
        if (size == 0)
            return damaged(run, error);
        struct vdt_run_live live = {at, left, VDT_RUN_ITEMS, VDT_RUN_HAS_IDS};
        const char *id = vdt_run_item_id(at, left);
        if (id == NULL)
            live.has = kind == VDT_ANNOTATION_LABEL ? VDT_RUN_HAS_LABELS : VDT_RUN_HAS_SHAPES;
        else if (block->mode == VDT_RUN_UPDATE)
            forget_id(view, id);
        if (!add_live(view, live))
            return vdt_fail_memory(error, run->log.path);
        at += size;
        left -= size;
    }
    return VDT_OK;
}

static vdt_status apply_record(const struct vdt_run *run, const struct vdt_run_head *head,
                               const unsigned char *bytes, struct vdt_run_view *view,
                               struct vdt_error *error)
{
    struct vdt_run_block block;
    memcpy(&block, bytes, sizeof block);
    const unsigned char *at = bytes + sizeof block;
    uint32_t left = head->size - (uint32_t)sizeof block;
    if (block.mode == VDT_RUN_UPDATE)
        forget(view, block.has & (VDT_RUN_HAS_SHAPES | VDT_RUN_HAS_LABELS));
    switch (head->type) {
    case VDT_RUN_ITEMS: return add_items(run, &block, at, left, view, error);
    case VDT_RUN_BOXES:
        if (left / sizeof(struct vdt_run_box) < block.count)
            return damaged(run, error);
        for (uint32_t i = 0; i < block.count; i++, at += sizeof(struct vdt_run_box))
            if (!add_live(view, (struct vdt_run_live){at, sizeof(struct vdt_run_box), VDT_RUN_BOXES,
                                                      VDT_RUN_HAS_SHAPES}))
                return vdt_fail_memory(error, run->log.path);
        return VDT_OK;
    case VDT_RUN_SCORES:
        return add_live(view, (struct vdt_run_live){at, left, VDT_RUN_SCORES, VDT_RUN_HAS_LABELS})
                   ? VDT_OK
                   : vdt_fail_memory(error, run->log.path);
    case VDT_RUN_RASTER:
        view->raster = (const struct vdt_run_raster_head *)at;
        return left < sizeof *view->raster || left - sizeof *view->raster < view->raster->stored
                   ? damaged(run, error)
                   : VDT_OK;
    case VDT_RUN_DROP:
        if (left == 0 || at[left - 1] != '\0')
            return damaged(run, error);
        if (at[0] != '\0') {
            forget_id(view, (const char *)at);
        } else {
            view->count = 0;
            view->raster = NULL;
        }
        return VDT_OK;
    default: return VDT_OK;
    }
}

vdt_status vdt_run_resolve(const struct vdt_run *run, uint32_t sample, struct vdt_run_view *view,
                           struct vdt_error *error)
{
    size_t count = 0;
    view->count = 0;
    view->raster = NULL;
    vdt_status status = find_records(run, sample, view, &count, error);
    for (size_t i = 0; status == VDT_OK && i < count; i++) {
        struct vdt_run_head head;
        const unsigned char *bytes = vdt_run_log_record(&run->log, view->records[i], &head);
        status = apply_record(run, &head, bytes, view, error);
    }
    return status;
}

/* --- one annotation ----------------------------------------------------------------------------
 */

static vdt_status class_text(const struct vdt_run *run, uint32_t class_id, const char **text,
                             struct vdt_error *error)
{
    if (class_id >= run->classes.count)
        return damaged(run, error);
    *text = vdt_texts_get(&run->classes, class_id);
    return VDT_OK;
}

static vdt_status read_box(const struct vdt_run *run, const struct vdt_run_live *live,
                           struct vdt_run_labels *labels, struct vdt_annotation *annotation,
                           struct vdt_error *error)
{
    const struct vdt_run_box *box = (const struct vdt_run_box *)live->at;
    if (!vdt_grow(&labels->labels, &labels->room, 1, sizeof *labels->labels))
        return vdt_fail_memory(error, run->log.path);
    *annotation = (struct vdt_annotation){.kind = VDT_ANNOTATION_BOX, .label_count = 1};
    memcpy(annotation->box, box->box, sizeof box->box);
    labels->labels[0] = (struct vdt_label){.key = "class", .score = box->score};
    annotation->labels = labels->labels;
    return class_text(run, box->class_id, &labels->labels[0].value, error);
}

static vdt_status read_scores(const struct vdt_run *run, const struct vdt_run_live *live,
                              struct vdt_run_labels *labels, struct vdt_annotation *annotation,
                              struct vdt_error *error)
{
    uint32_t count = live->left / (uint32_t)sizeof(double);
    if (!vdt_grow(&labels->labels, &labels->room, count, sizeof *labels->labels))
        return vdt_fail_memory(error, run->log.path);
    const double *scores = (const double *)live->at;
    *annotation = (struct vdt_annotation){.kind = VDT_ANNOTATION_LABEL, .label_count = count};
    annotation->labels = labels->labels;
    vdt_status status = VDT_OK;
    for (uint32_t i = 0; i < count && status == VDT_OK; i++) {
        labels->labels[i] = (struct vdt_label){.key = "class", .score = scores[i]};
        status = class_text(run, i, &labels->labels[i].value, error);
    }
    return status;
}

vdt_status vdt_run_live_read(const struct vdt_run *run, const struct vdt_run_live *live,
                             struct vdt_run_labels *labels, struct vdt_annotation *annotation,
                             struct vdt_error *error)
{
    if (live->type == VDT_RUN_BOXES)
        return read_box(run, live, labels, annotation, error);
    if (live->type == VDT_RUN_SCORES)
        return read_scores(run, live, labels, annotation, error);
    size_t size;
    return vdt_run_decode(live->at, live->left, run->log.path, annotation, &labels->labels,
                          &labels->room, &size, error);
}
