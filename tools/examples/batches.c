/* Reads one epoch of shuffled batches: batches STORE [GROUP] */
#include <inttypes.h>
#include <stdio.h>
#include <vedatile/vedatile.h>

static void print_batch(const struct vdt_store_spec *spec, const struct vdt_batch_view *view)
{
    printf("images [%zu, %" PRIu32 ", %" PRIu32 ", %" PRIu32 "] %s", view->size, spec->tile.bands,
           spec->tile.rows, spec->tile.cols, vdt_dtype_name(spec->tile.dtype));
    if (view->onehot != NULL) {
        size_t set = 0;
        for (size_t i = 0; i < view->size * spec->class_count; i++)
            set += view->onehot[i];
        printf(", %.2f classes a tile", (double)set / (double)view->size);
    }
    if (view->boxes != NULL)
        printf(", %.2f boxes a tile", (double)view->box_offsets[view->size] / (double)view->size);
    printf("\n");
}

int main(int argc, char **argv)
{
    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: batches STORE [GROUP]\n");
        return 2;
    }
    struct vdt_loader_options options = {
        .group = argc == 3 ? argv[2] : "train", .batch_size = 8, .shuffle = true, .seed = 7};
    struct vdt_error error = {0};
    struct vdt_reader *reader = NULL;
    struct vdt_loader *loader = NULL;
    struct vdt_batch *batch = NULL;

    vdt_status status = vdt_reader_open(argv[1], &reader, &error);
    if (status == VDT_OK)
        status = vdt_loader_start(reader, &options, &loader, &error);
    while (status == VDT_OK && (status = vdt_loader_next(loader, &batch, &error)) == VDT_OK) {
        struct vdt_store_spec spec = vdt_reader_spec(reader);
        struct vdt_batch_view view = vdt_batch_view(batch);
        print_batch(&spec, &view);
        vdt_batch_free(batch);
    }
    if (status < 0)
        fprintf(stderr, "batches: %s\n", error.message);

    vdt_loader_free(loader);
    vdt_reader_free(reader);
    return status < 0;
}
