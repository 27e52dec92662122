/* vedatile users and tokens: who may use a catalog. */
#include <stdio.h>
#include <stdlib.h>

#include "catalog_options.h"
#include "json.h"
#include "report.h"
#include "text.h"

struct people_values {
    const char *add;
    const char *disable;
    const char *enable;
    bool make;
    struct count revoke;
    const char *user;
    struct words scopes;
    const char *expires;
    const char *note;
    struct catalog_values catalog;
    bool json;
};

#define AT(field) offsetof(struct people_values, field)

static const struct option users_options[] = {
    {.name = "add",
     .kind = OPTION_TEXT,
     .offset = AT(add),
     .argument = "NAME",
     .excludes = "disable|enable",
     .help = "make a user; 'vedatile tokens --new --user NAME' makes a token for them"},
    {.name = "disable",
     .kind = OPTION_TEXT,
     .offset = AT(disable),
     .argument = "NAME",
     .excludes = "enable",
     .help = "let a user in no more; what is theirs stays"},
    {.name = "enable",
     .kind = OPTION_TEXT,
     .offset = AT(enable),
     .argument = "NAME",
     .help = "let them in again"},
    OPTION_ROWS_CATALOG(AT(catalog)),
    OPTION_ROW_JSON(AT(json)),
    {0},
};

static const struct option tokens_options[] = {
    {.name = "new",
     .kind = OPTION_FLAG,
     .offset = AT(make),
     .excludes = "revoke",
     .help = "make a token and print it, this once; default: list them"},
    {.name = "scopes",
     .kind = OPTION_COMMAS,
     .offset = AT(scopes),
     .argument = "A,B,...",
     .needs = "new",
     .help = "what it is good for: read, write, publish, admin; default: read"},
    {.name = "user",
     .kind = OPTION_TEXT,
     .offset = AT(user),
     .argument = "NAME",
     .needs = "new",
     .help = "whose token (admins only); default: yours"},
    {.name = "expires",
     .kind = OPTION_TEXT,
     .offset = AT(expires),
     .argument = "TIME",
     .needs = "new",
     .help = "until when, such as 2027-01-01T00:00:00Z; default: for good"},
    {.name = "note",
     .kind = OPTION_TEXT,
     .offset = AT(note),
     .argument = "TEXT",
     .needs = "new",
     .help = "what it is for"},
    {.name = "revoke",
     .kind = OPTION_COUNT,
     .offset = AT(revoke),
     .argument = "ID",
     .help = "make a token worthless"},
    OPTION_ROWS_CATALOG(AT(catalog)),
    OPTION_ROW_JSON(AT(json)),
    {0},
};

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "" : text;
}

static void print_user(const json_t *user)
{
    text_print(stdout, text_of(user, "name"));
    puts(json_is_true(json_object_get(user, "disabled")) ? " (disabled)" : "");
}

static void print_token(const json_t *token)
{
    size_t i;
    const json_t *scope;
    printf("%" JSON_INTEGER_FORMAT "  %s  ", json_integer_value(json_object_get(token, "id")),
           text_of(token, "prefix"));
    json_array_foreach(json_object_get(token, "scopes"), i, scope)
        printf("%s%s", i > 0 ? "," : "", json_is_string(scope) ? json_string_value(scope) : "");
    const char *expires = text_of(token, "expires_at"), *note = text_of(token, "note");
    if (*text_of(token, "revoked_at") != '\0')
        fputs("  revoked", stdout);
    else if (*expires != '\0')
        printf("  until %s", expires);
    if (*note != '\0') {
        fputs("  ", stdout);
        text_print(stdout, note);
    }
    putchar('\n');
}

static void print_all(const json_t *document)
{
    size_t i;
    const json_t *item;
    json_array_foreach(json_object_get(document, "users"), i, item) print_user(item);
    json_array_foreach(json_object_get(document, "tokens"), i, item) print_token(item);
    if (json_object_get(document, "token") != NULL) {
        text_print(stdout, text_of(document, "token"));
        putchar('\n');
    } else if (json_object_get(document, "name") != NULL)
        print_user(document);
}

static vdt_status ask_users(const struct people_values *values, struct vdt_catalog *catalog,
                            char **document, struct vdt_error *error)
{
    if (values->add)
        return vdt_catalog_add_user(catalog, values->add, document, error);
    if (values->disable || values->enable)
        return vdt_catalog_disable_user(catalog, values->disable ? values->disable : values->enable,
                                        values->disable != NULL, document, error);
    return vdt_catalog_users(catalog, document, error);
}

static vdt_status ask_tokens(const struct people_values *values, struct vdt_catalog *catalog,
                             char **document, struct vdt_error *error)
{
    const struct vdt_token_values token = {.user = values->user,
                                           .scopes = (const char *const *)values->scopes.items,
                                           .scope_count = values->scopes.count,
                                           .expires = values->expires,
                                           .note = values->note};
    if (values->revoke.given)
        return vdt_catalog_revoke_token(catalog, values->revoke.value, error);
    if (values->make)
        return vdt_catalog_add_token(catalog, &token, document, error);
    return vdt_catalog_tokens(catalog, document, error);
}

static int run(const struct command *command, int argc, char **argv)
{
    struct people_values values = {0};
    struct catalog_session session;
    struct vdt_error error = {.status = VDT_OK};
    char *document = NULL;
    int code = options_parse(command, argc, argv, &values);
    if (code == OPTIONS_RUN)
        code = catalog_connect(command, &values.catalog, PROGRESS_NONE, false, &session);
    if (code == OPTIONS_RUN) {
        vdt_status (*ask)(const struct people_values *, struct vdt_catalog *, char **,
                          struct vdt_error *) = command == &users_command ? ask_users : ask_tokens;
        code = EXIT_DONE;
        if (ask(&values, session.catalog, &document, &error))
            code = catalog_failed(command, &session, &error);
        else if (document != NULL && values.json)
            code = catalog_print(document);
        else if (document != NULL) {
            json_t *json = catalog_json(document);
            print_all(json);
            json_decref(json);
        }
        catalog_close(&session);
    }
    options_clear(command, &values);
    return code;
}

static int run_users(int argc, char **argv)
{
    return run(&users_command, argc, argv);
}

static int run_tokens(int argc, char **argv)
{
    return run(&tokens_command, argc, argv);
}

const struct command users_command = {
    .name = "users",
    .summary = "lists the users of a catalog, or makes one (admins only)",
    .usage = "[--add NAME | --disable NAME | --enable NAME]",
    .notes = "examples:\n"
             "  vedatile users --add bruno\n"
             "  vedatile users\n",
    .options = users_options,
    .run = run_users,
};

const struct command tokens_command = {
    .name = "tokens",
    .summary = "lists your tokens, makes one, or makes one worthless",
    .usage = "[--new [--scopes A,B] | --revoke ID]",
    .notes = "A token can do at most what the one can that made it.\n\n"
             "examples:\n"
             "  vedatile tokens --new --scopes read --note 'the cluster'\n"
             "  vedatile tokens --revoke 3\n",
    .options = tokens_options,
    .run = run_tokens,
};
