/* The windows of a scene, in units that one worker does in one go. */
#include <math.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/ordered.h"
#include "feed/plan_steps.h"
#include "feed/tile.h"

enum {
    LEAST_UNIT_BYTES = 1 << 20,
    UNIT_BYTES = 16 << 20,
    LARGEST_UNIT_BYTES = 160 << 20, /* where blocks are strips */
    FAIR_UNITS = 64                 /* of a scene, so that all threads have work to the end */
};

struct vdt_window vdt_plan_window_at(const struct vdt_plan *plan, uint64_t index)
{
    const struct vdt_plan_window *window = &plan->windows[index];
    return (struct vdt_window){window->col, window->row, (int32_t)plan->spec.tile.cols,
                               (int32_t)plan->spec.tile.rows};
}

/* `count` windows of one axis, made whole blocks of the scene. */
static int64_t whole_blocks(int64_t count, int64_t block, int64_t stride, int64_t most)
{
    int64_t step = (block + stride - 1) / stride;
    int64_t windows = count <= step ? step : (count + step / 2) / step * step;
    return windows < most ? windows : most;
}

static int64_t at_least_one(int64_t value)
{
    return value < 1 ? 1 : value;
}

/* How many windows across and down make a unit: about a square, so that windows that share blocks
 * go together, and of whole blocks, so that two workers need not decode the same one. A strip makes
 * it a whole grid row. How many threads run has no say, because the order of samples follows. */
static void shape_unit(const struct vdt_plan *plan, struct vdt_plan_scene *planned)
{
    const struct vdt_grid *grid = &planned->grid;
    int64_t bytes = (int64_t)vdt_tile_bytes(&plan->spec.tile);
    int64_t cols = vdt_grid_cols(grid), rows = vdt_grid_rows(grid);
    int64_t windows = at_least_one(UNIT_BYTES / bytes), most = LARGEST_UNIT_BYTES / bytes;
    int64_t fair = cols * rows / FAIR_UNITS, least = at_least_one(LEAST_UNIT_BYTES / bytes);
    if (fair < windows)
        windows = fair < least ? least : fair;
    int64_t across =
        whole_blocks((int64_t)sqrt((double)windows), planned->block_cols, grid->stride_cols, cols);
    across = at_least_one(across < most ? across : most);
    int64_t down =
        whole_blocks(at_least_one(windows / across), planned->block_rows, grid->stride_rows, rows);
    down = at_least_one(down < most / across ? down : most / across);
    planned->unit_cols = (int32_t)across;
    planned->unit_rows = (int32_t)down;
}

static vdt_status plan_window(struct vdt_plan *plan, uint32_t index, struct vdt_scene *scene,
                              const struct vdt_window *window, const struct vdt_writer *writer,
                              struct vdt_feed_report *report, struct vdt_error *error)
{
    const struct vdt_plan_scene *planned = &plan->scenes[index];
    char key[VDT_KEY_SIZE];
    vdt_window_key(planned->digest, window, key);
    report->windows++;
    if (writer != NULL && vdt_writer_has(writer, key)) {
        report->existing++;
        return VDT_OK;
    }
    int group = vdt_plan_group(plan, scene, window, key, planned->digest);
    if (group == VDT_SPLIT_NONE) {
        report->straddling++;
        return VDT_OK;
    }
    if (!vdt_grow(&plan->windows, &plan->window_capacity, plan->window_count + 1,
                  sizeof *plan->windows))
        return vdt_fail_memory(error, "plan");
    plan->windows[plan->window_count++] =
        (struct vdt_plan_window){window->col, window->row, index, (uint32_t)group};
    return VDT_OK;
}

/* The unit whose first window is (left, top) of the grid. */
static vdt_status plan_unit(struct vdt_plan *plan, uint32_t index, struct vdt_scene *scene,
                            int32_t left, int32_t top, const struct vdt_writer *writer,
                            struct vdt_feed_report *report, struct vdt_error *error)
{
    const struct vdt_plan_scene *planned = &plan->scenes[index];
    int32_t cols = vdt_grid_cols(&planned->grid) - left;
    int32_t rows = vdt_grid_rows(&planned->grid) - top;
    cols = cols < planned->unit_cols ? cols : planned->unit_cols;
    rows = rows < planned->unit_rows ? rows : planned->unit_rows;
    uint64_t first = plan->window_count;
    for (int32_t j = 0; j < rows; j++)
        for (int32_t i = 0; i < cols; i++) {
            struct vdt_window window = vdt_grid_window(&planned->grid, left + i, top + j);
            vdt_status status = plan_window(plan, index, scene, &window, writer, report, error);
            if (status != VDT_OK)
                return status;
        }
    if (plan->window_count == first)
        return VDT_OK;
    if (!vdt_grow(&plan->units, &plan->unit_capacity, plan->unit_count + 1, sizeof *plan->units))
        return vdt_fail_memory(error, "plan");
    uint32_t count = (uint32_t)(plan->window_count - first);
    plan->units[plan->unit_count++] = (struct vdt_plan_unit){first, count};
    plan->most_in_unit = count > plan->most_in_unit ? count : plan->most_in_unit;
    return VDT_OK;
}

vdt_status vdt_plan_windows(struct vdt_plan *plan, uint32_t index, struct vdt_scene *scene,
                            const struct vdt_writer *writer, struct vdt_feed_report *report,
                            struct vdt_error *error)
{
    struct vdt_plan_scene *planned = &plan->scenes[index];
    int64_t cols = vdt_grid_cols(&planned->grid), rows = vdt_grid_rows(&planned->grid);
    vdt_status status = VDT_OK;
    shape_unit(plan, planned);
    for (int64_t top = 0; status == VDT_OK && top < rows; top += planned->unit_rows)
        for (int64_t left = 0; status == VDT_OK && left < cols; left += planned->unit_cols)
            status =
                plan_unit(plan, index, scene, (int32_t)left, (int32_t)top, writer, report, error);
    return status;
}
