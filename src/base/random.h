/* Random choices as pure functions of what they are about: no state, the same on every machine. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* A bijective mixer of 64 bits (splitmix64's finalizer). */
uint64_t vdt_mix(uint64_t value);

/* Chains values: vdt_mix2(seed, x) differs from vdt_mix2(x, seed). */
uint64_t vdt_mix2(uint64_t a, uint64_t b);

/* 64-bit hash of bytes under a seed. */
uint64_t vdt_hash(uint64_t seed, const void *data, size_t size);

/* A hash as a number in [0, 1) with 53 bits. */
double vdt_unit(uint64_t hash);

#endif
