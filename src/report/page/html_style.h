/* The style of the page: readable in light and in dark, and told apart with any colour vision. */
#ifndef REPORT_HTML_STYLE_H
#define REPORT_HTML_STYLE_H

extern const char *const vdt_html_style;

#endif
