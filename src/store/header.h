/* What stands at the root of a store: attributes, the names of its groups, scenes and CRSs. */
#ifndef STORE_HEADER_H
#define STORE_HEADER_H

#include <hdf5.h>
#include <vedatile/error.h>
#include <vedatile/store.h>

#include "store/file.h"
#include "store/layout.h"

/* Owned strings; {0} is empty. */
struct vdt_header {
    struct vdt_layout layout;
    char *format;
    char *uuid;
    char *created_at;
    char *producer;
    char *feed_config;   /* JSON array, one object a feed */
    char *split;         /* JSON object, "{}" without a split */
    char *feed_failures; /* JSON array, "[]" without any */
    char *scene_members; /* JSON object, "{}" without joined scenes */
    char *times;         /* JSON array, "[]" without a time axis */
};
void vdt_header_clear(struct vdt_header *header);

/* A new header for a spec: uuid and time are made here. */
vdt_status vdt_header_make(struct vdt_header *header, const struct vdt_store_spec *spec,
                           struct vdt_error *error);
vdt_status vdt_header_write(hid_t file, const struct vdt_header *header, struct vdt_error *error);

/* Reads and checks. A file of another program, or of a later format, is refused by name. */
vdt_status vdt_header_read(hid_t file, const char *path, struct vdt_header *header,
                           struct vdt_error *error);

/* Names of the groups of samples, sorted; owned (vdt_h5_free_texts). */
vdt_status vdt_header_groups(hid_t file, const char *path, char ***names, size_t *count,
                             struct vdt_error *error);

/* /scenes and /crs: rows of fixed text, compressed. `rows` of read is owned. */
enum vdt_table { VDT_TABLE_SCENES, VDT_TABLE_CRS };
size_t vdt_table_row_bytes(enum vdt_table table);
vdt_status vdt_table_create(hid_t file, enum vdt_table table, struct vdt_error *error);
vdt_status vdt_table_append(hid_t file, enum vdt_table table, const void *row,
                            struct vdt_error *error);
vdt_status vdt_table_read(struct vdt_file *file, hid_t h5, enum vdt_table table, void **rows,
                          size_t *count, struct vdt_error *error);

#endif
