/* Clipped boxes and visible shares, above all where Sutherland-Hodgman's own box would be wrong. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "encode/visible.h"

/* One feature; rings are added to the last part. */
struct shape {
    struct vdt_geometry geometry;
    double points[128][2];
    struct vdt_ring rings[16];
    struct vdt_part parts[8];
    struct vdt_feature feature;
};

static void start(struct shape *shape)
{
    memset(shape, 0, sizeof *shape);
    shape->geometry.points = shape->points;
    shape->geometry.rings = shape->rings;
    shape->geometry.parts = shape->parts;
    shape->geometry.features = &shape->feature;
    shape->geometry.feature_count = 1;
}

static void add_part(struct shape *shape)
{
    shape->parts[shape->geometry.part_count++].first = shape->geometry.ring_count;
    shape->feature.count++;
}

static void add_ring(struct shape *shape, size_t count, const double (*points)[2])
{
    struct vdt_geometry *geometry = &shape->geometry;
    memcpy(shape->points + geometry->point_count, points, count * sizeof *points);
    shape->rings[geometry->ring_count++] = (struct vdt_ring){geometry->point_count, count};
    geometry->point_count += count;
    shape->parts[geometry->part_count - 1].count++;
}

#define RING(...) \
    (sizeof((double[][2]){__VA_ARGS__}) / sizeof(double[2])), ((const double[][2]){__VA_ARGS__})

static struct vdt_visible look(struct shape *shape, struct vdt_window window)
{
    struct vdt_clip clip = {0};
    struct vdt_visible visible;
    vdt_geometry_measure(&shape->geometry);
    assert_int_equal(vdt_visible(&clip, &shape->geometry, 0, &window, &visible, NULL), VDT_OK);
    vdt_clip_clear(&clip);
    return visible;
}

static const struct vdt_window ten = {0, 0, 10, 10};

static void expect(struct shape *shape, struct vdt_window window, double share, double xmin,
                   double ymin, double xmax, double ymax)
{
    struct vdt_visible visible = look(shape, window);
    const double box[4] = {xmin, ymin, xmax, ymax};
    assert_true(fabs(visible.share - share) < 1e-12);
    assert_false(visible.whole);
    for (int i = 0; i < 4; i++)
        assert_true(fabs(visible.box[i] - box[i]) < 1e-9);
}

static void whole_features_keep_their_box(void **state)
{
    (void)state;
    struct shape shape;
    start(&shape);
    add_part(&shape);
    add_ring(&shape, RING({100, 205}, {110, 200}, {105.3, 209.7}));
    struct vdt_visible visible = look(&shape, (struct vdt_window){100, 200, 10, 10});
    assert_true(visible.whole && visible.share == 1);
    assert_true(visible.box[0] == 0 && visible.box[1] == 0 && visible.box[2] == 10);
    assert_true(visible.box[3] == 209.7 - 200);
    visible = look(&shape, (struct vdt_window){101, 200, 10, 10});
    assert_true(!visible.whole && visible.share < 1);
}

static void rectangles_are_cut(void **state)
{
    (void)state;
    struct shape shape;
    start(&shape);
    add_part(&shape);
    add_ring(&shape, RING({-5, 2}, {5, 2}, {5, 6}, {-5, 6}));
    expect(&shape, ten, 0.5, 0, 2, 5, 6);
    expect(&shape, (struct vdt_window){-2, 4, 3, 9}, 0.15, 0, 0, 3, 2);
    assert_true(look(&shape, (struct vdt_window){5, 0, 10, 10}).share == 0);
    assert_true(look(&shape, (struct vdt_window){50, 0, 10, 10}).share == 0);
}

/* Solaris kept the box of the object cut by the box of the tile: far too large here. */
static void diagonal_shapes_have_small_boxes(void **state)
{
    (void)state;
    struct shape shape;
    start(&shape);
    add_part(&shape);
    add_ring(&shape, RING({8, 0}, {20, 12}, {20, 14}, {6, 0}));
    expect(&shape, ten, 6. / 26, 6, 0, 10, 4);
}

/* The U goes round a corner of the window, or round all of it: clipped ring and window share sides
 * and corners where there is no polygon. */
static void concave_shapes_round_the_window(void **state)
{
    (void)state;
    struct shape shape;
    start(&shape);
    add_part(&shape);
    /* Two arms reach into the window from the left; their joint is outside. */
    add_ring(&shape, RING({-4, 1}, {3, 1}, {3, 2}, {-2, 2}, {-2, 8}, {6, 8}, {6, 9}, {-4, 9}));
    expect(&shape, ten, 9. / 29, 0, 1, 6, 9);
    /* An arm from above, joined outside round the upper left corner to a stump that stays out. */
    start(&shape);
    add_part(&shape);
    add_ring(&shape, RING({5, 3}, {5, -1}, {-1, -1}, {-1, 8}, {-3, 8}, {-3, -3}, {7, -3}, {7, 3}));
    expect(&shape, ten, 6. / 46, 5, 0, 7, 3);
    /* The same with a stump that touches the window along its side. */
    start(&shape);
    add_part(&shape);
    add_ring(&shape, RING({5, 3}, {5, -1}, {0, -1}, {0, 8}, {-3, 8}, {-3, -3}, {7, -3}, {7, 3}));
    expect(&shape, ten, 6. / 55, 5, 0, 7, 3);
    /* A frame round the window. */
    start(&shape);
    add_part(&shape);
    add_ring(&shape, RING({-2, -2}, {12, -2}, {12, 12}, {-2, 12}, {-2, 5}, {-1, 5}, {-1, 11},
                          {11, 11}, {11, -1}, {-2, -1}));
    assert_true(look(&shape, ten).share == 0);
}

static void window_inside_the_polygon(void **state)
{
    (void)state;
    struct shape shape;
    start(&shape);
    add_part(&shape);
    add_ring(&shape, RING({-10, -10}, {30, -10}, {30, 30}, {-10, 30}));
    expect(&shape, ten, 100. / 1600, 0, 0, 10, 10);
    /* Flush with the window's sides, longer than they are. */
    start(&shape);
    add_part(&shape);
    add_ring(&shape, RING({0, -10}, {5, -10}, {5, 30}, {0, 30}));
    expect(&shape, ten, 0.25, 0, 0, 5, 10);
    start(&shape);
    add_part(&shape);
    add_ring(&shape, RING({5, -10}, {10, -10}, {10, 30}, {5, 30}));
    expect(&shape, ten, 0.25, 5, 0, 10, 10);
    start(&shape);
    add_part(&shape);
    add_ring(&shape, RING({-10, 0}, {30, 0}, {30, 10}, {-10, 10}));
    expect(&shape, ten, 0.25, 0, 0, 10, 10);
}

static void holes_count(void **state)
{
    (void)state;
    struct shape shape;
    start(&shape);
    add_part(&shape);
    add_ring(&shape, RING({-10, -10}, {30, -10}, {30, 30}, {-10, 30}));
    add_ring(&shape, RING({4, -5}, {20, -5}, {20, 20}, {4, 20}));
    expect(&shape, ten, 40. / 1200, 0, 0, 4, 10);
    expect(&shape, (struct vdt_window){3, 0, 10, 10}, 10. / 1200, 0, 0, 1, 10);
    assert_true(look(&shape, (struct vdt_window){4, 0, 10, 10}).share == 0);
    assert_true(look(&shape, (struct vdt_window){6, 0, 10, 10}).share == 0);
}

static void parts_without_area_inside_do_not_widen(void **state)
{
    (void)state;
    struct shape shape;
    start(&shape);
    add_part(&shape);
    add_ring(&shape, RING({2, 2}, {4, 2}, {4, 4}, {2, 4}));
    add_part(&shape);
    add_ring(&shape, RING({10, 7}, {14, 7}, {14, 9}, {10, 9})); /* touches the right side */
    expect(&shape, ten, 4. / 12, 2, 2, 4, 4);
    add_part(&shape);
    add_ring(&shape, RING({7, 8}, {9, 8}, {9, 14}, {7, 14}));
    expect(&shape, ten, 8. / 24, 2, 2, 9, 10);
}

static void no_area_is_not_visible(void **state)
{
    (void)state;
    struct shape shape;
    start(&shape);
    add_part(&shape);
    add_ring(&shape, RING({2, 2}, {4, 4}, {6, 6}));
    assert_true(look(&shape, ten).share == 0 && !look(&shape, ten).whole);
    start(&shape);
    add_part(&shape);
    add_ring(&shape, RING({NAN, 2}, {40, INFINITY}, {6, 6}, {-1e300, 1e300}));
    assert_false(look(&shape, ten).whole);
}

/* Cut into tiles, a feature loses nothing: shares add up to 1 and boxes to its box. */
static void tiles_add_up_to_the_feature(void **state)
{
    (void)state;
    for (uint64_t k = 0; k < 300; k++) {
        struct shape shape;
        double ring[40][2], hole[4][2], box[4] = {1e9, 1e9, -1e9, -1e9}, sum = 0;
        for (uint64_t i = 0; i < 40; i++) {
            double angle = (double)i / 40 * 2 * acos(-1), far = 4 + 20 * vdt_unit(vdt_mix2(k, i));
            ring[i][0] = 1030 + far * cos(angle);
            ring[i][1] = 2030 + far * sin(angle);
            if (i % 10 == 0) {
                hole[i / 10][0] = 1030 + 2 * cos(angle + 1);
                hole[i / 10][1] = 2030 + 2 * sin(angle + 1);
            }
        }
        start(&shape);
        add_part(&shape);
        add_ring(&shape, 40, (const double(*)[2])ring);
        if (k % 2 == 0)
            add_ring(&shape, 4, (const double(*)[2])hole);
        for (int t = 0; t < 49; t++) {
            struct vdt_window tile = {1000 + t % 7 * 9, 2000 + t / 7 * 9, 9, 9};
            struct vdt_visible visible = look(&shape, tile);
            assert_true(visible.share >= 0 && visible.share <= 1);
            if (!(visible.share > 0))
                continue;
            sum += visible.share;
            for (int i = 0; i < 2; i++) {
                double origin = i == 0 ? tile.col : tile.row;
                assert_true(visible.box[i] >= 0 && visible.box[i] < visible.box[i + 2]);
                assert_true(visible.box[i + 2] <= 9);
                box[i] = fmin(box[i], visible.box[i] + origin);
                box[i + 2] = fmax(box[i + 2], visible.box[i + 2] + origin);
            }
        }
        assert_true(fabs(sum - 1) < 1e-9);
        for (int i = 0; i < 4; i++)
            assert_true(fabs(box[i] - shape.feature.box[i]) < 1e-9);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_features_keep_their_box),
        cmocka_unit_test(rectangles_are_cut),
        cmocka_unit_test(diagonal_shapes_have_small_boxes),
        cmocka_unit_test(concave_shapes_round_the_window),
        cmocka_unit_test(window_inside_the_polygon),
        cmocka_unit_test(holes_count),
        cmocka_unit_test(parts_without_area_inside_do_not_widen),
        cmocka_unit_test(no_area_is_not_visible),
        cmocka_unit_test(tiles_add_up_to_the_feature),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
