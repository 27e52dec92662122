/* Options of splits. */
#include "split_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options_value.h"
#include "report.h"

int split_shares(const struct command *command, struct words *words,
                 struct vdt_split_share **shares)
{
    struct vdt_split_share *parsed = calloc(words->count + 1, sizeof *parsed);
    if (!parsed)
        return report_failed(command, "out of memory");
    *shares = parsed;
    for (size_t i = 0; i < words->count; i++) {
        char *equals = strrchr(words->items[i], '=');
        value_real(equals + 1, &parsed[i].share);
        *equals = '\0';
        parsed[i].group = words->items[i];
    }
    return OPTIONS_RUN;
}

static const char *const by_names[] = {"block", "scene", "random", NULL};
static const char field_prefix[] = "field:";

bool split_by_accepts(const char *text, char *message, size_t size)
{
    for (int i = 0; by_names[i]; i++)
        if (strcmp(text, by_names[i]) == 0)
            return true;
    if (strcmp(text, "time") == 0 || (strncmp(text, field_prefix, sizeof field_prefix - 1) == 0 &&
                                      text[sizeof field_prefix - 1] != '\0'))
        return true;
    snprintf(message, size, "block, scene, random, field:F or time is wanted");
    return false;
}

struct split_by split_by(const char *text)
{
    for (int i = 0; text && by_names[i]; i++)
        if (strcmp(text, by_names[i]) == 0)
            return (struct split_by){.by = (enum vdt_split_by)i};
    if (text && strcmp(text, "time") == 0)
        return (struct split_by){.by = VDT_SPLIT_TIME};
    if (text)
        return (struct split_by){.by = VDT_SPLIT_FIELD, .field = text + sizeof field_prefix - 1};
    return (struct split_by){.by = VDT_SPLIT_BLOCK};
}

/* The library judges the times. */
bool split_time_accepts(const char *text, char *message, size_t size)
{
    const char *equals = strchr(text, '=');
    if (*text != '\0' && equals != text && (!equals || equals[1] != '\0'))
        return true;
    snprintf(message, size, "write GROUP=DATE, and the last GROUP alone: train=2020-01-01,test");
    return false;
}

int split_periods(const struct command *command, struct words *words,
                  struct vdt_split_period **periods)
{
    struct vdt_split_period *parsed = calloc(words->count + 1, sizeof *parsed);
    if (!parsed)
        return report_failed(command, "out of memory");
    *periods = parsed;
    for (size_t i = 0; i < words->count; i++) {
        char *equals = strchr(words->items[i], '=');
        if (equals)
            *equals = '\0';
        parsed[i] = (struct vdt_split_period){words->items[i], equals ? equals + 1 : NULL};
    }
    return OPTIONS_RUN;
}

const char *split_left_out(enum vdt_split_by by, double gap)
{
    if (by == VDT_SPLIT_AREAS)
        return "not wholly in one group's area";
    if (by == VDT_SPLIT_FIELD)
        return "have values of two groups, or none";
    return gap > 0 ? "reach into blocks of two groups or into the gap"
                   : "reach into blocks of two groups";
}
