/* Charts of a page, as SVG that takes its colours from the page's style. */
#include <math.h>
#include <string.h>

#include "report/page/html_text.h"

enum { WIDTH = 360, HEIGHT = 260, LEFT = 44, RIGHT = 12, TOP = 12, BOTTOM = 34 };
enum { CURVES_MOST = 8, CLASSES_MOST = 40, COLOURS = 8 };

static double across(double share)
{
    return LEFT + share * (WIDTH - LEFT - RIGHT);
}

static double down(double share)
{
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
}

static void begin(struct vdt_html *html, const char *title, const char *x, const char *y)
{
    vdt_html_put(html,
                 "<figure><figcaption>%s</figcaption><svg viewBox=\"0 0 %d %d\" role=\"img\" "
                 "aria-label=\"%s\">\n",
                 title, WIDTH, HEIGHT, title);
    for (int i = 0; i <= 4; i++) {
        double share = i / 4.0;
        vdt_html_put(html, "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>",
                     across(0), down(share), across(1), down(share));
    }
    vdt_html_put(html, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>", across(0.5),
                 HEIGHT - 4, x);
    vdt_html_put(html,
                 "<text transform=\"translate(11 %.1f) rotate(-90)\" "
                 "text-anchor=\"middle\">%s</text>\n",
                 down(0.5), y);
}

static void tick(struct vdt_html *html, double share, double value, bool horizontal)
{
    if (horizontal)
        vdt_html_put(html, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.3g</text>",
                     across(share), HEIGHT - 19, value);
    else
        vdt_html_put(html, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.3g</text>", LEFT - 5,
                     down(share) + 4, value);
}

static void end(struct vdt_html *html)
{
    vdt_html_raw(html, "</svg>");
}

/* --- precision and recall ------------------------------------------------------------------ */

/* One path; gaps where there is no value. */
static void line(struct vdt_html *html, const json_t *x, const json_t *y, const char *style)
{
    size_t index;
    const json_t *value;
    bool started = false;
    vdt_html_put(html, "<path class=\"%s\" d=\"", style);
    json_array_foreach(y, index, value)
    {
        const json_t *at = json_array_get(x, index);
        if (!json_is_number(value) || !json_is_number(at)) {
            started = false;
            continue;
        }
        vdt_html_put(html, "%s%.1f %.1f", started ? "L" : "M", across(json_number_value(at)),
                     down(json_number_value(value)));
        started = true;
    }
    vdt_html_raw(html, "\"/>\n");
}

static void legend(struct vdt_html *html, const json_t *classes)
{
    size_t index;
    const json_t *item;
    vdt_html_raw(html, "<ul class=\"legend\"><li class=\"mean\">mean of classes</li>");
    json_array_foreach(classes, index, item)
    {
        if (index == CURVES_MOST) {
            vdt_html_put(html, "<li>and %zu more classes</li>",
                         json_array_size(classes) - CURVES_MOST);
            break;
        }
        vdt_html_put(html, "<li class=\"c%zu\">", index % COLOURS);
        vdt_html_text(html, vdt_html_member(item, "class"));
        vdt_html_raw(html, "</li>");
    }
    vdt_html_raw(html, "</ul>");
}

void vdt_html_curves(struct vdt_html *html, const json_t *task)
{
    const json_t *curves = json_object_get(task, "curves"), *item;
    const json_t *classes = json_object_get(curves, "classes");
    const json_t *recall = json_object_get(curves, "recall");
    size_t index;
    if (json_array_size(classes) == 0)
        return;
    char title[80];
    snprintf(title, sizeof title, "Precision and recall, IoU %.3g",
             json_number_value(json_object_get(curves, "iou")));
    begin(html, title, "recall", "precision");
    for (int i = 0; i <= 4; i++) {
        tick(html, i / 4.0, i / 4.0, true);
        tick(html, i / 4.0, i / 4.0, false);
    }
    json_array_foreach(classes, index, item)
    {
        char style[32];
        if (index == CURVES_MOST)
            break;
        snprintf(style, sizeof style, "curve c%zu", index % COLOURS);
        line(html, recall, json_object_get(item, "precision"), style);
    }
    line(html, recall, json_object_get(curves, "mean"), "curve mean");
    end(html);
    legend(html, classes);
    vdt_html_raw(html, "</figure>\n");
}

/* --- confusion ----------------------------------------------------------------------------- */

static void confusion_row(struct vdt_html *html, const char *name, const json_t *row)
{
    double sum = 0;
    size_t index;
    const json_t *value;
    json_array_foreach(row, index, value) sum += json_number_value(value);
    vdt_html_raw(html, "<tr><th scope=\"row\">");
    vdt_html_text(html, name);
    vdt_html_raw(html, "</th>");
    json_array_foreach(row, index, value)
    {
        double share = sum > 0 ? json_number_value(value) / sum : 0;
        vdt_html_put(html, "<td style=\"--share:%.3f\">", share);
        vdt_html_number(html, value);
        vdt_html_raw(html, "</td>");
    }
    vdt_html_raw(html, "</tr>\n");
}

void vdt_html_confusion(struct vdt_html *html, const json_t *task)
{
    const json_t *confusion = json_object_get(task, "confusion"), *item;
    const json_t *truths = json_object_get(confusion, "truths");
    const json_t *predictions = json_object_get(confusion, "predictions");
    const json_t *counts = json_object_get(confusion, "counts");
    size_t index;
    if (json_array_size(truths) == 0)
        return;
    vdt_html_raw(html, "<figure class=\"wide\"><figcaption>Confusion: labels by "
                       "predictions</figcaption>");
    if (json_array_size(truths) > CLASSES_MOST) {
        vdt_html_put(html, "<p>%zu classes are too many to show; the document has them.</p>",
                     json_array_size(truths));
        vdt_html_raw(html, "</figure>\n");
        return;
    }
    vdt_html_raw(html, "<div class=\"scroll\"><table class=\"confusion\"><tr><th></th>");
    json_array_foreach(predictions, index, item)
    {
        vdt_html_raw(html, "<th scope=\"col\"><span>");
        vdt_html_text(html, json_string_value(item));
        vdt_html_raw(html, "</span></th>");
    }
    vdt_html_raw(html, "</tr>\n");
    json_array_foreach(truths, index, item)
        confusion_row(html, json_string_value(item), json_array_get(counts, index));
    vdt_html_raw(html, "</table></div></figure>\n");
}

/* --- bars ---------------------------------------------------------------------------------- */

static void bar(struct vdt_html *html, double from, double to, double low, double high,
                const char *style)
{
    if (high > low)
        vdt_html_put(html,
                     "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>",
                     style, across(from) + 0.5, down(high), across(to) - across(from) - 1,
                     down(low) - down(high));
}

void vdt_html_histogram(struct vdt_html *html, const json_t *task)
{
    const json_t *histogram = json_object_get(task, "score_histogram"), *value;
    const json_t *right = json_object_get(histogram, "true_positives");
    const json_t *wrong = json_object_get(histogram, "false_positives");
    const json_t *edges = json_object_get(histogram, "edges");
    size_t index, bins = json_array_size(right);
    double most = 1;
    if (bins == 0)
        return;
    json_array_foreach(right, index, value) most =
        fmax(most, json_number_value(value) + json_number_value(json_array_get(wrong, index)));
    begin(html, "Scores of predictions", "score", "predictions");
    tick(html, 1, most, false);
    tick(html, 0, 0, false);
    for (size_t i = 0; i <= bins; i += bins / 4 ? bins / 4 : 1)
        tick(html, (double)i / (double)bins, json_number_value(json_array_get(edges, i)), true);
    json_array_foreach(right, index, value)
    {
        double from = (double)index / (double)bins, to = (double)(index + 1) / (double)bins;
        double low = json_number_value(value) / most;
        double high = low + json_number_value(json_array_get(wrong, index)) / most;
        bar(html, from, to, 0, low, "right");
        bar(html, from, to, low, high, "wrong");
    }
    end(html);
    vdt_html_raw(html, "<ul class=\"legend\"><li class=\"right\">right</li>"
                       "<li class=\"wrong\">wrong</li></ul></figure>\n");
}

void vdt_html_calibration(struct vdt_html *html, const json_t *task)
{
    const json_t *bins = json_object_get(task, "calibration"), *item;
    size_t index;
    if (json_array_size(bins) == 0)
        return;
    begin(html, "Calibration", "confidence", "share that is right");
    for (int i = 0; i <= 4; i++) {
        tick(html, i / 4.0, i / 4.0, true);
        tick(html, i / 4.0, i / 4.0, false);
    }
    json_array_foreach(bins, index, item)
    {
        const json_t *right = json_object_get(item, "right");
        if (json_is_number(right))
            bar(html, json_number_value(json_object_get(item, "low")),
                json_number_value(json_object_get(item, "high")), 0, json_number_value(right),
                "right");
    }
    vdt_html_put(html, "<line class=\"ideal\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>",
                 across(0), down(0), across(1), down(1));
    end(html);
    vdt_html_raw(html, "</figure>\n");
}

void vdt_html_errors(struct vdt_html *html, const json_t *task)
{
    const json_t *errors = json_object_get(json_object_get(task, "errors"), "kinds"), *item;
    size_t index, count = json_array_size(errors);
    double most = 0;
    if (count == 0)
        return;
    json_array_foreach(errors, index, item) most =
        fmax(most, json_number_value(json_object_get(item, "gain")));
    most = most > 0 ? most : 1;
    begin(html, "AP that each error costs", "", "AP");
    tick(html, 1, most, false);
    tick(html, 0, 0, false);
    json_array_foreach(errors, index, item)
    {
        double from = (double)index / (double)count, to = (double)(index + 1) / (double)count;
        bar(html, from + 0.1 / (double)count, to - 0.1 / (double)count, 0,
            json_number_value(json_object_get(item, "gain")) / most, "wrong");
        vdt_html_put(html, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">",
                     across((from + to) / 2), HEIGHT - (index % 2 ? 8 : 20));
        vdt_html_text(html, vdt_html_member(item, "error"));
        vdt_html_raw(html, "</text>");
    }
    end(html);
    vdt_html_raw(html, "</figure>\n");
}
