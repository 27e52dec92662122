/* The few calls of NVIDIA's driver that batches need, found at run time by the names that the
 * driver exports: where cuda.h of the driver's API has a macro, the name with its version.
 *
 * The context is the device's primary one, which PyTorch, JAX and CUDA's run-time library share.
 * It is made current for the length of a call, so any thread may call and none is changed. */
#include "load/cuda.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"

/* Values of the driver's API. */
enum {
    CUDA_ERROR_OUT_OF_MEMORY = 2,
    CUDA_ERROR_NO_DEVICE = 100,
    CUDA_ERROR_INVALID_DEVICE = 101,
    CU_MEMHOSTREGISTER_PORTABLE = 1, /* pinned for all contexts */
    CU_STREAM_NON_BLOCKING = 1,      /* does not wait for the default stream, nor it for this */
    CU_EVENT_DISABLE_TIMING = 2
};

/* CUresult and CUdevice are int, CUdeviceptr is an unsigned of 64 bits; contexts, streams and
 * events are pointers. */
struct driver {
    void *library;
    int (*cuInit)(unsigned flags);
    int (*cuGetErrorString)(int result, const char **text);
    int (*cuDeviceGet)(int *device, int ordinal);
    int (*cuDevicePrimaryCtxRetain)(void **context, int device);
    int (*cuDevicePrimaryCtxRelease)(int device);
    int (*cuCtxPushCurrent)(void *context);
    int (*cuCtxPopCurrent)(void **context);
    int (*cuMemAlloc)(uint64_t *address, size_t size);
    int (*cuMemFree)(uint64_t address);
    int (*cuMemHostRegister)(void *memory, size_t size, unsigned flags);
    int (*cuMemHostUnregister)(void *memory);
    int (*cuMemcpyHtoDAsync)(uint64_t to, const void *from, size_t size, void *stream);
    int (*cuStreamCreate)(void **stream, unsigned flags);
    int (*cuStreamDestroy)(void *stream);
    int (*cuStreamSynchronize)(void *stream);
    int (*cuStreamWaitEvent)(void *stream, void *event, unsigned flags);
    int (*cuEventCreate)(void **event, unsigned flags);
    int (*cuEventDestroy)(void *event);
    int (*cuEventRecord)(void *event, void *stream);
};

struct vdt_cuda {
    struct driver driver;
    uint32_t ordinal;
    int device;
    void *context;
};

struct vdt_cuda_buffer {
    struct vdt_cuda *cuda;
    uint64_t address;
    void *stream;
    void *event;
    struct vdt_error failed; /* of vdt_cuda_used_on, which cannot say so itself */
};

/* --- the driver ------------------------------------------------------------------------------- */

static vdt_status find_calls(struct driver *driver, struct vdt_error *error)
{
    static const struct {
        const char *name;
        size_t offset;
    } calls[] = {
        {"cuInit", offsetof(struct driver, cuInit)},
        {"cuGetErrorString", offsetof(struct driver, cuGetErrorString)},
        {"cuDeviceGet", offsetof(struct driver, cuDeviceGet)},
        {"cuDevicePrimaryCtxRetain", offsetof(struct driver, cuDevicePrimaryCtxRetain)},
        {"cuDevicePrimaryCtxRelease_v2", offsetof(struct driver, cuDevicePrimaryCtxRelease)},
        {"cuCtxPushCurrent_v2", offsetof(struct driver, cuCtxPushCurrent)},
        {"cuCtxPopCurrent_v2", offsetof(struct driver, cuCtxPopCurrent)},
        {"cuMemAlloc_v2", offsetof(struct driver, cuMemAlloc)},
        {"cuMemFree_v2", offsetof(struct driver, cuMemFree)},
        {"cuMemHostRegister_v2", offsetof(struct driver, cuMemHostRegister)},
        {"cuMemHostUnregister", offsetof(struct driver, cuMemHostUnregister)},
        {"cuMemcpyHtoDAsync_v2", offsetof(struct driver, cuMemcpyHtoDAsync)},
        {"cuStreamCreate", offsetof(struct driver, cuStreamCreate)},
        {"cuStreamDestroy_v2", offsetof(struct driver, cuStreamDestroy)},
        {"cuStreamSynchronize", offsetof(struct driver, cuStreamSynchronize)},
        {"cuStreamWaitEvent", offsetof(struct driver, cuStreamWaitEvent)},
        {"cuEventCreate", offsetof(struct driver, cuEventCreate)},
        {"cuEventDestroy_v2", offsetof(struct driver, cuEventDestroy)},
        {"cuEventRecord", offsetof(struct driver, cuEventRecord)},
    };
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        void *call = dlsym(driver->library, calls[i].name);
        if (call == NULL)
            return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                            "CUDA: libcuda.so.1 has no %s: install a newer driver", calls[i].name);
        memcpy((char *)driver + calls[i].offset, &call, sizeof call);
    }
    return VDT_OK;
}

static vdt_status check(const struct vdt_cuda *cuda, const char *call, int result,
                        struct vdt_error *error)
{
    if (result == 0)
        return VDT_OK;
    vdt_status status = VDT_ERR_IO;
    if (result == CUDA_ERROR_OUT_OF_MEMORY)
        status = VDT_ERR_MEMORY;
    else if (result == CUDA_ERROR_NO_DEVICE || result == CUDA_ERROR_INVALID_DEVICE)
        status = VDT_ERR_NOT_FOUND;
    const char *text = NULL;
    if (cuda->driver.cuGetErrorString(result, &text) != 0 || text == NULL)
        text = "unknown error";
    return vdt_fail(error, status, "CUDA device %lu: %s: %s (%d)", (unsigned long)cuda->ordinal,
                    call, text, result);
}

/* CHECK(cuda, cuMemFree, address): the call, its failure under its name. */
#define CHECK(cuda, call, ...) check(cuda, #call, (cuda)->driver.call(__VA_ARGS__), error)

/* Between enter and leave the calling thread works in the device's context. */
static vdt_status enter(const struct vdt_cuda *cuda, struct vdt_error *error)
{
    return CHECK(cuda, cuCtxPushCurrent, cuda->context);
}

static void leave(const struct vdt_cuda *cuda)
{
    void *context = NULL;
    cuda->driver.cuCtxPopCurrent(&context);
}

static vdt_status open_device(struct vdt_cuda *cuda, struct vdt_error *error)
{
    /* It stays in memory when it is closed: the driver's own threads run in it. */
    cuda->driver.library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (cuda->driver.library == NULL)
        return vdt_fail(error, VDT_ERR_NOT_FOUND,
                        "CUDA: no driver (libcuda.so.1); this machine has no NVIDIA GPU, or its "
                        "driver is not installed");
    vdt_status status = find_calls(&cuda->driver, error);
    if (status == VDT_OK)
        status = CHECK(cuda, cuInit, 0);
    if (status == VDT_OK)
        status = CHECK(cuda, cuDeviceGet, &cuda->device, (int)cuda->ordinal);
    if (status == VDT_OK)
        status = CHECK(cuda, cuDevicePrimaryCtxRetain, &cuda->context, cuda->device);
    return status;
}

vdt_status vdt_cuda_open(uint32_t device, struct vdt_cuda **cuda, struct vdt_error *error)
{
    struct vdt_cuda *made = vdt_allocate_zero(1, sizeof *made);
    if (made == NULL)
        return vdt_fail_memory(error, "CUDA");
    made->ordinal = device;
    vdt_status status = open_device(made, error);
    if (status != VDT_OK) {
        vdt_cuda_close(made);
        return status;
    }
    *cuda = made;
    return VDT_OK;
}

void vdt_cuda_close(struct vdt_cuda *cuda)
{
    if (cuda == NULL)
        return;
    if (cuda->context != NULL)
        cuda->driver.cuDevicePrimaryCtxRelease(cuda->device);
    if (cuda->driver.library != NULL)
        dlclose(cuda->driver.library);
    free(cuda);
}

uint32_t vdt_cuda_device(const struct vdt_cuda *cuda)
{
    return cuda->ordinal;
}

/* --- host memory ------------------------------------------------------------------------------ */

vdt_status vdt_cuda_pin(struct vdt_cuda *cuda, void *memory, size_t size, struct vdt_error *error)
{
    vdt_status status = enter(cuda, error);
    if (status != VDT_OK)
        return status;
    status = CHECK(cuda, cuMemHostRegister, memory, size, CU_MEMHOSTREGISTER_PORTABLE);
    leave(cuda);
    return status;
}

void vdt_cuda_unpin(struct vdt_cuda *cuda, void *memory)
{
    if (enter(cuda, NULL) != VDT_OK)
        return;
    cuda->driver.cuMemHostUnregister(memory);
    leave(cuda);
}

/* --- device memory ---------------------------------------------------------------------------- */

static vdt_status make_buffer(struct vdt_cuda_buffer *buffer, size_t size, struct vdt_error *error)
{
    struct vdt_cuda *cuda = buffer->cuda;
    vdt_status status = CHECK(cuda, cuStreamCreate, &buffer->stream, CU_STREAM_NON_BLOCKING);
    if (status == VDT_OK)
        status = CHECK(cuda, cuEventCreate, &buffer->event, CU_EVENT_DISABLE_TIMING);
    if (status == VDT_OK)
        status = CHECK(cuda, cuMemAlloc, &buffer->address, size);
    return status;
}

/* In the context. */
static void release(struct vdt_cuda_buffer *buffer)
{
    const struct driver *driver = &buffer->cuda->driver;
    if (buffer->stream != NULL)
        driver->cuStreamSynchronize(buffer->stream);
    if (buffer->address != 0)
        driver->cuMemFree(buffer->address);
    if (buffer->event != NULL)
        driver->cuEventDestroy(buffer->event);
    if (buffer->stream != NULL)
        driver->cuStreamDestroy(buffer->stream);
}

vdt_status vdt_cuda_buffer_create(struct vdt_cuda *cuda, size_t size,
                                  struct vdt_cuda_buffer **buffer, struct vdt_error *error)
{
    struct vdt_cuda_buffer *made = vdt_allocate_zero(1, sizeof *made);
    if (made == NULL)
        return vdt_fail_memory(error, "CUDA");
    made->cuda = cuda;
    vdt_status status = enter(cuda, error);
    if (status == VDT_OK) {
        status = make_buffer(made, size, error);
        if (status != VDT_OK)
            release(made);
        leave(cuda);
    }
    if (status != VDT_OK) {
        free(made);
        return status;
    }
    *buffer = made;
    return VDT_OK;
}

void vdt_cuda_buffer_free(struct vdt_cuda_buffer *buffer)
{
    if (buffer == NULL)
        return;
    if (enter(buffer->cuda, NULL) == VDT_OK) {
        release(buffer);
        leave(buffer->cuda);
    }
    free(buffer);
}

uint64_t vdt_cuda_buffer_address(const struct vdt_cuda_buffer *buffer)
{
    return buffer->address;
}

vdt_status vdt_cuda_copy(struct vdt_cuda_buffer *buffer, size_t offset, const void *host,
                         size_t size, struct vdt_error *error)
{
    struct vdt_cuda *cuda = buffer->cuda;
    if (buffer->failed.status != VDT_OK) /* the copy might overtake whoever uses the memory */
        return vdt_fail(error, buffer->failed.status, "%s", buffer->failed.message);
    vdt_status status = enter(cuda, error);
    if (status != VDT_OK)
        return status;
    status = CHECK(cuda, cuMemcpyHtoDAsync, buffer->address + offset, host, size, buffer->stream);
    leave(cuda);
    return status;
}

vdt_status vdt_cuda_wait(struct vdt_cuda_buffer *buffer, struct vdt_error *error)
{
    struct vdt_cuda *cuda = buffer->cuda;
    vdt_status status = enter(cuda, error);
    if (status != VDT_OK)
        return status;
    status = CHECK(cuda, cuStreamSynchronize, buffer->stream);
    leave(cuda);
    return status;
}

/* One event serves any number of streams: a wait is for what was recorded last when it is called,
 * and recording anew does not change it. */
void vdt_cuda_used_on(struct vdt_cuda_buffer *buffer, void *stream)
{
    struct vdt_cuda *cuda = buffer->cuda;
    struct vdt_error *error = &buffer->failed;
    if (error->status != VDT_OK || enter(cuda, error) != VDT_OK)
        return;
    vdt_status status = CHECK(cuda, cuEventRecord, buffer->event, stream);
    if (status == VDT_OK)
        status = CHECK(cuda, cuStreamWaitEvent, buffer->stream, buffer->event, 0);
    error->status = status;
    leave(cuda);
}
