/* Predictions from JSON: records as sets have them, for REST, files and Python. */
#include <string.h>

#include "annotate/records/record_json.h"
#include "annotate/runs/run_state.h"
#include "base/cleanup.h"
#include "base/error.h"

/* Records that were read: bytes of their own, for what was parsed is gone with the next. */
struct read {
    struct vdt_run *run;
    const char *what;
    struct vdt_record_room room;
    struct vdt_buffer bytes;
    struct place {
        uint64_t at; /* in bytes */
        uint32_t sample;
        uint32_t labels; /* of it */
    } * places;
    size_t count, place_room;
    uint64_t label_count;
    uint32_t *marks; /* samples that are predicted, whatever was found */
    size_t mark_count, mark_room;
};

static void clear_read(struct read *read)
{
    vdt_record_room_clear(&read->room);
    vdt_buffer_clear(&read->bytes);
    free(read->places);
    free(read->marks);
}

static vdt_status wrong(const struct read *read, uint64_t line, const char *why,
                        struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: record %llu: %s", read->what,
                    (unsigned long long)line, why);
}

static vdt_status take_sample(struct read *read, const struct vdt_json_record *record,
                              uint32_t sample, struct vdt_error *error)
{
    if (record->is_sample && !record->annotated)
        return VDT_OK;
    if (record->is_sample) {
        if (!vdt_grow(&read->marks, &read->mark_room, read->mark_count + 1, sizeof *read->marks))
            return vdt_fail_memory(error, read->what);
        read->marks[read->mark_count++] = sample;
        return VDT_OK;
    }
    struct place place = {read->bytes.size, sample, (uint32_t)record->a.label_count};
    if (!vdt_grow(&read->places, &read->place_room, read->count + 1, sizeof place) ||
        !vdt_run_encode(&record->a, &read->bytes))
        return vdt_fail_memory(error, read->what);
    read->places[read->count++] = place;
    read->label_count += place.labels;
    return VDT_OK;
}

static vdt_status take_value(struct read *read, const json_t *value, uint64_t line,
                             struct vdt_error *error)
{
    struct vdt_json_record record;
    struct vdt_error inner;
    char why[VDT_ANNOTATION_WHY];
    uint32_t sample;
    if (!vdt_record_parse(value, &read->room, &record, why))
        return strcmp(why, VDT_WHY_MEMORY) == 0 ? vdt_fail_memory(error, read->what)
                                                : wrong(read, line, why, error);
    if (record.is_category) /* a run has the values that it finds */
        return VDT_OK;
    if (record.sample == NULL)
        return wrong(read, line, "it has no \"sample\"", error);
    vdt_status status =
        vdt_run_sample(read->run, record.sample, record.rows, record.cols, &sample, &inner);
    if (status != VDT_OK)
        return vdt_fail(error, status, "%s: record %llu: %.700s", read->what,
                        (unsigned long long)line, inner.message);
    return take_sample(read, &record, sample, error);
}

static void release(json_t **value)
{
    json_decref(*value);
}

static vdt_status take_document(struct read *read, const char *text, size_t size,
                                struct vdt_error *error)
{
    json_error_t problem;
    vdt_cleanup(release) json_t *value = json_loadb(text, size, JSON_REJECT_DUPLICATES, &problem);
    if (value == NULL)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: line %d, column %d: %s", read->what,
                        problem.line, problem.column, problem.text);
    if (!json_is_array(value))
        return take_value(read, value, 1, error);
    vdt_status status = VDT_OK;
    for (size_t i = 0; i < json_array_size(value) && status == VDT_OK; i++)
        status = take_value(read, json_array_get(value, i), i + 1, error);
    return status;
}

static vdt_status take_lines(struct read *read, const char *text, size_t size,
                             struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    uint64_t line = 0;
    for (size_t at = 0; at < size && status == VDT_OK;) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t length = end == NULL ? size - at : (size_t)(end - (text + at));
        line++;
        if (strspn(text + at, " \t\r") < length) {
            json_error_t problem;
            vdt_cleanup(release) json_t *value =
                json_loadb(text + at, length, JSON_REJECT_DUPLICATES, &problem);
            status = value == NULL ? vdt_fail(error, VDT_ERR_FORMAT, "%s: line %llu, column %d: %s",
                                              read->what, (unsigned long long)line, problem.column,
                                              problem.text)
                                   : take_value(read, value, line, error);
        }
        at += length + 1;
    }
    return status;
}

/* An array, one object over several lines, or a line for each. */
static vdt_status take_text(struct read *read, const char *text, size_t size,
                            struct vdt_error *error)
{
    size_t first = strspn(text, " \t\r\n");
    if (first >= size)
        return VDT_OK;
    const char *end = memchr(text + first, '\n', size - first);
    json_error_t problem;
    json_t *line =
        end == NULL ? NULL : json_loadb(text + first, (size_t)(end - (text + first)), 0, &problem);
    bool lines = line != NULL && json_is_object(line);
    json_decref(line);
    return lines ? take_lines(read, text, size, error) : take_document(read, text, size, error);
}

/* All that was read as one addition. */
static vdt_status add_all(struct read *read, enum vdt_run_mode mode, struct vdt_run_counts *counts,
                          struct vdt_error *error)
{
    struct vdt_run *run = read->run;
    vdt_cleanup(vdt_free_pointer) struct vdt_annotation *all =
        vdt_allocate(read->count, sizeof *all);
    vdt_cleanup(vdt_free_pointer) struct vdt_label *labels =
        vdt_allocate(read->label_count, sizeof *labels);
    struct vdt_run_labels scratch = {0};
    struct vdt_error inner = {.message = "out of memory"};
    vdt_status status = all == NULL || labels == NULL ? VDT_ERR_MEMORY : VDT_OK;
    struct vdt_label *next = labels;
    for (size_t i = 0; i < read->count && status == VDT_OK; i++) {
        const struct place *place = &read->places[i];
        size_t size;
        status = vdt_run_decode(read->bytes.data + place->at, read->bytes.size - place->at,
                                read->what, &all[i], &scratch.labels, &scratch.room, &size, &inner);
        if (status != VDT_OK)
            break;
        if (place->labels > 0)
            memcpy(next, scratch.labels, place->labels * sizeof *next);
        all[i].labels = next;
        all[i].sample = place->sample;
        next += place->labels;
    }
    free(scratch.labels);
    bool outer = run->log.batch; /* marks and records are one batch */
    if (status == VDT_OK && !outer)
        vdt_run_begin(run);
    if (status == VDT_OK)
        status = vdt_run_add(run, all, read->count, mode, counts, &inner);
    if (status != VDT_OK) {
        run->log.batch = outer;
        return vdt_fail(error, status, "%s: %.900s", read->what, inner.message);
    }
    for (size_t i = 0; i < read->mark_count && status == VDT_OK; i++)
        status = vdt_run_mark(run, read->marks[i], error);
    return status == VDT_OK && !outer ? vdt_run_end(run, error) : status;
}

vdt_status vdt_run_add_json(struct vdt_run *run, const char *text, size_t size, const char *what,
                            enum vdt_run_mode mode, struct vdt_run_counts *counts,
                            struct vdt_error *error)
{
    if (counts != NULL)
        *counts = (struct vdt_run_counts){0};
    vdt_status status = vdt_run_open_check(run, error);
    if (status != VDT_OK)
        return status;
    /* Ends with a NUL, which the caller's text need not. */
    vdt_cleanup(vdt_free_pointer) char *copy = vdt_allocate(size + 1, 1);
    if (copy == NULL)
        return vdt_fail_memory(error, what);
    memcpy(copy, text, size);
    copy[size] = '\0';
    vdt_cleanup(clear_read) struct read read = {.run = run, .what = what};
    status = take_text(&read, copy, size, error);
    return status == VDT_OK ? add_all(&read, mode, counts, error) : status;
}
