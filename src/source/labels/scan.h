/* JSON text from a file, token by token and block by block. Private to source/.
 *
 *   bool first = true;
 *   while (vdt_scan_member(scan, &first))
 *       if (strcmp(vdt_scan_key(scan), "type") == 0) ... read or skip the value
 *
 * Every call that returns a bool says false when there is nothing more to read here: at the end of
 * an object or array, or because of trouble. After a loop, ask vdt_scan_fine. */
#ifndef SOURCE_SCAN_H
#define SOURCE_SCAN_H

#include <cpl_vsi.h>
#include <stdbool.h>
#include <stdint.h>
#include <vedatile/error.h>

#include "base/buffer.h"

enum {
    VDT_SCAN_AHEAD = 256, /* bytes that are there behind every token's begin, less at the end */
    VDT_SCAN_DEPTH = 128  /* of nested values that are skipped */
};

enum vdt_scan_state {
    VDT_SCAN_FINE = 0,
    VDT_SCAN_STRANGE, /* for another reader to judge */
    VDT_SCAN_DAMAGED, /* this is no JSON: see `problem` */
    VDT_SCAN_MEMORY
};

struct vdt_scan {
    VSILFILE *file;
    char *block;           /* owned */
    const char *at, *end;  /* not read yet, in the block; *end is NUL */
    uint64_t block_offset; /* of the block in the file */
    bool ended;            /* the file is, behind `end` */
    enum vdt_scan_state state;
    const char *problem;
    uint64_t problem_offset;
    struct vdt_buffer key; /* of the member, NUL-terminated */
};

/* A number as JSON spells it. */
struct vdt_scan_number {
    bool whole;      /* neither point nor exponent */
    int64_t integer; /* when whole */
    double real;
};

/* False when the file cannot be opened or memory is out. Cleared by vdt_scan_close either way. */
bool vdt_scan_open(struct vdt_scan *scan, const char *path);
void vdt_scan_close(struct vdt_scan *scan);

static inline bool vdt_scan_fine(const struct vdt_scan *scan)
{
    return scan->state == VDT_SCAN_FINE;
}

/* These return false, and the first one that is called counts. Nothing where something has to be is
 * damage, whichever it is called; only vdt_scan_leave is about what was read before. */
bool vdt_scan_strange(struct vdt_scan *scan);
bool vdt_scan_damaged(struct vdt_scan *scan, const char *problem);
bool vdt_scan_leave(struct vdt_scan *scan);

/* Reads on; true when bytes were added. */
bool vdt_scan_fill(struct vdt_scan *scan);

/* The next character that is not white space, not taken; NUL at the end of the file. */
static inline char vdt_scan_peek(struct vdt_scan *scan)
{
    do {
        while (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\r' || *scan->at == '\t')
            scan->at++;
    } while (scan->end - scan->at < VDT_SCAN_AHEAD && vdt_scan_fill(scan));
    return *scan->at;
}

static inline bool vdt_scan_at_end(struct vdt_scan *scan)
{
    return vdt_scan_peek(scan) == '\0' && scan->at == scan->end;
}

/* Takes the character, which has to be next. */
static inline bool vdt_scan_take(struct vdt_scan *scan, char wanted)
{
    if (vdt_scan_peek(scan) != wanted)
        return vdt_scan_damaged(scan, wanted == '{'   ? "no object"
                                      : wanted == '[' ? "no array"
                                      : wanted == ':' ? "no ':'"
                                                      : "no ',' or closing bracket");
    scan->at++;
    return true;
}

/* Goes to the next member of the object that is next, or that is being read; its value is then
 * next. */
bool vdt_scan_member(struct vdt_scan *scan, bool *first);
static inline const char *vdt_scan_key(const struct vdt_scan *scan)
{
    return (const char *)scan->key.data;
}

/* The same for the elements of an array. */
bool vdt_scan_element(struct vdt_scan *scan, bool *first);

/* Takes a string; `to` holds it afterwards, NUL-terminated, or is NULL. Text that C or UTF-8 cannot
 * hold is strange. */
bool vdt_scan_string(struct vdt_scan *scan, struct vdt_buffer *to);

/* Takes a number, correctly rounded. What does not fit is strange. */
bool vdt_scan_read_number(struct vdt_scan *scan, struct vdt_scan_number *number);

/* Takes "true", "false" or "null". */
bool vdt_scan_word(struct vdt_scan *scan, const char *word);

/* Takes any value. */
bool vdt_scan_skip(struct vdt_scan *scan);

/* The byte of the file that is next. */
uint64_t vdt_scan_offset(const struct vdt_scan *scan);

/* Reads again from a byte of the file on. */
bool vdt_scan_restart(struct vdt_scan *scan, uint64_t offset);

/* The line of a byte of the file, from 1; 0 when it cannot be read again. Moves the file. */
uint64_t vdt_scan_line(struct vdt_scan *scan, uint64_t offset);

#endif
