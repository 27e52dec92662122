/* One word of the command line -> the value of one option. */
#ifndef TOOL_OPTIONS_VALUE_H
#define TOOL_OPTIONS_VALUE_H

#include "options.h"

/* False with what is wrong in `message`; "out of memory" included. */
bool value_parse(const struct option *option, const char *text, void *target, char *message,
                 size_t size);

/* Releases what value_parse allocated, if anything. */
void value_clear(const struct option *option, void *target);

/* A finite decimal number and nothing else. */
bool value_real(const char *text, double *value);

#endif
