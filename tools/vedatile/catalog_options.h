/* What the commands of the catalog's client share: which server, whose token, how it is told. */
#ifndef TOOL_CATALOG_OPTIONS_H
#define TOOL_CATALOG_OPTIONS_H

#include <jansson.h>
#include <vedatile/catalog.h>

#include "options.h"
#include "progress.h"

struct catalog_values {
    const char *server;
    const char *ca_file;
    const char *limit_rate;
    struct count connections;
    bool insecure;
};

bool catalog_rate(const char *text, char *message, size_t size);

/* Rows of an option table; `at` is the offset of the struct catalog_values. */
#define OPTION_ROWS_CATALOG(at)                                                   \
    {.name = "server",                                                            \
     .kind = OPTION_TEXT,                                                         \
     .offset = (at) + offsetof(struct catalog_values, server),                    \
     .argument = "URL",                                                           \
     .help = "the catalog; default: VEDATILE_URL, or the one of the last login"}, \
        {.name = "ca-file",                                                       \
         .kind = OPTION_TEXT,                                                     \
         .offset = (at) + offsetof(struct catalog_values, ca_file),               \
         .argument = "FILE",                                                      \
         .flags = OPTION_PATH,                                                    \
         .help = "certificates (PEM) to trust in place of the system's"},         \
    {                                                                             \
        .name = "insecure", .kind = OPTION_FLAG,                                  \
        .offset = (at) + offsetof(struct catalog_values, insecure),               \
        .help = "send the token over plain http to another machine"               \
    }

/* The same for commands that move stores. */
#define OPTION_ROWS_TRANSFER(at)                                                        \
    {.name = "limit-rate",                                                              \
     .kind = OPTION_TEXT,                                                               \
     .offset = (at) + offsetof(struct catalog_values, limit_rate),                      \
     .argument = "BYTES",                                                               \
     .accepts = catalog_rate,                                                           \
     .help = "bytes a second at most, such as 500k or 20M; default: no limit"},         \
    {                                                                                   \
        .name = "connections", .kind = OPTION_COUNT,                                    \
        .offset = (at) + offsetof(struct catalog_values, connections), .argument = "N", \
        .least = 1, .most = 64, .help = "connections at a time; default: 4"             \
    }

/* A client, and the bar that it moves. */
struct catalog_session {
    struct vdt_catalog *catalog;
    struct progress bar;
    enum progress_mode mode;
    enum vdt_catalog_step step;
    const char *url; /* borrowed from below; NULL: none */
    struct vdt_login login;
};

/* Opens the server that options, environment and login file name; with `optional` also without any.
 * Reports and returns an exit code, or OPTIONS_RUN. Catches Ctrl-C. */
int catalog_connect(const struct command *command, const struct catalog_values *values, int mode,
                    bool optional, struct catalog_session *session);
void catalog_close(struct catalog_session *session);

/* Takes the bar away, and reports a failure: "stopped" for Ctrl-C. Returns an exit code. */
int catalog_failed(const struct command *command, struct catalog_session *session,
                   const struct vdt_error *error);

/* The proxies that the environment names. */
void catalog_proxies(struct vdt_catalog_options *options);

/* ~/.config/vedatile/login.json, or XDG_CONFIG_HOME's; owned, NULL when memory or HOME lacks. */
char *catalog_login_path(void);

/* The entry that a word names: itself, or that of a local store which was saved or pulled. Owned;
 * NULL after a report. */
char *catalog_entry_of(const struct command *command, const char *word);

/* A document as JSON; frees `text`. NULL when memory is out. */
json_t *catalog_json(char *text);

/* Prints a document as --json does, and frees it. Returns an exit code. */
int catalog_print(char *text);

/* A member of "data" as text; "" when it is not there. */
const char *catalog_text(const json_t *document, const char *name);

/* "roofs (abcdefghijklmnop), version 3, 1.2 MB, private" and its address. */
void catalog_print_entry(FILE *file, const json_t *document, const char *url);

#endif
