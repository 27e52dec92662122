/* Mixers: splitmix64's finalizer (Steele, Lea, Flood 2014) and chains of it. */
#include "base/random.h"

#include <string.h>

uint64_t vdt_mix(uint64_t value)
{
    value += 0x9e3779b97f4a7c15u;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

uint64_t vdt_mix2(uint64_t a, uint64_t b)
{
    return vdt_mix(vdt_mix(a) + b);
}

uint64_t vdt_hash(uint64_t seed, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    uint64_t hash = vdt_mix2(seed, size);
    while (size > 0) {
        size_t step = size < 8 ? size : 8;
        uint64_t word = 0;
        /* Byte by byte, so that the hash does not depend on the machine's byte order. */
        for (size_t i = 0; i < step; i++)
            word |= (uint64_t)bytes[i] << (8 * i);
        hash = vdt_mix2(hash, word);
        bytes += step;
        size -= step;
    }
    return hash;
}

double vdt_unit(uint64_t hash)
{
    return (double)(hash >> 11) * 0x1p-53;
}
