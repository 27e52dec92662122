/* The samples of a store as those of a set. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "annotate/sets/set.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

static void close_reader(struct vdt_reader **reader)
{
    vdt_reader_free(*reader);
}

/* Which sample of the set is sample i of a group: in the order of the set. */
static vdt_status check_known(const struct vdt_annotations *set, const struct vdt_reader *reader,
                              uint64_t *known, struct vdt_error *error)
{
    const struct vdt_set_samples *samples = &set->samples;
    size_t groups = vdt_reader_group_count(reader);
    for (size_t i = 0; i < samples->count; i++) {
        struct vdt_sample sample;
        size_t group = 0;
        const char *name = vdt_strings_at(&samples->groups, samples->rows[i].group);
        while (group < groups && strcmp(vdt_reader_group_name(reader, group), name) != 0)
            group++;
        /* What the store has lost keeps its annotations. */
        if (group == groups || samples->rows[i].index >= vdt_reader_count(reader, group))
            continue;
        vdt_status status =
            vdt_reader_sample(reader, group, samples->rows[i].index, &sample, NULL, error);
        if (status != VDT_OK)
            return status;
        const char *reference = vdt_strings_at(&samples->references, i);
        if (strcmp(sample.key, reference) != 0)
            return vdt_fail(error, VDT_ERR_MISMATCH,
                            "%s: sample %llu of group %s is \"%s\" in the store and \"%.64s\" here",
                            set->path, (unsigned long long)samples->rows[i].index, name, sample.key,
                            reference);
        if (samples->rows[i].index + 1 > known[group])
            known[group] = samples->rows[i].index + 1;
    }
    return VDT_OK;
}

static vdt_status add_group(struct vdt_annotations *set, const struct vdt_reader *reader,
                            size_t group, uint64_t first, struct vdt_error *error)
{
    struct vdt_store_spec spec = vdt_reader_spec(reader);
    struct vdt_set_sample row = {.rows = spec.tile.rows, .cols = spec.tile.cols, .code = INT64_MIN};
    if (!vdt_set_group(set, vdt_reader_group_name(reader, group), &row.group))
        return vdt_fail_memory(error, vdt_set_name(set));
    for (row.index = first; row.index < vdt_reader_count(reader, group); row.index++) {
        struct vdt_sample sample;
        uint32_t index;
        vdt_status status = vdt_reader_sample(reader, group, row.index, &sample, NULL, error);
        if (status != VDT_OK)
            return status;
        if (!vdt_set_add_sample(set, sample.key, &row, &index))
            return vdt_fail_memory(error, vdt_set_name(set));
    }
    return VDT_OK;
}

vdt_status vdt_set_bind(struct vdt_annotations *set, struct vdt_error *error)
{
    vdt_cleanup(close_reader) struct vdt_reader *reader = NULL;
    vdt_status status = vdt_reader_open(set->store, &reader, error);
    if (status != VDT_OK)
        return status;
    const char *uuid = vdt_reader_uuid(reader);
    if (set->digest[0] != '\0' && strcmp(set->uuid, uuid) != 0)
        return vdt_fail(error, VDT_ERR_MISMATCH, "%s: belongs to the store %s%s, not to %s (%s)",
                        set->path, set->uuid[0] == '\0' ? "(none)" : "", set->uuid, set->store,
                        uuid);
    set->bound = true;
    snprintf(set->uuid, sizeof set->uuid, "%s", uuid);
    size_t groups = vdt_reader_group_count(reader), wanted = SIZE_MAX;
    vdt_cleanup(vdt_free_pointer) uint64_t *known = vdt_allocate_zero(groups, sizeof *known);
    if (known == NULL)
        return vdt_fail_memory(error, set->path);
    if (*set->group != '\0')
        status = vdt_reader_find_group(reader, set->group, &wanted, error);
    if (status == VDT_OK)
        status = check_known(set, reader, known, error);
    for (size_t group = 0; status == VDT_OK && group < groups; group++)
        if (wanted == SIZE_MAX || wanted == group)
            status = add_group(set, reader, group, known[group], error);
    return status;
}
