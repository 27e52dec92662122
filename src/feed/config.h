/* What a feed was asked to do, as the store keeps it. */
#ifndef FEED_CONFIG_H
#define FEED_CONFIG_H

#include "feed/plan.h"

/* The store's list of feeds (`stored`, a JSON array) with this one added unless it is there: owned
 * canonical JSON text; *place is this feed's in the list, from 1. Paths are relative to the store;
 * how many threads ran does not matter. The member `options` is as vdt_config_options has it. */
vdt_status vdt_config_add(const struct vdt_plan *plan, const char *stored, char **text,
                          size_t *place, struct vdt_error *error);

#endif
