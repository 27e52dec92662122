/* What goes into batches: several inputs, selections, ranks, label choice, padding, damage, crops,
 * lists of samples; and what a fork leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vedatile/loader.h>

#include "samples.h"

enum { ALL_TASKS = VDT_CLASSIFICATION | VDT_DETECTION | VDT_SEGMENTATION | VDT_INSTANCE };

struct fixture {
    char folder[64];
    char path[96];
    struct vdt_reader *reader;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    strcpy(fixture->folder, "/tmp/vdt-batches-XXXXXX");
    if (mkdtemp(fixture->folder) == NULL)
        return -1;
    snprintf(fixture->path, sizeof fixture->path, "%s/store.h5", fixture->folder);
    write_store(fixture->path, ALL_TASKS, SAMPLES);
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

static struct vdt_loader *start(const struct vdt_input *inputs, size_t count,
                                const struct vdt_loader_options *options)
{
    struct vdt_loader *loader = NULL;
    struct vdt_error error = {0};
    if (vdt_loader_start_inputs(inputs, count, options, &loader, &error) != VDT_OK)
        fail_msg("%s", error.message);
    return loader;
}

static void refused(const struct vdt_input *inputs, size_t count,
                    const struct vdt_loader_options *options, const char *says)
{
    struct vdt_loader *loader = NULL;
    struct vdt_error error = {0};
    assert_int_equal(vdt_loader_start_inputs(inputs, count, options, &loader, &error),
                     VDT_ERR_ARGUMENT);
    assert_null(loader);
    if (strstr(error.message, says) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.message, says);
}

static struct vdt_batch *next(struct vdt_loader *loader)
{
    struct vdt_batch *batch = NULL;
    struct vdt_error error = {0};
    vdt_status status = vdt_loader_next(loader, &batch, &error);
    if (status < 0)
        fail_msg("%s", error.message);
    return status == VDT_OK ? batch : NULL;
}

/* --- which samples ------------------------------------------------------------------------------
 */

static void inputs_are_one_run_of_samples(void **state)
{
    struct fixture *fixture = *state;
    static const uint64_t chosen[] = {7, 7, 200, 0, 31};
    struct vdt_input inputs[] = {{.reader = fixture->reader, .group = "test"},
                                 {.reader = fixture->reader, .indices = chosen, .index_count = 5},
                                 {.reader = fixture->reader, .indices = chosen},
                                 {.reader = fixture->reader, .group = "test"}};
    static const uint64_t indices[] = {0, 1, 2, 7, 7, 200, 0, 31, 0, 1, 2};
    static const uint32_t from[] = {0, 0, 0, 1, 1, 1, 1, 1, 3, 3, 3};
    struct vdt_loader_options options = {.batch_size = 4, .threads = 2};
    struct vdt_loader *loader = start(inputs, 4, &options);
    assert_int_equal(vdt_loader_samples(loader), 11);
    assert_int_equal(vdt_loader_batches(loader), 3);
    struct vdt_batch *batch;
    while ((batch = next(loader)) != NULL) {
        struct vdt_batch_view view = vdt_batch_view(batch);
        assert_memory_equal(view.indices, indices + view.position, view.size * sizeof *indices);
        assert_memory_equal(view.inputs, from + view.position, view.size * sizeof *from);
        assert_content(batch);
        vdt_batch_free(batch);
    }
    vdt_loader_free(loader);

    options.order = VDT_SHUFFLED;
    loader = start(inputs, 4, &options);
    int seen[4] = {0};
    while ((batch = next(loader)) != NULL) {
        struct vdt_batch_view view = vdt_batch_view(batch);
        for (size_t i = 0; i < view.size; i++)
            seen[view.inputs[i]]++;
        assert_content(batch);
        vdt_batch_free(batch);
    }
    static const int expected[] = {3, 5, 0, 3};
    assert_memory_equal(seen, expected, sizeof seen);
    vdt_loader_free(loader);
}

static void what_does_not_go_together_is_refused(void **state)
{
    struct fixture *fixture = *state;
    char path[96];
    snprintf(path, sizeof path, "%s/other.h5", fixture->folder);
    write_store(path, VDT_DETECTION, 4);
    struct vdt_reader *other = open_store(path);
    static const uint64_t beyond[] = {3, SAMPLES};
    struct vdt_input inputs[] = {{.reader = fixture->reader}, {.reader = other}, {0}};
    refused(inputs, 2, NULL, "other.h5: cannot be loaded together with");
    refused(inputs + 2, 1, NULL, "an input is a store or another");
    refused(inputs, 0, NULL, "needs an input");
    refused(inputs + 1, 1, &(struct vdt_loader_options){.tasks = VDT_SEGMENTATION},
            "no labels for segmentation");
    refused(inputs, 1, &(struct vdt_loader_options){.rank = 3, .world = 3}, "rank 3 of 3");
    refused(inputs, 1, &(struct vdt_loader_options){.box_pad = 2}, "boxes, more than the room");
    refused(inputs, 1, &(struct vdt_loader_options){.epoch_samples = 2}, "epoch_samples");
    static const double weights[] = {1, 2};
    refused(inputs, 1, &(struct vdt_loader_options){.weights = weights, .weight_count = 2},
            "weighted order");
    refused(
        inputs, 1,
        &(struct vdt_loader_options){.order = VDT_WEIGHTED, .weights = weights, .weight_count = 2},
        "2 weights for 203 samples");
    refused(inputs, 1, &(struct vdt_loader_options){.threads = 1000000}, "too many");
    refused(inputs, 1, &(struct vdt_loader_options){.transform = {.crop_rows = 99, .crop_cols = 1}},
            "crop");
    inputs[0].indices = beyond;
    inputs[0].index_count = 2;
    refused(inputs, 1, NULL, "sample 203 of 203");
    vdt_reader_free(other);
    unlink(path);
}

static void ranks_share_an_epoch(void **state)
{
    struct fixture *fixture = *state;
    struct vdt_input input = {.reader = fixture->reader};
    static const uint32_t worlds[] = {1, 3, 8};
    for (int w = 0; w < 3; w++) {
        for (enum vdt_tail tail = VDT_TAIL_SHORT; tail <= VDT_TAIL_PAD; tail++) {
            int seen[SAMPLES] = {0};
            uint64_t total = 0, steps = 0;
            for (uint32_t rank = 0; rank < worlds[w]; rank++) {
                struct vdt_loader_options options = {.batch_size = 7,
                                                     .threads = 1 + rank % 3,
                                                     .order = VDT_SHUFFLED,
                                                     .seed = 3,
                                                     .rank = rank,
                                                     .world = worlds[w],
                                                     .tail = tail};
                struct vdt_loader *loader = start(&input, 1, &options);
                if (rank == 0)
                    steps = vdt_loader_batches(loader);
                assert_int_equal(vdt_loader_batches(loader), steps);
                struct vdt_batch *batch;
                uint64_t got = 0;
                for (; (batch = next(loader)) != NULL; got++) {
                    struct vdt_batch_view view = vdt_batch_view(batch);
                    for (size_t i = 0; i < view.size; i++)
                        seen[view.indices[i]]++;
                    total += view.size;
                    vdt_batch_free(batch);
                }
                assert_int_equal(got, steps);
                vdt_loader_free(loader);
            }
            uint64_t whole = 7 * (uint64_t)worlds[w];
            uint64_t expected = tail == VDT_TAIL_SHORT  ? SAMPLES
                                : tail == VDT_TAIL_DROP ? SAMPLES / whole * whole
                                                        : (SAMPLES + whole - 1) / whole * whole;
            assert_int_equal(total, expected);
            for (int i = 0; tail == VDT_TAIL_SHORT && i < SAMPLES; i++)
                assert_int_equal(seen[i], 1);
        }
    }
}

static void draws_follow_weights(void **state)
{
    struct fixture *fixture = *state;
    struct vdt_input input = {.reader = fixture->reader};
    double weights[SAMPLES] = {0};
    weights[3] = 1;
    weights[150] = 3;
    struct vdt_loader_options options = {.batch_size = 100,
                                         .threads = 2,
                                         .order = VDT_WEIGHTED,
                                         .weights = weights,
                                         .weight_count = SAMPLES,
                                         .epoch_samples = 4000};
    struct vdt_loader *loader = start(&input, 1, &options);
    assert_int_equal(vdt_loader_batches(loader), 40);
    struct vdt_batch *batch;
    int rare = 0, often = 0;
    while ((batch = next(loader)) != NULL) {
        struct vdt_batch_view view = vdt_batch_view(batch);
        for (size_t i = 0; i < view.size; i++) {
            rare += view.indices[i] == 3;
            often += view.indices[i] == 150;
        }
        assert_content(batch);
        vdt_batch_free(batch);
    }
    assert_int_equal(rare + often, 4000);
    assert_in_range(rare, 900, 1100); /* 1000 +- 27 */
    vdt_loader_free(loader);
    options = (struct vdt_loader_options){.order = VDT_BALANCED};
    loader = start(&input, 1, &options);
    while ((batch = next(loader)) != NULL) {
        assert_content(batch);
        vdt_batch_free(batch);
    }
    vdt_loader_free(loader);
}

/* --- which labels --------------------------------------------------------------------------------
 */

static void only_the_labels_asked_for_are_delivered(void **state)
{
    struct fixture *fixture = *state;
    struct vdt_input input = {.reader = fixture->reader};
    struct vdt_loader_options options = {.tasks = VDT_SEGMENTATION, .verify = VDT_VERIFY_ALWAYS};
    struct vdt_loader *loader = start(&input, 1, &options);
    struct vdt_batch *batch = next(loader);
    struct vdt_batch_view view = vdt_batch_view(batch);
    assert_non_null(view.masks);
    assert_null(view.onehot);
    assert_null(view.boxes);
    assert_null(view.box_offsets);
    assert_null(view.instances);
    for (size_t i = 0; i < view.size; i++) {
        struct content expected = content_of(view.indices[i]);
        assert_memory_equal((const uint8_t *)view.masks + i * PIXELS, expected.mask, PIXELS);
    }
    vdt_batch_free(batch);
    vdt_loader_free(loader);
}

static void padded_boxes_have_room_for_the_most(void **state)
{
    struct fixture *fixture = *state;
    struct vdt_input input = {.reader = fixture->reader};
    static const uint32_t pads[] = {MAX_BOXES, MAX_BOXES + 3, UINT32_MAX};
    for (int p = 0; p < 3; p++) {
        struct vdt_loader_options options = {.batch_size = 9, .threads = 3, .box_pad = pads[p]};
        struct vdt_loader *loader = start(&input, 1, &options);
        size_t pad = vdt_loader_spec(loader).box_pad;
        assert_int_equal(pad, p == 1 ? MAX_BOXES + 3 : MAX_BOXES);
        struct vdt_batch *batch;
        while ((batch = next(loader)) != NULL) {
            struct vdt_batch_view view = vdt_batch_view(batch);
            assert_null(view.box_offsets);
            for (size_t i = 0; i < view.size; i++) {
                struct content expected = content_of(view.indices[i]);
                size_t row = i * pad, count = expected.box_count;
                assert_int_equal(view.box_counts[i], count);
                for (size_t k = 0; k < count; k++) {
                    assert_memory_equal(view.boxes[row + k], expected.boxes[k], 16);
                    assert_int_equal(view.box_class[row + k], expected.box_class[k]);
                    assert_int_equal(view.box_feature[row + k], expected.box_feature[k]);
                }
                static const float nothing[4];
                for (size_t k = count; k < pad; k++) {
                    assert_memory_equal(view.boxes[row + k], nothing, 16);
                    assert_int_equal(view.box_class[row + k], 65535);
                    assert_int_equal(view.box_feature[row + k], 0);
                }
            }
            vdt_batch_free(batch);
        }
        vdt_loader_free(loader);
    }
}

/* A crop's boxes and instances: each pixel's instance is the box that had this number before. */
static void a_crop_keeps_instances_and_boxes_together(void **state)
{
    struct fixture *fixture = *state;
    struct vdt_input input = {.reader = fixture->reader};
    enum { CROP = 3 };
    struct vdt_loader_options options = {
        .batch_size = 10,
        .threads = 2,
        .transform = {.crop_rows = CROP, .crop_cols = CROP, .crop = VDT_CROP_RANDOM}};
    struct vdt_loader *loader = start(&input, 1, &options);
    struct vdt_batch *batch;
    uint64_t kept = 0, dropped = 0, places = 0;
    while ((batch = next(loader)) != NULL) {
        struct vdt_batch_view view = vdt_batch_view(batch);
        for (size_t i = 0; i < view.size; i++) {
            struct content expected = content_of(view.indices[i]);
            struct vdt_applied applied = view.applied[i];
            assert_true(applied.row <= ROWS - CROP && applied.col <= COLS - CROP);
            places |= UINT64_C(1) << (applied.row * 6 + applied.col);
            size_t row = (size_t)view.box_offsets[i];
            size_t left = (size_t)view.box_offsets[i + 1] - row;
            kept += left;
            dropped += expected.box_count - left;
            for (int y = 0; y < CROP; y++) {
                for (int x = 0; x < CROP; x++) {
                    size_t at = i * CROP * CROP + (size_t)(y * CROP + x);
                    size_t from = (applied.row + (size_t)y) * COLS + applied.col + (size_t)x;
                    assert_int_equal(((const uint8_t *)view.masks)[at], expected.mask[from]);
                    assert_int_equal(((const uint16_t *)view.images)[at + i * CROP * CROP],
                                     expected.image[from]);
                    unsigned now = view.instances[at], before = expected.instances[from];
                    assert_true(now <= left);
                    if (now > 0)
                        assert_int_equal(view.box_feature[row + now - 1],
                                         expected.box_feature[before - 1]);
                }
            }
        }
        vdt_batch_free(batch);
    }
    assert_true(kept > 0 && dropped > 0 && places != 0 && (places & (places - 1)) != 0);
    vdt_loader_free(loader);
}

/* --- damage
 * --------------------------------------------------------------------------------------- */

struct reports {
    int count;
    char last[512];
};

static void report(const char *text, void *payload)
{
    struct reports *reports = payload;
    reports->count++;
    snprintf(reports->last, sizeof reports->last, "%s", text);
}

/* Flips a bit of the raw images of these samples. */
static void damage(const char *path, const uint64_t *samples, int count)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    size_t size = (size_t)ftell(file);
    char *bytes = malloc(size);
    rewind(file);
    assert_int_equal(fread(bytes, 1, size, file), size);
    for (int i = 0; i < count; i++) {
        struct content content = content_of(samples[i]);
        for (size_t at = 0; at + sizeof content.image <= size; at++)
            if (memcmp(bytes + at, content.image, sizeof content.image) == 0)
                bytes[at + 77] ^= 8;
    }
    rewind(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    free(bytes);
}

static void damaged_samples_are_skipped_and_reported(void **state)
{
    struct fixture *fixture = *state;
    char path[96];
    snprintf(path, sizeof path, "%s/damaged.h5", fixture->folder);
    write_store(path, ALL_TASKS, SAMPLES);
    static const uint64_t bad[] = {0, 9, 44, 45, 46, 47, 48, 49, 202};
    damage(path, bad, 9);
    struct vdt_reader *reader = open_store(path);
    struct vdt_input input = {.reader = reader};
    for (uint32_t threads = 1; threads <= 3; threads++) {
        struct reports reports = {0};
        struct vdt_loader_options options = {.batch_size = 10,
                                             .threads = threads,
                                             .on_damage = VDT_DAMAGE_SKIP,
                                             .damaged = report,
                                             .payload = &reports};
        struct vdt_loader *loader = start(&input, 1, &options);
        struct vdt_batch *batch;
        size_t got = 0, skipped = 0;
        while ((batch = next(loader)) != NULL) {
            struct vdt_batch_view view = vdt_batch_view(batch);
            if (view.position == 40)
                assert_int_equal(view.size, 4);
            assert_content(batch);
            for (size_t i = 0; i < view.size; i++)
                for (int k = 0; k < 9; k++)
                    assert_int_not_equal(view.indices[i], bad[k]);
            got += view.size;
            skipped += view.skipped;
            vdt_batch_free(batch);
        }
        assert_int_equal(got, SAMPLES - 9);
        assert_int_equal(skipped, 9);
        assert_int_equal(reports.count, 9);
        assert_int_equal(vdt_loader_skipped(loader), 9);
        assert_non_null(strstr(reports.last, "damaged.h5"));
        assert_non_null(strstr(reports.last, "train"));
        assert_non_null(strstr(reports.last, "202"));
        assert_non_null(strstr(reports.last, "at byte "));

        /* The first epoch has looked at all of them: the next takes them as they are. */
        assert_int_equal(vdt_loader_rewind(loader, NULL), VDT_OK);
        for (got = 0; (batch = next(loader)) != NULL; vdt_batch_free(batch))
            got += vdt_batch_view(batch).size;
        assert_int_equal(got, SAMPLES);
        vdt_loader_free(loader);
    }
    vdt_reader_free(reader);
    unlink(path);
}

/* --- lists of samples
 * ------------------------------------------------------------------------------ */

static void lists_are_read_in_their_order(void **state)
{
    struct fixture *fixture = *state;
    struct vdt_input input = {.reader = fixture->reader};
    struct vdt_error error = {0};
    uint64_t indices[300];
    struct vdt_batch *batch = NULL;
    for (size_t round = 0; round < 40; round++) {
        size_t count = (size_t)vdt_mix2(round, 1) % 300;
        for (size_t i = 0; i < count; i++)
            indices[i] = vdt_mix2(round, i + 2) % SAMPLES;
        struct vdt_loader_options options = {.threads = (uint32_t)round % 4,
                                             .verify = round % 2 ? VDT_VERIFY_NEVER : 0};
        assert_int_equal(vdt_read_indices(&input, indices, count, &options, &batch, &error),
                         VDT_OK);
        struct vdt_batch_view view = vdt_batch_view(batch);
        assert_int_equal(view.size, count);
        assert_memory_equal(view.indices, indices, count * sizeof *indices);
        assert_content(batch);
    }
    indices[1] = SAMPLES;
    struct vdt_batch *same = batch;
    assert_int_equal(vdt_read_indices(&input, indices, 2, NULL, &batch, &error), VDT_ERR_ARGUMENT);
    assert_ptr_equal(batch, same);
    assert_non_null(strstr(error.message, "sample 203 of 203"));
    vdt_batch_free(batch);

    /* No samples: the arrays are there all the same. */
    batch = NULL;
    assert_int_equal(vdt_read_indices(&input, indices, 0, NULL, &batch, &error), VDT_OK);
    struct vdt_batch_view none = vdt_batch_view(batch);
    assert_int_equal(none.size, 0);
    assert_non_null(none.images);
    assert_non_null(none.onehot);
    assert_non_null(none.masks);
    assert_non_null(none.instances);
    assert_content(batch);
    vdt_batch_free(batch);

    /* Memory is used again when it is large enough. */
    batch = NULL;
    indices[1] = 5;
    assert_int_equal(vdt_read_indices(&input, indices, 20, NULL, &batch, &error), VDT_OK);
    same = batch;
    assert_int_equal(vdt_read_indices(&input, indices, 7, NULL, &batch, &error), VDT_OK);
    assert_ptr_equal(batch, same);
    assert_int_equal(vdt_batch_view(batch).size, 7);
    vdt_batch_free(batch);

    struct vdt_loader *loader = start(&input, 1, NULL);
    batch = next(loader);
    assert_int_equal(vdt_read_indices(&input, indices, 7, NULL, &batch, &error), VDT_ERR_ARGUMENT);
    vdt_batch_free(batch);
    vdt_loader_free(loader);
}

/* --- forks
 * ------------------------------------------------------------------------------------------ */

/* Reads the rest of the epoch and one more; 0 when all is as it should be. */
static int rest_is_right(struct vdt_loader *loader, uint64_t position)
{
    for (int epoch = 0; epoch < 2; epoch++) {
        struct vdt_batch *batch = NULL;
        while (vdt_loader_next(loader, &batch, NULL) == VDT_OK) {
            struct vdt_batch_view view = vdt_batch_view(batch);
            if (view.position != position)
                return 1;
            for (size_t i = 0; i < view.size; i++) {
                struct content expected = content_of(view.indices[i]);
                if (memcmp((const uint16_t *)view.images + i * VALUES, expected.image,
                           sizeof expected.image) != 0)
                    return 2;
            }
            position += view.size;
            vdt_batch_free(batch);
        }
        if (position != SAMPLES || vdt_loader_rewind(loader, NULL) != VDT_OK)
            return 3;
        position = 0;
    }
    return 0;
}

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

static void parent_and_child_each_go_on(void **state)
{
    struct fixture *fixture = *state;
    if (!CAN_FORK)
        skip();
    struct vdt_input input = {.reader = fixture->reader};
    for (uint32_t threads = 1; threads <= 3; threads++) {
        struct vdt_loader_options options = {
            .batch_size = 10, .threads = threads, .order = VDT_SHUFFLED};
        struct vdt_loader *loader = start(&input, 1, &options);
        struct vdt_batch *held = next(loader);
        vdt_batch_free(next(loader));
        pid_t child = fork();
        if (child == 0) {
            alarm(60);
            int wrong = rest_is_right(loader, 20);
            vdt_batch_free(held);
            vdt_loader_free(loader);
            _exit(wrong);
        }
        pid_t idle = fork();
        if (idle == 0) { /* frees what it never used */
            alarm(60);
            vdt_loader_free(loader);
            vdt_batch_free(held);
            _exit(0);
        }
        assert_int_equal(rest_is_right(loader, 20), 0);
        assert_content(held);
        vdt_batch_free(held);
        vdt_loader_free(loader);
        int status = -1;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        assert_int_equal(waitpid(idle, &status, 0), idle);
        assert_int_equal(status, 0);
    }
}

int main(void)
{
    alarm(300); /* a loader that hangs is a failure, not a wait */
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(inputs_are_one_run_of_samples),
        cmocka_unit_test(what_does_not_go_together_is_refused),
        cmocka_unit_test(ranks_share_an_epoch),
        cmocka_unit_test(draws_follow_weights),
        cmocka_unit_test(only_the_labels_asked_for_are_delivered),
        cmocka_unit_test(padded_boxes_have_room_for_the_most),
        cmocka_unit_test(a_crop_keeps_instances_and_boxes_together),
        cmocka_unit_test(damaged_samples_are_skipped_and_reported),
        cmocka_unit_test(lists_are_read_in_their_order),
        cmocka_unit_test(parent_and_child_each_go_on),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
