/* --codec auto: measured, not guessed. */
#ifndef FEED_CODEC_CHOICE_H
#define FEED_CODEC_CHOICE_H

#include "feed/plan.h"

/* Reads up to 16 tiles of the first scene and takes LZ4 when it saves a sixth or more, else raw.
 * A function of the scene and the plan alone. */
vdt_status vdt_choose_codec(const struct vdt_plan *plan, enum vdt_codec *codec,
                            struct vdt_error *error);

#endif
