/* Sums, spreads and their JSON, as tools/vedatile has them for `stats --json`. */
#include "server/draw/tally.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"

enum { MASK_VALUES = 1 << 16 };

vdt_status vdt_tally_open(struct vdt_tally *tally, const struct vdt_reader *reader,
                          struct vdt_error *error)
{
    const struct vdt_layout *layout = vdt_reader_layout(reader);
    size_t classes = layout->spec.class_count, groups = vdt_reader_group_count(reader);
    uint64_t samples = 0;
    struct vdt_tally made = {.reader = reader};
    for (size_t g = 0; g < groups; g++)
        samples += vdt_reader_count(reader, g);
    made.masks = vdt_array_present(layout, VDT_MASK) &&
                 samples <= VDT_TALLY_MASKS / vdt_array_row_bytes(layout, VDT_MASK);
    made.classes = vdt_allocate_zero(classes, sizeof *made.classes);
    made.bands = vdt_allocate_zero((groups + 1) * layout->spec.tile.bands, sizeof *made.bands);
    made.counts = vdt_allocate_zero(classes, sizeof *made.counts);
    made.stamp = vdt_allocate_zero(classes, sizeof *made.stamp);
    made.seen = vdt_allocate_zero(classes, sizeof *made.seen);
    made.histogram = vdt_allocate_zero(MASK_VALUES, sizeof *made.histogram);
    bool good = made.classes != NULL && made.bands != NULL && made.counts != NULL &&
                made.stamp != NULL && made.seen != NULL && made.histogram != NULL;
    for (size_t id = 0; good && id < classes; id++) {
        made.classes[id].group_samples = vdt_allocate_zero(groups, sizeof(uint64_t));
        good = made.classes[id].group_samples != NULL;
    }
    *tally = made;
    return good ? VDT_OK : vdt_fail_memory(error, vdt_reader_path(reader));
}

void vdt_tally_clear(struct vdt_tally *tally)
{
    size_t classes = tally->reader == NULL ? 0 : vdt_reader_spec(tally->reader).class_count;
    for (size_t id = 0; tally->classes != NULL && id < classes; id++)
        free(tally->classes[id].group_samples);
    free(tally->classes);
    free(tally->bands);
    free(tally->counts);
    free(tally->stamp);
    free(tally->seen);
    free(tally->histogram);
    struct vdt_series *all[] = {&tally->per_tile, &tally->width,   &tally->height,
                                &tally->area,     &tally->visible, &tally->valid};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]->items);
    *tally = (struct vdt_tally){0};
}

/* --- a sample ----------------------------------------------------------------------------- */

static bool add(struct vdt_series *series, float value)
{
    if (series->count >= VDT_TALLY_VALUES)
        return true;
    if (!vdt_grow(&series->items, &series->capacity, series->count + 1, sizeof *series->items))
        return false;
    series->items[series->count++] = value;
    return true;
}

static void see(struct vdt_tally *tally, uint32_t id, uint64_t count)
{
    if (tally->stamp[id] != tally->at) {
        tally->stamp[id] = tally->at;
        tally->seen[tally->seen_count++] = id;
        tally->counts[id] = 0;
    }
    tally->counts[id] += count;
}

void vdt_tally_begin(struct vdt_tally *tally)
{
    tally->at++;
    tally->seen_count = 0;
}

bool vdt_tally_boxes(struct vdt_tally *tally, uint64_t count, const float (*boxes)[4],
                     const uint16_t *classes, const float *visible)
{
    size_t known = vdt_reader_spec(tally->reader).class_count;
    bool good = add(&tally->per_tile, (float)count);
    for (uint64_t i = 0; good && i < count; i++) {
        float width = boxes[i][2] - boxes[i][0], height = boxes[i][3] - boxes[i][1];
        if (classes[i] >= known)
            return false;
        tally->classes[classes[i]].boxes++;
        tally->cut_boxes += visible[i] < 1;
        see(tally, classes[i], 1);
        good = add(&tally->width, width) && add(&tally->height, height) &&
               add(&tally->area, width * height) && add(&tally->visible, visible[i]);
    }
    tally->boxes += count;
    return good;
}

void vdt_tally_onehot(struct vdt_tally *tally, const uint8_t *onehot)
{
    size_t classes = vdt_reader_spec(tally->reader).class_count;
    for (size_t id = 0; id < classes; id++)
        if (onehot[id] != 0 && tally->stamp[id] != tally->at)
            see(tally, (uint32_t)id, 1);
}

static void count_one_by_one(const unsigned char *mask, size_t pixels, bool small,
                             uint64_t *histogram)
{
    for (size_t i = 0; i < pixels; i++) {
        uint16_t value = mask[i];
        if (!small)
            memcpy(&value, mask + 2 * i, sizeof value);
        histogram[value]++;
    }
}

/* Masks are long runs of one value: eight bytes that repeat it are one step. */
static void count_values(const unsigned char *mask, size_t pixels, bool small, uint64_t *histogram)
{
    const size_t size = small ? 1 : 2, step = 8 / size, whole = pixels / step * step;
    const uint64_t ones = small ? 0x0101010101010101 : 0x0001000100010001;
    for (size_t i = 0; i < whole; i += step) {
        uint64_t word;
        memcpy(&word, mask + i * size, sizeof word);
        const uint64_t value = word & (small ? 0xff : 0xffff);
        if (word == value * ones)
            histogram[value] += step;
        else
            count_one_by_one(mask + i * size, step, small, histogram);
    }
    count_one_by_one(mask + whole * size, pixels - whole, small, histogram);
}

bool vdt_tally_mask(struct vdt_tally *tally, const void *mask)
{
    const struct vdt_layout *layout = vdt_reader_layout(tally->reader);
    size_t classes = layout->spec.class_count;
    bool small = layout->mask_size == 1;
    uint64_t *histogram = tally->histogram;
    size_t values = small ? 256 : MASK_VALUES, ignore = values - 1;
    memset(histogram, 0, values * sizeof *histogram);
    count_values(mask, layout->pixels, small, histogram);
    tally->mask_pixels += layout->pixels;
    tally->background += histogram[0];
    tally->ignored += histogram[ignore];
    for (size_t value = classes + 1; value < ignore; value++)
        if (histogram[value] != 0)
            return false;
    for (size_t id = 0; id < classes && id + 1 < ignore; id++) {
        uint64_t pixels = histogram[id + 1];
        tally->classes[id].pixels += pixels;
        if (pixels > 0 && tally->stamp[id] != tally->at) /* counts of boxes stay */
            see(tally, (uint32_t)id, pixels);
    }
    return true;
}

static int compare_ids(const void *a, const void *b)
{
    uint32_t first = *(const uint32_t *)a, second = *(const uint32_t *)b;
    return (first > second) - (first < second);
}

/* Chan, Golub and LeVeque's formula, as in src/store/summary.c. */
static void merge(struct vdt_band_stats *sum, const struct vdt_band_stats *part)
{
    if (part->count == 0)
        return;
    if (sum->count == 0) {
        *sum = *part;
        return;
    }
    double a = (double)sum->count, b = (double)part->count, delta = part->mean - sum->mean;
    sum->m2 += part->m2 + delta * delta * a * b / (a + b);
    sum->mean += delta * b / (a + b);
    sum->count += part->count;
    sum->min = fmin(sum->min, part->min);
    sum->max = fmax(sum->max, part->max);
}

bool vdt_tally_end(struct vdt_tally *tally, size_t group, const struct vdt_sample *sample,
                   const struct vdt_band_stats *bands)
{
    size_t count = vdt_reader_spec(tally->reader).tile.bands;
    size_t groups = vdt_reader_group_count(tally->reader);
    if (tally->seen_count > 1)
        qsort(tally->seen, tally->seen_count, sizeof *tally->seen, compare_ids);
    for (size_t i = 0; i < tally->seen_count; i++) {
        tally->classes[tally->seen[i]].samples++;
        tally->classes[tally->seen[i]].group_samples[group]++;
    }
    tally->samples++;
    tally->unlabelled += tally->seen_count == 0;
    for (size_t b = 0; b < count; b++) {
        merge(&tally->bands[group * count + b], &bands[b]);
        merge(&tally->bands[groups * count + b], &bands[b]);
    }
    return add(&tally->valid, sample->valid_fraction);
}

/* --- JSON --------------------------------------------------------------------------------- */

static json_t *real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *share(uint64_t part, uint64_t whole)
{
    return real(whole == 0 ? NAN : (double)part / (double)whole);
}

static int compare_floats(const void *a, const void *b)
{
    float first = *(const float *)a, second = *(const float *)b;
    return (first > second) - (first < second);
}

static json_t *spread(struct vdt_series *series)
{
    static const struct {
        const char *name;
        double share;
    } points[] = {{"min", 0},    {"p5", 0.05},  {"p25", 0.25}, {"median", 0.5},
                  {"p75", 0.75}, {"p95", 0.95}, {"max", 1}};
    if (series->count == 0)
        return json_null();
    qsort(series->items, series->count, sizeof *series->items, compare_floats);
    double sum = 0, last = (double)(series->count - 1);
    json_t *object = json_object();
    for (size_t i = 0; i < series->count; i++)
        sum += (double)series->items[i];
    for (size_t i = 0; i < sizeof points / sizeof *points; i++)
        json_object_set_new(object, points[i].name,
                            real((double)series->items[(size_t)(points[i].share * last + 0.5)]));
    json_object_set_new(object, "mean", real(sum / (double)series->count));
    return object;
}

static json_t *classes_json(const struct vdt_tally *tally)
{
    struct vdt_store_spec spec = vdt_reader_spec(tally->reader);
    json_t *classes = json_array();
    for (size_t id = 0; id < spec.class_count; id++) {
        const struct vdt_class_tally *counted = &tally->classes[id];
        json_t *groups = json_object();
        for (size_t g = 0; g < vdt_reader_group_count(tally->reader); g++)
            json_object_set_new(groups, vdt_reader_group_name(tally->reader, g),
                                json_integer((json_int_t)counted->group_samples[g]));
        json_array_append_new(classes,
                              json_pack("{s:s, s:I, s:o, s:I, s:I, s:o}", "name", spec.classes[id],
                                        "samples", (json_int_t)counted->samples, "group_samples",
                                        groups, "boxes", (json_int_t)counted->boxes, "mask_pixels",
                                        (json_int_t)counted->pixels, "mask_share",
                                        share(counted->pixels, tally->mask_pixels)));
    }
    return classes;
}

static json_t *bands_json(const struct vdt_tally *tally, size_t group)
{
    struct vdt_store_spec spec = vdt_reader_spec(tally->reader);
    json_t *bands = json_array();
    for (size_t b = 0; b < spec.tile.bands; b++) {
        const struct vdt_band_stats *band = &tally->bands[group * spec.tile.bands + b];
        bool any = band->count > 0;
        json_array_append_new(
            bands, json_pack("{s:s, s:I, s:o, s:o, s:o, s:o}", "name", spec.band_names[b], "pixels",
                             (json_int_t)band->count, "mean", real(any ? band->mean : NAN), "std",
                             real(any ? sqrt(band->m2 / (double)band->count) : NAN), "min",
                             real(any ? band->min : NAN), "max", real(any ? band->max : NAN)));
    }
    return bands;
}

static json_t *boxes_json(struct vdt_tally *tally)
{
    return json_pack("{s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "count", (json_int_t)tally->boxes,
                     "cut", (json_int_t)tally->cut_boxes, "per_tile", spread(&tally->per_tile),
                     "width", spread(&tally->width), "height", spread(&tally->height), "area",
                     spread(&tally->area), "visible", spread(&tally->visible));
}

static json_t *mask_json(const struct vdt_tally *tally)
{
    return json_pack("{s:I, s:o, s:o}", "pixels", (json_int_t)tally->mask_pixels,
                     "background_share", share(tally->background, tally->mask_pixels),
                     "ignore_share", share(tally->ignored, tally->mask_pixels));
}

json_t *vdt_tally_stats(struct vdt_tally *tally)
{
    struct vdt_store_spec spec = vdt_reader_spec(tally->reader);
    bool boxes = (spec.tasks & (VDT_DETECTION | VDT_INSTANCE)) != 0;
    size_t group_count = vdt_reader_group_count(tally->reader);
    json_t *groups = json_object();
    for (size_t g = 0; g < group_count; g++)
        json_object_set_new(groups, vdt_reader_group_name(tally->reader, g),
                            json_integer((json_int_t)vdt_reader_count(tally->reader, g)));
    return json_pack("{s:I, s:o, s:I, s:o, s:o, s:o, s:o, s:o}", "samples",
                     (json_int_t)tally->samples, "groups", groups, "unlabelled_samples",
                     (json_int_t)tally->unlabelled, "classes", classes_json(tally), "mask",
                     tally->masks ? mask_json(tally) : json_null(), "boxes",
                     boxes ? boxes_json(tally) : json_null(), "valid_fraction",
                     spread(&tally->valid), "bands", bands_json(tally, group_count));
}

json_t *vdt_tally_group_bands(const struct vdt_tally *tally)
{
    json_t *groups = json_object();
    for (size_t g = 0; g < vdt_reader_group_count(tally->reader); g++)
        json_object_set_new(groups, vdt_reader_group_name(tally->reader, g), bands_json(tally, g));
    return groups;
}

json_t *vdt_tally_class_samples(const struct vdt_tally *tally)
{
    struct vdt_store_spec spec = vdt_reader_spec(tally->reader);
    json_t *groups = json_object();
    for (size_t g = 0; g < vdt_reader_group_count(tally->reader); g++) {
        json_t *classes = json_object();
        for (size_t id = 0; id < spec.class_count; id++)
            json_object_set_new(classes, spec.classes[id],
                                json_integer((json_int_t)tally->classes[id].group_samples[g]));
        json_object_set_new(groups, vdt_reader_group_name(tally->reader, g), classes);
    }
    return groups;
}
