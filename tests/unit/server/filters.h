/* Random filters for tests. */
#ifndef TESTS_SERVER_FILTERS_H
#define TESTS_SERVER_FILTERS_H

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/random.h"
#include "server/query/ast.h"

/* A name and what it holds: t text, n number, b boolean, d time, a texts, g geometry. */
struct filter_name {
    const char *name;
    char kind;
};

static inline uint64_t draw(uint64_t *seed, uint64_t count)
{
    *seed = vdt_mix(*seed + UINT64_C(0x9e3779b97f4a7c15));
    return *seed % count;
}

static inline struct vdt_node *leaf(struct vdt_filter *filter, enum vdt_node_kind kind,
                                    const char *text)
{
    struct vdt_node *node = vdt_filter_node(filter, kind, NULL);
    if (node == NULL)
        abort();
    node->text = text == NULL ? NULL : vdt_copy_string(text);
    return node;
}

static inline const char *draw_name(uint64_t *seed, const struct filter_name *names, char kind)
{
    for (;;) {
        size_t count = 0;
        while (names[count].name != NULL)
            count++;
        const struct filter_name *name = &names[draw(seed, count)];
        if (name->kind == kind)
            return name->name;
    }
}

static inline struct vdt_node *draw_literal(uint64_t *seed, struct vdt_filter *filter, char kind)
{
    static const char *const texts[] = {"a",  "A",    "b",   "Roof",  "roof", "ÄÖ",
                                        "äö", "it's", "a\\", "a\\'b", "",     "x%y",
                                        "\\", "''",   "AND", "a\"b",  "日本"};
    static const int64_t times[] = {0, 1000000, 1500000, INT64_C(951825600500000), -1};
    struct vdt_node *node;
    switch (kind) {
    case 't': return leaf(filter, VDT_NODE_TEXT, texts[draw(seed, 17)]);
    case 'n':
        node = leaf(filter, VDT_NODE_NUMBER, NULL);
        node->number = (double)draw(seed, 7) / 2 - 1;
        return node;
    case 'b':
        node = leaf(filter, VDT_NODE_BOOLEAN, NULL);
        node->truth = draw(seed, 2) == 0;
        return node;
    default:
        node = leaf(filter, draw(seed, 3) == 0 ? VDT_NODE_DATE : VDT_NODE_TIME, NULL);
        node->start = node->end = node->kind == VDT_NODE_DATE
                                      ? (int64_t)draw(seed, 3) * INT64_C(86400000000)
                                      : times[draw(seed, 5)];
        return node;
    }
}

static inline struct vdt_node *folded_or_not(uint64_t *seed, struct vdt_filter *filter,
                                             struct vdt_node *node, bool folds)
{
    if (!folds)
        return node;
    struct vdt_node *outer = leaf(filter, VDT_NODE_CASEI, NULL);
    vdt_node_append(outer, node);
    return draw(seed, 4) == 0 ? folded_or_not(seed, filter, outer, true) : outer;
}

static inline struct vdt_node *draw_list(uint64_t *seed, struct vdt_filter *filter, char kind,
                                         size_t least)
{
    struct vdt_node *list = leaf(filter, VDT_NODE_LIST, NULL);
    for (size_t i = draw(seed, 4) + least; i > 0; i--)
        vdt_node_append(list, draw_literal(seed, filter, kind));
    return list;
}

static inline struct vdt_node *draw_shape(uint64_t *seed, struct vdt_filter *filter)
{
    struct vdt_node *node = leaf(filter, VDT_NODE_GEOMETRY, NULL);
    for (size_t i = 0; i <= draw(seed, 3); i++) {
        double x = (double)draw(seed, 40) / 4 - 5, y = (double)draw(seed, 40) / 4 - 5;
        bool made = draw(seed, 2) == 0
                        ? vdt_planar_box(&node->shape, x, y, x + (double)draw(seed, 3),
                                         y + (double)draw(seed, 3) * 1.1)
                        : vdt_planar_piece(&node->shape, VDT_PLANAR_POLYGON) &&
                              vdt_planar_run(&node->shape) &&
                              vdt_planar_point(&node->shape, x, y) &&
                              vdt_planar_point(&node->shape, x + 3, y + 0.1) &&
                              vdt_planar_point(&node->shape, x + 1, y + 2 / 3.);
        if (!made)
            abort();
    }
    vdt_planar_end(&node->shape);
    return node;
}

static inline struct vdt_node *draw_special(uint64_t *seed, struct vdt_filter *filter,
                                            const struct filter_name *names)
{
    struct vdt_node *node, *first, *second;
    switch (draw(seed, 3)) {
    case 0:
        node = leaf(filter, draw(seed, 3) == 0 ? VDT_NODE_DISJOINT : VDT_NODE_INTERSECTS, NULL);
        first = leaf(filter, VDT_NODE_PROPERTY, draw_name(seed, names, 'g'));
        second = draw_shape(seed, filter);
        break;
    case 1:
        node = leaf(filter, VDT_NODE_DURING, NULL);
        first = leaf(filter, VDT_NODE_PROPERTY, draw_name(seed, names, 'd'));
        second = leaf(filter, VDT_NODE_INTERVAL, NULL);
        second->start = draw(seed, 3) == 0 ? INT64_MIN : (int64_t)draw(seed, 3) * 500000;
        second->end = draw(seed, 3) == 0 ? INT64_MAX : (int64_t)draw(seed, 3) * 500000 + 1000000;
        break;
    default:
        node = leaf(filter, (enum vdt_node_kind)(VDT_NODE_ARRAY_EQUALS + draw(seed, 4)), NULL);
        first = leaf(filter, VDT_NODE_PROPERTY, draw_name(seed, names, 'a'));
        second = draw_list(seed, filter, 't', 0);
    }
    bool swap = draw(seed, 4) == 0;
    vdt_node_append(node, swap ? second : first);
    vdt_node_append(node, swap ? first : second);
    return node;
}

static inline struct vdt_node *draw_compare(uint64_t *seed, struct vdt_filter *filter,
                                            const struct filter_name *names)
{
    char kind = "ttnnbd"[draw(seed, 6)];
    bool folds = kind == 't' && draw(seed, 3) == 0;
    struct vdt_node *node,
        *first = folded_or_not(
            seed, filter, leaf(filter, VDT_NODE_PROPERTY, draw_name(seed, names, kind)), folds);
    switch (draw(seed, kind == 't' ? 4 : 3)) {
    case 0:
        node = leaf(filter, VDT_NODE_IN, NULL);
        vdt_node_append(node, first);
        vdt_node_append(node, draw_list(seed, filter, kind, 1));
        return node;
    case 1:
        node = leaf(filter, kind == 'b' ? VDT_NODE_EQ : VDT_NODE_BETWEEN, NULL);
        vdt_node_append(node, first);
        vdt_node_append(node, draw_literal(seed, filter, kind));
        if (kind != 'b')
            vdt_node_append(node, draw_literal(seed, filter, kind));
        return node;
    case 3:
        node = leaf(filter, VDT_NODE_LIKE, NULL);
        vdt_node_append(node, first);
        static const char *const patterns[] = {"%",   "a%", "%o%f", "_",    "R__f", "\\%",
                                               "%\\", "Ä_", "*",    "[a]%", "?",    "%日%"};
        vdt_node_append(node, folded_or_not(seed, filter,
                                            leaf(filter, VDT_NODE_TEXT, patterns[draw(seed, 12)]),
                                            folds));
        return node;
    default:
        node =
            leaf(filter, (enum vdt_node_kind)(VDT_NODE_EQ + draw(seed, kind == 'b' ? 2 : 6)), NULL);
        vdt_node_append(node, first);
        vdt_node_append(node, folded_or_not(seed, filter, draw_literal(seed, filter, kind), folds));
        return node;
    }
}

static inline struct vdt_node *draw_predicate(uint64_t *seed, struct vdt_filter *filter,
                                              const struct filter_name *names, int depth)
{
    struct vdt_node *node;
    uint64_t choice = draw(seed, depth > 0 ? 10 : 6);
    if (choice == 0) {
        node = leaf(filter, VDT_NODE_IS_NULL, NULL);
        vdt_node_append(
            node, leaf(filter, VDT_NODE_PROPERTY, draw_name(seed, names, "tnbdag"[draw(seed, 6)])));
        return node;
    }
    if (choice == 1)
        return draw(seed, 4) == 0 ? draw_literal(seed, filter, 'b')
                                  : draw_special(seed, filter, names);
    if (choice == 2)
        return draw_special(seed, filter, names);
    if (choice < 6)
        return draw_compare(seed, filter, names);
    if (choice == 6) {
        node = leaf(filter, VDT_NODE_NOT, NULL);
        vdt_node_append(node, draw_predicate(seed, filter, names, depth - 1));
        return node;
    }
    node = leaf(filter, choice == 7 ? VDT_NODE_OR : VDT_NODE_AND, NULL);
    for (uint64_t i = 0; i <= 1 + draw(seed, 2); i++)
        vdt_node_append(node, draw_predicate(seed, filter, names, depth - 1));
    return node;
}

/* Owned. The counts in it are not those of a parser. */
static inline struct vdt_filter *draw_filter(uint64_t seed, const struct filter_name *names)
{
    struct vdt_filter *filter = calloc(1, sizeof *filter);
    if (filter == NULL)
        abort();
    filter->root = draw_predicate(&seed, filter, names, 3);
    return filter;
}

#endif
