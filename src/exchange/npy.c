/* NumPy's array files. */
#include "exchange/npy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { PREFIX = 10, ALIGN = 64, HEADER = 192 };

static const char *const descriptions[] = {
    [VDT_UINT8] = "|u1",   [VDT_UINT16] = "<u2",  [VDT_INT16] = "<i2",   [VDT_UINT32] = "<u4",
    [VDT_INT32] = "<i4",   [VDT_FLOAT32] = "<f4", [VDT_FLOAT64] = "<f8", [VDT_FLOAT16] = "<f2",
    [VDT_BFLOAT16] = NULL, [VDT_INT8] = "|i1",    [VDT_UINT64] = "<u8",  [VDT_INT64] = "<i8"};

static void describe(const struct vdt_npy *array, char *text, size_t size)
{
    int used = array->dtype == 0
                   ? snprintf(text, size,
                              "{'descr': '|S%" PRIu64 "', 'fortran_order': False, "
                              "'shape': (",
                              array->shape[0])
                   : snprintf(text, size, "{'descr': '%s', 'fortran_order': False, 'shape': (",
                              descriptions[array->dtype]);
    int axes = array->dtype == 0 ? 0 : array->axes;
    for (int i = 0; i < axes; i++)
        used += snprintf(text + used, size - (size_t)used, "%" PRIu64 "%s", array->shape[i],
                         axes == 1 || i + 1 < axes ? "," : "");
    snprintf(text + used, size - (size_t)used, "), }");
}

bool vdt_npy_append(struct vdt_buffer *out, const struct vdt_npy *array)
{
    char header[HEADER];
    describe(array, header, sizeof header);
    size_t length = strlen(header);
    size_t padded = (PREFIX + length + 1 + ALIGN - 1) / ALIGN * ALIGN;
    unsigned char prefix[PREFIX] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};
    prefix[8] = (unsigned char)((padded - PREFIX) & 255);
    prefix[9] = (unsigned char)((padded - PREFIX) >> 8);
    bool good = vdt_buffer_append(out, prefix, PREFIX) && vdt_buffer_append(out, header, length);
    for (size_t i = PREFIX + length; good && i + 1 < padded; i++)
        good = vdt_buffer_append(out, " ", 1);
    return good && vdt_buffer_append(out, "\n", 1) &&
           vdt_buffer_append(out, array->data, array->size);
}

/* --- reading ------------------------------------------------------------------------------ */

/* What follows 'name': in the header, or NULL. The header is NumPy's own text: a Python dict of
 * three entries in any order. */
static const char *value_of(const char *header, const char *name)
{
    const char *found = strstr(header, name);
    if (found == NULL)
        return NULL;
    found += strlen(name);
    while (*found == ' ' || *found == ':')
        found++;
    return found;
}

static bool read_dtype(const char *text, struct vdt_npy *array, size_t *element)
{
    size_t known = sizeof descriptions / sizeof descriptions[0];
    if (strncmp(text, "'|S", 3) == 0) {
        array->dtype = (enum vdt_dtype)0;
        *element = strtoul(text + 3, NULL, 10);
        return *element > 0 && *element <= UINT32_MAX;
    }
    for (size_t type = VDT_UINT8; type < known; type++) {
        const char *name = descriptions[type];
        if (name == NULL || text[0] != '\'' || strncmp(text + 1, name, 3) != 0 || text[4] != '\'')
            continue;
        array->dtype = (enum vdt_dtype)type;
        *element = vdt_dtype_size(array->dtype);
        return true;
    }
    return false;
}

static bool read_shape(const char *text, struct vdt_npy *array)
{
    if (*text++ != '(')
        return false;
    while (*text != ')') {
        char *end = NULL;
        if (*text < '0' || *text > '9' || array->axes == VDT_NPY_AXES)
            return false;
        array->shape[array->axes] = strtoull(text, &end, 10);
        if (array->shape[array->axes++] > UINT32_MAX)
            return false;
        text = end;
        while (*text == ',' || *text == ' ')
            text++;
    }
    return true;
}

static bool parse_header(const char *header, struct vdt_npy *array)
{
    const char *descr = value_of(header, "'descr'"), *shape = value_of(header, "'shape'"),
               *order = value_of(header, "'fortran_order'");
    size_t element = 0;
    if (descr == NULL || shape == NULL || order == NULL || strncmp(order, "False", 5) != 0 ||
        !read_dtype(descr, array, &element) || !read_shape(shape, array))
        return false;
    array->size = element;
    for (int i = 0; i < array->axes; i++)
        if (__builtin_mul_overflow(array->size, array->shape[i], &array->size))
            return false;
    if (array->dtype != 0)
        return true;
    array->shape[0] = element;
    return array->axes == 0;
}

vdt_status vdt_npy_parse(const char *what, const void *bytes, size_t size, struct vdt_npy *array,
                         struct vdt_error *error)
{
    const unsigned char *data = bytes;
    struct vdt_npy found = {0};
    char header[HEADER * 4] = "";
    size_t prefix = PREFIX, length = 0;
    bool good = size >= PREFIX + 2 && memcmp(data, "\x93NUMPY", 6) == 0;
    if (good) {
        prefix += data[6] == 1 ? 0 : 2;
        length = data[8] | (size_t)data[9] << 8;
        good = data[6] == 1 || (data[6] == 2 && data[10] == 0 && data[11] == 0);
    }
    good = good && length < sizeof header && length <= size - prefix;
    if (good) {
        memcpy(header, data + prefix, length);
        good = parse_header(header, &found) && found.size == size - prefix - length;
    }
    if (!good)
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "%s: no array file of NumPy in C order, little-endian, complete", what);
    found.data = data + prefix + length;
    *array = found;
    return VDT_OK;
}
