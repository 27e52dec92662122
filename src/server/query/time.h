/* Dates, and the intervals that requests name. Times are those of meta/times.h. */
#ifndef SERVER_QUERY_TIME_H
#define SERVER_QUERY_TIME_H

#include <stdbool.h>
#include <stdint.h>
#include <vedatile/error.h>

/* Reads a whole text as a date ("2021-04-08"), which is its midnight in UTC. */
bool vdt_date_parse(const char *text, int64_t *time);

/* Both ends belong to it. */
struct vdt_interval {
    int64_t start; /* INT64_MIN: open */
    int64_t end;   /* INT64_MAX: open */
};

/* The parameter `datetime` of OGC API - Features: a date-time, or two with a slash between of which
 * one may be ".." or nothing. Fails with ARGUMENT. */
vdt_status vdt_interval_parse(const char *text, struct vdt_interval *interval,
                              struct vdt_error *error);

#endif
