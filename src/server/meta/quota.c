/* Limits of users. */
#include "server/meta/quota.h"

#include "base/cleanup.h"
#include "base/error.h"

static vdt_status count_one(struct vdt_session *session, const char *sql, int64_t user,
                            int64_t *count, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session, sql, &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, user);
    status = vdt_rows_next(rows, error);
    *count = status == VDT_OK ? vdt_rows_integer(rows, 0) : 0;
    return status < 0 ? status : VDT_OK;
}

static vdt_status count_bytes(struct vdt_session *session, int64_t user, int64_t *bytes,
                              struct vdt_error *error)
{
    return count_one(
        session,
        "SELECT (SELECT coalesce(sum(b.size), 0) FROM blob b WHERE b.id IN (SELECT "
        "s.blob FROM segment s JOIN entry e ON e.id = s.entry WHERE e.owner = ?1)) + "
        "(SELECT coalesce(sum(l.reserved), 0) FROM upload l JOIN entry e ON e.id = "
        "l.entry WHERE e.owner = ?1 AND l.state = 0) + (SELECT coalesce(sum(r.bytes), 0) "
        "FROM run r WHERE r.owner = ?1) + (SELECT coalesce(sum(a.bytes), 0) FROM annotation_set a "
        "JOIN entry e ON e.id = a.entry WHERE e.owner = ?1)",
        user, bytes, error);
}

static vdt_status count_entries(struct vdt_session *session, int64_t user, int64_t *entries,
                                struct vdt_error *error)
{
    return count_one(session, "SELECT count(*) FROM entry WHERE owner = ?1", user, entries, error);
}

static vdt_status count_uploads(struct vdt_session *session, int64_t user, int64_t *uploads,
                                struct vdt_error *error)
{
    return count_one(session, "SELECT count(*) FROM upload WHERE user = ?1 AND state = 0", user,
                     uploads, error);
}

vdt_status vdt_usage_of(struct vdt_session *session, int64_t user, struct vdt_usage *usage,
                        struct vdt_error *error)
{
    vdt_status status = count_bytes(session, user, &usage->bytes, error);
    if (status == VDT_OK)
        status = count_entries(session, user, &usage->entries, error);
    return status == VDT_OK ? count_uploads(session, user, &usage->uploads, error) : status;
}

/* The user's own limit; -1: none. `column` is one of ours. */
static vdt_status limit_of(struct vdt_session *session, const char *sql, int64_t user,
                           int64_t *limit, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session, sql, &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, user);
    status = vdt_rows_next(rows, error);
    *limit = status == VDT_OK && !vdt_rows_is_null(rows, 0) ? vdt_rows_integer(rows, 0) : -1;
    return status < 0 ? status : VDT_OK;
}

vdt_status vdt_quota_entry(struct vdt_session *session, int64_t user, struct vdt_error *error)
{
    int64_t limit, entries = 0;
    vdt_status status =
        limit_of(session, "SELECT quota_entries FROM user WHERE id = ?1", user, &limit, error);
    if (status != VDT_OK || limit < 0)
        return status;
    status = count_entries(session, user, &entries, error);
    if (status == VDT_OK && entries >= limit)
        return vdt_fail(error, VDT_ERR_FULL,
                        "quota: %lld of %lld entries are there, those in the bin too; remove some, "
                        "or ask for more",
                        (long long)entries, (long long)limit);
    return status;
}

vdt_status vdt_quota_bytes(struct vdt_session *session, int64_t owner, int64_t bytes,
                           struct vdt_error *error)
{
    int64_t limit, taken = 0;
    vdt_status status =
        limit_of(session, "SELECT quota_bytes FROM user WHERE id = ?1", owner, &limit, error);
    if (status != VDT_OK || limit < 0)
        return status;
    status = count_bytes(session, owner, &taken, error);
    if (status == VDT_OK && (taken > limit || bytes > limit - taken))
        return vdt_fail(error, VDT_ERR_FULL,
                        "quota: %lld of %lld bytes are taken, and %lld more would not fit; remove "
                        "entries, or ask for more",
                        (long long)taken, (long long)limit, (long long)bytes);
    return status;
}

vdt_status vdt_quota_upload(struct vdt_session *session, int64_t user, int64_t owner, int64_t bytes,
                            struct vdt_error *error)
{
    int64_t limit, uploads = 0;
    vdt_status status =
        limit_of(session, "SELECT quota_uploads FROM user WHERE id = ?1", user, &limit, error);
    if (status == VDT_OK && limit >= 0)
        status = count_uploads(session, user, &uploads, error);
    if (status == VDT_OK && limit >= 0 && uploads >= limit)
        return vdt_fail(error, VDT_ERR_FULL,
                        "quota: %lld of %lld uploads are open; finish or remove some",
                        (long long)uploads, (long long)limit);
    return status == VDT_OK ? vdt_quota_bytes(session, owner, bytes, error) : status;
}
