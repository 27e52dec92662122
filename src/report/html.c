/* The page of an evaluation, made of its document. */
#include <vedatile/evaluation.h>

#include "base/error.h"

vdt_status vdt_evaluation_html(const char *document, const struct vdt_evaluation_page *page,
                               char **html, struct vdt_error *error)
{
    (void)document;
    (void)page;
    (void)html;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "there is no page of evaluations yet");
}
