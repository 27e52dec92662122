/* Views: one dataset of indices each, read without HDF5's own chunk code. */
#include "store/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"
#include "store/column.h"
#include "store/h5.h"
#include "store/layout.h"

#define FOLDER "views"
#define CRC "crc32c"

void vdt_views_free(struct vdt_stored_view *views, size_t count)
{
    for (size_t i = 0; views != NULL && i < count; i++) {
        free(views[i].name);
        free(views[i].group);
        free(views[i].definition);
        free(views[i].indices);
    }
    free(views);
}

bool vdt_view_definition_valid(const char *text)
{
    vdt_cleanup(vdt_json_release) json_t *value = NULL;
    return text[0] == '\0' || (strlen(text) <= VDT_VIEW_DEFINITION &&
                               vdt_json_parse(text, "", &value, NULL) == VDT_OK);
}

static hsize_t chunk_rows(uint64_t count)
{
    return count == 0 ? 1 : count < VDT_VIEW_CHUNK_ROWS ? count : VDT_VIEW_CHUNK_ROWS;
}

/* --- writing ------------------------------------------------------------------------------ */

static void path_of(const char *name, char path[128])
{
    snprintf(path, 128, FOLDER "/%s", name);
}

bool vdt_view_exists(hid_t h5, const char *name)
{
    char path[128];
    path_of(name, path);
    return H5Lexists(h5, FOLDER, H5P_DEFAULT) > 0 && H5Lexists(h5, path, H5P_DEFAULT) > 0;
}

vdt_status vdt_view_remove(hid_t h5, const char *name, struct vdt_error *error)
{
    char path[128];
    path_of(name, path);
    return H5Ldelete(h5, path, H5P_DEFAULT) < 0
               ? vdt_fail(error, VDT_ERR_IO, "cannot remove /%s", path)
               : VDT_OK;
}

static vdt_status write_crc(hid_t dataset, const struct vdt_view *view, struct vdt_error *error)
{
    uint32_t crc = vdt_crc32c(0, view->indices, view->count * 8);
    vdt_cleanup(vdt_h5_close_space) hid_t space = H5Screate(H5S_SCALAR);
    vdt_cleanup(vdt_h5_close_attribute) hid_t attribute =
        H5Acreate2(dataset, CRC, H5T_STD_U32LE, space, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute < 0 || H5Awrite(attribute, H5T_NATIVE_UINT32, &crc) < 0)
        return vdt_fail(error, VDT_ERR_IO, "cannot write the attribute \"" CRC "\"");
    return VDT_OK;
}

vdt_status vdt_view_write(hid_t h5, const struct vdt_view *view, struct vdt_error *error)
{
    char path[128];
    hsize_t rows = view->count, unlimited = H5S_UNLIMITED, chunk = chunk_rows(rows);
    path_of(view->name, path);
    vdt_status status =
        vdt_view_exists(h5, view->name) ? vdt_view_remove(h5, view->name, error) : VDT_OK;
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_h5_close_space) hid_t space = H5Screate_simple(1, &rows, &unlimited);
    vdt_cleanup(vdt_h5_close_plist) hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    vdt_cleanup(vdt_h5_close_plist) hid_t linking = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(linking, 1);
    H5Pset_chunk(creation, 1, &chunk);
    vdt_cleanup(vdt_h5_close_dataset) hid_t dataset =
        H5Dcreate2(h5, path, H5T_STD_U64LE, space, linking, creation, H5P_DEFAULT);
    if (dataset < 0 || (rows > 0 && H5Dwrite(dataset, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL,
                                             H5P_DEFAULT, view->indices) < 0))
        return vdt_fail(error, VDT_ERR_IO, "cannot write /%s", path);
    status = vdt_h5_write_text(dataset, "group", view->group, error);
    if (status == VDT_OK)
        status = vdt_h5_write_text(dataset, "definition", view->definition, error);
    return status == VDT_OK ? write_crc(dataset, view, error) : status;
}

/* --- reading ------------------------------------------------------------------------------ */

struct list {
    struct vdt_stored_view *views;
    size_t count, capacity;
    bool foreign; /* the last one is not a dataset of this file */
    bool memory;  /* is out */
};

/* As with groups, a view that cannot be opened is an error: skipping it would make it vanish. */
static herr_t note_view(hid_t folder, const char *name, const H5L_info_t *info, void *payload)
{
    struct list *list = payload;
    (void)folder;
    if (!vdt_name_valid(name))
        return 0;
    if (!vdt_grow(&list->views, &list->capacity, list->count + 1, sizeof *list->views)) {
        list->memory = true;
        return -1;
    }
    struct vdt_stored_view *view = &list->views[list->count];
    *view = (struct vdt_stored_view){.name = vdt_copy_string(name)};
    list->memory = view->name == NULL;
    if (list->memory)
        return -1;
    list->count++;
    list->foreign = info->type != H5L_TYPE_HARD;
    return list->foreign ? -1 : 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct vdt_stored_view *)a)->name,
                  ((const struct vdt_stored_view *)b)->name);
}

/* Only what we write is let in: no virtual or filtered data, and no more rows than a file of that
 * size can hold. */
static bool is_view(hid_t dataset, uint64_t most, uint64_t *count)
{
    hsize_t dims[H5S_MAX_RANK] = {0}, chunk[H5S_MAX_RANK] = {0};
    vdt_cleanup(vdt_h5_close_plist) hid_t creation = H5Dget_create_plist(dataset);
    if (creation < 0 || H5Pget_layout(creation) != H5D_CHUNKED ||
        H5Pget_chunk(creation, H5S_MAX_RANK, chunk) != 1 || H5Pget_nfilters(creation) != 0)
        return false;
    vdt_cleanup(vdt_h5_close_type) hid_t type = H5Dget_type(dataset);
    vdt_cleanup(vdt_h5_close_space) hid_t space = H5Dget_space(dataset);
    if (type < 0 || space < 0 || H5Tequal(type, H5T_STD_U64LE) <= 0 ||
        H5Sget_simple_extent_ndims(space) != 1 || H5Sget_simple_extent_dims(space, dims, NULL) < 0)
        return false;
    *count = dims[0];
    return dims[0] <= most && chunk[0] == chunk_rows(dims[0]);
}

static vdt_status read_indices(struct vdt_file *file, hid_t dataset, struct vdt_stored_view *view,
                               const char *what, struct vdt_error *error)
{
    uint64_t rows = chunk_rows(view->count), chunks = (view->count + rows - 1) / rows;
    size_t capacity = 0;
    vdt_cleanup(vdt_free_pointer) void *scratch = vdt_allocate(rows, 8);
    vdt_status status = scratch == NULL ? vdt_fail_memory(error, what) : VDT_OK;
    for (uint64_t i = 0; status == VDT_OK && i < chunks; i++) {
        struct vdt_place place;
        status = vdt_place_read(&place, file, dataset, i, rows, scratch, what, error);
        if (status == VDT_OK && place.size != rows * 8)
            status = vdt_fail(error, VDT_ERR_FORMAT, "%s: chunk %llu has a wrong size", what,
                              (unsigned long long)i);
        if (status == VDT_OK &&
            !vdt_grow(&view->indices, &capacity, (i + 1) * rows, sizeof *view->indices))
            status = vdt_fail_memory(error, what);
        if (status == VDT_OK)
            status = vdt_file_read(file, view->indices + i * rows, rows * 8, place.address, error);
    }
    return status;
}

/* Views made by hand with other programs need not have a checksum. */
static vdt_status check_crc(hid_t dataset, const struct vdt_stored_view *view, const char *what,
                            struct vdt_error *error)
{
    uint32_t wanted = 0;
    if (H5Aexists(dataset, CRC) == 0)
        return VDT_OK;
    vdt_cleanup(vdt_h5_close_attribute) hid_t attribute = H5Aopen(dataset, CRC, H5P_DEFAULT);
    vdt_cleanup(vdt_h5_close_type) hid_t type = attribute < 0 ? -1 : H5Aget_type(attribute);
    vdt_cleanup(vdt_h5_close_space) hid_t space = attribute < 0 ? -1 : H5Aget_space(attribute);
    if (type < 0 || space < 0 || H5Tequal(type, H5T_STD_U32LE) <= 0 ||
        H5Sget_simple_extent_npoints(space) != 1 ||
        H5Aread(attribute, H5T_NATIVE_UINT32, &wanted) < 0 ||
        wanted != vdt_crc32c(0, view->indices, view->count * 8))
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: its indices do not match their checksum", what);
    return VDT_OK;
}

static vdt_status read_text(hid_t dataset, const char *name, const char *what, char **text,
                            struct vdt_error *error)
{
    struct vdt_error reason;
    vdt_status status = vdt_h5_read_text(dataset, name, what, text, &reason);
    if (status == VDT_ERR_NOT_FOUND) /* for callers that means the file */
        status = VDT_ERR_FORMAT;
    return status == VDT_OK ? VDT_OK : vdt_fail(error, status, "%s", reason.message);
}

/* `left` is how many more rows the file can hold. */
static vdt_status read_view(struct vdt_file *file, hid_t folder, struct vdt_stored_view *view,
                            uint64_t *left, struct vdt_error *error)
{
    char what[1024];
    snprintf(what, sizeof what, "%s: /" FOLDER "/%s", file->path, view->name);
    vdt_cleanup(vdt_h5_close_dataset) hid_t dataset = H5Dopen2(folder, view->name, H5P_DEFAULT);
    if (dataset < 0 || !is_view(dataset, *left, &view->count))
        return vdt_fail(error, VDT_ERR_FORMAT, "%s is not a view of format %s", what,
                        VDT_STORE_FORMAT);
    *left -= view->count;
    vdt_status status = read_text(dataset, "group", what, &view->group, error);
    if (status == VDT_OK)
        status = read_text(dataset, "definition", what, &view->definition, error);
    if (status == VDT_OK)
        status = read_indices(file, dataset, view, what, error);
    return status == VDT_OK ? check_crc(dataset, view, what, error) : status;
}

vdt_status vdt_views_read(struct vdt_file *file, hid_t h5, struct vdt_stored_view **views,
                          size_t *count, struct vdt_error *error)
{
    struct list list = {0};
    H5L_info_t link;
    vdt_status status = VDT_OK;
    if (H5Lexists(h5, FOLDER, H5P_DEFAULT) == 0)
        return VDT_OK;
    bool hard = H5Lget_info(h5, FOLDER, &link, H5P_DEFAULT) >= 0 && link.type == H5L_TYPE_HARD;
    vdt_cleanup(vdt_h5_close_group) hid_t folder = hard ? H5Gopen2(h5, FOLDER, H5P_DEFAULT) : -1;
    /* Native order, because HDF5 1.10 crashes where sorting a damaged group fails. */
    if (folder < 0 || H5Literate(folder, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, note_view, &list) < 0)
        status = list.memory
                     ? vdt_fail_memory(error, file->path)
                     : vdt_fail(error, VDT_ERR_FORMAT, "%s: /" FOLDER "%s%s: not of this file",
                                file->path, list.foreign ? "/" : "",
                                list.foreign ? list.views[list.count - 1].name : "");
    else if (list.count > 0)
        qsort(list.views, list.count, sizeof *list.views, compare_names);
    uint64_t left = vdt_file_size(file) / 8;
    for (size_t i = 0; status == VDT_OK && i < list.count; i++)
        status = read_view(file, folder, &list.views[i], &left, error);
    if (status != VDT_OK) {
        vdt_views_free(list.views, list.count);
        return status;
    }
    *views = list.views;
    *count = list.count;
    return VDT_OK;
}
