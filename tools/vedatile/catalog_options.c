/* The server, the token and the bar of a command. */
#include "catalog_options.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <vedatile/store.h>

#include "interrupt.h"
#include "json.h"
#include "report.h"
#include "text.h"

static bool parse_rate(const char *text, uint64_t *rate)
{
    static const char suffixes[] = "kMGT";
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    if (end == text || errno != 0 || !(value > 0) || !isdigit((unsigned char)text[0]))
        return false;
    const char *suffix = *end == '\0' ? NULL : strchr(suffixes, *end == 'K' ? 'k' : *end);
    if (*end != '\0' && (suffix == NULL || end[1] != '\0'))
        return false;
    for (const char *s = suffixes; suffix != NULL && s <= suffix; s++)
        value *= 1000;
    *rate = value < 1 ? 1 : value > 1e18 ? 0 : (uint64_t)value;
    return true;
}

bool catalog_rate(const char *text, char *message, size_t size)
{
    uint64_t rate;
    if (parse_rate(text, &rate))
        return true;
    snprintf(message, size, "not a number of bytes a second, such as 500k or 20M");
    return false;
}

/* --- where from --------------------------------------------------------------------------- */

char *catalog_login_path(void)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    bool own = config != NULL && config[0] == '/';
    if (!own && (home == NULL || *home == '\0'))
        return NULL;
    const char *folder = own ? config : home, *middle = own ? "" : "/.config";
    size_t size = strlen(folder) + sizeof "/.config/vedatile/login.json";
    char *path = malloc(size);
    if (path != NULL)
        snprintf(path, size, "%s%s/vedatile/login.json", folder, middle);
    return path;
}

static bool same_url(const char *a, const char *b)
{
    size_t left = strlen(a), right = strlen(b);
    while (left > 0 && a[left - 1] == '/')
        left--;
    while (right > 0 && b[right - 1] == '/')
        right--;
    return left == right && memcmp(a, b, left) == 0;
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value == NULL || *value == '\0' ? NULL : value;
}

/* The words that curl has for proxies; the one for plain http only in small letters, for a server
 * that runs programs for its clients gets HTTP_PROXY from a header of theirs. */
void catalog_proxies(struct vdt_catalog_options *options)
{
    const char *all = environment("all_proxy");
    const char *https = environment("https_proxy");
    options->no_proxy = environment("no_proxy");
    all = all != NULL ? all : environment("ALL_PROXY");
    https = https != NULL ? https : environment("HTTPS_PROXY");
    options->http_proxy = environment("http_proxy");
    options->https_proxy = https != NULL ? https : all;
    if (options->http_proxy == NULL)
        options->http_proxy = all;
    if (options->no_proxy == NULL)
        options->no_proxy = environment("NO_PROXY");
}

/* The server, and the login that belongs to it. False after a report. */
static bool find_server(const struct command *command, const struct catalog_values *values,
                        bool optional, struct catalog_session *session, const char **token)
{
    struct vdt_error error = {.status = VDT_OK};
    const char *url = environment("VEDATILE_URL");
    char *path = catalog_login_path();
    *token = environment("VEDATILE_TOKEN");
    /* A token of the environment is for the server of the environment, where one is named. */
    if (values->server != NULL && url != NULL && !same_url(values->server, url))
        *token = NULL;
    if (values->server != NULL)
        url = values->server;
    vdt_status status = VDT_ERR_NOT_FOUND;
    if (path != NULL && (url == NULL || *token == NULL))
        status = vdt_login_read(path, url, &session->login, &error);
    free(path);
    if (status != VDT_OK && status != VDT_ERR_NOT_FOUND) {
        report_error(command, &error);
        return false;
    }
    session->url = url != NULL ? url : session->login.url;
    if (*token == NULL)
        *token = session->login.token;
    if (session->url == NULL && !optional) {
        report_failed(command, "no catalog is known: 'vedatile login URL' first, or set "
                               "VEDATILE_URL, or give --server");
        return false;
    }
    if (session->url == NULL)
        *token = NULL;
    return true;
}

/* --- the bar ------------------------------------------------------------------------------ */

static bool move_bar(enum vdt_catalog_step step, uint64_t done, uint64_t total, void *payload)
{
    static const char *const doing[VDT_STEP_COUNT] = {"", "hash", "send", "fetch"};
    struct catalog_session *session = payload;
    if (step != session->step) {
        progress_finish(&session->bar);
        session->bar = progress_start(session->mode, "bytes");
        session->bar.step = doing[step];
        session->step = step;
    }
    if (step == VDT_STEP_CALL || total == 0)
        return !interrupt_pending();
    return progress_update(done, total, &session->bar);
}

int catalog_connect(const struct command *command, const struct catalog_values *values, int mode,
                    bool optional, struct catalog_session *session)
{
    struct vdt_error error = {.status = VDT_OK};
    const char *token = NULL;
    *session = (struct catalog_session){.mode = (enum progress_mode)mode};
    session->bar = progress_start(session->mode, "bytes");
    if (!find_server(command, values, optional, session, &token))
        return EXIT_FAILED;
    struct vdt_catalog_options options = {
        .ca_file = values->ca_file,
        .insecure = values->insecure || session->login.insecure,
        .connections = (uint32_t)values->connections.value,
        .progress = move_bar,
        .payload = session,
    };
    if (values->limit_rate != NULL)
        parse_rate(values->limit_rate, &options.limit_rate);
    catalog_proxies(&options);
    interrupt_catch();
    vdt_status status = vdt_catalog_open(session->url, token, &options, &session->catalog, &error);
    if (status == VDT_OK)
        return OPTIONS_RUN;
    catalog_close(session);
    return report_error(command, &error);
}

void catalog_close(struct catalog_session *session)
{
    progress_finish(&session->bar);
    vdt_catalog_free(session->catalog);
    vdt_login_clear(&session->login);
    session->catalog = NULL;
}

int catalog_failed(const struct command *command, struct catalog_session *session,
                   const struct vdt_error *error)
{
    progress_finish(&session->bar);
    if (error->status == VDT_ERR_CANCELLED)
        return report_failed(command, "stopped; the same command goes on from there");
    return report_error(command, error);
}

/* --- documents ---------------------------------------------------------------------------- */

json_t *catalog_json(char *text)
{
    json_t *json = text == NULL ? NULL : json_loads(text, JSON_DECODE_ANY, NULL);
    vdt_string_free(text);
    return json;
}

int catalog_print(char *text)
{
    return json_print(catalog_json(text));
}

const char *catalog_text(const json_t *document, const char *name)
{
    const char *text = json_string_value(json_object_get(json_object_get(document, "data"), name));
    return text == NULL ? "" : text;
}

void catalog_print_entry(FILE *file, const json_t *document, const char *url)
{
    char bytes[32];
    const json_t *data = json_object_get(document, "data");
    text_print(file, catalog_text(document, "name"));
    fprintf(file, ": entry %s", catalog_text(document, "id"));
    if (json_is_integer(json_object_get(data, "version")))
        fprintf(file, ", version %" JSON_INTEGER_FORMAT ", %s",
                json_integer_value(json_object_get(data, "version")),
                text_bytes(bytes, sizeof bytes,
                           (uint64_t)json_integer_value(json_object_get(data, "bytes"))));
    else
        fputs(", no version yet", file);
    fprintf(file, ", %s\n", json_is_true(json_object_get(data, "public")) ? "public" : "private");
    if (url != NULL) {
        fputs("  ", file);
        text_print(file, url);
        fprintf(file, "/v1/entries/%s\n", catalog_text(document, "id"));
    }
}

char *catalog_entry_of(const struct command *command, const char *word)
{
    struct stat info;
    struct vdt_error error = {.status = VDT_OK};
    char *text = NULL;
    if (stat(word, &info) != 0 || !S_ISREG(info.st_mode))
        return strdup(word);
    if (vdt_catalog_sidecar(word, &text, &error) != VDT_OK) {
        report_error(command, &error);
        return NULL;
    }
    json_t *json = catalog_json(text);
    const char *entry = json_string_value(json_object_get(json, "entry"));
    char *copy = entry == NULL ? NULL : strdup(entry);
    if (entry == NULL)
        report_failed(command, "%s: was never saved to a catalog nor pulled from one", word);
    json_decref(json);
    return copy;
}
