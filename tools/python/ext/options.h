/* The options of loaders and of take. */
#ifndef EXT_OPTIONS_H
#define EXT_OPTIONS_H

#include "ext.h"

/* What struct vdt_loader_options points to; cleared by ext_options_clear. */
struct ext_options {
    struct vdt_loader_options loader;
    struct vdt_loader_state resume;
    uint32_t *bands;
    double *mean;
    double *std;
    double *weights;
};

/* Fills *options, which is {0}, from keywords (NULL: none) for images of so many bands. The caller
 * clears it, also after a failure. */
int ext_options_parse(const struct ext_state *state, PyObject *keywords, size_t bands,
                      const char *function, struct ext_options *options);
void ext_options_clear(struct ext_options *options);

#endif
