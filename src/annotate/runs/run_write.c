/* All of a call or nothing of it. */
#include "annotate/runs/run_write.h"

#include <string.h>

#include "annotate/runs/run_file.h"
#include "base/error.h"

vdt_status vdt_run_call_begin(struct vdt_run_call *call, struct vdt_run *run,
                              struct vdt_error *error)
{
    *call = (struct vdt_run_call){
        .run = run, .logged = run->logged_count, .classes = run->classes_logged};
    vdt_run_log_undo(&run->log);
    return vdt_run_open_check(run, error);
}

/* What is new since the log was last written: classes, and samples of a free run, which nothing but
 * the log knows, also those that are not predicted. */
static bool log_names(struct vdt_run *run)
{
    while (run->classes_logged < run->classes.count)
        if (!vdt_run_log_class(run, run->classes_logged))
            return false;
    while (*run->store_uuid == '\0' && run->logged_count < run->references.count)
        if (!vdt_run_log_sample(run, run->logged_count))
            return false;
    return true;
}

void *vdt_run_call_block(struct vdt_run_call *call, enum vdt_run_record type, uint32_t sample,
                         const struct vdt_run_block *block, size_t size)
{
    struct vdt_run *run = call->run;
    struct vdt_run_place *place = &run->places[sample];
    if (!log_names(run) || (place->logged == 0 && !vdt_run_log_sample(run, sample)) ||
        !vdt_grow(&call->changes, &call->room, call->count + 1, sizeof *call->changes))
        return NULL;
    struct vdt_run_block head = *block;
    head.sample = place->logged - 1;
    head.previous = place->last;
    uint64_t at = vdt_run_log_position(&run->log);
    unsigned char *bytes = vdt_run_log_add(&run->log, type, sizeof head + size);
    if (bytes == NULL)
        return NULL;
    memcpy(bytes, &head, sizeof head);
    call->changes[call->count++] = (struct vdt_run_change){
        .sample = sample,
        .added = head.count,
        .has = head.has,
        .last = at,
        .look = type == VDT_RUN_DROP || head.mode == VDT_RUN_UPDATE,
        .predicted = true,
    };
    return bytes + sizeof head;
}

/* Numbers that samples and classes got, and no log has. */
static void take_back(struct vdt_run_call *call)
{
    struct vdt_run *run = call->run;
    for (uint32_t i = call->logged; i < run->logged_count; i++)
        run->places[run->logged[i]].logged = 0;
    run->logged_count = call->logged;
    run->classes_logged = call->classes;
    vdt_run_log_undo(&run->log);
}

static vdt_status count_again(struct vdt_run *run, uint32_t sample, struct vdt_run_view *view,
                              struct vdt_error *error)
{
    vdt_status status = vdt_run_log_map(&run->log, error);
    if (status == VDT_OK)
        status = vdt_run_resolve(run, sample, view, error);
    if (status != VDT_OK)
        return status;
    struct vdt_run_place *place = &run->places[sample];
    place->count = (uint32_t)view->count;
    place->has = view->raster == NULL ? 0 : VDT_RUN_HAS_RASTER;
    for (size_t i = 0; i < view->count; i++)
        place->has |= view->items[i].has;
    return VDT_OK;
}

static vdt_status apply(struct vdt_run_call *call, struct vdt_error *error)
{
    struct vdt_run_view view = {0};
    vdt_status status = VDT_OK;
    for (size_t i = 0; i < call->count && status == VDT_OK; i++) {
        const struct vdt_run_change *change = &call->changes[i];
        struct vdt_run_place *place = &call->run->places[change->sample];
        place->last = change->last;
        place->count += change->added;
        place->has |= change->has;
        place->predicted = change->predicted;
        if (change->look)
            status = count_again(call->run, change->sample, &view, error);
    }
    vdt_run_view_clear(&view);
    return status;
}

vdt_status vdt_run_call_end(struct vdt_run_call *call, vdt_status status, struct vdt_error *error)
{
    if (status == VDT_OK)
        status = vdt_run_log_write(&call->run->log, error);
    if (status == VDT_OK)
        status = apply(call, error);
    else
        take_back(call);
    free(call->changes);
    call->changes = NULL;
    return status;
}

vdt_status vdt_run_meet(struct vdt_run *run, uint32_t sample, uint32_t has, uint64_t digest,
                        enum vdt_run_mode mode, enum vdt_run_meeting *meeting,
                        struct vdt_error *error)
{
    const struct vdt_run_place *place = &run->places[sample];
    *meeting = VDT_RUN_NEW;
    if ((place->has & has) == 0 || (mode == VDT_RUN_APPEND && (has & VDT_RUN_HAS_RASTER) == 0))
        return VDT_OK;
    *meeting = mode == VDT_RUN_UPDATE ? VDT_RUN_REPLACES : VDT_RUN_OTHER;
    if (mode == VDT_RUN_UPDATE)
        return VDT_OK;
    vdt_status status = vdt_run_log_map(&run->log, error);
    for (uint64_t at = place->last; at != 0 && status == VDT_OK;) {
        struct vdt_run_head head;
        struct vdt_run_block block;
        const void *record = vdt_run_log_record(&run->log, at, &head);
        if (record == NULL || head.size < sizeof block)
            return vdt_fail(error, VDT_ERR_FORMAT, "%s: a record is damaged", run->log.path);
        memcpy(&block, record, sizeof block);
        if ((block.has & has) != 0 && block.digest == digest)
            *meeting = VDT_RUN_AGAIN;
        bool before = (block.has & has) != 0 && block.mode == VDT_RUN_UPDATE;
        at = *meeting == VDT_RUN_AGAIN || before || head.type == VDT_RUN_DROP ? 0 : block.previous;
    }
    return status;
}

vdt_status vdt_run_exists(const struct vdt_run *run, uint32_t sample, struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_EXISTS,
                    "%s: sample %s has other predictions already; skip what is predicted, give "
                    "ids, or update or append",
                    run->path, vdt_texts_get(&run->references, sample));
}

vdt_status vdt_run_sample_check(const struct vdt_run *run, uint32_t sample, struct vdt_error *error)
{
    if (sample < run->references.count)
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: there is no sample %lu; there are %lu",
                    run->path, (unsigned long)sample, (unsigned long)run->references.count);
}
