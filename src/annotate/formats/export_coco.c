/* Sets as COCO's ground truth file. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "annotate/formats/exchange_sets.h"
#include "annotate/records/objects.h"
#include "annotate/records/record_mask.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

struct export
{
    struct vdt_set_export *out;
    struct vdt_text_file text;
    struct vdt_class_list classes;
    int64_t *images; /* ids, by sample */
    bool numbers;    /* ids are numbers, each once: they are kept */
};

static void clear(struct export *x)
{
    vdt_text_abandon(&x->text);
    vdt_class_list_clear(&x->classes);
    free(x->images);
}

static int by_number(const void *a, const void *b)
{
    const int64_t *left = a, *right = b;
    return *left < *right ? -1 : *left > *right;
}

static bool is_number(const char *text, int64_t *number)
{
    char *end;
    errno = 0;
    *number = strtoll(text, &end, 10);
    return errno == 0 && *text >= '0' && *text <= '9' && *end == '\0' &&
           (*text != '0' || text[1] == '\0');
}

/* COCO has one id for an annotation in the whole file. */
static bool ids_are_numbers(const struct vdt_annotations *set, bool *memory)
{
    const struct vdt_record_columns *records = &set->records;
    int64_t *numbers = vdt_allocate((size_t)records->count, sizeof *numbers);
    size_t count = 0;
    bool good = numbers != NULL && records->ids.count == records->count;
    *memory = numbers == NULL;
    for (uint64_t row = 0; good && row < records->count; row++)
        if (vdt_record_columns_alive(records, row))
            good = is_number(vdt_strings_at(&records->ids, row), &numbers[count++]);
    if (good)
        qsort(numbers, count, sizeof *numbers, by_number);
    for (size_t i = 1; good && i < count; i++)
        good = numbers[i] != numbers[i - 1];
    free(numbers);
    return good;
}

static bool unique(const int64_t *numbers, size_t count, bool *memory)
{
    int64_t *sorted = vdt_allocate(count, sizeof *sorted);
    bool good = sorted != NULL;
    *memory = *memory || sorted == NULL;
    if (good && count > 0) {
        memcpy(sorted, numbers, count * sizeof *sorted);
        qsort(sorted, count, sizeof *sorted, by_number);
    }
    for (size_t i = 1; good && i < count; i++)
        good = sorted[i] != sorted[i - 1];
    free(sorted);
    return good;
}

/* Numbers that are each there once are kept, and what has none gets one beyond the largest; else
 * all are 1, 2, ... False: memory is out. */
static bool number_all(int64_t *numbers, size_t count)
{
    int64_t next = 0;
    bool memory = false;
    for (size_t i = 0; i < count; i++)
        next = numbers[i] > next ? numbers[i] : next;
    if (next > INT64_MAX - (int64_t)count)
        next = 0;
    for (size_t i = 0; i < count; i++)
        if (numbers[i] == INT64_MIN)
            numbers[i] = ++next;
    if (unique(numbers, count, &memory))
        return true;
    for (size_t i = 0; i < count; i++)
        numbers[i] = (int64_t)i + 1;
    return !memory;
}

static vdt_status number_images(struct export *x, struct vdt_error *error)
{
    const struct vdt_set_samples *samples = &x->out->set->samples;
    x->images = vdt_allocate(samples->count, sizeof *x->images);
    for (size_t i = 0; x->images != NULL && i < samples->count; i++)
        x->images[i] = samples->rows[i].code;
    return x->images != NULL && number_all(x->images, samples->count) &&
                   number_all(x->classes.codes, x->classes.count)
               ? VDT_OK
               : vdt_fail_memory(error, x->out->path);
}

/* --- geometry -------------------------------------------------------------------------------- */

static json_t *ring_json(const struct vdt_annotation *a, uint64_t ring)
{
    json_t *list = json_array();
    for (uint64_t i = a->ring_offsets[ring]; i < a->ring_offsets[ring + 1]; i++) {
        json_array_append_new(list, json_real(a->points[i][0]));
        json_array_append_new(list, json_real(a->points[i][1]));
    }
    return list;
}

static bool has_holes(const struct vdt_annotation *a)
{
    for (size_t part = 0; part < a->part_count; part++)
        if (a->part_offsets[part + 1] - a->part_offsets[part] > 1)
            return true;
    return false;
}

static json_t *rings_json(const struct vdt_annotation *a)
{
    json_t *list = json_array();
    for (size_t part = 0; part < a->part_count; part++)
        json_array_append_new(list, ring_json(a, a->part_offsets[part]));
    return list;
}

static json_t *corners_json(const double rotated[5])
{
    double corners[4][2];
    json_t *ring = json_array();
    vdt_rotated_corners(rotated, corners);
    for (int i = 0; i < 8; i++)
        json_array_append_new(ring, json_real(corners[i / 2][i % 2]));
    return json_pack("[o]", ring);
}

/* A polygon with holes is drawn: COCO's polygons have none. */
static json_t *drawn_json(const struct export *x, const struct vdt_annotation *a)
{
    const struct vdt_set_sample *sample = &x->out->set->samples.rows[a->sample];
    struct vdt_masks *masks = NULL;
    struct vdt_error error;
    json_t *value = NULL;
    if (vdt_masks_new(&masks, &error) == VDT_OK &&
        vdt_mask_draw(masks, a, sample->rows, sample->cols, &error) == VDT_OK) {
        const struct vdt_shapes *shapes = vdt_masks_shapes(masks);
        const struct vdt_annotation mask = {.counts = shapes->counts,
                                            .count_count = (size_t)shapes->count_offsets[1],
                                            .rows = sample->rows,
                                            .cols = sample->cols};
        value = vdt_record_mask_json(&mask);
    }
    vdt_masks_free(masks);
    return value;
}

static json_t *segmentation(const struct export *x, const struct vdt_annotation *a)
{
    switch (a->kind) {
    case VDT_ANNOTATION_MASK: return vdt_record_mask_json(a);
    case VDT_ANNOTATION_ROTATED: return corners_json(a->rotated);
    case VDT_ANNOTATION_POLYGON: return has_holes(a) ? drawn_json(x, a) : rings_json(a);
    default: return json_array();
    }
}

/* --- records --------------------------------------------------------------------------------- */

static bool can_be(const struct export *x, const struct vdt_annotation *a)
{
    const struct vdt_set_sample *sample = &x->out->set->samples.rows[a->sample];
    if (a->kind < VDT_ANNOTATION_BOX || a->kind > VDT_ANNOTATION_MASK ||
        vdt_row_class(a, x->out->key) == NULL)
        return false;
    return a->kind != VDT_ANNOTATION_POLYGON || !has_holes(a) ||
           (sample->rows != 0 && sample->cols != 0);
}

/* What COCO does not name is kept beside. */
static void put_metadata(json_t *record, const char *text)
{
    const char *name;
    json_t *value;
    json_t *metadata = text == NULL || *text == '\0' ? NULL : json_loads(text, 0, NULL);
    json_object_foreach(metadata, name, value)
    {
        if (json_object_get(record, name) == NULL)
            json_object_set(record, name, value);
    }
    json_decref(metadata);
}

static json_t *record_json(const struct export *x, const struct vdt_annotation *a)
{
    const struct vdt_label *label = vdt_row_class(a, x->out->key);
    int64_t id = (int64_t)a->number + 1;
    if (x->numbers)
        is_number(a->id, &id);
    json_t *record =
        json_pack("{s:I,s:I,s:I,s:[f,f,f,f],s:f,s:i,s:o}", "id", (json_int_t)id, "image_id",
                  (json_int_t)x->images[a->sample], "category_id",
                  (json_int_t)x->classes.codes[vdt_class_find(&x->classes, label->value)], "bbox",
                  a->box[0], a->box[1], a->box[2], a->box[3], "area", a->area, "iscrowd",
                  (a->flags & VDT_ANNOTATION_CROWD) != 0, "segmentation", segmentation(x, a));
    if (record == NULL)
        return NULL;
    if ((a->flags & (VDT_ANNOTATION_IGNORE | VDT_ANNOTATION_DIFFICULT)) != 0)
        json_object_set_new(record, "ignore", json_integer(1));
    if (!isnan(label->score))
        json_object_set_new(record, "score", json_real(label->score));
    put_metadata(record, a->metadata);
    return record;
}

static vdt_status write_records(struct export *x, struct vdt_error *error)
{
    struct vdt_annotations *set = x->out->set;
    vdt_cleanup(vdt_row_room_clear) struct vdt_row_room room = {0};
    vdt_status status = VDT_OK;
    bool first = true;
    for (uint64_t row = 0; status == VDT_OK && row < set->records.count; row++) {
        struct vdt_annotation a;
        if (!vdt_record_columns_alive(&set->records, row))
            continue;
        status = vdt_row_get(set, row, &room, &a, error);
        if (status == VDT_OK && !can_be(x, &a)) {
            x->out->report->dropped++;
            continue;
        }
        if (status == VDT_OK) {
            fputs(first ? "\n" : ",\n", x->text.file);
            status = vdt_text_json(&x->text, record_json(x, &a), false, error);
            x->out->report->added++;
            first = false;
        }
    }
    return status;
}

static vdt_status write_images(struct export *x, struct vdt_error *error)
{
    const struct vdt_annotations *set = x->out->set;
    vdt_status status = VDT_OK;
    for (uint32_t i = 0; status == VDT_OK && i < set->samples.count; i++) {
        const struct vdt_set_sample *row = &set->samples.rows[i];
        fputs(i == 0 ? "\n" : ",\n", x->text.file);
        status = vdt_text_json(&x->text,
                               json_pack("{s:I,s:s,s:I,s:I}", "id", (json_int_t)x->images[i],
                                         "file_name", vdt_strings_at(&set->samples.references, i),
                                         "width", (json_int_t)row->cols, "height",
                                         (json_int_t)row->rows),
                               false, error);
    }
    return status;
}

static vdt_status write_categories(struct export *x, struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < x->classes.count; i++) {
        fputs(i == 0 ? "\n" : ",\n", x->text.file);
        status = vdt_text_json(&x->text,
                               json_pack("{s:I,s:s}", "id", (json_int_t)x->classes.codes[i], "name",
                                         x->classes.values[i]),
                               false, error);
    }
    return status;
}

vdt_status vdt_export_set_coco(struct vdt_set_export *out, struct vdt_error *error)
{
    vdt_cleanup(clear) struct export x = {.out = out};
    bool memory = false;
    x.numbers = ids_are_numbers(out->set, &memory);
    if (memory)
        return vdt_fail_memory(error, out->path);
    vdt_status status = vdt_class_list(out->set, out->key, &x.classes, error);
    if (status == VDT_OK)
        status = number_images(&x, error);
    if (status == VDT_OK)
        status = vdt_text_open(&x.text, out->path, error);
    if (status != VDT_OK)
        return status;
    fputs("{\"images\":[", x.text.file);
    status = write_images(&x, error);
    fputs("],\n\"categories\":[", x.text.file);
    if (status == VDT_OK)
        status = write_categories(&x, error);
    fputs("],\n\"annotations\":[", x.text.file);
    if (status == VDT_OK)
        status = write_records(&x, error);
    fputs("]}\n", x.text.file);
    return status == VDT_OK ? vdt_text_close(&x.text, error) : status;
}
