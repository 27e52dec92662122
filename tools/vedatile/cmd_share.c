/* vedatile share: who else may use a private entry. */
#include <stdio.h>
#include <stdlib.h>

#include "catalog_options.h"
#include "json.h"
#include "report.h"
#include "text.h"

struct share_values {
    const char *entry;
    const char *user;
    bool write;
    bool revoke;
    struct catalog_values catalog;
    bool json;
};

#define AT(field) offsetof(struct share_values, field)

static const struct option share_options[] = {
    {.name = "ENTRY",
     .kind = OPTION_POSITION,
     .required = true,
     .offset = AT(entry),
     .help = "an entry's id or name, or a local store that was saved"},
    {.name = "with",
     .kind = OPTION_TEXT,
     .offset = AT(user),
     .argument = "USER",
     .help = "let this user see and pull the entry; default: say who may"},
    {.name = "write",
     .kind = OPTION_FLAG,
     .offset = AT(write),
     .needs = "with",
     .excludes = "revoke",
     .help = "and save new versions of it"},
    {.name = "revoke",
     .kind = OPTION_FLAG,
     .offset = AT(revoke),
     .needs = "with",
     .help = "no longer"},
    OPTION_ROWS_CATALOG(AT(catalog)),
    OPTION_ROW_JSON(AT(json)),
    {0},
};

static void print_sharing(const json_t *document)
{
    size_t i;
    const json_t *share, *list = json_object_get(document, "sharing");
    json_array_foreach(list, i, share)
    {
        text_print(stdout, json_string_value(json_object_get(share, "user")));
        printf(": %s\n", json_string_value(json_object_get(share, "access")));
    }
    if (json_array_size(list) == 0)
        puts("shared with nobody");
}

static int share(const struct share_values *values, const char *entry,
                 struct catalog_session *session)
{
    struct vdt_error error = {.status = VDT_OK};
    char *document = NULL;
    const char *access = values->revoke ? NULL : values->write ? "write" : "read";
    vdt_status status = VDT_OK;
    if (values->user)
        status = vdt_catalog_share(session->catalog, entry, values->user, access, &error);
    if (!status)
        status = vdt_catalog_sharing(session->catalog, entry, &document, &error);
    if (status)
        return catalog_failed(&share_command, session, &error);
    if (values->json)
        return catalog_print(document);
    json_t *json = catalog_json(document);
    print_sharing(json);
    json_decref(json);
    return EXIT_DONE;
}

static int run_share(int argc, char **argv)
{
    struct share_values values = {0};
    struct catalog_session session;
    char *entry = NULL;
    int code = options_parse(&share_command, argc, argv, &values);
    if (code == OPTIONS_RUN && (entry = catalog_entry_of(&share_command, values.entry)) == NULL)
        code = EXIT_FAILED;
    if (code == OPTIONS_RUN)
        code = catalog_connect(&share_command, &values.catalog, PROGRESS_NONE, false, &session);
    if (code == OPTIONS_RUN) {
        code = share(&values, entry, &session);
        catalog_close(&session);
    }
    free(entry);
    options_clear(&share_command, &values);
    return code;
}

const struct command share_command = {
    .name = "share",
    .summary = "lets single users see a private entry, or write to it",
    .usage = "ENTRY [--with USER [--write | --revoke]]",
    .notes = "examples:\n"
             "  vedatile share roofs.h5 --with bruno\n"
             "  vedatile share roofs.h5 --with bruno --revoke\n"
             "  vedatile share roofs.h5\n",
    .options = share_options,
    .run = run_share,
};
