#define _DEFAULT_SOURCE
#include "server/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/path.h"
#include "server/blobs/blobs.h"
#include "server/blobs/uploads.h"
#include "server/chores.h"
#include "server/draw/draw.h"
#include "server/evals/evals.h"
#include "server/meta/db.h"
#include "server/meta/entries.h"
#include "server/meta/times.h"
#include "server/net/listener.h"
#include "server/net/log.h"
#include "server/net/metrics.h"

enum { THREADS_LEAST = 4 };

char *vdt_server_path(const struct vdt_server *server, const char *name)
{
    char *path = vdt_path_with(server->options.root, "/");
    char *whole = path ? vdt_path_with(path, name) : NULL;
    free(path);
    return whole;
}

void vdt_server_warn(struct vdt_server *server, const char *event, const char *format, ...)
{
    char text[1400];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    for (char *at = text; *at; at++)
        if ((unsigned char)*at >= 0x7f)
            *at = '?'; /* what is cut may be no UTF-8 */
    vdt_log_write(server->log, 1, json_pack("{s:s, s:s}", "event", event, "message", text));
}

static bool copy(const char **text)
{
    if (!*text)
        return true;
    *text = vdt_copy_string(*text);
    return *text != NULL;
}

static void fill(uint32_t *value, uint32_t otherwise)
{
    if (*value == 0)
        *value = otherwise;
}

static void fill_long(uint64_t *value, uint64_t otherwise)
{
    if (*value == 0)
        *value = otherwise;
}

/* Texts of the copy are owned; on failure they are, too, or NULL. */
static vdt_status copy_options(const struct vdt_server_options *given,
                               struct vdt_server_options *options, struct vdt_error *error)
{
    *options = *given;
    if (!options->listen)
        options->listen = "127.0.0.1:8765";
    const char **texts[] = {&options->root,           &options->listen,     &options->tls_cert,
                            &options->tls_key,        &options->public_url, &options->log,
                            &options->trust_forwarded};
    bool whole = true;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        whole = copy(texts[i]) && whole;
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    fill(&options->threads, cores * 2 > THREADS_LEAST ? (uint32_t)cores * 2 : THREADS_LEAST);
    fill(&options->queue, 256);
    fill(&options->connections, 512);
    fill(&options->connections_per_ip, 64);
    fill(&options->header_seconds, 10);
    fill(&options->idle_seconds, 30);
    fill(&options->request_seconds, 3600);
    fill(&options->stop_seconds, 30);
    fill(&options->housekeeping_seconds, 60);
    fill(&options->keep_seconds, 86400);
    fill(&options->burst, 2000);
    fill(&options->bin_days, VDT_BIN_DAYS);
    fill_long(&options->body_rate, 1024);
    fill_long(&options->upload_most, (uint64_t)1 << 39);
    fill_long(&options->disk_reserve, (uint64_t)1 << 30);
    if (options->rate == 0)
        options->rate = 1000;
    return whole ? VDT_OK : vdt_fail_memory(error, "the server's options");
}

static vdt_status make_folder(const char *path, struct vdt_error *error)
{
    struct stat status;
    if (mkdir(path, 0700) && errno != EEXIST)
        return vdt_fail_errno(error, path);
    if (stat(path, &status) == 0 && !S_ISDIR(status.st_mode))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: is no folder", path);
    return VDT_OK;
}

static vdt_status lock_root(struct vdt_server *server, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *path = vdt_server_path(server, "lock");
    if (!path)
        return vdt_fail_memory(error, "the server");
    server->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (server->lock < 0)
        return vdt_fail_errno(error, path);
    if (flock(server->lock, LOCK_EX | LOCK_NB))
        return vdt_fail(error, VDT_ERR_BUSY,
                        "%s: another server runs on this folder; stop it first",
                        server->options.root);
    return VDT_OK;
}

static vdt_status make_secret(const char *path, unsigned char *secret, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *part = vdt_path_with(path, ".part");
    if (!part)
        return vdt_fail_memory(error, "the server");
    if (getrandom(secret, VDT_SECRET_SIZE, 0) != VDT_SECRET_SIZE)
        return vdt_fail_errno(error, path);
    vdt_cleanup(vdt_close_fd) int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return vdt_fail_errno(error, part);
    vdt_status status = vdt_write_at(fd, secret, VDT_SECRET_SIZE, 0, part, error);
    if (status)
        return status;
    if (fsync(fd) || rename(part, path))
        return vdt_fail_errno(error, path);
    return vdt_sync_folder(path, error);
}

static vdt_status read_secret(struct vdt_server *server, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *path = vdt_server_path(server, "secret");
    if (!path)
        return vdt_fail_memory(error, "the server");
    vdt_cleanup(vdt_close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return make_secret(path, server->secret, error);
    if (fd < 0)
        return vdt_fail_errno(error, path);
    return vdt_read_at(fd, server->secret, VDT_SECRET_SIZE, 0, path, error);
}

static vdt_status open_root(struct vdt_server *server, struct vdt_error *error)
{
    static const char *const folders[] = {"blobs", "tmp"};
    vdt_status status = make_folder(server->options.root, error);
    if (!status)
        status = lock_root(server, error);
    for (size_t i = 0; !status && i < sizeof folders / sizeof folders[0]; i++) {
        vdt_cleanup(vdt_free_pointer) char *path = vdt_server_path(server, folders[i]);
        status = path ? make_folder(path, error) : vdt_fail_memory(error, "the server");
    }
    return status ? status : read_secret(server, error);
}

static vdt_status open_parts(struct vdt_server *server, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *database = vdt_server_path(server, "catalog.db");
    vdt_cleanup(vdt_free_pointer) char *blobs = vdt_server_path(server, "blobs");
    if (!database || !blobs)
        return vdt_fail_memory(error, "the server");
    vdt_status status = vdt_log_open(&server->options, &server->log, error);
    if (!status)
        status = vdt_db_open(database, true, &server->db, error);
    if (!status)
        status = vdt_blobs_open_folder(blobs, &server->blobs, error);
    if (!status)
        status = vdt_uploads_new(server->db, server->blobs, &server->uploads, error);
    if (!status)
        status = vdt_metrics_open(&server->metrics, error);
    server->collector = (struct vdt_collector){
        .db = server->db,
        .blobs = server->blobs,
        .uploads = server->uploads,
        .root = server->options.root,
        .keep = (int64_t)server->options.keep_seconds * VDT_SECOND,
    };
    vdt_server_look_at_disk(server);
    return status;
}

void vdt_server_look_at_disk(struct vdt_server *server)
{
    struct statvfs disk;
    if (statvfs(server->options.root, &disk))
        return;
    const uint64_t left = (uint64_t)disk.f_bavail * disk.f_frsize;
    const uint64_t reserve = server->options.disk_reserve;
    atomic_store(&server->disk_free, left > reserve ? left - reserve : 0);
}

bool vdt_server_has_room(const struct vdt_server *server, uint64_t bytes)
{
    const uint64_t left = atomic_load(&server->disk_free);
    return left > 0 && bytes <= left;
}

static vdt_status check_options(const struct vdt_server_options *options, struct vdt_error *error)
{
    if (!options->root || !*options->root)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "a server needs a root folder");
    if (!options->tls_cert != !options->tls_key)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "a certificate and its key are given together");
    return VDT_OK;
}

vdt_status vdt_server_start(const struct vdt_server_options *options, struct vdt_server **out,
                            struct vdt_error *error)
{
    vdt_status status = check_options(options, error);
    if (status)
        return status;
    struct vdt_server *server = calloc(1, sizeof *server);
    if (!server)
        return vdt_fail_memory(error, "the server");
    server->lock = -1;
    status = copy_options(options, &server->options, error);
    if (!status) /* forks, so nothing is open and no thread runs yet */
        status = vdt_draw_start(NULL, &server->draw, error);
    if (!status)
        status = open_root(server, error);
    if (!status)
        status = open_parts(server, error);
    if (!status)
        status = vdt_chores_start(server, &server->chores, error);
    if (!status)
        status = vdt_evals_start(server, &server->evals, error);
    if (!status)
        status = vdt_net_start(server, &server->net, error);
    if (status) {
        vdt_server_stop(server);
        return status;
    }
    *out = server;
    return VDT_OK;
}

const char *vdt_server_url(const struct vdt_server *server)
{
    return vdt_net_url(server->net);
}

vdt_status vdt_server_reload(struct vdt_server *server, struct vdt_error *error)
{
    vdt_status status = vdt_net_reload(server->net, error);
    return status ? status : vdt_log_reopen(server->log, error);
}

static void free_options(struct vdt_server_options *options)
{
    free((void *)(uintptr_t)options->root);
    free((void *)(uintptr_t)options->listen);
    free((void *)(uintptr_t)options->tls_cert);
    free((void *)(uintptr_t)options->tls_key);
    free((void *)(uintptr_t)options->public_url);
    free((void *)(uintptr_t)options->log);
    free((void *)(uintptr_t)options->trust_forwarded);
}

void vdt_server_stop(struct vdt_server *server)
{
    if (!server)
        return;
    vdt_net_stop(server->net);
    vdt_evals_stop(server->evals);
    vdt_chores_stop(server->chores);
    vdt_draw_stop(server->draw);
    vdt_metrics_close(server->metrics);
    vdt_uploads_free(server->uploads);
    vdt_blobs_free(server->blobs);
    vdt_db_close(server->db);
    vdt_log_close(server->log);
    if (server->lock >= 0)
        close(server->lock);
    free_options(&server->options);
    explicit_bzero(server->secret, sizeof server->secret);
    free(server);
}
