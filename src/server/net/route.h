/* Which handler a method and a path go to. */
#ifndef SERVER_NET_ROUTE_H
#define SERVER_NET_ROUTE_H

#include "server/net/request.h"

enum vdt_route_flags {
    VDT_ROUTE_ANYONE = 1, /* also without a token */
    VDT_ROUTE_OPEN = 2,   /* a token is not even looked at; the database is not needed */
    VDT_ROUTE_LIGHT = 4,  /* never waits: runs in the socket's thread; only with VDT_ROUTE_OPEN */
    VDT_ROUTE_SHARED = 8  /* pages of other sites may call it though it is no GET (CORS) */
};

enum { VDT_JSON_BODY_MOST = 8 << 20 };

/* For bodies that are not held in memory. */
struct vdt_body_ops {
    /* In a worker, when the headers are known and the caller may call: before "100 Continue" is
     * sent. False: it has replied, and the body is not read. */
    bool (*start)(struct vdt_request *request);
    /* In a socket's thread: the body's next bytes, up to 1 MiB. False: it has replied, or wants the
     * connection closed. */
    bool (*data)(struct vdt_request *request, const void *bytes, size_t size);
};

struct vdt_route {
    const char *method;  /* "GET" is HEAD too; NULL ends a table */
    const char *pattern; /* "/v1/entries/{id}"; literal parts win over {names} */
    unsigned scopes;     /* enum vdt_scope: what the caller's token needs */
    unsigned flags;      /* enum vdt_route_flags */
    uint64_t body_limit; /* bytes; 0: the request may have no body */
    /* In a worker, when the whole body is there. */
    void (*handle)(struct vdt_request *request);
    const struct vdt_body_ops *body; /* NULL: up to body_limit in memory */
};

enum { VDT_PATH_NAMES_MOST = 6 };

/* A {name} of a pattern and its place in a path, not decoded yet. */
struct vdt_path_value {
    const char *name; /* of the pattern, not ended */
    size_t name_size;
    const char *value;
    size_t value_size;
};

struct vdt_route_match {
    const struct vdt_route *route; /* NULL: no such path, or not with this method */
    size_t number;                 /* of the route, counted over all tables; SIZE_MAX: none */
    char allow[64];                /* the path's methods, "" for no such path */
    size_t count;
    struct vdt_path_value values[VDT_PATH_NAMES_MOST];
};

/* Finds the route of a raw path (without its query) in `tables`, which ends with NULL. */
void vdt_route_find(const struct vdt_route *const *tables, const char *method, const char *path,
                    size_t size, struct vdt_route_match *match);

/* All routes of the server: the list is in routes.c. */
extern const struct vdt_route *const vdt_all_routes[];

extern const struct vdt_route vdt_net_routes[];
extern const struct vdt_route vdt_upload_routes[], vdt_file_routes[];

#endif
