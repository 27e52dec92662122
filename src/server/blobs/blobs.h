/* Where the bytes of stores lie: blobs, each a run of bytes of fixed size under a random name.
 *
 * A blob is written once. It is staged with its size, filled by writes at any place and in any
 * order, and sealed; from then on it never changes. What refers to a blob is in the database; a
 * place of blobs knows nothing of stores. Nothing here needs renames, links or mappings, so a
 * driver over an object store can stage on a local disk and send on seal.
 *
 * Any thread may use a place; reads and writes of one blob may run side by side, writes of the same
 * bytes too when they write the same. VDT_ERR_FULL says that no room is left. */
#ifndef SERVER_BLOBS_BLOBS_H
#define SERVER_BLOBS_BLOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vedatile/error.h>

enum { VDT_BLOB_NAME = 33 }; /* 32 characters of hex and a NUL */

struct vdt_blobs; /* a place of blobs */
struct vdt_blob;  /* one that is open */

struct vdt_blob_stat {
    uint64_t size;
    int64_t changed; /* microseconds since 1970, UTC */
};

/* Called by vdt_blobs_list(); anything but VDT_OK ends the list and is its result. */
typedef vdt_status (*vdt_blob_each)(void *payload, const char *name,
                                    const struct vdt_blob_stat *stat, struct vdt_error *error);

/* A driver: what a kind of place can do. The calls below say what each member promises. */
struct vdt_blobs_ops {
    const char *kind; /* "folder" */
    void (*free)(struct vdt_blobs *blobs);
    vdt_status (*stage)(struct vdt_blobs *blobs, const char *name, uint64_t size,
                        struct vdt_blob **blob, struct vdt_error *error);
    vdt_status (*open)(struct vdt_blobs *blobs, const char *name, struct vdt_blob **blob,
                       struct vdt_error *error);
    vdt_status (*stat)(struct vdt_blobs *blobs, const char *name, struct vdt_blob_stat *stat,
                       struct vdt_error *error);
    vdt_status (*remove)(struct vdt_blobs *blobs, const char *name, struct vdt_error *error);
    vdt_status (*list)(struct vdt_blobs *blobs, vdt_blob_each each, void *payload,
                       struct vdt_error *error);
    vdt_status (*copy)(struct vdt_blobs *blobs, const char *name, struct vdt_blobs *to,
                       struct vdt_error *error); /* NULL: read and written */
    vdt_status (*read)(struct vdt_blob *blob, void *data, size_t size, uint64_t at,
                       struct vdt_error *error);
    vdt_status (*write)(struct vdt_blob *blob, const void *data, size_t size, uint64_t at,
                        struct vdt_error *error);
    vdt_status (*seal)(struct vdt_blob *blob, struct vdt_error *error);
    int (*descriptor)(const struct vdt_blob *blob); /* NULL: there are none */
    void (*close)(struct vdt_blob *blob);
};

/* What every driver's structs begin with. */
struct vdt_blobs {
    const struct vdt_blobs_ops *ops;
};
struct vdt_blob {
    const struct vdt_blobs_ops *ops;
    uint64_t size;
    char name[VDT_BLOB_NAME];
};

/* The folder driver: FOLDER/ab/<32 hex>. The folder is made when it is not there; `path` is copied.
 */
vdt_status vdt_blobs_open_folder(const char *path, struct vdt_blobs **blobs,
                                 struct vdt_error *error);
void vdt_blobs_free(struct vdt_blobs *blobs); /* NULL: nothing */

/* A new random name. VDT_ERR_IO when the system has no random bytes. */
vdt_status vdt_blob_name(char name[VDT_BLOB_NAME], struct vdt_error *error);
bool vdt_blob_name_is_valid(const char *name);

/* Opens a blob for writing and reading: a new one, with room for all of `size` set aside, or one
 * that was staged before with whatever was written to it. VDT_ERR_MISMATCH when it has another
 * size. */
vdt_status vdt_blobs_stage(struct vdt_blobs *blobs, const char *name, uint64_t size,
                           struct vdt_blob **blob, struct vdt_error *error);

/* Opens a blob for reading. */
vdt_status vdt_blobs_open(struct vdt_blobs *blobs, const char *name, struct vdt_blob **blob,
                          struct vdt_error *error);
vdt_status vdt_blobs_stat(struct vdt_blobs *blobs, const char *name, struct vdt_blob_stat *stat,
                          struct vdt_error *error);

/* Removes a blob; one that is not there is no error. Who has it open may go on reading. */
vdt_status vdt_blobs_remove(struct vdt_blobs *blobs, const char *name, struct vdt_error *error);

/* All blobs, in no order. Names that are none of ours are passed over. */
vdt_status vdt_blobs_list(struct vdt_blobs *blobs, vdt_blob_each each, void *payload,
                          struct vdt_error *error);

/* The same blob in another place, sealed there. A folder links it where it can: sealed blobs never
 * change. One that is there with the right size is left as it is. */
vdt_status vdt_blobs_copy(struct vdt_blobs *blobs, const char *name, struct vdt_blobs *to,
                          struct vdt_error *error);

/* Whole reads and writes within the blob's size; beyond it VDT_ERR_FORMAT. */
vdt_status vdt_blob_read(struct vdt_blob *blob, void *data, size_t size, uint64_t at,
                         struct vdt_error *error);
vdt_status vdt_blob_write(struct vdt_blob *blob, const void *data, size_t size, uint64_t at,
                          struct vdt_error *error);

/* After VDT_OK all that was written outlives a loss of power. */
vdt_status vdt_blob_seal(struct vdt_blob *blob, struct vdt_error *error);

/* Borrowed from the blob; -1: this place has no descriptors, read with vdt_blob_read(). */
int vdt_blob_descriptor(const struct vdt_blob *blob);
void vdt_blob_close(struct vdt_blob *blob); /* NULL: nothing */

static inline void vdt_blob_release(struct vdt_blob **blob)
{
    vdt_blob_close(*blob);
}

#endif
