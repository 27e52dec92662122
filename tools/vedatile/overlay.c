/* Labels are drawn at the size of the sheet, not of the tile, so that lines stay crisp. */
#include "overlay.h"

#include <math.h>
#include <stdlib.h>

#include "palette.h"
#include "report.h"

#define FILL_SHARE 0.38
#define INSTANCE_FILL_SHARE 0.30
#define HATCH_PERIOD 6
#define HATCH_WIDTH 2

#define EDGE_SHARE 0.85
#define NUMBER_SHARE 0.55

enum { VOTES_MOST = 16, LEVELS = 255 };

enum kind { KIND_MASK, KIND_INSTANCES, KIND_BOUNDARY, KIND_CONTACT, KIND_DISTANCE, KIND_TARGET };

static const struct colour boundary_yellow = {1, 0.85, 0}, contact_violet = {1, 0, 0.8};

/* One raster of labels at the drawn size. */
struct drawn {
    int width;
    int height;
    uint16_t *values; /* [height * width] */
};

struct vote {
    uint16_t value;
    unsigned count;
};

/* The most frequent value of a block; labels count double, so that thin ones are not lost. */
static uint16_t vote_block(const uint16_t *raster, uint32_t cols, uint32_t left, uint32_t top,
                           uint32_t right, uint32_t bottom)
{
    struct vote votes[VOTES_MOST];
    size_t count = 0, best = 0;
    for (uint32_t row = top; row < bottom; row++)
        for (uint32_t col = left; col < right; col++) {
            uint16_t value = raster[(size_t)row * cols + col];
            size_t i = 0;
            while (i < count && votes[i].value != value)
                i++;
            if (i == VOTES_MOST)
                continue;
            if (i == count)
                votes[count++] = (struct vote){.value = value};
            votes[i].count += value ? 2 : 1;
            if (votes[i].count > votes[best].count)
                best = i;
        }
    return votes[best].value;
}

static bool resample(const uint16_t *raster, const struct vdt_tile_spec *tile, struct drawn *drawn)
{
    drawn->values = calloc((size_t)drawn->width * (size_t)drawn->height, sizeof *drawn->values);
    if (!drawn->values)
        return false;
    for (int y = 0; y < drawn->height; y++) {
        uint32_t top = (uint32_t)((uint64_t)y * tile->rows / (uint64_t)drawn->height);
        uint32_t bottom = (uint32_t)(((uint64_t)y + 1) * tile->rows / (uint64_t)drawn->height);
        for (int x = 0; x < drawn->width; x++) {
            uint32_t left = (uint32_t)((uint64_t)x * tile->cols / (uint64_t)drawn->width);
            uint32_t right = (uint32_t)(((uint64_t)x + 1) * tile->cols / (uint64_t)drawn->width);
            drawn->values[(size_t)y * (size_t)drawn->width + (size_t)x] =
                vote_block(raster, tile->cols, left, top, right > left ? right : left + 1,
                           bottom > top ? bottom : top + 1);
        }
    }
    return true;
}

static bool is_boundary(const struct drawn *drawn, int x, int y)
{
    static const int steps[4][2] = {{-1, 0}, {1, 0}, {0, -1}, {0, 1}};
    uint16_t value = drawn->values[(size_t)y * (size_t)drawn->width + (size_t)x];
    for (int i = 0; i < 4; i++) {
        int col = x + steps[i][0], row = y + steps[i][1];
        if (col >= 0 && row >= 0 && col < drawn->width && row < drawn->height &&
            drawn->values[(size_t)row * (size_t)drawn->width + (size_t)col] != value)
            return true;
    }
    return false;
}

/* cairo wants colours multiplied by their opacity. */
static uint32_t argb(struct colour colour, double opacity)
{
    uint32_t alpha = (uint32_t)(opacity * 255 + 0.5);
    uint32_t red = (uint32_t)(colour.red * opacity * 255 + 0.5);
    uint32_t green = (uint32_t)(colour.green * opacity * 255 + 0.5);
    uint32_t blue = (uint32_t)(colour.blue * opacity * 255 + 0.5);
    return alpha << 24 | red << 16 | green << 8 | blue;
}

static uint32_t hatch(int x, int y)
{
    const struct colour light = {0.85, 0.85, 0.85}, dark = {0.25, 0.25, 0.25};
    return (x + y) % HATCH_PERIOD < HATCH_WIDTH ? argb(light, 0.65) : argb(dark, 0.55);
}

static uint32_t mask_colour(uint16_t value, bool boundary, int x, int y)
{
    if (value == 0)
        return 0;
    if (value == LABELS_IGNORE)
        return hatch(x, y);
    return argb(palette_colour(value - 1U), boundary ? 1 : FILL_SHARE);
}

static uint32_t instance_colour(const struct labels *labels, uint16_t value, bool boundary)
{
    if (value == 0)
        return 0;
    struct colour colour = {1, 1, 1};
    if (value <= labels->box_count)
        colour = palette_colour(labels->box_class[value - 1]);
    if (boundary)
        return argb(colour, 1);
    return labels->mask ? 0 : argb(colour, INSTANCE_FILL_SHARE);
}

static struct colour number_ramp(enum kind kind, double at)
{
    double white = 1 - fabs(2 * at - 1);
    struct colour ramp = {0.15 + 0.85 * at, 0.05 + 0.85 * at, 0.45 - 0.3 * at};
    struct colour sides = {at > 0.5 ? 1 : white, white, at < 0.5 ? 1 : white};
    return kind == KIND_DISTANCE ? sides : ramp;
}

int overlay_colours(enum vdt_task task, struct colour colours[OVERLAY_COLOURS])
{
    bool numbers = task == VDT_DISTANCE || task == VDT_REGRESSION;
    enum kind kind = task == VDT_DISTANCE ? KIND_DISTANCE : KIND_TARGET;
    for (int i = 0; numbers && i < OVERLAY_COLOURS; i++)
        colours[i] = number_ramp(kind, i / (OVERLAY_COLOURS - 1.0));
    if (numbers)
        return OVERLAY_COLOURS;
    colours[0] = task == VDT_BOUNDARY ? boundary_yellow : contact_violet;
    return task == VDT_BOUNDARY || task == VDT_CONTACT ? 1 : 0;
}

/* Distances from blue (outside) by white to red, targets from dark blue to yellow. */
static uint32_t number_colour(enum kind kind, uint16_t level)
{
    if (level == 0)
        return 0;
    return argb(number_ramp(kind, (level - 1.0) / (LEVELS - 1)), NUMBER_SHARE);
}

static uint32_t edge_colour(const struct labels *labels, enum kind kind, uint16_t value, int x,
                            int y)
{
    if (value == LABELS_IGNORE)
        return labels->mask ? 0 : hatch(x, y); /* the mask has it already */
    return value == 0 ? 0
                      : argb(kind == KIND_BOUNDARY ? boundary_yellow : contact_violet, EDGE_SHARE);
}

static uint32_t colour_of(const struct labels *labels, enum kind kind, uint16_t value,
                          bool boundary, int x, int y)
{
    switch (kind) {
    case KIND_MASK: return mask_colour(value, boundary, x, y);
    case KIND_INSTANCES: return instance_colour(labels, value, boundary);
    case KIND_BOUNDARY:
    case KIND_CONTACT: return edge_colour(labels, kind, value, x, y);
    default: return number_colour(kind, value);
    }
}

static vdt_status draw_raster(cairo_t *cairo, const struct labels *labels, enum kind kind,
                              const uint16_t *raster, const struct vdt_tile_spec *tile,
                              struct drawn *drawn, struct vdt_error *error)
{
    if (!resample(raster, tile, drawn))
        return error_memory(error);
    cairo_surface_t *surface =
        cairo_image_surface_create(CAIRO_FORMAT_ARGB32, drawn->width, drawn->height);
    if (cairo_surface_status(surface)) {
        cairo_surface_destroy(surface);
        return error_memory(error);
    }
    cairo_surface_flush(surface);
    unsigned char *data = cairo_image_surface_get_data(surface);
    size_t pitch = (size_t)cairo_image_surface_get_stride(surface);
    for (int y = 0; y < drawn->height; y++) {
        uint32_t *line = (uint32_t *)(void *)(data + (size_t)y * pitch);
        for (int x = 0; x < drawn->width; x++) {
            uint16_t value = drawn->values[(size_t)y * (size_t)drawn->width + (size_t)x];
            bool boundary = is_boundary(drawn, x, y);
            line[x] = colour_of(labels, kind, value, boundary, x, y);
        }
    }
    cairo_surface_mark_dirty(surface);
    cairo_set_source_surface(cairo, surface, 0, 0);
    cairo_paint(cairo);
    cairo_surface_destroy(surface);
    return VDT_OK;
}

static void draw_box(cairo_t *cairo, const float box[4], struct colour colour, double scale_x,
                     double scale_y, double line)
{
    /* Kept inside, so that a box at the tile's edge shows its whole line. */
    double left = floor(box[0] * scale_x) + line / 2, top = floor(box[1] * scale_y) + line / 2;
    double right = ceil(box[2] * scale_x) - line / 2, bottom = ceil(box[3] * scale_y) - line / 2;
    double width = fmax(right - left, 1), height = fmax(bottom - top, 1);
    cairo_rectangle(cairo, left, top, width, height);
    cairo_set_line_width(cairo, line + 2);
    cairo_set_source_rgba(cairo, 0, 0, 0, 0.45);
    cairo_stroke_preserve(cairo);
    cairo_set_line_width(cairo, line);
    cairo_set_source_rgb(cairo, colour.red, colour.green, colour.blue);
    cairo_stroke(cairo);
}

/* Numbers as levels of 1 to LEVELS between the tile's own least and largest, 0 for NaN; distances
 * as far to either side. */
static uint16_t *levels_of(const float *numbers, size_t pixels, bool sides)
{
    uint16_t *levels = calloc(pixels, sizeof *levels);
    float low = 0, high = 0;
    bool any = false;
    for (size_t i = 0; i < pixels; i++) {
        if (isnan(numbers[i]))
            continue;
        low = any ? fminf(low, numbers[i]) : numbers[i];
        high = any ? fmaxf(high, numbers[i]) : numbers[i];
        any = true;
    }
    if (sides) {
        high = fmaxf(fabsf(low), fabsf(high));
        low = -high;
    }
    for (size_t i = 0; levels && i < pixels; i++) {
        float at = high > low ? (numbers[i] - low) / (high - low) : 0.5f;
        if (!isnan(numbers[i]))
            levels[i] = (uint16_t)(1 + lrintf(at * (LEVELS - 1)));
    }
    return levels;
}

static vdt_status draw_numbers(cairo_t *cairo, const struct labels *labels,
                               const struct vdt_tile_spec *tile, int width, int height,
                               struct vdt_error *error)
{
    enum kind kind = labels->target ? KIND_TARGET : KIND_DISTANCE;
    const float *numbers = labels->target ? labels->target : labels->distance;
    if (!numbers)
        return VDT_OK;
    struct drawn drawn = {.width = width, .height = height};
    uint16_t *levels = levels_of(numbers, (size_t)tile->rows * tile->cols, kind == KIND_DISTANCE);
    vdt_status status = levels ? draw_raster(cairo, labels, kind, levels, tile, &drawn, error)
                               : error_memory(error);
    free(drawn.values);
    free(levels);
    return status;
}

static vdt_status draw_rasters(cairo_t *cairo, const struct labels *labels,
                               const struct vdt_tile_spec *tile, int width, int height,
                               struct vdt_error *error)
{
    const uint16_t *rasters[] = {[KIND_MASK] = labels->mask,
                                 [KIND_INSTANCES] = labels->instances,
                                 [KIND_BOUNDARY] = labels->boundary,
                                 [KIND_CONTACT] = labels->contact};
    vdt_status status = draw_numbers(cairo, labels, tile, width, height, error);
    for (enum kind i = KIND_MASK; !status && i <= KIND_CONTACT; i++) {
        struct drawn drawn = {.width = width, .height = height};
        if (!rasters[i])
            continue;
        status = draw_raster(cairo, labels, i, rasters[i], tile, &drawn, error);
        free(drawn.values);
    }
    return status;
}

vdt_status overlay_draw(cairo_t *cairo, const struct labels *labels,
                        const struct vdt_tile_spec *tile, int width, int height,
                        struct vdt_error *error)
{
    vdt_status status = draw_rasters(cairo, labels, tile, width, height, error);
    double line = labels->instances ? 1 : 2;
    cairo_save(cairo);
    cairo_rectangle(cairo, 0, 0, width, height);
    cairo_clip(cairo);
    cairo_set_line_join(cairo, CAIRO_LINE_JOIN_MITER);
    for (size_t i = 0; !status && i < labels->box_count; i++)
        draw_box(cairo, labels->boxes[i], palette_colour(labels->box_class[i]),
                 (double)width / tile->cols, (double)height / tile->rows, line);
    cairo_restore(cairo);
    return status;
}

void overlay_draw_ignore(cairo_t *cairo, double x, double y, double width, double height)
{
    cairo_save(cairo);
    cairo_rectangle(cairo, x, y, width, height);
    cairo_clip(cairo);
    cairo_set_source_rgb(cairo, 0.45, 0.45, 0.45);
    cairo_paint(cairo);
    cairo_set_source_rgb(cairo, 0.85, 0.85, 0.85);
    cairo_set_line_width(cairo, 1.5);
    for (double at = -height; at < width; at += 5) {
        cairo_move_to(cairo, x + at, y + height);
        cairo_line_to(cairo, x + at + height, y);
    }
    cairo_stroke(cairo);
    cairo_restore(cairo);
}
