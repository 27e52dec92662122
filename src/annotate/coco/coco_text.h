/* JSON text in memory, token by token: what vdt_scan is for files that are read in one go. The text
 * may stop anywhere; then the problem is vdt_coco_cut_short, and who has more text tries again from
 * where the record began. */
#ifndef ANNOTATE_COCO_TEXT_H
#define ANNOTATE_COCO_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/decimal.h"
#include "base/json_escape.h"

enum {
    VDT_COCO_AHEAD = 16, /* readable bytes from `end` on, the first of which is NUL */
    VDT_COCO_DEPTH = 128 /* of nested values that are passed over */
};

extern const char vdt_coco_cut_short[], vdt_coco_no_memory[];

struct vdt_coco_text {
    const char *at, *end;
    const char *problem;   /* NULL: fine; the first one counts */
    struct vdt_buffer key; /* a name with escapes, decoded */
    const char *name;      /* of the member as it is in the text, between its quotes */
    size_t name_size;
};

/* False. At the end of the text every problem is vdt_coco_cut_short. */
bool vdt_coco_problem(struct vdt_coco_text *text, const char *problem);

/* The next character that is not white space, not taken; NUL at the end. */
static inline char vdt_coco_peek(struct vdt_coco_text *text)
{
    const char *at = text->at;
    while (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')
        at++;
    text->at = at;
    return *at;
}

/* Goes to the next member of the object that is next, or that is being read; its value is then
 * next. `key` is valid until the next member. False at the object's end, or because of trouble. */
bool vdt_coco_member(struct vdt_coco_text *text, bool *first, const char **key, size_t *size);

/* The same for the elements of an array. */
bool vdt_coco_element(struct vdt_coco_text *text, bool *first);

/* Takes a number. */
bool vdt_coco_number(struct vdt_coco_text *text, struct vdt_decimal *number);

/* Takes a string and appends it, decoded and without a NUL, which has to be UTF-8. */
bool vdt_coco_string(struct vdt_coco_text *text, struct vdt_buffer *to);

/* Takes the escape that is next, in a string. */
bool vdt_coco_escape(struct vdt_coco_text *text, struct vdt_json_escape *escape);

/* Takes "true", "false" or "null". */
bool vdt_coco_word(struct vdt_coco_text *text, const char *word);

/* Takes any value. */
bool vdt_coco_skip(struct vdt_coco_text *text);

#endif
