/* What polygons share, by arithmetic as by GEOS; what is mended. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/random.h"
#include "base/shared_area.h"
#include "source/shapes/overlay.h"

static struct vdt_error error;

static void add_ring(struct vdt_geometry *to, const double (*points)[2], size_t count, bool hole)
{
    assert_true(
        vdt_grow(&to->points, &to->point_capacity, to->point_count + count, sizeof *to->points));
    assert_true(vdt_grow(&to->rings, &to->ring_capacity, to->ring_count + 1, sizeof *to->rings));
    assert_true(vdt_grow(&to->parts, &to->part_capacity, to->part_count + 1, sizeof *to->parts));
    if (!hole)
        to->parts[to->part_count++] = (struct vdt_part){to->ring_count, 0};
    to->parts[to->part_count - 1].count++;
    to->rings[to->ring_count++] = (struct vdt_ring){to->point_count, count};
    memcpy(to->points + to->point_count, points, count * sizeof *points);
    to->point_count += count;
}

static double unit(uint64_t seed, uint64_t n)
{
    return vdt_unit(vdt_mix2(seed, n));
}

/* A star with a hole; of whole numbers, so that sides of two often lie on each other, or not. */
static void add_star(struct vdt_geometry *to, uint64_t seed, bool whole)
{
    double points[24][2], hole[24][2];
    size_t count = 3 + (size_t)(unit(seed, 1) * 20);
    double x = 10 + 8 * unit(seed, 2), y = 10 + 8 * unit(seed, 3);
    for (size_t i = 0; i < count; i++) {
        double angle = 2 * M_PI * ((double)i + 0.5 * unit(seed, 4 + i)) / (double)count;
        double radius = 3 + 7 * unit(seed, 40 + i);
        points[i][0] = x + radius * cos(angle);
        points[i][1] = y + radius * sin(angle);
        hole[i][0] = x + 0.4 * radius * cos(angle);
        hole[i][1] = y + 0.4 * radius * sin(angle);
        for (int axis = 0; whole && axis < 2; axis++)
            points[i][axis] = floor(points[i][axis]);
    }
    add_ring(to, (const double(*)[2])points, count, false);
    if (!whole && count > 3)
        add_ring(to, (const double(*)[2])hole, count, true);
}

static void add_sides(struct vdt_shared_area *work, int shape, const struct vdt_geometry *from,
                      const double origin[2])
{
    for (size_t r = 0; r < from->ring_count; r++)
        assert_true(vdt_shared_area_ring(work, shape,
                                         (const double(*)[2])from->points + from->rings[r].first,
                                         from->rings[r].count, origin));
}

static double area_of(const struct vdt_geometry *shape)
{
    double area = 0;
    for (size_t p = 0; p < shape->part_count; p++)
        for (size_t r = 0; r < shape->parts[p].count; r++) {
            const struct vdt_ring *ring = &shape->rings[shape->parts[p].first + r];
            double its =
                fabs(vdt_ring_area2((const double(*)[2])shape->points + ring->first, ring->count)) /
                2;
            area += r == 0 ? its : -its;
        }
    return area;
}

/* Within a rectangle: the overlay cuts both first. */
static void check(struct vdt_overlay *overlay, struct vdt_shared_area *work,
                  const struct vdt_geometry shapes[2], const double within[4])
{
    vdt_shared_area_begin(work);
    struct vdt_geometry cuts[2] = {{0}, {0}};
    double areas[3], wanted[3];
    struct vdt_overlay_parts parts[2];
    for (int i = 0; i < 2; i++) {
        add_sides(work, i, &shapes[i], within);
        parts[i] = (struct vdt_overlay_parts){&shapes[i], 0, shapes[i].part_count, true};
        assert_int_equal(vdt_overlay_cut(overlay, &parts[i], within, &cuts[i], &error), VDT_OK);
        wanted[i] = area_of(&cuts[i]);
        parts[i] = (struct vdt_overlay_parts){&cuts[i], 0, cuts[i].part_count, true};
    }
    assert_int_equal(vdt_overlay_shared(overlay, &parts[0], &parts[1], &wanted[2], &error), VDT_OK);
    const double moved[4] = {0, 0, within[2] - within[0], within[3] - within[1]};
    assert_true(vdt_shared_area_measure(work, moved, areas));
    for (int i = 0; i < 3; i++)
        assert_true(fabs(areas[i] - wanted[i]) < 1e-9);
    for (int i = 0; i < 2; i++)
        vdt_geometry_clear(&cuts[i]);
}

static void arithmetic_is_geos(void **state)
{
    (void)state;
    static const double rectangles[][4] = {
        {-100, -100, 100, 100}, {8, 9, 17, 14}, {12.5, 0, 13, 40}};
    struct vdt_overlay *overlay = NULL;
    struct vdt_shared_area work = {0};
    size_t compared = 0;
    assert_int_equal(vdt_overlay_open(&overlay, &error), VDT_OK);
    for (uint64_t seed = 0; seed < 3000; seed++) {
        struct vdt_geometry shapes[2] = {{0}, {0}}, none = {0};
        bool bad = false;
        for (int i = 0; i < 2; i++) {
            bool mended = true;
            add_star(&shapes[i], 2 * seed + (uint64_t)i, seed % 2 == 0);
            const struct vdt_overlay_parts one = {&shapes[i], 0, 1, false};
            assert_int_equal(vdt_overlay_mend(overlay, &one, &mended, &none, &error), VDT_OK);
            bad = bad || mended;
        }
        for (size_t i = 0; !bad && i < sizeof rectangles / sizeof rectangles[0]; i++, compared++)
            check(overlay, &work, shapes, rectangles[i]);
        for (int i = 0; i < 2; i++)
            vdt_geometry_clear(&shapes[i]);
        vdt_geometry_clear(&none);
    }
    assert_true(compared > 3000);
    vdt_shared_area_clear(&work);
    vdt_overlay_free(overlay);
}

/* The same shape shares all of itself, on ground where numbers are large. */
static void large_numbers(void **state)
{
    (void)state;
    struct vdt_shared_area work = {0};
    const double origin[2] = {9e6, -9e6};
    const double points[4][2] = {
        {9e6 + 0.5, -9e6}, {9e6 + 3.5, -9e6 + 1}, {9e6 + 3, -9e6 + 4}, {9e6, -9e6 + 2}};
    double areas[3];
    vdt_shared_area_begin(&work);
    for (int i = 0; i < 2; i++)
        assert_true(vdt_shared_area_ring(&work, i, points, 4, origin));
    assert_true(vdt_shared_area_measure(&work, NULL, areas));
    for (int i = 0; i < 3; i++)
        assert_true(fabs(areas[i] - 8.25) < 1e-12);
    vdt_shared_area_begin(&work);
    assert_true(vdt_shared_area_measure(&work, NULL, areas));
    assert_true(areas[0] == 0 && areas[2] == 0);
    vdt_shared_area_clear(&work);
}

/* A bow tie is its two halves, parts that overlap are one, and what is good stays as it is. */
static void mended(void **state)
{
    (void)state;
    static const double tie[4][2] = {{0, 0}, {4, 4}, {4, 0}, {0, 4}};
    static const double square[4][2] = {{0, 0}, {4, 0}, {4, 4}, {0, 4}};
    static const double other[4][2] = {{2, 0}, {6, 0}, {6, 4}, {2, 4}};
    struct vdt_overlay *overlay = NULL;
    assert_int_equal(vdt_overlay_open(&overlay, &error), VDT_OK);
    for (int kind = 0; kind < 3; kind++) {
        struct vdt_geometry shape = {0}, made = {0};
        bool changed = false;
        add_ring(&shape, kind == 0 ? tie : square, 4, false);
        if (kind == 1)
            add_ring(&shape, other, 4, false);
        const struct vdt_overlay_parts all = {&shape, 0, shape.part_count, false};
        assert_int_equal(vdt_overlay_mend(overlay, &all, &changed, &made, &error), VDT_OK);
        assert_true(changed == (kind < 2));
        assert_int_equal(made.part_count, kind == 0 ? 2 : kind == 1 ? 1 : 0);
        assert_true(fabs(area_of(&made) - (kind == 0 ? 8 : kind == 1 ? 24 : 0)) < 1e-12);
        vdt_geometry_clear(&shape);
        vdt_geometry_clear(&made);
    }
    vdt_overlay_free(overlay);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic_is_geos),
        cmocka_unit_test(large_numbers),
        cmocka_unit_test(mended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
