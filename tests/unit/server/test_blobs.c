#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/path.h"
#include "memory_blobs.h"

static struct vdt_error error;
static char root[64];

static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *walk)
{
    (void)stat;
    (void)kind;
    (void)walk;
    return remove(path);
}

static int make_root(void **state)
{
    strcpy(root, "/tmp/vedatile-blobs-XXXXXX");
    (void)state;
    return mkdtemp(root) == NULL;
}

static int remove_root(void **state)
{
    (void)state;
    return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct vdt_blobs *place(const char *name)
{
    static char path[256];
    struct vdt_blobs *blobs = NULL;
    snprintf(path, sizeof path, "%s/%s", root, name);
    assert_int_equal(vdt_blobs_open_folder(path, &blobs, &error), VDT_OK);
    return blobs;
}

static void fill(unsigned char *bytes, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(i * 31 + seed + i / 251);
}

static void make_blob(struct vdt_blobs *blobs, const char *name, size_t size, unsigned seed)
{
    unsigned char *bytes = malloc(size);
    struct vdt_blob *blob = NULL;
    fill(bytes, size, seed);
    assert_int_equal(vdt_blobs_stage(blobs, name, size, &blob, &error), VDT_OK);
    assert_int_equal(vdt_blob_write(blob, bytes, size, 0, &error), VDT_OK);
    assert_int_equal(vdt_blob_seal(blob, &error), VDT_OK);
    vdt_blob_close(blob);
    free(bytes);
}

static void assert_blob(struct vdt_blobs *blobs, const char *name, size_t size, unsigned seed)
{
    unsigned char *wanted = malloc(size);
    unsigned char *found = calloc(1, size);
    struct vdt_blob *blob = NULL;
    fill(wanted, size, seed);
    assert_int_equal(vdt_blobs_open(blobs, name, &blob, &error), VDT_OK);
    assert_int_equal(blob->size, size);
    assert_int_equal(vdt_blob_read(blob, found, size, 0, &error), VDT_OK);
    assert_memory_equal(found, wanted, size);
    vdt_blob_close(blob);
    free(found);
    free(wanted);
}

static void names_are_random_and_checked(void **state)
{
    (void)state;
    char a[VDT_BLOB_NAME];
    char b[VDT_BLOB_NAME];
    assert_int_equal(vdt_blob_name(a, &error), VDT_OK);
    assert_int_equal(vdt_blob_name(b, &error), VDT_OK);
    assert_true(vdt_blob_name_is_valid(a));
    assert_string_not_equal(a, b);
    struct vdt_blobs *blobs = place("a");
    struct vdt_blob *blob = NULL;
    const char *bad[] = {"",
                         "..",
                         "../../etc/passwd",
                         "0123456789abcdef0123456789abcde",
                         "0123456789ABCDEF0123456789ABCDEF",
                         "0123456789abcdef0123456789abcdef0",
                         "/123456789abcdef0123456789abcdef"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(vdt_blobs_stage(blobs, bad[i], 1, &blob, &error), VDT_ERR_ARGUMENT);
        assert_int_equal(vdt_blobs_open(blobs, bad[i], &blob, &error), VDT_ERR_ARGUMENT);
        assert_int_equal(vdt_blobs_remove(blobs, bad[i], &error), VDT_ERR_ARGUMENT);
    }
    assert_null(blob);
    vdt_blobs_free(blobs);
}

static void a_blob_is_filled_in_any_order(void **state)
{
    (void)state;
    struct vdt_blobs *blobs = place("order");
    char name[VDT_BLOB_NAME];
    unsigned char bytes[10000];
    unsigned char found[10000];
    struct vdt_blob *blob = NULL;
    fill(bytes, sizeof bytes, 3);
    assert_int_equal(vdt_blob_name(name, &error), VDT_OK);
    assert_int_equal(vdt_blobs_stage(blobs, name, sizeof bytes, &blob, &error), VDT_OK);
    assert_int_equal(vdt_blob_write(blob, bytes + 7000, 3000, 7000, &error), VDT_OK);
    assert_int_equal(vdt_blob_write(blob, bytes, 4000, 0, &error), VDT_OK);
    vdt_blob_close(blob);
    /* Staged again, it is what it was. */
    assert_int_equal(vdt_blobs_stage(blobs, name, sizeof bytes, &blob, &error), VDT_OK);
    assert_int_equal(vdt_blob_write(blob, bytes + 4000, 3000, 4000, &error), VDT_OK);
    assert_int_equal(vdt_blob_read(blob, found, sizeof found, 0, &error), VDT_OK);
    assert_memory_equal(found, bytes, sizeof bytes);
    assert_true(vdt_blob_descriptor(blob) >= 0);
    assert_int_equal(vdt_blob_seal(blob, &error), VDT_OK);
    assert_int_equal(vdt_blob_write(blob, bytes, 1, 0, &error), VDT_ERR_ARGUMENT);
    vdt_blob_close(blob);
    vdt_blobs_free(blobs);
}

static void bounds_hold(void **state)
{
    (void)state;
    struct vdt_blobs *blobs = place("bounds");
    const char *name = "00112233445566778899aabbccddeeff";
    char bytes[16] = {0};
    struct vdt_blob *blob = NULL;
    assert_int_equal(vdt_blobs_open(blobs, name, &blob, &error), VDT_ERR_NOT_FOUND);
    assert_int_equal(vdt_blobs_stage(blobs, name, 100, &blob, &error), VDT_OK);
    assert_int_equal(vdt_blob_write(blob, bytes, 16, 84, &error), VDT_OK);
    assert_int_equal(vdt_blob_write(blob, bytes, 16, 85, &error), VDT_ERR_FORMAT);
    assert_int_equal(vdt_blob_read(blob, bytes, 1, 100, &error), VDT_ERR_FORMAT);
    assert_int_equal(vdt_blob_read(blob, bytes, 16, UINT64_MAX - 3, &error), VDT_ERR_FORMAT);
    vdt_blob_close(blob);
    assert_int_equal(vdt_blobs_stage(blobs, name, 99, &blob, &error), VDT_ERR_MISMATCH);
    assert_int_equal(
        vdt_blobs_stage(blobs, "00112233445566778899aabbccddeef0", UINT64_MAX, &blob, &error),
        VDT_ERR_ARGUMENT);
    vdt_blobs_free(blobs);
}

static vdt_status count_one(void *payload, const char *name, const struct vdt_blob_stat *stat,
                            struct vdt_error *reason)
{
    size_t *count = payload;
    (void)reason;
    assert_true(vdt_blob_name_is_valid(name));
    assert_int_equal(stat->size, 10);
    assert_true(stat->changed > INT64_C(1600000000000000));
    ++*count;
    return VDT_OK;
}

static void blobs_are_listed_and_removed(void **state)
{
    (void)state;
    struct vdt_blobs *blobs = place("list");
    char name[VDT_BLOB_NAME];
    size_t count = 0;
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(vdt_blob_name(name, &error), VDT_OK);
        make_blob(blobs, name, 10, i);
    }
    char stray[128];
    snprintf(stray, sizeof stray, "%s/list/%.2s/note.txt", root, name);
    close(open(stray, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(vdt_blobs_list(blobs, count_one, &count, &error), VDT_OK);
    assert_int_equal(count, 40);

    struct vdt_blob *blob = NULL;
    unsigned char byte;
    assert_int_equal(vdt_blobs_open(blobs, name, &blob, &error), VDT_OK);
    assert_int_equal(vdt_blobs_remove(blobs, name, &error), VDT_OK);
    assert_int_equal(vdt_blobs_remove(blobs, name, &error), VDT_OK);
    assert_int_equal(vdt_blob_read(blob, &byte, 1, 9, &error), VDT_OK); /* open ones go on */
    vdt_blob_close(blob);
    struct vdt_blob_stat stat;
    assert_int_equal(vdt_blobs_stat(blobs, name, &stat, &error), VDT_ERR_NOT_FOUND);
    count = 0;
    assert_int_equal(vdt_blobs_list(blobs, count_one, &count, &error), VDT_OK);
    assert_int_equal(count, 39);
    vdt_blobs_free(blobs);
}

static void copies_are_links_or_bytes(void **state)
{
    (void)state;
    struct vdt_blobs *from = place("from");
    struct vdt_blobs *to = place("to");
    struct vdt_blobs *memory = memory_new();
    const char *name = "ab112233445566778899aabbccddeeff";
    const size_t size = (2 << 20) + 17;
    make_blob(from, name, size, 5);
    assert_int_equal(vdt_blobs_copy(from, name, to, &error), VDT_OK);
    assert_int_equal(vdt_blobs_copy(from, name, to, &error), VDT_OK);
    assert_int_equal(vdt_blobs_copy(from, name, memory, &error), VDT_OK);
    assert_blob(to, name, size, 5);
    assert_blob(memory, name, size, 5);
    assert_true(((struct memory_blobs *)memory)->kept[0].sealed);
    struct vdt_blob *blob = NULL;
    assert_int_equal(vdt_blobs_open(memory, name, &blob, &error), VDT_OK);
    assert_int_equal(vdt_blob_descriptor(blob), -1);
    vdt_blob_close(blob);

    /* A copy of another size is not ours to write over. */
    const char *other = "cd112233445566778899aabbccddeeff";
    make_blob(from, other, 100, 1);
    make_blob(to, other, 99, 1);
    assert_int_equal(vdt_blobs_copy(from, other, to, &error), VDT_ERR_MISMATCH);
    assert_int_equal(vdt_blobs_copy(from, "ef112233445566778899aabbccddeeff", to, &error),
                     VDT_ERR_NOT_FOUND);
    vdt_blobs_free(memory);
    vdt_blobs_free(to);
    vdt_blobs_free(from);
}

static void a_full_place_says_so(void **state)
{
    (void)state;
    struct vdt_blobs *blobs = place("full");
    const char *name = "99112233445566778899aabbccddeeff";
    struct rlimit before;
    struct vdt_blob *blob = NULL;
    struct vdt_blob_stat stat;
    getrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){.rlim_cur = 4096, .rlim_max = before.rlim_max});
    vdt_status status = vdt_blobs_stage(blobs, name, 100000, &blob, &error);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(status, VDT_ERR_FULL);
    assert_int_equal(vdt_blobs_stat(blobs, name, &stat, &error), VDT_ERR_NOT_FOUND);
    vdt_blobs_free(blobs);
}

static void links_are_no_blobs(void **state)
{
    (void)state;
    struct vdt_blobs *blobs = place("links");
    char path[128];
    snprintf(path, sizeof path, "%s/links/77", root);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/links/77112233445566778899aabbccddeeff", root);
    snprintf(path, sizeof path, "%s/links/77/77112233445566778899aabbccddeeff", root);
    assert_int_equal(symlink("/etc/hostname", path), 0);
    struct vdt_blob *blob = NULL;
    struct vdt_blob_stat stat;
    const char *name = "77112233445566778899aabbccddeeff";
    assert_true(vdt_blobs_open(blobs, name, &blob, &error) < 0);
    assert_true(vdt_blobs_stage(blobs, name, 5, &blob, &error) < 0);
    assert_int_equal(vdt_blobs_stat(blobs, name, &stat, &error), VDT_ERR_FORMAT);
    vdt_blobs_free(blobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_random_and_checked),
        cmocka_unit_test(a_blob_is_filled_in_any_order),
        cmocka_unit_test(bounds_hold),
        cmocka_unit_test(blobs_are_listed_and_removed),
        cmocka_unit_test(copies_are_links_or_bytes),
        cmocka_unit_test(a_full_place_says_so),
        cmocka_unit_test(links_are_no_blobs),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
