/* Files of columns, written: HDF5 makes the datasets, their bytes go to the file directly. */
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "store/driver.h"
#include "store/h5.h"
#include "store/table_digest.h"
#include "store/table_type.h"

struct vdt_table_writer {
    char *path;
    struct vdt_file *file;
    hid_t h5;
    struct vdt_table_column column; /* the one that is being filled */
    uint64_t filled;                /* bytes of it */
    struct vdt_sha256 *sha;         /* of it; NULL: none is begun */
    struct vdt_table_lines lines;
};

static void writer_cleanup(struct vdt_table_writer **writer)
{
    vdt_table_writer_free(*writer);
}

vdt_status vdt_table_writer_open(const char *path, struct vdt_table_writer **out,
                                 struct vdt_error *error)
{
    VDT_H5_QUIET;
    vdt_cleanup(writer_cleanup) struct vdt_table_writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL)
        return vdt_fail_memory(error, path);
    writer->h5 = -1;
    writer->path = vdt_copy_string(path);
    if (writer->path == NULL)
        return vdt_fail_memory(error, path);
    vdt_status status = vdt_file_create_over(path, &writer->file, error);
    if (status == VDT_OK)
        status = vdt_file_hdf5(writer->file, &writer->h5, error);
    if (status != VDT_OK)
        return status;
    *out = writer;
    writer = NULL;
    return VDT_OK;
}

/* HDF5 says that it failed, not why; a full disk is known to the file. */
static vdt_status lose(struct vdt_table_writer *writer, const char *name, struct vdt_error *error)
{
    const struct vdt_error *failure = vdt_file_failure(writer->file);
    if (failure != NULL)
        return vdt_fail(error, failure->status, "%s", failure->message);
    return vdt_fail(error, VDT_ERR_IO, "%s: cannot write \"%s\"", writer->path, name);
}

/* The digest of a column that is complete. */
static vdt_status end_column(struct vdt_table_writer *writer, struct vdt_error *error)
{
    if (writer->sha == NULL)
        return VDT_OK;
    if (writer->filled != writer->column.size)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: \"%s\" has %llu of %llu bytes", writer->path,
                        writer->column.name, (unsigned long long)writer->filled,
                        (unsigned long long)writer->column.size);
    vdt_sha256_finish(writer->sha, writer->column.digest);
    writer->sha = NULL;
    return vdt_table_lines_column(&writer->lines, &writer->column)
               ? VDT_OK
               : vdt_fail_memory(error, writer->path);
}

vdt_status vdt_table_writer_text(struct vdt_table_writer *writer, const char *name,
                                 const char *text, struct vdt_error *error)
{
    VDT_H5_QUIET;
    vdt_status status = vdt_h5_write_text(writer->h5, name, text, error);
    if (status != VDT_OK)
        return lose(writer, name, error);
    return vdt_table_lines_text(&writer->lines, name, text) ? VDT_OK
                                                            : vdt_fail_memory(error, writer->path);
}

/* Room for all bytes at once, so that the place is known before they come. */
static hid_t create(hid_t h5, const struct vdt_table_column *column)
{
    hsize_t dims[2] = {column->rows, column->width};
    vdt_cleanup(vdt_h5_close_space) hid_t space =
        H5Screate_simple(column->width > 1 ? 2 : 1, dims, NULL);
    vdt_cleanup(vdt_h5_close_plist) hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    vdt_cleanup(vdt_h5_close_plist) hid_t linking = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_layout(creation, H5D_CONTIGUOUS);
    H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY);
    H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER);
    H5Pset_create_intermediate_group(linking, 1);
    return H5Dcreate2(h5, column->name, vdt_table_type(column->type), space, linking, creation,
                      H5P_DEFAULT);
}

vdt_status vdt_table_writer_column(struct vdt_table_writer *writer, const char *name,
                                   enum vdt_dtype type, uint64_t rows, uint32_t width,
                                   struct vdt_error *error)
{
    VDT_H5_QUIET;
    vdt_status status = end_column(writer, error);
    if (status != VDT_OK)
        return status;
    struct vdt_table_column *column = &writer->column;
    *column = (struct vdt_table_column){.type = type, .rows = rows, .width = width};
    size_t row = vdt_dtype_size(type) * width;
    if (strlen(name) >= sizeof column->name || row == 0 || width > VDT_TABLE_MOST_WIDTH ||
        rows > INT64_MAX / row)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: \"%s\" cannot be a column", writer->path,
                        name);
    memcpy(column->name, name, strlen(name) + 1);
    column->size = rows * row;
    vdt_cleanup(vdt_h5_close_dataset) hid_t dataset = create(writer->h5, column);
    column->address = dataset < 0 || rows == 0 ? 0 : H5Dget_offset(dataset);
    if (dataset < 0 || column->address == HADDR_UNDEF)
        return lose(writer, name, error);
    writer->filled = 0;
    writer->sha = vdt_sha256_new();
    return writer->sha == NULL ? vdt_fail_memory(error, writer->path) : VDT_OK;
}

vdt_status vdt_table_writer_append(struct vdt_table_writer *writer, const void *data, size_t size,
                                   struct vdt_error *error)
{
    if (writer->sha == NULL || size > writer->column.size - writer->filled)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: more bytes than \"%s\" has", writer->path,
                        writer->column.name);
    if (size == 0)
        return VDT_OK;
    vdt_status status =
        vdt_file_write(writer->file, data, size, writer->column.address + writer->filled, error);
    if (status != VDT_OK)
        return status;
    vdt_sha256_add(writer->sha, data, size);
    writer->filled += size;
    return VDT_OK;
}

vdt_status vdt_table_writer_put(struct vdt_table_writer *writer, const char *name,
                                enum vdt_dtype type, uint64_t rows, uint32_t width,
                                const void *data, struct vdt_error *error)
{
    vdt_status status = vdt_table_writer_column(writer, name, type, rows, width, error);
    return status == VDT_OK
               ? vdt_table_writer_append(writer, data, (size_t)writer->column.size, error)
               : status;
}

vdt_status vdt_table_writer_finish(struct vdt_table_writer *writer,
                                   char digest[VDT_TABLE_DIGEST_SIZE], struct vdt_error *error)
{
    VDT_H5_QUIET;
    char hex[VDT_TABLE_DIGEST_SIZE];
    vdt_status status = end_column(writer, error);
    if (status != VDT_OK)
        return status;
    if (!vdt_table_lines_digest(&writer->lines, hex))
        return vdt_fail_memory(error, writer->path);
    if (vdt_h5_write_text(writer->h5, VDT_TABLE_CONTENT, hex, error) != VDT_OK)
        return lose(writer, VDT_TABLE_CONTENT, error);
    herr_t closed = H5Fclose(writer->h5);
    writer->h5 = -1;
    if (closed < 0 || vdt_file_failure(writer->file) != NULL)
        return lose(writer, VDT_TABLE_CONTENT, error);
    status = vdt_file_commit(writer->file, error);
    if (status == VDT_OK && digest != NULL)
        memcpy(digest, hex, sizeof hex);
    return status;
}

void vdt_table_writer_free(struct vdt_table_writer *writer)
{
    if (writer == NULL)
        return;
    VDT_H5_QUIET;
    if (writer->h5 >= 0) {
        vdt_file_abandon(writer->file);
        H5Fclose(writer->h5);
    }
    vdt_file_free(writer->file);
    vdt_sha256_free(writer->sha);
    vdt_table_lines_clear(&writer->lines);
    free(writer->path);
    free(writer);
}
