#include "serve_care.h"

#include <inttypes.h>
#include <stdio.h>
#include <vedatile/server.h>

#include "interrupt.h"
#include "json.h"
#include "progress.h"
#include "report.h"
#include "text.h"

struct findings {
    struct progress *progress;
    bool print; /* problems as they are found */
    json_t *problems, *orphans;
};

static void note_problem(const char *text, void *payload)
{
    struct findings *findings = payload;
    json_array_append_new(findings->problems, json_from_text(text));
    if (!findings->print)
        return;
    progress_finish(findings->progress);
    text_print(stdout, text);
    putchar('\n');
}

static void note_orphan(const char *name, void *payload)
{
    json_array_append_new(((struct findings *)payload)->orphans, json_from_text(name));
}

static bool note_progress(uint64_t done, uint64_t total, void *payload)
{
    return progress_update(done, total, ((struct findings *)payload)->progress);
}

/* Takes the lists. */
static int print_json(const struct vdt_server_check_report *report, struct findings *findings)
{
    const struct {
        const char *name;
        uint64_t value;
    } counts[] = {
        {"users", report->users},       {"entries", report->entries},
        {"versions", report->versions}, {"releases", report->releases},
        {"samples", report->samples},   {"uploads", report->uploads},
        {"runs", report->runs},         {"evaluations", report->evaluations},
        {"blobs", report->blobs},       {"blob_bytes", report->blob_bytes},
        {"blocks", report->blocks},
    };
    json_t *object = json_object();
    json_object_set_new(object, "ok", json_boolean(report->problems == 0));
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        json_object_set_new(object, counts[i].name, json_from_count(counts[i].value));
    json_object_set_new(object, "problems", findings->problems);
    json_object_set_new(object, "orphans", findings->orphans);
    return json_print(object);
}

static void print_text(const struct vdt_server_check_report *report, bool quick)
{
    char bytes[32];
    if (report->problems > 0)
        printf("%" PRIu64 " problem%s in ", report->problems, text_plural(report->problems));
    else
        printf("ok: ");
    printf("%" PRIu64 " entr%s, %" PRIu64 " version%s, %" PRIu64 " blob%s of %s", report->entries,
           report->entries == 1 ? "y" : "ies", report->versions, text_plural(report->versions),
           report->blobs, text_plural(report->blobs),
           text_bytes(bytes, sizeof bytes, report->blob_bytes));
    if (!quick)
        printf(", %" PRIu64 " block%s compared", report->blocks, text_plural(report->blocks));
    if (report->orphans > 0)
        printf(", %" PRIu64 " orphan%s that the server will remove", report->orphans,
               text_plural(report->orphans));
    putchar('\n');
}

int serve_check(const struct serve_values *values)
{
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_server_check_report report = {0};
    struct progress progress = progress_start(PROGRESS_AUTO, "bytes");
    struct findings findings = {.progress = &progress,
                                .print = !values->json,
                                .problems = json_array(),
                                .orphans = json_array()};
    const struct vdt_server_check_options options = {.root = values->root,
                                                     .quick = values->quick,
                                                     .problem = note_problem,
                                                     .orphan = note_orphan,
                                                     .progress = note_progress,
                                                     .payload = &findings};
    interrupt_catch();
    vdt_status status = vdt_server_check(&options, &report, &error);
    progress_finish(&progress);
    int code = report.problems > 0 ? EXIT_FAILED : EXIT_DONE;
    if (status == VDT_OK && values->json)
        return print_json(&report, &findings) ? EXIT_FAILED : code;
    json_decref(findings.problems);
    json_decref(findings.orphans);
    if (status == VDT_ERR_CANCELLED)
        return report_failed(&serve_command, "stopped; nothing is proven");
    if (status != VDT_OK)
        return report_error(&serve_command, &error);
    print_text(&report, values->quick);
    return code;
}

int serve_backup(const struct serve_values *values)
{
    struct vdt_error error = {.status = VDT_OK};
    struct progress progress = progress_start(PROGRESS_AUTO, "bytes");
    interrupt_catch();
    vdt_status status =
        vdt_server_backup(values->root, values->backup, progress_update, &progress, &error);
    progress_finish(&progress);
    return status == VDT_OK ? EXIT_DONE : report_error(&serve_command, &error);
}

int serve_restore(const struct serve_values *values)
{
    struct vdt_error error = {.status = VDT_OK};
    struct progress progress = progress_start(PROGRESS_AUTO, "bytes");
    interrupt_catch();
    vdt_status status =
        vdt_server_restore(values->restore, values->root, progress_update, &progress, &error);
    progress_finish(&progress);
    return status == VDT_OK ? EXIT_DONE : report_error(&serve_command, &error);
}
