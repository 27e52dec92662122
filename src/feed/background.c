/* How many windows without an object, and which. */
#include "feed/background.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/random.h"
#include "encode/encode.h"
#include "feed/aoi.h"
#include "feed/label_raster.h"
#include "feed/plan_steps.h"
#include "feed/tile.h"
#include "feed/worker.h"
#include "tile/random_window.h"

/* A window without an object that may stay. */
struct candidate {
    uint64_t hash;
    size_t place;
};

struct choice {
    struct vdt_window_task *task;
    struct vdt_encoder encoder;
    struct vdt_aoi_view view;
    struct vdt_raster_view rasters;
    uint64_t wanted[VDT_SPLIT_MAX]; /* windows without an object, by group */
    struct candidate *candidates;
    size_t candidate_count, candidate_capacity;
};

static void choice_clear(struct choice *choice)
{
    vdt_encoder_clear(&choice->encoder);
    vdt_aoi_view_clear(&choice->view);
    vdt_raster_view_clear(&choice->rasters);
    free(choice->candidates);
}

/* The window's key, its group, and whether it has an object. */
static vdt_status look(struct choice *choice, const struct vdt_window *window, int *group,
                       bool *object, char key[VDT_KEY_SIZE], struct vdt_error *error)
{
    const struct vdt_window_task *task = choice->task;
    const struct vdt_plan_scene *planned = task->planned;
    vdt_window_key(planned->digest, window, key);
    vdt_status status = VDT_OK;
    if (*group == VDT_GROUP_OPEN)
        status = vdt_plan_group(task->plan, planned, task->scene, window, key, group, error);
    if (status == VDT_OK)
        status =
            vdt_aoi_see(&choice->view, task->plan, planned, window, &choice->encoder.seen, error);
    if (status == VDT_OK)
        status = vdt_label_rasters_see(&choice->rasters, task->plan, planned, task->scene, window,
                                       &choice->encoder, error);
    if (status != VDT_OK)
        return status;
    return vdt_encode_keep(&choice->encoder, &planned->geometry, planned->index, window,
                           planned->cols, planned->rows, object, error);
}

static void round_wanted(struct choice *choice)
{
    for (size_t g = 0; g < VDT_SPLIT_MAX; g++)
        choice->wanted[g] = (uint64_t)floor(
            choice->task->plan->options->background_ratio * (double)choice->wanted[g] + 0.5);
}

static int by_hash(const void *a, const void *b)
{
    const struct candidate *p = a, *q = b;
    if (p->hash != q->hash)
        return p->hash < q->hash ? -1 : 1;
    return p->place < q->place ? -1 : p->place > q->place;
}

/* Of the windows in the list. */
static vdt_status choose_listed(struct choice *choice, struct vdt_window_list *list,
                                struct vdt_error *error)
{
    const struct vdt_window_task *task = choice->task;
    uint64_t there[VDT_SPLIT_MAX] = {0};
    for (size_t i = 0; i < list->count; i++) {
        struct vdt_place *place = &list->places[i];
        struct vdt_window window = vdt_place_window(task, place);
        char key[VDT_KEY_SIZE];
        bool object;
        vdt_status status = look(choice, &window, &place->group, &object, key, error);
        if (status != VDT_OK)
            return status;
        if (place->group < 0)
            continue;
        if (object)
            choice->wanted[place->group]++;
        else if (task->writer != NULL && vdt_writer_has(task->writer, key))
            there[place->group]++;
        else if (!vdt_grow(&choice->candidates, &choice->candidate_capacity,
                           choice->candidate_count + 1, sizeof *choice->candidates))
            return vdt_fail_memory(error, "plan");
        else
            choice->candidates[choice->candidate_count++] =
                (struct candidate){vdt_hash(task->plan->options->seed, key, strlen(key)), i};
    }
    round_wanted(choice);
    if (choice->candidate_count > 0)
        qsort(choice->candidates, choice->candidate_count, sizeof *choice->candidates, by_hash);
    for (size_t i = 0; i < choice->candidate_count; i++) {
        struct vdt_place *place = &list->places[choice->candidates[i].place];
        if (there[place->group] < choice->wanted[place->group])
            there[place->group]++;
        else
            place->group = VDT_GROUP_BACKGROUND;
    }
    return VDT_OK;
}

/* The windows with an object, by group; the others go, for others come in their place. */
static vdt_status count_objects(struct choice *choice, struct vdt_window_list *list,
                                struct vdt_window_set *set, struct vdt_error *error)
{
    for (size_t i = 0; i < list->count; i++) {
        struct vdt_place *place = &list->places[i];
        struct vdt_window window = vdt_place_window(choice->task, place);
        char key[VDT_KEY_SIZE];
        bool object, added;
        vdt_status status = look(choice, &window, &place->group, &object, key, error);
        window.cols = window.rows = 1; /* the same place, not the same ground */
        if (status == VDT_OK)
            status = vdt_window_set_add_apart(set, &window, &added, error);
        if (status != VDT_OK)
            return status;
        if (place->group >= 0 && object)
            choice->wanted[place->group]++;
        else if (place->group >= 0)
            place->group = VDT_GROUP_BACKGROUND;
    }
    round_wanted(choice);
    return VDT_OK;
}

/* Random windows without an object, in the order of their numbers. */
static vdt_status add_random(struct choice *choice, struct vdt_window_list *list, uint64_t *missing,
                             struct vdt_error *error)
{
    const struct vdt_window_task *task = choice->task;
    vdt_cleanup(vdt_window_set_clear) struct vdt_window_set set = {0};
    uint64_t stream = vdt_random_stream(task->plan->options->seed, task->planned->digest);
    vdt_status status = count_objects(choice, list, &set, error);
    for (size_t g = 0; g < VDT_SPLIT_MAX; g++)
        *missing += choice->wanted[g];
    uint64_t room = vdt_random_room(&task->planned->grid, false);
    uint64_t tries = vdt_random_tries(*missing < room ? *missing : room);
    for (uint64_t i = 0; status == VDT_OK && i<tries && * missing> 0; i++) {
        struct vdt_window window = vdt_random_window(&task->planned->grid, stream, i), corner;
        char key[VDT_KEY_SIZE];
        int group = VDT_GROUP_OPEN;
        bool object = true, added = false, keeps = false;
        status = vdt_aoi_keeps(&choice->view, task->plan, task->planned, &window, &keeps, error);
        if (status == VDT_OK && keeps)
            status = look(choice, &window, &group, &object, key, error);
        if (status != VDT_OK || object || group < 0 || choice->wanted[group] == 0)
            continue;
        corner = window;
        corner.cols = corner.rows = 1;
        status = vdt_window_set_add_apart(&set, &corner, &added, error);
        if (status != VDT_OK || !added)
            continue;
        choice->wanted[group]--;
        *missing -= 1;
        status = vdt_window_list_add(list, &window, group, error);
    }
    return status;
}

vdt_status vdt_background_choose(struct vdt_window_task *task, struct vdt_window_list *list,
                                 struct vdt_feed_report *report, struct vdt_error *error)
{
    const struct vdt_feed_options *options = task->plan->options;
    if (!(options->background_ratio > 0))
        return VDT_OK;
    vdt_cleanup(choice_clear) struct choice choice = {.task = task};
    uint64_t missing = 0;
    choice.encoder.rules = vdt_feed_rules(task->plan);
    choice.encoder.rules.keep_empty = false;
    if (options->match == VDT_MATCH_ALL)
        choice.encoder.rules.match = VDT_MATCH_INTERSECT;
    vdt_status status = options->windows == VDT_WINDOWS_CENTERED
                            ? add_random(&choice, list, &missing, error)
                            : choose_listed(&choice, list, error);
    if (status == VDT_OK && missing > 0 && report->warning[0] == '\0')
        snprintf(report->warning, sizeof report->warning,
                 "%.300s: %llu fewer windows without an object than --background-ratio asks for: "
                 "there is no more room without objects",
                 task->planned->path, (unsigned long long)missing);
    return status;
}
