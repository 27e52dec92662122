/* Planes that keep areas, against PROJ. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <ogr_srs_api.h>

#include "base/random.h"
#include "source/ground/equal_area.h"

static OGRCoordinateTransformationH proj_of(const struct vdt_equal_area *plane)
{
    OGRSpatialReferenceH from = OSRNewSpatialReference(NULL), to = OSRNewSpatialReference(NULL);
    assert_int_equal(OSRSetFromUserInput(from, "+proj=longlat +datum=WGS84"), OGRERR_NONE);
    assert_int_equal(OSRSetFromUserInput(to, plane->text), OGRERR_NONE);
    OSRSetAxisMappingStrategy(from, OAMS_TRADITIONAL_GIS_ORDER);
    OSRSetAxisMappingStrategy(to, OAMS_TRADITIONAL_GIS_ORDER);
    OGRCoordinateTransformationH way = OCTNewCoordinateTransformation(from, to);
    assert_non_null(way);
    OSRRelease(from);
    OSRRelease(to);
    return way;
}

static void compare_with_proj(const double middle[2], bool cylindrical, double reach)
{
    struct vdt_equal_area plane;
    vdt_equal_area_make(&plane, middle, cylindrical);
    OGRCoordinateTransformationH way = proj_of(&plane);
    for (uint64_t i = 0; i < 500; i++) {
        double lon = middle[0] + reach * (2 * vdt_unit(vdt_mix2(i, 1)) - 1);
        double lat = middle[1] + reach * (2 * vdt_unit(vdt_mix2(i, 2)) - 1);
        lat = fmax(-89.9, fmin(89.9, lat)); /* PROJ is decimetres off at the poles */
        double point[2] = {lon, lat}, x = lon, y = lat;
        assert_true(vdt_equal_area_flatten(&plane, point));
        assert_int_equal(OCTTransform(way, 1, &x, &y, NULL), 1);
        double off = hypot(point[0] - x, point[1] - y);
        if (cylindrical) /* the ends of the plane are one meridian */
            off = fmin(off, fabs(plane.width - off));
        if (!(off < (fabs(middle[1]) > 89 ? 1e-3 : 1e-5)))
            fail_msg("%s: %.9f %.9f is off by %g m", plane.text, lon, lat, off);
    }
    OCTDestroyCoordinateTransformation(way);
}

static void equals_proj(void **state)
{
    (void)state;
    static const double middles[][2] = {{-34.9, -8},  {179.9, 0}, {-180, 45.123456}, {12.25, 89.9},
                                        {0.1, -89.9}, {10, 0},    {-77.1234567, 60}};
    for (size_t i = 0; i < sizeof middles / sizeof middles[0]; i++) {
        compare_with_proj(middles[i], false, 0.01);
        compare_with_proj(middles[i], false, 50);
    }
    compare_with_proj((double[2]){10, 90}, false, 30);
    compare_with_proj((double[2]){10, -90}, false, 30);
    compare_with_proj((double[2]){0, 0}, true, 170);
    compare_with_proj((double[2]){150, -42.5}, true, 80);
}

/* A pole is one place, whatever its longitude. */
static void poles_are_places(void **state)
{
    (void)state;
    for (int side = -1; side <= 1; side += 2) {
        struct vdt_equal_area plane;
        double first[2] = {0, side * 90.0};
        vdt_equal_area_make(&plane, (double[2]){0.1, side * 89.9}, false);
        assert_true(vdt_equal_area_flatten(&plane, first));
        for (int lon = -180; lon <= 180; lon += 15) {
            double point[2] = {lon, side * 90.0};
            assert_true(vdt_equal_area_flatten(&plane, point));
            assert_true(hypot(point[0] - first[0], point[1] - first[1]) < 1e-6);
        }
    }
}

static void says_what_it_is(void **state)
{
    struct vdt_equal_area plane;
    (void)state;
    vdt_equal_area_make(&plane, (double[2]){-0.5, -33.25}, false);
    assert_string_equal(plane.text,
                        "+proj=laea +lat_0=-33.250000 +lon_0=-0.500000 +datum=WGS84 +units=m");
    double antipode[2] = {179.5, 33.25};
    assert_false(vdt_equal_area_flatten(&plane, antipode));
    double middle[2] = {359.5, -33.25};
    assert_true(vdt_equal_area_flatten(&plane, middle));
    assert_true(fabs(middle[0]) < 1e-6 && fabs(middle[1]) < 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_proj),
        cmocka_unit_test(poles_are_places),
        cmocka_unit_test(says_what_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
