/* NumPy's array files. */
#include "exchange/npy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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
