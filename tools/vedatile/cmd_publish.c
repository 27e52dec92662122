/* vedatile publish and unpublish: who sees an entry. */
#include <stdio.h>
#include <stdlib.h>

#include "catalog_options.h"
#include "json.h"
#include "report.h"

struct publish_values {
    const char *entry;
    struct catalog_values catalog;
    bool json;
};

#define AT(field) offsetof(struct publish_values, field)

static const struct option publish_options[] = {
    {.name = "ENTRY",
     .kind = OPTION_POSITION,
     .required = true,
     .offset = AT(entry),
     .help = "an entry's id or name, or a local store that was saved"},
    OPTION_ROWS_CATALOG(AT(catalog)),
    OPTION_ROW_JSON(AT(json)),
    {0},
};

static int publish(const struct command *command, const struct publish_values *values,
                   bool published)
{
    struct catalog_session session;
    struct vdt_error error = {.status = VDT_OK};
    char *document = NULL, *entry = catalog_entry_of(command, values->entry);
    if (entry == NULL)
        return EXIT_FAILED;
    int code = catalog_connect(command, &values->catalog, PROGRESS_NONE, false, &session);
    if (code == OPTIONS_RUN) {
        if (vdt_catalog_publish(session.catalog, entry, published, &document, &error))
            code = catalog_failed(command, &session, &error);
        else if (values->json)
            code = catalog_print(document);
        else {
            json_t *json = catalog_json(document);
            catalog_print_entry(stdout, json, session.url);
            json_decref(json);
            code = EXIT_DONE;
        }
        catalog_close(&session);
    }
    free(entry);
    return code;
}

static int run(const struct command *command, int argc, char **argv, bool published)
{
    struct publish_values values = {0};
    int code = options_parse(command, argc, argv, &values);
    if (code == OPTIONS_RUN)
        code = publish(command, &values, published);
    options_clear(command, &values);
    return code;
}

static int run_publish(int argc, char **argv)
{
    return run(&publish_command, argc, argv, true);
}

static int run_unpublish(int argc, char **argv)
{
    return run(&unpublish_command, argc, argv, false);
}

const struct command publish_command = {
    .name = "publish",
    .summary = "lets everybody see and pull an entry",
    .usage = "ENTRY",
    .notes = "examples:\n"
             "  vedatile publish roofs.h5\n"
             "  vedatile publish abcdefghijklmnop\n",
    .options = publish_options,
    .run = run_publish,
};

const struct command unpublish_command = {
    .name = "unpublish",
    .summary = "makes an entry private again",
    .usage = "ENTRY",
    .notes = "What others pulled meanwhile stays theirs.\n\n"
             "examples:\n"
             "  vedatile unpublish roofs.h5\n",
    .options = publish_options,
    .run = run_unpublish,
};
