/* Rows as they came, each checked, with the times of their scenes and a digest added. */
#define _GNU_SOURCE
#include "server/draw/records.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/random.h"
#include "server/draw/row_wire.h"
#include "server/draw/spool.h"
#include "store/layout.h"

enum { GROUPS_MOST = 4096, BLOCK = 1 << 20 };

struct group {
    char name[64];
    uint64_t count;
};

/* A row in the file: this, then the row. */
struct kept {
    int64_t time;
    uint32_t has_time;
    uint32_t zero;
};

struct vdt_records {
    int fd;
    struct group *groups;
    size_t group_count, group_capacity;
    uint64_t count;
    uint64_t size;           /* of the file */
    struct vdt_buffer block; /* written: not in the file yet; read: a piece of it */
    /* Reading. */
    uint64_t at; /* in the file, of the next byte to be read into the block */
    size_t used; /* of the block */
    size_t group;
    uint64_t position;
    struct vdt_buffer row;
    char *text;
};

static void cleanup(struct vdt_records **records)
{
    vdt_records_free(*records);
}

/* O_TMPFILE is not for every file system. */
static int open_nameless(const char *folder)
{
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    char path[4096];
    if (snprintf(path, sizeof path, "%s/.records.XXXXXX", folder) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

vdt_status vdt_records_create(const char *folder, struct vdt_records **out, struct vdt_error *error)
{
    vdt_cleanup(cleanup) struct vdt_records *records = vdt_allocate_zero(1, sizeof *records);
    if (records == NULL)
        return vdt_fail_memory(error, folder);
    records->fd = open_nameless(folder);
    if (records->fd < 0)
        return vdt_fail_errno(error, folder);
    *out = records;
    records = NULL;
    return VDT_OK;
}

void vdt_records_free(struct vdt_records *records)
{
    if (records == NULL)
        return;
    if (records->fd >= 0)
        close(records->fd);
    free(records->groups);
    vdt_buffer_clear(&records->block);
    vdt_buffer_clear(&records->row);
    free(records->text);
    free(records);
}

uint64_t vdt_records_count(const struct vdt_records *records)
{
    return records->count;
}

uint64_t vdt_records_of_group(const struct vdt_records *records, const char *name)
{
    for (size_t g = 0; g < records->group_count; g++)
        if (strcmp(records->groups[g].name, name) == 0)
            return records->groups[g].count;
    return 0;
}

/* --- writing ------------------------------------------------------------------------------ */

static vdt_status write_block(struct vdt_records *records, struct vdt_error *error)
{
    for (size_t at = 0; at < records->block.size;) {
        ssize_t written = pwrite(records->fd, records->block.data + at, records->block.size - at,
                                 (off_t)records->size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return vdt_fail_errno(error, "list of samples");
        at += (size_t)written;
        records->size += (uint64_t)written;
    }
    records->block.size = 0;
    return VDT_OK;
}

vdt_status vdt_records_end(struct vdt_records *records, struct vdt_error *error)
{
    vdt_status status = write_block(records, error);
    vdt_records_rewind(records);
    return status;
}

vdt_status vdt_records_group(struct vdt_records *records, const char *name, size_t size,
                             struct vdt_error *error)
{
    struct group group = {.count = 0};
    if (size < sizeof group.name)
        memcpy(group.name, name, size);
    const char *last =
        records->group_count == 0 ? "" : records->groups[records->group_count - 1].name;
    if (size >= sizeof group.name || strlen(group.name) != size ||
        !vdt_group_name_valid(group.name) || strcmp(group.name, last) <= 0 ||
        records->group_count >= GROUPS_MOST)
        return vdt_fail(error, VDT_ERR_FORMAT, "store: group %zu has no name that a group can have",
                        records->group_count);
    if (!vdt_grow(&records->groups, &records->group_capacity, records->group_count + 1,
                  sizeof *records->groups))
        return vdt_fail_memory(error, "list of samples");
    records->groups[records->group_count++] = group;
    return VDT_OK;
}

static bool all_finite(const double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += fabs(values[i]);
    return isfinite(sum);
}

/* Places on the earth, or none. */
static bool on_earth(const double bounds[4])
{
    return all_finite(bounds, 4) && bounds[1] <= bounds[3] && bounds[1] >= -90.001 &&
           bounds[3] <= 90.001 && fabs(bounds[0]) <= 180.001 && fabs(bounds[2]) <= 180.001;
}

static bool key_valid(const char key[VDT_KEY_SIZE])
{
    size_t length = strnlen(key, VDT_KEY_SIZE);
    for (size_t i = 0; i < length; i++)
        if (key[i] < '!' || key[i] > '~')
            return false;
    return length > 0 && length < VDT_KEY_SIZE;
}

static bool classes_valid(const struct vdt_row_head *head, const unsigned char *row,
                          size_t class_count)
{
    int64_t last = -1;
    for (uint32_t i = 0; i < head->class_count; i++) {
        struct vdt_record_class class;
        memcpy(&class, row + sizeof *head + i * sizeof class, sizeof class);
        if (class.id <= last || class.id >= class_count)
            return false;
        last = class.id;
    }
    return true;
}

static bool places_valid(const struct vdt_row_head *head, const unsigned char *row, uint64_t size)
{
    const unsigned char *from =
        row + sizeof *head + head->class_count * sizeof(struct vdt_record_class);
    for (uint32_t i = 0; i < head->place_count; i++) {
        struct vdt_record_place place;
        memcpy(&place, from + i * sizeof place, sizeof place);
        if (place.array >= VDT_ARRAYS || place.address > size || place.size > size - place.address)
            return false;
    }
    return true;
}

/* What is wrong with a row that fits into `left` bytes; NULL: nothing. Repairs what is only not
 * known. */
static const char *fault_of(const struct vdt_spool_rules *rules, struct vdt_row_head *head,
                            const unsigned char *row, size_t left)
{
    bool text = head->metadata_size != VDT_ROW_NO_TEXT;
    if (head->class_count > VDT_RECORD_CLASSES || head->place_count > VDT_RECORD_PLACES ||
        (text && head->metadata_size > VDT_RECORD_METADATA) || head->size > left ||
        head->size != sizeof *head + head->class_count * sizeof(struct vdt_record_class) +
                          head->place_count * sizeof(struct vdt_record_place) +
                          (text ? head->metadata_size : 0))
        return "its parts are not of the size that they claim";
    if (!key_valid(head->key))
        return "its key is not printable ASCII";
    if (head->scene >= rules->scene_count || head->crs >= rules->crs_count)
        return "its scene or CRS is not in the store";
    if (!classes_valid(head, row, rules->class_count))
        return "its classes are not those of the store";
    if (!places_valid(head, row, rules->store_size))
        return "it lies outside the file";
    if (!(head->valid_fraction >= 0 && head->valid_fraction <= 1))
        return "its valid fraction is outside 0..1";
    if (head->window[2] <= 0 || head->window[3] <= 0)
        return "its window is empty";
    if (!isfinite(head->weight))
        head->weight = 1;
    for (int i = 0; !on_earth(head->bounds) && i < 4; i++)
        head->bounds[i] = NAN;
    if (!all_finite(head->geotransform, 6))
        memset(head->geotransform, 0, sizeof head->geotransform);
    head->digest = 0;
    return NULL;
}

static bool text_valid(const char *text, size_t size, char **copy)
{
    free(*copy);
    *copy = malloc(size + 1);
    if (*copy == NULL)
        return false;
    memcpy(*copy, text, size);
    (*copy)[size] = '\0';
    return strlen(*copy) == size && vdt_text_is_utf8(*copy);
}

static vdt_status add_row(struct vdt_records *records, const struct vdt_spool_rules *rules,
                          struct vdt_row_head *head, const unsigned char *row,
                          struct vdt_error *error)
{
    size_t rest = head->size - sizeof *head;
    size_t text = head->metadata_size == VDT_ROW_NO_TEXT ? 0 : head->metadata_size;
    if (!text_valid((const char *)row + head->size - text, text, &records->text))
        return vdt_fail(error, VDT_ERR_FORMAT, "store: sample %s: its metadata is not UTF-8",
                        head->key);
    struct kept kept = {.has_time = rules->scene_timed[head->scene],
                        .time = rules->scene_times[head->scene]};
    uint64_t seed = vdt_mix2(rules->scene_hashes[head->scene], rules->crs_hashes[head->crs]);
    head->digest =
        vdt_mix2(vdt_hash(seed, head, sizeof *head), vdt_hash(seed, row + sizeof *head, rest));
    if (!vdt_buffer_append(&records->block, &kept, sizeof kept) ||
        !vdt_buffer_append(&records->block, head, sizeof *head) ||
        !vdt_buffer_append(&records->block, row + sizeof *head, rest))
        return vdt_fail_memory(error, "list of samples");
    records->groups[records->group_count - 1].count++;
    records->count++;
    return records->block.size < BLOCK ? VDT_OK : write_block(records, error);
}

vdt_status vdt_records_add(struct vdt_records *records, const struct vdt_spool_rules *rules,
                           const void *rows, size_t size, struct vdt_error *error)
{
    const unsigned char *row = rows;
    if (records->group_count == 0)
        return vdt_fail(error, VDT_ERR_FORMAT, "store: samples without a group");
    while (size > 0) {
        struct vdt_row_head head;
        const char *fault = "it is cut short";
        if (size >= sizeof head) {
            memcpy(&head, row, sizeof head);
            fault = fault_of(rules, &head, row, size);
        }
        if (fault != NULL)
            return vdt_fail(error, VDT_ERR_FORMAT, "store: /%s: sample %llu: %s",
                            records->groups[records->group_count - 1].name,
                            (unsigned long long)records->groups[records->group_count - 1].count,
                            fault);
        vdt_status status = add_row(records, rules, &head, row, error);
        if (status != VDT_OK)
            return status;
        row += head.size;
        size -= head.size;
    }
    return VDT_OK;
}

/* --- reading ------------------------------------------------------------------------------ */

void vdt_records_rewind(struct vdt_records *records)
{
    records->at = 0;
    records->used = records->block.size = 0;
    records->group = 0;
    records->position = 0;
}

/* The next bytes of the file, as they were written by this process. */
static vdt_status take(struct vdt_records *records, void *data, size_t size,
                       struct vdt_error *error)
{
    unsigned char *to = data;
    while (size > 0) {
        if (records->used == records->block.size) {
            if (!vdt_buffer_reserve(&records->block, BLOCK))
                return vdt_fail_memory(error, "list of samples");
            ssize_t got = pread(records->fd, records->block.data, BLOCK, (off_t)records->at);
            if (got < 0 && errno == EINTR)
                continue;
            if (got < 0)
                return vdt_fail_errno(error, "list of samples");
            if (got == 0)
                return vdt_fail(error, VDT_ERR_IO, "list of samples: cut short");
            records->at += (uint64_t)got;
            records->block.size = (size_t)got;
            records->used = 0;
        }
        size_t left = records->block.size - records->used, step = size < left ? size : left;
        memcpy(to, records->block.data + records->used, step);
        records->used += step;
        to += step;
        size -= step;
    }
    return VDT_OK;
}

static void unpack(const struct vdt_records *records, const struct kept *kept,
                   const struct vdt_row_head *head, struct vdt_record_row *row)
{
    const unsigned char *from = records->row.data;
    size_t classes = head->class_count * sizeof(struct vdt_record_class);
    size_t places = head->place_count * sizeof(struct vdt_record_place);
    bool text = head->metadata_size != VDT_ROW_NO_TEXT;
    *row = (struct vdt_record_row){
        .group = records->groups[records->group].name,
        .position = records->position,
        .sample = {.scene = head->scene,
                   .crs = head->crs,
                   .window = {head->window[0], head->window[1], head->window[2], head->window[3]},
                   .valid_fraction = head->valid_fraction,
                   .weight = head->weight,
                   .metadata = text ? (const char *)from + classes + places : NULL},
        .image_crc = head->image_crc,
        .label_crc = head->label_crc,
        .boxes = head->boxes,
        .has_time = kept->has_time != 0,
        .time = kept->time,
        .classes = (const struct vdt_record_class *)(const void *)from,
        .class_count = head->class_count,
        .places = (const struct vdt_record_place *)(const void *)(from + classes),
        .place_count = head->place_count,
        .digest = head->digest};
    memcpy(row->sample.key, head->key, sizeof row->sample.key);
    memcpy(row->sample.geotransform, head->geotransform, sizeof head->geotransform);
    memcpy(row->sample.bounds, head->bounds, sizeof head->bounds);
}

vdt_status vdt_records_next(struct vdt_records *records, struct vdt_record_row *row,
                            struct vdt_error *error)
{
    struct kept kept;
    struct vdt_row_head head;
    while (records->group < records->group_count &&
           records->position == records->groups[records->group].count) {
        records->group++;
        records->position = 0;
    }
    if (records->group == records->group_count)
        return VDT_END;
    vdt_status status = take(records, &kept, sizeof kept, error);
    if (status == VDT_OK)
        status = take(records, &head, sizeof head, error);
    if (status != VDT_OK)
        return status;
    size_t rest = head.size - sizeof head;
    if (!vdt_buffer_reserve(&records->row, rest + 1))
        return vdt_fail_memory(error, "list of samples");
    status = take(records, records->row.data, rest, error);
    if (status != VDT_OK)
        return status;
    records->row.data[rest] = '\0';
    unpack(records, &kept, &head, row);
    records->position++;
    return VDT_OK;
}
