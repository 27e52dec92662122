/* A store of samples whose every value follows from the sample's index. */
#ifndef TESTS_LOAD_SAMPLES_H
#define TESTS_LOAD_SAMPLES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <vedatile/loader.h>

#include "base/random.h"

enum {
    SAMPLES = 203,
    BANDS = 2,
    ROWS = 8,
    COLS = 8,
    PIXELS = ROWS * COLS,
    VALUES = BANDS * PIXELS,
    CLASSES = 3,
    MAX_BOXES = 4,
    BATCH = 10,
    BATCHES = 21
};

/* The arrays of sample i, a function of i. */
struct content {
    uint16_t image[VALUES];
    uint8_t onehot[CLASSES];
    uint8_t mask[PIXELS];
    uint16_t instances[PIXELS];
    size_t box_count;
    float boxes[MAX_BOXES][4];
    uint16_t box_class[MAX_BOXES];
    int64_t box_feature[MAX_BOXES];
    float box_visible[MAX_BOXES];
};

static inline struct content content_of(uint64_t index)
{
    struct content content = {.box_count = index * 7 % 5 % (MAX_BOXES + 1)};
    for (size_t i = 0; i < VALUES; i++)
        content.image[i] = (uint16_t)vdt_mix2(index, i);
    for (size_t i = 0; i < CLASSES; i++)
        content.onehot[i] = (vdt_mix2(index + 1000, i) & 1) != 0;
    for (size_t i = 0; i < PIXELS; i++) {
        uint64_t random = vdt_mix2(index + 2000, i);
        content.mask[i] = random % 11 == 0 ? VDT_IGNORE_U8 : (uint8_t)(random % (CLASSES + 1));
        content.instances[i] = (uint16_t)((random >> 20) % (content.box_count + 1));
    }
    for (size_t i = 0; i < content.box_count; i++) {
        uint64_t random = vdt_mix2(index + 3000, i);
        float left = (float)(random % 4), top = (float)((random >> 8) % 4);
        float box[4] = {left, top, left + 1.5f, top + 2.25f};
        memcpy(content.boxes[i], box, sizeof box);
        content.box_class[i] = (uint16_t)((random >> 16) % CLASSES);
        content.box_feature[i] = (int64_t)(index * 100 + i);
        content.box_visible[i] = (float)((random >> 24) % 65) / 64;
    }
    return content;
}

static inline void append(struct vdt_writer *writer, const char *group, uint64_t index,
                          uint32_t tasks)
{
    struct content content = content_of(index);
    struct vdt_sample sample = {
        .window = {.col = (int32_t)index * COLS, .cols = COLS, .rows = ROWS},
        .valid_fraction = 1,
        .weight = 1,
        .image = content.image,
    };
    snprintf(sample.key, sizeof sample.key, "%s-%06d", group, (int)index);
    struct vdt_error error = {0};
    if (tasks & VDT_CLASSIFICATION)
        sample.labels.onehot = content.onehot;
    if (tasks & VDT_SEGMENTATION)
        sample.labels.mask = content.mask;
    if (tasks & VDT_INSTANCE)
        sample.labels.instances = content.instances;
    if (tasks & (VDT_DETECTION | VDT_INSTANCE)) {
        sample.labels.box_count = content.box_count;
        sample.labels.boxes = (const float(*)[4])content.boxes;
        sample.labels.box_class = content.box_class;
        sample.labels.box_feature = content.box_feature;
        sample.labels.box_visible = content.box_visible;
    }
    vdt_status status = vdt_writer_append(writer, group, &sample, &error);
    if (status != VDT_OK)
        fail_msg("%s", error.message);
}

static inline void write_store(const char *path, uint32_t tasks, uint64_t samples)
{
    static const char *const classes[CLASSES] = {"field", "forest", "water"};
    struct vdt_store_spec spec = {
        .tile = {.bands = BANDS, .rows = ROWS, .cols = COLS, .dtype = VDT_UINT16},
        .tasks = tasks,
        .classes = classes,
        .class_count = CLASSES,
        .image_codec = VDT_CODEC_RAW,
        .mask_codec = VDT_CODEC_RAW,
    };
    struct vdt_error error = {0};
    struct vdt_writer *writer = NULL;
    if (vdt_writer_create(path, &spec, &writer, &error) != VDT_OK)
        fail_msg("%s", error.message);
    struct vdt_scene_record scene = {.uri = "scene.tif",
                                     .digest = "0123456789abcdef0123456789abcdef",
                                     .acquired = "",
                                     .cols = SAMPLES * COLS,
                                     .rows = ROWS};
    uint32_t index = 99;
    assert_int_equal(vdt_writer_add_scene(writer, &scene, &index, &error), VDT_OK);
    assert_int_equal(index, 0);
    assert_int_equal(vdt_writer_add_crs(writer, "", &index, &error), VDT_OK);
    assert_int_equal(index, 0);
    for (uint64_t i = 0; i < samples; i++)
        append(writer, "train", i, tasks);
    for (uint64_t i = 0; i < 3; i++)
        append(writer, "test", i, tasks);
    if (vdt_writer_finish(writer, &error) != VDT_OK)
        fail_msg("%s", error.message);
    vdt_writer_free(writer);
}

static inline struct vdt_reader *open_store(const char *path)
{
    struct vdt_reader *reader = NULL;
    struct vdt_error error = {0};
    if (vdt_reader_open(path, &reader, &error) != VDT_OK)
        fail_msg("%s", error.message);
    return reader;
}

static inline void assert_boxes(const struct vdt_batch_view *view, size_t i,
                                const struct content *expected)
{
    size_t row = (size_t)view->box_offsets[i], count = expected->box_count;
    assert_int_equal(view->box_offsets[i + 1] - row, count);
    if (count == 0)
        return;
    assert_memory_equal(view->boxes + row, expected->boxes, count * sizeof *expected->boxes);
    assert_memory_equal(view->box_class + row, expected->box_class,
                        count * sizeof *expected->box_class);
    assert_memory_equal(view->box_feature + row, expected->box_feature,
                        count * sizeof *expected->box_feature);
    assert_memory_equal(view->box_visible + row, expected->box_visible,
                        count * sizeof *expected->box_visible);
}

/* Every array of the batch against what was appended under its indices. */
static inline void assert_content(const struct vdt_batch *batch)
{
    struct vdt_batch_view view = vdt_batch_view(batch);
    assert_int_equal(view.box_offsets[0], 0);
    for (size_t i = 0; i < view.size; i++) {
        struct content expected = content_of(view.indices[i]);
        const uint16_t *images = view.images;
        const uint8_t *masks = view.masks;
        assert_memory_equal(images + i * VALUES, expected.image, sizeof expected.image);
        assert_memory_equal(view.onehot + i * CLASSES, expected.onehot, CLASSES);
        assert_memory_equal(masks + i * PIXELS, expected.mask, PIXELS);
        assert_memory_equal(view.instances + i * PIXELS, expected.instances,
                            sizeof expected.instances);
        assert_boxes(&view, i, &expected);
    }
}

#endif
