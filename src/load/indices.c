/* One batch of given samples, without a loader. */
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/ordered.h"
#include "load/fill.h"

/* Starting a thread costs about as much as reading this much. */
enum { BYTES_A_THREAD = 256 << 10 };

struct job {
    struct vdt_sources sources;
    struct vdt_recipe recipe;
    struct vdt_fill fill;
    struct vdt_batch *batch;
    const uint64_t *indices;
    uint64_t *places; /* 0, 1, 2, ...: what random choices depend on */
    size_t count;
};

static void clear_job(struct job *job)
{
    vdt_recipe_clear(&job->recipe);
    vdt_sources_clear(&job->sources);
    free(job->places);
}

static void stop_worker(void *payload, void *scratch)
{
    (void)payload;
    vdt_scratch_clear(scratch);
    free(scratch);
}

static vdt_status start_worker(void *payload, void **scratch, struct vdt_error *error)
{
    (void)payload;
    *scratch = vdt_allocate_zero(1, sizeof(struct vdt_scratch));
    return *scratch == NULL ? vdt_fail_memory(error, "a thread") : VDT_OK;
}

static vdt_status fill_part(void *payload, void *scratch, uint64_t part, uint32_t slot,
                            struct vdt_error *error)
{
    (void)slot;
    const struct job *job = payload;
    size_t first, count;
    vdt_part_range(job->count, (size_t)part, job->batch->part_count, &first, &count);
    return vdt_fill_part(&job->fill, scratch, job->batch, job->count, (size_t)part,
                         job->indices + first, job->places + first, error);
}

static vdt_status fill_batch(struct job *job, struct vdt_error *error)
{
    static const struct vdt_ordered_ops ops = {
        .start = start_worker, .process = fill_part, .stop = stop_worker};
    struct vdt_batch *batch = job->batch;
    batch->position = 0;
    atomic_store(&batch->parts_left, batch->part_count);
    if (batch->part_count == 1) {
        vdt_cleanup(vdt_scratch_clear) struct vdt_scratch scratch = {0};
        return fill_part(job, &scratch, 0, 0, error);
    }
    struct vdt_ordered *pool = NULL;
    uint32_t parts = (uint32_t)batch->part_count, slot = 0;
    vdt_status status = vdt_ordered_start(&ops, job, parts, parts, parts, &pool, error);
    while (status == VDT_OK)
        status = vdt_ordered_take(pool, &slot, error);
    vdt_ordered_free(pool);
    return status == VDT_END ? VDT_OK : status;
}

static size_t choose_parts(const struct job *job, uint32_t threads)
{
    size_t parts = threads == 0 ? vdt_core_count() : threads;
    size_t bytes = job->recipe.transform.in_bytes, most = job->count;
    if (bytes < BYTES_A_THREAD)
        most = job->count / (BYTES_A_THREAD / (bytes == 0 ? 1 : bytes));
    if (parts > most)
        parts = most;
    return parts == 0 ? 1 : parts;
}

static bool fits(const struct vdt_batch *batch, const struct job *job, size_t parts)
{
    return batch != NULL && batch->capacity >= job->count && batch->part_count == parts &&
           memcmp(&batch->spec, &job->recipe.spec, sizeof batch->spec) == 0;
}

static vdt_status prepare(struct job *job, const struct vdt_input *input, const uint64_t *indices,
                          size_t count, const struct vdt_loader_options *options,
                          struct vdt_error *error)
{
    vdt_status status = vdt_sources_init(&job->sources, input, 1, options, false, error);
    for (size_t i = 0; status == VDT_OK && i < count; i++)
        if (indices[i] >= job->sources.samples)
            status =
                vdt_fail(error, VDT_ERR_ARGUMENT, "%s: sample %llu of %llu is asked for",
                         vdt_source_path(&job->sources.items[0]), (unsigned long long)indices[i],
                         (unsigned long long)job->sources.samples);
    if (status == VDT_OK)
        status = vdt_recipe_init(&job->recipe, &job->sources, options, error);
    if (status != VDT_OK)
        return status;
    job->indices = indices;
    job->count = count;
    job->fill = (struct vdt_fill){.recipe = &job->recipe,
                                  .epoch = options->epoch,
                                  .verify = options->verify != VDT_VERIFY_NEVER};
    job->places = vdt_allocate(count, sizeof *job->places);
    if (job->places == NULL)
        return vdt_fail_memory(error, "a list of samples");
    for (size_t i = 0; i < count; i++)
        job->places[i] = i;
    return VDT_OK;
}

vdt_status vdt_read_indices(const struct vdt_input *input, const uint64_t *indices, size_t count,
                            const struct vdt_loader_options *options, struct vdt_batch **batch,
                            struct vdt_error *error)
{
    static const struct vdt_loader_options defaults = {0};
    vdt_cleanup(clear_job) struct job job = {0};
    if (options == NULL)
        options = &defaults;
    if (options->map)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "a map is for a loader: it is made once");
    if (*batch != NULL && (*batch)->home != NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "a loader's batch is not for reading into");
    vdt_status status = prepare(&job, input, indices, count, options, error);
    if (status != VDT_OK)
        return status;
    size_t parts = choose_parts(&job, options->threads);
    bool again = fits(*batch, &job, parts);
    job.batch = *batch;
    if (!again)
        status = vdt_batch_create(&job.recipe.spec, count, parts, NULL, false, &job.batch, error);
    if (status == VDT_OK)
        status = fill_batch(&job, error);
    if (again)
        return status;
    if (status == VDT_OK) {
        vdt_batch_destroy(*batch);
        *batch = job.batch;
    } else if (job.batch != *batch) {
        vdt_batch_destroy(job.batch);
    }
    return status;
}
