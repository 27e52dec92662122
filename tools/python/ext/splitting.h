/* What split.c and feed.c share. */
#ifndef SPLITTING_H
#define SPLITTING_H

#include <vedatile/feed.h>

#include "ext.h"

/* The dict `split` of groups and shares. */
struct ext_shares {
    struct vdt_split_share *items;
    size_t count;
    const char **names;
    PyObject *keep;
};

/* split, split_by and split_time; {0}, cleared by ext_division_clear. */
struct ext_division {
    struct ext_shares shares;
    enum vdt_split_by by;
    const char *field; /* kept by the dict */
    struct vdt_split_period *periods;
    size_t count;
    const char **names;
    PyObject *keep;
};
int ext_division_parse(const struct ext_state *state, PyObject *dict,
                       struct ext_division *division);
void ext_division_clear(struct ext_division *division);

#endif
