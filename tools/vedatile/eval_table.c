/* An evaluation's document as tables for people. */
#include "eval_table.h"

#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "text.h"

enum { NAME_LEAST = 12, NAME_MOST = 40, CLASSES_MOST = 100 };

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static void print_number(const json_t *value)
{
    if (json_is_integer(value))
        printf("%10lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        printf("%10.4f", json_real_value(value));
    else
        printf("%10s", "-");
}

/* --- metrics of a task --------------------------------------------------------------------- */

static void print_interval(const json_t *interval)
{
    const json_t *low = json_object_get(interval, "low");
    if (json_is_number(low))
        printf("   %.4f to %.4f", json_number_value(low),
               json_number_value(json_object_get(interval, "high")));
}

/* The thresholds that a mean is over. */
static void print_thresholds(const json_t *list)
{
    double low = INFINITY, high = -INFINITY;
    size_t index;
    const json_t *item;
    json_array_foreach(list, index, item)
    {
        low = fmin(low, json_number_value(item));
        high = fmax(high, json_number_value(item));
    }
    if (low == high)
        printf("   IoU %.2f", low);
    else if (low < high)
        printf("   mean over IoU %.2f to %.2f", low, high);
}

/* What a number of a detection's task is. */
static void print_meaning(const json_t *task, const char *name)
{
    static const char *const known[][2] = {{"AP50", "IoU 0.50"},
                                           {"AP75", "IoU 0.75"},
                                           {"APm", "medium"},
                                           {"precision", "at the operating point"},
                                           {"recall", "at the operating point"},
                                           {"f1", "at the operating point"}};
    bool ground = json_is_true(json_object_get(task, "ground"));
    char *end;
    if (strcmp(name, "AP") == 0 || strcmp(name, "mAPAveragedOverIOUs") == 0)
        print_thresholds(json_object_get(task, "iou_thresholds"));
    else if (strcmp(name, "APs") == 0)
        printf("   small: to %s", ground ? "1024 square metres" : "32 x 32 pixels");
    else if (strcmp(name, "APl") == 0)
        printf("   large: from %s", ground ? "9216 square metres" : "96 x 96 pixels");
    else if (strncmp(name, "AR", 2) == 0) {
        unsigned long most = strtoul(name + 2, &end, 10);
        if (most > 0 && *end == '\0')
            printf("   %lu detection%s a sample", most, most == 1 ? "" : "s");
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i][0], name) == 0)
            printf("   %s", known[i][1]);
}

static void print_metrics(const json_t *task)
{
    const json_t *metrics = json_object_get(task, "metrics"), *order;
    const json_t *intervals = json_object_get(task, "intervals");
    bool detection = json_object_get(task, "operating_point") != NULL;
    size_t index;
    json_array_foreach(json_object_get(task, "metric_names"), index, order)
    {
        const char *name = json_string_value(order);
        text_cell(stdout, name, 24);
        print_number(json_object_get(metrics, name));
        print_interval(json_object_get(intervals, name));
        if (detection)
            print_meaning(task, name);
        putchar('\n');
    }
    const json_t *point = json_object_get(task, "operating_point");
    if (point)
        printf("operating point: score %.4g (%s), IoU %.4g\n",
               json_number_value(json_object_get(point, "score")),
               strcmp(text_of(point, "chosen"), "given") == 0 ? "given" : "best F1",
               json_number_value(json_object_get(point, "iou")));
}

/* --- classes and slices -------------------------------------------------------------------- */

static size_t widest(const json_t *list, const char *member)
{
    size_t index, width = NAME_LEAST;
    const json_t *item;
    json_array_foreach(list, index, item)
    {
        size_t here = text_width(text_of(item, member)) + 2;
        width = here > width ? here : width;
    }
    return width > NAME_MOST ? NAME_MOST : width;
}

static const char *const detection_columns[] = {
    "AP",     "APAveragedOverIOUs", "AP50",       "AP75", "AR", "precision",
    "recall", "ground_truths",      "detections", NULL};
static const char *const classification_columns[] = {
    "precision", "recall", "f1", "roc_auc", "average_precision", "truths", "predictions", NULL};
static const char *const segmentation_columns[] = {"iou", "precision",    "recall",
                                                   "f1",  "boundary_iou", NULL};

/* Headings that are longer than their column. */
static const char *heading(const char *name)
{
    static const char *const shorter[][2] = {{"APAveragedOverIOUs", "AP"},
                                             {"ground_truths", "truths"},
                                             {"average_precision", "AP"},
                                             {"predictions", "predicted"},
                                             {"boundary_iou", "boundary"}};
    for (size_t i = 0; i < sizeof shorter / sizeof shorter[0]; i++)
        if (strcmp(shorter[i][0], name) == 0)
            return shorter[i][1];
    return name;
}

static void print_classes(const json_t *task)
{
    const char *kind = text_of(task, "task");
    const char *const *columns = strcmp(kind, "classification") == 0 ? classification_columns
                                 : strcmp(kind, "segmentation") == 0 ? segmentation_columns
                                                                     : detection_columns;
    const json_t *classes = json_object_get(task, "classes"), *item;
    size_t width = widest(classes, "class"), index;
    const json_t *first = json_array_get(classes, 0);
    putchar('\n');
    text_cell(stdout, "class", width);
    for (size_t i = 0, at = 0; columns[i]; i++)
        if (json_object_get(first, columns[i]))
            printf("%*s", at++ ? 11 : 10, heading(columns[i]));
    putchar('\n');
    json_array_foreach(classes, index, item)
    {
        if (index == CLASSES_MOST) {
            printf("and %zu more; --json has all\n", json_array_size(classes) - CLASSES_MOST);
            break;
        }
        text_cell(stdout, text_of(item, "class"), width);
        for (size_t i = 0, at = 0; columns[i]; i++) {
            if (json_object_get(first, columns[i]) == NULL)
                continue;
            if (at++)
                putchar(' ');
            print_number(json_object_get(item, columns[i]));
        }
        putchar('\n');
    }
}

/* Of segmentation on the ground. */
static void print_areas(const json_t *task)
{
    static const char *const columns[][2] = {{"truth_area", "truth"},
                                             {"predicted_area", "predicted"},
                                             {"right_area", "right"},
                                             {"wrong_area", "wrong"},
                                             {"missed_area", "missed"}};
    const char *unit = text_of(task, "area_unit");
    const json_t *classes = json_object_get(task, "classes"), *item;
    size_t width = widest(classes, "class"), index;
    if (unit[0] == 0)
        return;
    putchar('\n');
    text_cell(stdout, strcmp(unit, "square_metre") == 0 ? "area, m2" : "area, units", width);
    for (size_t i = 0; i < 5; i++)
        printf("%s%14s", i ? " " : "", columns[i][1]);
    putchar('\n');
    json_array_foreach(classes, index, item)
    {
        if (index == CLASSES_MOST)
            break;
        text_cell(stdout, text_of(item, "class"), width);
        for (size_t i = 0; i < 5; i++)
            printf("%s%14.1f", i ? " " : "",
                   json_number_value(json_object_get(item, columns[i][0])));
        putchar('\n');
    }
}

static void print_slices(const json_t *task, const char *field)
{
    const json_t *slices = json_object_get(task, "slices"), *names, *item, *name;
    size_t width = widest(slices, "value"), index, at;
    if (slices == NULL)
        return;
    names = json_object_get(task, "metric_names");
    putchar('\n');
    text_cell(stdout, field, width);
    bool ground = json_is_true(json_object_get(task, "ground"));
    if (ground)
        printf("%10s %10s", "truths", "detections");
    else
        printf("%10s", "samples");
    json_array_foreach(names, at, name) if (at < 6) printf(" %10s", json_string_value(name));
    putchar('\n');
    json_array_foreach(slices, index, item)
    {
        const json_t *value = json_object_get(item, "value");
        text_cell(stdout, json_is_string(value) ? json_string_value(value) : "(none)", width);
        print_number(json_object_get(item, ground ? "ground_truths" : "samples"));
        if (ground) {
            putchar(' ');
            print_number(json_object_get(item, "detections"));
        }
        json_array_foreach(names, at, name)
        {
            if (at >= 6)
                break;
            putchar(' ');
            print_number(
                json_object_get(json_object_get(item, "metrics"), json_string_value(name)));
        }
        putchar('\n');
    }
}

/* --- two runs ------------------------------------------------------------------------------ */

static void print_comparison(const json_t *task)
{
    const json_t *comparison = json_object_get(task, "comparison"), *name;
    size_t index;
    if (comparison == NULL)
        return;
    putchar('\n');
    text_cell(stdout, "against the baseline", 24);
    printf("%10s %10s %10s\n", "before", "after", "change");
    json_array_foreach(json_object_get(task, "metric_names"), index, name)
    {
        const json_t *values =
            json_object_get(json_object_get(comparison, "metrics"), json_string_value(name));
        text_cell(stdout, json_string_value(name), 24);
        print_number(json_object_get(values, "before"));
        putchar(' ');
        print_number(json_object_get(values, "after"));
        putchar(' ');
        print_number(json_object_get(values, "difference"));
        print_interval(
            json_object_get(json_object_get(comparison, "intervals"), json_string_value(name)));
        putchar('\n');
    }
    if (json_object_get(comparison, "better") == NULL)
        return;
    printf("samples: %lld better, %lld worse, %lld equal\n",
           (long long)json_integer_value(json_object_get(comparison, "better")),
           (long long)json_integer_value(json_object_get(comparison, "worse")),
           (long long)json_integer_value(json_object_get(comparison, "equal")));
}

/* --- the whole ----------------------------------------------------------------------------- */

static void print_list(const json_t *list, const char *title)
{
    size_t index;
    const json_t *item;
    json_array_foreach(list, index, item)
    {
        fputs(index ? ", " : title, stdout);
        text_print(stdout, json_string_value(item));
    }
    if (json_array_size(list))
        putchar('\n');
}

static void print_task(const json_t *task, const char *field)
{
    printf("\n%s", text_of(task, "task"));
    if (text_of(task, "protocol")[0])
        printf(", %s, %s", text_of(task, "protocol"), text_of(task, "iou"));
    if (text_of(task, "key")[0] && strcmp(text_of(task, "key"), "class") != 0) {
        fputs(", key ", stdout);
        text_print(stdout, text_of(task, "key"));
    }
    if (json_is_true(json_object_get(task, "ground")))
        fputs(", on the ground", stdout);
    puts("\n");
    print_metrics(task);
    print_classes(task);
    print_areas(task);
    print_list(json_object_get(task, "missing_labels"), "labels never predicted: ");
    print_list(json_object_get(task, "ignored_labels"), "predicted labels without ground truth: ");
    print_slices(task, field);
    print_comparison(task);
}

int eval_table_print(const char *document)
{
    json_t *object = json_loads(document, 0, NULL);
    const json_t *task, *warning;
    size_t index;
    if (object == NULL)
        return report_failed(&eval_command, "out of memory");
    json_array_foreach(json_object_get(object, "warnings"), index, warning)
        report_warning(&eval_command, json_string_value(warning));
    const json_t *run = json_object_get(json_object_get(object, "inputs"), "run");
    const char *name = text_of(run, "name")[0] ? text_of(run, "name") : text_of(run, "file");
    text_print(stdout, name);
    if (text_of(run, "model")[0]) {
        fputs(" of model ", stdout);
        text_print(stdout, text_of(run, "model"));
    }
    printf(": %lld samples\n", (long long)json_integer_value(
                                   json_object_get(json_object_get(object, "samples"), "count")));
    const char *field = text_of(json_object_get(object, "parameters"), "by");
    json_array_foreach(json_object_get(object, "tasks"), index, task) print_task(task, field);
    json_decref(object);
    return EXIT_DONE;
}
