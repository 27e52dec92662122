/* Samples block by block: rows, texts, one-hot vectors and boxes by the longest reads there are. */
#include "server/draw/tables.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "server/draw/row_wire.h"
#include "store/keys.h"

enum { BLOCK_ROWS = 1024, BLOCK_BYTES = 4 << 20, TEXT_MOST = 16 << 20, FRAME_BYTES = 1 << 18 };

struct tables {
    struct vdt_job *job;
    const struct vdt_reader *reader;
    const struct vdt_layout *layout;
    struct vdt_tally *tally;
    struct vdt_decoder decoder;
    struct vdt_keys keys;
    size_t group;
    uint64_t block_rows;
    /* Of the block. */
    unsigned char *rows, *onehot;
    struct vdt_buffer texts, boxes, box_class, box_visible;
    void *mask;
    struct vdt_band_stats *bands;
    /* On their way. */
    struct vdt_buffer out, classes, places;
};

static void clear(struct tables *tables)
{
    vdt_decoder_clear(&tables->decoder);
    vdt_keys_clear(&tables->keys);
    free(tables->rows);
    free(tables->onehot);
    free(tables->mask);
    free(tables->bands);
    struct vdt_buffer *all[] = {&tables->texts,       &tables->boxes, &tables->box_class,
                                &tables->box_visible, &tables->out,   &tables->classes,
                                &tables->places};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        vdt_buffer_clear(all[i]);
}

static vdt_status start(struct tables *tables, struct vdt_error *error)
{
    const struct vdt_layout *layout = tables->layout;
    size_t widest = layout->row_bytes;
    if (vdt_array_present(layout, VDT_ONEHOT) && layout->spec.class_count > widest)
        widest = layout->spec.class_count;
    tables->block_rows = BLOCK_BYTES / widest < BLOCK_ROWS ? BLOCK_BYTES / widest : BLOCK_ROWS;
    if (tables->block_rows == 0)
        tables->block_rows = 1;
    tables->rows = vdt_allocate(tables->block_rows, layout->row_bytes);
    tables->onehot = vdt_allocate(tables->block_rows, layout->spec.class_count);
    tables->mask = vdt_allocate(tables->tally->masks ? layout->pixels : 0, layout->mask_size);
    tables->bands = vdt_allocate(layout->spec.tile.bands, sizeof *tables->bands);
    return tables->rows == NULL || tables->onehot == NULL || tables->mask == NULL ||
                   tables->bands == NULL
               ? vdt_fail_memory(error, vdt_reader_path(tables->reader))
               : VDT_OK;
}

/* --- a block ------------------------------------------------------------------------------ */

static vdt_status read_column(struct tables *tables, enum vdt_array array, uint64_t first,
                              uint64_t count, struct vdt_buffer *to, struct vdt_error *error)
{
    size_t row = vdt_array_row_bytes(tables->layout, array);
    if (count > SIZE_MAX / row || !vdt_buffer_reserve(to, (size_t)count * row + 1))
        return vdt_fail_memory(error, vdt_reader_path(tables->reader));
    return count == 0 ? VDT_OK
                      : vdt_reader_rows(tables->reader, tables->group, array, first, count,
                                        to->data, error);
}

static vdt_status read_boxes(struct tables *tables, uint64_t first, uint64_t count,
                             struct vdt_error *error)
{
    uint64_t row = vdt_reader_first_box(tables->reader, tables->group, first);
    uint64_t boxes = vdt_reader_first_box(tables->reader, tables->group, first + count) - row;
    vdt_status status = read_column(tables, VDT_BOXES, row, boxes, &tables->boxes, error);
    if (status == VDT_OK)
        status = read_column(tables, VDT_BOX_CLASS, row, boxes, &tables->box_class, error);
    if (status == VDT_OK)
        status = read_column(tables, VDT_BOX_VISIBLE, row, boxes, &tables->box_visible, error);
    return status;
}

/* How many of the next samples a block takes: rows up to a number, texts up to a size. */
static vdt_status block_of(const struct tables *tables, uint64_t first, uint64_t *count,
                           struct vdt_error *error)
{
    uint64_t left = vdt_reader_count(tables->reader, tables->group) - first;
    uint64_t most = left < tables->block_rows ? left : tables->block_rows;
    uint64_t begin = vdt_reader_text_offset(tables->reader, tables->group, first);
    for (*count = 0; *count < most; ++*count)
        if (vdt_reader_text_offset(tables->reader, tables->group, first + *count + 1) - begin >
            TEXT_MOST)
            break;
    return *count > 0 ? VDT_OK
                      : vdt_fail(error, VDT_ERR_FORMAT,
                                 "%s: /%s: the metadata of sample %llu is longer than %d bytes",
                                 vdt_reader_path(tables->reader),
                                 vdt_reader_group_name(tables->reader, tables->group),
                                 (unsigned long long)first, TEXT_MOST);
}

static vdt_status read_block(struct tables *tables, uint64_t first, uint64_t count,
                             struct vdt_error *error)
{
    const struct vdt_reader *reader = tables->reader;
    uint64_t text = vdt_reader_text_offset(reader, tables->group, first);
    uint64_t size = vdt_reader_text_offset(reader, tables->group, first + count) - text;
    vdt_status status =
        vdt_reader_rows(reader, tables->group, VDT_SAMPLES, first, count, tables->rows, error);
    if (status == VDT_OK)
        status = read_column(tables, VDT_METADATA_TEXT, text, size, &tables->texts, error);
    if (status == VDT_OK && vdt_array_present(tables->layout, VDT_ONEHOT))
        status =
            vdt_reader_rows(reader, tables->group, VDT_ONEHOT, first, count, tables->onehot, error);
    if (status == VDT_OK && vdt_array_present(tables->layout, VDT_BOXES))
        status = read_boxes(tables, first, count, error);
    return status;
}

/* --- a sample ----------------------------------------------------------------------------- */

struct at {
    uint64_t index; /* in the group */
    const unsigned char *row;
    const unsigned char *onehot;
    const char *text;
    size_t text_size;
    uint64_t boxes, box; /* how many, and the first in the block's arrays */
};

static vdt_status wrong(const struct tables *tables, const struct at *at, const char *what,
                        struct vdt_error *error)
{
    return vdt_fail(
        error, VDT_ERR_FORMAT, "%s: /%s: sample %llu: %s", vdt_reader_path(tables->reader),
        vdt_reader_group_name(tables->reader, tables->group), (unsigned long long)at->index, what);
}

static vdt_status check_row(struct tables *tables, const struct at *at,
                            const struct vdt_sample *sample, struct vdt_error *error)
{
    bool added = false;
    if (vdt_row_crc(tables->layout, at->row, at->text, at->text_size) !=
        vdt_row_u32(at->row, tables->layout->row_bytes - 4))
        return wrong(tables, at, "its row and metadata do not match their checksum", error);
    if (sample->key[0] == '\0')
        return wrong(tables, at, "it has no key", error);
    for (const char *c = sample->key; *c != '\0'; c++)
        if (*c < '!' || *c > '~')
            return wrong(tables, at, "its key has a byte that is not printable ASCII", error);
    if (!vdt_keys_add(&tables->keys, sample->key, &added))
        return vdt_fail_memory(error, vdt_reader_path(tables->reader));
    if (!added)
        return wrong(tables, at, "its key is that of another sample", error);
    if (sample->scene >= vdt_reader_scene_count(tables->reader))
        return wrong(tables, at, "its scene is not in /scenes", error);
    if (sample->crs >= vdt_reader_crs_count(tables->reader))
        return wrong(tables, at, "its CRS is not in /crs", error);
    if (!(sample->valid_fraction >= 0 && sample->valid_fraction <= 1))
        return wrong(tables, at, "its valid fraction is outside 0..1", error);
    return VDT_OK;
}

static vdt_status tally_sample(struct tables *tables, const struct at *at,
                               const struct vdt_sample *sample, struct vdt_error *error)
{
    struct vdt_tally *tally = tables->tally;
    const struct vdt_layout *layout = tables->layout;
    vdt_tally_begin(tally);
    if (vdt_array_present(layout, VDT_BOXES) &&
        !vdt_tally_boxes(tally, at->boxes, (const float(*)[4])tables->boxes.data + at->box,
                         (const uint16_t *)tables->box_class.data + at->box,
                         (const float *)tables->box_visible.data + at->box))
        return wrong(tables, at, "a box is of a class that the store has not", error);
    if (vdt_array_present(layout, VDT_ONEHOT))
        vdt_tally_onehot(tally, at->onehot);
    if (tally->masks) {
        vdt_status status = vdt_reader_tile(tables->reader, &tables->decoder, tables->group,
                                            VDT_MASK, at->index, tables->mask, error);
        if (status != VDT_OK)
            return status;
        if (!vdt_tally_mask(tally, tables->mask))
            return wrong(tables, at, "its mask has a class that the store has not", error);
    }
    return vdt_tally_end(tally, tables->group, sample, tables->bands)
               ? VDT_OK
               : vdt_fail_memory(error, vdt_reader_path(tables->reader));
}

struct pieces {
    struct vdt_buffer *to;
    uint32_t array;
    bool good;
};

static bool add_piece(void *payload, uint64_t address, uint64_t size)
{
    struct pieces *pieces = payload;
    const struct vdt_record_place place = {
        .address = address, .size = (uint32_t)size, .array = pieces->array};
    pieces->good = size <= UINT32_MAX && vdt_buffer_append(pieces->to, &place, sizeof place);
    return pieces->good;
}

static bool find_places(struct tables *tables, const struct at *at)
{
    struct pieces pieces = {.to = &tables->places, .good = true};
    uint64_t box = vdt_reader_first_box(tables->reader, tables->group, at->index);
    tables->places.size = 0;
    for (enum vdt_array a = VDT_IMAGES; a < VDT_TILE_ARRAYS; a++) {
        pieces.array = a;
        if (vdt_array_present(tables->layout, a))
            vdt_reader_pieces(tables->reader, tables->group, a, at->index, 1, add_piece, &pieces);
    }
    pieces.array = VDT_SAMPLES;
    vdt_reader_pieces(tables->reader, tables->group, VDT_SAMPLES, at->index, 1, add_piece, &pieces);
    size_t tiles = tables->places.size;
    for (enum vdt_array a = VDT_BOXES; a <= VDT_BOX_VISIBLE; a++) {
        pieces.array = a;
        if (pieces.good && at->boxes > 0)
            vdt_reader_pieces(tables->reader, tables->group, a, box, at->boxes, add_piece, &pieces);
    }
    if (tables->places.size > VDT_RECORD_PLACES * sizeof(struct vdt_record_place))
        tables->places.size = tiles;
    return pieces.good;
}

static bool find_classes(struct tables *tables)
{
    const struct vdt_tally *tally = tables->tally;
    bool good = true;
    tables->classes.size = 0;
    for (size_t i = 0; good && i < tally->seen_count; i++) {
        uint64_t count = tally->counts[tally->seen[i]];
        const struct vdt_record_class class = {
            .id = tally->seen[i], .count = count > UINT32_MAX ? UINT32_MAX : (uint32_t)count};
        good = vdt_buffer_append(&tables->classes, &class, sizeof class);
    }
    return good;
}

static vdt_status send_rows(struct tables *tables, struct vdt_error *error)
{
    bool good = vdt_job_frame(tables->job, VDT_FRAME_ROWS, tables->out.data, tables->out.size);
    tables->out.size = 0;
    return good ? VDT_OK : vdt_fail(error, VDT_ERR_IO, "the server does not listen any more");
}

static vdt_status send_sample(struct tables *tables, const struct at *at,
                              const struct vdt_sample *sample, struct vdt_error *error)
{
    if (!find_places(tables, at) || !find_classes(tables))
        return vdt_fail_memory(error, vdt_reader_path(tables->reader));
    bool text = at->text_size <= VDT_RECORD_METADATA;
    struct vdt_row_head head = {
        .size = (uint32_t)(sizeof head + tables->classes.size + tables->places.size +
                           (text ? at->text_size : 0)),
        .class_count = (uint32_t)tables->tally->seen_count,
        .place_count = (uint32_t)(tables->places.size / sizeof(struct vdt_record_place)),
        .metadata_size = text ? (uint32_t)at->text_size : VDT_ROW_NO_TEXT,
        .scene = sample->scene,
        .crs = sample->crs,
        .valid_fraction = sample->valid_fraction,
        .weight = sample->weight,
        .image_crc = vdt_row_u32(at->row, VDT_ROW_IMAGE_CRC),
        .label_crc = vdt_row_u32(at->row, VDT_ROW_LABEL_CRC),
        .boxes = at->boxes};
    memcpy(head.key, sample->key, sizeof head.key);
    memcpy(head.window, &sample->window, sizeof head.window);
    memcpy(head.geotransform, sample->geotransform, sizeof head.geotransform);
    memcpy(head.bounds, sample->bounds, sizeof head.bounds);
    struct vdt_buffer *out = &tables->out;
    if (!vdt_buffer_append(out, &head, sizeof head) ||
        !vdt_buffer_append(out, tables->classes.data, tables->classes.size) ||
        !vdt_buffer_append(out, tables->places.data, tables->places.size) ||
        !vdt_buffer_append(out, at->text, text ? at->text_size : 0))
        return vdt_fail_memory(error, vdt_reader_path(tables->reader));
    return out->size < FRAME_BYTES ? VDT_OK : send_rows(tables, error);
}

static vdt_status do_sample(struct tables *tables, const struct at *at, struct vdt_error *error)
{
    struct vdt_sample sample;
    vdt_row_unpack(tables->layout, at->row, &sample, tables->bands);
    vdt_status status = check_row(tables, at, &sample, error);
    if (status == VDT_OK)
        status = tally_sample(tables, at, &sample, error);
    return status == VDT_OK ? send_sample(tables, at, &sample, error) : status;
}

static vdt_status do_block(struct tables *tables, uint64_t first, uint64_t count,
                           struct vdt_error *error)
{
    const struct vdt_reader *reader = tables->reader;
    size_t group = tables->group;
    uint64_t text = vdt_reader_text_offset(reader, group, first);
    uint64_t box = vdt_reader_first_box(reader, group, first);
    vdt_status status = read_block(tables, first, count, error);
    for (uint64_t i = 0; status == VDT_OK && i < count; i++) {
        uint64_t index = first + i, begin = vdt_reader_text_offset(reader, group, index);
        uint64_t boxes = vdt_reader_first_box(reader, group, index);
        const struct at at = {
            .index = index,
            .row = tables->rows + i * tables->layout->row_bytes,
            .onehot = tables->onehot + i * tables->layout->spec.class_count,
            .text = (const char *)tables->texts.data + (begin - text),
            .text_size = (size_t)(vdt_reader_text_offset(reader, group, index + 1) - begin),
            .box = boxes - box,
            .boxes = vdt_reader_box_rows(reader, group, index, 1)};
        status = do_sample(tables, &at, error);
    }
    return status;
}

static vdt_status do_group(struct tables *tables, struct vdt_error *error)
{
    const char *name = vdt_reader_group_name(tables->reader, tables->group);
    uint64_t samples = vdt_reader_count(tables->reader, tables->group), count = 0;
    if (!vdt_job_frame(tables->job, VDT_FRAME_GROUP, name, strlen(name)))
        return vdt_fail(error, VDT_ERR_IO, "the server does not listen any more");
    vdt_status status = VDT_OK;
    for (uint64_t first = 0; status == VDT_OK && first < samples; first += count) {
        status = block_of(tables, first, &count, error);
        if (status == VDT_OK)
            status = do_block(tables, first, count, error);
    }
    return status == VDT_OK && tables->out.size > 0 ? send_rows(tables, error) : status;
}

vdt_status vdt_tables_send(struct vdt_job *job, const struct vdt_reader *reader,
                           struct vdt_tally *tally, struct vdt_error *error)
{
    vdt_cleanup(clear) struct tables tables = {
        .job = job, .reader = reader, .layout = vdt_reader_layout(reader), .tally = tally};
    vdt_status status = start(&tables, error);
    for (; status == VDT_OK && tables.group < vdt_reader_group_count(reader); tables.group++)
        status = do_group(&tables, error);
    return status;
}
