/* The driver's entry points over plain memory. Handles are places in fixed tables; a stream is a
 * list of deferred work; an event is how much of each stream was queued when it was recorded. */
#include "fake_cuda.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { STREAMS = 64, WORK = 256, INVALID_VALUE = 1, NO_CONTEXT = 201, NON_BLOCKING = 1 };

struct event {
    size_t queued[STREAMS];
};

/* A copy, or (to is NULL) a wait. */
struct work {
    void *to;
    const void *from;
    size_t size;
    struct event after;
};

/* The first one is the legacy default stream. */
static struct stream {
    bool used, blocking;
    size_t queued, done;
    struct work work[WORK];
} streams[STREAMS] = {{.used = true, .blocking = true}};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local int depth; /* contexts pushed by this thread */
static int context;             /* its address is the only context */

static struct stream *stream_of(void *handle)
{
    return handle == NULL ? &streams[0] : handle;
}

static void run_until(struct stream *stream, size_t count)
{
    while (stream->done < count) {
        const struct work *work = &stream->work[stream->done++ % WORK];
        if (work->to != NULL)
            memcpy(work->to, work->from, work->size);
        for (size_t s = 0; work->to == NULL && s < STREAMS; s++)
            run_until(&streams[s], work->after.queued[s]);
    }
}

static void queue(struct stream *stream, struct work work)
{
    if (stream->queued - stream->done == WORK)
        abort();
    stream->work[stream->queued++ % WORK] = work;
}

static bool overlaps(const void *a, size_t a_size, const void *b, size_t b_size)
{
    return (uintptr_t)a < (uintptr_t)b + b_size && (uintptr_t)b < (uintptr_t)a + a_size;
}

/* Memory that goes while something queued still reads or writes it is a mistake. */
static void check_unused(const void *memory, size_t size)
{
    for (size_t s = 0; s < STREAMS; s++)
        for (size_t w = streams[s].done; w < streams[s].queued; w++) {
            const struct work *work = &streams[s].work[w % WORK];
            if (work->to != NULL && (overlaps(work->to, work->size, memory, size) ||
                                     overlaps(work->from, work->size, memory, size)))
                fake_cuda.mistakes++;
        }
}

/* Every entry point begins here, locked; `inside` ones need a context. Returns what it has to
 * return; what releases something does so all the same. */
static int begin(const char *call, bool inside)
{
    if (fake_cuda.called != NULL)
        fake_cuda.called(call);
    pthread_mutex_lock(&mutex);
    if (inside && depth == 0) {
        fake_cuda.mistakes++;
        return NO_CONTEXT;
    }
    if (fake_cuda.spared != NULL && strcmp(call, fake_cuda.spared) == 0)
        return 0;
    if (fake_cuda.fail_at == 0 || --fake_cuda.fail_at > 0)
        return 0;
    fake_cuda.failed = call;
    return fake_cuda.result;
}

static int end(int result)
{
    pthread_mutex_unlock(&mutex);
    return result;
}

/* --- what tests ask for --------------------------------------------------------------------- */

static void *new_stream(unsigned flags)
{
    for (size_t s = 1; s < STREAMS; s++)
        if (!streams[s].used) {
            streams[s].used = true;
            streams[s].blocking = flags != NON_BLOCKING;
            return &streams[s];
        }
    abort();
}

static void queue_read(void *stream, uint64_t from, void *to, size_t size)
{
    queue(stream_of(stream), (struct work){to, (const void *)(uintptr_t)from, size, {{0}}});
}

/* Work of the legacy default stream comes after that of all blocking streams. */
static struct event queued_in(void *handle)
{
    struct event found = {{0}};
    const struct stream *stream = stream_of(handle);
    for (size_t s = 0; s < STREAMS; s++)
        if (&streams[s] == stream || (stream == &streams[0] && streams[s].blocking))
            found.queued[s] = streams[s].queued;
    return found;
}

static void run_stream(void *handle)
{
    struct event all = queued_in(handle);
    for (size_t s = 0; s < STREAMS; s++)
        run_until(&streams[s], all.queued[s]);
}

struct fake_cuda fake_cuda = {.stream = new_stream, .read = queue_read, .run = run_stream};

/* --- entry points ----------------------------------------------------------------------------- */

int cuInit(unsigned flags)
{
    int result = begin("cuInit", false);
    return end(result == 0 && flags != 0 ? INVALID_VALUE : result);
}

int cuGetErrorString(int result, const char **text)
{
    *text = result == 2 ? "out of memory" : result == 101 ? "invalid device ordinal" : NULL;
    if (result == 999)
        *text = "unknown\nerror";
    return *text == NULL ? INVALID_VALUE : 0;
}

int cuDeviceGet(int *device, int ordinal)
{
    int result = begin("cuDeviceGet", false);
    if (result == 0 && (ordinal < 0 || ordinal >= FAKE_DEVICES))
        result = 101;
    if (result == 0)
        *device = ordinal + 40;
    return end(result);
}

int cuDevicePrimaryCtxRetain(void **made, int device)
{
    int result = begin("cuDevicePrimaryCtxRetain", false);
    if (result == 0 && device < 40)
        result = INVALID_VALUE;
    if (result == 0) {
        fake_cuda.contexts++;
        *made = &context;
    }
    return end(result);
}

int cuDevicePrimaryCtxRelease_v2(int device)
{
    int result = begin("cuDevicePrimaryCtxRelease", false);
    if (device >= 40)
        fake_cuda.contexts--;
    return end(result);
}

int cuCtxPushCurrent_v2(void *pushed)
{
    int result = begin("cuCtxPushCurrent", false);
    if (result == 0 && pushed != &context)
        result = NO_CONTEXT;
    if (result == 0) {
        depth++;
        fake_cuda.entered++;
    }
    return end(result);
}

int cuCtxPopCurrent_v2(void **popped)
{
    int result = begin("cuCtxPopCurrent", true);
    if (depth > 0) {
        depth--;
        fake_cuda.entered--;
        *popped = &context;
    }
    return end(result);
}

int cuMemAlloc_v2(unsigned long long *address, size_t size)
{
    int result = begin("cuMemAlloc", true);
    /* The size is kept in front, for cuMemFree. */
    size_t *memory = result == 0 && size > 0 ? malloc(size + 64) : NULL;
    if (memory != NULL) {
        *memory = size;
        memset((char *)memory + 64, FAKE_BLANK, size);
        *address = (uintptr_t)memory + 64;
        fake_cuda.buffers++;
    }
    return end(result == 0 && memory == NULL ? INVALID_VALUE : result);
}

int cuMemFree_v2(unsigned long long address)
{
    int result = begin("cuMemFree", true);
    size_t *memory = (size_t *)(uintptr_t)(address - 64);
    check_unused((const void *)(uintptr_t)address, *memory);
    free(memory);
    fake_cuda.buffers--;
    return end(result);
}

int cuMemHostRegister_v2(void *memory, size_t size, unsigned flags)
{
    int result = begin("cuMemHostRegister", true);
    if (result == 0 && (memory == NULL || size == 0 || flags > 1))
        result = INVALID_VALUE;
    fake_cuda.pins += result == 0;
    return end(result);
}

int cuMemHostUnregister(void *memory)
{
    int result = begin("cuMemHostUnregister", true);
    check_unused(memory, 1);
    fake_cuda.pins--;
    return end(result);
}

int cuMemcpyHtoDAsync_v2(unsigned long long to, const void *from, size_t size, void *stream)
{
    int result = begin("cuMemcpyHtoDAsync", true);
    if (result == 0)
        queue(stream_of(stream), (struct work){(void *)(uintptr_t)to, from, size, {{0}}});
    return end(result);
}

int cuStreamCreate(void **stream, unsigned flags)
{
    int result = begin("cuStreamCreate", true);
    if (result == 0) {
        *stream = new_stream(flags);
        fake_cuda.streams++;
    }
    return end(result);
}

int cuStreamDestroy_v2(void *handle)
{
    int result = begin("cuStreamDestroy", true);
    struct stream *stream = handle;
    fake_cuda.mistakes += stream->done < stream->queued;
    stream->done = stream->queued;
    stream->used = false;
    fake_cuda.streams--;
    return end(result);
}

int cuStreamSynchronize(void *stream)
{
    int result = begin("cuStreamSynchronize", true);
    run_stream(stream);
    return end(result);
}

int cuStreamWaitEvent(void *stream, void *event, unsigned flags)
{
    int result = begin("cuStreamWaitEvent", true);
    if (result == 0 && flags != 0)
        result = INVALID_VALUE;
    if (result == 0)
        queue(stream_of(stream), (struct work){.after = *(const struct event *)event});
    return end(result);
}

int cuEventCreate(void **event, unsigned flags)
{
    int result = begin("cuEventCreate", true);
    if (result == 0 && flags != 2)
        result = INVALID_VALUE;
    if (result == 0) {
        *event = calloc(1, sizeof(struct event));
        fake_cuda.events++;
    }
    return end(result);
}

int cuEventDestroy_v2(void *event)
{
    int result = begin("cuEventDestroy", true);
    free(event);
    fake_cuda.events--;
    return end(result);
}

int cuEventRecord(void *event, void *stream)
{
    int result = begin("cuEventRecord", true);
    if (result == 0)
        *(struct event *)event = queued_in(stream);
    return end(result);
}
