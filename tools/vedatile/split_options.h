/* What --split, --split-by and their like say, for feed and split. */
#ifndef TOOL_SPLIT_OPTIONS_H
#define TOOL_SPLIT_OPTIONS_H

#include <vedatile/feed.h>

#include "options.h"

struct split_by {
    enum vdt_split_by by;
    const char *field; /* of "field:F"; points into the text */
};

/* For tables: whether --split-by takes the text, and what such texts are. */
bool split_by_accepts(const char *text, char *message, size_t size);
#define SPLIT_BY_PATTERN "^(block|scene|random|time|field:.+)$"
/* The same for an item of --split-time. */
bool split_time_accepts(const char *text, char *message, size_t size);
#define SPLIT_TIME_PATTERN "^[A-Za-z0-9_-]{1,63}(=[0-9]{4}-[0-9]{2}-[0-9]{2}([T ].*)?)?$"

/* The groups of --split-time and their limits, which point into `words`, whose '=' signs are cut
 * out; *periods is owned, also when it fails. OPTIONS_RUN, or an exit code as below. */
int split_periods(const struct command *command, struct words *words,
                  struct vdt_split_period **periods);

/* The groups and shares of --split. Their names point into `words`, whose '=' signs are cut out;
 * *shares is owned, also when it fails. OPTIONS_RUN, or an exit code after one line on stderr. */
int split_shares(const struct command *command, struct words *words,
                 struct vdt_split_share **shares);

/* What --split-by says (NULL: block). */
struct split_by split_by(const char *text);

/* What is said of samples that such a split leaves out. */
const char *split_left_out(enum vdt_split_by by, double gap);

#endif
