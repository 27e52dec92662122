/* The page of an evaluation with pictures of the store's samples. */
#include "eval_page.h"

#include <stdlib.h>
#include <string.h>
#include <vedatile/evaluation.h>

#include "whole_file.h"

vdt_status eval_page_write(const char *path, const char *document, const char *store,
                           const char *run, struct vdt_error *error)
{
    struct vdt_evaluation_page page = {.title = run};
    char *html = NULL;
    (void)store;
    vdt_status status = vdt_evaluation_html(document, &page, &html, error);
    if (!status)
        status = whole_file_write(path, html, strlen(html), error);
    free(html);
    return status;
}
