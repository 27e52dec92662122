/* Whether shapes in a plane meet: by their edges first, then by a point within. */
#include "base/planar.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

void vdt_planar_clear(struct vdt_planar *shape)
{
    free(shape->points);
    free(shape->runs);
    free(shape->pieces);
    *shape = (struct vdt_planar){0};
}

bool vdt_planar_piece(struct vdt_planar *shape, enum vdt_planar_kind kind)
{
    if (!vdt_grow(&shape->pieces, &shape->piece_capacity, shape->piece_count + 1,
                  sizeof *shape->pieces))
        return false;
    shape->pieces[shape->piece_count++] =
        (struct vdt_planar_piece){.kind = kind, .first = shape->run_count};
    return true;
}

bool vdt_planar_run(struct vdt_planar *shape)
{
    if (!vdt_grow(&shape->runs, &shape->run_capacity, shape->run_count + 1, sizeof *shape->runs))
        return false;
    shape->runs[shape->run_count++] = (struct vdt_planar_run){.first = shape->point_count};
    shape->pieces[shape->piece_count - 1].count++;
    return true;
}

bool vdt_planar_point(struct vdt_planar *shape, double x, double y)
{
    if (!vdt_grow(&shape->points, &shape->point_capacity, shape->point_count + 1,
                  sizeof *shape->points))
        return false;
    shape->points[shape->point_count][0] = x;
    shape->points[shape->point_count++][1] = y;
    shape->runs[shape->run_count - 1].count++;
    return true;
}

void vdt_planar_end(struct vdt_planar *shape)
{
    for (size_t i = 0; i < shape->piece_count; i++) {
        struct vdt_planar_piece *piece = &shape->pieces[i];
        double *box = piece->box;
        box[0] = box[1] = INFINITY;
        box[2] = box[3] = -INFINITY;
        for (size_t r = piece->first; r < piece->first + piece->count; r++)
            for (size_t p = 0; p < shape->runs[r].count; p++) {
                const double *point = shape->points[shape->runs[r].first + p];
                for (int axis = 0; axis < 2; axis++) {
                    box[axis] = fmin(box[axis], point[axis]);
                    box[2 + axis] = fmax(box[2 + axis], point[axis]);
                }
            }
    }
}

bool vdt_planar_box(struct vdt_planar *shape, double west, double south, double east, double north)
{
    bool wide = west < east, high = south < north;
    enum vdt_planar_kind kind = wide && high   ? VDT_PLANAR_POLYGON
                                : wide || high ? VDT_PLANAR_LINE
                                               : VDT_PLANAR_POINT;
    bool good = vdt_planar_piece(shape, kind) && vdt_planar_run(shape) &&
                vdt_planar_point(shape, west, south);
    if (good && kind == VDT_PLANAR_LINE)
        good = vdt_planar_point(shape, east, north);
    if (good && kind == VDT_PLANAR_POLYGON)
        good = vdt_planar_point(shape, east, south) && vdt_planar_point(shape, east, north) &&
               vdt_planar_point(shape, west, north);
    vdt_planar_end(shape);
    return good;
}

/* --- arithmetic ----------------------------------------------------------------------------- */

/* A number as the sum of two, with twice the digits (Dekker 1971). */
struct two {
    double high, low;
};

static struct two two_sum(double a, double b)
{
    double sum = a + b, part = sum - a;
    return (struct two){sum, (a - (sum - part)) + (b - part)};
}

static struct two two_product(struct two a, struct two b)
{
    double high = a.high * b.high, low = fma(a.high, b.high, -high);
    low += a.high * b.low + a.low * b.high;
    return two_sum(high, low);
}

/* The side of the line from a to b that c is on: 1 left, -1 right, 0 on it. Plain arithmetic where
 * its error cannot change the sign (Shewchuk 1997), else with twice the digits. */
static int side_of(const double a[2], const double b[2], const double c[2])
{
    static const double bound = 3.3306690738754716e-16; /* (3 + 16 e) e, e = 2^-53 */
    double left = (a[0] - c[0]) * (b[1] - c[1]), right = (a[1] - c[1]) * (b[0] - c[0]);
    double difference = left - right;
    if (fabs(difference) > bound * (fabs(left) + fabs(right)))
        return difference > 0 ? 1 : -1;
    struct two l = two_product(two_sum(a[0], -c[0]), two_sum(b[1], -c[1]));
    struct two r = two_product(two_sum(a[1], -c[1]), two_sum(b[0], -c[0]));
    double high = l.high - r.high, exact = high + (l.low - r.low);
    return exact > 0 ? 1 : exact < 0 ? -1 : 0;
}

static bool within(const double a[2], const double b[2], const double c[2])
{
    return c[0] >= fmin(a[0], b[0]) && c[0] <= fmax(a[0], b[0]) && c[1] >= fmin(a[1], b[1]) &&
           c[1] <= fmax(a[1], b[1]);
}

/* A segment may be a point. */
static bool segments_meet(const double a[2], const double b[2], const double c[2],
                          const double d[2])
{
    if (fmax(a[0], b[0]) < fmin(c[0], d[0]) || fmax(c[0], d[0]) < fmin(a[0], b[0]) ||
        fmax(a[1], b[1]) < fmin(c[1], d[1]) || fmax(c[1], d[1]) < fmin(a[1], b[1]))
        return false;
    int c_side = side_of(a, b, c), d_side = side_of(a, b, d);
    int a_side = side_of(c, d, a), b_side = side_of(c, d, b);
    if (c_side * d_side < 0 && a_side * b_side < 0)
        return true;
    return (c_side == 0 && within(a, b, c)) || (d_side == 0 && within(a, b, d)) ||
           (a_side == 0 && within(c, d, a)) || (b_side == 0 && within(c, d, b));
}

/* --- pieces --------------------------------------------------------------------------------- */

static bool boxes_meet(const double a[4], const double b[4])
{
    return a[0] <= b[2] && b[0] <= a[2] && a[1] <= b[3] && b[1] <= a[3];
}

struct edge {
    const double *from, *to;
};

/* Walks the edges of a piece; a point is one edge without length. */
struct walk {
    const struct vdt_planar *shape;
    const struct vdt_planar_piece *piece;
    size_t run, at;
};

static bool next_edge(struct walk *walk, struct edge *edge)
{
    const struct vdt_planar *shape = walk->shape;
    for (; walk->run < walk->piece->count; walk->run++, walk->at = 0) {
        const struct vdt_planar_run *run = &shape->runs[walk->piece->first + walk->run];
        size_t edges = walk->piece->kind == VDT_PLANAR_LINE ? run->count - 1 : run->count;
        if (walk->at >= edges)
            continue;
        edge->from = shape->points[run->first + walk->at];
        edge->to = shape->points[run->first + (walk->at + 1) % run->count];
        walk->at++;
        return true;
    }
    return false;
}

/* In the polygon, not on its border; by the even-odd rule over all rings. */
static bool inside(const struct vdt_planar *shape, const struct vdt_planar_piece *piece,
                   const double point[2])
{
    bool odd = false;
    struct edge edge;
    for (struct walk walk = {shape, piece, 0, 0}; next_edge(&walk, &edge);) {
        bool upward = edge.from[1] <= point[1] && edge.to[1] > point[1];
        bool downward = edge.to[1] <= point[1] && edge.from[1] > point[1];
        if (upward || downward)
            odd ^= side_of(edge.from, edge.to, point) == (upward ? 1 : -1);
    }
    return odd;
}

static bool edge_in_box(const struct edge *edge, const double box[4])
{
    return fmax(edge->from[0], edge->to[0]) >= box[0] &&
           fmin(edge->from[0], edge->to[0]) <= box[2] &&
           fmax(edge->from[1], edge->to[1]) >= box[1] && fmin(edge->from[1], edge->to[1]) <= box[3];
}

static bool pieces_meet(const struct vdt_planar *a, const struct vdt_planar_piece *p,
                        const struct vdt_planar *b, const struct vdt_planar_piece *q)
{
    if (!boxes_meet(p->box, q->box))
        return false;
    struct edge one, other;
    for (struct walk first = {a, p, 0, 0}; next_edge(&first, &one);) {
        if (!edge_in_box(&one, q->box))
            continue;
        for (struct walk second = {b, q, 0, 0}; next_edge(&second, &other);)
            if (segments_meet(one.from, one.to, other.from, other.to))
                return true;
    }
    /* No edges meet, so one is wholly within the other or wholly without. */
    return (p->kind == VDT_PLANAR_POLYGON && inside(a, p, b->points[b->runs[q->first].first])) ||
           (q->kind == VDT_PLANAR_POLYGON && inside(b, q, a->points[a->runs[p->first].first]));
}

bool vdt_planar_meet(const struct vdt_planar *a, const struct vdt_planar *b)
{
    for (size_t i = 0; i < a->piece_count; i++)
        for (size_t j = 0; j < b->piece_count; j++)
            if (pieces_meet(a, &a->pieces[i], b, &b->pieces[j]))
                return true;
    return false;
}

bool vdt_planar_equal(const struct vdt_planar *a, const struct vdt_planar *b)
{
    if (a->point_count != b->point_count || a->run_count != b->run_count ||
        a->piece_count != b->piece_count)
        return false;
    for (size_t i = 0; i < a->piece_count; i++)
        if (a->pieces[i].kind != b->pieces[i].kind || a->pieces[i].count != b->pieces[i].count)
            return false;
    for (size_t i = 0; i < a->run_count; i++)
        if (a->runs[i].count != b->runs[i].count)
            return false;
    for (size_t i = 0; i < a->point_count; i++)
        if (a->points[i][0] != b->points[i][0] || a->points[i][1] != b->points[i][1])
            return false;
    return true;
}

/* --- bytes ---------------------------------------------------------------------------------- */

/* Numbers of 32 bits: pieces, then for each its kind and runs, then for each its points; then the
 * points. All in this machine's order: it stays on it. */
bool vdt_planar_pack(const struct vdt_planar *shape, unsigned char **data, size_t *size)
{
    size_t head = 1 + 2 * shape->piece_count + shape->run_count;
    head += head % 2; /* the points are aligned */
    unsigned char *bytes =
        vdt_allocate(head * sizeof(uint32_t) + shape->point_count * sizeof *shape->points, 1);
    if (bytes == NULL)
        return false;
    uint32_t *numbers = (uint32_t *)(void *)bytes, *at = numbers;
    memset(numbers, 0, head * sizeof *numbers);
    *at++ = (uint32_t)shape->piece_count;
    for (size_t i = 0; i < shape->piece_count; i++) {
        *at++ = (uint32_t)shape->pieces[i].kind;
        *at++ = (uint32_t)shape->pieces[i].count;
        for (size_t r = 0; r < shape->pieces[i].count; r++)
            *at++ = (uint32_t)shape->runs[shape->pieces[i].first + r].count;
    }
    if (shape->point_count > 0)
        memcpy(numbers + head, shape->points, shape->point_count * sizeof *shape->points);
    *data = bytes;
    *size = head * sizeof *numbers + shape->point_count * sizeof *shape->points;
    return true;
}

/* The head of packed bytes, number by number. */
struct head {
    const unsigned char *data;
    size_t size, at;
};

static bool take(struct head *head, uint32_t most, uint32_t *number)
{
    if (head->size - head->at < sizeof *number)
        return false;
    memcpy(number, head->data + head->at, sizeof *number);
    head->at += sizeof *number;
    return *number <= most;
}

static bool unpack_runs(struct head *head, struct vdt_planar *shape)
{
    static const uint32_t least[] = {1, 2, 3};
    uint32_t pieces, kind, runs, count;
    size_t points = 0;
    if (!take(head, (uint32_t)(head->size / 8), &pieces))
        return false;
    for (uint32_t i = 0; i < pieces; i++) {
        if (!take(head, VDT_PLANAR_POLYGON, &kind) ||
            !take(head, (uint32_t)(head->size / 4), &runs) || runs == 0 ||
            !vdt_planar_piece(shape, (enum vdt_planar_kind)kind))
            return false;
        for (uint32_t r = 0; r < runs; r++) {
            if (!take(head, (uint32_t)(head->size / 16), &count) || count < least[kind] ||
                !vdt_planar_run(shape))
                return false;
            shape->runs[shape->run_count - 1] = (struct vdt_planar_run){points, count};
            points += count;
        }
    }
    shape->point_count = points;
    head->at += head->at % 8;
    return head->at <= head->size && (head->size - head->at) % sizeof *shape->points == 0 &&
           (head->size - head->at) / sizeof *shape->points == points;
}

bool vdt_planar_unpack(const void *data, size_t size, struct vdt_planar *shape)
{
    struct vdt_planar made = {0};
    struct head head = {.data = data, .size = size};
    bool good = data != NULL && size <= UINT32_MAX && unpack_runs(&head, &made);
    if (good) {
        made.points = vdt_allocate(made.point_count, sizeof *made.points);
        good = made.points != NULL;
    }
    if (!good) {
        made.point_count = 0;
        vdt_planar_clear(&made);
        return false;
    }
    if (made.point_count > 0)
        memcpy(made.points, head.data + head.at, made.point_count * sizeof *made.points);
    made.point_capacity = made.point_count;
    vdt_planar_end(&made);
    *shape = made;
    return true;
}
