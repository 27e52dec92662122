/* Models: of no entry; runs name them. */
#ifndef SERVER_META_MODELS_H
#define SERVER_META_MODELS_H

#include "base/json.h"
#include "server/meta/access.h"

enum {
    VDT_REFERENCE_MOST = 200,    /* characters of a model's reference */
    VDT_METADATA_MOST = 64 << 10 /* bytes of metadata as JSON */
};

struct vdt_model_row {
    int64_t id, owner, created, updated, runs; /* runs: that the caller may see */
    char slug[VDT_SLUG_SIZE + 1];
    char owner_name[VDT_USER_NAME_MOST + 1];
    char *reference, *name, *metadata; /* owned; metadata is JSON */
};
void vdt_model_row_clear(struct vdt_model_row *row);

/* {"name", "reference"?, "metadata"?}; without a reference it is the name. VDT_ERR_EXISTS: the
 * caller has a model of that reference. */
vdt_status vdt_model_create(struct vdt_session *session, const struct vdt_caller *caller,
                            const json_t *wish, char slug[VDT_SLUG_SIZE + 1],
                            struct vdt_error *error);

/* A model by its id: one's own, or one whose runs the caller may see; `own`: only one's own, of
 * admins every one. VDT_ERR_NOT_FOUND, VDT_ERR_DENIED. *row is cleared by the caller in any case.
 */
vdt_status vdt_model_find(struct vdt_session *session, const struct vdt_caller *caller,
                          const char *slug, bool own, struct vdt_model_row *row,
                          struct vdt_error *error);

/* The same of what a run's maker says: an id, or the reference of an own model. */
vdt_status vdt_model_named(struct vdt_session *session, const struct vdt_caller *caller,
                           const char *name, struct vdt_model_row *row, struct vdt_error *error);

/* A merge patch (RFC 7386) of name, reference and metadata. */
vdt_status vdt_model_change(struct vdt_session *session, const struct vdt_model_row *row,
                            const json_t *patch, struct vdt_error *error);

/* VDT_ERR_MISMATCH while runs of it are there. */
vdt_status vdt_model_remove(struct vdt_session *session, const struct vdt_model_row *row,
                            struct vdt_error *error);

/* New reference; NULL: memory is out. `owns`: with links to change it. */
json_t *vdt_model_document(const struct vdt_model_row *row, const char *base, bool owns);

struct vdt_models_query {
    const char *reference, *owner; /* NULL: any */
    int64_t before;                /* ids below */
    int limit;
};

/* Up to `limit` documents, the newest first; *last is the id of the last one. New reference. */
vdt_status vdt_model_list(struct vdt_session *session, const struct vdt_caller *caller,
                          const char *base, const struct vdt_models_query *query,
                          json_t **documents, int64_t *last, bool *more, struct vdt_error *error);

/* `metadata` of a body: an object of at most VDT_METADATA_MOST bytes. *text is owned, and NULL when
 * the member is not there; "{}" for null. */
vdt_status vdt_field_object_text(const json_t *object, char **text, struct vdt_error *error);

#endif
