/* Shapes of every array, and the sample row. */
#include "store/layout.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"
#include "store/keys.h"

enum { COLUMN_CHUNK_BYTES = 65536, ALL_TASKS = 2 * VDT_REGRESSION - 1 };

static const char *const paths[VDT_ARRAYS] = {
    [VDT_IMAGES] = "images",
    [VDT_MASK] = "labels/mask",
    [VDT_INSTANCES] = "labels/instances",
    [VDT_BOUNDARIES] = "labels/boundary",
    [VDT_CONTACTS] = "labels/contact",
    [VDT_DISTANCES] = "labels/distance",
    [VDT_TARGETS] = "labels/target",
    [VDT_ONEHOT] = "labels/onehot",
    [VDT_BOX_OFFSETS] = "labels/box_offsets",
    [VDT_BOXES] = "labels/boxes",
    [VDT_BOX_CLASS] = "labels/box_class",
    [VDT_BOX_FEATURE] = "labels/box_feature",
    [VDT_BOX_VISIBLE] = "labels/box_visible",
    [VDT_SAMPLES] = "samples",
    [VDT_METADATA_OFFSETS] = "metadata/offsets",
    [VDT_METADATA_TEXT] = "metadata/text",
};

static void free_strings(const char *const *strings, size_t count)
{
    for (size_t i = 0; strings != NULL && i < count; i++)
        free((void *)strings[i]);
    free((void *)strings);
}

static const char **copy_strings(const char *const *strings, size_t count)
{
    const char **copies = vdt_allocate_zero(count, sizeof *copies);
    for (size_t i = 0; copies != NULL && i < count; i++) {
        copies[i] = vdt_copy_string(strings[i]);
        if (copies[i] == NULL) {
            free_strings(copies, i);
            copies = NULL;
        }
    }
    return copies;
}

static vdt_status check_tile(const struct vdt_tile_spec *tile, struct vdt_error *error)
{
    if (tile->dtype < VDT_UINT8 || tile->dtype > VDT_FLOAT64)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "unknown pixel type %d", (int)tile->dtype);
    if (tile->bands == 0 || tile->rows == 0 || tile->cols == 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "a tile of %u bands, %u rows, %u columns is empty",
                        tile->bands, tile->rows, tile->cols);
    if (tile->bands > 65535 || tile->rows > 32768 || tile->cols > 32768 ||
        (uint64_t)tile->bands * tile->rows * tile->cols * vdt_dtype_size(tile->dtype) > 1u << 30)
        return vdt_fail(
            error, VDT_ERR_ARGUMENT,
            "a tile of %u bands, %u rows, %u columns is too large: at most 32768 pixels "
            "a side and 1 GiB",
            tile->bands, tile->rows, tile->cols);
    return VDT_OK;
}

bool vdt_text_is_utf8(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    while (*c != '\0') {
        int more = *c < 0x80 ? 0 : *c >> 5 == 6 ? 1 : *c >> 4 == 14 ? 2 : *c >> 3 == 30 ? 3 : -1;
        uint32_t least = more == 1 ? 0x80 : more == 2 ? 0x800 : more == 3 ? 0x10000 : 0;
        if (more < 0)
            return false;
        uint32_t code = more == 0 ? *c : *c & (0x3fu >> more);
        for (c++; more > 0; more--, c++) {
            if (*c >> 6 != 2)
                return false;
            code = code << 6 | (*c & 0x3f);
        }
        if (code < least || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
            return false;
    }
    return true;
}

static vdt_status check_classes(const struct vdt_store_spec *spec, struct vdt_error *error)
{
    if (spec->tasks > ALL_TASKS)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "unknown task bits %u", spec->tasks);
    if (spec->tasks != 0 && spec->class_count == 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "a store with labels needs at least one class");
    if (spec->class_count > 65534)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%zu classes are too many: at most 65534",
                        spec->class_count);
    struct vdt_keys seen = {0};
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < spec->class_count; i++) {
        const char *name = spec->classes[i];
        bool added = false;
        if (name[0] == '\0' || strlen(name) > 255)
            status = vdt_fail(error, VDT_ERR_ARGUMENT, "class %zu: a name has 1 to 255 bytes", i);
        else if (!vdt_text_is_utf8(name))
            status = vdt_fail(error, VDT_ERR_ARGUMENT, "class %zu: the name is not UTF-8", i);
        else if (!vdt_keys_add(&seen, name, &added))
            status = vdt_fail_memory(error, "store layout");
        else if (!added)
            status = vdt_fail(error, VDT_ERR_ARGUMENT, "class \"%s\" is listed twice", name);
    }
    vdt_keys_clear(&seen);
    return status;
}

static vdt_status check_names(const struct vdt_store_spec *spec, struct vdt_error *error)
{
    if (!vdt_text_is_utf8(spec->name))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "the store's name is not UTF-8");
    for (uint32_t b = 0; b < spec->tile.bands; b++)
        if (!vdt_text_is_utf8(spec->band_names[b]) || strlen(spec->band_names[b]) > 255)
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "band %u: a name is UTF-8 of at most 255 bytes", b + 1);
    return VDT_OK;
}

vdt_status vdt_layout_init(struct vdt_layout *layout, const struct vdt_store_spec *spec,
                           struct vdt_error *error)
{
    vdt_status status = check_tile(&spec->tile, error);
    if (status == VDT_OK)
        status = check_classes(spec, error);
    if (status == VDT_OK)
        status = check_names(spec, error);
    if (status != VDT_OK)
        return status;
    struct vdt_layout made = {.spec = *spec};
    made.spec.classes = copy_strings(spec->classes, spec->class_count);
    made.spec.band_names = copy_strings(spec->band_names, spec->tile.bands);
    made.spec.name = vdt_copy_string(spec->name);
    if (made.spec.classes == NULL || made.spec.band_names == NULL || made.spec.name == NULL) {
        vdt_layout_clear(&made);
        return vdt_fail_memory(error, "store layout");
    }
    made.pixels = (size_t)spec->tile.rows * spec->tile.cols;
    made.image_bytes = vdt_tile_bytes(&spec->tile);
    made.mask_size = spec->class_count > 254 ? 2 : 1;
    made.row_bytes = VDT_ROW_STATS + (size_t)spec->tile.bands * VDT_ROW_STATS_BYTES + 4;
    *layout = made;
    return VDT_OK;
}

void vdt_layout_clear(struct vdt_layout *layout)
{
    free_strings(layout->spec.classes, layout->spec.class_count);
    free_strings(layout->spec.band_names, layout->spec.tile.bands);
    free((void *)layout->spec.name);
    *layout = (struct vdt_layout){0};
}

bool vdt_array_present(const struct vdt_layout *layout, enum vdt_array array)
{
    uint32_t tasks = layout->spec.tasks;
    switch (array) {
    case VDT_MASK: return tasks & VDT_SEGMENTATION;
    case VDT_INSTANCES: return tasks & VDT_INSTANCE;
    case VDT_BOUNDARIES: return tasks & VDT_BOUNDARY;
    case VDT_CONTACTS: return tasks & VDT_CONTACT;
    case VDT_DISTANCES: return tasks & VDT_DISTANCE;
    case VDT_TARGETS: return tasks & VDT_REGRESSION;
    case VDT_ONEHOT: return tasks & VDT_CLASSIFICATION;
    case VDT_BOX_OFFSETS:
    case VDT_BOXES:
    case VDT_BOX_CLASS:
    case VDT_BOX_FEATURE:
    case VDT_BOX_VISIBLE: return tasks & (VDT_DETECTION | VDT_INSTANCE);
    default: return true;
    }
}

const char *vdt_array_path(enum vdt_array array)
{
    return paths[array];
}

size_t vdt_array_row_bytes(const struct vdt_layout *layout, enum vdt_array array)
{
    if (array > VDT_IMAGES && array < VDT_TILE_ARRAYS)
        return layout->pixels * vdt_array_element(layout, array);
    switch (array) {
    case VDT_IMAGES: return layout->image_bytes;
    case VDT_ONEHOT: return layout->spec.class_count;
    case VDT_BOXES: return 16;
    case VDT_BOX_CLASS: return 2;
    case VDT_BOX_VISIBLE: return 4;
    case VDT_SAMPLES: return layout->row_bytes;
    case VDT_METADATA_TEXT: return 1;
    default: return 8; /* offsets and feature ids */
    }
}

uint64_t vdt_array_chunk_rows(const struct vdt_layout *layout, enum vdt_array array)
{
    if (array < VDT_TILE_ARRAYS)
        return 1;
    size_t bytes = vdt_array_row_bytes(layout, array);
    return bytes >= COLUMN_CHUNK_BYTES ? 1 : COLUMN_CHUNK_BYTES / bytes;
}

enum vdt_codec vdt_array_codec(const struct vdt_layout *layout, enum vdt_array array)
{
    return array == VDT_IMAGES ? layout->spec.image_codec : layout->spec.mask_codec;
}

size_t vdt_array_element(const struct vdt_layout *layout, enum vdt_array array)
{
    switch (array) {
    case VDT_IMAGES: return vdt_dtype_size(layout->spec.tile.dtype);
    case VDT_MASK: return layout->mask_size;
    case VDT_BOUNDARIES:
    case VDT_CONTACTS: return 1;
    case VDT_DISTANCES:
    case VDT_TARGETS: return 4;
    default: return 2;
    }
}

void vdt_row_set_u32(unsigned char *row, size_t offset, uint32_t value)
{
    memcpy(row + offset, &value, 4);
}

uint32_t vdt_row_u32(const unsigned char *row, size_t offset)
{
    uint32_t value;
    memcpy(&value, row + offset, 4);
    return value;
}

void vdt_row_pack(const struct vdt_layout *layout, const struct vdt_sample *sample,
                  uint32_t image_crc, uint32_t label_crc, unsigned char *row)
{
    memset(row, 0, layout->row_bytes);
    memcpy(row + VDT_ROW_KEY, sample->key, strlen(sample->key));
    vdt_row_set_u32(row, VDT_ROW_SCENE, sample->scene);
    vdt_row_set_u32(row, VDT_ROW_CRS, sample->crs);
    memcpy(row + VDT_ROW_WINDOW, &sample->window, 16);
    memcpy(row + VDT_ROW_GEOTRANSFORM, sample->geotransform, 48);
    memcpy(row + VDT_ROW_BOUNDS, sample->bounds, 32);
    memcpy(row + VDT_ROW_VALID, &sample->valid_fraction, 4);
    memcpy(row + VDT_ROW_WEIGHT, &sample->weight, 4);
    vdt_row_set_u32(row, VDT_ROW_IMAGE_CRC, image_crc);
    vdt_row_set_u32(row, VDT_ROW_LABEL_CRC, label_crc);
    size_t bands = layout->spec.tile.bands;
    unsigned char *counts = row + VDT_ROW_STATS, *values = counts + 4 * bands;
    for (size_t b = 0; b < bands; b++) {
        const struct vdt_band_stats *stats = &sample->stats[b];
        vdt_row_set_u32(counts, 4 * b, (uint32_t)stats->count);
        memcpy(values + 8 * b, &stats->mean, 8);
        memcpy(values + 8 * (bands + b), &stats->m2, 8);
        memcpy(values + 8 * (2 * bands + b), &stats->min, 8);
        memcpy(values + 8 * (3 * bands + b), &stats->max, 8);
    }
}

void vdt_row_unpack(const struct vdt_layout *layout, const unsigned char *row,
                    struct vdt_sample *sample, struct vdt_band_stats *stats)
{
    *sample = (struct vdt_sample){.scene = vdt_row_u32(row, VDT_ROW_SCENE),
                                  .crs = vdt_row_u32(row, VDT_ROW_CRS)};
    memcpy(sample->key, row + VDT_ROW_KEY, VDT_KEY_SIZE - 1);
    memcpy(&sample->window, row + VDT_ROW_WINDOW, 16);
    memcpy(sample->geotransform, row + VDT_ROW_GEOTRANSFORM, 48);
    memcpy(sample->bounds, row + VDT_ROW_BOUNDS, 32);
    memcpy(&sample->valid_fraction, row + VDT_ROW_VALID, 4);
    memcpy(&sample->weight, row + VDT_ROW_WEIGHT, 4);
    size_t bands = layout->spec.tile.bands;
    const unsigned char *counts = row + VDT_ROW_STATS, *values = counts + 4 * bands;
    for (size_t b = 0; stats != NULL && b < bands; b++) {
        stats[b].count = vdt_row_u32(counts, 4 * b);
        memcpy(&stats[b].mean, values + 8 * b, 8);
        memcpy(&stats[b].m2, values + 8 * (bands + b), 8);
        memcpy(&stats[b].min, values + 8 * (2 * bands + b), 8);
        memcpy(&stats[b].max, values + 8 * (3 * bands + b), 8);
    }
}

uint32_t vdt_row_crc(const struct vdt_layout *layout, const unsigned char *row,
                     const char *metadata, size_t metadata_size)
{
    uint32_t crc = vdt_crc32c(0, row, layout->row_bytes - 4);
    return vdt_crc32c(crc, metadata, metadata_size);
}

const void *vdt_label_pixels(const struct vdt_labels *labels, enum vdt_array array)
{
    switch (array) {
    case VDT_MASK: return labels->mask;
    case VDT_INSTANCES: return labels->instances;
    case VDT_BOUNDARIES: return labels->boundary;
    case VDT_CONTACTS: return labels->contact;
    case VDT_DISTANCES: return labels->distance;
    case VDT_TARGETS: return labels->target;
    default: return NULL;
    }
}

void vdt_label_set_pixels(struct vdt_labels *labels, enum vdt_array array, const void *pixels)
{
    switch (array) {
    case VDT_MASK: labels->mask = pixels; break;
    case VDT_INSTANCES: labels->instances = pixels; break;
    case VDT_BOUNDARIES: labels->boundary = pixels; break;
    case VDT_CONTACTS: labels->contact = pixels; break;
    case VDT_DISTANCES: labels->distance = pixels; break;
    case VDT_TARGETS: labels->target = pixels; break;
    default: break;
    }
}

uint32_t vdt_label_crc(const struct vdt_layout *layout, const struct vdt_labels *labels)
{
    size_t boxes = labels->box_count;
    uint32_t crc = 0;
    if (vdt_array_present(layout, VDT_ONEHOT))
        crc = vdt_crc32c(crc, labels->onehot, layout->spec.class_count);
    if (vdt_array_present(layout, VDT_BOXES) && boxes > 0) {
        crc = vdt_crc32c(crc, labels->boxes, boxes * 16);
        crc = vdt_crc32c(crc, labels->box_class, boxes * 2);
        crc = vdt_crc32c(crc, labels->box_feature, boxes * 8);
        crc = vdt_crc32c(crc, labels->box_visible, boxes * 4);
    }
    for (enum vdt_array a = VDT_MASK; a < VDT_TILE_ARRAYS; a++)
        if (vdt_array_present(layout, a))
            crc = vdt_crc32c(crc, vdt_label_pixels(labels, a), vdt_array_row_bytes(layout, a));
    return crc;
}

bool vdt_metadata_valid(const char *text)
{
    vdt_cleanup(vdt_json_release) json_t *value = NULL;
    return strcmp(text, "{}") == 0 ||
           (vdt_json_parse(text, "", &value, NULL) == VDT_OK && json_is_object(value));
}

bool vdt_name_valid(const char *name)
{
    if (name[0] == '\0' || strlen(name) > 63)
        return false;
    for (const char *c = name; *c != '\0'; c++)
        if (!isalnum((unsigned char)*c) && *c != '_' && *c != '-')
            return false;
    return true;
}

bool vdt_group_name_valid(const char *name)
{
    return vdt_name_valid(name) && strcmp(name, "views") != 0 && strcmp(name, "scenes") != 0 &&
           strcmp(name, "crs") != 0;
}
