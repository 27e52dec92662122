/* YOLO back. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "exchange/importer.h"
#include "exchange/paint.h"

static void clear(struct vdt_import *in)
{
    if (in->state == NULL)
        return;
    vdt_paint_clear(in->state);
    free(in->state);
}

/* The numbers of a line behind its class, as points. */
static bool read_points(struct vdt_paint *paint, const char *text, unsigned long *class_id)
{
    char *end = NULL;
    *class_id = strtoul(text, &end, 10);
    if (end == text)
        return false;
    paint->point_count = 0;
    for (;;) {
        const char *from = end;
        double x = strtod(from, &end);
        if (end == from)
            break;
        from = end;
        double y = strtod(from, &end);
        if (end == from || !isfinite(x) || !isfinite(y) || !vdt_paint_point(paint, x, y))
            return false;
    }
    return end[strspn(end, " \t\r\n")] == '\0' && paint->point_count >= 2;
}

/* The smallest box round the points. */
static void enclose(const struct vdt_paint *paint, double edges[4])
{
    edges[0] = edges[1] = INFINITY;
    edges[2] = edges[3] = -INFINITY;
    for (size_t p = 0; p < paint->point_count; p++)
        for (int axis = 0; axis < 2; axis++) {
            edges[axis] = fmin(edges[axis], paint->points[p][axis]);
            edges[axis + 2] = fmax(edges[axis + 2], paint->points[p][axis]);
        }
}

static vdt_status read_object(struct vdt_import *in, const char *line, size_t i, const char *path,
                              struct vdt_error *error)
{
    struct vdt_paint *paint = in->state;
    struct vdt_record_memory *memory = &in->record.memory;
    const double size[2] = {in->spec.tile.cols, in->spec.tile.rows};
    unsigned long class_id = 0;
    double edges[4];
    if (!read_points(paint, line, &class_id) || class_id >= in->spec.class_count)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: object %zu is not as YOLO has it", path, i + 1);
    for (size_t p = 0; p < paint->point_count; p++)
        for (int axis = 0; axis < 2; axis++)
            paint->points[p][axis] *= size[axis];
    if (paint->point_count > 2)
        enclose(paint, edges);
    else
        for (int axis = 0; axis < 2; axis++) {
            edges[axis] = paint->points[0][axis] - paint->points[1][axis] / 2;
            edges[axis + 2] = paint->points[0][axis] + paint->points[1][axis] / 2;
        }
    for (int k = 0; k < 4; k++) /* rounding may step over the tile's edge */
        memory->boxes[i][k] = (float)fmin(fmax(edges[k], 0), size[k % 2]);
    memory->box_class[i] = (uint16_t)class_id;
    memory->box_feature[i] = (int64_t)i;
    memory->box_visible[i] = 1;
    if (memory->planes[VDT_INSTANCES] == NULL)
        return VDT_OK;
    return vdt_paint_polygon(paint, &in->spec.tile, (uint16_t)(i + 1),
                             memory->planes[VDT_INSTANCES], error);
}

static vdt_status read_lines(struct vdt_import *in, FILE *file, const char *path,
                             struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *line = NULL;
    size_t size = 0, count = 0;
    while (getline(&line, &size, file) > 0)
        count += line[strspn(line, " \t\r\n")] != '\0';
    rewind(file);
    vdt_status status = vdt_import_boxes(in, count, error);
    for (size_t i = 0; status == VDT_OK && i < count && getline(&line, &size, file) > 0;)
        if (line[strspn(line, " \t\r\n")] != '\0')
            status = read_object(in, line, i++, path, error);
    return status;
}

static vdt_status read_sample(struct vdt_import *in, json_t *about, struct vdt_error *error)
{
    (void)about;
    vdt_cleanup(vdt_free_pointer) char *path = vdt_import_path(in, "labels", ".txt");
    if (path == NULL)
        return vdt_fail_memory(error, in->folder);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return vdt_fail_errno(error, path);
    vdt_status status = read_lines(in, file, path, error);
    fclose(file);
    return status == VDT_OK ? vdt_import_picture(in, "images", error) : status;
}

static vdt_status read_folder(struct vdt_import *in, struct vdt_error *error)
{
    in->state = calloc(1, sizeof(struct vdt_paint));
    return in->state == NULL ? vdt_fail_memory(error, in->folder) : vdt_import_list(in, error);
}

const struct vdt_import_format vdt_import_yolo = {.name = "yolo",
                                                  .tasks = VDT_DETECTION | VDT_INSTANCE,
                                                  .read = read_folder,
                                                  .sample = read_sample,
                                                  .clear = clear};
