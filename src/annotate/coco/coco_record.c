/* Records of COCO files: from text to columns. */
#include "annotate/coco/coco_record.h"

#include <math.h>
#include <string.h>
#include <vedatile/coco.h>

#include "base/fold.h"

#define IS(text, name) (memcmp(text, name, sizeof name - 1) == 0)

/* A member of a record that is known. */
enum member {
    OTHER,
    ID,
    IMAGE_ID,
    CATEGORY_ID,
    BBOX,
    AREA,
    SCORE,
    ISCROWD,
    IGNORE,
    SEGMENTATION,
    WIDTH,
    HEIGHT,
    NAME,
    FILE_NAME,
    SUPERCATEGORY
};

static enum member which_member(const char *key, size_t size)
{
    switch (size) {
    case 2: return IS(key, "id") ? ID : OTHER;
    case 4: return IS(key, "bbox") ? BBOX : IS(key, "area") ? AREA : IS(key, "name") ? NAME : OTHER;
    case 5: return IS(key, "score") ? SCORE : IS(key, "width") ? WIDTH : OTHER;
    case 6: return IS(key, "ignore") ? IGNORE : IS(key, "height") ? HEIGHT : OTHER;
    case 7: return IS(key, "iscrowd") ? ISCROWD : OTHER;
    case 8: return IS(key, "image_id") ? IMAGE_ID : OTHER;
    case 9: return IS(key, "file_name") ? FILE_NAME : OTHER;
    case 11: return IS(key, "category_id") ? CATEGORY_ID : OTHER;
    case 12: return IS(key, "segmentation") ? SEGMENTATION : OTHER;
    case 13: return IS(key, "supercategory") ? SUPERCATEGORY : OTHER;
    default: return OTHER;
    }
}

/* --- values ------------------------------------------------------------------------------ */

struct number {
    bool there;
    int64_t value;
};

static bool null(struct vdt_coco_text *text)
{
    return *text->at == 'n' && vdt_coco_word(text, "null");
}

static bool read_id(struct vdt_coco_text *text, struct number *id)
{
    static const char problem[] = "an id that is no whole number of 64 bits: number images, "
                                  "categories and annotations with whole numbers";
    if (vdt_coco_peek(text) == '"')
        return vdt_coco_problem(text, "an id that is a text: number images, categories and "
                                      "annotations with whole numbers, or score the files with "
                                      "vedatile.coco in Python, which takes texts");
    struct vdt_decimal number;
    if (!vdt_coco_number(text, &number))
        return false;
    id->there = true;
    id->value = number.integer;
    if (number.whole)
        return true;
    /* 12.0 is 12 for Python as well. */
    if (number.real != floor(number.real) || fabs(number.real) > 9007199254740992.0)
        return vdt_coco_problem(text, problem);
    id->value = (int64_t)number.real;
    return true;
}

/* A number, or null, which leaves `value`. */
static bool read_real(struct vdt_coco_text *text, double *value)
{
    struct vdt_decimal number;
    if (null(text))
        return true;
    if (*text->at == 'N' || *text->at == 'I' || (*text->at == '-' && text->at[1] == 'I'))
        return vdt_coco_problem(text, "NaN or Infinity: give a number");
    if (!vdt_coco_number(text, &number))
        return false;
    *value = number.real;
    return true;
}

static bool read_flag(struct vdt_coco_text *text, uint8_t *flag)
{
    if (*text->at == 't') {
        *flag = 1;
        return vdt_coco_word(text, "true");
    }
    *flag = 0;
    if (*text->at == 'f')
        return vdt_coco_word(text, "false");
    double value = 0;
    if (!read_real(text, &value))
        return false;
    *flag = value == 1;
    return value == 0 || value == 1 || vdt_coco_problem(text, "iscrowd and ignore are 0 or 1");
}

static bool read_side(struct vdt_coco_text *text, uint32_t *side)
{
    double value = 0;
    if (!read_real(text, &value))
        return false;
    if (value < 0 || value > UINT32_MAX || value != floor(value))
        return vdt_coco_problem(text, "width and height are whole numbers of pixels");
    *side = (uint32_t)value;
    return true;
}

static bool read_box(struct vdt_coco_text *text, double box[4])
{
    static const char problem[] = "bbox is not four numbers: x, y, width, height";
    for (int i = 0; i < 4; i++)
        box[i] = NAN;
    if (null(text))
        return true;
    bool first = true;
    int count = 0;
    struct vdt_decimal number;
    while (vdt_coco_element(text, &first)) {
        if (count == 4)
            return vdt_coco_problem(text, problem);
        if (*text->at == 'N' || *text->at == 'I' || (*text->at == '-' && text->at[1] == 'I'))
            return vdt_coco_problem(text, "NaN or Infinity: give a number");
        if (!vdt_coco_number(text, &number))
            return false;
        box[count++] = number.real;
    }
    if (text->problem != NULL)
        return false;
    return count == 4 || count == 0 || vdt_coco_problem(text, problem); /* []: none */
}

/* --- annotations and results --------------------------------------------------------------- */

struct record {
    struct number id, image_id, category_id;
    double box[4], area, score;
    uint8_t crowd, ignore;
    struct vdt_coco_segmentation segmentation;
    size_t counts, rings, points, text; /* in the part before this record */
    bool attributes;
};

static bool append_text(struct vdt_coco_text *text, struct vdt_coco_part *part, const char *data,
                        size_t size)
{
    if (size == 0)
        return true;
    if (!vdt_coco_part_room(part, VDT_COCO_TEXT, size))
        return vdt_coco_problem(text, vdt_coco_no_memory);
    char *to = part->column[VDT_COCO_TEXT].data;
    memcpy(to + part->column[VDT_COCO_TEXT].count, data, size);
    part->column[VDT_COCO_TEXT].count += size;
    return true;
}

/* A member that is not known, as it is in the file. */
static bool read_attribute(struct vdt_coco_text *text, struct vdt_coco_part *part,
                           struct record *record)
{
    const char *value = text->at, *name = text->name;
    size_t name_size = text->name_size;
    if (!vdt_coco_skip(text))
        return false;
    if (!vdt_coco_wants(part, VDT_COCO_TEXT_END))
        return true;
    if (!vdt_utf8_valid(name, (size_t)(text->at - name)))
        return vdt_coco_problem(text, "a string that is not UTF-8: save the file as UTF-8");
    const char *lead = record->attributes ? ",\"" : "{\"";
    record->attributes = true;
    return append_text(text, part, lead, 2) && append_text(text, part, name, name_size) &&
           append_text(text, part, "\":", 2) &&
           append_text(text, part, value, (size_t)(text->at - value));
}

/* A name that is there twice counts as it is the second time. */
static bool read_segmentation(struct vdt_coco_text *text, struct vdt_coco_part *part,
                              struct record *record)
{
    part->column[VDT_COCO_COUNTS].count = record->counts;
    part->column[VDT_COCO_POINT_END].count = record->rings;
    part->column[VDT_COCO_POINTS].count = record->points;
    record->segmentation = (struct vdt_coco_segmentation){0};
    if (!vdt_coco_wants(part, VDT_COCO_SHAPE))
        return vdt_coco_skip(text);
    return null(text) || vdt_coco_read_segmentation(text, part, &record->segmentation);
}

static bool read_value(struct vdt_coco_text *text, struct vdt_coco_part *part,
                       struct record *record, const char *key, size_t size)
{
    switch (which_member(key, size)) {
    case ID:
        if (vdt_coco_wants(part, VDT_COCO_ID))
            return read_id(text, &record->id);
        return vdt_coco_skip(text);
    case IMAGE_ID: return read_id(text, &record->image_id);
    case CATEGORY_ID: return read_id(text, &record->category_id);
    case BBOX: return read_box(text, record->box);
    case AREA: return read_real(text, &record->area);
    case SCORE: return read_real(text, &record->score);
    case ISCROWD: return read_flag(text, &record->crowd);
    case IGNORE: return read_flag(text, &record->ignore);
    case SEGMENTATION: return read_segmentation(text, part, record);
    default: return read_attribute(text, part, record);
    }
}

/* Room for one more record in all of its columns. */
static bool room_for_record(struct vdt_coco_text *text, struct vdt_coco_part *part)
{
    for (int c = 0; c < VDT_COCO_RECORD_COLUMNS; c++)
        if (vdt_coco_wants(part, c) && !vdt_coco_part_room(part, c, 1))
            return vdt_coco_problem(text, vdt_coco_no_memory);
    return true;
}

#define PUT(part, name, type, value) \
    ((type *)(part)->column[name].data)[(part)->column[name].count++] = (value)

static void put_shape(struct vdt_coco_part *part, const struct record *record)
{
    size_t at = part->records;
    PUT(part, VDT_COCO_SHAPE, uint8_t, record->segmentation.shape);
    memcpy((uint32_t(*)[2])part->column[VDT_COCO_SIZE].data + at, record->segmentation.size,
           sizeof record->segmentation.size);
    part->column[VDT_COCO_SIZE].count++;
    PUT(part, VDT_COCO_COUNT_END, uint64_t, part->column[VDT_COCO_COUNTS].count);
    PUT(part, VDT_COCO_RING_END, uint64_t, part->column[VDT_COCO_POINT_END].count);
}

static void put_record(struct vdt_coco_part *part, const struct record *record)
{
    PUT(part, VDT_COCO_IMAGE_ID, int64_t, record->image_id.value);
    PUT(part, VDT_COCO_CATEGORY_ID, int64_t, record->category_id.value);
    memcpy((double(*)[4])part->column[VDT_COCO_BOX].data + part->records, record->box,
           sizeof record->box);
    part->column[VDT_COCO_BOX].count++;
    if (vdt_coco_wants(part, VDT_COCO_SCORE)) {
        PUT(part, VDT_COCO_SCORE, double, record->score);
    } else {
        PUT(part, VDT_COCO_ID, int64_t, record->id.value);
        PUT(part, VDT_COCO_AREA, double, record->area);
        PUT(part, VDT_COCO_CROWD, uint8_t, record->crowd);
        PUT(part, VDT_COCO_IGNORE, uint8_t, record->ignore);
    }
    if (vdt_coco_wants(part, VDT_COCO_SHAPE))
        put_shape(part, record);
    if (vdt_coco_wants(part, VDT_COCO_TEXT_END))
        PUT(part, VDT_COCO_TEXT_END, uint64_t, part->column[VDT_COCO_TEXT].count);
    part->records++;
}

static bool read_object(struct vdt_coco_text *text, struct vdt_coco_part *part)
{
    struct record record = {.box = {NAN, NAN, NAN, NAN},
                            .area = NAN,
                            .score = NAN,
                            .counts = part->column[VDT_COCO_COUNTS].count,
                            .rings = part->column[VDT_COCO_POINT_END].count,
                            .points = part->column[VDT_COCO_POINTS].count};
    bool first = true;
    const char *key;
    size_t size;
    while (vdt_coco_member(text, &first, &key, &size))
        if (!read_value(text, part, &record, key, size))
            return false;
    if (text->problem != NULL)
        return false;
    bool result = vdt_coco_wants(part, VDT_COCO_SCORE);
    if (!record.image_id.there || !record.category_id.there || (!result && !record.id.there))
        return vdt_coco_problem(text, result ? "no image_id or no category_id"
                                             : "no id, no image_id or no category_id");
    if (result && isnan(record.score))
        return vdt_coco_problem(text,
                                "no score: detections need one, ground truth is another file");
    if ((record.attributes && !append_text(text, part, "}", 1)) || !room_for_record(text, part))
        return false;
    put_record(part, &record);
    return true;
}

/* --- images and categories ------------------------------------------------------------------ */

struct named {
    struct number id;
    uint32_t size[2];
    struct vdt_buffer name, more;
};

static bool read_named_value(struct vdt_coco_text *text, enum vdt_coco_kind kind,
                             struct named *named, enum member member)
{
    bool image = kind == VDT_COCO_IMAGE;
    switch (member) {
    case ID: return read_id(text, &named->id);
    case WIDTH: return image ? read_side(text, &named->size[1]) : vdt_coco_skip(text);
    case HEIGHT: return image ? read_side(text, &named->size[0]) : vdt_coco_skip(text);
    case NAME:
    case FILE_NAME:
        if (image != (member == FILE_NAME))
            return vdt_coco_skip(text);
        named->name.size = 0;
        return null(text) || vdt_coco_string(text, &named->name);
    case SUPERCATEGORY:
        named->more.size = 0;
        return null(text) || vdt_coco_string(text, &named->more);
    default: return vdt_coco_skip(text);
    }
}

static bool put_named(struct vdt_coco_text *text, struct vdt_coco_part *part,
                      const struct named *named)
{
    if (!room_for_record(text, part) ||
        !append_text(text, part, (const char *)named->name.data, named->name.size) ||
        !append_text(text, part, "", 1) ||
        !append_text(text, part, (const char *)named->more.data, named->more.size) ||
        !append_text(text, part, "", 1))
        return false;
    PUT(part, VDT_COCO_ID, int64_t, named->id.value);
    memcpy((uint32_t(*)[2])part->column[VDT_COCO_SIZE].data + part->records, named->size,
           sizeof named->size);
    part->column[VDT_COCO_SIZE].count++;
    PUT(part, VDT_COCO_TEXT_END, uint64_t, part->column[VDT_COCO_TEXT].count);
    part->records++;
    return true;
}

static bool read_named(struct vdt_coco_text *text, enum vdt_coco_kind kind,
                       struct vdt_coco_part *part)
{
    struct named named = {0};
    bool first = true, fine = true;
    const char *key;
    size_t size;
    while (fine && vdt_coco_member(text, &first, &key, &size))
        fine = read_named_value(text, kind, &named, which_member(key, size));
    if (text->problem == NULL) {
        if (!named.id.there)
            vdt_coco_problem(text, "no id");
        else
            put_named(text, part, &named);
    }
    vdt_buffer_clear(&named.name);
    vdt_buffer_clear(&named.more);
    return text->problem == NULL;
}

bool vdt_coco_record(struct vdt_coco_text *text, enum vdt_coco_kind kind,
                     struct vdt_coco_part *part)
{
    switch (kind) {
    case VDT_COCO_IMAGE:
    case VDT_COCO_CATEGORY: return read_named(text, kind, part);
    case VDT_COCO_ANNOTATION:
    case VDT_COCO_RESULT: return read_object(text, part);
    case VDT_COCO_OTHER: break;
    }
    return vdt_coco_skip(text);
}
