/* JSON text from a file, token by token and block by block. */
#include "source/labels/scan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/json_escape.h"

enum { BLOCK = 1 << 20, LONGEST_NUMBER = 128, FITS = 19 /* digits in 64 bits */ };

/* --- the file ---------------------------------------------------------------------------- */

bool vdt_scan_open(struct vdt_scan *scan, const char *path)
{
    *scan = (struct vdt_scan){.block = vdt_allocate(BLOCK + 1, 1)};
    if (scan->block == NULL)
        return false;
    scan->file = VSIFOpenL(path, "rb");
    scan->at = scan->end = scan->block;
    scan->block[0] = '\0';
    return scan->file != NULL;
}

void vdt_scan_close(struct vdt_scan *scan)
{
    if (scan->file != NULL)
        VSIFCloseL(scan->file);
    free(scan->block);
    vdt_buffer_clear(&scan->key);
    *scan = (struct vdt_scan){0};
}

bool vdt_scan_fill(struct vdt_scan *scan)
{
    if (scan->ended)
        return false;
    size_t left = (size_t)(scan->end - scan->at);
    scan->block_offset += (uint64_t)(scan->at - scan->block);
    memmove(scan->block, scan->at, left);
    size_t got = VSIFReadL(scan->block + left, 1, BLOCK - left, scan->file);
    scan->ended = got < BLOCK - left;
    scan->at = scan->block;
    scan->end = scan->block + left + got;
    scan->block[left + got] = '\0';
    return got > 0;
}

uint64_t vdt_scan_offset(const struct vdt_scan *scan)
{
    return scan->block_offset + (uint64_t)(scan->at - scan->block);
}

bool vdt_scan_restart(struct vdt_scan *scan, uint64_t offset)
{
    if (VSIFSeekL(scan->file, offset, SEEK_SET) != 0)
        return vdt_scan_strange(scan);
    scan->block_offset = offset;
    scan->at = scan->end = scan->block;
    scan->block[0] = '\0';
    scan->ended = false;
    return true;
}

static bool stop(struct vdt_scan *scan, enum vdt_scan_state state, const char *problem)
{
    if (scan->state == VDT_SCAN_FINE) {
        scan->state = state;
        scan->problem = problem;
        scan->problem_offset = vdt_scan_offset(scan);
    }
    return false;
}

bool vdt_scan_damaged(struct vdt_scan *scan, const char *problem)
{
    bool ended = scan->at == scan->end && scan->ended;
    return stop(scan, VDT_SCAN_DAMAGED, ended ? "the file ends here: it is cut short" : problem);
}

bool vdt_scan_strange(struct vdt_scan *scan)
{
    if (scan->at == scan->end && scan->ended)
        return vdt_scan_damaged(scan, "");
    return stop(scan, VDT_SCAN_STRANGE, "");
}

bool vdt_scan_leave(struct vdt_scan *scan)
{
    return stop(scan, VDT_SCAN_STRANGE, "");
}

uint64_t vdt_scan_line(struct vdt_scan *scan, uint64_t offset)
{
    uint64_t line = 1;
    if (VSIFSeekL(scan->file, 0, SEEK_SET) != 0)
        return 0;
    while (offset > 0) {
        size_t wanted = offset < BLOCK ? (size_t)offset : BLOCK;
        size_t got = VSIFReadL(scan->block, 1, wanted, scan->file);
        for (size_t i = 0; i < got; i++)
            line += scan->block[i] == '\n';
        if (got < wanted)
            return 0;
        offset -= got;
    }
    return line;
}

/* --- objects and arrays ------------------------------------------------------------------ */

/* What stands between the parts of an object or array: true when another part follows. */
static bool go_on(struct vdt_scan *scan, bool *first, char open, char close)
{
    if (!vdt_scan_fine(scan) || (*first && !vdt_scan_take(scan, open)))
        return false;
    char next = vdt_scan_peek(scan);
    if (next == close) {
        scan->at++;
        return false;
    }
    if (!*first) {
        if (!vdt_scan_take(scan, ','))
            return false;
        if (vdt_scan_peek(scan) == close) /* OGR takes some of these */
            return vdt_scan_strange(scan);
    }
    *first = false;
    return true;
}

bool vdt_scan_member(struct vdt_scan *scan, bool *first)
{
    if (!go_on(scan, first, '{', '}'))
        return false;
    if (vdt_scan_peek(scan) != '"')
        return vdt_scan_damaged(scan, "no name of a member");
    return vdt_scan_string(scan, &scan->key) && vdt_scan_take(scan, ':');
}

bool vdt_scan_element(struct vdt_scan *scan, bool *first)
{
    return go_on(scan, first, '[', ']');
}

/* --- strings ----------------------------------------------------------------------------- */

static bool append(struct vdt_scan *scan, struct vdt_buffer *to, const void *data, size_t size)
{
    if (to == NULL || vdt_buffer_append(to, data, size))
        return true;
    return stop(scan, VDT_SCAN_MEMORY, "");
}

static bool escape(struct vdt_scan *scan, struct vdt_buffer *to)
{
    if (scan->end - scan->at < VDT_SCAN_AHEAD)
        vdt_scan_fill(scan);
    struct vdt_json_escape escape = vdt_json_escape_read(scan->at);
    if (escape.taken == 0)
        return vdt_scan_damaged(scan, escape.problem);
    if (escape.size == 0 && to != NULL)
        return vdt_scan_strange(scan);
    scan->at += escape.taken;
    return append(scan, to, escape.text, escape.size);
}

bool vdt_scan_string(struct vdt_scan *scan, struct vdt_buffer *to)
{
    if (to != NULL)
        to->size = 0;
    scan->at++;
    for (;;) {
        const char *run = scan->at;
        const char *stop_at = run;
        while ((unsigned char)*stop_at >= ' ' && *stop_at != '"' && *stop_at != '\\')
            stop_at++;
        bool last = *stop_at == '"';
        if (!append(scan, to, run, (size_t)(stop_at - run) + last))
            return false;
        scan->at = stop_at + last;
        if (last) {
            if (to != NULL)
                to->data[to->size - 1] = '\0'; /* the quote */
            return true;
        }
        if (*stop_at == '\\') {
            if (!escape(scan, to))
                return false;
        } else if (stop_at != scan->end) {
            return vdt_scan_strange(scan); /* a control character, which has to be escaped */
        } else if (!vdt_scan_fill(scan)) {
            return vdt_scan_damaged(scan, "");
        }
    }
}

/* --- numbers ----------------------------------------------------------------------------- */

/* Digits of a number: up to 19 of them fit. */
struct digits {
    uint64_t mantissa;
    int count;    /* from the first that is not 0 */
    int fraction; /* of them and of zeros before them, behind the point */
    int exponent; /* as written */
};

static const char *read_digits(const char *at, struct digits *digits, bool behind_point)
{
    for (; *at >= '0' && *at <= '9'; at++) {
        digits->mantissa = digits->mantissa * 10 + (uint64_t)(*at - '0');
        digits->count += digits->mantissa != 0;
        digits->fraction += behind_point;
    }
    return at;
}

static const char *read_exponent(const char *at, struct digits *digits)
{
    bool negative = *at == '-';
    at += *at == '-' || *at == '+';
    const char *begin = at;
    for (; *at >= '0' && *at <= '9'; at++)
        if (digits->exponent < 10000)
            digits->exponent = digits->exponent * 10 + (*at - '0');
    if (negative)
        digits->exponent = -digits->exponent;
    return at == begin ? NULL : at;
}

/* The end of the number that is next; NULL when it is none, or no usual one. */
static const char *find_end(struct vdt_scan *scan, struct digits *digits, bool *whole)
{
    vdt_scan_peek(scan);
    const char *first = scan->at + (*scan->at == '-'), *at = read_digits(first, digits, false);
    bool usual = at == first + 1 || (at > first && *first != '0');
    if (at == first && strchr("+.I", *first) == NULL) {
        vdt_scan_damaged(scan, "no value");
        return NULL;
    }
    *whole = *at != '.' && *at != 'e' && *at != 'E';
    if (*at == '.') {
        const char *point = at++;
        at = read_digits(at, digits, true);
        usual = usual && at > point + 1;
    }
    if (*at == 'e' || *at == 'E')
        at = read_exponent(at + 1, digits);
    if (!usual || at == NULL || at - scan->at > LONGEST_NUMBER) {
        vdt_scan_strange(scan);
        return NULL;
    }
    if (at == scan->end) {
        scan->at = at;
        vdt_scan_damaged(scan, "");
        return NULL;
    }
    return at;
}

bool vdt_scan_read_number(struct vdt_scan *scan, struct vdt_scan_number *number)
{
    struct digits digits = {0};
    const char *end = find_end(scan, &digits, &number->whole), *begin = scan->at;
    if (end == NULL)
        return false;
    if (number->whole) {
        if (digits.count > 18)
            return vdt_scan_strange(scan);
        number->integer = *begin == '-' ? -(int64_t)digits.mantissa : (int64_t)digits.mantissa;
        number->real = (double)number->integer;
    } else {
        struct vdt_digits quick = {digits.mantissa, digits.exponent - digits.fraction};
        if (digits.count > FITS || !vdt_decimal_quick(&quick, &number->real))
            number->real = vdt_decimal_slow(begin, end);
        else if (*begin == '-')
            number->real = -number->real;
    }
    scan->at = end;
    return isfinite(number->real) || vdt_scan_strange(scan);
}

/* --- other values ------------------------------------------------------------------------ */

bool vdt_scan_word(struct vdt_scan *scan, const char *word)
{
    vdt_scan_peek(scan);
    size_t length = strlen(word);
    if (scan->ended && scan->end - scan->at < (ptrdiff_t)length)
        scan->at = scan->end;
    if (strncmp(scan->at, word, length) != 0)
        return vdt_scan_damaged(scan, "no value");
    scan->at += length;
    return true;
}

static bool skip_number(struct vdt_scan *scan)
{
    struct digits digits = {0};
    bool whole;
    const char *end = find_end(scan, &digits, &whole);
    if (end != NULL)
        scan->at = end;
    return end != NULL;
}

static bool skip_plain(struct vdt_scan *scan, char next)
{
    switch (next) {
    case '"': return vdt_scan_string(scan, NULL);
    case 't': return vdt_scan_word(scan, "true");
    case 'f': return vdt_scan_word(scan, "false");
    case 'n': return vdt_scan_word(scan, "null");
    case 'N': return vdt_scan_word(scan, "NaN"); /* as Python writes it */
    case 'I': return vdt_scan_word(scan, "Infinity");
    case '-': return scan->at[1] == 'I' ? vdt_scan_word(scan, "-Infinity") : skip_number(scan);
    default: return skip_number(scan);
    }
}

static bool skip_deep(struct vdt_scan *scan, int depth)
{
    bool first = true;
    char next = vdt_scan_peek(scan);
    if (next != '{' && next != '[')
        return skip_plain(scan, next);
    if (depth == VDT_SCAN_DEPTH)
        return vdt_scan_strange(scan);
    while (next == '{' ? vdt_scan_member(scan, &first) : vdt_scan_element(scan, &first))
        if (!skip_deep(scan, depth + 1))
            return false;
    return vdt_scan_fine(scan);
}

bool vdt_scan_skip(struct vdt_scan *scan)
{
    return skip_deep(scan, 0);
}
