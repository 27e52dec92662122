/* SQLite's own SQL. */
#include "server/meta/dialect.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"

/* Ids in a table of boxes are twice those of what they are of: the second is of the part beyond the
 * antimeridian. */
static const char *const insert_box[] = {
    "INSERT INTO entry_box (id, west, east, south, north) VALUES (?1, ?2, ?3, ?4, ?5)",
    "INSERT INTO sample_box (id, west, east, south, north) VALUES (?1, ?2, ?3, ?4, ?5)",
};
static const char *const delete_box[] = {
    "DELETE FROM entry_box WHERE id IN (?1, ?1 + 1)",
    "DELETE FROM sample_box WHERE id IN (?1, ?1 + 1)",
};
static const char *const box_table[] = {"entry_box", "sample_box"};

bool vdt_sql_append(struct vdt_buffer *sql, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    /* The NUL is kept behind the end, so that data is always a string. */
    if (size < 0 || (size_t)size >= sizeof text || !vdt_buffer_append(sql, text, (size_t)size + 1))
        return false;
    sql->size--;
    return true;
}

static vdt_status put_part(struct vdt_session *session, enum vdt_boxed what, int64_t id,
                           const double box[4], struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session, insert_box[what], &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, id);
    vdt_bind_real(rows, 2, box[0]);
    vdt_bind_real(rows, 3, box[2]);
    vdt_bind_real(rows, 4, box[1]);
    vdt_bind_real(rows, 5, box[3]);
    return vdt_rows_run(rows, error);
}

vdt_status vdt_box_add(struct vdt_session *session, enum vdt_boxed what, int64_t id,
                       const double box[4], struct vdt_error *error)
{
    if (!isfinite(box[0]) || !isfinite(box[1]) || !isfinite(box[2]) || !isfinite(box[3]))
        return VDT_OK;
    if (box[0] <= box[2])
        return put_part(session, what, 2 * id, box, error);
    vdt_status status =
        put_part(session, what, 2 * id, (double[]){box[0], box[1], 180, box[3]}, error);
    if (status == VDT_OK)
        status =
            put_part(session, what, 2 * id + 1, (double[]){-180, box[1], box[2], box[3]}, error);
    return status;
}

vdt_status vdt_box_put(struct vdt_session *session, enum vdt_boxed what, int64_t id,
                       const double box[4], struct vdt_error *error)
{
    vdt_status status = vdt_box_remove(session, what, id, error);
    return status == VDT_OK ? vdt_box_add(session, what, id, box, error) : status;
}

vdt_status vdt_box_remove(struct vdt_session *session, enum vdt_boxed what, int64_t id,
                          struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session, delete_box[what], &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, 2 * id);
    return vdt_rows_run(rows, error);
}

bool vdt_box_select(struct vdt_buffer *sql, enum vdt_boxed what, int first)
{
    return vdt_sql_append(sql,
                          "SELECT id / 2 AS id FROM %s WHERE east >= ?%d AND west <= ?%d AND "
                          "north >= ?%d AND south <= ?%d",
                          box_table[what], first, first + 2, first + 1, first + 3);
}

bool vdt_box_ids(struct vdt_buffer *sql, enum vdt_boxed what, int first)
{
    return vdt_sql_append(sql,
                          "SELECT DISTINCT id / 2 AS id FROM %s WHERE east >= ?%d AND west <= ?%d "
                          "AND north >= ?%d AND south <= ?%d",
                          box_table[what], first, first + 2, first + 1, first + 3);
}

vdt_status vdt_words_put(struct vdt_session *session, int64_t entry, const char *name,
                         const char *text, struct vdt_error *error)
{
    vdt_status status = vdt_words_remove(session, entry, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    status = vdt_db_prepare(
        session, "INSERT INTO entry_text (rowid, name, words) VALUES (?1, ?2, ?3)", &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, entry);
    vdt_bind_text(rows, 2, name);
    vdt_bind_text(rows, 3, text);
    return vdt_rows_run(rows, error);
}

vdt_status vdt_words_remove(struct vdt_session *session, int64_t entry, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status =
        vdt_db_prepare(session, "DELETE FROM entry_text WHERE rowid = ?1", &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, entry);
    return vdt_rows_run(rows, error);
}

bool vdt_words_condition(struct vdt_buffer *sql, const char *id_column, int first)
{
    return vdt_sql_append(sql, "%s IN (SELECT rowid FROM entry_text WHERE entry_text MATCH ?%d)",
                          id_column, first);
}

bool vdt_words_select(struct vdt_buffer *sql, int first)
{
    return vdt_sql_append(sql, "SELECT rowid AS id FROM entry_text WHERE entry_text MATCH ?%d",
                          first);
}

bool vdt_words_walk(struct vdt_buffer *sql, int first)
{
    return vdt_sql_append(sql,
                          "entry_text w CROSS JOIN entry e WHERE e.id = w.rowid AND w.entry_text "
                          "MATCH ?%d AND ",
                          first);
}

/* FTS5's own characters divide words here; letters of all scripts are bytes above 127. */
static bool of_word(unsigned char c)
{
    return c >= 128 || isalnum(c);
}

char *vdt_words_query(const char *typed)
{
    /* A word of one letter becomes five bytes with its space: "x"* */
    char *query = vdt_allocate(5 * strlen(typed) + 3, 1);
    if (query == NULL)
        return NULL;
    char *end = query;
    for (const char *at = typed; *at != '\0';) {
        if (!of_word((unsigned char)*at)) {
            at++;
            continue;
        }
        if (end != query)
            *end++ = ' ';
        *end++ = '"';
        while (of_word((unsigned char)*at))
            *end++ = *at++;
        *end++ = '"';
        *end++ = '*';
    }
    strcpy(end, end == query ? "\"\"" : "");
    return query;
}

char *vdt_words_terms(const char *sent)
{
    /* A comma becomes at most six bytes: " OR "" and its quote. */
    char *query = vdt_allocate(6 * strlen(sent) + 8, 1);
    if (query == NULL)
        return NULL;
    char *end = query;
    bool open = false, word = false;
    for (const char *at = sent; *at != '\0'; at++) {
        if (*at == ',' && open) {
            *end++ = '"';
            open = false;
        } else if (of_word((unsigned char)*at)) {
            end = stpcpy(end, open ? (word ? "" : " ") : end == query ? "\"" : " OR \"");
            *end++ = *at;
            open = true;
        }
        word = of_word((unsigned char)*at);
    }
    strcpy(end, open ? "\"" : end == query ? "\"\"" : "");
    return query;
}
