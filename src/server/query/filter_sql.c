/* Filters to SQL. */
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/fold.h"
#include "server/query/sql.h"

struct maker {
    struct vdt_sql *sql;
    const struct vdt_queryables *all;
    bool unknown;
    struct vdt_error *error;
};

static vdt_status predicate(struct maker *maker, const struct vdt_node *node);

/* --- values --------------------------------------------------------------------------------- */

static vdt_status folded(struct maker *maker, const struct vdt_node *node)
{
    while (node->kind == VDT_NODE_CASEI)
        node = node->child;
    if (node->kind == VDT_NODE_TEXT) {
        vdt_cleanup(vdt_free_pointer) char *text = vdt_fold(node->text);
        if (text == NULL)
            return vdt_fail_memory(maker->error, "filter");
        vdt_sql_text(maker->sql, text);
        return VDT_OK;
    }
    const struct vdt_queryable *property = vdt_queryable_find(maker->all, node->text);
    vdt_sql_add(maker->sql, "vdt_fold(%s)", property == NULL ? "NULL" : property->sql);
    return VDT_OK;
}

static vdt_status value(struct maker *maker, const struct vdt_node *node, enum vdt_kind kind)
{
    int64_t time;
    switch (node->kind) {
    case VDT_NODE_CASEI: return folded(maker, node);
    case VDT_NODE_TEXT:
        if (kind == VDT_KIND_TIME && vdt_node_time(node, &time))
            vdt_sql_integer(maker->sql, time);
        else
            vdt_sql_text(maker->sql, node->text);
        return VDT_OK;
    case VDT_NODE_NUMBER: vdt_sql_real(maker->sql, node->number); return VDT_OK;
    case VDT_NODE_BOOLEAN: vdt_sql_integer(maker->sql, node->truth); return VDT_OK;
    case VDT_NODE_TIME:
    case VDT_NODE_DATE: vdt_sql_integer(maker->sql, node->start); return VDT_OK;
    default: break;
    }
    const struct vdt_queryable *property = vdt_queryable_find(maker->all, node->text);
    vdt_sql_add(maker->sql, "%s", property == NULL ? "NULL" : property->sql);
    return VDT_OK;
}

/* The nodes of a comparison: a value, its siblings, and what is in a list. */
static vdt_status type_of(struct maker *maker, const struct vdt_node *first, enum vdt_kind *kind)
{
    size_t count = 0, capacity = 0;
    vdt_cleanup(vdt_free_pointer) const struct vdt_node **nodes = NULL;
    for (const struct vdt_node *node = first; node != NULL; node = node->next) {
        bool list = node->kind == VDT_NODE_LIST;
        for (const struct vdt_node *one = list ? node->child : node; one != NULL;
             one = list ? one->next : NULL) {
            if (!vdt_grow(&nodes, &capacity, count + 1, sizeof(struct vdt_node *)))
                return vdt_fail_memory(maker->error, "filter");
            nodes[count++] = one;
        }
    }
    return vdt_nodes_type(nodes, count, maker->all, maker->unknown, kind, maker->error);
}

/* --- predicates ----------------------------------------------------------------------------- */

static vdt_status joined(struct maker *maker, const struct vdt_node *node, const char *between)
{
    vdt_status status = VDT_OK;
    vdt_sql_add(maker->sql, "(");
    for (const struct vdt_node *child = node->child; status == VDT_OK && child != NULL;
         child = child->next) {
        vdt_sql_add(maker->sql, "%s", child == node->child ? "" : between);
        status = predicate(maker, child);
    }
    vdt_sql_add(maker->sql, ")");
    return status;
}

static vdt_status comparison(struct maker *maker, const struct vdt_node *node)
{
    enum vdt_kind kind;
    vdt_status status = type_of(maker, node->child, &kind);
    if (status == VDT_OK && kind == VDT_KIND_BOOLEAN && node->kind != VDT_NODE_EQ &&
        node->kind != VDT_NODE_NE)
        return vdt_fail(maker->error, VDT_ERR_ARGUMENT,
                        "filter: true and false have no order; use = or <>");
    vdt_sql_add(maker->sql, "(");
    if (status == VDT_OK)
        status = value(maker, node->child, kind);
    vdt_sql_add(maker->sql, " %s ", vdt_node_name(node->kind));
    if (status == VDT_OK)
        status = value(maker, node->child->next, kind);
    vdt_sql_add(maker->sql, ")");
    return status;
}

char *vdt_like_pattern(const char *pattern)
{
    char *glob = vdt_allocate(strlen(pattern) * 3 + 1, 1), *to = glob;
    if (glob == NULL)
        return NULL;
    for (const char *from = pattern; *from != '\0'; from++) {
        bool plain = *from == '\\' && from[1] != '\0';
        from += plain;
        if (!plain && (*from == '%' || *from == '_')) {
            *to++ = *from == '%' ? '*' : '?';
        } else if (*from == '*' || *from == '?' || *from == '[') {
            *to++ = '[';
            *to++ = *from;
            *to++ = ']';
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
    return glob;
}

/* Patterns heed case, so that of SQLite is GLOB; its LIKE does not. */
static vdt_status like(struct maker *maker, const struct vdt_node *node)
{
    enum vdt_kind kind;
    const struct vdt_node *pattern = node->child->next;
    vdt_status status = type_of(maker, node->child, &kind);
    if (status == VDT_OK && kind != VDT_KIND_TEXT)
        return vdt_fail(maker->error, VDT_ERR_ARGUMENT, "filter: LIKE is for texts");
    vdt_sql_add(maker->sql, "(");
    if (status == VDT_OK)
        status = value(maker, node->child, kind);
    if (status != VDT_OK)
        return status;
    bool folds = pattern->kind == VDT_NODE_CASEI;
    while (pattern->kind == VDT_NODE_CASEI)
        pattern = pattern->child;
    vdt_cleanup(vdt_free_pointer) char *text =
        folds ? vdt_fold(pattern->text) : vdt_copy_string(pattern->text);
    vdt_cleanup(vdt_free_pointer) char *glob = text == NULL ? NULL : vdt_like_pattern(text);
    if (glob == NULL)
        return vdt_fail_memory(maker->error, "filter");
    vdt_sql_add(maker->sql, " GLOB ");
    vdt_sql_text(maker->sql, glob);
    vdt_sql_add(maker->sql, ")");
    return VDT_OK;
}

static vdt_status between(struct maker *maker, const struct vdt_node *node)
{
    enum vdt_kind kind;
    static const char *const signs[] = {" BETWEEN ", " AND ", ")"};
    vdt_status status = type_of(maker, node->child, &kind);
    if (status == VDT_OK && kind == VDT_KIND_BOOLEAN)
        return vdt_fail(maker->error, VDT_ERR_ARGUMENT,
                        "filter: true and false have no order; use = or <>");
    const struct vdt_node *child = node->child;
    vdt_sql_add(maker->sql, "(");
    for (int i = 0; status == VDT_OK && i < 3; i++, child = child->next) {
        status = value(maker, child, kind);
        vdt_sql_add(maker->sql, "%s", signs[i]);
    }
    return status;
}

static vdt_status values(struct maker *maker, const struct vdt_node *list, enum vdt_kind kind)
{
    vdt_status status = VDT_OK;
    vdt_sql_add(maker->sql, "(");
    for (const struct vdt_node *one = list->child; status == VDT_OK && one != NULL;
         one = one->next) {
        vdt_sql_add(maker->sql, "%s", one == list->child ? "" : ", ");
        status = value(maker, one, kind);
    }
    vdt_sql_add(maker->sql, ")");
    return status;
}

static vdt_status in_list(struct maker *maker, const struct vdt_node *node)
{
    enum vdt_kind kind;
    vdt_status status = type_of(maker, node->child, &kind);
    vdt_sql_add(maker->sql, "(");
    if (status == VDT_OK)
        status = value(maker, node->child, kind);
    vdt_sql_add(maker->sql, " IN ");
    if (status == VDT_OK)
        status = values(maker, node->child->next, kind);
    vdt_sql_add(maker->sql, ")");
    return status;
}

static vdt_status property_of(struct maker *maker, const struct vdt_node *node,
                              enum vdt_kind wanted, const struct vdt_queryable **property,
                              const struct vdt_node **other)
{
    enum vdt_kind kind;
    const struct vdt_node *first = node->child;
    bool swapped = first->kind != VDT_NODE_PROPERTY;
    const struct vdt_node *named = swapped ? first->next : first;
    *other = swapped ? first : first->next;
    vdt_status status =
        vdt_node_type(named, maker->all, maker->unknown, &kind, property, maker->error);
    if (status == VDT_OK && kind != wanted && kind != VDT_KIND_NOTHING)
        return vdt_fail(maker->error, VDT_ERR_ARGUMENT, "filter: %s is not for %s",
                        vdt_node_name(node->kind), named->text);
    return status;
}

static vdt_status is_null(struct maker *maker, const struct vdt_node *node)
{
    const struct vdt_queryable *property;
    enum vdt_kind kind;
    vdt_status status =
        vdt_node_type(node->child, maker->all, maker->unknown, &kind, &property, maker->error);
    if (status != VDT_OK)
        return status;
    if (kind == VDT_KIND_TEXTS)
        vdt_sql_add(maker->sql, "(NOT EXISTS (SELECT 1 FROM %s x WHERE x.%s = %s))",
                    property->table, property->key, property->sql);
    else if (kind == VDT_KIND_GEOMETRY)
        vdt_sql_add(maker->sql, "(%c.west IS NULL)", maker->all->id[0]);
    else
        vdt_sql_add(maker->sql, "(%s IS NULL)", property == NULL ? "NULL" : property->sql);
    return VDT_OK;
}

static vdt_status spatial(struct maker *maker, const struct vdt_node *node)
{
    const struct vdt_queryable *property;
    const struct vdt_node *geometry;
    vdt_status status = property_of(maker, node, VDT_KIND_GEOMETRY, &property, &geometry);
    if (status != VDT_OK)
        return status;
    vdt_sql_add(maker->sql, node->kind == VDT_NODE_DISJOINT ? "(NOT " : "(");
    if (property == NULL)
        vdt_sql_add(maker->sql, "NULL");
    else
        vdt_sql_meets(maker->sql, maker->all, &geometry->shape);
    vdt_sql_add(maker->sql, ")");
    return VDT_OK;
}

static vdt_status during(struct maker *maker, const struct vdt_node *node)
{
    const struct vdt_queryable *property;
    const struct vdt_node *span;
    vdt_status status = property_of(maker, node, VDT_KIND_TIME, &property, &span);
    if (status != VDT_OK)
        return status;
    const char *start = property == NULL ? "NULL" : property->sql;
    const char *end = property == NULL || property->end == NULL ? start : property->end;
    vdt_sql_add(maker->sql, "(%s <= ", start);
    vdt_sql_integer(maker->sql, span->end);
    vdt_sql_add(maker->sql, " AND %s >= ", end);
    vdt_sql_integer(maker->sql, span->start);
    vdt_sql_add(maker->sql, ")");
    return VDT_OK;
}

/* The set has every text of the list. */
static vdt_status has_all(struct maker *maker, const struct vdt_queryable *set,
                          const struct vdt_node *list)
{
    vdt_sql_add(maker->sql, "(1 = 1");
    for (const struct vdt_node *one = list->child; one != NULL; one = one->next) {
        vdt_sql_add(maker->sql, " AND ");
        vdt_sql_has(maker->sql, set, one->text);
    }
    vdt_sql_add(maker->sql, ")");
    return VDT_OK;
}

/* The set has one text of the list, or one that is not there. */
static vdt_status has_any(struct maker *maker, const struct vdt_queryable *set,
                          const struct vdt_node *list, const char *in)
{
    vdt_sql_add(maker->sql, "EXISTS (SELECT 1 FROM %s x WHERE x.%s = %s AND x.%s %s ", set->table,
                set->key, set->sql, set->member, in);
    vdt_status status = values(maker, list, VDT_KIND_TEXT);
    vdt_sql_add(maker->sql, ")");
    return status;
}

static vdt_status array(struct maker *maker, const struct vdt_node *node)
{
    const struct vdt_queryable *set;
    const struct vdt_node *list;
    enum vdt_node_kind kind = node->kind;
    vdt_status status = property_of(maker, node, VDT_KIND_TEXTS, &set, &list);
    if (status != VDT_OK)
        return status;
    for (const struct vdt_node *one = list->child; one != NULL; one = one->next)
        if (one->kind != VDT_NODE_TEXT)
            return vdt_fail(maker->error, VDT_ERR_ARGUMENT, "filter: %s takes texts",
                            vdt_node_name(node->kind));
    bool turned = node->child == list;
    if (turned && kind == VDT_NODE_ARRAY_CONTAINS)
        kind = VDT_NODE_ARRAY_CONTAINED;
    else if (turned && kind == VDT_NODE_ARRAY_CONTAINED)
        kind = VDT_NODE_ARRAY_CONTAINS;
    if (set == NULL) {
        vdt_sql_add(maker->sql, "(NULL)");
        return VDT_OK;
    }
    if (kind == VDT_NODE_ARRAY_CONTAINS)
        return has_all(maker, set, list);
    vdt_sql_add(maker->sql, "(");
    if (kind == VDT_NODE_ARRAY_OVERLAPS) {
        status = has_any(maker, set, list, "IN");
    } else {
        if (kind == VDT_NODE_ARRAY_EQUALS) {
            status = has_all(maker, set, list);
            vdt_sql_add(maker->sql, " AND ");
        }
        vdt_sql_add(maker->sql, "NOT ");
        if (status == VDT_OK)
            status = has_any(maker, set, list, "NOT IN");
    }
    vdt_sql_add(maker->sql, ")");
    return status;
}

static vdt_status predicate(struct maker *maker, const struct vdt_node *node)
{
    vdt_status status;
    switch (node->kind) {
    case VDT_NODE_AND: return joined(maker, node, " AND ");
    case VDT_NODE_OR: return joined(maker, node, " OR ");
    case VDT_NODE_NOT:
        vdt_sql_add(maker->sql, "(NOT ");
        status = predicate(maker, node->child);
        vdt_sql_add(maker->sql, ")");
        return status;
    case VDT_NODE_BOOLEAN:
        vdt_sql_add(maker->sql, node->truth ? "(1 = 1)" : "(1 = 0)");
        return VDT_OK;
    case VDT_NODE_LIKE: return like(maker, node);
    case VDT_NODE_BETWEEN: return between(maker, node);
    case VDT_NODE_IN: return in_list(maker, node);
    case VDT_NODE_IS_NULL: return is_null(maker, node);
    case VDT_NODE_INTERSECTS:
    case VDT_NODE_DISJOINT: return spatial(maker, node);
    case VDT_NODE_DURING: return during(maker, node);
    case VDT_NODE_ARRAY_EQUALS:
    case VDT_NODE_ARRAY_CONTAINS:
    case VDT_NODE_ARRAY_CONTAINED:
    case VDT_NODE_ARRAY_OVERLAPS: return array(maker, node);
    default: return comparison(maker, node);
    }
}

vdt_status vdt_sql_filter(struct vdt_sql *sql, const struct vdt_filter *filter,
                          const struct vdt_queryables *all, bool unknown, struct vdt_error *error)
{
    struct maker maker = {sql, all, unknown, error};
    return predicate(&maker, filter->root);
}
