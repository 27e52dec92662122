/* Limits and libseccomp's filter. */
#define _GNU_SOURCE
#include "server/draw/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

/* What decoding, arithmetic and memory need. */
static const int allowed[] = {
    SCMP_SYS(read),
    SCMP_SYS(pread64),
    SCMP_SYS(preadv),
    SCMP_SYS(lseek),
    SCMP_SYS(fstat),
    SCMP_SYS(close),
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(madvise),
    SCMP_SYS(futex),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sysinfo),
    SCMP_SYS(getrandom),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(uname),
};

/* What libraries try and can do without: an error, as if nothing was there. */
static const int absent[] = {
    SCMP_SYS(open),     SCMP_SYS(openat),     SCMP_SYS(creat),    SCMP_SYS(stat),
    SCMP_SYS(lstat),    SCMP_SYS(statx),      SCMP_SYS(access),   SCMP_SYS(faccessat),
    SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getcwd),   SCMP_SYS(unlink),
    SCMP_SYS(mkdir),    SCMP_SYS(getdents64), SCMP_SYS(unlinkat), SCMP_SYS(mkdirat),
};

static bool add_memory_rules(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp not_code = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, not_code) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, not_code) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mremap), 0) == 0;
}

/* Writing to the channel; asking about a descriptor but not about a path; asking for limits but not
 * setting them; locks that SQLite takes on PROJ's data base, which was opened before. */
static bool add_fd_rules(scmp_filter_ctx filter, int channel)
{
    const struct scmp_arg_cmp ours = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)channel);
    const struct scmp_arg_cmp empty = SCMP_A3(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH);
    const struct scmp_arg_cmp path = SCMP_A3(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, 0);
    static const int commands[] = {F_GETFD, F_GETFL, F_GETLK, F_SETLK};
    bool good =
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, ours) == 0 &&
        seccomp_rule_add(filter, SCMP_ACT_ERRNO(EBADF), SCMP_SYS(write), 1,
                         SCMP_A0(SCMP_CMP_NE, (scmp_datum_t)channel)) == 0 &&
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1, empty) == 0 &&
        seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOENT), SCMP_SYS(newfstatat), 1, path) == 0 &&
        seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOTTY), SCMP_SYS(ioctl), 0) == 0 &&
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, SCMP_A2(SCMP_CMP_EQ, 0)) ==
            0 &&
        seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(prlimit64), 1,
                         SCMP_A2(SCMP_CMP_NE, 0)) == 0;
    for (size_t i = 0; good && i < sizeof commands / sizeof *commands; i++)
        good = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
                                SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)commands[i])) == 0;
    return good;
}

/* abort() sends a signal to itself, and may to nobody else. A sanitizer asks for its stack. */
static bool add_signal_rule(scmp_filter_ctx filter)
{
    return (!SANITIZED ||
            seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(sigaltstack), 0) == 0) &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                            SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid())) == 0;
}

/* What beginning a thread takes. Whether clone3 makes a thread or a process cannot be seen, so it
 * is not there, and the C library takes clone. */
static bool add_thread_rules(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp thread = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD);
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, thread) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(set_robust_list), 0) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(rt_sigaction), 0) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(rseq), 0) == 0;
}

static bool filter_calls(int channel, bool threads)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    bool good = filter != NULL;
    for (size_t i = 0; good && i < sizeof allowed / sizeof *allowed; i++) {
        int result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
        good = result == 0 || result == -EDOM; /* no such call on this processor */
    }
    for (size_t i = 0; good && i < sizeof absent / sizeof *absent; i++) {
        int result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOENT), absent[i], 0);
        good = result == 0 || result == -EDOM;
    }
    good = good && add_memory_rules(filter) && add_fd_rules(filter, channel) &&
           add_signal_rule(filter) && (!threads || add_thread_rules(filter)) &&
           seccomp_load(filter) == 0;
    if (filter != NULL)
        seccomp_release(filter);
    return good;
}

static bool limit(int what, rlim_t most)
{
    const struct rlimit limit = {.rlim_cur = most, .rlim_max = most};
    return setrlimit((__rlimit_resource_t)what, &limit) == 0;
}

/* Bytes of address space now; 0: unknown. */
static uint64_t address_space(void)
{
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%llu", &pages) != 1)
        pages = 0;
    fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

bool vdt_confine(const struct vdt_confinement *confinement)
{
    uint64_t space = SANITIZED ? 0 : address_space();
    struct rlimit cpu = {.rlim_cur = confinement->cpu_s, .rlim_max = confinement->cpu_s + 1};
    /* A sanitizer reserves terabytes; without /proc the limit would be a guess. */
    if (space != 0 && !limit(RLIMIT_AS, space + confinement->memory))
        return false;
    return setrlimit(RLIMIT_CPU, &cpu) == 0 && limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_CORE, 0) &&
           limit(RLIMIT_NOFILE, (rlim_t)confinement->highest_fd + 1) &&
           (confinement->threads || limit(RLIMIT_NPROC, 0)) &&
           prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           filter_calls(confinement->channel, confinement->threads);
}
