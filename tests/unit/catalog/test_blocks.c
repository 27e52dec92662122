/* Block lists: of stores, whatever writers do meanwhile, and of bytes that came from elsewhere. */
#include "../store/stores.h"

#include <sys/file.h>

#include "catalog/blocks.h"
#include "store/journal.h"
#include "store/snapshot.h"

static const struct vdt_store_spec *spec(void)
{
    static struct vdt_store_spec made;
    made = make_spec(VDT_UINT16, VDT_CLASSIFICATION | VDT_SEGMENTATION, VDT_CODEC_RAW);
    made.tile.rows = 64;
    made.tile.cols = 64;
    return &made;
}

static void list_of(const char *path, uint32_t threads, struct vdt_block_list *list)
{
    if (vdt_block_list_of_file(path, threads, NULL, NULL, list, &error) != VDT_OK)
        fail_msg("%s", error.message);
}

static void expect_same(const struct vdt_block_list *a, const struct vdt_block_list *b)
{
    assert_int_equal(a->size, b->size);
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->digests, b->digests, a->count * VDT_BLOCK_DIGEST);
}

/* What the file's bytes say, without anything of ours but SHA-256. */
static void expect_file(const char *path, const struct vdt_block_list *list)
{
    size_t size;
    unsigned char *bytes = read_file(path, &size), digest[32];
    assert_int_equal(list->size, size);
    assert_int_equal(list->block_size, 131072);
    assert_int_equal(list->count, (size + 131071) / 131072);
    for (uint64_t i = 0; i < list->count; i++) {
        size_t length = size - i * 131072 < 131072 ? size - i * 131072 : 131072;
        assert_int_equal(vdt_block_length(list, i), length);
        vdt_block_digest(bytes + i * 131072, length, digest);
        assert_memory_equal(digest, list->digests[i], 32);
        assert_true(vdt_block_is(list, i, bytes + i * 131072));
        bytes[i * 131072 + length - 1] ^= 1;
        assert_false(vdt_block_is(list, i, bytes + i * 131072));
    }
    free(bytes);
}

static void blocks_are_those_of_the_file(void **state)
{
    (void)state;
    const char *path = in_folder("a.h5");
    struct vdt_block_list one = {0}, many = {0};
    make_store(path, spec(), 90);
    assert_true(size_of(path) > 5 * 131072);
    list_of(path, 1, &one);
    expect_file(path, &one);
    list_of(path, 7, &many);
    expect_same(&one, &many);
    vdt_block_list_clear(&one);
    vdt_block_list_clear(&many);
    assert_null(many.digests);
}

/* hashlib: sha256(b"vedatile-blocks-1\n70000\n65536\n" + bytes(range(64))) */
static void a_list_has_the_digest_of_its_rule(void **state)
{
    (void)state;
    unsigned char digests[64];
    char hex[VDT_DIGEST_TEXT];
    struct vdt_block_list list = {0};
    for (int i = 0; i < 64; i++)
        digests[i] = (unsigned char)i;
    assert_int_equal(vdt_block_list_of_bytes(digests, 64, 70000, 65536, "x", &list, &error),
                     VDT_OK);
    assert_int_equal(vdt_block_length(&list, 1), 70000 - 65536);
    vdt_block_list_digest(&list, hex);
    assert_string_equal(hex, "44fa27b7210409469e4fca7be9ae188a32eccb39a699463674b0ec4c84e555e0");
    vdt_block_list_clear(&list);
}

static void lists_that_cannot_be_are_refused(void **state)
{
    (void)state;
    static const unsigned char digests[96];
    struct vdt_block_list list = {0};
    static const struct {
        size_t bytes;
        uint64_t size;
        uint32_t block_size;
    } wrong[] = {{64, 65536, 65536}, {64, 131073, 65536},  {63, 70000, 65536},
                 {0, 0, 65536},      {64, 70000, 65535},   {64, 70000, 0},
                 {64, 70000, 32768}, {64, 70000, 1 << 25}, {64, UINT64_MAX, 65536}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(vdt_block_list_of_bytes(digests, wrong[i].bytes, wrong[i].size,
                                                 wrong[i].block_size, "x", &list, &error),
                         VDT_ERR_FORMAT);
        assert_memory_equal(error.message, "x: a block", 10);
        assert_null(list.digests);
    }
}

/* Samples that are written but not committed are no part of the store. */
static void a_transaction_is_left_out(void **state)
{
    (void)state;
    const char *path = in_folder("a.h5");
    struct vdt_block_list before = {0}, within = {0}, after = {0};
    make_store(path, spec(), 40);
    list_of(path, 2, &before);
    struct vdt_writer *writer = open_store(path);
    append_to(writer, "train", spec(), 40, 40);
    list_of(path, 2, &within);
    expect_same(&before, &within);
    finish(writer);
    list_of(path, 2, &after);
    assert_true(after.size > before.size);
    expect_file(path, &after);
    vdt_block_list_clear(&before);
    vdt_block_list_clear(&within);
    vdt_block_list_clear(&after);
}

static void a_snapshot_keeps_writers_away(void **state)
{
    (void)state;
    const char *path = in_folder("a.h5");
    struct vdt_snapshot *snapshot = NULL;
    struct vdt_writer *writer = NULL;
    make_store(path, spec(), 3);
    assert_int_equal(vdt_snapshot_open(path, &snapshot, &error), VDT_OK);
    assert_int_equal(vdt_writer_open(path, &writer, &error), VDT_ERR_BUSY);
    assert_false(vdt_snapshot_changed(snapshot));
    vdt_snapshot_free(snapshot);
    writer = open_store(path);
    assert_int_equal(vdt_snapshot_open(path, &snapshot, &error), VDT_OK);
    assert_false(vdt_snapshot_changed(snapshot));
    append_to(writer, "train", spec(), 3, 3);
    assert_false(vdt_snapshot_changed(snapshot));
    commit(writer);
    assert_true(vdt_snapshot_changed(snapshot));
    vdt_snapshot_free(snapshot);
    finish(writer);
}

struct meddler {
    struct vdt_writer *writer;
    uint64_t next;
    int commits;
};

static bool commit_meanwhile(uint64_t done, uint64_t total, void *payload)
{
    struct meddler *meddler = payload;
    if (done == total && meddler->commits > 0) {
        meddler->commits--;
        append_to(meddler->writer, "train", spec(), meddler->next, 5);
        meddler->next += 5;
        commit(meddler->writer);
    }
    return true;
}

static void a_commit_meanwhile_starts_it_again(void **state)
{
    (void)state;
    const char *path = in_folder("a.h5");
    struct vdt_block_list list = {0}, again = {0};
    make_store(path, spec(), 60);
    struct meddler meddler = {.writer = open_store(path), .next = 60, .commits = 2};
    assert_int_equal(vdt_block_list_of_file(path, 2, commit_meanwhile, &meddler, &list, &error),
                     VDT_OK);
    list_of(path, 1, &again);
    expect_same(&list, &again);
    vdt_block_list_clear(&list);
    meddler.commits = 1000;
    assert_int_equal(vdt_block_list_of_file(path, 2, commit_meanwhile, &meddler, &list, &error),
                     VDT_ERR_BUSY);
    assert_null(list.digests);
    finish(meddler.writer);
    vdt_block_list_clear(&again);
}

static bool stop_it(uint64_t done, uint64_t total, void *payload)
{
    (void)done, (void)total, (void)payload;
    return false;
}

static void it_stops_when_asked_and_names_bad_files(void **state)
{
    (void)state;
    const char *path = in_folder("a.h5"), *other = in_folder("b.h5");
    struct vdt_block_list list = {0};
    make_store(path, spec(), 3);
    assert_int_equal(vdt_block_list_of_file(path, 1, stop_it, NULL, &list, &error),
                     VDT_ERR_CANCELLED);
    assert_int_equal(vdt_block_list_of_file(other, 1, NULL, NULL, &list, &error),
                     VDT_ERR_NOT_FOUND);
    write_file(other, "short", 5);
    assert_int_equal(vdt_block_list_of_file(other, 1, NULL, NULL, &list, &error), VDT_ERR_FORMAT);
    size_t size;
    unsigned char *bytes = read_file(path, &size);
    write_file(other, bytes, size / 2);
    assert_int_equal(vdt_block_list_of_file(other, 1, NULL, NULL, &list, &error), VDT_ERR_FORMAT);
    assert_non_null(strstr(error.message, "cut off"));
    free(bytes);
    assert_null(list.digests);
}

/* A journal that a crash left: its pages are the store's, whether it can be brought home or not. */
static void a_pending_journal_is_read_through(void **state)
{
    (void)state;
    const char *path = in_folder("a.h5"), *journal_path = in_folder("a.h5.journal");
    struct vdt_block_list before = {0}, list = {0}, after = {0};
    make_store(path, spec(), 60);
    list_of(path, 1, &before);
    int holder = open(path, O_RDWR); /* a writer in the middle of its commit */
    assert_int_equal(flock(holder, LOCK_EX), 0);
    struct vdt_overlay overlay = {0};
    struct vdt_journal journal = {.fd = -1};
    memset(vdt_overlay_add(&overlay, 100), 7, VDT_PAGE);
    struct vdt_journal_store of = {
        .fd = holder, .path = path, .tail = before.size - VDT_PAGE, .size = before.size};
    assert_int_equal(vdt_journal_open(&journal, journal_path, &error), VDT_OK);
    assert_int_equal(vdt_journal_write(&journal, &overlay, &of, &error), VDT_OK);
    list_of(path, 2, &list);
    assert_memory_not_equal(list.digests[3], before.digests[3], 32);
    assert_memory_equal(list.digests[0], before.digests[0], 32);
    assert_int_equal(vdt_overlay_apply(&overlay, holder, path, &error), VDT_OK);
    vdt_journal_close(&journal, false);
    close(holder);
    list_of(path, 2, &after);
    expect_same(&list, &after);
    expect_file(path, &after);
    vdt_overlay_clear(&overlay);
    vdt_block_list_clear(&before);
    vdt_block_list_clear(&list);
    vdt_block_list_clear(&after);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(blocks_are_those_of_the_file),
        TEST(a_list_has_the_digest_of_its_rule),
        TEST(lists_that_cannot_be_are_refused),
        TEST(a_transaction_is_left_out),
        TEST(a_snapshot_keeps_writers_away),
        TEST(a_commit_meanwhile_starts_it_again),
        TEST(it_stops_when_asked_and_names_bad_files),
        TEST(a_pending_journal_is_read_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
