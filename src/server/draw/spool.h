/* Records on their way from a worker into the file that keeps them. Private to draw/. */
#ifndef SERVER_DRAW_SPOOL_H
#define SERVER_DRAW_SPOOL_H

#include "base/json.h"
#include "server/draw/records.h"

/* What records are compared with. All borrowed for as long as the spool is used. */
struct vdt_spool_rules {
    uint64_t store_size;
    size_t class_count;
    size_t scene_count;
    const uint64_t *scene_hashes; /* [scene_count] */
    const bool *scene_timed;
    const int64_t *scene_times;
    size_t crs_count;
    const uint64_t *crs_hashes;
};

/* An empty file without a name in `folder`. */
vdt_status vdt_records_create(const char *folder, struct vdt_records **records,
                              struct vdt_error *error);

/* Rows that follow are of this group; names rise. */
vdt_status vdt_records_group(struct vdt_records *records, const char *name, size_t size,
                             struct vdt_error *error);

/* Whole rows, as they came. VDT_ERR_FORMAT for what no sample can be. */
vdt_status vdt_records_add(struct vdt_records *records, const struct vdt_spool_rules *rules,
                           const void *rows, size_t size, struct vdt_error *error);

/* Writes what is left; the rules are not needed any more. */
vdt_status vdt_records_end(struct vdt_records *records, struct vdt_error *error);

uint64_t vdt_records_count(const struct vdt_records *records);
/* Rows of a group; 0 for one that is not there. */
uint64_t vdt_records_of_group(const struct vdt_records *records, const char *name);

#endif
