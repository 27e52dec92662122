/* Footprints on the ground: boxes that hold them, and what two of them share. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "source/ground/ground.h"

static struct vdt_ground *ground;

static int open_ground(void **state)
{
    (void)state;
    return vdt_ground_open(&ground, NULL);
}

static int free_ground(void **state)
{
    (void)state;
    vdt_ground_free(ground);
    return 0;
}

static struct vdt_footprint footprint(const char *crs, double x, double y, double pixel)
{
    bool on_earth;
    struct vdt_footprint made = {
        .geotransform = {x, pixel, 0, y, 0, -pixel}, .cols = 100, .rows = 100};
    assert_int_equal(vdt_ground_crs(ground, crs, &made.crs, &on_earth, NULL), VDT_OK);
    return made;
}

static struct vdt_nearness compare(struct vdt_footprint a, struct vdt_footprint b, double gap)
{
    struct vdt_nearness nearness;
    assert_int_equal(vdt_ground_compare(ground, &a, &b, gap, &nearness, NULL), VDT_OK);
    return nearness;
}

static void expect_near(double got, double want, double tolerance)
{
    assert_true(fabs(got - want) <= tolerance);
}

static void equal_crs_have_one_number(void **state)
{
    (void)state;
    bool on_earth;
    uint32_t a, b, c, d;
    struct vdt_error error;
    assert_int_equal(vdt_ground_crs(ground, "EPSG:32633", &a, &on_earth, &error), VDT_OK);
    assert_true(on_earth);
    assert_int_equal(
        vdt_ground_crs(ground, "+proj=utm +zone=33 +datum=WGS84 +type=crs", &b, &on_earth, &error),
        VDT_OK);
    assert_int_equal(vdt_ground_crs(ground, "EPSG:32634", &c, &on_earth, &error), VDT_OK);
    assert_int_equal(vdt_ground_crs(ground, "", &d, &on_earth, &error), VDT_OK);
    assert_false(on_earth);
    assert_int_equal(a, b);
    assert_int_not_equal(a, c);
    assert_int_not_equal(a, d);
    assert_int_equal(vdt_ground_crs(ground, "no CRS", &d, &on_earth, &error), VDT_ERR_FORMAT);
}

/* A degree on the equator: 110574 m north (WGS 84's meridian), 111320 m east. */
static void areas_are_square_metres(void **state)
{
    (void)state;
    struct vdt_nearness same =
        compare(footprint("EPSG:4326", 0, 0.1, 1e-3), footprint("EPSG:4326", 0, 0.1, 1e-3), 0);
    assert_true(same.near);
    expect_near(same.area, 11057.43 * 11131.95, 11057.43 * 11131.95 * 1e-4);
    struct vdt_nearness half =
        compare(footprint("EPSG:4326", 0, 0.1, 1e-3), footprint("EPSG:4326", 0.05, 0.1, 1e-3), 0);
    expect_near(half.area, same.area / 2, same.area * 1e-6);
    struct vdt_nearness turned =
        compare(footprint("EPSG:4326", 0, 0.1, 1e-3), footprint("EPSG:4326", 360.05, 0.1, 1e-3), 0);
    expect_near(turned.area, half.area, 1);
}

static void rounding_is_forgiven(void **state)
{
    (void)state;
    struct vdt_footprint a = footprint("EPSG:32633", 500000, 4e6, 10);
    assert_false(compare(a, footprint("EPSG:32633", 501000, 4e6, 10), 0).near);
    assert_false(compare(a, footprint("EPSG:32633", 501000 - 0.015, 4e6, 10), 0).near);
    assert_true(compare(a, footprint("EPSG:32633", 501000 - 0.025, 4e6, 10), 0).near);
    struct vdt_footprint far = footprint("EPSG:32633", 501100, 4e6, 10);
    assert_false(compare(a, far, 99).near);
    assert_true(compare(a, far, 101).near);
    assert_true(compare(a, far, 101).area == 0);
}

static void boxes_hold_footprints(void **state)
{
    (void)state;
    double box[4];
    struct vdt_footprint across = footprint("EPSG:4326", 179.95, 60.1, 1e-3);
    assert_true(vdt_ground_box(ground, &across, 0, box));
    assert_true(box[0] <= 179.95 && box[0] > 179.9 && box[2] >= 180.05 && box[2] < 180.1);
    assert_true(box[1] <= 60 && box[3] >= 60.1);
    double with_gap[4];
    assert_true(vdt_ground_box(ground, &across, 11132, with_gap));
    assert_true(with_gap[0] <= box[0] - 0.2 && with_gap[3] >= box[3] + 0.1);
    struct vdt_footprint pole = footprint("EPSG:3413", -500, 500, 10);
    assert_true(vdt_ground_box(ground, &pole, 0, box));
    assert_true(box[0] == -180 && box[2] == 180 && box[3] == 90 && box[1] < 90);
    struct vdt_footprint nowhere = footprint("EPSG:32633", 1e30, 1e30, 10);
    assert_false(vdt_ground_box(ground, &nowhere, 0, box));
}

/* Half of the world and its other half: no plane shows both. */
static void what_no_plane_shows_is_near(void **state)
{
    (void)state;
    struct vdt_nearness nearness =
        compare(footprint("EPSG:4326", -180, 90, 1.8), footprint("EPSG:3857", -2e7, 2e7, 4e5), 0);
    assert_true(nearness.near && isnan(nearness.area));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(equal_crs_have_one_number, open_ground, free_ground),
        cmocka_unit_test_setup_teardown(areas_are_square_metres, open_ground, free_ground),
        cmocka_unit_test_setup_teardown(rounding_is_forgiven, open_ground, free_ground),
        cmocka_unit_test_setup_teardown(boxes_hold_footprints, open_ground, free_ground),
        cmocka_unit_test_setup_teardown(what_no_plane_shows_is_near, open_ground, free_ground),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
