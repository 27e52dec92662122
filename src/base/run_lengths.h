/* COCO's compressed run lengths (pycocotools, common/maskApi.c) read one by one. No I/O. */
#ifndef BASE_RUN_LENGTHS_H
#define BASE_RUN_LENGTHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* {text} is before the first run. */
struct vdt_run_lengths {
    const char *at; /* borrowed, NUL-terminated */
    size_t count;   /* runs so far */
    int64_t last[2];
};

/* The next run, not below 0. False at the end, where *runs->at is NUL, and for damaged text. */
bool vdt_run_lengths_next(struct vdt_run_lengths *runs, int64_t *run);

#endif
