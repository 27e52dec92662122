#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <vedatile/types.h>

static void dtypes_have_numpys_names_and_sizes(void **state)
{
    (void)state;
    static const struct {
        enum vdt_dtype dtype;
        const char *name;
        size_t size;
    } cases[] = {
        {VDT_UINT8, "uint8", 1},     {VDT_UINT16, "uint16", 2},
        {VDT_INT16, "int16", 2},     {VDT_UINT32, "uint32", 4},
        {VDT_INT32, "int32", 4},     {VDT_FLOAT32, "float32", 4},
        {VDT_FLOAT64, "float64", 8}, {(enum vdt_dtype)0, "unknown", 0},
        {VDT_FLOAT16, "float16", 2}, {VDT_BFLOAT16, "bfloat16", 2},
        {VDT_INT8, "int8", 1},       {VDT_UINT64, "uint64", 8},
        {VDT_INT64, "int64", 8},     {(enum vdt_dtype)13, "unknown", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(vdt_dtype_name(cases[i].dtype), cases[i].name);
        assert_int_equal(vdt_dtype_size(cases[i].dtype), cases[i].size);
    }
}

static void codecs_have_names(void **state)
{
    (void)state;
    assert_string_equal(vdt_codec_name(VDT_CODEC_AUTO), "auto");
    assert_string_equal(vdt_codec_name(VDT_CODEC_RAW), "raw");
    assert_string_equal(vdt_codec_name(VDT_CODEC_LZ4), "lz4");
    assert_string_equal(vdt_codec_name(VDT_CODEC_DEFLATE), "deflate");
    assert_string_equal(vdt_codec_name(VDT_CODEC_ZSTD), "zstd");
    assert_string_equal(vdt_codec_name((enum vdt_codec)99), "unknown");
}

static void tasks_have_names_one_bit_at_a_time(void **state)
{
    (void)state;
    assert_string_equal(vdt_task_name(VDT_CLASSIFICATION), "classification");
    assert_string_equal(vdt_task_name(VDT_DETECTION), "detection");
    assert_string_equal(vdt_task_name(VDT_SEGMENTATION), "segmentation");
    assert_string_equal(vdt_task_name(VDT_INSTANCE), "instance");
    assert_string_equal(vdt_task_name(VDT_BOUNDARY), "boundary");
    assert_string_equal(vdt_task_name(VDT_CONTACT), "contact");
    assert_string_equal(vdt_task_name(VDT_DISTANCE), "distance");
    assert_string_equal(vdt_task_name(VDT_REGRESSION), "regression");
    assert_string_equal(vdt_task_name((enum vdt_task)0), "unknown");
    assert_string_equal(vdt_task_name((enum vdt_task)3), "unknown");
}

static void tile_bytes_do_not_wrap_at_32_bits(void **state)
{
    (void)state;
    struct vdt_tile_spec small = {.bands = 6, .rows = 64, .cols = 32, .dtype = VDT_INT16};
    struct vdt_tile_spec large = {.bands = 8, .rows = 32768, .cols = 32768, .dtype = VDT_FLOAT64};
    assert_int_equal(vdt_tile_bytes(&small), 24576);
    assert_true(vdt_tile_bytes(&large) == (size_t)64 << 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dtypes_have_numpys_names_and_sizes),
        cmocka_unit_test(codecs_have_names),
        cmocka_unit_test(tasks_have_names_one_bit_at_a_time),
        cmocka_unit_test(tile_bytes_do_not_wrap_at_32_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
