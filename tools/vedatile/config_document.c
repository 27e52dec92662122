/* Files and stores that say how a store was made. */
#include "config_document.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <vedatile/store.h>

#include "options.h"
#include "report.h"

static const unsigned char hdf5_signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1A, '\n'};

void config_document_clear(struct config_document *document)
{
    json_decref(document->root);
    free(document->title);
    free(document->folder);
    *document = (struct config_document){0};
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return strdup("");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

/* "NETCDF:file:variable", "https://...", XML or JSON in place of a name. */
static bool is_connection(const char *path)
{
    const char *end = path;
    while (isalnum((unsigned char)*end) || *end == '_')
        end++;
    return *path == '<' || *path == '{' || (end > path && *end == ':') || strstr(path, "://");
}

char *config_document_path(const struct config_document *document, const char *path)
{
    const char *folder = document->folder;
    struct stat info;
    if (*path == '/' || !*folder)
        return strdup(path);
    size_t size = strlen(folder) + strlen(path) + 2;
    char *joined = malloc(size);
    if (!joined)
        return NULL;
    snprintf(joined, size, "%s%s%s", folder, strcmp(folder, "/") ? "/" : "", path);
    if (stat(joined, &info) == 0 || !is_connection(path))
        return joined;
    free(joined);
    return strdup(path);
}

/* --- a JSON file -------------------------------------------------------------------------- */

static int parse(const struct command *command, FILE *file, struct config_document *document)
{
    json_error_t place;
    document->root = json_loadf(file, JSON_REJECT_DUPLICATES, &place);
    document->options = document->root;
    if (!document->root)
        return report_wrong(command, "%s: line %d column %d: %s", document->title, place.line,
                            place.column, place.text);
    if (!json_is_object(document->root))
        return report_wrong(command,
                            "%s: must be a JSON object of options: {\"image\": [\"a.tif\"]}",
                            document->title);
    return OPTIONS_RUN;
}

/* --- a feed of a store -------------------------------------------------------------------- */

static int take_feed(const struct command *command, const char *path, size_t number,
                     struct config_document *document)
{
    size_t count = json_array_size(document->root);
    if (count == 0)
        return report_wrong(command,
                            "%s: the store has no feed to repeat: its samples were put in "
                            "by other means",
                            path);
    if (number == 0 && count > 1)
        return report_wrong(command, "%s: the store was fed %zu times: name one: %s#1 to %s#%zu",
                            path, count, path, path, count);
    if (number > count)
        return report_wrong(command, "%s: there is no feed %zu, the store has %zu", path, number,
                            count);
    number = number ? number : 1;
    document->options = json_object_get(json_array_get(document->root, number - 1), "options");
    if (!json_is_object(document->options))
        return report_wrong(command,
                            "%s: feed %zu is of a version that did not keep all options; 'vedatile "
                            "info --json' shows what it kept",
                            path, number);
    size_t size = strlen(path) + 40;
    free(document->title);
    document->title = malloc(size);
    if (!document->title)
        return report_failed(command, "out of memory");
    snprintf(document->title, size, "%s: feed %zu", path, number);
    return OPTIONS_RUN;
}

static int read_store(const struct command *command, const char *path, size_t number,
                      struct config_document *document)
{
    struct vdt_reader *reader = NULL;
    struct vdt_error error;
    if (vdt_reader_open(path, &reader, &error))
        return report_error(command, &error);
    document->root = json_loads(vdt_reader_feed_config(reader), 0, NULL);
    vdt_reader_free(reader);
    return take_feed(command, path, number, document);
}

/* Cuts "#N" off a name that is no file as it stands. Returns N, or 0. */
static size_t cut_number(char *path)
{
    struct stat info;
    char *hash = strrchr(path, '#');
    if (!hash || stat(path, &info) == 0 || !isdigit((unsigned char)hash[1]))
        return 0;
    char *end;
    errno = 0;
    unsigned long long number = strtoull(hash + 1, &end, 10);
    if (*end || errno)
        return 0;
    *hash = '\0';
    return number > SIZE_MAX ? SIZE_MAX : (size_t)number;
}

int config_document_read(const struct command *command, const char *path,
                         struct config_document *document)
{
    unsigned char head[sizeof hdf5_signature];
    struct stat info;
    char *name = strdup(path);
    size_t number = name ? cut_number(name) : 0;
    document->title = name;
    document->folder = name ? folder_of(name) : NULL;
    if (!document->folder)
        return report_failed(command, "out of memory");
    FILE *file = fopen(name, "rb");
    if (!file)
        return report_failed(command, "--config %s: cannot be read: %s", path, strerror(errno));
    if (fstat(fileno(file), &info) == 0 && S_ISDIR(info.st_mode)) {
        fclose(file);
        return report_wrong(command, "--config %s: is a folder: name a file", path);
    }
    bool store = fread(head, 1, sizeof head, file) == sizeof head &&
                 memcmp(head, hdf5_signature, sizeof head) == 0;
    rewind(file);
    int code = OPTIONS_RUN;
    if (store) {
        char *copy = strdup(name);
        code = copy ? read_store(command, copy, number, document)
                    : report_failed(command, "out of memory");
        free(copy);
    } else if (number) {
        code = report_wrong(command, "--config %s: #%zu is about stores, and %s is none", path,
                            number, name);
    } else {
        code = parse(command, file, document);
    }
    fclose(file);
    return code;
}
