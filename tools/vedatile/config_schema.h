/* What configuration files may say, and what one says, as JSON. */
#ifndef TOOL_CONFIG_SCHEMA_H
#define TOOL_CONFIG_SCHEMA_H

#include "options.h"

/* The JSON Schema of a command's configuration files on stdout. Returns an exit code. */
int config_schema(const struct command *command);

/* The options that were given, as a configuration file, on stdout. Returns an exit code. */
int config_print(const struct command *command, const struct config_values *config,
                 const void *values);

#endif
