/* JSON to an annotation. */
#include "annotate/records/record_json.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vedatile/shapes.h>

#include "annotate/records/record_mask.h"
#include "base/buffer.h"

void vdt_record_room_clear(struct vdt_record_room *room)
{
    for (size_t i = 0; i < room->text_count; i++)
        free(room->texts[i]);
    free(room->texts);
    free(room->labels);
    free(room->points);
    free(room->rings);
    free(room->parts);
    free(room->counts);
    free(room->bytes);
    free(room->metadata);
    vdt_masks_free(room->masks);
    *room = (struct vdt_record_room){0};
}

static bool wrong(char *why, const char *format, ...) VDT_PRINTF(2, 3);

static bool wrong(char *why, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(why, VDT_ANNOTATION_WHY, format, values);
    va_end(values);
    return false;
}

static bool no_memory(char *why)
{
    return wrong(why, VDT_WHY_MEMORY);
}

/* --- labels ---------------------------------------------------------------------------------- */

/* A value as text: numbers and truth become the words that JSON has for them. */
static const char *value_text(const json_t *value, struct vdt_record_room *room)
{
    char text[32];
    if (json_is_string(value))
        return json_string_value(value);
    if (json_is_boolean(value))
        return json_is_true(value) ? "true" : "false";
    if (!json_is_integer(value))
        return NULL;
    snprintf(text, sizeof text, "%lld", (long long)json_integer_value(value));
    if (!vdt_grow(&room->texts, &room->text_capacity, room->text_count + 1, sizeof *room->texts) ||
        (room->texts[room->text_count] = vdt_copy_string(text)) == NULL)
        return NULL;
    return room->texts[room->text_count++];
}

static bool add_label(struct vdt_record_room *room, const char *key, const char *value,
                      double score, char *why)
{
    if (value == NULL)
        return wrong(why, "the value of the label \"%.80s\" is no text", key);
    if (!vdt_grow(&room->labels, &room->label_capacity, room->label_count + 1,
                  sizeof *room->labels))
        return no_memory(why);
    room->labels[room->label_count++] = (struct vdt_label){key, value, score};
    return true;
}

static bool parse_scored(const char *key, const json_t *values, struct vdt_record_room *room,
                         char *why)
{
    const char *value;
    json_t *score;
    if (json_object_size(values) == 0)
        return wrong(why, "the label \"%.80s\" has no value", key);
    json_object_foreach((json_t *)values, value, score)
    {
        if (!json_is_number(score))
            return wrong(why, "the score of %.80s \"%.80s\" is no number", key, value);
        if (!add_label(room, key, value, json_number_value(score), why))
            return false;
    }
    return true;
}

static bool parse_labels(const json_t *labels, struct vdt_record_room *room, char *why)
{
    const char *key;
    json_t *value, *element;
    size_t index;
    if (!json_is_object(labels))
        return wrong(why, "\"labels\" is no object of keys and values");
    json_object_foreach((json_t *)labels, key, value)
    {
        if (json_is_object(value)) {
            if (!parse_scored(key, value, room, why))
                return false;
        } else if (json_is_array(value)) {
            json_array_foreach(value, index, element)
            {
                if (!add_label(room, key, value_text(element, room), NAN, why))
                    return false;
            }
        } else if (!add_label(room, key, value_text(value, room), NAN, why)) {
            return false;
        }
    }
    return true;
}

/* The score beside the labels is that of the one label, or of the class. */
static bool parse_score(const json_t *score, struct vdt_record_room *room, char *why)
{
    if (score == NULL || json_is_null(score))
        return true;
    if (!json_is_number(score))
        return wrong(why, "\"score\" is no number");
    struct vdt_label *label = NULL;
    for (size_t i = 0; i < room->label_count; i++)
        if (room->label_count == 1 || strcmp(room->labels[i].key, "class") == 0) {
            if (label != NULL || !isnan(room->labels[i].score))
                return wrong(why, "\"score\" beside labels that have scores of their own");
            label = &room->labels[i];
        }
    if (label == NULL)
        return wrong(why, room->label_count == 0
                              ? "\"score\" without a label"
                              : "\"score\" with several labels: give each its own");
    label->score = json_number_value(score);
    return true;
}

/* --- geometry -------------------------------------------------------------------------------- */

static bool parse_numbers(const json_t *value, const char *name, double *numbers, size_t count,
                          char *why)
{
    bool good = json_array_size(value) == count;
    for (size_t i = 0; good && i < count; i++) {
        const json_t *number = json_array_get(value, i);
        good = json_is_number(number);
        numbers[i] = json_number_value(number);
    }
    return good || wrong(why, "\"%s\" is no list of %zu numbers", name, count);
}

static int depth_of(const json_t *value)
{
    int depth = 0;
    for (; json_is_array(value) && depth < 8; value = json_array_get(value, 0))
        depth++;
    return depth;
}

/* A third number, a height, is passed over. */
static bool parse_point(const json_t *value, double point[2])
{
    const json_t *x = json_array_get(value, 0), *y = json_array_get(value, 1);
    if (json_array_size(value) > 4 || !json_is_number(x) || !json_is_number(y))
        return false;
    point[0] = json_number_value(x);
    point[1] = json_number_value(y);
    return true;
}

/* A list of points, as a ring. The closing repeat of polygons is left out. */
static bool parse_ring(const json_t *list, bool closes, struct vdt_record_room *room, char *why)
{
    size_t first = room->point_count, count = json_array_size(list);
    if (!json_is_array(list) ||
        !vdt_grow(&room->points, &room->point_capacity, first + count, sizeof *room->points) ||
        !vdt_grow(&room->rings, &room->ring_capacity, room->ring_count + 2, sizeof *room->rings))
        return json_is_array(list) ? no_memory(why)
                                   : wrong(why, "\"coordinates\" are not lists of points");
    for (size_t i = 0; i < count; i++)
        if (!parse_point(json_array_get(list, i), room->points[first + i]))
            return wrong(why, "point %zu of the coordinates is no pair of numbers", i + 1);
    if (closes && count > 1 &&
        memcmp(room->points[first], room->points[first + count - 1], 16) == 0)
        count--;
    room->point_count += count;
    room->rings[0] = 0;
    room->rings[++room->ring_count] = room->point_count;
    return true;
}

static bool end_part(struct vdt_record_room *room, char *why)
{
    if (!vdt_grow(&room->parts, &room->part_capacity, room->part_count + 2, sizeof *room->parts))
        return no_memory(why);
    room->parts[0] = 0;
    room->parts[++room->part_count] = room->ring_count;
    return true;
}

static bool parse_polygon(const json_t *value, int depth, struct vdt_record_room *room, char *why)
{
    if (depth == 2)
        return parse_ring(value, true, room, why) && end_part(room, why);
    if (depth == 3) {
        for (size_t i = 0; i < json_array_size(value); i++)
            if (!parse_ring(json_array_get(value, i), true, room, why))
                return false;
        return end_part(room, why);
    }
    if (depth != 4)
        return wrong(why, "\"coordinates\" are not those of a polygon");
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!parse_polygon(json_array_get(value, i), 3, room, why))
            return false;
    return true;
}

static bool parse_lines(const json_t *value, int depth, struct vdt_record_room *room, char *why)
{
    if (depth == 2)
        return parse_ring(value, false, room, why) && end_part(room, why);
    if (depth != 3)
        return wrong(why, "\"coordinates\" are not those of a line");
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!parse_lines(json_array_get(value, i), 2, room, why))
            return false;
    return true;
}

static bool parse_points(const json_t *value, int depth, struct vdt_record_room *room, char *why)
{
    if (depth == 1) {
        if (!vdt_grow(&room->points, &room->point_capacity, room->point_count + 1,
                      sizeof *room->points) ||
            !vdt_grow(&room->rings, &room->ring_capacity, room->ring_count + 2,
                      sizeof *room->rings))
            return no_memory(why);
        if (!parse_point(value, room->points[room->point_count]))
            return wrong(why, "the coordinates are no pair of numbers");
        room->rings[0] = 0;
        room->rings[++room->ring_count] = ++room->point_count;
        return end_part(room, why);
    }
    if (depth != 2)
        return wrong(why, "\"coordinates\" are not those of a point");
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!parse_points(json_array_get(value, i), 1, room, why))
            return false;
    return true;
}

static bool parse_coordinates(const json_t *value, struct vdt_record_room *room,
                              struct vdt_annotation *a, char *why)
{
    int depth = depth_of(value);
    bool good = a->kind == VDT_ANNOTATION_POLYGON ? parse_polygon(value, depth, room, why)
                : a->kind == VDT_ANNOTATION_LINE  ? parse_lines(value, depth, room, why)
                                                  : parse_points(value, depth, room, why);
    a->points = (const double(*)[2])room->points;
    a->ring_offsets = room->rings;
    a->part_offsets = room->parts;
    a->part_count = room->part_count;
    return good;
}

/* --- the whole ------------------------------------------------------------------------------- */

static const char *const members[] = {
    "sample", "id",     "type",  "box",       "bbox",  "rotated", "coordinates",
    "mask",   "labels", "label", "score",     "flags", "area",    "metadata",
    "number", "rows",   "cols",  "annotated", "code",  "category"};

static bool known_members(const json_t *value, char *why)
{
    const char *name;
    json_t *member;
    json_object_foreach((json_t *)value, name, member)
    {
        bool known = false;
        for (size_t i = 0; i < sizeof members / sizeof *members; i++)
            known = known || strcmp(name, members[i]) == 0;
        if (!known)
            return wrong(why, "it has no member \"%.80s\"", name);
    }
    return true;
}

static bool parse_kind(const json_t *value, struct vdt_annotation *a, char *why)
{
    const json_t *type = json_object_get(value, "type");
    if (type == NULL) {
        bool box = json_object_get(value, "box") != NULL || json_object_get(value, "bbox") != NULL;
        a->kind = json_object_get(value, "rotated") != NULL       ? VDT_ANNOTATION_ROTATED
                  : json_object_get(value, "mask") != NULL        ? VDT_ANNOTATION_MASK
                  : json_object_get(value, "coordinates") != NULL ? VDT_ANNOTATION_POLYGON
                  : box                                           ? VDT_ANNOTATION_BOX
                                                                  : VDT_ANNOTATION_LABEL;
        return true;
    }
    for (int kind = VDT_ANNOTATION_LABEL; json_is_string(type) && kind <= VDT_ANNOTATION_POINT;
         kind++)
        if (strcmp(json_string_value(type),
                   vdt_annotation_kind_name((enum vdt_annotation_kind)kind)) == 0) {
            a->kind = (enum vdt_annotation_kind)kind;
            return true;
        }
    return wrong(why, "\"type\" is not label, box, rotated, polygon, mask, line or point");
}

/* "box" has corners; "bbox", x, y, width and height, says the same to the last bit. */
static bool parse_box(const json_t *value, struct vdt_annotation *a, char *why)
{
    const json_t *corners = json_object_get(value, "box"), *exact = json_object_get(value, "bbox");
    double box[4];
    if (exact != NULL)
        return parse_numbers(exact, "bbox", a->box, 4, why);
    if (corners == NULL)
        return wrong(why, "a box without \"box\"");
    if (!parse_numbers(corners, "box", box, 4, why))
        return false;
    a->box[0] = box[0];
    a->box[1] = box[1];
    a->box[2] = box[2] - box[0];
    a->box[3] = box[3] - box[1];
    return true;
}

static bool parse_geometry(const json_t *value, struct vdt_record_room *room,
                           struct vdt_annotation *a, char *why)
{
    const json_t *box = json_object_get(value, "bbox");
    const char *needs = a->kind == VDT_ANNOTATION_ROTATED ? "rotated"
                        : a->kind == VDT_ANNOTATION_MASK  ? "mask"
                                                          : "coordinates";
    if (a->kind == VDT_ANNOTATION_LABEL)
        return true;
    if (a->kind == VDT_ANNOTATION_BOX)
        return parse_box(value, a, why);
    a->box_given = box != NULL;
    if (box != NULL && !parse_numbers(box, "bbox", a->box, 4, why))
        return false;
    const json_t *geometry = json_object_get(value, needs);
    if (geometry == NULL)
        return wrong(why, "a %s without \"%s\"", vdt_annotation_kind_name(a->kind), needs);
    if (a->kind == VDT_ANNOTATION_ROTATED)
        return parse_numbers(geometry, needs, a->rotated, 5, why);
    return a->kind == VDT_ANNOTATION_MASK ? vdt_record_parse_mask(geometry, room, a, why)
                                          : parse_coordinates(geometry, room, a, why);
}

static bool parse_flags(const json_t *flags, struct vdt_annotation *a, char *why)
{
    static const char *const names[] = {"crowd", "ignore", "difficult"};
    for (size_t i = 0; i < json_array_size(flags); i++) {
        const char *text = json_string_value(json_array_get(flags, i));
        int flag = 0;
        while (flag < 3 && (text == NULL || strcmp(text, names[flag]) != 0))
            flag++;
        if (flag == 3)
            return wrong(why, "\"%.40s\" is no flag: crowd, ignore, difficult",
                         text == NULL ? "?" : text);
        a->flags |= UINT32_C(1) << flag;
    }
    return flags == NULL || json_is_array(flags) || wrong(why, "\"flags\" is no list");
}

static bool parse_metadata(const json_t *metadata, struct vdt_record_room *room,
                           struct vdt_annotation *a, char *why)
{
    free(room->metadata);
    room->metadata = NULL;
    a->metadata = NULL;
    if (metadata == NULL || json_is_null(metadata))
        return true;
    if (!json_is_object(metadata))
        return wrong(why, "\"metadata\" is no object");
    if (json_object_size(metadata) == 0)
        return true;
    room->metadata = vdt_json_text(metadata);
    a->metadata = room->metadata;
    return room->metadata != NULL || no_memory(why);
}

static bool parse_text(const json_t *value, const char *name, const char **text, char *why)
{
    const json_t *member = json_object_get(value, name);
    *text = json_string_value(member);
    return member == NULL || *text != NULL || wrong(why, "\"%s\" is no text", name);
}

static bool parse_size(const json_t *value, const char *name, uint32_t *size, char *why)
{
    const json_t *member = json_object_get(value, name);
    json_int_t number = json_integer_value(member);
    *size = (uint32_t)number;
    return member == NULL || (json_is_integer(member) && number >= 0 && number <= INT32_MAX) ||
           wrong(why, "\"%s\" is no size", name);
}

static bool parse_code(const json_t *value, int64_t *code, char *why)
{
    const json_t *member = json_object_get(value, "code");
    *code = member == NULL ? INT64_MIN : json_integer_value(member);
    return member == NULL || (json_is_integer(member) && *code != INT64_MIN) ||
           wrong(why, "\"code\" is no whole number");
}

/* {"category": {KEY: VALUE}, "code": N} */
static bool parse_category(const json_t *value, struct vdt_record_room *room,
                           struct vdt_json_record *record, char *why)
{
    const json_t *category = json_object_get(value, "category");
    if (json_object_size(category) != 1 || json_object_size(value) != 2 ||
        json_object_get(value, "code") == NULL)
        return wrong(why, "\"category\" is no object of one key and value with a \"code\"");
    if (!parse_labels(category, room, why) || !parse_code(value, &record->code, why))
        return false;
    record->is_category = true;
    record->a.labels = room->labels;
    record->a.label_count = room->label_count;
    record->a.kind = VDT_ANNOTATION_LABEL;
    return room->label_count == 1 || wrong(why, "\"category\" has no value, or several");
}

/* An object without anything of an annotation is about its sample. */
static bool parse_sample(const json_t *value, struct vdt_record_room *room,
                         struct vdt_json_record *record, char *why)
{
    const json_t *annotated = json_object_get(value, "annotated");
    record->is_sample = true;
    record->annotated = annotated == NULL || json_is_true(annotated);
    return parse_code(value, &record->code, why) && parse_size(value, "rows", &record->rows, why) &&
           parse_size(value, "cols", &record->cols, why) &&
           parse_metadata(json_object_get(value, "metadata"), room, &record->a, why);
}

bool vdt_record_parse(const json_t *value, struct vdt_record_room *room,
                      struct vdt_json_record *record, char why[VDT_ANNOTATION_WHY])
{
    struct vdt_annotation *a = &record->a;
    const char *label = NULL;
    *record = (struct vdt_json_record){0};
    for (size_t i = 0; i < room->text_count; i++)
        free(room->texts[i]);
    room->text_count = room->label_count = 0;
    room->point_count = room->ring_count = room->part_count = room->count_count = 0;
    a->area = NAN;
    record->code = INT64_MIN;
    if (!json_is_object(value))
        return wrong(why, "no JSON object");
    if (json_object_get(value, "category") != NULL)
        return parse_category(value, room, record, why);
    if (!known_members(value, why) || !parse_text(value, "sample", &record->sample, why) ||
        !parse_text(value, "id", &a->id, why) || !parse_kind(value, a, why))
        return false;
    const json_t *labels = json_object_get(value, "labels"), *area = json_object_get(value, "area");
    bool bare = a->kind == VDT_ANNOTATION_LABEL && labels == NULL && a->id == NULL &&
                json_object_get(value, "label") == NULL && json_object_get(value, "type") == NULL;
    if (bare)
        return parse_sample(value, room, record, why);
    if ((labels != NULL && !parse_labels(labels, room, why)) ||
        !parse_text(value, "label", &label, why) ||
        (label != NULL && !add_label(room, "class", label, NAN, why)) ||
        !parse_score(json_object_get(value, "score"), room, why) ||
        !parse_geometry(value, room, a, why) ||
        !parse_flags(json_object_get(value, "flags"), a, why) ||
        !parse_metadata(json_object_get(value, "metadata"), room, a, why))
        return false;
    if (area != NULL && !json_is_number(area))
        return wrong(why, "\"area\" is no number");
    if (json_object_get(value, "code") != NULL)
        return wrong(why, "\"code\" is of samples and categories, not of an annotation");
    a->area_given = area != NULL;
    a->area = area == NULL ? NAN : json_number_value(area);
    a->labels = room->labels;
    a->label_count = room->label_count;
    return true;
}
