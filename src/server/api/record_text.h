/* A long text of JSON records, taken apart without being held: a line each, or the items of one
 * array. */
#ifndef SERVER_API_RECORD_TEXT_H
#define SERVER_API_RECORD_TEXT_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

enum { VDT_RECORD_MOST = 8 << 20 /* bytes of one record */ };

enum vdt_record_form { VDT_RECORD_LINES, VDT_RECORD_ARRAY /* or a single object */ };

/* Begin with {.form, .fd}; the file is read from `at` on. */
struct vdt_record_text {
    enum vdt_record_form form;
    int fd;
    uint64_t at;
    uint64_t number;         /* of the record that was given last, from 1 */
    struct vdt_buffer block; /* read and not taken yet, from `next` on */
    size_t next;
    struct vdt_buffer record;
    bool begun, ended;
};
void vdt_record_text_clear(struct vdt_record_text *text);

/* The next record as it was sent, with a NUL behind it; blank lines are none. VDT_END after the
 * last. VDT_ERR_FORMAT: the text is no array from here on, or a record is too long; nothing can be
 * read after that. */
vdt_status vdt_record_next(struct vdt_record_text *text, const char **record, size_t *size,
                           struct vdt_error *error);

#endif
