/* Conditions that have few rows, which a search may start from. Private to query/. */
#ifndef SERVER_QUERY_DRIVERS_H
#define SERVER_QUERY_DRIVERS_H

#include "server/query/search.h"

enum vdt_driver_kind {
    VDT_DRIVER_NONE,
    VDT_DRIVER_IDS,
    VDT_DRIVER_WORDS,
    VDT_DRIVER_SHAPE,
    VDT_DRIVER_SET,
    VDT_DRIVER_TIME
};

/* One of a search's conditions as rows of an index. */
struct vdt_driver {
    enum vdt_driver_kind kind;
    const struct vdt_planar *shape;  /* SHAPE */
    const struct vdt_queryable *set; /* SET, and one of the following two */
    const struct vdt_wanted *wanted;
    const struct vdt_node *list;
    int64_t start, end; /* TIME */
};

/* The condition with the fewest rows; NONE when all have many. */
vdt_status vdt_driver_choose(struct vdt_session *session, const struct vdt_query *search,
                             struct vdt_driver *driver, struct vdt_error *error);

/* Appends "SELECT ... AS id FROM ...": rows that may hold, and all that do. */
void vdt_driver_select(struct vdt_sql *sql, const struct vdt_query *search,
                       const struct vdt_driver *driver);

/* The words that are looked for, as the engine takes them. Owned; NULL: memory is out. */
char *vdt_query_words(const struct vdt_query *search);

#endif
