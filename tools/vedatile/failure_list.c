/* Failures are kept as the JSON that --json prints. */
#include "failure_list.h"

#include "json.h"
#include "text.h"

void failure_list_clear(struct failure_list *list)
{
    json_decref(list->items);
    list->items = NULL;
}

void failure_list_add(struct failure_list *list, const struct vdt_feed_failure *failure)
{
    const struct vdt_window *w = &failure->window;
    json_t *object = json_object();
    json_object_set_new(object, "scene", json_from_text(failure->scene));
    json_object_set_new(object, "window",
                        failure->whole ? json_null()
                                       : json_pack("[iiii]", w->col, w->row, w->cols, w->rows));
    json_object_set_new(object, "message", json_from_text(failure->message));
    if (list->items == NULL)
        list->items = json_array();
    json_array_append_new(list->items, object);
}

size_t failure_list_count(const struct failure_list *list)
{
    return json_array_size(list->items);
}

void failure_list_print(FILE *file, const json_t *items, size_t most, const char *before,
                        const char *more)
{
    size_t count = json_array_size(items);
    for (size_t i = 0; i < count && i < most; i++) {
        const char *message =
            json_string_value(json_object_get(json_array_get(items, i), "message"));
        fputs(before, file);
        text_print(file, message == NULL ? "" : message);
        fputc('\n', file);
    }
    if (count > most)
        fprintf(file, "%sand %zu more; %s\n", before, count - most, more);
}
