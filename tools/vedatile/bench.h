/* What `vedatile bench` asks for and what it measures. */
#ifndef TOOL_BENCH_H
#define TOOL_BENCH_H

#include <stdbool.h>
#include <vedatile/loader.h>

#include "options.h"
#include "probe.h"

struct bench_values {
    const char *store;
    const char *group;
    const char *view;
    const char *images; /* STORE is another HDF5 file */
    const char *labels;
    struct count batch_size;
    struct count threads;
    struct count prefetch;
    struct count epochs;
    double seconds;
    struct count seed;
    int order; /* enum vdt_order_kind */
    bool sequential;
    struct count window;
    struct count rank;
    struct count world;
    int tail; /* enum vdt_tail */
    struct count indices;
    struct integers bands; /* from 1 */
    struct size crop;
    bool random_crop;
    uint32_t augment; /* enum vdt_augment */
    int dtype;        /* enum vdt_dtype */
    int axes;         /* enum vdt_axes */
    bool normalize;
    uint32_t tasks; /* enum vdt_task */
    struct count box_pad;
    int verify;    /* enum vdt_verify */
    int on_damage; /* enum vdt_on_damage */
    bool pin;
    bool map;
    struct count cuda;
    bool json;
};

/* Files, and what the loader is asked; {0} is empty. */
struct bench_input {
    struct vdt_reader *reader;
    struct vdt_hdf5 *hdf5;
    struct vdt_input input;
    struct vdt_loader_options options;
    uint64_t samples;    /* of the group, view or file */
    uint64_t file_bytes; /* over the file's samples: what a sample takes */
    char name[160];      /* "train", "view fold-1 of train", "/images" */
    uint32_t *bands;
    double *mean, *std;
};
vdt_status bench_open(const struct bench_values *values, struct bench_input *input,
                      struct vdt_error *error);
void bench_close(struct bench_input *input);

/* On success bench_release releases it. */
struct measured {
    struct vdt_batch_spec spec;
    uint64_t batches, samples, bytes; /* bytes delivered */
    uint64_t skipped;                 /* damaged samples */
    uint64_t epochs;                  /* complete ones */
    double seconds;
    double first_batch;      /* seconds from before opening the file */
    size_t first_size;       /* samples of the first batch */
    uint64_t *first_indices; /* which */
    uint32_t first_images;   /* Adler-32 over their images */
    struct probe_result probe;
};

/* Reads batches as `values` says; `opened` is clock_seconds() before opening the input. */
vdt_status bench_measure(const struct bench_values *values, const struct bench_input *input,
                         double opened, struct measured *measured, struct vdt_error *error);
void bench_release(struct measured *measured);

#endif
