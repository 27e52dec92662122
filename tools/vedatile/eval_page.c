/* The page of an evaluation with pictures of the store's samples. */
#include "eval_page.h"

#include <cairo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vedatile/annotations.h>
#include <vedatile/evaluation.h>
#include <vedatile/run.h>

#include "overlay.h"
#include "picture.h"
#include "png_file.h"
#include "report.h"
#include "whole_file.h"

/* What pictures are made from. One stretch for all of them, so that tiles compare. */
struct gallery {
    struct vdt_reader *reader;
    struct vdt_run_reader *run; /* NULL: no rasters */
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

static bool load_truth(const struct gallery *gallery, struct sample_ref sample,
                       struct labels *labels)
{
    struct labels all;
    if (labels_load(gallery->reader, sample, &all, NULL))
        return false;
    labels->mask = all.mask;
    all.mask = NULL;
    labels_clear(&all);
    return labels->mask != NULL;
}

/* The raster with the class numbers of the store. */
static bool load_predicted(const struct gallery *gallery, const char *reference,
                           struct labels *labels)
{
    struct vdt_store_spec spec = vdt_reader_spec(gallery->reader);
    size_t pixels = (size_t)spec.tile.rows * spec.tile.cols;
    enum vdt_dtype dtype;
    uint32_t sample, rows, cols;
    if (gallery->run == NULL ||
        vdt_annotations_find_sample(vdt_run_annotations(gallery->run), reference, &sample, NULL) ||
        vdt_run_raster_shape(gallery->run, sample, &dtype, &rows, &cols, NULL) ||
        rows != spec.tile.rows || cols != spec.tile.cols)
        return false;
    uint16_t *values = malloc(2 * pixels), *mask = malloc(2 * pixels);
    bool good = values && mask && vdt_run_raster(gallery->run, sample, values, NULL) == VDT_OK;
    for (size_t i = 0; good && i < pixels; i++) {
        uint16_t value = dtype == VDT_UINT8 ? ((const uint8_t *)values)[i] : values[i];
        bool ignored = value == (dtype == VDT_UINT8 ? VDT_IGNORE_U8 : VDT_IGNORE_U16);
        mask[i] = ignored ? LABELS_IGNORE : 0;
        if (ignored || value == 0 || value > vdt_run_reader_class_count(gallery->run))
            continue;
        const char *name = vdt_run_reader_class_name(gallery->run, value - 1);
        for (size_t k = 0; k < spec.class_count; k++)
            if (strcmp(spec.classes[k], name) == 0)
                mask[i] = (uint16_t)(k + 1);
    }
    free(values);
    if (!good) {
        free(mask);
        return false;
    }
    labels->mask = mask;
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
    if (!(truth ? load_truth(gallery, sample, &labels)
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

vdt_status eval_page_write(const char *path, const char *document, const char *store,
                           const char *run, struct vdt_error *error)
{
    struct gallery gallery = {0};
    struct vdt_evaluation_page page = {.title = run, .payload = &gallery};
    char *html = NULL;
    vdt_status status = store ? vdt_reader_open(store, &gallery.reader, error) : VDT_OK;
    if (!status && store) {
        page.picture = picture;
        status = vdt_run_open(store, run, &gallery.run, error);
    }
    if (!status)
        status = vdt_evaluation_html(document, &page, &html, error);
    if (!status)
        status = whole_file_write(path, html, strlen(html), error);
    free(html);
    vdt_run_reader_free(gallery.run);
    vdt_reader_free(gallery.reader);
    return status;
}
