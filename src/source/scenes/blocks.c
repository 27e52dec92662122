/* A worker's own blocks. GDAL's block cache costs as much as a tenth of decoding, and of a plain
 * file more than reading it: every block of every band is an allocation, and is copied once more.
 */
#include "source/scenes/blocks.h"

#include <cpl_error.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "source/scenes/remote.h"
#include "source/scenes/scene_state.h"

enum { NO_BLOCK = -1, SLOTS_MOST = 4096 };

struct slot {
    int64_t block;         /* its number in the scene, row by row; NO_BLOCK */
    uint64_t used;         /* when it was asked for last */
    unsigned char *pixels; /* [band][row][col]; NULL before its first use */
};

struct vdt_blocks {
    const struct vdt_band_selection *selection;
    GDALRasterBandH *bands;
    int count;
    int cols, rows; /* of a block */
    int64_t across; /* blocks in a row of them */
    size_t size;    /* bytes a pixel */
    size_t plane;   /* bytes of a block of one band */
    bool once;
    uint64_t now;
    size_t slot_count, slots_most;
    struct slot *slots;
};

/* GeoTIFFs, plain ones and COGs: their driver keeps the block that it decoded until it is asked for
 * another, so that the bands of one block come at no further cost. Lines as blocks are left to
 * GDAL, and so are files that are elsewhere: it fetches many blocks in one request. */
bool vdt_scene_suits_blocks(const struct vdt_scene *scene,
                            const struct vdt_band_selection *selection)
{
    const struct vdt_scene_info *info = &scene->info;
    const struct vdt_band_selection *stored =
        selection->stored != NULL ? selection->stored : selection;
    if (scene->join != NULL || strcmp(info->driver, "GTiff") != 0 || vdt_is_remote(info->path) ||
        scene->alpha != NULL || scene->mask != NULL || info->block_rows < 2)
        return false;
    for (int i = 0; i < stored->count; i++) {
        GDALRasterBandH band = GDALGetRasterBand(scene->dataset, stored->bands[i]);
        int cols = 0, rows = 0;
        GDALGetBlockSize(band, &cols, &rows);
        if (GDALGetRasterDataType(band) != vdt_gdal_type(stored->dtype) ||
            cols != info->block_cols || rows != info->block_rows)
            return false;
    }
    return true;
}

void vdt_blocks_free(struct vdt_blocks *blocks)
{
    if (blocks == NULL)
        return;
    for (size_t i = 0; i < blocks->slot_count; i++)
        free(blocks->slots[i].pixels);
    free(blocks->slots);
    free(blocks->bands);
    free(blocks);
}

vdt_status vdt_blocks_make(const struct vdt_scene *scene,
                           const struct vdt_band_selection *selection, size_t bytes, bool once,
                           struct vdt_blocks **blocks, struct vdt_error *error)
{
    const struct vdt_scene_info *info = &scene->info;
    if (selection->stored != NULL)
        selection = selection->stored;
    struct vdt_blocks *made = vdt_allocate_zero(1, sizeof *made);
    if (made == NULL)
        return vdt_fail_memory(error, info->path);
    made->selection = selection;
    made->count = selection->count;
    made->cols = info->block_cols;
    made->rows = info->block_rows;
    made->across = (info->cols + (int64_t)info->block_cols - 1) / info->block_cols;
    made->size = vdt_dtype_size(selection->dtype);
    made->plane = made->size * (size_t)info->block_cols * (size_t)info->block_rows;
    made->once = once;
    made->slots_most = bytes / (made->plane * (size_t)made->count);
    if (made->slots_most < 1)
        made->slots_most = 1;
    if (made->slots_most > SLOTS_MOST)
        made->slots_most = SLOTS_MOST;
    made->slots = vdt_allocate_zero(made->slots_most, sizeof *made->slots);
    made->bands = vdt_allocate((size_t)made->count, sizeof *made->bands);
    if (made->slots == NULL || made->bands == NULL) {
        vdt_blocks_free(made);
        return vdt_fail_memory(error, info->path);
    }
    for (int i = 0; i < made->count; i++)
        made->bands[i] = GDALGetRasterBand(scene->dataset, selection->bands[i]);
    *blocks = made;
    return VDT_OK;
}

bool vdt_blocks_are_of(const struct vdt_blocks *blocks, const struct vdt_band_selection *selection)
{
    return blocks != NULL && blocks->selection == selection;
}

void vdt_blocks_forget(struct vdt_blocks *blocks)
{
    for (size_t i = 0; blocks != NULL && i < blocks->slot_count; i++)
        blocks->slots[i].block = NO_BLOCK;
}

static bool decode(const struct vdt_blocks *blocks, int64_t block, size_t plane,
                   unsigned char *pixels)
{
    int across = (int)(block % blocks->across), down = (int)(block / blocks->across);
    for (int i = 0; i < blocks->count; i++)
        if (GDALReadBlock(blocks->bands[i], across, down, pixels + (size_t)i * plane) != CE_None)
            return false;
    return true;
}

/* The slot that has a block, or else the one that was not asked for the longest. */
static struct slot *find_slot(struct vdt_blocks *blocks, int64_t block)
{
    struct slot *oldest = NULL;
    for (size_t i = 0; i < blocks->slot_count; i++) {
        struct slot *slot = &blocks->slots[i];
        if (slot->block == block)
            return slot;
        if (oldest == NULL || slot->used < oldest->used)
            oldest = slot;
    }
    if (blocks->slot_count == blocks->slots_most)
        return oldest;
    struct slot *added = &blocks->slots[blocks->slot_count];
    added->pixels = vdt_allocate((size_t)blocks->count, blocks->plane);
    if (added->pixels == NULL)
        return oldest;
    added->block = NO_BLOCK;
    blocks->slot_count++;
    return added;
}

static struct slot *take_block(struct vdt_blocks *blocks, int64_t block)
{
    struct slot *slot = find_slot(blocks, block);
    if (slot == NULL) {
        CPLError(CE_Failure, CPLE_OutOfMemory, "out of memory");
        return NULL;
    }
    if (slot->block != block) {
        slot->block = NO_BLOCK;
        if (!decode(blocks, block, blocks->plane, slot->pixels))
            return NULL;
        slot->block = block;
    }
    slot->used = ++blocks->now;
    return slot;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* One block's share of a window. */
static bool read_share(struct vdt_blocks *blocks, int64_t across, int64_t down,
                       const struct vdt_block_window *window, size_t line, size_t plane,
                       unsigned char *pixels)
{
    int block_col = (int)across * blocks->cols, block_row = (int)down * blocks->rows;
    int col = block_col > window->col ? block_col : window->col;
    int row = block_row > window->row ? block_row : window->row;
    int cols = least(block_col + blocks->cols, window->col + window->cols) - col;
    int rows = least(block_row + blocks->rows, window->row + window->rows) - row;
    int64_t block = down * blocks->across + across;
    unsigned char *to =
        pixels + (size_t)(row - window->row) * line + (size_t)(col - window->col) * blocks->size;
    bool whole = cols == blocks->cols && rows == blocks->rows;
    if (blocks->once && whole && line == blocks->size * (size_t)cols)
        return decode(blocks, block, plane, to);
    const struct slot *slot = take_block(blocks, block);
    if (slot == NULL)
        return false;
    size_t from_line = blocks->size * (size_t)blocks->cols, run = blocks->size * (size_t)cols;
    const unsigned char *from = slot->pixels + (size_t)(row - block_row) * from_line +
                                (size_t)(col - block_col) * blocks->size;
    for (int i = 0; i < blocks->count; i++)
        for (int k = 0; k < rows; k++)
            memcpy(to + (size_t)i * plane + (size_t)k * line,
                   from + (size_t)i * blocks->plane + (size_t)k * from_line, run);
    return true;
}

bool vdt_blocks_read(struct vdt_blocks *blocks, const struct vdt_block_window *window, size_t line,
                     size_t plane, unsigned char *pixels)
{
    int right = (window->col + window->cols - 1) / blocks->cols;
    int bottom = (window->row + window->rows - 1) / blocks->rows;
    for (int down = window->row / blocks->rows; down <= bottom; down++)
        for (int across = window->col / blocks->cols; across <= right; across++)
            if (!read_share(blocks, across, down, window, line, plane, pixels))
                return false;
    return true;
}

vdt_status vdt_scene_keep_blocks(struct vdt_scene *scene,
                                 const struct vdt_band_selection *selection, size_t bytes,
                                 bool once, struct vdt_error *error)
{
    if (!vdt_scene_suits_blocks(scene, selection))
        return VDT_OK;
    struct vdt_blocks *blocks;
    vdt_status status = vdt_blocks_make(scene, selection, bytes, once, &blocks, error);
    if (status != VDT_OK)
        return status;
    vdt_blocks_free(scene->blocks);
    scene->blocks = blocks;
    return VDT_OK;
}
