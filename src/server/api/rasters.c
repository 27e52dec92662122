/* /v1/runs/{id}/samples/{reference}/raster: the classes of a sample's pixels, as they are: row by
 * row, 8 bits a value or 16, little-endian. No image format is read here: what its length does not
 * prove, the values do. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "server/api/runs.h"
#include "server/meta/quota.h"
#include "server/meta/rasters.h"
#include "server/net/route.h"
#include "server/server.h"

struct taking {
    struct vdt_meta_raster raster;
    uint32_t classes;
    size_t size, taken;
};

static void free_taking(void *state)
{
    struct taking *taking = state;
    vdt_meta_raster_clear(&taking->raster);
    free(taking);
}

/* --- the body --------------------------------------------------------------------------------- */

static bool is_octets(struct vdt_request *request)
{
    static const char wanted[] = "application/octet-stream";
    const char *type = vdt_request_header(request, "Content-Type");
    const size_t size = type == NULL ? 0 : strcspn(type, "; \t");
    if (size == sizeof wanted - 1 && strncasecmp(type, wanted, size) == 0)
        return true;
    vdt_reply_error(request, 415, "UnsupportedMediaType",
                    "the body's Content-Type must be application/octet-stream: the values of the "
                    "pixels");
    return false;
}

/* Whether the caller may add to the run, which has such a sample, and how large its tiles are.
 * False: it has replied. */
static bool find_tile(struct vdt_request *request, struct taking *taking)
{
    struct vdt_error error = {.status = VDT_OK};
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_cleanup(vdt_meta_run_clear) struct vdt_meta_run run = {0};
    struct vdt_meta_run_sample sample;
    struct vdt_meta_tile tile = {0};
    vdt_status status =
        vdt_db_begin(vdt_request_server(request)->db, VDT_DB_READ, &session, &error);
    if (status == VDT_OK)
        status = vdt_api_run_open(request, session, &run, &error);
    if (status == VDT_OK)
        status = vdt_api_run_sample(request, session, &run, &sample, &error);
    if (status == VDT_OK)
        status = vdt_meta_run_tile(session, &run, &tile, &error);
    json_decref(tile.info);
    taking->raster.rows = tile.rows;
    taking->raster.cols = tile.cols;
    taking->classes = tile.classes;
    if (status < 0)
        vdt_reply_failure(request, &error);
    return status == VDT_OK;
}

static bool check_length(struct vdt_request *request, struct taking *taking)
{
    const uint64_t length = vdt_request_length(request);
    const uint64_t pixels = (uint64_t)taking->raster.rows * taking->raster.cols;
    if (length == UINT64_MAX) {
        vdt_reply_error(request, 411, "LengthRequired", "Content-Length is wanted");
    } else if (length > VDT_RASTER_BODY_MOST) {
        vdt_reply_error(request, 413, "ContentTooLarge", "a raster has up to %d bytes",
                        VDT_RASTER_BODY_MOST);
    } else if (pixels == 0 || (length != pixels && length != 2 * pixels)) {
        vdt_reply_error(request, 400, "BadRequest",
                        "the raster has %llu bytes; tiles have %u x %u pixels, which is %llu bytes "
                        "of 8-bit values, or twice that of 16-bit values",
                        (unsigned long long)length, taking->raster.cols, taking->raster.rows,
                        (unsigned long long)pixels);
    } else {
        taking->size = (size_t)length;
        taking->raster.bits = length == pixels ? 8 : 16;
        return true;
    }
    return false;
}

static bool start(struct vdt_request *request)
{
    struct taking *taking = vdt_allocate_zero(1, sizeof *taking);
    if (taking == NULL) {
        vdt_reply_error(request, 503, "Busy", "out of memory");
        return false;
    }
    vdt_request_set_state(request, taking, free_taking);
    if (!is_octets(request) || !find_tile(request, taking) || !check_length(request, taking))
        return false;
    taking->raster.pixels = vdt_allocate(1, taking->size);
    if (taking->raster.pixels == NULL)
        vdt_reply_error(request, 503, "Busy", "out of memory");
    return taking->raster.pixels != NULL;
}

static bool take(struct vdt_request *request, const void *bytes, size_t size)
{
    struct taking *taking = vdt_request_state(request);
    if (size > taking->size - taking->taken) {
        vdt_reply_error(request, 400, "BadRequest", "the body is longer than its Content-Length");
        return false;
    }
    memcpy((char *)taking->raster.pixels + taking->taken, bytes, size);
    taking->taken += size;
    return true;
}

const struct vdt_body_ops vdt_raster_body = {.start = start, .data = take};

/* --- kept ------------------------------------------------------------------------------------- */

/* 0, class ids + 1, and the type's highest. */
static vdt_status check_values(const struct taking *taking, struct vdt_error *error)
{
    const struct vdt_meta_raster *raster = &taking->raster;
    const uint8_t *narrow = raster->pixels;
    const uint16_t *wide = raster->pixels;
    const uint32_t ignore = raster->bits == 8 ? UINT8_MAX : UINT16_MAX;
    for (size_t i = 0; i < (size_t)raster->rows * raster->cols; i++) {
        uint32_t value = raster->bits == 8 ? narrow[i] : wide[i];
        if (value > taking->classes && value != ignore)
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "the raster's pixel in column %zu of row %zu is %u; there are 0, %u "
                            "classes from 1 on, and %u for not predicted",
                            i % raster->cols, i / raster->cols, value, taking->classes, ignore);
    }
    return VDT_OK;
}

static vdt_status put(struct vdt_request *request, struct vdt_session *session,
                      struct vdt_answer *answer, struct vdt_error *error)
{
    vdt_cleanup(vdt_meta_run_clear) struct vdt_meta_run run = {0};
    struct vdt_meta_run_sample sample;
    struct vdt_meta_run_change change = {0};
    const struct taking *taking = vdt_request_state(request);
    if (taking == NULL || taking->size == 0 || taking->taken != taking->size)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "the request has no body; a raster is wanted");
    vdt_status status = check_values(taking, error);
    if (status == VDT_OK) /* somebody else may have committed it meanwhile */
        status = vdt_api_run_open(request, session, &run, error);
    if (status == VDT_OK)
        status = vdt_api_run_sample(request, session, &run, &sample, error);
    if (status == VDT_OK)
        status =
            vdt_meta_raster_put(session, run.id, sample.number, &taking->raster, &change, error);
    if (status == VDT_OK && change.bytes > 0)
        status = vdt_quota_bytes(session, run.owner, change.bytes, error);
    if (status == VDT_OK)
        status = vdt_meta_run_count(session, run.id, &change, error);
    sample.predicted = true;
    return status == VDT_OK ? vdt_api_run_sample_answer(session, &run, &sample, answer, error)
                            : status;
}

VDT_API_HANDLER(put_in_session, VDT_DB_WRITE, put)

void vdt_handle_put_raster(struct vdt_request *request)
{
    put_in_session(request);
}

/* --- read ------------------------------------------------------------------------------------- */

void vdt_handle_get_raster(struct vdt_request *request)
{
    struct vdt_error error = {.status = VDT_OK};
    vdt_cleanup(vdt_db_end) struct vdt_session *session = NULL;
    vdt_cleanup(vdt_meta_run_clear) struct vdt_meta_run run = {0};
    vdt_cleanup(vdt_meta_raster_clear) struct vdt_meta_raster raster = {0};
    struct vdt_meta_run_sample sample;
    vdt_status status =
        vdt_db_begin(vdt_request_server(request)->db, VDT_DB_READ, &session, &error);
    if (status == VDT_OK)
        status = vdt_api_run_find(request, session, false, &run, &error);
    if (status == VDT_OK)
        status = vdt_api_run_sample(request, session, &run, &sample, &error);
    if (status == VDT_OK)
        status = vdt_meta_raster_find(session, run.id, sample.number, false, &raster, &error);
    if (status == VDT_END)
        status = vdt_fail(&error, VDT_ERR_NOT_FOUND, "run %s: sample %s has no raster", run.slug,
                          sample.key);
    if (status != VDT_OK) {
        vdt_reply_failure(request, &error);
        return;
    }
    vdt_reply_header(request, "X-Content-Type-Options", "nosniff");
    vdt_reply_bytes(request, 200, "application/octet-stream", raster.pixels,
                    (size_t)raster.rows * raster.cols * (raster.bits / 8));
    raster.pixels = NULL;
}
