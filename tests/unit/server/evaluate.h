/* Filters over rows in memory, by the words of CQL2 and with nothing of the server's SQL: what the
 * database has to agree with. Truth is 1, 0, or -1 where it is unknown. */
#ifndef TESTS_SERVER_EVALUATE_H
#define TESTS_SERVER_EVALUATE_H

#include <stdlib.h>
#include <string.h>

#include "base/fold.h"
#include "server/meta/times.h"
#include "server/query/ast.h"
#include "server/query/functions.h"

/* What a row has under a name. */
struct cell {
    char kind; /* t, n, b, d, a, g as in filters.h; 0: nothing */
    const char *text;
    double number; /* also truth, and times */
    const char *const *texts;
    size_t count;
    double box[4];
};

typedef struct cell (*cell_of)(const void *row, const char *name);

struct evaluation {
    const void *row;
    cell_of cell;
};

static inline int evaluate(const struct evaluation *on, const struct vdt_node *node);

static inline bool like(const char *text, const char *pattern)
{
    if (*pattern == '\0')
        return *text == '\0';
    if (*pattern == '%') {
        for (;; text++) {
            if (like(text, pattern + 1))
                return true;
            if (*text == '\0')
                return false;
        }
    }
    if (*pattern == '_') {
        size_t used = 0;
        if (*text == '\0')
            return false;
        vdt_utf8_next(text, strlen(text), &used);
        return like(text + used, pattern + 1);
    }
    if (*pattern == '\\' && pattern[1] != '\0')
        pattern++;
    return *text == *pattern && like(text + 1, pattern + 1);
}

/* A value of a filter as a cell. `owned` is what it has to free. */
static inline struct cell value_of(const struct evaluation *on, const struct vdt_node *node,
                                   char **owned)
{
    struct cell cell = {0};
    switch (node->kind) {
    case VDT_NODE_PROPERTY: return on->cell(on->row, node->text);
    case VDT_NODE_TEXT: return (struct cell){.kind = 't', .text = node->text};
    case VDT_NODE_NUMBER: return (struct cell){.kind = 'n', .number = node->number};
    case VDT_NODE_BOOLEAN: return (struct cell){.kind = 'b', .number = node->truth};
    case VDT_NODE_TIME:
    case VDT_NODE_DATE: return (struct cell){.kind = 'd', .number = (double)node->start};
    case VDT_NODE_CASEI:
        cell = value_of(on, node->child, owned);
        if (cell.kind == 't') {
            char *folded = vdt_fold(cell.text);
            free(*owned);
            *owned = folded;
            cell.text = folded;
        }
        return cell;
    default: abort();
    }
}

/* -1, 0, 1, or 2 where one of them is nothing. */
static inline int compare(const struct cell *a, const struct cell *b)
{
    if (a->kind == 0 || b->kind == 0)
        return 2;
    if (a->kind == 't') {
        int order = strcmp(a->text, b->text);
        return (order > 0) - (order < 0);
    }
    return (a->number > b->number) - (a->number < b->number);
}

static inline int holds(enum vdt_node_kind kind, int order)
{
    switch (kind) {
    case VDT_NODE_EQ: return order == 0;
    case VDT_NODE_NE: return order != 0;
    case VDT_NODE_LT: return order < 0;
    case VDT_NODE_LE: return order <= 0;
    case VDT_NODE_GT: return order > 0;
    default: return order >= 0;
    }
}

static inline int compared(const struct evaluation *on, enum vdt_node_kind kind,
                           const struct vdt_node *one, const struct vdt_node *other)
{
    char *first = NULL, *second = NULL;
    struct cell a = value_of(on, one, &first), b = value_of(on, other, &second);
    int order = compare(&a, &b), truth = order == 2 ? -1 : holds(kind, order);
    free(first);
    free(second);
    return truth;
}

static inline int all_of(int a, int b)
{
    return a == 0 || b == 0 ? 0 : a < 0 || b < 0 ? -1 : 1;
}

static inline int not_of(int a)
{
    return a < 0 ? -1 : !a;
}

static inline int any_of(int a, int b)
{
    return not_of(all_of(not_of(a), not_of(b)));
}

static inline bool has(const struct cell *cell, const char *text)
{
    for (size_t i = 0; i < cell->count; i++)
        if (strcmp(cell->texts[i], text) == 0)
            return true;
    return false;
}

static inline int evaluate_array(const struct evaluation *on, const struct vdt_node *node)
{
    const struct vdt_node *first = node->child, *list = first->next;
    enum vdt_node_kind kind = node->kind;
    if (first->kind == VDT_NODE_LIST) {
        list = first;
        first = first->next;
        kind = kind == VDT_NODE_ARRAY_CONTAINS    ? VDT_NODE_ARRAY_CONTAINED
               : kind == VDT_NODE_ARRAY_CONTAINED ? VDT_NODE_ARRAY_CONTAINS
                                                  : kind;
    }
    struct cell cell = on->cell(on->row, first->text);
    bool contains = true, overlaps = false, contained = true;
    for (const struct vdt_node *one = list->child; one != NULL; one = one->next) {
        bool there = has(&cell, one->text);
        contains &= there;
        overlaps |= there;
    }
    for (size_t i = 0; i < cell.count; i++) {
        bool listed = false;
        for (const struct vdt_node *one = list->child; one != NULL; one = one->next)
            listed |= strcmp(one->text, cell.texts[i]) == 0;
        contained &= listed;
    }
    return kind == VDT_NODE_ARRAY_CONTAINS    ? contains
           : kind == VDT_NODE_ARRAY_CONTAINED ? contained
           : kind == VDT_NODE_ARRAY_OVERLAPS  ? overlaps
                                              : contains && contained;
}

static inline int evaluate_place(const struct evaluation *on, const struct vdt_node *node)
{
    const struct vdt_node *a = node->child, *b = a->next;
    bool swapped = a->kind != VDT_NODE_PROPERTY;
    struct cell cell = on->cell(on->row, swapped ? b->text : a->text);
    if (node->kind == VDT_NODE_DURING) {
        const struct vdt_node *span = swapped ? a : b;
        return cell.kind == 0
                   ? -1
                   : cell.number >= (double)span->start && cell.number <= (double)span->end;
    }
    if (cell.kind == 0)
        return -1;
    bool meets = vdt_place_meets(cell.box, NULL, 0, swapped ? &a->shape : &b->shape);
    return node->kind == VDT_NODE_DISJOINT ? !meets : meets;
}

static inline int evaluate_like(const struct evaluation *on, const struct vdt_node *node)
{
    char *first = NULL, *second = NULL;
    struct cell a = value_of(on, node->child, &first);
    struct cell b = value_of(on, node->child->next, &second);
    int truth = a.kind == 0 ? -1 : like(a.text, b.text);
    free(first);
    free(second);
    return truth;
}

static inline int evaluate_null(const struct evaluation *on, const struct vdt_node *node)
{
    struct cell cell = on->cell(on->row, node->child->text);
    return cell.kind == 'a' ? cell.count == 0 : cell.kind == 0;
}

static inline int evaluate(const struct evaluation *on, const struct vdt_node *node)
{
    const struct vdt_node *first = node->child;
    int truth;
    switch (node->kind) {
    case VDT_NODE_AND:
    case VDT_NODE_OR:
        truth = node->kind == VDT_NODE_AND;
        for (; first != NULL; first = first->next)
            truth = node->kind == VDT_NODE_AND ? all_of(truth, evaluate(on, first))
                                               : any_of(truth, evaluate(on, first));
        return truth;
    case VDT_NODE_NOT: return not_of(evaluate(on, first));
    case VDT_NODE_BOOLEAN: return node->truth;
    case VDT_NODE_IS_NULL: return evaluate_null(on, node);
    case VDT_NODE_LIKE: return evaluate_like(on, node);
    case VDT_NODE_BETWEEN:
        return all_of(compared(on, VDT_NODE_GE, first, first->next),
                      compared(on, VDT_NODE_LE, first, first->next->next));
    case VDT_NODE_IN:
        truth = 0;
        for (const struct vdt_node *one = first->next->child; one != NULL; one = one->next)
            truth = any_of(truth, compared(on, VDT_NODE_EQ, first, one));
        return truth;
    case VDT_NODE_INTERSECTS:
    case VDT_NODE_DISJOINT:
    case VDT_NODE_DURING: return evaluate_place(on, node);
    case VDT_NODE_ARRAY_EQUALS:
    case VDT_NODE_ARRAY_CONTAINS:
    case VDT_NODE_ARRAY_CONTAINED:
    case VDT_NODE_ARRAY_OVERLAPS: return evaluate_array(on, node);
    default: return compared(on, node->kind, first, first->next);
    }
}

#endif
