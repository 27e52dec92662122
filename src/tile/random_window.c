/* Random places, and which of them lie apart. */
#include "tile/random_window.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/random.h"

uint64_t vdt_random_stream(uint64_t seed, const char *digest)
{
    return vdt_hash(seed, digest, strlen(digest));
}

/* One of the places 0 .. last. */
static int32_t draw(uint64_t hash, int32_t last)
{
    return (int32_t)(vdt_unit(hash) * ((double)last + 1));
}

struct vdt_window vdt_random_window(const struct vdt_grid *grid, uint64_t stream, uint64_t number)
{
    uint64_t hash = vdt_mix2(stream, number);
    return (struct vdt_window){.col = draw(vdt_mix2(hash, 0), grid->scene_cols - grid->tile_cols),
                               .row = draw(vdt_mix2(hash, 1), grid->scene_rows - grid->tile_rows),
                               .cols = grid->tile_cols,
                               .rows = grid->tile_rows};
}

uint64_t vdt_random_tries(uint64_t count)
{
    enum { TRIES_EACH = 100, TRIES_AT_LEAST = 10000 };
    return count > (UINT64_MAX - TRIES_AT_LEAST) / TRIES_EACH ? UINT64_MAX
                                                              : TRIES_AT_LEAST + TRIES_EACH * count;
}

uint64_t vdt_random_room(const struct vdt_grid *grid, bool apart)
{
    int64_t cols = apart ? grid->scene_cols / grid->tile_cols
                         : (int64_t)grid->scene_cols - grid->tile_cols + 1;
    int64_t rows = apart ? grid->scene_rows / grid->tile_rows
                         : (int64_t)grid->scene_rows - grid->tile_rows + 1;
    return (uint64_t)cols * (uint64_t)rows;
}

/* --- windows that lie apart ----------------------------------------------------------------
 * The scene is cut into cells of a tile's size. Two windows that begin in one cell overlap, so a
 * cell has one window at most, and only those of the nine cells around can overlap a new one. */

void vdt_window_set_clear(struct vdt_window_set *set)
{
    free(set->slots);
    *set = (struct vdt_window_set){0};
}

/* The slot of the window that begins in a cell, or the free one where it would go. */
static struct vdt_window *find(const struct vdt_window_set *set, int64_t col, int64_t row,
                               const struct vdt_window *size)
{
    size_t at = vdt_mix2((uint64_t)col, (uint64_t)row) & (set->capacity - 1);
    for (;; at = (at + 1) & (set->capacity - 1)) {
        struct vdt_window *slot = &set->slots[at];
        if (slot->cols == 0 || (slot->col / size->cols == col && slot->row / size->rows == row))
            return slot;
    }
}

static bool grow(struct vdt_window_set *set)
{
    enum { FIRST = 64 };
    if (set->count * 2 < set->capacity)
        return true;
    struct vdt_window_set larger = {.capacity = set->capacity == 0 ? FIRST : set->capacity * 2,
                                    .count = set->count};
    larger.slots = vdt_allocate_zero(larger.capacity, sizeof *larger.slots);
    if (larger.slots == NULL)
        return false;
    for (size_t i = 0; i < set->capacity; i++) {
        const struct vdt_window *old = &set->slots[i];
        if (old->cols > 0)
            *find(&larger, old->col / old->cols, old->row / old->rows, old) = *old;
    }
    free(set->slots);
    *set = larger;
    return true;
}

vdt_status vdt_window_set_add_apart(struct vdt_window_set *set, const struct vdt_window *window,
                                    bool *added, struct vdt_error *error)
{
    if (!grow(set))
        return vdt_fail_memory(error, "windows");
    int64_t col = window->col / window->cols, row = window->row / window->rows;
    *added = false;
    for (int64_t x = col - 1; x <= col + 1; x++)
        for (int64_t y = row - 1; y <= row + 1; y++) {
            const struct vdt_window *near = find(set, x, y, window);
            if (near->cols > 0 && llabs((int64_t)near->col - window->col) < window->cols &&
                llabs((int64_t)near->row - window->row) < window->rows)
                return VDT_OK;
        }
    *find(set, col, row, window) = *window;
    set->count++;
    *added = true;
    return VDT_OK;
}
