/* Trains a small convolutional network on a store with masks: train STORE [GROUP [EPOCHS]]
 *
 * One 3x3 convolution, ReLU, one 1x1 convolution, softmax; stochastic gradient descent. It labels
 * every pixel as background or one of the store's classes. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <vedatile/vedatile.h>

enum { HIDDEN = 8, BATCH = 8, EPOCHS = 10, CROP = 32 };
static const float LEARNING_RATE = 0.2f;

/* All weights in one run of memory, and a gradient of the same shape: first [HIDDEN][inputs], then
 * [outputs][HIDDEN + 1]. The last column of both is the bias. */
struct network {
    size_t inputs;  /* bands * 9 + 1 */
    size_t outputs; /* background and the classes */
    size_t size;    /* number of weights */
    float *weights, *gradient;
    float *around;            /* [inputs] the pixel and its neighbours, then 1 */
    float hidden[HIDDEN + 1]; /* the last is 1 */
    float *share;             /* [outputs] */
};

/* What an epoch, or a batch, came to. */
struct score {
    double loss;
    uint64_t pixels, right;
};

static bool network_init(struct network *net, uint32_t bands, size_t class_count)
{
    *net = (struct network){.inputs = (size_t)bands * 9 + 1, .outputs = class_count + 1};
    net->size = HIDDEN * net->inputs + net->outputs * (HIDDEN + 1);
    net->weights = calloc(net->size, sizeof *net->weights);
    net->gradient = calloc(net->size, sizeof *net->gradient);
    net->around = calloc(net->inputs, sizeof *net->around);
    net->share = calloc(net->outputs, sizeof *net->share);
    if (net->weights == NULL || net->gradient == NULL || net->around == NULL || net->share == NULL)
        return false;
    net->around[net->inputs - 1] = net->hidden[HIDDEN] = 1;
    /* The first layer begins at random, the same every time; the second at 0. */
    uint32_t random = 1;
    float scale = sqrtf(2 / (float)net->inputs);
    for (size_t i = 0; i < HIDDEN * net->inputs; i++) {
        random = random * 1664525 + 1013904223;
        net->weights[i] = scale * ((float)(random >> 8) / (1 << 23) - 1);
    }
    return true;
}

static void network_clear(struct network *net)
{
    free(net->weights);
    free(net->gradient);
    free(net->around);
    free(net->share);
}

/* The 3x3 neighbours of a pixel in every band; 0, the mean, outside the image. */
static void take_around(struct network *net, const float *image, const struct vdt_tile_spec *tile,
                        uint32_t row, uint32_t col)
{
    float *to = net->around;
    for (uint32_t band = 0; band < tile->bands; band++)
        for (int r = -1; r <= 1; r++)
            for (int c = -1; c <= 1; c++) {
                int64_t y = (int64_t)row + r, x = (int64_t)col + c;
                bool inside = y >= 0 && x >= 0 && y < tile->rows && x < tile->cols;
                *to++ =
                    inside ? image[((size_t)band * tile->rows + (size_t)y) * tile->cols + (size_t)x]
                           : 0;
            }
}

/* Fills net->hidden and net->share from net->around. */
static void forward(struct network *net)
{
    const float *first = net->weights, *second = first + HIDDEN * net->inputs;
    float highest = -INFINITY, sum = 0;
    for (size_t h = 0; h < HIDDEN; h++) {
        float value = 0;
        for (size_t i = 0; i < net->inputs; i++)
            value += first[h * net->inputs + i] * net->around[i];
        net->hidden[h] = fmaxf(value, 0);
    }
    for (size_t k = 0; k < net->outputs; k++) {
        net->share[k] = 0;
        for (size_t h = 0; h <= HIDDEN; h++)
            net->share[k] += second[k * (HIDDEN + 1) + h] * net->hidden[h];
        highest = fmaxf(highest, net->share[k]);
    }
    for (size_t k = 0; k < net->outputs; k++)
        sum += net->share[k] = expf(net->share[k] - highest);
    for (size_t k = 0; k < net->outputs; k++)
        net->share[k] /= sum;
}

/* Adds the gradient of the cross-entropy at one pixel. */
static void backward(struct network *net, size_t target)
{
    const float *second = net->weights + HIDDEN * net->inputs;
    float *first_gradient = net->gradient, *second_gradient = first_gradient + HIDDEN * net->inputs;
    float back[HIDDEN] = {0};
    for (size_t k = 0; k < net->outputs; k++) {
        float off = net->share[k] - (k == target ? 1 : 0);
        for (size_t h = 0; h <= HIDDEN; h++)
            second_gradient[k * (HIDDEN + 1) + h] += off * net->hidden[h];
        for (size_t h = 0; h < HIDDEN; h++)
            back[h] += off * second[k * (HIDDEN + 1) + h];
    }
    for (size_t h = 0; h < HIDDEN; h++)
        for (size_t i = 0; net->hidden[h] > 0 && i < net->inputs; i++)
            first_gradient[h * net->inputs + i] += back[h] * net->around[i];
}

static void learn_pixel(struct network *net, size_t target, struct score *score)
{
    size_t best = 0;
    forward(net);
    backward(net, target);
    for (size_t k = 1; k < net->outputs; k++)
        best = net->share[k] > net->share[best] ? k : best;
    score->loss -= log(fmax((double)net->share[target], 1e-30));
    score->right += best == target;
    score->pixels++;
}

/* One step down the mean gradient over the batch's labelled pixels. */
static void learn_batch(struct network *net, const struct vdt_batch_view *view,
                        const struct vdt_batch_spec *spec, struct score *score)
{
    const struct vdt_tile_spec *tile = &spec->image;
    const uint8_t *bytes = view->masks;
    const uint16_t *words = view->masks;
    uint64_t before = score->pixels;
    for (size_t i = 0, at = 0; i < view->size; i++) {
        const float *image =
            (const float *)view->images + i * tile->bands * tile->rows * tile->cols;
        for (uint32_t row = 0; row < tile->rows; row++)
            for (uint32_t col = 0; col < tile->cols; col++, at++) {
                size_t target = spec->mask_size == 1 ? bytes[at] : words[at];
                if (target >= net->outputs) /* 255 or 65535: nobody labelled it */
                    continue;
                take_around(net, image, tile, row, col);
                learn_pixel(net, target, score);
            }
    }
    for (size_t i = 0; i < net->size && score->pixels > before; i++) {
        net->weights[i] -= LEARNING_RATE * net->gradient[i] / (float)(score->pixels - before);
        net->gradient[i] = 0;
    }
}

static vdt_status learn_epoch(struct network *net, struct vdt_loader *loader, struct score *score,
                              struct vdt_error *error)
{
    struct vdt_batch_spec spec = vdt_loader_spec(loader);
    struct vdt_batch *batch = NULL;
    vdt_status status;
    while ((status = vdt_loader_next(loader, &batch, error)) == VDT_OK) {
        struct vdt_batch_view view = vdt_batch_view(batch);
        learn_batch(net, &view, &spec, score);
        vdt_batch_free(batch);
    }
    return status == VDT_END ? vdt_loader_rewind(loader, error) : status;
}

/* Images come as float32 with mean 0 and standard deviation 1 in every band of the group. */
static vdt_status start_loader(const struct vdt_reader *reader, const char *group,
                               struct vdt_loader **loader, struct vdt_error *error)
{
    struct vdt_tile_spec tile = vdt_reader_spec(reader).tile;
    struct vdt_band_stats *stats = calloc(tile.bands, sizeof *stats);
    double *mean = calloc(tile.bands, sizeof *mean), *std = calloc(tile.bands, sizeof *std);
    size_t index = 0;
    vdt_status status = vdt_reader_find_group(reader, group, &index, error);
    if (status == VDT_OK && stats != NULL && mean != NULL && std != NULL)
        status = vdt_reader_band_stats(reader, index, stats, error);
    else if (status == VDT_OK)
        status = VDT_ERR_MEMORY;
    for (uint32_t b = 0; status == VDT_OK && b < tile.bands; b++) {
        mean[b] = stats[b].mean;
        std[b] = stats[b].m2 > 0 ? sqrt(stats[b].m2 / (double)stats[b].count) : 1;
    }
    struct vdt_loader_options options = {
        .group = group,
        .batch_size = BATCH,
        .order = VDT_SHUFFLED,
        .seed = 1,
        .tasks = VDT_SEGMENTATION,
        .transform = {.crop_rows = tile.rows < CROP ? tile.rows : CROP,
                      .crop_cols = tile.cols < CROP ? tile.cols : CROP,
                      .crop = VDT_CROP_RANDOM,
                      .augment = VDT_FLIP_COLS | VDT_FLIP_ROWS,
                      .dtype = VDT_FLOAT32,
                      .mean = mean,
                      .std = std}};
    if (status == VDT_OK)
        status = vdt_loader_start(reader, &options, loader, error);
    free(stats);
    free(mean);
    free(std);
    return status;
}

/* True when the loss of the last epoch is below that of the first. */
static vdt_status train(const struct vdt_reader *reader, const char *group, int epochs, bool *fell,
                        struct vdt_error *error)
{
    struct vdt_store_spec spec = vdt_reader_spec(reader);
    struct vdt_loader *loader = NULL;
    struct network net = {0};
    double first = 0, last = 0;
    vdt_status status =
        network_init(&net, spec.tile.bands, spec.class_count) ? VDT_OK : VDT_ERR_MEMORY;
    if (status == VDT_OK)
        status = start_loader(reader, group, &loader, error);
    for (int epoch = 1; status == VDT_OK && epoch <= epochs; epoch++) {
        struct score score = {0};
        status = learn_epoch(&net, loader, &score, error);
        if (status != VDT_OK)
            break;
        double pixels = score.pixels > 0 ? (double)score.pixels : 1;
        last = score.loss / pixels;
        first = epoch == 1 ? last : first;
        printf("epoch %d: loss %.4f, %.1f %% of %" PRIu64 " pixels right\n", epoch, last,
               100 * (double)score.right / pixels, score.pixels);
    }
    *fell = last < first;
    vdt_loader_free(loader);
    network_clear(&net);
    return status;
}

int main(int argc, char **argv)
{
    int epochs = argc == 4 ? atoi(argv[3]) : EPOCHS;
    if (argc < 2 || argc > 4 || epochs < 1) {
        fprintf(stderr, "usage: train STORE [GROUP [EPOCHS]]\n");
        return 2;
    }
    struct vdt_error error = {.message = "out of memory"};
    struct vdt_reader *reader = NULL;
    bool fell = false;
    vdt_status status = vdt_reader_open(argv[1], &reader, &error);
    if (status == VDT_OK)
        status = train(reader, argc > 2 ? argv[2] : "train", epochs, &fell, &error);
    if (status != VDT_OK)
        fprintf(stderr, "train: %s\n", error.message);
    else if (!fell)
        fprintf(stderr, "train: the loss did not fall\n");
    vdt_reader_free(reader);
    return status != VDT_OK || !fell;
}
