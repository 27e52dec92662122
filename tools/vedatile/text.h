/* Text for people: columns that line up, sizes, and nothing that moves the cursor. */
#ifndef TOOL_TEXT_H
#define TOOL_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Characters of a UTF-8 string, which is what a terminal's column count is for most scripts. */
size_t text_width(const char *text);

/* Prints with control characters as '?': names in a store may come from anywhere. */
void text_print(FILE *file, const char *text);

/* The same, followed by spaces up to `width` columns. */
void text_cell(FILE *file, const char *text, size_t width);

/* "823 bytes", "1.4 MB" (powers of 1000). Returns `buffer`. */
const char *text_bytes(char *buffer, size_t size, uint64_t bytes);

/* "" for 1, "s" otherwise. */
const char *text_plural(uint64_t count);

/* Bytes of the UTF-8 character that begins at `text` (1 where it is none); 0 at the end. */
size_t text_character(const char *text);

#endif
