/* vedatile predictions: files into runs, and runs into files. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vedatile/annotations.h>
#include <vedatile/run.h>
#include <vedatile/store.h>

#include "json.h"
#include "options.h"
#include "report.h"
#include "text.h"

enum format {
    FORMAT_AUTO,
    FORMAT_COCO,
    FORMAT_JSONL,
    FORMAT_RASTER,
    FORMAT_GEOJSON,
    FORMAT_YOLO,
    FORMAT_VOC
};
static const char *const format_words[] = {"auto",    "coco", "jsonl", "raster",
                                           "geojson", "yolo", "voc",   NULL};
static const char *const mode_words[] = {"add", "update", "append", NULL};

struct predictions_values {
    const char *action;
    const char *store;
    struct words files;
    const char *run;
    bool free_run;
    int format;
    int mode;
    const char *images;
    const char *crs;
    bool boxes_only;
    bool commit;
    const char *group;
    const char *model;
    const char *model_reference;
    struct words classes;
    bool any_class;
    bool json;
};

#define AT(field) offsetof(struct predictions_values, field)

static bool action_accepts(const char *text, char *message, size_t size)
{
    if (strcmp(text, "import") == 0 || strcmp(text, "export") == 0)
        return true;
    snprintf(message, size, "import or export");
    return false;
}

static const struct option predictions_options[] = {
    {.name = "ACTION",
     .kind = OPTION_POSITION,
     .required = true,
     .offset = AT(action),
     .accepts = action_accepts,
     .help = "import or export"},
    {.name = "STORE",
     .kind = OPTION_POSITION,
     .required = true,
     .offset = AT(store),
     .help = "the store that is predicted; with --free the file of a run"},
    {.name = "FILE",
     .kind = OPTION_POSITIONS,
     .required = true,
     .offset = AT(files),
     .help = "import: files; export: the file or, of rasters, the folder to make"},
    {.name = "run",
     .kind = OPTION_TEXT,
     .offset = AT(run),
     .argument = "NAME",
     .excludes = "free",
     .help = "the run; import begins it where it is not there"},
    {.name = "free",
     .kind = OPTION_FLAG,
     .offset = AT(free_run),
     .help = "a run of no store: STORE is its file"},
    {.name = "format",
     .kind = OPTION_CHOICE,
     .offset = AT(format),
     .argument = "auto|coco|jsonl|raster|geojson|yolo|voc",
     .choices = format_words,
     .help = "coco: a results file; jsonl: lines or an array of records "
             "(schemas/annotation.schema.json); raster: class rasters, GeoTIFF or PNG, named as "
             "their samples; export only: geojson on the ground, folders of yolo and voc; default: "
             "auto, by the file's name"},
    {.name = "images",
     .kind = OPTION_TEXT,
     .offset = AT(images),
     .argument = "FILE",
     .flags = OPTION_PATH,
     .help =
         "coco: the ground truth file with the names of image and category ids; without it they "
         "are numbers of samples and class ids"},
    {.name = "crs",
     .kind = OPTION_TEXT,
     .offset = AT(crs),
     .argument = "store",
     .help = "geojson, export: 'store' for the store's CRS; default: longitude and latitude"},
    {.name = "boxes-only",
     .kind = OPTION_FLAG,
     .offset = AT(boxes_only),
     .help = "coco: boxes only, where there are segmentations too"},
    {.name = "mode",
     .kind = OPTION_CHOICE,
     .offset = AT(mode),
     .argument = "add|update|append",
     .choices = mode_words,
     .help = "where a sample has predictions: add ignores what is there already and refuses other "
             "content without ids, update replaces, append adds; default: add"},
    {.name = "commit",
     .kind = OPTION_FLAG,
     .offset = AT(commit),
     .help = "import: commit the run afterwards"},
    {.name = "group",
     .kind = OPTION_TEXT,
     .offset = AT(group),
     .argument = "NAME",
     .help = "a new run: the group that is predicted; default: test, or the only one"},
    {.name = "model",
     .kind = OPTION_TEXT,
     .offset = AT(model),
     .argument = "NAME",
     .help = "a new run: the model that predicts"},
    {.name = "model-reference",
     .kind = OPTION_TEXT,
     .offset = AT(model_reference),
     .argument = "TEXT",
     .help = "a new run: its version, a commit or an address"},
    {.name = "classes",
     .kind = OPTION_COMMAS,
     .offset = AT(classes),
     .argument = "A,B,...",
     .help = "a new run: what can be predicted; default: the store's classes"},
    {.name = "any-class",
     .kind = OPTION_FLAG,
     .offset = AT(any_class),
     .help = "a new run: take classes that are not among them"},
    OPTION_ROW_JSON(AT(json)),
    {0},
};

static bool ends_with(const char *text, const char *ending)
{
    size_t size = strlen(text), length = strlen(ending);
    return size >= length && strcmp(text + size - length, ending) == 0;
}

/* By the file's name: .jsonl and .ndjson are lines, .geojson is the ground, .json COCO's results,
 * all else a raster. */
static int format_of(const struct predictions_values *values, const char *path)
{
    if (values->format != FORMAT_AUTO)
        return values->format;
    if (ends_with(path, ".jsonl") || ends_with(path, ".ndjson"))
        return FORMAT_JSONL;
    if (ends_with(path, ".geojson"))
        return FORMAT_GEOJSON;
    return ends_with(path, ".json") ? FORMAT_COCO : FORMAT_RASTER;
}

/* --- import -------------------------------------------------------------------------------------
 */

/* *created: the run was not there before. */
static vdt_status open_run(const struct predictions_values *values, struct vdt_run **run,
                           bool *created, struct vdt_error *error)
{
    struct vdt_run_options options = {
        .store = values->free_run ? NULL : values->store,
        .path = values->free_run ? values->store : NULL,
        .name = values->run,
        .group = values->group,
        .model = values->model,
        .model_reference = values->model_reference,
        .classes = (const char *const *)values->classes.items,
        .class_count = values->classes.count,
        .any_class = values->any_class,
    };
    vdt_status status = vdt_run_resume(&options, run, error);
    *created = status == VDT_ERR_NOT_FOUND;
    return *created ? vdt_run_create(&options, run, error) : status;
}

/* All of a file, or of stdin for "-", however large; *text is the caller's. */
static vdt_status read_all(const char *path, char **text, size_t *size, struct vdt_error *error)
{
    bool stdin_wanted = strcmp(path, "-") == 0;
    FILE *file = stdin_wanted ? stdin : fopen(path, "rb");
    size_t room = 0;
    vdt_status status = VDT_OK;
    *text = NULL;
    *size = 0;
    if (file == NULL)
        return error_set(error, errno == ENOENT ? VDT_ERR_NOT_FOUND : VDT_ERR_IO, "%s: %s", path,
                         strerror(errno));
    for (size_t got = 1; got > 0 && status == VDT_OK;) {
        if (*size == room) {
            room = room == 0 ? 1 << 16 : room * 2;
            char *larger = realloc(*text, room);
            if (larger == NULL) {
                status = error_memory(error);
                break;
            }
            *text = larger;
        }
        got = fread(*text + *size, 1, room - *size, file);
        *size += got;
    }
    if (status == VDT_OK && ferror(file))
        status = error_set(error, VDT_ERR_IO, "%s: cannot be read", path);
    if (!stdin_wanted)
        fclose(file);
    return status;
}

static vdt_status import_lines(struct vdt_run *run, const char *path, enum vdt_run_mode mode,
                               struct vdt_run_counts *counts, struct vdt_error *error)
{
    char *text;
    size_t size;
    vdt_status status = read_all(path, &text, &size, error);
    if (status == VDT_OK)
        status = vdt_run_add_json(run, text, size, path, mode, counts, error);
    free(text);
    return status;
}

static vdt_status import_file(const struct predictions_values *values, struct vdt_run *run,
                              const char *path, struct vdt_run_counts *total,
                              struct vdt_error *error)
{
    enum vdt_run_mode mode = (enum vdt_run_mode)values->mode;
    struct vdt_run_counts counts = {0};
    vdt_status status;
    switch (format_of(values, path)) {
    case FORMAT_JSONL: status = import_lines(run, path, mode, &counts, error); break;
    case FORMAT_COCO:
        status =
            vdt_run_add_coco(run, path, values->images, values->boxes_only, mode, &counts, error);
        break;
    case FORMAT_RASTER:
        status = vdt_run_add_raster_file(run, path, NULL, mode, &counts, error);
        break;
    default:
        status = error_set(error, VDT_ERR_UNSUPPORTED,
                           "%s: predictions are not read from %s: give COCO's results or lines of "
                           "JSON ('vedatile annotations import' reads it as labels)",
                           path, format_words[format_of(values, path)]);
    }
    total->added += counts.added;
    total->updated += counts.updated;
    total->ignored += counts.ignored;
    return status;
}

static int tell_import(const struct predictions_values *values, struct vdt_run *run,
                       const struct vdt_run_counts *counts)
{
    struct vdt_run_info info;
    vdt_run_get_info(run, &info);
    if (values->json)
        return json_print(
            json_pack("{s:o,s:o,s:s,s:I,s:I,s:I,s:I,s:I}", "run", json_from_text(info.name), "path",
                      json_from_text(info.path), "state", info.committed ? "committed" : "open",
                      "added", (json_int_t)counts->added, "updated", (json_int_t)counts->updated,
                      "ignored", (json_int_t)counts->ignored, "samples", (json_int_t)info.samples,
                      "predicted", (json_int_t)info.predicted));
    text_print(stdout, info.path);
    printf(": %" PRIu64 " added, %" PRIu64 " updated, %" PRIu64 " there already; %" PRIu64
           " of %" PRIu64 " samples predicted, %s\n",
           counts->added, counts->updated, counts->ignored, info.predicted, info.samples,
           info.committed ? "committed" : "open");
    return EXIT_DONE;
}

/* Nothing was added to a run that this import began. */
static void take_back(const struct predictions_values *values)
{
    struct vdt_error ignored;
    vdt_status status = values->free_run ? vdt_run_remove(NULL, values->store, &ignored)
                                         : vdt_run_remove(values->store, values->run, &ignored);
    (void)status; /* what failed before is what the user is told */
}

static int import_files(const struct predictions_values *values)
{
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_run *run = NULL;
    struct vdt_run_counts counts = {0};
    bool created = false;
    vdt_status status = open_run(values, &run, &created, &error);
    if (status == VDT_OK)
        vdt_run_begin(run); /* all files or none */
    for (size_t i = 0; i < values->files.count && status == VDT_OK; i++)
        status = import_file(values, run, values->files.items[i], &counts, &error);
    if (status == VDT_OK)
        status = vdt_run_end(run, &error);
    if (status != VDT_OK && run != NULL && created) {
        vdt_run_free(run);
        run = NULL;
        take_back(values);
    }
    if (status == VDT_OK && values->commit)
        status = vdt_run_commit(run, NULL, NULL, &error);
    int code = status == VDT_OK ? tell_import(values, run, &counts)
                                : report_error(&predictions_command, &error);
    vdt_run_free(run);
    return code;
}

/* --- export -------------------------------------------------------------------------------------
 */

/* The forms that predictions share with labels. */
static vdt_status export_annotations(const struct vdt_run_reader *reader, const char *path,
                                     int format, const char *crs, uint64_t *count,
                                     uint64_t *dropped, struct vdt_error *error)
{
    struct vdt_annotations_exchange exchange = {
        .path = path,
        .format = format == FORMAT_GEOJSON ? VDT_ANNOTATIONS_GEOJSON
                  : format == FORMAT_YOLO  ? VDT_ANNOTATIONS_YOLO
                                           : VDT_ANNOTATIONS_VOC,
        .crs = crs};
    struct vdt_annotations_report report;
    struct vdt_annotations *set = vdt_run_annotations(reader);
    vdt_status status = vdt_annotations_export(set, &exchange, &report, error);
    if (status != VDT_OK)
        return status;
    *dropped = report.dropped;
    *count = vdt_annotations_count(set) - report.dropped;
    return VDT_OK;
}

static vdt_status export_run(const struct predictions_values *values,
                             const struct vdt_run_reader *reader, const char *path, uint64_t *count,
                             uint64_t *dropped, struct vdt_error *error)
{
    int format = format_of(values, path);
    switch (format) {
    case FORMAT_RASTER: return vdt_run_export_rasters(reader, path, count, error);
    case FORMAT_COCO:
    case FORMAT_JSONL:
        return vdt_run_export(reader, path, format == FORMAT_COCO, values->images, count, dropped,
                              error);
    default: return export_annotations(reader, path, format, values->crs, count, dropped, error);
    }
}

static int export_file(const struct predictions_values *values)
{
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_run_reader *reader = NULL;
    const char *path = values->files.items[0];
    uint64_t count = 0, dropped = 0;
    if (values->files.count != 1)
        return report_wrong(&predictions_command, "export: one FILE is made");
    if (values->crs != NULL && format_of(values, path) != FORMAT_GEOJSON)
        return report_wrong(&predictions_command, "--crs is for --format geojson");
    vdt_status status =
        vdt_run_open(values->free_run ? NULL : values->store,
                     values->free_run ? values->store : values->run, &reader, &error);
    if (status == VDT_OK)
        status = export_run(values, reader, path, &count, &dropped, &error);
    vdt_run_reader_free(reader);
    if (status)
        return report_error(&predictions_command, &error);
    if (values->json)
        return json_print(json_pack("{s:o,s:I,s:I}", "path", json_from_text(path), "written",
                                    (json_int_t)count, "dropped", (json_int_t)dropped));
    text_print(stdout, path);
    printf(": %" PRIu64 " prediction%s", count, text_plural(count));
    if (dropped > 0)
        printf(", %" PRIu64 " left out that the format cannot hold", dropped);
    putchar('\n');
    return EXIT_DONE;
}

static int run_predictions(int argc, char **argv)
{
    struct predictions_values values = {0};
    int code = options_parse(&predictions_command, argc, argv, &values);
    if (code == OPTIONS_RUN) {
        if (!values.free_run && values.run == NULL)
            code = report_wrong(&predictions_command,
                                "--run is missing; 'vedatile run list %s' lists the runs",
                                values.store);
        else
            code =
                strcmp(values.action, "import") == 0 ? import_files(&values) : export_file(&values);
    }
    options_clear(&predictions_command, &values);
    return code;
}

const struct command predictions_command = {
    .name = "predictions",
    .summary = "predictions of a run from files, and to files",
    .usage = "import|export STORE FILE... --run NAME [--format F] [--images FILE] [--commit]",
    .notes = "examples:\n"
             "  vedatile predictions import roofs.h5 results.json --run may --images gt.json\n"
             "  vedatile predictions import roofs.h5 masks/*.tif --run may --commit\n"
             "  vedatile predictions export roofs.h5 may.jsonl --run may\n"
             "  vedatile predictions export roofs.h5 may.geojson --run may\n",
    .options = predictions_options,
    .run = run_predictions,
};
