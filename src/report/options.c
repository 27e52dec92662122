/* Options of an evaluation from JSON: one table, which the document's "parameters" follow too. */
#include "report/options.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "report/document.h"

enum kind {
    KIND_TEXT,
    KIND_PATH, /* a text of which documents have the last part */
    KIND_JSON,
    KIND_FLAG,
    KIND_COUNT32,
    KIND_COUNT64,
    KIND_REAL,
    KIND_REALS,
    KIND_COUNTS
};

#define AT(field) offsetof(struct vdt_evaluate_options, field)

static const struct member {
    const char *name;
    enum kind kind;
    size_t offset;
    size_t count_offset; /* of lists */
} members[] = {
    {"store", KIND_TEXT, AT(store), 0},
    {"run", KIND_TEXT, AT(run), 0},
    {"labels", KIND_TEXT, AT(labels), 0},
    {"group", KIND_TEXT, AT(group), 0},
    {"view", KIND_TEXT, AT(view), 0},
    {"ground_truth", KIND_TEXT, AT(ground_truth), 0},
    {"predictions", KIND_TEXT, AT(predictions), 0},
    {"task", KIND_TEXT, AT(task), 0},
    {"protocol", KIND_TEXT, AT(protocol), 0},
    {"iou", KIND_TEXT, AT(iou), 0},
    {"label_key", KIND_TEXT, AT(label_key), 0},
    {"label_map", KIND_JSON, AT(label_map), 0},
    {"iou_thresholds", KIND_REALS, AT(iou_thresholds), AT(iou_threshold_count)},
    {"max_detections", KIND_COUNTS, AT(max_detections), AT(max_detection_count)},
    {"score_threshold", KIND_REAL, AT(score_threshold), 0},
    {"class_agnostic", KIND_FLAG, AT(class_agnostic), 0},
    {"predicted_only", KIND_FLAG, AT(predicted_only), 0},
    {"multi_label", KIND_FLAG, AT(multi_label), 0},
    {"by", KIND_TEXT, AT(by), 0},
    {"regions", KIND_PATH, AT(regions), 0},
    {"ground", KIND_FLAG, AT(ground), 0},
    {"ground_overlap", KIND_REAL, AT(ground_overlap), 0},
    {"ground_scores", KIND_TEXT, AT(ground_scores), 0},
    {"ground_cut", KIND_TEXT, AT(ground_cut), 0},
    {"ground_min_visible", KIND_REAL, AT(ground_min_visible), 0},
    {"ignore_areas", KIND_PATH, AT(ignore_areas), 0},
    {"bootstrap", KIND_COUNT32, AT(bootstrap), 0},
    {"bootstrap_by", KIND_TEXT, AT(bootstrap_by), 0},
    {"seed", KIND_COUNT64, AT(seed), 0},
    {"worst", KIND_COUNT32, AT(worst), 0},
    {"examples", KIND_COUNT32, AT(examples), 0},
    {"baseline", KIND_PATH, AT(baseline), 0},
    {"threads", KIND_COUNT32, AT(threads), 0},
};

enum { MEMBERS = sizeof members / sizeof members[0] };

static vdt_status wrong(const struct member *member, const char *what, struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_ARGUMENT, "options: \"%s\" is to be %s", member->name, what);
}

static vdt_status read_list(const struct member *member, const json_t *value, char *target,
                            struct vdt_error *error)
{
    bool whole = member->kind == KIND_COUNTS;
    const char *what = whole ? "a list of whole numbers" : "a list of numbers";
    size_t count = json_array_size(value);
    if (!json_is_array(value) || count == 0)
        return wrong(member, what, error);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(value, i);
        json_int_t number = json_integer_value(item);
        if (whole ? !json_is_integer(item) || number < 1 || number > UINT32_MAX
                  : !json_is_number(item))
            return wrong(member, what, error);
    }
    void *list = vdt_allocate(count, whole ? sizeof(uint32_t) : sizeof(double));
    if (list == NULL)
        return vdt_fail_memory(error, "options");
    for (size_t i = 0; i < count; i++)
        if (whole)
            ((uint32_t *)list)[i] = (uint32_t)json_integer_value(json_array_get(value, i));
        else
            ((double *)list)[i] = json_number_value(json_array_get(value, i));
    memcpy(target + member->offset, &list, sizeof list);
    memcpy(target + member->count_offset, &count, sizeof count);
    return VDT_OK;
}

static vdt_status read_text(const struct member *member, const json_t *value, char *target,
                            struct vdt_error *error)
{
    bool document = member->kind == KIND_JSON && json_is_object(value);
    if (!json_is_string(value) && !document)
        return wrong(member, member->kind == KIND_JSON ? "an object" : "a text", error);
    char *text = document ? vdt_json_text(value) : vdt_copy_string(json_string_value(value));
    if (text == NULL)
        return vdt_fail_memory(error, "options");
    memcpy(target + member->offset, &text, sizeof text);
    return VDT_OK;
}

static vdt_status read_count(const struct member *member, const json_t *value, char *target,
                             struct vdt_error *error)
{
    json_int_t number = json_integer_value(value);
    bool narrow = member->kind == KIND_COUNT32;
    if (!json_is_integer(value) || number < 0 || (narrow && number > UINT32_MAX))
        return wrong(member, "a whole number that is not negative", error);
    if (narrow)
        memcpy(target + member->offset, &(uint32_t){(uint32_t)number}, sizeof(uint32_t));
    else
        memcpy(target + member->offset, &(uint64_t){(uint64_t)number}, sizeof(uint64_t));
    return VDT_OK;
}

static vdt_status read_member(const struct member *member, const json_t *value, char *target,
                              struct vdt_error *error)
{
    switch (member->kind) {
    case KIND_TEXT:
    case KIND_PATH:
    case KIND_JSON: return read_text(member, value, target, error);
    case KIND_COUNT32:
    case KIND_COUNT64: return read_count(member, value, target, error);
    case KIND_REALS:
    case KIND_COUNTS: return read_list(member, value, target, error);
    case KIND_FLAG:
        if (!json_is_boolean(value))
            return wrong(member, "true or false", error);
        *(bool *)(target + member->offset) = json_is_true(value);
        return VDT_OK;
    case KIND_REAL:
        if (!json_is_number(value))
            return wrong(member, "a number", error);
        memcpy(target + member->offset, &(double){json_number_value(value)}, sizeof(double));
        return VDT_OK;
    }
    return VDT_OK;
}

static const struct member *find_member(const char *name)
{
    for (size_t i = 0; i < MEMBERS; i++)
        if (strcmp(members[i].name, name) == 0)
            return &members[i];
    return NULL;
}

static void release_options(struct vdt_evaluate_options **options)
{
    vdt_evaluate_options_free(*options);
}

vdt_status vdt_evaluate_options_read(const char *json, struct vdt_evaluate_options **options,
                                     struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *object = NULL;
    vdt_cleanup(release_options) struct vdt_evaluate_options *read =
        vdt_allocate_zero(1, sizeof *read);
    if (read == NULL)
        return vdt_fail_memory(error, "options");
    vdt_status status = vdt_json_parse(json, "options", &object, error);
    if (status)
        return status;
    if (!json_is_object(object))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "options: no JSON object");
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        const struct member *member = find_member(name);
        if (member == NULL)
            return vdt_fail(error, VDT_ERR_ARGUMENT, "options: \"%s\" is none of an evaluation",
                            name);
        status = json_is_null(value) ? VDT_OK : read_member(member, value, (char *)read, error);
        if (status)
            return status;
    }
    *options = read;
    read = NULL;
    return VDT_OK;
}

static json_t *list_document(const struct member *member, const char *source)
{
    const void *list;
    size_t count;
    memcpy(&list, source + member->offset, sizeof list);
    memcpy(&count, source + member->count_offset, sizeof count);
    if (list == NULL)
        return json_null();
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, member->kind == KIND_COUNTS
                                         ? json_integer(((const uint32_t *)list)[i])
                                         : json_real(((const double *)list)[i]));
    return array;
}

/* The value of a member, null where it is the default. */
static json_t *member_document(const struct member *member, const void *options)
{
    const char *source = options, *text;
    uint32_t narrow;
    uint64_t wide;
    double real;
    switch (member->kind) {
    case KIND_TEXT:
    case KIND_PATH:
    case KIND_JSON:
        memcpy(&text, source + member->offset, sizeof text);
        if (text && member->kind == KIND_JSON)
            return json_loads(text, 0, NULL);
        if (text && member->kind == KIND_PATH)
            text = vdt_document_base_name(text);
        return text ? vdt_document_text(text) : json_null();
    case KIND_FLAG: return json_boolean(*(const bool *)(source + member->offset));
    case KIND_COUNT32:
        memcpy(&narrow, source + member->offset, sizeof narrow);
        return narrow ? json_integer(narrow) : json_null();
    case KIND_COUNT64:
        memcpy(&wide, source + member->offset, sizeof wide);
        return vdt_document_count(wide);
    case KIND_REAL:
        memcpy(&real, source + member->offset, sizeof real);
        return real != 0 ? json_real(real) : json_null();
    case KIND_REALS:
    case KIND_COUNTS: return list_document(member, source);
    }
    return json_null();
}

void vdt_evaluate_options_free(struct vdt_evaluate_options *options)
{
    if (options == NULL)
        return;
    for (size_t i = 0; i < MEMBERS; i++) {
        void *owned = NULL;
        enum kind kind = members[i].kind;
        if (kind == KIND_TEXT || kind == KIND_PATH || kind == KIND_JSON || kind == KIND_REALS ||
            kind == KIND_COUNTS)
            memcpy(&owned, (const char *)options + members[i].offset, sizeof owned);
        free(owned);
    }
    free(options);
}

json_t *vdt_options_document(const struct vdt_evaluate_options *options)
{
    /* What an evaluation is of is in "inputs", and how fast it ran is nobody's business. */
    static const char *const left_out[] = {"store", "run", "ground_truth", "predictions",
                                           "threads"};
    json_t *object = json_object();
    for (size_t i = 0; i < MEMBERS; i++) {
        bool out = false;
        for (size_t k = 0; k < sizeof left_out / sizeof left_out[0]; k++)
            out = out || strcmp(left_out[k], members[i].name) == 0;
        if (!out)
            json_object_set_new(object, members[i].name, member_document(&members[i], options));
    }
    return object;
}
