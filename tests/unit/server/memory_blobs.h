/* A place of blobs in memory: what a driver without files, descriptors or links looks like. */
#ifndef TESTS_MEMORY_BLOBS_H
#define TESTS_MEMORY_BLOBS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/blobs/blobs.h"

enum { MEMORY_MOST = 64 };

struct memory_blobs {
    struct vdt_blobs base;
    size_t count;
    bool broken; /* seals fail */
    struct {
        char name[VDT_BLOB_NAME];
        unsigned char *bytes;
        uint64_t size;
        bool sealed;
    } kept[MEMORY_MOST];
};

struct memory_blob {
    struct vdt_blob base;
    struct memory_blobs *of;
    size_t index;
};

static size_t memory_find(const struct memory_blobs *place, const char *name)
{
    size_t i = 0;
    while (i < place->count && strcmp(place->kept[i].name, name) != 0)
        i++;
    return i;
}

static vdt_status memory_open(struct vdt_blobs *blobs, const char *name, struct vdt_blob **blob,
                              struct vdt_error *error)
{
    struct memory_blobs *place = (struct memory_blobs *)blobs;
    size_t i = memory_find(place, name);
    (void)error;
    if (i == place->count)
        return VDT_ERR_NOT_FOUND;
    struct memory_blob *open = calloc(1, sizeof *open);
    open->base.ops = blobs->ops;
    open->base.size = place->kept[i].size;
    memcpy(open->base.name, name, VDT_BLOB_NAME);
    open->of = place;
    open->index = i;
    *blob = &open->base;
    return VDT_OK;
}

static vdt_status memory_stage(struct vdt_blobs *blobs, const char *name, uint64_t size,
                               struct vdt_blob **blob, struct vdt_error *error)
{
    struct memory_blobs *place = (struct memory_blobs *)blobs;
    size_t i = memory_find(place, name);
    if (i == place->count) {
        memcpy(place->kept[i].name, name, VDT_BLOB_NAME);
        place->kept[i].bytes = calloc(1, size);
        place->kept[i].size = size;
        place->count++;
    }
    return memory_open(blobs, name, blob, error);
}

static vdt_status memory_read(struct vdt_blob *blob, void *data, size_t size, uint64_t at,
                              struct vdt_error *error)
{
    struct memory_blob *open = (struct memory_blob *)blob;
    (void)error;
    memcpy(data, open->of->kept[open->index].bytes + at, size);
    return VDT_OK;
}

static vdt_status memory_write(struct vdt_blob *blob, const void *data, size_t size, uint64_t at,
                               struct vdt_error *error)
{
    struct memory_blob *open = (struct memory_blob *)blob;
    (void)error;
    memcpy(open->of->kept[open->index].bytes + at, data, size);
    return VDT_OK;
}

static vdt_status memory_seal(struct vdt_blob *blob, struct vdt_error *error)
{
    struct memory_blob *open = (struct memory_blob *)blob;
    if (open->of->broken) {
        snprintf(error->message, sizeof error->message, "broken");
        return error->status = VDT_ERR_IO;
    }
    open->of->kept[open->index].sealed = true;
    return VDT_OK;
}

static void memory_close(struct vdt_blob *blob)
{
    free(blob);
}

static void memory_free(struct vdt_blobs *blobs)
{
    struct memory_blobs *place = (struct memory_blobs *)blobs;
    for (size_t i = 0; i < place->count; i++)
        free(place->kept[i].bytes);
    free(place);
}

static struct vdt_blobs *memory_new(void)
{
    static const struct vdt_blobs_ops ops = {
        .kind = "memory",
        .free = memory_free,
        .stage = memory_stage,
        .open = memory_open,
        .read = memory_read,
        .write = memory_write,
        .seal = memory_seal,
        .close = memory_close,
    };
    struct memory_blobs *place = calloc(1, sizeof *place);
    place->base.ops = &ops;
    return &place->base;
}

#endif
