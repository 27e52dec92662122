/* vedatile check --leakage: the samples of different groups that share ground. */
#include "leakage.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <vedatile/split.h>

#include "interrupt.h"
#include "json.h"
#include "report.h"
#include "text.h"

struct finder {
    struct progress *progress;
    bool several; /* stores: name each sample's */
    json_t *list; /* NULL: print as text */
};

static bool note_progress(uint64_t done, uint64_t total, void *payload)
{
    return progress_update(done, total, ((struct finder *)payload)->progress);
}

static json_t *sample_json(const struct vdt_leak_sample *sample)
{
    json_t *object = json_object();
    json_object_set_new(object, "store", json_from_text(sample->store));
    json_object_set_new(object, "group", json_from_text(sample->group));
    json_object_set_new(object, "key", json_from_text(sample->key));
    return object;
}

static void note_json(const struct vdt_leak *leak, json_t *list)
{
    json_t *object = json_object(), *samples = json_array();
    for (int i = 0; i < 2; i++)
        json_array_append_new(samples, sample_json(&leak->samples[i]));
    json_object_set_new(object, "samples", samples);
    json_object_set_new(object, leak->pixels ? "pixels" : "square_metres",
                        json_from_real(leak->area));
    json_array_append_new(list, object);
}

static void print_sample(const struct finder *finder, const struct vdt_leak_sample *sample)
{
    if (finder->several) {
        text_print(stdout, sample->store);
        fputs(": ", stdout);
    }
    printf("%s %s", sample->group, sample->key);
}

static void note_text(const struct vdt_leak *leak, const struct finder *finder)
{
    progress_finish(finder->progress);
    print_sample(finder, &leak->samples[0]);
    fputs(" and ", stdout);
    print_sample(finder, &leak->samples[1]);
    if (isnan(leak->area))
        puts(" share ground");
    else if (leak->area > 0)
        printf(" share %.6g %s\n", leak->area, leak->pixels ? "pixels" : "m2");
    else
        puts(" are too near");
}

static void note_leak(const struct vdt_leak *leak, void *payload)
{
    const struct finder *finder = payload;
    if (finder->list)
        note_json(leak, finder->list);
    else
        note_text(leak, finder);
}

/* Takes `leaks`. */
static int print_json(const struct vdt_leakage_report *report, json_t *leaks)
{
    json_t *object = json_object();
    json_object_set_new(object, "ok", json_boolean(report->leaks == 0));
    json_object_set_new(object, "samples", json_from_count(report->samples));
    json_object_set_new(object, "unplaced", json_from_count(report->unplaced));
    json_object_set_new(object, "leaks", leaks);
    return json_print(object);
}

static void print_text(const struct vdt_leakage_report *report, const struct leakage_wish *wish)
{
    const char *what = wish->views->count > 0 ? "views" : "groups";
    if (report->leaks && wish->folds)
        printf("%" PRIu64 " time%s a train and a test sample of a fold share ground", report->leaks,
               text_plural(report->leaks));
    else if (report->leaks)
        printf("%" PRIu64 " time%s samples of two %s share ground", report->leaks,
               text_plural(report->leaks), what);
    else if (wish->folds)
        printf("ok: %" PRIu64 " sample%s in views, no ground is in train and test of a fold",
               report->samples, text_plural(report->samples));
    else
        printf("ok: %" PRIu64 " sample%s, no ground is in two %s", report->samples,
               text_plural(report->samples), what);
    if (wish->gap > 0)
        printf(report->leaks ? " or are less than %.10g m apart" : ", %.10g m apart", wish->gap);
    putchar('\n');
    if (report->unplaced)
        printf("%" PRIu64 " sample%s without georeference: compared within %s scene only\n",
               report->unplaced, text_plural(report->unplaced),
               report->unplaced == 1 ? "its" : "each");
}

int leakage_check(const char *const *stores, size_t count, const struct leakage_wish *wish,
                  enum progress_mode mode)
{
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_leakage_report report = {0};
    struct progress progress = progress_start(mode, "samples");
    struct finder finder = {
        .progress = &progress, .several = count > 1, .list = wish->json ? json_array() : NULL};
    const struct vdt_leakage_options options = {.gap = wish->gap,
                                                .views = (const char *const *)wish->views->items,
                                                .view_count = wish->views->count,
                                                .folds = wish->folds,
                                                .leak = note_leak,
                                                .progress = note_progress,
                                                .payload = &finder};
    interrupt_catch();
    vdt_status status = vdt_leakage(stores, count, &options, &report, &error);
    progress_finish(&progress);
    if (status) {
        json_decref(finder.list);
        if (status == VDT_ERR_CANCELLED)
            return report_failed(&check_command, "stopped; nothing is proven");
        return report_error(&check_command, &error);
    }
    int code = report.leaks ? EXIT_FAILED : EXIT_DONE;
    if (wish->json)
        return print_json(&report, finder.list) ? EXIT_FAILED : code;
    print_text(&report, wish);
    return code;
}
