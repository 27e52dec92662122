/* Command line options as a table: one row gives the parsing, the range check and the help.
 * A row writes its value at `offset` of the command's own struct of values. */
#ifndef TOOL_OPTIONS_H
#define TOOL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "command.h"

struct words {
    char **items;
    size_t count;
};

struct integers {
    int *items;
    size_t count;
};

struct count {
    bool given;
    uint64_t value;
};

struct size {
    uint32_t cols;
    uint32_t rows;
};

enum option_kind {
    OPTION_FLAG,     /* bool */
    OPTION_TEXT,     /* const char *, borrowed from argv */
    OPTION_WORDS,    /* struct words: this word and the following ones, up to the next option */
    OPTION_COMMAS,   /* struct words: a,b,c where a comma in a name is written \, */
    OPTION_INTEGERS, /* struct integers: 3,2,1 */
    OPTION_SET,      /* uint32_t: bit i for choices[i] */
    OPTION_CHOICE,   /* int: i for choices[i] */
    OPTION_COUNT,    /* struct count */
    OPTION_REAL,     /* double */
    OPTION_SIZE,     /* struct size: N or WxH */
    OPTION_POSITION, /* const char *: a word that is no option; `name` is in capitals */
    OPTION_POSITIONS /* struct words: that one and all others; the last of the positions */
};

struct option {
    const char *name; /* without dashes */
    char letter;      /* one-letter form, or 0 */
    enum option_kind kind;
    bool required;
    size_t offset;
    const char *argument; /* what stands for the value in the help */
    const char *help;     /* with the default and the unit */
    uint64_t least;       /* COUNT, SIZE, INTEGERS: inclusive; most 0 means no limit */
    uint64_t most;
    double low; /* REAL: inclusive */
    double high;
    const char *const *choices; /* ends with NULL */
    const char *needs;          /* another option that must be given with this one */
    const char *excludes;       /* another option that must not */
};

enum { OPTIONS_RUN = -1 };

/* Fills `values`, which holds the defaults. OPTIONS_RUN when the command shall go on, otherwise the
 * exit code: --help was printed on stdout, or one line about wrong usage on stderr. */
int options_parse(const struct command *command, int argc, char **argv, void *values);

/* Releases the lists in `values`. */
void options_clear(const struct command *command, void *values);

/* The text of --help on stdout. */
void options_help(const struct command *command);

/* The nearest of `count` names by spelling, or NULL when none is near. */
const char *options_nearest(const char *name, const char *const *names, size_t count);

#endif
