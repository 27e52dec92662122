/* What the records of an open run's log mean (schemas/runs.md), and annotations as bytes. */
#ifndef ANNOTATE_RUN_RECORD_H
#define ANNOTATE_RUN_RECORD_H

#include <vedatile/annotations.h>

#include "annotate/runs/run_log.h"

enum vdt_run_record {
    VDT_RUN_HEADER = 1, /* JSON text: what the run is */
    VDT_RUN_METADATA,   /* JSON text: the run's metadata from here on */
    VDT_RUN_SAMPLE,     /* rows, cols, reference: the next sample that records name */
    VDT_RUN_CLASS,      /* text: the next class */
    /* those of one sample begin with struct vdt_run_block */
    VDT_RUN_ITEMS,  /* annotations */
    VDT_RUN_BOXES,  /* struct vdt_run_box, each an annotation without an id */
    VDT_RUN_SCORES, /* doubles: a score for each class, one annotation without an id */
    VDT_RUN_RASTER, /* struct vdt_run_raster_head and LZ4 bytes */
    VDT_RUN_MARK,   /* predicted */
    VDT_RUN_DROP    /* text: an id; empty: all of the sample */
};

/* What a block brings, and what a sample has. Without ids each is replaced as a whole. */
enum vdt_run_content {
    VDT_RUN_HAS_IDS = 1,
    VDT_RUN_HAS_SHAPES = 2, /* without ids */
    VDT_RUN_HAS_LABELS = 4, /* of the sample as a whole, without ids */
    VDT_RUN_HAS_RASTER = 8
};

struct vdt_run_block {
    uint32_t sample;   /* by the order of VDT_RUN_SAMPLE records */
    uint32_t mode;     /* enum vdt_run_mode */
    uint32_t count;    /* annotations */
    uint32_t has;      /* enum vdt_run_content bits */
    uint64_t digest;   /* of what follows: equal content is known again */
    uint64_t previous; /* where the head of the sample's record before this one is; 0: none */
};

struct vdt_run_box {
    double box[4]; /* x, y, width, height */
    double score;
    uint32_t class_id;
    uint32_t zero;
};

struct vdt_run_raster_head {
    uint32_t dtype;
    uint32_t rows, cols;
    uint32_t stored; /* bytes that follow */
};

struct vdt_run_sample_head {
    uint32_t rows, cols; /* 0: not known; the reference follows */
};

/* Appends an annotation; its sample is not in the bytes. False: memory is out. */
bool vdt_run_encode(const struct vdt_annotation *annotation, struct vdt_buffer *bytes);

/* The annotation at the beginning of `left` bytes: its pointers are into the bytes but for labels,
 * which are put into *labels ([*label_room], grown). *size is what it takes. VDT_ERR_FORMAT for
 * bytes that are none. `bytes` is at a multiple of 8. */
vdt_status vdt_run_decode(const unsigned char *bytes, size_t left, const char *what,
                          struct vdt_annotation *annotation, struct vdt_label **labels,
                          size_t *label_room, size_t *size, struct vdt_error *error);

/* Of the annotation there: its size, 0 when it is damaged, and its id, NULL for none. */
uint32_t vdt_run_item_size(const unsigned char *bytes, size_t left, uint32_t *kind);
const char *vdt_run_item_id(const unsigned char *bytes, size_t left);

#endif
