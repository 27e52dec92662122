/* Types of columns in HDF5's words, for store/table_*.c. */
#ifndef STORE_TABLE_TYPE_H
#define STORE_TABLE_TYPE_H

#include <hdf5.h>
#include <vedatile/types.h>

#define VDT_TABLE_CONTENT "content_sha256"

/* Not to be closed; H5I_INVALID_HID for one that no column has. */
static inline hid_t vdt_table_type(enum vdt_dtype type)
{
    switch (type) {
    case VDT_UINT8: return H5T_STD_U8LE;
    case VDT_INT8: return H5T_STD_I8LE;
    case VDT_UINT16: return H5T_STD_U16LE;
    case VDT_INT16: return H5T_STD_I16LE;
    case VDT_UINT32: return H5T_STD_U32LE;
    case VDT_INT32: return H5T_STD_I32LE;
    case VDT_UINT64: return H5T_STD_U64LE;
    case VDT_INT64: return H5T_STD_I64LE;
    case VDT_FLOAT32: return H5T_IEEE_F32LE;
    case VDT_FLOAT64: return H5T_IEEE_F64LE;
    default: return H5I_INVALID_HID;
    }
}

#endif
