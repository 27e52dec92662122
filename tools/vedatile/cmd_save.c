/* vedatile save: a store to the catalog. */
#include <stdio.h>
#include <stdlib.h>

#include "catalog_options.h"
#include "json.h"
#include "report.h"

struct save_values {
    const char *store;
    const char *to;
    const char *name;
    const char *description;
    const char *license;
    struct words tags;
    bool is_public;
    const char *message;
    bool force;
    struct catalog_values catalog;
    struct count threads;
    int progress;
    bool json;
};

#define AT(field) offsetof(struct save_values, field)

static const struct option save_options[] = {
    {.name = "STORE",
     .kind = OPTION_POSITION,
     .required = true,
     .offset = AT(store),
     .help = "the store to save"},
    {.name = "to",
     .kind = OPTION_TEXT,
     .offset = AT(to),
     .argument = "ENTRY",
     .help = "id or name of the entry to save to; default: the one that the store was saved to or "
             "pulled from, else a new one"},
    {.name = "name",
     .kind = OPTION_TEXT,
     .offset = AT(name),
     .argument = "TEXT",
     .help = "the entry's name; default for a new one: the store's"},
    {.name = "description",
     .kind = OPTION_TEXT,
     .offset = AT(description),
     .argument = "TEXT",
     .help = "what is in it, for people"},
    {.name = "license",
     .kind = OPTION_TEXT,
     .offset = AT(license),
     .argument = "TEXT",
     .help = "such as CC-BY-4.0"},
    {.name = "tag",
     .kind = OPTION_COMMAS,
     .offset = AT(tags),
     .argument = "A,B,...",
     .help = "tags; they replace those of the entry"},
    {.name = "public", .kind = OPTION_FLAG, .offset = AT(is_public), .help = "publish it as well"},
    {.name = "message",
     .letter = 'm',
     .kind = OPTION_TEXT,
     .offset = AT(message),
     .argument = "TEXT",
     .help = "what is new in this version"},
    {.name = "force",
     .kind = OPTION_FLAG,
     .offset = AT(force),
     .help = "follow the newest version also where this store does not stem from it"},
    OPTION_ROWS_CATALOG(AT(catalog)),
    OPTION_ROWS_TRANSFER(AT(catalog)),
    OPTION_ROW_THREADS(AT(threads)),
    OPTION_ROW_PROGRESS(AT(progress)),
    OPTION_ROW_JSON(AT(json)),
    {0},
};

static int save(const struct save_values *values)
{
    struct catalog_session session;
    struct vdt_error error = {.status = VDT_OK};
    char *document = NULL;
    struct vdt_save_options options = {
        .to = values->to,
        .values = {.name = values->name,
                   .description = values->description,
                   .license = values->license,
                   .tags = (const char *const *)values->tags.items,
                   .tag_count = values->tags.count},
        .message = values->message,
        .publish = values->is_public,
        .force = values->force,
        .threads = (uint32_t)values->threads.value,
    };
    int code = catalog_connect(&save_command, &values->catalog, values->progress, false, &session);
    if (code != OPTIONS_RUN)
        return code;
    if (vdt_catalog_save(session.catalog, values->store, &options, &document, &error))
        code = catalog_failed(&save_command, &session, &error);
    else {
        progress_finish(&session.bar);
        json_t *json = catalog_json(document);
        if (values->json)
            code = json_print(json_incref(json));
        else
            catalog_print_entry(stdout, json, session.url);
        json_decref(json);
        code = code == OPTIONS_RUN ? EXIT_DONE : code;
    }
    catalog_close(&session);
    return code;
}

static int run_save(int argc, char **argv)
{
    struct save_values values = {0};
    int code = options_parse(&save_command, argc, argv, &values);
    if (code == OPTIONS_RUN)
        code = save(&values);
    options_clear(&save_command, &values);
    return code;
}

const struct command save_command = {
    .name = "save",
    .summary = "sends a store to the catalog, as an entry or as its next version",
    .usage = "STORE [--to ENTRY] [--name TEXT] [--public]",
    .notes = "Only blocks that the catalog lacks are sent; a save that was cut off goes on. "
             "STORE.catalog\nbeside the store remembers its entry. Others see an entry when it is "
             "published or shared.\n\n"
             "examples:\n"
             "  vedatile save roofs.h5 --name 'Roofs of Olinda' --license CC-BY-4.0 --tag roofs\n"
             "  vedatile save roofs.h5 -m 'labels of May'\n"
             "  id=$(vedatile save roofs.h5 --json | jq -r .data.id)\n",
    .options = save_options,
    .run = run_save,
};
