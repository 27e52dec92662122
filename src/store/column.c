/* Datasets: created, grown, checked and located. */
#include "store/column.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "store/chunk_cache.h"
#include "store/driver.h"
#include "store/h5.h"
#include "store/h5_types.h"

enum { FLUSH_BYTES = 1 << 20, EXTENT_STEP = 256 };

/* --- writing ------------------------------------------------------------------------------ */

static vdt_status set_filters(hid_t creation, const struct vdt_layout *layout, enum vdt_array array)
{
    enum vdt_codec codec = vdt_array_codec(layout, array);
    unsigned level = 3;
    herr_t result = 0;
    if (array >= VDT_TILE_ARRAYS || codec == VDT_CODEC_RAW)
        return VDT_OK;
    if (vdt_array_element(layout, array) > 1)
        H5Pset_shuffle(creation);
    /* Optional, because HDF5 itself need not have the filter: we write finished chunks. */
    if (codec == VDT_CODEC_DEFLATE)
        result = H5Pset_deflate(creation, 4);
    else if (codec == VDT_CODEC_LZ4)
        result = H5Pset_filter(creation, VDT_FILTER_LZ4, H5Z_FLAG_OPTIONAL, 0, NULL);
    else
        result = H5Pset_filter(creation, VDT_FILTER_ZSTD, H5Z_FLAG_OPTIONAL, 1, &level);
    return result < 0 ? VDT_ERR_IO : VDT_OK;
}

vdt_status vdt_column_create(struct vdt_column *column, hid_t group,
                             const struct vdt_layout *layout, enum vdt_array array,
                             struct vdt_error *error)
{
    hsize_t dims[4] = {0}, most[4] = {H5S_UNLIMITED}, chunk[4] = {0};
    int rank = 1 + vdt_array_inner(layout, array, dims + 1);
    chunk[0] = vdt_array_chunk_rows(layout, array);
    for (int i = 1; i < rank; i++)
        most[i] = chunk[i] = dims[i];
    vdt_cleanup(vdt_h5_close_type) hid_t type = vdt_array_type(layout, array);
    vdt_cleanup(vdt_h5_close_space) hid_t space = H5Screate_simple(rank, dims, most);
    vdt_cleanup(vdt_h5_close_plist) hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    vdt_cleanup(vdt_h5_close_plist) hid_t linking = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(linking, 1);
    H5Pset_chunk(creation, rank, chunk);
    H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER);
    *column = (struct vdt_column){.array = array, .dataset = -1};
    if (set_filters(creation, layout, array) == VDT_OK)
        column->dataset =
            H5Dcreate2(group, vdt_array_path(array), type, space, linking, creation, H5P_DEFAULT);
    return column->dataset < 0
               ? vdt_fail(error, VDT_ERR_IO, "cannot create \"%s\"", vdt_array_path(array))
               : VDT_OK;
}

vdt_status vdt_column_open(struct vdt_column *column, hid_t group, const struct vdt_layout *layout,
                           enum vdt_array array, struct vdt_error *error)
{
    (void)layout;
    hsize_t dims[4] = {0};
    *column = (struct vdt_column){.array = array, .dataset = -1};
    hid_t dataset = H5Dopen2(group, vdt_array_path(array), H5P_DEFAULT);
    vdt_cleanup(vdt_h5_close_space) hid_t space = dataset < 0 ? -1 : H5Dget_space(dataset);
    if (space < 0 || H5Sget_simple_extent_dims(space, dims, NULL) < 0) {
        vdt_h5_close_dataset(&dataset);
        return vdt_fail(error, VDT_ERR_FORMAT, "cannot open \"%s\"", vdt_array_path(array));
    }
    column->dataset = dataset;
    column->rows = column->extent = dims[0];
    return VDT_OK;
}

static vdt_status set_extent(struct vdt_column *column, const struct vdt_layout *layout,
                             uint64_t rows, struct vdt_error *error)
{
    hsize_t dims[4] = {rows};
    vdt_array_inner(layout, column->array, dims + 1);
    if (column->extent != rows && H5Dset_extent(column->dataset, dims) < 0)
        return vdt_fail(error, VDT_ERR_IO, "cannot extend \"%s\"", vdt_array_path(column->array));
    column->extent = rows;
    return VDT_OK;
}

vdt_status vdt_column_put_chunk(struct vdt_column *column, const struct vdt_layout *layout,
                                const void *stored, size_t size, struct vdt_error *error)
{
    hsize_t offset[4] = {column->rows};
    if (column->rows == column->extent) {
        vdt_status status = set_extent(column, layout, column->rows + EXTENT_STEP, error);
        if (status != VDT_OK)
            return status;
    }
    if (H5Dwrite_chunk(column->dataset, H5P_DEFAULT, 0, offset, size, stored) < 0)
        return vdt_fail(error, VDT_ERR_IO, "cannot write \"%s\"", vdt_array_path(column->array));
    column->rows++;
    return VDT_OK;
}

vdt_status vdt_column_append(struct vdt_column *column, const struct vdt_layout *layout,
                             const void *rows, size_t bytes, struct vdt_error *error)
{
    if (!vdt_buffer_append(&column->pending, rows, bytes))
        return vdt_fail_memory(error, vdt_array_path(column->array));
    return column->pending.size < FLUSH_BYTES ? VDT_OK : vdt_column_flush(column, layout, error);
}

vdt_status vdt_column_flush(struct vdt_column *column, const struct vdt_layout *layout,
                            struct vdt_error *error)
{
    if (column->array < VDT_TILE_ARRAYS)
        return set_extent(column, layout, column->rows, error);
    hsize_t start[4] = {column->rows}, count[4] = {0};
    count[0] = column->pending.size / vdt_array_row_bytes(layout, column->array);
    if (count[0] == 0)
        return VDT_OK;
    int rank = 1 + vdt_array_inner(layout, column->array, count + 1);
    vdt_status status = set_extent(column, layout, column->rows + count[0], error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_h5_close_type) hid_t type = vdt_array_type(layout, column->array);
    vdt_cleanup(vdt_h5_close_space) hid_t space = H5Dget_space(column->dataset);
    vdt_cleanup(vdt_h5_close_space) hid_t memory = H5Screate_simple(rank, count, NULL);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL);
    if (H5Dwrite(column->dataset, type, memory, space, H5P_DEFAULT, column->pending.data) < 0)
        return vdt_fail(error, VDT_ERR_IO, "cannot write \"%s\"", vdt_array_path(column->array));
    column->rows += count[0];
    column->pending.size = 0;
    return VDT_OK;
}

void vdt_column_close(struct vdt_column *column)
{
    vdt_h5_close_dataset(&column->dataset);
    vdt_buffer_clear(&column->pending);
    column->dataset = -1;
}

/* --- reading ------------------------------------------------------------------------------ */

static bool filters_match(hid_t creation, const struct vdt_layout *layout, enum vdt_array array)
{
    H5Z_filter_t expected[2];
    int count = 0;
    if (array < VDT_TILE_ARRAYS && vdt_array_codec(layout, array) != VDT_CODEC_RAW) {
        enum vdt_codec codec = vdt_array_codec(layout, array);
        if (vdt_array_element(layout, array) > 1)
            expected[count++] = H5Z_FILTER_SHUFFLE;
        expected[count++] = codec == VDT_CODEC_DEFLATE ? H5Z_FILTER_DEFLATE
                            : codec == VDT_CODEC_LZ4   ? VDT_FILTER_LZ4
                                                       : VDT_FILTER_ZSTD;
    }
    if (H5Pget_nfilters(creation) != count)
        return false;
    for (int i = 0; i < count; i++) {
        size_t values = 0;
        if (H5Pget_filter2(creation, (unsigned)i, NULL, &values, NULL, 0, NULL, NULL) !=
            expected[i])
            return false;
    }
    return true;
}

static bool shape_matches(hid_t dataset, const struct vdt_layout *layout, enum vdt_array array,
                          uint64_t *rows)
{
    hsize_t dims[H5S_MAX_RANK] = {0}, chunk[H5S_MAX_RANK] = {0}, inner[3] = {0};
    int rank = 1 + vdt_array_inner(layout, array, inner);
    vdt_cleanup(vdt_h5_close_plist) hid_t creation = H5Dget_create_plist(dataset);
    /* Before anything else: the space of a virtual dataset would open the files that it names. */
    if (creation < 0 || H5Pget_layout(creation) != H5D_CHUNKED)
        return false;
    vdt_cleanup(vdt_h5_close_space) hid_t space = H5Dget_space(dataset);
    vdt_cleanup(vdt_h5_close_type) hid_t type = H5Dget_type(dataset);
    vdt_cleanup(vdt_h5_close_type) hid_t expected = vdt_array_type(layout, array);
    if (space < 0 || type < 0 || H5Tequal(type, expected) <= 0 ||
        H5Sget_simple_extent_ndims(space) != rank ||
        H5Sget_simple_extent_dims(space, dims, NULL) < 0 ||
        H5Pget_chunk(creation, rank, chunk) != rank ||
        chunk[0] != vdt_array_chunk_rows(layout, array) || !filters_match(creation, layout, array))
        return false;
    for (int i = 1; i < rank; i++)
        if (dims[i] != inner[i - 1] || chunk[i] != inner[i - 1])
            return false;
    *rows = dims[0];
    return true;
}

/* Stored bytes that a chunk may have: raw ones are exact, and no coder grows data that much. */
struct sizes {
    uint64_t least, most;
};

static struct sizes sane_sizes(const struct vdt_layout *layout, enum vdt_array array)
{
    uint64_t raw = vdt_array_row_bytes(layout, array) * vdt_array_chunk_rows(layout, array);
    bool coded = array < VDT_TILE_ARRAYS && vdt_array_codec(layout, array) != VDT_CODEC_RAW;
    uint64_t most = 2 * raw + 4096 < UINT32_MAX ? 2 * raw + 4096 : UINT32_MAX;
    return coded ? (struct sizes){1, most} : (struct sizes){raw, raw};
}

vdt_status vdt_place_read(struct vdt_place *place, struct vdt_file *file, hid_t dataset,
                          uint64_t index, uint64_t chunk_rows, void *scratch, const char *what,
                          struct vdt_error *error)
{
    hsize_t offset[4] = {index * chunk_rows};
    uint32_t mask = 0;
    uint64_t end = vdt_file_size(file);
    /* H5Dread_chunk with the driver probing looks the chunk up in the index and reads nothing. */
    vdt_file_probe(file, true);
    herr_t result = H5Dread_chunk(dataset, H5P_DEFAULT, offset, &mask, scratch);
    unsigned hits = vdt_file_probed(file, &place->address, &place->size);
    vdt_file_probe(file, false);
    if (result < 0 || hits != 1 || mask != 0)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: chunk %llu is missing or not as written", what,
                        (unsigned long long)index);
    if (place->address > end || place->size > end - place->address)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: chunk %llu lies outside the file", what,
                        (unsigned long long)index);
    return VDT_OK;
}

/* Memory grows with the chunks that are found, not with those that the file claims. */
static vdt_status locate_all(struct vdt_extent *extent, struct vdt_file *file, hid_t dataset,
                             size_t chunk_bytes, struct sizes sizes, const char *what,
                             struct vdt_error *error)
{
    size_t address_capacity = 0, size_capacity = 0;
    vdt_cleanup(vdt_free_pointer) void *scratch = vdt_allocate(chunk_bytes, 1);
    vdt_status status = scratch == NULL ? vdt_fail_memory(error, what) : VDT_OK;
    for (uint64_t i = 0; status == VDT_OK && i < extent->chunks; i++) {
        struct vdt_place place;
        if (!vdt_grow(&extent->addresses, &address_capacity, i + 1, sizeof *extent->addresses) ||
            !vdt_grow(&extent->sizes, &size_capacity, i + 1, sizeof *extent->sizes))
            return vdt_fail_memory(error, what);
        status = vdt_place_read(&place, file, dataset, i, extent->chunk_rows, scratch, what, error);
        if (status == VDT_OK && (place.size < sizes.least || place.size > sizes.most))
            status = vdt_fail(error, VDT_ERR_FORMAT, "%s: chunk %llu has a wrong size", what,
                              (unsigned long long)i);
        if (status != VDT_OK)
            return status;
        extent->addresses[i] = place.address;
        extent->sizes[i] = (uint32_t)place.size;
    }
    return status;
}

/* A cache is believed no more than the file itself. */
static bool find_all(struct vdt_extent *extent, struct vdt_chunk_cache *cache, const char *name,
                     uint64_t end, struct sizes sizes)
{
    if (!vdt_chunk_cache_find(cache, name, extent))
        return false;
    bool sane = true;
    for (uint64_t i = 0; sane && i < extent->chunks; i++) {
        uint64_t address = extent->addresses[i], size = extent->sizes[i];
        sane = size >= sizes.least && size <= sizes.most && address <= end && size <= end - address;
    }
    if (!sane) {
        free(extent->addresses);
        free(extent->sizes);
        extent->addresses = NULL;
        extent->sizes = NULL;
    }
    return sane;
}

static bool is_hard(hid_t group, const char *name)
{
    H5L_info_t link;
    return H5Lget_info(group, name, &link, H5P_DEFAULT) >= 0 && link.type == H5L_TYPE_HARD;
}

/* Every step of the path is a plain link: a store must not lead into other files. */
static hid_t open_plain(hid_t group, const char *path)
{
    char folder[64] = "";
    const char *slash = strchr(path, '/');
    if (slash != NULL)
        memcpy(folder, path, (size_t)(slash - path));
    if ((slash != NULL && !is_hard(group, folder)) || !is_hard(group, path))
        return H5I_INVALID_HID;
    return H5Dopen2(group, path, H5P_DEFAULT);
}

vdt_status vdt_extent_read(struct vdt_extent *extent, const struct vdt_extent_source *source,
                           enum vdt_array array, struct vdt_error *error)
{
    const struct vdt_layout *layout = source->layout;
    const char *path = vdt_array_path(array);
    char what[1024], name[128];
    snprintf(name, sizeof name, "%s/%s", source->name, path);
    snprintf(what, sizeof what, "%s: /%s", source->file->path, name);
    vdt_cleanup(vdt_h5_close_dataset) hid_t dataset = open_plain(source->group, path);
    struct vdt_extent read = {.chunk_rows = vdt_array_chunk_rows(layout, array)};
    if (dataset < 0)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: missing", what);
    if (!shape_matches(dataset, layout, array, &read.rows))
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "%s: type, shape, chunks or filters are not those of format %s", what,
                        VDT_STORE_FORMAT);
    /* Every chunk takes at least a byte of the file: a claim beyond that is not believed. */
    uint64_t end = vdt_file_size(source->file);
    read.chunks = read.rows / read.chunk_rows + (read.rows % read.chunk_rows != 0);
    if (read.chunks > end)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: %llu rows cannot be in a file of %llu bytes",
                        what, (unsigned long long)read.rows, (unsigned long long)end);
    struct sizes sizes = sane_sizes(layout, array);
    size_t chunk_bytes = vdt_array_row_bytes(layout, array) * (size_t)read.chunk_rows;
    bool found = find_all(&read, source->cache, name, end, sizes);
    vdt_status status =
        found ? VDT_OK : locate_all(&read, source->file, dataset, chunk_bytes, sizes, what, error);
    if (status != VDT_OK) {
        vdt_extent_clear(&read);
        return status;
    }
    *extent = read;
    vdt_chunk_cache_add(source->cache, name, extent, found);
    return VDT_OK;
}

void vdt_extent_clear(struct vdt_extent *extent)
{
    free(extent->addresses);
    free(extent->sizes);
    *extent = (struct vdt_extent){0};
}
