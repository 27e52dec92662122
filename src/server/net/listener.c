#include "server/net/listener.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "server/draw/draw.h"
#include "server/net/clients.h"
#include "server/net/handler.h"

enum {
    BACKLOG = 256,
    MEMORY = 64 << 10,
    MEMORY_STEP = 16 << 10,
    RESERVE = 64, /* connections beyond the limit that get a 503 */
    SOCKET_THREADS_MOST = 8
};

/* "HOST:PORT" or "[HOST]:PORT". */
static vdt_status split_address(const char *listen, char *host, size_t size, const char **port,
                                struct vdt_error *error)
{
    const char *colon = strrchr(listen, ':');
    const bool bracket = listen[0] == '[';
    const char *from = listen + bracket, *to = colon ? colon - bracket : listen;
    if (!colon || to <= from || (bracket && *to != ']') || (size_t)(to - from) >= size ||
        colon[1] == '\0' || strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
        strlen(colon + 1) > 5 || atoi(colon + 1) > 65535)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "--listen %s: HOST:PORT is wanted, e.g. 127.0.0.1:8765 or [::1]:8765",
                        listen);
    memcpy(host, from, (size_t)(to - from));
    host[to - from] = '\0';
    *port = colon + 1;
    return VDT_OK;
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)address;
        return ntohl(four->sin_addr.s_addr) >> 24 == 127;
    }
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)address;
    return address->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
}

static vdt_status open_socket(const struct vdt_server_options *options,
                              const struct addrinfo *address, int *out, struct vdt_error *error)
{
    const int on = 1;
    if (!is_loopback(address->ai_addr) && !options->tls_cert && !options->insecure)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "--listen %s: plain HTTP would show tokens to the network; give --tls-cert "
                        "and --tls-key, listen on 127.0.0.1 behind a front, or say --insecure",
                        options->listen);
    const int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return vdt_fail_errno(error, options->listen);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, address->ai_addr, address->ai_addrlen) || listen(fd, BACKLOG)) {
        const int why = errno;
        close(fd);
        return vdt_fail(error, VDT_ERR_IO, "--listen %s: %s", options->listen, strerror(why));
    }
    *out = fd;
    return VDT_OK;
}

static vdt_status write_url(struct vdt_net *net, int fd, const char *host, struct vdt_error *error)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    char text[512];
    if (getsockname(fd, (struct sockaddr *)&address, &size))
        return vdt_fail_errno(error, host);
    const uint16_t port = address.ss_family == AF_INET6
                              ? ((struct sockaddr_in6 *)&address)->sin6_port
                              : ((struct sockaddr_in *)&address)->sin_port;
    snprintf(text, sizeof text, "%s://%s%s%s:%u", net->server->options.tls_cert ? "https" : "http",
             strchr(host, ':') ? "[" : "", host, strchr(host, ':') ? "]" : "", ntohs(port));
    net->url = vdt_copy_string(text);
    return net->url ? VDT_OK : vdt_fail_memory(error, "the server's address");
}

static vdt_status bind_address(struct vdt_net *net, int *out, struct vdt_error *error)
{
    const struct vdt_server_options *options = &net->server->options;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    char host[256];
    const char *port = NULL;
    vdt_status status = split_address(options->listen, host, sizeof host, &port, error);
    if (status)
        return status;
    const int code = getaddrinfo(host, port, &hints, &found);
    if (code)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "--listen %s: %s", options->listen,
                        gai_strerror(code));
    status = open_socket(options, found, out, error);
    freeaddrinfo(found);
    if (status)
        return status;
    status = write_url(net, *out, host, error);
    if (status)
        close(*out);
    return status;
}

/* Percent-encoding stays: paths and queries are taken apart before they are decoded. */
static size_t leave_as_it_is(void *payload, struct MHD_Connection *connection, char *text)
{
    (void)payload;
    (void)connection;
    return strlen(text);
}

static void note_library(void *payload, const char *format, va_list list)
{
    char text[512];
    vsnprintf(text, sizeof text, format, list);
    text[strcspn(text, "\n")] = '\0';
    vdt_server_warn(payload, "http", "%s", text);
}

static unsigned socket_threads(void)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 2 ? 2 : cores > SOCKET_THREADS_MOST ? SOCKET_THREADS_MOST : (unsigned)cores;
}

/* GnuTLS asks for the certificate in each handshake. The session's pointer is the connection. */
static int give_certificate(gnutls_session_t session, const gnutls_datum_t *names, int name_count,
                            const gnutls_pk_algorithm_t *algorithms, int algorithm_count,
                            gnutls_pcert_st **chain, unsigned *count, gnutls_privkey_t *key)
{
    (void)names;
    (void)name_count;
    (void)algorithms;
    (void)algorithm_count;
    const struct vdt_client *client = vdt_client_of(gnutls_session_get_ptr(session));
    if (!client)
        return -1;
    vdt_tls_use(client->net->tls, chain, count, key);
    return 0;
}

static vdt_status start_daemon(struct vdt_net *net, int fd, struct vdt_error *error)
{
    const struct vdt_server_options *options = &net->server->options;
    struct MHD_OptionItem plain[] = {{MHD_OPTION_END, 0, NULL}};
    struct MHD_OptionItem secure[] = {
        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)(uintptr_t)give_certificate},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)VDT_TLS_PRIORITIES},
        {MHD_OPTION_END, 0, NULL}};
    net->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
            (net->tls ? (unsigned)MHD_USE_TLS : 0),
        0, NULL, NULL, vdt_handle_request, net, MHD_OPTION_EXTERNAL_LOGGER, note_library,
        net->server, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE, socket_threads(),
        MHD_OPTION_CONNECTION_LIMIT, options->connections + RESERVE,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, options->connections_per_ip,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY, MHD_OPTION_CONNECTION_MEMORY_INCREMENT,
        (size_t)MEMORY_STEP, MHD_OPTION_CONNECTION_TIMEOUT, options->idle_seconds,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_UNESCAPE_CALLBACK, leave_as_it_is, NULL,
        MHD_OPTION_URI_LOG_CALLBACK, vdt_handle_target, net, MHD_OPTION_NOTIFY_COMPLETED,
        vdt_handle_end, net, MHD_OPTION_NOTIFY_CONNECTION, vdt_client_notify, net, MHD_OPTION_ARRAY,
        net->tls ? secure : plain, MHD_OPTION_END);
    if (!net->daemon)
        return vdt_fail(error, VDT_ERR_IO, "--listen %s: the HTTP library refuses to start",
                        options->listen);
    return VDT_OK;
}

static void release(struct vdt_net *net)
{
    pthread_cond_destroy(&net->wake);
    pthread_mutex_destroy(&net->lock);
    vdt_tls_close(net->tls);
    vdt_rates_close(net->rates);
    free(net->url);
    free(net);
}

static vdt_status open_means(struct vdt_net *net, struct vdt_error *error)
{
    const struct vdt_server_options *options = &net->server->options;
    if (options->tls_cert) {
        vdt_status status = vdt_tls_open(options->tls_cert, options->tls_key, &net->tls, error);
        if (status)
            return status;
    }
    return vdt_rates_open(options->rate, options->burst, &net->rates, error);
}

vdt_status vdt_net_start(struct vdt_server *server, struct vdt_net **out, struct vdt_error *error)
{
    pthread_condattr_t clock;
    struct vdt_net *net = calloc(1, sizeof *net);
    int fd = -1;
    if (!net)
        return vdt_fail_memory(error, "the server");
    net->server = server;
    pthread_mutex_init(&net->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&net->wake, &clock);
    pthread_condattr_destroy(&clock);
    vdt_status status = open_means(net, error);
    if (!status)
        status = bind_address(net, &fd, error);
    if (!status)
        status =
            vdt_workers_start(server->options.threads, server->options.queue, &net->workers, error);
    if (!status)
        status = vdt_reaper_start(net, error);
    if (!status)
        status = start_daemon(net, fd, error); /* which owns the socket from here on */
    net->listening = fd;
    if (status) {
        if (fd >= 0)
            close(fd);
        vdt_reaper_stop(net);
        vdt_workers_stop(net->workers);
        release(net);
        return status;
    }
    *out = net;
    return VDT_OK;
}

vdt_status vdt_net_reload(struct vdt_net *net, struct vdt_error *error)
{
    return net->tls ? vdt_tls_reload(net->tls, error) : VDT_OK;
}

void vdt_net_load(struct vdt_net *net, struct vdt_net_load *load)
{
    vdt_workers_load(net->workers, &load->waiting, &load->running);
    load->requests = atomic_load(&net->running);
    pthread_mutex_lock(&net->lock);
    load->connections = net->client_count;
    pthread_mutex_unlock(&net->lock);
}

const char *vdt_net_url(const struct vdt_net *net)
{
    return net->url;
}

static void wait_for_requests(struct vdt_net *net)
{
    const int64_t limit = vdt_now() + (int64_t)net->server->options.stop_seconds * 1000000000;
    const struct timespec pause = {.tv_nsec = 20000000};
    while (atomic_load(&net->running) > 0 && vdt_now() < limit)
        nanosleep(&pause, NULL);
}

/* Closes the socket that listens by putting something without events into its place. The library's
 * own way, MHD_quiesce_daemon, takes it out of the epoll sets of running threads; one that does so
 * itself at that moment finds it gone and ends the process (0.9.75). */
static void refuse_connections(struct vdt_net *net)
{
    const int nothing = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (nothing < 0)
        return; /* they wait, then, until the process ends */
    dup2(nothing, net->listening);
    close(nothing);
}

void vdt_net_stop(struct vdt_net *net)
{
    if (!net)
        return;
    atomic_store(&net->stopping, true);
    refuse_connections(net);
    wait_for_requests(net);
    vdt_clients_end(net);
    vdt_draw_end(net->server->draw); /* who still waits for a worker need not any more */
    vdt_workers_stop(net->workers);  /* every suspended connection is resumed by its job */
    MHD_stop_daemon(net->daemon);
    vdt_reaper_stop(net);
    release(net);
}
