/* An evaluation, in a worker. */
#include <string.h>
#include <vedatile/evaluation.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "server/draw/worker.h"

static void free_options(struct vdt_evaluate_options **options)
{
    vdt_evaluate_options_free(*options);
}

static void free_evaluation(struct vdt_evaluation **evaluation)
{
    vdt_evaluation_free(*evaluation);
}

static vdt_status send_text(struct vdt_job *job, const char *text, struct vdt_error *error)
{
    size_t size = strlen(text);
    if (size > VDT_FRAME_MOST)
        return vdt_fail(error, VDT_ERR_FORMAT, "the evaluation is %zu bytes of JSON: at most %d",
                        size, VDT_FRAME_MOST);
    return vdt_job_frame(job, VDT_FRAME_BYTES, text, size)
               ? VDT_OK
               : vdt_fail(error, VDT_ERR_IO, "the server does not listen any more");
}

vdt_status vdt_job_evaluate(struct vdt_job *job, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *request = NULL;
    vdt_cleanup(free_options) struct vdt_evaluate_options *options = NULL;
    vdt_cleanup(free_evaluation) struct vdt_evaluation *evaluation = NULL;
    vdt_status status =
        vdt_json_parse((const char *)job->request, "the evaluation", &request, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_free_pointer) char *text =
        vdt_json_text(json_object_get(request, "parameters"));
    if (text == NULL)
        return vdt_fail_memory(error, "evaluation");
    status = vdt_evaluate_options_read(text, &options, error);
    if (status != VDT_OK)
        return status;
    options->threads = 1; /* a worker cannot begin others */
    if (options->group == NULL)
        options->group = json_string_value(json_object_get(request, "group"));
    status = vdt_evaluate(options, &evaluation, error);
    options->group = NULL;
    return status == VDT_OK ? send_text(job, vdt_evaluation_json(evaluation), error) : status;
}
