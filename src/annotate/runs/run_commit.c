/* Freezing a run: one file, put in its place at once. */
#include "annotate/runs/run_commit.h"

#include <string.h>
#include <unistd.h>

#include "annotate/runs/run_file.h"
#include "annotate/sets/set.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "base/path.h"

static void free_writer(struct vdt_table_writer **writer)
{
    vdt_table_writer_free(*writer);
}

static void free_view(struct vdt_run_view *view)
{
    vdt_run_view_clear(view);
}

/* The run's samples as those of a set: all of them, predicted or not. */
static vdt_status make_set(struct vdt_run *run, struct vdt_annotations **set,
                           struct vdt_error *error)
{
    bool bound = *run->store_uuid != '\0';
    uint64_t index = 0;
    uint32_t group = 0, sample;
    *set = vdt_set_new();
    bool good = *set != NULL;
    if (good)
        (*set)->bound = bound;
    if (good && bound)
        good = vdt_set_group(*set, vdt_run_header_text(run->header, "group"), &group);
    for (uint32_t i = 0; i < run->references.count && good; i++) {
        const struct vdt_run_place *place = &run->places[i];
        struct vdt_set_sample row = {.rows = place->rows,
                                     .cols = place->cols,
                                     .group = group,
                                     .index = bound && !place->vanished ? index++ : UINT64_MAX,
                                     .code = INT64_MIN,
                                     .marked = place->predicted};
        good = vdt_set_add_sample(*set, vdt_texts_get(&run->references, i), &row, &sample);
    }
    return good ? VDT_OK : vdt_fail_memory(error, run->path);
}

/* --- rasters -------------------------------------------------------------------------------------
 */

/* What is known of each raster before its bytes are written. */
struct rasters {
    uint32_t *sample;
    uint32_t (*shape)[3]; /* dtype, rows, cols */
    uint64_t *offsets;    /* [count + 1] */
    size_t count, sample_room, shape_room, offset_room;
};

static void clear_rasters(struct rasters *rasters)
{
    free(rasters->sample);
    free(rasters->shape);
    free(rasters->offsets);
}

static bool note_raster(struct rasters *rasters, uint32_t sample,
                        const struct vdt_run_raster_head *head)
{
    size_t count = rasters->count;
    if (!vdt_grow(&rasters->sample, &rasters->sample_room, count + 1, sizeof *rasters->sample) ||
        !vdt_grow(&rasters->shape, &rasters->shape_room, count + 1, sizeof *rasters->shape) ||
        !vdt_grow(&rasters->offsets, &rasters->offset_room, count + 2, sizeof *rasters->offsets))
        return false;
    if (count == 0)
        rasters->offsets[0] = 0;
    rasters->sample[count] = sample;
    rasters->shape[count][0] = head->dtype;
    rasters->shape[count][1] = head->rows;
    rasters->shape[count][2] = head->cols;
    rasters->offsets[count + 1] = rasters->offsets[count] + head->stored;
    rasters->count++;
    return true;
}

static vdt_status find_rasters(struct vdt_run *run, struct rasters *rasters,
                               struct vdt_run_view *view, struct vdt_error *error)
{
    for (uint32_t s = 0; s < run->references.count; s++) {
        if ((run->places[s].has & VDT_RUN_HAS_RASTER) == 0)
            continue;
        vdt_status status = vdt_run_resolve(run, s, view, error);
        if (status != VDT_OK)
            return status;
        if (view->raster != NULL && !note_raster(rasters, s, view->raster))
            return vdt_fail_memory(error, run->path);
    }
    return VDT_OK;
}

vdt_status vdt_run_write_rasters(struct vdt_run *run, struct vdt_table_writer *writer,
                                 struct vdt_error *error)
{
    vdt_cleanup(clear_rasters) struct rasters rasters = {0};
    vdt_cleanup(free_view) struct vdt_run_view view = {0};
    vdt_status status = find_rasters(run, &rasters, &view, error);
    if (status != VDT_OK || rasters.count == 0)
        return status;
    size_t count = rasters.count;
    status =
        vdt_table_writer_put(writer, "rasters/sample", VDT_UINT32, count, 1, rasters.sample, error);
    if (status == VDT_OK)
        status = vdt_table_writer_put(writer, "rasters/shape", VDT_UINT32, count, 3, rasters.shape,
                                      error);
    if (status == VDT_OK)
        status = vdt_table_writer_put(writer, "rasters/offsets", VDT_UINT64, count + 1, 1,
                                      rasters.offsets, error);
    if (status == VDT_OK)
        status = vdt_table_writer_column(writer, "rasters/lz4", VDT_UINT8, rasters.offsets[count],
                                         1, error);
    for (size_t i = 0; i < count && status == VDT_OK; i++) {
        status = vdt_run_resolve(run, rasters.sample[i], &view, error);
        if (status == VDT_OK)
            status = vdt_table_writer_append(writer, view.raster + 1, view.raster->stored, error);
    }
    return status;
}

/* --- all of it -----------------------------------------------------------------------------------
 */

static vdt_status write_texts(struct vdt_run *run, struct vdt_table_writer *writer,
                              struct vdt_error *error)
{
    char now[VDT_RUN_TIME_SIZE];
    vdt_run_time(now);
    json_t *classes = json_array();
    for (uint32_t i = 0; i < run->classes.count; i++)
        json_array_append_new(classes, json_string(vdt_texts_get(&run->classes, i)));
    json_object_set_new(run->header, "classes", classes);
    json_object_set_new(run->header, "committed_at", json_string(now));
    vdt_cleanup(vdt_free_pointer) char *text = vdt_json_text(run->header);
    if (text == NULL)
        return vdt_fail_memory(error, run->path);
    vdt_status status = vdt_table_writer_text(writer, "vedatile_annotations", "1.0", error);
    if (status == VDT_OK)
        status = vdt_table_writer_text(writer, "run", text, error);
    if (status == VDT_OK)
        status = vdt_table_writer_text(writer, "store_uuid", run->store_uuid, error);
    if (status == VDT_OK)
        status = vdt_table_writer_text(writer, "group", vdt_run_header_text(run->header, "group"),
                                       error);
    return status;
}

static vdt_status write_file(struct vdt_run *run, const struct vdt_annotations *set,
                             struct vdt_error *error)
{
    vdt_cleanup(free_writer) struct vdt_table_writer *writer = NULL;
    vdt_status status = vdt_table_writer_open(run->path, &writer, error);
    if (status == VDT_OK)
        status = write_texts(run, writer, error);
    if (status == VDT_OK)
        status = vdt_set_write(set, writer, error);
    if (status == VDT_OK)
        status = vdt_run_write_rasters(run, writer, error);
    return status == VDT_OK ? vdt_table_writer_finish(writer, NULL, error) : status;
}

vdt_status vdt_run_commit(struct vdt_run *run, vdt_progress_fn progress, void *payload,
                          struct vdt_error *error)
{
    vdt_status status = vdt_run_open_check(run, error);
    if (status == VDT_OK)
        status = vdt_run_log_end(&run->log, error); /* a batch that is not ended belongs to it */
    if (status == VDT_OK)
        status = vdt_run_denied(run->path, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_set_cleanup) struct vdt_annotations *set = NULL;
    status = make_set(run, &set, error);
    if (status == VDT_OK)
        status = vdt_run_gather(run, &set->records, progress, payload, error);
    if (status == VDT_OK)
        status = write_file(run, set, error);
    if (status != VDT_OK)
        return status;
    run->committed = true;
    /* The run is committed from here on, whatever becomes of the log: it is removed by whoever
     * finds it. */
    unlink(run->log.path);
    return VDT_OK;
}
