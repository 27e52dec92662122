/* vedatile show: a contact sheet of tiles with their labels drawn on them. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vedatile/store.h>

#include "choose.h"
#include "options.h"
#include "png_file.h"
#include "report.h"
#include "sheet.h"
#include "store_text.h"
#include "text.h"

enum { COLUMNS_DEFAULT_MOST = 10, COUNT_DEFAULT = 24, TILE_DEFAULT = 192 };

struct show_values {
    const char *store;
    const char *output;
    const char *group;
    struct count count;
    struct count columns;
    struct count tile_pixels;
    struct integers bands;
    const char *class_name;
    struct count seed;
    struct words keys;
    bool labels_off;
};

#define AT(field) offsetof(struct show_values, field)

static const struct option show_options[] = {
    {.name = "STORE",
     .kind = OPTION_POSITION,
     .required = true,
     .offset = AT(store),
     .help = "the store to show"},
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .required = true,
     .offset = AT(output),
     .argument = "FILE",
     .help = "the PNG file to write; - is standard output (required)"},
    {.name = "group",
     .kind = OPTION_TEXT,
     .offset = AT(group),
     .argument = "NAME",
     .help = "group to show; default: train, or the first one where there is no train"},
    {.name = "count",
     .kind = OPTION_COUNT,
     .offset = AT(count),
     .argument = "N",
     .least = 1,
     .most = 10000,
     .help = "tiles on the sheet; default: 24"},
    {.name = "columns",
     .kind = OPTION_COUNT,
     .offset = AT(columns),
     .argument = "N",
     .least = 1,
     .most = 1000,
     .help = "tiles in a row; default: chosen by count"},
    {.name = "tile-size",
     .kind = OPTION_COUNT,
     .offset = AT(tile_pixels),
     .argument = "PX",
     .least = 16,
     .most = 4096,
     .help = "drawn size of a tile's longer side in pixels; default: 192"},
    {.name = "bands",
     .kind = OPTION_INTEGERS,
     .offset = AT(bands),
     .argument = "R,G,B",
     .least = 1,
     .most = 65535,
     .help = "bands to show as red, green and blue, from 1, or one band as grey; default: those "
             "named red, green, blue; else 1,2,3 of three or four bands, 3,2,1 of more, 1 of less"},
    {.name = "class",
     .kind = OPTION_TEXT,
     .offset = AT(class_name),
     .argument = "NAME",
     .help = "only tiles that a label of this class is on"},
    {.name = "seed",
     .kind = OPTION_COUNT,
     .offset = AT(seed),
     .argument = "S",
     .help = "choose the tiles at random by this seed; default: evenly spaced"},
    {.name = "sample",
     .kind = OPTION_WORDS,
     .offset = AT(keys),
     .argument = "KEY...",
     .excludes = "seed",
     .help = "show the samples of these keys, in this order; a key may be cut short where it "
             "stays unique"},
    {.name = "labels-off",
     .kind = OPTION_FLAG,
     .offset = AT(labels_off),
     .help = "draw the tiles without their labels"},
    {0},
};

static vdt_status write_sheet(cairo_surface_t *surface, const char *path, struct vdt_error *error)
{
    if (strcmp(path, "-") != 0)
        return png_write_file(surface, path, error);
    return png_write(surface, stdout)
               ? VDT_OK
               : error_set(error, VDT_ERR_IO, "standard output cannot be written");
}

/* About one and a half times as wide as high, and a full last row where that is near. */
static size_t default_columns(size_t count)
{
    size_t columns = 1;
    while (columns < COLUMNS_DEFAULT_MOST && 2 * columns * columns < 3 * count)
        columns++;
    if (columns > 3 && count % columns && count % (columns - 1) == 0)
        return columns - 1;
    if (columns > 2 && count % columns && count % (columns + 1) == 0)
        return columns + 1;
    return columns;
}

static vdt_status set_bands(const struct show_values *values, const struct vdt_store_spec *spec,
                            struct stretch *stretch, struct vdt_error *error)
{
    *stretch = picture_bands(spec);
    if (values->bands.count == 0)
        return VDT_OK;
    if (values->bands.count != 1 && values->bands.count != 3)
        return error_set(error, VDT_ERR_ARGUMENT, "--bands takes one band or three, not %zu",
                         values->bands.count);
    stretch->count = values->bands.count;
    for (size_t i = 0; i < stretch->count; i++) {
        if ((uint32_t)values->bands.items[i] > spec->tile.bands)
            return error_set(error, VDT_ERR_ARGUMENT, "--bands %d: the store has %u band%s",
                             values->bands.items[i], spec->tile.bands,
                             text_plural(spec->tile.bands));
        stretch->bands[i] = (uint32_t)values->bands.items[i] - 1;
    }
    return VDT_OK;
}

static vdt_status draw(const struct show_values *values, const struct vdt_reader *reader,
                       struct chosen *chosen, struct vdt_error *error)
{
    struct vdt_store_spec spec = vdt_reader_spec(reader);
    struct choice choice = {
        .group = values->group,
        .class_name = values->class_name,
        .keys = (const char *const *)values->keys.items,
        .key_count = values->keys.count,
        .count = values->count.given ? (size_t)values->count.value : COUNT_DEFAULT,
        .random = values->seed.given,
        .seed = values->seed.value,
    };
    struct sheet sheet = {.reader = reader, .labels = !values->labels_off};
    vdt_status status = set_bands(values, &spec, &sheet.stretch, error);
    if (!status)
        status = choose_samples(reader, &choice, chosen, error);
    if (!status)
        status = picture_stretch(reader, chosen->samples, chosen->count, &sheet.stretch, error);
    if (status)
        return status;
    sheet.samples = chosen->samples;
    sheet.count = chosen->count;
    sheet.of = chosen->of;
    sheet.groups = chosen->title;
    sheet.columns =
        values->columns.given ? (size_t)values->columns.value : default_columns(chosen->count);
    if (sheet.columns > sheet.count)
        sheet.columns = sheet.count;
    sheet.tile_pixels =
        values->tile_pixels.given ? (uint32_t)values->tile_pixels.value : TILE_DEFAULT;
    cairo_surface_t *surface = NULL;
    status = sheet_draw(&sheet, &surface, error);
    if (!status)
        status = write_sheet(surface, values->output, error);
    if (surface)
        cairo_surface_destroy(surface);
    return status;
}

static vdt_status check_output(const struct show_values *values, struct vdt_error *error)
{
    struct stat store, output;
    if (stat(values->store, &store) || stat(values->output, &output) ||
        store.st_dev != output.st_dev || store.st_ino != output.st_ino)
        return VDT_OK;
    return error_set(error, VDT_ERR_ARGUMENT, "--output %s: is the store itself: name another file",
                     values->output);
}

static int show(const struct show_values *values)
{
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_reader *reader = NULL;
    struct chosen chosen = {0};
    vdt_status status = check_output(values, &error);
    if (!status)
        status = vdt_reader_open(values->store, &reader, &error);
    if (!status)
        status = draw(values, reader, &chosen, &error);
    if (!status && strcmp(values->output, "-") != 0) {
        text_print(stdout, values->output);
        printf(": %zu of %" PRIu64 " samples of ", chosen.count, chosen.of);
        text_print(stdout, chosen.title);
        putchar('\n');
    }
    choose_clear(&chosen);
    vdt_reader_free(reader);
    png_release_fonts();
    return status ? report_error(&show_command, &error) : EXIT_DONE;
}

static int run_show(int argc, char **argv)
{
    struct show_values values = {0};
    int code = options_parse(&show_command, argc, argv, &values);
    if (code == OPTIONS_RUN && values.keys.count && (values.count.given || values.class_name))
        code = report_wrong(&show_command, "--sample and --%s contradict each other; give one",
                            values.count.given ? "count" : "class");
    if (code == OPTIONS_RUN)
        code = show(&values);
    options_clear(&show_command, &values);
    return code;
}

const struct command show_command = {
    .name = "show",
    .summary = "draws a contact sheet: tiles with their labels on them",
    .usage = "STORE -o FILE [options]",
    .notes =
        "Masks are blended in with a line around every region, boxes are outlined, one-hot "
        "classes are tags\nunder the tile, ignored pixels are hatched. The contrast is the 2nd "
        "to 98th percentile of each\nband over all tiles of the sheet; 8-bit colour that fills "
        "its range is left as it is.\n\n"
        "examples:\n"
        "  vedatile show roofs.h5 -o roofs.png\n"
        "  vedatile show land.h5 -o water.png --group test --class water --count 60 --seed 1\n"
        "  vedatile show land.h5 -o infrared.png --bands 4,3,2 --labels-off\n",
    .options = show_options,
    .run = run_show,
};
