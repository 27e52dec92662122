/* What may be asked of a transform, and what chance makes of it for a sample. */
#include "load/transform.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/random.h"
#include "load/convert.h"

static vdt_status check_bands(const struct vdt_transform *transform, const struct vdt_tile_spec *in,
                              struct vdt_error *error)
{
    if (transform->bands == NULL && transform->band_count > 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "bands: %zu of them but no list; give their numbers, or a count of 0 for "
                        "all bands",
                        transform->band_count);
    if (transform->bands == NULL)
        return VDT_OK;
    if (transform->band_count == 0 || transform->band_count > UINT32_MAX)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "bands: a list of %zu; give at least one band, or no list for all",
                        transform->band_count);
    for (size_t i = 0; i < transform->band_count; i++)
        if (transform->bands[i] >= in->bands)
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "bands: no band %lu in images of %lu; they are numbered from 0 to %lu",
                            (unsigned long)transform->bands[i], (unsigned long)in->bands,
                            (unsigned long)in->bands - 1);
    return VDT_OK;
}

static vdt_status check_shape(const struct vdt_transform *transform, const struct vdt_tile_spec *in,
                              const struct vdt_tile_spec *out, struct vdt_error *error)
{
    if (out->rows > in->rows || out->cols > in->cols)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "crop: %lu x %lu is larger than the tiles of %lu x %lu (rows x cols); ask "
                        "for at most their size",
                        (unsigned long)out->rows, (unsigned long)out->cols, (unsigned long)in->rows,
                        (unsigned long)in->cols);
    if (transform->crop != VDT_CROP_CENTER && transform->crop != VDT_CROP_RANDOM)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "crop: no kind %d; VDT_CROP_CENTER or _RANDOM",
                        (int)transform->crop);
    if (transform->augment & ~(uint32_t)(VDT_FLIP_COLS | VDT_FLIP_ROWS | VDT_ROTATE))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "augment: unknown bits 0x%lx; VDT_FLIP_COLS, VDT_FLIP_ROWS, VDT_ROTATE",
                        (unsigned long)transform->augment);
    if (transform->augment & VDT_ROTATE && out->rows != out->cols)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "augment: turns need square images, these are %lu x %lu (rows x cols); "
                        "crop them to a square, or leave the turns out",
                        (unsigned long)out->rows, (unsigned long)out->cols);
    if (transform->axes != VDT_AXES_STORED && transform->axes != VDT_AXES_CHW &&
        transform->axes != VDT_AXES_HWC)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "axes: no kind %d; VDT_AXES_CHW or _HWC",
                        (int)transform->axes);
    return VDT_OK;
}

/* Scale 1 and no mean and std: values are only converted. */
static bool is_scaled(const struct vdt_transform *transform)
{
    return (transform->scale != 0 && transform->scale != 1) || transform->mean != NULL ||
           transform->std != NULL;
}

static vdt_status check_values(const struct vdt_transform *transform,
                               const struct vdt_tile_spec *in, const struct vdt_tile_spec *out,
                               struct vdt_error *error)
{
    const char *from = vdt_dtype_name(in->dtype), *to = vdt_dtype_name(out->dtype);
    if (vdt_dtype_size(out->dtype) == 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "dtype: no type %d; see enum vdt_dtype",
                        (int)out->dtype);
    if (vdt_is_integer(out->dtype) && is_scaled(transform))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "scale, mean, std: images are %s and would be rounded to whole numbers; "
                        "ask for a float type as dtype, such as float32",
                        to);
    if (vdt_is_integer(out->dtype) && !vdt_is_integer(in->dtype))
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "dtype: %s images cannot become %s without losing their fractions; ask "
                        "for a float type",
                        from, to);
    if (!isfinite(transform->scale))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "scale: %g; give a finite number",
                        transform->scale);
    for (uint32_t i = 0; i < out->bands; i++) {
        if (transform->mean != NULL && !isfinite(transform->mean[i]))
            return vdt_fail(error, VDT_ERR_ARGUMENT, "mean: %g for band %lu; give finite numbers",
                            transform->mean[i], (unsigned long)i);
        if (transform->std != NULL && !(isfinite(transform->std[i]) && transform->std[i] > 0))
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "std: %g for band %lu; give finite numbers above 0, 1 for a band that "
                            "is to stay as it is",
                            transform->std[i], (unsigned long)i);
    }
    return VDT_OK;
}

static struct vdt_tile_spec output_spec(const struct vdt_transform *transform,
                                        const struct vdt_tile_spec *in)
{
    return (struct vdt_tile_spec){
        .bands = transform->bands == NULL ? in->bands : (uint32_t)transform->band_count,
        .rows = transform->crop_rows == 0 ? in->rows : transform->crop_rows,
        .cols = transform->crop_cols == 0 ? in->cols : transform->crop_cols,
        .dtype = transform->dtype == 0 ? in->dtype : transform->dtype,
    };
}

/* false: more than memory can have. */
static bool image_bytes(const struct vdt_tile_spec *tile, size_t *bytes)
{
    return !__builtin_mul_overflow(tile->bands, (size_t)tile->rows, bytes) &&
           !__builtin_mul_overflow(*bytes, (size_t)tile->cols, bytes) &&
           !__builtin_mul_overflow(*bytes, vdt_dtype_size(tile->dtype), bytes) &&
           *bytes <= PTRDIFF_MAX;
}

/* Fills the arrays; false when memory is out. */
static bool resolve_bands(struct vdt_plan_transform *plan, const struct vdt_transform *transform)
{
    const double scale = transform->scale == 0 ? 1 : transform->scale;
    plan->bands = vdt_allocate(plan->out.bands, sizeof *plan->bands);
    if (is_scaled(transform)) {
        plan->factor = vdt_allocate(plan->out.bands, sizeof *plan->factor);
        plan->offset = vdt_allocate(plan->out.bands, sizeof *plan->offset);
    }
    if (plan->bands == NULL ||
        (is_scaled(transform) && (plan->factor == NULL || plan->offset == NULL)))
        return false;

    plan->pixels_alike = plan->out.bands == plan->in.bands;
    for (uint32_t i = 0; i < plan->out.bands; i++) {
        plan->bands[i] = transform->bands == NULL ? i : transform->bands[i];
        plan->pixels_alike = plan->pixels_alike && plan->bands[i] == i;
        if (plan->factor == NULL)
            continue;
        const double std = transform->std == NULL ? 1 : transform->std[i];
        plan->factor[i] = scale / std;
        plan->offset[i] = transform->mean == NULL ? 0 : transform->mean[i] / scale;
        plan->pixels_alike = plan->pixels_alike && plan->factor[i] == plan->factor[0] &&
                             plan->offset[i] == plan->offset[0];
    }
    return true;
}

vdt_status vdt_transform_init(struct vdt_plan_transform *plan,
                              const struct vdt_transform *transform, const struct vdt_tile_spec *in,
                              enum vdt_axes in_axes, struct vdt_error *error)
{
    *plan = (struct vdt_plan_transform){0};
    vdt_status status = check_bands(transform, in, error);
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_transform_clear) struct vdt_plan_transform made = {
        .in = *in,
        .in_axes = in_axes,
        .out = output_spec(transform, in),
        .out_axes = transform->axes == VDT_AXES_STORED ? in_axes : transform->axes,
        .crop = transform->crop,
        .augment = transform->augment,
    };
    status = check_shape(transform, in, &made.out, error);
    if (status == VDT_OK)
        status = check_values(transform, in, &made.out, error);
    if (status != VDT_OK)
        return status;
    if (!image_bytes(&made.in, &made.in_bytes) || !image_bytes(&made.out, &made.out_bytes) ||
        !resolve_bands(&made, transform))
        return vdt_fail_memory(error, "transform of images");

    /* One band lies the same way on all axes. */
    if (made.in.bands == 1 && made.out.bands == 1)
        made.in_axes = made.out_axes;
    made.labels_as_is = made.augment == 0 && made.out.rows == in->rows && made.out.cols == in->cols;
    made.image_as_is = made.labels_as_is && made.pixels_alike && made.factor == NULL &&
                       made.out.dtype == in->dtype && made.out_axes == made.in_axes;
    *plan = made;
    made = (struct vdt_plan_transform){0};
    return VDT_OK;
}

void vdt_transform_clear(struct vdt_plan_transform *plan)
{
    free(plan->bands);
    free(plan->factor);
    free(plan->offset);
    *plan = (struct vdt_plan_transform){0};
}

/* A number below `count`, at most 2^32, from a hash. A count of thousands prefers no number by more
 * than some 2^-20 of its share. */
static uint32_t below(uint64_t hash, uint64_t count)
{
    return (uint32_t)((hash >> 32) * count >> 32);
}

struct vdt_applied vdt_transform_choose(const struct vdt_plan_transform *plan, uint64_t seed,
                                        uint64_t epoch, uint64_t position)
{
    /* Other numbers than those that the order of the epoch comes from. */
    const uint64_t stream = UINT64_C(0x7472616e73666f72);
    const uint64_t key = vdt_mix2(vdt_mix2(vdt_mix2(seed, stream), epoch), position);
    const uint64_t more_rows = plan->in.rows - plan->out.rows;
    const uint64_t more_cols = plan->in.cols - plan->out.cols;
    struct vdt_applied applied = {.row = (uint32_t)(more_rows / 2),
                                  .col = (uint32_t)(more_cols / 2)};
    if (plan->crop == VDT_CROP_RANDOM) {
        applied.row = below(vdt_mix2(key, 0), more_rows + 1);
        applied.col = below(vdt_mix2(key, 1), more_cols + 1);
    }
    if (plan->augment & VDT_FLIP_COLS)
        applied.flip_cols = (uint8_t)below(vdt_mix2(key, 2), 2);
    if (plan->augment & VDT_FLIP_ROWS)
        applied.flip_rows = (uint8_t)below(vdt_mix2(key, 3), 2);
    if (plan->augment & VDT_ROTATE)
        applied.turns = (uint8_t)below(vdt_mix2(key, 4), 4);
    return applied;
}
