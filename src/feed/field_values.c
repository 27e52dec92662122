/* Whose a window is, by the features that reach into it. */
#include "feed/field_values.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "encode/visible.h"

struct look {
    struct vdt_hits hits;
    struct vdt_clip clip;
};

static void clear_look(struct look *look)
{
    free(look->hits.ids);
    vdt_clip_clear(&look->clip);
}

void vdt_field_values_clear(struct vdt_field_values *values)
{
    free(values->texts);
    *values = (struct vdt_field_values){0};
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

vdt_status vdt_field_values(const struct vdt_plan *plan, const struct vdt_plan_scene *planned,
                            const struct vdt_window *window, struct vdt_field_values *values,
                            struct vdt_error *error)
{
    vdt_cleanup(clear_look) struct look look = {0};
    const double rectangle[4] = {window->col, window->row, (double)window->col + window->cols,
                                 (double)window->row + window->rows};
    if (planned->index == NULL)
        return VDT_OK;
    vdt_status status = vdt_index_query(planned->index, rectangle, &look.hits, error);
    for (size_t i = 0; status == VDT_OK && i < look.hits.count; i++) {
        struct vdt_visible visible;
        const char *text =
            vdt_labels_owner(plan->labels, planned->geometry.features[look.hits.ids[i]].owner);
        status =
            vdt_visible(&look.clip, &planned->geometry, look.hits.ids[i], window, &visible, error);
        if (status != VDT_OK || !(visible.share > 0))
            continue;
        if (!vdt_grow(&values->texts, &values->capacity, values->count + 1, sizeof(char *)))
            return vdt_fail_memory(error, "split");
        values->texts[values->count++] = text;
    }
    if (values->count > 0)
        qsort(values->texts, values->count, sizeof(char *), by_text);
    size_t kept = 0;
    for (size_t i = 0; i < values->count; i++)
        if (i == 0 || values->texts[i] != values->texts[kept - 1])
            values->texts[kept++] = values->texts[i];
    values->count = kept;
    return status;
}

vdt_status vdt_field_metadata(const struct vdt_plan *plan, const struct vdt_plan_scene *planned,
                              const struct vdt_window *window, const char *text, char **metadata,
                              struct vdt_error *error)
{
    vdt_cleanup(vdt_field_values_clear) struct vdt_field_values values = {0};
    vdt_cleanup(vdt_json_release) json_t *object = NULL;
    vdt_status status = vdt_field_values(plan, planned, window, &values, error);
    if (status == VDT_OK)
        status = vdt_json_parse(text == NULL ? "{}" : text, "metadata", &object, error);
    if (status != VDT_OK)
        return status;
    json_t *list = json_array();
    for (size_t i = 0; i < values.count; i++)
        json_array_append_new(list, json_string(values.texts[i]));
    if (values.count == 1)
        json_object_set(object, plan->owner_field, json_array_get(list, 0));
    else if (values.count > 1)
        json_object_set(object, plan->owner_field, list);
    json_decref(list);
    *metadata = vdt_json_text(object);
    return *metadata == NULL ? vdt_fail_memory(error, "metadata") : VDT_OK;
}
