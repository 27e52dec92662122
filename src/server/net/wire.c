/* Up to 0.9.75 libmicrohttpd takes NULs in a request's head and ends its texts there. It makes
 * these texts in its buffer: it writes NULs over blanks, colons and line ends. So between one text
 * and the next, in their order on the wire, there may be nothing but such bytes. Later versions
 * refuse NULs themselves. */
#include "server/net/wire.h"

#include <string.h>

#if MHD_VERSION < 0x00097600

struct walk {
    const char *at, *end; /* up to here all is known; the end of the head */
    bool whole;
};

/* Goes on to the text at `next`. */
static void step(struct walk *walk, const char *next)
{
    if (next < walk->at || next > walk->end) {
        walk->whole = false; /* of several lines in one: it was copied elsewhere */
        return;
    }
    for (; walk->at < next; walk->at++)
        if (!memchr("\0\r\n\t ", *walk->at, 5))
            walk->whole = false;
}

static enum MHD_Result step_header(void *payload, enum MHD_ValueKind kind, const char *name,
                                   size_t name_size, const char *value, size_t value_size)
{
    struct walk *walk = payload;
    (void)kind;
    step(walk, name);
    if (value != name + name_size && value) {
        walk->at = name + name_size + 1; /* the colon, now NUL */
        step(walk, value);
        walk->at = value + value_size;
    } else {
        walk->at = name + name_size;
    }
    return walk->whole ? MHD_YES : MHD_NO;
}

bool vdt_wire_is_whole(const struct vdt_request *request, const char *method, const char *version)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (!info || version != request->wire + strlen(request->target) + 1)
        return false;
    struct walk walk = {version + strlen(version), method + info->header_size, true};
    MHD_get_connection_values_n(request->connection, MHD_HEADER_KIND, step_header, &walk);
    if (walk.whole)
        step(&walk, walk.end);
    return walk.whole;
}

#else

bool vdt_wire_is_whole(const struct vdt_request *request, const char *method, const char *version)
{
    (void)request;
    (void)method;
    (void)version;
    return true;
}

#endif
