/* cql2-json to the tree. */
#include <string.h>

#include "base/buffer.h"
#include "base/fold.h"
#include "server/meta/times.h"
#include "server/query/ast.h"
#include "server/query/time.h"

struct parser {
    struct vdt_filter *filter;
    struct vdt_error *error;
    int depth;
};

static struct vdt_node *parse(struct parser *parser, const json_t *json, bool in_list);

static struct vdt_node *refuse(struct parser *parser, const char *text)
{
    vdt_fail(parser->error, VDT_ERR_ARGUMENT, "filter: %s", text);
    return NULL;
}

static struct vdt_node *new_node(struct parser *parser, enum vdt_node_kind kind, bool in_list)
{
    return in_list ? vdt_filter_value(parser->filter, kind, parser->error)
                   : vdt_filter_node(parser->filter, kind, parser->error);
}

static struct vdt_node *checked(struct parser *parser, struct vdt_node *node)
{
    return node != NULL && vdt_node_check(parser->filter, node, parser->error) == VDT_OK ? node
                                                                                         : NULL;
}

static struct vdt_node *with_text(struct parser *parser, enum vdt_node_kind kind,
                                  const json_t *json, bool in_list)
{
    const char *text = json_string_value(json);
    if (text == NULL || strlen(text) != json_string_length(json))
        return refuse(parser, "a text was expected, without a NUL in it");
    struct vdt_node *node = new_node(parser, kind, in_list);
    if (node == NULL)
        return NULL;
    node->text = vdt_copy_string(text);
    if (node->text == NULL)
        vdt_fail_memory(parser->error, "filter");
    return node->text == NULL ? NULL : node;
}

static struct vdt_node *with_time(struct parser *parser, enum vdt_node_kind kind,
                                  const json_t *json, bool in_list)
{
    const char *text = json_string_value(json);
    int64_t time;
    bool good = text != NULL &&
                (kind == VDT_NODE_DATE ? vdt_date_parse(text, &time) : vdt_time_parse(text, &time));
    if (!good)
        return refuse(parser, kind == VDT_NODE_DATE ? "a date is written 2021-04-08"
                                                    : "a timestamp is written "
                                                      "2021-04-08T04:39:23Z");
    struct vdt_node *node = new_node(parser, kind, in_list);
    if (node != NULL)
        node->start = node->end = time;
    return node;
}

/* One end: "..", a timestamp or a date. */
static bool interval_end(const json_t *json, int64_t open, int64_t *time)
{
    const char *text = json_string_value(json);
    if (text == NULL)
        return false;
    *time = open;
    return strcmp(text, "..") == 0 || vdt_time_parse(text, time) || vdt_date_parse(text, time);
}

static struct vdt_node *interval(struct parser *parser, const json_t *json)
{
    int64_t start, end;
    if (json_array_size(json) != 2 || !interval_end(json_array_get(json, 0), INT64_MIN, &start) ||
        !interval_end(json_array_get(json, 1), INT64_MAX, &end) || start > end)
        return refuse(parser, "an interval is two times in order, either of which may be \"..\"");
    struct vdt_node *node = new_node(parser, VDT_NODE_INTERVAL, false);
    if (node != NULL) {
        node->start = start;
        node->end = end;
    }
    return node;
}

static struct vdt_node *box(struct parser *parser, const json_t *json)
{
    double numbers[6];
    size_t count = json_array_size(json);
    for (size_t i = 0; i < count && i < 6; i++) {
        if (!json_is_number(json_array_get(json, i)))
            return refuse(parser, "a bbox is numbers");
        numbers[i] = json_number_value(json_array_get(json, i));
    }
    struct vdt_node *node = new_node(parser, VDT_NODE_GEOMETRY, false);
    if (node == NULL || vdt_box_shape(numbers, count, &node->shape, parser->error) != VDT_OK)
        return NULL;
    return checked(parser, node);
}

static struct vdt_node *geometry(struct parser *parser, const json_t *json)
{
    struct vdt_node *node = new_node(parser, VDT_NODE_GEOMETRY, false);
    size_t vertices = 0;
    if (node == NULL || vdt_json_shape(json, &vertices, &node->shape, parser->error) != VDT_OK)
        return NULL;
    return checked(parser, node);
}

static struct vdt_node *list(struct parser *parser, const json_t *json)
{
    struct vdt_node *node = new_node(parser, VDT_NODE_LIST, false), **end;
    if (node == NULL)
        return NULL;
    end = &node->child;
    for (size_t i = 0; i < json_array_size(json); i++, end = &(*end)->next)
        if ((*end = parse(parser, json_array_get(json, i), true)) == NULL)
            return NULL;
    return checked(parser, node);
}

/* Older writers put what is between into a list, and the one argument of isNull into none. */
static struct vdt_node *arguments(struct parser *parser, struct vdt_node *node, const json_t *args)
{
    if (!json_is_array(args)) {
        struct vdt_node *child = parse(parser, args, false);
        if (child == NULL)
            return NULL;
        vdt_node_append(node, child);
        return checked(parser, node);
    }
    for (size_t i = 0; i < json_array_size(args); i++) {
        const json_t *arg = json_array_get(args, i);
        bool spread = node->kind == VDT_NODE_BETWEEN && json_is_array(arg);
        for (size_t k = 0; k < (spread ? json_array_size(arg) : 1); k++) {
            struct vdt_node *child = parse(parser, spread ? json_array_get(arg, k) : arg, false);
            if (child == NULL)
                return NULL;
            vdt_node_append(node, child);
        }
    }
    bool alone = (node->kind == VDT_NODE_AND || node->kind == VDT_NODE_OR) && node->child != NULL &&
                 node->child->next == NULL;
    if (alone && vdt_node_is_predicate(node->child))
        return node->child;
    return checked(parser, node);
}

static struct vdt_node *operation(struct parser *parser, const json_t *json, bool in_list)
{
    const char *name = json_string_value(json_object_get(json, "op"));
    enum vdt_node_kind kind = name == NULL ? VDT_NODE_KINDS : vdt_node_of_name(name);
    if (kind == VDT_NODE_KINDS) {
        vdt_fail(parser->error, VDT_ERR_ARGUMENT, "filter: no operator %.40s here",
                 name == NULL ? "without a name" : name);
        return NULL;
    }
    if (json_object_get(json, "args") == NULL)
        return refuse(parser, "an operator without args");
    struct vdt_node *node = new_node(parser, kind, in_list);
    return node == NULL ? NULL : arguments(parser, node, json_object_get(json, "args"));
}

static struct vdt_node *object(struct parser *parser, const json_t *json, bool in_list)
{
    if (json_object_get(json, "op") != NULL)
        return operation(parser, json, in_list);
    if (json_object_get(json, "timestamp") != NULL)
        return with_time(parser, VDT_NODE_TIME, json_object_get(json, "timestamp"), in_list);
    if (json_object_get(json, "date") != NULL)
        return with_time(parser, VDT_NODE_DATE, json_object_get(json, "date"), in_list);
    if (in_list)
        return refuse(parser, "a list has values");
    if (json_object_get(json, "property") != NULL)
        return with_text(parser, VDT_NODE_PROPERTY, json_object_get(json, "property"), false);
    if (json_object_get(json, "interval") != NULL)
        return interval(parser, json_object_get(json, "interval"));
    if (json_object_get(json, "bbox") != NULL)
        return box(parser, json_object_get(json, "bbox"));
    return geometry(parser, json);
}

static struct vdt_node *plain(struct parser *parser, const json_t *json, bool in_list)
{
    if (json_is_string(json))
        return with_text(parser, VDT_NODE_TEXT, json, in_list);
    enum vdt_node_kind kind = json_is_number(json) ? VDT_NODE_NUMBER : VDT_NODE_BOOLEAN;
    if (kind == VDT_NODE_BOOLEAN && !json_is_boolean(json))
        return refuse(parser, "null is no value; use isNull");
    struct vdt_node *node = new_node(parser, kind, in_list);
    if (node != NULL) {
        node->number = json_number_value(json);
        node->truth = json_is_true(json);
    }
    return node;
}

static struct vdt_node *parse(struct parser *parser, const json_t *json, bool in_list)
{
    if (parser->depth == VDT_FILTER_DEPTH)
        return refuse(parser, "parts within parts, too deep");
    parser->depth++;
    struct vdt_node *node =
        json_is_object(json) ? object(parser, json, in_list)
        : json_is_array(json)
            ? (in_list ? refuse(parser, "a list within a list") : list(parser, json))
            : plain(parser, json, in_list);
    parser->depth--;
    return node;
}

vdt_status vdt_filter_parse_json(const json_t *json, struct vdt_filter **filter,
                                 struct vdt_error *error)
{
    struct vdt_error local = {0};
    struct vdt_filter *made = vdt_allocate_zero(1, sizeof *made);
    if (made == NULL)
        return vdt_fail_memory(error, "filter");
    struct parser parser = {.filter = made, .error = &local};
    made->root = parse(&parser, json, false);
    if (made->root != NULL && !vdt_node_is_predicate(made->root))
        made->root = refuse(&parser, "a condition was expected, such as {\"op\": \"=\", "
                                     "\"args\": [{\"property\": \"id\"}, \"x\"]}");
    if (made->root == NULL) {
        vdt_filter_free(made);
        return vdt_fail(error, local.status, "%s", local.message);
    }
    *filter = made;
    return VDT_OK;
}
