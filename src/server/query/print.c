/* The tree as CQL2 text. */
#include <string.h>

#include "base/buffer.h"
#include "base/json.h"
#include "server/meta/times.h"
#include "server/query/ast.h"
#include "server/query/lexer.h"

static bool put(struct vdt_buffer *out, const char *text)
{
    return vdt_buffer_append(out, text, strlen(text));
}

/* Quotes twice; backslashes before a quote twice as well. */
static bool put_quoted(struct vdt_buffer *out, const char *text, char quote)
{
    bool good = vdt_buffer_append(out, &quote, 1);
    for (const char *c = text; good && *c != '\0'; c++) {
        size_t run = strspn(c, "\\");
        if (quote == '\'' && run > 0 && (c[run] == quote || c[run] == '\0')) {
            for (size_t i = 0; good && i < 2 * run; i++)
                good = put(out, "\\");
            c += run - 1;
            /* An escaped quote, as two quotes would be read as an end after the backslashes. */
            if (good && c[1] == quote) {
                good = put(out, "\\'");
                c++;
            }
            continue;
        }
        if (*c == quote)
            good = vdt_buffer_append(out, c, 1);
        good = good && vdt_buffer_append(out, c, 1);
    }
    return good && vdt_buffer_append(out, &quote, 1);
}

static bool put_number(struct vdt_buffer *out, double number)
{
    json_t *json = json_real(number);
    char *text = json == NULL ? NULL : vdt_json_text(json);
    bool good = text != NULL && put(out, text);
    free(text);
    json_decref(json);
    return good;
}

static bool put_time(struct vdt_buffer *out, int64_t time, size_t size)
{
    char text[VDT_TIME_ROOM];
    vdt_time_text(time, text);
    return put(out, "'") &&
           vdt_buffer_append(out, text, size < strlen(text) ? size : strlen(text)) && put(out, "'");
}

static bool put_interval(struct vdt_buffer *out, const struct vdt_node *node)
{
    return put(out, "INTERVAL(") &&
           (node->start == INT64_MIN ? put(out, "'..'")
                                     : put_time(out, node->start, VDT_TIME_ROOM)) &&
           put(out, ", ") &&
           (node->end == INT64_MAX ? put(out, "'..'") : put_time(out, node->end, VDT_TIME_ROOM)) &&
           put(out, ")");
}

/* --- geometries ----------------------------------------------------------------------------- */

static bool put_run(struct vdt_buffer *out, const struct vdt_planar *shape, size_t run, bool ring)
{
    const struct vdt_planar_run *r = &shape->runs[run];
    bool good = put(out, "(");
    for (size_t i = 0; good && i < r->count + ring; i++) {
        const double *point = shape->points[r->first + i % r->count];
        good = (i == 0 || put(out, ", ")) && put_number(out, point[0]) && put(out, " ") &&
               put_number(out, point[1]);
    }
    return good && put(out, ")");
}

static bool put_piece(struct vdt_buffer *out, const struct vdt_planar *shape, size_t index)
{
    static const char *const names[] = {"POINT", "LINESTRING", "POLYGON("};
    const struct vdt_planar_piece *piece = &shape->pieces[index];
    bool ring = piece->kind == VDT_PLANAR_POLYGON, good = put(out, names[piece->kind]);
    for (size_t i = 0; good && i < piece->count; i++)
        good = (i == 0 || put(out, ", ")) && put_run(out, shape, piece->first + i, ring);
    return good && (!ring || put(out, ")"));
}

static bool put_geometry(struct vdt_buffer *out, const struct vdt_planar *shape)
{
    bool several = shape->piece_count > 1, good = !several || put(out, "GEOMETRYCOLLECTION(");
    for (size_t i = 0; good && i < shape->piece_count; i++)
        good = (i == 0 || put(out, ", ")) && put_piece(out, shape, i);
    return good && (!several || put(out, ")"));
}

/* --- nodes ---------------------------------------------------------------------------------- */

static bool put_node(struct vdt_buffer *out, const struct vdt_node *node);

static bool put_children(struct vdt_buffer *out, const struct vdt_node *node, const char *between)
{
    bool good = true;
    for (const struct vdt_node *child = node->child; good && child != NULL; child = child->next)
        good = (child == node->child || put(out, between)) && put_node(out, child);
    return good;
}

static bool put_call(struct vdt_buffer *out, const struct vdt_node *node, const char *name)
{
    return put(out, name) && put(out, "(") && put_children(out, node, ", ") && put(out, ")");
}

static bool put_property(struct vdt_buffer *out, const char *name)
{
    return vdt_lexer_plain_name(name) ? put(out, name) : put_quoted(out, name, '"');
}

/* In parentheses wherever it might be taken apart. */
static bool put_predicate(struct vdt_buffer *out, const struct vdt_node *node)
{
    const struct vdt_node *first = node->child, *second = first->next;
    switch (node->kind) {
    case VDT_NODE_AND: return put(out, "(") && put_children(out, node, " AND ") && put(out, ")");
    case VDT_NODE_OR: return put(out, "(") && put_children(out, node, " OR ") && put(out, ")");
    case VDT_NODE_NOT: return put(out, "NOT (") && put_node(out, first) && put(out, ")");
    case VDT_NODE_IS_NULL: return put_node(out, first) && put(out, " IS NULL");
    case VDT_NODE_LIKE: return put_children(out, node, " LIKE ");
    case VDT_NODE_IN: return put_children(out, node, " IN ");
    case VDT_NODE_BETWEEN:
        return put_node(out, first) && put(out, " BETWEEN ") && put_node(out, second) &&
               put(out, " AND ") && put_node(out, second->next);
    default: break;
    }
    if (node->kind >= VDT_NODE_INTERSECTS)
        return put_call(out, node, vdt_node_name(node->kind));
    return put_node(out, first) && put(out, " ") && put(out, vdt_node_name(node->kind)) &&
           put(out, " ") && put_node(out, second);
}

static bool put_node(struct vdt_buffer *out, const struct vdt_node *node)
{
    switch (node->kind) {
    case VDT_NODE_PROPERTY: return put_property(out, node->text);
    case VDT_NODE_TEXT: return put_quoted(out, node->text, '\'');
    case VDT_NODE_NUMBER: return put_number(out, node->number);
    case VDT_NODE_BOOLEAN: return put(out, node->truth ? "TRUE" : "FALSE");
    case VDT_NODE_TIME:
        return put(out, "TIMESTAMP(") && put_time(out, node->start, VDT_TIME_ROOM) && put(out, ")");
    case VDT_NODE_DATE: return put(out, "DATE(") && put_time(out, node->start, 10) && put(out, ")");
    case VDT_NODE_INTERVAL: return put_interval(out, node);
    case VDT_NODE_GEOMETRY: return put_geometry(out, &node->shape);
    case VDT_NODE_CASEI: return put_call(out, node, "CASEI");
    case VDT_NODE_LIST: return put_call(out, node, "");
    default: return put_predicate(out, node);
    }
}

char *vdt_filter_text(const struct vdt_filter *filter)
{
    struct vdt_buffer out = {0};
    if (!put_node(&out, filter->root) || !vdt_buffer_append(&out, "", 1)) {
        vdt_buffer_clear(&out);
        return NULL;
    }
    return (char *)out.data;
}
