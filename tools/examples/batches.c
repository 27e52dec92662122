/* Reads one epoch of shuffled batches: batches STORE [GROUP] */
#include <inttypes.h>
#include <stdio.h>
#include <vedatile/vedatile.h>

/* The training step would stand here. The arrays are the batch's: they end with vdt_batch_free. */
static void use_batch(const struct vdt_batch_view *view, const struct vdt_tile_spec *tile)
{
    printf("images [%zu, %" PRIu32 ", %" PRIu32 ", %" PRIu32 "] %s", view->size, tile->bands,
           tile->rows, tile->cols, vdt_dtype_name(tile->dtype));
    if (view->masks != NULL)
        printf(", masks [%zu, %" PRIu32 ", %" PRIu32 "]", view->size, tile->rows, tile->cols);
    if (view->boxes != NULL)
        printf(", %" PRIu64 " boxes", view->box_offsets[view->size]);
    printf("\n");
}

int main(int argc, char **argv)
{
    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: batches STORE [GROUP]\n");
        return 2;
    }
    struct vdt_loader_options options = {
        .group = argc == 3 ? argv[2] : "train", .batch_size = 8, .order = VDT_SHUFFLED, .seed = 7};
    struct vdt_error error = {0};
    struct vdt_reader *reader = NULL;
    struct vdt_loader *loader = NULL;
    struct vdt_batch *batch = NULL;

    vdt_status status = vdt_reader_open(argv[1], &reader, &error);
    if (status == VDT_OK)
        status = vdt_loader_start(reader, &options, &loader, &error);
    while (status == VDT_OK && (status = vdt_loader_next(loader, &batch, &error)) == VDT_OK) {
        struct vdt_tile_spec tile = vdt_reader_spec(reader).tile;
        struct vdt_batch_view view = vdt_batch_view(batch);
        use_batch(&view, &tile);
        vdt_batch_free(batch);
    }
    if (status < 0)
        fprintf(stderr, "batches: %s\n", error.message);

    vdt_loader_free(loader);
    vdt_reader_free(reader);
    return status < 0;
}
