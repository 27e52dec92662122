/* What each kind of errors costs: average precision of the detections as they are, and with one
 * kind mended. */
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "eval/diagnosis.h"

/* A detection that counts, in the category where it counts. */
struct point {
    double score;
    uint32_t category;
    uint32_t place; /* among the rows of the matches: the order of equal scores */
    bool right;
};

struct tide {
    const struct vdt_matches *matches;
    const struct vdt_diagnosis *diagnosis;
    uint32_t categories;    /* as they were matched */
    struct point *original; /* [count]: those that count, by category and falling score */
    uint32_t *detection;    /* [count]: which one it is */
    size_t count;
    struct point *points; /* [count]: with something mended */
    uint64_t *truths;     /* [categories] */
    uint64_t *left;       /* [categories]: with something mended */
    uint32_t *mender;     /* [truths]: the detection whose error is mended by it, or VDT_NO_MATCH */
    double *precision;    /* [count] */
    uint32_t *found;      /* [count]: true positives so far */
};

static void clear(struct tide *tide)
{
    free(tide->original);
    free(tide->detection);
    free(tide->points);
    free(tide->truths);
    free(tide->left);
    free(tide->mender);
    free(tide->precision);
    free(tide->found);
}

static bool counts(enum vdt_finding finding)
{
    return finding != VDT_FINDING_LEFT_OUT && finding != VDT_FINDING_IGNORED;
}

static uint32_t category_of(const struct tide *tide, uint32_t category)
{
    return tide->categories == 1 ? 0 : category;
}

static bool allocate(struct tide *tide)
{
    uint64_t rows = tide->matches->rows, truths = tide->diagnosis->truths;
    tide->original = vdt_allocate(rows, sizeof *tide->original);
    tide->detection = vdt_allocate(rows, sizeof *tide->detection);
    tide->points = vdt_allocate(rows, sizeof *tide->points);
    tide->truths = vdt_allocate_zero(tide->categories, sizeof *tide->truths);
    tide->left = vdt_allocate_zero(tide->categories, sizeof *tide->left);
    tide->mender = vdt_allocate(truths, sizeof *tide->mender);
    tide->precision = vdt_allocate(rows, sizeof *tide->precision);
    tide->found = vdt_allocate(rows, sizeof *tide->found);
    return tide->original != NULL && tide->detection != NULL && tide->points != NULL &&
           tide->truths != NULL && tide->left != NULL && tide->mender != NULL &&
           tide->precision != NULL && tide->found != NULL;
}

static bool is_mendable(enum vdt_finding finding)
{
    return finding == VDT_FINDING_CLASS || finding == VDT_FINDING_LOCALISATION;
}

/* Of the detections whose error is about one ground truth that was not found, the highest score
 * would find it. */
static void fill(struct tide *tide)
{
    const struct vdt_diagnosis *diagnosis = tide->diagnosis;
    for (uint64_t row = 0; row < tide->matches->rows; row++) {
        uint32_t detection = tide->matches->detection[row];
        const struct vdt_diagnosed *found = &diagnosis->found[detection];
        if (!counts(found->finding))
            continue;
        tide->detection[tide->count] = detection;
        tide->original[tide->count++] =
            (struct point){.score = found->score,
                           .category = category_of(tide, found->category),
                           .place = (uint32_t)row,
                           .right = found->finding == VDT_FINDING_FOUND};
    }
    for (uint64_t i = 0; i < diagnosis->truths; i++) {
        tide->mender[i] = VDT_NO_MATCH;
        if (diagnosis->truth_state[i] != VDT_TRUTH_IGNORED)
            tide->truths[category_of(tide, diagnosis->truth_category[i])]++;
    }
    for (uint64_t i = 0; i < diagnosis->detections; i++) {
        uint32_t detection = diagnosis->order[i];
        const struct vdt_diagnosed *found = &diagnosis->found[detection];
        if (is_mendable(found->finding) &&
            diagnosis->truth_state[found->truth] != VDT_TRUTH_FOUND &&
            tide->mender[found->truth] == VDT_NO_MATCH)
            tide->mender[found->truth] = detection;
    }
}

/* --- average precision ---------------------------------------------------------------------- */

static int by_category_and_score(const void *left, const void *right)
{
    const struct point *a = left, *b = right;
    if (a->category != b->category)
        return a->category < b->category ? -1 : 1;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return a->place < b->place ? -1 : a->place > b->place;
}

static double precision_of(const struct tide *tide, const struct point *points, size_t count,
                           uint64_t truths)
{
    const struct vdt_match_options *options = &tide->matches->options;
    size_t hits = 0;
    for (size_t i = 0; i < count; i++)
        if (points[i].right) {
            tide->found[hits] = (uint32_t)hits + 1;
            tide->precision[hits] =
                (double)(hits + 1) / ((double)(i + 1) + options->rules->epsilon);
            hits++;
        }
    for (size_t i = hits; i > 1; i--)
        if (tide->precision[i - 1] > tide->precision[i - 2])
            tide->precision[i - 2] = tide->precision[i - 1];
    double sum = 0;
    if (options->rules->exact_area) {
        for (size_t i = 0; i < hits; i++)
            sum += tide->precision[i] / (double)truths;
        return sum;
    }
    for (size_t r = 0; r < options->recall_count; r++) {
        uint32_t needed = vdt_protocol_needed(options->rules, options->recalls[r], (double)truths);
        size_t place = needed == 0 ? 0 : needed - 1;
        sum += place < hits ? tide->precision[place] : 0;
    }
    return sum / (double)options->recall_count;
}

/* The mean of the categories that have ground truth, or had some and have detections. -1: none. */
static double mean_precision(const struct tide *tide, const struct point *points, size_t count,
                             const uint64_t *truths)
{
    double sum = 0;
    uint64_t categories = 0;
    size_t at = 0;
    for (uint32_t k = 0; k < tide->categories; k++) {
        size_t first = at;
        while (at < count && points[at].category == k)
            at++;
        if (truths[k] > 0)
            sum += precision_of(tide, points + first, at - first, truths[k]);
        categories += truths[k] > 0 || (tide->truths[k] > 0 && at > first);
    }
    return categories == 0 ? -1 : sum / (double)categories;
}

/* --- mending -------------------------------------------------------------------------------- */

/* Errors of one kind become true positives of what they are about, or go. */
static double mend(const struct tide *tide, enum vdt_finding finding)
{
    const struct vdt_diagnosis *diagnosis = tide->diagnosis;
    size_t count = 0;
    for (size_t i = 0; i < tide->count; i++) {
        const struct vdt_diagnosed *found = &diagnosis->found[tide->detection[i]];
        struct point point = tide->original[i];
        if (found->finding == finding) {
            if (!is_mendable(finding) || tide->mender[found->truth] != tide->detection[i])
                continue;
            point.right = true;
            point.category = category_of(tide, diagnosis->truth_category[found->truth]);
        }
        tide->points[count++] = point;
    }
    if (finding == VDT_FINDING_CLASS)
        qsort(tide->points, count, sizeof *tide->points, by_category_and_score);
    return mean_precision(tide, tide->points, count, tide->truths);
}

static double mend_missed(const struct tide *tide)
{
    const struct vdt_diagnosis *diagnosis = tide->diagnosis;
    memcpy(tide->left, tide->truths, tide->categories * sizeof *tide->left);
    for (uint64_t i = 0; i < diagnosis->truths; i++)
        if (diagnosis->truth_state[i] == VDT_TRUTH_MISSED)
            tide->left[category_of(tide, diagnosis->truth_category[i])]--;
    return mean_precision(tide, tide->original, tide->count, tide->left);
}

static double without_false_negatives(const struct tide *tide)
{
    memset(tide->left, 0, tide->categories * sizeof *tide->left);
    for (size_t i = 0; i < tide->count; i++)
        tide->left[tide->original[i].category] += tide->original[i].right;
    return mean_precision(tide, tide->original, tide->count, tide->left);
}

static double without_false_positives(const struct tide *tide)
{
    size_t count = 0;
    for (size_t i = 0; i < tide->count; i++)
        if (tide->original[i].right)
            tide->points[count++] = tide->original[i];
    return mean_precision(tide, tide->points, count, tide->truths);
}

static double gain(double mended, double ap)
{
    return mended > ap ? mended - ap : 0;
}

vdt_status vdt_tide_fill(const struct vdt_matches *matches, struct vdt_diagnosis *diagnosis,
                         struct vdt_error *error)
{
    vdt_cleanup(clear) struct tide tide = {
        .matches = matches, .diagnosis = diagnosis, .categories = matches->options.categories};
    if (!allocate(&tide))
        return vdt_fail_memory(error, "diagnosis");
    fill(&tide);
    struct vdt_tide *made = &diagnosis->tide;
    for (uint64_t i = 0; i < diagnosis->detections; i++)
        made->count[diagnosis->found[i].finding]++;
    for (uint64_t i = 0; i < diagnosis->truths; i++)
        made->missed += diagnosis->truth_state[i] == VDT_TRUTH_MISSED;
    made->ap = mean_precision(&tide, tide.original, tide.count, tide.truths);
    for (int finding = VDT_FINDING_LOCALISATION; made->ap >= 0 && finding < VDT_FINDINGS; finding++)
        made->gain[finding] = gain(mend(&tide, (enum vdt_finding)finding), made->ap);
    if (made->ap < 0)
        return VDT_OK;
    made->gain_missed = gain(mend_missed(&tide), made->ap);
    made->gain_false_negatives = gain(without_false_negatives(&tide), made->ap);
    made->gain_false_positives = gain(without_false_positives(&tide), made->ap);
    return VDT_OK;
}
