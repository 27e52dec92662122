/* Imports and exports of sets: which format, and all or nothing. */
#include "annotate/formats/exchange_sets.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/path.h"

static const struct format {
    vdt_set_import_fn import;
    vdt_status (*export)(struct vdt_set_export *out, struct vdt_error *error);
    bool folder;  /* of files, one for each sample */
    bool by_file; /* samples are found by the names of files */
    const char *noun;
} formats[] = {
    [VDT_ANNOTATIONS_JSONL] = {vdt_import_set_jsonl, vdt_export_set_jsonl, false, false, "line"},
    [VDT_ANNOTATIONS_COCO] = {vdt_import_set_coco, vdt_export_set_coco, false, true, "record"},
    [VDT_ANNOTATIONS_GEOJSON] = {vdt_import_set_geojson, vdt_export_set_geojson, false, false,
                                 "feature"},
    [VDT_ANNOTATIONS_YOLO] = {vdt_import_set_yolo, vdt_export_set_yolo, true, true, "line"},
    [VDT_ANNOTATIONS_VOC] = {vdt_import_set_voc, vdt_export_set_voc, true, true, "object"},
};

/* --- rows ------------------------------------------------------------------------------------ */

const struct vdt_label *vdt_row_class(const struct vdt_annotation *a, const char *key)
{
    const struct vdt_label *best = NULL;
    for (size_t i = 0; i < a->label_count; i++)
        if (strcmp(a->labels[i].key, key) == 0 &&
            (best == NULL || a->labels[i].score > best->score))
            best = &a->labels[i];
    return best;
}

void vdt_class_list_clear(struct vdt_class_list *list)
{
    free(list->values);
    free(list->codes);
    *list = (struct vdt_class_list){0};
}

vdt_status vdt_class_list(const struct vdt_annotations *set, const char *key,
                          struct vdt_class_list *list, struct vdt_error *error)
{
    const struct vdt_record_columns *records = &set->records;
    size_t most = records->labels.count;
    list->values = vdt_allocate(most, sizeof *list->values);
    list->codes = vdt_allocate(most, sizeof *list->codes);
    list->count = 0;
    if (list->values == NULL || list->codes == NULL)
        return vdt_fail_memory(error, vdt_set_name(set));
    for (uint32_t i = 0; i < most; i++)
        if (strcmp(vdt_record_columns_key(records, i), key) == 0) {
            list->values[list->count] = vdt_record_columns_value(records, i);
            list->codes[list->count++] = records->codes[i];
        }
    return VDT_OK;
}

size_t vdt_class_find(const struct vdt_class_list *list, const char *value)
{
    size_t i = 0;
    while (i < list->count && strcmp(list->values[i], value) != 0)
        i++;
    return i;
}

/* --- which format ---------------------------------------------------------------------------- */

static bool ends(const char *path, const char *end)
{
    size_t length = strlen(path), size = strlen(end);
    return length > size && strcmp(path + length - size, end) == 0;
}

/* A folder with an .xml file anywhere near its top is VOC's. */
static enum vdt_annotation_format folder_format(const char *path)
{
    vdt_cleanup(vdt_free_pointer) char *annotations = vdt_path_join(path, "Annotations", NULL);
    vdt_cleanup(vdt_free_pointer) char *classes = vdt_path_join(path, "classes.txt", NULL);
    vdt_cleanup(vdt_free_pointer) char *data = vdt_path_join(path, "data.yaml", NULL);
    if (annotations == NULL || classes == NULL || data == NULL)
        return (enum vdt_annotation_format)0;
    if (vdt_path_exists(annotations))
        return VDT_ANNOTATIONS_VOC;
    return vdt_path_exists(classes) || vdt_path_exists(data) ? VDT_ANNOTATIONS_YOLO
                                                             : (enum vdt_annotation_format)0;
}

/* By the first bytes of a .json file: features, or COCO. */
static enum vdt_annotation_format text_format(const char *path)
{
    char text[4097];
    FILE *file = fopen(path, "rb");
    size_t size = file == NULL ? 0 : fread(text, 1, sizeof text - 1, file);
    if (file != NULL)
        fclose(file);
    text[size] = '\0';
    return strstr(text, "FeatureCollection") != NULL || strstr(text, "\"Feature\"") != NULL
               ? VDT_ANNOTATIONS_GEOJSON
               : VDT_ANNOTATIONS_COCO;
}

static vdt_status find_format(const struct vdt_annotations_exchange *options,
                              enum vdt_annotation_format *format, struct vdt_error *error)
{
    struct stat info;
    const char *path = options->path;
    if (stat(path, &info) != 0)
        return vdt_fail_errno(error, path);
    *format = options->format;
    if (*format != 0)
        return VDT_OK;
    if (S_ISDIR(info.st_mode))
        *format = folder_format(path);
    else if (ends(path, ".jsonl") || ends(path, ".ndjson"))
        *format = VDT_ANNOTATIONS_JSONL;
    else if (ends(path, ".geojson"))
        *format = VDT_ANNOTATIONS_GEOJSON;
    else if (ends(path, ".json"))
        *format = text_format(path);
    return *format != 0
               ? VDT_OK
               : vdt_fail(error, VDT_ERR_ARGUMENT,
                          "%s: its format does not show: name it (jsonl, coco, geojson, yolo, voc)",
                          path);
}

/* --- imports --------------------------------------------------------------------------------- */

static void end_staged(struct vdt_staged *staged)
{
    vdt_staged_end(staged);
}

vdt_status vdt_annotations_import(struct vdt_annotations *set,
                                  const struct vdt_annotations_exchange *options,
                                  struct vdt_annotations_report *report, struct vdt_error *error)
{
    struct vdt_annotations_report own;
    vdt_cleanup(end_staged) struct vdt_staged staged = {0};
    enum vdt_annotation_format format = options->format;
    if (options->path == NULL || (unsigned)format > VDT_ANNOTATIONS_VOC)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "annotations: no path, or no such format");
    vdt_status status = find_format(options, &format, error);
    if (status == VDT_OK)
        status = vdt_staged_begin(&staged, options->path, formats[format].noun, &options->change,
                                  report == NULL ? &own : report, error);
    if (status != VDT_OK)
        return status;
    staged.by_file = formats[format].by_file;
    status = formats[format].import(&staged, set, options, error);
    return status == VDT_OK ? vdt_staged_merge(&staged, set, error) : status;
}

/* --- exports --------------------------------------------------------------------------------- */

static vdt_status write_part(struct vdt_set_export *out, const struct format *format,
                             struct vdt_error *error)
{
    if (format->folder && mkdir(out->path, 0777) != 0)
        return vdt_fail_errno(error, out->path);
    vdt_status status = format->export(out, error);
    if (status == VDT_OK && rename(out->path, out->options->path) != 0)
        status = vdt_fail_errno(error, out->options->path);
    return status == VDT_OK ? vdt_sync_folder(out->options->path, error) : status;
}

vdt_status vdt_annotations_export(struct vdt_annotations *set,
                                  const struct vdt_annotations_exchange *options,
                                  struct vdt_annotations_report *report, struct vdt_error *error)
{
    struct vdt_annotations_report own;
    if (options->path == NULL || (unsigned)options->format > VDT_ANNOTATIONS_VOC ||
        options->format == 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "annotations: an export needs a path and a format");
    if (vdt_path_exists(options->path))
        return vdt_fail(error, VDT_ERR_EXISTS, "%s: exists already", options->path);
    vdt_cleanup(vdt_free_pointer) char *part = vdt_path_with(options->path, ".part");
    if (part == NULL)
        return vdt_fail_memory(error, options->path);
    struct vdt_set_export out = {
        .set = set,
        .options = options,
        .key = options->key == NULL || *options->key == '\0' ? "class" : options->key,
        .path = part,
        .report = report == NULL ? &own : report};
    *out.report = (struct vdt_annotations_report){0};
    const struct format *format = &formats[options->format];
    vdt_status status = VDT_OK;
    if (vdt_path_exists(part)) /* of an export that was interrupted */
        status = vdt_remove_tree(part, error);
    if (status == VDT_OK)
        status = write_part(&out, format, error);
    if (status != VDT_OK && vdt_path_exists(part))
        (void)(vdt_remove_tree(part, NULL) == VDT_OK);
    return status;
}
