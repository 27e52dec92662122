/* The client: its options, its progress, and trying again. */
#include <curl/curl.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/random.h"
#include "catalog/http_state.h"

enum { CONNECTIONS = 4, CONNECTIONS_MOST = 64, TRIES = 9 };

#define STALL 30.0        /* s */
#define CONNECT 20.0      /* s */
#define TELL_EVERY 0.05   /* s */
#define FIRST_WAIT 0.25   /* s, the most before the second attempt; doubles with each */
#define LONGEST_WAIT 20.0 /* s, of our own */
#define ASKED_WAIT 120.0  /* s, the most that a server may ask for */

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void start_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* --- opening ------------------------------------------------------------------------------ */

static bool copy_text(const char **text)
{
    if (*text != NULL)
        *text = vdt_copy_string(*text);
    return *text != NULL;
}

/* Texts of `from` become ours; those that could not be copied count as missing memory. */
static bool copy_options(struct vdt_catalog_options *to, const struct vdt_catalog_options *from)
{
    const char **texts[] = {&to->ca_file, &to->http_proxy, &to->https_proxy, &to->no_proxy};
    bool copied = true;
    if (from != NULL)
        *to = *from;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        copied &= *texts[i] == NULL || copy_text(texts[i]);
    if (to->connections == 0)
        to->connections = CONNECTIONS;
    if (to->connections > CONNECTIONS_MOST)
        to->connections = CONNECTIONS_MOST;
    if (to->tries == 0)
        to->tries = TRIES;
    if (!(to->stall_s > 0))
        to->stall_s = STALL;
    if (!(to->connect_s > 0))
        to->connect_s = CONNECT;
    return copied;
}

static vdt_status check(const char *base, const char *token,
                        const struct vdt_catalog_options *options, struct vdt_error *error)
{
    if (base != NULL && !vdt_url_is_http(base))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: not the address of a server: give http://HOST[:PORT] or https://...",
                        base);
    if (token == NULL)
        return VDT_OK;
    for (const char *c = token; *c != '\0'; c++)
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f)
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "the token has blanks or other signs that are in no token");
    if (base == NULL || *token == '\0')
        return vdt_fail(error, VDT_ERR_ARGUMENT, "a token %s",
                        base == NULL ? "without a server" : "that is empty");
    if (strncmp(base, "https", 5) != 0 && !vdt_url_is_this_machine(base) &&
        (options == NULL || !options->insecure))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: the token would be readable on the way: use https, or --insecure in "
                        "a network that you trust",
                        base);
    return VDT_OK;
}

vdt_status vdt_http_open(const char *base, const char *token,
                         const struct vdt_catalog_options *options, struct vdt_http **out,
                         struct vdt_error *error)
{
    vdt_status status = check(base, token, options, error);
    if (status != VDT_OK)
        return status;
    pthread_once(&curl_once, start_curl);
    struct vdt_http *http = vdt_allocate_zero(1, sizeof *http);
    if (http == NULL)
        return vdt_fail_memory(error, "catalog");
    pthread_mutex_init(&http->mutex, NULL);
    pthread_mutex_init(&http->telling, NULL);
    pthread_mutex_init(&http->pacing, NULL);
    http->base = vdt_copy_string(base == NULL ? "" : base);
    http->token = token == NULL ? NULL : vdt_copy_string(token);
    bool made = copy_options(&http->options, options) && http->base != NULL &&
                (token == NULL || http->token != NULL);
    if (!made) {
        vdt_http_free(http);
        return vdt_fail_memory(error, "catalog");
    }
    for (size_t size = strlen(http->base); size > 0 && http->base[size - 1] == '/'; size--)
        http->base[size - 1] = '\0';
    *out = http;
    return VDT_OK;
}

void vdt_http_free(struct vdt_http *http)
{
    if (http == NULL)
        return;
    vdt_http_handles_free(http);
    free((char *)http->options.ca_file);
    free((char *)http->options.http_proxy);
    free((char *)http->options.https_proxy);
    free((char *)http->options.no_proxy);
    if (http->token != NULL)
        memset(http->token, 0, strlen(http->token));
    free(http->token);
    free(http->base);
    pthread_mutex_destroy(&http->mutex);
    pthread_mutex_destroy(&http->telling);
    pthread_mutex_destroy(&http->pacing);
    free(http);
}

const char *vdt_http_base(const struct vdt_http *http)
{
    return http->base;
}

uint32_t vdt_http_connections(const struct vdt_http *http)
{
    return http->options.connections;
}

void vdt_http_answer_clear(struct vdt_http_answer *answer)
{
    vdt_buffer_clear(&answer->body);
    *answer = (struct vdt_http_answer){0};
}

/* --- progress ----------------------------------------------------------------------------- */

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void tell(struct vdt_http *http, bool always)
{
    if (http->options.progress == NULL || pthread_mutex_trylock(&http->telling) != 0)
        return;
    double time = now();
    if (always || time - http->told >= TELL_EVERY) {
        long long done = atomic_load(&http->done), total = atomic_load(&http->total);
        http->told = time;
        if (!http->options.progress((enum vdt_catalog_step)atomic_load(&http->step),
                                    done < 0 ? 0 : (uint64_t)done, (uint64_t)total,
                                    http->options.payload))
            atomic_store(&http->stopped, true);
    }
    pthread_mutex_unlock(&http->telling);
}

void vdt_http_begin(struct vdt_http *http, enum vdt_catalog_step step, uint64_t total)
{
    atomic_store(&http->given_up, false);
    atomic_store(&http->done, 0);
    atomic_store(&http->total, (long long)total);
    atomic_store(&http->step, (int)step);
    tell(http, true);
}

void vdt_http_give_up(struct vdt_http *http)
{
    atomic_store(&http->given_up, true);
}

void vdt_http_advance(struct vdt_http *http, int64_t bytes)
{
    long long done = atomic_fetch_add(&http->done, bytes) + bytes;
    tell(http, done == atomic_load(&http->total));
}

bool vdt_http_goes_on(struct vdt_http *http)
{
    tell(http, false);
    return !atomic_load(&http->stopped);
}

/* --- trying again ------------------------------------------------------------------------- */

/* Full jitter: any time up to a limit that doubles, so that clients that failed together do not
 * come back together. */
static double draw_wait(unsigned tries)
{
    uint64_t chance = 0;
    double most = fmin(FIRST_WAIT * pow(2, (double)tries - 1), LONGEST_WAIT);
    if (getrandom(&chance, sizeof chance, GRND_NONBLOCK) != (ssize_t)sizeof chance)
        chance = vdt_mix((uint64_t)(now() * 1e9));
    return most * vdt_unit(chance);
}

/* False when there is no use in waiting any longer. */
static bool wait_until(struct vdt_http *http, double until)
{
    for (double left; (left = until - now()) > 0;) {
        long step = (long)(fmin(left, 0.05) * 1e9);
        if (!vdt_http_goes_on(http) || atomic_load(&http->given_up))
            return false;
        nanosleep(&(struct timespec){.tv_nsec = step}, NULL);
    }
    return vdt_http_goes_on(http);
}

void vdt_http_pace(struct vdt_http *http, size_t size)
{
    if (http->options.limit_rate == 0)
        return;
    pthread_mutex_lock(&http->pacing);
    double from = fmax(http->free_at, now());
    http->free_at = from + (double)size / (double)http->options.limit_rate;
    double until = http->free_at;
    pthread_mutex_unlock(&http->pacing);
    wait_until(http, until);
}

bool vdt_http_wait(struct vdt_http *http, unsigned tries, double wait_s)
{
    if (tries >= http->options.tries || wait_s > ASKED_WAIT || atomic_load(&http->given_up))
        return false;
    return wait_until(http, now() + (wait_s < 0 ? draw_wait(tries) : wait_s + draw_wait(1)));
}

vdt_status vdt_http_do(struct vdt_http *http, const struct vdt_http_request *request,
                       struct vdt_http_answer *answer, struct vdt_error *error)
{
    for (unsigned tries = 1;; tries++) {
        bool again = false;
        double wait = -1;
        vdt_status status = vdt_http_once(http, request, answer, &again, &wait, error);
        if (status == VDT_OK || !again || !vdt_http_wait(http, tries, wait))
            return atomic_load(&http->stopped) && status != VDT_OK
                       ? vdt_fail(error, VDT_ERR_CANCELLED, "stopped")
                       : status;
    }
}
