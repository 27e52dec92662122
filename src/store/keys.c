/* Open addressing over pairs of hashes; {0, 0} is a free place. */
#include "store/keys.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/random.h"

static void hash_key(const char *key, uint64_t hash[2])
{
    size_t size = strlen(key);
    hash[0] = vdt_hash(1, key, size) | 1; /* never the free mark */
    hash[1] = vdt_hash(2, key, size);
}

static uint64_t place_of(const struct vdt_keys *keys, const uint64_t hash[2])
{
    uint64_t place = hash[1] & (keys->capacity - 1);
    while (keys->hashes[place][0] != 0 &&
           (keys->hashes[place][0] != hash[0] || keys->hashes[place][1] != hash[1]))
        place = (place + 1) & (keys->capacity - 1);
    return place;
}

bool vdt_keys_has(const struct vdt_keys *keys, const char *key)
{
    if (keys->count == 0)
        return false;
    uint64_t hash[2];
    hash_key(key, hash);
    return keys->hashes[place_of(keys, hash)][0] != 0;
}

static bool enlarge(struct vdt_keys *keys)
{
    struct vdt_keys larger = {.capacity = keys->capacity == 0 ? 1024 : keys->capacity * 2,
                              .count = keys->count};
    larger.hashes = vdt_allocate_zero(larger.capacity, sizeof *larger.hashes);
    if (larger.hashes == NULL)
        return false;
    for (uint64_t i = 0; i < keys->capacity; i++)
        if (keys->hashes[i][0] != 0)
            memcpy(larger.hashes[place_of(&larger, keys->hashes[i])], keys->hashes[i], 16);
    free(keys->hashes);
    *keys = larger;
    return true;
}

bool vdt_keys_add(struct vdt_keys *keys, const char *key, bool *added)
{
    if (2 * (keys->count + 1) > keys->capacity && !enlarge(keys))
        return false;
    uint64_t hash[2];
    hash_key(key, hash);
    uint64_t place = place_of(keys, hash);
    *added = keys->hashes[place][0] == 0;
    memcpy(keys->hashes[place], hash, 16);
    keys->count += *added;
    return true;
}

void vdt_keys_clear(struct vdt_keys *keys)
{
    free(keys->hashes);
    *keys = (struct vdt_keys){0};
}
