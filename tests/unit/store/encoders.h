/* Stored forms of chunks, made as other programs make them. */
#ifndef TESTS_STORE_ENCODERS_H
#define TESTS_STORE_ENCODERS_H

#include <lz4.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* HDF5's: folded after every word instead of every 360. */
static inline uint32_t checksum(const unsigned char *data, size_t size)
{
    uint32_t sum = 0, sums = 0;
    for (size_t i = 0; i < size; i += 2) {
        sum += (uint32_t)data[i] * 256 + (i + 1 < size ? data[i + 1] : 0);
        sum = (sum & 0xffff) + (sum >> 16);
        sums += sum;
        sums = (sums & 0xffff) + (sums >> 16);
    }
    return sums << 16 | sum;
}

static inline void put_number(unsigned char *out, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        out[i] = (unsigned char)(value >> 8 * (bytes - 1 - i));
}

/* Filter 32004 with blocks of 1000 bytes. */
static inline size_t lz4(const unsigned char *in, size_t size, unsigned char *out)
{
    put_number(out, size, 8);
    put_number(out + 8, 1000, 4);
    size_t at = 12;
    for (size_t i = 0; i < size; i += 1000) {
        size_t want = size - i < 1000 ? size - i : 1000;
        int got = LZ4_compress_default((const char *)in + i, (char *)out + at + 4, (int)want, 2000);
        if ((size_t)got >= want)
            memcpy(out + at + 4, in + i, want);
        size_t stored = (size_t)got >= want ? want : (size_t)got;
        put_number(out + at, stored, 4);
        at += 4 + stored;
    }
    return at;
}

#endif
