/* Names that nobody can guess, from the machine's own randomness. */
#ifndef SERVER_META_RANDOM_H
#define SERVER_META_RANDOM_H

#include <stddef.h>
#include <vedatile/error.h>

enum { VDT_SLUG_SIZE = 16 }; /* characters of an entry's public id */

vdt_status vdt_random_bytes(void *bytes, size_t size, struct vdt_error *error);

/* `count` characters, evenly out of `alphabet` (up to 256 of them), and a NUL. */
vdt_status vdt_random_text(const char *alphabet, size_t count, char *text, struct vdt_error *error);

/* The public id of an entry or an upload: 16 of a-z and 2-7. */
vdt_status vdt_random_slug(char slug[VDT_SLUG_SIZE + 1], struct vdt_error *error);

#endif
