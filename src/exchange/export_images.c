/* GeoTIFF and PNG: tiles, masks and instance masks as images; the rest in the list of samples. */
#include "exchange/exporter.h"
#include "exchange/planes.h"

/* No PNG has floating point pixels. */
static bool fits(const struct vdt_export *out, enum vdt_array plane)
{
    return (out->spec.tasks & vdt_planes[plane].task) != 0 &&
           (out->picture.format == VDT_RASTER_TIFF ||
            vdt_plane_dtype(plane, &out->spec) != VDT_FLOAT32);
}

static vdt_status begin_group(struct vdt_export *out, struct vdt_error *error)
{
    vdt_status status = vdt_export_folder(out, "images", error);
    for (enum vdt_array i = VDT_MASK; status == VDT_OK && i < VDT_TILE_ARRAYS; i++)
        if (fits(out, i))
            status = vdt_export_folder(out, vdt_planes[i].folder, error);
    return status;
}

static vdt_status write_sample(struct vdt_export *out, const struct vdt_record *record,
                               struct vdt_error *error)
{
    vdt_status status = vdt_export_picture(out, "images", record, error);
    for (enum vdt_array i = VDT_MASK; status == VDT_OK && i < VDT_TILE_ARRAYS; i++)
        if (fits(out, i))
            status =
                vdt_export_plane(out, vdt_planes[i].folder, record, i, out->picture.format, error);
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
