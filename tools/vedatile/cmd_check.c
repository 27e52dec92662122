/* vedatile check: proves a store whole. */
#include <inttypes.h>
#include <stdio.h>
#include <vedatile/store.h>

#include "interrupt.h"
#include "json.h"
#include "leakage.h"
#include "options.h"
#include "progress.h"
#include "report.h"
#include "text.h"

struct check_values {
    struct words stores;
    bool json;
    bool digest;
    bool leakage;
    double gap;
    struct words views;
    bool fetch;
    bool folds;
    struct count threads;
    int progress;
};

#define AT(field) offsetof(struct check_values, field)

static const struct option check_options[] = {
    {.name = "STORE",
     .kind = OPTION_POSITIONS,
     .required = true,
     .offset = AT(stores),
     .help = "the store to check; several with --leakage"},
    {.name = "digest",
     .kind = OPTION_FLAG,
     .offset = AT(digest),
     .excludes = "json",
     .help = "print only the digest of the content: the same for equal samples, whatever the "
             "layout, codec, order of feeding or file name"},
    {.name = "leakage",
     .kind = OPTION_FLAG,
     .offset = AT(leakage),
     .excludes = "digest",
     .help = "prove instead that no ground is in two groups, of the store or of several stores, "
             "and list the samples that share some"},
    {.name = "gap",
     .kind = OPTION_REAL,
     .offset = AT(gap),
     .argument = "METRES",
     .needs = "leakage",
     .low = 0,
     .high = 100000,
     .help = "samples of different groups must be that far apart; default: 0, they may touch"},
    {.name = "views",
     .kind = OPTION_COMMAS,
     .offset = AT(views),
     .argument = "A,B,...",
     .needs = "leakage",
     .excludes = "folds",
     .help = "compare these views of each store in place of its groups"},
    {.name = "folds",
     .kind = OPTION_FLAG,
     .offset = AT(folds),
     .needs = "leakage",
     .help = "compare the train view of each fold with its test view, and nothing else"},
    {.name = "fetch",
     .kind = OPTION_FLAG,
     .offset = AT(fetch),
     .excludes = "leakage",
     .help = "of a partial store: fetch what is missing first, so that all of it can be checked"},
    OPTION_ROW_THREADS(AT(threads)),
    OPTION_ROW_PROGRESS(AT(progress)),
    OPTION_ROW_JSON(AT(json)),
    {0},
};

struct findings {
    struct progress *progress;
    FILE *file; /* NULL: only collect */
    json_t *list;
};

static void note_problem(const char *text, void *payload)
{
    struct findings *findings = payload;
    json_array_append_new(findings->list, json_from_text(text));
    if (findings->file) {
        progress_finish(findings->progress);
        text_print(findings->file, text);
        fputc('\n', findings->file);
    }
}

static bool note_progress(uint64_t done, uint64_t total, void *payload)
{
    return progress_update(done, total, ((struct findings *)payload)->progress);
}

/* Takes `problems`. */
static int print_json(const struct vdt_check_report *report, json_t *problems)
{
    json_t *object = json_object();
    json_object_set_new(object, "ok", json_boolean(report->problems == 0 && report->missing == 0));
    json_object_set_new(object, "samples", json_from_count(report->samples));
    json_object_set_new(object, "missing_bytes", json_from_count(report->missing));
    json_object_set_new(object, "problems", problems);
    json_object_set_new(object, "digest",
                        report->digest[0] ? json_from_text(report->digest) : json_null());
    return json_print(object);
}

static void print_text(const struct vdt_check_report *report, bool digest)
{
    char bytes[32];
    if (report->missing)
        fprintf(digest ? stderr : stdout,
                "not whole: %s are not here yet; what is here %s; --fetch fetches the rest\n",
                text_bytes(bytes, sizeof bytes, report->missing),
                report->problems ? "has problems" : "is right");
    else if (report->problems)
        fprintf(digest ? stderr : stdout, "%" PRIu64 " problem%s in %" PRIu64 " sample%s\n",
                report->problems, text_plural(report->problems), report->samples,
                text_plural(report->samples));
    else if (digest)
        puts(report->digest);
    else
        printf("ok: %" PRIu64 " sample%s, digest %s\n", report->samples,
               text_plural(report->samples), report->digest);
}

static int check(const struct check_values *values)
{
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_check_report report = {0};
    struct progress progress = progress_start((enum progress_mode)values->progress, "samples");
    struct findings findings = {.progress = &progress, .list = json_array()};
    struct vdt_check_options options = {.threads = (uint32_t)values->threads.value,
                                        .progress = note_progress,
                                        .payload = &findings,
                                        .fetch = values->fetch};
    if (!values->json)
        findings.file = values->digest ? stderr : stdout;
    interrupt_catch();
    vdt_status status = vdt_check(values->stores.items[0], &options, note_problem, &report, &error);
    progress_finish(&progress);
    if (status) {
        json_decref(findings.list);
        if (status == VDT_ERR_CANCELLED)
            return report_failed(&check_command, "stopped; nothing is proven");
        return report_error(&check_command, &error);
    }
    int code = report.problems || report.missing ? EXIT_FAILED : EXIT_DONE;
    if (values->json)
        return print_json(&report, findings.list) ? EXIT_FAILED : code;
    json_decref(findings.list);
    print_text(&report, values->digest);
    return code;
}

static int run_check(int argc, char **argv)
{
    struct check_values values = {0};
    int code = options_parse(&check_command, argc, argv, &values);
    if (code == OPTIONS_RUN && !values.leakage && values.stores.count > 1)
        code = report_wrong(&check_command,
                            "unexpected argument '%s'; only --leakage takes several "
                            "stores",
                            values.stores.items[1]);
    if (code == OPTIONS_RUN && values.leakage)
        code = leakage_check((const char *const *)values.stores.items, values.stores.count,
                             &(struct leakage_wish){.gap = values.gap,
                                                    .views = &values.views,
                                                    .folds = values.folds,
                                                    .json = values.json},
                             (enum progress_mode)values.progress);
    else if (code == OPTIONS_RUN)
        code = check(&values);
    options_clear(&check_command, &values);
    return code;
}

const struct command check_command = {
    .name = "check",
    .summary = "proves a store whole: structure, counts and every checksum",
    .usage = "STORE [--digest | --leakage] [--json]",
    .notes =
        "Ends with 0 when the store is whole, and with 1 and the list of problems when it is "
        "not.\nOf a partial store it compares what is here with what was pulled, and ends with 1 "
        "while\nsomething is missing; --fetch fetches that.\nWith --leakage it reads where samples "
        "lie and nothing else, and ends with 1 "
        "when groups\nshare ground.\n\n"
        "examples:\n"
        "  vedatile check roofs.h5\n"
        "  vedatile check train.h5 test.h5 --leakage --gap 100\n"
        "  test \"$(vedatile check a.h5 --digest)\" = \"$(vedatile check b.h5 --digest)\"\n",
    .options = check_options,
    .run = run_check,
};
