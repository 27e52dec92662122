/* A fork while a loader's worker reads, for the first time, each of the arrays that samples have:
 * what the worker held then must not be missed in the child. */
#define _DEFAULT_SOURCE /* syscall */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "samples.h"

enum { ALL_TASKS = VDT_CLASSIFICATION | VDT_DETECTION | VDT_SEGMENTATION | VDT_INSTANCE };

/* image, onehot, mask, instances, four arrays of boxes, checksums */
enum { FIRST_READS = 9 };

#if defined(__has_feature)
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif
/* Its allocator does not survive a fork while another thread is in it. */
#if defined(__SANITIZE_ADDRESS__) || HAS_FEATURE(address_sanitizer)
enum { CAN_FORK = 0 };
#else
enum { CAN_FORK = 1 };
#endif

/* --- reads that wait -------------------------------------------------------------------------- */

static pthread_t main_thread;
static atomic_int reads_left; /* of workers until one waits */
static sem_t reached, go_on;

/* Instead of the C library's, for the whole program. */
ssize_t read_or_wait(int fd, void *data, size_t size, off_t offset) __asm__("pread64");

ssize_t read_or_wait(int fd, void *data, size_t size, off_t offset)
{
    if (!pthread_equal(pthread_self(), main_thread) && atomic_fetch_sub(&reads_left, 1) == 1) {
        sem_post(&reached);
        while (sem_wait(&go_on) != 0)
            continue;
    }
    return syscall(SYS_pread64, fd, data, size, offset);
}

/* --- the test --------------------------------------------------------------------------------- */

static uint64_t read_epoch(struct vdt_loader *loader)
{
    uint64_t samples = 0;
    struct vdt_batch *batch = NULL;
    while (vdt_loader_next(loader, &batch, NULL) == VDT_OK) {
        assert_content(batch);
        samples += vdt_batch_view(batch).size;
        vdt_batch_free(batch);
    }
    return samples;
}

static void a_fork_at_any_read(void **state)
{
    (void)state;
    if (!CAN_FORK)
        skip();
    char path[] = "/tmp/vdt-forks-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    unlink(path); /* the writer makes it anew */
    write_store(path, ALL_TASKS, SAMPLES);
    struct vdt_reader *reader = open_store(path);
    for (int read = 1; read <= FIRST_READS; read++) {
        struct vdt_loader_options options = {.batch_size = BATCH, .threads = 1};
        struct vdt_loader *loader = NULL;
        struct vdt_error error = {0};
        atomic_store(&reads_left, read);
        if (vdt_loader_start(reader, &options, &loader, &error) != VDT_OK)
            fail_msg("%s", error.message);
        while (sem_wait(&reached) != 0)
            continue;
        pid_t child = fork();
        if (child == 0) {
            alarm(60);
            int wrong = read_epoch(loader) != SAMPLES;
            vdt_loader_free(loader);
            _exit(wrong);
        }
        int status = -1;
        assert_int_equal(waitpid(child, &status, 0), child);
        sem_post(&go_on);
        assert_int_equal(status, 0);
        assert_int_equal(read_epoch(loader), SAMPLES);
        vdt_loader_free(loader);
    }
    vdt_reader_free(reader);
    unlink(path);
}

int main(void)
{
    alarm(600); /* a loader that hangs is a failure, not a wait */
    main_thread = pthread_self();
    sem_init(&reached, 0, 0);
    sem_init(&go_on, 0, 0);
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fork_at_any_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
