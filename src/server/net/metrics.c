#include "server/net/metrics.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "server/net/route.h"

/* Upper ends of the histogram's buckets, in seconds; the last one has no end. */
static const double ends[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                              0.5,   1,      2.5,   5,    10,    30,   60};
enum { BUCKETS = sizeof ends / sizeof ends[0] + 1 };

/* Codes that are counted apart; others count as their hundred. */
static const unsigned short codes[] = {100, 200, 201, 202, 204, 206, 300, 304, 400, 401, 403,
                                       404, 405, 406, 409, 411, 412, 413, 414, 415, 416, 417,
                                       422, 428, 429, 431, 500, 501, 503, 505, 507};
enum { CODES = sizeof codes / sizeof codes[0] };

struct route_figures {
    atomic_uint_fast64_t codes[CODES];
    atomic_uint_fast64_t buckets[BUCKETS];
    atomic_uint_fast64_t nanoseconds;
};

struct vdt_metrics {
    atomic_uint_fast64_t bytes_in, bytes_out;
    size_t count; /* routes, and one for requests of no route */
    struct route_figures routes[];
};

static const struct vdt_route *route_at(size_t number)
{
    for (const struct vdt_route *const *table = vdt_all_routes; *table; table++)
        for (const struct vdt_route *route = *table; route->method; route++)
            if (number-- == 0)
                return route;
    return NULL;
}

vdt_status vdt_metrics_open(struct vdt_metrics **out, struct vdt_error *error)
{
    size_t count = 0;
    while (route_at(count))
        count++;
    count++;
    struct vdt_metrics *metrics = calloc(1, sizeof *metrics + count * sizeof metrics->routes[0]);
    if (!metrics)
        return vdt_fail_memory(error, "the server's counters");
    metrics->count = count;
    *out = metrics;
    return VDT_OK;
}

static size_t code_index(unsigned code)
{
    for (size_t i = 0; i < CODES; i++)
        if (codes[i] == code)
            return i;
    for (size_t i = 0; i < CODES; i++)
        if (codes[i] / 100 == code / 100)
            return i;
    return 0;
}

void vdt_metrics_note(struct vdt_metrics *metrics, size_t route, unsigned code, int64_t nanoseconds,
                      uint64_t bytes_in, uint64_t bytes_out)
{
    struct route_figures *figures =
        &metrics->routes[route < metrics->count ? route : metrics->count - 1];
    const double seconds = (double)nanoseconds / 1e9;
    size_t bucket = 0;
    while (bucket < BUCKETS - 1 && seconds > ends[bucket])
        bucket++;
    atomic_fetch_add(&figures->codes[code_index(code)], 1);
    atomic_fetch_add(&figures->buckets[bucket], 1);
    atomic_fetch_add(&figures->nanoseconds, (uint64_t)nanoseconds);
    atomic_fetch_add(&metrics->bytes_in, bytes_in);
    atomic_fetch_add(&metrics->bytes_out, bytes_out);
}

static bool add(struct vdt_buffer *text, const char *format, ...) VDT_PRINTF(2, 3);

static bool add(struct vdt_buffer *text, const char *format, ...)
{
    char line[512];
    va_list list;
    va_start(list, format);
    const int size = vsnprintf(line, sizeof line, format, list);
    va_end(list);
    return size > 0 && (size_t)size < sizeof line && vdt_buffer_append(text, line, (size_t)size);
}

static const char *method_of(size_t number)
{
    const struct vdt_route *route = route_at(number);
    return route ? route->method : "";
}

static const char *pattern_of(size_t number)
{
    const struct vdt_route *route = route_at(number);
    return route ? route->pattern : "";
}

static bool write_requests(const struct vdt_metrics *metrics, struct vdt_buffer *text)
{
    bool good = add(text, "# HELP vedatile_requests_total Requests by route and status code.\n"
                          "# TYPE vedatile_requests_total counter\n");
    for (size_t i = 0; i < metrics->count; i++)
        for (size_t j = 0; j < CODES; j++) {
            const uint64_t count = atomic_load(&metrics->routes[i].codes[j]);
            if (count > 0)
                good = good &&
                       add(text,
                           "vedatile_requests_total{method=\"%s\",route=\"%s\",code=\"%u\"} %llu\n",
                           method_of(i), pattern_of(i), codes[j], (unsigned long long)count);
        }
    return good;
}

static bool write_durations(const struct vdt_metrics *metrics, struct vdt_buffer *text)
{
    static const char name[] = "vedatile_request_seconds";
    bool good = add(text,
                    "# HELP %s From the request line to the end of the reply.\n"
                    "# TYPE %s histogram\n",
                    name, name);
    for (size_t i = 0; i < metrics->count; i++) {
        const char *method = method_of(i), *route = pattern_of(i);
        uint64_t sum = 0;
        for (size_t j = 0; j < BUCKETS; j++)
            sum += atomic_load(&metrics->routes[i].buckets[j]);
        if (sum == 0)
            continue;
        sum = 0;
        for (size_t j = 0; j < BUCKETS; j++) {
            char end[32] = "+Inf";
            if (j < BUCKETS - 1)
                snprintf(end, sizeof end, "%g", ends[j]);
            sum += atomic_load(&metrics->routes[i].buckets[j]);
            good = good && add(text, "%s_bucket{method=\"%s\",route=\"%s\",le=\"%s\"} %llu\n", name,
                               method, route, end, (unsigned long long)sum);
        }
        good = good &&
               add(text, "%s_sum{method=\"%s\",route=\"%s\"} %.9f\n", name, method, route,
                   (double)atomic_load(&metrics->routes[i].nanoseconds) / 1e9) &&
               add(text, "%s_count{method=\"%s\",route=\"%s\"} %llu\n", name, method, route,
                   (unsigned long long)sum);
    }
    return good;
}

bool vdt_metrics_gauge(struct vdt_buffer *text, const char *name, const char *help, double value)
{
    return add(text, "# HELP %s %s\n# TYPE %s gauge\n%s %.17g\n", name, help, name, name, value);
}

bool vdt_metrics_write(const struct vdt_metrics *metrics, struct vdt_buffer *text)
{
    return write_requests(metrics, text) && write_durations(metrics, text) &&
           add(text,
               "# HELP vedatile_received_bytes_total Bytes of request bodies.\n"
               "# TYPE vedatile_received_bytes_total counter\n"
               "vedatile_received_bytes_total %llu\n"
               "# HELP vedatile_sent_bytes_total Bytes of reply bodies.\n"
               "# TYPE vedatile_sent_bytes_total counter\n"
               "vedatile_sent_bytes_total %llu\n",
               (unsigned long long)atomic_load(&metrics->bytes_in),
               (unsigned long long)atomic_load(&metrics->bytes_out));
}

void vdt_metrics_close(struct vdt_metrics *metrics)
{
    free(metrics);
}
