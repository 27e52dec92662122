/* What an entry takes from its store. */
#include "server/meta/head.h"

#include <math.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "server/meta/dialect.h"
#include "server/meta/times.h"

static vdt_status run_with(struct vdt_session *session, const char *sql, int64_t entry,
                           struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session, sql, &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, entry);
    return vdt_rows_run(rows, error);
}

vdt_status vdt_entry_touch(struct vdt_session *session, int64_t entry, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session, "UPDATE entry SET revision = revision + 1, updated = ?2 WHERE id = ?1", &rows,
        error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, entry);
    vdt_bind_integer(rows, 2, vdt_time_now());
    return vdt_rows_run(rows, error);
}

/* --- words ----------------------------------------------------------------------------------- */

static vdt_status gather(struct vdt_session *session, const char *sql, int64_t entry,
                         struct vdt_buffer *words, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session, sql, &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, entry);
    while ((status = vdt_rows_next(rows, error)) == VDT_OK) {
        const char *text = vdt_rows_text(rows, 0);
        if (text != NULL &&
            (!vdt_buffer_append(words, text, strlen(text)) || !vdt_buffer_append(words, "\n", 1)))
            return vdt_fail_memory(error, "entry");
    }
    return status == VDT_END ? VDT_OK : status;
}

static vdt_status read_name(struct vdt_session *session, int64_t entry, char **name,
                            struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status =
        vdt_db_prepare(session, "SELECT name FROM entry WHERE id = ?1", &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, entry);
    status = vdt_rows_next(rows, error);
    if (status == VDT_END)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "there is no such entry");
    if (status == VDT_OK && (*name = vdt_copy_string(vdt_rows_text(rows, 0))) == NULL)
        return vdt_fail_memory(error, "entry");
    return status;
}

vdt_status vdt_entry_index(struct vdt_session *session, int64_t entry, struct vdt_error *error)
{
    static const char *const parts[] = {
        "SELECT description FROM entry WHERE id = ?1",
        "SELECT tag FROM entry_tag WHERE entry = ?1 ORDER BY tag",
        "SELECT name FROM entry_class WHERE entry = ?1 ORDER BY position",
        "SELECT name FROM entry_sensor WHERE entry = ?1 ORDER BY name",
    };
    vdt_cleanup(vdt_free_pointer) char *name = NULL;
    vdt_cleanup(vdt_buffer_clear) struct vdt_buffer words = {0};
    vdt_status status = read_name(session, entry, &name, error);
    for (size_t i = 0; status == VDT_OK && i < sizeof parts / sizeof parts[0]; i++)
        status = gather(session, parts[i], entry, &words, error);
    if (status != VDT_OK)
        return status;
    if (!vdt_buffer_append(&words, "", 1))
        return vdt_fail_memory(error, "entry");
    return vdt_words_put(session, entry, name, (const char *)words.data, error);
}

/* --- what the store says ---------------------------------------------------------------------- */

/* How many samples have a class, in all groups. */
static int64_t class_count(const json_t *info, const char *name)
{
    int64_t count = 0;
    const char *group;
    json_t *classes;
    json_t *groups = json_object_get(info, "class_samples");
    json_object_foreach(groups, group, classes) count +=
        json_integer_value(json_object_get(classes, name));
    return count;
}

static vdt_status put_classes(struct vdt_session *session, int64_t entry, const json_t *info,
                              struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = run_with(session, "DELETE FROM entry_class WHERE entry = ?1", entry, error);
    if (status == VDT_OK)
        status = vdt_db_prepare(
            session,
            "INSERT INTO entry_class (entry, position, name, count) VALUES (?1, ?2, ?3, ?4)", &rows,
            error);
    size_t i;
    json_t *name;
    json_array_foreach(json_object_get(info, "classes"), i, name)
    {
        if (status != VDT_OK || !json_is_string(name))
            break;
        vdt_bind_integer(rows, 1, entry);
        vdt_bind_integer(rows, 2, (int64_t)i);
        vdt_bind_text(rows, 3, json_string_value(name));
        vdt_bind_integer(rows, 4, class_count(info, json_string_value(name)));
        status = vdt_rows_run(rows, error);
    }
    return status;
}

/* A list of names, each once. */
static vdt_status put_names(struct vdt_session *session, int64_t entry, const json_t *names,
                            const char *delete_sql, const char *insert_sql, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = run_with(session, delete_sql, entry, error);
    if (status == VDT_OK)
        status = vdt_db_prepare(session, insert_sql, &rows, error);
    size_t i;
    json_t *name;
    json_array_foreach(names, i, name)
    {
        if (status != VDT_OK || !json_is_string(name))
            break;
        vdt_bind_integer(rows, 1, entry);
        vdt_bind_text(rows, 2, json_string_value(name));
        status = vdt_rows_run(rows, error);
    }
    return status;
}

static int64_t count_samples(const json_t *info)
{
    int64_t count = 0;
    const char *name;
    json_t *group;
    json_t *groups = json_object_get(info, "groups");
    json_object_foreach(groups, name, group) count +=
        json_integer_value(json_object_get(group, "count"));
    return count;
}

static void read_box(const json_t *info, double box[4])
{
    const json_t *bounds = json_object_get(info, "bounds");
    for (size_t i = 0; i < 4; i++) {
        const json_t *number = json_array_get(bounds, i);
        box[i] = json_is_number(number) ? json_number_value(number) : NAN;
    }
}

/* NULL: memory is out. */
static char *join_tasks(const json_t *info)
{
    struct vdt_buffer text = {0};
    size_t i;
    json_t *task;
    json_array_foreach(json_object_get(info, "tasks"), i, task)
    {
        const char *name = json_string_value(task);
        if (name != NULL && !vdt_sql_append(&text, "%s%.60s", text.size ? "," : "", name)) {
            vdt_buffer_clear(&text);
            return NULL;
        }
    }
    return text.data == NULL ? vdt_copy_string("") : (char *)text.data;
}

static void bind_time(struct vdt_rows *rows, int i, const json_t *time)
{
    if (json_is_integer(time))
        vdt_bind_integer(rows, i, json_integer_value(time));
}

static vdt_status put_columns(struct vdt_session *session, const struct vdt_head *head,
                              const double box[4], struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *text = vdt_json_text(head->info);
    vdt_cleanup(vdt_free_pointer) char *tasks = join_tasks(head->info);
    if (text == NULL || tasks == NULL)
        return vdt_fail_memory(error, "entry");
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session,
        "UPDATE entry SET head = ?2, info = ?3, west = ?4, south = ?5, east = ?6, north = ?7, "
        "start_time = ?8, end_time = ?9, samples = ?10, bytes = ?11, dtype = ?12, bands = ?13, "
        "rows = ?14, cols = ?15, tasks = ?16 WHERE id = ?1",
        &rows, error);
    if (status != VDT_OK)
        return status;
    const json_t *tile = json_object_get(head->info, "tile");
    vdt_bind_integer(rows, 1, head->entry);
    vdt_bind_integer(rows, 2, head->version);
    vdt_bind_text(rows, 3, text);
    for (int i = 0; i < 4; i++)
        vdt_bind_real(rows, 4 + i, box[i]);
    bind_time(rows, 8, json_object_get(head->info, "start_time"));
    bind_time(rows, 9, json_object_get(head->info, "end_time"));
    vdt_bind_integer(rows, 10, count_samples(head->info));
    vdt_bind_integer(rows, 11, head->bytes);
    vdt_bind_text(rows, 12, json_string_value(json_object_get(tile, "dtype")));
    vdt_bind_integer(rows, 13, json_integer_value(json_object_get(tile, "bands")));
    vdt_bind_integer(rows, 14, json_integer_value(json_object_get(tile, "rows")));
    vdt_bind_integer(rows, 15, json_integer_value(json_object_get(tile, "cols")));
    vdt_bind_text(rows, 16, tasks);
    return vdt_rows_run(rows, error);
}

vdt_status vdt_entry_set_head(struct vdt_session *session, const struct vdt_head *head,
                              struct vdt_error *error)
{
    double box[4];
    read_box(head->info, box);
    vdt_status status = put_columns(session, head, box, error);
    if (status == VDT_OK)
        status = put_classes(session, head->entry, head->info, error);
    if (status == VDT_OK)
        status = put_names(session, head->entry, json_object_get(head->info, "sensors"),
                           "DELETE FROM entry_sensor WHERE entry = ?1",
                           "INSERT INTO entry_sensor (entry, name) VALUES (?1, ?2) "
                           "ON CONFLICT (entry, name) DO NOTHING",
                           error);
    if (status == VDT_OK)
        status = put_names(session, head->entry, json_object_get(head->info, "tasks"),
                           "DELETE FROM entry_task WHERE entry = ?1",
                           "INSERT INTO entry_task (entry, task) VALUES (?1, ?2) "
                           "ON CONFLICT (entry, task) DO NOTHING",
                           error);
    if (status == VDT_OK)
        status = vdt_box_put(session, VDT_BOX_OF_ENTRY, head->entry, box, error);
    if (status == VDT_OK)
        status = vdt_entry_index(session, head->entry, error);
    return status == VDT_OK ? vdt_entry_touch(session, head->entry, error) : status;
}
