/* What tiles show of objects, in pixels of their grids. */
#define _GNU_SOURCE /* qsort_r */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "report/ground/ground_state.h"
#include "source/shapes/overlay.h"

/* --- one kind after the other --------------------------------------------------------------- */

static void clip(double box[4], const double window[4])
{
    for (int axis = 0; axis < 2; axis++) {
        box[axis] = fmax(box[axis], window[axis]);
        box[axis + 2] = fmin(box[axis + 2], window[axis + 2]);
    }
}

static bool has_ground(const double box[4])
{
    return box[2] > box[0] && box[3] > box[1];
}

static double area_of(const double box[4])
{
    return has_ground(box) ? (box[2] - box[0]) * (box[3] - box[1]) : 0;
}

static vdt_status bad(const struct vdt_pieces *pieces, uint64_t i, const char *what,
                      struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_FORMAT, "%s %llu: %s",
                    pieces->objects->score != NULL ? "detection" : "ground truth",
                    (unsigned long long)i, what);
}

static vdt_status take_box(struct vdt_pieces *pieces, struct vdt_piece *piece,
                           const double window[4], struct vdt_error *error)
{
    const double *b = pieces->objects->box[piece->input];
    if (!isfinite(b[0]) || !isfinite(b[1]) || !isfinite(b[2]) || !isfinite(b[3]))
        return bad(pieces, piece->input, "its box is no number", error);
    for (int axis = 0; axis < 2; axis++) {
        piece->box[axis] = window[axis] + b[axis];
        piece->box[axis + 2] = window[axis] + b[axis] + b[axis + 2];
    }
    clip(piece->box, window);
    piece->area = area_of(piece->box);
    return VDT_OK;
}

static vdt_status take_mask(struct vdt_pieces *pieces, struct vdt_piece *piece,
                            const double window[4], struct vdt_error *error)
{
    const struct vdt_shapes *shapes = pieces->objects->shapes;
    const struct vdt_ground_areas *areas = pieces->areas;
    uint64_t i = piece->input, rows = areas->rows, at = 0;
    if (shapes->size[i][0] != areas->rows || shapes->size[i][1] != areas->cols)
        return bad(pieces, i, "its mask has not the size of the tiles", error);
    uint64_t box[4] = {UINT64_MAX, UINT64_MAX, 0, 0}, pixels = 0;
    for (uint64_t k = shapes->count_offsets[i]; k < shapes->count_offsets[i + 1]; k++) {
        uint64_t run = shapes->counts[k];
        if ((k - shapes->count_offsets[i]) % 2 == 1 && run > 0) {
            uint64_t first = at / rows, last = (at + run - 1) / rows;
            uint64_t top = first == last ? at % rows : 0;
            uint64_t bottom = first == last ? (at + run - 1) % rows + 1 : rows;
            box[0] = first < box[0] ? first : box[0];
            box[1] = top < box[1] ? top : box[1];
            box[2] = last + 1 > box[2] ? last + 1 : box[2];
            box[3] = bottom > box[3] ? bottom : box[3];
            pixels += run;
        }
        at += run;
    }
    if (at != rows * areas->cols)
        return bad(pieces, i, "the runs of its mask are not all pixels of its tile", error);
    for (int axis = 0; axis < 4 && pixels > 0; axis++)
        piece->box[axis] = window[axis % 2] + (double)box[axis];
    piece->area = (double)pixels;
    return VDT_OK;
}

/* --- polygons ------------------------------------------------------------------------------- */

static bool add_ring(struct vdt_geometry *to, const double (*points)[2], size_t count,
                     const double window[4])
{
    if (!vdt_grow(&to->rings, &to->ring_capacity, to->ring_count + 1, sizeof *to->rings) ||
        !vdt_grow(&to->points, &to->point_capacity, to->point_count + count, sizeof *to->points))
        return false;
    to->rings[to->ring_count++] = (struct vdt_ring){to->point_count, count};
    for (size_t i = 0; i < count; i++) {
        to->points[to->point_count][0] = points[i][0] + window[0];
        to->points[to->point_count++][1] = points[i][1] + window[1];
    }
    return true;
}

static bool add_part(struct vdt_geometry *to, size_t rings)
{
    if (!vdt_grow(&to->parts, &to->part_capacity, to->part_count + 1, sizeof *to->parts))
        return false;
    to->parts[to->part_count++] = (struct vdt_part){to->ring_count, rings};
    return true;
}

/* Appends shape `i`, moved to the grid. */
static bool add_shape(const struct vdt_shapes *shapes, uint64_t i, const double window[4],
                      struct vdt_geometry *to)
{
    if (shapes->kind == VDT_SHAPE_ROTATED) {
        double corners[4][2];
        vdt_rotated_corners(shapes->rotated[i], corners);
        return add_part(to, 1) && add_ring(to, (const double(*)[2])corners, 4, window);
    }
    for (uint64_t p = shapes->shape_offsets[i]; p < shapes->shape_offsets[i + 1]; p++) {
        uint64_t first = shapes->part_offsets[p], end = shapes->part_offsets[p + 1];
        if (first < end && !add_part(to, end - first))
            return false;
        for (uint64_t r = first; r < end; r++)
            if (!add_ring(to, shapes->points + shapes->ring_offsets[r],
                          shapes->ring_offsets[r + 1] - shapes->ring_offsets[r], window))
                return false;
    }
    return true;
}

static bool measure(const struct vdt_geometry *shapes, size_t part, struct vdt_piece *piece)
{
    double box[4] = {INFINITY, INFINITY, -INFINITY, -INFINITY}, area = 0;
    bool finite = true;
    for (size_t p = part; p < shapes->part_count; p++)
        for (size_t r = 0; r < shapes->parts[p].count; r++) {
            const struct vdt_ring *ring = &shapes->rings[shapes->parts[p].first + r];
            const double(*points)[2] = (const double(*)[2])shapes->points + ring->first;
            double ring_area = fabs(vdt_ring_area2(points, ring->count)) / 2;
            area += r == 0 ? ring_area : -ring_area;
            for (size_t i = 0; i < ring->count; i++)
                for (int axis = 0; axis < 2; axis++) {
                    finite = finite && isfinite(points[i][axis]);
                    box[axis] = fmin(box[axis], points[i][axis]);
                    box[axis + 2] = fmax(box[axis + 2], points[i][axis]);
                }
        }
    memcpy(piece->box, box, sizeof box);
    piece->area = fmax(area, 0);
    piece->part = part;
    piece->part_count = shapes->part_count - part;
    return finite;
}

static bool reaches_out(const double box[4], const double window[4])
{
    return box[0] < window[0] || box[1] < window[1] || box[2] > window[2] || box[3] > window[3];
}

static void forget_from(struct vdt_geometry *shapes, const struct vdt_geometry *begin)
{
    shapes->point_count = begin->point_count;
    shapes->ring_count = begin->ring_count;
    shapes->part_count = begin->part_count;
}

static vdt_status take_polygon(struct vdt_pieces *pieces, struct vdt_overlay *overlay,
                               struct vdt_piece *piece, const double window[4],
                               struct vdt_error *error)
{
    struct vdt_geometry begin = pieces->shapes;
    if (!add_shape(pieces->objects->shapes, piece->input, window, &pieces->shapes))
        return vdt_fail_memory(error, "objects on the ground");
    if (!measure(&pieces->shapes, begin.part_count, piece))
        return bad(pieces, piece->input, "a coordinate of its shape is no number", error);
    if (piece->part_count == 0)
        return VDT_OK;
    vdt_cleanup(vdt_geometry_clear) struct vdt_geometry inside = {0};
    struct vdt_overlay_parts whole = {
        .geometry = &pieces->shapes, .first = begin.part_count, .count = piece->part_count};
    bool changed = reaches_out(piece->box, window);
    vdt_status status = changed ? vdt_overlay_cut(overlay, &whole, window, &inside, error)
                                : vdt_overlay_mend(overlay, &whole, &changed, &inside, error);
    if (status != VDT_OK || !changed)
        return status;
    forget_from(&pieces->shapes, &begin);
    for (size_t i = 0; i < inside.part_count; i++)
        if (!vdt_geometry_copy_part(&pieces->shapes, &inside, &inside.parts[i]))
            return vdt_fail_memory(error, "objects on the ground");
    measure(&pieces->shapes, begin.part_count, piece);
    return VDT_OK;
}

/* --- the edge of what tiles cover ---------------------------------------------------------------
 */

/* Whether all of a side of a piece has tiles beyond it. `side`: 0 left, 1 upper, 2 right, 3 lower.
 */
static bool is_covered(const struct vdt_ground_areas *areas, const struct vdt_piece *piece,
                       int side, const struct vdt_hits *hits)
{
    int along = 1 - side % 2;
    double line = areas->tiles[piece->tile].window[side], at = piece->box[along];
    uint32_t first = areas->grids[piece->grid].first;
    /* Tiles come in any order: go on from where the last one that helped ends. */
    for (bool moved = true; moved && at < piece->box[along + 2];) {
        moved = false;
        for (size_t i = 0; i < hits->count; i++) {
            const double *w = areas->tiles[areas->sorted[first + hits->ids[i]]].window;
            bool beyond = side < 2 ? w[side] < line && w[side + 2] >= line
                                   : w[side] > line && w[side - 2] <= line;
            if (beyond && w[along] <= at && w[along + 2] > at) {
                at = w[along + 2];
                moved = true;
            }
        }
    }
    return at >= piece->box[along + 2];
}

/* Sets `cut` where the piece reaches its tile's border and no other tile goes on there. */
static vdt_status find_cut(const struct vdt_ground_areas *areas, struct vdt_piece *piece,
                           struct vdt_hits *hits, struct vdt_error *error)
{
    const double *window = areas->tiles[piece->tile].window;
    vdt_status status = VDT_OK;
    bool asked = false;
    for (int side = 0; status == VDT_OK && side < 4; side++) {
        if (fabs(piece->box[side] - window[side]) > 1e-6)
            continue;
        if (!asked)
            status = vdt_index_query(areas->grids[piece->grid].index, piece->box, hits, error);
        asked = true;
        if (status == VDT_OK && !is_covered(areas, piece, side, hits))
            piece->cut = true;
    }
    return status;
}

/* --- all of them ---------------------------------------------------------------------------- */

static int in_order(const void *left, const void *right, void *payload)
{
    const struct vdt_ground_areas *areas = payload;
    const struct vdt_piece *a = left, *b = right;
    if (a->grid != b->grid)
        return a->grid < b->grid ? -1 : 1;
    if (a->category != b->category)
        return a->category < b->category ? -1 : 1;
    if (a->tile != b->tile)
        return areas->tiles[a->tile].rank < areas->tiles[b->tile].rank ? -1 : 1;
    for (int i = 0; i < 4; i++)
        if (a->box[(i + 1) % 4] != b->box[(i + 1) % 4])
            return a->box[(i + 1) % 4] < b->box[(i + 1) % 4] ? -1 : 1;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return a->input < b->input ? -1 : a->input > b->input;
}

static vdt_status take_one(struct vdt_pieces *pieces, struct vdt_overlay *overlay, uint64_t i,
                           struct vdt_piece *piece, struct vdt_error *error)
{
    const struct vdt_objects *objects = pieces->objects;
    const struct vdt_ground_areas *areas = pieces->areas;
    if (objects->image[i] >= areas->tile_count)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "an object of tile %u of %u", objects->image[i],
                        areas->tile_count);
    const struct vdt_ground_placed *tile = &areas->tiles[objects->image[i]];
    *piece = (struct vdt_piece){
        .input = i,
        .tile = objects->image[i],
        .grid = tile->grid,
        .category = objects->category == NULL ? 0 : objects->category[i],
        .feature = pieces->input->feature == NULL ? -1 : pieces->input->feature[i],
        .score = objects->score == NULL ? 0 : objects->score[i],
    };
    if (!isfinite(piece->score))
        return bad(pieces, i, "its score is no number", error);
    if (pieces->kind == VDT_PIECE_BOX)
        return take_box(pieces, piece, tile->window, error);
    if (pieces->kind == VDT_PIECE_MASK)
        return take_mask(pieces, piece, tile->window, error);
    return take_polygon(pieces, overlay, piece, tile->window, error);
}

static vdt_status take_all(struct vdt_pieces *pieces, struct vdt_overlay *overlay,
                           struct vdt_error *error)
{
    struct vdt_hits hits = {0};
    vdt_status status = VDT_OK;
    for (uint64_t i = 0; status == VDT_OK && i < pieces->objects->count; i++) {
        struct vdt_piece *piece = &pieces->pieces[pieces->count];
        struct vdt_geometry begin = pieces->shapes;
        status = take_one(pieces, overlay, i, piece, error);
        if (status == VDT_OK && has_ground(piece->box)) {
            pieces->count++;
            status = find_cut(pieces->areas, piece, &hits, error);
        } else if (status == VDT_OK) {
            forget_from(&pieces->shapes, &begin);
        }
    }
    free(hits.ids);
    return status;
}

vdt_status vdt_pieces_take(struct vdt_pieces *pieces, const struct vdt_ground_areas *areas,
                           const struct vdt_ground_input *input, struct vdt_error *error)
{
    const struct vdt_objects *objects = input->objects;
    *pieces = (struct vdt_pieces){.areas = areas, .input = input, .objects = objects};
    pieces->kind = objects->shapes == NULL                  ? VDT_PIECE_BOX
                   : objects->shapes->kind == VDT_SHAPE_RLE ? VDT_PIECE_MASK
                                                            : VDT_PIECE_POLYGON;
    if (objects->count >= UINT32_MAX)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED, "%llu objects on the ground; below 2^32 - 1",
                        (unsigned long long)objects->count);
    if (objects->shapes == NULL && objects->box == NULL && objects->count > 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "objects without boxes and shapes");
    struct vdt_overlay *overlay = NULL;
    pieces->pieces = vdt_allocate(objects->count, sizeof *pieces->pieces);
    vdt_status status = pieces->pieces == NULL ? vdt_fail_memory(error, "objects on the ground")
                                               : vdt_overlay_open(&overlay, error);
    if (status == VDT_OK)
        status = take_all(pieces, overlay, error);
    vdt_overlay_free(overlay);
    if (status == VDT_OK)
        qsort_r(pieces->pieces, pieces->count, sizeof *pieces->pieces, in_order, (void *)areas);
    return status;
}

struct vdt_overlay_parts vdt_piece_parts(const struct vdt_pieces *pieces,
                                         const struct vdt_piece *piece)
{
    return (struct vdt_overlay_parts){&pieces->shapes, piece->part, piece->part_count, true};
}

size_t vdt_piece_points(const struct vdt_pieces *pieces, const struct vdt_piece *piece)
{
    const struct vdt_geometry *shapes = &pieces->shapes;
    size_t count = 0;
    for (size_t p = piece->part; p < piece->part + piece->part_count; p++)
        for (size_t r = 0; r < shapes->parts[p].count; r++)
            count += shapes->rings[shapes->parts[p].first + r].count;
    return count;
}

bool vdt_piece_sides(const struct vdt_pieces *pieces, const struct vdt_piece *piece, int which,
                     const double origin[2], struct vdt_shared_area *to)
{
    const struct vdt_geometry *shapes = &pieces->shapes;
    bool good = true;
    for (size_t p = piece->part; p < piece->part + piece->part_count; p++)
        for (size_t r = 0; good && r < shapes->parts[p].count; r++) {
            const struct vdt_ring *ring = &shapes->rings[shapes->parts[p].first + r];
            good = vdt_shared_area_ring(to, which, (const double(*)[2])shapes->points + ring->first,
                                        ring->count, origin);
        }
    return good;
}

void vdt_pieces_clear(struct vdt_pieces *pieces)
{
    free(pieces->pieces);
    vdt_geometry_clear(&pieces->shapes);
    *pieces = (struct vdt_pieces){0};
}
