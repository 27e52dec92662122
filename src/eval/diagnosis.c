/* What a diagnosis tells: kinds, examples, histograms, points by score. */
#include "eval/diagnosis.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

const char *vdt_finding_name(enum vdt_finding finding)
{
    static const char *const names[VDT_FINDINGS] = {
        "left out", "found", "ignored", "localisation", "class", "duplicate", "background", "both"};
    return (unsigned)finding < VDT_FINDINGS ? names[finding] : "unknown";
}

enum vdt_finding vdt_diagnosis_detection(const struct vdt_diagnosis *diagnosis, uint64_t detection,
                                         uint32_t *ground_truth, double *iou)
{
    static const struct vdt_diagnosed none = {.truth = VDT_NO_MATCH};
    const struct vdt_diagnosed *found =
        detection < diagnosis->detections ? &diagnosis->found[detection] : &none;
    if (ground_truth != NULL)
        *ground_truth = found->truth;
    if (iou != NULL)
        *iou = found->iou;
    return found->finding;
}

enum vdt_truth_state vdt_diagnosis_truth(const struct vdt_diagnosis *diagnosis,
                                         uint64_t ground_truth)
{
    return ground_truth < diagnosis->truths
               ? (enum vdt_truth_state)diagnosis->truth_state[ground_truth]
               : VDT_TRUTH_IGNORED;
}

const uint64_t *vdt_diagnosis_confusion(const struct vdt_diagnosis *diagnosis, uint32_t *categories)
{
    *categories = diagnosis->categories;
    return diagnosis->confusion;
}

void vdt_diagnosis_tide(const struct vdt_diagnosis *diagnosis, struct vdt_tide *tide)
{
    *tide = diagnosis->tide;
}

/* The detections of a category, or all, by falling score. */
struct ranking {
    const uint32_t *detections;
    uint64_t count;
};

static struct ranking ranking_of(const struct vdt_diagnosis *diagnosis, size_t category)
{
    if (category == VDT_EVERY)
        return (struct ranking){diagnosis->order, diagnosis->detections};
    if (category >= diagnosis->categories)
        return (struct ranking){NULL, 0};
    uint64_t first = diagnosis->category_rows[category];
    return (struct ranking){diagnosis->by_category + first,
                            diagnosis->category_rows[category + 1] - first};
}

/* --- examples and histograms ---------------------------------------------------------------- */

uint64_t vdt_diagnosis_examples(const struct vdt_diagnosis *diagnosis, size_t category,
                                enum vdt_finding finding, uint32_t *examples, size_t most)
{
    struct ranking ranking = ranking_of(diagnosis, category);
    uint64_t count = 0;
    for (uint64_t i = 0; i < ranking.count; i++) {
        uint32_t detection = ranking.detections[i];
        if (diagnosis->found[detection].finding != finding)
            continue;
        if (count < most)
            examples[count] = detection;
        count++;
    }
    return count;
}

uint64_t vdt_diagnosis_truths(const struct vdt_diagnosis *diagnosis, size_t category,
                              enum vdt_truth_state state, uint32_t *examples, size_t most)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i < diagnosis->truths; i++) {
        if (diagnosis->truth_state[i] != state ||
            (category != VDT_EVERY && diagnosis->truth_category[i] != category))
            continue;
        if (count < most)
            examples[count] = (uint32_t)i;
        count++;
    }
    return count;
}

static bool is_wrong(enum vdt_finding finding)
{
    return finding >= VDT_FINDING_LOCALISATION;
}

void vdt_diagnosis_histogram(const struct vdt_diagnosis *diagnosis, size_t category, double low,
                             double high, size_t bins, uint64_t *found, uint64_t *wrong)
{
    for (size_t i = 0; i < bins; i++)
        found[i] = wrong[i] = 0;
    struct ranking ranking = ranking_of(diagnosis, category);
    for (uint64_t i = 0; bins > 0 && i < ranking.count; i++) {
        const struct vdt_diagnosed *one = &diagnosis->found[ranking.detections[i]];
        double place = (one->score - low) / (high - low) * (double)bins;
        size_t bin = !(place > 0) ? 0 : place >= (double)bins ? bins - 1 : (size_t)place;
        found[bin] += one->finding == VDT_FINDING_FOUND;
        wrong[bin] += is_wrong(one->finding);
    }
}

/* --- points by score ------------------------------------------------------------------------ */

static uint64_t truths_of(const struct vdt_diagnosis *diagnosis, size_t category)
{
    uint64_t count = 0;
    if (category != VDT_EVERY)
        return category < diagnosis->categories ? diagnosis->category_truths[category] : 0;
    for (uint32_t k = 0; k < diagnosis->categories; k++)
        count += diagnosis->category_truths[k];
    return count;
}

static double share(uint64_t part, uint64_t all)
{
    return all == 0 ? -1 : (double)part / (double)all;
}

static struct vdt_score_point point_of(const struct vdt_diagnosis *diagnosis, double score,
                                       uint64_t found, uint64_t wrong, uint64_t truths)
{
    struct vdt_score_point point = {.score = score,
                                    .true_positives = found,
                                    .false_positives = wrong,
                                    .false_negatives = truths - found,
                                    .precision = share(found, found + wrong),
                                    .recall = share(found, truths)};
    point.f1 = diagnosis->protocol == VDT_PROTOCOL_VALOR && found == 0
                   ? -1
                   : share(2 * found, found + wrong + truths);
    return point;
}

static bool is_false_positive(const struct vdt_diagnosis *diagnosis, enum vdt_finding finding)
{
    return is_wrong(finding) &&
           !(diagnosis->protocol == VDT_PROTOCOL_VALOR && finding == VDT_FINDING_DUPLICATE);
}

struct asked {
    double score;
    size_t place;
};

static int by_score(const void *left, const void *right)
{
    const struct asked *a = left, *b = right;
    return a->score > b->score ? -1 : a->score < b->score;
}

vdt_status vdt_diagnosis_points(const struct vdt_diagnosis *diagnosis, size_t category,
                                const double *scores, size_t count, struct vdt_score_point *points,
                                struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) struct asked *asked = vdt_allocate(count, sizeof *asked);
    if (asked == NULL)
        return vdt_fail_memory(error, "scores");
    for (size_t i = 0; i < count; i++)
        asked[i] = (struct asked){scores[i], i};
    qsort(asked, count, sizeof *asked, by_score);
    struct ranking ranking = ranking_of(diagnosis, category);
    uint64_t truths = truths_of(diagnosis, category), found = 0, wrong = 0, at = 0;
    for (size_t i = 0; i < count; i++) {
        for (; at < ranking.count; at++) {
            const struct vdt_diagnosed *one = &diagnosis->found[ranking.detections[at]];
            if (one->score < asked[i].score)
                break;
            found += one->finding == VDT_FINDING_FOUND;
            wrong += is_false_positive(diagnosis, one->finding);
        }
        points[asked[i].place] = point_of(diagnosis, asked[i].score, found, wrong, truths);
    }
    return VDT_OK;
}

vdt_status vdt_diagnosis_best(const struct vdt_diagnosis *diagnosis, size_t category,
                              struct vdt_score_point *point, struct vdt_error *error)
{
    uint64_t truths = truths_of(diagnosis, category), found = 0, wrong = 0;
    bool any = false;
    if (point == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "best score: a required argument is NULL");
    struct ranking ranking = ranking_of(diagnosis, category);
    for (uint64_t i = 0; i < ranking.count; i++) {
        const struct vdt_diagnosed *one = &diagnosis->found[ranking.detections[i]];
        found += one->finding == VDT_FINDING_FOUND;
        wrong += is_false_positive(diagnosis, one->finding);
        bool last = i + 1 == ranking.count ||
                    diagnosis->found[ranking.detections[i + 1]].score != one->score;
        if (!last || found + wrong == 0)
            continue;
        struct vdt_score_point here = point_of(diagnosis, one->score, found, wrong, truths);
        if (!any || here.f1 > point->f1)
            *point = here;
        any = true;
    }
    return any ? VDT_OK : VDT_END;
}
