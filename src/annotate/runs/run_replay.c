/* From the log to what samples have. */
#include <string.h>

#include "annotate/runs/run_state.h"
#include "base/error.h"
#include "base/json.h"

uint32_t vdt_run_place_add(struct vdt_run *run, const char *reference, uint32_t rows, uint32_t cols)
{
    bool added;
    uint32_t sample = vdt_texts_add(&run->references, reference, &added);
    if (sample == VDT_NO_TEXT || !added)
        return sample;
    if (!vdt_grow(&run->places, &run->place_room, (size_t)sample + 1, sizeof *run->places))
        return VDT_NO_TEXT;
    run->places[sample] = (struct vdt_run_place){.rows = rows, .cols = cols};
    return sample;
}

static vdt_status damaged(const struct vdt_run *run, const char *what, struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_FORMAT, "%s: %s", run->log.path, what);
}

static vdt_status replay_json(struct vdt_run *run, bool header, const char *bytes, size_t size,
                              struct vdt_error *error)
{
    json_error_t problem;
    json_t *value = json_loadb(bytes, size, 0, &problem);
    if (!json_is_object(value)) {
        json_decref(value);
        return damaged(run, "its header is no JSON object", error);
    }
    if (header) {
        json_decref(run->header);
        run->header = value;
        return VDT_OK;
    }
    return json_object_set_new(run->header, "metadata", value) == 0
               ? VDT_OK
               : vdt_fail_memory(error, run->log.path);
}

static vdt_status replay_sample(struct vdt_run *run, const unsigned char *bytes, size_t size,
                                struct vdt_error *error)
{
    struct vdt_run_sample_head head;
    if (size <= sizeof head || bytes[size - 1] != '\0')
        return damaged(run, "a sample has no reference", error);
    memcpy(&head, bytes, sizeof head);
    uint32_t known = run->references.count;
    uint32_t sample =
        vdt_run_place_add(run, (const char *)bytes + sizeof head, head.rows, head.cols);
    if (sample == VDT_NO_TEXT || !vdt_grow(&run->logged, &run->logged_room,
                                           (size_t)run->logged_count + 1, sizeof *run->logged))
        return vdt_fail_memory(error, run->log.path);
    struct vdt_run_place *place = &run->places[sample];
    if (run->references.count > known && *run->store_uuid != '\0' && run->fixed) {
        place->vanished = true;
        run->vanished++;
    }
    run->logged[run->logged_count++] = sample;
    place->logged = run->logged_count;
    return VDT_OK;
}

static uint32_t live_bits(const struct vdt_run_view *view)
{
    uint32_t has = view->raster == NULL ? 0 : VDT_RUN_HAS_RASTER;
    for (size_t i = 0; i < view->count; i++)
        has |= view->items[i].has;
    return has;
}

/* A record of one sample: what it leaves there. Only what takes something away has to look at what
 * was there before. */
static vdt_status replay_block(struct vdt_run *run, uint64_t record,
                               const struct vdt_run_head *head, const unsigned char *bytes,
                               struct vdt_run_view *view, struct vdt_error *error)
{
    struct vdt_run_block block;
    if (head->size < sizeof block)
        return damaged(run, "a record is too short", error);
    memcpy(&block, bytes, sizeof block);
    if (block.sample >= run->logged_count)
        return damaged(run, "a record is of no sample", error);
    uint32_t sample = run->logged[block.sample];
    struct vdt_run_place *place = &run->places[sample];
    if (block.previous != place->last)
        return damaged(run, "a record does not follow the one before", error);
    place->last = record;
    place->has |= block.has;
    place->predicted = true;
    place->count += block.count;
    if (head->type != VDT_RUN_DROP && block.mode != VDT_RUN_UPDATE)
        return VDT_OK;
    if (head->type == VDT_RUN_DROP && head->size > sizeof block && bytes[sizeof block] == '\0')
        place->predicted = false;
    vdt_status status = vdt_run_resolve(run, sample, view, error);
    place->count = (uint32_t)view->count;
    place->has = live_bits(view);
    return status;
}

static vdt_status replay_record(struct vdt_run *run, uint64_t record,
                                const struct vdt_run_head *head, struct vdt_run_view *view,
                                struct vdt_error *error)
{
    struct vdt_run_head again;
    const unsigned char *bytes = vdt_run_log_record(&run->log, record, &again);
    bool added;
    switch (head->type) {
    case VDT_RUN_HEADER:
    case VDT_RUN_METADATA:
        return replay_json(run, head->type == VDT_RUN_HEADER, (const char *)bytes, head->size,
                           error);
    case VDT_RUN_SAMPLE: return replay_sample(run, bytes, head->size, error);
    case VDT_RUN_CLASS:
        if (head->size == 0 || bytes[head->size - 1] != '\0')
            return damaged(run, "a class has no name", error);
        return vdt_texts_add(&run->classes, (const char *)bytes, &added) == VDT_NO_TEXT
                   ? vdt_fail_memory(error, run->log.path)
                   : VDT_OK;
    case VDT_RUN_ITEMS:
    case VDT_RUN_BOXES:
    case VDT_RUN_SCORES:
    case VDT_RUN_RASTER:
    case VDT_RUN_MARK:
    case VDT_RUN_DROP: return replay_block(run, record, head, bytes, view, error);
    default:
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "%s: a record of a kind that this version does not know", run->log.path);
    }
}

vdt_status vdt_run_replay(struct vdt_run *run, struct vdt_error *error)
{
    struct vdt_run_cursor cursor = {0};
    struct vdt_run_head head;
    struct vdt_run_view view = {0};
    vdt_status status = VDT_OK;
    while (status == VDT_OK && vdt_run_log_next(&run->log, &cursor, &head)) {
        if ((run->header == NULL) != (head.type == VDT_RUN_HEADER))
            status = damaged(run, "the header is not where it should be", error);
        else
            status = replay_record(run, cursor.record, &head, &view, error);
    }
    vdt_run_view_clear(&view);
    if (status == VDT_OK && run->header == NULL)
        status = damaged(run, "there is no header", error);
    return status;
}
