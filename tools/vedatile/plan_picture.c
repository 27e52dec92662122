/* Panels of scenes with their windows, below a legend that counts them. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "palette.h"
#include "plan_view.h"
#include "report.h"
#include "sheet_text.h"
#include "text.h"

enum {
    MARGIN = 28,
    GAP = 26,
    TITLE_HEIGHT = 30,
    DETAIL_HEIGHT = 22,
    ROW = 25,
    SWATCH = 17,
    CAPTION_HEIGHT = 22,
    WIDTH_LEAST = 560,
    COLUMNS_MOST = 8,
    PLAIN_BELOW = 7 /* drawn pixels: smaller windows have no dashes and signs */
};

#define PI 3.14159265358979323846
#define KEPT_ALPHA 0.34 /* where windows overlap it is shared */
#define DROPPED_ALPHA 0.3

static const struct ink title_ink = {.size = 21, .bold = true, .grey = 0.1};
static const struct ink detail_ink = {.size = 12.5, .grey = 0.4};
static const struct ink name_ink = {.size = 12.5, .grey = 0.13};
static const struct ink count_ink = {.size = 12.5, .bold = true, .grey = 0.13};
static const struct ink caption_ink = {.size = 11.5, .bold = true, .grey = 0.2};
static const struct ink small_ink = {.size = 11, .grey = 0.4};

static const char *const reasons[PLAN_FATES] = {
    [VDT_FATE_EXISTING] = "already in the store",
    [VDT_FATE_UNLABELLED] = "without an object (--match)",
    [VDT_FATE_BACKGROUND] = "beyond --background-ratio",
    [VDT_FATE_OUTSIDE] = "outside of the area of interest",
    [VDT_FATE_STRADDLING] = "on a border of the split",
    [VDT_FATE_INVALID] = "fewer valid pixels than --min-valid",
    [VDT_FATE_CLOUDED] = "more cloud than --max-cloud",
    [VDT_FATE_FAILED] = "could not be read",
};

/* --- windows ------------------------------------------------------------------------------ */

static void draw_kept(cairo_t *cairo, const double box[4], struct colour colour, double alpha)
{
    double line = fmin(1.6, fmax(0.5, fmin(box[2], box[3]) / 6));
    cairo_set_source_rgba(cairo, colour.red, colour.green, colour.blue, alpha);
    cairo_rectangle(cairo, box[0], box[1], box[2], box[3]);
    cairo_fill(cairo);
    cairo_set_line_width(cairo, line);
    cairo_set_source_rgb(cairo, colour.red * 0.86, colour.green * 0.86, colour.blue * 0.86);
    cairo_rectangle(cairo, box[0] + line, box[1] + line, fmax(box[2] - 2 * line, 0.1),
                    fmax(box[3] - 2 * line, 0.1));
    cairo_stroke(cairo);
}

static void stroke_line(cairo_t *cairo, const double middle[2], double reach, double x, double y)
{
    cairo_move_to(cairo, middle[0] - x * reach, middle[1] - y * reach);
    cairo_line_to(cairo, middle[0] + x * reach, middle[1] + y * reach);
    cairo_stroke(cairo);
}

/* A sign in the middle, another for each reason: colour alone would not tell greys apart. */
static void draw_sign(cairo_t *cairo, const double box[4], enum vdt_fate fate)
{
    const double middle[2] = {box[0] + box[2] / 2, box[1] + box[3] / 2};
    double reach = fmin(8, 0.26 * fmin(box[2], box[3]));
    if (fate == VDT_FATE_EXISTING || fate == VDT_FATE_FAILED)
        stroke_line(cairo, middle, reach, 1, 0);
    if (fate == VDT_FATE_STRADDLING || fate == VDT_FATE_FAILED)
        stroke_line(cairo, middle, reach, 0, 1);
    if (fate == VDT_FATE_BACKGROUND || fate == VDT_FATE_OUTSIDE)
        stroke_line(cairo, middle, reach, 0.8, -0.8);
    if (fate == VDT_FATE_INVALID || fate == VDT_FATE_OUTSIDE)
        stroke_line(cairo, middle, reach, 0.8, 0.8);
    const double above[2] = {middle[0], middle[1] - reach / 2};
    const double below[2] = {middle[0], middle[1] + reach / 2};
    if (fate == VDT_FATE_CLOUDED) {
        stroke_line(cairo, above, reach, 1, 0);
        stroke_line(cairo, below, reach, 1, 0);
    }
    if (fate == VDT_FATE_UNLABELLED) {
        cairo_arc(cairo, middle[0], middle[1], 0.7 * reach, 0, 2 * PI);
        cairo_stroke(cairo);
    }
}

static void draw_dropped(cairo_t *cairo, const double box[4], enum vdt_fate fate, double alpha)
{
    static const double dashes[] = {4, 3};
    bool plain = fmin(box[2], box[3]) < PLAIN_BELOW;
    double line = plain ? 0.5 : 1.1;
    cairo_save(cairo);
    cairo_rectangle(cairo, box[0], box[1], box[2], box[3]);
    cairo_clip(cairo);
    cairo_set_source_rgba(cairo, 1, 1, 1, alpha);
    cairo_paint(cairo);
    cairo_set_source_rgba(cairo, 0.2, 0.2, 0.23, 0.9);
    cairo_set_line_width(cairo, 1.4);
    if (!plain)
        draw_sign(cairo, box, fate);
    cairo_set_line_width(cairo, line);
    if (!plain && fate != VDT_FATE_EXISTING)
        cairo_set_dash(cairo, dashes, 2, 0);
    cairo_set_source_rgba(cairo, 0.25, 0.25, 0.28, plain ? 0.5 : 0.85);
    cairo_rectangle(cairo, box[0] + line, box[1] + line, fmax(box[2] - 2 * line, 0.1),
                    fmax(box[3] - 2 * line, 0.1));
    cairo_stroke(cairo);
    cairo_restore(cairo);
}

/* --- panels ------------------------------------------------------------------------------- */

/* What a panel shows, in the scene's pixels: the scene, and windows that hang over. */
struct extent {
    double left, top, right, bottom;
    double covered[2]; /* in scenes, by windows that are left out and by those that are kept */
    uint64_t windows, kept;
};

static void measure(const struct plan_view *view, struct extent *extents)
{
    for (size_t i = 0; i < view->panel_count; i++)
        extents[i] = (struct extent){.right = view->panels[i].cols, .bottom = view->panels[i].rows};
    for (size_t i = 0; i < view->mark_count; i++) {
        const struct plan_mark *mark = &view->marks[i];
        const struct plan_panel *panel = &view->panels[mark->panel];
        const struct vdt_window *w = &mark->window;
        struct extent *extent = &extents[mark->panel];
        extent->left = fmin(extent->left, w->col);
        extent->top = fmin(extent->top, w->row);
        extent->right = fmax(extent->right, (double)w->col + w->cols);
        extent->bottom = fmax(extent->bottom, (double)w->row + w->rows);
        extent->windows++;
        bool kept = mark->fate == VDT_FATE_KEPT;
        extent->kept += kept;
        extent->covered[kept] += (double)w->cols * w->rows / ((double)panel->cols * panel->rows);
    }
}

struct grid {
    size_t columns, lines;
    double widths[COLUMNS_MOST];      /* of the columns */
    double heights[PLAN_PANELS_MOST]; /* of the lines, with captions */
    double width, height;
};

static struct grid arrange(const struct plan_view *view, const struct extent *extents)
{
    struct grid grid = {.columns = 1};
    size_t count = view->panel_count;
    while (grid.columns < COLUMNS_MOST && grid.columns * grid.columns < count)
        grid.columns++;
    for (size_t i = 0; i < count; i++) {
        double scale = view->panels[i].scale;
        double wide = (extents[i].right - extents[i].left) * scale;
        double high = (extents[i].bottom - extents[i].top) * scale + CAPTION_HEIGHT;
        size_t column = i % grid.columns, line = i / grid.columns;
        grid.widths[column] = fmax(grid.widths[column], wide);
        grid.heights[line] = fmax(grid.heights[line], high);
        grid.lines = line + 1;
    }
    for (size_t i = 0; i < grid.columns; i++)
        grid.width += grid.widths[i] + (i ? GAP : 0);
    for (size_t i = 0; i < grid.lines; i++)
        grid.height += grid.heights[i] + (i ? GAP : 0);
    return grid;
}

static void draw_marks(cairo_t *cairo, const struct plan_view *view, size_t number, bool kept,
                       double alpha)
{
    double scale = view->panels[number].scale;
    for (size_t i = 0; i < view->mark_count; i++) {
        const struct plan_mark *mark = &view->marks[i];
        const struct vdt_window *w = &mark->window;
        const double box[4] = {w->col * scale, w->row * scale, w->cols * scale, w->rows * scale};
        if (mark->panel != number || (mark->fate == VDT_FATE_KEPT) != kept)
            continue;
        if (kept)
            draw_kept(cairo, box, view->colours[mark->group], alpha);
        else
            draw_dropped(cairo, box, (enum vdt_fate)mark->fate, alpha);
    }
}

static void draw_panel(cairo_t *cairo, const struct plan_view *view, size_t number,
                       const struct extent *extent)
{
    const struct plan_panel *panel = &view->panels[number];
    char text[160];
    double width = (extent->right - extent->left) * panel->scale;
    double used = sheet_text(cairo, &caption_ink, 0, 14, width, panel->name) + 8;
    snprintf(text, sizeof text, "%d × %d  ·  %" PRIu64 " of %" PRIu64 " windows%s", panel->cols,
             panel->rows, extent->kept, extent->windows,
             panel->bare ? "  ·  no picture: it has no overview, or cannot be read" : "");
    if (used < width)
        sheet_text(cairo, &small_ink, used, 14, width - used, text);
    cairo_translate(cairo, -extent->left * panel->scale,
                    CAPTION_HEIGHT - extent->top * panel->scale);
    cairo_set_source_surface(cairo, panel->base, 0, 0);
    cairo_paint(cairo);
    draw_marks(cairo, view, number, false, DROPPED_ALPHA / fmax(1, extent->covered[0]));
    draw_marks(cairo, view, number, true, KEPT_ALPHA / fmax(1, extent->covered[1]));
}

/* --- the legend --------------------------------------------------------------------------- */

struct pen {
    cairo_t *cairo;
    double left, x, y, right;
    bool draw;
};

/* A swatch's place, moved to the next row where there is no room. False: only measure. */
static bool place_entry(struct pen *pen, const char *count, const char *name, double box[4])
{
    double width = SWATCH + 8 + sheet_text_width(pen->cairo, &count_ink, count) + 6 +
                   sheet_text_width(pen->cairo, &name_ink, name);
    if (pen->x > pen->left && pen->x + width > pen->right) {
        pen->x = pen->left;
        pen->y += ROW;
    }
    box[0] = pen->x;
    box[1] = pen->y + (ROW - SWATCH) / 2.0;
    box[2] = box[3] = SWATCH;
    if (pen->draw) {
        double at = pen->x + SWATCH + 8, base = pen->y + ROW / 2.0 + 4.5;
        at +=
            sheet_text(pen->cairo, &count_ink, at, base, pen->right - at, count) + (*count ? 6 : 0);
        sheet_text(pen->cairo, &name_ink, at, base, pen->right - at, name);
    }
    pen->x += width + 24;
    return pen->draw;
}

static void new_row(struct pen *pen)
{
    if (pen->x > pen->left)
        pen->y += ROW;
    pen->x = pen->left;
}

/* In the report's order, those without a window too: a group that got none is worth seeing. */
static void group_entries(struct pen *pen, const struct plan_title *title)
{
    char count[32];
    double box[4];
    for (size_t i = 0; i < title->report->group_count; i++) {
        const struct vdt_feed_group *group = &title->report->groups[i];
        snprintf(count, sizeof count, "%" PRIu64, group->written);
        if (place_entry(pen, count, group->name, box))
            draw_kept(pen->cairo, box, plan_colour(i), KEPT_ALPHA);
    }
}

static void reason_entries(struct pen *pen, const struct plan_view *view)
{
    char count[32];
    double box[4];
    for (int fate = VDT_FATE_EXISTING; fate < PLAN_FATES; fate++) {
        if (view->fates[fate] == 0)
            continue;
        snprintf(count, sizeof count, "%" PRIu64, view->fates[fate]);
        if (place_entry(pen, count, reasons[fate], box))
            draw_dropped(pen->cairo, box, (enum vdt_fate)fate, DROPPED_ALPHA);
    }
}

/* Height of the legend, and the legend itself where the pen draws. */
static double legend(struct pen pen, const struct plan_view *view, const struct plan_title *title)
{
    double top = pen.y;
    group_entries(&pen, title);
    new_row(&pen);
    reason_entries(&pen, view);
    new_row(&pen);
    const char *note = "--min-valid and --max-cloud need pixels, which a dry run does not read: "
                       "they may leave out some of the windows that are shown as kept";
    if (title->dry_run && title->needs_pixels) {
        if (pen.draw)
            sheet_text(pen.cairo, &small_ink, pen.left, pen.y + 15, pen.right - pen.left, note);
        pen.y += ROW;
    }
    return pen.y - top;
}

static void draw_header(cairo_t *cairo, const struct plan_view *view,
                        const struct plan_title *title, double width)
{
    char text[400];
    uint64_t windows = 0;
    for (int fate = 0; fate < PLAN_FATES; fate++)
        windows += view->fates[fate];
    snprintf(text, sizeof text, "%s", title->store);
    sheet_text(cairo, &title_ink, MARGIN, MARGIN + 18, width, text);
    size_t hidden = view->scene_count - view->panel_count;
    snprintf(text, sizeof text,
             "%" PRIu64 " window%s of %zu scene%s  ·  %" PRIu64 " %s  ·  %" PRIu64
             " left out  ·  thin lines are labels",
             windows, text_plural(windows), view->scene_count, text_plural(view->scene_count),
             view->fates[VDT_FATE_KEPT], title->dry_run ? "would be kept (dry run)" : "written",
             windows - view->fates[VDT_FATE_KEPT]);
    if (hidden) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "  ·  %zu more scene%s not drawn", hidden,
                 text_plural(hidden));
    }
    sheet_text(cairo, &detail_ink, MARGIN, MARGIN + TITLE_HEIGHT + 13, width, text);
}

static void draw_panels(cairo_t *cairo, const struct plan_view *view, const struct extent *extents,
                        const struct grid *grid, double top)
{
    double x = MARGIN, y = top;
    for (size_t i = 0; i < view->panel_count; i++) {
        size_t column = i % grid->columns;
        cairo_save(cairo);
        cairo_translate(cairo, round(x), round(y));
        draw_panel(cairo, view, i, &extents[i]);
        cairo_restore(cairo);
        x += grid->widths[column] + GAP;
        if (column + 1 == grid->columns) {
            x = MARGIN;
            y += grid->heights[i / grid->columns] + GAP;
        }
    }
}

vdt_status plan_picture(const struct plan_view *view, const struct plan_title *title,
                        cairo_surface_t **surface, struct vdt_error *error)
{
    struct extent extents[PLAN_PANELS_MOST];
    measure(view, extents);
    struct grid grid = arrange(view, extents);
    double width = fmax(grid.width, WIDTH_LEAST);
    cairo_surface_t *scratch = cairo_image_surface_create(CAIRO_FORMAT_RGB24, 1, 1);
    struct pen pen = {.cairo = cairo_create(scratch),
                      .left = MARGIN,
                      .x = MARGIN,
                      .y = MARGIN + TITLE_HEIGHT + DETAIL_HEIGHT + 8,
                      .right = MARGIN + width};
    double top = pen.y + legend(pen, view, title) + 14;
    cairo_destroy(pen.cairo);
    cairo_surface_destroy(scratch);
    cairo_surface_t *drawn = cairo_image_surface_create(
        CAIRO_FORMAT_RGB24, (int)ceil(width + 2 * MARGIN), (int)ceil(top + grid.height + MARGIN));
    cairo_t *cairo = pen.cairo = cairo_create(drawn);
    pen.draw = true;
    cairo_set_source_rgb(cairo, 0.975, 0.975, 0.965);
    cairo_paint(cairo);
    draw_header(cairo, view, title, width);
    legend(pen, view, title);
    draw_panels(cairo, view, extents, &grid, top);
    cairo_status_t drawing = cairo_status(cairo);
    cairo_destroy(cairo);
    if (drawing) {
        cairo_surface_destroy(drawn);
        return error_set(error, VDT_ERR_MEMORY, "cannot draw the plan: %s",
                         cairo_status_to_string(drawing));
    }
    *surface = drawn;
    return VDT_OK;
}
