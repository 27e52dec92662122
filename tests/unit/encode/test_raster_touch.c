/* All that is touched: published tables, the rule in whole numbers, crops, hostile coordinates. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "encode/raster.h"

enum { SIDE = 12, CORNERS = 40 };

/* Burns a polygon of one ring, or of two where `hole` is given, each of `count` points. */
static void burn(const double (*points)[2], size_t count, bool hole, struct vdt_window window,
                 size_t size, void *pixels)
{
    struct vdt_raster raster = {.rule = VDT_RULE_TOUCHED};
    struct vdt_ring rings[2] = {{0, count}, {count, count}};
    struct vdt_part part = {0, hole ? 2 : 1};
    struct vdt_geometry geometry = {.points = (double(*)[2])points,
                                    .rings = rings,
                                    .parts = &part,
                                    .point_count = hole ? 2 * count : count,
                                    .ring_count = part.count,
                                    .part_count = 1};
    assert_int_equal(vdt_burn_part(&raster, &geometry, 0, &window, 0x01010101, size, pixels, NULL),
                     VDT_OK);
    vdt_raster_clear(&raster);
}

static void expect(const double (*points)[2], size_t count, bool hole, const char *const *rows,
                   int32_t cols, int32_t row_count)
{
    uint8_t pixels[16 * 16] = {0};
    burn(points, count, hole, (struct vdt_window){0, 0, cols, row_count}, 1, pixels);
    for (int32_t r = 0; r < row_count; r++) {
        char text[17] = "";
        for (int32_t c = 0; c < cols; c++)
            text[c] = pixels[r * cols + c] != 0 ? '#' : '.';
        assert_string_equal(text, rows[r]);
    }
}

/* Prevents an array literal's commas from parting the arguments. */
#define RING(...) ((const double[][2]){__VA_ARGS__})
#define ROWS(...) ((const char *const[]){__VA_ARGS__})

static void published_tables(void **state)
{
    (void)state;
    /* rasterio (9709d1f), tests/conftest.py: basic_image */
    expect(RING({2, 2}, {2, 4.25}, {4.25, 4.25}, {4.25, 2}), 4, false,
           ROWS("......", "......", "..###.", "..###.", "..###.", "......"), 6, 6);
    /* raster-vision (3c18a7a), test_rasterized_source.py: smaller than a pixel */
    expect(RING({0, 0}, {0, 0.4}, {0.4, 0.4}, {0.4, 0}), 4, false, ROWS("#.", ".."), 2, 2);
    /* GDAL's autotest/alg/rasterize.py: issue 7523, which GDAL 3.6.2 gets wrong */
    const double x[] = {475439.996613325, 475439.996613325, 475446.914301362};
    const double y[] = {424122.228740036, 424142.201761073, 424124.133743847};
    double points[3][2];
    for (int i = 0; i < 3; i++) {
        points[i][0] = (x[i] - 475435) / 5;
        points[i][1] = (424145 - y[i]) / 5;
    }
    expect((const double(*)[2])points, 3, false, ROWS("##.", "##.", "##.", "###", "###"), 3, 5);
}

/* GDAL's autotest: issue 8437, a square from centre to centre is 11 pixels a side. */
static void square_between_centres(void **state)
{
    (void)state;
    uint8_t pixels[15][15] = {{0}};
    burn(RING({12.5, 2.5}, {12.5, 12.5}, {2.5, 12.5}, {2.5, 2.5}), 4, false,
         (struct vdt_window){0, 0, 15, 15}, 1, pixels);
    for (int i = 0; i < 225; i++)
        assert_int_equal(pixels[i / 15][i % 15] != 0,
                         i / 15 >= 2 && i / 15 <= 12 && i % 15 >= 2 && i % 15 <= 12);
}

static void what_only_abuts_is_not_touched(void **state)
{
    (void)state;
    expect(RING({1, 1}, {3, 1}, {3, 2}, {1, 2}), 4, false, ROWS("....", ".##.", "...."), 4, 3);
    /* Corner to corner along the diagonals. */
    expect(RING({2, 0}, {4, 2}, {2, 4}, {0, 2}), 4, false, ROWS(".##.", "####", "####", ".##."), 4,
           4);
    /* A hole of whole pixels stays; a smaller one is touched from all sides. */
    expect(RING({0, 0}, {5, 0}, {5, 3}, {0, 3}, {1, 1}, {4, 1}, {4, 2}, {1, 2}), 4, true,
           ROWS("#####", "#...#", "#####"), 5, 3);
    expect(RING({0, 0}, {5, 0}, {5, 3}, {0, 3}, {1.25, 1}, {4, 1}, {4, 2}, {1.25, 2}), 4, true,
           ROWS("#####", "##..#", "#####"), 5, 3);
}

/* --- the rule in whole numbers ---------------------------------------------------------------- */

static int64_t turn(const int64_t *a, const int64_t *b, int64_t x, int64_t y)
{
    return (b[0] - a[0]) * (y - a[1]) - (x - a[0]) * (b[1] - a[1]);
}

/* Whether segment a-b meets the open square of side s at (x, y): their boxes overlap, and the
 * square's corners are not all on one side. */
static bool meets(const int64_t *a, const int64_t *b, int64_t x, int64_t y, int64_t s)
{
    int64_t left = a[0] < b[0] ? a[0] : b[0], right = a[0] < b[0] ? b[0] : a[0];
    int64_t top = a[1] < b[1] ? a[1] : b[1], bottom = a[1] < b[1] ? b[1] : a[1];
    if (right <= x || left >= x + s || bottom <= y || top >= y + s)
        return false;
    int above = 0, below = 0;
    for (int k = 0; k < 4; k++) {
        int64_t side = turn(a, b, x + (k & 1 ? s : 0), y + (k & 2 ? s : 0));
        above += side >= 0;
        below += side <= 0;
    }
    return (above < 4 && below < 4) || (a[0] == b[0] && a[1] == b[1]);
}

/* Rings that cross themselves, with corners on and between the lines of pixels. */
static void equals_the_rule_in_whole_numbers(void **state)
{
    (void)state;
    const int64_t unit[] = {1, 2, 1024};
    for (uint64_t k = 0; k < 4000; k++) {
        int64_t s = unit[k % 3], whole[CORNERS][2];
        double points[CORNERS][2];
        size_t count = 3 + (size_t)(vdt_mix2(k, 1) % (CORNERS - 3));
        for (size_t i = 0; i < 2 * count; i++) {
            whole[i / 2][i % 2] =
                (int64_t)(vdt_mix2(k, 2 + i) % (uint64_t)((SIDE + 4) * s)) - 2 * s;
            points[i / 2][i % 2] = (double)whole[i / 2][i % 2] / (double)s;
        }
        uint32_t pixels[SIDE][SIDE] = {{0}};
        burn((const double(*)[2])points, count, false, (struct vdt_window){0, 0, SIDE, SIDE}, 4,
             pixels);
        for (int p = 0; p < SIDE * SIDE; p++) {
            int64_t x = p % SIDE * s, y = p / SIDE * s;
            bool touched = false, inside = false;
            for (size_t i = 0; i < count; i++) {
                const int64_t *a = whole[i], *b = whole[(i + 1) % count];
                const int64_t *t = a[1] < b[1] ? a : b, *u = a[1] < b[1] ? b : a;
                touched = touched || meets(a, b, x, y, s);
                const int64_t t2[2] = {2 * t[0], 2 * t[1]}, u2[2] = {2 * u[0], 2 * u[1]};
                if (t2[1] <= 2 * y + s && 2 * y + s < u2[1] &&
                    turn(t2, u2, 2 * x + s, 2 * y + s) < 0)
                    inside = !inside;
            }
            assert_int_equal(pixels[p / SIDE][p % SIDE], touched || inside ? 0x01010101 : 0);
        }
    }
}

/* An edge past a corner of pixels by less than a double can say: the product of two differences
 * rounds to the same number, and the corner is on one side, on it, or on the other. */
static void near_ties_are_decided_exactly(void **state)
{
    (void)state;
    const double e = 0x1p-52;
    /* From (0, 0) through (1, 1) or right past it, to 3 (1 + e, 1 + e) and its neighbours; with a
     * third corner far to the left below, so that the right side of the edge is open. */
    for (int way = -1; way <= 1; way++) {
        double x = 3 * (1 + e), y = x;
        x = way == 0 ? x : nextafter(x, way < 0 ? 0 : 4);
        uint8_t pixels[4][4] = {{0}};
        burn(RING({0, 0}, {x, y}, {-5, 9}), 3, false, (struct vdt_window){0, 0, 4, 4}, 1, pixels);
        /* The edge runs above the diagonal (to the right of it) only for way 1. */
        assert_int_equal(pixels[0][1], way > 0);
        assert_int_equal(pixels[1][2], way > 0);
        assert_int_equal(pixels[0][0], 1);
        /* And below it, the pixel left below of the corner is inside in any case. */
        assert_int_equal(pixels[1][0], 1);
    }
}

/* --- properties --------------------------------------------------------------------------------
 */

static void mask_of_a_window_is_the_crop(void **state)
{
    (void)state;
    static uint8_t scene[48][48], tile[48 * 48];
    for (uint64_t k = 0; k < 3000; k++) {
        int32_t col = k % 3 == 0 ? 0 : k % 3 == 1 ? 123456 : -77;
        double points[CORNERS][2];
        for (size_t i = 0; i < CORNERS; i++) {
            points[i][0] = col - 8 + 64 * vdt_unit(vdt_mix2(k, 2 * i));
            points[i][1] = -col - 8 + 64 * vdt_unit(vdt_mix2(k, 2 * i + 1));
        }
        size_t count = 3 + k % 17;
        memset(scene, 0, sizeof scene);
        burn((const double(*)[2])points, count, k % 2, (struct vdt_window){col, -col, 48, 48}, 1,
             scene);
        uint64_t hash = vdt_mix2(k, 1000);
        int32_t x = (int32_t)(hash % 48), y = (int32_t)(hash / 64 % 48);
        int32_t w = 1 + (int32_t)(hash / 4096 % (uint64_t)(48 - x));
        int32_t h = 1 + (int32_t)(hash / 262144 % (uint64_t)(48 - y));
        memset(tile, 0, sizeof tile);
        burn((const double(*)[2])points, count, k % 2, (struct vdt_window){col + x, y - col, w, h},
             1, tile);
        for (int32_t r = 0; r < h; r++)
            assert_memory_equal(tile + r * w, &scene[y + r][x], (size_t)w);
    }
}

static void hostile_coordinates_stay_in_the_window(void **state)
{
    (void)state;
    static const double values[] = {0,      5,       -1e9,     1e9,       1e18, -1e18, 1e300,
                                    -1e300, 1.7e308, INFINITY, -INFINITY, NAN,  2.5,   1e-320};
    uint8_t pixels[10 * 10];
    for (uint64_t k = 0; k < 20000; k++) {
        double ring[5][2];
        for (uint64_t i = 0; i < 10; i++)
            ring[i / 2][i % 2] = values[vdt_mix2(k, i) % (sizeof values / sizeof *values)];
        burn((const double(*)[2])ring, 5, false, (struct vdt_window){0, 0, 10, 10}, 1, pixels);
    }
    memset(pixels, 0, sizeof pixels);
    burn(RING({-1e9, -1e9}, {1e9, -1e9}, {1e9, 1e9}, {-1e9, 1e9}), 4, false,
         (struct vdt_window){INT32_MAX - 5, 3, 10, 10}, 1, pixels);
    for (int i = 0; i < 100; i++)
        assert_int_equal(pixels[i], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_tables),
        cmocka_unit_test(square_between_centres),
        cmocka_unit_test(what_only_abuts_is_not_touched),
        cmocka_unit_test(equals_the_rule_in_whole_numbers),
        cmocka_unit_test(near_ties_are_decided_exactly),
        cmocka_unit_test(mask_of_a_window_is_the_crop),
        cmocka_unit_test(hostile_coordinates_stay_in_the_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
