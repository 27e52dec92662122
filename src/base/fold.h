/* Text without regard to upper and lower case. */
#ifndef BASE_FOLD_H
#define BASE_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads one character of UTF-8 at *at (before `size`) and moves on; what is no UTF-8 counts as one
 * character a byte. */
uint32_t vdt_utf8_next(const char *text, size_t size, size_t *at);

/* Valid UTF-8 without a NUL. */
bool vdt_utf8_valid(const char *text, size_t size);

/* A copy with every character folded by Unicode's simple case folding; bytes that are no UTF-8
 * stay. Owned; NULL: memory is out. */
char *vdt_fold(const char *text);

#endif
