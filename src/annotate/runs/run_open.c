/* Runs begun, gone on with, and closed. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vedatile/store.h>

#include "annotate/runs/run_file.h"
#include "annotate/runs/run_state.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fold.h"
#include "base/json.h"
#include "base/path.h"

static void close_reader(struct vdt_reader **reader)
{
    vdt_reader_free(*reader);
}

static void close_run(struct vdt_run **run)
{
    vdt_run_free(*run);
}

void vdt_run_free(struct vdt_run *run)
{
    if (run == NULL)
        return;
    vdt_run_log_close(&run->log);
    json_decref(run->header);
    vdt_texts_clear(&run->references);
    vdt_texts_clear(&run->classes);
    free(run->places);
    free(run->logged);
    free(run->model_text);
    free(run->metadata_text);
    free(run->store_uuid);
    free(run->path);
    free(run);
}

const char *vdt_run_header_text(const json_t *header, const char *name)
{
    const char *text = json_string_value(json_object_get(header, name));
    return text == NULL ? "" : text;
}

const char *vdt_run_name(const struct vdt_run *run)
{
    return vdt_run_header_text(run->header, "name");
}

vdt_status vdt_run_denied(const char *path, struct vdt_error *error)
{
    if (access(path, F_OK) != 0)
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_DENIED,
                    "%s: the run is committed and cannot be changed; make a run of another name",
                    path);
}

vdt_status vdt_run_open_check(const struct vdt_run *run, struct vdt_error *error)
{
    return run->committed ? vdt_run_denied(run->path, error) : VDT_OK;
}

/* --- what a run is ------------------------------------------------------------------------------
 */

/* An object from JSON text; {} for none. */
static vdt_status object_of(const char *text, const char *what, json_t **object,
                            struct vdt_error *error)
{
    if (text == NULL || *text == '\0') {
        *object = json_object();
        return *object == NULL ? vdt_fail_memory(error, what) : VDT_OK;
    }
    vdt_status status = vdt_json_parse(text, what, object, error);
    if (status == VDT_OK && !json_is_object(*object)) {
        json_decref(*object);
        status = vdt_fail(error, VDT_ERR_ARGUMENT, "%s: not a JSON object", what);
    }
    return status;
}

static vdt_status text_check(const char *what, const char *text, struct vdt_error *error)
{
    if (text == NULL || vdt_utf8_valid(text, strlen(text)))
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: not UTF-8", what);
}

/* The name: as given, or the file's. */
static vdt_status find_name(const struct vdt_run_options *options, char **name,
                            struct vdt_error *error)
{
    if (options->store == NULL && options->path == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "a run needs a store, or a path of its own");
    if (options->name == NULL && options->path == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: the run needs a name", options->store);
    *name = options->name != NULL ? vdt_copy_string(options->name) : vdt_path_stem(options->path);
    if (*name == NULL)
        return vdt_fail_memory(error, "run");
    if (!vdt_run_name_good(*name))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "run name '%s': letters, digits, '_', '-' and '.', not '.' first, at most "
                        "128 of them",
                        *name);
    return VDT_OK;
}

static vdt_status new_run(const struct vdt_run_options *options, const char *name,
                          struct vdt_run **made, struct vdt_error *error)
{
    struct vdt_run *run = vdt_allocate_zero(1, sizeof *run);
    if (run == NULL)
        return vdt_fail_memory(error, name);
    run->log.fd = -1;
    run->path =
        options->path != NULL ? vdt_copy_string(options->path) : vdt_run_path(options->store, name);
    run->store_uuid = vdt_copy_string("");
    *made = run;
    return run->path == NULL || run->store_uuid == NULL ? vdt_fail_memory(error, name) : VDT_OK;
}

/* The group that is predicted: as named, "test", or the only one. */
static vdt_status find_group(const struct vdt_reader *reader, const char *wanted, size_t *group,
                             struct vdt_error *error)
{
    if (wanted == NULL && vdt_reader_group_count(reader) == 1) {
        *group = 0;
        return VDT_OK;
    }
    return vdt_reader_find_group(reader, wanted == NULL ? "test" : wanted, group, error);
}

/* The samples of a store's group, in its order. */
static vdt_status take_samples(struct vdt_run *run, const struct vdt_reader *reader, size_t group,
                               struct vdt_error *error)
{
    struct vdt_tile_spec tile = vdt_reader_spec(reader).tile;
    uint64_t count = vdt_reader_count(reader, group);
    if (count >= VDT_NO_TEXT)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED, "%s: too many samples for a run",
                        vdt_reader_path(reader));
    for (uint64_t i = 0; i < count; i++) {
        struct vdt_sample sample;
        vdt_status status = vdt_reader_sample(reader, group, i, &sample, NULL, error);
        if (status != VDT_OK)
            return status;
        if (vdt_run_place_add(run, sample.key, tile.rows, tile.cols) == VDT_NO_TEXT)
            return vdt_fail_memory(error, run->path);
    }
    return VDT_OK;
}

/* Opens the store that the run is of and takes its samples; *group is its name, borrowed from
 * *reader. */
static vdt_status bind_store(struct vdt_run *run, const char *store, const char *wanted,
                             struct vdt_reader **reader, const char **group,
                             struct vdt_error *error)
{
    size_t number;
    vdt_status status = vdt_reader_open(store, reader, error);
    if (status == VDT_OK)
        status = find_group(*reader, wanted, &number, error);
    if (status != VDT_OK)
        return status;
    free(run->store_uuid);
    run->store_uuid = vdt_copy_string(vdt_reader_uuid(*reader));
    *group = vdt_reader_group_name(*reader, number);
    run->fixed = true;
    return run->store_uuid == NULL ? vdt_fail_memory(error, store)
                                   : take_samples(run, *reader, number, error);
}

static bool set_text(json_t *object, const char *name, const char *text)
{
    return json_object_set_new(object, name, json_string(text == NULL ? "" : text)) == 0;
}

/* --- creating -----------------------------------------------------------------------------------
 */

static vdt_status make_model(struct vdt_run *run, const struct vdt_run_options *options,
                             struct vdt_error *error)
{
    json_t *metadata;
    json_t *model = json_object();
    vdt_status status = text_check("model", options->model, error);
    if (status == VDT_OK)
        status = text_check("model reference", options->model_reference, error);
    if (status == VDT_OK)
        status = object_of(options->model_metadata, "model metadata", &metadata, error);
    if (status != VDT_OK) {
        json_decref(model);
        return status;
    }
    bool good = set_text(model, "name", options->model) &&
                set_text(model, "reference", options->model_reference);
    good = json_object_set_new(model, "metadata", metadata) == 0 && good;
    good = json_object_set_new(run->header, "model", model) == 0 && good;
    return good ? VDT_OK : vdt_fail_memory(error, run->path);
}

static vdt_status make_header(struct vdt_run *run, const struct vdt_run_options *options,
                              const char *name, const char *group, struct vdt_error *error)
{
    char now[VDT_RUN_TIME_SIZE];
    vdt_run_time(now);
    run->header = json_object();
    bool good = set_text(run->header, "format", "1.0") && set_text(run->header, "name", name) &&
                set_text(run->header, "store_uuid", run->store_uuid) &&
                set_text(run->header, "group", group) && set_text(run->header, "created_at", now);
    good = good &&
           json_object_set_new(run->header, "any_class", json_boolean(run->any_class)) == 0 &&
           json_object_set_new(run->header, "softmax", json_boolean(run->softmax)) == 0 &&
           json_object_set_new(run->header, "fixed", json_boolean(run->fixed)) == 0;
    if (!good)
        return vdt_fail_memory(error, run->path);
    vdt_status status = make_model(run, options, error);
    json_t *metadata = NULL;
    if (status == VDT_OK)
        status = object_of(options->metadata, "run metadata", &metadata, error);
    if (status == VDT_OK && json_object_set_new(run->header, "metadata", metadata) != 0)
        status = vdt_fail_memory(error, run->path);
    return status;
}

/* Classes as they are given, or the store's. */
static vdt_status make_classes(struct vdt_run *run, const struct vdt_run_options *options,
                               const struct vdt_reader *reader, struct vdt_error *error)
{
    const char *const *classes = options->classes;
    size_t count = options->class_count;
    if (classes == NULL && reader != NULL) {
        struct vdt_store_spec spec = vdt_reader_spec(reader);
        classes = spec.classes;
        count = spec.class_count;
    }
    run->any_class = options->any_class || count == 0;
    for (size_t i = 0; i < count; i++) {
        bool added;
        if (*classes[i] == '\0' || !vdt_utf8_valid(classes[i], strlen(classes[i])))
            return vdt_fail(error, VDT_ERR_ARGUMENT, "class %zu: no text, or not UTF-8", i);
        uint32_t number = vdt_texts_add(&run->classes, classes[i], &added);
        if (number == VDT_NO_TEXT)
            return vdt_fail_memory(error, run->path);
        if (!added)
            return vdt_fail(error, VDT_ERR_ARGUMENT, "class '%s' is given twice", classes[i]);
    }
    return VDT_OK;
}

/* The first batch: header, classes, and the samples of a free run that has them from a set. */
static vdt_status write_beginning(struct vdt_run *run, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *text = vdt_json_text(run->header);
    if (text == NULL)
        return vdt_fail_memory(error, run->path);
    size_t size = strlen(text);
    void *place = vdt_run_log_add(&run->log, VDT_RUN_HEADER, size);
    if (place == NULL)
        return vdt_fail_memory(error, run->path);
    memcpy(place, text, size);
    for (uint32_t i = 0; i < run->classes.count; i++)
        if (!vdt_run_log_class(run, i))
            return vdt_fail_memory(error, run->path);
    bool samples = *run->store_uuid == '\0';
    for (uint32_t i = 0; samples && i < run->references.count; i++)
        if (!vdt_run_log_sample(run, i))
            return vdt_fail_memory(error, run->path);
    return vdt_run_log_write(&run->log, error);
}

/* The samples of a free set. */
static vdt_status copy_samples(struct vdt_run *run, const struct vdt_annotations *set,
                               struct vdt_error *error)
{
    uint64_t count = set == NULL ? 0 : vdt_annotations_sample_count(set);
    run->fixed = set != NULL;
    for (uint64_t i = 0; i < count; i++) {
        struct vdt_annotated_sample sample;
        vdt_status status = vdt_annotations_sample(set, i, &sample, error);
        if (status != VDT_OK)
            return status;
        if (vdt_run_place_add(run, sample.reference, sample.rows, sample.cols) == VDT_NO_TEXT)
            return vdt_fail_memory(error, run->path);
    }
    return VDT_OK;
}

static vdt_status make_folder(const struct vdt_run *run, const char *store, struct vdt_error *error)
{
    if (store == NULL)
        return VDT_OK;
    vdt_cleanup(vdt_free_pointer) char *folder = vdt_path_with(store, ".runs");
    if (folder == NULL)
        return vdt_fail_memory(error, run->path);
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return vdt_fail_errno(error, folder);
    return VDT_OK;
}

static vdt_status exists(const struct vdt_run *run, struct vdt_error *error)
{
    if (access(run->path, F_OK) != 0)
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_EXISTS,
                    "%s: there is a committed run of that name; take another, or remove it",
                    run->path);
}

/* Everything that needs no file, so that a call that cannot succeed leaves none. */
static vdt_status prepare(struct vdt_run *run, const struct vdt_run_options *options,
                          const char *name, struct vdt_error *error)
{
    vdt_cleanup(close_reader) struct vdt_reader *reader = NULL;
    const char *group = "";
    vdt_status status = options->store != NULL ? bind_store(run, options->store, options->group,
                                                            &reader, &group, error)
                                               : copy_samples(run, options->samples, error);
    run->softmax = options->softmax;
    if (status == VDT_OK)
        status = make_classes(run, options, reader, error);
    if (status == VDT_OK)
        status = make_header(run, options, name, group, error);
    return status;
}

vdt_status vdt_run_create(const struct vdt_run_options *options, struct vdt_run **made,
                          struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *name = NULL;
    vdt_cleanup(close_run) struct vdt_run *run = NULL;
    vdt_status status = find_name(options, &name, error);
    if (status == VDT_OK)
        status = new_run(options, name, &run, error);
    if (status == VDT_OK)
        status = exists(run, error);
    if (status == VDT_OK)
        status = prepare(run, options, name, error);
    if (status == VDT_OK)
        status = make_folder(run, options->path == NULL ? options->store : NULL, error);
    vdt_cleanup(vdt_free_pointer) char *log = status == VDT_OK ? vdt_run_log_path(run->path) : NULL;
    if (status == VDT_OK && log == NULL)
        status = vdt_fail_memory(error, name);
    if (status == VDT_OK)
        status = vdt_run_log_create(log, &run->log, error);
    if (status != VDT_OK)
        return status;
    status = exists(run, error); /* committed and gone while the lock was waited for */
    if (status == VDT_OK)
        status = write_beginning(run, error);
    if (status != VDT_OK) {
        unlink(log);
        return status;
    }
    *made = run;
    run = NULL;
    return VDT_OK;
}

/* --- going on ------------------------------------------------------------------------------------
 */

static vdt_status same_text(const struct vdt_run *run, const char *what, const char *wanted,
                            const char *there, struct vdt_error *error)
{
    if (wanted == NULL || strcmp(wanted, there) == 0)
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_MISMATCH, "%s: the run's %s is '%s', not '%s'", run->path, what,
                    there, wanted);
}

static vdt_status same_run(const struct vdt_run *run, const struct vdt_run_options *options,
                           struct vdt_error *error)
{
    const json_t *model = json_object_get(run->header, "model");
    vdt_status status =
        same_text(run, "group", options->group, vdt_run_header_text(run->header, "group"), error);
    if (status == VDT_OK)
        status = same_text(run, "model", options->model, vdt_run_header_text(model, "name"), error);
    if (status == VDT_OK)
        status = same_text(run, "model reference", options->model_reference,
                           vdt_run_header_text(model, "reference"), error);
    for (size_t i = 0; status == VDT_OK && options->classes != NULL && i < options->class_count;
         i++)
        if (i >= run->classes.count ||
            strcmp(vdt_texts_get(&run->classes, (uint32_t)i), options->classes[i]) != 0)
            status = vdt_fail(error, VDT_ERR_MISMATCH,
                              "%s: class %zu is not '%s', as it was when the run began", run->path,
                              i, options->classes[i]);
    return status;
}

/* What the log says before any sample: of which store, which group. */
static vdt_status read_header(struct vdt_run *run, json_t **header, struct vdt_error *error)
{
    struct vdt_run_cursor cursor = {0};
    struct vdt_run_head head;
    json_error_t problem;
    *header = NULL;
    if (vdt_run_log_next(&run->log, &cursor, &head) && head.type == VDT_RUN_HEADER)
        *header = json_loadb((const char *)vdt_run_log_record(&run->log, cursor.record, &head),
                             head.size, 0, &problem);
    if (json_is_object(*header))
        return VDT_OK;
    json_decref(*header);
    *header = NULL;
    return vdt_fail(error, VDT_ERR_FORMAT, "%s: there is no header", run->log.path);
}

static void release_json(json_t **value)
{
    json_decref(*value);
}

static vdt_status bind_again(struct vdt_run *run, const char *store, const json_t *header,
                             struct vdt_error *error)
{
    const char *uuid = vdt_run_header_text(header, "store_uuid");
    if (*uuid == '\0' || store == NULL) {
        if (*uuid == '\0' && store == NULL)
            return VDT_OK;
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: %s", run->path,
                        store == NULL ? "it is a run of a store; name the store"
                                      : "it is a free run, of no store");
    }
    vdt_cleanup(close_reader) struct vdt_reader *reader = NULL;
    const char *group;
    vdt_status status =
        bind_store(run, store, vdt_run_header_text(header, "group"), &reader, &group, error);
    if (status == VDT_OK && strcmp(uuid, run->store_uuid) != 0)
        status = vdt_fail(error, VDT_ERR_MISMATCH,
                          "%s: it is a run of the store with uuid %s, and %s has %s: give that "
                          "store, or remove the run",
                          run->path, uuid, store, run->store_uuid);
    return status;
}

static vdt_status replace_metadata(struct vdt_run *run, const char *text, struct vdt_error *error)
{
    json_t *metadata;
    vdt_status status = object_of(text, "run metadata", &metadata, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_free_pointer) char *canonical = vdt_json_text(metadata);
    if (json_object_set_new(run->header, "metadata", metadata) != 0 || canonical == NULL)
        return vdt_fail_memory(error, run->path);
    void *place = vdt_run_log_add(&run->log, VDT_RUN_METADATA, strlen(canonical));
    if (place == NULL)
        return vdt_fail_memory(error, run->path);
    memcpy(place, canonical, strlen(canonical));
    return vdt_run_log_write(&run->log, error);
}

/* Opens the log of `run` and reads it. */
static vdt_status go_on(struct vdt_run *run, const char *store, struct vdt_error *error)
{
    vdt_cleanup(release_json) json_t *header = NULL;
    vdt_status status = read_header(run, &header, error);
    if (status == VDT_OK)
        status = bind_again(run, store, header, error);
    if (status == VDT_OK)
        status = vdt_run_replay(run, error);
    if (status != VDT_OK)
        return status;
    run->any_class = json_is_true(json_object_get(run->header, "any_class"));
    run->softmax = json_is_true(json_object_get(run->header, "softmax"));
    run->fixed = json_is_true(json_object_get(run->header, "fixed"));
    return VDT_OK;
}

vdt_status vdt_run_resume(const struct vdt_run_options *options, struct vdt_run **made,
                          struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *name = NULL;
    vdt_cleanup(close_run) struct vdt_run *run = NULL;
    vdt_status status = find_name(options, &name, error);
    if (status == VDT_OK)
        status = new_run(options, name, &run, error);
    if (status == VDT_OK)
        status = vdt_run_denied(run->path, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_free_pointer) char *log = vdt_run_log_path(run->path);
    if (log == NULL)
        return vdt_fail_memory(error, name);
    status = vdt_run_log_open(log, &run->log, error);
    if (status == VDT_ERR_NOT_FOUND && vdt_run_denied(run->path, error) != VDT_OK)
        return VDT_ERR_DENIED; /* committed by another since */
    if (status == VDT_ERR_NOT_FOUND)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: there is no run '%s'", run->path, name);
    if (status == VDT_OK)
        status = vdt_run_denied(run->path, error); /* a crash between commit and clearing up */
    if (status == VDT_OK)
        status = go_on(run, options->store, error);
    if (status == VDT_OK)
        status = same_run(run, options, error);
    if (status == VDT_OK && options->metadata != NULL)
        status = replace_metadata(run, options->metadata, error);
    if (status != VDT_OK)
        return status;
    *made = run;
    run = NULL;
    return VDT_OK;
}
