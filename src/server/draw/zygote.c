/* The supervisor forks a zygote, the zygote forks a worker for every job, ends those that are late,
 * and says how each came to its end. Neither ever looks at a store. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "server/draw/worker.h"

enum { WORKERS_MOST = 64, RESTART_PAUSE_MS = 100, FIRST_FD = 3 };

struct worker {
    pid_t pid; /* 0: a free place */
    int end;   /* the pipe that takes its end */
    int64_t deadline;
    bool late;
    bool unwanted; /* and told to end */
};

struct zygote {
    int control;
    int signals; /* signalfd */
    sigset_t usual;
    pid_t pid;
    struct worker workers[WORKERS_MOST];
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* In the new process: nothing of the zygote's but the job's socket. */
static int live_as_worker(struct zygote *zygote, int channel, const struct vdt_job_order *order)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != zygote->pid)
        return 1; /* the zygote died before it could be asked about */
    sigprocmask(SIG_SETMASK, &zygote->usual, NULL);
    close(zygote->control);
    close(zygote->signals);
    for (size_t i = 0; i < WORKERS_MOST; i++)
        if (zygote->workers[i].pid != 0)
            close(zygote->workers[i].end);
    return vdt_worker_run(channel, order);
}

static void start_worker(struct zygote *zygote, const struct vdt_job_order *order, const int fds[2])
{
    size_t place = 0;
    while (place < WORKERS_MOST && zygote->workers[place].pid != 0)
        place++;
    pid_t pid = place < WORKERS_MOST ? fork() : -1;
    if (pid == 0) {
        close(fds[1]);
        _exit(live_as_worker(zygote, fds[0], order));
    }
    close(fds[0]);
    if (pid < 0) {
        close(fds[1]);
        return;
    }
    zygote->workers[place] =
        (struct worker){.pid = pid, .end = fds[1], .deadline = now_ms() + order->wall_ms};
}

/* False when the server has closed its end. */
static bool take_order(struct zygote *zygote)
{
    struct vdt_job_order order;
    int fds[2];
    ssize_t got = vdt_wire_receive_fds(zygote->control, &order, sizeof order, fds, 2);
    if (got == (ssize_t)sizeof order)
        start_worker(zygote, &order, fds);
    else if (got > 0) {
        close(fds[0]);
        close(fds[1]);
    }
    return got != 0;
}

static void reap(struct zygote *zygote)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        for (size_t i = 0; i < WORKERS_MOST; i++) {
            struct worker *worker = &zygote->workers[i];
            if (worker->pid != pid)
                continue;
            const struct vdt_job_end end = {.status = status, .late = worker->late};
            ssize_t written = write(worker->end, &end, sizeof end);
            (void)written; /* nobody waits for it any more */
            close(worker->end);
            worker->pid = 0;
        }
}

/* Ends who is late, or everybody; returns milliseconds until the next deadline, -1: none. */
static int end_late(struct zygote *zygote, bool all)
{
    int64_t now = now_ms(), next = -1;
    for (size_t i = 0; i < WORKERS_MOST; i++) {
        struct worker *worker = &zygote->workers[i];
        if (worker->pid == 0)
            continue;
        if (!worker->late && (all || worker->deadline <= now)) { /* SIGKILL once is enough */
            worker->late = !all;
            kill(worker->pid, SIGKILL);
        }
        int64_t left = worker->deadline - now;
        if (left > 0 && (next < 0 || left < next))
            next = left;
    }
    return next > 60000 ? 60000 : (int)next;
}

/* Who nobody waits for any more: the reader of its end has closed. */
static void end_unwanted(struct zygote *zygote, const struct pollfd *ends)
{
    for (size_t i = 0; i < WORKERS_MOST; i++)
        if (ends[i].fd >= 0 && (ends[i].revents & POLLERR) != 0) {
            kill(zygote->workers[i].pid, SIGKILL);
            zygote->workers[i].unwanted = true;
        }
}

/* False when the server has closed its end. */
static bool serve_once(struct zygote *zygote)
{
    struct pollfd waits[2 + WORKERS_MOST] = {{.fd = zygote->control, .events = POLLIN},
                                             {.fd = zygote->signals, .events = POLLIN}};
    for (size_t i = 0; i < WORKERS_MOST; i++) {
        const struct worker *worker = &zygote->workers[i];
        waits[2 + i].fd = worker->pid == 0 || worker->unwanted ? -1 : worker->end;
    }
    if (poll(waits, 2 + WORKERS_MOST, end_late(zygote, false)) < 0)
        return errno == EINTR;
    end_unwanted(zygote, waits + 2);
    if (waits[1].revents != 0) {
        struct signalfd_siginfo info;
        ssize_t got = read(zygote->signals, &info, sizeof info);
        (void)got; /* one may stand for many: all that ended are reaped */
        reap(zygote);
    }
    return waits[0].revents == 0 || take_order(zygote);
}

static int live_as_zygote(int control)
{
    struct zygote zygote = {.control = control, .pid = getpid()};
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &children, &zygote.usual) != 0)
        return 1;
    zygote.signals = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
    if (zygote.signals < 0)
        return 1;
    vdt_worker_prepare();
    while (serve_once(&zygote))
        continue;
    end_late(&zygote, true);
    while (waitpid(-1, NULL, 0) > 0)
        continue;
    return 0;
}

/* Only `control` (as descriptor 3) and three that lead nowhere stay open. */
static bool leave_server(int *control)
{
    int nowhere = open("/dev/null", O_RDWR);
    if (nowhere < 0)
        return false;
    for (int fd = 0; fd < FIRST_FD; fd++)
        dup2(nowhere, fd);
    if (*control != FIRST_FD && dup2(*control, FIRST_FD) < 0)
        return false;
    *control = FIRST_FD;
    if (syscall(SYS_close_range, FIRST_FD + 1, ~0U, 0) != 0) {
        long most = sysconf(_SC_OPEN_MAX);
        for (int fd = FIRST_FD + 1; fd < most; fd++)
            close(fd);
    }
    return fcntl(*control, F_SETFD, FD_CLOEXEC) == 0;
}

int vdt_supervise(int control)
{
    /* They are the server's, which ends us by closing its end. */
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT};
    static const struct timespec pause = {.tv_nsec = RESTART_PAUSE_MS * 1000000L};
    for (int i = 1; i < SIGRTMIN; i++)
        signal(i, SIG_DFL); /* handlers are the program's that runs the server */
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        signal(ignored[i], SIG_IGN);
    if (!leave_server(&control))
        return 1;
    for (;;) {
        int status = 0;
        pid_t pid = fork();
        if (pid == 0)
            _exit(live_as_zygote(control));
        while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
            continue;
        if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
            return 0;
        nanosleep(&pause, NULL);
    }
}
