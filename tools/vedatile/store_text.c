/* What the commands that describe a store have in common. */
#include "store_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

enum { TASK_COUNT = 8 };

const char *store_tasks(char *buffer, size_t size, uint32_t tasks)
{
    size_t used = 0;
    snprintf(buffer, size, "%s", tasks ? "" : "none");
    for (unsigned i = 0; i < TASK_COUNT; i++) {
        uint32_t task = tasks & (UINT32_C(1) << i);
        if (task && used < size)
            used += (size_t)snprintf(buffer + used, size - used, "%s%s", used ? ", " : "",
                                     vdt_task_name((enum vdt_task)task));
    }
    return buffer;
}

json_t *store_tasks_json(uint32_t tasks)
{
    json_t *array = json_array();
    for (unsigned i = 0; i < TASK_COUNT; i++) {
        uint32_t task = tasks & (UINT32_C(1) << i);
        if (task)
            json_array_append_new(array, json_string(vdt_task_name((enum vdt_task)task)));
    }
    return array;
}

struct span {
    double west;
    double east; /* not below west; above 180 behind the antimeridian */
};

static int compare_spans(const void *a, const void *b)
{
    const struct span *first = a, *second = b;
    return (first->west > second->west) - (first->west < second->west);
}

/* The shortest arc that holds all spans: the rest of the circle is its largest gap. */
static struct span join_spans(struct span *spans, size_t count)
{
    qsort(spans, count, sizeof *spans, compare_spans);
    double reach = spans[0].east, gap = -1;
    struct span joined = {.west = spans[0].west, .east = spans[0].east};
    for (size_t i = 1; i < count; i++) {
        if (spans[i].west - reach > gap) {
            gap = spans[i].west - reach;
            joined = (struct span){.west = spans[i].west, .east = reach};
        }
        reach = fmax(reach, spans[i].east);
    }
    if (spans[0].west + 360 - reach > gap)
        joined = (struct span){.west = spans[0].west, .east = reach};
    if (joined.east > 180)
        joined.east -= 360;
    return joined;
}

struct bounds_sum {
    struct span *spans;
    size_t count;
    bool crosses;
    double south, north;
};

static vdt_status add_group(const struct vdt_reader *reader, size_t group, struct bounds_sum *sum,
                            struct vdt_error *error)
{
    uint64_t count = vdt_reader_count(reader, group);
    for (uint64_t i = 0; i < count; i++) {
        struct vdt_sample sample;
        vdt_status status = vdt_reader_sample(reader, group, i, &sample, NULL, error);
        if (status)
            return status;
        const double *bounds = sample.bounds;
        if (!isfinite(bounds[0] + bounds[1] + bounds[2] + bounds[3]))
            continue;
        bool crosses = bounds[2] < bounds[0];
        sum->spans[sum->count++] =
            (struct span){.west = bounds[0], .east = bounds[2] + (crosses ? 360 : 0)};
        sum->crosses = sum->crosses || crosses;
        sum->south = fmin(sum->south, bounds[1]);
        sum->north = fmax(sum->north, bounds[3]);
    }
    return VDT_OK;
}

static struct span join_plainly(const struct span *spans, size_t count)
{
    struct span joined = spans[0];
    for (size_t i = 1; i < count; i++) {
        joined.west = fmin(joined.west, spans[i].west);
        joined.east = fmax(joined.east, spans[i].east);
    }
    return joined;
}

vdt_status store_bounds(const struct vdt_reader *reader, double bounds[4], bool *known,
                        struct vdt_error *error)
{
    struct bounds_sum sum = {.south = INFINITY, .north = -INFINITY};
    uint64_t samples = 0;
    vdt_status status = VDT_OK;
    for (size_t group = 0; group < vdt_reader_group_count(reader); group++)
        samples += vdt_reader_count(reader, group);
    sum.spans = calloc(samples + 1, sizeof *sum.spans);
    if (!sum.spans)
        return error_memory(error);
    for (size_t group = 0; !status && group < vdt_reader_group_count(reader); group++)
        status = add_group(reader, group, &sum, error);
    *known = !status && sum.count > 0;
    if (*known) {
        struct span joined =
            sum.crosses ? join_spans(sum.spans, sum.count) : join_plainly(sum.spans, sum.count);
        bounds[0] = joined.west;
        bounds[1] = sum.south;
        bounds[2] = joined.east;
        bounds[3] = sum.north;
    }
    free(sum.spans);
    return status;
}

vdt_status store_group(const struct vdt_reader *reader, const char *name, size_t *group,
                       struct vdt_error *error)
{
    if (name)
        return vdt_reader_find_group(reader, name, group, error);
    if (vdt_reader_group_count(reader) == 0)
        return error_set(error, VDT_ERR_NOT_FOUND, "%s has no groups", vdt_reader_path(reader));
    if (vdt_reader_find_group(reader, "train", group, NULL))
        *group = 0;
    return VDT_OK;
}
