/* Class rasters from and to image files. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <vedatile/annotations.h>

#include "annotate/runs/run_state.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/path.h"
#include "exchange/file.h"
#include "source/scenes/raster_file.h"

vdt_status vdt_run_add_raster_file(struct vdt_run *run, const char *path, const char *reference,
                                   enum vdt_run_mode mode, struct vdt_run_counts *counts,
                                   struct vdt_error *error)
{
    struct vdt_tile_spec shape;
    uint32_t sample;
    vdt_cleanup(vdt_free_pointer) char *stem = vdt_path_stem(path);
    vdt_status status = vdt_run_open_check(run, error);
    if (status == VDT_OK && stem == NULL)
        status = vdt_fail_memory(error, path);
    if (status == VDT_OK)
        status = vdt_raster_shape(path, &shape, error);
    if (status == VDT_OK && shape.bands != 1)
        status = vdt_fail(error, VDT_ERR_ARGUMENT,
                          "%s: it has %lu bands; a class raster has one, of class ids", path,
                          (unsigned long)shape.bands);
    if (status == VDT_OK && shape.dtype != VDT_UINT8 && shape.dtype != VDT_UINT16)
        status = vdt_fail(error, VDT_ERR_ARGUMENT, "%s: values are %s; uint8 or uint16 are wanted",
                          path, vdt_dtype_name(shape.dtype));
    if (status != VDT_OK)
        return status;
    vdt_cleanup(vdt_free_pointer) void *pixels =
        vdt_allocate((size_t)shape.rows * shape.cols, vdt_dtype_size(shape.dtype));
    if (pixels == NULL)
        return vdt_fail_memory(error, path);
    status = vdt_raster_load(path, &shape, pixels, error);
    if (status == VDT_OK)
        status = vdt_run_sample(run, reference == NULL ? stem : reference, shape.rows, shape.cols,
                                &sample, error);
    if (status == VDT_OK)
        status = vdt_run_add_raster(run, sample, shape.dtype, pixels, shape.rows, shape.cols, mode,
                                    counts, error);
    return status;
}

/* A reference as a file name: what no name has becomes '_'. */
static char *file_of(const char *folder, const char *reference)
{
    size_t size = strlen(folder) + strlen(reference) + sizeof "/.png";
    char *path = malloc(size);
    if (path == NULL)
        return NULL;
    snprintf(path, size, "%s/%s.png", folder, reference);
    for (char *c = path + strlen(folder) + 1; *c != '\0'; c++)
        if (*c == '/' || (unsigned char)*c < ' ')
            *c = '_';
    return path;
}

static vdt_status save_raster(const struct vdt_run_reader *reader, uint32_t sample,
                              const char *folder, const char *reference, uint64_t *count,
                              struct vdt_error *error)
{
    struct vdt_tile_spec shape = {.bands = 1};
    struct vdt_error none;
    if (vdt_run_raster_shape(reader, sample, &shape.dtype, &shape.rows, &shape.cols, &none) !=
        VDT_OK)
        return VDT_OK;
    vdt_cleanup(vdt_free_pointer) char *path = file_of(folder, reference);
    vdt_cleanup(vdt_free_pointer) void *pixels =
        vdt_allocate((size_t)shape.rows * shape.cols, vdt_dtype_size(shape.dtype));
    if (path == NULL || pixels == NULL)
        return vdt_fail_memory(error, folder);
    const struct vdt_raster_place nowhere = {0};
    vdt_status status = vdt_run_raster(reader, sample, pixels, error);
    if (status == VDT_OK)
        status = vdt_raster_save(path, VDT_RASTER_PNG, &shape, pixels, NULL, &nowhere, error);
    *count += status == VDT_OK;
    return status;
}

vdt_status vdt_run_export_rasters(const struct vdt_run_reader *reader, const char *folder,
                                  uint64_t *count, struct vdt_error *error)
{
    const struct vdt_annotations *set = vdt_run_annotations(reader);
    const struct vdt_run_info *info = vdt_run_reader_info(reader);
    *count = 0;
    if (info->rasters == 0)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: the run has no class rasters", info->path);
    if (mkdir(folder, 0777) != 0)
        return vdt_fail_errno(error, folder);
    vdt_status status = VDT_OK;
    uint64_t samples = vdt_annotations_sample_count(set);
    for (uint64_t i = 0; i < samples && status == VDT_OK; i++) {
        struct vdt_annotated_sample sample;
        status = vdt_annotations_sample(set, i, &sample, error);
        if (status == VDT_OK)
            status = save_raster(reader, (uint32_t)i, folder, sample.reference, count, error);
    }
    if (status != VDT_OK) /* what failed is what is told */
        (void)(vdt_remove_tree(folder, NULL) == VDT_OK);
    return status;
}
