/* What a feed could not read: as lines, as JSON, from a run or from a store. */
#ifndef TOOL_FAILURE_LIST_H
#define TOOL_FAILURE_LIST_H

#include <jansson.h>
#include <stdio.h>
#include <vedatile/feed.h>

/* {0} is empty. */
struct failure_list {
    json_t *items; /* array of {"scene", "window", "message"}; NULL: none yet */
};
void failure_list_clear(struct failure_list *list);

/* Adds one; past memory's end the list is shorter. */
void failure_list_add(struct failure_list *list, const struct vdt_feed_failure *failure);

size_t failure_list_count(const struct failure_list *list);

/* One line each with what the message leaves out, at most `most` and then how many more there are.
 */
void failure_list_print(FILE *file, const json_t *items, size_t most, const char *before,
                        const char *more);

#endif
