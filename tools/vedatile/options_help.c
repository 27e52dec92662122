/* The text of --help, and the guess at what a misspelt name was meant to be. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

enum { HELP_COLUMN = 29, HELP_WIDTH = 96, NAME_MOST = 63 };

static void print_wrapped(const char *text, size_t at)
{
    if (at + 2 > HELP_COLUMN) {
        putchar('\n');
        at = 0;
    }
    for (; at < HELP_COLUMN; at++)
        putchar(' ');
    while (*text) {
        size_t size = strcspn(text, " ");
        if (at > HELP_COLUMN && at + 1 + size > HELP_WIDTH) {
            printf("\n%*s", HELP_COLUMN, "");
            at = HELP_COLUMN;
        } else if (at > HELP_COLUMN) {
            putchar(' ');
            at++;
        }
        printf("%.*s", (int)size, text);
        at += size;
        text += size;
        text += strspn(text, " ");
    }
    putchar('\n');
}

static void print_option(const struct option *option)
{
    char head[128];
    if (option->kind == OPTION_POSITION)
        snprintf(head, sizeof head, "  %s", option->name);
    else if (option->kind == OPTION_POSITIONS)
        snprintf(head, sizeof head, "  %s...", option->name);
    else if (option->letter)
        snprintf(head, sizeof head, "  -%c, --%s %s", option->letter, option->name,
                 option->argument ? option->argument : "");
    else
        snprintf(head, sizeof head, "  --%s %s", option->name,
                 option->argument ? option->argument : "");
    printf("%s", head);
    print_wrapped(option->help, strlen(head));
}

void options_help(const struct command *command)
{
    printf("usage: vedatile %s %s\n\n%s\n\n", command->name, command->usage, command->summary);
    for (const struct option *option = command->options; option->name; option++)
        print_option(option);
    printf("  --help");
    print_wrapped("this text", strlen("  --help"));
    if (command->notes)
        printf("\n%s", command->notes);
}

static size_t least_of(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Levenshtein's distance. */
static size_t distance(const char *a, const char *b)
{
    size_t row[NAME_MOST + 1];
    size_t width = strlen(b);
    if (width > NAME_MOST)
        return SIZE_MAX;
    for (size_t j = 0; j <= width; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= width; j++) {
            size_t above = row[j];
            row[j] = least_of(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[width];
}

const char *options_nearest(const char *name, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    size_t best = strlen(name) / 3 + 2;
    for (size_t i = 0; i < count; i++) {
        size_t steps = distance(name, names[i]);
        if (steps < best) {
            best = steps;
            nearest = names[i];
        }
    }
    return nearest;
}
