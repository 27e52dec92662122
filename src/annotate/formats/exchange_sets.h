/* Sets to and from the formats of others: what the formats share. */
#ifndef ANNOTATE_EXCHANGE_SETS_H
#define ANNOTATE_EXCHANGE_SETS_H

#include "annotate/sets/row.h"
#include "annotate/sets/staged.h"
#include "exchange/file.h"

/* What an import has; a format stages its records. */
typedef vdt_status (*vdt_set_import_fn)(struct vdt_staged *staged, struct vdt_annotations *set,
                                        const struct vdt_annotations_exchange *options,
                                        struct vdt_error *error);
vdt_status vdt_import_set_jsonl(struct vdt_staged *staged, struct vdt_annotations *set,
                                const struct vdt_annotations_exchange *options,
                                struct vdt_error *error);
vdt_status vdt_import_set_coco(struct vdt_staged *staged, struct vdt_annotations *set,
                               const struct vdt_annotations_exchange *options,
                               struct vdt_error *error);
vdt_status vdt_import_set_geojson(struct vdt_staged *staged, struct vdt_annotations *set,
                                  const struct vdt_annotations_exchange *options,
                                  struct vdt_error *error);
vdt_status vdt_import_set_yolo(struct vdt_staged *staged, struct vdt_annotations *set,
                               const struct vdt_annotations_exchange *options,
                               struct vdt_error *error);
vdt_status vdt_import_set_voc(struct vdt_staged *staged, struct vdt_annotations *set,
                              const struct vdt_annotations_exchange *options,
                              struct vdt_error *error);

/* What an export has: PATH.part is written, a file or a folder. */
struct vdt_set_export {
    struct vdt_annotations *set;
    const struct vdt_annotations_exchange *options;
    const char *key; /* of the classes */
    const char *path;
    struct vdt_annotations_report *report; /* added: written; dropped: cannot be */
};
vdt_status vdt_export_set_jsonl(struct vdt_set_export *out, struct vdt_error *error);
vdt_status vdt_export_set_coco(struct vdt_set_export *out, struct vdt_error *error);
vdt_status vdt_export_set_geojson(struct vdt_set_export *out, struct vdt_error *error);
vdt_status vdt_export_set_yolo(struct vdt_set_export *out, struct vdt_error *error);
vdt_status vdt_export_set_voc(struct vdt_set_export *out, struct vdt_error *error);

/* The value of a key with the highest score, and that score (NaN: none); NULL: it has none. */
const struct vdt_label *vdt_row_class(const struct vdt_annotation *a, const char *key);

/* The values of a key in the order of the set's table, with their numbers (COCO's ids) where they
 * have them; owned arrays. */
struct vdt_class_list {
    const char **values;
    int64_t *codes; /* INT64_MIN: none */
    size_t count;
};
vdt_status vdt_class_list(const struct vdt_annotations *set, const char *key,
                          struct vdt_class_list *list, struct vdt_error *error);
void vdt_class_list_clear(struct vdt_class_list *list);
/* list->count: not there. */
size_t vdt_class_find(const struct vdt_class_list *list, const char *value);

#endif
