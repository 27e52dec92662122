/* Committed runs. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <vedatile/run.h>

#include "annotate/runs/run_file.h"
#include "annotate/runs/run_state.h"
#include "annotate/sets/set.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "base/path.h"
#include "store/decoder.h"

struct vdt_run_reader {
    struct vdt_table_file *table; /* rasters are read from it */
    struct vdt_annotations *set;
    json_t *header;
    char *model_metadata, *metadata;
    struct vdt_run_info info;
    const struct vdt_table_column *lz4; /* NULL: no rasters */
    uint64_t raster_count;
    uint32_t *raster_sample; /* rising */
    uint32_t (*raster_shape)[3];
    uint64_t *raster_offsets;
};

void vdt_run_reader_free(struct vdt_run_reader *reader)
{
    if (reader == NULL)
        return;
    vdt_annotations_free(reader->set);
    vdt_table_file_free(reader->table);
    json_decref(reader->header);
    free(reader->model_metadata);
    free(reader->metadata);
    free(reader->raster_sample);
    free(reader->raster_shape);
    free(reader->raster_offsets);
    free(reader);
}

static void close_reader(struct vdt_run_reader **reader)
{
    vdt_run_reader_free(*reader);
}

static vdt_status damaged(const struct vdt_run_reader *reader, const char *what,
                          struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_FORMAT, "%s: %s: the file is damaged",
                    vdt_table_file_path(reader->table), what);
}

/* --- opening -------------------------------------------------------------------------------------
 */

static vdt_status read_header(struct vdt_run_reader *reader, struct vdt_error *error)
{
    const char *path = vdt_table_file_path(reader->table);
    const char *text = vdt_table_file_text(reader->table, "run");
    json_error_t problem;
    if (text == NULL)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: not a run", path);
    reader->header = json_loads(text, 0, &problem);
    if (!json_is_object(reader->header))
        return damaged(reader, "its text \"run\" is no JSON object", error);
    if (strcmp(vdt_run_header_text(reader->header, "format"), "1.0") != 0)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "%s: a run of a format that this version does not know", path);
    const json_t *model = json_object_get(reader->header, "model");
    reader->model_metadata = vdt_json_text(json_object_get(model, "metadata"));
    reader->metadata = vdt_json_text(json_object_get(reader->header, "metadata"));
    if (reader->model_metadata == NULL || reader->metadata == NULL)
        return damaged(reader, "its text \"run\" lacks metadata", error);
    reader->info = (struct vdt_run_info){
        .path = path,
        .name = vdt_run_header_text(reader->header, "name"),
        .committed = true,
        .model = vdt_run_header_text(model, "name"),
        .model_reference = vdt_run_header_text(model, "reference"),
        .model_metadata = reader->model_metadata,
        .metadata = reader->metadata,
        .store_uuid = vdt_run_header_text(reader->header, "store_uuid"),
        .group = vdt_run_header_text(reader->header, "group"),
        .created_at = vdt_run_header_text(reader->header, "created_at"),
        .committed_at = vdt_run_header_text(reader->header, "committed_at"),
        .content_sha256 = vdt_table_file_digest(reader->table),
    };
    return VDT_OK;
}

static bool rasters_sound(const struct vdt_run_reader *reader)
{
    uint64_t count = reader->raster_count;
    bool sound =
        reader->raster_offsets[0] == 0 && reader->raster_offsets[count] == reader->lz4->rows;
    for (uint64_t i = 0; i < count && sound; i++) {
        const uint32_t *shape = reader->raster_shape[i];
        sound = reader->raster_offsets[i] <= reader->raster_offsets[i + 1] &&
                (shape[0] == VDT_UINT8 || shape[0] == VDT_UINT16) && shape[1] > 0 && shape[2] > 0 &&
                reader->raster_sample[i] < reader->set->samples.count &&
                (i == 0 || reader->raster_sample[i - 1] < reader->raster_sample[i]);
    }
    return sound;
}

static vdt_status read_rasters(struct vdt_run_reader *reader, struct vdt_error *error)
{
    struct vdt_table_file *table = reader->table;
    uint64_t *count = &reader->raster_count;
    reader->lz4 = vdt_table_file_column(table, "rasters/lz4");
    if (reader->lz4 == NULL)
        return VDT_OK;
    vdt_status status = vdt_table_file_load(table, "rasters/sample", VDT_UINT32, UINT64_MAX, 1,
                                            false, &reader->raster_sample, count, error);
    if (status == VDT_OK)
        status = vdt_table_file_load(table, "rasters/shape", VDT_UINT32, *count, 3, false,
                                     &reader->raster_shape, NULL, error);
    if (status == VDT_OK)
        status = vdt_table_file_load(table, "rasters/offsets", VDT_UINT64, *count + 1, 1, false,
                                     &reader->raster_offsets, NULL, error);
    if (status == VDT_OK && (reader->lz4->type != VDT_UINT8 || !rasters_sound(reader)))
        status = damaged(reader, "its rasters do not hold together", error);
    return status;
}

static vdt_status read_set(struct vdt_run_reader *reader, struct vdt_error *error)
{
    reader->set = vdt_set_new();
    if (reader->set == NULL)
        return vdt_fail_memory(error, vdt_table_file_path(reader->table));
    vdt_status status = vdt_set_read(reader->set, reader->table, error);
    if (status != VDT_OK)
        return status;
    struct vdt_annotations *set = reader->set;
    set->borrowed = true;
    set->path = vdt_copy_string(vdt_table_file_path(reader->table));
    set->bound = *reader->info.store_uuid != '\0';
    snprintf(set->uuid, sizeof set->uuid, "%s", reader->info.store_uuid);
    reader->info.samples = set->samples.count;
    reader->info.annotations = set->records.count;
    reader->info.rasters = reader->raster_count;
    for (size_t i = 0; i < set->samples.count; i++)
        reader->info.predicted += set->samples.rows[i].marked != 0;
    free(set->group);
    set->group = vdt_copy_string(reader->info.group);
    return set->path == NULL || set->group == NULL
               ? vdt_fail_memory(error, vdt_table_file_path(reader->table))
               : VDT_OK;
}

static vdt_status not_there(const char *store, const char *path, const char *run,
                            struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *log = vdt_run_log_path(path);
    if (log != NULL && access(log, F_OK) == 0)
        return vdt_fail(error, VDT_ERR_BUSY, "%s: the run is still open; commit it first", log);
    return vdt_run_not_found(store, path, run, error);
}

vdt_status vdt_run_open(const char *store, const char *run, struct vdt_run_reader **opened,
                        struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *path = NULL;
    vdt_status status = vdt_run_find_path(store, run, &path, error);
    if (status != VDT_OK)
        return status;
    if (access(path, F_OK) != 0)
        return not_there(store, path, run, error);
    vdt_cleanup(close_reader) struct vdt_run_reader *reader = vdt_allocate_zero(1, sizeof *reader);
    if (reader == NULL)
        return vdt_fail_memory(error, path);
    status = vdt_table_file_open(path, &reader->table, error);
    if (status == VDT_OK)
        status = read_header(reader, error);
    if (status == VDT_OK)
        status = read_set(reader, error);
    /* Where samples lie on the ground is for exports. */
    if (status == VDT_OK && store != NULL && (reader->set->store = vdt_copy_string(store)) == NULL)
        status = vdt_fail_memory(error, path);
    if (status == VDT_OK)
        status = read_rasters(reader, error);
    if (status == VDT_OK)
        status = vdt_table_file_verify(reader->table, error);
    if (status != VDT_OK)
        return status;
    reader->info.rasters = reader->raster_count;
    *opened = reader;
    reader = NULL;
    return VDT_OK;
}

/* --- what it has ---------------------------------------------------------------------------------
 */

const struct vdt_run_info *vdt_run_reader_info(const struct vdt_run_reader *reader)
{
    return &reader->info;
}

struct vdt_annotations *vdt_run_annotations(const struct vdt_run_reader *reader)
{
    return reader->set;
}

uint32_t vdt_run_reader_class_count(const struct vdt_run_reader *reader)
{
    return (uint32_t)json_array_size(json_object_get(reader->header, "classes"));
}

const char *vdt_run_reader_class_name(const struct vdt_run_reader *reader, uint32_t class_id)
{
    return json_string_value(json_array_get(json_object_get(reader->header, "classes"), class_id));
}

static vdt_status find_raster(const struct vdt_run_reader *reader, uint32_t sample, uint64_t *found,
                              struct vdt_error *error)
{
    uint64_t first = 0;
    uint64_t end = reader->raster_count;
    while (first < end) {
        uint64_t middle = first + (end - first) / 2;
        if (reader->raster_sample[middle] < sample)
            first = middle + 1;
        else
            end = middle;
    }
    if (first == reader->raster_count || reader->raster_sample[first] != sample)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: sample %lu has no class raster",
                        reader->info.path, (unsigned long)sample);
    *found = first;
    return VDT_OK;
}

vdt_status vdt_run_raster_shape(const struct vdt_run_reader *reader, uint32_t sample,
                                enum vdt_dtype *dtype, uint32_t *rows, uint32_t *cols,
                                struct vdt_error *error)
{
    uint64_t raster = 0;
    vdt_status status = find_raster(reader, sample, &raster, error);
    if (status != VDT_OK)
        return status;
    *dtype = (enum vdt_dtype)reader->raster_shape[raster][0];
    *rows = reader->raster_shape[raster][1];
    *cols = reader->raster_shape[raster][2];
    return VDT_OK;
}

static void clear_decoder(struct vdt_decoder *decoder)
{
    vdt_decoder_clear(decoder);
}

vdt_status vdt_run_raster(const struct vdt_run_reader *reader, uint32_t sample, void *pixels,
                          struct vdt_error *error)
{
    uint64_t raster = 0;
    vdt_status status = find_raster(reader, sample, &raster, error);
    if (status != VDT_OK)
        return status;
    const uint32_t *shape = reader->raster_shape[raster];
    uint64_t first = reader->raster_offsets[raster];
    uint64_t size = reader->raster_offsets[raster + 1] - first;
    size_t element = vdt_dtype_size((enum vdt_dtype)shape[0]);
    vdt_cleanup(clear_decoder) struct vdt_decoder decoder = {0};
    if (!vdt_buffer_reserve(&decoder.stored, size))
        return vdt_fail_memory(error, reader->info.path);
    status =
        vdt_table_file_read(reader->table, reader->lz4, first, size, decoder.stored.data, error);
    if (status == VDT_OK)
        status = vdt_decode(&decoder, VDT_CODEC_LZ4, element, decoder.stored.data, size, pixels,
                            (size_t)shape[1] * shape[2] * element, error);
    return status;
}

vdt_status vdt_run_compare_store(const struct vdt_run_reader *reader,
                                 const struct vdt_reader *store, uint64_t *vanished,
                                 uint64_t *gained, struct vdt_error *error)
{
    size_t group;
    if (strcmp(reader->info.store_uuid, vdt_reader_uuid(store)) != 0)
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "%s: it is a run of the store with uuid %s, and %s has %s",
                        reader->info.path, reader->info.store_uuid, vdt_reader_path(store),
                        vdt_reader_uuid(store));
    vdt_status status = vdt_reader_find_group(store, reader->info.group, &group, error);
    if (status != VDT_OK)
        return status;
    uint64_t count = vdt_reader_count(store, group);
    uint64_t both = 0;
    for (uint64_t i = 0; i < count; i++) {
        struct vdt_sample sample;
        struct vdt_error ignored;
        uint32_t index;
        status = vdt_reader_sample(store, group, i, &sample, NULL, error);
        if (status != VDT_OK)
            return status;
        both += vdt_annotations_find_sample(reader->set, sample.key, &index, &ignored) == VDT_OK;
    }
    *vanished = reader->info.samples - both;
    *gained = count - both;
    return VDT_OK;
}
