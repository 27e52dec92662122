/* Outlines of masks: exactly their pixels, and valid. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ogr_api.h>

#include "base/geometry.h"
#include "base/random.h"
#include "report/ground/ground_state.h"

enum { MOST = 40 };

static OGRGeometryH make_polygon(const struct vdt_geometry *geometry, const struct vdt_part *part)
{
    OGRGeometryH polygon = OGR_G_CreateGeometry(wkbPolygon);
    for (size_t r = part->first; r < part->first + part->count; r++) {
        OGRGeometryH ring = OGR_G_CreateGeometry(wkbLinearRing);
        const struct vdt_ring *run = &geometry->rings[r];
        for (size_t i = 0; i <= run->count; i++) {
            const double *point = geometry->points[run->first + i % run->count];
            OGR_G_AddPoint_2D(ring, point[0], point[1]);
        }
        OGR_G_AddGeometryDirectly(polygon, ring);
    }
    return polygon;
}

static bool is_inside(const struct vdt_geometry *geometry, double x, double y)
{
    bool inside = false;
    for (size_t r = 0; r < geometry->ring_count; r++) {
        const struct vdt_ring *ring = &geometry->rings[r];
        for (size_t i = 0; i < ring->count; i++) {
            const double *a = geometry->points[ring->first + i];
            const double *b = geometry->points[ring->first + (i + 1) % ring->count];
            if ((a[1] > y) != (b[1] > y) && a[0] > x)
                inside = !inside;
        }
    }
    return inside;
}

static void check(struct vdt_outliner *outliner, const uint8_t *bits, size_t rows, size_t cols)
{
    const int64_t corner[2] = {1000, -7};
    struct vdt_geometry made = {0};
    double area = 0, pixels = 0;
    assert_int_equal(vdt_outliner_trace(outliner, bits, rows, cols, corner, &made, NULL), VDT_OK);
    for (size_t y = 0; y < rows; y++)
        for (size_t x = 0; x < cols; x++) {
            pixels += bits[y * cols + x];
            assert_int_equal(is_inside(&made, 1000.5 + (double)x, -6.5 + (double)y),
                             bits[y * cols + x]);
        }
    for (size_t p = 0; p < made.part_count; p++) {
        OGRGeometryH polygon = make_polygon(&made, &made.parts[p]);
        assert_true(OGR_G_IsValid(polygon));
        area += OGR_G_Area(polygon);
        OGR_G_DestroyGeometry(polygon);
    }
    assert_true(area == pixels); /* so no part lies in another, and holes are in their own */
    vdt_geometry_clear(&made);
}

static void any_mask(void **state)
{
    (void)state;
    struct vdt_outliner outliner = {0};
    for (uint64_t n = 0; n < 600; n++) {
        uint8_t bits[MOST * MOST];
        size_t rows = 1 + vdt_mix2(n, 1) % (n < 300 ? 6 : MOST);
        size_t cols = 1 + vdt_mix2(n, 2) % (n < 300 ? 6 : MOST);
        double share = 0.2 + 0.6 * vdt_unit(vdt_mix2(n, 3));
        for (size_t i = 0; i < rows * cols; i++)
            bits[i] = vdt_unit(vdt_mix2(n, 100 + i)) < share;
        check(&outliner, bits, rows, cols);
    }
    vdt_outliner_clear(&outliner);
}

static void corners_holes_and_islands(void **state)
{
    (void)state;
    static const char *const masks[] = {"#####"
                                        "#...#"
                                        "#.#.#"
                                        "#...#"
                                        "#####",
                                        ".###."
                                        "#...#"
                                        "#.#.#"
                                        "#...#"
                                        ".###.",
                                        "##..."
                                        "##..."
                                        "..###"
                                        "..#.#"
                                        "..###",
                                        "###.."
                                        "#.#.."
                                        "##.##"
                                        "..#.#"
                                        "..###",
                                        ".....",
                                        "#####"};
    struct vdt_outliner outliner = {0};
    for (size_t n = 0; n < sizeof masks / sizeof masks[0]; n++) {
        uint8_t bits[25];
        size_t count = strlen(masks[n]);
        for (size_t i = 0; i < count; i++)
            bits[i] = masks[n][i] == '#';
        check(&outliner, bits, count / 5, 5);
    }
    vdt_outliner_clear(&outliner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_mask),
        cmocka_unit_test(corners_holes_and_islands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
