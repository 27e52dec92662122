/* The one way to fail: return vdt_fail(error, VDT_ERR_FORMAT, "%s: no image", path); */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <vedatile/error.h>

/* Fills *error (may be NULL) and returns `status`. */
vdt_status vdt_fail(struct vdt_error *error, vdt_status status, const char *format, ...)
    VDT_PRINTF(3, 4);

/* "<what>: <strerror(errno)>", with VDT_ERR_NOT_FOUND, _EXISTS, _MEMORY, _FULL or _IO by errno. */
vdt_status vdt_fail_errno(struct vdt_error *error, const char *what);

/* "<what>: out of memory" */
vdt_status vdt_fail_memory(struct vdt_error *error, const char *what);

#endif
