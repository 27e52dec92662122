/* The log of an open run: batches of records, each batch whole or not there. No meaning of records
 * here: annotate/runs/run_record.h has it. schemas/runs.md has the bytes. */
#ifndef ANNOTATE_RUN_LOG_H
#define ANNOTATE_RUN_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <vedatile/error.h>

#include "base/buffer.h"

/* Before each record; its bytes follow, and zeros up to a multiple of 8. */
struct vdt_run_head {
    uint32_t type;
    uint32_t size; /* bytes that follow, without the zeros */
};

struct vdt_run_log {
    char *path;
    int fd;                  /* locked for as long as it is open */
    uint64_t end;            /* behind the last frame that was written */
    struct vdt_buffer frame; /* being built: room for its header, then records */
    bool batch;              /* between begin and end */
    bool failed;             /* what was written last may not be there: nothing more is taken */
    unsigned char *map;      /* [mapped] the file as far as it was needed */
    uint64_t mapped;
};

/* Makes a log, locked: it is one with the first write. VDT_ERR_EXISTS when there is a log already,
 * VDT_ERR_BUSY when somebody has it open. */
vdt_status vdt_run_log_create(const char *path, struct vdt_run_log *log, struct vdt_error *error);
/* Locks a log and cuts off what is no whole batch. */
vdt_status vdt_run_log_open(const char *path, struct vdt_run_log *log, struct vdt_error *error);
/* Only the lock, so that nobody else has it open. */
vdt_status vdt_run_log_lock(const char *path, struct vdt_run_log *log, struct vdt_error *error);
/* To look, without a lock and without cutting anything: up to the last whole batch. */
vdt_status vdt_run_log_peek(const char *path, struct vdt_run_log *log, struct vdt_error *error);
void vdt_run_log_close(struct vdt_run_log *log);

/* The next record, in order; {0} is before the first. False behind the last, and where records do
 * not fit their frame. */
struct vdt_run_cursor {
    uint64_t at, frame_end;
    uint64_t record; /* where the head of the record is */
};
bool vdt_run_log_next(const struct vdt_run_log *log, struct vdt_run_cursor *cursor,
                      struct vdt_run_head *head);
/* The bytes of the record at a place that vdt_run_log_position or a cursor told, in the map; NULL
 * when there is none. */
const void *vdt_run_log_record(const struct vdt_run_log *log, uint64_t record,
                               struct vdt_run_head *head);

/* Where the next record that is added will be. */
uint64_t vdt_run_log_position(const struct vdt_run_log *log);
/* Adds a record of `size` bytes and returns them, zeros, to be filled before the next call; NULL:
 * memory is out, or it is larger than a record can be. */
void *vdt_run_log_add(struct vdt_run_log *log, uint32_t type, size_t size);
/* Throws away what was added since the last write. */
void vdt_run_log_undo(struct vdt_run_log *log);
/* Writes what was added; outside of a batch it is durable on return. After a failure the log is as
 * before the records were added. */
vdt_status vdt_run_log_write(struct vdt_run_log *log, struct vdt_error *error);
void vdt_run_log_begin(struct vdt_run_log *log);
vdt_status vdt_run_log_end(struct vdt_run_log *log, struct vdt_error *error);

/* Makes all that was written readable at log->map. */
vdt_status vdt_run_log_map(struct vdt_run_log *log, struct vdt_error *error);

#endif
