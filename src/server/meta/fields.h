/* Members of JSON objects that people send, checked before they are believed. Failures are
 * VDT_ERR_ARGUMENT and name the member. */
#ifndef SERVER_META_FIELDS_H
#define SERVER_META_FIELDS_H

#include "base/json.h"

/* `object` is an object, and has no members but `names` (which ends with NULL). */
vdt_status vdt_fields_only(const json_t *object, const char *const *names, struct vdt_error *error);

enum vdt_field_kind {
    VDT_FIELD_LINE, /* no control characters, no blanks at its ends, nothing that turns writing */
    VDT_FIELD_TEXT  /* line breaks and tabs besides */
};

/* A text of at most `most` characters; a line has one at least. *text is borrowed, and NULL when
 * the member is not there or null. */
vdt_status vdt_field_text(const json_t *object, const char *name, enum vdt_field_kind kind,
                          size_t most, const char **text, struct vdt_error *error);

/* A whole number from `least` to `most`; *value is left alone when it is not there, and -1 for
 * null. */
vdt_status vdt_field_integer(const json_t *object, const char *name, int64_t least, int64_t most,
                             int64_t *value, struct vdt_error *error);

/* A list of lines of at most `size` characters, up to `count` of them. NULL: not there, or null. */
vdt_status vdt_field_lines(const json_t *object, const char *name, size_t count, size_t size,
                           const json_t **lines, struct vdt_error *error);

#endif
