/* What a command of vedatile is. Each cmd_*.c exports one; main.c lists them. */
#ifndef TOOL_COMMAND_H
#define TOOL_COMMAND_H

struct option;

/* How the process ends. */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_WRONG = 2 };

struct command {
    const char *name;
    const char *summary;          /* one line, for the list of commands */
    const char *usage;            /* what follows "vedatile NAME " */
    const char *notes;            /* paragraphs and examples at the end of --help; may be NULL */
    const struct option *options; /* ends with a NULL name */
    int (*run)(int argc, char **argv); /* the words after the command's name */
};

extern const struct command feed_command;
extern const struct command info_command;
extern const struct command check_command;
extern const struct command show_command;
extern const struct command stats_command;
extern const struct command bench_command;
extern const struct command split_command;
extern const struct command annotations_command;
extern const struct command eval_command;
extern const struct command run_command;
extern const struct command predictions_command;
extern const struct command export_command;
extern const struct command import_command;
extern const struct command serve_command;
extern const struct command login_command;
extern const struct command save_command;
extern const struct command pull_command;
extern const struct command search_command;
extern const struct command publish_command;
extern const struct command submit_command;
extern const struct command unpublish_command;
extern const struct command release_command;
extern const struct command remove_command;
extern const struct command share_command;
extern const struct command status_command;
extern const struct command users_command;
extern const struct command tokens_command;

#endif
