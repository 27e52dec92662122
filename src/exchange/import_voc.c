/* Pascal VOC back. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "exchange/importer.h"
#include "exchange/planes.h"
#include "source/labels/xml.h"
#include "source/scenes/raster_file.h"

static void xml_cleanup(struct vdt_xml **document)
{
    vdt_xml_free(*document);
}

static bool read_number(const struct vdt_xml *object, const char *path, double *value)
{
    const char *text = vdt_xml_text(object, path);
    char *end = NULL;
    *value = text == NULL ? 0 : strtod(text, &end);
    return text != NULL && end != text;
}

/* VOC counts pixels from 1 and names the last one: its xmin is ours + 1, its xmax ours. */
static bool read_object(struct vdt_import *in, const struct vdt_xml *object, size_t i)
{
    struct vdt_record_memory *memory = &in->record.memory;
    const char *name = vdt_xml_text(object, "name");
    const char *feature = vdt_xml_text(object, "feature");
    double box[4], visible = 1;
    if (name == NULL || !read_number(object, "bndbox.xmin", &box[0]) ||
        !read_number(object, "bndbox.ymin", &box[1]) ||
        !read_number(object, "bndbox.xmax", &box[2]) ||
        !read_number(object, "bndbox.ymax", &box[3]))
        return false;
    size_t class_id = 0;
    while (class_id < in->spec.class_count && strcmp(in->spec.classes[class_id], name) != 0)
        class_id++;
    if (class_id == in->spec.class_count)
        return false;
    if (!read_number(object, "visible", &visible))
        visible = 1;
    for (int k = 0; k < 4; k++)
        memory->boxes[i][k] = (float)(k < 2 ? box[k] - 1 : box[k]);
    memory->box_class[i] = (uint16_t)class_id;
    memory->box_feature[i] = feature == NULL ? (int64_t)i : strtoll(feature, NULL, 10);
    memory->box_visible[i] = (float)visible;
    return true;
}

static vdt_status read_annotation(struct vdt_import *in, struct vdt_error *error)
{
    vdt_cleanup(xml_cleanup) struct vdt_xml *document = NULL;
    const struct vdt_xml *root = NULL, *object = NULL;
    vdt_cleanup(vdt_free_pointer) char *path = vdt_import_path(in, "Annotations", ".xml");
    if (path == NULL)
        return vdt_fail_memory(error, in->folder);
    vdt_status status = vdt_xml_load(path, "annotation", &document, &root, error);
    size_t count = 0;
    while (status == VDT_OK && (object = vdt_xml_child(root, "object", object)) != NULL)
        count++;
    if (status == VDT_OK)
        status = vdt_import_boxes(in, count, error);
    for (size_t i = 0; status == VDT_OK && i < count; i++) {
        object = vdt_xml_child(root, "object", object);
        if (!read_object(in, object, i))
            status =
                vdt_fail(error, VDT_ERR_FORMAT,
                         "%s: object %zu has no box, or no class of vedatile.json", path, i + 1);
    }
    return status;
}

static vdt_status load_mask(struct vdt_import *in, const char *kind, enum vdt_array plane,
                            struct vdt_error *error)
{
    const struct vdt_tile_spec raster = {.bands = 1,
                                         .rows = in->spec.tile.rows,
                                         .cols = in->spec.tile.cols,
                                         .dtype = vdt_plane_dtype(plane, &in->spec)};
    void *pixels = in->record.memory.planes[plane];
    if (pixels == NULL)
        return VDT_OK;
    vdt_cleanup(vdt_free_pointer) char *path = vdt_import_path(in, kind, ".png");
    return path == NULL ? vdt_fail_memory(error, in->folder)
                        : vdt_raster_load(path, &raster, pixels, error);
}

static vdt_status read_sample(struct vdt_import *in, json_t *about, struct vdt_error *error)
{
    (void)about;
    vdt_status status = read_annotation(in, error);
    if (status == VDT_OK)
        status = load_mask(in, "SegmentationClass", VDT_MASK, error);
    if (status == VDT_OK)
        status = load_mask(in, "SegmentationObject", VDT_INSTANCES, error);
    return status == VDT_OK ? vdt_import_picture(in, "JPEGImages", error) : status;
}

const struct vdt_import_format vdt_import_voc = {.name = "voc",
                                                 .tasks = VDT_DETECTION | VDT_SEGMENTATION |
                                                          VDT_INSTANCE,
                                                 .flat = true,
                                                 .read = vdt_import_list,
                                                 .sample = read_sample};
