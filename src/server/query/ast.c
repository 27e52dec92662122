/* Nodes of filters: making, checking, comparing. */
#include "server/query/ast.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"

void vdt_filter_free(struct vdt_filter *filter)
{
    if (filter == NULL)
        return;
    for (struct vdt_node *node = filter->made; node != NULL;) {
        struct vdt_node *before = node->made;
        free(node->text);
        vdt_planar_clear(&node->shape);
        free(node);
        node = before;
    }
    free(filter);
}

static struct vdt_node *make(struct vdt_filter *filter, enum vdt_node_kind kind,
                             struct vdt_error *error)
{
    struct vdt_node *node = calloc(1, sizeof *node);
    if (node == NULL) {
        vdt_fail_memory(error, "filter");
        return NULL;
    }
    node->kind = kind;
    node->made = filter->made;
    filter->made = node;
    return node;
}

struct vdt_node *vdt_filter_node(struct vdt_filter *filter, enum vdt_node_kind kind,
                                 struct vdt_error *error)
{
    if (++filter->nodes > VDT_FILTER_NODES) {
        vdt_fail(error, VDT_ERR_ARGUMENT, "filter: more than %d parts; ask in several requests",
                 VDT_FILTER_NODES);
        return NULL;
    }
    return make(filter, kind, error);
}

struct vdt_node *vdt_filter_value(struct vdt_filter *filter, enum vdt_node_kind kind,
                                  struct vdt_error *error)
{
    if (++filter->list_values > VDT_FILTER_LIST) {
        vdt_fail(error, VDT_ERR_ARGUMENT,
                 "filter: more than %d values in lists; ask in several requests", VDT_FILTER_LIST);
        return NULL;
    }
    return make(filter, kind, error);
}

void vdt_node_append(struct vdt_node *parent, struct vdt_node *child)
{
    struct vdt_node **end = &parent->child;
    while (*end != NULL)
        end = &(*end)->next;
    *end = child;
}

/* --- names ---------------------------------------------------------------------------------- */

static const char *const names[VDT_NODE_KINDS] = {
    [VDT_NODE_AND] = "and",
    [VDT_NODE_OR] = "or",
    [VDT_NODE_NOT] = "not",
    [VDT_NODE_EQ] = "=",
    [VDT_NODE_NE] = "<>",
    [VDT_NODE_LT] = "<",
    [VDT_NODE_LE] = "<=",
    [VDT_NODE_GT] = ">",
    [VDT_NODE_GE] = ">=",
    [VDT_NODE_LIKE] = "like",
    [VDT_NODE_BETWEEN] = "between",
    [VDT_NODE_IN] = "in",
    [VDT_NODE_IS_NULL] = "isNull",
    [VDT_NODE_INTERSECTS] = "s_intersects",
    [VDT_NODE_DISJOINT] = "s_disjoint",
    [VDT_NODE_DURING] = "t_intersects",
    [VDT_NODE_ARRAY_EQUALS] = "a_equals",
    [VDT_NODE_ARRAY_CONTAINS] = "a_contains",
    [VDT_NODE_ARRAY_CONTAINED] = "a_containedBy",
    [VDT_NODE_ARRAY_OVERLAPS] = "a_overlaps",
    [VDT_NODE_CASEI] = "casei",
};

const char *vdt_node_name(enum vdt_node_kind kind)
{
    return names[kind];
}

enum vdt_node_kind vdt_node_of_name(const char *name)
{
    for (enum vdt_node_kind kind = 0; kind < VDT_NODE_KINDS; kind++)
        if (names[kind] != NULL && strcasecmp(names[kind], name) == 0)
            return kind;
    return VDT_NODE_KINDS;
}

/* --- what belongs where --------------------------------------------------------------------- */

static bool all(const struct vdt_node *node, bool (*fits)(const struct vdt_node *))
{
    for (const struct vdt_node *child = node->child; child != NULL; child = child->next)
        if (!fits(child))
            return false;
    return true;
}

static bool folds(const struct vdt_node *node)
{
    return node->kind == VDT_NODE_PROPERTY || node->kind == VDT_NODE_TEXT ||
           node->kind == VDT_NODE_CASEI;
}

static bool is_text(const struct vdt_node *node)
{
    while (node->kind == VDT_NODE_CASEI)
        node = node->child;
    return node->kind == VDT_NODE_TEXT;
}

static bool is_value(const struct vdt_node *node)
{
    return (node->kind > VDT_NODE_PROPERTY && node->kind <= VDT_NODE_DATE) || is_text(node);
}

/* A property and one of the kinds, in any order. */
static bool property_with(const struct vdt_node *node, enum vdt_node_kind one,
                          enum vdt_node_kind two, enum vdt_node_kind three)
{
    const struct vdt_node *a = node->child, *b = a->next;
    if (a->kind != VDT_NODE_PROPERTY) {
        const struct vdt_node *swapped = a;
        a = b;
        b = swapped;
    }
    return a->kind == VDT_NODE_PROPERTY && (b->kind == one || b->kind == two || b->kind == three);
}

static const char *wanted(const struct vdt_node *node)
{
    size_t count = vdt_node_children(node);
    switch (node->kind) {
    case VDT_NODE_AND:
    case VDT_NODE_OR:
        return count >= 2 && all(node, vdt_node_is_predicate) ? NULL : "two conditions or more";
    case VDT_NODE_NOT:
        return count == 1 && all(node, vdt_node_is_predicate) ? NULL : "one condition";
    case VDT_NODE_EQ:
    case VDT_NODE_NE:
    case VDT_NODE_LT:
    case VDT_NODE_LE:
    case VDT_NODE_GT:
    case VDT_NODE_GE:
        return count == 2 && all(node, vdt_node_is_scalar) ? NULL : "two properties or values";
    case VDT_NODE_LIKE:
        return count == 2 && folds(node->child) && is_text(node->child->next)
                   ? NULL
                   : "a property and a pattern";
    case VDT_NODE_BETWEEN:
        return count == 3 && all(node, vdt_node_is_scalar) ? NULL : "a property and two values";
    case VDT_NODE_IN:
        return count == 2 && vdt_node_is_scalar(node->child) &&
                       node->child->next->kind == VDT_NODE_LIST && node->child->next->child != NULL
                   ? NULL
                   : "a property and a list of values";
    case VDT_NODE_IS_NULL:
        return count == 1 && node->child->kind == VDT_NODE_PROPERTY ? NULL : "a property";
    case VDT_NODE_INTERSECTS:
    case VDT_NODE_DISJOINT:
        return count == 2 &&
                       property_with(node, VDT_NODE_GEOMETRY, VDT_NODE_GEOMETRY, VDT_NODE_GEOMETRY)
                   ? NULL
                   : "a property and a geometry";
    case VDT_NODE_DURING:
        return count == 2 && property_with(node, VDT_NODE_INTERVAL, VDT_NODE_TIME, VDT_NODE_DATE)
                   ? NULL
                   : "a property and a time or an interval";
    case VDT_NODE_ARRAY_EQUALS:
    case VDT_NODE_ARRAY_CONTAINS:
    case VDT_NODE_ARRAY_CONTAINED:
    case VDT_NODE_ARRAY_OVERLAPS:
        return count == 2 && property_with(node, VDT_NODE_LIST, VDT_NODE_LIST, VDT_NODE_LIST)
                   ? NULL
                   : "a property and a list of values";
    case VDT_NODE_CASEI: return count == 1 && folds(node->child) ? NULL : "a property or a text";
    case VDT_NODE_LIST: return all(node, is_value) ? NULL : "values";
    default: return NULL;
    }
}

vdt_status vdt_node_check(struct vdt_filter *filter, const struct vdt_node *node,
                          struct vdt_error *error)
{
    const char *text = wanted(node);
    if (text != NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "filter: %s takes %s",
                        node->kind == VDT_NODE_LIST ? "a list" : vdt_node_name(node->kind), text);
    if (node->kind == VDT_NODE_GEOMETRY) {
        filter->vertices += node->shape.point_count;
        if (filter->vertices > VDT_FILTER_VERTICES)
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "filter: geometries of more than %d points; simplify them",
                            VDT_FILTER_VERTICES);
    }
    return VDT_OK;
}

bool vdt_node_equal(const struct vdt_node *a, const struct vdt_node *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    if (a->kind != b->kind || a->truth != b->truth || a->number != b->number ||
        a->start != b->start || a->end != b->end || (a->text == NULL) != (b->text == NULL) ||
        (a->text != NULL && strcmp(a->text, b->text) != 0) ||
        !vdt_planar_equal(&a->shape, &b->shape))
        return false;
    const struct vdt_node *x = a->child, *y = b->child;
    for (; x != NULL && y != NULL; x = x->next, y = y->next)
        if (!vdt_node_equal(x, y))
            return false;
    return x == NULL && y == NULL;
}
