/* COCO annotations, read token by token: a file may hold millions.
 *
 * Members come in any order, so annotations keep numbers for the texts of their image's and their
 * category's ids until the end is read. Then they are sorted by image. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/run_lengths.h"
#include "source/labels/label_images.h"
#include "source/labels/scan.h"

struct coco_image {
    char *name; /* NULL: only annotations know of it */
    uint32_t cols, rows;
};

struct coco_category {
    char *name, *above; /* its supercategory, or NULL */
    uint32_t id;        /* among the texts of ids */
    double order;       /* its id as a number */
};

struct coco_annotation {
    int64_t id;
    uint32_t image, category;      /* among the texts of ids */
    size_t number;                 /* in the file */
    size_t first, count;           /* parts in `shapes`; 0: it has no area */
    uint32_t mask_rows, mask_cols; /* of a mask that was run lengths */
    bool crowd, repaired;
};

/* Rectangles that end with a column of a mask, downwards. */
struct coco_column {
    size_t *parts;
    size_t count, capacity;
    double number;
    size_t passed; /* of those of the column before */
};

struct coco {
    struct vdt_label_file *file;
    struct vdt_scan scan;
    struct vdt_values image_ids, category_ids;
    struct coco_image *images; /* by number of the id */
    size_t image_capacity;
    struct coco_category *categories;
    size_t category_count, category_capacity;
    struct coco_annotation *annotations;
    size_t annotation_count, annotation_capacity;
    struct vdt_geometry shapes;

    /* of the annotation that is read */
    double (*points)[2];
    size_t *rings;
    size_t point_count, point_capacity, ring_count, ring_capacity;
    double *runs;
    size_t run_count, run_capacity;
    struct vdt_buffer text, counts;
    bool packed; /* `counts` has run lengths */
    double size[2];
    struct coco_column made, open; /* the column that is filled, the one before it */
    char fault[160];
};

static void clear(struct coco *coco)
{
    vdt_scan_close(&coco->scan);
    for (size_t i = 0; i < coco->image_capacity; i++)
        free(coco->images[i].name);
    for (size_t i = 0; i < coco->category_count; i++) {
        free(coco->categories[i].name);
        free(coco->categories[i].above);
    }
    vdt_values_clear(&coco->image_ids);
    vdt_values_clear(&coco->category_ids);
    vdt_geometry_clear(&coco->shapes);
    vdt_buffer_clear(&coco->text);
    vdt_buffer_clear(&coco->counts);
    free(coco->images);
    free(coco->categories);
    free(coco->annotations);
    free(coco->points);
    free(coco->rings);
    free(coco->runs);
    free(coco->made.parts);
    free(coco->open.parts);
}

static bool out_of_memory(struct coco *coco)
{
    if (vdt_scan_fine(&coco->scan))
        coco->scan.state = VDT_SCAN_MEMORY;
    return false;
}

/* --- values ------------------------------------------------------------------------------ */

static bool read_real(struct coco *coco, double *value)
{
    struct vdt_scan_number number;
    char next = vdt_scan_peek(&coco->scan);
    if (next != '-' && (next < '0' || next > '9'))
        return vdt_scan_damaged(&coco->scan, "no number");
    if (!vdt_scan_read_number(&coco->scan, &number))
        return false;
    *value = number.real;
    return true;
}

static bool read_count(struct coco *coco, uint32_t *value)
{
    double real = 0;
    if (!read_real(coco, &real))
        return false;
    if (!(real >= 0 && real <= INT32_MAX && real == floor(real)))
        return vdt_scan_damaged(&coco->scan, "no size in pixels");
    *value = (uint32_t)real;
    return true;
}

/* A number or a text, which some writers mix: 7 and "7" are one id. `real` may be NULL. */
static bool read_id(struct coco *coco, struct vdt_values *ids, uint32_t *id, double *real)
{
    char digits[64];
    const char *text = digits;
    if (vdt_scan_peek(&coco->scan) == '"') {
        if (!vdt_scan_string(&coco->scan, &coco->text))
            return false;
        text = (const char *)coco->text.data;
        if (real != NULL)
            *real = atof(text);
    } else {
        double value = 0;
        if (!read_real(coco, &value))
            return false;
        vdt_label_number_text(value, digits, sizeof digits);
        if (real != NULL)
            *real = value;
    }
    return vdt_values_add(ids, text, id) || out_of_memory(coco);
}

static bool read_text(struct coco *coco, char **text)
{
    if (vdt_scan_peek(&coco->scan) != '"')
        return vdt_scan_damaged(&coco->scan, "no text");
    if (!vdt_scan_string(&coco->scan, &coco->text))
        return false;
    free(*text);
    *text = vdt_copy_string((const char *)coco->text.data);
    return *text != NULL || out_of_memory(coco);
}

static bool is(const struct coco *coco, const char *name)
{
    return strcmp(vdt_scan_key(&coco->scan), name) == 0;
}

/* --- images and categories --------------------------------------------------------------- */

static bool read_image(struct coco *coco)
{
    bool first = true, known = false;
    uint32_t id = 0;
    struct coco_image image = {0};
    if (vdt_scan_peek(&coco->scan) != '{')
        vdt_scan_damaged(&coco->scan, "no image");
    while (vdt_scan_member(&coco->scan, &first)) {
        if (is(coco, "id"))
            known = read_id(coco, &coco->image_ids, &id, NULL);
        else if (is(coco, "file_name"))
            read_text(coco, &image.name);
        else if (is(coco, "width"))
            read_count(coco, &image.cols);
        else if (is(coco, "height"))
            read_count(coco, &image.rows);
        else
            vdt_scan_skip(&coco->scan);
    }
    size_t before = coco->image_capacity;
    if (vdt_scan_fine(&coco->scan) && (!known || image.name == NULL || image.name[0] == '\0'))
        vdt_scan_damaged(&coco->scan, "an image without an id or a file_name ends here");
    else if (vdt_scan_fine(&coco->scan) &&
             !vdt_grow(&coco->images, &coco->image_capacity, id + 1, sizeof *coco->images))
        out_of_memory(coco);
    if (coco->image_capacity > before)
        memset(coco->images + before, 0, (coco->image_capacity - before) * sizeof *coco->images);
    if (vdt_scan_fine(&coco->scan) && coco->images[id].name != NULL)
        vdt_scan_damaged(&coco->scan, "a second image of the same id ends here");
    if (!vdt_scan_fine(&coco->scan)) {
        free(image.name);
        return false;
    }
    coco->images[id] = image;
    return true;
}

static bool read_category(struct coco *coco)
{
    bool first = true, known = false;
    struct coco_category category = {0};
    if (vdt_scan_peek(&coco->scan) != '{')
        vdt_scan_damaged(&coco->scan, "no category");
    while (vdt_scan_member(&coco->scan, &first)) {
        if (is(coco, "id"))
            known = read_id(coco, &coco->category_ids, &category.id, &category.order);
        else if (is(coco, "name"))
            read_text(coco, &category.name);
        else if (is(coco, "supercategory") && vdt_scan_peek(&coco->scan) == '"')
            read_text(coco, &category.above);
        else
            vdt_scan_skip(&coco->scan);
    }
    if (vdt_scan_fine(&coco->scan) && (!known || category.name == NULL))
        vdt_scan_damaged(&coco->scan, "a category without an id or a name ends here");
    else if (vdt_scan_fine(&coco->scan) &&
             !vdt_grow(&coco->categories, &coco->category_capacity, coco->category_count + 1,
                       sizeof *coco->categories))
        out_of_memory(coco);
    if (!vdt_scan_fine(&coco->scan)) {
        free(category.name);
        free(category.above);
        return false;
    }
    coco->categories[coco->category_count++] = category;
    return true;
}

/* --- annotations ------------------------------------------------------------------------- */

static bool put_point(struct coco *coco, double x, double y)
{
    if (!vdt_grow(&coco->points, &coco->point_capacity, coco->point_count + 1,
                  sizeof *coco->points))
        return out_of_memory(coco);
    coco->points[coco->point_count][0] = x;
    coco->points[coco->point_count++][1] = y;
    return true;
}

/* [[x, y, x, y, ...], ...] */
static void read_polygons(struct coco *coco)
{
    bool first = true;
    while (vdt_scan_element(&coco->scan, &first)) {
        bool next = true;
        size_t before = coco->point_count;
        if (vdt_scan_peek(&coco->scan) != '[') {
            vdt_scan_damaged(&coco->scan,
                             "no polygon: a list of lists [x, y, x, y, ...] is wanted");
            return;
        }
        while (vdt_scan_element(&coco->scan, &next)) {
            double x = 0, y = 0;
            if (!read_real(coco, &x))
                return;
            if (!vdt_scan_element(&coco->scan, &next)) {
                vdt_scan_damaged(&coco->scan, "a polygon with an odd number of coordinates");
                return;
            }
            if (!read_real(coco, &y) || !put_point(coco, x, y))
                return;
        }
        if (!vdt_grow(&coco->rings, &coco->ring_capacity, coco->ring_count + 1,
                      sizeof *coco->rings)) {
            out_of_memory(coco);
            return;
        }
        coco->rings[coco->ring_count++] = coco->point_count - before;
    }
}

/* {"counts": text or [numbers], "size": [rows, cols]} */
static void read_mask(struct coco *coco)
{
    bool first = true;
    while (vdt_scan_member(&coco->scan, &first)) {
        bool next = true;
        if (is(coco, "counts") && vdt_scan_peek(&coco->scan) == '"') {
            coco->packed = vdt_scan_string(&coco->scan, &coco->counts);
        } else if (is(coco, "counts") && vdt_scan_peek(&coco->scan) == '[') {
            coco->packed = false;
            coco->run_count = 0;
            while (vdt_scan_element(&coco->scan, &next)) {
                if (!vdt_grow(&coco->runs, &coco->run_capacity, coco->run_count + 1,
                              sizeof *coco->runs)) {
                    out_of_memory(coco);
                    return;
                }
                if (!read_real(coco, &coco->runs[coco->run_count]))
                    return;
                coco->run_count++;
            }
        } else if (is(coco, "size")) {
            if (vdt_scan_peek(&coco->scan) != '[')
                vdt_scan_damaged(&coco->scan, "no size of a mask");
            for (int i = 0; vdt_scan_element(&coco->scan, &next); i++)
                if (i > 1 || !read_real(coco, &coco->size[i])) {
                    vdt_scan_damaged(&coco->scan, "no size of a mask");
                    return;
                }
        } else {
            vdt_scan_skip(&coco->scan);
        }
    }
}

/* Run lengths as numbers, whichever way they came. */
static bool unpack(struct coco *coco)
{
    if (!coco->packed)
        return true;
    const char *text = (const char *)coco->counts.data;
    struct vdt_run_lengths runs = {.at = text, .end = text + strlen(text)};
    int64_t run = 0;
    coco->run_count = 0;
    while (vdt_run_lengths_next(&runs, &run)) {
        if (!vdt_grow(&coco->runs, &coco->run_capacity, coco->run_count + 1, sizeof *coco->runs))
            return out_of_memory(coco);
        coco->runs[coco->run_count++] = (double)run;
    }
    if (runs.at == runs.end)
        return true;
    snprintf(coco->fault, sizeof coco->fault,
             "its compressed run lengths are damaged at letter %zu", (size_t)(runs.at - text) + 1);
    return false;
}

static double (*corners_of(struct coco *coco, size_t part))[2]
{
    struct vdt_geometry *shapes = &coco->shapes;
    return shapes->points + shapes->rings[shapes->parts[part].first].first;
}

/* Rows `from` to `end` of a column: a rectangle that has the same rows in the column before grows.
 */
static bool put_rows(struct coco *coco, double column, double from, double end)
{
    struct coco_column *made = &coco->made, *open = &coco->open;
    if (made->number != column) {
        struct coco_column before = *open;
        *open = *made;
        open->count = made->number + 1 == column ? made->count : 0;
        *made = before;
        made->count = made->passed = 0;
        made->number = column;
    }
    while (made->passed < open->count && corners_of(coco, open->parts[made->passed])[0][1] < from)
        made->passed++;
    size_t part = coco->shapes.part_count;
    double(*corners)[2] =
        made->passed < open->count ? corners_of(coco, open->parts[made->passed]) : NULL;
    if (corners != NULL && corners[0][1] == from && corners[2][1] == end) {
        corners[1][0] = corners[2][0] = column + 1;
        part = open->parts[made->passed];
    } else if (!vdt_label_rectangle(&coco->shapes,
                                    (const double[]){column, from, column + 1, end})) {
        return out_of_memory(coco);
    }
    if (!vdt_grow(&made->parts, &made->capacity, made->count + 1, sizeof *made->parts))
        return out_of_memory(coco);
    made->parts[made->count++] = part;
    return true;
}

/* The mask as rectangles of whole pixels. False with `fault` for run lengths that do not fill it.
 */
static bool add_mask(struct coco *coco)
{
    double rows = coco->size[0], cols = coco->size[1], at = 0;
    bool good = rows >= 1 && cols >= 1 && rows <= INT32_MAX && cols <= INT32_MAX &&
                rows == floor(rows) && cols == floor(cols);
    if (!unpack(coco))
        return false;
    coco->made.number = coco->open.number = -2;
    coco->made.count = coco->open.count = 0;
    for (size_t i = 0; good && i < coco->run_count; i++) {
        double run = coco->runs[i], end = at + run;
        good = run >= 0 && run == floor(run) && end <= rows * cols;
        for (; good && i % 2 == 1 && at < end;) {
            double column = floor(at / rows), top = at - column * rows;
            double bottom = fmin(rows, top + end - at);
            if (!put_rows(coco, column, top, bottom))
                return false;
            at += bottom - top;
        }
        at = end;
    }
    if (good && at == rows * cols)
        return true;
    snprintf(coco->fault, sizeof coco->fault,
             "its run lengths do not fill a mask of size [%.10g, %.10g] (rows, columns)", rows,
             cols);
    return false;
}

/* --- annotations as shapes --------------------------------------------------------------- */

static bool add_polygons(struct coco *coco, bool *repaired, struct vdt_error *error)
{
    size_t first = 0;
    for (size_t i = 0; i < coco->ring_count; first += coco->rings[i++]) {
        struct vdt_shape shape = {0};
        if (vdt_shape_append_rings(&coco->shapes, (const double(*)[2])coco->points + first,
                                   &coco->rings[i], 1, &shape, error) != VDT_OK)
            return out_of_memory(coco);
        *repaired = *repaired || shape.repaired;
    }
    return true;
}

static bool add_box(struct coco *coco, const double box[4])
{
    if (!(box[2] > 0 && box[3] > 0))
        return true;
    const double edges[4] = {box[0], box[1], box[0] + box[2], box[1] + box[3]};
    return vdt_label_rectangle(&coco->shapes, edges) || out_of_memory(coco);
}

/* The mask or the polygons; the box where there are none, or none with an area. */
static bool add_shape(struct coco *coco, bool mask, bool boxed, const double box[4],
                      struct coco_annotation *annotation, struct vdt_error *error)
{
    annotation->first = coco->shapes.part_count;
    if (mask) {
        annotation->mask_rows = (uint32_t)coco->size[0];
        annotation->mask_cols = (uint32_t)coco->size[1];
        if (!add_mask(coco))
            return false;
    } else if (!add_polygons(coco, &annotation->repaired, error)) {
        return false;
    }
    if (!mask && boxed && coco->shapes.part_count == annotation->first && !add_box(coco, box))
        return false;
    annotation->count = coco->shapes.part_count - annotation->first;
    return true;
}

static void read_box(struct coco *coco, double box[4], bool *boxed)
{
    bool first = true;
    int count = 0;
    if (vdt_scan_peek(&coco->scan) != '[') {
        vdt_scan_damaged(&coco->scan, "no box: [x, y, width, height] is wanted");
        return;
    }
    while (vdt_scan_element(&coco->scan, &first)) {
        if (count == 4 || !read_real(coco, &box[count]))
            break;
        count++;
    }
    *boxed = count == 4;
    if (count != 4 || !vdt_scan_fine(&coco->scan))
        vdt_scan_damaged(&coco->scan, "no box: [x, y, width, height] is wanted");
}

static bool read_flag(struct coco *coco)
{
    double value = 0;
    char next = vdt_scan_peek(&coco->scan);
    if (next == 't' || next == 'f')
        return vdt_scan_word(&coco->scan, next == 't' ? "true" : "false") && next == 't';
    return read_real(coco, &value) && value != 0;
}

static bool read_annotation(struct coco *coco, struct vdt_error *error)
{
    struct vdt_scan *scan = &coco->scan;
    struct coco_annotation annotation = {.id = (int64_t)coco->annotation_count,
                                         .number = coco->annotation_count};
    bool first = true, image = false, category = false, mask = false, boxed = false;
    double box[4] = {0}, number = 0;
    coco->point_count = coco->ring_count = coco->run_count = 0;
    coco->size[0] = coco->size[1] = 0;
    coco->packed = false;
    if (vdt_scan_peek(scan) != '{')
        vdt_scan_damaged(scan, "no annotation");
    while (vdt_scan_member(scan, &first)) {
        char next = vdt_scan_peek(scan);
        if (is(coco, "image_id"))
            image = read_id(coco, &coco->image_ids, &annotation.image, NULL);
        else if (is(coco, "category_id"))
            category = read_id(coco, &coco->category_ids, &annotation.category, NULL);
        else if (is(coco, "id") && next != '"' && next != 'n' && read_real(coco, &number))
            annotation.id = fabs(number) < 9e15 ? (int64_t)number : annotation.id;
        else if (is(coco, "iscrowd") && next != 'n')
            annotation.crowd = read_flag(coco);
        else if (is(coco, "bbox") && next != 'n')
            read_box(coco, box, &boxed);
        else if (is(coco, "segmentation") && next == '[')
            read_polygons(coco);
        else if (is(coco, "segmentation") && next == '{')
            read_mask(coco), mask = true;
        else if (vdt_scan_fine(scan))
            vdt_scan_skip(scan);
    }
    if (vdt_scan_fine(scan) && (!image || !category))
        vdt_scan_damaged(scan, "an annotation without an image_id or a category_id ends here");
    if (!vdt_scan_fine(scan) || !add_shape(coco, mask, boxed, box, &annotation, error)) {
        if (coco->fault[0] != '\0')
            vdt_scan_damaged(scan, coco->fault);
        return false;
    }
    if (!vdt_grow(&coco->annotations, &coco->annotation_capacity, coco->annotation_count + 1,
                  sizeof *coco->annotations))
        return out_of_memory(coco);
    coco->annotations[coco->annotation_count++] = annotation;
    return true;
}

/* *images: there is a list of them. */
static void read_document(struct coco *coco, bool *images, struct vdt_error *error)
{
    struct vdt_scan *scan = &coco->scan;
    bool first = true;
    while (vdt_scan_member(scan, &first)) {
        bool next = true, is_image = is(coco, "images"), is_category = is(coco, "categories");
        if (!is_image && !is_category && !is(coco, "annotations")) {
            vdt_scan_skip(scan);
            continue;
        }
        bool is_annotation = !is_image && !is_category;
        *images = *images || is_image;
        if (vdt_scan_peek(scan) != '[')
            vdt_scan_damaged(scan, "no list");
        while (vdt_scan_element(scan, &next))
            if (!(is_annotation ? read_annotation(coco, error)
                  : is_image    ? read_image(coco)
                                : read_category(coco)))
                return;
    }
    if (vdt_scan_fine(scan) && !vdt_scan_at_end(scan))
        vdt_scan_damaged(scan, "more text behind the end");
}

/* --- the end ----------------------------------------------------------------------------- */

static const struct coco_category *category_of(const struct coco *coco, uint32_t id)
{
    for (size_t i = 0; i < coco->category_count; i++)
        if (coco->categories[i].id == id)
            return &coco->categories[i];
    return NULL;
}

static int compare_annotations(const void *a, const void *b)
{
    const struct coco_annotation *x = a, *y = b;
    if (x->image != y->image)
        return x->image < y->image ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static int compare_categories(const void *a, const void *b)
{
    const struct coco_category *x = a, *y = b;
    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static vdt_status check(const struct coco *coco, struct vdt_error *error)
{
    const char *path = coco->file->path;
    for (size_t i = 0; i < coco->annotation_count; i++) {
        const struct coco_annotation *annotation = &coco->annotations[i];
        const struct coco_image *image =
            annotation->image < coco->image_capacity ? &coco->images[annotation->image] : NULL;
        if (image == NULL || image->name == NULL)
            return vdt_fail(error, VDT_ERR_FORMAT,
                            "%s: annotation %lld is of image %s, which is not in \"images\"", path,
                            (long long)annotation->id, coco->image_ids.texts[annotation->image]);
        if (category_of(coco, annotation->category) == NULL)
            return vdt_fail(error, VDT_ERR_FORMAT,
                            "%s: annotation %lld is of category %s, which is not in "
                            "\"categories\": add it",
                            path, (long long)annotation->id,
                            coco->category_ids.texts[annotation->category]);
        if (annotation->mask_rows > 0 && image->rows > 0 &&
            (annotation->mask_rows != image->rows || annotation->mask_cols != image->cols))
            return vdt_fail(error, VDT_ERR_FORMAT,
                            "%s: annotation %lld has a mask of %u rows and %u columns, but its "
                            "image '%s' has %u and %u",
                            path, (long long)annotation->id, annotation->mask_rows,
                            annotation->mask_cols, image->name, image->rows, image->cols);
    }
    return VDT_OK;
}

/* The value of each category by the number of its id, and the list of classes. */
static vdt_status find_values(struct coco *coco, uint32_t *values, struct vdt_error *error)
{
    struct vdt_label_file *file = coco->file;
    uint32_t number;
    if (coco->category_count > 0)
        qsort(coco->categories, coco->category_count, sizeof *coco->categories, compare_categories);
    for (size_t i = 0; i < coco->category_count; i++) {
        const struct coco_category *category = &coco->categories[i];
        const struct vdt_label_attribute attributes[] = {
            {"name", category->name},
            {"supercategory", category->above},
            {"id", coco->category_ids.texts[category->id]}};
        vdt_status status =
            vdt_label_image_value(file, "COCO", attributes, 3, &values[category->id], error);
        if (status != VDT_OK)
            return status;
        if (!vdt_values_add(&file->source->declared, category->name, &number))
            return vdt_fail_memory(error, file->path);
    }
    return VDT_OK;
}

static vdt_status add_annotation(struct coco *coco, const struct coco_annotation *annotation,
                                 const uint32_t *values, struct vdt_error *error)
{
    struct vdt_label_file *file = coco->file;
    struct vdt_shape shape = {.parts = annotation->count, .repaired = annotation->repaired};
    uint32_t value = values[annotation->category];
    bool kept;
    for (size_t p = annotation->first; p < annotation->first + annotation->count; p++)
        if (!vdt_geometry_copy_part(&file->source->geometry, &coco->shapes, &coco->shapes.parts[p]))
            return vdt_fail_memory(error, file->path);
    vdt_status status = vdt_label_file_judge(file, annotation->id, &shape, &kept, error);
    if (status != VDT_OK || !kept)
        return status;
    if (annotation->crowd && !vdt_values_add(file->values, VDT_IGNORED_VALUE, &value))
        return vdt_fail_memory(error, file->path);
    return vdt_label_file_add(file, annotation->id, &shape, value, error);
}

static vdt_status hand_over(struct coco *coco, struct vdt_error *error)
{
    struct vdt_label_file *file = coco->file;
    vdt_cleanup(vdt_free_pointer) uint32_t *values =
        vdt_allocate_zero(coco->category_ids.count, sizeof *values);
    if (values == NULL)
        return vdt_fail_memory(error, file->path);
    vdt_status status = check(coco, error);
    if (status == VDT_OK)
        status = find_values(coco, values, error);
    if (status == VDT_OK && coco->annotation_count > 0)
        qsort(coco->annotations, coco->annotation_count, sizeof *coco->annotations,
              compare_annotations);
    for (size_t i = 0, a = 0; status == VDT_OK && i < coco->image_ids.count; i++) {
        const struct vdt_label_image about = {.name = coco->images[i].name,
                                              .from = (char *)file->path,
                                              .cols = coco->images[i].cols,
                                              .rows = coco->images[i].rows};
        size_t layer = 0;
        status = vdt_label_image_begin(file, &about, &layer, error);
        for (; status == VDT_OK && a < coco->annotation_count && coco->annotations[a].image == i;
             a++)
            status = add_annotation(coco, &coco->annotations[a], values, error);
        if (status == VDT_OK)
            vdt_label_file_end(file, layer);
    }
    return status;
}

vdt_status vdt_coco_read(struct vdt_label_file *file, struct vdt_error *error)
{
    vdt_cleanup(clear) struct coco coco = {.file = file};
    if (!vdt_scan_open(&coco.scan, file->path))
        return vdt_fail(error, VDT_ERR_IO, "%s: cannot be read", file->path);
    bool images = false;
    read_document(&coco, &images, error);
    if (coco.scan.state == VDT_SCAN_MEMORY)
        return vdt_fail_memory(error, file->path);
    if (!vdt_scan_fine(&coco.scan)) {
        uint64_t offset = coco.scan.problem_offset;
        return vdt_fail(
            error, VDT_ERR_FORMAT, "%s: line %llu, byte %llu: %s", file->path,
            (unsigned long long)vdt_scan_line(&coco.scan, offset), (unsigned long long)offset,
            coco.scan.problem[0] != '\0' ? coco.scan.problem : "a value that JSON does not have");
    }
    if (!images)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: there are no \"images\": it is no COCO file",
                        file->path);
    return hand_over(&coco, error);
}
