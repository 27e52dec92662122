/* Regions of objects and pixels, and which tile a pixel counts in. */
#include "tiled.h"

/* Two regions beside each other in degrees, about the middle column of the scene `degrees`, and one
 * of several parts far away. */
static const char *write_regions(void)
{
    static char path[] = "/tmp/vdt_regions_XXXXXX";
    char text[2048];
    double west = degrees[0] - 0.001, middle = degrees[0] + 255.5 * degrees[1];
    double east = degrees[0] + 0.01, north = degrees[3] + 0.001, south = degrees[3] - 0.01;
    static bool made;
    if (made)
        return path;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    made = true;
    int size = snprintf(
        text, sizeof text,
        "{\"type\":\"FeatureCollection\",\"features\":["
        "{\"type\":\"Feature\",\"properties\":{\"name\":\"west\"},\"geometry\":{\"type\":"
        "\"Polygon\","
        "\"coordinates\":[[[%.9f,%.9f],[%.9f,%.9f],[%.9f,%.9f],[%.9f,%.9f],[%.9f,%.9f]]]}},"
        "{\"type\":\"Feature\",\"properties\":{\"name\":\"east\"},\"geometry\":{\"type\":"
        "\"Polygon\","
        "\"coordinates\":[[[%.9f,%.9f],[%.9f,%.9f],[%.9f,%.9f],[%.9f,%.9f],[%.9f,%.9f]]]}},"
        "{\"type\":\"Feature\",\"properties\":{\"name\":\"far\"},\"geometry\":{\"type\":"
        "\"MultiPolygon\",\"coordinates\":[[[[10,10],[20,10],[20,20],[10,10]]],"
        "[[[-150,60],[-140,60],[-140,70],[-150,60]]]]}}]}",
        west, south, middle, south, middle, north, west, north, west, south, middle, south, east,
        south, east, north, middle, north, middle, south);
    assert_int_equal(write(fd, text, (size_t)size), size);
    close(fd);
    return path;
}

static int remove_regions(void **state)
{
    (void)state;
    return remove(write_regions());
}

static struct vdt_ground_regions *open_regions(void)
{
    struct vdt_ground_regions *regions = NULL;
    struct vdt_error error = {0};
    if (vdt_ground_regions_open(write_regions(), NULL, &regions, &error) != VDT_OK)
        fail_msg("%s", error.message);
    assert_int_equal(vdt_ground_region_count(regions), 3); /* by name: east, far, west */
    assert_string_equal(vdt_ground_region_name(regions, 0), "east");
    assert_string_equal(vdt_ground_region_name(regions, 2), "west");
    return regions;
}

static void objects_are_where_most_of_them_is(void **state)
{
    (void)state;
    struct scene *scene = calloc(1, sizeof *scene);
    struct tiled *tiled = new_tiled();
    uint32_t region[OBJECTS_MOST];
    assert_non_null(scene);
    scatter(scene, 21, 200);
    lay_tiles(tiled, degrees, 128, 96);
    cut(tiled, scene, BOXES, false);
    struct vdt_ground_areas *areas = open_areas(tiled, true, 2);
    struct vdt_ground_merged *merged = merge_tiled(tiled, true, true, 2);
    struct vdt_ground_regions *regions = open_regions();
    assert_int_equal(vdt_ground_object_regions(areas, regions, merged, region, NULL), VDT_OK);
    size_t crossing = 0;
    for (uint64_t i = 0; i < vdt_ground_objects(merged)->count; i++) {
        const uint64_t *pieces;
        assert_true(vdt_ground_pieces(merged, i, &pieces) > 0);
        const double *box = scene->box[tiled->feature[pieces[0]]];
        double west = 255.5 - box[0], east = box[2] - 255.5;
        crossing += west > 0 && east > 0;
        assert_int_equal(region[i], east > west ? 0 : 2);
    }
    assert_true(crossing > 3);
    vdt_ground_regions_free(regions);
    vdt_ground_merged_free(merged);
    vdt_ground_areas_free(areas);
    free_tiled(tiled);
    free(scene);
}

/* A prediction that reaches over the border stays with its ground truth. */
static void images_stay_together(void **state)
{
    (void)state;
    struct scene *scene = calloc(1, sizeof *scene);
    struct tiled *tiled = new_tiled();
    const double boxes[][4] = {{240, 20, 268, 40}, {300, 20, 320, 40}};
    const double found_boxes[][4] = {{246, 20, 272, 40}, {100, 100, 110, 110}};
    uint32_t images = 0, region[4];
    assert_non_null(scene);
    lay_tiles(tiled, degrees, 256, 256);
    for (size_t i = 0; i < 2; i++)
        memcpy(scene->box[scene->count++], boxes[i], sizeof boxes[i]);
    cut(tiled, scene, BOXES, false);
    struct vdt_ground_areas *areas = open_areas(tiled, true, 2);
    struct vdt_ground_merged *truth = merge_tiled(tiled, true, true, 1);
    scene->count = 0;
    for (size_t i = 0; i < 2; i++) {
        memcpy(scene->box[scene->count], found_boxes[i], sizeof found_boxes[i]);
        scene->score[scene->count++] = 0.5;
    }
    cut(tiled, scene, BOXES, true);
    struct vdt_ground_merged *found = merge_tiled(tiled, true, false, 1);
    struct vdt_ground_regions *regions = open_regions();
    assert_int_equal(vdt_ground_images(truth, found, 0, &images, NULL), VDT_OK);
    assert_int_equal(images, 3);
    assert_int_equal(vdt_ground_image_regions(areas, regions, truth, found, images, region, NULL),
                     VDT_OK);
    assert_int_equal(region[0], 2); /* 15.5 columns of the ground truth are in the west */
    assert_int_equal(region[1], 0);
    assert_int_equal(region[2], 2);
    vdt_ground_regions_free(regions);
    vdt_ground_merged_free(truth);
    vdt_ground_merged_free(found);
    vdt_ground_areas_free(areas);
    free_tiled(tiled);
    free(scene);
}

/* --- pixels ----------------------------------------------------------------------------------- */

static void pixels_count_once(void **state)
{
    (void)state;
    enum { SIZE = 128 };
    static uint8_t seen[SCENE][SCENE];
    static uint8_t counts[SIZE * SIZE];
    static double area[SIZE * SIZE];
    static uint32_t region[SIZE * SIZE];
    struct tiled *tiled = new_tiled();
    struct vdt_ground_pixels *pixels = NULL;
    struct vdt_ground_regions *regions = open_regions();
    lay_tiles(tiled, degrees, SIZE, 96);
    lay_tiles(tiled, degrees, SIZE, 128); /* some tiles twice */
    struct vdt_ground_areas *areas = open_areas(tiled, true, 1);
    assert_int_equal(vdt_ground_pixels_open(areas, regions, &pixels, NULL), VDT_OK);
    double sum = 0;
    for (uint32_t t = 0; t < tiled->tile_count; t++) {
        const struct vdt_window *w = &tiled->tiles[t].window;
        assert_int_equal(vdt_ground_pixels_tile(pixels, t, counts, area, region, NULL), VDT_OK);
        for (int32_t i = 0; i < SIZE * SIZE; i++) {
            int32_t row = w->row + i / SIZE, col = w->col + i % SIZE;
            assert_int_equal(region[i], col + 0.5 > 255.5 ? 0 : col + 0.5 < 255.5 ? 2 : region[i]);
            if (!counts[i])
                continue;
            seen[row][col]++;
            sum += area[i];
        }
    }
    for (size_t row = 0; row < SCENE; row++)
        for (size_t col = 0; col < SCENE; col++)
            assert_int_equal(seen[row][col], 1);
    struct scene *scene = calloc(1, sizeof *scene);
    assert_non_null(scene);
    scene->count = 1;
    memcpy(scene->box[0], (double[4]){0, 0, SCENE, SCENE}, sizeof scene->box[0]);
    cut(tiled, scene, BOXES, true);
    struct vdt_ground_merged *merged = merge_tiled(tiled, true, false, 1);
    assert_true(fabs(sum / vdt_ground_objects(merged)->area[0] - 1) < 1e-9);
    vdt_ground_merged_free(merged);
    vdt_ground_pixels_free(pixels);
    vdt_ground_regions_free(regions);
    vdt_ground_areas_free(areas);
    free_tiled(tiled);
    free(scene);
}

/* The nearest middle, looked for among all tiles. */
static void the_nearest_tile_counts(void **state)
{
    (void)state;
    enum { SIZE = 32 };
    static uint8_t counts[SIZE * SIZE];
    struct tiled *tiled = new_tiled();
    struct vdt_ground_pixels *pixels = NULL;
    tiled->rows = tiled->cols = SIZE;
    for (uint64_t i = 0; i < 60; i++)
        add_tile(tiled, north_up, (int32_t)(vdt_mix2(i, 1) % 90), (int32_t)(vdt_mix2(i, 2) % 90));
    struct vdt_ground_areas *areas = open_areas(tiled, false, 1);
    assert_int_equal(vdt_ground_pixels_open(areas, NULL, &pixels, NULL), VDT_OK);
    for (uint32_t t = 0; t < tiled->tile_count; t++) {
        const struct vdt_window *w = &tiled->tiles[t].window;
        assert_int_equal(vdt_ground_pixels_tile(pixels, t, counts, NULL, NULL, NULL), VDT_OK);
        for (int32_t i = 0; i < SIZE * SIZE; i++) {
            int32_t x = 2 * (w->col + i % SIZE) + 1, y = 2 * (w->row + i / SIZE) + 1;
            uint32_t best = t;
            int64_t least = INT64_MAX;
            for (uint32_t k = 0; k < tiled->tile_count; k++) {
                const struct vdt_window *o = &tiled->tiles[k].window,
                                        *b = &tiled->tiles[best].window;
                int64_t dx = x - 2 * o->col - SIZE, dy = y - 2 * o->row - SIZE;
                int64_t apart = dx * dx + dy * dy;
                if (dx <= -SIZE || dx >= SIZE || dy <= -SIZE || dy >= SIZE || apart > least)
                    continue;
                bool before = o->row != b->row   ? o->row < b->row
                              : o->col != b->col ? o->col < b->col
                                                 : k < best;
                if (apart < least || before)
                    best = k;
                least = apart;
            }
            assert_int_equal(counts[i], best == t);
        }
    }
    vdt_ground_pixels_free(pixels);
    vdt_ground_areas_free(areas);
    free_tiled(tiled);
}

static void wrong_files_are_told(void **state)
{
    (void)state;
    struct vdt_ground_regions *regions = NULL;
    struct vdt_error error = {0};
    assert_int_equal(vdt_ground_regions_open("/nowhere.geojson", NULL, &regions, &error),
                     VDT_ERR_NOT_FOUND);
    assert_int_not_equal(vdt_ground_regions_open(write_regions(), "district", &regions, &error),
                         VDT_OK);
    assert_non_null(strstr(error.message, "district"));
    assert_null(regions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_where_most_of_them_is),
        cmocka_unit_test(images_stay_together),
        cmocka_unit_test(pixels_count_once),
        cmocka_unit_test(the_nearest_tile_counts),
        cmocka_unit_test(wrong_files_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, remove_regions);
}
