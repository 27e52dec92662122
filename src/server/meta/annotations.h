/* Annotations on samples of entries, in named sets: what may change at any time, beside versions
 * and releases, which do not. */
#ifndef SERVER_META_ANNOTATIONS_H
#define SERVER_META_ANNOTATIONS_H

#include "base/json.h"
#include "server/meta/access.h"
#include "server/meta/predictions.h"

enum { VDT_SET_NAME_MOST = 64, VDT_SETS_MOST = 100 /* of an entry */ };

struct vdt_set_row {
    int64_t id, entry;
    char name[VDT_SET_NAME_MOST + 1];
    int64_t created, updated, revision, samples, annotations, bytes;
};

/* Letters, digits, '.', '_' and '-', and no '.' in front: VDT_ERR_ARGUMENT. */
vdt_status vdt_set_name_check(const char *name, struct vdt_error *error);

/* VDT_ERR_NOT_FOUND names the set. */
vdt_status vdt_set_find(struct vdt_session *session, const struct vdt_entry_row *entry,
                        const char *name, struct vdt_set_row *row, struct vdt_error *error);

/* The entry's set that an evaluation's labels name: NAME, or NAME@REVISION, which is then the
 * revision that it has: VDT_ERR_MISMATCH. VDT_ERR_NOT_FOUND: there is no such set. */
vdt_status vdt_set_of_labels(struct vdt_session *session, int64_t entry, const char *labels,
                             struct vdt_set_row *row, struct vdt_error *error);

/* The set of that name, made where there is none. */
vdt_status vdt_set_make(struct vdt_session *session, const struct vdt_entry_row *entry,
                        const char *name, struct vdt_set_row *row, struct vdt_error *error);

/* Its rows go with the next housekeeping. */
vdt_status vdt_set_remove(struct vdt_session *session, const struct vdt_set_row *row,
                          struct vdt_error *error);

/* NULL: memory is out. */
json_t *vdt_set_document(const struct vdt_set_row *row, const char *base, const char *entry);

/* Documents of all sets of the entry by name; new reference. */
vdt_status vdt_set_list(struct vdt_session *session, const struct vdt_entry_row *entry,
                        const char *base, json_t **list, struct vdt_error *error);

/* Whether any version of the entry has a sample of that key. */
vdt_status vdt_set_knows(struct vdt_session *session, int64_t entry, const char *key, bool *known,
                         struct vdt_error *error);

/* A sample's key, by what ?by= says, among those of the newest version; by its key also where the
 * set has it as annotated, and no version any more. VDT_ERR_NOT_FOUND, VDT_ERR_ARGUMENT as
 * vdt_meta_run_sample. */
vdt_status vdt_set_key(struct vdt_session *session, const struct vdt_entry_row *entry, int64_t set,
                       enum vdt_sample_by by, const char *text, char key[VDT_KEY_SIZE],
                       struct vdt_error *error);

/* --- what is in a set; changes are added to *change, and count with vdt_set_count ------------- */

/* The sample is annotated. */
vdt_status vdt_set_mark(struct vdt_session *session, int64_t set, const char *sample,
                        struct vdt_meta_run_change *change, struct vdt_error *error);

/* An annotation of that name on the sample; one that is there is left alone, or replaced for
 * `update`. Marks the sample. */
vdt_status vdt_set_put(struct vdt_session *session, int64_t set, const char *sample,
                       const char *name, const char *document, bool update,
                       struct vdt_meta_run_change *change, struct vdt_error *error);

/* The sample stays annotated. VDT_ERR_NOT_FOUND: it has none of that name. */
vdt_status vdt_set_take_away(struct vdt_session *session, int64_t set, const char *sample,
                             const char *name, struct vdt_meta_run_change *change,
                             struct vdt_error *error);

/* All that is on the sample, which nobody has looked at then. */
vdt_status vdt_set_clear(struct vdt_session *session, int64_t set, const char *sample,
                         struct vdt_meta_run_change *change, struct vdt_error *error);

/* Adds a change to the set's own counts; the revision rises where something has changed. */
vdt_status vdt_set_count(struct vdt_session *session, struct vdt_set_row *row,
                         const struct vdt_meta_run_change *change, struct vdt_error *error);

/* --- reading ---------------------------------------------------------------------------------- */

/* Documents on one sample in the order in which they came, without "sample"; new reference. */
vdt_status vdt_set_sample(struct vdt_session *session, int64_t set, const char *sample,
                          bool *annotated, json_t **list, struct vdt_error *error);

struct vdt_set_query {
    const char *sample, *type, *class_name; /* NULL: any */
    int64_t after;                          /* the row before; 0: from the beginning */
    int limit;
};

/* Calls `each` in the order in which they came. False ends it. */
vdt_status vdt_set_each(struct vdt_session *session, int64_t set, const struct vdt_set_query *query,
                        bool (*each)(void *payload, int64_t id, const char *sample,
                                     const char *document),
                        void *payload, struct vdt_error *error);

/* Keys of annotated samples in their order, behind `after` (NULL: from the beginning), `limit` at
 * most (-1: all). False ends it. */
vdt_status vdt_set_each_sample(struct vdt_session *session, int64_t set, const char *after,
                               int limit, bool (*each)(void *payload, const char *sample),
                               void *payload, struct vdt_error *error);

/* Takes a piece of what removed sets have left, in a transaction of its own. VDT_END: nothing is
 * left. */
vdt_status vdt_sets_sweep(struct vdt_db *db, struct vdt_error *error);

#endif
