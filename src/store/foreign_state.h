/* What foreign_open.c finds out and foreign.c reads by. */
#ifndef STORE_FOREIGN_STATE_H
#define STORE_FOREIGN_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vedatile/hdf5.h>

#include "store/column.h"
#include "store/file.h"
#include "store/pipeline.h"

/* One axis for the samples, and those of a label. */
enum { VDT_FOREIGN_RANK = VDT_HDF5_RANK + 1 };

/* Of one sample, and of one chunk: what a reader may have to hold in memory. */
#define VDT_FOREIGN_MOST ((uint64_t)1 << 30)

/* A dataset. Whatever its layout, it is seen as chunks: a contiguous one as a single chunk. */
struct vdt_foreign {
    char *what; /* "PATH: /images" */
    int rank;
    uint64_t dims[VDT_FOREIGN_RANK];
    uint64_t chunk[VDT_FOREIGN_RANK]; /* may be more than dims */
    uint64_t grid[VDT_FOREIGN_RANK];  /* chunks along each axis */
    uint64_t grid_row;                /* chunks that have part of one sample */
    enum vdt_dtype dtype;
    size_t element;
    bool swap;             /* the file has the other byte order */
    unsigned char fill[8]; /* a value that was never written, as in the file */
    size_t sample_bytes;
    size_t chunk_bytes; /* chunked layout */
    struct vdt_pipeline pipeline;
    struct vdt_extent extent; /* addresses with the skipped filters above VDT_SKIPPED_SHIFT */
    unsigned char *values;    /* compact layout: all of them; addresses count from here */
};

/* The table of chunks holds address and skipped filters in one: what HDF5 has no bytes for is
 * nowhere, and reads as the fill value. */
#define VDT_NOWHERE UINT64_MAX
enum { VDT_SKIPPED_SHIFT = 56 };

enum { VDT_FOREIGN_IMAGES, VDT_FOREIGN_LABELS, VDT_FOREIGN_ARRAYS };

struct vdt_hdf5 {
    struct vdt_file *file;
    struct vdt_hdf5_spec spec;
    struct vdt_foreign arrays[VDT_FOREIGN_ARRAYS]; /* rank 0: no labels */
};

#endif
