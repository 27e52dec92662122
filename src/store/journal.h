/* Rewritten pages of a store between two commits, and the file that makes a commit atomic.
 *
 * New data of a commit goes behind the committed end of the store, where nobody looks. What
 * overwrites committed bytes is kept in an overlay of pages. A commit syncs the store, writes the
 * overlay to STORE.journal, syncs it, applies it to the store and syncs again: a crash leaves
 * either no valid journal (the store is as before) or a valid one (whoever opens the store next
 * applies it, or reads through it). */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <vedatile/error.h>

enum { VDT_PAGE = 4096 };

/* Pages by number; {0} is empty. */
struct vdt_overlay {
    uint64_t *numbers;     /* hash table, page number + 1, 0 is free */
    unsigned char **pages; /* VDT_PAGE bytes each */
    uint32_t capacity;     /* power of two */
    uint32_t count;
};

/* The page's bytes, or NULL. */
unsigned char *vdt_overlay_find(const struct vdt_overlay *overlay, uint64_t number);
/* Adds an uninitialised page that is not there; NULL when memory is out. */
unsigned char *vdt_overlay_add(struct vdt_overlay *overlay, uint64_t number);
void vdt_overlay_clear(struct vdt_overlay *overlay);

/* Writes the overlay to an open journal file and syncs it. */
vdt_status vdt_journal_write(int fd, const char *path, const struct vdt_overlay *overlay,
                             struct vdt_error *error);

/* Reads a journal into an empty overlay. *valid is false (and VDT_OK) for one that is absent,
 * empty, cut short or damaged: its commit never happened. */
vdt_status vdt_journal_read(const char *path, struct vdt_overlay *overlay, bool *valid,
                            struct vdt_error *error);

/* Writes the overlay's pages to their places in the store and syncs it. */
vdt_status vdt_overlay_apply(const struct vdt_overlay *overlay, int fd, const char *path,
                             struct vdt_error *error);

#endif
