/* Replies: exactly one for each request, from its handler. A second one is left out, and a handler
 * that makes none gets a 500. What is "taken" is released whatever happens. */
#ifndef SERVER_NET_REPLY_H
#define SERVER_NET_REPLY_H

#include <sys/types.h>

#include "server/net/request.h"

/* A header of the coming reply; control bytes in `value` become spaces. */
void vdt_reply_header(struct vdt_request *request, const char *name, const char *value);

void vdt_reply_json(struct vdt_request *request, unsigned code, json_t *taken);
void vdt_reply_typed_json(struct vdt_request *request, unsigned code, const char *type,
                          json_t *taken);

/* `taken`: from malloc. */
void vdt_reply_bytes(struct vdt_request *request, unsigned code, const char *type, void *taken,
                     size_t size);

/* `data` outlives the server. */
void vdt_reply_static(struct vdt_request *request, unsigned code, const char *type,
                      const void *data, size_t size);

/* 200 or 206 with bytes that `read` gives: up to `room` of them at `at`; it returns how many, at
 * least one, or -1. It is called in a thread of sockets, after the handler. Range, If-Range, 416
 * and, for If-None-Match, 304 are seen to here. `etag` is with its quotes and may be NULL; so may
 * `release`. */
void vdt_reply_reader(struct vdt_request *request, uint64_t size, const char *type,
                      const char *etag,
                      ssize_t (*read)(void *state, uint64_t at, void *to, size_t room), void *state,
                      void (*release)(void *state));

/* The same for bytes that may lie in several files. */
struct vdt_pieces {
    ssize_t (*read)(void *state, uint64_t at, void *to, size_t room); /* as above */
    /* Whether `size` bytes at `at` lie in one file: *fd, borrowed, at *offset. NULL: never. */
    bool (*locate)(void *state, uint64_t at, uint64_t size, int *fd, uint64_t *offset);
    void *state;
    void (*release)(void *state);
};
void vdt_reply_pieces(struct vdt_request *request, uint64_t size, const char *type,
                      const char *etag, const struct vdt_pieces *pieces);

void vdt_reply_empty(struct vdt_request *request, unsigned code);

/* {"code": name, "description": text} */
void vdt_reply_error(struct vdt_request *request, unsigned code, const char *name,
                     const char *format, ...) VDT_PRINTF(4, 5);

/* The same for a failed call: ARGUMENT and FORMAT 400, NOT_FOUND 404, DENIED 403, EXISTS and
 * MISMATCH 409, BUSY 503, UNSUPPORTED 501, FULL 507. Others are 500 without the message, which goes
 * to the log. */
void vdt_reply_failure(struct vdt_request *request, const struct vdt_error *error);

/* Whether a reply was made. */
bool vdt_replied(const struct vdt_request *request);

#endif
