/* Configuration files: the long options of a command as members of a JSON object, read by the table
 * of options itself. A store is one too: it keeps the options of its feeds. */
#ifndef TOOL_CONFIG_FILE_H
#define TOOL_CONFIG_FILE_H

#include "options.h"

/* Reads config->path, a file or STORE or STORE#N, into `values`: members that the command line has
 * not given and does not exclude. Sets config->title and config->given. OPTIONS_RUN, or an exit
 * code after one line on stderr that names the file and the member. */
int config_load(const struct command *command, struct config_values *config, void *values);

#endif
