/* Where runs lie, and what they are called. */
#ifndef ANNOTATE_RUN_FILE_H
#define ANNOTATE_RUN_FILE_H

#include <stdbool.h>
#include <vedatile/run.h>

enum { VDT_RUN_TIME_SIZE = 32 };

bool vdt_run_name_good(const char *name);
/* STORE.runs/NAME.h5; of no store, `run` as it is. Owned. */
vdt_status vdt_run_find_path(const char *store, const char *run, char **path,
                             struct vdt_error *error);
/* Now, ISO 8601 in UTC. */
void vdt_run_time(char text[VDT_RUN_TIME_SIZE]);

/* Records of the log for a class or sample that the run has; the sample gets its number in the log.
 * False: memory is out. */
bool vdt_run_log_class(struct vdt_run *run, uint32_t class_id);
bool vdt_run_log_sample(struct vdt_run *run, uint32_t sample);

#endif
