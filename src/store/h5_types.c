/* HDF5 types of the arrays and tables. */
#include "store/h5_types.h"

#include <stddef.h>

int vdt_array_inner(const struct vdt_layout *layout, enum vdt_array array, hsize_t inner[3])
{
    const struct vdt_tile_spec *tile = &layout->spec.tile;
    int rank = 0;
    if (array == VDT_IMAGES)
        inner[rank++] = tile->bands;
    if (array < VDT_TILE_ARRAYS) {
        inner[rank++] = tile->rows;
        inner[rank++] = tile->cols;
    }
    if (array == VDT_ONEHOT)
        inner[rank++] = layout->spec.class_count;
    if (array == VDT_BOXES)
        inner[rank++] = 4;
    return rank;
}

static hid_t pixel_type(enum vdt_dtype dtype)
{
    switch (dtype) {
    case VDT_UINT8: return H5T_STD_U8LE;
    case VDT_UINT16: return H5T_STD_U16LE;
    case VDT_INT16: return H5T_STD_I16LE;
    case VDT_UINT32: return H5T_STD_U32LE;
    case VDT_INT32: return H5T_STD_I32LE;
    case VDT_FLOAT32: return H5T_IEEE_F32LE;
    case VDT_FLOAT64: return H5T_IEEE_F64LE;
    default: break; /* no store has it */
    }
    return H5I_INVALID_HID;
}

static hid_t text_type(size_t size)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, size);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

/* Takes `type` when it is one of ours (`own`), so that callers can build types in place. */
static void insert(hid_t compound, const char *name, size_t offset, hid_t type, bool own)
{
    H5Tinsert(compound, name, offset, type);
    if (own)
        H5Tclose(type);
}

static hid_t array_of(hid_t element, hsize_t count)
{
    return H5Tarray_create2(element, 1, &count);
}

static hid_t row_type(const struct vdt_layout *layout)
{
    hsize_t bands = layout->spec.tile.bands;
    size_t at = VDT_ROW_STATS;
    hid_t row = H5Tcreate(H5T_COMPOUND, layout->row_bytes);
    insert(row, "key", VDT_ROW_KEY, text_type(VDT_KEY_SIZE), true);
    insert(row, "scene", VDT_ROW_SCENE, H5T_STD_U32LE, false);
    insert(row, "crs", VDT_ROW_CRS, H5T_STD_U32LE, false);
    insert(row, "window", VDT_ROW_WINDOW, array_of(H5T_STD_I32LE, 4), true);
    insert(row, "geotransform", VDT_ROW_GEOTRANSFORM, array_of(H5T_IEEE_F64LE, 6), true);
    insert(row, "bounds", VDT_ROW_BOUNDS, array_of(H5T_IEEE_F64LE, 4), true);
    insert(row, "valid_fraction", VDT_ROW_VALID, H5T_IEEE_F32LE, false);
    insert(row, "weight", VDT_ROW_WEIGHT, H5T_IEEE_F32LE, false);
    insert(row, "image_crc32c", VDT_ROW_IMAGE_CRC, H5T_STD_U32LE, false);
    insert(row, "label_crc32c", VDT_ROW_LABEL_CRC, H5T_STD_U32LE, false);
    insert(row, "band_count", at, array_of(H5T_STD_U32LE, bands), true);
    at += 4 * bands;
    static const char *const names[4] = {"band_mean", "band_m2", "band_min", "band_max"};
    for (int i = 0; i < 4; i++, at += 8 * bands)
        insert(row, names[i], at, array_of(H5T_IEEE_F64LE, bands), true);
    insert(row, "row_crc32c", at, H5T_STD_U32LE, false);
    return row;
}

hid_t vdt_array_type(const struct vdt_layout *layout, enum vdt_array array)
{
    switch (array) {
    case VDT_IMAGES: return H5Tcopy(pixel_type(layout->spec.tile.dtype));
    case VDT_MASK: return H5Tcopy(layout->mask_size == 1 ? H5T_STD_U8LE : H5T_STD_U16LE);
    case VDT_INSTANCES:
    case VDT_BOX_CLASS: return H5Tcopy(H5T_STD_U16LE);
    case VDT_BOUNDARIES:
    case VDT_CONTACTS:
    case VDT_ONEHOT:
    case VDT_METADATA_TEXT: return H5Tcopy(H5T_STD_U8LE);
    case VDT_DISTANCES:
    case VDT_TARGETS:
    case VDT_BOXES:
    case VDT_BOX_VISIBLE: return H5Tcopy(H5T_IEEE_F32LE);
    case VDT_BOX_FEATURE: return H5Tcopy(H5T_STD_I64LE);
    case VDT_SAMPLES: return row_type(layout);
    default: return H5Tcopy(H5T_STD_U64LE);
    }
}

hid_t vdt_scene_type(void)
{
    hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(struct vdt_scene_row));
    insert(type, "uri", offsetof(struct vdt_scene_row, uri), text_type(VDT_SCENE_URI), true);
    insert(type, "size", offsetof(struct vdt_scene_row, size), H5T_STD_U64LE, false);
    insert(type, "digest", offsetof(struct vdt_scene_row, digest), text_type(VDT_SCENE_DIGEST),
           true);
    insert(type, "acquired", offsetof(struct vdt_scene_row, acquired),
           text_type(VDT_SCENE_ACQUIRED), true);
    insert(type, "cols", offsetof(struct vdt_scene_row, cols), H5T_STD_I32LE, false);
    insert(type, "rows", offsetof(struct vdt_scene_row, rows), H5T_STD_I32LE, false);
    return type;
}

hid_t vdt_crs_type(void)
{
    hid_t type = H5Tcreate(H5T_COMPOUND, VDT_CRS_WKT);
    insert(type, "wkt", 0, text_type(VDT_CRS_WKT), true);
    return type;
}
