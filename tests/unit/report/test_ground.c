/* Objects of a scene, cut by tiles of any size and put together again, are those of the scene. */
#include "tiled.h"

static void compare_tilings(const double geotransform[6], bool lonlat, enum kind kind, bool scored,
                            bool known)
{
    static const uint32_t sizes[][2] = {{128, 128}, {128, 96}, {256, 256}, {256, 128},
                                        {64, 32},   {128, 64}, {512, 512}};
    struct scene *scene = calloc(1, sizeof *scene);
    assert_non_null(scene);
    scatter(scene, 11, kind == MASKS ? 60 : 150);
    struct tiled *whole = new_tiled();
    lay_tiles(whole, geotransform, SCENE, SCENE);
    cut(whole, scene, kind, scored);
    struct vdt_ground_merged *expected = merge_tiled(whole, lonlat, known, 1);
    assert_int_equal(vdt_ground_objects(expected)->count, scene->count);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct tiled *tiled = new_tiled();
        lay_tiles(tiled, geotransform, sizes[i][0], sizes[i][1]);
        cut(tiled, scene, kind, scored);
        struct vdt_ground_merged *merged = merge_tiled(tiled, lonlat, known, 1 + (uint32_t)i % 3);
        assert_same_objects(expected, merged, 1e-9);
        vdt_ground_merged_free(merged);
        free_tiled(tiled);
    }
    vdt_ground_merged_free(expected);
    free_tiled(whole);
    free(scene);
}

static void tilings_give_the_scene(void **state)
{
    (void)state;
    compare_tilings(north_up, false, BOXES, true, false);
    compare_tilings(north_up, false, BOXES, false, true);
    compare_tilings(north_up, false, MASKS, true, false);
    compare_tilings(north_up, false, POLYGONS, true, false);
    compare_tilings(rotated, false, BOXES, true, false);
    compare_tilings(south_up, false, POLYGONS, false, true);
    compare_tilings(degrees, true, BOXES, true, false);
    compare_tilings(antimeridian, true, BOXES, true, false);
    compare_tilings(antimeridian, true, MASKS, false, true);
}

/* --- which pieces are one object -----------------------------------------------------------------
 */

static void add_object(struct scene *scene, double left, double top, double right, double bottom,
                       double score)
{
    const double box[4] = {left, top, right, bottom};
    memcpy(scene->box[scene->count], box, sizeof box);
    scene->category[scene->count] = 0;
    scene->score[scene->count++] = score;
}

/* Of a scene in tiles: how many objects, and their scores in order. */
static void assert_scores(const struct scene *scene, uint32_t size, uint32_t stride, enum kind kind,
                          size_t count, const double *scores)
{
    struct tiled *tiled = new_tiled();
    lay_tiles(tiled, north_up, size, stride);
    cut(tiled, scene, kind, true);
    struct vdt_ground_merged *merged = merge_tiled(tiled, false, false, 2);
    const struct vdt_objects *objects = vdt_ground_objects(merged);
    assert_int_equal(objects->count, count);
    for (size_t i = 0; i < count; i++)
        assert_true(objects->score[i] == scores[i]);
    vdt_ground_merged_free(merged);
    free_tiled(tiled);
}

static void on_four_corners_is_one(void **state)
{
    (void)state;
    for (int kind = BOXES; kind <= POLYGONS; kind++) {
        struct scene *scene = calloc(1, sizeof *scene);
        assert_non_null(scene);
        add_object(scene, 250, 251, 263, 259, 0.5);
        assert_scores(scene, 256, 256, (enum kind)kind, 1, (double[]){0.5});
        assert_scores(scene, 256, 128, (enum kind)kind, 1, (double[]){0.5});
        free(scene);
    }
}

static void neighbours_stay_two(void **state)
{
    (void)state;
    for (int kind = BOXES; kind <= POLYGONS; kind++) {
        struct scene *scene = calloc(1, sizeof *scene);
        assert_non_null(scene);
        add_object(scene, 20, 20, 40, 40, 0.75);
        add_object(scene, 40, 20, 60, 40, 0.5);
        assert_scores(scene, 256, 256, (enum kind)kind, 2, (double[]){0.75, 0.5});
        /* Both on the border of two tiles, one above the other. */
        add_object(scene, 246, 100, 266, 120, 0.375);
        add_object(scene, 246, 120, 266, 140, 0.25);
        assert_scores(scene, 256, 256, (enum kind)kind, 4, (double[]){0.75, 0.5, 0.375, 0.25});
        assert_scores(scene, 256, 128, (enum kind)kind, 4, (double[]){0.75, 0.5, 0.375, 0.25});
        free(scene);
    }
}

/* One ends on a border where the other begins: alone that looks like one object, but a tile that
 * sees both knows better. */
static void neighbours_at_a_border(void **state)
{
    (void)state;
    for (int kind = BOXES; kind <= POLYGONS; kind++) {
        struct scene *scene = calloc(1, sizeof *scene);
        assert_non_null(scene);
        add_object(scene, 236, 100, 256, 120, 0.75);
        add_object(scene, 256, 100, 276, 120, 0.5);
        assert_scores(scene, 256, 128, (enum kind)kind, 2, (double[]){0.75, 0.5});
        assert_scores(scene, 256, 256, (enum kind)kind, 1, (double[]){0.75});
        free(scene);
    }
}

static void duplicates_of_a_tile_stay(void **state)
{
    (void)state;
    for (int kind = BOXES; kind <= POLYGONS; kind++) {
        struct scene *scene = calloc(1, sizeof *scene);
        assert_non_null(scene);
        add_object(scene, 240, 100, 276, 130, 0.75);
        add_object(scene, 240, 100, 276, 130, 0.5);
        add_object(scene, 241, 101, 276, 130, 0.25);
        assert_scores(scene, 512, 512, (enum kind)kind, 3, (double[]){0.75, 0.5, 0.25});
        assert_scores(scene, 256, 256, (enum kind)kind, 3, (double[]){0.75, 0.5, 0.25});
        assert_scores(scene, 256, 128, (enum kind)kind, 3, (double[]){0.75, 0.5, 0.25});
        free(scene);
    }
}

/* Half of a corner: its box in one tile is less than the box of the whole in the other. */
static void boxes_of_what_is_left(void **state)
{
    (void)state;
    struct scene *scene = calloc(1, sizeof *scene);
    struct tiled *tiled = new_tiled();
    assert_non_null(scene);
    tiled->rows = tiled->cols = 256;
    add_tile(tiled, north_up, 0, 0);
    add_tile(tiled, north_up, 128, 0);
    add_object(scene, 200, 100, 300, 180, 0.5);
    cut(tiled, scene, BOXES, true);
    assert_int_equal(tiled->count, 2);
    tiled->box[0][3] = 20; /* of 80 rows */
    struct vdt_ground_merged *cut_off = merge_tiled(tiled, false, false, 1);
    assert_int_equal(vdt_ground_objects(cut_off)->count, 1);
    assert_true(fabs(vdt_ground_objects(cut_off)->area[0] / (100 * 80 * 0.25) - 1) < 0.01);
    tiled->box[0][2] = 40; /* ends before the border: another object */
    struct vdt_ground_merged *whole = merge_tiled(tiled, false, false, 1);
    assert_int_equal(vdt_ground_objects(whole)->count, 2);
    vdt_ground_merged_free(cut_off);
    vdt_ground_merged_free(whole);
    free_tiled(tiled);
    free(scene);
}

/* --- nothing else shows in what comes out -------------------------------------------------------
 */

static void assert_bytes(const struct vdt_ground_merged *one, const struct vdt_ground_merged *two)
{
    const struct vdt_objects *a = vdt_ground_objects(one), *b = vdt_ground_objects(two);
    size_t count = a->count, rings, points;
    assert_int_equal(count, b->count);
    assert_memory_equal(a->area, b->area, count * sizeof *a->area);
    assert_memory_equal(a->box, b->box, count * sizeof *a->box);
    assert_memory_equal(a->score, b->score, count * sizeof *a->score);
    assert_memory_equal(a->category, b->category, count * sizeof *a->category);
    assert_memory_equal(a->image, b->image, count * sizeof *a->image);
    assert_memory_equal(a->shapes->shape_offsets, b->shapes->shape_offsets, (count + 1) * 8);
    rings = a->shapes->part_offsets[a->shapes->shape_offsets[count]];
    points = a->shapes->ring_offsets[rings];
    assert_int_equal(points, b->shapes->ring_offsets[rings]);
    assert_memory_equal(a->shapes->points, b->shapes->points, points * 16);
}

/* The same tiles and pieces the other way round. */
static void turn_round(struct tiled *tiled)
{
    for (uint32_t i = 0, k = tiled->tile_count - 1; i < k; i++, k--) {
        struct vdt_placed_tile tile = tiled->tiles[i];
        tiled->tiles[i] = tiled->tiles[k];
        tiled->tiles[k] = tile;
    }
}

static void order_and_threads_do_not_show(void **state)
{
    (void)state;
    for (int kind = BOXES; kind <= POLYGONS; kind++) {
        struct scene *scene = calloc(1, sizeof *scene);
        struct tiled *tiled = new_tiled(), *turned = new_tiled();
        assert_non_null(scene);
        scatter(scene, 5, kind == MASKS ? 40 : 120);
        lay_tiles(tiled, degrees, 128, 64);
        lay_tiles(turned, degrees, 128, 64);
        turn_round(turned);
        cut(tiled, scene, (enum kind)kind, true);
        cut(turned, scene, (enum kind)kind, true);
        struct vdt_ground_merged *one = merge_tiled(tiled, true, false, 1);
        struct vdt_ground_merged *many = merge_tiled(tiled, true, false, 5);
        struct vdt_ground_merged *other = merge_tiled(turned, true, false, 3);
        assert_bytes(one, many);
        assert_bytes(one, other);
        vdt_ground_merged_free(one);
        vdt_ground_merged_free(many);
        vdt_ground_merged_free(other);
        free_tiled(tiled);
        free_tiled(turned);
        free(scene);
    }
}

/* --- options ---------------------------------------------------------------------------------- */

static struct vdt_ground_merged *merge_with(const struct tiled *tiled,
                                            struct vdt_ground_options options,
                                            const int64_t *feature, const double *visible)
{
    struct vdt_ground_areas *areas = NULL;
    struct vdt_ground_merged *merged = NULL;
    struct vdt_error error = {0};
    options.tiles = tiled->tiles;
    options.tile_count = tiled->tile_count;
    options.rows = tiled->rows;
    options.cols = tiled->cols;
    options.crs = utm;
    options.crs_count = 1;
    if (vdt_ground_areas_open(&options, &areas, &error) != VDT_OK ||
        vdt_ground_merge(areas,
                         &(struct vdt_ground_input){
                             .objects = &tiled->objects, .feature = feature, .visible = visible},
                         &merged, &error) != VDT_OK)
        fail_msg("%s", error.message);
    vdt_ground_areas_free(areas);
    return merged;
}

static void scores_are_the_highest_or_the_mean(void **state)
{
    (void)state;
    struct scene *scene = calloc(1, sizeof *scene);
    struct tiled *tiled = new_tiled();
    assert_non_null(scene);
    add_object(scene, 246, 100, 276, 130, 0.5);
    lay_tiles(tiled, north_up, 256, 256);
    cut(tiled, scene, BOXES, true);
    assert_int_equal(tiled->count, 2);
    tiled->score[0] = 0.25; /* of 10 columns; the other has 20 */
    tiled->score[1] = 0.75;
    struct vdt_ground_merged *most = merge_with(tiled, (struct vdt_ground_options){0}, NULL, NULL);
    struct vdt_ground_merged *mean =
        merge_with(tiled, (struct vdt_ground_options){.mean_scores = true}, NULL, NULL);
    assert_true(vdt_ground_objects(most)->score[0] == 0.75);
    assert_true(fabs(vdt_ground_objects(mean)->score[0] - (0.25 + 2 * 0.75) / 3) < 1e-12);
    vdt_ground_merged_free(most);
    vdt_ground_merged_free(mean);
    free_tiled(tiled);
    free(scene);
}

static void the_edge_cuts(void **state)
{
    (void)state;
    struct scene *scene = calloc(1, sizeof *scene);
    struct tiled *tiled = new_tiled();
    assert_non_null(scene);
    add_object(scene, 100, 100, 140, 130, 0.5); /* whole */
    add_object(scene, 240, 40, 270, 60, 0.5);   /* on the border of two tiles */
    add_object(scene, 200, 246, 220, 266, 0.5); /* half below them */
    tiled->rows = tiled->cols = 256;
    add_tile(tiled, north_up, 0, 0);
    add_tile(tiled, north_up, 256, 0);
    cut(tiled, scene, BOXES, false);
    const double visible[4] = {1, 16 / 30.0, 0.5, 14 / 30.0};
    assert_int_equal(tiled->count, 4);
    struct vdt_ground_merged *plain =
        merge_with(tiled, (struct vdt_ground_options){0}, tiled->feature, visible);
    struct vdt_ground_merged *strict =
        merge_with(tiled, (struct vdt_ground_options){.ignore_cut = true}, tiled->feature, visible);
    struct vdt_ground_merged *share = merge_with(
        tiled, (struct vdt_ground_options){.min_visible = 0.75}, tiled->feature, visible);
    assert_int_equal(vdt_ground_objects(plain)->count, 3);
    assert_int_equal(vdt_ground_counts(plain).cut, 1);
    assert_int_equal(vdt_ground_counts(plain).joined, 1);
    assert_int_equal(vdt_ground_counts(plain).ignored, 0);
    assert_int_equal(vdt_ground_counts(strict).ignored, 1);
    assert_int_equal(vdt_ground_counts(share).ignored, 1);
    for (size_t i = 0; i < 3; i++) { /* sorted by row: the last one is cut */
        assert_int_equal(vdt_ground_objects(plain)->ignore[i], 0);
        assert_int_equal(vdt_ground_objects(strict)->ignore[i], i == 2);
        assert_int_equal(vdt_ground_objects(share)->ignore[i], i == 2);
    }
    assert_true(fabs(vdt_ground_objects(plain)->area[2] - 20 * 10 * 0.25) < 0.1);
    vdt_ground_merged_free(plain);
    vdt_ground_merged_free(strict);
    vdt_ground_merged_free(share);
    free_tiled(tiled);
    free(scene);
}

/* Two label files number their features each for itself. */
static void numbers_that_two_objects_have(void **state)
{
    (void)state;
    struct scene *scene = calloc(1, sizeof *scene);
    struct tiled *tiled = new_tiled();
    assert_non_null(scene);
    add_object(scene, 20, 20, 40, 40, 0.5);
    add_object(scene, 300, 20, 340, 40, 0.5);
    lay_tiles(tiled, north_up, 256, 256);
    cut(tiled, scene, BOXES, false);
    const int64_t feature[2] = {3, 3};
    const double whole[2] = {1, 1};
    struct vdt_ground_merged *told =
        merge_with(tiled, (struct vdt_ground_options){0}, feature, whole);
    struct vdt_ground_merged *untold =
        merge_with(tiled, (struct vdt_ground_options){0}, feature, NULL);
    assert_int_equal(vdt_ground_objects(told)->count, 2);
    assert_int_equal(vdt_ground_objects(untold)->count, 1); /* parts that lie apart */
    vdt_ground_merged_free(told);
    vdt_ground_merged_free(untold);
    free_tiled(tiled);
    free(scene);
}

/* --- areas --------------------------------------------------------------------------------------
 */

static void tiles_make_areas(void **state)
{
    (void)state;
    struct tiled *tiled = new_tiled();
    tiled->rows = tiled->cols = 64;
    add_tile(tiled, north_up, 0, 0);
    add_tile(tiled, north_up, 64, 0);
    add_tile(tiled, north_up, 128, 64);  /* a corner is no border */
    add_tile(tiled, north_up, 160, 100); /* overlaps the third */
    add_tile(tiled, north_up, 0, 0);
    tiled->tiles[4].scene = 8; /* another day */
    struct vdt_ground_areas *areas = open_areas(tiled, false, 1);
    assert_int_equal(vdt_ground_area_count(areas), 3);
    assert_int_equal(vdt_ground_area(areas, 0).tiles, 2);
    assert_int_equal(vdt_ground_area(areas, 1).tiles, 2);
    assert_int_equal(vdt_ground_area(areas, 2).tiles, 1);
    assert_int_equal(vdt_ground_area(areas, 2).scene, 8);
    assert_true(vdt_ground_area(areas, 0).metres);
    assert_string_equal(vdt_ground_area(areas, 0).crs,
                        "+proj=laea +lat_0=-8.000000 +lon_0=-34.800000 +datum=WGS84 +units=m");
    vdt_ground_areas_free(areas);
    free_tiled(tiled);
}

/* Half a degree of latitude and longitude on the WGS 84 ellipsoid, by its closed formula. */
static double zone_area(double south, double north, double width)
{
    const double a = 6378137, e2 = 0.0066943799901413165, e = sqrt(e2), d = 3.14159265358979 / 180;
    double q[2];
    for (int i = 0; i < 2; i++) {
        double s = sin((i == 0 ? south : north) * d);
        q[i] = (1 - e2) * (s / (1 - e2 * s * s) + atanh(e * s) / e);
    }
    return a * a / 2 * (q[1] - q[0]) * width * d;
}

static void areas_are_square_metres(void **state)
{
    (void)state;
    static const double souths[] = {-89, -60.25, -0.25, 8, 47, 71, 88.5};
    for (size_t i = 0; i < sizeof souths / sizeof souths[0]; i++) {
        struct scene *scene = calloc(1, sizeof *scene);
        struct tiled *tiled = new_tiled();
        assert_non_null(scene);
        const double g[6] = {179.75, 0.5 / SCENE, 0, souths[i] + 0.5, 0, -0.5 / SCENE};
        add_object(scene, 0, 0, SCENE, SCENE, 0.5);
        lay_tiles(tiled, g, 128, 128);
        cut(tiled, scene, BOXES, true);
        struct vdt_ground_merged *merged = merge_tiled(tiled, true, false, 1);
        assert_int_equal(vdt_ground_objects(merged)->count, 1);
        double expected = zone_area(souths[i], souths[i] + 0.5, 0.5);
        double off = fabs(vdt_ground_objects(merged)->area[0] / expected - 1);
        if (!(off < 1e-6))
            fail_msg("%g degrees: the area is %g off", souths[i], off);
        vdt_ground_merged_free(merged);
        free_tiled(tiled);
        free(scene);
    }
}

static void wrong_input_is_told(void **state)
{
    (void)state;
    struct scene *scene = calloc(1, sizeof *scene);
    struct tiled *tiled = new_tiled();
    struct vdt_ground_areas *areas = NULL;
    struct vdt_ground_merged *merged = NULL;
    struct vdt_error error;
    assert_non_null(scene);
    struct vdt_ground_options options = {.tiles = tiled->tiles,
                                         .tile_count = 1,
                                         .rows = 64,
                                         .cols = 64,
                                         .crs = utm,
                                         .crs_count = 1,
                                         .overlap = 1.5};
    assert_int_equal(vdt_ground_areas_open(&options, &areas, &error), VDT_ERR_ARGUMENT);
    options.overlap = 0;
    assert_int_equal(vdt_ground_areas_open(&options, &areas, &error), VDT_ERR_ARGUMENT);
    assert_string_equal(error.message, "tile 0: a window of 0x0");
    tiled->rows = tiled->cols = 64;
    add_tile(tiled, north_up, 0, 0);
    add_object(scene, 1, 1, 5, 5, 0.5);
    cut(tiled, scene, BOXES, true);
    areas = open_areas(tiled, false, 1);
    const struct vdt_ground_input input = {.objects = &tiled->objects};
    tiled->box[0][2] = NAN;
    assert_int_equal(vdt_ground_merge(areas, &input, &merged, &error), VDT_ERR_FORMAT);
    assert_string_equal(error.message, "detection 0: its box is no number");
    tiled->box[0][2] = 4;
    tiled->image[0] = 1;
    assert_int_equal(vdt_ground_merge(areas, &input, &merged, &error), VDT_ERR_ARGUMENT);
    assert_string_equal(error.message, "an object of tile 1 of 1");
    vdt_ground_areas_free(areas);
    free_tiled(tiled);
    free(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tilings_give_the_scene),
        cmocka_unit_test(on_four_corners_is_one),
        cmocka_unit_test(neighbours_stay_two),
        cmocka_unit_test(neighbours_at_a_border),
        cmocka_unit_test(duplicates_of_a_tile_stay),
        cmocka_unit_test(boxes_of_what_is_left),
        cmocka_unit_test(order_and_threads_do_not_show),
        cmocka_unit_test(scores_are_the_highest_or_the_mean),
        cmocka_unit_test(the_edge_cuts),
        cmocka_unit_test(numbers_that_two_objects_have),
        cmocka_unit_test(tiles_make_areas),
        cmocka_unit_test(areas_are_square_metres),
        cmocka_unit_test(wrong_input_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
