/* What a field says of a sample: "scene", "group", or a member of its metadata. */
#ifndef REPORT_FIELDS_H
#define REPORT_FIELDS_H

#include "report/sides.h"

struct vdt_field_value {
    bool any;       /* the sample has the field */
    bool is_number; /* `number` is it */
    double number;  /* NaN otherwise */
    char name[512];
};

/* Members of members are joined by '.'. */
vdt_status vdt_field_read(const struct vdt_sides *sides, uint32_t unit, const char *field,
                          struct vdt_field_value *value, struct vdt_error *error);

/* Whether the store says it of every sample: "scene" and "group". */
bool vdt_field_of_store(const char *field);

/* The part that each of `units` samples is in by a field: of[count], numbers below *parts. A sample
 * without the field is a part of its own. VDT_ERR_NOT_FOUND: no sample has such a field; VDT_ERR_
 * ARGUMENT: it needs a store. `option` is what to blame. */
vdt_status vdt_field_parts(const struct vdt_sides *sides, const uint32_t *units, uint32_t count,
                           const char *field, const char *option, uint32_t *of, uint32_t *parts,
                           struct vdt_error *error);

#endif
