/* Crop, flips, turns, bands, layouts: against one pixel after the other, moved the way struct
 * vdt_applied says it in NumPy's words. Values are vdt_convert's, which test_convert.c tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "load/convert.h"
#include "load/transform.h"

static const enum vdt_dtype all_types[] = {
    VDT_UINT8,   VDT_UINT16,  VDT_INT16,    VDT_UINT32, VDT_INT32,  VDT_FLOAT32,
    VDT_FLOAT64, VDT_FLOAT16, VDT_BFLOAT16, VDT_INT8,   VDT_UINT64, VDT_INT64,
};
enum { TYPES = sizeof all_types / sizeof *all_types };

static struct vdt_plan_transform plan_of(const struct vdt_transform *transform,
                                         struct vdt_tile_spec in, enum vdt_axes in_axes)
{
    struct vdt_plan_transform plan;
    struct vdt_error error = {0};
    if (vdt_transform_init(&plan, transform, &in, in_axes, &error) != VDT_OK)
        fail_msg("%s", error.message);
    return plan;
}

/* --- the yardstick: an array of where each pixel comes from ------------------------------------
 */

struct grid {
    size_t rows, cols;
    size_t *from; /* [rows][cols] pixel of the tile */
};

static struct grid new_grid(size_t rows, size_t cols)
{
    struct grid grid = {rows, cols, calloc(rows * cols, sizeof(size_t))};
    assert_non_null(grid.from);
    return grid;
}

/* The moved grid; frees the one that was. */
static struct grid flipped(struct grid old, bool cols)
{
    struct grid moved = new_grid(old.rows, old.cols);
    for (size_t row = 0; row < old.rows; row++)
        for (size_t col = 0; col < old.cols; col++) {
            const size_t from_row = cols ? row : old.rows - 1 - row;
            const size_t from_col = cols ? old.cols - 1 - col : col;
            moved.from[row * old.cols + col] = old.from[from_row * old.cols + from_col];
        }
    free(old.from);
    return moved;
}

/* The last column becomes the first row, as np.rot90 has it. */
static struct grid turned(struct grid old)
{
    struct grid moved = new_grid(old.cols, old.rows);
    for (size_t row = 0; row < moved.rows; row++)
        for (size_t col = 0; col < moved.cols; col++)
            moved.from[row * moved.cols + col] = old.from[col * old.cols + old.cols - 1 - row];
    free(old.from);
    return moved;
}

static struct grid grid_of(const struct vdt_plan_transform *plan, const struct vdt_applied *applied)
{
    struct grid grid = new_grid(plan->out.rows, plan->out.cols);
    for (size_t row = 0; row < grid.rows; row++)
        for (size_t col = 0; col < grid.cols; col++)
            grid.from[row * grid.cols + col] =
                (applied->row + row) * plan->in.cols + applied->col + col;
    if (applied->flip_cols)
        grid = flipped(grid, true);
    if (applied->flip_rows)
        grid = flipped(grid, false);
    for (int i = 0; i < applied->turns; i++)
        grid = turned(grid);
    return grid;
}

/* Index of a value in an image. */
static size_t index_of(const struct vdt_tile_spec *tile, enum vdt_axes axes, size_t band,
                       size_t pixel)
{
    return axes == VDT_AXES_HWC ? pixel * tile->bands + band
                                : band * tile->rows * tile->cols + pixel;
}

static void reference(const struct vdt_plan_transform *plan, const struct vdt_transform *transform,
                      enum vdt_axes in_axes, const struct vdt_applied *applied,
                      const unsigned char *in, unsigned char *out)
{
    struct grid grid = grid_of(plan, applied);
    const enum vdt_axes out_axes = transform->axes == VDT_AXES_STORED ? in_axes : transform->axes;
    for (size_t band = 0; band < plan->out.bands; band++) {
        const size_t from_band = transform->bands == NULL ? band : transform->bands[band];
        struct vdt_conversion conversion = {.from = plan->in.dtype, .to = plan->out.dtype};
        if (transform->std != NULL) {
            conversion.scaled = true;
            conversion.factor = transform->scale / transform->std[band];
            conversion.offset = transform->mean[band] / transform->scale;
        }
        for (size_t pixel = 0; pixel < grid.rows * grid.cols; pixel++)
            vdt_convert(&conversion,
                        in + index_of(&plan->in, in_axes, from_band, grid.from[pixel]) *
                                 vdt_dtype_size(plan->in.dtype),
                        1,
                        out + index_of(&plan->out, out_axes, band, pixel) *
                                  vdt_dtype_size(plan->out.dtype));
    }
    free(grid.from);
}

/* Image and two kinds of pixels, read and written at odd addresses in memory of just their size. */
static void check(const struct vdt_transform *transform, struct vdt_tile_spec in,
                  enum vdt_axes in_axes, const struct vdt_applied *applied)
{
    struct vdt_plan_transform plan = plan_of(transform, in, in_axes);
    unsigned char *from = malloc(plan.in_bytes + 1), *to = malloc(plan.out_bytes + 1);
    unsigned char *expected = malloc(plan.out_bytes);
    assert_true(from != NULL && to != NULL && expected != NULL);
    for (size_t i = 0; i <= plan.in_bytes; i++)
        from[i] = (unsigned char)(vdt_mix(i) >> 17);
    reference(&plan, transform, in_axes, applied, from + 1, expected);
    vdt_transform_image(&plan, applied, from + 1, to + 1);
    assert_memory_equal(to + 1, expected, plan.out_bytes);
    if (plan.image_as_is)
        assert_memory_equal(from + 1, expected, plan.out_bytes);

    struct grid grid = grid_of(&plan, applied);
    const size_t pixels = grid.rows * grid.cols;
    uint16_t *in_pixels = malloc((size_t)in.rows * in.cols * 2), *out_pixels = malloc(pixels * 2);
    assert_true(in_pixels != NULL && out_pixels != NULL);
    for (size_t i = 0; i < (size_t)in.rows * in.cols; i++)
        in_pixels[i] = (uint16_t)vdt_mix(i);
    vdt_transform_pixels(&plan, applied, in_pixels, 2, out_pixels);
    for (size_t i = 0; i < pixels; i++)
        assert_int_equal(out_pixels[i], in_pixels[grid.from[i]]);
    vdt_transform_pixels(&plan, applied, in_pixels, 1, out_pixels);
    for (size_t i = 0; i < pixels; i++)
        assert_int_equal(((uint8_t *)out_pixels)[i], ((uint8_t *)in_pixels)[grid.from[i]]);
    if (plan.labels_as_is)
        for (size_t i = 0; i < pixels; i++)
            assert_int_equal(grid.from[i], i);
    free(grid.from);
    free(in_pixels);
    free(out_pixels);
    free(from);
    free(to);
    free(expected);
    vdt_transform_clear(&plan);
}

static const double means[] = {0.5, -3, 100.25, 7, 0, 1e-3, 12};
static const double stds[] = {1, 0.229, 33.3, 2, 1e-2, 4, 5};

/* Every flip and turn of a shape. */
static void check_all_ways(struct vdt_transform transform, struct vdt_tile_spec in,
                           enum vdt_axes in_axes, uint32_t row, uint32_t col)
{
    const uint32_t rows = transform.crop_rows == 0 ? in.rows : transform.crop_rows;
    const uint32_t cols = transform.crop_cols == 0 ? in.cols : transform.crop_cols;
    for (uint8_t way = 0; way < (rows == cols ? 16 : 4); way++) {
        const struct vdt_applied applied = {row, col, way & 1, way >> 1 & 1, way >> 2, 0};
        transform.augment = way & 3;
        if (way >> 2)
            transform.augment |= VDT_ROTATE;
        check(&transform, in, in_axes, &applied);
    }
}

/* --- images ------------------------------------------------------------------------------------
 */

static void all_types_axes_flips_and_turns(void **state)
{
    (void)state;
    static const enum vdt_axes axes[] = {VDT_AXES_STORED, VDT_AXES_CHW, VDT_AXES_HWC};
    for (size_t t = 0; t < TYPES; t++)
        for (size_t a = 0; a < 6; a++) {
            const enum vdt_axes in_axes = a % 2 ? VDT_AXES_HWC : VDT_AXES_CHW;
            struct vdt_transform transform = {.axes = axes[a / 2]};
            check_all_ways(transform, (struct vdt_tile_spec){3, 5, 5, all_types[t]}, in_axes, 0, 0);
            check_all_ways(transform, (struct vdt_tile_spec){2, 4, 7, all_types[t]}, in_axes, 0, 0);
            transform.dtype = VDT_FLOAT16;
            transform.scale = 1 / 255.0;
            transform.mean = means;
            transform.std = stds;
            check_all_ways(transform, (struct vdt_tile_spec){4, 3, 3, all_types[t]}, in_axes, 0, 0);
        }
}

static void all_pairs_of_types(void **state)
{
    (void)state;
    for (size_t f = 0; f < TYPES; f++)
        for (size_t t = 0; t < TYPES; t++) {
            if (vdt_is_integer(all_types[t]) && !vdt_is_integer(all_types[f]))
                continue;
            for (int axes = VDT_AXES_CHW; axes <= VDT_AXES_HWC; axes++) {
                const struct vdt_transform transform = {
                    .dtype = all_types[t], .axes = axes, .crop_rows = 4, .crop_cols = 4};
                check_all_ways(transform, (struct vdt_tile_spec){3, 6, 5, all_types[f]},
                               VDT_AXES_CHW, 2, 1);
            }
        }
}

/* One pixel, one row, one column, around the sizes of pieces, and longer than any. */
static void all_sizes(void **state)
{
    (void)state;
    static const uint32_t sizes[][2] = {{1, 1},    {1, 9},    {9, 1},   {31, 31},  {32, 32},
                                        {33, 33},  {64, 65},  {70, 70}, {2, 1023}, {2, 1024},
                                        {3, 1025}, {1, 2500}, {130, 2}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (unsigned a = 0; a < 8; a++) {
            const struct vdt_tile_spec in = {3, sizes[s][0], sizes[s][1],
                                             a & 4 ? VDT_UINT16 : VDT_UINT8};
            struct vdt_transform transform = {.axes = a & 1 ? VDT_AXES_CHW : VDT_AXES_HWC};
            check_all_ways(transform, in, a & 2 ? VDT_AXES_CHW : VDT_AXES_HWC, 0, 0);
            transform.dtype = VDT_FLOAT32;
            check_all_ways(transform, in, a & 2 ? VDT_AXES_CHW : VDT_AXES_HWC, 0, 0);
        }
}

/* All of it at once, by chance. */
static void any_combination(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 3000; i++) {
        const uint64_t chance = vdt_mix2(i, 1);
        const struct vdt_tile_spec in = {1 + (uint32_t)(chance % 7), 1 + (chance >> 8) % 75,
                                         1 + (chance >> 16) % 75,
                                         all_types[(chance >> 24) % TYPES]};
        uint32_t bands[7];
        const size_t band_count = 1 + (chance >> 32) % 7;
        for (size_t band = 0; band < band_count; band++)
            bands[band] = (uint32_t)(vdt_mix2(i, 10 + band) % in.bands);
        struct vdt_transform transform = {
            .crop_rows = 1 + (uint32_t)(vdt_mix2(i, 2) % in.rows),
            .crop_cols = 1 + (uint32_t)(vdt_mix2(i, 3) % in.cols),
            .dtype = all_types[vdt_mix2(i, 4) % TYPES],
            .axes = (enum vdt_axes)(vdt_mix2(i, 5) % 3),
        };
        if (vdt_mix2(i, 6) & 1) {
            transform.bands = bands;
            transform.band_count = band_count;
        }
        if (vdt_mix2(i, 6) & 2) /* a square, for turns */
            transform.crop_rows = transform.crop_cols = transform.crop_rows < transform.crop_cols
                                                            ? transform.crop_rows
                                                            : transform.crop_cols;
        if (vdt_is_integer(transform.dtype) && !vdt_is_integer(in.dtype))
            transform.dtype = 0;
        const enum vdt_dtype out = transform.dtype == 0 ? in.dtype : transform.dtype;
        if (!vdt_is_integer(out) && vdt_mix2(i, 6) & 4) {
            transform.scale = 0.01;
            transform.mean = means;
            transform.std = stds;
        }
        const bool square = transform.crop_rows == transform.crop_cols;
        const struct vdt_applied applied = {
            .row = (uint32_t)(vdt_mix2(i, 7) % (in.rows - transform.crop_rows + 1)),
            .col = (uint32_t)(vdt_mix2(i, 8) % (in.cols - transform.crop_cols + 1)),
            .flip_cols = vdt_mix2(i, 9) & 1,
            .flip_rows = vdt_mix2(i, 9) >> 1 & 1,
            .turns = square ? vdt_mix2(i, 9) >> 2 & 3 : 0,
        };
        transform.augment = VDT_FLIP_COLS | VDT_FLIP_ROWS | (square ? VDT_ROTATE : 0);
        check(&transform, in, vdt_mix2(i, 6) & 8 ? VDT_AXES_HWC : VDT_AXES_CHW, &applied);
    }
}

static void many_bands_in_any_layout(void **state)
{
    (void)state;
    for (uint32_t bands = 1; bands <= 13; bands++)
        for (unsigned a = 0; a < 4; a++) {
            const struct vdt_transform transform = {.dtype = VDT_FLOAT32,
                                                    .axes = a & 1 ? VDT_AXES_CHW : VDT_AXES_HWC};
            check_all_ways(transform, (struct vdt_tile_spec){bands, 6, 6, VDT_UINT16},
                           a & 2 ? VDT_AXES_CHW : VDT_AXES_HWC, 0, 0);
        }
}

/* The formula of the public header itself. */
static void images_are_normalised(void **state)
{
    (void)state;
    const uint8_t in[] = {0, 51, 102, 255, 1, 2, 3, 4};
    const uint32_t bands[] = {1, 0};
    const double mean[] = {0.5, 0.25}, std[] = {0.5, 2};
    const struct vdt_transform transform = {.bands = bands,
                                            .band_count = 2,
                                            .dtype = VDT_FLOAT32,
                                            .scale = 1 / 255.0,
                                            .mean = mean,
                                            .std = std};
    struct vdt_plan_transform plan =
        plan_of(&transform, (struct vdt_tile_spec){2, 2, 2, VDT_UINT8}, VDT_AXES_CHW);
    float out[8];
    vdt_transform_image(&plan, &(struct vdt_applied){0}, in, out);
    for (size_t i = 0; i < 4; i++) {
        assert_true(fabs((double)out[i] - (in[4 + i] / 255.0 - 0.5) / 0.5) < 1e-6);
        assert_true(fabs((double)out[4 + i] - (in[i] / 255.0 - 0.25) / 2) < 1e-6);
    }
    vdt_transform_clear(&plan);
}

/* What float32 holds of a value and of its mean is not lost by subtracting them. */
static void values_near_a_large_mean_keep_their_digits(void **state)
{
    (void)state;
    const float in[] = {9999997, 9999999, 10000000, 10000001, 10000004, 10000300};
    enum { COUNT = sizeof in / sizeof in[0] };
    const double mean = 1e7, std = 3;
    const struct vdt_transform transform = {.mean = &mean, .std = &std};
    struct vdt_plan_transform plan =
        plan_of(&transform, (struct vdt_tile_spec){1, 1, COUNT, VDT_FLOAT32}, VDT_AXES_CHW);
    float out[COUNT];
    vdt_transform_image(&plan, &(struct vdt_applied){0}, in, out);
    for (size_t i = 0; i < COUNT; i++)
        assert_true(fabs(out[i] - (in[i] - mean) / std) <= 1e-6 * fabs(in[i] - mean));
    vdt_transform_clear(&plan);
}

static void as_is_says_when_nothing_changes(void **state)
{
    (void)state;
    static const uint32_t order[] = {0, 1}, swapped[] = {1, 0};
    static const double ones[] = {1, 1};
    const struct {
        struct vdt_transform transform;
        bool image, labels;
    } cases[] = {
        {{0}, true, true},
        {{.scale = 1, .dtype = VDT_UINT8, .crop_rows = 4, .crop_cols = 5}, true, true},
        {{.bands = order, .band_count = 2, .axes = VDT_AXES_CHW}, true, true},
        {{.bands = swapped, .band_count = 2}, false, true},
        {{.bands = order, .band_count = 1}, false, true},
        {{.axes = VDT_AXES_HWC}, false, true},
        {{.dtype = VDT_INT8}, false, true},
        {{.dtype = VDT_FLOAT32, .std = ones}, false, true},
        {{.crop_rows = 3}, false, false},
        {{.crop_cols = 3, .crop = VDT_CROP_RANDOM}, false, false},
        {{.augment = VDT_FLIP_ROWS}, false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct vdt_plan_transform plan =
            plan_of(&cases[i].transform, (struct vdt_tile_spec){2, 4, 5, VDT_UINT8}, VDT_AXES_CHW);
        assert_int_equal(plan.image_as_is, cases[i].image);
        assert_int_equal(plan.labels_as_is, cases[i].labels);
        vdt_transform_clear(&plan);
    }
    /* One band lies the same way on all axes. */
    struct vdt_plan_transform plan =
        plan_of(&(struct vdt_transform){.axes = VDT_AXES_HWC},
                (struct vdt_tile_spec){1, 4, 5, VDT_UINT8}, VDT_AXES_CHW);
    assert_true(plan.image_as_is && plan.out_axes == VDT_AXES_HWC);
    vdt_transform_clear(&plan);
}

/* --- chance -------------------------------------------------------------------------------------
 */

enum { DRAWS = 64000 };

static double chi_square(const uint32_t *counts, size_t cells)
{
    const double expected = (double)DRAWS / (double)cells;
    double sum = 0;
    for (size_t i = 0; i < cells; i++)
        sum += (counts[i] - expected) * (counts[i] - expected) / expected;
    return sum;
}

/* Seeds are fixed, so this is the same in every run; 4.5 standard deviations by the Wilson-Hilferty
 * approximation are far more than chance would make of it. */
static void assert_uniform(const uint32_t *counts, size_t cells)
{
    const double freedom = (double)cells - 1, part = 2 / (9 * freedom);
    const double limit = freedom * pow(1 - part + 4.5 * sqrt(part), 3);
    const double lower = freedom * pow(1 - part - 3.5 * sqrt(part), 3);
    const double found = chi_square(counts, cells);
    assert_true(found < limit);
    assert_true(found > lower);
}

static struct vdt_plan_transform random_plan(void)
{
    const struct vdt_transform transform = {.crop_rows = 7,
                                            .crop_cols = 7,
                                            .crop = VDT_CROP_RANDOM,
                                            .augment = VDT_FLIP_COLS | VDT_FLIP_ROWS | VDT_ROTATE};
    return plan_of(&transform, (struct vdt_tile_spec){1, 9, 11, VDT_UINT8}, VDT_AXES_CHW);
}

/* All choices together in one table of 3 x 5 x 2 x 2 x 4: each is uniform and independent. */
static void choices_are_uniform_and_independent(void **state)
{
    (void)state;
    enum { CELLS = 3 * 5 * 2 * 2 * 4 };
    struct vdt_plan_transform plan = random_plan();
    for (unsigned along = 0; along < 3; along++) { /* positions, epochs, seeds */
        uint32_t counts[CELLS] = {0};
        for (uint64_t i = 0; i < DRAWS; i++) {
            const struct vdt_applied applied = vdt_transform_choose(
                &plan, along == 2 ? i : 1, along == 1 ? i : 2, along == 0 ? i : 3);
            assert_true(applied.row < 3 && applied.col < 5 && applied.flip_cols < 2 &&
                        applied.flip_rows < 2 && applied.turns < 4 && applied.unused == 0);
            counts[(((applied.row * 5 + applied.col) * 2 + applied.flip_cols) * 2 +
                    applied.flip_rows) *
                       4 +
                   applied.turns]++;
        }
        assert_uniform(counts, CELLS);
    }
    vdt_transform_clear(&plan);
}

/* What one position gets says nothing about the next. */
static void neighbours_are_independent(void **state)
{
    (void)state;
    struct vdt_plan_transform plan = random_plan();
    uint32_t counts[16 * 16] = {0};
    for (uint64_t i = 0; i < DRAWS; i++) {
        unsigned cell = 0;
        for (unsigned k = 0; k < 2; k++) {
            const struct vdt_applied applied = vdt_transform_choose(&plan, 5, 6, 2 * i + k);
            cell = cell * 16 + applied.flip_cols * 8U + applied.flip_rows * 4U + applied.turns;
        }
        counts[cell]++;
    }
    assert_uniform(counts, 16 * 16);
    vdt_transform_clear(&plan);
}

/* A resumed run must go on with the same choices, also in a later version. */
static void choices_never_change(void **state)
{
    (void)state;
    struct vdt_plan_transform plan = random_plan();
    static const struct vdt_applied expected[] = {{1, 0, 1, 0, 2, 0}, {0, 0, 0, 0, 2, 0},
                                                  {2, 0, 0, 1, 3, 0}, {1, 3, 1, 0, 1, 0},
                                                  {0, 0, 0, 0, 2, 0}, {1, 3, 1, 1, 0, 0}};
    static const struct vdt_applied far = {2, 2, 1, 1, 0, 0};
    for (uint64_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const struct vdt_applied applied = vdt_transform_choose(&plan, 1, 0, i);
        assert_memory_equal(&applied, &expected[i], sizeof applied);
    }
    const struct vdt_applied applied =
        vdt_transform_choose(&plan, UINT64_MAX, 9, UINT64_C(1) << 40);
    assert_memory_equal(&applied, &far, sizeof applied);
    vdt_transform_clear(&plan);
}

static void only_what_is_asked_for_is_chosen(void **state)
{
    (void)state;
    for (uint32_t augment = 0; augment < 8; augment++) {
        const struct vdt_transform transform = {.crop_rows = 6, .crop_cols = 6, .augment = augment};
        struct vdt_plan_transform plan =
            plan_of(&transform, (struct vdt_tile_spec){1, 9, 10, VDT_UINT8}, VDT_AXES_CHW);
        uint32_t seen = 0;
        for (uint64_t i = 0; i < 100; i++) {
            const struct vdt_applied applied = vdt_transform_choose(&plan, 1, 2, i);
            assert_int_equal(applied.row, 1); /* the middle, or the half pixel before it */
            assert_int_equal(applied.col, 2);
            seen |= applied.flip_cols ? VDT_FLIP_COLS : 0;
            seen |= applied.flip_rows ? VDT_FLIP_ROWS : 0;
            seen |= applied.turns ? VDT_ROTATE : 0;
        }
        assert_int_equal(seen, augment);
        vdt_transform_clear(&plan);
    }
}

/* --- refusals ------------------------------------------------------------------------------------
 */

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    static const uint32_t bands[] = {0, 3};
    static const double bad_mean[] = {0, 0, NAN}, zero[] = {1, 0, 1}, negative[] = {1, 1, -2};
    static const double infinite[] = {INFINITY, 1, 1}, ones[] = {1, 1, 1};
    const struct {
        struct vdt_transform transform;
        const char *what, *remedy;
    } cases[] = {
        {{.crop_rows = 9}, "crop: 9 x 12 is larger than the tiles of 8 x 12", "at most"},
        {{.crop_cols = UINT32_MAX}, "crop: 8 x 4294967295", "at most"},
        {{.crop = 2}, "crop: no kind 2", "VDT_CROP_CENTER"},
        {{.bands = bands, .band_count = 2}, "no band 3 in images of 3", "from 0 to 2"},
        {{.band_count = 2}, "bands: 2 of them but no list", "count of 0"},
        {{.bands = bands}, "bands: a list of 0", "at least one"},
        {{.augment = 8}, "augment: unknown bits 0x8", "VDT_ROTATE"},
        {{.augment = VDT_ROTATE}, "turns need square images, these are 8 x 12", "crop them"},
        {{.augment = VDT_ROTATE, .crop_rows = 4, .crop_cols = 5}, "these are 4 x 5", "crop them"},
        {{.axes = 3}, "axes: no kind 3", "VDT_AXES_CHW"},
        {{.dtype = 13}, "dtype: no type 13", "enum vdt_dtype"},
        {{.scale = 0.5}, "images are uint8", "float32"},
        {{.mean = ones}, "images are uint8", "float32"},
        {{.dtype = VDT_INT16, .std = ones}, "images are int16", "float32"},
        {{.dtype = VDT_FLOAT32, .scale = NAN}, "scale: nan", "finite"},
        {{.dtype = VDT_FLOAT32, .mean = bad_mean}, "mean: nan for band 2", "finite"},
        {{.dtype = VDT_FLOAT32, .std = zero}, "std: 0 for band 1", "above 0"},
        {{.dtype = VDT_FLOAT32, .std = negative}, "std: -2 for band 2", "above 0"},
        {{.dtype = VDT_FLOAT32, .std = infinite}, "std: inf for band 0", "above 0"},
        {{.dtype = VDT_FLOAT32, .std = bad_mean}, "std: 0 for band 0", "above 0"},
    };
    const struct vdt_tile_spec in = {3, 8, 12, VDT_UINT8};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct vdt_plan_transform plan;
        struct vdt_error error = {0};
        assert_int_equal(vdt_transform_init(&plan, &cases[i].transform, &in, VDT_AXES_CHW, &error),
                         VDT_ERR_ARGUMENT);
        if (strstr(error.message, cases[i].what) == NULL ||
            strstr(error.message, cases[i].remedy) == NULL)
            fail_msg("case %zu: %s", i, error.message);
        vdt_transform_clear(&plan); /* empty */
    }
}

static void fractions_are_not_thrown_away(void **state)
{
    (void)state;
    static const enum vdt_dtype floats[] = {VDT_FLOAT32, VDT_FLOAT64, VDT_FLOAT16, VDT_BFLOAT16};
    for (size_t i = 0; i < 4; i++) {
        const struct vdt_tile_spec in = {1, 2, 2, floats[i]};
        const struct vdt_transform transform = {.dtype = VDT_INT32};
        struct vdt_plan_transform plan;
        struct vdt_error error = {0};
        assert_int_equal(vdt_transform_init(&plan, &transform, &in, VDT_AXES_CHW, &error),
                         VDT_ERR_ARGUMENT);
        assert_non_null(strstr(error.message, "cannot become int32"));
        assert_non_null(strstr(error.message, vdt_dtype_name(floats[i])));
    }
}

static void hostile_sizes_are_refused(void **state)
{
    (void)state;
    const struct vdt_tile_spec in = {UINT32_MAX, UINT32_MAX, UINT32_MAX, VDT_FLOAT64};
    struct vdt_plan_transform plan;
    assert_int_equal(vdt_transform_init(&plan, &(struct vdt_transform){0}, &in, VDT_AXES_CHW, NULL),
                     VDT_ERR_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_types_axes_flips_and_turns),
        cmocka_unit_test(all_pairs_of_types),
        cmocka_unit_test(all_sizes),
        cmocka_unit_test(any_combination),
        cmocka_unit_test(many_bands_in_any_layout),
        cmocka_unit_test(images_are_normalised),
        cmocka_unit_test(values_near_a_large_mean_keep_their_digits),
        cmocka_unit_test(as_is_says_when_nothing_changes),
        cmocka_unit_test(choices_are_uniform_and_independent),
        cmocka_unit_test(neighbours_are_independent),
        cmocka_unit_test(choices_never_change),
        cmocka_unit_test(only_what_is_asked_for_is_chosen),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(fractions_are_not_thrown_away),
        cmocka_unit_test(hostile_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
