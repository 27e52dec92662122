/* vedatile remove: an entry to the bin, and back. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "catalog_options.h"
#include "json.h"
#include "report.h"

struct remove_values {
    const char *entry;
    bool yes;
    bool restore;
    struct catalog_values catalog;
    bool json;
};

#define AT(field) offsetof(struct remove_values, field)

static const struct option remove_options[] = {
    {.name = "ENTRY",
     .kind = OPTION_POSITION,
     .required = true,
     .offset = AT(entry),
     .help = "an entry's id or name, or a local store that was saved; the store itself stays"},
    {.name = "yes",
     .letter = 'y',
     .kind = OPTION_FLAG,
     .offset = AT(yes),
     .excludes = "restore",
     .help = "do not ask, at a terminal either"},
    {.name = "restore",
     .kind = OPTION_FLAG,
     .offset = AT(restore),
     .help = "take it out of the bin again; ENTRY is its id, which 'search --bin' shows"},
    OPTION_ROWS_CATALOG(AT(catalog)),
    OPTION_ROW_JSON(AT(json)),
    {0},
};

/* True for a y at the terminal. In a script there is nobody to ask, and the bin gives it back. */
static bool confirmed(const json_t *document)
{
    char answer[16] = "";
    if (!isatty(STDIN_FILENO))
        return true;
    fputs("remove ", stderr);
    catalog_print_entry(stderr, document, NULL);
    fputs("It stays in the bin for a while. Remove it? [y/N] ", stderr);
    return fgets(answer, sizeof answer, stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y');
}

static int restore(const struct remove_values *values, const char *entry,
                   struct catalog_session *session)
{
    struct vdt_error error = {.status = VDT_OK};
    char *document = NULL;
    if (vdt_catalog_restore(session->catalog, entry, &document, &error))
        return catalog_failed(&remove_command, session, &error);
    if (values->json)
        return catalog_print(document);
    json_t *json = catalog_json(document);
    catalog_print_entry(stdout, json, session->url);
    json_decref(json);
    return EXIT_DONE;
}

static int remove_entry(const struct remove_values *values, const char *entry,
                        struct catalog_session *session)
{
    struct vdt_error error = {.status = VDT_OK};
    char *document = NULL;
    if (vdt_catalog_entry(session->catalog, entry, &document, &error))
        return catalog_failed(&remove_command, session, &error);
    json_t *json = catalog_json(document);
    int code = EXIT_DONE;
    if (!values->yes && !confirmed(json))
        code = report_failed(&remove_command, "nothing was removed");
    else if (vdt_catalog_remove(session->catalog, catalog_text(json, "id"), &error))
        code = catalog_failed(&remove_command, session, &error);
    else if (values->json)
        code = json_print(json_incref(json));
    else
        printf("%s is in the bin: 'vedatile remove %s --restore' brings it back\n",
               catalog_text(json, "id"), catalog_text(json, "id"));
    json_decref(json);
    return code;
}

static int run_remove(int argc, char **argv)
{
    struct remove_values values = {0};
    struct catalog_session session;
    char *entry = NULL;
    int code = options_parse(&remove_command, argc, argv, &values);
    if (code == OPTIONS_RUN && (entry = catalog_entry_of(&remove_command, values.entry)) == NULL)
        code = EXIT_FAILED;
    if (code == OPTIONS_RUN)
        code = catalog_connect(&remove_command, &values.catalog, PROGRESS_NONE, false, &session);
    if (code == OPTIONS_RUN) {
        code = (values.restore ? restore : remove_entry)(&values, entry, &session);
        catalog_close(&session);
    }
    free(entry);
    options_clear(&remove_command, &values);
    return code;
}

const struct command remove_command = {
    .name = "remove",
    .summary = "puts an entry into the bin, or takes it out again",
    .usage = "ENTRY [--yes] | ENTRY --restore",
    .notes = "The server empties the bin after a while; until then --restore brings the entry "
             "back, with all its\nversions and releases. Local stores stay as they are.\n\n"
             "examples:\n"
             "  vedatile remove roofs.h5\n"
             "  vedatile search --bin\n"
             "  vedatile remove abcdefghijklmnop --restore\n",
    .options = remove_options,
    .run = run_remove,
};
