/* Text of a file that is in memory: from some byte on, and more when it is asked for. */
#ifndef ANNOTATE_COCO_WINDOW_H
#define ANNOTATE_COCO_WINDOW_H

#include <vedatile/error.h>

#include "annotate/coco/coco_text.h"

enum { VDT_COCO_LONGEST = 1 << 29 /* bytes of one record */ };

struct vdt_coco_file {
    const char *path; /* borrowed */
    int fd;
    uint64_t size;
};

struct vdt_coco_window {
    const struct vdt_coco_file *file; /* borrowed */
    char *data;                       /* owned */
    size_t capacity;                  /* of text; more is allocated */
    uint64_t offset;                  /* of data[0] in the file */
    bool ended;                       /* the text reaches to the file's end */
    struct vdt_coco_text text;
    struct vdt_error error; /* of a read that failed; the text's problem is then set */
};

/* False when memory is out. Cleared by vdt_coco_window_clear either way. */
bool vdt_coco_window_open(struct vdt_coco_window *window, const struct vdt_coco_file *file,
                          size_t capacity);
void vdt_coco_window_clear(struct vdt_coco_window *window);

/* Reads from a byte of the file on. False with a problem. */
bool vdt_coco_window_place(struct vdt_coco_window *window, uint64_t offset);

/* After vdt_coco_cut_short: keeps the text from `keep` on and reads on behind it; `text.at` is then
 * where `keep` was. False where there is no more, or with another problem. */
bool vdt_coco_window_more(struct vdt_coco_window *window, const char *keep);

/* The byte of the file that is next. */
static inline uint64_t vdt_coco_window_at(const struct vdt_coco_window *window)
{
    return window->offset + (uint64_t)(window->text.at - window->data);
}

#endif
