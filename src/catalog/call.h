/* Calls of the catalog's routes: JSON in, JSON out. */
#ifndef CATALOG_CALL_H
#define CATALOG_CALL_H

#include <vedatile/catalog.h>

#include "base/json.h"
#include "catalog/http.h"

struct vdt_catalog {
    struct vdt_http *http;
};

/* One call. */
struct vdt_call {
    const char *method; /* NULL: GET */
    char path[16384];   /* vdt_call_path */
    json_t *body;       /* taken; NULL: none */
    const void *bytes;  /* a body of bytes in place of it, borrowed; NULL: none */
    size_t byte_count;
    const char *type;   /* of the bytes; NULL: application/octet-stream */
    const char *header; /* one more; NULL: none */
    bool once;          /* not to be sent twice when it may have arrived */
    bool patient;
};

/* "/v1/entries/<id>/restore" from ("/v1/entries/", id, "/restore", NULL): every second part is
 * escaped. False when it is too long. */
bool vdt_call_path(struct vdt_call *call, const char *part, ...);

/* Sends it. *json (may be NULL) is the answer, owned; NULL for answers without a body. `etag` (may
 * be NULL) has room for 256. */
vdt_status vdt_call_json(struct vdt_catalog *catalog, struct vdt_call *call, json_t **json,
                         char *etag, struct vdt_error *error);

/* The same, the answer as text for callers of the library; `document` may be NULL. */
vdt_status vdt_call_text(struct vdt_catalog *catalog, struct vdt_call *call, char **document,
                         struct vdt_error *error);

/* All pages of a list: {member: [...], "more": bool}, at most `limit` items (0: all). */
vdt_status vdt_call_pages(struct vdt_catalog *catalog, struct vdt_call *call, const char *member,
                          uint64_t limit, json_t **json, struct vdt_error *error);

/* JSON as text to hand out; VDT_ERR_MEMORY. `document` may be NULL. */
vdt_status vdt_hand_out(const json_t *json, char **document, struct vdt_error *error);

/* The members that are to be set, as a merge patch. */
json_t *vdt_entry_values_json(const struct vdt_entry_values *values);

/* 16 letters of a-z and 2-7. */
bool vdt_is_entry_id(const char *text);

/* The id of an entry by id or name. */
vdt_status vdt_entry_id(struct vdt_catalog *catalog, const char *entry, char id[17],
                        struct vdt_error *error);

#endif
