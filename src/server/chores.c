#include "server/chores.h"

#include <stdlib.h>
#include <time.h>

#include "base/error.h"
#include "server/meta/annotations.h"
#include "server/meta/db.h"
#include "server/meta/entries.h"
#include "server/meta/runs.h"
#include "server/meta/times.h"

enum { PIECES = 50 /* of removed runs, and of sets, a second */ };

static vdt_status look_at_disk(struct vdt_server *server, struct vdt_error *error)
{
    (void)error;
    vdt_server_look_at_disk(server);
    return VDT_OK;
}

static vdt_status empty_bin(struct vdt_server *server, struct vdt_error *error)
{
    int count = 0;
    return vdt_entries_purge(server->db, vdt_time_now(), &count, error);
}

static vdt_status checkpoint(struct vdt_server *server, struct vdt_error *error)
{
    return vdt_db_checkpoint(server->db, error);
}

static vdt_status write_uploads_down(struct vdt_server *server, struct vdt_error *error)
{
    return vdt_uploads_flush(server->uploads, error);
}

static vdt_status collect(struct vdt_server *server, struct vdt_error *error)
{
    struct vdt_collected done;
    return vdt_collect(&server->collector, &done, error);
}

/* Between two pieces others have their turn. */
static vdt_status sweep(struct vdt_server *server,
                        vdt_status (*piece)(struct vdt_db *db, struct vdt_error *error),
                        struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    for (int i = 0; status == VDT_OK && i < PIECES; i++)
        status = piece(server->db, error);
    return status == VDT_END ? VDT_OK : status;
}

static vdt_status sweep_runs(struct vdt_server *server, struct vdt_error *error)
{
    return sweep(server, vdt_meta_runs_sweep, error);
}

static vdt_status sweep_sets(struct vdt_server *server, struct vdt_error *error)
{
    return sweep(server, vdt_sets_sweep, error);
}

static const struct vdt_chore list[] = {
    {"disk", 1, look_at_disk},     {"uploads", 1, write_uploads_down}, {"collect", 0, collect},
    {"runs", 1, sweep_runs},       {"annotations", 1, sweep_sets},     {"bin", 0, empty_bin},
    {"checkpoint", 0, checkpoint},
};

enum { COUNT = sizeof list / sizeof list[0] };

struct vdt_chores {
    struct vdt_server *server;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool stopping;
    time_t next[COUNT];
};

static time_t seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static void run(struct vdt_chores *chores, size_t i)
{
    struct vdt_error error = {.status = VDT_OK};
    const unsigned seconds =
        list[i].seconds ? list[i].seconds : chores->server->options.housekeeping_seconds;
    if (list[i].run(chores->server, &error))
        vdt_server_warn(chores->server, "housekeeping", "%s: %s", list[i].name, error.message);
    chores->next[i] = seconds_now() + seconds;
}

static void *work(void *payload)
{
    struct vdt_chores *chores = payload;
    pthread_mutex_lock(&chores->lock);
    while (!chores->stopping) {
        for (size_t i = 0; i < COUNT && !chores->stopping; i++)
            if (seconds_now() >= chores->next[i]) {
                pthread_mutex_unlock(&chores->lock);
                run(chores, i);
                pthread_mutex_lock(&chores->lock);
            }
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec++;
        if (!chores->stopping)
            pthread_cond_timedwait(&chores->wake, &chores->lock, &until);
    }
    pthread_mutex_unlock(&chores->lock);
    return NULL;
}

vdt_status vdt_chores_start(struct vdt_server *server, struct vdt_chores **out,
                            struct vdt_error *error)
{
    pthread_condattr_t clock;
    struct vdt_chores *chores = calloc(1, sizeof *chores);
    if (!chores)
        return vdt_fail_memory(error, "the server's housekeeping");
    chores->server = server;
    pthread_mutex_init(&chores->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&chores->wake, &clock);
    pthread_condattr_destroy(&clock);
    if (pthread_create(&chores->thread, NULL, work, chores)) {
        pthread_cond_destroy(&chores->wake);
        pthread_mutex_destroy(&chores->lock);
        free(chores);
        return vdt_fail(error, VDT_ERR_IO, "cannot start the server's housekeeping");
    }
    *out = chores;
    return VDT_OK;
}

void vdt_chores_stop(struct vdt_chores *chores)
{
    if (!chores)
        return;
    pthread_mutex_lock(&chores->lock);
    chores->stopping = true;
    pthread_cond_signal(&chores->wake);
    pthread_mutex_unlock(&chores->lock);
    pthread_join(chores->thread, NULL);
    pthread_cond_destroy(&chores->wake);
    pthread_mutex_destroy(&chores->lock);
    free(chores);
}
