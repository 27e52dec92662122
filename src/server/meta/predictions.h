/* Samples of a run's version, and what was predicted on them. */
#ifndef SERVER_META_PREDICTIONS_H
#define SERVER_META_PREDICTIONS_H

#include "server/meta/runs.h"
#include "store/layout.h"

enum vdt_sample_by {
    VDT_BY_REFERENCE, /* the sample's key */
    VDT_BY_INDEX,     /* its place among the run's samples, by group and position, from 0 */
    VDT_BY_NUMBER     /* the catalog's own number of it */
};

struct vdt_meta_run_sample {
    int64_t number, index, position;
    char key[VDT_KEY_SIZE];
    char group[64];
    bool predicted;
};

/* VDT_ERR_NOT_FOUND: the run's version has no such sample in the run's group. VDT_ERR_ARGUMENT: the
 * text is no number where one is wanted. */
vdt_status vdt_meta_run_sample(struct vdt_session *session, const struct vdt_meta_run *run,
                               enum vdt_sample_by by, const char *text,
                               struct vdt_meta_run_sample *sample, struct vdt_error *error);

/* Just its number. VDT_END: there is none. */
vdt_status vdt_meta_run_sample_number(struct vdt_session *session, const struct vdt_meta_run *run,
                                      const char *key, int64_t *number, struct vdt_error *error);

struct vdt_meta_run_samples_query {
    int predicted;           /* 1, 0, or -1: whatever they are */
    const char *after_group; /* NULL: from the beginning */
    int64_t after_position;
    int limit;
};

/* Calls `each` for the run's samples by group and position (their index is not filled). False
 * ends it. */
vdt_status vdt_meta_run_samples(struct vdt_session *session, const struct vdt_meta_run *run,
                                const struct vdt_meta_run_samples_query *query,
                                bool (*each)(void *payload,
                                             const struct vdt_meta_run_sample *sample),
                                void *payload, struct vdt_error *error);

/* What a batch did. */
struct vdt_meta_run_change {
    int64_t processed; /* new */
    int64_t updated;
    int64_t ignored; /* there already */
    int64_t marked;  /* samples that were not predicted before */
    int64_t rasters; /* new */
    int64_t bytes;   /* more than before */
};

/* The sample is predicted. */
vdt_status vdt_meta_run_mark(struct vdt_session *session, int64_t run, int64_t sample,
                             struct vdt_meta_run_change *change, struct vdt_error *error);

/* A prediction of that name on the sample; one that is there is left alone, or replaced for
 * `update`. Marks the sample. */
vdt_status vdt_meta_run_predict(struct vdt_session *session, int64_t run, int64_t sample,
                                const char *name, const char *document, bool update,
                                struct vdt_meta_run_change *change, struct vdt_error *error);

/* Adds a batch's change to the run's own counts. */
vdt_status vdt_meta_run_count(struct vdt_session *session, int64_t run,
                              const struct vdt_meta_run_change *change, struct vdt_error *error);

/* Documents of a sample's predictions in the order in which they came; new reference. */
vdt_status vdt_meta_run_predictions(struct vdt_session *session, int64_t run, int64_t sample,
                                    json_t **list, struct vdt_error *error);

/* Calls `each` for predictions of the run behind the row *after (0: all), in the order in which
 * they came, `limit` at most; *after becomes the last one's. False ends it. */
vdt_status vdt_meta_run_each(struct vdt_session *session, int64_t run, int64_t *after, int limit,
                             bool (*each)(void *payload, int64_t sample, const char *document),
                             void *payload, struct vdt_error *error);

#endif
