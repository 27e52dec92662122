/* The features of GeoJSON text. */
#include "source/labels/geojson_feature.h"

#include <cpl_string.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"

/* Which members of an object were there. */
enum { TYPE = 1, GEOMETRY = 2, PROPERTIES = 4, ID = 8 };

void vdt_geojson_note(struct vdt_geojson_reader *reader, unsigned *seen, unsigned member)
{
    if (*seen & member)
        vdt_scan_strange(&reader->scan);
    *seen |= member;
}

bool vdt_geojson_text(struct vdt_geojson_reader *reader, struct vdt_buffer *to)
{
    if (vdt_scan_peek(&reader->scan) != '"')
        return vdt_scan_strange(&reader->scan);
    return vdt_scan_string(&reader->scan, to);
}

static bool set_value(struct vdt_geojson_reader *reader, const char *text)
{
    reader->value.size = 0;
    if (vdt_buffer_append(&reader->value, text, strlen(text) + 1))
        return true;
    reader->scan.state = VDT_SCAN_MEMORY;
    return false;
}

/* --- the class field --------------------------------------------------------------------- */

/* OGR's parser wants a digit or a sign first and one of these somewhere. */
static bool may_be_date(const char *text)
{
    if (strpbrk(text, "-/:") == NULL)
        return false;
    while (*text == ' ')
        text++;
    return *text == '+' || *text == '-' || (*text >= '0' && *text <= '9');
}

static bool has_one_type(unsigned kinds)
{
    return (kinds & ~(unsigned)(VDT_GEOJSON_TEXT | VDT_GEOJSON_DATE)) == 0 ||
           (kinds & ~(unsigned)(VDT_GEOJSON_WHOLE | VDT_GEOJSON_LARGE)) == 0 ||
           (kinds & ~(unsigned)(VDT_GEOJSON_WHOLE | VDT_GEOJSON_FRACTION)) == 0 ||
           kinds == VDT_GEOJSON_TRUTH;
}

static bool read_class_number(struct vdt_geojson_reader *reader)
{
    enum { LARGEST = 15 }; /* digits that "%.15g" writes out */
    struct vdt_scan_number number;
    char text[64];
    if (!vdt_scan_read_number(&reader->scan, &number))
        return false;
    if (number.whole) {
        int digits = snprintf(text, sizeof text, "%lld", (long long)number.integer);
        reader->kinds |= digits > LARGEST ? VDT_GEOJSON_LARGE : VDT_GEOJSON_WHOLE;
    } else {
        vdt_label_number_text(number.real, text, sizeof text);
        reader->kinds |= VDT_GEOJSON_FRACTION;
    }
    return set_value(reader, text);
}

static bool read_class_value(struct vdt_geojson_reader *reader)
{
    struct vdt_scan *scan = &reader->scan;
    char next = vdt_scan_peek(scan);
    bool read = false;
    reader->field_found = true;
    if (next == '"') {
        read = vdt_scan_string(scan, &reader->value);
        const char *text = (const char *)reader->value.data;
        if (read && !CPLIsUTF8(text, -1))
            return vdt_scan_strange(scan);
        if (read)
            reader->kinds |= may_be_date(text) ? VDT_GEOJSON_DATE : VDT_GEOJSON_TEXT;
    } else if (next == 't' || next == 'f') {
        read = vdt_scan_word(scan, next == 't' ? "true" : "false") &&
               set_value(reader, next == 't' ? "1" : "0");
        reader->kinds |= VDT_GEOJSON_TRUTH;
    } else if (next == 'n') {
        read = vdt_scan_word(scan, "null");
    } else if (next == '-' || (next >= '0' && next <= '9')) {
        read = read_class_number(reader);
    } else {
        return vdt_scan_strange(scan);
    }
    return has_one_type(reader->kinds) ? read : vdt_scan_strange(scan);
}

/* Only whole numbers from 0 on number a feature. */
static void read_id(struct vdt_scan *scan, struct vdt_geojson_ids *ids, long long *id)
{
    struct vdt_scan_number number;
    char next = vdt_scan_peek(scan);
    if (next == 'n') {
        vdt_scan_word(scan, "null");
    } else if (next == '-' || (next >= '0' && next <= '9')) {
        if (!vdt_scan_read_number(scan, &number))
            return;
        if (number.whole && number.integer >= 0)
            *id = number.integer;
        else if (number.whole)
            vdt_scan_strange(scan);
        ids->whole += number.whole;
        ids->other += !number.whole;
    } else if (next == '"') {
        vdt_scan_string(scan, NULL);
        ids->other++;
    } else {
        vdt_scan_strange(scan);
    }
}

static void read_properties(struct vdt_geojson_reader *reader, long long *id)
{
    struct vdt_scan *scan = &reader->scan;
    const char *field = reader->field;
    bool first = true, found = false, id_found = false;
    if (vdt_scan_peek(scan) == 'n') {
        vdt_scan_word(scan, "null");
        return;
    }
    if (vdt_scan_peek(scan) != '{')
        vdt_scan_strange(scan);
    while (vdt_scan_member(scan, &first)) {
        const char *key = vdt_scan_key(scan);
        if (strcmp(key, "_rev") == 0) /* CouchDB nests the properties once more */
            vdt_scan_strange(scan);
        if (field != NULL && strcmp(key, field) == 0) {
            if (found)
                vdt_scan_strange(scan);
            found = true;
            read_class_value(reader);
        } else if (strcmp(key, "id") == 0) {
            if (id_found)
                vdt_scan_strange(scan);
            id_found = true;
            read_id(scan, &reader->property, id);
        } else {
            reader->property.other += (key[0] | 0x20) == 'i' && strcasecmp(key, "id") == 0;
            vdt_scan_skip(scan);
        }
    }
}

/* --- features ---------------------------------------------------------------------------- */

static vdt_status read_feature_geometry(struct vdt_geojson_reader *reader, struct vdt_shape *shape,
                                        struct vdt_error *error)
{
    struct vdt_scan *scan = &reader->scan;
    char next = vdt_scan_peek(scan);
    if (next == '{')
        return vdt_geojson_shape(scan, &reader->room, &reader->file->source->geometry, shape,
                                 error);
    if (next == 'n')
        vdt_scan_word(scan, "null");
    else
        vdt_scan_strange(scan);
    return VDT_OK;
}

static void read_other_member(struct vdt_geojson_reader *reader)
{
    const char *field = reader->field;
    /* OGR takes members beside "properties" for fields where there are no properties. */
    if (vdt_geojson_is(&reader->scan, "crs") ||
        (field != NULL && strcmp(vdt_scan_key(&reader->scan), field) == 0))
        vdt_scan_strange(&reader->scan);
    else
        vdt_scan_skip(&reader->scan);
}

static vdt_status add_feature(struct vdt_geojson_reader *reader, long long id,
                              const struct vdt_shape *shape, struct vdt_error *error)
{
    struct vdt_label_file *file = reader->file;
    uint32_t value = 0;
    bool kept;
    if (shape->parts == 0 && shape->broken[0] != '\0') { /* for OGR to name it */
        vdt_scan_leave(&reader->scan);
        return VDT_OK;
    }
    vdt_status status = vdt_label_file_judge(file, id, shape, &kept, error);
    if (status != VDT_OK || !kept)
        return status;
    if (reader->field != NULL &&
        !vdt_values_add(&reader->values, (const char *)reader->value.data, &value))
        return vdt_fail_memory(error, file->path);
    return vdt_label_file_add(file, id, shape, value, error);
}

vdt_status vdt_geojson_feature(struct vdt_geojson_reader *reader, struct vdt_error *error)
{
    struct vdt_scan *scan = &reader->scan;
    struct vdt_shape shape = {0};
    unsigned seen = 0;
    long long id = (long long)reader->file->features; /* when nothing else numbers it */
    bool first = true;
    vdt_status status = VDT_OK;
    set_value(reader, VDT_NO_VALUE);
    while (status == VDT_OK && vdt_scan_member(scan, &first)) {
        if (vdt_geojson_is(scan, "type")) {
            vdt_geojson_note(reader, &seen, TYPE);
            if (vdt_geojson_text(reader, &scan->key) && strcmp(vdt_scan_key(scan), "Feature") != 0)
                vdt_scan_strange(scan);
        } else if (vdt_geojson_is(scan, "geometry")) {
            vdt_geojson_note(reader, &seen, GEOMETRY);
            status = read_feature_geometry(reader, &shape, error);
        } else if (vdt_geojson_is(scan, "properties")) {
            vdt_geojson_note(reader, &seen, PROPERTIES);
            read_properties(reader, &id);
        } else if (vdt_geojson_is(scan, "id")) {
            vdt_geojson_note(reader, &seen, ID);
            read_id(scan, &reader->member, &id);
        } else {
            read_other_member(reader);
        }
    }
    if (status != VDT_OK || !vdt_scan_fine(scan))
        return status;
    if (!(seen & TYPE) || !(seen & GEOMETRY)) {
        vdt_scan_leave(scan);
        return VDT_OK;
    }
    return add_feature(reader, id, &shape, error);
}
