#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/random.h"
#include "memory_blobs.h"
#include "server/blobs/block_map.h"

static struct vdt_error error;

static const char *blob_name(unsigned i)
{
    static char names[4][VDT_BLOB_NAME];
    char *name = names[i % 4];
    snprintf(name, VDT_BLOB_NAME, "%032x", i);
    return name;
}

static void neighbours_become_one_run(void **state)
{
    (void)state;
    struct vdt_block_map map = {.size = 1050, .block_size = 100}; /* the 11th block is short */
    assert_int_equal(vdt_block_map_add(&map, 0, 3, blob_name(1), 0, "m", &error), VDT_OK);
    assert_int_equal(vdt_block_map_add(&map, 3, 2, blob_name(1), 300, "m", &error), VDT_OK);
    assert_int_equal(vdt_block_map_add(&map, 5, 1, blob_name(1), 800, "m", &error), VDT_OK);
    assert_int_equal(vdt_block_map_add(&map, 6, 4, blob_name(2), 0, "m", &error), VDT_OK);
    assert_int_equal(vdt_block_map_complete(&map, "m", &error), VDT_ERR_FORMAT);
    assert_int_equal(vdt_block_map_add(&map, 10, 1, blob_name(1), 900, "m", &error), VDT_OK);
    assert_int_equal(vdt_block_map_complete(&map, "m", &error), VDT_OK);
    assert_int_equal(map.run_count, 4);
    assert_int_equal(map.blob_count, 2);
    assert_int_equal(map.runs[0].size, 500);
    assert_int_equal(map.runs[3].size, 50);
    for (uint64_t at = 0; at < 1050; at++) {
        const struct vdt_map_run *run = vdt_block_map_find(&map, at);
        assert_true(run->at <= at && at < run->at + run->size);
    }
    vdt_block_map_clear(&map);
    assert_null(map.runs);
}

static void what_does_not_follow_is_refused(void **state)
{
    (void)state;
    struct vdt_block_map map = {.size = 1000, .block_size = 100};
    const struct {
        uint64_t first, count, offset;
    } bad[] = {
        {1, 1, 0},          {0, 0, 0},          {0, 11, 0},
        {UINT64_MAX, 2, 0}, {0, UINT64_MAX, 0}, {0, 1, UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(vdt_block_map_add(&map, bad[i].first, bad[i].count, blob_name(1),
                                           bad[i].offset, "m", &error),
                         VDT_ERR_FORMAT);
    assert_int_equal(vdt_block_map_add(&map, 0, 1, "../x", 0, "m", &error), VDT_ERR_FORMAT);
    assert_int_equal(vdt_block_map_add(&map, 0, 2, blob_name(1), 0, "m", &error), VDT_OK);
    assert_int_equal(vdt_block_map_add(&map, 1, 2, blob_name(1), 0, "m", &error), VDT_ERR_FORMAT);
    assert_int_equal(vdt_block_map_add(&map, 3, 1, blob_name(1), 0, "m", &error), VDT_ERR_FORMAT);
    assert_int_equal(map.run_count, 1);
    vdt_block_map_clear(&map);
}

/* A store of random runs over three blobs reads as the blocks that it was made of. */
static void bytes_come_from_their_blobs(void **state)
{
    (void)state;
    enum { BLOCK = 64, BLOCKS = 200, SIZE = BLOCK * BLOCKS - 13 };
    unsigned char wanted[BLOCK * BLOCKS];
    unsigned char found[SIZE];
    struct vdt_blobs *blobs = memory_new();
    struct vdt_blob *open[3];
    for (unsigned b = 0; b < 3; b++)
        assert_int_equal(vdt_blobs_stage(blobs, blob_name(b), sizeof wanted, &open[b], &error),
                         VDT_OK);
    struct vdt_block_map map = {.size = SIZE, .block_size = BLOCK};
    for (size_t i = 0; i < sizeof wanted; i++)
        wanted[i] = (unsigned char)vdt_mix(i);
    for (unsigned i = 0; i < BLOCKS;) {
        unsigned count = 1 + (unsigned)(vdt_mix2(1, i) % 5);
        unsigned blob = (unsigned)(vdt_mix2(2, i) % 3);
        if (count > BLOCKS - i)
            count = BLOCKS - i;
        size_t at = (size_t)i * BLOCK;
        /* Each run lies elsewhere than in the store. */
        size_t offset = (at + 5 * BLOCK) % (sizeof wanted - 5 * BLOCK);
        unsigned char seen[5 * BLOCK];
        assert_int_equal(vdt_blob_read(open[blob], seen, count * BLOCK, offset, &error), VDT_OK);
        bool free_place = true;
        for (size_t k = 0; k < count * BLOCK; k++)
            free_place = free_place && seen[k] == 0;
        if (!free_place)
            memcpy(wanted + at, seen, count * BLOCK);
        else
            assert_int_equal(vdt_blob_write(open[blob], wanted + at, count * BLOCK, offset, &error),
                             VDT_OK);
        assert_int_equal(vdt_block_map_add(&map, i, count, blob_name(blob), offset, "m", &error),
                         VDT_OK);
        i += count;
    }
    assert_int_equal(vdt_block_map_complete(&map, "m", &error), VDT_OK);
    assert_int_equal(vdt_block_map_open(&map, blobs, &error), VDT_OK);
    for (uint64_t at = 0; at < SIZE; at += 97) {
        size_t room = 1 + (size_t)(vdt_mix(at) % 1500);
        size_t expect = SIZE - at < room ? (size_t)(SIZE - at) : room;
        memset(found, 0, sizeof found);
        assert_int_equal(vdt_block_map_read(&map, found, room, at, &error), expect);
        assert_memory_equal(found, wanted + at, expect);
    }
    assert_int_equal(vdt_block_map_read(&map, found, 1, SIZE, &error), -1);
    struct vdt_file_run *runs = NULL;
    assert_int_equal(vdt_block_map_runs(&map, &runs, &error), VDT_ERR_UNSUPPORTED);
    assert_null(runs);
    vdt_block_map_clear(&map);
    for (unsigned b = 0; b < 3; b++)
        vdt_blob_close(open[b]);
    vdt_blobs_free(blobs);
}

static void short_blobs_are_found_when_opened(void **state)
{
    (void)state;
    struct vdt_blobs *blobs = memory_new();
    struct vdt_blob *blob = NULL;
    assert_int_equal(vdt_blobs_stage(blobs, blob_name(1), 150, &blob, &error), VDT_OK);
    struct vdt_block_map map = {.size = 200, .block_size = 100};
    assert_int_equal(vdt_block_map_add(&map, 0, 2, blob_name(1), 0, "m", &error), VDT_OK);
    assert_int_equal(vdt_block_map_open(&map, blobs, &error), VDT_ERR_FORMAT);
    vdt_block_map_clear(&map);
    vdt_blob_close(blob);
    vdt_blobs_free(blobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_become_one_run),
        cmocka_unit_test(what_does_not_follow_is_refused),
        cmocka_unit_test(bytes_come_from_their_blobs),
        cmocka_unit_test(short_blobs_are_found_when_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
