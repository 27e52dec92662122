/* vedatile: finds the command and runs it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <vedatile/vedatile.h>

#include "command.h"
#include "options.h"
#include "report.h"

static const struct command *const commands[] = {
    &feed_command,        &info_command,        &check_command,     &show_command,
    &stats_command,       &split_command,       &bench_command,     &export_command,
    &import_command,      &annotations_command, &eval_command,      &run_command,
    &predictions_command, &login_command,       &save_command,      &pull_command,
    &search_command,      &publish_command,     &unpublish_command, &release_command,
    &share_command,       &remove_command,      &status_command,    &submit_command,
    &users_command,       &tokens_command,      &serve_command,
};

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static void print_help(void)
{
    puts("usage: vedatile COMMAND [options]\n\n"
         "Training data from georeferenced imagery and vector labels.\n\ncommands:");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        printf("  %-11s %s\n", commands[i]->name, commands[i]->summary);
    puts("\n  'vedatile COMMAND --help' shows a command's options and examples.\n"
         "  'vedatile --version' prints the versions of vedatile and of its libraries.\n\n"
         "exit status: 0 done, 1 failed, 2 wrong usage");
}

static int unknown_command(const char *name)
{
    char list[256] = "";
    const char *names[COMMAND_COUNT];
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        names[i] = commands[i]->name;
        strncat(list, i ? ", " : "", sizeof list - strlen(list) - 1);
        strncat(list, names[i], sizeof list - strlen(list) - 1);
    }
    const char *near = options_nearest(name, names, COMMAND_COUNT);
    if (near)
        return report_wrong(NULL, "unknown command '%s', did you mean %s? The commands are: %s",
                            name, near, list);
    return report_wrong(NULL, "unknown command '%s'; the commands are: %s", name, list);
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2)
        return report_wrong(NULL, "COMMAND is missing; 'vedatile --help' lists the commands");
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help();
        return EXIT_DONE;
    }
    if (strcmp(name, "--version") == 0) {
        const char *versions = vdt_versions();
        size_t size = strlen(versions);
        printf("%s%s", versions, size && versions[size - 1] == '\n' ? "" : "\n");
        return EXIT_DONE;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(name, commands[i]->name) == 0)
            return commands[i]->run(argc - 2, argv + 2);
    return unknown_command(name);
}

int main(int argc, char **argv)
{
    int code = dispatch(argc, argv);
    if (fflush(stdout) || ferror(stdout))
        return report_failed(NULL, "cannot write to standard output: %s", strerror(errno));
    return code;
}
