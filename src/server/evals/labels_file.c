#define _GNU_SOURCE
#include "server/evals/labels_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "server/server.h"

enum { BLOCK = 1 << 20 };
#define LABELS_MOST ((int64_t)1 << 30) /* the worker holds them */

struct writing {
    int fd;
    uint64_t size;
    uint32_t rows, cols; /* of the tiles */
    struct vdt_buffer lines;
    vdt_status status;
    struct vdt_error *error;
};

static void end_writing(struct writing *writing)
{
    vdt_buffer_clear(&writing->lines);
    if (writing->fd >= 0)
        close(writing->fd);
}

static bool flush(struct writing *writing, size_t from)
{
    if (writing->lines.size < from)
        return true;
    writing->status = vdt_write_at(writing->fd, writing->lines.data, writing->lines.size,
                                   writing->size, "the labels", writing->error);
    writing->size += writing->lines.size;
    writing->lines.size = 0;
    return writing->status == VDT_OK;
}

/* Takes `value`. */
static bool put_line(struct writing *writing, json_t *value)
{
    vdt_cleanup(vdt_json_release) json_t *owned = value;
    vdt_cleanup(vdt_free_pointer) char *text = owned == NULL ? NULL : vdt_json_text(owned);
    if (text == NULL || !vdt_buffer_append(&writing->lines, text, strlen(text)) ||
        !vdt_buffer_append(&writing->lines, "\n", 1)) {
        writing->status = vdt_fail_memory(writing->error, "labels");
        return false;
    }
    return flush(writing, BLOCK);
}

static bool put_sample(void *payload, const char *sample)
{
    struct writing *writing = payload;
    return put_line(writing, json_pack("{s:s, s:i, s:i}", "sample", sample, "rows",
                                       (int)writing->rows, "cols", (int)writing->cols));
}

static bool put_annotation(void *payload, int64_t id, const char *sample, const char *document)
{
    json_t *value = json_loads(document, 0, NULL);
    (void)id;
    json_object_set_new(value, "sample", json_string(sample));
    return put_line(payload, value);
}

static vdt_status open_file(struct vdt_server *server, struct writing *writing,
                            struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *folder = vdt_server_path(server, "tmp");
    if (folder == NULL)
        return vdt_fail_memory(error, "labels");
    writing->fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    return writing->fd >= 0 ? VDT_OK
                            : vdt_fail(error, VDT_ERR_BUSY, "no file for the labels can be made");
}

/* The same file, only to be read. */
static vdt_status open_again(const struct writing *writing, int *fd, struct vdt_error *error)
{
    char path[48];
    snprintf(path, sizeof path, "/proc/self/fd/%d", writing->fd);
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    return *fd >= 0 ? VDT_OK : vdt_fail(error, VDT_ERR_BUSY, "the labels cannot be read again");
}

vdt_status vdt_labels_file_write(struct vdt_server *server, struct vdt_session *session,
                                 const struct vdt_set_row *set, uint32_t rows, uint32_t cols,
                                 int *fd, uint64_t *size, struct vdt_error *error)
{
    vdt_cleanup(end_writing) struct writing writing = {
        .fd = -1, .rows = rows, .cols = cols, .error = error};
    const struct vdt_set_query all = {.limit = -1};
    if (set->samples == 0)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "the annotation set %s has no annotated sample",
                        set->name);
    if (set->bytes > LABELS_MOST)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "the annotation set %s has %lld bytes: more than %lld are not compared "
                        "here",
                        set->name, (long long)set->bytes, (long long)LABELS_MOST);
    vdt_status status = open_file(server, &writing, error);
    if (status == VDT_OK)
        status = vdt_set_each_sample(session, set->id, NULL, -1, put_sample, &writing, error);
    if (status == VDT_OK && writing.status == VDT_OK)
        status = vdt_set_each(session, set->id, &all, put_annotation, &writing, error);
    if (status == VDT_OK && writing.status == VDT_OK)
        (void)flush(&writing, 1);
    if (status == VDT_OK)
        status = writing.status;
    if (status == VDT_OK)
        status = open_again(&writing, fd, error);
    if (status == VDT_OK)
        *size = writing.size;
    return status;
}
