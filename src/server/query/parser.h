/* What the parser of text shares with that of its geometries. Private to query/. */
#ifndef SERVER_QUERY_PARSER_H
#define SERVER_QUERY_PARSER_H

#include "server/query/ast.h"
#include "server/query/lexer.h"

struct vdt_text_parser {
    struct vdt_filter *filter;
    struct vdt_lexer lexer;
    int depth;    /* of parentheses */
    bool in_list; /* nodes are values of a list */
    struct vdt_error *error;
};

/* All of these have set the error where they return false or NULL. */
bool vdt_text_next(struct vdt_text_parser *parser);
bool vdt_text_sign(struct vdt_text_parser *parser, const char *sign); /* and goes on */
struct vdt_node *vdt_text_node(struct vdt_text_parser *parser, enum vdt_node_kind kind);
struct vdt_node *vdt_text_checked(struct vdt_text_parser *parser, struct vdt_node *node);

/* A geometry of WKT, or BBOX(...). */
bool vdt_text_is_geometry(const struct vdt_lexer *lexer);
struct vdt_node *vdt_text_geometry(struct vdt_text_parser *parser);

#endif
