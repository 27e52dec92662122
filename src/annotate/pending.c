/* Not there yet. */
#include <vedatile/annotations.h>

#include "base/error.h"

const char *vdt_annotation_kind_name(enum vdt_annotation_kind kind)
{
    (void)kind;
    return "";
}

vdt_status vdt_annotations_open(const struct vdt_annotations_options *options,
                                struct vdt_annotations **set, struct vdt_error *error)
{
    (void)options;
    (void)set;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "annotations are not there yet");
}

vdt_status vdt_annotations_from_store(const struct vdt_reader *reader, size_t group,
                                      struct vdt_annotations **set, struct vdt_error *error)
{
    (void)reader;
    (void)group;
    (void)set;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "annotations are not there yet");
}

vdt_status vdt_annotations_save(struct vdt_annotations *set, struct vdt_error *error)
{
    (void)set;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "annotations are not there yet");
}

void vdt_annotations_free(struct vdt_annotations *set)
{
    (void)set;
}

vdt_status vdt_annotations_prepare(struct vdt_annotations *set, struct vdt_error *error)
{
    (void)set;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "annotations are not there yet");
}

const char *vdt_annotations_path(const struct vdt_annotations *set)
{
    (void)set;
    return "";
}

const char *vdt_annotations_store_uuid(const struct vdt_annotations *set)
{
    (void)set;
    return "";
}

const char *vdt_annotations_group(const struct vdt_annotations *set)
{
    (void)set;
    return "";
}

bool vdt_annotations_bound(const struct vdt_annotations *set)
{
    (void)set;
    return false;
}

const char *vdt_annotations_digest(const struct vdt_annotations *set)
{
    (void)set;
    return "";
}

vdt_status vdt_annotations_delete(const char *path, struct vdt_error *error)
{
    (void)path;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "annotations are not there yet");
}

vdt_status vdt_annotations_names(const char *store, char ***names, size_t *count,
                                 struct vdt_error *error)
{
    (void)store;
    (void)names;
    (void)count;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "annotations are not there yet");
}

void vdt_names_free(char **names, size_t count)
{
    (void)names;
    (void)count;
}

uint64_t vdt_annotations_sample_count(const struct vdt_annotations *set)
{
    (void)set;
    return 0;
}

vdt_status vdt_annotations_sample(const struct vdt_annotations *set, uint64_t index,
                                  struct vdt_annotated_sample *sample, struct vdt_error *error)
{
    (void)set;
    (void)index;
    (void)sample;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "annotations are not there yet");
}

vdt_status vdt_annotations_find_sample(struct vdt_annotations *set, const char *reference,
                                       uint32_t *index, struct vdt_error *error)
{
    (void)set;
    (void)reference;
    (void)index;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "annotations are not there yet");
}

vdt_status vdt_annotations_add_sample(struct vdt_annotations *set, const char *reference,
                                      uint32_t rows, uint32_t cols, const char *metadata,
                                      bool update, uint32_t *index, struct vdt_error *error)
{
    (void)set;
    (void)reference;
    (void)rows;
    (void)cols;
    (void)metadata;
    (void)update;
    (void)index;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "annotations are not there yet");
}

vdt_status vdt_annotations_mark(struct vdt_annotations *set, uint32_t sample,
                                struct vdt_error *error)
{
    (void)set;
    (void)sample;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "annotations are not there yet");
}

vdt_status vdt_annotations_clear(struct vdt_annotations *set, uint32_t sample,
                                 struct vdt_error *error)
{
    (void)set;
    (void)sample;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "annotations are not there yet");
}

vdt_status vdt_annotations_add(struct vdt_annotations *set,
                               const struct vdt_annotation *annotations, size_t count,
                               const struct vdt_annotations_change *change,
                               struct vdt_annotations_report *report, struct vdt_error *error)
{
    (void)set;
    (void)annotations;
    (void)count;
    (void)change;
    (void)report;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "annotations are not there yet");
}

vdt_status vdt_annotations_add_json(struct vdt_annotations *set, const char *text, size_t size,
                                    const char *what, const struct vdt_annotations_change *change,
                                    struct vdt_annotations_report *report, struct vdt_error *error)
{
    (void)set;
    (void)text;
    (void)size;
    (void)what;
    (void)change;
    (void)report;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "annotations are not there yet");
}

vdt_status vdt_annotations_remove(struct vdt_annotations *set, uint32_t sample, const char *id,
                                  struct vdt_error *error)
{
    (void)set;
    (void)sample;
    (void)id;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "annotations are not there yet");
}

uint64_t vdt_annotations_count(const struct vdt_annotations *set)
{
    (void)set;
    return 0;
}

vdt_status vdt_annotations_list(struct vdt_annotations *set, uint32_t sample, const uint64_t **rows,
                                size_t *count, struct vdt_error *error)
{
    (void)set;
    (void)sample;
    (void)rows;
    (void)count;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "annotations are not there yet");
}

vdt_status vdt_annotations_find(struct vdt_annotations *set, uint32_t sample, const char *id,
                                uint64_t *row, struct vdt_error *error)
{
    (void)set;
    (void)sample;
    (void)id;
    (void)row;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "annotations are not there yet");
}

vdt_status vdt_annotations_find_number(struct vdt_annotations *set, uint64_t number, uint64_t *row,
                                       struct vdt_error *error)
{
    (void)set;
    (void)number;
    (void)row;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "annotations are not there yet");
}

vdt_status vdt_annotations_get(const struct vdt_annotations *set, uint64_t row,
                               struct vdt_annotation *annotation, struct vdt_label *labels,
                               size_t *label_count, struct vdt_error *error)
{
    (void)set;
    (void)row;
    (void)annotation;
    (void)labels;
    (void)label_count;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "annotations are not there yet");
}

vdt_status vdt_annotations_json(const struct vdt_annotations *set, uint64_t row, char **json,
                                struct vdt_error *error)
{
    (void)set;
    (void)row;
    (void)json;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "annotations are not there yet");
}

vdt_status vdt_annotations_values(struct vdt_annotations *set, const char *key,
                                  const char *const **values, size_t *count,
                                  struct vdt_error *error)
{
    (void)set;
    (void)key;
    (void)values;
    (void)count;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "annotations are not there yet");
}

vdt_status vdt_annotations_keys(struct vdt_annotations *set, const char *const **keys,
                                size_t *count, struct vdt_error *error)
{
    (void)set;
    (void)keys;
    (void)count;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "annotations are not there yet");
}

vdt_status vdt_annotations_columns(struct vdt_annotations *set,
                                   const struct vdt_annotation_columns_options *options,
                                   struct vdt_annotation_columns **columns, struct vdt_error *error)
{
    (void)set;
    (void)options;
    (void)columns;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "annotations are not there yet");
}

void vdt_annotation_columns_free(struct vdt_annotation_columns *columns)
{
    (void)columns;
}

const struct vdt_objects *
vdt_annotation_columns_objects(const struct vdt_annotation_columns *columns)
{
    (void)columns;
    return NULL;
}

const uint64_t *vdt_annotation_columns_rows(const struct vdt_annotation_columns *columns)
{
    (void)columns;
    return NULL;
}

uint32_t vdt_annotation_columns_image_count(const struct vdt_annotation_columns *columns)
{
    (void)columns;
    return 0;
}

uint32_t vdt_annotation_columns_category_count(const struct vdt_annotation_columns *columns)
{
    (void)columns;
    return 0;
}

const char *vdt_annotation_columns_category(const struct vdt_annotation_columns *columns,
                                            uint32_t category)
{
    (void)columns;
    (void)category;
    return "";
}

vdt_status vdt_annotations_labels(struct vdt_annotations *set, const char *key,
                                  struct vdt_annotation_labels *labels, struct vdt_error *error)
{
    (void)set;
    (void)key;
    (void)labels;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "annotations are not there yet");
}

void vdt_annotation_labels_clear(struct vdt_annotation_labels *labels)
{
    (void)labels;
}

vdt_status vdt_annotations_import(struct vdt_annotations *set,
                                  const struct vdt_annotations_exchange *options,
                                  struct vdt_annotations_report *report, struct vdt_error *error)
{
    (void)set;
    (void)options;
    (void)report;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "annotations are not there yet");
}

vdt_status vdt_annotations_export(struct vdt_annotations *set,
                                  const struct vdt_annotations_exchange *options,
                                  struct vdt_annotations_report *report, struct vdt_error *error)
{
    (void)set;
    (void)options;
    (void)report;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "annotations are not there yet");
}
