/* What handlers share: sessions, preconditions, pages. */
#include "server/api/answer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "catalog/http.h"
#include "server/meta/document.h"
#include "server/query/token.h"
#include "server/server.h"

static void send_answer(struct vdt_request *request, struct vdt_answer *answer)
{
    if (answer->etag[0] != '\0')
        vdt_reply_header(request, "ETag", answer->etag);
    if (answer->location[0] != '\0')
        vdt_reply_header(request, "Location", answer->location);
    if (answer->secret)
        vdt_reply_header(request, "Cache-Control", "no-store");
    if (answer->json == NULL) {
        vdt_reply_empty(request, answer->code == 0 ? 204 : answer->code);
        return;
    }
    vdt_reply_json(request, answer->code == 0 ? 200 : answer->code, answer->json);
    answer->json = NULL;
}

void vdt_api_run(struct vdt_request *request, enum vdt_db_mode mode, vdt_api_work *work)
{
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_answer answer = {0};
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_status status = vdt_db_begin(vdt_request_server(request)->db, mode, &session, &error);
    if (status == VDT_OK)
        status = work(request, session, &answer, &error);
    if (status == VDT_OK && mode == VDT_DB_WRITE)
        status = vdt_db_commit(&session, &error);
    vdt_db_end(&session);
    if (status == VDT_OK)
        send_answer(request, &answer);
    else if (status < 0)
        vdt_reply_failure(request, &error);
    json_decref(answer.json);
}

/* --- entries --------------------------------------------------------------------------------- */

vdt_status vdt_api_entry(struct vdt_request *request, struct vdt_session *session,
                         enum vdt_access wanted, struct vdt_entry_row *row, struct vdt_error *error)
{
    return vdt_entry_find(session, vdt_request_caller(request), vdt_request_path(request, "id"),
                          wanted, row, error);
}

bool vdt_etag_listed(const char *list, const char *etag)
{
    size_t size = strlen(etag);
    for (const char *at = list; *at != '\0';) {
        at += strspn(at, " \t,");
        size_t length = strcspn(at, ", \t");
        if ((length == 1 && *at == '*') || (length == size && strncmp(at, etag, size) == 0))
            return true;
        at += length;
    }
    return false;
}

vdt_status vdt_api_entry_if(struct vdt_request *request, struct vdt_session *session,
                            enum vdt_access wanted, struct vdt_entry_row *row,
                            struct vdt_error *error)
{
    char etag[VDT_ETAG_ROOM];
    vdt_status status = vdt_api_entry(request, session, wanted, row, error);
    const char *match = vdt_request_header(request, "If-Match");
    if (status != VDT_OK || match == NULL)
        return status;
    vdt_entry_etag(row, etag);
    if (vdt_etag_listed(match, etag))
        return VDT_OK;
    vdt_reply_header(request, "ETag", etag);
    vdt_reply_error(request, 412, "PreconditionFailed",
                    "entry %s: was changed meanwhile; read it again", row->slug);
    return VDT_END;
}

vdt_status vdt_api_answer_entry(struct vdt_request *request, struct vdt_session *session,
                                const char *slug, struct vdt_answer *answer,
                                struct vdt_error *error)
{
    vdt_cleanup(vdt_entry_row_clear) struct vdt_entry_row row = {0};
    const struct vdt_caller *caller = vdt_request_caller(request);
    /* A token that may change but not read gets to see what it has changed. */
    vdt_status status = vdt_entry_find(session, caller, slug, VDT_ACCESS_WRITE, &row, error);
    if (status == VDT_OK)
        status = vdt_entry_document(session, vdt_request_base(request), caller, &row, &answer->json,
                                    error);
    if (status == VDT_OK)
        vdt_entry_etag(&row, answer->etag);
    return status;
}

/* --- numbers and pages ------------------------------------------------------------------------ */

vdt_status vdt_api_number(const char *name, const char *text, int64_t least, int64_t most,
                          int64_t *number, struct vdt_error *error)
{
    size_t size = strlen(text);
    errno = 0;
    long long value = size > 0 && size < 19 ? strtoll(text, NULL, 10) : -1;
    if (strspn(text, "0123456789") != size || size == 0 || value < least || value > most)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: must be a whole number from %lld to %lld",
                        name, (long long)least, (long long)most);
    *number = value;
    return VDT_OK;
}

vdt_status vdt_api_page(struct vdt_request *request, const char *list, int *limit, json_t **after,
                        struct vdt_error *error)
{
    const char *text = vdt_request_query(request, "limit");
    const char *token = vdt_request_query(request, "token");
    int64_t number = VDT_PAGE_LIMIT;
    vdt_status status =
        text == NULL ? VDT_OK : vdt_api_number("limit", text, 1, INT64_MAX, &number, error);
    if (status != VDT_OK)
        return status;
    *limit = number > VDT_PAGE_MOST ? VDT_PAGE_MOST : (int)number;
    *after = NULL;
    if (token == NULL)
        return VDT_OK;
    return vdt_page_token_read(vdt_request_server(request)->secret, list, token, after, error);
}

static bool append(struct vdt_buffer *text, const char *more)
{
    return vdt_buffer_append(text, more, strlen(more));
}

vdt_status vdt_api_repeat(struct vdt_request *request, const char *const *names, const char *head,
                          struct vdt_buffer *text, struct vdt_error *error)
{
    bool good = append(text, head);
    for (; good && *names != NULL; names++) {
        const char *value = vdt_request_query(request, *names);
        vdt_cleanup(vdt_free_pointer) char *escaped = value == NULL ? NULL : vdt_url_escape(value);
        good = value == NULL || (escaped != NULL && append(text, *names) && append(text, "=") &&
                                 append(text, escaped) && append(text, "&"));
    }
    return good && vdt_buffer_append(text, "", 1) ? VDT_OK : vdt_fail_memory(error, "the list");
}

/* {"rel": "next", "href": ...}; NULL: memory is out. */
static json_t *next_link(struct vdt_request *request, const char *list, const json_t *after,
                         int limit, const char *query)
{
    const char *target = vdt_request_target(request);
    vdt_cleanup(vdt_free_pointer) char *token =
        vdt_page_token(vdt_request_server(request)->secret, list, after);
    if (token == NULL)
        return NULL;
    json_t *href = json_sprintf("%s%.*s?%slimit=%d&token=%s", vdt_request_base(request),
                                (int)strcspn(target, "?"), target, query, limit, token);
    return json_pack("{s:s, s:o}", "rel", "next", "href", href);
}

vdt_status vdt_api_answer_page(struct vdt_request *request, const char *list, const char *name,
                               json_t *items, json_t *after, int limit, const char *query,
                               struct vdt_answer *answer, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *key = after;
    json_t *links = json_array();
    answer->json = json_pack("{s:o, s:o}", name, items, "links", links);
    if (answer->json == NULL)
        return vdt_fail_memory(error, "the list");
    if (key != NULL && json_array_append_new(links, next_link(request, list, key, limit, query)))
        return vdt_fail_memory(error, "the list");
    return VDT_OK;
}
