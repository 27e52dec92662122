/* A scene in a few pixels, pale, with its labels' outlines: what windows are drawn over. */
#include <math.h>
#include <stdlib.h>
#include <vedatile/scene.h>

#include "picture.h"
#include "plan_view.h"
#include "report.h"

#define PALE 0.38 /* of white over the picture */

static vdt_status read_picture(struct vdt_image *image, int32_t cols, int32_t rows,
                               cairo_surface_t **picture, struct vdt_error *error)
{
    struct vdt_image_spec image_spec = vdt_image_spec(image);
    const struct vdt_store_spec spec = {.tile = {.bands = image_spec.bands,
                                                 .rows = (uint32_t)rows,
                                                 .cols = (uint32_t)cols,
                                                 .dtype = image_spec.dtype},
                                        .band_names = image_spec.band_names};
    void *pixels = malloc(vdt_tile_bytes(&spec.tile));
    uint8_t *valid = malloc((size_t)cols * (size_t)rows);
    vdt_status status = pixels && valid ? VDT_OK : error_memory(error);
    if (!status)
        status = vdt_image_overview(image, cols, rows, pixels, valid, error);
    if (!status)
        status = picture_of(&spec, pixels, valid, picture, error);
    free(pixels);
    free(valid);
    return status;
}

/* Outlines smaller than two pixels are a dot. */
static void draw_labels(cairo_t *cairo, const struct vdt_feed_scene *scene, double scale)
{
    cairo_set_source_rgba(cairo, 0.1, 0.1, 0.1, 0.55);
    cairo_set_line_width(cairo, 0.9);
    for (size_t i = 0; i < scene->ring_count; i++) {
        const double(*p)[2] = scene->points + scene->rings[i].first;
        size_t count = scene->rings[i].count;
        double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
        for (size_t k = 0; k < count; k++)
            for (int axis = 0; axis < 2; axis++) {
                low[axis] = fmin(low[axis], p[k][axis] * scale);
                high[axis] = fmax(high[axis], p[k][axis] * scale);
            }
        if (high[0] - low[0] < 2 && high[1] - low[1] < 2) {
            cairo_rectangle(cairo, low[0], low[1], 1, 1);
            cairo_fill(cairo);
            continue;
        }
        for (size_t k = 0; k < count; k++)
            cairo_line_to(cairo, p[k][0] * scale, p[k][1] * scale);
        cairo_close_path(cairo);
        cairo_stroke(cairo);
    }
}

vdt_status plan_panel_draw(struct plan_panel *panel, const struct vdt_feed_scene *scene,
                           struct vdt_error *error)
{
    int width = (int)fmax(1, round(panel->cols * panel->scale));
    int height = (int)fmax(1, round(panel->rows * panel->scale));
    int32_t cols = width < panel->cols ? width : panel->cols;
    int32_t rows = height < panel->rows ? height : panel->rows;
    cairo_surface_t *picture = NULL;
    struct vdt_error cause = {.status = VDT_OK};
    panel->base = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
    /* A plan is worth a look also over a scene that has no overview or cannot be read. */
    vdt_status status = read_picture(scene->image, cols, rows, &picture, &cause);
    if (status == VDT_ERR_MEMORY)
        return error_memory(error);
    panel->bare = status != VDT_OK;
    cairo_t *cairo = cairo_create(panel->base);
    cairo_set_source_rgb(cairo, 0.86, 0.87, 0.88);
    cairo_paint(cairo);
    if (picture) {
        cairo_save(cairo);
        cairo_scale(cairo, (double)width / cols, (double)height / rows);
        cairo_set_source_surface(cairo, picture, 0, 0);
        cairo_pattern_set_extend(cairo_get_source(cairo), CAIRO_EXTEND_PAD);
        cairo_pattern_set_filter(cairo_get_source(cairo),
                                 width > 3 * cols ? CAIRO_FILTER_NEAREST : CAIRO_FILTER_GOOD);
        cairo_paint(cairo);
        cairo_restore(cairo);
        cairo_set_source_rgba(cairo, 1, 1, 1, PALE);
        cairo_paint(cairo);
        cairo_surface_destroy(picture);
    }
    draw_labels(cairo, scene, panel->scale);
    status = cairo_status(cairo) ? error_memory(error) : VDT_OK;
    cairo_destroy(cairo);
    return status;
}
