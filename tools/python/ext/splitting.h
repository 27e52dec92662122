/* What split.c and feed.c share. */
#ifndef SPLITTING_H
#define SPLITTING_H

#include <vedatile/feed.h>

#include "ext.h"

extern const struct ext_word ext_split_by[];

/* The dict `split` of groups and shares; {0}, cleared by ext_shares_clear. */
struct ext_shares {
    struct vdt_split_share *items;
    size_t count;
    const char **names;
    PyObject *keep;
};
int ext_shares_parse(const struct ext_state *state, PyObject *dict, struct ext_shares *shares);
void ext_shares_clear(struct ext_shares *shares);

#endif
