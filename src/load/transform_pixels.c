/* Crop, flips and turns are one walk over the input with a step to the right and one down; values
 * are then converted, and bands interleaved, in pieces that stay in the cache. */
#include "load/convert.h"
#include "load/gather.h"
#include "load/transform.h"

enum {
    TOGETHER = 4,       /* bands interleaved at once */
    PIECE_BYTES = 8192, /* of one band */
    ROW_COLS = 1024,    /* pixels of a piece of one row, of 8 bytes at most */
    TURN_COLS = 256     /* of a piece of a turn, which has as many rows as there is room for */
};

/* --- where pixels come from ------------------------------------------------------------------- */

struct place {
    int64_t row, col;
};

/* The input's pixel for one of the output: the steps of struct vdt_applied, backwards. */
static struct place source_of(const struct vdt_plan_transform *plan,
                              const struct vdt_applied *applied, int64_t row, int64_t col)
{
    struct place at = {row, col};
    for (int i = 0; i < applied->turns; i++)
        at = (struct place){at.col, (int64_t)plan->out.cols - 1 - at.row};
    if (applied->flip_rows)
        at.row = (int64_t)plan->out.rows - 1 - at.row;
    if (applied->flip_cols)
        at.col = (int64_t)plan->out.cols - 1 - at.col;
    return (struct place){at.row + applied->row, at.col + applied->col};
}

/* col_step: values from a pixel to its right neighbour in the input. */
static struct vdt_walk start_walk(const struct vdt_plan_transform *plan,
                                  const struct vdt_applied *applied, const void *in,
                                  size_t col_step, size_t size)
{
    const int64_t across = (int64_t)col_step, down = (int64_t)plan->in.cols * across;
    const struct place first = source_of(plan, applied, 0, 0);
    const struct place below = source_of(plan, applied, 1, 0);
    const struct place beside = source_of(plan, applied, 0, 1);
    const int64_t origin = first.row * down + first.col * across;
    return (struct vdt_walk){
        .origin = (const unsigned char *)in + (size_t)origin * size,
        .down = (ptrdiff_t)((below.row - first.row) * down + (below.col - first.col) * across),
        .right = (ptrdiff_t)((beside.row - first.row) * down + (beside.col - first.col) * across),
        .size = size,
    };
}

/* --- images ----------------------------------------------------------------------------------- */

struct job {
    const struct vdt_plan_transform *plan;
    struct vdt_walk walk; /* of the input's first band */
    size_t band_step;     /* values from band to band in the input */
    size_t rows, cols, bands;
    size_t out_size; /* bytes of a value */
    unsigned char *out;
    bool planar; /* [band][row][col], else [row][col][band] */
};

struct piece {
    size_t band, bands; /* one when the output is planar */
    size_t row, rows;
    size_t col, cols;
};

static struct vdt_conversion conversion_of(const struct vdt_plan_transform *plan, size_t band)
{
    struct vdt_conversion conversion = {.from = plan->in.dtype, .to = plan->out.dtype};
    if (plan->factor != NULL) {
        conversion.scaled = true;
        conversion.factor = plan->factor[band];
        conversion.offset = plan->offset[band];
    }
    return conversion;
}

static unsigned char *place_in_output(const struct job *job, size_t band, size_t row, size_t col)
{
    const size_t value = job->planar ? (band * job->rows + row) * job->cols + col
                                     : (row * job->cols + col) * job->bands + band;
    return job->out + value * job->out_size;
}

static void transform_piece(const struct job *job, const struct piece *piece)
{
    unsigned char gathered[TOGETHER][PIECE_BYTES], converted[TOGETHER][PIECE_BYTES];
    struct vdt_walk walks[TOGETHER];
    struct vdt_conversion conversions[TOGETHER];
    for (size_t i = 0; i < piece->bands; i++) {
        const size_t band = piece->band + i;
        conversions[i] = conversion_of(job->plan, band);
        walks[i] = vdt_walk_from(job->walk, piece->row, piece->col,
                                 job->plan->bands[band] * job->band_step);
        if (walks[i].right == 1)
            continue;
        vdt_gather(&walks[i], piece->rows, piece->cols, gathered[i], piece->cols);
        walks[i] = (struct vdt_walk){gathered[i], (ptrdiff_t)piece->cols, 1, walks[i].size};
    }
    for (size_t row = 0; row < piece->rows; row++) {
        unsigned char *out = place_in_output(job, piece->band, piece->row + row, piece->col);
        for (size_t i = 0; i < piece->bands; i++)
            vdt_convert(&conversions[i], vdt_walk_from(walks[i], row, 0, 0).origin, piece->cols,
                        job->planar ? out : converted[i]);
        if (!job->planar)
            vdt_interleave(converted, PIECE_BYTES, job->out_size, piece->bands, piece->cols, out,
                           job->bands);
    }
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void transform_bands(const struct job *job, size_t band, size_t bands)
{
    const bool turned = vdt_walk_is_turned(&job->walk);
    const size_t cols = turned ? TURN_COLS : ROW_COLS;
    const size_t rows = turned ? PIECE_BYTES / (TURN_COLS * job->walk.size) : 1;
    for (size_t row = 0; row < job->rows; row += rows)
        for (size_t col = 0; col < job->cols; col += cols) {
            const struct piece piece = {.band = band,
                                        .bands = bands,
                                        .row = row,
                                        .rows = least(rows, job->rows - row),
                                        .col = col,
                                        .cols = least(cols, job->cols - col)};
            transform_piece(job, &piece);
        }
}

/* Values that stay as they are go straight to their plane. */
static void copy_band(const struct job *job, size_t band)
{
    const struct vdt_walk walk =
        vdt_walk_from(job->walk, 0, 0, job->plan->bands[band] * job->band_step);
    vdt_gather(&walk, job->rows, job->cols, place_in_output(job, band, 0, 0), job->cols);
}

static struct job job_of(const struct vdt_plan_transform *plan, const struct vdt_applied *applied,
                         const void *in, void *out)
{
    const bool from_hwc = plan->in_axes == VDT_AXES_HWC, to_hwc = plan->out_axes == VDT_AXES_HWC;
    struct job job = {
        .plan = plan,
        .walk = start_walk(plan, applied, in, from_hwc ? plan->in.bands : 1,
                           vdt_dtype_size(plan->in.dtype)),
        .band_step = from_hwc ? 1 : (size_t)plan->in.rows * plan->in.cols,
        .rows = plan->out.rows,
        .cols = plan->out.cols,
        .bands = plan->out.bands,
        .out_size = vdt_dtype_size(plan->out.dtype),
        .out = out,
    };
    /* Whole pixels in their order are one long band. */
    if (from_hwc && to_hwc && plan->pixels_alike && applied->turns == 0 && !applied->flip_cols) {
        job.walk.right = 1;
        job.cols *= job.bands;
        job.bands = 1;
    }
    job.planar = !to_hwc || job.bands == 1;
    return job;
}

void vdt_transform_image(const struct vdt_plan_transform *plan, const struct vdt_applied *applied,
                         const void *in, void *out)
{
    const struct job job = job_of(plan, applied, in, out);
    const bool converted = plan->factor != NULL || plan->in.dtype != plan->out.dtype;
    const size_t together = job.planar ? 1 : TOGETHER;
    for (size_t band = 0; band < job.bands; band += together) {
        if (job.planar && !converted)
            copy_band(&job, band);
        else
            transform_bands(&job, band, least(together, job.bands - band));
    }
}

void vdt_transform_pixels(const struct vdt_plan_transform *plan, const struct vdt_applied *applied,
                          const void *in, size_t pixel_bytes, void *out)
{
    const struct vdt_walk walk = start_walk(plan, applied, in, 1, pixel_bytes);
    vdt_gather(&walk, plan->out.rows, plan->out.cols, out, plan->out.cols);
}
