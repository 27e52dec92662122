/* Versions by number, for who may see them. */
#include "server/api/versions.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "server/api/answer.h"

void vdt_asked_clear(struct vdt_asked *asked)
{
    vdt_entry_row_clear(&asked->entry);
}

static vdt_status check_visible(struct vdt_session *session, const struct vdt_asked *asked,
                                struct vdt_error *error)
{
    if (asked->version == asked->entry.head)
        return VDT_OK;
    bool all = asked->entry.access >= VDT_ACCESS_WRITE || !asked->entry.is_public;
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status =
        vdt_db_prepare(session,
                       all ? "SELECT 1 FROM version WHERE entry = ?1 AND number = ?2"
                           : "SELECT 1 FROM release WHERE entry = ?1 AND version = ?2",
                       &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, asked->entry.id);
    vdt_bind_integer(rows, 2, asked->version);
    status = vdt_rows_next(rows, error);
    return status == VDT_END ? vdt_fail(error, VDT_ERR_NOT_FOUND, "the entry has no such version")
                             : status;
}

vdt_status vdt_asked_find(struct vdt_request *request, struct vdt_session *session,
                          struct vdt_asked *asked, struct vdt_error *error)
{
    const char *text = vdt_request_query(request, "version");
    vdt_status status = vdt_api_entry(request, session, VDT_ACCESS_READ, &asked->entry, error);
    if (status != VDT_OK)
        return status;
    asked->version = asked->entry.head;
    asked->pinned = text != NULL;
    if (text != NULL)
        status = vdt_api_number("version", text, 1, INT64_MAX, &asked->version, error);
    if (status == VDT_OK && asked->version == 0)
        status = vdt_fail(error, VDT_ERR_NOT_FOUND, "nothing was saved to this entry yet");
    return status == VDT_OK ? check_visible(session, asked, error) : status;
}

vdt_status vdt_asked_info(struct vdt_session *session, const struct vdt_asked *asked, json_t **info,
                          struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session, "SELECT info FROM version WHERE entry = ?1 AND number = ?2", &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, asked->entry.id);
    vdt_bind_integer(rows, 2, asked->version);
    status = vdt_rows_next(rows, error);
    if (status == VDT_END)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "the entry has no such version");
    return status == VDT_OK ? vdt_json_parse(vdt_rows_text(rows, 0), "the version", info, error)
                            : status;
}
