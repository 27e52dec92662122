/* What the routes of uploads share. */
#ifndef SERVER_API_UPLOADS_H
#define SERVER_API_UPLOADS_H

#include "server/blobs/uploads.h"
#include "server/net/request.h"
#include "server/server.h"

/* The upload that the path names, held; NULL: it has replied, 404 for uploads of others. */
struct vdt_upload *vdt_request_upload(struct vdt_request *request);

/* Removes an open upload, its rows, its blob and what is in memory of it. */
vdt_status vdt_upload_drop(struct vdt_server *server, const char *id, struct vdt_error *error);

/* POST /v1/uploads/{id}/commit */
void vdt_upload_commit(struct vdt_request *request);

/* Digits only, up to `most`. */
bool vdt_parse_count(const char *text, uint64_t most, uint64_t *value);

#endif
