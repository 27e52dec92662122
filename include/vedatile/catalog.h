/* The catalog's client: stores saved to a server, found there, and pulled from it.
 *
 * An entry is a store as the catalog knows it: its name and description, who may see it, and its
 * versions. Each save makes a version; a release is a version with a number that never changes.
 * What crosses the network is blocks of a store, each with its SHA-256: only blocks that the other
 * side lacks, and nothing counts before it is verified. A save or pull that was cut off, by a kill
 * or by the network, goes on when it is called again; nobody ever sees a part of one.
 *
 * Documents are JSON texts as the server sends them (schemas/openapi.json), owned by the caller:
 * release them with vdt_string_free. Calls on one catalog may run in several threads; each blocks
 * until it is done. */
#ifndef VEDATILE_CATALOG_H
#define VEDATILE_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vedatile/error.h"
#include "vedatile/export.h"

VDT_BEGIN_DECLS

/* --- a server ----------------------------------------------------------------------------- */

/* What a call is doing when it tells of progress. */
enum vdt_catalog_step {
    VDT_STEP_CALL = 0, /* asks or waits for the server; done and total are 0 */
    VDT_STEP_HASH,     /* bytes of the local store read and hashed */
    VDT_STEP_SEND,     /* bytes sent, of those that the server lacks */
    VDT_STEP_FETCH,    /* bytes fetched and verified, of those that are not here */
    VDT_STEP_COUNT
};

/* Zero means the default everywhere. All pointers are borrowed for the call that takes them. */
struct vdt_catalog_options {
    const char *ca_file;     /* PEM certificates to trust in place of the system's */
    const char *http_proxy;  /* URL of a proxy for http:// addresses; NULL: none */
    const char *https_proxy; /* and for https:// */
    const char *no_proxy;    /* hosts that are asked directly, with commas between */
    bool insecure;           /* send a token over plain http to another machine */
    uint32_t connections;    /* at once, at most 64; 0: 4 */
    uint32_t tries;          /* of a request that fails for a while; 0: 9, about half a minute */
    uint64_t limit_rate;     /* bytes/s sent or received, all connections together; 0: no limit */
    double stall_s;          /* a connection without a byte for so long is given up; 0: 30 */
    double connect_s;        /* the most that connecting may take; 0: 20 */

    /* Called from any thread, never twice at a time, several times a second while a call waits:
     * false stops the call, which returns VDT_ERR_CANCELLED. Bytes; may be NULL. */
    bool (*progress)(enum vdt_catalog_step step, uint64_t done, uint64_t total, void *payload);
    void *payload;
};

/* A client of one server. */
struct vdt_catalog;

/* `url` is the server's address; NULL for a client that only pulls from public addresses. `token`
 * may be NULL. Nothing is sent yet. VDT_ERR_ARGUMENT for an address that cannot be. *catalog is
 * owned. */
VDT_API VDT_CHECKED vdt_status vdt_catalog_open(const char *url, const char *token,
                                                const struct vdt_catalog_options *options,
                                                struct vdt_catalog **catalog,
                                                struct vdt_error *error);
VDT_API void vdt_catalog_free(struct vdt_catalog *catalog); /* accepts NULL; no call may run */

/* Failures of every call that asks the server: VDT_ERR_DENIED (no token, or one that may not),
 * VDT_ERR_NOT_FOUND (also what is private to others), VDT_ERR_MISMATCH (somebody was faster),
 * VDT_ERR_FULL (quota or disk of the server), VDT_ERR_BUSY (it asks to come later),
 * VDT_ERR_ARGUMENT (it does not understand), VDT_ERR_IO (network, or the server failed),
 * VDT_ERR_FORMAT (an answer that is none). What may pass is tried again first. */

/* Who the token belongs to and what it may: {"name", "scopes"}. */
VDT_API VDT_CHECKED vdt_status vdt_catalog_me(struct vdt_catalog *catalog, char **document,
                                              struct vdt_error *error);

/* --- entries ------------------------------------------------------------------------------ */

/* What is looked for; members that are NULL or 0 are not asked about. */
struct vdt_search {
    const char *text;    /* words of name, description, tags or classes */
    const double *bbox;  /* west, south, east, north in degrees */
    const char *polygon; /* a GeoJSON geometry or feature in degrees, as text; not with bbox */
    const char *class_name;
    const char *task;
    const char *sensor;
    const char *time; /* RFC 3339, or two with a slash between; ".." is open */
    const char *tag;
    const char *owner;
    const char *filter; /* CQL2 text */
    bool bin;           /* what is in the caller's bin instead */
    uint64_t limit;     /* at most so many entries; 0: 100 */
};

/* {"entries": [documents], "more": whether there are others}. */
VDT_API VDT_CHECKED vdt_status vdt_catalog_search(struct vdt_catalog *catalog,
                                                  const struct vdt_search *search, char **document,
                                                  struct vdt_error *error);

/* In what follows `entry` is an id, or the name of an entry where only one of those that the caller
 * may see has it, their own before others'. Documents may be NULL where they are not wanted. */
VDT_API VDT_CHECKED vdt_status vdt_catalog_entry(struct vdt_catalog *catalog, const char *entry,
                                                 char **document, struct vdt_error *error);

/* Values of an entry; NULL: as it is. An empty text takes description or license away. */
struct vdt_entry_values {
    const char *name;
    const char *description;
    const char *license;
    const char *const *tags; /* all of them: they replace those that are there */
    size_t tag_count;
    bool no_tags;
};
VDT_API VDT_CHECKED vdt_status vdt_catalog_update(struct vdt_catalog *catalog, const char *entry,
                                                  const struct vdt_entry_values *values,
                                                  char **document, struct vdt_error *error);

/* Everybody may see and pull it, or no longer. */
VDT_API VDT_CHECKED vdt_status vdt_catalog_publish(struct vdt_catalog *catalog, const char *entry,
                                                   bool published, char **document,
                                                   struct vdt_error *error);

/* Into the owner's bin, from where the server removes it for good after a while; and back, by its
 * id. */
VDT_API VDT_CHECKED vdt_status vdt_catalog_remove(struct vdt_catalog *catalog, const char *entry,
                                                  struct vdt_error *error);
VDT_API VDT_CHECKED vdt_status vdt_catalog_restore(struct vdt_catalog *catalog, const char *entry,
                                                   char **document, struct vdt_error *error);

/* Releases the newest version: it gets the next number and never changes again. Name and notes may
 * be NULL. */
VDT_API VDT_CHECKED vdt_status vdt_catalog_release(struct vdt_catalog *catalog, const char *entry,
                                                   const char *name, const char *notes,
                                                   char **document, struct vdt_error *error);

/* {"releases": [...]}, the newest first. */
VDT_API VDT_CHECKED vdt_status vdt_catalog_releases(struct vdt_catalog *catalog, const char *entry,
                                                    char **document, struct vdt_error *error);

/* What differs between two releases. */
VDT_API VDT_CHECKED vdt_status vdt_catalog_diff(struct vdt_catalog *catalog, const char *entry,
                                                uint32_t from, uint32_t to, char **document,
                                                struct vdt_error *error);

/* Lets another user read ("read") or write ("write") a private entry; access NULL: no longer. */
VDT_API VDT_CHECKED vdt_status vdt_catalog_share(struct vdt_catalog *catalog, const char *entry,
                                                 const char *user, const char *access,
                                                 struct vdt_error *error);
VDT_API VDT_CHECKED vdt_status vdt_catalog_sharing(struct vdt_catalog *catalog, const char *entry,
                                                   char **document, struct vdt_error *error);

/* --- save and pull ------------------------------------------------------------------------ */

struct vdt_save_options {
    const char *to; /* the entry to save to, an id or a name; NULL: the one that the store was saved
                       to or pulled from, else a new one */
    struct vdt_entry_values values; /* of the entry; a new one without a name gets the store's */
    const char *message;            /* of the version; NULL: none */
    bool publish;
    bool force; /* follow the newest version, whatever is in it, where the store does not stem from
                   it; without: VDT_ERR_MISMATCH */
    uint32_t threads; /* that hash; 0: one per core */
};

/* Sends a store as the next version of its entry: what its last commit holds, and of that the
 * blocks that the server lacks. STORE.catalog beside it remembers entry and version. Where nothing
 * changed nothing is sent and no version made. *document is the entry's. VDT_ERR_BUSY when the
 * store is written to all the while. `options` may be NULL. */
VDT_API VDT_CHECKED vdt_status vdt_catalog_save(struct vdt_catalog *catalog, const char *store,
                                                const struct vdt_save_options *options,
                                                char **document, struct vdt_error *error);

struct vdt_pull_options {
    uint32_t release; /* its number; 0: the newest version */
    bool force;       /* also over a store that is something else, or was changed here */
    uint32_t threads; /* that hash; 0: one per core */

    /* Only what opening the store needs: the rest is fetched as it is read (vedatile/store.h), by
     * any process, until all is here. PATH.partial says what is; it remembers the path of the
     * login file that has the token of a private entry, and certificates and proxies of the
     * catalog's options, which are used where no token is sent. */
    bool partial;
    const char *login_file; /* NULL: none */
};

struct vdt_pull_report {
    uint64_t bytes;   /* of the store */
    uint64_t fetched; /* of them, those that came over the network */
    uint32_t version;
    bool unchanged; /* it was there already */
    bool partial;   /* not all of it is here */
    char digest[65];
};

/* Fetches a store. `what` is an entry's id or name, or the address of a manifest (a release on any
 * HTTP server) or of an entry. Every block is verified; `path` appears when all are there, and
 * until then PATH.pull holds what came, with which the next pull goes on. Where `path` is an older
 * pull of the same entry, only changed blocks are fetched, and it is replaced at once.
 * VDT_ERR_EXISTS when there is something else, VDT_ERR_MISMATCH when it was changed here (see
 * `force`). A partial store of that version is completed, unless that is what is asked for; one of
 * another version is VDT_ERR_EXISTS without `force`. VDT_ERR_BUSY when somebody writes it,
 * VDT_ERR_FORMAT when what comes is not what the manifest says. `options` and `report` may be NULL.
 */
VDT_API VDT_CHECKED vdt_status vdt_catalog_pull(struct vdt_catalog *catalog, const char *what,
                                                const char *path,
                                                const struct vdt_pull_options *options,
                                                struct vdt_pull_report *report,
                                                struct vdt_error *error);

/* Which entry a local store is of, by the file beside it and at no cost: {"url", "manifest",
 * "entry", "name", "version"}, all null for one that was never saved or pulled. */
VDT_API VDT_CHECKED vdt_status vdt_catalog_sidecar(const char *store, char **document,
                                                   struct vdt_error *error);

/* A folder that any HTTP server may offer: manifest.json, blocks and store.h5 of a release (0: of
 * the newest version). Pulling into such a folder again brings it up to date. */
VDT_API VDT_CHECKED vdt_status vdt_catalog_mirror(struct vdt_catalog *catalog, const char *entry,
                                                  uint32_t release, const char *folder,
                                                  struct vdt_pull_report *report,
                                                  struct vdt_error *error);

/* What is known of a local store: {"store", "bytes", "digest", "url", "entry", "version",
 * "percent_cached": how much of it is here, "changed": whether it has what was not saved}; url to
 * version are null for one that was never saved. No server is asked. */
VDT_API VDT_CHECKED vdt_status vdt_catalog_local(const char *store, char **document,
                                                 struct vdt_error *error);

/* --- people ------------------------------------------------------------------------------- */

/* {"users": [...]}; needs the scope admin, like the next. */
VDT_API VDT_CHECKED vdt_status vdt_catalog_users(struct vdt_catalog *catalog, char **document,
                                                 struct vdt_error *error);
VDT_API VDT_CHECKED vdt_status vdt_catalog_add_user(struct vdt_catalog *catalog, const char *name,
                                                    char **document, struct vdt_error *error);
VDT_API VDT_CHECKED vdt_status vdt_catalog_disable_user(struct vdt_catalog *catalog,
                                                        const char *name, bool disabled,
                                                        char **document, struct vdt_error *error);

/* The caller's tokens, without their secrets: {"tokens": [...]}. */
VDT_API VDT_CHECKED vdt_status vdt_catalog_tokens(struct vdt_catalog *catalog, char **document,
                                                  struct vdt_error *error);

/* A new token of the caller, or (admin) of `user`. Its "token" is shown this once. */
struct vdt_token_values {
    const char *user;          /* NULL: the caller */
    const char *const *scopes; /* "read", "write", "publish", "admin"; none: read */
    size_t scope_count;
    const char *expires; /* RFC 3339; NULL: never */
    const char *note;
};
VDT_API VDT_CHECKED vdt_status vdt_catalog_add_token(struct vdt_catalog *catalog,
                                                     const struct vdt_token_values *values,
                                                     char **document, struct vdt_error *error);
VDT_API VDT_CHECKED vdt_status vdt_catalog_revoke_token(struct vdt_catalog *catalog, uint64_t id,
                                                        struct vdt_error *error);

/* --- runs, scored there ------------------------------------------------------------------- */

/* Zero-initialised fields mean the default. All texts are borrowed for the call. */
struct vdt_submit_options {
    const char *store;      /* required: a local store that was saved to the catalog or pulled */
    const char *run;        /* required: the name of a committed run of it */
    const char *parameters; /* options of the evaluation as a JSON object; NULL: the defaults */
    bool no_wait;           /* do not wait until the evaluation is over */
};

/* Sends a run to the entry that the store is of, commits it there and has it evaluated. The model
 * is made where the caller has none of that reference. Asked again, it goes on where it was
 * stopped, and what is there is not sent again. *document is the evaluation as the catalog has it:
 * "state" says whether it is done or failed. VDT_ERR_NOT_FOUND: the store is in no catalog;
 * VDT_ERR_MISMATCH: the catalog refuses a prediction, or a class raster
 * has a class that the store has not. */
VDT_API VDT_CHECKED vdt_status vdt_catalog_submit(struct vdt_catalog *catalog,
                                                  const struct vdt_submit_options *options,
                                                  char **document, struct vdt_error *error);

/* --- annotations -------------------------------------------------------------------------- */

struct vdt_annotations_report; /* vedatile/annotations.h */

/* Zero-initialised fields mean the default. All texts are borrowed for the call. */
struct vdt_annotation_transfer {
    const char *store; /* required: a local store that was saved to the catalog or pulled */
    const char *name;  /* of the set, here and there; NULL: "labels" */
    bool update;       /* what is there under the same sample and id is replaced; else left alone */
};

/* Sends an annotation set of a local store to the entry that the store is of: samples that are
 * annotated, and their annotations. Again is as once. `report` (may be NULL) counts what is new
 * there. VDT_ERR_NOT_FOUND: there is no such set, or the store is in no catalog; VDT_ERR_MISMATCH:
 * the catalog refuses an annotation, and what was sent before it is there. */
VDT_API VDT_CHECKED vdt_status vdt_catalog_send_annotations(
    struct vdt_catalog *catalog, const struct vdt_annotation_transfer *options,
    struct vdt_annotations_report *report, struct vdt_error *error);

/* The other way: adds what the entry's set has to the local one, which is made where there is none
 * and written whole at the end. report->dropped counts annotations on samples that this store has
 * not. VDT_ERR_BUSY while somebody else writes the local set. */
VDT_API VDT_CHECKED vdt_status vdt_catalog_fetch_annotations(
    struct vdt_catalog *catalog, const struct vdt_annotation_transfer *options,
    struct vdt_annotations_report *report, struct vdt_error *error);

/* A call of any route (schemas/openapi.json), for those without a function here: `path` begins with
 * "/v1/" and is percent-encoded, `body` is JSON or NULL, `method` NULL for GET. *document (may be
 * NULL) is the answer; NULL for answers without one. */
VDT_API VDT_CHECKED vdt_status vdt_catalog_ask(struct vdt_catalog *catalog, const char *method,
                                               const char *path, const char *body, char **document,
                                               struct vdt_error *error);

/* --- the login file ----------------------------------------------------------------------- */

/* Servers and their tokens, in a JSON file that only its owner may read (mode 0600; one that others
 * may read is refused). Callers choose the path: the command has ~/.config/vedatile/login.json. */
struct vdt_login {
    char *url;   /* owned; without a slash at its end */
    char *token; /* owned */
    char *user;  /* owned */
    bool insecure;
};
VDT_API void vdt_login_clear(struct vdt_login *login);

/* The login of a server, or (url NULL) the one that was made last. VDT_ERR_NOT_FOUND. */
VDT_API VDT_CHECKED vdt_status vdt_login_read(const char *path, const char *url,
                                              struct vdt_login *login, struct vdt_error *error);

/* Adds a login or replaces that of the same server; folders are made (0700). */
VDT_API VDT_CHECKED vdt_status vdt_login_write(const char *path, const struct vdt_login *login,
                                               struct vdt_error *error);

/* Forgets a server; VDT_ERR_NOT_FOUND when it is not there. */
VDT_API VDT_CHECKED vdt_status vdt_login_remove(const char *path, const char *url,
                                                struct vdt_error *error);

VDT_END_DECLS
#endif
