/* Predictions looked at before they are taken. */
#include "annotate/runs/run_check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "annotate/records/check.h"
#include "base/error.h"
#include "base/fold.h"

enum { LISTED = 400 };

static vdt_status wrong(const struct vdt_run *run, size_t position, const struct vdt_annotation *a,
                        vdt_status status, const char *what, struct vdt_error *error)
{
    bool id = a->id != NULL && *a->id != '\0';
    return vdt_fail(error, status, "record %zu of sample %s%s%.64s%s: %s", position + 1,
                    vdt_texts_get(&run->references, a->sample), id ? " (id '" : "", id ? a->id : "",
                    id ? "')" : "", what);
}

/* --- labels --------------------------------------------------------------------------------------
 */

static const char *key_of(const struct vdt_label *label)
{
    return label->key == NULL || *label->key == '\0' ? "class" : label->key;
}

vdt_status vdt_run_class(struct vdt_run *run, const char *value, uint32_t *class_id,
                         struct vdt_error *error)
{
    vdt_status status = vdt_run_open_check(run, error);
    if (status != VDT_OK)
        return status;
    uint32_t found = vdt_texts_find(&run->classes, value);
    if (found == VDT_NO_TEXT && run->any_class) {
        bool added;
        if (*value == '\0' || !vdt_utf8_valid(value, strlen(value)))
            return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: a class is no text, or not UTF-8",
                            run->path);
        found = vdt_texts_add(&run->classes, value, &added);
        if (found == VDT_NO_TEXT)
            return vdt_fail_memory(error, run->path);
    }
    if (found != VDT_NO_TEXT) {
        *class_id = found;
        return VDT_OK;
    }
    char list[LISTED] = "";
    size_t used = 0;
    for (uint32_t i = 0; i < run->classes.count && used + 8 < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i == 0 ? "" : ", ",
                                 vdt_texts_get(&run->classes, i));
    return vdt_fail(error, VDT_ERR_NOT_FOUND,
                    "%s: '%.64s' is not among the run's classes: %s; begin the run with "
                    "any_class to take it as it is",
                    run->path, value, list);
}

/* The scores of each key add up to 1, where there are several or the sample is scored. */
static bool sums_good(const struct vdt_annotation *a)
{
    for (size_t i = 0; i < a->label_count; i++) {
        const char *key = key_of(&a->labels[i]);
        double sum = 0;
        size_t count = 0;
        for (size_t other = 0; other < a->label_count; other++)
            if (strcmp(key, key_of(&a->labels[other])) == 0) {
                sum += a->labels[other].score;
                count++;
            }
        if ((count > 1 || a->kind == VDT_ANNOTATION_LABEL) && fabs(sum - 1) > 1e-5)
            return false;
    }
    return true;
}

static vdt_status labels_check(struct vdt_run *run, size_t position, const struct vdt_annotation *a,
                               struct vdt_error *error)
{
    if (a->label_count == 0)
        return wrong(run, position, a, VDT_ERR_ARGUMENT, "a prediction needs a label with a score",
                     error);
    for (size_t i = 0; i < a->label_count; i++) {
        if (isnan(a->labels[i].score))
            return wrong(run, position, a, VDT_ERR_ARGUMENT,
                         "a prediction needs a score on each label, and NaN is none", error);
        if (strcmp(key_of(&a->labels[i]), "class") != 0)
            continue;
        uint32_t class_id;
        struct vdt_error inner;
        vdt_status status = vdt_run_class(run, a->labels[i].value, &class_id, &inner);
        if (status != VDT_OK)
            return wrong(run, position, a, status, inner.message, error);
    }
    if (run->softmax && !sums_good(a))
        return wrong(run, position, a, VDT_ERR_ARGUMENT,
                     "the scores of a key do not add up to 1, as the run wants", error);
    return VDT_OK;
}

vdt_status vdt_run_annotation_check(struct vdt_run *run, size_t position,
                                    const struct vdt_annotation *annotation,
                                    struct vdt_error *error)
{
    if (annotation->sample >= run->references.count)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "record %zu: there is no sample %lu",
                        position + 1, (unsigned long)annotation->sample);
    const struct vdt_run_place *place = &run->places[annotation->sample];
    char why[VDT_ANNOTATION_WHY];
    if (!vdt_annotation_check(annotation, place->rows, place->cols, true, why))
        return wrong(run, position, annotation, VDT_ERR_ARGUMENT, why, error);
    return labels_check(run, position, annotation, error);
}
