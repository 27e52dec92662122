/* The samples of a store as an inspection found them: checked, and kept in a file without a name so
 * that a million of them take no memory. */
#ifndef SERVER_DRAW_RECORDS_H
#define SERVER_DRAW_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vedatile/store.h>

enum {
    VDT_RECORD_METADATA = 1 << 16, /* longer metadata stays in the store only */
    VDT_RECORD_CLASSES = 1 << 16,
    VDT_RECORD_PLACES = 1 << 12 /* boxes in more pieces than that are not noted */
};

/* A class that a sample has. `count`: boxes of it; 1 where only the one-hot vector says so; pixels
 * of the mask where there is nothing else. */
struct vdt_record_class {
    uint32_t id;
    uint32_t count;
};

/* Where stored bytes of a sample lie in the store. `array` is an enum vdt_array. */
struct vdt_record_place {
    uint64_t address;
    uint32_t size;
    uint32_t array;
};

/* One sample. Pointers are good until the next call. */
struct vdt_record_row {
    const char *group;
    uint64_t position;        /* in the group */
    struct vdt_sample sample; /* key, scene, crs, window, geotransform, bounds, valid_fraction,
                                 weight and metadata (NULL: longer than VDT_RECORD_METADATA) */
    uint32_t image_crc, label_crc;
    uint64_t boxes;
    bool has_time;
    int64_t time;                           /* of its scene, microseconds UTC since 1970 */
    const struct vdt_record_class *classes; /* rising ids */
    size_t class_count;
    const struct vdt_record_place *places; /* tile arrays and boxes, pieces of one in order */
    size_t place_count;
    uint64_t digest; /* the same for rows of two versions of an entry: nothing of it changed */
};

struct vdt_records;

/* Starts over at the first. */
void vdt_records_rewind(struct vdt_records *records);

/* The next, in the order of groups (by name) and positions; VDT_END after the last. One thread. */
vdt_status vdt_records_next(struct vdt_records *records, struct vdt_record_row *row,
                            struct vdt_error *error);

void vdt_records_free(struct vdt_records *records); /* accepts NULL */

#endif
