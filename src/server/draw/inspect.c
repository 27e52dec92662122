/* The server's side of an inspection: believes nothing that it has not checked. */
#include "server/draw/inspect.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/random.h"
#include "server/draw/bounds.h"
#include "server/draw/jobs.h"
#include "server/draw/spool.h"
#include "server/meta/times.h"
#include "store/layout.h"

enum { NAME_MOST = 4096, SCENES_MOST = 1 << 20, CRS_MOST = 1 << 16 };

struct inspection {
    uint64_t store_size;
    json_t *info;
    struct vdt_records *records;
    struct vdt_spool_rules rules;
    uint64_t *scene_hashes, *crs_hashes;
    bool *scene_timed;
    int64_t *scene_times;
    bool summed; /* the second document is there */
};

static void clear(struct inspection *inspection)
{
    json_decref(inspection->info);
    vdt_records_free(inspection->records);
    free(inspection->scene_hashes);
    free(inspection->crs_hashes);
    free(inspection->scene_timed);
    free(inspection->scene_times);
}

static vdt_status lie(struct vdt_error *error, const char *what)
{
    return vdt_fail(error, VDT_ERR_FORMAT, "store: what it says of its %s cannot be", what);
}

/* --- the document ------------------------------------------------------------------------- */

static bool is_text(const json_t *value, size_t most)
{
    return json_is_string(value) && json_string_length(value) <= most &&
           strlen(json_string_value(value)) == json_string_length(value);
}

static bool are_texts(const json_t *value, size_t most, size_t longest)
{
    size_t i;
    json_t *item;
    if (!json_is_array(value) || json_array_size(value) > most)
        return false;
    json_array_foreach(value, i, item) if (!is_text(item, longest)) return false;
    return true;
}

static bool is_count(const json_t *value, json_int_t least, json_int_t most)
{
    return json_is_integer(value) && json_integer_value(value) >= least &&
           json_integer_value(value) <= most;
}

static bool tile_valid(const json_t *info)
{
    const json_t *tile = json_object_get(info, "tile");
    const char *dtype = json_string_value(json_object_get(tile, "dtype"));
    const json_t *names = json_object_get(info, "band_names");
    bool known = false;
    for (int i = VDT_UINT8; dtype != NULL && i <= VDT_FLOAT64; i++)
        known = known || strcmp(dtype, vdt_dtype_name((enum vdt_dtype)i)) == 0;
    return known && is_count(json_object_get(tile, "bands"), 1, 65535) &&
           is_count(json_object_get(tile, "rows"), 1, 32768) &&
           is_count(json_object_get(tile, "cols"), 1, 32768) && are_texts(names, 65535, 255) &&
           (json_int_t)json_array_size(names) == json_integer_value(json_object_get(tile, "bands"));
}

static bool codec_valid(const json_t *info, const char *member)
{
    const char *text = json_string_value(json_object_get(info, member));
    bool known = false;
    for (int i = VDT_CODEC_RAW; text != NULL && i <= VDT_CODEC_ZSTD; i++)
        known = known || strcmp(text, vdt_codec_name((enum vdt_codec)i)) == 0;
    return known;
}

static bool tasks_valid(const json_t *info)
{
    size_t i;
    json_t *item;
    const json_t *tasks = json_object_get(info, "tasks");
    if (!are_texts(tasks, 32, 32))
        return false;
    json_array_foreach(tasks, i, item)
    {
        bool known = false;
        for (unsigned task = VDT_CLASSIFICATION; task <= VDT_REGRESSION; task *= 2)
            known =
                known || strcmp(json_string_value(item), vdt_task_name((enum vdt_task)task)) == 0;
        if (!known)
            return false;
    }
    return true;
}

static bool groups_valid(const json_t *info)
{
    const char *name;
    json_t *group;
    json_t *groups = json_object_get(info, "groups");
    if (!json_is_object(groups))
        return false;
    json_object_foreach(
        groups, name,
        group) if (!vdt_group_name_valid(name) ||
                   !is_count(json_object_get(group, "count"), 0, INT64_MAX) ||
                   !is_count(json_object_get(group, "boxes"), 0, INT64_MAX)) return false;
    return true;
}

static bool scenes_valid(const json_t *info)
{
    size_t i;
    json_t *item;
    const json_t *scenes = json_object_get(info, "scenes"), *crs = json_object_get(info, "crs");
    if (!json_is_array(scenes) || json_array_size(scenes) > SCENES_MOST || !json_is_array(crs) ||
        json_array_size(crs) > CRS_MOST)
        return false;
    json_array_foreach(
        scenes, i,
        item) if (!is_text(json_object_get(item, "uri"), VDT_SCENE_URI) ||
                  !is_text(json_object_get(item, "digest"), VDT_SCENE_DIGEST) ||
                  !is_text(json_object_get(item, "acquired"), VDT_SCENE_ACQUIRED)) return false;
    json_array_foreach(crs, i,
                       item) if (!is_text(json_object_get(item, "wkt"), VDT_CRS_WKT)) return false;
    return true;
}

static vdt_status check_info(const struct inspection *inspection, struct vdt_error *error)
{
    const json_t *info = inspection->info;
    static const char *const texts[] = {"format",     "uuid",     "name",
                                        "created_at", "producer", "source"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!is_text(json_object_get(info, texts[i]), NAME_MOST))
            return lie(error, texts[i]);
    if (!tile_valid(info))
        return lie(error, "tile");
    if (!tasks_valid(info))
        return lie(error, "tasks");
    if (!are_texts(json_object_get(info, "classes"), 65534, 255))
        return lie(error, "classes");
    if (!are_texts(json_object_get(info, "sensors"), 64, 255))
        return lie(error, "sensors");
    if (!codec_valid(info, "codec") || !codec_valid(info, "mask_codec"))
        return lie(error, "codec");
    if (!groups_valid(info))
        return lie(error, "groups");
    if (!scenes_valid(info))
        return lie(error, "scenes");
    return is_count(json_object_get(info, "bytes"), (json_int_t)inspection->store_size,
                    (json_int_t)inspection->store_size)
               ? VDT_OK
               : lie(error, "size");
}

/* What scenes say: a date, or a time without a zone, which is UTC's then. */
static bool read_time(const char *text, int64_t *time)
{
    char whole[VDT_SCENE_ACQUIRED + 16];
    const char *clock = strchr(text, 'T');
    bool zone = clock != NULL && strpbrk(clock, "Zz+-") != NULL;
    snprintf(whole, sizeof whole, "%s%s%s", text, clock == NULL ? "T00:00:00" : "",
             zone ? "" : "Z");
    return vdt_time_parse(whole, time);
}

/* What every record is compared with. */
static vdt_status make_rules(struct inspection *inspection, struct vdt_error *error)
{
    const json_t *scenes = json_object_get(inspection->info, "scenes");
    const json_t *crs = json_object_get(inspection->info, "crs");
    size_t scene_count = json_array_size(scenes), crs_count = json_array_size(crs);
    inspection->scene_hashes = vdt_allocate(scene_count, sizeof(uint64_t));
    inspection->scene_timed = vdt_allocate_zero(scene_count, sizeof(bool));
    inspection->scene_times = vdt_allocate_zero(scene_count, sizeof(int64_t));
    inspection->crs_hashes = vdt_allocate(crs_count, sizeof(uint64_t));
    if (inspection->scene_hashes == NULL || inspection->scene_timed == NULL ||
        inspection->scene_times == NULL || inspection->crs_hashes == NULL)
        return vdt_fail_memory(error, "store");
    for (size_t i = 0; i < scene_count; i++) {
        const json_t *scene = json_array_get(scenes, i);
        const char *uri = json_string_value(json_object_get(scene, "uri"));
        const char *time = json_string_value(json_object_get(scene, "acquired"));
        inspection->scene_hashes[i] = vdt_hash(vdt_hash(i, uri, strlen(uri)), time, strlen(time));
        inspection->scene_timed[i] = read_time(time, &inspection->scene_times[i]);
    }
    for (size_t i = 0; i < crs_count; i++) {
        const char *wkt = json_string_value(json_object_get(json_array_get(crs, i), "wkt"));
        inspection->crs_hashes[i] = vdt_hash(i, wkt, strlen(wkt));
    }
    inspection->rules = (struct vdt_spool_rules){
        .store_size = inspection->store_size,
        .class_count = json_array_size(json_object_get(inspection->info, "classes")),
        .scene_count = scene_count,
        .scene_hashes = inspection->scene_hashes,
        .scene_timed = inspection->scene_timed,
        .scene_times = inspection->scene_times,
        .crs_count = crs_count,
        .crs_hashes = inspection->crs_hashes};
    return VDT_OK;
}

/* Numbers that only the worker can know are taken as they are, if they are numbers. */
static vdt_status take_sums(struct inspection *inspection, json_t *sums, struct vdt_error *error)
{
    static const char *const members[] = {"stats", "group_bands", "class_samples"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        json_t *value = json_object_get(sums, members[i]);
        if (!json_is_object(value))
            return lie(error, members[i]);
        json_object_set(inspection->info, members[i], value);
    }
    inspection->summed = true;
    return VDT_OK;
}

static vdt_status take_info(struct inspection *inspection, const void *data, size_t size,
                            struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *value =
        json_loadb(data, size, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(value) || inspection->summed)
        return lie(error, "content");
    if (inspection->info != NULL)
        return take_sums(inspection, value, error);
    inspection->info = value;
    value = NULL;
    vdt_status status = check_info(inspection, error);
    return status == VDT_OK ? make_rules(inspection, error) : status;
}

static vdt_status take_frame(void *payload, enum vdt_frame_kind kind, const void *data, size_t size,
                             struct vdt_error *error)
{
    struct inspection *inspection = payload;
    if (kind == VDT_FRAME_INFO)
        return take_info(inspection, data, size, error);
    if (inspection->info == NULL || inspection->summed)
        return lie(error, "content");
    if (kind == VDT_FRAME_GROUP)
        return vdt_records_group(inspection->records, data, size, error);
    if (kind == VDT_FRAME_ROWS)
        return vdt_records_add(inspection->records, &inspection->rules, data, size, error);
    return lie(error, "content");
}

/* --- what the records come to ------------------------------------------------------------- */

static vdt_status compare_counts(const struct inspection *inspection, struct vdt_error *error)
{
    const char *name;
    json_t *group;
    uint64_t samples = 0;
    json_object_foreach(json_object_get(inspection->info, "groups"), name, group)
    {
        uint64_t count = (uint64_t)json_integer_value(json_object_get(group, "count"));
        if (vdt_records_of_group(inspection->records, name) != count)
            return lie(error, "number of samples");
        samples += count;
    }
    return samples == vdt_records_count(inspection->records) ? VDT_OK
                                                             : lie(error, "number of samples");
}

static vdt_status sum_records(struct inspection *inspection, struct vdt_error *error)
{
    vdt_cleanup(vdt_bounds_clear) struct vdt_bounds sum = {0};
    struct vdt_record_row row;
    bool timed = false;
    int64_t first = 0, last = 0;
    vdt_status status;
    while ((status = vdt_records_next(inspection->records, &row, error)) == VDT_OK) {
        if (!vdt_bounds_add(&sum, row.sample.bounds))
            return vdt_fail_memory(error, "store");
        if (!row.has_time)
            continue;
        first = !timed || row.time < first ? row.time : first;
        last = !timed || row.time > last ? row.time : last;
        timed = true;
    }
    if (status != VDT_END)
        return status;
    vdt_records_rewind(inspection->records);
    double bounds[4];
    bool placed = vdt_bounds_of(&sum, bounds);
    json_object_set_new(inspection->info, "bounds",
                        placed
                            ? json_pack("[f, f, f, f]", bounds[0], bounds[1], bounds[2], bounds[3])
                            : json_null());
    json_object_set_new(inspection->info, "start_time", timed ? json_integer(first) : json_null());
    json_object_set_new(inspection->info, "end_time", timed ? json_integer(last) : json_null());
    return VDT_OK;
}

vdt_status vdt_inspect(struct vdt_draw *draw, const struct vdt_file_run *runs, size_t run_count,
                       const char *folder, struct vdt_inspection *out, struct vdt_error *error)
{
    vdt_cleanup(clear) struct inspection inspection = {0};
    for (size_t i = 0; i < run_count; i++)
        inspection.store_size += runs[i].size;
    const struct vdt_draw_job job = {.kind = VDT_JOB_INSPECT,
                                     .runs = runs,
                                     .run_count = run_count,
                                     .request = "",
                                     .wall_ms = vdt_draw_options_of(draw)->inspect_ms};
    vdt_status status = vdt_records_create(folder, &inspection.records, error);
    if (status == VDT_OK)
        status = vdt_draw_run(draw, &job, take_frame, &inspection, error);
    if (status == VDT_OK && !inspection.summed)
        status = lie(error, "content");
    if (status == VDT_OK)
        status = vdt_records_end(inspection.records, error);
    if (status == VDT_OK)
        status = compare_counts(&inspection, error);
    if (status == VDT_OK)
        status = sum_records(&inspection, error);
    if (status != VDT_OK)
        return status;
    *out = (struct vdt_inspection){.info = inspection.info,
                                   .records = inspection.records,
                                   .samples = vdt_records_count(inspection.records)};
    inspection.info = NULL;
    inspection.records = NULL;
    return VDT_OK;
}

void vdt_inspection_clear(struct vdt_inspection *inspection)
{
    json_decref(inspection->info);
    vdt_records_free(inspection->records);
    *inspection = (struct vdt_inspection){0};
}
