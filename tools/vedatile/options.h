/* Options as a table: one row gives the parsing, the range check, the help, and the member of
 * configuration files. A row writes its value at `offset` of the command's own struct of values. */
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

struct reals {
    double *items;
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

enum { OPTIONS_MOST = 128 };

/* Where an option's value comes from. */
enum option_origin { ORIGIN_NONE, ORIGIN_LINE, ORIGIN_FILE };

/* A configuration file, and what was given where. */
struct config_values {
    const char *path;            /* as it was given; NULL: none */
    char *title;                 /* for messages */
    struct words texts;          /* that values point into */
    uint8_t given[OPTIONS_MOST]; /* enum option_origin of each row */
};

enum option_kind {
    OPTION_FLAG,     /* bool */
    OPTION_TEXT,     /* const char *, borrowed from argv */
    OPTION_WORDS,    /* struct words: this word and the following ones, up to the next option */
    OPTION_COMMAS,   /* struct words: a,b,c where a comma in a name is written \, */
    OPTION_SHARES,   /* struct words: NAME=NUMBER,... each number above 0 */
    OPTION_INTEGERS, /* struct integers: 3,2,1 */
    OPTION_REALS,    /* struct reals: 1.5,2; `least` to `most` numbers above `low` */
    OPTION_SET,      /* uint32_t: bit i for choices[i] */
    OPTION_CHOICE,   /* int: i for choices[i] */
    OPTION_COUNT,    /* struct count */
    OPTION_REAL,     /* double */
    OPTION_SIZE,     /* struct size: N or WxH */
    OPTION_CONFIG,   /* struct config_values: a file of options; at most one row of a table */
    OPTION_SCHEMA,   /* prints the JSON Schema of such files and ends, as --help does */
    OPTION_POSITION, /* const char *: a word that is no option; `name` is in capitals */
    OPTION_POSITIONS /* struct words: that one and all others; the last of the positions */
};

enum option_flags {
    OPTION_PATH = 1,      /* file names: those in a configuration file are relative to it */
    OPTION_TRANSIENT = 2, /* how a call runs, not what the store gets: the store does not keep it */
    OPTION_LINE_ONLY = 4, /* not in configuration files */
    OPTION_WHOLE_ITEMS = 8, /* COMMAS: whole numbers are numbers in configuration files */
    OPTION_REAL_ITEMS = 16  /* COMMAS: all numbers are */
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
    const char *needs;          /* others, "a" or "a|b", of which one must be given with this one */
    const char *excludes;       /* others of which none must */
    unsigned flags;             /* enum option_flags */
    /* TEXT, items of WORDS and COMMAS: whether the option takes the text; else a message, of `size`
     * bytes. */
    bool (*accepts)(const char *text, char *message, size_t size);
    const char *pattern; /* what texts are then, as a regular expression, for the schema */
};

/* Rows that several commands have; `at` is the offset of the value. */
#define OPTION_ROW_THREADS(at)                                                                  \
    {                                                                                           \
        .name = "threads", .kind = OPTION_COUNT, .offset = (at), .argument = "N", .most = 1024, \
        .flags = OPTION_TRANSIENT, .help = "worker threads; default: 0, one per core"           \
    }
#define OPTION_ROW_PROGRESS(at)                                                                  \
    {                                                                                            \
        .name = "progress", .kind = OPTION_CHOICE, .offset = (at), .argument = "auto|json|none", \
        .choices = progress_modes, .flags = OPTION_TRANSIENT,                                    \
        .help = "progress on stderr: a bar on a terminal, JSON lines, or none; default: auto"    \
    }
#define OPTION_ROW_JSON(at)                                                                \
    {                                                                                      \
        .name = "json", .kind = OPTION_FLAG, .offset = (at), .help = "print a JSON object" \
    }

enum { OPTIONS_RUN = -1 };

/* Fills `values`, which holds the defaults, from the command line and then, where that has no word,
 * from the configuration file. OPTIONS_RUN when the command shall go on, otherwise the exit code:
 * --help was printed on stdout, or one line about wrong usage on stderr. */
int options_parse(const struct command *command, int argc, char **argv, void *values);

/* Releases the lists and texts in `values`. */
void options_clear(const struct command *command, void *values);

/* The text of --help on stdout. */
void options_help(const struct command *command);

/* The row of an option by its name without dashes; NULL for NULL or a name of none. */
const struct option *options_find(const struct command *command, const char *name);

/* The next option of a list such as `needs`, which may be NULL; NULL at its end. */
const struct option *options_next(const struct command *command, const char **list);

/* The member of configuration files that an option is: its name, a position's in small letters.
 * False when it is none. */
bool options_member(const struct option *option, char *name, size_t size);

/* The nearest of `count` names by spelling, or NULL when none is near. */
const char *options_nearest(const char *name, const char *const *names, size_t count);

#endif
