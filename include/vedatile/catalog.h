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

VDT_END_DECLS
#endif
