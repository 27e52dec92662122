#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/geometry.h"

static void assert_double(double value, double expected)
{
    assert_true(value == expected);
}

static void area_has_the_sign_of_the_turn(void **state)
{
    (void)state;
    static const double square[][2] = {{0, 0}, {4, 0}, {4, 3}, {0, 3}};
    static const double turned[][2] = {{0, 3}, {4, 3}, {4, 0}, {0, 0}};
    assert_double(vdt_ring_area2(square, 4), 24);
    assert_double(vdt_ring_area2(turned, 4), -24);
}

static void area_does_not_depend_on_the_first_point(void **state)
{
    (void)state;
    static const double ring[][2] = {{0, 0}, {5, 0}, {5, 5}, {3, 1}, {0, 5}};
    for (size_t first = 0; first < 5; first++) {
        double turned[5][2];
        for (size_t i = 0; i < 5; i++)
            memcpy(turned[i], ring[(first + i) % 5], sizeof turned[i]);
        assert_double(vdt_ring_area2((const double(*)[2])turned, 5), 30);
    }
}

static void too_few_points_have_no_area(void **state)
{
    (void)state;
    static const double line[][2] = {{0, 0}, {4, 4}, {8, 8}};
    for (size_t count = 0; count <= 3; count++)
        assert_double(vdt_ring_area2(line, count), 0);
}

static void far_away_ring_keeps_its_area(void **state)
{
    (void)state;
    static const double ring[][2] = {
        {9120760.5, 288776.5}, {9120761, 288776.5}, {9120761, 288777}, {9120760.5, 288777}};
    assert_double(vdt_ring_area2(ring, 4), 0.5);
}

/* Feature 0: a 10 x 10 square with a 2 x 3 hole, and a triangle of area 2 apart from it; the rings
 * turn either way. Feature 1: a unit square. */
static void measure_takes_holes_off_and_adds_parts(void **state)
{
    (void)state;
    double points[][2] = {{0, 0},   {10, 0},  {10, 10}, {0, 10},  {2, 2},
                          {4, 2},   {4, 5},   {2, 5},   {20, -4}, {20, -2},
                          {22, -4}, {30, 30}, {30, 31}, {31, 31}, {31, 30}};
    struct vdt_ring rings[] = {{0, 4}, {4, 4}, {8, 3}, {11, 4}};
    struct vdt_part parts[] = {{0, 2}, {2, 1}, {3, 1}};
    struct vdt_feature features[] = {{.id = 5, .first = 0, .count = 2},
                                     {.id = 6, .first = 2, .count = 1}};
    struct vdt_geometry geometry = {.points = points,
                                    .rings = rings,
                                    .parts = parts,
                                    .features = features,
                                    .point_count = 15,
                                    .ring_count = 4,
                                    .part_count = 3,
                                    .feature_count = 2};
    vdt_geometry_measure(&geometry);
    static const double boxes[2][4] = {{0, -4, 22, 10}, {30, 30, 31, 31}};
    assert_double(features[0].area, 96);
    assert_double(features[1].area, 1);
    for (int f = 0; f < 2; f++)
        for (int i = 0; i < 4; i++)
            assert_double(features[f].box[i], boxes[f][i]);
    assert_int_equal(features[0].id, 5);
}

static void clear_empties(void **state)
{
    (void)state;
    struct vdt_geometry geometry = {0};
    vdt_geometry_measure(&geometry);
    vdt_geometry_clear(&geometry);
    geometry.points = malloc(sizeof *geometry.points);
    geometry.rings = malloc(sizeof *geometry.rings);
    geometry.parts = malloc(sizeof *geometry.parts);
    geometry.features = malloc(sizeof *geometry.features);
    geometry.point_count = geometry.point_capacity = 1;
    vdt_geometry_clear(&geometry);
    assert_null(geometry.points);
    assert_null(geometry.features);
    assert_int_equal(geometry.point_count + geometry.point_capacity, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(area_has_the_sign_of_the_turn),
        cmocka_unit_test(area_does_not_depend_on_the_first_point),
        cmocka_unit_test(too_few_points_have_no_area),
        cmocka_unit_test(far_away_ring_keeps_its_area),
        cmocka_unit_test(measure_takes_holes_off_and_adds_parts),
        cmocka_unit_test(clear_empties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
