/* vedatile pull: a store from the catalog, or from any HTTP server. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <vedatile/store.h>

#include "catalog_options.h"
#include "interrupt.h"
#include "json.h"
#include "report.h"
#include "text.h"

struct pull_values {
    const char *entry;
    const char *output;
    struct count release;
    bool partial;
    bool force;
    struct catalog_values catalog;
    struct count threads;
    int progress;
    bool json;
};

#define AT(field) offsetof(struct pull_values, field)

static const struct option pull_options[] = {
    {.name = "ENTRY",
     .kind = OPTION_POSITION,
     .required = true,
     .offset = AT(entry),
     .help = "an entry's id or name, or the address of an entry or of a manifest; or a partial "
             "store that is to be completed"},
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .offset = AT(output),
     .argument = "STORE",
     .help = "the store to write (required, unless ENTRY is a partial store that is to be "
             "completed); an older pull of the entry is brought up to date"},
    {.name = "partial",
     .kind = OPTION_FLAG,
     .offset = AT(partial),
     .needs = "output",
     .help = "fetch only what opening the store needs; the rest comes as it is read"},
    {.name = "release",
     .kind = OPTION_COUNT,
     .offset = AT(release),
     .argument = "N",
     .least = 1,
     .most = 1000000,
     .help = "number of a release; default: the newest version"},
    {.name = "force",
     .kind = OPTION_FLAG,
     .offset = AT(force),
     .help = "also over a file that is something else, or that was changed here"},
    OPTION_ROWS_CATALOG(AT(catalog)),
    OPTION_ROWS_TRANSFER(AT(catalog)),
    OPTION_ROW_THREADS(AT(threads)),
    OPTION_ROW_PROGRESS(AT(progress)),
    OPTION_ROW_JSON(AT(json)),
    {0},
};

static int print_report(const struct pull_values *values, const struct vdt_pull_report *report)
{
    char bytes[32], fetched[32];
    if (values->json)
        return json_print(json_pack(
            "{s:o, s:I, s:I, s:I, s:b, s:b, s:s}", "store", json_from_text(values->output),
            "version", (json_int_t)report->version, "bytes", (json_int_t)report->bytes, "fetched",
            (json_int_t)report->fetched, "unchanged", report->unchanged, "partial", report->partial,
            "digest", report->digest));
    text_print(stdout, values->output);
    printf(": version %" PRIu32 ", %s, ", report->version,
           text_bytes(bytes, sizeof bytes, report->bytes));
    if (report->unchanged)
        puts("was here already");
    else
        printf("%s fetched%s\n", text_bytes(fetched, sizeof fetched, report->fetched),
               report->partial ? "; the rest comes as it is read" : "");
    return EXIT_DONE;
}

static int pull(const struct pull_values *values)
{
    struct catalog_session session;
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_pull_report report = {0};
    char *login = values->partial ? catalog_login_path() : NULL;
    struct vdt_pull_options options = {.release = (uint32_t)values->release.value,
                                       .force = values->force,
                                       .threads = (uint32_t)values->threads.value,
                                       .partial = values->partial,
                                       .login_file = login};
    int code = catalog_connect(&pull_command, &values->catalog, values->progress, true, &session);
    if (code != OPTIONS_RUN) {
        free(login);
        return code;
    }
    if (vdt_catalog_pull(session.catalog, values->entry, values->output, &options, &report, &error))
        code = catalog_failed(&pull_command, &session, &error);
    else {
        progress_finish(&session.bar);
        code = print_report(values, &report);
    }
    catalog_close(&session);
    free(login);
    return code;
}

static bool note_progress(uint64_t done, uint64_t total, void *payload)
{
    return progress_update(done, total, payload);
}

/* `pull STORE`: the rest of a partial store, from where it came. */
static int complete(const struct pull_values *values)
{
    struct vdt_error error = {.status = VDT_OK};
    double before = 100;
    char *text = NULL;
    if (vdt_store_percent_cached(values->entry, &before, &error) || before == 100)
        return report_wrong(&pull_command,
                            "-o STORE is missing: what is fetched needs a file to go to");
    struct progress bar = progress_start((enum progress_mode)values->progress, "bytes");
    interrupt_catch();
    vdt_status status = vdt_store_complete(values->entry, note_progress, &bar, &error);
    progress_finish(&bar);
    if (status == VDT_ERR_CANCELLED)
        return report_failed(&pull_command, "stopped; what came stays, and the next pull goes on");
    if (status || vdt_catalog_local(values->entry, &text, &error))
        return report_error(&pull_command, &error);
    if (values->json)
        return catalog_print(text);
    vdt_string_free(text);
    text_print(stdout, values->entry);
    printf(": complete; %.2f %% of it was here\n", before);
    return EXIT_DONE;
}

static int run_pull(int argc, char **argv)
{
    struct pull_values values = {0};
    int code = options_parse(&pull_command, argc, argv, &values);
    if (code == OPTIONS_RUN)
        code = values.output == NULL ? complete(&values) : pull(&values);
    options_clear(&pull_command, &values);
    return code;
}

const struct command pull_command = {
    .name = "pull",
    .summary = "fetches a store from the catalog, verified block by block",
    .usage = "ENTRY -o STORE [--release N] [--partial]",
    .notes = "STORE appears when all of it is there and verified; STORE.pull holds what came until "
             "then, and the\nnext pull goes on with it. Public releases are pulled from any HTTP "
             "server, without login.\n"
             "With --partial STORE is there at once and fills as it is read; 'pull STORE' fetches "
             "the rest.\n\n"
             "examples:\n"
             "  vedatile pull 'Roofs of Olinda' -o roofs.h5\n"
             "  vedatile pull 'Roofs of Olinda' -o roofs.h5 --partial\n"
             "  vedatile pull roofs.h5\n"
             "  vedatile pull abcdefghijklmnop --release 2 -o roofs.h5 --limit-rate 5M\n"
             "  vedatile pull https://data.example.org/roofs/manifest.json -o roofs.h5\n",
    .options = pull_options,
    .run = run_pull,
};
