/* Only types whose bytes are what NumPy would show need no conversion by HDF5. */
#include "store/foreign_type.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "store/h5.h"

/* 0 when there is none. */
static enum vdt_dtype integer_type(size_t size, bool is_signed)
{
    switch (size) {
    case 1: return is_signed ? VDT_INT8 : VDT_UINT8;
    case 2: return is_signed ? VDT_INT16 : VDT_UINT16;
    case 4: return is_signed ? VDT_INT32 : VDT_UINT32;
    case 8: return is_signed ? VDT_INT64 : VDT_UINT64;
    default: return 0;
    }
}

/* IEEE 754 binary16, 32 and 64, by their fields. */
static enum vdt_dtype float_type(hid_t type)
{
    static const struct {
        enum vdt_dtype dtype;
        size_t size, exponent_bits, bias;
    } kinds[] = {{VDT_FLOAT16, 2, 5, 15}, {VDT_FLOAT32, 4, 8, 127}, {VDT_FLOAT64, 8, 11, 1023}};
    size_t sign, exponent, exponent_bits, mantissa, mantissa_bits;
    if (H5Tget_fields(type, &sign, &exponent, &exponent_bits, &mantissa, &mantissa_bits) < 0 ||
        H5Tget_norm(type) != H5T_NORM_IMPLIED)
        return 0;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t bits = 8 * kinds[i].size;
        if (H5Tget_size(type) == kinds[i].size && exponent_bits == kinds[i].exponent_bits &&
            H5Tget_ebias(type) == kinds[i].bias && sign == bits - 1 &&
            exponent + exponent_bits == bits - 1 && mantissa == 0 && mantissa_bits == exponent)
            return kinds[i].dtype;
    }
    return 0;
}

static bool has_member(hid_t type, const char *name, signed char value)
{
    signed char found = 0;
    return H5Tenum_valueof(type, name, &found) >= 0 && found == value;
}

/* h5py's booleans: FALSE and TRUE, a byte each. */
static bool is_boolean(hid_t type)
{
    return H5Tget_size(type) == 1 && H5Tget_nmembers(type) == 2 && has_member(type, "FALSE", 0) &&
           has_member(type, "TRUE", 1);
}

static enum vdt_dtype type_of(hid_t type)
{
    size_t size = H5Tget_size(type);
    switch (H5Tget_class(type)) {
    case H5T_INTEGER:
        return H5Tget_precision(type) == 8 * size && H5Tget_offset(type) == 0
                   ? integer_type(size, H5Tget_sign(type) == H5T_SGN_2)
                   : 0;
    case H5T_FLOAT: return float_type(type);
    case H5T_ENUM: return is_boolean(type) ? VDT_UINT8 : 0;
    case H5T_BITFIELD: return size == 1 ? VDT_UINT8 : 0; /* PyTables' booleans */
    default: return 0;
    }
}

static const char *describe(hid_t type)
{
    switch (H5Tget_class(type)) {
    case H5T_INTEGER: return "integers of an unusual size";
    case H5T_FLOAT: return "floats of an unusual kind";
    case H5T_TIME: return "times";
    case H5T_STRING: return "text";
    case H5T_BITFIELD: return "bit fields";
    case H5T_OPAQUE: return "opaque bytes";
    case H5T_COMPOUND: return "compound values (complex numbers are such too)";
    case H5T_REFERENCE: return "references";
    case H5T_ENUM: return "names (an enumeration)";
    case H5T_VLEN: return "lists of varying length";
    case H5T_ARRAY: return "arrays";
    default: return "values of an unknown type";
    }
}

vdt_status vdt_foreign_type(hid_t type, const char *what, enum vdt_dtype *dtype, bool *swap,
                            struct vdt_error *error)
{
    enum vdt_dtype found = type_of(type);
    H5T_order_t order = H5Tget_order(type);
    bool ordered = order == H5T_ORDER_LE || order == H5T_ORDER_BE || H5Tget_size(type) == 1;
    if (found == 0 || !ordered)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "%s: has %s; integers, floats and booleans can be read", what,
                        describe(type));
    *dtype = found;
    *swap = vdt_dtype_size(found) > 1 && order != H5Tget_order(H5T_NATIVE_INT);
    return VDT_OK;
}
