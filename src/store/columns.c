/* Labels that are rows of columns, kept in memory once they are used much. */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "store/reader_state.h"

enum { SUMS_BYTES = 8, BLOCK_BYTES = 1 << 20, FIRST_SHARE = 64 };
static_assert(VDT_ROW_LABEL_CRC == VDT_ROW_IMAGE_CRC + 4, "both checksums are read at once");

/* Of VDT_SAMPLES only the two checksums are kept: it is wide, and not asked for anything else. */
static const enum vdt_array kept_arrays[] = {VDT_ONEHOT,      VDT_BOXES,       VDT_BOX_CLASS,
                                             VDT_BOX_FEATURE, VDT_BOX_VISIBLE, VDT_SAMPLES};
enum { KEPT = sizeof kept_arrays / sizeof *kept_arrays };

struct column {
    bool keep;
    _Atomic(unsigned char *) rows; /* NULL until they are worth it */
    atomic_uint asked;             /* how often, before that */
};

struct vdt_columns {
    const struct vdt_reader *reader;
    size_t group;
    pthread_mutex_t loading;
    struct column columns[VDT_ARRAYS];
};

static const struct vdt_extent *extent_of(const struct vdt_columns *columns, enum vdt_array array)
{
    return &columns->reader->groups[columns->group].extents[array];
}

static size_t width(const struct vdt_columns *columns, enum vdt_array array)
{
    return array == VDT_SAMPLES ? SUMS_BYTES
                                : vdt_array_row_bytes(&columns->reader->header.layout, array);
}

/* UINT64_MAX when it is more than can be counted. */
static uint64_t bytes_of(const struct vdt_columns *columns, enum vdt_array array)
{
    uint64_t rows = extent_of(columns, array)->rows;
    size_t row = width(columns, array);
    return rows > UINT64_MAX / row ? UINT64_MAX : rows * row;
}

/* The smallest arrays first, as long as they fit. */
static void choose(struct vdt_columns *columns, uint64_t limit)
{
    for (;;) {
        enum vdt_array next = VDT_ARRAYS;
        for (int i = 0; i < KEPT; i++) {
            enum vdt_array a = kept_arrays[i];
            if (!columns->columns[a].keep &&
                vdt_array_present(&columns->reader->header.layout, a) &&
                bytes_of(columns, a) <= limit &&
                (next == VDT_ARRAYS || bytes_of(columns, a) < bytes_of(columns, next)))
                next = a;
        }
        if (next == VDT_ARRAYS)
            return;
        columns->columns[next].keep = true;
        limit -= bytes_of(columns, next);
    }
}

vdt_status vdt_columns_load(const struct vdt_reader *reader, size_t group, uint64_t limit,
                            struct vdt_columns **out, struct vdt_error *error)
{
    if (group >= reader->group_count)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: group %zu of %zu", reader->path, group,
                        reader->group_count);
    struct vdt_columns *columns = vdt_allocate_zero(1, sizeof *columns);
    if (columns == NULL || pthread_mutex_init(&columns->loading, NULL) != 0) {
        free(columns);
        return vdt_fail_memory(error, reader->path);
    }
    columns->reader = reader;
    columns->group = group;
    choose(columns, limit);
    *out = columns;
    return VDT_OK;
}

void vdt_columns_free(struct vdt_columns *columns)
{
    if (columns == NULL)
        return;
    for (int i = 0; i < KEPT; i++)
        free(atomic_load(&columns->columns[kept_arrays[i]].rows));
    pthread_mutex_destroy(&columns->loading);
    free(columns);
}

void vdt_columns_after_fork(struct vdt_columns *columns)
{
    if (columns != NULL)
        pthread_mutex_init(&columns->loading, NULL);
}

/* --- into memory -------------------------------------------------------------------------- */

static vdt_status load_sums(const struct vdt_columns *columns, unsigned char *sums,
                            struct vdt_error *error)
{
    uint64_t count = extent_of(columns, VDT_SAMPLES)->rows;
    size_t row = columns->reader->header.layout.row_bytes;
    uint64_t most = row < BLOCK_BYTES ? BLOCK_BYTES / row : 1;
    vdt_cleanup(vdt_free_pointer) unsigned char *block = vdt_allocate((size_t)most, row);
    if (block == NULL)
        return vdt_fail_memory(error, columns->reader->path);
    for (uint64_t first = 0; first < count; first += most) {
        uint64_t rows = count - first < most ? count - first : most;
        vdt_status status = vdt_reader_rows(columns->reader, columns->group, VDT_SAMPLES, first,
                                            rows, block, error);
        if (status != VDT_OK)
            return status;
        for (uint64_t i = 0; i < rows; i++)
            memcpy(sums + (first + i) * SUMS_BYTES, block + i * row + VDT_ROW_IMAGE_CRC,
                   SUMS_BYTES);
    }
    return VDT_OK;
}

static vdt_status load(const struct vdt_columns *columns, enum vdt_array array, unsigned char **out,
                       struct vdt_error *error)
{
    uint64_t count = extent_of(columns, array)->rows;
    unsigned char *rows = vdt_allocate((size_t)count, width(columns, array));
    if (rows == NULL)
        return vdt_fail_memory(error, columns->reader->path);
    vdt_status status = array == VDT_SAMPLES ? load_sums(columns, rows, error)
                                             : vdt_reader_rows(columns->reader, columns->group,
                                                               array, 0, count, rows, error);
    if (status == VDT_OK)
        *out = rows;
    else
        free(rows);
    return status;
}

/* The rows in memory. The first that asks reads them while others wait. */
static vdt_status held(const struct vdt_columns *columns, enum vdt_array array,
                       const unsigned char **out, struct vdt_error *error)
{
    struct vdt_columns *changing = (struct vdt_columns *)columns;
    unsigned char *rows = atomic_load(&changing->columns[array].rows);
    vdt_status status = VDT_OK;
    if (rows == NULL) {
        pthread_mutex_lock(&changing->loading);
        rows = atomic_load(&changing->columns[array].rows);
        if (rows == NULL && (status = load(columns, array, &rows, error)) == VDT_OK)
            atomic_store(&changing->columns[array].rows, rows);
        pthread_mutex_unlock(&changing->loading);
    }
    *out = rows;
    return status;
}

/* --- rows --------------------------------------------------------------------------------- */

/* Whether rows come from memory. The first batches must not wait for all of a long column. */
static bool from_memory(const struct vdt_columns *columns, enum vdt_array array)
{
    struct column *column = &((struct vdt_columns *)columns)->columns[array];
    if (!column->keep || atomic_load(&column->rows) != NULL)
        return column->keep;
    uint64_t asked = atomic_fetch_add(&column->asked, 1);
    return asked >= columns->reader->groups[columns->group].count / FIRST_SHARE;
}

static vdt_status copy_rows(const struct vdt_columns *columns, enum vdt_array array, uint64_t first,
                            uint64_t count, void *to, struct vdt_error *error)
{
    const struct vdt_reader *reader = columns->reader;
    const unsigned char *rows = NULL;
    size_t row = width(columns, array);
    if (!from_memory(columns, array)) {
        if (array != VDT_SAMPLES)
            return vdt_reader_rows(reader, columns->group, array, first, count, to, error);
        const struct vdt_extent *extent = extent_of(columns, array);
        uint64_t inside = first % extent->chunk_rows * reader->header.layout.row_bytes;
        return vdt_file_read(
            reader->file, to, SUMS_BYTES,
            extent->addresses[first / extent->chunk_rows] + inside + VDT_ROW_IMAGE_CRC, error);
    }
    vdt_status status = held(columns, array, &rows, error);
    if (status == VDT_OK && count > 0)
        memcpy(to, rows + first * row, count * row);
    return status;
}

static vdt_status check_index(const struct vdt_columns *columns, uint64_t index,
                              struct vdt_error *error)
{
    const struct vdt_reader_group *group = &columns->reader->groups[columns->group];
    return index < group->count
               ? VDT_OK
               : vdt_fail(error, VDT_ERR_ARGUMENT, "%s: /%s: sample %llu of %llu",
                          columns->reader->path, group->name, (unsigned long long)index,
                          (unsigned long long)group->count);
}

vdt_status vdt_columns_onehot(const struct vdt_columns *columns, uint64_t index, uint8_t *onehot,
                              struct vdt_error *error)
{
    vdt_status status = check_index(columns, index, error);
    return status == VDT_OK ? copy_rows(columns, VDT_ONEHOT, index, 1, onehot, error) : status;
}

vdt_status vdt_columns_boxes(const struct vdt_columns *columns, uint64_t index, float (*boxes)[4],
                             uint16_t *box_class, int64_t *box_feature, float *box_visible,
                             struct vdt_error *error)
{
    vdt_status status = check_index(columns, index, error);
    if (status != VDT_OK)
        return status;
    const uint64_t *offsets = columns->reader->groups[columns->group].box_offsets;
    uint64_t first = offsets[index], count = offsets[index + 1] - first;
    void *const to[] = {boxes, box_class, box_feature, box_visible};
    for (int i = 0; status == VDT_OK && count > 0 && i < 4; i++)
        if (to[i] != NULL)
            status =
                copy_rows(columns, (enum vdt_array)(VDT_BOXES + i), first, count, to[i], error);
    return status;
}

vdt_status vdt_columns_verify(const struct vdt_columns *columns, uint64_t index, const void *image,
                              const struct vdt_labels *labels, struct vdt_error *error)
{
    const struct vdt_layout *layout = &columns->reader->header.layout;
    uint32_t sums[2] = {0}; /* of the image, of the labels */
    vdt_status status = check_index(columns, index, error);
    if (status == VDT_OK)
        status = copy_rows(columns, VDT_SAMPLES, index, 1, sums, error);
    if (status != VDT_OK)
        return status;
    bool same = (image == NULL || vdt_crc32c(0, image, layout->image_bytes) == sums[0]) &&
                (labels == NULL || vdt_label_crc(layout, labels) == sums[1]);
    if (same)
        return VDT_OK;
    /* What differs, and of which sample, needs the whole row. */
    status = vdt_reader_verify(columns->reader, columns->group, index, image, labels, error);
    return status != VDT_OK ? status
                            : vdt_fail(error, VDT_ERR_FORMAT, "%s: changed while it was read",
                                       columns->reader->path);
}
