/* Labels in pixels of images that they name. */
#include "source/labels/label_images.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "source/ground/project.h"
#include "source/labels/label_paths.h"
#include "source/scenes/scene_state.h"

static void free_scene(struct vdt_scene **scene)
{
    vdt_scene_free(*scene);
}

/* --- reading ----------------------------------------------------------------------------- */

vdt_status vdt_label_image_begin(struct vdt_label_file *file, const struct vdt_label_image *about,
                                 size_t *layer, struct vdt_error *error)
{
    struct vdt_labels_source *source = file->source;
    if (!vdt_grow(&source->images, &source->image_capacity, source->image_count + 1,
                  sizeof *source->images))
        return vdt_fail_memory(error, file->path);
    struct vdt_label_image image = *about;
    image.name = vdt_copy_string(about->name);
    image.from = vdt_copy_string(about->from);
    if (image.name == NULL || image.from == NULL) {
        free(image.name);
        free(image.from);
        return vdt_fail_memory(error, file->path);
    }
    for (char *c = image.name; *c != '\0'; c++)
        *c = *c == '\\' ? '/' : *c;
    source->images[source->image_count++] = image;
    vdt_status status = vdt_label_file_begin(file, "", layer, error);
    if (status == VDT_OK)
        source->images[source->image_count - 1].layer = *layer;
    return status;
}

static vdt_status find_attribute(const struct vdt_label_file *file, const char *format,
                                 const struct vdt_label_attribute *attributes, size_t count,
                                 const char *name, const char **text, struct vdt_error *error)
{
    char names[128] = "";
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(attributes[i].name, name) == 0) {
            *text = attributes[i].text == NULL ? VDT_NO_VALUE : attributes[i].text;
            return VDT_OK;
        }
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i == 0 ? "" : ", ",
                                 attributes[i].name);
    }
    return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: %s has no field '%s': it has %s", file->path,
                    format, name, names);
}

vdt_status vdt_label_image_value(struct vdt_label_file *file, const char *format,
                                 const struct vdt_label_attribute *attributes, size_t count,
                                 uint32_t *value, struct vdt_error *error)
{
    const struct vdt_label_options *options = file->options;
    const struct vdt_class_map *map = options->class_map;
    vdt_cleanup(vdt_buffer_clear) struct vdt_buffer joined = {0};
    const char *text = attributes[0].text;
    vdt_status status = VDT_OK;
    if (map != NULL && vdt_class_map_condition_count(map) > 0)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "%s: conditions of a class map are for OGR's files: %s has values only",
                        file->path, format);
    if (map == NULL && options->class_field != NULL)
        status =
            find_attribute(file, format, attributes, count, options->class_field, &text, error);
    for (size_t i = 0; map != NULL && status == VDT_OK && i < vdt_class_map_field_count(map); i++) {
        status = find_attribute(file, format, attributes, count, vdt_class_map_field(map, i), &text,
                                error);
        size_t begin = joined.size;
        const char end = VDT_VALUE_END;
        if (status == VDT_OK && (!vdt_buffer_append(&joined, text, strlen(text)) ||
                                 !vdt_buffer_append(&joined, &end, 1)))
            status = vdt_fail_memory(error, file->path);
        for (size_t k = begin; status == VDT_OK && k + 1 < joined.size; k++)
            joined.data[k] = joined.data[k] == VDT_VALUE_END ? ' ' : joined.data[k];
    }
    if (status != VDT_OK)
        return status;
    if (map != NULL && !vdt_buffer_append(&joined, "", 1))
        return vdt_fail_memory(error, file->path);
    return vdt_values_add(file->values, map != NULL ? (const char *)joined.data : text, value)
               ? VDT_OK
               : vdt_fail_memory(error, file->path);
}

bool vdt_label_rectangle(struct vdt_geometry *to, const double box[4])
{
    const double corners[4][2] = {
        {box[0], box[1]}, {box[2], box[1]}, {box[2], box[3]}, {box[0], box[3]}};
    if (!vdt_grow(&to->parts, &to->part_capacity, to->part_count + 1, sizeof *to->parts) ||
        !vdt_grow(&to->rings, &to->ring_capacity, to->ring_count + 1, sizeof *to->rings) ||
        !vdt_grow(&to->points, &to->point_capacity, to->point_count + 4, sizeof *to->points))
        return false;
    to->parts[to->part_count++] = (struct vdt_part){to->ring_count, 1};
    to->rings[to->ring_count++] = (struct vdt_ring){to->point_count, 4};
    memcpy(to->points + to->point_count, corners, sizeof corners);
    to->point_count += 4;
    return true;
}

/* --- names ------------------------------------------------------------------------------- */

static const char *last_of(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash == NULL ? name : slash + 1;
}

static int compare_images(const void *a, const void *b)
{
    const struct vdt_label_image *x = a, *y = b;
    int order = strcmp(last_of(x->name), last_of(y->name));
    if (order != 0)
        return order;
    return x->layer < y->layer ? -1 : x->layer > y->layer;
}

void vdt_label_images_sort(struct vdt_labels_source *source)
{
    if (source->image_count > 0)
        qsort(source->images, source->image_count, sizeof *source->images, compare_images);
}

/* For messages, which name the file of a stem anyway. */
static const char *shown(const struct vdt_label_image *image)
{
    return image->stem ? last_of(image->name) : image->name;
}

/* How many names, from the last one on, are the same. `path` has its extension off for a stem. */
static size_t common_tail(const char *name, const char *path)
{
    const char *n = name + strlen(name), *p = path + strlen(path);
    size_t equal = 0;
    while (n > name && p > path && n[-1] == p[-1]) {
        equal += n[-1] == '/';
        n--;
        p--;
    }
    bool ends = (n == name || n[-1] == '/') && (p == path || p[-1] == '/');
    return equal + ends;
}

/* The images of one kind whose last name is that of the path. Labels lie in folders "labels" where
 * their images are in "images": `twin` is the path with that name. */
static vdt_status collect(const struct vdt_labels_source *source, const char *path,
                          const char *twin, bool stem, const struct vdt_label_image ***found,
                          size_t *count, size_t *capacity, size_t *best, struct vdt_error *error)
{
    size_t low = 0, high = source->image_count;
    const char *last = last_of(path);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(last_of(source->images[middle].name), last) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < source->image_count; low++) {
        const struct vdt_label_image *image = &source->images[low];
        if (strcmp(last_of(image->name), last) != 0)
            break;
        size_t equal = common_tail(image->name, path), other = common_tail(image->name, twin);
        equal = other > equal ? other : equal;
        if (image->stem != stem || equal < *best)
            continue;
        if (equal > *best)
            *count = 0;
        *best = equal;
        if (!vdt_grow(found, capacity, *count + 1, sizeof **found))
            return vdt_fail_memory(error, path);
        (*found)[(*count)++] = image;
    }
    return VDT_OK;
}

vdt_status vdt_label_images_find(const struct vdt_labels_source *source, const char *path,
                                 const struct vdt_label_image ***found, size_t *count,
                                 struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) const struct vdt_label_image **images = NULL;
    vdt_cleanup(vdt_free_pointer) char *stem = vdt_copy_string(path);
    size_t used = 0, capacity = 0, best = 0;
    if (stem == NULL)
        return vdt_fail_memory(error, path);
    char *dot = strrchr(last_of(stem), '.');
    if (dot != NULL && dot != last_of(stem))
        *dot = '\0';
    vdt_cleanup(vdt_free_pointer) char *twin = vdt_label_folder_of(stem);
    if (twin == NULL)
        return vdt_fail_memory(error, path);
    vdt_status status = collect(source, path, path, false, &images, &used, &capacity, &best, error);
    if (status == VDT_OK)
        status = collect(source, stem, twin, true, &images, &used, &capacity, &best, error);
    if (status != VDT_OK)
        return status;
    *found = images;
    *count = used;
    images = NULL;
    return VDT_OK;
}

/* --- all scenes -------------------------------------------------------------------------- */

static vdt_status fail_none(const struct vdt_labels_source *source, const char *path,
                            struct vdt_error *error)
{
    const struct vdt_label_image *first = &source->images[0];
    return vdt_fail(error, VDT_ERR_MISMATCH,
                    "%s: none of the %zu images it has labels for (such as '%s') is among the "
                    "scenes (such as %s): files have to have the names that the labels say",
                    first->from, source->image_count, shown(first), path);
}

/* `users` [image_count] has the path + 1 that each image was found for. */
static vdt_status match_scene(const struct vdt_labels_source *source, const char *const *paths,
                              size_t number, size_t *users, bool *met, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) const struct vdt_label_image **found = NULL;
    const char *path = paths[number];
    size_t count = 0;
    vdt_status status = vdt_label_images_find(source, path, &found, &count, error);
    for (size_t i = 0; i < count; i++) {
        const struct vdt_label_image *image = found[i];
        if (i > 0 && (image->stem || source->layers[image->layer].file ==
                                         source->layers[found[i - 1]->layer].file))
            return vdt_fail(error, VDT_ERR_MISMATCH,
                            "%s: labels of two images fit its name, '%s' of %s and '%s' of %s: "
                            "feed them apart",
                            path, shown(found[i - 1]), found[i - 1]->from, shown(image),
                            image->from);
        size_t *user = &users[image - source->images];
        if (*user > 0 && strcmp(paths[*user - 1], path) != 0)
            return vdt_fail(error, VDT_ERR_MISMATCH,
                            "%s: the labels of '%s' fit two scenes, %s and %s: feed them apart",
                            image->from, shown(image), paths[*user - 1], path);
        *user = number + 1;
    }
    if (status == VDT_OK)
        *met = count > 0;
    return status;
}

vdt_status vdt_labels_match(const struct vdt_labels_source *source, const char *const *paths,
                            size_t count, struct vdt_error *error)
{
    if (source->image_count == 0)
        return VDT_OK;
    vdt_cleanup(vdt_free_pointer) size_t *users =
        vdt_allocate_zero(source->image_count, sizeof *users);
    if (users == NULL)
        return vdt_fail_memory(error, source->paths[0]);
    size_t met = 0;
    const char *without = NULL;
    for (size_t i = 0; i < count; i++) {
        bool found = false;
        vdt_status status = match_scene(source, paths, i, users, &found, error);
        if (status != VDT_OK)
            return status;
        met += found;
        without = found || without != NULL ? without : paths[i];
    }
    if (met == 0 && count > 0)
        return fail_none(source, paths[0], error);
    if (without == NULL || source->absent_is_empty)
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_MISMATCH,
                    "%s: %s%s has no entry for this image: leave it out, or add one (with no "
                    "objects, if there are none)",
                    without, source->images[0].from, source->path_count > 1 ? " (or another)" : "");
}

size_t vdt_labels_image_count(const struct vdt_labels_source *source)
{
    return source->image_count;
}

const char *vdt_labels_image(const struct vdt_labels_source *source, size_t number)
{
    return source->images[number].name;
}

/* --- one scene --------------------------------------------------------------------------- */

static vdt_status check_size(const struct vdt_label_image *image, const struct vdt_scene_info *info,
                             struct vdt_error *error)
{
    if ((image->cols == 0 || image->cols == (uint32_t)info->cols) &&
        (image->rows == 0 || image->rows == (uint32_t)info->rows))
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_MISMATCH,
                    "%s: image '%s' is %u x %u pixels there, but %s is %d x %d: labels of another "
                    "size do not fit",
                    image->from, shown(image), image->cols, image->rows, info->path, info->cols,
                    info->rows);
}

static vdt_status check_inside(const struct vdt_labels_source *source,
                               const struct vdt_label_image *image,
                               const struct vdt_scene_info *info, const struct vdt_points *points,
                               struct vdt_error *error)
{
    const struct vdt_geometry *geometry = &source->geometry;
    const struct vdt_label_layer *layer = &source->layers[image->layer];
    for (size_t f = layer->first_feature; f < layer->first_feature + layer->feature_count; f++) {
        const struct vdt_feature *feature = &geometry->features[f];
        double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
        const struct vdt_part *last = &geometry->parts[feature->first + feature->count - 1];
        const struct vdt_ring *end = &geometry->rings[last->first + last->count - 1];
        size_t first = geometry->rings[geometry->parts[feature->first].first].first;
        for (size_t i = first - layer->first_point;
             i < end->first + end->count - layer->first_point; i++) {
            low[0] = fmin(low[0], points->x[i]);
            low[1] = fmin(low[1], points->y[i]);
            high[0] = fmax(high[0], points->x[i]);
            high[1] = fmax(high[1], points->y[i]);
        }
        if (!(high[0] > 0 && high[1] > 0 && low[0] < info->cols && low[1] < info->rows))
            return vdt_fail(error, VDT_ERR_MISMATCH,
                            "%s: object %lld of image '%s' lies at x %.6g..%.6g y %.6g..%.6g, "
                            "outside of its %d x %d pixels: correct it",
                            image->from, (long long)feature->id, shown(image), low[0], high[0],
                            low[1], high[1], info->cols, info->rows);
    }
    return VDT_OK;
}

vdt_status vdt_label_image_points(const struct vdt_labels_source *source,
                                  const struct vdt_label_image *image, struct vdt_scene *scene,
                                  struct vdt_points *points, struct vdt_error *error)
{
    const struct vdt_label_layer *layer = &source->layers[image->layer];
    vdt_cleanup(free_scene) struct vdt_scene *own = NULL;
    vdt_status status = VDT_OK;
    if (scene->stands_in) /* its pixels are others than those of the file */
        status = vdt_scene_open(scene->path, &own, error);
    if (status != VDT_OK)
        return status;
    const struct vdt_scene_info *info = own == NULL ? &scene->info : &own->info;
    status = check_size(image, info, error);
    if (status == VDT_OK && !vdt_points_allocate(points, layer->point_count))
        status = vdt_fail_memory(error, image->from);
    if (status != VDT_OK)
        return status;
    double cols = image->share ? info->cols : 1, rows = image->share ? info->rows : 1;
    const double(*from)[2] = (const double(*)[2])source->geometry.points + layer->first_point;
    for (size_t i = 0; i < layer->point_count; i++) {
        points->x[i] = from[i][0] * cols;
        points->y[i] = from[i][1] * rows;
    }
    status = check_inside(source, image, info, points, error);
    if (status != VDT_OK || own == NULL)
        return status;
    status = vdt_project_from_pixels(own, points, error);
    if (status == VDT_OK)
        status = vdt_project_to_ground(scene, own->info.crs, image->from, points, error);
    return status == VDT_OK ? vdt_project_to_pixels(scene, points, error) : status;
}
