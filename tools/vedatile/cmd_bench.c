/* vedatile bench: batches a second, as a training loop would get them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "interrupt.h"
#include "json.h"
#include "progress.h"
#include "report.h"
#include "text.h"

#define AT(field) offsetof(struct bench_values, field)

/* In the order of the library's enumerations, from their lowest value on. */
static const char *const order_names[] = {"sequential", "shuffled", "windowed",
                                          "weighted",   "balanced", NULL};
static const char *const tail_names[] = {"default", "short", "drop", "pad", NULL};
static const char *const dtype_names[] = {"stored", "uint8",   "uint16",  "int16",   "uint32",
                                          "int32",  "float32", "float64", "float16", "bfloat16",
                                          "int8",   "uint64",  "int64",   NULL};
static const char *const axes_names[] = {"stored", "chw", "hwc", NULL};
static const char *const augment_names[] = {"flip-cols", "flip-rows", "rotate", NULL};
static const char *const task_names[] = {"classification", "detection",  "segmentation",
                                         "instance",       "boundary",   "contact",
                                         "distance",       "regression", NULL};
static const char *const verify_names[] = {"first", "always", "never", NULL};
static const char *const damage_names[] = {"fail", "skip", NULL};

static const struct option bench_options[] = {
    {.name = "STORE",
     .kind = OPTION_POSITION,
     .required = true,
     .offset = AT(store),
     .help = "the store to read; with --images any HDF5 file"},
    {.name = "group",
     .kind = OPTION_TEXT,
     .offset = AT(group),
     .argument = "NAME",
     .help = "group to read; default: train, or the first one where there is no train"},
    {.name = "view",
     .kind = OPTION_TEXT,
     .offset = AT(view),
     .argument = "NAME",
     .excludes = "group",
     .help = "view to read, instead of a whole group"},
    {.name = "images",
     .kind = OPTION_TEXT,
     .offset = AT(images),
     .argument = "PATH",
     .excludes = "group",
     .help = "dataset of images in an HDF5 file that is no store"},
    {.name = "labels",
     .kind = OPTION_TEXT,
     .offset = AT(labels),
     .argument = "PATH",
     .needs = "images",
     .help = "dataset of labels beside --images"},
    {.name = "batch-size",
     .kind = OPTION_COUNT,
     .offset = AT(batch_size),
     .argument = "N",
     .least = 1,
     .most = 65536,
     .help = "samples in a batch; default: 32"},
    OPTION_ROW_THREADS(AT(threads)),
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
    {.name = "order",
     .kind = OPTION_CHOICE,
     .offset = AT(order),
     .argument = "ORDER",
     .choices = order_names,
     .help = "sequential, shuffled, windowed (shuffled within reach), weighted or balanced (drawn "
             "with replacement, by weight or by class); default: shuffled"},
    {.name = "sequential",
     .kind = OPTION_FLAG,
     .offset = AT(sequential),
     .excludes = "order",
     .help = "the same as --order sequential"},
    {.name = "window",
     .kind = OPTION_COUNT,
     .offset = AT(window),
     .argument = "N",
     .least = 1,
     .needs = "order",
     .help = "samples within reach with --order windowed; default: 16384"},
    {.name = "seed",
     .kind = OPTION_COUNT,
     .offset = AT(seed),
     .argument = "S",
     .excludes = "sequential",
     .help = "seed of the order and of what is random in --random-crop and --augment; default: 0"},
    {.name = "rank",
     .kind = OPTION_COUNT,
     .offset = AT(rank),
     .argument = "R",
     .most = 65535,
     .needs = "world",
     .help = "be rank R, from 0, of the --world that share each epoch; default: 0"},
    {.name = "world",
     .kind = OPTION_COUNT,
     .offset = AT(world),
     .argument = "N",
     .least = 1,
     .most = 65536,
     .help = "number of ranks; default: 1"},
    {.name = "tail",
     .kind = OPTION_CHOICE,
     .offset = AT(tail),
     .argument = "TAIL",
     .choices = tail_names,
     .help = "samples that do not fill the last batch of every rank: short (a short batch), drop, "
             "pad (some samples twice); default: short for one rank, pad for several"},
    {.name = "indices",
     .kind = OPTION_COUNT,
     .offset = AT(indices),
     .argument = "N",
     .least = 1,
     .most = 65536,
     .excludes = "order",
     .help = "read random lists of N samples by their indices, without a loader"},
    {.name = "bands",
     .kind = OPTION_INTEGERS,
     .offset = AT(bands),
     .argument = "B[,B]",
     .least = 1,
     .most = 65535,
     .help = "bands to deliver, from 1, in this order; default: all"},
    {.name = "crop",
     .kind = OPTION_SIZE,
     .offset = AT(crop),
     .argument = "N|WxH",
     .least = 1,
     .most = 32768,
     .help = "cut images to this size, columns x rows, around their middle"},
    {.name = "random-crop",
     .kind = OPTION_FLAG,
     .offset = AT(random_crop),
     .needs = "crop",
     .help = "cut anywhere in the image"},
    {.name = "augment",
     .kind = OPTION_SET,
     .offset = AT(augment),
     .argument = "A[,A]",
     .choices = augment_names,
     .help = "by chance for each sample: flip-cols, flip-rows, rotate"},
    {.name = "dtype",
     .kind = OPTION_CHOICE,
     .offset = AT(dtype),
     .argument = "TYPE",
     .choices = dtype_names,
     .help = "type of the images delivered: uint8, float16, bfloat16, float32, ...; default: as "
             "stored"},
    {.name = "axes",
     .kind = OPTION_CHOICE,
     .offset = AT(axes),
     .argument = "AXES",
     .choices = axes_names,
     .help = "chw (band, row, column) or hwc (row, column, band); default: as stored"},
    {.name = "normalize",
     .kind = OPTION_FLAG,
     .offset = AT(normalize),
     .help = "to mean 0 and standard deviation 1 by the group's statistics; float32 unless --dtype "
             "says otherwise"},
    {.name = "tasks",
     .kind = OPTION_SET,
     .offset = AT(tasks),
     .argument = "T[,T]",
     .choices = task_names,
     .help = "labels to deliver; default: all there are"},
    {.name = "box-pad",
     .kind = OPTION_COUNT,
     .offset = AT(box_pad),
     .argument = "N",
     .most = 4294967295,
     .help = "room for N boxes in each sample, 4294967295 for as many as any has; default: 0, "
             "boxes one after the other"},
    {.name = "verify",
     .kind = OPTION_CHOICE,
     .offset = AT(verify),
     .argument = "WHEN",
     .choices = verify_names,
     .help = "compare images and labels with their checksums: first (in the first epoch), always, "
             "never; default: never"},
    {.name = "on-damage",
     .kind = OPTION_CHOICE,
     .offset = AT(on_damage),
     .argument = "WHAT",
     .choices = damage_names,
     .help = "at a damaged sample: fail, or skip it; default: fail"},
    {.name = "pin",
     .kind = OPTION_FLAG,
     .offset = AT(pin),
     .help = "page-lock the memory of batches for a CUDA device"},
    {.name = "map",
     .kind = OPTION_FLAG,
     .offset = AT(map),
     .help = "read through a memory map: faster for raw tiles in the page cache"},
    {.name = "cuda",
     .kind = OPTION_COUNT,
     .offset = AT(cuda),
     .argument = "N",
     .most = 1023,
     .help = "copy every batch to CUDA device N"},
    OPTION_ROW_JSON(AT(json)),
    {0},
};

static double limit_rate(const struct measured *measured)
{
    return (double)measured->probe.reads / measured->probe.seconds;
}

static bool hwc(const struct measured *measured)
{
    return measured->spec.axes == VDT_AXES_HWC;
}

static json_t *images_json(const struct measured *measured)
{
    const struct vdt_tile_spec *image = &measured->spec.image;
    json_t *object = json_object(), *shape = json_array();
    const uint32_t sizes[2][3] = {{image->bands, image->rows, image->cols},
                                  {image->rows, image->cols, image->bands}};
    for (int i = 0; i < 3; i++)
        json_array_append_new(shape, json_integer(sizes[hwc(measured)][i]));
    json_object_set_new(object, "shape", shape);
    json_object_set_new(object, "axes", json_string(hwc(measured) ? "hwc" : "chw"));
    json_object_set_new(object, "dtype", json_string(vdt_dtype_name(image->dtype)));
    return object;
}

static json_t *first_json(const struct measured *measured)
{
    json_t *object = json_object(), *indices = json_array();
    for (size_t i = 0; i < measured->first_size; i++)
        json_array_append_new(indices, json_from_count(measured->first_indices[i]));
    json_object_set_new(object, "indices", indices);
    json_object_set_new(object, "images_adler32", json_integer(measured->first_images));
    return object;
}

static json_t *limit_json(const struct bench_input *input, const struct measured *measured)
{
    json_t *limit = json_object();
    json_object_set_new(limit, "read_bytes", json_from_count(input->file_bytes));
    json_object_set_new(limit, "samples_per_s", json_from_real(limit_rate(measured)));
    json_object_set_new(
        limit, "gb_per_s",
        json_from_real((double)measured->probe.bytes / measured->probe.seconds / 1e9));
    return limit;
}

static const char *order_name(const struct bench_values *values, const struct bench_input *input)
{
    return values->indices.given ? "indices" : order_names[input->options.order];
}

static unsigned batch_size(const struct bench_values *values, const struct bench_input *input)
{
    return values->indices.given ? (unsigned)values->indices.value : input->options.batch_size;
}

static json_t *bench_json(const struct bench_values *values, const struct bench_input *input,
                          const struct measured *measured)
{
    double seconds = measured->seconds, rate = (double)measured->samples / seconds;
    const struct vdt_loader_options *options = &input->options;
    json_t *object = json_object();
    json_object_set_new(object, "group",
                        input->input.group ? json_from_text(input->input.group) : json_null());
    json_object_set_new(object, "view", values->view ? json_from_text(values->view) : json_null());
    json_object_set_new(object, "batch_size", json_integer(batch_size(values, input)));
    json_object_set_new(object, "threads", json_integer(options->threads));
    json_object_set_new(object, "order", json_string(order_name(values, input)));
    json_object_set_new(object, "rank", json_integer(options->rank));
    json_object_set_new(object, "world", json_integer(options->world ? options->world : 1));
    json_object_set_new(object, "images", images_json(measured));
    json_object_set_new(object, "box_pad", json_integer(measured->spec.box_pad));
    json_object_set_new(object, "verify", json_string(verify_names[options->verify]));
    json_object_set_new(object, "seconds", json_from_real(seconds));
    json_object_set_new(object, "epochs", json_from_count(measured->epochs));
    json_object_set_new(object, "batches", json_from_count(measured->batches));
    json_object_set_new(object, "samples", json_from_count(measured->samples));
    json_object_set_new(object, "skipped", json_from_count(measured->skipped));
    json_object_set_new(object, "bytes", json_from_count(measured->bytes));
    json_object_set_new(object, "first_batch_s", json_from_real(measured->first_batch));
    json_object_set_new(object, "first_batch", first_json(measured));
    json_object_set_new(object, "batches_per_s",
                        json_from_real((double)measured->batches / seconds));
    json_object_set_new(object, "samples_per_s", json_from_real(rate));
    json_object_set_new(object, "gb_per_s",
                        json_from_real((double)measured->bytes / seconds / 1e9));
    json_object_set_new(object, "limit", limit_json(input, measured));
    json_object_set_new(object, "ratio", json_from_real(rate / limit_rate(measured)));
    return object;
}

/* What was done to the images and who shares the epoch, where that is not the default. */
static void print_work(const struct bench_values *values, const struct bench_input *input,
                       const struct measured *measured)
{
    const struct vdt_tile_spec *image = &measured->spec.image;
    const struct vdt_transform *transform = &input->options.transform;
    if (input->options.world > 1)
        printf("  rank %u of %u\n", input->options.rank, input->options.world);
    if (transform->bands || transform->crop_rows || transform->augment || transform->dtype ||
        transform->axes) {
        printf("  images %u x %u pixels, %u band%s, %s, %s%s%s", image->cols, image->rows,
               image->bands, text_plural(image->bands), vdt_dtype_name(image->dtype),
               hwc(measured) ? "hwc" : "chw", values->normalize ? ", normalized" : "",
               values->random_crop ? ", cut anywhere" : "");
        for (unsigned i = 0; augment_names[i]; i++)
            if (transform->augment >> i & 1)
                printf(", %s", augment_names[i]);
        putchar('\n');
    }
    if (values->pin || values->cuda.given)
        printf("  %s CUDA device %u\n", values->cuda.given ? "copied to" : "page-locked for",
               input->options.cuda_device);
    if (measured->skipped)
        printf("  %" PRIu64 " damaged sample%s left out\n", measured->skipped,
               text_plural(measured->skipped));
}

static void print_order(const struct bench_values *values, const struct bench_input *input)
{
    if (values->indices.given)
        fputs("lists of random indices", stdout);
    else if (input->options.order == VDT_SEQUENTIAL)
        fputs("in store order", stdout);
    else
        fputs(order_names[input->options.order], stdout);
    if (input->options.verify != VDT_VERIFY_NEVER)
        fputs(", checksums compared", stdout);
    putchar('\n');
}

static void print_bench(const struct bench_values *values, const struct bench_input *input,
                        const struct measured *measured)
{
    double seconds = measured->seconds, rate = (double)measured->samples / seconds;
    unsigned threads = input->options.threads;
    char stored[32];
    text_print(stdout, input->name);
    printf(": %" PRIu64 " batches of %u in %.2f s, %u thread%s, ", measured->batches,
           batch_size(values, input), seconds, threads, text_plural(threads));
    print_order(values, input);
    print_work(values, input, measured);
    printf("  %12.1f batches/s\n", (double)measured->batches / seconds);
    printf("  %12.1f samples/s\n", rate);
    printf("  %12.3f GB/s delivered\n", (double)measured->bytes / seconds / 1e9);
    printf("  %12.1f ms to the first batch, opening the file included\n",
           measured->first_batch * 1e3);
    printf("limit: %u thread%s reading %s of the same file at a time, no work on the bytes\n",
           threads, text_plural(threads), text_bytes(stored, sizeof stored, input->file_bytes));
    printf("  %12.1f samples/s, %.3f GB/s read\n", limit_rate(measured),
           (double)measured->probe.bytes / measured->probe.seconds / 1e9);
    printf("  %12.1f %% of the limit reached\n", 100 * rate / limit_rate(measured));
}

static int bench(const struct bench_values *values)
{
    struct vdt_error error = {.status = VDT_OK};
    struct bench_input input = {0};
    struct measured measured = {0};
    double opened = clock_seconds();
    interrupt_catch();
    int code = EXIT_DONE;
    if (bench_open(values, &input, &error) ||
        bench_measure(values, &input, opened, &measured, &error))
        code = report_error(&bench_command, &error);
    else if (values->json)
        code = json_print(bench_json(values, &input, &measured));
    else
        print_bench(values, &input, &measured);
    bench_release(&measured);
    bench_close(&input);
    return code;
}

/* What the table of options cannot say. */
static const char *contradiction(const struct bench_values *values)
{
    if (values->window.given && values->order != VDT_WINDOWED)
        return "--window needs --order windowed";
    if (values->images && values->view)
        return "--images and --view contradict each other; give one";
    if (values->indices.given &&
        (values->sequential || values->world.given || values->tail || values->batch_size.given ||
         values->pin || values->map || values->cuda.given))
        return "--indices goes without a loader: no batch size, order, world, tail, pin, map or "
               "cuda";
    return NULL;
}

static int run_bench(int argc, char **argv)
{
    struct bench_values values = {.order = VDT_SHUFFLED, .verify = VDT_VERIFY_NEVER};
    int code = options_parse(&bench_command, argc, argv, &values);
    const char *wrong = code == OPTIONS_RUN ? contradiction(&values) : NULL;
    if (wrong)
        code = report_wrong(&bench_command, "%s", wrong);
    else if (code == OPTIONS_RUN)
        code = bench(&values);
    options_clear(&bench_command, &values);
    return code;
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
             "  vedatile bench land.h5 --batch-size 64 --threads 8 --epochs 3 --json\n"
             "  vedatile bench land.h5 --dtype float16 --axes hwc --normalize --crop 224 "
             "--random-crop\n"
             "  vedatile bench other.h5 --images x --labels y --order windowed\n",
    .options = bench_options,
    .run = run_bench,
};
