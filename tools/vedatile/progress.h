/* How far a long command is: a bar for a person, lines of JSON for a program, or nothing. */
#ifndef TOOL_PROGRESS_H
#define TOOL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

enum progress_mode { PROGRESS_AUTO = 0, PROGRESS_JSON, PROGRESS_NONE };

/* For an option table: the names of the modes, in their order, ending with NULL. */
extern const char *const progress_modes[];

struct progress {
    bool bar;
    bool json;
    bool drawn;
    bool pending; /* the last update was not shown */
    const char *unit;
    const char *step; /* what is being done; borrowed; NULL: there is one step only */
    double started;   /* seconds of the monotonic clock; 0 before the first update */
    double shown;
    uint64_t first; /* `done` at the first update */
    uint64_t last;  /* `done` when last shown */
    double rate;    /* units/s, smoothed over a few seconds */
    double weight;  /* of the samples in `rate`, towards 1 */
    uint64_t done;
    uint64_t total;
};

/* `unit` is a plural such as "tiles"; borrowed. "bytes" are shown as MB and so on. AUTO is a bar
 * when stderr is a terminal. */
struct progress progress_start(enum progress_mode mode, const char *unit);

/* A vdt_progress_fn whose payload is a struct progress. False once Ctrl-C was pressed. */
bool progress_update(uint64_t done, uint64_t total, void *payload);

/* Another step begins, whose counts begin at 0; `step` is borrowed. */
void progress_step(struct progress *progress, const char *step);

/* Takes the bar off the terminal, or writes the last JSON line. */
void progress_finish(struct progress *progress);

/* Seconds of the monotonic clock. */
double clock_seconds(void);

#endif
