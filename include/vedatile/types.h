/* Plain values that cross the API. Nothing here owns memory. */
#ifndef VEDATILE_TYPES_H
#define VEDATILE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vedatile/export.h"

VDT_BEGIN_DECLS

/* Type of an array's values, in the machine's byte order. A store's images are of the first seven;
 * batches and other HDF5 files may be of all. */
enum vdt_dtype {
    VDT_UINT8 = 1,
    VDT_UINT16,
    VDT_INT16,
    VDT_UINT32,
    VDT_INT32,
    VDT_FLOAT32,
    VDT_FLOAT64,
    VDT_FLOAT16,  /* IEEE 754 binary16 */
    VDT_BFLOAT16, /* the upper half of a float32 */
    VDT_INT8,
    VDT_UINT64,
    VDT_INT64
};

/* Which axis of an image array is which. */
enum vdt_axes {
    VDT_AXES_STORED = 0, /* as they are stored; for reading other files: found out from the shape */
    VDT_AXES_CHW,        /* [band][row][col]: a store's own */
    VDT_AXES_HWC         /* [row][col][band] */
};

/* What a sample's labels are; a store has one or more (bits are or-ed). */
enum vdt_task {
    VDT_CLASSIFICATION = 1, /* one-hot vector, several classes may be set */
    VDT_DETECTION = 2,      /* boxes */
    VDT_SEGMENTATION = 4,   /* class mask */
    VDT_INSTANCE = 8,       /* instance mask; brings the boxes with it */
    VDT_BOUNDARY = 16,      /* where objects begin or end */
    VDT_CONTACT = 32,       /* narrow gaps between objects */
    VDT_DISTANCE = 64,      /* distance to the nearest edge of an object, signed */
    VDT_REGRESSION = 128    /* a number for each pixel */
};

/* How chunks are stored. VDT_CODEC_AUTO measures the first tiles of a feed and decides. */
enum vdt_codec {
    VDT_CODEC_AUTO = 0,
    VDT_CODEC_RAW,
    VDT_CODEC_LZ4,     /* byte shuffle + LZ4, HDF5 filter 32004 */
    VDT_CODEC_DEFLATE, /* byte shuffle + deflate: every HDF5 reads it */
    VDT_CODEC_ZSTD     /* byte shuffle + zstd, HDF5 filter 32015 */
};

/* Every tile of a store has this shape. Images are band-major: [band][row][col]. */
struct vdt_tile_spec {
    uint32_t bands;
    uint32_t rows;
    uint32_t cols;
    enum vdt_dtype dtype;
};

/* An integer pixel rectangle on a scene's grid; (0, 0) is the scene's upper left pixel. */
struct vdt_window {
    int32_t col;
    int32_t row;
    int32_t cols;
    int32_t rows;
};

/* Called between units of work, from the thread that called the library. Return false to stop:
 * the call then fails with VDT_ERR_CANCELLED and keeps what was committed. */
typedef bool (*vdt_progress_fn)(uint64_t done, uint64_t total, void *payload);

/* Bytes of one pixel value; 0 for a value that is no vdt_dtype. Any thread. */
VDT_API size_t vdt_dtype_size(enum vdt_dtype dtype);

/* "uint8", "float32", ...: NumPy's names. "unknown" for a value that is no vdt_dtype. */
VDT_API const char *vdt_dtype_name(enum vdt_dtype dtype);

/* "raw", "lz4", "deflate", "zstd", "auto". */
VDT_API const char *vdt_codec_name(enum vdt_codec codec);

/* "classification", ... for exactly one task bit; "unknown" otherwise. */
VDT_API const char *vdt_task_name(enum vdt_task task);

/* Bytes of one image: bands * rows * cols * dtype size. */
VDT_API size_t vdt_tile_bytes(const struct vdt_tile_spec *tile);

/* Versions of vedatile and of the libraries it runs on, one "name version" a line.
 * Static storage; any thread. */
VDT_API const char *vdt_versions(void);

VDT_END_DECLS
#endif
