/* One call's records: added to the log together, and what samples have changed only once they are
 * written. */
#ifndef ANNOTATE_RUN_WRITE_H
#define ANNOTATE_RUN_WRITE_H

#include "annotate/runs/run_state.h"

struct vdt_run_change {
    uint32_t sample;
    uint32_t added; /* annotations */
    uint32_t has;
    uint64_t last;
    bool look;      /* something was taken away: what is left has to be counted */
    bool predicted; /* after it */
};

struct vdt_run_call {
    struct vdt_run *run;
    struct vdt_run_change *changes;
    size_t count, room;
    uint32_t logged; /* samples and classes in the log before the call */
    uint32_t classes;
};

/* VDT_ERR_DENIED for a run that is committed. */
vdt_status vdt_run_call_begin(struct vdt_run_call *call, struct vdt_run *run,
                              struct vdt_error *error);
/* Begins a record of a sample; its `size` bytes behind the block are to be filled by the caller. At
 * most one for each sample and call. NULL: memory is out. */
void *vdt_run_call_block(struct vdt_run_call *call, enum vdt_run_record type, uint32_t sample,
                         const struct vdt_run_block *block, size_t size);
/* Writes it all, or on failure (or when `status` is one) nothing. */
vdt_status vdt_run_call_end(struct vdt_run_call *call, vdt_status status, struct vdt_error *error);

/* How content without ids meets what the sample has. */
enum vdt_run_meeting { VDT_RUN_NEW, VDT_RUN_AGAIN, VDT_RUN_OTHER, VDT_RUN_REPLACES };
/* `has`: kinds of content without ids that would come. */
vdt_status vdt_run_meet(struct vdt_run *run, uint32_t sample, uint32_t has, uint64_t digest,
                        enum vdt_run_mode mode, enum vdt_run_meeting *meeting,
                        struct vdt_error *error);
/* VDT_ERR_EXISTS for VDT_RUN_OTHER. */
vdt_status vdt_run_exists(const struct vdt_run *run, uint32_t sample, struct vdt_error *error);

vdt_status vdt_run_sample_check(const struct vdt_run *run, uint32_t sample,
                                struct vdt_error *error);

#endif
