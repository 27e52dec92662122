/* Exact windows from a file: CSV, JSON or GeoJSON. */
#ifndef FEED_WINDOW_FILE_H
#define FEED_WINDOW_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vedatile/error.h>
#include <vedatile/types.h>

#include "source/scenes/scene.h"

/* One window as the file has it. */
struct vdt_window_row {
    int64_t number; /* of its line in CSV, else of its entry, from 1 */
    char *scene;    /* NULL: not named */
    int64_t col, row;
    int64_t cols, rows;   /* 0: the tile's */
    double (*outline)[2]; /* ground coordinates, in place of col and row; else NULL */
    size_t outline_count;
    int group;    /* into groups; -1: none named */
    bool matched; /* its scene is among the images */
};

/* {0} is empty. */
struct vdt_window_file {
    const char *path; /* borrowed */
    bool csv;
    char *crs; /* of outlines */
    struct vdt_window_row *rows;
    size_t count, capacity;
    char (*groups)[64]; /* in the order of the file */
    size_t group_count, group_capacity;
};
void vdt_window_file_clear(struct vdt_window_file *file);

/* Reads all of it; rows that cannot be understood are named by line or entry. */
vdt_status vdt_window_file_read(struct vdt_window_file *file, const char *path,
                                struct vdt_error *error);

/* A failure that names the row: "FILE: line 7: what". */
vdt_status vdt_window_file_fail(const struct vdt_window_file *file,
                                const struct vdt_window_row *row, const char *what,
                                struct vdt_error *error);

/* Where a row's window lies in a scene, for tiles of that size (sizes that differ are refused). */
vdt_status vdt_window_file_place(const struct vdt_window_file *file,
                                 const struct vdt_window_row *row, struct vdt_scene *scene,
                                 const struct vdt_tile_spec *tile, struct vdt_window *window,
                                 struct vdt_error *error);

#endif
