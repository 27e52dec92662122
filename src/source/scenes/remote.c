/* Scenes over the network. */
#include "source/scenes/remote.h"

#include <cpl_conv.h>
#include <cpl_string.h>
#include <cpl_vsi.h>
#include <cpl_vsi_error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "source/quiet.h"

enum { TRIES_MORE = 5, FIRST_WAIT_MS = 200 };

/* GDAL's own tries are for a request that was refused for the moment; the caller's, with
 * vdt_remote_again, also for answers that end early, which GDAL 3.6 takes as they are. Sidecar
 * files are asked for by name: a mask among them decides what is image. */
static const struct setting {
    const char *name, *value;
} settings[] = {
    {"GDAL_DISABLE_READDIR_ON_OPEN", "TRUE"},
    {"GDAL_HTTP_MERGE_CONSECUTIVE_RANGES", "YES"},
    {"GDAL_HTTP_MULTIPLEX", "YES"},
    {"GDAL_INGESTED_BYTES_AT_OPEN", "32768"},
    {"GDAL_HTTP_MAX_RETRY", "2"},
    {"GDAL_HTTP_RETRY_DELAY", "0.2"},
    {"GDAL_HTTP_CONNECTTIMEOUT", "10"},
    {"GDAL_HTTP_LOW_SPEED_TIME", "20"},
    {"GDAL_HTTP_LOW_SPEED_LIMIT", "1"},
};
enum { SETTINGS = sizeof settings / sizeof settings[0] };

static const struct scheme {
    const char *url, *handler;
    bool whole; /* the handler takes the URL as it is */
} schemes[] = {
    {"http://", "/vsicurl/", true}, {"https://", "/vsicurl/", true}, {"ftp://", "/vsicurl/", true},
    {"s3://", "/vsis3/", false},    {"gs://", "/vsigs/", false},     {"az://", "/vsiaz/", false},
    {"oss://", "/vsioss/", false},
};
enum { SCHEMES = sizeof schemes / sizeof schemes[0] };

static const struct scheme *scheme_of(const char *path)
{
    for (int i = 0; i < SCHEMES; i++)
        if (strncmp(path, schemes[i].url, strlen(schemes[i].url)) == 0)
            return &schemes[i];
    return NULL;
}

bool vdt_is_remote(const char *path)
{
    static const char *const others[] = {"/vsiadls/", "/vsiswift/", "/vsihdfs/", "/vsiwebhdfs/"};
    for (int i = 0; i < SCHEMES; i++)
        if (strstr(path, schemes[i].handler) != NULL)
            return true;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (strstr(path, others[i]) != NULL)
            return true;
    return scheme_of(path) != NULL;
}

char *vdt_gdal_name(const char *path)
{
    const struct scheme *scheme = scheme_of(path);
    if (scheme == NULL)
        return vdt_copy_string(path);
    const char *rest = scheme->whole ? path : path + strlen(scheme->url);
    size_t size = strlen(scheme->handler) + strlen(rest) + 1;
    char *name = malloc(size);
    if (name != NULL)
        snprintf(name, size, "%s%s", scheme->handler, rest);
    return name;
}

void vdt_remote_begin(struct vdt_remote *remote, const char *path)
{
    *remote = (struct vdt_remote){.begun = vdt_is_remote(path)};
    for (int i = 0; remote->begun && i < SETTINGS; i++)
        if (CPLGetConfigOption(settings[i].name, NULL) == NULL) {
            CPLSetThreadLocalConfigOption(settings[i].name, settings[i].value);
            remote->set |= 1u << i;
        }
}

void vdt_remote_end(struct vdt_remote *remote)
{
    for (int i = 0; i < SETTINGS; i++)
        if ((remote->set & 1u << i) != 0)
            CPLSetThreadLocalConfigOption(settings[i].name, NULL);
}

#define COUNTING "CPL_VSIL_NETWORK_STATS_ENABLED"

void vdt_traffic_begin(bool count)
{
    if (!count)
        return;
    CPLSetThreadLocalConfigOption(COUNTING, "YES");
    VSINetworkStatsReset(); /* GDAL reads the option at the next request */
}

struct vdt_traffic vdt_traffic_end(bool count)
{
    struct vdt_traffic traffic = {0};
    if (!count)
        return traffic;
    char *text = VSINetworkStatsGetAsSerializedJSON(NULL);
    vdt_cleanup(vdt_json_release) json_t *stats = text == NULL ? NULL : json_loads(text, 0, NULL);
    const char *method;
    json_t *counts;
    json_object_foreach(json_object_get(stats, "methods"), method, counts)
    {
        traffic.requests += (uint64_t)json_integer_value(json_object_get(counts, "count"));
        traffic.bytes += (uint64_t)json_integer_value(json_object_get(counts, "downloaded_bytes"));
    }
    CPLFree(text);
    CPLSetThreadLocalConfigOption(COUNTING, NULL);
    VSINetworkStatsReset();
    return traffic;
}

/* What another try will not change. */
static bool is_final(const char *message)
{
    static const char *const words[] = {"400", "401", "403", "404", "405", "410", "416"};
    char text[32];
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        snprintf(text, sizeof text, "response code: %s", words[i]);
        if (strstr(message, text) != NULL)
            return true;
    }
    return strstr(message, "Range downloading not supported") != NULL ||
           strstr(message, "Could not resolve host") != NULL;
}

bool vdt_remote_again(const char *path, const struct vdt_error *error, unsigned tried)
{
    bool passing = error->status == VDT_ERR_IO || error->status == VDT_ERR_FORMAT ||
                   error->status == VDT_ERR_NOT_FOUND;
    if (!passing || tried >= TRIES_MORE || !vdt_is_remote(path) || is_final(error->message))
        return false;
    vdt_cleanup(vdt_free_pointer) char *name = vdt_gdal_name(path);
    if (name != NULL)
        VSICurlPartialClearCache(name);
    unsigned ms = FIRST_WAIT_MS << tried;
    const struct timespec wait = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&wait, NULL);
    return true;
}

/* --- whole files ---------------------------------------------------------------------------- */

enum { BLOCK = 1 << 20 };

static void close_file(VSILFILE **file)
{
    if (*file != NULL)
        VSIFCloseL(*file);
}

static vdt_status try_copy(const char *path, const char *from, const char *to,
                           struct vdt_error *error)
{
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    VSIErrorReset();
    vdt_cleanup(close_file) VSILFILE *in = VSIFOpenExL(from, "rb", TRUE);
    if (in == NULL)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: cannot be fetched (%s): check the address",
                        path, VSIGetLastErrorMsg());
    bool seeks = VSIFSeekL(in, 0, SEEK_END) == 0;
    const vsi_l_offset wanted = VSIFTellL(in);
    seeks = seeks && VSIFSeekL(in, 0, SEEK_SET) == 0;
    vdt_cleanup(close_file) VSILFILE *out = VSIFOpenL(to, "wb");
    vdt_cleanup(vdt_free_pointer) char *block = malloc(BLOCK);
    if (out == NULL || block == NULL)
        return vdt_fail_memory(error, path);
    vsi_l_offset size = 0;
    for (size_t got; (got = VSIFReadL(block, 1, BLOCK, in)) > 0; size += got)
        if (VSIFWriteL(block, 1, got, out) != got)
            return vdt_fail_memory(error, path);
    if (!seeks || size != wanted || quiet.failures > 0)
        return vdt_fail(error, VDT_ERR_IO, "%s: %llu of %llu bytes came (%s): try again", path,
                        (unsigned long long)size, (unsigned long long)wanted,
                        vdt_quiet_text(&quiet, "the answer ended early"));
    return VDT_OK;
}

static vdt_status copy_file(const char *path, const char *to, struct vdt_error *error)
{
    vdt_cleanup(vdt_remote_end) struct vdt_remote remote;
    vdt_remote_begin(&remote, path);
    vdt_cleanup(vdt_free_pointer) char *from = vdt_gdal_name(path);
    struct vdt_error cause;
    for (unsigned tried = 0; from != NULL; tried++) {
        vdt_status status = try_copy(path, from, to, &cause);
        if (status == VDT_OK)
            return VDT_OK;
        if (!vdt_remote_again(path, &cause, tried))
            return vdt_fail(error, status, "%s", cause.message);
    }
    return vdt_fail_memory(error, path);
}

/* The other files of a shapefile; .prj and .cpg need not be there. */
static vdt_status copy_parts(const char *path, const char *name, struct vdt_error *error)
{
    static const char *const parts[] = {".shx", ".dbf", ".prj", ".cpg"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct vdt_error cause;
        vdt_cleanup(vdt_free_pointer) char *from = vdt_copy_string(path);
        vdt_cleanup(vdt_free_pointer) char *to = vdt_copy_string(name);
        if (from == NULL || to == NULL)
            return vdt_fail_memory(error, path);
        memcpy(from + strlen(from) - 4, parts[i], 4);
        memcpy(to + strlen(to) - 4, parts[i], 4);
        vdt_status status = copy_file(from, to, &cause);
        if (status != VDT_OK && i >= 2 && status == VDT_ERR_NOT_FOUND)
            VSIUnlink(to);
        else if (status != VDT_OK)
            return vdt_fail(error, status, "%s", cause.message);
    }
    return VDT_OK;
}

vdt_status vdt_remote_fetch(const char *path, char **name, struct vdt_error *error)
{
    *name = NULL;
    if (!vdt_is_remote(path))
        return VDT_OK;
    const char *slash = strrchr(path, '/');
    size_t length = strcspn(slash + 1, "?#");
    vdt_cleanup(vdt_remote_drop) char *made = NULL;
    size_t size = length + 64;
    made = malloc(size);
    if (made == NULL)
        return vdt_fail_memory(error, path);
    snprintf(made, size, "/vsimem/vedatile-%p/%.*s", (void *)made, (int)length, slash + 1);
    vdt_status status = copy_file(path, made, error);
    if (status == VDT_OK && length > 4 && strcmp(path + strlen(path) - 4, ".shp") == 0)
        status = copy_parts(path, made, error);
    if (status != VDT_OK)
        return status;
    *name = made;
    made = NULL;
    return VDT_OK;
}

void vdt_remote_drop(char **name)
{
    if (*name == NULL)
        return;
    char *slash = strrchr(*name, '/');
    *slash = '\0';
    VSIRmdirRecursive(*name);
    free(*name);
    *name = NULL;
}
