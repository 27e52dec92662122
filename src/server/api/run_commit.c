/* POST /v1/runs/{id}/commit: an open run is frozen, its file is written, and it is committed with
 * an evaluation asked for, or it is open again. Who comes second finds it frozen. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "server/api/evaluations.h"
#include "server/api/runs.h"
#include "server/blobs/failpoint.h"
#include "server/evals/evals.h"
#include "server/evals/run_file.h"
#include "server/meta/evaluations.h"
#include "server/meta/fields.h"
#include "server/net/reply.h"
#include "server/server.h"

struct commit {
    struct vdt_request *request;
    struct vdt_server *server;
    struct vdt_meta_run run; /* as it was when it was frozen */
    struct vdt_run_file file;
    char *parameters; /* of the evaluation; NULL: none is asked for */
};

static void clear_commit(struct commit *commit)
{
    vdt_meta_run_clear(&commit->run);
    free(commit->parameters);
}

/* {"evaluate"?: false, "parameters"?: {...}} */
static vdt_status read_wish(struct commit *commit, struct vdt_error *error)
{
    static const char *const names[] = {"evaluate", "parameters", NULL};
    json_t *body = NULL;
    vdt_status status = VDT_OK;
    if (vdt_request_body(commit->request)->size > 0)
        status = vdt_request_json(commit->request, &body, error);
    if (status == VDT_OK && body != NULL)
        status = vdt_fields_only(body, names, error);
    if (status != VDT_OK)
        return status;
    const json_t *evaluate = json_object_get(body, "evaluate");
    if (evaluate != NULL && !json_is_boolean(evaluate))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "evaluate: must be true or false");
    status =
        vdt_evaluation_parameters(json_object_get(body, "parameters"), &commit->parameters, error);
    if (status == VDT_OK && json_is_false(evaluate)) {
        free(commit->parameters);
        commit->parameters = NULL;
    }
    return status;
}

/* VDT_END: it has replied. */
static vdt_status freeze(struct commit *commit, struct vdt_error *error)
{
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_status status = vdt_db_begin(commit->server->db, VDT_DB_WRITE, &session, error);
    if (status == VDT_OK)
        status = vdt_api_run_open(commit->request, session, &commit->run, error);
    if (status == VDT_OK && commit->run.predicted == 0) {
        vdt_reply_error(commit->request, 409, "RunEmpty",
                        "run %s: has no predictions; send some, or mark what is predicted",
                        commit->run.slug);
        return VDT_END;
    }
    if (status == VDT_OK &&
        commit->parameters != NULL) /* so that a set that is not there is told */
        status = vdt_evaluation_pin_labels(session, &commit->run, &commit->parameters, error);
    if (status == VDT_OK)
        status = vdt_meta_run_begin_commit(session, commit->run.id, error);
    return status == VDT_OK ? vdt_db_commit(&session, error) : status;
}

static void thaw(struct commit *commit)
{
    struct vdt_error error = {.status = VDT_OK};
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_status status = vdt_db_begin(commit->server->db, VDT_DB_WRITE, &session, &error);
    if (status == VDT_OK)
        status = vdt_meta_run_reopen(session, commit->run.id, &error);
    if (status == VDT_OK)
        status = vdt_db_commit(&session, &error);
    if (status != VDT_OK)
        vdt_server_warn(commit->server, "commit", "run %s: %s", commit->run.slug, error.message);
    if (commit->file.blob[0] != '\0')
        (void)vdt_blobs_remove(commit->server->blobs, commit->file.blob, NULL);
}

static vdt_status finish(struct commit *commit, struct vdt_session *session, json_t **answer,
                         struct vdt_error *error)
{
    vdt_cleanup(vdt_meta_run_clear) struct vdt_meta_run run = {0};
    const struct vdt_caller *caller = vdt_request_caller(commit->request);
    const struct vdt_meta_run_file file = {.blob = commit->file.blob,
                                           .size = commit->file.size,
                                           .file_digest = commit->file.digest,
                                           .content_digest = commit->file.content_digest};
    char slug[VDT_SLUG_SIZE + 1] = "";
    bool fresh = false;
    vdt_status status = vdt_meta_run_end_commit(session, commit->run.id, &file, error);
    if (status == VDT_OK && commit->parameters != NULL)
        status = vdt_evaluation_ask(session, caller->user, &commit->run, commit->parameters, false,
                                    slug, &fresh, error);
    if (status == VDT_OK)
        status = vdt_api_run_find(commit->request, session, true, &run, error);
    if (status == VDT_OK)
        status = vdt_api_run_note(commit->request, session, "run.commit", &run, 200, error);
    if (status != VDT_OK)
        return status;
    *answer = vdt_meta_run_document(&run, caller, vdt_request_base(commit->request));
    json_object_set_new(*answer, "evaluation", slug[0] == '\0' ? json_null() : json_string(slug));
    return *answer == NULL ? vdt_fail_memory(error, "run") : VDT_OK;
}

static vdt_status write_down(struct commit *commit, json_t **answer, struct vdt_error *error)
{
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    const char *root = commit->server->options.root;
    vdt_failpoint(root, "run-commit.frozen");
    vdt_status status = vdt_run_file_write(commit->server, &commit->run, &commit->file, error);
    vdt_failpoint(root, "run-commit.written");
    if (status == VDT_OK)
        status = vdt_db_begin(commit->server->db, VDT_DB_WRITE, &session, error);
    if (status == VDT_OK)
        status = finish(commit, session, answer, error);
    if (status == VDT_OK)
        status = vdt_db_commit(&session, error);
    vdt_failpoint(root, "run-commit.committed");
    return status;
}

void vdt_handle_run_commit(struct vdt_request *request)
{
    struct vdt_error error = {.status = VDT_OK};
    vdt_cleanup(clear_commit) struct commit commit = {.request = request,
                                                      .server = vdt_request_server(request)};
    json_t *answer = NULL;
    vdt_status status = read_wish(&commit, &error);
    if (status == VDT_OK)
        status = freeze(&commit, &error);
    if (status != VDT_OK) {
        if (status < 0)
            vdt_reply_failure(request, &error);
        return;
    }
    status = write_down(&commit, &answer, &error);
    if (status != VDT_OK) {
        json_decref(answer);
        thaw(&commit);
        vdt_reply_failure(request, &error);
        return;
    }
    vdt_evals_wake(commit.server->evals);
    vdt_reply_json(request, 200, answer);
}
