/* Committed runs as text: JSON lines, and COCO's result files. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <vedatile/coco.h>
#include <vedatile/shapes.h>

#include "annotate/records/record_json.h"
#include "annotate/records/record_mask.h"
#include "annotate/runs/run_state.h"
#include "annotate/sets/set.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/path.h"
#include "exchange/file.h"

static void free_coco(struct vdt_coco **coco)
{
    vdt_coco_free(*coco);
}

/* Ids for samples and classes: those of a COCO file, or numbers. */
struct ids {
    int64_t *image;    /* [samples] */
    int64_t *category; /* [labels of the records] */
};

static void clear_ids(struct ids *ids)
{
    free(ids->image);
    free(ids->category);
}

static const char *stem_of(const char *name, size_t *size)
{
    const char *slash = strrchr(name, '/');
    const char *base = slash == NULL ? name : slash + 1;
    const char *dot = strrchr(base, '.');
    *size = dot == NULL || dot == base ? strlen(base) : (size_t)(dot - base);
    return base;
}

/* The ids of a COCO file: images by file name or its stem, categories by name. */
static vdt_status ids_of_file(const struct vdt_annotations *set, const char *path, struct ids *ids,
                              struct vdt_error *error)
{
    const struct vdt_coco_options options = {.no_shapes = true};
    vdt_cleanup(free_coco) struct vdt_coco *coco = NULL;
    vdt_status status = vdt_coco_read_ground_truth(path, &options, &coco, error);
    if (status != VDT_OK)
        return status;
    struct vdt_coco_images images;
    struct vdt_coco_categories categories;
    vdt_coco_get_images(coco, &images);
    vdt_coco_get_categories(coco, &categories);
    for (uint64_t i = 0; i < images.count; i++) {
        size_t size, found;
        const char *stem = stem_of(images.file_name[i], &size);
        struct vdt_strings *references = &((struct vdt_annotations *)set)->samples.references;
        if (!vdt_strings_find(references, images.file_name[i], strlen(images.file_name[i]), &found))
            return vdt_fail_memory(error, path);
        if (found == references->count && !vdt_strings_find(references, stem, size, &found))
            return vdt_fail_memory(error, path);
        if (found < references->count)
            ids->image[found] = images.id[i];
    }
    for (size_t label = 0; label < set->records.labels.count; label++)
        for (uint64_t i = 0; i < categories.count; i++)
            if (strcmp(categories.name[i],
                       vdt_record_columns_value(&set->records, (uint32_t)label)) == 0)
                ids->category[label] = categories.id[i];
    return VDT_OK;
}

static vdt_status make_ids(const struct vdt_annotations *set, const char *images, struct ids *ids,
                           struct vdt_error *error)
{
    ids->image = vdt_allocate(set->samples.count, sizeof *ids->image);
    ids->category = vdt_allocate(set->records.labels.count, sizeof *ids->category);
    if (ids->image == NULL || ids->category == NULL)
        return vdt_fail_memory(error, vdt_set_name(set));
    for (size_t i = 0; i < set->samples.count; i++)
        ids->image[i] = images == NULL ? (int64_t)i : INT64_MIN;
    for (size_t i = 0; i < set->records.labels.count; i++)
        ids->category[i] = images == NULL ? (int64_t)i : INT64_MIN;
    return images == NULL ? VDT_OK : ids_of_file(set, images, ids, error);
}

/* What the id of a sample or class would be, if the file had one. */
static vdt_status no_id(const char *images, const char *what, const char *name,
                        struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: there is no %s '%.200s' in it", images, what,
                    name);
}

static json_t *coco_segmentation(const struct vdt_annotation *a)
{
    if (a->kind == VDT_ANNOTATION_MASK) {
        char *text = vdt_record_mask_text(a);
        if (text == NULL)
            return NULL;
        json_t *mask =
            json_pack("{s:[i,i],s:s}", "size", (int)a->rows, (int)a->cols, "counts", text);
        free(text);
        return mask;
    }
    json_t *rings = json_array();
    for (uint64_t part = 0; part < a->part_count; part++) {
        uint64_t ring = a->part_offsets[part]; /* the outline: COCO knows no holes */
        json_t *numbers = json_array();
        for (uint64_t i = a->ring_offsets[ring]; i < a->ring_offsets[ring + 1]; i++) {
            json_array_append_new(numbers, json_real(a->points[i][0]));
            json_array_append_new(numbers, json_real(a->points[i][1]));
        }
        json_array_append_new(rings, numbers);
    }
    return rings;
}

static json_t *coco_record(const struct vdt_annotation *a, int64_t image, int64_t category,
                           double score)
{
    json_t *record = json_pack("{s:I,s:I,s:f,s:[f,f,f,f]}", "image_id", (json_int_t)image,
                               "category_id", (json_int_t)category, "score", score, "bbox",
                               a->box[0], a->box[1], a->box[2], a->box[3]);
    if (record != NULL && (a->kind == VDT_ANNOTATION_MASK || a->kind == VDT_ANNOTATION_POLYGON))
        json_object_set_new(record, "segmentation", coco_segmentation(a));
    return record;
}

static vdt_status put_json(struct vdt_text_file *file, json_t *value, const char *before,
                           struct vdt_error *error)
{
    fputs(before, file->file); /* what fails here shows when the file is closed */
    return vdt_text_json(file, value, false, error);
}

/* One row: a record for each value of the key "class". */
static vdt_status put_coco(const struct vdt_annotations *set, uint64_t row, const struct ids *ids,
                           const char *images, struct vdt_text_file *file, uint64_t *count,
                           uint64_t *dropped, struct vdt_error *error)
{
    const struct vdt_record_columns *records = &set->records;
    struct vdt_annotation a;
    vdt_record_columns_get(records, row, &a);
    bool shape = a.kind == VDT_ANNOTATION_BOX || a.kind == VDT_ANNOTATION_MASK ||
                 a.kind == VDT_ANNOTATION_POLYGON;
    uint64_t first = vdt_record_columns_first_label(records, row);
    vdt_status status = VDT_OK;
    uint64_t before = *count;
    for (uint64_t i = 0; shape && i < a.label_count && status == VDT_OK; i++) {
        uint32_t label = records->label[first + i];
        if (strcmp(vdt_record_columns_key(records, label), "class") != 0)
            continue;
        if (ids->image[a.sample] == INT64_MIN)
            return no_id(images, "image", vdt_strings_at(&set->samples.references, a.sample),
                         error);
        if (ids->category[label] == INT64_MIN)
            return no_id(images, "category", vdt_record_columns_value(records, label), error);
        status = put_json(
            file,
            coco_record(&a, ids->image[a.sample], ids->category[label], records->score[first + i]),
            *count == 0 ? "[" : ",\n", error);
        *count += status == VDT_OK;
    }
    *dropped += *count == before;
    return status;
}

static vdt_status put_coco_all(const struct vdt_annotations *set, const char *images,
                               struct vdt_text_file *file, uint64_t *count, uint64_t *dropped,
                               struct vdt_error *error)
{
    vdt_cleanup(clear_ids) struct ids ids = {0};
    vdt_status status = make_ids(set, images, &ids, error);
    for (uint64_t row = 0; row < set->records.count && status == VDT_OK; row++)
        status = put_coco(set, row, &ids, images, file, count, dropped, error);
    if (status == VDT_OK)
        fputs(*count == 0 ? "[]\n" : "]\n", file->file);
    return status;
}

static vdt_status put_lines(struct vdt_annotations *set, struct vdt_text_file *file,
                            uint64_t *count, struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    for (uint64_t i = 0; i < set->samples.count && status == VDT_OK; i++) {
        struct vdt_annotated_sample sample;
        status = vdt_annotations_sample(set, i, &sample, error);
        if (status == VDT_OK && sample.annotated)
            status = vdt_text_json(file, vdt_sample_json(&sample), true, error);
    }
    for (uint64_t row = 0; row < set->records.count && status == VDT_OK; row++) {
        char *text = NULL;
        status = vdt_annotations_json(set, row, &text, error);
        if (status == VDT_OK)
            fprintf(file->file, "%s\n", text);
        vdt_string_free(text);
        *count += status == VDT_OK;
    }
    return status;
}

vdt_status vdt_run_export(const struct vdt_run_reader *reader, const char *path, bool coco,
                          const char *images, uint64_t *count, uint64_t *dropped,
                          struct vdt_error *error)
{
    struct vdt_annotations *set = vdt_run_annotations(reader);
    struct vdt_text_file file;
    *count = *dropped = 0;
    if (vdt_path_exists(path))
        return vdt_fail(error, VDT_ERR_EXISTS, "%s: it is there already", path);
    vdt_cleanup(vdt_free_pointer) char *part = vdt_path_with(path, ".part");
    if (part == NULL)
        return vdt_fail_memory(error, path);
    vdt_status status = vdt_text_open(&file, part, error);
    if (status != VDT_OK)
        return status;
    status = coco ? put_coco_all(set, images, &file, count, dropped, error)
                  : put_lines(set, &file, count, error);
    if (status == VDT_OK)
        status = vdt_text_close(&file, error);
    else
        vdt_text_abandon(&file);
    if (status == VDT_OK && rename(part, path) != 0)
        status = vdt_fail_errno(error, path);
    if (status != VDT_OK)
        unlink(part);
    return status;
}
