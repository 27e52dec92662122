/* vedatile login: a server and a token, kept for the commands that need them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "catalog_options.h"
#include "json.h"
#include "report.h"
#include "text.h"

enum { TOKEN_MOST = 400 };

struct login_values {
    const char *url;
    const char *token_file;
    bool logout;
    bool json;
    struct catalog_values catalog;
};

#define AT(field) offsetof(struct login_values, field)

static const struct option login_options[] = {
    {.name = "URL",
     .kind = OPTION_POSITION,
     .offset = AT(url),
     .help = "the catalog, such as https://catalog.example.org; default: say who you are at "
             "the last one"},
    {.name = "token-file",
     .kind = OPTION_TEXT,
     .offset = AT(token_file),
     .argument = "FILE",
     .excludes = "logout",
     .flags = OPTION_PATH,
     .help = "the file that holds the token; default: asks for it, or reads a line of standard "
             "input"},
    {.name = "logout",
     .kind = OPTION_FLAG,
     .offset = AT(logout),
     .help = "forget the token of this catalog"},
    OPTION_ROWS_CATALOG(AT(catalog)),
    OPTION_ROW_JSON(AT(json)),
    {0},
};

/* A line without its end and without blanks around. */
static bool read_line(FILE *file, char *line)
{
    if (fgets(line, TOKEN_MOST, file) == NULL)
        return false;
    size_t from = strspn(line, " \t"), size = strlen(line);
    while (size > from && strchr(" \t\r\n", line[size - 1]))
        size--;
    memmove(line, line + from, size - from);
    line[size - from] = '\0';
    return size > from;
}

/* From the keyboard, unseen. */
static bool ask(const char *url, char *token)
{
    struct termios before, silent;
    bool terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0;
    if (terminal) {
        silent = before;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        fprintf(stderr, "token for %s: ", url);
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    }
    bool read = read_line(stdin, token);
    if (terminal) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        fputc('\n', stderr);
    }
    return read;
}

static int get_token(const struct login_values *values, char *token)
{
    if (values->token_file == NULL)
        return ask(values->url, token)
                   ? OPTIONS_RUN
                   : report_failed(&login_command, "no token was given; --token-file names a file "
                                                   "that holds it");
    FILE *file = fopen(values->token_file, "r");
    bool read = file != NULL && read_line(file, token);
    if (file != NULL)
        fclose(file);
    return read ? OPTIONS_RUN
                : report_failed(&login_command, "%s: cannot be read, or holds no token",
                                values->token_file);
}

static int print_login(const char *url, json_t *me, bool json)
{
    if (json) {
        json_object_set_new(me, "url", json_from_text(url));
        return json_print(me);
    }
    size_t i;
    const json_t *scope;
    printf("%s: ", url);
    text_print(stdout, json_string_value(json_object_get(me, "name")));
    fputs(" (", stdout);
    json_array_foreach(json_object_get(me, "scopes"), i, scope)
    {
        fputs(i > 0 ? ", " : "", stdout);
        text_print(stdout, json_is_string(scope) ? json_string_value(scope) : "?");
    }
    puts(")");
    json_decref(me);
    return EXIT_DONE;
}

/* Who a token is, as the server says. */
static vdt_status who(struct vdt_catalog *catalog, json_t **me, struct vdt_error *error)
{
    char *text = NULL;
    vdt_status status = vdt_catalog_me(catalog, &text, error);
    if (status)
        return status;
    *me = catalog_json(text);
    if (json_is_string(json_object_get(*me, "name")))
        return VDT_OK;
    json_decref(*me);
    return error_set(error, VDT_ERR_FORMAT, "the server does not say whose token that is");
}

static int log_in(const struct login_values *values, const char *path)
{
    char token[TOKEN_MOST];
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_catalog *catalog = NULL;
    struct vdt_catalog_options options = {.ca_file = values->catalog.ca_file,
                                          .insecure = values->catalog.insecure};
    json_t *me = NULL;
    catalog_proxies(&options);
    vdt_status status = vdt_catalog_open(values->url, NULL, &options, &catalog, &error);
    vdt_catalog_free(catalog);
    catalog = NULL;
    if (status) /* before the token is asked for */
        return report_error(&login_command, &error);
    int code = get_token(values, token);
    if (code != OPTIONS_RUN)
        return code;
    status = vdt_catalog_open(values->url, token, &options, &catalog, &error);
    if (!status)
        status = who(catalog, &me, &error);
    vdt_catalog_free(catalog);
    const char *user = json_string_value(json_object_get(me, "name"));
    struct vdt_login login = {.url = (char *)values->url,
                              .token = token,
                              .user = (char *)user,
                              .insecure = values->catalog.insecure};
    if (!status)
        status = vdt_login_write(path, &login, &error);
    memset(token, 0, sizeof token);
    if (!status)
        return print_login(values->url, me, values->json);
    json_decref(me);
    return report_error(&login_command, &error);
}

static int show_login(const struct login_values *values)
{
    struct catalog_session session;
    struct vdt_error error = {.status = VDT_OK};
    json_t *me = NULL;
    int code = catalog_connect(&login_command, &values->catalog, PROGRESS_NONE, false, &session);
    if (code != OPTIONS_RUN)
        return code;
    code = who(session.catalog, &me, &error) ? catalog_failed(&login_command, &session, &error)
                                             : print_login(session.url, me, values->json);
    catalog_close(&session);
    return code;
}

static int run_login(int argc, char **argv)
{
    struct login_values values = {0};
    struct vdt_error error = {.status = VDT_OK};
    int code = options_parse(&login_command, argc, argv, &values);
    char *path = catalog_login_path();
    if (code == OPTIONS_RUN && values.url == NULL)
        values.url = values.catalog.server;
    if (code != OPTIONS_RUN) {
        /* said already */
    } else if (path == NULL)
        code = report_failed(&login_command, "neither HOME nor XDG_CONFIG_HOME says where logins "
                                             "are kept");
    else if (values.url == NULL && (values.logout || values.token_file != NULL))
        code = report_wrong(&login_command, "URL is missing; usage: vedatile login %s",
                            login_command.usage);
    else if (values.logout)
        code = vdt_login_remove(path, values.url, &error) ? report_error(&login_command, &error)
                                                          : EXIT_DONE;
    else
        code = values.url == NULL ? show_login(&values) : log_in(&values, path);
    free(path);
    options_clear(&login_command, &values);
    return code;
}

const struct command login_command = {
    .name = "login",
    .summary = "keeps a catalog's address and your token for the other commands",
    .usage = "URL [--token-file FILE] [--logout]",
    .notes = "The token is tried, and kept in ~/.config/vedatile/login.json, which only you may "
             "read. Several\ncatalogs may be there; the last login is the default. VEDATILE_URL "
             "and VEDATILE_TOKEN in the\nenvironment come first.\n\n"
             "examples:\n"
             "  vedatile login https://catalog.example.org\n"
             "  vedatile login http://127.0.0.1:8765 --token-file token.txt\n"
             "  vedatile login http://127.0.0.1:8765 --logout\n",
    .options = login_options,
    .run = run_login,
};
