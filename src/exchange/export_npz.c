/* NPZ: GROUP/NAME.npz, a zip of NumPy's arrays, one file a sample. */
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "exchange/about.h"
#include "exchange/archive.h"
#include "exchange/arrays.h"
#include "exchange/exporter.h"

static vdt_status begin_group(struct vdt_export *out, struct vdt_error *error)
{
    return vdt_export_folder(out, "samples", error);
}

static vdt_status add_about(struct vdt_export *out, struct vdt_archive *archive,
                            const struct vdt_record *record, struct vdt_buffer *bytes,
                            struct vdt_error *error)
{
    json_t *about = vdt_export_about(out, record, false);
    vdt_cleanup(vdt_free_pointer) char *text = about == NULL ? NULL : vdt_json_text(about);
    json_decref(about);
    if (text == NULL)
        return vdt_fail_memory(error, out->folder);
    size_t size = strlen(text);
    return vdt_arrays_add(archive, "about.npy",
                          &(struct vdt_npy){.shape = {size}, .data = text, .size = size}, bytes,
                          error);
}

static vdt_status write_arrays(struct vdt_export *out, struct vdt_archive *archive,
                               const struct vdt_record *record, struct vdt_buffer *bytes,
                               struct vdt_error *error)
{
    struct vdt_named_array arrays[VDT_ARRAYS_MOST];
    size_t count = vdt_arrays_of(record, &out->spec, &out->picture.tile,
                                 vdt_picture_pixels(&out->picture, record), arrays);
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < count; i++) {
        char name[40];
        snprintf(name, sizeof name, "%s.npy", vdt_array_name(arrays[i].kind));
        status = vdt_arrays_add(archive, name, &arrays[i].array, bytes, error);
    }
    return status == VDT_OK ? add_about(out, archive, record, bytes, error) : status;
}

static vdt_status write_sample(struct vdt_export *out, const struct vdt_record *record,
                               struct vdt_error *error)
{
    vdt_cleanup(vdt_archive_cleanup) struct vdt_archive *archive = NULL;
    vdt_cleanup(vdt_free_pointer) char *path = vdt_export_path(out, "samples", record, ".npz");
    if (path == NULL)
        return vdt_fail_memory(error, out->folder);
    struct vdt_buffer bytes = {0};
    vdt_status status = vdt_archive_create(path, VDT_ARCHIVE_ZIP, &archive, error);
    if (status == VDT_OK)
        status = write_arrays(out, archive, record, &bytes, error);
    if (status == VDT_OK)
        status = vdt_archive_finish(archive, error);
    vdt_buffer_clear(&bytes);
    return status;
}

const struct vdt_export_format vdt_export_npz = {.name = "npz",
                                                 .arrays = true,
                                                 .own_picture = true,
                                                 .begin_group = begin_group,
                                                 .sample = write_sample};
