/* Scores of segmentation from a matrix of true by predicted values. */
#include <math.h>
#include <stdbool.h>
#include <vedatile/scores.h>

static double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

static struct vdt_segment_score score_value(const double *matrix, uint32_t rows, uint32_t value)
{
    const uint32_t columns = rows + 1;
    struct vdt_segment_score score = {.both = matrix[(uint64_t)value * columns + value]};
    for (uint32_t c = 0; c < columns; c++)
        score.truth += matrix[(uint64_t)value * columns + c];
    for (uint32_t r = 0; r < rows; r++)
        score.predicted += matrix[(uint64_t)r * columns + value];
    const double any = score.truth + score.predicted - score.both;
    if (any > 0) {
        score.iou = score.both / any;
        score.precision = ratio(score.both, score.predicted);
        score.recall = ratio(score.both, score.truth);
        score.f1 = ratio(2 * score.both, score.truth + score.predicted);
    } else {
        score.iou = score.precision = score.recall = score.f1 = NAN;
    }
    return score;
}

struct sums {
    double iou, precision, recall, f1, classes;
    double true_recall, true_classes;
    double right, pixels, frequency;
};

static void add_value(struct sums *sums, const struct vdt_segment_score *score, bool background)
{
    sums->right += score->both;
    sums->pixels += score->truth;
    if (isnan(score->iou))
        return;
    sums->frequency += score->truth * score->iou;
    if (background)
        return;
    sums->iou += score->iou;
    sums->precision += score->precision;
    sums->recall += score->recall;
    sums->f1 += score->f1;
    sums->classes++;
    if (score->truth > 0) {
        sums->true_recall += score->recall;
        sums->true_classes++;
    }
}

static double mean(double sum, double count)
{
    return count > 0 ? sum / count : NAN;
}

void vdt_segmentation_score(const double *matrix, uint32_t class_count,
                            struct vdt_segmentation_scores *scores,
                            struct vdt_segment_score *values)
{
    const uint32_t rows = class_count + 1;
    struct sums sums = {0};
    const struct vdt_segment_score background = score_value(matrix, rows, 0);
    for (uint32_t value = 0; value < rows; value++) {
        const struct vdt_segment_score score = score_value(matrix, rows, value);
        add_value(&sums, &score, value == 0);
        if (values)
            values[value] = score;
    }
    const bool there = !isnan(background.iou);
    *scores = (struct vdt_segmentation_scores){
        .pixels = sums.pixels,
        .accuracy = mean(sums.right, sums.pixels),
        .mean_accuracy = mean(sums.true_recall, sums.true_classes),
        .miou = mean(sums.iou, sums.classes),
        .precision = mean(sums.precision, sums.classes),
        .recall = mean(sums.recall, sums.classes),
        .f1 = mean(sums.f1, sums.classes),
        .miou_background =
            mean(sums.iou + (there ? background.iou : 0), sums.classes + (there ? 1 : 0)),
        .frequency_weighted_iou = mean(sums.frequency, sums.pixels),
    };
}
