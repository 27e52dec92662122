/* A run against the labels of its store, compared by a confined worker. */
#ifndef SERVER_DRAW_EVALUATE_H
#define SERVER_DRAW_EVALUATE_H

#include "base/buffer.h"
#include "server/draw/draw.h"
#include "store/runs.h"

struct vdt_evaluate_job {
    const struct vdt_file_run *store; /* the version's bytes; borrowed, as all here */
    size_t store_runs;
    struct vdt_file_run labels; /* lines of JSON, annotations; size 0: the store's own labels */
    struct vdt_file_run run;    /* the run's file */
    const char *parameters;     /* JSON: options of vdt_evaluate */
    const char *group;          /* that the run is of; NULL: all */
};

enum { VDT_EVALUATION_MOST = 32 << 20 /* bytes of a document */ };

/* Appends the document as the worker wrote it: text that is believed no more than the store.
 * VDT_ERR_BUSY when no worker was free in time, or they were ended. Any thread. */
vdt_status vdt_draw_evaluate(struct vdt_draw *draw, const struct vdt_evaluate_job *job,
                             struct vdt_buffer *document, struct vdt_error *error);

#endif
