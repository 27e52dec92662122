#include "stores.h"

#include "store/packet.h"
#include "store/statistics.h"

enum { MOST = 300000 }; /* more than a run of vectors of either size */

static const enum vdt_dtype dtypes[] = {VDT_UINT8, VDT_UINT16, VDT_INT16};

/* Kinds: one value, small steps, anything, least and most. */
static void fill_pixels(enum vdt_dtype dtype, void *pixels, size_t count, int kind)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t r = vdt_mix(i + 5);
        uint64_t value = kind == 0 ? 200 : kind == 1 ? 90 + r % 7 : r;
        if (kind == 3)
            value = r % 2 == 0 ? 0x8000 : 0x7fff;
        if (kind == 4)
            value = UINT64_MAX;
        if (dtype == VDT_UINT8)
            ((uint8_t *)pixels)[i] = (uint8_t)value;
        else
            ((uint16_t *)pixels)[i] = (uint16_t)value;
    }
}

static void assert_same(const struct vdt_band_stats *a, const struct vdt_band_stats *b)
{
    assert_int_equal(a->count, b->count);
    assert_true(a->mean == b->mean);
    assert_true(a->m2 == b->m2);
    assert_true(a->min == b->min);
    assert_true(a->max == b->max);
}

static void whole_bands_have_the_sums_of_their_pixels(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 2, 15, 16, 17, 31, 32, 33, 1000, 65536, MOST};
    uint16_t *pixels = malloc(MOST * sizeof *pixels);
    uint8_t *valid = malloc(MOST);
    memset(valid, 1, MOST);
    for (size_t d = 0; d < 3; d++)
        for (int kind = 0; kind < 5; kind++)
            for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
                fill_pixels(dtypes[d], pixels, counts[c], kind);
                /* A mask, though it leaves out nothing, has the pixels picked one by one. */
                struct vdt_band_stats all =
                    vdt_band_statistics(dtypes[d], pixels, counts[c], NULL, NULL);
                struct vdt_band_stats each =
                    vdt_band_statistics(dtypes[d], pixels, counts[c], valid, NULL);
                assert_same(&all, &each);
            }
    free(pixels);
    free(valid);
}

static void nodata_is_left_out_where_it_occurs(void **state)
{
    (void)state;
    static const double values[] = {0, 89, 90, 93, 96, 97, 255, -1, 93.5, 70000, NAN};
    uint16_t pixels[1000];
    uint8_t valid[1000];
    memset(valid, 1, sizeof valid);
    for (size_t d = 0; d < 3; d++)
        for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
            fill_pixels(dtypes[d], pixels, 1000, 1);
            struct vdt_band_stats all =
                vdt_band_statistics(dtypes[d], pixels, 1000, NULL, &values[v]);
            struct vdt_band_stats each =
                vdt_band_statistics(dtypes[d], pixels, 1000, valid, &values[v]);
            assert_same(&all, &each);
            bool inside = values[v] >= 90 && values[v] <= 96 && values[v] == floor(values[v]);
            assert_true(inside == (all.count < 1000));
        }
}

static void sums_are_those_of_a_plain_loop(void **state)
{
    (void)state;
    int16_t pixels[777];
    struct vdt_sums sums, right = {.low = INT64_MAX, .high = INT64_MIN};
    fill_pixels(VDT_INT16, pixels, 777, 2);
    for (int i = 0; i < 777; i++) {
        right.count++;
        right.sum += pixels[i];
        right.squares += (uint64_t)((int64_t)pixels[i] * pixels[i]);
        right.low = pixels[i] < right.low ? pixels[i] : right.low;
        right.high = pixels[i] > right.high ? pixels[i] : right.high;
    }
    assert_false(vdt_sums_all(VDT_INT16, pixels, 0, &sums));
    assert_false(vdt_sums_all(VDT_FLOAT32, pixels, 100, &sums));
    if (!vdt_sums_all(VDT_INT16, pixels, 777, &sums))
        return; /* no vectors here: vdt_band_statistics does without */
    assert_memory_equal(&sums, &right, sizeof sums);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_bands_have_the_sums_of_their_pixels),
        cmocka_unit_test(nodata_is_left_out_where_it_occurs),
        cmocka_unit_test(sums_are_those_of_a_plain_loop),
    };
    return cmocka_run_group_tests_name("store/statistics", tests, NULL, NULL);
}
