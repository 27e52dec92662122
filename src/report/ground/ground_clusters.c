/* Which pieces are one object. */
#define _GNU_SOURCE /* qsort_r */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "report/ground/ground_state.h"

static const uint32_t NONE = UINT32_MAX;
static const double ALL_VISIBLE = 0.999999;

/* Sets of pieces. A root lists its pieces through `next`; sets are small, so that their tiles are
 * compared one by one. */
struct sets {
    const struct vdt_pieces *pieces;
    uint32_t *parents, *next, *last, *size;
    bool *by_feature; /* the piece's object is known */
};

static void clear_sets(struct sets *sets)
{
    free(sets->parents);
    free(sets->next);
    free(sets->last);
    free(sets->size);
    free(sets->by_feature);
}

static vdt_status open_sets(struct sets *sets, const struct vdt_pieces *pieces,
                            struct vdt_error *error)
{
    size_t count = pieces->count;
    sets->pieces = pieces;
    sets->parents = vdt_allocate(count, sizeof *sets->parents);
    sets->next = vdt_allocate(count, sizeof *sets->next);
    sets->last = vdt_allocate(count, sizeof *sets->last);
    sets->size = vdt_allocate(count, sizeof *sets->size);
    sets->by_feature = vdt_allocate_zero(count, sizeof *sets->by_feature);
    if (sets->parents == NULL || sets->next == NULL || sets->last == NULL || sets->size == NULL ||
        sets->by_feature == NULL)
        return vdt_fail_memory(error, "objects on the ground");
    for (uint32_t i = 0; i < count; i++) {
        sets->parents[i] = sets->last[i] = i;
        sets->next[i] = NONE;
        sets->size[i] = 1;
    }
    return VDT_OK;
}

static uint32_t root_of(struct sets *sets, uint32_t i)
{
    while (sets->parents[i] != i)
        i = sets->parents[i] = sets->parents[sets->parents[i]];
    return i;
}

static bool share_a_tile(const struct sets *sets, uint32_t a, uint32_t b)
{
    const struct vdt_piece *pieces = sets->pieces->pieces;
    for (uint32_t i = a; i != NONE; i = sets->next[i])
        for (uint32_t k = b; k != NONE; k = sets->next[k])
            if (pieces[i].tile == pieces[k].tile)
                return true;
    return false;
}

static bool share_ground(const double a[4], const double b[4])
{
    return a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
}

/* Whether a tile that has a piece of one set shows a piece of the other: the two were compared
 * there and were not alike, and who sees both sides of a border knows better than those that end
 * at it. */
static bool are_seen_apart(const struct sets *sets, uint32_t a, uint32_t b)
{
    const struct vdt_piece *pieces = sets->pieces->pieces;
    const struct vdt_ground_placed *tiles = sets->pieces->areas->tiles;
    for (uint32_t i = a; i != NONE; i = sets->next[i])
        for (uint32_t k = b; k != NONE; k = sets->next[k])
            if (share_ground(tiles[pieces[i].tile].window, pieces[k].box) ||
                share_ground(tiles[pieces[k].tile].window, pieces[i].box))
                return true;
    return false;
}

static void join(struct sets *sets, uint32_t a, uint32_t b)
{
    uint32_t root = a < b ? a : b, other = a < b ? b : a;
    sets->parents[other] = root;
    sets->next[sets->last[root]] = other;
    sets->last[root] = sets->last[other];
    sets->size[root] += sets->size[other];
}

/* --- ground truth whose object is known
 * ------------------------------------------------------------ */

static int by_feature(const void *left, const void *right, void *payload)
{
    const struct vdt_piece *pieces = payload;
    uint32_t i = *(const uint32_t *)left, k = *(const uint32_t *)right;
    const struct vdt_piece *a = &pieces[i], *b = &pieces[k];
    if (a->grid != b->grid)
        return a->grid < b->grid ? -1 : 1;
    if (a->category != b->category)
        return a->category < b->category ? -1 : 1;
    if (a->feature != b->feature)
        return a->feature < b->feature ? -1 : 1;
    return i < k ? -1 : i > k;
}

static bool same_feature(const struct vdt_piece *a, const struct vdt_piece *b)
{
    return a->grid == b->grid && a->category == b->category && a->feature == b->feature;
}

/* Label files number their features each for itself, so that two objects may have one number: for
 * certain where one tile has both, or where one of them is whole in its tile and another one lies
 * elsewhere. */
static bool is_one_object(const struct vdt_pieces *pieces, const uint32_t *list, size_t count)
{
    const double *visible = pieces->input->visible;
    for (size_t i = 1; i < count; i++)
        if (pieces->pieces[list[i]].tile == pieces->pieces[list[i - 1]].tile)
            return false;
    for (size_t i = 0; visible != NULL && i < count; i++) {
        const struct vdt_piece *whole = &pieces->pieces[list[i]];
        if (!(visible[whole->input] >= ALL_VISIBLE))
            continue;
        for (size_t k = 0; k < count; k++) {
            const double *other = pieces->pieces[list[k]].box;
            if (other[0] > whole->box[2] || other[2] < whole->box[0] || other[1] > whole->box[3] ||
                other[3] < whole->box[1])
                return false;
        }
    }
    return true;
}

static vdt_status join_features(struct sets *sets, struct vdt_error *error)
{
    const struct vdt_pieces *pieces = sets->pieces;
    vdt_cleanup(vdt_free_pointer) uint32_t *list = vdt_allocate(pieces->count, sizeof *list);
    if (list == NULL)
        return vdt_fail_memory(error, "objects on the ground");
    size_t known = 0;
    for (uint32_t i = 0; i < pieces->count; i++)
        if (pieces->pieces[i].feature >= 0)
            list[known++] = i;
    qsort_r(list, known, sizeof *list, by_feature, pieces->pieces);
    for (size_t first = 0, end; first < known; first = end) {
        end = first + 1;
        while (end < known &&
               same_feature(&pieces->pieces[list[first]], &pieces->pieces[list[end]]))
            end++;
        if (!is_one_object(pieces, list + first, end - first))
            continue;
        for (size_t i = first; i < end; i++) {
            sets->by_feature[list[i]] = true;
            if (i > first)
                join(sets, root_of(sets, list[first]), list[i]);
        }
    }
    return VDT_OK;
}

/* --- all others ---------------------------------------------------------------------------------
 */

static vdt_status join_pairs(struct sets *sets, struct vdt_error *error)
{
    struct vdt_piece_pairs pairs = {0};
    vdt_status status = vdt_pairs_find(sets->pieces, sets->by_feature, &pairs, error);
    for (size_t i = 0; status == VDT_OK && i < pairs.count; i++) {
        uint32_t a = root_of(sets, pairs.pairs[i].a), b = root_of(sets, pairs.pairs[i].b);
        bool border = pairs.pairs[i].stage == 2;
        if (a != b && !share_a_tile(sets, a, b) && !(border && are_seen_apart(sets, a, b)))
            join(sets, a, b);
    }
    free(pairs.pairs);
    return status;
}

/* --- objects ---------------------------------------------------------------------------------- */

static int in_order(const void *left, const void *right)
{
    const struct vdt_cluster *a = left, *b = right;
    if (a->area != b->area)
        return a->area < b->area ? -1 : 1;
    if (a->category != b->category)
        return a->category < b->category ? -1 : 1;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    for (int i = 0; i < 4; i++)
        if (a->box[(i + 1) % 4] != b->box[(i + 1) % 4])
            return a->box[(i + 1) % 4] < b->box[(i + 1) % 4] ? -1 : 1;
    return a->first < b->first ? -1 : a->first > b->first;
}

static bool overlaps_an_earlier(const struct vdt_pieces *pieces, const uint32_t *members, size_t i)
{
    const struct vdt_ground_placed *tiles = pieces->areas->tiles;
    double common[4];
    for (size_t k = 0; k < i; k++)
        if (vdt_tiles_relate(tiles[pieces->pieces[members[i]].tile].window,
                             tiles[pieces->pieces[members[k]].tile].window,
                             common) == VDT_TILES_OVERLAP)
            return true;
    return false;
}

/* The share of the whole object that its pieces show, at least: what tiles that overlap show is
 * counted for one of them. 1 when it is not known. */
static double visible_of(const struct vdt_pieces *pieces, const uint32_t *members, size_t count)
{
    const double *visible = pieces->input->visible;
    double most = 0, sum = 0;
    if (visible == NULL)
        return 1;
    for (size_t i = 0; i < count; i++) {
        double share = visible[pieces->pieces[members[i]].input];
        most = fmax(most, share);
        sum += overlaps_an_earlier(pieces, members, i) ? 0 : share;
    }
    return fmax(most, fmin(sum, 1));
}

static void describe(const struct vdt_pieces *pieces, const uint32_t *members,
                     struct vdt_cluster *cluster)
{
    const struct vdt_piece *first = &pieces->pieces[members[0]];
    const struct vdt_objects *objects = pieces->objects;
    double weights = 0, sum = 0;
    memcpy(cluster->box, first->box, sizeof cluster->box);
    cluster->area = pieces->areas->tiles[first->tile].area;
    cluster->category = first->category;
    cluster->score = first->score;
    for (size_t i = 0; i < cluster->count; i++) {
        const struct vdt_piece *piece = &pieces->pieces[members[i]];
        cluster->score = fmax(cluster->score, piece->score);
        weights += piece->area;
        sum += piece->area * piece->score;
        cluster->cut = cluster->cut || piece->cut;
        cluster->crowd |= objects->crowd != NULL && objects->crowd[piece->input] != 0;
        cluster->ignore |= objects->ignore != NULL && objects->ignore[piece->input] != 0;
        for (int axis = 0; axis < 2; axis++) {
            cluster->box[axis] = fmin(cluster->box[axis], piece->box[axis]);
            cluster->box[axis + 2] = fmax(cluster->box[axis + 2], piece->box[axis + 2]);
        }
    }
    if (pieces->areas->mean_scores && cluster->count > 1 && weights > 0)
        cluster->score = sum / weights;
    if (objects->score != NULL)
        return;
    cluster->hidden = (pieces->areas->ignore_cut && cluster->cut) ||
                      visible_of(pieces, members, cluster->count) < pieces->areas->min_visible;
}

static vdt_status list_clusters(struct sets *sets, struct vdt_clusters *clusters,
                                struct vdt_error *error)
{
    const struct vdt_pieces *pieces = sets->pieces;
    clusters->clusters = vdt_allocate_zero(pieces->count, sizeof *clusters->clusters);
    clusters->members = vdt_allocate(pieces->count, sizeof *clusters->members);
    if (clusters->clusters == NULL || clusters->members == NULL)
        return vdt_fail_memory(error, "objects on the ground");
    size_t at = 0;
    for (uint32_t i = 0; i < pieces->count; i++) {
        if (sets->parents[i] != i)
            continue;
        struct vdt_cluster *cluster = &clusters->clusters[clusters->count++];
        *cluster = (struct vdt_cluster){.first = at, .count = sets->size[i]};
        for (uint32_t k = i; k != NONE; k = sets->next[k])
            clusters->members[at++] = k;
        describe(pieces, clusters->members + cluster->first, cluster);
    }
    qsort(clusters->clusters, clusters->count, sizeof *clusters->clusters, in_order);
    return VDT_OK;
}

vdt_status vdt_clusters_find(const struct vdt_pieces *pieces, struct vdt_clusters *clusters,
                             struct vdt_error *error)
{
    vdt_cleanup(clear_sets) struct sets sets = {0};
    vdt_status status = open_sets(&sets, pieces, error);
    if (status == VDT_OK)
        status = join_features(&sets, error);
    if (status == VDT_OK)
        status = join_pairs(&sets, error);
    return status == VDT_OK ? list_clusters(&sets, clusters, error) : status;
}

void vdt_clusters_clear(struct vdt_clusters *clusters)
{
    free(clusters->clusters);
    free(clusters->members);
    *clusters = (struct vdt_clusters){0};
}
