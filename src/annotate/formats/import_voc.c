/* Pascal VOC's files: an object of a file is a box, its first and last pixel counted from 1. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "annotate/formats/folders.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "source/labels/xml.h"

struct import {
    struct vdt_staged *staged;
    struct vdt_annotations *set;
    const struct vdt_annotations_exchange *options;
};

static void free_xml(struct vdt_xml **document)
{
    vdt_xml_free(*document);
}

/* False for what is no number. */
static bool number(const struct vdt_xml *element, const char *path, double *value)
{
    const char *text = vdt_xml_text(element, path);
    char *end = NULL;
    *value = text == NULL ? NAN : strtod(text, &end);
    return end != NULL && end != text && end[strspn(end, " \t\r\n")] == '\0' && isfinite(*value);
}

/* --- what VOC's own members do not say ------------------------------------------------------- */

enum { DEEPEST = 16 };

/* Whole numbers as VOC writes them are numbers, all else is text; NULL: no UTF-8. */
static json_t *text_json(const char *text)
{
    char again[32];
    long long value = strtoll(text, NULL, 10);
    snprintf(again, sizeof again, "%lld", value);
    return strcmp(text, again) == 0 ? json_integer(value) : json_string(text);
}

static bool put_member(json_t *object, const char *name, json_t *value)
{
    json_t *there = json_object_get(object, name);
    if (there == NULL || value == NULL)
        return json_object_set_new(object, name, value) == 0;
    if (json_is_array(there))
        return json_array_append_new(there, value) == 0;
    json_t *list = json_pack("[O,o]", there, value);
    return list != NULL && json_object_set_new(object, name, list) == 0;
}

/* An element with elements is an object; several of one name are a list. NULL: no UTF-8, too deep,
 * or memory is out. */
static json_t *element_json(const struct vdt_xml *element, bool is_object, int depth)
{
    static const char *const known[] = {"name", "difficult", "bndbox"};
    const struct vdt_xml *child = vdt_xml_child(element, NULL, NULL);
    const char *text = vdt_xml_text(element, "");
    if (child == NULL && !is_object)
        return text_json(text == NULL ? "" : text);
    json_t *object = depth > DEEPEST ? NULL : json_object();
    bool good = object != NULL;
    for (; good && child != NULL; child = vdt_xml_child(element, NULL, child)) {
        bool taken = false;
        for (size_t i = 0; is_object && i < 3; i++)
            taken = taken || strcmp(vdt_xml_name(child), known[i]) == 0;
        good =
            taken || put_member(object, vdt_xml_name(child), element_json(child, false, depth + 1));
    }
    if (good)
        return object;
    json_decref(object);
    return NULL;
}

/* Owned; NULL as element_json. "" where there is nothing. */
static char *metadata_of(const struct vdt_xml *object)
{
    vdt_cleanup(vdt_json_release) json_t *value = element_json(object, true, 0);
    if (value == NULL)
        return NULL;
    return json_object_size(value) == 0 ? vdt_copy_string("") : vdt_json_text(value);
}

/* --- objects --------------------------------------------------------------------------------- */

static vdt_status take_object(struct import *in, const struct vdt_xml *object, uint64_t place,
                              uint32_t sample, struct vdt_error *error)
{
    char id[32];
    double box[4], difficult = 0;
    const char *name = vdt_xml_text(object, "name");
    const struct vdt_label label = {in->options->key, name, NAN};
    struct vdt_annotation a = {
        .sample = sample, .id = id, .kind = VDT_ANNOTATION_BOX, .labels = &label, .label_count = 1};
    snprintf(id, sizeof id, "%llu", (unsigned long long)place);
    if (name == NULL || *name == '\0' || !number(object, "bndbox.xmin", &box[0]) ||
        !number(object, "bndbox.ymin", &box[1]) || !number(object, "bndbox.xmax", &box[2]) ||
        !number(object, "bndbox.ymax", &box[3]))
        return vdt_staged_problem(in->staged, VDT_ERR_FORMAT, place,
                                  vdt_strings_at(&in->staged->set->samples.references, sample),
                                  NULL, "it has no name, or no box of numbers", error);
    vdt_cleanup(vdt_free_pointer) char *metadata = metadata_of(object);
    if (metadata == NULL)
        return vdt_staged_problem(in->staged, VDT_ERR_FORMAT, place,
                                  vdt_strings_at(&in->staged->set->samples.references, sample), id,
                                  "its members are not UTF-8, or lie too deep in one another",
                                  error);
    a.metadata = metadata;
    a.box[0] = box[0] - 1;
    a.box[1] = box[1] - 1;
    a.box[2] = box[2] - a.box[0];
    a.box[3] = box[3] - a.box[1];
    if (number(object, "difficult", &difficult) && difficult != 0)
        a.flags = VDT_ANNOTATION_DIFFICULT;
    return vdt_staged_add(in->staged, &a, place, error);
}

static vdt_status take_file(struct import *in, const char *path, struct vdt_error *error)
{
    vdt_cleanup(free_xml) struct vdt_xml *document = NULL;
    const struct vdt_xml *root = NULL;
    double rows = 0, cols = 0;
    uint32_t sample = 0, known_rows = 0, known_cols = 0;
    vdt_status status = vdt_xml_load(path, "annotation", &document, &root, error);
    if (status != VDT_OK)
        return status;
    if (!number(root, "size.height", &rows) || !number(root, "size.width", &cols) || rows < 0 ||
        cols < 0 || rows > INT32_MAX || cols > INT32_MAX)
        rows = cols = 0;
    const char *name = vdt_xml_text(root, "filename");
    /* A free set knows the image by its whole name. */
    bool whole = !in->set->bound && name != NULL && *name != '\0';
    status =
        whole ? vdt_staged_sample(in->staged, name, (uint32_t)rows, (uint32_t)cols, &sample, error)
              : vdt_folder_sample(in->staged, in->set, path, &sample, &known_rows, &known_cols,
                                  error);
    if (status == VDT_OK && known_rows != 0 && rows != 0 &&
        (known_rows != (uint32_t)rows || known_cols != (uint32_t)cols))
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "%s: its image has %.0f x %.0f pixels, the sample %u x %u", path, cols,
                        rows, known_cols, known_rows);
    if (status == VDT_OK)
        in->staged->set->samples.rows[sample].marked = 2;
    uint64_t place = 1;
    for (const struct vdt_xml *object = NULL;
         status == VDT_OK && (object = vdt_xml_child(root, "object", object)) != NULL; place++)
        status = take_object(in, object, place, sample, error);
    return status;
}

vdt_status vdt_import_set_voc(struct vdt_staged *staged, struct vdt_annotations *set,
                              const struct vdt_annotations_exchange *options,
                              struct vdt_error *error)
{
    struct import in = {.staged = staged, .set = set, .options = options};
    vdt_cleanup(vdt_paths_clear) struct vdt_paths files = {0};
    vdt_status status = vdt_paths_find(options->path, ".xml", &files, error);
    for (size_t i = 0; status == VDT_OK && i < files.count; i++)
        status = take_file(&in, files.paths[i], error);
    return status;
}
