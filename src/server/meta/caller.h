/* Who asks, and what that one may do. */
#ifndef SERVER_META_CALLER_H
#define SERVER_META_CALLER_H

#include <stdbool.h>
#include <stdint.h>

/* What a token is good for. READ: own and shared private entries; what is public needs no token.
 * WRITE: making entries, saving, changing. PUBLISH: publish, unpublish and release. ADMIN: users,
 * audit, and every entry; it implies the others. */
enum vdt_scope {
    VDT_SCOPE_NONE = 0,
    VDT_SCOPE_READ = 1,
    VDT_SCOPE_WRITE = 2,
    VDT_SCOPE_PUBLISH = 4,
    VDT_SCOPE_ADMIN = 8,
    VDT_SCOPE_ALL = 15
};

enum { VDT_USER_NAME_MOST = 64 };

/* {0} is nobody: a request without a token. */
struct vdt_caller {
    int64_t user; /* 0: nobody */
    unsigned scopes;
    int64_t token;
    char name[VDT_USER_NAME_MOST + 1]; /* "" for nobody */
};

/* Whether the caller has all of `scopes`. */
bool vdt_caller_may(const struct vdt_caller *caller, unsigned scopes);

#endif
