/* Overlaps of shapes with values known by hand: squares that are turned, holes, parts, crowds. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <vedatile/shapes.h>

#include <cmocka.h>

static void expect_near(double found, double wanted)
{
    if (!(fabs(found - wanted) <= 1e-12))
        fail_msg("%.17g is not %.17g", found, wanted);
}

static double iou_of(const struct vdt_shapes *a, const struct vdt_shapes *b)
{
    double iou = -2;
    struct vdt_error error = {0};
    vdt_status status = vdt_shapes_iou(a, b, NULL, 0, &iou, &error);
    if (status != VDT_OK)
        fail_msg("%s", error.message);
    return iou;
}

/* The squares of valor-lite's own test: half of one lies on the other at every angle. */
static void test_turned_squares(void **state)
{
    (void)state;
    static const double degrees[] = {30, 48, 60, 90, 136, 157, 249};
    static const uint64_t one[] = {0, 1}, points[] = {0, 4};
    double square[4][2] = {{10, 10}, {15, 10}, {15, 15}, {10, 15}};
    double beside[4][2] = {{10, 7.5}, {15, 7.5}, {15, 12.5}, {10, 12.5}};
    for (size_t i = 0; i < sizeof degrees / sizeof degrees[0]; i++) {
        double angle = degrees[i] * acos(-1) / 180, a[4][2], b[4][2];
        for (int k = 0; k < 4; k++) {
            a[k][0] = square[k][0] * cos(angle) - square[k][1] * sin(angle);
            a[k][1] = square[k][0] * sin(angle) + square[k][1] * cos(angle);
            b[k][0] = beside[k][0] * cos(angle) - beside[k][1] * sin(angle);
            b[k][1] = beside[k][0] * sin(angle) + beside[k][1] * cos(angle);
        }
        struct vdt_shapes first = {.kind = VDT_SHAPE_POLYGON,
                                   .count = 1,
                                   .points = (const double(*)[2])a,
                                   .ring_offsets = points,
                                   .part_offsets = one,
                                   .shape_offsets = one};
        struct vdt_shapes second = first;
        second.points = (const double(*)[2])b;
        expect_near(iou_of(&first, &second), 1.0 / 3);
        assert_true(iou_of(&first, &first) == 1);
        double turned[2][5];
        assert_int_equal(vdt_rotated_around((const double(*)[2])a, 4, turned[0], NULL), VDT_OK);
        assert_int_equal(vdt_rotated_around((const double(*)[2])b, 4, turned[1], NULL), VDT_OK);
        struct vdt_shapes boxes = {
            .kind = VDT_SHAPE_ROTATED, .count = 1, .rotated = (const double(*)[5])turned};
        struct vdt_shapes other = boxes;
        other.rotated++;
        expect_near(iou_of(&boxes, &other), 1.0 / 3);
    }
}

/* A square of 6 x 6 with a hole of 2 x 2, and another part; a square over its left half. */
static void test_holes_and_parts(void **state)
{
    (void)state;
    static const double points[][2] = {{0, 0}, {6, 0}, {6, 6}, {0, 6},  {2, 2},  {4, 2},
                                       {4, 4}, {2, 4}, {8, 0}, {10, 0}, {10, 2}, {8, 2},
                                       {0, 0}, {3, 0}, {3, 6}, {0, 6}};
    static const uint64_t rings[] = {0, 4, 8, 12, 16}, parts[] = {0, 2, 3, 4}, shapes[] = {0, 2, 3};
    struct vdt_shapes both = {.kind = VDT_SHAPE_POLYGON,
                              .count = 2,
                              .points = points,
                              .ring_offsets = rings,
                              .part_offsets = parts,
                              .shape_offsets = shapes};
    double area[2], iou[4], box[2][4];
    const uint8_t crowd[] = {1, 0};
    assert_int_equal(vdt_shapes_check(&both, NULL), VDT_OK);
    assert_int_equal(vdt_shapes_area(&both, area, NULL), VDT_OK);
    assert_true(area[0] == 36 && area[1] == 18);
    vdt_shapes_box(&both, box);
    assert_memory_equal(box, ((const double[2][4]){{0, 0, 10, 6}, {0, 0, 3, 6}}), sizeof box);
    assert_int_equal(vdt_shapes_iou(&both, &both, crowd, 0, iou, NULL), VDT_OK);
    expect_near(iou[0], 1);
    expect_near(iou[1], 16.0 / (36 + 18 - 16));
    expect_near(iou[2], 16.0 / 18);
    expect_near(iou[3], 1);
}

/* A bow tie is two triangles; a part that lies on another counts once. */
static void test_invalid_polygons_are_repaired(void **state)
{
    (void)state;
    static const double points[][2] = {{0, 0}, {4, 4}, {4, 0}, {0, 4}, {0, 0}, {4, 0},
                                       {4, 4}, {0, 4}, {2, 0}, {6, 0}, {6, 4}, {2, 4}};
    static const uint64_t rings[] = {0, 4, 8, 12}, parts[] = {0, 1, 2, 3}, shapes[] = {0, 1, 3};
    struct vdt_shapes both = {.kind = VDT_SHAPE_POLYGON,
                              .count = 2,
                              .points = points,
                              .ring_offsets = rings,
                              .part_offsets = parts,
                              .shape_offsets = shapes};
    double area[2], iou[4];
    assert_int_equal(vdt_shapes_area(&both, area, NULL), VDT_OK);
    expect_near(area[0], 8);
    expect_near(area[1], 24);
    assert_int_equal(vdt_shapes_iou(&both, &both, NULL, 0, iou, NULL), VDT_OK);
    expect_near(iou[1], 8.0 / 24);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    static const double points[][2] = {{0, 0}, {4, 4}};
    static const uint64_t one[] = {0, 1}, two[] = {0, 2};
    struct vdt_shapes short_ring = {.kind = VDT_SHAPE_POLYGON,
                                    .count = 1,
                                    .points = points,
                                    .ring_offsets = two,
                                    .part_offsets = one,
                                    .shape_offsets = one};
    struct vdt_error error;
    assert_int_equal(vdt_shapes_check(&short_ring, &error), VDT_ERR_ARGUMENT);
    assert_string_equal(error.message, "polygon 0: a ring of fewer than 3 points");
    static const uint32_t runs[] = {3, 4}, size[][2] = {{4, 2}};
    struct vdt_shapes mask = {
        .kind = VDT_SHAPE_RLE, .count = 1, .counts = runs, .count_offsets = two, .size = size};
    assert_int_equal(vdt_shapes_check(&mask, &error), VDT_ERR_ARGUMENT);
    assert_string_equal(error.message, "mask 0: its runs do not add up to 4 x 2 pixels");
    static const double turned[][5] = {{0, 0, 1, -1, 0}};
    struct vdt_shapes rotated = {.kind = VDT_SHAPE_ROTATED, .count = 1, .rotated = turned};
    assert_int_equal(vdt_shapes_check(&rotated, &error), VDT_ERR_ARGUMENT);
    double iou;
    assert_int_equal(vdt_shapes_iou(&mask, &rotated, NULL, 0, &iou, &error), VDT_ERR_ARGUMENT);
}

/* A list is as before when something cannot be added. */
static void test_masks_that_fail(void **state)
{
    (void)state;
    struct vdt_masks *masks;
    struct vdt_error error;
    assert_int_equal(vdt_masks_new(&masks, &error), VDT_OK);
    const double box[4] = {1, 1, 2, 3}, far[4] = {1e300, 0, 1, 1}, none[4] = {NAN, 0, 1, 1};
    assert_int_equal(vdt_masks_add_box(masks, 4, 4, box, &error), VDT_OK);
    assert_int_equal(vdt_masks_add_box(masks, 4, 4, far, &error), VDT_ERR_ARGUMENT);
    assert_int_equal(vdt_masks_add_box(masks, 4, 4, none, &error), VDT_ERR_ARGUMENT);
    assert_int_equal(vdt_masks_add_box(masks, 1 << 16, 1 << 16, box, &error), VDT_ERR_ARGUMENT);
    const uint32_t runs[] = {1, 2, 3};
    assert_int_equal(vdt_masks_add_counts(masks, 4, 4, runs, 3, &error), VDT_ERR_FORMAT);
    assert_string_equal(error.message, "run lengths add up to 6, but the mask has 4 x 4 pixels");
    assert_int_equal(vdt_masks_add_text(masks, 4, 4, "4\x7f", 2, &error), VDT_ERR_FORMAT);
    assert_string_equal(error.message, "compressed run lengths are damaged at letter 2");
    const struct vdt_shapes *shapes = vdt_masks_shapes(masks);
    assert_int_equal(shapes->count, 1);
    uint8_t pixels[16], wanted[16] = {0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0};
    vdt_mask_decode(shapes, 0, pixels, 4, 1);
    assert_memory_equal(pixels, wanted, sizeof wanted);
    assert_int_equal(vdt_masks_add_merged(masks, shapes, 0, 1, true, &error), VDT_OK);
    assert_int_equal(vdt_masks_add_merged(masks, shapes, 1, 2, true, &error), VDT_ERR_ARGUMENT);
    vdt_masks_free(masks);
}

/* Wide and high objects, so that both ways of counting shared pixels are taken. */
static void test_shared_pixels_by_runs_and_bits(void **state)
{
    (void)state;
    enum { ROWS = 300, COLS = 200, MASKS = 6 };
    static uint8_t pixels[MASKS][ROWS * COLS];
    struct vdt_masks *masks;
    assert_int_equal(vdt_masks_new(&masks, NULL), VDT_OK);
    for (int m = 0; m < MASKS; m++) {
        for (int i = 0; i < ROWS * COLS; i++) {
            int row = i / COLS, col = i % COLS;
            pixels[m][i] = row > 20 * m && row < 40 * m + 70 && col > 10 * m && col < 30 * m + 40 &&
                           (m % 2 == 0 || (row * 7 + col * 3) % 5 < 2);
        }
        assert_int_equal(vdt_masks_add_u8(masks, ROWS, COLS, pixels[m], COLS, 1, NULL), VDT_OK);
    }
    double iou[MASKS][MASKS];
    const struct vdt_shapes *shapes = vdt_masks_shapes(masks);
    assert_int_equal(vdt_shapes_iou(shapes, shapes, NULL, 0, iou[0], NULL), VDT_OK);
    for (int a = 0; a < MASKS; a++)
        for (int b = 0; b < MASKS; b++) {
            unsigned shared = 0, all = 0;
            for (int i = 0; i < ROWS * COLS; i++) {
                shared += pixels[a][i] & pixels[b][i];
                all += pixels[a][i] | pixels[b][i];
            }
            assert_true(iou[a][b] == (double)shared / all);
        }
    vdt_masks_free(masks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turned_squares),
        cmocka_unit_test(test_holes_and_parts),
        cmocka_unit_test(test_invalid_polygons_are_repaired),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_masks_that_fail),
        cmocka_unit_test(test_shared_pixels_by_runs_and_bits),
    };
    return cmocka_run_group_tests_name("eval/shapes", tests, NULL, NULL);
}
