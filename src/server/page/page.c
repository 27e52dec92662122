#include "server/page/page.h"

#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "server/net/range.h"
#include "server/net/reply.h"
#include "server/page/accept.h"
#include "server/page/assets.h"
#include "server/stac/landing.h"

/* Nothing but files of this server; no inline scripts; pictures that were fetched with a token are
 * blobs. */
static const char policy[] = "default-src 'self'; img-src 'self' blob:; object-src 'none'; "
                             "base-uri 'none'; form-action 'none'; "
                             "frame-ancestors 'none'";
static const char openapi_type[] = "application/vnd.oai.openapi+json;version=3.0";

struct asset {
    const char *name, *type;
    const unsigned char *data;
    const size_t *size;
};

#define ASSET(name, type, word) {name, type, vdt_page_##word, &vdt_page_##word##_size},
static const struct asset assets[] = {VDT_PAGE_ASSETS(ASSET)};

enum { ASSET_COUNT = sizeof assets / sizeof assets[0] };

/* Files are asked for anew, for the next server may have others, and come only when they changed.
 */
static void reply_asset(struct vdt_request *request, const struct asset *asset)
{
    unsigned char digest[32];
    char hex[65], etag[32];
    vdt_sha256(asset->data, *asset->size, digest);
    vdt_hex(digest, sizeof digest, hex);
    snprintf(etag, sizeof etag, "\"%.16s\"", hex);
    vdt_reply_header(request, "ETag", etag);
    vdt_reply_header(request, "Cache-Control", "no-cache");
    vdt_reply_header(request, "Content-Security-Policy", policy);
    vdt_reply_header(request, "X-Frame-Options", "DENY");
    vdt_reply_header(request, "Referrer-Policy", "no-referrer");
    vdt_reply_header(request, "Cross-Origin-Opener-Policy", "same-origin");
    const char *known = vdt_request_header(request, "If-None-Match");
    if (known && vdt_etag_in_list(known, etag))
        vdt_reply_empty(request, 304);
    else
        vdt_reply_static(request, 200, asset->type, asset->data, *asset->size);
}

static void reply_file(struct vdt_request *request)
{
    const char *name = vdt_request_path(request, "file");
    for (size_t i = 0; i < ASSET_COUNT; i++)
        if (strcmp(assets[i].name, name) == 0) {
            reply_asset(request, &assets[i]);
            return;
        }
    vdt_reply_error(request, 404, "NotFound", "the page has no such file");
}

static void reply_root(struct vdt_request *request)
{
    vdt_reply_header(request, "Vary", "Accept");
    if (vdt_accept_prefers_html(vdt_request_header(request, "Accept")))
        reply_asset(request, &assets[0]); /* index.html */
    else
        vdt_stac_reply_landing(request);
}

static void reply_openapi(struct vdt_request *request)
{
    const struct asset document = {"", openapi_type, vdt_page_openapi, &vdt_page_openapi_size};
    reply_asset(request, &document);
}

const struct vdt_route vdt_page_routes[] = {
    {.method = "GET",
     .pattern = "/",
     .flags = VDT_ROUTE_ANYONE | VDT_ROUTE_OPEN | VDT_ROUTE_LIGHT,
     .handle = reply_root},
    {.method = "GET",
     .pattern = "/assets/{file}",
     .flags = VDT_ROUTE_ANYONE | VDT_ROUTE_OPEN | VDT_ROUTE_LIGHT,
     .handle = reply_file},
    {.method = "GET",
     .pattern = "/api",
     .flags = VDT_ROUTE_ANYONE | VDT_ROUTE_OPEN | VDT_ROUTE_LIGHT,
     .handle = reply_openapi},
    {0},
};
