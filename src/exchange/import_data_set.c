/* Folders of images and labels that other programs made, as a feed of whole images. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "exchange/data_set.h"
#include "source/scenes/raster_file.h"

enum { KINDS_MOST = 16 };

/* Bands and type of images, which have to be the same in a store. */
struct kind {
    uint32_t bands;
    enum vdt_dtype dtype;
    size_t count;
};

struct folder {
    const struct vdt_import_options *options;
    struct vdt_data_set found;
    struct kind kinds[KINDS_MOST];
    size_t kind_count;
    const struct kind *most;
    uint64_t done, total;
};

static void clear(struct folder *folder)
{
    vdt_data_set_clear(&folder->found);
}

/* --- shapes ------------------------------------------------------------------------------ */

static struct kind *kind_of(struct folder *folder, const struct vdt_tile_spec *shape)
{
    size_t i = 0;
    while (i < folder->kind_count &&
           (folder->kinds[i].bands != shape->bands || folder->kinds[i].dtype != shape->dtype))
        i++;
    if (i == folder->kind_count && i < KINDS_MOST)
        folder->kinds[folder->kind_count++] =
            (struct kind){.bands = shape->bands, .dtype = shape->dtype};
    return &folder->kinds[i < KINDS_MOST ? i : 0];
}

static vdt_status fail_shapes(const char *path, const struct vdt_tile_spec *shape,
                              const char *first, const struct vdt_tile_spec *same,
                              const struct vdt_tile_spec *largest, struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_MISMATCH,
                    "%s: %u x %u pixels (columns x rows), but %s is %u x %u, and images of one "
                    "store have one shape: --tile %ux%u fills smaller ones up",
                    path, shape->cols, shape->rows, first, same->cols, same->rows, largest->cols,
                    largest->rows);
}

/* Looks at every image: sizes that fit, and what bands most of them have. */
static vdt_status check_shapes(struct folder *folder, struct vdt_error *error)
{
    const struct vdt_import_options *options = folder->options;
    struct vdt_tile_spec first = {0}, other = {0}, largest = {0};
    const char *first_path = NULL, *other_path = NULL;
    for (size_t p = 0; p < folder->found.part_count; p++) {
        const struct vdt_data_set_part *part = &folder->found.parts[p];
        for (size_t i = 0; i < part->image_count; i++, folder->total++) {
            struct vdt_tile_spec shape;
            vdt_status status = vdt_raster_shape(part->images[i], &shape, error);
            if (status != VDT_OK)
                return status;
            if (first_path == NULL) {
                first = shape;
                first_path = part->images[i];
            }
            bool fits = options->tile_cols > 0
                            ? shape.cols <= options->tile_cols && shape.rows <= options->tile_rows
                            : shape.cols == first.cols && shape.rows == first.rows;
            if (!fits && other_path == NULL) {
                other = shape;
                other_path = part->images[i];
            }
            largest.cols = shape.cols > largest.cols ? shape.cols : largest.cols;
            largest.rows = shape.rows > largest.rows ? shape.rows : largest.rows;
            kind_of(folder, &shape)->count++;
        }
    }
    folder->most = &folder->kinds[0];
    for (size_t i = 1; i < folder->kind_count; i++)
        if (folder->kinds[i].count > folder->most->count)
            folder->most = &folder->kinds[i];
    if (other_path == NULL)
        return VDT_OK;
    if (options->tile_cols == 0)
        return fail_shapes(other_path, &other, first_path, &first, &largest, error);
    return vdt_fail(
        error, VDT_ERR_MISMATCH,
        "%s: %u x %u pixels (columns x rows) do not fit a tile of %u x %u: --tile %ux%u "
        "holds every image",
        other_path, other.cols, other.rows, options->tile_cols, options->tile_rows, largest.cols,
        largest.rows);
}

/* --- parts ------------------------------------------------------------------------------- */

static bool on_progress(uint64_t done, uint64_t total, void *payload)
{
    struct folder *folder = payload;
    (void)total;
    return folder->options->progress == NULL ||
           folder->options->progress(folder->done + done, folder->total, folder->options->payload);
}

/* The images of the kind that most have. */
static vdt_status choose(struct folder *folder, const struct vdt_data_set_part *part,
                         const char **images, size_t *count, struct vdt_import_report *report,
                         struct vdt_error *error)
{
    *count = 0;
    for (size_t i = 0; i < part->image_count; i++) {
        struct vdt_tile_spec shape;
        vdt_status status = vdt_raster_shape(part->images[i], &shape, error);
        if (status != VDT_OK)
            return status;
        if (kind_of(folder, &shape) == folder->most)
            images[(*count)++] = part->images[i];
        else if (report->left_out++ == 0)
            snprintf(report->warning, sizeof report->warning,
                     "%.300s: left out: %u bands of %s, where most images have %u of %s",
                     part->images[i], shape.bands, vdt_dtype_name(shape.dtype), folder->most->bands,
                     vdt_dtype_name(folder->most->dtype));
    }
    return VDT_OK;
}

static vdt_status feed_part(struct folder *folder, const struct vdt_data_set_part *part,
                            struct vdt_import_report *report, struct vdt_error *error)
{
    const struct vdt_import_options *options = folder->options;
    static const uint32_t usual[] = {[VDT_FORMAT_COCO] =
                                         VDT_DETECTION | VDT_SEGMENTATION | VDT_INSTANCE,
                                     [VDT_FORMAT_YOLO] = VDT_DETECTION,
                                     [VDT_FORMAT_VOC] = VDT_DETECTION};
    static const enum vdt_label_format formats[] = {[VDT_FORMAT_COCO] = VDT_LABELS_COCO,
                                                    [VDT_FORMAT_YOLO] = VDT_LABELS_YOLO,
                                                    [VDT_FORMAT_VOC] = VDT_LABELS_VOC};
    vdt_cleanup(vdt_free_pointer) const char **images =
        vdt_allocate(part->image_count, sizeof *images);
    const char *labels[] = {part->labels};
    struct vdt_feed_options feed = {
        .store = options->store,
        .images = images,
        .labels = labels,
        .label_count = 1,
        .label_format = formats[options->format],
        .tasks = options->tasks > 0 ? options->tasks : usual[options->format],
        .tile_cols = options->tile_cols,
        .tile_rows = options->tile_rows,
        .windows = VDT_WINDOWS_WHOLE,
        .edge = options->tile_cols > 0 ? VDT_EDGE_PAD : VDT_EDGE_DROP,
        .match = VDT_MATCH_ALL,
        .group = options->group != NULL ? options->group : part->group,
        .codec = options->codec == VDT_CODEC_AUTO ? VDT_CODEC_LZ4 : options->codec,
        .on_failure = VDT_FAILURE_STOP,
        .progress = on_progress,
        .payload = folder};
    struct vdt_feed_report fed = {0};
    if (images == NULL)
        return vdt_fail_memory(error, part->labels);
    vdt_status status = choose(folder, part, images, &feed.image_count, report, error);
    if (status == VDT_OK && feed.image_count > 0)
        status = vdt_feed(&feed, &fed, error);
    report->written += fed.written;
    report->existing += fed.existing;
    report->boxes += fed.boxes;
    report->crowds += fed.crowds;
    folder->done += part->image_count;
    return status;
}

vdt_status vdt_import_data_set(const struct vdt_import_options *options, const char *path,
                               struct vdt_import_report *report, struct vdt_error *error)
{
    vdt_cleanup(clear) struct folder folder = {.options = options};
    enum vdt_label_format format = options->format == VDT_FORMAT_COCO   ? VDT_LABELS_COCO
                                   : options->format == VDT_FORMAT_YOLO ? VDT_LABELS_YOLO
                                                                        : VDT_LABELS_VOC;
    vdt_status status = vdt_data_set_find(path, format, &folder.found, error);
    if (status == VDT_OK)
        status = check_shapes(&folder, error);
    for (size_t i = 0; status == VDT_OK && i < folder.found.part_count; i++)
        status = feed_part(&folder, &folder.found.parts[i], report, error);
    return status;
}
