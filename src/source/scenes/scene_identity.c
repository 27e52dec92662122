/* Which scene it is: size, digest and time of acquisition. */
#define _LARGEFILE64_SOURCE 1 /* GDAL's stat buffer is a struct stat64 */

#include <cpl_vsi.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "source/scenes/remote.h"
#include "source/scenes/scene_state.h"

enum { PIECES = 64, PIECE = 64 * 1024 };

static void close_file(VSILFILE **file)
{
    if (*file != NULL)
        VSIFCloseL(*file);
}

static void free_sha(struct vdt_sha256 **sha)
{
    vdt_sha256_free(*sha);
}

/* False when the file ends early or cannot be read. */
static bool add_pieces(struct vdt_sha256 *sha, VSILFILE *file, uint64_t size, unsigned char *piece)
{
    bool whole = size <= (uint64_t)PIECES * PIECE;
    for (int i = 0; i < PIECES; i++) {
        uint64_t start = whole ? (uint64_t)i * PIECE : (size - PIECE) / (PIECES - 1) * (uint64_t)i;
        if (start >= size)
            break;
        size_t count = size - start < PIECE ? (size_t)(size - start) : PIECE;
        if (VSIFSeekL(file, start, SEEK_SET) != 0 || VSIFReadL(piece, 1, count, file) != count)
            return false;
        vdt_sha256_add(sha, piece, count);
    }
    return true;
}

static void add_size(struct vdt_sha256 *sha, uint64_t size)
{
    char text[32];
    int length = snprintf(text, sizeof text, "%llu", (unsigned long long)size);
    vdt_sha256_add(sha, text, (size_t)length);
}

/* For what is no file (a database table): its description, size and first pixels. A folder is
 * known by its description only: which of its files matter is the driver's secret. */
static void add_description(struct vdt_sha256 *sha, struct vdt_scene *scene, bool folder)
{
    const struct vdt_scene_info *info = &scene->info;
    char text[64];
    vdt_sha256_add(sha, info->path, strlen(info->path));
    int length = snprintf(text, sizeof text, " %d %d %d", info->cols, info->rows, info->band_count);
    vdt_sha256_add(sha, text, (size_t)length);
    if (folder)
        return;
    int cols = info->block_cols < info->cols ? info->block_cols : info->cols;
    int rows = info->block_rows < info->rows ? info->block_rows : info->rows;
    cols = cols < 1024 ? cols : 1024;
    rows = rows < 1024 ? rows : 1024;
    vdt_cleanup(vdt_free_pointer) double *pixels =
        vdt_allocate((size_t)cols * (size_t)rows, sizeof *pixels);
    GDALRasterBandH band = GDALGetRasterBand(scene->dataset, 1);
    if (pixels != NULL && GDALRasterIO(band, GF_Read, 0, 0, cols, rows, pixels, cols, rows,
                                       GDT_Float64, 0, 0) == CE_None)
        vdt_sha256_add(sha, pixels, (size_t)cols * (size_t)rows * sizeof *pixels);
}

static vdt_status digest(struct vdt_scene *scene, struct vdt_error *error)
{
    vdt_cleanup(free_sha) struct vdt_sha256 *sha = vdt_sha256_new();
    vdt_cleanup(vdt_free_pointer) unsigned char *piece = vdt_allocate(PIECE, 1);
    if (sha == NULL || piece == NULL)
        return vdt_fail_memory(error, scene->path);
    vdt_cleanup(vdt_free_pointer) char *name = vdt_gdal_name(scene->path);
    if (name == NULL)
        return vdt_fail_memory(error, scene->path);
    VSIStatBufL status;
    bool known = VSIStatL(name, &status) == 0;
    bool folder = known && VSI_ISDIR(status.st_mode);
    vdt_cleanup(close_file) VSILFILE *file = known && !folder ? VSIFOpenL(name, "rb") : NULL;
    if (file != NULL) {
        scene->info.bytes = (uint64_t)status.st_size;
        add_size(sha, scene->info.bytes);
        if (!add_pieces(sha, file, scene->info.bytes, piece))
            return vdt_fail(error, VDT_ERR_IO, "%s: cannot be read to its end", scene->path);
    } else {
        add_description(sha, scene, folder);
    }
    unsigned char sum[32];
    vdt_sha256_finish(sha, sum);
    sha = NULL;
    vdt_hex(sum, 16, scene->info.digest);
    return VDT_OK;
}

/* "2001:02:03 04:05:06" (TIFF) and "2001-02-03 04:05:06" (imagery metadata). */
static void find_acquired(struct vdt_scene *scene)
{
    const char *text = GDALGetMetadataItem(scene->dataset, "ACQUISITIONDATETIME", "IMAGERY");
    if (text == NULL)
        text = GDALGetMetadataItem(scene->dataset, "TIFFTAG_DATETIME", NULL);
    unsigned year, month, day, hour, minute, second;
    char a, b, t;
    if (text == NULL || sscanf(text, "%4u%c%2u%c%2u%c%2u:%2u:%2u", &year, &a, &month, &b, &day, &t,
                               &hour, &minute, &second) != 9)
        return;
    bool plausible = year >= 1800 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 &&
                     day <= 31 && hour <= 23 && minute <= 59 && second <= 60;
    if (plausible && a == b && (a == ':' || a == '-') && (t == ' ' || t == 'T'))
        snprintf(scene->info.acquired, sizeof scene->info.acquired, "%04u-%02u-%02uT%02u:%02u:%02u",
                 year % 10000, month % 100, day % 100, hour % 100, minute % 100, second % 100);
}

vdt_status vdt_scene_identify(struct vdt_scene *scene, struct vdt_error *error)
{
    find_acquired(scene);
    return digest(scene, error);
}

vdt_status vdt_scene_add_rule(struct vdt_scene *scene, const char *rule, struct vdt_error *error)
{
    unsigned char sum[32];
    struct vdt_sha256 *sha = vdt_sha256_new();
    if (sha == NULL)
        return vdt_fail_memory(error, scene->path);
    vdt_sha256_add(sha, scene->info.digest, strlen(scene->info.digest));
    vdt_sha256_add(sha, rule, strlen(rule));
    vdt_sha256_finish(sha, sum);
    vdt_hex(sum, 16, scene->info.digest);
    return VDT_OK;
}
