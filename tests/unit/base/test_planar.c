#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <geos_c.h>
#include <stdlib.h>
#include <string.h>

#include "base/planar.h"
#include "base/random.h"

static double pick(uint64_t *seed, double low, double high)
{
    *seed = vdt_mix(*seed + 1);
    return low + (high - low) * vdt_unit(*seed);
}

/* On a coarse grid, so that points fall on lines and lines on each other. */
static double coarse(uint64_t *seed)
{
    return (double)(int)pick(seed, 0, 9);
}

/* A star-shaped ring, which is simple, around a place; or a line or point of the same numbers. */
static void random_shape(uint64_t *seed, struct vdt_planar *shape, bool on_grid)
{
    static const double turns[8][2] = {{3, 0},  {2, 2},   {0, 3},  {-2, 2},
                                       {-3, 0}, {-2, -2}, {0, -3}, {2, -2}};
    int kind = (int)pick(seed, 0, 3);
    double x = coarse(seed), y = coarse(seed), size = on_grid ? 1 : pick(seed, 0.1, 2);
    assert_true(vdt_planar_piece(shape, (enum vdt_planar_kind)kind));
    assert_true(vdt_planar_run(shape));
    if (kind == VDT_PLANAR_POINT)
        assert_true(vdt_planar_point(shape, x, y));
    else if (kind == VDT_PLANAR_LINE)
        for (int i = 0; i < 4; i++)
            assert_true(vdt_planar_point(shape, x + i * (i % 2), coarse(seed)));
    else
        for (int i = 0; i < 8; i++) {
            double radius = on_grid ? 1 : pick(seed, 0.3, 1);
            assert_true(vdt_planar_point(shape, x + size * radius * turns[i][0],
                                         y + size * radius * turns[i][1]));
        }
    if (kind == VDT_PLANAR_POLYGON && pick(seed, 0, 1) < 0.5) {
        assert_true(vdt_planar_run(shape)); /* a hole */
        for (int i = 0; i < 8; i += 2)
            assert_true(vdt_planar_point(shape, x + size * 0.1 * turns[i][0],
                                         y + size * 0.1 * turns[i][1]));
    }
    vdt_planar_end(shape);
}

static GEOSGeometry *ring_of(GEOSContextHandle_t geos, const struct vdt_planar *shape, size_t run,
                             enum vdt_planar_kind kind)
{
    const struct vdt_planar_run *r = &shape->runs[run];
    size_t closing = kind == VDT_PLANAR_POLYGON;
    GEOSCoordSequence *points = GEOSCoordSeq_create_r(geos, (unsigned)(r->count + closing), 2);
    for (size_t i = 0; i < r->count + closing; i++) {
        const double *p = shape->points[r->first + i % r->count];
        GEOSCoordSeq_setXY_r(geos, points, (unsigned)i, p[0], p[1]);
    }
    return kind == VDT_PLANAR_POINT  ? GEOSGeom_createPoint_r(geos, points)
           : kind == VDT_PLANAR_LINE ? GEOSGeom_createLineString_r(geos, points)
                                     : GEOSGeom_createLinearRing_r(geos, points);
}

static GEOSGeometry *geos_of(GEOSContextHandle_t geos, const struct vdt_planar *shape)
{
    GEOSGeometry *pieces[4];
    assert_true(shape->piece_count <= 4);
    for (size_t i = 0; i < shape->piece_count; i++) {
        const struct vdt_planar_piece *piece = &shape->pieces[i];
        pieces[i] = ring_of(geos, shape, piece->first, piece->kind);
        if (piece->kind != VDT_PLANAR_POLYGON)
            continue;
        GEOSGeometry *hole =
            piece->count > 1 ? ring_of(geos, shape, piece->first + 1, piece->kind) : NULL;
        pieces[i] =
            GEOSGeom_createPolygon_r(geos, pieces[i], hole == NULL ? NULL : &hole, hole != NULL);
    }
    return GEOSGeom_createCollection_r(geos, GEOS_GEOMETRYCOLLECTION, pieces,
                                       (unsigned)shape->piece_count);
}

/* GEOS takes no collections here. */
static bool members_meet(GEOSContextHandle_t geos, const GEOSGeometry *x, const GEOSGeometry *y)
{
    for (int i = 0; i < GEOSGetNumGeometries_r(geos, x); i++)
        for (int j = 0; j < GEOSGetNumGeometries_r(geos, y); j++)
            if (GEOSIntersects_r(geos, GEOSGetGeometryN_r(geos, x, i),
                                 GEOSGetGeometryN_r(geos, y, j)) == 1)
                return true;
    return false;
}

static void agrees_with_geos(void **state)
{
    (void)state;
    GEOSContextHandle_t geos = GEOS_init_r();
    int met = 0, rounds = 6000;
    for (int i = 0; i < rounds; i++) {
        uint64_t seed = vdt_mix((uint64_t)i);
        struct vdt_planar a = {0}, b = {0};
        for (int k = 0; k <= i % 3; k++) {
            random_shape(&seed, &a, i % 2 == 0);
            random_shape(&seed, &b, i % 2 == 0);
        }
        GEOSGeometry *x = geos_of(geos, &a), *y = geos_of(geos, &b);
        bool expected = members_meet(geos, x, y);
        assert_int_equal(vdt_planar_meet(&a, &b), expected);
        assert_int_equal(vdt_planar_meet(&b, &a), expected);
        met += expected;
        GEOSGeom_destroy_r(geos, x);
        GEOSGeom_destroy_r(geos, y);
        vdt_planar_clear(&a);
        vdt_planar_clear(&b);
    }
    GEOS_finish_r(geos);
    assert_in_range(met, rounds / 20, rounds - rounds / 20);
}

/* A third of the way along a line is beside it by rounding alone. */
static void nearly_on_a_line_is_decided_exactly(void **state)
{
    (void)state;
    struct vdt_planar line = {0}, left = {0}, right = {0}, on = {0};
    assert_true(vdt_planar_piece(&line, VDT_PLANAR_LINE) && vdt_planar_run(&line) &&
                vdt_planar_point(&line, 0.5, 0.5) && vdt_planar_point(&line, 12, 12));
    vdt_planar_end(&line);
    double next = 1 + 2.220446049250313e-16;
    assert_true(vdt_planar_box(&on, 1, 1, 1, 1) && vdt_planar_box(&left, 1, next, 1, next) &&
                vdt_planar_box(&right, next, 1, next, 1));
    assert_true(vdt_planar_meet(&line, &on));
    assert_false(vdt_planar_meet(&line, &left));
    assert_false(vdt_planar_meet(&line, &right));
    vdt_planar_clear(&line);
    vdt_planar_clear(&left);
    vdt_planar_clear(&right);
    vdt_planar_clear(&on);
}

static void packed_shapes_come_back(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 200; i++) {
        uint64_t seed = vdt_mix(i);
        struct vdt_planar shape = {0}, back = {0};
        unsigned char *data;
        size_t size;
        for (uint64_t k = 0; k < i % 5; k++)
            random_shape(&seed, &shape, false);
        assert_true(vdt_planar_pack(&shape, &data, &size));
        assert_true(vdt_planar_unpack(data, size, &back));
        assert_true(vdt_planar_equal(&shape, &back));
        vdt_planar_clear(&back);
        /* Cut off or changed it is refused, or is a shape that can be asked. */
        for (size_t cut = 0; cut < size; cut++)
            assert_false(vdt_planar_unpack(data, cut, &back));
        for (size_t byte = 0; byte < size; byte++) {
            data[byte] ^= (unsigned char)(1u << (i % 8));
            if (vdt_planar_unpack(data, size, &back)) {
                vdt_planar_meet(&back, &shape);
                vdt_planar_clear(&back);
            }
            data[byte] ^= (unsigned char)(1u << (i % 8));
        }
        free(data);
        vdt_planar_clear(&shape);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_geos),
        cmocka_unit_test(nearly_on_a_line_is_decided_exactly),
        cmocka_unit_test(packed_shapes_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
