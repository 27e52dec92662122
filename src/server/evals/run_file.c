/* Writes committed runs down. */
#define _GNU_SOURCE
#include "server/evals/run_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/path.h"
#include "server/meta/predictions.h"
#include "server/server.h"

enum { PAGE = 2000, BLOCK = 1 << 20 };

/* Lines go to a file without a name, for a blob's size has to be known before. */
struct writing {
    struct vdt_server *server;
    const struct vdt_meta_run *run;
    int fd;
    uint64_t size;
    struct vdt_sha256 *sha;
    struct vdt_buffer lines;
    struct vdt_session *session;
    struct vdt_rows *key; /* of a sample's number */
    struct vdt_meta_run_samples_query query;
    char group[64];
    int count;
    vdt_status status;
    struct vdt_error *error;
};

static void end_writing(struct writing *writing)
{
    vdt_rows_free(writing->key);
    vdt_db_end(&writing->session);
    vdt_buffer_clear(&writing->lines);
    vdt_sha256_free(writing->sha);
    if (writing->fd >= 0)
        close(writing->fd);
}

static vdt_status flush(struct writing *writing)
{
    struct vdt_buffer *lines = &writing->lines;
    vdt_sha256_add(writing->sha, lines->data, lines->size);
    vdt_status status = vdt_write_at(writing->fd, lines->data, lines->size, writing->size,
                                     "the run's file", writing->error);
    writing->size += lines->size;
    lines->size = 0;
    return status;
}

/* A line; takes the value. */
static vdt_status put_line(struct writing *writing, json_t *taken)
{
    vdt_cleanup(vdt_json_release) json_t *value = taken;
    vdt_cleanup(vdt_free_pointer) char *text = value == NULL ? NULL : vdt_json_text(value);
    if (text == NULL || !vdt_buffer_append(&writing->lines, text, strlen(text)) ||
        !vdt_buffer_append(&writing->lines, "\n", 1))
        return vdt_fail_memory(writing->error, "run");
    return writing->lines.size < BLOCK ? VDT_OK : flush(writing);
}

static bool put_sample(void *payload, const struct vdt_meta_run_sample *sample)
{
    struct writing *writing = payload;
    writing->status = put_line(writing, json_pack("{s:s}", "sample", sample->key));
    snprintf(writing->group, sizeof writing->group, "%s", sample->group);
    writing->query.after_position = sample->position;
    writing->count++;
    return writing->status == VDT_OK;
}

static vdt_status put_samples(struct writing *writing, struct vdt_error *error)
{
    writing->query = (struct vdt_meta_run_samples_query){.predicted = 1, .limit = PAGE};
    do {
        writing->count = 0;
        vdt_status status = vdt_meta_run_samples(writing->session, writing->run, &writing->query,
                                                 put_sample, writing, error);
        if (status != VDT_OK || writing->status != VDT_OK)
            return status != VDT_OK ? status : writing->status;
        writing->query.after_group = writing->group;
    } while (writing->count == PAGE);
    return VDT_OK;
}

static bool put_prediction(void *payload, int64_t sample, const char *document)
{
    struct writing *writing = payload;
    json_t *value = json_loads(document, 0, NULL);
    vdt_bind_integer(writing->key, 1, sample);
    writing->status = vdt_rows_next(writing->key, writing->error);
    writing->count++;
    if (writing->status == VDT_OK && value != NULL)
        json_object_set_new(value, "sample", json_string(vdt_rows_text(writing->key, 0)));
    if (writing->status == VDT_OK)
        writing->status = put_line(writing, value);
    else
        json_decref(value);
    return writing->status == VDT_OK;
}

static vdt_status put_predictions(struct writing *writing, struct vdt_error *error)
{
    int64_t after = 0;
    vdt_status status = vdt_db_prepare(writing->session, "SELECT key FROM sample WHERE id = ?1",
                                       &writing->key, error);
    do {
        writing->count = 0;
        if (status == VDT_OK)
            status = vdt_meta_run_each(writing->session, writing->run->id, &after, PAGE,
                                       put_prediction, writing, error);
        if (status == VDT_OK)
            status = writing->status;
    } while (status == VDT_OK && writing->count == PAGE);
    return status;
}

/* Copies what was written into the blob, and seals it. */
static vdt_status fill_blob(struct writing *writing, struct vdt_run_file *file,
                            struct vdt_error *error)
{
    vdt_cleanup(vdt_blob_release) struct vdt_blob *blob = NULL;
    vdt_cleanup(vdt_free_pointer) unsigned char *block = vdt_allocate(1, BLOCK);
    if (block == NULL)
        return vdt_fail_memory(error, "run");
    vdt_status status = vdt_blob_name(file->blob, error);
    if (status == VDT_OK)
        status = vdt_blobs_stage(writing->server->blobs, file->blob, writing->size, &blob, error);
    for (uint64_t at = 0; status == VDT_OK && at < writing->size; at += BLOCK) {
        size_t size = writing->size - at < BLOCK ? (size_t)(writing->size - at) : BLOCK;
        status = vdt_read_at(writing->fd, block, size, at, "the run's file", error);
        if (status == VDT_OK)
            status = vdt_blob_write(blob, block, size, at, error);
    }
    if (status == VDT_OK)
        status = vdt_blob_seal(blob, error);
    file->size = (int64_t)writing->size;
    return status;
}

vdt_status vdt_run_file_write(struct vdt_server *server, const struct vdt_meta_run *run,
                              struct vdt_run_file *file, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *folder = vdt_server_path(server, "tmp");
    unsigned char digest[32];
    vdt_cleanup(end_writing) struct writing writing = {
        .server = server, .run = run, .fd = -1, .sha = vdt_sha256_new(), .error = error};
    if (folder == NULL || writing.sha == NULL)
        return vdt_fail_memory(error, "run");
    writing.fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (writing.fd < 0)
        return vdt_fail_errno(error, folder);
    vdt_status status = vdt_db_begin(server->db, VDT_DB_READ, &writing.session, error);
    if (status == VDT_OK)
        status = put_samples(&writing, error);
    if (status == VDT_OK)
        status = put_predictions(&writing, error);
    if (status == VDT_OK)
        status = flush(&writing);
    if (status != VDT_OK)
        return status;
    vdt_sha256_finish(writing.sha, digest);
    writing.sha = NULL;
    vdt_hex(digest, sizeof digest, file->digest);
    memcpy(file->content_digest, file->digest, sizeof file->digest);
    return fill_blob(&writing, file, error);
}
