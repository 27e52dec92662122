/* Distinct strings, numbered as they come. Private to source/. */
#ifndef SOURCE_VALUES_H
#define SOURCE_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* {0} is empty. */
struct vdt_values {
    char **texts;
    size_t count, capacity;
    uint32_t *slots; /* open addressing: number + 1, 0 is free */
    size_t slot_count;
};

/* The number of `text`, added unless it is there. False when memory is out. */
bool vdt_values_add(struct vdt_values *values, const char *text, uint32_t *number);

/* False when it is not there. */
bool vdt_values_find(const struct vdt_values *values, const char *text, uint32_t *number);

void vdt_values_clear(struct vdt_values *values);

#endif
