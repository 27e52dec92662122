/* Curves over samples that are sorted by their score. */
#include "eval/curve.h"

#include <math.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

static int by_falling_score(const void *a, const void *b)
{
    const struct vdt_ranked *first = a, *second = b;
    return (first->score < second->score) - (first->score > second->score);
}

void vdt_curve_sort(struct vdt_ranked *ranked, uint64_t count)
{
    qsort(ranked, count, sizeof *ranked, by_falling_score);
}

/* Counts the samples of the same score that begin at `from`; returns where they end. */
static uint64_t next_tie(const struct vdt_ranked *ranked, uint64_t count, uint64_t from,
                         uint64_t *right, uint64_t *wrong)
{
    uint64_t i = from;
    for (; i < count && ranked[i].score == ranked[from].score; i++)
        *(ranked[i].truth ? right : wrong) += ranked[i].weight;
    return i;
}

uint64_t vdt_curve_points(const struct vdt_ranked *ranked, uint64_t count,
                          struct vdt_curve_point *points)
{
    uint64_t right = 0, wrong = 0, made = 0;
    for (uint64_t i = 0; i < count;) {
        const double threshold = ranked[i].score;
        i = next_tie(ranked, count, i, &right, &wrong);
        points[made++] = (struct vdt_curve_point){threshold, right, wrong};
    }
    return made;
}

struct vdt_curve_areas vdt_curve_areas(const struct vdt_ranked *ranked, uint64_t count)
{
    uint64_t right = 0, wrong = 0;
    double ordered = 0, precision = 0;
    for (uint64_t i = 0; i < count;) {
        const uint64_t right_before = right, wrong_before = wrong;
        i = next_tie(ranked, count, i, &right, &wrong);
        const double rights = (double)(right - right_before),
                     wrongs = (double)(wrong - wrong_before);
        ordered += wrongs * ((double)right_before + rights / 2);
        if (rights > 0)
            precision += rights * ((double)right / (double)(right + wrong));
    }
    return (struct vdt_curve_areas){
        right && wrong ? ordered / ((double)right * (double)wrong) : NAN,
        right ? precision / (double)right : NAN,
    };
}

vdt_status vdt_score_curve(const uint8_t *truth, const double *scores, const uint32_t *weights,
                           uint64_t count, struct vdt_curve_point *points, uint64_t *point_count,
                           uint64_t *positives, uint64_t *negatives, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) struct vdt_ranked *ranked = vdt_allocate(count, sizeof *ranked);
    if (!ranked)
        return vdt_fail_memory(error, "score curve");
    uint64_t kept = 0, right = 0, wrong = 0;
    for (uint64_t i = 0; i < count; i++) {
        const uint32_t weight = weights ? weights[i] : 1;
        if (truth[i] == 255 || weight == 0)
            continue;
        if (truth[i] > 1)
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "sample %llu: truth %u; 0, 1 or 255 (not known) is wanted",
                            (unsigned long long)i, truth[i]);
        if (isnan(scores[i]))
            return vdt_fail(error, VDT_ERR_ARGUMENT, "sample %llu: its score is not a number",
                            (unsigned long long)i);
        ranked[kept++] = (struct vdt_ranked){scores[i], weight, truth[i]};
        *(truth[i] ? &right : &wrong) += weight;
    }
    vdt_curve_sort(ranked, kept);
    *point_count = vdt_curve_points(ranked, kept, points);
    if (positives)
        *positives = right;
    if (negatives)
        *negatives = wrong;
    return VDT_OK;
}
