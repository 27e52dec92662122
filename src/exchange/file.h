/* Folders and text files that an export writes. */
#ifndef EXCHANGE_FILE_H
#define EXCHANGE_FILE_H

#include <stdio.h>
#include <vedatile/error.h>
#include <vedatile/store.h>

#include "base/json.h"

/* A key as the name of files: letters, digits, '_' and '-' stay, the rest becomes %XX. Different
 * keys have different names, and no name has a dot or a slash. Room for 3 * VDT_KEY_SIZE. */
void vdt_file_name(const char *key, char *name);

/* FOLDER/a/b..., owned; the names end with NULL. NULL: memory is out. */
char *vdt_path_join(const char *folder, ...) __attribute__((sentinel));

/* Makes a folder and those above it up to (not) `root`, where they are missing. */
vdt_status vdt_make_folders(const char *root, const char *path, struct vdt_error *error);

/* Removes a folder with all that is in it; links are removed, not followed. */
vdt_status vdt_remove_tree(const char *path, struct vdt_error *error);

bool vdt_path_exists(const char *path);

/* A text file; every failure to write shows at the end. */
struct vdt_text_file {
    FILE *file; /* NULL: none is open */
    char *path;
};
vdt_status vdt_text_open(struct vdt_text_file *text, const char *path, struct vdt_error *error);
/* Closes; a failure says which file. */
vdt_status vdt_text_close(struct vdt_text_file *text, struct vdt_error *error);
/* After a failure: closes and says nothing. For a file that is not open nothing happens. */
void vdt_text_abandon(struct vdt_text_file *text);

/* Canonical JSON and, when `line` is true, a line's end. Takes `value`; NULL is memory that is out.
 */
vdt_status vdt_text_json(struct vdt_text_file *text, json_t *value, bool line,
                         struct vdt_error *error);

/* A whole file of bytes. */
vdt_status vdt_write_file(const char *path, const void *data, size_t size, struct vdt_error *error);

#endif
