/* Which of a search's conditions has the fewest rows. */
#include "server/query/drivers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "server/meta/dialect.h"

enum {
    FEW = 4000,   /* rows that a search may start from */
    BOXES = 24,   /* of a shape with more pieces, one around all */
    DRIVERS = 16, /* that are counted */
};

static const struct vdt_queryables *queryables_of(const struct vdt_query *search)
{
    return search->of == VDT_SEARCH_ENTRIES ? &vdt_entry_queryables : &vdt_sample_queryables;
}

char *vdt_query_words(const struct vdt_query *search)
{
    return search->phrases ? vdt_words_terms(search->q) : vdt_words_query(search->q);
}

/* --- SQL ------------------------------------------------------------------------------------ */

static void add_box(struct vdt_sql *sql, enum vdt_boxed what, const double box[4], int *count)
{
    if (box[0] > 180 || box[2] < -180)
        return;
    vdt_sql_add(sql, (*count)++ == 0 ? "" : " UNION ALL ");
    int first = vdt_sql_keep_real(sql, box[0]);
    for (int i = 1; i < 4; i++)
        vdt_sql_keep_real(sql, box[i]);
    sql->failed |= !vdt_box_select(&sql->text, what, first);
}

/* Boxes of rows lie within -180 and 180, those of requests may reach beyond. */
static void add_turned(struct vdt_sql *sql, enum vdt_boxed what, const double box[4], int *count)
{
    for (int turn = -1; turn <= 1; turn++)
        add_box(sql, what, (double[]){box[0] + turn * 360., box[1], box[2] + turn * 360., box[3]},
                count);
}

static void select_shape(struct vdt_sql *sql, const struct vdt_query *search,
                         const struct vdt_planar *shape)
{
    enum vdt_boxed what = search->of == VDT_SEARCH_ENTRIES ? VDT_BOX_OF_ENTRY : VDT_BOX_OF_SAMPLE;
    double all[4] = {INFINITY, INFINITY, -INFINITY, -INFINITY};
    int count = 0;
    for (size_t i = 0; i < shape->piece_count; i++) {
        const double *box = shape->pieces[i].box;
        if (shape->piece_count <= BOXES)
            add_turned(sql, what, box, &count);
        for (int axis = 0; axis < 2; axis++) {
            all[axis] = fmin(all[axis], box[axis]);
            all[2 + axis] = fmax(all[2 + axis], box[2 + axis]);
        }
    }
    if (shape->piece_count > BOXES || count == 0)
        add_turned(sql, what, all, &count);
    if (count == 0) /* nowhere on Earth */
        vdt_sql_add(sql, "SELECT 0 AS id");
}

static void select_set(struct vdt_sql *sql, const struct vdt_driver *driver)
{
    const struct vdt_queryable *set = driver->set;
    vdt_sql_add(sql, "SELECT x.%s AS id FROM %s x WHERE x.%s IN ", set->key, set->table,
                set->member);
    if (driver->wanted != NULL) {
        vdt_sql_texts(sql, driver->wanted->texts, driver->wanted->count);
        return;
    }
    vdt_sql_add(sql, "(");
    for (const struct vdt_node *one = driver->list; one != NULL; one = one->next) {
        vdt_sql_add(sql, one == driver->list ? "" : ", ");
        vdt_sql_text(sql, one->text);
    }
    vdt_sql_add(sql, ")");
}

static void select_ids(struct vdt_sql *sql, const struct vdt_query *search)
{
    bool entries = search->of == VDT_SEARCH_ENTRIES;
    vdt_sql_add(sql, entries ? "SELECT id FROM entry WHERE slug IN "
                             : "SELECT id FROM sample WHERE key IN ");
    vdt_sql_texts(sql, search->ids.texts, search->ids.count);
}

static void select_words(struct vdt_sql *sql, const struct vdt_query *search)
{
    vdt_cleanup(vdt_free_pointer) char *query = vdt_query_words(search);
    if (query == NULL) {
        sql->failed = true;
        return;
    }
    int first = vdt_sql_keep_text(sql, query);
    sql->failed |= !vdt_words_select(&sql->text, first);
}

void vdt_driver_select(struct vdt_sql *sql, const struct vdt_query *search,
                       const struct vdt_driver *driver)
{
    switch (driver->kind) {
    case VDT_DRIVER_NONE: break;
    case VDT_DRIVER_IDS: select_ids(sql, search); break;
    case VDT_DRIVER_WORDS: select_words(sql, search); break;
    case VDT_DRIVER_SHAPE: select_shape(sql, search, driver->shape); break;
    case VDT_DRIVER_SET: select_set(sql, driver); break;
    case VDT_DRIVER_TIME:
        vdt_sql_add(sql, "SELECT s.id AS id FROM sample s WHERE %s BETWEEN ",
                    vdt_queryable_find(&vdt_sample_queryables, "datetime")->order);
        vdt_sql_integer(sql, driver->start);
        vdt_sql_add(sql, " AND ");
        vdt_sql_integer(sql, driver->end);
    }
}

/* --- finding them --------------------------------------------------------------------------- */

struct drivers {
    const struct vdt_query *search;
    struct vdt_driver all[DRIVERS];
    size_t count;
};

static void add(struct drivers *drivers, struct vdt_driver driver)
{
    if (drivers->count < DRIVERS)
        drivers->all[drivers->count++] = driver;
}

static void add_set(struct drivers *drivers, const char *name, const struct vdt_wanted *wanted)
{
    const struct vdt_queryable *set = vdt_queryable_find(queryables_of(drivers->search), name);
    if (wanted->count > 0 && set != NULL)
        add(drivers, (struct vdt_driver){.kind = VDT_DRIVER_SET, .set = set, .wanted = wanted});
}

static void add_time(struct drivers *drivers, int64_t start, int64_t end)
{
    if (drivers->search->of == VDT_SEARCH_SAMPLES)
        add(drivers, (struct vdt_driver){.kind = VDT_DRIVER_TIME, .start = start, .end = end});
}

/* A part of a filter that all rows have to hold. */
static void add_node(struct drivers *drivers, const struct vdt_node *node)
{
    const struct vdt_node *first = node->child, *second = first == NULL ? NULL : first->next;
    if (node->kind == VDT_NODE_AND)
        for (const struct vdt_node *child = first; child != NULL; child = child->next)
            add_node(drivers, child);
    if (second == NULL || first->kind != VDT_NODE_PROPERTY)
        return;
    const struct vdt_queryable *property =
        vdt_queryable_find(queryables_of(drivers->search), first->text);
    if (property == NULL)
        return;
    bool set = node->kind == VDT_NODE_ARRAY_CONTAINS || node->kind == VDT_NODE_ARRAY_OVERLAPS;
    if (node->kind == VDT_NODE_INTERSECTS)
        add(drivers, (struct vdt_driver){.kind = VDT_DRIVER_SHAPE, .shape = &second->shape});
    if (set && property->kind == VDT_KIND_TEXTS && second->child != NULL)
        add(drivers,
            (struct vdt_driver){.kind = VDT_DRIVER_SET, .set = property, .list = second->child});
    if (node->kind == VDT_NODE_DURING && property->order != NULL)
        add_time(drivers, second->start, second->end);
    bool instant = second->kind == VDT_NODE_TIME || second->kind == VDT_NODE_DATE;
    if (property->order == NULL || !instant)
        return;
    if (node->kind == VDT_NODE_EQ)
        add_time(drivers, second->start, second->start);
    if (node->kind == VDT_NODE_GT || node->kind == VDT_NODE_GE)
        add_time(drivers, second->start, INT64_MAX);
    if (node->kind == VDT_NODE_LT || node->kind == VDT_NODE_LE)
        add_time(drivers, INT64_MIN, second->start);
}

static void find(struct drivers *drivers)
{
    const struct vdt_query *search = drivers->search;
    if (search->q != NULL && search->of == VDT_SEARCH_ENTRIES)
        add(drivers, (struct vdt_driver){.kind = VDT_DRIVER_WORDS});
    if (search->shape.piece_count > 0)
        add(drivers, (struct vdt_driver){.kind = VDT_DRIVER_SHAPE, .shape = &search->shape});
    add_set(drivers, "classes", &search->classes);
    add_set(drivers, "tags", &search->tags);
    add_set(drivers, "tasks", &search->tasks);
    add_set(drivers, "sensors", &search->sensors);
    if (search->timed)
        add_time(drivers, search->time.start, search->time.end);
    if (search->filter != NULL)
        add_node(drivers, search->filter->root);
}

/* Up to FEW + 1. */
static vdt_status count_rows(struct vdt_session *session, const struct vdt_query *search,
                             const struct vdt_driver *driver, int64_t most, int64_t *count,
                             struct vdt_error *error)
{
    struct vdt_sql sql = {0};
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_sql_add(&sql, "SELECT count(*) FROM (SELECT 1 FROM (");
    vdt_driver_select(&sql, search, driver);
    vdt_sql_add(&sql, ") LIMIT ");
    vdt_sql_integer(&sql, most);
    vdt_sql_add(&sql, ")");
    vdt_status status = vdt_sql_prepare(session, &sql, &rows, error);
    if (status == VDT_OK)
        status = vdt_rows_next(rows, error);
    if (status == VDT_OK)
        *count = vdt_rows_integer(rows, 0);
    vdt_sql_clear(&sql);
    return status;
}

vdt_status vdt_driver_choose(struct vdt_session *session, const struct vdt_query *search,
                             struct vdt_driver *driver, struct vdt_error *error)
{
    struct drivers drivers = {.search = search};
    *driver = (struct vdt_driver){.kind = VDT_DRIVER_NONE};
    if (search->ids.count > 0) {
        driver->kind = VDT_DRIVER_IDS;
        return VDT_OK;
    }
    find(&drivers);
    int64_t fewest = FEW + 1;
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && fewest > 0 && i < drivers.count; i++) {
        int64_t count = 0;
        status = count_rows(session, search, &drivers.all[i], fewest, &count, error);
        if (status == VDT_OK && count < fewest) {
            fewest = count;
            *driver = drivers.all[i];
        }
    }
    return status;
}
