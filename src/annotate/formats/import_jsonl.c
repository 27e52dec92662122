/* Lines of JSON, our own form. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "annotate/formats/exchange_sets.h"
#include "annotate/records/record_json.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

static void close_file(FILE **file)
{
    if (*file != NULL)
        fclose(*file);
}

vdt_status vdt_import_set_jsonl(struct vdt_staged *staged, struct vdt_annotations *set,
                                const struct vdt_annotations_exchange *options,
                                struct vdt_error *error)
{
    struct stat info;
    (void)set;
    vdt_cleanup(close_file) FILE *file = fopen(options->path, "rb");
    if (file == NULL || fstat(fileno(file), &info) != 0)
        return vdt_fail_errno(error, options->path);
    size_t size = S_ISREG(info.st_mode) ? (size_t)info.st_size : 0;
    vdt_cleanup(vdt_free_pointer) char *text = vdt_allocate(size + 1, 1);
    if (text == NULL)
        return vdt_fail_memory(error, options->path);
    if (fread(text, 1, size, file) != size)
        return vdt_fail(error, VDT_ERR_IO, "%s: cannot be read", options->path);
    text[size] = '\0';
    return vdt_staged_json(staged, text, size, error);
}

/* Numbers of categories come first, so that the categories have their order again. */
static vdt_status write_categories(struct vdt_set_export *out, struct vdt_text_file *text,
                                   struct vdt_error *error)
{
    const struct vdt_record_columns *records = &out->set->records;
    vdt_status status = VDT_OK;
    for (uint32_t i = 0; status == VDT_OK && i < records->labels.count; i++)
        if (records->codes[i] != INT64_MIN)
            status = vdt_text_json(text,
                                   vdt_category_json(vdt_record_columns_key(records, i),
                                                     vdt_record_columns_value(records, i),
                                                     records->codes[i]),
                                   true, error);
    return status;
}

vdt_status vdt_export_set_jsonl(struct vdt_set_export *out, struct vdt_error *error)
{
    struct vdt_annotations *set = out->set;
    struct vdt_text_file text = {0};
    vdt_cleanup(vdt_row_room_clear) struct vdt_row_room room = {0};
    vdt_status status = vdt_text_open(&text, out->path, error);
    if (status == VDT_OK)
        status = write_categories(out, &text, error);
    for (uint32_t i = 0; status == VDT_OK && i < set->samples.count; i++) {
        struct vdt_annotated_sample sample;
        const uint64_t *rows = NULL;
        size_t count = 0;
        status = vdt_annotations_list(set, i, &rows, &count, error);
        if (status == VDT_OK)
            status = vdt_annotations_sample(set, i, &sample, error);
        /* Of a bound set only what was looked at; the store has the rest. */
        if (status == VDT_OK && (!set->bound || sample.annotated))
            status = vdt_text_json(&text, vdt_sample_json(&sample), true, error);
        for (size_t k = 0; status == VDT_OK && k < count; k++) {
            struct vdt_annotation a;
            status = vdt_row_get(set, rows[k], &room, &a, error);
            if (status != VDT_OK)
                break;
            json_t *record = vdt_record_json(&a, sample.reference);
            json_object_del(record, "number"); /* it is this set's */
            status = vdt_text_json(&text, record, true, error);
            out->report->added++;
        }
    }
    if (status != VDT_OK) {
        vdt_text_abandon(&text);
        return status;
    }
    return vdt_text_close(&text, error);
}
