/* Objects of tiles put together, as polygons in a plane that keeps areas. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/ordered.h"
#include "report/ground/ground_state.h"
#include "source/shapes/overlay.h"

enum {
    OBJECTS_EACH = 128, /* of an item of work */
    RING = 2,           /* slots for each thread */
    SIDES_MOST = 1000   /* points of a side */
};

static const double MASK_MOST = 4e9; /* pixels of the box about a mask */
static const double ROUNDING = 1e-12;

struct work {
    const struct vdt_pieces *pieces;
    const struct vdt_clusters *clusters;
    struct vdt_geometry *made; /* [slots]: a feature for each object; without parts: no place */
};

struct maker {
    struct vdt_ground_ways ways;
    struct vdt_overlay *overlay;
    struct vdt_outliner outliner;
    struct vdt_geometry plain; /* one object in pixels */
    struct vdt_shared_area small;
    uint8_t *bits;
    size_t bit_capacity;
};

static void stop_maker(void *payload, void *worker)
{
    struct maker *maker = worker;
    (void)payload;
    vdt_ground_ways_clear(&maker->ways);
    vdt_overlay_free(maker->overlay);
    vdt_outliner_clear(&maker->outliner);
    vdt_geometry_clear(&maker->plain);
    vdt_shared_area_clear(&maker->small);
    free(maker->bits);
    free(maker);
}

static vdt_status start_maker(void *payload, void **worker, struct vdt_error *error)
{
    const struct work *work = payload;
    struct maker *maker = vdt_allocate_zero(1, sizeof *maker);
    if (maker == NULL)
        return vdt_fail_memory(error, "objects on the ground");
    vdt_status status = vdt_ground_ways_open(&maker->ways, work->pieces->areas, error);
    if (status == VDT_OK)
        status = vdt_overlay_open(&maker->overlay, error);
    if (status != VDT_OK) {
        stop_maker(payload, maker);
        return status;
    }
    *worker = maker;
    return VDT_OK;
}

/* --- one object in pixels -----------------------------------------------------------------------
 */

static vdt_status make_box(struct vdt_geometry *to, const double box[4], struct vdt_error *error)
{
    const double corners[4][2] = {
        {box[0], box[1]}, {box[2], box[1]}, {box[2], box[3]}, {box[0], box[3]}};
    if (!vdt_grow(&to->points, &to->point_capacity, 4, sizeof *to->points) ||
        !vdt_grow(&to->rings, &to->ring_capacity, 1, sizeof *to->rings) ||
        !vdt_grow(&to->parts, &to->part_capacity, 1, sizeof *to->parts))
        return vdt_fail_memory(error, "objects on the ground");
    memcpy(to->points, corners, sizeof corners);
    to->rings[0] = (struct vdt_ring){0, 4};
    to->parts[0] = (struct vdt_part){0, 1};
    to->point_count = 4;
    to->ring_count = to->part_count = 1;
    return VDT_OK;
}

static vdt_status make_mask(struct maker *maker, const struct work *work,
                            const struct vdt_cluster *cluster, struct vdt_error *error)
{
    const int64_t corner[2] = {(int64_t)cluster->box[0], (int64_t)cluster->box[1]};
    double width = cluster->box[2] - cluster->box[0], height = cluster->box[3] - cluster->box[1];
    size_t rows = (size_t)height, cols = (size_t)width;
    if (width * height > MASK_MOST)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED, "a mask over %.0fx%.0f pixels", width, height);
    if (!vdt_grow(&maker->bits, &maker->bit_capacity, rows * cols, 1))
        return vdt_fail_memory(error, "objects on the ground");
    memset(maker->bits, 0, rows * cols);
    for (size_t i = 0; i < cluster->count; i++)
        vdt_piece_paint(work->pieces,
                        &work->pieces->pieces[work->clusters->members[cluster->first + i]], corner,
                        rows, cols, maker->bits);
    return vdt_outliner_trace(&maker->outliner, maker->bits, rows, cols, corner, &maker->plain,
                              error);
}

static const struct vdt_piece *member(const struct work *work, const struct vdt_cluster *cluster,
                                      size_t i)
{
    return &work->pieces->pieces[work->clusters->members[cluster->first + i]];
}

/* Whether a piece adds nothing to another one, but for rounding. */
static bool is_within(struct maker *maker, const struct vdt_pieces *pieces,
                      const struct vdt_piece *inner, const struct vdt_piece *outer)
{
    double areas[3];
    for (int axis = 0; axis < 2; axis++)
        if (inner->box[axis] < outer->box[axis] - ROUNDING ||
            inner->box[axis + 2] > outer->box[axis + 2] + ROUNDING)
            return false;
    if (vdt_piece_points(pieces, inner) + vdt_piece_points(pieces, outer) > VDT_SMALL_SHAPES)
        return false;
    vdt_shared_area_begin(&maker->small);
    return vdt_piece_sides(pieces, inner, 0, outer->box, &maker->small) &&
           vdt_piece_sides(pieces, outer, 1, outer->box, &maker->small) &&
           vdt_shared_area_measure(&maker->small, NULL, areas) &&
           areas[0] - areas[2] <= ROUNDING * areas[0];
}

/* Leaves out the pieces that others have all of: most where tiles overlap. */
static size_t needed_pieces(struct maker *maker, const struct work *work,
                            const struct vdt_cluster *cluster, const struct vdt_piece **needed)
{
    size_t kept = 0;
    for (size_t i = 0; i < cluster->count; i++) {
        const struct vdt_piece *piece = member(work, cluster, i);
        bool within = false;
        for (size_t k = 0; k < kept && !within; k++)
            within = is_within(maker, work->pieces, piece, needed[k]);
        if (within)
            continue;
        size_t left = 0;
        for (size_t k = 0; k < kept; k++)
            if (!is_within(maker, work->pieces, needed[k], piece))
                needed[left++] = needed[k];
        needed[left] = piece;
        kept = left + 1;
    }
    return kept;
}

static vdt_status make_polygon(struct maker *maker, const struct work *work,
                               const struct vdt_cluster *cluster, struct vdt_error *error)
{
    const struct vdt_pieces *pieces = work->pieces;
    vdt_cleanup(vdt_free_pointer) const struct vdt_piece **needed =
        vdt_allocate(cluster->count, sizeof *needed);
    vdt_cleanup(vdt_free_pointer) struct vdt_overlay_parts *all =
        vdt_allocate(cluster->count, sizeof *all);
    if (needed == NULL || all == NULL)
        return vdt_fail_memory(error, "objects on the ground");
    size_t count = needed_pieces(maker, work, cluster, needed);
    bool copied = true;
    for (size_t p = 0; copied && count == 1 && p < needed[0]->part_count; p++)
        copied = vdt_geometry_copy_part(&maker->plain, &pieces->shapes,
                                        &pieces->shapes.parts[needed[0]->part + p]);
    if (count == 1)
        return copied ? VDT_OK : vdt_fail_memory(error, "objects on the ground");
    for (size_t i = 0; i < count; i++)
        all[i] = vdt_piece_parts(pieces, needed[i]);
    return vdt_overlay_join(maker->overlay, all, count, &maker->plain, error);
}

/* --- onto the plane -----------------------------------------------------------------------------
 */

/* Appends a ring of pixels with points between its corners, not on the plane yet. */
static bool append_ring(const double (*points)[2], size_t count, double bend,
                        struct vdt_geometry *to)
{
    size_t first = to->point_count;
    for (size_t i = 0; i < count; i++) {
        const double *a = points[i], *b = points[(i + 1) % count];
        double wanted = ceil(hypot(b[0] - a[0], b[1] - a[1]) * bend);
        size_t parts = wanted > 1 ? (size_t)fmin(wanted, SIDES_MOST) : 1;
        if (!vdt_grow(&to->points, &to->point_capacity, to->point_count + parts,
                      sizeof *to->points))
            return false;
        for (size_t k = 0; k < parts; k++, to->point_count++)
            for (int axis = 0; axis < 2; axis++)
                to->points[to->point_count][axis] =
                    a[axis] + (b[axis] - a[axis]) * ((double)k / (double)parts);
    }
    if (!vdt_grow(&to->rings, &to->ring_capacity, to->ring_count + 1, sizeof *to->rings))
        return false;
    to->rings[to->ring_count++] = (struct vdt_ring){first, to->point_count - first};
    return true;
}

static bool append_parts(const struct vdt_geometry *plain, double bend, struct vdt_geometry *to)
{
    for (size_t p = 0; p < plain->part_count; p++) {
        const struct vdt_part *part = &plain->parts[p];
        if (!vdt_grow(&to->parts, &to->part_capacity, to->part_count + 1, sizeof *to->parts))
            return false;
        to->parts[to->part_count++] = (struct vdt_part){to->ring_count, part->count};
        for (size_t r = part->first; r < part->first + part->count; r++)
            if (!append_ring((const double(*)[2])plain->points + plain->rings[r].first,
                             plain->rings[r].count, bend, to))
                return false;
    }
    return true;
}

static vdt_status put_object(struct maker *maker, uint32_t number, struct vdt_geometry *to,
                             struct vdt_error *error)
{
    const struct vdt_ground_grid *grid = &maker->ways.areas->grids[number];
    struct vdt_geometry begin = *to;
    if (!append_parts(&maker->plain, grid->bend, to) ||
        !vdt_grow(&to->features, &to->feature_capacity, to->feature_count + 1,
                  sizeof *to->features))
        return vdt_fail_memory(error, "objects on the ground");
    if (!vdt_ground_flatten(&maker->ways, number, to->points + begin.point_count,
                            to->point_count - begin.point_count)) {
        to->point_count = begin.point_count;
        to->ring_count = begin.ring_count;
        to->part_count = begin.part_count;
    }
    to->features[to->feature_count++] =
        (struct vdt_feature){.first = begin.part_count, .count = to->part_count - begin.part_count};
    return VDT_OK;
}

static vdt_status make_item(void *payload, void *worker, uint64_t item, uint32_t slot,
                            struct vdt_error *error)
{
    const struct work *work = payload;
    struct maker *maker = worker;
    struct vdt_geometry *made = &work->made[slot];
    size_t end = (item + 1) * OBJECTS_EACH;
    vdt_status status = VDT_OK;
    made->point_count = made->ring_count = made->part_count = made->feature_count = 0;
    for (size_t i = item * OBJECTS_EACH; status == VDT_OK && i < work->clusters->count && i < end;
         i++) {
        const struct vdt_cluster *cluster = &work->clusters->clusters[i];
        struct vdt_geometry *plain = &maker->plain;
        plain->point_count = plain->ring_count = plain->part_count = 0;
        if (work->pieces->kind == VDT_PIECE_BOX)
            status = make_box(plain, cluster->box, error);
        else if (work->pieces->kind == VDT_PIECE_MASK)
            status = make_mask(maker, work, cluster, error);
        else
            status = make_polygon(maker, work, cluster, error);
        if (status == VDT_OK && work->pieces->kind == VDT_PIECE_POLYGON)
            status = vdt_ground_settle(plain, error);
        if (status == VDT_OK)
            status = put_object(maker, work->pieces->areas->area_grids[cluster->area], made, error);
    }
    vdt_geometry_measure(made);
    return status;
}

/* --- columns -------------------------------------------------------------------------------- */

static int rising(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

/* Adds the columns of an object whose shape is there. */
static void add_object(struct vdt_ground_merged *merged, const struct work *work,
                       const struct vdt_cluster *cluster, const struct vdt_feature *feature)
{
    size_t i = merged->count++;
    uint64_t first = merged->piece_offsets[i];
    merged->image[i] = merged->area_of[i] = cluster->area;
    merged->category[i] = cluster->category;
    merged->score[i] = cluster->score;
    merged->crowd[i] = cluster->crowd || cluster->category == VDT_GROUND_ANY;
    merged->ignore[i] = cluster->ignore || cluster->hidden;
    merged->area[i] = feature->area;
    for (int axis = 0; axis < 2; axis++) {
        merged->box[i][axis] = feature->box[axis];
        merged->box[i][axis + 2] = feature->box[axis + 2] - feature->box[axis];
    }
    for (size_t k = 0; k < cluster->count; k++)
        merged->pieces[first + k] =
            work->pieces->pieces[work->clusters->members[cluster->first + k]].input;
    qsort(merged->pieces + first, cluster->count, sizeof *merged->pieces, rising);
    merged->piece_offsets[i + 1] = first + cluster->count;
    merged->counts.joined += cluster->count > 1;
    merged->counts.cut += cluster->cut;
    merged->counts.ignored += cluster->hidden;
}

static vdt_status add_item(struct vdt_ground_merged *merged, const struct work *work, size_t first,
                           const struct vdt_geometry *made, struct vdt_geometry *shapes,
                           struct vdt_error *error)
{
    for (size_t i = 0; i < made->feature_count; i++) {
        const struct vdt_feature *feature = &made->features[i];
        const struct vdt_cluster *cluster = &work->clusters->clusters[first + i];
        if (feature->count == 0) {
            merged->counts.outside += cluster->count;
            continue;
        }
        size_t part = shapes->part_count;
        bool good = vdt_grow(&shapes->features, &shapes->feature_capacity,
                             shapes->feature_count + 1, sizeof *shapes->features);
        for (size_t p = 0; good && p < feature->count; p++)
            good = vdt_geometry_copy_part(shapes, made, &made->parts[feature->first + p]);
        if (!good)
            return vdt_fail_memory(error, "objects on the ground");
        shapes->features[shapes->feature_count++] =
            (struct vdt_feature){.first = part, .count = feature->count};
        add_object(merged, work, cluster, feature);
    }
    return VDT_OK;
}

/* Without a pool: PROJ has a state for each thread, and a confined process can only use that which
 * its thread had before. */
static vdt_status make_here(struct vdt_ground_merged *merged, struct work *work, uint64_t items,
                            struct vdt_geometry *shapes, struct vdt_error *error)
{
    void *maker = NULL;
    vdt_status status = start_maker(work, &maker, error);
    if (status != VDT_OK)
        return status;
    for (uint64_t item = 0; status == VDT_OK && item < items; item++) {
        status = make_item(work, maker, item, 0, error);
        if (status == VDT_OK)
            status = add_item(merged, work, item * OBJECTS_EACH, &work->made[0], shapes, error);
    }
    stop_maker(work, maker);
    return status == VDT_OK ? VDT_END : status;
}

static vdt_status make_all(struct vdt_ground_merged *merged, struct work *work, uint32_t slots,
                           struct vdt_error *error)
{
    static const struct vdt_ordered_ops ops = {start_maker, make_item, stop_maker};
    vdt_cleanup(vdt_geometry_clear) struct vdt_geometry shapes = {0};
    struct vdt_ordered *ordered = NULL;
    uint64_t items = (work->clusters->count + OBJECTS_EACH - 1) / OBJECTS_EACH, item = 0;
    const uint32_t threads = work->pieces->areas->threads;
    vdt_status status = threads == 1
                            ? make_here(merged, work, items, &shapes, error)
                            : vdt_ordered_start(&ops, work, items, threads, slots, &ordered, error);
    uint32_t slot = 0;
    while (status == VDT_OK && (status = vdt_ordered_take(ordered, &slot, error)) == VDT_OK) {
        status = add_item(merged, work, item++ * OBJECTS_EACH, &work->made[slot], &shapes, error);
        vdt_ordered_release(ordered, slot);
    }
    vdt_ordered_free(ordered);
    return status == VDT_END ? vdt_ground_merged_end(merged, &shapes, error) : status;
}

static vdt_status merge(const struct vdt_ground_areas *areas, struct work *work,
                        const struct vdt_ground_input *input, struct vdt_ground_merged **out,
                        struct vdt_error *error)
{
    uint32_t slots = RING * areas->threads;
    struct vdt_ground_merged *merged = NULL;
    vdt_status status = vdt_ground_merged_new(work->clusters->count, work->pieces->count,
                                              input->objects->score != NULL, &merged, error);
    if (status != VDT_OK)
        return status;
    merged->counts.pieces = input->objects->count;
    merged->counts.outside = input->objects->count - work->pieces->count;
    work->made = vdt_allocate_zero(slots, sizeof *work->made);
    status = work->made == NULL ? vdt_fail_memory(error, "objects on the ground")
                                : make_all(merged, work, slots, error);
    for (uint32_t i = 0; work->made != NULL && i < slots; i++)
        vdt_geometry_clear(&work->made[i]);
    free(work->made);
    if (status != VDT_OK) {
        vdt_ground_merged_free(merged);
        return status;
    }
    *out = merged;
    return VDT_OK;
}

vdt_status vdt_ground_merge(const struct vdt_ground_areas *areas,
                            const struct vdt_ground_input *input, struct vdt_ground_merged **merged,
                            struct vdt_error *error)
{
    vdt_cleanup(vdt_pieces_clear) struct vdt_pieces pieces = {0};
    vdt_cleanup(vdt_clusters_clear) struct vdt_clusters clusters = {0};
    struct work work = {.pieces = &pieces, .clusters = &clusters};
    vdt_status status = vdt_pieces_take(&pieces, areas, input, error);
    if (status == VDT_OK)
        status = vdt_clusters_find(&pieces, &clusters, error);
    return status == VDT_OK ? merge(areas, &work, input, merged, error) : status;
}
