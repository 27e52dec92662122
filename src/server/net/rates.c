/* Memory is fixed: buckets lie in sets of a few, and the one that was used longest ago gives way.
 * So a flood of addresses forgets who was slow, and costs nothing else. */
#include "server/net/rates.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/error.h"

enum { SETS = 4096, WAYS = 4 };

struct bucket {
    uint64_t key; /* 0: free */
    int64_t used;
    double left;
};

struct vdt_rates {
    pthread_mutex_t lock;
    double rate, burst;
    uint64_t salt; /* so that nobody can choose who shares his set */
    struct bucket buckets[SETS][WAYS];
};

static uint64_t mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

uint64_t vdt_rates_key(const char *kind, const char *text)
{
    uint64_t key = 0xcbf29ce484222325u;
    for (; *kind; kind++)
        key = (key ^ (unsigned char)*kind) * 0x100000001b3u;
    for (key = mix(key); *text; text++)
        key = (key ^ (unsigned char)*text) * 0x100000001b3u;
    return mix(key) | 1;
}

vdt_status vdt_rates_open(double rate, double burst, struct vdt_rates **out,
                          struct vdt_error *error)
{
    struct vdt_rates *rates = calloc(1, sizeof *rates);
    if (!rates)
        return vdt_fail_memory(error, "the server's rates");
    if (getrandom(&rates->salt, sizeof rates->salt, 0) != sizeof rates->salt) {
        free(rates);
        return vdt_fail_errno(error, "random bytes");
    }
    pthread_mutex_init(&rates->lock, NULL);
    rates->rate = rate;
    rates->burst = burst < 1 ? 1 : burst;
    *out = rates;
    return VDT_OK;
}

/* The key's bucket, or the one that gives way. */
static struct bucket *find(struct vdt_rates *rates, uint64_t key)
{
    struct bucket *set = rates->buckets[mix(key ^ rates->salt) % SETS], *oldest = set;
    for (int i = 0; i < WAYS; i++) {
        if (set[i].key == key)
            return &set[i];
        if (set[i].used < oldest->used)
            oldest = &set[i];
    }
    *oldest = (struct bucket){.key = key, .left = rates->burst};
    return oldest;
}

double vdt_rates_take(struct vdt_rates *rates, uint64_t key, int64_t now)
{
    pthread_mutex_lock(&rates->lock);
    struct bucket *bucket = find(rates, key);
    if (bucket->used > 0 && now > bucket->used)
        bucket->left += (double)(now - bucket->used) / 1e9 * rates->rate;
    if (bucket->left > rates->burst)
        bucket->left = rates->burst;
    bucket->used = now;
    const bool has = bucket->left >= 1;
    const double wait = has ? 0 : (1 - bucket->left) / rates->rate;
    if (has)
        bucket->left -= 1;
    pthread_mutex_unlock(&rates->lock);
    return wait;
}

void vdt_rates_close(struct vdt_rates *rates)
{
    if (!rates)
        return;
    pthread_mutex_destroy(&rates->lock);
    free(rates);
}
