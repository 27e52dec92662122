/* Runs of a store: which there are, and one less. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "annotate/runs/run_file.h"
#include "annotate/runs/run_state.h"
#include "annotate/sets/set.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "base/path.h"

static void close_reader(struct vdt_run_reader **reader)
{
    vdt_run_reader_free(*reader);
}

static void close_run(struct vdt_run **run)
{
    vdt_run_free(*run);
}

/* --- names ---------------------------------------------------------------------------------------
 */

struct names {
    char **names;
    size_t count, room;
};

static void clear_names(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->names[i]);
    free(names->names);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The name of the run that a file of the folder is of; NULL for other files. Owned. */
static char *run_of(const char *file)
{
    static const char *const endings[] = {".h5", ".open"};
    size_t size = strlen(file);
    for (size_t i = 0; i < 2; i++) {
        size_t ending = strlen(endings[i]);
        if (size <= ending || strcmp(file + size - ending, endings[i]) != 0)
            continue;
        char *name = vdt_copy_string(file);
        if (name != NULL)
            name[size - ending] = '\0';
        if (name != NULL && vdt_run_name_good(name))
            return name;
        free(name);
    }
    return NULL;
}

static void close_folder(DIR **folder)
{
    if (*folder != NULL)
        closedir(*folder);
}

static vdt_status find_names(const char *store, struct names *names, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *path = vdt_path_with(store, ".runs");
    if (path == NULL)
        return vdt_fail_memory(error, store);
    vdt_cleanup(close_folder) DIR *folder = opendir(path);
    if (folder == NULL)
        return errno == ENOENT ? VDT_OK : vdt_fail_errno(error, path);
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char *name = run_of(entry->d_name);
        if (name == NULL)
            continue;
        if (!vdt_grow(&names->names, &names->room, names->count + 1, sizeof *names->names)) {
            free(name);
            return vdt_fail_memory(error, path);
        }
        names->names[names->count++] = name;
    }
    if (names->count > 1)
        qsort(names->names, names->count, sizeof *names->names, compare_names);
    size_t kept = 0; /* a run between its commit and clearing up has two files */
    for (size_t i = 0; i < names->count; i++)
        if (kept > 0 && strcmp(names->names[kept - 1], names->names[i]) == 0)
            free(names->names[i]);
        else
            names->names[kept++] = names->names[i];
    names->count = kept;
    return VDT_OK;
}

vdt_status vdt_run_not_found(const char *store, const char *path, const char *run,
                             struct vdt_error *error)
{
    vdt_cleanup(clear_names) struct names names = {0};
    struct vdt_error ignored;
    char text[512] = "";
    size_t used = 0;
    if (store != NULL && find_names(store, &names, &ignored) == VDT_OK)
        for (size_t i = 0; i < names.count; i++) {
            int more = snprintf(text + used, sizeof text - used, "%s%s", i == 0 ? "" : ", ",
                                names.names[i]);
            if (more < 0 || (size_t)more >= sizeof text - used)
                break;
            used += (size_t)more;
        }
    text[used] = '\0'; /* whole names only */
    if (store == NULL)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: there is no run '%.100s'", path, run);
    return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: there is no run '%.100s'; there %s %s", store,
                    run, names.count == 1 ? "is" : "are", names.count == 0 ? "none" : text);
}

/* --- open runs -----------------------------------------------------------------------------------
 */

static void fill_info(const struct vdt_run *run, struct vdt_run_info *info)
{
    const json_t *model = json_object_get(run->header, "model");
    *info = (struct vdt_run_info){
        .path = run->path,
        .name = vdt_run_name(run),
        .committed = run->committed,
        .model = vdt_run_header_text(model, "name"),
        .model_reference = vdt_run_header_text(model, "reference"),
        .model_metadata = run->model_text,
        .metadata = run->metadata_text,
        .store_uuid = vdt_run_header_text(run->header, "store_uuid"),
        .group = vdt_run_header_text(run->header, "group"),
        .created_at = vdt_run_header_text(run->header, "created_at"),
        .committed_at = vdt_run_header_text(run->header, "committed_at"),
        .content_sha256 = "",
        .samples = run->references.count,
    };
    for (uint32_t i = 0; i < run->references.count; i++) {
        info->predicted += run->places[i].predicted;
        info->annotations += run->places[i].count;
        info->rasters += (run->places[i].has & VDT_RUN_HAS_RASTER) != 0;
    }
}

void vdt_run_get_info(struct vdt_run *run, struct vdt_run_info *info)
{
    const json_t *model = json_object_get(run->header, "model");
    free(run->model_text);
    free(run->metadata_text);
    run->model_text = vdt_json_text(json_object_get(model, "metadata"));
    run->metadata_text = vdt_json_text(json_object_get(run->header, "metadata"));
    fill_info(run, info);
    if (info->model_metadata == NULL)
        info->model_metadata = "{}";
    if (info->metadata == NULL)
        info->metadata = "{}";
}

/* A look at an open run, which may be another program's. */
static vdt_status peek(const char *path, struct vdt_run **looked, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *log = vdt_run_log_path(path);
    vdt_cleanup(close_run) struct vdt_run *run = vdt_allocate_zero(1, sizeof *run);
    if (log == NULL || run == NULL)
        return vdt_fail_memory(error, path);
    run->log.fd = -1;
    run->path = vdt_copy_string(path);
    run->store_uuid = vdt_copy_string("");
    if (run->path == NULL || run->store_uuid == NULL)
        return vdt_fail_memory(error, path);
    vdt_status status = vdt_run_log_peek(log, &run->log, error);
    if (status == VDT_OK)
        status = vdt_run_replay(run, error);
    if (status != VDT_OK)
        return status;
    *looked = run;
    run = NULL;
    return VDT_OK;
}

static vdt_status tell(const char *path, const char *name, vdt_run_fn each, void *payload,
                       bool *go_on, struct vdt_error *error)
{
    vdt_cleanup(close_reader) struct vdt_run_reader *reader = NULL;
    vdt_cleanup(close_run) struct vdt_run *run = NULL;
    struct vdt_error problem;
    struct vdt_run_info info;
    bool committed = access(path, F_OK) == 0;
    vdt_status status =
        committed ? vdt_run_open(NULL, path, &reader, &problem) : peek(path, &run, &problem);
    if (status == VDT_ERR_MEMORY)
        return vdt_fail_memory(error, path);
    if (status == VDT_ERR_NOT_FOUND) /* it went while we looked */
        return VDT_OK;
    if (status != VDT_OK)
        info = (struct vdt_run_info){path, name, committed, "", "", "{}", "{}", "",
                                     "",   "",   "",        "", 0,  0,    0,    0};
    else if (committed)
        info = *vdt_run_reader_info(reader);
    else
        vdt_run_get_info(run, &info);
    *go_on = each(&info, status == VDT_OK ? NULL : problem.message, payload);
    return VDT_OK;
}

vdt_status vdt_run_list(const char *store, vdt_run_fn each, void *payload, struct vdt_error *error)
{
    vdt_cleanup(clear_names) struct names names = {0};
    vdt_status status = find_names(store, &names, error);
    bool go_on = true;
    for (size_t i = 0; i < names.count && status == VDT_OK && go_on; i++) {
        vdt_cleanup(vdt_free_pointer) char *path = vdt_run_path(store, names.names[i]);
        status = path == NULL ? vdt_fail_memory(error, store)
                              : tell(path, names.names[i], each, payload, &go_on, error);
    }
    return status;
}

/* --- removing ------------------------------------------------------------------------------------
 */

static void close_log(struct vdt_run_log *log)
{
    vdt_run_log_close(log);
}

static vdt_status remove_file(const char *path, bool *removed, struct vdt_error *error)
{
    if (unlink(path) == 0)
        *removed = true;
    else if (errno != ENOENT)
        return vdt_fail_errno(error, path);
    return VDT_OK;
}

vdt_status vdt_run_remove(const char *store, const char *run, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *path = NULL;
    vdt_status status = vdt_run_find_path(store, run, &path, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_free_pointer) char *log = vdt_run_log_path(path);
    vdt_cleanup(vdt_free_pointer) char *part = vdt_path_with(path, ".part");
    if (log == NULL || part == NULL)
        return vdt_fail_memory(error, path);
    vdt_cleanup(close_log) struct vdt_run_log locked = {.fd = -1};
    status = vdt_run_log_lock(log, &locked, error);
    bool removed = false, ignored = false;
    if (status == VDT_ERR_NOT_FOUND)
        status = VDT_OK;
    /* The log first: what a crash leaves of a committed run stays committed. */
    if (status == VDT_OK)
        status = remove_file(log, &removed, error);
    if (status == VDT_OK)
        status = remove_file(path, &removed, error);
    if (status == VDT_OK)
        status = remove_file(part, &ignored, error);
    if (status == VDT_OK && !removed)
        status = vdt_run_not_found(store, path, run, error);
    return status == VDT_OK ? vdt_sync_folder(path, error) : status;
}

/* --- one sample ----------------------------------------------------------------------------------
 */

static vdt_status copy_live(struct vdt_run *run, const struct vdt_run_view *view,
                            struct vdt_annotations *set, struct vdt_error *error)
{
    struct vdt_run_labels labels = {0};
    vdt_status status = VDT_OK;
    for (size_t i = 0; i < view->count && status == VDT_OK; i++) {
        struct vdt_annotation annotation;
        status = vdt_run_live_read(run, &view->items[i], &labels, &annotation, error);
        if (status == VDT_OK)
            status = vdt_annotations_add(set, &annotation, 1, NULL, NULL, error);
    }
    free(labels.labels);
    return status;
}

vdt_status vdt_run_look(struct vdt_run *run, uint32_t sample, struct vdt_annotations **set,
                        struct vdt_error *error)
{
    vdt_status status = vdt_run_open_check(run, error);
    if (status == VDT_OK && sample >= run->references.count)
        status = vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: there is no sample %lu", run->path,
                          (unsigned long)sample);
    if (status == VDT_OK)
        status = vdt_run_log_map(&run->log, error);
    if (status != VDT_OK)
        return status;
    const struct vdt_run_place *place = &run->places[sample];
    const struct vdt_annotations_options options = {0};
    vdt_cleanup(vdt_set_cleanup) struct vdt_annotations *made = NULL;
    struct vdt_run_view view = {0};
    uint32_t index;
    status = vdt_annotations_open(&options, &made, error);
    if (status == VDT_OK)
        status = vdt_annotations_add_sample(made, vdt_texts_get(&run->references, sample),
                                            place->rows, place->cols, NULL, false, &index, error);
    if (status == VDT_OK && place->predicted)
        status = vdt_annotations_mark(made, index, error);
    if (status == VDT_OK)
        status = vdt_run_resolve(run, sample, &view, error);
    if (status == VDT_OK)
        status = copy_live(run, &view, made, error);
    vdt_run_view_clear(&view);
    if (status != VDT_OK)
        return status;
    *set = made;
    made = NULL;
    return VDT_OK;
}
