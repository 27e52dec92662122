/* The catalog's server: stores of many people behind HTTP. */
#ifndef VEDATILE_SERVER_H
#define VEDATILE_SERVER_H

#include "vedatile/error.h"
#include "vedatile/types.h"

VDT_BEGIN_DECLS

struct vdt_server;

/* Zero-initialised fields mean the default. All texts are borrowed until the call returns. */
struct vdt_server_options {
    const char *root;   /* the folder of everything; made when it is not there */
    const char *listen; /* "HOST:PORT", "[::1]:PORT"; port 0: any; default: 127.0.0.1:8765 */
    const char *tls_cert, *tls_key; /* PEM files; both or none; read again by vdt_server_reload */
    const char *public_url;         /* head of links; default: what the request's Host says */
    const char *trust_forwarded; /* address of a front whose X-Forwarded-For and -Proto are true */
    bool insecure;               /* plain HTTP on an address that is not this machine's own */
    uint32_t threads;            /* that run requests; 0: twice the cores, 4 at least */
    uint32_t queue;              /* requests that may wait for one; 0: 256 */
    uint32_t connections;        /* at a time; 0: 512 */
    uint32_t connections_per_ip; /* at a time, of one address; 0: 64 */
    uint32_t header_seconds;     /* that a request's headers may take; 0: 10 */
    uint32_t idle_seconds;       /* that a connection may stand idle; 0: 30 */
    uint32_t request_seconds;    /* that a request may take in all; 0: 3600 */
    uint32_t housekeeping_seconds; /* between rounds: bin, uploads, database; 0: 60 */
    uint32_t keep_seconds;         /* that replaced versions stay without a release; 0: a day */
    uint32_t stop_seconds;         /* that running requests have when the server stops; 0: 30 */
    uint64_t body_rate;            /* bytes a second that a body or reply must move; 0: 1024 */
    uint64_t upload_most;          /* bytes of one store; 0: 512 GiB */
    uint64_t disk_reserve;         /* bytes that writes leave free on the disk; 0: 1 GiB */
    double rate;                   /* requests a second of one token or address; 0: 1000 */
    uint32_t burst;                /* of them at once; 0: 2000 */
    uint32_t bin_days;             /* that removed entries can be restored; 0: 30 */
    const char *log;               /* file that lines are appended to; NULL: log_line */
    int log_level;                 /* 0: one line a request; 1: warnings; 2: errors */
    /* Gets each line of the log, with its newline, when `log` is NULL; from any thread. */
    void (*log_line)(const char *line, size_t size, void *payload);
    void *payload;
};

/* Starts the server and returns; it runs in threads of its own. One server a root: a second one is
 * VDT_ERR_BUSY. *server is owned: end it with vdt_server_stop. It forks the process that draws, so
 * call it before there are threads; the process should ignore SIGPIPE. */
VDT_API VDT_CHECKED vdt_status vdt_server_start(const struct vdt_server_options *options,
                                                struct vdt_server **server,
                                                struct vdt_error *error);

/* "http://127.0.0.1:8765": where it listens. Borrowed. Any thread. */
VDT_API const char *vdt_server_url(const struct vdt_server *server);

/* Reads the certificate and key again, and opens the log file anew. What cannot be read is left as
 * it was. Any thread. */
VDT_API VDT_CHECKED vdt_status vdt_server_reload(struct vdt_server *server,
                                                 struct vdt_error *error);

/* Takes no new requests, lets running ones end for `stop_seconds`, and releases everything. Accepts
 * NULL. */
VDT_API void vdt_server_stop(struct vdt_server *server);

/* --- users, made on the server's own disk ------------------------------------------------ */

enum { VDT_SERVER_TOKEN_ROOM = 96 };

struct vdt_new_user {
    const char *root;      /* of the catalog; made when it is not there */
    const char *name;      /* 1 to 64 of a-z, 0-9, '.', '_' and '-' */
    const char *scopes;    /* some of "read,write,publish,admin" */
    uint32_t expires_days; /* after which the token is good for nothing; 0: never */
};

/* Makes a user, or one more token for a user who is there, and puts the token into `token`: it is
 * kept nowhere else. A server may run on that root, or not. This is the only way to a first token.
 */
VDT_API VDT_CHECKED vdt_status vdt_server_add_user(const struct vdt_new_user *user,
                                                   char token[VDT_SERVER_TOKEN_ROOM],
                                                   struct vdt_error *error);

/* --- proof, copies ---------------------------------------------------------------------- */

/* Zero-initialised fields mean the default. */
struct vdt_server_check_options {
    const char *root;
    bool quick; /* sizes of blobs only, no blocks are read */
    /* Told each problem, one line, in the calling thread. */
    void (*problem)(const char *text, void *payload);
    /* Told each blob that nothing refers to: left by a crash, removed by the server in time. */
    void (*orphan)(const char *name, void *payload);
    vdt_progress_fn progress; /* bytes of blobs */
    void *payload;            /* of all three */
};

struct vdt_server_check_report {
    uint64_t problems;
    uint64_t users, entries, versions, releases, samples, uploads; /* that are there */
    uint64_t runs, evaluations;                                    /* likewise */
    uint64_t blobs, blob_bytes;                                    /* of versions and runs */
    uint64_t blocks;                                               /* that were read and compared */
    uint64_t orphans;
};

/* Proves a catalog whole: the database's own proof, the chain of the audit log, and for every
 * version its digest, its runs without a gap, the sizes of its blobs and each block's SHA-256. A
 * server may run on it or not. VDT_OK when the check came to its end, whatever it found;
 * VDT_ERR_NOT_FOUND when there is no catalog. */
VDT_API VDT_CHECKED vdt_status vdt_server_check(const struct vdt_server_check_options *options,
                                                struct vdt_server_check_report *report,
                                                struct vdt_error *error);

/* Writes a copy of one moment of the catalog to `folder`, which is made and must be empty or not
 * there; a server may run meanwhile. Open uploads and the secret stay behind. On failure nothing
 * is left that could be taken for a backup. `progress` may be NULL: bytes of blobs. */
VDT_API VDT_CHECKED vdt_status vdt_server_backup(const char *root, const char *folder,
                                                 vdt_progress_fn progress, void *payload,
                                                 struct vdt_error *error);

/* Proves a backup whole and makes `root` of it, which must be empty or not there. On failure `root`
 * is as it was. */
VDT_API VDT_CHECKED vdt_status vdt_server_restore(const char *folder, const char *root,
                                                  vdt_progress_fn progress, void *payload,
                                                  struct vdt_error *error);

VDT_END_DECLS
#endif
