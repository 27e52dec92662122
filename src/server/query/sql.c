/* SQL that is being made. */
#include "server/query/sql.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void vdt_sql_clear(struct vdt_sql *sql)
{
    for (size_t i = 0; i < sql->count; i++)
        free(sql->values[i].text);
    free(sql->values);
    vdt_buffer_clear(&sql->text);
    *sql = (struct vdt_sql){0};
}

void vdt_sql_add(struct vdt_sql *sql, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (size < 0 || (size_t)size >= sizeof text ||
        !vdt_buffer_append(&sql->text, text, (size_t)size + 1))
        sql->failed = true;
    else
        sql->text.size--;
}

static void keep_value(struct vdt_sql *sql, struct vdt_bound value)
{
    if (!vdt_grow(&sql->values, &sql->capacity, sql->count + 1, sizeof *sql->values)) {
        free(value.text);
        sql->failed = true;
        return;
    }
    sql->values[sql->count++] = value;
}

static void add_value(struct vdt_sql *sql, struct vdt_bound value)
{
    keep_value(sql, value);
    vdt_sql_add(sql, "?%zu", sql->count);
}

int vdt_sql_keep_real(struct vdt_sql *sql, double value)
{
    keep_value(sql, (struct vdt_bound){.kind = VDT_BOUND_REAL, .real = value});
    return (int)sql->count;
}

int vdt_sql_keep_text(struct vdt_sql *sql, const char *text)
{
    char *copy = vdt_copy_string(text);
    if (copy == NULL)
        sql->failed = true;
    else
        keep_value(sql, (struct vdt_bound){.kind = VDT_BOUND_TEXT, .text = copy});
    return (int)sql->count;
}

void vdt_sql_text(struct vdt_sql *sql, const char *text)
{
    char *copy = vdt_copy_string(text);
    if (copy == NULL)
        sql->failed = true;
    else
        add_value(sql, (struct vdt_bound){.kind = VDT_BOUND_TEXT, .text = copy});
}

void vdt_sql_integer(struct vdt_sql *sql, int64_t value)
{
    add_value(sql, (struct vdt_bound){.kind = VDT_BOUND_INTEGER, .integer = value});
}

void vdt_sql_real(struct vdt_sql *sql, double value)
{
    add_value(sql, (struct vdt_bound){.kind = VDT_BOUND_REAL, .real = value});
}

void vdt_sql_shape(struct vdt_sql *sql, const struct vdt_planar *shape)
{
    unsigned char *bytes;
    size_t size;
    if (!vdt_planar_pack(shape, &bytes, &size)) {
        sql->failed = true;
        return;
    }
    add_value(sql,
              (struct vdt_bound){.kind = VDT_BOUND_BYTES, .text = (char *)bytes, .size = size});
}

void vdt_sql_meets(struct vdt_sql *sql, const struct vdt_queryables *all,
                   const struct vdt_planar *shape)
{
    vdt_sql_add(sql, "vdt_meets(%s, ", all->box);
    vdt_sql_shape(sql, shape);
    vdt_sql_add(sql, ")");
}

void vdt_sql_texts(struct vdt_sql *sql, char *const *texts, size_t count)
{
    vdt_sql_add(sql, "(");
    for (size_t i = 0; i < count; i++) {
        vdt_sql_add(sql, i == 0 ? "" : ", ");
        vdt_sql_text(sql, texts[i]);
    }
    vdt_sql_add(sql, ")");
}

void vdt_sql_has(struct vdt_sql *sql, const struct vdt_queryable *set, const char *text)
{
    vdt_sql_add(sql, "EXISTS (SELECT 1 FROM %s x WHERE x.%s = %s AND x.%s = ", set->table, set->key,
                set->sql, set->member);
    vdt_sql_text(sql, text);
    vdt_sql_add(sql, ")");
}

vdt_status vdt_sql_prepare(struct vdt_session *session, const struct vdt_sql *sql,
                           struct vdt_rows **rows, struct vdt_error *error)
{
    if (sql->failed)
        return vdt_fail_memory(error, "query");
    vdt_status status = vdt_db_prepare(session, (const char *)sql->text.data, rows, error);
    for (size_t i = 0; status == VDT_OK && i < sql->count; i++) {
        const struct vdt_bound *value = &sql->values[i];
        int at = (int)i + 1;
        switch (value->kind) {
        case VDT_BOUND_TEXT: vdt_bind_text(*rows, at, value->text); break;
        case VDT_BOUND_INTEGER: vdt_bind_integer(*rows, at, value->integer); break;
        case VDT_BOUND_REAL: vdt_bind_real(*rows, at, value->real); break;
        case VDT_BOUND_BYTES: vdt_bind_blob(*rows, at, value->text, value->size); break;
        }
    }
    return status;
}
