/* The server object, and what every part of the server finds in it. */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <vedatile/server.h>

#include "server/blobs/collect.h"

struct vdt_blobs;
struct vdt_chores;
struct vdt_db;
struct vdt_draw;
struct vdt_evals;
struct vdt_log;
struct vdt_metrics;
struct vdt_net;
struct vdt_uploads;

enum { VDT_SECRET_SIZE = 32 };

struct vdt_server {
    struct vdt_server_options options;     /* defaults filled in; its texts are owned */
    unsigned char secret[VDT_SECRET_SIZE]; /* key of HMACs, from ROOT/secret */
    int lock;                              /* ROOT/lock */
    struct vdt_db *db;                     /* ROOT/catalog.db */
    struct vdt_blobs *blobs;               /* ROOT/blobs */
    struct vdt_uploads *uploads;           /* those that are in memory */
    struct vdt_collector collector;        /* of the housekeeping thread */
    struct vdt_draw *draw;
    struct vdt_evals *evals; /* the thread that does evaluations */
    struct vdt_log *log;
    struct vdt_metrics *metrics;
    struct vdt_net *net;
    struct vdt_chores *chores;
    atomic_uint_fast64_t disk_free; /* bytes that writes may still take; looked at every second */
};

/* ROOT/name, owned; NULL when memory is out. */
char *vdt_server_path(const struct vdt_server *server, const char *name);

/* Looks at the disk anew. */
void vdt_server_look_at_disk(struct vdt_server *server);

/* Whether `bytes` more may be written. */
bool vdt_server_has_room(const struct vdt_server *server, uint64_t bytes);

/* A line of the log about the server's own state; `event` is a short word. */
void vdt_server_warn(struct vdt_server *server, const char *event, const char *format, ...)
    VDT_PRINTF(3, 4);

#endif
