/* vedatile bench: batches a second, as a training loop would get them. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>
#include <vedatile/loader.h>

#include "interrupt.h"
#include "json.h"
#include "options.h"
#include "probe.h"
#include "progress.h"
#include "report.h"
#include "store_text.h"
#include "text.h"

#define SECONDS_DEFAULT 3
#define PROBE_SECONDS_MOST 2

struct bench_values {
    const char *store;
    const char *group;
    struct count batch_size;
    struct count threads;
    struct count prefetch;
    struct count epochs;
    double seconds;
    struct count seed;
    bool sequential;
    bool verify;
    bool json;
};

#define AT(field) offsetof(struct bench_values, field)

static const struct option bench_options[] = {
    {.name = "STORE",
     .kind = OPTION_POSITION,
     .required = true,
     .offset = AT(store),
     .help = "the store to read"},
    {.name = "group",
     .kind = OPTION_TEXT,
     .offset = AT(group),
     .argument = "NAME",
     .help = "group to read; default: train, or the first one where there is no train"},
    {.name = "batch-size",
     .kind = OPTION_COUNT,
     .offset = AT(batch_size),
     .argument = "N",
     .least = 1,
     .most = 65536,
     .help = "samples in a batch; default: 32"},
    {.name = "threads",
     .kind = OPTION_COUNT,
     .offset = AT(threads),
     .argument = "N",
     .most = 1024,
     .help = "worker threads; default: 0, one per core"},
    {.name = "prefetch",
     .kind = OPTION_COUNT,
     .offset = AT(prefetch),
     .argument = "N",
     .least = 1,
     .most = 1024,
     .help = "batches held ready; default: 2"},
    {.name = "epochs",
     .kind = OPTION_COUNT,
     .offset = AT(epochs),
     .argument = "N",
     .least = 1,
     .most = 1000000,
     .excludes = "seconds",
     .help = "read the group this many times; default: as often as --seconds allows"},
    {.name = "seconds",
     .kind = OPTION_REAL,
     .offset = AT(seconds),
     .argument = "F",
     .low = 0.01,
     .high = 86400,
     .help = "read for this many seconds; default: 3"},
    {.name = "seed",
     .kind = OPTION_COUNT,
     .offset = AT(seed),
     .argument = "S",
     .excludes = "sequential",
     .help = "seed of the order; default: 0"},
    {.name = "sequential",
     .kind = OPTION_FLAG,
     .offset = AT(sequential),
     .help = "in the store's order; default: shuffled"},
    {.name = "verify",
     .kind = OPTION_FLAG,
     .offset = AT(verify),
     .help = "compare every image and label with its checksum"},
    {.name = "json", .kind = OPTION_FLAG, .offset = AT(json), .help = "print a JSON object"},
    {0},
};

struct measured {
    const char *group;
    unsigned threads;
    uint32_t batch_size;
    uint64_t batches, samples, bytes; /* bytes decoded */
    uint64_t epochs;                  /* complete ones */
    double seconds;
    double first_batch; /* seconds from before opening the store */
    uint64_t stored;    /* bytes of a sample in the file */
    struct probe_result probe;
};

static uint64_t batch_bytes(const struct vdt_reader *reader, const struct vdt_batch_view *view)
{
    struct vdt_store_spec spec = vdt_reader_spec(reader);
    uint64_t pixels = (uint64_t)spec.tile.rows * spec.tile.cols, sample = 0;
    if (view->images)
        sample += vdt_tile_bytes(&spec.tile);
    if (view->masks)
        sample += pixels * vdt_reader_mask_size(reader);
    if (view->instances)
        sample += pixels * sizeof *view->instances;
    if (view->onehot)
        sample += spec.class_count;
    uint64_t boxes = view->box_offsets ? view->box_offsets[view->size] : 0;
    return sample * view->size + boxes * (sizeof *view->boxes + sizeof *view->box_class +
                                          sizeof *view->box_feature + sizeof *view->box_visible);
}

/* One batch, or the first of the next epoch. */
static vdt_status take_batch(struct vdt_loader *loader, const struct vdt_reader *reader,
                             struct measured *measured, struct vdt_error *error)
{
    struct vdt_batch *batch = NULL;
    vdt_status status = vdt_loader_next(loader, &batch, error);
    if (status == VDT_END) {
        measured->epochs++;
        return VDT_END;
    }
    if (status)
        return status;
    struct vdt_batch_view view = vdt_batch_view(batch);
    measured->batches++;
    measured->samples += view.size;
    measured->bytes += batch_bytes(reader, &view);
    vdt_batch_free(batch);
    return VDT_OK;
}

static vdt_status read_batches(const struct bench_values *values, struct vdt_loader *loader,
                               const struct vdt_reader *reader, struct measured *measured,
                               struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    double start = clock_seconds(), limit = values->seconds > 0 ? values->seconds : SECONDS_DEFAULT;
    while (!status) {
        status = take_batch(loader, reader, measured, error);
        bool enough = values->epochs.given ? measured->epochs >= values->epochs.value
                                           : clock_seconds() - start >= limit;
        if (status == VDT_END)
            status = enough ? VDT_OK : vdt_loader_rewind(loader, error);
        if (!status && interrupt_pending())
            status = error_set(error, VDT_ERR_CANCELLED, "stopped");
        if (enough)
            break;
    }
    measured->seconds = clock_seconds() - start;
    return status;
}

static vdt_status measure_limit(const struct bench_values *values, const struct vdt_reader *reader,
                                struct measured *measured, struct vdt_error *error)
{
    struct vdt_store_spec spec = vdt_reader_spec(reader);
    uint64_t prefetch = values->prefetch.given ? values->prefetch.value : 2;
    struct probe probe = {
        .path = vdt_reader_path(reader),
        .threads = measured->threads,
        .block = measured->stored,
        .ring_bytes = (prefetch + measured->threads) * measured->batch_size *
                      (uint64_t)vdt_tile_bytes(&spec.tile),
        .sequential = values->sequential,
        .seconds = measured->seconds < PROBE_SECONDS_MOST ? measured->seconds : PROBE_SECONDS_MOST,
    };
    return probe_run(&probe, &measured->probe, error);
}

static uint64_t stored_bytes(const struct vdt_reader *reader)
{
    uint64_t samples = 0;
    for (size_t group = 0; group < vdt_reader_group_count(reader); group++)
        samples += vdt_reader_count(reader, group);
    uint64_t bytes = samples ? vdt_reader_file_bytes(reader) / samples : 0;
    return bytes ? bytes : 1;
}

static vdt_status first_batch(const struct bench_values *values, struct vdt_reader **reader,
                              struct vdt_loader **loader, struct measured *measured,
                              struct vdt_error *error)
{
    double start = clock_seconds();
    size_t group = 0;
    struct measured ignored = {0};
    vdt_status status = vdt_reader_open(values->store, reader, error);
    if (!status)
        status = store_group(*reader, values->group, &group, error);
    if (status)
        return status;
    measured->group = vdt_reader_group_name(*reader, group);
    struct vdt_loader_options options = {
        .group = measured->group,
        .batch_size = (uint32_t)values->batch_size.value,
        .threads = (uint32_t)values->threads.value,
        .prefetch = (uint32_t)values->prefetch.value,
        .order = values->sequential ? VDT_SEQUENTIAL : VDT_SHUFFLED,
        .seed = values->seed.value,
        .verify = values->verify ? VDT_VERIFY_ALWAYS : VDT_VERIFY_NEVER};
    status = vdt_loader_start(*reader, &options, loader, error);
    if (!status)
        status = take_batch(*loader, *reader, &ignored, error);
    measured->first_batch = clock_seconds() - start;
    if (status == VDT_END)
        return error_set(error, VDT_ERR_NOT_FOUND, "group %s has no samples", measured->group);
    return status;
}

static vdt_status measure(const struct bench_values *values, struct vdt_reader **reader,
                          struct vdt_loader **loader, struct measured *measured,
                          struct vdt_error *error)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    measured->threads =
        values->threads.value ? (unsigned)values->threads.value : (unsigned)(cores > 0 ? cores : 1);
    measured->batch_size = values->batch_size.given ? (uint32_t)values->batch_size.value : 32;
    vdt_status status = first_batch(values, reader, loader, measured, error);
    if (!status)
        status = probe_warm(vdt_reader_path(*reader), error);
    if (!status)
        status = vdt_loader_rewind(*loader, error);
    if (!status)
        status = read_batches(values, *loader, *reader, measured, error);
    if (status)
        return status;
    measured->stored = stored_bytes(*reader);
    return measure_limit(values, *reader, measured, error);
}

static double limit_rate(const struct measured *measured)
{
    return (double)measured->probe.reads / measured->probe.seconds;
}

static json_t *bench_json(const struct bench_values *values, const struct measured *measured)
{
    double seconds = measured->seconds;
    double rate = (double)measured->samples / seconds;
    json_t *object = json_object(), *limit = json_object();
    json_object_set_new(object, "group", json_from_text(measured->group));
    json_object_set_new(object, "batch_size", json_integer(measured->batch_size));
    json_object_set_new(object, "threads", json_integer(measured->threads));
    json_object_set_new(object, "shuffle", json_boolean(!values->sequential));
    json_object_set_new(object, "verify", json_boolean(values->verify));
    json_object_set_new(object, "seconds", json_from_real(seconds));
    json_object_set_new(object, "epochs", json_from_count(measured->epochs));
    json_object_set_new(object, "batches", json_from_count(measured->batches));
    json_object_set_new(object, "samples", json_from_count(measured->samples));
    json_object_set_new(object, "bytes", json_from_count(measured->bytes));
    json_object_set_new(object, "first_batch_s", json_from_real(measured->first_batch));
    json_object_set_new(object, "batches_per_s",
                        json_from_real((double)measured->batches / seconds));
    json_object_set_new(object, "samples_per_s", json_from_real(rate));
    json_object_set_new(object, "gb_per_s",
                        json_from_real((double)measured->bytes / seconds / 1e9));
    json_object_set_new(limit, "read_bytes", json_from_count(measured->stored));
    json_object_set_new(limit, "samples_per_s", json_from_real(limit_rate(measured)));
    json_object_set_new(
        limit, "gb_per_s",
        json_from_real((double)measured->probe.bytes / measured->probe.seconds / 1e9));
    json_object_set_new(object, "limit", limit);
    json_object_set_new(object, "ratio", json_from_real(rate / limit_rate(measured)));
    return object;
}

static void print_bench(const struct bench_values *values, const struct measured *measured)
{
    double seconds = measured->seconds, rate = (double)measured->samples / seconds;
    char stored[32];
    text_print(stdout, measured->group);
    printf(": %" PRIu64 " batches of %u in %.2f s, %u thread%s, %s%s\n", measured->batches,
           measured->batch_size, seconds, measured->threads, text_plural(measured->threads),
           values->sequential ? "in store order" : "shuffled",
           values->verify ? ", checksums compared" : "");
    printf("  %12.1f batches/s\n", (double)measured->batches / seconds);
    printf("  %12.1f samples/s\n", rate);
    printf("  %12.3f GB/s decoded\n", (double)measured->bytes / seconds / 1e9);
    printf("  %12.1f ms to the first batch, opening the store included\n",
           measured->first_batch * 1e3);
    printf("limit: %u thread%s reading %s of the same file at a time, no work on the bytes\n",
           measured->threads, text_plural(measured->threads),
           text_bytes(stored, sizeof stored, measured->stored));
    printf("  %12.1f samples/s, %.3f GB/s read\n", limit_rate(measured),
           (double)measured->probe.bytes / measured->probe.seconds / 1e9);
    printf("  %12.1f %% of the limit reached\n", 100 * rate / limit_rate(measured));
}

static int bench(const struct bench_values *values)
{
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_reader *reader = NULL;
    struct vdt_loader *loader = NULL;
    struct measured measured = {0};
    interrupt_catch();
    int code = EXIT_DONE;
    if (measure(values, &reader, &loader, &measured, &error))
        code = report_error(&bench_command, &error);
    else if (values->json)
        code = json_print(bench_json(values, &measured));
    else
        print_bench(values, &measured);
    vdt_loader_free(loader);
    vdt_reader_free(reader);
    return code;
}

static int run_bench(int argc, char **argv)
{
    struct bench_values values = {0};
    int code = options_parse(&bench_command, argc, argv, &values);
    return code == OPTIONS_RUN ? bench(&values) : code;
}

const struct command bench_command = {
    .name = "bench",
    .summary = "batches a second, as a training loop would get them",
    .usage = "STORE [options]",
    .notes = "The file is read into the page cache first. The limit is measured right after the "
             "batches: the\nsame number of threads reads as many bytes as a sample takes in the "
             "file, into a ring of the same\nsize, and does nothing with them. The ratio compares "
             "samples a second.\n\n"
             "examples:\n"
             "  vedatile bench roofs.h5\n"
             "  vedatile bench land.h5 --batch-size 64 --threads 8 --epochs 3 --json\n",
    .options = bench_options,
    .run = run_bench,
};
