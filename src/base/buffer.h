/* Overflow-checked memory: arrays and a growable run of bytes. */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

/* count * size bytes, or NULL when that overflows or memory is out. Never NULL for 0 bytes. */
void *vdt_allocate(size_t count, size_t size);
void *vdt_allocate_zero(size_t count, size_t size);

/* A copy of a string, or NULL. */
char *vdt_copy_string(const char *text);

/* Grows `*array` (of elements of `size` bytes) so that it holds `needed`; capacity at least
 * doubles. False when memory is out; the array is then as before. */
bool vdt_grow(void *array, size_t *capacity, size_t needed, size_t size);

/* Growable bytes; {0} is empty. */
struct vdt_buffer {
    unsigned char *data;
    size_t size;
    size_t capacity;
};

bool vdt_buffer_append(struct vdt_buffer *buffer, const void *data, size_t size);
bool vdt_buffer_reserve(struct vdt_buffer *buffer, size_t capacity);
void vdt_buffer_clear(struct vdt_buffer *buffer);

#endif
