/* GDAL's own messages, caught instead of printed. Private to source/. */
#ifndef SOURCE_QUIET_H
#define SOURCE_QUIET_H

#include <stdbool.h>
#include <vedatile/error.h>

/* While one is begun, this thread's GDAL messages end up here. Scopes nest:
 *   vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
 *   vdt_quiet_begin(&quiet); */
struct vdt_quiet {
    unsigned failures; /* errors */
    unsigned damage;   /* warnings that data are cut short or corrupt */
    char text[384];    /* the first of them: the cause; those after it are consequences */
};

/* Registers GDAL's drivers too, the first time. */
void vdt_quiet_begin(struct vdt_quiet *quiet);
void vdt_quiet_end(struct vdt_quiet *quiet);
void vdt_quiet_reset(struct vdt_quiet *quiet);

/* GDAL's text, or `otherwise` when it said nothing. */
const char *vdt_quiet_text(const struct vdt_quiet *quiet, const char *otherwise);

/* VDT_ERR_NOT_FOUND for a plain file name that names nothing; VDT_OK for what only GDAL can judge
 * ("/vsicurl/...", "NETCDF:..."). */
vdt_status vdt_check_exists(const char *path, struct vdt_error *error);

#endif
