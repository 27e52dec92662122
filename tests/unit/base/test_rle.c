/* COCO's run lengths: known texts of pycocotools, and the way back. */
#include "base/rle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect_text(const uint32_t *runs, size_t count, const char *text)
{
    struct vdt_buffer written = {0};
    assert_int_equal(vdt_rle_text(runs, count, &written, NULL), VDT_OK);
    assert_string_equal((const char *)written.data, text);
    vdt_buffer_clear(&written);
}

/* What pycocotools 2.0.11 writes for masks of these runs. */
static void test_texts(void **state)
{
    (void)state;
    expect_text((const uint32_t[]){12}, 1, "<");
    expect_text((const uint32_t[]){0, 12}, 2, "0<");
    expect_text((const uint32_t[]){4, 2, 6}, 3, "426");
    expect_text((const uint32_t[]){1, 2, 3, 4, 5, 1}, 6, "12322M");
    expect_text((const uint32_t[]){5000, 20, 60000, 16, 1}, 5, "Xl4d0Pcj1LQ]UN");
}

static void test_objects_by_column(void **state)
{
    (void)state;
    const uint16_t mask[3 * 4] = {1, 0, 2, 2, /* */
                                  1, 0, 2, 9, /* */
                                  1, 1, 0, 2};
    struct vdt_rle rle = {0};
    for (int again = 0; again < 2; again++) {
        assert_int_equal(vdt_rle_encode(&rle, mask, 3, 4, 3, NULL), VDT_OK);
        assert_int_equal(rle.object_count, 3);
        const uint32_t first[] = {0, 3, 2, 1, 6}, second[] = {6, 2, 1, 1, 1, 1}, third[] = {12};
        assert_int_equal(rle.objects[0].count, 5);
        assert_memory_equal(rle.objects[0].runs, first, sizeof first);
        assert_int_equal(rle.objects[0].area, 4);
        assert_int_equal(rle.objects[1].count, 6);
        assert_memory_equal(rle.objects[1].runs, second, sizeof second);
        assert_int_equal(rle.objects[1].area, 4);
        assert_int_equal(rle.objects[2].count, 1);
        assert_memory_equal(rle.objects[2].runs, third, sizeof third);
        assert_int_equal(rle.objects[2].area, 0);
    }
    vdt_rle_clear(&rle);
}

static void test_an_object_over_several_columns_is_one_run(void **state)
{
    (void)state;
    uint16_t mask[8 * 8];
    for (int i = 0; i < 64; i++)
        mask[i] = 1;
    struct vdt_rle rle = {0};
    assert_int_equal(vdt_rle_encode(&rle, mask, 8, 8, 1, NULL), VDT_OK);
    const uint32_t runs[] = {0, 64};
    assert_int_equal(rle.objects[0].count, 2);
    assert_memory_equal(rle.objects[0].runs, runs, sizeof runs);
    vdt_rle_clear(&rle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_objects_by_column),
        cmocka_unit_test(test_an_object_over_several_columns_is_one_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
