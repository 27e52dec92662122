/* One attempt at a request: curl's callbacks, redirects, and what an answer means. */
#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "base/path.h"
#include "catalog/http_state.h"
#include "catalog/manifest.h"

enum { REDIRECTS = 5, HEADER_MOST = 256 * 1024, PIECE = 512 * 1024, LOCATION = 4096 };

/* Bytes a second below which a connection counts as stalled. */
static const long STALLED = 64;
static const long PATIENCE_S = 900;

struct vdt_http_handle {
    CURL *curl;
    struct vdt_http_handle *next;
};

/* What the callbacks see. */
struct attempt {
    struct vdt_http *http;
    const struct vdt_http_request *request;
    struct vdt_http_answer *answer;
    CURL *curl;
    uint64_t at; /* of the body that is sent */
    size_t header_bytes;
    double wait_s;
    vdt_status status; /* of the request's own callbacks */
    struct vdt_error failure;
    bool started;
    char location[LOCATION];
    char message[CURL_ERROR_SIZE];
};

/* --- handles ------------------------------------------------------------------------------ */

static struct vdt_http_handle *take_handle(struct vdt_http *http)
{
    pthread_mutex_lock(&http->mutex);
    struct vdt_http_handle *handle = http->idle;
    if (handle != NULL)
        http->idle = handle->next;
    pthread_mutex_unlock(&http->mutex);
    if (handle != NULL)
        return handle;
    handle = vdt_allocate_zero(1, sizeof *handle);
    if (handle != NULL && (handle->curl = curl_easy_init()) == NULL) {
        free(handle);
        handle = NULL;
    }
    return handle;
}

static void give_handle(struct vdt_http *http, struct vdt_http_handle *handle)
{
    curl_easy_reset(handle->curl); /* the connection stays */
    pthread_mutex_lock(&http->mutex);
    handle->next = http->idle;
    http->idle = handle;
    pthread_mutex_unlock(&http->mutex);
}

void vdt_http_handles_free(struct vdt_http *http)
{
    while (http->idle != NULL) {
        struct vdt_http_handle *handle = http->idle;
        http->idle = handle->next;
        curl_easy_cleanup(handle->curl);
        free(handle);
    }
}

int vdt_http_shown(const char *url)
{
    return (int)strcspn(url, "?#");
}

/* --- curl's callbacks --------------------------------------------------------------------- */

static size_t send_piece(char *to, size_t size, size_t count, void *payload)
{
    struct attempt *attempt = payload;
    const struct vdt_http_request *request = attempt->request;
    uint64_t left = request->body_size - attempt->at;
    size_t step = left < size * count ? (size_t)left : size * count;
    if (request->read == NULL)
        memcpy(to, (const char *)request->body + attempt->at, step);
    else if (step > 0 &&
             !request->read(request->payload, attempt->at, to, step, &attempt->failure)) {
        attempt->status = attempt->failure.status;
        return CURL_READFUNC_ABORT;
    }
    attempt->at += step;
    vdt_http_pace(attempt->http, step);
    return step;
}

static int seek_piece(void *payload, curl_off_t offset, int origin)
{
    struct attempt *attempt = payload;
    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > attempt->request->body_size)
        return CURL_SEEKFUNC_FAIL;
    attempt->at = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

static size_t keep_body(struct attempt *attempt, const void *data, size_t size)
{
    struct vdt_buffer *body = &attempt->answer->body;
    uint64_t most = attempt->request->body_most;
    if (most == 0)
        most = VDT_HTTP_BODY_MOST;
    if (size > most || body->size > most - size) {
        attempt->status = vdt_fail(&attempt->failure, VDT_ERR_FORMAT,
                                   "the answer has more than %" PRIu64 " bytes", most);
        return 0;
    }
    if (!vdt_buffer_reserve(body, body->size + size + 1) || !vdt_buffer_append(body, data, size)) {
        attempt->status = vdt_fail_memory(&attempt->failure, "catalog");
        return 0;
    }
    body->data[body->size] = '\0';
    return size;
}

static size_t take_piece(char *data, size_t size, size_t count, void *payload)
{
    struct attempt *attempt = payload;
    const struct vdt_http_request *request = attempt->request;
    long code = 0;
    size *= count;
    vdt_http_pace(attempt->http, size);
    curl_easy_getinfo(attempt->curl, CURLINFO_RESPONSE_CODE, &code);
    if (request->write == NULL || code < 200 || code > 299)
        return keep_body(attempt, data, size);
    attempt->answer->code = (unsigned)code;
    attempt->answer->ranges = code == 206;
    if (!attempt->started && request->start != NULL)
        attempt->status = request->start(request->payload, attempt->answer, &attempt->failure);
    attempt->started = true;
    if (attempt->status == VDT_OK)
        attempt->status = request->write(request->payload, data, size, &attempt->failure);
    return attempt->status == VDT_OK ? size : 0;
}

/* "Name: value" -> value, in `to`; false for another header. */
static bool header_is(const char *line, size_t size, const char *name, char *to, size_t room)
{
    size_t length = strlen(name);
    if (size <= length || strncasecmp(line, name, length) != 0 || line[length] != ':')
        return false;
    const char *from = line + length + 1, *end = line + size;
    while (from < end && (*from == ' ' || *from == '\t'))
        from++;
    while (end > from && (unsigned char)end[-1] <= ' ')
        end--;
    size_t count = (size_t)(end - from) < room - 1 ? (size_t)(end - from) : room - 1;
    memcpy(to, from, count);
    to[count] = '\0';
    return true;
}

/* "bytes 5-9/20" */
static void read_range(struct vdt_http_answer *answer, const char *value)
{
    uint64_t first, last, total;
    if (sscanf(value, "bytes %" SCNu64 "-%" SCNu64 "/%" SCNu64, &first, &last, &total) == 3 &&
        first <= last && last < total) {
        answer->first = first;
        answer->total = total;
    }
}

static size_t take_header(char *line, size_t size, size_t count, void *payload)
{
    struct attempt *attempt = payload;
    struct vdt_http_answer *answer = attempt->answer;
    char value[256];
    size *= count;
    attempt->header_bytes += size;
    if (attempt->header_bytes > HEADER_MOST)
        return 0;
    if (size >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        answer->first = 0;
        answer->total = UINT64_MAX;
        answer->etag[0] = answer->type[0] = attempt->location[0] = '\0';
    } else if (header_is(line, size, "Content-Type", answer->type, sizeof answer->type)) {
        answer->type[strcspn(answer->type, "; \t")] = '\0';
        for (char *c = answer->type; *c != '\0'; c++)
            *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
    } else if (header_is(line, size, "Content-Range", value, sizeof value))
        read_range(answer, value);
    else if (header_is(line, size, "Content-Length", value, sizeof value)) {
        if (answer->total == UINT64_MAX)
            answer->total = strtoull(value, NULL, 10);
    } else if (header_is(line, size, "Retry-After", value, sizeof value)) {
        char *end;
        double seconds = strtod(value, &end);
        attempt->wait_s = *end == '\0' && seconds >= 0 ? seconds : 5; /* a date */
    } else if (!header_is(line, size, "ETag", answer->etag, sizeof answer->etag))
        header_is(line, size, "Location", attempt->location, sizeof attempt->location);
    return size;
}

static int look(void *payload, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                curl_off_t up)
{
    (void)down_total, (void)down, (void)up_total, (void)up;
    return !vdt_http_goes_on(payload);
}

/* Bytes that move at once: few where they are to move slowly. */
static long piece_of(const struct vdt_http *http)
{
    uint64_t rate = http->options.limit_rate, least = 16 * 1024;
    if (rate == 0 || rate / 8 > PIECE)
        return PIECE;
    return (long)(rate / 8 < least ? least : rate / 8);
}

/* --- setting up --------------------------------------------------------------------------- */

static void headers_cleanup(struct curl_slist **list)
{
    curl_slist_free_all(*list);
}

static bool add_header(struct curl_slist **list, const char *text)
{
    struct curl_slist *longer = curl_slist_append(*list, text);
    if (longer != NULL)
        *list = longer;
    return longer != NULL;
}

static bool add_headers(const struct vdt_http *http, const struct vdt_http_request *request,
                        const char *url, struct curl_slist **list)
{
    char text[512];
    bool added =
        add_header(list, "Expect:"); /* it costs a round trip, and seconds at some proxies */
    for (int i = 0; i < VDT_HTTP_HEADERS && request->headers[i] != NULL; i++)
        added &= add_header(list, request->headers[i]);
    if (request->type != NULL) {
        snprintf(text, sizeof text, "Content-Type: %s", request->type);
        added &= add_header(list, text);
    }
    if (request->last > 0) {
        snprintf(text, sizeof text, "Range: bytes=%" PRIu64 "-%" PRIu64, request->first,
                 request->last);
        added &= add_header(list, text);
    }
    if (http->token != NULL && vdt_url_same_origin(url, http->base)) {
        snprintf(text, sizeof text, "Authorization: Bearer %.*s", 400, http->token);
        added &= add_header(list, text);
        memset(text, 0, sizeof text);
    }
    return added;
}

static void set_network(CURL *curl, const struct vdt_http *http, const char *url, bool patient)
{
    const struct vdt_catalog_options *options = &http->options;
    bool tls = strncasecmp(url, "https:", 6) == 0;
    const char *proxy = tls ? options->https_proxy : options->http_proxy;
    /* An empty text, for NULL would ask the environment. */
    curl_easy_setopt(curl, CURLOPT_PROXY, proxy == NULL ? "" : proxy);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, options->no_proxy == NULL ? "" : options->no_proxy);
    if (options->ca_file != NULL) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, options->ca_file);
        curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    }
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)(options->connect_s * 1000));
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    if (patient)
        curl_easy_setopt(curl, CURLOPT_TIMEOUT, PATIENCE_S);
    else {
        /* One of several connections may wait for its share. */
        uint64_t share = options->limit_rate / options->connections / 4;
        long least = options->limit_rate > 0 && share < STALLED ? (long)share : STALLED;
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, least > 0 ? least : 1L);
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME,
                         options->stall_s < 1 ? 1L : (long)options->stall_s);
    }
}

static void set_body(CURL *curl, struct attempt *attempt)
{
    const struct vdt_http_request *request = attempt->request;
    const char *method = request->method == NULL ? "GET" : request->method;
    if (request->type != NULL) {
        curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, piece_of(attempt->http));
        curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->body_size);
        curl_easy_setopt(curl, CURLOPT_READFUNCTION, send_piece);
        curl_easy_setopt(curl, CURLOPT_READDATA, attempt);
        curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, seek_piece);
        curl_easy_setopt(curl, CURLOPT_SEEKDATA, attempt);
    } else if (strcmp(method, "HEAD") == 0)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    else if (strcmp(method, "GET") != 0) { /* a length is due, also of nothing */
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, 0L);
    }
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
}

static void set_answer(CURL *curl, struct attempt *attempt)
{
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_piece);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, attempt);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, attempt);
    curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, piece_of(attempt->http));
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, attempt->http);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, attempt->message);
}

static CURLcode perform(struct attempt *attempt, const char *url)
{
    CURL *curl = attempt->curl;
    vdt_cleanup(headers_cleanup) struct curl_slist *headers = NULL;
    if (!add_headers(attempt->http, attempt->request, url, &headers))
        return CURLE_OUT_OF_MEMORY;
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "vedatile/" VEDATILE_VERSION);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    set_network(curl, attempt->http, url, attempt->request->patient);
    set_body(curl, attempt);
    set_answer(curl, attempt);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL);
    return code;
}

/* --- what an answer means ----------------------------------------------------------------- */

/* {"description": ...} of our servers, or nothing. */
static void described(const struct vdt_http_answer *answer, char *text, size_t size)
{
    vdt_cleanup(vdt_json_release) json_t *json = NULL;
    text[0] = '\0';
    if (answer->body.size == 0 ||
        vdt_json_parse((const char *)answer->body.data, "", &json, NULL) != VDT_OK)
        return;
    const char *said = json_string_value(json_object_get(json, "description"));
    if (said == NULL)
        return;
    snprintf(text, size, "%s", said);
    for (char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
}

static vdt_status status_of(unsigned code)
{
    switch (code) {
    case 400: return VDT_ERR_ARGUMENT;
    case 401:
    case 403: return VDT_ERR_DENIED;
    case 404:
    case 410: return VDT_ERR_NOT_FOUND;
    case 409: return VDT_ERR_EXISTS;
    case 412: return VDT_ERR_MISMATCH;
    case 413:
    case 507: return VDT_ERR_FULL;
    case 422: return VDT_ERR_FORMAT;
    case 429:
    case 503: return VDT_ERR_BUSY;
    default: return VDT_ERR_IO;
    }
}

static vdt_status refused(const struct attempt *attempt, const char *url, bool *again,
                          struct vdt_error *error)
{
    char said[512];
    unsigned code = attempt->answer->code;
    described(attempt->answer, said, sizeof said);
    *again = code == 408 || code == 425 || code == 429 ||
             (code >= 500 && code != 501 && code != 505 && code != 507);
    if (code >= 300 && code < 400)
        return vdt_fail(error, VDT_ERR_IO,
                        "%.*s: the server points elsewhere (%u): give that address",
                        vdt_http_shown(url), url, code);
    if (code == 401 && attempt->http->token == NULL)
        return vdt_fail(error, VDT_ERR_DENIED,
                        "%.*s: needs a token: 'vedatile login %s', or VEDATILE_TOKEN",
                        vdt_http_shown(url), url, attempt->http->base);
    if (said[0] != '\0')
        return vdt_fail(error, status_of(code), "%.*s: %s (%u)", vdt_http_shown(url), url, said,
                        code);
    return vdt_fail(error, status_of(code), "%.*s: the server answers %u", vdt_http_shown(url), url,
                    code);
}

/* Failures that pass, where the address as such is right. */
static bool passes(const struct attempt *attempt, CURLcode code)
{
    bool worked = atomic_load(&attempt->http->worked);
    bool sent = attempt->at > 0 || attempt->request->type == NULL;
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT: return worked;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL: return !attempt->request->once || !sent;
    default: return false;
    }
}

static vdt_status failed(const struct attempt *attempt, CURLcode code, const char *url, bool *again,
                         struct vdt_error *error)
{
    if (attempt->status == VDT_END)
        return VDT_OK;
    if (code == CURLE_ABORTED_BY_CALLBACK && attempt->status == VDT_OK)
        return vdt_fail(error, VDT_ERR_CANCELLED, "stopped");
    if (attempt->status != VDT_OK) {
        bool local = attempt->request->write != NULL || attempt->request->read != NULL;
        if (local)
            return vdt_fail(error, attempt->status, "%s", attempt->failure.message);
        return vdt_fail(error, attempt->status, "%.*s: %s", vdt_http_shown(url), url,
                        attempt->failure.message);
    }
    *again = passes(attempt, code);
    return vdt_fail(error, code == CURLE_OUT_OF_MEMORY ? VDT_ERR_MEMORY : VDT_ERR_IO, "%.*s: %s",
                    vdt_http_shown(url), url,
                    attempt->message[0] != '\0' ? attempt->message : curl_easy_strerror(code));
}

/* The address that a redirect names, when it may be followed. */
static char *redirected(const struct attempt *attempt, const char *url)
{
    const char *method = attempt->request->method;
    unsigned code = attempt->answer->code;
    bool reads = method == NULL || strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    if (!reads || attempt->location[0] == '\0' ||
        (code != 301 && code != 302 && code != 303 && code != 307 && code != 308))
        return NULL;
    char *next = vdt_href_resolve(url, attempt->location);
    bool worse =
        next != NULL && strncasecmp(url, "https:", 6) == 0 && strncasecmp(next, "https:", 6) != 0;
    if (next != NULL && (worse || !vdt_url_is_http(next))) {
        free(next);
        next = NULL;
    }
    return next;
}

static vdt_status follow(struct attempt *attempt, char **url, bool *again, struct vdt_error *error)
{
    struct vdt_http_answer *answer = attempt->answer;
    for (int i = 0;; i++) {
        vdt_http_answer_clear(answer);
        answer->total = UINT64_MAX;
        attempt->at = 0;
        attempt->header_bytes = 0;
        attempt->started = false;
        CURLcode code = perform(attempt, *url);
        long number = 0;
        curl_easy_getinfo(attempt->curl, CURLINFO_RESPONSE_CODE, &number);
        answer->code = (unsigned)number;
        answer->ranges = number == 206;
        if (code != CURLE_OK)
            return failed(attempt, code, *url, again, error);
        atomic_store(&attempt->http->worked, true);
        char *next = i < REDIRECTS ? redirected(attempt, *url) : NULL;
        if (next == NULL)
            break;
        free(*url);
        *url = next;
    }
    bool good = (answer->code >= 200 && answer->code <= 299) || answer->code == 304;
    bool looked_at = attempt->request->any_code && answer->code >= 400 && answer->code <= 499 &&
                     answer->code != 408 && answer->code != 425 && answer->code != 429;
    return good || looked_at ? VDT_OK : refused(attempt, *url, again, error);
}

vdt_status vdt_http_once(struct vdt_http *http, const struct vdt_http_request *request,
                         struct vdt_http_answer *answer, bool *again, double *wait_s,
                         struct vdt_error *error)
{
    *again = false;
    *wait_s = -1;
    vdt_http_answer_clear(answer);
    if (!vdt_http_goes_on(http))
        return vdt_fail(error, VDT_ERR_CANCELLED, "stopped");
    vdt_cleanup(vdt_free_pointer) char *url = request->url[0] == '/'
                                                  ? vdt_path_with(http->base, request->url)
                                                  : vdt_copy_string(request->url);
    struct vdt_http_handle *handle = take_handle(http);
    if (url == NULL || handle == NULL) {
        if (handle != NULL)
            give_handle(http, handle);
        return vdt_fail_memory(error, "catalog");
    }
    struct attempt attempt = {.http = http,
                              .request = request,
                              .answer = answer,
                              .curl = handle->curl,
                              .wait_s = -1,
                              .status = VDT_OK};
    vdt_status status =
        vdt_url_is_http(url)
            ? follow(&attempt, &url, again, error)
            : vdt_fail(error, VDT_ERR_ARGUMENT, "%.*s: not an address: only http and https are",
                       vdt_http_shown(url), url);
    *wait_s = attempt.wait_s;
    give_handle(http, handle);
    return status;
}
