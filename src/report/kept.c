/* Some of the objects of columns, as columns of their own. */
#include "report/kept.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"

void vdt_kept_clear(struct vdt_kept *kept)
{
    for (size_t i = 0; i < kept->owned_count; i++)
        free(kept->owned[i]);
    *kept = (struct vdt_kept){0};
}

/* A copy of chosen rows; NULL stays NULL. False when memory is out. */
static bool choose(struct vdt_kept *kept, const void *column, size_t size, const void **copy)
{
    *copy = NULL;
    if (column == NULL)
        return true;
    char *made = vdt_allocate(kept->objects.count, size);
    if (made == NULL)
        return false;
    kept->owned[kept->owned_count++] = made;
    for (uint64_t i = 0; i < kept->objects.count; i++)
        memcpy(made + i * size, (const char *)column + kept->index[i] * size, size);
    *copy = made;
    return true;
}

/* Offsets of chosen runs: of run i of `index` (NULL: i itself) from `offsets`; *items says which
 * items are meant, in order. */
static bool choose_runs(struct vdt_kept *kept, const uint64_t *offsets, const uint64_t *index,
                        uint64_t count, const uint64_t **made, uint64_t **items,
                        uint64_t *item_count)
{
    uint64_t *starts = vdt_allocate(count + 1, sizeof *starts), total = 0, at = 0;
    if (starts == NULL)
        return false;
    kept->owned[kept->owned_count++] = starts;
    for (uint64_t i = 0; i < count; i++) {
        starts[i] = total;
        total += offsets[index[i] + 1] - offsets[index[i]];
    }
    starts[count] = total;
    *items = vdt_allocate(total, sizeof **items);
    if (*items == NULL)
        return false;
    kept->owned[kept->owned_count++] = *items;
    for (uint64_t i = 0; i < count; i++)
        for (uint64_t k = offsets[index[i]]; k < offsets[index[i] + 1]; k++)
            (*items)[at++] = k;
    *made = starts;
    *item_count = total;
    return true;
}

static bool choose_items(struct vdt_kept *kept, const void *column, size_t size,
                         const uint64_t *items, uint64_t count, const void **copy)
{
    char *made = vdt_allocate(count, size);
    if (made == NULL)
        return false;
    kept->owned[kept->owned_count++] = made;
    for (uint64_t i = 0; i < count; i++)
        memcpy(made + i * size, (const char *)column + items[i] * size, size);
    *copy = made;
    return true;
}

static bool choose_shapes(struct vdt_kept *kept, const struct vdt_shapes *shapes)
{
    struct vdt_shapes *made = &kept->shapes;
    uint64_t count = kept->objects.count, parts, rings, points, *part, *ring, *point;
    *made = (struct vdt_shapes){.kind = shapes->kind, .count = count};
    switch (shapes->kind) {
    case VDT_SHAPE_ROTATED:
        return choose(kept, shapes->rotated, sizeof *shapes->rotated,
                      (const void **)&made->rotated);
    case VDT_SHAPE_RLE:
        return choose(kept, shapes->size, sizeof *shapes->size, (const void **)&made->size) &&
               choose_runs(kept, shapes->count_offsets, kept->index, count, &made->count_offsets,
                           &part, &parts) &&
               choose_items(kept, shapes->counts, sizeof *shapes->counts, part, parts,
                            (const void **)&made->counts);
    case VDT_SHAPE_POLYGON:
        return choose_runs(kept, shapes->shape_offsets, kept->index, count, &made->shape_offsets,
                           &part, &parts) &&
               choose_runs(kept, shapes->part_offsets, part, parts, &made->part_offsets, &ring,
                           &rings) &&
               choose_runs(kept, shapes->ring_offsets, ring, rings, &made->ring_offsets, &point,
                           &points) &&
               choose_items(kept, shapes->points, sizeof *shapes->points, point, points,
                            (const void **)&made->points);
    }
    return false;
}

static bool fill(struct vdt_kept *kept, const struct vdt_objects *objects, const uint32_t *number)
{
    struct vdt_objects *made = &kept->objects;
    uint32_t *image = vdt_allocate(made->count, sizeof *image);
    if (image == NULL)
        return false;
    kept->owned[kept->owned_count++] = image;
    for (uint64_t i = 0; i < made->count; i++)
        image[i] = number[objects->image[kept->index[i]]];
    made->image = image;
    bool good = choose(kept, objects->category, sizeof *objects->category,
                       (const void **)&made->category) &&
                choose(kept, objects->score, sizeof *objects->score, (const void **)&made->score) &&
                choose(kept, objects->box, sizeof *objects->box, (const void **)&made->box) &&
                choose(kept, objects->area, sizeof *objects->area, (const void **)&made->area) &&
                choose(kept, objects->crowd, 1, (const void **)&made->crowd) &&
                choose(kept, objects->ignore, 1, (const void **)&made->ignore);
    if (good && objects->shapes) {
        good = choose_shapes(kept, objects->shapes);
        made->shapes = &kept->shapes;
    }
    return good;
}

vdt_status vdt_kept_make(const struct vdt_objects *objects, const uint32_t *number,
                         struct vdt_kept *kept, struct vdt_error *error)
{
    *kept = (struct vdt_kept){0};
    kept->index = vdt_allocate(objects->count, sizeof *kept->index);
    bool good = kept->index != NULL;
    if (good)
        kept->owned[kept->owned_count++] = kept->index;
    for (uint64_t i = 0; good && i < objects->count; i++)
        if (number[objects->image[i]] != UINT32_MAX)
            kept->index[kept->objects.count++] = i;
    if (!good || !fill(kept, objects, number)) {
        vdt_kept_clear(kept);
        return vdt_fail_memory(error, "objects");
    }
    return VDT_OK;
}
