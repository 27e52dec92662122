/* A store's own labels as a set. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vedatile/shapes.h>

#include "annotate/records/check.h"
#include "annotate/sets/set.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/random.h"

/* What one sample is read into, used again. */
struct from_store {
    const struct vdt_reader *reader;
    struct vdt_store_spec spec;
    struct vdt_annotations *set;
    uint8_t *onehot;
    uint16_t *instances;
    struct vdt_masks *masks;
    uint32_t (*columns)[2]; /* [65536], by number: where its pixels begin and end */
    uint32_t *counts;
    size_t count_capacity;
    float (*boxes)[4];
    uint16_t *box_class;
    int64_t *box_feature;
    float *box_visible;
    char (*ids)[24];
    size_t capacity;
};

static void clear(struct from_store *from)
{
    free(from->onehot);
    free(from->instances);
    free(from->columns);
    free(from->counts);
    free(from->boxes);
    free(from->box_class);
    free(from->box_feature);
    free(from->box_visible);
    free(from->ids);
    vdt_masks_free(from->masks);
    vdt_annotations_free(from->set);
}

static bool reserve(struct from_store *from, size_t count)
{
    size_t boxes = from->capacity, classes = from->capacity, features = from->capacity,
           visible = from->capacity, ids = from->capacity;
    bool done = vdt_grow(&from->boxes, &boxes, count, sizeof *from->boxes) &&
                vdt_grow(&from->box_class, &classes, count, sizeof *from->box_class) &&
                vdt_grow(&from->box_feature, &features, count, sizeof *from->box_feature) &&
                vdt_grow(&from->box_visible, &visible, count, sizeof *from->box_visible) &&
                vdt_grow(&from->ids, &ids, count, sizeof *from->ids);
    from->capacity = done ? boxes : from->capacity;
    return done;
}

/* Feature numbers as ids, where each comes once in the sample; else "1", "2", ... */
static void name_boxes(struct from_store *from, size_t count)
{
    bool twice = false;
    size_t slots = 16;
    while (slots / 2 < count)
        slots *= 2;
    uint32_t *table = vdt_allocate_zero(slots, sizeof *table);
    twice = table == NULL;
    for (size_t i = 0; i < count && !twice; i++) {
        size_t slot = (size_t)vdt_mix((uint64_t)from->box_feature[i]) & (slots - 1);
        for (; table[slot] != 0; slot = (slot + 1) & (slots - 1))
            twice = twice || from->box_feature[table[slot] - 1] == from->box_feature[i];
        table[slot] = (uint32_t)i + 1;
    }
    free(table);
    for (size_t i = 0; i < count; i++)
        snprintf(from->ids[i], sizeof *from->ids, "%lld",
                 twice ? (long long)i + 1 : (long long)from->box_feature[i]);
}

static bool add(struct from_store *from, struct vdt_annotation *a)
{
    a->number = from->set->next_number++;
    if (!a->box_given)
        vdt_annotation_bounds(a, a->box);
    return vdt_set_append(from->set, a);
}

/* Where the pixels of each instance are, so that each mask is looked for there only. */
static void find_columns(struct from_store *from, size_t count)
{
    const struct vdt_tile_spec *tile = &from->spec.tile;
    for (size_t i = 0; i <= count; i++)
        from->columns[i][0] = from->columns[i][1] = 0;
    for (uint32_t y = 0; y < tile->rows; y++)
        for (uint32_t x = 0; x < tile->cols; x++) {
            uint16_t id = from->instances[(size_t)y * tile->cols + x];
            if (id == 0 || id > count)
                continue;
            uint32_t *columns = from->columns[id];
            if (columns[1] == 0 || x < columns[0])
                columns[0] = x;
            if (x >= columns[1])
                columns[1] = x + 1;
        }
}

/* Run lengths of some columns as those of all of them. */
static bool spread_counts(struct from_store *from, const uint32_t *counts, size_t count,
                          const uint32_t columns[2], struct vdt_annotation *a)
{
    const struct vdt_tile_spec *tile = &from->spec.tile;
    uint32_t behind = (tile->cols - columns[1]) * tile->rows;
    if (!vdt_grow(&from->counts, &from->count_capacity, count + 1, sizeof *from->counts))
        return false;
    memcpy(from->counts, counts, count * sizeof *counts);
    from->counts[0] += columns[0] * tile->rows;
    if (count % 2 == 1)
        from->counts[count - 1] += behind;
    else if (behind > 0)
        from->counts[count++] = behind;
    a->counts = from->counts;
    a->count_count = count;
    return true;
}

static vdt_status add_mask(struct from_store *from, struct vdt_annotation *a, uint16_t id,
                           struct vdt_error *error)
{
    const struct vdt_tile_spec *tile = &from->spec.tile;
    const uint32_t *columns = from->columns[id];
    uint32_t last = columns[1] > columns[0] ? columns[1] : columns[0] + 1;
    vdt_masks_clear(from->masks);
    vdt_status status =
        vdt_masks_add_u16(from->masks, tile->rows, last - columns[0], from->instances + columns[0],
                          id, (ptrdiff_t)tile->cols, 1, error);
    if (status != VDT_OK)
        return status;
    const struct vdt_shapes *shapes = vdt_masks_shapes(from->masks);
    size_t count = (size_t)(shapes->count_offsets[1] - shapes->count_offsets[0]);
    if (!spread_counts(from, shapes->counts, count, (uint32_t[2]){columns[0], last}, a))
        return vdt_fail_memory(error, "annotations");
    a->kind = VDT_ANNOTATION_MASK;
    a->rows = tile->rows;
    a->cols = tile->cols;
    a->box_given = true; /* the store's, also of what no pixel is left of */
    return VDT_OK;
}

static vdt_status add_boxes(struct from_store *from, size_t group, uint64_t index, uint32_t sample,
                            struct vdt_error *error)
{
    size_t count = (size_t)vdt_reader_box_rows(from->reader, group, index, 1);
    if (!reserve(from, count + 1))
        return vdt_fail_memory(error, "annotations");
    vdt_status status =
        vdt_reader_boxes(from->reader, group, index, 1, from->boxes, from->box_class,
                         from->box_feature, from->box_visible, error);
    if (status == VDT_OK && from->instances != NULL)
        status = vdt_reader_instances(from->reader, group, index, from->instances, error);
    if (status != VDT_OK)
        return status;
    if (from->instances != NULL)
        find_columns(from, count < UINT16_MAX ? count : UINT16_MAX);
    name_boxes(from, count);
    for (size_t i = 0; status == VDT_OK && i < count; i++) {
        char metadata[64];
        const float *box = from->boxes[i];
        const struct vdt_label label = {"class", from->spec.classes[from->box_class[i]],
                                        (double)NAN};
        snprintf(metadata, sizeof metadata, "{\"visible\":%.6g}", (double)from->box_visible[i]);
        struct vdt_annotation a = {.sample = sample,
                                   .id = from->ids[i],
                                   .kind = VDT_ANNOTATION_BOX,
                                   .labels = &label,
                                   .label_count = 1,
                                   .box = {(double)box[0], (double)box[1],
                                           (double)box[2] - (double)box[0],
                                           (double)box[3] - (double)box[1]},
                                   .metadata = from->box_visible[i] < 1 ? metadata : NULL};
        if (from->instances != NULL)
            status = add_mask(from, &a, (uint16_t)(i + 1), error);
        if (status == VDT_OK && !add(from, &a))
            status = vdt_fail_memory(error, "annotations");
    }
    return status;
}

static vdt_status add_onehot(struct from_store *from, size_t group, uint64_t index, uint32_t sample,
                             struct vdt_error *error)
{
    vdt_status status = vdt_reader_onehot(from->reader, group, index, from->onehot, error);
    for (size_t i = 0; status == VDT_OK && i < from->spec.class_count; i++) {
        const struct vdt_label label = {"class", from->spec.classes[i], (double)NAN};
        char id[32];
        struct vdt_annotation a = {.sample = sample,
                                   .id = id,
                                   .kind = VDT_ANNOTATION_LABEL,
                                   .labels = &label,
                                   .label_count = 1};
        snprintf(id, sizeof id, "class-%zu", i);
        if (from->onehot[i] != 0 && !add(from, &a))
            status = vdt_fail_memory(error, "annotations");
    }
    return status;
}

static vdt_status add_group(struct from_store *from, size_t group, struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    struct vdt_set_sample row = {
        .rows = from->spec.tile.rows, .cols = from->spec.tile.cols, .code = INT64_MIN, .marked = 1};
    if (!vdt_set_group(from->set, vdt_reader_group_name(from->reader, group), &row.group))
        return vdt_fail_memory(error, "annotations");
    for (; status == VDT_OK && row.index < vdt_reader_count(from->reader, group); row.index++) {
        struct vdt_sample sample;
        uint32_t index = 0;
        status = vdt_reader_sample(from->reader, group, row.index, &sample, NULL, error);
        if (status == VDT_OK && !vdt_set_add_sample(from->set, sample.key, &row, &index))
            status = vdt_fail_memory(error, "annotations");
        if (status == VDT_OK && (from->spec.tasks & (VDT_DETECTION | VDT_INSTANCE)) != 0)
            status = add_boxes(from, group, row.index, index, error);
        if (status == VDT_OK && from->onehot != NULL)
            status = add_onehot(from, group, row.index, index, error);
    }
    return status;
}

static vdt_status begin(struct from_store *from, struct vdt_error *error)
{
    const struct vdt_tile_spec *tile = &from->spec.tile;
    const uint32_t useful = VDT_DETECTION | VDT_INSTANCE | VDT_CLASSIFICATION;
    if ((from->spec.tasks & useful) == 0)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "%s: has no boxes, instances or classes of samples: its labels are rasters",
                        vdt_reader_path(from->reader));
    from->set = vdt_set_new();
    bool done = from->set != NULL;
    if (done && (from->spec.tasks & VDT_CLASSIFICATION) != 0)
        done = (from->onehot = vdt_allocate(from->spec.class_count, 1)) != NULL;
    if (done && (from->spec.tasks & VDT_INSTANCE) != 0)
        done = (from->instances = vdt_allocate((size_t)tile->rows * tile->cols, 2)) != NULL &&
               (from->columns = vdt_allocate_zero(UINT16_MAX + 1, sizeof *from->columns)) != NULL &&
               vdt_masks_new(&from->masks, error) == VDT_OK;
    /* Classes are in the order of their ids, also those that nothing has. */
    for (size_t i = 0; done && i < from->spec.class_count; i++) {
        uint32_t label;
        done = vdt_record_columns_label(&from->set->records, "class", from->spec.classes[i],
                                        (int64_t)i, &label);
    }
    return done ? VDT_OK : vdt_fail_memory(error, "annotations");
}

vdt_status vdt_annotations_from_store(const struct vdt_reader *reader, size_t group,
                                      struct vdt_annotations **set, struct vdt_error *error)
{
    vdt_cleanup(clear) struct from_store from = {.reader = reader, .spec = vdt_reader_spec(reader)};
    size_t groups = vdt_reader_group_count(reader);
    if (group != SIZE_MAX && group >= groups)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: group %zu of %zu", vdt_reader_path(reader),
                        group, groups);
    vdt_status status = begin(&from, error);
    for (size_t i = 0; status == VDT_OK && i < groups; i++)
        if (group == SIZE_MAX || group == i)
            status = add_group(&from, i, error);
    if (status != VDT_OK)
        return status;
    *set = from.set;
    from.set = NULL;
    return VDT_OK;
}
