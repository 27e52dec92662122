/* A CUDA driver without a device, for tests: what fake_cuda.c does and what a test may ask of it.
 *
 * Nothing that is queued in a stream happens before somebody waits for that stream, and then only
 * what the stream holds and waits for. So work that is not ordered shows as wrong bytes, always. */
#ifndef TESTS_LOAD_FAKE_CUDA_H
#define TESTS_LOAD_FAKE_CUDA_H

#include <stddef.h>
#include <stdint.h>

enum { FAKE_DEVICES = 2, FAKE_BLANK = 0xee /* new device memory */ };

/* The library's variable `fake_cuda`. */
struct fake_cuda {
    int fail_at;        /* this call from now on fails, 1 is the next; 0: none */
    int result;         /* with this CUresult */
    const char *failed; /* the call that did */
    const char *spared; /* a call that does not count; NULL: none */

    void (*called)(const char *call); /* before each call, by its thread; NULL: nobody is told */

    int contexts, streams, events, buffers, pins; /* that were not released */
    int entered;                                  /* contexts pushed and not popped, all threads */
    int mistakes; /* something released that queued work needs, or called without a context */

    void *(*stream)(unsigned flags); /* one of another library's; never released */
    void (*read)(void *stream, uint64_t from, void *to, size_t size); /* queues it */
    void (*run)(void *stream); /* what the stream holds and waits for */
};

extern struct fake_cuda fake_cuda;

int cuInit(unsigned flags);
int cuGetErrorString(int result, const char **text);
int cuDeviceGet(int *device, int ordinal);
int cuDevicePrimaryCtxRetain(void **context, int device);
int cuDevicePrimaryCtxRelease_v2(int device);
int cuCtxPushCurrent_v2(void *context);
int cuCtxPopCurrent_v2(void **context);
int cuMemAlloc_v2(unsigned long long *address, size_t size);
int cuMemFree_v2(unsigned long long address);
int cuMemHostRegister_v2(void *memory, size_t size, unsigned flags);
int cuMemHostUnregister(void *memory);
int cuMemcpyHtoDAsync_v2(unsigned long long to, const void *from, size_t size, void *stream);
int cuStreamCreate(void **stream, unsigned flags);
int cuStreamDestroy_v2(void *stream);
int cuStreamSynchronize(void *stream);
int cuStreamWaitEvent(void *stream, void *event, unsigned flags);
int cuEventCreate(void **event, unsigned flags);
int cuEventDestroy_v2(void *event);
int cuEventRecord(void *event, void *stream);

#endif
