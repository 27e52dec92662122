/* YOLO's labels: shares of the image's size, so the set has to know that. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vedatile/shapes.h>

#include "annotate/formats/folders.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "source/labels/label_paths.h"
#include "source/labels/yolo_data.h"

struct import {
    struct vdt_staged *staged;
    struct vdt_annotations *set;
    const struct vdt_annotations_exchange *options;
    struct vdt_yolo_data data; /* names of classes */
    const char *path;          /* the file that is read */
    double *numbers;
    size_t count, capacity;
};

static void clear(struct import *in)
{
    vdt_yolo_data_clear(&in->data);
    free(in->numbers);
}

/* False for what is no number. */
static bool read_numbers(struct import *in, char *line)
{
    in->count = 0;
    for (char *word = strtok(line, " \t\r"); word != NULL; word = strtok(NULL, " \t\r")) {
        char *end;
        double value = strtod(word, &end);
        if (*end != '\0' || !isfinite(value) ||
            !vdt_grow(&in->numbers, &in->capacity, in->count + 1, sizeof *in->numbers))
            return false;
        in->numbers[in->count++] = value;
    }
    return true;
}

/* What the numbers of a line are; false, and why. */
static bool understand(struct import *in, double cols, double rows, struct vdt_annotation *a,
                       double (*points)[2], const char **why)
{
    const double *n = in->numbers + 1;
    size_t count = in->count - 1;
    if (count == 4 || count == 5) {
        a->kind = VDT_ANNOTATION_BOX;
        a->box[0] = (n[0] - n[2] / 2) * cols;
        a->box[1] = (n[1] - n[3] / 2) * rows;
        a->box[2] = n[2] * cols;
        a->box[3] = n[3] * rows;
        return true;
    }
    *why = "it is no box of 4 numbers and no outline of 3 or more points";
    if (count < 6 || count % 2 != 0)
        return false;
    for (size_t i = 0; i < count / 2; i++) {
        points[i][0] = n[2 * i] * cols;
        points[i][1] = n[2 * i + 1] * rows;
    }
    struct vdt_error error;
    *why = "its four corners are no rotated box";
    if (in->options->oriented && count == 8) {
        a->kind = VDT_ANNOTATION_ROTATED;
        return vdt_rotated_around((const double(*)[2])points, 4, a->rotated, &error) == VDT_OK;
    }
    a->kind = VDT_ANNOTATION_POLYGON;
    return true;
}

static const char *class_name(const struct import *in, double number, char text[32])
{
    size_t index = (size_t)number;
    if (index < in->data.name_count && in->data.names[index] != NULL)
        return in->data.names[index];
    snprintf(text, 32, "%zu", index);
    return in->data.name_count == 0 ? text : NULL;
}

static vdt_status take_line(struct import *in, char *text, uint64_t line, uint32_t sample,
                            uint32_t rows, uint32_t cols, struct vdt_error *error)
{
    char id[32], name[32];
    const char *why = "it is no list of numbers";
    const char *reference = vdt_strings_at(&in->staged->set->samples.references, sample);
    struct vdt_label label = {in->options->key, NULL, NAN};
    struct vdt_annotation a = {.sample = sample, .id = id, .labels = &label, .label_count = 1};
    snprintf(id, sizeof id, "%llu", (unsigned long long)line);
    bool good = read_numbers(in, text) && in->count > 1;
    if (good &&
        (in->numbers[0] < 0 || in->numbers[0] > 1e6 || in->numbers[0] != floor(in->numbers[0]) ||
         (label.value = class_name(in, in->numbers[0], name)) == NULL)) {
        why = "its class has no name";
        good = false;
    }
    vdt_cleanup(vdt_free_pointer) double(*points)[2] = vdt_allocate(in->count, sizeof *points);
    if (points == NULL)
        return vdt_fail_memory(error, in->path);
    good = good && understand(in, cols, rows, &a, points, &why);
    if (!good)
        return vdt_staged_problem(in->staged, VDT_ERR_FORMAT, line, reference, NULL, why, error);
    if (in->count == 6)
        label.score = in->numbers[5];
    const uint64_t rings[2] = {0, (in->count - 1) / 2}, parts[2] = {0, 1};
    if (a.kind == VDT_ANNOTATION_POLYGON) {
        a.points = (const double(*)[2])points;
        a.ring_offsets = rings;
        a.part_offsets = parts;
        a.part_count = 1;
    }
    return vdt_staged_add(in->staged, &a, line, error);
}

static vdt_status take_file(struct import *in, const char *path, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *text = NULL;
    size_t size = 0;
    uint32_t sample = 0, rows = 0, cols = 0;
    uint64_t line = 1;
    in->path = path;
    vdt_status status = vdt_text_read(path, &text, &size, error);
    if (status == VDT_OK)
        status = vdt_folder_sample(in->staged, in->set, path, &sample, &rows, &cols, error);
    if (status == VDT_OK && (rows == 0 || cols == 0) && text[strspn(text, " \t\r\n")] != '\0')
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: its numbers are shares of the image's size, which the set does not "
                        "know: add the sample with its rows and cols first",
                        path);
    for (char *at = text; status == VDT_OK && at != NULL; line++) {
        char *end = strchr(at, '\n');
        if (end != NULL)
            *end = '\0';
        if (at[strspn(at, " \t\r")] != '\0')
            status = take_line(in, at, line, sample, rows, cols, error);
        at = end == NULL ? NULL : end + 1;
    }
    return status;
}

/* Classes are in the order of the file of names. */
static vdt_status read_names(struct import *in, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *path = NULL;
    vdt_status status = vdt_label_names_file(in->options->path, &path, error);
    if (status == VDT_OK && path != NULL)
        status = vdt_yolo_data_read(path, &in->data, error);
    for (size_t i = 0; status == VDT_OK && i < in->data.name_count; i++) {
        uint32_t label;
        if (in->data.names[i] != NULL &&
            !vdt_record_columns_label(&in->staged->set->records, in->options->key,
                                      in->data.names[i], (int64_t)i, &label))
            status = vdt_fail_memory(error, path);
    }
    return status;
}

static bool is_list_of_names(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    return strcmp(name, "classes.txt") == 0 || strcmp(name, "README.txt") == 0;
}

vdt_status vdt_import_set_yolo(struct vdt_staged *staged, struct vdt_annotations *set,
                               const struct vdt_annotations_exchange *options,
                               struct vdt_error *error)
{
    vdt_cleanup(clear) struct import in = {.staged = staged, .set = set, .options = options};
    vdt_cleanup(vdt_paths_clear) struct vdt_paths files = {0};
    vdt_status status = read_names(&in, error);
    if (status == VDT_OK)
        status = vdt_paths_find(options->path, ".txt", &files, error);
    for (size_t i = 0; status == VDT_OK && i < files.count; i++)
        if (!is_list_of_names(files.paths[i]))
            status = take_file(&in, files.paths[i], error);
    return status;
}
