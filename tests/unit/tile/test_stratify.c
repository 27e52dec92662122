/* Stratification: whole units, shares of every label, and no say of any order. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "tile/stratify.h"

enum { SAMPLES_MOST = 4000, LIST_MOST = 4 * SAMPLES_MOST };

/* Samples with lists of units and labels. */
struct made {
    uint64_t unit_offsets[SAMPLES_MOST + 1], label_offsets[SAMPLES_MOST + 1];
    uint32_t unit_list[LIST_MOST], label_list[LIST_MOST];
    uint64_t order[SAMPLES_MOST];
    uint32_t group_of[SAMPLES_MOST];
    struct vdt_strata strata;
};

static struct made *begin(size_t units, size_t labels, const double *shares, size_t groups)
{
    struct made *made = calloc(1, sizeof *made);
    assert_non_null(made);
    for (size_t u = 0; u < units; u++)
        made->order[u] = vdt_mix2(77, u);
    made->strata = (struct vdt_strata){.units = units,
                                       .labels = labels,
                                       .groups = groups,
                                       .unit_offsets = made->unit_offsets,
                                       .unit_list = made->unit_list,
                                       .label_offsets = made->label_offsets,
                                       .label_list = made->label_list,
                                       .order = made->order,
                                       .shares = shares};
    return made;
}

/* A sample in units a and b (b may be a) with the labels whose bits are set. */
static void add(struct made *made, uint32_t a, uint32_t b, unsigned labels)
{
    size_t i = made->strata.samples++;
    uint64_t units = made->unit_offsets[i], at = made->label_offsets[i];
    made->unit_list[units++] = a;
    if (b != a)
        made->unit_list[units++] = b;
    for (uint32_t l = 0; l < made->strata.labels; l++)
        if (labels >> l & 1)
            made->label_list[at++] = l;
    made->unit_offsets[i + 1] = units;
    made->label_offsets[i + 1] = at;
}

static void run(struct made *made)
{
    memset(made->group_of, 0xee, sizeof made->group_of);
    assert_int_equal(vdt_stratify(&made->strata, made->group_of, NULL), 0);
    for (size_t u = 0; u < made->strata.units; u++)
        assert_true(made->group_of[u] < made->strata.groups);
}

/* Samples with a label (labels: with any) that go to each group. */
static void count(const struct made *made, uint32_t label, size_t *counts)
{
    const struct vdt_strata *s = &made->strata;
    memset(counts, 0, s->groups * sizeof *counts);
    for (size_t i = 0; i < s->samples; i++) {
        uint32_t group = made->group_of[s->unit_list[s->unit_offsets[i]]];
        bool lost = false, has = label == s->labels;
        for (uint64_t k = s->unit_offsets[i]; k < s->unit_offsets[i + 1]; k++)
            lost = lost || (!s->whole && made->group_of[s->unit_list[k]] != group);
        for (uint64_t k = s->label_offsets[i]; k < s->label_offsets[i + 1]; k++)
            has = has || s->label_list[k] == label;
        counts[group] += !lost && has;
    }
}

static const double thirds[] = {1 / 3.0, 1 / 3.0, 1 / 3.0};
static const double uneven[] = {0.7, 0.2, 0.1};

/* torchgeo's table: thirds of four are two, one and one. */
static void thirds_of_four(void **state)
{
    (void)state;
    struct made *made = begin(4, 1, thirds, 3);
    size_t counts[3];
    for (uint32_t i = 0; i < 4; i++)
        add(made, i, i, 0);
    run(made);
    count(made, 1, counts);
    assert_int_equal(counts[0], 2);
    assert_int_equal(counts[1], 1);
    assert_int_equal(counts[2], 1);
    free(made);
}

static void labels_have_their_shares(void **state)
{
    (void)state;
    struct made *made = begin(400, 4, uneven, 3);
    size_t counts[3], total;
    for (uint32_t i = 0; i < 3000; i++) {
        uint64_t r = vdt_mix2(5, i);
        unsigned labels = (r % 50 == 0 ? 1u : 0) | (r % 7 == 0 ? 2u : 0) | (r % 2 ? 4u : 8u);
        add(made, (uint32_t)(vdt_mix2(9, i) % 400), (uint32_t)(vdt_mix2(9, i) % 400), labels);
    }
    run(made);
    for (uint32_t label = 0; label <= 4; label++) {
        count(made, label, counts);
        total = counts[0] + counts[1] + counts[2];
        assert_true(total > 30);
        for (int g = 0; g < 3; g++)
            assert_true(fabs((double)counts[g] - uneven[g] * (double)total) <=
                        fmax(1.5, 0.01 * (double)total));
    }
    free(made);
}

/* A chain of units, each two neighbours with samples in both: what is lost is few. */
static void straddling_samples_are_few(void **state)
{
    (void)state;
    static const double halves[] = {0.5, 0.5};
    struct made *made = begin(200, 1, halves, 2);
    size_t counts[2];
    for (uint32_t u = 0; u < 200; u++)
        for (int k = 0; k < 10; k++)
            add(made, u, k < 5 || u == 199 ? u : u + 1, k % 2);
    run(made);
    count(made, 1, counts);
    assert_true(counts[0] + counts[1] > 1500);
    assert_true(fabs((double)counts[0] / (double)(counts[0] + counts[1]) - 0.5) < 0.02);
    made->strata.whole = true;
    run(made);
    count(made, 1, counts);
    assert_int_equal(counts[0] + counts[1], 2000);
    free(made);
}

/* The same samples in another order, units by other numbers: the same groups. */
static void order_has_no_say(void **state)
{
    (void)state;
    struct made *one = begin(60, 3, uneven, 3), *two = begin(60, 3, uneven, 3);
    for (uint32_t u = 0; u < 60; u++)
        two->order[59 - u] = one->order[u];
    for (uint32_t i = 0; i < 500; i++) {
        uint32_t a = (uint32_t)(vdt_mix2(1, i) % 60), b = (uint32_t)(vdt_mix2(2, i) % 60);
        unsigned labels = (unsigned)(vdt_mix2(3, i) % 8);
        add(one, a, b, labels);
    }
    for (uint32_t i = 500; i-- > 0;) {
        uint32_t a = (uint32_t)(vdt_mix2(1, i) % 60), b = (uint32_t)(vdt_mix2(2, i) % 60);
        add(two, 59 - a, 59 - b, (unsigned)(vdt_mix2(3, i) % 8));
    }
    run(one);
    run(two);
    for (uint32_t u = 0; u < 60; u++)
        assert_int_equal(one->group_of[u], two->group_of[59 - u]);
    free(one);
    free(two);
}

/* However unlike the units are, no group stays without samples. */
static void no_group_stays_empty(void **state)
{
    (void)state;
    struct made *made = begin(3, 1, uneven, 3);
    size_t counts[3];
    for (int i = 0; i < 1000; i++)
        add(made, i < 990 ? 0 : i < 995 ? 1 : 2, i < 990 ? 0 : i < 995 ? 1 : 2, 1);
    run(made);
    count(made, 1, counts);
    assert_true(counts[0] > 0 && counts[1] > 0 && counts[2] > 0);
    free(made);
}

static void nothing_at_all(void **state)
{
    (void)state;
    struct made *made = begin(0, 1, uneven, 3);
    run(made);
    free(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thirds_of_four),
        cmocka_unit_test(labels_have_their_shares),
        cmocka_unit_test(straddling_samples_are_few),
        cmocka_unit_test(order_has_no_say),
        cmocka_unit_test(no_group_stays_empty),
        cmocka_unit_test(nothing_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
