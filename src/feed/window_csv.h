/* The rows of a list of windows in CSV. Private to feed/window_*.c. */
#ifndef FEED_WINDOW_CSV_H
#define FEED_WINDOW_CSV_H

#include "feed/window_file.h"

/* Changes the text. The first line names the columns: col and row, and scene, cols, rows, group
 * where there are; others are passed over. Values may stand in double quotes (RFC 4180). */
vdt_status vdt_window_csv_read(struct vdt_window_file *file, char *text, struct vdt_error *error);

/* window_file.c: a row of the file, and its group by name. */
vdt_status vdt_window_file_add(struct vdt_window_file *file, int64_t number,
                               struct vdt_window_row **row, struct vdt_error *error);
vdt_status vdt_window_file_group(struct vdt_window_file *file, struct vdt_window_row *row,
                                 const char *name, struct vdt_error *error);

#endif
