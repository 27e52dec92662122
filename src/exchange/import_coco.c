/* COCO back: annotations/GROUP.json in memory, looked up by the name of the image. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "exchange/file.h"
#include "exchange/importer.h"
#include "exchange/paint.h"

struct image {
    const char *name;
    json_int_t id;
};

struct annotation {
    json_int_t image;
    size_t order;
    json_t *json;
};

struct coco {
    char *group; /* whose document is loaded */
    char *path;
    json_t *document;
    struct image *images;           /* by name */
    struct annotation *annotations; /* by image, then as in the file */
    json_int_t *categories;         /* rising: the class list's ids */
    size_t image_count, annotation_count, category_count;
    struct vdt_paint paint;
};

static void forget_document(struct coco *coco)
{
    free(coco->group);
    free(coco->path);
    json_decref(coco->document);
    free(coco->images);
    free(coco->annotations);
    free(coco->categories);
    struct vdt_paint paint = coco->paint;
    *coco = (struct coco){.paint = paint};
}

static void clear(struct vdt_import *in)
{
    struct coco *coco = in->state;
    if (coco == NULL)
        return;
    forget_document(coco);
    vdt_paint_clear(&coco->paint);
    free(coco);
}

static int compare_images(const void *a, const void *b)
{
    return strcmp(((const struct image *)a)->name, ((const struct image *)b)->name);
}

static int compare_annotations(const void *a, const void *b)
{
    const struct annotation *x = a, *y = b;
    if (x->image != y->image)
        return x->image < y->image ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static int compare_ids(const void *a, const void *b)
{
    const json_int_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static vdt_status bad(const struct coco *coco, const char *list, size_t i, struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_FORMAT, "%s: entry %zu of %s is not as COCO has it", coco->path,
                    i, list);
}

static vdt_status read_images(struct coco *coco, struct vdt_error *error)
{
    json_t *list = json_object_get(coco->document, "images");
    coco->image_count = json_array_size(list);
    coco->images = vdt_allocate(coco->image_count + 1, sizeof *coco->images);
    if (coco->images == NULL)
        return vdt_fail_memory(error, coco->path);
    for (size_t i = 0; i < coco->image_count; i++)
        if (json_unpack(json_array_get(list, i), "{s:s, s:I}", "file_name", &coco->images[i].name,
                        "id", &coco->images[i].id) != 0)
            return bad(coco, "images", i, error);
    qsort(coco->images, coco->image_count, sizeof *coco->images, compare_images);
    return VDT_OK;
}

static vdt_status read_annotations(struct coco *coco, struct vdt_error *error)
{
    json_t *list = json_object_get(coco->document, "annotations");
    coco->annotation_count = json_array_size(list);
    coco->annotations = vdt_allocate(coco->annotation_count + 1, sizeof *coco->annotations);
    if (coco->annotations == NULL)
        return vdt_fail_memory(error, coco->path);
    for (size_t i = 0; i < coco->annotation_count; i++) {
        struct annotation *annotation = &coco->annotations[i];
        annotation->order = i;
        annotation->json = json_array_get(list, i);
        if (json_unpack(annotation->json, "{s:I}", "image_id", &annotation->image) != 0)
            return bad(coco, "annotations", i, error);
    }
    qsort(coco->annotations, coco->annotation_count, sizeof *coco->annotations,
          compare_annotations);
    return VDT_OK;
}

static vdt_status read_categories(struct coco *coco, struct vdt_error *error)
{
    json_t *list = json_object_get(coco->document, "categories");
    coco->category_count = json_array_size(list);
    coco->categories = vdt_allocate(coco->category_count + 1, sizeof *coco->categories);
    if (coco->categories == NULL)
        return vdt_fail_memory(error, coco->path);
    for (size_t i = 0; i < coco->category_count; i++)
        if (json_unpack(json_array_get(list, i), "{s:I}", "id", &coco->categories[i]) != 0)
            return bad(coco, "categories", i, error);
    qsort(coco->categories, coco->category_count, sizeof *coco->categories, compare_ids);
    return VDT_OK;
}

static vdt_status load_document(struct vdt_import *in, struct vdt_error *error)
{
    struct coco *coco = in->state;
    const char *group = in->record.group;
    if (coco->group != NULL && strcmp(coco->group, group) == 0)
        return VDT_OK;
    forget_document(coco);
    char name[300];
    snprintf(name, sizeof name, "%.250s.json", group);
    coco->group = vdt_copy_string(group);
    coco->path = vdt_path_join(in->folder, "annotations", name, NULL);
    if (coco->group == NULL || coco->path == NULL)
        return vdt_fail_memory(error, in->folder);
    json_error_t place;
    coco->document = json_load_file(coco->path, 0, &place);
    if (coco->document == NULL)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: line %d: %s", coco->path, place.line,
                        place.text);
    vdt_status status = read_images(coco, error);
    if (status == VDT_OK)
        status = read_annotations(coco, error);
    return status == VDT_OK ? read_categories(coco, error) : status;
}

/* The annotations of the record's image. */
static vdt_status find_annotations(struct vdt_import *in, const struct annotation **first,
                                   size_t *count, struct vdt_error *error)
{
    const struct coco *coco = in->state;
    char name[sizeof in->record.name + 20];
    snprintf(name, sizeof name, "%s%.16s", in->record.name, in->about.suffix);
    const struct image wanted = {.name = name};
    const struct image *image =
        bsearch(&wanted, coco->images, coco->image_count, sizeof *coco->images, compare_images);
    if (image == NULL)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: there is no image %s", coco->path, name);
    size_t low = 0, high = coco->annotation_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (coco->annotations[middle].image < image->id)
            low = middle + 1;
        else
            high = middle;
    }
    *first = &coco->annotations[low];
    *count = 0;
    while (low + *count < coco->annotation_count && (*first)[*count].image == image->id)
        ++*count;
    return VDT_OK;
}

static bool read_box(struct vdt_import *in, const json_t *json, size_t i)
{
    const struct coco *coco = in->state;
    struct vdt_record_memory *memory = &in->record.memory;
    double box[4], visible = 1;
    const json_t *category = json_object_get(json, "category_id"),
                 *feature = json_object_get(json, "feature"),
                 *share = json_object_get(json, "visible");
    if (!vdt_json_read_numbers(json_object_get(json, "bbox"), box, 4) || !json_is_integer(category))
        return false;
    json_int_t id = json_integer_value(category);
    const json_int_t *found =
        bsearch(&id, coco->categories, coco->category_count, sizeof *coco->categories, compare_ids);
    if (found == NULL)
        return false;
    if (json_is_number(share))
        visible = json_number_value(share);
    const double edges[4] = {box[0], box[1], box[0] + box[2], box[1] + box[3]};
    for (int k = 0; k < 4; k++)
        memory->boxes[i][k] = (float)edges[k];
    memory->box_class[i] = (uint16_t)(found - coco->categories);
    memory->box_feature[i] = json_is_integer(feature)
                                 ? json_integer_value(feature)
                                 : json_integer_value(json_object_get(json, "id"));
    memory->box_visible[i] = (float)visible;
    return true;
}

/* An object's mask: run lengths as text, or polygons. */
static vdt_status read_mask(struct vdt_import *in, const json_t *json, size_t i,
                            struct vdt_error *error)
{
    struct coco *coco = in->state;
    const json_t *outline = json_object_get(json, "segmentation");
    const char *runs = json_string_value(json_object_get(outline, "counts"));
    uint16_t id = (uint16_t)(i + 1);
    if (runs != NULL)
        return vdt_paint_rle(runs, &in->spec.tile, id, in->record.memory.planes[VDT_INSTANCES])
                   ? VDT_OK
                   : vdt_fail(error, VDT_ERR_FORMAT,
                              "%s: run lengths of %s do not fill an image of %u x %u", coco->path,
                              in->record.name, in->spec.tile.cols, in->spec.tile.rows);
    vdt_status status = VDT_OK;
    for (size_t p = 0; status == VDT_OK && p < json_array_size(outline); p++) {
        const json_t *polygon = json_array_get(outline, p);
        coco->paint.point_count = 0;
        for (size_t k = 0; k + 1 < json_array_size(polygon); k += 2)
            if (!vdt_paint_point(&coco->paint, json_number_value(json_array_get(polygon, k)),
                                 json_number_value(json_array_get(polygon, k + 1))))
                return vdt_fail_memory(error, coco->path);
        status = vdt_paint_polygon(&coco->paint, &in->spec.tile, id,
                                   in->record.memory.planes[VDT_INSTANCES], error);
    }
    return status;
}

static vdt_status read_labels(struct vdt_import *in, struct vdt_error *error)
{
    const struct annotation *annotations = NULL;
    size_t count = 0;
    vdt_status status = load_document(in, error);
    if (status == VDT_OK)
        status = find_annotations(in, &annotations, &count, error);
    if (status == VDT_OK)
        status = vdt_import_boxes(in, count, error);
    for (size_t i = 0; status == VDT_OK && i < count; i++) {
        if (!read_box(in, annotations[i].json, i))
            return bad(in->state, "annotations", annotations[i].order, error);
        if (in->record.memory.planes[VDT_INSTANCES] != NULL)
            status = read_mask(in, annotations[i].json, i, error);
    }
    return status;
}

static vdt_status read_sample(struct vdt_import *in, json_t *about, struct vdt_error *error)
{
    (void)about;
    vdt_status status = read_labels(in, error);
    return status == VDT_OK ? vdt_import_picture(in, "images", error) : status;
}

static vdt_status read_folder(struct vdt_import *in, struct vdt_error *error)
{
    in->state = calloc(1, sizeof(struct coco));
    return in->state == NULL ? vdt_fail_memory(error, in->folder) : vdt_import_list(in, error);
}

const struct vdt_import_format vdt_import_coco = {.name = "coco",
                                                  .tasks = VDT_DETECTION | VDT_INSTANCE,
                                                  .read = read_folder,
                                                  .sample = read_sample,
                                                  .clear = clear};
