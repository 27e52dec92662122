/* One JSON object a line: one for each request, and what the server has to say besides. */
#ifndef SERVER_NET_LOG_H
#define SERVER_NET_LOG_H

#include "server/net/request.h"

struct vdt_log;
struct vdt_server_options;

vdt_status vdt_log_open(const struct vdt_server_options *options, struct vdt_log **log,
                        struct vdt_error *error);

/* Opens the file anew, for logrotate. */
vdt_status vdt_log_reopen(struct vdt_log *log, struct vdt_error *error);

/* Adds the time and level to `taken` and writes it. */
void vdt_log_write(struct vdt_log *log, int level, json_t *taken);

/* Accepts NULL. */
void vdt_log_close(struct vdt_log *log);

/* A request's line and its figures, when it has ended; `whole`: the reply was sent. */
void vdt_request_note(const struct vdt_request *request, bool whole);

#endif
