/* vedatile status: the server, and what a store or an entry is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "catalog_options.h"
#include "json.h"
#include "report.h"
#include "text.h"

struct status_values {
    const char *what;
    struct catalog_values catalog;
    bool json;
};

#define AT(field) offsetof(struct status_values, field)

static const struct option status_options[] = {
    {.name = "WHAT",
     .kind = OPTION_POSITION,
     .offset = AT(what),
     .help = "a local store, or an entry's id or name; default: the server alone"},
    OPTION_ROWS_CATALOG(AT(catalog)),
    OPTION_ROW_JSON(AT(json)),
    {0},
};

/* {"url", "user", "scopes", "error"} of the server. */
static json_t *ask_server(struct catalog_session *session)
{
    struct vdt_error error = {.status = VDT_OK};
    char *text = NULL;
    json_t *server = json_object();
    json_object_set_new(server, "url", session->url ? json_from_text(session->url) : json_null());
    if (session->url == NULL)
        return server;
    if (vdt_catalog_me(session->catalog, &text, &error)) {
        json_object_set_new(server, "error", json_from_text(error.message));
        return server;
    }
    json_t *me = catalog_json(text);
    json_object_set(server, "user", json_object_get(me, "name"));
    json_object_set(server, "scopes", json_object_get(me, "scopes"));
    json_decref(me);
    return server;
}

/* Adds "entry": its document, or "entry_error". */
static void ask_entry(struct catalog_session *session, const char *entry, json_t *status)
{
    struct vdt_error error = {.status = VDT_OK};
    char *text = NULL;
    if (entry == NULL || session->url == NULL)
        return;
    if (vdt_catalog_entry(session->catalog, entry, &text, &error))
        json_object_set_new(status, "entry_error", json_from_text(error.message));
    else
        json_object_set_new(status, "entry", catalog_json(text));
}

static void print_server(const json_t *server)
{
    size_t i;
    const json_t *scope;
    const char *url = json_string_value(json_object_get(server, "url"));
    const char *user = json_string_value(json_object_get(server, "user"));
    fputs("server: ", stdout);
    text_print(stdout, url ? url : "none; 'vedatile login URL'");
    if (user) {
        fputs(", you are ", stdout);
        text_print(stdout, user);
        json_array_foreach(json_object_get(server, "scopes"), i, scope)
            printf("%s%s", i == 0 ? " (" : ", ", json_string_value(scope));
        putchar(')');
    }
    putchar('\n');
}

static void print_store(const json_t *status)
{
    const json_t *store = json_object_get(status, "store");
    const json_t *data = json_object_get(json_object_get(status, "entry"), "data");
    json_int_t version = json_integer_value(json_object_get(store, "version"));
    json_int_t newest = json_integer_value(json_object_get(data, "version"));
    char bytes[32];
    if (store == NULL)
        return;
    fputs("store: ", stdout);
    text_print(stdout, json_string_value(json_object_get(store, "store")));
    printf(", %s, ", text_bytes(bytes, sizeof bytes,
                                (uint64_t)json_integer_value(json_object_get(store, "bytes"))));
    double percent = json_number_value(json_object_get(store, "percent_cached"));
    if (percent < 100)
        printf("%.2f %% of it here, ", percent);
    if (version == 0)
        puts("never saved");
    else
        printf("version %" JSON_INTEGER_FORMAT "%s\n", version,
               json_is_true(json_object_get(store, "changed")) ? " with changes that are not saved"
                                                               : "");
    if (version > 0 && newest > version)
        printf("newer: version %" JSON_INTEGER_FORMAT "; 'vedatile pull' fetches it\n", newest);
}

static int print_status(json_t *status, bool json)
{
    const char *failed =
        json_string_value(json_object_get(json_object_get(status, "server"), "error"));
    if (failed == NULL)
        failed = json_string_value(json_object_get(status, "entry_error"));
    int code = failed == NULL ? EXIT_DONE : EXIT_FAILED;
    if (json)
        return json_print(status) ? EXIT_FAILED : code;
    print_server(json_object_get(status, "server"));
    print_store(status);
    if (json_object_get(status, "entry") != NULL) {
        fputs("entry: ", stdout);
        catalog_print_entry(
            stdout, json_object_get(status, "entry"),
            json_string_value(json_object_get(json_object_get(status, "server"), "url")));
    }
    if (failed != NULL)
        report_failed(&status_command, "%s", failed);
    json_decref(status);
    return code;
}

static int show(const struct status_values *values)
{
    struct catalog_session session;
    struct vdt_error error = {.status = VDT_OK};
    struct stat info;
    char *text = NULL;
    json_t *store = NULL;
    bool local = values->what != NULL && stat(values->what, &info) == 0 && S_ISREG(info.st_mode);
    if (local && vdt_catalog_local(values->what, &text, &error))
        return report_error(&status_command, &error);
    store = catalog_json(text);
    int code = catalog_connect(&status_command, &values->catalog, PROGRESS_NONE, true, &session);
    if (code == OPTIONS_RUN) {
        json_t *status = json_object();
        const char *url = json_string_value(json_object_get(store, "url"));
        bool asked =
            !local || (url != NULL && session.url != NULL && strcmp(url, session.url) == 0);
        json_object_set_new(status, "server", ask_server(&session));
        if (store != NULL)
            json_object_set(status, "store", store);
        if (asked && json_object_get(json_object_get(status, "server"), "error") == NULL)
            ask_entry(&session,
                      local ? json_string_value(json_object_get(store, "entry")) : values->what,
                      status);
        code = print_status(status, values->json);
        catalog_close(&session);
    }
    json_decref(store);
    return code;
}

static int run_status(int argc, char **argv)
{
    struct status_values values = {0};
    int code = options_parse(&status_command, argc, argv, &values);
    if (code == OPTIONS_RUN)
        code = show(&values);
    options_clear(&status_command, &values);
    return code;
}

const struct command status_command = {
    .name = "status",
    .summary = "says which catalog is used, and how a store and its entry stand",
    .usage = "[WHAT] [--json]",
    .notes = "Ends with 1 when the server, or the entry, cannot be asked.\n\n"
             "examples:\n"
             "  vedatile status\n"
             "  vedatile status roofs.h5\n",
    .options = status_options,
    .run = run_status,
};
