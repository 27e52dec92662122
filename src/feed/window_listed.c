/* Windows of a file in a plan: of which scene, in which group. */
#include "feed/window_source.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* By path, file name, name in the store, or digest. */
static bool is_of(const struct vdt_window_row *row, const struct vdt_plan_scene *scene)
{
    enum { DIGEST_LEAST = 16 };
    const char *name = row->scene;
    if (name == NULL)
        return true;
    return strcmp(name, scene->path) == 0 || strcmp(name, scene->uri) == 0 ||
           strcmp(name, file_name(scene->path)) == 0 ||
           (strlen(name) >= DIGEST_LEAST && strncmp(name, scene->digest, strlen(name)) == 0);
}

static vdt_status check_place(const struct vdt_window_file *file, const struct vdt_window_row *row,
                              const struct vdt_grid *grid, const struct vdt_window *window,
                              struct vdt_error *error)
{
    int32_t right = window->col + window->cols, bottom = window->row + window->rows;
    if (right <= 0 || bottom <= 0 || window->col >= grid->scene_cols ||
        window->row >= grid->scene_rows)
        return vdt_window_file_fail(file, row, "it lies outside of the scene", error);
    if (grid->edge != VDT_EDGE_PAD && (window->col < 0 || window->row < 0 ||
                                       right > grid->scene_cols || bottom > grid->scene_rows))
        return vdt_window_file_fail(
            file, row, "it reaches past the scene: --edge pad takes such windows", error);
    return VDT_OK;
}

vdt_status vdt_list_windows(struct vdt_window_task *task, struct vdt_window_list *list,
                            struct vdt_error *error)
{
    struct vdt_window_file *file = &task->plan->listed;
    for (size_t i = 0; i < file->count; i++) {
        struct vdt_window_row *row = &file->rows[i];
        struct vdt_window window;
        if (row->scene == NULL && task->plan->recipe_count > 1)
            return vdt_window_file_fail(file, row,
                                        "it names no scene, and there are several images", error);
        if (!is_of(row, task->planned))
            continue;
        row->matched = true;
        vdt_status status =
            vdt_window_file_place(file, row, task->scene, &task->plan->spec.tile, &window, error);
        if (status == VDT_OK)
            status = check_place(file, row, &task->planned->grid, &window, error);
        if (status == VDT_OK)
            status = vdt_window_list_add(list, &window, VDT_GROUP_OPEN, error);
        if (status != VDT_OK)
            return status;
        if (file->group_count > 0)
            list->places[list->count - 1].group =
                row->group < 0 ? (int)file->group_count : row->group;
    }
    return VDT_OK;
}

vdt_status vdt_listed_check(const struct vdt_plan *plan, struct vdt_error *error)
{
    for (size_t i = 0; i < plan->listed.count; i++) {
        const struct vdt_window_row *row = &plan->listed.rows[i];
        char text[240];
        if (row->matched)
            continue;
        snprintf(text, sizeof text, "scene %.160s is none of the images", row->scene);
        return vdt_window_file_fail(&plan->listed, row, text, error);
    }
    return VDT_OK;
}

/* The file's groups, and behind them the one for rows without. */
vdt_status vdt_listed_groups(struct vdt_plan *plan, struct vdt_error *error)
{
    const struct vdt_window_file *file = &plan->listed;
    struct vdt_groups *groups = &plan->groups;
    if (file->group_count == 0)
        return VDT_OK;
    if (plan->options->split_count > 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: its windows have groups: leave --split out",
                        file->path);
    bool open = false;
    for (size_t i = 0; i < file->count; i++)
        open |= file->rows[i].group < 0;
    vdt_groups_clear(groups);
    for (size_t i = 0; i < file->group_count; i++)
        memcpy(groups->names[i], file->groups[i], sizeof groups->names[i]);
    groups->count = file->group_count;
    if (open)
        snprintf(groups->names[groups->count++], sizeof groups->names[0], "%s",
                 plan->options->group == NULL ? "train" : plan->options->group);
    return VDT_OK;
}
