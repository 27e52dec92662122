/* A version's samples: joined with those of the version before it, in the order that both have, so
 * that an append writes what is new and reads the rest once. */
#include "server/meta/samples.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "server/meta/dialect.h"

/* --- what rows are made of ---------------------------------------------------------------- */

struct update {
    struct vdt_session *session;
    int64_t entry, version;
    const json_t *info;
    char **class_texts; /* names as JSON, with quotes */
    size_t class_count;
    const char **class_names;
    const char **scenes;
    char (*crs)[24];
    size_t crs_count;
    struct vdt_rows *old, *end, *insert, *insert_class;
    struct vdt_samples_change change;
    struct vdt_buffer text;
};

static void clear(struct update *update)
{
    for (size_t i = 0; update->class_texts != NULL && i < update->class_count; i++)
        free(update->class_texts[i]);
    free(update->class_texts);
    free((void *)update->class_names);
    free((void *)update->scenes);
    free(update->crs);
    vdt_rows_free(update->old);
    vdt_rows_free(update->end);
    vdt_rows_free(update->insert);
    vdt_rows_free(update->insert_class);
    vdt_buffer_clear(&update->text);
}

static vdt_status prepare_names(struct update *update, struct vdt_error *error)
{
    const json_t *classes = json_object_get(update->info, "classes");
    const json_t *scenes = json_object_get(update->info, "scenes");
    const json_t *crs = json_object_get(update->info, "crs");
    size_t scene_count = json_array_size(scenes);
    update->class_count = json_array_size(classes);
    update->crs_count = json_array_size(crs);
    update->class_texts = vdt_allocate_zero(update->class_count, sizeof *update->class_texts);
    update->class_names = vdt_allocate(update->class_count, sizeof *update->class_names);
    update->scenes = vdt_allocate(scene_count, sizeof *update->scenes);
    update->crs = vdt_allocate(update->crs_count, sizeof *update->crs);
    if (update->class_texts == NULL || update->class_names == NULL || update->scenes == NULL ||
        update->crs == NULL)
        return vdt_fail_memory(error, "samples");
    for (size_t i = 0; i < update->class_count; i++) {
        const json_t *name = json_array_get(classes, i);
        update->class_names[i] = json_string_value(name);
        update->class_texts[i] = json_dumps(name, JSON_ENCODE_ANY);
        if (update->class_texts[i] == NULL)
            return vdt_fail_memory(error, "samples");
    }
    for (size_t i = 0; i < scene_count; i++)
        update->scenes[i] = json_string_value(json_object_get(json_array_get(scenes, i), "uri"));
    for (size_t i = 0; i < update->crs_count; i++) {
        const json_t *code = json_object_get(json_array_get(crs, i), "epsg");
        update->crs[i][0] = '\0';
        if (json_is_integer(code))
            snprintf(update->crs[i], sizeof update->crs[i], "EPSG:%lld",
                     (long long)json_integer_value(code));
    }
    return VDT_OK;
}

static vdt_status prepare_rows(struct update *update, struct vdt_error *error)
{
    const struct {
        struct vdt_rows **rows;
        const char *sql;
    } all[] = {
        {&update->old, "SELECT id, grp, position, digest FROM sample WHERE entry = ?1 AND "
                       "until IS NULL AND since < ?2 ORDER BY grp, position"},
        {&update->end, "UPDATE sample SET until = ?2 WHERE id = ?1"},
        {&update->insert,
         "INSERT INTO sample (entry, key, grp, position, since, digest, west, south, east, north, "
         "time, scene, crs, crs_index, geotransform, col, row, cols, rows, boxes, classes, "
         "image_crc, label_crc, valid_fraction, metadata, places) VALUES (?1, ?2, ?3, ?4, ?5, ?6, "
         "?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, "
         "?25, ?26)"},
        {&update->insert_class,
         "INSERT INTO sample_class (sample, class, count) VALUES (?1, ?2, ?3)"}};
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < sizeof all / sizeof *all; i++)
        status = vdt_db_prepare(update->session, all[i].sql, all[i].rows, error);
    if (status != VDT_OK)
        return status;
    vdt_bind_integer(update->old, 1, update->entry);
    vdt_bind_integer(update->old, 2, update->version);
    return VDT_OK;
}

/* --- a row that begins -------------------------------------------------------------------- */

static bool write_classes(struct update *update, const struct vdt_record_row *record)
{
    char number[24];
    update->text.size = 0;
    bool good = vdt_buffer_append(&update->text, "{", 1);
    for (size_t i = 0; good && i < record->class_count; i++) {
        const char *name = update->class_texts[record->classes[i].id];
        int length = snprintf(number, sizeof number, ": %u", (unsigned)record->classes[i].count);
        good = (i == 0 || vdt_buffer_append(&update->text, ", ", 2)) &&
               vdt_buffer_append(&update->text, name, strlen(name)) &&
               vdt_buffer_append(&update->text, number, (size_t)length);
    }
    return good && vdt_buffer_append(&update->text, "}", 2);
}

static void bind_place(struct vdt_rows *rows, const struct vdt_sample *sample)
{
    const double *g = sample->geotransform;
    for (int i = 0; i < 4; i++)
        vdt_bind_real(rows, 7 + i, sample->bounds[i]);
    if (g[1] != 0 || g[2] != 0)
        vdt_bind_blob(rows, 15, g, sizeof sample->geotransform);
    else
        vdt_bind_null(rows, 15);
    vdt_bind_integer(rows, 16, sample->window.col);
    vdt_bind_integer(rows, 17, sample->window.row);
    vdt_bind_integer(rows, 18, sample->window.cols);
    vdt_bind_integer(rows, 19, sample->window.rows);
}

static vdt_status insert_row(struct update *update, const struct vdt_record_row *record,
                             struct vdt_error *error)
{
    struct vdt_rows *rows = update->insert;
    const struct vdt_sample *sample = &record->sample;
    if (!write_classes(update, record))
        return vdt_fail_memory(error, "samples");
    vdt_bind_integer(rows, 1, update->entry);
    vdt_bind_text(rows, 2, sample->key);
    vdt_bind_text(rows, 3, record->group);
    vdt_bind_integer(rows, 4, (int64_t)record->position);
    vdt_bind_integer(rows, 5, update->version);
    vdt_bind_integer(rows, 6, (int64_t)record->digest);
    bind_place(rows, sample);
    if (record->has_time)
        vdt_bind_integer(rows, 11, record->time);
    else
        vdt_bind_null(rows, 11);
    vdt_bind_text(rows, 12, update->scenes[sample->scene]);
    vdt_bind_text(rows, 13, update->crs[sample->crs]);
    vdt_bind_integer(rows, 14, sample->crs);
    vdt_bind_integer(rows, 20, (int64_t)record->boxes);
    vdt_bind_text(rows, 21, (const char *)update->text.data);
    vdt_bind_integer(rows, 22, record->image_crc);
    vdt_bind_integer(rows, 23, record->label_crc);
    vdt_bind_real(rows, 24, (double)sample->valid_fraction);
    vdt_bind_text(rows, 25, sample->metadata);
    vdt_bind_blob(rows, 26, record->places, record->place_count * sizeof *record->places);
    return vdt_rows_run(rows, error);
}

static vdt_status add_row(struct update *update, const struct vdt_record_row *record,
                          struct vdt_error *error)
{
    vdt_status status = insert_row(update, record, error);
    if (status != VDT_OK)
        return status;
    int64_t id = vdt_db_last_id(update->session);
    for (size_t i = 0; status == VDT_OK && i < record->class_count; i++) {
        vdt_bind_integer(update->insert_class, 1, id);
        vdt_bind_text(update->insert_class, 2, update->class_names[record->classes[i].id]);
        vdt_bind_integer(update->insert_class, 3, record->classes[i].count);
        status = vdt_rows_run(update->insert_class, error);
    }
    update->change.added++;
    return status == VDT_OK
               ? vdt_box_add(update->session, VDT_BOX_OF_SAMPLE, id, record->sample.bounds, error)
               : status;
}

/* --- the join ----------------------------------------------------------------------------- */

static vdt_status end_row(struct update *update, struct vdt_error *error)
{
    vdt_bind_integer(update->end, 1, vdt_rows_integer(update->old, 0));
    vdt_bind_integer(update->end, 2, update->version);
    update->change.removed++;
    return vdt_rows_run(update->end, error);
}

/* Whether the old row is before (negative), at or behind the record's place. */
static int compare_places(const struct update *update, const struct vdt_record_row *record)
{
    int groups = strcmp(vdt_rows_text(update->old, 1), record->group);
    int64_t position = vdt_rows_integer(update->old, 2), there = (int64_t)record->position;
    return groups != 0 ? groups : (position > there) - (position < there);
}

/* Old rows up to the record's place end, but for one that is the record. */
static vdt_status join_record(struct update *update, const struct vdt_record_row *record,
                              vdt_status *have, struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    bool same = false;
    while (status == VDT_OK && *have == VDT_OK && !same) {
        int order = compare_places(update, record);
        if (order > 0)
            break;
        same = order == 0 && vdt_rows_integer(update->old, 3) == (int64_t)record->digest;
        if (same)
            update->change.kept++;
        else
            status = end_row(update, error);
        if (status == VDT_OK)
            *have = vdt_rows_next(update->old, error);
    }
    if (status == VDT_OK && *have < 0)
        status = *have;
    return status == VDT_OK && !same ? add_row(update, record, error) : status;
}

static vdt_status join(struct update *update, struct vdt_records *records, struct vdt_error *error)
{
    struct vdt_record_row record;
    vdt_records_rewind(records);
    vdt_status have = vdt_rows_next(update->old, error), status = have < 0 ? have : VDT_OK;
    while (status == VDT_OK && (status = vdt_records_next(records, &record, error)) == VDT_OK)
        status = join_record(update, &record, &have, error);
    if (status != VDT_END)
        return status;
    status = VDT_OK;
    while (status == VDT_OK && have == VDT_OK) {
        status = end_row(update, error);
        if (status == VDT_OK)
            have = vdt_rows_next(update->old, error);
    }
    return status == VDT_OK && have < 0 ? have : status;
}

vdt_status vdt_samples_update(struct vdt_session *session, int64_t entry, int64_t version,
                              const struct vdt_inspection *inspection,
                              struct vdt_samples_change *change, struct vdt_error *error)
{
    vdt_cleanup(clear) struct update update = {
        .session = session, .entry = entry, .version = version, .info = inspection->info};
    vdt_status status = prepare_names(&update, error);
    if (status == VDT_OK)
        status = prepare_rows(&update, error);
    if (status == VDT_OK)
        status = join(&update, inspection->records, error);
    if (status == VDT_OK && change != NULL)
        *change = update.change;
    return status;
}
