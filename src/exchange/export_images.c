/* GeoTIFF and PNG: tiles, masks and instance masks as images; the rest in the list of samples. */
#include "exchange/exporter.h"

static vdt_status begin_group(struct vdt_export *out, struct vdt_error *error)
{
    vdt_status status = vdt_export_folder(out, "images", error);
    if (status == VDT_OK && (out->spec.tasks & VDT_SEGMENTATION) != 0)
        status = vdt_export_folder(out, "masks", error);
    if (status == VDT_OK && (out->spec.tasks & VDT_INSTANCE) != 0)
        status = vdt_export_folder(out, "instances", error);
    return status;
}

static vdt_status write_sample(struct vdt_export *out, const struct vdt_record *record,
                               struct vdt_error *error)
{
    vdt_status status = vdt_export_picture(out, "images", record, error);
    if (status == VDT_OK)
        status = vdt_export_mask(out, "masks", record, out->picture.format, error);
    if (status == VDT_OK)
        status = vdt_export_instances(out, "instances", record, out->picture.format, error);
    return status;
}

const struct vdt_export_format vdt_export_geotiff = {.name = "geotiff",
                                                     .picture = VDT_PICTURE_TIFF,
                                                     .own_picture = true,
                                                     .lists = true,
                                                     .lists_labels = true,
                                                     .begin_group = begin_group,
                                                     .sample = write_sample};

const struct vdt_export_format vdt_export_png = {.name = "png",
                                                 .picture = VDT_PICTURE_PNG,
                                                 .own_picture = true,
                                                 .lists = true,
                                                 .lists_labels = true,
                                                 .begin_group = begin_group,
                                                 .sample = write_sample};
