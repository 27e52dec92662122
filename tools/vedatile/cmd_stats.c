/* vedatile stats: class balance, box sizes and band statistics. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <vedatile/store.h>

#include "json.h"
#include "options.h"
#include "report.h"
#include "tally.h"
#include "text.h"

struct stats_values {
    const char *store;
    const char *group;
    bool json;
};

#define AT(field) offsetof(struct stats_values, field)

static const struct option stats_options[] = {
    {.name = "STORE",
     .kind = OPTION_POSITION,
     .required = true,
     .offset = AT(store),
     .help = "the store to measure"},
    {.name = "group",
     .kind = OPTION_TEXT,
     .offset = AT(group),
     .argument = "NAME",
     .help = "only this group; default: all groups together"},
    OPTION_ROW_JSON(AT(json)),
    {0},
};

static double share(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole : NAN;
}

static double deviation(const struct vdt_band_stats *band)
{
    return band->count ? sqrt(band->m2 / (double)band->count) : NAN;
}

static json_t *spread_json(const struct spread *spread)
{
    if (isnan(spread->mean))
        return json_null();
    const struct {
        const char *name;
        double value;
    } values[] = {{"min", spread->min},       {"p5", spread->p5},    {"p25", spread->p25},
                  {"median", spread->median}, {"p75", spread->p75},  {"p95", spread->p95},
                  {"max", spread->max},       {"mean", spread->mean}};
    json_t *object = json_object();
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        json_object_set_new(object, values[i].name, json_from_real(values[i].value));
    return object;
}

static json_t *classes_json(const struct vdt_reader *reader, const struct tally *tally)
{
    struct vdt_store_spec spec = vdt_reader_spec(reader);
    json_t *classes = json_array();
    for (size_t id = 0; id < tally->class_count; id++) {
        const struct class_tally *counted = &tally->classes[id];
        json_t *object = json_object(), *groups = json_object();
        json_object_set_new(object, "name", json_from_text(spec.classes[id]));
        json_object_set_new(object, "samples", json_from_count(counted->samples));
        for (size_t i = 0; i < tally->group_count; i++)
            json_object_set_new(groups, vdt_reader_group_name(reader, tally->groups[i]),
                                json_from_count(counted->group_samples[i]));
        json_object_set_new(object, "group_samples", groups);
        json_object_set_new(object, "boxes", json_from_count(counted->boxes));
        json_object_set_new(object, "mask_pixels", json_from_count(counted->pixels));
        json_object_set_new(object, "mask_share",
                            json_from_real(share(counted->pixels, tally->mask_pixels)));
        json_array_append_new(classes, object);
    }
    return classes;
}

static json_t *bands_json(const struct vdt_reader *reader, const struct tally *tally)
{
    struct vdt_store_spec spec = vdt_reader_spec(reader);
    json_t *bands = json_array();
    for (size_t i = 0; i < tally->band_count; i++) {
        const struct vdt_band_stats *band = &tally->bands[i];
        bool any = band->count > 0;
        json_t *object = json_object();
        json_object_set_new(object, "name", json_from_text(spec.band_names[i]));
        json_object_set_new(object, "pixels", json_from_count(band->count));
        json_object_set_new(object, "mean", any ? json_from_real(band->mean) : json_null());
        json_object_set_new(object, "std", json_from_real(deviation(band)));
        json_object_set_new(object, "min", any ? json_from_real(band->min) : json_null());
        json_object_set_new(object, "max", any ? json_from_real(band->max) : json_null());
        json_array_append_new(bands, object);
    }
    return bands;
}

static json_t *boxes_json(const struct tally *tally)
{
    json_t *object = json_object();
    json_object_set_new(object, "count", json_from_count(tally->boxes));
    json_object_set_new(object, "cut", json_from_count(tally->cut_boxes));
    json_object_set_new(object, "per_tile", spread_json(&tally->boxes_per_tile));
    json_object_set_new(object, "width", spread_json(&tally->box_width));
    json_object_set_new(object, "height", spread_json(&tally->box_height));
    json_object_set_new(object, "area", spread_json(&tally->box_area));
    json_object_set_new(object, "visible", spread_json(&tally->box_visible));
    return object;
}

static json_t *mask_json(const struct tally *tally)
{
    json_t *object = json_object();
    json_object_set_new(object, "pixels", json_from_count(tally->mask_pixels));
    json_object_set_new(object, "background_share",
                        json_from_real(share(tally->background_pixels, tally->mask_pixels)));
    json_object_set_new(object, "ignore_share",
                        json_from_real(share(tally->ignore_pixels, tally->mask_pixels)));
    return object;
}

/* Only of arrays that the store has. */
static void add_edges(json_t *object, const char *name, const struct edge_tally *tally)
{
    json_t *edges = json_object();
    json_object_set_new(edges, "pixels", json_from_count(tally->pixels));
    json_object_set_new(edges, "share", json_from_real(share(tally->set, tally->pixels)));
    json_object_set_new(edges, "ignore_share",
                        json_from_real(share(tally->ignored, tally->pixels)));
    if (tally->pixels)
        json_object_set(object, name, edges);
    json_decref(edges);
}

static void add_numbers(json_t *object, const char *name, const struct number_tally *tally)
{
    bool any = tally->count > 0;
    json_t *numbers = json_object();
    json_object_set_new(numbers, "pixels", json_from_count(tally->pixels));
    json_object_set_new(numbers, "known_share", json_from_real(share(tally->count, tally->pixels)));
    json_object_set_new(numbers, "min", any ? json_from_real(tally->min) : json_null());
    json_object_set_new(numbers, "max", any ? json_from_real(tally->max) : json_null());
    json_object_set_new(numbers, "mean",
                        any ? json_from_real(tally->sum / (double)tally->count) : json_null());
    if (tally->pixels)
        json_object_set(object, name, numbers);
    json_decref(numbers);
}

static json_t *stats_json(const struct vdt_reader *reader, const struct tally *tally)
{
    uint32_t tasks = vdt_reader_spec(reader).tasks;
    bool with_boxes = tasks & (VDT_DETECTION | VDT_INSTANCE);
    json_t *object = json_object(), *groups = json_object();
    for (size_t i = 0; i < tally->group_count; i++)
        json_object_set_new(groups, vdt_reader_group_name(reader, tally->groups[i]),
                            json_from_count(vdt_reader_count(reader, tally->groups[i])));
    json_object_set_new(object, "samples", json_from_count(tally->samples));
    json_object_set_new(object, "groups", groups);
    json_object_set_new(object, "unlabelled_samples", json_from_count(tally->unlabelled_samples));
    json_object_set_new(object, "classes", classes_json(reader, tally));
    json_object_set_new(object, "mask", tasks & VDT_SEGMENTATION ? mask_json(tally) : json_null());
    add_edges(object, "boundary", &tally->boundary);
    add_edges(object, "contact", &tally->contact);
    add_numbers(object, "distance", &tally->distance);
    add_numbers(object, "target", &tally->target);
    json_object_set_new(object, "boxes", with_boxes ? boxes_json(tally) : json_null());
    json_object_set_new(object, "valid_fraction", spread_json(&tally->valid_fraction));
    json_object_set_new(object, "bands", bands_json(reader, tally));
    return object;
}

static size_t widest(const char *const *names, size_t count, size_t least)
{
    for (size_t i = 0; i < count; i++) {
        size_t width = text_width(names[i]);
        least = width > least ? width : least;
    }
    return least < 40 ? least : 40;
}

/* A heading or cell that lines up to the right in `width` columns. */
static void print_right(const char *text, size_t width)
{
    for (size_t at = text_width(text); at < width; at++)
        putchar(' ');
    text_print(stdout, text);
}

static size_t group_column(const struct vdt_reader *reader, const struct tally *tally, size_t i)
{
    size_t width = text_width(vdt_reader_group_name(reader, tally->groups[i]));
    return (width > 8 ? width : 8) + 2;
}

static void print_class_head(const struct vdt_reader *reader, const struct tally *tally,
                             size_t width)
{
    uint32_t tasks = vdt_reader_spec(reader).tasks;
    text_cell(stdout, "class", width);
    print_right("samples", 10);
    print_right("share", 8);
    for (size_t i = 0; tally->group_count > 1 && i < tally->group_count; i++)
        print_right(vdt_reader_group_name(reader, tally->groups[i]),
                    group_column(reader, tally, i));
    if (tasks & (VDT_DETECTION | VDT_INSTANCE))
        print_right("boxes", 10);
    if (tasks & VDT_SEGMENTATION)
        print_right("mask", 10);
    putchar('\n');
}

static void print_class(const struct vdt_reader *reader, const struct tally *tally, size_t id,
                        size_t width)
{
    struct vdt_store_spec spec = vdt_reader_spec(reader);
    const struct class_tally *counted = &tally->classes[id];
    text_cell(stdout, spec.classes[id], width);
    printf("%10" PRIu64 "%7.1f%%", counted->samples,
           tally->samples ? 100 * share(counted->samples, tally->samples) : 0.0);
    for (size_t i = 0; tally->group_count > 1 && i < tally->group_count; i++)
        printf("%*" PRIu64, (int)group_column(reader, tally, i), counted->group_samples[i]);
    if (spec.tasks & (VDT_DETECTION | VDT_INSTANCE))
        printf("%10" PRIu64, counted->boxes);
    if ((spec.tasks & VDT_SEGMENTATION) && tally->mask_pixels)
        printf("%9.2f%%", 100 * share(counted->pixels, tally->mask_pixels));
    putchar('\n');
}

static void print_mask_rest(const char *name, uint64_t pixels, const struct vdt_reader *reader,
                            const struct tally *tally, size_t width)
{
    size_t skipped = 18;
    for (size_t i = 0; tally->group_count > 1 && i < tally->group_count; i++)
        skipped += group_column(reader, tally, i);
    if (vdt_reader_spec(reader).tasks & (VDT_DETECTION | VDT_INSTANCE))
        skipped += 10;
    text_cell(stdout, name, width + skipped);
    printf("%9.2f%%\n", 100 * share(pixels, tally->mask_pixels));
}

static void print_classes(const struct vdt_reader *reader, const struct tally *tally)
{
    struct vdt_store_spec spec = vdt_reader_spec(reader);
    size_t width = widest(spec.classes, spec.class_count, 12);
    if (spec.tasks == 0)
        return;
    print_class_head(reader, tally, width);
    for (size_t id = 0; id < spec.class_count; id++)
        print_class(reader, tally, id, width);
    if (tally->mask_pixels) {
        print_mask_rest("(background)", tally->background_pixels, reader, tally, width);
        print_mask_rest("(ignore)", tally->ignore_pixels, reader, tally, width);
    }
    if (tally->unlabelled_samples)
        printf("%" PRIu64 " sample%s without any class\n", tally->unlabelled_samples,
               text_plural(tally->unlabelled_samples));
    putchar('\n');
}

static void print_spread(const char *name, const struct spread *spread)
{
    text_cell(stdout, name, 20);
    if (isnan(spread->mean)) {
        puts("         -");
        return;
    }
    printf("%9.4g %9.4g %9.4g %9.4g %9.4g %9.4g %9.4g %9.4g\n", spread->min, spread->p5,
           spread->p25, spread->median, spread->p75, spread->p95, spread->max, spread->mean);
}

static void print_edges(const char *name, const struct edge_tally *tally)
{
    if (!tally->pixels)
        return;
    text_cell(stdout, name, 20);
    printf("%8.2f%% of the pixels, %.2f%% ignored\n", 100 * share(tally->set, tally->pixels),
           100 * share(tally->ignored, tally->pixels));
}

static void print_numbers(const char *name, const struct number_tally *tally)
{
    if (!tally->pixels)
        return;
    text_cell(stdout, name, 20);
    printf("%8.2f%% of the pixels", 100 * share(tally->count, tally->pixels));
    if (tally->count)
        printf(", %.4g to %.4g, mean %.4g", tally->min, tally->max,
               tally->sum / (double)tally->count);
    putchar('\n');
}

static void print_surroundings(const struct tally *tally)
{
    print_edges("boundary", &tally->boundary);
    print_edges("contact", &tally->contact);
    print_numbers("distance", &tally->distance);
    print_numbers("target", &tally->target);
    if (tally->boundary.pixels + tally->contact.pixels + tally->distance.pixels +
        tally->target.pixels)
        putchar('\n');
}

static void print_spreads(const struct vdt_reader *reader, const struct tally *tally)
{
    text_cell(stdout, "", 20);
    puts("      min        5%       25%    median       75%       95%       max      mean");
    if (vdt_reader_spec(reader).tasks & (VDT_DETECTION | VDT_INSTANCE)) {
        print_spread("boxes per tile", &tally->boxes_per_tile);
        print_spread("box width, px", &tally->box_width);
        print_spread("box height, px", &tally->box_height);
        print_spread("box area, px", &tally->box_area);
        print_spread("visible share", &tally->box_visible);
    }
    print_spread("valid fraction", &tally->valid_fraction);
    if (tally->boxes)
        printf("%" PRIu64 " of %" PRIu64 " boxes show less than their whole object\n",
               tally->cut_boxes, tally->boxes);
    putchar('\n');
}

static void print_bands(const struct vdt_reader *reader, const struct tally *tally)
{
    struct vdt_store_spec spec = vdt_reader_spec(reader);
    size_t width = widest(spec.band_names, spec.tile.bands, 12);
    text_cell(stdout, "band", width);
    puts("        mean         std         min         max  valid pixels");
    for (size_t i = 0; i < tally->band_count; i++) {
        const struct vdt_band_stats *band = &tally->bands[i];
        text_cell(stdout, spec.band_names[i], width);
        if (band->count)
            printf("%12.6g%12.6g%12.6g%12.6g%14" PRIu64 "\n", band->mean, deviation(band),
                   band->min, band->max, band->count);
        else
            puts("           -           -           -           -             0");
    }
}

static void print_stats(const struct vdt_reader *reader, const struct tally *tally)
{
    for (size_t i = 0; i < tally->group_count; i++) {
        uint64_t count = vdt_reader_count(reader, tally->groups[i]);
        fputs(i ? ", " : "", stdout);
        text_print(stdout, vdt_reader_group_name(reader, tally->groups[i]));
        printf(": %" PRIu64 " sample%s", count, text_plural(count));
    }
    puts("\n");
    print_classes(reader, tally);
    print_surroundings(tally);
    print_spreads(reader, tally);
    print_bands(reader, tally);
}

static vdt_status choose_groups(const struct vdt_reader *reader, const char *name, size_t **groups,
                                size_t *count, struct vdt_error *error)
{
    size_t all = vdt_reader_group_count(reader), only = 0;
    vdt_status status = name ? vdt_reader_find_group(reader, name, &only, error) : VDT_OK;
    if (status)
        return status;
    size_t *chosen = calloc(all + 1, sizeof *chosen);
    if (!chosen)
        return error_memory(error);
    for (size_t i = 0; i < all; i++)
        chosen[i] = name ? only : i;
    *groups = chosen;
    *count = name ? 1 : all;
    return VDT_OK;
}

static int stats(const struct stats_values *values)
{
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_reader *reader = NULL;
    struct tally tally = {0};
    size_t *groups = NULL, count = 0;
    int code = EXIT_DONE;
    if (vdt_reader_open(values->store, &reader, &error) ||
        choose_groups(reader, values->group, &groups, &count, &error) ||
        tally_count(reader, groups, count, &tally, &error))
        code = report_error(&stats_command, &error);
    else if (values->json)
        code = json_print(stats_json(reader, &tally));
    else
        print_stats(reader, &tally);
    tally_clear(&tally);
    free(groups);
    vdt_reader_free(reader);
    return code;
}

static int run_stats(int argc, char **argv)
{
    struct stats_values values = {0};
    int code = options_parse(&stats_command, argc, argv, &values);
    return code == OPTIONS_RUN ? stats(&values) : code;
}

const struct command stats_command = {
    .name = "stats",
    .summary = "class balance, box sizes and band statistics",
    .usage = "STORE [--group NAME] [--json]",
    .notes = "A sample has a class when any of its labels does: its one-hot vector, a box or a "
             "mask pixel.\nBand statistics are over the valid pixels; std is that of the whole "
             "population.\n\n"
             "examples:\n"
             "  vedatile stats roofs.h5\n"
             "  vedatile stats land.h5 --group train --json | jq '[.bands[].mean]'\n",
    .options = stats_options,
    .run = run_stats,
};
