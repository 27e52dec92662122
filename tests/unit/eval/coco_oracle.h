/* COCO's protocol as it is written down, one threshold, one range and one detection after another:
 * slow, and with nothing in common with the code that it checks. */
#ifndef TEST_COCO_ORACLE_H
#define TEST_COCO_ORACLE_H

#include <float.h>
#include <stdlib.h>
#include <string.h>
#include <vedatile/detection.h>

struct oracle {
    const struct vdt_detection_options *options; /* nothing is left to defaults */
    const struct vdt_objects *truths;
    const struct vdt_objects *detections;
    size_t T, R, K, A, M;
    double *precision, *score_at, *recall;
    /* Of a detection [T][A][n], as vdt_detection_outcome has it; and of a ground truth. */
    uint8_t *outcome;
    uint32_t *matched;
};

static double oracle_iou(const double d[4], const double g[4], bool crowd)
{
    double right = d[0] + d[2] < g[0] + g[2] ? d[0] + d[2] : g[0] + g[2];
    double bottom = d[1] + d[3] < g[1] + g[3] ? d[1] + d[3] : g[1] + g[3];
    double w = right - (d[0] > g[0] ? d[0] : g[0]), h = bottom - (d[1] > g[1] ? d[1] : g[1]);
    if (w <= 0 || h <= 0)
        return 0;
    return w * h / (crowd ? d[2] * d[3] : d[2] * d[3] + g[2] * g[3] - w * h);
}

static bool oracle_crowd(const struct oracle *o, uint32_t g)
{
    return o->truths->crowd != NULL && o->truths->crowd[g] != 0;
}

static bool oracle_outside(const struct oracle *o, const struct vdt_objects *objects, uint32_t i,
                           size_t a)
{
    double area =
        objects->area != NULL ? objects->area[i] : objects->box[i][2] * objects->box[i][3];
    return area < o->options->area_ranges[a][0] || area > o->options->area_ranges[a][1];
}

static bool oracle_ignored(const struct oracle *o, uint32_t g, size_t a)
{
    bool flag =
        !o->options->coco_ignores_ignore && o->truths->ignore != NULL && o->truths->ignore[g] != 0;
    return flag || oracle_crowd(o, g) || oracle_outside(o, o->truths, g, a);
}

static bool oracle_here(const struct oracle *o, const struct vdt_objects *objects, uint32_t i,
                        uint32_t k, uint32_t image)
{
    return objects->image[i] == image && (o->options->class_agnostic || objects->category[i] == k);
}

/* Indices of one cell in the order of input, of categories first where they are one. */
static size_t oracle_cell(const struct oracle *o, const struct vdt_objects *objects, uint32_t k,
                          uint32_t image, uint32_t *found)
{
    size_t count = 0;
    for (uint32_t c = 0; c < o->options->category_count; c++)
        for (uint32_t i = 0; i < objects->count; i++)
            if (objects->category[i] == c && oracle_here(o, objects, i, k, image))
                found[count++] = i;
    return count;
}

static void oracle_sort(const double *score, uint32_t *order, size_t count)
{
    for (size_t i = 1; i < count; i++)
        for (size_t j = i; j > 0 && score[order[j - 1]] < score[order[j]]; j--) {
            uint32_t other = order[j];
            order[j] = order[j - 1];
            order[j - 1] = other;
        }
}

static bool oracle_listed(const struct vdt_image_category *list, size_t count, uint32_t image,
                          uint32_t category)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].image == image && list[i].category == category)
            return true;
    return false;
}

static void oracle_match(struct oracle *o, const uint32_t *d, size_t nd, const uint32_t *g,
                         size_t ng, size_t t, size_t a, bool open)
{
    bool *taken = calloc(ng + 1, sizeof *taken);
    for (size_t i = 0; i < nd; i++) {
        double best = o->options->iou_thresholds[t];
        best = best < 1 - 1e-10 ? best : 1 - 1e-10;
        size_t m = SIZE_MAX;
        for (int pass = 0; pass < 2; pass++) /* what is ignored comes last */
            for (size_t j = 0; j < ng; j++) {
                if (oracle_ignored(o, g[j], a) != (pass == 1))
                    continue;
                if (taken[j] && !oracle_crowd(o, g[j]))
                    continue;
                if (pass == 1 && m != SIZE_MAX && !oracle_ignored(o, g[m], a))
                    break;
                double iou = oracle_iou(o->detections->box[d[i]], o->truths->box[g[j]],
                                        oracle_crowd(o, g[j]));
                if (iou < best)
                    continue;
                best = iou;
                m = j;
            }
        size_t place = (t * o->A + a) * o->detections->count + d[i];
        o->matched[place] = m == SIZE_MAX ? VDT_NO_MATCH : g[m];
        if (m != SIZE_MAX)
            taken[m] = true;
        bool ignored = m != SIZE_MAX ? oracle_ignored(o, g[m], a)
                                     : open || oracle_outside(o, o->detections, d[i], a);
        o->outcome[place] = ignored         ? VDT_OUTCOME_IGNORED
                            : m != SIZE_MAX ? VDT_OUTCOME_TRUE_POSITIVE
                                            : VDT_OUTCOME_FALSE_POSITIVE;
    }
    free(taken);
}

/* What counts of the detections of a cell, highest scores first. */
static size_t oracle_detections(const struct oracle *o, uint32_t k, uint32_t image, size_t most,
                                uint32_t *found)
{
    size_t count = oracle_cell(o, o->detections, k, image, found);
    oracle_sort(o->detections->score, found, count);
    return count < most ? count : most;
}

static void oracle_curve(struct oracle *o, const uint32_t *rows, size_t count, size_t truths,
                         size_t t, size_t k, size_t a, size_t m)
{
    double *recall = calloc(count + 1, sizeof *recall),
           *precision = calloc(count + 1, sizeof *recall);
    double tp = 0, fp = 0;
    for (size_t i = 0; i < count; i++) {
        uint8_t outcome = o->outcome[(t * o->A + a) * o->detections->count + rows[i]];
        tp += outcome == VDT_OUTCOME_TRUE_POSITIVE;
        fp += outcome == VDT_OUTCOME_FALSE_POSITIVE;
        recall[i] = tp / (double)truths;
        precision[i] = tp / (fp + tp + DBL_EPSILON);
    }
    for (size_t i = count; i > 1; i--)
        if (precision[i - 1] > precision[i - 2])
            precision[i - 2] = precision[i - 1];
    o->recall[((t * o->K + k) * o->A + a) * o->M + m] = count > 0 ? recall[count - 1] : 0;
    for (size_t r = 0; r < o->R; r++) {
        size_t i = 0, place = (((t * o->R + r) * o->K + k) * o->A + a) * o->M + m;
        while (i < count && recall[i] < o->options->recall_thresholds[r])
            i++;
        o->precision[place] = i < count ? precision[i] : 0;
        o->score_at[place] = i < count ? o->detections->score[rows[i]] : 0;
    }
    free(recall);
    free(precision);
}

static void oracle_category(struct oracle *o, uint32_t k)
{
    const struct vdt_detection_options *options = o->options;
    uint32_t *rows = malloc((o->detections->count + 1) * sizeof *rows);
    uint32_t *found = malloc((o->detections->count + 1) * sizeof *found);
    for (size_t m = 0; m < o->M; m++) {
        size_t count = 0;
        for (uint32_t image = 0; image < options->image_count; image++) {
            size_t here = oracle_detections(o, k, image, options->max_detections[m], found);
            memcpy(rows + count, found, here * sizeof *rows);
            count += here;
        }
        oracle_sort(o->detections->score, rows, count);
        for (size_t a = 0; a < o->A; a++) {
            size_t truths = 0;
            for (uint32_t g = 0; g < o->truths->count; g++)
                truths += (options->class_agnostic || o->truths->category[g] == k) &&
                          !oracle_ignored(o, g, a);
            for (size_t t = 0; truths > 0 && t < o->T; t++)
                oracle_curve(o, rows, count, truths, t, k, a, m);
        }
    }
    free(rows);
    free(found);
}

static double *oracle_fill(size_t count)
{
    double *values = malloc((count + 1) * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = -1;
    return values;
}

static void oracle_run(struct oracle *o)
{
    const struct vdt_detection_options *options = o->options;
    size_t n = o->detections->count;
    o->T = options->iou_threshold_count;
    o->R = options->recall_threshold_count;
    o->K = options->class_agnostic ? 1 : options->category_count;
    o->A = options->area_range_count;
    o->M = options->max_detection_count;
    size_t cells = o->T * o->K * o->A * o->M;
    o->precision = oracle_fill(cells * o->R);
    o->score_at = oracle_fill(cells * o->R);
    o->recall = oracle_fill(cells);
    o->outcome = calloc(o->T * o->A * n + 1, 1);
    o->matched = malloc((o->T * o->A * n + 1) * sizeof *o->matched);
    memset(o->matched, 0xff, o->T * o->A * n * sizeof *o->matched);
    uint32_t *d = malloc((n + 1) * sizeof *d), *g = malloc((o->truths->count + 1) * sizeof *g);
    for (uint32_t k = 0; k < o->K; k++)
        for (uint32_t image = 0; image < options->image_count; image++) {
            size_t nd = oracle_detections(o, k, image, options->max_detections[o->M - 1], d);
            size_t ng = oracle_cell(o, o->truths, k, image, g);
            bool open =
                oracle_listed(options->not_exhaustive, options->not_exhaustive_count, image, k);
            for (size_t t = 0; t < o->T; t++)
                for (size_t a = 0; a < o->A; a++)
                    oracle_match(o, d, nd, g, ng, t, a, open);
        }
    for (uint32_t k = 0; k < o->K; k++)
        oracle_category(o, k);
    free(d);
    free(g);
}

static void oracle_clear(struct oracle *o)
{
    free(o->precision);
    free(o->score_at);
    free(o->recall);
    free(o->outcome);
    free(o->matched);
}

#endif
