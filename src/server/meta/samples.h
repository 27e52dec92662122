/* The samples of all versions of all entries, as rows. */
#ifndef SERVER_META_SAMPLES_H
#define SERVER_META_SAMPLES_H

#include "server/draw/inspect.h"
#include "server/meta/db.h"

/* What a new version does to the rows. */
struct vdt_samples_change {
    uint64_t kept, added, removed; /* a sample that changed is removed and added */
};

/* Makes the inspected samples those of `version`, which is newer than all that the entry has,
 * within the session that commits it: rows that are as they were stay, others end with this version
 * or begin with it. `change` may be NULL. */
vdt_status vdt_samples_update(struct vdt_session *session, int64_t entry, int64_t version,
                              const struct vdt_inspection *inspection,
                              struct vdt_samples_change *change, struct vdt_error *error);

/* A row; owns its memory. */
struct vdt_sample_row {
    int64_t id;
    char key[VDT_KEY_SIZE];
    char group[64];
    int64_t position;
    int64_t since, until; /* 0: still there */
    int64_t digest;       /* of all that the row says */
    double bounds[4];     /* NaN: unknown */
    bool has_time;
    int64_t time;
    char *scene;
    char *crs; /* "EPSG:n", or "" */
    int64_t crs_index;
    bool placed;
    double geotransform[6]; /* zeros: not placed */
    struct vdt_window window;
    int64_t boxes;
    char *classes; /* JSON */
    uint32_t image_crc, label_crc;
    double valid_fraction;
    char *metadata; /* JSON; NULL: in the store only */
    struct vdt_record_place *places;
    size_t place_count;
};
void vdt_sample_row_clear(struct vdt_sample_row *row);

/* Which samples of one version, in the order of groups and positions. Zero: all of them. */
struct vdt_samples_query {
    int64_t entry, version;
    const char *group, *class_name; /* NULL: any */
    const double *bbox; /* west, south, east, north; west > east crosses the antimeridian */
    bool has_from, has_to;
    int64_t from, to;        /* of time, both included */
    const char *after_group; /* NULL: from the beginning */
    int64_t after_position;
    uint64_t limit;
};

/* Calls `each` for every row until it returns false; the row is borrowed. */
vdt_status vdt_samples_list(struct vdt_session *session, const struct vdt_samples_query *query,
                            bool (*each)(void *payload, const struct vdt_sample_row *row),
                            void *payload, struct vdt_error *error);

/* VDT_ERR_NOT_FOUND names the key. */
vdt_status vdt_sample_find(struct vdt_session *session, int64_t entry, int64_t version,
                           const char *key, struct vdt_sample_row *row, struct vdt_error *error);

#endif
