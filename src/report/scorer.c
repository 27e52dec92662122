/* One task of an evaluation, scored. */
#include "report/scorer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"

void vdt_scorer_clear(struct vdt_scorer *scorer)
{
    for (size_t i = 0; i < scorer->value_count; i++)
        free(scorer->names[i]);
    free(scorer->names);
    free(scorer->weights);
    free(scorer->unit_scores);
    free(scorer->unit_errors);
    json_decref(scorer->about);
    if (scorer->free_state && scorer->state)
        scorer->free_state(scorer->state);
    *scorer = (struct vdt_scorer){0};
}

bool vdt_scorer_name(struct vdt_scorer *scorer, const char *format, ...)
{
    va_list list, again;
    va_start(list, format);
    va_copy(again, list);
    int length = vsnprintf(NULL, 0, format, list);
    va_end(list);
    char *name = length < 0 ? NULL : malloc((size_t)length + 1);
    if (name)
        vsnprintf(name, (size_t)length + 1, format, again);
    va_end(again);
    char **names = realloc(scorer->names, (scorer->value_count + 1) * sizeof *names);
    if (names)
        scorer->names = names;
    if (name == NULL || names == NULL) {
        free(name);
        return false;
    }
    names[scorer->value_count++] = name;
    return true;
}
