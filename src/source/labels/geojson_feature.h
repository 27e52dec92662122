/* The features of GeoJSON text. Private to source/. */
#ifndef SOURCE_GEOJSON_FEATURE_H
#define SOURCE_GEOJSON_FEATURE_H

#include "source/labels/geojson_shape.h"
#include "source/labels/labels_state.h"
#include "source/labels/scan.h"

/* What values of the class field were met. OGR gives a field one type for the whole file, and
 * writes its values by that. */
enum {
    VDT_GEOJSON_TEXT = 1,
    VDT_GEOJSON_DATE = 2, /* a text that OGR may take for a date or time */
    VDT_GEOJSON_WHOLE = 4,
    VDT_GEOJSON_LARGE =
        8, /* a whole number that is written in another way where there are fractions */
    VDT_GEOJSON_FRACTION = 16,
    VDT_GEOJSON_TRUTH = 32
};

struct vdt_geojson_reader {
    struct vdt_label_file *file;
    const char *field; /* that decides about classes, or NULL */
    struct vdt_scan scan;
    struct vdt_geojson_shape room;
    struct vdt_values values; /* of this file: they are no one's before all is read */
    struct vdt_buffer value;  /* the class value of the feature */
    struct vdt_buffer crs;    /* name of the CRS, or nothing: the document's */
    unsigned kinds;
    bool known;       /* this is a GeoJSON file */
    bool field_found; /* some feature has the class field */
    struct vdt_geojson_ids {
        uint64_t whole, other; /* features with such an "id": not below 0, or text and the like */
    } member, property;        /* beside the properties, and among them */
};

/* Takes a feature and adds it to the file. Fails only when memory is out; trouble with the text is
 * in the scan's state. */
vdt_status vdt_geojson_feature(struct vdt_geojson_reader *reader, struct vdt_error *error);

/* Takes a text; strange when something else is next. */
bool vdt_geojson_text(struct vdt_geojson_reader *reader, struct vdt_buffer *to);

/* Notes a member of an object. Where one comes twice, OGR takes one of the two: strange. */
void vdt_geojson_note(struct vdt_geojson_reader *reader, unsigned *seen, unsigned member);

#endif
