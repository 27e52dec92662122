/* File names and the few file operations that the C library lacks. */
#ifndef BASE_PATH_H
#define BASE_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vedatile/error.h>

/* path + suffix, owned; NULL when memory is out. */
char *vdt_path_with(const char *path, const char *suffix);

/* The file's name without folders and without its last extension, owned. */
char *vdt_path_stem(const char *path);

/* `path` as seen from the folder of the file `from` ("../b/x.tif"), owned: never absolute where the
 * file or its folder is there. URLs and GDAL's virtual names ("/vsi...", "NETCDF:...") that are no
 * files here are copied as they are. */
char *vdt_path_relative(const char *path, const char *from);

/* fsync of the folder that holds `path`, so that a rename or unlink in it is durable. */
vdt_status vdt_sync_folder(const char *path, struct vdt_error *error);

/* Whole reads and writes at an offset; `what` names the file in messages. A read past the end of
 * the file is VDT_ERR_FORMAT ("ends at ..."). */
vdt_status vdt_read_at(int fd, void *data, size_t size, uint64_t offset, const char *what,
                       struct vdt_error *error);
vdt_status vdt_write_at(int fd, const void *data, size_t size, uint64_t offset, const char *what,
                        struct vdt_error *error);

#endif
