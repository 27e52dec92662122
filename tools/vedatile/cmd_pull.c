/* vedatile pull: a store from the catalog, or from any HTTP server. */
#include <inttypes.h>
#include <stdio.h>

#include "catalog_options.h"
#include "json.h"
#include "report.h"
#include "text.h"

struct pull_values {
    const char *entry;
    const char *output;
    struct count release;
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
     .help = "an entry's id or name, or the address of an entry or of a manifest"},
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .required = true,
     .offset = AT(output),
     .argument = "STORE",
     .help = "the store to write (required); an older pull of the entry is brought up to date"},
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
            "{s:o, s:I, s:I, s:I, s:b, s:s}", "store", json_from_text(values->output), "version",
            (json_int_t)report->version, "bytes", (json_int_t)report->bytes, "fetched",
            (json_int_t)report->fetched, "unchanged", report->unchanged, "digest", report->digest));
    text_print(stdout, values->output);
    printf(": version %" PRIu32 ", %s, ", report->version,
           text_bytes(bytes, sizeof bytes, report->bytes));
    if (report->unchanged)
        puts("was here already");
    else
        printf("%s fetched\n", text_bytes(fetched, sizeof fetched, report->fetched));
    return EXIT_DONE;
}

static int pull(const struct pull_values *values)
{
    struct catalog_session session;
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_pull_report report = {0};
    struct vdt_pull_options options = {.release = (uint32_t)values->release.value,
                                       .force = values->force,
                                       .threads = (uint32_t)values->threads.value};
    int code = catalog_connect(&pull_command, &values->catalog, values->progress, true, &session);
    if (code != OPTIONS_RUN)
        return code;
    if (vdt_catalog_pull(session.catalog, values->entry, values->output, &options, &report, &error))
        code = catalog_failed(&pull_command, &session, &error);
    else {
        progress_finish(&session.bar);
        code = print_report(values, &report);
    }
    catalog_close(&session);
    return code;
}

static int run_pull(int argc, char **argv)
{
    struct pull_values values = {0};
    int code = options_parse(&pull_command, argc, argv, &values);
    if (code == OPTIONS_RUN)
        code = pull(&values);
    options_clear(&pull_command, &values);
    return code;
}

const struct command pull_command = {
    .name = "pull",
    .summary = "fetches a store from the catalog, verified block by block",
    .usage = "ENTRY -o STORE [--release N]",
    .notes = "STORE appears when all of it is there and verified; STORE.pull holds what came until "
             "then, and the\nnext pull goes on with it. Public releases are pulled from any HTTP "
             "server, without login.\n\n"
             "examples:\n"
             "  vedatile pull 'Roofs of Olinda' -o roofs.h5\n"
             "  vedatile pull abcdefghijklmnop --release 2 -o roofs.h5 --limit-rate 5M\n"
             "  vedatile pull https://data.example.org/roofs/manifest.json -o roofs.h5\n",
    .options = pull_options,
    .run = run_pull,
};
