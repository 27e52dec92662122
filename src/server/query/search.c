/* Searches as SQL, a page at a time.
 *
 * A page is found either by walking rows in the order asked for, until enough of them hold; or,
 * where one of the conditions has few rows, from those: its driver. Which, is told by counting a
 * few rows of each condition's index. So no page reads all rows, unless conditions that each hold
 * for many rows hold together for next to none; a limit in time ends that. */
#include "server/query/search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "server/meta/access.h"
#include "server/meta/dialect.h"
#include "server/query/drivers.h"
#include "server/query/token.h"

enum { KEYS = 2 * VDT_SEARCH_SORTS + 2, SEARCH_MS = 4000 };

/* One column of the order. */
struct key {
    char sql[80];
    enum vdt_kind kind;
    bool whole, down;
};

struct plan {
    struct vdt_session *session;
    const struct vdt_query *search;
    const struct vdt_caller *caller;
    const struct vdt_queryables *all;
    struct key keys[KEYS]; /* the last is the id */
    size_t key_count;
    char *list;    /* what its tokens are for */
    json_t *after; /* values of the keys; NULL: from the start */
    int64_t limit;
    struct vdt_driver driver;
    struct vdt_sql sql;
    struct vdt_error *error;
};

void vdt_page_clear(struct vdt_page *page)
{
    free(page->hits);
    free(page->next);
    *page = (struct vdt_page){0};
}

/* --- the order ------------------------------------------------------------------------------ */

static void add_key(struct plan *plan, const char *sql, enum vdt_kind kind, bool whole, bool down)
{
    struct key *key = &plan->keys[plan->key_count++];
    *key = (struct key){.kind = kind, .whole = whole, .down = down};
    snprintf(key->sql, sizeof key->sql, "%s", sql);
}

static bool everywhere(const struct plan *plan)
{
    return plan->search->of == VDT_SEARCH_SAMPLES && !plan->search->some;
}

static vdt_status choose_order(struct plan *plan)
{
    const struct vdt_query *search = plan->search;
    bool down = false;
    for (size_t i = 0; i < search->sort_count; i++) {
        const struct vdt_queryable *key = search->sorts[i].key;
        down = search->sorts[i].down;
        if (key->within && everywhere(plan))
            return vdt_fail(plan->error, VDT_ERR_ARGUMENT,
                            "sortby: by %s only within collections; name them", key->name);
        add_key(plan, key->order == NULL ? key->sql : key->order, key->kind,
                key->whole || key->kind != VDT_KIND_NUMBER, down);
        if (key->within)
            add_key(plan, "s.position", VDT_KIND_NUMBER, true, down);
    }
    if (search->sort_count == 0 && search->of == VDT_SEARCH_ENTRIES && !search->saved)
        down = true; /* the newest first */
    if (search->sort_count == 0 && everywhere(plan))
        add_key(plan, "e.id", VDT_KIND_NUMBER, true, false);
    if (search->some && search->collection_count > 1)
        add_key(plan, "n", VDT_KIND_NUMBER, true, false);
    add_key(plan, plan->all->id, VDT_KIND_NUMBER, true, down);
    return VDT_OK;
}

static vdt_status read_token(struct plan *plan, const unsigned char *secret)
{
    const struct vdt_query *search = plan->search;
    vdt_cleanup(vdt_buffer_clear) struct vdt_buffer list = {0};
    bool good = vdt_sql_append(&list, "search %d %d", (int)search->of, (int)search->bin);
    for (size_t i = 0; good && i < plan->key_count; i++)
        good = vdt_sql_append(&list, " %s%s", plan->keys[i].sql, plan->keys[i].down ? " down" : "");
    for (size_t i = 0; good && i < search->collection_count; i++)
        good = vdt_sql_append(&list, " %s", search->collections[i].name);
    plan->list = good ? (char *)list.data : NULL;
    if (!good)
        return vdt_fail_memory(plan->error, "search");
    list = (struct vdt_buffer){0};
    if (search->token == NULL)
        return VDT_OK;
    vdt_status status =
        vdt_page_token_read(secret, plan->list, search->token, &plan->after, plan->error);
    if (status == VDT_OK && json_array_size(plan->after) != plan->key_count)
        status = vdt_fail(plan->error, VDT_ERR_ARGUMENT, "token: not of this search");
    return status;
}

static void add_after_value(struct plan *plan, size_t i)
{
    const json_t *value = json_array_get(plan->after, i);
    if (plan->keys[i].kind == VDT_KIND_TEXT)
        vdt_sql_text(&plan->sql, json_is_string(value) ? json_string_value(value) : "");
    else if (plan->keys[i].whole)
        vdt_sql_integer(&plan->sql, json_integer_value(value));
    else
        vdt_sql_real(&plan->sql, json_number_value(value));
}

/* Rows behind the token's. The first key is compared by itself as well, as an index can do that. */
static void add_after(struct plan *plan, size_t from)
{
    struct vdt_sql *sql = &plan->sql;
    if (plan->after == NULL || from >= plan->key_count)
        return;
    vdt_sql_add(sql, " AND %s %s ", plan->keys[from].sql, plan->keys[from].down ? "<=" : ">=");
    add_after_value(plan, from);
    vdt_sql_add(sql, " AND ");
    for (size_t i = from; i < plan->key_count; i++) {
        const struct key *key = &plan->keys[i];
        bool last = i + 1 == plan->key_count;
        vdt_sql_add(sql, "%s%s %s ", last ? "" : "(", key->sql, key->down ? "<" : ">");
        add_after_value(plan, i);
        if (last)
            break;
        vdt_sql_add(sql, " OR (%s = ", key->sql);
        add_after_value(plan, i);
        vdt_sql_add(sql, " AND ");
    }
    for (size_t i = from; i + 1 < plan->key_count; i++)
        vdt_sql_add(sql, "))");
}

static void add_order(struct plan *plan, bool columns)
{
    struct vdt_sql *sql = &plan->sql;
    vdt_sql_add(sql, " ORDER BY ");
    for (size_t i = 0; i < plan->key_count; i++) {
        vdt_sql_add(sql, i == 0 ? "" : ", ");
        if (columns)
            vdt_sql_add(sql, "k%zu", i);
        else
            vdt_sql_add(sql, "%s", plan->keys[i].sql);
        vdt_sql_add(sql, plan->keys[i].down ? " DESC" : "");
    }
    vdt_sql_add(sql, " LIMIT ");
    vdt_sql_integer(sql, plan->limit + 1);
}

/* --- conditions ----------------------------------------------------------------------------- */

static void add_any(struct plan *plan, const char *name, const struct vdt_wanted *wanted)
{
    const struct vdt_queryable *set = vdt_queryable_find(plan->all, name);
    if (wanted->count == 0)
        return;
    if (set == NULL) { /* entries have it, samples have not */
        vdt_sql_add(&plan->sql,
                    " AND EXISTS (SELECT 1 FROM entry_%s x WHERE x.entry = e.id AND x.%s IN ", name,
                    name);
        vdt_sql_texts(&plan->sql, wanted->texts, wanted->count);
    } else {
        vdt_sql_add(&plan->sql, " AND EXISTS (SELECT 1 FROM %s x WHERE x.%s = %s AND x.%s IN ",
                    set->table, set->key, set->sql, set->member);
        vdt_sql_texts(&plan->sql, wanted->texts, wanted->count);
    }
    vdt_sql_add(&plan->sql, ")");
}

/* Words that many entries have are walked in the order of entries, which is that of the words'
 * index. */
static bool streams(const struct plan *plan)
{
    return plan->search->q != NULL && plan->search->sort_count == 0 &&
           plan->driver.kind == VDT_DRIVER_NONE;
}

static vdt_status add_words(struct plan *plan)
{
    if (plan->search->q == NULL || plan->driver.kind == VDT_DRIVER_WORDS || streams(plan))
        return VDT_OK;
    vdt_cleanup(vdt_free_pointer) char *query = vdt_query_words(plan->search);
    if (query == NULL)
        return vdt_fail_memory(plan->error, "search");
    vdt_sql_add(&plan->sql, " AND ");
    int first = vdt_sql_keep_text(&plan->sql, query);
    plan->sql.failed |= !vdt_words_condition(&plan->sql.text, "e.id", first);
    return VDT_OK;
}

static void add_in(struct plan *plan, const char *column, const struct vdt_wanted *wanted)
{
    if (wanted->count == 0)
        return;
    vdt_sql_add(&plan->sql, " AND %s IN ", column);
    vdt_sql_texts(&plan->sql, wanted->texts, wanted->count);
}

static void add_time(struct plan *plan, const char *start, const char *end)
{
    if (!plan->search->timed)
        return;
    vdt_sql_add(&plan->sql, " AND %s <= ", start);
    vdt_sql_integer(&plan->sql, plan->search->time.end);
    vdt_sql_add(&plan->sql, " AND %s >= ", end);
    vdt_sql_integer(&plan->sql, plan->search->time.start);
}

static vdt_status add_conditions(struct plan *plan)
{
    const struct vdt_query *search = plan->search;
    bool entries = search->of == VDT_SEARCH_ENTRIES;
    add_in(plan, entries ? "e.slug" : "s.key", &search->ids);
    add_any(plan, "classes", &search->classes);
    if (entries) {
        add_any(plan, "tasks", &search->tasks);
        add_any(plan, "sensors", &search->sensors);
        add_any(plan, "tags", &search->tags);
        add_in(plan, "(SELECT u.name FROM user u WHERE u.id = e.owner)", &search->owners);
        add_time(plan, "e.start_time", "e.end_time");
    } else {
        add_in(plan, "s.grp", &search->groups);
        add_time(plan, "s.time", "s.time");
    }
    if (search->shape.piece_count > 0) {
        vdt_sql_add(&plan->sql, " AND ");
        vdt_sql_meets(&plan->sql, plan->all, &search->shape);
    }
    vdt_status status = entries ? add_words(plan) : VDT_OK;
    if (status != VDT_OK || search->filter == NULL)
        return status;
    vdt_sql_add(&plan->sql, " AND ");
    return vdt_sql_filter(&plan->sql, search->filter, plan->all, search->unknown, plan->error);
}

/* The caller's parameters are always ?1 and ?2. */
static void add_visible(struct plan *plan)
{
    if (plan->search->bin)
        vdt_sql_add(&plan->sql, "(e.deleted IS NOT NULL AND (e.owner = ?1 OR ?2 <> 0))");
    else
        plan->sql.failed |= !vdt_visible_condition(&plan->sql.text, 1);
}

/* --- statements ----------------------------------------------------------------------------- */

static void add_columns(struct plan *plan, size_t collection)
{
    struct vdt_sql *sql = &plan->sql;
    vdt_sql_add(sql, "SELECT %s AS id, %zu AS n", plan->all->id, collection);
    for (size_t i = 0; i < plan->key_count; i++)
        if (strcmp(plan->keys[i].sql, "n") == 0)
            vdt_sql_add(sql, ", %zu AS k%zu", collection, i);
        else
            vdt_sql_add(sql, ", %s AS k%zu", plan->keys[i].sql, i);
    vdt_sql_add(sql, " FROM ");
    if (plan->driver.kind == VDT_DRIVER_NONE)
        return;
    vdt_sql_add(sql, "(SELECT DISTINCT id FROM (");
    vdt_driver_select(sql, plan->search, &plan->driver);
    vdt_sql_add(sql, ")) d CROSS JOIN ");
}

static void driven(struct plan *plan)
{
    if (plan->driver.kind != VDT_DRIVER_NONE)
        vdt_sql_add(&plan->sql, " AND %s = d.id", plan->all->id);
}

static vdt_status make_entries(struct plan *plan)
{
    bool walks = streams(plan);
    strcpy(plan->keys[plan->key_count - 1].sql, walks ? "w.rowid" : "e.id");
    add_columns(plan, 0);
    vdt_cleanup(vdt_free_pointer) char *query = walks ? vdt_query_words(plan->search) : NULL;
    if (query != NULL) {
        int first = vdt_sql_keep_text(&plan->sql, query);
        plan->sql.failed |= !vdt_words_walk(&plan->sql.text, first);
    } else {
        plan->sql.failed |= walks;
        vdt_sql_add(&plan->sql, "entry e WHERE ");
    }
    add_visible(plan);
    if (plan->search->saved)
        vdt_sql_add(&plan->sql, " AND e.head IS NOT NULL");
    driven(plan);
    vdt_status status = add_conditions(plan);
    add_after(plan, 0);
    add_order(plan, false);
    return status;
}

/* In the order of entries the walk is over these first, so that samples of entries that are not to
 * be seen are never read. */
static vdt_status make_everywhere(struct plan *plan)
{
    bool by_entry = plan->keys[0].sql[0] == 'e' && plan->driver.kind == VDT_DRIVER_NONE;
    add_columns(plan, 0);
    vdt_sql_add(&plan->sql, "%s WHERE s.entry = e.id AND s.until IS NULL AND ",
                by_entry ? "entry e CROSS JOIN sample s" : "sample s CROSS JOIN entry e");
    add_visible(plan);
    driven(plan);
    vdt_status status = add_conditions(plan);
    add_after(plan, 0);
    add_order(plan, false);
    return status;
}

static vdt_status make_collection(struct plan *plan, size_t number)
{
    const struct vdt_collection *one = &plan->search->collections[number];
    add_columns(plan, number);
    vdt_sql_add(&plan->sql, "sample s CROSS JOIN (SELECT ");
    vdt_sql_integer(&plan->sql, one->entry);
    vdt_sql_add(&plan->sql, " AS id, ");
    vdt_sql_text(&plan->sql, one->name);
    vdt_sql_add(&plan->sql, " AS slug) e WHERE s.entry = ");
    vdt_sql_integer(&plan->sql, one->entry);
    vdt_sql_add(&plan->sql, " AND s.since <= ");
    vdt_sql_integer(&plan->sql, one->version);
    vdt_sql_add(&plan->sql, " AND (s.until IS NULL OR s.until > ");
    vdt_sql_integer(&plan->sql, one->version);
    vdt_sql_add(&plan->sql, ")");
    driven(plan);
    return add_conditions(plan);
}

/* Within one of several collections its number is a constant; the key is then left out of what has
 * to be behind the token's row, or all of the collection is behind it, or nothing. */
static void add_after_within(struct plan *plan, size_t number)
{
    size_t several = plan->search->collection_count > 1;
    if (plan->after == NULL || !several) {
        add_after(plan, 0);
        return;
    }
    json_int_t reached = json_integer_value(json_array_get(plan->after, plan->key_count - 2));
    bool first = plan->key_count == 2;
    if (first && (json_int_t)number > reached)
        return;
    char text[24];
    snprintf(text, sizeof text, "%zu", number);
    memcpy(plan->keys[plan->key_count - 2].sql, text, sizeof text);
    add_after(plan, first ? 1 : 0);
    strcpy(plan->keys[plan->key_count - 2].sql, "n");
}

static vdt_status make_collections(struct plan *plan)
{
    vdt_status status = VDT_OK;
    size_t count = plan->search->collection_count, made = 0;
    json_int_t reached = json_integer_value(json_array_get(plan->after, plan->key_count - 2));
    if (count == 1) {
        status = make_collection(plan, 0);
        add_after(plan, 0);
        add_order(plan, false);
        return status;
    }
    for (size_t i = 0; status == VDT_OK && i < count; i++) {
        if (plan->after != NULL && plan->key_count == 2 && (json_int_t)i < reached)
            continue;
        vdt_sql_add(&plan->sql, made++ == 0 ? "SELECT * FROM (" : " UNION ALL SELECT * FROM (");
        status = make_collection(plan, i);
        add_after_within(plan, i);
        add_order(plan, true);
        vdt_sql_add(&plan->sql, ")");
    }
    add_order(plan, true);
    return status;
}

static vdt_status make(struct plan *plan)
{
    vdt_sql_clear(&plan->sql);
    vdt_sql_add(&plan->sql, "%s", "");
    bool may = vdt_caller_may(plan->caller, VDT_SCOPE_READ);
    struct vdt_bound *values = vdt_allocate_zero(8, sizeof *values);
    if (values == NULL)
        return vdt_fail_memory(plan->error, "search");
    values[0] =
        (struct vdt_bound){.kind = VDT_BOUND_INTEGER, .integer = may ? plan->caller->user : 0};
    values[1] = (struct vdt_bound){.kind = VDT_BOUND_INTEGER,
                                   .integer = (plan->caller->scopes & VDT_SCOPE_ADMIN) != 0};
    plan->sql.values = values;
    plan->sql.capacity = 8;
    plan->sql.count = 2;
    return plan->search->of == VDT_SEARCH_ENTRIES ? make_entries(plan)
           : plan->search->some                   ? make_collections(plan)
                                                  : make_everywhere(plan);
}

/* --- pages ---------------------------------------------------------------------------------- */

static json_t *key_value(struct plan *plan, struct vdt_rows *rows, size_t i)
{
    int column = (int)i + 2;
    if (plan->keys[i].kind == VDT_KIND_TEXT)
        return json_string(vdt_rows_text(rows, column));
    return plan->keys[i].whole ? json_integer(vdt_rows_integer(rows, column))
                               : json_real(vdt_rows_real(rows, column));
}

static vdt_status write_token(struct plan *plan, struct vdt_rows *rows, json_t **after)
{
    json_decref(*after);
    *after = json_array();
    for (size_t i = 0; i < plan->key_count; i++)
        if (json_array_append_new(*after, key_value(plan, rows, i)) != 0)
            return vdt_fail_memory(plan->error, "search");
    return VDT_OK;
}

static vdt_status read_page(struct plan *plan, const unsigned char *secret, struct vdt_page *page)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_cleanup(vdt_json_release) json_t *after = NULL;
    vdt_status status = vdt_sql_prepare(plan->session, &plan->sql, &rows, plan->error);
    page->hits = vdt_allocate((size_t)plan->limit, sizeof *page->hits);
    if (page->hits == NULL)
        return vdt_fail_memory(plan->error, "search");
    while (status == VDT_OK && (status = vdt_rows_next(rows, plan->error)) == VDT_OK) {
        if ((int64_t)page->count == plan->limit) {
            page->next = vdt_page_token(secret, plan->list, after);
            return page->next == NULL ? vdt_fail_memory(plan->error, "search") : VDT_OK;
        }
        page->hits[page->count++] =
            (struct vdt_hit){vdt_rows_integer(rows, 0), (size_t)vdt_rows_integer(rows, 1)};
        if ((int64_t)page->count == plan->limit)
            status = write_token(plan, rows, &after);
    }
    return status == VDT_END ? VDT_OK : status;
}

static vdt_status run(struct plan *plan, const unsigned char *secret, struct vdt_page *page)
{
    vdt_status status = choose_order(plan);
    if (status == VDT_OK)
        status = read_token(plan, secret);
    /* Made once before anything is counted, so that what is wrong with a filter is said first. */
    if (status == VDT_OK)
        status = make(plan);
    if (status == VDT_OK)
        status = vdt_driver_choose(plan->session, plan->search, &plan->driver, plan->error);
    if (status == VDT_OK && plan->driver.kind != VDT_DRIVER_NONE)
        status = make(plan);
    if (status == VDT_OK)
        status = read_page(plan, secret, page);
    return status;
}

vdt_status vdt_query_run(struct vdt_session *session, const struct vdt_query *search,
                         const struct vdt_caller *caller, const unsigned char *secret,
                         struct vdt_page *page, struct vdt_error *error)
{
    bool entries = search->of == VDT_SEARCH_ENTRIES;
    struct plan plan = {.session = session,
                        .search = search,
                        .caller = caller,
                        .all = entries ? &vdt_entry_queryables : &vdt_sample_queryables,
                        .limit = search->limit == 0 ? VDT_SEARCH_LIMIT : search->limit,
                        .error = error};
    if (search->some && search->collection_count == 0)
        return VDT_OK; /* of none */
    vdt_db_limit(session, SEARCH_MS);
    struct vdt_page made = {0};
    vdt_status status = run(&plan, secret, &made);
    vdt_db_limit(session, 0);
    vdt_sql_clear(&plan.sql);
    json_decref(plan.after);
    free(plan.list);
    if (status == VDT_ERR_BUSY)
        status = vdt_fail(error, VDT_ERR_BUSY,
                          "the search takes too long; ask for less, such as one collection");
    if (status == VDT_OK)
        *page = made;
    else
        vdt_page_clear(&made);
    return status;
}
