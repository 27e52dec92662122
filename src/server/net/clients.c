#include "server/net/clients.h"

#include <arpa/inet.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "server/net/log.h"

#define SECOND INT64_C(1000000000)

static void write_address(const struct sockaddr *address, char *text, size_t size)
{
    char host[INET6_ADDRSTRLEN] = "";
    const void *bytes = NULL;
    if (address && address->sa_family == AF_INET)
        bytes = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
    else if (address && address->sa_family == AF_INET6)
        bytes = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    if (bytes)
        inet_ntop(address->sa_family, bytes, host, sizeof host);
    snprintf(text, size, "%s", strncmp(host, "::ffff:", 7) == 0 ? host + 7 : host);
}

static void add(struct vdt_net *net, struct MHD_Connection *connection, void **context)
{
    struct vdt_client *client = calloc(1, sizeof *client);
    *context = client;
    if (!client)
        return;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    client->fd = info ? info->connect_fd : -1;
    info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    write_address(info ? info->client_addr : NULL, client->address, sizeof client->address);
    client->since = vdt_now();
    client->first = true;
    client->net = net;
    pthread_mutex_lock(&net->lock);
    client->over = net->client_count >= net->server->options.connections;
    client->next = net->clients;
    if (client->next)
        client->next->previous = client;
    net->clients = client;
    net->client_count++;
    pthread_mutex_unlock(&net->lock);
}

static void drop(struct vdt_net *net, struct vdt_client *client)
{
    if (!client)
        return;
    pthread_mutex_lock(&net->lock);
    if (client->previous)
        client->previous->next = client->next;
    else
        net->clients = client->next;
    if (client->next)
        client->next->previous = client->previous;
    net->client_count--;
    pthread_mutex_unlock(&net->lock);
    free(client);
}

void vdt_client_notify(void *payload, struct MHD_Connection *connection, void **context,
                       enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        add(payload, connection, context);
    else
        drop(payload, *context);
}

struct vdt_client *vdt_client_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

void vdt_client_turn(struct vdt_net *net, struct vdt_client *client, enum vdt_client_state state)
{
    if (!client)
        return;
    const int64_t now = vdt_now();
    pthread_mutex_lock(&net->lock);
    if (client->state == VDT_CLIENT_HEADERS)
        client->request_since = now;
    client->state = state;
    client->since = now;
    client->window_since = 0;
    client->first = false;
    pthread_mutex_unlock(&net->lock);
}

static void end(struct vdt_client *client)
{
    if (!client->ended && client->fd >= 0)
        shutdown(client->fd, SHUT_RDWR);
    client->ended = true;
}

void vdt_clients_end(struct vdt_net *net)
{
    pthread_mutex_lock(&net->lock);
    for (struct vdt_client *client = net->clients; client; client = client->next)
        end(client);
    pthread_mutex_unlock(&net->lock);
}

/* Bytes that the other side has sent or has taken, as the kernel counts them. */
static bool moved(const struct vdt_client *client, uint64_t *bytes)
{
    struct tcp_info info;
    socklen_t size = sizeof info;
    memset(&info, 0, sizeof info);
    if (getsockopt(client->fd, IPPROTO_TCP, TCP_INFO, &info, &size) ||
        size < offsetof(struct tcp_info, tcpi_bytes_received) + sizeof info.tcpi_bytes_received)
        return false;
    *bytes = client->state == VDT_CLIENT_BODY ? info.tcpi_bytes_received : info.tcpi_bytes_acked;
    return true;
}

/* Whether a body or a reply has come too slowly for as long as an idle connection may stand. */
static bool too_slow(const struct vdt_net *net, struct vdt_client *client, int64_t now)
{
    const struct vdt_server_options *options = &net->server->options;
    uint64_t bytes = 0;
    if (!moved(client, &bytes))
        return false;
    if (client->window_since == 0) {
        client->window_since = now;
        client->window_bytes = bytes;
    }
    if (now - client->window_since < (int64_t)options->idle_seconds * SECOND)
        return false;
    const bool slow =
        bytes - client->window_bytes < options->body_rate * (uint64_t)options->idle_seconds;
    client->window_since = now;
    client->window_bytes = bytes;
    return slow;
}

static bool too_long(const struct vdt_net *net, struct vdt_client *client, int64_t now)
{
    const struct vdt_server_options *options = &net->server->options;
    if (client->state == VDT_CLIENT_HEADERS) {
        const uint32_t idle = client->first ? 0 : options->idle_seconds;
        return now - client->since > (int64_t)(options->header_seconds + idle) * SECOND;
    }
    if (now - client->request_since > (int64_t)options->request_seconds * SECOND)
        return true;
    return client->state != VDT_CLIENT_WORK && too_slow(net, client, now);
}

static void *reap(void *payload)
{
    struct vdt_net *net = payload;
    pthread_mutex_lock(&net->lock);
    while (net->reaping) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += 500000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&net->wake, &net->lock, &until);
        const int64_t now = vdt_now();
        for (struct vdt_client *client = net->clients; client; client = client->next)
            if (too_long(net, client, now))
                end(client);
    }
    pthread_mutex_unlock(&net->lock);
    return NULL;
}

vdt_status vdt_reaper_start(struct vdt_net *net, struct vdt_error *error)
{
    net->reaping = true;
    if (pthread_create(&net->reaper, NULL, reap, net)) {
        net->reaping = false;
        return vdt_fail(error, VDT_ERR_IO, "cannot start the server's thread of deadlines");
    }
    return VDT_OK;
}

void vdt_reaper_stop(struct vdt_net *net)
{
    if (!net->reaping)
        return;
    pthread_mutex_lock(&net->lock);
    net->reaping = false;
    pthread_cond_signal(&net->wake);
    pthread_mutex_unlock(&net->lock);
    pthread_join(net->reaper, NULL);
}
