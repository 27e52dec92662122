/* Sets in files: opened under a lock, written whole. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "annotate/sets/set.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/path.h"
#include "store/layout.h"

static const char format_version[] = "1.0";
enum { WAIT_STEP_MS = 20 };

/* --- columns --------------------------------------------------------------------------------- */

/* The samples' table as columns; rows are few beside those of annotations. */
struct sample_columns {
    uint32_t (*size)[2];
    uint8_t *state;
    int64_t *code;
    uint32_t *group;
    uint64_t *index;
    struct vdt_strings metadata;
};

static void clear_columns(struct sample_columns *columns)
{
    free(columns->size);
    free(columns->state);
    free(columns->code);
    free(columns->group);
    free(columns->index);
    vdt_strings_clear(&columns->metadata);
}

static bool fill_columns(const struct vdt_set_samples *samples, struct sample_columns *columns,
                         bool *coded, bool *described)
{
    size_t n = samples->count;
    columns->size = vdt_allocate(n, sizeof *columns->size);
    columns->state = vdt_allocate(n, 1);
    columns->code = vdt_allocate(n, 8);
    columns->group = vdt_allocate(n, 4);
    columns->index = vdt_allocate(n, 8);
    if (columns->size == NULL || columns->state == NULL || columns->code == NULL ||
        columns->group == NULL || columns->index == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        const struct vdt_set_sample *row = &samples->rows[i];
        const char *text =
            row->metadata == 0 ? "" : vdt_strings_at(&samples->texts, row->metadata - 1);
        columns->size[i][0] = row->rows;
        columns->size[i][1] = row->cols;
        columns->state[i] = row->marked != 0;
        columns->code[i] = row->code;
        columns->group[i] = row->group;
        columns->index[i] = row->index;
        *coded = *coded || row->code != INT64_MIN;
        *described = *described || row->metadata != 0;
        if (!vdt_strings_add(&columns->metadata, text, strlen(text)))
            return false;
    }
    return true;
}

vdt_status vdt_set_write(const struct vdt_annotations *set, struct vdt_table_writer *writer,
                         struct vdt_error *error)
{
    const struct vdt_set_samples *samples = &set->samples;
    struct sample_columns columns = {0};
    bool coded = false, described = false;
    uint64_t n = samples->count;
    vdt_status status =
        fill_columns(samples, &columns, &coded, &described)
            ? vdt_strings_write(&samples->references, "samples/reference", writer, error)
            : vdt_fail_memory(error, vdt_set_name(set));
    if (status == VDT_OK)
        status =
            vdt_table_writer_put(writer, "samples/size", VDT_UINT32, n, 2, columns.size, error);
    if (status == VDT_OK)
        status =
            vdt_table_writer_put(writer, "samples/state", VDT_UINT8, n, 1, columns.state, error);
    if (status == VDT_OK && coded)
        status = vdt_table_writer_put(writer, "samples/code", VDT_INT64, n, 1, columns.code, error);
    if (status == VDT_OK && described)
        status = vdt_strings_write(&columns.metadata, "samples/metadata", writer, error);
    if (status == VDT_OK && set->bound) {
        status =
            vdt_table_writer_put(writer, "samples/group", VDT_UINT32, n, 1, columns.group, error);
        if (status == VDT_OK)
            status = vdt_table_writer_put(writer, "samples/index", VDT_UINT64, n, 1, columns.index,
                                          error);
        if (status == VDT_OK)
            status = vdt_strings_write(&samples->groups, "samples/groups", writer, error);
    }
    clear_columns(&columns);
    return status == VDT_OK ? vdt_record_columns_write(&set->records, writer, error) : status;
}

static vdt_status take_columns(struct vdt_annotations *set, const struct sample_columns *columns,
                               const char *path, struct vdt_error *error)
{
    struct vdt_set_samples *samples = &set->samples;
    size_t n = samples->references.count;
    samples->rows = vdt_allocate_zero(n, sizeof *samples->rows);
    if (samples->rows == NULL)
        return vdt_fail_memory(error, path);
    samples->count = samples->capacity = n;
    for (size_t i = 0; i < n; i++) {
        samples->rows[i] = (struct vdt_set_sample){
            .rows = columns->size[i][0],
            .cols = columns->size[i][1],
            .group = columns->group == NULL ? 0 : columns->group[i],
            .index = columns->index == NULL ? UINT64_MAX : columns->index[i],
            .code = columns->code == NULL ? INT64_MIN : columns->code[i],
            .marked = columns->state[i] != 0};
        if (columns->index != NULL && samples->rows[i].group >= samples->groups.count)
            return vdt_fail(error, VDT_ERR_FORMAT,
                            "%s: samples/group[%zu] cannot be: the file is damaged", path, i);
        if (columns->metadata.count > 0 &&
            !vdt_set_describe(set, (uint32_t)i, vdt_strings_at(&columns->metadata, i)))
            return vdt_fail_memory(error, path);
    }
    return VDT_OK;
}

static vdt_status read_samples(struct vdt_annotations *set, struct vdt_table_file *table,
                               struct sample_columns *columns, struct vdt_error *error)
{
    struct vdt_set_samples *samples = &set->samples;
    vdt_status status = vdt_strings_read(&samples->references, "samples/reference", UINT64_MAX, 1,
                                         true, table, error);
    uint64_t n = samples->references.count;
    if (status == VDT_OK)
        status = vdt_table_file_load(table, "samples/size", VDT_UINT32, n, 2, false, &columns->size,
                                     NULL, error);
    if (status == VDT_OK)
        status = vdt_table_file_load(table, "samples/state", VDT_UINT8, n, 1, false,
                                     &columns->state, NULL, error);
    if (status == VDT_OK)
        status = vdt_table_file_load(table, "samples/code", VDT_INT64, n, 1, true, &columns->code,
                                     NULL, error);
    if (status == VDT_OK)
        status = vdt_table_file_load(table, "samples/group", VDT_UINT32, n, 1, true,
                                     &columns->group, NULL, error);
    if (status == VDT_OK)
        status = vdt_table_file_load(table, "samples/index", VDT_UINT64, n, 1,
                                     columns->group == NULL, &columns->index, NULL, error);
    if (status == VDT_OK)
        status =
            vdt_strings_read(&samples->groups, "samples/groups", UINT64_MAX, 1, true, table, error);
    if (status == VDT_OK)
        status = vdt_strings_read(&columns->metadata, "samples/metadata", n, 1, true, table, error);
    return status == VDT_OK ? take_columns(set, columns, vdt_table_file_path(table), error)
                            : status;
}

vdt_status vdt_set_read(struct vdt_annotations *set, struct vdt_table_file *table,
                        struct vdt_error *error)
{
    struct sample_columns columns = {0};
    vdt_status status = read_samples(set, table, &columns, error);
    clear_columns(&columns);
    if (status == VDT_OK)
        status = vdt_record_columns_read(&set->records, table, set->samples.count, error);
    for (uint64_t row = 0; status == VDT_OK && row < set->records.count; row++) {
        uint64_t number = vdt_record_columns_number(&set->records, row);
        set->next_number =
            number >= set->next_number && number < UINT64_MAX ? number + 1 : set->next_number;
    }
    return status;
}

/* --- files ----------------------------------------------------------------------------------- */

/* The number that the next annotation gets is kept: numbers of removed ones are not used again. */
static vdt_status read_texts(struct vdt_annotations *set, const struct vdt_table_file *table,
                             struct vdt_error *error)
{
    const char *version = vdt_table_file_text(table, "vedatile_annotations");
    const char *uuid = vdt_table_file_text(table, "store_uuid");
    const char *group = vdt_table_file_text(table, "group");
    const char *next = vdt_table_file_text(table, "next_number");
    const char *created = vdt_table_file_text(table, "created_at");
    if (version == NULL)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: no set of annotations (vedatile_annotations)",
                        set->path);
    if (strncmp(version, "1.", 2) != 0)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED, "%s: annotations of format %.20s; this is %s",
                        set->path, version, format_version);
    set->bound = uuid != NULL && *uuid != '\0';
    snprintf(set->uuid, sizeof set->uuid, "%s", uuid == NULL ? "" : uuid);
    snprintf(set->created_at, sizeof set->created_at, "%s", created == NULL ? "" : created);
    char *copy = vdt_copy_string(group == NULL ? "" : group);
    if (copy == NULL)
        return vdt_fail_memory(error, set->path);
    free(set->group);
    set->group = copy;
    set->next_number = next == NULL ? 0 : strtoull(next, NULL, 10);
    return VDT_OK;
}

static void close_table(struct vdt_table_file **table)
{
    vdt_table_file_free(*table);
}

static vdt_status read_file(struct vdt_annotations *set, struct vdt_error *error)
{
    vdt_cleanup(close_table) struct vdt_table_file *table = NULL;
    vdt_status status = vdt_table_file_open(set->path, &table, error);
    if (status == VDT_OK)
        status = read_texts(set, table, error);
    if (status == VDT_OK)
        status = vdt_set_read(set, table, error);
    if (status == VDT_OK)
        status = vdt_table_file_verify(table, error);
    if (status == VDT_OK)
        snprintf(set->digest, sizeof set->digest, "%s", vdt_table_file_digest(table));
    return status;
}

static vdt_status try_lock(struct vdt_annotations *set, bool *taken, struct vdt_error *error)
{
    struct stat by_name, opened;
    int fd = open(set->lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    *taken = false;
    if (fd < 0)
        return vdt_fail_errno(error, set->lock_path);
    /* Whoever had it before may have removed the name meanwhile. */
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &opened) == 0 &&
        stat(set->lock_path, &by_name) == 0 && by_name.st_ino == opened.st_ino) {
        set->lock = fd;
        *taken = true;
    } else {
        close(fd);
    }
    return VDT_OK;
}

static vdt_status take_lock(struct vdt_annotations *set, double wait, struct vdt_error *error)
{
    const struct timespec step = {0, WAIT_STEP_MS * 1000000L};
    bool taken = false;
    set->lock_path = vdt_path_with(set->path, ".lock");
    if (set->lock_path == NULL)
        return vdt_fail_memory(error, set->path);
    for (double waited = 0;; waited += WAIT_STEP_MS / 1000.0) {
        vdt_status status = try_lock(set, &taken, error);
        if (status != VDT_OK || taken)
            return status;
        if (waited >= wait)
            break;
        nanosleep(&step, NULL);
    }
    return vdt_fail(error, VDT_ERR_BUSY,
                    "%s: another process is changing it: try again when it is done", set->path);
}

/* STORE.annotations/NAME.h5, owned; NULL: memory is out. */
static char *path_beside(const char *store, const char *name)
{
    size_t size = strlen(store) + strlen(name) + 32;
    char *path = malloc(size);
    if (path != NULL)
        snprintf(path, size, "%s.annotations/%s.h5", store, name);
    return path;
}

static bool is_name(const char *name)
{
    size_t good = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    return good > 0 && good < 128 && name[good] == '\0' && name[0] != '.';
}

static vdt_status find_path(struct vdt_annotations *set,
                            const struct vdt_annotations_options *options, struct vdt_error *error)
{
    const char *name = options->name == NULL ? "labels" : options->name;
    if (options->store == NULL && options->path == NULL)
        return VDT_OK;
    if (options->path == NULL && !is_name(name))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "\"%.100s\" cannot be the name of a set: letters, digits, '.', '_' and '-'",
                        name);
    set->path =
        options->path != NULL ? vdt_copy_string(options->path) : path_beside(options->store, name);
    set->store = options->store == NULL ? NULL : vdt_copy_string(options->store);
    return set->path == NULL || (options->store != NULL && set->store == NULL)
               ? vdt_fail_memory(error, "annotations")
               : VDT_OK;
}

/* The folder beside the store is made for the lock. */
static vdt_status make_folder(const struct vdt_annotations *set,
                              const struct vdt_annotations_options *options,
                              struct vdt_error *error)
{
    if (options->path != NULL)
        return VDT_OK;
    vdt_cleanup(vdt_free_pointer) char *folder = vdt_path_with(set->store, ".annotations");
    if (folder == NULL)
        return vdt_fail_memory(error, set->store);
    return mkdir(folder, 0777) == 0 || errno == EEXIST ? VDT_OK : vdt_fail_errno(error, folder);
}

static vdt_status open_file(struct vdt_annotations *set,
                            const struct vdt_annotations_options *options, struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    if (options->write && options->store != NULL) {
        if (access(options->store, R_OK) != 0)
            return vdt_fail_errno(error, options->store);
        status = make_folder(set, options, error);
    }
    if (status == VDT_OK && options->write)
        status = take_lock(set, options->wait, error);
    if (status != VDT_OK)
        return status;
    set->write = options->write;
    if (access(set->path, F_OK) == 0)
        return read_file(set, error);
    if (!options->write)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: no such set of annotations", set->path);
    return VDT_OK;
}

static vdt_status choose_group(struct vdt_annotations *set, const char *group,
                               struct vdt_error *error)
{
    if (group == NULL)
        return VDT_OK;
    if (set->digest[0] != '\0' && strcmp(set->group, group) != 0)
        return vdt_fail(error, VDT_ERR_MISMATCH, "%s: has the samples of %s%s, not of %.100s",
                        set->path, *set->group == '\0' ? "all groups" : "group ", set->group,
                        group);
    char *copy = vdt_copy_string(group);
    if (copy == NULL)
        return vdt_fail_memory(error, vdt_set_name(set));
    free(set->group);
    set->group = copy;
    return VDT_OK;
}

vdt_status vdt_annotations_open(const struct vdt_annotations_options *options,
                                struct vdt_annotations **out, struct vdt_error *error)
{
    vdt_cleanup(vdt_set_cleanup) struct vdt_annotations *set = vdt_set_new();
    if (set == NULL)
        return vdt_fail_memory(error, "annotations");
    vdt_status status = find_path(set, options, error);
    if (status == VDT_OK && set->path != NULL)
        status = open_file(set, options, error);
    if (status == VDT_OK && set->bound && options->store == NULL && options->write)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: belongs to a store: name it, to change the annotations", set->path);
    if (status == VDT_OK)
        status = choose_group(set, options->store == NULL ? NULL : options->group, error);
    if (status == VDT_OK && options->store != NULL)
        status = vdt_set_bind(set, error);
    if (status != VDT_OK)
        return status;
    *out = set;
    set = NULL;
    return VDT_OK;
}

/* --- saving ---------------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
    const uint64_t *left = a, *right = b;
    return left[0] < right[0] ? -1 : left[0] > right[0];
}

/* Rows in the order of their numbers and without dead ones. */
static vdt_status compact(struct vdt_annotations *set, struct vdt_error *error)
{
    struct vdt_record_columns *records = &set->records, fresh = {0};
    bool sorted = records->dead_count == 0;
    for (uint64_t row = 1; sorted && row < records->count; row++)
        sorted =
            vdt_record_columns_number(records, row) > vdt_record_columns_number(records, row - 1);
    if (sorted)
        return VDT_OK;
    uint64_t count = 0, code = 0;
    uint64_t(*pairs)[2] = vdt_allocate((size_t)records->count, sizeof *pairs);
    uint64_t *order = vdt_allocate((size_t)records->count, sizeof *order);
    bool done = pairs != NULL && order != NULL;
    for (uint64_t row = 0; done && row < records->count; row++)
        if (vdt_record_columns_alive(records, row)) {
            pairs[count][0] = vdt_record_columns_number(records, row);
            pairs[count++][1] = row;
        }
    if (done)
        qsort(pairs, (size_t)count, sizeof *pairs, by_number);
    for (uint64_t i = 0; done && i < count; i++)
        order[i] = pairs[i][1];
    /* The table of labels stays as it is: its order is that of categories. */
    for (; done && code < records->labels.count; code++) {
        uint32_t label;
        done = vdt_record_columns_label(&fresh, vdt_record_columns_key(records, (uint32_t)code),
                                        vdt_record_columns_value(records, (uint32_t)code),
                                        records->codes[code], &label);
    }
    done = done && vdt_record_columns_copy(&fresh, records, order, count);
    free(pairs);
    free(order);
    if (!done) {
        vdt_record_columns_clear(&fresh);
        return vdt_fail_memory(error, vdt_set_name(set));
    }
    vdt_record_columns_clear(records);
    *records = fresh;
    vdt_set_forget(set);
    free(set->slots);
    set->slots = NULL;
    return VDT_OK;
}

static vdt_status write_texts(struct vdt_annotations *set, struct vdt_table_writer *writer,
                              struct vdt_error *error)
{
    char next[32];
    if (set->created_at[0] == '\0') {
        time_t now = time(NULL);
        struct tm parts;
        gmtime_r(&now, &parts);
        strftime(set->created_at, sizeof set->created_at, "%Y-%m-%dT%H:%M:%SZ", &parts);
    }
    snprintf(next, sizeof next, "%llu", (unsigned long long)set->next_number);
    const char *const texts[][2] = {{"vedatile_annotations", format_version},
                                    {"store_uuid", set->uuid},
                                    {"group", set->group},
                                    {"created_at", set->created_at},
                                    {"next_number", next}};
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < sizeof texts / sizeof *texts; i++)
        status = vdt_table_writer_text(writer, texts[i][0], texts[i][1], error);
    return status;
}

static void close_writer(struct vdt_table_writer **writer)
{
    vdt_table_writer_free(*writer);
}

vdt_status vdt_annotations_save(struct vdt_annotations *set, struct vdt_error *error)
{
    vdt_cleanup(close_writer) struct vdt_table_writer *writer = NULL;
    if (set->path == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "annotations: the set has no file: give it one when it is opened");
    if (!set->write)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: was not opened to be changed", set->path);
    if (set->broken)
        return vdt_fail(error, VDT_ERR_MEMORY,
                        "%s: a change failed half way for want of memory: open it again",
                        set->path);
    if (!set->changed && set->digest[0] != '\0')
        return VDT_OK;
    vdt_status status = compact(set, error);
    if (status == VDT_OK)
        status = vdt_table_writer_open(set->path, &writer, error);
    if (status == VDT_OK)
        status = write_texts(set, writer, error);
    if (status == VDT_OK)
        status = vdt_set_write(set, writer, error);
    if (status == VDT_OK)
        status = vdt_table_writer_finish(writer, set->digest, error);
    if (status == VDT_OK)
        set->changed = false;
    return status;
}

/* --- sets beside a store --------------------------------------------------------------------- */

vdt_status vdt_annotations_delete(const char *path, struct vdt_error *error)
{
    vdt_cleanup(vdt_set_cleanup) struct vdt_annotations *set = vdt_set_new();
    if (set == NULL || (set->path = vdt_copy_string(path)) == NULL)
        return vdt_fail_memory(error, path);
    if (access(path, F_OK) != 0)
        return vdt_fail_errno(error, path);
    vdt_status status = take_lock(set, 0, error);
    if (status == VDT_OK)
        status = read_file(set, error); /* nothing else is removed */
    if (status == VDT_OK && unlink(path) != 0)
        status = vdt_fail_errno(error, path);
    return status == VDT_OK ? vdt_sync_folder(path, error) : status;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void vdt_names_free(char **names, size_t count)
{
    for (size_t i = 0; names != NULL && i < count; i++)
        free(names[i]);
    free(names);
}

static void close_folder(DIR **folder)
{
    if (*folder != NULL)
        closedir(*folder);
}

vdt_status vdt_annotations_names(const char *store, char ***out, size_t *out_count,
                                 struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *path = vdt_path_with(store, ".annotations");
    if (path == NULL)
        return vdt_fail_memory(error, store);
    if (access(store, F_OK) != 0)
        return vdt_fail_errno(error, store);
    vdt_cleanup(close_folder) DIR *folder = opendir(path);
    if (folder == NULL && errno != ENOENT)
        return vdt_fail_errno(error, path);
    char **names = NULL;
    size_t count = 0, capacity = 0;
    bool done = vdt_grow(&names, &capacity, 1, sizeof *names);
    for (struct dirent *entry; done && folder != NULL && (entry = readdir(folder)) != NULL;) {
        size_t length = strlen(entry->d_name);
        if (length < 4 || entry->d_name[0] == '.' || strcmp(entry->d_name + length - 3, ".h5") != 0)
            continue;
        done = vdt_grow(&names, &capacity, count + 1, sizeof *names) &&
               (names[count] = vdt_copy_string(entry->d_name)) != NULL;
        if (done)
            names[count++][length - 3] = '\0';
    }
    if (!done) {
        vdt_names_free(names, count);
        return vdt_fail_memory(error, path);
    }
    if (count > 1)
        qsort(names, count, sizeof *names, by_text);
    *out = names;
    *out_count = count;
    return VDT_OK;
}
