/* The digest of a file of columns (store/table_file.h). Private to store/. */
#ifndef STORE_TABLE_DIGEST_H
#define STORE_TABLE_DIGEST_H

#include "base/buffer.h"
#include "store/table_file.h"

/* Lines of columns and texts, in any order; {0} is empty. */
struct vdt_table_lines {
    char **lines;
    size_t count, capacity;
};
void vdt_table_lines_clear(struct vdt_table_lines *lines);

bool vdt_table_lines_column(struct vdt_table_lines *lines, const struct vdt_table_column *column);
bool vdt_table_lines_text(struct vdt_table_lines *lines, const char *name, const char *text);

/* Sorts them; false when memory is out. */
bool vdt_table_lines_digest(struct vdt_table_lines *lines, char digest[VDT_TABLE_DIGEST_SIZE]);

#endif
