/* Texts by number, each once: {0} is empty. Numbers rise from 0 in the order of adding. */
#ifndef ANNOTATE_TEXTS_H
#define ANNOTATE_TEXTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

enum { VDT_NO_TEXT = UINT32_MAX };

struct vdt_texts {
    struct vdt_buffer bytes; /* the texts with their NULs */
    uint64_t *places;        /* [count] into bytes */
    size_t place_room;
    uint32_t count;
    uint32_t *slots; /* [slot_count] number + 1 by hash; 0: free */
    uint32_t slot_count;
};

/* The number of a text, added when it is new; VDT_NO_TEXT: memory is out. */
uint32_t vdt_texts_add(struct vdt_texts *texts, const char *text, bool *added);
/* VDT_NO_TEXT: not there. */
uint32_t vdt_texts_find(const struct vdt_texts *texts, const char *text);
/* Borrowed until the next is added. */
const char *vdt_texts_get(const struct vdt_texts *texts, uint32_t number);
void vdt_texts_clear(struct vdt_texts *texts);

#endif
