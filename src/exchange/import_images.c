/* GeoTIFF and PNG back. */
#include "base/cleanup.h"
#include "base/error.h"
#include "exchange/importer.h"
#include "exchange/planes.h"
#include "source/scenes/raster_file.h"

static vdt_status load(struct vdt_import *in, const char *kind, uint32_t bands,
                       enum vdt_dtype dtype, void *pixels, struct vdt_error *error)
{
    const struct vdt_tile_spec raster = {
        .bands = bands, .rows = in->spec.tile.rows, .cols = in->spec.tile.cols, .dtype = dtype};
    vdt_cleanup(vdt_free_pointer) char *path = vdt_import_path(in, kind, in->about.suffix);
    return path == NULL ? vdt_fail_memory(error, in->folder)
                        : vdt_raster_load(path, &raster, pixels, error);
}

static vdt_status read_sample(struct vdt_import *in, json_t *about, struct vdt_error *error)
{
    const struct vdt_record_memory *memory = &in->record.memory;
    vdt_status status =
        vdt_about_read_labels(about, &in->spec, in->record.name, &in->record, error);
    if (status == VDT_OK)
        status = load(in, "images", in->spec.tile.bands, in->spec.tile.dtype, memory->image, error);
    for (enum vdt_array i = VDT_MASK; status == VDT_OK && i < VDT_TILE_ARRAYS; i++)
        if (memory->planes[i] != NULL)
            status = load(in, vdt_planes[i].folder, 1, vdt_plane_dtype(i, &in->spec),
                          memory->planes[i], error);
    return status;
}

const struct vdt_import_format vdt_import_geotiff = {
    .name = "geotiff", .tasks = UINT32_MAX, .read = vdt_import_list, .sample = read_sample};
const struct vdt_import_format vdt_import_png = {.name = "png",
                                                 .tasks =
                                                     ~(uint32_t)(VDT_DISTANCE | VDT_REGRESSION),
                                                 .read = vdt_import_list,
                                                 .sample = read_sample};
