/* Where the samples of a store lie on the ground. */
#include "report/tasks/place.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "report/document.h"
#include "report/ground/ground.h"
#include "report/kept.h"
#include "report/tasks/detection.h"

/* Tiles of the samples that count. Owns what it points to. */
struct placed {
    struct vdt_placed_tile *tiles;
    uint32_t count;
    uint32_t *number; /* [sample_count + 1] tile of each sample; UINT32_MAX: none */
    const char **crs; /* borrowed texts */
    size_t crs_count;
    struct vdt_ground_areas *areas;
};

static void clear_placed(struct placed *placed)
{
    free(placed->tiles);
    free(placed->number);
    free(placed->crs);
    vdt_ground_areas_free(placed->areas);
}

/* Objects on the ground; the areas must outlive them. */
struct ground {
    struct placed placed;
    struct vdt_ground_merged *truth, *predicted;
};

static void free_ground(void *state)
{
    struct ground *ground = state;
    vdt_ground_merged_free(ground->truth);
    vdt_ground_merged_free(ground->predicted);
    clear_placed(&ground->placed);
    free(ground);
}

static void release_ground(struct ground **ground)
{
    if (*ground)
        free_ground(*ground);
}

/* --- options ------------------------------------------------------------------------------- */

static vdt_status check_word(const char *name, const char *word, const char *const words[2],
                             struct vdt_error *error)
{
    return word == NULL || strcmp(word, words[0]) == 0 || strcmp(word, words[1]) == 0
               ? VDT_OK
               : vdt_fail(error, VDT_ERR_ARGUMENT, "%s \"%s\": there are %s and %s", name, word,
                          words[0], words[1]);
}

vdt_status vdt_place_check(const struct vdt_evaluate_options *options, struct vdt_error *error)
{
    static const char *const scores[] = {"highest", "mean"}, *const cut[] = {"count", "ignore"};
    const struct {
        const char *name;
        bool given;
    } all[] = {{"ground_overlap", options->ground_overlap != 0},
               {"ground_scores", options->ground_scores != NULL},
               {"ground_cut", options->ground_cut != NULL},
               {"ground_min_visible", options->ground_min_visible != 0},
               {"ignore_areas", options->ignore_areas != NULL}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i].given && !options->ground)
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "%s is of evaluations on the ground: set "
                            "ground as well",
                            all[i].name);
    if (options->ground_min_visible != 0 && options->labels)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "ground_min_visible: annotation sets do not say what share of an object "
                        "is visible; the store's own labels do");
    vdt_status status = check_word("ground_scores", options->ground_scores, scores, error);
    return status ? status : check_word("ground_cut", options->ground_cut, cut, error);
}

/* --- tiles --------------------------------------------------------------------------------- */

static vdt_status place_tiles(const struct vdt_sides *sides, struct placed *placed,
                              struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    for (uint32_t i = 0; !status && i < sides->sample_count; i++) {
        const struct vdt_side_sample *sample = &sides->samples[i];
        struct vdt_sample row;
        if (!sides->weights[i])
            continue;
        status =
            vdt_reader_sample(sides->reader, sample->store_group, sample->index, &row, NULL, error);
        struct vdt_placed_tile *tile = &placed->tiles[placed->count];
        *tile = (struct vdt_placed_tile){.scene = row.scene, .crs = row.crs, .window = row.window};
        memcpy(tile->geotransform, row.geotransform, sizeof tile->geotransform);
        placed->number[i] = placed->count++;
    }
    return status;
}

static bool is_word(const char *given, const char *word)
{
    return given != NULL && strcmp(given, word) == 0;
}

/* `ignored` of *options is owned by the caller until areas take it. */
static vdt_status read_rules(const struct vdt_evaluate_options *wish,
                             struct vdt_ground_options *options, struct vdt_error *error)
{
    options->mean_scores = is_word(wish->ground_scores, "mean");
    options->ignore_cut = is_word(wish->ground_cut, "ignore");
    options->overlap = wish->ground_overlap;
    options->min_visible = wish->ground_min_visible;
    return wish->ignore_areas
               ? vdt_ground_regions_open(wish->ignore_areas, "", &options->ignored, error)
               : VDT_OK;
}

static vdt_status open_placed(const struct vdt_sides *sides, struct placed *placed,
                              struct vdt_error *error)
{
    struct vdt_tile_spec tile = vdt_reader_spec(sides->reader).tile;
    placed->crs_count = vdt_reader_crs_count(sides->reader);
    placed->tiles = vdt_allocate(sides->sample_count, sizeof *placed->tiles);
    placed->number = vdt_allocate((size_t)sides->sample_count + 1, sizeof *placed->number);
    placed->crs = vdt_allocate(placed->crs_count, sizeof *placed->crs);
    if (!placed->tiles || !placed->number || !placed->crs)
        return vdt_fail_memory(error, "tiles");
    for (uint32_t i = 0; i <= sides->sample_count; i++)
        placed->number[i] = UINT32_MAX;
    for (size_t i = 0; i < placed->crs_count; i++)
        placed->crs[i] = vdt_reader_crs(sides->reader, i);
    vdt_status status = place_tiles(sides, placed, error);
    struct vdt_ground_options options = {.tiles = placed->tiles,
                                         .tile_count = placed->count,
                                         .rows = tile.rows,
                                         .cols = tile.cols,
                                         .crs = placed->crs,
                                         .crs_count = placed->crs_count,
                                         .threads = sides->options->threads};
    if (!status)
        status = read_rules(sides->options, &options, error);
    if (!status)
        status = vdt_ground_areas_open(&options, &placed->areas, error);
    if (status)
        vdt_ground_regions_free(options.ignored);
    return status;
}

vdt_status vdt_place_areas(const struct vdt_sides *sides, struct vdt_ground_areas **areas,
                           uint32_t **tile, struct vdt_error *error)
{
    vdt_cleanup(clear_placed) struct placed placed = {0};
    vdt_status status = open_placed(sides, &placed, error);
    if (status)
        return status;
    *areas = placed.areas;
    *tile = placed.number;
    placed.areas = NULL;
    placed.number = NULL;
    return VDT_OK;
}

/* --- objects ------------------------------------------------------------------------------- */

/* Numbers and visible shares of a store's own labels, which say what is one object. */
struct pieces {
    int64_t *feature;
    double *visible;
};

static void clear_pieces(struct pieces *pieces)
{
    free(pieces->feature);
    free(pieces->visible);
}

/* The boxes of one sample are its annotations but labels, in the order of adding. */
static vdt_status read_boxes(const struct vdt_sides *sides, uint32_t unit, int64_t *feature,
                             double *visible, struct vdt_error *error)
{
    const struct vdt_side_sample *sample = &sides->samples[unit];
    const uint64_t *rows;
    size_t count, at = 0;
    uint64_t boxes = vdt_reader_box_rows(sides->reader, sample->store_group, sample->index, 1);
    vdt_status status = vdt_annotations_list(sides->truth, sample->truth, &rows, &count, error);
    if (status || boxes == 0)
        return status;
    vdt_cleanup(vdt_free_pointer) int64_t *numbers = vdt_allocate(boxes, sizeof *numbers);
    vdt_cleanup(vdt_free_pointer) float *shares = vdt_allocate(boxes, sizeof *shares);
    if (numbers == NULL || shares == NULL)
        return vdt_fail_memory(error, "labels");
    status = vdt_reader_boxes(sides->reader, sample->store_group, sample->index, 1, NULL, NULL,
                              numbers, shares, error);
    for (size_t i = 0; !status && i < count && at < boxes; i++) {
        struct vdt_annotation annotation;
        status = vdt_annotations_get(sides->truth, rows[i], &annotation, NULL, NULL, error);
        if (status || annotation.kind == VDT_ANNOTATION_LABEL)
            continue;
        feature[rows[i]] = numbers[at];
        visible[rows[i]] = (double)shares[at++];
    }
    return status;
}

static vdt_status read_pieces(const struct vdt_sides *sides, const struct vdt_compared *compared,
                              const struct vdt_kept *kept, struct pieces *pieces,
                              struct vdt_error *error)
{
    if (sides->options->labels || compared->truth_rows == NULL)
        return VDT_OK;
    uint64_t rows = vdt_annotations_count(sides->truth), count = kept->objects.count;
    vdt_cleanup(vdt_free_pointer) int64_t *feature = vdt_allocate_zero(rows, sizeof *feature);
    vdt_cleanup(vdt_free_pointer) double *visible = vdt_allocate_zero(rows, sizeof *visible);
    pieces->feature = vdt_allocate(count, sizeof *pieces->feature);
    pieces->visible = vdt_allocate(count, sizeof *pieces->visible);
    if (!feature || !visible || !pieces->feature || !pieces->visible)
        return vdt_fail_memory(error, "labels");
    vdt_status status = VDT_OK;
    for (uint32_t i = 0; !status && i < sides->sample_count; i++)
        if (sides->weights[i] && sides->samples[i].truth != VDT_NO_SAMPLE)
            status = read_boxes(sides, i, feature, visible, error);
    for (uint64_t i = 0; !status && i < count; i++) {
        uint64_t row = compared->truth_rows[kept->index[i]];
        pieces->feature[i] = feature[row];
        pieces->visible[i] = visible[row];
    }
    return status;
}

static void release_kept(struct vdt_kept *kept)
{
    vdt_kept_clear(kept);
}

static vdt_status merge_truth(const struct vdt_sides *sides, const struct vdt_compared *compared,
                              struct ground *ground, struct vdt_error *error)
{
    vdt_cleanup(release_kept) struct vdt_kept kept = {0};
    vdt_cleanup(clear_pieces) struct pieces pieces = {0};
    vdt_status status = vdt_kept_make(&compared->truth, ground->placed.number, &kept, error);
    if (!status)
        status = read_pieces(sides, compared, &kept, &pieces, error);
    struct vdt_ground_input input = {
        .objects = &kept.objects, .feature = pieces.feature, .visible = pieces.visible};
    return status ? status : vdt_ground_merge(ground->placed.areas, &input, &ground->truth, error);
}

static vdt_status merge_predicted(const struct vdt_compared *compared, struct ground *ground,
                                  struct vdt_error *error)
{
    vdt_cleanup(release_kept) struct vdt_kept kept = {0};
    vdt_status status = vdt_kept_make(&compared->predicted, ground->placed.number, &kept, error);
    struct vdt_ground_input input = {.objects = &kept.objects};
    return status ? status
                  : vdt_ground_merge(ground->placed.areas, &input, &ground->predicted, error);
}

/* The confusion matrix and the kinds of errors look at IoUs from 0.1 on. */
static double lowest_threshold(const struct vdt_evaluate_options *options)
{
    double lowest = 0.1;
    for (size_t i = 0; i < options->iou_threshold_count; i++)
        lowest = options->iou_thresholds[i] < lowest ? options->iou_thresholds[i] : lowest;
    return lowest;
}

/* --- ground that does not count ------------------------------------------------------------ */

static void free_ignored(struct vdt_ground_ignored **ignored)
{
    vdt_ground_ignored_free(*ignored);
}

/* The pixels of a tile that masks ignore, or all of a tile without any image. */
static vdt_status add_ignored(const struct vdt_sides *sides, uint32_t unit, uint32_t tile,
                              void *mask, uint8_t *pixels, struct vdt_ground_ignored *ignored,
                              struct vdt_error *error)
{
    const struct vdt_side_sample *sample = &sides->samples[unit];
    struct vdt_store_spec spec = vdt_reader_spec(sides->reader);
    size_t size = (size_t)spec.tile.rows * spec.tile.cols;
    struct vdt_sample row;
    vdt_status status =
        vdt_reader_sample(sides->reader, sample->store_group, sample->index, &row, NULL, error);
    bool empty = !status && row.valid_fraction == 0;
    memset(pixels, empty, size);
    if (status || empty || !(spec.tasks & VDT_SEGMENTATION))
        return status || !empty ? status : vdt_ground_ignored_add(ignored, tile, pixels, error);
    status = vdt_reader_mask(sides->reader, sample->store_group, sample->index, mask, error);
    bool wide = vdt_reader_mask_size(sides->reader) == 2;
    for (size_t i = 0; !status && i < size; i++)
        pixels[i] = wide ? ((const uint16_t *)mask)[i] == VDT_IGNORE_U16
                         : ((const uint8_t *)mask)[i] == VDT_IGNORE_U8;
    return status ? status : vdt_ground_ignored_add(ignored, tile, pixels, error);
}

/* COCO's protocol knows crowds; of the others what lies there goes into an image of no weight. */
static vdt_status ignore_ground(const struct vdt_sides *sides, struct ground *ground, bool crowds,
                                uint32_t *images, struct vdt_error *error)
{
    struct vdt_tile_spec tile = vdt_reader_spec(sides->reader).tile;
    size_t size = (size_t)tile.rows * tile.cols;
    vdt_cleanup(free_ignored) struct vdt_ground_ignored *ignored = NULL;
    vdt_cleanup(vdt_free_pointer) void *mask = vdt_allocate(size, sizeof(uint16_t));
    vdt_cleanup(vdt_free_pointer) uint8_t *pixels = vdt_allocate(size, 1);
    if (mask == NULL || pixels == NULL)
        return vdt_fail_memory(error, "masks");
    vdt_status status = vdt_ground_ignored_open(ground->placed.areas, &ignored, error);
    for (uint32_t i = 0; !status && i < sides->sample_count; i++)
        if (ground->placed.number[i] != UINT32_MAX)
            status = add_ignored(sides, i, ground->placed.number[i], mask, pixels, ignored, error);
    return status ? status
                  : vdt_ground_ignore(ignored, ground->truth, ground->predicted, crowds, images,
                                      error);
}

vdt_status vdt_place_objects(const struct vdt_sides *sides, struct vdt_compared *compared,
                             struct vdt_error *error)
{
    vdt_cleanup(release_ground) struct ground *ground = vdt_allocate_zero(1, sizeof *ground);
    uint32_t images = 0;
    if (ground == NULL)
        return vdt_fail_memory(error, "objects");
    if (sides->reader == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "ground needs a store, which knows places");
    vdt_status status = open_placed(sides, &ground->placed, error);
    if (!status)
        status = merge_truth(sides, compared, ground, error);
    if (!status)
        status = merge_predicted(compared, ground, error);
    if (!status)
        status = vdt_ground_images(ground->truth, ground->predicted,
                                   lowest_threshold(sides->options), &images, error);
    const char *protocol = sides->options->protocol;
    bool crowds = protocol == NULL || strcmp(protocol, "coco") == 0;
    if (!status)
        status = ignore_ground(sides, ground, crowds, &images, error);
    uint32_t *weights = status ? NULL : vdt_allocate(images, sizeof *weights);
    if (!status && weights == NULL)
        status = vdt_fail_memory(error, "objects");
    if (status)
        return status;
    for (uint32_t i = 0; i < images; i++)
        weights[i] = crowds || i + 1 < images;
    free(compared->unit_weights);
    compared->unit_weights = weights;
    compared->unit_count = images;
    compared->on_ground = true;
    compared->truth = *vdt_ground_objects(ground->truth);
    compared->predicted = *vdt_ground_objects(ground->predicted);
    compared->truth_rows = compared->predicted_rows = NULL;
    compared->ground = ground;
    compared->free_ground = free_ground;
    ground = NULL;
    return VDT_OK;
}

/* --- the document -------------------------------------------------------------------------- */

static json_t *counts_document(const struct vdt_ground_merged *merged)
{
    struct vdt_ground_counts counts = vdt_ground_counts(merged);
    json_t *object = json_object();
    json_object_set_new(object, "objects",
                        vdt_document_count(vdt_ground_objects(merged)->count - counts.crowds));
    json_object_set_new(object, "pieces", vdt_document_count(counts.pieces));
    json_object_set_new(object, "outside", vdt_document_count(counts.outside));
    json_object_set_new(object, "joined", vdt_document_count(counts.joined));
    json_object_set_new(object, "cut", vdt_document_count(counts.cut));
    json_object_set_new(object, "ignored", vdt_document_count(counts.ignored));
    return object;
}

json_t *vdt_place_document(const struct vdt_compared *compared)
{
    const struct ground *ground = compared->ground;
    if (ground == NULL)
        return NULL;
    json_t *object = json_object(), *areas = json_array();
    for (uint32_t i = 0; i < vdt_ground_area_count(ground->placed.areas); i++) {
        struct vdt_ground_area area = vdt_ground_area(ground->placed.areas, i);
        json_t *item = json_object();
        json_object_set_new(item, "tiles", vdt_document_count(area.tiles));
        json_object_set_new(item, "unit",
                            json_string(area.metres ? "square_metre" : "square_unit"));
        json_object_set_new(item, "crs", vdt_document_text(area.crs));
        json_array_append_new(areas, item);
    }
    json_object_set_new(object, "areas", areas);
    json_object_set_new(object, "ground_truth", counts_document(ground->truth));
    json_object_set_new(object, "predictions", counts_document(ground->predicted));
    return object;
}

void vdt_place_counts(const struct vdt_scorer *scorer, const uint32_t *weights, json_t *slice)
{
    const struct vdt_detected *detected = scorer->state;
    const struct vdt_objects *truth = &detected->compared.truth;
    const struct vdt_objects *predicted = &detected->compared.predicted;
    uint64_t truths = 0, detections = 0;
    for (uint64_t i = 0; i < truth->count; i++)
        if (!truth->crowd[i] && !truth->ignore[i])
            truths += weights[truth->image[i]];
    for (uint64_t i = 0; i < predicted->count; i++)
        detections += weights[predicted->image[i]];
    json_object_set_new(slice, "ground_truths", vdt_document_count(truths));
    json_object_set_new(slice, "detections", vdt_document_count(detections));
}

/* --- regions ------------------------------------------------------------------------------- */

static void free_regions(struct vdt_ground_regions **regions)
{
    vdt_ground_regions_free(*regions);
}

static void free_pixels(struct vdt_ground_pixels **pixels)
{
    vdt_ground_pixels_free(*pixels);
}

static vdt_status add_names(const struct vdt_ground_regions *regions, char ***names,
                            uint32_t *count, struct vdt_error *error)
{
    for (uint32_t i = 0; i < vdt_ground_region_count(regions); i++) {
        uint32_t at = vdt_name_index(names, count, vdt_ground_region_name(regions, i));
        if (at != i)
            return vdt_fail_memory(error, "regions");
    }
    return VDT_OK;
}

/* A tile is in the region that most of its pixels are in; of equal ones the first. */
static vdt_status tile_regions(const struct vdt_sides *sides, const struct placed *placed,
                               const struct vdt_ground_regions *regions, uint32_t *of,
                               struct vdt_error *error)
{
    struct vdt_tile_spec tile = vdt_reader_spec(sides->reader).tile;
    uint32_t count = vdt_ground_region_count(regions);
    size_t pixels = (size_t)tile.rows * tile.cols;
    vdt_cleanup(free_pixels) struct vdt_ground_pixels *reading = NULL;
    vdt_cleanup(vdt_free_pointer) uint32_t *region = vdt_allocate(pixels, sizeof *region);
    vdt_cleanup(vdt_free_pointer) uint64_t *inside =
        vdt_allocate((size_t)count + 1, sizeof *inside);
    if (region == NULL || inside == NULL)
        return vdt_fail_memory(error, "regions");
    vdt_status status = vdt_ground_pixels_open(placed->areas, regions, &reading, error);
    for (uint32_t i = 0; !status && i < sides->sample_count; i++) {
        if (placed->number[i] == UINT32_MAX)
            continue;
        status = vdt_ground_pixels_tile(reading, placed->number[i], NULL, NULL, region, error);
        memset(inside, 0, ((size_t)count + 1) * sizeof *inside);
        for (size_t k = 0; !status && k < pixels; k++)
            inside[region[k] < count ? region[k] : count]++;
        uint32_t best = count;
        for (uint32_t k = count; k-- > 0;)
            if (inside[k] > 0 && (best == count || inside[k] >= inside[best]))
                best = k;
        of[i] = best < count ? best : VDT_NO_SAMPLE;
    }
    return status;
}

static vdt_status ground_regions(const struct vdt_scorer *scorer,
                                 const struct vdt_ground_regions *regions, uint32_t *of,
                                 struct vdt_error *error)
{
    const struct vdt_detected *detected = scorer->state;
    const struct ground *ground = detected->compared.ground;
    vdt_status status = vdt_ground_image_regions(ground->placed.areas, regions, ground->truth,
                                                 ground->predicted, scorer->unit_count, of, error);
    for (uint32_t i = 0; !status && i < scorer->unit_count; i++)
        if (of[i] >= vdt_ground_region_count(regions))
            of[i] = VDT_NO_SAMPLE;
    return status;
}

vdt_status vdt_place_regions(const struct vdt_scorer *scorer, const struct vdt_sides *sides,
                             char ***names, uint32_t *count, uint32_t *of, struct vdt_error *error)
{
    vdt_cleanup(free_regions) struct vdt_ground_regions *regions = NULL;
    vdt_cleanup(clear_placed) struct placed placed = {0};
    if (sides->options->regions == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "by region: name a file of polygons with names (regions)");
    const char *field = strchr(sides->options->by, ':');
    vdt_status status =
        vdt_ground_regions_open(sides->options->regions, field ? field + 1 : NULL, &regions, error);
    if (!status)
        status = add_names(regions, names, count, error);
    if (status)
        return status;
    if (scorer->on_ground)
        return ground_regions(scorer, regions, of, error);
    status = open_placed(sides, &placed, error);
    return status ? status : tile_regions(sides, &placed, regions, of, error);
}
