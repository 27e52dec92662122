/* Batches go from loader to caller and back; those that are back are used again. */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "load/batch.h"

struct vdt_batch_home {
    struct vdt_batch_spec spec;
    size_t capacity;
    size_t parts;
    struct vdt_cuda *cuda;
    bool copy;
    pid_t process;         /* in which the mutex was made */
    pthread_mutex_t mutex; /* guards what follows */
    struct vdt_batch *spare;
    uint64_t users; /* its owner, and the batches that there are */
    uint64_t memory;
    bool closed;
};

static void lock(struct vdt_batch_home *home)
{
    if (home->process != getpid()) {
        /* After a fork, when another thread of the parent may have held it. */
        pthread_mutex_init(&home->mutex, NULL);
        home->process = getpid();
    }
    pthread_mutex_lock(&home->mutex);
}

static void destroy(struct vdt_batch_home *home)
{
    vdt_cuda_close(home->cuda);
    pthread_mutex_destroy(&home->mutex);
    free(home);
}

vdt_status vdt_batch_home_create(const struct vdt_batch_spec *spec, size_t capacity, size_t parts,
                                 const struct vdt_loader_options *options,
                                 struct vdt_batch_home **out, struct vdt_error *error)
{
    struct vdt_batch_home *home = vdt_allocate_zero(1, sizeof *home);
    if (home == NULL || pthread_mutex_init(&home->mutex, NULL) != 0) {
        free(home);
        return vdt_fail_memory(error, "batches");
    }
    home->users = 1;
    home->process = getpid();
    home->spec = *spec;
    home->capacity = capacity;
    home->parts = parts;
    home->copy = options->cuda;
    if (options->cuda || options->pin) {
        vdt_status status = vdt_cuda_open(options->cuda_device, &home->cuda, error);
        if (status != VDT_OK) {
            destroy(home);
            return status;
        }
    }
    *out = home;
    return VDT_OK;
}

vdt_status vdt_batch_home_take(struct vdt_batch_home *home, struct vdt_batch **batch,
                               struct vdt_error *error)
{
    lock(home);
    struct vdt_batch *taken = home->spare;
    if (taken != NULL)
        home->spare = taken->next;
    pthread_mutex_unlock(&home->mutex);
    if (taken == NULL) {
        vdt_status status = vdt_batch_create(&home->spec, home->capacity, home->parts, home->cuda,
                                             home->copy, &taken, error);
        if (status != VDT_OK)
            return status;
        taken->home = home;
        lock(home);
        home->users++;
        home->memory += vdt_batch_memory(taken);
        pthread_mutex_unlock(&home->mutex);
    }
    atomic_store(&taken->parts_left, taken->part_count);
    taken->next = NULL;
    *batch = taken;
    return VDT_OK;
}

/* `count` users are gone for good. The device that batches are tied to goes after the last. */
static void forget(struct vdt_batch_home *home, uint64_t count)
{
    lock(home);
    home->users -= count;
    bool last = home->users == 0;
    pthread_mutex_unlock(&home->mutex);
    if (last)
        destroy(home);
}

void vdt_batch_home_give(struct vdt_batch_home *home, struct vdt_batch *batch)
{
    lock(home);
    bool closed = home->closed;
    if (!closed) {
        batch->next = home->spare; /* a stack: the one used last is still in the CPU's caches */
        home->spare = batch;
    }
    pthread_mutex_unlock(&home->mutex);
    if (!closed)
        return;
    vdt_batch_destroy(batch);
    forget(home, 1);
}

void vdt_batch_home_close(struct vdt_batch_home *home)
{
    if (home == NULL)
        return;
    lock(home);
    struct vdt_batch *spare = home->spare;
    home->spare = NULL;
    home->closed = true;
    pthread_mutex_unlock(&home->mutex);
    uint64_t count = 0;
    for (; spare != NULL; count++) {
        struct vdt_batch *next = spare->next;
        vdt_batch_destroy(spare);
        spare = next;
    }
    forget(home, count + 1);
}

uint64_t vdt_batch_home_memory(struct vdt_batch_home *home)
{
    lock(home);
    uint64_t memory = home->memory;
    pthread_mutex_unlock(&home->mutex);
    return memory;
}

bool vdt_batch_home_has_device(const struct vdt_batch_home *home)
{
    return home->cuda != NULL;
}
