/* CQL2 text to the tree, by recursive descent. */
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "server/meta/times.h"
#include "server/query/ast.h"
#include "server/query/lexer.h"
#include "server/query/parser.h"
#include "server/query/time.h"

enum { PARENTHESES = 4 * VDT_FILTER_DEPTH };

static struct vdt_node *condition(struct vdt_text_parser *parser);

/* --- helpers -------------------------------------------------------------------------------- */

bool vdt_text_next(struct vdt_text_parser *parser)
{
    return vdt_lexer_next(&parser->lexer, parser->error) == VDT_OK;
}

bool vdt_text_sign(struct vdt_text_parser *parser, const char *sign)
{
    if (vdt_lexer_is_sign(&parser->lexer, sign))
        return vdt_text_next(parser);
    vdt_lexer_expected(&parser->lexer, sign, parser->error);
    return false;
}

struct vdt_node *vdt_text_node(struct vdt_text_parser *parser, enum vdt_node_kind kind)
{
    return parser->in_list ? vdt_filter_value(parser->filter, kind, parser->error)
                           : vdt_filter_node(parser->filter, kind, parser->error);
}

struct vdt_node *vdt_text_checked(struct vdt_text_parser *parser, struct vdt_node *node)
{
    return node != NULL && vdt_node_check(parser->filter, node, parser->error) == VDT_OK ? node
                                                                                         : NULL;
}

static struct vdt_node *expected(struct vdt_text_parser *parser, const char *what)
{
    vdt_lexer_expected(&parser->lexer, what, parser->error);
    return NULL;
}

/* A node with the word's text; goes on to the next word. */
static struct vdt_node *text_node(struct vdt_text_parser *parser, enum vdt_node_kind kind)
{
    struct vdt_node *node = vdt_text_node(parser, kind);
    if (node == NULL)
        return NULL;
    node->text = vdt_copy_string(parser->lexer.text);
    if (node->text == NULL)
        vdt_fail_memory(parser->error, "filter");
    return node->text != NULL && vdt_text_next(parser) ? node : NULL;
}

/* --- values --------------------------------------------------------------------------------- */

static struct vdt_node *time_node(struct vdt_text_parser *parser, enum vdt_node_kind kind)
{
    int64_t time;
    if (!vdt_text_next(parser) || !vdt_text_sign(parser, "("))
        return NULL;
    bool good = parser->lexer.word == VDT_WORD_TEXT &&
                (kind == VDT_NODE_DATE ? vdt_date_parse(parser->lexer.text, &time)
                                       : vdt_time_parse(parser->lexer.text, &time));
    if (!good)
        return expected(parser, kind == VDT_NODE_DATE ? "'2021-04-08'" : "'2021-04-08T04:39:23Z'");
    struct vdt_node *node = vdt_text_node(parser, kind);
    if (node == NULL || !vdt_text_next(parser) || !vdt_text_sign(parser, ")"))
        return NULL;
    node->start = node->end = time;
    return node;
}

static bool interval_end(struct vdt_text_parser *parser, int64_t open, int64_t *time)
{
    const struct vdt_lexer *lexer = &parser->lexer;
    *time = open;
    if (lexer->word == VDT_WORD_TEXT &&
        (strcmp(lexer->text, "..") == 0 || vdt_time_parse(lexer->text, time) ||
         vdt_date_parse(lexer->text, time)))
        return vdt_text_next(parser);
    vdt_lexer_expected(lexer, "a time in quotes, or '..'", parser->error);
    return false;
}

static struct vdt_node *interval(struct vdt_text_parser *parser)
{
    struct vdt_node *node = vdt_text_node(parser, VDT_NODE_INTERVAL);
    if (node == NULL || !vdt_text_next(parser) || !vdt_text_sign(parser, "(") ||
        !interval_end(parser, INT64_MIN, &node->start) || !vdt_text_sign(parser, ",") ||
        !interval_end(parser, INT64_MAX, &node->end) || !vdt_text_sign(parser, ")"))
        return NULL;
    if (node->start > node->end) {
        vdt_fail(parser->error, VDT_ERR_ARGUMENT, "filter: an interval ends before it starts");
        return NULL;
    }
    return node;
}

static struct vdt_node *value(struct vdt_text_parser *parser);

static struct vdt_node *folded(struct vdt_text_parser *parser)
{
    if (++parser->depth > PARENTHESES)
        return expected(parser, "less CASEI within CASEI");
    struct vdt_node *node = vdt_text_node(parser, VDT_NODE_CASEI);
    if (node == NULL || !vdt_text_next(parser) || !vdt_text_sign(parser, "(") ||
        (node->child = value(parser)) == NULL || !vdt_text_sign(parser, ")"))
        return NULL;
    parser->depth--;
    return vdt_text_checked(parser, node);
}

/* ( values ), possibly none. */
static struct vdt_node *list(struct vdt_text_parser *parser)
{
    struct vdt_node *node = vdt_text_node(parser, VDT_NODE_LIST);
    if (node == NULL || !vdt_text_sign(parser, "("))
        return NULL;
    parser->in_list = true;
    for (struct vdt_node **end = &node->child; !vdt_lexer_is_sign(&parser->lexer, ")");
         end = &(*end)->next) {
        if (end != &node->child && !vdt_text_sign(parser, ","))
            return NULL;
        if ((*end = value(parser)) == NULL)
            return NULL;
    }
    parser->in_list = false;
    return vdt_text_next(parser) ? vdt_text_checked(parser, node) : NULL;
}

static struct vdt_node *boolean(struct vdt_text_parser *parser, bool truth)
{
    struct vdt_node *node = vdt_text_node(parser, VDT_NODE_BOOLEAN);
    if (node == NULL || !vdt_text_next(parser))
        return NULL;
    node->truth = truth;
    return node;
}

static struct vdt_node *number(struct vdt_text_parser *parser)
{
    struct vdt_node *node = vdt_text_node(parser, VDT_NODE_NUMBER);
    if (node == NULL)
        return NULL;
    node->number = parser->lexer.number;
    return vdt_text_next(parser) ? node : NULL;
}

static bool is_any(const struct vdt_lexer *lexer, const char *const *keywords)
{
    for (; *keywords != NULL; keywords++)
        if (vdt_lexer_is(lexer, *keywords))
            return true;
    return false;
}

static struct vdt_node *value(struct vdt_text_parser *parser)
{
    static const char *const misplaced[] = {"AND", "OR",   "NOT", "LIKE",    "BETWEEN",
                                            "IN",  "NULL", "IS",  "ACCENTI", NULL};
    const struct vdt_lexer *lexer = &parser->lexer;
    switch (lexer->word) {
    case VDT_WORD_TEXT: return text_node(parser, VDT_NODE_TEXT);
    case VDT_WORD_NUMBER: return number(parser);
    case VDT_WORD_QUOTED: return text_node(parser, VDT_NODE_PROPERTY);
    case VDT_WORD_NAME: break;
    default: return expected(parser, "a property or a value");
    }
    if (vdt_lexer_is(lexer, "TRUE") || vdt_lexer_is(lexer, "FALSE"))
        return boolean(parser, vdt_lexer_is(lexer, "TRUE"));
    if (vdt_lexer_is(lexer, "TIMESTAMP"))
        return time_node(parser, VDT_NODE_TIME);
    if (vdt_lexer_is(lexer, "DATE"))
        return time_node(parser, VDT_NODE_DATE);
    if (vdt_lexer_is(lexer, "INTERVAL"))
        return interval(parser);
    if (vdt_lexer_is(lexer, "CASEI"))
        return folded(parser);
    if (vdt_text_is_geometry(lexer))
        return vdt_text_geometry(parser);
    if (is_any(lexer, misplaced))
        return expected(parser, "a property or a value");
    return text_node(parser, VDT_NODE_PROPERTY);
}

/* --- predicates ----------------------------------------------------------------------------- */

static struct vdt_node *negated(struct vdt_text_parser *parser, struct vdt_node *node)
{
    struct vdt_node *outer = node == NULL ? NULL : vdt_text_node(parser, VDT_NODE_NOT);
    if (outer != NULL)
        outer->child = node;
    return outer == NULL ? NULL : vdt_text_checked(parser, outer);
}

/* FUNCTION(a, b): spatial, of time, of arrays. */
static struct vdt_node *function(struct vdt_text_parser *parser, enum vdt_node_kind kind)
{
    struct vdt_node *node = vdt_text_node(parser, kind);
    if (node == NULL || !vdt_text_next(parser) || !vdt_text_sign(parser, "("))
        return NULL;
    for (int i = 0; i < 2; i++) {
        struct vdt_node *argument =
            vdt_lexer_is_sign(&parser->lexer, "(") ? list(parser) : value(parser);
        if (argument == NULL || !vdt_text_sign(parser, i == 0 ? "," : ")"))
            return NULL;
        vdt_node_append(node, argument);
    }
    return vdt_text_checked(parser, node);
}

static struct vdt_node *is_null(struct vdt_text_parser *parser, struct vdt_node *first)
{
    bool not = vdt_lexer_is(&parser->lexer, "NOT");
    if (not &&!vdt_text_next(parser))
        return NULL;
    if (!vdt_lexer_is(&parser->lexer, "NULL"))
        return expected(parser, "NULL");
    struct vdt_node *node = vdt_text_node(parser, VDT_NODE_IS_NULL);
    if (node == NULL || !vdt_text_next(parser))
        return NULL;
    node->child = first;
    node = vdt_text_checked(parser, node);
    return not ? negated(parser, node) : node;
}

static struct vdt_node *like_between_in(struct vdt_text_parser *parser, struct vdt_node *first)
{
    const struct vdt_lexer *lexer = &parser->lexer;
    bool not = vdt_lexer_is(lexer, "NOT");
    if (not &&!vdt_text_next(parser))
        return NULL;
    enum vdt_node_kind kind = vdt_lexer_is(lexer, "LIKE")      ? VDT_NODE_LIKE
                              : vdt_lexer_is(lexer, "BETWEEN") ? VDT_NODE_BETWEEN
                              : vdt_lexer_is(lexer, "IN")      ? VDT_NODE_IN
                                                               : VDT_NODE_KINDS;
    if (kind == VDT_NODE_KINDS)
        return expected(parser, "=, <>, <, >, LIKE, BETWEEN, IN or IS NULL");
    struct vdt_node *node = vdt_text_node(parser, kind);
    if (node == NULL || !vdt_text_next(parser))
        return NULL;
    node->child = first;
    if ((first->next = kind == VDT_NODE_IN ? list(parser) : value(parser)) == NULL)
        return NULL;
    if (kind == VDT_NODE_BETWEEN) {
        if (!vdt_lexer_is(lexer, "AND"))
            return expected(parser, "AND");
        if (!vdt_text_next(parser) || (first->next->next = value(parser)) == NULL)
            return NULL;
    }
    node = vdt_text_checked(parser, node);
    return not ? negated(parser, node) : node;
}

static struct vdt_node *comparison(struct vdt_text_parser *parser)
{
    const struct vdt_lexer *lexer = &parser->lexer;
    struct vdt_node *first = value(parser);
    if (first == NULL)
        return NULL;
    if (vdt_lexer_is(lexer, "IS"))
        return vdt_text_next(parser) ? is_null(parser, first) : NULL;
    enum vdt_node_kind kind =
        lexer->word == VDT_WORD_SIGN ? vdt_node_of_name(lexer->text) : VDT_NODE_KINDS;
    if (kind == VDT_NODE_KINDS) {
        bool more = is_any(lexer, (const char *const[]){"NOT", "LIKE", "BETWEEN", "IN", NULL});
        return first->kind == VDT_NODE_BOOLEAN && !more ? first : like_between_in(parser, first);
    }
    struct vdt_node *node = vdt_text_node(parser, kind);
    if (node == NULL || !vdt_text_next(parser))
        return NULL;
    node->child = first;
    first->next = value(parser);
    return first->next == NULL ? NULL : vdt_text_checked(parser, node);
}

static struct vdt_node *primary(struct vdt_text_parser *parser)
{
    const struct vdt_lexer *lexer = &parser->lexer;
    if (vdt_lexer_is_sign(lexer, "(")) {
        if (++parser->depth > PARENTHESES)
            return expected(parser, "fewer parentheses");
        struct vdt_node *node = vdt_text_next(parser) ? condition(parser) : NULL;
        parser->depth--;
        return node != NULL && vdt_text_sign(parser, ")") ? node : NULL;
    }
    enum vdt_node_kind kind =
        lexer->word == VDT_WORD_NAME ? vdt_node_of_name(lexer->text) : VDT_NODE_KINDS;
    if (kind >= VDT_NODE_INTERSECTS && kind <= VDT_NODE_ARRAY_OVERLAPS)
        return function(parser, kind);
    return comparison(parser);
}

static struct vdt_node *factor(struct vdt_text_parser *parser)
{
    if (!vdt_lexer_is(&parser->lexer, "NOT"))
        return primary(parser);
    return vdt_text_next(parser) ? negated(parser, primary(parser)) : NULL;
}

/* One part, or several with the keyword between. */
static struct vdt_node *joined(struct vdt_text_parser *parser, enum vdt_node_kind kind,
                               const char *keyword,
                               struct vdt_node *(*part)(struct vdt_text_parser *))
{
    struct vdt_node *first = part(parser), *node, *last = first;
    if (first == NULL || !vdt_lexer_is(&parser->lexer, keyword))
        return first;
    node = vdt_text_node(parser, kind);
    if (node == NULL)
        return NULL;
    node->child = first;
    while (vdt_lexer_is(&parser->lexer, keyword)) {
        if (!vdt_text_next(parser) || (last->next = part(parser)) == NULL)
            return NULL;
        last = last->next;
    }
    return vdt_text_checked(parser, node);
}

static struct vdt_node *term(struct vdt_text_parser *parser)
{
    return joined(parser, VDT_NODE_AND, "AND", factor);
}

static struct vdt_node *condition(struct vdt_text_parser *parser)
{
    return joined(parser, VDT_NODE_OR, "OR", term);
}

static int depth_of(const struct vdt_node *node)
{
    int deepest = 0;
    for (const struct vdt_node *child = node->child; child != NULL; child = child->next) {
        int depth = depth_of(child);
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest + 1;
}

vdt_status vdt_filter_parse_text(const char *text, struct vdt_filter **filter,
                                 struct vdt_error *error)
{
    struct vdt_error local = {0};
    struct vdt_filter *made = vdt_allocate_zero(1, sizeof *made);
    if (made == NULL)
        return vdt_fail_memory(error, "filter");
    struct vdt_text_parser parser = {.filter = made, .error = &local};
    vdt_status status = vdt_lexer_open(&parser.lexer, text, &local);
    if (status == VDT_OK)
        made->root = condition(&parser);
    if (made->root != NULL && parser.lexer.word != VDT_WORD_END)
        made->root = expected(&parser, "AND, OR or the end");
    if (made->root != NULL && depth_of(made->root) > VDT_FILTER_DEPTH) {
        vdt_fail(&local, VDT_ERR_ARGUMENT, "filter: parts within parts, too deep");
        made->root = NULL;
    }
    vdt_lexer_close(&parser.lexer);
    if (made->root == NULL) {
        vdt_filter_free(made);
        return vdt_fail(error, local.status, "%s", local.message);
    }
    *filter = made;
    return VDT_OK;
}
