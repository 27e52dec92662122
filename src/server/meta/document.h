/* An entry as people get it: {"data": {...}, "links": {...}}. */
#ifndef SERVER_META_DOCUMENT_H
#define SERVER_META_DOCUMENT_H

#include "base/json.h"
#include "server/meta/access.h"

/* `base` heads the links ("http://127.0.0.1:8765"); links are of what this caller may do. New
 * reference. */
vdt_status vdt_entry_document(struct vdt_session *session, const char *base,
                              const struct vdt_caller *caller, const struct vdt_entry_row *row,
                              json_t **document, struct vdt_error *error);

enum { VDT_ETAG_ROOM = 32 };

/* "r<revision>", quotes and all. */
void vdt_entry_etag(const struct vdt_entry_row *row, char etag[VDT_ETAG_ROOM]);

/* Puts {"href": base + formatted path, "method"?} into an object of links; `method` may be NULL.
 * False: memory is out. */
bool vdt_link(json_t *links, const char *name, const char *method, const char *base,
              const char *format, ...) VDT_PRINTF(5, 6);

#endif
