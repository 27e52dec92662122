/* Two releases compared: by the keys and checksums of their samples, and by their classes. */
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "server/meta/releases.h"

enum { KEYS_MOST = 1000 }; /* of each kind, in the answer */

/* Rows that one version has and the other has not. What both have is one row (sample.since, until),
 * so a small change is a small query. */
#define ONLY(a, b)                                                                       \
    "SELECT key, grp, image_crc, label_crc FROM sample WHERE entry = ?1 AND since <= " a \
    " AND (until IS NULL OR until > " a ") AND NOT (since <= " b                         \
    " AND (until IS NULL OR until > " b "))"

#define OLD_AND_NEW "WITH old AS (" ONLY("?2", "?3") "), new AS (" ONLY("?3", "?2") ") "

static const struct {
    const char *name, *sql;
} kinds[] = {
    {"added", OLD_AND_NEW "SELECT n.key FROM new n WHERE NOT EXISTS (SELECT 1 FROM old o WHERE "
                          "o.key = n.key) ORDER BY n.key"},
    {"removed", OLD_AND_NEW "SELECT o.key FROM old o WHERE NOT EXISTS (SELECT 1 FROM new n WHERE "
                            "n.key = o.key) ORDER BY o.key"},
    {"changed", OLD_AND_NEW "SELECT n.key FROM new n JOIN old o ON o.key = n.key WHERE o.grp <> "
                            "n.grp OR o.image_crc <> n.image_crc OR o.label_crc <> n.label_crc "
                            "ORDER BY n.key"},
};

static vdt_status compare_samples(struct vdt_session *session, int64_t entry, int64_t from,
                                  int64_t to, json_t *diff, json_t *samples,
                                  struct vdt_error *error)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
        vdt_status status = vdt_db_prepare(session, kinds[i].sql, &rows, error);
        if (status != VDT_OK)
            return status;
        vdt_bind_integer(rows, 1, entry);
        vdt_bind_integer(rows, 2, from);
        vdt_bind_integer(rows, 3, to);
        json_int_t count = 0;
        json_t *keys = json_array();
        json_object_set_new(samples, kinds[i].name, keys);
        while ((status = vdt_rows_next(rows, error)) == VDT_OK)
            if (count++ < KEYS_MOST)
                json_array_append_new(keys, json_string(vdt_rows_text(rows, 0)));
        if (status != VDT_END)
            return status;
        json_object_set_new(diff, kinds[i].name, json_integer(count));
    }
    return VDT_OK;
}

/* --- classes --------------------------------------------------------------------------------- */

static bool has_class(const json_t *info, const char *name)
{
    size_t i;
    json_t *value;
    json_array_foreach(json_object_get(info, "classes"), i,
                       value) if (json_is_string(value) &&
                                  strcmp(json_string_value(value), name) == 0) return true;
    return false;
}

/* Samples that have the class; null when the version has no such class. */
static json_t *count_class(const json_t *info, const char *name)
{
    if (!has_class(info, name))
        return json_null();
    json_int_t count = 0;
    const char *group;
    json_t *classes;
    json_t *groups = json_object_get(info, "class_samples");
    json_object_foreach(groups, group, classes) count +=
        json_integer_value(json_object_get(classes, name));
    return json_integer(count);
}

static void compare_classes(const json_t *old, const json_t *new, json_t *diff)
{
    json_t *classes = json_object(), *added = json_array(), *removed = json_array();
    const json_t *sides[] = {old, new};
    for (int side = 0; side < 2; side++) {
        size_t i;
        json_t *value;
        json_array_foreach(json_object_get(sides[side], "classes"), i, value)
        {
            const char *name = json_string_value(value);
            if (name == NULL)
                continue;
            json_object_set_new(classes, name,
                                json_pack("{s:o, s:o}", "before", count_class(old, name), "after",
                                          count_class(new, name)));
            if (!has_class(sides[!side], name))
                json_array_append(side == 0 ? removed : added, value);
        }
    }
    json_object_set_new(diff, "classes", classes);
    json_object_set_new(diff, "classes_added", added);
    json_object_set_new(diff, "classes_removed", removed);
}

/* --- both ------------------------------------------------------------------------------------ */

static vdt_status version_of(struct vdt_session *session, const struct vdt_entry_row *row,
                             int64_t number, int64_t *version, json_t **info,
                             struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(session,
                                       "SELECT v.number, v.info FROM release r JOIN version v ON "
                                       "v.entry = r.entry AND v.number = r.version WHERE r.entry = "
                                       "?1 AND r.number = ?2",
                                       &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, row->id);
    vdt_bind_integer(rows, 2, number);
    status = vdt_rows_next(rows, error);
    if (status == VDT_END)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "entry %s: has no release %lld", row->slug,
                        (long long)number);
    if (status != VDT_OK)
        return status;
    *version = vdt_rows_integer(rows, 0);
    return vdt_json_parse(vdt_rows_text(rows, 1), "version", info, error);
}

vdt_status vdt_release_diff(struct vdt_session *session, const struct vdt_entry_row *row,
                            int64_t from, int64_t to, json_t **out, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *old = NULL;
    vdt_cleanup(vdt_json_release) json_t *new = NULL;
    int64_t old_version = 0, new_version = 0;
    vdt_status status = version_of(session, row, from, &old_version, &old, error);
    if (status == VDT_OK)
        status = version_of(session, row, to, &new_version, &new, error);
    if (status != VDT_OK)
        return status;
    json_t *samples = json_object();
    vdt_cleanup(vdt_json_release) json_t *diff = json_pack(
        "{s:I, s:I, s:o}", "from", (json_int_t)from, "to", (json_int_t)to, "samples", samples);
    if (diff == NULL)
        return vdt_fail_memory(error, "release");
    compare_classes(old, new, diff);
    status = compare_samples(session, row->id, old_version, new_version, diff, samples, error);
    if (status != VDT_OK)
        return status;
    *out = diff;
    diff = NULL;
    return VDT_OK;
}
