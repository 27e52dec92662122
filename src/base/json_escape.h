/* Escapes in the strings of JSON text. */
#ifndef BASE_JSON_ESCAPE_H
#define BASE_JSON_ESCAPE_H

#include <stddef.h>

/* Bytes behind a backslash that have to be readable. */
enum { VDT_JSON_ESCAPE_AHEAD = 12 };

struct vdt_json_escape {
    size_t taken; /* bytes of the escape; 0: it is none, and `problem` says why */
    const char *problem;
    size_t size; /* bytes of UTF-8; 0: what it stands for is half a character or a NUL, which text
                    cannot hold */
    char text[4];
};

/* Reads the escape that begins at the backslash `at`, both halves of a surrogate pair at once. */
struct vdt_json_escape vdt_json_escape_read(const char *at);

#endif
