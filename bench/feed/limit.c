/* What GDAL alone needs, as the limit of a feed:
 *
 *   limit blocks SCENE THREADS    every block of the scene once, all bands, by THREADS threads
 *   limit features FILE           every feature of a label file once, by one thread
 *
 * Prints how many it read. Built by run.py. */
#include <gdal.h>
#include <ogr_api.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scene {
    const char *path;
    int cols, rows, bands, block_cols, block_rows;
    GDALDataType type;
    atomic_long next;
    atomic_bool failed;
};

static int least(int a, int b)
{
    return a < b ? a : b;
}

static void *read_blocks(void *payload)
{
    struct scene *scene = payload;
    GDALDatasetH dataset = GDALOpen(scene->path, GA_ReadOnly);
    int size = GDALGetDataTypeSizeBytes(scene->type);
    void *pixels =
        malloc((size_t)scene->block_cols * scene->block_rows * scene->bands * (size_t)size);
    long across = (scene->cols + scene->block_cols - 1) / scene->block_cols;
    long down = (scene->rows + scene->block_rows - 1) / scene->block_rows;
    bool good = dataset != NULL && pixels != NULL;
    for (long i; good && (i = atomic_fetch_add(&scene->next, 1)) < across * down;) {
        int col = (int)(i % across) * scene->block_cols,
            row = (int)(i / across) * scene->block_rows;
        int cols = least(scene->block_cols, scene->cols - col);
        int rows = least(scene->block_rows, scene->rows - row);
        good = GDALDatasetRasterIO(dataset, GF_Read, col, row, cols, rows, pixels, cols, rows,
                                   scene->type, scene->bands, NULL, 0, 0, 0) == CE_None;
    }
    if (!good)
        scene->failed = true;
    free(pixels);
    if (dataset != NULL)
        GDALClose(dataset);
    return NULL;
}

static int blocks(const char *path, int threads)
{
    enum { MOST = 256 };
    pthread_t handles[MOST];
    GDALDatasetH dataset = GDALOpen(path, GA_ReadOnly);
    if (dataset == NULL || threads < 1 || threads > MOST)
        return 1;
    struct scene scene = {.path = path,
                          .cols = GDALGetRasterXSize(dataset),
                          .rows = GDALGetRasterYSize(dataset),
                          .bands = GDALGetRasterCount(dataset),
                          .type = GDALGetRasterDataType(GDALGetRasterBand(dataset, 1))};
    GDALGetBlockSize(GDALGetRasterBand(dataset, 1), &scene.block_cols, &scene.block_rows);
    GDALClose(dataset);
    for (int i = 0; i < threads; i++)
        if (pthread_create(&handles[i], NULL, read_blocks, &scene) != 0)
            return 1;
    for (int i = 0; i < threads; i++)
        pthread_join(handles[i], NULL);
    printf("%ld blocks\n", (long)scene.next - threads);
    return scene.failed ? 1 : 0;
}

static int features(const char *path)
{
    GDALDatasetH dataset = GDALOpenEx(path, GDAL_OF_VECTOR, NULL, NULL, NULL);
    long count = 0;
    if (dataset == NULL)
        return 1;
    for (int i = 0; i < GDALDatasetGetLayerCount(dataset); i++) {
        OGRFeatureH feature;
        while ((feature = OGR_L_GetNextFeature(GDALDatasetGetLayer(dataset, i))) != NULL) {
            OGR_F_Destroy(feature);
            count++;
        }
    }
    GDALClose(dataset);
    printf("%ld features\n", count);
    return 0;
}

int main(int argc, char **argv)
{
    GDALAllRegister();
    if (argc == 4 && strcmp(argv[1], "blocks") == 0)
        return blocks(argv[2], atoi(argv[3]));
    if (argc == 3 && strcmp(argv[1], "features") == 0)
        return features(argv[2]);
    fprintf(stderr, "usage: limit blocks SCENE THREADS | limit features FILE\n");
    return 2;
}
