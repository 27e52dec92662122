/* Stores to the formats of others, folders of pictures and label files, and such folders back.
 *
 * An export is a folder that holds vedatile.json (what the samples have in common) and the files of
 * its format; files are named by the samples' keys. An import reads folders that an export made,
 * and of COCO, YOLO and Pascal VOC those of other programs. docs/exchange.md has every format with
 * what it keeps. */
#ifndef VEDATILE_EXCHANGE_H
#define VEDATILE_EXCHANGE_H

#include "vedatile/error.h"
#include "vedatile/store.h"
#include "vedatile/types.h"

VDT_BEGIN_DECLS

enum vdt_format {
    VDT_FORMAT_COCO = 1,
    VDT_FORMAT_YOLO,
    VDT_FORMAT_VOC,
    VDT_FORMAT_GEOTIFF,    /* georeferenced tiles and masks */
    VDT_FORMAT_PNG,        /* tiles and masks */
    VDT_FORMAT_NPZ,        /* NumPy's arrays, a file a sample */
    VDT_FORMAT_WEBDATASET, /* tar files of many samples */
    VDT_FORMAT_GEOJSON,    /* footprints of tiles, boxes on the ground; not imported */
    VDT_FORMAT_STAC        /* items over the files of GeoTIFF; not imported */
};

/* How tiles are written by formats that leave it open: COCO, YOLO, VOC, WebDataset. */
enum vdt_picture_kind {
    VDT_PICTURE_AUTO = 0, /* PNG where it can hold the tile, else TIFF; WebDataset: NumPy's */
    VDT_PICTURE_PNG,      /* uint8 and uint16 of 1 or 3 bands, exact */
    VDT_PICTURE_JPEG,     /* uint8 of 1 or 3 bands, lossy */
    VDT_PICTURE_TIFF      /* everything, exact, georeferenced */
};

/* How values become 8-bit ones, for all exported groups alike. */
enum vdt_stretch {
    VDT_STRETCH_NONE = 0, /* values as they are */
    VDT_STRETCH_RANGE,    /* a band's smallest value becomes 0, its largest 255 */
    VDT_STRETCH_SIGMA     /* mean - 2 standard deviations becomes 0, mean + 2 becomes 255 */
};

/* Zero means the default everywhere. All pointers are borrowed for the call. */
struct vdt_export_options {
    const char *store;      /* required */
    const char *output;     /* required: the folder to make; must not exist */
    enum vdt_format format; /* required */
    const char *group;      /* NULL: all groups */
    const char *view;       /* a view of the store; not together with group */

    enum vdt_picture_kind picture;
    const int *bands; /* 1-based numbers in the order wanted; NULL: all */
    size_t band_count;
    enum vdt_stretch stretch;
    uint64_t shard; /* samples a tar file of WebDataset; 0: 1000 */

    vdt_progress_fn progress; /* done and total in samples */
    void *payload;
};

struct vdt_export_report {
    uint64_t samples;
    uint64_t boxes;
    uint64_t hidden; /* objects without a pixel in the instance mask, written with an empty one */
};

/* Writes OUTPUT.part and renames it when it is complete: OUTPUT is there as a whole or not at all.
 * What an interrupted export of ours left at OUTPUT.part is removed. Every sample is compared with
 * its checksums. VDT_ERR_EXISTS when OUTPUT is there; VDT_ERR_UNSUPPORTED, with the reason, when
 * the format cannot hold what the store has. `report` may be NULL. */
VDT_API VDT_CHECKED vdt_status vdt_export(const struct vdt_export_options *options,
                                          struct vdt_export_report *report,
                                          struct vdt_error *error);

/* Zero means the default everywhere. All pointers are borrowed for the call. */
struct vdt_import_options {
    const char *store;        /* required: to create or to add to */
    enum vdt_format format;   /* required: of all paths */
    const char *const *paths; /* required: folders that vdt_export made, or others of COCO, YOLO and
                                 VOC: all of one kind */
    size_t path_count;
    const char *group;    /* NULL: as they were exported, or as names of files and folders say */
    enum vdt_codec codec; /* of a new store; VDT_CODEC_AUTO: LZ4 */

    /* Of folders that are no exports. */
    uint32_t tasks; /* enum vdt_task bits; 0: detection, of COCO also segmentation, instance */
    uint32_t
        tile_cols; /* smaller images are filled up as VDT_EDGE_PAD does; 0: all images have one */
    uint32_t tile_rows; /* size */

    vdt_progress_fn progress; /* done and total in samples, the total of the folders begun */
    void *payload;
};

struct vdt_import_report {
    uint64_t written;
    uint64_t existing; /* already in the store: their keys are */
    uint64_t boxes;    /* written */
    uint64_t crowds;   /* COCO's objects of many, which masks ignore */
    uint64_t left_out; /* images of other bands than most */
    char warning[512]; /* empty, or one line that the user should see */
};

/* Adds all samples or none: the store is committed once, at the end. A new store gets the tasks
 * that the format keeps. What is read is checked as vdt_check does. VDT_ERR_MISMATCH when an
 * existing store has other tiles, classes or tasks. `report` may be NULL.
 *
 * A folder of COCO, YOLO or VOC without vedatile.json is of another program: its images are fed as
 * by vdt_feed with VDT_WINDOWS_WHOLE and VDT_MATCH_ALL, in a group for each split that it has, by
 * whole commits that stay when a later one fails. */
VDT_API VDT_CHECKED vdt_status vdt_import(const struct vdt_import_options *options,
                                          struct vdt_import_report *report,
                                          struct vdt_error *error);

VDT_END_DECLS
#endif
