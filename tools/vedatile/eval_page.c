/* The page of an evaluation with pictures of the store's samples. */
#include "eval_page.h"

#include <cairo.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vedatile/annotations.h>
#include <vedatile/evaluation.h>
#include <vedatile/run.h>

#include "overlay.h"
#include "palette.h"
#include "picture.h"
#include "png_file.h"
#include "report.h"
#include "whole_file.h"

/* What pictures are made from. One stretch for all of them, so that tiles compare. */
struct gallery {
    struct vdt_reader *reader;
    struct vdt_run_reader *run;    /* NULL: no rasters */
    struct vdt_annotations *truth; /* labels of a set; NULL: the store's */
    const json_t *document;
    const json_t *segmentation; /* the task; NULL: there is none */
    struct stretch stretch;
    bool stretched;
};

/* --- data: URLs ---------------------------------------------------------------------------- */

struct bytes {
    unsigned char *data;
    size_t size;
    size_t room;
};

static cairo_status_t take(void *closure, const unsigned char *data, unsigned int size)
{
    struct bytes *bytes = closure;
    if (bytes->size + size > bytes->room) {
        size_t room = 2 * (bytes->size + size);
        unsigned char *grown = realloc(bytes->data, room);
        if (grown == NULL)
            return CAIRO_STATUS_NO_MEMORY;
        bytes->data = grown;
        bytes->room = room;
    }
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
    return CAIRO_STATUS_SUCCESS;
}

static char *base64_url(const struct bytes *bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const char head[] = "data:image/png;base64,";
    char *text = malloc(sizeof head + (bytes->size + 2) / 3 * 4);
    if (text == NULL)
        return NULL;
    memcpy(text, head, sizeof head);
    char *at = text + sizeof head - 1;
    for (size_t i = 0; i < bytes->size; i += 3) {
        size_t left = bytes->size - i;
        uint32_t group = (uint32_t)bytes->data[i] << 16;
        group |= left > 1 ? (uint32_t)bytes->data[i + 1] << 8 : 0;
        group |= left > 2 ? bytes->data[i + 2] : 0;
        *at++ = digits[group >> 18];
        *at++ = digits[group >> 12 & 63];
        *at++ = left > 1 ? digits[group >> 6 & 63] : '=';
        *at++ = left > 2 ? digits[group & 63] : '=';
    }
    *at = 0;
    return text;
}

/* --- masks --------------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* The number of a class in the document, by what the label map calls it; 0: none. */
static uint16_t class_number(const struct gallery *gallery, const char *name)
{
    const json_t *classes = json_object_get(gallery->segmentation, "classes"), *item;
    const json_t *parameters = json_object_get(gallery->document, "parameters");
    const char *mapped = text_of(json_object_get(parameters, "label_map"), name);
    size_t index;
    json_array_foreach(classes, index, item)
    {
        const char *known = text_of(item, "class");
        if (known && strcmp(known, mapped ? mapped : name) == 0)
            return (uint16_t)(index + 1);
    }
    return 0;
}

/* Annotations of a sample burnt as the evaluation did it. */
static uint16_t *burn(const struct gallery *gallery, const char *reference, bool truth)
{
    struct vdt_tile_spec tile = vdt_reader_spec(gallery->reader).tile;
    struct vdt_annotations *set = truth ? gallery->truth : vdt_run_annotations(gallery->run);
    const json_t *parameters = json_object_get(gallery->document, "parameters");
    const char *key = text_of(parameters, "label_key"), *rule, *const * names;
    uint32_t sample;
    size_t count;
    if (vdt_annotations_find_sample(set, reference, &sample, NULL) ||
        vdt_annotations_values(set, key, &names, &count, NULL))
        return NULL;
    uint16_t *numbers = calloc(count + 1, sizeof *numbers);
    uint16_t *mask = malloc((size_t)tile.rows * tile.cols * sizeof *mask);
    for (size_t i = 0; numbers && i < count; i++)
        numbers[i] = class_number(gallery, names[i]);
    rule = text_of(gallery->segmentation, "mask_rule");
    const struct vdt_annotations_burn_options options = {
        .key = key,
        .classes = names,
        .values = numbers,
        .class_count = count,
        .touched = rule && strcmp(rule, "all-touched") == 0,
        .scores = !truth,
        .lowest = json_number_value(json_object_get(gallery->segmentation, "score"))};
    if (numbers == NULL || mask == NULL ||
        vdt_annotations_burn(set, sample, &options, tile.rows, tile.cols, mask, NULL)) {
        free(mask);
        mask = NULL;
    }
    free(numbers);
    return mask;
}

/* The numbers of a mask as those of the document's classes. */
static void renumber(const struct gallery *gallery, uint16_t *mask, size_t pixels,
                     const char *const *names, size_t count)
{
    uint16_t *numbers = calloc(count + 1, sizeof *numbers);
    for (size_t i = 0; numbers && i < count; i++)
        numbers[i + 1] = class_number(gallery, names[i]);
    for (size_t i = 0; numbers && i < pixels; i++)
        if (mask[i] != LABELS_IGNORE)
            mask[i] = mask[i] <= count ? numbers[mask[i]] : 0;
    free(numbers);
}

static bool load_truth(const struct gallery *gallery, struct sample_ref sample,
                       const char *reference, struct labels *labels)
{
    struct vdt_store_spec spec = vdt_reader_spec(gallery->reader);
    struct labels all;
    const char *from = text_of(gallery->segmentation, "ground_truth_of");
    if (gallery->truth && from && strcmp(from, "outlines") == 0) {
        labels->mask = burn(gallery, reference, true);
        return labels->mask != NULL;
    }
    if (labels_load(gallery->reader, sample, &all, NULL))
        return false;
    labels->mask = all.mask;
    all.mask = NULL;
    labels_clear(&all);
    if (labels->mask)
        renumber(gallery, labels->mask, (size_t)spec.tile.rows * spec.tile.cols, spec.classes,
                 spec.class_count);
    return labels->mask != NULL;
}

/* The raster of the run, as 16-bit values; NULL: it has none. */
static uint16_t *load_raster(const struct gallery *gallery, const char *reference)
{
    struct vdt_tile_spec tile = vdt_reader_spec(gallery->reader).tile;
    size_t pixels = (size_t)tile.rows * tile.cols;
    enum vdt_dtype dtype;
    uint32_t sample, rows, cols;
    if (vdt_annotations_find_sample(vdt_run_annotations(gallery->run), reference, &sample, NULL) ||
        vdt_run_raster_shape(gallery->run, sample, &dtype, &rows, &cols, NULL) ||
        rows != tile.rows || cols != tile.cols)
        return NULL;
    uint16_t *values = malloc(2 * pixels), *mask = malloc(2 * pixels);
    bool good = values && mask && vdt_run_raster(gallery->run, sample, values, NULL) == VDT_OK;
    for (size_t i = 0; good && i < pixels; i++) {
        uint16_t value = dtype == VDT_UINT8 ? ((const uint8_t *)values)[i] : values[i];
        bool ignored = value == (dtype == VDT_UINT8 ? VDT_IGNORE_U8 : VDT_IGNORE_U16);
        mask[i] = ignored ? LABELS_IGNORE : value;
    }
    free(values);
    if (!good) {
        free(mask);
        mask = NULL;
    }
    return mask;
}

static bool load_predicted(const struct gallery *gallery, const char *reference,
                           struct labels *labels)
{
    struct vdt_tile_spec tile = vdt_reader_spec(gallery->reader).tile;
    const char *from = text_of(gallery->segmentation, "predictions_of");
    if (gallery->run == NULL)
        return false;
    if (from && strcmp(from, "outlines") == 0) {
        labels->mask = burn(gallery, reference, false);
        return labels->mask != NULL;
    }
    labels->mask = load_raster(gallery, reference);
    if (labels->mask == NULL)
        return false;
    size_t count = vdt_run_reader_class_count(gallery->run);
    const char **names = calloc(count + 1, sizeof *names);
    for (size_t i = 0; names && i < count; i++)
        names[i] = vdt_run_reader_class_name(gallery->run, (uint32_t)i);
    if (names)
        renumber(gallery, labels->mask, (size_t)tile.rows * tile.cols, names, count);
    free(names);
    return true;
}

/* --- pictures ------------------------------------------------------------------------------ */

static cairo_surface_t *draw_tile(struct gallery *gallery, struct sample_ref sample)
{
    cairo_surface_t *surface = NULL;
    if (!gallery->stretched) {
        struct vdt_store_spec spec = vdt_reader_spec(gallery->reader);
        gallery->stretch = picture_bands(&spec);
        if (picture_stretch(gallery->reader, &sample, 1, &gallery->stretch, NULL))
            return NULL;
        gallery->stretched = true;
    }
    return picture_draw(gallery->reader, sample, &gallery->stretch, &surface, NULL) ? NULL
                                                                                    : surface;
}

static bool draw_mask(const struct gallery *gallery, struct sample_ref sample,
                      const char *reference, bool truth, cairo_surface_t *surface)
{
    struct vdt_store_spec spec = vdt_reader_spec(gallery->reader);
    struct labels labels = {0};
    if (!(truth ? load_truth(gallery, sample, reference, &labels)
                : load_predicted(gallery, reference, &labels)))
        return false;
    cairo_t *cairo = cairo_create(surface);
    vdt_status status =
        overlay_draw(cairo, &labels, &spec.tile, (int)spec.tile.cols, (int)spec.tile.rows, NULL);
    cairo_destroy(cairo);
    labels_clear(&labels);
    return status == VDT_OK;
}

static char *picture(const char *reference, const char *group, uint64_t index,
                     enum vdt_evaluation_picture which, void *payload)
{
    struct gallery *gallery = payload;
    struct sample_ref sample = {.index = index};
    struct bytes bytes = {0};
    char *url = NULL;
    if (vdt_reader_find_group(gallery->reader, group, &sample.group, NULL))
        return NULL;
    cairo_surface_t *surface = draw_tile(gallery, sample);
    if (surface == NULL)
        return NULL;
    bool drawn = which == VDT_EVALUATION_TILE ||
                 draw_mask(gallery, sample, reference, which == VDT_EVALUATION_TRUTH, surface);
    if (drawn && cairo_surface_write_to_png_stream(surface, take, &bytes) == CAIRO_STATUS_SUCCESS)
        url = base64_url(&bytes);
    cairo_surface_destroy(surface);
    free(bytes.data);
    return url;
}

/* What the document says that pictures are made of. */
static vdt_status open_gallery(const char *store, const char *run, struct gallery *gallery,
                               struct vdt_error *error)
{
    const json_t *inputs = json_object_get(gallery->document, "inputs"), *task;
    const char *labels = text_of(json_object_get(inputs, "ground_truth"), "labels");
    size_t index;
    json_array_foreach(json_object_get(gallery->document, "tasks"), index, task)
    {
        const char *name = text_of(task, "task");
        if (name && strcmp(name, "segmentation") == 0)
            gallery->segmentation = task;
    }
    vdt_status status = vdt_reader_open(store, &gallery->reader, error);
    if (!status)
        status = vdt_run_open(store, run, &gallery->run, error);
    const struct vdt_annotations_options options = {.store = store, .name = labels};
    if (!status && labels)
        status = vdt_annotations_open(&options, &gallery->truth, error);
    else if (!status && gallery->segmentation &&
             !(vdt_reader_spec(gallery->reader).tasks & VDT_SEGMENTATION))
        status = vdt_annotations_from_store(gallery->reader, SIZE_MAX, &gallery->truth, error);
    return status;
}

enum { COLOURS = 32, COLOUR_TEXT = 8 };

static void class_colours(char texts[COLOURS][COLOUR_TEXT], const char *colours[COLOURS])
{
    for (size_t i = 0; i < COLOURS; i++) {
        struct colour colour = palette_colour(i);
        snprintf(texts[i], COLOUR_TEXT, "#%02x%02x%02x", (unsigned)(colour.red * 255 + 0.5) & 0xff,
                 (unsigned)(colour.green * 255 + 0.5) & 0xff,
                 (unsigned)(colour.blue * 255 + 0.5) & 0xff);
        colours[i] = texts[i];
    }
}

vdt_status eval_page_write(const char *path, const char *document, const char *store,
                           const char *run, struct vdt_error *error)
{
    struct gallery gallery = {0};
    struct vdt_evaluation_page page = {.title = run, .payload = &gallery};
    char *html = NULL, texts[COLOURS][COLOUR_TEXT];
    const char *colours[COLOURS];
    json_t *parsed = json_loads(document, 0, NULL);
    gallery.document = parsed;
    vdt_status status = parsed == NULL ? error_memory(error)
                        : store        ? open_gallery(store, run, &gallery, error)
                                       : VDT_OK;
    class_colours(texts, colours);
    if (store) {
        page.picture = picture;
        page.colours = colours;
        page.colour_count = COLOURS;
    }
    if (!status)
        status = vdt_evaluation_html(document, &page, &html, error);
    if (!status)
        status = whole_file_write(path, html, strlen(html), error);
    free(html);
    vdt_annotations_free(gallery.truth);
    vdt_run_reader_free(gallery.run);
    vdt_reader_free(gallery.reader);
    json_decref(parsed);
    return status;
}
