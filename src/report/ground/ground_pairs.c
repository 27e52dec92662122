/* Pairs of pieces that look like one object. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/ordered.h"
#include "report/ground/ground_state.h"

enum {
    PIECES_EACH = 512, /* of an item of work */
    RING = 2           /* slots for each thread */
};

/* Pieces of a grid and a category, which follow each other. */
struct kind_run {
    size_t first, count;
    struct vdt_index *index;
};

struct search {
    const struct vdt_pieces *pieces;
    const bool *known;
    struct kind_run *runs;
    size_t run_count;
    uint32_t *run_of;              /* [pieces] */
    struct vdt_piece_pairs *found; /* [slots] */
};

static void clear_search(struct search *search)
{
    for (size_t i = 0; search->runs != NULL && i < search->run_count; i++)
        vdt_index_free(search->runs[i].index);
    free(search->runs);
    free(search->run_of);
}

static vdt_status index_run(const struct vdt_pieces *pieces, struct kind_run *run,
                            struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) double(*boxes)[4] = vdt_allocate(run->count, sizeof *boxes);
    if (boxes == NULL)
        return vdt_fail_memory(error, "objects on the ground");
    for (size_t i = 0; i < run->count; i++)
        memcpy(boxes[i], pieces->pieces[run->first + i].box, sizeof boxes[i]);
    return vdt_index_build((const double(*)[4])boxes, run->count, &run->index, error);
}

static vdt_status find_runs(struct search *search, struct vdt_error *error)
{
    const struct vdt_pieces *pieces = search->pieces;
    search->runs = vdt_allocate_zero(pieces->count, sizeof *search->runs);
    search->run_of = vdt_allocate(pieces->count, sizeof *search->run_of);
    if (search->runs == NULL || search->run_of == NULL)
        return vdt_fail_memory(error, "objects on the ground");
    for (size_t i = 0; i < pieces->count; i++) {
        const struct vdt_piece *piece = &pieces->pieces[i];
        if (i == 0 || piece->grid != piece[-1].grid || piece->category != piece[-1].category)
            search->runs[search->run_count++].first = i;
        search->runs[search->run_count - 1].count++;
        search->run_of[i] = (uint32_t)(search->run_count - 1);
    }
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < search->run_count; i++)
        status = index_run(pieces, &search->runs[i], error);
    return status;
}

/* --- workers ------------------------------------------------------------------------------ */

struct searcher {
    struct vdt_piece_view view;
    struct vdt_hits hits;
};

static vdt_status start_searcher(void *payload, void **worker, struct vdt_error *error)
{
    (void)payload;
    struct searcher *searcher = vdt_allocate_zero(1, sizeof *searcher);
    *worker = searcher;
    return searcher != NULL ? VDT_OK : vdt_fail_memory(error, "objects on the ground");
}

static void stop_searcher(void *payload, void *worker)
{
    struct searcher *searcher = worker;
    (void)payload;
    vdt_piece_view_clear(&searcher->view);
    free(searcher->hits.ids);
    free(searcher);
}

static vdt_status compare(const struct search *search, struct searcher *searcher, uint32_t i,
                          uint32_t k, struct vdt_piece_pairs *found, struct vdt_error *error)
{
    const struct vdt_pieces *pieces = search->pieces;
    const struct vdt_piece *a = &pieces->pieces[i], *b = &pieces->pieces[k];
    const struct vdt_ground_placed *tiles = pieces->areas->tiles;
    double common[4];
    if (a->tile == b->tile || a->feature != b->feature || search->known[k])
        return VDT_OK;
    enum vdt_tile_relation relation =
        vdt_tiles_relate(tiles[a->tile].window, tiles[b->tile].window, common);
    if (relation == VDT_TILES_APART)
        return VDT_OK;
    struct vdt_likeness likeness;
    vdt_status status =
        vdt_pieces_likeness(&searcher->view, pieces, a, b, relation, common, &likeness, error);
    int stage = relation == VDT_TILES_TOUCH ? 2 : 0;
    double iou = likeness.iou;
    if (stage == 0 && iou < pieces->areas->overlap &&
        (vdt_piece_is_cut(pieces, a, b->tile) || vdt_piece_is_cut(pieces, b, a->tile))) {
        iou = likeness.share;
        stage = 1;
    }
    if (status != VDT_OK || iou < pieces->areas->overlap)
        return status;
    if (!vdt_grow(&found->pairs, &found->capacity, found->count + 1, sizeof *found->pairs))
        return vdt_fail_memory(error, "objects on the ground");
    found->pairs[found->count++] = (struct vdt_piece_pair){
        .a = i,
        .b = k,
        .stage = stage,
        .apart = fabs(a->score - b->score),
        .iou = iou,
    };
    return VDT_OK;
}

static vdt_status search_item(void *payload, void *worker, uint64_t item, uint32_t slot,
                              struct vdt_error *error)
{
    const struct search *search = payload;
    const struct vdt_pieces *pieces = search->pieces;
    struct searcher *searcher = worker;
    struct vdt_piece_pairs *found = &search->found[slot];
    size_t end = (item + 1) * PIECES_EACH;
    vdt_status status = VDT_OK;
    found->count = 0;
    for (size_t i = item * PIECES_EACH; status == VDT_OK && i < pieces->count && i < end; i++) {
        if (search->known[i])
            continue;
        const struct kind_run *run = &search->runs[search->run_of[i]];
        double box[4], reach = pieces->areas->reach;
        memcpy(box, pieces->pieces[i].box, sizeof box);
        for (int axis = 0; axis < 2; axis++) {
            box[axis] -= 2 * reach;
            box[axis + 2] += 2 * reach;
        }
        status = vdt_index_query(run->index, box, &searcher->hits, error);
        for (size_t k = 0; status == VDT_OK && k < searcher->hits.count; k++)
            if (run->first + searcher->hits.ids[k] > i)
                status = compare(search, searcher, (uint32_t)i,
                                 (uint32_t)(run->first + searcher->hits.ids[k]), found, error);
    }
    return status;
}

/* --- all pairs ----------------------------------------------------------------------------------
 */

static int best_first(const void *left, const void *right)
{
    const struct vdt_piece_pair *a = left, *b = right;
    if (a->stage != b->stage)
        return a->stage < b->stage ? -1 : 1;
    if (a->iou != b->iou)
        return a->iou > b->iou ? -1 : 1;
    if (a->apart != b->apart)
        return a->apart < b->apart ? -1 : 1;
    if (a->a != b->a)
        return a->a < b->a ? -1 : 1;
    return a->b < b->b ? -1 : a->b > b->b;
}

static vdt_status gather(struct search *search, uint32_t slots, struct vdt_piece_pairs *pairs,
                         struct vdt_error *error)
{
    static const struct vdt_ordered_ops ops = {start_searcher, search_item, stop_searcher};
    struct vdt_ordered *ordered = NULL;
    uint64_t items = (search->pieces->count + PIECES_EACH - 1) / PIECES_EACH;
    vdt_status status = vdt_ordered_start(&ops, search, items, search->pieces->areas->threads,
                                          slots, &ordered, error);
    uint32_t slot = 0;
    while (status == VDT_OK && (status = vdt_ordered_take(ordered, &slot, error)) == VDT_OK) {
        const struct vdt_piece_pairs *found = &search->found[slot];
        if (!vdt_grow(&pairs->pairs, &pairs->capacity, pairs->count + found->count,
                      sizeof *pairs->pairs))
            status = vdt_fail_memory(error, "objects on the ground");
        else if (found->count > 0)
            memcpy(pairs->pairs + pairs->count, found->pairs, found->count * sizeof *pairs->pairs);
        pairs->count += status == VDT_OK ? found->count : 0;
        vdt_ordered_release(ordered, slot);
    }
    vdt_ordered_free(ordered);
    return status == VDT_END ? VDT_OK : status;
}

vdt_status vdt_pairs_find(const struct vdt_pieces *pieces, const bool *known,
                          struct vdt_piece_pairs *pairs, struct vdt_error *error)
{
    vdt_cleanup(clear_search) struct search search = {.pieces = pieces, .known = known};
    uint32_t slots = RING * pieces->areas->threads;
    if (pieces->count == 0)
        return VDT_OK;
    search.found = vdt_allocate_zero(slots, sizeof *search.found);
    vdt_status status = search.found == NULL ? vdt_fail_memory(error, "objects on the ground")
                                             : find_runs(&search, error);
    if (status == VDT_OK)
        status = gather(&search, slots, pairs, error);
    for (uint32_t i = 0; search.found != NULL && i < slots; i++)
        free(search.found[i].pairs);
    free(search.found);
    if (status == VDT_OK && pairs->count > 1)
        qsort(pairs->pairs, pairs->count, sizeof *pairs->pairs, best_first);
    return status;
}
