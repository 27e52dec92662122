/* One sample of a store with everything it has, in memory. */
#ifndef EXCHANGE_RECORD_H
#define EXCHANGE_RECORD_H

#include <vedatile/store.h>

#include "store/layout.h"

/* Room for one sample, used again for the next; {0} is empty. */
struct vdt_record {
    const char *group;             /* borrowed from the reader */
    uint64_t index;                /* in its group */
    uint64_t first_box;            /* of its boxes, in the group's */
    struct vdt_scene_record scene; /* borrowed */
    const char *crs;               /* WKT2, "" for none; borrowed */
    struct vdt_sample sample;      /* with image, labels, statistics and metadata */
    char name[3 * VDT_KEY_SIZE];   /* the key as the name of files: vdt_file_name */
    struct vdt_record_memory {
        void *image;
        uint8_t *onehot;
        float (*boxes)[4];
        uint16_t *box_class;
        int64_t *box_feature;
        float *box_visible;
        size_t box_capacity;
        void *planes[VDT_TILE_ARRAYS]; /* from VDT_MASK on; NULL: the store has it not */
        struct vdt_band_stats *stats;
        char *metadata;
    } memory;
};

/* Reads a sample of `reader` and compares it with its checksums. A record is for one reader. */
vdt_status vdt_record_read(struct vdt_record *record, const struct vdt_reader *reader, size_t group,
                           uint64_t index, struct vdt_error *error);
void vdt_record_clear(struct vdt_record *record);

/* Makes room for samples of a store; vdt_record_read does so by itself. */
vdt_status vdt_record_reserve(struct vdt_record *record, const struct vdt_store_spec *spec,
                              size_t boxes, struct vdt_error *error);

#endif
