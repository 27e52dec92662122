/* COCO's run lengths. */
#include "base/rle.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

void vdt_rle_clear(struct vdt_rle *rle)
{
    for (size_t i = 0; i < rle->object_capacity; i++)
        free(rle->objects[i].runs);
    free(rle->objects);
    *rle = (struct vdt_rle){0};
}

static bool reserve(struct vdt_rle *rle, size_t count)
{
    size_t before = rle->object_capacity;
    if (!vdt_grow(&rle->objects, &rle->object_capacity, count, sizeof *rle->objects))
        return false;
    if (rle->object_capacity > before)
        memset(rle->objects + before, 0, (rle->object_capacity - before) * sizeof *rle->objects);
    for (size_t i = 0; i < count; i++) {
        rle->objects[i].count = 0;
        rle->objects[i].end = 0;
        rle->objects[i].area = 0;
    }
    rle->object_count = count;
    return true;
}

static bool push(struct vdt_rle_object *object, uint32_t run)
{
    if (!vdt_grow(&object->runs, &object->capacity, object->count + 1, sizeof *object->runs))
        return false;
    object->runs[object->count++] = run;
    return true;
}

/* Pixels `first` to `end` in column order are the object's. */
static bool add_run(struct vdt_rle_object *object, uint32_t first, uint32_t end)
{
    object->area += end - first;
    if (object->count > 0 && object->end == first) {
        object->runs[object->count - 1] += end - first;
        object->end = end;
        return true;
    }
    bool good = push(object, first - object->end) && push(object, end - first);
    object->end = end;
    return good;
}

vdt_status vdt_rle_encode(struct vdt_rle *rle, const uint16_t *instances, uint32_t rows,
                          uint32_t cols, size_t count, struct vdt_error *error)
{
    if (!reserve(rle, count))
        return vdt_fail_memory(error, "run lengths");
    bool good = true;
    uint32_t all = rows * cols; /* a tile has at most 2^30 bytes */
    for (uint32_t col = 0; good && col < cols; col++)
        for (uint32_t row = 0; good && row < rows;) {
            uint32_t first = row;
            uint16_t id = instances[(size_t)row * cols + col];
            while (row < rows && instances[(size_t)row * cols + col] == id)
                row++;
            if (id > 0 && id <= count)
                good = add_run(&rle->objects[id - 1], col * rows + first, col * rows + row);
        }
    for (size_t i = 0; good && i < count; i++)
        if (rle->objects[i].end < all)
            good = push(&rle->objects[i], all - rle->objects[i].end);
    return good ? VDT_OK : vdt_fail_memory(error, "run lengths");
}

/* Five bits a letter, the lowest first, and a bit that says whether more follow; from the fourth
 * run on the difference to the run before the last. */
vdt_status vdt_rle_text(const uint32_t *runs, size_t count, struct vdt_buffer *text,
                        struct vdt_error *error)
{
    enum { LETTERS = 7 }; /* of a difference, which has 33 bits */
    if (count > (SIZE_MAX - text->size) / LETTERS - 1 ||
        !vdt_buffer_reserve(text, text->size + count * LETTERS + 1))
        return vdt_fail_memory(error, "run lengths");
    unsigned char *to = text->data + text->size;
    for (size_t i = 0; i < count; i++) {
        int64_t value = runs[i];
        if (i > 2)
            value -= runs[i - 2];
        for (bool more = true; more;) {
            int letter = (int)(value & 31);
            value = value < 0 ? ~(~value >> 5) : value >> 5;
            more = (letter & 16) != 0 ? value != -1 : value != 0;
            *to++ = (unsigned char)((more ? letter | 32 : letter) + 48);
        }
    }
    *to++ = '\0';
    text->size = (size_t)(to - text->data);
    return VDT_OK;
}
