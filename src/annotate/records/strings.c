/* Texts behind each other, with a table of slots (open addressing) over them. */
#include "annotate/records/strings.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/fold.h"
#include "base/random.h"

enum { LEAST_SLOTS = 64 };

void vdt_strings_clear(struct vdt_strings *strings)
{
    free(strings->text);
    free(strings->offsets);
    free(strings->slots);
    *strings = (struct vdt_strings){0};
}

static uint64_t hash_of(const struct vdt_strings *strings, size_t index)
{
    return vdt_hash(0, vdt_strings_at(strings, index), vdt_strings_length(strings, index));
}

static void place(struct vdt_strings *strings, size_t index)
{
    size_t mask = strings->slot_count - 1;
    size_t slot = (size_t)hash_of(strings, index) & mask;
    while (strings->slots[slot] != 0)
        slot = (slot + 1) & mask;
    strings->slots[slot] = index + 1;
}

static bool make_slots(struct vdt_strings *strings)
{
    size_t wanted = LEAST_SLOTS;
    while (wanted / 2 < strings->count + 1)
        wanted *= 2;
    uint64_t *slots = vdt_allocate_zero(wanted, sizeof *slots);
    if (slots == NULL)
        return false;
    free(strings->slots);
    strings->slots = slots;
    strings->slot_count = wanted;
    for (size_t i = 0; i < strings->count; i++)
        place(strings, i);
    return true;
}

bool vdt_strings_index(struct vdt_strings *strings)
{
    return strings->slots != NULL || make_slots(strings);
}

bool vdt_strings_add(struct vdt_strings *strings, const char *text, size_t length)
{
    if (!vdt_grow(&strings->offsets, &strings->capacity, strings->count + 2,
                  sizeof *strings->offsets) ||
        length >= SIZE_MAX - strings->size ||
        !vdt_grow(&strings->text, &strings->text_capacity, strings->size + length + 1, 1))
        return false;
    bool full = strings->slots != NULL && (strings->count + 1) * 2 > strings->slot_count;
    if (full && !make_slots(strings))
        return false;
    strings->offsets[0] = 0;
    memcpy(strings->text + strings->size, text, length);
    strings->text[strings->size + length] = '\0';
    strings->size += length + 1;
    strings->offsets[++strings->count] = strings->size;
    if (strings->slots != NULL)
        place(strings, strings->count - 1);
    return true;
}

bool vdt_strings_find(struct vdt_strings *strings, const char *text, size_t length, size_t *index)
{
    *index = strings->count;
    if (!vdt_strings_index(strings))
        return false;
    size_t mask = strings->slot_count - 1;
    for (size_t slot = (size_t)vdt_hash(0, text, length) & mask; strings->slots[slot] != 0;
         slot = (slot + 1) & mask) {
        size_t at = (size_t)strings->slots[slot] - 1;
        if (vdt_strings_length(strings, at) == length &&
            memcmp(vdt_strings_at(strings, at), text, length) == 0 && at < *index) {
            *index = at;
            break;
        }
    }
    return true;
}

bool vdt_strings_intern(struct vdt_strings *strings, const char *text, size_t length, size_t *index)
{
    return vdt_strings_find(strings, text, length, index) &&
           (*index < strings->count || vdt_strings_add(strings, text, length));
}

static bool is_text(const char *text, size_t size, unsigned parts)
{
    for (; parts > 0; parts--) {
        const char *end = memchr(text, '\0', size);
        size_t length = end == NULL ? size : (size_t)(end - text);
        if (!vdt_utf8_valid(text, length) || (end == NULL) != (parts == 1))
            return false;
        text += length + 1;
        size -= length + (end != NULL);
    }
    return true;
}

bool vdt_strings_sound(const struct vdt_strings *strings, unsigned parts)
{
    if (strings->count == 0)
        return strings->size == 0;
    if (strings->offsets[0] != 0 || strings->offsets[strings->count] != strings->size)
        return false;
    for (size_t i = 0; i < strings->count; i++) {
        uint64_t end = strings->offsets[i + 1];
        if (end <= strings->offsets[i] || end > strings->size || strings->text[end - 1] != '\0' ||
            !is_text(vdt_strings_at(strings, i), vdt_strings_length(strings, i), parts))
            return false;
    }
    return true;
}
