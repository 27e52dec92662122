/* From options of the command to inputs and options of a loader. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"
#include "report.h"
#include "store_text.h"

static vdt_status open_hdf5(const struct bench_values *values, struct bench_input *input,
                            struct vdt_error *error)
{
    struct vdt_hdf5_options options = {.images = values->images, .labels = values->labels};
    struct stat information;
    vdt_status status = vdt_hdf5_open(values->store, &options, &input->hdf5, error);
    if (status)
        return status;
    uint64_t bytes = stat(values->store, &information) ? 0 : (uint64_t)information.st_size;
    input->samples = vdt_hdf5_spec(input->hdf5).count;
    input->file_bytes = input->samples ? bytes / input->samples : 0;
    input->input.hdf5 = input->hdf5;
    snprintf(input->name, sizeof input->name, "%s", values->images);
    return VDT_OK;
}

static uint64_t stored_bytes(const struct vdt_reader *reader)
{
    uint64_t samples = 0;
    for (size_t group = 0; group < vdt_reader_group_count(reader); group++)
        samples += vdt_reader_count(reader, group);
    return samples ? vdt_reader_file_bytes(reader) / samples : 0;
}

static vdt_status choose_view(const char *name, struct bench_input *input, size_t *group,
                              struct vdt_error *error)
{
    size_t index = 0;
    vdt_status status = vdt_reader_find_view(input->reader, name, &index, error);
    if (status)
        return status;
    struct vdt_view view = vdt_reader_view(input->reader, index);
    input->input.indices = view.indices;
    input->input.index_count = view.count;
    input->samples = view.count;
    snprintf(input->name, sizeof input->name, "view %s of %s", view.name, view.group);
    return vdt_reader_find_group(input->reader, view.group, group, error);
}

static vdt_status open_store(const struct bench_values *values, struct bench_input *input,
                             size_t *group, struct vdt_error *error)
{
    vdt_status status = vdt_reader_open(values->store, &input->reader, error);
    if (!status)
        status = values->view ? choose_view(values->view, input, group, error)
                              : store_group(input->reader, values->group, group, error);
    if (status)
        return status;
    input->input.reader = input->reader;
    input->input.group = vdt_reader_group_name(input->reader, *group);
    input->file_bytes = stored_bytes(input->reader);
    if (!values->view) {
        input->samples = vdt_reader_count(input->reader, *group);
        snprintf(input->name, sizeof input->name, "%s", input->input.group);
    }
    return VDT_OK;
}

static vdt_status choose_bands(const struct bench_values *values, const struct vdt_tile_spec *tile,
                               struct bench_input *input, struct vdt_error *error)
{
    if (values->bands.count == 0)
        return VDT_OK;
    input->bands = calloc(values->bands.count, sizeof *input->bands);
    if (!input->bands)
        return error_memory(error);
    for (size_t i = 0; i < values->bands.count; i++) {
        if ((uint32_t)values->bands.items[i] > tile->bands)
            return error_set(error, VDT_ERR_ARGUMENT, "--bands %d: there are %u bands",
                             values->bands.items[i], tile->bands);
        input->bands[i] = (uint32_t)values->bands.items[i] - 1;
    }
    return VDT_OK;
}

/* Mean and standard deviation of the bands delivered. */
static vdt_status choose_range(const struct vdt_tile_spec *tile, size_t group,
                               struct bench_input *input, struct vdt_error *error)
{
    struct vdt_transform *transform = &input->options.transform;
    size_t count = transform->bands ? transform->band_count : tile->bands;
    if (!input->reader)
        return error_set(error, VDT_ERR_ARGUMENT,
                         "--normalize needs the statistics that only a store has");
    struct vdt_band_stats *stats = calloc(tile->bands, sizeof *stats);
    input->mean = calloc(count, sizeof *input->mean);
    input->std = calloc(count, sizeof *input->std);
    vdt_status status = stats && input->mean && input->std
                            ? vdt_reader_band_stats(input->reader, group, stats, error)
                            : error_memory(error);
    for (size_t i = 0; !status && i < count; i++) {
        const struct vdt_band_stats *band = &stats[transform->bands ? transform->bands[i] : i];
        input->mean[i] = band->mean;
        input->std[i] = band->m2 > 0 ? sqrt(band->m2 / (double)band->count) : 1;
    }
    free(stats);
    transform->mean = input->mean;
    transform->std = input->std;
    if (transform->dtype == 0)
        transform->dtype = VDT_FLOAT32;
    return status;
}

static struct vdt_loader_options plain_options(const struct bench_values *values)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return (struct vdt_loader_options){
        .batch_size = values->batch_size.given ? (uint32_t)values->batch_size.value : 32,
        .threads = values->threads.value ? (uint32_t)values->threads.value
                                         : (uint32_t)(cores > 0 ? cores : 1),
        .prefetch = (uint32_t)values->prefetch.value,
        .order = values->sequential ? VDT_SEQUENTIAL : (enum vdt_order_kind)values->order,
        .window = values->window.value,
        .rank = (uint32_t)values->rank.value,
        .world = (uint32_t)values->world.value,
        .tail = (enum vdt_tail)values->tail,
        .seed = values->seed.value,
        .tasks = values->tasks,
        .box_pad = (uint32_t)values->box_pad.value,
        .transform = {.crop_rows = values->crop.rows,
                      .crop_cols = values->crop.cols,
                      .crop = values->random_crop ? VDT_CROP_RANDOM : VDT_CROP_CENTER,
                      .augment = values->augment,
                      .dtype = (enum vdt_dtype)values->dtype,
                      .axes = (enum vdt_axes)values->axes},
        .verify = (enum vdt_verify)values->verify,
        .on_damage = (enum vdt_on_damage)values->on_damage,
        .pin = values->pin,
        .map = values->map,
        .cuda = values->cuda.given,
        .cuda_device = (uint32_t)values->cuda.value};
}

vdt_status bench_open(const struct bench_values *values, struct bench_input *input,
                      struct vdt_error *error)
{
    size_t group = 0;
    vdt_status status =
        values->images ? open_hdf5(values, input, error) : open_store(values, input, &group, error);
    if (status)
        return status;
    struct vdt_tile_spec tile =
        input->reader ? vdt_reader_spec(input->reader).tile : vdt_hdf5_spec(input->hdf5).tile;
    input->options = plain_options(values);
    status = choose_bands(values, &tile, input, error);
    input->options.transform.bands = input->bands;
    input->options.transform.band_count = values->bands.count;
    if (!status && values->normalize)
        status = choose_range(&tile, group, input, error);
    if (!status && input->samples == 0)
        status = error_set(error, VDT_ERR_NOT_FOUND, "%s: %s has no samples", values->store,
                           input->name);
    return status;
}

void bench_close(struct bench_input *input)
{
    vdt_reader_free(input->reader);
    vdt_hdf5_free(input->hdf5);
    free(input->bands);
    free(input->mean);
    free(input->std);
    *input = (struct bench_input){0};
}
