/* What could not be read, in memory and as text. */
#include "feed/failures.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"

enum { MOST_OF_SCENE = 100 };

void vdt_failures_clear(struct vdt_failures *failures)
{
    for (size_t i = 0; i < failures->count; i++) {
        free(failures->items[i].scene);
        free(failures->items[i].message);
    }
    free(failures->items);
    *failures = (struct vdt_failures){0};
}

void vdt_failure_log_clear(struct vdt_failure_log *log)
{
    vdt_failures_clear(&log->found);
    vdt_failures_clear(&log->stored);
}

bool vdt_failure_passes(const struct vdt_feed_options *options, vdt_status status)
{
    return options->on_failure == VDT_FAILURE_GO &&
           (status == VDT_ERR_IO || status == VDT_ERR_FORMAT || status == VDT_ERR_NOT_FOUND ||
            status == VDT_ERR_UNSUPPORTED);
}

static bool same_window(const struct vdt_window *a, const struct vdt_window *b)
{
    return a->col == b->col && a->row == b->row && a->cols == b->cols && a->rows == b->rows;
}

/* `text` with every `from` replaced; owned. */
static char *replaced(const char *text, const char *from, const char *to)
{
    struct vdt_buffer out = {0};
    size_t size = strlen(from);
    bool good = true;
    for (const char *at; good && size > 0 && (at = strstr(text, from)) != NULL; text = at + size)
        good = vdt_buffer_append(&out, text, (size_t)(at - text)) &&
               vdt_buffer_append(&out, to, strlen(to));
    good = good && vdt_buffer_append(&out, text, strlen(text) + 1);
    if (!good)
        vdt_buffer_clear(&out);
    return (char *)out.data;
}

/* Takes the strings, also when it fails. */
static vdt_status append(struct vdt_failures *failures, struct vdt_failed failed,
                         struct vdt_error *error)
{
    if (failed.scene != NULL && failed.message != NULL &&
        vdt_grow(&failures->items, &failures->capacity, failures->count + 1,
                 sizeof *failures->items)) {
        failures->items[failures->count++] = failed;
        return VDT_OK;
    }
    free(failed.scene);
    free(failed.message);
    return vdt_fail_memory(error, "feed");
}

/* How many windows of the scene are there; SIZE_MAX when this one, or all of it, is. */
static size_t count_of_scene(const struct vdt_failures *failures, const struct vdt_failed *failed)
{
    size_t count = 0;
    for (size_t i = failures->count; i-- > 0;) {
        const struct vdt_failed *other = &failures->items[i];
        if (strcmp(other->scene, failed->scene) != 0)
            continue;
        if (other->whole || (!failed->whole && same_window(&other->window, &failed->window)))
            return SIZE_MAX;
        count++;
    }
    return count;
}

/* Makes room for a whole scene by taking its windows out. */
static void remove_scene(struct vdt_failures *failures, const char *scene)
{
    size_t kept = 0;
    for (size_t i = 0; i < failures->count; i++) {
        struct vdt_failed *failed = &failures->items[i];
        if (strcmp(failed->scene, scene) == 0) {
            free(failed->scene);
            free(failed->message);
        } else {
            failures->items[kept++] = *failed;
        }
    }
    failures->count = kept;
}

vdt_status vdt_failure_note(struct vdt_failure_log *log, const char *path, const char *uri,
                            const struct vdt_window *window, const struct vdt_error *cause,
                            struct vdt_error *error)
{
    struct vdt_failed failed = {
        .scene = (char *)uri, .whole = window == NULL, .path = path, .status = cause->status};
    if (window != NULL)
        failed.window = *window;
    size_t count = count_of_scene(&log->found, &failed);
    if (count == SIZE_MAX)
        return VDT_OK;
    failed.whole |= count >= MOST_OF_SCENE;
    if (failed.whole)
        remove_scene(&log->found, uri);
    log->report->failed_scenes += failed.whole;
    failed.scene = vdt_copy_string(uri);
    failed.message = vdt_copy_string(cause->message);
    vdt_status status = append(&log->found, failed, error);
    if (status != VDT_OK || log->options->failure == NULL)
        return status;
    const struct vdt_feed_failure told = {.scene = path,
                                          .whole = failed.whole,
                                          .window = failed.window,
                                          .status = cause->status,
                                          .message = cause->message};
    log->options->failure(&told, log->options->payload);
    return VDT_OK;
}

bool vdt_failure_is_noted(const struct vdt_failure_log *log, const char *uri)
{
    for (size_t i = 0; i < log->found.count; i++)
        if (log->found.items[i].whole && strcmp(log->found.items[i].scene, uri) == 0)
            return true;
    return false;
}

vdt_status vdt_failure_first(const struct vdt_failure_log *log, struct vdt_error *error)
{
    const struct vdt_failed *first = &log->found.items[0];
    return vdt_fail(error, first->status, "%s", first->message);
}

vdt_status vdt_failures_select(const struct vdt_failures *failures, const char *scene,
                               struct vdt_failures *selected, struct vdt_error *error)
{
    for (size_t i = 0; i < failures->count; i++) {
        if (strcmp(failures->items[i].scene, scene) != 0)
            continue;
        if (!vdt_grow(&selected->items, &selected->capacity, selected->count + 1,
                      sizeof *selected->items))
            return vdt_fail_memory(error, scene);
        selected->items[selected->count++] = failures->items[i];
    }
    return VDT_OK;
}

bool vdt_failures_cover(const struct vdt_failures *selected, const struct vdt_window *window)
{
    for (size_t i = 0; i < selected->count; i++)
        if (selected->items[i].whole || same_window(&selected->items[i].window, window))
            return true;
    return false;
}

/* --- text --------------------------------------------------------------------------------- */

static vdt_status parse_one(json_t *object, struct vdt_failures *failures, struct vdt_error *error)
{
    const char *scene = NULL, *message = NULL;
    json_t *window = NULL;
    json_int_t feed = 0;
    struct vdt_failed failed = {0};
    if (json_unpack(object, "{s:I, s:s, s:o, s:s}", "feed", &feed, "scene", &scene, "window",
                    &window, "message", &message) != 0 ||
        feed < 1)
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "attribute feed_failures: needs feed, scene, window and message");
    struct vdt_window *w = &failed.window;
    failed.whole = json_is_null(window);
    if (!failed.whole && json_unpack(window, "[iiii!]", &w->col, &w->row, &w->cols, &w->rows) != 0)
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "attribute feed_failures: a window is four whole numbers");
    failed.feed = (size_t)feed;
    failed.scene = vdt_copy_string(scene);
    failed.message = vdt_copy_string(message);
    return append(failures, failed, error);
}

vdt_status vdt_failures_parse(const char *text, struct vdt_failures *failures,
                              struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *list = NULL;
    vdt_status status = vdt_json_parse(text, "attribute feed_failures", &list, error);
    if (status == VDT_OK && !json_is_array(list))
        status = vdt_fail(error, VDT_ERR_FORMAT, "attribute feed_failures is not a list");
    for (size_t i = 0; status == VDT_OK && i < json_array_size(list); i++)
        status = parse_one(json_array_get(list, i), failures, error);
    return status;
}

/* Text of other libraries may be no UTF-8. */
static json_t *text_json(const char *text)
{
    json_t *value = json_string(text);
    vdt_cleanup(vdt_free_pointer) char *copy = value == NULL ? vdt_copy_string(text) : NULL;
    for (char *c = copy; c != NULL && *c != '\0'; c++)
        *c = (unsigned char)*c < 0x80 ? *c : '?';
    return copy == NULL ? value : json_string(copy);
}

static json_t *one_json(const struct vdt_failed *failed, size_t feed)
{
    const struct vdt_window *w = &failed->window;
    json_t *window =
        failed->whole ? json_null() : json_pack("[iiii]", w->col, w->row, w->cols, w->rows);
    vdt_cleanup(vdt_free_pointer) char *message =
        replaced(failed->message, failed->path == NULL ? "" : failed->path, failed->scene);
    return json_pack("{s:I, s:o, s:o, s:o}", "feed", (json_int_t)feed, "scene",
                     text_json(failed->scene), "window", window, "message",
                     text_json(message == NULL ? "" : message));
}

/* A failure that is there stays as it was told last. */
static bool is_found(const struct vdt_failure_log *log, const struct vdt_failed *failed)
{
    return count_of_scene(&log->found, failed) == SIZE_MAX;
}

vdt_status vdt_failures_text(const struct vdt_failure_log *log, size_t feed, bool ended,
                             char **text, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *list = json_array();
    int bad = list == NULL;
    for (size_t i = 0; i < log->stored.count; i++) {
        const struct vdt_failed *failed = &log->stored.items[i];
        bool stays = failed->feed != feed || (!ended && !is_found(log, failed));
        if (stays)
            bad |= json_array_append_new(list, one_json(failed, failed->feed));
    }
    for (size_t i = 0; i < log->found.count; i++)
        bad |= json_array_append_new(list, one_json(&log->found.items[i], feed));
    char *dumped = bad ? NULL : vdt_json_text(list);
    if (dumped == NULL)
        return vdt_fail_memory(error, "feed_failures");
    *text = dumped;
    return VDT_OK;
}
