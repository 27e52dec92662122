/* Files of columns, read: HDF5 says where the columns lie and is closed; the rest is pread. */
#include "store/table_file.h"

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

enum { MOST_COLUMNS = 1024, MOST_TEXTS = 256, READ_BLOCK = 1 << 20 };

struct vdt_table_file {
    char *path;
    struct vdt_file *file;
    struct vdt_table_column *columns;
    size_t column_count, column_capacity;
    struct table_text {
        char *name, *text;
    } * texts;
    size_t text_count, text_capacity;
};

/* Names of a folder's links, or of attributes. What they name is opened after the walk: HDF5 1.10
 * loses memory where a walk ends with something that is damaged. */
struct names {
    char **names;
    size_t count, capacity;
    bool foreign; /* the last one is no hard link */
    bool memory;  /* is out */
};

void vdt_table_file_free(struct vdt_table_file *table)
{
    if (table == NULL)
        return;
    for (size_t i = 0; i < table->text_count; i++) {
        free(table->texts[i].name);
        free(table->texts[i].text);
    }
    free(table->texts);
    free(table->columns);
    vdt_file_free(table->file);
    free(table->path);
    free(table);
}

static void table_cleanup(struct vdt_table_file **table)
{
    vdt_table_file_free(*table);
}

/* --- structure ----------------------------------------------------------------------------- */

static enum vdt_dtype dtype_of(hid_t type)
{
    for (int dtype = VDT_UINT8; dtype <= VDT_INT64; dtype++) {
        hid_t known = vdt_table_type((enum vdt_dtype)dtype);
        if (known >= 0 && H5Tequal(type, known) > 0)
            return (enum vdt_dtype)dtype;
    }
    return (enum vdt_dtype)0;
}

/* Only what we write is let in, and only where the file has its bytes. */
static bool measure(hid_t dataset, uint64_t end, struct vdt_table_column *column)
{
    hsize_t dims[H5S_MAX_RANK] = {0};
    vdt_cleanup(vdt_h5_close_plist) hid_t creation = H5Dget_create_plist(dataset);
    vdt_cleanup(vdt_h5_close_type) hid_t type = H5Dget_type(dataset);
    vdt_cleanup(vdt_h5_close_space) hid_t space = H5Dget_space(dataset);
    if (creation < 0 || type < 0 || space < 0 || H5Pget_layout(creation) != H5D_CONTIGUOUS ||
        H5Pget_external_count(creation) != 0)
        return false;
    int rank = H5Sget_simple_extent_dims(space, dims, NULL);
    column->type = dtype_of(type);
    if (rank < 1 || rank > 2 || column->type == 0 ||
        (rank == 2 && (dims[1] < 1 || dims[1] > VDT_TABLE_MOST_WIDTH)))
        return false;
    column->rows = dims[0];
    column->width = rank == 2 ? (uint32_t)dims[1] : 1;
    uint64_t row = vdt_dtype_size(column->type) * (uint64_t)column->width;
    if (column->rows > end / row)
        return false;
    column->size = column->rows * row;
    if (column->size == 0)
        return true;
    column->address = H5Dget_offset(dataset);
    return H5Dget_storage_size(dataset) == column->size && column->address <= end &&
           column->size <= end - column->address;
}

static vdt_status foreign(const struct vdt_table_file *table, const char *group, const char *name,
                          struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_FORMAT, "%s: /%s%s%s is no plain column: not a file of ours",
                    table->path, group, *group == '\0' ? "" : "/", name);
}

static void clear_names(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->names[i]);
    free(names->names);
}

static herr_t add_name(struct names *names, const char *name)
{
    if (names->count >= MOST_COLUMNS ||
        !vdt_grow(&names->names, &names->capacity, names->count + 1, sizeof *names->names) ||
        (names->names[names->count] = vdt_copy_string(name)) == NULL) {
        names->memory = names->count < MOST_COLUMNS;
        return -1;
    }
    names->count++;
    return 0;
}

static herr_t note_link(hid_t folder, const char *name, const H5L_info_t *info, void *payload)
{
    struct names *names = payload;
    (void)folder;
    names->foreign = info->type != H5L_TYPE_HARD;
    return add_name(names, name) < 0 || names->foreign ? -1 : 0;
}

static herr_t note_text(hid_t root, const char *name, const H5A_info_t *info, void *payload)
{
    (void)root, (void)info;
    return add_name(payload, name);
}

static vdt_status walked(const struct vdt_table_file *table, const char *group,
                         const struct names *names, herr_t result, struct vdt_error *error)
{
    if (result >= 0)
        return VDT_OK;
    if (names->memory)
        return vdt_fail_memory(error, table->path);
    if (names->foreign)
        return foreign(table, group, names->names[names->count - 1], error);
    return vdt_fail(error, VDT_ERR_FORMAT, "%s: damaged: what /%s has cannot be listed",
                    table->path, group);
}

static vdt_status add_column(struct vdt_table_file *table, hid_t dataset, const char *group,
                             const char *name, struct vdt_error *error)
{
    struct vdt_table_column column = {0};
    size_t prefix = strlen(group), length = strlen(name);
    if (prefix + length + 2 > sizeof column.name || table->column_count >= MOST_COLUMNS ||
        !measure(dataset, vdt_file_size(table->file), &column))
        return foreign(table, group, name, error);
    memcpy(column.name, group, prefix);
    if (prefix > 0)
        column.name[prefix++] = '/';
    memcpy(column.name + prefix, name, length + 1);
    if (!vdt_grow(&table->columns, &table->column_capacity, table->column_count + 1,
                  sizeof *table->columns))
        return vdt_fail_memory(error, table->path);
    table->columns[table->column_count++] = column;
    return VDT_OK;
}

static vdt_status read_group(struct vdt_table_file *table, hid_t folder, const char *group,
                             struct vdt_error *error);

static vdt_status read_object(struct vdt_table_file *table, hid_t folder, const char *group,
                              const char *name, struct vdt_error *error)
{
    vdt_cleanup(vdt_h5_close_dataset) hid_t dataset = H5Dopen2(folder, name, H5P_DEFAULT);
    if (dataset >= 0)
        return add_column(table, dataset, group, name, error);
    /* Groups have no groups. */
    vdt_cleanup(vdt_h5_close_group) hid_t inner =
        *group == '\0' ? H5Gopen2(folder, name, H5P_DEFAULT) : -1;
    return inner < 0 ? foreign(table, group, name, error) : read_group(table, inner, name, error);
}

/* Native order, because HDF5 1.10 crashes where sorting a damaged group fails. */
static vdt_status read_group(struct vdt_table_file *table, hid_t folder, const char *group,
                             struct vdt_error *error)
{
    struct names names = {0};
    herr_t result = H5Literate(folder, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, note_link, &names);
    vdt_status status = walked(table, group, &names, result, error);
    for (size_t i = 0; status == VDT_OK && i < names.count; i++)
        status = read_object(table, folder, group, names.names[i], error);
    clear_names(&names);
    return status;
}

static vdt_status add_text(struct vdt_table_file *table, hid_t root, const char *name,
                           struct vdt_error *error)
{
    struct table_text text = {0};
    if (table->text_count >= MOST_TEXTS || strlen(name) >= VDT_TABLE_NAME_SIZE)
        return foreign(table, "", name, error);
    vdt_status status = vdt_h5_read_text(root, name, table->path, &text.text, error);
    if (status != VDT_OK)
        return status == VDT_ERR_MEMORY
                   ? status
                   : vdt_fail(error, VDT_ERR_FORMAT, "%s: attribute \"%s\" cannot be read",
                              table->path, name);
    text.name = vdt_copy_string(name);
    if (text.name == NULL ||
        !vdt_grow(&table->texts, &table->text_capacity, table->text_count + 1, sizeof text)) {
        free(text.name);
        free(text.text);
        return vdt_fail_memory(error, table->path);
    }
    table->texts[table->text_count++] = text;
    return VDT_OK;
}

static vdt_status read_structure(struct vdt_table_file *table, hid_t h5, struct vdt_error *error)
{
    struct names names = {0};
    vdt_status status = read_group(table, h5, "", error);
    if (status != VDT_OK)
        return status;
    herr_t result = H5Aiterate2(h5, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, note_text, &names);
    status = walked(table, "", &names, result, error);
    for (size_t i = 0; status == VDT_OK && i < names.count; i++)
        status = add_text(table, h5, names.names[i], error);
    clear_names(&names);
    return status;
}

vdt_status vdt_table_file_open(const char *path, struct vdt_table_file **out,
                               struct vdt_error *error)
{
    VDT_H5_QUIET;
    vdt_cleanup(table_cleanup) struct vdt_table_file *table = calloc(1, sizeof *table);
    if (table == NULL || (table->path = vdt_copy_string(path)) == NULL)
        return vdt_fail_memory(error, path);
    vdt_status status = vdt_file_open_read(path, &table->file, error);
    if (status != VDT_OK)
        return status;
    hid_t h5 = -1;
    status = vdt_file_hdf5(table->file, &h5, NULL);
    if (status == VDT_ERR_MEMORY)
        return vdt_fail_memory(error, path);
    if (status != VDT_OK)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: no whole HDF5 file", path);
    status = read_structure(table, h5, error);
    H5Fclose(h5);
    /* HDF5 says only that it could not read. */
    const struct vdt_error *reason = vdt_file_failure(table->file);
    if (status != VDT_OK && reason != NULL)
        return vdt_fail(error, reason->status, "%s", reason->message);
    if (status != VDT_OK)
        return status;
    *out = table;
    table = NULL;
    return VDT_OK;
}

/* --- content ------------------------------------------------------------------------------- */

const char *vdt_table_file_path(const struct vdt_table_file *table)
{
    return table->path;
}

const char *vdt_table_file_text(const struct vdt_table_file *table, const char *name)
{
    for (size_t i = 0; i < table->text_count; i++)
        if (strcmp(table->texts[i].name, name) == 0)
            return table->texts[i].text;
    return NULL;
}

const char *vdt_table_file_digest(const struct vdt_table_file *table)
{
    const char *digest = vdt_table_file_text(table, VDT_TABLE_CONTENT);
    return digest == NULL ? "" : digest;
}

const struct vdt_table_column *vdt_table_file_column(const struct vdt_table_file *table,
                                                     const char *name)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (strcmp(table->columns[i].name, name) == 0)
            return &table->columns[i];
    return NULL;
}

vdt_status vdt_table_file_read(const struct vdt_table_file *table,
                               const struct vdt_table_column *column, uint64_t first, uint64_t rows,
                               void *data, struct vdt_error *error)
{
    if (first > column->rows || rows > column->rows - first)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: \"%s\" has %llu rows", table->path,
                        column->name, (unsigned long long)column->rows);
    if (rows == 0 || column->rows == 0)
        return VDT_OK;
    uint64_t row = column->size / column->rows;
    return vdt_file_read(table->file, data, (size_t)(rows * row), column->address + first * row,
                         error);
}

static vdt_status load(struct vdt_table_file *table, struct vdt_table_column *column, void **out,
                       struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) void *data = vdt_allocate(1, (size_t)column->size);
    if (data == NULL)
        return vdt_fail_memory(error, table->path);
    vdt_status status = vdt_table_file_read(table, column, 0, column->rows, data, error);
    if (status != VDT_OK)
        return status;
    vdt_sha256(data, (size_t)column->size, column->digest);
    column->digested = true;
    *out = data;
    data = NULL;
    return VDT_OK;
}

vdt_status vdt_table_file_load(struct vdt_table_file *table, const char *name, enum vdt_dtype type,
                               uint64_t rows, uint32_t width, bool optional, void *data,
                               uint64_t *found, struct vdt_error *error)
{
    void *loaded = NULL;
    struct vdt_table_column *column = (struct vdt_table_column *)vdt_table_file_column(table, name);
    if (column == NULL && !optional)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: no column \"%s\"", table->path, name);
    if (column != NULL && (column->type != type || column->width != width ||
                           (rows != UINT64_MAX && column->rows != rows)))
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "%s: column \"%s\" is %s [%llu][%u], not %s [%llu][%u]", table->path, name,
                        vdt_dtype_name(column->type), (unsigned long long)column->rows,
                        column->width, vdt_dtype_name(type),
                        (unsigned long long)(rows == UINT64_MAX ? column->rows : rows), width);
    vdt_status status = column == NULL ? VDT_OK : load(table, column, &loaded, error);
    if (status != VDT_OK)
        return status;
    memcpy(data, &loaded, sizeof loaded);
    if (found != NULL)
        *found = column == NULL ? 0 : column->rows;
    return VDT_OK;
}

static vdt_status digest_column(const struct vdt_table_file *table, struct vdt_table_column *column,
                                struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) void *block = vdt_allocate(1, READ_BLOCK);
    struct vdt_sha256 *sha = block == NULL ? NULL : vdt_sha256_new();
    if (sha == NULL)
        return vdt_fail_memory(error, table->path);
    vdt_status status = VDT_OK;
    for (uint64_t at = 0; status == VDT_OK && at < column->size; at += READ_BLOCK) {
        uint64_t left = column->size - at;
        size_t size = left < READ_BLOCK ? (size_t)left : READ_BLOCK;
        status = vdt_file_read(table->file, block, size, column->address + at, error);
        vdt_sha256_add(sha, block, size);
    }
    vdt_sha256_finish(sha, column->digest);
    column->digested = status == VDT_OK;
    return status;
}

static vdt_status collect(const struct vdt_table_file *table, struct vdt_table_lines *lines,
                          struct vdt_error *error)
{
    bool done = true;
    for (size_t i = 0; done && i < table->column_count; i++)
        done = vdt_table_lines_column(lines, &table->columns[i]);
    for (size_t i = 0; done && i < table->text_count; i++)
        if (strcmp(table->texts[i].name, VDT_TABLE_CONTENT) != 0)
            done = vdt_table_lines_text(lines, table->texts[i].name, table->texts[i].text);
    return done ? VDT_OK : vdt_fail_memory(error, table->path);
}

vdt_status vdt_table_file_verify(struct vdt_table_file *table, struct vdt_error *error)
{
    struct vdt_table_lines lines = {0};
    char digest[VDT_TABLE_DIGEST_SIZE] = "";
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < table->column_count; i++)
        if (!table->columns[i].digested)
            status = digest_column(table, &table->columns[i], error);
    if (status == VDT_OK)
        status = collect(table, &lines, error);
    if (status == VDT_OK && !vdt_table_lines_digest(&lines, digest))
        status = vdt_fail_memory(error, table->path);
    vdt_table_lines_clear(&lines);
    if (status == VDT_OK && strcmp(digest, vdt_table_file_digest(table)) != 0)
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "%s: its content is not what was written (content_sha256): it is damaged, "
                        "or another program has changed it",
                        table->path);
    return status;
}
