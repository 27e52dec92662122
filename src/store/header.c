/* Root attributes and tables. */
#include "store/header.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/buffer.h"
#include "base/error.h"
#include "store/column.h"
#include "store/decoder.h"
#include "store/h5.h"
#include "store/h5_types.h"

enum { TABLE_CHUNK_ROWS = 4 };

static const enum vdt_task all_tasks[] = {VDT_CLASSIFICATION, VDT_DETECTION, VDT_SEGMENTATION,
                                          VDT_INSTANCE,       VDT_BOUNDARY,  VDT_CONTACT,
                                          VDT_DISTANCE,       VDT_REGRESSION};
enum { TASKS = sizeof all_tasks / sizeof *all_tasks };

void vdt_header_clear(struct vdt_header *header)
{
    vdt_layout_clear(&header->layout);
    free(header->format);
    free(header->uuid);
    free(header->created_at);
    free(header->producer);
    free(header->feed_config);
    free(header->split);
    free(header->feed_failures);
    free(header->scene_members);
    free(header->times);
    *header = (struct vdt_header){0};
}

static char *make_uuid(void)
{
    unsigned char b[16];
    if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b)
        return NULL;
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    char text[37];
    snprintf(text, sizeof text,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
             b[15]);
    return vdt_copy_string(text);
}

static char *make_time(void)
{
    time_t now = time(NULL);
    struct tm parts;
    char text[32];
    gmtime_r(&now, &parts);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return vdt_copy_string(text);
}

static char *make_producer(void)
{
    char *producer = vdt_copy_string(vdt_versions());
    for (char *c = producer; c != NULL && *c != '\0'; c++)
        if (*c == '\n')
            *c = c[1] == '\0' ? '\0' : ';';
    return producer;
}

vdt_status vdt_header_make(struct vdt_header *header, const struct vdt_store_spec *spec,
                           struct vdt_error *error)
{
    struct vdt_header made = {0};
    vdt_status status = vdt_layout_init(&made.layout, spec, error);
    if (status != VDT_OK)
        return status;
    made.format = vdt_copy_string(VDT_STORE_FORMAT);
    made.uuid = make_uuid();
    made.created_at = make_time();
    made.producer = make_producer();
    made.feed_config = vdt_copy_string("[]");
    made.split = vdt_copy_string("{}");
    made.feed_failures = vdt_copy_string("[]");
    made.scene_members = vdt_copy_string("{}");
    made.times = vdt_copy_string("[]");
    if (made.format == NULL || made.uuid == NULL || made.created_at == NULL ||
        made.producer == NULL || made.feed_config == NULL || made.split == NULL ||
        made.feed_failures == NULL || made.scene_members == NULL || made.times == NULL) {
        vdt_header_clear(&made);
        return vdt_fail_memory(error, "store header");
    }
    *header = made;
    return VDT_OK;
}

static vdt_status write_shape(hid_t file, const struct vdt_tile_spec *tile, struct vdt_error *error)
{
    uint32_t shape[3] = {tile->bands, tile->rows, tile->cols};
    hsize_t three = 3;
    if (H5Aexists(file, "tile_shape") > 0)
        return VDT_OK;
    vdt_cleanup(vdt_h5_close_space) hid_t space = H5Screate_simple(1, &three, NULL);
    vdt_cleanup(vdt_h5_close_attribute) hid_t attribute =
        H5Acreate2(file, "tile_shape", H5T_STD_U32LE, space, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute < 0 || H5Awrite(attribute, H5T_NATIVE_UINT32, shape) < 0)
        return vdt_fail(error, VDT_ERR_IO, "cannot write the attribute \"tile_shape\"");
    return VDT_OK;
}

/* Attributes that only stores have which need them: `none` is what the others mean. */
static vdt_status write_optional(hid_t file, const char *name, const char *text, const char *none,
                                 struct vdt_error *error)
{
    bool needed = strcmp(text, none) != 0 || H5Aexists(file, name) > 0;
    return needed ? vdt_h5_write_text(file, name, text, error) : VDT_OK;
}

vdt_status vdt_header_write(hid_t file, const struct vdt_header *header, struct vdt_error *error)
{
    const struct vdt_store_spec *spec = &header->layout.spec;
    const char *tasks[TASKS];
    size_t task_count = 0;
    for (size_t i = 0; i < TASKS; i++)
        if (spec->tasks & all_tasks[i])
            tasks[task_count++] = vdt_task_name(all_tasks[i]);
    const struct {
        const char *name, *text;
    } texts[] = {{"vedatile_format", header->format},
                 {"uuid", header->uuid},
                 {"name", spec->name},
                 {"created_at", header->created_at},
                 {"producer", header->producer},
                 {"feed_config", header->feed_config},
                 {"split", header->split},
                 {"tile_dtype", vdt_dtype_name(spec->tile.dtype)},
                 {"image_codec", vdt_codec_name(spec->image_codec)},
                 {"mask_codec", vdt_codec_name(spec->mask_codec)}};
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < sizeof texts / sizeof *texts; i++)
        status = vdt_h5_write_text(file, texts[i].name, texts[i].text, error);
    if (status == VDT_OK)
        status = write_optional(file, "feed_failures", header->feed_failures, "[]", error);
    if (status == VDT_OK)
        status = write_optional(file, "scene_members", header->scene_members, "{}", error);
    if (status == VDT_OK)
        status = write_optional(file, "times", header->times, "[]", error);
    if (status == VDT_OK)
        status = vdt_h5_write_texts(file, "tasks", tasks, task_count, error);
    if (status == VDT_OK)
        status = vdt_h5_write_texts(file, "classes", spec->classes, spec->class_count, error);
    if (status == VDT_OK)
        status = vdt_h5_write_texts(file, "band_names", spec->band_names, spec->tile.bands, error);
    return status == VDT_OK ? write_shape(file, &spec->tile, error) : status;
}

/* --- reading ------------------------------------------------------------------------------ */

static vdt_status read_format(hid_t file, const char *path, char **format, struct vdt_error *error)
{
    vdt_status status = vdt_h5_read_text(file, "vedatile_format", path, format, error);
    if (status == VDT_ERR_NOT_FOUND)
        return vdt_fail(
            error, VDT_ERR_FORMAT,
            "%s: an HDF5 file, but not a store: it has no attribute \"vedatile_format\"", path);
    if (status == VDT_OK && strncmp(*format, "1.", 2) != 0)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "%s: format %s; this program reads 1.x: use a newer one", path, *format);
    return status;
}

static vdt_status read_tile(hid_t file, const char *path, struct vdt_tile_spec *tile,
                            struct vdt_error *error)
{
    uint32_t shape[3] = {0};
    vdt_cleanup(vdt_h5_close_attribute) hid_t attribute =
        H5Aexists(file, "tile_shape") > 0 ? H5Aopen(file, "tile_shape", H5P_DEFAULT) : -1;
    vdt_cleanup(vdt_h5_close_space) hid_t space = attribute < 0 ? -1 : H5Aget_space(attribute);
    if (space < 0 || H5Sget_simple_extent_npoints(space) != 3 ||
        H5Aread(attribute, H5T_NATIVE_UINT32, shape) < 0)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: attribute \"tile_shape\" is not three numbers",
                        path);
    vdt_cleanup(vdt_free_pointer) char *dtype = NULL;
    vdt_status status = vdt_h5_read_text(file, "tile_dtype", path, &dtype, error);
    if (status != VDT_OK)
        return status;
    *tile = (struct vdt_tile_spec){.bands = shape[0], .rows = shape[1], .cols = shape[2]};
    for (int i = VDT_UINT8; i <= VDT_FLOAT64; i++)
        if (strcmp(dtype, vdt_dtype_name((enum vdt_dtype)i)) == 0)
            tile->dtype = (enum vdt_dtype)i;
    return VDT_OK;
}

static vdt_status read_codec(hid_t file, const char *path, const char *name, enum vdt_codec *codec,
                             struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *text = NULL;
    vdt_status status = vdt_h5_read_text(file, name, path, &text, error);
    if (status != VDT_OK)
        return status;
    for (int i = VDT_CODEC_RAW; i <= VDT_CODEC_ZSTD; i++)
        if (strcmp(text, vdt_codec_name((enum vdt_codec)i)) == 0) {
            *codec = (enum vdt_codec)i;
            return VDT_OK;
        }
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "%s: %s \"%s\" is not known here", path, name,
                    text);
}

static vdt_status read_tasks(hid_t file, const char *path, uint32_t *tasks, struct vdt_error *error)
{
    char **names = NULL;
    size_t count = 0;
    vdt_status status = vdt_h5_read_texts(file, "tasks", path, &names, &count, error);
    *tasks = 0;
    for (size_t i = 0; status == VDT_OK && i < count; i++) {
        uint32_t bit = 0;
        for (size_t k = 0; k < TASKS; k++)
            if (strcmp(names[i], vdt_task_name(all_tasks[k])) == 0)
                bit = all_tasks[k];
        *tasks |= bit;
        if (bit == 0)
            status = vdt_fail(error, VDT_ERR_UNSUPPORTED, "%s: task \"%s\" is not known here", path,
                              names[i]);
    }
    vdt_h5_free_texts(names, count);
    return status;
}

/* The spec that the attributes say, checked as a new one would be. */
static vdt_status read_layout(hid_t file, const char *path, struct vdt_layout *layout,
                              struct vdt_error *error)
{
    struct vdt_store_spec spec = {0};
    char **classes = NULL, **bands = NULL;
    size_t band_count = 0;
    vdt_cleanup(vdt_free_pointer) char *name = NULL;
    vdt_status status = read_tile(file, path, &spec.tile, error);
    if (status == VDT_OK)
        status = read_tasks(file, path, &spec.tasks, error);
    if (status == VDT_OK)
        status = read_codec(file, path, "image_codec", &spec.image_codec, error);
    if (status == VDT_OK)
        status = read_codec(file, path, "mask_codec", &spec.mask_codec, error);
    if (status == VDT_OK)
        status = vdt_h5_read_text(file, "name", path, &name, error);
    if (status == VDT_OK)
        status = vdt_h5_read_texts(file, "classes", path, &classes, &spec.class_count, error);
    if (status == VDT_OK)
        status = vdt_h5_read_texts(file, "band_names", path, &bands, &band_count, error);
    if (status == VDT_OK && band_count != spec.tile.bands)
        status = vdt_fail(error, VDT_ERR_FORMAT, "%s: %zu band names for %u bands", path,
                          band_count, spec.tile.bands);
    if (status == VDT_OK) {
        spec.name = name;
        spec.classes = (const char *const *)classes;
        spec.band_names = (const char *const *)bands;
        struct vdt_error reason;
        if (vdt_layout_init(layout, &spec, &reason) != VDT_OK)
            status = reason.status == VDT_ERR_MEMORY
                         ? vdt_fail_memory(error, path)
                         : vdt_fail(error, VDT_ERR_FORMAT, "%s: %s", path, reason.message);
    }
    vdt_h5_free_texts(classes, spec.class_count);
    vdt_h5_free_texts(bands, band_count);
    return status;
}

static vdt_status read_optional(hid_t file, const char *path, const char *name, const char *none,
                                char **text, struct vdt_error *error)
{
    if (H5Aexists(file, name) > 0)
        return vdt_h5_read_text(file, name, path, text, error);
    *text = vdt_copy_string(none);
    return *text == NULL ? vdt_fail_memory(error, path) : VDT_OK;
}

vdt_status vdt_header_read(hid_t file, const char *path, struct vdt_header *header,
                           struct vdt_error *error)
{
    struct vdt_header read = {0};
    const struct {
        const char *name;
        char **text;
    } texts[] = {{"uuid", &read.uuid},
                 {"created_at", &read.created_at},
                 {"producer", &read.producer},
                 {"feed_config", &read.feed_config},
                 {"split", &read.split}};
    vdt_status status = read_format(file, path, &read.format, error);
    for (size_t i = 0; status == VDT_OK && i < sizeof texts / sizeof *texts; i++)
        status = vdt_h5_read_text(file, texts[i].name, path, texts[i].text, error);
    if (status == VDT_OK)
        status = read_optional(file, path, "feed_failures", "[]", &read.feed_failures, error);
    if (status == VDT_OK)
        status = read_optional(file, path, "scene_members", "{}", &read.scene_members, error);
    if (status == VDT_OK)
        status = read_optional(file, path, "times", "[]", &read.times, error);
    if (status == VDT_OK)
        status = read_layout(file, path, &read.layout, error);
    if (status == VDT_ERR_NOT_FOUND) { /* of an attribute; for callers that means the file */
        status = VDT_ERR_FORMAT;
        if (error != NULL)
            error->status = status;
    }
    if (status != VDT_OK) {
        vdt_header_clear(&read);
        return status;
    }
    *header = read;
    return VDT_OK;
}

struct names {
    char **names;
    size_t count, capacity;
    char bad[64]; /* the one that was looked at last */
    bool full;    /* memory is out */
};

/* A group that cannot be opened is an error: skipping it would make its samples vanish. */
static herr_t note_group(hid_t file, const char *name, const H5L_info_t *info, void *payload)
{
    struct names *names = payload;
    if (!vdt_group_name_valid(name))
        return 0;
    snprintf(names->bad, sizeof names->bad, "%s", name);
    hid_t object = info->type == H5L_TYPE_HARD ? H5Oopen(file, name, H5P_DEFAULT) : -1;
    if (object < 0)
        return -1;
    bool samples =
        H5Iget_type(object) == H5I_GROUP && (H5Lexists(object, "samples", H5P_DEFAULT) > 0 ||
                                             H5Lexists(object, "images", H5P_DEFAULT) > 0);
    H5Oclose(object);
    if (!samples)
        return 0;
    char *copy = vdt_copy_string(name);
    names->full = copy == NULL || !vdt_grow(&names->names, &names->capacity, names->count + 1,
                                            sizeof *names->names);
    if (names->full) {
        free(copy);
        return -1;
    }
    names->names[names->count++] = copy;
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

vdt_status vdt_header_groups(hid_t file, const char *path, char ***out, size_t *count,
                             struct vdt_error *error)
{
    struct names names = {0};
    /* Native order, because HDF5 1.10 crashes where sorting a damaged group fails. */
    if (H5Literate(file, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, note_group, &names) < 0) {
        vdt_h5_free_texts(names.names, names.count);
        if (names.full)
            return vdt_fail_memory(error, path);
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: /%s: not a whole group of this file", path,
                        names.bad);
    }
    if (names.count > 0)
        qsort(names.names, names.count, sizeof *names.names, compare_names);
    *out = names.names;
    *count = names.count;
    return VDT_OK;
}

/* --- tables ------------------------------------------------------------------------------- */

static const char *const table_names[] = {"scenes", "crs"};

size_t vdt_table_row_bytes(enum vdt_table table)
{
    return table == VDT_TABLE_SCENES ? sizeof(struct vdt_scene_row) : VDT_CRS_WKT;
}

static hid_t table_type(enum vdt_table table)
{
    return table == VDT_TABLE_SCENES ? vdt_scene_type() : vdt_crs_type();
}

vdt_status vdt_table_create(hid_t file, enum vdt_table table, struct vdt_error *error)
{
    hsize_t none = 0, unlimited = H5S_UNLIMITED, chunk = TABLE_CHUNK_ROWS;
    vdt_cleanup(vdt_h5_close_type) hid_t type = table_type(table);
    vdt_cleanup(vdt_h5_close_space) hid_t space = H5Screate_simple(1, &none, &unlimited);
    vdt_cleanup(vdt_h5_close_plist) hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, 1, &chunk);
    H5Pset_deflate(creation, 1);
    vdt_cleanup(vdt_h5_close_dataset) hid_t dataset =
        H5Dcreate2(file, table_names[table], type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    return dataset < 0 ? vdt_fail(error, VDT_ERR_IO, "cannot create /%s", table_names[table])
                       : VDT_OK;
}

vdt_status vdt_table_append(hid_t file, enum vdt_table table, const void *row,
                            struct vdt_error *error)
{
    vdt_cleanup(vdt_h5_close_dataset) hid_t dataset =
        H5Dopen2(file, table_names[table], H5P_DEFAULT);
    vdt_cleanup(vdt_h5_close_type) hid_t type = table_type(table);
    vdt_cleanup(vdt_h5_close_space) hid_t old = H5Dget_space(dataset);
    hsize_t at = 0, one = 1;
    H5Sget_simple_extent_dims(old, &at, NULL);
    hsize_t rows = at + 1;
    if (H5Dset_extent(dataset, &rows) < 0)
        return vdt_fail(error, VDT_ERR_IO, "cannot extend /%s", table_names[table]);
    vdt_cleanup(vdt_h5_close_space) hid_t space = H5Dget_space(dataset);
    vdt_cleanup(vdt_h5_close_space) hid_t memory = H5Screate_simple(1, &one, NULL);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, &at, NULL, &one, NULL);
    if (H5Dwrite(dataset, type, memory, space, H5P_DEFAULT, row) < 0)
        return vdt_fail(error, VDT_ERR_IO, "cannot write /%s", table_names[table]);
    return VDT_OK;
}

/* Only what we write is let in: a file must not lead us into others or unpack without end. */
static bool table_is_ours(hid_t dataset, enum vdt_table table, uint64_t *rows)
{
    hsize_t chunk[H5S_MAX_RANK] = {0}, dims[H5S_MAX_RANK] = {0};
    size_t values = 0;
    vdt_cleanup(vdt_h5_close_plist) hid_t creation = H5Dget_create_plist(dataset);
    if (creation < 0 || H5Pget_layout(creation) != H5D_CHUNKED ||
        H5Pget_chunk(creation, H5S_MAX_RANK, chunk) != 1 || chunk[0] != TABLE_CHUNK_ROWS ||
        H5Pget_nfilters(creation) != 1 ||
        H5Pget_filter2(creation, 0, NULL, &values, NULL, 0, NULL, NULL) != H5Z_FILTER_DEFLATE)
        return false;
    vdt_cleanup(vdt_h5_close_type) hid_t type = table_type(table);
    vdt_cleanup(vdt_h5_close_type) hid_t found = H5Dget_type(dataset);
    vdt_cleanup(vdt_h5_close_space) hid_t space = H5Dget_space(dataset);
    if (found < 0 || H5Tequal(found, type) <= 0 || H5Sget_simple_extent_ndims(space) != 1 ||
        H5Sget_simple_extent_dims(space, dims, NULL) < 0)
        return false;
    *rows = dims[0];
    return true;
}

/* Chunks are unpacked here and not by HDF5, whose filters (1.10) trust what a file says. */
static vdt_status read_table_chunks(struct vdt_file *file, hid_t dataset, size_t chunk_bytes,
                                    uint64_t chunks, struct vdt_buffer *rows, const char *what,
                                    struct vdt_error *error)
{
    vdt_cleanup(vdt_decoder_clear) struct vdt_decoder decoder = {0};
    vdt_cleanup(vdt_free_pointer) void *scratch = vdt_allocate(chunk_bytes, 1);
    vdt_status status = scratch == NULL ? vdt_fail_memory(error, what) : VDT_OK;
    for (uint64_t i = 0; status == VDT_OK && i < chunks; i++) {
        struct vdt_place place;
        vdt_cleanup(vdt_free_pointer) void *stored = NULL;
        status = vdt_place_read(&place, file, dataset, i, TABLE_CHUNK_ROWS, scratch, what, error);
        if (status == VDT_OK && place.size > 2 * chunk_bytes)
            status = vdt_fail(error, VDT_ERR_FORMAT, "%s: chunk %llu has a wrong size", what,
                              (unsigned long long)i);
        if (status != VDT_OK)
            return status;
        stored = vdt_allocate(place.size, 1);
        if (stored == NULL || !vdt_buffer_reserve(rows, rows->size + chunk_bytes))
            return vdt_fail_memory(error, what);
        status = vdt_file_read(file, stored, place.size, place.address, error);
        if (status == VDT_OK &&
            vdt_decode_deflate(&decoder, stored, place.size, rows->data + rows->size, chunk_bytes,
                               NULL) != VDT_OK)
            status = vdt_fail(error, VDT_ERR_FORMAT, "%s: chunk %llu is damaged", what,
                              (unsigned long long)i);
        rows->size += chunk_bytes;
    }
    return status;
}

vdt_status vdt_table_read(struct vdt_file *file, hid_t h5, enum vdt_table table, void **rows,
                          size_t *count, struct vdt_error *error)
{
    char what[1024];
    const char *name = table_names[table];
    size_t chunk_bytes = TABLE_CHUNK_ROWS * vdt_table_row_bytes(table);
    uint64_t found = 0;
    struct vdt_buffer read = {0};
    snprintf(what, sizeof what, "%s: /%s", file->path, name);
    H5L_info_t link;
    bool hard = H5Lget_info(h5, name, &link, H5P_DEFAULT) >= 0 && link.type == H5L_TYPE_HARD;
    vdt_cleanup(vdt_h5_close_dataset) hid_t dataset = hard ? H5Dopen2(h5, name, H5P_DEFAULT) : -1;
    if (dataset < 0 || !table_is_ours(dataset, table, &found))
        return vdt_fail(error, VDT_ERR_FORMAT, "%s is not the table of format %s", what,
                        VDT_STORE_FORMAT);
    uint64_t chunks = found / TABLE_CHUNK_ROWS + (found % TABLE_CHUNK_ROWS != 0);
    vdt_status status = read_table_chunks(file, dataset, chunk_bytes, chunks, &read, what, error);
    if (status != VDT_OK) {
        vdt_buffer_clear(&read);
        return status;
    }
    *rows = read.data;
    *count = (size_t)found;
    return VDT_OK;
}
