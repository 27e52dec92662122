/* Samples of one version, by key or page by page. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "server/meta/dialect.h"
#include "server/meta/samples.h"

#define COLUMNS                                                                              \
    "s.id, s.key, s.grp, s.position, s.since, s.until, s.west, s.south, s.east, s.north, "   \
    "s.time, s.scene, s.crs, s.crs_index, s.geotransform, s.col, s.row, s.cols, s.rows, "    \
    "s.boxes, s.classes, s.image_crc, s.label_crc, s.valid_fraction, s.metadata, s.places, " \
    "s.digest"
#define OF_VERSION "s.entry = ?1 AND s.since <= ?2 AND (s.until IS NULL OR s.until > ?2)"

void vdt_sample_row_clear(struct vdt_sample_row *row)
{
    free(row->scene);
    free(row->crs);
    free(row->classes);
    free(row->metadata);
    free(row->places);
    *row = (struct vdt_sample_row){0};
}

static bool copy_text(struct vdt_rows *rows, int column, char **text)
{
    const char *value = vdt_rows_text(rows, column);
    if (value == NULL && column == 24)
        return true;
    *text = vdt_copy_string(value == NULL ? "" : value);
    return *text != NULL;
}

static bool copy_places(struct vdt_rows *rows, struct vdt_sample_row *row)
{
    size_t size = 0;
    const void *blob = vdt_rows_blob(rows, 25, &size);
    row->place_count = size / sizeof *row->places;
    row->places = vdt_allocate(row->place_count, sizeof *row->places);
    if (row->places != NULL && row->place_count > 0)
        memcpy(row->places, blob, row->place_count * sizeof *row->places);
    return row->places != NULL;
}

static void read_numbers(struct vdt_rows *rows, struct vdt_sample_row *row)
{
    size_t size = 0;
    for (int i = 0; i < 4; i++)
        row->bounds[i] = vdt_rows_real(rows, 6 + i);
    row->has_time = !vdt_rows_is_null(rows, 10);
    row->time = vdt_rows_integer(rows, 10);
    row->crs_index = vdt_rows_integer(rows, 13);
    const void *geotransform = vdt_rows_blob(rows, 14, &size);
    row->placed = size == sizeof row->geotransform;
    if (row->placed)
        memcpy(row->geotransform, geotransform, size);
    row->window = (struct vdt_window){
        (int32_t)vdt_rows_integer(rows, 15), (int32_t)vdt_rows_integer(rows, 16),
        (int32_t)vdt_rows_integer(rows, 17), (int32_t)vdt_rows_integer(rows, 18)};
    row->boxes = vdt_rows_integer(rows, 19);
    row->image_crc = (uint32_t)vdt_rows_integer(rows, 21);
    row->label_crc = (uint32_t)vdt_rows_integer(rows, 22);
    row->valid_fraction = vdt_rows_real(rows, 23);
}

static vdt_status read_row(struct vdt_rows *rows, struct vdt_sample_row *row,
                           struct vdt_error *error)
{
    *row = (struct vdt_sample_row){.id = vdt_rows_integer(rows, 0),
                                   .position = vdt_rows_integer(rows, 3),
                                   .since = vdt_rows_integer(rows, 4),
                                   .until = vdt_rows_integer(rows, 5),
                                   .digest = vdt_rows_integer(rows, 26)};
    snprintf(row->key, sizeof row->key, "%s", vdt_rows_text(rows, 1));
    snprintf(row->group, sizeof row->group, "%s", vdt_rows_text(rows, 2));
    read_numbers(rows, row);
    if (copy_text(rows, 11, &row->scene) && copy_text(rows, 12, &row->crs) &&
        copy_text(rows, 20, &row->classes) && copy_text(rows, 24, &row->metadata) &&
        copy_places(rows, row))
        return VDT_OK;
    vdt_sample_row_clear(row);
    return vdt_fail_memory(error, "sample");
}

vdt_status vdt_sample_find(struct vdt_session *session, int64_t entry, int64_t version,
                           const char *key, struct vdt_sample_row *row, struct vdt_error *error)
{
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    vdt_status status = vdt_db_prepare(
        session, "SELECT " COLUMNS " FROM sample s WHERE s.key = ?3 AND " OF_VERSION, &rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(rows, 1, entry);
    vdt_bind_integer(rows, 2, version);
    vdt_bind_text(rows, 3, key);
    status = vdt_rows_next(rows, error);
    if (status == VDT_END)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "no sample \"%.63s\" in this version", key);
    return status == VDT_OK ? read_row(rows, row, error) : status;
}

/* --- lists -------------------------------------------------------------------------------- */

/* Places of parameters; a box that crosses the antimeridian is two of them. */
enum { FEW = 4000 };
enum { GROUP = 3, CLASS, AFTER_GROUP, AFTER_POSITION, LIMIT, FROM, TO, BOX, BOX_BEYOND = BOX + 4 };

static bool add_box(struct vdt_buffer *sql, int first)
{
    return vdt_sql_append(
        sql,
        "(s.north >= ?%d AND s.south <= ?%d AND CASE WHEN s.west <= s.east THEN "
        "s.east >= ?%d AND s.west <= ?%d ELSE s.east >= ?%d OR s.west <= ?%d END)",
        first + 1, first + 3, first, first + 2, first, first + 2);
}

/* What a list is read by: the order of the version's samples, each looked at, or a filter that only
 * few samples pass, which are then put in order. */
enum lead { LEAD_ORDER, LEAD_BOX, LEAD_CLASS };

static bool add_boxes(const struct vdt_samples_query *query, struct vdt_buffer *sql)
{
    bool beyond = query->bbox[0] > query->bbox[2];
    return vdt_sql_append(sql, "(") && add_box(sql, BOX) &&
           (!beyond || (vdt_sql_append(sql, " OR ") && add_box(sql, BOX_BEYOND))) &&
           vdt_sql_append(sql, ")");
}

/* Ids of samples that may meet the box. */
static bool add_box_ids(const struct vdt_samples_query *query, struct vdt_buffer *sql)
{
    return vdt_box_ids(sql, VDT_BOX_OF_SAMPLE, BOX) &&
           (query->bbox[0] <= query->bbox[2] ||
            (vdt_sql_append(sql, " UNION ") && vdt_box_ids(sql, VDT_BOX_OF_SAMPLE, BOX_BEYOND)));
}

static bool add_lead(const struct vdt_samples_query *query, enum lead lead, struct vdt_buffer *sql)
{
    if (lead == LEAD_CLASS)
        return vdt_sql_append(sql,
                              " FROM sample_class l CROSS JOIN sample s ON s.id = l.sample "
                              "WHERE l.class = ?%d AND " OF_VERSION,
                              CLASS);
    if (lead == LEAD_ORDER)
        return vdt_sql_append(sql, " FROM sample s WHERE " OF_VERSION);
    return vdt_sql_append(sql, " FROM (") && add_box_ids(query, sql) &&
           vdt_sql_append(sql, ") l CROSS JOIN sample s ON s.id = l.id WHERE " OF_VERSION);
}

static bool make_sql(const struct vdt_samples_query *query, enum lead lead, struct vdt_buffer *sql)
{
    bool good = vdt_sql_append(sql, "SELECT %s", COLUMNS) && add_lead(query, lead, sql);
    if (query->group != NULL)
        good = good && vdt_sql_append(sql, " AND s.grp = ?%d", GROUP);
    if (query->class_name != NULL && lead != LEAD_CLASS)
        good = good && vdt_sql_append(sql,
                                      " AND EXISTS (SELECT 1 FROM sample_class c WHERE c.sample = "
                                      "s.id AND c.class = ?%d)",
                                      CLASS);
    if (query->after_group != NULL)
        good = good && vdt_sql_append(sql, " AND (s.grp, s.position) > (?%d, ?%d)", AFTER_GROUP,
                                      AFTER_POSITION);
    if (query->has_from)
        good = good && vdt_sql_append(sql, " AND s.time >= ?%d", FROM);
    if (query->has_to)
        good = good && vdt_sql_append(sql, " AND s.time <= ?%d", TO);
    if (query->bbox != NULL)
        good = good && vdt_sql_append(sql, " AND ") && add_boxes(query, sql);
    return good && vdt_sql_append(sql, " ORDER BY s.grp, s.position LIMIT ?%d", LIMIT);
}

static void bind_box(struct vdt_rows *rows, int first, double west, double east,
                     const double bbox[4])
{
    vdt_bind_real(rows, first, west);
    vdt_bind_real(rows, first + 1, bbox[1]);
    vdt_bind_real(rows, first + 2, east);
    vdt_bind_real(rows, first + 3, bbox[3]);
}

static void bind_boxes(struct vdt_rows *rows, const struct vdt_samples_query *query)
{
    const double *bbox = query->bbox;
    if (bbox[0] <= bbox[2]) {
        bind_box(rows, BOX, bbox[0], bbox[2], bbox);
        return;
    }
    bind_box(rows, BOX, bbox[0], 180, bbox);
    bind_box(rows, BOX_BEYOND, -180, bbox[2], bbox);
}

static void bind_query(struct vdt_rows *rows, const struct vdt_samples_query *query)
{
    vdt_bind_integer(rows, 1, query->entry);
    vdt_bind_integer(rows, 2, query->version);
    vdt_bind_integer(rows, LIMIT, (int64_t)query->limit);
    if (query->group != NULL)
        vdt_bind_text(rows, GROUP, query->group);
    if (query->class_name != NULL)
        vdt_bind_text(rows, CLASS, query->class_name);
    if (query->after_group != NULL) {
        vdt_bind_text(rows, AFTER_GROUP, query->after_group);
        vdt_bind_integer(rows, AFTER_POSITION, query->after_position);
    }
    if (query->has_from)
        vdt_bind_integer(rows, FROM, query->from);
    if (query->has_to)
        vdt_bind_integer(rows, TO, query->to);
    if (query->bbox != NULL)
        bind_boxes(rows, query);
}

/* Whether at most FEW samples, of whatever version, pass the filter by box or else by class. */
static vdt_status are_few(struct vdt_session *session, const struct vdt_samples_query *query,
                          enum lead lead, bool *few, struct vdt_error *error)
{
    vdt_cleanup(vdt_buffer_clear) struct vdt_buffer sql = {0};
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    bool made =
        vdt_sql_append(&sql, "SELECT count(*) FROM (SELECT 1 FROM (") &&
        (lead == LEAD_BOX
             ? add_box_ids(query, &sql)
             : vdt_sql_append(&sql, "SELECT 1 FROM sample_class WHERE class = ?%d", CLASS)) &&
        vdt_sql_append(&sql, ") LIMIT %d)", FEW + 1);
    if (!made)
        return vdt_fail_memory(error, "samples");
    vdt_status status = vdt_db_prepare(session, (const char *)sql.data, &rows, error);
    if (status != VDT_OK)
        return status;
    if (lead == LEAD_BOX)
        bind_boxes(rows, query);
    else
        vdt_bind_text(rows, CLASS, query->class_name);
    status = vdt_rows_next(rows, error);
    *few = status == VDT_OK && vdt_rows_integer(rows, 0) <= FEW;
    return status;
}

static vdt_status choose_lead(struct vdt_session *session, const struct vdt_samples_query *query,
                              enum lead *lead, struct vdt_error *error)
{
    bool few = false;
    vdt_status status = VDT_OK;
    *lead = LEAD_ORDER;
    if (query->bbox != NULL)
        status = are_few(session, query, LEAD_BOX, &few, error);
    if (few)
        *lead = LEAD_BOX;
    if (status == VDT_OK && !few && query->class_name != NULL)
        status = are_few(session, query, LEAD_CLASS, &few, error);
    if (few && *lead == LEAD_ORDER)
        *lead = LEAD_CLASS;
    return status;
}

vdt_status vdt_samples_list(struct vdt_session *session, const struct vdt_samples_query *query,
                            bool (*each)(void *payload, const struct vdt_sample_row *row),
                            void *payload, struct vdt_error *error)
{
    vdt_cleanup(vdt_buffer_clear) struct vdt_buffer sql = {0};
    vdt_cleanup(vdt_rows_release) struct vdt_rows *rows = NULL;
    enum lead lead;
    vdt_status status = choose_lead(session, query, &lead, error);
    if (status != VDT_OK)
        return status;
    if (!make_sql(query, lead, &sql))
        return vdt_fail_memory(error, "samples");
    status = vdt_db_prepare(session, (const char *)sql.data, &rows, error);
    if (status != VDT_OK)
        return status;
    bind_query(rows, query);
    bool more = true;
    while (more && (status = vdt_rows_next(rows, error)) == VDT_OK) {
        vdt_cleanup(vdt_sample_row_clear) struct vdt_sample_row row = {0};
        status = read_row(rows, &row, error);
        if (status != VDT_OK)
            return status;
        more = each(payload, &row);
    }
    return status == VDT_END ? VDT_OK : status;
}
