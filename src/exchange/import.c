/* Imports: exports of ours, and folders of other programs, to samples of a store. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "exchange/data_set.h"
#include "exchange/file.h"
#include "exchange/importer.h"
#include "source/scenes/raster_file.h"
#include "store/writer.h"

static const struct vdt_import_format *const formats[] = {
    [VDT_FORMAT_COCO] = &vdt_import_coco,
    [VDT_FORMAT_YOLO] = &vdt_import_yolo,
    [VDT_FORMAT_VOC] = &vdt_import_voc,
    [VDT_FORMAT_GEOTIFF] = &vdt_import_geotiff,
    [VDT_FORMAT_PNG] = &vdt_import_png,
    [VDT_FORMAT_NPZ] = &vdt_import_npz,
    [VDT_FORMAT_WEBDATASET] = &vdt_import_webdataset,
};

/* --- folders ------------------------------------------------------------------------------ */

void vdt_free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool ends_with(const char *name, const char *suffix)
{
    size_t length = strlen(name), end = strlen(suffix);
    return length > end && strcmp(name + length - end, suffix) == 0;
}

vdt_status vdt_list_folder(const char *path, const char *suffix, char ***names, size_t *count,
                           struct vdt_error *error)
{
    DIR *folder = opendir(path);
    if (folder == NULL)
        return vdt_fail_errno(error, path);
    char **found = NULL;
    size_t used = 0, capacity = 0;
    bool good = true;
    for (struct dirent *entry; good && (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.' || !ends_with(entry->d_name, suffix))
            continue;
        char *name = vdt_copy_string(entry->d_name);
        good = name != NULL && vdt_grow(&found, &capacity, used + 1, sizeof *found);
        if (good)
            found[used++] = name;
        else
            free(name);
    }
    closedir(folder);
    if (!good) {
        vdt_free_names(found, used);
        return vdt_fail_memory(error, path);
    }
    if (used > 0)
        qsort(found, used, sizeof *found, compare_names);
    *names = found;
    *count = used;
    return VDT_OK;
}

char *vdt_import_path(const struct vdt_import *in, const char *kind, const char *suffix)
{
    char name[sizeof in->record.name + 32];
    snprintf(name, sizeof name, "%s%.16s", in->record.name, suffix);
    return in->format->flat ? vdt_path_join(in->folder, kind, name, NULL)
                            : vdt_path_join(in->folder, kind, in->record.group, name, NULL);
}

vdt_status vdt_import_boxes(struct vdt_import *in, size_t count, struct vdt_error *error)
{
    const struct vdt_band_stats *stats = in->record.sample.stats;
    if (count > UINT16_MAX && (in->spec.tasks & VDT_INSTANCE) != 0)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED, "%s: %zu objects in one image, 65535 are most",
                        in->record.name, count);
    vdt_status status = vdt_record_reserve(&in->record, &in->spec, count, error);
    in->record.sample.stats = stats;
    if (status == VDT_OK && in->record.memory.planes[VDT_INSTANCES] != NULL)
        memset(in->record.memory.planes[VDT_INSTANCES], 0,
               sizeof(uint16_t) * in->spec.tile.rows * in->spec.tile.cols);
    return status;
}

vdt_status vdt_import_picture(struct vdt_import *in, const char *kind, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *path = vdt_import_path(in, kind, in->about.suffix);
    return path == NULL ? vdt_fail_memory(error, in->folder)
                        : vdt_raster_load(path, &in->spec.tile, in->record.memory.image, error);
}

/* --- samples ------------------------------------------------------------------------------ */

bool vdt_import_has(struct vdt_import *in)
{
    bool there = vdt_writer_has(in->writer, in->record.sample.key);
    in->report->existing += there;
    return there;
}

/* The rules of values that vdt_check looks at. */
static const char *find_fault(const struct vdt_import *in)
{
    const struct vdt_sample *sample = &in->record.sample;
    const struct vdt_labels *labels = &sample->labels;
    const struct vdt_tile_spec *tile = &in->spec.tile;
    if (!(sample->valid_fraction >= 0 && sample->valid_fraction <= 1))
        return "a valid_fraction that is no share";
    for (size_t i = 0; i < labels->box_count; i++) {
        const float *box = labels->boxes[i];
        if (!(box[0] >= 0 && box[1] >= 0 && box[0] <= box[2] && box[1] <= box[3] &&
              box[2] <= (float)tile->cols && box[3] <= (float)tile->rows))
            return "a box that is not in the tile";
        if (!(labels->box_visible[i] >= 0 && labels->box_visible[i] <= 1))
            return "a visible share that is no share";
    }
    bool wide = in->spec.class_count > 254;
    uint32_t ignore = wide ? VDT_IGNORE_U16 : VDT_IGNORE_U8;
    for (size_t i = 0, n = (size_t)tile->rows * tile->cols; i < n; i++) {
        uint32_t value = labels->mask == NULL ? 0
                         : wide               ? ((const uint16_t *)labels->mask)[i]
                                              : ((const uint8_t *)labels->mask)[i];
        if (value > in->spec.class_count && value != ignore)
            return "a mask of a class that is not there";
        if (labels->instances != NULL && labels->instances[i] > labels->box_count)
            return "an instance without a box";
        if ((labels->boundary != NULL && labels->boundary[i] > 1 &&
             labels->boundary[i] != VDT_IGNORE_U8) ||
            (labels->contact != NULL && labels->contact[i] > 1 &&
             labels->contact[i] != VDT_IGNORE_U8))
            return "a boundary or contact other than 0, 1 and 255";
    }
    for (size_t c = 0; labels->onehot != NULL && c < in->spec.class_count; c++)
        if (labels->onehot[c] > 1)
            return "a one-hot vector of other values than 0 and 1";
    return NULL;
}

vdt_status vdt_import_append(struct vdt_import *in, struct vdt_error *error)
{
    const char *fault = find_fault(in);
    if (fault != NULL)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: sample %s has %s", in->folder,
                        in->record.sample.key, fault);
    struct vdt_record *record = &in->record;
    struct vdt_sample *sample = &record->sample;
    vdt_status status = vdt_writer_add_scene(in->writer, &record->scene, &sample->scene, error);
    if (status == VDT_OK)
        status = vdt_writer_add_crs(in->writer, record->crs, &sample->crs, error);
    if (status == VDT_OK)
        status = vdt_writer_append(in->writer,
                                   in->options->group == NULL ? record->group : in->options->group,
                                   sample, error);
    if (status != VDT_OK)
        return status;
    in->report->written++;
    in->report->boxes += sample->labels.box_count;
    return VDT_OK;
}

vdt_status vdt_import_progress(struct vdt_import *in, struct vdt_error *error)
{
    const struct vdt_import_options *options = in->options;
    uint64_t done = in->report->written + in->report->existing;
    if (options->progress == NULL || options->progress(done, in->total, options->payload))
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_CANCELLED, "%s: stopped; nothing was added", options->store);
}

static vdt_status read_line(struct vdt_import *in, const char *line, const char *what,
                            struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *about = NULL;
    vdt_status status = vdt_json_parse(line, what, &about, error);
    if (status == VDT_OK)
        status = vdt_about_read_sample(about, &in->spec, what, &in->record, error);
    if (status != VDT_OK || vdt_import_has(in))
        return status;
    if (strchr(in->record.group, '/') != NULL)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: %s is no name of a group", what,
                        in->record.group);
    status = in->format->sample(in, about, error);
    return status == VDT_OK ? vdt_import_append(in, error) : status;
}

static vdt_status read_list(struct vdt_import *in, const char *name, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *path = vdt_path_join(in->folder, "samples", name, NULL);
    if (path == NULL)
        return vdt_fail_memory(error, in->folder);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return vdt_fail_errno(error, path);
    vdt_cleanup(vdt_free_pointer) char *line = NULL;
    size_t size = 0, number = 0;
    vdt_status status = VDT_OK;
    while (status == VDT_OK && getline(&line, &size, file) > 0) {
        char what[512];
        snprintf(what, sizeof what, "%s:%zu", path, ++number);
        status = read_line(in, line, what, error);
        if (status == VDT_OK)
            status = vdt_import_progress(in, error);
    }
    if (status == VDT_OK && ferror(file) != 0)
        status = vdt_fail_errno(error, path);
    fclose(file);
    return status;
}

vdt_status vdt_import_list(struct vdt_import *in, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *path = vdt_path_join(in->folder, "samples", NULL);
    char **names = NULL;
    size_t count = 0;
    if (path == NULL)
        return vdt_fail_memory(error, in->folder);
    vdt_status status = vdt_list_folder(path, ".jsonl", &names, &count, error);
    for (size_t i = 0; status == VDT_OK && i < count; i++)
        status = read_list(in, names[i], error);
    vdt_free_names(names, count);
    return status;
}

/* --- the store ---------------------------------------------------------------------------- */

static bool same_texts(const char *const *a, const char *const *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(a[i], b[i]) != 0)
            return false;
    return true;
}

static vdt_status compare_store(const struct vdt_import *in, const struct vdt_store_spec *wanted,
                                struct vdt_error *error)
{
    const struct vdt_store_spec *spec = &in->spec;
    const struct vdt_tile_spec *a = &spec->tile, *b = &wanted->tile;
    if (a->bands != b->bands || a->rows != b->rows || a->cols != b->cols || a->dtype != b->dtype)
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "%s: tiles of %s [%u, %u, %u], but %s has %s [%u, %u, %u] (bands, rows, "
                        "cols)",
                        in->folder, vdt_dtype_name(b->dtype), b->bands, b->rows, b->cols,
                        in->options->store, vdt_dtype_name(a->dtype), a->bands, a->rows, a->cols);
    if (spec->tasks != wanted->tasks)
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "%s: other tasks than %s has: import it to a store of its own", in->folder,
                        in->options->store);
    if (spec->class_count != wanted->class_count ||
        !same_texts(spec->classes, wanted->classes, spec->class_count))
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "%s: other classes than %s has: import it to a store of its own",
                        in->folder, in->options->store);
    return VDT_OK;
}

/* A new store gets the time axis of the export; one that is there has the same. */
static vdt_status import_times(struct vdt_import *in, bool fresh, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *have = NULL;
    const json_t *times = json_object_get(in->about.json, "times");
    vdt_status status =
        vdt_json_parse(vdt_writer_times(in->writer), "attribute times", &have, error);
    if (status != VDT_OK)
        return status;
    if (!fresh && json_array_size(have) != json_array_size(times))
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "%s: a time axis of %zu, but %s has one of %zu (0: none): import it to a "
                        "store of its own",
                        in->folder, json_array_size(times), in->options->store,
                        json_array_size(have));
    if (times == NULL)
        return VDT_OK;
    bool good =
        json_array_size(times) > 0 && in->about.spec.tile.bands % json_array_size(times) == 0;
    for (size_t i = 0; good && i < json_array_size(times); i++) {
        const json_t *time = json_array_get(times, i);
        good = json_is_string(time);
        if (!fresh && good && !json_equal(time, json_array_get(have, i)))
            json_array_set_new(have, i, json_string(""));
    }
    if (!good)
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "%s/vedatile.json: its times make no sense: the file is damaged or of "
                        "another program",
                        in->folder);
    vdt_cleanup(vdt_free_pointer) char *text = vdt_json_text(fresh ? times : have);
    return text == NULL ? vdt_fail_memory(error, in->folder)
                        : vdt_writer_set_times(in->writer, text, error);
}

static vdt_status import_members(struct vdt_import *in, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *all = NULL;
    json_t *members = json_object_get(in->about.json, "scene_members");
    if (members == NULL)
        return VDT_OK;
    vdt_status status = vdt_json_parse(vdt_writer_scene_members(in->writer),
                                       "attribute scene_members", &all, error);
    if (status == VDT_OK && json_object_update(all, members) != 0)
        status = vdt_fail(error, VDT_ERR_FORMAT,
                          "%s/vedatile.json: its scene_members are no object: the file is damaged "
                          "or of another program",
                          in->folder);
    vdt_cleanup(vdt_free_pointer) char *text = status == VDT_OK ? vdt_json_text(all) : NULL;
    if (status == VDT_OK && text == NULL)
        status = vdt_fail_memory(error, in->folder);
    return status == VDT_OK ? vdt_writer_set_scene_members(in->writer, text, error) : status;
}

static vdt_status open_store(struct vdt_import *in, struct vdt_store_spec wanted,
                             struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    const char *store = in->options->store;
    bool fresh = in->writer == NULL && !vdt_path_exists(store);
    enum vdt_codec codec =
        in->options->codec == VDT_CODEC_AUTO ? VDT_CODEC_LZ4 : in->options->codec;
    wanted.image_codec = wanted.mask_codec = codec;
    if (in->writer == NULL)
        status = vdt_path_exists(store) ? vdt_writer_open(store, &in->writer, error)
                                        : vdt_writer_create(store, &wanted, &in->writer, error);
    if (status != VDT_OK)
        return status;
    in->spec = vdt_writer_spec(in->writer);
    status = compare_store(in, &wanted, error);
    if (status == VDT_OK)
        status = import_times(in, fresh, error);
    return status == VDT_OK ? import_members(in, error) : status;
}

static vdt_status import_folder(struct vdt_import *in, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *path = vdt_path_join(in->folder, "vedatile.json", NULL);
    if (path == NULL)
        return vdt_fail_memory(error, in->folder);
    if (!vdt_path_exists(in->folder))
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: no such folder: check the path", in->folder);
    if (!vdt_path_exists(path) && in->options->format <= VDT_FORMAT_VOC && in->writer == NULL)
        return vdt_import_data_set(in->options, in->folder, in->report, error);
    if (!vdt_path_exists(path))
        return vdt_fail(error, VDT_ERR_NOT_FOUND,
                        "%s: no folder that vedatile export made: it has no vedatile.json",
                        in->folder);
    if (in->options->tile_cols > 0 || in->options->tasks != 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: is an export, which has its tiles and tasks: leave --tile and --task "
                        "out",
                        in->folder);
    vdt_status status = vdt_about_read_store(path, &in->about, error);
    if (status == VDT_OK && strcmp(in->about.format, in->format->name) != 0)
        status = vdt_fail(error, VDT_ERR_ARGUMENT, "%s: is an export of format %s, not %s",
                          in->folder, in->about.format, in->format->name);
    in->total += in->about.samples;
    struct vdt_store_spec wanted = in->about.spec;
    wanted.tasks &= in->format->tasks;
    if (status == VDT_OK)
        status = open_store(in, wanted, error);
    if (status == VDT_OK)
        status = in->format->read(in, error);
    if (in->format->clear != NULL)
        in->format->clear(in);
    in->state = NULL;
    vdt_about_file_clear(&in->about);
    return status;
}

/* --- the call ----------------------------------------------------------------------------- */

static vdt_status check_options(const struct vdt_import_options *options,
                                const struct vdt_import_format **format, struct vdt_error *error)
{
    if (options->store == NULL || options->path_count == 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "an import needs a store and a folder to read");
    size_t known = sizeof formats / sizeof formats[0];
    if (options->format < 1 || (size_t)options->format >= known || formats[options->format] == NULL)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "this format can be exported, but not imported");
    if ((options->tile_cols == 0) != (options->tile_rows == 0))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "a tile has columns and rows");
    *format = formats[options->format];
    return VDT_OK;
}

vdt_status vdt_import(const struct vdt_import_options *options, struct vdt_import_report *report,
                      struct vdt_error *error)
{
    struct vdt_import_report counts = {0};
    struct vdt_import in = {.options = options, .report = &counts};
    vdt_status status = check_options(options, &in.format, error);
    for (size_t i = 0; status == VDT_OK && i < options->path_count; i++) {
        in.folder = options->paths[i];
        status = import_folder(&in, error);
    }
    if (status == VDT_OK && counts.written + counts.existing == 0)
        status = vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: there is no sample to import",
                          options->paths[0]);
    if (status == VDT_OK && in.writer != NULL)
        status = vdt_writer_finish(in.writer, error);
    vdt_writer_free(in.writer);
    vdt_record_clear(&in.record);
    if (report != NULL)
        *report = counts;
    return status;
}
