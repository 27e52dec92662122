/* JSON text in memory, token by token. */
#include "annotate/coco/coco_text.h"

#include <math.h>
#include <string.h>

#include "base/fold.h"

const char vdt_coco_cut_short[] = "the file ends here: it is cut short";
const char vdt_coco_no_memory[] = "out of memory";

bool vdt_coco_problem(struct vdt_coco_text *text, const char *problem)
{
    if (text->problem == NULL)
        text->problem =
            text->at >= text->end && problem != vdt_coco_no_memory ? vdt_coco_cut_short : problem;
    return false;
}

/* --- objects and arrays ------------------------------------------------------------------ */

static inline bool go_on(struct vdt_coco_text *text, bool *first, char open, char close,
                         const char *missing)
{
    if (text->problem != NULL)
        return false;
    if (*first) {
        if (vdt_coco_peek(text) != open)
            return vdt_coco_problem(text, missing);
        text->at++;
        if (vdt_coco_peek(text) != close) {
            *first = false;
            return true;
        }
        text->at++;
        return false;
    }
    char next = vdt_coco_peek(text);
    if (next == close) {
        text->at++;
        return false;
    }
    if (next != ',')
        return vdt_coco_problem(text, "no ',' or closing bracket");
    text->at++;
    return vdt_coco_peek(text) != close || vdt_coco_problem(text, "a ',' with nothing behind it");
}

/* The end of the string whose first quote was taken: its quote, or a backslash. */
static const char *run_of_string(const char *at)
{
    while ((unsigned char)*at >= ' ' && *at != '"' && *at != '\\')
        at++;
    return at;
}

static bool key_with_escapes(struct vdt_coco_text *text, const char **key, size_t *size)
{
    text->key.size = 0;
    if (!vdt_coco_string(text, &text->key))
        return false;
    *key = (const char *)text->key.data;
    *size = text->key.size;
    return true;
}

bool vdt_coco_member(struct vdt_coco_text *text, bool *first, const char **key, size_t *size)
{
    if (!go_on(text, first, '{', '}', "an object has to be here"))
        return false;
    if (*text->at != '"')
        return vdt_coco_problem(text, "no name of a member");
    const char *end = run_of_string(text->at + 1);
    text->name = text->at + 1;
    if (*end == '"') {
        *key = text->name;
        *size = (size_t)(end - text->name);
        text->at = end + 1;
    } else if (!key_with_escapes(text, key, size)) {
        return false;
    }
    text->name_size = (size_t)(text->at - 1 - text->name);
    if (vdt_coco_peek(text) != ':')
        return vdt_coco_problem(text, "no ':' behind the name of a member");
    text->at++;
    vdt_coco_peek(text);
    return true;
}

bool vdt_coco_element(struct vdt_coco_text *text, bool *first)
{
    return go_on(text, first, '[', ']', "an array has to be here");
}

/* --- values ------------------------------------------------------------------------------ */

bool vdt_coco_number(struct vdt_coco_text *text, struct vdt_decimal *number)
{
    vdt_coco_peek(text);
    const char *end = vdt_decimal_read(text->at, number);
    if (end != NULL && end < text->end) {
        text->at = end;
        return isfinite(number->real) || vdt_coco_problem(text, "a number too large for a double");
    }
    if (end == NULL) {
        end = text->at;
        while (*end != '\0' && strchr("+-.0123456789eE", *end) != NULL)
            end++;
    }
    if (end >= text->end)
        text->at = text->end;
    return vdt_coco_problem(text, "a number has to be here");
}

static bool append(struct vdt_coco_text *text, struct vdt_buffer *to, const char *data, size_t size)
{
    return to == NULL || vdt_buffer_append(to, data, size) ||
           vdt_coco_problem(text, vdt_coco_no_memory);
}

/* The text ends within the escape, or may go on with the second half of its character. */
static bool cut_in_escape(const struct vdt_coco_text *text, const struct vdt_json_escape *escape)
{
    const char *at = text->at;
    size_t there = (size_t)(text->end - at);
    if (there >= VDT_JSON_ESCAPE_AHEAD)
        return false;
    if (escape->taken == 0)
        return there < 2 || (at[1] == 'u' && there < 6 && strlen(at) == there);
    return escape->taken == 6 && escape->size == 0 &&
           (there == 6 || (at[6] == '\\' && (there == 7 || at[7] == 'u')));
}

bool vdt_coco_escape(struct vdt_coco_text *text, struct vdt_json_escape *escape)
{
    *escape = vdt_json_escape_read(text->at);
    if (cut_in_escape(text, escape)) {
        text->at = text->end;
        return vdt_coco_problem(text, vdt_coco_cut_short);
    }
    if (escape->taken == 0)
        return vdt_coco_problem(text, escape->problem);
    text->at += escape->taken;
    return true;
}

static bool escape_to(struct vdt_coco_text *text, struct vdt_buffer *to)
{
    struct vdt_json_escape escape;
    const char *begin = text->at;
    if (!vdt_coco_escape(text, &escape))
        return false;
    if (escape.size > 0 || to == NULL)
        return append(text, to, escape.text, escape.size);
    text->at = begin;
    return vdt_coco_problem(text, "half a character or a NUL in a string");
}

static bool take_string(struct vdt_coco_text *text, struct vdt_buffer *to)
{
    if (vdt_coco_peek(text) != '"')
        return vdt_coco_problem(text, "a string has to be here");
    text->at++;
    for (;;) {
        const char *end = run_of_string(text->at);
        if (!append(text, to, text->at, (size_t)(end - text->at)))
            return false;
        text->at = end;
        if (*end == '"') {
            text->at++;
            return true;
        }
        if (*end != '\\')
            return vdt_coco_problem(text, "a control character in a string: write it as an escape");
        if (!escape_to(text, to))
            return false;
    }
}

bool vdt_coco_string(struct vdt_coco_text *text, struct vdt_buffer *to)
{
    size_t before = to->size;
    if (!take_string(text, to))
        return false;
    return to->size == before ||
           vdt_utf8_valid((const char *)to->data + before, to->size - before) ||
           vdt_coco_problem(text, "a string that is not UTF-8: save the file as UTF-8");
}

bool vdt_coco_word(struct vdt_coco_text *text, const char *word)
{
    vdt_coco_peek(text);
    size_t length = strlen(word), there = (size_t)(text->end - text->at);
    if (strncmp(text->at, word, length) == 0) {
        text->at += length;
        return true;
    }
    if (there < length && strncmp(text->at, word, there) == 0)
        text->at = text->end;
    return vdt_coco_problem(text, "no value is here");
}

static bool skip_plain(struct vdt_coco_text *text, char next)
{
    struct vdt_decimal number;
    switch (next) {
    case '"': return take_string(text, NULL);
    case 't': return vdt_coco_word(text, "true");
    case 'f': return vdt_coco_word(text, "false");
    case 'n': return vdt_coco_word(text, "null");
    case 'N': return vdt_coco_word(text, "NaN"); /* as Python writes it */
    case 'I': return vdt_coco_word(text, "Infinity");
    case '-':
        if (text->at[1] == 'I')
            return vdt_coco_word(text, "-Infinity");
    /* fall through */
    default: return vdt_coco_number(text, &number);
    }
}

static bool skip_deep(struct vdt_coco_text *text, int depth)
{
    bool first = true;
    char next = vdt_coco_peek(text);
    if (next != '{' && next != '[')
        return skip_plain(text, next);
    if (depth == VDT_COCO_DEPTH)
        return vdt_coco_problem(text, "values nested deeper than 128");
    const char *key;
    size_t size;
    while (next == '{' ? vdt_coco_member(text, &first, &key, &size)
                       : vdt_coco_element(text, &first))
        if (!skip_deep(text, depth + 1))
            return false;
    return text->problem == NULL;
}

bool vdt_coco_skip(struct vdt_coco_text *text)
{
    return skip_deep(text, 0);
}
