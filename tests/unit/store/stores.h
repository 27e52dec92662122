/* What the tests of src/store share: folders, samples that follow from a number, small stores. */
#ifndef TEST_STORES_H
#define TEST_STORES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vedatile/store.h>

#include "base/random.h"

enum { MOST_PIXELS = 64 * 64, MOST_BYTES = 65536, MOST_BOXES = 64 };

/* --- folders and files ---------------------------------------------------------------------- */

static char folder[64];
static struct vdt_error error;

/* "name" in the test's folder; the last 8 results stay valid. */
static inline const char *in_folder(const char *name)
{
    static char paths[8][512];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static inline int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/vdt-store-XXXXXX");
    return mkdtemp(folder) == NULL;
}

/* How many files there are; `remove_all` takes them away. */
static inline int files_in_folder(bool remove_all)
{
    int count = 0;
    DIR *open_folder = opendir(folder);
    for (struct dirent *entry; (entry = readdir(open_folder)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        count++;
        if (remove_all)
            unlink(in_folder(entry->d_name));
    }
    closedir(open_folder);
    return count;
}

static inline int remove_folder(void **state)
{
    (void)state;
    files_in_folder(true);
    return rmdir(folder);
}

static inline bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static inline size_t size_of(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return (size_t)info.st_size;
}

static inline unsigned char *read_file(const char *path, size_t *size)
{
    *size = size_of(path);
    unsigned char *data = malloc(*size + 1);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(data, 1, *size, file), *size);
    fclose(file);
    return data;
}

static inline void write_file(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
}

static inline void copy_file(const char *from, const char *to)
{
    size_t size;
    unsigned char *data = read_file(from, &size);
    write_file(to, data, size);
    free(data);
}

/* --- samples -------------------------------------------------------------------------------- */

static const char *const class_names[] = {"roof", "Caixa D'\xc3\x81gua", "\xe6\xa3\xae\xe6\x9e\x97",
                                          "pool"};

static inline struct vdt_store_spec make_spec(enum vdt_dtype dtype, uint32_t tasks,
                                              enum vdt_codec codec)
{
    return (struct vdt_store_spec){.tile = {.bands = 2, .rows = 5, .cols = 7, .dtype = dtype},
                                   .tasks = tasks,
                                   .classes = class_names,
                                   .class_count = 4,
                                   .image_codec = codec,
                                   .mask_codec = codec};
}

/* A sample that follows from `seed` alone, and the memory it points to. */
struct made {
    struct vdt_sample sample;
    char metadata[256];
    unsigned char image[MOST_BYTES];
    uint8_t onehot[4];
    float boxes[MOST_BOXES][4];
    uint16_t box_class[MOST_BOXES];
    int64_t box_feature[MOST_BOXES];
    float box_visible[MOST_BOXES];
    uint8_t mask[MOST_PIXELS];
    uint16_t instances[MOST_PIXELS];
    uint8_t boundary[MOST_PIXELS];
    uint8_t contact[MOST_PIXELS];
    float distance[MOST_PIXELS];
    float target[MOST_PIXELS];
};

static inline void make_boxes(struct made *m, const struct vdt_tile_spec *tile, uint64_t seed)
{
    m->sample.labels.box_count = seed % 5 == 4 ? 17 : seed % 4;
    for (size_t i = 0; i < m->sample.labels.box_count; i++) {
        uint64_t r = vdt_mix(seed * 64 + i);
        m->boxes[i][0] = (float)(r % tile->cols) / 2;
        m->boxes[i][1] = (float)(r / 7 % tile->rows) / 2;
        m->boxes[i][2] = (float)tile->cols;
        m->boxes[i][3] = (float)tile->rows - 0.25f;
        m->box_class[i] = (uint16_t)(r % 4);
        m->box_feature[i] = (int64_t)r;
        m->box_visible[i] = (float)(r % 101) / 100;
    }
}

static inline void make_sample(struct made *m, const struct vdt_store_spec *spec, uint64_t seed)
{
    const struct vdt_tile_spec *tile = &spec->tile;
    size_t bytes = vdt_tile_bytes(tile), pixels = (size_t)tile->rows * tile->cols;
    memset(m, 0, sizeof *m);
    snprintf(m->sample.key, sizeof m->sample.key, "key-%llu", (unsigned long long)seed);
    /* Slowly rising bytes pack well, those of every third sample do not. */
    for (size_t i = 0; i < bytes; i++)
        m->image[i] = (unsigned char)(seed % 3 == 0 ? vdt_mix(seed * 100000 + i) : i / 16 + seed);
    if (tile->dtype == VDT_FLOAT32)
        for (size_t i = 0; i < bytes / 4; i++)
            memcpy(m->image + 4 * i, &(float){(float)i + (float)seed}, 4);
    if (tile->dtype == VDT_FLOAT64)
        for (size_t i = 0; i < bytes / 8; i++)
            memcpy(m->image + 8 * i, &(double){(double)i - (double)seed}, 8);
    make_boxes(m, tile, seed);
    for (size_t i = 0; i < 4; i++)
        m->onehot[i] = (uint8_t)(seed >> i & 1);
    for (size_t i = 0; i < pixels; i++) {
        uint64_t r = vdt_mix(seed + i / 4);
        m->mask[i] = r % 6 == 5 ? VDT_IGNORE_U8 : (uint8_t)(r % 6 % 5);
        m->instances[i] = (uint16_t)(r % (m->sample.labels.box_count + 1));
        m->boundary[i] = r % 7 == 6 ? VDT_IGNORE_U8 : (uint8_t)(r % 7 % 2);
        m->contact[i] = r % 11 == 6 ? VDT_IGNORE_U8 : (uint8_t)(r % 11 % 2);
        m->distance[i] = r % 13 == 6 ? NAN : (float)(r % 65) - 32.5f;
        m->target[i] = r % 5 == 0 ? NAN : (float)r / 3;
    }
    m->sample.window = (struct vdt_window){(int32_t)seed, -3, (int32_t)tile->cols, 5};
    for (int i = 0; i < 6; i++)
        m->sample.geotransform[i] = (double)seed + 0.1 * i;
    for (int i = 0; i < 4; i++)
        m->sample.bounds[i] = seed % 2 ? NAN : 1.5 * i;
    m->sample.valid_fraction = 0.75f;
    m->sample.weight = 1 + (float)(seed % 3);
    m->sample.image = m->image;
    m->sample.labels.onehot = m->onehot;
    m->sample.labels.boxes = (const float(*)[4])m->boxes;
    m->sample.labels.box_class = m->box_class;
    m->sample.labels.box_feature = m->box_feature;
    m->sample.labels.box_visible = m->box_visible;
    m->sample.labels.mask = m->mask;
    m->sample.labels.instances = m->instances;
    m->sample.labels.boundary = m->boundary;
    m->sample.labels.contact = m->contact;
    m->sample.labels.distance = m->distance;
    m->sample.labels.target = m->target;
    if (seed % 4 != 0)
        snprintf(m->metadata, sizeof m->metadata, "{\"n\":%llu,\"t\":\"%.*s\"}",
                 (unsigned long long)seed, (int)(seed % 100),
                 "0123456789012345678901234567890123456789012345678901234567890123456789"
                 "012345678901234567890123456789");
    m->sample.metadata = seed % 4 == 0 ? NULL : m->metadata;
}

/* --- stores --------------------------------------------------------------------------------- */

static inline struct vdt_scene_record scene_number(unsigned number, char digest[33])
{
    snprintf(digest, 33, "%032x", number);
    return (struct vdt_scene_record){.uri = "../scenes/a.tif",
                                     .size = 1000 + number,
                                     .digest = digest,
                                     .acquired = "2024-05-01T10:00:00Z",
                                     .cols = 512,
                                     .rows = 256};
}

/* Scene 0 and CRS 0, which all samples here are of. */
static inline void add_place(struct vdt_writer *writer)
{
    char digest[33];
    struct vdt_scene_record scene = scene_number(0, digest);
    uint32_t index = 99;
    assert_int_equal(vdt_writer_add_scene(writer, &scene, &index, NULL), VDT_OK);
    assert_int_equal(index, 0);
    index = 99;
    assert_int_equal(vdt_writer_add_crs(writer, "GEOGCRS[\"x\"]", &index, NULL), VDT_OK);
    assert_int_equal(index, 0);
}

static inline void append_to(struct vdt_writer *writer, const char *group,
                             const struct vdt_store_spec *spec, uint64_t first, uint64_t count)
{
    static struct made m;
    for (uint64_t i = first; i < first + count; i++) {
        make_sample(&m, spec, i);
        if (vdt_writer_append(writer, group, &m.sample, &error) != VDT_OK)
            fail_msg("%s", error.message);
    }
}

static inline struct vdt_writer *create_store(const char *path, const struct vdt_store_spec *spec)
{
    struct vdt_writer *writer = NULL;
    if (vdt_writer_create(path, spec, &writer, &error) != VDT_OK)
        fail_msg("%s", error.message);
    add_place(writer);
    return writer;
}

static inline struct vdt_writer *open_store(const char *path)
{
    struct vdt_writer *writer = NULL;
    if (vdt_writer_open(path, &writer, &error) != VDT_OK)
        fail_msg("%s", error.message);
    return writer;
}

static inline void commit(struct vdt_writer *writer)
{
    if (vdt_writer_commit(writer, &error) != VDT_OK)
        fail_msg("%s", error.message);
}

static inline void finish(struct vdt_writer *writer)
{
    if (vdt_writer_finish(writer, &error) != VDT_OK)
        fail_msg("%s", error.message);
    vdt_writer_free(writer);
}

/* Samples 0 .. count-1 in group "train", finished. */
static inline void make_store(const char *path, const struct vdt_store_spec *spec, uint64_t count)
{
    struct vdt_writer *writer = create_store(path, spec);
    append_to(writer, "train", spec, 0, count);
    finish(writer);
}

static inline struct vdt_reader *read_store(const char *path)
{
    struct vdt_reader *reader = NULL;
    if (vdt_reader_open(path, &reader, &error) != VDT_OK)
        fail_msg("%s", error.message);
    return reader;
}

/* Samples in a group, 0 when there is no such group. */
static inline uint64_t count_in(const char *path, const char *group)
{
    struct vdt_reader *reader = read_store(path);
    size_t index = 0;
    uint64_t count = vdt_reader_find_group(reader, group, &index, NULL) == VDT_OK
                         ? vdt_reader_count(reader, index)
                         : 0;
    vdt_reader_free(reader);
    return count;
}

static inline void keep_problem(const char *text, void *payload)
{
    snprintf(payload, 1024, "%s", text);
}

/* The digest of a store that must be whole. */
static inline void digest_of(const char *path, char digest[65])
{
    char first[1024] = "";
    struct vdt_check_options options = {.threads = 2, .payload = first};
    struct vdt_check_report report = {0};
    if (vdt_check(path, &options, keep_problem, &report, &error) != VDT_OK)
        fail_msg("%s", error.message);
    if (report.problems != 0)
        fail_msg("%s", first);
    assert_int_equal(strlen(report.digest), 64);
    strcpy(digest, report.digest);
}

/* Every array of one sample, against what `seed` makes. */
static inline void expect_sample(const struct vdt_reader *reader, size_t group, uint64_t index,
                                 const struct vdt_store_spec *spec, uint64_t seed)
{
    static struct made m;
    static unsigned char image[MOST_BYTES], mask[MOST_PIXELS], onehot[4];
    static uint8_t boundary[MOST_PIXELS], contact[MOST_PIXELS];
    static float distance[MOST_PIXELS], target[MOST_PIXELS];
    static uint16_t instances[MOST_PIXELS], box_class[MOST_BOXES];
    static float boxes[MOST_BOXES][4], visible[MOST_BOXES];
    static int64_t feature[MOST_BOXES];
    size_t bytes = vdt_tile_bytes(&spec->tile), pixels = (size_t)spec->tile.rows * spec->tile.cols;
    struct vdt_sample row;
    struct vdt_band_stats stats[8];
    char *metadata = NULL;
    make_sample(&m, spec, seed);
    size_t n = m.sample.labels.box_count;
    assert_int_equal(vdt_reader_sample(reader, group, index, &row, stats, &error), VDT_OK);
    assert_string_equal(row.key, m.sample.key);
    assert_memory_equal(&row.window, &m.sample.window, sizeof row.window);
    assert_memory_equal(row.geotransform, m.sample.geotransform, 48);
    assert_memory_equal(row.bounds, m.sample.bounds, 32);
    assert_true(row.valid_fraction == 0.75f && row.weight == m.sample.weight);
    assert_int_equal(stats[1].count, pixels);
    assert_int_equal(vdt_reader_image(reader, group, index, image, &error), VDT_OK);
    assert_memory_equal(image, m.image, bytes);
    assert_int_equal(vdt_reader_metadata(reader, group, index, &metadata, &error), VDT_OK);
    assert_string_equal(metadata, m.sample.metadata == NULL ? "{}" : m.metadata);
    vdt_string_free(metadata);
    bool has_boxes = spec->tasks & (VDT_DETECTION | VDT_INSTANCE);
    assert_int_equal(vdt_reader_mask(reader, group, index, mask, &error),
                     spec->tasks & VDT_SEGMENTATION ? VDT_OK : VDT_ERR_NOT_FOUND);
    assert_int_equal(vdt_reader_onehot(reader, group, index, onehot, &error),
                     spec->tasks & VDT_CLASSIFICATION ? VDT_OK : VDT_ERR_NOT_FOUND);
    assert_int_equal(vdt_reader_instances(reader, group, index, instances, &error),
                     spec->tasks & VDT_INSTANCE ? VDT_OK : VDT_ERR_NOT_FOUND);
    assert_int_equal(vdt_reader_boundary(reader, group, index, boundary, &error),
                     spec->tasks & VDT_BOUNDARY ? VDT_OK : VDT_ERR_NOT_FOUND);
    assert_int_equal(vdt_reader_contact(reader, group, index, contact, &error),
                     spec->tasks & VDT_CONTACT ? VDT_OK : VDT_ERR_NOT_FOUND);
    assert_int_equal(vdt_reader_distance(reader, group, index, distance, &error),
                     spec->tasks & VDT_DISTANCE ? VDT_OK : VDT_ERR_NOT_FOUND);
    assert_int_equal(vdt_reader_target(reader, group, index, target, &error),
                     spec->tasks & VDT_REGRESSION ? VDT_OK : VDT_ERR_NOT_FOUND);
    assert_int_equal(
        vdt_reader_boxes(reader, group, index, 1, boxes, box_class, feature, visible, &error),
        has_boxes ? VDT_OK : VDT_ERR_NOT_FOUND);
    assert_int_equal(vdt_reader_box_rows(reader, group, index, 1), has_boxes ? n : 0);
    if (spec->tasks & VDT_SEGMENTATION)
        assert_memory_equal(mask, m.mask, pixels);
    if (spec->tasks & VDT_CLASSIFICATION)
        assert_memory_equal(onehot, m.onehot, 4);
    if (spec->tasks & VDT_INSTANCE)
        assert_memory_equal(instances, m.instances, pixels * 2);
    if (spec->tasks & VDT_BOUNDARY)
        assert_memory_equal(boundary, m.boundary, pixels);
    if (spec->tasks & VDT_CONTACT)
        assert_memory_equal(contact, m.contact, pixels);
    if (spec->tasks & VDT_DISTANCE)
        assert_memory_equal(distance, m.distance, pixels * 4);
    if (spec->tasks & VDT_REGRESSION)
        assert_memory_equal(target, m.target, pixels * 4);
    if (has_boxes && n > 0) {
        assert_memory_equal(boxes, m.boxes, n * 16);
        assert_memory_equal(box_class, m.box_class, n * 2);
        assert_memory_equal(feature, m.box_feature, n * 8);
        assert_memory_equal(visible, m.box_visible, n * 4);
    }
}

static inline void expect_group(const char *path, const char *name,
                                const struct vdt_store_spec *spec, uint64_t first, uint64_t count)
{
    struct vdt_reader *reader = read_store(path);
    size_t group = 9;
    assert_int_equal(vdt_reader_find_group(reader, name, &group, &error), VDT_OK);
    assert_int_equal(vdt_reader_count(reader, group), count);
    for (uint64_t i = 0; i < count; i++)
        expect_sample(reader, group, i, spec, first + i);
    vdt_reader_free(reader);
}

/* --- around each test ------------------------------------------------------------------------- */

static inline int clean(void **state)
{
    (void)state;
    files_in_folder(true);
    error = (struct vdt_error){0};
    return 0;
}

/* Nothing of HDF5 stays open, whatever happened. */
static inline int close_all(void **state)
{
    (void)state;
    return H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL) != 0;
}

/* HDF5 1.10 loses an object header whose checksum is wrong, and headers of what was never closed by
 * a flush; close_all() looks after our own handles. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libhdf5";
}

#endif
