/* Pascal VOC: JPEGImages, Annotations, ImageSets, and with masks SegmentationClass and
 * SegmentationObject, each by the samples' keys. A box in VOC names its first and last pixel,
 * counted from 1: xmin + 1, ymin + 1, xmax, ymax of ours. */
#include <stdlib.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "exchange/exporter.h"

/* ImageSets/Main/GROUP.txt and, with masks, ImageSets/Segmentation/GROUP.txt. */
struct sets {
    struct vdt_text_file main, segmentation;
};

static vdt_status begin(struct vdt_export *out, struct vdt_error *error)
{
    static const char *const folders[] = {"Annotations", "JPEGImages", "SegmentationClass",
                                          "SegmentationObject"};
    const bool wanted[] = {true, true, (out->spec.tasks & VDT_SEGMENTATION) != 0,
                           (out->spec.tasks & VDT_INSTANCE) != 0};
    out->state = calloc(1, sizeof(struct sets));
    if (out->state == NULL)
        return vdt_fail_memory(error, out->folder);
    vdt_status status = VDT_OK;
    for (int i = 0; status == VDT_OK && i < 4; i++)
        if (wanted[i])
            status = vdt_export_folder(out, folders[i], error);
    return status;
}

static void clear(struct vdt_export *out)
{
    struct sets *sets = out->state;
    if (sets == NULL)
        return;
    vdt_text_abandon(&sets->main);
    vdt_text_abandon(&sets->segmentation);
    free(sets);
}

static vdt_status open_set(struct vdt_export *out, const char *kind, struct vdt_text_file *text,
                           struct vdt_error *error)
{
    char name[80];
    snprintf(name, sizeof name, "%s.txt", out->group_name);
    vdt_cleanup(vdt_free_pointer) char *folder =
        vdt_path_join(out->folder, "ImageSets", kind, NULL);
    vdt_cleanup(vdt_free_pointer) char *path =
        vdt_path_join(out->folder, "ImageSets", kind, name, NULL);
    if (folder == NULL || path == NULL)
        return vdt_fail_memory(error, out->folder);
    vdt_status status = vdt_make_folders(out->folder, folder, error);
    return status == VDT_OK ? vdt_text_open(text, path, error) : status;
}

static vdt_status begin_group(struct vdt_export *out, struct vdt_error *error)
{
    struct sets *sets = out->state;
    vdt_status status = open_set(out, "Main", &sets->main, error);
    if (status == VDT_OK && (out->spec.tasks & (VDT_SEGMENTATION | VDT_INSTANCE)) != 0)
        status = open_set(out, "Segmentation", &sets->segmentation, error);
    return status;
}

static vdt_status end_group(struct vdt_export *out, struct vdt_error *error)
{
    struct sets *sets = out->state;
    vdt_status status = vdt_text_close(&sets->main, error);
    return status == VDT_OK ? vdt_text_close(&sets->segmentation, error) : status;
}

static void write_text(FILE *file, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        const char *written = *c == '&' ? "&amp;" : *c == '<' ? "&lt;" : *c == '>' ? "&gt;" : NULL;
        if (written == NULL)
            fputc(*c, file);
        else
            fputs(written, file);
    }
}

/* Fifteen digits bring a box back to the same single-precision numbers, and a whole number looks
 * like one. */
static void write_object(const struct vdt_export *out, FILE *file, const struct vdt_labels *labels,
                         size_t i)
{
    const float *box = labels->boxes[i];
    fputs("  <object>\n    <name>", file);
    write_text(file, out->spec.classes[labels->box_class[i]]);
    fprintf(file,
            "</name>\n    <pose>Unspecified</pose>\n    <truncated>%d</truncated>\n"
            "    <difficult>0</difficult>\n    <bndbox>\n      <xmin>%.15g</xmin>\n"
            "      <ymin>%.15g</ymin>\n      <xmax>%.15g</xmax>\n      <ymax>%.15g</ymax>\n"
            "    </bndbox>\n    <feature>%lld</feature>\n    <visible>%.9g</visible>\n"
            "  </object>\n",
            labels->box_visible[i] < 1, (double)box[0] + 1, (double)box[1] + 1, (double)box[2],
            (double)box[3], (long long)labels->box_feature[i], (double)labels->box_visible[i]);
}

static void write_annotation(const struct vdt_export *out, FILE *file,
                             const struct vdt_record *record)
{
    const struct vdt_labels *labels = &record->sample.labels;
    fprintf(file,
            "<annotation>\n  <folder>JPEGImages</folder>\n  <filename>%s%s</filename>\n"
            "  <source>\n    <database>",
            record->name, out->picture.suffix);
    write_text(file, out->spec.name);
    fprintf(file,
            "</database>\n  </source>\n  <size>\n    <width>%u</width>\n    <height>%u</height>\n"
            "    <depth>%u</depth>\n  </size>\n  <segmented>%d</segmented>\n",
            out->spec.tile.cols, out->spec.tile.rows, out->picture.tile.bands,
            labels->mask != NULL || labels->instances != NULL);
    for (size_t i = 0; i < labels->box_count; i++)
        write_object(out, file, labels, i);
    fputs("</annotation>\n", file);
}

static vdt_status write_sample(struct vdt_export *out, const struct vdt_record *record,
                               struct vdt_error *error)
{
    struct sets *sets = out->state;
    struct vdt_text_file text = {0};
    vdt_cleanup(vdt_free_pointer) char *path = vdt_export_path(out, "Annotations", record, ".xml");
    if (path == NULL)
        return vdt_fail_memory(error, out->folder);
    vdt_status status = vdt_export_picture(out, "JPEGImages", record, error);
    if (status == VDT_OK)
        status =
            vdt_export_plane(out, "SegmentationClass", record, VDT_MASK, VDT_RASTER_PNG, error);
    if (status == VDT_OK)
        status = vdt_export_plane(out, "SegmentationObject", record, VDT_INSTANCES, VDT_RASTER_PNG,
                                  error);
    if (status == VDT_OK)
        status = vdt_text_open(&text, path, error);
    if (status != VDT_OK)
        return status;
    write_annotation(out, text.file, record);
    fprintf(sets->main.file, "%s\n", record->name);
    if (sets->segmentation.file != NULL)
        fprintf(sets->segmentation.file, "%s\n", record->name);
    return vdt_text_close(&text, error);
}

const struct vdt_export_format vdt_export_voc = {.name = "voc",
                                                 .tasks = VDT_DETECTION | VDT_INSTANCE,
                                                 .lists = true,
                                                 .flat = true,
                                                 .begin = begin,
                                                 .begin_group = begin_group,
                                                 .sample = write_sample,
                                                 .end_group = end_group,
                                                 .clear = clear};
