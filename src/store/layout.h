/* The written layout in one place: every array of a group, its shape, and the sample row.
 * schemas/store-layout.md says the same in prose. */
#ifndef STORE_LAYOUT_H
#define STORE_LAYOUT_H

#include <stdbool.h>
#include <vedatile/error.h>
#include <vedatile/store.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the store is little-endian and is read as it lies on disk"
#endif

#define VDT_STORE_FORMAT "1.0"

/* HDF5 filter numbers registered with The HDF Group. */
enum { VDT_FILTER_LZ4 = 32004, VDT_FILTER_ZSTD = 32015 };

/* The arrays of a group. Tile arrays hold one chunk a sample; the others are columns: raw rows in
 * chunks of many. */
enum vdt_array {
    VDT_IMAGES,
    VDT_MASK,
    VDT_INSTANCES,
    VDT_BOUNDARIES,
    VDT_CONTACTS,
    VDT_DISTANCES,
    VDT_TARGETS,
    VDT_TILE_ARRAYS, /* how many tile arrays there are */
    VDT_ONEHOT = VDT_TILE_ARRAYS,
    VDT_BOX_OFFSETS,
    VDT_BOXES,
    VDT_BOX_CLASS,
    VDT_BOX_FEATURE,
    VDT_BOX_VISIBLE,
    VDT_SAMPLES,
    VDT_METADATA_OFFSETS,
    VDT_METADATA_TEXT,
    VDT_ARRAYS
};

/* What a store is made of; owns its strings. */
struct vdt_layout {
    struct vdt_store_spec spec;
    size_t pixels; /* rows * cols */
    size_t image_bytes;
    size_t mask_size; /* bytes a mask pixel */
    size_t row_bytes; /* of a row of `samples` */
};

/* Offsets in a row of `samples`; band statistics follow at VDT_ROW_STATS: u32 count[bands],
 * f64 mean, m2, min, max [bands] each, then u32 row_crc32c. */
enum {
    VDT_ROW_KEY = 0,
    VDT_ROW_SCENE = VDT_KEY_SIZE,
    VDT_ROW_CRS = VDT_ROW_SCENE + 4,
    VDT_ROW_WINDOW = VDT_ROW_CRS + 4,
    VDT_ROW_GEOTRANSFORM = VDT_ROW_WINDOW + 16,
    VDT_ROW_BOUNDS = VDT_ROW_GEOTRANSFORM + 48,
    VDT_ROW_VALID = VDT_ROW_BOUNDS + 32,
    VDT_ROW_WEIGHT = VDT_ROW_VALID + 4,
    VDT_ROW_IMAGE_CRC = VDT_ROW_WEIGHT + 4,
    VDT_ROW_LABEL_CRC = VDT_ROW_IMAGE_CRC + 4,
    VDT_ROW_STATS = VDT_ROW_LABEL_CRC + 4,
    VDT_ROW_STATS_BYTES = 4 + 4 * 8 /* a band */
};

/* Rows of /scenes and /crs: fixed text, NUL-padded. */
enum { VDT_SCENE_URI = 4096, VDT_SCENE_DIGEST = 32, VDT_SCENE_ACQUIRED = 32, VDT_CRS_WKT = 16384 };
struct vdt_scene_row {
    char uri[VDT_SCENE_URI];
    uint64_t size;
    char digest[VDT_SCENE_DIGEST];
    char acquired[VDT_SCENE_ACQUIRED];
    int32_t cols;
    int32_t rows;
};

/* Checks a spec and copies it. */
vdt_status vdt_layout_init(struct vdt_layout *layout, const struct vdt_store_spec *spec,
                           struct vdt_error *error);
void vdt_layout_clear(struct vdt_layout *layout);

/* Whether stores of this layout have that array. */
bool vdt_array_present(const struct vdt_layout *layout, enum vdt_array array);
/* "labels/boxes", below the group. */
const char *vdt_array_path(enum vdt_array array);
/* Bytes of one row (for tile arrays: of one decoded chunk). */
size_t vdt_array_row_bytes(const struct vdt_layout *layout, enum vdt_array array);
/* Rows a chunk. */
uint64_t vdt_array_chunk_rows(const struct vdt_layout *layout, enum vdt_array array);
/* Codec and element size of a tile array. */
enum vdt_codec vdt_array_codec(const struct vdt_layout *layout, enum vdt_array array);
size_t vdt_array_element(const struct vdt_layout *layout, enum vdt_array array);

/* A sample's row without its checksum, and back. */
void vdt_row_pack(const struct vdt_layout *layout, const struct vdt_sample *sample,
                  uint32_t image_crc, uint32_t label_crc, unsigned char *row);
void vdt_row_unpack(const struct vdt_layout *layout, const unsigned char *row,
                    struct vdt_sample *sample, struct vdt_band_stats *stats);
/* The checksum over a row (its own four bytes left out) and the sample's metadata text. */
uint32_t vdt_row_crc(const struct vdt_layout *layout, const unsigned char *row,
                     const char *metadata, size_t metadata_size);
void vdt_row_set_u32(unsigned char *row, size_t offset, uint32_t value);
uint32_t vdt_row_u32(const unsigned char *row, size_t offset);

/* A sample's label array of tile shape: VDT_MASK to VDT_TARGETS. */
const void *vdt_label_pixels(const struct vdt_labels *labels, enum vdt_array array);
void vdt_label_set_pixels(struct vdt_labels *labels, enum vdt_array array, const void *pixels);

/* CRC-32C over all label arrays in the order of struct vdt_labels. */
uint32_t vdt_label_crc(const struct vdt_layout *layout, const struct vdt_labels *labels);

/* Well-formed UTF-8, and no code point written longer than need be, beyond U+10FFFF or a surrogate.
 */
bool vdt_text_is_utf8(const char *text);

/* One JSON object. */
bool vdt_metadata_valid(const char *text);

/* Names of views: 1 to 63 letters, digits, '_' and '-'. */
bool vdt_name_valid(const char *name);
/* Names of groups: the same, but not one of the root's own names. */
bool vdt_group_name_valid(const char *name);

#endif
