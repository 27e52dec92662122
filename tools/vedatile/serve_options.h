/* Options of serve. */
#ifndef TOOL_SERVE_OPTIONS_H
#define TOOL_SERVE_OPTIONS_H

#include <vedatile/server.h>

#include "options.h"

struct serve_values {
    const char *root;
    const char *listen;
    const char *tls_cert, *tls_key;
    const char *public_url;
    bool insecure;
    const char *log;
    int log_level;
    struct count threads;
    struct count connections, connections_per_ip;
    const char *trust_forwarded;
    struct count queue, header_seconds, idle_seconds, request_seconds, stop_seconds;
    struct count keep_seconds;
    struct count housekeeping_seconds, body_rate, upload_most, disk_reserve, burst;
    double rate;
    struct config_values config;
    struct count bin_days;
    bool check, quick, json;
    const char *backup, *restore;
    const char *add_user, *scopes;
    struct count expires;
};

extern const struct option serve_options[];

/* Texts are borrowed from the values. */
struct vdt_server_options serve_server_options(const struct serve_values *values);

#endif
