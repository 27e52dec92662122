/* The order of an epoch: a function of (kind, seed, epoch, sample count) and a position, without
 * state, so that any position can be asked for by any thread. */
#ifndef LOAD_ORDER_H
#define LOAD_ORDER_H

#include <stdint.h>
#include <vedatile/loader.h>

enum { VDT_ORDER_ROUNDS = 12 };

/* A keyed permutation of [0, count): a Feistel network with cycle walking. count: up to 2^62. */
struct vdt_permutation {
    uint64_t count;
    unsigned half_bits;
    uint64_t keys[VDT_ORDER_ROUNDS];
};
struct vdt_permutation vdt_permutation_make(uint64_t key, uint64_t count);
uint64_t vdt_permutation_at(const struct vdt_permutation *permutation, uint64_t position);

/* Draws by weight in constant time: Walker's alias method (1977), built as by Vose (1991). */
struct vdt_alias {
    uint64_t count;
    double *keep;    /* [count] probability of staying in this column */
    uint64_t *other; /* [count] where to go otherwise */
};
/* Weights: finite, not negative, at least one positive; else VDT_ERR_ARGUMENT names the first that
 * is not. Their sum may be beyond a double. On failure *alias is untouched. */
vdt_status vdt_alias_init(struct vdt_alias *alias, const double *weights, uint64_t count,
                          struct vdt_error *error);
/* An index for two independent random numbers; one of weight 0 never comes. */
uint64_t vdt_alias_draw(const struct vdt_alias *alias, uint64_t random_column,
                        uint64_t random_keep);
void vdt_alias_clear(struct vdt_alias *alias);

/* VDT_WINDOWED: the samples lie in blocks of consecutive ones, the last perhaps short. The blocks
 * are permuted, cut into windows of whole blocks, and the samples of each window are permuted. So
 * the positions of a window read no more than `window` samples, in at most window / block runs. A
 * window of less than 128 has blocks of 1, and one of all samples is one block: plain shuffles. The
 * cuts are elsewhere in every epoch; first and last windows may be smaller, by half at most.
 *
 * Plain values but for the alias table: copy it, share it between threads. */
struct vdt_order {
    enum vdt_order_kind kind;
    uint64_t count;  /* samples */
    uint64_t length; /* positions in an epoch: count, unless samples are drawn */
    uint64_t key;
    const struct vdt_alias *alias;  /* borrowed; VDT_WEIGHTED and VDT_BALANCED */
    struct vdt_permutation samples; /* VDT_SHUFFLED */
    uint64_t block;    /* VDT_WINDOWED: samples that stay together on their way to a window */
    uint64_t window;   /* positions a window, whole blocks */
    uint64_t phase;    /* where the second window begins, whole blocks */
    uint64_t last;     /* where the last one begins, whole blocks */
    uint64_t gap;      /* samples that the last block lacks */
    uint64_t short_at; /* the last block's place among the permuted ones */
    struct vdt_permutation blocks; /* all but the last */
};

/* window: VDT_WINDOWED only, 0: 16384. length: drawn kinds only, 0: count. alias: drawn kinds only.
 * count 0 gives length 0. */
struct vdt_order vdt_order_make(enum vdt_order_kind kind, uint64_t seed, uint64_t epoch,
                                uint64_t count, uint64_t window, uint64_t length,
                                const struct vdt_alias *alias);

/* The sample at `position` (< length). Without drawing, a bijection. Any thread. */
uint64_t vdt_order_index(const struct vdt_order *order, uint64_t position);

#endif
