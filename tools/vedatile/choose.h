/* Which samples a sheet shows. */
#ifndef TOOL_CHOOSE_H
#define TOOL_CHOOSE_H

#include "labels.h"

struct choice {
    const char *group;       /* NULL: train or the first one; with keys: all */
    const char *class_name;  /* NULL: whatever the labels */
    const char *const *keys; /* these samples, in this order */
    size_t key_count;
    size_t count; /* at most */
    bool random;  /* by seed; else evenly spaced */
    uint64_t seed;
};

struct chosen {
    struct sample_ref *samples;
    size_t count;    /* positive */
    uint64_t of;     /* candidates */
    char title[160]; /* "train", "train with roof" */
};

/* VDT_ERR_NOT_FOUND when there is nothing to show. On success choose_clear releases it. */
vdt_status choose_samples(const struct vdt_reader *reader, const struct choice *choice,
                          struct chosen *chosen, struct vdt_error *error);

void choose_clear(struct chosen *chosen);

#endif
