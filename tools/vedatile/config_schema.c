/* The table of options as a JSON Schema, and values of options as a configuration file. */
#include "config_schema.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "options_value.h"
#include "report.h"

enum { MEMBER_SIZE = 64, EXACT_DIGITS = 17, SHORT_DIGITS = 15 };

/* --- the schema --------------------------------------------------------------------------- */

static json_t *text_schema(const struct option *option)
{
    return json_pack("{s:s, s:i, s:s*}", "type", "string", "minLength", 1, "pattern",
                     option->pattern);
}

static json_t *choice_schema(const struct option *option)
{
    json_t *names = json_array();
    for (const char *const *name = option->choices; *name; name++)
        json_array_append_new(names, json_string(*name));
    return json_pack("{s:o}", "enum", names);
}

static json_t *whole_schema(const struct option *option)
{
    json_t *schema =
        json_pack("{s:s, s:I}", "type", "integer", "minimum", (json_int_t)option->least);
    if (option->most > 0 && option->most < INT64_MAX)
        json_object_set_new(schema, "maximum", json_integer((json_int_t)option->most));
    return schema;
}

static json_t *list_schema(json_t *items)
{
    return json_pack("{s:s, s:o}", "type", "array", "items", items);
}

static json_t *shares_schema(void)
{
    json_t *share = json_pack("{s:s, s:i}", "type", "number", "exclusiveMinimum", 0);
    json_t *object = json_pack("{s:s, s:o}", "type", "object", "additionalProperties", share);
    json_t *list = list_schema(json_deep_copy(object));
    return json_pack("{s:[o, o]}", "anyOf", object, list);
}

static json_t *commas_schema(const struct option *option)
{
    json_t *number = NULL;
    if (option->flags & OPTION_WHOLE_ITEMS)
        number = json_pack("{s:s, s:i}", "type", "integer", "minimum", 0);
    else if (option->flags & OPTION_REAL_ITEMS)
        number = json_pack("{s:s}", "type", "number");
    return list_schema(number ? json_pack("{s:[o, o]}", "anyOf", number, text_schema(option))
                              : text_schema(option));
}

static json_t *value_schema(const struct option *option)
{
    json_t *schema = NULL;
    switch (option->kind) {
    case OPTION_FLAG: return json_pack("{s:s}", "type", "boolean");
    case OPTION_CHOICE: return choice_schema(option);
    case OPTION_SET: return list_schema(choice_schema(option));
    case OPTION_COUNT: return whole_schema(option);
    case OPTION_REAL:
        return json_pack("{s:s, s:f, s:f}", "type", "number", "minimum", option->low, "maximum",
                         option->high);
    case OPTION_SIZE:
        schema = list_schema(whole_schema(option));
        json_object_set_new(schema, "minItems", json_integer(2));
        json_object_set_new(schema, "maxItems", json_integer(2));
        return json_pack("{s:[o, o]}", "anyOf", whole_schema(option), schema);
    case OPTION_REALS:
        schema =
            list_schema(json_pack("{s:s, s:f}", "type", "number", "exclusiveMinimum", option->low));
        json_object_set_new(schema, "maxItems", json_integer((json_int_t)option->most));
        return schema;
    case OPTION_INTEGERS: return list_schema(whole_schema(option));
    case OPTION_SHARES: return shares_schema();
    case OPTION_COMMAS: return commas_schema(option);
    case OPTION_TEXT:
    case OPTION_POSITION: return text_schema(option);
    default: return list_schema(text_schema(option));
    }
}

static json_t *excluding(const struct command *command)
{
    json_t *all = json_array();
    for (const struct option *option = command->options; option->name; option++) {
        const struct option *other;
        for (const char *list = option->excludes; (other = options_next(command, &list));)
            json_array_append_new(
                all, json_pack("{s:{s:[s, s]}}", "not", "required", option->name, other->name));
    }
    return all;
}

int config_schema(const struct command *command)
{
    json_t *members = json_object();
    char name[MEMBER_SIZE], description[512];
    json_object_set_new(members, "$schema", json_pack("{s:s}", "type", "string"));
    for (const struct option *option = command->options; option->name; option++) {
        if (!options_member(option, name, sizeof name))
            continue;
        json_t *schema = value_schema(option);
        json_object_set_new(schema, "description", json_string(option->help));
        json_object_set_new(schema, "x-path", json_boolean(option->flags & OPTION_PATH));
        json_object_set_new(schema, "x-kept", json_boolean(!(option->flags & OPTION_TRANSIENT)));
        json_object_set_new(members, name, schema);
    }
    snprintf(description, sizeof description,
             "Options of 'vedatile %s --config FILE'. Members are the long options; those of the "
             "command line win. Where x-path is true, names of files are relative to the folder of "
             "this file; where x-kept is true, a store keeps the option and --config STORE repeats "
             "it. Made by 'vedatile %s --print-schema'.",
             command->name, command->name);
    return json_print(
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:o, s:o}", "$schema",
                  "https://json-schema.org/draft/2020-12/schema", "$id", "feed-config.schema.json",
                  "title", "Configuration of a feed", "description", description, "type", "object",
                  "additionalProperties", 0, "properties", members, "allOf", excluding(command)));
}

/* --- values ------------------------------------------------------------------------------- */

static bool is_digits(const char *text)
{
    return *text && text[strspn(text, "0123456789")] == '\0' && strlen(text) < 10;
}

static json_t *word_json(const struct option *option, const char *word)
{
    double real;
    if ((option->flags & OPTION_WHOLE_ITEMS) && is_digits(word))
        return json_integer(atoi(word));
    if ((option->flags & OPTION_REAL_ITEMS) && value_real(word, &real))
        return json_real(real);
    return json_from_text(word);
}

static json_t *words_json(const struct option *option, const struct words *words)
{
    json_t *list = json_array();
    for (size_t i = 0; i < words->count; i++)
        json_array_append_new(list, word_json(option, words->items[i]));
    return list;
}

static json_t *shares_json(const struct words *words)
{
    json_t *object = json_object();
    for (size_t i = 0; i < words->count; i++) {
        char *name = strdup(words->items[i]);
        char *equals = name ? strrchr(name, '=') : NULL;
        if (equals) {
            *equals = '\0';
            json_object_set_new(object, name, json_real(strtod(equals + 1, NULL)));
        }
        free(name);
    }
    return object;
}

static json_t *set_json(const struct option *option, uint32_t set)
{
    json_t *list = json_array();
    for (uint32_t i = 0; option->choices[i]; i++)
        if (set >> i & 1)
            json_array_append_new(list, json_string(option->choices[i]));
    return list;
}

static json_t *numbers_json(const struct reals *reals)
{
    json_t *list = json_array();
    for (size_t i = 0; i < reals->count; i++)
        json_array_append_new(list, json_real(reals->items[i]));
    return list;
}

static json_t *size_json(const struct size *size)
{
    return size->cols == size->rows
               ? json_integer(size->cols)
               : json_pack("[I, I]", (json_int_t)size->cols, (json_int_t)size->rows);
}

static json_t *integers_json(const struct integers *integers)
{
    json_t *list = json_array();
    for (size_t i = 0; i < integers->count; i++)
        json_array_append_new(list, json_integer(integers->items[i]));
    return list;
}

static json_t *value_json(const struct option *option, const void *value)
{
    switch (option->kind) {
    case OPTION_FLAG: return json_boolean(*(const bool *)value);
    case OPTION_CHOICE: return json_string(option->choices[*(const int *)value]);
    case OPTION_SET: return set_json(option, *(const uint32_t *)value);
    case OPTION_COUNT: return json_from_count(((const struct count *)value)->value);
    case OPTION_REAL: return json_real(*(const double *)value);
    case OPTION_SIZE: return size_json(value);
    case OPTION_REALS: return numbers_json(value);
    case OPTION_INTEGERS: return integers_json(value);
    case OPTION_SHARES: return shares_json(value);
    case OPTION_TEXT:
    case OPTION_POSITION: return json_from_text(*(const char *const *)value);
    default: return words_json(option, value);
    }
}

/* As few digits as bring all numbers back. */
static int print_exact(json_t *object)
{
    char *text = json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION(SHORT_DIGITS));
    json_t *back = text ? json_loads(text, 0, NULL) : NULL;
    if (!back || !json_equal(back, object)) {
        free(text);
        text = json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION(EXACT_DIGITS));
    }
    json_decref(back);
    json_decref(object);
    if (!text || puts(text) == EOF) {
        free(text);
        return report_failed(NULL, "cannot write the JSON object to standard output");
    }
    free(text);
    return EXIT_DONE;
}

int config_print(const struct command *command, const struct config_values *config,
                 const void *values)
{
    json_t *object = json_object();
    char name[MEMBER_SIZE];
    for (size_t i = 0; command->options[i].name; i++) {
        const struct option *option = &command->options[i];
        if (config->given[i] != ORIGIN_NONE && options_member(option, name, sizeof name))
            json_object_set_new(object, name,
                                value_json(option, (const char *)values + option->offset));
    }
    return print_exact(object);
}
