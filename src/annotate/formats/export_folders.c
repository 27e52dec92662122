/* Sets as YOLO's and VOC's folders: a file for each sample that was looked at. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "annotate/formats/exchange_sets.h"
#include "annotate/formats/folders.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include <vedatile/shapes.h>

struct export
{
    struct vdt_set_export *out;
    struct vdt_text_file text;
    struct vdt_class_list classes;
    struct vdt_row_room room;
    double rows, cols;
};

static void clear(struct export *x)
{
    vdt_text_abandon(&x->text);
    vdt_class_list_clear(&x->classes);
    vdt_row_room_clear(&x->room);
}

/* --- YOLO ------------------------------------------------------------------------------------- */

static void write_points(FILE *file, const struct export *x, const double (*points)[2],
                         size_t count)
{
    for (size_t i = 0; i < count; i++)
        fprintf(file, " %.17g %.17g", points[i][0] / x->cols, points[i][1] / x->rows);
}

/* YOLO's outline is one ring: a shape of several parts or with holes has none. */
static bool yolo_line(struct export *x, const struct vdt_annotation *a)
{
    const struct vdt_label *label = vdt_row_class(a, x->out->key);
    const double *box = a->box;
    double corners[4][2] = {{box[0], box[1]},
                            {box[0] + box[2], box[1]},
                            {box[0] + box[2], box[1] + box[3]},
                            {box[0], box[1] + box[3]}};
    bool outline = a->kind == VDT_ANNOTATION_POLYGON && a->part_count == 1 &&
                   a->part_offsets[1] - a->part_offsets[0] == 1;
    bool oriented = x->out->options->oriented;
    if (label == NULL || a->kind < VDT_ANNOTATION_BOX || a->kind > VDT_ANNOTATION_MASK ||
        (oriented && a->kind != VDT_ANNOTATION_BOX && a->kind != VDT_ANNOTATION_ROTATED))
        return false;
    fprintf(x->text.file, "%zu", vdt_class_find(&x->classes, label->value));
    if (a->kind == VDT_ANNOTATION_ROTATED)
        vdt_rotated_corners(a->rotated, corners);
    if (oriented) {
        write_points(x->text.file, x, (const double(*)[2])corners, 4);
    } else if (outline) {
        uint64_t ring = a->part_offsets[0], from = a->ring_offsets[ring];
        write_points(x->text.file, x, a->points + from, (size_t)(a->ring_offsets[ring + 1] - from));
    } else {
        fprintf(x->text.file, " %.17g %.17g %.17g %.17g", (box[0] + box[2] / 2) / x->cols,
                (box[1] + box[3] / 2) / x->rows, box[2] / x->cols, box[3] / x->rows);
    }
    fputc('\n', x->text.file);
    return true;
}

/* --- VOC -------------------------------------------------------------------------------------- */

static void write_text(FILE *file, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char letter = (unsigned char)*text;
        if (letter == '&' || letter == '<' || letter == '>' || letter == '\r')
            fprintf(file, "&#%d;", letter);
        else if (letter < ' ' && letter != '\t' && letter != '\n')
            fputs("\xEF\xBF\xBD", file); /* XML has no word for it */
        else
            fputc(letter, file);
    }
}

static bool is_xml_name(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    static const char others[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789-.";
    return *name != '\0' && strchr(letters, *name) != NULL && name[strspn(name, others)] == '\0';
}

static void write_member(FILE *file, const char *name, const json_t *value);

static void write_members(FILE *file, const json_t *object, bool top)
{
    static const char *const known[] = {"name", "difficult", "bndbox"};
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value)
    {
        bool ours = !is_xml_name(name);
        for (size_t i = 0; top && i < 3; i++)
            ours = ours || strcmp(name, known[i]) == 0;
        if (!ours)
            write_member(file, name, value);
    }
}

/* Lists are elements of one name; what XML cannot name, and null, is left out. */
static void write_member(FILE *file, const char *name, const json_t *value)
{
    size_t index;
    json_t *element;
    if (json_is_array(value)) {
        json_array_foreach((json_t *)value, index, element)
        {
            if (!json_is_array(element))
                write_member(file, name, element);
        }
        return;
    }
    if (json_is_null(value))
        return;
    fprintf(file, "<%s>", name);
    if (json_is_object(value)) {
        write_members(file, value, false);
    } else if (json_is_string(value)) {
        write_text(file, json_string_value(value));
    } else {
        vdt_cleanup(vdt_json_release) json_t *list = json_pack("[O]", value);
        char *text = list == NULL ? NULL : vdt_json_text(list); /* "[0.1]" */
        if (text != NULL)
            fprintf(file, "%.*s", (int)strlen(text) - 2, text + 1);
        free(text);
    }
    fprintf(file, "</%s>", name);
}

/* VOC names the first and the last pixel, counted from 1; fractions are kept. */
static bool voc_object(struct export *x, const struct vdt_annotation *a)
{
    const struct vdt_label *label = vdt_row_class(a, x->out->key);
    const double *box = a->box;
    if (label == NULL || a->kind < VDT_ANNOTATION_BOX || a->kind > VDT_ANNOTATION_MASK)
        return false;
    fputs("  <object>\n    <name>", x->text.file);
    write_text(x->text.file, label->value);
    fprintf(x->text.file,
            "</name>\n    <difficult>%d</difficult>\n    <bndbox><xmin>%.17g</xmin>"
            "<ymin>%.17g</ymin><xmax>%.17g</xmax><ymax>%.17g</ymax></bndbox>\n    ",
            (a->flags & VDT_ANNOTATION_DIFFICULT) != 0, box[0] + 1, box[1] + 1, box[0] + box[2],
            box[1] + box[3]);
    vdt_cleanup(vdt_json_release) json_t *metadata =
        a->metadata == NULL || *a->metadata == '\0' ? NULL : json_loads(a->metadata, 0, NULL);
    write_members(x->text.file, metadata, true);
    fputs("\n  </object>\n", x->text.file);
    return true;
}

static void voc_head(struct export *x, const char *reference)
{
    fputs("<annotation>\n  <filename>", x->text.file);
    write_text(x->text.file, reference);
    fprintf(
        x->text.file,
        "</filename>\n  <size><width>%.0f</width><height>%.0f</height><depth>3</depth></size>\n",
        x->cols, x->rows);
}

/* --- both ------------------------------------------------------------------------------------- */

static vdt_status write_sample(struct export *x, uint32_t index, bool voc, const char *folder,
                               struct vdt_error *error)
{
    struct vdt_annotations *set = x->out->set;
    const char *reference = vdt_strings_at(&set->samples.references, index);
    const uint64_t *rows = NULL;
    size_t count = 0;
    vdt_cleanup(vdt_free_pointer) char *path =
        vdt_folder_file(folder, reference, voc ? ".xml" : ".txt");
    if (path == NULL)
        return vdt_fail_memory(error, folder);
    if (vdt_path_exists(path))
        return vdt_fail(error, VDT_ERR_EXISTS,
                        "%s: two samples have that name without folder and extension", path);
    x->rows = set->samples.rows[index].rows;
    x->cols = set->samples.rows[index].cols;
    vdt_status status = vdt_annotations_list(set, index, &rows, &count, error);
    if (status == VDT_OK && !voc && count > 0 && (x->rows == 0 || x->cols == 0))
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "sample \"%.200s\": YOLO needs the size of its image", reference);
    if (status == VDT_OK)
        status = vdt_text_open(&x->text, path, error);
    if (status != VDT_OK)
        return status;
    if (voc)
        voc_head(x, reference);
    for (size_t k = 0; status == VDT_OK && k < count; k++) {
        struct vdt_annotation a;
        status = vdt_row_get(set, rows[k], &x->room, &a, error);
        if (status != VDT_OK)
            break;
        bool written = voc ? voc_object(x, &a) : yolo_line(x, &a);
        x->out->report->added += written;
        x->out->report->dropped += !written;
    }
    if (voc)
        fputs("</annotation>\n", x->text.file);
    return status == VDT_OK ? vdt_text_close(&x->text, error) : status;
}

static vdt_status write_samples(struct export *x, bool voc, const char *folder,
                                struct vdt_error *error)
{
    vdt_status status = vdt_class_list(x->out->set, x->out->key, &x->classes, error);
    for (uint32_t i = 0; status == VDT_OK && i < x->out->set->samples.count; i++)
        if (x->out->set->samples.rows[i].marked != 0)
            status = write_sample(x, i, voc, folder, error);
    return status;
}

vdt_status vdt_export_set_yolo(struct vdt_set_export *out, struct vdt_error *error)
{
    vdt_cleanup(clear) struct export x = {.out = out};
    vdt_cleanup(vdt_free_pointer) char *names = vdt_path_join(out->path, "classes.txt", NULL);
    vdt_cleanup(vdt_free_pointer) char *labels = vdt_path_join(out->path, "labels", NULL);
    if (names == NULL || labels == NULL)
        return vdt_fail_memory(error, out->path);
    if (mkdir(labels, 0777) != 0)
        return vdt_fail_errno(error, labels);
    vdt_status status = write_samples(&x, false, labels, error);
    if (status == VDT_OK)
        status = vdt_text_open(&x.text, names, error);
    for (size_t i = 0; status == VDT_OK && i < x.classes.count; i++)
        fprintf(x.text.file, "%s\n", x.classes.values[i]);
    return status == VDT_OK ? vdt_text_close(&x.text, error) : status;
}

vdt_status vdt_export_set_voc(struct vdt_set_export *out, struct vdt_error *error)
{
    vdt_cleanup(clear) struct export x = {.out = out};
    vdt_cleanup(vdt_free_pointer) char *folder = vdt_path_join(out->path, "Annotations", NULL);
    if (folder == NULL)
        return vdt_fail_memory(error, out->path);
    if (mkdir(folder, 0777) != 0)
        return vdt_fail_errno(error, folder);
    return write_samples(&x, true, folder, error);
}
