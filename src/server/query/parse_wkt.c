/* Geometries in CQL2 text: WKT and BBOX. */
#include <math.h>
#include <strings.h>

#include "server/query/parser.h"

static const char *const types[] = {
    "POINT",        "LINESTRING",         "POLYGON", "MULTIPOINT", "MULTILINESTRING",
    "MULTIPOLYGON", "GEOMETRYCOLLECTION", "BBOX"};
enum { SINGLE = 3, COLLECTION = 6, BOX = 7, TYPES = 8, NESTED = 4 };

static int type_of(const struct vdt_lexer *lexer)
{
    int type = 0;
    while (type < TYPES && !vdt_lexer_is(lexer, types[type]))
        type++;
    return type;
}

bool vdt_text_is_geometry(const struct vdt_lexer *lexer)
{
    return type_of(lexer) < TYPES;
}

static bool memory(struct vdt_text_parser *parser, bool good)
{
    if (!good)
        vdt_fail_memory(parser->error, "filter");
    return good;
}

static bool read_number(struct vdt_text_parser *parser, double *number)
{
    if (parser->lexer.word != VDT_WORD_NUMBER) {
        vdt_lexer_expected(&parser->lexer, "a number", parser->error);
        return false;
    }
    *number = parser->lexer.number;
    return vdt_text_next(parser);
}

/* longitude latitude (height) */
static bool read_position(struct vdt_text_parser *parser, double point[2])
{
    double height;
    if (!read_number(parser, &point[0]) || !read_number(parser, &point[1]))
        return false;
    if (parser->lexer.word == VDT_WORD_NUMBER && !read_number(parser, &height))
        return false;
    if (fabs(point[0]) <= 540 && fabs(point[1]) <= 90)
        return true;
    vdt_fail(parser->error, VDT_ERR_ARGUMENT,
             "filter: %g %g is no longitude and latitude in degrees", point[0], point[1]);
    return false;
}

/* Positions with commas between and parentheses around. */
static bool read_run(struct vdt_text_parser *parser, struct vdt_planar *shape,
                     enum vdt_planar_kind kind)
{
    static const size_t least[] = {1, 2, 4};
    double point[2], first[2] = {0, 0};
    size_t count = 0;
    if (!memory(parser, vdt_planar_run(shape)) || !vdt_text_sign(parser, "("))
        return false;
    do {
        if ((count > 0 && !vdt_text_next(parser)) || !read_position(parser, point) ||
            !memory(parser, vdt_planar_point(shape, point[0], point[1])))
            return false;
        if (count++ == 0)
            first[0] = point[0], first[1] = point[1];
        if (shape->point_count > VDT_FILTER_VERTICES + 1)
            return vdt_fail(parser->error, VDT_ERR_ARGUMENT,
                            "filter: geometries of more than %d points; simplify them",
                            VDT_FILTER_VERTICES) == VDT_OK;
    } while (kind != VDT_PLANAR_POINT && vdt_lexer_is_sign(&parser->lexer, ","));
    bool closed = point[0] == first[0] && point[1] == first[1];
    if (count < least[kind] || (kind == VDT_PLANAR_POLYGON && !closed)) {
        vdt_fail(parser->error, VDT_ERR_ARGUMENT, "filter: %s",
                 kind == VDT_PLANAR_LINE
                     ? "a line has two positions or more"
                     : "a ring has four positions or more and ends where it began");
        return false;
    }
    if (kind == VDT_PLANAR_POLYGON) {
        shape->runs[shape->run_count - 1].count--;
        shape->point_count--;
    }
    return vdt_text_sign(parser, ")");
}

static bool read_piece(struct vdt_text_parser *parser, struct vdt_planar *shape,
                       enum vdt_planar_kind kind)
{
    if (!memory(parser, vdt_planar_piece(shape, kind)))
        return false;
    if (kind != VDT_PLANAR_POLYGON)
        return read_run(parser, shape, kind);
    if (!vdt_text_sign(parser, "("))
        return false;
    do
        if (!read_run(parser, shape, kind))
            return false;
    while (vdt_lexer_is_sign(&parser->lexer, ",") && vdt_text_next(parser));
    return vdt_text_sign(parser, ")");
}

/* MULTIPOINT(1 2, 3 4) is as good as MULTIPOINT((1 2), (3 4)). */
static bool read_bare_point(struct vdt_text_parser *parser, struct vdt_planar *shape)
{
    double point[2];
    return memory(parser, vdt_planar_piece(shape, VDT_PLANAR_POINT) && vdt_planar_run(shape)) &&
           read_position(parser, point) &&
           memory(parser, vdt_planar_point(shape, point[0], point[1]));
}

static bool read_geometry(struct vdt_text_parser *parser, struct vdt_planar *shape, int depth);

static bool read_member(struct vdt_text_parser *parser, struct vdt_planar *shape, int type,
                        int depth)
{
    if (type == COLLECTION)
        return read_geometry(parser, shape, depth + 1);
    if (type == SINGLE && !vdt_lexer_is_sign(&parser->lexer, "("))
        return read_bare_point(parser, shape);
    return read_piece(parser, shape, (enum vdt_planar_kind)(type - SINGLE));
}

static bool read_geometry(struct vdt_text_parser *parser, struct vdt_planar *shape, int depth)
{
    int type = type_of(&parser->lexer);
    if (type >= BOX || depth == NESTED) {
        vdt_lexer_expected(&parser->lexer, "a geometry", parser->error);
        return false;
    }
    if (!vdt_text_next(parser))
        return false;
    if (vdt_lexer_is(&parser->lexer, "Z") && !vdt_text_next(parser))
        return false;
    if (type < SINGLE)
        return read_piece(parser, shape, (enum vdt_planar_kind)type);
    if (!vdt_text_sign(parser, "("))
        return false;
    do
        if (!read_member(parser, shape, type, depth))
            return false;
    while (vdt_lexer_is_sign(&parser->lexer, ",") && vdt_text_next(parser));
    return vdt_text_sign(parser, ")");
}

static bool read_box(struct vdt_text_parser *parser, struct vdt_planar *shape)
{
    double numbers[6];
    size_t count = 0;
    if (!vdt_text_next(parser) || !vdt_text_sign(parser, "("))
        return false;
    do
        if (!read_number(parser, &numbers[count++]))
            return false;
    while (count < 6 && vdt_lexer_is_sign(&parser->lexer, ",") && vdt_text_next(parser));
    return vdt_text_sign(parser, ")") &&
           vdt_box_shape(numbers, count, shape, parser->error) == VDT_OK;
}

struct vdt_node *vdt_text_geometry(struct vdt_text_parser *parser)
{
    struct vdt_node *node = vdt_text_node(parser, VDT_NODE_GEOMETRY);
    if (node == NULL)
        return NULL;
    bool good = type_of(&parser->lexer) == BOX ? read_box(parser, &node->shape)
                                               : read_geometry(parser, &node->shape, 0);
    if (!good)
        return NULL;
    vdt_planar_end(&node->shape);
    return vdt_text_checked(parser, node);
}
