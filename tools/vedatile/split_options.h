/* What --split, --split-by and their like say, for feed and split. */
#ifndef TOOL_SPLIT_OPTIONS_H
#define TOOL_SPLIT_OPTIONS_H

#include <vedatile/feed.h>

#include "options.h"

struct split_by {
    enum vdt_split_by by;
};

/* The groups and shares of --split. Their names point into `words`, whose '=' signs are cut out;
 * *shares is owned, also when it fails. OPTIONS_RUN, or an exit code after one line on stderr. */
int split_shares(const struct command *command, struct words *words,
                 struct vdt_split_share **shares);

/* What --split-by says (NULL: block). OPTIONS_RUN, or an exit code as above. */
int split_by(const struct command *command, const char *text, struct split_by *by);

#endif
