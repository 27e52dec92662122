/* Overflow-checked memory. */
#include "base/buffer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *vdt_allocate(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    return malloc(bytes == 0 ? 1 : bytes);
}

void *vdt_allocate_zero(size_t count, size_t size)
{
    return calloc(count == 0 ? 1 : count, size == 0 ? 1 : size);
}

char *vdt_copy_string(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}

bool vdt_grow(void *array, size_t *capacity, size_t needed, size_t size)
{
    if (needed <= *capacity)
        return true;
    size_t wanted = *capacity < 8 ? 8 : *capacity * 2;
    if (wanted < needed)
        wanted = needed;
    size_t bytes;
    if (__builtin_mul_overflow(wanted, size, &bytes))
        return false;
    void *old;
    memcpy(&old, array, sizeof old);
    void *grown = realloc(old, bytes);
    if (grown == NULL)
        return false;
    memcpy(array, &grown, sizeof grown);
    *capacity = wanted;
    return true;
}

bool vdt_buffer_reserve(struct vdt_buffer *buffer, size_t capacity)
{
    return vdt_grow(&buffer->data, &buffer->capacity, capacity, 1);
}

bool vdt_buffer_append(struct vdt_buffer *buffer, const void *data, size_t size)
{
    if (size > SIZE_MAX - buffer->size || !vdt_buffer_reserve(buffer, buffer->size + size))
        return false;
    if (size > 0)
        memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
    return true;
}

void vdt_buffer_clear(struct vdt_buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct vdt_buffer){0};
}
