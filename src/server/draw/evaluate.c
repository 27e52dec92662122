/* The server's side of an evaluation in a worker. */
#include "server/draw/evaluate.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "server/draw/jobs.h"

enum { WALL_MS = 3600 * 1000 };
#define MEMORY ((uint64_t)4 << 30)

static vdt_status take_frame(void *payload, enum vdt_frame_kind kind, const void *data, size_t size,
                             struct vdt_error *error)
{
    struct vdt_buffer *document = payload;
    if (kind != VDT_FRAME_BYTES || size > VDT_EVALUATION_MOST - document->size)
        return vdt_fail(error, VDT_ERR_FORMAT, "the evaluation's answer cannot be");
    return vdt_buffer_append(document, data, size) ? VDT_OK : vdt_fail_memory(error, "evaluation");
}

vdt_status vdt_draw_evaluate(struct vdt_draw *draw, const struct vdt_evaluate_job *job,
                             struct vdt_buffer *document, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) struct vdt_file_run *runs =
        vdt_allocate(job->store_runs + 2, sizeof *runs);
    vdt_cleanup(vdt_json_release) json_t *parameters = json_loads(job->parameters, 0, NULL);
    vdt_cleanup(vdt_json_release) json_t *request =
        json_pack("{s:O, s:s?, s:b}", "parameters", parameters, "group", job->group, "labels",
                  job->labels.size > 0);
    vdt_cleanup(vdt_free_pointer) char *text = request == NULL ? NULL : vdt_json_text(request);
    if (runs == NULL || text == NULL)
        return vdt_fail_memory(error, "evaluation");
    memcpy(runs, job->store, job->store_runs * sizeof *runs);
    size_t count = job->store_runs;
    if (job->labels.size > 0)
        runs[count++] = job->labels;
    runs[count++] = job->run;
    const struct vdt_draw_job order = {.kind = VDT_JOB_EVALUATE,
                                       .runs = runs,
                                       .run_count = count,
                                       .request = text,
                                       .request_size = strlen(text),
                                       .wall_ms = WALL_MS,
                                       .memory = MEMORY};
    return vdt_draw_run(draw, &order, take_frame, document, error);
}
