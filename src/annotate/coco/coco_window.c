/* Text of a file that is in memory. */
#include "annotate/coco/coco_window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

bool vdt_coco_window_open(struct vdt_coco_window *window, const struct vdt_coco_file *file,
                          size_t capacity)
{
    *window = (struct vdt_coco_window){.file = file, .capacity = capacity};
    window->data = vdt_allocate(capacity + VDT_COCO_AHEAD, 1);
    if (window->data == NULL)
        return false;
    memset(window->data, 0, VDT_COCO_AHEAD);
    window->text.at = window->text.end = window->data;
    return true;
}

void vdt_coco_window_clear(struct vdt_coco_window *window)
{
    free(window->data);
    vdt_buffer_clear(&window->text.key);
    *window = (struct vdt_coco_window){0};
}

static bool failed(struct vdt_coco_window *window)
{
    window->text.problem = window->error.message;
    return false;
}

/* Reads until the window is full or the file ends. */
static bool fill(struct vdt_coco_window *window)
{
    size_t size = (size_t)(window->text.end - window->data);
    uint64_t end = window->offset + size;
    while (size < window->capacity && end < window->file->size) {
        size_t wanted = window->capacity - size;
        if (wanted > window->file->size - end)
            wanted = (size_t)(window->file->size - end);
        ssize_t got = pread(window->file->fd, window->data + size, wanted, (off_t)end);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            vdt_fail_errno(&window->error, window->file->path);
            return failed(window);
        }
        if (got == 0) {
            vdt_fail(&window->error, VDT_ERR_IO, "%s: became shorter while it was read",
                     window->file->path);
            return failed(window);
        }
        size += (size_t)got;
        end += (uint64_t)got;
    }
    window->ended = end == window->file->size;
    window->text.end = window->data + size;
    memset(window->data + size, 0, VDT_COCO_AHEAD);
    return true;
}

bool vdt_coco_window_place(struct vdt_coco_window *window, uint64_t offset)
{
    window->text.problem = NULL;
    uint64_t there = (uint64_t)(window->text.end - window->data);
    if (offset >= window->offset && offset - window->offset < there) {
        window->text.at = window->data + (offset - window->offset);
        return true;
    }
    window->offset = offset;
    window->text.at = window->text.end = window->data;
    return fill(window);
}

bool vdt_coco_window_more(struct vdt_coco_window *window, const char *keep)
{
    if (window->ended)
        return false;
    size_t left = (size_t)(window->text.end - keep);
    if (left > window->capacity / 2) {
        size_t capacity = window->capacity * 2;
        if (capacity > VDT_COCO_LONGEST) {
            window->text.problem = "a record of more than 512 MiB";
            return false;
        }
        size_t from = (size_t)(keep - window->data);
        char *grown = realloc(window->data, capacity + VDT_COCO_AHEAD);
        if (grown == NULL) {
            window->text.problem = vdt_coco_no_memory;
            return false;
        }
        window->data = grown;
        window->capacity = capacity;
        keep = grown + from;
    }
    window->offset += (uint64_t)(keep - window->data);
    memmove(window->data, keep, left);
    window->text.at = window->data;
    window->text.end = window->data + left;
    window->text.problem = NULL;
    return fill(window);
}
