/* SQL that is being made, with the values that are bound to it; and filters as SQL. */
#ifndef SERVER_QUERY_SQL_H
#define SERVER_QUERY_SQL_H

#include "base/buffer.h"
#include "server/meta/db.h"
#include "server/query/ast.h"
#include "server/query/queryables.h"

enum vdt_bound_kind { VDT_BOUND_INTEGER, VDT_BOUND_REAL, VDT_BOUND_TEXT, VDT_BOUND_BYTES };

struct vdt_bound {
    enum vdt_bound_kind kind;
    int64_t integer;
    double real;
    char *text; /* or bytes; owned */
    size_t size;
};

/* {0} is empty. After a failed append everything fails; look once at the end. */
struct vdt_sql {
    struct vdt_buffer text; /* always with a NUL behind it */
    struct vdt_bound *values;
    size_t count, capacity;
    bool failed; /* memory is out */
};

void vdt_sql_clear(struct vdt_sql *sql);

/* Appends text of ours, formatted; never anything that a request said. */
void vdt_sql_add(struct vdt_sql *sql, const char *format, ...) VDT_PRINTF(2, 3);

/* Adds a value without its parameter in the text; which that would be. */
int vdt_sql_keep_text(struct vdt_sql *sql, const char *text);
int vdt_sql_keep_real(struct vdt_sql *sql, double value);

/* Append a parameter with a copy of its value. */
void vdt_sql_text(struct vdt_sql *sql, const char *text);
void vdt_sql_integer(struct vdt_sql *sql, int64_t value);
void vdt_sql_real(struct vdt_sql *sql, double value);
void vdt_sql_shape(struct vdt_sql *sql, const struct vdt_planar *shape);

/* Appends the condition that what the row is of meets the shape. */
void vdt_sql_meets(struct vdt_sql *sql, const struct vdt_queryables *all,
                   const struct vdt_planar *shape);

/* Appends "(?, ?, ...)". */
void vdt_sql_texts(struct vdt_sql *sql, char *const *texts, size_t count);

/* Appends the condition that a set of texts has this one. */
void vdt_sql_has(struct vdt_sql *sql, const struct vdt_queryable *set, const char *text);

/* Appends the filter as a condition, by SQL's three values of truth. `unknown`: properties that are
 * not in the list are NULL, otherwise an error. Fails with ARGUMENT where kinds do not fit. */
vdt_status vdt_sql_filter(struct vdt_sql *sql, const struct vdt_filter *filter,
                          const struct vdt_queryables *all, bool unknown, struct vdt_error *error);

/* Prepares the text and binds the values. */
vdt_status vdt_sql_prepare(struct vdt_session *session, const struct vdt_sql *sql,
                           struct vdt_rows **rows, struct vdt_error *error);

/* --- of filters, also for the evaluator ---------------------------------------------------------
 */

/* What a scalar node of a filter is: the property's kind, or the literal's. *property is set for
 * properties that there are. */
vdt_status vdt_node_type(const struct vdt_node *node, const struct vdt_queryables *all,
                         bool unknown, enum vdt_kind *kind, const struct vdt_queryable **property,
                         struct vdt_error *error);

/* A text literal that stands for a time. */
bool vdt_node_time(const struct vdt_node *node, int64_t *time);

/* The kind that all of `nodes` can be compared as; texts may be times. ARGUMENT when there is none.
 */
vdt_status vdt_nodes_type(const struct vdt_node *const *nodes, size_t count,
                          const struct vdt_queryables *all, bool unknown, enum vdt_kind *kind,
                          struct vdt_error *error);

/* A LIKE pattern with its backslashes made plain: GLOB's of SQLite. Owned. */
char *vdt_like_pattern(const char *pattern);

#endif
