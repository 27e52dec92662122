/* Planes that touch an ellipsoid: there and back, and how long a metre is. */
#include "source/ground/ellipsoid.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct vdt_ellipsoid sphere = {6371000, 0};

static void test_there_and_back(void **state)
{
    (void)state;
    static const double places[][2] = {{9, 48}, {-179.9999, 60}, {0, 0}, {33, -89.9999}, {120, 90}};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct vdt_tangent plane;
        vdt_tangent_touch(&plane, &vdt_wgs84, places[i]);
        for (int k = 0; k < 360; k += 15) {
            double angle = k * 3.14159265358979323846 / 180, metres = 40000;
            const double from[2] = {metres * cos(angle), metres * sin(angle)};
            double point[2] = {from[0], from[1]};
            assert_true(vdt_tangent_raise(&plane, point));
            assert_true(fabs(point[0]) <= 180 && fabs(point[1]) <= 90);
            double through = vdt_tangent_distance(&plane, point);
            assert_true(through >= metres * (1 - 1e-9) && through < metres * (1 + 1e-4));
            assert_true(vdt_tangent_flatten(&plane, point));
            assert_true(fabs(point[0] - from[0]) < 1e-6 && fabs(point[1] - from[1]) < 1e-6);
        }
    }
}

static void test_a_degree_of_a_sphere(void **state)
{
    (void)state;
    struct vdt_tangent plane;
    const double origin[2] = {10, 60}, north[2] = {10, 60.1}, back[2] = {190, -60};
    double point[2];
    vdt_tangent_touch(&plane, &sphere, origin);
    memcpy(point, north, sizeof point);
    assert_true(vdt_tangent_flatten(&plane, point));
    assert_true(fabs(point[0]) < 1e-6);
    assert_true(fabs(point[1] - 6371000 * sin(0.1 * 3.14159265358979323846 / 180)) < 1e-6);
    memcpy(point, back, sizeof point);
    assert_false(vdt_tangent_flatten(&plane, point));
    assert_true(fabs(vdt_tangent_distance(&plane, back) - 2 * 6371000.0) < 1e-6);
    point[0] = 6371001;
    point[1] = 0;
    assert_false(vdt_tangent_raise(&plane, point));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_a_degree_of_a_sphere),
    };
    return cmocka_run_group_tests_name("source/ellipsoid", tests, NULL, NULL);
}
