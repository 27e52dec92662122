/* Samples from one store to another without decoding them. */
#include <string.h>

#include "base/error.h"
#include "store/packet.h"
#include "store/reader.h"

/* Appends rows of a column and notes where they are. */
static vdt_status add_rows(struct vdt_packet *packet, const struct vdt_reader *reader, size_t group,
                           enum vdt_array array, uint64_t first, uint64_t count,
                           struct vdt_error *error)
{
    struct vdt_buffer *bytes = &packet->bytes;
    size_t size = (size_t)count * vdt_array_row_bytes(vdt_reader_layout(reader), array);
    packet->at[array] = bytes->size;
    packet->size[array] = size;
    if (!vdt_buffer_reserve(bytes, bytes->size + size))
        return vdt_fail_memory(error, vdt_reader_path(reader));
    vdt_status status =
        vdt_reader_rows(reader, group, array, first, count, bytes->data + bytes->size, error);
    bytes->size += size;
    return status;
}

static vdt_status add_boxes(struct vdt_packet *packet, const struct vdt_reader *reader,
                            size_t group, uint64_t index, struct vdt_error *error)
{
    uint64_t first = vdt_reader_box_rows(reader, group, 0, index);
    uint64_t count = vdt_reader_box_rows(reader, group, index, 1);
    packet->box_count = (size_t)count;
    vdt_status status = VDT_OK;
    for (enum vdt_array a = VDT_BOXES; status == VDT_OK && a <= VDT_BOX_VISIBLE; a++)
        status = add_rows(packet, reader, group, a, first, count, error);
    return status;
}

static vdt_status add_metadata(struct vdt_packet *packet, const struct vdt_reader *reader,
                               size_t group, uint64_t index, struct vdt_error *error)
{
    char *text = NULL;
    vdt_status status = vdt_reader_metadata(reader, group, index, &text, error);
    if (status != VDT_OK)
        return status;
    packet->at[VDT_METADATA_TEXT] = packet->bytes.size;
    packet->size[VDT_METADATA_TEXT] = strlen(text);
    if (!vdt_buffer_append(&packet->bytes, text, strlen(text)))
        status = vdt_fail_memory(error, vdt_reader_path(reader));
    vdt_string_free(text);
    return status;
}

/* What goes into another store's tables and set of keys must be sound. */
static vdt_status check_row(struct vdt_packet *packet, const struct vdt_reader *reader,
                            size_t group, uint64_t index, struct vdt_error *error)
{
    const struct vdt_layout *layout = vdt_reader_layout(reader);
    const unsigned char *row = packet->bytes.data + packet->at[VDT_SAMPLES];
    const char *metadata = (const char *)packet->bytes.data + packet->at[VDT_METADATA_TEXT];
    const char *broken = NULL;
    struct vdt_sample sample;
    vdt_row_unpack(layout, row, &sample, NULL);
    bool printable = sample.key[0] != '\0';
    for (const char *c = sample.key; *c != '\0'; c++)
        printable = printable && *c >= '!' && *c <= '~';
    if (vdt_row_u32(row, layout->row_bytes - 4) !=
        vdt_row_crc(layout, row, metadata, packet->size[VDT_METADATA_TEXT]))
        broken = "its row or metadata differs from its checksum";
    else if (!printable)
        broken = "its key is not printable ASCII";
    else if (sample.scene >= vdt_reader_scene_count(reader) ||
             sample.crs >= vdt_reader_crs_count(reader))
        broken = "it names a scene or CRS that is not there";
    if (broken != NULL)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: /%s sample %llu (%s): %s",
                        vdt_reader_path(reader), vdt_reader_group_name(reader, group),
                        (unsigned long long)index, printable ? sample.key : "?", broken);
    memcpy(packet->key, sample.key, sizeof packet->key);
    return VDT_OK;
}

vdt_status vdt_packet_copy(struct vdt_packet *packet, const struct vdt_reader *reader, size_t group,
                           uint64_t index, struct vdt_error *error)
{
    const struct vdt_layout *layout = vdt_reader_layout(reader);
    struct vdt_buffer bytes = packet->bytes;
    *packet = (struct vdt_packet){.bytes = bytes};
    packet->bytes.size = 0;
    vdt_status status = VDT_OK;
    for (enum vdt_array a = VDT_IMAGES; status == VDT_OK && a < VDT_TILE_ARRAYS; a++) {
        if (!vdt_array_present(layout, a))
            continue;
        packet->at[a] = packet->bytes.size;
        status = vdt_reader_stored(reader, group, a, index, &packet->bytes, error);
        packet->size[a] = packet->bytes.size - packet->at[a];
    }
    if (status == VDT_OK && vdt_array_present(layout, VDT_ONEHOT))
        status = add_rows(packet, reader, group, VDT_ONEHOT, index, 1, error);
    if (status == VDT_OK && vdt_array_present(layout, VDT_BOXES))
        status = add_boxes(packet, reader, group, index, error);
    if (status == VDT_OK)
        status = add_rows(packet, reader, group, VDT_SAMPLES, index, 1, error);
    if (status == VDT_OK)
        status = add_metadata(packet, reader, group, index, error);
    return status == VDT_OK ? check_row(packet, reader, group, index, error) : status;
}

/* --- comparing ---------------------------------------------------------------------------- */

void vdt_packet_scratch_clear(struct vdt_packet_scratch *scratch)
{
    vdt_decoder_clear(&scratch->decoder);
    for (int a = 0; a < VDT_TILE_ARRAYS; a++)
        vdt_buffer_clear(&scratch->arrays[a]);
}

/* A tile array of the packet, decoded; *data is borrowed from the packet or the scratch. */
static vdt_status decode_array(const struct vdt_packet *packet, const struct vdt_reader *reader,
                               enum vdt_array array, struct vdt_packet_scratch *scratch,
                               const void **data, struct vdt_error *error)
{
    const struct vdt_layout *layout = vdt_reader_layout(reader);
    const void *stored = packet->bytes.data + packet->at[array];
    enum vdt_codec codec = vdt_array_codec(layout, array);
    size_t size = vdt_array_row_bytes(layout, array);
    if (codec == VDT_CODEC_RAW) {
        *data = stored;
        return VDT_OK;
    }
    struct vdt_buffer *decoded = &scratch->arrays[array];
    if (!vdt_buffer_reserve(decoded, size))
        return vdt_fail_memory(error, vdt_reader_path(reader));
    *data = decoded->data;
    return vdt_decode(&scratch->decoder, codec, vdt_array_element(layout, array), stored,
                      packet->size[array], decoded->data, size, error);
}

vdt_status vdt_packet_verify(const struct vdt_packet *packet, const struct vdt_reader *reader,
                             size_t group, uint64_t index, struct vdt_packet_scratch *scratch,
                             struct vdt_error *error)
{
    const struct vdt_layout *layout = vdt_reader_layout(reader);
    const unsigned char *bytes = packet->bytes.data;
    struct vdt_labels labels = {.box_count = packet->box_count};
    const void *image = NULL;
    struct vdt_error reason = {.status = VDT_OK};
    for (enum vdt_array a = VDT_IMAGES; a < VDT_TILE_ARRAYS; a++) {
        const void *data = NULL;
        if (!vdt_array_present(layout, a))
            continue;
        vdt_status status = decode_array(packet, reader, a, scratch, &data, &reason);
        if (status != VDT_OK)
            return vdt_fail(error, status, "%s: /%s/%s[%llu]: %s", vdt_reader_path(reader),
                            vdt_reader_group_name(reader, group), vdt_array_path(a),
                            (unsigned long long)index, reason.message);
        if (a == VDT_IMAGES)
            image = data;
        else
            vdt_label_set_pixels(&labels, a, data);
    }
    if (vdt_array_present(layout, VDT_ONEHOT))
        labels.onehot = bytes + packet->at[VDT_ONEHOT];
    labels.boxes = (const float(*)[4])(const void *)(bytes + packet->at[VDT_BOXES]);
    labels.box_class = (const void *)(bytes + packet->at[VDT_BOX_CLASS]);
    labels.box_feature = (const void *)(bytes + packet->at[VDT_BOX_FEATURE]);
    labels.box_visible = (const void *)(bytes + packet->at[VDT_BOX_VISIBLE]);
    return vdt_reader_verify(reader, group, index, image, &labels, error);
}
