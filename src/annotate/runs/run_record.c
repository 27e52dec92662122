/* Annotations as bytes: a head, arrays, texts. */
#include "annotate/runs/run_record.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

/* Of an item's flags, beside those of annotations: `box` is the caller's. */
static const uint32_t BOX_GIVEN = UINT32_C(1) << 31;

struct item {
    uint32_t size; /* of all of it, a multiple of 8 */
    uint32_t kind;
    uint32_t flags;
    uint32_t label_count;
    uint32_t id_size;       /* with its NUL; 0: no id */
    uint32_t metadata_size; /* with its NUL; 0: none */
    uint32_t point_count, ring_count, part_count;
    uint32_t count_count;
    uint32_t rows, cols;
    double box[4];
    double area; /* NaN: not given */
    double rotated[5];
};

struct label {
    double score;
    uint32_t key_size, value_size; /* with their NULs */
};

static size_t padded(size_t size)
{
    return (size + 7) & ~(size_t)7;
}

static size_t text_size(const char *text)
{
    return text == NULL || *text == '\0' ? 0 : strlen(text) + 1;
}

static const char *key_of(const struct vdt_label *label)
{
    return label->key == NULL || *label->key == '\0' ? "class" : label->key;
}

static bool append_offsets(struct vdt_buffer *bytes, const uint64_t *offsets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t offset = offsets[i] - offsets[0];
        if (!vdt_buffer_append(bytes, &offset, sizeof offset))
            return false;
    }
    return true;
}

static bool append_outline(struct vdt_buffer *bytes, const struct vdt_annotation *annotation,
                           const struct item *item)
{
    if (item->part_count == 0)
        return true;
    const uint64_t *parts = annotation->part_offsets;
    const uint64_t *rings = annotation->ring_offsets + parts[0];
    return vdt_buffer_append(bytes, annotation->points + rings[0],
                             item->point_count * sizeof *annotation->points) &&
           append_offsets(bytes, rings, item->ring_count + 1) &&
           append_offsets(bytes, parts, item->part_count + 1);
}

static bool append_labels(struct vdt_buffer *bytes, const struct vdt_annotation *annotation)
{
    for (size_t i = 0; i < annotation->label_count; i++) {
        const struct vdt_label *from = &annotation->labels[i];
        struct label label = {from->score, (uint32_t)strlen(key_of(from)) + 1,
                              (uint32_t)strlen(from->value) + 1};
        if (!vdt_buffer_append(bytes, &label, sizeof label))
            return false;
    }
    return true;
}

static bool append_texts(struct vdt_buffer *bytes, const struct vdt_annotation *annotation,
                         const struct item *item)
{
    bool good = vdt_buffer_append(bytes, annotation->id, item->id_size) &&
                vdt_buffer_append(bytes, annotation->metadata, item->metadata_size);
    for (size_t i = 0; good && i < annotation->label_count; i++) {
        const char *key = key_of(&annotation->labels[i]);
        const char *value = annotation->labels[i].value;
        good = vdt_buffer_append(bytes, key, strlen(key) + 1) &&
               vdt_buffer_append(bytes, value, strlen(value) + 1);
    }
    return good;
}

static bool append_padding(struct vdt_buffer *bytes, size_t begin)
{
    static const char zeros[8] = {0};
    size_t size = bytes->size - begin;
    return vdt_buffer_append(bytes, zeros, padded(size) - size);
}

bool vdt_run_encode(const struct vdt_annotation *annotation, struct vdt_buffer *bytes)
{
    size_t begin = bytes->size;
    struct item item = {
        .kind = annotation->kind,
        .flags = annotation->flags,
        .label_count = (uint32_t)annotation->label_count,
        .id_size = (uint32_t)text_size(annotation->id),
        .metadata_size = (uint32_t)text_size(annotation->metadata),
        .part_count = (uint32_t)annotation->part_count,
        .area = annotation->area == 0 && !annotation->area_given ? NAN : annotation->area,
    };
    if (annotation->kind == VDT_ANNOTATION_BOX || annotation->box_given)
        memcpy(item.box, annotation->box, sizeof item.box);
    if (annotation->box_given)
        item.flags |= BOX_GIVEN;
    if (annotation->kind == VDT_ANNOTATION_ROTATED)
        memcpy(item.rotated, annotation->rotated, sizeof item.rotated);
    if (item.part_count > 0) {
        const uint64_t *parts = annotation->part_offsets;
        const uint64_t *rings = annotation->ring_offsets;
        item.ring_count = (uint32_t)(parts[item.part_count] - parts[0]);
        item.point_count = (uint32_t)(rings[parts[item.part_count]] - rings[parts[0]]);
    }
    if (annotation->kind == VDT_ANNOTATION_MASK) {
        item.count_count = (uint32_t)annotation->count_count;
        item.rows = annotation->rows;
        item.cols = annotation->cols;
    }
    bool good = vdt_buffer_append(bytes, &item, sizeof item) &&
                append_outline(bytes, annotation, &item) && append_labels(bytes, annotation) &&
                vdt_buffer_append(bytes, annotation->counts, item.count_count * sizeof(uint32_t)) &&
                append_texts(bytes, annotation, &item) && append_padding(bytes, begin);
    if (!good || bytes->size - begin > UINT32_MAX)
        return false;
    item.size = (uint32_t)(bytes->size - begin);
    memcpy(bytes->data + begin, &item.size, sizeof item.size);
    return true;
}

/* --- and back ----------------------------------------------------------------------------------
 */

/* Bytes that are taken in order, and never more than there are. */
struct taker {
    const unsigned char *at;
    size_t left;
    bool bad;
};

static const void *take(struct taker *taker, uint64_t count, size_t size)
{
    if (taker->bad || count > taker->left / size) {
        taker->bad = true;
        return NULL;
    }
    const void *taken = taker->at;
    taker->at += count * size;
    taker->left -= count * size;
    return taken;
}

/* A text of `size` bytes that ends where it should; NULL for none. */
static const char *take_text(struct taker *taker, uint32_t size)
{
    if (size == 0)
        return NULL;
    const char *text = take(taker, size, 1);
    if (text != NULL && strnlen(text, size) != size - 1)
        taker->bad = true;
    return taker->bad ? NULL : text;
}

/* Offsets rise from 0 to `last`. */
static bool offsets_good(const uint64_t *offsets, uint32_t count, uint64_t last)
{
    bool good = offsets[0] == 0 && offsets[count] == last;
    for (uint32_t i = 0; good && i < count; i++)
        good = offsets[i] <= offsets[i + 1];
    return good;
}

static void take_outline(struct taker *taker, const struct item *item,
                         struct vdt_annotation *annotation)
{
    if (item->part_count == 0)
        return;
    annotation->points =
        (const double(*)[2])take(taker, item->point_count, sizeof *annotation->points);
    annotation->ring_offsets = take(taker, (uint64_t)item->ring_count + 1, sizeof(uint64_t));
    annotation->part_offsets = take(taker, (uint64_t)item->part_count + 1, sizeof(uint64_t));
    annotation->part_count = item->part_count;
    if (!taker->bad)
        taker->bad = !offsets_good(annotation->ring_offsets, item->ring_count, item->point_count) ||
                     !offsets_good(annotation->part_offsets, item->part_count, item->ring_count);
}

static bool take_labels(struct taker *taker, const struct label *from, struct vdt_label *labels,
                        size_t count)
{
    for (size_t i = 0; i < count && !taker->bad; i++) {
        labels[i].score = from[i].score;
        labels[i].key = take_text(taker, from[i].key_size);
        labels[i].value = take_text(taker, from[i].value_size);
        if (labels[i].value == NULL)
            taker->bad = true;
    }
    return !taker->bad;
}

vdt_status vdt_run_decode(const unsigned char *bytes, size_t left, const char *what,
                          struct vdt_annotation *annotation, struct vdt_label **labels,
                          size_t *label_room, size_t *size, struct vdt_error *error)
{
    struct item item = {0};
    if (left >= sizeof item)
        memcpy(&item, bytes, sizeof item);
    if (item.size < sizeof item || item.size > left || item.size % 8 != 0)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: a record is damaged", what);
    struct taker taker = {bytes + sizeof item, item.size - sizeof item, false};
    *annotation = (struct vdt_annotation){
        .kind = (enum vdt_annotation_kind)item.kind,
        .flags = item.flags & ~BOX_GIVEN,
        .box_given = (item.flags & BOX_GIVEN) != 0,
        .label_count = item.label_count,
        .area = item.area,
        .area_given = !isnan(item.area),
        .count_count = item.count_count,
        .rows = item.rows,
        .cols = item.cols,
    };
    memcpy(annotation->box, item.box, sizeof item.box);
    memcpy(annotation->rotated, item.rotated, sizeof item.rotated);
    take_outline(&taker, &item, annotation);
    const struct label *stored = take(&taker, item.label_count, sizeof *stored);
    annotation->counts = item.count_count == 0 ? NULL : take(&taker, item.count_count, 4);
    annotation->id = take_text(&taker, item.id_size);
    annotation->metadata = take_text(&taker, item.metadata_size);
    if (taker.bad)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: a record is damaged", what);
    if (!vdt_grow(labels, label_room, item.label_count, sizeof **labels))
        return vdt_fail_memory(error, what);
    if (!take_labels(&taker, stored, *labels, item.label_count))
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: a record is damaged", what);
    annotation->labels = *labels;
    *size = item.size;
    return VDT_OK;
}

uint32_t vdt_run_item_size(const unsigned char *bytes, size_t left, uint32_t *kind)
{
    struct item item;
    if (left < sizeof item)
        return 0;
    memcpy(&item, bytes, sizeof item);
    *kind = item.kind;
    return item.size < sizeof item || item.size > left || item.size % 8 != 0 ? 0 : item.size;
}

const char *vdt_run_item_id(const unsigned char *bytes, size_t left)
{
    uint32_t kind;
    uint32_t size = vdt_run_item_size(bytes, left, &kind);
    if (size == 0)
        return NULL;
    struct item item;
    memcpy(&item, bytes, sizeof item);
    struct taker taker = {bytes + sizeof item, size - sizeof item, false};
    struct vdt_annotation skipped;
    take_outline(&taker, &item, &skipped);
    take(&taker, item.label_count, sizeof(struct label));
    take(&taker, item.count_count, sizeof(uint32_t));
    return take_text(&taker, item.id_size);
}
