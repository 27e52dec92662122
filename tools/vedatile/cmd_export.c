/* vedatile export: samples of a store in the formats of others. */
#include <inttypes.h>
#include <stdio.h>
#include <vedatile/exchange.h>

#include "interrupt.h"
#include "json.h"
#include "options.h"
#include "progress.h"
#include "report.h"
#include "text.h"

struct export_values {
    const char *store;
    int format;
    const char *output;
    const char *group;
    const char *view;
    int picture;
    struct integers bands;
    int stretch;
    struct count shard;
    int progress;
    bool json;
};

#define AT(field) offsetof(struct export_values, field)

/* In the order of enum vdt_format, from its first value on. */
static const char *const formats[] = {"coco", "yolo",       "voc",     "geotiff", "png",
                                      "npz",  "webdataset", "geojson", "stac",    NULL};
static const char *const pictures[] = {"auto", "png", "jpeg", "tiff", NULL};
static const char *const stretches[] = {"none", "range", "sigma", NULL};

static const struct option export_options[] = {
    {.name = "STORE",
     .kind = OPTION_POSITION,
     .required = true,
     .offset = AT(store),
     .help = "the store to export"},
    {.name = "format",
     .kind = OPTION_CHOICE,
     .required = true,
     .offset = AT(format),
     .argument = "F",
     .choices = formats,
     .help = "what to write: coco, yolo, voc, geotiff, png, npz, webdataset, geojson or stac "
             "(required)"},
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .required = true,
     .offset = AT(output),
     .argument = "OUT",
     .help = "the folder to make; it must not be there (required)"},
    {.name = "group",
     .kind = OPTION_TEXT,
     .offset = AT(group),
     .argument = "NAME",
     .excludes = "view",
     .help = "samples of this group only; default: all groups"},
    {.name = "view",
     .kind = OPTION_TEXT,
     .offset = AT(view),
     .argument = "NAME",
     .help = "samples of a view of the store, each once"},
    {.name = "picture",
     .kind = OPTION_CHOICE,
     .offset = AT(picture),
     .argument = "auto|png|jpeg|tiff",
     .choices = pictures,
     .help =
         "tiles of coco, yolo, voc and webdataset as this; auto: png where it can hold them (1 or "
         "3 bands of uint8 or uint16), else tiff, but arrays in webdataset; jpeg loses "
         "detail; default: auto"},
    {.name = "bands",
     .kind = OPTION_INTEGERS,
     .offset = AT(bands),
     .argument = "LIST",
     .least = 1,
     .most = 65535,
     .help = "bands to write, from 1, in this order, such as 3,2,1; default: all"},
    {.name = "stretch",
     .kind = OPTION_CHOICE,
     .offset = AT(stretch),
     .argument = "none|range|sigma",
     .choices = stretches,
     .help = "values to 8 bits: range takes each band's least and largest value to 0 and 255, "
             "sigma its mean - 2 and + 2 standard deviations; default: none, values as they are"},
    {.name = "shard",
     .kind = OPTION_COUNT,
     .offset = AT(shard),
     .argument = "N",
     .least = 1,
     .help = "samples in one tar file of webdataset; default: 1000"},
    OPTION_ROW_PROGRESS(AT(progress)),
    OPTION_ROW_JSON(AT(json)),
    {0},
};

static int print_json(const struct export_values *values, const struct vdt_export_report *report)
{
    json_t *object = json_object();
    json_object_set_new(object, "output", json_from_text(values->output));
    json_object_set_new(object, "format", json_from_text(formats[values->format]));
    json_object_set_new(object, "samples", json_from_count(report->samples));
    json_object_set_new(object, "boxes", json_from_count(report->boxes));
    json_object_set_new(object, "hidden", json_from_count(report->hidden));
    return json_print(object);
}

static void print_summary(const struct export_values *values,
                          const struct vdt_export_report *report)
{
    text_print(stdout, values->output);
    printf(": %" PRIu64 " sample%s", report->samples, text_plural(report->samples));
    if (report->boxes > 0)
        printf(", %" PRIu64 " box%s", report->boxes, report->boxes == 1 ? "" : "es");
    if (report->hidden > 0)
        printf("; %" PRIu64 " object%s without a pixel of %s own", report->hidden,
               text_plural(report->hidden), report->hidden == 1 ? "its" : "their");
    putchar('\n');
}

static int export_store(const struct export_values *values)
{
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_export_report report = {0};
    struct progress progress = progress_start((enum progress_mode)values->progress, "samples");
    struct vdt_export_options options = {
        .store = values->store,
        .output = values->output,
        .format = (enum vdt_format)(values->format + VDT_FORMAT_COCO),
        .group = values->group,
        .view = values->view,
        .picture = (enum vdt_picture_kind)values->picture,
        .bands = values->bands.items,
        .band_count = values->bands.count,
        .stretch = (enum vdt_stretch)values->stretch,
        .shard = values->shard.value,
        .progress = progress_update,
        .payload = &progress,
    };
    interrupt_catch();
    vdt_status status = vdt_export(&options, &report, &error);
    progress_finish(&progress);
    if (status)
        return report_error(&export_command, &error);
    if (values->json)
        return print_json(values, &report);
    print_summary(values, &report);
    return EXIT_DONE;
}

static int run_export(int argc, char **argv)
{
    struct export_values values = {0};
    int code = options_parse(&export_command, argc, argv, &values);
    if (code == OPTIONS_RUN)
        code = export_store(&values);
    options_clear(&export_command, &values);
    return code;
}

const struct command export_command = {
    .name = "export",
    .summary = "writes samples in formats of others: COCO, YOLO, GeoTIFF, ...",
    .usage = "STORE --format F -o OUT [options]",
    .notes = "OUT appears when it is complete; a stopped export leaves nothing of that name.\n\n"
             "examples:\n"
             "  vedatile export roofs.h5 --format coco -o roofs-coco\n"
             "  vedatile export land.h5 --format geotiff -o land-tiles --group test\n"
             "  vedatile export land.h5 --format png -o land-png --bands 4,3,2 --stretch sigma\n",
    .options = export_options,
    .run = run_export,
};
