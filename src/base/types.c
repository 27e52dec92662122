/* Names and sizes of the plain values of types.h. */
#include <vedatile/types.h>

size_t vdt_dtype_size(enum vdt_dtype dtype)
{
    switch (dtype) {
    case VDT_UINT8:
    case VDT_INT8: return 1;
    case VDT_UINT16:
    case VDT_INT16:
    case VDT_FLOAT16:
    case VDT_BFLOAT16: return 2;
    case VDT_UINT32:
    case VDT_INT32:
    case VDT_FLOAT32: return 4;
    case VDT_UINT64:
    case VDT_INT64:
    case VDT_FLOAT64: return 8;
    }
    return 0;
}

const char *vdt_dtype_name(enum vdt_dtype dtype)
{
    switch (dtype) {
    case VDT_UINT8: return "uint8";
    case VDT_UINT16: return "uint16";
    case VDT_INT16: return "int16";
    case VDT_UINT32: return "uint32";
    case VDT_INT32: return "int32";
    case VDT_FLOAT32: return "float32";
    case VDT_FLOAT64: return "float64";
    case VDT_FLOAT16: return "float16";
    case VDT_BFLOAT16: return "bfloat16";
    case VDT_INT8: return "int8";
    case VDT_UINT64: return "uint64";
    case VDT_INT64: return "int64";
    }
    return "unknown";
}

const char *vdt_codec_name(enum vdt_codec codec)
{
    switch (codec) {
    case VDT_CODEC_AUTO: return "auto";
    case VDT_CODEC_RAW: return "raw";
    case VDT_CODEC_LZ4: return "lz4";
    case VDT_CODEC_DEFLATE: return "deflate";
    case VDT_CODEC_ZSTD: return "zstd";
    }
    return "unknown";
}

const char *vdt_task_name(enum vdt_task task)
{
    switch (task) {
    case VDT_CLASSIFICATION: return "classification";
    case VDT_DETECTION: return "detection";
    case VDT_SEGMENTATION: return "segmentation";
    case VDT_INSTANCE: return "instance";
    case VDT_BOUNDARY: return "boundary";
    case VDT_CONTACT: return "contact";
    case VDT_DISTANCE: return "distance";
    case VDT_REGRESSION: return "regression";
    }
    return "unknown";
}

size_t vdt_tile_bytes(const struct vdt_tile_spec *tile)
{
    return (size_t)tile->bands * tile->rows * tile->cols * vdt_dtype_size(tile->dtype);
}
