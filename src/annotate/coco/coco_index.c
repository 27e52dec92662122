/* Ids of COCO files: put in order, looked up, and told when they are there twice or not at all. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "annotate/coco/coco_file.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

/* --- looking up ----------------------------------------------------------------------------- */

enum { WIDEST = 1 << 24 }; /* entries of a table */

vdt_status vdt_coco_lookup_make(const int64_t *ids, size_t count, struct vdt_coco_lookup *lookup,
                                struct vdt_error *error)
{
    struct vdt_coco_lookup made = {.ids = ids, .count = count};
    uint64_t range = count == 0 ? 0 : (uint64_t)ids[count - 1] - (uint64_t)ids[0];
    if (count > 0 && range < WIDEST) {
        made.table = vdt_allocate((size_t)range + 1, sizeof *made.table);
        if (made.table == NULL)
            return vdt_fail_memory(error, "ids");
        memset(made.table, 0xff, ((size_t)range + 1) * sizeof *made.table);
        for (size_t i = 0; i < count; i++)
            made.table[(uint64_t)ids[i] - (uint64_t)ids[0]] = (uint32_t)i;
    }
    *lookup = made;
    return VDT_OK;
}

void vdt_coco_lookup_clear(struct vdt_coco_lookup *lookup)
{
    free(lookup->table);
    *lookup = (struct vdt_coco_lookup){0};
}

uint32_t vdt_coco_lookup_find(const struct vdt_coco_lookup *lookup, int64_t id)
{
    if (lookup->count == 0 || id < lookup->ids[0] || id > lookup->ids[lookup->count - 1])
        return UINT32_MAX;
    if (lookup->table != NULL)
        return lookup->table[(uint64_t)id - (uint64_t)lookup->ids[0]];
    size_t low = 0, high = lookup->count;
    while (low + 1 < high) {
        size_t middle = low + (high - low) / 2;
        if (lookup->ids[middle] <= id)
            low = middle;
        else
            high = middle;
    }
    return lookup->ids[low] == id ? (uint32_t)low : UINT32_MAX;
}

/* --- in order ------------------------------------------------------------------------------- */

struct place {
    int64_t id;
    size_t place;
};

static int compare_places(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

static bool rising(const int64_t *ids, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (ids[i - 1] >= ids[i])
            return false;
    return true;
}

/* The order of the ids; NULL where they are in order already. */
static vdt_status order_of(const struct vdt_coco *coco, const struct vdt_coco_part *part,
                           const char *what, struct place **order, struct vdt_error *error)
{
    const int64_t *ids = part->column[VDT_COCO_ID].data;
    *order = NULL;
    if (rising(ids, part->records))
        return VDT_OK;
    vdt_cleanup(vdt_free_pointer) struct place *made = vdt_allocate(part->records, sizeof *made);
    if (made == NULL)
        return vdt_fail_memory(error, coco->path);
    for (size_t i = 0; i < part->records; i++)
        made[i] = (struct place){ids[i], i};
    qsort(made, part->records, sizeof *made, compare_places);
    for (size_t i = 1; i < part->records; i++)
        if (made[i - 1].id == made[i].id)
            return vdt_fail(error, VDT_ERR_FORMAT,
                            "%s: records %zu and %zu of %s both have id %" PRId64
                            ": give each its own",
                            coco->path, made[i - 1].place + 1, made[i].place + 1, what, made[i].id);
    *order = made;
    made = NULL;
    return VDT_OK;
}

static vdt_status sort_named(struct vdt_coco *coco, struct vdt_coco_part *part, const char *what,
                             struct vdt_error *error)
{
    if (part->records >= UINT32_MAX)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED, "%s: more than 2^32 - 2 %s", coco->path, what);
    vdt_cleanup(vdt_free_pointer) struct place *order = NULL;
    vdt_status status = order_of(coco, part, what, &order, error);
    if (status != VDT_OK || order == NULL)
        return status;
    struct vdt_coco_part sorted = {.wanted = part->wanted};
    const uint64_t *ends = part->column[VDT_COCO_TEXT_END].data;
    for (size_t i = 0; i < part->records; i++) {
        size_t from = order[i].place, begin = from == 0 ? 0 : (size_t)ends[from - 1];
        struct vdt_coco_part one = {.wanted = part->wanted, .records = 1};
        uint64_t end = ends[from] - begin;
        one.column[VDT_COCO_ID].data = &order[i].id;
        one.column[VDT_COCO_SIZE].data = (uint32_t(*)[2])part->column[VDT_COCO_SIZE].data + from;
        one.column[VDT_COCO_TEXT_END].data = &end;
        one.column[VDT_COCO_TEXT].data = (char *)part->column[VDT_COCO_TEXT].data + begin;
        one.column[VDT_COCO_ID].count = one.column[VDT_COCO_SIZE].count = 1;
        one.column[VDT_COCO_TEXT_END].count = 1;
        one.column[VDT_COCO_TEXT].count = (size_t)end;
        if (!vdt_coco_part_append(&sorted, &one)) {
            vdt_coco_part_clear(&sorted);
            return vdt_fail_memory(error, coco->path);
        }
    }
    vdt_coco_part_clear(part);
    *part = sorted;
    return VDT_OK;
}

/* Texts of named records: the first, and the second behind its NUL. */
static bool point_at(const struct vdt_coco_part *part, const char ***first, const char ***second)
{
    *first = vdt_allocate(part->records, sizeof **first);
    *second = second == first ? *first : vdt_allocate(part->records, sizeof **second);
    if (*first == NULL || *second == NULL)
        return false;
    const uint64_t *ends = part->column[VDT_COCO_TEXT_END].data;
    for (size_t i = 0; i < part->records; i++) {
        const char *text = (char *)part->column[VDT_COCO_TEXT].data + (i == 0 ? 0 : ends[i - 1]);
        (*second)[i] = text + strlen(text) + 1;
        (*first)[i] = text;
    }
    return true;
}

/* --- annotations ---------------------------------------------------------------------------- */

static vdt_status place_annotations(struct vdt_coco *coco, const struct vdt_coco_lookup *images,
                                    const struct vdt_coco_lookup *categories,
                                    struct vdt_error *error)
{
    size_t count = coco->records.records;
    const int64_t *image = coco->records.column[VDT_COCO_IMAGE_ID].data;
    const int64_t *category = coco->records.column[VDT_COCO_CATEGORY_ID].data;
    coco->image = vdt_allocate(count, sizeof *coco->image);
    coco->category = vdt_allocate(count, sizeof *coco->category);
    if (coco->image == NULL || coco->category == NULL)
        return vdt_fail_memory(error, coco->path);
    for (size_t i = 0; i < count; i++) {
        coco->image[i] = vdt_coco_lookup_find(images, image[i]);
        coco->category[i] = vdt_coco_lookup_find(categories, category[i]);
        if (coco->image[i] == UINT32_MAX)
            return vdt_fail(error, VDT_ERR_MISMATCH,
                            "%s: record %zu of annotations has image_id %" PRId64
                            ", which no image has: leave it out, or add the image",
                            coco->path, i + 1, image[i]);
        if (coco->category[i] == UINT32_MAX)
            return vdt_fail(error, VDT_ERR_MISMATCH,
                            "%s: record %zu of annotations has category_id %" PRId64
                            ", which no category has: leave it out, or add the category",
                            coco->path, i + 1, category[i]);
    }
    return VDT_OK;
}

static vdt_status index_truth(struct vdt_coco *coco, struct vdt_error *error)
{
    vdt_status status = sort_named(coco, &coco->images, "images", error);
    if (status == VDT_OK)
        status = sort_named(coco, &coco->categories, "categories", error);
    vdt_cleanup(vdt_free_pointer) struct place *order = NULL;
    if (status == VDT_OK)
        status = order_of(coco, &coco->records, "annotations", &order, error);
    if (status != VDT_OK)
        return status;
    if (!point_at(&coco->images, &coco->file_names, &coco->file_names) ||
        !point_at(&coco->categories, &coco->names, &coco->supercategories))
        return vdt_fail_memory(error, coco->path);
    vdt_cleanup(vdt_coco_lookup_clear) struct vdt_coco_lookup images = {0};
    vdt_cleanup(vdt_coco_lookup_clear) struct vdt_coco_lookup categories = {0};
    status = vdt_coco_lookup_make(coco->images.column[VDT_COCO_ID].data, coco->images.records,
                                  &images, error);
    if (status == VDT_OK)
        status = vdt_coco_lookup_make(coco->categories.column[VDT_COCO_ID].data,
                                      coco->categories.records, &categories, error);
    return status == VDT_OK ? place_annotations(coco, &images, &categories, error) : status;
}

vdt_status vdt_coco_index(struct vdt_coco *coco, struct vdt_error *error)
{
    vdt_status status = coco->results ? VDT_OK : index_truth(coco, error);
    if (status == VDT_OK && !vdt_coco_part_offsets(&coco->records))
        return vdt_fail_memory(error, coco->path);
    return status;
}
