/* A rendering, in a worker: stored bytes, decoded and written in another way. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "server/draw/ground.h"
#include "server/draw/palette.h"
#include "server/draw/png.h"
#include "server/draw/render.h"
#include "server/draw/worker.h"
#include "source/scenes/raster_file.h"
#include "store/decoder.h"
#include "store/layout.h"

struct rendering {
    const json_t *request;
    struct vdt_layout layout;
    struct vdt_runs *runs;
    uint64_t sizes[VDT_ARRAYS];
    const char **classes, **bands;
};

static void clear(struct rendering *rendering)
{
    vdt_layout_clear(&rendering->layout);
    vdt_runs_free(rendering->runs);
    free((void *)rendering->classes);
    free((void *)rendering->bands);
}

/* --- what is asked ------------------------------------------------------------------------ */

static json_int_t integer(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static const char *text(const json_t *object, const char *name)
{
    const char *value = json_string_value(json_object_get(object, name));
    return value == NULL ? "" : value;
}

static const char **texts(const json_t *array)
{
    const char **list = vdt_allocate(json_array_size(array), sizeof *list);
    for (size_t i = 0; list != NULL && i < json_array_size(array); i++)
        list[i] = json_string_value(json_array_get(array, i));
    return list;
}

static uint32_t tasks_of(const json_t *names)
{
    uint32_t tasks = 0;
    for (size_t i = 0; i < json_array_size(names); i++)
        for (uint32_t task = VDT_CLASSIFICATION; task <= VDT_REGRESSION; task *= 2)
            if (strcmp(json_string_value(json_array_get(names, i)),
                       vdt_task_name((enum vdt_task)task)) == 0)
                tasks |= task;
    return tasks;
}

static enum vdt_codec codec_of(const char *name)
{
    for (int i = VDT_CODEC_RAW; i <= VDT_CODEC_ZSTD; i++)
        if (strcmp(name, vdt_codec_name((enum vdt_codec)i)) == 0)
            return (enum vdt_codec)i;
    return VDT_CODEC_RAW;
}

static enum vdt_dtype dtype_of(const char *name)
{
    for (int i = VDT_UINT8; i <= VDT_FLOAT64; i++)
        if (strcmp(name, vdt_dtype_name((enum vdt_dtype)i)) == 0)
            return (enum vdt_dtype)i;
    return VDT_UINT8;
}

static vdt_status read_layout(struct rendering *rendering, struct vdt_error *error)
{
    const json_t *request = rendering->request, *tile = json_object_get(request, "tile");
    const json_t *classes = json_object_get(request, "classes");
    rendering->classes = texts(classes);
    rendering->bands = texts(json_object_get(request, "band_names"));
    if (rendering->classes == NULL || rendering->bands == NULL)
        return vdt_fail_memory(error, "sample");
    const struct vdt_store_spec spec = {.tile = {.bands = (uint32_t)integer(tile, "bands"),
                                                 .rows = (uint32_t)integer(tile, "rows"),
                                                 .cols = (uint32_t)integer(tile, "cols"),
                                                 .dtype = dtype_of(text(tile, "dtype"))},
                                        .tasks = tasks_of(json_object_get(request, "tasks")),
                                        .classes = rendering->classes,
                                        .class_count = json_array_size(classes),
                                        .band_names = rendering->bands,
                                        .name = "sample",
                                        .image_codec = codec_of(text(request, "codec")),
                                        .mask_codec = codec_of(text(request, "mask_codec"))};
    for (size_t i = 0; i < VDT_ARRAYS; i++)
        rendering->sizes[i] =
            (uint64_t)json_integer_value(json_array_get(json_object_get(request, "sizes"), i));
    return vdt_layout_init(&rendering->layout, &spec, error);
}

/* --- stored bytes ------------------------------------------------------------------------- */

/* Bytes of an array begin behind those of the arrays before it. */
static uint64_t begin_of(const struct rendering *rendering, enum vdt_array array)
{
    uint64_t at = 0;
    for (int i = 0; i < (int)array; i++)
        at += rendering->sizes[i];
    return at;
}

/* Raw bytes of an array, `size` of them. */
static vdt_status read_raw(const struct rendering *rendering, enum vdt_array array, size_t size,
                           void **out, struct vdt_error *error)
{
    if (rendering->sizes[array] != size)
        return vdt_fail(error, VDT_ERR_FORMAT, "sample: %s is %llu bytes: it should be %zu",
                        vdt_array_path(array), (unsigned long long)rendering->sizes[array], size);
    void *data = vdt_allocate(size, 1);
    if (data == NULL)
        return vdt_fail_memory(error, "sample");
    vdt_status status =
        vdt_runs_read(rendering->runs, data, size, begin_of(rendering, array), error);
    if (status != VDT_OK)
        free(data);
    else
        *out = data;
    return status;
}

static vdt_status read_tile(const struct rendering *rendering, enum vdt_array array, void **out,
                            struct vdt_error *error)
{
    const struct vdt_layout *layout = &rendering->layout;
    vdt_cleanup(vdt_decoder_clear) struct vdt_decoder decoder = {0};
    size_t size = vdt_array_row_bytes(layout, array);
    uint64_t stored = rendering->sizes[array];
    if (vdt_array_codec(layout, array) == VDT_CODEC_RAW)
        return read_raw(rendering, array, size, out, error);
    if (stored == 0 || stored > 2 * (uint64_t)size + 4096)
        return vdt_fail(error, VDT_ERR_FORMAT, "sample: %s has a wrong size",
                        vdt_array_path(array));
    vdt_cleanup(vdt_free_pointer) void *data = vdt_allocate(size, 1);
    if (data == NULL || !vdt_buffer_reserve(&decoder.stored, stored))
        return vdt_fail_memory(error, "sample");
    vdt_status status = vdt_runs_read(rendering->runs, decoder.stored.data, stored,
                                      begin_of(rendering, array), error);
    if (status == VDT_OK)
        status =
            vdt_decode(&decoder, vdt_array_codec(layout, array), vdt_array_element(layout, array),
                       decoder.stored.data, stored, data, size, error);
    if (status != VDT_OK)
        return status;
    *out = data;
    data = NULL;
    return VDT_OK;
}

/* --- pictures ----------------------------------------------------------------------------- */

static vdt_status choose_bands(const struct rendering *rendering, struct vdt_shade *shade,
                               struct vdt_error *error)
{
    const json_t *bands = json_object_get(rendering->request, "bands");
    vdt_shade_bands(&rendering->layout.spec, shade);
    if (json_array_size(bands) > 0)
        shade->count = json_array_size(bands);
    for (size_t i = 0; i < json_array_size(bands) && i < 3; i++) {
        shade->bands[i] = (uint32_t)json_integer_value(json_array_get(bands, i));
        if (shade->bands[i] >= rendering->layout.spec.tile.bands)
            return vdt_fail(error, VDT_ERR_ARGUMENT, "band %u: the store has %u",
                            shade->bands[i] + 1, rendering->layout.spec.tile.bands);
    }
    return VDT_OK;
}

static vdt_status shade_image(const struct rendering *rendering, struct vdt_shade *shade,
                              uint8_t **out, struct vdt_error *error)
{
    const struct vdt_layout *layout = &rendering->layout;
    struct vdt_sample sample;
    vdt_cleanup(vdt_free_pointer) void *image = NULL;
    vdt_cleanup(vdt_free_pointer) void *row = NULL;
    vdt_cleanup(vdt_free_pointer) struct vdt_band_stats *stats =
        vdt_allocate(layout->spec.tile.bands, sizeof *stats);
    vdt_cleanup(vdt_free_pointer) uint8_t *pixels = vdt_allocate(layout->pixels, shade->count);
    if (stats == NULL || pixels == NULL)
        return vdt_fail_memory(error, "sample");
    vdt_status status = read_tile(rendering, VDT_IMAGES, &image, error);
    if (status == VDT_OK)
        status = read_raw(rendering, VDT_SAMPLES, layout->row_bytes, &row, error);
    if (status != VDT_OK)
        return status;
    vdt_row_unpack(layout, row, &sample, stats);
    if (!vdt_shade_range(shade, &layout->spec.tile, image, stats))
        return vdt_fail_memory(error, "sample");
    vdt_shade_paint(shade, &layout->spec.tile, image, pixels);
    *out = pixels;
    pixels = NULL;
    return VDT_OK;
}

/* The picture's size: the tile's, or what was asked for its longer side. */
static void size_of_picture(const struct rendering *rendering, struct vdt_png *png)
{
    const struct vdt_tile_spec *tile = &rendering->layout.spec.tile;
    uint32_t longer = tile->cols > tile->rows ? tile->cols : tile->rows;
    uint32_t wanted = (uint32_t)integer(rendering->request, "size");
    if (wanted == 0)
        wanted = longer;
    wanted = wanted < VDT_PICTURE_MOST ? wanted : VDT_PICTURE_MOST;
    png->cols = (uint32_t)((uint64_t)tile->cols * wanted / longer);
    png->rows = (uint32_t)((uint64_t)tile->rows * wanted / longer);
    png->cols = png->cols > 0 ? png->cols : 1;
    png->rows = png->rows > 0 ? png->rows : 1;
}

static vdt_status render_png(const struct rendering *rendering, struct vdt_buffer *bytes,
                             struct vdt_error *error)
{
    const struct vdt_tile_spec *tile = &rendering->layout.spec.tile;
    double low = json_number_value(json_object_get(rendering->request, "low"));
    double high = json_number_value(json_object_get(rendering->request, "high"));
    struct vdt_shade shade = {.kind = (enum vdt_stretch_kind)integer(rendering->request, "stretch"),
                              .low = {low, low, low},
                              .high = {high, high, high}};
    struct vdt_png png = {.depth = 8};
    vdt_cleanup(vdt_free_pointer) uint8_t *pixels = NULL;
    vdt_cleanup(vdt_free_pointer) uint8_t *resized = NULL;
    vdt_status status = choose_bands(rendering, &shade, error);
    if (status == VDT_OK)
        status = shade_image(rendering, &shade, &pixels, error);
    if (status != VDT_OK)
        return status;
    size_of_picture(rendering, &png);
    png.channels = (unsigned)shade.count;
    png.pixels = pixels;
    if (png.cols != tile->cols || png.rows != tile->rows) {
        resized = vdt_allocate((size_t)png.cols * png.rows, shade.count);
        if (resized == NULL)
            return vdt_fail_memory(error, "sample");
        vdt_shade_resize(pixels, tile->cols, tile->rows, shade.count, png.cols, png.rows, resized);
        png.pixels = resized;
    }
    return vdt_png_encode(&png, bytes, error);
}

/* 0 is background, id + 1 a class, 255 nobody knows. */
static vdt_status render_mask(const struct rendering *rendering, struct vdt_buffer *bytes,
                              struct vdt_error *error)
{
    const struct vdt_layout *layout = &rendering->layout;
    uint8_t palette[256][4] = {{0}};
    vdt_cleanup(vdt_free_pointer) void *mask = NULL;
    bool small = layout->mask_size == 1;
    vdt_status status = read_tile(rendering, VDT_MASK, &mask, error);
    if (status != VDT_OK)
        return status;
    for (size_t id = 0; id < 254; id++)
        vdt_palette_colour(id, palette[id + 1]);
    memcpy(palette[255], (uint8_t[]){128, 128, 128, 160}, 4);
    const struct vdt_png png = {.cols = layout->spec.tile.cols,
                                .rows = layout->spec.tile.rows,
                                .channels = 1,
                                .depth = small ? 8 : 16,
                                .pixels = mask,
                                .palette = small ? palette : NULL,
                                .colours = 256};
    return vdt_png_encode(&png, bytes, error);
}

/* --- on the ground ------------------------------------------------------------------------ */

static void read_numbers(const json_t *array, double *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(array, i);
        values[i] = json_is_number(value) ? json_number_value(value) : NAN;
    }
}

static vdt_status render_tiff(const struct rendering *rendering, struct vdt_buffer *bytes,
                              struct vdt_error *error)
{
    double geotransform[6];
    vdt_cleanup(vdt_free_pointer) void *image = NULL;
    read_numbers(json_object_get(rendering->request, "geotransform"), geotransform, 6);
    bool placed = json_is_true(json_object_get(rendering->request, "placed"));
    const struct vdt_raster_place place = {.geotransform = placed ? geotransform : NULL,
                                           .crs = text(rendering->request, "crs")};
    vdt_status status = read_tile(rendering, VDT_IMAGES, &image, error);
    if (status != VDT_OK)
        return status;
    const struct vdt_store_spec *spec = &rendering->layout.spec;
    status = vdt_raster_encode(VDT_RASTER_TIFF, &spec->tile, image, spec->band_names, &place, bytes,
                               error);
    if (status == VDT_OK || place.crs[0] == '\0')
        return status;
    /* A CRS that this GDAL does not know: the pixels are worth having without. */
    const struct vdt_raster_place bare = {.geotransform = place.geotransform};
    return vdt_raster_encode(VDT_RASTER_TIFF, &spec->tile, image, spec->band_names, &bare, bytes,
                             error);
}

/* Boxes come as four columns; their number follows from their size. */
static vdt_status read_boxes(const struct rendering *rendering, struct vdt_ground_labels *labels,
                             struct vdt_error *error)
{
    size_t count = rendering->sizes[VDT_BOXES] / 16;
    labels->count = count;
    vdt_status status = read_raw(rendering, VDT_BOXES, count * 16, &labels->boxes, error);
    if (status == VDT_OK)
        status = read_raw(rendering, VDT_BOX_CLASS, count * 2, &labels->classes, error);
    if (status == VDT_OK)
        status = read_raw(rendering, VDT_BOX_FEATURE, count * 8, &labels->features, error);
    if (status == VDT_OK)
        status = read_raw(rendering, VDT_BOX_VISIBLE, count * 4, &labels->visible, error);
    return status;
}

static vdt_status render_labels(const struct rendering *rendering, struct vdt_buffer *bytes,
                                struct vdt_error *error)
{
    const json_t *request = rendering->request;
    struct vdt_ground_sample sample = {.spec = &rendering->layout.spec,
                                       .key = text(request, "key"),
                                       .group = text(request, "group"),
                                       .crs = text(request, "crs"),
                                       .counts = json_object_get(request, "counts"),
                                       .placed = json_is_true(json_object_get(request, "placed"))};
    struct vdt_ground_labels labels = {0};
    read_numbers(json_object_get(request, "geotransform"), sample.geotransform, 6);
    read_numbers(json_object_get(request, "bounds"), sample.bounds, 4);
    vdt_status status = VDT_OK;
    if (vdt_array_present(&rendering->layout, VDT_BOXES))
        status = read_boxes(rendering, &labels, error);
    vdt_cleanup(vdt_json_release) json_t *document =
        status == VDT_OK ? vdt_ground_document(&sample, &labels) : NULL;
    vdt_ground_labels_clear(&labels);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_free_pointer) char *whole =
        document == NULL ? NULL : json_dumps(document, JSON_COMPACT | JSON_REAL_PRECISION(12));
    return whole != NULL && vdt_buffer_append(bytes, whole, strlen(whole))
               ? VDT_OK
               : vdt_fail_memory(error, "sample");
}

/* --- the job ------------------------------------------------------------------------------ */

bool vdt_render_wants_ground(const unsigned char *request)
{
    vdt_cleanup(vdt_json_release) json_t *value = json_loads((const char *)request, 0, NULL);
    json_int_t kind = integer(value, "kind");
    return (kind == VDT_RENDER_TIFF || kind == VDT_RENDER_LABELS) && text(value, "crs")[0] != '\0';
}

static vdt_status render(const struct rendering *rendering, struct vdt_buffer *bytes,
                         struct vdt_error *error)
{
    switch (integer(rendering->request, "kind")) {
    case VDT_RENDER_PNG: return render_png(rendering, bytes, error);
    case VDT_RENDER_TIFF: return render_tiff(rendering, bytes, error);
    case VDT_RENDER_MASK: return render_mask(rendering, bytes, error);
    case VDT_RENDER_LABELS: return render_labels(rendering, bytes, error);
    default: return vdt_fail(error, VDT_ERR_ARGUMENT, "no such picture");
    }
}

vdt_status vdt_job_render(struct vdt_job *job, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *request =
        json_loadb((const char *)job->request, job->head.request_size, 0, NULL);
    vdt_cleanup(clear) struct rendering rendering = {.request = request};
    vdt_cleanup(vdt_buffer_clear) struct vdt_buffer bytes = {0};
    vdt_status status =
        vdt_runs_open("sample", job->runs, job->head.run_count, &rendering.runs, error);
    if (status == VDT_OK)
        status = read_layout(&rendering, error);
    if (status == VDT_OK)
        status = render(&rendering, &bytes, error);
    for (size_t at = 0; status == VDT_OK && at < bytes.size; at += VDT_FRAME_MOST) {
        size_t left = bytes.size - at, step = left < VDT_FRAME_MOST ? left : VDT_FRAME_MOST;
        if (!vdt_job_frame(job, VDT_FRAME_BYTES, bytes.data + at, step))
            status = vdt_fail(error, VDT_ERR_IO, "the server does not listen any more");
    }
    return status;
}
