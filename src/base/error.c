/* Statuses and the caller-owned message. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

vdt_status vdt_fail(struct vdt_error *error, vdt_status status, const char *format, ...)
{
    if (error == NULL)
        return status;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    /* Library texts may come with line breaks; a message is one line. */
    for (char *c = error->message; *c != '\0'; c++)
        if (*c == '\n' || *c == '\r')
            *c = ' ';
    error->status = status;
    return status;
}

vdt_status vdt_fail_errno(struct vdt_error *error, const char *what)
{
    int code = errno;
    vdt_status status = code == ENOENT                     ? VDT_ERR_NOT_FOUND
                        : code == EEXIST                   ? VDT_ERR_EXISTS
                        : code == ENOMEM                   ? VDT_ERR_MEMORY
                        : code == ENOSPC || code == EDQUOT ? VDT_ERR_FULL
                                                           : VDT_ERR_IO;
    char text[128] = "";
    strerror_r(code, text, sizeof text);
    return vdt_fail(error, status, "%s: %s", what, text);
}

vdt_status vdt_fail_memory(struct vdt_error *error, const char *what)
{
    return vdt_fail(error, VDT_ERR_MEMORY, "%s: out of memory", what);
}

const char *vdt_status_name(vdt_status status)
{
    switch (status) {
    case VDT_OK: return "VDT_OK";
    case VDT_END: return "VDT_END";
    case VDT_ERR_ARGUMENT: return "VDT_ERR_ARGUMENT";
    case VDT_ERR_MEMORY: return "VDT_ERR_MEMORY";
    case VDT_ERR_IO: return "VDT_ERR_IO";
    case VDT_ERR_FORMAT: return "VDT_ERR_FORMAT";
    case VDT_ERR_NOT_FOUND: return "VDT_ERR_NOT_FOUND";
    case VDT_ERR_EXISTS: return "VDT_ERR_EXISTS";
    case VDT_ERR_UNSUPPORTED: return "VDT_ERR_UNSUPPORTED";
    case VDT_ERR_MISMATCH: return "VDT_ERR_MISMATCH";
    case VDT_ERR_BUSY: return "VDT_ERR_BUSY";
    case VDT_ERR_CANCELLED: return "VDT_ERR_CANCELLED";
    case VDT_ERR_FULL: return "VDT_ERR_FULL";
    case VDT_ERR_DENIED: return "VDT_ERR_DENIED";
    }
    return "unknown status";
}
