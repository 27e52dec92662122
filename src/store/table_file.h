/* Small files of named columns and texts: HDF5 that h5py reads without us.
 *
 * A column is a contiguous dataset of numbers, [rows] or [rows][width], in the root or in a group
 * of it; a text is an attribute of the root. Nothing else is in such a file: no chunks, filters,
 * links, or types of other kinds. The text "content_sha256" is the digest of everything else:
 * SHA-256, in hex, over one line for each column and text, sorted by bytes,
 *
 *     column NAME TYPE ROWS WIDTH SHA256-OF-THE-BYTES\n       (TYPE as NumPy names it)
 *     text NAME SHA256-OF-THE-UTF-8\n
 */
#ifndef STORE_TABLE_FILE_H
#define STORE_TABLE_FILE_H

#include <stdint.h>
#include <vedatile/error.h>
#include <vedatile/types.h>

enum { VDT_TABLE_DIGEST_SIZE = 65, VDT_TABLE_NAME_SIZE = 64, VDT_TABLE_MOST_WIDTH = 64 };

/* --- writing ------------------------------------------------------------------------------- */

struct vdt_table_writer;

/* Writes PATH.part, locked; VDT_ERR_BUSY while another writes it. *writer is owned. */
vdt_status vdt_table_writer_open(const char *path, struct vdt_table_writer **writer,
                                 struct vdt_error *error);
vdt_status vdt_table_writer_text(struct vdt_table_writer *writer, const char *name,
                                 const char *text, struct vdt_error *error);
/* A column, "name" or "group/name" of letters, digits and '_'; width 1: one axis. All its bytes
 * follow, in order, by vdt_table_writer_append, before the next column begins. */
vdt_status vdt_table_writer_column(struct vdt_table_writer *writer, const char *name,
                                   enum vdt_dtype type, uint64_t rows, uint32_t width,
                                   struct vdt_error *error);
vdt_status vdt_table_writer_append(struct vdt_table_writer *writer, const void *data, size_t size,
                                   struct vdt_error *error);
/* Both at once. */
vdt_status vdt_table_writer_put(struct vdt_table_writer *writer, const char *name,
                                enum vdt_dtype type, uint64_t rows, uint32_t width,
                                const void *data, struct vdt_error *error);
/* Adds the digest, syncs and puts the file in the place of PATH, if there is one, durably.
 * `digest` may be NULL. The writer still has to be freed. */
vdt_status vdt_table_writer_finish(struct vdt_table_writer *writer,
                                   char digest[VDT_TABLE_DIGEST_SIZE], struct vdt_error *error);
/* Accepts NULL. What was not finished leaves nothing behind. */
void vdt_table_writer_free(struct vdt_table_writer *writer);

/* --- reading: any thread, but vdt_table_load of one column at a time by one thread --------- */

struct vdt_table_file;

struct vdt_table_column {
    char name[VDT_TABLE_NAME_SIZE];
    enum vdt_dtype type;
    uint64_t rows;
    uint32_t width;
    uint64_t address; /* of the first byte in the file */
    uint64_t size;    /* bytes */
    unsigned char digest[32];
    bool digested; /* it was loaded, or vdt_table_file_verify saw it */
};

/* The structure is looked at and checked: every column lies in the file. VDT_ERR_FORMAT for a file
 * that is no such file. *table is owned. */
vdt_status vdt_table_file_open(const char *path, struct vdt_table_file **table,
                               struct vdt_error *error);
void vdt_table_file_free(struct vdt_table_file *table); /* accepts NULL */

const char *vdt_table_file_path(const struct vdt_table_file *table);
/* Borrowed; NULL: there is none. */
const char *vdt_table_file_text(const struct vdt_table_file *table, const char *name);
const struct vdt_table_column *vdt_table_file_column(const struct vdt_table_file *table,
                                                     const char *name);

/* A whole column into memory, and its digest noted. `rows` UINT64_MAX: any number, which *found
 * (may be NULL) gets; else, as with type and width, VDT_ERR_FORMAT for another. *data is owned. A
 * column that is not there: VDT_ERR_FORMAT, or when `optional` is true *data is NULL. */
vdt_status vdt_table_file_load(struct vdt_table_file *table, const char *name, enum vdt_dtype type,
                               uint64_t rows, uint32_t width, bool optional, void *data,
                               uint64_t *found, struct vdt_error *error);

/* Rows of a column into the caller's memory; a pread, without a digest. */
vdt_status vdt_table_file_read(const struct vdt_table_file *table,
                               const struct vdt_table_column *column, uint64_t first, uint64_t rows,
                               void *data, struct vdt_error *error);

/* Compares the digest: columns that were not loaded are read. VDT_ERR_FORMAT when it is not that of
 * the content: the file was changed by another program, or is damaged. */
vdt_status vdt_table_file_verify(struct vdt_table_file *table, struct vdt_error *error);
/* "content_sha256" as the file has it; "" for none. */
const char *vdt_table_file_digest(const struct vdt_table_file *table);

#endif
