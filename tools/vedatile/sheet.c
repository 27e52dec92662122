/* The layout of a sheet, from the header down to the last tile. */
#include "sheet.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "overlay.h"
#include "palette.h"
#include "report.h"
#include "sheet_legend.h"
#include "sheet_text.h"

enum {
    MARGIN = 28,
    GAP = 14,
    TITLE_HEIGHT = 30,
    DETAIL_HEIGHT = 22,
    CAPTION_HEIGHT = 20,
    TAGS_HEIGHT = 21,
    WIDTH_LEAST = 520,
    SIDE_MOST = 32767
};

static const struct ink title_ink = {.size = 21, .bold = true, .grey = 0.1};
static const struct ink detail_ink = {.size = 12.5, .grey = 0.4};
static const struct ink caption_ink = {.size = 10.5, .grey = 0.35};

struct layout {
    int tile_width, tile_height; /* drawn */
    int cell_width, cell_height; /* with caption and gap */
    int width, height;
    double legend_top;
    double grid_left, grid_top;
};

static bool has_tags(const struct sheet *sheet, const struct vdt_store_spec *spec)
{
    return sheet->labels && (spec->tasks & VDT_CLASSIFICATION);
}

static vdt_status plan(const struct sheet *sheet, const struct legend *legend,
                       struct layout *layout, struct vdt_error *error)
{
    struct vdt_store_spec spec = vdt_reader_spec(sheet->reader);
    double longer = fmax(spec.tile.cols, spec.tile.rows);
    layout->tile_width = (int)fmax(1, round(sheet->tile_pixels * spec.tile.cols / longer));
    layout->tile_height = (int)fmax(1, round(sheet->tile_pixels * spec.tile.rows / longer));
    layout->cell_width = layout->tile_width + GAP;
    layout->cell_height =
        layout->tile_height + CAPTION_HEIGHT + GAP + (has_tags(sheet, &spec) ? TAGS_HEIGHT : 0);
    size_t lines = (sheet->count + sheet->columns - 1) / sheet->columns;
    double grid_width = (double)sheet->columns * layout->cell_width - GAP;
    double width = fmax(grid_width + 2 * MARGIN, WIDTH_LEAST);
    layout->legend_top = MARGIN + TITLE_HEIGHT + DETAIL_HEIGHT + 6;

    cairo_surface_t *scratch = cairo_image_surface_create(CAIRO_FORMAT_RGB24, 1, 1);
    cairo_t *cairo = cairo_create(scratch);
    double legend_height = legend_draw(cairo, sheet, legend, MARGIN, 0, width - 2 * MARGIN, false);
    cairo_destroy(cairo);
    cairo_surface_destroy(scratch);

    layout->grid_left = MARGIN + (width - 2 * MARGIN - grid_width) / 2;
    if (width > grid_width + 2 * MARGIN)
        layout->grid_left = MARGIN;
    layout->grid_top = layout->legend_top + legend_height + 12;
    double height = layout->grid_top + (double)lines * layout->cell_height - GAP + MARGIN;
    if (width > SIDE_MOST || height > SIDE_MOST)
        return error_set(error, VDT_ERR_ARGUMENT,
                         "a sheet of %.0f x %.0f pixels is too large, at most %d a side: lower "
                         "--count or --tile-size",
                         width, height, SIDE_MOST);
    layout->width = (int)width;
    layout->height = (int)height;
    return VDT_OK;
}

static void describe_bands(const struct sheet *sheet, char *text, size_t size)
{
    struct vdt_store_spec spec = vdt_reader_spec(sheet->reader);
    const struct stretch *stretch = &sheet->stretch;
    char bands[160], range[128];
    if (stretch->count == 3)
        snprintf(bands, sizeof bands, "bands %u, %u, %u (%.30s, %.30s, %.30s)",
                 stretch->bands[0] + 1, stretch->bands[1] + 1, stretch->bands[2] + 1,
                 spec.band_names[stretch->bands[0]], spec.band_names[stretch->bands[1]],
                 spec.band_names[stretch->bands[2]]);
    else
        snprintf(bands, sizeof bands, "band %u (%.30s)", stretch->bands[0] + 1,
                 spec.band_names[stretch->bands[0]]);
    if (stretch->plain)
        snprintf(range, sizeof range, "values as they are");
    else if (stretch->count == 3)
        snprintf(range, sizeof range, "stretched from %.4g–%.4g, %.4g–%.4g, %.4g–%.4g",
                 stretch->low[0], stretch->high[0], stretch->low[1], stretch->high[1],
                 stretch->low[2], stretch->high[2]);
    else
        snprintf(range, sizeof range, "stretched from %.4g–%.4g", stretch->low[0],
                 stretch->high[0]);
    snprintf(text, size, "%s, %s", bands, range);
}

static void draw_header(cairo_t *cairo, const struct sheet *sheet, const struct layout *layout)
{
    struct vdt_store_spec spec = vdt_reader_spec(sheet->reader);
    char text[512], bands[320];
    double width = layout->width - 2 * MARGIN;
    sheet_text(cairo, &title_ink, MARGIN, MARGIN + 18, width, spec.name);
    describe_bands(sheet, bands, sizeof bands);
    snprintf(text, sizeof text, "%.100s  ·  %zu of %" PRIu64 " samples  ·  tiles of %u × %u  ·  %s",
             sheet->groups, sheet->count, sheet->of, spec.tile.cols, spec.tile.rows, bands);
    sheet_text(cairo, &detail_ink, MARGIN, MARGIN + TITLE_HEIGHT + 13, width, text);
}

static void draw_picture(cairo_t *cairo, cairo_surface_t *picture, const struct vdt_tile_spec *tile,
                         const struct layout *layout)
{
    double scale_x = (double)layout->tile_width / tile->cols;
    double scale_y = (double)layout->tile_height / tile->rows;
    cairo_save(cairo);
    cairo_rectangle(cairo, 0, 0, layout->tile_width, layout->tile_height);
    cairo_clip(cairo);
    cairo_scale(cairo, scale_x, scale_y);
    cairo_set_source_surface(cairo, picture, 0, 0);
    cairo_pattern_set_extend(cairo_get_source(cairo), CAIRO_EXTEND_PAD);
    cairo_pattern_set_filter(cairo_get_source(cairo),
                             scale_x > 1.5 ? CAIRO_FILTER_NEAREST : CAIRO_FILTER_GOOD);
    cairo_paint(cairo);
    cairo_restore(cairo);
}

/* The classes of a one-hot vector as tags, as many as fit. */
static void draw_tags(cairo_t *cairo, const struct vdt_store_spec *spec, const uint8_t *onehot,
                      double top, double width)
{
    double x = 0;
    size_t left_out = 0;
    for (size_t id = 0; id < spec->class_count; id++) {
        if (!onehot[id])
            continue;
        struct colour colour = palette_colour(id);
        struct ink ink = {.size = 10.5, .grey = palette_is_light(colour) ? 0.05 : 1};
        double wide = sheet_text_width(cairo, &ink, spec->classes[id]) + 12;
        double room = width - x - (x > 0 ? 22 : 0);
        if (x > 0 && wide > room) {
            left_out++;
            continue;
        }
        wide = fmin(wide, width);
        sheet_rounded(cairo, x, top, wide, 16, 4);
        sheet_set_colour(cairo, colour);
        cairo_fill(cairo);
        sheet_text(cairo, &ink, x + 6, top + 12, wide - 10, spec->classes[id]);
        x += wide + 4;
    }
    if (left_out) {
        char more[24];
        snprintf(more, sizeof more, "+%zu", left_out);
        sheet_text(cairo, &caption_ink, x, top + 12, width - x, more);
    } else if (x <= 0) {
        sheet_text(cairo, &caption_ink, 0, top + 12, width, "no class");
    }
}

static void draw_caption(cairo_t *cairo, const struct vdt_sample *row, struct sample_ref sample,
                         const struct layout *layout)
{
    char text[128];
    double baseline = layout->tile_height + 14;
    struct ink strong = caption_ink;
    strong.bold = true;
    strong.grey = 0.2;
    snprintf(text, sizeof text, "%" PRIu64, sample.index);
    double at = sheet_text(cairo, &strong, 0, baseline, layout->tile_width, text) + 7;
    snprintf(text, sizeof text, "%d, %d  %.8s%s", (int)row->window.col, (int)row->window.row,
             row->key, strlen(row->key) > 8 ? "…" : "");
    sheet_text(cairo, &caption_ink, at, baseline, layout->tile_width - at, text);
}

static vdt_status draw_labels(cairo_t *cairo, const struct sheet *sheet, struct sample_ref sample,
                              const struct layout *layout, struct vdt_error *error)
{
    struct vdt_store_spec spec = vdt_reader_spec(sheet->reader);
    struct labels labels;
    vdt_status status = labels_load(sheet->reader, sample, &labels, error);
    if (status)
        return status;
    status =
        overlay_draw(cairo, &labels, &spec.tile, layout->tile_width, layout->tile_height, error);
    if (labels.onehot)
        draw_tags(cairo, &spec, labels.onehot, layout->tile_height + CAPTION_HEIGHT + 2,
                  layout->tile_width);
    labels_clear(&labels);
    return status;
}

static vdt_status draw_cell(cairo_t *cairo, const struct sheet *sheet, struct sample_ref sample,
                            const struct layout *layout, struct vdt_error *error)
{
    struct vdt_store_spec spec = vdt_reader_spec(sheet->reader);
    struct vdt_sample row;
    cairo_surface_t *picture = NULL;
    vdt_status status =
        vdt_reader_sample(sheet->reader, sample.group, sample.index, &row, NULL, error);
    if (!status)
        status = picture_draw(sheet->reader, sample, &sheet->stretch, &picture, error);
    if (status)
        return status;
    draw_picture(cairo, picture, &spec.tile, layout);
    cairo_surface_destroy(picture);
    draw_caption(cairo, &row, sample, layout);
    return sheet->labels ? draw_labels(cairo, sheet, sample, layout, error) : VDT_OK;
}

static vdt_status draw_all(cairo_t *cairo, const struct sheet *sheet, const struct legend *legend,
                           const struct layout *layout, struct vdt_error *error)
{
    cairo_set_source_rgb(cairo, 0.975, 0.975, 0.965);
    cairo_paint(cairo);
    draw_header(cairo, sheet, layout);
    legend_draw(cairo, sheet, legend, MARGIN, layout->legend_top, layout->width - 2 * MARGIN, true);
    for (size_t i = 0; i < sheet->count; i++) {
        cairo_save(cairo);
        cairo_translate(cairo,
                        layout->grid_left + (double)(i % sheet->columns) * layout->cell_width,
                        layout->grid_top + (double)(i / sheet->columns) * layout->cell_height);
        vdt_status status = draw_cell(cairo, sheet, sheet->samples[i], layout, error);
        cairo_restore(cairo);
        if (status)
            return status;
    }
    if (cairo_status(cairo))
        return error_set(error, VDT_ERR_MEMORY, "cannot draw the sheet: %s",
                         cairo_status_to_string(cairo_status(cairo)));
    return VDT_OK;
}

vdt_status sheet_draw(const struct sheet *sheet, cairo_surface_t **surface, struct vdt_error *error)
{
    struct legend legend = {0};
    struct layout layout = {0};
    vdt_status status = legend_count(sheet, &legend, error);
    if (!status)
        status = plan(sheet, &legend, &layout, error);
    if (!status) {
        cairo_surface_t *drawn =
            cairo_image_surface_create(CAIRO_FORMAT_RGB24, layout.width, layout.height);
        cairo_t *cairo = cairo_create(drawn);
        status = draw_all(cairo, sheet, &legend, &layout, error);
        cairo_destroy(cairo);
        if (status)
            cairo_surface_destroy(drawn);
        else
            *surface = drawn;
    }
    legend_clear(&legend);
    return status;
}
