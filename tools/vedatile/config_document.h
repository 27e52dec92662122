/* The JSON object of a configuration file, or of a feed that a store keeps. */
#ifndef TOOL_CONFIG_DOCUMENT_H
#define TOOL_CONFIG_DOCUMENT_H

#include <jansson.h>

#include "command.h"

struct config_document {
    json_t *root;
    json_t *options; /* an object; borrowed from root */
    char *title;     /* for messages: the file, and which feed of a store */
    char *folder;    /* that relative paths are from; "" for the current one */
};

/* `path`: a file, a store, or STORE#N for the store's feed N from 1. OPTIONS_RUN, or an exit code
 * after one line on stderr. Cleared by config_document_clear whatever it returns. */
int config_document_read(const struct command *command, const char *path,
                         struct config_document *document);
void config_document_clear(struct config_document *document);

/* A path of the document as the process has to open it; owned, NULL: out of memory. */
char *config_document_path(const struct config_document *document, const char *path);

#endif
