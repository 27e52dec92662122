/* Partial stores: how much is here, and what is to be fetched before samples are read. */
#include <stdlib.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "store/reader_state.h"

struct spans {
    struct vdt_span *items;
    size_t count, capacity;
    bool memory; /* is out */
};

bool vdt_reader_is_partial(const struct vdt_reader *reader)
{
    return reader->file->partial != NULL;
}

/* Never 100 before all is here. */
static double percent_of(uint64_t here, uint64_t size)
{
    double percent = 100.0 * (double)here / (double)size;
    return here >= size ? 100 : percent < 100 ? percent : 99.99;
}

double vdt_reader_percent_cached(const struct vdt_reader *reader)
{
    return percent_of(vdt_file_bytes_here(reader->file), vdt_file_size(reader->file));
}

static void partial_cleanup(struct vdt_partial **partial)
{
    vdt_partial_free(*partial);
}

static vdt_status open_partial(const char *path, struct vdt_partial **partial, uint64_t *size,
                               struct vdt_error *error)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return vdt_fail_errno(error, path);
    if (!S_ISREG(info.st_mode))
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: not a file", path);
    *size = (uint64_t)info.st_size;
    return vdt_partial_open(path, *size, partial, error);
}

vdt_status vdt_store_percent_cached(const char *path, double *percent, struct vdt_error *error)
{
    vdt_cleanup(partial_cleanup) struct vdt_partial *partial = NULL;
    uint64_t size = 0;
    vdt_status status = open_partial(path, &partial, &size, error);
    if (status == VDT_OK)
        *percent = percent_of(partial == NULL ? size : vdt_partial_bytes(partial), size);
    return status;
}

vdt_status vdt_store_complete(const char *path, vdt_progress_fn progress, void *payload,
                              struct vdt_error *error)
{
    vdt_cleanup(partial_cleanup) struct vdt_partial *partial = NULL;
    uint64_t size = 0;
    vdt_status status = open_partial(path, &partial, &size, error);
    if (status == VDT_OK && partial != NULL)
        status = vdt_partial_complete(partial, progress, payload, error);
    return status;
}

static void add(struct spans *spans, uint64_t address, uint64_t size)
{
    if (spans->memory ||
        !vdt_grow(&spans->items, &spans->capacity, spans->count + 1, sizeof *spans->items)) {
        spans->memory = true;
        return;
    }
    spans->items[spans->count++] = (struct vdt_span){address, size};
}

static void add_rows(struct spans *spans, const struct vdt_extent *extent, uint64_t row_bytes,
                     uint64_t first, uint64_t count)
{
    while (count > 0) {
        uint64_t at = first % extent->chunk_rows, step = extent->chunk_rows - at;
        step = step < count ? step : count;
        add(spans, extent->addresses[first / extent->chunk_rows] + at * row_bytes,
            step * row_bytes);
        first += step;
        count -= step;
    }
}

static void add_sample(struct spans *spans, const struct vdt_reader *reader, size_t group,
                       enum vdt_array array, uint64_t index)
{
    const struct vdt_reader_group *g = &reader->groups[group];
    const struct vdt_extent *extent = &g->extents[array];
    uint64_t row_bytes = vdt_array_row_bytes(&reader->header.layout, array);
    bool boxes = array >= VDT_BOXES && array <= VDT_BOX_VISIBLE;
    if (array < VDT_TILE_ARRAYS)
        add(spans, extent->addresses[index], extent->sizes[index]);
    else if (boxes && g->box_offsets != NULL)
        add_rows(spans, extent, row_bytes, g->box_offsets[index],
                 g->box_offsets[index + 1] - g->box_offsets[index]);
    else if (!boxes)
        add_rows(spans, extent, row_bytes, index, 1);
}

vdt_status vdt_reader_need(const struct vdt_reader *reader, size_t group, uint32_t arrays,
                           const uint64_t *indices, size_t count, const atomic_bool *stop,
                           struct vdt_error *error)
{
    struct spans spans = {0};
    if (reader->file->partial == NULL)
        return VDT_OK;
    for (enum vdt_array a = 0; a < VDT_ARRAYS; a++)
        if (arrays >> a & 1 && vdt_array_present(&reader->header.layout, a))
            for (size_t i = 0; i < count; i++)
                if (indices[i] < reader->groups[group].count)
                    add_sample(&spans, reader, group, a, indices[i]);
    vdt_status status = spans.memory
                            ? vdt_fail_memory(error, reader->path)
                            : vdt_file_need(reader->file, spans.items, spans.count, stop, error);
    free(spans.items);
    return status;
}
