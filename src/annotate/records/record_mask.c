/* Masks in JSON. */
#include "annotate/records/record_mask.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vedatile/shapes.h>

#include "base/buffer.h"
#include "source/scenes/raster_file.h"

enum { PNG_HEADER = 33, MOST_PIXELS = 1 << 28 };

static bool wrong(char *why, const char *format, ...) VDT_PRINTF(2, 3);

static bool wrong(char *why, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(why, VDT_ANNOTATION_WHY, format, values);
    va_end(values);
    return false;
}

/* The last mask of the list becomes the annotation's. */
static void take(struct vdt_annotation *a, const struct vdt_masks *masks)
{
    const struct vdt_shapes *shapes = vdt_masks_shapes(masks);
    a->counts = shapes->counts + shapes->count_offsets[0];
    a->count_count = (size_t)(shapes->count_offsets[1] - shapes->count_offsets[0]);
    a->rows = shapes->size[0][0];
    a->cols = shapes->size[0][1];
}

static bool make_masks(struct vdt_record_room *room, char *why)
{
    struct vdt_error error;
    if (room->masks != NULL) {
        vdt_masks_clear(room->masks);
        return true;
    }
    return vdt_masks_new(&room->masks, &error) == VDT_OK || wrong(why, VDT_WHY_MEMORY);
}

static bool parse_list(const json_t *counts, struct vdt_record_room *room, struct vdt_annotation *a,
                       char *why)
{
    size_t count = json_array_size(counts);
    if (!vdt_grow(&room->counts, &room->count_capacity, count + 1, sizeof *room->counts))
        return wrong(why, VDT_WHY_MEMORY);
    for (size_t i = 0; i < count; i++) {
        const json_t *run = json_array_get(counts, i);
        json_int_t number = json_integer_value(run);
        if (!json_is_integer(run) || number < 0 || number > UINT32_MAX)
            return wrong(why, "run %zu of the mask is no length", i + 1);
        room->counts[i] = (uint32_t)number;
    }
    a->counts = room->counts;
    a->count_count = count;
    return true;
}

static bool parse_runs(const json_t *value, struct vdt_record_room *room, struct vdt_annotation *a,
                       char *why)
{
    const json_t *size = json_object_get(value, "size"), *counts = json_object_get(value, "counts");
    json_int_t rows = json_integer_value(json_array_get(size, 0));
    json_int_t cols = json_integer_value(json_array_get(size, 1));
    struct vdt_error error;
    if (json_array_size(size) != 2 || rows < 1 || cols < 1 || rows > INT32_MAX || cols > INT32_MAX)
        return wrong(why, "the mask's \"size\" is no list of rows and columns");
    a->rows = (uint32_t)rows;
    a->cols = (uint32_t)cols;
    if (json_is_array(counts))
        return parse_list(counts, room, a, why);
    if (!json_is_string(counts))
        return wrong(why, "the mask's \"counts\" are no text and no list");
    if (!make_masks(room, why))
        return false;
    if (vdt_masks_add_text(room->masks, a->rows, a->cols, json_string_value(counts),
                           json_string_length(counts), &error) != VDT_OK)
        return wrong(why, "the mask's runs: %.200s", error.message);
    take(a, room->masks);
    return true;
}

/* --- PNG ------------------------------------------------------------------------------------- */

static int digit(char letter)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = letter == '\0' ? NULL : strchr(letters, letter);
    return at == NULL ? -1 : (int)(at - letters);
}

/* Bytes of base64, into `bytes` with room for 3/4 of the text; SIZE_MAX: it is none. */
static size_t decode64(const char *text, size_t length, unsigned char *bytes)
{
    size_t size = 0;
    uint32_t bits = 0;
    int held = 0;
    while (length > 0 && text[length - 1] == '=')
        length--;
    for (size_t i = 0; i < length; i++) {
        int value = digit(text[i]);
        if (value < 0)
            return SIZE_MAX;
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            bytes[size++] = (unsigned char)(bits >> held);
        }
    }
    return size;
}

static uint32_t big_endian(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Only grey and palette: what is not 0 is the object. */
static bool read_header(const unsigned char *bytes, size_t size, struct vdt_tile_spec *raster,
                        char *why)
{
    static const unsigned char magic[] = {0x89, 'P', 'N', 'G', 13, 10, 26, 10};
    if (size < PNG_HEADER || memcmp(bytes, magic, sizeof magic) != 0)
        return wrong(why, "the mask's \"png\" is no PNG");
    uint32_t cols = big_endian(bytes + 16), rows = big_endian(bytes + 20);
    if ((bytes[25] != 0 && bytes[25] != 3) || bytes[24] > 8)
        return wrong(why,
                     "the mask's PNG has colours: it must be grey or a palette of 1 to 8 bits");
    if (rows == 0 || cols == 0 || (uint64_t)rows * cols > MOST_PIXELS)
        return wrong(why, "the mask's PNG has %u x %u pixels", cols, rows);
    *raster = (struct vdt_tile_spec){.bands = 1, .rows = rows, .cols = cols, .dtype = VDT_UINT8};
    return true;
}

static bool parse_png(const char *text, size_t length, struct vdt_record_room *room,
                      struct vdt_annotation *a, char *why)
{
    struct vdt_tile_spec raster;
    struct vdt_error error;
    free(room->bytes);
    room->bytes = vdt_allocate(1, length + 1);
    if (room->bytes == NULL || !make_masks(room, why))
        return wrong(why, VDT_WHY_MEMORY);
    size_t size = decode64(text, length, room->bytes);
    if (size == SIZE_MAX)
        return wrong(why, "the mask's \"png\" is no base64");
    if (!read_header(room->bytes, size, &raster, why))
        return false;
    unsigned char *pixels = vdt_allocate(raster.rows, raster.cols);
    if (pixels == NULL)
        return wrong(why, VDT_WHY_MEMORY);
    vdt_status status = vdt_raster_decode("mask", room->bytes, size, &raster, pixels, &error);
    if (status == VDT_OK)
        status = vdt_masks_add_u8(room->masks, raster.rows, raster.cols, pixels,
                                  (ptrdiff_t)raster.cols, 1, &error);
    free(pixels);
    if (status != VDT_OK)
        return wrong(why, "the mask's PNG: %.200s", error.message);
    take(a, room->masks);
    return true;
}

bool vdt_record_parse_mask(const json_t *value, struct vdt_record_room *room,
                           struct vdt_annotation *a, char why[VDT_ANNOTATION_WHY])
{
    const json_t *png = json_object_get(value, "png");
    if (png == NULL)
        return parse_runs(value, room, a, why);
    return json_is_string(png)
               ? parse_png(json_string_value(png), json_string_length(png), room, a, why)
               : wrong(why, "the mask's \"png\" is no text");
}

/* --- to JSON --------------------------------------------------------------------------------- */

char *vdt_record_mask_text(const struct vdt_annotation *a)
{
    const uint64_t offsets[2] = {0, a->count_count};
    const uint32_t size[1][2] = {{a->rows, a->cols}};
    const struct vdt_shapes shapes = {.kind = VDT_SHAPE_RLE,
                                      .count = 1,
                                      .counts = a->counts,
                                      .count_offsets = offsets,
                                      .size = size};
    char *text = NULL;
    size_t length;
    struct vdt_error error;
    return vdt_mask_text(&shapes, 0, &text, &length, &error) == VDT_OK ? text : NULL;
}

json_t *vdt_record_mask_json(const struct vdt_annotation *a)
{
    char *text = vdt_record_mask_text(a);
    json_t *value = text == NULL ? NULL
                                 : json_pack("{s:[I,I],s:s}", "size", (json_int_t)a->rows,
                                             (json_int_t)a->cols, "counts", text);
    free(text);
    return value;
}
