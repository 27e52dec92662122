/* For tests: a worker that tries what it must not be able to do, from inside. It answers only when
 * it could, or was refused without being ended. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "server/draw/worker.h"

static bool try_open(struct vdt_job *job)
{
    (void)job;
    return open("/etc/hostname", O_RDONLY) >= 0;
}

static bool try_create(struct vdt_job *job)
{
    (void)job;
    return open("/tmp/vedatile-worker-was-here", O_WRONLY | O_CREAT, 0600) >= 0;
}

static bool try_write(struct vdt_job *job)
{
    return write(job->fds[0], "x", 1) == 1;
}

static bool try_place(struct vdt_job *job)
{
    return pwrite(job->fds[0], "x", 1, 0) == 1;
}

static bool try_socket(struct vdt_job *job)
{
    (void)job;
    return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static bool try_fork(struct vdt_job *job)
{
    (void)job;
    return fork() >= 0;
}

static bool try_exec(struct vdt_job *job)
{
    char *const words[] = {(char *)"/bin/true", NULL};
    (void)job;
    return execv(words[0], words) == 0;
}

static bool try_kill(struct vdt_job *job)
{
    (void)job;
    return kill(getppid(), 0) == 0;
}

static bool try_trace(struct vdt_job *job)
{
    (void)job;
    return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0;
}

static bool try_code(struct vdt_job *job)
{
    (void)job;
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                0) != MAP_FAILED;
}

static bool try_memory(struct vdt_job *job)
{
    for (size_t had = 0; had < job->order.memory; had += 1 << 24) {
        volatile char *more = malloc(1 << 24);
        if (more == NULL)
            return false;
        for (size_t i = 0; i < 1 << 24; i += 4096)
            more[i] = 1;
    }
    return true;
}

static bool try_spin(struct vdt_job *job)
{
    for (volatile const struct vdt_job *same = job; same != NULL;)
        continue;
    return true;
}

static void *add_one(void *payload)
{
    ++*(int *)payload;
    return NULL;
}

static bool try_thread(struct vdt_job *job)
{
    (void)job;
    int count = 0;
    pthread_t thread;
    return pthread_create(&thread, NULL, add_one, &count) == 0 && pthread_join(thread, NULL) == 0 &&
           count == 1;
}

static bool try_nothing(struct vdt_job *job)
{
    (void)job;
    return true;
}

vdt_status vdt_job_try(struct vdt_job *job, struct vdt_error *error)
{
    static const struct {
        const char *name;
        bool (*attempt)(struct vdt_job *job);
    } attempts[] = {{"open", try_open},     {"create", try_create},  {"write", try_write},
                    {"place", try_place},   {"socket", try_socket},  {"fork", try_fork},
                    {"exec", try_exec},     {"kill", try_kill},      {"trace", try_trace},
                    {"code", try_code},     {"memory", try_memory},  {"spin", try_spin},
                    {"thread", try_thread}, {"nothing", try_nothing}};
    /* "threads NAME": as a worker that may begin some. */
    const char *name = (const char *)job->request;
    name += strncmp(name, "threads ", 8) == 0 ? 8 : 0;
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++)
        if (strcmp(name, attempts[i].name) == 0)
            return attempts[i].attempt(job)
                       ? VDT_OK
                       : vdt_fail(error, VDT_ERR_UNSUPPORTED, "refused: %s", attempts[i].name);
    return vdt_fail(error, VDT_ERR_ARGUMENT, "no such attempt");
}
