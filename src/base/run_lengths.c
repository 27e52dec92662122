/* COCO's compressed run lengths. */
#include "base/run_lengths.h"

/* Five bits a letter, the lowest first; from the fourth run on the difference to the run before the
 * last. */
bool vdt_run_lengths_next(struct vdt_run_lengths *runs, int64_t *run)
{
    int64_t value = 0;
    int shift = 0;
    const char *at = runs->at;
    for (;; shift += 5) {
        int letter = *at - 48;
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
