/* What was done, by whom: rows that are only ever added, each with a hash over itself and the hash
 * of the row before, so that none can be changed or taken away without a trace. */
#ifndef SERVER_META_AUDIT_H
#define SERVER_META_AUDIT_H

#include "base/json.h"
#include "server/meta/caller.h"
#include "server/meta/db.h"

struct vdt_audit_event {
    const struct vdt_caller *caller; /* NULL: the operator of the machine */
    const char *action;              /* "entry.create", "token.revoke", ... */
    const char *entry;               /* its slug; NULL: none */
    json_t *detail;                  /* borrowed; NULL: nothing to say. Never secrets or bodies */
    int result;                      /* HTTP code; 0: no request */
};

/* Adds an event within the session that does what it tells of: both are there, or neither. */
vdt_status vdt_audit_add(struct vdt_session *session, const struct vdt_audit_event *event,
                         struct vdt_error *error);

struct vdt_audit_query {
    const char *user, *entry, *action; /* NULL: any */
    int64_t before;                    /* ids below */
    int limit;
};

/* Events, the newest first; *last is the id of the last, *more says that there are others. New
 * reference. */
vdt_status vdt_audit_list(struct vdt_session *session, const struct vdt_audit_query *query,
                          json_t **events, int64_t *last, bool *more, struct vdt_error *error);

/* Proves the chain; each problem is told. */
vdt_status vdt_audit_check(struct vdt_db *db, void (*problem)(const char *text, void *payload),
                           void *payload, struct vdt_error *error);

#endif
