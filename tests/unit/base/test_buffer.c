#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

static void allocating_nothing_gives_a_pointer(void **state)
{
    (void)state;
    void *pointers[] = {vdt_allocate(0, 8), vdt_allocate(8, 0), vdt_allocate_zero(0, 8),
                        vdt_allocate_zero(8, 0)};
    for (size_t i = 0; i < 4; i++) {
        assert_non_null(pointers[i]);
        free(pointers[i]);
    }
}

static void overflowing_sizes_give_null(void **state)
{
    (void)state;
    assert_null(vdt_allocate(SIZE_MAX / 2, 3));
    assert_null(vdt_allocate_zero(SIZE_MAX / 2, 3));
}

static void zeroed_memory_is_zero(void **state)
{
    (void)state;
    static const unsigned char zeros[400];
    void *data = vdt_allocate_zero(100, 4);
    assert_memory_equal(data, zeros, sizeof zeros);
    free(data);
}

static void strings_are_copied(void **state)
{
    (void)state;
    char text[] = "Caixa D'\xc3\x81gua";
    char *copy = vdt_copy_string(text);
    assert_ptr_not_equal(copy, text);
    assert_string_equal(copy, text);
    free(copy);
}

static void growing_keeps_what_is_there(void **state)
{
    (void)state;
    uint32_t *numbers = NULL;
    size_t capacity = 0;
    size_t moves = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        size_t before = capacity;
        assert_true(vdt_grow(&numbers, &capacity, i + 1, sizeof *numbers));
        assert_true(capacity >= i + 1);
        moves += capacity != before;
        numbers[i] = i;
    }
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(numbers[i], i);
    assert_true(moves <= 10); /* at least doubles */
    free(numbers);
}

static void growing_too_far_changes_nothing(void **state)
{
    (void)state;
    uint64_t *numbers = NULL;
    size_t capacity = 0;
    assert_true(vdt_grow(&numbers, &capacity, 3, sizeof *numbers));
    uint64_t *before = numbers;
    size_t capacity_before = capacity;
    numbers[2] = 42;
    assert_false(vdt_grow(&numbers, &capacity, SIZE_MAX / 4, sizeof *numbers));
    assert_ptr_equal(numbers, before);
    assert_int_equal(capacity, capacity_before);
    assert_int_equal(numbers[2], 42);
    free(numbers);
}

static void buffer_appends(void **state)
{
    (void)state;
    struct vdt_buffer buffer = {0};
    assert_true(vdt_buffer_append(&buffer, NULL, 0));
    assert_int_equal(buffer.size, 0);
    for (int i = 0; i < 300; i++)
        assert_true(vdt_buffer_append(&buffer, "abc", 3));
    assert_int_equal(buffer.size, 900);
    assert_true(buffer.capacity >= 900);
    for (size_t i = 0; i < 900; i++)
        assert_int_equal(buffer.data[i], "abc"[i % 3]);
    vdt_buffer_clear(&buffer);
    assert_null(buffer.data);
    assert_int_equal(buffer.size + buffer.capacity, 0);
    vdt_buffer_clear(&buffer);
}

static void buffer_refuses_an_absurd_size(void **state)
{
    (void)state;
    struct vdt_buffer buffer = {0};
    assert_true(vdt_buffer_append(&buffer, "abc", 3));
    assert_false(vdt_buffer_append(&buffer, "x", SIZE_MAX - 1));
    assert_int_equal(buffer.size, 3);
    assert_memory_equal(buffer.data, "abc", 3);
    vdt_buffer_clear(&buffer);
}

static void reserved_room_is_used(void **state)
{
    (void)state;
    struct vdt_buffer buffer = {0};
    assert_true(vdt_buffer_reserve(&buffer, 5000));
    unsigned char *data = buffer.data;
    char zeros[5000] = {0};
    assert_true(vdt_buffer_append(&buffer, zeros, sizeof zeros));
    assert_ptr_equal(buffer.data, data);
    vdt_buffer_clear(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocating_nothing_gives_a_pointer),
        cmocka_unit_test(overflowing_sizes_give_null),
        cmocka_unit_test(zeroed_memory_is_zero),
        cmocka_unit_test(strings_are_copied),
        cmocka_unit_test(growing_keeps_what_is_there),
        cmocka_unit_test(growing_too_far_changes_nothing),
        cmocka_unit_test(buffer_appends),
        cmocka_unit_test(buffer_refuses_an_absurd_size),
        cmocka_unit_test(reserved_room_is_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
