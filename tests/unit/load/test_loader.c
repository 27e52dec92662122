/* The loader over a real store: what comes out is what was appended, each sample once an epoch, in
 * an order that threads, rewinds and resumes do not change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vedatile/loader.h>

#include "samples.h"

struct fixture {
    char folder[64];
    char path[96];
    struct vdt_reader *reader;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    strcpy(fixture->folder, "/tmp/vdt-loader-XXXXXX");
    if (mkdtemp(fixture->folder) == NULL)
        return -1;
    snprintf(fixture->path, sizeof fixture->path, "%s/store.h5", fixture->folder);
    write_store(fixture->path, VDT_CLASSIFICATION | VDT_DETECTION | VDT_SEGMENTATION | VDT_INSTANCE,
                SAMPLES);
    fixture->reader = open_store(fixture->path);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    vdt_reader_free(fixture->reader);
    unlink(fixture->path);
    int left = rmdir(fixture->folder);
    free(fixture);
    return left;
}

static struct vdt_loader *start(const struct vdt_reader *reader,
                                const struct vdt_loader_options *options)
{
    struct vdt_loader *loader = NULL;
    struct vdt_error error = {0};
    if (vdt_loader_start(reader, options, &loader, &error) != VDT_OK)
        fail_msg("%s", error.message);
    return loader;
}

static struct vdt_batch *next(struct vdt_loader *loader)
{
    struct vdt_batch *batch = NULL;
    struct vdt_error error = {0};
    if (vdt_loader_next(loader, &batch, &error) != VDT_OK)
        fail_msg("%s", error.message);
    return batch;
}

/* The rest of the epoch: appends its indices, checks its content, returns how many. */
static size_t drain(struct vdt_loader *loader, uint64_t *indices)
{
    size_t count = 0;
    for (;;) {
        struct vdt_batch *batch = NULL;
        struct vdt_error error = {0};
        vdt_status status = vdt_loader_next(loader, &batch, &error);
        if (status == VDT_END)
            return count;
        if (status != VDT_OK)
            fail_msg("%s", error.message);
        struct vdt_batch_view view = vdt_batch_view(batch);
        assert_true(count + view.size <= SAMPLES);
        memcpy(indices + count, view.indices, view.size * sizeof *indices);
        count += view.size;
        assert_content(batch);
        vdt_batch_free(batch);
    }
}

static struct vdt_loader_options shuffled(uint32_t threads)
{
    return (struct vdt_loader_options){
        .batch_size = BATCH, .threads = threads, .order = VDT_SHUFFLED, .seed = 5};
}

/* One whole epoch from scratch with one thread. */
static void epoch_order(const struct vdt_reader *reader, uint64_t epoch, uint64_t *indices)
{
    struct vdt_loader_options options = shuffled(1);
    options.epoch = epoch;
    struct vdt_loader *loader = start(reader, &options);
    assert_int_equal(drain(loader, indices), SAMPLES);
    vdt_loader_free(loader);
}

static void every_epoch_delivers_each_sample_once(void **state)
{
    struct fixture *fixture = *state;
    struct vdt_loader_options options = shuffled(3);
    struct vdt_loader *loader = start(fixture->reader, &options);
    assert_int_equal(vdt_loader_batches(loader), BATCHES);
    uint64_t first[SAMPLES], indices[SAMPLES];
    for (uint64_t epoch = 0; epoch < 4; epoch++) {
        assert_int_equal(vdt_loader_state(loader).epoch, epoch);
        assert_int_equal(vdt_loader_state(loader).position, 0);
        assert_int_equal(drain(loader, indices), SAMPLES);
        assert_int_equal(vdt_loader_state(loader).position, SAMPLES);
        bool seen[SAMPLES] = {false};
        for (size_t i = 0; i < SAMPLES; i++) {
            assert_true(indices[i] < SAMPLES && !seen[indices[i]]);
            seen[indices[i]] = true;
        }
        if (epoch == 0)
            memcpy(first, indices, sizeof first);
        else
            assert_memory_not_equal(indices, first, sizeof first);
        struct vdt_batch *batch = NULL;
        assert_int_equal(vdt_loader_next(loader, &batch, NULL), VDT_END);
        assert_null(batch);
        assert_int_equal(vdt_loader_rewind(loader, NULL), VDT_OK);
    }
    vdt_loader_free(loader);
}

static void threads_do_not_change_the_order(void **state)
{
    struct fixture *fixture = *state;
    uint64_t one[SAMPLES], many[SAMPLES];
    epoch_order(fixture->reader, 0, one);
    for (uint32_t threads = 2; threads <= 8; threads += 6) {
        struct vdt_loader_options options = shuffled(threads);
        options.prefetch = threads;
        struct vdt_loader *loader = start(fixture->reader, &options);
        assert_int_equal(drain(loader, many), SAMPLES);
        vdt_loader_free(loader);
        assert_memory_equal(one, many, sizeof one);
    }
}

static void defaults_are_the_train_group_in_store_order(void **state)
{
    struct fixture *fixture = *state;
    struct vdt_loader *loader = start(fixture->reader, NULL);
    assert_int_equal(vdt_loader_batches(loader), (SAMPLES + 31) / 32);
    struct vdt_batch *batch = next(loader);
    assert_int_equal(vdt_batch_view(batch).size, 32);
    vdt_batch_free(batch);
    uint64_t indices[SAMPLES];
    size_t rest = drain(loader, indices);
    assert_int_equal(rest, SAMPLES - 32);
    for (size_t i = 0; i < rest; i++)
        assert_int_equal(indices[i], 32 + i);
    vdt_loader_free(loader);

    struct vdt_loader_options options = {.group = "test"};
    loader = start(fixture->reader, &options);
    assert_int_equal(drain(loader, indices), 3);
    vdt_loader_free(loader);

    options.group = "nowhere";
    struct vdt_error error = {0};
    loader = NULL;
    assert_int_equal(vdt_loader_start(fixture->reader, &options, &loader, &error),
                     VDT_ERR_NOT_FOUND);
    assert_null(loader);
    assert_non_null(strstr(error.message, "nowhere"));
}

static void the_tail_is_short_or_dropped(void **state)
{
    struct fixture *fixture = *state;
    for (int drop = 0; drop < 2; drop++) {
        struct vdt_loader_options options = shuffled(2);
        options.tail = drop ? VDT_TAIL_DROP : VDT_TAIL_SHORT;
        struct vdt_loader *loader = start(fixture->reader, &options);
        assert_int_equal(vdt_loader_batches(loader), BATCHES - drop);
        for (int i = 0; i < BATCHES - drop; i++) {
            struct vdt_batch *batch = next(loader);
            assert_int_equal(vdt_batch_view(batch).size, i == 20 ? 3 : BATCH);
            vdt_batch_free(batch);
        }
        struct vdt_batch *batch = NULL;
        assert_int_equal(vdt_loader_next(loader, &batch, NULL), VDT_END);
        assert_int_equal(vdt_loader_state(loader).position, drop ? 200 : SAMPLES);
        vdt_loader_free(loader);
    }
    /* A batch larger than the group. */
    struct vdt_loader_options options = {.batch_size = 1000, .threads = 2};
    struct vdt_loader *loader = start(fixture->reader, &options);
    uint64_t indices[SAMPLES];
    assert_int_equal(drain(loader, indices), SAMPLES);
    vdt_loader_free(loader);
    options.tail = VDT_TAIL_DROP;
    loader = start(fixture->reader, &options);
    assert_int_equal(vdt_loader_batches(loader), 0);
    assert_int_equal(drain(loader, indices), 0);
    vdt_loader_free(loader);
}

static void rewind_goes_to_the_next_epoch_from_anywhere(void **state)
{
    struct fixture *fixture = *state;
    uint64_t expected[SAMPLES], indices[SAMPLES];
    for (int before = 0; before <= BATCHES; before += 3) {
        struct vdt_loader_options options = shuffled(2);
        struct vdt_loader *loader = start(fixture->reader, &options);
        for (int i = 0; i < before; i++)
            vdt_batch_free(next(loader));
        assert_int_equal(vdt_loader_rewind(loader, NULL), VDT_OK);
        assert_int_equal(vdt_loader_state(loader).epoch, 1);
        assert_int_equal(vdt_loader_state(loader).position, 0);
        epoch_order(fixture->reader, 1, expected);
        assert_int_equal(drain(loader, indices), SAMPLES);
        assert_memory_equal(indices, expected, sizeof expected);
        vdt_loader_free(loader);
    }
}

static void a_resumed_loader_goes_on_where_it_was(void **state)
{
    struct fixture *fixture = *state;
    uint64_t expected[SAMPLES], indices[SAMPLES];
    epoch_order(fixture->reader, 2, expected);
    struct vdt_loader_options options = shuffled(1);
    options.epoch = 2;
    struct vdt_loader *loader = start(fixture->reader, &options);
    for (uint32_t batch = 0; batch <= BATCHES; batch++) {
        struct vdt_loader_state saved = vdt_loader_state(loader);
        struct vdt_loader_options other = shuffled(1 + batch % 4);
        other.seed = 12345; /* overridden */
        other.resume = &saved;
        struct vdt_loader *resumed = start(fixture->reader, &other);
        struct vdt_loader_state same = vdt_loader_state(resumed);
        assert_memory_equal(&same, &saved, sizeof same);
        size_t rest = drain(resumed, indices);
        assert_int_equal(rest, SAMPLES - saved.position);
        assert_memory_equal(indices, expected + saved.position, rest * sizeof *indices);
        /* And on into the epoch after it. */
        assert_int_equal(vdt_loader_rewind(resumed, NULL), VDT_OK);
        assert_int_equal(vdt_loader_state(resumed).epoch, 3);
        assert_int_equal(drain(resumed, indices), SAMPLES);
        vdt_loader_free(resumed);
        if (batch < BATCHES)
            vdt_batch_free(next(loader));
    }
    vdt_loader_free(loader);
}

static void any_position_can_be_resumed_in_batches_of_another_size(void **state)
{
    struct fixture *fixture = *state;
    uint64_t expected[SAMPLES], indices[SAMPLES];
    epoch_order(fixture->reader, 3, expected);
    for (uint64_t position = 0; position <= SAMPLES; position += 29) {
        struct vdt_loader_state saved = {.seed = 5, .epoch = 3, .position = position};
        struct vdt_loader_options options = shuffled(3);
        options.resume = &saved;
        options.batch_size = 1 + (uint32_t)position % 31;
        struct vdt_loader *loader = start(fixture->reader, &options);
        size_t rest = drain(loader, indices);
        assert_int_equal(rest, SAMPLES - position);
        assert_memory_equal(indices, expected + position, rest * sizeof *indices);
        vdt_loader_free(loader);
    }
}

static void another_epoch_cannot_be_resumed(void **state)
{
    struct fixture *fixture = *state;
    static const struct vdt_loader_state wrong[] = {{.position = SAMPLES + 1},
                                                    {.position = UINT64_MAX},
                                                    {.position = 3, .samples = SAMPLES - 1}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct vdt_loader_options options = shuffled(2);
        options.resume = &wrong[i];
        struct vdt_loader *loader = NULL;
        struct vdt_error error = {0};
        assert_int_equal(vdt_loader_start(fixture->reader, &options, &loader, &error),
                         VDT_ERR_ARGUMENT);
        assert_null(loader);
        assert_non_null(strstr(error.message, "resume"));
    }
}

/* The order over the end of an epoch does not depend on how far workers ran ahead. */
static void a_caller_may_hold_all_it_likes(void **state)
{
    struct fixture *fixture = *state;
    enum { EPOCHS = 3 };
    for (uint32_t threads = 1; threads <= 4; threads += 3) {
        struct vdt_loader_options options = shuffled(threads);
        options.prefetch = threads;
        struct vdt_loader *loader = start(fixture->reader, &options);
        struct vdt_batch *held[EPOCHS][BATCHES];
        for (int epoch = 0; epoch < EPOCHS; epoch++) {
            for (int i = 0; i < BATCHES; i++)
                held[epoch][i] = next(loader);
            assert_int_equal(vdt_loader_rewind(loader, NULL), VDT_OK);
        }
        uint64_t memory = vdt_loader_memory(loader);
        assert_true(memory >= EPOCHS * (uint64_t)BATCHES * BATCH * VALUES * sizeof(uint16_t));
        if (threads == 1)
            vdt_loader_free(loader); /* before its batches */
        for (int epoch = 0; epoch < EPOCHS; epoch++) {
            uint64_t expected[SAMPLES];
            epoch_order(fixture->reader, (uint64_t)epoch, expected);
            for (int i = 0; i < BATCHES; i++) {
                struct vdt_batch_view view = vdt_batch_view(held[epoch][i]);
                assert_int_equal(view.position, i * BATCH);
                assert_memory_equal(view.indices, expected + i * BATCH, view.size * 8);
                assert_content(held[epoch][i]);
                vdt_batch_free(held[epoch][i]);
            }
        }
        if (threads == 1)
            continue;
        for (int i = 0; i < 2 * BATCHES; i++) { /* all that was held is used again */
            if (i == BATCHES)
                assert_int_equal(vdt_loader_rewind(loader, NULL), VDT_OK);
            vdt_batch_free(next(loader));
        }
        assert_int_equal(vdt_loader_memory(loader), memory);
        vdt_loader_free(loader);
    }
    vdt_batch_free(NULL);
    vdt_loader_free(NULL);
}

static void held_batches_survive_rewinds(void **state)
{
    struct fixture *fixture = *state;
    uint64_t expected[SAMPLES], indices[SAMPLES];
    for (uint32_t threads = 1; threads <= 4; threads += 3) {
        struct vdt_loader_options options = shuffled(threads);
        struct vdt_loader *loader = start(fixture->reader, &options);
        struct vdt_batch *held[3];
        for (uint64_t epoch = 0; epoch < 6; epoch++) {
            for (int i = 0; i < 3; i++)
                held[i] = next(loader);
            assert_int_equal(vdt_loader_rewind(loader, NULL), VDT_OK);
            size_t rest = drain(loader, indices);
            epoch_order(fixture->reader, vdt_loader_state(loader).epoch, expected);
            assert_int_equal(rest, SAMPLES);
            assert_memory_equal(indices, expected, rest * sizeof *indices);
            for (int i = 0; i < 3; i++) {
                assert_content(held[i]);
                vdt_batch_free(held[i]);
            }
            assert_int_equal(vdt_loader_rewind(loader, NULL), VDT_OK);
        }
        vdt_loader_free(loader);
    }
}

static void *free_batch(void *batch)
{
    vdt_batch_free(batch);
    return NULL;
}

static void any_thread_may_free_a_batch(void **state)
{
    struct fixture *fixture = *state;
    struct vdt_loader_options options = shuffled(2);
    options.prefetch = 2;
    struct vdt_loader *loader = start(fixture->reader, &options);
    for (int i = 0; i < 60; i++) {
        struct vdt_batch *batch = next(loader);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, free_batch, batch), 0);
        /* The race that matters: a batch of the old pool comes back while a new one starts. */
        if (i % 3 == 0)
            assert_int_equal(vdt_loader_rewind(loader, NULL), VDT_OK);
        struct vdt_batch *other = next(loader);
        assert_content(other);
        pthread_join(thread, NULL);
        vdt_batch_free(other);
    }
    vdt_loader_free(loader);
}

static void small_stores_have_only_their_own_arrays(void **state)
{
    struct fixture *fixture = *state;
    char path[96];
    snprintf(path, sizeof path, "%s/small.h5", fixture->folder);
    write_store(path, VDT_DETECTION, 4);
    struct vdt_reader *reader = open_store(path);
    struct vdt_loader *loader = start(reader, NULL);
    struct vdt_batch *batch = next(loader);
    struct vdt_batch_view view = vdt_batch_view(batch);
    assert_int_equal(view.size, 4);
    assert_non_null(view.images);
    assert_null(view.onehot);
    assert_null(view.masks);
    assert_null(view.instances);
    /* 0, 7, 14 and 21 modulo 5 */
    static const uint64_t offsets[] = {0, 0, 2, 6, 7};
    assert_memory_equal(view.box_offsets, offsets, sizeof offsets);
    for (size_t i = 0; i < 4; i++) {
        struct content expected = content_of(i);
        assert_boxes(&view, i, &expected);
    }
    vdt_batch_free(batch);
    vdt_loader_free(loader);
    vdt_reader_free(reader);
    unlink(path);

    write_store(path, VDT_CLASSIFICATION, 4);
    reader = open_store(path);
    loader = start(reader, NULL);
    batch = next(loader);
    view = vdt_batch_view(batch);
    assert_non_null(view.onehot);
    assert_null(view.box_offsets);
    assert_null(view.boxes);
    assert_null(view.box_class);
    assert_null(view.box_feature);
    assert_null(view.box_visible);
    vdt_batch_free(batch);
    vdt_loader_free(loader);
    vdt_reader_free(reader);
    unlink(path);
}

/* Flips a bit of sample `index`'s raw image wherever the file holds it; returns how often. */
static int damage(const char *path, uint64_t index)
{
    struct content content = content_of(index);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long size = ftell(file);
    char *bytes = malloc((size_t)size);
    assert_non_null(bytes);
    rewind(file);
    assert_int_equal(fread(bytes, 1, (size_t)size, file), size);
    int found = 0;
    for (long at = 0; at + (long)sizeof content.image <= size; at++) {
        if (memcmp(bytes + at, content.image, sizeof content.image) != 0)
            continue;
        assert_int_equal(fseek(file, at + 100, SEEK_SET), 0);
        assert_true(fputc((unsigned char)bytes[at + 100] ^ 4, file) != EOF);
        found++;
    }
    free(bytes);
    assert_int_equal(fclose(file), 0);
    return found;
}

static void verify_finds_a_flipped_bit(void **state)
{
    struct fixture *fixture = *state;
    char path[96];
    snprintf(path, sizeof path, "%s/damaged.h5", fixture->folder);
    write_store(path, VDT_SEGMENTATION, SAMPLES);
    assert_true(damage(path, 117) >= 1);
    struct vdt_reader *reader = open_store(path);
    struct vdt_loader_options options = {
        .batch_size = BATCH, .threads = 3, .verify = VDT_VERIFY_ALWAYS};
    struct vdt_loader *loader = start(reader, &options);
    for (uint64_t i = 0; i < 11; i++) {
        struct vdt_batch *batch = next(loader);
        assert_int_equal(vdt_batch_view(batch).indices[0], i * BATCH);
        vdt_batch_free(batch);
    }
    for (int again = 0; again < 2; again++) {
        struct vdt_batch *batch = NULL;
        struct vdt_error error = {0};
        assert_int_equal(vdt_loader_next(loader, &batch, &error), VDT_ERR_FORMAT);
        assert_null(batch);
        const char *text = strstr(error.message, "damaged.h5");
        assert_non_null(text);
        assert_non_null(strstr(text, "117"));
        assert_int_equal(vdt_loader_state(loader).position, 110);
    }
    vdt_loader_free(loader);

    /* Without verify nobody looks. */
    options.verify = VDT_VERIFY_NEVER;
    loader = start(reader, &options);
    for (int i = 0; i < BATCHES; i++)
        vdt_batch_free(next(loader));
    vdt_loader_free(loader);
    vdt_reader_free(reader);
    unlink(path);

    options.verify = VDT_VERIFY_ALWAYS;
    loader = start(fixture->reader, &options);
    uint64_t indices[SAMPLES];
    assert_int_equal(drain(loader, indices), SAMPLES);
    vdt_loader_free(loader);
}

int main(void)
{
    alarm(300); /* a loader that hangs is a failure, not a wait */
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_epoch_delivers_each_sample_once),
        cmocka_unit_test(threads_do_not_change_the_order),
        cmocka_unit_test(defaults_are_the_train_group_in_store_order),
        cmocka_unit_test(the_tail_is_short_or_dropped),
        cmocka_unit_test(rewind_goes_to_the_next_epoch_from_anywhere),
        cmocka_unit_test(a_resumed_loader_goes_on_where_it_was),
        cmocka_unit_test(any_position_can_be_resumed_in_batches_of_another_size),
        cmocka_unit_test(another_epoch_cannot_be_resumed),
        cmocka_unit_test(a_caller_may_hold_all_it_likes),
        cmocka_unit_test(held_batches_survive_rewinds),
        cmocka_unit_test(any_thread_may_free_a_batch),
        cmocka_unit_test(small_stores_have_only_their_own_arrays),
        cmocka_unit_test(verify_finds_a_flipped_bit),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
