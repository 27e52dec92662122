/* Which reader a label file or folder is for. */
#include <cpl_vsi.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "source/labels/label_images.h"
#include "source/labels/label_paths.h"
#include "source/labels/scan.h"

/* A JSON object with lists of images or annotations, before anything that GeoJSON has. */
static bool is_coco(const char *path)
{
    struct vdt_scan scan;
    bool found = false, first = true;
    struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    if (vdt_scan_open(&scan, path) && vdt_scan_peek(&scan) == '{')
        while (!found && vdt_scan_member(&scan, &first)) {
            const char *key = vdt_scan_key(&scan);
            if (strcmp(key, "type") == 0 || strcmp(key, "features") == 0)
                break;
            found = (strcmp(key, "images") == 0 || strcmp(key, "annotations") == 0) &&
                    vdt_scan_peek(&scan) == '[';
            if (!found)
                vdt_scan_skip(&scan);
        }
    vdt_scan_close(&scan);
    vdt_quiet_end(&quiet);
    return found;
}

/* VOC's documents have no declaration, and <annotation> at their top. */
static bool is_voc(const char *path)
{
    char text[4097] = "";
    struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    VSILFILE *file = VSIFOpenL(path, "rb");
    vdt_quiet_end(&quiet);
    if (file == NULL)
        return false;
    text[VSIFReadL(text, 1, sizeof text - 1, file)] = '\0';
    VSIFCloseL(file);
    return strstr(text, "<annotation>") != NULL || strstr(text, "<annotation ") != NULL;
}

/* Formats of OGR that are folders have files of these kinds in them. */
static enum vdt_label_format folder_format(const char *path, struct vdt_error *error)
{
    static const char *const others[] = {".shp", ".tab", ".mif", ".gdbtable", ".adf", ".csv"};
    struct vdt_label_paths list = {0};
    enum vdt_label_format format = VDT_LABELS_OGR;
    if (vdt_label_paths_list(path, "", &list, error) != VDT_OK)
        return format;
    for (size_t i = 0; i < list.count; i++) {
        for (size_t k = 0; k < sizeof others / sizeof others[0]; k++)
            if (vdt_label_ends_with(list.names[i], others[k])) {
                vdt_label_paths_clear(&list);
                return VDT_LABELS_OGR;
            }
        if (vdt_label_ends_with(list.names[i], ".xml"))
            format = VDT_LABELS_VOC;
        else if (vdt_label_ends_with(list.names[i], ".txt") && format == VDT_LABELS_OGR)
            format = VDT_LABELS_YOLO;
    }
    vdt_label_paths_clear(&list);
    return format;
}

enum vdt_label_format vdt_label_format_of(const char *path)
{
    struct vdt_error unused;
    if (vdt_label_is_folder(path))
        return folder_format(path, &unused);
    if (vdt_label_ends_with(path, ".txt") || vdt_label_ends_with(path, ".yaml") ||
        vdt_label_ends_with(path, ".yml"))
        return VDT_LABELS_YOLO;
    if (vdt_label_ends_with(path, ".xml"))
        return is_voc(path) ? VDT_LABELS_VOC : VDT_LABELS_OGR;
    if (vdt_label_ends_with(path, ".json") || vdt_label_ends_with(path, ".gz"))
        return is_coco(path) ? VDT_LABELS_COCO : VDT_LABELS_OGR;
    return VDT_LABELS_OGR;
}

static vdt_status check_options(const struct vdt_label_file *file, struct vdt_error *error)
{
    const struct vdt_label_options *options = file->options;
    const char *field = options->order_field != NULL    ? options->order_field
                        : options->target_field != NULL ? options->target_field
                        : options->width_field != NULL  ? options->width_field
                                                        : options->owner_field;
    if (field != NULL)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "%s: labels of images have no fields but those of their classes: '%s' is "
                        "for labels on the ground",
                        file->path, field);
    if (file->number > 0 && file->source->image_count == 0)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "%s: labels of images and labels on the ground (%s) are fed one after the "
                        "other",
                        file->path, file->source->paths[0]);
    return VDT_OK;
}

vdt_status vdt_label_images_read(struct vdt_label_file *file, bool *taken, struct vdt_error *error)
{
    enum vdt_label_format format = file->options->format;
    if (format == VDT_LABELS_AUTO)
        format = vdt_label_format_of(file->path);
    *taken = format != VDT_LABELS_OGR;
    if (!*taken && file->source->image_count > 0)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "%s: labels on the ground and labels of images (%s) are fed one after the "
                        "other",
                        file->path, file->source->paths[0]);
    if (!*taken)
        return VDT_OK;
    vdt_status status = check_options(file, error);
    if (status != VDT_OK)
        return status;
    file->source->of_images = true;
    return format == VDT_LABELS_COCO   ? vdt_coco_read(file, error)
           : format == VDT_LABELS_YOLO ? vdt_yolo_read(file, error)
                                       : vdt_voc_read(file, error);
}
