/* Proves a store whole: every sample is decoded, compared with its checksums and with the rules of
 * the layout, and hashed into one digest of the content. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/ordered.h"
#include "store/keys.h"
#include "store/partial.h"
#include "store/reader.h"
#include "store/view.h"

enum { SAMPLES_A_BLOCK = 16, SPARE_BLOCKS = 8 };

/* A run of samples of one group, and what was found in it. */
struct block {
    size_t group;
    uint64_t first;
    uint32_t count;
    char keys[SAMPLES_A_BLOCK][VDT_KEY_SIZE];
    unsigned char digests[SAMPLES_A_BLOCK][32];
    struct vdt_buffer problems; /* NUL-terminated lines, one after the other */
    uint64_t problem_count;
};

struct check {
    const struct vdt_reader *reader;
    uint64_t *group_blocks; /* first block of each group, and the total */
    struct block *slots;
};

/* One worker's arrays, each large enough for a sample. */
struct scratch {
    struct vdt_decoder decoder;
    unsigned char *row;
    void *image;
    uint8_t *onehot;
    void *pixels[VDT_TILE_ARRAYS]; /* of labels; NULL where the store has none */
    size_t box_capacity;
    float (*boxes)[4];
    uint16_t *box_class;
    int64_t *box_feature;
    float *box_visible;
};

static void report(struct block *block, const char *format, ...) VDT_PRINTF(2, 3);
static void report(struct block *block, const char *format, ...)
{
    char line[1200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    vdt_buffer_append(&block->problems, line, strlen(line) + 1);
    block->problem_count++;
}

static void free_scratch(struct scratch *s)
{
    vdt_decoder_clear(&s->decoder);
    free(s->row);
    free(s->image);
    free(s->onehot);
    for (enum vdt_array a = VDT_MASK; a < VDT_TILE_ARRAYS; a++)
        free(s->pixels[a]);
    free(s->boxes);
    free(s->box_class);
    free(s->box_feature);
    free(s->box_visible);
    free(s);
}

static vdt_status start(void *payload, void **worker, struct vdt_error *error)
{
    const struct vdt_layout *layout = vdt_reader_layout(((struct check *)payload)->reader);
    struct scratch *s = calloc(1, sizeof *s);
    if (s == NULL)
        return vdt_fail_memory(error, "check");
    s->row = vdt_allocate(layout->row_bytes, 1);
    s->image = vdt_allocate(layout->image_bytes, 1);
    s->onehot = vdt_allocate(layout->spec.class_count, 1);
    bool made = s->row != NULL && s->image != NULL && s->onehot != NULL;
    for (enum vdt_array a = VDT_MASK; made && a < VDT_TILE_ARRAYS; a++)
        if (vdt_array_present(layout, a))
            made = (s->pixels[a] = vdt_allocate(vdt_array_row_bytes(layout, a), 1)) != NULL;
    if (!made) {
        free_scratch(s);
        return vdt_fail_memory(error, "check");
    }
    *worker = s;
    return VDT_OK;
}

static void stop(void *payload, void *worker)
{
    (void)payload;
    free_scratch(worker);
}

static bool grow_boxes(struct scratch *s, size_t needed)
{
    if (needed <= s->box_capacity)
        return true;
    free(s->boxes);
    free(s->box_class);
    free(s->box_feature);
    free(s->box_visible);
    s->boxes = vdt_allocate(needed, 16);
    s->box_class = vdt_allocate(needed, 2);
    s->box_feature = vdt_allocate(needed, 8);
    s->box_visible = vdt_allocate(needed, 4);
    bool done = s->boxes != NULL && s->box_class != NULL && s->box_feature != NULL &&
                s->box_visible != NULL;
    s->box_capacity = done ? needed : 0;
    return done;
}

/* Reads all arrays of a sample; what a store does not have stays NULL in `labels`. */
static vdt_status read_sample(const struct vdt_reader *reader, struct scratch *s, size_t group,
                              uint64_t index, struct vdt_labels *labels, struct vdt_error *error)
{
    const struct vdt_layout *layout = vdt_reader_layout(reader);
    *labels = (struct vdt_labels){0};
    vdt_status status = vdt_reader_rows(reader, group, VDT_SAMPLES, index, 1, s->row, error);
    if (status == VDT_OK)
        status = vdt_reader_tile(reader, &s->decoder, group, VDT_IMAGES, index, s->image, error);
    if (status == VDT_OK && vdt_array_present(layout, VDT_ONEHOT)) {
        status = vdt_reader_onehot(reader, group, index, s->onehot, error);
        labels->onehot = s->onehot;
    }
    for (enum vdt_array a = VDT_MASK; status == VDT_OK && a < VDT_TILE_ARRAYS; a++)
        if (s->pixels[a] != NULL) {
            status = vdt_reader_tile(reader, &s->decoder, group, a, index, s->pixels[a], error);
            vdt_label_set_pixels(labels, a, s->pixels[a]);
        }
    if (status != VDT_OK || !vdt_array_present(layout, VDT_BOXES))
        return status;
    labels->box_count = vdt_reader_box_rows(reader, group, index, 1);
    if (!grow_boxes(s, labels->box_count))
        return vdt_fail_memory(error, "check");
    labels->boxes = (const float(*)[4])s->boxes;
    labels->box_class = s->box_class;
    labels->box_feature = s->box_feature;
    labels->box_visible = s->box_visible;
    return vdt_reader_boxes(reader, group, index, 1, s->boxes, s->box_class, s->box_feature,
                            s->box_visible, error);
}

static const char *bad_box(const struct vdt_layout *layout, const struct vdt_labels *labels)
{
    float cols = (float)layout->spec.tile.cols, rows = (float)layout->spec.tile.rows;
    for (size_t i = 0; i < labels->box_count; i++) {
        const float *b = labels->boxes[i];
        if (!(0 <= b[0] && b[0] <= b[2] && b[2] <= cols && 0 <= b[1] && b[1] <= b[3] &&
              b[3] <= rows))
            return "a box lies outside the tile";
        if (labels->box_class[i] >= layout->spec.class_count)
            return "a box has a class that is not in the list";
        if (!(labels->box_visible[i] >= 0 && labels->box_visible[i] <= 1))
            return "a box has a visible share outside 0..1";
    }
    return NULL;
}

static const char *bad_mask(const struct vdt_layout *layout, const struct vdt_labels *labels)
{
    const uint8_t *bytes = labels->mask;
    const uint16_t *words = labels->mask;
    for (size_t i = 0; labels->mask != NULL && i < layout->pixels; i++) {
        unsigned value = layout->mask_size == 1 ? bytes[i] : words[i];
        unsigned ignore = layout->mask_size == 1 ? VDT_IGNORE_U8 : VDT_IGNORE_U16;
        if (value > layout->spec.class_count && value != ignore)
            return "the mask has a class that is not in the list";
    }
    for (size_t i = 0; labels->instances != NULL && i < layout->pixels; i++)
        if (labels->instances[i] > labels->box_count)
            return "the instance mask names a box that is not there";
    return NULL;
}

static const char *bad_edges(const struct vdt_layout *layout, const struct vdt_labels *labels)
{
    for (size_t i = 0; labels->boundary != NULL && i < layout->pixels; i++)
        if (labels->boundary[i] > 1 && labels->boundary[i] != VDT_IGNORE_U8)
            return "the boundary has a value other than 0, 1 and 255";
    for (size_t i = 0; labels->contact != NULL && i < layout->pixels; i++)
        if (labels->contact[i] > 1 && labels->contact[i] != VDT_IGNORE_U8)
            return "the contact mask has a value other than 0, 1 and 255";
    for (size_t i = 0; labels->distance != NULL && i < layout->pixels; i++)
        if (isinf(labels->distance[i]))
            return "a distance is infinite";
    for (size_t i = 0; labels->target != NULL && i < layout->pixels; i++)
        if (isinf(labels->target[i]))
            return "a target is infinite";
    return NULL;
}

/* The rules of the layout that no checksum proves. */
static const char *broken_rule(const struct vdt_reader *reader, const struct vdt_sample *sample,
                               const struct vdt_labels *labels)
{
    const struct vdt_layout *layout = vdt_reader_layout(reader);
    if (sample->key[0] == '\0')
        return "it has no key";
    for (const char *c = sample->key; *c != '\0'; c++)
        if (*c < '!' || *c > '~')
            return "its key has a byte that is not printable ASCII";
    if (sample->scene >= vdt_reader_scene_count(reader))
        return "its scene is not in /scenes";
    if (sample->crs >= vdt_reader_crs_count(reader))
        return "its CRS is not in /crs";
    if (!(sample->valid_fraction >= 0 && sample->valid_fraction <= 1))
        return "its valid fraction is outside 0..1";
    for (size_t i = 0; labels->onehot != NULL && i < layout->spec.class_count; i++)
        if (labels->onehot[i] > 1)
            return "its one-hot vector has a value other than 0 and 1";
    const char *broken = bad_box(layout, labels);
    if (broken == NULL)
        broken = bad_mask(layout, labels);
    return broken != NULL ? broken : bad_edges(layout, labels);
}

static void add_text(struct vdt_sha256 *sha, const char *text)
{
    vdt_sha256_add(sha, text, strlen(text) + 1);
}

/* All that makes a sample what it is, and nothing of where it is stored. */
static vdt_status hash_sample(const struct vdt_reader *reader, size_t group,
                              const struct vdt_sample *sample, const void *image,
                              const struct vdt_labels *labels, const char *metadata,
                              unsigned char digest[32], struct vdt_error *error)
{
    const struct vdt_layout *layout = vdt_reader_layout(reader);
    struct vdt_sha256 *sha = vdt_sha256_new();
    if (sha == NULL)
        return vdt_fail_memory(error, "check");
    add_text(sha, vdt_reader_group_name(reader, group));
    add_text(sha, sample->key);
    add_text(sha, vdt_reader_scene(reader, sample->scene).digest);
    add_text(sha, vdt_reader_crs(reader, sample->crs));
    vdt_sha256_add(sha, &sample->window, sizeof sample->window);
    vdt_sha256_add(sha, sample->geotransform, sizeof sample->geotransform);
    vdt_sha256_add(sha, sample->bounds, sizeof sample->bounds);
    vdt_sha256_add(sha, &sample->valid_fraction, 4);
    vdt_sha256_add(sha, &sample->weight, 4);
    vdt_sha256_add(sha, image, layout->image_bytes);
    if (labels->onehot != NULL)
        vdt_sha256_add(sha, labels->onehot, layout->spec.class_count);
    uint64_t boxes = labels->box_count;
    vdt_sha256_add(sha, &boxes, 8);
    vdt_sha256_add(sha, labels->boxes, boxes * 16);
    vdt_sha256_add(sha, labels->box_class, boxes * 2);
    vdt_sha256_add(sha, labels->box_feature, boxes * 8);
    vdt_sha256_add(sha, labels->box_visible, boxes * 4);
    for (enum vdt_array a = VDT_MASK; a < VDT_TILE_ARRAYS; a++)
        if (vdt_array_present(layout, a))
            vdt_sha256_add(sha, vdt_label_pixels(labels, a), vdt_array_row_bytes(layout, a));
    add_text(sha, metadata);
    vdt_sha256_finish(sha, digest);
    return VDT_OK;
}

static vdt_status check_sample(const struct vdt_reader *reader, struct scratch *s,
                               struct block *block, uint32_t at, struct vdt_error *error)
{
    const struct vdt_layout *layout = vdt_reader_layout(reader);
    uint64_t index = block->first + at;
    struct vdt_labels labels;
    struct vdt_sample sample;
    vdt_cleanup(vdt_free_pointer) char *metadata = NULL;
    const char *place = vdt_reader_group_name(reader, block->group);
    unsigned long long number = index;
    vdt_status status = read_sample(reader, s, block->group, index, &labels, error);
    if (status == VDT_OK)
        status = vdt_reader_metadata(reader, block->group, index, &metadata, error);
    if (status == VDT_OK)
        status = vdt_reader_verify(reader, block->group, index, s->image, &labels, error);
    if (status != VDT_OK)
        return status;
    vdt_row_unpack(layout, s->row, &sample, NULL);
    memcpy(block->keys[at], sample.key, VDT_KEY_SIZE);
    const char *broken = NULL;
    if (vdt_row_u32(s->row, layout->row_bytes - 4) !=
        vdt_row_crc(layout, s->row, metadata, strlen(metadata)))
        broken = "its row or metadata differs from its checksum";
    if (broken == NULL)
        broken = broken_rule(reader, &sample, &labels);
    if (broken == NULL && !vdt_metadata_valid(metadata))
        broken = "its metadata is not a JSON object";
    if (broken != NULL) {
        report(block, "%s: /%s sample %llu (%s): %s", vdt_reader_path(reader), place, number,
               sample.key, broken);
        return VDT_OK;
    }
    return hash_sample(reader, block->group, &sample, s->image, &labels, metadata,
                       block->digests[at], error);
}

static vdt_status process(void *payload, void *worker, uint64_t item, uint32_t slot,
                          struct vdt_error *error)
{
    struct check *check = payload;
    struct block *block = &check->slots[slot];
    struct vdt_buffer problems = block->problems;
    size_t group = 0;
    while (check->group_blocks[group + 1] <= item)
        group++;
    uint64_t first = (item - check->group_blocks[group]) * SAMPLES_A_BLOCK;
    uint64_t left = vdt_reader_count(check->reader, group) - first;
    problems.size = 0;
    *block = (struct block){.group = group, .first = first, .problems = problems};
    block->count = left < SAMPLES_A_BLOCK ? (uint32_t)left : SAMPLES_A_BLOCK;
    for (uint32_t i = 0; i < block->count; i++) {
        struct vdt_error found = {0};
        vdt_status status = check_sample(check->reader, worker, block, i, &found);
        if (status == VDT_ERR_MEMORY)
            return vdt_fail(error, status, "%s", found.message);
        if (status != VDT_OK)
            report(block, "%s", found.message);
    }
    return VDT_OK;
}

/* --- collecting --------------------------------------------------------------------------- */

struct collection {
    const struct vdt_check_options *options;
    void (*problem)(const char *text, void *payload);
    struct vdt_check_report report;
    struct vdt_keys keys;
    unsigned char (*digests)[32];
    uint64_t digest_count;
};

static void tell(struct collection *all, const char *text)
{
    all->report.problems++;
    if (all->problem != NULL)
        all->problem(text, all->options->payload);
}

static vdt_status collect(struct collection *all, const struct vdt_reader *reader,
                          const struct block *block, struct vdt_error *error)
{
    const char *line = (const char *)block->problems.data;
    for (uint64_t i = 0; i < block->problem_count; i++, line += strlen(line) + 1)
        tell(all, line);
    for (uint32_t i = 0; i < block->count; i++) {
        bool added = true;
        if (block->keys[i][0] != '\0' && !vdt_keys_add(&all->keys, block->keys[i], &added))
            return vdt_fail_memory(error, "check");
        if (!added) {
            char text[1200];
            snprintf(text, sizeof text, "%s: /%s sample %llu (%s): another sample has the same key",
                     vdt_reader_path(reader), vdt_reader_group_name(reader, block->group),
                     (unsigned long long)(block->first + i), block->keys[i]);
            tell(all, text);
        }
        memcpy(all->digests[all->digest_count++], block->digests[i], 32);
    }
    all->report.samples += block->count;
    return VDT_OK;
}

/* Opening has proved the rest of a view. */
static void check_views(struct collection *all, const struct vdt_reader *reader)
{
    for (size_t v = 0; v < vdt_reader_view_count(reader); v++) {
        struct vdt_view view = vdt_reader_view(reader, v);
        char text[1200];
        snprintf(text, sizeof text, "%s: /views/%s: its definition is not JSON",
                 vdt_reader_path(reader), view.name);
        if (!vdt_view_definition_valid(view.definition))
            tell(all, text);
    }
}

/* Views name samples by their digests, so that no order of feeding shows. Call before they are
 * sorted: they lie group by group, as the samples do. */
static vdt_status hash_views(const struct collection *all, const struct vdt_reader *reader,
                             unsigned char digest[32], struct vdt_error *error)
{
    struct vdt_sha256 *sha = vdt_sha256_new();
    if (sha == NULL)
        return vdt_fail_memory(error, "check");
    for (size_t v = 0; v < vdt_reader_view_count(reader); v++) {
        struct vdt_view view = vdt_reader_view(reader, v);
        unsigned char(*digests)[32] = all->digests;
        for (size_t g = 0; strcmp(vdt_reader_group_name(reader, g), view.group) != 0; g++)
            digests += vdt_reader_count(reader, g);
        add_text(sha, view.name);
        add_text(sha, view.group);
        add_text(sha, view.definition);
        vdt_sha256_add(sha, &view.count, 8);
        for (uint64_t i = 0; i < view.count; i++)
            vdt_sha256_add(sha, digests[view.indices[i]], 32);
    }
    vdt_sha256_finish(sha, digest);
    return VDT_OK;
}

static int compare_digests(const void *a, const void *b)
{
    return memcmp(a, b, 32);
}

/* Samples sorted by their digests, so that no order of feeding and no grouping in the file shows.
 */
static vdt_status combine(struct collection *all, const struct vdt_reader *reader,
                          struct vdt_error *error)
{
    const struct vdt_store_spec *spec = &vdt_reader_layout(reader)->spec;
    unsigned char digest[32], views[32];
    vdt_status status = hash_views(all, reader, views, error);
    struct vdt_sha256 *sha = status == VDT_OK ? vdt_sha256_new() : NULL;
    if (sha == NULL)
        return vdt_fail_memory(error, "check");
    uint32_t shape[5] = {spec->tile.bands, spec->tile.rows, spec->tile.cols,
                         (uint32_t)spec->tile.dtype, spec->tasks};
    qsort(all->digests, all->digest_count, 32, compare_digests);
    vdt_sha256_add(sha, shape, sizeof shape);
    for (size_t i = 0; i < spec->class_count; i++)
        add_text(sha, spec->classes[i]);
    for (size_t i = 0; i < spec->tile.bands; i++)
        add_text(sha, spec->band_names[i]);
    vdt_sha256_add(sha, all->digests, all->digest_count * 32);
    if (vdt_reader_view_count(reader) > 0)
        vdt_sha256_add(sha, views, sizeof views);
    vdt_sha256_finish(sha, digest);
    vdt_hex(digest, 32, all->report.digest);
    return VDT_OK;
}

static void free_slots(struct block *slots, uint32_t count)
{
    for (uint32_t i = 0; slots != NULL && i < count; i++)
        vdt_buffer_clear(&slots[i].problems);
    free(slots);
}

static vdt_status run(struct check *check, struct collection *all, struct vdt_error *error)
{
    static const struct vdt_ordered_ops ops = {.start = start, .process = process, .stop = stop};
    size_t groups = vdt_reader_group_count(check->reader);
    uint64_t blocks = check->group_blocks[groups], total = 0;
    uint32_t threads = all->options->threads == 0 ? vdt_core_count() : all->options->threads;
    uint32_t slot_count = threads + SPARE_BLOCKS;
    struct vdt_ordered *ordered = NULL;
    for (size_t g = 0; g < groups; g++)
        total += vdt_reader_count(check->reader, g);
    all->digests = vdt_allocate(total, 32);
    check->slots = vdt_allocate_zero(slot_count, sizeof *check->slots);
    if (all->digests == NULL || check->slots == NULL) {
        free(check->slots);
        return vdt_fail_memory(error, "check");
    }
    vdt_status status =
        vdt_ordered_start(&ops, check, blocks, threads, slot_count, &ordered, error);
    uint32_t slot;
    while (status == VDT_OK && (status = vdt_ordered_take(ordered, &slot, error)) == VDT_OK) {
        status = collect(all, check->reader, &check->slots[slot], error);
        vdt_ordered_release(ordered, slot);
        if (status == VDT_OK && all->options->progress != NULL &&
            !all->options->progress(all->report.samples, total, all->options->payload))
            status =
                vdt_fail(error, VDT_ERR_CANCELLED, "%s: stopped", vdt_reader_path(check->reader));
    }
    vdt_ordered_free(ordered);
    free_slots(check->slots, slot_count);
    return status == VDT_END ? VDT_OK : status;
}

static void reader_cleanup(struct vdt_reader **reader)
{
    vdt_reader_free(*reader);
}

/* Of a partial store what is here is compared with the digests of its blocks: those are of a store
 * that its server has checked. */
static vdt_status check_partial(struct collection *all, struct vdt_partial *partial,
                                const char *path, uint64_t size, struct vdt_error *error)
{
    uint64_t wrong = 0;
    char text[1200];
    all->report.missing = size - vdt_partial_bytes(partial);
    vdt_status status =
        vdt_partial_check(partial, all->options->progress, all->options->payload, &wrong, error);
    if (status != VDT_OK || wrong == 0)
        return status;
    snprintf(text, sizeof text,
             "%s: %llu of its blocks are not what was pulled: they will be fetched again", path,
             (unsigned long long)wrong);
    tell(all, text);
    return VDT_OK;
}

/* *done: there is nothing else to check. */
static vdt_status complete_or_check(struct collection *all, const char *path, bool *done,
                                    struct vdt_error *error)
{
    struct stat info;
    struct vdt_partial *partial = NULL;
    if (all->options->fetch)
        return vdt_store_complete(path, NULL, NULL, error);
    if (!vdt_partial_exists(path) || stat(path, &info) != 0)
        return VDT_OK;
    vdt_status status = vdt_partial_open(path, (uint64_t)info.st_size, &partial, error);
    *done = partial != NULL;
    if (partial != NULL)
        status = check_partial(all, partial, path, (uint64_t)info.st_size, error);
    vdt_partial_free(partial);
    return status;
}

vdt_status vdt_check(const char *path, const struct vdt_check_options *options,
                     void (*problem)(const char *text, void *payload),
                     struct vdt_check_report *report_out, struct vdt_error *error)
{
    static const struct vdt_check_options defaults = {0};
    vdt_cleanup(reader_cleanup) struct vdt_reader *reader = NULL;
    struct collection all = {.options = options == NULL ? &defaults : options, .problem = problem};
    bool done = false;
    vdt_status status = complete_or_check(&all, path, &done, error);
    if (status == VDT_OK && done && report_out != NULL)
        *report_out = all.report;
    if (status == VDT_OK && !done)
        status = vdt_reader_open(path, &reader, error);
    if (status != VDT_OK || done)
        return status;
    size_t groups = vdt_reader_group_count(reader);
    vdt_cleanup(vdt_free_pointer) uint64_t *group_blocks = vdt_allocate_zero(groups + 1, 8);
    if (group_blocks == NULL)
        return vdt_fail_memory(error, path);
    for (size_t g = 0; g < groups; g++)
        group_blocks[g + 1] =
            group_blocks[g] + (vdt_reader_count(reader, g) + SAMPLES_A_BLOCK - 1) / SAMPLES_A_BLOCK;
    struct check check = {.reader = reader, .group_blocks = group_blocks};
    status = run(&check, &all, error);
    if (status == VDT_OK)
        check_views(&all, reader);
    if (status == VDT_OK && all.report.problems == 0)
        status = combine(&all, reader, error);
    vdt_keys_clear(&all.keys);
    free(all.digests);
    if (status == VDT_OK && report_out != NULL)
        *report_out = all.report;
    return status;
}
