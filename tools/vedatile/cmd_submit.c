/* vedatile submit: a run sent to the catalog and scored there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog_options.h"
#include "json.h"
#include "report.h"

struct submit_values {
    const char *store, *run, *parameters;
    struct catalog_values catalog;
    bool no_wait, json;
};

#define AT(field) offsetof(struct submit_values, field)

static const struct option submit_options[] = {
    {.name = "STORE",
     .kind = OPTION_POSITION,
     .required = true,
     .flags = OPTION_PATH,
     .offset = AT(store),
     .help = "a local store that was saved to the catalog or pulled from it"},
    {.name = "run",
     .kind = OPTION_TEXT,
     .required = true,
     .offset = AT(run),
     .argument = "NAME",
     .help = "a committed run of the store"},
    {.name = "parameters",
     .kind = OPTION_TEXT,
     .offset = AT(parameters),
     .argument = "JSON",
     .help = "options of the evaluation, such as '{\"protocol\": \"valor\"}'"},
    {.name = "no-wait",
     .kind = OPTION_FLAG,
     .offset = AT(no_wait),
     .help = "do not wait until the evaluation is over"},
    OPTION_ROWS_CATALOG(AT(catalog)),
    OPTION_ROW_JSON(AT(json)),
    {0},
};

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "" : text;
}

/* The state and the numbers, a line each; takes the text. */
static int print_evaluation(char *document, const char *url)
{
    json_t *evaluation = catalog_json(document);
    const char *state = text_of(evaluation, "state");
    const char *name;
    json_t *value;
    printf("evaluation %s of run %s: %s\n", text_of(evaluation, "id"),
           text_of(json_object_get(evaluation, "run"), "name"), state);
    json_object_foreach(json_object_get(evaluation, "metrics"), name, value)
        printf("  %-14s %.4f\n", name, json_number_value(value));
    if (strcmp(state, "done") == 0)
        printf("  %s/v1/evaluations/%s/report\n", url, text_of(evaluation, "id"));
    int code = strcmp(state, "failed") == 0 ? EXIT_FAILED : EXIT_DONE;
    if (code == EXIT_FAILED)
        fprintf(stderr, "vedatile submit: %s\n", text_of(evaluation, "message"));
    json_decref(evaluation);
    return code;
}

static int submit(const struct command *command, const struct submit_values *values)
{
    struct catalog_session session;
    struct vdt_error error = {.status = VDT_OK};
    char *document = NULL;
    const struct vdt_submit_options options = {.store = values->store,
                                               .run = values->run,
                                               .parameters = values->parameters,
                                               .no_wait = values->no_wait};
    int code = catalog_connect(command, &values->catalog, PROGRESS_NONE, false, &session);
    if (code != OPTIONS_RUN)
        return code;
    if (vdt_catalog_submit(session.catalog, &options, &document, &error))
        code = catalog_failed(command, &session, &error);
    else if (values->json)
        code = catalog_print(document);
    else
        code = print_evaluation(document, session.url);
    catalog_close(&session);
    return code;
}

static int run(int argc, char **argv)
{
    struct submit_values values = {0};
    int code = options_parse(&submit_command, argc, argv, &values);
    if (code == OPTIONS_RUN)
        code = submit(&submit_command, &values);
    options_clear(&submit_command, &values);
    return code;
}

const struct command submit_command = {
    .name = "submit",
    .summary = "sends a run of a store to the catalog, which scores it",
    .usage = "STORE --run NAME",
    .notes =
        "The run is committed there and stays as it is; asked again, nothing is sent twice.\n\n"
        "examples:\n"
        "  vedatile submit roofs.h5 --run unet-3\n",
    .options = submit_options,
    .run = run,
};
