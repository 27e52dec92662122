/* The options of matching, checked and copied. */
#ifndef EVAL_MATCH_OPTIONS_H
#define EVAL_MATCH_OPTIONS_H

#include "eval/match.h"

/* Fills *options, which is cleared by the caller, also after a failure. */
vdt_status vdt_match_options_read(const struct vdt_detection_options *given,
                                  struct vdt_match_options *options, struct vdt_error *error);
void vdt_match_options_clear(struct vdt_match_options *options);

/* Orders cells by category, then image. */
static inline uint64_t vdt_cell_key(uint32_t category, uint32_t image)
{
    return (uint64_t)category << 32 | image;
}

#endif
