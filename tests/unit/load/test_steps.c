/* Batches of ranks: together they are the rest of the epoch, wherever it is entered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "load/steps.h"

enum { LONGEST = 40 };

/* How often each position comes in all batches of all ranks, and the size of each rank's last. */
static void count_positions(struct vdt_steps steps, unsigned *times, uint64_t *last_sizes)
{
    uint64_t count = vdt_steps_count(&steps);
    for (steps.rank = 0; steps.rank < steps.world; steps.rank++) {
        assert_int_equal(vdt_steps_count(&steps), count);
        for (uint64_t step = 0; step < count; step++) {
            uint64_t first = 0, size = vdt_steps_batch(&steps, step, &first);
            assert_true(size <= steps.size);
            assert_true(first <= steps.length);
            assert_true(size == steps.size || step == count - 1);
            for (uint64_t i = 0; i < size; i++)
                times[(first + i) % steps.length]++;
            last_sizes[steps.rank] = size;
        }
    }
}

/* Counts against the header's words, and who gets what against the plain order of the positions. */
static void check(struct vdt_steps steps)
{
    unsigned times[LONGEST + 1] = {0};
    uint64_t last_sizes[8] = {0};
    count_positions(steps, times, last_sizes);
    uint64_t count = vdt_steps_count(&steps), all = steps.size * steps.world;
    uint64_t left = steps.length - steps.start;
    uint64_t wanted = steps.tail == VDT_TAIL_DROP ? left / all : (left + all - 1) / all;
    assert_int_equal(count, wanted);
    uint64_t end = steps.start + count * all; /* the first position that is not delivered */
    if (steps.tail == VDT_TAIL_SHORT)
        end = steps.length;
    for (uint64_t p = 0; p < steps.length; p++) {
        unsigned expected = 0;
        for (uint64_t q = p; q < end; q += steps.length)
            expected += q >= steps.start;
        assert_int_equal(times[p], expected);
    }
    for (uint32_t r = 1; r < steps.world && count > 0; r++)
        assert_true(last_sizes[r - 1] - last_sizes[r] <= 1); /* even; the first ones get more */
    for (uint64_t step = 0; step <= count; step++) {
        uint64_t position = steps.start + step * all;
        assert_int_equal(vdt_steps_position(&steps, step),
                         position < steps.length ? position : steps.length);
    }
}

static void all_ranks_together_deliver_the_rest(void **state)
{
    (void)state;
    static const enum vdt_tail tails[] = {VDT_TAIL_SHORT, VDT_TAIL_DROP, VDT_TAIL_PAD};
    for (uint64_t length = 0; length <= LONGEST; length++)
        for (uint64_t start = 0; start <= length; start += start < 3 ? 1 : 5)
            for (uint64_t size = 1; size <= 9; size++)
                for (uint32_t world = 1; world <= 5; world++)
                    for (size_t t = 0; t < 3; t++)
                        check((struct vdt_steps){length, start, size, 0, world, tails[t]});
}

/* Of a step, rank r has the r-th batch; and the order within a rank is the epoch's. */
static void a_step_is_a_batch_of_every_rank(void **state)
{
    (void)state;
    struct vdt_steps steps = {.length = 100, .start = 7, .size = 5, .world = 3};
    static const enum vdt_tail tails[] = {VDT_TAIL_SHORT, VDT_TAIL_DROP, VDT_TAIL_PAD};
    for (size_t t = 0; t < 3; t++)
        for (steps.rank = 0, steps.tail = tails[t]; steps.rank < 3; steps.rank++)
            for (uint64_t step = 0; step < 6; step++) {
                uint64_t first = 0;
                assert_int_equal(vdt_steps_batch(&steps, step, &first), 5);
                assert_int_equal(first, 7 + step * 15 + steps.rank * 5);
            }
}

static void a_short_rest_is_shared_in_order(void **state)
{
    (void)state;
    static const uint64_t first[] = {15, 18, 21, 23}, size[] = {3, 3, 2, 2};
    struct vdt_steps steps = {.length = 25, .start = 15, .size = 9, .world = 4};
    steps.tail = VDT_TAIL_SHORT;
    for (steps.rank = 0; steps.rank < 4; steps.rank++) {
        uint64_t found = 0;
        assert_int_equal(vdt_steps_batch(&steps, 0, &found), size[steps.rank]);
        assert_int_equal(found, first[steps.rank]);
    }
    steps.start = 23;
    steps.rank = 3;
    uint64_t found = 0;
    assert_int_equal(vdt_steps_count(&steps), 1);
    assert_int_equal(vdt_steps_batch(&steps, 0, &found), 0);
}

static void padding_begins_at_the_epochs_beginning(void **state)
{
    (void)state;
    struct vdt_steps steps = {.length = 10, .start = 4, .size = 4, .rank = 1, .world = 2};
    steps.tail = VDT_TAIL_PAD;
    uint64_t first = 99;
    assert_int_equal(vdt_steps_batch(&steps, 0, &first), 4);
    assert_int_equal(first, 8); /* 8, 9, 0, 1 */
    steps.start = 9;
    assert_int_equal(vdt_steps_batch(&steps, 0, &first), 4);
    assert_int_equal(first % 10, 3);
    assert_int_equal(vdt_steps_position(&steps, 1), 10);
}

static void extreme_sizes_do_not_overflow(void **state)
{
    (void)state;
    uint64_t length = UINT64_C(1) << 62;
    struct vdt_steps steps = {.length = length, .size = UINT32_MAX, .world = UINT32_MAX};
    static const enum vdt_tail tails[] = {VDT_TAIL_SHORT, VDT_TAIL_DROP, VDT_TAIL_PAD};
    for (size_t t = 0; t < 3; t++) {
        steps.tail = tails[t];
        steps.rank = 0;
        assert_int_equal(vdt_steps_count(&steps), tails[t] != VDT_TAIL_DROP);
        assert_int_equal(vdt_steps_position(&steps, 1), length);
        if (tails[t] == VDT_TAIL_DROP)
            continue;
        steps.rank = UINT32_MAX - 1;
        uint64_t first = 0, size = vdt_steps_batch(&steps, 0, &first);
        if (tails[t] == VDT_TAIL_SHORT)
            assert_true(size > 0 && first + size == length);
        else
            assert_true(size == UINT32_MAX && first < length);
    }
    /* (2^32 - 2) * (2^32 - 1) modulo 2^62 */
    uint64_t first = 0;
    vdt_steps_batch(&steps, 0, &first);
    assert_int_equal(first, UINT64_C(0x3ffffffd00000002));
    /* Not a power of two, or a sum beyond 2^64 would have the right remainder by itself. */
    steps.length = length - 1;
    steps.start = steps.length - 1;
    vdt_steps_batch(&steps, 0, &first);
    assert_int_equal(first, UINT64_C(0x3ffffffd00000004));

    steps = (struct vdt_steps){length, length - 10, 3, 1, 2, VDT_TAIL_SHORT};
    assert_int_equal(vdt_steps_count(&steps), 2);
    assert_int_equal(vdt_steps_batch(&steps, 1, &first), 2);
    assert_int_equal(first, length - 2);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_ranks_together_deliver_the_rest),
        cmocka_unit_test(a_step_is_a_batch_of_every_rank),
        cmocka_unit_test(a_short_rest_is_shared_in_order),
        cmocka_unit_test(padding_begins_at_the_epochs_beginning),
        cmocka_unit_test(extreme_sizes_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
