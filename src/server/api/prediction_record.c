/* Records of predictions and annotations: what every one has, whatever its kind. */
#include "server/api/prediction_record.h"

#include <math.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "server/meta/fields.h"
#include "server/net/json_depth.h"

void vdt_prediction_record_clear(struct vdt_prediction_record *record)
{
    free(record->sample);
    free(record->id);
    free(record->document);
    *record = (struct vdt_prediction_record){0};
}

static vdt_status parse(const char *text, size_t size, json_t **value, struct vdt_error *error)
{
    json_error_t failure;
    if (!vdt_json_depth_fits(text, size, VDT_JSON_DEPTH_MOST))
        return vdt_fail(error, VDT_ERR_FORMAT, "the JSON nests deeper than %d",
                        VDT_JSON_DEPTH_MOST);
    *value = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &failure);
    if (*value == NULL)
        return vdt_fail(error, VDT_ERR_FORMAT, "is no JSON: column %d: %s", failure.column,
                        failure.text);
    return VDT_OK;
}

/* --- scores ----------------------------------------------------------------------------------- */

/* Every value that is said has a score: of its own, or the record's when there is one value. */
static vdt_status check_labels(const json_t *value, struct vdt_error *error)
{
    const json_t *labels = json_object_get(value, "labels");
    const json_t *score = json_object_get(value, "score");
    const char *key;
    json_t *said;
    if (!json_is_object(labels) || json_object_size(labels) == 0)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "labels: must be an object with what is predicted");
    if (score != NULL && !json_is_number(score))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "score: must be a number");
    json_object_foreach((json_t *)labels, key, said)
    {
        const char *name;
        json_t *one;
        if (json_is_string(said) && score == NULL)
            return vdt_fail(error, VDT_ERR_ARGUMENT, "score: is missing, of label %.60s", key);
        if (!json_is_string(said) && !json_is_object(said))
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "labels: %.60s must be text, or an object of scores", key);
        json_object_foreach(said, name, one) if (!json_is_number(one)) return vdt_fail(
            error, VDT_ERR_ARGUMENT, "labels: the score of %.60s must be a number", name);
    }
    return VDT_OK;
}

static vdt_status check_kind(const json_t *value, bool scored, struct vdt_error *error)
{
    static const char *const kinds[] = {"box",  "rotated", "polygon", "mask",
                                        "line", "point",   "label"};
    const char *type = json_string_value(json_object_get(value, "type"));
    for (size_t i = 0; type != NULL && i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(type, kinds[i]) == 0)
            return scored ? check_labels(value, error) : VDT_OK;
    return vdt_fail(error, VDT_ERR_ARGUMENT,
                    "type: is box, rotated, polygon, mask, line, point or label");
}

/* --- the record ------------------------------------------------------------------------------- */

/* What was sent without an id is known by its content: sent again, it is the same. */
static vdt_status make_id(json_t *value, struct vdt_error *error)
{
    unsigned char digest[32];
    char id[2 + 32];
    vdt_cleanup(vdt_free_pointer) char *text = vdt_json_text(value);
    if (text == NULL)
        return vdt_fail_memory(error, "prediction");
    vdt_sha256(text, strlen(text), digest);
    id[0] = '#';
    vdt_hex(digest, 16, id + 1);
    return json_object_set_new(value, "id", json_string(id)) == 0
               ? VDT_OK
               : vdt_fail_memory(error, "prediction");
}

static vdt_status take_id(json_t *value, struct vdt_prediction_record *record,
                          struct vdt_error *error)
{
    const char *id = NULL;
    vdt_status status =
        vdt_field_text(value, "id", VDT_FIELD_LINE, VDT_PREDICTION_ID_MOST, &id, error);
    if (status == VDT_OK && id == NULL) {
        json_object_del(value, "id"); /* of null */
        status = make_id(value, error);
        id = json_string_value(json_object_get(value, "id"));
    }
    if (status != VDT_OK)
        return status;
    record->id = vdt_copy_string(id);
    record->document = vdt_json_text(value);
    return record->id != NULL && record->document != NULL ? VDT_OK
                                                          : vdt_fail_memory(error, "prediction");
}

/* The annotation that the record has become. */
static vdt_status get_made(struct vdt_annotations *scratch, uint64_t before, const char *sample,
                           const char *id, struct vdt_annotation *made, struct vdt_error *error)
{
    uint64_t row = vdt_annotations_count(scratch);
    uint32_t index = 0;
    if (row > before) {
        row--;
    } else { /* the sample had that id, of another record */
        vdt_status status = vdt_annotations_find_sample(scratch, sample, &index, error);
        if (status == VDT_OK)
            status = vdt_annotations_find(scratch, index, id == NULL ? "" : id, &row, error);
        if (status != VDT_OK)
            return status;
    }
    return vdt_annotations_get(scratch, row, made, NULL, NULL, error);
}

/* What the kind has to have, and numbers that can be, are for those to say who keep it. */
static vdt_status prove(const char *text, size_t size, const json_t *value, const char *sample,
                        const struct vdt_record_rules *rules, struct vdt_annotations *scratch,
                        struct vdt_error *error)
{
    const struct vdt_annotations_change change = {.update = true};
    const char *id = json_string_value(json_object_get(value, "id"));
    uint64_t before = vdt_annotations_count(scratch);
    struct vdt_annotation made;
    uint32_t index;
    vdt_status status = VDT_OK;
    if (!rules->scored) /* with a size, what lies outside of the sample is wrong */
        status = vdt_annotations_add_sample(scratch, sample, rules->rows, rules->cols, NULL, false,
                                            &index, error);
    if (status == VDT_OK)
        status = vdt_annotations_add_json(scratch, text, size, "record", &change, NULL, error);
    if (status == VDT_OK)
        status = get_made(scratch, before, sample, id, &made, error);
    if (status == VDT_OK && made.kind == VDT_ANNOTATION_MASK && rules->rows != 0 &&
        (made.rows != rules->rows || made.cols != rules->cols))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "the mask has %u x %u pixels, and tiles %u x %u",
                        made.cols, made.rows, rules->cols, rules->rows);
    return status;
}

vdt_status vdt_prediction_record_read(const char *text, size_t size,
                                      const struct vdt_record_rules *rules,
                                      struct vdt_annotations *scratch,
                                      struct vdt_prediction_record *record, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *value = NULL;
    vdt_status status = parse(text, size, &value, error);
    if (status != VDT_OK)
        return status;
    if (!json_is_object(value))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "is no object");
    const char *sample = json_string_value(json_object_get(value, "sample"));
    if (sample == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "sample: must be a sample's key");
    record->sample = vdt_copy_string(sample);
    if (record->sample == NULL)
        return vdt_fail_memory(error, "prediction");
    json_object_del(value, "sample");
    if (json_object_size(value) == 0)
        return VDT_OK;
    status = check_kind(value, rules->scored, error);
    if (status == VDT_OK)
        status = prove(text, size, value, record->sample, rules, scratch, error);
    return status == VDT_OK ? take_id(value, record, error) : status;
}
