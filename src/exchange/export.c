/* Exports: which samples, in whole folders. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/path.h"
#include "exchange/about.h"
#include "exchange/exporter.h"

#define STORE_FILE "vedatile.json"

static const struct vdt_export_format *const formats[] = {
    [VDT_FORMAT_COCO] = &vdt_export_coco,
    [VDT_FORMAT_YOLO] = &vdt_export_yolo,
    [VDT_FORMAT_VOC] = &vdt_export_voc,
    [VDT_FORMAT_GEOTIFF] = &vdt_export_geotiff,
    [VDT_FORMAT_PNG] = &vdt_export_png,
    [VDT_FORMAT_NPZ] = &vdt_export_npz,
    [VDT_FORMAT_WEBDATASET] = &vdt_export_webdataset,
    [VDT_FORMAT_GEOJSON] = &vdt_export_geojson,
    [VDT_FORMAT_STAC] = &vdt_export_stac,
};

/* Which samples: all of some groups, or some of one group. */
struct selection {
    size_t *groups;
    size_t group_count;
    uint64_t *indices; /* rising; NULL: all */
    uint64_t count;    /* of all groups */
};

static void selection_clear(struct selection *selection)
{
    free(selection->groups);
    free(selection->indices);
}

static void reader_cleanup(struct vdt_reader **reader)
{
    vdt_reader_free(*reader);
}

static int compare_indices(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* A view may hold a sample twice; a folder holds it once. */
static vdt_status select_view(struct selection *selection, const struct vdt_reader *reader,
                              const char *name, struct vdt_error *error)
{
    size_t found = 0;
    vdt_status status = vdt_reader_find_view(reader, name, &found, error);
    if (status != VDT_OK)
        return status;
    struct vdt_view view = vdt_reader_view(reader, found);
    selection->indices = vdt_allocate(view.count, sizeof *selection->indices);
    if (selection->indices == NULL)
        return vdt_fail_memory(error, vdt_reader_path(reader));
    if (view.count > 0)
        memcpy(selection->indices, view.indices, view.count * sizeof *view.indices);
    qsort(selection->indices, view.count, sizeof *selection->indices, compare_indices);
    for (uint64_t i = 0; i < view.count; i++)
        if (i == 0 || selection->indices[i] != selection->indices[selection->count - 1])
            selection->indices[selection->count++] = selection->indices[i];
    selection->group_count = 1;
    return vdt_reader_find_group(reader, view.group, &selection->groups[0], error);
}

static vdt_status select_samples(struct selection *selection, const struct vdt_reader *reader,
                                 const struct vdt_export_options *options, struct vdt_error *error)
{
    size_t groups = vdt_reader_group_count(reader);
    vdt_status status = VDT_OK;
    selection->groups = vdt_allocate(groups + 1, sizeof *selection->groups);
    if (selection->groups == NULL)
        return vdt_fail_memory(error, options->store);
    if (options->view != NULL) {
        status = select_view(selection, reader, options->view, error);
    } else if (options->group != NULL) {
        selection->group_count = 1;
        status = vdt_reader_find_group(reader, options->group, &selection->groups[0], error);
    } else {
        for (size_t g = 0; g < groups; g++)
            selection->groups[selection->group_count++] = g;
    }
    for (size_t i = 0; status == VDT_OK && options->view == NULL && i < selection->group_count; i++)
        selection->count += vdt_reader_count(reader, selection->groups[i]);
    if (status == VDT_OK && selection->count == 0)
        status =
            vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: there is no sample to export", options->store);
    return status;
}

/* --- the folder --------------------------------------------------------------------------- */

static vdt_status make_output(const char *output, const char *part, struct vdt_error *error)
{
    if (vdt_path_exists(output))
        return vdt_fail(error, VDT_ERR_EXISTS, "%s: is there already: name another folder", output);
    vdt_cleanup(vdt_free_pointer) char *mark = vdt_path_join(part, STORE_FILE, NULL);
    if (mark == NULL)
        return vdt_fail_memory(error, output);
    if (vdt_path_exists(part)) {
        if (!vdt_path_exists(mark))
            return vdt_fail(error, VDT_ERR_EXISTS,
                            "%s: is in the way and no export of ours: move it away", part);
        vdt_status status = vdt_remove_tree(part, error);
        if (status != VDT_OK)
            return status;
    }
    return mkdir(part, 0777) == 0 ? VDT_OK : vdt_fail_errno(error, part);
}

/* What scenes are made of, and the time axis where all bands are there. Nothing without joined
 * scenes. */
static bool describe_joins(const struct vdt_export *out, json_t *about)
{
    json_t *members = json_loads(vdt_reader_scene_members(out->reader), 0, NULL);
    json_t *times = json_loads(vdt_reader_times(out->reader), 0, NULL);
    bool good = true, all = out->picture.tile.bands == out->spec.tile.bands;
    if (json_object_size(members) > 0)
        good = json_object_set(about, "scene_members", members) == 0;
    if (good && all && json_array_size(times) > 0)
        good = json_object_set(about, "times", times) == 0;
    json_decref(members);
    json_decref(times);
    return good;
}

/* The first file of the folder: by it the next export knows what this one left. */
static vdt_status describe_store(struct vdt_export *out, struct vdt_error *error)
{
    bool arrays = out->format->arrays && out->options->picture == VDT_PICTURE_AUTO;
    const char *suffix = arrays ? ".npy" : out->picture.suffix;
    json_t *about = vdt_about_store(&out->spec, &out->picture.tile, out->picture.band_names);
    vdt_cleanup(vdt_free_pointer) char *path = vdt_path_join(out->folder, STORE_FILE, NULL);
    struct vdt_text_file text = {0};
    bool good = about != NULL && path != NULL &&
                json_object_set_new(about, "format", json_string(out->format->name)) == 0 &&
                json_object_set_new(about, "suffix", json_string(suffix)) == 0 &&
                json_object_set_new(about, "samples", json_integer((json_int_t)out->total)) == 0 &&
                describe_joins(out, about);
    vdt_status status =
        good ? vdt_text_open(&text, path, error) : vdt_fail_memory(error, out->folder);
    if (status != VDT_OK) {
        json_decref(about);
        return status;
    }
    status = vdt_text_json(&text, about, true, error);
    if (status == VDT_OK)
        status = vdt_text_close(&text, error);
    vdt_text_abandon(&text);
    return status;
}

/* --- the samples -------------------------------------------------------------------------- */

static vdt_status open_list(struct vdt_export *out, struct vdt_error *error)
{
    char name[80];
    snprintf(name, sizeof name, "%s.jsonl", out->group_name);
    vdt_cleanup(vdt_free_pointer) char *folder = vdt_path_join(out->folder, "samples", NULL);
    vdt_cleanup(vdt_free_pointer) char *path = vdt_path_join(out->folder, "samples", name, NULL);
    if (folder == NULL || path == NULL)
        return vdt_fail_memory(error, out->folder);
    vdt_status status = vdt_make_folders(out->folder, folder, error);
    return status == VDT_OK ? vdt_text_open(&out->samples, path, error) : status;
}

static vdt_status write_sample(struct vdt_export *out, const struct vdt_record *record,
                               struct vdt_error *error)
{
    const struct vdt_export_format *format = out->format;
    vdt_status status = VDT_OK;
    if (format->lists)
        status = vdt_text_json(&out->samples, vdt_export_about(out, record, format->lists_labels),
                               true, error);
    if (status == VDT_OK)
        status = format->sample(out, record, error);
    if (status != VDT_OK)
        return status;
    out->report->samples++;
    out->report->boxes += record->sample.labels.box_count;
    return VDT_OK;
}

static vdt_status write_group(struct vdt_export *out, const struct selection *selection,
                              struct vdt_record *record, struct vdt_error *error)
{
    const struct vdt_export_format *format = out->format;
    const struct vdt_export_options *options = out->options;
    uint64_t count =
        selection->indices == NULL ? vdt_reader_count(out->reader, out->group) : selection->count;
    vdt_status status = format->lists ? open_list(out, error) : VDT_OK;
    if (status == VDT_OK && format->begin_group != NULL)
        status = format->begin_group(out, error);
    for (uint64_t i = 0; status == VDT_OK && i < count; i++) {
        uint64_t index = selection->indices == NULL ? i : selection->indices[i];
        status = vdt_record_read(record, out->reader, out->group, index, error);
        if (status == VDT_OK)
            status = write_sample(out, record, error);
        if (status == VDT_OK && options->progress != NULL &&
            !options->progress(out->report->samples, selection->count, options->payload))
            status = vdt_fail(error, VDT_ERR_CANCELLED, "%s: stopped; nothing is left behind",
                              options->output);
    }
    if (status == VDT_OK && format->end_group != NULL)
        status = format->end_group(out, error);
    return status == VDT_OK ? vdt_text_close(&out->samples, error) : status;
}

static vdt_status write_all(struct vdt_export *out, const struct selection *selection,
                            struct vdt_error *error)
{
    const struct vdt_export_format *format = out->format;
    struct vdt_record record = {0};
    vdt_status status = describe_store(out, error);
    if (status == VDT_OK && format->begin != NULL)
        status = format->begin(out, error);
    for (size_t i = 0; status == VDT_OK && i < selection->group_count; i++) {
        out->group = selection->groups[i];
        out->group_name = vdt_reader_group_name(out->reader, out->group);
        status = write_group(out, selection, &record, error);
    }
    if (status == VDT_OK && format->end != NULL)
        status = format->end(out, error);
    vdt_text_abandon(&out->samples);
    if (format->clear != NULL)
        format->clear(out);
    vdt_record_clear(&record);
    return status;
}

/* --- the call ----------------------------------------------------------------------------- */

static vdt_status check_options(const struct vdt_export_options *options,
                                const struct vdt_export_format **format, struct vdt_error *error)
{
    if (options->store == NULL || options->output == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "an export needs a store and a folder to make");
    size_t length = strlen(options->output);
    if (length == 0 || options->output[length - 1] == '/')
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: the folder to make needs a name that does not end with /",
                        options->output);
    if (options->group != NULL && options->view != NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "a view has its group: give one of the two");
    size_t known = sizeof formats / sizeof formats[0];
    if (options->format < 1 || (size_t)options->format >= known)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "there is no export format %d",
                        (int)options->format);
    *format = formats[options->format];
    if ((*format)->own_picture && options->picture != VDT_PICTURE_AUTO &&
        options->picture != (*format)->picture)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "format %s has pictures of its own kind",
                        (*format)->name);
    if (options->shard > 0 && options->format != VDT_FORMAT_WEBDATASET)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "format %s has no shards", (*format)->name);
    return VDT_OK;
}

static vdt_status check_tasks(const struct vdt_export *out, struct vdt_error *error)
{
    const struct vdt_export_format *format = out->format;
    if (format->tasks == 0 || (out->spec.tasks & format->tasks) != 0)
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                    "%s: format %s holds objects, and the store has no boxes: export npz or "
                    "webdataset",
                    out->options->store, format->name);
}

static vdt_status run(struct vdt_export *out, struct vdt_error *error)
{
    const char *output = out->options->output;
    vdt_cleanup(selection_clear) struct selection selection = {0};
    struct vdt_export_options options = *out->options;
    if (out->format->own_picture)
        options.picture = out->format->picture;
    vdt_status status = check_tasks(out, error);
    if (status == VDT_OK)
        status = select_samples(&selection, out->reader, out->options, error);
    out->total = selection.count;
    out->groups = selection.groups;
    out->group_count = selection.group_count;
    if (status == VDT_OK)
        status = vdt_picture_init(&out->picture, &options, out->reader, selection.groups,
                                  selection.group_count, error);
    if (status == VDT_OK)
        status = make_output(output, out->folder, error);
    if (status != VDT_OK)
        return status;
    status = write_all(out, &selection, error);
    if (status == VDT_OK && rename(out->folder, output) != 0)
        status = vdt_fail_errno(error, output);
    if (status == VDT_OK)
        return vdt_sync_folder(output, error);
    (void)vdt_remove_tree(out->folder, NULL); /* the failure that is told is the first one */
    return status;
}

vdt_status vdt_export(const struct vdt_export_options *options, struct vdt_export_report *report,
                      struct vdt_error *error)
{
    struct vdt_export_report counts = {0};
    const struct vdt_export_format *format = NULL;
    vdt_cleanup(reader_cleanup) struct vdt_reader *reader = NULL;
    vdt_status status = check_options(options, &format, error);
    if (status == VDT_OK)
        status = vdt_reader_open(options->store, &reader, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_free_pointer) char *part = vdt_path_with(options->output, ".part");
    if (part == NULL)
        return vdt_fail_memory(error, options->output);
    struct vdt_export out = {.options = options,
                             .reader = reader,
                             .spec = vdt_reader_spec(reader),
                             .folder = part,
                             .format = format,
                             .report = &counts};
    status = run(&out, error);
    vdt_picture_clear(&out.picture);
    if (report != NULL)
        *report = counts;
    return status;
}
