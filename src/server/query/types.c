/* Kinds of values in filters, and which can be compared. */
#include <string.h>

#include "base/error.h"
#include "server/meta/times.h"
#include "server/query/sql.h"
#include "server/query/time.h"

static const char *const kind_names[] = {[VDT_KIND_TEXT] = "text",
                                         [VDT_KIND_NUMBER] = "a number",
                                         [VDT_KIND_BOOLEAN] = "true or false",
                                         [VDT_KIND_TIME] = "a time",
                                         [VDT_KIND_TEXTS] = "a set of texts",
                                         [VDT_KIND_GEOMETRY] = "a geometry",
                                         [VDT_KIND_NOTHING] = "nothing"};

static vdt_status no_such(const struct vdt_queryables *all, const char *name,
                          struct vdt_error *error)
{
    char names[600] = "";
    for (const struct vdt_queryable *one = all->list; one->name != NULL; one++) {
        size_t used = strlen(names);
        if (used + strlen(one->name) + 3 < sizeof names) {
            strcat(names, used == 0 ? "" : ", ");
            strcat(names, one->name);
        }
    }
    return vdt_fail(error, VDT_ERR_ARGUMENT, "filter: no property %.100s; there are %s", name,
                    names);
}

vdt_status vdt_node_type(const struct vdt_node *node, const struct vdt_queryables *all,
                         bool unknown, enum vdt_kind *kind, const struct vdt_queryable **property,
                         struct vdt_error *error)
{
    *property = NULL;
    while (node->kind == VDT_NODE_CASEI)
        node = node->child;
    switch (node->kind) {
    case VDT_NODE_TEXT: *kind = VDT_KIND_TEXT; return VDT_OK;
    case VDT_NODE_NUMBER: *kind = VDT_KIND_NUMBER; return VDT_OK;
    case VDT_NODE_BOOLEAN: *kind = VDT_KIND_BOOLEAN; return VDT_OK;
    case VDT_NODE_TIME:
    case VDT_NODE_DATE: *kind = VDT_KIND_TIME; return VDT_OK;
    default: break;
    }
    *property = vdt_queryable_find(all, node->text);
    if (*property == NULL && !unknown)
        return no_such(all, node->text, error);
    *kind = *property == NULL ? VDT_KIND_NOTHING : (*property)->kind;
    return VDT_OK;
}

bool vdt_node_time(const struct vdt_node *node, int64_t *time)
{
    return node->kind == VDT_NODE_TEXT &&
           (vdt_time_parse(node->text, time) || vdt_date_parse(node->text, time));
}

vdt_status vdt_nodes_type(const struct vdt_node *const *nodes, size_t count,
                          const struct vdt_queryables *all, bool unknown, enum vdt_kind *kind,
                          struct vdt_error *error)
{
    *kind = VDT_KIND_NOTHING;
    for (size_t i = 0; i < count; i++) {
        const struct vdt_queryable *property = NULL;
        enum vdt_kind next = VDT_KIND_NOTHING;
        vdt_status status = vdt_node_type(nodes[i], all, unknown, &next, &property, error);
        if (status != VDT_OK)
            return status;
        if (next == VDT_KIND_TEXTS || next == VDT_KIND_GEOMETRY)
            return vdt_fail(error, VDT_ERR_ARGUMENT, "filter: %s is %s; use %s", property->name,
                            kind_names[next],
                            next == VDT_KIND_TEXTS ? "A_CONTAINS(..., ('...'))" : "S_INTERSECTS");
        if (next == VDT_KIND_TIME && *kind == VDT_KIND_TEXT)
            *kind = VDT_KIND_TIME; /* the texts before have to be times, which is seen below */
        bool text_time = next == VDT_KIND_TEXT && *kind == VDT_KIND_TIME;
        if (*kind == VDT_KIND_NOTHING)
            *kind = next;
        else if (next != VDT_KIND_NOTHING && next != *kind && !text_time)
            return vdt_fail(error, VDT_ERR_ARGUMENT, "filter: %s and %s cannot be compared",
                            kind_names[*kind], kind_names[next]);
    }
    int64_t time;
    for (size_t i = 0; *kind == VDT_KIND_TIME && i < count; i++) {
        bool other = nodes[i]->kind == VDT_NODE_CASEI ||
                     (nodes[i]->kind == VDT_NODE_TEXT && !vdt_node_time(nodes[i], &time));
        const struct vdt_queryable *property =
            nodes[i]->kind == VDT_NODE_PROPERTY ? vdt_queryable_find(all, nodes[i]->text) : NULL;
        if (other || (property != NULL && property->kind == VDT_KIND_TEXT))
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "filter: a time was expected, such as "
                            "TIMESTAMP('2021-04-08T04:39:23Z')");
    }
    return VDT_OK;
}
