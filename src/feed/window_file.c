/* Windows of a file: which rows there are, and where they lie. */
#include "feed/window_file.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "feed/window_csv.h"
#include "store/layout.h"

void vdt_window_file_clear(struct vdt_window_file *file)
{
    for (size_t i = 0; i < file->count; i++) {
        free(file->rows[i].scene);
        free(file->rows[i].outline);
    }
    free(file->rows);
    free(file->groups);
    free(file->crs);
    *file = (struct vdt_window_file){0};
}

vdt_status vdt_window_file_fail(const struct vdt_window_file *file,
                                const struct vdt_window_row *row, const char *what,
                                struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: %s %lld: %s", file->path,
                    file->csv ? "line" : "entry", (long long)row->number, what);
}

vdt_status vdt_window_file_add(struct vdt_window_file *file, int64_t number,
                               struct vdt_window_row **row, struct vdt_error *error)
{
    if (!vdt_grow(&file->rows, &file->capacity, file->count + 1, sizeof *file->rows))
        return vdt_fail_memory(error, file->path);
    *row = &file->rows[file->count++];
    **row = (struct vdt_window_row){.number = number, .group = -1};
    return VDT_OK;
}

vdt_status vdt_window_file_group(struct vdt_window_file *file, struct vdt_window_row *row,
                                 const char *name, struct vdt_error *error)
{
    enum { MOST = 64 };
    if (!vdt_group_name_valid(name))
        return vdt_window_file_fail(file, row, "its group is no name of a group", error);
    for (size_t i = 0; i < file->group_count; i++)
        if (strcmp(file->groups[i], name) == 0)
            row->group = (int)i;
    if (row->group >= 0)
        return VDT_OK;
    if (file->group_count + 1 >= MOST)
        return vdt_window_file_fail(file, row, "too many groups, at most 63", error);
    if (!vdt_grow(&file->groups, &file->group_capacity, file->group_count + 1,
                  sizeof *file->groups))
        return vdt_fail_memory(error, file->path);
    snprintf(file->groups[file->group_count], sizeof *file->groups, "%s", name);
    row->group = (int)file->group_count++;
    return VDT_OK;
}

/* --- JSON -------------------------------------------------------------------------------- */

static vdt_status take_outline(struct vdt_window_file *file, struct vdt_window_row *row,
                               const json_t *geometry, struct vdt_error *error)
{
    const char *type = json_string_value(json_object_get(geometry, "type"));
    const json_t *ring = json_array_get(json_object_get(geometry, "coordinates"), 0);
    size_t count = json_array_size(ring);
    if (type == NULL || strcmp(type, "Polygon") != 0 || count < 4)
        return vdt_window_file_fail(file, row, "it has neither col and row nor a polygon", error);
    row->outline = vdt_allocate(count, sizeof *row->outline);
    if (row->outline == NULL)
        return vdt_fail_memory(error, file->path);
    row->outline_count = count;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < 2; k++) {
            const json_t *value = json_array_get(json_array_get(ring, i), k);
            if (!json_is_number(value))
                return vdt_window_file_fail(file, row, "its polygon has a point that is none",
                                            error);
            row->outline[i][k] = json_number_value(value);
        }
    return VDT_OK;
}

static vdt_status take_number(const struct vdt_window_file *file, const struct vdt_window_row *row,
                              const json_t *object, const char *name, int64_t *value,
                              struct vdt_error *error)
{
    const json_t *found = json_object_get(object, name);
    if (found == NULL || json_is_null(found))
        return VDT_OK;
    if (!json_is_integer(found))
        return vdt_window_file_fail(file, row, "col, row, cols and rows are whole numbers", error);
    *value = json_integer_value(found);
    return VDT_OK;
}

static vdt_status take_entry(struct vdt_window_file *file, const json_t *entry, int64_t number,
                             struct vdt_error *error)
{
    struct vdt_window_row *row = NULL;
    const json_t *geometry = json_object_get(entry, "geometry");
    const json_t *object = json_object_get(entry, "properties");
    vdt_status status = vdt_window_file_add(file, number, &row, error);
    if (status != VDT_OK)
        return status;
    object = json_is_object(object) ? object : entry;
    const char *scene = json_string_value(json_object_get(object, "scene"));
    const char *group = json_string_value(json_object_get(object, "group"));
    if (scene != NULL && (row->scene = vdt_copy_string(scene)) == NULL)
        return vdt_fail_memory(error, file->path);
    static const char *const names[] = {"col", "row", "cols", "rows"};
    int64_t *const values[] = {&row->col, &row->row, &row->cols, &row->rows};
    for (int i = 0; status == VDT_OK && i < 4; i++)
        status = take_number(file, row, object, names[i], values[i], error);
    bool placed = json_is_integer(json_object_get(object, "col")) &&
                  json_is_integer(json_object_get(object, "row"));
    if (status == VDT_OK && !placed)
        status = take_outline(file, row, geometry, error);
    if (status == VDT_OK && group != NULL)
        status = vdt_window_file_group(file, row, group, error);
    return status;
}

static vdt_status read_json(struct vdt_window_file *file, const char *text, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *root = NULL;
    vdt_status status = vdt_json_parse(text, file->path, &root, error);
    if (status != VDT_OK)
        return status;
    const json_t *list = root;
    if (json_is_object(root))
        list = json_object_get(root, json_object_get(root, "features") ? "features" : "windows");
    const char *crs = json_string_value(
        json_object_get(json_object_get(json_object_get(root, "crs"), "properties"), "name"));
    file->crs = vdt_copy_string(crs == NULL ? "EPSG:4326" : crs);
    if (file->crs == NULL)
        return vdt_fail_memory(error, file->path);
    if (!json_is_array(list))
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "%s: no list of windows: an array of objects with col and row, or a "
                        "FeatureCollection",
                        file->path);
    for (size_t i = 0; status == VDT_OK && i < json_array_size(list); i++)
        status = take_entry(file, json_array_get(list, i), (int64_t)i + 1, error);
    return status;
}

/* --- files ------------------------------------------------------------------------------- */

static void close_file(FILE **file)
{
    if (*file != NULL)
        fclose(*file);
}

/* All bytes with a 0 behind them. */
static vdt_status read_text(const char *path, struct vdt_buffer *text, struct vdt_error *error)
{
    char piece[65536];
    size_t got;
    vdt_cleanup(close_file) FILE *stream = fopen(path, "rb");
    if (stream == NULL)
        return vdt_fail_errno(error, path);
    while ((got = fread(piece, 1, sizeof piece, stream)) > 0)
        if (!vdt_buffer_append(text, piece, got))
            return vdt_fail_memory(error, path);
    if (ferror(stream))
        return vdt_fail_errno(error, path);
    return vdt_buffer_append(text, "", 1) ? VDT_OK : vdt_fail_memory(error, path);
}

vdt_status vdt_window_file_read(struct vdt_window_file *file, const char *path,
                                struct vdt_error *error)
{
    vdt_cleanup(vdt_buffer_clear) struct vdt_buffer text = {0};
    file->path = path;
    vdt_status status = read_text(path, &text, error);
    if (status != VDT_OK)
        return status;
    char *begin = (char *)text.data;
    if (memcmp(begin, "\xef\xbb\xbf", text.size < 3 ? text.size : 3) == 0)
        begin += 3;
    const char *first = begin + strspn(begin, " \t\r\n");
    file->csv = *first != '[' && *first != '{';
    status = file->csv ? vdt_window_csv_read(file, begin, error) : read_json(file, first, error);
    if (status == VDT_OK && file->count == 0)
        status = vdt_fail(error, VDT_ERR_ARGUMENT, "%s: no windows in it", path);
    return status;
}

/* --- places ------------------------------------------------------------------------------ */

static vdt_status fail_size(const struct vdt_window_file *file, const struct vdt_window_row *row,
                            const struct vdt_tile_spec *tile, double cols, double rows,
                            struct vdt_error *error)
{
    char text[120];
    snprintf(text, sizeof text, "%.6g x %.6g pixels, but tiles are %u x %u (columns x rows)", cols,
             rows, tile->cols, tile->rows);
    return vdt_window_file_fail(file, row, text, error);
}

/* The window around an outline, to the nearest pixel. */
static vdt_status place_outline(const struct vdt_window_file *file,
                                const struct vdt_window_row *row, struct vdt_scene *scene,
                                const struct vdt_tile_spec *tile, struct vdt_window *window,
                                struct vdt_error *error)
{
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
    vdt_cleanup(vdt_free_pointer) double(*points)[2] =
        vdt_allocate(row->outline_count, sizeof *points);
    vdt_cleanup(vdt_free_pointer) bool *ok = vdt_allocate(row->outline_count, sizeof *ok);
    if (points == NULL || ok == NULL)
        return vdt_fail_memory(error, file->path);
    memcpy(points, row->outline, row->outline_count * sizeof *points);
    vdt_status status =
        vdt_scene_place(scene, file->crs, file->path, points, row->outline_count, ok, error);
    for (size_t i = 0; status == VDT_OK && i < row->outline_count; i++) {
        if (!ok[i])
            return vdt_window_file_fail(file, row, "its polygon has no place in the scene", error);
        for (int k = 0; k < 2; k++) {
            low[k] = fmin(low[k], points[i][k]);
            high[k] = fmax(high[k], points[i][k]);
        }
    }
    if (status != VDT_OK)
        return status;
    if (!(fabs(high[0] - low[0] - tile->cols) < 0.5) ||
        !(fabs(high[1] - low[1] - tile->rows) < 0.5))
        return fail_size(file, row, tile, high[0] - low[0], high[1] - low[1], error);
    if (!(fabs(low[0]) < 0x1p30 && fabs(low[1]) < 0x1p30))
        return vdt_window_file_fail(file, row, "it lies outside of the scene", error);
    window->col = (int32_t)floor(low[0] + 0.5);
    window->row = (int32_t)floor(low[1] + 0.5);
    return VDT_OK;
}

vdt_status vdt_window_file_place(const struct vdt_window_file *file,
                                 const struct vdt_window_row *row, struct vdt_scene *scene,
                                 const struct vdt_tile_spec *tile, struct vdt_window *window,
                                 struct vdt_error *error)
{
    *window = (struct vdt_window){.cols = (int32_t)tile->cols, .rows = (int32_t)tile->rows};
    if (row->outline != NULL)
        return place_outline(file, row, scene, tile, window, error);
    if ((row->cols != 0 && row->cols != window->cols) ||
        (row->rows != 0 && row->rows != window->rows))
        return fail_size(file, row, tile, (double)row->cols, (double)row->rows, error);
    if (llabs(row->col) >= 1 << 30 || llabs(row->row) >= 1 << 30)
        return vdt_window_file_fail(file, row, "it lies outside of the scene", error);
    window->col = (int32_t)row->col;
    window->row = (int32_t)row->row;
    return VDT_OK;
}
