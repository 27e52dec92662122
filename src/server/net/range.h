/* Range, If-Range and entity tags. */
#ifndef SERVER_NET_RANGE_H
#define SERVER_NET_RANGE_H

#include <stdbool.h>
#include <stdint.h>

struct vdt_range {
    uint64_t first, size;
};

enum vdt_range_kind {
    VDT_RANGE_ALL,    /* no range that we serve: several, another unit, or nonsense */
    VDT_RANGE_PART,   /* *range is within the bytes, and not empty */
    VDT_RANGE_OUTSIDE /* 416 */
};

/* A Range header for `size` bytes. *range is set for VDT_RANGE_PART only. */
enum vdt_range_kind vdt_range_parse(const char *header, uint64_t size, struct vdt_range *range);

/* Whether `etag` (with its quotes) is in a list of If-Match or If-None-Match; "*" holds every one.
 * Weak tags compare by what they quote. */
bool vdt_etag_in_list(const char *list, const char *etag);

#endif
