/* Options of splits. */
#include "split_options.h"

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

int split_by(const struct command *command, const char *text, struct split_by *by)
{
    static const char *const names[] = {"block", "scene", "random", NULL};
    for (int i = 0; text && names[i]; i++)
        if (strcmp(text, names[i]) == 0) {
            by->by = (enum vdt_split_by)i;
            return OPTIONS_RUN;
        }
    if (!text)
        return OPTIONS_RUN;
    return report_wrong(command, "--split-by %s: block, scene or random is wanted", text);
}
