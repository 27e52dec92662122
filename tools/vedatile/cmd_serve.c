/* vedatile serve: the catalog. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <vedatile/server.h>

#include "options.h"
#include "report.h"
#include "serve_care.h"
#include "serve_options.h"

/* Signals are taken one after the other, by this thread alone. */
static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file at its limit is an error like a full disk */
}

static void wait_for_end(struct vdt_server *server, const sigset_t *set)
{
    struct vdt_error error = {.status = VDT_OK};
    int number = 0;
    while (sigwait(set, &number) == 0 && number == SIGHUP)
        if (vdt_server_reload(server, &error))
            report_warning(&serve_command, error.message);
}

static void print_line(const char *line, size_t size, void *payload)
{
    (void)payload;
    fwrite(line, 1, size, stderr);
}

static int serve(const struct serve_values *values)
{
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_server *server = NULL;
    struct vdt_server_options options = serve_server_options(values);
    sigset_t set;
    options.log_line = print_line;
    block_signals(&set);
    if (vdt_server_start(&options, &server, &error))
        return report_error(&serve_command, &error);
    printf("serving %s\n", vdt_server_url(server));
    fflush(stdout);
    wait_for_end(server, &set);
    vdt_server_stop(server);
    return EXIT_DONE;
}

static int add_user(const struct serve_values *values)
{
    struct vdt_error error = {.status = VDT_OK};
    char token[VDT_SERVER_TOKEN_ROOM];
    const struct vdt_new_user user = {.root = values->root,
                                      .name = values->add_user,
                                      .scopes = values->scopes,
                                      .expires_days = (uint32_t)values->expires.value};
    if (vdt_server_add_user(&user, token, &error))
        return report_error(&serve_command, &error);
    puts(token);
    return EXIT_DONE;
}

static int run_serve(int argc, char **argv)
{
    struct serve_values values = {0};
    int code = options_parse(&serve_command, argc, argv, &values);
    if (code == OPTIONS_RUN)
        code = values.add_user  ? add_user(&values)
               : values.check   ? serve_check(&values)
               : values.backup  ? serve_backup(&values)
               : values.restore ? serve_restore(&values)
                                : serve(&values);
    options_clear(&serve_command, &values);
    return code;
}

const struct command serve_command = {
    .name = "serve",
    .summary = "runs the catalog's server",
    .usage =
        "--root DIR [--listen HOST:PORT] [options] | --root DIR --add-user NAME --scopes A,B | "
        "--root DIR --check | --root DIR --backup DIR | --root DIR --restore DIR",
    .notes = "The address is printed on standard output when the server is ready. SIGTERM and "
             "Ctrl-C let running\nrequests end; SIGHUP reads the certificate and opens the log "
             "anew.\n\n"
             "examples:\n"
             "  vedatile serve --root catalog --add-user ada --scopes read,write,publish,admin\n"
             "  vedatile serve --root catalog\n"
             "  vedatile serve --root catalog --listen 0.0.0.0:8443 --tls-cert cert.pem --tls-key "
             "key.pem\n",
    .options = serve_options,
    .run = run_serve,
};
