/* Annotations as columns: in memory as they are in files (schemas/annotations.md), so that a file
 * is read into them without looking at records one by one. Rows are only ever appended; a row that
 * was replaced or removed is dead until the records are written. */
#ifndef ANNOTATE_RECORDS_H
#define ANNOTATE_RECORDS_H

#include <vedatile/annotations.h>

#include "annotate/records/strings.h"
#include "store/table_file.h"

/* In the column of flags, beside those of the caller: the box is the caller's. */
enum { VDT_RECORD_BOX_GIVEN = 128 };

/* {0} is empty. A column that no row needs is NULL. Offsets have one entry more than rows. */
struct vdt_record_columns {
    uint64_t count;
    size_t capacity; /* rows that the columns which are there have room for */
    uint32_t *sample;
    uint8_t *kind;
    uint8_t *flags;              /* NULL: none */
    double (*box)[4];            /* x, y, width, height: tight bounds */
    double *area;                /* as given; NaN: of the shape; NULL: all are of the shape */
    uint64_t *number;            /* NULL: the row */
    struct vdt_strings ids;      /* one each, or none at all: then "#" and the number */
    struct vdt_strings metadata; /* one each, "" for {}; or none at all */
    uint8_t *dead;               /* NULL: none; never in files */
    uint64_t dead_count;

    /* Label i of the row r: label_offsets[r] <= i < label_offsets[r + 1]; NULL: one each. */
    uint64_t *label_offsets;
    size_t label_offset_capacity;
    uint32_t *label; /* into the table of labels */
    double *score;   /* NaN: none; NULL: none has */
    size_t label_count, label_capacity;

    double (*rotated)[5]; /* zeros for other kinds; NULL: none */

    uint64_t *shape_offsets; /* [count + 1] into parts; NULL: no outlines, lines, points */
    uint64_t *part_offsets;  /* [part_count + 1] into rings */
    uint64_t *ring_offsets;  /* [ring_count + 1] into points */
    double (*points)[2];
    size_t part_count, part_capacity, ring_count, ring_capacity, point_count, point_capacity;

    uint64_t *count_offsets; /* [count + 1] into counts; NULL: no masks */
    uint32_t *counts;
    uint32_t (*size)[2]; /* rows, cols; zeros for other kinds */
    size_t run_count, run_capacity;

    /* The table of labels: key NUL value. `code` is the caller's number of it, INT64_MIN: none. */
    struct vdt_strings labels;
    int64_t *codes;
    size_t code_capacity;
};

void vdt_record_columns_clear(struct vdt_record_columns *records);

/* The number of a label, which is added when it is new. NULL key: "class". False: memory is out. */
bool vdt_record_columns_label(struct vdt_record_columns *records, const char *key,
                              const char *value, int64_t code, uint32_t *label);
static inline const char *vdt_record_columns_key(const struct vdt_record_columns *records,
                                                 uint32_t label)
{
    return vdt_strings_at(&records->labels, label);
}
const char *vdt_record_columns_value(const struct vdt_record_columns *records, uint32_t label);

/* Appends a row: a->number and a->box are taken as they are, a->id NULL for none (of all rows). On
 * failure (memory) the records are as before. */
bool vdt_record_columns_add(struct vdt_record_columns *records, const struct vdt_annotation *a);

/* Appends the rows order[0 .. count) of `from`, whose labels become those of `records`. */
bool vdt_record_columns_copy(struct vdt_record_columns *records,
                             const struct vdt_record_columns *from, const uint64_t *order,
                             uint64_t count);

/* Fills everything but labels, area of the shape and id where there are none (NULL). */
void vdt_record_columns_get(const struct vdt_record_columns *records, uint64_t row,
                            struct vdt_annotation *a);
static inline uint64_t vdt_record_columns_number(const struct vdt_record_columns *records,
                                                 uint64_t row)
{
    return records->number == NULL ? row : records->number[row];
}
static inline uint64_t vdt_record_columns_first_label(const struct vdt_record_columns *records,
                                                      uint64_t row)
{
    return records->label_offsets == NULL ? row : records->label_offsets[row];
}
static inline bool vdt_record_columns_alive(const struct vdt_record_columns *records, uint64_t row)
{
    return records->dead == NULL || !records->dead[row];
}
bool vdt_record_columns_kill(struct vdt_record_columns *records, uint64_t row);

/* Columns "annotations/..." and "labels/..." of a file. Written without dead rows: there are none.
 */
vdt_status vdt_record_columns_write(const struct vdt_record_columns *records,
                                    struct vdt_table_writer *writer, struct vdt_error *error);
/* Everything is checked as vdt_record_columns_check has it. *records is empty before. */
vdt_status vdt_record_columns_read(struct vdt_record_columns *records, struct vdt_table_file *table,
                                   uint64_t samples, struct vdt_error *error);
/* Of columns whose offsets hold together: what each row needs is there, samples are below
 * `samples`, and numbers are such as vdt_annotation_check lets in. `path` is for messages. */
vdt_status vdt_record_columns_check(const struct vdt_record_columns *records, uint64_t samples,
                                    const char *path, struct vdt_error *error);

/* "PREFIX_text" and "PREFIX_offsets"; written when there is a text. */
vdt_status vdt_strings_write(const struct vdt_strings *strings, const char *prefix,
                             struct vdt_table_writer *writer, struct vdt_error *error);
/* `count` texts, or none when they may be missing; UINT64_MAX: any number. Each is UTF-8, in
 * `parts` parts with a NUL between them. */
vdt_status vdt_strings_read(struct vdt_strings *strings, const char *prefix, uint64_t count,
                            unsigned parts, bool optional, struct vdt_table_file *table,
                            struct vdt_error *error);

#endif
