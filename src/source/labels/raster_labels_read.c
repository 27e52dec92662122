/* Windows of label rasters: values to classes or numbers, the last raster on top. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "source/labels/raster_labels_state.h"

enum { WHOLE = 65536 };

#define NOT_ASKED (UINT32_MAX - 2) /* of a table's entry */

void vdt_raster_view_clear(struct vdt_raster_view *view)
{
    for (size_t i = 0; i < view->view_count; i++) {
        vdt_layer_view_clear(&view->views[i]);
        if (view->tables != NULL)
            free(view->tables[i]);
    }
    free(view->views);
    free(view->tables);
    free(view->codes);
    free(view->numbers);
    *view = (struct vdt_raster_view){0};
}

static vdt_status use_layers(struct vdt_raster_view *view, const struct vdt_raster_layers *layers,
                             struct vdt_error *error)
{
    if (view->layers == layers)
        return VDT_OK;
    vdt_raster_view_clear(view);
    view->views = vdt_allocate_zero(layers->count, sizeof *view->views);
    view->tables = vdt_allocate_zero(layers->count, sizeof *view->tables);
    if (view->views == NULL || view->tables == NULL)
        return vdt_fail_memory(error, "label rasters");
    view->view_count = layers->count;
    view->layers = layers;
    return VDT_OK;
}

static uint32_t *table_of(struct vdt_raster_view *view, size_t number)
{
    if (view->tables[number] == NULL) {
        view->tables[number] = vdt_allocate(WHOLE, sizeof *view->tables[number]);
        for (size_t i = 0; view->tables[number] != NULL && i < WHOLE; i++)
            view->tables[number][i] = NOT_ASKED;
    }
    return view->tables[number];
}

static vdt_status burn_codes(struct vdt_raster_view *view, const struct vdt_raster_labels *labels,
                             size_t number, size_t count, struct vdt_error *error)
{
    size_t raster = view->layers->rasters[number];
    const struct vdt_layer_view *from = &view->views[number];
    uint32_t *table = table_of(view, number), code = VDT_RASTER_IGNORE;
    if (table == NULL)
        return vdt_fail_memory(error, "label rasters");
    double last = NAN;
    for (size_t i = 0; i < count; i++) {
        double value = from->values[i];
        if (!from->valid[i] || value != value)
            continue;
        if (value != last) {
            uint32_t *entry =
                value >= 0 && value < WHOLE && value == floor(value) ? &table[(size_t)value] : NULL;
            code = entry != NULL && *entry != NOT_ASKED
                       ? *entry
                       : vdt_raster_labels_code(labels, raster, value);
            if (entry != NULL)
                *entry = code;
            last = value;
        }
        if (code == VDT_RASTER_UNKNOWN)
            return vdt_fail(error, VDT_ERR_MISMATCH,
                            "%s: value %.17g is no class: --unknown skip (ignore), or "
                            "--label-values that says what it is",
                            labels->options.paths[raster], value);
        view->codes[i] = code;
    }
    return VDT_OK;
}

static void burn_numbers(struct vdt_raster_view *view, const struct vdt_raster_labels *labels,
                         size_t number, size_t count)
{
    const struct vdt_label_raster *raster = &labels->rasters[view->layers->rasters[number]];
    const struct vdt_layer_view *from = &view->views[number];
    for (size_t i = 0; i < count; i++) {
        float value = (float)(from->values[i] * raster->scale + raster->offset);
        if (from->valid[i] && isfinite(value))
            view->numbers[i] = value;
    }
}

vdt_status vdt_raster_labels_read(struct vdt_raster_view *view,
                                  const struct vdt_raster_labels *labels,
                                  const struct vdt_raster_layers *layers, struct vdt_scene *scene,
                                  const struct vdt_window *window, struct vdt_error *error)
{
    size_t count = (size_t)window->cols * (size_t)window->rows;
    bool numbers = labels->options.numbers;
    vdt_status status = use_layers(view, layers, error);
    if (status != VDT_OK)
        return status;
    if (!(numbers ? vdt_grow(&view->numbers, &view->number_capacity, count, sizeof *view->numbers)
                  : vdt_grow(&view->codes, &view->code_capacity, count, sizeof *view->codes)))
        return vdt_fail_memory(error, "label rasters");
    for (size_t i = 0; numbers && i < count; i++)
        view->numbers[i] = NAN;
    for (size_t i = 0; !numbers && i < count; i++)
        view->codes[i] = VDT_RASTER_IGNORE;
    for (size_t i = 0; status == VDT_OK && i < layers->count; i++) {
        status = vdt_layer_read(&view->views[i], &layers->layers[i], scene, window, error);
        if (status == VDT_OK && numbers)
            burn_numbers(view, labels, i, count);
        else if (status == VDT_OK)
            status = burn_codes(view, labels, i, count, error);
    }
    return status;
}
