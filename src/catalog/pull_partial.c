/* Made, with what opening needs; or completed. */
#include "catalog/pull_partial.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vedatile/store.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/path.h"
#include "catalog/http_state.h"
#include "catalog/partial_file.h"
#include "store/partial.h"

bool vdt_pull_is_partial(const char *path, const struct vdt_pull_options *options)
{
    return options->partial || vdt_partial_exists(path);
}

/* The store first: one without PATH.partial would pass for whole. */
static void remove_both(const char *path)
{
    vdt_cleanup(vdt_free_pointer) char *beside = vdt_path_with(path, ".partial");
    unlink(path);
    if (beside != NULL)
        unlink(beside);
}

static void reader_cleanup(struct vdt_reader **reader)
{
    vdt_reader_free(*reader);
}

static vdt_status make(struct vdt_catalog *catalog, const char *path,
                       const struct vdt_pull_options *options, const struct vdt_pull_source *source,
                       struct vdt_error *error)
{
    const struct vdt_catalog_options *settings = &catalog->http->options;
    vdt_cleanup(vdt_free_pointer) char *login = options->login_file == NULL || !source->from_catalog
                                                    ? NULL
                                                    : realpath(options->login_file, NULL);
    vdt_cleanup(vdt_free_pointer) char *ca_file =
        settings->ca_file == NULL ? NULL : realpath(settings->ca_file, NULL);
    const struct vdt_partial_about about = {
        .store = source->store_url,
        .manifest = source->manifest_url,
        .entry = source->manifest.entry,
        .version = source->manifest.version,
        .server = source->from_catalog ? vdt_http_base(catalog->http) : NULL,
        .login = login,
        .ca_file = ca_file,
        .http_proxy = settings->http_proxy,
        .https_proxy = settings->https_proxy,
        .no_proxy = settings->no_proxy};
    vdt_status status = vdt_partial_create(path, &about, &source->list, error);
    if (status != VDT_OK)
        return status;
    /* Opening fetches what opening needs, and proves that the rest can be had. */
    vdt_cleanup(reader_cleanup) struct vdt_reader *reader = NULL;
    status = vdt_reader_open(path, &reader, error);
    if (status != VDT_OK)
        remove_both(path);
    return status;
}

static bool tell(uint64_t done, uint64_t total, void *payload)
{
    struct vdt_http *http = payload;
    long long before = atomic_load(&http->done);
    (void)total;
    vdt_http_advance(http, (int64_t)done - before);
    return vdt_http_goes_on(http);
}

static vdt_status complete(struct vdt_catalog *catalog, const char *path, uint64_t size,
                           struct vdt_error *error)
{
    vdt_http_begin(catalog->http, VDT_STEP_FETCH, size);
    return vdt_store_complete(path, tell, catalog->http, error);
}

static vdt_status bytes_here(const char *path, uint64_t *bytes, struct vdt_error *error)
{
    struct stat info;
    struct vdt_partial *partial = NULL;
    if (stat(path, &info) != 0)
        return vdt_fail_errno(error, path);
    vdt_status status = vdt_partial_open(path, (uint64_t)info.st_size, &partial, error);
    if (status == VDT_OK)
        *bytes = partial == NULL ? (uint64_t)info.st_size : vdt_partial_bytes(partial);
    vdt_partial_free(partial);
    return status;
}

/* What is at the path is a partial store: is it this version? */
static vdt_status look(const char *path, const struct vdt_pull_source *source, bool force,
                       struct vdt_error *error)
{
    char digest[VDT_DIGEST_TEXT];
    struct vdt_partial_file file;
    vdt_status status = vdt_partial_file_open(path, &file, error);
    if (status != VDT_OK && !force)
        return status;
    vdt_block_list_digest(&source->list, digest);
    bool same = status == VDT_OK && strcmp(file.digest, digest) == 0;
    uint32_t version = status == VDT_OK ? file.about.version : 0;
    if (status == VDT_OK)
        vdt_partial_file_close(&file);
    if (same)
        return VDT_OK;
    if (force) {
        remove_both(path);
        return VDT_OK;
    }
    return vdt_fail(error, VDT_ERR_EXISTS,
                    "%s: is there already, as a partial store of version %lu: complete it "
                    "('vedatile pull %s'), give another name, or --force",
                    path, (unsigned long)version, path);
}

vdt_status vdt_pull_partial(struct vdt_catalog *catalog, const char *path,
                            const struct vdt_pull_options *options,
                            const struct vdt_pull_source *source, uint64_t *fetched,
                            struct vdt_error *error)
{
    uint64_t before = 0, after = 0;
    vdt_status status = VDT_OK;
    if (vdt_partial_exists(path) && access(path, F_OK) == 0)
        status = look(path, source, options->force, error);
    else if (options->force)
        unlink(path);
    if (status != VDT_OK)
        return status;
    bool there = access(path, F_OK) == 0 && vdt_partial_exists(path);
    if (there)
        status = bytes_here(path, &before, error);
    else
        status = make(catalog, path, options, source, error);
    if (status == VDT_OK && !options->partial)
        status = complete(catalog, path, source->list.size, error);
    if (status == VDT_OK)
        status = bytes_here(path, &after, error);
    if (status == VDT_OK)
        *fetched = after - before;
    return status;
}
