/* NPZ and WebDataset back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "exchange/archive.h"
#include "exchange/arrays.h"
#include "exchange/file.h"
#include "exchange/importer.h"
#include "source/scenes/raster_file.h"

enum {
    TEXT_MOST = 64 << 20, /* bytes of what is no tile */
};

/* The arrays of one sample as they come out of an archive. */
struct parts {
    struct vdt_buffer bytes[VDT_ARRAYS_MOST];
    bool there[VDT_ARRAYS_MOST];
    struct vdt_buffer about; /* JSON text with a NUL */
    bool described;
};

static void parts_begin(struct parts *parts)
{
    memset(parts->there, 0, sizeof parts->there);
    parts->described = false;
}

static void parts_clear(struct parts *parts)
{
    for (int i = 0; i < VDT_ARRAYS_MOST; i++)
        vdt_buffer_clear(&parts->bytes[i]);
    vdt_buffer_clear(&parts->about);
}

static size_t most_bytes(const struct vdt_import *in)
{
    return 2 * vdt_tile_bytes(&in->spec.tile) + TEXT_MOST;
}

static vdt_status set_about(struct parts *parts, const void *text, size_t size,
                            struct vdt_error *error)
{
    parts->about.size = 0;
    if (!vdt_buffer_append(&parts->about, text, size) || !vdt_buffer_append(&parts->about, "", 1))
        return vdt_fail_memory(error, "a sample");
    parts->described = true;
    return VDT_OK;
}

static void swap(struct vdt_buffer *a, struct vdt_buffer *b)
{
    struct vdt_buffer kept = *a;
    *a = *b;
    *b = kept;
}

/* Copies array `i` to where the record wants it, which has its type and size. */
static vdt_status take(const struct parts *parts, size_t i, const char *what,
                       const struct vdt_npy *wanted, struct vdt_error *error)
{
    struct vdt_npy found;
    char name[512];
    snprintf(name, sizeof name, "%s: %s", what, vdt_array_name(i));
    if (!parts->there[i])
        return vdt_fail(error, VDT_ERR_FORMAT, "%s is missing", name);
    vdt_status status =
        vdt_npy_parse(name, parts->bytes[i].data, parts->bytes[i].size, &found, error);
    if (status != VDT_OK)
        return status;
    if (found.dtype != wanted->dtype || found.axes != wanted->axes ||
        memcmp(found.shape, wanted->shape, sizeof found.shape) != 0)
        return vdt_fail(error, VDT_ERR_MISMATCH, "%s has another type or shape than vedatile.json",
                        name);
    if (found.size > 0)
        memcpy((void *)wanted->data, found.data, found.size);
    return VDT_OK;
}

/* Makes room for as many boxes as the array has. */
static vdt_status reserve_boxes(struct vdt_import *in, const struct parts *parts, const char *what,
                                struct vdt_error *error)
{
    struct vdt_npy boxes;
    const struct vdt_band_stats *stats = in->record.sample.stats;
    if (!parts->there[2])
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: boxes are missing", what);
    vdt_status status =
        vdt_npy_parse(what, parts->bytes[2].data, parts->bytes[2].size, &boxes, error);
    if (status == VDT_OK)
        status = vdt_record_reserve(&in->record, &in->spec, (size_t)boxes.shape[0], error);
    in->record.sample.stats = stats;
    return status;
}

static vdt_status read_about(struct vdt_import *in, const struct parts *parts, const char *what,
                             json_t **about, struct vdt_error *error)
{
    if (!parts->described)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: nothing says what it is", what);
    vdt_status status = vdt_json_parse((const char *)parts->about.data, what, about, error);
    return status == VDT_OK ? vdt_about_read_sample(*about, &in->spec, what, &in->record, error)
                            : status;
}

/* The arrays that the store wants: masks, and if asked the image and the others. */
static vdt_status take_arrays(struct vdt_import *in, const struct parts *parts, const char *what,
                              bool image, bool columns, struct vdt_error *error)
{
    struct vdt_named_array wanted[VDT_ARRAYS_MOST];
    size_t count =
        vdt_arrays_of(&in->record, &in->spec, &in->spec.tile, in->record.memory.image, wanted);
    vdt_status status = VDT_OK;
    for (size_t k = 0; status == VDT_OK && k < count; k++) {
        size_t i = wanted[k].kind;
        if (i == 0 ? image : i >= VDT_ARRAYS_PLANES || columns)
            status = take(parts, i, what, &wanted[k].array, error);
    }
    return status;
}

/* --- NPZ ---------------------------------------------------------------------------------- */

static vdt_status collect_npz(struct vdt_import *in, struct parts *parts, const char *path,
                              struct vdt_error *error)
{
    vdt_cleanup(vdt_archive_cleanup) struct vdt_archive *archive = NULL;
    struct vdt_buffer bytes = {0};
    const char *name = NULL;
    vdt_status status = vdt_archive_open(path, &archive, error);
    while (status == VDT_OK &&
           (status = vdt_archive_next(archive, most_bytes(in), &name, &bytes, error)) == VDT_OK) {
        struct vdt_npy text;
        char file[40];
        for (size_t i = 0; i < VDT_ARRAYS_MOST; i++) {
            snprintf(file, sizeof file, "%s.npy", vdt_array_name(i));
            if (strcmp(name, file) == 0) {
                swap(&parts->bytes[i], &bytes);
                parts->there[i] = true;
                break;
            }
        }
        if (strcmp(name, "about.npy") != 0)
            continue;
        status = vdt_npy_parse(path, bytes.data, bytes.size, &text, error);
        if (status == VDT_OK)
            status = set_about(parts, text.data, text.size, error);
    }
    vdt_buffer_clear(&bytes);
    return status == VDT_END ? VDT_OK : status;
}

static vdt_status read_npz(struct vdt_import *in, struct parts *parts, const char *path,
                           struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *about = NULL;
    parts_begin(parts);
    vdt_status status = collect_npz(in, parts, path, error);
    if (status == VDT_OK)
        status = read_about(in, parts, path, &about, error);
    if (status != VDT_OK || vdt_import_has(in))
        return status;
    if ((in->spec.tasks & (VDT_DETECTION | VDT_INSTANCE)) != 0)
        status = reserve_boxes(in, parts, path, error);
    if (status == VDT_OK)
        status = take_arrays(in, parts, path, true, true, error);
    return status == VDT_OK ? vdt_import_append(in, error) : status;
}

static vdt_status read_npz_group(struct vdt_import *in, struct parts *parts, const char *folder,
                                 struct vdt_error *error)
{
    char **files = NULL;
    size_t count = 0;
    vdt_status status = vdt_list_folder(folder, ".npz", &files, &count, error);
    for (size_t i = 0; status == VDT_OK && i < count; i++) {
        vdt_cleanup(vdt_free_pointer) char *path = vdt_path_join(folder, files[i], NULL);
        status = path == NULL ? vdt_fail_memory(error, folder) : read_npz(in, parts, path, error);
        if (status == VDT_OK)
            status = vdt_import_progress(in, error);
    }
    vdt_free_names(files, count);
    return status;
}

static vdt_status read_npz_folder(struct vdt_import *in, struct vdt_error *error)
{
    struct parts parts = {0};
    char **groups = NULL;
    size_t count = 0;
    vdt_cleanup(vdt_free_pointer) char *samples = vdt_path_join(in->folder, "samples", NULL);
    if (samples == NULL)
        return vdt_fail_memory(error, in->folder);
    vdt_status status = vdt_list_folder(samples, "", &groups, &count, error);
    for (size_t i = 0; status == VDT_OK && i < count; i++) {
        vdt_cleanup(vdt_free_pointer) char *folder = vdt_path_join(samples, groups[i], NULL);
        status = folder == NULL ? vdt_fail_memory(error, samples)
                                : read_npz_group(in, &parts, folder, error);
    }
    vdt_free_names(groups, count);
    parts_clear(&parts);
    return status;
}

/* --- WebDataset --------------------------------------------------------------------------- */

static vdt_status finish_tar_sample(struct vdt_import *in, struct parts *parts, const char *what,
                                    struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *about = NULL;
    bool array = strcmp(in->about.suffix, ".npy") == 0;
    vdt_status status = read_about(in, parts, what, &about, error);
    if (status != VDT_OK || vdt_import_has(in))
        return status;
    status = vdt_about_read_labels(about, &in->spec, what, &in->record, error);
    if (status == VDT_OK)
        status = take_arrays(in, parts, what, array, false, error);
    if (status == VDT_OK && !array)
        status = parts->there[0]
                     ? vdt_raster_decode(what, parts->bytes[0].data, parts->bytes[0].size,
                                         &in->spec.tile, in->record.memory.image, error)
                     : vdt_fail(error, VDT_ERR_FORMAT, "%s: the image is missing", what);
    if (status == VDT_OK)
        status = vdt_import_append(in, error);
    return status == VDT_OK ? vdt_import_progress(in, error) : status;
}

/* One file of a sample; `suffix` begins with its dot. */
static vdt_status take_tar_file(struct vdt_import *in, struct parts *parts, const char *suffix,
                                struct vdt_buffer *bytes, struct vdt_error *error)
{
    if (strcmp(suffix, ".json") == 0)
        return set_about(parts, bytes->data, bytes->size, error);
    bool image = strcmp(suffix, in->about.suffix) == 0;
    size_t i = image ? 0 : VDT_ARRAYS_PLANES;
    for (char file[40]; !image && i < VDT_ARRAYS_MOST; i++) {
        snprintf(file, sizeof file, ".%s.npy", vdt_array_name(i));
        if (strcmp(suffix, file) == 0)
            break;
    }
    if (i < VDT_ARRAYS_MOST) {
        swap(&parts->bytes[i], bytes);
        parts->there[i] = true;
    }
    return VDT_OK;
}

static vdt_status read_tar(struct vdt_import *in, struct parts *parts, const char *path,
                           struct vdt_error *error)
{
    vdt_cleanup(vdt_archive_cleanup) struct vdt_archive *archive = NULL;
    struct vdt_buffer bytes = {0};
    const char *name = NULL;
    char key[sizeof in->record.name] = "", what[1024];
    vdt_status status = vdt_archive_open(path, &archive, error);
    while (status == VDT_OK &&
           (status = vdt_archive_next(archive, most_bytes(in), &name, &bytes, error)) == VDT_OK) {
        size_t length = strcspn(name, ".");
        if (name[length] == '\0' || length == 0 || length >= sizeof key)
            continue;
        if (strncmp(name, key, length) != 0 || key[length] != '\0') {
            snprintf(what, sizeof what, "%s: %s", path, key);
            if (key[0] != '\0')
                status = finish_tar_sample(in, parts, what, error);
            parts_begin(parts);
            snprintf(key, sizeof key, "%.*s", (int)length, name);
        }
        if (status == VDT_OK)
            status = take_tar_file(in, parts, name + length, &bytes, error);
    }
    vdt_buffer_clear(&bytes);
    snprintf(what, sizeof what, "%s: %s", path, key);
    if (status == VDT_END)
        status = key[0] == '\0' ? VDT_OK : finish_tar_sample(in, parts, what, error);
    return status;
}

static vdt_status read_tar_folder(struct vdt_import *in, struct vdt_error *error)
{
    struct parts parts = {0};
    char **files = NULL;
    size_t count = 0;
    vdt_status status = vdt_list_folder(in->folder, ".tar", &files, &count, error);
    for (size_t i = 0; status == VDT_OK && i < count; i++) {
        vdt_cleanup(vdt_free_pointer) char *path = vdt_path_join(in->folder, files[i], NULL);
        status =
            path == NULL ? vdt_fail_memory(error, in->folder) : read_tar(in, &parts, path, error);
    }
    vdt_free_names(files, count);
    parts_clear(&parts);
    return status;
}

const struct vdt_import_format vdt_import_npz = {
    .name = "npz", .tasks = UINT32_MAX, .read = read_npz_folder};
const struct vdt_import_format vdt_import_webdataset = {
    .name = "webdataset", .tasks = UINT32_MAX, .read = read_tar_folder};
