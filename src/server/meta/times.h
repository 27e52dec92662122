/* Times of the catalog: microseconds since 1970, UTC. */
#ifndef SERVER_META_TIMES_H
#define SERVER_META_TIMES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"

enum { VDT_TIME_ROOM = 40 };
#define VDT_SECOND INT64_C(1000000)
#define VDT_DAY (86400 * VDT_SECOND)

int64_t vdt_time_now(void);

/* RFC 3339: "2026-11-21T21:50:00Z", with a fraction where there is one. Years 0 to 9999. */
void vdt_time_text(int64_t time, char text[VDT_TIME_ROOM]);

/* The same as JSON; new reference. */
json_t *vdt_time_json(int64_t time);

/* Reads RFC 3339 with a zone ("Z", "+01:00"); lower-case t and z count. False when it is none. */
bool vdt_time_parse(const char *text, int64_t *time);

#endif
