/* Writes committed runs down: rows become a run as `vedatile` has them anywhere, and its file a
 * blob. */
#define _GNU_SOURCE
#include "server/evals/run_file.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <vedatile/annotations.h>
#include <vedatile/run.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/path.h"
#include "server/meta/rasters.h"
#include "server/server.h"
#include "store/table_file.h"

enum { PAGE = 2000, BLOCK = 1 << 20, LABELS_MOST = 1 << 16, RASTERS = 64 };

struct writing {
    struct vdt_server *server;
    const struct vdt_meta_run *row;
    char *path, *log; /* of the run while it is made */
    struct vdt_session *session;
    struct vdt_rows *key; /* of a sample's number */
    json_t *info;         /* of the version */
    uint32_t rows, cols;  /* of its tiles */
    struct vdt_annotations *samples;
    struct vdt_run *run;
    struct vdt_meta_run_samples_query query;
    char group[64];
    int count;
    struct vdt_buffer lines;
    vdt_status status;
    struct vdt_error *error;
};

static void end_writing(struct writing *writing)
{
    vdt_rows_free(writing->key);
    vdt_db_end(&writing->session);
    vdt_run_free(writing->run);
    vdt_annotations_free(writing->samples);
    vdt_buffer_clear(&writing->lines);
    json_decref(writing->info);
    if (writing->path != NULL)
        (void)remove(writing->path);
    if (writing->log != NULL)
        (void)remove(writing->log);
    free(writing->path);
    free(writing->log);
}

static void free_set(struct vdt_annotations **set)
{
    vdt_annotations_free(*set);
}

/* --- the run's frame -------------------------------------------------------------------------- */

static vdt_status name_files(struct writing *writing, struct vdt_error *error)
{
    char name[VDT_SLUG_SIZE + 24];
    snprintf(name, sizeof name, "tmp/" VDT_RUN_FILE_PREFIX "%s.h5", writing->row->slug);
    writing->path = vdt_server_path(writing->server, name);
    snprintf(name, sizeof name, "tmp/" VDT_RUN_FILE_PREFIX "%s.open", writing->row->slug);
    writing->log = vdt_server_path(writing->server, name);
    if (writing->path == NULL || writing->log == NULL)
        return vdt_fail_memory(error, "run");
    (void)remove(writing->path); /* of a commit that was cut off */
    (void)remove(writing->log);
    return VDT_OK;
}

static vdt_status read_info(struct writing *writing, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status =
        vdt_db_prepare(writing->session,
                       "SELECT info FROM version WHERE entry = ?1 AND number = ?2", &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, writing->row->entry);
    vdt_bind_integer(rows, 2, writing->row->version);
    status = vdt_rows_next(rows, error);
    if (status == VDT_OK)
        status = vdt_json_parse(vdt_rows_text(rows, 0), "the version", &writing->info, error);
    const json_t *tile = json_object_get(writing->info, "tile");
    writing->rows = (uint32_t)json_integer_value(json_object_get(tile, "rows"));
    writing->cols = (uint32_t)json_integer_value(json_object_get(tile, "cols"));
    return status;
}

static bool put_sample(void *payload, const struct vdt_meta_run_sample *sample)
{
    struct writing *writing = payload;
    uint32_t index;
    writing->status =
        vdt_annotations_add_sample(writing->samples, sample->key, writing->rows, writing->cols,
                                   NULL, false, &index, writing->error);
    if (writing->status == VDT_OK && sample->predicted) /* what it says here is for mark_samples */
        writing->status = vdt_annotations_mark(writing->samples, index, writing->error);
    snprintf(writing->group, sizeof writing->group, "%s", sample->group);
    writing->query.after_position = sample->position;
    writing->count++;
    return writing->status == VDT_OK;
}

static vdt_status put_samples(struct writing *writing, struct vdt_error *error)
{
    const struct vdt_annotations_options free_set_options = {0};
    vdt_status status = vdt_annotations_open(&free_set_options, &writing->samples, error);
    writing->query = (struct vdt_meta_run_samples_query){.predicted = -1, .limit = PAGE};
    do {
        writing->count = 0;
        if (status == VDT_OK)
            status = vdt_meta_run_samples(writing->session, writing->row, &writing->query,
                                          put_sample, writing, error);
        if (status == VDT_OK)
            status = writing->status;
        writing->query.after_group = writing->group;
    } while (status == VDT_OK && writing->count == PAGE);
    return status;
}

static vdt_status create_run(struct writing *writing, struct vdt_error *error)
{
    const json_t *list = json_object_get(writing->info, "classes");
    size_t count = json_array_size(list);
    vdt_cleanup(vdt_free_pointer) const char **classes = vdt_allocate(count, sizeof *classes);
    if (classes == NULL)
        return vdt_fail_memory(error, "run");
    for (size_t i = 0; i < count; i++)
        classes[i] = json_string_value(json_array_get(list, i));
    const struct vdt_run_options options = {.path = writing->path,
                                            .name = writing->row->slug,
                                            .samples = writing->samples,
                                            .model = writing->row->model_name,
                                            .model_reference = writing->row->model_reference,
                                            .metadata = writing->row->metadata,
                                            .classes = count > 0 ? classes : NULL,
                                            .class_count = count,
                                            .any_class = true};
    return vdt_run_create(&options, &writing->run, error);
}

static vdt_status mark_samples(struct writing *writing, struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    uint32_t count = (uint32_t)vdt_annotations_sample_count(writing->samples);
    vdt_run_begin(writing->run);
    for (uint32_t i = 0; status == VDT_OK && i < count; i++) {
        struct vdt_annotated_sample sample;
        status = vdt_annotations_sample(writing->samples, i, &sample, error);
        if (status == VDT_OK && sample.annotated)
            status = vdt_run_mark(writing->run, i, error);
    }
    return status == VDT_OK ? vdt_run_end(writing->run, error) : status;
}

/* --- its predictions -------------------------------------------------------------------------- */

static bool put_prediction(void *payload, int64_t sample, const char *document)
{
    struct writing *writing = payload;
    vdt_cleanup(vdt_json_release) json_t *value = json_loads(document, 0, NULL);
    vdt_bind_integer(writing->key, 1, sample);
    writing->status = vdt_rows_next(writing->key, writing->error);
    writing->count++;
    if (writing->status != VDT_OK)
        return false;
    json_object_set_new(value, "sample", json_string(vdt_rows_text(writing->key, 0)));
    vdt_cleanup(vdt_free_pointer) char *text = value == NULL ? NULL : vdt_json_text(value);
    if (text == NULL || !vdt_buffer_append(&writing->lines, text, strlen(text)) ||
        !vdt_buffer_append(&writing->lines, "\n", 1))
        writing->status = vdt_fail_memory(writing->error, "run");
    return writing->status == VDT_OK;
}

/* Adds a row of `page` to the run. */
static vdt_status add_row(struct writing *writing, const struct vdt_annotations *page, uint64_t row,
                          struct vdt_label *labels, struct vdt_error *error)
{
    struct vdt_annotation annotation;
    struct vdt_annotated_sample sample;
    size_t count = LABELS_MOST;
    vdt_status status = vdt_annotations_get(page, row, &annotation, labels, &count, error);
    if (status == VDT_OK && count > LABELS_MOST)
        status = vdt_fail(error, VDT_ERR_UNSUPPORTED, "annotation %.100s: has %zu labels",
                          annotation.id, count);
    if (status == VDT_OK)
        status = vdt_annotations_sample(page, annotation.sample, &sample, error);
    if (status == VDT_OK)
        status = vdt_run_sample(writing->run, sample.reference, 0, 0, &annotation.sample, error);
    if (status != VDT_OK)
        return status;
    if (!annotation.area_given)
        annotation.area = NAN; /* counted again: what the page says is of its shape */
    return vdt_run_add(writing->run, &annotation, 1, VDT_RUN_ADD, NULL, error);
}

static vdt_status add_page(struct writing *writing, struct vdt_error *error)
{
    const struct vdt_annotations_options free_set_options = {0};
    vdt_cleanup(free_set) struct vdt_annotations *page = NULL;
    vdt_cleanup(vdt_free_pointer) struct vdt_label *labels =
        vdt_allocate(LABELS_MOST, sizeof *labels);
    if (labels == NULL)
        return vdt_fail_memory(error, "run");
    vdt_status status = vdt_annotations_open(&free_set_options, &page, error);
    if (status == VDT_OK)
        status = vdt_annotations_add_json(page, (const char *)writing->lines.data,
                                          writing->lines.size, "the run", NULL, NULL, error);
    writing->lines.size = 0;
    if (status != VDT_OK)
        return status;
    vdt_run_begin(writing->run);
    for (uint64_t i = 0; status == VDT_OK && i < vdt_annotations_count(page); i++)
        status = add_row(writing, page, i, labels, error);
    return status == VDT_OK ? vdt_run_end(writing->run, error) : status;
}

static vdt_status put_predictions(struct writing *writing, struct vdt_error *error)
{
    int64_t after = 0;
    vdt_status status = vdt_db_prepare(writing->session, "SELECT key FROM sample WHERE id = ?1",
                                       &writing->key, error);
    do {
        writing->count = 0;
        if (status == VDT_OK)
            status = vdt_meta_run_each(writing->session, writing->row->id, &after, PAGE,
                                       put_prediction, writing, error);
        if (status == VDT_OK)
            status = writing->status;
        if (status == VDT_OK && writing->lines.size > 0)
            status = add_page(writing, error);
    } while (status == VDT_OK && writing->count == PAGE);
    return status;
}

/* --- its rasters ------------------------------------------------------------------------------ */

static vdt_status put_raster(void *payload, int64_t sample, const struct vdt_meta_raster *raster,
                             struct vdt_error *error)
{
    struct writing *writing = payload;
    uint32_t number = 0;
    vdt_bind_integer(writing->key, 1, sample);
    vdt_status status = vdt_rows_next(writing->key, error);
    if (status == VDT_OK)
        status = vdt_run_sample(writing->run, vdt_rows_text(writing->key, 0), 0, 0, &number, error);
    if (status == VDT_OK)
        status = vdt_run_add_raster(writing->run, number,
                                    raster->bits == 8 ? VDT_UINT8 : VDT_UINT16, raster->pixels,
                                    raster->rows, raster->cols, VDT_RUN_ADD, NULL, error);
    /* Batches, for each is waited for. */
    if (status == VDT_OK && ++writing->count % RASTERS == 0) {
        status = vdt_run_end(writing->run, error);
        vdt_run_begin(writing->run);
    }
    return status;
}

static vdt_status put_rasters(struct writing *writing, struct vdt_error *error)
{
    writing->count = 0;
    vdt_run_begin(writing->run);
    vdt_status status =
        vdt_meta_raster_each(writing->session, writing->row->id, put_raster, writing, error);
    return status == VDT_OK ? vdt_run_end(writing->run, error) : status;
}

/* --- its blob --------------------------------------------------------------------------------- */

static vdt_status copy_blocks(int fd, struct vdt_blob *blob, struct vdt_run_file *file,
                              struct vdt_error *error)
{
    unsigned char digest[32];
    vdt_cleanup(vdt_free_pointer) unsigned char *block = vdt_allocate(1, BLOCK);
    struct vdt_sha256 *sha = block == NULL ? NULL : vdt_sha256_new();
    vdt_status status = sha == NULL ? vdt_fail_memory(error, "run") : VDT_OK;
    for (uint64_t at = 0; status == VDT_OK && at < blob->size; at += BLOCK) {
        size_t size = blob->size - at < BLOCK ? (size_t)(blob->size - at) : BLOCK;
        status = vdt_read_at(fd, block, size, at, "the run's file", error);
        if (status != VDT_OK)
            break;
        vdt_sha256_add(sha, block, size);
        status = vdt_blob_write(blob, block, size, at, error);
    }
    if (status != VDT_OK) {
        vdt_sha256_free(sha);
        return status;
    }
    vdt_sha256_finish(sha, digest);
    vdt_hex(digest, sizeof digest, file->digest);
    return vdt_blob_seal(blob, error);
}

static vdt_status read_content_digest(const struct writing *writing, struct vdt_run_file *file,
                                      struct vdt_error *error)
{
    struct vdt_table_file *table = NULL;
    vdt_status status = vdt_table_file_open(writing->path, &table, error);
    if (status == VDT_OK)
        snprintf(file->content_digest, sizeof file->content_digest, "%s",
                 vdt_table_file_digest(table));
    vdt_table_file_free(table);
    return status;
}

static vdt_status fill_blob(struct writing *writing, struct vdt_run_file *file,
                            struct vdt_error *error)
{
    vdt_cleanup(vdt_blob_release) struct vdt_blob *blob = NULL;
    vdt_cleanup(vdt_close_fd) int fd = open(writing->path, O_RDONLY | O_CLOEXEC);
    struct stat stat;
    if (fd < 0 || fstat(fd, &stat) != 0)
        return vdt_fail_errno(error, writing->path);
    file->size = stat.st_size;
    vdt_status status = read_content_digest(writing, file, error);
    if (status == VDT_OK)
        status = vdt_blob_name(file->blob, error);
    if (status == VDT_OK)
        status =
            vdt_blobs_stage(writing->server->blobs, file->blob, (uint64_t)file->size, &blob, error);
    return status == VDT_OK ? copy_blocks(fd, blob, file, error) : status;
}

vdt_status vdt_run_file_write(struct vdt_server *server, const struct vdt_meta_run *run,
                              struct vdt_run_file *file, struct vdt_error *error)
{
    vdt_cleanup(end_writing) struct writing writing = {
        .server = server, .row = run, .error = error};
    vdt_status status = name_files(&writing, error);
    if (status == VDT_OK)
        status = vdt_db_begin(server->db, VDT_DB_READ, &writing.session, error);
    if (status == VDT_OK)
        status = read_info(&writing, error);
    if (status == VDT_OK)
        status = put_samples(&writing, error);
    if (status == VDT_OK)
        status = create_run(&writing, error);
    if (status == VDT_OK)
        status = mark_samples(&writing, error);
    if (status == VDT_OK)
        status = put_predictions(&writing, error);
    if (status == VDT_OK)
        status = put_rasters(&writing, error);
    if (status == VDT_OK)
        status = vdt_run_commit(writing.run, NULL, NULL, error);
    return status == VDT_OK ? fill_blob(&writing, file, error) : status;
}
