/* Which version of an entry a request of samples is about. */
#ifndef SERVER_API_VERSIONS_H
#define SERVER_API_VERSIONS_H

#include "server/meta/access.h"
#include "server/net/request.h"

struct vdt_asked {
    struct vdt_entry_row entry;
    int64_t version;
    bool pinned; /* named by the request: it means the same for good */
};
void vdt_asked_clear(struct vdt_asked *asked);

/* The entry of {id} and the version of ?version=, or the head. VDT_ERR_NOT_FOUND for what the
 * caller may not see: of public entries that is every version but the head and releases, unless the
 * caller may write to the entry. *asked is cleared by the caller in any case. */
vdt_status vdt_asked_find(struct vdt_request *request, struct vdt_session *session,
                          struct vdt_asked *asked, struct vdt_error *error);

/* What the version's store says of itself; new reference. */
vdt_status vdt_asked_info(struct vdt_session *session, const struct vdt_asked *asked, json_t **info,
                          struct vdt_error *error);

#endif
