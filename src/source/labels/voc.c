/* Pascal VOC annotations: an XML file for each image. */
#include <cpl_conv.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "source/labels/label_images.h"
#include "source/labels/label_paths.h"
#include "source/labels/xml.h"

static void xml_cleanup(struct vdt_xml **document)
{
    vdt_xml_free(*document);
}

static bool read_number(const struct vdt_xml *element, const char *path, double *value)
{
    const char *text = vdt_xml_text(element, path);
    char *end = NULL;
    if (text == NULL)
        return false;
    *value = CPLStrtod(text, &end);
    return end != text && end[strspn(end, " \t\r\n")] == '\0' && isfinite(*value);
}

static uint32_t read_size(const struct vdt_xml *root, const char *path)
{
    double value = 0;
    return read_number(root, path, &value) && value > 0 && value <= INT32_MAX ? (uint32_t)value : 0;
}

static vdt_status fail_object(const char *path, int64_t number, const char *what,
                              struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_FORMAT, "%s: object %lld %s", path, (long long)number + 1, what);
}

/* VOC counts pixels from 1 and names the last one: its xmin is ours + 1, its xmax ours. */
static vdt_status read_object(struct vdt_label_file *file, const char *path,
                              const struct vdt_xml *object, int64_t number, struct vdt_error *error)
{
    static const char *const edges[] = {"bndbox.xmin", "bndbox.ymin", "bndbox.xmax", "bndbox.ymax"};
    struct vdt_geometry *geometry = &file->source->geometry;
    struct vdt_shape shape = {0};
    double box[4];
    const struct vdt_label_attribute attributes[] = {
        {"name", vdt_xml_text(object, "name")},
        {"difficult", vdt_xml_text(object, "difficult")},
        {"truncated", vdt_xml_text(object, "truncated")},
        {"occluded", vdt_xml_text(object, "occluded")},
        {"pose", vdt_xml_text(object, "pose")}};
    if (attributes[0].text == NULL || attributes[0].text[0] == '\0')
        return fail_object(path, number, "has no <name>", error);
    for (int k = 0; k < 4; k++) {
        if (!read_number(object, edges[k], &box[k]))
            return fail_object(path, number, "has no <bndbox> of four numbers", error);
        box[k] -= k < 2;
    }
    if (box[2] < box[0] || box[3] < box[1])
        return fail_object(path, number, "has a box whose end is before its begin", error);
    if (box[2] > box[0] && box[3] > box[1]) {
        if (!vdt_label_rectangle(geometry, box))
            return vdt_fail_memory(error, path);
        shape.parts = 1;
    }
    bool kept;
    uint32_t value = 0;
    vdt_status status = vdt_label_file_judge(file, number, &shape, &kept, error);
    if (status == VDT_OK && kept)
        status = vdt_label_image_value(file, "Pascal VOC", attributes, 5, &value, error);
    return status != VDT_OK || !kept ? status
                                     : vdt_label_file_add(file, number, &shape, value, error);
}

static vdt_status read_file(struct vdt_label_file *file, const char *path, struct vdt_error *error)
{
    vdt_cleanup(xml_cleanup) struct vdt_xml *document = NULL;
    vdt_cleanup(vdt_free_pointer) char *stem = vdt_copy_string(path);
    const struct vdt_xml *root = NULL, *object = NULL;
    if (stem == NULL)
        return vdt_fail_memory(error, path);
    char *dot = strrchr(stem, '.');
    if (dot != NULL)
        *dot = '\0';
    vdt_status status = vdt_xml_load(path, "annotation", &document, &root, error);
    if (status != VDT_OK)
        return status;
    const struct vdt_label_image about = {.name = stem,
                                          .from = (char *)path,
                                          .stem = true,
                                          .cols = read_size(root, "size.width"),
                                          .rows = read_size(root, "size.height")};
    size_t layer = 0;
    status = vdt_label_image_begin(file, &about, &layer, error);
    for (int64_t i = 0;
         status == VDT_OK && (object = vdt_xml_child(root, "object", object)) != NULL; i++)
        status = read_object(file, path, object, i, error);
    if (status == VDT_OK)
        vdt_label_file_end(file, layer);
    return status;
}

vdt_status vdt_voc_read(struct vdt_label_file *file, struct vdt_error *error)
{
    const char *path = file->path;
    if (!vdt_label_is_folder(path))
        return read_file(file, path, error);
    struct vdt_label_paths list = {0};
    vdt_status status = vdt_label_paths_list(path, ".xml", &list, error);
    if (status == VDT_OK && list.count == 0)
        status = vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: no .xml file is in it", path);
    for (size_t i = 0; status == VDT_OK && i < list.count; i++) {
        vdt_cleanup(vdt_free_pointer) char *name = vdt_label_path_join(path, list.names[i]);
        status = name == NULL ? vdt_fail_memory(error, path) : read_file(file, name, error);
    }
    vdt_label_paths_clear(&list);
    return status;
}
