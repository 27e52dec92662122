/* Adds up a store's labels and pixels, one sample in memory at a time. */
#include "tally.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "labels.h"
#include "report.h"

enum { BLOCK = 1024 }; /* samples whose boxes are read at once */

struct series {
    float *items;
    size_t count;
};

struct counter {
    const struct vdt_reader *reader;
    struct vdt_store_spec spec;
    struct tally *tally;
    uint64_t *stamp; /* [class_count] the last sample that had the class */
    uint64_t at;     /* number of the sample, from 1 */
    struct vdt_band_stats *stats;
    struct series per_tile, valid;
    struct series width, height, area, visible;
};

static int compare_floats(const void *a, const void *b)
{
    float first = *(const float *)a, second = *(const float *)b;
    return (first > second) - (first < second);
}

static struct spread summarize(struct series *series)
{
    size_t count = series->count;
    if (count == 0)
        return (struct spread){NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    qsort(series->items, count, sizeof *series->items, compare_floats);
    double sum = 0, last = (double)(count - 1);
    for (size_t i = 0; i < count; i++)
        sum += (double)series->items[i];
    const float *items = series->items;
    return (struct spread){.min = (double)items[0],
                           .p5 = (double)items[(size_t)(0.05 * last + 0.5)],
                           .p25 = (double)items[(size_t)(0.25 * last + 0.5)],
                           .median = (double)items[(size_t)(0.50 * last + 0.5)],
                           .p75 = (double)items[(size_t)(0.75 * last + 0.5)],
                           .p95 = (double)items[(size_t)(0.95 * last + 0.5)],
                           .max = (double)items[count - 1],
                           .mean = sum / (double)count};
}

static void see_class(struct counter *counter, size_t class_id, size_t place)
{
    if (class_id >= counter->tally->class_count || counter->stamp[class_id] == counter->at)
        return;
    counter->stamp[class_id] = counter->at;
    counter->tally->classes[class_id].samples++;
    counter->tally->classes[class_id].group_samples[place]++;
}

static void count_mask(struct counter *counter, const uint16_t *mask, uint64_t *histogram,
                       size_t place)
{
    struct tally *tally = counter->tally;
    size_t pixels = (size_t)counter->spec.tile.rows * counter->spec.tile.cols;
    memset(histogram, 0, (LABELS_IGNORE + 1) * sizeof *histogram);
    for (size_t i = 0; i < pixels; i++)
        histogram[mask[i]]++;
    tally->mask_pixels += pixels;
    tally->background_pixels += histogram[0];
    tally->ignore_pixels += histogram[LABELS_IGNORE];
    for (size_t id = 0; id < tally->class_count; id++) {
        tally->classes[id].pixels += histogram[id + 1];
        if (histogram[id + 1])
            see_class(counter, id, place);
    }
}

static void count_edges(struct edge_tally *tally, const uint16_t *edges, size_t pixels)
{
    for (size_t i = 0; edges && i < pixels; i++) {
        tally->set += edges[i] == 1;
        tally->ignored += edges[i] == LABELS_IGNORE;
    }
    tally->pixels += edges ? pixels : 0;
}

static void count_numbers(struct number_tally *tally, const float *numbers, size_t pixels)
{
    for (size_t i = 0; numbers && i < pixels; i++) {
        double number = (double)numbers[i];
        if (isnan(number))
            continue;
        tally->min = tally->count == 0 || number < tally->min ? number : tally->min;
        tally->max = tally->count == 0 || number > tally->max ? number : tally->max;
        tally->sum += number;
        tally->count++;
    }
    tally->pixels += numbers ? pixels : 0;
}

static void count_surroundings(struct counter *counter, const struct labels *labels)
{
    size_t pixels = (size_t)counter->spec.tile.rows * counter->spec.tile.cols;
    count_edges(&counter->tally->boundary, labels->boundary, pixels);
    count_edges(&counter->tally->contact, labels->contact, pixels);
    count_numbers(&counter->tally->distance, labels->distance, pixels);
    count_numbers(&counter->tally->target, labels->target, pixels);
}

static void count_boxes(struct counter *counter, const struct labels *labels, size_t place)
{
    for (size_t i = 0; i < labels->box_count; i++) {
        const float *box = labels->boxes[i];
        float width = box[2] - box[0], height = box[3] - box[1];
        counter->width.items[counter->width.count++] = width;
        counter->height.items[counter->height.count++] = height;
        counter->area.items[counter->area.count++] = width * height;
        if (labels->box_class[i] < counter->tally->class_count)
            counter->tally->classes[labels->box_class[i]].boxes++;
        see_class(counter, labels->box_class[i], place);
    }
    counter->per_tile.items[counter->per_tile.count++] = (float)labels->box_count;
    counter->tally->boxes += labels->box_count;
}

/* Chan, Golub and LeVeque's formula joins two sets' means and squared differences exactly. */
static void merge_band(struct vdt_band_stats *sum, const struct vdt_band_stats *part)
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

static void count_classes(struct counter *counter, const struct labels *labels, size_t place)
{
    for (size_t id = 0; labels->onehot && id < counter->tally->class_count; id++)
        if (labels->onehot[id])
            see_class(counter, id, place);
    bool any = false;
    for (size_t id = 0; !any && id < counter->tally->class_count; id++)
        any = counter->stamp[id] == counter->at;
    counter->tally->unlabelled_samples += !any;
}

static vdt_status count_group(struct counter *counter, size_t place, uint64_t *histogram,
                              struct vdt_error *error)
{
    size_t group = counter->tally->groups[place];
    uint64_t count = vdt_reader_count(counter->reader, group);
    for (uint64_t i = 0; i < count; i++) {
        struct vdt_sample row;
        struct labels labels;
        vdt_status status =
            vdt_reader_sample(counter->reader, group, i, &row, counter->stats, error);
        if (!status)
            status = labels_load(counter->reader, (struct sample_ref){group, i}, &labels, error);
        if (status)
            return status;
        counter->at++;
        counter->valid.items[counter->valid.count++] = row.valid_fraction;
        for (size_t band = 0; band < counter->tally->band_count; band++)
            merge_band(&counter->tally->bands[band], &counter->stats[band]);
        if (labels.mask)
            count_mask(counter, labels.mask, histogram, place);
        count_surroundings(counter, &labels);
        count_boxes(counter, &labels, place);
        count_classes(counter, &labels, place);
        labels_clear(&labels);
    }
    return VDT_OK;
}

static vdt_status read_visible(struct counter *counter, size_t group, struct vdt_error *error)
{
    uint64_t count = vdt_reader_count(counter->reader, group);
    for (uint64_t first = 0; first < count; first += BLOCK) {
        uint64_t wanted = count - first < BLOCK ? count - first : BLOCK;
        uint64_t rows = vdt_reader_box_rows(counter->reader, group, first, wanted);
        float *target = counter->visible.items + counter->visible.count;
        vdt_status status = rows ? vdt_reader_boxes(counter->reader, group, first, wanted, NULL,
                                                    NULL, NULL, target, error)
                                 : VDT_OK;
        if (status)
            return status;
        for (uint64_t i = 0; i < rows; i++)
            counter->tally->cut_boxes += target[i] < 1;
        counter->visible.count += rows;
    }
    return VDT_OK;
}

static bool allocate(struct counter *counter, struct tally *tally, uint64_t boxes)
{
    struct series *of_boxes[] = {&counter->width, &counter->height, &counter->area,
                                 &counter->visible};
    bool good = true;
    for (size_t i = 0; i < 4; i++) {
        of_boxes[i]->items = calloc(boxes + 1, sizeof(float));
        good = good && of_boxes[i]->items;
    }
    counter->per_tile.items = calloc(tally->samples + 1, sizeof(float));
    counter->valid.items = calloc(tally->samples + 1, sizeof(float));
    counter->stamp = calloc(tally->class_count + 1, sizeof *counter->stamp);
    counter->stats = calloc(tally->band_count, sizeof *counter->stats);
    tally->bands = calloc(tally->band_count, sizeof *tally->bands);
    tally->classes = calloc(tally->class_count + 1, sizeof *tally->classes);
    for (size_t id = 0; tally->classes && id < tally->class_count; id++) {
        uint64_t *groups = calloc(tally->group_count + 1, sizeof *groups);
        tally->classes[id].group_samples = groups;
        good = good && groups;
    }
    return good && counter->per_tile.items && counter->valid.items && counter->stamp &&
           counter->stats && tally->bands && tally->classes;
}

static void release(struct counter *counter)
{
    free(counter->width.items);
    free(counter->height.items);
    free(counter->area.items);
    free(counter->visible.items);
    free(counter->per_tile.items);
    free(counter->valid.items);
    free(counter->stamp);
    free(counter->stats);
}

static void finish(struct counter *counter)
{
    struct tally *tally = counter->tally;
    tally->boxes_per_tile = summarize(&counter->per_tile);
    tally->valid_fraction = summarize(&counter->valid);
    tally->box_width = summarize(&counter->width);
    tally->box_height = summarize(&counter->height);
    tally->box_area = summarize(&counter->area);
    tally->box_visible = summarize(&counter->visible);
}

vdt_status tally_count(const struct vdt_reader *reader, const size_t *groups, size_t group_count,
                       struct tally *tally, struct vdt_error *error)
{
    struct vdt_store_spec spec = vdt_reader_spec(reader);
    struct tally counted = {.groups = groups,
                            .group_count = group_count,
                            .class_count = spec.class_count,
                            .band_count = spec.tile.bands};
    struct counter counter = {.reader = reader, .spec = spec, .tally = &counted};
    uint64_t boxes = 0;
    for (size_t i = 0; i < group_count; i++) {
        counted.samples += vdt_reader_count(reader, groups[i]);
        boxes += vdt_reader_box_count(reader, groups[i]);
    }
    uint64_t *histogram = calloc(LABELS_IGNORE + 1, sizeof *histogram);
    vdt_status status =
        allocate(&counter, &counted, boxes) && histogram ? VDT_OK : error_memory(error);
    for (size_t i = 0; !status && i < group_count; i++) {
        status = count_group(&counter, i, histogram, error);
        if (!status && boxes)
            status = read_visible(&counter, groups[i], error);
    }
    if (!status) {
        finish(&counter);
        *tally = counted;
    } else {
        tally_clear(&counted);
    }
    free(histogram);
    release(&counter);
    return status;
}

void tally_clear(struct tally *tally)
{
    for (size_t id = 0; tally->classes && id < tally->class_count; id++)
        free(tally->classes[id].group_samples);
    free(tally->classes);
    free(tally->bands);
    *tally = (struct tally){0};
}
