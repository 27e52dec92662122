/* Handlers over one session: what they do is committed before it is answered. */
#ifndef SERVER_API_ANSWER_H
#define SERVER_API_ANSWER_H

#include "server/meta/access.h"
#include "server/meta/db.h"
#include "server/net/reply.h"

enum { VDT_LOCATION_ROOM = 320, VDT_PAGE_LIMIT = 50, VDT_PAGE_MOST = 1000 };

/* What is answered when the work was done; {0} before. */
struct vdt_answer {
    unsigned code;                    /* 0: 200, or 204 without JSON */
    json_t *json;                     /* owned; NULL: no body */
    char etag[64];                    /* with its quotes; "": none */
    char location[VDT_LOCATION_ROOM]; /* "": none */
    bool secret;                      /* never kept by anything on the way */
};

/* Fills the answer. Any status but VDT_OK undoes the session: a failure is answered as
 * vdt_reply_failure has it, VDT_END says that the work has replied itself. */
typedef vdt_status vdt_api_work(struct vdt_request *request, struct vdt_session *session,
                                struct vdt_answer *answer, struct vdt_error *error);

/* Does the work in a session of that mode and replies. */
void vdt_api_run(struct vdt_request *request, enum vdt_db_mode mode, vdt_api_work *work);

/* A route's handler that does it. */
#define VDT_API_HANDLER(name, mode, work)         \
    static void name(struct vdt_request *request) \
    {                                             \
        vdt_api_run(request, mode, work);         \
    }

/* Finds the entry of {id}, as vdt_entry_find does. *row is cleared by the caller in any case. */
vdt_status vdt_api_entry(struct vdt_request *request, struct vdt_session *session,
                         enum vdt_access wanted, struct vdt_entry_row *row,
                         struct vdt_error *error);

/* The same, and If-Match holds, where it is sent: else it has replied with 412, VDT_END. */
vdt_status vdt_api_entry_if(struct vdt_request *request, struct vdt_session *session,
                            enum vdt_access wanted, struct vdt_entry_row *row,
                            struct vdt_error *error);

/* The entry as it is now, as the answer. */
vdt_status vdt_api_answer_entry(struct vdt_request *request, struct vdt_session *session,
                                const char *slug, struct vdt_answer *answer,
                                struct vdt_error *error);

/* Whether a list of ETags ("*" is any) has this one; a weak one never matches. */
bool vdt_etag_listed(const char *list, const char *etag);

/* A whole number of a path or a query; VDT_ERR_ARGUMENT names it. */
vdt_status vdt_api_number(const char *name, const char *text, int64_t least, int64_t most,
                          int64_t *number, struct vdt_error *error);

/* `limit` and `token` of the query: *after is -1 at the beginning, else the
 * last row's key that vdt_api_answer_page was given. */
vdt_status vdt_api_page(struct vdt_request *request, const char *list, int *limit, json_t **after,
                        struct vdt_error *error);

/* Appends `head` and those of `names` (which ends with NULL) that the query has, as "name=value&",
 * and a NUL: what names a list, and what its next page repeats. */
vdt_status vdt_api_repeat(struct vdt_request *request, const char *const *names, const char *head,
                          struct vdt_buffer *text, struct vdt_error *error);

/* {"<name>": items, "links": [next]} as the answer; takes `items`. `after` (taken; NULL: no more)
 * is the last row's key, and `query` what the next page repeats ("user=ada&"; "": nothing). */
vdt_status vdt_api_answer_page(struct vdt_request *request, const char *list, const char *name,
                               json_t *items, json_t *after, int limit, const char *query,
                               struct vdt_answer *answer, struct vdt_error *error);

#endif
