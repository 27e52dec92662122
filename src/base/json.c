/* Canonical JSON text. */
#include "base/json.h"

#include "base/error.h"

char *vdt_json_text(const json_t *value)
{
    return json_dumps(value,
                      JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
}

vdt_status vdt_json_parse(const char *text, const char *what, json_t **value,
                          struct vdt_error *error)
{
    json_error_t place;
    json_t *parsed = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &place);
    if (parsed == NULL)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: line %d column %d: %s", what, place.line,
                        place.column, place.text);
    *value = parsed;
    return VDT_OK;
}
