/* vedatile release: versions that never change, their list, what differs, and copies to offer. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "catalog_options.h"
#include "json.h"
#include "report.h"
#include "text.h"

struct release_values {
    const char *entry;
    const char *name;
    const char *notes;
    bool list;
    struct integers diff;
    const char *mirror;
    struct count release;
    struct catalog_values catalog;
    int progress;
    bool json;
};

#define AT(field) offsetof(struct release_values, field)

static const struct option release_options[] = {
    {.name = "ENTRY",
     .kind = OPTION_POSITION,
     .required = true,
     .offset = AT(entry),
     .help = "an entry's id or name, or a local store that was saved"},
    {.name = "name",
     .kind = OPTION_TEXT,
     .offset = AT(name),
     .argument = "TEXT",
     .excludes = "list|diff|mirror",
     .help = "a name for the release"},
    {.name = "notes",
     .kind = OPTION_TEXT,
     .offset = AT(notes),
     .argument = "TEXT",
     .excludes = "list|diff|mirror",
     .help = "what is in it, and what is new"},
    {.name = "list",
     .kind = OPTION_FLAG,
     .offset = AT(list),
     .excludes = "diff|mirror",
     .help = "list the releases instead"},
    {.name = "diff",
     .kind = OPTION_INTEGERS,
     .offset = AT(diff),
     .argument = "A,B",
     .least = 1,
     .most = 1000000,
     .excludes = "mirror",
     .help = "say what differs between two releases instead"},
    {.name = "mirror",
     .kind = OPTION_TEXT,
     .offset = AT(mirror),
     .argument = "DIR",
     .flags = OPTION_PATH,
     .help = "write a folder instead from which any HTTP server can offer the release"},
    {.name = "release",
     .kind = OPTION_COUNT,
     .offset = AT(release),
     .argument = "N",
     .needs = "mirror",
     .least = 1,
     .most = 1000000,
     .help = "the release to mirror; default: the newest version"},
    OPTION_ROWS_CATALOG(AT(catalog)),
    OPTION_ROWS_TRANSFER(AT(catalog)),
    OPTION_ROW_PROGRESS(AT(progress)),
    OPTION_ROW_JSON(AT(json)),
    {0},
};

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "" : text;
}

static void print_release(const json_t *release)
{
    printf("release %" JSON_INTEGER_FORMAT ": version %" JSON_INTEGER_FORMAT ", %s",
           json_integer_value(json_object_get(release, "number")),
           json_integer_value(json_object_get(release, "version")), text_of(release, "created_at"));
    const char *const said[] = {text_of(release, "name"), text_of(release, "notes")};
    for (int i = 0; i < 2; i++)
        if (*said[i] != '\0') {
            fputs(i == 0 ? ", " : "\n  ", stdout);
            text_print(stdout, said[i]);
        }
    putchar('\n');
}

static void print_list(const json_t *found)
{
    size_t i;
    const json_t *release, *list = json_object_get(found, "releases");
    json_array_foreach(list, i, release) print_release(release);
    if (json_array_size(list) == 0)
        puts("no releases");
}

static void print_diff(const json_t *diff)
{
    static const char *const counts[] = {"added", "removed", "changed"};
    printf("release %" JSON_INTEGER_FORMAT " to %" JSON_INTEGER_FORMAT ":",
           json_integer_value(json_object_get(diff, "from")),
           json_integer_value(json_object_get(diff, "to")));
    for (int i = 0; i < 3; i++)
        printf("%s %" JSON_INTEGER_FORMAT " %s", i > 0 ? "," : "",
               json_integer_value(json_object_get(diff, counts[i])), counts[i]);
    putchar('\n');
}

static int mirror(const struct release_values *values, const char *entry,
                  struct catalog_session *session)
{
    char bytes[32];
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_pull_report report = {0};
    if (vdt_catalog_mirror(session->catalog, entry, (uint32_t)values->release.value, values->mirror,
                           &report, &error))
        return catalog_failed(&release_command, session, &error);
    progress_finish(&session->bar);
    if (values->json)
        return json_print(json_pack("{s:o, s:I, s:I, s:s}", "folder",
                                    json_from_text(values->mirror), "version",
                                    (json_int_t)report.version, "bytes", (json_int_t)report.bytes,
                                    "digest", report.digest));
    text_print(stdout, values->mirror);
    printf(": version %" PRIu32 ", %s\n", report.version,
           text_bytes(bytes, sizeof bytes, report.bytes));
    return EXIT_DONE;
}

static int release(const struct release_values *values, const char *entry,
                   struct catalog_session *session)
{
    struct vdt_error error = {.status = VDT_OK};
    char *document = NULL;
    vdt_status status;
    if (values->mirror != NULL)
        return mirror(values, entry, session);
    if (values->list)
        status = vdt_catalog_releases(session->catalog, entry, &document, &error);
    else if (values->diff.count > 0)
        status = vdt_catalog_diff(session->catalog, entry, (uint32_t)values->diff.items[0],
                                  (uint32_t)values->diff.items[1], &document, &error);
    else
        status = vdt_catalog_release(session->catalog, entry, values->name, values->notes,
                                     &document, &error);
    if (status)
        return catalog_failed(&release_command, session, &error);
    if (values->json)
        return catalog_print(document);
    json_t *json = catalog_json(document);
    (values->list ? print_list : values->diff.count > 0 ? print_diff : print_release)(json);
    json_decref(json);
    return EXIT_DONE;
}

static int run_release(int argc, char **argv)
{
    struct release_values values = {0};
    struct catalog_session session;
    char *entry = NULL;
    int code = options_parse(&release_command, argc, argv, &values);
    if (code == OPTIONS_RUN && values.diff.count > 0 && values.diff.count != 2)
        code = report_wrong(&release_command, "--diff takes the numbers of two releases: 1,2");
    if (code == OPTIONS_RUN && (entry = catalog_entry_of(&release_command, values.entry)) == NULL)
        code = EXIT_FAILED;
    if (code == OPTIONS_RUN)
        code = catalog_connect(&release_command, &values.catalog, values.progress, false, &session);
    if (code == OPTIONS_RUN) {
        code = release(&values, entry, &session);
        catalog_close(&session);
    }
    free(entry);
    options_clear(&release_command, &values);
    return code;
}

const struct command release_command = {
    .name = "release",
    .summary = "gives the newest version of an entry a number that never changes",
    .usage = "ENTRY [--name TEXT] [--notes TEXT] | --list | --diff A,B | --mirror DIR",
    .notes = "examples:\n"
             "  vedatile release roofs.h5 --name 2024.1 --notes 'labels of May'\n"
             "  vedatile release roofs.h5 --diff 1,2\n"
             "  vedatile release roofs.h5 --mirror /var/www/roofs --release 1\n",
    .options = release_options,
    .run = run_release,
};
