/* Samples of different groups or views that share ground, in one store or in several. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vedatile/split.h>
#include <vedatile/store.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "feed/folds.h"
#include "feed/nearby.h"

struct leakage {
    const struct vdt_leakage_options *options;
    const char *const *paths;
    struct vdt_reader **readers;
    size_t reader_count;
    struct vdt_nearby nearby;
    const char **names; /* of groups or views, by number */
    size_t name_count, name_capacity;
    struct vdt_leakage_report report;
};

static void clear_leakage(struct leakage *leakage)
{
    for (size_t i = 0; i < leakage->reader_count; i++)
        vdt_reader_free(leakage->readers[i]);
    free(leakage->readers);
    vdt_nearby_clear(&leakage->nearby);
    free(leakage->names);
}

static vdt_status name_number(struct leakage *leakage, const char *name, uint32_t *number,
                              struct vdt_error *error)
{
    size_t at = 0;
    while (at < leakage->name_count && strcmp(leakage->names[at], name) != 0)
        at++;
    if (at == leakage->name_count) {
        if (!vdt_grow(&leakage->names, &leakage->name_capacity, at + 1, sizeof *leakage->names))
            return vdt_fail_memory(error, "leakage");
        leakage->names[leakage->name_count++] = name;
    }
    *number = (uint32_t)at;
    return VDT_OK;
}

static vdt_status add_groups(struct leakage *leakage, uint32_t store, struct vdt_error *error)
{
    const struct vdt_reader *reader = leakage->readers[store];
    vdt_status status = VDT_OK;
    for (uint32_t g = 0; status == VDT_OK && g < vdt_reader_group_count(reader); g++) {
        struct vdt_nearby_item item = {.store = store, .group = g};
        status = name_number(leakage, vdt_reader_group_name(reader, g), &item.name, error);
        for (; status == VDT_OK && item.sample < vdt_reader_count(reader, g); item.sample++)
            status = vdt_nearby_add(&leakage->nearby, reader, item, error);
    }
    return status;
}

/* Views of one `set` are compared with each other. */
static vdt_status add_view(struct leakage *leakage, uint32_t store, size_t number, uint32_t set,
                           struct vdt_error *error)
{
    const struct vdt_reader *reader = leakage->readers[store];
    struct vdt_view view = vdt_reader_view(reader, number);
    struct vdt_nearby_item item = {.store = store, .set = set};
    size_t group = 0;
    vdt_status status = vdt_reader_find_group(reader, view.group, &group, error);
    if (status == VDT_OK)
        status = name_number(leakage, view.name, &item.name, error);
    item.group = (uint32_t)group;
    for (uint64_t i = 0; status == VDT_OK && i < view.count; i++) {
        item.sample = view.indices[i];
        status = vdt_nearby_add(&leakage->nearby, reader, item, error);
    }
    return status;
}

static vdt_status add_views(struct leakage *leakage, uint32_t store, struct vdt_error *error)
{
    const struct vdt_leakage_options *options = leakage->options;
    const struct vdt_reader *reader = leakage->readers[store];
    vdt_status status = VDT_OK;
    uint32_t fold = 0, folds = 0;
    for (size_t i = 0; status == VDT_OK && i < options->view_count; i++) {
        size_t view = 0;
        status = vdt_reader_find_view(reader, options->views[i], &view, error);
        if (status == VDT_OK)
            status = add_view(leakage, store, view, 0, error);
    }
    for (size_t v = 0; status == VDT_OK && options->folds && v < vdt_reader_view_count(reader); v++)
        if (vdt_fold_number(vdt_reader_view(reader, v).name, &fold)) {
            folds++;
            status = add_view(leakage, store, v, fold, error);
        }
    if (status == VDT_OK && options->folds && folds == 0)
        return vdt_fail(error, VDT_ERR_NOT_FOUND,
                        "%s: has no folds: vedatile split STORE --folds K makes them",
                        vdt_reader_path(reader));
    return status;
}

static vdt_status add_store(struct leakage *leakage, const char *path, struct vdt_error *error)
{
    const struct vdt_leakage_options *options = leakage->options;
    uint32_t store = (uint32_t)leakage->reader_count;
    vdt_status status = vdt_reader_open(path, &leakage->readers[store], error);
    if (status != VDT_OK)
        return status;
    leakage->reader_count++;
    return options->view_count > 0 || options->folds ? add_views(leakage, store, error)
                                                     : add_groups(leakage, store, error);
}

static vdt_status name_sample(const struct leakage *leakage, const struct vdt_nearby_item *item,
                              struct vdt_sample *sample, struct vdt_leak_sample *out,
                              struct vdt_error *error)
{
    const struct vdt_reader *reader = leakage->readers[item->store];
    vdt_status status = vdt_reader_sample(reader, item->group, item->sample, sample, NULL, error);
    *out = (struct vdt_leak_sample){leakage->paths[item->store], leakage->names[item->name],
                                    sample->key};
    return status;
}

static vdt_status tell(const struct vdt_nearby_item *a, const struct vdt_nearby_item *b,
                       double area, bool pixels, void *payload, struct vdt_error *error)
{
    struct leakage *leakage = payload;
    struct vdt_sample samples[2];
    struct vdt_leak leak = {.area = area, .pixels = pixels};
    leakage->report.leaks++;
    if (leakage->options->leak == NULL)
        return VDT_OK;
    vdt_status status = name_sample(leakage, a, &samples[0], &leak.samples[0], error);
    if (status == VDT_OK)
        status = name_sample(leakage, b, &samples[1], &leak.samples[1], error);
    if (status == VDT_OK)
        leakage->options->leak(&leak, leakage->options->payload);
    return status;
}

vdt_status vdt_leakage(const char *const *stores, size_t count,
                       const struct vdt_leakage_options *options, struct vdt_leakage_report *report,
                       struct vdt_error *error)
{
    static const struct vdt_leakage_options none = {0};
    options = options == NULL ? &none : options;
    vdt_cleanup(clear_leakage) struct leakage leakage = {.options = options, .paths = stores};
    if (count == 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "no store to look for shared ground in");
    if (!(options->gap >= 0) || !(options->gap <= 1e5))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "a gap of %g m: 0 to 100000", options->gap);
    if (options->folds && options->view_count > 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "either the folds or some views, not both");
    leakage.readers = vdt_allocate_zero(count, sizeof *leakage.readers);
    if (leakage.readers == NULL)
        return vdt_fail_memory(error, "leakage");
    leakage.nearby.gap = options->gap;
    leakage.nearby.progress = options->progress;
    leakage.nearby.payload = options->payload;
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < count; i++)
        status = add_store(&leakage, stores[i], error);
    if (status != VDT_OK)
        return status;
    leakage.report.samples = leakage.nearby.count;
    leakage.report.unplaced = leakage.nearby.unplaced;
    status = vdt_nearby_find(&leakage.nearby, tell, &leakage, error);
    if (status == VDT_OK && report != NULL)
        *report = leakage.report;
    return status;
}
