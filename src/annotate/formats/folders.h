/* Folders with a label file for each sample. Private to annotate/. */
#ifndef ANNOTATE_FOLDERS_H
#define ANNOTATE_FOLDERS_H

#include "annotate/formats/exchange_sets.h"

/* Paths of a folder's files with that end (".txt"), below it too, sorted; owned. */
struct vdt_paths {
    char **paths;
    size_t count, capacity;
};
vdt_status vdt_paths_find(const char *folder, const char *end, struct vdt_paths *list,
                          struct vdt_error *error);
void vdt_paths_clear(struct vdt_paths *list);

/* A whole text file with a NUL behind it; owned. */
vdt_status vdt_text_read(const char *path, char **text, size_t *size, struct vdt_error *error);

/* The staged sample of a label file, with the size of its image where that is known from the set:
 * found by its name without folder and extension. *rows 0: not known. */
vdt_status vdt_folder_sample(struct vdt_staged *staged, struct vdt_annotations *set,
                             const char *path, uint32_t *sample, uint32_t *rows, uint32_t *cols,
                             struct vdt_error *error);

/* FOLDER/NAME.END of a sample: its reference without the extension, as the name of files. Owned;
 * NULL: memory is out. */
char *vdt_folder_file(const char *folder, const char *reference, const char *end);

#endif
