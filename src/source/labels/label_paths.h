/* Files and folders of labels of images. Any thread. */
#ifndef SOURCE_LABEL_PATHS_H
#define SOURCE_LABEL_PATHS_H

#include <stdbool.h>
#include <stddef.h>
#include <vedatile/error.h>

/* {0} is empty. */
struct vdt_label_paths {
    char **names; /* owned by GDAL's list functions */
    size_t count;
};

bool vdt_label_is_folder(const char *path);
bool vdt_label_ends_with(const char *path, const char *end); /* small and capital letters alike */

/* The files in a folder and those below it, as seen from it, that end with `end`; sorted. Lists of
 * names and of images that YOLO's tools put beside labels are left out. */
vdt_status vdt_label_paths_list(const char *folder, const char *end, struct vdt_label_paths *list,
                                struct vdt_error *error);
void vdt_label_paths_clear(struct vdt_label_paths *list);

/* Owned; NULL: memory is out. */
char *vdt_label_path_join(const char *folder, const char *name);
/* "a/b/" of "a/b/c.txt"; "" of "c.txt". */
char *vdt_label_folder_above(const char *path);
/* A folder of images as data.yaml names it: from `root`, which itself is as seen from the file. */
char *vdt_label_split_folder(const char *yaml, const char *root, const char *folder);
/* Where the labels of a folder of images are: the last "images" of its name is "labels". */
char *vdt_label_folder_of(const char *images);

/* The file with the names of a folder's classes: data.yaml, data.yml, dataset.yaml, classes.txt or
 * obj.names in it or in one of the two folders above it; *path is owned, NULL: there is none. */
vdt_status vdt_label_names_file(const char *folder, char **path, struct vdt_error *error);

#endif
