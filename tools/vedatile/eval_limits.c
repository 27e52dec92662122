/* Metrics that must be reached. */
#include "eval_limits.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

static bool split_limit(const char *item, char *name, size_t size, double *least)
{
    const char *equals = strrchr(item, '=');
    if (equals == NULL || equals == item || (size_t)(equals - item) >= size || equals[1] == 0)
        return false;
    char *end;
    *least = strtod(equals + 1, &end);
    snprintf(name, size, "%.*s", (int)(equals - item), item);
    return *end == 0 && isfinite(*least);
}

bool eval_limits_wrong(const struct words *limits)
{
    for (size_t i = 0; i < limits->count; i++) {
        char name[512];
        double least;
        if (split_limit(limits->items[i], name, sizeof name, &least))
            continue;
        report_wrong(&eval_command, "--fail-under '%s': it is to be METRIC=NUMBER, such as mAP=0.5",
                     limits->items[i]);
        return true;
    }
    return false;
}

int eval_limits_check(const struct words *limits, const struct vdt_evaluation *evaluation)
{
    char missed[768] = "";
    for (size_t i = 0; i < limits->count; i++) {
        struct vdt_error error = {.status = VDT_OK};
        char name[512], text[600];
        double least, value;
        if (!split_limit(limits->items[i], name, sizeof name, &least))
            continue;
        if (vdt_evaluation_metric(evaluation, name, &value, &error))
            return report_error(&eval_command, &error);
        if (value >= least)
            continue;
        if (isnan(value))
            snprintf(text, sizeof text, "%s%s has no value and must be %g", missed[0] ? ", " : "",
                     name, least);
        else
            snprintf(text, sizeof text, "%s%s is %.6g and must be %g", missed[0] ? ", " : "", name,
                     value, least);
        strncat(missed, text, sizeof missed - strlen(missed) - 1);
    }
    fflush(stdout); /* the line comes behind the table, also in one file */
    return missed[0] ? report_failed(&eval_command, "%s", missed) : EXIT_DONE;
}
