/* Values of the document. */
#include "report/document.h"

#include <math.h>
#include <string.h>

#include "base/buffer.h"

json_t *vdt_document_text(const char *text)
{
    json_t *value = json_string(text);
    char *copy = value ? NULL : vdt_copy_string(text);
    if (copy) {
        for (char *c = copy; *c; c++)
            if ((unsigned char)*c >= 0x80)
                *c = '?';
        value = json_string(copy);
        free(copy);
    }
    return value;
}

json_t *vdt_document_count(uint64_t value)
{
    return value > INT64_MAX ? json_real((double)value) : json_integer((json_int_t)value);
}

json_t *vdt_document_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *vdt_document_numbers(const double *values, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, vdt_document_number(values[i]));
    return list;
}

json_t *vdt_document_counts(const uint64_t *values, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, vdt_document_count(values[i]));
    return list;
}

json_t *vdt_document_texts(const char *const *values, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, vdt_document_text(values[i]));
    return list;
}

const char *vdt_document_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}
