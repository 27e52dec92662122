/* A filter of CQL2 (OGC 21-065r2) as a tree, whatever it was written in. Everything in it belongs
 * to the tree and is freed with it. One thread. */
#ifndef SERVER_QUERY_AST_H
#define SERVER_QUERY_AST_H

#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "base/planar.h"

/* What no filter may exceed. */
enum {
    VDT_FILTER_DEPTH = 32,       /* nodes within nodes */
    VDT_FILTER_NODES = 256,      /* but for the values of lists */
    VDT_FILTER_LIST = 1000,      /* values in all lists */
    VDT_FILTER_VERTICES = 10000, /* in all geometries */
    VDT_FILTER_TEXT = 65536      /* bytes of a text filter */
};

enum vdt_node_kind {
    /* predicates */
    VDT_NODE_AND, /* two children or more */
    VDT_NODE_OR,
    VDT_NODE_NOT,
    VDT_NODE_EQ, /* two values */
    VDT_NODE_NE,
    VDT_NODE_LT,
    VDT_NODE_LE,
    VDT_NODE_GT,
    VDT_NODE_GE,
    VDT_NODE_LIKE,       /* a value and a pattern: % any text, _ one character, \ before either */
    VDT_NODE_BETWEEN,    /* three values */
    VDT_NODE_IN,         /* a value and a list */
    VDT_NODE_IS_NULL,    /* a property */
    VDT_NODE_INTERSECTS, /* a property and a geometry, either first */
    VDT_NODE_DISJOINT,
    VDT_NODE_DURING,         /* T_INTERSECTS: a property and an interval, either first */
    VDT_NODE_ARRAY_EQUALS,   /* a property and a list, either first */
    VDT_NODE_ARRAY_CONTAINS, /* the first has all of the second */
    VDT_NODE_ARRAY_CONTAINED,
    VDT_NODE_ARRAY_OVERLAPS,
    /* values */
    VDT_NODE_PROPERTY, /* text */
    VDT_NODE_TEXT,     /* text */
    VDT_NODE_NUMBER,   /* number */
    VDT_NODE_BOOLEAN,  /* truth; also a predicate */
    VDT_NODE_TIME,     /* interval.start; written as a timestamp */
    VDT_NODE_DATE,     /* interval.start, a midnight */
    VDT_NODE_INTERVAL, /* interval */
    VDT_NODE_GEOMETRY, /* shape */
    VDT_NODE_CASEI,    /* a property or text, or CASEI of one */
    VDT_NODE_LIST,     /* values that are no properties */
    VDT_NODE_KINDS
};

struct vdt_node {
    enum vdt_node_kind kind;
    bool truth;
    double number;
    int64_t start, end; /* microseconds; INT64_MIN and INT64_MAX: open */
    char *text;
    struct vdt_planar shape;
    struct vdt_node *child; /* the first */
    struct vdt_node *next;  /* of the same parent */
    struct vdt_node *made;  /* the one made before, for freeing */
};

struct vdt_filter {
    struct vdt_node *root;
    struct vdt_node *made; /* all nodes */
    size_t nodes, list_values, vertices;
};

/* A filter from text, or from cql2-json. Fails with ARGUMENT, naming the place and what was
 * expected. *filter is owned. */
vdt_status vdt_filter_parse_text(const char *text, struct vdt_filter **filter,
                                 struct vdt_error *error);
vdt_status vdt_filter_parse_json(const json_t *json, struct vdt_filter **filter,
                                 struct vdt_error *error);
void vdt_filter_free(struct vdt_filter *filter); /* accepts NULL */

/* The filter as CQL2 text; parsed again it is equal. Owned; NULL: memory is out. */
char *vdt_filter_text(const struct vdt_filter *filter);

bool vdt_node_equal(const struct vdt_node *a, const struct vdt_node *b); /* accepts NULL */

static inline bool vdt_node_is_predicate(const struct vdt_node *node)
{
    return node->kind < VDT_NODE_PROPERTY || node->kind == VDT_NODE_BOOLEAN;
}

/* A property or a plain value: what comparisons are about. */
static inline bool vdt_node_is_scalar(const struct vdt_node *node)
{
    return (node->kind >= VDT_NODE_PROPERTY && node->kind <= VDT_NODE_DATE) ||
           node->kind == VDT_NODE_CASEI;
}

static inline size_t vdt_node_children(const struct vdt_node *node)
{
    size_t count = 0;
    for (const struct vdt_node *child = node->child; child != NULL; child = child->next)
        count++;
    return count;
}

/* --- for the parsers -------------------------------------------------------------------------- */

/* A new node; NULL with a message when there are too many or memory is out. */
struct vdt_node *vdt_filter_node(struct vdt_filter *filter, enum vdt_node_kind kind,
                                 struct vdt_error *error);

/* The same for a value within a list. */
struct vdt_node *vdt_filter_value(struct vdt_filter *filter, enum vdt_node_kind kind,
                                  struct vdt_error *error);

void vdt_node_append(struct vdt_node *parent, struct vdt_node *child);

/* Whether the children of a node are what its kind takes, and the geometries within the limit. */
vdt_status vdt_node_check(struct vdt_filter *filter, const struct vdt_node *node,
                          struct vdt_error *error);

/* The name of an operator in cql2-json ("s_intersects"); NULL for values. */
const char *vdt_node_name(enum vdt_node_kind kind);

/* The kind of an operator's name, in any case; VDT_NODE_KINDS: there is none. */
enum vdt_node_kind vdt_node_of_name(const char *name);

/* A box of 4 or 6 numbers as a shape of one or two pieces: west, south, (lowest,) east, north
 * (, highest); west above east is across the antimeridian, more than 360 degrees are all. */
vdt_status vdt_box_shape(const double *numbers, size_t count, struct vdt_planar *shape,
                         struct vdt_error *error);

/* A geometry of GeoJSON. Heights are left out. `*vertices` counts up, to VDT_FILTER_VERTICES. */
vdt_status vdt_json_shape(const json_t *json, size_t *vertices, struct vdt_planar *shape,
                          struct vdt_error *error);

#endif
