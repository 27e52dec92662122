/* What filters, sorts and searches may name, and where it lies in the database. Nothing else that a
 * request says ever becomes SQL. */
#ifndef SERVER_QUERY_QUERYABLES_H
#define SERVER_QUERY_QUERYABLES_H

#include <stdbool.h>
#include <stddef.h>

enum vdt_kind {
    VDT_KIND_TEXT,
    VDT_KIND_NUMBER,
    VDT_KIND_BOOLEAN,
    VDT_KIND_TIME,
    VDT_KIND_TEXTS, /* a set of texts */
    VDT_KIND_GEOMETRY,
    VDT_KIND_NOTHING /* a property that nothing here has: always NULL */
};

struct vdt_queryable {
    const char *name; /* as requests write it, also with "vt:" or "properties." before it */
    enum vdt_kind kind;
    const char *title; /* for people */
    const char *sql; /* TEXT, NUMBER, BOOLEAN, TIME: an expression; of TEXTS the id it belongs to */
    const char *end; /* TIME: the end of a span, where it is one */
    const char *table, *key, *member; /* TEXTS: rows whose `key` is that id have a `member` each */
    bool whole;                       /* NUMBER: of whole numbers */
    bool sortable;
    bool within;       /* samples: sortable in named collections only, as an index has it */
    const char *order; /* what to sort by, where `sql` may be NULL: never is */
};

struct vdt_queryables {
    const struct vdt_queryable *list; /* ends with a name of NULL */
    const char *id;                   /* "e.id" */
    const char *box;                  /* "e.west, e.south, e.east, e.north" */
};

extern const struct vdt_queryables vdt_entry_queryables;  /* of table e */
extern const struct vdt_queryables vdt_sample_queryables; /* of tables s and e */

/* NULL: there is none of that name. */
const struct vdt_queryable *vdt_queryable_find(const struct vdt_queryables *all, const char *name);

#endif
