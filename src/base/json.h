/* jansson with our errors. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>
#include <vedatile/error.h>

static inline void vdt_json_release(json_t **value)
{
    json_decref(*value);
}

/* Canonical text: sorted keys, no white space, numbers in the fewest digits that bring them back.
 * Owned; NULL: memory is out. */
char *vdt_json_text(const json_t *value);

/* Parses; `what` names the source in messages. *value is owned. */
vdt_status vdt_json_parse(const char *text, const char *what, json_t **value,
                          struct vdt_error *error);

#endif
