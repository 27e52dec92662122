/* Outlines of windows in degrees and on a frame. */
#include "feed/place.h"

#include <math.h>

enum { SIDE_POINTS = 8, OUTLINE_POINTS = 4 * SIDE_POINTS };

static void outline(const struct vdt_window *window, double points[OUTLINE_POINTS][2])
{
    for (int i = 0; i < SIDE_POINTS; i++) {
        double x = window->col + (double)window->cols * i / SIDE_POINTS;
        double y = window->row + (double)window->rows * i / SIDE_POINTS;
        double right = (double)window->col + window->cols,
               bottom = (double)window->row + window->rows;
        double back_x = right - (x - window->col), back_y = bottom - (y - window->row);
        double side[4][2] = {{x, window->row}, {right, y}, {back_x, bottom}, {window->col, back_y}};
        for (int s = 0; s < 4; s++) {
            points[s * SIDE_POINTS + i][0] = side[s][0];
            points[s * SIDE_POINTS + i][1] = side[s][1];
        }
    }
}

/* Longitudes come with any number of whole turns (a scene may count from 0 to 360): each is moved
 * next to the one before it on the outline. Returns the turns that the outline makes in all: 0, or
 * 1 or -1 round a pole. */
static int follow(double points[OUTLINE_POINTS][2])
{
    for (int i = 1; i < OUTLINE_POINTS; i++)
        points[i][0] -= 360 * rint((points[i][0] - points[i - 1][0]) / 360);
    return (int)rint((points[OUTLINE_POINTS - 1][0] - points[0][0]) / 360);
}

static void range(const double points[OUTLINE_POINTS][2], int axis, double *low, double *high)
{
    *low = INFINITY;
    *high = -INFINITY;
    for (int i = 0; i < OUTLINE_POINTS; i++) {
        *low = fmin(*low, points[i][axis]);
        *high = fmax(*high, points[i][axis]);
    }
}

bool vdt_place_bounds(struct vdt_scene *scene, const struct vdt_window *window, double bounds[4])
{
    double points[OUTLINE_POINTS][2];
    bool ok[OUTLINE_POINTS];
    outline(window, points);
    bool placed = vdt_scene_lonlat(scene, points, OUTLINE_POINTS, ok, NULL) == VDT_OK;
    for (int i = 0; placed && i < OUTLINE_POINTS; i++)
        placed = ok[i] && isfinite(points[i][0]) && isfinite(points[i][1]);
    for (int i = 0; !placed && i < 4; i++)
        bounds[i] = NAN;
    if (!placed)
        return false;
    bool round_pole = follow(points) != 0;
    range((const double(*)[2])points, 0, &bounds[0], &bounds[2]);
    range((const double(*)[2])points, 1, &bounds[1], &bounds[3]);
    if (round_pole && bounds[1] + bounds[3] > 0)
        bounds[3] = 90;
    else if (round_pole)
        bounds[1] = -90;
    if (round_pole || bounds[2] - bounds[0] >= 360) {
        bounds[0] = -180;
        bounds[2] = 180;
    }
    bounds[0] -= 360 * floor((bounds[0] + 180) / 360);
    bounds[2] -= 360 * ceil((bounds[2] - 180) / 360);
    return true;
}

bool vdt_place_ground(const struct vdt_frame *frame, struct vdt_scene *scene,
                      const struct vdt_window *window, double box[4])
{
    double points[OUTLINE_POINTS][2];
    bool ok[OUTLINE_POINTS];
    outline(window, points);
    if (vdt_frame_place(frame, scene, points, OUTLINE_POINTS, ok, NULL) != VDT_OK)
        return false;
    for (int i = 0; i < OUTLINE_POINTS; i++)
        if (!ok[i] || !isfinite(points[i][0]) || !isfinite(points[i][1]))
            return false;
    range((const double(*)[2])points, 0, &box[0], &box[2]);
    range((const double(*)[2])points, 1, &box[1], &box[3]);
    return true;
}

bool vdt_place_overlap(const double a[4], const double b[4])
{
    if (!(a[1] < b[3] && b[1] < a[3]))
        return false;
    double a_east = a[2] < a[0] ? a[2] + 360 : a[2], b_east = b[2] < b[0] ? b[2] + 360 : b[2];
    for (int turn = -360; turn <= 360; turn += 360)
        if (a[0] < b_east + turn && b[0] + turn < a_east)
            return true;
    return false;
}
