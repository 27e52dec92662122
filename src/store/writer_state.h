/* What a writer holds; for writer_open.c and writer.c only. */
#ifndef STORE_WRITER_STATE_H
#define STORE_WRITER_STATE_H

#include "store/column.h"
#include "store/file.h"
#include "store/header.h"
#include "store/keys.h"
#include "store/writer.h"

struct vdt_writer_group {
    char *name;
    hid_t id;
    uint64_t count; /* samples, pending ones included */
    uint64_t box_count;
    uint64_t text_bytes; /* of metadata */
    struct vdt_column columns[VDT_ARRAYS];
};

struct vdt_writer {
    char *path;
    struct vdt_file *file;
    hid_t h5;
    struct vdt_header header;
    bool header_changed;
    bool failed; /* the transaction is lost; only free is left */
    struct vdt_writer_group *groups;
    size_t group_count, group_capacity;
    struct vdt_keys keys;
    char (*digests)[VDT_SCENE_DIGEST + 1];
    size_t scene_count, scene_capacity;
    struct vdt_packet packet; /* of vdt_writer_append */
    struct vdt_coder coder;
    char **crs;
    size_t crs_count, crs_capacity;
};

/* Prefixes the store's path, and prefers what the system said over what HDF5 made of it. From here
 * on nothing more reaches the file. */
vdt_status vdt_writer_lose(struct vdt_writer *writer, vdt_status status, struct vdt_error *error);

/* Remembers, in memory only, what the file has or is about to get. */
vdt_status vdt_writer_add_group(struct vdt_writer *writer, const char *name,
                                struct vdt_writer_group **group, struct vdt_error *error);
vdt_status vdt_writer_note_scene(struct vdt_writer *writer, const char *digest,
                                 struct vdt_error *error);
vdt_status vdt_writer_note_crs(struct vdt_writer *writer, const char *wkt, struct vdt_error *error);

#endif
