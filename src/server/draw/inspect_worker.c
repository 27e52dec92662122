/* An inspection, in a worker. */
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "server/draw/info.h"
#include "server/draw/tables.h"

static void close_reader(struct vdt_reader **reader)
{
    vdt_reader_free(*reader);
}

static vdt_status send_json(struct vdt_job *job, json_t *taken, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *text =
        taken == NULL ? NULL : json_dumps(taken, JSON_COMPACT);
    json_decref(taken);
    if (text == NULL)
        return vdt_fail_memory(error, "store");
    size_t size = strlen(text);
    if (size > VDT_FRAME_MOST)
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "store: what it says of itself is %zu bytes of JSON: at most %d", size,
                        VDT_FRAME_MOST);
    return vdt_job_frame(job, VDT_FRAME_INFO, text, size)
               ? VDT_OK
               : vdt_fail(error, VDT_ERR_IO, "the server does not listen any more");
}

vdt_status vdt_job_inspect(struct vdt_job *job, struct vdt_error *error)
{
    vdt_cleanup(close_reader) struct vdt_reader *reader = NULL;
    vdt_cleanup(vdt_tally_clear) struct vdt_tally tally = {0};
    vdt_status status =
        vdt_reader_open_runs("store", job->runs, job->head.run_count, &reader, error);
    if (status == VDT_OK)
        status = vdt_tally_open(&tally, reader, error);
    if (status == VDT_OK)
        status = send_json(job, vdt_info_json(reader), error);
    if (status == VDT_OK)
        status = vdt_tables_send(job, reader, &tally, error);
    if (status != VDT_OK)
        return status;
    return send_json(job,
                     json_pack("{s:o, s:o, s:o}", "stats", vdt_tally_stats(&tally), "group_bands",
                               vdt_tally_group_bands(&tally), "class_samples",
                               vdt_tally_class_samples(&tally)),
                     error);
}
