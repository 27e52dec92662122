/* Features are written as they come; what is drawn is kept. */
#include "plan_view.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "json.h"
#include "png_file.h"
#include "report.h"

static bool ends_with(const char *path, const char *suffix)
{
    size_t size = strlen(path), length = strlen(suffix);
    return size > length && strcasecmp(path + size - length, suffix) == 0;
}

static bool is_picture(const char *path)
{
    return ends_with(path, ".png");
}

bool plan_view_takes(const char *path, char *message, size_t size)
{
    if (is_picture(path) || ends_with(path, ".geojson") || ends_with(path, ".json"))
        return true;
    snprintf(message, size, "a plan is written as .png or .geojson");
    return false;
}

static vdt_status open_features(struct plan_view *view, struct vdt_error *error)
{
    size_t size = strlen(view->features) + 16;
    view->part = malloc(size);
    if (!view->part)
        return error_memory(error);
    snprintf(view->part, size, "%s.part", view->features);
    view->file = fopen(view->part, "w");
    if (!view->file)
        return error_set(error, VDT_ERR_IO, "%s: cannot be written: %s", view->features,
                         strerror(errno));
    fputs("{\"type\":\"FeatureCollection\",\"features\":[\n", view->file);
    return VDT_OK;
}

/* A folder that is missing is told before the work, not after. */
static vdt_status try_picture(const struct plan_view *view, struct vdt_error *error)
{
    size_t size = strlen(view->picture) + 16;
    char *part = malloc(size);
    if (!part)
        return error_memory(error);
    snprintf(part, size, "%s.part", view->picture);
    FILE *file = fopen(part, "w");
    int reason = errno;
    if (file) {
        fclose(file);
        unlink(part);
    }
    free(part);
    return file ? VDT_OK
                : error_set(error, VDT_ERR_IO, "%s: cannot be written: %s", view->picture,
                            strerror(reason));
}

vdt_status plan_view_begin(struct plan_view *view, const struct words *files, size_t scenes,
                           struct vdt_error *error)
{
    for (size_t i = 0; i < files->count; i++) {
        const char **kind = is_picture(files->items[i]) ? &view->picture : &view->features;
        if (*kind)
            return error_set(error, VDT_ERR_ARGUMENT,
                             "--plan %s: one picture and one GeoJSON file at most, there is %s",
                             files->items[i], *kind);
        *kind = files->items[i];
    }
    view->side = scenes <= 1 ? 1200 : scenes <= 4 ? 640 : scenes <= 12 ? 460 : 320;
    view->panels = view->picture ? calloc(PLAN_PANELS_MOST, sizeof *view->panels) : NULL;
    if (view->picture && !view->panels)
        return error_memory(error);
    vdt_status status = view->picture ? try_picture(view, error) : VDT_OK;
    return !status && view->features ? open_features(view, error) : status;
}

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

void plan_view_scene(struct plan_view *view, const struct vdt_feed_scene *scene)
{
    view->scene_count++;
    if (view->error.status || !view->picture || view->panel_count == PLAN_PANELS_MOST)
        return;
    struct vdt_image_spec spec = vdt_image_spec(scene->image);
    struct plan_panel *panel = &view->panels[view->panel_count++];
    *panel = (struct plan_panel){.number = scene->number,
                                 .name = strdup(file_name(scene->path)),
                                 .cols = spec.cols,
                                 .rows = spec.rows,
                                 .scale = view->side / fmax(spec.cols, spec.rows)};
    if (panel->name)
        plan_panel_draw(panel, scene, &view->error);
    else
        error_memory(&view->error);
}

static uint16_t group_number(struct plan_view *view, const char *name)
{
    for (size_t i = 0; i < view->group_count; i++)
        if (strcmp(view->groups[i], name) == 0)
            return (uint16_t)i;
    if (view->group_count == PLAN_GROUPS_MOST)
        return PLAN_GROUPS_MOST - 1;
    snprintf(view->groups[view->group_count], sizeof view->groups[0], "%s", name);
    return (uint16_t)view->group_count++;
}

static void add_mark(struct plan_view *view, const struct vdt_feed_window *window, uint16_t group)
{
    size_t panel = 0;
    while (panel < view->panel_count && view->panels[panel].number != window->scene)
        panel++;
    if (panel == view->panel_count)
        return;
    if (view->mark_count == view->mark_capacity) {
        size_t capacity = view->mark_capacity ? 2 * view->mark_capacity : 256;
        struct plan_mark *marks = realloc(view->marks, capacity * sizeof *marks);
        if (!marks) {
            error_memory(&view->error);
            return;
        }
        view->marks = marks;
        view->mark_capacity = capacity;
    }
    view->marks[view->mark_count++] = (struct plan_mark){.window = window->window,
                                                         .panel = (uint32_t)panel,
                                                         .group = group,
                                                         .fate = (uint8_t)window->fate};
}

static json_t *properties_json(const struct vdt_feed_window *window)
{
    const struct vdt_window *w = &window->window;
    bool kept = window->fate == VDT_FATE_KEPT;
    return json_pack("{s:o, s:i, s:i, s:i, s:i, s:s?, s:b, s:s?, s:s}", "scene",
                     json_from_text(window->path), "col", (int)w->col, "row", (int)w->row, "cols",
                     (int)w->cols, "rows", (int)w->rows, "group", window->group, "kept", kept,
                     "reason", kept ? NULL : vdt_fate_name(window->fate), "key", window->key);
}

static void write_feature(struct plan_view *view, const struct vdt_feed_window *window)
{
    json_t *properties = properties_json(window);
    char *text = properties ? json_dumps(properties, JSON_COMPACT) : NULL;
    json_decref(properties);
    if (!text) {
        error_memory(&view->error);
        return;
    }
    fprintf(view->file, "%s{\"type\":\"Feature\",\"id\":\"%s\",\"geometry\":%s,\"properties\":%s}",
            view->begun ? ",\n" : "", window->key, window->ground, text);
    view->begun = true;
    free(text);
}

void plan_view_window(struct plan_view *view, const struct vdt_feed_window *window)
{
    if (view->error.status)
        return;
    uint16_t group = window->group ? group_number(view, window->group) : 0;
    view->fates[window->fate]++;
    if (view->picture)
        add_mark(view, window, group);
    if (view->file)
        write_feature(view, window);
}

static vdt_status end_features(struct plan_view *view, struct vdt_error *error)
{
    fputs("\n]}\n", view->file);
    bool good = !ferror(view->file);
    int reason = errno;
    if (fclose(view->file) && good) {
        reason = errno;
        good = false;
    }
    view->file = NULL;
    if (good && rename(view->part, view->features)) {
        reason = errno;
        good = false;
    }
    if (!good)
        return error_set(error, VDT_ERR_IO, "%s: cannot be written: %s", view->features,
                         strerror(reason));
    free(view->part);
    view->part = NULL;
    return VDT_OK;
}

struct colour plan_colour(size_t group)
{
    static const size_t order[] = {0, 1, 3, 4, 2};
    return palette_colour(group < sizeof order / sizeof order[0] ? order[group] : group);
}

static void choose_colours(struct plan_view *view, const struct vdt_feed_report *report)
{
    for (size_t i = 0; i < view->group_count; i++)
        for (size_t k = 0; k < report->group_count && k < PLAN_GROUPS_MOST; k++)
            if (strcmp(view->groups[i], report->groups[k].name) == 0)
                view->colours[i] = plan_colour(k);
}

vdt_status plan_view_end(struct plan_view *view, const struct plan_title *title,
                         struct vdt_error *error)
{
    cairo_surface_t *surface = NULL;
    vdt_status status = view->error.status;
    if (status)
        return error_set(error, status, "%s", view->error.message);
    if (view->picture) {
        choose_colours(view, title->report);
        status = plan_picture(view, title, &surface, error);
        if (!status)
            status = png_write_file(surface, view->picture, error);
        cairo_surface_destroy(surface);
    }
    return !status && view->file ? end_features(view, error) : status;
}

void plan_view_clear(struct plan_view *view)
{
    if (view->file)
        fclose(view->file);
    if (view->part)
        unlink(view->part);
    free(view->part);
    for (size_t i = 0; i < view->panel_count; i++) {
        free(view->panels[i].name);
        cairo_surface_destroy(view->panels[i].base);
    }
    free(view->panels);
    free(view->marks);
    if (view->picture)
        png_release_fonts();
    *view = (struct plan_view){0};
}
