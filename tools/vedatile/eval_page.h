/* The page of an evaluation with pictures of the store's samples. */
#ifndef TOOL_EVAL_PAGE_H
#define TOOL_EVAL_PAGE_H

#include <vedatile/error.h>

/* `store` NULL: without pictures. */
vdt_status eval_page_write(const char *path, const char *document, const char *store,
                           const char *run, struct vdt_error *error);

#endif
