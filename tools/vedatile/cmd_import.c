/* vedatile import: folders that export made, to samples of a store. */
#include <inttypes.h>
#include <stdio.h>
#include <vedatile/exchange.h>

#include "interrupt.h"
#include "json.h"
#include "options.h"
#include "progress.h"
#include "report.h"
#include "text.h"

struct import_values {
    const char *store;
    int format;
    struct words paths;
    const char *group;
    uint32_t tasks;
    struct size tile;
    int codec;
    int progress;
    bool json;
};

#define AT(field) offsetof(struct import_values, field)

/* In the order of enum vdt_format, from its first value on. */
static const char *const tasks[] = {"classification", "detection",  "segmentation",
                                    "instance",       "boundary",   "contact",
                                    "distance",       "regression", NULL};
static const char *const formats[] = {"coco", "yolo", "voc",        "geotiff",
                                      "png",  "npz",  "webdataset", NULL};
/* Without auto, which measures scenes. */
static const char *const codecs[] = {"lz4", "raw", "deflate", "zstd", NULL};
static const enum vdt_codec codec_values[] = {VDT_CODEC_LZ4, VDT_CODEC_RAW, VDT_CODEC_DEFLATE,
                                              VDT_CODEC_ZSTD};

static const struct option import_options[] = {
    {.name = "STORE",
     .kind = OPTION_POSITION,
     .required = true,
     .offset = AT(store),
     .help = "the store to create or to add to"},
    {.name = "PATH",
     .kind = OPTION_POSITIONS,
     .required = true,
     .offset = AT(paths),
     .help = "the folders to read, one or more: exports, or those of others in coco, yolo or voc"},
    {.name = "format",
     .kind = OPTION_CHOICE,
     .required = true,
     .offset = AT(format),
     .argument = "F",
     .choices = formats,
     .help = "what to read: coco, yolo, voc, geotiff, png, npz or webdataset (required)"},
    {.name = "group",
     .kind = OPTION_TEXT,
     .offset = AT(group),
     .argument = "NAME",
     .help = "group that all samples go to; default: as they were exported, or as names of files "
             "and folders say"},
    {.name = "task",
     .kind = OPTION_SET,
     .offset = AT(tasks),
     .argument = "T[,T]",
     .choices = tasks,
     .help = "folders that are no exports: what a tile is paired with; default: detection, of coco "
             "also segmentation and instance"},
    {.name = "tile",
     .kind = OPTION_SIZE,
     .offset = AT(tile),
     .argument = "N|WxH",
     .help =
         "folders that are no exports: smaller images are filled up to so many pixels; default: "
         "all images must have one size"},
    {.name = "codec",
     .kind = OPTION_CHOICE,
     .offset = AT(codec),
     .argument = "lz4|raw|deflate|zstd",
     .choices = codecs,
     .help = "how tiles of a new store are stored; default: lz4"},
    OPTION_ROW_PROGRESS(AT(progress)),
    OPTION_ROW_JSON(AT(json)),
    {0},
};

static int print_json(const struct import_values *values, const struct vdt_import_report *report)
{
    json_t *object = json_object();
    json_object_set_new(object, "store", json_from_text(values->store));
    json_object_set_new(object, "format", json_from_text(formats[values->format]));
    json_object_set_new(object, "written", json_from_count(report->written));
    json_object_set_new(object, "existing", json_from_count(report->existing));
    json_object_set_new(object, "boxes", json_from_count(report->boxes));
    json_object_set_new(object, "crowds", json_from_count(report->crowds));
    json_object_set_new(object, "left_out", json_from_count(report->left_out));
    json_object_set_new(object, "warning",
                        report->warning[0] ? json_from_text(report->warning) : json_null());
    return json_print(object);
}

static void print_summary(const struct import_values *values,
                          const struct vdt_import_report *report)
{
    text_print(stdout, values->store);
    printf(": %" PRIu64 " sample%s written", report->written, text_plural(report->written));
    if (report->boxes > 0)
        printf(", %" PRIu64 " box%s", report->boxes, report->boxes == 1 ? "" : "es");
    if (report->existing > 0)
        printf("; %" PRIu64 " already in the store", report->existing);
    if (report->left_out > 0)
        printf("; %" PRIu64 " left out: other bands", report->left_out);
    putchar('\n');
}

static int import_samples(const struct import_values *values)
{
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_import_report report = {0};
    struct progress progress = progress_start((enum progress_mode)values->progress, "samples");
    struct vdt_import_options options = {
        .store = values->store,
        .format = (enum vdt_format)(values->format + VDT_FORMAT_COCO),
        .paths = (const char *const *)values->paths.items,
        .path_count = values->paths.count,
        .group = values->group,
        .tasks = values->tasks,
        .tile_cols = values->tile.cols,
        .tile_rows = values->tile.rows,
        .codec = codec_values[values->codec],
        .progress = progress_update,
        .payload = &progress,
    };
    interrupt_catch();
    vdt_status status = vdt_import(&options, &report, &error);
    progress_finish(&progress);
    if (status)
        return report_error(&import_command, &error);
    if (report.warning[0])
        report_warning(&import_command, report.warning);
    if (values->json)
        return print_json(values, &report);
    print_summary(values, &report);
    return EXIT_DONE;
}

static int run_import(int argc, char **argv)
{
    struct import_values values = {0};
    int code = options_parse(&import_command, argc, argv, &values);
    if (code == OPTIONS_RUN)
        code = import_samples(&values);
    options_clear(&import_command, &values);
    return code;
}

const struct command import_command = {
    .name = "import",
    .summary = "reads samples from folders that export or others made",
    .usage = "STORE PATH... --format F [options]",
    .notes = "Adds all samples or none. Samples whose keys are in the store are left as they "
             "are.\n\n"
             "examples:\n"
             "  vedatile import land.h5 land-npz --format npz\n"
             "  vedatile import coco.h5 coco --format coco --tile 640\n"
             "  vedatile import all.h5 a-tars b-tars --format webdataset --codec zstd\n",
    .options = import_options,
    .run = run_import,
};
