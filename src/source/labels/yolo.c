/* YOLO labels: a text file for each image, a line for each object. */
#include <cpl_conv.h>
#include <cpl_string.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "source/labels/label_images.h"
#include "source/labels/label_paths.h"
#include "source/labels/yolo_data.h"

enum { FILE_MOST = 256 << 20, NUMBERS_MOST = 1 << 20 };

/* Coordinates are shares of the image; what rounding puts outside by less than this is taken. */
static const double tolerance = 0.01;

struct yolo {
    struct vdt_label_file *file;
    struct vdt_yolo_data data;
    uint32_t *values; /* by class id, plus 1; 0: not asked for yet */
    size_t value_capacity;
    double (*points)[2];
    size_t point_count, point_capacity;
};

static void clear(struct yolo *yolo)
{
    vdt_yolo_data_clear(&yolo->data);
    free(yolo->values);
    free(yolo->points);
}

static void vsi_free(GByte **bytes)
{
    VSIFree(*bytes);
}

/* --- classes ----------------------------------------------------------------------------- */

/* The names of the class list stand for ids where no file has names. */
static vdt_status find_names(struct yolo *yolo, const char *folder, struct vdt_error *error)
{
    const struct vdt_label_options *options = yolo->file->options;
    vdt_cleanup(vdt_free_pointer) char *path = NULL;
    uint32_t number;
    vdt_status status = VDT_OK;
    if (yolo->data.name_count == 0)
        status = vdt_label_names_file(folder, &path, error);
    if (status == VDT_OK && path != NULL)
        status = vdt_yolo_data_read(path, &yolo->data, error);
    if (status == VDT_OK && path != NULL && yolo->data.name_count == 0)
        status = vdt_fail(error, VDT_ERR_FORMAT, "%s: has no names of classes", path);
    bool filtered = options->class_field != NULL || options->class_map != NULL;
    for (size_t i = 0;
         status == VDT_OK && yolo->data.name_count == 0 && !filtered && i < options->class_count;
         i++) {
        if (!vdt_grow(&yolo->data.names, &yolo->data.name_capacity, options->class_count,
                      sizeof *yolo->data.names))
            return vdt_fail_memory(error, folder);
        for (; yolo->data.name_count < options->class_count; yolo->data.name_count++)
            if ((yolo->data.names[yolo->data.name_count] =
                     vdt_copy_string(options->classes[yolo->data.name_count])) == NULL)
                return vdt_fail_memory(error, folder);
    }
    for (size_t i = 0; status == VDT_OK && i < yolo->data.name_count; i++)
        if (yolo->data.names[i] != NULL &&
            !vdt_values_add(&yolo->file->source->declared, yolo->data.names[i], &number))
            status = vdt_fail_memory(error, folder);
    return status;
}

static vdt_status value_of(struct yolo *yolo, size_t id, uint32_t *value, struct vdt_error *error)
{
    char number[24];
    size_t before = yolo->value_capacity;
    if (!vdt_grow(&yolo->values, &yolo->value_capacity, id + 1, sizeof *yolo->values))
        return vdt_fail_memory(error, yolo->file->path);
    if (yolo->value_capacity > before)
        memset(yolo->values + before, 0, (yolo->value_capacity - before) * sizeof *yolo->values);
    if (yolo->values[id] == 0) {
        snprintf(number, sizeof number, "%zu", id);
        const char *name = yolo->data.name_count > 0 ? yolo->data.names[id] : number;
        const struct vdt_label_attribute attributes[] = {{"name", name}, {"id", number}};
        vdt_status status = vdt_label_image_value(yolo->file, "YOLO", attributes, 2, value, error);
        if (status != VDT_OK)
            return status;
        yolo->values[id] = *value + 1;
    }
    *value = yolo->values[id] - 1;
    return VDT_OK;
}

/* --- lines ------------------------------------------------------------------------------- */

static vdt_status fail_line(const char *path, size_t line, const char *what,
                            struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_FORMAT, "%s: line %zu: %s", path, line, what);
}

/* The numbers behind the class, two by two. NULL, or what is wrong. */
static const char *read_numbers(struct yolo *yolo, const char *text, unsigned long *class_id)
{
    char *end = NULL;
    double number = CPLStrtod(text, &end);
    size_t count = 0;
    if (end == text || !(number >= 0 && number < 65535 && number == floor(number)))
        return "the class is no number from 0 on";
    *class_id = (unsigned long)number;
    for (yolo->point_count = 0;; count++) {
        const char *from = end + strspn(end, " \t\r");
        if (*from == '\0')
            break;
        number = CPLStrtod(from, &end);
        if (end == from || strchr(" \t\r", *end) == NULL)
            return "what is no number";
        if (!(number >= -tolerance && number <= 1 + tolerance))
            return "a coordinate that is no share of the image's size, 0 to 1";
        if (count == NUMBERS_MOST ||
            !vdt_grow(&yolo->points, &yolo->point_capacity, count / 2 + 1, sizeof *yolo->points))
            return "more points than there is memory for";
        yolo->points[count / 2][count % 2] = number;
        yolo->point_count = count / 2 + 1;
    }
    if (count == 4 || (count >= 6 && count % 2 == 0))
        return NULL;
    return "a class and 4 numbers (box), or a class and 6 or more, two by two (polygon), are "
           "wanted";
}

static vdt_status read_object(struct yolo *yolo, const char *path, size_t line, const char *text,
                              int64_t id, struct vdt_error *error)
{
    struct vdt_label_file *file = yolo->file;
    struct vdt_geometry *geometry = &file->source->geometry;
    struct vdt_shape shape = {0};
    unsigned long class_id = 0;
    const char *fault = read_numbers(yolo, text, &class_id);
    if (fault != NULL)
        return fail_line(path, line, fault, error);
    if (yolo->data.name_count > 0 &&
        (class_id >= yolo->data.name_count || yolo->data.names[class_id] == NULL)) {
        char what[96];
        snprintf(what, sizeof what, "class %lu has no name: there are names of %zu classes",
                 class_id, yolo->data.name_count);
        return fail_line(path, line, what, error);
    }
    const double(*p)[2] = (const double(*)[2])yolo->points;
    size_t before = geometry->part_count;
    vdt_status status = VDT_OK;
    uint32_t value = 0;
    bool kept;
    if (yolo->point_count > 2) {
        status = vdt_shape_append_rings(geometry, p, &yolo->point_count, 1, &shape, error);
    } else if (p[1][0] > 0 && p[1][1] > 0) {
        const double box[4] = {p[0][0] - p[1][0] / 2, p[0][1] - p[1][1] / 2, p[0][0] + p[1][0] / 2,
                               p[0][1] + p[1][1] / 2};
        if (!vdt_label_rectangle(geometry, box))
            status = vdt_fail_memory(error, path);
    }
    shape.parts = geometry->part_count - before;
    if (status == VDT_OK)
        status = vdt_label_file_judge(file, id, &shape, &kept, error);
    if (status == VDT_OK)
        status = value_of(yolo, class_id, &value, error);
    return status != VDT_OK || !kept ? status : vdt_label_file_add(file, id, &shape, value, error);
}

static vdt_status read_lines(struct yolo *yolo, const char *path, char *text,
                             struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    int64_t objects = 0;
    for (size_t line = 1; status == VDT_OK && *text != '\0'; line++) {
        size_t length = strcspn(text, "\n");
        char *next = text + length + (text[length] == '\n');
        text[length] = '\0';
        if (text[strspn(text, " \t\r")] != '\0')
            status = read_object(yolo, path, line, text, objects++, error);
        text = next;
    }
    return status;
}

/* --- files ------------------------------------------------------------------------------- */

static vdt_status read_file(struct yolo *yolo, const char *path, struct vdt_error *error)
{
    vdt_cleanup(vsi_free) GByte *bytes = NULL;
    vdt_cleanup(vdt_free_pointer) char *stem = vdt_copy_string(path);
    vsi_l_offset size = 0;
    struct vdt_quiet quiet;
    if (stem == NULL)
        return vdt_fail_memory(error, path);
    char *dot = strrchr(stem, '.');
    if (dot != NULL)
        *dot = '\0';
    vdt_quiet_begin(&quiet);
    bool read = VSIIngestFile(NULL, path, &bytes, &size, FILE_MOST) != 0;
    vdt_quiet_end(&quiet);
    if (!read)
        return vdt_fail(error, VDT_ERR_IO, "%s: cannot be read: %s", path,
                        vdt_quiet_text(&quiet, "no file, or too large for labels of one image"));
    if (size > 0 && strlen((const char *)bytes) != size)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: no text", path);
    const struct vdt_label_image about = {
        .name = stem, .from = (char *)path, .stem = true, .share = true};
    size_t layer = 0;
    vdt_status status = vdt_label_image_begin(yolo->file, &about, &layer, error);
    if (status == VDT_OK && size > 0)
        status = read_lines(yolo, path, (char *)bytes, error);
    if (status == VDT_OK)
        vdt_label_file_end(yolo->file, layer);
    return status;
}

static vdt_status read_folder(struct yolo *yolo, const char *folder, struct vdt_error *error)
{
    struct vdt_label_paths list = {0};
    vdt_status status = vdt_label_paths_list(folder, ".txt", &list, error);
    if (status == VDT_OK && list.count == 0)
        status = vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: no .txt file is in it", folder);
    for (size_t i = 0; status == VDT_OK && i < list.count; i++) {
        vdt_cleanup(vdt_free_pointer) char *path = vdt_label_path_join(folder, list.names[i]);
        status = path == NULL ? vdt_fail_memory(error, folder) : read_file(yolo, path, error);
    }
    vdt_label_paths_clear(&list);
    return status;
}

/* The labels of data.yaml's folders of images lie beside these: the last "images" in a folder's
 * name is "labels" there. */
static vdt_status read_splits(struct yolo *yolo, const char *path, struct vdt_error *error)
{
    bool any = false;
    for (int s = 0; s < 3; s++)
        for (size_t i = 0; i < yolo->data.splits[s].count; i++) {
            vdt_cleanup(vdt_free_pointer) char *images =
                vdt_label_split_folder(path, yolo->data.root, yolo->data.splits[s].folders[i]);
            vdt_cleanup(vdt_free_pointer) char *folder =
                images == NULL ? NULL : vdt_label_folder_of(images);
            if (folder == NULL)
                return vdt_fail_memory(error, path);
            if (!vdt_label_is_folder(folder)) /* a test split may have no labels */
                continue;
            any = true;
            vdt_status status = read_folder(yolo, folder, error);
            if (status != VDT_OK)
                return status;
        }
    return any ? VDT_OK
               : vdt_fail(error, VDT_ERR_NOT_FOUND,
                          "%s: none of its folders of images has labels beside it: name the folder "
                          "of labels",
                          path);
}

vdt_status vdt_yolo_read(struct vdt_label_file *file, struct vdt_error *error)
{
    vdt_cleanup(clear) struct yolo yolo = {.file = file};
    const char *path = file->path;
    file->source->absent_is_empty = true;
    bool folder = vdt_label_is_folder(path);
    bool yaml =
        !folder && (vdt_label_ends_with(path, ".yaml") || vdt_label_ends_with(path, ".yml"));
    vdt_status status = yaml ? vdt_yolo_data_read(path, &yolo.data, error) : VDT_OK;
    vdt_cleanup(vdt_free_pointer) char *above = vdt_label_folder_above(path);
    if (status == VDT_OK && above == NULL)
        status = vdt_fail_memory(error, path);
    if (status == VDT_OK)
        status = find_names(&yolo, folder ? path : above, error);
    if (status != VDT_OK)
        return status;
    if (yaml)
        return read_splits(&yolo, path, error);
    return folder ? read_folder(&yolo, path, error) : read_file(&yolo, path, error);
}
