/* The commit: an upload becomes the entry's newest version, or nothing happens.
 *
 * The blob is synced and the store inspected before the transaction, which then writes the version,
 * its segments and samples and moves the head, when the head is still the one that the caller
 * named. Asked again, it gives the same answer. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "server/api/uploads.h"
#include "server/blobs/block_map.h"
#include "server/blobs/failpoint.h"
#include "server/blobs/upload_rows.h"
#include "server/draw/inspect.h"
#include "server/meta/audit.h"
#include "server/meta/document.h"
#include "server/meta/head.h"
#include "server/meta/samples.h"
#include "server/meta/times.h"
#include "server/net/reply.h"

enum { MESSAGE_MOST = 10000 };

struct commit {
    struct vdt_request *request;
    struct vdt_server *server;
    const struct vdt_caller *caller;
    struct vdt_upload *upload; /* held */
    const char *message;
    char parent[VDT_DIGEST_TEXT]; /* "": there is no version yet */
    char digest[VDT_DIGEST_TEXT]; /* of what is committed */
    struct vdt_block_map map;
    struct vdt_inspection inspection;
};

static void clear_commit(struct commit *commit)
{
    vdt_inspection_clear(&commit->inspection);
    vdt_block_map_clear(&commit->map);
    vdt_upload_release(&commit->upload);
}

/* --- what is asked ---------------------------------------------------------------------------- */

/* "<64 hex digits>", quotes and all. */
static bool parse_digest(const char *header, char digest[VDT_DIGEST_TEXT])
{
    if (strlen(header) != VDT_DIGEST_TEXT + 1 || header[0] != '"' ||
        header[VDT_DIGEST_TEXT] != '"' ||
        strspn(header + 1, "0123456789abcdef") != VDT_DIGEST_TEXT - 1)
        return false;
    memcpy(digest, header + 1, VDT_DIGEST_TEXT - 1);
    digest[VDT_DIGEST_TEXT - 1] = '\0';
    return true;
}

static bool read_precondition(struct commit *commit)
{
    const char *match = vdt_request_header(commit->request, "If-Match");
    const char *none_match = vdt_request_header(commit->request, "If-None-Match");
    if (match == NULL && none_match == NULL)
        vdt_reply_error(commit->request, 428, "PreconditionRequired",
                        "say what this version follows: If-Match: \"<digest>\", or "
                        "If-None-Match: * for the first");
    else if ((match != NULL && none_match != NULL) ||
             (match == NULL && strcmp(none_match, "*") != 0) ||
             (match != NULL && !parse_digest(match, commit->parent)))
        vdt_reply_error(commit->request, 400, "BadRequest",
                        "a commit takes If-Match: \"<digest>\" or If-None-Match: *");
    else
        return true;
    return false;
}

static bool read_message(struct commit *commit)
{
    struct vdt_error error = {0};
    json_t *body = NULL;
    commit->message = "";
    if (vdt_request_body(commit->request)->size == 0)
        return true;
    if (vdt_request_json(commit->request, &body, &error) != VDT_OK) {
        vdt_reply_failure(commit->request, &error);
        return false;
    }
    const json_t *message = json_object_get(body, "message");
    size_t known = message != NULL;
    if (!json_is_object(body) || json_object_size(body) != known ||
        (message != NULL && !json_is_null(message) &&
         (!json_is_string(message) || json_string_length(message) > MESSAGE_MOST))) {
        vdt_reply_error(commit->request, 400, "BadRequest",
                        "a commit is {\"message\": \"...\"}, up to %d bytes", MESSAGE_MOST);
        return false;
    }
    if (json_is_string(message))
        commit->message = json_string_value(message);
    return true;
}

/* --- the head --------------------------------------------------------------------------------- */

/* Digest and number of the entry's head; "" and 0 when there is none. */
static vdt_status read_head(struct vdt_session *session, int64_t entry,
                            char digest[VDT_DIGEST_TEXT], int64_t *number, int64_t *last,
                            struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session,
        "SELECT v.digest, e.head, (SELECT max(number) FROM version WHERE entry = e.id) "
        "FROM entry e LEFT JOIN version v ON v.entry = e.id AND v.number = e.head WHERE e.id = ?1",
        &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, entry);
    status = vdt_rows_next(rows, error);
    if (status == VDT_END)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "the entry is not there any more");
    if (status != VDT_OK)
        return status;
    const char *text = vdt_rows_text(rows, 0);
    snprintf(digest, VDT_DIGEST_TEXT, "%s", text == NULL ? "" : text);
    *number = vdt_rows_integer(rows, 1);
    *last = vdt_rows_integer(rows, 2);
    return VDT_OK;
}

static vdt_status find_entry(struct commit *commit, struct vdt_session *session,
                             struct vdt_entry_row *row, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status =
        vdt_db_prepare(session, "SELECT slug FROM entry WHERE id = ?1", &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, vdt_upload_entry(commit->upload));
    status = vdt_rows_next(rows, error);
    if (status == VDT_END)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "the entry is not there any more");
    if (status != VDT_OK)
        return status;
    return vdt_entry_find(session, commit->caller, vdt_rows_text(rows, 0), VDT_ACCESS_WRITE, row,
                          error);
}

/* --- the answer --------------------------------------------------------------------------------
 */

static vdt_status answer_document(struct commit *commit, struct vdt_session *session,
                                  int64_t version, json_t **answer, struct vdt_error *error)
{
    vdt_cleanup(vdt_entry_row_clear) struct vdt_entry_row row = {0};
    json_t *entry = NULL;
    vdt_status status = find_entry(commit, session, &row, error);
    if (status == VDT_OK)
        status = vdt_entry_document(session, vdt_request_base(commit->request), commit->caller,
                                    &row, &entry, error);
    if (status != VDT_OK)
        return status;
    *answer = json_pack("{s:I, s:s, s:o}", "version", (json_int_t)version, "digest", commit->digest,
                        "entry", entry);
    return *answer == NULL ? vdt_fail_memory(error, "commit") : VDT_OK;
}

static void reply_answer(struct commit *commit, json_t *answer)
{
    char etag[VDT_DIGEST_TEXT + 2];
    snprintf(etag, sizeof etag, "\"%s\"", commit->digest);
    vdt_reply_header(commit->request, "ETag", etag);
    vdt_reply_json(commit->request, 200, answer);
}

/* Committed before: the same answer. */
static void answer_again(struct commit *commit)
{
    struct vdt_error error = {0};
    json_t *answer = NULL;
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    int64_t version = vdt_upload_version(commit->upload);
    vdt_status status = vdt_db_begin(commit->server->db, VDT_DB_READ, &session, &error);
    if (status == VDT_OK)
        status = vdt_db_prepare(
            session, "SELECT digest FROM version WHERE entry = ?1 AND number = ?2", &rows, &error);
    if (status == VDT_OK) {
        vdt_bind_integer(rows, 1, vdt_upload_entry(commit->upload));
        vdt_bind_integer(rows, 2, version);
        status = vdt_rows_next(rows, &error);
    }
    if (status == VDT_END)
        status = vdt_fail(&error, VDT_ERR_NOT_FOUND, "version %" PRId64 ": is not kept any more",
                          version);
    if (status == VDT_OK) {
        snprintf(commit->digest, sizeof commit->digest, "%s", vdt_rows_text(rows, 0));
        status = answer_document(commit, session, version, &answer, &error);
    }
    if (status == VDT_OK)
        reply_answer(commit, answer);
    else
        vdt_reply_failure(commit->request, &error);
}

static void reply_moved(struct commit *commit, const char *head)
{
    if (head[0] == '\0')
        vdt_reply_error(commit->request, 412, "PreconditionFailed",
                        "the entry has no version yet; If-None-Match: * says so");
    else
        vdt_reply_error(commit->request, 412, "PreconditionFailed",
                        "the entry's newest version is %s", head);
}

/* --- what is done ------------------------------------------------------------------------------
 */

/* The head has this content already: the upload counts as that version. */
static vdt_status settle_same(struct commit *commit, struct vdt_session *session, int64_t version,
                              char blob[VDT_BLOB_NAME], struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status =
        vdt_db_prepare(session,
                       "INSERT INTO upload (id, entry, user, created, expires, size, block_size, "
                       "blocks, received, "
                       "state, version) VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7, ?7, 1, ?8)",
                       &rows, error);
    if (status == VDT_OK)
        status = vdt_upload_delete(session, vdt_upload_id(commit->upload), blob, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_text(rows, 1, vdt_upload_id(commit->upload));
    vdt_bind_integer(rows, 2, vdt_upload_entry(commit->upload));
    vdt_bind_integer(rows, 3, vdt_upload_user(commit->upload));
    vdt_bind_integer(rows, 4, vdt_time_now());
    vdt_bind_integer(rows, 5, vdt_upload_expires(commit->upload));
    vdt_bind_integer(rows, 6, VDT_BLOCK_SIZE);
    vdt_bind_blob(rows, 7, "", 0);
    vdt_bind_integer(rows, 8, version);
    return vdt_rows_run(rows, error);
}

static vdt_status write_version(struct commit *commit, struct vdt_session *session,
                                const struct vdt_entry_row *row, int64_t number,
                                struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *info =
        json_dumps(commit->inspection.info, JSON_COMPACT | JSON_REAL_PRECISION(17));
    if (info == NULL)
        return vdt_fail_memory(error, "commit");
    struct vdt_new_version version = {
        .entry = row->id,
        .number = number,
        .creator = commit->caller->user,
        .digest = commit->digest,
        .parent = commit->parent[0] == '\0' ? NULL : commit->parent,
        .info = info,
        .samples = (int64_t)commit->inspection.samples,
        .message = commit->message,
    };
    struct vdt_head head = {.entry = row->id,
                            .version = number,
                            .info = commit->inspection.info,
                            .bytes = (int64_t)vdt_upload_list(commit->upload)->size};
    vdt_status status = vdt_upload_become(session, vdt_upload_id(commit->upload), &version, error);
    if (status == VDT_OK)
        status = vdt_samples_update(session, row->id, number, &commit->inspection, NULL, error);
    if (status == VDT_OK)
        status = vdt_entry_set_head(session, &head, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_json_release) json_t *detail =
        json_pack("{s:I, s:s}", "version", (json_int_t)number, "digest", commit->digest);
    struct vdt_audit_event event = {.caller = commit->caller,
                                    .action = "entry.save",
                                    .entry = row->slug,
                                    .detail = detail,
                                    .result = 200};
    return vdt_audit_add(session, &event, error);
}

/* The transaction. VDT_END: it has replied, nothing is changed. */
static vdt_status commit_rows(struct commit *commit, json_t **answer, char blob[VDT_BLOB_NAME],
                              struct vdt_error *error)
{
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_cleanup(vdt_entry_row_clear) struct vdt_entry_row row = {0};
    vdt_cleanup(vdt_json_release) json_t *made = NULL;
    char head[VDT_DIGEST_TEXT];
    int64_t number = 0;
    int64_t last = 0;
    vdt_status status = vdt_db_begin(commit->server->db, VDT_DB_WRITE, &session, error);
    if (status == VDT_OK)
        status = find_entry(commit, session, &row, error);
    if (status == VDT_OK)
        status = read_head(session, row.id, head, &number, &last, error);
    if (status != VDT_OK)
        return status;
    if (strcmp(head, commit->digest) == 0) {
        status = settle_same(commit, session, number, blob, error);
    } else if (strcmp(head, commit->parent) != 0) {
        reply_moved(commit, head);
        return VDT_END;
    } else if (commit->inspection.info == NULL) {
        return vdt_fail(error, VDT_ERR_BUSY, "the entry's newest version has just changed");
    } else {
        number = last + 1;
        status = write_version(commit, session, &row, number, error);
    }
    if (status == VDT_OK)
        status = answer_document(commit, session, number, &made, error);
    vdt_failpoint(commit->server->options.root, "commit.before-commit");
    if (status == VDT_OK)
        status = vdt_db_commit(&session, error);
    if (status != VDT_OK)
        return status;
    *answer = made;
    made = NULL;
    return VDT_OK;
}

/* Whether it makes sense to go on, before anything costly is done. False: it has replied. *same:
 * the head has this very content. */
static bool look_ahead(struct commit *commit, bool *same)
{
    struct vdt_error error = {0};
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_cleanup(vdt_entry_row_clear) struct vdt_entry_row row = {0};
    char head[VDT_DIGEST_TEXT] = "";
    int64_t number = 0;
    int64_t last = 0;
    vdt_status status = vdt_db_begin(commit->server->db, VDT_DB_READ, &session, &error);
    if (status == VDT_OK)
        status = find_entry(commit, session, &row, &error);
    if (status == VDT_OK)
        status = read_head(session, row.id, head, &number, &last, &error);
    if (status == VDT_OK && strcmp(head, commit->digest) == 0) {
        *same = true;
        return true;
    }
    if (status == VDT_OK && strcmp(head, commit->parent) == 0)
        status =
            vdt_block_map_of_upload(session, vdt_upload_id(commit->upload), &commit->map, &error);
    else if (status == VDT_OK)
        reply_moved(commit, head);
    if (status != VDT_OK)
        vdt_reply_failure(commit->request, &error);
    return !vdt_replied(commit->request);
}

/* Makes the blob durable and has the store inspected. False: it has replied. */
static bool prove_store(struct commit *commit)
{
    struct vdt_error error = {0};
    const char *root = commit->server->options.root;
    vdt_cleanup(vdt_free_pointer) struct vdt_file_run *runs = NULL;
    vdt_cleanup(vdt_free_pointer) char *folder = vdt_server_path(commit->server, "tmp");
    if (folder == NULL) {
        vdt_reply_error(commit->request, 503, "Busy", "out of memory");
        return false;
    }
    vdt_failpoint(root, "commit.before-sync");
    vdt_status status = vdt_upload_seal(commit->upload, &error);
    vdt_failpoint(root, "commit.after-sync");
    if (status == VDT_OK)
        status = vdt_block_map_open(&commit->map, commit->server->blobs, &error);
    if (status == VDT_OK)
        status = vdt_block_map_runs(&commit->map, &runs, &error);
    if (status != VDT_OK) {
        vdt_reply_failure(commit->request, &error);
        return false;
    }
    status = vdt_inspect(commit->server->draw, runs, commit->map.run_count, folder,
                         &commit->inspection, &error);
    if (status == VDT_ERR_FORMAT)
        vdt_reply_error(commit->request, 422, "InvalidStore", "%s", error.message);
    else if (status != VDT_OK)
        vdt_reply_failure(commit->request, &error);
    vdt_failpoint(root, "commit.after-inspect");
    return status == VDT_OK;
}

static void run_commit(struct commit *commit)
{
    struct vdt_error error = {0};
    json_t *answer = NULL;
    char blob[VDT_BLOB_NAME] = "";
    bool same = false;
    uint64_t missing = vdt_upload_missing_count(commit->upload);
    vdt_block_list_digest(vdt_upload_list(commit->upload), commit->digest);
    if (!look_ahead(commit, &same))
        return;
    if (!same && missing > 0) {
        vdt_reply_error(commit->request, 409, "Incomplete",
                        "%" PRIu64 " blocks are missing; GET the upload for their numbers",
                        missing);
        return;
    }
    if (!same && !prove_store(commit))
        return;
    vdt_status status = commit_rows(commit, &answer, blob, &error);
    if (status != VDT_OK) {
        if (status != VDT_END)
            vdt_reply_failure(commit->request, &error);
        return;
    }
    vdt_failpoint(commit->server->options.root, "commit.before-answer");
    vdt_uploads_close(commit->server->uploads, vdt_upload_id(commit->upload));
    if (blob[0] != '\0') /* nobody refers to it; what stays behind is found as an orphan */
        (void)vdt_blobs_remove(commit->server->blobs, blob, NULL);
    reply_answer(commit, answer);
}

void vdt_upload_commit(struct vdt_request *request)
{
    vdt_cleanup(clear_commit) struct commit commit = {
        .request = request,
        .server = vdt_request_server(request),
        .caller = vdt_request_caller(request),
    };
    if (!read_precondition(&commit) || !read_message(&commit))
        return;
    commit.upload = vdt_request_upload(request);
    if (commit.upload == NULL)
        return;
    if (vdt_upload_version(commit.upload) != 0) {
        answer_again(&commit);
        return;
    }
    if (!vdt_upload_begin_commit(commit.upload)) {
        vdt_reply_header(request, "Retry-After", "1");
        vdt_reply_error(request, 503, "Busy", "upload %s: is being committed",
                        vdt_upload_id(commit.upload));
        return;
    }
    bool open = vdt_upload_is_open(commit.upload);
    if (open)
        run_commit(&commit);
    vdt_upload_end_commit(commit.upload);
    if (open)
        return;
    /* Between our hold and now, another request was done with it. */
    vdt_upload_release(&commit.upload);
    commit.upload = vdt_request_upload(request);
    if (commit.upload != NULL)
        answer_again(&commit);
}
