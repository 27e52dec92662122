/* Batches as a training loop would take them, and the limit beside them. */
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "interrupt.h"
#include "progress.h"
#include "report.h"

#define SECONDS_DEFAULT 3
#define PROBE_SECONDS_MOST 2

/* A loader, or lists of random indices. */
struct source {
    const struct bench_input *input;
    struct vdt_loader *loader; /* NULL: lists */
    uint64_t *list;
    size_t list_size;
    uint64_t lists, lists_taken; /* of an epoch: as many as hold every sample once */
    uint64_t random;
    struct vdt_batch *batch; /* of the lists, used again */
};

static void source_clear(struct source *source)
{
    if (!source->loader)
        vdt_batch_free(source->batch);
    vdt_loader_free(source->loader);
    free(source->list);
}

static vdt_status source_start(const struct bench_values *values, const struct bench_input *input,
                               struct source *source, struct vdt_error *error)
{
    *source = (struct source){.input = input};
    if (!values->indices.given)
        return vdt_loader_start_inputs(&input->input, 1, &input->options, &source->loader, error);
    source->list_size = values->indices.value;
    source->lists = (input->samples + source->list_size - 1) / source->list_size;
    source->random = values->seed.value * UINT64_C(0x9E3779B97F4A7C15) + 1;
    source->list = calloc(source->list_size, sizeof *source->list);
    return source->list ? VDT_OK : error_memory(error);
}

static vdt_status read_list(struct source *source, struct vdt_error *error)
{
    if (source->lists_taken == source->lists)
        return VDT_END;
    for (size_t i = 0; i < source->list_size; i++) {
        /* xorshift64 (Marsaglia 2003) */
        source->random ^= source->random << 13;
        source->random ^= source->random >> 7;
        source->random ^= source->random << 17;
        source->list[i] = source->random % source->input->samples;
    }
    source->lists_taken++;
    return vdt_read_indices(&source->input->input, source->list, source->list_size,
                            &source->input->options, &source->batch, error);
}

static vdt_status source_rewind(struct source *source, struct vdt_error *error)
{
    source->lists_taken = 0;
    return source->loader ? vdt_loader_rewind(source->loader, error) : VDT_OK;
}

/* Back to the beginning, with memory warm; only a new loader has a first epoch to verify again. */
static vdt_status source_restart(struct source *source, struct vdt_error *error)
{
    const struct bench_input *input = source->input;
    if (!source->loader || input->options.verify != VDT_VERIFY_FIRST)
        return source_rewind(source, error);
    vdt_loader_free(source->loader);
    source->loader = NULL;
    return vdt_loader_start_inputs(&input->input, 1, &input->options, &source->loader, error);
}

static uint64_t batch_bytes(const struct vdt_batch_spec *spec, const struct vdt_batch_view *view)
{
    uint64_t pixels = (uint64_t)spec->image.rows * spec->image.cols;
    uint64_t sample = spec->image_bytes + spec->class_count + pixels * spec->mask_size +
                      (spec->instances ? pixels * sizeof *view->instances : 0) + spec->value_bytes;
    sample += pixels * (spec->boundaries + spec->contacts +
                        4u * ((unsigned)spec->distances + (unsigned)spec->targets));
    uint64_t boxes = !spec->boxes        ? 0
                     : view->box_offsets ? view->box_offsets[view->size]
                                         : (uint64_t)view->size * spec->box_pad;
    return sample * view->size + boxes * (sizeof *view->boxes + sizeof *view->box_class +
                                          sizeof *view->box_feature + sizeof *view->box_visible);
}

/* RFC 1950 */
static uint32_t adler32(const unsigned char *bytes, uint64_t size)
{
    uint32_t a = 1, b = 0;
    for (uint64_t i = 0; i < size; i++) {
        a = (a + bytes[i]) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

/* Says which samples came first, and what was made of them: not part of what is timed. */
static vdt_status describe_first(const struct vdt_batch *batch, struct measured *measured,
                                 struct vdt_error *error)
{
    struct vdt_batch_view view = vdt_batch_view(batch);
    measured->first_indices = calloc(view.size + 1, sizeof *measured->first_indices);
    if (!measured->first_indices)
        return error_memory(error);
    if (view.size)
        memcpy(measured->first_indices, view.indices, view.size * sizeof *view.indices);
    measured->first_size = view.size;
    measured->first_images = adler32(view.images, view.size * (uint64_t)measured->spec.image_bytes);
    return VDT_OK;
}

/* One batch, or VDT_END after the epoch's last. */
static vdt_status take_batch(struct source *source, struct measured *measured, bool first,
                             struct vdt_error *error)
{
    struct vdt_batch *batch = source->batch;
    vdt_status status =
        source->loader ? vdt_loader_next(source->loader, &batch, error) : read_list(source, error);
    if (status)
        return status;
    if (!source->loader)
        batch = source->batch;
    struct vdt_batch_view view = vdt_batch_view(batch);
    if (first) {
        measured->spec = vdt_batch_spec(batch);
        status = describe_first(batch, measured, error);
    } else {
        measured->batches++;
        measured->samples += view.size;
        measured->skipped += view.skipped;
        measured->bytes += batch_bytes(&measured->spec, &view);
    }
    if (source->loader)
        vdt_batch_free(batch);
    return status;
}

static vdt_status read_batches(const struct bench_values *values, struct source *source,
                               struct measured *measured, struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    double start = clock_seconds(), limit = values->seconds > 0 ? values->seconds : SECONDS_DEFAULT;
    while (!status) {
        status = take_batch(source, measured, false, error);
        measured->epochs += status == VDT_END;
        bool enough = values->epochs.given ? measured->epochs >= values->epochs.value
                                           : clock_seconds() - start >= limit;
        if (status == VDT_END)
            status = enough ? VDT_OK : source_rewind(source, error);
        if (!status && interrupt_pending())
            status = error_set(error, VDT_ERR_CANCELLED, "stopped");
        if (enough)
            break;
    }
    measured->seconds = clock_seconds() - start;
    return status;
}

static vdt_status measure_limit(const struct bench_values *values, const struct bench_input *input,
                                struct measured *measured, struct vdt_error *error)
{
    uint64_t prefetch = values->prefetch.given ? values->prefetch.value : 2;
    uint64_t block = input->file_bytes ? input->file_bytes : 1;
    struct probe probe = {
        .path = values->store,
        .threads = input->options.threads,
        .block = block,
        .ring_bytes = (prefetch + input->options.threads) * input->options.batch_size * block,
        .sequential = !values->indices.given && input->options.order == VDT_SEQUENTIAL,
        .seconds = measured->seconds < PROBE_SECONDS_MOST ? measured->seconds : PROBE_SECONDS_MOST,
    };
    return probe_run(&probe, &measured->probe, error);
}

vdt_status bench_measure(const struct bench_values *values, const struct bench_input *input,
                         double opened, struct measured *measured, struct vdt_error *error)
{
    struct source source;
    vdt_status status = source_start(values, input, &source, error);
    if (!status)
        status = take_batch(&source, measured, true, error);
    measured->first_batch = clock_seconds() - opened;
    if (status == VDT_END)
        status = error_set(error, VDT_ERR_NOT_FOUND, "%s: an epoch of %s has no batches",
                           values->store, input->name);
    if (!status)
        status = probe_warm(values->store, error);
    if (!status)
        status = source_restart(&source, error);
    if (!status)
        status = read_batches(values, &source, measured, error);
    source_clear(&source);
    if (!status)
        status = measure_limit(values, input, measured, error);
    if (status)
        bench_release(measured);
    return status;
}

void bench_release(struct measured *measured)
{
    free(measured->first_indices);
    *measured = (struct measured){0};
}
