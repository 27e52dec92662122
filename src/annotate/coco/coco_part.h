/* Records of a COCO file as columns: those of a part of the file, or of all of it. */
#ifndef ANNOTATE_COCO_PART_H
#define ANNOTATE_COCO_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum vdt_coco_column {
    /* One element a record. The ends are those of its values in other columns, counted over all
     * records. */
    VDT_COCO_ID,          /* int64_t */
    VDT_COCO_IMAGE_ID,    /* int64_t */
    VDT_COCO_CATEGORY_ID, /* int64_t */
    VDT_COCO_BOX,         /* double[4] */
    VDT_COCO_AREA,        /* double */
    VDT_COCO_SCORE,       /* double */
    VDT_COCO_CROWD,       /* uint8_t */
    VDT_COCO_IGNORE,      /* uint8_t */
    VDT_COCO_SHAPE,       /* uint8_t */
    VDT_COCO_SIZE,        /* uint32_t[2]: rows, cols */
    VDT_COCO_COUNT_END,   /* uint64_t */
    VDT_COCO_RING_END,    /* uint64_t */
    VDT_COCO_TEXT_END,    /* uint64_t */
    VDT_COCO_RECORD_COLUMNS,
    /* Any number of elements a record. */
    VDT_COCO_COUNTS = VDT_COCO_RECORD_COLUMNS, /* uint32_t */
    VDT_COCO_POINT_END,                        /* uint64_t, one a ring */
    VDT_COCO_POINTS,                           /* double[2] */
    VDT_COCO_TEXT,                             /* char: names, or attributes */
    VDT_COCO_COLUMNS
};

/* Sets of columns: bits. */
enum {
    VDT_COCO_NAMED = 1 << VDT_COCO_ID | 1 << VDT_COCO_SIZE | 1 << VDT_COCO_TEXT_END,
    VDT_COCO_FOUND = 1 << VDT_COCO_IMAGE_ID | 1 << VDT_COCO_CATEGORY_ID | 1 << VDT_COCO_BOX |
                     1 << VDT_COCO_SCORE,
    VDT_COCO_LABELLED = 1 << VDT_COCO_ID | 1 << VDT_COCO_IMAGE_ID | 1 << VDT_COCO_CATEGORY_ID |
                        1 << VDT_COCO_BOX | 1 << VDT_COCO_AREA | 1 << VDT_COCO_CROWD |
                        1 << VDT_COCO_IGNORE,
    VDT_COCO_SHAPES =
        1 << VDT_COCO_SHAPE | 1 << VDT_COCO_SIZE | 1 << VDT_COCO_COUNT_END | 1 << VDT_COCO_RING_END,
    VDT_COCO_ATTRIBUTES = 1 << VDT_COCO_TEXT_END
};

/* {.wanted = ...} is empty. */
struct vdt_coco_part {
    uint32_t wanted; /* of the columns of records */
    size_t records;
    struct {
        void *data;
        size_t count, capacity;
    } column[VDT_COCO_COLUMNS];
};

void vdt_coco_part_clear(struct vdt_coco_part *part);

static inline bool vdt_coco_wants(const struct vdt_coco_part *part, enum vdt_coco_column column)
{
    return (part->wanted >> column & 1) != 0;
}

/* Room for `more` elements behind those that are there. False when memory is out. */
bool vdt_coco_part_grow(struct vdt_coco_part *part, enum vdt_coco_column column, size_t more);

static inline bool vdt_coco_part_room(struct vdt_coco_part *part, enum vdt_coco_column column,
                                      size_t more)
{
    return part->column[column].capacity - part->column[column].count >= more ||
           vdt_coco_part_grow(part, column, more);
}

/* Cuts what belongs to records from `records` on. */
void vdt_coco_part_cut(struct vdt_coco_part *part, size_t records);

/* Adds all records of another part with the same columns. */
bool vdt_coco_part_append(struct vdt_coco_part *part, const struct vdt_coco_part *more);

/* Asks for room for `times` parts like `like`: memory that is not used costs none. */
void vdt_coco_part_expect(struct vdt_coco_part *part, const struct vdt_coco_part *like,
                          double times);

/* Puts a 0 before the ends, which makes them offsets. Once, when all records are there. */
bool vdt_coco_part_offsets(struct vdt_coco_part *part);

#endif
