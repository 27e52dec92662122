/* Words -> values, exactly: no trailing text, no rounding, no overflow. */
#include "options_value.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

struct complaint {
    char *message;
    size_t size;
};

static bool complain(const struct complaint *complaint, const char *format, ...) TOOL_PRINTF(2, 3);

static bool complain(const struct complaint *complaint, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(complaint->message, complaint->size, format, arguments);
    va_end(arguments);
    return false;
}

static bool is_decimal(const char *text)
{
    return *text && text[strspn(text, "0123456789")] == '\0';
}

static bool parse_whole(const struct option *option, const char *text, uint64_t *value,
                        const struct complaint *complaint)
{
    uint64_t most = option->most ? option->most : UINT64_MAX;
    errno = 0;
    unsigned long long parsed = is_decimal(text) ? strtoull(text, NULL, 10) : 0;
    bool negative = text[0] == '-' && is_decimal(text + 1);
    if (!is_decimal(text) && !negative)
        return complain(complaint, "not a whole number");
    if (negative || errno == ERANGE || parsed < option->least || parsed > most)
        return complain(complaint, "must be %llu..%llu", (unsigned long long)option->least,
                        (unsigned long long)most);
    *value = parsed;
    return true;
}

bool value_real(const char *text, double *value)
{
    if (!*text || text[strspn(text, "+-.0123456789eE")])
        return false;
    char *end;
    double parsed = strtod(text, &end);
    if (end == text || *end || !isfinite(parsed))
        return false;
    *value = parsed;
    return true;
}

static bool parse_real(const struct option *option, const char *text, double *value,
                       const struct complaint *complaint)
{
    double parsed;
    if (!value_real(text, &parsed))
        return complain(complaint, "not a number");
    if (parsed < option->low || parsed > option->high)
        return complain(complaint, "must be %g..%g", option->low, option->high);
    *value = parsed;
    return true;
}

static bool parse_size(const struct option *option, const char *text, struct size *size,
                       const struct complaint *complaint)
{
    const char *cross = strchr(text, 'x');
    char first[32];
    size_t length = cross ? (size_t)(cross - text) : strlen(text);
    uint64_t cols, rows;
    if (length >= sizeof first)
        return complain(complaint, "not a size; write N or WxH");
    snprintf(first, sizeof first, "%.*s", (int)length, text);
    if (cross && (!is_decimal(first) || !is_decimal(cross + 1)))
        return complain(complaint, "not a size; write N or WxH");
    if (!parse_whole(option, first, &cols, complaint))
        return false;
    rows = cols;
    if (cross && !parse_whole(option, cross + 1, &rows, complaint))
        return false;
    *size = (struct size){.cols = (uint32_t)cols, .rows = (uint32_t)rows};
    return true;
}

static bool choice_index(const struct option *option, const char *text, int *index,
                         const struct complaint *complaint)
{
    char known[256] = "";
    size_t used = 0;
    for (int i = 0; option->choices[i]; i++) {
        if (strcmp(option->choices[i], text) == 0) {
            *index = i;
            return true;
        }
        int wrote =
            snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", option->choices[i]);
        used += wrote > 0 && used + (size_t)wrote < sizeof known ? (size_t)wrote : 0;
    }
    return complain(complaint, "must be one of %s", known);
}

/* Takes `item`, also when it fails. */
static bool words_add(struct words *words, char *item)
{
    char **items = item ? realloc(words->items, (words->count + 1) * sizeof *items) : NULL;
    if (!items) {
        free(item);
        return false;
    }
    items[words->count++] = item;
    words->items = items;
    return true;
}

/* The item up to the next comma that no backslash protects; *text is moved behind that comma,
 * or to NULL at the end. Owned by the caller. */
static char *next_item(const char **text)
{
    const char *from = *text;
    char *item = malloc(strlen(from) + 1);
    size_t size = 0;
    if (!item)
        return NULL;
    for (; *from && *from != ','; from++) {
        if (*from == '\\' && (from[1] == ',' || from[1] == '\\'))
            from++;
        item[size++] = *from;
    }
    item[size] = '\0';
    *text = *from ? from + 1 : NULL;
    return item;
}

static bool parse_commas(const char *text, struct words *words, const struct complaint *complaint)
{
    while (text) {
        char *item = next_item(&text);
        if (item && !*item) {
            free(item);
            return complain(complaint, "an item of the list is empty");
        }
        if (!words_add(words, item))
            return complain(complaint, "out of memory");
    }
    return true;
}

/* Items of a list in one word; each goes to `take`. */
static bool each_item(const struct option *option, const char *text, void *target,
                      bool (*take)(const struct option *option, const char *item, void *target,
                                   const struct complaint *complaint),
                      const struct complaint *complaint)
{
    struct words words = {0};
    bool good = parse_commas(text, &words, complaint);
    for (size_t i = 0; i < words.count; i++) {
        good = good && take(option, words.items[i], target, complaint);
        free(words.items[i]);
    }
    free(words.items);
    return good;
}

static bool take_item(const struct option *option, const char *item, void *target,
                      const struct complaint *complaint)
{
    if (option->accepts && !option->accepts(item, complaint->message, complaint->size))
        return false;
    return words_add(target, strdup(item)) || complain(complaint, "out of memory");
}

static bool take_integer(const struct option *option, const char *item, void *target,
                         const struct complaint *complaint)
{
    struct integers *list = target;
    uint64_t value = 0;
    if (!parse_whole(option, item, &value, complaint))
        return false;
    int *items = realloc(list->items, (list->count + 1) * sizeof *items);
    if (!items)
        return complain(complaint, "out of memory");
    list->items = items;
    list->items[list->count++] = (int)value;
    return true;
}

static bool take_real(const struct option *option, const char *item, void *target,
                      const struct complaint *complaint)
{
    struct reals *list = target;
    double value = 0;
    if (list->count >= option->most || !value_real(item, &value) || !(value > option->low))
        return complain(complaint, "write %llu to %llu numbers above %g",
                        (unsigned long long)option->least, (unsigned long long)option->most,
                        option->low);
    double *items = realloc(list->items, (list->count + 1) * sizeof *items);
    if (!items)
        return complain(complaint, "out of memory");
    list->items = items;
    list->items[list->count++] = value;
    return true;
}

static bool take_share(const struct option *option, const char *item, void *target,
                       const struct complaint *complaint)
{
    const char *equals = strrchr(item, '=');
    double share;
    (void)option;
    if (!equals || equals == item)
        return complain(complaint, "write GROUP=SHARE, e.g. train=0.8");
    if (!value_real(equals + 1, &share) || !(share > 0))
        return complain(complaint, "the share must be a number above 0");
    return words_add(target, strdup(item)) || complain(complaint, "out of memory");
}

static bool take_choice(const struct option *option, const char *item, void *target,
                        const struct complaint *complaint)
{
    int index;
    if (!choice_index(option, item, &index, complaint))
        return false;
    *(uint32_t *)target |= UINT32_C(1) << index;
    return true;
}

static bool parse_text(const struct option *option, const char *text, const char **target,
                       const struct complaint *complaint)
{
    if (option->accepts && !option->accepts(text, complaint->message, complaint->size))
        return false;
    *target = text;
    return true;
}

bool value_parse(const struct option *option, const char *text, void *target, char *message,
                 size_t size)
{
    struct complaint complaint = {.message = message, .size = size};
    if (!*text)
        return complain(&complaint, "the value is empty");
    switch (option->kind) {
    case OPTION_FLAG: *(bool *)target = true; return true;
    case OPTION_TEXT:
    case OPTION_POSITION: return parse_text(option, text, target, &complaint);
    case OPTION_WORDS:
    case OPTION_POSITIONS: return take_item(option, text, target, &complaint);
    case OPTION_COMMAS: return each_item(option, text, target, take_item, &complaint);
    case OPTION_SHARES: return each_item(option, text, target, take_share, &complaint);
    case OPTION_INTEGERS: return each_item(option, text, target, take_integer, &complaint);
    case OPTION_REALS: return each_item(option, text, target, take_real, &complaint);
    case OPTION_SET: return each_item(option, text, target, take_choice, &complaint);
    case OPTION_CHOICE: return choice_index(option, text, target, &complaint);
    case OPTION_COUNT:
        ((struct count *)target)->given = true;
        return parse_whole(option, text, &((struct count *)target)->value, &complaint);
    case OPTION_REAL: return parse_real(option, text, target, &complaint);
    case OPTION_SIZE: return parse_size(option, text, target, &complaint);
    case OPTION_CONFIG: ((struct config_values *)target)->path = text; return true;
    case OPTION_SCHEMA: return true;
    }
    return complain(&complaint, "cannot be parsed");
}

static void clear_words(struct words *words)
{
    for (size_t i = 0; i < words->count; i++)
        free(words->items[i]);
    free(words->items);
    *words = (struct words){0};
}

void value_clear(const struct option *option, void *target)
{
    switch (option->kind) {
    case OPTION_WORDS:
    case OPTION_COMMAS:
    case OPTION_SHARES:
    case OPTION_POSITIONS: clear_words(target); break;
    case OPTION_INTEGERS:
        free(((struct integers *)target)->items);
        *(struct integers *)target = (struct integers){0};
        break;
    case OPTION_REALS:
        free(((struct reals *)target)->items);
        *(struct reals *)target = (struct reals){0};
        break;
    case OPTION_CONFIG: {
        struct config_values *config = target;
        clear_words(&config->texts);
        free(config->title);
        *config = (struct config_values){0};
        break;
    }
    default: break;
    }
}
