/* Runs of models on versions of entries. A run belongs to who made it; who may read the entry sees
 * it, the maker and who may write to the entry may change it until it is committed, and remove it.
 */
#ifndef SERVER_META_RUNS_H
#define SERVER_META_RUNS_H

#include "server/meta/models.h"

enum vdt_meta_run_state { VDT_META_RUN_OPEN, VDT_META_RUN_COMMITTING, VDT_META_RUN_COMMITTED };

/* Texts are owned: vdt_meta_run_clear. */
struct vdt_meta_run {
    int64_t id, entry, version, release /* 0: none was named */, model, owner;
    char slug[VDT_SLUG_SIZE + 1];
    char entry_slug[VDT_SLUG_SIZE + 1];
    char model_slug[VDT_SLUG_SIZE + 1];
    char owner_name[VDT_USER_NAME_MOST + 1];
    char *name, *metadata, *model_name, *model_reference, *digest /* the version's */;
    char *group;          /* NULL: all */
    char *content_digest; /* NULL: not committed */
    enum vdt_meta_run_state state;
    int64_t created, committed; /* 0: not yet */
    int64_t samples, predicted, predictions, rasters, bytes, blob;
    enum vdt_access access; /* the caller's, to the entry */
};
void vdt_meta_run_clear(struct vdt_meta_run *run);

/* Makes a run of {"model", "name", "metadata"?, "group"?, "release" or "version"?} on an entry that
 * the caller may read; without a version it is the head. Who may only read gets releases only, for
 * a run keeps its version. VDT_ERR_EXISTS: the caller has one of that name there. */
vdt_status vdt_meta_run_create(struct vdt_session *session, const struct vdt_caller *caller,
                               const struct vdt_entry_row *entry, const json_t *wish,
                               char slug[VDT_SLUG_SIZE + 1], struct vdt_error *error);

/* `change`: for the maker and those who may write to the entry, else VDT_ERR_DENIED.
 * VDT_ERR_NOT_FOUND: there is none, or the caller may not see it. *run is cleared by the caller in
 * any case. */
vdt_status vdt_meta_run_find(struct vdt_session *session, const struct vdt_caller *caller,
                             const char *slug, bool change, struct vdt_meta_run *run,
                             struct vdt_error *error);

/* The same by its number, for the server itself: whoever may see it. */
vdt_status vdt_meta_run_load(struct vdt_session *session, int64_t id, struct vdt_meta_run *run,
                             struct vdt_error *error);

/* New reference; NULL: memory is out. */
json_t *vdt_meta_run_document(const struct vdt_meta_run *run, const struct vdt_caller *caller,
                              const char *base);

struct vdt_meta_runs_query {
    int64_t entry;
    const char *model, *name, *owner, *state; /* NULL: any */
    int64_t before;                           /* ids below */
    int limit;
};

/* Up to `limit` documents, the newest first; *last is the id of the last one. New reference.
 * VDT_ERR_ARGUMENT: there is no such state. */
vdt_status vdt_meta_run_list(struct vdt_session *session, const struct vdt_caller *caller,
                             const char *base, const struct vdt_meta_runs_query *query,
                             json_t **documents, int64_t *last, bool *more,
                             struct vdt_error *error);

/* VDT_ERR_MISMATCH while an evaluation of it is pending or running. It is gone at once; its rows
 * and what it kept in blobs go with the next housekeeping. */
vdt_status vdt_meta_run_remove(struct vdt_session *session, const struct vdt_meta_run *run,
                               struct vdt_error *error);

/* Takes a piece of what runs that are gone have left, in a transaction of its own. VDT_END: nothing
 * is left. */
enum { VDT_RUNS_GONE_PIECE = 5000 }; /* rows */
vdt_status vdt_meta_runs_sweep(struct vdt_db *db, struct vdt_error *error);

/* Whether evaluations of the entry's runs are pending or running: VDT_ERR_MISMATCH. */
vdt_status vdt_meta_entry_idle(struct vdt_session *session, const struct vdt_entry_row *entry,
                               struct vdt_error *error);

/* --- the commit: open, then being committed, then committed, or open again -------------------- */

/* VDT_END: it is not open any more. */
vdt_status vdt_meta_run_begin_commit(struct vdt_session *session, int64_t run,
                                     struct vdt_error *error);
vdt_status vdt_meta_run_reopen(struct vdt_session *session, int64_t run, struct vdt_error *error);

struct vdt_meta_run_file {
    const char *blob; /* its name, which gets its row here */
    int64_t size;
    const char *file_digest, *content_digest;
};
vdt_status vdt_meta_run_end_commit(struct vdt_session *session, int64_t run,
                                   const struct vdt_meta_run_file *file, struct vdt_error *error);

/* What a server that ended had not finished is open again. */
vdt_status vdt_meta_runs_reopen_all(struct vdt_session *session, struct vdt_error *error);

#endif
