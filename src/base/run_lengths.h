/* COCO's compressed run lengths (pycocotools, common/maskApi.c) read one by one. No I/O.
 *
 * Five bits a letter, the lowest first, and a bit that says whether more follow; from the fourth
 * run on the difference to the run before the last. */
#ifndef BASE_RUN_LENGTHS_H
#define BASE_RUN_LENGTHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* {text, end} is before the first run. */
struct vdt_run_lengths {
    const char *at;  /* borrowed */
    const char *end; /* one behind the text */
    size_t count;    /* runs so far */
    int64_t last[2];
};

/* The next run, not below 0. False at the end, where runs->at is runs->end, and for damaged text.
 */
static inline bool vdt_run_lengths_next(struct vdt_run_lengths *runs, int64_t *run)
{
    int64_t value = 0;
    int shift = 0;
    const char *at = runs->at;
    for (;; shift += 5) {
        int letter = at < runs->end ? *at - 48 : -1;
        if (letter < 0 || letter > 63 || shift > 30)
            return false;
        at++;
        value |= (int64_t)(letter & 31) << shift;
        if ((letter & 32) != 0)
            continue;
        if ((letter & 16) != 0)
            value -= (int64_t)1 << (shift + 5);
        break;
    }
    if (runs->count > 2)
        value += runs->last[runs->count % 2];
    if (value < 0)
        return false;
    runs->last[runs->count++ % 2] = value;
    runs->at = at;
    *run = value;
    return true;
}

#endif
