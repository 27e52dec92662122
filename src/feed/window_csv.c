/* Lines of values between commas. */
#include "feed/window_csv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"

enum { COLUMNS_MOST = 64 };

/* Where each value of a line is found. */
enum { COL, ROW, COLS, ROWS, SCENE, GROUP, KNOWN };
static const char *const names[KNOWN] = {"col", "row", "cols", "rows", "scene", "group"};

/* Cuts the next value out of the text. *ended: it was the last of its line. */
static char *next_value(char **at, bool *ended)
{
    char *from = *at, *to = from, *value = from;
    bool quoted = *from == '"';
    from += quoted;
    while (*from != '\0' && (quoted || (*from != ',' && *from != '\n' && *from != '\r'))) {
        if (quoted && *from == '"' && *++from != '"') {
            quoted = false;
            continue;
        }
        *to++ = *from++;
    }
    char stop = *from;
    if (stop == '\r' && from[1] == '\n')
        from++;
    *at = from + (stop != '\0');
    *ended = stop != ',';
    *to = '\0';
    return value;
}

static bool whole_number(const char *text, int64_t *value)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (end == text || errno != 0 || end[strspn(end, " \t")] != '\0')
        return false;
    *value = number;
    return true;
}

static size_t cut_line(char **at, char *values[COLUMNS_MOST])
{
    size_t count = 0;
    bool ended = false;
    while (!ended) {
        char *value = next_value(at, &ended);
        if (count < COLUMNS_MOST)
            values[count] = value;
        count++;
    }
    return count;
}

static vdt_status take_line(struct vdt_window_file *file, struct vdt_window_row *row,
                            char *const values[COLUMNS_MOST], const int columns[KNOWN],
                            struct vdt_error *error)
{
    int64_t *const numbers[] = {&row->col, &row->row, &row->cols, &row->rows};
    for (int i = COL; i <= ROWS; i++) {
        const char *text = columns[i] < 0 ? "" : values[columns[i]];
        bool empty = text[0] == '\0' && i >= COLS;
        if (!empty && !whole_number(text, numbers[i]))
            return vdt_window_file_fail(file, row, "col, row, cols and rows are whole numbers",
                                        error);
    }
    const char *scene = columns[SCENE] < 0 ? "" : values[columns[SCENE]];
    const char *group = columns[GROUP] < 0 ? "" : values[columns[GROUP]];
    if (scene[0] != '\0' && (row->scene = vdt_copy_string(scene)) == NULL)
        return vdt_fail_memory(error, file->path);
    return group[0] == '\0' ? VDT_OK : vdt_window_file_group(file, row, group, error);
}

static vdt_status take_header(const struct vdt_window_file *file, char *const values[COLUMNS_MOST],
                              size_t count, int columns[KNOWN], struct vdt_error *error)
{
    for (int i = 0; i < KNOWN; i++) {
        columns[i] = -1;
        for (size_t k = 0; k < count && k < COLUMNS_MOST; k++)
            if (strcmp(values[k], names[i]) == 0)
                columns[i] = (int)k;
    }
    if (columns[COL] >= 0 && columns[ROW] >= 0 && count <= COLUMNS_MOST)
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_FORMAT,
                    "%s: line 1: names no columns col and row: begin with a line like "
                    "scene,col,row,group",
                    file->path);
}

vdt_status vdt_window_csv_read(struct vdt_window_file *file, char *text, struct vdt_error *error)
{
    char *values[COLUMNS_MOST], *at = text;
    int columns[KNOWN];
    size_t header = cut_line(&at, values);
    vdt_status status = take_header(file, values, header, columns, error);
    for (int64_t line = 2; status == VDT_OK && *at != '\0'; line++) {
        struct vdt_window_row *row = NULL;
        size_t count = cut_line(&at, values);
        if (count == 1 && values[0][0] == '\0')
            continue;
        status = vdt_window_file_add(file, line, &row, error);
        if (status == VDT_OK && count != header)
            status = vdt_window_file_fail(
                file, row, "it has another number of values than the first line", error);
        if (status == VDT_OK)
            status = take_line(file, row, values, columns, error);
    }
    return status;
}
