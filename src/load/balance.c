/* Weights from what the stores and other files say of their samples. */
#include "load/balance.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "store/foreign.h"
#include "store/reader.h"

enum {
    NO_CLASS = 65535, /* class ids end before: a store has at most 65534 */
    CLASS_IDS = NO_CLASS + 1,
    READ_BYTES = 1 << 20, /* at once */
    BOX_SAMPLES = 4096,   /* at once */
};

/* The samples of an input, whatever it is. */
struct samples {
    const struct vdt_input *input;
    size_t group;
    uint64_t stored; /* in the group or file */
    uint64_t count;  /* of the input */
};

static const char *path_of(const struct vdt_input *input)
{
    return input->reader != NULL ? vdt_reader_path(input->reader) : vdt_hdf5_path(input->hdf5);
}

static vdt_status samples_of(const struct vdt_input *input, struct samples *samples,
                             struct vdt_error *error)
{
    struct samples found = {.input = input};
    if (input->reader != NULL) {
        vdt_status status = vdt_reader_find_group(input->reader, input->group, &found.group, error);
        if (status != VDT_OK)
            return status;
        found.stored = vdt_reader_count(input->reader, found.group);
    } else {
        found.stored = vdt_hdf5_spec(input->hdf5).count;
    }
    found.count = input->indices != NULL ? input->index_count : found.stored;
    for (uint64_t i = 0; input->indices != NULL && i < found.count; i++)
        if (input->indices[i] >= found.stored)
            return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: sample %llu of %llu", path_of(input),
                            (unsigned long long)input->indices[i],
                            (unsigned long long)found.stored);
    *samples = found;
    return VDT_OK;
}

static uint64_t rows_at_once(size_t row_bytes)
{
    return row_bytes < READ_BYTES ? READ_BYTES / row_bytes : 1;
}

/* How many samples from `at` on lie side by side in the file, `limit` at most, and where. */
static uint64_t run_at(const struct samples *samples, uint64_t at, uint64_t limit, uint64_t *first)
{
    uint64_t left = samples->count - at, length = 1;
    const uint64_t *indices = samples->input->indices;
    if (left > limit)
        left = limit;
    *first = indices == NULL ? at : indices[at];
    while (length < left && (indices == NULL || indices[at + length] == *first + length))
        length++;
    return length;
}

vdt_status vdt_weights_stored(const struct vdt_input *input, double *weights,
                              struct vdt_error *error)
{
    struct samples samples;
    vdt_status status = samples_of(input, &samples, error);
    if (status != VDT_OK)
        return status;
    if (input->reader == NULL) {
        for (uint64_t i = 0; i < samples.count; i++)
            weights[i] = 1;
        return VDT_OK;
    }
    size_t row_bytes = vdt_array_row_bytes(vdt_reader_layout(input->reader), VDT_SAMPLES);
    uint64_t limit = rows_at_once(row_bytes);
    vdt_cleanup(vdt_free_pointer) unsigned char *rows = vdt_allocate(limit, row_bytes);
    if (rows == NULL)
        return vdt_fail_memory(error, path_of(input));
    for (uint64_t at = 0, length; status == VDT_OK && at < samples.count; at += length) {
        uint64_t first;
        length = run_at(&samples, at, limit, &first);
        status =
            vdt_reader_rows(input->reader, samples.group, VDT_SAMPLES, first, length, rows, error);
        for (uint64_t i = 0; status == VDT_OK && i < length; i++) {
            float weight;
            memcpy(&weight, rows + i * row_bytes + VDT_ROW_WEIGHT, sizeof weight);
            weights[at + i] = weight;
        }
    }
    return status;
}

/* --- classes ---------------------------------------------------------------------------------- */

/* The distinct classes of every sample, one sample after the other; NO_CLASS where there is none.
 */
struct classes {
    uint16_t *ids;
    size_t count, capacity;
    double *weights;           /* [all samples] borrowed; until the end: how many ids are its own */
    uint64_t samples;          /* so far */
    uint64_t total[CLASS_IDS]; /* samples that have the class */
    uint64_t last[CLASS_IDS];  /* the last of them, counted from 1 */
    uint16_t row[CLASS_IDS];   /* the current sample's, for those who read one-hot rows */
};

static void free_classes(struct classes **classes)
{
    if (*classes != NULL)
        free((*classes)->ids);
    free(*classes);
}

/* The next sample; ids may repeat. */
static bool add_sample(struct classes *classes, const uint16_t *ids, size_t count)
{
    static const uint16_t none = NO_CLASS;
    if (count == 0) {
        ids = &none;
        count = 1;
    }
    if (count > SIZE_MAX - classes->count ||
        !vdt_grow(&classes->ids, &classes->capacity, classes->count + count, sizeof *classes->ids))
        return false;
    size_t before = classes->count;
    uint64_t number = classes->samples + 1;
    for (size_t i = 0; i < count; i++) {
        if (classes->last[ids[i]] == number)
            continue;
        classes->last[ids[i]] = number;
        classes->total[ids[i]]++;
        classes->ids[classes->count++] = ids[i];
    }
    classes->weights[classes->samples++] = (double)(classes->count - before);
    return true;
}

static bool add_onehot(struct classes *classes, const uint8_t *onehot, size_t class_count)
{
    size_t count = 0;
    for (size_t c = 0; c < class_count; c++)
        if (onehot[c] != 0)
            classes->row[count++] = (uint16_t)c;
    return add_sample(classes, classes->row, count);
}

static vdt_status add_onehot_rows(struct classes *classes, const struct samples *samples,
                                  struct vdt_error *error)
{
    const struct vdt_reader *reader = samples->input->reader;
    size_t columns = vdt_reader_spec(reader).class_count;
    uint64_t limit = rows_at_once(columns);
    vdt_cleanup(vdt_free_pointer) uint8_t *rows = vdt_allocate(limit, columns);
    bool fits = rows != NULL;
    vdt_status status = VDT_OK;
    for (uint64_t at = 0, length; status == VDT_OK && fits && at < samples->count; at += length) {
        uint64_t first;
        length = run_at(samples, at, limit, &first);
        status = vdt_reader_rows(reader, samples->group, VDT_ONEHOT, first, length, rows, error);
        for (uint64_t i = 0; status == VDT_OK && fits && i < length; i++)
            fits = add_onehot(classes, rows + i * columns, columns);
    }
    return fits ? status : vdt_fail_memory(error, path_of(samples->input));
}

static vdt_status add_boxes(struct classes *classes, const struct samples *samples,
                            struct vdt_error *error)
{
    const struct vdt_reader *reader = samples->input->reader;
    vdt_cleanup(vdt_free_pointer) uint16_t *ids = NULL;
    size_t capacity = 0;
    vdt_status status = VDT_OK;
    for (uint64_t at = 0, length; status == VDT_OK && at < samples->count; at += length) {
        uint64_t first;
        length = run_at(samples, at, BOX_SAMPLES, &first);
        uint64_t boxes = vdt_reader_box_rows(reader, samples->group, first, length);
        /* One more, so that there is an array when there are no boxes. */
        bool fits = boxes < SIZE_MAX && vdt_grow(&ids, &capacity, boxes + 1, sizeof *ids);
        if (fits)
            status = vdt_reader_boxes(reader, samples->group, first, length, NULL, ids, NULL, NULL,
                                      error);
        const uint16_t *next = ids;
        for (uint64_t i = 0; status == VDT_OK && fits && i < length; i++) {
            size_t count = (size_t)vdt_reader_box_rows(reader, samples->group, first + i, 1);
            fits = add_sample(classes, next, count);
            next += count;
        }
        if (!fits)
            return vdt_fail_memory(error, path_of(samples->input));
    }
    return status;
}

/* An integer label as a class id; false when it is none. */
static bool class_id(enum vdt_dtype dtype, const void *label, uint16_t *id)
{
    int64_t value = -1;
    switch (dtype) {
    case VDT_UINT8: value = *(const uint8_t *)label; break;
    case VDT_INT8: value = *(const int8_t *)label; break;
    case VDT_UINT16: value = *(const uint16_t *)label; break;
    case VDT_INT16: value = *(const int16_t *)label; break;
    case VDT_UINT32: value = *(const uint32_t *)label; break;
    case VDT_INT32: value = *(const int32_t *)label; break;
    case VDT_UINT64:
    case VDT_INT64: value = *(const int64_t *)label; break; /* too large is negative here */
    default: break;
    }
    if (value < 0 || value >= NO_CLASS)
        return false;
    *id = (uint16_t)value;
    return true;
}

/* Labels of another file: class ids, or one-hot rows. */
static vdt_status add_labels(struct classes *classes, const struct samples *samples,
                             struct vdt_error *error)
{
    const struct vdt_hdf5 *file = samples->input->hdf5;
    struct vdt_hdf5_spec spec = vdt_hdf5_spec(file);
    vdt_cleanup(vdt_hdf5_cursor_clear) struct vdt_hdf5_cursor cursor = {0};
    vdt_cleanup(vdt_free_pointer) void *label = vdt_allocate(1, spec.label_bytes);
    bool fits = label != NULL;
    vdt_status status = VDT_OK;
    for (uint64_t at = 0; status == VDT_OK && fits && at < samples->count; at++) {
        uint64_t first;
        run_at(samples, at, 1, &first);
        status = vdt_hdf5_read_label(file, &cursor, first, label, error);
        uint16_t id = NO_CLASS;
        if (status != VDT_OK)
            break;
        if (spec.label_rank == 1)
            fits = add_onehot(classes, label, (size_t)spec.label_shape[0]);
        else if (class_id(spec.label_dtype, label, &id))
            fits = add_sample(classes, &id, 1);
        else
            status = vdt_fail(error, VDT_ERR_ARGUMENT,
                              "%s: the label of sample %llu is no class id from 0 to %d",
                              vdt_hdf5_path(file), (unsigned long long)first, NO_CLASS - 1);
    }
    return fits ? status : vdt_fail_memory(error, vdt_hdf5_path(file));
}

static bool integer_labels(const struct vdt_hdf5_spec *spec)
{
    switch (spec->label_dtype) {
    case VDT_UINT8:
    case VDT_INT8:
    case VDT_UINT16:
    case VDT_INT16:
    case VDT_UINT32:
    case VDT_INT32:
    case VDT_UINT64:
    case VDT_INT64: return spec->label_rank == 0;
    default: return false;
    }
}

static bool onehot_labels(const struct vdt_hdf5_spec *spec)
{
    return spec->label_dtype == VDT_UINT8 && spec->label_rank == 1 &&
           spec->label_shape[0] < NO_CLASS;
}

static vdt_status add_input(struct classes *classes, const struct vdt_input *input,
                            struct vdt_error *error)
{
    struct samples samples;
    vdt_status status = samples_of(input, &samples, error);
    if (status != VDT_OK)
        return status;
    if (input->reader == NULL) {
        struct vdt_hdf5_spec spec = vdt_hdf5_spec(input->hdf5);
        if (integer_labels(&spec) || onehot_labels(&spec))
            return add_labels(classes, &samples, error);
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: no classes to balance: labels have to be integers [N], or uint8 "
                        "[N, classes]; or give weights",
                        path_of(input));
    }
    const struct vdt_layout *layout = vdt_reader_layout(input->reader);
    if (vdt_array_present(layout, VDT_ONEHOT))
        return add_onehot_rows(classes, &samples, error);
    if (vdt_array_present(layout, VDT_BOX_CLASS))
        return add_boxes(classes, &samples, error);
    return vdt_fail(error, VDT_ERR_ARGUMENT,
                    "%s: no classes to balance: its tasks have neither one-hot vectors nor boxes; "
                    "give weights",
                    path_of(input));
}

vdt_status vdt_weights_balanced(const struct vdt_input *inputs, size_t input_count, double *weights,
                                struct vdt_error *error)
{
    vdt_cleanup(free_classes) struct classes *classes = vdt_allocate_zero(1, sizeof *classes);
    if (classes == NULL)
        return vdt_fail(error, VDT_ERR_MEMORY, "out of memory for the classes of samples");
    classes->weights = weights;
    for (size_t i = 0; i < input_count; i++) {
        vdt_status status = add_input(classes, &inputs[i], error);
        if (status != VDT_OK)
            return status;
    }
    const uint16_t *next = classes->ids;
    for (uint64_t i = 0; i < classes->samples; i++) {
        const uint16_t *end = next + (size_t)weights[i];
        for (weights[i] = 0; next < end; next++)
            weights[i] += 1 / (double)classes->total[*next];
    }
    return VDT_OK;
}
