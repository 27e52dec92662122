/* jansson for what the commands print: a value that JSON cannot hold becomes null, not a hole. */
#ifndef TOOL_JSON_H
#define TOOL_JSON_H

#include <jansson.h>
#include <stdint.h>

json_t *json_from_text(const char *text); /* bytes that are no UTF-8 become '?' */
json_t *json_from_count(uint64_t value);
json_t *json_from_real(double value); /* null for NaN and infinities */
json_t *json_from_texts(const char *const *texts, size_t count);

/* Prints the object and a line end on stdout, and releases it. Returns an exit code. */
int json_print(json_t *value);

#endif
