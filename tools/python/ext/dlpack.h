/* The structs that DLPack exchanges: the C ABI of version 1.0, of which we need these names only.
 * Source: https://dmlc.github.io/dlpack/latest/c_api.html */
#ifndef EXT_DLPACK_H
#define EXT_DLPACK_H

#include <stdint.h>

enum dl_device_type { DL_CPU = 1, DL_CUDA = 2, DL_CUDA_HOST = 3 };
enum dl_type_code { DL_INT = 0, DL_UINT = 1, DL_FLOAT = 2, DL_BFLOAT = 4 };
enum { DL_FLAG_COPIED = 2 };

struct dl_device {
    int32_t type;
    int32_t id;
};

struct dl_dtype {
    uint8_t code;
    uint8_t bits;
    uint16_t lanes;
};

struct dl_tensor {
    void *data;
    struct dl_device device;
    int32_t ndim;
    struct dl_dtype dtype;
    int64_t *shape;
    int64_t *strides; /* in values; NULL: contiguous */
    uint64_t byte_offset;
};

/* In a capsule "dltensor", "used_dltensor" once its consumer has taken it. */
struct dl_managed {
    struct dl_tensor tensor;
    void *context;
    void (*deleter)(struct dl_managed *self);
};

/* In a capsule "dltensor_versioned": for consumers that ask for 1.0 or later. */
struct dl_managed_versioned {
    struct {
        uint32_t major;
        uint32_t minor;
    } version;
    void *context;
    void (*deleter)(struct dl_managed_versioned *self);
    uint64_t flags;
    struct dl_tensor tensor;
};

#endif
