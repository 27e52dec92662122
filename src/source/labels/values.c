/* Distinct strings, numbered as they come. */
#include "source/labels/values.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/random.h"

static size_t slot_of(const struct vdt_values *values, const char *text)
{
    size_t slot = (size_t)vdt_hash(0, text, strlen(text)) & (values->slot_count - 1);
    while (values->slots[slot] != 0 && strcmp(values->texts[values->slots[slot] - 1], text) != 0)
        slot = (slot + 1) & (values->slot_count - 1);
    return slot;
}

/* Keeps at least half of the slots free. */
static bool widen(struct vdt_values *values)
{
    if ((values->count + 1) * 2 <= values->slot_count)
        return true;
    struct vdt_values wider = *values;
    wider.slot_count = values->slot_count == 0 ? 64 : values->slot_count * 2;
    wider.slots = vdt_allocate_zero(wider.slot_count, sizeof *wider.slots);
    if (wider.slots == NULL)
        return false;
    for (size_t i = 0; i < values->count; i++)
        wider.slots[slot_of(&wider, values->texts[i])] = (uint32_t)i + 1;
    free(values->slots);
    *values = wider;
    return true;
}

bool vdt_values_add(struct vdt_values *values, const char *text, uint32_t *number)
{
    if (vdt_values_find(values, text, number))
        return true;
    if (values->count >= UINT32_MAX - 1 || !widen(values) ||
        !vdt_grow(&values->texts, &values->capacity, values->count + 1, sizeof *values->texts))
        return false;
    char *copy = vdt_copy_string(text);
    if (copy == NULL)
        return false;
    *number = (uint32_t)values->count;
    values->slots[slot_of(values, text)] = *number + 1;
    values->texts[values->count++] = copy;
    return true;
}

bool vdt_values_find(const struct vdt_values *values, const char *text, uint32_t *number)
{
    if (values->slot_count == 0)
        return false;
    uint32_t found = values->slots[slot_of(values, text)];
    if (found != 0)
        *number = found - 1;
    return found != 0;
}

void vdt_values_clear(struct vdt_values *values)
{
    for (size_t i = 0; i < values->count; i++)
        free(values->texts[i]);
    free(values->texts);
    free(values->slots);
    *values = (struct vdt_values){0};
}
