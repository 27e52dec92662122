/* The bytes of a store as its last commit left them: what is sent to others.
 *
 * A commit that waits in the journal is read through, and what lies behind the end that the
 * superblock records (a transaction that has not happened) is left out. */
#ifndef STORE_SNAPSHOT_H
#define STORE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vedatile/error.h>

struct vdt_snapshot;

/* Where no writer has the store, it is kept from starting until the snapshot is freed. Where one
 * has it, its commits are noticed (vdt_snapshot_changed). *snapshot is owned. */
vdt_status vdt_snapshot_open(const char *path, struct vdt_snapshot **snapshot,
                             struct vdt_error *error);
void vdt_snapshot_free(struct vdt_snapshot *snapshot); /* accepts NULL */

/* Bytes of the store; a multiple of 4096 for stores that we wrote. */
uint64_t vdt_snapshot_size(const struct vdt_snapshot *snapshot);

/* No writer has the store, and none can come until the snapshot is freed. */
bool vdt_snapshot_alone(const struct vdt_snapshot *snapshot);

/* Any thread. */
vdt_status vdt_snapshot_read(const struct vdt_snapshot *snapshot, void *data, size_t size,
                             uint64_t address, struct vdt_error *error);

/* True when the store was committed to since the snapshot was opened: what was read may mix two
 * states. Any thread. */
bool vdt_snapshot_changed(const struct vdt_snapshot *snapshot);

#endif
