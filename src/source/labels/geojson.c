/* GeoJSON without OGR: documents and features. */
#include "source/labels/geojson.h"

#include <cpl_string.h>
#include <gdal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "source/labels/geojson_feature.h"

enum { LONGEST_CRS = 256 };

/* Which members of a document were there. */
enum { TYPE = 1, CRS = 2, FEATURES = 4 };

static void clear_reader(struct vdt_geojson_reader *reader)
{
    vdt_scan_close(&reader->scan);
    vdt_geojson_shape_clear(&reader->room);
    vdt_values_clear(&reader->values);
    vdt_buffer_clear(&reader->value);
    vdt_buffer_clear(&reader->crs);
}

/* --- documents --------------------------------------------------------------------------- */

/* {"type": "name", "properties": {"name": "..."}} */
static void read_crs(struct vdt_geojson_reader *reader)
{
    struct vdt_scan *scan = &reader->scan;
    bool first = true, first_property = true;
    if (vdt_scan_peek(scan) != '{')
        vdt_scan_strange(scan);
    while (vdt_scan_member(scan, &first)) {
        if (strcmp(vdt_scan_key(scan), "type") == 0) {
            if (vdt_geojson_text(reader, &scan->key) && strcmp(vdt_scan_key(scan), "name") != 0)
                vdt_scan_strange(scan);
        } else if (strcmp(vdt_scan_key(scan), "properties") == 0 && first_property &&
                   vdt_scan_peek(scan) == '{') {
            while (vdt_scan_member(scan, &first_property))
                if (strcmp(vdt_scan_key(scan), "name") != 0 || reader->crs.size > 0 ||
                    !vdt_geojson_text(reader, &reader->crs))
                    vdt_scan_strange(scan);
        } else {
            vdt_scan_strange(scan);
        }
    }
    if (!vdt_scan_fine(scan))
        return;
    /* It goes into JSON again as it is. */
    const char *name = (const char *)reader->crs.data;
    if (reader->crs.size == 0 || reader->crs.size > LONGEST_CRS ||
        strpbrk(name, "\"\\\b\f\n\r\t") != NULL)
        vdt_scan_strange(scan);
}

static vdt_status read_features(struct vdt_geojson_reader *reader, struct vdt_error *error)
{
    struct vdt_scan *scan = &reader->scan;
    bool first = true;
    vdt_status status = VDT_OK;
    if (vdt_scan_peek(scan) != '[')
        vdt_scan_strange(scan);
    while (status == VDT_OK && vdt_scan_element(scan, &first)) {
        if (vdt_scan_peek(scan) != '{')
            vdt_scan_strange(scan);
        status = vdt_geojson_feature(reader, error);
    }
    return status;
}

/* A collection; *sequence when it turns out to be a feature instead. */
static vdt_status read_collection(struct vdt_geojson_reader *reader, bool *sequence,
                                  struct vdt_error *error)
{
    struct vdt_scan *scan = &reader->scan;
    unsigned seen = 0;
    bool first = true;
    vdt_status status = VDT_OK;
    while (status == VDT_OK && vdt_scan_member(scan, &first)) {
        if (vdt_geojson_is(scan, "type")) {
            vdt_geojson_note(reader, &seen, TYPE);
            vdt_geojson_text(reader, &scan->key);
            if (vdt_scan_fine(scan) && strcmp(vdt_scan_key(scan), "Feature") == 0) {
                *sequence = true;
                return VDT_OK;
            }
            if (vdt_scan_fine(scan) && strcmp(vdt_scan_key(scan), "FeatureCollection") != 0)
                vdt_scan_strange(scan);
            reader->known = vdt_scan_fine(scan);
        } else if (vdt_geojson_is(scan, "features")) {
            vdt_geojson_note(reader, &seen, FEATURES);
            status = read_features(reader, error);
        } else if (vdt_geojson_is(scan, "crs")) {
            vdt_geojson_note(reader, &seen, CRS);
            read_crs(reader);
        } else if (vdt_geojson_is(scan, "geometry") || vdt_geojson_is(scan, "properties")) {
            *sequence = seen == 0;
            if (*sequence)
                return VDT_OK;
            vdt_scan_strange(scan);
        } else if (vdt_geojson_is(scan, "coordRefSys") || vdt_geojson_is(scan, "conformsTo")) {
            vdt_scan_strange(scan); /* JSON-FG */
        } else {
            vdt_scan_skip(scan);
        }
    }
    if (vdt_scan_fine(scan) && (seen & (TYPE | FEATURES)) != (TYPE | FEATURES))
        vdt_scan_leave(scan);
    if (vdt_scan_fine(scan) && !vdt_scan_at_end(scan))
        vdt_scan_damaged(scan, "more text behind the end");
    return status;
}

/* Features one after the other, each perhaps with a record separator before it (RFC 8142). */
static vdt_status read_sequence(struct vdt_geojson_reader *reader, struct vdt_error *error)
{
    enum { SEPARATOR = 0x1e };
    struct vdt_scan *scan = &reader->scan;
    vdt_status status = VDT_OK;
    uint64_t count = 0;
    while (status == VDT_OK && vdt_scan_fine(scan)) {
        while (vdt_scan_peek(scan) == SEPARATOR)
            scan->at++;
        if (vdt_scan_at_end(scan))
            break;
        status = vdt_geojson_feature(reader, error);
        reader->known = ++count > 1;
    }
    if (count < 2)
        vdt_scan_leave(scan);
    return status;
}

static vdt_status read_document(struct vdt_geojson_reader *reader, struct vdt_error *error)
{
    static const char mark[] = "\xef\xbb\xbf";
    struct vdt_scan *scan = &reader->scan;
    vdt_scan_peek(scan);
    if (strncmp(scan->at, mark, strlen(mark)) == 0)
        scan->at += strlen(mark);
    char next = vdt_scan_peek(scan);
    bool sequence = next == 0x1e;
    uint64_t begin = vdt_scan_offset(scan);
    vdt_status status = VDT_OK;
    if (next == '{')
        status = read_collection(reader, &sequence, error);
    else if (!sequence)
        vdt_scan_strange(scan);
    if (!sequence)
        return status;
    if (!vdt_scan_restart(scan, begin))
        return VDT_OK;
    return read_sequence(reader, error);
}

/* --- files ------------------------------------------------------------------------------- */

/* The CRS that OGR gives such a file. */
static vdt_status find_crs(const struct vdt_geojson_reader *reader, char **crs,
                           struct vdt_error *error)
{
    char text[1024], member[512] = "";
    static const char *const drivers[] = {"GeoJSON", NULL};
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    if (reader->crs.size > 0)
        snprintf(member, sizeof member,
                 "\"crs\":{\"type\":\"name\",\"properties\":{\"name\":\"%s\"}},",
                 (const char *)reader->crs.data);
    snprintf(text, sizeof text,
             "{\"type\":\"FeatureCollection\",%s\"features\":[{\"type\":\"Feature\",\"properties\":"
             "{},\"geometry\":{\"type\":\"Point\",\"coordinates\":[0,0]}}]}",
             member);
    GDALDatasetH dataset =
        GDALOpenEx(text, GDAL_OF_VECTOR | GDAL_OF_VERBOSE_ERROR, drivers, NULL, NULL);
    if (dataset == NULL)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: its CRS is not known (%s)", reader->file->path,
                        vdt_quiet_text(&quiet, "GDAL has no GeoJSON driver"));
    vdt_status status = vdt_label_layer_crs(GDALDatasetGetLayer(dataset, 0), &quiet,
                                            reader->file->path, crs, error);
    GDALClose(dataset);
    return status;
}

static int compare_ids(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

/* False when two features have one id: OGR's versions differ in what they make of that. */
static vdt_status find_unique(const struct vdt_feature *features, size_t count, bool *unique,
                              struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) int64_t *ids = vdt_allocate(count, sizeof *ids);
    if (ids == NULL)
        return vdt_fail_memory(error, "labels");
    bool sorted = true;
    for (size_t i = 0; i < count; i++) {
        ids[i] = features[i].id;
        sorted = sorted && (i == 0 || ids[i - 1] < ids[i]);
    }
    if (!sorted)
        qsort(ids, count, sizeof *ids, compare_ids);
    *unique = true;
    for (size_t i = 1; i < count && !sorted; i++)
        *unique = *unique && ids[i - 1] != ids[i];
    return VDT_OK;
}

/* What can only be told when all is read. */
static vdt_status find_usual(const struct vdt_geojson_reader *reader, size_t first, bool *usual,
                             struct vdt_error *error)
{
    const struct vdt_label_file *file = reader->file;
    const struct vdt_geometry *geometry = &file->source->geometry;
    *usual = file->features > 0 && (reader->field_found || reader->field == NULL) &&
             reader->kinds != VDT_GEOJSON_DATE;
    const struct vdt_geojson_ids *member = &reader->member, *property = &reader->property;
    if (!*usual || member->whole + property->whole == 0)
        return VDT_OK;
    /* One kind of number, and all have it. */
    *usual = member->whole + property->whole == file->features &&
             (member->whole == 0 || property->whole + property->other == 0) &&
             (property->whole == 0 || member->whole + member->other + property->other == 0);
    return *usual ? find_unique(geometry->features + first, geometry->feature_count - first, usual,
                                error)
                  : VDT_OK;
}

/* A class map has an end mark behind every value, which values themselves have not. */
static bool hand_over_value(struct vdt_geojson_reader *reader, size_t value, uint32_t *number)
{
    char *text = reader->values.texts[value];
    if (reader->file->options->class_map == NULL)
        return vdt_values_add(reader->file->values, text, number);
    for (char *c = text; *c != '\0'; c++)
        *c = *c == VDT_VALUE_END ? ' ' : *c;
    const char end[] = {VDT_VALUE_END, '\0'};
    reader->value.size = 0;
    return vdt_buffer_append(&reader->value, text, strlen(text)) &&
           vdt_buffer_append(&reader->value, end, sizeof end) &&
           vdt_values_add(reader->file->values, (const char *)reader->value.data, number);
}

/* The file's features become those of the source: its values get the source's numbers. */
static vdt_status hand_over(struct vdt_geojson_reader *reader, const struct vdt_geometry *before,
                            struct vdt_error *error)
{
    struct vdt_label_file *file = reader->file;
    struct vdt_geometry *geometry = &file->source->geometry;
    vdt_cleanup(vdt_free_pointer) char *crs = NULL;
    vdt_cleanup(vdt_free_pointer) uint32_t *numbers =
        vdt_allocate(reader->values.count, sizeof *numbers);
    size_t layer;
    if (numbers == NULL)
        return vdt_fail_memory(error, file->path);
    vdt_status status = find_crs(reader, &crs, error);
    if (status == VDT_OK)
        status = vdt_label_file_begin(file, crs, &layer, error);
    if (status != VDT_OK)
        return status;
    file->source->layers[layer].first_feature = before->feature_count;
    file->source->layers[layer].first_point = before->point_count;
    vdt_label_file_end(file, layer);
    for (size_t i = 0; i < reader->values.count; i++)
        if (!hand_over_value(reader, i, &numbers[i]))
            return vdt_fail_memory(error, file->path);
    for (size_t i = before->feature_count; i < geometry->feature_count; i++)
        if (reader->values.count > 0)
            geometry->features[i].class_id = numbers[geometry->features[i].class_id];
    return VDT_OK;
}

static vdt_status fail_damaged(struct vdt_geojson_reader *reader, struct vdt_error *error)
{
    uint64_t offset = reader->scan.problem_offset;
    uint64_t line = vdt_scan_line(&reader->scan, offset);
    return vdt_fail(error, VDT_ERR_FORMAT, "%s: line %llu, byte %llu: %s", reader->file->path,
                    (unsigned long long)line, (unsigned long long)offset, reader->scan.problem);
}

/* Fields that OGR has other ideas about. */
static bool has_usual_options(const struct vdt_label_options *options, const char **field)
{
    if (!vdt_label_one_field(options, field))
        return false;
    return *field == NULL ? options->class_count <= 1
                          : strcasecmp(*field, "id") != 0 && strcmp(*field, "properties") != 0;
}

vdt_status vdt_geojson_read(struct vdt_label_file *file, bool *taken, struct vdt_error *error)
{
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    struct vdt_geometry *geometry = &file->source->geometry;
    const struct vdt_geometry before = *geometry;
    struct vdt_label_file read = *file;
    vdt_cleanup(clear_reader) struct vdt_geojson_reader reader = {.file = &read};
    bool usual = false;
    *taken = false;
    reader.room.lines = vdt_label_keeps_lines(file->options);
    if (!has_usual_options(file->options, &reader.field) ||
        !vdt_scan_open(&reader.scan, file->path))
        return VDT_OK;
    vdt_status status = read_document(&reader, error);
    if (status == VDT_OK && reader.scan.state == VDT_SCAN_MEMORY)
        status = vdt_fail_memory(error, file->path);
    if (status == VDT_OK && reader.scan.state == VDT_SCAN_DAMAGED && reader.known)
        status = fail_damaged(&reader, error);
    if (status == VDT_OK && vdt_scan_fine(&reader.scan))
        status = find_usual(&reader, before.feature_count, &usual, error);
    if (status != VDT_OK)
        return status;
    if (usual) {
        status = hand_over(&reader, &before, error);
        if (status != VDT_OK)
            return status;
        *taken = true;
        *file = read;
        return VDT_OK;
    }
    geometry->feature_count = before.feature_count;
    geometry->part_count = before.part_count;
    geometry->ring_count = before.ring_count;
    geometry->point_count = before.point_count;
    return VDT_OK;
}
