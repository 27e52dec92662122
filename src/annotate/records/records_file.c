/* Records to and from files of columns; what is read is believed only when it holds together. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "annotate/records/records.h"
#include "base/buffer.h"
#include "base/error.h"

#define IN "annotations/"

/* --- writing --------------------------------------------------------------------------------- */

vdt_status vdt_strings_write(const struct vdt_strings *strings, const char *prefix,
                             struct vdt_table_writer *writer, struct vdt_error *error)
{
    char name[VDT_TABLE_NAME_SIZE];
    if (strings->count == 0)
        return VDT_OK;
    snprintf(name, sizeof name, "%s_text", prefix);
    vdt_status status =
        vdt_table_writer_put(writer, name, VDT_UINT8, strings->size, 1, strings->text, error);
    snprintf(name, sizeof name, "%s_offsets", prefix);
    return status == VDT_OK ? vdt_table_writer_put(writer, name, VDT_UINT64, strings->count + 1, 1,
                                                   strings->offsets, error)
                            : status;
}

/* One column of a file; NULL data: not written. */
struct column {
    const char *name;
    enum vdt_dtype type;
    uint64_t rows;
    uint32_t width;
    const void *data;
};

vdt_status vdt_record_columns_write(const struct vdt_record_columns *r,
                                    struct vdt_table_writer *writer, struct vdt_error *error)
{
    const bool outlines = r->shape_offsets != NULL, masks = r->count_offsets != NULL;
    static const uint64_t none[1] = {0};
    const struct column columns[] = {
        {IN "sample", VDT_UINT32, r->count, 1, r->count == 0 ? (const void *)none : r->sample},
        {IN "kind", VDT_UINT8, r->count, 1, r->count == 0 ? (const void *)none : r->kind},
        {IN "box", VDT_FLOAT64, r->count, 4, r->count == 0 ? (const void *)none : r->box},
        {IN "flags", VDT_UINT8, r->count, 1, r->flags},
        {IN "area", VDT_FLOAT64, r->count, 1, r->area},
        {IN "number", VDT_UINT64, r->count, 1, r->number},
        {IN "label_offsets", VDT_UINT64, r->count + 1, 1, r->label_offsets},
        {IN "label", VDT_UINT32, r->label_count, 1,
         r->label_count == 0 ? (const void *)none : r->label},
        {IN "score", VDT_FLOAT64, r->label_count, 1, r->score},
        {IN "rotated", VDT_FLOAT64, r->count, 5, r->rotated},
        {IN "shape_offsets", VDT_UINT64, r->count + 1, 1, r->shape_offsets},
        {IN "part_offsets", VDT_UINT64, r->part_count + 1, 1, outlines ? r->part_offsets : NULL},
        {IN "ring_offsets", VDT_UINT64, r->ring_count + 1, 1, outlines ? r->ring_offsets : NULL},
        {IN "points", VDT_FLOAT64, r->point_count, 2, outlines ? r->points : NULL},
        {IN "count_offsets", VDT_UINT64, r->count + 1, 1, r->count_offsets},
        {IN "counts", VDT_UINT32, r->run_count, 1, masks ? r->counts : NULL},
        {IN "size", VDT_UINT32, r->count, 2, masks ? r->size : NULL},
        {"labels/code", VDT_INT64, r->labels.count, 1, r->codes},
    };
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < sizeof columns / sizeof *columns; i++)
        if (columns[i].data != NULL)
            status = vdt_table_writer_put(writer, columns[i].name, columns[i].type, columns[i].rows,
                                          columns[i].width, columns[i].data, error);
    if (status == VDT_OK)
        status = vdt_strings_write(&r->ids, IN "id", writer, error);
    if (status == VDT_OK)
        status = vdt_strings_write(&r->metadata, IN "metadata", writer, error);
    return status == VDT_OK ? vdt_strings_write(&r->labels, "labels/label", writer, error) : status;
}

/* --- reading --------------------------------------------------------------------------------- */

vdt_status vdt_strings_read(struct vdt_strings *strings, const char *prefix, uint64_t count,
                            unsigned parts, bool optional, struct vdt_table_file *table,
                            struct vdt_error *error)
{
    char name[VDT_TABLE_NAME_SIZE];
    uint64_t found = 0, size = 0;
    snprintf(name, sizeof name, "%s_text", prefix);
    if (vdt_table_file_column(table, name) == NULL && (optional || count == 0))
        return VDT_OK;
    vdt_status status = vdt_table_file_load(table, name, VDT_UINT8, UINT64_MAX, 1, false,
                                            &strings->text, &size, error);
    snprintf(name, sizeof name, "%s_offsets", prefix);
    if (status == VDT_OK)
        status = vdt_table_file_load(table, name, VDT_UINT64,
                                     count == UINT64_MAX ? UINT64_MAX : count + 1, 1, false,
                                     &strings->offsets, &found, error);
    if (status != VDT_OK)
        return status;
    strings->size = strings->text_capacity = (size_t)size;
    strings->capacity = (size_t)found;
    strings->count = found == 0 ? 0 : (size_t)found - 1;
    return vdt_strings_sound(strings, parts)
               ? VDT_OK
               : vdt_fail(error, VDT_ERR_FORMAT,
                          "%s: \"%s\" does not hold together: the file is "
                          "damaged",
                          vdt_table_file_path(table), prefix);
}

static vdt_status damaged(const struct vdt_table_file *table, const char *name, uint64_t row,
                          struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_FORMAT, "%s: " IN "%s[%llu] cannot be: the file is damaged",
                    vdt_table_file_path(table), name, (unsigned long long)row);
}

/* Offsets rise from 0 to `end`. */
static vdt_status check_offsets(const struct vdt_table_file *table, const char *name,
                                const uint64_t *offsets, uint64_t count, uint64_t end,
                                struct vdt_error *error)
{
    uint64_t falling = offsets[0] != 0 || offsets[count] != end;
    for (uint64_t i = 0; i < count; i++)
        falling |= offsets[i + 1] < offsets[i];
    return falling ? damaged(table, name, count, error) : VDT_OK;
}

static vdt_status read_labels(struct vdt_record_columns *r, struct vdt_table_file *table,
                              struct vdt_error *error)
{
    uint64_t labels = 0;
    vdt_status status =
        vdt_strings_read(&r->labels, "labels/label", UINT64_MAX, 2, true, table, error);
    if (status == VDT_OK)
        status = vdt_table_file_load(table, "labels/code", VDT_INT64, r->labels.count, 1,
                                     r->labels.count == 0, &r->codes, NULL, error);
    if (status == VDT_OK)
        status = vdt_table_file_load(table, IN "label_offsets", VDT_UINT64, r->count + 1, 1, true,
                                     &r->label_offsets, NULL, error);
    if (status == VDT_OK)
        status = vdt_table_file_load(table, IN "label", VDT_UINT32, UINT64_MAX, 1, false, &r->label,
                                     &labels, error);
    if (status == VDT_OK)
        status = vdt_table_file_load(table, IN "score", VDT_FLOAT64, labels, 1, true, &r->score,
                                     NULL, error);
    if (status != VDT_OK)
        return status;
    r->code_capacity = r->labels.count;
    r->label_count = r->label_capacity = (size_t)labels;
    uint32_t largest = 0;
    for (size_t i = 0; i < r->label_count; i++)
        largest = r->label[i] > largest ? r->label[i] : largest;
    if (r->label_count > 0 && largest >= r->labels.count)
        return damaged(table, "label", largest, error);
    if (r->label_offsets != NULL)
        return check_offsets(table, "label_offsets", r->label_offsets, r->count, labels, error);
    return labels == r->count ? VDT_OK : damaged(table, "label", labels, error);
}

static vdt_status read_shapes(struct vdt_record_columns *r, struct vdt_table_file *table,
                              struct vdt_error *error)
{
    uint64_t parts = 1, rings = 1, points = 0;
    vdt_status status = vdt_table_file_load(table, IN "shape_offsets", VDT_UINT64, r->count + 1, 1,
                                            true, &r->shape_offsets, NULL, error);
    if (status != VDT_OK || r->shape_offsets == NULL)
        return status;
    status = vdt_table_file_load(table, IN "part_offsets", VDT_UINT64, UINT64_MAX, 1, false,
                                 &r->part_offsets, &parts, error);
    if (status == VDT_OK)
        status = vdt_table_file_load(table, IN "ring_offsets", VDT_UINT64, UINT64_MAX, 1, false,
                                     &r->ring_offsets, &rings, error);
    if (status == VDT_OK)
        status = vdt_table_file_load(table, IN "points", VDT_FLOAT64, UINT64_MAX, 2, false,
                                     &r->points, &points, error);
    if (status != VDT_OK)
        return status;
    if (parts == 0 || rings == 0)
        return damaged(table, "part_offsets", 0, error);
    r->part_capacity = (size_t)parts;
    r->ring_capacity = (size_t)rings;
    r->part_count = (size_t)parts - 1;
    r->ring_count = (size_t)rings - 1;
    r->point_count = r->point_capacity = (size_t)points;
    status =
        check_offsets(table, "shape_offsets", r->shape_offsets, r->count, r->part_count, error);
    if (status == VDT_OK)
        status = check_offsets(table, "part_offsets", r->part_offsets, r->part_count, r->ring_count,
                               error);
    return status == VDT_OK ? check_offsets(table, "ring_offsets", r->ring_offsets, r->ring_count,
                                            r->point_count, error)
                            : status;
}

static vdt_status read_masks(struct vdt_record_columns *r, struct vdt_table_file *table,
                             struct vdt_error *error)
{
    uint64_t runs = 0;
    vdt_status status = vdt_table_file_load(table, IN "count_offsets", VDT_UINT64, r->count + 1, 1,
                                            true, &r->count_offsets, NULL, error);
    if (status != VDT_OK || r->count_offsets == NULL)
        return status;
    status = vdt_table_file_load(table, IN "counts", VDT_UINT32, UINT64_MAX, 1, false, &r->counts,
                                 &runs, error);
    if (status == VDT_OK)
        status = vdt_table_file_load(table, IN "size", VDT_UINT32, r->count, 2, false, &r->size,
                                     NULL, error);
    if (status != VDT_OK)
        return status;
    r->run_count = r->run_capacity = (size_t)runs;
    return check_offsets(table, "count_offsets", r->count_offsets, r->count, runs, error);
}

vdt_status vdt_record_columns_read(struct vdt_record_columns *r, struct vdt_table_file *table,
                                   uint64_t samples, struct vdt_error *error)
{
    vdt_status status = vdt_table_file_load(table, IN "sample", VDT_UINT32, UINT64_MAX, 1, false,
                                            &r->sample, &r->count, error);
    r->capacity = (size_t)r->count;
    const struct {
        const char *name;
        enum vdt_dtype type;
        uint32_t width;
        bool optional;
        void *data;
    } columns[] = {
        {IN "kind", VDT_UINT8, 1, false, &r->kind},
        {IN "box", VDT_FLOAT64, 4, false, &r->box},
        {IN "flags", VDT_UINT8, 1, true, &r->flags},
        {IN "area", VDT_FLOAT64, 1, true, &r->area},
        {IN "number", VDT_UINT64, 1, true, &r->number},
        {IN "rotated", VDT_FLOAT64, 5, true, &r->rotated},
    };
    for (size_t i = 0; status == VDT_OK && i < sizeof columns / sizeof *columns; i++)
        status =
            vdt_table_file_load(table, columns[i].name, columns[i].type, r->count, columns[i].width,
                                columns[i].optional, columns[i].data, NULL, error);
    if (status == VDT_OK)
        status = read_labels(r, table, error);
    if (status == VDT_OK)
        status = read_shapes(r, table, error);
    if (status == VDT_OK)
        status = read_masks(r, table, error);
    if (status == VDT_OK)
        status = vdt_strings_read(&r->ids, IN "id", r->count, 1, true, table, error);
    if (status == VDT_OK)
        status = vdt_strings_read(&r->metadata, IN "metadata", r->count, 1, true, table, error);
    return status == VDT_OK
               ? vdt_record_columns_check(r, samples, vdt_table_file_path(table), error)
               : status;
}
