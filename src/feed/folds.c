/* Folds of a group: which sample is tested in which, and what a fold must not be trained with. */
#include "feed/folds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "base/random.h"
#include "feed/group_of.h"
#include "feed/nearby.h"

bool vdt_fold_number(const char *name, uint32_t *fold)
{
    unsigned number = 0;
    char part[8], again[64];
    if (sscanf(name, "fold_%2u_%7[a-z]", &number, part) != 2 || number < 1 ||
        number > VDT_FOLDS_MOST || (strcmp(part, "train") != 0 && strcmp(part, "test") != 0))
        return false;
    snprintf(again, sizeof again, "fold_%u_%s", number, part);
    *fold = number;
    return strcmp(again, name) == 0;
}

/* --- which fold ---------------------------------------------------------------------------- */

/* The fold of the block of the window's middle, or of the scene, value or key. A sample without any
 * of these goes by its key. */
static vdt_status fold_of(struct vdt_regroup *regroup, const struct vdt_regroup_row *row, int *fold,
                          struct vdt_error *error)
{
    const struct vdt_regroup_rule *rule = &regroup->fold_rule;
    const struct vdt_groups *groups = &rule->groups;
    struct vdt_regroup_sample sample;
    double box[4];
    vdt_status status = VDT_OK;
    *fold = VDT_SPLIT_NONE;
    if (groups->by != VDT_SPLIT_BLOCK) {
        status = vdt_regroup_group(regroup, rule, row, &sample, fold, error);
    } else {
        status = vdt_regroup_look(regroup, row, &sample, error);
        if (status == VDT_OK &&
            vdt_group_box(groups, rule->frame, sample.scene, &sample.window, box)) {
            double x = (box[0] + box[2]) / 2, y = (box[1] + box[3]) / 2;
            *fold = vdt_split_ground(&groups->rule, (const double[4]){x, y, x, y});
        }
    }
    if (status == VDT_OK && *fold == VDT_SPLIT_NONE)
        *fold = vdt_split_hash(&groups->rule, sample.row.key, strlen(sample.row.key));
    return status;
}

static vdt_status make_rule(struct vdt_regroup *regroup, struct vdt_error *error)
{
    static const uint64_t stream = 0x666f6c6473; /* so that folds do not follow the split */
    char names[VDT_FOLDS_MOST][12];
    struct vdt_split_share shares[VDT_FOLDS_MOST];
    double equal[VDT_FOLDS_MOST];
    uint32_t count = regroup->options->folds;
    struct vdt_groups *groups = &regroup->fold_rule.groups;
    for (uint32_t i = 0; i < count; i++) {
        snprintf(names[i], sizeof names[i], "%u", i + 1);
        shares[i] = (struct vdt_split_share){names[i], 1};
        equal[i] = 1;
    }
    uint64_t seed = vdt_mix2(regroup->options->seed, stream);
    vdt_status status =
        vdt_regroup_rule_make(regroup, shares, count, seed, &regroup->fold_rule, error);
    if (status != VDT_OK)
        return status;
    /* No window is lost from a test view, so limits need no correction. */
    double block[2] = {groups->rule.block[0], groups->rule.block[1]};
    vdt_split_shares(&groups->rule, seed, equal, count);
    memcpy(groups->rule.block, block, sizeof block);
    groups->stratified = regroup->options->stratify;
    return VDT_OK;
}

static vdt_status find_group(struct vdt_regroup *regroup, int32_t *group, struct vdt_error *error)
{
    const struct vdt_groups *groups = &regroup->rule.groups;
    const char *wanted = regroup->options->group;
    *group = -1;
    for (size_t i = 0; i < groups->count; i++)
        if (strcmp(groups->names[i], wanted == NULL ? "train" : wanted) == 0)
            *group = (int32_t)i;
    if (*group < 0 && wanted == NULL && groups->count == 1)
        *group = 0;
    if (*group < 0)
        return vdt_fail(error, VDT_ERR_NOT_FOUND,
                        wanted == NULL ? "%s: no group \"%s\" to make folds of: name one: --group"
                                       : "%s: no group \"%s\" to make folds of",
                        regroup->options->store, wanted == NULL ? "train" : wanted);
    regroup->fold_group = groups->names[*group];
    return VDT_OK;
}

static vdt_status by_rule(struct vdt_regroup *regroup, int32_t group, struct vdt_error *error)
{
    for (size_t i = 0; i < regroup->count; i++) {
        struct vdt_regroup_row *row = &regroup->rows[i];
        int fold = 0;
        if (row->to != group)
            continue;
        vdt_status status = fold_of(regroup, row, &fold, error);
        if (status != VDT_OK)
            return status;
        row->fold = (uint32_t)fold;
    }
    return VDT_OK;
}

static vdt_status by_strata(struct vdt_regroup *regroup, int32_t group, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) bool *wanted = vdt_allocate(regroup->count, sizeof *wanted);
    vdt_cleanup(vdt_free_pointer) int32_t *folds = vdt_allocate(regroup->count, sizeof *folds);
    if (wanted == NULL || folds == NULL)
        return vdt_fail_memory(error, regroup->options->store);
    for (size_t i = 0; i < regroup->count; i++)
        wanted[i] = regroup->rows[i].to == group;
    vdt_status status = by_rule(regroup, group, error); /* for those without a place */
    if (status == VDT_OK)
        status = vdt_regroup_stratify(regroup, &regroup->fold_rule, wanted, true, folds, error);
    for (size_t i = 0; status == VDT_OK && i < regroup->count; i++)
        if (folds[i] >= 0)
            regroup->rows[i].fold = (uint32_t)folds[i];
    return status;
}

vdt_status vdt_folds_assign(struct vdt_regroup *regroup, struct vdt_error *error)
{
    struct vdt_split_report *report = regroup->report;
    const struct vdt_split_options *options = regroup->options;
    int32_t group = 0;
    vdt_status status = find_group(regroup, &group, error);
    if (status == VDT_OK)
        status = make_rule(regroup, error);
    if (status == VDT_OK)
        status =
            options->stratify ? by_strata(regroup, group, error) : by_rule(regroup, group, error);
    if (status != VDT_OK)
        return status;
    report->fold_count = options->folds;
    for (size_t i = 0; i < regroup->count; i++)
        if (regroup->rows[i].fold != VDT_NO_FOLD)
            report->folds[regroup->rows[i].fold].test++;
    for (uint32_t f = 0; f < options->folds; f++)
        if (report->folds[f].test == 0)
            return vdt_fail(error, VDT_ERR_NOT_FOUND,
                            "%s: fold %u of %u would have no test sample: ask for fewer folds, "
                            "smaller blocks, or --stratify",
                            options->store, f + 1, options->folds);
    return VDT_OK;
}

/* --- what is left out of training ------------------------------------------------------------ */

struct exclusion {
    uint64_t *masks; /* [rows] bit f: not in the train view of fold f */
};

static vdt_status exclude(const struct vdt_nearby_item *a, const struct vdt_nearby_item *b,
                          double area, bool pixels, void *payload, struct vdt_error *error)
{
    struct exclusion *exclusion = payload;
    (void)area;
    (void)pixels;
    (void)error;
    exclusion->masks[a->row] |= UINT64_C(1) << b->name;
    exclusion->masks[b->row] |= UINT64_C(1) << a->name;
    return VDT_OK;
}

static vdt_status find_masks(const struct vdt_regroup *regroup, uint64_t *masks,
                             struct vdt_error *error)
{
    vdt_cleanup(vdt_nearby_clear) struct vdt_nearby nearby = {.gap = regroup->options->split_gap};
    struct exclusion exclusion = {masks};
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < regroup->count; i++) {
        const struct vdt_regroup_row *row = &regroup->rows[i];
        const struct vdt_nearby_item item = {
            .group = row->group, .name = row->fold, .sample = row->index, .row = i};
        if (row->fold == VDT_NO_FOLD)
            continue;
        masks[i] = UINT64_C(1) << row->fold;
        status = vdt_nearby_add(&nearby, regroup->reader, item, error);
    }
    return status == VDT_OK ? vdt_nearby_find(&nearby, exclude, &exclusion, error) : status;
}

/* --- views ---------------------------------------------------------------------------------- */

/* How a view came about: the rule, so that later feeds can go on with it. */
static char *describe(const struct vdt_regroup *regroup, uint32_t fold, const char *part)
{
    vdt_cleanup(vdt_free_pointer) char *rule = vdt_groups_text(&regroup->fold_rule.groups);
    vdt_cleanup(vdt_json_release) json_t *object = rule == NULL ? NULL : json_loads(rule, 0, NULL);
    if (object == NULL)
        return NULL;
    json_object_del(object, "groups");
    json_object_set_new(object, "fold", json_integer(fold + 1));
    json_object_set_new(object, "folds", json_integer(regroup->options->folds));
    json_object_set_new(object, "part", json_string(part));
    return vdt_json_text(object);
}

static int by_place(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static vdt_status put_view(const struct vdt_regroup *regroup, struct vdt_writer *writer,
                           uint32_t fold, const char *part, uint64_t *indices, uint64_t count,
                           struct vdt_error *error)
{
    char name[64];
    vdt_cleanup(vdt_free_pointer) char *definition = describe(regroup, fold, part);
    if (definition == NULL)
        return vdt_fail_memory(error, regroup->options->store);
    snprintf(name, sizeof name, "fold_%u_%s", fold + 1, part);
    if (count > 0)
        qsort(indices, (size_t)count, sizeof *indices, by_place);
    return vdt_writer_put_view(writer, name, regroup->fold_group, indices, count, definition,
                               error);
}

static vdt_status write_fold(struct vdt_regroup *regroup, struct vdt_writer *writer, uint32_t fold,
                             const uint64_t *masks, uint64_t *indices, struct vdt_error *error)
{
    struct vdt_split_fold *counts = &regroup->report->folds[fold];
    uint64_t test = 0, train = 0;
    for (size_t i = 0; i < regroup->count; i++) /* tests from the front, the others from behind */
        if (regroup->rows[i].fold == fold)
            indices[test++] = regroup->rows[i].at;
        else if (regroup->rows[i].fold == VDT_NO_FOLD)
            continue;
        else if ((masks[i] >> fold & 1) == 0)
            indices[regroup->count - ++train] = regroup->rows[i].at;
        else
            counts->left_out++;
    counts->train = train;
    if (train == 0)
        return vdt_fail(error, VDT_ERR_NOT_FOUND,
                        "%s: fold %u of %u would have no train sample: all others share ground "
                        "with its test samples, or are too near: use larger blocks",
                        regroup->options->store, fold + 1, regroup->options->folds);
    if (writer == NULL)
        return VDT_OK;
    vdt_status status = put_view(regroup, writer, fold, "test", indices, test, error);
    return status == VDT_OK ? put_view(regroup, writer, fold, "train",
                                       indices + regroup->count - train, train, error)
                            : status;
}

/* Folds of before that are not written again: with fewer folds they would be of another division.
 */
static vdt_status remove_others(const struct vdt_regroup *regroup, struct vdt_writer *writer,
                                struct vdt_error *error)
{
    const struct vdt_reader *reader = regroup->reader;
    vdt_status status = VDT_OK;
    uint32_t fold = 0;
    if (regroup->options->output != NULL)
        return VDT_OK;
    for (size_t v = 0; status == VDT_OK && v < vdt_reader_view_count(reader); v++) {
        const char *name = vdt_reader_view(reader, v).name;
        if (vdt_fold_number(name, &fold) && fold > regroup->options->folds)
            status = vdt_writer_remove_view(writer, name, error);
    }
    return status;
}

vdt_status vdt_folds_write(struct vdt_regroup *regroup, struct vdt_writer *writer,
                           struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) uint64_t *masks =
        vdt_allocate_zero(regroup->count, sizeof *masks);
    vdt_cleanup(vdt_free_pointer) uint64_t *indices = vdt_allocate(regroup->count, sizeof *indices);
    if (masks == NULL || indices == NULL)
        return vdt_fail_memory(error, regroup->options->store);
    vdt_status status = find_masks(regroup, masks, error);
    for (uint32_t f = 0; status == VDT_OK && f < regroup->options->folds; f++)
        status = write_fold(regroup, writer, f, masks, indices, error);
    if (status == VDT_OK && writer != NULL)
        status = remove_others(regroup, writer, error);
    return status;
}
