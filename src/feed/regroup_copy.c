/* Samples into another store as they lie: workers read stored bytes, one writer puts them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "base/ordered.h"
#include "base/path.h"
#include "feed/folds.h"
#include "feed/regroup.h"

enum { SAMPLES_A_BLOCK = 16, BLOCK_BYTES = 4 << 20, SPARE_SLOTS = 2 };

static void writer_cleanup(struct vdt_writer **writer)
{
    vdt_writer_free(*writer);
}

/* --- names of files, as seen from another folder ------------------------------------------- */

/* Not URLs, GDAL's virtual names or absolute paths. */
static bool is_relative(const char *path)
{
    return path[0] != '\0' && path[0] != '/' && strchr(path, ':') == NULL;
}

/* The folder of `path` with its slash, "" for the working folder; owned. */
static char *folder_of(const char *path)
{
    char *folder = vdt_copy_string(path);
    char *slash = folder == NULL ? NULL : strrchr(folder, '/');
    if (slash != NULL)
        slash[1] = '\0';
    else if (folder != NULL)
        folder[0] = '\0';
    return folder;
}

static char *moved_file(const struct vdt_regroup *regroup, const char *path)
{
    const struct vdt_split_options *options = regroup->options;
    struct stat info;
    if (!is_relative(path))
        return vdt_copy_string(path);
    vdt_cleanup(vdt_free_pointer) char *here = folder_of(options->store);
    vdt_cleanup(vdt_free_pointer) char *store = vdt_path_relative(options->store, options->output);
    vdt_cleanup(vdt_free_pointer) char *there = store == NULL ? NULL : folder_of(store);
    if (here == NULL || there == NULL)
        return NULL;
    vdt_cleanup(vdt_free_pointer) char *found = vdt_path_with(here, path);
    if (found != NULL && there[0] != '\0' && stat(found, &info) == 0)
        return vdt_path_relative(found, options->output);
    return vdt_path_with(there, path);
}

/* Whether it is the name of a joined scene, "mosaic(a.tif, b.tif)". */
static bool is_joined(const char *name)
{
    static const char *const kinds[] = {"mosaic(", "stack(", "times("};
    size_t length = strlen(name);
    bool found = false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        found |= strncmp(name, kinds[i], strlen(kinds[i])) == 0;
    return found && name[length - 1] == ')';
}

/* Its files, as many as a store has room for; it is cut as vdt_scene_recipe_name cuts it. */
static char *moved_join(const struct vdt_regroup *regroup, const char *name)
{
    enum { ROOM = 4000 };
    struct vdt_buffer text = {0};
    char end[48] = ")";
    const char *at = strchr(name, '(') + 1;
    bool good = vdt_buffer_append(&text, name, (size_t)(at - name)), full = false;
    size_t count = 0;
    for (; good && *at != '\0'; count++) {
        const char *comma = strstr(at, ", ");
        size_t length = comma == NULL ? strlen(at) - 1 : (size_t)(comma - at);
        vdt_cleanup(vdt_free_pointer) char *file = vdt_allocate_zero(length + 1, 1);
        good = file != NULL;
        if (good)
            memcpy(file, at, length);
        vdt_cleanup(vdt_free_pointer) char *moved = good ? moved_file(regroup, file) : NULL;
        good = moved != NULL;
        if (good && comma == NULL && sscanf(file, "... %zu files", &count) == 1) {
            full = true;
            break;
        }
        full |= good && text.size + strlen(moved) > ROOM && count > 0;
        if (good && !full)
            good = (count == 0 || vdt_buffer_append(&text, ", ", 2)) &&
                   vdt_buffer_append(&text, moved, strlen(moved));
        at = comma == NULL ? at + length + 1 : comma + 2;
    }
    if (full)
        snprintf(end, sizeof end, ", ... %zu files)", count);
    if (!good || !vdt_buffer_append(&text, end, strlen(end) + 1))
        vdt_buffer_clear(&text);
    return (char *)text.data;
}

/* What the store calls `path`, as the output calls it; owned. */
static char *moved_path(const struct vdt_regroup *regroup, const char *path)
{
    return is_joined(path) ? moved_join(regroup, path) : moved_file(regroup, path);
}

static bool move_string(const struct vdt_regroup *regroup, json_t *value)
{
    if (!json_is_string(value))
        return true;
    vdt_cleanup(vdt_free_pointer) char *moved = moved_path(regroup, json_string_value(value));
    return moved != NULL && json_string_set(value, moved) == 0;
}

/* Members that hold names of files, wherever they are. */
static bool move_names(const struct vdt_regroup *regroup, json_t *value)
{
    static const char *const members[] = {
        "images", "image",       "labels",    "ignore", "files", "scene",     "aoi",
        "path",   "window-file", "class-map", "extra",  "uri",   "cloud-file"};
    const char *name;
    json_t *member, *item;
    size_t i;
    bool good = true;
    json_object_foreach(value, name, member)
    {
        bool files = false;
        for (size_t k = 0; k < sizeof members / sizeof *members; k++)
            files |= strcmp(name, members[k]) == 0;
        if (files)
            good = good && move_string(regroup, member);
        json_array_foreach(member, i, item) good = good && (!files || move_string(regroup, item));
        good = good && move_names(regroup, member);
    }
    json_array_foreach(value, i, item) good = good && move_names(regroup, item);
    return good;
}

/* What the same feed would ask of groups contradicts the new ones. */
static void forget_groups(json_t *feeds)
{
    static const char *const members[] = {"split",      "split-by",  "split-field", "split-time",
                                          "block-size", "split-gap", "group"};
    json_t *feed;
    size_t i;
    json_array_foreach(feeds, i, feed)
    {
        json_t *options = json_object_get(feed, "options");
        for (size_t k = 0; options != NULL && k < sizeof members / sizeof *members; k++)
            json_object_del(options, members[k]);
    }
}

static vdt_status move_text(const struct vdt_regroup *regroup, const char *what, const char *text,
                            char **moved, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *value = NULL;
    vdt_status status = vdt_json_parse(text, what, &value, error);
    if (status != VDT_OK)
        return status;
    if (regroup->rule.groups.split)
        forget_groups(value);
    if (!move_names(regroup, value) || (*moved = vdt_json_text(value)) == NULL)
        return vdt_fail_memory(error, what);
    return VDT_OK;
}

/* --- what stands at the root ---------------------------------------------------------------- */

static vdt_status copy_scenes(const struct vdt_regroup *regroup, struct vdt_writer *writer,
                              struct vdt_error *error)
{
    const struct vdt_reader *reader = regroup->reader;
    uint32_t number = 0;
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < vdt_reader_scene_count(reader); i++) {
        struct vdt_scene_record record = vdt_reader_scene(reader, i);
        vdt_cleanup(vdt_free_pointer) char *uri = moved_path(regroup, record.uri);
        if (uri == NULL)
            return vdt_fail_memory(error, regroup->options->output);
        record.uri = uri;
        status = vdt_writer_add_scene(writer, &record, &number, error);
        if (status == VDT_OK && number != i)
            status = vdt_fail(error, VDT_ERR_FORMAT, "%s: /scenes has a scene twice",
                              vdt_reader_path(reader));
    }
    for (size_t i = 0; status == VDT_OK && i < vdt_reader_crs_count(reader); i++) {
        status = vdt_writer_add_crs(writer, vdt_reader_crs(reader, i), &number, error);
        if (status == VDT_OK && number != i)
            status = vdt_fail(error, VDT_ERR_FORMAT, "%s: /crs has a CRS twice",
                              vdt_reader_path(reader));
    }
    return status;
}

static vdt_status copy_header(const struct vdt_regroup *regroup, struct vdt_writer *writer,
                              struct vdt_error *error)
{
    const struct vdt_reader *reader = regroup->reader;
    vdt_cleanup(vdt_free_pointer) char *config = NULL;
    vdt_cleanup(vdt_free_pointer) char *failures = NULL;
    vdt_cleanup(vdt_free_pointer) char *members = NULL;
    vdt_cleanup(vdt_free_pointer) char *split = vdt_groups_text(&regroup->rule.groups);
    bool divided = regroup->rule.groups.split;
    if (split == NULL)
        return vdt_fail_memory(error, regroup->options->output);
    vdt_status status =
        move_text(regroup, "attribute feed_config", vdt_reader_feed_config(reader), &config, error);
    if (status == VDT_OK)
        status = move_text(regroup, "attribute feed_failures", vdt_reader_feed_failures(reader),
                           &failures, error);
    if (status == VDT_OK)
        status = move_text(regroup, "attribute scene_members", vdt_reader_scene_members(reader),
                           &members, error);
    if (status == VDT_OK)
        status = vdt_writer_set_feed_config(writer, config, error);
    if (status == VDT_OK)
        status = vdt_writer_set_scene_members(writer, members, error);
    if (status == VDT_OK)
        status = vdt_writer_set_times(writer, vdt_reader_times(reader), error);
    if (status == VDT_OK)
        status = vdt_writer_set_feed_failures(writer, failures, NULL, error);
    if (status == VDT_OK)
        status = vdt_writer_set_split(writer, divided ? split : vdt_reader_split(reader), error);
    return status == VDT_OK ? copy_scenes(regroup, writer, error) : status;
}

/* --- samples ------------------------------------------------------------------------------- */

struct slot {
    size_t first, count; /* rows */
    struct vdt_packet packets[SAMPLES_A_BLOCK];
};

struct copy {
    const struct vdt_regroup *regroup;
    size_t rows_a_block;
    struct slot *slots;
};

static vdt_status start(void *payload, void **worker, struct vdt_error *error)
{
    (void)payload;
    struct vdt_packet_scratch *scratch = vdt_allocate_zero(1, sizeof *scratch);
    *worker = scratch;
    return scratch == NULL ? vdt_fail_memory(error, "split") : VDT_OK;
}

static void stop(void *payload, void *worker)
{
    (void)payload;
    vdt_packet_scratch_clear(worker);
    free(worker);
}

static vdt_status process(void *payload, void *worker, uint64_t item, uint32_t number,
                          struct vdt_error *error)
{
    struct copy *copy = payload;
    const struct vdt_regroup *regroup = copy->regroup;
    struct slot *slot = &copy->slots[number];
    size_t left = regroup->count - (size_t)item * copy->rows_a_block;
    slot->first = (size_t)item * copy->rows_a_block;
    slot->count = left < copy->rows_a_block ? left : copy->rows_a_block;
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < slot->count; i++) {
        const struct vdt_regroup_row *row = &regroup->rows[slot->first + i];
        if (row->to < 0)
            continue;
        status = vdt_packet_copy(&slot->packets[i], regroup->reader, row->group, row->index, error);
        if (status == VDT_OK && regroup->options->verify)
            status = vdt_packet_verify(&slot->packets[i], regroup->reader, row->group, row->index,
                                       worker, error);
    }
    return status;
}

static vdt_status put_slot(const struct copy *copy, const struct slot *slot,
                           struct vdt_writer *writer, struct vdt_error *error)
{
    struct vdt_regroup *regroup = (struct vdt_regroup *)copy->regroup;
    const struct vdt_groups *groups = &regroup->rule.groups;
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < slot->count; i++) {
        struct vdt_regroup_row *row = &regroup->rows[slot->first + i];
        if (row->to < 0)
            continue;
        row->at = vdt_writer_count(writer, groups->names[row->to]);
        status = vdt_writer_put(writer, groups->names[row->to], &slot->packets[i], error);
    }
    return status;
}

static vdt_status run(const struct copy *copy, uint32_t slots, struct vdt_writer *writer,
                      struct vdt_error *error)
{
    static const struct vdt_ordered_ops ops = {.start = start, .process = process, .stop = stop};
    const struct vdt_split_options *options = copy->regroup->options;
    uint64_t count = copy->regroup->count, done = 0;
    uint32_t slot = 0;
    struct vdt_ordered *ordered = NULL;
    vdt_status status =
        vdt_ordered_start(&ops, (void *)copy, (count + copy->rows_a_block - 1) / copy->rows_a_block,
                          options->threads, slots, &ordered, error);
    while (status == VDT_OK && (status = vdt_ordered_take(ordered, &slot, error)) == VDT_OK) {
        status = put_slot(copy, &copy->slots[slot], writer, error);
        done += copy->slots[slot].count;
        vdt_ordered_release(ordered, slot);
        if (status == VDT_OK && options->progress != NULL &&
            !options->progress(done, count, options->payload))
            status = vdt_fail(error, VDT_ERR_CANCELLED, "%s: stopped, nothing is left behind",
                              options->output);
    }
    vdt_ordered_free(ordered);
    return status == VDT_END ? VDT_OK : status;
}

static vdt_status copy_samples(struct vdt_regroup *regroup, struct vdt_writer *writer,
                               struct vdt_error *error)
{
    const struct vdt_layout *layout = vdt_reader_layout(regroup->reader);
    uint32_t threads = regroup->options->threads;
    uint32_t slots = (threads == 0 ? vdt_core_count() : threads) + SPARE_SLOTS;
    size_t bytes = layout->image_bytes > 0 ? layout->image_bytes : 1;
    size_t fit = BLOCK_BYTES / bytes;
    struct copy copy = {.regroup = regroup,
                        .rows_a_block = fit < 1                 ? 1
                                        : fit > SAMPLES_A_BLOCK ? SAMPLES_A_BLOCK
                                                                : fit,
                        .slots = vdt_allocate_zero(slots, sizeof *copy.slots)};
    if (copy.slots == NULL)
        return vdt_fail_memory(error, regroup->options->output);
    vdt_status status = run(&copy, slots, writer, error);
    for (uint32_t s = 0; s < slots; s++)
        for (int i = 0; i < SAMPLES_A_BLOCK; i++)
            vdt_packet_clear(&copy.slots[s].packets[i]);
    free(copy.slots);
    return status;
}

/* --- views ---------------------------------------------------------------------------------- */

/* A view with the places that its samples have now; *kept is false when they are in several groups,
 * or one is nowhere. */
static vdt_status move_view(const struct vdt_regroup *regroup, const struct vdt_view *view,
                            const size_t *first_row, struct vdt_writer *writer, bool *kept,
                            struct vdt_error *error)
{
    size_t group = 0;
    vdt_status status = vdt_reader_find_group(regroup->reader, view->group, &group, error);
    vdt_cleanup(vdt_free_pointer) uint64_t *indices =
        vdt_allocate((size_t)view->count, sizeof *indices);
    *kept = view->count > 0;
    if (status != VDT_OK || indices == NULL)
        return status == VDT_OK ? vdt_fail_memory(error, view->name) : status;
    int32_t to = VDT_SPLIT_NONE;
    for (uint64_t i = 0; *kept && i < view->count; i++) {
        const struct vdt_regroup_row *row =
            &regroup->rows[first_row[group] + (size_t)view->indices[i]];
        *kept = row->to >= 0 && (i == 0 || row->to == to);
        to = row->to;
        indices[i] = row->at;
    }
    if (!*kept)
        return VDT_OK;
    return vdt_writer_put_view(writer, view->name, regroup->rule.groups.names[to], indices,
                               view->count, view->definition, error);
}

static vdt_status copy_views(struct vdt_regroup *regroup, struct vdt_writer *writer,
                             struct vdt_error *error)
{
    const struct vdt_reader *reader = regroup->reader;
    size_t groups = vdt_reader_group_count(reader);
    vdt_cleanup(vdt_free_pointer) size_t *first_row = vdt_allocate_zero(groups + 1, sizeof(size_t));
    vdt_status status = first_row == NULL ? vdt_fail_memory(error, "split") : VDT_OK;
    for (size_t g = 0; status == VDT_OK && g < groups; g++)
        first_row[g + 1] = first_row[g] + (size_t)vdt_reader_count(reader, g);
    for (size_t v = 0; status == VDT_OK && v < vdt_reader_view_count(reader); v++) {
        struct vdt_view view = vdt_reader_view(reader, v);
        uint32_t fold = 0;
        bool kept = false;
        if (regroup->options->folds > 0 && vdt_fold_number(view.name, &fold))
            continue; /* others take their place */
        status = move_view(regroup, &view, first_row, writer, &kept, error);
        *(kept ? &regroup->report->views_kept : &regroup->report->views_dropped) += 1;
    }
    return status;
}

vdt_status vdt_regroup_copy(struct vdt_regroup *regroup, struct vdt_writer **out,
                            struct vdt_error *error)
{
    vdt_cleanup(writer_cleanup) struct vdt_writer *writer = NULL;
    struct vdt_store_spec spec = vdt_reader_spec(regroup->reader);
    spec.name = NULL;
    vdt_status status = vdt_writer_create(regroup->options->output, &spec, &writer, error);
    if (status == VDT_OK)
        status = copy_header(regroup, writer, error);
    if (status == VDT_OK)
        status = copy_samples(regroup, writer, error);
    if (status == VDT_OK)
        status = copy_views(regroup, writer, error);
    if (status != VDT_OK)
        return status;
    *out = writer;
    writer = NULL;
    return VDT_OK;
}
