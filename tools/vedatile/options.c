/* Parses a command line by a table. Wrong usage is one line that names the word. */
#include "options.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_file.h"
#include "config_schema.h"
#include "options_value.h"
#include "report.h"

struct parser {
    const struct command *command;
    int argc;
    char **argv;
    int at; /* the next word */
    void *values;
    uint8_t given[OPTIONS_MOST]; /* enum option_origin */
    const char *config;          /* title of the configuration file, borrowed; NULL: none */
};

static bool is_position(const struct option *option)
{
    return option->kind == OPTION_POSITION || option->kind == OPTION_POSITIONS;
}

static const char *dashes(const struct option *option)
{
    return is_position(option) ? "" : "--";
}

static const struct option *find_long(const struct command *command, const char *name, size_t size)
{
    for (const struct option *option = command->options; option->name; option++)
        if (!is_position(option) && strlen(option->name) == size &&
            memcmp(option->name, name, size) == 0)
            return option;
    return NULL;
}

const struct option *options_find(const struct command *command, const char *name)
{
    return name ? find_long(command, name, strlen(name)) : NULL;
}

const struct option *options_next(const struct command *command, const char **list)
{
    if (!*list || **list == '\0')
        return NULL;
    size_t size = strcspn(*list, "|");
    const struct option *found = find_long(command, *list, size);
    *list += size + ((*list)[size] == '|');
    return found;
}

bool options_member(const struct option *option, char *name, size_t size)
{
    if (option->flags & OPTION_LINE_ONLY)
        return false;
    snprintf(name, size, "%s", option->name);
    for (char *c = name; *c && is_position(option); c++)
        *c = (char)tolower((unsigned char)*c);
    return true;
}

static const struct option *find_letter(const struct command *command, char letter)
{
    for (const struct option *option = command->options; option->name; option++)
        if (option->letter == letter)
            return option;
    return NULL;
}

static uint8_t *origin(struct parser *parser, const struct option *option)
{
    return &parser->given[option - parser->command->options];
}

static bool is_given(const struct parser *parser, const struct option *option)
{
    return parser->given[option - parser->command->options] != ORIGIN_NONE;
}

static int unknown_option(const struct parser *parser, const char *word)
{
    const char *names[OPTIONS_MOST];
    size_t count = 0;
    for (const struct option *option = parser->command->options; option->name; option++)
        if (!is_position(option))
            names[count++] = option->name;
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
    const char *dashless = name + strspn(name, "-");
    const char *near = options_nearest(dashless, names, count);
    if (near)
        return report_wrong(parser->command, "unknown option %s; did you mean --%s?", name, near);
    return report_wrong(parser->command, "unknown option %s; 'vedatile %s --help' lists them", name,
                        parser->command->name);
}

static bool is_repeatable(const struct option *option)
{
    return option->kind == OPTION_WORDS || option->kind == OPTION_COMMAS ||
           option->kind == OPTION_SHARES || option->kind == OPTION_FLAG;
}

static bool looks_like_option(const char *word)
{
    return word[0] == '-' && word[1] != '\0';
}

/* One value of an option into the command's struct. */
static int take_value(struct parser *parser, const struct option *option, const char *text)
{
    char message[512];
    void *target = (char *)parser->values + option->offset;
    if (value_parse(option, text, target, message, sizeof message))
        return OPTIONS_RUN;
    return report_wrong(parser->command, "%s%s %s: %s", dashes(option), option->name, text,
                        message);
}

static int take_option(struct parser *parser, const struct option *option, const char *attached)
{
    if (is_given(parser, option) && !is_repeatable(option))
        return report_wrong(parser->command, "--%s is given twice", option->name);
    *origin(parser, option) = ORIGIN_LINE;
    if (option->kind == OPTION_FLAG) {
        if (attached)
            return report_wrong(parser->command, "--%s takes no value", option->name);
        *(bool *)((char *)parser->values + option->offset) = true;
        return OPTIONS_RUN;
    }
    if (attached)
        return take_value(parser, option, attached);
    const char *next = parser->at < parser->argc ? parser->argv[parser->at] : NULL;
    bool missing = !next || strncmp(next, "--", 2) == 0 ||
                   (option->kind == OPTION_WORDS && looks_like_option(next));
    if (missing)
        return report_wrong(parser->command, "--%s needs a value: %s", option->name,
                            option->argument);
    int code = take_value(parser, option, parser->argv[parser->at++]);
    if (option->kind != OPTION_WORDS)
        return code;
    while (code == OPTIONS_RUN && parser->at < parser->argc &&
           !looks_like_option(parser->argv[parser->at]))
        code = take_value(parser, option, parser->argv[parser->at++]);
    return code;
}

static int take_position(struct parser *parser, const char *word)
{
    for (const struct option *option = parser->command->options; option->name; option++)
        if (option->kind == OPTION_POSITIONS ||
            (option->kind == OPTION_POSITION && !is_given(parser, option))) {
            *origin(parser, option) = ORIGIN_LINE;
            return take_value(parser, option, word);
        }
    return report_wrong(parser->command, "unexpected argument '%s'", word);
}

static int take_word(struct parser *parser, const char *word)
{
    if (!looks_like_option(word))
        return take_position(parser, word);
    if (word[1] != '-') {
        const struct option *option = find_letter(parser->command, word[1]);
        if (!option)
            return unknown_option(parser, word);
        return take_option(parser, option, word[2] ? word + 2 : NULL);
    }
    size_t size = strcspn(word + 2, "=");
    const struct option *option = find_long(parser->command, word + 2, size);
    if (!option)
        return unknown_option(parser, word);
    return take_option(parser, option, word[2 + size] ? word + 2 + size + 1 : NULL);
}

static int missing(const struct parser *parser, const struct option *option)
{
    const struct option *eager = NULL;
    for (const struct option *other = parser->command->options; other->name; other++)
        if (other->kind == OPTION_WORDS && is_given(parser, other))
            eager = other;
    if (!is_position(option))
        return report_wrong(parser->command, "--%s is missing; usage: vedatile %s %s", option->name,
                            parser->command->name, parser->command->usage);
    if (eager)
        return report_wrong(parser->command,
                            "%s is missing; put it first: --%s takes all words up to the next "
                            "option",
                            option->name, eager->name);
    return report_wrong(parser->command, "%s is missing; usage: vedatile %s %s", option->name,
                        parser->command->name, parser->command->usage);
}

/* What an option has to do with another; as members where the configuration file has it. */
static int wrong_together(const struct parser *parser, const struct option *option,
                          const char *before, const char *other, const char *after)
{
    if (parser->given[option - parser->command->options] == ORIGIN_FILE)
        return report_wrong(parser->command, "%s: /%s: %s \"%s\"%s", parser->config, option->name,
                            before, other, after);
    return report_wrong(parser->command, "--%s %s --%s%s", option->name, before, other, after);
}

static bool is_any_given(const struct parser *parser, const char *list)
{
    const struct option *other;
    bool any = false;
    while ((other = options_next(parser->command, &list)))
        any |= is_given(parser, other);
    return any;
}

static int needs_another(const struct parser *parser, const struct option *option)
{
    const char *list = option->needs;
    const struct option *first = options_next(parser->command, &list);
    const struct option *second = options_next(parser->command, &list);
    char after[64] = "";
    bool in_file = parser->given[option - parser->command->options] == ORIGIN_FILE;
    if (second)
        snprintf(after, sizeof after, in_file ? " or \"%s\"" : " or --%s", second->name);
    return wrong_together(parser, option, "needs", first->name, after);
}

static int check_together(const struct parser *parser)
{
    const struct command *command = parser->command;
    for (const struct option *option = command->options; option->name; option++) {
        if (option->required && !is_given(parser, option))
            return missing(parser, option);
        if (!is_given(parser, option))
            continue;
        if (option->needs && !is_any_given(parser, option->needs))
            return needs_another(parser, option);
        const struct option *other;
        for (const char *list = option->excludes; (other = options_next(command, &list));)
            if (is_given(parser, other))
                return wrong_together(parser, option, "and", other->name,
                                      " contradict each other; give one");
    }
    return OPTIONS_RUN;
}

/* Whether a word of the line is `name`, whatever the words before it say. */
static bool asks_for(int argc, char **argv, const char *name)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return false;
}

static const struct option *find_kind(const struct command *command, enum option_kind kind)
{
    for (const struct option *option = command->options; option->name; option++)
        if (option->kind == kind)
            return option;
    return NULL;
}

static int parse_words(struct parser *parser)
{
    bool ended = false;
    int code = OPTIONS_RUN;
    while (code == OPTIONS_RUN && parser->at < parser->argc) {
        const char *word = parser->argv[parser->at++];
        if (ended)
            code = take_position(parser, word);
        else if (strcmp(word, "--") == 0)
            ended = true;
        else
            code = take_word(parser, word);
    }
    return code;
}

int options_parse(const struct command *command, int argc, char **argv, void *values)
{
    struct parser parser = {.command = command, .argc = argc, .argv = argv, .values = values};
    const struct option *config = find_kind(command, OPTION_CONFIG);
    if (asks_for(argc, argv, "--help") || asks_for(argc, argv, "-h")) {
        options_help(command);
        return EXIT_DONE;
    }
    if (find_kind(command, OPTION_SCHEMA) && asks_for(argc, argv, "--print-schema"))
        return config_schema(command);
    int code = parse_words(&parser);
    if (code == OPTIONS_RUN && config) {
        struct config_values *loaded = (void *)((char *)values + config->offset);
        memcpy(loaded->given, parser.given, sizeof loaded->given);
        code = loaded->path ? config_load(command, loaded, values) : OPTIONS_RUN;
        memcpy(parser.given, loaded->given, sizeof loaded->given);
        parser.config = loaded->title;
    }
    return code == OPTIONS_RUN ? check_together(&parser) : code;
}

void options_clear(const struct command *command, void *values)
{
    for (const struct option *option = command->options; option->name; option++)
        value_clear(option, (char *)values + option->offset);
}
