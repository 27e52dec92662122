/* Label files: read once, projected once per scene. */
#ifndef SOURCE_LABELS_H
#define SOURCE_LABELS_H

#include <vedatile/error.h>
#include <vedatile/feed.h>

#include "base/geometry.h"
#include "source/labels/class_map.h"
#include "source/scenes/scene.h"

struct vdt_labels_source; /* all features of all files, in their own CRSs */

/* Borrowed for the call. */
struct vdt_label_options {
    enum vdt_label_format format;
    const char *class_field;               /* NULL: one class for all */
    const struct vdt_class_map *class_map; /* decides instead of class_field; may be NULL */
    const char *const *classes; /* NULL: the map's, or the field's values, sorted by bytes */
    size_t class_count;
    enum vdt_unknown unknown;
    const char *unknown_class;
    const char *order_field;  /* numeric fields for vdt_feature's order and target; NULL: 0. A */
    const char *owner_field;  /* a field whose values divide samples; NULL: none. A feature without
                                 a value is an error, or left out, as with numbers */
    const char *target_field; /* feature without a finite number there is an error that names it, or
                                 is left out with VDT_UNKNOWN_SKIP */
    double width; /* points and lines become polygons: the whole width; 0: they are refused */
    enum vdt_width_unit width_unit;
    const char *width_field; /* numeric field with each feature's width in metres, in place of it */
};

/* What was met while reading. */
struct vdt_label_counts {
    uint64_t features;        /* usable */
    uint64_t null_geometries; /* null or empty: skipped */
    uint64_t repaired;
    uint64_t unknown_skipped;
    uint64_t left_out; /* by the class map */
    uint64_t ignored;  /* areas that masks ignore */
};

/* Reads every layer of every file. One-line errors that name the file (and feature) for: missing
 * file, not a vector file, no features at all, class field absent (lists the fields), unknown class
 * values (lists the values), a class of the map that is not in the class list, points and lines
 * without a width, widths in metres in a file without a CRS, a geometry that cannot be repaired.
 * *source is owned. */
vdt_status vdt_labels_open(const char *const *paths, size_t count,
                           const struct vdt_label_options *options,
                           struct vdt_labels_source **source, struct vdt_error *error);
void vdt_labels_free(struct vdt_labels_source *source);

struct vdt_label_counts vdt_labels_counts(const struct vdt_labels_source *source);
size_t vdt_labels_class_count(const struct vdt_labels_source *source);
const char *vdt_labels_class(const struct vdt_labels_source *source, size_t class_id);

/* The values of the owner field, by vdt_feature's owner. */
const char *vdt_labels_owner(const struct vdt_labels_source *source, size_t owner);

/* What the file or folder is, by its content; VDT_LABELS_OGR where it is nothing else. */
enum vdt_label_format vdt_label_format_of(const char *path);

/* Images that labels name, and what each is called there. */
size_t vdt_labels_image_count(const struct vdt_labels_source *source);
const char *vdt_labels_image(const struct vdt_labels_source *source, size_t number);

/* Whether labels of images and scenes go together: fails when none is about a scene's file, when
 * two are about the same one, or one about two, and when a scene has none although its format has
 * an entry for images without objects. Fine for labels on the ground. */
vdt_status vdt_labels_match(const struct vdt_labels_source *source, const char *const *paths,
                            size_t count, struct vdt_error *error);

/* All features in the scene's pixels, measured, in file order; those that do not meet the scene
 * left out. `ignored`: instead of objects the areas that masks ignore. Not finding any is no
 * failure here: see vdt_labels_explain. Appends to *geometry, which the caller clears. */
vdt_status vdt_labels_project(const struct vdt_labels_source *source, struct vdt_scene *scene,
                              bool ignored, struct vdt_geometry *geometry, struct vdt_error *error);

/* All features in degrees of WGS 84, longitude first, in file order: they keep their class ids and
 * ids. Sides of files in other CRSs get points between. Appends to *geometry, which the caller
 * clears. VDT_ERR_UNSUPPORTED for labels of images and for files without a CRS. */
vdt_status vdt_labels_lonlat(const struct vdt_labels_source *source, struct vdt_geometry *geometry,
                             struct vdt_error *error);

/* Fails with VDT_ERR_MISMATCH and a message with both extents (scene's and labels', in the scene's
 * CRS units, and the label file's CRS), and says so when swapping the axes would make them meet. */
vdt_status vdt_labels_explain(const struct vdt_labels_source *source, struct vdt_scene *scene,
                              struct vdt_error *error);

#endif
