/* Class rasters of a run, sent sample by sample with the numbers that the store's classes have. */
#include "catalog/submit_rasters.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <vedatile/annotations.h>
#include <vedatile/store.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "catalog/call.h"

struct sending {
    struct vdt_catalog *catalog;
    const char *run; /* the catalog's id of it */
    const struct vdt_run_reader *reader;
    const char *path;   /* of the run's file, for messages */
    uint32_t *values;   /* [class of the run + 1]: the store's value */
    uint32_t classes;   /* of the run */
    bool wide;          /* the store has more classes than 8 bits hold */
    uint16_t *pixels;   /* of the raster at hand */
    unsigned char *raw; /* as the run has it, then as it is sent */
    size_t room;        /* of both, in pixels */
};

static void end_sending(struct sending *sending)
{
    free(sending->values);
    free(sending->pixels);
    free(sending->raw);
}

static void close_reader(struct vdt_reader **reader)
{
    vdt_reader_free(*reader);
}

/* Runs number classes as they like; the catalog numbers them as the version does. */
static vdt_status number_classes(struct sending *sending, const char *store,
                                 struct vdt_error *error)
{
    vdt_cleanup(close_reader) struct vdt_reader *reader = NULL;
    vdt_status status = vdt_reader_open(store, &reader, error);
    if (status != VDT_OK)
        return status;
    const struct vdt_store_spec spec = vdt_reader_spec(reader);
    sending->classes = vdt_run_reader_class_count(sending->reader);
    sending->wide = spec.class_count > VDT_IGNORE_U8 - 1;
    sending->values = vdt_allocate_zero((size_t)sending->classes + 1, sizeof *sending->values);
    if (sending->values == NULL)
        return vdt_fail_memory(error, "run");
    for (uint32_t i = 0; i < sending->classes; i++)
        for (size_t k = 0; k < spec.class_count; k++)
            if (strcmp(spec.classes[k], vdt_run_reader_class_name(sending->reader, i)) == 0)
                sending->values[i + 1] = (uint32_t)k + 1;
    return VDT_OK;
}

static vdt_status make_room(struct sending *sending, size_t pixels, struct vdt_error *error)
{
    if (pixels <= sending->room)
        return VDT_OK;
    free(sending->pixels);
    free(sending->raw);
    sending->room = 0;
    sending->pixels = vdt_allocate(pixels, sizeof *sending->pixels);
    sending->raw = vdt_allocate(pixels, 2);
    if (sending->pixels == NULL || sending->raw == NULL)
        return vdt_fail_memory(error, "raster");
    sending->room = pixels;
    return VDT_OK;
}

/* What was read becomes what is sent, little-endian. */
static vdt_status translate(struct sending *sending, const char *sample, enum vdt_dtype dtype,
                            size_t pixels, struct vdt_error *error)
{
    const uint32_t ignore = dtype == VDT_UINT8 ? VDT_IGNORE_U8 : VDT_IGNORE_U16;
    for (size_t i = 0; i < pixels; i++) {
        uint16_t value = sending->raw[i];
        if (dtype == VDT_UINT16)
            memcpy(&value, sending->raw + 2 * i, sizeof value);
        if (value == ignore) {
            sending->pixels[i] = sending->wide ? VDT_IGNORE_U16 : VDT_IGNORE_U8;
            continue;
        }
        if (value > sending->classes || (value > 0 && sending->values[value] == 0))
            return vdt_fail(error, VDT_ERR_MISMATCH,
                            "%s: the raster of sample %s has class %s, which the store has not",
                            sending->path, sample,
                            value > sending->classes
                                ? "without a name"
                                : vdt_run_reader_class_name(sending->reader, value - 1u));
        sending->pixels[i] = (uint16_t)sending->values[value];
    }
    for (size_t i = 0; i < pixels; i++)
        if (sending->wide)
            memcpy(sending->raw + 2 * i, &sending->pixels[i], 2);
        else
            sending->raw[i] = (unsigned char)sending->pixels[i];
    return VDT_OK;
}

static vdt_status send_one(struct sending *sending, uint32_t index, const char *sample,
                           struct vdt_error *error)
{
    enum vdt_dtype dtype;
    uint32_t rows, cols;
    struct vdt_error none = {.status = VDT_OK};
    vdt_status status = vdt_run_raster_shape(sending->reader, index, &dtype, &rows, &cols, &none);
    if (status == VDT_ERR_NOT_FOUND)
        return VDT_OK;
    if (status != VDT_OK) {
        *error = none;
        return status;
    }
    const size_t pixels = (size_t)rows * cols;
    status = make_room(sending, pixels, error);
    if (status == VDT_OK)
        status = vdt_run_raster(sending->reader, index, sending->raw, error);
    if (status == VDT_OK)
        status = translate(sending, sample, dtype, pixels, error);
    if (status != VDT_OK)
        return status;
    struct vdt_call call = {
        .method = "PUT", .bytes = sending->raw, .byte_count = sending->wide ? 2 * pixels : pixels};
    if (!vdt_call_path(&call, "/v1/runs/", sending->run, "/samples/", sample, "/raster", NULL))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "sample %.100s: the name is too long", sample);
    return vdt_call_json(sending->catalog, &call, NULL, NULL, error);
}

vdt_status vdt_submit_rasters(struct vdt_catalog *catalog, const char *store, const char *run,
                              const struct vdt_run_reader *reader, struct vdt_error *error)
{
    vdt_cleanup(end_sending) struct sending sending = {.catalog = catalog,
                                                       .run = run,
                                                       .reader = reader,
                                                       .path = vdt_run_reader_info(reader)->path};
    const struct vdt_annotations *set = vdt_run_annotations(reader);
    if (vdt_run_reader_info(reader)->rasters == 0)
        return VDT_OK;
    vdt_status status = number_classes(&sending, store, error);
    for (uint64_t i = 0; status == VDT_OK && i < vdt_annotations_sample_count(set); i++) {
        struct vdt_annotated_sample sample;
        status = vdt_annotations_sample(set, i, &sample, error);
        if (status == VDT_OK)
            status = send_one(&sending, (uint32_t)i, sample.reference, error);
    }
    return status;
}
