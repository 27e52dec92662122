/* WebDataset: GROUP-000000.tar and so on; the files of a sample follow each other and have its key
 * as their name up to the first dot. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "exchange/about.h"
#include "exchange/archive.h"
#include "exchange/arrays.h"
#include "exchange/exporter.h"

enum { SHARD_DEFAULT = 1000 };

struct shards {
    struct vdt_archive *archive; /* NULL: none is open */
    uint64_t number;             /* of the next one */
    uint64_t samples;            /* in the open one */
    struct vdt_buffer bytes;
};

static vdt_status begin(struct vdt_export *out, struct vdt_error *error)
{
    out->state = calloc(1, sizeof(struct shards));
    return out->state == NULL ? vdt_fail_memory(error, out->folder) : VDT_OK;
}

static void clear(struct vdt_export *out)
{
    struct shards *shards = out->state;
    if (shards == NULL)
        return;
    vdt_archive_free(shards->archive);
    vdt_buffer_clear(&shards->bytes);
    free(shards);
}

static vdt_status close_shard(struct vdt_export *out, struct vdt_error *error)
{
    struct shards *shards = out->state;
    if (shards->archive == NULL)
        return VDT_OK;
    vdt_status status = vdt_archive_finish(shards->archive, error);
    vdt_archive_free(shards->archive);
    shards->archive = NULL;
    return status;
}

static vdt_status begin_group(struct vdt_export *out, struct vdt_error *error)
{
    (void)error;
    ((struct shards *)out->state)->number = 0;
    return VDT_OK;
}

static vdt_status open_shard(struct vdt_export *out, struct vdt_error *error)
{
    struct shards *shards = out->state;
    char name[96];
    snprintf(name, sizeof name, "%s-%06" PRIu64 ".tar", out->group_name, shards->number++);
    vdt_cleanup(vdt_free_pointer) char *path = vdt_path_join(out->folder, name, NULL);
    if (path == NULL)
        return vdt_fail_memory(error, out->folder);
    shards->samples = 0;
    return vdt_archive_create(path, VDT_ARCHIVE_TAR, &shards->archive, error);
}

static vdt_status add_text(struct vdt_archive *archive, const struct vdt_record *record,
                           const char *suffix, const char *text, struct vdt_error *error)
{
    char name[sizeof record->name + 16];
    snprintf(name, sizeof name, "%s%s", record->name, suffix);
    return vdt_archive_add(archive, name, text, strlen(text), error);
}

/* NAME.json, and NAME.cls where a sample is of exactly one class. */
static vdt_status add_about(struct vdt_export *out, const struct vdt_record *record,
                            struct vdt_error *error)
{
    struct shards *shards = out->state;
    json_t *about = vdt_export_about(out, record, true);
    vdt_cleanup(vdt_free_pointer) char *text = about == NULL ? NULL : vdt_json_text(about);
    json_decref(about);
    if (text == NULL)
        return vdt_fail_memory(error, out->folder);
    vdt_status status = add_text(shards->archive, record, ".json", text, error);
    const uint8_t *onehot = record->sample.labels.onehot;
    size_t set = 0, class_id = 0;
    for (size_t c = 0; onehot != NULL && c < out->spec.class_count; c++)
        if (onehot[c] != 0) {
            set++;
            class_id = c;
        }
    if (status != VDT_OK || set != 1)
        return status;
    char number[24];
    snprintf(number, sizeof number, "%zu", class_id);
    return add_text(shards->archive, record, ".cls", number, error);
}

static vdt_status add_picture(struct vdt_export *out, const struct vdt_record *record,
                              struct vdt_error *error)
{
    struct shards *shards = out->state;
    shards->bytes.size = 0;
    vdt_status status = vdt_picture_encode(&out->picture, record, &shards->bytes, error);
    char name[sizeof record->name + 16];
    snprintf(name, sizeof name, "%s%s", record->name, out->picture.suffix);
    return status == VDT_OK ? vdt_archive_add(shards->archive, name, shards->bytes.data,
                                              shards->bytes.size, error)
                            : status;
}

/* The image as NAME.npy, labels of its shape as NAME.mask.npy and so on; the others are in the
 * JSON. */
static vdt_status add_arrays(struct vdt_export *out, const struct vdt_record *record,
                             struct vdt_error *error)
{
    struct shards *shards = out->state;
    struct vdt_named_array arrays[VDT_ARRAYS_MOST];
    size_t count = vdt_arrays_of(record, &out->spec, &out->picture.tile,
                                 vdt_picture_pixels(&out->picture, record), arrays);
    bool picture = out->options->picture != VDT_PICTURE_AUTO;
    vdt_status status = picture ? add_picture(out, record, error) : VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < count; i++) {
        char name[sizeof record->name + 40];
        bool image = i == 0;
        if (image ? picture : arrays[i].kind < VDT_ARRAYS_PLANES)
            continue;
        snprintf(name, sizeof name, "%s%s%s.npy", record->name, image ? "" : ".",
                 image ? "" : vdt_array_name(arrays[i].kind));
        status = vdt_arrays_add(shards->archive, name, &arrays[i].array, &shards->bytes, error);
    }
    return status;
}

static vdt_status write_sample(struct vdt_export *out, const struct vdt_record *record,
                               struct vdt_error *error)
{
    struct shards *shards = out->state;
    uint64_t most = out->options->shard == 0 ? SHARD_DEFAULT : out->options->shard;
    vdt_status status = shards->samples == most ? close_shard(out, error) : VDT_OK;
    if (status == VDT_OK && shards->archive == NULL)
        status = open_shard(out, error);
    if (status == VDT_OK)
        status = add_arrays(out, record, error);
    if (status == VDT_OK)
        status = add_about(out, record, error);
    shards->samples++;
    return status;
}

const struct vdt_export_format vdt_export_webdataset = {.name = "webdataset",
                                                        .arrays = true,
                                                        .begin = begin,
                                                        .begin_group = begin_group,
                                                        .sample = write_sample,
                                                        .end_group = close_shard,
                                                        .clear = clear};
