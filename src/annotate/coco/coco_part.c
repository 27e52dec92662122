/* Records of a COCO file as columns. */
#include "annotate/coco/coco_part.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

static const size_t sizes[VDT_COCO_COLUMNS] = {
    [VDT_COCO_ID] = sizeof(int64_t),
    [VDT_COCO_IMAGE_ID] = sizeof(int64_t),
    [VDT_COCO_CATEGORY_ID] = sizeof(int64_t),
    [VDT_COCO_BOX] = 4 * sizeof(double),
    [VDT_COCO_AREA] = sizeof(double),
    [VDT_COCO_SCORE] = sizeof(double),
    [VDT_COCO_CROWD] = 1,
    [VDT_COCO_IGNORE] = 1,
    [VDT_COCO_SHAPE] = 1,
    [VDT_COCO_SIZE] = 2 * sizeof(uint32_t),
    [VDT_COCO_COUNT_END] = sizeof(uint64_t),
    [VDT_COCO_RING_END] = sizeof(uint64_t),
    [VDT_COCO_TEXT_END] = sizeof(uint64_t),
    [VDT_COCO_COUNTS] = sizeof(uint32_t),
    [VDT_COCO_POINT_END] = sizeof(uint64_t),
    [VDT_COCO_POINTS] = 2 * sizeof(double),
    [VDT_COCO_TEXT] = 1,
};

/* What the ends in a column are the ends of. */
static const struct {
    enum vdt_coco_column ends, values;
} ends[] = {
    {VDT_COCO_COUNT_END, VDT_COCO_COUNTS},
    {VDT_COCO_RING_END, VDT_COCO_POINT_END},
    {VDT_COCO_TEXT_END, VDT_COCO_TEXT},
    {VDT_COCO_POINT_END, VDT_COCO_POINTS}, /* behind RING_END: vdt_coco_part_cut goes by it */
};
enum { ENDS = sizeof ends / sizeof ends[0] };

void vdt_coco_part_clear(struct vdt_coco_part *part)
{
    for (int c = 0; c < VDT_COCO_COLUMNS; c++)
        free(part->column[c].data);
    *part = (struct vdt_coco_part){.wanted = part->wanted};
}

bool vdt_coco_part_grow(struct vdt_coco_part *part, enum vdt_coco_column column, size_t more)
{
    return vdt_grow(&part->column[column].data, &part->column[column].capacity,
                    part->column[column].count + more, sizes[column]);
}

/* The end of what the first `count` elements of a column of ends have. */
static size_t end_of(const struct vdt_coco_part *part, enum vdt_coco_column column, size_t count)
{
    return count == 0 ? 0 : (size_t)((const uint64_t *)part->column[column].data)[count - 1];
}

void vdt_coco_part_cut(struct vdt_coco_part *part, size_t records)
{
    part->records = records;
    for (int c = 0; c < VDT_COCO_RECORD_COLUMNS; c++)
        if (part->column[c].count > records)
            part->column[c].count = records;
    for (int e = 0; e < ENDS; e++)
        part->column[ends[e].values].count =
            end_of(part, ends[e].ends, part->column[ends[e].ends].count);
}

bool vdt_coco_part_append(struct vdt_coco_part *part, const struct vdt_coco_part *more)
{
    size_t bases[VDT_COCO_COLUMNS];
    for (int c = 0; c < VDT_COCO_COLUMNS; c++) {
        size_t count = more->column[c].count, size = sizes[c];
        bases[c] = part->column[c].count;
        if (count == 0)
            continue;
        if (!vdt_coco_part_room(part, c, count))
            return false;
        memcpy((char *)part->column[c].data + bases[c] * size, more->column[c].data, count * size);
        part->column[c].count += count;
    }
    for (int e = 0; e < ENDS; e++) {
        uint64_t *end = part->column[ends[e].ends].data, base = bases[ends[e].values];
        for (size_t i = bases[ends[e].ends]; i < part->column[ends[e].ends].count; i++)
            end[i] += base;
    }
    part->records += more->records;
    return true;
}

void vdt_coco_part_expect(struct vdt_coco_part *part, const struct vdt_coco_part *like,
                          double times)
{
    for (int c = 0; c < VDT_COCO_COLUMNS; c++) {
        double wanted = (double)like->column[c].count * times;
        if (wanted >= 1 && wanted < 1e12 && !vdt_coco_part_room(part, c, (size_t)wanted))
            return; /* it may do with less */
    }
}

bool vdt_coco_part_offsets(struct vdt_coco_part *part)
{
    for (int e = 0; e < ENDS; e++) {
        enum vdt_coco_column c = ends[e].ends;
        bool wanted = vdt_coco_wants(part, c == VDT_COCO_POINT_END ? VDT_COCO_RING_END : c);
        if (!wanted)
            continue;
        if (!vdt_coco_part_room(part, c, 1))
            return false;
        uint64_t *end = part->column[c].data;
        memmove(end + 1, end, part->column[c].count * sizeof *end);
        end[0] = 0;
        part->column[c].count++;
    }
    return true;
}
