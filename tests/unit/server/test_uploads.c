/* Uploads over a real database and a folder: blocks in any order, restarts, commits, deltas. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/random.h"
#include "memory_blobs.h"
#include "server/blobs/block_map.h"
#include "server/blobs/upload_rows.h"
#include "server/meta/db.h"
#include "server/meta/users.h"

enum { BLOCK = 65536 };

static struct vdt_error error;
static char root[64];
static struct vdt_db *db;
static struct vdt_blobs *blobs;
static struct vdt_uploads *uploads;
static int64_t user, entry = 1;

static void ok(vdt_status status)
{
    if (status != VDT_OK)
        fail_msg("%s: %s", vdt_status_name(status), error.message);
}

static struct vdt_session *begin(void)
{
    struct vdt_session *session = NULL;
    ok(vdt_db_begin(db, VDT_DB_WRITE, &session, &error));
    return session;
}

static void start(void)
{
    char path[128];
    snprintf(path, sizeof path, "%s/catalog.db", root);
    ok(vdt_db_open(path, true, &db, &error));
    snprintf(path, sizeof path, "%s/blobs", root);
    ok(vdt_blobs_open_folder(path, &blobs, &error));
    ok(vdt_uploads_new(db, blobs, &uploads, &error));
}

static void stop(void)
{
    vdt_uploads_free(uploads);
    vdt_blobs_free(blobs);
    vdt_db_close(db);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(root, "/tmp/vedatile-uploads-XXXXXX");
    assert_non_null(mkdtemp(root));
    start();
    struct vdt_session *session = begin();
    ok(vdt_user_create(session, "ann", &user, &error));
    ok(vdt_db_run(session,
                  "INSERT INTO entry (id, slug, owner, name, created, updated) "
                  "VALUES (1, 'aaaaaaaaaaaaaaaa', 1, 'roofs', 0, 0)",
                  &error));
    ok(vdt_db_commit(&session, &error));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stop();
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

/* --- stores that are only bytes --------------------------------------------------------------- */

struct bytes {
    unsigned char *data;
    uint64_t size;
    struct vdt_block_list list;
    char digest[VDT_DIGEST_TEXT];
};

static void digest_bytes(struct bytes *bytes)
{
    uint64_t count = vdt_block_count(bytes->size, BLOCK);
    unsigned char(*digests)[VDT_BLOCK_DIGEST] = malloc(count * sizeof *digests);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t left = bytes->size - i * BLOCK;
        vdt_block_digest(bytes->data + i * BLOCK, left < BLOCK ? left : BLOCK, digests[i]);
    }
    ok(vdt_block_list_of_bytes(digests, count * sizeof *digests, bytes->size, BLOCK, "list",
                               &bytes->list, &error));
    free(digests);
    vdt_block_list_digest(&bytes->list, bytes->digest);
}

static struct bytes make_bytes(uint64_t size, unsigned seed)
{
    struct bytes bytes = {.data = malloc(size), .size = size};
    for (uint64_t i = 0; i < size; i++)
        bytes.data[i] = (unsigned char)vdt_mix2(seed, i / 7);
    digest_bytes(&bytes);
    return bytes;
}

static void clear_bytes(struct bytes *bytes)
{
    free(bytes->data);
    vdt_block_list_clear(&bytes->list);
}

static void begin_upload(const struct bytes *bytes, char id[VDT_UPLOAD_ID])
{
    struct vdt_session *session = begin();
    struct vdt_delta delta = {0};
    ok(vdt_delta_load(session, entry, &bytes->list, &delta, &error));
    ok(vdt_upload_insert(session, entry, user, &bytes->list, &delta, id, &error));
    ok(vdt_db_commit(&session, &error));
    vdt_delta_clear(&delta);
}

static struct vdt_upload *hold(const char *id)
{
    struct vdt_upload *upload = NULL;
    ok(vdt_uploads_hold(uploads, id, &upload, &error));
    return upload;
}

static void send_missing(struct vdt_upload *upload, const struct bytes *bytes)
{
    json_t *missing = vdt_upload_missing(upload);
    size_t i;
    json_t *run;
    json_array_foreach(missing, i, run)
    {
        uint64_t first = (uint64_t)json_integer_value(json_array_get(run, 0));
        uint64_t count = (uint64_t)json_integer_value(json_array_get(run, 1));
        for (uint64_t k = first + count; k-- > first;)
            ok(vdt_upload_take(upload, k, bytes->data + k * BLOCK, &error));
    }
    json_decref(missing);
}

static void commit(const char *id, const struct bytes *bytes, int64_t number)
{
    struct vdt_session *session = begin();
    struct vdt_new_version version = {.entry = entry,
                                      .number = number,
                                      .creator = user,
                                      .digest = bytes->digest,
                                      .info = "{}",
                                      .message = ""};
    ok(vdt_upload_become(session, id, &version, &error));
    char sql[80];
    snprintf(sql, sizeof sql, "UPDATE entry SET head = %d WHERE id = 1", (int)number);
    ok(vdt_db_run(session, sql, &error));
    ok(vdt_db_commit(&session, &error));
    vdt_uploads_close(uploads, id);
}

static void assert_version(int64_t number, const struct bytes *bytes)
{
    struct vdt_session *session = begin();
    struct vdt_block_map map = {0};
    ok(vdt_block_map_load(session, entry, number, &map, &error));
    vdt_db_end(&session);
    ok(vdt_block_map_open(&map, blobs, &error));
    assert_int_equal(map.size, bytes->size);
    assert_string_equal(map.digest, bytes->digest);
    unsigned char *found = malloc(bytes->size);
    assert_int_equal(vdt_block_map_read(&map, found, bytes->size, 0, &error), bytes->size);
    assert_memory_equal(found, bytes->data, bytes->size);
    free(found);
    vdt_block_map_clear(&map);
}

/* --- the tests ----------------------------------------------------------------------------------
 */

static void a_save_is_taken_block_by_block(void **state)
{
    (void)state;
    struct bytes bytes = make_bytes(20 * BLOCK + 11, 1);
    char id[VDT_UPLOAD_ID];
    begin_upload(&bytes, id);
    struct vdt_upload *upload = hold(id);
    ok(vdt_upload_prepare(upload, &error));
    assert_int_equal(vdt_upload_missing_count(upload), 21);
    /* A wrong block changes nothing, also where the right one is there. */
    assert_int_equal(vdt_upload_take(upload, 3, bytes.data, &error), VDT_ERR_MISMATCH);
    ok(vdt_upload_take(upload, 3, bytes.data + 3 * BLOCK, &error));
    assert_int_equal(vdt_upload_take(upload, 3, bytes.data, &error), VDT_ERR_MISMATCH);
    assert_int_equal(vdt_upload_missing_count(upload), 20);
    json_t *missing = vdt_upload_missing(upload);
    json_t *expect = json_pack("[[i,i],[i,i]]", 0, 3, 4, 17);
    assert_true(json_equal(missing, expect));
    json_decref(missing);
    json_decref(expect);
    send_missing(upload, &bytes);
    assert_int_equal(vdt_upload_missing_count(upload), 0);
    ok(vdt_upload_seal(upload, &error));
    commit(id, &bytes, 1);
    assert_false(vdt_upload_is_open(upload));
    assert_int_equal(vdt_upload_take(upload, 3, bytes.data + 3 * BLOCK, &error), VDT_ERR_NOT_FOUND);
    vdt_upload_release(&upload);
    upload = hold(id); /* read again: it knows what became of it */
    assert_int_equal(vdt_upload_version(upload), 1);
    vdt_upload_release(&upload);
    assert_version(1, &bytes);

    /* The next version: two blocks changed, three more. */
    struct bytes next = make_bytes(24 * BLOCK, 1);
    next.data[5 * BLOCK + 9] ^= 1;
    next.data[17 * BLOCK] ^= 1;
    vdt_block_list_clear(&next.list);
    digest_bytes(&next);
    begin_upload(&next, id);
    upload = hold(id);
    assert_int_equal(vdt_upload_missing_count(upload), 2 + 4);
    send_missing(upload, &next);
    ok(vdt_upload_seal(upload, &error));
    vdt_upload_release(&upload);
    commit(id, &next, 2);
    assert_version(2, &next);
    assert_version(1, &bytes);
    clear_bytes(&next);
    clear_bytes(&bytes);
}

static void set_boot(const char *id, const char *boot)
{
    struct vdt_session *session = begin();
    struct vdt_rows *rows = NULL;
    ok(vdt_db_prepare(session, "UPDATE upload SET boot = ?2 WHERE id = ?1", &rows, &error));
    vdt_bind_text(rows, 1, id);
    vdt_bind_text(rows, 2, boot);
    ok(vdt_rows_run(rows, &error));
    vdt_rows_free(rows);
    ok(vdt_db_commit(&session, &error));
}

/* The blob's name, from the map that the upload will be. */
static void blob_path(const char *id, char path[160])
{
    struct vdt_session *session = begin();
    struct vdt_block_map map = {0};
    ok(vdt_block_map_of_upload(session, id, &map, &error));
    const char *name = map.blobs[map.blob_count - 1].name;
    snprintf(path, 160, "%s/blobs/%.2s/%s", root, name, name);
    vdt_block_map_clear(&map);
    vdt_db_end(&session);
}

static void bits_outlive_the_server_but_are_not_believed_blindly(void **state)
{
    (void)state;
    struct bytes bytes = make_bytes(10 * BLOCK, 77);
    char id[VDT_UPLOAD_ID];
    char path[160];
    begin_upload(&bytes, id);
    struct vdt_upload *upload = hold(id);
    for (uint64_t i = 0; i < 10; i += 2)
        ok(vdt_upload_take(upload, i, bytes.data + i * BLOCK, &error));
    vdt_upload_release(&upload);
    stop();
    start();
    upload = hold(id);
    assert_int_equal(vdt_upload_missing_count(upload), 5);
    vdt_upload_release(&upload);

    /* A block is lost while nobody runs. In the same start of the system that cannot be, and is not
     * looked for; after another one it is. */
    blob_path(id, path);
    stop();
    FILE *file = fopen(path, "r+");
    fseek(file, 4 * BLOCK + 100, SEEK_SET);
    fputs("lost", file);
    fclose(file);
    start();
    upload = hold(id);
    assert_int_equal(vdt_upload_missing_count(upload), 5);
    vdt_upload_release(&upload);
    set_boot(id, "another start");
    stop();
    start();
    upload = hold(id);
    assert_int_equal(vdt_upload_missing_count(upload), 6);
    send_missing(upload, &bytes);
    vdt_upload_release(&upload);
    /* A blob that is gone is sent anew. */
    stop();
    assert_int_equal(unlink(path), 0);
    start();
    upload = hold(id);
    assert_int_equal(vdt_upload_missing_count(upload), 10);
    send_missing(upload, &bytes);
    ok(vdt_upload_seal(upload, &error));
    vdt_upload_release(&upload);
    commit(id, &bytes, 3);
    assert_version(3, &bytes);
    clear_bytes(&bytes);
}

static void the_same_list_is_the_same_upload(void **state)
{
    (void)state;
    struct bytes bytes = make_bytes(3 * BLOCK, 5);
    struct bytes other = make_bytes(3 * BLOCK, 6);
    char id[VDT_UPLOAD_ID];
    char found[VDT_UPLOAD_ID] = "";
    char blob[VDT_BLOB_NAME];
    begin_upload(&bytes, id);
    struct vdt_session *session = begin();
    ok(vdt_upload_find_same(session, entry, user, &bytes.list, found, &error));
    assert_string_equal(found, id);
    assert_int_equal(vdt_upload_find_same(session, entry, user, &other.list, found, &error),
                     VDT_END);
    assert_int_equal(vdt_upload_find_same(session, entry, user + 1, &bytes.list, found, &error),
                     VDT_END);
    ok(vdt_upload_delete(session, id, blob, &error));
    assert_true(vdt_blob_name_is_valid(blob));
    assert_int_equal(vdt_upload_find_same(session, entry, user, &bytes.list, found, &error),
                     VDT_END);
    ok(vdt_db_commit(&session, &error));
    struct vdt_upload *upload = NULL;
    assert_int_equal(vdt_uploads_hold(uploads, id, &upload, &error), VDT_ERR_NOT_FOUND);
    assert_int_equal(vdt_uploads_hold(uploads, "../../../../etc/", &upload, &error),
                     VDT_ERR_NOT_FOUND);
    assert_null(upload);
    clear_bytes(&bytes);
    clear_bytes(&other);
}

struct sender {
    const struct bytes *bytes;
    const char *id;
    unsigned seed;
};

static void *send_some(void *argument)
{
    const struct sender *sender = argument;
    struct vdt_error mine;
    for (uint64_t k = 0; k < 2 * sender->bytes->list.count; k++) {
        uint64_t i = vdt_mix2(sender->seed, k) % sender->bytes->list.count;
        struct vdt_upload *upload = NULL;
        if (vdt_uploads_hold(uploads, sender->id, &upload, &mine) != VDT_OK ||
            vdt_upload_take(upload, i, sender->bytes->data + i * BLOCK, &mine) != VDT_OK)
            return "failed";
        vdt_upload_release(&upload);
        if (k % 16 == 0 && vdt_uploads_flush(uploads, &mine) != VDT_OK)
            return "failed to flush";
    }
    return NULL;
}

static void many_send_at_once(void **state)
{
    (void)state;
    struct bytes bytes = make_bytes(64 * BLOCK - 1, 9);
    char id[VDT_UPLOAD_ID];
    begin_upload(&bytes, id);
    pthread_t threads[6];
    struct sender senders[6];
    for (unsigned t = 0; t < 6; t++) {
        senders[t] = (struct sender){&bytes, id, t};
        assert_int_equal(pthread_create(&threads[t], NULL, send_some, &senders[t]), 0);
    }
    for (unsigned t = 0; t < 6; t++) {
        void *failure = NULL;
        pthread_join(threads[t], &failure);
        assert_null(failure);
    }
    struct vdt_upload *upload = hold(id);
    send_missing(upload, &bytes);
    assert_int_equal(vdt_upload_missing_count(upload), 0);
    assert_true(vdt_upload_begin_commit(upload));
    assert_false(vdt_upload_begin_commit(upload));
    vdt_upload_end_commit(upload);
    ok(vdt_upload_seal(upload, &error));
    vdt_upload_release(&upload);
    commit(id, &bytes, 4);
    assert_version(4, &bytes);
    clear_bytes(&bytes);
}

/* What a disk refused to sync is nowhere, whatever the page cache says: all of it is sent again. */
static void a_sync_that_fails_counts_for_nothing(void **state)
{
    (void)state;
    struct bytes bytes = make_bytes(5 * BLOCK, 21);
    struct vdt_blobs *memory = memory_new();
    struct vdt_uploads *others = NULL;
    struct vdt_upload *upload = NULL;
    char id[VDT_UPLOAD_ID];
    begin_upload(&bytes, id);
    ok(vdt_uploads_new(db, memory, &others, &error));
    ok(vdt_uploads_hold(others, id, &upload, &error));
    send_missing(upload, &bytes);
    ((struct memory_blobs *)memory)->broken = true;
    assert_int_equal(vdt_upload_seal(upload, &error), VDT_ERR_IO);
    assert_int_equal(vdt_upload_missing_count(upload), 5);
    ((struct memory_blobs *)memory)->broken = false;
    send_missing(upload, &bytes);
    ok(vdt_upload_seal(upload, &error));
    assert_int_equal(vdt_upload_missing_count(upload), 0);
    vdt_upload_release(&upload);
    vdt_uploads_free(others);
    vdt_blobs_free(memory);
    clear_bytes(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_save_is_taken_block_by_block),
        cmocka_unit_test(bits_outlive_the_server_but_are_not_believed_blindly),
        cmocka_unit_test(the_same_list_is_the_same_upload),
        cmocka_unit_test(many_send_at_once),
        cmocka_unit_test(a_sync_that_fails_counts_for_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
