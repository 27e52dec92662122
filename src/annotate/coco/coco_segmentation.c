/* What COCO has as `segmentation`: rings, run lengths, or run lengths as text. */
#include <math.h>
#include <string.h>
#include <vedatile/coco.h>

#include "annotate/coco/coco_record.h"

static const char WRONG_SIZE[] = "size is not two whole numbers, rows and columns, of an image of "
                                 "fewer than 2^32 pixels";
static const char WRONG_COUNTS[] = "counts are not run lengths: whole numbers from 0, or the text "
                                   "that pycocotools writes";

/* --- rings ---------------------------------------------------------------------------------- */

static bool put_point(struct vdt_coco_text *text, struct vdt_coco_part *part, const double point[2])
{
    if (!vdt_coco_part_room(part, VDT_COCO_POINTS, 1))
        return vdt_coco_problem(text, vdt_coco_no_memory);
    double(*points)[2] = part->column[VDT_COCO_POINTS].data;
    memcpy(points[part->column[VDT_COCO_POINTS].count++], point, 2 * sizeof *point);
    return true;
}

static bool read_ring(struct vdt_coco_text *text, struct vdt_coco_part *part)
{
    bool first = true;
    size_t numbers = 0;
    double point[2];
    struct vdt_decimal number;
    while (vdt_coco_element(text, &first)) {
        if (!vdt_coco_number(text, &number))
            return false;
        point[numbers++ % 2] = number.real;
        if (numbers % 2 == 0 && !put_point(text, part, point))
            return false;
    }
    if (text->problem != NULL)
        return false;
    if (numbers < 6 || numbers % 2 != 0)
        return vdt_coco_problem(text, "a ring of a polygon needs x and y of at least three points");
    if (!vdt_coco_part_room(part, VDT_COCO_POINT_END, 1))
        return vdt_coco_problem(text, vdt_coco_no_memory);
    uint64_t *ends = part->column[VDT_COCO_POINT_END].data;
    ends[part->column[VDT_COCO_POINT_END].count++] = part->column[VDT_COCO_POINTS].count;
    return true;
}

/* --- run lengths ------------------------------------------------------------------------------ */

struct runs {
    size_t before; /* counts in the part before these */
    bool counts, size;
    uint64_t total; /* pixels */
};

static bool put_run(struct vdt_coco_text *text, struct vdt_coco_part *part, struct runs *runs,
                    int64_t run)
{
    runs->total += (uint64_t)run;
    if (run < 0 || run > UINT32_MAX || runs->total > UINT32_MAX)
        return vdt_coco_problem(text, WRONG_COUNTS);
    if (!vdt_coco_part_room(part, VDT_COCO_COUNTS, 1))
        return vdt_coco_problem(text, vdt_coco_no_memory);
    uint32_t *counts = part->column[VDT_COCO_COUNTS].data;
    counts[part->column[VDT_COCO_COUNTS].count++] = (uint32_t)run;
    return true;
}

static bool read_list(struct vdt_coco_text *text, struct vdt_coco_part *part, struct runs *runs)
{
    bool first = true;
    struct vdt_decimal number;
    while (vdt_coco_element(text, &first)) {
        if (!vdt_coco_number(text, &number))
            return false;
        if (number.real < 0 || number.real > UINT32_MAX || number.real != floor(number.real))
            return vdt_coco_problem(text, WRONG_COUNTS);
        if (!put_run(text, part, runs, (int64_t)number.real))
            return false;
    }
    return text->problem == NULL;
}

/* The next letter of a string; 0 at its end or with a problem. */
static char letter(struct vdt_coco_text *text)
{
    char c = *text->at;
    if (c == '"')
        return '\0';
    if (c != '\\') {
        text->at++;
        return c;
    }
    struct vdt_json_escape escape;
    if (!vdt_coco_escape(text, &escape))
        return '\0';
    if (escape.size != 1) {
        vdt_coco_problem(text, WRONG_COUNTS);
        return '\0';
    }
    return escape.text[0];
}

/* Each run in letters of five bits, the lowest first, with a sixth bit while there are more; the
 * last one's highest bit is the sign. From the fourth run on it is the difference to the run before
 * the last. */
static bool read_letters(struct vdt_coco_text *text, struct vdt_coco_part *part, struct runs *runs)
{
    text->at++;
    char c;
    while ((c = letter(text)) != '\0') {
        uint64_t bits = 0;
        int shift = 0;
        for (;; c = letter(text)) {
            if (c < '0' || c > 'o' || shift > 30)
                return vdt_coco_problem(text, WRONG_COUNTS);
            uint64_t five = (uint64_t)(c - '0') & 0x1f;
            bits |= five << shift;
            shift += 5;
            if (((c - '0') & 0x20) != 0)
                continue;
            if ((five & 0x10) != 0)
                bits |= UINT64_MAX << shift;
            break;
        }
        size_t count = part->column[VDT_COCO_COUNTS].count;
        const uint32_t *counts = part->column[VDT_COCO_COUNTS].data;
        int64_t run = (int64_t)bits + (count - runs->before > 2 ? (int64_t)counts[count - 2] : 0);
        if (!put_run(text, part, runs, run))
            return false;
    }
    if (*text->at != '"')
        return vdt_coco_problem(text, WRONG_COUNTS);
    text->at++;
    return text->problem == NULL;
}

static bool read_size(struct vdt_coco_text *text, uint32_t size[2])
{
    bool first = true;
    int numbers = 0;
    struct vdt_decimal number;
    while (vdt_coco_element(text, &first)) {
        if (!vdt_coco_number(text, &number))
            return false;
        if (numbers == 2 || number.real < 0 || number.real > UINT32_MAX ||
            number.real != floor(number.real))
            return vdt_coco_problem(text, WRONG_SIZE);
        size[numbers++] = (uint32_t)number.real;
    }
    if (text->problem != NULL)
        return false;
    return (numbers == 2 && (uint64_t)size[0] * size[1] <= UINT32_MAX) ||
           vdt_coco_problem(text, WRONG_SIZE);
}

static bool read_runs(struct vdt_coco_text *text, struct vdt_coco_part *part, uint32_t size[2])
{
    struct runs runs = {.before = part->column[VDT_COCO_COUNTS].count};
    bool first = true;
    const char *key;
    size_t key_size;
    while (vdt_coco_member(text, &first, &key, &key_size)) {
        bool fine;
        if (key_size == 4 && memcmp(key, "size", 4) == 0) {
            fine = runs.size = read_size(text, size);
        } else if (key_size == 6 && memcmp(key, "counts", 6) == 0) {
            part->column[VDT_COCO_COUNTS].count = runs.before;
            runs.total = 0;
            fine = runs.counts =
                *text->at == '"' ? read_letters(text, part, &runs) : read_list(text, part, &runs);
        } else {
            fine = vdt_coco_skip(text);
        }
        if (!fine)
            return false;
    }
    if (text->problem != NULL)
        return false;
    if (!runs.size || !runs.counts)
        return vdt_coco_problem(text, "a mask needs size and counts");
    return runs.total == (uint64_t)size[0] * size[1] ||
           vdt_coco_problem(text, "the counts of a mask do not add up to rows times columns");
}

bool vdt_coco_read_segmentation(struct vdt_coco_text *text, struct vdt_coco_part *part,
                                struct vdt_coco_segmentation *segmentation)
{
    if (vdt_coco_peek(text) == '{') {
        segmentation->shape = VDT_COCO_RLE;
        return read_runs(text, part, segmentation->size);
    }
    bool first = true;
    while (vdt_coco_element(text, &first)) {
        segmentation->shape = VDT_COCO_POLYGONS;
        if (!read_ring(text, part))
            return false;
    }
    return text->problem == NULL;
}
