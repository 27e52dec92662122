/* Rows are appended to columns; columns come into being with the first row that needs them. */
#include "annotate/records/records.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

static const char default_key[] = "class";

void vdt_record_columns_clear(struct vdt_record_columns *records)
{
    free(records->sample);
    free(records->kind);
    free(records->flags);
    free(records->box);
    free(records->area);
    free(records->number);
    free(records->dead);
    free(records->label_offsets);
    free(records->label);
    free(records->score);
    free(records->rotated);
    free(records->shape_offsets);
    free(records->part_offsets);
    free(records->ring_offsets);
    free(records->points);
    free(records->count_offsets);
    free(records->counts);
    free(records->size);
    free(records->codes);
    vdt_strings_clear(&records->ids);
    vdt_strings_clear(&records->metadata);
    vdt_strings_clear(&records->labels);
    *records = (struct vdt_record_columns){0};
}

/* --- the table of labels -------------------------------------------------------------------- */

const char *vdt_record_columns_value(const struct vdt_record_columns *records, uint32_t label)
{
    const char *key = vdt_strings_at(&records->labels, label);
    return key + strlen(key) + 1;
}

bool vdt_record_columns_label(struct vdt_record_columns *records, const char *key,
                              const char *value, int64_t code, uint32_t *label)
{
    key = key == NULL || *key == '\0' ? default_key : key;
    size_t first = strlen(key) + 1, second = strlen(value), index;
    char room[256], *text = first + second <= sizeof room ? room : malloc(first + second);
    if (text == NULL)
        return false;
    memcpy(text, key, first);
    memcpy(text + first, value, second);
    bool done = vdt_strings_find(&records->labels, text, first + second, &index);
    bool fresh = done && index == records->labels.count;
    if (fresh)
        done =
            index < UINT32_MAX &&
            vdt_grow(&records->codes, &records->code_capacity, index + 1, sizeof *records->codes) &&
            vdt_strings_add(&records->labels, text, first + second);
    if (text != room)
        free(text);
    if (!done)
        return false;
    if (fresh || code != INT64_MIN)
        records->codes[index] = code;
    *label = (uint32_t)index;
    return true;
}

/* --- rows ------------------------------------------------------------------------------------ */

static bool resize(void *column, size_t capacity, size_t size)
{
    void *old, *grown;
    size_t bytes;
    memcpy(&old, column, sizeof old);
    if (__builtin_mul_overflow(capacity, size, &bytes))
        return false;
    grown = realloc(old, bytes == 0 ? 1 : bytes);
    if (grown == NULL)
        return false;
    memcpy(column, &grown, sizeof grown);
    return true;
}

/* Every column that is there gets room for one row more. */
static bool reserve(struct vdt_record_columns *r)
{
    if (r->count < r->capacity)
        return true;
    size_t wanted = r->capacity < 16 ? 16 : r->capacity * 2;
    bool done = resize(&r->sample, wanted, sizeof *r->sample) &&
                resize(&r->kind, wanted, sizeof *r->kind) &&
                resize(&r->box, wanted, sizeof *r->box);
    done = done && (r->flags == NULL || resize(&r->flags, wanted, sizeof *r->flags));
    done = done && (r->area == NULL || resize(&r->area, wanted, sizeof *r->area));
    done = done && (r->number == NULL || resize(&r->number, wanted, sizeof *r->number));
    done = done && (r->dead == NULL || resize(&r->dead, wanted, sizeof *r->dead));
    done = done && (r->rotated == NULL || resize(&r->rotated, wanted, sizeof *r->rotated));
    done = done && (r->size == NULL || resize(&r->size, wanted, sizeof *r->size));
    done = done && (r->label_offsets == NULL ||
                    resize(&r->label_offsets, wanted + 1, sizeof *r->label_offsets));
    done = done && (r->shape_offsets == NULL ||
                    resize(&r->shape_offsets, wanted + 1, sizeof *r->shape_offsets));
    done = done && (r->count_offsets == NULL ||
                    resize(&r->count_offsets, wanted + 1, sizeof *r->count_offsets));
    if (done)
        r->capacity = wanted;
    return done;
}

/* A column of zeros for the rows that are there. */
static bool begin(void *column, size_t rows, size_t size)
{
    void *made, *old;
    memcpy(&old, column, sizeof old);
    if (old != NULL)
        return true;
    made = vdt_allocate_zero(rows, size);
    if (made == NULL)
        return false;
    memcpy(column, &made, sizeof made);
    return true;
}

static bool begin_doubles(double **column, size_t capacity, uint64_t count)
{
    bool fresh = *column == NULL;
    if (!begin(column, capacity, sizeof **column))
        return false;
    for (uint64_t i = 0; fresh && i < count; i++)
        (*column)[i] = NAN;
    return true;
}

static bool put_text(struct vdt_strings *strings, uint64_t row, const char *text)
{
    text = text == NULL ? "" : text;
    if (strings->count == 0 && *text == '\0')
        return true;
    while (strings->count < row)
        if (!vdt_strings_add(strings, "", 0))
            return false;
    return vdt_strings_add(strings, text, strlen(text));
}

static bool put_labels(struct vdt_record_columns *r, const struct vdt_annotation *a)
{
    if (a->label_count != 1 && r->label_offsets == NULL) {
        if (!begin(&r->label_offsets, r->capacity + 1, sizeof *r->label_offsets))
            return false;
        for (uint64_t i = 0; i <= r->count; i++)
            r->label_offsets[i] = i;
    }
    size_t old = r->label_capacity;
    if (!vdt_grow(&r->label, &r->label_capacity, r->label_count + a->label_count, sizeof *r->label))
        return false;
    if (r->score != NULL && old != r->label_capacity &&
        !resize(&r->score, r->label_capacity, sizeof *r->score)) {
        r->label_capacity = old;
        return false;
    }
    for (size_t i = 0; i < a->label_count; i++) {
        const struct vdt_label *label = &a->labels[i];
        if (!vdt_record_columns_label(r, label->key, label->value, INT64_MIN,
                                      &r->label[r->label_count]))
            return false;
        if (!isnan(label->score) && !begin_doubles(&r->score, r->label_capacity, r->label_count))
            return false;
        if (r->score != NULL)
            r->score[r->label_count] = label->score;
        r->label_count++;
    }
    if (r->label_offsets != NULL)
        r->label_offsets[r->count + 1] = r->label_count;
    return true;
}

static bool put_outline(struct vdt_record_columns *r, const struct vdt_annotation *a)
{
    bool any = a->part_count > 0;
    if (!any && r->shape_offsets == NULL)
        return true;
    uint64_t first_ring = any ? a->part_offsets[0] : 0;
    size_t rings = any ? (size_t)(a->part_offsets[a->part_count] - first_ring) : 0;
    uint64_t first_point = any ? a->ring_offsets[first_ring] : 0;
    size_t points = any ? (size_t)(a->ring_offsets[first_ring + rings] - first_point) : 0;
    if (!begin(&r->shape_offsets, r->capacity + 1, sizeof *r->shape_offsets) ||
        !vdt_grow(&r->part_offsets, &r->part_capacity, r->part_count + a->part_count + 1, 8) ||
        !vdt_grow(&r->ring_offsets, &r->ring_capacity, r->ring_count + rings + 1, 8) ||
        !vdt_grow(&r->points, &r->point_capacity, r->point_count + points, sizeof *r->points))
        return false;
    r->part_offsets[0] = r->ring_offsets[0] = 0;
    for (size_t i = 1; any && i <= a->part_count; i++)
        r->part_offsets[r->part_count + i] = r->ring_count + (a->part_offsets[i] - first_ring);
    for (size_t i = 1; any && i <= rings; i++)
        r->ring_offsets[r->ring_count + i] =
            r->point_count + (a->ring_offsets[first_ring + i] - first_point);
    if (points > 0)
        memcpy(r->points + r->point_count, a->points + first_point, points * sizeof *r->points);
    r->part_count += any ? a->part_count : 0;
    r->ring_count += rings;
    r->point_count += points;
    r->shape_offsets[r->count + 1] = r->part_count;
    return true;
}

static bool put_mask(struct vdt_record_columns *r, const struct vdt_annotation *a)
{
    bool mask = a->kind == VDT_ANNOTATION_MASK;
    if (!mask && r->count_offsets == NULL)
        return true;
    if (!begin(&r->count_offsets, r->capacity + 1, sizeof *r->count_offsets) ||
        !begin(&r->size, r->capacity, sizeof *r->size) ||
        !vdt_grow(&r->counts, &r->run_capacity, r->run_count + (mask ? a->count_count : 0) + 1,
                  sizeof *r->counts))
        return false;
    if (mask && a->count_count > 0)
        memcpy(r->counts + r->run_count, a->counts, a->count_count * sizeof *r->counts);
    r->run_count += mask ? a->count_count : 0;
    r->count_offsets[r->count + 1] = r->run_count;
    r->size[r->count][0] = mask ? a->rows : 0;
    r->size[r->count][1] = mask ? a->cols : 0;
    return true;
}

static bool put_row(struct vdt_record_columns *r, const struct vdt_annotation *a)
{
    uint64_t row = r->count;
    r->sample[row] = a->sample;
    r->kind[row] = (uint8_t)a->kind;
    memcpy(r->box[row], a->box, sizeof a->box);
    bool fresh = r->number == NULL;
    if (a->number != row && !begin(&r->number, r->capacity, sizeof *r->number))
        return false;
    for (uint64_t i = 0; fresh && r->number != NULL && i < row; i++)
        r->number[i] = i;
    uint8_t flags = (uint8_t)a->flags;
    if (a->box_given && a->kind != VDT_ANNOTATION_BOX)
        flags |= VDT_RECORD_BOX_GIVEN;
    if ((flags != 0 && !begin(&r->flags, r->capacity, 1)) ||
        (a->area_given && !begin_doubles(&r->area, r->capacity, row)) ||
        (a->kind == VDT_ANNOTATION_ROTATED && !begin(&r->rotated, r->capacity, sizeof *r->rotated)))
        return false;
    if (r->number != NULL)
        r->number[row] = a->number;
    if (r->flags != NULL)
        r->flags[row] = flags;
    if (r->area != NULL)
        r->area[row] = a->area_given ? a->area : NAN;
    if (r->dead != NULL)
        r->dead[row] = 0;
    if (r->rotated != NULL && a->kind == VDT_ANNOTATION_ROTATED)
        memcpy(r->rotated[row], a->rotated, sizeof a->rotated);
    else if (r->rotated != NULL)
        memset(r->rotated[row], 0, sizeof *r->rotated);
    const char *metadata = a->metadata != NULL && strcmp(a->metadata, "{}") == 0 ? "" : a->metadata;
    return put_text(&r->ids, row, a->id) && put_text(&r->metadata, row, metadata);
}

static void shorten(struct vdt_strings *strings, size_t count)
{
    if (strings->count <= count)
        return;
    strings->count = count;
    strings->size = (size_t)strings->offsets[count];
}

bool vdt_record_columns_add(struct vdt_record_columns *r, const struct vdt_annotation *a)
{
    struct vdt_record_columns old = *r;
    if (!reserve(r))
        return false;
    if (put_row(r, a) && put_labels(r, a) && put_outline(r, a) && put_mask(r, a)) {
        r->count++;
        return true;
    }
    r->label_count = old.label_count;
    r->part_count = old.part_count;
    r->ring_count = old.ring_count;
    r->point_count = old.point_count;
    r->run_count = old.run_count;
    shorten(&r->ids, old.ids.count);
    shorten(&r->metadata, old.metadata.count);
    return false;
}

void vdt_record_columns_get(const struct vdt_record_columns *r, uint64_t row,
                            struct vdt_annotation *a)
{
    *a = (struct vdt_annotation){
        .sample = r->sample[row],
        .id = r->ids.count == 0 ? NULL : vdt_strings_at(&r->ids, row),
        .number = vdt_record_columns_number(r, row),
        .kind = (enum vdt_annotation_kind)r->kind[row],
        .flags = r->flags == NULL ? 0 : r->flags[row] & ~(uint32_t)VDT_RECORD_BOX_GIVEN,
        .box_given = r->flags != NULL && (r->flags[row] & VDT_RECORD_BOX_GIVEN) != 0,
        .area = NAN};
    memcpy(a->box, r->box[row], sizeof a->box);
    if (a->id != NULL && *a->id == '\0')
        a->id = NULL;
    if (r->area != NULL && !isnan(r->area[row])) {
        a->area = r->area[row];
        a->area_given = true;
    }
    a->label_count =
        r->label_offsets == NULL ? 1 : (size_t)(r->label_offsets[row + 1] - r->label_offsets[row]);
    if (r->rotated != NULL)
        memcpy(a->rotated, r->rotated[row], sizeof a->rotated);
    if (r->shape_offsets != NULL && r->shape_offsets[row + 1] > r->shape_offsets[row]) {
        a->points = (const double(*)[2])r->points;
        a->ring_offsets = r->ring_offsets;
        a->part_offsets = r->part_offsets + r->shape_offsets[row];
        a->part_count = (size_t)(r->shape_offsets[row + 1] - r->shape_offsets[row]);
    }
    if (r->count_offsets != NULL && a->kind == VDT_ANNOTATION_MASK) {
        a->counts = r->counts + r->count_offsets[row];
        a->count_count = (size_t)(r->count_offsets[row + 1] - r->count_offsets[row]);
        a->rows = r->size[row][0];
        a->cols = r->size[row][1];
    }
    a->metadata = r->metadata.count == 0 ? "" : vdt_strings_at(&r->metadata, row);
}

bool vdt_record_columns_copy(struct vdt_record_columns *to, const struct vdt_record_columns *from,
                             const uint64_t *order, uint64_t count)
{
    struct vdt_label *labels = NULL;
    size_t capacity = 0;
    bool done = true;
    for (uint64_t i = 0; done && i < count; i++) {
        struct vdt_annotation a;
        vdt_record_columns_get(from, order[i], &a);
        uint64_t first = vdt_record_columns_first_label(from, order[i]);
        done = vdt_grow(&labels, &capacity, a.label_count + 1, sizeof *labels);
        for (size_t k = 0; done && k < a.label_count; k++) {
            uint32_t label = from->label[first + k];
            labels[k] = (struct vdt_label){vdt_record_columns_key(from, label),
                                           vdt_record_columns_value(from, label),
                                           from->score == NULL ? NAN : from->score[first + k]};
        }
        a.labels = labels;
        done = done && vdt_record_columns_add(to, &a);
    }
    free(labels);
    return done;
}

bool vdt_record_columns_kill(struct vdt_record_columns *records, uint64_t row)
{
    if (!begin(&records->dead, records->capacity, 1))
        return false;
    records->dead_count += !records->dead[row];
    records->dead[row] = 1;
    return true;
}
