/* The shortest arc of longitudes, as `vedatile info` has it. */
#include "server/draw/bounds.h"

#include <math.h>
#include <stdlib.h>

#include "base/buffer.h"

bool vdt_bounds_add(struct vdt_bounds *sum, const double bounds[4])
{
    if (!isfinite(bounds[0] + bounds[1] + bounds[2] + bounds[3]))
        return true;
    if (!vdt_grow(&sum->spans, &sum->capacity, sum->count + 1, sizeof *sum->spans))
        return false;
    bool crosses = bounds[2] < bounds[0];
    bool first = sum->count == 0;
    sum->spans[sum->count++] =
        (struct vdt_span){.west = bounds[0], .east = bounds[2] + (crosses ? 360 : 0)};
    sum->crosses = sum->crosses || crosses;
    sum->south = first ? bounds[1] : fmin(sum->south, bounds[1]);
    sum->north = first ? bounds[3] : fmax(sum->north, bounds[3]);
    return true;
}

static int compare_spans(const void *a, const void *b)
{
    const struct vdt_span *first = a, *second = b;
    return (first->west > second->west) - (first->west < second->west);
}

/* The rest of the circle is the largest gap. */
static struct vdt_span join_round(struct vdt_span *spans, size_t count)
{
    qsort(spans, count, sizeof *spans, compare_spans);
    double reach = spans[0].east, gap = -1;
    struct vdt_span joined = spans[0];
    for (size_t i = 1; i < count; i++) {
        if (spans[i].west - reach > gap) {
            gap = spans[i].west - reach;
            joined = (struct vdt_span){.west = spans[i].west, .east = reach};
        }
        reach = fmax(reach, spans[i].east);
    }
    if (spans[0].west + 360 - reach > gap)
        joined = (struct vdt_span){.west = spans[0].west, .east = reach};
    if (joined.east > 180)
        joined.east -= 360;
    return joined;
}

static struct vdt_span join_plainly(const struct vdt_span *spans, size_t count)
{
    struct vdt_span joined = spans[0];
    for (size_t i = 1; i < count; i++) {
        joined.west = fmin(joined.west, spans[i].west);
        joined.east = fmax(joined.east, spans[i].east);
    }
    return joined;
}

bool vdt_bounds_of(struct vdt_bounds *sum, double bounds[4])
{
    if (sum->count == 0)
        return false;
    struct vdt_span joined =
        sum->crosses ? join_round(sum->spans, sum->count) : join_plainly(sum->spans, sum->count);
    bounds[0] = joined.west;
    bounds[1] = sum->south;
    bounds[2] = joined.east;
    bounds[3] = sum->north;
    return true;
}

void vdt_bounds_clear(struct vdt_bounds *sum)
{
    free(sum->spans);
    *sum = (struct vdt_bounds){0};
}
