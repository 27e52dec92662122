/* Deltas of block lists against lists of every kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "server/blobs/delta.h"

enum { BLOCK = 65536, MOST = 400 };

static struct vdt_error error;
static unsigned char digests[MOST][VDT_BLOCK_DIGEST];

/* A list of blocks with these contents; the last one is short. */
static struct vdt_block_list list_of(const unsigned *contents, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        for (unsigned k = 0; k < VDT_BLOCK_DIGEST; k++)
            digests[i][k] = (unsigned char)(vdt_mix2(contents[i], k));
    return (struct vdt_block_list){
        .size = count * BLOCK - 5, .block_size = BLOCK, .count = count, .digests = digests};
}

static void add(struct vdt_known *known, const unsigned *contents, uint64_t count, int64_t blob,
                uint64_t offset, uint64_t first)
{
    struct vdt_block_list list = list_of(contents, count);
    assert_int_equal(vdt_known_add(known, list.digests[0], count, blob, offset, first, &error),
                     VDT_OK);
}

static void the_first_save_is_one_run(void **state)
{
    (void)state;
    const unsigned contents[] = {1, 2, 3, 3, 3, 4};
    struct vdt_known *known = vdt_known_new(BLOCK);
    struct vdt_block_list list = list_of(contents, 6);
    struct vdt_delta delta = {0};
    assert_int_equal(vdt_delta_make(&list, known, &delta, &error), VDT_OK);
    assert_int_equal(delta.count, 1);
    assert_int_equal(delta.missing, 6);
    assert_int_equal(delta.bytes, 6 * BLOCK - 5);
    assert_int_equal(delta.runs[0].blob, 0);
    assert_int_equal(delta.runs[0].count, 6);
    vdt_delta_clear(&delta);
    vdt_known_free(known);
}

static void what_is_known_is_not_sent(void **state)
{
    (void)state;
    const unsigned before[] = {1, 2, 3, 4, 5};
    const unsigned after[] = {1, 2, 9, 4, 5, 8, 1};
    struct vdt_known *known = vdt_known_new(BLOCK);
    add(known, before, 5, 7, 1000 * BLOCK, 0);
    struct vdt_block_list list = list_of(after, 7);
    struct vdt_delta delta = {0};
    assert_int_equal(vdt_delta_make(&list, known, &delta, &error), VDT_OK);
    const struct vdt_delta_run expect[] = {
        {0, 2, 7, 1000 * BLOCK}, {2, 1, 0, 0}, {3, 2, 7, 1003 * BLOCK}, {5, 1, 0, BLOCK},
        {6, 1, 7, 1000 * BLOCK},
    };
    assert_int_equal(delta.count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(delta.runs[i].first, expect[i].first);
        assert_int_equal(delta.runs[i].count, expect[i].count);
        assert_int_equal(delta.runs[i].blob, expect[i].blob);
        assert_int_equal(delta.runs[i].offset, expect[i].offset);
    }
    assert_int_equal(delta.missing, 2);
    assert_int_equal(delta.bytes, 2 * BLOCK);
    vdt_delta_clear(&delta);
    vdt_known_free(known);
}

/* Blocks that are there many times (zeros) do not tear the runs of the current version apart. */
static void the_same_place_comes_first(void **state)
{
    (void)state;
    unsigned contents[100];
    for (unsigned i = 0; i < 100; i++)
        contents[i] = i % 2 == 0 ? 0 : i;
    struct vdt_known *known = vdt_known_new(BLOCK);
    add(known, contents, 100, 3, 0, 0);
    struct vdt_block_list list = list_of(contents, 100);
    struct vdt_delta delta = {0};
    assert_int_equal(vdt_delta_make(&list, known, &delta, &error), VDT_OK);
    assert_int_equal(delta.count, 1);
    assert_int_equal(delta.runs[0].count, 100);
    assert_int_equal(delta.missing, 0);
    assert_int_equal(delta.bytes, 0);
    vdt_delta_clear(&delta);
    vdt_known_free(known);
}

static void few_blobs_are_referred_to(void **state)
{
    (void)state;
    struct vdt_known *known = vdt_known_new(BLOCK);
    unsigned contents[300];
    for (unsigned i = 0; i < 300; i++) {
        contents[i] = 1000 + i;
        /* Blob 1 has a hundred blocks, the others one each. */
        add(known, &contents[i], 1, i < 100 ? 1 : i, (uint64_t)i * BLOCK, UINT64_MAX);
    }
    struct vdt_block_list list = list_of(contents, 300);
    struct vdt_delta delta = {0};
    assert_int_equal(vdt_delta_make(&list, known, &delta, &error), VDT_OK);
    int64_t seen[400];
    size_t blobs = 0;
    for (size_t i = 0; i < delta.count; i++) {
        size_t k = 0;
        while (k < blobs && seen[k] != delta.runs[i].blob)
            k++;
        if (k == blobs)
            seen[blobs++] = delta.runs[i].blob;
    }
    assert_int_equal(blobs, VDT_DELTA_BLOBS);
    assert_int_equal(delta.runs[0].blob, 1);
    assert_int_equal(delta.runs[0].count, 100);
    assert_int_equal(delta.missing, 200 - (VDT_DELTA_BLOBS - 2));
    vdt_delta_clear(&delta);
    vdt_known_free(known);
}

/* Every run of random histories leads to the block that was asked for. */
static void deltas_of_random_lists_are_right(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 50; seed++) {
        struct vdt_known *known = vdt_known_new(BLOCK);
        unsigned blobs[6][MOST];
        bool kept[40] = {false};
        for (unsigned b = 0; b < 5; b++) {
            unsigned count = 1 + (unsigned)(vdt_mix2(seed, b) % 30);
            for (unsigned i = 0; i < count; i++) {
                blobs[b + 1][i] = (unsigned)(vdt_mix2(vdt_mix2(seed, b), i) % 40);
                kept[blobs[b + 1][i]] = true;
            }
            add(known, blobs[b + 1], count, b + 1, 0, b == 0 ? 0 : UINT64_MAX);
        }
        unsigned wanted[MOST];
        unsigned count = 1 + (unsigned)(vdt_mix2(seed, 99) % MOST);
        for (unsigned i = 0; i < count; i++)
            wanted[i] = (unsigned)(vdt_mix2(seed, 1000 + i) % 40);
        struct vdt_block_list list = list_of(wanted, count);
        struct vdt_delta delta = {0};
        assert_int_equal(vdt_delta_make(&list, known, &delta, &error), VDT_OK);
        uint64_t next = 0;
        uint64_t rank = 0;
        for (size_t r = 0; r < delta.count; r++) {
            assert_int_equal(delta.runs[r].first, next);
            for (uint64_t k = 0; k < delta.runs[r].count; k++, next++) {
                uint64_t at = delta.runs[r].offset + k * BLOCK;
                if (delta.runs[r].blob == 0) {
                    assert_false(kept[wanted[next]]);
                    assert_int_equal(at, rank++ * BLOCK);
                } else {
                    assert_int_equal(blobs[delta.runs[r].blob][at / BLOCK], wanted[next]);
                }
            }
        }
        assert_int_equal(next, count);
        assert_int_equal(delta.missing, rank);
        vdt_delta_clear(&delta);
        vdt_known_free(known);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_save_is_one_run),
        cmocka_unit_test(what_is_known_is_not_sent),
        cmocka_unit_test(the_same_place_comes_first),
        cmocka_unit_test(few_blobs_are_referred_to),
        cmocka_unit_test(deltas_of_random_lists_are_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
