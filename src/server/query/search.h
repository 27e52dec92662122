/* Searches: from parameters of a request to one page of rows. Who may see what is part of the SQL.
 */
#ifndef SERVER_QUERY_SEARCH_H
#define SERVER_QUERY_SEARCH_H

#include "base/json.h"
#include "server/meta/caller.h"
#include "server/query/sql.h"
#include "server/query/time.h"

enum vdt_query_of { VDT_SEARCH_ENTRIES, VDT_SEARCH_SAMPLES };

enum {
    VDT_SEARCH_LIMIT = 10,       /* rows of a page, unless asked otherwise */
    VDT_SEARCH_MOST = 1000,      /* more are not given; asking for more is no error */
    VDT_SEARCH_SORTS = 4,        /* keys to sort by */
    VDT_SEARCH_COLLECTIONS = 100 /* entries or releases that samples are of */
};

/* Texts of which any one will do. */
struct vdt_wanted {
    char **texts; /* owned */
    size_t count;
};

/* A version of an entry that samples are of, and what it is called. */
struct vdt_collection {
    int64_t entry, version;
    char *name; /* owned */
};

struct vdt_sort {
    const struct vdt_queryable *key;
    bool down;
};

/* What is looked for; everything has to hold. Fields may be set by hand. vdt_query_clear. */
struct vdt_query {
    enum vdt_query_of of;
    bool unknown; /* a filter's properties that nobody has are NULL, as STAC wants it */
    bool phrases; /* `q` as STAC has it: words in this order, commas for "or" */
    bool saved;   /* entries: with a head only */
    bool bin;     /* entries: what is in the caller's bin instead */
    char *q;
    struct vdt_planar shape; /* of bbox or intersects; no pieces: anywhere */
    bool timed;
    struct vdt_interval time;
    struct vdt_wanted ids, classes, tasks, sensors, tags, owners, groups;
    struct vdt_filter *filter;
    bool some; /* samples: of these collections only */
    struct vdt_collection *collections;
    size_t collection_count, collection_capacity;
    struct vdt_sort sorts[VDT_SEARCH_SORTS];
    size_t sort_count;
    int64_t limit; /* 0: VDT_SEARCH_LIMIT */
    char *token;
    char *filter_text; /* until vdt_query_ready: in the language of filter_json */
    bool filter_json;
    int boxes; /* bbox and intersects that were given */
};

void vdt_query_clear(struct vdt_query *search);

/* Takes one parameter of a URL, or of a body: q, bbox, intersects, datetime, class, task, sensor,
 * tag, owner, group, ids, filter, filter-lang, filter-crs, sortby, limit, token, deleted. *known is
 * false for others. Several texts are divided by commas. Fails with ARGUMENT. */
vdt_status vdt_query_parameter(struct vdt_query *search, const char *name, const char *value,
                               bool *known, struct vdt_error *error);
vdt_status vdt_query_member(struct vdt_query *search, const char *name, const json_t *value,
                            bool *known, struct vdt_error *error);

/* After the last parameter: what only fits, or does not, together. */
vdt_status vdt_query_ready(struct vdt_query *search, struct vdt_error *error);

/* Adds a collection; false when memory is out or there are too many. */
bool vdt_query_collection(struct vdt_query *search, int64_t entry, int64_t version,
                          const char *name);

struct vdt_hit {
    int64_t id;        /* of the entry or sample */
    size_t collection; /* samples of `some` collections: which */
};

/* One page; {0} is empty. */
struct vdt_page {
    struct vdt_hit *hits;
    size_t count;
    char *next; /* the token of the next page; NULL: this is the last */
};

void vdt_page_clear(struct vdt_page *page);

/* Runs a search that is ready. ARGUMENT: of its filter or token; BUSY: it takes longer than a
 * search may. `secret` is the server's. */
vdt_status vdt_query_run(struct vdt_session *session, const struct vdt_query *search,
                         const struct vdt_caller *caller, const unsigned char *secret,
                         struct vdt_page *page, struct vdt_error *error);

#endif
