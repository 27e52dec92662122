/* vedatile annotations: records on the samples of a store, or of a free set. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vedatile/annotations.h>

#include "catalog_options.h"
#include "json.h"
#include "options.h"
#include "report.h"
#include "text.h"

static const char *const format_words[] = {"auto", "jsonl", "coco", "geojson", "yolo", "voc", NULL};

struct annotations_values {
    const char *action;
    const char *store;
    struct words files;
    const char *name;
    const char *group;
    bool free;
    int format;
    const char *sample;
    const char *id;
    struct count index;
    struct count number;
    bool all;
    bool update;
    bool skip_bad;
    const char *key;
    const char *class_field;
    const char *crs;
    bool oriented;
    double wait;
    struct catalog_values catalog;
    bool json;
};

#define AT(field) offsetof(struct annotations_values, field)

static bool action_accepts(const char *text, char *message, size_t size)
{
    static const char *const actions[] = {"list",   "add",  "mark",   "update", "remove", "import",
                                          "export", "sets", "delete", "send",   "fetch"};
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        if (strcmp(text, actions[i]) == 0)
            return true;
    snprintf(message, size,
             "list, add, update, remove, mark, import, export, sets, delete, send or fetch");
    return false;
}

static const struct option annotations_options[] = {
    {.name = "ACTION",
     .kind = OPTION_POSITION,
     .required = true,
     .offset = AT(action),
     .accepts = action_accepts,
     .help = "list, add, update, remove, mark, import, export, sets, delete, send or fetch"},
    {.name = "STORE",
     .kind = OPTION_POSITION,
     .required = true,
     .offset = AT(store),
     .help = "the store whose samples are annotated; with --free the file of a set"},
    {.name = "FILE",
     .kind = OPTION_POSITIONS,
     .offset = AT(files),
     .help = "import: files or folders; export: the one to make; add, update: JSON, '-' is stdin"},
    {.name = "name",
     .kind = OPTION_TEXT,
     .offset = AT(name),
     .argument = "NAME",
     .excludes = "free",
     .help = "which set of the store; default: labels"},
    {.name = "group",
     .kind = OPTION_TEXT,
     .offset = AT(group),
     .argument = "NAME",
     .excludes = "free",
     .help = "a new set has the samples of this group only; default: of all"},
    {.name = "free",
     .kind = OPTION_FLAG,
     .offset = AT(free),
     .help = "STORE is the file of a set that belongs to no store: photographs, video, tables"},
    {.name = "format",
     .kind = OPTION_CHOICE,
     .offset = AT(format),
     .argument = "auto|jsonl|coco|geojson|yolo|voc",
     .choices = format_words,
     .help = "of FILE; default: auto, by its name and content"},
    {.name = "sample",
     .kind = OPTION_TEXT,
     .offset = AT(sample),
     .argument = "REFERENCE",
     .excludes = "index",
     .help = "list, remove, mark: the sample, by its key or reference"},
    {.name = "index",
     .kind = OPTION_COUNT,
     .offset = AT(index),
     .argument = "I",
     .help = "list, remove, mark: the sample, by its index in the set"},
    {.name = "number",
     .kind = OPTION_COUNT,
     .offset = AT(number),
     .argument = "N",
     .excludes = "sample|index|id",
     .help = "list, remove: one annotation, by its number in the set"},
    {.name = "id",
     .kind = OPTION_TEXT,
     .offset = AT(id),
     .argument = "ID",
     .needs = "sample|index",
     .help = "list, remove: one annotation of the sample"},
    {.name = "all",
     .kind = OPTION_FLAG,
     .offset = AT(all),
     .excludes = "sample|index",
     .help = "mark: every sample; one that has nothing then has no object, by what was seen"},
    {.name = "update",
     .kind = OPTION_FLAG,
     .offset = AT(update),
     .help = "add, import, send, fetch: what is there already is replaced; default: it is left "
             "alone"},
    {.name = "skip-bad",
     .kind = OPTION_FLAG,
     .offset = AT(skip_bad),
     .help = "add, update, import: wrong records are told and left out; default: nothing is done"},
    {.name = "key",
     .kind = OPTION_TEXT,
     .offset = AT(key),
     .argument = "KEY",
     .help = "the label key that the format calls class; default: class"},
    {.name = "class-field",
     .kind = OPTION_TEXT,
     .offset = AT(class_field),
     .argument = "NAME",
     .help = "GeoJSON: the property with the class; default: class, label, category or name"},
    {.name = "crs",
     .kind = OPTION_TEXT,
     .offset = AT(crs),
     .argument = "store",
     .help = "GeoJSON, export: 'store' for the store's CRS; default: longitude and latitude"},
    {.name = "oriented",
     .kind = OPTION_FLAG,
     .offset = AT(oriented),
     .help = "YOLO: lines of four corners are rotated boxes"},
    {.name = "wait",
     .kind = OPTION_REAL,
     .offset = AT(wait),
     .argument = "SECONDS",
     .low = 0,
     .high = 1e6,
     .help = "how long to wait for another process that changes the set; default: 0"},
    OPTION_ROWS_CATALOG(AT(catalog)),
    OPTION_ROW_JSON(AT(json)),
    {0},
};

static bool is(const struct annotations_values *values, const char *action)
{
    return strcmp(values->action, action) == 0;
}

static vdt_status open_set(const struct annotations_values *values, bool write,
                           struct vdt_annotations **set, struct vdt_error *error)
{
    struct vdt_annotations_options options = {.store = values->store,
                                              .name = values->name,
                                              .group = values->group,
                                              .write = write,
                                              .wait = values->wait};
    if (values->free) {
        options.store = options.name = NULL;
        options.path = values->store;
    }
    return vdt_annotations_open(&options, set, error);
}

/* --- lists ------------------------------------------------------------------------------------ */

static vdt_status print_row(const struct vdt_annotations *set, uint64_t row,
                            struct vdt_error *error)
{
    char *json = NULL;
    vdt_status status = vdt_annotations_json(set, row, &json, error);
    if (status == VDT_OK)
        puts(json);
    vdt_string_free(json);
    return status;
}

static vdt_status find_sample(const struct annotations_values *values, struct vdt_annotations *set,
                              uint32_t *sample, struct vdt_error *error)
{
    struct vdt_annotated_sample about;
    if (values->sample != NULL)
        return vdt_annotations_find_sample(set, values->sample, sample, error);
    *sample = (uint32_t)values->index.value;
    return vdt_annotations_sample(set, values->index.value, &about, error);
}

static vdt_status list_sample(const struct annotations_values *values, struct vdt_annotations *set,
                              struct vdt_error *error)
{
    uint32_t sample = 0;
    uint64_t row = 0;
    const uint64_t *rows = NULL;
    size_t count = 0;
    vdt_status status = VDT_OK;
    if (values->number.given) {
        status = vdt_annotations_find_number(set, values->number.value, &row, error);
        return status == VDT_OK ? print_row(set, row, error) : status;
    }
    status = find_sample(values, set, &sample, error);
    if (status == VDT_OK && values->id != NULL) {
        status = vdt_annotations_find(set, sample, values->id, &row, error);
        return status == VDT_OK ? print_row(set, row, error) : status;
    }
    if (status == VDT_OK)
        status = vdt_annotations_list(set, sample, &rows, &count, error);
    for (size_t i = 0; status == VDT_OK && i < count; i++)
        status = print_row(set, rows[i], error);
    return status;
}

static json_t *keys_json(struct vdt_annotations *set)
{
    struct vdt_error error;
    const char *const *names = NULL;
    size_t count = 0;
    json_t *result = json_object();
    json_t *keys = NULL;
    if (vdt_annotations_keys(set, &names, &count, &error) == VDT_OK)
        keys = json_from_texts(names, count); /* the next call takes the names back */
    for (size_t i = 0; i < json_array_size(keys); i++) {
        const char *key = json_string_value(json_array_get(keys, i));
        if (vdt_annotations_values(set, key, &names, &count, &error) == VDT_OK)
            json_object_set_new(result, key, json_from_texts(names, count));
    }
    json_decref(keys);
    return result;
}

static int print_summary(const struct annotations_values *values, struct vdt_annotations *set)
{
    uint64_t annotated = 0, samples = vdt_annotations_sample_count(set);
    struct vdt_annotated_sample sample;
    struct vdt_error error;
    if (vdt_annotations_prepare(set, &error) != VDT_OK)
        return report_error(&annotations_command, &error);
    for (uint64_t i = 0; i < samples; i++)
        annotated += vdt_annotations_sample(set, i, &sample, &error) == VDT_OK && sample.annotated;
    json_t *labels = keys_json(set);
    if (values->json)
        return json_print(json_pack("{s:o, s:s, s:s, s:I, s:I, s:I, s:o, s:s}", "path",
                                    json_from_text(vdt_annotations_path(set)), "store_uuid",
                                    vdt_annotations_store_uuid(set), "group",
                                    vdt_annotations_group(set), "samples", (json_int_t)samples,
                                    "annotated", (json_int_t)annotated, "annotations",
                                    (json_int_t)vdt_annotations_count(set), "labels", labels,
                                    "content_sha256", vdt_annotations_digest(set)));
    text_print(stdout, vdt_annotations_path(set));
    printf("\n  samples      %" PRIu64 ", %" PRIu64 " annotated\n  annotations  %" PRIu64 "\n",
           samples, annotated, vdt_annotations_count(set));
    const char *key;
    json_t *list;
    json_object_foreach(labels, key, list)
    {
        printf("  ");
        text_print(stdout, key);
        fputs(": ", stdout);
        for (size_t i = 0; i < json_array_size(list); i++) {
            fputs(i > 0 ? ", " : "", stdout);
            text_print(stdout, json_string_value(json_array_get(list, i)));
        }
        putchar('\n');
    }
    json_decref(labels);
    return EXIT_DONE;
}

static int run_list(const struct annotations_values *values)
{
    struct vdt_annotations *set = NULL;
    struct vdt_error error = {.status = VDT_OK};
    int code = EXIT_DONE;
    bool one = values->sample != NULL || values->index.given || values->number.given;
    vdt_status status = open_set(values, false, &set, &error);
    if (status == VDT_OK && one)
        status = list_sample(values, set, &error);
    else if (status == VDT_OK)
        code = print_summary(values, set);
    vdt_annotations_free(set);
    return status == VDT_OK ? code : report_error(&annotations_command, &error);
}

static int run_sets(const struct annotations_values *values)
{
    char **names = NULL;
    size_t count = 0;
    struct vdt_error error = {.status = VDT_OK};
    if (vdt_annotations_names(values->store, &names, &count, &error) != VDT_OK)
        return report_error(&annotations_command, &error);
    int code = EXIT_DONE;
    if (values->json)
        code = json_print(
            json_pack("{s:o}", "sets", json_from_texts((const char *const *)names, count)));
    for (size_t i = 0; !values->json && i < count; i++)
        puts(names[i]);
    vdt_names_free(names, count);
    return code;
}

/* --- changes ---------------------------------------------------------------------------------- */

static void tell(const char *text, void *payload)
{
    (void)payload;
    report_warning(&annotations_command, text);
}

static int print_report(const struct annotations_values *values,
                        const struct vdt_annotations_report *report, const char *what)
{
    if (values->json)
        return json_print(json_pack(
            "{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", what, (json_int_t)report->added, "updated",
            (json_int_t)report->updated, "ignored", (json_int_t)report->ignored, "failed",
            (json_int_t)report->failed, "samples", (json_int_t)report->samples, "marked",
            (json_int_t)report->marked, "dropped", (json_int_t)report->dropped));
    printf("%" PRIu64 " %s", report->added, what);
    const struct {
        const char *word;
        uint64_t count;
    } others[] = {{"updated", report->updated},
                  {"there already", report->ignored},
                  {"wrong", report->failed},
                  {is(values, "export") ? "dropped (no place in the format)"
                                        : "dropped (on no sample, or of another form)",
                   report->dropped}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i].count > 0)
            printf(", %" PRIu64 " %s", others[i].count, others[i].word);
    putchar('\n');
    return EXIT_DONE;
}

/* A whole file, or stdin; owned. NULL: it cannot be read. */
static char *read_all(const char *path, size_t *size)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    char *text = NULL;
    size_t capacity = 0, got = 1;
    *size = 0;
    while (file != NULL && got > 0) {
        if (*size == capacity) {
            capacity = capacity == 0 ? 1 << 16 : capacity * 2;
            char *grown = realloc(text, capacity);
            if (grown == NULL)
                break;
            text = grown;
        }
        got = fread(text + *size, 1, capacity - *size, file);
        *size += got;
    }
    bool failed = file == NULL || got > 0 || ferror(file);
    if (file != NULL && file != stdin)
        fclose(file);
    if (!failed)
        return text;
    free(text);
    return NULL;
}

static vdt_status add_file(const char *path, struct vdt_annotations *set,
                           const struct vdt_annotations_change *change,
                           struct vdt_annotations_report *report, struct vdt_error *error)
{
    size_t size = 0;
    char *text = read_all(path, &size);
    if (text == NULL)
        return error_set(error, VDT_ERR_IO, "%s: cannot be read", path);
    vdt_status status = vdt_annotations_add_json(
        set, text, size, strcmp(path, "-") == 0 ? "standard input" : path, change, report, error);
    free(text);
    return status;
}

static void add_up(struct vdt_annotations_report *sum, const struct vdt_annotations_report *one)
{
    sum->added += one->added;
    sum->updated += one->updated;
    sum->ignored += one->ignored;
    sum->failed += one->failed;
    sum->samples += one->samples;
    sum->marked += one->marked;
    sum->dropped += one->dropped;
}

static vdt_status take_files(const struct annotations_values *values, struct vdt_annotations *set,
                             struct vdt_annotations_report *sum, struct vdt_error *error)
{
    const struct vdt_annotations_change change = {.update = values->update || is(values, "update"),
                                                  .skip_bad = values->skip_bad,
                                                  .problem = tell};
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < values->files.count; i++) {
        struct vdt_annotations_report report = {0};
        const struct vdt_annotations_exchange exchange = {
            .path = values->files.items[i],
            .format = (enum vdt_annotation_format)values->format,
            .key = values->key,
            .class_field = values->class_field,
            .oriented = values->oriented,
            .change = change};
        status = is(values, "import")
                     ? vdt_annotations_import(set, &exchange, &report, error)
                     : add_file(values->files.items[i], set, &change, &report, error);
        add_up(sum, &report);
    }
    return status;
}

static vdt_status take_away(const struct annotations_values *values, struct vdt_annotations *set,
                            struct vdt_error *error)
{
    uint32_t sample = 0;
    vdt_status status;
    if (values->number.given) {
        uint64_t row = 0;
        struct vdt_annotation a;
        status = vdt_annotations_find_number(set, values->number.value, &row, error);
        if (status == VDT_OK)
            status = vdt_annotations_get(set, row, &a, NULL, NULL, error);
        return status == VDT_OK ? vdt_annotations_remove(set, a.sample, a.id, error) : status;
    }
    status = find_sample(values, set, &sample, error);
    if (status != VDT_OK)
        return status;
    return is(values, "mark")   ? vdt_annotations_mark(set, sample, error)
           : values->id != NULL ? vdt_annotations_remove(set, sample, values->id, error)
                                : vdt_annotations_clear(set, sample, error);
}

/* Every sample was looked at. */
static int run_mark_all(const struct annotations_values *values)
{
    struct vdt_annotations *set = NULL;
    struct vdt_error error = {.status = VDT_OK};
    vdt_status status = open_set(values, true, &set, &error);
    uint64_t count = status == VDT_OK ? vdt_annotations_sample_count(set) : 0, marked = 0;
    for (uint64_t i = 0; i < count && status == VDT_OK; i++) {
        struct vdt_annotated_sample sample;
        status = vdt_annotations_sample(set, i, &sample, &error);
        if (status != VDT_OK || sample.annotated)
            continue;
        status = vdt_annotations_mark(set, (uint32_t)i, &error);
        marked++;
    }
    if (status == VDT_OK)
        status = vdt_annotations_save(set, &error);
    vdt_annotations_free(set);
    if (status != VDT_OK)
        return report_error(&annotations_command, &error);
    if (values->json)
        return json_print(json_pack("{s:I}", "marked", (json_int_t)marked));
    printf("%" PRIu64 " samples marked\n", marked);
    return EXIT_DONE;
}

static int run_change(const struct annotations_values *values)
{
    struct vdt_annotations *set = NULL;
    struct vdt_annotations_report report = {0};
    struct vdt_error error = {.status = VDT_OK};
    bool files = !is(values, "remove") && !is(values, "mark");
    uint64_t before = 0;
    vdt_status status = open_set(values, true, &set, &error);
    if (status == VDT_OK) {
        before = vdt_annotations_count(set);
        status = files ? take_files(values, set, &report, &error) : take_away(values, set, &error);
    }
    if (status == VDT_OK)
        status = vdt_annotations_save(set, &error);
    uint64_t after = status == VDT_OK ? vdt_annotations_count(set) : 0;
    vdt_annotations_free(set);
    if (status != VDT_OK)
        return report_error(&annotations_command, &error);
    if (files)
        return print_report(values, &report, "added");
    if (values->json)
        return json_print(json_pack("{s:I}", "removed", (json_int_t)(before - after)));
    if (is(values, "remove"))
        printf("%" PRIu64 " removed\n", before - after);
    return EXIT_DONE;
}

/* Of a file to be made; 0: its name does not say. */
static int format_of_name(const char *path)
{
    static const struct {
        const char *ending;
        int format;
    } known[] = {{".geojson", VDT_ANNOTATIONS_GEOJSON},
                 {".jsonl", VDT_ANNOTATIONS_JSONL},
                 {".ndjson", VDT_ANNOTATIONS_JSONL}};
    size_t size = strlen(path);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t ending = strlen(known[i].ending);
        if (size > ending && strcmp(path + size - ending, known[i].ending) == 0)
            return known[i].format;
    }
    return 0;
}

static int run_export(const struct annotations_values *values)
{
    int format = values->format != 0 ? values->format : format_of_name(values->files.items[0]);
    struct vdt_annotations *set = NULL;
    struct vdt_annotations_report report = {0};
    struct vdt_error error = {.status = VDT_OK};
    vdt_status status = open_set(values, false, &set, &error);
    const struct vdt_annotations_exchange exchange = {.path = values->files.items[0],
                                                      .format = (enum vdt_annotation_format)format,
                                                      .key = values->key,
                                                      .crs = values->crs,
                                                      .oriented = values->oriented};
    if (status == VDT_OK)
        status = vdt_annotations_export(set, &exchange, &report, &error);
    vdt_annotations_free(set);
    return status == VDT_OK ? print_report(values, &report, "written")
                            : report_error(&annotations_command, &error);
}

static int run_delete(const struct annotations_values *values)
{
    struct vdt_annotations *set = NULL;
    struct vdt_error error = {.status = VDT_OK};
    char path[4096] = "";
    vdt_status status = open_set(values, false, &set, &error);
    if (status == VDT_OK)
        snprintf(path, sizeof path, "%s", vdt_annotations_path(set));
    vdt_annotations_free(set);
    if (status == VDT_OK)
        status = vdt_annotations_delete(path, &error);
    return status == VDT_OK ? EXIT_DONE : report_error(&annotations_command, &error);
}

/* --- the catalog ------------------------------------------------------------------------------ */

static int run_transfer(const struct annotations_values *values)
{
    struct catalog_session session;
    struct vdt_annotations_report report = {0};
    struct vdt_error error = {.status = VDT_OK};
    const struct vdt_annotation_transfer options = {
        .store = values->store, .name = values->name, .update = values->update};
    int code =
        catalog_connect(&annotations_command, &values->catalog, PROGRESS_NONE, false, &session);
    if (code != OPTIONS_RUN)
        return code;
    bool send = is(values, "send");
    vdt_status status =
        send ? vdt_catalog_send_annotations(session.catalog, &options, &report, &error)
             : vdt_catalog_fetch_annotations(session.catalog, &options, &report, &error);
    code = status == VDT_OK ? print_report(values, &report, send ? "sent" : "added")
                            : catalog_failed(&annotations_command, &session, &error);
    catalog_close(&session);
    return code;
}

/* --- the command ------------------------------------------------------------------------------ */

static int check_values(const struct annotations_values *values)
{
    bool files = is(values, "import") || is(values, "add") || is(values, "update");
    bool one = values->sample != NULL || values->index.given;
    if (files && values->files.count == 0)
        return report_wrong(&annotations_command, "%s needs a FILE", values->action);
    if (is(values, "export") && values->files.count != 1)
        return report_wrong(&annotations_command, "export needs one FILE to make");
    if (is(values, "export") && values->format == 0 && format_of_name(values->files.items[0]) == 0)
        return report_wrong(&annotations_command,
                            "%s: --format says what it is: jsonl, coco, geojson, yolo or voc",
                            values->files.items[0]);
    if (values->all && !is(values, "mark"))
        return report_wrong(&annotations_command, "--all is for mark");
    if (!files && !is(values, "export") && values->files.count > 0)
        return report_wrong(&annotations_command, "%s takes no FILE", values->action);
    if ((is(values, "send") || is(values, "fetch")) && values->free)
        return report_wrong(&annotations_command, "%s is of a store that is in a catalog",
                            values->action);
    if (is(values, "mark") && !one && !values->all)
        return report_wrong(&annotations_command, "mark needs --sample, --index or --all");
    if (is(values, "remove") && !one && !values->number.given)
        return report_wrong(&annotations_command, "remove needs --sample, --index or --number");
    return OPTIONS_RUN;
}

static int run_annotations(int argc, char **argv)
{
    struct annotations_values values = {0};
    int code = options_parse(&annotations_command, argc, argv, &values);
    if (code == OPTIONS_RUN)
        code = check_values(&values);
    if (code == OPTIONS_RUN)
        code = is(&values, "list")                           ? run_list(&values)
               : is(&values, "sets")                         ? run_sets(&values)
               : is(&values, "export")                       ? run_export(&values)
               : is(&values, "delete")                       ? run_delete(&values)
               : values.all                                  ? run_mark_all(&values)
               : is(&values, "send") || is(&values, "fetch") ? run_transfer(&values)
                                                             : run_change(&values);
    options_clear(&annotations_command, &values);
    return code;
}

const struct command annotations_command = {
    .name = "annotations",
    .summary = "records on samples: boxes, polygons, masks, labels",
    .usage = "ACTION STORE [FILE...] [options]",
    .notes =
        "actions:\n"
        "  list    what a set has; with --sample, --index or --number its annotations as JSON\n"
        "  add     annotations as JSON, an array or a line for each (docs/annotations.md)\n"
        "  update  the same, and what is there already is replaced\n"
        "  remove  an annotation, or all of a sample\n"
        "  mark    a sample as looked at, with nothing on it\n"
        "  import  files of others; export  for others\n"
        "  sets    the names of a store's sets; delete  a whole set\n"
        "  send    a set to the entry that the store is of; fetch  what the entry's set has\n"
        "\nexamples:\n"
        "  vedatile annotations import roofs.h5 roofs.geojson --class-field kind\n"
        "  vedatile annotations list roofs.h5 --index 0\n"
        "  vedatile annotations export roofs.h5 roofs.json --format coco\n"
        "  vedatile annotations import photos.h5 instances.json --free\n",
    .options = annotations_options,
    .run = run_annotations,
};
