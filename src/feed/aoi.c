/* Windows against polygons: in most windows no edge lies, so that one pixel speaks for all. */
#include "feed/aoi.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"

/* What of a window the area has. */
struct cover {
    uint64_t pixels; /* of it in the area */
    bool touched;    /* they have at least a point in common */
};

void vdt_aoi_view_clear(struct vdt_aoi_view *view)
{
    vdt_raster_clear(&view->raster);
    free(view->hits.ids);
    free(view->pixels);
    *view = (struct vdt_aoi_view){0};
}

vdt_status vdt_aoi_options_check(const struct vdt_feed_options *options, struct vdt_error *error)
{
    bool share = options->aoi_rule == VDT_AOI_SHARE;
    if (options->aoi_count == 0 &&
        (options->aoi_rule != VDT_AOI_INSIDE || options->aoi_share > 0 || options->aoi_mask))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "--aoi-rule, --aoi-share and --aoi-mask need --aoi");
    if (share != (options->aoi_share != 0))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "--aoi-rule share and --aoi-share go together");
    if (!(options->aoi_share >= 0 && options->aoi_share <= 1))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "--aoi-share is above 0 and at most 1");
    return VDT_OK;
}

vdt_status vdt_aoi_open(struct vdt_plan *plan, struct vdt_error *error)
{
    const struct vdt_feed_options *options = plan->options;
    if (options->aoi_count == 0)
        return VDT_OK;
    return vdt_labels_open(options->aoi, options->aoi_count,
                           &(struct vdt_label_options){.format = VDT_LABELS_OGR}, &plan->aoi,
                           error);
}

vdt_status vdt_aoi_project(const struct vdt_plan *plan, struct vdt_scene *scene,
                           struct vdt_plan_scene *planned, struct vdt_error *error)
{
    if (plan->aoi == NULL)
        return VDT_OK;
    vdt_status status = vdt_labels_project(plan->aoi, scene, false, &planned->aoi, error);
    return status == VDT_OK ? vdt_index_geometry(&planned->aoi, &planned->aoi_index, error)
                            : status;
}

/* Narrows [*from, *to], the part of an edge that is still in, to where low <= at <= high. */
static bool cut(double start, double step, double low, double high, double *from, double *to)
{
    if (step == 0)
        return start >= low && start <= high;
    double a = (low - start) / step, b = (high - start) / step;
    *from = fmax(*from, fmin(a, b));
    *to = fmin(*to, fmax(a, b));
    return *from <= *to;
}

/* Whether an edge has a point in common with a rectangle, its sides included (Liang and Barsky). */
static bool edge_meets(const double a[2], const double b[2], const double rectangle[4])
{
    double from = 0, to = 1;
    return cut(a[0], b[0] - a[0], rectangle[0], rectangle[2], &from, &to) &&
           cut(a[1], b[1] - a[1], rectangle[1], rectangle[3], &from, &to);
}

static bool outline_meets(const struct vdt_geometry *area, const struct vdt_hits *hits,
                          const double rectangle[4])
{
    for (size_t i = 0; i < hits->count; i++) {
        const struct vdt_feature *feature = &area->features[hits->ids[i]];
        for (size_t p = feature->first; p < feature->first + feature->count; p++)
            for (size_t r = 0; r < area->parts[p].count; r++) {
                const struct vdt_ring *ring = &area->rings[area->parts[p].first + r];
                const double(*points)[2] = (const double(*)[2])area->points + ring->first;
                for (size_t k = 0; k < ring->count; k++)
                    if (edge_meets(points[k], points[(k + 1) % ring->count], rectangle))
                        return true;
            }
    }
    return false;
}

static vdt_status burn(struct vdt_aoi_view *view, const struct vdt_geometry *area,
                       const struct vdt_window *window, struct vdt_error *error)
{
    size_t size = (size_t)window->cols * (size_t)window->rows;
    if (!vdt_grow(&view->pixels, &view->capacity, size, 1))
        return vdt_fail_memory(error, "area of interest");
    memset(view->pixels, 0, size);
    vdt_status status = VDT_OK;
    for (size_t i = 0; i < view->hits.count; i++) {
        const struct vdt_feature *feature = &area->features[view->hits.ids[i]];
        for (size_t p = feature->first; status == VDT_OK && p < feature->first + feature->count;
             p++)
            status = vdt_burn_part(&view->raster, area, p, window, 1, 1, view->pixels, error);
    }
    return status;
}

static vdt_status measure(struct vdt_aoi_view *view, const struct vdt_geometry *area,
                          const struct vdt_index *index, const struct vdt_window *window,
                          struct cover *cover, struct vdt_error *error)
{
    double rectangle[4] = {window->col, window->row, (double)window->col + window->cols,
                           (double)window->row + window->rows};
    size_t size = (size_t)window->cols * (size_t)window->rows;
    *cover = (struct cover){0};
    vdt_status status = vdt_index_query(index, rectangle, &view->hits, error);
    if (status != VDT_OK || view->hits.count == 0)
        return status;
    struct vdt_window corner = *window;
    if (!outline_meets(area, &view->hits, rectangle))
        corner.cols = corner.rows = 1;
    status = burn(view, area, &corner, error);
    if (status != VDT_OK)
        return status;
    if (corner.cols < window->cols || corner.rows < window->rows) {
        cover->pixels = view->pixels[0] ? size : 0;
        cover->touched = view->pixels[0];
        return VDT_OK;
    }
    for (size_t i = 0; i < size; i++)
        cover->pixels += view->pixels[i];
    cover->touched = true;
    return VDT_OK;
}

vdt_status vdt_area_pixels(struct vdt_aoi_view *view, const struct vdt_geometry *area,
                           const struct vdt_index *index, const struct vdt_window *window,
                           uint64_t *pixels, struct vdt_error *error)
{
    struct cover cover;
    vdt_status status = measure(view, area, index, window, &cover, error);
    *pixels = cover.pixels;
    return status;
}

vdt_status vdt_aoi_keeps(struct vdt_aoi_view *view, const struct vdt_plan *plan,
                         const struct vdt_plan_scene *planned, const struct vdt_window *window,
                         bool *keeps, struct vdt_error *error)
{
    struct cover cover = {0};
    double size = (double)window->cols * window->rows;
    vdt_status status = VDT_OK;
    *keeps = plan->aoi == NULL;
    if (*keeps)
        return VDT_OK;
    status = measure(view, &planned->aoi, planned->aoi_index, window, &cover, error);
    switch (plan->options->aoi_rule) {
    case VDT_AOI_INSIDE: *keeps = (double)cover.pixels == size; break;
    case VDT_AOI_TOUCH: *keeps = cover.touched; break;
    case VDT_AOI_SHARE: *keeps = (double)cover.pixels / size >= plan->options->aoi_share; break;
    }
    return status;
}

vdt_status vdt_aoi_see(struct vdt_aoi_view *view, const struct vdt_plan *plan,
                       const struct vdt_plan_scene *planned, const struct vdt_window *window,
                       const uint8_t **seen, struct vdt_error *error)
{
    struct cover cover;
    size_t size = (size_t)window->cols * (size_t)window->rows;
    *seen = NULL;
    if (plan->aoi == NULL || !plan->options->aoi_mask)
        return VDT_OK;
    vdt_status status = measure(view, &planned->aoi, planned->aoi_index, window, &cover, error);
    if (status != VDT_OK || cover.pixels == size)
        return status;
    if (cover.pixels == 0) {
        if (!vdt_grow(&view->pixels, &view->capacity, size, 1))
            return vdt_fail_memory(error, "area of interest");
        memset(view->pixels, 0, size);
    }
    *seen = view->pixels;
    return VDT_OK;
}
