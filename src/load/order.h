/* The order of an epoch: a function of (seed, epoch, n) that needs no memory and no state. */
#ifndef LOAD_ORDER_H
#define LOAD_ORDER_H

#include <stdbool.h>
#include <stdint.h>

enum { VDT_ORDER_ROUNDS = 12 };

/* A permutation of [0, n). Plain values: copy it, share it between threads. */
struct vdt_order {
    uint64_t count;
    bool shuffle;
    unsigned half_bits;
    uint64_t keys[VDT_ORDER_ROUNDS];
};

/* shuffle false: the identity. count: up to 2^62. */
struct vdt_order vdt_order_make(bool shuffle, uint64_t seed, uint64_t epoch, uint64_t count);

/* The index at `position`, which is less than count; a bijection. Any thread. */
uint64_t vdt_order_index(const struct vdt_order *order, uint64_t position);

#endif
