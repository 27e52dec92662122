/* COCO: images/GROUP/NAME.png and annotations/GROUP.json, as https://cocodataset.org/#format-data
 * has them. Ids are places in the store's group, so that they stay: of an image its index + 1, of
 * an annotation its box's row + 1. */
#include <stdlib.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/path.h"
#include "base/rle.h"
#include "exchange/about.h"
#include "exchange/exporter.h"

enum { COPY_BYTES = 1 << 16 };

/* The annotations wait in a file of their own until all images are listed. */
struct coco {
    struct vdt_text_file document;
    struct vdt_text_file annotations;
    bool first_image, first_annotation;
    struct vdt_rle rle;
    struct vdt_buffer text; /* of one object's runs */
};

static vdt_status begin(struct vdt_export *out, struct vdt_error *error)
{
    out->state = calloc(1, sizeof(struct coco));
    return out->state == NULL ? vdt_fail_memory(error, out->folder) : VDT_OK;
}

static void clear(struct vdt_export *out)
{
    struct coco *coco = out->state;
    if (coco == NULL)
        return;
    vdt_text_abandon(&coco->document);
    vdt_text_abandon(&coco->annotations);
    vdt_rle_clear(&coco->rle);
    vdt_buffer_clear(&coco->text);
    free(coco);
}

static json_t *categories(const struct vdt_store_spec *spec)
{
    json_t *list = json_array();
    for (size_t c = 0; c < spec->class_count; c++)
        json_array_append_new(list, json_pack("{s:i, s:s, s:s}", "id", (int)c + 1, "name",
                                              spec->classes[c], "supercategory", ""));
    return list;
}

static char *annotation_path(const struct vdt_export *out, const char *suffix)
{
    vdt_cleanup(vdt_free_pointer) char *path =
        vdt_path_join(out->folder, "annotations", out->group_name, NULL);
    return path == NULL ? NULL : vdt_path_with(path, suffix);
}

static vdt_status begin_group(struct vdt_export *out, struct vdt_error *error)
{
    struct coco *coco = out->state;
    vdt_cleanup(vdt_free_pointer) char *folder = vdt_path_join(out->folder, "annotations", NULL);
    vdt_cleanup(vdt_free_pointer) char *document = annotation_path(out, ".json");
    vdt_cleanup(vdt_free_pointer) char *annotations = annotation_path(out, ".part");
    if (folder == NULL || document == NULL || annotations == NULL)
        return vdt_fail_memory(error, out->folder);
    vdt_status status = vdt_make_folders(out->folder, folder, error);
    if (status == VDT_OK)
        status = vdt_export_folder(out, "images", error);
    if (status == VDT_OK)
        status = vdt_text_open(&coco->document, document, error);
    if (status == VDT_OK)
        status = vdt_text_open(&coco->annotations, annotations, error);
    if (status != VDT_OK)
        return status;
    coco->first_image = coco->first_annotation = true;
    fputs("{\"info\":", coco->document.file);
    status = vdt_text_json(&coco->document,
                           json_pack("{s:s, s:s}", "description", out->spec.name, "version", "1.0"),
                           false, error);
    fputs(",\"licenses\":[],\"categories\":", coco->document.file);
    if (status == VDT_OK)
        status = vdt_text_json(&coco->document, categories(&out->spec), false, error);
    fputs(",\"images\":[\n", coco->document.file);
    return status;
}

/* What is between the entries of a list. */
static void separate(struct vdt_text_file *text, bool *first)
{
    if (!*first)
        fputs(",\n", text->file);
    *first = false;
}

static json_t *image_of(const struct vdt_export *out, const struct vdt_record *record)
{
    char name[sizeof record->name + 8];
    snprintf(name, sizeof name, "%s%s", record->name, out->picture.suffix);
    return json_pack("{s:I, s:s, s:i, s:i}", "id", (json_int_t)record->index + 1, "file_name", name,
                     "width", (int)out->spec.tile.cols, "height", (int)out->spec.tile.rows);
}

/* A store keeps no outlines: its instance mask as run lengths, or else the box as a polygon. */
static json_t *segmentation(const struct vdt_export *out, const struct vdt_labels *labels, size_t i,
                            double *area, struct vdt_error *error)
{
    struct coco *coco = out->state;
    const float *b = labels->boxes[i];
    if (labels->instances == NULL) {
        *area = ((double)b[2] - b[0]) * ((double)b[3] - b[1]);
        const double corners[8] = {b[0], b[1], b[2], b[1], b[2], b[3], b[0], b[3]};
        return json_pack("[o]", vdt_json_numbers(corners, 8));
    }
    const struct vdt_rle_object *object = &coco->rle.objects[i];
    coco->text.size = 0;
    if (vdt_rle_text(object->runs, object->count, &coco->text, error) != VDT_OK)
        return NULL;
    *area = (double)object->area;
    out->report->hidden += object->area == 0;
    return json_pack("{s:[i, i], s:s}", "size", (int)out->spec.tile.rows, (int)out->spec.tile.cols,
                     "counts", (const char *)coco->text.data);
}

static vdt_status write_annotation(struct vdt_export *out, const struct vdt_record *record,
                                   size_t i, struct vdt_error *error)
{
    struct coco *coco = out->state;
    const struct vdt_labels *labels = &record->sample.labels;
    const float *b = labels->boxes[i];
    const double box[4] = {b[0], b[1], (double)b[2] - b[0], (double)b[3] - b[1]};
    double area = 0;
    json_t *outline = segmentation(out, labels, i, &area, error);
    if (outline == NULL)
        return vdt_fail_memory(error, out->folder);
    separate(&coco->annotations, &coco->first_annotation);
    json_t *annotation = json_pack(
        "{s:I, s:I, s:i, s:o, s:o, s:o, s:i, s:I, s:o}", "id",
        (json_int_t)(record->first_box + i + 1), "image_id", (json_int_t)record->index + 1,
        "category_id", labels->box_class[i] + 1, "bbox", vdt_json_numbers(box, 4), "area",
        json_real(area), "segmentation", outline, "iscrowd", 0, "feature",
        (json_int_t)labels->box_feature[i], "visible", vdt_json_number(labels->box_visible[i]));
    return vdt_text_json(&coco->annotations, annotation, false, error);
}

static vdt_status write_sample(struct vdt_export *out, const struct vdt_record *record,
                               struct vdt_error *error)
{
    struct coco *coco = out->state;
    const struct vdt_labels *labels = &record->sample.labels;
    vdt_status status = vdt_export_picture(out, "images", record, error);
    separate(&coco->document, &coco->first_image);
    if (status == VDT_OK)
        status = vdt_text_json(&coco->document, image_of(out, record), false, error);
    if (status == VDT_OK && labels->instances != NULL)
        status = vdt_rle_encode(&coco->rle, labels->instances, out->spec.tile.rows,
                                out->spec.tile.cols, labels->box_count, error);
    for (size_t i = 0; status == VDT_OK && i < labels->box_count; i++)
        status = write_annotation(out, record, i, error);
    return status;
}

/* Moves the annotations to the end of the document. */
static vdt_status move_annotations(struct coco *coco, const char *path, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *bytes = vdt_allocate(COPY_BYTES, 1);
    if (bytes == NULL)
        return vdt_fail_memory(error, path);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return vdt_fail_errno(error, path);
    for (size_t count; (count = fread(bytes, 1, COPY_BYTES, file)) > 0;)
        fwrite(bytes, 1, count, coco->document.file);
    bool failed = ferror(file) != 0;
    fclose(file);
    if (failed || remove(path) != 0)
        return vdt_fail_errno(error, path);
    return VDT_OK;
}

static vdt_status end_group(struct vdt_export *out, struct vdt_error *error)
{
    struct coco *coco = out->state;
    vdt_cleanup(vdt_free_pointer) char *path = annotation_path(out, ".part");
    if (path == NULL)
        return vdt_fail_memory(error, out->folder);
    vdt_status status = vdt_text_close(&coco->annotations, error);
    if (status != VDT_OK)
        return status;
    fputs("\n],\"annotations\":[\n", coco->document.file);
    status = move_annotations(coco, path, error);
    if (status != VDT_OK)
        return status;
    fputs("\n]}\n", coco->document.file);
    return vdt_text_close(&coco->document, error);
}

const struct vdt_export_format vdt_export_coco = {.name = "coco",
                                                  .tasks = VDT_DETECTION | VDT_INSTANCE,
                                                  .lists = true,
                                                  .begin = begin,
                                                  .begin_group = begin_group,
                                                  .sample = write_sample,
                                                  .end_group = end_group,
                                                  .clear = clear};
