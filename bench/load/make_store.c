/* Writes tiles into a store through the public headers:
 *
 *   make_store STORE TILES OFFSET COUNT BANDS ROWS COLS uint8|uint16 raw|lz4|deflate|zstd
 *
 * TILES holds COUNT images one after the other from byte OFFSET on (a NumPy file, behind its
 * header). Built by run.py. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vedatile/vedatile.h>

enum { COMMIT_SAMPLES = 65536 };

struct tiles {
    FILE *file;
    uint64_t count;
    size_t bytes;
    unsigned char *image;
    struct vdt_band_stats *stats;
};

static enum vdt_codec codec_of(const char *name)
{
    for (int codec = VDT_CODEC_RAW; codec <= VDT_CODEC_ZSTD; codec++)
        if (strcmp(vdt_codec_name((enum vdt_codec)codec), name) == 0)
            return (enum vdt_codec)codec;
    return VDT_CODEC_AUTO;
}

static vdt_status short_input(struct vdt_error *error)
{
    error->status = VDT_ERR_IO;
    snprintf(error->message, sizeof error->message, "TILES is too short");
    return VDT_ERR_IO;
}

static vdt_status append(struct vdt_writer *writer, const struct vdt_tile_spec *tile,
                         const struct tiles *tiles, uint32_t place[2], struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    for (uint64_t i = 0; !status && i < tiles->count; i++) {
        if (fread(tiles->image, tiles->bytes, 1, tiles->file) != 1)
            return short_input(error);
        struct vdt_sample sample = {
            .scene = place[0],
            .crs = place[1],
            .window = {.cols = (int32_t)tile->cols, .rows = (int32_t)tile->rows},
            .valid_fraction = 1,
            .weight = 1,
            .image = tiles->image,
            .stats = tiles->stats};
        snprintf(sample.key, sizeof sample.key, "tile-%llu", (unsigned long long)i);
        status = vdt_writer_append(writer, "train", &sample, error);
        if (!status && (i + 1) % COMMIT_SAMPLES == 0)
            status = vdt_writer_commit(writer, error);
    }
    return status;
}

static vdt_status write_store(const char *path, const struct vdt_store_spec *spec,
                              const struct tiles *tiles, struct vdt_error *error)
{
    struct vdt_scene_record scene = {.uri = "made-up",
                                     .digest = "00000000000000000000000000000000",
                                     .acquired = "",
                                     .cols = (int32_t)spec->tile.cols,
                                     .rows = (int32_t)spec->tile.rows};
    uint32_t place[2];
    struct vdt_writer *writer = NULL;
    vdt_status status = vdt_writer_create(path, spec, &writer, error);
    if (!status)
        status = vdt_writer_add_scene(writer, &scene, &place[0], error);
    if (!status)
        status = vdt_writer_add_crs(writer, "", &place[1], error);
    if (!status)
        status = append(writer, &spec->tile, tiles, place, error);
    if (!status)
        status = vdt_writer_finish(writer, error);
    vdt_writer_free(writer);
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 10) {
        fprintf(stderr, "usage: make_store STORE TILES OFFSET COUNT BANDS ROWS COLS DTYPE CODEC\n");
        return 2;
    }
    struct vdt_store_spec spec = {
        .tile = {.bands = (uint32_t)atoi(argv[5]),
                 .rows = (uint32_t)atoi(argv[6]),
                 .cols = (uint32_t)atoi(argv[7]),
                 .dtype = strcmp(argv[8], "uint16") == 0 ? VDT_UINT16 : VDT_UINT8},
        .image_codec = codec_of(argv[9]),
        .mask_codec = VDT_CODEC_LZ4};
    struct tiles tiles = {.file = fopen(argv[2], "rb"),
                          .count = strtoull(argv[4], NULL, 10),
                          .bytes = vdt_tile_bytes(&spec.tile)};
    tiles.image = malloc(tiles.bytes);
    tiles.stats = calloc(spec.tile.bands, sizeof *tiles.stats);
    struct vdt_error error = {0};
    int code = 1;
    if (tiles.file == NULL || tiles.image == NULL || tiles.stats == NULL ||
        fseek(tiles.file, atol(argv[3]), SEEK_SET) != 0)
        perror(argv[2]);
    else if (write_store(argv[1], &spec, &tiles, &error) != VDT_OK)
        fprintf(stderr, "make_store: %s\n", error.message);
    else
        code = 0;
    free(tiles.stats);
    free(tiles.image);
    if (tiles.file != NULL)
        fclose(tiles.file);
    return code;
}
