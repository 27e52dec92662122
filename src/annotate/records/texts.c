/* Open addressing over one run of bytes. */
#include "annotate/records/texts.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"

const char *vdt_texts_get(const struct vdt_texts *texts, uint32_t number)
{
    return (const char *)texts->bytes.data + texts->places[number];
}

static uint32_t slot_of(const struct vdt_texts *texts, const char *text)
{
    uint32_t slot = (uint32_t)vdt_hash(0, text, strlen(text)) & (texts->slot_count - 1);
    while (texts->slots[slot] != 0 &&
           strcmp(vdt_texts_get(texts, texts->slots[slot] - 1), text) != 0)
        slot = (slot + 1) & (texts->slot_count - 1);
    return slot;
}

uint32_t vdt_texts_find(const struct vdt_texts *texts, const char *text)
{
    if (texts->count == 0)
        return VDT_NO_TEXT;
    uint32_t found = texts->slots[slot_of(texts, text)];
    return found == 0 ? VDT_NO_TEXT : found - 1;
}

static bool enlarge(struct vdt_texts *texts)
{
    uint32_t *old = texts->slots;
    uint32_t old_count = texts->slot_count;
    uint32_t count = old_count == 0 ? 64 : old_count * 2;
    if (count == 0)
        return false;
    uint32_t *slots = vdt_allocate_zero(count, sizeof *slots);
    if (slots == NULL)
        return false;
    texts->slots = slots;
    texts->slot_count = count;
    for (uint32_t i = 0; i < old_count; i++)
        if (old[i] != 0)
            slots[slot_of(texts, vdt_texts_get(texts, old[i] - 1))] = old[i];
    free(old);
    return true;
}

uint32_t vdt_texts_add(struct vdt_texts *texts, const char *text, bool *added)
{
    *added = false;
    if (2 * ((uint64_t)texts->count + 1) > texts->slot_count && !enlarge(texts))
        return VDT_NO_TEXT;
    uint32_t slot = slot_of(texts, text);
    if (texts->slots[slot] != 0)
        return texts->slots[slot] - 1;
    uint64_t place = texts->bytes.size;
    if (!vdt_grow(&texts->places, &texts->place_room, (size_t)texts->count + 1,
                  sizeof *texts->places) ||
        !vdt_buffer_append(&texts->bytes, text, strlen(text) + 1))
        return VDT_NO_TEXT;
    texts->places[texts->count] = place;
    texts->slots[slot] = ++texts->count;
    *added = true;
    return texts->count - 1;
}

void vdt_texts_clear(struct vdt_texts *texts)
{
    vdt_buffer_clear(&texts->bytes);
    free(texts->places);
    free(texts->slots);
    *texts = (struct vdt_texts){0};
}
