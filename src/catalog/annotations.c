/* Annotation sets beside local stores, sent to a catalog and fetched from it. */
#include <stdio.h>
#include <string.h>
#include <vedatile/annotations.h>
#include <vedatile/catalog.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "catalog/call.h"
#include "catalog/sidecar.h"

enum { BODY = 1 << 20, PAGE = 1000 };

struct transfer {
    struct vdt_catalog *catalog;
    const struct vdt_annotation_transfer *options;
    const char *name; /* of the set */
    struct vdt_sidecar sidecar;
    struct vdt_annotations *set;
    struct vdt_buffer lines;
    struct vdt_annotations_report report;
};

static void end_transfer(struct transfer *transfer)
{
    vdt_sidecar_clear(&transfer->sidecar);
    vdt_annotations_free(transfer->set);
    vdt_buffer_clear(&transfer->lines);
}

static vdt_status begin_transfer(struct transfer *transfer, bool write, struct vdt_error *error)
{
    const struct vdt_annotation_transfer *options = transfer->options;
    transfer->name = options->name == NULL ? "labels" : options->name;
    vdt_status status = vdt_sidecar_read(options->store, &transfer->sidecar, error);
    if (status == VDT_OK && transfer->sidecar.entry == NULL)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: is in no catalog; save it first",
                        options->store);
    const struct vdt_annotations_options set = {
        .store = options->store, .name = transfer->name, .write = write};
    return status == VDT_OK ? vdt_annotations_open(&set, &transfer->set, error) : status;
}

/* Of the set: "/v1/entries/ID/annotations/NAME" and what is behind it. */
static vdt_status set_path(const struct transfer *transfer, const char *more, struct vdt_call *call,
                           struct vdt_error *error)
{
    return vdt_call_path(call, "/v1/entries/", transfer->sidecar.entry, "/annotations/",
                         transfer->name, more, NULL)
               ? VDT_OK
               : vdt_fail(error, VDT_ERR_ARGUMENT, "the set's name is too long");
}

/* --- sent ------------------------------------------------------------------------------------- */

static uint64_t count_of(const json_t *answer, const char *name)
{
    json_int_t value = json_integer_value(json_object_get(answer, name));
    return value < 0 ? 0 : (uint64_t)value;
}

/* A record that the catalog refuses ends it: nothing is left out in silence. */
static vdt_status send_lines(struct transfer *transfer, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *answer = NULL;
    struct vdt_call call = {.method = "POST",
                            .bytes = transfer->lines.data,
                            .byte_count = transfer->lines.size,
                            .type = "application/jsonl"};
    if (transfer->lines.size == 0)
        return VDT_OK;
    vdt_status status =
        set_path(transfer, transfer->options->update ? "?update=1" : "", &call, error);
    if (status == VDT_OK)
        status = vdt_call_json(transfer->catalog, &call, &answer, NULL, error);
    transfer->lines.size = 0;
    if (status != VDT_OK)
        return status;
    transfer->report.added += count_of(answer, "processed");
    transfer->report.updated += count_of(answer, "updated");
    transfer->report.ignored += count_of(answer, "ignored");
    transfer->report.marked += count_of(answer, "marked");
    const json_t *failure = json_array_get(json_object_get(answer, "failures"), 0);
    if (failure == NULL)
        return VDT_OK;
    return vdt_fail(error, VDT_ERR_MISMATCH, "the catalog refuses annotations: sample %s: %s",
                    json_string_value(json_object_get(failure, "sample")),
                    json_string_value(json_object_get(failure, "description")));
}

static vdt_status add_line(struct transfer *transfer, const char *text, struct vdt_error *error)
{
    if (!vdt_buffer_append(&transfer->lines, text, strlen(text)) ||
        !vdt_buffer_append(&transfer->lines, "\n", 1))
        return vdt_fail_memory(error, "annotations");
    return transfer->lines.size < BODY ? VDT_OK : send_lines(transfer, error);
}

static vdt_status send_marks(struct transfer *transfer, struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    uint64_t count = vdt_annotations_sample_count(transfer->set);
    for (uint64_t i = 0; status == VDT_OK && i < count; i++) {
        struct vdt_annotated_sample sample;
        status = vdt_annotations_sample(transfer->set, i, &sample, error);
        if (status != VDT_OK || !sample.annotated)
            continue;
        vdt_cleanup(vdt_json_release) json_t *mark = json_pack("{s:s}", "sample", sample.reference);
        vdt_cleanup(vdt_free_pointer) char *text = mark == NULL ? NULL : vdt_json_text(mark);
        status =
            text == NULL ? vdt_fail_memory(error, "annotations") : add_line(transfer, text, error);
    }
    return status;
}

vdt_status vdt_catalog_send_annotations(struct vdt_catalog *catalog,
                                        const struct vdt_annotation_transfer *options,
                                        struct vdt_annotations_report *report,
                                        struct vdt_error *error)
{
    vdt_cleanup(end_transfer) struct transfer transfer = {.catalog = catalog, .options = options};
    vdt_status status = begin_transfer(&transfer, false, error);
    if (status == VDT_OK)
        status = send_marks(&transfer, error);
    uint64_t count = status == VDT_OK ? vdt_annotations_count(transfer.set) : 0;
    for (uint64_t i = 0; status == VDT_OK && i < count; i++) {
        char *text = NULL;
        status = vdt_annotations_json(transfer.set, i, &text, error);
        if (status == VDT_OK)
            status = add_line(&transfer, text, error);
        vdt_string_free(text);
    }
    if (status == VDT_OK)
        status = send_lines(&transfer, error);
    if (report != NULL)
        *report = transfer.report;
    return status;
}

/* --- fetched ---------------------------------------------------------------------------------- */

/* Keeps a record of the catalog's for add_lines; samples that this store has not are counted. */
static vdt_status take_record(struct transfer *transfer, const json_t *record,
                              struct vdt_error *error)
{
    const char *sample = json_string_value(json_object_get(record, "sample"));
    struct vdt_error none = {.status = VDT_OK};
    uint32_t index = 0;
    vdt_status status = sample == NULL
                            ? VDT_ERR_NOT_FOUND
                            : vdt_annotations_find_sample(transfer->set, sample, &index, &none);
    if (status == VDT_ERR_NOT_FOUND) {
        transfer->report.dropped++;
        return VDT_OK;
    }
    vdt_cleanup(vdt_free_pointer) char *text = vdt_json_text(record);
    bool kept = text != NULL && vdt_buffer_append(&transfer->lines, text, strlen(text)) &&
                vdt_buffer_append(&transfer->lines, "\n", 1);
    return kept ? VDT_OK : vdt_fail_memory(error, "annotations");
}

static vdt_status add_lines(struct transfer *transfer, struct vdt_error *error)
{
    const struct vdt_annotations_change change = {.update = transfer->options->update};
    struct vdt_annotations_report report = {0};
    if (transfer->lines.size == 0)
        return VDT_OK;
    vdt_status status = vdt_annotations_add_json(transfer->set, (const char *)transfer->lines.data,
                                                 transfer->lines.size, "the catalog's annotations",
                                                 &change, &report, error);
    transfer->lines.size = 0;
    transfer->report.added += report.added;
    transfer->report.updated += report.updated;
    transfer->report.ignored += report.ignored;
    transfer->report.marked += report.marked;
    return status;
}

/* What the next page is asked for with; "": there is none. */
static vdt_status next_query(const json_t *page, char query[2048], struct vdt_error *error)
{
    const json_t *link = json_array_get(json_object_get(page, "links"), 0);
    const char *href = json_string_value(json_object_get(link, "href"));
    const char *at = href == NULL ? NULL : strchr(href, '?');
    /* The rest of the link is not followed: it may name another server. */
    if (at != NULL && strlen(at) >= 2048)
        return vdt_fail(error, VDT_ERR_FORMAT, "the catalog's answer cannot be");
    snprintf(query, 2048, "%s", at == NULL ? "" : at);
    return VDT_OK;
}

/* All items of a list of the set's, {"sample": key, ...} each. */
static vdt_status fetch_list(struct transfer *transfer, const char *list, const char *member,
                             struct vdt_error *error)
{
    char more[2048 + 16], query[2048];
    vdt_status status = VDT_OK;
    snprintf(query, sizeof query, "?limit=%d", PAGE);
    while (status == VDT_OK && *query != '\0') {
        vdt_cleanup(vdt_json_release) json_t *page = NULL;
        struct vdt_call call = {0};
        json_t *record;
        size_t i;
        snprintf(more, sizeof more, "%s%s", list, query);
        status = set_path(transfer, more, &call, error);
        if (status == VDT_OK)
            status = vdt_call_json(transfer->catalog, &call, &page, NULL, error);
        json_array_foreach(json_object_get(page, member), i, record)
        {
            if (status == VDT_OK)
                status = take_record(transfer, record, error);
        }
        if (status == VDT_OK)
            status = add_lines(transfer, error);
        if (status == VDT_OK)
            status = next_query(page, query, error);
    }
    return status;
}

vdt_status vdt_catalog_fetch_annotations(struct vdt_catalog *catalog,
                                         const struct vdt_annotation_transfer *options,
                                         struct vdt_annotations_report *report,
                                         struct vdt_error *error)
{
    vdt_cleanup(end_transfer) struct transfer transfer = {.catalog = catalog, .options = options};
    vdt_status status = begin_transfer(&transfer, true, error);
    if (status == VDT_OK)
        status = fetch_list(&transfer, "/samples", "samples", error);
    /* Samples that are not here were counted by their marks. */
    uint64_t dropped = transfer.report.dropped;
    if (status == VDT_OK)
        status = fetch_list(&transfer, "", "annotations", error);
    transfer.report.dropped -= dropped;
    if (status == VDT_OK)
        status = vdt_annotations_save(transfer.set, error);
    if (report != NULL)
        *report = transfer.report;
    return status;
}
