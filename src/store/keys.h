/* The set of sample keys of a store, by 128-bit hash: flat memory, no strings. */
#ifndef STORE_KEYS_H
#define STORE_KEYS_H

#include <stdbool.h>
#include <stdint.h>

struct vdt_keys {
    uint64_t (*hashes)[2];
    uint64_t capacity; /* power of two */
    uint64_t count;
};

bool vdt_keys_has(const struct vdt_keys *keys, const char *key);
/* False when memory is out; *added says whether it was new. */
bool vdt_keys_add(struct vdt_keys *keys, const char *key, bool *added);
void vdt_keys_clear(struct vdt_keys *keys);

#endif
