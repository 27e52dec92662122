/* Which predictions of neighbouring tiles are one object: what both see, what a border has left of
 * an object, what two borders meet in. */
#include "tiled.h"

static void add_object(struct scene *scene, double left, double top, double right, double bottom,
                       double score)
{
    const double box[4] = {left, top, right, bottom};
    memcpy(scene->box[scene->count], box, sizeof box);
    scene->category[scene->count] = 0;
    scene->score[scene->count++] = score;
}

static struct scene *new_scene(void)
{
    struct scene *scene = calloc(1, sizeof *scene);
    assert_non_null(scene);
    return scene;
}

/* Tiles of 256 pixels side by side, from these columns on. */
static struct tiled *tiles_at(size_t count, const int32_t *columns)
{
    struct tiled *tiled = new_tiled();
    tiled->rows = tiled->cols = 256;
    for (size_t i = 0; i < count; i++)
        add_tile(tiled, north_up, columns[i], 0);
    return tiled;
}

/* A piece of a tile, in the scene's pixels. */
static void add_piece(struct tiled *tiled, uint32_t tile, enum kind kind, double left, double top,
                      double right, double bottom, double score)
{
    struct scene *scene = new_scene();
    add_object(scene, left, top, right, bottom, score);
    cut_one(tiled, scene, 0, tile, kind);
    free(scene);
}

/* How many objects, and the area of the first, in pixels. */
static size_t merged_count(struct tiled *tiled, enum kind kind, double *area)
{
    finish(tiled, kind, true);
    struct vdt_ground_merged *merged = merge_tiled(tiled, false, false, 1);
    const struct vdt_objects *objects = vdt_ground_objects(merged);
    size_t count = objects->count;
    *area = objects->area[0] / 0.25;
    vdt_ground_merged_free(merged);
    free_tiled(tiled);
    return count;
}

static void assert_count(const struct scene *scene, uint32_t size, uint32_t stride, enum kind kind,
                         size_t count)
{
    struct tiled *tiled = new_tiled();
    lay_tiles(tiled, north_up, size, stride);
    cut(tiled, scene, kind, true);
    struct vdt_ground_merged *merged = merge_tiled(tiled, false, false, 2);
    assert_int_equal(vdt_ground_objects(merged)->count, count);
    vdt_ground_merged_free(merged);
    free_tiled(tiled);
}

static void larger_than_tiles(void **state)
{
    (void)state;
    for (int kind = BOXES; kind <= POLYGONS; kind++) {
        struct scene *scene = new_scene();
        add_object(scene, 3, 100, 509, 131, 0.75); /* over a row of tiles */
        add_object(scene, 40, 140, 460, 500, 0.5); /* over a block of them, one of it all inside */
        add_object(scene, 470, 140, 490, 510, 0.25);
        static const uint32_t sizes[][2] = {{128, 128}, {128, 64}, {64, 64}, {64, 48}, {128, 96}};
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
            assert_count(scene, sizes[i][0], sizes[i][1], (enum kind)kind, 3);
        free(scene);
    }
}

/* Houses with a wall in common, wherever tiles cut them. */
static void row_houses_stay_apart(void **state)
{
    (void)state;
    for (int kind = BOXES; kind <= POLYGONS; kind++)
        for (int first = 120; first < 136; first++) {
            struct scene *scene = new_scene();
            for (int i = 0; i < 8; i++)
                add_object(scene, first + 20 * i, 100, first + 20 * i + 20, 140, 0.9 - 0.1 * i);
            assert_count(scene, 128, 64, (enum kind)kind, 8);
            assert_count(scene, 256, 192, (enum kind)kind, 8);
            free(scene);
        }
}

/* The wall is where two tiles meet. The tile between them shows both houses, and its model saw the
 * first one only: what it found ends at the wall, and what is beyond is another house. */
static void who_sees_both_sides_decides(void **state)
{
    (void)state;
    for (int kind = BOXES; kind <= POLYGONS; kind++)
        for (int seen = 0; seen < 2; seen++) {
            double area;
            struct tiled *tiled = tiles_at(3, (int32_t[]){0, 128, 256});
            add_piece(tiled, 0, (enum kind)kind, 236, 100, 256, 120, 0.5);
            add_piece(tiled, 2, (enum kind)kind, 256, 100, 276, 120, 0.75);
            if (seen)
                add_piece(tiled, 1, (enum kind)kind, 236, 100, 256, 120, 0.5);
            /* Where nobody saw it whole, halves that fit are one. */
            assert_int_equal(merged_count(tiled, (enum kind)kind, &area), seen ? 2 : 1);
            assert_true(fabs(area - (seen ? 400 : 800)) < 1);
        }
}

/* A tile shows four columns of an object, and says three rows too many or too few of them. */
static void what_a_border_leaves(void **state)
{
    (void)state;
    for (int kind = BOXES; kind <= POLYGONS; kind++) {
        double area;
        struct tiled *tiled = tiles_at(2, (int32_t[]){0, 128});
        add_piece(tiled, 0, (enum kind)kind, 100, 100, 132, 120, 0.75);
        add_piece(tiled, 1, (enum kind)kind, 128, 104, 130, 120,
                  0.5); /* IoU 0.4 of what both see */
        assert_int_equal(merged_count(tiled, (enum kind)kind, &area), 1);
        assert_true(fabs(area - 32 * 20) < 1);
        /* The same away from the border is another object. */
        tiled = tiles_at(2, (int32_t[]){0, 128});
        add_piece(tiled, 0, (enum kind)kind, 130, 100, 162, 120, 0.75);
        add_piece(tiled, 1, (enum kind)kind, 158, 104, 160, 120, 0.5);
        assert_int_equal(merged_count(tiled, (enum kind)kind, &area), 2);
        /* And so is what ends at a border beyond which the other tile does not go. */
        tiled = tiles_at(2, (int32_t[]){0, 128});
        add_piece(tiled, 0, (enum kind)kind, 150, 0, 190, 20, 0.75);
        add_piece(tiled, 1, (enum kind)kind, 160, 0, 170, 20, 0.5);
        assert_int_equal(merged_count(tiled, (enum kind)kind, &area), 2);
    }
}

/* Rotated boxes of a ship, and of its stern in the tile that shows no more of it. */
static void rotated_boxes(void **state)
{
    (void)state;
    struct tiled *tiled = tiles_at(2, (int32_t[]){0, 128});
    /* The ship is 80 by 20 pixels, and 22 of its length are in the second tile. */
    const double both[2][5] = {{110, 100, 80, 20, 0.6}, {135 - 128, 123, 14, 10, 0.3}};
    const uint32_t image[] = {0, 1}, category[] = {0, 0};
    const double score[] = {0.5, 0.75};
    tiled->shapes =
        (struct vdt_shapes){.kind = VDT_SHAPE_ROTATED, .count = 2, .rotated = (void *)both};
    tiled->objects = (struct vdt_objects){
        .count = 2, .image = image, .category = category, .score = score, .shapes = &tiled->shapes};
    struct vdt_ground_merged *merged = merge_tiled(tiled, false, false, 1);
    const struct vdt_objects *objects = vdt_ground_objects(merged);
    assert_int_equal(objects->count, 1);
    assert_true(objects->score[0] == 0.75);
    /* Joined as polygons: the ship with a corner more, and no box about both. */
    double pixels = objects->area[0] / 0.25;
    assert_true(pixels > 1605 && pixels < 1680);
    vdt_ground_merged_free(merged);
    free_tiled(tiled);
}

/* Tiles with ground between them that none shows: nobody knows that it is one object. */
static void tiles_apart(void **state)
{
    (void)state;
    for (int kind = BOXES; kind <= POLYGONS; kind++) {
        double area;
        struct tiled *tiled = tiles_at(2, (int32_t[]){0, 257});
        add_piece(tiled, 0, (enum kind)kind, 200, 100, 300, 120, 0.75);
        add_piece(tiled, 1, (enum kind)kind, 200, 100, 300, 120, 0.75);
        assert_int_equal(merged_count(tiled, (enum kind)kind, &area), 2);
    }
}

/* Other limits than 0.5: of what both see, and of stretches of a border. */
static void the_limit(void **state)
{
    (void)state;
    for (int kind = BOXES; kind <= POLYGONS; kind++)
        for (int strict = 0; strict < 2; strict++)
            for (int meet = 0; meet < 2; meet++) {
                struct vdt_error error = {0};
                struct vdt_ground_areas *areas = NULL;
                struct vdt_ground_merged *merged = NULL;
                struct tiled *tiled = tiles_at(2, (int32_t[]){0, meet ? 256 : 128});
                add_piece(tiled, 0, (enum kind)kind, 150, 100, meet ? 256 : 180, 140, 0.75);
                add_piece(tiled, 1, (enum kind)kind, meet ? 256 : 150, 100, meet ? 280 : 180, 124,
                          0.5); /* IoU 0.6; of stretches 26/42 with a pixel on both sides */
                finish(tiled, (enum kind)kind, true);
                const struct vdt_ground_options options = {.tiles = tiled->tiles,
                                                           .tile_count = tiled->tile_count,
                                                           .rows = tiled->rows,
                                                           .cols = tiled->cols,
                                                           .crs = utm,
                                                           .crs_count = 1,
                                                           .overlap = strict ? 0.65 : 0.55};
                assert_int_equal(vdt_ground_areas_open(&options, &areas, &error), VDT_OK);
                const struct vdt_ground_input input = {.objects = &tiled->objects};
                assert_int_equal(vdt_ground_merge(areas, &input, &merged, &error), VDT_OK);
                assert_int_equal(vdt_ground_objects(merged)->count, strict ? 2 : 1);
                vdt_ground_merged_free(merged);
                vdt_ground_areas_free(areas);
                free_tiled(tiled);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(larger_than_tiles),
        cmocka_unit_test(row_houses_stay_apart),
        cmocka_unit_test(who_sees_both_sides_decides),
        cmocka_unit_test(what_a_border_leaves),
        cmocka_unit_test(rotated_boxes),
        cmocka_unit_test(tiles_apart),
        cmocka_unit_test(the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
