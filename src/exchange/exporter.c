/* Files that several formats have. */
#include "exchange/exporter.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "exchange/about.h"
#include "exchange/planes.h"

vdt_status vdt_export_folder(struct vdt_export *out, const char *kind, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *path =
        vdt_path_join(out->folder, kind, out->format->flat ? NULL : out->group_name, NULL);
    if (path == NULL)
        return vdt_fail_memory(error, out->folder);
    return vdt_make_folders(out->folder, path, error);
}

char *vdt_export_path(const struct vdt_export *out, const char *kind,
                      const struct vdt_record *record, const char *suffix)
{
    char name[sizeof record->name + 32];
    snprintf(name, sizeof name, "%s%s", record->name, suffix);
    return out->format->flat ? vdt_path_join(out->folder, kind, name, NULL)
                             : vdt_path_join(out->folder, kind, out->group_name, name, NULL);
}

json_t *vdt_export_about(const struct vdt_export *out, const struct vdt_record *record, bool labels)
{
    bool same = out->picture.low == NULL; /* else the statistics are of other values */
    json_t *about =
        vdt_about_sample(record, same ? out->picture.bands : NULL, out->picture.tile.bands);
    if (about == NULL || !labels || vdt_about_labels(about, record, out->spec.class_count))
        return about;
    json_decref(about);
    return NULL;
}

vdt_status vdt_export_picture(struct vdt_export *out, const char *kind,
                              const struct vdt_record *record, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *path =
        vdt_export_path(out, kind, record, out->picture.suffix);
    if (path == NULL)
        return vdt_fail_memory(error, out->folder);
    return vdt_picture_save(&out->picture, record, path, error);
}

vdt_status vdt_export_plane(struct vdt_export *out, const char *kind,
                            const struct vdt_record *record, enum vdt_array plane,
                            enum vdt_raster_format format, struct vdt_error *error)
{
    const void *pixels = vdt_label_pixels(&record->sample.labels, plane);
    if (pixels == NULL)
        return VDT_OK;
    vdt_cleanup(vdt_free_pointer) char *path =
        vdt_export_path(out, kind, record, format == VDT_RASTER_TIFF ? ".tif" : ".png");
    if (path == NULL)
        return vdt_fail_memory(error, out->folder);
    return vdt_mask_save(record, &out->spec.tile, format, vdt_plane_dtype(plane, &out->spec),
                         pixels, path, error);
}
