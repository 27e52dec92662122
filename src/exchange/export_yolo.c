/* YOLO: images/GROUP/NAME.png, labels/GROUP/NAME.txt and data.yaml, as Ultralytics reads them. A
 * line is "class cx cy w h", or with instances "class x1 y1 x2 y2 ...": shares of the tile's size.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "exchange/contour.h"
#include "exchange/exporter.h"

static vdt_status begin(struct vdt_export *out, struct vdt_error *error)
{
    out->state = calloc(1, sizeof(struct vdt_contour));
    return out->state == NULL ? vdt_fail_memory(error, out->folder) : VDT_OK;
}

static void clear(struct vdt_export *out)
{
    if (out->state == NULL)
        return;
    vdt_contour_clear(out->state);
    free(out->state);
}

static vdt_status begin_group(struct vdt_export *out, struct vdt_error *error)
{
    vdt_status status = vdt_export_folder(out, "images", error);
    return status == VDT_OK ? vdt_export_folder(out, "labels", error) : status;
}

/* Twelve digits bring a box back to the same single-precision numbers. */
static void write_number(FILE *file, double value)
{
    fprintf(file, " %.12g", value);
}

static void write_box(FILE *file, const float *box, double cols, double rows)
{
    write_number(file, ((double)box[0] + box[2]) / 2 / cols);
    write_number(file, ((double)box[1] + box[3]) / 2 / rows);
    write_number(file, ((double)box[2] - box[0]) / cols);
    write_number(file, ((double)box[3] - box[1]) / rows);
}

/* Where an object has no pixel of its own: lines of segments and of boxes may not be mixed. Walked
 * twice, the box's outline covers nothing by the even-odd rule. */
static void write_corners(FILE *file, const float *box, double cols, double rows)
{
    static const int corners[4][2] = {{0, 1}, {2, 1}, {2, 3}, {0, 3}};
    for (int k = 0; k < 8; k++) {
        int i = k % 4;
        write_number(file, box[corners[i][0]] / cols);
        write_number(file, box[corners[i][1]] / rows);
    }
}

static vdt_status write_object(struct vdt_export *out, FILE *file, const struct vdt_labels *labels,
                               size_t i, struct vdt_error *error)
{
    struct vdt_contour *contour = out->state;
    const double cols = out->spec.tile.cols, rows = out->spec.tile.rows;
    vdt_status status = VDT_OK;
    fprintf(file, "%u", labels->box_class[i]);
    if (labels->instances == NULL) {
        write_box(file, labels->boxes[i], cols, rows);
    } else {
        status = vdt_contour_trace(contour, labels->instances, out->spec.tile.cols,
                                   (uint16_t)(i + 1), error);
        for (size_t p = 0; status == VDT_OK && p < contour->point_count; p++) {
            write_number(file, contour->points[p][0] / cols);
            write_number(file, contour->points[p][1] / rows);
        }
        if (status == VDT_OK && contour->point_count == 0) {
            write_corners(file, labels->boxes[i], cols, rows);
            out->report->hidden++;
        }
    }
    fputc('\n', file);
    return status;
}

static vdt_status write_sample(struct vdt_export *out, const struct vdt_record *record,
                               struct vdt_error *error)
{
    const struct vdt_labels *labels = &record->sample.labels;
    struct vdt_text_file text = {0};
    vdt_status status = vdt_export_picture(out, "images", record, error);
    vdt_cleanup(vdt_free_pointer) char *path = vdt_export_path(out, "labels", record, ".txt");
    if (path == NULL)
        return vdt_fail_memory(error, out->folder);
    if (status == VDT_OK && labels->instances != NULL)
        status = vdt_contour_find(out->state, labels->instances, out->spec.tile.rows,
                                  out->spec.tile.cols, labels->box_count, error);
    if (status == VDT_OK)
        status = vdt_text_open(&text, path, error);
    for (size_t i = 0; status == VDT_OK && i < labels->box_count; i++)
        status = write_object(out, text.file, labels, i, error);
    if (status == VDT_OK)
        status = vdt_text_close(&text, error);
    vdt_text_abandon(&text);
    return status;
}

/* YAML's double quotes are JSON's. */
static vdt_status write_names(struct vdt_export *out, struct vdt_text_file *text,
                              struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    fputs("names:\n", text->file);
    for (size_t c = 0; status == VDT_OK && c < out->spec.class_count; c++) {
        fprintf(text->file, "  %zu: ", c);
        status = vdt_text_json(text, json_string(out->spec.classes[c]), true, error);
    }
    return status;
}

static const char *yolo_name(const char *group)
{
    return strcmp(group, "validate") == 0 || strcmp(group, "validation") == 0 ? "val" : group;
}

static vdt_status end(struct vdt_export *out, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *path = vdt_path_join(out->folder, "data.yaml", NULL);
    struct vdt_text_file text = {0};
    if (path == NULL)
        return vdt_fail_memory(error, out->folder);
    vdt_status status = vdt_text_open(&text, path, error);
    if (status != VDT_OK)
        return status;
    fputs("path: .\n", text.file);
    for (size_t i = 0; i < out->group_count; i++) {
        const char *group = vdt_reader_group_name(out->reader, out->groups[i]);
        fprintf(text.file, "%s: images/%s\n", yolo_name(group), group);
    }
    status = write_names(out, &text, error);
    if (status == VDT_OK)
        status = vdt_text_close(&text, error);
    vdt_text_abandon(&text);
    return status;
}

const struct vdt_export_format vdt_export_yolo = {.name = "yolo",
                                                  .tasks = VDT_DETECTION | VDT_INSTANCE,
                                                  .lists = true,
                                                  .begin = begin,
                                                  .begin_group = begin_group,
                                                  .sample = write_sample,
                                                  .end = end,
                                                  .clear = clear};
