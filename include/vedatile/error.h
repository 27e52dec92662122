/* How every vedatile call reports failure. */
#ifndef VEDATILE_ERROR_H
#define VEDATILE_ERROR_H

#include "vedatile/export.h"

VDT_BEGIN_DECLS

/* Zero is success, positive is an expected outcome, negative is a failure. */
typedef enum vdt_status {
    VDT_OK = 0,
    VDT_END = 1, /* iteration finished; no message is set */

    VDT_ERR_ARGUMENT = -1, /* the caller asked for something that makes no sense */
    VDT_ERR_MEMORY = -2,
    VDT_ERR_IO = -3,     /* the operating system refused */
    VDT_ERR_FORMAT = -4, /* input is not what it claims to be */
    VDT_ERR_NOT_FOUND = -5,
    VDT_ERR_EXISTS = -6,
    VDT_ERR_UNSUPPORTED = -7, /* valid, but this build cannot do it */
    VDT_ERR_MISMATCH = -8,    /* two inputs contradict each other; both values are named */
    VDT_ERR_BUSY = -9,        /* another process is writing */
    VDT_ERR_CANCELLED = -10,  /* a progress callback asked to stop */
    VDT_ERR_FULL = -11,       /* no room is left where it should be written */
    VDT_ERR_DENIED = -12      /* the caller may not do that */
} vdt_status;

/* Filled by the call that detects a failure and left alone by its callers.
 * Put it on the stack; pass NULL anywhere to do without the message.
 * The message is one line of UTF-8: the thing first, then what is wrong, then what to do. */
struct vdt_error {
    vdt_status status;
    char message[1024];
};

/* The name of a status, for logs: "VDT_ERR_FORMAT". Never NULL. Any thread. */
VDT_API const char *vdt_status_name(vdt_status status);

VDT_END_DECLS
#endif
