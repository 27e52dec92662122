/* What the files of the HTTP client share. */
#ifndef CATALOG_HTTP_STATE_H
#define CATALOG_HTTP_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "catalog/http.h"

struct vdt_http_handle; /* one connection (catalog/http_once.c) */

struct vdt_http {
    char *base; /* without a slash at its end; "" for none */
    char *token;
    struct vdt_catalog_options options; /* texts are owned, defaults filled in */
    atomic_bool stopped;                /* the callback asked to */
    atomic_bool given_up;               /* no request is tried again */
    atomic_bool worked;                 /* the server answered once */

    pthread_mutex_t mutex; /* guards the idle handles */
    struct vdt_http_handle *idle;

    pthread_mutex_t pacing; /* guards when the next byte may move, for limit_rate */
    double free_at;

    atomic_int step;
    atomic_llong done;
    atomic_llong total;
    pthread_mutex_t telling; /* the callback runs in one thread at a time */
    double told;             /* when it last ran, in seconds of the monotonic clock */
};

void vdt_http_handles_free(struct vdt_http *http);

/* Waits until `size` more bytes may move, for all connections together. curl's own limit is one a
 * connection, and lets short answers pass at any speed. */
void vdt_http_pace(struct vdt_http *http, size_t size);

#endif
