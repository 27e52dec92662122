/* Burning: published tables, ties, crops and hostile coordinates. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "encode/raster.h"

enum { POINTS_MAX = 400 };

/* One feature; rings are added to the last part. */
struct shape {
    struct vdt_geometry geometry;
    double points[POINTS_MAX][2];
    struct vdt_ring rings[16];
    struct vdt_part parts[8];
};

static void start(struct shape *shape)
{
    memset(shape, 0, sizeof *shape);
    shape->geometry.points = shape->points;
    shape->geometry.rings = shape->rings;
    shape->geometry.parts = shape->parts;
}

static void add_part(struct shape *shape)
{
    struct vdt_geometry *geometry = &shape->geometry;
    shape->parts[geometry->part_count++].first = geometry->ring_count;
}

static void add_ring(struct shape *shape, size_t count, const double (*points)[2])
{
    struct vdt_geometry *geometry = &shape->geometry;
    assert_true(geometry->point_count + count <= POINTS_MAX);
    memcpy(shape->points + geometry->point_count, points, count * sizeof *points);
    shape->rings[geometry->ring_count++] = (struct vdt_ring){geometry->point_count, count};
    geometry->point_count += count;
    shape->parts[geometry->part_count - 1].count++;
}

#define RING(...) \
    (sizeof((double[][2]){__VA_ARGS__}) / sizeof(double[2])), ((const double[][2]){__VA_ARGS__})

static void burn(const struct shape *shape, struct vdt_window window, uint32_t value, size_t size,
                 void *pixels)
{
    struct vdt_raster raster = {0};
    for (size_t p = 0; p < shape->geometry.part_count; p++)
        assert_int_equal(
            vdt_burn_part(&raster, &shape->geometry, p, &window, value, size, pixels, NULL),
            VDT_OK);
    vdt_raster_clear(&raster);
}

/* Burns into 10 x 10 pixels and compares with rows of '.' and '#'. */
static void expect(const struct shape *shape, const char *const *rows)
{
    uint8_t pixels[10][10] = {{0}};
    burn(shape, (struct vdt_window){0, 0, 10, 10}, 1, 1, pixels);
    for (int r = 0; r < 10; r++) {
        char text[11] = "";
        for (int c = 0; c < 10; c++)
            text[c] = pixels[r][c] != 0 ? '#' : '.';
        assert_string_equal(text, rows[r]);
    }
}

#define NOTHING "..........", "..........", "..........", ".........."
#define EXPECT(shape, ...) expect(shape, (const char *const[]){__VA_ARGS__})

/* rasterio (9709d1f), tests/test_features.py with the geometry of tests/conftest.py. */
static void rasterio_tables(void **state)
{
    (void)state;
    struct shape shape;
    start(&shape);
    add_part(&shape);
    add_ring(&shape, RING({2, 2}, {2, 4.25}, {4.25, 4.25}, {4.25, 2}));
    EXPECT(&shape, "..........", "..........", "..##......", "..##......", NOTHING, "..........",
           "..........");

    start(&shape);
    add_part(&shape);
    add_ring(&shape, RING({2, 2}, {2, 4.25}, {4.25, 4.25}));
    EXPECT(&shape, "..........", "..........", "..#.......", "..##......", NOTHING, "..........",
           "..........");

    start(&shape); /* test_rasterize_multipolygon_no_hole */
    add_part(&shape);
    add_ring(&shape, RING({0, 0}, {0, 5}, {5, 5}, {5, 0}));
    add_part(&shape);
    add_ring(&shape, RING({2, 2}, {2, 7}, {7, 7}, {7, 2}));
    EXPECT(&shape, "#####.....", "#####.....", "#######...", "#######...", "#######...",
           "..#####...", "..#####...", "..........", "..........", "..........");
}

/* raster-vision (3c18a7a), test_rasterized_source.py: the square, the buffered line (as a
 * rectangle, its round caps lie outside the pixels) and the polygon smaller than a pixel. */
static void raster_vision_tables(void **state)
{
    (void)state;
    struct shape shape;
    start(&shape);
    add_part(&shape);
    add_ring(&shape, RING({0, 0}, {0, 5}, {5, 5}, {5, 0}));
    add_part(&shape);
    add_ring(&shape, RING({6, -1}, {8, -1}, {8, 10}, {6, 10}));
    EXPECT(&shape, "#####.##..", "#####.##..", "#####.##..", "#####.##..", "#####.##..",
           "......##..", "......##..", "......##..", "......##..", "......##..");

    start(&shape);
    add_part(&shape);
    add_ring(&shape, RING({0, 0}, {0, 0.4}, {0.4, 0.4}, {0.4, 0}));
    EXPECT(&shape, NOTHING, NOTHING, "..........", "..........");
}

static void abutting_polygon_burns_nothing(void **state)
{
    (void)state;
    struct shape shape;
    start(&shape);
    add_part(&shape);
    add_ring(&shape, RING({10, 0}, {15, 0}, {15, 10}, {10, 10}));
    add_ring(&shape, RING({-5, 0}, {0, 0}, {0, 10}, {-5, 10}));
    add_ring(&shape, RING({0, 10}, {10, 10}, {10, 20}, {0, 20}));
    EXPECT(&shape, NOTHING, NOTHING, "..........", "..........");
}

/* Edges through pixel centres: left and top out and in by the header's rule, and neighbours that
 * share the edge never both burn, nor neither. */
static void ties_go_to_one_side(void **state)
{
    (void)state;
    struct shape shape;
    start(&shape);
    add_part(&shape);
    add_ring(&shape, RING({2.5, 2.5}, {5.5, 2.5}, {5.5, 4.5}, {2.5, 4.5}));
    EXPECT(&shape, "..........", "..........", "...###....", "...###....", NOTHING, "..........",
           "..........");
    uint8_t once[10][10] = {{0}};
    static const double cuts[4] = {0, 2.5, 6.5, 10};
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            uint8_t pixels[10][10] = {{0}};
            start(&shape);
            add_part(&shape);
            add_ring(&shape, RING({cuts[i], cuts[j]}, {cuts[i + 1], cuts[j]},
                                  {cuts[i + 1], cuts[j + 1]}, {cuts[i], cuts[j + 1]}));
            burn(&shape, (struct vdt_window){0, 0, 10, 10}, 1, 1, pixels);
            for (int k = 0; k < 100; k++)
                once[k / 10][k % 10] = (uint8_t)(once[k / 10][k % 10] + pixels[k / 10][k % 10]);
        }
    for (int k = 0; k < 100; k++)
        assert_int_equal(once[k / 10][k % 10], 1);
}

static void holes_and_crossing_rings_are_even_odd(void **state)
{
    (void)state;
    struct shape shape;
    start(&shape);
    add_part(&shape);
    add_ring(&shape, RING({1, 1}, {9, 1}, {9, 9}, {1, 9}));
    add_ring(&shape, RING({3, 3}, {7, 3}, {7, 7}, {3, 7}));
    EXPECT(&shape, "..........", ".########.", ".########.", ".##....##.", ".##....##.",
           ".##....##.", ".##....##.", ".########.", ".########.", "..........");
    start(&shape); /* bow-tie */
    add_part(&shape);
    add_ring(&shape, RING({0, 0}, {10, 0}, {0, 10}, {10, 10}));
    EXPECT(&shape, ".#########", "..#######.", "...#####..", "....###...", ".....#....",
           ".....#....", "....###...", "...#####..", "..#######.", ".#########");
}

static void values_may_have_two_bytes(void **state)
{
    (void)state;
    struct shape shape;
    start(&shape);
    add_part(&shape);
    add_ring(&shape, RING({-5, 1}, {3, 1}, {3, 3}, {-5, 3}));
    uint16_t pixels[4][5];
    memset(pixels, 0x11, sizeof pixels);
    burn(&shape, (struct vdt_window){0, 0, 5, 4}, 54321, 2, pixels);
    for (int r = 0; r < 4; r++)
        for (int c = 0; c < 5; c++)
            assert_int_equal(pixels[r][c], (r == 1 || r == 2) && c < 3 ? 54321 : 0x1111);
}

static void random_shape(struct shape *shape, uint64_t seed, double x, double y, double size)
{
    start(shape);
    int parts = 1 + (int)(vdt_mix2(seed, 1) % 3);
    for (int p = 0; p < parts; p++) {
        add_part(shape);
        for (int r = 0; r < 1 + (int)(vdt_mix2(seed, 2) % 3); r++) {
            double points[30][2];
            size_t count = 3 + (size_t)(vdt_mix2(seed, 3) % 28);
            seed = vdt_mix(seed);
            for (size_t i = 0; i < count; i++) {
                points[i][0] = x + vdt_unit(vdt_mix2(seed, 100 + i)) * size;
                points[i][1] = y + vdt_unit(vdt_mix2(seed, 200 + i)) * size;
                if (seed % 2 == 0) { /* many ties */
                    points[i][0] = floor(2 * points[i][0]) / 2;
                    points[i][1] = floor(2 * points[i][1]) / 2;
                }
            }
            add_ring(shape, count, (const double(*)[2])points);
        }
    }
}

static void mask_of_a_window_is_the_crop(void **state)
{
    (void)state;
    enum { SIDE = 48 };
    static uint8_t scene[SIDE][SIDE], tile[SIDE * SIDE];
    for (uint64_t k = 0; k < 3000; k++) {
        int32_t col = k % 3 == 0 ? 0 : k % 3 == 1 ? 123456 : -77;
        struct shape shape;
        random_shape(&shape, vdt_mix2(k, 7), col - 8, -col - 8, SIDE + 16);
        memset(scene, 0, sizeof scene);
        burn(&shape, (struct vdt_window){col, -col, SIDE, SIDE}, 1, 1, scene);
        uint64_t hash = vdt_mix2(k, 8);
        int32_t x = (int32_t)(hash % SIDE), y = (int32_t)(hash / 64 % SIDE);
        int32_t w = 1 + (int32_t)(hash / 4096 % (uint64_t)(SIDE - x));
        int32_t h = 1 + (int32_t)(hash / 262144 % (uint64_t)(SIDE - y));
        memset(tile, 0, sizeof tile);
        burn(&shape, (struct vdt_window){col + x, y - col, w, h}, 1, 1, tile);
        for (int32_t r = 0; r < h; r++)
            assert_memory_equal(tile + r * w, &scene[y + r][x], (size_t)w);
    }
}

/* The rule itself, centre by centre: crossings at or left of the centre are counted. */
static void equals_the_rule_pixel_by_pixel(void **state)
{
    (void)state;
    enum { SIDE = 24 };
    static uint8_t pixels[SIDE][SIDE];
    for (uint64_t k = 0; k < 500; k++) {
        struct shape shape;
        random_shape(&shape, vdt_mix2(k, 17), -4, -4, SIDE + 8);
        memset(pixels, 0, sizeof pixels);
        burn(&shape, (struct vdt_window){0, 0, SIDE, SIDE}, 1, 1, pixels);
        for (int i = 0; i < SIDE * SIDE; i++) {
            bool any = false;
            double x = i % SIDE + 0.5, y = i / SIDE + 0.5;
            for (size_t p = 0; p < shape.geometry.part_count; p++) {
                bool inside = false;
                for (size_t r = 0; r < shape.parts[p].count; r++) {
                    const struct vdt_ring *ring = &shape.rings[shape.parts[p].first + r];
                    for (size_t n = 0; n < ring->count; n++) {
                        const double *a = shape.points[ring->first + n];
                        const double *b = shape.points[ring->first + (n + 1) % ring->count];
                        const double *t = a[1] < b[1] ? a : b, *u = a[1] < b[1] ? b : a;
                        if (t[1] <= y && y < u[1] &&
                            (y - t[1]) * (u[0] - t[0]) / (u[1] - t[1]) + t[0] < x)
                            inside = !inside;
                    }
                }
                any = any || inside;
            }
            assert_int_equal(pixels[i / SIDE][i % SIDE], any);
        }
    }
}

static void hostile_coordinates_stay_in_the_window(void **state)
{
    (void)state;
    static const double values[] = {0,      5,       -1e9,     1e9,       1e18, -1e18, 1e300,
                                    -1e300, 1.7e308, INFINITY, -INFINITY, NAN,  2.5,   1e-320};
    enum { VALUES = sizeof values / sizeof values[0] };
    uint8_t pixels[10 * 10];
    struct shape shape;
    for (uint64_t k = 0; k < 20000; k++) {
        double ring[5][2];
        for (uint64_t i = 0; i < 10; i++)
            ring[i / 2][i % 2] = values[vdt_mix2(k, i) % VALUES];
        start(&shape);
        add_part(&shape);
        add_ring(&shape, 5, (const double(*)[2])ring);
        burn(&shape, (struct vdt_window){0, 0, 10, 10}, 1, 1, pixels);
    }
    memset(pixels, 0, sizeof pixels);
    start(&shape);
    add_part(&shape);
    add_ring(&shape, RING({-1e9, -1e9}, {1e9, -1e9}, {1e9, 1e9}, {-1e9, 1e9}));
    burn(&shape, (struct vdt_window){INT32_MAX - 5, 3, 10, 10}, 1, 1, pixels);
    for (int i = 0; i < 100; i++)
        assert_int_equal(pixels[i], 0);
    burn(&shape, (struct vdt_window){3, -3, 10, 10}, 7, 1, pixels);
    for (int i = 0; i < 100; i++)
        assert_int_equal(pixels[i], 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rasterio_tables),
        cmocka_unit_test(raster_vision_tables),
        cmocka_unit_test(abutting_polygon_burns_nothing),
        cmocka_unit_test(ties_go_to_one_side),
        cmocka_unit_test(holes_and_crossing_rings_are_even_odd),
        cmocka_unit_test(values_may_have_two_bytes),
        cmocka_unit_test(mask_of_a_window_is_the_crop),
        cmocka_unit_test(equals_the_rule_pixel_by_pixel),
        cmocka_unit_test(hostile_coordinates_stay_in_the_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
