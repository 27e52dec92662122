/* CQL2 text to words. */
#include "server/query/lexer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/fold.h"
#include "base/json.h"
#include "server/query/ast.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool begins_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
           (unsigned char)c >= 0x80;
}

static bool in_name(char c)
{
    return begins_name(c) || is_digit(c) || c == '.';
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static bool room(struct vdt_lexer *lexer, size_t size)
{
    return vdt_grow(&lexer->text, &lexer->capacity, size, 1);
}

static vdt_status read_name(struct vdt_lexer *lexer, struct vdt_error *error)
{
    size_t size = 1;
    while (in_name(lexer->at[size]))
        size++;
    if (!room(lexer, size + 1))
        return vdt_fail_memory(error, "filter");
    memcpy(lexer->text, lexer->at, size);
    lexer->text[size] = '\0';
    lexer->at += size;
    lexer->word = VDT_WORD_NAME;
    return VDT_OK;
}

/* Backslashes count before a quote only: each two of them are one, and one more escapes the quote.
 * So every text can be written, and one without them is what it looks like. */
static size_t backslashes(const char *at, char quote, bool *escapes)
{
    size_t count = 0;
    while (at[count] == '\\')
        count++;
    *escapes = quote == '\'' && count > 0 && at[count] == quote;
    return count;
}

static vdt_status read_quoted(struct vdt_lexer *lexer, struct vdt_error *error)
{
    const char quote = *lexer->at++;
    size_t size = 0;
    if (!room(lexer, strlen(lexer->at) + 1))
        return vdt_fail_memory(error, "filter");
    for (;; lexer->at++) {
        bool escapes;
        size_t count = backslashes(lexer->at, quote, &escapes);
        if (escapes) {
            memset(lexer->text + size, '\\', count / 2);
            size += count / 2;
            lexer->at += count;
            if (count % 2 == 0)
                break;
        } else if (*lexer->at == quote) {
            if (lexer->at[1] != quote)
                break;
            lexer->at++;
        } else if (*lexer->at == '\0') {
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "filter: byte %zu: a %s without its closing quote", lexer->place + 1,
                            quote == '\'' ? "text" : "name");
        }
        lexer->text[size++] = *lexer->at;
    }
    lexer->at++;
    lexer->text[size] = '\0';
    lexer->word = quote == '\'' ? VDT_WORD_TEXT : VDT_WORD_QUOTED;
    return VDT_OK;
}

static size_t digits_at(const char *at)
{
    size_t count = 0;
    while (is_digit(at[count]))
        count++;
    return count;
}

/* jansson reads it, as the C library's reading depends on the locale; JSON wants digits on both
 * sides of the point. */
static vdt_status read_number(struct vdt_lexer *lexer, struct vdt_error *error)
{
    const char *at = lexer->at;
    char text[80];
    bool negative = *at == '-';
    at += *at == '-' || *at == '+';
    size_t whole = digits_at(at), fraction = 0, power = 0, used;
    const char *digits = at;
    at += whole;
    if (*at == '.') {
        fraction = digits_at(at + 1);
        at += 1 + fraction;
    }
    if ((*at == 'e' || *at == 'E') && whole + fraction > 0) {
        size_t sign = at[1] == '-' || at[1] == '+';
        power = digits_at(at + 1 + sign) + (digits_at(at + 1 + sign) > 0 ? 1 + sign : 0);
    }
    while (whole > 1 && *digits == '0') {
        digits++;
        whole--;
    }
    if (whole + fraction == 0 || whole > 40 || fraction > 24 || power > 6)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "filter: byte %zu: no number", lexer->place + 1);
    used = (size_t)snprintf(text, sizeof text, "%s%.*s.%.*s%.*s", negative ? "-" : "",
                            whole > 0 ? (int)whole : 1, whole > 0 ? digits : "0",
                            fraction > 0 ? (int)fraction : 1, fraction > 0 ? at - fraction : "0",
                            (int)power, at);
    json_t *number = json_loadb(text, used, JSON_DECODE_ANY, NULL);
    lexer->number = json_real_value(number);
    bool good = number != NULL && isfinite(lexer->number) && !in_name(at[power]);
    json_decref(number);
    lexer->at = at + power;
    lexer->word = VDT_WORD_NUMBER;
    return good
               ? VDT_OK
               : vdt_fail(error, VDT_ERR_ARGUMENT, "filter: byte %zu: no number", lexer->place + 1);
}

static vdt_status read_sign(struct vdt_lexer *lexer, struct vdt_error *error)
{
    char c = *lexer->at, next = lexer->at[1];
    if (strchr("(),=<>", c) == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "filter: byte %zu: %c means nothing here",
                        lexer->place + 1, (unsigned char)c < 0x20 ? '?' : c);
    size_t size = (c == '<' && (next == '=' || next == '>')) || (c == '>' && next == '=') ? 2 : 1;
    if (!room(lexer, 3))
        return vdt_fail_memory(error, "filter");
    memcpy(lexer->text, lexer->at, size);
    lexer->text[size] = '\0';
    lexer->at += size;
    lexer->word = VDT_WORD_SIGN;
    return VDT_OK;
}

vdt_status vdt_lexer_next(struct vdt_lexer *lexer, struct vdt_error *error)
{
    while (is_space(*lexer->at))
        lexer->at++;
    lexer->place = (size_t)(lexer->at - lexer->start);
    char c = *lexer->at;
    if (c == '\0') {
        lexer->word = VDT_WORD_END;
        return VDT_OK;
    }
    if (begins_name(c))
        return read_name(lexer, error);
    if (c == '\'' || c == '"')
        return read_quoted(lexer, error);
    if (is_digit(c) || c == '.' || c == '-' || c == '+')
        return read_number(lexer, error);
    return read_sign(lexer, error);
}

vdt_status vdt_lexer_open(struct vdt_lexer *lexer, const char *text, struct vdt_error *error)
{
    *lexer = (struct vdt_lexer){.start = text, .at = text};
    size_t size = strlen(text);
    if (size > VDT_FILTER_TEXT)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "filter: more than %d bytes", VDT_FILTER_TEXT);
    if (!vdt_utf8_valid(text, size))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "filter: not UTF-8");
    return vdt_lexer_next(lexer, error);
}

void vdt_lexer_close(struct vdt_lexer *lexer)
{
    free(lexer->text);
    *lexer = (struct vdt_lexer){0};
}

bool vdt_lexer_is(const struct vdt_lexer *lexer, const char *keyword)
{
    return lexer->word == VDT_WORD_NAME && strcasecmp(lexer->text, keyword) == 0;
}

bool vdt_lexer_is_sign(const struct vdt_lexer *lexer, const char *sign)
{
    return lexer->word == VDT_WORD_SIGN && strcmp(lexer->text, sign) == 0;
}

vdt_status vdt_lexer_expected(const struct vdt_lexer *lexer, const char *what,
                              struct vdt_error *error)
{
    if (lexer->word == VDT_WORD_END)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "filter: it ends where %s was expected", what);
    return vdt_fail(error, VDT_ERR_ARGUMENT, "filter: byte %zu: %s was expected, not %.*s",
                    lexer->place + 1, what,
                    (int)(lexer->at - lexer->start - (long)lexer->place) > 40
                        ? 40
                        : (int)(lexer->at - lexer->start - (long)lexer->place),
                    lexer->start + lexer->place);
}

bool vdt_lexer_plain_name(const char *name)
{
    static const char *const keywords[] = {"AND",
                                           "OR",
                                           "NOT",
                                           "LIKE",
                                           "BETWEEN",
                                           "IN",
                                           "IS",
                                           "NULL",
                                           "TRUE",
                                           "FALSE",
                                           "CASEI",
                                           "ACCENTI",
                                           "DATE",
                                           "POINT",
                                           "LINESTRING",
                                           "POLYGON",
                                           "MULTIPOINT",
                                           "MULTILINESTRING",
                                           "INTERVAL",
                                           "BBOX",
                                           "MULTIPOLYGON",
                                           "TIMESTAMP",
                                           "GEOMETRYCOLLECTION"};
    if (!begins_name(*name))
        return false;
    for (const char *c = name; *c != '\0'; c++)
        if (!in_name(*c))
            return false;
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
        if (strcasecmp(name, keywords[i]) == 0)
            return false;
    return vdt_node_of_name(name) == VDT_NODE_KINDS;
}
