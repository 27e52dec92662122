/* Inputs: opened things and selections, checked and laid end to end. */
#include "load/input.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"

/* Labels of this much are kept in memory for each input; the rest is read with the images. */
enum { COLUMN_BYTES = 512 << 20 };

const char *vdt_source_path(const struct vdt_source *source)
{
    return source->reader != NULL ? vdt_reader_path(source->reader) : vdt_hdf5_path(source->hdf5);
}

static vdt_status copy_indices(struct vdt_source *source, const struct vdt_input *input,
                               struct vdt_error *error)
{
    uint64_t there = source->count;
    for (uint64_t i = 0; i < input->index_count; i++)
        if (input->indices[i] >= there)
            return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: sample %llu of %llu is asked for",
                            vdt_source_path(source), (unsigned long long)input->indices[i],
                            (unsigned long long)there);
    if (input->index_count == 0) {
        source->count = 0;
        return VDT_OK;
    }
    if (input->index_count > SIZE_MAX / sizeof *source->indices ||
        (source->indices = vdt_allocate((size_t)input->index_count, sizeof *source->indices)) ==
            NULL)
        return vdt_fail_memory(error, vdt_source_path(source));
    memcpy(source->indices, input->indices, (size_t)input->index_count * sizeof *source->indices);
    source->count = input->index_count;
    return VDT_OK;
}

static vdt_status open_source(struct vdt_source *source, const struct vdt_input *input,
                              const char *group, bool keep, struct vdt_error *error)
{
    if ((input->reader == NULL) == (input->hdf5 == NULL))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "an input is a store or another HDF5 file");
    source->reader = input->reader;
    source->hdf5 = input->hdf5;
    vdt_status status = VDT_OK;
    if (input->reader != NULL) {
        if (input->group != NULL)
            group = input->group;
        status = vdt_reader_find_group(input->reader, group == NULL ? "train" : group,
                                       &source->group, error);
        if (status == VDT_OK)
            status = vdt_columns_load(input->reader, source->group, keep ? COLUMN_BYTES : 0,
                                      &source->columns, error);
        if (status != VDT_OK)
            return status;
        source->group_name = vdt_reader_group_name(input->reader, source->group);
        source->count = vdt_reader_count(input->reader, source->group);
    } else {
        source->count = vdt_hdf5_spec(input->hdf5).count;
    }
    return input->indices == NULL ? VDT_OK : copy_indices(source, input, error);
}

static void describe_store(struct vdt_sources *sources, const struct vdt_reader *reader,
                           uint32_t tasks)
{
    struct vdt_store_spec spec = vdt_reader_spec(reader);
    sources->tile = spec.tile;
    sources->axes = VDT_AXES_CHW;
    sources->tasks = tasks == 0 ? spec.tasks : spec.tasks & tasks;
    /* Instances are numbers of boxes, so they bring them along. */
    sources->class_count = sources->tasks & VDT_CLASSIFICATION ? spec.class_count : 0;
    sources->mask_size = sources->tasks & VDT_SEGMENTATION ? vdt_reader_mask_size(reader) : 0;
}

static bool same_tile(const struct vdt_tile_spec *a, const struct vdt_tile_spec *b)
{
    return a->bands == b->bands && a->rows == b->rows && a->cols == b->cols && a->dtype == b->dtype;
}

static bool same_classes(const struct vdt_reader *a, const struct vdt_reader *b)
{
    struct vdt_store_spec one = vdt_reader_spec(a), other = vdt_reader_spec(b);
    bool same = one.tasks == other.tasks && one.class_count == other.class_count;
    for (size_t i = 0; same && i < one.class_count; i++)
        same = strcmp(one.classes[i], other.classes[i]) == 0;
    return same;
}

static bool same_values(const struct vdt_hdf5_spec *a, const struct vdt_hdf5_spec *b)
{
    bool same =
        a->axes == b->axes && a->label_dtype == b->label_dtype && a->label_rank == b->label_rank;
    for (uint32_t i = 0; same && i < a->label_rank; i++)
        same = a->label_shape[i] == b->label_shape[i];
    return same;
}

static vdt_status check_alike(const struct vdt_source *first, const struct vdt_source *other,
                              struct vdt_error *error)
{
    const char *what = NULL;
    if ((first->reader == NULL) != (other->reader == NULL)) {
        what = "one is a store and the other is not";
    } else if (first->reader != NULL) {
        struct vdt_store_spec a = vdt_reader_spec(first->reader);
        struct vdt_store_spec b = vdt_reader_spec(other->reader);
        if (!same_tile(&a.tile, &b.tile))
            what = "their tiles differ in shape or type";
        else if (!same_classes(first->reader, other->reader))
            what = "their tasks or classes differ";
    } else {
        struct vdt_hdf5_spec a = vdt_hdf5_spec(first->hdf5), b = vdt_hdf5_spec(other->hdf5);
        if (!same_tile(&a.tile, &b.tile))
            what = "their images differ in shape or type";
        else if (!same_values(&a, &b))
            what = "their axes or labels differ in shape or type";
    }
    if (what == NULL)
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: cannot be loaded together with %s: %s",
                    vdt_source_path(other), vdt_source_path(first), what);
}

static vdt_status check_tasks(const struct vdt_sources *sources, uint32_t tasks,
                              struct vdt_error *error)
{
    if (tasks == 0 || (tasks & ~sources->tasks) == 0)
        return VDT_OK;
    uint32_t missing = tasks & ~sources->tasks;
    return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: has no labels for %s",
                    vdt_source_path(&sources->items[0]),
                    vdt_task_name((enum vdt_task)(missing & -missing)));
}

static vdt_status map_source(struct vdt_source *source, struct vdt_error *error)
{
    if (source->reader == NULL)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED, "%s: only stores can be mapped",
                        vdt_source_path(source));
    return vdt_map_open(&source->map, source->reader, error);
}

vdt_status vdt_sources_init(struct vdt_sources *sources, const struct vdt_input *inputs,
                            size_t count, const struct vdt_loader_options *options, bool keep,
                            struct vdt_error *error)
{
    *sources = (struct vdt_sources){0};
    if (count == 0 || count > UINT32_MAX)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "a loader needs an input");
    sources->items = vdt_allocate_zero(count, sizeof *sources->items);
    if (sources->items == NULL)
        return vdt_fail_memory(error, "a loader");
    sources->count = count;
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < count; i++) {
        struct vdt_source *source = &sources->items[i];
        status = open_source(source, &inputs[i], options->group, keep, error);
        if (status == VDT_OK)
            status = check_alike(&sources->items[0], source, error);
        if (status == VDT_OK && options->map)
            status = map_source(source, error);
        source->first = sources->samples;
        sources->samples += source->count;
    }
    if (status == VDT_OK && inputs[0].reader != NULL) {
        describe_store(sources, inputs[0].reader, options->tasks);
    } else if (status == VDT_OK) {
        sources->values = vdt_hdf5_spec(inputs[0].hdf5);
        sources->tile = sources->values.tile;
        sources->axes = sources->values.axes;
    }
    if (status == VDT_OK)
        status = check_tasks(sources, options->tasks, error);
    if (status != VDT_OK)
        vdt_sources_clear(sources);
    return status;
}

void vdt_sources_clear(struct vdt_sources *sources)
{
    for (size_t i = 0; i < sources->count; i++) {
        vdt_columns_free(sources->items[i].columns);
        vdt_map_close(&sources->items[i].map);
        free(sources->items[i].indices);
    }
    free(sources->items);
    *sources = (struct vdt_sources){0};
}

uint32_t vdt_sources_find(const struct vdt_sources *sources, uint64_t number, uint64_t *index)
{
    assert(number < sources->samples);
    size_t low = 0, high = sources->count - 1; /* the last source that begins at or before number */
    while (low < high) {
        size_t middle = low + (high - low + 1) / 2;
        if (sources->items[middle].first <= number)
            low = middle;
        else
            high = middle - 1;
    }
    const struct vdt_source *source = &sources->items[low];
    uint64_t at = number - source->first;
    *index = source->indices == NULL ? at : source->indices[at];
    return (uint32_t)low;
}

uint64_t vdt_source_box_rows(const struct vdt_source *source, uint64_t index)
{
    return source->reader == NULL ? 0
                                  : vdt_reader_box_rows(source->reader, source->group, index, 1);
}
