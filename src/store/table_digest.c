/* One line for each column and text, sorted, under one SHA-256. */
#include "store/table_digest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"

void vdt_table_lines_clear(struct vdt_table_lines *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        free(lines->lines[i]);
    free(lines->lines);
    *lines = (struct vdt_table_lines){0};
}

static bool add(struct vdt_table_lines *lines, const char *line)
{
    if (!vdt_grow(&lines->lines, &lines->capacity, lines->count + 1, sizeof *lines->lines))
        return false;
    char *copy = vdt_copy_string(line);
    if (copy == NULL)
        return false;
    lines->lines[lines->count++] = copy;
    return true;
}

bool vdt_table_lines_column(struct vdt_table_lines *lines, const struct vdt_table_column *column)
{
    char hex[65], line[256];
    vdt_hex(column->digest, 32, hex);
    snprintf(line, sizeof line, "column %s %s %" PRIu64 " %" PRIu32 " %s\n", column->name,
             vdt_dtype_name(column->type), column->rows, column->width, hex);
    return add(lines, line);
}

bool vdt_table_lines_text(struct vdt_table_lines *lines, const char *name, const char *text)
{
    unsigned char digest[32];
    char hex[65], line[256];
    vdt_sha256(text, strlen(text), digest);
    vdt_hex(digest, 32, hex);
    snprintf(line, sizeof line, "text %s %s\n", name, hex);
    return add(lines, line);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool vdt_table_lines_digest(struct vdt_table_lines *lines, char digest[VDT_TABLE_DIGEST_SIZE])
{
    unsigned char bytes[32];
    struct vdt_sha256 *sha = vdt_sha256_new();
    if (sha == NULL)
        return false;
    qsort(lines->lines, lines->count, sizeof *lines->lines, compare);
    for (size_t i = 0; i < lines->count; i++)
        vdt_sha256_add(sha, lines->lines[i], strlen(lines->lines[i]));
    vdt_sha256_finish(sha, bytes);
    vdt_hex(bytes, 32, digest);
    return true;
}
