/* Counters of what the server does, as Prometheus reads them. */
#ifndef SERVER_NET_METRICS_H
#define SERVER_NET_METRICS_H

#include "server/net/request.h"

struct vdt_metrics;

vdt_status vdt_metrics_open(struct vdt_metrics **metrics, struct vdt_error *error);

/* A request that has ended. `route`: its number in the tables, or beyond them for none. Any thread.
 */
void vdt_metrics_note(struct vdt_metrics *metrics, size_t route, unsigned code, int64_t nanoseconds,
                      uint64_t bytes_in, uint64_t bytes_out);

/* All figures as text; appends to `text`. False: memory is out. */
bool vdt_metrics_write(const struct vdt_metrics *metrics, struct vdt_buffer *text);

/* "name value" with its HELP and TYPE lines. */
bool vdt_metrics_gauge(struct vdt_buffer *text, const char *name, const char *help, double value);

/* Accepts NULL. */
void vdt_metrics_close(struct vdt_metrics *metrics);

#endif
