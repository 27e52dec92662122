/* Another HDF5 file's datasets: found, checked and located; then HDF5 is closed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "store/chunk_cache.h"
#include "store/driver.h"
#include "store/foreign_find.h"
#include "store/foreign_state.h"
#include "store/foreign_type.h"
#include "store/h5.h"

/* What an opening works with. */
struct opening {
    struct vdt_file *file;
    hid_t id;
    struct vdt_chunk_cache *cache; /* NULL: none is wanted */
};

static const char *describe_layout(H5D_layout_t layout)
{
    return layout == H5D_VIRTUAL ? "is a virtual dataset: open the files that it shows"
                                 : "has an unknown layout";
}

/* --- shape and type ----------------------------------------------------------------------- */

static vdt_status read_shape(struct vdt_foreign *array, hid_t dataset, struct vdt_error *error)
{
    hsize_t dims[H5S_MAX_RANK] = {0};
    vdt_cleanup(vdt_h5_close_space) hid_t space = H5Dget_space(dataset);
    int rank = space < 0 ? -1 : H5Sget_simple_extent_dims(space, dims, NULL);
    if (rank < 0)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: its shape cannot be read", array->what);
    if (rank == 0 || rank > VDT_FOREIGN_RANK)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "%s: has %d axes; one for the samples and at most %d more are supported",
                        array->what, rank, VDT_HDF5_RANK);
    uint64_t bytes = array->element;
    for (int k = 1; k < rank; k++) {
        if (dims[k] == 0)
            return vdt_fail(error, VDT_ERR_UNSUPPORTED, "%s: axis %d of it is empty", array->what,
                            k);
        if (dims[k] > VDT_FOREIGN_MOST / bytes)
            return vdt_fail(error, VDT_ERR_UNSUPPORTED, "%s: a sample has more than 1 GiB",
                            array->what);
        bytes *= dims[k];
    }
    array->sample_bytes = (size_t)bytes;
    array->rank = rank;
    memcpy(array->dims, dims, sizeof array->dims);
    return VDT_OK;
}

/* What HDF5 would give for values that were never written. */
static vdt_status read_fill(struct vdt_foreign *array, hid_t creation, hid_t type,
                            struct vdt_error *error)
{
    H5D_fill_value_t defined = H5D_FILL_VALUE_UNDEFINED;
    H5D_fill_time_t when = H5D_FILL_TIME_NEVER;
    if (H5Pfill_value_defined(creation, &defined) < 0 || H5Pget_fill_time(creation, &when) < 0)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: its fill value cannot be read", array->what);
    if (when == H5D_FILL_TIME_NEVER || defined == H5D_FILL_VALUE_UNDEFINED)
        return VDT_OK;
    return H5Pget_fill_value(creation, type, array->fill) < 0
               ? vdt_fail(error, VDT_ERR_FORMAT, "%s: its fill value cannot be read", array->what)
               : VDT_OK;
}

static vdt_status read_values(struct vdt_foreign *array, hid_t dataset, hid_t creation,
                              struct vdt_error *error)
{
    vdt_cleanup(vdt_h5_close_type) hid_t type = H5Dget_type(dataset);
    vdt_status status =
        type < 0 ? vdt_fail(error, VDT_ERR_FORMAT, "%s: its type cannot be read", array->what)
                 : vdt_foreign_type(type, array->what, &array->dtype, &array->swap, error);
    if (status != VDT_OK)
        return status;
    array->element = vdt_dtype_size(array->dtype);
    status = read_shape(array, dataset, error);
    return status == VDT_OK ? read_fill(array, creation, type, error) : status;
}

/* --- contiguous and compact --------------------------------------------------------------- */

static vdt_status one_chunk(struct vdt_foreign *array, uint64_t address, struct vdt_error *error)
{
    array->extent.addresses = vdt_allocate(1, sizeof *array->extent.addresses);
    if (array->extent.addresses == NULL)
        return vdt_fail_memory(error, array->what);
    array->extent.addresses[0] = address;
    array->extent.chunks = 1;
    memcpy(array->chunk, array->dims, sizeof array->chunk);
    for (int k = 0; k < array->rank; k++)
        array->grid[k] = 1;
    array->grid_row = 1;
    return VDT_OK;
}

static vdt_status locate_contiguous(struct vdt_foreign *array, const struct vdt_file *file,
                                    hid_t dataset, hid_t creation, struct vdt_error *error)
{
    if (H5Pget_external_count(creation) != 0)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "%s: its values lie in other files (external storage)", array->what);
    /* Never written; behind a user block the offset does not show it. */
    if (H5Dget_storage_size(dataset) == 0)
        return one_chunk(array, VDT_NOWHERE, error);
    uint64_t end = vdt_file_size(file), address = H5Dget_offset(dataset);
    if (address > end || array->dims[0] > (end - address) / array->sample_bytes)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: its values lie outside the file", array->what);
    return one_chunk(array, address, error);
}

static vdt_status read_compact(struct vdt_foreign *array, hid_t dataset, struct vdt_error *error)
{
    uint64_t bytes = H5Dget_storage_size(dataset);
    vdt_cleanup(vdt_h5_close_type) hid_t type = H5Dget_type(dataset);
    if (bytes / array->sample_bytes != array->dims[0] || bytes % array->sample_bytes != 0)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: has %llu bytes for %llu samples", array->what,
                        (unsigned long long)bytes, (unsigned long long)array->dims[0]);
    array->values = vdt_allocate(1, (size_t)bytes);
    if (array->values == NULL)
        return vdt_fail_memory(error, array->what);
    if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, array->values) < 0)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: cannot be read", array->what);
    return one_chunk(array, 0, error);
}

/* --- chunked ------------------------------------------------------------------------------ */

static vdt_status read_grid(struct vdt_foreign *array, const struct vdt_file *file, hid_t creation,
                            struct vdt_error *error)
{
    hsize_t chunk[H5S_MAX_RANK] = {0};
    uint64_t bytes = array->element, chunks = 1;
    if (H5Pget_chunk(creation, VDT_FOREIGN_RANK, chunk) != array->rank)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: its chunks have other axes", array->what);
    for (int k = array->rank - 1; k >= 0; k--) {
        if (chunk[k] == 0 || chunk[k] > VDT_FOREIGN_MOST / bytes)
            return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                            "%s: a chunk has more than 1 GiB or nothing", array->what);
        bytes *= chunk[k];
        array->chunk[k] = chunk[k];
        array->grid[k] = array->dims[k] / chunk[k] + (array->dims[k] % chunk[k] != 0);
        array->grid_row = k > 0 ? chunks * array->grid[k] : array->grid_row;
        /* Chunks that were never written take no room, but a file of nothing else is a claim
         * that could keep us busy for ever. */
        if (array->grid[k] > 0 && chunks > (vdt_file_size(file) + (1 << 16)) / array->grid[k])
            return vdt_fail(error, VDT_ERR_FORMAT,
                            "%s: its chunks are more than a file of %llu bytes can have",
                            array->what, (unsigned long long)vdt_file_size(file));
        chunks *= array->grid[k];
    }
    if (array->rank == 1)
        array->grid_row = 1;
    array->chunk_bytes = (size_t)bytes;
    array->extent.rows = array->dims[0];
    array->extent.chunk_rows = array->chunk[0];
    array->extent.chunks = chunks;
    return VDT_OK;
}

/* Asks HDF5's index for one chunk: *address with the skipped filters on top, or VDT_NOWHERE. */
static vdt_status ask(const struct vdt_foreign *array, struct vdt_file *file, hid_t dataset,
                      const hsize_t *offset, uint64_t *address, uint64_t *size,
                      struct vdt_error *error)
{
    uint32_t skipped = 0;
    char nothing; /* the probing driver moves no bytes */
    vdt_file_probe(file, true);
    herr_t result = H5Dread_chunk(dataset, H5P_DEFAULT, offset, &skipped, &nothing);
    unsigned hits = vdt_file_probed(file, address, size);
    vdt_file_probe(file, false);
    if (result < 0 && hits == 0) {
        *address = VDT_NOWHERE;
        *size = 0;
        return VDT_OK;
    }
    if (result < 0 || hits != 1 || *address >> VDT_SKIPPED_SHIFT != 0 || *size > UINT32_MAX)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED, "%s: HDF5 does not tell where its chunks lie",
                        array->what);
    skipped &= (1u << array->pipeline.count) - 1;
    *address |= (uint64_t)skipped << VDT_SKIPPED_SHIFT;
    return VDT_OK;
}

/* A chunk that reaches over an edge may be stored as it is without saying so. */
static bool is_partial(const struct vdt_foreign *array, const hsize_t *offset)
{
    for (int k = 0; k < array->rank; k++)
        if (offset[k] + array->chunk[k] > array->dims[k])
            return true;
    return false;
}

static void next_chunk(const struct vdt_foreign *array, hsize_t *offset)
{
    for (int k = array->rank - 1; k >= 0; k--) {
        offset[k] += array->chunk[k];
        if (offset[k] < array->dims[k] || k == 0)
            return;
        offset[k] = 0;
    }
}

/* Memory grows with the chunks that were asked for, not with those that the file claims. */
static vdt_status ask_all(struct vdt_foreign *array, struct vdt_file *file, hid_t dataset,
                          bool partial_plain, struct vdt_error *error)
{
    struct vdt_extent *extent = &array->extent;
    size_t addresses = 0, sizes = 0;
    hsize_t offset[VDT_FOREIGN_RANK] = {0}, found = 0, there = 0;
    for (uint64_t i = 0; i < extent->chunks; i++) {
        uint64_t address = 0, size = 0;
        vdt_status status = ask(array, file, dataset, offset, &address, &size, error);
        if (status != VDT_OK)
            return status;
        if (!vdt_grow(&extent->addresses, &addresses, i + 1, sizeof *extent->addresses) ||
            !vdt_grow(&extent->sizes, &sizes, i + 1, sizeof *extent->sizes))
            return vdt_fail_memory(error, array->what);
        if (address != VDT_NOWHERE && partial_plain && is_partial(array, offset))
            address |= (uint64_t)((1u << array->pipeline.count) - 1) << VDT_SKIPPED_SHIFT;
        extent->addresses[i] = address;
        extent->sizes[i] = (uint32_t)size;
        found += address != VDT_NOWHERE;
        next_chunk(array, offset);
    }
    if (found == extent->chunks)
        return VDT_OK;
    /* What the index cannot find must not pass for what was never written. */
    vdt_cleanup(vdt_h5_close_space) hid_t space = H5Dget_space(dataset);
    if (H5Dget_num_chunks(dataset, space, &there) < 0 || there != found)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: its index of chunks is damaged", array->what);
    return VDT_OK;
}

static vdt_status check_places(const struct vdt_foreign *array, const struct vdt_file *file,
                               struct vdt_error *error)
{
    uint64_t end = vdt_file_size(file), all = ((uint64_t)1 << array->pipeline.count) - 1;
    for (uint64_t i = 0; i < array->extent.chunks; i++) {
        uint64_t place = array->extent.addresses[i], size = array->extent.sizes[i];
        uint64_t address = place & (((uint64_t)1 << VDT_SKIPPED_SHIFT) - 1);
        if (place == VDT_NOWHERE)
            continue;
        if (address > end || size > end - address)
            return vdt_fail(error, VDT_ERR_FORMAT, "%s: chunk %llu lies outside the file",
                            array->what, (unsigned long long)i);
        /* No filter grows data that much. */
        bool sane = place >> VDT_SKIPPED_SHIFT == all
                        ? size == array->chunk_bytes
                        : size > 0 && size <= 2 * (uint64_t)array->chunk_bytes + (1 << 16);
        if (!sane)
            return vdt_fail(error, VDT_ERR_FORMAT, "%s: chunk %llu has a wrong size", array->what,
                            (unsigned long long)i);
    }
    return VDT_OK;
}

/* The table of chunks as the last opening of the file kept it, or from HDF5. */
static vdt_status read_places(struct vdt_foreign *array, const struct opening *opening,
                              hid_t dataset, bool partial_plain, struct vdt_error *error)
{
    const char *name = array->what + strlen(opening->file->path) + 2;
    struct vdt_chunk_cache *cache = opening->cache;
    bool found = cache != NULL && vdt_chunk_cache_find(cache, name, &array->extent);
    if (found && check_places(array, opening->file, NULL) != VDT_OK) {
        found = false;
        free(array->extent.addresses);
        free(array->extent.sizes);
        array->extent.addresses = NULL;
        array->extent.sizes = NULL;
    }
    vdt_status status = VDT_OK;
    if (!found) {
        status = ask_all(array, opening->file, dataset, partial_plain, error);
        if (status == VDT_OK)
            status = check_places(array, opening->file, error);
    }
    if (status == VDT_OK && cache != NULL)
        vdt_chunk_cache_add(cache, name, &array->extent, found);
    return status;
}

static vdt_status locate_chunks(struct vdt_foreign *array, const struct opening *opening,
                                hid_t dataset, hid_t creation, struct vdt_error *error)
{
    unsigned options = 0;
    vdt_status status = vdt_pipeline_read(&array->pipeline, creation, array->what, error);
    if (status == VDT_OK)
        status = read_grid(array, opening->file, creation, error);
    if (status == VDT_OK && H5Pget_chunk_opts(creation, &options) < 0)
        status = vdt_fail(error, VDT_ERR_FORMAT, "%s: its chunks cannot be read", array->what);
    bool partial_plain = (options & H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS) != 0;
    return status == VDT_OK ? read_places(array, opening, dataset, partial_plain, error) : status;
}

/* --- the file ----------------------------------------------------------------------------- */

static vdt_status open_array(struct vdt_foreign *array, const struct opening *opening,
                             const char *name, struct vdt_error *error)
{
    const char *path = opening->file->path;
    size_t length = strlen(path) + strlen(name) + 4;
    array->what = vdt_allocate(length, 1);
    if (array->what == NULL)
        return vdt_fail_memory(error, path);
    snprintf(array->what, length, "%s: %s%s", path, name[0] == '/' ? "" : "/", name);
    vdt_cleanup(vdt_h5_close_dataset) hid_t dataset = H5I_INVALID_HID;
    vdt_status status = vdt_foreign_find(opening->id, path, name, &dataset, error);
    if (status != VDT_OK)
        return status;
    /* Before anything else: the space of a virtual dataset would open the files that it names. */
    vdt_cleanup(vdt_h5_close_plist) hid_t creation = H5Dget_create_plist(dataset);
    H5D_layout_t layout = creation < 0 ? H5D_LAYOUT_ERROR : H5Pget_layout(creation);
    if (layout != H5D_COMPACT && layout != H5D_CONTIGUOUS && layout != H5D_CHUNKED)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED, "%s: %s", array->what, describe_layout(layout));
    status = read_values(array, dataset, creation, error);
    if (status != VDT_OK)
        return status;
    if (layout == H5D_CHUNKED)
        return locate_chunks(array, opening, dataset, creation, error);
    return layout == H5D_COMPACT
               ? read_compact(array, dataset, error)
               : locate_contiguous(array, opening->file, dataset, creation, error);
}

static enum vdt_axes guess_axes(const struct vdt_foreign *images)
{
    return images->rank == 4 && images->dims[3] <= 4 && images->dims[1] > 4 ? VDT_AXES_HWC
                                                                            : VDT_AXES_CHW;
}

static vdt_status describe_images(struct vdt_hdf5 *file, enum vdt_axes axes,
                                  struct vdt_error *error)
{
    const struct vdt_foreign *images = &file->arrays[VDT_FOREIGN_IMAGES];
    const uint64_t *dims = images->dims;
    if (images->rank != 3 && images->rank != 4)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "%s: has %d axes; images have 3 (sample, row, col) or 4", images->what,
                        images->rank);
    bool bands_last = images->rank == 4 && axes == VDT_AXES_HWC;
    int rows = images->rank == 4 && !bands_last ? 2 : 1;
    uint64_t bands = images->rank == 3 ? 1 : bands_last ? dims[3] : dims[1];
    /* Fits: a sample has at most 1 GiB. */
    file->spec.tile = (struct vdt_tile_spec){.bands = (uint32_t)bands,
                                             .rows = (uint32_t)dims[rows],
                                             .cols = (uint32_t)dims[rows + 1],
                                             .dtype = images->dtype};
    file->spec.axes = axes;
    file->spec.count = dims[0];
    return VDT_OK;
}

static vdt_status describe_labels(struct vdt_hdf5 *file, struct vdt_error *error)
{
    const struct vdt_foreign *labels = &file->arrays[VDT_FOREIGN_LABELS];
    if (labels->dims[0] != file->spec.count)
        return vdt_fail(error, VDT_ERR_MISMATCH, "%s: has %llu samples, the images have %llu",
                        labels->what, (unsigned long long)labels->dims[0],
                        (unsigned long long)file->spec.count);
    file->spec.label_dtype = labels->dtype;
    file->spec.label_rank = (uint32_t)labels->rank - 1;
    memcpy(file->spec.label_shape, labels->dims + 1, sizeof file->spec.label_shape);
    file->spec.label_bytes = labels->sample_bytes;
    return VDT_OK;
}

static vdt_status open_arrays(struct vdt_hdf5 *file, const struct opening *opening,
                              const struct vdt_hdf5_options *options, struct vdt_error *error)
{
    struct vdt_foreign *images = &file->arrays[VDT_FOREIGN_IMAGES];
    struct vdt_foreign *labels = &file->arrays[VDT_FOREIGN_LABELS];
    vdt_status status = open_array(images, opening, options->images, error);
    if (status == VDT_OK)
        status = describe_images(
            file, options->axes == VDT_AXES_STORED ? guess_axes(images) : options->axes, error);
    if (status != VDT_OK || options->labels == NULL)
        return status;
    status = open_array(labels, opening, options->labels, error);
    return status == VDT_OK ? describe_labels(file, error) : status;
}

static void free_cache(struct vdt_chunk_cache **cache)
{
    vdt_chunk_cache_free(*cache);
}

static vdt_status open_hdf5(struct vdt_hdf5 *file, const struct vdt_hdf5_options *options,
                            struct vdt_error *error)
{
    vdt_cleanup(vdt_h5_close_file) hid_t id = H5I_INVALID_HID;
    if (vdt_file_hdf5(file->file, &id, NULL) != VDT_OK)
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "%s: no whole HDF5 file, or one that is being written", file->file->path);
    vdt_cleanup(free_cache) struct vdt_chunk_cache *cache =
        options->no_cache ? NULL : vdt_chunk_cache_open(file->file);
    if (!options->no_cache && cache == NULL)
        return vdt_fail_memory(error, file->file->path);
    const struct opening opening = {file->file, id, cache};
    vdt_status status = open_arrays(file, &opening, options, error);
    if (status == VDT_OK && cache != NULL)
        vdt_chunk_cache_save(cache);
    return status;
}

static void free_file(struct vdt_hdf5 **file)
{
    vdt_hdf5_free(*file);
}

vdt_status vdt_hdf5_open(const char *path, const struct vdt_hdf5_options *options,
                         struct vdt_hdf5 **out, struct vdt_error *error)
{
    VDT_H5_QUIET;
    if (options == NULL || options->images == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: which dataset has the images?", path);
    if ((unsigned)options->axes > VDT_AXES_HWC)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: %d is no order of axes", path,
                        (int)options->axes);
    vdt_cleanup(free_file) struct vdt_hdf5 *file = calloc(1, sizeof *file);
    if (file == NULL)
        return vdt_fail_memory(error, path);
    vdt_status status = vdt_file_open_read(path, &file->file, error);
    if (status == VDT_OK)
        status = open_hdf5(file, options, error);
    const struct vdt_error *reason = file->file == NULL ? NULL : vdt_file_failure(file->file);
    if (status != VDT_OK && reason != NULL && file->file->partial != NULL)
        return vdt_fail(error, reason->status, "%s", reason->message);
    if (status != VDT_OK)
        return status;
    *out = file;
    file = NULL;
    return VDT_OK;
}

void vdt_hdf5_free(struct vdt_hdf5 *file)
{
    if (file == NULL)
        return;
    for (int i = 0; i < VDT_FOREIGN_ARRAYS; i++) {
        free(file->arrays[i].what);
        free(file->arrays[i].values);
        vdt_extent_clear(&file->arrays[i].extent);
    }
    vdt_file_free(file->file);
    free(file);
}
