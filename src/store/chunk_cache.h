/* FILE.chunks: where the chunks of a file's arrays lie, kept beside it so that the next opening
 * need not ask HDF5 for a million places.
 *
 * It is only ever a copy of what the file says: made anew when the file is of another size, time or
 * commit, when it is damaged, or when it is gone; and never needed. It is written whole and then
 * renamed; where that cannot be (a folder without the right to write) there is none, and no error.
 */
#ifndef STORE_CHUNK_CACHE_H
#define STORE_CHUNK_CACHE_H

#include <stdbool.h>
#include <stdint.h>
#include <vedatile/error.h>

#include "store/column.h"
#include "store/file.h"

/* Files with fewer chunks open fast enough without. */
enum { VDT_CHUNK_CACHE_LEAST = 32768 };

struct vdt_chunk_cache;

/* An open cache, empty when there is none that fits `file` (opened to read). NULL: out of memory.
 */
struct vdt_chunk_cache *vdt_chunk_cache_open(const struct vdt_file *file);

/* Fills addresses and sizes of `extent` (rows, chunk_rows and chunks are set by the caller) with
 * what is kept for the array `name` ("train/images"); false when nothing fits. The caller checks
 * them as it would check what HDF5 says. */
bool vdt_chunk_cache_find(struct vdt_chunk_cache *cache, const char *name,
                          struct vdt_extent *extent);

/* Notes an array as it was opened, to be written by save; borrowed until then. `found`: the cache
 * had it. */
void vdt_chunk_cache_add(struct vdt_chunk_cache *cache, const char *name,
                         const struct vdt_extent *extent, bool found);

/* Writes what was noted, when it is much and something is new. Failures are nobody's business. */
void vdt_chunk_cache_save(struct vdt_chunk_cache *cache);

void vdt_chunk_cache_free(struct vdt_chunk_cache *cache); /* accepts NULL */

#endif
