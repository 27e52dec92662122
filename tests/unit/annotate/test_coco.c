#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vedatile/detection.h>

#include "annotate/coco/coco_file.h"
#include "base/random.h"

static char path[] = "/tmp/vedatile-coco-XXXXXX";
static struct vdt_error error;

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void write_text(const char *text, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static const struct vdt_coco_options with_attributes = {.attributes = true, .threads = 1};

static struct vdt_coco *load(const char *text, bool results)
{
    write_text(text, strlen(text));
    struct vdt_coco *coco = NULL;
    error.message[0] = '\0';
    if (vdt_coco_load(path, results, &with_attributes, 0, &coco, &error) != VDT_OK)
        fail_msg("%s", error.message);
    return coco;
}

static struct vdt_coco_records records_of(const struct vdt_coco *coco)
{
    struct vdt_coco_records records;
    vdt_coco_get_records(coco, &records);
    return records;
}

/* Members in any order, ids in any order, an escape in a name, all kinds of segmentation. */
static const char truth[] =
    "\xef\xbb\xbf{\"info\": {\"a\": [1, {\"b\": null}]}, \"annotations\": ["
    "{\"id\": 7, \"image_id\": 5, \"category_id\": 2, \"bbox\": [1.5, 2, 3e1, 4], \"area\": 0.1, "
    "\"iscrowd\": 1, \"segmentation\": {\"counts\": [2, 3, 7], \"size\": [3, 4]}, "
    "\"attributes\": {\"occluded\": true}, \"n\\u00e4me\": \"x\"},\n"
    "{\"category_id\": 1, \"image_id\": 3.0, \"i\\u0064\": -9007199254740993, "
    "\"area\": null, \"ignore\": true, \"bbox\": [],\r\n"
    "\"segmentation\": [[1, 2, 3, 4, 5, 6.5], [0,0,1,0,1,1,0,1]]},"
    "{\"id\": 1, \"image_id\": 5, \"category_id\": 1, \"area\": 4, \"bbox\": [0, 0, 2, 2],"
    "\"segmentation\": {\"size\": [2, 3], \"counts\": \"06\"}}"
    "],\n\"images\": [{\"id\": 5, \"width\": 4, \"height\": 3, \"file_name\": \"b\\u00e9\\n.png\"},"
    "{\"id\": 3, \"height\": 10, \"width\": 20}], "
    "\"categories\": [{\"id\": 2, \"name\": \"two\"}, {\"supercategory\": \"s\", \"name\": "
    "\"one\", "
    "\"id\": 1}], \"licenses\": [[], [{}], \"]}\"]} \n";

static void ground_truth(void **state)
{
    (void)state;
    struct vdt_coco *coco = load(truth, false);
    struct vdt_coco_images images;
    vdt_coco_get_images(coco, &images);
    assert_int_equal(images.count, 2);
    assert_int_equal(images.id[0], 3);
    assert_int_equal(images.size[0][0], 10);
    assert_int_equal(images.size[0][1], 20);
    assert_string_equal(images.file_name[0], "");
    assert_string_equal(images.file_name[1], "b\xc3\xa9\n.png");
    struct vdt_coco_categories categories;
    vdt_coco_get_categories(coco, &categories);
    assert_int_equal(categories.count, 2);
    assert_string_equal(categories.name[0], "one");
    assert_string_equal(categories.supercategory[0], "s");
    assert_string_equal(categories.supercategory[1], "");
    struct vdt_coco_records r = records_of(coco);
    assert_int_equal(r.count, 3);
    assert_int_equal(r.id[1], -9007199254740993);
    assert_int_equal(r.image[0], 1);
    assert_int_equal(r.image[1], 0);
    assert_int_equal(r.category[0], 1);
    assert_true(r.box[0][0] == 1.5 && r.box[0][2] == 30 && isnan(r.box[1][0]));
    assert_true(r.area[0] == 0.1 && isnan(r.area[1]));
    assert_int_equal(r.crowd[0], 1);
    assert_int_equal(r.ignore[1], 1);
    assert_null(r.score);
    assert_int_equal(r.shape[0], VDT_COCO_RLE);
    assert_int_equal(r.shape[1], VDT_COCO_POLYGONS);
    assert_int_equal(r.count_offsets[3], 5);
    static const uint32_t counts[] = {2, 3, 7, 0, 6};
    assert_memory_equal(r.counts, counts, sizeof counts);
    assert_int_equal(r.shape_offsets[1], 0);
    assert_int_equal(r.shape_offsets[3], 2);
    assert_int_equal(r.ring_offsets[1], 3);
    assert_int_equal(r.ring_offsets[2], 7);
    assert_true(r.points[2][1] == 6.5);
    static const char other[] = "{\"attributes\":{\"occluded\": true},\"n\\u00e4me\":\"x\"}";
    assert_int_equal(r.attribute_offsets[1], sizeof other - 1);
    assert_memory_equal(r.attributes, other, sizeof other - 1);
    assert_int_equal(r.attribute_offsets[3], sizeof other - 1);
    vdt_coco_free(coco);
}

static void results(void **state)
{
    (void)state;
    struct vdt_coco *coco =
        load("[{\"image_id\": 5, \"category_id\": 1, \"score\": 0.5, \"bbox\": [1,2,3,4], "
             "\"id\": \"kept by nobody\"},"
             "{\"score\": 1e-3, \"bbox\": [0,0,1,1], \"bbox\": [1,1,1,1], \"category_id\": 2, "
             "\"image_id\": 3}]",
             true);
    struct vdt_coco_records r = records_of(coco);
    assert_int_equal(r.count, 2);
    assert_null(r.id);
    assert_null(r.area);
    assert_true(r.score[1] == 1e-3 && r.box[1][0] == 1);
    struct vdt_coco *of = load(truth, false);
    struct vdt_objects objects;
    assert_int_equal(vdt_coco_result_objects(coco, of, false, &objects, &error), VDT_OK);
    assert_int_equal(objects.image[0], 1);
    assert_int_equal(objects.category[1], 1);
    assert_ptr_equal(objects.score, r.score);
    assert_int_equal(vdt_coco_result_objects(coco, of, true, &objects, &error), VDT_ERR_FORMAT);
    assert_non_null(strstr(error.message, "record 1 has no segmentation"));
    assert_int_equal(vdt_coco_truth_objects(of, false, &objects, &error), VDT_ERR_FORMAT);
    assert_non_null(strstr(error.message, "record 2 of annotations has no area"));
    vdt_coco_free(coco);
    coco = load("[{\"image_id\": 4, \"category_id\": 1, \"score\": 1, \"bbox\": [1,2,3,4]}]", true);
    assert_int_equal(vdt_coco_result_objects(coco, of, false, &objects, &error), VDT_ERR_MISMATCH);
    assert_non_null(strstr(error.message, "record 1 has image_id 4, which"));
    vdt_coco_free(coco);
    vdt_coco_free(of);
    coco = load(" [ ] ", true);
    assert_int_equal(records_of(coco).count, 0);
    vdt_coco_free(coco);
}

/* Polygons and run lengths together; what the first result has decides about areas. */
static void masks(void **state)
{
    (void)state;
    struct vdt_coco *of = load(
        "{\"images\": [{\"id\": 1, \"width\": 4, \"height\": 3}], \"categories\": [{\"id\": 1}], "
        "\"annotations\": [{\"id\": 1, \"image_id\": 1, \"category_id\": 1, \"area\": 5, "
        "\"segmentation\": [[0,0,2,0,2,2,0,2]]},"
        "{\"id\": 2, \"image_id\": 1, \"category_id\": 1, \"area\": 5, "
        "\"segmentation\": {\"size\": [3, 4], \"counts\": [2, 3, 7]}}]}",
        false);
    struct vdt_objects objects;
    assert_int_equal(vdt_coco_truth_objects(of, true, &objects, &error), VDT_OK);
    double area[2];
    assert_int_equal(vdt_shapes_area(objects.shapes, area, &error), VDT_OK);
    assert_true(area[0] == 4 && area[1] == 3);
    assert_true(objects.area[0] == 5);
    assert_int_equal(vdt_coco_truth_objects(of, false, &objects, &error), VDT_ERR_FORMAT);
    struct vdt_coco *coco = load("[{\"image_id\": 1, \"category_id\": 1, \"score\": 1, "
                                 "\"segmentation\": {\"size\": [3, 4], \"counts\": [2, 3, 7]}}]",
                                 true);
    assert_int_equal(vdt_coco_result_objects(coco, of, true, &objects, &error), VDT_OK);
    assert_true(objects.area[0] == 3);
    assert_int_equal(vdt_coco_result_objects(coco, of, false, &objects, &error), VDT_OK);
    assert_true(objects.box[0][0] == 0 && objects.box[0][2] == 2 && objects.box[0][3] == 3);
    vdt_coco_free(coco);
    coco = load("[{\"image_id\": 1, \"category_id\": 1, \"score\": 1, \"bbox\": [0,0,2,5], "
                "\"segmentation\": {\"size\": [3, 4], \"counts\": [2, 3, 7]}}]",
                true);
    assert_int_equal(vdt_coco_result_objects(coco, of, true, &objects, &error), VDT_OK);
    assert_true(objects.area[0] == 10);
    vdt_coco_free(coco);
    vdt_coco_free(of);
}

/* Run lengths of all sizes as the text that they are written as. */
static void run_lengths_as_text(void **state)
{
    (void)state;
    char document[4096];
    for (uint64_t i = 0; i < 300; i++) {
        uint32_t counts[40], rows = 0;
        size_t count = 1 + (size_t)(vdt_mix(i) % 40);
        for (size_t k = 0; k < count; k++)
            rows += counts[k] = (uint32_t)(vdt_mix2(i, k) >> (40 + vdt_mix2(k, i) % 24));
        struct vdt_masks *list = NULL;
        char *text = NULL;
        size_t length;
        assert_int_equal(vdt_masks_new(&list, &error), VDT_OK);
        assert_int_equal(vdt_masks_add_counts(list, rows, 1, counts, count, &error), VDT_OK);
        const struct vdt_shapes *written = vdt_masks_shapes(list);
        assert_int_equal(vdt_mask_text(written, 0, &text, &length, &error), VDT_OK);
        size_t size =
            (size_t)sprintf(document, "[{\"image_id\": 1, \"category_id\": 1, \"score\": 1, "
                                      "\"segmentation\": {\"counts\": \"");
        for (size_t k = 0; k < length; k++)
            size += (size_t)sprintf(document + size,
                                    text[k] == '\\' && i % 2 == 0 ? "\\u005c"
                                    : text[k] == '\\'             ? "\\\\"
                                                                  : "%c",
                                    text[k]);
        sprintf(document + size, "\", \"size\": [%u, 1]}}]", rows);
        struct vdt_coco *coco = load(document, true);
        struct vdt_coco_records r = records_of(coco);
        assert_int_equal(r.count_offsets[1], written->count_offsets[1]);
        assert_memory_equal(r.counts, written->counts, r.count_offsets[1] * sizeof *r.counts);
        vdt_coco_free(coco);
        vdt_masks_free(list);
        free(text);
    }
}

/* As Python has it: what is there twice counts as it is the second time. */
static void members_twice(void **state)
{
    (void)state;
    struct vdt_coco *coco =
        load("[{\"image_id\": 1, \"category_id\": 1, \"score\": 1, "
             "\"segmentation\": [[9,9,8,8,7,9],[1,1,2,2,1,3]], \"segmentation\": [[1,2,3,4,5,6]]},"
             "{\"image_id\": 1, \"category_id\": 1, \"score\": 1, \"segmentation\": "
             "{\"counts\": [4], \"counts\": [1, 5], \"size\": [1, 1], \"size\": [2, 3]}}]",
             true);
    struct vdt_coco_records r = records_of(coco);
    assert_int_equal(r.shape_offsets[1], 1);
    assert_int_equal(r.ring_offsets[1], 3);
    assert_true(r.points[0][0] == 1);
    assert_int_equal(r.count_offsets[2], 2);
    assert_int_equal(r.counts[1], 5);
    assert_int_equal(r.size[1][0], 2);
    vdt_coco_free(coco);
}

/* Polygons are drawn, run lengths copied, each to its own record. */
static void masks_in_turn(void **state)
{
    (void)state;
    static char text[400000];
    size_t size =
        (size_t)sprintf(text, "{\"images\": [{\"id\": 1, \"width\": 40, \"height\": 30}], "
                              "\"categories\": [{\"id\": 1}], \"annotations\": [");
    enum { RECORDS = 1500 };
    for (int i = 0; i < RECORDS; i++) {
        size += (size_t)sprintf(text + size,
                                "%s{\"id\": %d, \"image_id\": 1, \"category_id\": 1, "
                                "\"area\": 1, \"segmentation\": ",
                                i == 0 ? "" : ",", i + 1);
        int side = 1 + i % 25;
        size += (size_t)sprintf(text + size,
                                i % 3 == 0 ? "{\"size\": [30, 40], \"counts\": [0, %d, %d]}}"
                                           : "[[0,0,%d,0,%d,%d,0,%d]]}",
                                i % 3 == 0 ? side * side : side,
                                i % 3 == 0 ? 1200 - side * side : side, side, side);
    }
    sprintf(text + size, "]}");
    write_text(text, strlen(text));
    for (uint32_t threads = 1; threads < 4; threads++) {
        struct vdt_coco_options options = {.threads = threads};
        struct vdt_coco *coco = NULL;
        assert_int_equal(vdt_coco_load(path, false, &options, 0, &coco, &error), VDT_OK);
        struct vdt_objects objects;
        static double area[RECORDS];
        assert_int_equal(vdt_coco_truth_objects(coco, true, &objects, &error), VDT_OK);
        assert_int_equal(vdt_shapes_area(objects.shapes, area, &error), VDT_OK);
        for (int i = 0; i < RECORDS; i++)
            assert_true(area[i] == (1 + i % 25) * (1 + i % 25));
        vdt_coco_free(coco);
    }
}

/* --- what is wrong ---------------------------------------------------------------------------- */

static const struct {
    bool results;
    const char *text, *message;
} wrong[] = {
    {true, "", "byte 0: the file ends here"},
    {true, "{\"images\": []}", "is it a ground truth file?"},
    {false, "[]", "is it a results file?"},
    {true, "[]x", "byte 2: more text behind the end"},
    {true, "[{\"image_id\": 1, \"category_id\": 1, \"score\": 1},]", "byte 47, record 1: a ','"},
    {true, "[{\"image_id\": 1, \"category_id\": 1, \"score\": 1} {}]", "no ',' or closing bracket"},
    {true, "[{\"image_id\": 1, \"category_id\": 1, \"score\": 1}, 5]", "an object has to be here"},
    {true, "[{\"image_id\": 1, \"category_id\": 1}]", "record 1: no score"},
    {true, "[{\"image_id\": 1, \"score\": 1}]", "no category_id"},
    {true, "[{\"image_id\": \"a\", \"category_id\": 1, \"score\": 1}]", "byte 14, record 1: an id"},
    {true, "[{\"image_id\": 1.5, \"category_id\": 1, \"score\": 1}]", "an id that is no whole"},
    {true, "[{\"image_id\": 9223372036854775808, \"category_id\": 1}]", "an id that is no whole"},
    {true, "[{\"image_id\": 1, \"category_id\": 1, \"score\": NaN}]", "NaN or Infinity"},
    {true, "[{\"image_id\": 1, \"category_id\": 1, \"score\": 1e999}]", "too large"},
    {true, "[{\"image_id\": 1, \"category_id\": 1, \"score\": \"1\"}]", "a number has to be here"},
    {true, "[{\"bbox\": [1,2,3]}]", "bbox is not four numbers"},
    {true, "[{\"bbox\": [1,2,3,4,5]}]", "bbox is not four numbers"},
    {true, "[{\"bbox\": {}}]", "an array has to be here"},
    {true, "[{\"segmentation\": [[1,2,3,4]]}]", "a ring of a polygon"},
    {true, "[{\"segmentation\": [[1,2,3,4,5,6,7]]}]", "a ring of a polygon"},
    {true, "[{\"segmentation\": [1,2,3,4,5,6]}]", "an array has to be here"},
    {true, "[{\"segmentation\": {\"size\": [2,2], \"counts\": [1,2]}}]", "do not add up"},
    {true, "[{\"segmentation\": {\"size\": [2,2], \"counts\": [-1,5]}}]", "not run lengths"},
    {true, "[{\"segmentation\": {\"size\": [2,2], \"counts\": \"ooooooooo\"}}]", "run lengths"},
    {true, "[{\"segmentation\": {\"size\": [2,2], \"counts\": \"\x7f\"}}]", "run lengths"},
    {true, "[{\"segmentation\": {\"size\": [65536,65536], \"counts\": [1]}}]", "size is not two"},
    {true, "[{\"segmentation\": {\"size\": [1e9,1e9], \"counts\": [1]}}]", "size is not two"},
    {true, "[{\"segmentation\": {\"size\": [2,2]}}]", "needs size and counts"},
    {true, "[{\"a\": tru}]", "no value is here"},
    {true, "[{\"a\" 1}]", "no ':'"},
    {true, "[{\"a\": \"\\x\"}]", "an unknown escape"},
    {true, "[{\"a\": \"\n\"}]", "a control character"},
    {true, "[{\"a\": 01}]", "a number has to be here"},
    {true, "[{\"image_id\": 1, \"category_id\"", "cut short"},
    {true, "[{\"image_id\": 1, \"category_id\": 1, \"score\": 1}", "cut short"},
    {false, "{\"images\": [], \"categories\": []}", "no annotations"},
    {false, "{\"images\": {}}", "are arrays"},
    {false, "{\"images\": [], \"images\": []}", "a second time"},
    {false, "{\"images\": [{\"file_name\": \"x\"}]}", "record 1 of images: no id"},
    {false, "{\"images\": [{\"id\": 1, \"file_name\": \"\xff\"}]}", "not UTF-8"},
    {false, "{\"images\": [{\"id\": 1, \"file_name\": \"\\ud800\"}]}", "half a character"},
    {false, "{\"images\": [{\"id\": 1, \"width\": -1}]}", "width and height"},
    {false, "{\"images\": [{\"id\": 1}, {\"id\": 1}], \"annotations\": [], \"categories\": []}",
     "records 1 and 2 of images both have id 1"},
    {false,
     "{\"images\": [{\"id\": 1}], \"categories\": [{\"id\": 1}], \"annotations\": "
     "[{\"id\": 1, \"image_id\": 2, \"category_id\": 1}]}",
     "image_id 2, which no image has"},
    {false,
     "{\"images\": [{\"id\": 1}], \"categories\": [{\"id\": 1}], \"annotations\": "
     "[{\"id\": 1, \"image_id\": 1, \"category_id\": 3}]}",
     "category_id 3, which no category has"},
    {false,
     "{\"images\": [{\"id\": 1}], \"categories\": [{\"id\": 1}], \"annotations\": "
     "[{\"id\": 1, \"image_id\": 1, \"category_id\": 1, \"iscrowd\": 2}]}",
     "iscrowd and ignore are 0 or 1"},
};

static void messages(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        write_text(wrong[i].text, strlen(wrong[i].text));
        struct vdt_coco *coco = NULL;
        vdt_status status =
            vdt_coco_load(path, wrong[i].results, &with_attributes, 0, &coco, &error);
        assert_null(coco);
        assert_true(status == VDT_ERR_FORMAT || status == VDT_ERR_MISMATCH);
        if (strstr(error.message, wrong[i].message) == NULL || strstr(error.message, path) == NULL)
            fail_msg("case %zu: '%s'", i, error.message);
    }
    struct vdt_coco *coco = NULL;
    assert_int_equal(vdt_coco_load("/nowhere.json", true, NULL, 0, &coco, &error),
                     VDT_ERR_NOT_FOUND);
    assert_int_equal(vdt_coco_load("/", true, NULL, 0, &coco, &error), VDT_ERR_ARGUMENT);
}

static void deep_nesting_is_refused(void **state)
{
    (void)state;
    enum { DEEP = 1000000 };
    char *text = malloc(DEEP + 16);
    strcpy(text, "[{\"a\": ");
    memset(text + 7, '[', DEEP);
    write_text(text, DEEP + 7);
    struct vdt_coco *coco = NULL;
    assert_int_equal(vdt_coco_load(path, true, NULL, 0, &coco, &error), VDT_ERR_FORMAT);
    assert_non_null(strstr(error.message, "nested deeper than 128"));
    free(text);
}

/* --- pieces and threads ----------------------------------------------------------------------- */

static bool equal(const struct vdt_coco *a, const struct vdt_coco *b)
{
    static const size_t sizes[VDT_COCO_COLUMNS] = {8, 8, 8, 32, 8, 8, 1,  1, 1,
                                                   8, 8, 8, 8,  4, 8, 16, 1};
    for (int c = 0; c < VDT_COCO_COLUMNS; c++) {
        size_t count = a->records.column[c].count;
        if (count != b->records.column[c].count ||
            (count > 0 &&
             memcmp(a->records.column[c].data, b->records.column[c].data, count * sizes[c]) != 0))
            return false;
    }
    return true;
}

/* Records of all lengths; strings and nested objects look as if a record began in them. */
static size_t make_results(char *text, size_t records)
{
    size_t size = 0;
    text[size++] = '[';
    for (size_t i = 0; i < records; i++) {
        uint64_t random = vdt_mix(i);
        size += (size_t)sprintf(text + size,
                                "%s{\"image_id\": %d, \"category_id\": %d, \"score\": %.17g",
                                i == 0            ? ""
                                : random % 3 == 0 ? ","
                                                  : " ,\n ",
                                (int)(random % 50), (int)(random >> 8) % 9, vdt_unit(random));
        if (random % 5 == 0)
            size += (size_t)sprintf(text + size, ", \"note\": \"}, {\\\"image_id\\\": 1\"");
        if (random % 7 == 0)
            size +=
                (size_t)sprintf(text + size, ", \"parts\": [{\"image_id\": 1, \"category_id\": 2, "
                                             "\"score\": 3}, {\"a\": 1}, {\"b\": [{}, {}]}]");
        if (random % 11 == 0)
            size +=
                (size_t)sprintf(text + size, ", \"segmentation\": [[1,2,3,4,5,6.%d],[7,8,9,1,2,3]]",
                                (int)(random >> 20 & 1023));
        if (random % 13 == 0)
            size += (size_t)sprintf(text + size, ", \"segmentation\": {\"counts\": \"06\", "
                                                 "\"size\": [2, 3]}");
        text[size++] = '}';
    }
    text[size++] = ']';
    return size;
}

static void pieces_do_not_show(void **state)
{
    (void)state;
    enum { RECORDS = 2000 };
    char *text = malloc(RECORDS * 400);
    size_t size = make_results(text, RECORDS);
    write_text(text, size);
    struct vdt_coco_options options = {.threads = 1, .attributes = true};
    struct vdt_coco *whole = NULL;
    if (vdt_coco_load(path, true, &options, 0, &whole, &error) != VDT_OK)
        fail_msg("%s", error.message);
    assert_int_equal(records_of(whole).count, RECORDS);
    for (uint64_t piece = 1; piece < size; piece = piece * 5 / 3 + 1)
        for (options.threads = 2; options.threads <= 4; options.threads += 2) {
            if (size / piece > 20000)
                continue;
            struct vdt_coco *coco = NULL;
            if (vdt_coco_load(path, true, &options, piece, &coco, &error) != VDT_OK)
                fail_msg("pieces of %d bytes: %s", (int)piece, error.message);
            assert_true(equal(whole, coco));
            vdt_coco_free(coco);
        }
    vdt_coco_free(whole);
    free(text);
}

/* The message is that of one thread, whatever the pieces: the first thing that is wrong. */
static void damage_is_told_alike(void **state)
{
    (void)state;
    enum { RECORDS = 300 };
    char *text = malloc(RECORDS * 400);
    size_t size = make_results(text, RECORDS);
    for (uint64_t i = 0; i < 200; i++) {
        size_t at = (size_t)(vdt_mix(i) % size);
        char kept = text[at];
        text[at] = "{}[]\",:x0-\\"[vdt_mix(i + 1000) % 11];
        write_text(text, i % 4 == 0 ? at : size);
        struct vdt_coco_options options = {.threads = 1, .attributes = true};
        struct vdt_coco *alone = NULL, *together = NULL;
        struct vdt_error second = {0};
        memset(&error, 0, sizeof error);
        vdt_status status = vdt_coco_load(path, true, &options, 0, &alone, &error);
        options.threads = 3;
        assert_int_equal(vdt_coco_load(path, true, &options, 500, &together, &second), status);
        assert_string_equal(error.message, second.message);
        assert_true(status != VDT_OK || equal(alone, together));
        vdt_coco_free(alone);
        vdt_coco_free(together);
        text[at] = kept;
    }
    free(text);
}

/* A record that is longer than any window. */
static void long_records(void **state)
{
    (void)state;
    enum { LONG = 3000000 };
    static char text[LONG + 1000];
    size_t size =
        (size_t)sprintf(text, "[{\"image_id\": 1, \"category_id\": 1, \"score\": 1, \"x\": \"");
    memset(text + size, 'x', LONG);
    size += LONG;
    size +=
        (size_t)sprintf(text + size, "\"},{\"image_id\": 2, \"category_id\": 1, \"score\": 0.5}]");
    write_text(text, size);
    for (uint32_t threads = 1; threads < 4; threads++) {
        struct vdt_coco_options options = {.threads = threads};
        struct vdt_coco *coco = NULL;
        assert_int_equal(vdt_coco_load(path, true, &options, 100000, &coco, &error), VDT_OK);
        assert_int_equal(records_of(coco).count, 2);
        assert_true(records_of(coco).score[1] == 0.5);
        vdt_coco_free(coco);
    }
}

/* A window ends at each byte of a record in turn. */
static void records_may_be_cut_anywhere(void **state)
{
    (void)state;
    static const char record[] =
        "[{\"image_id\": 1234, \"category_id\": 77, \"score\": 0.123456, "
        "\"a\": [true, null, \"\\u00e9\\ud83d\\ude00\\n\"], \"segmentation\": "
        "{\"size\": [2, 3], \"counts\": \"06\"}, \"bbox\": [1.25, 2, 3e2, 4]} , "
        "{\"image_id\": 5, \"category_id\": 6, \"score\": 1}]";
    enum { WINDOW = 256 << 10, LENGTH = sizeof record - 1 };
    char *text = malloc(WINDOW + LENGTH);
    for (size_t inside = 0; inside <= LENGTH; inside++) {
        memset(text, ' ', WINDOW);
        memcpy(text + WINDOW - inside, record, LENGTH);
        write_text(text, WINDOW - inside + LENGTH);
        struct vdt_coco *coco = NULL;
        if (vdt_coco_load(path, true, &with_attributes, 0, &coco, &error) != VDT_OK)
            fail_msg("%d bytes: %s", (int)inside, error.message);
        struct vdt_coco_records r = records_of(coco);
        assert_int_equal(r.count, 2);
        assert_int_equal(r.image_id[0], 1234);
        assert_int_equal(r.category_id[0], 77);
        assert_true(r.score[0] == 0.123456 && r.box[0][2] == 300);
        assert_int_equal(r.counts[1], 6);
        assert_int_equal(r.attribute_offsets[1], 42);
        vdt_coco_free(coco);
    }
    free(text);
}

/* --- noise ------------------------------------------------------------------------------------ */

static void try_everything(const char *text, size_t size, bool is_results)
{
    write_text(text, size);
    struct vdt_coco *coco = NULL;
    if (vdt_coco_load(path, is_results, &with_attributes, 0, &coco, &error) != VDT_OK) {
        assert_non_null(strstr(error.message, path));
        return;
    }
    struct vdt_objects objects;
    for (int kind = 0; kind < 2 && !is_results; kind++)
        if (vdt_coco_truth_objects(coco, kind == 1, &objects, &error) == VDT_OK)
            assert_true(objects.count == records_of(coco).count);
    vdt_coco_free(coco);
}

static void noise_never_crashes(void **state)
{
    (void)state;
    static const char letters[] = "{}[]\",:0123456789.eE+-\\utfn \n\x80\xff";
    char text[2048];
    for (uint64_t i = 0; i < 4000; i++) {
        size_t size = sizeof truth - 1;
        memcpy(text, truth, size);
        for (uint64_t k = 0; k <= i % 3; k++) {
            uint64_t random = vdt_mix2(i, k);
            size_t at = (size_t)(random % size), more = (size_t)(random >> 32) % 8;
            switch (random >> 40 & 3) {
            case 0: text[at] = letters[(random >> 48) % (sizeof letters - 1)]; break;
            case 1: size = at + 1; break;
            case 2:
                memmove(text + at, text + at + more, size - at > more ? size - at - more : 0);
                size -= size - at > more ? more : 0;
                break;
            default:
                memmove(text + at + more, text + at, size - at);
                memset(text + at, letters[(random >> 48) % (sizeof letters - 1)], more);
                size += more;
            }
        }
        try_everything(text, size, i % 16 == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ground_truth),
        cmocka_unit_test(results),
        cmocka_unit_test(masks),
        cmocka_unit_test(run_lengths_as_text),
        cmocka_unit_test(members_twice),
        cmocka_unit_test(masks_in_turn),
        cmocka_unit_test(messages),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(pieces_do_not_show),
        cmocka_unit_test(damage_is_told_alike),
        cmocka_unit_test(long_records),
        cmocka_unit_test(records_may_be_cut_anywhere),
        cmocka_unit_test(noise_never_crashes),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
