/* One scene at a time, for callers who make their labels themselves. */
#include "feed/image.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/path.h"
#include "feed/place.h"
#include "store/writer.h"
#include "tile/random_window.h"
#include "tile/window.h"

static void image_cleanup(struct vdt_image **image)
{
    vdt_image_free(*image);
}

vdt_status vdt_image_open(const char *uri, const int *bands, size_t band_count,
                          struct vdt_image **image, struct vdt_error *error)
{
    if (uri == NULL || (bands != NULL && band_count == 0))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "an image needs a name and at least one band");
    vdt_cleanup(image_cleanup) struct vdt_image *opened = calloc(1, sizeof *opened);
    if (opened == NULL || (opened->uri = vdt_copy_string(uri)) == NULL)
        return vdt_fail_memory(error, uri);
    vdt_status status = vdt_scene_open(uri, &opened->scene, error);
    if (status == VDT_OK)
        status = vdt_scene_select(opened->scene, bands, band_count, &opened->selection, error);
    if (status != VDT_OK)
        return status;
    const struct vdt_scene_info *info = vdt_scene_info(opened->scene);
    vdt_place_bounds(opened->scene, &(struct vdt_window){.cols = info->cols, .rows = info->rows},
                     opened->bounds);
    *image = opened;
    opened = NULL;
    return VDT_OK;
}

void vdt_image_free(struct vdt_image *image)
{
    if (image == NULL)
        return;
    vdt_scene_free(image->scene);
    vdt_selection_clear(&image->selection);
    vdt_tile_clear(&image->tile);
    free(image->uri);
    free(image);
}

struct vdt_image_spec vdt_image_spec(const struct vdt_image *image)
{
    const struct vdt_scene_info *info = vdt_scene_info(image->scene);
    struct vdt_image_spec spec = {.cols = info->cols,
                                  .rows = info->rows,
                                  .bands = (uint32_t)image->selection.count,
                                  .dtype = image->selection.dtype,
                                  .band_names = (const char *const *)image->selection.names,
                                  .crs = info->crs,
                                  .uri = image->uri,
                                  .digest = info->digest};
    memcpy(spec.geotransform, info->geotransform, sizeof spec.geotransform);
    memcpy(spec.bounds, image->bounds, sizeof spec.bounds);
    return spec;
}

vdt_status vdt_image_read(struct vdt_image *image, const struct vdt_window *window, void *pixels,
                          struct vdt_error *error)
{
    if (window->cols < 1 || window->rows < 1)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: a window of %d x %d pixels", image->uri,
                        window->cols, window->rows);
    vdt_cleanup(vdt_free_pointer) uint8_t *valid =
        vdt_allocate((size_t)window->cols, (size_t)window->rows);
    if (valid == NULL)
        return vdt_fail_memory(error, image->uri);
    return vdt_scene_read(image->scene, &image->selection, window, pixels, valid, error);
}

vdt_status vdt_image_overview(struct vdt_image *image, int32_t cols, int32_t rows, void *pixels,
                              uint8_t *valid, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) uint8_t *own = NULL;
    if (cols < 1 || rows < 1)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: an overview of %d x %d pixels", image->uri,
                        cols, rows);
    if (valid == NULL && (valid = own = vdt_allocate((size_t)cols, (size_t)rows)) == NULL)
        return vdt_fail_memory(error, image->uri);
    return vdt_scene_overview(image->scene, &image->selection, cols, rows, pixels, valid, error);
}

/* --- windows ------------------------------------------------------------------------------ */

static vdt_status check_size(const struct vdt_image *image, int32_t cols, int32_t rows,
                             struct vdt_error *error)
{
    const struct vdt_scene_info *info = vdt_scene_info(image->scene);
    if (cols >= 1 && rows >= 1 && cols <= info->cols && rows <= info->rows)
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_ARGUMENT,
                    "%s: windows of %d x %d pixels do not fit a scene of %d x %d (columns x rows)",
                    image->uri, cols, rows, info->cols, info->rows);
}

vdt_status vdt_image_random_window(const struct vdt_image *image, int32_t cols, int32_t rows,
                                   uint64_t seed, uint64_t index, struct vdt_window *window,
                                   struct vdt_error *error)
{
    const struct vdt_scene_info *info = vdt_scene_info(image->scene);
    vdt_status status = check_size(image, cols, rows, error);
    if (status != VDT_OK)
        return status;
    const struct vdt_grid grid = {
        .scene_cols = info->cols, .scene_rows = info->rows, .tile_cols = cols, .tile_rows = rows};
    *window = vdt_random_window(&grid, vdt_random_stream(seed, info->digest), index);
    return VDT_OK;
}

vdt_status vdt_image_grid(const struct vdt_image *image, int32_t cols, int32_t rows,
                          int32_t stride_cols, int32_t stride_rows, struct vdt_window **windows,
                          size_t *count, struct vdt_error *error)
{
    const struct vdt_scene_info *info = vdt_scene_info(image->scene);
    vdt_status status = check_size(image, cols, rows, error);
    if (status == VDT_OK && (stride_cols < 0 || stride_rows < 0))
        status = vdt_fail(error, VDT_ERR_ARGUMENT, "%s: a stride of %d x %d pixels", image->uri,
                          stride_cols, stride_rows);
    if (status != VDT_OK)
        return status;
    struct vdt_grid grid = {.scene_cols = info->cols,
                            .scene_rows = info->rows,
                            .tile_cols = cols,
                            .tile_rows = rows,
                            .stride_cols = stride_cols == 0 ? cols : stride_cols,
                            .stride_rows = stride_rows == 0 ? rows : stride_rows,
                            .edge = VDT_EDGE_DROP};
    int32_t across = vdt_grid_cols(&grid), down = vdt_grid_rows(&grid);
    size_t total = (size_t)across * (size_t)down;
    struct vdt_window *made = vdt_allocate(total, sizeof *made);
    if (made == NULL)
        return vdt_fail_memory(error, image->uri);
    for (size_t i = 0; i < total; i++)
        made[i] =
            vdt_grid_window(&grid, (int32_t)(i % (size_t)across), (int32_t)(i / (size_t)across));
    *windows = made;
    *count = total;
    return VDT_OK;
}

void vdt_windows_free(struct vdt_window *windows)
{
    free(windows);
}

/* --- samples ------------------------------------------------------------------------------ */

static vdt_status check_store(const struct vdt_writer *writer, const struct vdt_image *image,
                              const struct vdt_window *window, struct vdt_error *error)
{
    const struct vdt_tile_spec *tile = &vdt_writer_layout(writer)->spec.tile;
    const struct vdt_band_selection *have = &image->selection;
    if ((uint32_t)have->count != tile->bands || have->dtype != tile->dtype)
        return vdt_fail(error, VDT_ERR_MISMATCH, "%s: %d bands of %s, but %s has %u bands of %s",
                        image->uri, have->count, vdt_dtype_name(have->dtype),
                        vdt_writer_path(writer), tile->bands, vdt_dtype_name(tile->dtype));
    if (window->cols < 1 || window->rows < 1 || (uint32_t)window->cols != tile->cols ||
        (uint32_t)window->rows != tile->rows)
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "%s: a window of %d x %d pixels, but tiles of %s are %u x %u "
                        "(columns x rows)",
                        image->uri, window->cols, window->rows, vdt_writer_path(writer), tile->cols,
                        tile->rows);
    return VDT_OK;
}

/* The image's tile, made anew when the last one was for a store of another shape. */
static vdt_status make_room(struct vdt_image *image, const struct vdt_tile_spec *spec,
                            struct vdt_error *error)
{
    if (image->tile.pixels != NULL && memcmp(&image->tile.spec, spec, sizeof *spec) == 0)
        return VDT_OK;
    vdt_tile_clear(&image->tile);
    return vdt_tile_init(&image->tile, spec, error);
}

static vdt_status add_scene(struct vdt_writer *writer, const struct vdt_image *image,
                            struct vdt_sample *sample, struct vdt_error *error)
{
    const struct vdt_scene_info *info = vdt_scene_info(image->scene);
    vdt_cleanup(vdt_free_pointer) char *uri =
        vdt_path_relative(image->uri, vdt_writer_path(writer));
    if (uri == NULL)
        return vdt_fail_memory(error, image->uri);
    const struct vdt_scene_record record = {.uri = uri,
                                            .size = info->bytes,
                                            .digest = info->digest,
                                            .acquired = info->acquired,
                                            .cols = info->cols,
                                            .rows = info->rows};
    vdt_status status = vdt_writer_add_scene(writer, &record, &sample->scene, error);
    return status == VDT_OK ? vdt_writer_add_crs(writer, info->crs, &sample->crs, error) : status;
}

vdt_status vdt_writer_append_window(struct vdt_writer *writer, const char *group,
                                    struct vdt_image *image, const struct vdt_window *window,
                                    const struct vdt_labels *labels, const char *metadata,
                                    struct vdt_error *error)
{
    char key[VDT_KEY_SIZE];
    double valid;
    vdt_status status = check_store(writer, image, window, error);
    if (status != VDT_OK)
        return status;
    vdt_window_key(vdt_scene_info(image->scene)->digest, window, key);
    if (vdt_writer_has(writer, key)) /* before its pixels are read */
        return vdt_fail(error, VDT_ERR_EXISTS, "%s: sample %s is there already",
                        vdt_writer_path(writer), key);
    status = make_room(image, &vdt_writer_layout(writer)->spec.tile, error);
    if (status == VDT_OK)
        status = vdt_tile_read(&image->tile, image->scene, &image->selection, window, NULL, &valid,
                               error);
    if (status != VDT_OK)
        return status;
    struct vdt_sample sample = {.metadata = metadata};
    if (labels != NULL)
        sample.labels = *labels;
    vdt_tile_describe(&image->tile, image->scene, &image->selection, window, valid, &sample);
    status = add_scene(writer, image, &sample, error);
    return status == VDT_OK ? vdt_writer_append(writer, group, &sample, error) : status;
}
