/* Label files written as text, on scenes made through GDAL; the bundled and shared sets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gdal.h>
#include <math.h>
#include <ogr_srs_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "folder.h"
#include "source/labels/labels.h"
#include "source/shapes/shape.h"

static const char *in_folder(const char *name)
{
    static char path[160];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static const char *write_text(const char *name, const char *text)
{
    FILE *file = fopen(in_folder(name), "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    return in_folder(name);
}

/* Features are "properties|geometry" pairs; `head` goes before them. */
static const char *write_collection(const char *head, const char *const (*features)[2],
                                    size_t count)
{
    char text[4096];
    int used =
        snprintf(text, sizeof text, "{\"type\":\"FeatureCollection\",%s\"features\":[", head);
    for (size_t i = 0; i < count; i++)
        used += snprintf(text + used, sizeof text - (size_t)used,
                         "%s{\"type\":\"Feature\",\"properties\":{%s},\"geometry\":%s}",
                         i == 0 ? "" : ",", features[i][0], features[i][1]);
    snprintf(text + used, sizeof text - (size_t)used, "]}");
    return write_text("labels.geojson", text);
}

#define POLYGON(RINGS) "{\"type\":\"Polygon\",\"coordinates\":[" RINGS "]}"
#define SQUARE POLYGON("[[1,1],[5,1],[5,5],[1,5],[1,1]]")
#define HOLED \
    POLYGON("[[10,10],[20,10],[20,20],[10,20],[10,10]],[[12,12],[12,14],[14,14],[14,12],[12,12]]")
#define BOW_TIE POLYGON("[[0,0],[4,4],[4,0],[0,4],[0,0]]")

/* 40 x 30 pixels; geotransform NULL: none, epsg 0: no CRS. */
static struct vdt_scene *make_scene(const double *geotransform, int epsg)
{
    GDALDatasetH made =
        GDALCreate(GDALGetDriverByName("GTiff"), in_folder("scene.tif"), 40, 30, 1, GDT_Byte, NULL);
    assert_non_null(made);
    if (geotransform != NULL)
        GDALSetGeoTransform(made, (double *)geotransform);
    if (epsg != 0) {
        OGRSpatialReferenceH crs = OSRNewSpatialReference(NULL);
        OSRImportFromEPSG(crs, epsg);
        GDALSetSpatialRef(made, crs);
        OSRDestroySpatialReference(crs);
    }
    GDALClose(made);
    struct vdt_scene *scene = NULL;
    struct vdt_error error = {0};
    if (vdt_scene_open(in_folder("scene.tif"), &scene, &error) != VDT_OK)
        fail_msg("%s", error.message);
    return scene;
}

static struct vdt_labels_source *open_labels(const char *path,
                                             const struct vdt_label_options *options)
{
    struct vdt_labels_source *source = NULL;
    struct vdt_error error = {0};
    if (vdt_labels_open(&path, 1, options, &source, &error) != VDT_OK)
        fail_msg("%s", error.message);
    return source;
}

static struct vdt_geometry project(const struct vdt_labels_source *source, struct vdt_scene *scene)
{
    struct vdt_geometry geometry = {0};
    struct vdt_error error = {0};
    if (vdt_labels_project(source, scene, false, &geometry, &error) != VDT_OK)
        fail_msg("%s", error.message);
    return geometry;
}

static void assert_open_fails(const char *path, const struct vdt_label_options *options,
                              vdt_status wanted, const char *part)
{
    struct vdt_labels_source *source = NULL;
    struct vdt_error error = {0};
    assert_int_equal(vdt_labels_open(&path, 1, options, &source, &error), wanted);
    assert_null(source);
    if (strstr(error.message, part) == NULL)
        fail_msg("'%s' is not in '%s'", part, error.message);
    assert_null(strchr(error.message, '\n'));
}

static const struct vdt_label_options one_class = {0};

static void test_pixels_holes_and_parts(void **state)
{
    (void)state;
    static const char *const features[][2] = {
        {"", SQUARE},
        {"", HOLED},
        {"",
         "{\"type\":\"MultiPolygon\",\"coordinates\":[[[[30,1,7],[32,1,7],[32,1,7],[32,3,7],[30,3,"
         "7],[30,1,7]]],[[[34,1],[36,1],[36,3]]]]}"},
        {"", POLYGON("[[100,100],[101,100],[101,101],[100,100]]")}, /* not on the scene */
        {"", POLYGON("[[-4,0],[0,0],[0,4],[-4,4],[-4,0]]")},        /* only touches it */
    };
    struct vdt_scene *scene = make_scene(NULL, 0);
    struct vdt_labels_source *source = open_labels(write_collection("", features, 5), &one_class);
    assert_int_equal(vdt_labels_class_count(source), 1);
    assert_string_equal(vdt_labels_class(source, 0), "object");
    assert_int_equal(vdt_labels_counts(source).features, 5);
    assert_int_equal(vdt_labels_counts(source).repaired, 0);
    struct vdt_geometry geometry = project(source, scene);
    assert_int_equal(geometry.feature_count, 3);
    assert_int_equal(geometry.part_count, 4);
    assert_int_equal(geometry.ring_count, 5);
    assert_int_equal(geometry.point_count, 4 + 8 + 4 + 3);
    assert_float_equal(geometry.features[0].area, 16, 0);
    assert_float_equal(geometry.features[1].area, 96, 0);
    assert_float_equal(geometry.features[2].area, 6, 0);
    assert_float_equal(geometry.features[2].box[2], 36, 0);
    assert_int_equal(geometry.features[2].id, 2);
    vdt_geometry_clear(&geometry);
    vdt_labels_free(source);
    vdt_scene_free(scene);
}

static void test_null_empty_and_collections(void **state)
{
    (void)state;
    static const char *const features[][2] = {
        {"", "{\"type\":\"GeometryCollection\",\"geometries\":[]}"},
        {"", "null"},
        {"",
         "{\"type\":\"GeometryCollection\",\"geometries\":[{\"type\":\"Point\",\"coordinates\":[1,"
         "1]},{\"type\":\"GeometryCollection\",\"geometries\":[" SQUARE "]}]}"},
        {"", SQUARE},
    };
    struct vdt_scene *scene = make_scene(NULL, 0);
    struct vdt_labels_source *source = open_labels(write_collection("", features, 4), &one_class);
    assert_int_equal(vdt_labels_counts(source).null_geometries, 2);
    struct vdt_geometry geometry = project(source, scene);
    assert_int_equal(geometry.feature_count, 2);
    assert_int_equal(geometry.features[0].id, 2);
    assert_float_equal(geometry.features[0].area, 16, 0);
    vdt_geometry_clear(&geometry);
    vdt_labels_free(source);
    vdt_scene_free(scene);
    assert_open_fails(write_collection("", features, 2), &one_class, VDT_ERR_FORMAT,
                      "none of its 2 features has a geometry");
    assert_open_fails(write_collection("", features, 0), &one_class, VDT_ERR_FORMAT,
                      "holds no features");
}

static void test_bow_tie_is_repaired(void **state)
{
    (void)state;
    static const char *const features[][2] = {{"", BOW_TIE}, {"", SQUARE}};
    struct vdt_scene *scene = make_scene(NULL, 0);
    struct vdt_labels_source *source = open_labels(write_collection("", features, 2), &one_class);
    assert_int_equal(vdt_labels_counts(source).repaired, 1);
    struct vdt_geometry geometry = project(source, scene);
    assert_int_equal(geometry.features[0].count, 2);
    assert_float_equal(geometry.features[0].area, 8, 1e-12);
    vdt_geometry_clear(&geometry);
    vdt_labels_free(source);
    vdt_scene_free(scene);
    static const char *const line[][2] = {{"", POLYGON("[[1,1],[2,2],[3,3],[1,1]]")}};
    assert_open_fails(write_collection("", line, 1), &one_class, VDT_ERR_FORMAT,
                      "feature 0: its geometry cannot be repaired");
}

static void test_simple_rings(void **state)
{
    (void)state;
    static const double square[][2] = {{0, 0}, {4, 0}, {4, 4}, {0, 4}};
    static const double bow_tie[][2] = {{0, 0}, {4, 4}, {4, 0}, {0, 4}};
    static const double spike[][2] = {{0, 0}, {4, 0}, {8, 0}, {4, 0}, {4, 4}};
    static const double straight[][2] = {{0, 0}, {2, 0}, {4, 0}, {4, 4}};
    static const double touching[][2] = {{0, 0}, {8, 0}, {8, 4}, {4, 0}, {0, 4}};
    static const double twice[][2] = {{0, 0}, {4, 0}, {2, 2}, {4, 4}, {0, 4}, {2, 2}};
    assert_true(vdt_ring_is_simple(square, 4));
    assert_true(vdt_ring_is_simple(straight, 4));
    assert_false(vdt_ring_is_simple(bow_tie, 4));
    assert_false(vdt_ring_is_simple(spike, 5));
    assert_false(vdt_ring_is_simple(touching, 5));
    assert_false(vdt_ring_is_simple(twice, 6));
}

static void test_classes_from_a_field(void **state)
{
    (void)state;
    static const char *const features[][2] = {{"\"c\":\"shed\",\"n\":2,\"r\":0.1", SQUARE},
                                              {"\"c\":\"house\",\"n\":10,\"r\":2.5", SQUARE},
                                              {"\"c\":null,\"n\":2,\"r\":0.1", SQUARE},
                                              {"\"c\":\"Zoo\",\"n\":2,\"r\":1e300", SQUARE}};
    const char *path = write_collection("", features, 4);
    struct vdt_label_options options = {.class_field = "c", .unknown = VDT_UNKNOWN_SKIP};
    struct vdt_labels_source *source = open_labels(path, &options);
    assert_int_equal(vdt_labels_class_count(source), 3);
    assert_string_equal(vdt_labels_class(source, 0), "Zoo");
    assert_string_equal(vdt_labels_class(source, 1), "house");
    assert_string_equal(vdt_labels_class(source, 2), "shed");
    assert_int_equal(vdt_labels_counts(source).unknown_skipped, 1);
    assert_int_equal(vdt_labels_counts(source).features, 3);
    struct vdt_scene *scene = make_scene(NULL, 0);
    struct vdt_geometry geometry = project(source, scene);
    assert_int_equal(geometry.feature_count, 3);
    assert_int_equal(geometry.features[0].class_id, 2);
    assert_int_equal(geometry.features[2].id, 3);
    assert_int_equal(geometry.features[2].class_id, 0);
    vdt_geometry_clear(&geometry);
    vdt_scene_free(scene);
    vdt_labels_free(source);
    path = in_folder("labels.geojson");
    options = (struct vdt_label_options){
        .class_field = "c", .unknown = VDT_UNKNOWN_CLASS, .unknown_class = "other"};
    source = open_labels(path, &options);
    assert_int_equal(vdt_labels_class_count(source), 4);
    assert_string_equal(vdt_labels_class(source, 2), "other");
    assert_int_equal(vdt_labels_counts(source).features, 4);
    vdt_labels_free(source);
    path = in_folder("labels.geojson");
    options = (struct vdt_label_options){.class_field = "n"};
    source = open_labels(path, &options);
    assert_int_equal(vdt_labels_class_count(source), 2);
    assert_string_equal(vdt_labels_class(source, 0), "10");
    vdt_labels_free(source);
    options = (struct vdt_label_options){.class_field = "r"};
    source = open_labels(path, &options);
    assert_string_equal(vdt_labels_class(source, 0), "0.1");
    assert_string_equal(vdt_labels_class(source, 1), "1e+300");
    vdt_labels_free(source);
}

static void test_class_errors(void **state)
{
    (void)state;
    static const char *const features[][2] = {{"\"kind\":\"a\",\"x\":1", SQUARE},
                                              {"\"kind\":\"b\",\"x\":1", SQUARE},
                                              {"\"kind\":null,\"x\":1", SQUARE}};
    const char *path = write_collection("", features, 3);
    static const char *const classes[] = {"a", "z"};
    struct vdt_label_options options = {.classes = classes, .class_count = 2};
    assert_open_fails(path, &options, VDT_ERR_ARGUMENT, "(kind, x)");
    options.class_field = "Kind";
    assert_open_fails(path, &options, VDT_ERR_ARGUMENT, "has no field 'Kind': it has kind, x");
    options.class_field = "kind";
    assert_open_fails(path, &options, VDT_ERR_MISMATCH,
                      "2 features have a value of field 'kind' that is not a class: 'b', (null): "
                      "--unknown skip, or add them to --classes");
    options.unknown = VDT_UNKNOWN_CLASS;
    options.unknown_class = "q";
    assert_open_fails(path, &options, VDT_ERR_ARGUMENT, "class 'q'");
    static const char *const twice[] = {"a", "a"};
    options = (struct vdt_label_options){.class_field = "kind", .classes = twice, .class_count = 2};
    assert_open_fails(path, &options, VDT_ERR_ARGUMENT, "class 'a' is given twice");
}

static void test_files_that_cannot_be_read(void **state)
{
    (void)state;
    static const char *const lines[][2] = {
        {"", SQUARE},
        {"", "{\"type\":\"LineString\",\"coordinates\":[[1,1],[2,2]]}"},
        {"", "{\"type\":\"Point\",\"coordinates\":[1,1]}"}};
    assert_open_fails("/no/such.geojson", &one_class, VDT_ERR_NOT_FOUND,
                      "/no/such.geojson: no such file");
    assert_open_fails(write_text("text.geojson", "hello"), &one_class, VDT_ERR_FORMAT,
                      "not a vector file");
    assert_open_fails(write_text("cut.geojson", "{\"type\":\"FeatureCollection\",\"features\":["),
                      &one_class, VDT_ERR_FORMAT, "cut.geojson");
    assert_open_fails(write_collection("", lines, 3), &one_class, VDT_ERR_UNSUPPORTED,
                      "feature 1 is a LineString, which has no area: give labels a --width, such "
                      "as 2.5m or 3px, or buffer it to polygons first (2 "
                      "such features)");
    static const char *const square[][2] = {{"", SQUARE}};
    assert_open_fails(write_collection("\"crs\":{\"type\":\"name\",\"properties\":{\"name\":\"EPSG:"
                                       "999999\"}},",
                                       square, 1),
                      &one_class, VDT_ERR_FORMAT, "CRS is not known");
}

/* One square degree-ish polygon near 9 E 48 N, in three frames, on a scene in UTM 32. */
static void test_axis_order_and_legacy_crs(void **state)
{
    (void)state;
    const double g[6] = {500000, 10, 0, 5316300, 0, -10};
    struct vdt_scene *scene = make_scene(g, 32632);
    static const char *const lonlat[][2] = {
        {"", POLYGON("[[9.001,47.998],[9.002,47.998],[9.002,47.999],[9.001,47.998]]")}};
    static const char *const latlon[][2] = {
        {"", POLYGON("[[47.998,9.001],[47.998,9.002],[47.999,9.002],[47.998,9.001]]")}};
    static const char *const metres[][2] = {
        {"", POLYGON("[[500050,5316200],[500100,5316200],[500100,5316250],[500050,5316200]]")}};
    struct vdt_labels_source *source = open_labels(write_collection("", lonlat, 1), &one_class);
    struct vdt_geometry geometry = project(source, scene);
    assert_int_equal(geometry.feature_count, 1);
    /* 0.001 degree east of the central meridian at 48 N is 74.6 m, scaled by 0.9996. */
    assert_float_equal(geometry.points[0][0], 7.46, 0.01);
    assert_true(geometry.points[2][1] < geometry.points[0][1]); /* rows go down */
    vdt_geometry_clear(&geometry);
    vdt_labels_free(source);

    source = open_labels(write_collection("", latlon, 1), &one_class);
    geometry = project(source, scene);
    assert_int_equal(geometry.feature_count, 0);
    struct vdt_error error = {0};
    assert_int_equal(vdt_labels_explain(source, scene, &error), VDT_ERR_MISMATCH);
    assert_non_null(strstr(error.message, "scene covers x 500000..500400 y 5316000..5316300 "
                                          "(EPSG:32632), labels cover x "));
    assert_non_null(strstr(error.message, "after projection from EPSG:4326; with the axes swapped "
                                          "they would: the file has latitude first"));
    vdt_labels_free(source);

    const char *crs = "\"crs\":{\"type\":\"name\",\"properties\":{\"name\":\"urn:ogc:def:crs:EPSG::"
                      "32632\"}},";
    source = open_labels(write_collection(crs, metres, 1), &one_class);
    geometry = project(source, scene);
    assert_int_equal(geometry.feature_count, 1);
    assert_float_equal(geometry.points[0][0], 5, 1e-9);
    assert_float_equal(geometry.points[0][1], 10, 1e-9);
    vdt_geometry_clear(&geometry);
    vdt_labels_free(source);

    source = open_labels(write_collection("", metres, 1), &one_class); /* not lon/lat at all */
    geometry = project(source, scene);
    assert_int_equal(geometry.feature_count, 0);
    assert_int_equal(vdt_labels_explain(source, scene, &error), VDT_ERR_MISMATCH);
    assert_null(strstr(error.message, "swapped"));
    vdt_labels_free(source);
    vdt_scene_free(scene);
}

static void test_rotated_and_south_up(void **state)
{
    (void)state;
    static const double cases[][6] = {{100, 2, 1, 50, 1, -2}, /* rotated */
                                      {100, 2, 0, 50, 0, 2},  /* south up */
                                      {100, 0, 3, 50, 3, 0}}; /* axes exchanged */
    for (size_t i = 0; i < 3; i++) {
        const double *g = cases[i];
        struct vdt_scene *scene = make_scene(g, 0);
        char text[512];
        const double corners[3][2] = {{4, 5}, {14, 5}, {4, 25}};
        int used = snprintf(text, sizeof text, "{\"type\":\"Polygon\",\"coordinates\":[[");
        for (int k = 0; k < 4; k++) {
            const double *c = corners[k % 3];
            used += snprintf(text + used, sizeof text - (size_t)used, "%s[%.17g,%.17g]",
                             k == 0 ? "" : ",", g[0] + c[0] * g[1] + c[1] * g[2],
                             g[3] + c[0] * g[4] + c[1] * g[5]);
        }
        snprintf(text + used, sizeof text - (size_t)used, "]]}");
        struct vdt_labels_source *source = open_labels(write_text("a.geojson", text), &one_class);
        struct vdt_geometry geometry = project(source, scene);
        assert_int_equal(geometry.point_count, 3);
        for (int k = 0; k < 3; k++) {
            assert_float_equal(geometry.points[k][0], corners[k][0], 1e-9);
            assert_float_equal(geometry.points[k][1], corners[k][1], 1e-9);
        }
        assert_float_equal(geometry.features[0].area, 100, 1e-9);
        vdt_geometry_clear(&geometry);
        vdt_labels_free(source);
        vdt_scene_free(scene);
    }
}

static void test_control_points(void **state)
{
    (void)state;
    GDALDatasetH made =
        GDALCreate(GDALGetDriverByName("GTiff"), in_folder("scene.tif"), 40, 30, 1, GDT_Byte, NULL);
    char id[] = "", info[] = "";
    const GDAL_GCP points[] = {{id, info, 0, 0, 9, 48, 0},
                               {id, info, 40, 0, 9.04, 48, 0},
                               {id, info, 0, 30, 9, 47.97, 0},
                               {id, info, 40, 30, 9.04, 47.97, 0}};
    OGRSpatialReferenceH crs = OSRNewSpatialReference(NULL);
    OSRImportFromEPSG(crs, 4326);
    assert_int_equal(GDALSetGCPs2(made, 4, points, crs), CE_None);
    OSRDestroySpatialReference(crs);
    GDALClose(made);
    struct vdt_scene *scene = NULL;
    struct vdt_error error = {0};
    assert_int_equal(vdt_scene_open(in_folder("scene.tif"), &scene, &error), VDT_OK);
    assert_int_equal(vdt_scene_info(scene)->georef, VDT_GEOREF_GCP);
    static const char *const features[][2] = {
        {"", POLYGON("[[9.01,47.99],[9.02,47.99],[9.02,47.98],[9.01,47.99]]")}};
    struct vdt_labels_source *source = open_labels(write_collection("", features, 1), &one_class);
    struct vdt_geometry geometry = project(source, scene);
    assert_int_equal(geometry.feature_count, 1);
    assert_float_equal(geometry.points[0][0], 10, 1e-6);
    assert_float_equal(geometry.points[0][1], 10, 1e-6);
    assert_float_equal(geometry.points[2][1], 20, 1e-6);
    double corner[1][2] = {{20, 15}};
    bool ok[1];
    assert_int_equal(vdt_scene_lonlat(scene, corner, 1, ok, &error), VDT_OK);
    assert_float_equal(corner[0][0], 9.02, 1e-9);
    assert_float_equal(corner[0][1], 47.985, 1e-9);
    vdt_geometry_clear(&geometry);
    vdt_labels_free(source);
    vdt_scene_free(scene);
}

/* A scene from 179 E to 183 E: labels written as -178 belong at its 181st degree and on. */
static void test_longitudes_are_wrapped(void **state)
{
    (void)state;
    const double g[6] = {179, 0.1, 0, 10, 0, -0.1};
    struct vdt_scene *scene = make_scene(g, 4326);
    static const char *const features[][2] = {
        {"", POLYGON("[[-178,9],[-177,9],[-177,8],[-178,9]]")},
        {"", POLYGON("[[179.5,9],[180,9],[180,8],[179.5,9]]")}};
    struct vdt_labels_source *source = open_labels(write_collection("", features, 2), &one_class);
    struct vdt_geometry geometry = project(source, scene);
    assert_int_equal(geometry.feature_count, 2);
    assert_float_equal(geometry.points[0][0], 30, 1e-9);
    assert_float_equal(geometry.points[3][0], 5, 1e-9);
    vdt_geometry_clear(&geometry);
    vdt_labels_free(source);
    vdt_scene_free(scene);
}

/* There is no latitude of 147: such features drop out, also with one such point; no failure. */
static void test_unprojectable_features_drop_out(void **state)
{
    (void)state;
    const double g[6] = {500000, 10, 0, 5316300, 0, -10};
    struct vdt_scene *scene = make_scene(g, 32632);
    static const char *const features[][2] = {
        {"", POLYGON("[[9.001,147],[9.002,147],[9.002,148],[9.001,147]]")},
        {"", POLYGON("[[9.001,47.998],[9.002,147],[9.002,47.999],[9.001,47.998]]")},
        {"", POLYGON("[[9.001,47.998],[9.002,47.998],[9.002,47.999],[9.001,47.998]]")}};
    struct vdt_labels_source *source = open_labels(write_collection("", features, 3), &one_class);
    struct vdt_geometry geometry = project(source, scene);
    assert_int_equal(geometry.feature_count, 1);
    assert_int_equal(geometry.features[0].id, 2);
    vdt_geometry_clear(&geometry);
    vdt_labels_free(source);
    vdt_scene_free(scene);
}

static void test_sets(void **state)
{
    (void)state;
    static const struct {
        const char *scene, *labels, *field;
        size_t features, on_scene, classes;
        uint64_t repaired;
    } cases[] = {
        {"olinda-landsat7/L7_ETMs.tif", "olinda-landsat7/olinda1.shp", "TIPO", 470, 470, 2, 0},
        {"kampala-buildings/kampala_z21_3072x2048.tif", "kampala-buildings/labels.geojson", NULL,
         206, 108, 1, 1},
        {"atlanta-buildings/sample_geotiff.tif", "atlanta-buildings/geotiff_labels.geojson",
         "building", 43, 43, 1, 0},
        {"nebraska-pivots/sample_geotiff_custom_proj.tif",
         "nebraska-pivots/pivots_epsg5070.geojson", NULL, 19, 19, 1, 0},
        {"para-landcover/LT52240631988227CUB02_7bands.tif",
         "para-landcover/training_polygons.geojson", "class", 36, 36, 4, 0},
        {"neon-trees/OSBS_029.tif", "neon-trees/OSBS_029_boxes.geojson", "label", 61, 61, 1, 0}};
    const char *data = getenv("VEDATILE_SHARED_DATA");
    if (data == NULL) {
        print_message("VEDATILE_SHARED_DATA is not set\n");
        skip();
        return;
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[512];
        struct vdt_scene *scene = NULL;
        struct vdt_error error = {0};
        snprintf(path, sizeof path, "%s/%s", data, cases[i].scene);
        assert_int_equal(vdt_scene_open(path, &scene, &error), VDT_OK);
        snprintf(path, sizeof path, "%s/%s", data, cases[i].labels);
        struct vdt_label_options options = {.class_field = cases[i].field};
        struct vdt_labels_source *source = open_labels(path, &options);
        struct vdt_geometry geometry = project(source, scene);
        assert_int_equal(vdt_labels_counts(source).features, cases[i].features);
        assert_int_equal(vdt_labels_counts(source).repaired, cases[i].repaired);
        assert_int_equal(vdt_labels_class_count(source), cases[i].classes);
        assert_int_equal(geometry.feature_count, cases[i].on_scene);
        vdt_geometry_clear(&geometry);
        vdt_labels_free(source);
        vdt_scene_free(scene);
    }
}

static void test_bundled_labels(void **state)
{
    (void)state;
    const char *data = getenv("VEDATILE_DATA");
    if (data == NULL) {
        print_message("VEDATILE_DATA is not set\n");
        skip();
        return;
    }
    char path[512];
    snprintf(path, sizeof path, "%s/olinda/sectors.geojson", data);
    struct vdt_label_options options = {.class_field = "NM_BAIR"};
    assert_open_fails(path, &options, VDT_ERR_MISMATCH, "12 features have a value");
    options.unknown = VDT_UNKNOWN_SKIP;
    struct vdt_labels_source *source = open_labels(path, &options);
    assert_int_equal(vdt_labels_class_count(source), 31);
    assert_int_equal(vdt_labels_counts(source).unknown_skipped, 12);
    vdt_labels_free(source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pixels_holes_and_parts),
        cmocka_unit_test(test_null_empty_and_collections),
        cmocka_unit_test(test_bow_tie_is_repaired),
        cmocka_unit_test(test_simple_rings),
        cmocka_unit_test(test_classes_from_a_field),
        cmocka_unit_test(test_class_errors),
        cmocka_unit_test(test_files_that_cannot_be_read),
        cmocka_unit_test(test_axis_order_and_legacy_crs),
        cmocka_unit_test(test_rotated_and_south_up),
        cmocka_unit_test(test_control_points),
        cmocka_unit_test(test_longitudes_are_wrapped),
        cmocka_unit_test(test_unprojectable_features_drop_out),
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_bundled_labels),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
