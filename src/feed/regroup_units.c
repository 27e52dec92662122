/* Units of samples that go to a group together, with the classes that their samples show. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/random.h"
#include "feed/group_of.h"
#include "feed/regroup.h"
#include "tile/stratify.h"

enum { BLOCKS_MOST = 4096 }; /* that a window may reach into */

/* A unit by what it is: a block's column and row, a scene, a sample. */
struct unit {
    int64_t a, b;
    uint64_t order;
    uint32_t number;
    uint64_t place; /* in the list of all samples' units */
};

/* The samples that are stratified, as vdt_stratify wants them. */
struct stratum {
    struct vdt_regroup *regroup;
    const struct vdt_regroup_rule *rule;
    bool whole;
    size_t *rows; /* of the samples */
    size_t count;
    struct unit *units;
    size_t unit_count, unit_capacity;
    uint64_t *unit_offsets, *label_offsets;
    uint32_t *unit_list, *label_list, *group_of;
    size_t label_count, label_capacity;
    uint64_t *order;
    void *mask;     /* of one sample */
    uint8_t *shown; /* [classes] of one sample */
    uint16_t *box_class;
    size_t box_capacity;
};

static void clear_stratum(struct stratum *s)
{
    free(s->rows);
    free(s->units);
    free(s->unit_offsets);
    free(s->label_offsets);
    free(s->unit_list);
    free(s->label_list);
    free(s->group_of);
    free(s->order);
    free(s->mask);
    free(s->shown);
    free(s->box_class);
}

/* --- units -------------------------------------------------------------------------------- */

static vdt_status add_unit(struct stratum *s, int64_t a, int64_t b, uint64_t order,
                           struct vdt_error *error)
{
    if (!vdt_grow(&s->units, &s->unit_capacity, s->unit_count + 1, sizeof *s->units))
        return vdt_fail_memory(error, "split");
    s->units[s->unit_count] = (struct unit){a, b, order, 0, s->unit_count};
    s->unit_count++;
    return VDT_OK;
}

static vdt_status add_block(struct stratum *s, int64_t x, int64_t y, struct vdt_error *error)
{
    uint64_t order = vdt_mix2(vdt_mix2(s->rule->groups.rule.seed, (uint64_t)x), (uint64_t)y);
    return add_unit(s, x, y, order, error);
}

/* The block of the middle first, then the others that the window reaches into. *placed is false for
 * a window that has none. */
static vdt_status add_blocks(struct stratum *s, struct vdt_regroup_sample *sample, bool *placed,
                             struct vdt_error *error)
{
    const struct vdt_groups *groups = &s->rule->groups;
    double box[4];
    int64_t range[4], own[4];
    *placed = vdt_group_box(groups, s->rule->frame, sample->scene, &sample->window, box) &&
              vdt_split_range(&groups->rule, box, range);
    if (!*placed)
        return VDT_OK;
    double middle[2] = {(box[0] + box[2]) / 2, (box[1] + box[3]) / 2};
    const double point[4] = {middle[0], middle[1], middle[0], middle[1]};
    double blocks = (double)(range[2] - range[0] + 1) * (double)(range[3] - range[1] + 1);
    *placed = vdt_split_range(&groups->rule, point, own) && (s->whole || blocks <= BLOCKS_MOST);
    vdt_status status = *placed ? add_block(s, own[0], own[1], error) : VDT_OK;
    for (int64_t x = range[0]; *placed && !s->whole && x <= range[2]; x++)
        for (int64_t y = range[1]; status == VDT_OK && y <= range[3]; y++)
            if (x != own[0] || y != own[1])
                status = add_block(s, x, y, error);
    return status;
}

static vdt_status add_values(struct stratum *s, const struct vdt_regroup_row *row, bool *placed,
                             struct vdt_error *error)
{
    vdt_cleanup(vdt_regroup_values_clear) struct vdt_regroup_values values = {0};
    uint64_t seed = s->rule->groups.rule.seed;
    vdt_status status = vdt_regroup_values(s->regroup, row, s->rule->groups.field, &values, error);
    *placed = values.count > 0;
    for (size_t i = 0; status == VDT_OK && i < values.count; i++) {
        size_t size = strlen(values.texts[i]);
        status = add_unit(s, (int64_t)vdt_hash(1, values.texts[i], size),
                          (int64_t)vdt_hash(2, values.texts[i], size),
                          vdt_hash(seed, values.texts[i], size), error);
    }
    return status;
}

static vdt_status add_units(struct stratum *s, size_t row, bool *placed, struct vdt_error *error)
{
    struct vdt_regroup *regroup = s->regroup;
    struct vdt_regroup_sample sample;
    uint64_t seed = s->rule->groups.rule.seed;
    vdt_status status = vdt_regroup_look(regroup, &regroup->rows[row], &sample, error);
    if (status != VDT_OK)
        return status;
    *placed = true;
    switch (s->rule->groups.by) {
    case VDT_SPLIT_SCENE:
        return add_unit(s, regroup->rows[row].scene, 0,
                        vdt_hash(seed, sample.digest, strlen(sample.digest)), error);
    case VDT_SPLIT_FIELD: return add_values(s, &regroup->rows[row], placed, error);
    case VDT_SPLIT_RANDOM:
        return add_unit(s, (int64_t)row, 0, vdt_hash(seed, sample.row.key, strlen(sample.row.key)),
                        error);
    default: return add_blocks(s, &sample, placed, error);
    }
}

static int by_identity(const void *left, const void *right)
{
    const struct unit *x = left, *y = right;
    if (x->a != y->a)
        return x->a < y->a ? -1 : 1;
    return (x->b > y->b) - (x->b < y->b);
}

/* Numbers for equal units; fills unit_list and order. Returns how many there are. */
static bool number_units(struct stratum *s, size_t *count)
{
    s->unit_list = vdt_allocate(s->unit_count, sizeof *s->unit_list);
    s->order = vdt_allocate(s->unit_count, sizeof *s->order);
    *count = 0;
    if (s->unit_list == NULL || s->order == NULL)
        return false;
    if (s->unit_count > 0)
        qsort(s->units, s->unit_count, sizeof *s->units, by_identity);
    for (size_t i = 0; i < s->unit_count; i++) {
        if (i == 0 || by_identity(&s->units[i - 1], &s->units[i]) != 0)
            s->order[(*count)++] = s->units[i].order;
        s->unit_list[s->units[i].place] = (uint32_t)(*count - 1);
    }
    return true;
}

/* --- classes ------------------------------------------------------------------------------ */

static vdt_status look_at_boxes(struct stratum *s, const struct vdt_regroup_row *row,
                                struct vdt_error *error)
{
    const struct vdt_reader *reader = s->regroup->reader;
    size_t boxes = (size_t)vdt_reader_box_rows(reader, row->group, row->index, 1);
    if (boxes == 0)
        return VDT_OK;
    if (!vdt_grow(&s->box_class, &s->box_capacity, boxes, sizeof *s->box_class))
        return vdt_fail_memory(error, "split");
    vdt_status status =
        vdt_reader_boxes(reader, row->group, row->index, 1, NULL, s->box_class, NULL, NULL, error);
    for (size_t i = 0; status == VDT_OK && i < boxes; i++)
        if (s->box_class[i] < vdt_reader_layout(reader)->spec.class_count)
            s->shown[s->box_class[i]] = 1;
    return status;
}

static vdt_status look_at_mask(struct stratum *s, const struct vdt_regroup_row *row,
                               struct vdt_error *error)
{
    const struct vdt_reader *reader = s->regroup->reader;
    const struct vdt_layout *layout = vdt_reader_layout(reader);
    if (s->mask == NULL)
        s->mask = vdt_allocate(layout->pixels, layout->mask_size);
    if (s->mask == NULL)
        return vdt_fail_memory(error, "split");
    vdt_status status = vdt_reader_mask(reader, row->group, row->index, s->mask, error);
    const uint8_t *bytes = s->mask;
    const uint16_t *words = s->mask;
    for (size_t i = 0; status == VDT_OK && i < layout->pixels; i++) {
        unsigned value = layout->mask_size == 1 ? bytes[i] : words[i];
        if (value > 0 && value <= layout->spec.class_count)
            s->shown[value - 1] = 1;
    }
    return status;
}

/* The classes that a sample shows, by its one-hot vector, or else its boxes, or else its mask; a
 * sample without any has a label of its own. */
static vdt_status add_labels(struct stratum *s, size_t row, struct vdt_error *error)
{
    const struct vdt_layout *layout = vdt_reader_layout(s->regroup->reader);
    const struct vdt_regroup_row *of = &s->regroup->rows[row];
    size_t classes = layout->spec.class_count, before = s->label_count;
    vdt_status status = VDT_OK;
    memset(s->shown, 0, classes);
    if (vdt_array_present(layout, VDT_ONEHOT))
        status = vdt_reader_onehot(s->regroup->reader, of->group, of->index, s->shown, error);
    else if (vdt_array_present(layout, VDT_BOXES))
        status = look_at_boxes(s, of, error);
    else if (vdt_array_present(layout, VDT_MASK))
        status = look_at_mask(s, of, error);
    if (status != VDT_OK)
        return status;
    if (!vdt_grow(&s->label_list, &s->label_capacity, s->label_count + classes + 1,
                  sizeof *s->label_list))
        return vdt_fail_memory(error, "split");
    for (size_t c = 0; c < classes; c++)
        if (s->shown[c])
            s->label_list[s->label_count++] = (uint32_t)c;
    if (s->label_count == before)
        s->label_list[s->label_count++] = (uint32_t)classes;
    return VDT_OK;
}

/* --- the call ----------------------------------------------------------------------------- */

static vdt_status gather(struct stratum *s, const bool *wanted, struct vdt_error *error)
{
    size_t count = s->regroup->count;
    size_t classes = vdt_reader_layout(s->regroup->reader)->spec.class_count;
    s->rows = vdt_allocate(count, sizeof *s->rows);
    s->unit_offsets = vdt_allocate_zero(count + 1, sizeof *s->unit_offsets);
    s->label_offsets = vdt_allocate_zero(count + 1, sizeof *s->label_offsets);
    s->shown = vdt_allocate_zero(classes, 1);
    if (s->rows == NULL || s->unit_offsets == NULL || s->label_offsets == NULL || s->shown == NULL)
        return vdt_fail_memory(error, "split");
    for (size_t i = 0; i < count; i++) {
        bool placed = false;
        if (wanted != NULL && !wanted[i])
            continue;
        vdt_status status = add_units(s, i, &placed, error);
        if (status == VDT_OK && placed)
            status = add_labels(s, i, error);
        if (status != VDT_OK)
            return status;
        if (!placed)
            continue;
        s->rows[s->count++] = i;
        s->unit_offsets[s->count] = s->unit_count;
        s->label_offsets[s->count] = s->label_count;
    }
    return VDT_OK;
}

static int32_t common_group(const struct stratum *s, size_t sample)
{
    uint64_t first = s->unit_offsets[sample], end = s->unit_offsets[sample + 1];
    uint32_t group = s->group_of[s->unit_list[first]];
    for (uint64_t i = first + 1; i < end; i++)
        if (s->group_of[s->unit_list[i]] != group)
            return VDT_SPLIT_NONE;
    return (int32_t)group;
}

vdt_status vdt_regroup_stratify(struct vdt_regroup *regroup, const struct vdt_regroup_rule *rule,
                                const bool *wanted, bool whole, int32_t *groups,
                                struct vdt_error *error)
{
    vdt_cleanup(clear_stratum) struct stratum s = {
        .regroup = regroup, .rule = rule, .whole = whole};
    size_t units = 0;
    vdt_status status = gather(&s, wanted, error);
    if (status != VDT_OK)
        return status;
    s.group_of = vdt_allocate(s.unit_count, sizeof *s.group_of);
    if (s.group_of == NULL || !number_units(&s, &units))
        return vdt_fail_memory(error, "split");
    const struct vdt_strata strata = {.samples = s.count,
                                      .units = units,
                                      .labels =
                                          vdt_reader_layout(regroup->reader)->spec.class_count + 1,
                                      .groups = rule->groups.count,
                                      .unit_offsets = s.unit_offsets,
                                      .unit_list = s.unit_list,
                                      .label_offsets = s.label_offsets,
                                      .label_list = s.label_list,
                                      .order = s.order,
                                      .shares = rule->groups.shares,
                                      .whole = whole};
    status = vdt_stratify(&strata, s.group_of, error);
    if (status != VDT_OK)
        return status;
    for (size_t i = 0; i < regroup->count; i++)
        groups[i] = VDT_SPLIT_NONE;
    for (size_t i = 0; i < s.count; i++)
        groups[s.rows[i]] = common_group(&s, i);
    return VDT_OK;
}
