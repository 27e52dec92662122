/* An open run, inside. */
#ifndef ANNOTATE_RUN_STATE_H
#define ANNOTATE_RUN_STATE_H

#include <vedatile/annotations.h>
#include <vedatile/run.h>

#include "annotate/records/texts.h"
#include "annotate/runs/run_log.h"
#include "annotate/runs/run_record.h"
#include "base/json.h"

/* Flat: what is predicted on it stays in the log. */
struct vdt_run_place {
    uint64_t last;   /* the head of its newest record; 0: none */
    uint32_t logged; /* its number in the log + 1; 0: not there yet */
    uint32_t rows, cols;
    uint32_t count; /* annotations */
    uint32_t has;   /* enum vdt_run_content bits */
    bool predicted;
    bool vanished; /* in the log, and not in the store as it is now */
};

struct vdt_run {
    char *path;       /* of the committed run to be */
    json_t *header;   /* as in the log */
    char *store_uuid; /* "" for a free run */
    bool fixed;       /* samples are known from the beginning */
    bool any_class, softmax;
    bool committed; /* by this one */
    struct vdt_run_log log;
    struct vdt_texts references; /* by sample */
    struct vdt_run_place *places;
    size_t place_room;
    uint32_t *logged; /* [logged_count] sample by its number in the log */
    size_t logged_room;
    uint32_t logged_count;
    struct vdt_texts classes;
    uint32_t classes_logged; /* of them, those that the log has */
    uint64_t vanished;
    char *model_text, *metadata_text; /* lent by vdt_run_get_info */
};

/* STORE.runs/NAME.open beside NAME.h5; owned, NULL: memory is out. */
char *vdt_run_log_path(const char *path);
/* VDT_ERR_NOT_FOUND with the names of the runs that there are; store NULL: a run of no store. */
vdt_status vdt_run_not_found(const char *store, const char *path, const char *run,
                             struct vdt_error *error);
/* "run NAME" for messages. */
const char *vdt_run_name(const struct vdt_run *run);

/* VDT_ERR_DENIED once the run is committed. */
vdt_status vdt_run_open_check(const struct vdt_run *run, struct vdt_error *error);
/* Is a committed run in the way? VDT_ERR_DENIED names it. */
vdt_status vdt_run_denied(const char *path, struct vdt_error *error);

/* A sample of the run; VDT_NO_TEXT: memory is out. */
uint32_t vdt_run_place_add(struct vdt_run *run, const char *reference, uint32_t rows,
                           uint32_t cols);
/* Reads all of the log: header, samples, classes, and what samples have. Samples that are known
 * (of a store) keep their place. */
vdt_status vdt_run_replay(struct vdt_run *run, struct vdt_error *error);

/* --- what a sample has, of all that the log says of it ------------------------------------------
 */

/* One annotation, where it is in the log. */
struct vdt_run_live {
    const unsigned char *at; /* an item, a struct vdt_run_box, or doubles */
    uint32_t left;           /* bytes from there to the end of its record */
    uint32_t type;           /* of the record */
    uint32_t has;            /* one of enum vdt_run_content */
};

struct vdt_run_view {
    struct vdt_run_live *items; /* [count] in the order of adding */
    size_t count, room;
    const struct vdt_run_raster_head *raster; /* NULL: none */
    uint64_t *records;                        /* scratch */
    size_t record_room;
};

/* Replaces what *view has. The log has to be mapped. */
vdt_status vdt_run_resolve(const struct vdt_run *run, uint32_t sample, struct vdt_run_view *view,
                           struct vdt_error *error);
void vdt_run_view_clear(struct vdt_run_view *view);
/* The id of an annotation; NULL: none. */
const char *vdt_run_live_id(const struct vdt_run_live *live);

/* Its annotation: pointers into the log and into labels. */
struct vdt_run_labels {
    struct vdt_label *labels;
    size_t room;
};
vdt_status vdt_run_live_read(const struct vdt_run *run, const struct vdt_run_live *live,
                             struct vdt_run_labels *labels, struct vdt_annotation *annotation,
                             struct vdt_error *error);

/* The text of a header's member; "" when it has none. */
const char *vdt_run_header_text(const json_t *header, const char *name);

#endif
