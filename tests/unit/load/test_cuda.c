/* Copies to a device, against a driver that defers everything it may defer (fake_cuda.h), and the
 * machine without a driver. LD_LIBRARY_PATH leads to the fake; the other cases are this program
 * again, without it. */
#define _GNU_SOURCE /* dladdr */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load/batch.h"
#include "load/cuda.h"

#include "fake_cuda.h"

enum { SIZE = 96 };

static struct fake_cuda *fake;
static struct vdt_error error;
static const char *program;

static int find_fake(void **state)
{
    (void)state;
    void *library = dlopen("libcuda.so.1", RTLD_NOW);
    fake = library == NULL ? NULL : dlsym(library, "fake_cuda");
    return fake == NULL;
}

#define assert_ok(call)                    \
    do {                                   \
        if ((call) != VDT_OK)              \
            fail_msg("%s", error.message); \
    } while (0)

static struct vdt_cuda *open_cuda(void)
{
    struct vdt_cuda *cuda = NULL;
    assert_ok(vdt_cuda_open(1, &cuda, &error));
    return cuda;
}

static struct vdt_cuda_buffer *make_buffer(struct vdt_cuda *cuda)
{
    struct vdt_cuda_buffer *buffer = NULL;
    assert_ok(vdt_cuda_buffer_create(cuda, SIZE, &buffer, &error));
    return buffer;
}

static const unsigned char *device_memory(const struct vdt_cuda_buffer *buffer)
{
    return (const unsigned char *)(uintptr_t)vdt_cuda_buffer_address(buffer);
}

static void assert_all(const unsigned char *bytes, int value)
{
    for (size_t i = 0; i < SIZE; i++)
        assert_int_equal(bytes[i], value);
}

static void assert_nothing_left(void)
{
    assert_int_equal(fake->contexts, 0);
    assert_int_equal(fake->streams, 0);
    assert_int_equal(fake->events, 0);
    assert_int_equal(fake->buffers, 0);
    assert_int_equal(fake->pins, 0);
    assert_int_equal(fake->entered, 0);
    assert_int_equal(fake->mistakes, 0);
}

/* --- order ------------------------------------------------------------------------------------ */

static void copies_arrive_when_they_are_waited_for(void **state)
{
    (void)state;
    unsigned char host[SIZE];
    struct vdt_cuda *cuda = open_cuda();
    assert_int_equal(vdt_cuda_device(cuda), 1);
    assert_ok(vdt_cuda_pin(cuda, host, sizeof host, &error));
    assert_int_equal(fake->pins, 1);
    struct vdt_cuda_buffer *buffer = make_buffer(cuda), *other = make_buffer(cuda);
    memset(host, 1, sizeof host);
    assert_ok(vdt_cuda_copy(buffer, 0, host, 40, &error));
    assert_ok(vdt_cuda_copy(buffer, 40, host + 40, SIZE - 40, &error));
    memset(host + 50, 2, 3); /* the host's memory is read when the copy runs */
    assert_all(device_memory(buffer), FAKE_BLANK);
    assert_ok(vdt_cuda_wait(other, &error)); /* another stream */
    fake->run(NULL);
    assert_all(device_memory(buffer), FAKE_BLANK);
    assert_ok(vdt_cuda_wait(buffer, &error));
    assert_memory_equal(device_memory(buffer), host, SIZE);
    assert_all(device_memory(other), FAKE_BLANK);
    vdt_cuda_buffer_free(buffer);
    vdt_cuda_buffer_free(other);
    vdt_cuda_unpin(cuda, host);
    vdt_cuda_close(cuda);
    assert_nothing_left();
}

/* `count` streams read the buffer while the next copy is queued: what do they see? */
static void read_and_overwrite(void **streams, size_t count, bool say_so, int expected)
{
    unsigned char ones[SIZE], twos[SIZE], seen[2][SIZE] = {{0}};
    memset(ones, 1, SIZE);
    memset(twos, 2, SIZE);
    struct vdt_cuda *cuda = open_cuda();
    struct vdt_cuda_buffer *buffer = make_buffer(cuda);
    assert_ok(vdt_cuda_copy(buffer, 0, ones, SIZE, &error));
    assert_ok(vdt_cuda_wait(buffer, &error));
    for (size_t i = 0; i < count; i++)
        fake->read(streams[i], vdt_cuda_buffer_address(buffer), seen[i], SIZE);
    for (size_t i = 0; say_so && i < count; i++)
        vdt_cuda_used_on(buffer, streams[i]);
    assert_ok(vdt_cuda_copy(buffer, 0, twos, SIZE, &error));
    assert_ok(vdt_cuda_wait(buffer, &error));
    for (size_t i = 0; i < count; i++) {
        fake->run(streams[i]);
        assert_all(seen[i], expected);
    }
    assert_all(device_memory(buffer), 2);
    vdt_cuda_buffer_free(buffer);
    vdt_cuda_close(cuda);
    assert_nothing_left();
}

static void copies_wait_for_the_streams_that_read(void **state)
{
    (void)state;
    void *streams[] = {fake->stream(1), fake->stream(1)};
    read_and_overwrite(streams, 1, true, 1);
    read_and_overwrite(streams, 2, true, 1);
    read_and_overwrite((void *[]){NULL}, 1, true, 1);
    /* Only because it was said: so the fake would show a copy that does not wait. */
    read_and_overwrite(streams, 1, false, 2);
    read_and_overwrite((void *[]){NULL}, 1, false, 2);
}

/* Saying "default stream" covers the blocking streams, as NVIDIA's documentation has it. */
static void the_default_stream_stands_for_all_blocking_ones(void **state)
{
    (void)state;
    unsigned char ones[SIZE], seen[SIZE] = {0};
    memset(ones, 1, SIZE);
    void *blocking = fake->stream(0);
    struct vdt_cuda *cuda = open_cuda();
    struct vdt_cuda_buffer *buffer = make_buffer(cuda);
    fake->read(blocking, vdt_cuda_buffer_address(buffer), seen, SIZE);
    vdt_cuda_used_on(buffer, NULL);
    assert_ok(vdt_cuda_copy(buffer, 0, ones, SIZE, &error));
    assert_ok(vdt_cuda_wait(buffer, &error));
    assert_all(seen, FAKE_BLANK);
    vdt_cuda_buffer_free(buffer);
    vdt_cuda_close(cuda);
    assert_nothing_left();
}

/* Freed in the middle of a copy and of somebody's reading. */
static void freeing_waits_for_what_is_queued(void **state)
{
    (void)state;
    unsigned char ones[SIZE], seen[SIZE] = {0};
    memset(ones, 1, SIZE);
    void *stream = fake->stream(1);
    struct vdt_cuda *cuda = open_cuda();
    struct vdt_cuda_buffer *buffer = make_buffer(cuda);
    assert_ok(vdt_cuda_copy(buffer, 0, ones, SIZE, &error));
    fake->read(stream, vdt_cuda_buffer_address(buffer), seen, SIZE);
    vdt_cuda_used_on(buffer, stream);
    vdt_cuda_buffer_free(buffer);
    assert_all(seen, 1);
    vdt_cuda_close(cuda);
    assert_nothing_left();
    vdt_cuda_buffer_free(NULL);
    vdt_cuda_close(NULL);
}

static void *copy_often(void *cuda)
{
    unsigned char host[SIZE];
    for (int i = 0; i < 50; i++) {
        struct vdt_cuda_buffer *buffer = NULL;
        memset(host, i, SIZE);
        if (vdt_cuda_buffer_create(cuda, SIZE, &buffer, NULL) != VDT_OK ||
            vdt_cuda_copy(buffer, 0, host, SIZE, NULL) != VDT_OK ||
            vdt_cuda_wait(buffer, NULL) != VDT_OK || memcmp(device_memory(buffer), host, SIZE) != 0)
            return NULL;
        vdt_cuda_buffer_free(buffer);
    }
    return cuda;
}

static void any_thread_may_call(void **state)
{
    (void)state;
    struct vdt_cuda *cuda = open_cuda();
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, copy_often, cuda), 0);
    for (size_t i = 0; i < 4; i++) {
        void *result = NULL;
        pthread_join(threads[i], &result);
        assert_non_null(result);
    }
    vdt_cuda_close(cuda);
    assert_nothing_left();
}

static _Thread_local bool slow; /* a thread that waits before it unpins */
static sem_t reached, go_on;

static void wait_before_unpinning(const char *call)
{
    if (!slow || strcmp(call, "cuMemHostUnregister") != 0)
        return;
    sem_post(&reached);
    while (sem_wait(&go_on) != 0)
        continue;
}

static void *free_slowly(void *batch)
{
    slow = true;
    vdt_batch_free(batch);
    return NULL;
}

/* The last two batches of a loader that is gone, freed at the same time. */
static void the_device_stays_until_all_batches_are_gone(void **state)
{
    (void)state;
    struct vdt_batch_spec spec = {.image = {1, 2, 2, VDT_UINT8}, .image_bytes = 4};
    struct vdt_loader_options options = {.cuda = true};
    struct vdt_batch_home *home = NULL;
    struct vdt_batch *first = NULL, *last = NULL, *spare = NULL;
    assert_ok(vdt_batch_home_create(&spec, 1, 1, &options, &home, &error));
    assert_ok(vdt_batch_home_take(home, &first, &error));
    assert_ok(vdt_batch_home_take(home, &last, &error));
    assert_ok(vdt_batch_home_take(home, &spare, &error));
    vdt_batch_free(spare);
    vdt_batch_home_close(home);
    assert_int_equal(fake->pins, 2);
    sem_init(&reached, 0, 0);
    sem_init(&go_on, 0, 0);
    fake->called = wait_before_unpinning;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, free_slowly, first), 0);
    while (sem_wait(&reached) != 0)
        continue;
    vdt_batch_free(last);
    int contexts = fake->contexts;
    sem_post(&go_on);
    pthread_join(thread, NULL);
    fake->called = NULL;
    assert_int_equal(contexts, 1);
    assert_nothing_left();
}

/* --- failures --------------------------------------------------------------------------------- */

/* Everything a batch does but the releasing. What was made is in *cuda, *buffer and *pinned. */
static vdt_status use_all(struct vdt_cuda **cuda, struct vdt_cuda_buffer **buffer,
                          unsigned char *host, bool *pinned)
{
    vdt_status status = vdt_cuda_open(0, cuda, &error);
    if (status == VDT_OK) {
        status = vdt_cuda_pin(*cuda, host, SIZE, &error);
        *pinned = status == VDT_OK;
    }
    if (status == VDT_OK)
        status = vdt_cuda_buffer_create(*cuda, SIZE, buffer, &error);
    if (status == VDT_OK)
        status = vdt_cuda_copy(*buffer, 0, host, SIZE, &error);
    if (status == VDT_OK)
        status = vdt_cuda_wait(*buffer, &error);
    if (status == VDT_OK) {
        vdt_cuda_used_on(*buffer, NULL);
        status = vdt_cuda_copy(*buffer, 0, host, SIZE, &error);
    }
    return status;
}

static void release_all(struct vdt_cuda *cuda, struct vdt_cuda_buffer *buffer, unsigned char *host,
                        bool pinned)
{
    vdt_cuda_buffer_free(buffer);
    if (pinned)
        vdt_cuda_unpin(cuda, host);
    vdt_cuda_close(cuda);
}

/* Call `at` fails. False when there are not so many. */
static bool fail_while_using(int at)
{
    unsigned char host[SIZE] = {0};
    struct vdt_cuda *cuda = NULL;
    struct vdt_cuda_buffer *buffer = NULL;
    bool pinned = false;
    fake->failed = NULL;
    fake->fail_at = at;
    fake->result = 999;
    error = (struct vdt_error){0};
    vdt_status status = use_all(&cuda, &buffer, host, &pinned);
    fake->fail_at = 0;
    if (fake->failed != NULL && strcmp(fake->failed, "cuCtxPopCurrent") == 0)
        assert_int_equal(status, VDT_OK); /* nobody is to be told */
    else if (fake->failed != NULL) {
        assert_int_equal(status, VDT_ERR_IO);
        assert_int_equal(error.status, VDT_ERR_IO);
        char expected[100];
        snprintf(expected, sizeof expected, "CUDA device 0: %s: unknown error (999)", fake->failed);
        assert_string_equal(error.message, expected);
    } else
        assert_int_equal(status, VDT_OK);
    release_all(cuda, buffer, host, pinned);
    assert_nothing_left();
    return fake->failed != NULL;
}

static void a_failing_call_is_named_and_leaves_nothing(void **state)
{
    (void)state;
    int at = 1;
    while (fail_while_using(at))
        at++;
    assert_int_equal(at, 25); /* 24 calls, counted in the source */
}

/* Releasing goes on whatever fails. (Not when there is no context any more, but then there is
 * nothing left to release either.) */
static void failures_while_releasing_are_survived(void **state)
{
    (void)state;
    fake->spared = "cuCtxPushCurrent";
    int at = 1;
    do {
        unsigned char host[SIZE] = {0};
        struct vdt_cuda *cuda = NULL;
        struct vdt_cuda_buffer *buffer = NULL;
        bool pinned = false;
        assert_ok(use_all(&cuda, &buffer, host, &pinned));
        fake->failed = NULL;
        fake->fail_at = at++;
        release_all(cuda, buffer, host, pinned);
        fake->fail_at = 0;
        assert_nothing_left();
    } while (fake->failed != NULL);
    assert_int_equal(at, 10); /* 8 calls and a round without a failure */
    fake->spared = NULL;
}

static void expect_open(uint32_t device, int result, vdt_status status, const char *text)
{
    struct vdt_cuda *cuda = NULL;
    fake->fail_at = result == 0 ? 0 : 1;
    fake->result = result;
    assert_int_equal(vdt_cuda_open(device, &cuda, &error), status);
    assert_null(cuda);
    assert_string_equal(error.message, text);
    assert_nothing_left();
}

static void the_kind_of_failure_is_told(void **state)
{
    (void)state;
    expect_open(2, 0, VDT_ERR_NOT_FOUND,
                "CUDA device 2: cuDeviceGet: invalid device ordinal (101)");
    expect_open(UINT32_MAX, 0, VDT_ERR_NOT_FOUND,
                "CUDA device 4294967295: cuDeviceGet: invalid device ordinal (101)");
    expect_open(0, 100, VDT_ERR_NOT_FOUND, "CUDA device 0: cuInit: unknown error (100)");
    expect_open(0, 2, VDT_ERR_MEMORY, "CUDA device 0: cuInit: out of memory (2)");
    expect_open(0, 1, VDT_ERR_IO, "CUDA device 0: cuInit: unknown error (1)");

    struct vdt_cuda *cuda = open_cuda();
    struct vdt_cuda_buffer *buffer = NULL;
    assert_int_equal(vdt_cuda_buffer_create(cuda, 0, &buffer, &error), VDT_ERR_IO);
    assert_null(buffer);
    vdt_cuda_close(cuda);
    assert_nothing_left();
}

/* --- machines without a driver ---------------------------------------------------------------- */

/* This program again, with another LD_LIBRARY_PATH: 0 when the driver was opened, else what
 * vdt_cuda_open returned, negated; its message in `text`. */
static int open_elsewhere(const char *library_path, char *text, size_t size)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        setenv("LD_LIBRARY_PATH", library_path, 1);
        execl(program, program, "open", (char *)NULL);
        _exit(99);
    }
    close(ends[1]);
    ssize_t length = read(ends[0], text, size - 1);
    text[length < 0 ? 0 : length] = '\0';
    close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int open_and_tell(void)
{
    struct vdt_cuda *cuda = NULL;
    vdt_status status = vdt_cuda_open(0, &cuda, &error);
    if (status != VDT_OK)
        printf("%s", error.message);
    vdt_cuda_close(cuda);
    return -(int)status;
}

static void without_a_driver_there_is_a_message(void **state)
{
    (void)state;
    char text[1024];
    int result = open_elsewhere("", text, sizeof text);
    if (result == 0)
        skip(); /* a machine with a GPU */
    assert_int_equal(result, -VDT_ERR_NOT_FOUND);
    assert_non_null(strstr(text, "libcuda.so.1"));
}

static void an_old_driver_is_refused(void **state)
{
    (void)state;
    char folder[] = "/tmp/vdt-cuda-XXXXXX", path[64], text[1024];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/libcuda.so.1", folder);
    Dl_info math;
    assert_true(dladdr(dlsym(dlopen("libm.so.6", RTLD_NOW), "cos"), &math) != 0);
    assert_int_equal(symlink(math.dli_fname, path), 0);
    int result = open_elsewhere(folder, text, sizeof text);
    unlink(path);
    rmdir(folder);
    assert_int_equal(result, -VDT_ERR_UNSUPPORTED);
    assert_non_null(strstr(text, "libcuda.so.1 has no cuInit"));
}

int main(int argc, char **argv)
{
    program = argv[0];
    if (argc == 2 && strcmp(argv[1], "open") == 0)
        return open_and_tell();
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_arrive_when_they_are_waited_for),
        cmocka_unit_test(copies_wait_for_the_streams_that_read),
        cmocka_unit_test(the_default_stream_stands_for_all_blocking_ones),
        cmocka_unit_test(freeing_waits_for_what_is_queued),
        cmocka_unit_test(any_thread_may_call),
        cmocka_unit_test(the_device_stays_until_all_batches_are_gone),
        cmocka_unit_test(a_failing_call_is_named_and_leaves_nothing),
        cmocka_unit_test(failures_while_releasing_are_survived),
        cmocka_unit_test(the_kind_of_failure_is_told),
        cmocka_unit_test(without_a_driver_there_is_a_message),
        cmocka_unit_test(an_old_driver_is_refused),
    };
    return cmocka_run_group_tests(tests, find_fake, NULL);
}
