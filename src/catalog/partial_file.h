/* PATH.partial: what a store that is not all here is to become, and which blocks of it are here.
 *
 * schemas/store-layout.md, section 14, has every byte of it: a header with a text that says where
 * the bytes come from, the SHA-256 of all blocks, and two bitmaps.
 *
 * `here` is believed as long as the machine runs: a block's bit is set after its bytes are written,
 * and a process that is killed takes nothing with it. After another boot `durable` takes its place,
 * for power may have failed between the two. */
#ifndef CATALOG_PARTIAL_FILE_H
#define CATALOG_PARTIAL_FILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <vedatile/error.h>

#include "catalog/blocks.h"

/* What PATH.partial is made of; strings are borrowed. */
struct vdt_partial_about {
    const char *store;    /* address of the bytes */
    const char *manifest; /* its address; NULL: none */
    const char *entry;    /* id; NULL: none */
    uint32_t version;     /* 0: none */
    const char *server;   /* address of the catalog; NULL: some other server */
    const char *login;    /* the login file that has its token; NULL: no token */
    const char *ca_file, *http_proxy, *https_proxy, *no_proxy; /* of vdt_catalog_options */
};

/* Makes PATH, sparse, and PATH.partial, with nothing here yet; on failure neither. VDT_ERR_EXISTS:
 * there is a PATH. */
vdt_status vdt_partial_create(const char *path, const struct vdt_partial_about *about,
                              const struct vdt_block_list *list, struct vdt_error *error);

/* PATH.partial, open and in memory that all processes share. */
struct vdt_partial_file {
    char *path; /* of PATH.partial */
    int fd;
    bool writable;
    void *data;
    size_t size;
    struct vdt_block_list list; /* digests are borrowed from data: do not clear */
    uint64_t words;             /* of a bitmap */
    _Atomic(uint64_t) *here;    /* what to believe */
    _Atomic(uint64_t) *durable;
    struct vdt_partial_about about; /* texts are owned */
    char digest[VDT_DIGEST_TEXT];
};

/* VDT_ERR_NOT_FOUND: there is none. VDT_ERR_FORMAT: damaged. */
vdt_status vdt_partial_file_open(const char *path, struct vdt_partial_file *file,
                                 struct vdt_error *error);
void vdt_partial_file_close(struct vdt_partial_file *file);

static inline bool vdt_partial_here(const struct vdt_partial_file *file, uint64_t block)
{
    return atomic_load_explicit(&file->here[block / 64], memory_order_acquire) >> block % 64 & 1;
}

/* Blocks that are here. */
uint64_t vdt_partial_count(const struct vdt_partial_file *file);

#endif
