/* An entry's head: what the entry says of its current version. */
#ifndef SERVER_META_HEAD_H
#define SERVER_META_HEAD_H

#include "base/json.h"
#include "server/meta/db.h"

struct vdt_head {
    int64_t entry;
    int64_t version;    /* its row in `version` is there */
    const json_t *info; /* what the store says of itself (server/draw/inspect.h) */
    int64_t bytes;      /* of the store */
};

/* Makes a version the head, within the session that commits it: the entry's columns, its classes,
 * sensors, tasks, box and words, and revision + 1. */
vdt_status vdt_entry_set_head(struct vdt_session *session, const struct vdt_head *head,
                              struct vdt_error *error);

/* Writes the words by which an entry is found anew: name, description, tags, classes, sensors. */
vdt_status vdt_entry_index(struct vdt_session *session, int64_t entry, struct vdt_error *error);

/* revision + 1 and the time of change. */
vdt_status vdt_entry_touch(struct vdt_session *session, int64_t entry, struct vdt_error *error);

#endif
