/* Being written: every call says so. */
#include <vedatile/run.h>

#include "base/error.h"

vdt_status vdt_run_create(const struct vdt_run_options *options, struct vdt_run **run,
                          struct vdt_error *error)
{
    (void)options;
    (void)run;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "runs are not ready");
}

vdt_status vdt_run_resume(const struct vdt_run_options *options, struct vdt_run **run,
                          struct vdt_error *error)
{
    (void)options;
    (void)run;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "runs are not ready");
}

void vdt_run_free(struct vdt_run *run)
{
    (void)run;
}

vdt_status vdt_run_sample(struct vdt_run *run, const char *reference, uint32_t rows, uint32_t cols,
                          uint32_t *sample, struct vdt_error *error)
{
    (void)run;
    (void)reference;
    (void)rows;
    (void)cols;
    (void)sample;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "runs are not ready");
}

uint32_t vdt_run_sample_count(const struct vdt_run *run)
{
    (void)run;
    return 0;
}

const char *vdt_run_reference(const struct vdt_run *run, uint32_t sample)
{
    (void)run;
    (void)sample;
    return NULL;
}

bool vdt_run_predicted(const struct vdt_run *run, uint32_t sample)
{
    (void)run;
    (void)sample;
    return false;
}

uint32_t vdt_run_class_count(const struct vdt_run *run)
{
    (void)run;
    return 0;
}

const char *vdt_run_class_name(const struct vdt_run *run, uint32_t class_id)
{
    (void)run;
    (void)class_id;
    return NULL;
}

vdt_status vdt_run_class(struct vdt_run *run, const char *value, uint32_t *class_id,
                         struct vdt_error *error)
{
    (void)run;
    (void)value;
    (void)class_id;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "runs are not ready");
}

vdt_status vdt_run_add(struct vdt_run *run, const struct vdt_annotation *annotations, size_t count,
                       enum vdt_run_mode mode, struct vdt_run_counts *counts,
                       struct vdt_error *error)
{
    (void)run;
    (void)annotations;
    (void)count;
    (void)mode;
    (void)counts;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "runs are not ready");
}

vdt_status vdt_run_add_boxes(struct vdt_run *run, const struct vdt_run_boxes *boxes,
                             enum vdt_run_mode mode, struct vdt_run_counts *counts,
                             struct vdt_error *error)
{
    (void)run;
    (void)boxes;
    (void)mode;
    (void)counts;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "runs are not ready");
}

vdt_status vdt_run_add_raster(struct vdt_run *run, uint32_t sample, enum vdt_dtype dtype,
                              const void *pixels, uint32_t rows, uint32_t cols,
                              enum vdt_run_mode mode, struct vdt_run_counts *counts,
                              struct vdt_error *error)
{
    (void)run;
    (void)sample;
    (void)dtype;
    (void)pixels;
    (void)rows;
    (void)cols;
    (void)mode;
    (void)counts;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "runs are not ready");
}

vdt_status vdt_run_add_scores(struct vdt_run *run, uint32_t sample, const double *scores,
                              size_t count, enum vdt_run_mode mode, struct vdt_run_counts *counts,
                              struct vdt_error *error)
{
    (void)run;
    (void)sample;
    (void)scores;
    (void)count;
    (void)mode;
    (void)counts;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "runs are not ready");
}

vdt_status vdt_run_mark(struct vdt_run *run, uint32_t sample, struct vdt_error *error)
{
    (void)run;
    (void)sample;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "runs are not ready");
}

vdt_status vdt_run_drop(struct vdt_run *run, uint32_t sample, const char *id,
                        struct vdt_error *error)
{
    (void)run;
    (void)sample;
    (void)id;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "runs are not ready");
}

void vdt_run_begin(struct vdt_run *run)
{
    (void)run;
}

vdt_status vdt_run_end(struct vdt_run *run, struct vdt_error *error)
{
    (void)run;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "runs are not ready");
}

vdt_status vdt_run_commit(struct vdt_run *run, vdt_progress_fn progress, void *payload,
                          struct vdt_error *error)
{
    (void)run;
    (void)progress;
    (void)payload;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "runs are not ready");
}

vdt_status vdt_run_open(const char *store, const char *run, struct vdt_run_reader **reader,
                        struct vdt_error *error)
{
    (void)store;
    (void)run;
    (void)reader;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "runs are not ready");
}

void vdt_run_reader_free(struct vdt_run_reader *reader)
{
    (void)reader;
}

const struct vdt_run_info *vdt_run_reader_info(const struct vdt_run_reader *reader)
{
    (void)reader;
    return 0;
}

struct vdt_annotations *vdt_run_annotations(const struct vdt_run_reader *reader)
{
    (void)reader;
    return NULL;
}

uint64_t vdt_run_vanished(const struct vdt_run_reader *reader)
{
    (void)reader;
    return 0;
}

uint32_t vdt_run_reader_class_count(const struct vdt_run_reader *reader)
{
    (void)reader;
    return 0;
}

const char *vdt_run_reader_class_name(const struct vdt_run_reader *reader, uint32_t class_id)
{
    (void)reader;
    (void)class_id;
    return NULL;
}

vdt_status vdt_run_raster_shape(const struct vdt_run_reader *reader, uint32_t sample,
                                enum vdt_dtype *dtype, uint32_t *rows, uint32_t *cols,
                                struct vdt_error *error)
{
    (void)reader;
    (void)sample;
    (void)dtype;
    (void)rows;
    (void)cols;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "runs are not ready");
}

vdt_status vdt_run_raster(const struct vdt_run_reader *reader, uint32_t sample, void *pixels,
                          struct vdt_error *error)
{
    (void)reader;
    (void)sample;
    (void)pixels;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "runs are not ready");
}

vdt_status vdt_run_list(const char *store, vdt_run_fn each, void *payload, struct vdt_error *error)
{
    (void)store;
    (void)each;
    (void)payload;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "runs are not ready");
}

vdt_status vdt_run_remove(const char *store, const char *run, struct vdt_error *error)
{
    (void)store;
    (void)run;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "runs are not ready");
}

char *vdt_run_path(const char *store, const char *run)
{
    (void)store;
    (void)run;
    return NULL;
}
