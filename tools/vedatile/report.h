/* One-line errors on stderr, and the exit code that goes with them. */
#ifndef TOOL_REPORT_H
#define TOOL_REPORT_H

#include <stddef.h>
#include <vedatile/error.h>

#include "command.h"

#if defined(__GNUC__)
#define TOOL_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define TOOL_PRINTF(text, first)
#endif

/* "vedatile NAME: message"; `command` may be NULL. Returns EXIT_FAILED. */
int report_failed(const struct command *command, const char *format, ...) TOOL_PRINTF(2, 3);

/* The same for wrong usage. Returns EXIT_WRONG. */
int report_wrong(const struct command *command, const char *format, ...) TOOL_PRINTF(2, 3);

/* The library's message. Returns EXIT_WRONG for VDT_ERR_ARGUMENT, else EXIT_FAILED. */
int report_error(const struct command *command, const struct vdt_error *error);

/* "vedatile NAME: warning: message"; does not end anything. */
void report_warning(const struct command *command, const char *message);

/* Fills an error as the library does. Returns `status`. */
vdt_status error_set(struct vdt_error *error, vdt_status status, const char *format, ...)
    TOOL_PRINTF(3, 4);

/* The error for memory that cannot be had. Returns VDT_ERR_MEMORY. */
vdt_status error_memory(struct vdt_error *error);

#endif
