/* Boxes against the pixels of their instances, under every crop, flip and turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "base/random.h"
#include "load/transform.h"

static struct vdt_plan_transform plan_of(const struct vdt_transform *transform,
                                         struct vdt_tile_spec in)
{
    struct vdt_plan_transform plan;
    struct vdt_error error = {0};
    if (vdt_transform_init(&plan, transform, &in, VDT_AXES_CHW, &error) != VDT_OK)
        fail_msg("%s", error.message);
    return plan;
}

enum { TILE = 24, CELL = 6, MOST_BOXES = (TILE / CELL) * (TILE / CELL) };

struct labels {
    size_t count;
    uint16_t instances[TILE * TILE];
    float boxes[MOST_BOXES][4];
    uint16_t box_class[MOST_BOXES];
    int64_t box_feature[MOST_BOXES];
    float box_visible[MOST_BOXES];
};

/* A rectangle of whole pixels somewhere in each cell, or none. */
static struct labels made_up(uint64_t seed)
{
    struct labels labels = {0};
    for (uint32_t cell = 0; cell < MOST_BOXES; cell++) {
        const uint64_t chance = vdt_mix2(seed, cell);
        const uint32_t col = cell % (TILE / CELL) * CELL + chance % 4;
        const uint32_t row = cell / (TILE / CELL) * CELL + (chance >> 8) % 4;
        const uint32_t cols = 1 + (chance >> 16) % 3, rows = 1 + (chance >> 24) % 3;
        if ((chance >> 32) % 4 == 0)
            continue;
        const size_t i = labels.count++;
        labels.boxes[i][0] = (float)col;
        labels.boxes[i][1] = (float)row;
        labels.boxes[i][2] = (float)(col + cols);
        labels.boxes[i][3] = (float)(row + rows);
        labels.box_class[i] = (uint16_t)(100 + i);
        labels.box_feature[i] = INT64_C(1) << 40 | (int64_t)i;
        labels.box_visible[i] = 0.5F;
        for (uint32_t r = row; r < row + rows; r++)
            for (uint32_t c = col; c < col + cols; c++)
                labels.instances[r * TILE + c] = (uint16_t)(i + 1);
    }
    return labels;
}

struct seen {
    float box[4];
    size_t pixels;
};

static struct seen find(const uint16_t *instances, size_t rows, size_t cols, uint16_t number)
{
    struct seen seen = {{(float)cols, (float)rows, 0, 0}, 0};
    for (size_t row = 0; row < rows; row++)
        for (size_t col = 0; col < cols; col++) {
            if (instances[row * cols + col] != number)
                continue;
            seen.pixels++;
            seen.box[0] = fminf(seen.box[0], (float)col);
            seen.box[1] = fminf(seen.box[1], (float)row);
            seen.box[2] = fmaxf(seen.box[2], (float)(col + 1));
            seen.box[3] = fmaxf(seen.box[3], (float)(row + 1));
        }
    return seen;
}

static void check_boxes(uint64_t seed, struct vdt_transform transform,
                        const struct vdt_applied *applied)
{
    const struct labels whole = made_up(seed);
    struct labels left = whole;
    uint16_t numbers[MOST_BOXES + 1], instances[TILE * TILE];
    struct vdt_plan_transform plan =
        plan_of(&transform, (struct vdt_tile_spec){1, TILE, TILE, VDT_UINT8});
    const size_t rows = plan.out.rows, cols = plan.out.cols;
    vdt_transform_pixels(&plan, applied, whole.instances, 2, instances);
    left.count = vdt_transform_boxes(&plan, applied, whole.count, left.boxes, left.box_class,
                                     left.box_feature, left.box_visible, numbers);
    assert_int_equal(numbers[0], 0);

    size_t expected = 0;
    for (size_t i = 0; i < whole.count; i++) {
        const struct seen before = find(whole.instances, TILE, TILE, (uint16_t)(i + 1));
        const struct seen after = find(instances, rows, cols, (uint16_t)(i + 1));
        if (after.pixels == 0) {
            assert_int_equal(numbers[i + 1], 0);
            continue;
        }
        assert_int_equal(numbers[i + 1], expected + 1);
        assert_memory_equal(left.boxes[expected], after.box, sizeof after.box);
        assert_int_equal(left.box_class[expected], whole.box_class[i]);
        assert_int_equal(left.box_feature[expected], whole.box_feature[i]);
        const double share = 0.5 * (double)after.pixels / (double)before.pixels;
        assert_true(fabs((double)left.box_visible[expected] - share) < 1e-6);
        expected++;
    }
    assert_int_equal(left.count, expected);

    vdt_renumber(instances, rows * cols, numbers, whole.count);
    for (size_t i = 0; i < left.count; i++) {
        const struct seen after = find(instances, rows, cols, (uint16_t)(i + 1));
        assert_memory_equal(left.boxes[i], after.box, sizeof after.box);
    }
    for (size_t i = 0; i < rows * cols; i++)
        assert_true(instances[i] <= left.count);
    vdt_transform_clear(&plan);
}

static void boxes_go_with_their_instances(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++)
        for (uint8_t way = 0; way < 16; way++) {
            const uint64_t chance = vdt_mix2(seed, 100 + way);
            struct vdt_transform transform = {.augment = VDT_FLIP_COLS | VDT_FLIP_ROWS,
                                              .crop_rows = 1 + chance % TILE,
                                              .crop_cols = 1 + (chance >> 8) % TILE};
            if (way >> 2) {
                transform.augment |= VDT_ROTATE;
                transform.crop_cols = transform.crop_rows;
            }
            const struct vdt_applied applied = {
                (uint32_t)((chance >> 16) % (TILE - transform.crop_rows + 1)),
                (uint32_t)((chance >> 24) % (TILE - transform.crop_cols + 1)),
                way & 1,
                way >> 1 & 1,
                way >> 2,
                0};
            check_boxes(seed, transform, &applied);
        }
}

/* Edges between pixels, by hand. */
static void boxes_of_fractions(void **state)
{
    (void)state;
    float boxes[4][4] = {{0.5F, 1.25F, 3.5F, 2.5F}, /* 3 wide, of which 1.5 is in the crop */
                         {0, 0, 2, 8},              /* touches the crop from outside */
                         {NAN, 0, 8, 8},
                         {2, 1, 6, 5}}; /* the crop */
    uint16_t box_class[] = {7, 8, 9, 10};
    int64_t box_feature[] = {-1, 2, 3, 4};
    float box_visible[] = {1, 1, 1, 0.25F};
    const struct vdt_transform transform = {
        .crop_rows = 4, .crop_cols = 4, .augment = VDT_FLIP_COLS | VDT_ROTATE};
    struct vdt_plan_transform plan =
        plan_of(&transform, (struct vdt_tile_spec){1, 8, 8, VDT_UINT8});
    /* In the crop 0, .25, 1.5, 1.5; mirrored 2.5, .25, 4, 1.5; turned .25, 0, 1.5, 1.5. */
    const struct vdt_applied applied = {.row = 1, .col = 2, .flip_cols = 1, .turns = 1};
    assert_int_equal(
        vdt_transform_boxes(&plan, &applied, 4, boxes, box_class, box_feature, box_visible, NULL),
        2);
    const float expected[2][4] = {{0.25F, 0, 1.5F, 1.5F}, {0, 0, 4, 4}};
    assert_memory_equal(boxes, expected, sizeof expected);
    assert_int_equal(box_class[0], 7);
    assert_int_equal(box_class[1], 10);
    assert_int_equal(box_feature[1], 4);
    assert_true(box_visible[0] == 0.5F && box_visible[1] == 0.25F);
    assert_int_equal(vdt_transform_boxes(&plan, &applied, 0, NULL, NULL, NULL, NULL, NULL), 0);
    vdt_transform_clear(&plan);
}

static void unknown_instances_become_none(void **state)
{
    (void)state;
    const uint16_t numbers[] = {0, 2, 0, 1};
    uint16_t pixels[] = {0, 1, 2, 3, 4, UINT16_MAX};
    const uint16_t expected[] = {0, 2, 0, 1, 0, 0};
    vdt_renumber(pixels, 6, numbers, 3);
    assert_memory_equal(pixels, expected, sizeof expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boxes_go_with_their_instances),
        cmocka_unit_test(boxes_of_fractions),
        cmocka_unit_test(unknown_instances_become_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
