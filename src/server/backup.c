/* Backups: the database as of one moment, and the blobs that it refers to. A backup is laid out as
 * a catalog is, with a file backup.json that is written last: without it, it is none. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vedatile/server.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "base/path.h"
#include "server/blobs/blobs.h"
#include "server/meta/db.h"
#include "server/meta/times.h"

enum { TRIES = 3 };

struct copying {
    const char *from, *to; /* folders */
    struct vdt_blobs *source, *target;
    vdt_progress_fn progress;
    void *payload;
    uint64_t done, total;
    bool made; /* `to` was not there */
};

static void end_copying(struct copying *copying)
{
    vdt_blobs_free(copying->source);
    vdt_blobs_free(copying->target);
}

/* --- folders ------------------------------------------------------------------------------------
 */

static void close_folder(DIR **folder)
{
    if (*folder != NULL)
        closedir(*folder);
}

static vdt_status make_empty(const char *path, bool *made, struct vdt_error *error)
{
    *made = mkdir(path, 0700) == 0;
    if (*made)
        return VDT_OK;
    if (errno != EEXIST)
        return vdt_fail_errno(error, path);
    vdt_cleanup(close_folder) DIR *folder = opendir(path);
    if (folder == NULL)
        return vdt_fail_errno(error, path);
    for (const struct dirent *file; (file = readdir(folder)) != NULL;)
        if (strcmp(file->d_name, ".") != 0 && strcmp(file->d_name, "..") != 0)
            return vdt_fail(error, VDT_ERR_EXISTS, "%s: is not empty; name a new folder", path);
    return VDT_OK;
}

static vdt_status remove_blob(void *payload, const char *name, const struct vdt_blob_stat *stat,
                              struct vdt_error *error)
{
    (void)stat;
    return vdt_blobs_remove(payload, name, error);
}

/* Takes back what was made in an empty folder. */
static void take_back(struct copying *copying)
{
    static const char *const names[] = {
        "/backup.json.part", "/backup.json", "/catalog.db", "/catalog.db-wal",
        "/catalog.db-shm",   "/blobs/%02x",  "/blobs"};
    if (copying->target != NULL)
        (void)vdt_blobs_list(copying->target, remove_blob, copying->target, NULL);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        for (unsigned part = 0; part < (strchr(names[i], '%') != NULL ? 256 : 1); part++) {
            char name[32];
            snprintf(name, sizeof name, names[i], part);
            vdt_cleanup(vdt_free_pointer) char *path = vdt_path_with(copying->to, name);
            if (path != NULL)
                (void)remove(path);
        }
    if (copying->made)
        (void)rmdir(copying->to);
}

/* --- the database -------------------------------------------------------------------------------
 */

static vdt_status open_database(const char *folder, struct vdt_db **db, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *path = vdt_path_with(folder, "/catalog.db");
    return path == NULL ? vdt_fail_memory(error, folder) : vdt_db_open(path, false, db, error);
}

static void close_database(struct vdt_db **db)
{
    vdt_db_close(*db);
}

static vdt_status copy_database(const struct copying *copying, struct vdt_error *error)
{
    vdt_cleanup(close_database) struct vdt_db *db = NULL;
    vdt_cleanup(vdt_free_pointer) char *path = vdt_path_with(copying->to, "/catalog.db");
    if (path == NULL)
        return vdt_fail_memory(error, copying->to);
    (void)remove(path); /* of the try before */
    vdt_status status = open_database(copying->from, &db, error);
    return status != VDT_OK ? status : vdt_db_copy(db, path, error);
}

static vdt_status sync_database(const char *folder, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *path = vdt_path_with(folder, "/catalog.db");
    if (path == NULL)
        return vdt_fail_memory(error, folder);
    vdt_cleanup(vdt_close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 || fsync(fd) != 0 ? vdt_fail_errno(error, path) : VDT_OK;
}

/* Uploads that were going on are no part of a backup. */
static vdt_status leave_uploads(struct vdt_db *db, struct vdt_error *error)
{
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_status status = vdt_db_begin(db, VDT_DB_WRITE, &session, error);
    if (status == VDT_OK)
        status =
            vdt_db_run(session,
                       "DELETE FROM upload_segment; DELETE FROM upload WHERE state = 0; "
                       "DELETE FROM blob WHERE id NOT IN (SELECT blob FROM segment) AND id NOT IN "
                       "(SELECT blob FROM run WHERE blob IS NOT NULL); UPDATE run SET state = "
                       "0 WHERE state = 1; UPDATE evaluation SET state = 0, started = NULL, "
                       "attempts = 0 WHERE state = 1",
                       error);
    return status != VDT_OK ? status : vdt_db_commit(&session, error);
}

/* --- blobs --------------------------------------------------------------------------------------
 */

static vdt_status copy_blobs(struct copying *copying, struct vdt_db *db, struct vdt_error *error)
{
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_cleanup(vdt_rows_release) struct vdt_rows *total = NULL;
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_begin(db, VDT_DB_READ, &session, error);
    if (status == VDT_OK)
        status = vdt_db_prepare(session, "SELECT coalesce(sum(size), 0) FROM blob", &total, error);
    if (status == VDT_OK)
        status = vdt_rows_next(total, error);
    if (status == VDT_OK)
        status = vdt_db_prepare(session, "SELECT name, size FROM blob ORDER BY id", &rows, error);
    if (status != VDT_OK)
        return status;
    copying->done = 0;
    copying->total = (uint64_t)vdt_rows_integer(total, 0);
    while ((status = vdt_rows_next(rows, error)) == VDT_OK) {
        status = vdt_blobs_copy(copying->source, vdt_rows_text(rows, 0), copying->target, error);
        if (status != VDT_OK)
            return status;
        copying->done += (uint64_t)vdt_rows_integer(rows, 1);
        if (copying->progress != NULL &&
            !copying->progress(copying->done, copying->total, copying->payload))
            return vdt_fail(error, VDT_ERR_CANCELLED, "%s: stopped, nothing is left behind",
                            copying->to);
    }
    return status == VDT_END ? VDT_OK : status;
}

static vdt_status open_blobs(struct copying *copying, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *source = vdt_path_with(copying->from, "/blobs");
    vdt_cleanup(vdt_free_pointer) char *target = vdt_path_with(copying->to, "/blobs");
    if (source == NULL || target == NULL)
        return vdt_fail_memory(error, copying->to);
    vdt_status status = vdt_blobs_open_folder(source, &copying->source, error);
    return status != VDT_OK ? status : vdt_blobs_open_folder(target, &copying->target, error);
}

/* --- the mark -----------------------------------------------------------------------------------
 */

static vdt_status write_mark(const struct copying *copying, struct vdt_error *error)
{
    char created[VDT_TIME_ROOM];
    vdt_time_text(vdt_time_now(), created);
    vdt_cleanup(vdt_free_pointer) char *part = vdt_path_with(copying->to, "/backup.json.part");
    vdt_cleanup(vdt_free_pointer) char *path = vdt_path_with(copying->to, "/backup.json");
    vdt_cleanup(vdt_json_release) json_t *mark =
        json_pack("{s:s, s:s, s:s, s:I}", "vedatile_backup", "1", "created_at", created, "producer",
                  "vedatile " VEDATILE_VERSION, "blob_bytes", (json_int_t)copying->total);
    vdt_cleanup(vdt_free_pointer) char *text = mark == NULL ? NULL : vdt_json_text(mark);
    if (part == NULL || path == NULL || text == NULL)
        return vdt_fail_memory(error, copying->to);
    vdt_cleanup(vdt_close_fd) int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return vdt_fail_errno(error, part);
    vdt_status status = vdt_write_at(fd, text, strlen(text), 0, part, error);
    if (status == VDT_OK && (fsync(fd) != 0 || rename(part, path) != 0))
        status = vdt_fail_errno(error, path);
    return status != VDT_OK ? status : vdt_sync_folder(path, error);
}

static vdt_status read_mark(const char *folder, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *path = vdt_path_with(folder, "/backup.json");
    if (path == NULL)
        return vdt_fail_memory(error, folder);
    vdt_cleanup(vdt_json_release) json_t *mark = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    const char *kind = json_string_value(json_object_get(mark, "vedatile_backup"));
    if (kind == NULL)
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "%s: is no backup, or one that was not finished: it has no backup.json",
                        folder);
    if (strcmp(kind, "1") != 0)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED, "%s: is a backup of kind %.20s; this is for 1",
                        folder, kind);
    return VDT_OK;
}

/* --- backup and restore -------------------------------------------------------------------------
 */

/* What a server removes meanwhile is missing in its turn: then the copy begins again. */
static vdt_status copy_catalog(struct copying *copying, struct vdt_error *error)
{
    vdt_status status = open_blobs(copying, error);
    for (int i = 0; i < TRIES && status == VDT_OK; i++) {
        vdt_cleanup(close_database) struct vdt_db *db = NULL;
        status = copy_database(copying, error);
        if (status == VDT_OK)
            status = open_database(copying->to, &db, error);
        if (status == VDT_OK)
            status = leave_uploads(db, error);
        if (status == VDT_OK)
            status = copy_blobs(copying, db, error);
        if (status == VDT_ERR_NOT_FOUND && i + 1 < TRIES) {
            status = VDT_OK;
            continue;
        }
        if (status == VDT_OK)
            status = vdt_db_checkpoint(db, error);
        return status != VDT_OK ? status : sync_database(copying->to, error);
    }
    return status;
}

static vdt_status check_arguments(const char *from, const char *to, struct vdt_error *error)
{
    if (from == NULL || to == NULL || *from == '\0' || *to == '\0')
        return vdt_fail(error, VDT_ERR_ARGUMENT, "two folders are wanted");
    return VDT_OK;
}

vdt_status vdt_server_backup(const char *root, const char *folder, vdt_progress_fn progress,
                             void *payload, struct vdt_error *error)
{
    vdt_cleanup(end_copying) struct copying copying = {
        .from = root, .to = folder, .progress = progress, .payload = payload};
    vdt_cleanup(close_database) struct vdt_db *db = NULL;
    vdt_status status = check_arguments(root, folder, error);
    if (status == VDT_OK) /* a catalog that is not there is told before anything is made */
        status = open_database(root, &db, error);
    if (status == VDT_OK)
        status = make_empty(folder, &copying.made, error);
    if (status != VDT_OK)
        return status;
    status = copy_catalog(&copying, error);
    if (status == VDT_OK)
        status = write_mark(&copying, error);
    if (status != VDT_OK)
        take_back(&copying);
    return status;
}

struct first_problem {
    char text[600];
};

static void keep_first(const char *text, void *payload)
{
    struct first_problem *problem = payload;
    if (problem->text[0] == '\0')
        snprintf(problem->text, sizeof problem->text, "%s", text);
}

static vdt_status prove(const char *folder, bool quick, struct vdt_error *error)
{
    struct first_problem problem = {""};
    struct vdt_server_check_report report;
    vdt_status status = vdt_server_check(
        &(struct vdt_server_check_options){
            .root = folder, .quick = quick, .problem = keep_first, .payload = &problem},
        &report, error);
    if (status == VDT_OK && report.problems > 0)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: is damaged, %llu problems; the first: %s",
                        folder, (unsigned long long)report.problems, problem.text);
    return status;
}

vdt_status vdt_server_restore(const char *folder, const char *root, vdt_progress_fn progress,
                              void *payload, struct vdt_error *error)
{
    vdt_cleanup(end_copying) struct copying copying = {
        .from = folder, .to = root, .progress = progress, .payload = payload};
    vdt_status status = check_arguments(folder, root, error);
    if (status == VDT_OK)
        status = read_mark(folder, error);
    if (status == VDT_OK)
        status = prove(folder, false, error);
    if (status == VDT_OK)
        status = make_empty(root, &copying.made, error);
    if (status != VDT_OK)
        return status;
    status = copy_catalog(&copying, error);
    if (status == VDT_OK)
        status = prove(root, true, error);
    if (status != VDT_OK)
        take_back(&copying);
    return status;
}
