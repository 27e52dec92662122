/* COCO's compressed run lengths: texts of pycocotools, and damaged ones. */
#include "base/run_lengths.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static size_t read_all(const char *text, int64_t *found, size_t most, bool *ended)
{
    struct vdt_run_lengths runs = {.at = text, .end = text + strlen(text)};
    size_t count = 0;
    while (count < most && vdt_run_lengths_next(&runs, &found[count]))
        count++;
    *ended = runs.at == runs.end;
    return count;
}

static void expect(const char *text, const int64_t *wanted, size_t count)
{
    int64_t found[16];
    bool ended;
    assert_int_equal(read_all(text, found, 16, &ended), count);
    assert_true(ended);
    assert_memory_equal(found, wanted, count * sizeof *wanted);
}

/* What pycocotools 2.0.11 writes for masks of these runs. */
static void test_texts(void **state)
{
    (void)state;
    expect("<", (const int64_t[]){12}, 1);
    expect("0<", (const int64_t[]){0, 12}, 2);
    expect("426", (const int64_t[]){4, 2, 6}, 3);
    expect("12322M", (const int64_t[]){1, 2, 3, 4, 5, 1}, 6);
    expect("Xl4d0Pcj1LQ]UN", (const int64_t[]){5000, 20, 60000, 16, 1}, 5);
    expect("", NULL, 0);
}

static void test_damaged_texts(void **state)
{
    (void)state;
    static const char *const texts[] = {"4\x7f", "4 2", "o", "oooooooooooo", "N", "111N", "\xff"};
    int64_t found[16];
    bool ended;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        read_all(texts[i], found, 16, &ended);
        assert_false(ended);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_damaged_texts),
    };
    return cmocka_run_group_tests_name("base/run_lengths", tests, NULL, NULL);
}
