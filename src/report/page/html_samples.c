/* The worst samples of a page: pictures with outlines of labels and predictions. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/page/html_text.h"

/* The extent of what is drawn, where no picture says how large the sample is. */
static void extend(const json_t *list, double *width, double *height)
{
    size_t index;
    const json_t *item;
    json_array_foreach(list, index, item)
    {
        const json_t *box = json_object_get(item, "box");
        if (!json_is_array(box))
            continue;
        double side[4];
        for (size_t i = 0; i < 4; i++)
            side[i] = json_number_value(json_array_get(box, i));
        *width = fmax(*width, side[0] + side[2]);
        *height = fmax(*height, side[1] + side[3]);
    }
}

static void ring(struct vdt_html *html, const json_t *points)
{
    size_t index;
    const json_t *point;
    json_array_foreach(points, index, point) vdt_html_put(
        html, "%s%.2f %.2f", index ? "L" : "M", json_number_value(json_array_get(point, 0)),
        json_number_value(json_array_get(point, 1)));
    vdt_html_raw(html, "Z");
}

static void rotated(struct vdt_html *html, const json_t *box, const char *style)
{
    double v[5];
    for (size_t i = 0; i < 5; i++)
        v[i] = json_number_value(json_array_get(box, i));
    vdt_html_put(html,
                 "<rect class=\"%s\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" "
                 "transform=\"rotate(%.4f %.2f %.2f)\">",
                 style, v[0] - v[2] / 2, v[1] - v[3] / 2, v[2], v[3], v[4] * 180 / acos(-1), v[0],
                 v[1]);
}

static void shape(struct vdt_html *html, const json_t *item, const char *kind)
{
    const json_t *rings = json_object_get(item, "rings"), *box = json_object_get(item, "box");
    const json_t *turned = json_object_get(item, "rotated"), *points;
    char style[64];
    size_t index;
    snprintf(style, sizeof style, "%s %.20s", kind, vdt_html_member(item, "outcome"));
    if (rings) {
        vdt_html_put(html, "<path class=\"%s\" d=\"", style);
        json_array_foreach(rings, index, points) ring(html, points);
        vdt_html_raw(html, "\">");
    } else if (turned) {
        rotated(html, turned, style);
    } else if (box) {
        vdt_html_put(
            html, "<rect class=\"%s\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\">", style,
            json_number_value(json_array_get(box, 0)), json_number_value(json_array_get(box, 1)),
            json_number_value(json_array_get(box, 2)), json_number_value(json_array_get(box, 3)));
    } else {
        return;
    }
    vdt_html_raw(html, "<title>");
    vdt_html_text(html, vdt_html_member(item, "class"));
    if (json_object_get(item, "score")) {
        vdt_html_raw(html, " ");
        vdt_html_number(html, json_object_get(item, "score"));
    }
    vdt_html_put(html, ", %.20s</title>%s", vdt_html_member(item, "outcome"),
                 rings ? "</path>" : "</rect>");
}

static char *ask(const struct vdt_evaluation_page *page, const json_t *sample,
                 enum vdt_evaluation_picture which)
{
    if (page == NULL || page->picture == NULL)
        return NULL;
    return page->picture(vdt_html_member(sample, "sample"), vdt_html_member(sample, "group"),
                         (uint64_t)json_integer_value(json_object_get(sample, "index")), which,
                         page->payload);
}

enum { DENSE = 60 };

/* The tile with everything on it that is known of its objects, in thin lines where that is much. */
static void drawn(struct vdt_html *html, const json_t *sample, const json_t *size,
                  const struct vdt_evaluation_page *page)
{
    const json_t *truth = json_object_get(sample, "ground_truth");
    const json_t *predictions = json_object_get(sample, "predictions"), *item;
    double width = json_number_value(json_array_get(size, 1));
    double height = json_number_value(json_array_get(size, 0));
    size_t index;
    char *picture = ask(page, sample, VDT_EVALUATION_TILE);
    if (width <= 0 || height <= 0) {
        extend(truth, &width, &height);
        extend(predictions, &width, &height);
    }
    if (width <= 0 || height <= 0)
        width = height = 1;
    if (picture == NULL && truth == NULL)
        return;
    bool dense = json_array_size(truth) + json_array_size(predictions) > DENSE;
    vdt_html_put(html, "<svg class=\"tile%s\" viewBox=\"0 0 %.6g %.6g\">", dense ? " dense" : "",
                 width, height);
    if (picture) {
        vdt_html_put(html, "<image width=\"%.6g\" height=\"%.6g\" href=\"", width, height);
        vdt_html_text(html, picture);
        vdt_html_raw(html, "\"/>");
    }
    json_array_foreach(truth, index, item) shape(html, item, "truth");
    json_array_foreach(predictions, index, item) shape(html, item, "predicted");
    vdt_html_raw(html, "</svg>");
    free(picture);
}

static void pictures(struct vdt_html *html, const json_t *sample,
                     const struct vdt_evaluation_page *page)
{
    static const struct {
        enum vdt_evaluation_picture which;
        const char *title;
    } kinds[] = {{VDT_EVALUATION_TILE, "tile"},
                 {VDT_EVALUATION_TRUTH, "labels"},
                 {VDT_EVALUATION_PREDICTED, "prediction"}};
    vdt_html_raw(html, "<div class=\"three\">");
    for (size_t i = 0; i < 3; i++) {
        char *picture = ask(page, sample, kinds[i].which);
        if (picture == NULL)
            continue;
        vdt_html_raw(html, "<figure><img alt=\"\" src=\"");
        vdt_html_text(html, picture);
        vdt_html_put(html, "\"/><figcaption>%s</figcaption></figure>", kinds[i].title);
        free(picture);
    }
    vdt_html_raw(html, "</div>");
}

/* What the colours of masks are. */
static void class_legend(struct vdt_html *html, const json_t *task,
                         const struct vdt_evaluation_page *page)
{
    const json_t *item;
    size_t index;
    if (page == NULL || page->colours == NULL || page->colour_count == 0)
        return;
    vdt_html_raw(html, "<ul class=\"legend\">");
    json_array_foreach(json_object_get(task, "classes"), index, item)
    {
        if (index == page->colour_count)
            break;
        vdt_html_raw(html, "<li style=\"--c:");
        vdt_html_text(html, page->colours[index]);
        vdt_html_raw(html, "\">");
        vdt_html_text(html, vdt_html_member(item, "class"));
        vdt_html_raw(html, "</li>");
    }
    vdt_html_raw(html, "</ul>\n");
}

/* Several classes may be predicted. */
static void predicted(struct vdt_html *html, const json_t *sample)
{
    const json_t *list = json_object_get(sample, "predictions"), *item;
    size_t index;
    if (json_is_array(list)) {
        if (json_array_size(list) == 0)
            vdt_html_raw(html, ", predicted none");
        json_array_foreach(list, index, item)
        {
            vdt_html_raw(html, index ? ", " : ", predicted ");
            vdt_html_text(html, json_string_value(item));
        }
    } else if (json_is_string(json_object_get(sample, "prediction"))) {
        vdt_html_raw(html, ", predicted ");
        vdt_html_text(html, vdt_html_member(sample, "prediction"));
    }
}

static void caption(struct vdt_html *html, const json_t *sample)
{
    static const char *const members[] = {"f1",    "accuracy", "right", "found",
                                          "wrong", "missed",   "score"};
    const json_t *truth = json_object_get(sample, "truth"), *item;
    size_t index;
    vdt_html_raw(html, "<p><b>");
    vdt_html_text(html, vdt_html_member(sample, "sample"));
    vdt_html_raw(html, "</b>");
    if (json_is_false(json_object_get(sample, "predicted")))
        vdt_html_raw(html, " not predicted");
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const json_t *value = json_object_get(sample, members[i]);
        if (!json_is_number(value))
            continue;
        vdt_html_put(html, " &middot; %s ", members[i]);
        vdt_html_number(html, value);
    }
    json_array_foreach(truth, index, item)
    {
        vdt_html_raw(html, index ? ", " : "<br/>labelled ");
        vdt_html_text(html, json_string_value(item));
    }
    if (json_is_array(truth))
        predicted(html, sample);
    vdt_html_raw(html, "</p>");
}

void vdt_html_samples(struct vdt_html *html, const json_t *task,
                      const struct vdt_evaluation_page *page)
{
    const json_t *list = json_object_get(task, "worst"), *sample;
    bool objects = json_object_get(task, "operating_point") != NULL;
    bool pixels = strcmp(vdt_html_member(task, "task"), "segmentation") == 0;
    size_t index;
    if (json_array_size(list) == 0)
        return;
    vdt_html_raw(html, "<h3>Worst samples</h3>\n");
    if (objects)
        vdt_html_raw(html, "<ul class=\"legend\"><li class=\"found\">label, found</li>"
                           "<li class=\"missed\">label, missed</li>"
                           "<li class=\"good\">prediction, right</li>"
                           "<li class=\"bad\">prediction, wrong</li></ul>\n");
    if (pixels)
        class_legend(html, task, page);
    vdt_html_raw(html, "<div class=\"samples\">\n");
    json_array_foreach(list, index, sample)
    {
        vdt_html_put(html, "<article%s>", pixels ? " class=\"plain\"" : "");
        if (pixels)
            pictures(html, sample, page);
        else
            drawn(html, sample, json_object_get(task, "sample_size"), page);
        caption(html, sample);
        vdt_html_raw(html, "</article>\n");
    }
    vdt_html_raw(html, "</div>\n");
}

/* --- examples ------------------------------------------------------------------------------ */

static void example_row(struct vdt_html *html, const char *class_name, const char *kind,
                        const json_t *item)
{
    static const char *const numbers[] = {"score", "iou"};
    const json_t *box = json_object_get(item, "box"), *side;
    size_t index;
    vdt_html_raw(html, "<tr><th scope=\"row\">");
    vdt_html_text(html, class_name);
    vdt_html_put(html, "</th><td>%s</td><td>", kind);
    vdt_html_text(html, vdt_html_member(item, "sample"));
    vdt_html_raw(html, "</td><td>");
    vdt_html_text(html, vdt_html_member(item, "id"));
    vdt_html_raw(html, "</td><td>");
    json_array_foreach(box, index, side)
    {
        vdt_html_raw(html, index ? ", " : "");
        vdt_html_number(html, side);
    }
    vdt_html_raw(html, "</td>");
    for (size_t i = 0; i < 2; i++) {
        vdt_html_raw(html, "<td>");
        vdt_html_number(html, json_object_get(item, numbers[i]));
        vdt_html_raw(html, "</td>");
    }
    vdt_html_raw(html, "<td>");
    vdt_html_text(html, vdt_html_member(item, "error"));
    vdt_html_raw(html, "</td></tr>\n");
}

void vdt_html_examples(struct vdt_html *html, const json_t *task)
{
    static const char *const kinds[] = {"found", "wrong", "missed"};
    const json_t *list = json_object_get(task, "examples"), *of_class, *item;
    size_t index, at;
    if (json_array_size(list) == 0)
        return;
    vdt_html_raw(html, "<h3>Examples</h3>\n<div class=\"scroll\"><table class=\"examples\"><tr>"
                       "<th scope=\"col\">class</th><th scope=\"col\">outcome</th>"
                       "<th scope=\"col\">sample</th><th scope=\"col\">id</th>"
                       "<th scope=\"col\">x, y, width, height</th><th scope=\"col\">score</th>"
                       "<th scope=\"col\">IoU</th><th scope=\"col\">error</th></tr>\n");
    json_array_foreach(list, index, of_class)
    {
        for (size_t i = 0; i < 3; i++)
            json_array_foreach(json_object_get(of_class, kinds[i]), at, item)
                example_row(html, vdt_html_member(of_class, "class"), kinds[i], item);
    }
    vdt_html_raw(html, "</table></div>\n");
}
