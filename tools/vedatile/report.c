/* Errors are one line whatever is in them: file names and class names may hold anything. */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>

#include "text.h"

static void report_line(const struct command *command, const char *kind, const char *message)
{
    fprintf(stderr, "vedatile%s%s: %s", command ? " " : "", command ? command->name : "", kind);
    text_print(stderr, message);
    fputc('\n', stderr);
}

static void report_format(const struct command *command, const char *format, va_list arguments)
{
    char message[1400];
    vsnprintf(message, sizeof message, format, arguments);
    report_line(command, "", message);
}

int report_failed(const struct command *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    report_format(command, format, arguments);
    va_end(arguments);
    return EXIT_FAILED;
}

int report_wrong(const struct command *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    report_format(command, format, arguments);
    va_end(arguments);
    return EXIT_WRONG;
}

int report_error(const struct command *command, const struct vdt_error *error)
{
    report_line(command, "", error->message[0] ? error->message : vdt_status_name(error->status));
    return error->status == VDT_ERR_ARGUMENT ? EXIT_WRONG : EXIT_FAILED;
}

void report_warning(const struct command *command, const char *message)
{
    report_line(command, "warning: ", message);
}

vdt_status error_set(struct vdt_error *error, vdt_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    error->status = status;
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return status;
}

vdt_status error_memory(struct vdt_error *error)
{
    return error_set(error, VDT_ERR_MEMORY, "out of memory");
}
