/* A store is one HDF5 file of samples (schemas/store-layout.md): a tile, its labels and where it
 * lies on the ground, in groups such as train and test.
 *
 * A vdt_writer creates a store or adds to it, by whole commits: whatever happens to the process,
 * the file holds the samples of the last commit, complete. One process writes at a time.
 * A vdt_reader is a snapshot of the last commit at the time it was opened. */
#ifndef VEDATILE_STORE_H
#define VEDATILE_STORE_H

#include "vedatile/error.h"
#include "vedatile/types.h"

VDT_BEGIN_DECLS

struct vdt_writer;
struct vdt_reader;

enum { VDT_KEY_SIZE = 64, VDT_IGNORE_U8 = 255, VDT_IGNORE_U16 = 65535 };

/* What every sample of a store has in common. Fixed when the store is created.
 * All pointers are borrowed for the duration of the call that takes the struct. */
struct vdt_store_spec {
    struct vdt_tile_spec tile;     /* required; every field positive */
    uint32_t tasks;                /* required; enum vdt_task bits */
    const char *const *classes;    /* UTF-8, distinct; class id is the index; may be empty only
                                      when there are no tasks */
    size_t class_count;            /* at most 65534 */
    const char *const *band_names; /* tile.bands names, or NULL: band_1, band_2, ... */
    const char *name;              /* NULL: the file's name without its extension */
    enum vdt_codec image_codec;    /* VDT_CODEC_AUTO is not allowed here: decide first */
    enum vdt_codec mask_codec;
};

/* Statistics of one band over the valid pixels of one tile, as stored per sample.
 * m2 is the sum of squared differences from the mean (Welford), so that tiles can be merged. */
struct vdt_band_stats {
    uint64_t count;
    double mean;
    double m2;
    double min;
    double max;
};

/* The labels of one sample. Which members are set follows the store's tasks; the others are NULL.
 * Shapes: onehot [classes]; boxes [box_count][4] = xmin, ymin, xmax, ymax in tile pixels, origin at
 * the upper left corner, pixel edges, max exclusive; all others [rows][cols]. */
struct vdt_labels {
    const uint8_t *onehot;
    size_t box_count;
    const float (*boxes)[4];
    const uint16_t *box_class;
    const int64_t *box_feature; /* feature id in the label file */
    const float *box_visible;   /* share of the object's area inside the tile, 0..1 */
    const void *mask;           /* uint8 up to 254 classes, else uint16: 0 background, class id + 1,
                                   255 or 65535 ignore */
    const uint16_t *instances;  /* 0 none, else 1-based index into the sample's boxes */
    const uint8_t *boundary;    /* 1 on a boundary, else 0, 255 ignore */
    const uint8_t *contact;     /* 1 between objects that nearly touch, else 0, 255 ignore */
    const float *distance;      /* pixels to the nearest pixel of the other kind: positive inside
                                   objects,      negative outside, cut at a limit; NaN ignore */
    const float *target;        /* a number, NaN where there is none */
};

/* One sample. For the writer all pointers are borrowed until the call returns. */
struct vdt_sample {
    char key[VDT_KEY_SIZE];   /* NUL-terminated, unique in the store, [!-~] only */
    uint32_t scene;           /* index from vdt_writer_add_scene */
    uint32_t crs;             /* index from vdt_writer_add_crs */
    struct vdt_window window; /* in scene pixels */
    double geotransform[6];   /* of the tile, GDAL's order; zeros when there is none */
    double bounds[4];         /* west, south, east, north in degrees; NaN when unknown;
                                 west > east crosses the antimeridian */
    float valid_fraction;     /* share of pixels that are image: not nodata, transparent, padding */
    float weight;             /* sampling weight; 1 unless set otherwise */
    const void *image;        /* vdt_tile_bytes() bytes, [band][row][col] */
    const struct vdt_band_stats *stats; /* [bands], or NULL: computed over all pixels */
    struct vdt_labels labels;
    const char *metadata; /* one JSON object as UTF-8 text, or NULL for {} */
};

struct vdt_scene_record {
    const char *uri;      /* relative to the store's folder, or a URL; at most 4095 bytes */
    uint64_t size;        /* bytes; 0 when unknown */
    const char *digest;   /* 32 hex digits that identify the content */
    const char *acquired; /* ISO 8601, "" when unknown */
    int32_t cols;
    int32_t rows;
};

/* --- writing: one thread at a time per writer ------------------------------------------- */

/* Nothing appears at `path` until the first commit. VDT_ERR_EXISTS when there is a file already.
 * On success *writer belongs to the caller; on failure it is untouched. */
VDT_API VDT_CHECKED vdt_status vdt_writer_create(const char *path,
                                                 const struct vdt_store_spec *spec,
                                                 struct vdt_writer **writer,
                                                 struct vdt_error *error);

/* Opens a store to add samples to it. VDT_ERR_BUSY while another process writes it. */
VDT_API VDT_CHECKED vdt_status vdt_writer_open(const char *path, struct vdt_writer **writer,
                                               struct vdt_error *error);

/* The index of a scene or CRS (WKT2 text; "" for none), added unless it is there already.
 * Scenes are the same when their digests are. */
VDT_API VDT_CHECKED vdt_status vdt_writer_add_scene(struct vdt_writer *writer,
                                                    const struct vdt_scene_record *scene,
                                                    uint32_t *index, struct vdt_error *error);
VDT_API VDT_CHECKED vdt_status vdt_writer_add_crs(struct vdt_writer *writer, const char *wkt,
                                                  uint32_t *index, struct vdt_error *error);

/* True when a sample of that key is in the store, in whatever group, or was appended. */
VDT_API bool vdt_writer_has(const struct vdt_writer *writer, const char *key);

/* Adds a sample to a group, which is made when it is new. VDT_ERR_EXISTS for a key that is there.
 * Group names: letters, digits, '_' and '-', not "views", "scenes" or "crs". */
VDT_API VDT_CHECKED vdt_status vdt_writer_append(struct vdt_writer *writer, const char *group,
                                                 const struct vdt_sample *sample,
                                                 struct vdt_error *error);

/* What every sample of the store has in common; pointers borrowed from the writer. */
VDT_API struct vdt_store_spec vdt_writer_spec(const struct vdt_writer *writer);

/* Samples of a group, committed and appended; 0 for a group that is not there. */
VDT_API uint64_t vdt_writer_count(const struct vdt_writer *writer, const char *group);

/* Keeps a selection of a group's samples under a name (letters, digits, '_' and '-'), part of the
 * store with the next commit. Indices are of samples committed or appended; they may repeat.
 * A view of that name is replaced. `definition` (may be NULL) says how it came about: JSON text. */
VDT_API VDT_CHECKED vdt_status vdt_writer_put_view(struct vdt_writer *writer, const char *name,
                                                   const char *group, const uint64_t *indices,
                                                   uint64_t count, const char *definition,
                                                   struct vdt_error *error);
/* VDT_ERR_NOT_FOUND when there is no such view. */
VDT_API VDT_CHECKED vdt_status vdt_writer_remove_view(struct vdt_writer *writer, const char *name,
                                                      struct vdt_error *error);

/* Makes everything appended so far part of the store, durably and all at once. */
VDT_API VDT_CHECKED vdt_status vdt_writer_commit(struct vdt_writer *writer,
                                                 struct vdt_error *error);

/* Commits and closes the file. The writer still has to be freed. */
VDT_API VDT_CHECKED vdt_status vdt_writer_finish(struct vdt_writer *writer,
                                                 struct vdt_error *error);

/* Accepts NULL. What was not committed is discarded. */
VDT_API void vdt_writer_free(struct vdt_writer *writer);

/* --- reading: a reader never changes and may be shared by any number of threads ----------- */

VDT_API VDT_CHECKED vdt_status vdt_reader_open(const char *path, struct vdt_reader **reader,
                                               struct vdt_error *error);

/* Accepts NULL. Pointers borrowed from the reader end here. */
VDT_API void vdt_reader_free(struct vdt_reader *reader);

/* Properties cannot fail; pointers are borrowed and live as long as the reader. */
VDT_API struct vdt_store_spec vdt_reader_spec(const struct vdt_reader *reader);
VDT_API const char *vdt_reader_path(const struct vdt_reader *reader);
VDT_API const char *vdt_reader_uuid(const struct vdt_reader *reader);
VDT_API const char *vdt_reader_format(const struct vdt_reader *reader);     /* "1.0" */
VDT_API const char *vdt_reader_created_at(const struct vdt_reader *reader); /* ISO 8601, UTC */
VDT_API const char *vdt_reader_producer(const struct vdt_reader *reader);
VDT_API const char *vdt_reader_feed_config(const struct vdt_reader *reader);   /* JSON array */
VDT_API const char *vdt_reader_feed_failures(const struct vdt_reader *reader); /* JSON array */
/* JSON object: what joined scenes are made of, by their digests (schemas/store-layout.md). */
VDT_API const char *vdt_reader_scene_members(const struct vdt_reader *reader);
/* JSON array of ISO 8601 times: images are [times * bands][rows][cols], time by time; an empty text
 * where a time is unknown or scenes differ. "[]": no time axis. */
VDT_API const char *vdt_reader_times(const struct vdt_reader *reader);
VDT_API uint64_t vdt_reader_file_bytes(const struct vdt_reader *reader);

/* How much of the store is here, in percent of its bytes: 100 unless it was pulled as a partial
 * store (vedatile/catalog.h), which fetches what is read and is not here. True at any time. Any
 * thread. */
VDT_API double vdt_reader_percent_cached(const struct vdt_reader *reader);
/* The same of a file that is not open. */
VDT_API VDT_CHECKED vdt_status vdt_store_percent_cached(const char *path, double *percent,
                                                        struct vdt_error *error);
/* Fetches all that a partial store lacks; it is then like any other. Nothing to do for others.
 * `progress` (may be NULL) is told bytes. What came before a failure stays. */
VDT_API VDT_CHECKED vdt_status vdt_store_complete(const char *path, vdt_progress_fn progress,
                                                  void *payload, struct vdt_error *error);
VDT_API size_t vdt_reader_mask_size(const struct vdt_reader *reader); /* bytes a mask pixel: 1, 2 */

VDT_API size_t vdt_reader_group_count(const struct vdt_reader *reader);
VDT_API const char *vdt_reader_group_name(const struct vdt_reader *reader, size_t group);
/* VDT_ERR_NOT_FOUND names the groups that there are. */
VDT_API VDT_CHECKED vdt_status vdt_reader_find_group(const struct vdt_reader *reader,
                                                     const char *name, size_t *group,
                                                     struct vdt_error *error);
VDT_API uint64_t vdt_reader_count(const struct vdt_reader *reader, size_t group);
VDT_API uint64_t vdt_reader_box_count(const struct vdt_reader *reader, size_t group);

VDT_API size_t vdt_reader_scene_count(const struct vdt_reader *reader);
VDT_API struct vdt_scene_record vdt_reader_scene(const struct vdt_reader *reader, size_t scene);
VDT_API size_t vdt_reader_crs_count(const struct vdt_reader *reader);
VDT_API const char *vdt_reader_crs(const struct vdt_reader *reader, size_t crs);

/* The row of a sample: key, window, place. Its pointers (image, labels, metadata) are NULL and
 * stats is filled when `stats` is not NULL (room for tile.bands entries). */
VDT_API VDT_CHECKED vdt_status vdt_reader_sample(const struct vdt_reader *reader, size_t group,
                                                 uint64_t index, struct vdt_sample *sample,
                                                 struct vdt_band_stats *stats,
                                                 struct vdt_error *error);

/* One array of one sample into the caller's memory, decoded and compared with its stored size.
 * image: vdt_tile_bytes(); mask: rows * cols * vdt_reader_mask_size(); instances: rows * cols * 2;
 * boundary and contact: rows * cols; distance and target: rows * cols * 4; onehot: class_count.
 * VDT_ERR_NOT_FOUND when the store's tasks have no such array. */
VDT_API VDT_CHECKED vdt_status vdt_reader_image(const struct vdt_reader *reader, size_t group,
                                                uint64_t index, void *image,
                                                struct vdt_error *error);
VDT_API VDT_CHECKED vdt_status vdt_reader_mask(const struct vdt_reader *reader, size_t group,
                                               uint64_t index, void *mask, struct vdt_error *error);
VDT_API VDT_CHECKED vdt_status vdt_reader_instances(const struct vdt_reader *reader, size_t group,
                                                    uint64_t index, uint16_t *instances,
                                                    struct vdt_error *error);
VDT_API VDT_CHECKED vdt_status vdt_reader_boundary(const struct vdt_reader *reader, size_t group,
                                                   uint64_t index, uint8_t *boundary,
                                                   struct vdt_error *error);
VDT_API VDT_CHECKED vdt_status vdt_reader_contact(const struct vdt_reader *reader, size_t group,
                                                  uint64_t index, uint8_t *contact,
                                                  struct vdt_error *error);
VDT_API VDT_CHECKED vdt_status vdt_reader_distance(const struct vdt_reader *reader, size_t group,
                                                   uint64_t index, float *distance,
                                                   struct vdt_error *error);
VDT_API VDT_CHECKED vdt_status vdt_reader_target(const struct vdt_reader *reader, size_t group,
                                                 uint64_t index, float *target,
                                                 struct vdt_error *error);
VDT_API VDT_CHECKED vdt_status vdt_reader_onehot(const struct vdt_reader *reader, size_t group,
                                                 uint64_t index, uint8_t *onehot,
                                                 struct vdt_error *error);

/* Boxes of samples [first, first + count): *rows of them; cannot fail. 0 without boxes. */
VDT_API uint64_t vdt_reader_box_rows(const struct vdt_reader *reader, size_t group, uint64_t first,
                                     uint64_t count);
/* Their values into the caller's arrays of that many rows; any of the four may be NULL. */
VDT_API VDT_CHECKED vdt_status vdt_reader_boxes(const struct vdt_reader *reader, size_t group,
                                                uint64_t first, uint64_t count, float (*boxes)[4],
                                                uint16_t *box_class, int64_t *box_feature,
                                                float *box_visible, struct vdt_error *error);

/* The sample's JSON object; *json belongs to the caller, release with vdt_string_free. */
VDT_API VDT_CHECKED vdt_status vdt_reader_metadata(const struct vdt_reader *reader, size_t group,
                                                   uint64_t index, char **json,
                                                   struct vdt_error *error);
VDT_API void vdt_string_free(char *string);

/* --- selections and summaries ------------------------------------------------------------------
 */

/* Views kept in the store. Pointers are borrowed and live as long as the reader. */
struct vdt_view {
    const char *name;
    const char *group;
    const char *definition; /* JSON text, "" for none */
    const uint64_t *indices;
    uint64_t count;
};
VDT_API size_t vdt_reader_view_count(const struct vdt_reader *reader);
VDT_API struct vdt_view vdt_reader_view(const struct vdt_reader *reader, size_t view);
/* VDT_ERR_NOT_FOUND names the views that there are. */
VDT_API VDT_CHECKED vdt_status vdt_reader_find_view(const struct vdt_reader *reader,
                                                    const char *name, size_t *view,
                                                    struct vdt_error *error);

/* Which samples to take; every condition given must hold. Zero: all of them. */
struct vdt_filter {
    const char *const *classes; /* any of these is among the sample's one-hot or boxes */
    size_t class_count;
    uint64_t min_boxes;   /* at least so many boxes (of those classes, when classes are given) */
    uint64_t max_boxes;   /* 0: any number */
    double min_valid;     /* valid_fraction at least this */
    const double *bounds; /* west, south, east, north in degrees: the sample meets it; west > east
                             crosses the antimeridian */
    const char *scene;    /* part of the scene's uri */
};

/* Indices of the group's samples that pass, rising. *indices belongs to the caller, release with
 * vdt_indices_free. VDT_ERR_NOT_FOUND for a class that the store has not; VDT_ERR_ARGUMENT when
 * the store has no labels that could tell. */
VDT_API VDT_CHECKED vdt_status vdt_reader_select(const struct vdt_reader *reader, size_t group,
                                                 const struct vdt_filter *filter,
                                                 uint64_t **indices, uint64_t *count,
                                                 struct vdt_error *error);
VDT_API void vdt_indices_free(uint64_t *indices);

/* Statistics of each band over all valid pixels of a group, from those kept with the samples
 * (merged by Chan et al. 1979): room for tile.bands entries. The population's standard deviation is
 * sqrt(m2 / count). */
VDT_API VDT_CHECKED vdt_status vdt_reader_band_stats(const struct vdt_reader *reader, size_t group,
                                                     struct vdt_band_stats *stats,
                                                     struct vdt_error *error);

/* The largest number of boxes that a sample of the group has. */
VDT_API uint64_t vdt_reader_most_boxes(const struct vdt_reader *reader, size_t group);

/* --- proving a store whole --------------------------------------------------------------- */

struct vdt_check_options {
    uint32_t threads; /* 0: one per core */
    vdt_progress_fn progress;
    void *payload; /* for `progress` and for vdt_check's `problem` */
    bool fetch;    /* of a partial store: fetch what is missing first */
};

struct vdt_check_report {
    uint64_t samples;  /* looked at */
    uint64_t problems; /* found, of which each was passed to `problem` */
    uint64_t missing;  /* bytes of a partial store that are not here; then no sample was looked at,
                          but what is here was compared with the digests of its blocks */
    char digest[65];   /* SHA-256 over the logical content: independent of layout, codec, order of
                          feeding, file name; empty when there were problems, or bytes missing */
};

/* Reads every sample and compares it with its checksums and with the rules of the layout.
 * `problem` (may be NULL) is called once for each finding with a line of text, from the calling
 * thread. VDT_OK when the check ran, whatever it found; a failure when the store cannot be opened.
 */
VDT_API VDT_CHECKED vdt_status vdt_check(const char *path, const struct vdt_check_options *options,
                                         void (*problem)(const char *text, void *payload),
                                         struct vdt_check_report *report, struct vdt_error *error);

VDT_END_DECLS
#endif
