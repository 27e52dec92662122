/* What a caller may see and do. Everything that reads entries goes through here, in SQL, so that
 * what is private is neither listed nor counted nor named to others. */
#ifndef SERVER_META_ACCESS_H
#define SERVER_META_ACCESS_H

#include "base/buffer.h"
#include "server/meta/caller.h"
#include "server/meta/db.h"
#include "server/meta/random.h"

/* In rising order: who may do one may do those before. */
enum vdt_access {
    VDT_ACCESS_NONE,
    VDT_ACCESS_READ,  /* public, shared, own */
    VDT_ACCESS_WRITE, /* shared for writing, own */
    VDT_ACCESS_OWN,   /* own; of admins every entry */
    VDT_ACCESS_BIN    /* own, also in the bin; only asked for, never had */
};

/* Appends the condition that entry `e` (the table's name in the query) may be seen and is not in
 * the bin; takes parameters ?first and ?first + 1. False: memory is out. */
bool vdt_visible_condition(struct vdt_buffer *sql, int first);

/* Binds these two. A caller without the scope to read is nobody. */
void vdt_bind_caller(struct vdt_rows *rows, int first, const struct vdt_caller *caller);

/* One entry's row, and what the caller may do with it. Texts are owned: vdt_entry_row_clear. */
struct vdt_entry_row {
    int64_t id;
    char slug[VDT_SLUG_SIZE + 1];
    int64_t owner;
    char owner_name[VDT_USER_NAME_MOST + 1];
    char *name, *description, *license;
    bool is_public;
    int64_t created, updated, revision;
    int64_t deleted, expires; /* 0: not in the bin */
    int64_t head;             /* version; 0: none */
    char *info;               /* JSON; NULL: none */
    char *tasks;              /* with commas; NULL: none */
    char *dtype;              /* NULL: none */
    double box[4];            /* west, south, east, north; NaN: none */
    bool timed;
    int64_t start_time, end_time; /* where timed */
    int64_t samples, bytes, bands, rows, cols;
    enum vdt_access access; /* the caller's, up to OWN */
};

void vdt_entry_row_clear(struct vdt_entry_row *row);

/* The columns of a row in the order that vdt_entry_row_read takes them, of "entry e JOIN user u ON
 * u.id = e.owner"; they take parameters ?1 and ?2, bound by vdt_bind_caller(rows, 1, caller). */
#define VDT_ENTRY_COLUMNS                                                                       \
    "e.id, e.slug, e.owner, u.name, e.name, e.description, e.license, e.public, e.created, "    \
    "e.updated, e.revision, e.deleted, e.expires, e.head, e.info, e.tasks, e.dtype, e.west, "   \
    "e.south, e.east, e.north, e.start_time, e.end_time, e.samples, e.bytes, e.bands, e.rows, " \
    "e.cols, CASE WHEN ?2 <> 0 OR e.owner = ?1 THEN 3 ELSE coalesce((SELECT s.access FROM "     \
    "entry_share s WHERE s.entry = e.id AND s.user = ?1), e.public) END"

enum { VDT_ENTRY_COLUMN_COUNT = 29 }; /* further columns of a query begin here */

/* Takes the current row of `rows`. *row is cleared by the caller in any case. */
vdt_status vdt_entry_row_read(struct vdt_rows *rows, struct vdt_entry_row *row,
                              struct vdt_error *error);

/* Finds an entry for what the caller wants to do. VDT_ERR_NOT_FOUND: there is none, or the caller
 * may not see it; VDT_ERR_DENIED: it is seen, but not for that. *row is {0} before, and cleared by
 * the caller in any case. */
vdt_status vdt_entry_find(struct vdt_session *session, const struct vdt_caller *caller,
                          const char *slug, enum vdt_access wanted, struct vdt_entry_row *row,
                          struct vdt_error *error);

#endif
