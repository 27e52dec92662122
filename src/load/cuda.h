/* NVIDIA's driver, when the machine has one: opened at run time, nothing of it is needed to build.
 * https://docs.nvidia.com/cuda/cuda-driver-api/ */
#ifndef LOAD_CUDA_H
#define LOAD_CUDA_H

#include <stddef.h>
#include <stdint.h>
#include <vedatile/error.h>

struct vdt_cuda; /* one device's primary context; shared by all batches of a loader */

/* VDT_ERR_NOT_FOUND: no driver (libcuda.so.1), no such device. Any call: VDT_ERR_MEMORY when the
 * driver says so, VDT_ERR_IO for all else, with the driver's name of the call and its words. */
vdt_status vdt_cuda_open(uint32_t device, struct vdt_cuda **cuda, struct vdt_error *error);
void vdt_cuda_close(struct vdt_cuda *cuda); /* accepts NULL; buffers and pins must be gone */
uint32_t vdt_cuda_device(const struct vdt_cuda *cuda);

/* Page-locks memory of the caller's, so that copies from it run by themselves. */
vdt_status vdt_cuda_pin(struct vdt_cuda *cuda, void *memory, size_t size, struct vdt_error *error);
void vdt_cuda_unpin(struct vdt_cuda *cuda, void *memory);

/* Device memory with a stream of its own. */
struct vdt_cuda_buffer;
vdt_status vdt_cuda_buffer_create(struct vdt_cuda *cuda, size_t size,
                                  struct vdt_cuda_buffer **buffer, struct vdt_error *error);
void vdt_cuda_buffer_free(struct vdt_cuda_buffer *buffer); /* waits for its work; accepts NULL */
uint64_t vdt_cuda_buffer_address(const struct vdt_cuda_buffer *buffer);

/* Queues a copy to `offset` in the buffer, behind what vdt_cuda_used_on said; does not wait. The
 * host memory must stay until vdt_cuda_wait. Any thread. */
vdt_status vdt_cuda_copy(struct vdt_cuda_buffer *buffer, size_t offset, const void *host,
                         size_t size, struct vdt_error *error);
/* Waits for the copies queued so far. */
vdt_status vdt_cuda_wait(struct vdt_cuda_buffer *buffer, struct vdt_error *error);

/* Later copies into the buffer wait for what is in `stream` now (NULL: the legacy default stream,
 * which waits for all blocking streams). Should that fail, the next copy does. */
void vdt_cuda_used_on(struct vdt_cuda_buffer *buffer, void *stream);

#endif
