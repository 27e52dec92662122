/* Numbers of a table of scores, as pycocotools' summarize has them. */

#include "eval/accumulate.h"

struct vdt_detection_shape vdt_detection_shape(const struct vdt_detection_scores *scores)
{
    return scores->shape;
}

const double *vdt_detection_precision(const struct vdt_detection_scores *scores)
{
    return scores->score_at == NULL ? NULL : scores->precision;
}

const double *vdt_detection_score_at(const struct vdt_detection_scores *scores)
{
    return scores->score_at;
}

const double *vdt_detection_recall(const struct vdt_detection_scores *scores)
{
    return scores->score_at == NULL ? NULL : scores->recall;
}

/* --- NumPy's sum ---------------------------------------------------------------------------- */

/* Up to 128 values: eight sums side by side, then what is left over. */
static double sum_block(const double *values, size_t count)
{
    double sums[8], total = 0;
    size_t i = 0;
    if (count < 8) {
        for (; i < count; i++)
            total += values[i];
        return total;
    }
    for (; i < 8; i++)
        sums[i] = values[i];
    for (; i + 8 <= count; i += 8)
        for (size_t k = 0; k < 8; k++)
            sums[k] += values[i + k];
    total =
        ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
    for (; i < count; i++)
        total += values[i];
    return total;
}

static double sum_pairs(const double *values, size_t count)
{
    enum { BLOCK = 128 };
    if (count <= BLOCK)
        return sum_block(values, count);
    size_t half = count / 2;
    half -= half % 8;
    double first = sum_pairs(values, half);
    return first + sum_pairs(values + half, count - half);
}

/* NumPy's reductions take its buffer's 8192 values at a time, and add these sums one by one. */
enum { BUFFER = 8192 };

double vdt_pairwise_sum(size_t count, double (*read)(void *context), void *context)
{
    double total = 0, values[BUFFER];
    while (count > 0) {
        size_t here = count < BUFFER ? count : BUFFER;
        for (size_t i = 0; i < here; i++)
            values[i] = read(context);
        total += sum_pairs(values, here);
        count -= here;
    }
    return total;
}

/* --- means ---------------------------------------------------------------------------------- */

/* The values that a mean is of, in the order of the arrays. */
struct walk {
    const double *values;
    const uint8_t *categories;
    size_t rows, category_count, step; /* values[row][category][step] */
};

/* Those above -1; -1: there are none. */
static double mean_above(const struct walk *walk)
{
    double total = 0, buffer[BUFFER];
    size_t held = 0, count = 0;
    const double *value = walk->values;
    for (size_t row = 0; row < walk->rows; row++)
        for (size_t k = 0; k < walk->category_count; k++, value += walk->step) {
            if (!(*value > -1) || (walk->categories != NULL && walk->categories[k] == 0))
                continue;
            buffer[held++] = *value;
            if (held < BUFFER)
                continue;
            total += sum_pairs(buffer, held);
            count += held;
            held = 0;
        }
    if (held > 0)
        total += sum_pairs(buffer, held);
    count += held;
    return count == 0 ? -1 : total / (double)count;
}

/* The mean of one category, or of all with VDT_EVERY. */
static double mean_of(const struct vdt_detection_scores *scores, size_t category,
                      const struct vdt_detection_mean *which)
{
    const struct vdt_detection_shape *shape = &scores->shape;
    bool one = category != VDT_EVERY, every = which->threshold == VDT_EVERY;
    bool curves = !which->recall && scores->average == NULL;
    size_t limits = curves ? scores->limits : shape->max_detections;
    size_t limit =
        which->max_detection == VDT_EVERY ? shape->max_detections - 1 : which->max_detection;
    if (which->area >= shape->areas || limit >= shape->max_detections ||
        limit + limits < shape->max_detections || (!every && which->threshold >= shape->thresholds))
        return -1;
    size_t rows = curves ? shape->recalls : 1, cells = shape->areas * limits;
    size_t step = shape->categories * cells;
    struct walk walk = {.values = which->recall ? scores->recall
                                  : curves      ? scores->precision
                                                : scores->average,
                        .categories = one ? NULL : which->categories,
                        .rows = every ? shape->thresholds * rows : rows,
                        .category_count = one ? 1 : shape->categories,
                        .step = one ? step : cells};
    walk.values += (every ? 0 : which->threshold) * rows * step + (one ? category * cells : 0) +
                   which->area * limits + limit + limits - shape->max_detections;
    return mean_above(&walk);
}

double vdt_detection_mean(const struct vdt_detection_scores *scores,
                          const struct vdt_detection_mean *which)
{
    return mean_of(scores, VDT_EVERY, which);
}

double vdt_detection_category_mean(const struct vdt_detection_scores *scores, size_t category,
                                   const struct vdt_detection_mean *which)
{
    return category < scores->shape.categories ? mean_of(scores, category, which) : -1;
}

/* The threshold that equals `value`; T, which has no mean, when there is none. */
static size_t threshold_at(const struct vdt_detection_scores *scores, double value)
{
    size_t t = 0;
    while (t < scores->shape.thresholds && scores->thresholds[t] != value)
        t++;
    return t;
}

void vdt_detection_stats(const struct vdt_detection_scores *scores, double stats[12])
{
    size_t last = scores->shape.max_detections - 1;
    size_t half = threshold_at(scores, 0.5), three_quarters = threshold_at(scores, 0.75);
    size_t second = last < 1 ? last : 1;
    const struct vdt_detection_mean which[12] = {
        {false, VDT_EVERY, 0, last, NULL},      {false, half, 0, last, NULL},
        {false, three_quarters, 0, last, NULL}, {false, VDT_EVERY, 1, last, NULL},
        {false, VDT_EVERY, 2, last, NULL},      {false, VDT_EVERY, 3, last, NULL},
        {true, VDT_EVERY, 0, 0, NULL},          {true, VDT_EVERY, 0, second, NULL},
        {true, VDT_EVERY, 0, last, NULL},       {true, VDT_EVERY, 1, last, NULL},
        {true, VDT_EVERY, 2, last, NULL},       {true, VDT_EVERY, 3, last, NULL}};
    for (int i = 0; i < 12; i++)
        stats[i] = vdt_detection_mean(scores, &which[i]);
}

bool vdt_detection_category(const struct vdt_detection_scores *scores, size_t category,
                            struct vdt_detection_category *values)
{
    size_t half = threshold_at(scores, 0.5), three_quarters = threshold_at(scores, 0.75);
    const struct vdt_detection_mean which[7] = {
        {false, VDT_EVERY, 0, VDT_EVERY, NULL},      {false, half, 0, VDT_EVERY, NULL},
        {false, three_quarters, 0, VDT_EVERY, NULL}, {false, VDT_EVERY, 1, VDT_EVERY, NULL},
        {false, VDT_EVERY, 2, VDT_EVERY, NULL},      {false, VDT_EVERY, 3, VDT_EVERY, NULL},
        {true, VDT_EVERY, 0, VDT_EVERY, NULL}};
    double means[7];
    if (category >= scores->shape.categories)
        return false;
    for (int i = 0; i < 7; i++)
        means[i] = mean_of(scores, category, &which[i]);
    *values = (struct vdt_detection_category){.ap = means[0],
                                              .ap50 = means[1],
                                              .ap75 = means[2],
                                              .ap_small = means[3],
                                              .ap_medium = means[4],
                                              .ap_large = means[5],
                                              .ar = means[6],
                                              .ground_truths = scores->truths[category],
                                              .detections = scores->detections[category]};
    return true;
}
