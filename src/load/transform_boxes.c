/* Boxes go where their pixels go. */
#include "load/transform.h"

struct edges {
    float col_min, row_min, col_max, row_max;
};

static float within(float value, float limit)
{
    return value < 0 ? 0 : value > limit ? limit : value;
}

static double area(const struct edges *box)
{
    return ((double)box->col_max - box->col_min) * ((double)box->row_max - box->row_min);
}

static struct edges cut(const struct edges *box, const struct vdt_plan_transform *plan,
                        const struct vdt_applied *applied)
{
    const float rows = (float)plan->out.rows, cols = (float)plan->out.cols;
    const float row = (float)applied->row, col = (float)applied->col;
    return (struct edges){within(box->col_min - col, cols), within(box->row_min - row, rows),
                          within(box->col_max - col, cols), within(box->row_max - row, rows)};
}

/* Flips, and turns of a square. */
static struct edges turn(struct edges box, const struct vdt_plan_transform *plan,
                         const struct vdt_applied *applied)
{
    const float rows = (float)plan->out.rows, cols = (float)plan->out.cols;
    if (applied->flip_cols)
        box = (struct edges){cols - box.col_max, box.row_min, cols - box.col_min, box.row_max};
    if (applied->flip_rows)
        box = (struct edges){box.col_min, rows - box.row_max, box.col_max, rows - box.row_min};
    for (int i = 0; i < applied->turns; i++)
        box = (struct edges){box.row_min, cols - box.col_max, box.row_max, cols - box.col_min};
    return box;
}

size_t vdt_transform_boxes(const struct vdt_plan_transform *plan, const struct vdt_applied *applied,
                           size_t count, float (*boxes)[4], uint16_t *box_class,
                           int64_t *box_feature, float *box_visible, uint16_t *numbers)
{
    size_t kept = 0;
    if (numbers != NULL)
        numbers[0] = 0;
    for (size_t i = 0; i < count; i++) {
        const struct edges whole = {boxes[i][0], boxes[i][1], boxes[i][2], boxes[i][3]};
        const struct edges left = cut(&whole, plan, applied);
        if (numbers != NULL)
            numbers[i + 1] = 0;
        /* Said so that a box of NaN is dropped as well. */
        if (!(left.col_max > left.col_min && left.row_max > left.row_min))
            continue;
        const struct edges placed = turn(left, plan, applied);
        boxes[kept][0] = placed.col_min;
        boxes[kept][1] = placed.row_min;
        boxes[kept][2] = placed.col_max;
        boxes[kept][3] = placed.row_max;
        box_class[kept] = box_class[i];
        box_feature[kept] = box_feature[i];
        box_visible[kept] = (float)(box_visible[i] * (area(&left) / area(&whole)));
        kept++;
        if (numbers != NULL)
            numbers[i + 1] = kept <= UINT16_MAX ? (uint16_t)kept : 0;
    }
    return kept;
}

void vdt_renumber(uint16_t *pixels, size_t count, const uint16_t *numbers, size_t box_count)
{
    for (size_t i = 0; i < count; i++)
        pixels[i] = pixels[i] <= box_count ? numbers[pixels[i]] : 0;
}
