/* Values of the document. NaN is null: JSON has no other word for "there is nothing to tell". */
#ifndef REPORT_DOCUMENT_H
#define REPORT_DOCUMENT_H

#include <stdint.h>

#include "base/json.h"

/* New references; NULL: memory is out. Bytes that are no UTF-8 become '?'. */
json_t *vdt_document_text(const char *text);
json_t *vdt_document_count(uint64_t value);
json_t *vdt_document_number(double value);
json_t *vdt_document_numbers(const double *values, size_t count);
json_t *vdt_document_counts(const uint64_t *values, size_t count);
json_t *vdt_document_texts(const char *const *values, size_t count);

/* What follows the last '/': documents have no paths of the machine they were made on. Borrowed. */
const char *vdt_document_base_name(const char *path);

#endif
