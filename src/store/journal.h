/* Rewritten pages of a store between two commits, and the file that makes a commit atomic.
 *
 * New data of a commit goes behind the committed end of the store, where nobody looks. What
 * overwrites committed bytes is kept in an overlay of pages. A commit syncs the store, writes the
 * overlay to STORE.journal, syncs it, applies it to the store and syncs again: a crash leaves
 * either no valid journal (the store is as before) or a valid one (whoever opens the store next
 * applies it, or reads through it).
 *
 * A writer keeps its journal in place for as long as it lives; the generation in it changes with
 * every step of a commit, so that a reader can tell whether the store moved under it. */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
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
/* Replaces what the overlay has of the `size` bytes at `address`. */
void vdt_overlay_patch(const struct vdt_overlay *overlay, void *data, size_t size,
                       uint64_t address);
/* Writes the overlay's pages to their places in the store and syncs it. */
vdt_status vdt_overlay_apply(const struct vdt_overlay *overlay, int fd, const char *path,
                             struct vdt_error *error);

/* The journal of one writer. `path` is borrowed; fd -1 is none. */
struct vdt_journal {
    const char *path;
    int fd;
    uint64_t generation;
};

/* The store that a journal belongs to: the last of the bytes that the commit added, [tail, size),
 * are remembered, so that no other file that came to the same name is ever patched. */
struct vdt_journal_store {
    int fd;
    const char *path;
    uint64_t tail;
    uint64_t size;
};

/* Makes the journal of a writer, or takes over the one that a crash left, and empties it. The
 * caller holds the store's lock. */
vdt_status vdt_journal_open(struct vdt_journal *journal, const char *path, struct vdt_error *error);

/* Writes the overlay and syncs: from here on the commit has happened. */
vdt_status vdt_journal_write(struct vdt_journal *journal, const struct vdt_overlay *overlay,
                             const struct vdt_journal_store *store, struct vdt_error *error);

/* Empties the journal. */
vdt_status vdt_journal_reset(struct vdt_journal *journal, struct vdt_error *error);

/* Closes, and removes the file unless it is to be kept for whoever opens the store next. */
void vdt_journal_close(struct vdt_journal *journal, bool keep);

/* Reads a journal into an empty overlay. *valid is false (and VDT_OK) for one that is absent,
 * empty, cut short, damaged or of another store: its commit never happened. */
vdt_status vdt_journal_read(const char *path, int store, struct vdt_overlay *overlay, bool *valid,
                            struct vdt_error *error);

/* What tells the steps of writers apart: 0 without a journal. */
uint64_t vdt_journal_generation(const char *path);

#endif
