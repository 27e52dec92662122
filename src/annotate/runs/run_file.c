/* Names and places of runs, and small things of open ones. */
#include "annotate/runs/run_file.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <vedatile/store.h>

#include "annotate/runs/run_state.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/path.h"

enum { LONGEST_NAME = 128 };

bool vdt_run_name_good(const char *name)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";
    size_t size = strlen(name);
    return size > 0 && size <= LONGEST_NAME && *name != '.' && strspn(name, letters) == size;
}

void vdt_run_time(char text[VDT_RUN_TIME_SIZE])
{
    time_t now = time(NULL);
    struct tm parts;
    gmtime_r(&now, &parts);
    strftime(text, VDT_RUN_TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

char *vdt_run_path(const char *store, const char *run)
{
    if (!vdt_run_name_good(run))
        return NULL;
    size_t size = strlen(store) + strlen(run) + sizeof ".runs/.h5";
    char *path = malloc(size);
    if (path != NULL)
        snprintf(path, size, "%s.runs/%s.h5", store, run);
    return path;
}

vdt_status vdt_run_find_path(const char *store, const char *run, char **path,
                             struct vdt_error *error)
{
    if (store != NULL && !vdt_run_name_good(run))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "'%.100s' is no name of a run", run);
    *path = store == NULL ? vdt_copy_string(run) : vdt_run_path(store, run);
    return *path == NULL ? vdt_fail_memory(error, run) : VDT_OK;
}

char *vdt_run_log_path(const char *path)
{
    char *log = malloc(strlen(path) + sizeof ".open");
    if (log == NULL)
        return NULL;
    size_t size = strlen(path);
    if (size > 3 && strcmp(path + size - 3, ".h5") == 0)
        size -= 3;
    memcpy(log, path, size);
    strcpy(log + size, ".open");
    return log;
}

bool vdt_run_log_class(struct vdt_run *run, uint32_t class_id)
{
    const char *text = vdt_texts_get(&run->classes, class_id);
    char *place = vdt_run_log_add(&run->log, VDT_RUN_CLASS, strlen(text) + 1);
    if (place == NULL)
        return false;
    strcpy(place, text);
    run->classes_logged = class_id + 1;
    return true;
}

bool vdt_run_log_sample(struct vdt_run *run, uint32_t sample)
{
    const char *text = vdt_texts_get(&run->references, sample);
    struct vdt_run_place *place = &run->places[sample];
    struct vdt_run_sample_head head = {place->rows, place->cols};
    char *bytes = vdt_run_log_add(&run->log, VDT_RUN_SAMPLE, sizeof head + strlen(text) + 1);
    if (bytes == NULL || !vdt_grow(&run->logged, &run->logged_room, (size_t)run->logged_count + 1,
                                   sizeof *run->logged))
        return false;
    memcpy(bytes, &head, sizeof head);
    strcpy(bytes + sizeof head, text);
    run->logged[run->logged_count++] = sample;
    place->logged = run->logged_count;
    return true;
}

/* --- open runs: what is asked of them ------------------------------------------------------------
 */

uint32_t vdt_run_sample_count(const struct vdt_run *run)
{
    return run->references.count;
}

const char *vdt_run_reference(const struct vdt_run *run, uint32_t sample)
{
    return sample < run->references.count ? vdt_texts_get(&run->references, sample) : NULL;
}

bool vdt_run_predicted(const struct vdt_run *run, uint32_t sample)
{
    return sample < run->references.count && run->places[sample].predicted;
}

uint32_t vdt_run_class_count(const struct vdt_run *run)
{
    return run->classes.count;
}

const char *vdt_run_class_name(const struct vdt_run *run, uint32_t class_id)
{
    return class_id < run->classes.count ? vdt_texts_get(&run->classes, class_id) : NULL;
}

static vdt_status no_sample(const struct vdt_run *run, const char *reference,
                            struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: there is no sample '%.200s'", run->path,
                    reference);
}

vdt_status vdt_run_sample(struct vdt_run *run, const char *reference, uint32_t rows, uint32_t cols,
                          uint32_t *sample, struct vdt_error *error)
{
    uint32_t found = vdt_texts_find(&run->references, reference);
    if (found == VDT_NO_TEXT && !run->fixed) {
        vdt_status status = vdt_run_open_check(run, error);
        if (status != VDT_OK)
            return status;
        if (*reference == '\0')
            return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: a sample needs a reference", run->path);
        found = vdt_run_place_add(run, reference, rows, cols);
        if (found == VDT_NO_TEXT)
            return vdt_fail_memory(error, run->path);
    }
    if (found == VDT_NO_TEXT)
        return no_sample(run, reference, error);
    *sample = found;
    return VDT_OK;
}

vdt_status vdt_run_find(const struct vdt_run *run, const char *reference, uint32_t *sample,
                        struct vdt_error *error)
{
    uint32_t found = vdt_texts_find(&run->references, reference);
    if (found == VDT_NO_TEXT)
        return no_sample(run, reference, error);
    *sample = found;
    return VDT_OK;
}
