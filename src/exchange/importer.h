/* What an import in progress has, and how formats of exports are read back. */
#ifndef EXCHANGE_IMPORTER_H
#define EXCHANGE_IMPORTER_H

#include <vedatile/exchange.h>

#include "base/json.h"
#include "exchange/record.h"

/* vedatile.json, read; owns the JSON that the spec's strings lie in. */
struct vdt_about_file {
    json_t *json;
    struct vdt_store_spec spec; /* with every task of the export */
    const char *format;
    const char *suffix; /* of tiles */
    uint64_t samples;
    const char **classes, **band_names;
};

struct vdt_import_format;

struct vdt_import {
    const struct vdt_import_options *options;
    const struct vdt_import_format *format;
    struct vdt_writer *writer;  /* NULL until the first sample's shape is known */
    struct vdt_store_spec spec; /* of the store; borrowed from the writer */
    const char *folder;
    struct vdt_about_file about; /* of an export of ours */
    struct vdt_record record;
    uint64_t total; /* samples of the folders so far */
    struct vdt_import_report *report;
    void *state; /* the format's own, for one folder; freed by clear */
};

/* How a format is read back. */
struct vdt_import_format {
    const char *name;
    uint32_t tasks; /* those that it keeps */
    bool flat;      /* no folder GROUP in the folders of files */
    /* All samples of the folder; vdt_import_list does it for formats with samples/GROUP.jsonl. */
    vdt_status (*read)(struct vdt_import *in, struct vdt_error *error);
    /* For vdt_import_list: image and labels of import->record, whose about was read. */
    vdt_status (*sample)(struct vdt_import *in, json_t *about, struct vdt_error *error);
    void (*clear)(struct vdt_import *in); /* may be NULL */
};

extern const struct vdt_import_format vdt_import_coco;
extern const struct vdt_import_format vdt_import_yolo;
extern const struct vdt_import_format vdt_import_voc;
extern const struct vdt_import_format vdt_import_geotiff;
extern const struct vdt_import_format vdt_import_png;
extern const struct vdt_import_format vdt_import_npz;
extern const struct vdt_import_format vdt_import_webdataset;

/* about.c's way back: fills the record (group, scene, crs and sample without image and labels) from
 * a line; strings are borrowed from `about`. `what` names the place in messages. */
vdt_status vdt_about_read_sample(json_t *about, const struct vdt_store_spec *spec, const char *what,
                                 struct vdt_record *record, struct vdt_error *error);
/* Boxes and one-hot vector of vdt_about_labels, for those tasks that the spec has. */
vdt_status vdt_about_read_labels(json_t *about, const struct vdt_store_spec *spec, const char *what,
                                 struct vdt_record *record, struct vdt_error *error);
vdt_status vdt_about_read_store(const char *path, struct vdt_about_file *about,
                                struct vdt_error *error);
void vdt_about_file_clear(struct vdt_about_file *about);

/* `count` numbers of a list, null as NaN. */
bool vdt_json_read_numbers(const json_t *list, double *values, size_t count);

/* Samples of samples/GROUP.jsonl by format->sample. */
vdt_status vdt_import_list(struct vdt_import *in, struct vdt_error *error);
/* Puts the record into its group, with its scene and CRS. */
vdt_status vdt_import_append(struct vdt_import *in, struct vdt_error *error);
/* Whether the record's key is in the store, to be asked before pixels are read; counts it then. */
bool vdt_import_has(struct vdt_import *in);
/* Tells the caller how far it is. */
vdt_status vdt_import_progress(struct vdt_import *in, struct vdt_error *error);

/* Room for the record's boxes, and an empty instance mask where the store has one. */
vdt_status vdt_import_boxes(struct vdt_import *in, size_t count, struct vdt_error *error);
/* The record's image from KIND/GROUP/NAME with the export's suffix. */
vdt_status vdt_import_picture(struct vdt_import *in, const char *kind, struct vdt_error *error);

/* FOLDER/KIND/GROUP/NAME.SUFFIX (flat: FOLDER/KIND/NAME.SUFFIX) of the record; owned. NULL: memory
 * is out. */
char *vdt_import_path(const struct vdt_import *in, const char *kind, const char *suffix);

/* Names in a folder that end with `suffix`, sorted; *names and each of them are owned. */
vdt_status vdt_list_folder(const char *path, const char *suffix, char ***names, size_t *count,
                           struct vdt_error *error);
void vdt_free_names(char **names, size_t count);

#endif
