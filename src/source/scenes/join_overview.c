/* A joined scene in few pixels: overviews of its members, where they lie. */
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "source/scenes/join.h"
#include "source/scenes/scene_state.h"

/* The picture of the whole scene, and that of one member. */
struct view {
    int32_t cols, rows;
    double wide, high; /* pixels of the scene in one of the picture */
};

/* Room for a member's picture. */
struct part {
    unsigned char *pixels;
    uint8_t *valid;
    int32_t cols, rows;
};

static void free_part(struct part *part)
{
    free(part->pixels);
    free(part->valid);
}

/* At the picture's scale, at least one pixel. */
static vdt_status read_part(struct vdt_scene *member, const struct view *view,
                            const struct vdt_band_selection *wanted, struct part *part,
                            struct vdt_error *error)
{
    part->cols = (int32_t)(member->info.cols / view->wide + 0.5);
    part->rows = (int32_t)(member->info.rows / view->high + 0.5);
    part->cols = part->cols < 1 ? 1 : part->cols;
    part->rows = part->rows < 1 ? 1 : part->rows;
    size_t count = (size_t)part->cols * (size_t)part->rows;
    size_t size = (size_t)wanted->count * vdt_dtype_size(wanted->dtype);
    part->pixels = vdt_allocate(count, size);
    part->valid = vdt_allocate(count, 1);
    if (part->pixels == NULL || part->valid == NULL)
        return vdt_fail_memory(error, member->path);
    return vdt_scene_overview(member, wanted, part->cols, part->rows, part->pixels, part->valid,
                              error);
}

/* Where the middle of a picture's pixel lies in a member's picture; -1: beside it. */
static int32_t place_of(int32_t at, double scale, int32_t corner, int32_t size, int32_t count)
{
    double inside = (at + 0.5) * scale - corner;
    int32_t found = inside < 0 || inside >= size ? -1 : (int32_t)(inside * count / size);
    return found < count ? found : count - 1;
}

/* Puts a member's pixels where `open` says that there are none yet, or everywhere (NULL). */
static void paste(const struct view *view, const struct vdt_scene_recipe *member,
                  const struct part *part, size_t size, int first, int bands, const uint8_t *open,
                  unsigned char *pixels, uint8_t *found)
{
    size_t plane = (size_t)view->cols * (size_t)view->rows;
    size_t part_plane = (size_t)part->cols * (size_t)part->rows;
    for (int32_t row = 0; row < view->rows; row++) {
        int32_t y = place_of(row, view->high, member->row, member->info.rows, part->rows);
        for (int32_t col = 0; y >= 0 && col < view->cols; col++) {
            int32_t x = place_of(col, view->wide, member->col, member->info.cols, part->cols);
            size_t to = (size_t)row * (size_t)view->cols + (size_t)col;
            size_t from = (size_t)y * (size_t)part->cols + (size_t)(x < 0 ? 0 : x);
            if (x < 0 || (open != NULL && (open[to] || !part->valid[from])))
                continue;
            for (int b = 0; b < bands; b++)
                memcpy(pixels + ((size_t)(first + b) * plane + to) * size,
                       part->pixels + ((size_t)b * part_plane + from) * size, size);
            found[to] = part->valid[from];
        }
    }
}

/* Bands of one member, from `first` on; all of them in a mosaic. */
static vdt_status add_member(struct vdt_scene *scene, const struct view *view, size_t index,
                             const struct vdt_band_selection *selection, int first, int count,
                             unsigned char *pixels, uint8_t *valid, struct vdt_error *error)
{
    const struct vdt_scene_recipe *recipe = vdt_join_recipe(scene);
    bool mosaic = recipe->kind == VDT_SCENE_MOSAIC;
    size_t size = vdt_dtype_size(selection->dtype);
    size_t all = (size_t)view->cols * (size_t)view->rows;
    struct vdt_join_member member;
    vdt_cleanup(free_part) struct part part = {0};
    vdt_cleanup(vdt_free_pointer) uint8_t *found = vdt_allocate_zero(all, 1);
    if (found == NULL)
        return vdt_fail_memory(error, scene->path);
    vdt_status status = vdt_join_take(scene, index, selection, first, count, &member, error);
    if (status == VDT_OK)
        status = read_part(member.scene, view, &member.part.wanted, &part, error);
    if (status != VDT_OK)
        return status;
    paste(view, &recipe->members[index], &part, size, first, count, mosaic ? valid : NULL, pixels,
          found);
    bool own = recipe->kind != VDT_SCENE_EXTRA || index == 0;
    for (size_t i = 0; i < all; i++)
        valid[i] = selection->any_nodata && !mosaic && own ? valid[i] & found[i]
                   : own || mosaic                         ? valid[i] | found[i]
                                                           : valid[i];
    return VDT_OK;
}

vdt_status vdt_join_overview(struct vdt_scene *scene, const struct vdt_band_selection *selection,
                             int32_t cols, int32_t rows, void *pixels, uint8_t *valid,
                             struct vdt_error *error)
{
    const struct vdt_scene_recipe *recipe = vdt_join_recipe(scene);
    const struct view view = {cols, rows, (double)scene->info.cols / cols,
                              (double)scene->info.rows / rows};
    size_t count = (size_t)cols * (size_t)rows;
    bool mosaic = recipe->kind == VDT_SCENE_MOSAIC;
    vdt_scene_blank_all(selection, count, pixels);
    memset(valid, selection->any_nodata && !mosaic, count);
    vdt_status status = VDT_OK;
    for (size_t i = 0; mosaic && status == VDT_OK && i < recipe->member_count; i++)
        status = add_member(scene, &view, i, selection, 0, selection->count, pixels, valid, error);
    for (int first = 0, run; !mosaic && status == VDT_OK && first < selection->count;
         first += run) {
        run = vdt_join_run(scene, selection, first);
        status = add_member(scene, &view, vdt_joined_band(scene, selection->bands[first])->member,
                            selection, first, run, pixels, valid, error);
    }
    return status;
}
