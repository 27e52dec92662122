#include "server/evals/evals.h"

#include <dirent.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "server/blobs/failpoint.h"
#include "server/draw/draw.h"
#include "server/evals/evaluate.h"
#include "server/evals/run_file.h"
#include "server/meta/evaluations.h"
#include "server/server.h"

enum { PAUSE_S = 5 /* after a failure that was not the job's */ };

struct vdt_evals {
    struct vdt_server *server;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool stopping, woken;
};

/* --- a job ------------------------------------------------------------------------------------ */

static void clear_job(struct vdt_job_row *job)
{
    free(job->parameters);
}

static vdt_status take_job(struct vdt_server *server, struct vdt_job_row *job,
                           struct vdt_error *error)
{
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_status status = vdt_db_begin(server->db, VDT_DB_WRITE, &session, error);
    if (status == VDT_OK)
        status = vdt_job_take(session, job, error);
    return status == VDT_OK ? vdt_db_commit(&session, error) : status;
}

/* What became of it, in one transaction. VDT_END: it is not there any more. */
static vdt_status end_job(struct vdt_server *server, const struct vdt_job_row *job,
                          vdt_status outcome, const char *message,
                          const struct vdt_evaluated *result, struct vdt_error *error)
{
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_status status = vdt_db_begin(server->db, VDT_DB_WRITE, &session, error);
    if (status == VDT_OK && outcome == VDT_OK)
        status = vdt_job_done(session, job->id, result->document, result->metrics,
                              result->metric_count, error);
    else if (status == VDT_OK && outcome == VDT_ERR_BUSY)
        status = vdt_job_put_back(session, job->id, error);
    else if (status == VDT_OK)
        status = vdt_job_failed(session, job->id, message, error);
    vdt_failpoint(server->options.root, "evaluation.before-commit");
    return status == VDT_OK ? vdt_db_commit(&session, error) : status;
}

static bool is_stopping(struct vdt_evals *evals)
{
    pthread_mutex_lock(&evals->lock);
    bool stopping = evals->stopping;
    pthread_mutex_unlock(&evals->lock);
    return stopping;
}

/* VDT_END: there is none. A failure is the server's own, and the job waits for a better time. */
static vdt_status do_next(struct vdt_evals *evals, struct vdt_error *error)
{
    struct vdt_server *server = evals->server;
    struct vdt_error reason = {.status = VDT_OK};
    vdt_cleanup(clear_job) struct vdt_job_row job = {0};
    vdt_cleanup(vdt_evaluated_clear) struct vdt_evaluated result = {0};
    vdt_status status = take_job(server, &job, error);
    if (status != VDT_OK)
        return status;
    vdt_failpoint(server->options.root, "evaluation.running");
    vdt_status outcome = vdt_server_evaluate(server, &job, &result, &reason);
    if (outcome != VDT_OK && is_stopping(evals))
        outcome = VDT_ERR_BUSY; /* its worker was ended */
    status = end_job(server, &job, outcome, reason.message, &result, error);
    if (status == VDT_OK && outcome == VDT_ERR_BUSY)
        return vdt_fail(error, VDT_ERR_BUSY, "%s", reason.message);
    return status == VDT_END ? VDT_OK : status;
}

/* --- the thread ------------------------------------------------------------------------------- */

static void wait_for_work(struct vdt_evals *evals, bool troubled)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += PAUSE_S;
    pthread_mutex_lock(&evals->lock);
    int late = 0;
    while (!evals->stopping && late == 0 && (troubled || !evals->woken))
        late = troubled ? pthread_cond_timedwait(&evals->wake, &evals->lock, &until)
                        : pthread_cond_wait(&evals->wake, &evals->lock);
    evals->woken = false;
    pthread_mutex_unlock(&evals->lock);
}

static void *work(void *payload)
{
    struct vdt_evals *evals = payload;
    while (!is_stopping(evals)) {
        struct vdt_error error = {.status = VDT_OK};
        vdt_status status = do_next(evals, &error);
        if (status == VDT_OK)
            continue;
        if (status < 0 && !is_stopping(evals))
            vdt_server_warn(evals->server, "evaluation", "%s", error.message);
        wait_for_work(evals, status < 0);
    }
    return NULL;
}

/* What commits of runs that were cut off have left in ROOT/tmp. */
static void remove_leftovers(const struct vdt_server *server)
{
    vdt_cleanup(vdt_free_pointer) char *path = vdt_server_path(server, "tmp");
    DIR *folder = path == NULL ? NULL : opendir(path);
    if (folder == NULL)
        return;
    for (const struct dirent *file; (file = readdir(folder)) != NULL;)
        if (strncmp(file->d_name, VDT_RUN_FILE_PREFIX, strlen(VDT_RUN_FILE_PREFIX)) == 0)
            (void)unlinkat(dirfd(folder), file->d_name, 0);
    closedir(folder);
}

static vdt_status recover(struct vdt_server *server, struct vdt_error *error)
{
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_status status = vdt_db_begin(server->db, VDT_DB_WRITE, &session, error);
    if (status == VDT_OK)
        status = vdt_jobs_recover(session, error);
    if (status == VDT_OK)
        status = vdt_meta_runs_reopen_all(session, error);
    remove_leftovers(server);
    return status == VDT_OK ? vdt_db_commit(&session, error) : status;
}

vdt_status vdt_evals_start(struct vdt_server *server, struct vdt_evals **out,
                           struct vdt_error *error)
{
    pthread_condattr_t clock;
    vdt_status status = recover(server, error);
    if (status != VDT_OK)
        return status;
    struct vdt_evals *evals = calloc(1, sizeof *evals);
    if (evals == NULL)
        return vdt_fail_memory(error, "the server's evaluations");
    evals->server = server;
    pthread_mutex_init(&evals->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&evals->wake, &clock);
    pthread_condattr_destroy(&clock);
    if (pthread_create(&evals->thread, NULL, work, evals) != 0) {
        pthread_cond_destroy(&evals->wake);
        pthread_mutex_destroy(&evals->lock);
        free(evals);
        return vdt_fail(error, VDT_ERR_IO, "cannot start the server's evaluations");
    }
    *out = evals;
    return VDT_OK;
}

void vdt_evals_wake(struct vdt_evals *evals)
{
    if (evals == NULL)
        return;
    pthread_mutex_lock(&evals->lock);
    evals->woken = true;
    pthread_cond_signal(&evals->wake);
    pthread_mutex_unlock(&evals->lock);
}

void vdt_evals_stop(struct vdt_evals *evals)
{
    if (evals == NULL)
        return;
    pthread_mutex_lock(&evals->lock);
    evals->stopping = true;
    pthread_cond_signal(&evals->wake);
    pthread_mutex_unlock(&evals->lock);
    vdt_draw_end(evals->server->draw); /* ends the worker of the job at hand */
    pthread_join(evals->thread, NULL);
    pthread_cond_destroy(&evals->wake);
    pthread_mutex_destroy(&evals->lock);
    free(evals);
}
