/* The page of an evaluation, made of its document. */
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "report/page/html_style.h"
#include "report/page/html_text.h"

enum { CHANGED_MOST = 8 };

static void clear_html(struct vdt_html *html)
{
    vdt_buffer_clear(&html->text);
}

/* --- tables -------------------------------------------------------------------------------- */

static void cell(struct vdt_html *html, const json_t *value)
{
    vdt_html_raw(html, "<td>");
    vdt_html_score(html, value);
    vdt_html_raw(html, "</td>");
}

static void metrics(struct vdt_html *html, const json_t *task)
{
    const json_t *names = json_object_get(task, "metric_names"), *name;
    const json_t *values = json_object_get(task, "metrics");
    const json_t *intervals = json_object_get(task, "intervals");
    size_t index;
    vdt_html_raw(html, "<div class=\"numbers\">");
    json_array_foreach(names, index, name)
    {
        const char *text = json_string_value(name);
        const json_t *interval = json_object_get(intervals, text);
        vdt_html_raw(html, "<div><span>");
        vdt_html_words(html, text);
        vdt_html_raw(html, "</span><b>");
        vdt_html_score(html, json_object_get(values, text));
        vdt_html_raw(html, "</b>");
        if (json_is_number(json_object_get(interval, "low")))
            vdt_html_put(html, "<small>%.4f to %.4f</small>",
                         json_number_value(json_object_get(interval, "low")),
                         json_number_value(json_object_get(interval, "high")));
        vdt_html_raw(html, "</div>");
    }
    vdt_html_raw(html, "</div>\n");
}

static const char *const class_columns[] = {"AP",
                                            "APAveragedOverIOUs",
                                            "AP50",
                                            "AP75",
                                            "AR",
                                            "iou",
                                            "boundary_iou",
                                            "precision",
                                            "recall",
                                            "f1",
                                            "roc_auc",
                                            "average_precision",
                                            "ground_truths",
                                            "detections",
                                            "found",
                                            "wrong",
                                            "missed",
                                            "truths",
                                            "predictions",
                                            "truth_pixels",
                                            "predicted_pixels",
                                            "truth_area",
                                            "predicted_area",
                                            "right_area",
                                            "wrong_area",
                                            "missed_area",
                                            NULL};

/* Headings as words. */
static void heading(struct vdt_html *html, const char *name)
{
    vdt_html_raw(html, "<th scope=\"col\">");
    vdt_html_words(html, name);
    vdt_html_raw(html, "</th>");
}

static void classes(struct vdt_html *html, const json_t *task)
{
    const json_t *list = json_object_get(task, "classes"), *item;
    const json_t *first = json_array_get(list, 0);
    size_t index;
    if (first == NULL)
        return;
    vdt_html_raw(html, "<h3>Classes</h3>\n<div class=\"scroll\"><table><tr>"
                       "<th scope=\"col\">class</th>");
    for (size_t i = 0; class_columns[i]; i++)
        if (json_object_get(first, class_columns[i]))
            heading(html, class_columns[i]);
    vdt_html_raw(html, "</tr>\n");
    json_array_foreach(list, index, item)
    {
        vdt_html_raw(html, "<tr><th scope=\"row\">");
        vdt_html_text(html, vdt_html_member(item, "class"));
        vdt_html_raw(html, "</th>");
        for (size_t i = 0; class_columns[i]; i++)
            if (json_object_get(first, class_columns[i]))
                cell(html, json_object_get(item, class_columns[i]));
        vdt_html_raw(html, "</tr>\n");
    }
    vdt_html_raw(html, "</table></div>\n");
}

static void areas(struct vdt_html *html, const json_t *task)
{
    const char *unit = vdt_html_member(task, "area_unit");
    if (unit[0] == 0)
        return;
    vdt_html_put(html, "<p>Areas are in %s. All ground that counts: ",
                 strcmp(unit, "square_metre") == 0 ? "square metres" : "units of the geotransform");
    vdt_html_score(html, json_object_get(task, "area"));
    vdt_html_raw(html, "</p>\n");
}

static void names(struct vdt_html *html, const json_t *list, const char *title)
{
    size_t index;
    const json_t *item;
    if (json_array_size(list) == 0)
        return;
    vdt_html_put(html, "<p>%s: ", title);
    json_array_foreach(list, index, item)
    {
        vdt_html_raw(html, index ? ", " : "");
        vdt_html_text(html, json_string_value(item));
    }
    vdt_html_raw(html, "</p>\n");
}

static void slices(struct vdt_html *html, const json_t *task, const char *field)
{
    const json_t *list = json_object_get(task, "slices"), *item, *name;
    const json_t *metric = json_object_get(task, "metric_names");
    bool ground = json_is_true(json_object_get(task, "ground"));
    size_t index, at;
    if (json_array_size(list) == 0)
        return;
    vdt_html_raw(html, "<h3>By ");
    vdt_html_text(html, field);
    vdt_html_raw(html, "</h3>\n<div class=\"scroll\"><table><tr><th scope=\"col\">value</th>");
    vdt_html_raw(html, ground ? "<th scope=\"col\">truths</th><th scope=\"col\">detections</th>"
                              : "<th scope=\"col\">samples</th>");
    json_array_foreach(metric, at, name) heading(html, json_string_value(name));
    vdt_html_raw(html, "</tr>\n");
    json_array_foreach(list, index, item)
    {
        const json_t *value = json_object_get(item, "value");
        vdt_html_raw(html, "<tr><th scope=\"row\">");
        vdt_html_text(html, json_is_string(value) ? json_string_value(value) : "(none)");
        vdt_html_raw(html, "</th>");
        cell(html, json_object_get(item, ground ? "ground_truths" : "samples"));
        if (ground)
            cell(html, json_object_get(item, "detections"));
        json_array_foreach(metric, at, name)
            cell(html, json_object_get(json_object_get(item, "metrics"), json_string_value(name)));
        vdt_html_raw(html, "</tr>\n");
    }
    vdt_html_raw(html, "</table></div>\n");
}

static void changed(struct vdt_html *html, const json_t *list, const char *title)
{
    size_t index;
    const json_t *item;
    if (json_array_size(list) == 0)
        return;
    vdt_html_put(html, "<p>%s: ", title);
    json_array_foreach(list, index, item)
    {
        if (index == CHANGED_MOST) {
            vdt_html_raw(html, "; and more");
            break;
        }
        vdt_html_raw(html, index ? "; " : "");
        vdt_html_text(html, vdt_html_member(item, "sample"));
        vdt_html_raw(html, " ");
        vdt_html_number(html, json_object_get(item, "before"));
        vdt_html_raw(html, " to ");
        vdt_html_number(html, json_object_get(item, "after"));
    }
    vdt_html_raw(html, "</p>\n");
}

/* Whether all of the interval is on one side of no difference: " class" of its row. */
static const char *side(const json_t *interval)
{
    const json_t *low = json_object_get(interval, "low");
    double better = json_number_value(json_object_get(interval, "better"));
    bool apart = json_is_number(low) && (json_number_value(low) > 0 ||
                                         json_number_value(json_object_get(interval, "high")) < 0);
    return !apart ? "" : better > 0.5 ? " class=\"ahead\"" : " class=\"behind\"";
}

static void comparison_row(struct vdt_html *html, const json_t *object, const char *name,
                           bool intervals)
{
    static const char *const columns[] = {"before", "after", "difference"};
    const json_t *values = json_object_get(json_object_get(object, "metrics"), name);
    const json_t *interval = json_object_get(json_object_get(object, "intervals"), name);
    const json_t *better = json_object_get(interval, "better");
    vdt_html_put(html, "<tr%s><th scope=\"row\">", side(interval));
    vdt_html_words(html, name);
    vdt_html_raw(html, "</th>");
    for (size_t i = 0; i < 3; i++)
        cell(html, json_object_get(values, columns[i]));
    if (intervals) {
        cell(html, json_object_get(interval, "low"));
        cell(html, json_object_get(interval, "high"));
        if (json_is_number(better))
            vdt_html_put(html, "<td>%.0f %%</td>", 100 * json_number_value(better));
        else
            vdt_html_raw(html, "<td>-</td>");
    }
    vdt_html_raw(html, "</tr>\n");
}

static void comparison(struct vdt_html *html, const json_t *task)
{
    const json_t *object = json_object_get(task, "comparison"), *name;
    bool intervals = json_object_get(object, "intervals") != NULL;
    size_t index;
    if (object == NULL)
        return;
    vdt_html_raw(html, "<h3>Against the baseline</h3>\n<div class=\"scroll\">"
                       "<table class=\"against\"><tr><th></th>"
                       "<th>before</th><th>after</th><th>difference</th>");
    if (intervals)
        vdt_html_raw(html, "<th>95 % from</th><th>to</th><th>ahead in</th>");
    vdt_html_raw(html, "</tr>\n");
    json_array_foreach(json_object_get(task, "metric_names"), index, name)
        comparison_row(html, object, json_string_value(name), intervals);
    vdt_html_raw(html, "</table></div>\n");
    changed(html, json_object_get(object, "worse_samples"), "Samples that got worse");
    changed(html, json_object_get(object, "better_samples"), "Samples that got better");
}

/* --- the page ------------------------------------------------------------------------------ */

static void task_section(struct vdt_html *html, const json_t *task, const json_t *document,
                         const struct vdt_evaluation_page *page)
{
    static const char *const said[] = {"protocol", "iou", "key"};
    vdt_html_raw(html, "<section><h2>");
    vdt_html_text(html, vdt_html_member(task, "task"));
    vdt_html_raw(html, "</h2>\n<p>");
    for (size_t i = 0; i < 3; i++)
        if (vdt_html_member(task, said[i])[0]) {
            vdt_html_put(html, "%s ", said[i]);
            vdt_html_text(html, vdt_html_member(task, said[i]));
            vdt_html_raw(html, " &nbsp; ");
        }
    const json_t *point = json_object_get(task, "operating_point");
    if (point)
        vdt_html_put(html, "operating point: score %.4g, IoU %.3g",
                     json_number_value(json_object_get(point, "score")),
                     json_number_value(json_object_get(point, "iou")));
    vdt_html_raw(html, "</p>\n");
    metrics(html, task);
    vdt_html_raw(html, "<div class=\"charts\">\n");
    vdt_html_curves(html, task);
    vdt_html_histogram(html, task);
    vdt_html_calibration(html, task);
    vdt_html_errors(html, task);
    vdt_html_raw(html, "</div>\n");
    classes(html, task);
    areas(html, task);
    names(html, json_object_get(task, "missing_labels"), "Labels never predicted");
    names(html, json_object_get(task, "ignored_labels"), "Predicted labels without ground truth");
    vdt_html_confusion(html, task);
    slices(html, task, vdt_html_member(json_object_get(document, "parameters"), "by"));
    comparison(html, task);
    vdt_html_examples(html, task);
    vdt_html_samples(html, task, page);
    vdt_html_raw(html, "</section>\n");
}

static void fact(struct vdt_html *html, const char *name, const char *value)
{
    if (value[0] == 0)
        return;
    vdt_html_put(html, "<dt>%s</dt><dd>", name);
    vdt_html_text(html, value);
    vdt_html_raw(html, "</dd>");
}

static void head(struct vdt_html *html, const json_t *document, const char *title)
{
    const json_t *inputs = json_object_get(document, "inputs");
    const json_t *run = json_object_get(inputs, "run"), *warning;
    const json_t *samples = json_object_get(document, "samples");
    size_t index;
    vdt_html_raw(html, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\n"
                       "<meta name=\"viewport\" content=\"width=device-width\"/>\n<title>");
    vdt_html_text(html, title);
    vdt_html_raw(html, "</title>\n<style>");
    vdt_html_raw(html, vdt_html_style);
    vdt_html_raw(html, "</style></head><body>\n<h1>");
    vdt_html_text(html, title);
    vdt_html_raw(html, "</h1>\n<dl>");
    fact(html, "run", vdt_html_member(run, "name"));
    fact(html, "model", vdt_html_member(run, "model"));
    fact(html, "predictions", vdt_html_member(run, "file"));
    fact(html, "store", vdt_html_member(json_object_get(inputs, "store"), "name"));
    fact(html, "ground truth", vdt_html_member(json_object_get(inputs, "ground_truth"), "file"));
    fact(html, "labels", vdt_html_member(json_object_get(inputs, "ground_truth"), "labels"));
    fact(html, "baseline", vdt_html_member(json_object_get(inputs, "baseline"), "name"));
    fact(html, "content", vdt_html_member(run, "content_sha256"));
    vdt_html_raw(html, "<dt>samples</dt><dd>");
    vdt_html_number(html, json_object_get(samples, "count"));
    vdt_html_raw(html, "</dd></dl>\n");
    json_array_foreach(json_object_get(document, "warnings"), index, warning)
    {
        vdt_html_raw(html, "<p class=\"warning\">");
        vdt_html_text(html, json_string_value(warning));
        vdt_html_raw(html, "</p>\n");
    }
}

vdt_status vdt_evaluation_html(const char *document, const struct vdt_evaluation_page *page,
                               char **html, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *object = NULL;
    vdt_cleanup(clear_html) struct vdt_html made = {0};
    vdt_status status = vdt_json_parse(document, "evaluation", &object, error);
    if (status)
        return status;
    if (!json_is_array(json_object_get(object, "tasks")))
        return vdt_fail(error, VDT_ERR_FORMAT, "evaluation: no document of vedatile eval");
    const json_t *run = json_object_get(json_object_get(object, "inputs"), "run"), *task;
    const char *title = page && page->title ? page->title : vdt_html_member(run, "name");
    size_t index;
    head(&made, object, title[0] ? title : "Evaluation");
    json_array_foreach(json_object_get(object, "tasks"), index, task)
        task_section(&made, task, object, page);
    vdt_html_raw(&made, "</body></html>\n");
    made.failed = made.failed || !vdt_buffer_append(&made.text, "", 1);
    if (made.failed)
        return vdt_fail_memory(error, "page");
    *html = (char *)made.text.data;
    made.text = (struct vdt_buffer){0};
    return VDT_OK;
}
