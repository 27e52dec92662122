/* What a reader holds; for reader_open.c, reader.c and what else reads through it. */
#ifndef STORE_READER_STATE_H
#define STORE_READER_STATE_H

#include "store/column.h"
#include "store/file.h"
#include "store/header.h"
#include "store/reader.h"
#include "store/view.h"

struct vdt_reader_group {
    char *name;
    uint64_t count;
    uint64_t *box_offsets;  /* [count + 1], or NULL */
    uint64_t *text_offsets; /* [count + 1] */
    struct vdt_extent extents[VDT_ARRAYS];
};

struct vdt_reader {
    char *path;
    struct vdt_file *file;
    struct vdt_header header;
    struct vdt_reader_group *groups;
    size_t group_count;
    struct vdt_scene_row *scene_rows;
    struct vdt_scene_record *scenes;
    char (*scene_texts)[VDT_SCENE_DIGEST + 1 + VDT_SCENE_ACQUIRED + 1];
    size_t scene_count;
    char (*crs)[VDT_CRS_WKT];
    size_t crs_count;
    struct vdt_stored_view *views;
    size_t view_count;
};

#endif
