/* One annotation as JSON (schemas/annotation.schema.json), the same in files of lines, in REST and
 * in Python. */
#ifndef ANNOTATE_RECORD_JSON_H
#define ANNOTATE_RECORD_JSON_H

#include <vedatile/annotations.h>

#include "annotate/records/check.h"
#include "base/json.h"

struct vdt_masks;

/* Memory of what is parsed, used again; {0} is empty. */
struct vdt_record_room {
    struct vdt_label *labels;
    size_t label_count, label_capacity;
    char **texts; /* of values that are numbers */
    size_t text_count, text_capacity;
    double (*points)[2];
    size_t point_count, point_capacity;
    uint64_t *rings, *parts;
    size_t ring_count, ring_capacity, part_count, part_capacity;
    uint32_t *counts;
    size_t count_count, count_capacity;
    struct vdt_masks *masks;
    unsigned char *bytes; /* of a PNG, then its pixels */
    char *metadata;
};
void vdt_record_room_clear(struct vdt_record_room *room);

/* What a JSON object says. */
struct vdt_json_record {
    const char *sample;      /* reference; NULL: the object has none */
    bool is_sample;          /* no annotation: about the sample itself */
    bool annotated;          /* then: it was looked at */
    uint32_t rows, cols;     /* then: 0: not said */
    int64_t code;            /* then: its number; INT64_MIN: not said */
    bool is_category;        /* about a value of a key, a.labels[0], and its `code`; no sample */
    struct vdt_annotation a; /* a.sample is not set; a sample's metadata are a.metadata */
};

/* Fills *record, which borrows from `value` and `room` until the next call. False, and why, for
 * what is no annotation; whether the annotation can be is for vdt_annotation_check. */
bool vdt_record_parse(const json_t *value, struct vdt_record_room *room,
                      struct vdt_json_record *record, char why[VDT_ANNOTATION_WHY]);

/* New reference; NULL: memory is out. `sample` NULL: without. a->labels must be set. */
json_t *vdt_record_json(const struct vdt_annotation *a, const char *sample);

/* The sample itself: {"sample", "rows", "cols", "code", "metadata", "annotated"}. */
json_t *vdt_sample_json(const struct vdt_annotated_sample *sample);

/* A value of a key and its number: {"category": {KEY: VALUE}, "code"}. */
json_t *vdt_category_json(const char *key, const char *value, int64_t code);

#endif
