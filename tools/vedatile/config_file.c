/* Members of a JSON object -> values of options, each by its row. What a value may be is decided
 * where words of the command line are: here JSON becomes such words. */
#include "config_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_document.h"
#include "options_value.h"
#include "report.h"

enum { POINTER_SIZE = 160, TEXT_SIZE = 64 };

struct loading {
    const struct command *command;
    struct config_values *config;
    const struct config_document *document;
    const struct option *option; /* whose member is being read */
    void *target;
    char pointer[POINTER_SIZE]; /* of the value that is being read */
};

static int wrong(const struct loading *loading, const char *message)
{
    return report_wrong(loading->command, "%s: %s: %s", loading->document->title, loading->pointer,
                        message);
}

/* The name of a member as a JSON pointer has it. */
static void append_token(char *pointer, const char *name)
{
    size_t used = strlen(pointer);
    for (const char *c = name; *c && used + 3 < POINTER_SIZE; c++) {
        if (*c == '~' || *c == '/') {
            pointer[used++] = '~';
            pointer[used++] = *c == '~' ? '0' : '1';
        } else {
            pointer[used++] = *c;
        }
    }
    pointer[used] = '\0';
}

/* Keeps a text as long as the values live; takes it. */
static const char *keep(struct loading *loading, char *text)
{
    struct words *texts = &loading->config->texts;
    char **items = text ? realloc(texts->items, (texts->count + 1) * sizeof *items) : NULL;
    if (!items) {
        free(text);
        return NULL;
    }
    texts->items = items;
    return texts->items[texts->count++] = text;
}

/* --- one value ---------------------------------------------------------------------------- */

static bool in_one_word(enum option_kind kind)
{
    return kind == OPTION_COMMAS || kind == OPTION_SHARES || kind == OPTION_SET;
}

/* A backslash before what would end an item of a list in one word. */
static char *escaped(const char *text)
{
    char *copy = malloc(2 * strlen(text) + 1), *end = copy;
    if (!copy)
        return NULL;
    for (; *text; text++) {
        if (*text == ',' || *text == '\\')
            *end++ = '\\';
        *end++ = *text;
    }
    *end = '\0';
    return copy;
}

static int take_text(struct loading *loading, const char *text)
{
    char message[512], *copy;
    const struct option *option = loading->option;
    if (*text && (option->flags & OPTION_PATH))
        copy = config_document_path(loading->document, text);
    else
        copy = in_one_word(option->kind) ? escaped(text) : strdup(text);
    const char *kept = keep(loading, copy);
    if (!kept)
        return report_failed(loading->command, "out of memory");
    if (value_parse(option, kept, loading->target, message, sizeof message))
        return OPTIONS_RUN;
    return wrong(loading, message);
}

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "a list";
    case JSON_STRING: return "a text";
    case JSON_INTEGER:
    case JSON_REAL: return "a number";
    case JSON_TRUE:
    case JSON_FALSE: return "true or false";
    default: return "null";
    }
}

static int wrong_type(const struct loading *loading, const char *wanted, const json_t *value)
{
    char message[200];
    snprintf(message, sizeof message, "must be %s, not %s", wanted, type_name(value));
    return wrong(loading, message);
}

/* 3.0 is whole too, as JSON Schema has it. */
static bool is_whole(const json_t *value)
{
    double real = json_real_value(value);
    return json_is_integer(value) ||
           (json_is_real(value) && fabs(real) < 1e15 && real == rint(real));
}

static int take_integer(struct loading *loading, const json_t *value)
{
    char text[TEXT_SIZE];
    if (!is_whole(value))
        return wrong_type(loading, "a whole number", value);
    if (json_is_integer(value))
        snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else
        snprintf(text, sizeof text, "%.0f", json_real_value(value));
    return take_text(loading, text);
}

static int take_real(struct loading *loading, const json_t *value)
{
    char text[TEXT_SIZE];
    if (!json_is_number(value))
        return wrong_type(loading, "a number", value);
    snprintf(text, sizeof text, "%.17g", json_number_value(value));
    return take_text(loading, text);
}

static int take_string(struct loading *loading, const json_t *value)
{
    if (!json_is_string(value))
        return wrong_type(loading, "a text", value);
    return take_text(loading, json_string_value(value));
}

static int take_size(struct loading *loading, const json_t *value)
{
    char text[TEXT_SIZE];
    const json_t *cols = json_array_get(value, 0), *rows = json_array_get(value, 1);
    if (is_whole(value))
        return take_integer(loading, value);
    if (json_array_size(value) != 2 || !is_whole(cols) || !is_whole(rows))
        return wrong_type(loading, "a whole number or [columns, rows]", value);
    snprintf(text, sizeof text, "%.0fx%.0f", json_number_value(cols), json_number_value(rows));
    return take_text(loading, text);
}

/* Members in their order: groups follow each other as they do on the command line. */
static int take_shares(struct loading *loading, json_t *object)
{
    const char *name;
    json_t *share;
    size_t length = strlen(loading->pointer);
    int code = OPTIONS_RUN;
    json_object_foreach(object, name, share)
    {
        char text[512];
        snprintf(loading->pointer + length, POINTER_SIZE - length, "/");
        append_token(loading->pointer, name);
        if (!json_is_number(share))
            return wrong_type(loading, "a number above 0", share);
        int size = snprintf(text, sizeof text, "%s=%.17g", name, json_number_value(share));
        if (size >= (int)sizeof text)
            return wrong(loading, "the name of a group is too long");
        code = take_text(loading, text);
        loading->pointer[length] = '\0';
        if (code != OPTIONS_RUN)
            return code;
    }
    return code;
}

static int take_item(struct loading *loading, json_t *item)
{
    const struct option *option = loading->option;
    switch (option->kind) {
    case OPTION_REALS: return take_real(loading, item);
    case OPTION_INTEGERS: return take_integer(loading, item);
    case OPTION_SHARES:
        return json_is_object(item) ? take_shares(loading, item)
                                    : wrong_type(loading, "an object: {\"GROUP\": SHARE}", item);
    default: break;
    }
    if ((option->flags & OPTION_WHOLE_ITEMS) && is_whole(item))
        return take_integer(loading, item);
    if ((option->flags & OPTION_REAL_ITEMS) && json_is_number(item))
        return take_real(loading, item);
    if ((option->flags & (OPTION_WHOLE_ITEMS | OPTION_REAL_ITEMS)) && !json_is_string(item))
        return wrong_type(loading,
                          option->flags & OPTION_REAL_ITEMS ? "a number or a text"
                                                            : "a text or a whole number",
                          item);
    return take_string(loading, item);
}

static int take_list(struct loading *loading, json_t *list)
{
    size_t length = strlen(loading->pointer), index;
    json_t *item;
    if (!json_is_array(list))
        return wrong_type(loading,
                          loading->option->kind == OPTION_SHARES ? "an object: {\"GROUP\": SHARE}"
                                                                 : "a list, also of one: [...]",
                          list);
    json_array_foreach(list, index, item)
    {
        snprintf(loading->pointer + length, POINTER_SIZE - length, "/%zu", index);
        int code = take_item(loading, item);
        loading->pointer[length] = '\0';
        if (code != OPTIONS_RUN)
            return code;
    }
    return OPTIONS_RUN;
}

static int take_flag(struct loading *loading, const json_t *value)
{
    if (!json_is_boolean(value))
        return wrong_type(loading, "true or false", value);
    *(bool *)loading->target = json_is_true(value);
    return OPTIONS_RUN;
}

static int take_value(struct loading *loading, json_t *value)
{
    switch (loading->option->kind) {
    case OPTION_FLAG: return take_flag(loading, value);
    case OPTION_COUNT: return take_integer(loading, value);
    case OPTION_REAL: return take_real(loading, value);
    case OPTION_SIZE: return take_size(loading, value);
    case OPTION_TEXT:
    case OPTION_CHOICE:
    case OPTION_POSITION: return take_string(loading, value);
    case OPTION_SHARES:
        return json_is_object(value) ? take_shares(loading, value) : take_list(loading, value);
    default: return take_list(loading, value);
    }
}

/* --- the members -------------------------------------------------------------------------- */

static const struct option *find_member(const struct command *command, const char *name)
{
    for (const struct option *option = command->options; option->name; option++) {
        char member[TEXT_SIZE];
        if (options_member(option, member, sizeof member) && strcmp(member, name) == 0)
            return option;
    }
    return NULL;
}

static int unknown_member(struct loading *loading, const char *name)
{
    const char *names[OPTIONS_MOST];
    char members[OPTIONS_MOST][TEXT_SIZE], message[200];
    size_t count = 0;
    const struct option *row = options_find(loading->command, name);
    for (const struct option *option = loading->command->options; option->name; option++)
        if (options_member(option, members[count], TEXT_SIZE)) {
            names[count] = members[count];
            count++;
        }
    const char *near = options_nearest(name, names, count);
    if (row)
        snprintf(message, sizeof message, "is an option of the command line only");
    else if (near)
        snprintf(message, sizeof message, "there is no such option; did you mean \"%s\"?", near);
    else
        snprintf(message, sizeof message,
                 "there is no such option; 'vedatile %s --help' lists them",
                 loading->command->name);
    return wrong(loading, message);
}

/* A list without items and `false` are as if they were not there. */
static bool says_nothing(const json_t *value)
{
    return json_is_false(value) || (json_is_array(value) && json_array_size(value) == 0) ||
           (json_is_object(value) && json_object_size(value) == 0);
}

/* Sets the origin of the members that count: not those that the command line has or excludes, nor
 * those that need one of these. */
static void choose_members(const struct loading *loading, bool there[OPTIONS_MOST])
{
    const struct option *rows = loading->command->options;
    uint8_t *given = loading->config->given;
    for (size_t i = 0; rows[i].name; i++) {
        const struct option *other;
        for (const char *list = rows[i].excludes;
             (other = options_next(loading->command, &list));) {
            if (given[other - rows] == ORIGIN_LINE)
                there[i] = false;
            if (given[i] == ORIGIN_LINE)
                there[other - rows] = false;
        }
        there[i] = there[i] && given[i] == ORIGIN_NONE;
    }
}

static void drop_needing(const struct loading *loading, const bool were[OPTIONS_MOST],
                         bool there[OPTIONS_MOST])
{
    const struct option *rows = loading->command->options;
    const uint8_t *given = loading->config->given;
    for (bool again = true; again;) {
        again = false;
        for (size_t i = 0; rows[i].name; i++) {
            const struct option *needs;
            bool lost = false, met = false;
            for (const char *list = rows[i].needs;
                 (needs = options_next(loading->command, &list));) {
                size_t at = (size_t)(needs - rows);
                met |= there[at] || given[at] != ORIGIN_NONE;
                lost |= were[at] && !there[at];
            }
            if (there[i] && lost && !met) {
                there[i] = false;
                again = true;
            }
        }
    }
}

static int find_members(struct loading *loading, bool there[OPTIONS_MOST])
{
    const char *name;
    json_t *value;
    json_object_foreach(loading->document->options, name, value)
    {
        const struct option *option = find_member(loading->command, name);
        snprintf(loading->pointer, POINTER_SIZE, "/");
        append_token(loading->pointer, name);
        if (strcmp(name, "$schema") == 0)
            continue; /* for editors */
        if (!option)
            return unknown_member(loading, name);
        there[option - loading->command->options] = !says_nothing(value);
    }
    return OPTIONS_RUN;
}

/* All members are read, also those that do not count: a mistake does not wait for its day. */
static int take_members(struct loading *loading, const bool there[OPTIONS_MOST], void *values)
{
    const char *name;
    json_t *value;
    json_object_foreach(loading->document->options, name, value)
    {
        const struct option *option = find_member(loading->command, name);
        union {
            struct words words;
            struct reals reals;
            struct count count;
            double real;
        } unused = {0};
        if (!option)
            continue;
        size_t at = (size_t)(option - loading->command->options);
        loading->option = option;
        loading->target = there[at] ? (void *)((char *)values + option->offset) : &unused;
        snprintf(loading->pointer, POINTER_SIZE, "/%s", name);
        int code = take_value(loading, value);
        if (!there[at])
            value_clear(option, &unused);
        if (code != OPTIONS_RUN)
            return code;
        if (there[at])
            loading->config->given[at] = ORIGIN_FILE;
    }
    return OPTIONS_RUN;
}

int config_load(const struct command *command, struct config_values *config, void *values)
{
    struct config_document document = {0};
    bool there[OPTIONS_MOST] = {false}, were[OPTIONS_MOST];
    int code = config_document_read(command, config->path, &document);
    struct loading loading = {.command = command, .config = config, .document = &document};
    if (code == OPTIONS_RUN)
        code = find_members(&loading, there);
    memcpy(were, there, sizeof were);
    if (code == OPTIONS_RUN) {
        choose_members(&loading, there);
        drop_needing(&loading, were, there);
        code = take_members(&loading, there, values);
        config->title = strdup(document.title);
    }
    config_document_clear(&document);
    return code;
}
