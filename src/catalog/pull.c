/* Pulls: what is here already, what is fetched, and the moment when it gets its name. */
#define _GNU_SOURCE /* SEEK_DATA */
#include "catalog/pull.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/path.h"
#include "catalog/fetch.h"
#include "catalog/pull_partial.h"
#include "catalog/sidecar.h"
#include "store/partial.h"
#include "store/snapshot.h"

struct pulling {
    struct vdt_catalog *catalog;
    const char *path;
    const struct vdt_pull_options *options;
    bool plain; /* a file of a mirror: no sidecar */
    struct vdt_pull_source source;
    char digest[VDT_DIGEST_TEXT];
    struct vdt_sidecar sidecar;
    struct vdt_snapshot *old; /* what is there now; NULL: nothing */
    struct vdt_block_list old_list;
    char *part; /* PATH.pull */
    int fd;     /* of it, locked */
    unsigned char *have;
    uint64_t fetched;
};

static void pulling_cleanup(struct pulling *pulling)
{
    vdt_pull_source_clear(&pulling->source);
    vdt_sidecar_clear(&pulling->sidecar);
    vdt_snapshot_free(pulling->old);
    vdt_block_list_clear(&pulling->old_list);
    free(pulling->part);
    free(pulling->have);
    if (pulling->fd >= 0)
        close(pulling->fd);
}

/* --- what is there ------------------------------------------------------------------------ */

static bool tell_hashed(uint64_t done, uint64_t total, void *payload)
{
    struct pulling *pulling = payload;
    (void)done, (void)total;
    return vdt_http_goes_on(pulling->catalog->http);
}

static vdt_status hash_old(struct pulling *pulling, struct vdt_error *error)
{
    vdt_status status = vdt_snapshot_open(pulling->path, &pulling->old, error);
    if (status == VDT_ERR_FORMAT) /* something else: nothing of it can be used */
        return VDT_OK;
    if (status != VDT_OK)
        return status;
    if (!vdt_snapshot_alone(pulling->old))
        return vdt_fail(error, VDT_ERR_BUSY,
                        "%s: another process is writing it: try again when it is done",
                        pulling->path);
    vdt_http_begin(pulling->catalog->http, VDT_STEP_HASH, vdt_snapshot_size(pulling->old));
    return vdt_block_list_of_snapshot(pulling->old, pulling->path, pulling->options->threads,
                                      tell_hashed, pulling, &pulling->old_list, error);
}

/* May what is at the path be replaced? *same: it is that version already. */
static vdt_status look_at_path(struct pulling *pulling, bool *same, struct vdt_error *error)
{
    char local[VDT_DIGEST_TEXT] = "";
    const struct vdt_sidecar *sidecar = &pulling->sidecar;
    const char *entry = pulling->source.manifest.entry;
    *same = false;
    if (access(pulling->path, F_OK) != 0)
        return VDT_OK;
    vdt_status status =
        pulling->plain ? VDT_OK : vdt_sidecar_read(pulling->path, &pulling->sidecar, error);
    if (status == VDT_OK)
        status = hash_old(pulling, error);
    if (status != VDT_OK)
        return status;
    if (pulling->old != NULL)
        vdt_block_list_digest(&pulling->old_list, local);
    *same = strcmp(local, pulling->digest) == 0;
    if (*same || pulling->plain || pulling->options->force)
        return VDT_OK;
    if (sidecar->entry == NULL || *entry == '\0' || strcmp(sidecar->entry, entry) != 0)
        return vdt_fail(error, VDT_ERR_EXISTS,
                        "%s: is there already, and no pull of %s: give another name, or --force",
                        pulling->path, *entry == '\0' ? "this store" : entry);
    if (strcmp(local, sidecar->digest) != 0 && strcmp(local, sidecar->pending) != 0)
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "%s: was changed since version %" PRIu32 " of %s: save it, give another "
                        "name, or --force to lose the changes",
                        pulling->path, sidecar->version, entry);
    return VDT_OK;
}

/* --- what came before --------------------------------------------------------------------- */

/* The .pull file, ours alone: another pull may give it its final name at any moment. */
static vdt_status open_part(struct pulling *pulling, struct vdt_error *error)
{
    for (int i = 0; i < 3; i++) {
        struct stat by_name, opened;
        pulling->fd = open(pulling->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (pulling->fd < 0)
            return vdt_fail_errno(error, pulling->part);
        if (flock(pulling->fd, LOCK_EX | LOCK_NB) != 0)
            return vdt_fail(error, VDT_ERR_BUSY, "%s: another process is pulling it",
                            pulling->path);
        if (fstat(pulling->fd, &opened) == 0 && S_ISREG(opened.st_mode) &&
            stat(pulling->part, &by_name) == 0 && by_name.st_ino == opened.st_ino &&
            by_name.st_dev == opened.st_dev && opened.st_nlink == 1)
            return VDT_OK;
        close(pulling->fd);
        pulling->fd = -1;
    }
    return vdt_fail(error, VDT_ERR_BUSY, "%s: is not a file of its own", pulling->part);
}

static bool has_data(int fd, uint64_t from, uint64_t end)
{
    off_t at = lseek(fd, (off_t)from, SEEK_SET) < 0 ? -1 : (off_t)from;
#ifdef SEEK_DATA
    at = lseek(fd, (off_t)from, SEEK_DATA);
#endif
    return at >= 0 && (uint64_t)at < end;
}

/* What a pull that was cut off left is not believed but hashed; the rest comes from the older
 * version where its blocks are the same. */
static vdt_status take_blocks(struct pulling *pulling, struct vdt_error *error)
{
    const struct vdt_block_list *list = &pulling->source.list, *old = &pulling->old_list;
    vdt_cleanup(vdt_free_pointer) unsigned char *block = vdt_allocate(list->block_size, 1);
    pulling->have = vdt_allocate_zero(list->count, 1);
    if (block == NULL || pulling->have == NULL)
        return vdt_fail_memory(error, pulling->path);
    for (uint64_t i = 0; i < list->count; i++) {
        uint64_t at = i * list->block_size;
        uint32_t length = vdt_block_length(list, i);
        bool known = old->block_size == list->block_size && i < old->count &&
                     vdt_block_length(old, i) == length &&
                     memcmp(old->digests[i], list->digests[i], VDT_BLOCK_DIGEST) == 0;
        vdt_status status = VDT_OK;
        if (!vdt_http_goes_on(pulling->catalog->http))
            return vdt_fail(error, VDT_ERR_CANCELLED, "stopped");
        if (has_data(pulling->fd, at, at + length) &&
            vdt_read_at(pulling->fd, block, length, at, pulling->part, NULL) == VDT_OK &&
            vdt_block_is(list, i, block)) {
            pulling->have[i] = 1;
            continue;
        }
        if (!known)
            continue;
        status = vdt_snapshot_read(pulling->old, block, length, at, error);
        if (status == VDT_OK && vdt_block_is(list, i, block)) {
            status = vdt_write_at(pulling->fd, block, length, at, pulling->part, error);
            pulling->have[i] = 1;
        }
        if (status != VDT_OK)
            return status;
    }
    return VDT_OK;
}

static vdt_status check_room(const struct pulling *pulling, struct vdt_error *error)
{
    struct statvfs room;
    const struct vdt_block_list *list = &pulling->source.list;
    uint64_t needed = 0;
    for (uint64_t i = 0; i < list->count; i++)
        needed += pulling->have[i] ? 0 : vdt_block_length(list, i);
    if (fstatvfs(pulling->fd, &room) != 0)
        return VDT_OK;
    uint64_t free_bytes = (uint64_t)room.f_bavail * room.f_frsize;
    if (needed <= free_bytes)
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_FULL,
                    "%s: %" PRIu64 " bytes are missing, and %" PRIu64
                    " are free there: make room and pull again, it goes on",
                    pulling->path, needed, free_bytes);
}

static vdt_status keep_block(void *payload, uint64_t index, const void *data, uint32_t size,
                             struct vdt_error *error)
{
    struct pulling *pulling = payload;
    return vdt_write_at(pulling->fd, data, size, index * pulling->source.list.block_size,
                        pulling->part, error);
}

static vdt_status fill(struct pulling *pulling, struct vdt_error *error)
{
    const struct vdt_block_list *list = &pulling->source.list;
    vdt_status status = open_part(pulling, error);
    if (status == VDT_OK && ftruncate(pulling->fd, (off_t)list->size) != 0)
        status = vdt_fail_errno(error, pulling->part);
    if (status == VDT_OK)
        status = take_blocks(pulling, error);
    if (status == VDT_OK)
        status = check_room(pulling, error);
    if (status != VDT_OK)
        return status;
    for (uint64_t i = 0; i < list->count; i++)
        pulling->fetched += pulling->have[i] ? 0 : vdt_block_length(list, i);
    const struct vdt_fetch fetch = {.http = pulling->catalog->http,
                                    .url = pulling->source.store_url,
                                    .list = list,
                                    .have = pulling->have,
                                    .keep = keep_block,
                                    .payload = pulling};
    status = vdt_fetch_missing(&fetch, error);
    if (status == VDT_OK && fsync(pulling->fd) != 0)
        status = vdt_fail_errno(error, pulling->part);
    return status;
}

/* --- its name ----------------------------------------------------------------------------- */

static bool set_text(char **text, const char *with)
{
    char *copy = with == NULL ? NULL : vdt_copy_string(with);
    free(*text);
    *text = copy;
    return with == NULL || copy != NULL;
}

static vdt_status remember(struct pulling *pulling, bool pending, struct vdt_error *error)
{
    struct vdt_sidecar *sidecar = &pulling->sidecar;
    const struct vdt_manifest *manifest = &pulling->source.manifest;
    bool catalog = pulling->source.from_catalog;
    if (pulling->plain)
        return VDT_OK;
    snprintf(sidecar->pending, sizeof sidecar->pending, "%s", pending ? pulling->digest : "");
    if (!pending || sidecar->entry == NULL || strcmp(sidecar->entry, manifest->entry) != 0) {
        bool set = set_text(&sidecar->url, catalog ? vdt_http_base(pulling->catalog->http) : NULL);
        set &= set_text(&sidecar->manifest, catalog ? NULL : pulling->source.manifest_url);
        set &= set_text(&sidecar->entry, manifest->entry);
        set &= set_text(&sidecar->name, manifest->name);
        if (!set)
            return vdt_fail_memory(error, pulling->path);
        sidecar->version = manifest->version;
        snprintf(sidecar->digest, sizeof sidecar->digest, "%s", pulling->digest);
        sidecar->stamp[0] = '\0';
    }
    if (!pending)
        vdt_file_stamp(pulling->path, sidecar->stamp);
    return vdt_sidecar_write(pulling->path, sidecar, error);
}

static void forget(const char *path, const char *suffix)
{
    vdt_cleanup(vdt_free_pointer) char *other = vdt_path_with(path, suffix);
    if (other != NULL)
        unlink(other);
}

/* Where nothing was, nothing that came meanwhile is replaced. */
static vdt_status give_name(struct pulling *pulling, struct vdt_error *error)
{
    bool replace = pulling->old != NULL || pulling->options->force || pulling->plain;
    if (pulling->old != NULL && vdt_snapshot_changed(pulling->old))
        return vdt_fail(error, VDT_ERR_BUSY,
                        "%s: was written to meanwhile: pull again when that is done",
                        pulling->path);
    if (!replace && link(pulling->part, pulling->path) == 0)
        unlink(pulling->part);
    else if (!replace && errno == EEXIST)
        return vdt_fail(error, VDT_ERR_EXISTS, "%s: exists already", pulling->path);
    else if (rename(pulling->part, pulling->path) != 0)
        return vdt_fail_errno(error, pulling->path);
    /* What belonged to the older file; we hold the lock of the new one. */
    forget(pulling->path, ".journal");
    forget(pulling->path, ".chunks");
    return vdt_sync_folder(pulling->path, error);
}

/* A whole store at the path stays: it is this version, or it is in the way. */
static vdt_status pull_partial(struct pulling *pulling, bool *same, struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    if (!vdt_partial_exists(pulling->path)) {
        status = look_at_path(pulling, same, error);
        if (status == VDT_OK && !*same && !pulling->options->force && pulling->old != NULL)
            status = vdt_fail(error, VDT_ERR_EXISTS,
                              "%s: is there already, as a whole store of another version: pull "
                              "without --partial, give another name, or --force",
                              pulling->path);
    }
    if (status == VDT_OK && !*same)
        status = vdt_pull_partial(pulling->catalog, pulling->path, pulling->options,
                                  &pulling->source, &pulling->fetched, error);
    return status == VDT_OK ? remember(pulling, false, error) : status;
}

static vdt_status pull(struct pulling *pulling, bool *same, struct vdt_error *error)
{
    vdt_block_list_digest(&pulling->source.list, pulling->digest);
    if (!pulling->plain && vdt_pull_is_partial(pulling->path, pulling->options))
        return pull_partial(pulling, same, error);
    vdt_status status = look_at_path(pulling, same, error);
    if (status == VDT_OK && *same)
        return remember(pulling, false, error);
    pulling->part = vdt_path_with(pulling->path, ".pull");
    if (status == VDT_OK && pulling->part == NULL)
        status = vdt_fail_memory(error, pulling->path);
    if (status == VDT_OK)
        status = fill(pulling, error);
    if (status == VDT_OK)
        status = remember(pulling, true, error);
    if (status == VDT_OK)
        status = give_name(pulling, error);
    return status == VDT_OK ? remember(pulling, false, error) : status;
}

static void write_report(const struct pulling *pulling, bool same, struct vdt_pull_report *report)
{
    if (report == NULL)
        return;
    *report = (struct vdt_pull_report){.bytes = pulling->source.list.size,
                                       .fetched = same ? 0 : pulling->fetched,
                                       .version = pulling->source.manifest.version,
                                       .unchanged = same,
                                       .partial = vdt_partial_exists(pulling->path)};
    memcpy(report->digest, pulling->digest, sizeof report->digest);
}

vdt_status vdt_catalog_pull(struct vdt_catalog *catalog, const char *what, const char *path,
                            const struct vdt_pull_options *options, struct vdt_pull_report *report,
                            struct vdt_error *error)
{
    static const struct vdt_pull_options defaults;
    vdt_cleanup(pulling_cleanup) struct pulling pulling = {.catalog = catalog,
                                                           .path = path,
                                                           .options = options == NULL ? &defaults
                                                                                      : options,
                                                           .fd = -1};
    bool same = false;
    vdt_status status =
        vdt_pull_find(catalog, what, pulling.options->release, &pulling.source, error);
    if (status == VDT_OK)
        status = pull(&pulling, &same, error);
    if (status == VDT_OK)
        write_report(&pulling, same, report);
    return status;
}

/* --- mirrors ------------------------------------------------------------------------------ */

static char *inside(const char *folder, const char *name)
{
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = vdt_allocate(size, 1);
    if (path != NULL)
        snprintf(path, size, "%s/%s", folder, name);
    return path;
}

static vdt_status write_bytes(const char *path, const void *data, size_t size,
                              struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *part = vdt_path_with(path, ".pull");
    if (part == NULL)
        return vdt_fail_memory(error, path);
    vdt_cleanup(vdt_close_fd) int fd =
        open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0)
        return vdt_fail_errno(error, part);
    vdt_status status = vdt_write_at(fd, data, size, 0, part, error);
    if (status == VDT_OK && (fsync(fd) != 0 || rename(part, path) != 0))
        status = vdt_fail_errno(error, path);
    return status;
}

/* The manifest comes last: what it names is there. */
static vdt_status write_manifest(struct pulling *pulling, const char *folder,
                                 struct vdt_error *error)
{
    struct vdt_manifest *manifest = &pulling->source.manifest;
    const struct vdt_block_list *list = &pulling->source.list;
    vdt_cleanup(vdt_free_pointer) char *blocks = inside(folder, "blocks");
    vdt_cleanup(vdt_free_pointer) char *path = inside(folder, "manifest.json");
    if (blocks == NULL || path == NULL || !set_text(&manifest->blocks, "blocks") ||
        !set_text(&manifest->store, "store.h5"))
        return vdt_fail_memory(error, folder);
    vdt_status status = write_bytes(blocks, list->digests, list->count * VDT_BLOCK_DIGEST, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_json_release) json_t *json = vdt_manifest_document(manifest);
    vdt_cleanup(vdt_free_pointer) char *text = json == NULL ? NULL : vdt_json_text(json);
    if (text == NULL)
        return vdt_fail_memory(error, folder);
    return vdt_write_whole(path, text, 0644, error);
}

vdt_status vdt_catalog_mirror(struct vdt_catalog *catalog, const char *entry, uint32_t release,
                              const char *folder, struct vdt_pull_report *report,
                              struct vdt_error *error)
{
    static const struct vdt_pull_options defaults;
    bool same = false;
    vdt_cleanup(vdt_free_pointer) char *store = inside(folder, "store.h5");
    vdt_cleanup(pulling_cleanup) struct pulling pulling = {
        .catalog = catalog, .path = store, .options = &defaults, .plain = true, .fd = -1};
    if (store == NULL)
        return vdt_fail_memory(error, folder);
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return vdt_fail_errno(error, folder);
    vdt_status status = vdt_pull_find(catalog, entry, release, &pulling.source, error);
    if (status == VDT_OK)
        status = pull(&pulling, &same, error);
    if (status == VDT_OK)
        status = write_manifest(&pulling, folder, error);
    if (status == VDT_OK)
        write_report(&pulling, same, report);
    return status;
}
