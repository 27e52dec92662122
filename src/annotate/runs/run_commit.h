/* From an open run to columns. */
#ifndef ANNOTATE_RUN_COMMIT_H
#define ANNOTATE_RUN_COMMIT_H

#include "annotate/records/records.h"
#include "annotate/runs/run_state.h"

/* All annotations, sorted by label, sample, score falling and order of adding. Labels of the key
 * "class" come first, in the order of the classes. *records is empty before. */
vdt_status vdt_run_gather(struct vdt_run *run, struct vdt_record_columns *records,
                          vdt_progress_fn progress, void *payload, struct vdt_error *error);

/* The class rasters: columns "rasters/...". */
vdt_status vdt_run_write_rasters(struct vdt_run *run, struct vdt_table_writer *writer,
                                 struct vdt_error *error);

#endif
