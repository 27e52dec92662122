/* What an export in progress has, and what a format of exports is. */
#ifndef EXCHANGE_EXPORTER_H
#define EXCHANGE_EXPORTER_H

#include <vedatile/exchange.h>

#include "exchange/file.h"
#include "exchange/picture.h"
#include "exchange/record.h"

struct vdt_export_format;

struct vdt_export {
    const struct vdt_export_options *options;
    const struct vdt_reader *reader;
    struct vdt_store_spec spec;
    struct vdt_picture picture;
    const char *folder; /* OUTPUT.part */
    const struct vdt_export_format *format;
    const size_t *groups; /* to be exported */
    size_t group_count;
    size_t group; /* the one that is being written */
    const char *group_name;
    uint64_t total;               /* samples to be exported */
    struct vdt_text_file samples; /* samples/GROUP.jsonl */
    struct vdt_export_report *report;
    void *state; /* the format's own; made by begin, freed by clear */
};

/* Calls in this order: begin, for each group (begin_group, sample for each sample, end_group), end;
 * and in any case clear. Each may be NULL. */
struct vdt_export_format {
    const char *name;
    enum vdt_picture_kind picture; /* with own_picture */
    bool own_picture;              /* the caller has no choice of pictures */
    bool arrays;                   /* tiles are NumPy's arrays unless the caller wants pictures */
    bool flat;                     /* no folder GROUP in the folders of files */
    uint32_t tasks;                /* the store must have one of these; 0: any */
    bool lists;                    /* has samples/GROUP.jsonl */
    bool lists_labels;             /* with boxes and one-hot vectors */
    vdt_status (*begin)(struct vdt_export *out, struct vdt_error *error);
    vdt_status (*begin_group)(struct vdt_export *out, struct vdt_error *error);
    vdt_status (*sample)(struct vdt_export *out, const struct vdt_record *record,
                         struct vdt_error *error);
    vdt_status (*end_group)(struct vdt_export *out, struct vdt_error *error);
    vdt_status (*end)(struct vdt_export *out, struct vdt_error *error);
    void (*clear)(struct vdt_export *out);
};

extern const struct vdt_export_format vdt_export_coco;
extern const struct vdt_export_format vdt_export_yolo;
extern const struct vdt_export_format vdt_export_voc;
extern const struct vdt_export_format vdt_export_geotiff;
extern const struct vdt_export_format vdt_export_png;
extern const struct vdt_export_format vdt_export_npz;
extern const struct vdt_export_format vdt_export_webdataset;
extern const struct vdt_export_format vdt_export_geojson;
extern const struct vdt_export_format vdt_export_stac;

/* FOLDER/KIND/GROUP (flat: FOLDER/KIND), made when it is missing. */
vdt_status vdt_export_folder(struct vdt_export *out, const char *kind, struct vdt_error *error);
/* FOLDER/KIND/GROUP/NAME.SUFFIX (flat: FOLDER/KIND/NAME.SUFFIX), owned; NULL: memory is out. */
char *vdt_export_path(const struct vdt_export *out, const char *kind,
                      const struct vdt_record *record, const char *suffix);

/* vdt_about_sample with the statistics that fit the pictures, and with the labels if asked. New
 * reference; NULL: memory is out. */
json_t *vdt_export_about(const struct vdt_export *out, const struct vdt_record *record,
                         bool labels);

/* The tile as KIND/GROUP/NAME with the suffix of its format. */
vdt_status vdt_export_picture(struct vdt_export *out, const char *kind,
                              const struct vdt_record *record, struct vdt_error *error);
/* A label of the tile's shape, where the sample has it. */
vdt_status vdt_export_plane(struct vdt_export *out, const char *kind,
                            const struct vdt_record *record, enum vdt_array plane,
                            enum vdt_raster_format format, struct vdt_error *error);

#endif
