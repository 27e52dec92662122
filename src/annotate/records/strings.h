/* Many texts in one run of bytes, found again by their content. */
#ifndef ANNOTATE_STRINGS_H
#define ANNOTATE_STRINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* {0} is empty. A text may hold NULs; each is followed by one, so that it can be lent. */
struct vdt_strings {
    char *text; /* [size] */
    size_t size, text_capacity;
    uint64_t *offsets; /* [count + 1] once there is a text; NULL before */
    size_t count, capacity;
    uint64_t *slots; /* of the index: a text's number + 1; NULL: not made yet */
    size_t slot_count;
};

void vdt_strings_clear(struct vdt_strings *strings);

/* Appends a text. False when memory is out; nothing has changed then. */
bool vdt_strings_add(struct vdt_strings *strings, const char *text, size_t length);

/* Borrowed until a text is added. */
static inline const char *vdt_strings_at(const struct vdt_strings *strings, size_t index)
{
    return strings->text + strings->offsets[index];
}
static inline size_t vdt_strings_length(const struct vdt_strings *strings, size_t index)
{
    return (size_t)(strings->offsets[index + 1] - strings->offsets[index]) - 1;
}

/* Makes the index; false when memory is out. Afterwards finding changes nothing. */
bool vdt_strings_index(struct vdt_strings *strings);

/* The number of the first such text; strings->count: none. The index is made where it is not
 * there; false when memory is out. */
bool vdt_strings_find(struct vdt_strings *strings, const char *text, size_t length, size_t *index);

/* The same, and a text that is not there is added. */
bool vdt_strings_intern(struct vdt_strings *strings, const char *text, size_t length,
                        size_t *index);

/* Texts as they came from a file: offsets rise from 0 to `size`, each text ends with a NUL and is
 * UTF-8, in `parts` parts with a NUL between them. */
bool vdt_strings_sound(const struct vdt_strings *strings, unsigned parts);

#endif
