/* Which samples: views kept in the store, and those that pass a filter. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "store/reader_state.h"

/* --- views -------------------------------------------------------------------------------- */

size_t vdt_reader_view_count(const struct vdt_reader *reader)
{
    return reader->view_count;
}

struct vdt_view vdt_reader_view(const struct vdt_reader *reader, size_t view)
{
    const struct vdt_stored_view *stored = &reader->views[view];
    return (struct vdt_view){.name = stored->name,
                             .group = stored->group,
                             .definition = stored->definition,
                             .indices = stored->indices,
                             .count = stored->count};
}

vdt_status vdt_reader_find_view(const struct vdt_reader *reader, const char *name, size_t *view,
                                struct vdt_error *error)
{
    char names[512] = "";
    for (size_t v = 0; v < reader->view_count; v++) {
        if (strcmp(reader->views[v].name, name) == 0) {
            *view = v;
            return VDT_OK;
        }
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", v == 0 ? "" : ", ",
                 reader->views[v].name);
    }
    return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: no view \"%s\"; there is: %s", reader->path,
                    name, reader->view_count == 0 ? "none" : names);
}

/* --- filters ------------------------------------------------------------------------------ */

enum { BLOCK_BYTES = 1 << 20 };

/* Samples are looked at a block at a time: one row each of the columns that the filter needs. */
struct selection {
    const struct vdt_reader *reader;
    const struct vdt_filter *filter;
    size_t group;
    bool *classes;       /* [class_count] asked for; NULL: no class is */
    bool *scenes;        /* [scene_count] asked for; NULL: all */
    unsigned char *rows; /* of the block, or NULL */
    uint8_t *onehot;     /* of the block, or NULL */
    uint16_t *box_class; /* of the block */
    size_t box_capacity;
    uint64_t *found;
    size_t found_count, found_capacity;
};

static void selection_clear(struct selection *selection)
{
    free(selection->classes);
    free(selection->scenes);
    free(selection->rows);
    free(selection->onehot);
    free(selection->box_class);
    free(selection->found);
}

static vdt_status choose_classes(struct selection *selection, struct vdt_error *error)
{
    const struct vdt_filter *filter = selection->filter;
    const struct vdt_store_spec *spec = &selection->reader->header.layout.spec;
    if (filter->class_count == 0)
        return VDT_OK;
    selection->classes = vdt_allocate_zero(spec->class_count, sizeof *selection->classes);
    if (selection->classes == NULL)
        return vdt_fail_memory(error, selection->reader->path);
    for (size_t i = 0; i < filter->class_count; i++) {
        size_t id = 0;
        while (id < spec->class_count && strcmp(spec->classes[id], filter->classes[i]) != 0)
            id++;
        if (id == spec->class_count)
            return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: no class \"%s\"",
                            selection->reader->path, filter->classes[i]);
        selection->classes[id] = true;
    }
    return VDT_OK;
}

static vdt_status choose_scenes(struct selection *selection, struct vdt_error *error)
{
    const struct vdt_reader *reader = selection->reader;
    if (selection->filter->scene == NULL)
        return VDT_OK;
    selection->scenes = vdt_allocate_zero(reader->scene_count, sizeof *selection->scenes);
    if (selection->scenes == NULL)
        return vdt_fail_memory(error, reader->path);
    for (size_t i = 0; i < reader->scene_count; i++)
        selection->scenes[i] = strstr(reader->scenes[i].uri, selection->filter->scene) != NULL;
    return VDT_OK;
}

static bool asks_boxes(const struct vdt_filter *filter)
{
    return filter->min_boxes > 0 || filter->max_boxes > 0;
}

static vdt_status check_filter(const struct selection *selection, struct vdt_error *error)
{
    const struct vdt_filter *filter = selection->filter;
    const struct vdt_layout *layout = &selection->reader->header.layout;
    const char *path = selection->reader->path;
    bool boxes = vdt_array_present(layout, VDT_BOXES);
    const double *b = filter->bounds;
    if (selection->group >= selection->reader->group_count)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: group %zu of %zu", path, selection->group,
                        selection->reader->group_count);
    if (asks_boxes(filter) && !boxes)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: its samples have no boxes to count", path);
    if (filter->class_count > 0 && !boxes && !vdt_array_present(layout, VDT_ONEHOT))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: no one-hot vectors and no boxes tell the classes of its samples",
                        path);
    if (filter->max_boxes > 0 && filter->min_boxes > filter->max_boxes)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: at least %llu and at most %llu boxes", path,
                        (unsigned long long)filter->min_boxes,
                        (unsigned long long)filter->max_boxes);
    if (isnan(filter->min_valid) ||
        (b != NULL && !(fabs(b[0]) <= 360 && fabs(b[2]) <= 360 && b[1] <= b[3])))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: bounds are west, south, east, north in degrees", path);
    return VDT_OK;
}

/* Arcs of a circle, from west eastwards to east; they meet where one of them, turned by whole
 * circles, overlaps or touches the other. */
static bool arcs_meet(double west, double east, double other_west, double other_east)
{
    east += east < west ? 360 : 0;
    other_east += other_east < other_west ? 360 : 0;
    for (int turn = -720; turn <= 720; turn += 360)
        if (west <= other_east + turn && other_west + turn <= east)
            return true;
    return false;
}

static bool row_passes(const struct selection *selection, const unsigned char *row)
{
    const struct vdt_filter *filter = selection->filter;
    struct vdt_sample sample;
    vdt_row_unpack(&selection->reader->header.layout, row, &sample, NULL);
    const double *s = sample.bounds, *b = filter->bounds;
    /* The stored share is a float: 0.9 must be at least 0.9. NaN passes no test below. */
    if (filter->min_valid > 0 && !(sample.valid_fraction >= (float)filter->min_valid))
        return false;
    if (selection->scenes != NULL &&
        (sample.scene >= selection->reader->scene_count || !selection->scenes[sample.scene]))
        return false;
    return b == NULL || (s[1] <= b[3] && b[1] <= s[3] && arcs_meet(s[0], s[2], b[0], b[2]));
}

/* Boxes [from, to) of the block that are of a class asked for; all of them when none is. */
static uint64_t count_boxes(const struct selection *selection, uint64_t from, uint64_t to)
{
    const size_t classes = selection->reader->header.layout.spec.class_count;
    uint64_t count = 0;
    if (selection->classes == NULL)
        return to - from;
    for (uint64_t i = from; i < to; i++)
        count += selection->box_class[i] < classes && selection->classes[selection->box_class[i]];
    return count;
}

static bool labels_pass(const struct selection *selection, const uint8_t *onehot, uint64_t boxes)
{
    const struct vdt_filter *filter = selection->filter;
    const size_t classes = selection->reader->header.layout.spec.class_count;
    if (boxes < filter->min_boxes || (filter->max_boxes > 0 && boxes > filter->max_boxes))
        return false;
    bool any = selection->classes == NULL || boxes > 0;
    for (size_t id = 0; onehot != NULL && !any && id < classes; id++)
        any = onehot[id] != 0 && selection->classes[id];
    return any;
}

static vdt_status read_block(struct selection *selection, uint64_t first, uint64_t count,
                             struct vdt_error *error)
{
    const struct vdt_reader *reader = selection->reader;
    const uint64_t *offsets = reader->groups[selection->group].box_offsets;
    vdt_status status = VDT_OK;
    if (selection->rows != NULL)
        status = vdt_reader_rows(reader, selection->group, VDT_SAMPLES, first, count,
                                 selection->rows, error);
    if (status == VDT_OK && selection->onehot != NULL)
        status = vdt_reader_rows(reader, selection->group, VDT_ONEHOT, first, count,
                                 selection->onehot, error);
    if (status != VDT_OK || selection->classes == NULL || offsets == NULL)
        return status;
    uint64_t boxes = offsets[first + count] - offsets[first];
    if (!vdt_grow(&selection->box_class, &selection->box_capacity, boxes,
                  sizeof *selection->box_class))
        return vdt_fail_memory(error, reader->path);
    return vdt_reader_rows(reader, selection->group, VDT_BOX_CLASS, offsets[first], boxes,
                           selection->box_class, error);
}

static vdt_status select_block(struct selection *selection, uint64_t first, uint64_t count,
                               struct vdt_error *error)
{
    const struct vdt_layout *layout = &selection->reader->header.layout;
    const uint64_t *offsets = selection->reader->groups[selection->group].box_offsets;
    vdt_status status = read_block(selection, first, count, error);
    if (status != VDT_OK)
        return status;
    if (!vdt_grow(&selection->found, &selection->found_capacity, selection->found_count + count,
                  sizeof *selection->found))
        return vdt_fail_memory(error, selection->reader->path);
    for (uint64_t i = 0; i < count; i++) {
        const uint8_t *onehot =
            selection->onehot == NULL ? NULL : selection->onehot + i * layout->spec.class_count;
        uint64_t boxes = offsets == NULL
                             ? 0
                             : count_boxes(selection, offsets[first + i] - offsets[first],
                                           offsets[first + i + 1] - offsets[first]);
        if ((selection->rows == NULL ||
             row_passes(selection, selection->rows + i * layout->row_bytes)) &&
            labels_pass(selection, onehot, boxes))
            selection->found[selection->found_count++] = first + i;
    }
    return VDT_OK;
}

/* Samples a block, and memory for the columns that are needed. */
static vdt_status prepare(struct selection *selection, uint64_t *block, struct vdt_error *error)
{
    const struct vdt_filter *filter = selection->filter;
    const struct vdt_layout *layout = &selection->reader->header.layout;
    bool rows = filter->min_valid > 0 || filter->bounds != NULL || filter->scene != NULL;
    bool onehot = filter->class_count > 0 && vdt_array_present(layout, VDT_ONEHOT);
    size_t bytes = layout->row_bytes + layout->spec.class_count;
    *block = bytes < BLOCK_BYTES ? BLOCK_BYTES / bytes : 1;
    if ((rows && (selection->rows = vdt_allocate(*block, layout->row_bytes)) == NULL) ||
        (onehot && (selection->onehot = vdt_allocate(*block, layout->spec.class_count)) == NULL))
        return vdt_fail_memory(error, selection->reader->path);
    vdt_status status = choose_classes(selection, error);
    return status == VDT_OK ? choose_scenes(selection, error) : status;
}

vdt_status vdt_reader_select(const struct vdt_reader *reader, size_t group,
                             const struct vdt_filter *filter, uint64_t **indices, uint64_t *count,
                             struct vdt_error *error)
{
    static const struct vdt_filter all = {0};
    uint64_t block = 1;
    vdt_cleanup(selection_clear) struct selection selection = {
        .reader = reader, .group = group, .filter = filter == NULL ? &all : filter};
    vdt_status status = check_filter(&selection, error);
    if (status == VDT_OK)
        status = prepare(&selection, &block, error);
    uint64_t samples = status == VDT_OK ? reader->groups[group].count : 0;
    for (uint64_t first = 0; status == VDT_OK && first < samples; first += block)
        status = select_block(&selection, first, samples - first < block ? samples - first : block,
                              error);
    if (status == VDT_OK && !vdt_grow(&selection.found, &selection.found_capacity, 1, 8))
        status = vdt_fail_memory(error, reader->path); /* never NULL, not even for none */
    if (status != VDT_OK)
        return status;
    *indices = selection.found;
    *count = selection.found_count;
    selection.found = NULL;
    return VDT_OK;
}

void vdt_indices_free(uint64_t *indices)
{
    free(indices);
}
