/* Text of a page: growing, and with everything that comes from a document escaped. */
#ifndef REPORT_HTML_TEXT_H
#define REPORT_HTML_TEXT_H

#include <stdbool.h>
#include <vedatile/evaluation.h>

#include "base/buffer.h"
#include "base/json.h"

/* Failing stays: the caller looks once, at the end. */
struct vdt_html {
    struct vdt_buffer text;
    bool failed;
};

/* As it is: markup and numbers of ours. */
void vdt_html_put(struct vdt_html *html, const char *format, ...) VDT_PRINTF(2, 3);
void vdt_html_raw(struct vdt_html *html, const char *text);
/* Text of others, for elements and for attributes in double quotes. Control characters go. */
void vdt_html_text(struct vdt_html *html, const char *text);

/* A number of the document to four digits, "-" for null. */
void vdt_html_number(struct vdt_html *html, const json_t *value);
/* In a column of such numbers: scores with four digits behind the point. */
void vdt_html_score(struct vdt_html *html, const json_t *value);
/* A name whose words '_' joins, as words. */
void vdt_html_words(struct vdt_html *html, const char *name);

/* A member as text; "" for none. Borrowed. */
const char *vdt_html_member(const json_t *object, const char *name);

/* --- charts (html_charts.c): each a <figure> or nothing where the task has no such part ------- */

void vdt_html_curves(struct vdt_html *html, const json_t *task);
void vdt_html_confusion(struct vdt_html *html, const json_t *task);
void vdt_html_histogram(struct vdt_html *html, const json_t *task);
void vdt_html_calibration(struct vdt_html *html, const json_t *task);
void vdt_html_errors(struct vdt_html *html, const json_t *task);

/* --- samples (html_samples.c) ------------------------------------------------------------------
 */

void vdt_html_examples(struct vdt_html *html, const json_t *task);
void vdt_html_samples(struct vdt_html *html, const json_t *task,
                      const struct vdt_evaluation_page *page);

#endif
