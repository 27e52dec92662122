/* Scenes over the network: names, settings, and tries after a failure. */
#ifndef SOURCE_REMOTE_H
#define SOURCE_REMOTE_H

#include <stdbool.h>
#include <stdint.h>
#include <vedatile/error.h>

/* Whether GDAL reads it over the network: a URL, or a name with one of GDAL's handlers such as
 * /vsicurl/ and /vsis3/. */
bool vdt_is_remote(const char *path);

/* The name that GDAL has for it: /vsicurl/https://... for https://..., /vsis3/... for s3://...,
 * else the path itself. Owned; NULL: memory is out. */
char *vdt_gdal_name(const char *path);

/* While one is begun for a remote path, this thread's GDAL reads with settings for many small reads
 * of one file; what the user has set stays. Nothing for other paths.
 *   vdt_cleanup(vdt_remote_end) struct vdt_remote remote;
 *   vdt_remote_begin(&remote, path); */
struct vdt_remote {
    bool begun;
    uint32_t set; /* bit i: setting i was set by us */
};
void vdt_remote_begin(struct vdt_remote *remote, const char *path);
void vdt_remote_end(struct vdt_remote *remote);

/* A remote file, whole and of the size that the server says, as a file in memory: not every driver
 * notices an answer that ends early. With NAME.shp come its .shx, .dbf, .prj and .cpg. *name is
 * owned and released by vdt_remote_drop; NULL for a path that is not remote. */
vdt_status vdt_remote_fetch(const char *path, char **name, struct vdt_error *error);
void vdt_remote_drop(char **name);

/* Requests that this process makes over the network between the two, and what came. Counting is
 * GDAL's, one for the process; `count` false counts nothing. */
struct vdt_traffic {
    uint64_t requests, bytes;
};
void vdt_traffic_begin(bool count);
struct vdt_traffic vdt_traffic_end(bool count);

/* After the failure `error` of try `tried` (from 0): whether to try again. If so, what GDAL holds
 * of the file is forgotten, for it may be what was cut short, and some time has passed: 0.2 s,
 * twice as much each time. Not for local paths, what is refused or not there, and after 5 tries
 * more. */
bool vdt_remote_again(const char *path, const struct vdt_error *error, unsigned tried);

#endif
