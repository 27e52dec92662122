/* The legend of a sheet. */
#include "sheet_legend.h"

#include <stdio.h>
#include <stdlib.h>

#include "overlay.h"
#include "palette.h"
#include "report.h"
#include "sheet_text.h"

enum { ROW = 24, SWATCH = 14, GAP = 22, ENTRIES_MOST = 48 };

static const struct ink name_ink = {.size = 12.5, .grey = 0.13};
static const struct ink count_ink = {.size = 11, .grey = 0.45};

static void count_sample(const struct labels *labels, const struct vdt_store_spec *spec,
                         struct legend *legend)
{
    size_t pixels = labels->mask ? (size_t)spec->tile.rows * spec->tile.cols : 0;
    bool ignored = false;
    for (size_t i = 0; i < pixels && !ignored; i++)
        ignored = labels->mask[i] == LABELS_IGNORE;
    legend->ignored += ignored;
    for (size_t i = 0; i < labels->box_count; i++)
        if (labels->box_class[i] < legend->class_count)
            legend->boxes[labels->box_class[i]]++;
    for (size_t id = 0; id < legend->class_count; id++)
        legend->tiles[id] += labels_show(labels, spec, id);
}

vdt_status legend_count(const struct sheet *sheet, struct legend *legend, struct vdt_error *error)
{
    struct vdt_store_spec spec = vdt_reader_spec(sheet->reader);
    struct legend counted = {.class_count = spec.class_count};
    counted.tiles = calloc(spec.class_count + 1, sizeof *counted.tiles);
    counted.boxes = calloc(spec.class_count + 1, sizeof *counted.boxes);
    vdt_status status = counted.tiles && counted.boxes ? VDT_OK : error_memory(error);
    for (size_t i = 0; !status && sheet->labels && i < sheet->count; i++) {
        struct labels labels;
        status = labels_load(sheet->reader, sheet->samples[i], &labels, error);
        if (status)
            break;
        count_sample(&labels, &spec, &counted);
        labels_clear(&labels);
    }
    if (status)
        legend_clear(&counted);
    else
        *legend = counted;
    return status;
}

void legend_clear(struct legend *legend)
{
    free(legend->tiles);
    free(legend->boxes);
    *legend = (struct legend){0};
}

struct pen {
    cairo_t *cairo;
    double left, x, y, right;
    bool draw;
};

/* Moves to the next row when `width` does not fit in this one. */
static void make_room(struct pen *pen, double width)
{
    if (pen->x > pen->left && pen->x + width > pen->right) {
        pen->x = pen->left;
        pen->y += ROW;
    }
}

static double entry_width(const struct pen *pen, const char *name, const char *count)
{
    return SWATCH + 7 + sheet_text_width(pen->cairo, &name_ink, name) + 6 +
           sheet_text_width(pen->cairo, &count_ink, count);
}

/* Colours side by side; none: the pattern of what is ignored. */
static void draw_swatch(struct pen *pen, const struct colour *colours, int count)
{
    double top = pen->y + (ROW - SWATCH) / 2.0;
    if (count == 0) {
        overlay_draw_ignore(pen->cairo, pen->x, top, SWATCH, SWATCH);
        return;
    }
    cairo_save(pen->cairo);
    sheet_rounded(pen->cairo, pen->x, top, SWATCH, SWATCH, 3);
    cairo_clip(pen->cairo);
    for (int i = 0; i < count; i++) {
        cairo_rectangle(pen->cairo, pen->x + (double)i * SWATCH / count, top,
                        (double)SWATCH / count, SWATCH);
        sheet_set_colour(pen->cairo, colours[i]);
        cairo_fill(pen->cairo);
    }
    cairo_restore(pen->cairo);
}

static void draw_entry(struct pen *pen, const char *name, const char *count,
                       const struct colour *colours, int colour_count)
{
    double width = entry_width(pen, name, count);
    double room = pen->right - pen->left;
    make_room(pen, width);
    if (pen->draw) {
        double baseline = pen->y + ROW / 2.0 + 4.5;
        draw_swatch(pen, colours, colour_count);
        double at = pen->x + SWATCH + 7;
        at += sheet_text(pen->cairo, &name_ink, at, baseline, room - SWATCH - 7, name) + 6;
        sheet_text(pen->cairo, &count_ink, at, baseline, pen->right - at, count);
    }
    pen->x += width + GAP;
}

static void describe(char *text, size_t size, uint32_t tiles, uint32_t boxes, bool with_boxes)
{
    if (with_boxes)
        snprintf(text, size, "%u box%s, %u tile%s", boxes, boxes == 1 ? "" : "es", tiles,
                 tiles == 1 ? "" : "s");
    else
        snprintf(text, size, "%u tile%s", tiles, tiles == 1 ? "" : "s");
}

static void draw_tasks(struct pen *pen, uint32_t tasks)
{
    static const struct {
        enum vdt_task task;
        const char *name, *text;
    } entries[] = {{VDT_BOUNDARY, "boundary", ""},
                   {VDT_CONTACT, "contact", ""},
                   {VDT_DISTANCE, "distance", "outside to inside"},
                   {VDT_REGRESSION, "target", "least to largest of the tile"}};
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        struct colour colours[OVERLAY_COLOURS];
        bool hidden = entries[i].task == VDT_DISTANCE && (tasks & VDT_REGRESSION) != 0;
        if ((tasks & entries[i].task) != 0 && !hidden)
            draw_entry(pen, entries[i].name, entries[i].text, colours,
                       overlay_colours(entries[i].task, colours));
    }
}

double legend_draw(cairo_t *cairo, const struct sheet *sheet, const struct legend *legend, double x,
                   double y, double width, bool draw)
{
    struct vdt_store_spec spec = vdt_reader_spec(sheet->reader);
    bool with_boxes = spec.tasks & (VDT_DETECTION | VDT_INSTANCE);
    struct pen pen = {.cairo = cairo, .left = x, .x = x, .y = y, .right = x + width, .draw = draw};
    bool only_shown = legend->class_count > ENTRIES_MOST;
    size_t entries = 0, hidden = 0;
    char text[64];
    if (!sheet->labels || spec.tasks == 0)
        return 0;
    for (size_t id = 0; id < legend->class_count; id++) {
        if (only_shown && (legend->tiles[id] == 0 || entries == ENTRIES_MOST)) {
            hidden++;
            continue;
        }
        describe(text, sizeof text, legend->tiles[id], legend->boxes[id], with_boxes);
        const struct colour colour = palette_colour(id);
        draw_entry(&pen, spec.classes[id], text, &colour, 1);
        entries++;
    }
    if (legend->ignored) {
        describe(text, sizeof text, legend->ignored, 0, false);
        draw_entry(&pen, "ignore", text, NULL, 0);
    }
    draw_tasks(&pen, spec.tasks);
    if (hidden) {
        snprintf(text, sizeof text, "and %zu more classes", hidden);
        make_room(&pen, sheet_text_width(cairo, &count_ink, text));
        if (draw)
            sheet_text(cairo, &count_ink, pen.x, pen.y + ROW / 2.0 + 4.5, pen.right - pen.x, text);
    }
    return pen.y + ROW - y;
}
