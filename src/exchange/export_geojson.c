/* GeoJSON (RFC 7946): windows.geojson with the footprints of the tiles, and labels.geojson with the
 * boxes of the objects on the ground. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "exchange/exporter.h"
#include "exchange/ground_json.h"

struct documents {
    struct vdt_text_file windows, labels;
    bool first_window, first_label;
    struct vdt_outline footprint;
};

static vdt_status open_document(struct vdt_export *out, const char *name,
                                struct vdt_text_file *text, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *path = vdt_path_join(out->folder, name, NULL);
    if (path == NULL)
        return vdt_fail_memory(error, out->folder);
    vdt_status status = vdt_text_open(text, path, error);
    if (status == VDT_OK)
        fputs("{\"type\":\"FeatureCollection\",\"features\":[\n", text->file);
    return status;
}

static bool has_boxes(const struct vdt_export *out)
{
    return (out->spec.tasks & (VDT_DETECTION | VDT_INSTANCE)) != 0;
}

static vdt_status begin(struct vdt_export *out, struct vdt_error *error)
{
    struct documents *documents = calloc(1, sizeof *documents);
    if (documents == NULL)
        return vdt_fail_memory(error, out->folder);
    out->state = documents;
    documents->first_window = documents->first_label = true;
    vdt_status status = open_document(out, "windows.geojson", &documents->windows, error);
    if (status == VDT_OK && has_boxes(out))
        status = open_document(out, "labels.geojson", &documents->labels, error);
    return status;
}

static void clear(struct vdt_export *out)
{
    struct documents *documents = out->state;
    if (documents == NULL)
        return;
    vdt_text_abandon(&documents->windows);
    vdt_text_abandon(&documents->labels);
    vdt_outline_clear(&documents->footprint);
    free(documents);
}

static vdt_status add(struct vdt_text_file *text, bool *first, json_t *feature,
                      struct vdt_error *error)
{
    if (!*first)
        fputs(",\n", text->file);
    *first = false;
    return vdt_text_json(text, feature, false, error);
}

static vdt_status write_sample(struct vdt_export *out, const struct vdt_record *record,
                               struct vdt_error *error)
{
    struct documents *documents = out->state;
    vdt_status status = add(&documents->windows, &documents->first_window,
                            vdt_ground_window(&documents->footprint, record, &out->spec), error);
    for (size_t i = 0; status == VDT_OK && i < record->sample.labels.box_count; i++)
        status = add(&documents->labels, &documents->first_label,
                     vdt_ground_label(&documents->footprint, record, &out->spec, i), error);
    return status;
}

static vdt_status end(struct vdt_export *out, struct vdt_error *error)
{
    struct documents *documents = out->state;
    fputs("\n]}\n", documents->windows.file);
    if (documents->labels.file != NULL)
        fputs("\n]}\n", documents->labels.file);
    vdt_status status = vdt_text_close(&documents->windows, error);
    return status == VDT_OK ? vdt_text_close(&documents->labels, error) : status;
}

const struct vdt_export_format vdt_export_geojson = {.name = "geojson",
                                                     .picture = VDT_PICTURE_TIFF,
                                                     .own_picture = true,
                                                     .begin = begin,
                                                     .sample = write_sample,
                                                     .end = end,
                                                     .clear = clear};
