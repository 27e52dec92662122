/* The options of vedatile feed, and what they say to the library. */
#include "feed_options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options_value.h"
#include "plan_view.h"
#include "progress.h"
#include "report.h"
#include "split_options.h"

/* Each list is in the order of its enum in the public headers. */
static const char *const task_names[] = {"classification", "detection",  "segmentation",
                                         "instance",       "boundary",   "contact",
                                         "distance",       "regression", NULL};
static const char *const label_names[] = {"auto", "ogr", "coco", "yolo", "voc", NULL};
static const char *const window_names[] = {"grid", "random", "centered", "list", "whole", NULL};
static const char *const resampling_names[] = {"nearest", "bilinear", "cubic", "cubicspline",
                                               "lanczos", "average",  "mode",  NULL};
static const char *const dtype_names[] = {"scene", "uint8",   "uint16",  "int16", "uint32",
                                          "int32", "float32", "float64", NULL};
static const char *const valid_names[] = {"all", "any", NULL};
static const char *const join_names[] = {"none", "mosaic", "stack", "times", "series", NULL};
static const char *const join_by_names[] = {"all", "folder", NULL};
static const char *const mosaic_names[] = {"first", "last", NULL};
static const char *const edge_names[] = {"drop", "pad", "shift", NULL};
static const char *const aoi_names[] = {"inside", "touch", "share", NULL};
static const char *const match_names[] = {"intersect", "inside", "all", NULL};
static const char *const rule_names[] = {"center", "all-touched", NULL};
static const char *const order_names[] = {"file", "class", "area", NULL};
static const char *const boundary_names[] = {"inner", "outer", NULL};
static const char *const failure_names[] = {"go", "stop", NULL};
static const char *const codec_names[] = {"auto", "raw", "lz4", "deflate", "zstd", NULL};

static const char field_prefix[] = "field:";

static bool is_mask_order(const char *text, char *message, size_t size)
{
    for (int i = 0; order_names[i]; i++)
        if (strcmp(text, order_names[i]) == 0)
            return true;
    if (strncmp(text, field_prefix, sizeof field_prefix - 1) == 0 && text[sizeof field_prefix - 1])
        return true;
    snprintf(message, size, "file, class, area or field:F is wanted");
    return false;
}

static bool parse_width(const char *text, struct vdt_feed_options *options)
{
    static const char *const units[] = {"m", "px"};
    size_t length = strlen(text);
    if (strncmp(text, field_prefix, sizeof field_prefix - 1) == 0 &&
        length > sizeof field_prefix - 1) {
        options->width_field = text + sizeof field_prefix - 1;
        return true;
    }
    for (int unit = 0; unit < 2; unit++) {
        char number[40];
        size_t digits = length - strlen(units[unit]);
        if (length <= strlen(units[unit]) || digits >= sizeof number ||
            strcmp(text + digits, units[unit]) != 0)
            continue;
        memcpy(number, text, digits);
        number[digits] = '\0';
        options->width_unit = (enum vdt_width_unit)unit;
        if (value_real(number, &options->width) && options->width > 0 &&
            options->width <= VDT_WIDTH_MOST)
            return true;
    }
    return false;
}

static bool is_width(const char *text, char *message, size_t size)
{
    struct vdt_feed_options options = {0};
    if (parse_width(text, &options))
        return true;
    snprintf(message, size,
             "metres such as 2.5m, pixels such as 3px, or field:F is wanted, above 0 and at most "
             "%d",
             VDT_WIDTH_MOST);
    return false;
}

/* NaN and infinities by name, numbers as ever. */
static bool nodata_value(const char *text, double *value)
{
    bool minus = *text == '-';
    const char *name = text + minus;
    if (strcmp(name, "nan") != 0 && strcmp(name, "inf") != 0)
        return value_real(text, value);
    *value = strcmp(name, "nan") == 0 ? NAN : minus ? -INFINITY : INFINITY;
    return true;
}

static bool is_nodata(const char *text, char *message, size_t size)
{
    double value;
    if (strcmp(text, "none") == 0 || nodata_value(text, &value))
        return true;
    snprintf(message, size, "write numbers, nan or none");
    return false;
}

#define AT(field) offsetof(struct feed_values, field)

const struct option feed_options[] = {
    {.name = "STORE",
     .kind = OPTION_POSITION,
     .required = true,
     .offset = AT(store),
     .flags = OPTION_PATH | OPTION_TRANSIENT,
     .help = "the store to create or to add to"},
    {.name = "image",
     .kind = OPTION_WORDS,
     .required = true,
     .offset = AT(images),
     .argument = "SCENE...",
     .flags = OPTION_PATH,
     .help = "scenes: files or URLs that GDAL opens (required)"},
    {.name = "labels",
     .kind = OPTION_WORDS,
     .offset = AT(labels),
     .argument = "FILE...",
     .flags = OPTION_PATH,
     .help = "label files that GDAL's vector drivers open, or COCO, YOLO and Pascal VOC files and "
             "folders, in pixels of the images that they name; none: tiles without labels"},
    {.name = "label-format",
     .kind = OPTION_CHOICE,
     .offset = AT(label_format),
     .argument = "auto|ogr|coco|yolo|voc",
     .choices = label_names,
     .needs = "labels",
     .help = "what the label files are; auto looks into them; default: auto"},
    {.name = "width",
     .kind = OPTION_TEXT,
     .offset = AT(width),
     .argument = "Wm|Wpx|field:F",
     .accepts = is_width,
     .pattern = "^([-+.0-9eE]+(m|px)|field:.+)$",
     .needs = "labels",
     .help = "points and lines of the labels become polygons of this whole width: metres on the "
             "ground (2.5m), pixels of the scene's grid (3px), or metres from a numeric field; "
             "default: points and lines are refused"},
    {.name = "label-raster",
     .kind = OPTION_WORDS,
     .offset = AT(label_rasters),
     .flags = OPTION_PATH,
     .argument = "FILE...",
     .help = "rasters of classes (segmentation, classification) or of numbers (regression), put on "
             "the scene's grid by nearest neighbour: as many as images, one for each, or any that "
             "cover them, later ones on top; features of --labels are burnt over them"},
    {.name = "label-values",
     .kind = OPTION_COMMAS,
     .offset = AT(label_values),
     .argument = "V=CLASS,...",
     .needs = "label-raster",
     .excludes = "label-map",
     .help = "classes of the rasters' values, e.g. 1=water,10-19=crop,0=background,255=ignore; "
             "default: their category names, else each value but 0 is a class"},
    {.name = "label-map",
     .kind = OPTION_TEXT,
     .offset = AT(label_map),
     .flags = OPTION_PATH,
     .argument = "FILE",
     .needs = "label-raster",
     .help = "the same in a JSON file of rules, as --class-map has them for features"},
    {.name = "task",
     .kind = OPTION_SET,
     .offset = AT(tasks),
     .argument = "T[,T]",
     .choices = task_names,
     .help = "what a tile is paired with: classification, detection, segmentation, instance, "
             "boundary, contact, distance, regression; default: the store's, or none for a new "
             "store"},
    {.name = "tile",
     .kind = OPTION_SIZE,
     .offset = AT(tile),
     .argument = "N|WxH",
     .least = 1,
     .most = 32768,
     .help = "size of a tile in pixels, columns x rows; default: the store's, or 256"},
    {.name = "stride",
     .kind = OPTION_SIZE,
     .offset = AT(stride),
     .argument = "N|WxH",
     .least = 1,
     .most = 32768,
     .help = "from one window to the next in pixels, columns x rows; default: the tile's size"},
    {.name = "edge",
     .kind = OPTION_CHOICE,
     .offset = AT(edge),
     .argument = "drop|pad|shift",
     .choices = edge_names,
     .help = "where the grid does not end with the scene: drop the last window, pad it, or shift "
             "it back to the scene's end; default: drop"},
    {.name = "windows",
     .kind = OPTION_CHOICE,
     .offset = AT(windows),
     .argument = "grid|random|centered|list|whole",
     .choices = window_names,
     .help = "where windows lie: on a grid that begins at the scene's corner, at random places "
             "wholly inside the scene, one around the middle of each feature, as --window-file "
             "lists them, or each image as one tile; default: grid"},
    {.name = "window-file",
     .kind = OPTION_TEXT,
     .offset = AT(window_file),
     .argument = "FILE",
     .needs = "windows",
     .flags = OPTION_PATH,
     .help = "exact windows: CSV with columns col, row and maybe scene, cols, rows, group; JSON "
             "objects of these; or GeoJSON with such properties, or with outlines on the ground"},
    {.name = "count",
     .kind = OPTION_COUNT,
     .offset = AT(count),
     .argument = "N",
     .least = 1,
     .needs = "windows",
     .help = "different random windows of each scene, of which some may be left out; a larger "
             "count later adds only the new ones"},
    {.name = "apart",
     .kind = OPTION_FLAG,
     .offset = AT(apart),
     .needs = "windows",
     .help = "random windows of a scene do not overlap; where there is no room there are fewer, "
             "with a warning"},
    {.name = "jitter",
     .kind = OPTION_COUNT,
     .offset = AT(jitter),
     .argument = "J",
     .most = 32768,
     .needs = "windows",
     .help = "move centered windows by up to so many pixels along each axis; default: 0"},
    {.name = "background-ratio",
     .kind = OPTION_REAL,
     .offset = AT(background_ratio),
     .argument = "R",
     .low = 0,
     .high = 1000,
     .help = "keep R windows without any object for each window with one, in each scene and group, "
             "whatever --match is, chosen by seed; centered: random windows without an object are "
             "added; default: 0, as --match has it"},
    {.name = "aoi",
     .kind = OPTION_WORDS,
     .offset = AT(aoi),
     .argument = "FILE...",
     .flags = OPTION_PATH,
     .help = "area of interest: files of polygons, in any projection; other windows are left out; "
             "none: all ground"},
    {.name = "aoi-rule",
     .kind = OPTION_CHOICE,
     .offset = AT(aoi_rule),
     .argument = "inside|touch|share",
     .choices = aoi_names,
     .needs = "aoi",
     .help =
         "windows that stay: those of which all pixels are in the area, those that touch it, or "
         "those with --aoi-share of their pixels in it; default: inside"},
    {.name = "aoi-share",
     .kind = OPTION_REAL,
     .offset = AT(aoi_share),
     .argument = "F",
     .needs = "aoi-rule",
     .low = 0,
     .high = 1,
     .help = "least share of a window's pixels in the area, above 0, at most 1"},
    {.name = "aoi-mask",
     .kind = OPTION_FLAG,
     .offset = AT(aoi_mask),
     .needs = "aoi",
     .help = "pixels outside of the area are nodata or 0, invalid, and ignore in masks"},
    {.name = "bands",
     .kind = OPTION_COMMAS,
     .offset = AT(bands),
     .argument = "3,2,1|red,nir",
     .flags = OPTION_WHOLE_ITEMS,
     .help = "the scene's bands in the order wanted: numbers from 1, or names: descriptions, "
             "colours, STAC common names, bands of Sentinel-2 and Landsat; default: all but alpha"},
    {.name = "dtype",
     .kind = OPTION_CHOICE,
     .offset = AT(dtype),
     .argument = "uint8|uint16|int16|uint32|int32|float32|float64",
     .choices = dtype_names,
     .help = "type of tiles: values are rounded half to even, within the type's range, and what is "
             "no number is nodata or 0 in integers; default: the scene's"},
    {.name = "unscale",
     .kind = OPTION_FLAG,
     .offset = AT(unscale),
     .help = "apply each band's scale and offset, as gdalinfo shows them; tiles are float32 unless "
             "--dtype says otherwise"},
    {.name = "nodata",
     .kind = OPTION_COMMAS,
     .offset = AT(nodata),
     .argument = "V[,V...]|none",
     .accepts = is_nodata,
     .pattern = "^(none|-?nan|-?inf)$",
     .flags = OPTION_REAL_ITEMS,
     .help = "nodata value of all bands, or one for each, nan too; none: declared values are data; "
             "default: as the scene declares"},
    {.name = "valid-rule",
     .kind = OPTION_CHOICE,
     .offset = AT(valid_rule),
     .argument = "all|any",
     .choices = valid_names,
     .help = "a pixel is invalid when all chosen bands are nodata, or when any is; default: all"},
    {.name = "cloud-band",
     .kind = OPTION_TEXT,
     .offset = AT(cloud_band),
     .argument = "BAND|NAME",
     .excludes = "cloud-file",
     .help = "band of the scene that marks clouds, which need not be one of --bands"},
    {.name = "cloud-file",
     .kind = OPTION_WORDS,
     .offset = AT(cloud_files),
     .flags = OPTION_PATH,
     .argument = "FILE...",
     .help = "files that mark clouds, one for each image and in their order; put on the scene's "
             "grid by nearest neighbour"},
    {.name = "cloud-bits",
     .kind = OPTION_INTEGERS,
     .offset = AT(cloud_bits),
     .argument = "B,B",
     .most = 31,
     .excludes = "cloud-values",
     .help = "a pixel is cloud when one of these bits of its value is set, counted from 0; of "
             "Landsat's QA_PIXEL: 3"},
    {.name = "cloud-values",
     .kind = OPTION_INTEGERS,
     .offset = AT(cloud_values),
     .argument = "V,V",
     .most = INT32_MAX,
     .help = "a pixel is cloud when it has one of these values; of Sentinel-2's SCL: 8,9,10"},
    {.name = "max-cloud",
     .kind = OPTION_REAL,
     .offset = AT(max_cloud),
     .argument = "F",
     .low = 0,
     .high = 1,
     .help = "leave out tiles with a larger share of cloud among their valid pixels, 0..1; "
             "default: none"},
    {.name = "cloud-mask",
     .kind = OPTION_FLAG,
     .offset = AT(cloud_mask),
     .help = "cloud is nodata or 0, invalid, and ignore in masks"},
    {.name = "crs",
     .kind = OPTION_TEXT,
     .offset = AT(crs),
     .argument = "CRS",
     .needs = "resolution",
     .help = "warp all scenes to a grid in this CRS, e.g. EPSG:32631; default: each scene's own"},
    {.name = "resolution",
     .kind = OPTION_REALS,
     .offset = AT(resolution),
     .argument = "R[,R]",
     .least = 1,
     .most = 2,
     .help =
         "warp all scenes to a grid of pixels of this size (width, height) in units of the CRS; "
         "pixel edges are whole multiples of it; default: each scene's own grid"},
    {.name = "resampling",
     .kind = OPTION_CHOICE,
     .offset = AT(resampling),
     .argument = "nearest|bilinear|cubic|cubicspline|lanczos|average|mode",
     .choices = resampling_names,
     .help = "how pixels of another grid are made of those of an image, with --resolution, --join "
             "stack or --extra; default: nearest"},
    {.name = "join",
     .kind = OPTION_CHOICE,
     .offset = AT(join),
     .argument = "none|mosaic|stack|times|series",
     .choices = join_names,
     .help = "several images as one scene: side by side and on top of each other, the bands of all "
             "on the first one's grid, or dates of the same ground behind each other; series: each "
             "its own scene, samples of the same ground linked; default: none"},
    {.name = "join-by",
     .kind = OPTION_CHOICE,
     .offset = AT(join_by),
     .argument = "all|folder",
     .choices = join_by_names,
     .needs = "join",
     .help = "images that become one scene: all, or those of a folder; default: all"},
    {.name = "mosaic-order",
     .kind = OPTION_CHOICE,
     .offset = AT(mosaic_order),
     .argument = "first|last",
     .choices = mosaic_names,
     .needs = "join",
     .help =
         "image on top where images of a mosaic overlap: the first of the command that is valid "
         "there, or the last; default: first"},
    {.name = "extra",
     .kind = OPTION_WORDS,
     .offset = AT(extras),
     .argument = "FILE...",
     .flags = OPTION_PATH,
     .help = "images whose bands are put behind those of every scene, such as elevation or radar, "
             "resampled to its grid"},
    {.name = "class-field",
     .kind = OPTION_TEXT,
     .offset = AT(class_field),
     .argument = "FIELD",
     .needs = "labels",
     .help = "field of the labels that names the class; default: all features are of one class"},
    {.name = "class-map",
     .kind = OPTION_TEXT,
     .offset = AT(class_map),
     .argument = "FILE",
     .needs = "labels",
     .flags = OPTION_PATH,
     .help = "JSON file of rules that make classes of the labels' fields; default: the values of "
             "the class field are the classes"},
    {.name = "classes",
     .kind = OPTION_COMMAS,
     .offset = AT(classes),
     .argument = "A,B",
     .help =
         "the class list in the order of the ids; a comma in a name is written \\, ; default: "
         "the store's, those of the class map in its order, or the values of the field, sorted"},
    {.name = "unknown",
     .kind = OPTION_TEXT,
     .offset = AT(unknown),
     .argument = "error|skip|CLASS",
     .help = "features whose class is not in the list: an error, left out and counted, or taken "
             "as CLASS; pixels of label rasters: an error, ignore, or CLASS, which may be "
             "background; default: error"},
    {.name = "match",
     .kind = OPTION_CHOICE,
     .offset = AT(match),
     .argument = "intersect|inside|all",
     .choices = match_names,
     .help = "windows to keep: those that a feature reaches into, those that hold a whole "
             "feature, or all; default: intersect"},
    {.name = "mask-rule",
     .kind = OPTION_CHOICE,
     .offset = AT(mask_rule),
     .argument = "center|all-touched",
     .choices = rule_names,
     .help = "pixels that a polygon covers in masks: those whose centre is inside, or all that it "
             "reaches into; default: center"},
    {.name = "mask-order",
     .kind = OPTION_TEXT,
     .offset = AT(mask_order),
     .argument = "file|class|area|field:F",
     .accepts = is_mask_order,
     .pattern = "^(file|class|area|field:.+)$",
     .help = "which feature is on top where they overlap: the last of the file, the highest class "
             "id, the smallest, or the one with the largest number in the field F; default: file"},
    {.name = "ignore",
     .kind = OPTION_WORDS,
     .offset = AT(ignore),
     .argument = "FILE...",
     .flags = OPTION_PATH,
     .help = "label files of areas that masks ignore, whatever lies there"},
    {.name = "boundary",
     .kind = OPTION_CHOICE,
     .offset = AT(boundary),
     .argument = "inner|outer",
     .choices = boundary_names,
     .help = "task boundary: the objects' own pixels along their edges, or those around them; "
             "default: inner"},
    {.name = "boundary-width",
     .kind = OPTION_COUNT,
     .offset = AT(boundary_width),
     .argument = "W",
     .least = 1,
     .most = 1024,
     .help = "task boundary: side in pixels of the square that erodes or dilates; default: 3"},
    {.name = "contact-spacing",
     .kind = OPTION_REAL,
     .offset = AT(contact_spacing),
     .argument = "S",
     .low = 0.001,
     .high = 1024,
     .help =
         "task contact: the ground between objects less than so many pixels apart; default: 10"},
    {.name = "distance-limit",
     .kind = OPTION_REAL,
     .offset = AT(distance_limit),
     .argument = "D",
     .low = 0.001,
     .high = 1024,
     .help = "task distance: pixels at which distances are cut; default: 32"},
    {.name = "target-field",
     .kind = OPTION_TEXT,
     .offset = AT(target_field),
     .argument = "F",
     .needs = "labels",
     .help = "task regression: numeric field of the labels that is burnt"},
    {.name = "min-visible",
     .kind = OPTION_REAL,
     .offset = AT(min_visible),
     .argument = "F",
     .low = 0,
     .high = 1,
     .help = "drop boxes that show less than this share of their object, 0..1; default: 0"},
    {.name = "min-valid",
     .kind = OPTION_REAL,
     .offset = AT(min_valid),
     .argument = "F",
     .low = 0,
     .high = 1,
     .help = "leave out tiles with a smaller share of valid pixels, 0..1; default: 0"},
    {.name = "group",
     .kind = OPTION_TEXT,
     .offset = AT(group),
     .argument = "NAME",
     .excludes = "split",
     .help = "group that the samples go to; default: train"},
    {.name = "split",
     .kind = OPTION_SHARES,
     .offset = AT(split),
     .argument = "G=SHARE,...",
     .help = "groups and their shares instead of one group, e.g. train=0.8,test=0.2"},
    {.name = "split-by",
     .kind = OPTION_TEXT,
     .offset = AT(split_by),
     .argument = "block|scene|random|field:F|time",
     .accepts = split_by_accepts,
     .pattern = SPLIT_BY_PATTERN,
     .needs = "split|split-time",
     .help =
         "block: no ground is in two groups; scene: whole scenes; random: by sample, where "
         "overlapping windows share ground; field:F: by the value of a field of the labels, all "
         "windows with objects of one value in one group; time: scenes in order of "
         "acquisition; default: block"},
    {.name = "split-time",
     .kind = OPTION_COMMAS,
     .offset = AT(split_time),
     .argument = "G=DATE,...,G",
     .needs = "split-by",
     .excludes = "split|group",
     .accepts = split_time_accepts,
     .pattern = SPLIT_TIME_PATTERN,
     .help = "groups of a split by time in their order, each with the date or time (UTC) before "
             "which its scenes were acquired; the last has the rest: train=2020-01-01,test"},
    {.name = "split-areas",
     .kind = OPTION_WORDS,
     .offset = AT(split_areas),
     .argument = "FILE...",
     .flags = OPTION_PATH,
     .excludes = "split|split-by|split-time|group",
     .help = "groups by areas on the ground: files of polygons, in any projection, named as their "
             "groups, such as train.geojson; windows that are not wholly in one area are left out"},
    {.name = "block-size",
     .kind = OPTION_REAL,
     .offset = AT(block_size),
     .argument = "METRES",
     .needs = "split",
     .low = 0.001,
     .high = 1e7,
     .help = "side of a ground block in metres; default: the store's, or chosen from the first "
             "scene"},
    {.name = "split-gap",
     .kind = OPTION_REAL,
     .offset = AT(split_gap),
     .argument = "METRES",
     .needs = "split",
     .low = 0.001,
     .high = 1e5,
     .help = "groups of a split by block are at least that far apart: windows nearer than half of "
             "it to a block of another group are left out; default: the store's, or 0"},
    {.name = "seed",
     .kind = OPTION_COUNT,
     .offset = AT(seed),
     .argument = "S",
     .most = INT64_MAX,
     .help = "seed of the split and of random windows: same seed, same choice; default: 0"},
    {.name = "codec",
     .kind = OPTION_CHOICE,
     .offset = AT(codec),
     .argument = "auto|raw|lz4|deflate|zstd",
     .choices = codec_names,
     .help = "how tiles are stored; auto measures the first ones; an existing store keeps its own; "
             "default: auto"},
    {.name = "name",
     .kind = OPTION_TEXT,
     .offset = AT(name),
     .argument = "NAME",
     .help = "name of a new store; default: its file's name without the extension"},
    OPTION_ROW_THREADS(AT(threads)),
    {.name = "commit-seconds",
     .kind = OPTION_REAL,
     .offset = AT(commit_seconds),
     .argument = "F",
     .low = 0.001,
     .high = 86400,
     .flags = OPTION_TRANSIENT,
     .help = "how much work in seconds a crash may cost; default: 10"},
    {.name = "on-failure",
     .kind = OPTION_CHOICE,
     .offset = AT(on_failure),
     .argument = "go|stop",
     .choices = failure_names,
     .flags = OPTION_TRANSIENT,
     .help = "a scene or window that cannot be read: record it, go on with the rest and end with "
             "exit status 1, or stop; default: go"},
    {.name = "retry-failed",
     .kind = OPTION_FLAG,
     .offset = AT(retry_failed),
     .flags = OPTION_TRANSIENT,
     .help = "only the scenes and windows that are recorded as failed"},
    {.name = "dry-run",
     .kind = OPTION_FLAG,
     .offset = AT(dry_run),
     .flags = OPTION_TRANSIENT,
     .help = "plan the windows and match the labels, write nothing"},
    {.name = "plan",
     .kind = OPTION_WORDS,
     .offset = AT(plan),
     .argument = "FILE...",
     .accepts = plan_view_takes,
     .pattern = "\\.([pP][nN][gG]|([gG][eE][oO])?[jJ][sS][oO][nN])$",
     .flags = OPTION_PATH | OPTION_TRANSIENT,
     .help = "draw the windows over the scenes, kept by group and left out by reason: a .png, a "
             ".geojson, or both"},
    OPTION_ROW_PROGRESS(AT(progress)),
    {.name = "json",
     .kind = OPTION_FLAG,
     .offset = AT(json),
     .flags = OPTION_TRANSIENT,
     .help = "print the summary as a JSON object"},
    {.name = "config",
     .kind = OPTION_CONFIG,
     .offset = AT(config),
     .argument = "FILE|STORE[#N]",
     .flags = OPTION_LINE_ONLY,
     .help = "take options that are not given from a JSON file (schemas/feed-config.schema.json), "
             "or repeat feed N of a store; paths in it are relative to it"},
    {.name = "print-config",
     .kind = OPTION_FLAG,
     .offset = AT(print_config),
     .flags = OPTION_LINE_ONLY,
     .help = "print the options as such a file and end"},
    {.name = "print-schema",
     .kind = OPTION_SCHEMA,
     .offset = AT(print_schema),
     .flags = OPTION_LINE_ONLY,
     .help = "print the JSON Schema of such files and end"},
    {0},
};

int feed_nodata(const struct words *words, struct vdt_feed_options *options, double **values)
{
    if (words->count == 1 && strcmp(words->items[0], "none") == 0) {
        options->no_nodata = true;
        return OPTIONS_RUN;
    }
    *values = words->count > 0 ? calloc(words->count, sizeof **values) : NULL;
    if (words->count > 0 && !*values)
        return report_failed(&feed_command, "out of memory");
    for (size_t i = 0; i < words->count; i++)
        if (!nodata_value(words->items[i], &(*values)[i]))
            return report_wrong(&feed_command, "--nodata %s: none stands alone", words->items[i]);
    options->nodata = *values;
    options->nodata_count = words->count;
    return OPTIONS_RUN;
}

static void set_unknown(const char *text, struct vdt_feed_options *options)
{
    if (!text || strcmp(text, "error") == 0)
        return;
    bool skip = strcmp(text, "skip") == 0;
    options->unknown = skip ? VDT_UNKNOWN_SKIP : VDT_UNKNOWN_CLASS;
    options->unknown_class = skip ? NULL : text;
}

static void set_mask_order(const char *text, struct vdt_feed_options *options)
{
    for (int i = 0; text && order_names[i]; i++)
        if (strcmp(text, order_names[i]) == 0)
            options->mask_order = (enum vdt_mask_order)i;
    if (!text || strncmp(text, field_prefix, sizeof field_prefix - 1) != 0)
        return;
    options->mask_order = VDT_ORDER_FIELD;
    options->order_field = text + sizeof field_prefix - 1;
}

struct vdt_feed_options feed_library_options(const struct feed_values *values,
                                             const struct vdt_split_share *shares,
                                             const struct vdt_split_period *periods)
{
    const struct split_by by = split_by(values->split_by);
    struct vdt_feed_options options = {
        .store = values->store,
        .images = (const char *const *)values->images.items,
        .image_count = values->images.count,
        .labels = (const char *const *)values->labels.items,
        .label_count = values->labels.count,
        .label_format = (enum vdt_label_format)values->label_format,
        .label_rasters = (const char *const *)values->label_rasters.items,
        .label_raster_count = values->label_rasters.count,
        .label_values = (const char *const *)values->label_values.items,
        .label_value_count = values->label_values.count,
        .label_map = values->label_map,
        .tasks = values->tasks,
        .tile_cols = values->tile.cols,
        .tile_rows = values->tile.rows,
        .stride_cols = values->stride.cols,
        .stride_rows = values->stride.rows,
        .edge = (enum vdt_edge)values->edge,
        .windows = (enum vdt_windows)values->windows,
        .window_count = values->count.value,
        .apart = values->apart,
        .jitter = (uint32_t)values->jitter.value,
        .background_ratio = values->background_ratio,
        .window_file = values->window_file,
        .aoi = (const char *const *)values->aoi.items,
        .aoi_count = values->aoi.count,
        .aoi_rule = (enum vdt_aoi_rule)values->aoi_rule,
        .aoi_share = values->aoi_share,
        .aoi_mask = values->aoi_mask,
        .bands = (const char *const *)values->bands.items,
        .band_count = values->bands.count,
        .dtype = (enum vdt_dtype)values->dtype,
        .unscale = values->unscale,
        .valid_rule = (enum vdt_valid_rule)values->valid_rule,
        .cloud_band = values->cloud_band,
        .cloud_files = (const char *const *)values->cloud_files.items,
        .cloud_file_count = values->cloud_files.count,
        .cloud_values = values->cloud_values.items,
        .cloud_value_count = values->cloud_values.count,
        .max_cloud = values->max_cloud >= 0 ? &values->max_cloud : NULL,
        .cloud_mask = values->cloud_mask,
        .crs = values->crs,
        .resampling = (enum vdt_resampling)values->resampling,
        .join = (enum vdt_join)values->join,
        .join_by = (enum vdt_join_by)values->join_by,
        .mosaic_order = (enum vdt_mosaic_order)values->mosaic_order,
        .extras = (const char *const *)values->extras.items,
        .extra_count = values->extras.count,
        .class_field = values->class_field,
        .class_map = values->class_map,
        .classes = (const char *const *)values->classes.items,
        .class_count = values->classes.count,
        .match = (enum vdt_match)values->match,
        .mask_rule = (enum vdt_mask_rule)values->mask_rule,
        .target_field = values->target_field,
        .boundary = (enum vdt_boundary)values->boundary,
        .boundary_width = (uint32_t)values->boundary_width.value,
        .contact_spacing = values->contact_spacing,
        .distance_limit = values->distance_limit,
        .ignore = (const char *const *)values->ignore.items,
        .ignore_count = values->ignore.count,
        .min_visible = values->min_visible,
        .min_valid = values->min_valid,
        .group = values->group,
        .split = values->split.count ? shares : NULL,
        .split_count = values->split.count,
        .split_by = by.by,
        .split_field = by.field,
        .split_periods = periods,
        .split_period_count = values->split_time.count,
        .split_areas = (const char *const *)values->split_areas.items,
        .split_area_count = values->split_areas.count,
        .block_size = values->block_size,
        .split_gap = values->split_gap,
        .seed = values->seed.value,
        .codec = (enum vdt_codec)values->codec,
        .name = values->name,
        .threads = (uint32_t)values->threads.value,
        .commit_seconds = values->commit_seconds,
        .on_failure = (enum vdt_on_failure)values->on_failure,
        .retry_failed = values->retry_failed,
        .dry_run = values->dry_run,
    };
    for (size_t i = 0; i < values->resolution.count; i++)
        options.resolution[i] = options.resolution[1] = values->resolution.items[i];
    for (size_t i = 0; i < values->cloud_bits.count; i++)
        options.cloud_bits |= UINT32_C(1) << values->cloud_bits.items[i];
    set_unknown(values->unknown, &options);
    set_mask_order(values->mask_order, &options);
    if (values->width)
        parse_width(values->width, &options);
    return options;
}
