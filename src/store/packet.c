/* Samples to packets: checks, checksums, statistics, chunks. */
#include "store/packet.h"

#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "store/statistics.h"

/* Two passes per wide type: the mean first, then squares around it, so that large offsets cost no
 * digits. Integer sums of up to 32768 * 32768 pixels of 32 bits fit 64 bits. */
#define STATISTICS(name, type, sum_type, least, most)                                            \
    static struct vdt_band_stats name(const type *pixels, size_t count, const uint8_t *valid,    \
                                      const double *nodata)                                      \
    {                                                                                            \
        struct vdt_band_stats stats = {0};                                                       \
        bool skip = nodata != NULL && *nodata >= (double)(least) && *nodata <= (double)(most) && \
                    (double)(type)*nodata == *nodata;                                            \
        type hole = skip ? (type)*nodata : 0, low = 0, high = 0;                                 \
        sum_type sum = 0;                                                                        \
        size_t used = 0;                                                                         \
        for (size_t i = 0; i < count; i++) {                                                     \
            type value = pixels[i];                                                              \
            if ((valid != NULL && !valid[i]) || value != value || (skip && value == hole))       \
                continue;                                                                        \
            low = used == 0 || value < low ? value : low;                                        \
            high = used == 0 || value > high ? value : high;                                     \
            sum += (sum_type)value;                                                              \
            used++;                                                                              \
        }                                                                                        \
        if (used == 0)                                                                           \
            return stats;                                                                        \
        double mean = (double)sum / (double)used;                                                \
        for (size_t i = 0; i < count; i++) {                                                     \
            type value = pixels[i];                                                              \
            if ((valid != NULL && !valid[i]) || value != value || (skip && value == hole))       \
                continue;                                                                        \
            stats.m2 += ((double)value - mean) * ((double)value - mean);                         \
        }                                                                                        \
        stats.count = used;                                                                      \
        stats.mean = mean;                                                                       \
        stats.min = (double)low;                                                                 \
        stats.max = (double)high;                                                                \
        return stats;                                                                            \
    }

STATISTICS(statistics_u32, uint32_t, uint64_t, 0, UINT32_MAX)
STATISTICS(statistics_i32, int32_t, int64_t, INT32_MIN, INT32_MAX)
STATISTICS(statistics_f32, float, double, -HUGE_VAL, HUGE_VAL)
STATISTICS(statistics_f64, double, double, -HUGE_VAL, HUGE_VAL)

/* Types of 8 and 16 bits: one pass of integers without branches, which the compiler turns into
 * vector code. `square_sum` holds the squares of a run. */
#define SMALL_STATISTICS(name, type, square_sum, least, most)                                 \
    static struct vdt_band_stats name(const type *pixels, size_t count, const uint8_t *valid, \
                                      const double *nodata)                                   \
    {                                                                                         \
        struct vdt_band_stats stats = {0};                                                    \
        bool skip = nodata != NULL && *nodata >= (least) && *nodata <= (most) &&              \
                    *nodata == floor(*nodata);                                                \
        type hole = skip ? (type)*nodata : 0, low = (most), high = (least);                   \
        uint8_t ones[RUN], all = !skip;                                                       \
        int64_t sum = 0;                                                                      \
        uint64_t squares = 0;                                                                 \
        memset(ones, 1, sizeof ones);                                                         \
        for (size_t start = 0; start < count; start += RUN) {                                 \
            size_t end = count - start < RUN ? count - start : RUN;                           \
            const type *run = pixels + start;                                                 \
            const uint8_t *use = valid == NULL ? ones : valid + start;                        \
            int32_t run_sum = 0, run_used = 0;                                                \
            square_sum run_squares = 0;                                                       \
            for (size_t i = 0; i < end; i++) {                                                \
                type keep = (type) - ((use[i] != 0) & (all | (run[i] != hole)));              \
                type value = run[i] & keep;                                                   \
                type lowest = value | ((most) & ~keep), highest = value | ((least) & ~keep);  \
                low = lowest < low ? lowest : low;                                            \
                high = highest > high ? highest : high;                                       \
                run_used += keep & 1;                                                         \
                run_sum += value;                                                             \
                run_squares += (uint32_t)value * (uint32_t)value;                             \
            }                                                                                 \
            stats.count += (uint32_t)run_used;                                                \
            sum += run_sum;                                                                   \
            squares += run_squares;                                                           \
        }                                                                                     \
        if (stats.count == 0)                                                                 \
            return stats;                                                                     \
        return vdt_statistics_of(&(struct vdt_sums){stats.count, squares, sum, low, high});   \
    }

enum { RUN = 4096 };

SMALL_STATISTICS(statistics_u8, uint8_t, uint32_t, 0, UINT8_MAX)
SMALL_STATISTICS(statistics_u16, uint16_t, uint64_t, 0, UINT16_MAX)
SMALL_STATISTICS(statistics_i16, int16_t, uint64_t, INT16_MIN, INT16_MAX)

struct vdt_band_stats vdt_band_statistics(enum vdt_dtype dtype, const void *pixels, size_t count,
                                          const uint8_t *valid, const double *nodata)
{
    struct vdt_sums sums;
    /* A nodata value that no pixel can have leaves out none of them. */
    if (valid == NULL && vdt_sums_all(dtype, pixels, count, &sums) &&
        (nodata == NULL || !(*nodata >= (double)sums.low && *nodata <= (double)sums.high)))
        return vdt_statistics_of(&sums);
    switch (dtype) {
    case VDT_UINT8: return statistics_u8(pixels, count, valid, nodata);
    case VDT_UINT16: return statistics_u16(pixels, count, valid, nodata);
    case VDT_INT16: return statistics_i16(pixels, count, valid, nodata);
    case VDT_UINT32: return statistics_u32(pixels, count, valid, nodata);
    case VDT_INT32: return statistics_i32(pixels, count, valid, nodata);
    case VDT_FLOAT32: return statistics_f32(pixels, count, valid, nodata);
    case VDT_FLOAT64: return statistics_f64(pixels, count, valid, nodata);
    default: break; /* no store has it */
    }
    return (struct vdt_band_stats){0};
}

static vdt_status check_sample(const struct vdt_layout *layout, const struct vdt_sample *sample,
                               struct vdt_error *error)
{
    const struct vdt_labels *labels = &sample->labels;
    size_t length = strnlen(sample->key, VDT_KEY_SIZE);
    if (length == 0 || length == VDT_KEY_SIZE)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "a sample's key has 1 to %d bytes",
                        VDT_KEY_SIZE - 1);
    for (size_t i = 0; i < length; i++)
        if (sample->key[i] < '!' || sample->key[i] > '~')
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "a sample's key has printable ASCII without blanks only");
    bool missing =
        sample->image == NULL || (vdt_array_present(layout, VDT_ONEHOT) && labels->onehot == NULL);
    for (enum vdt_array a = VDT_MASK; a < VDT_TILE_ARRAYS; a++)
        missing = missing || (vdt_array_present(layout, a) && vdt_label_pixels(labels, a) == NULL);
    if (missing)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: the image or a label array that the store's tasks need is missing",
                        sample->key);
    if (vdt_array_present(layout, VDT_BOXES) && labels->box_count > 0 &&
        (labels->boxes == NULL || labels->box_class == NULL || labels->box_feature == NULL ||
         labels->box_visible == NULL))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: boxes come with class, feature and share",
                        sample->key);
    for (size_t i = 0; vdt_array_present(layout, VDT_BOXES) && i < labels->box_count; i++)
        if (labels->box_class[i] >= layout->spec.class_count)
            return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: box %zu has class %u of %zu", sample->key,
                            i, labels->box_class[i], layout->spec.class_count);
    if (sample->metadata != NULL && !vdt_metadata_valid(sample->metadata))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: the metadata is not a JSON object",
                        sample->key);
    return VDT_OK;
}

/* Appends one array and notes where it is. */
static bool add(struct vdt_packet *packet, enum vdt_array array, const void *data, size_t size)
{
    packet->at[array] = packet->bytes.size;
    packet->size[array] = size;
    return vdt_buffer_append(&packet->bytes, data, size);
}

static vdt_status add_chunk(struct vdt_packet *packet, const struct vdt_layout *layout,
                            struct vdt_coder *coder, enum vdt_array array, const void *data,
                            struct vdt_error *error)
{
    if (!vdt_array_present(layout, array))
        return VDT_OK;
    if (array == VDT_IMAGES && vdt_array_codec(layout, array) == VDT_CODEC_RAW) {
        packet->image = data;
        packet->size[array] = vdt_array_row_bytes(layout, array);
        return VDT_OK;
    }
    packet->at[array] = packet->bytes.size;
    vdt_status status =
        vdt_encode_chunk(coder, vdt_array_codec(layout, array), vdt_array_element(layout, array),
                         data, vdt_array_row_bytes(layout, array), &packet->bytes, error);
    packet->size[array] = packet->bytes.size - packet->at[array];
    return status;
}

static bool add_labels(struct vdt_packet *packet, const struct vdt_layout *layout,
                       const struct vdt_labels *labels)
{
    bool done = true;
    if (vdt_array_present(layout, VDT_ONEHOT))
        done = add(packet, VDT_ONEHOT, labels->onehot, layout->spec.class_count);
    if (!vdt_array_present(layout, VDT_BOXES))
        return done;
    size_t boxes = packet->box_count = labels->box_count;
    return done && add(packet, VDT_BOXES, labels->boxes, boxes * 16) &&
           add(packet, VDT_BOX_CLASS, labels->box_class, boxes * 2) &&
           add(packet, VDT_BOX_FEATURE, labels->box_feature, boxes * 8) &&
           add(packet, VDT_BOX_VISIBLE, labels->box_visible, boxes * 4);
}

static vdt_status add_row(struct vdt_packet *packet, const struct vdt_layout *layout,
                          const struct vdt_sample *sample, struct vdt_error *error)
{
    size_t bands = layout->spec.tile.bands;
    const char *metadata = sample->metadata == NULL ? "{}" : sample->metadata;
    vdt_cleanup(vdt_free_pointer) unsigned char *row = vdt_allocate(layout->row_bytes, 1);
    vdt_cleanup(vdt_free_pointer) struct vdt_band_stats *own = NULL;
    struct vdt_sample full = *sample;
    if (full.stats == NULL) {
        own = vdt_allocate(bands, sizeof *own);
        size_t plane = layout->image_bytes / bands;
        for (size_t b = 0; own != NULL && b < bands; b++)
            own[b] = vdt_band_statistics(layout->spec.tile.dtype,
                                         (const char *)sample->image + b * plane, layout->pixels,
                                         NULL, NULL);
        full.stats = own;
    }
    if (row == NULL || full.stats == NULL)
        return vdt_fail_memory(error, sample->key);
    vdt_row_pack(layout, &full, vdt_crc32c(0, sample->image, layout->image_bytes),
                 vdt_label_crc(layout, &sample->labels), row);
    vdt_row_set_u32(row, layout->row_bytes - 4,
                    vdt_row_crc(layout, row, metadata, strlen(metadata)));
    if (!add(packet, VDT_SAMPLES, row, layout->row_bytes) ||
        !add(packet, VDT_METADATA_TEXT, metadata, strlen(metadata)))
        return vdt_fail_memory(error, sample->key);
    return VDT_OK;
}

vdt_status vdt_packet_encode(struct vdt_packet *packet, const struct vdt_layout *layout,
                             struct vdt_coder *coder, const struct vdt_sample *sample,
                             struct vdt_error *error)
{
    vdt_status status = check_sample(layout, sample, error);
    if (status != VDT_OK)
        return status;
    struct vdt_buffer bytes = packet->bytes;
    *packet = (struct vdt_packet){.bytes = bytes};
    packet->bytes.size = 0;
    strcpy(packet->key, sample->key);
    status = add_chunk(packet, layout, coder, VDT_IMAGES, sample->image, error);
    for (enum vdt_array a = VDT_MASK; status == VDT_OK && a < VDT_TILE_ARRAYS; a++)
        status = add_chunk(packet, layout, coder, a, vdt_label_pixels(&sample->labels, a), error);
    if (status == VDT_OK && !add_labels(packet, layout, &sample->labels))
        status = vdt_fail_memory(error, sample->key);
    return status == VDT_OK ? add_row(packet, layout, sample, error) : status;
}

void vdt_packet_clear(struct vdt_packet *packet)
{
    vdt_buffer_clear(&packet->bytes);
    *packet = (struct vdt_packet){0};
}
