#include "server/net/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "server/net/metrics.h"
#include "server/net/state.h"

struct vdt_log {
    pthread_mutex_t lock;
    char *path; /* NULL: lines go to `line` */
    int fd;
    int level;
    void (*line)(const char *line, size_t size, void *payload);
    void *payload;
};

static vdt_status open_file(const char *path, int *fd, struct vdt_error *error)
{
    const int opened = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (opened < 0)
        return vdt_fail_errno(error, path);
    *fd = opened;
    return VDT_OK;
}

vdt_status vdt_log_open(const struct vdt_server_options *options, struct vdt_log **out,
                        struct vdt_error *error)
{
    struct vdt_log *log = calloc(1, sizeof *log);
    if (!log)
        return vdt_fail_memory(error, "the log");
    pthread_mutex_init(&log->lock, NULL);
    log->fd = -1;
    log->level = options->log_level;
    log->line = options->log_line;
    log->payload = options->payload;
    vdt_status status = VDT_OK;
    if (options->log) {
        log->path = vdt_copy_string(options->log);
        status = log->path ? open_file(log->path, &log->fd, error) : vdt_fail_memory(error, "log");
    }
    if (status) {
        vdt_log_close(log);
        return status;
    }
    *out = log;
    return VDT_OK;
}

vdt_status vdt_log_reopen(struct vdt_log *log, struct vdt_error *error)
{
    int fd = -1;
    if (!log->path)
        return VDT_OK;
    vdt_status status = open_file(log->path, &fd, error);
    if (status)
        return status;
    pthread_mutex_lock(&log->lock);
    close(log->fd);
    log->fd = fd;
    pthread_mutex_unlock(&log->lock);
    return VDT_OK;
}

void vdt_log_write(struct vdt_log *log, int level, json_t *taken)
{
    static const char *const names[] = {"info", "warning", "error"};
    struct timespec now;
    struct tm utc;
    char time[40], text[64];
    if (!taken || level < log->level) {
        json_decref(taken);
        return;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text, sizeof text, "%s.%06ldZ", time, now.tv_nsec / 1000);
    json_object_set_new(taken, "time", json_string(text));
    json_object_set_new(taken, "level", json_string(names[level]));
    /* ASCII only, so that no terminal and no reader of lines is told anything else. */
    char *line = json_dumps(taken, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(12));
    json_decref(taken);
    if (!line)
        return;
    const size_t size = strlen(line);
    line[size] = '\n'; /* in place of the NUL: nobody needs that */
    pthread_mutex_lock(&log->lock);
    if (log->fd >= 0) {
        const ssize_t written = write(log->fd, line, size + 1);
        (void)written; /* a full disk must not stop the server */
    } else if (log->line) {
        log->line(line, size + 1, log->payload);
    }
    pthread_mutex_unlock(&log->lock);
    free(line);
}

void vdt_log_close(struct vdt_log *log)
{
    if (!log)
        return;
    if (log->fd >= 0)
        close(log->fd);
    pthread_mutex_destroy(&log->lock);
    free(log->path);
    free(log);
}

void vdt_request_note(const struct vdt_request *request, bool whole)
{
    struct vdt_server *server = request->net->server;
    const int64_t spent = vdt_now() - request->began;
    vdt_metrics_note(server->metrics, request->match.number, request->code, spent,
                     request->bytes_in, request->bytes_out);
    vdt_log_write(server->log, request->code >= 500 ? 1 : 0,
                  json_pack("{s:s, s:I, s:s, s:s, s:s, s:i, s:f, s:I, s:I, s:s, s:I, s:b}", "event",
                            "request", "request", (json_int_t)request->number, "address",
                            request->address, "method", request->method, "target", request->target,
                            "code", (int)request->code, "ms", (double)(spent / 1000) / 1000, "in",
                            (json_int_t)request->bytes_in, "out", (json_int_t)request->bytes_out,
                            "user", request->caller.name, "token",
                            (json_int_t)request->caller.token, "whole", (int)whole));
}
