/* Rules of splits, applied to one window. */
#include "feed/group_of.h"

#include <math.h>
#include <string.h>

#include "feed/place.h"

void vdt_split_frame_metres(const struct vdt_split_frame *frame, struct vdt_split_sizes *sizes)
{
    struct vdt_frame *opened = NULL;
    sizes->metres[0] = sizes->metres[1] = 0;
    if (frame->crs == NULL ||
        vdt_frame_open(frame->crs, frame->geotransform, &opened, NULL) != VDT_OK)
        return;
    const double centre[2] = {sizes->scene[0] / 2, sizes->scene[1] / 2};
    if (!vdt_frame_metres(opened, centre, sizes->metres))
        sizes->metres[0] = sizes->metres[1] = 0;
    vdt_frame_free(opened);
}

/* Half the gap on every side: windows that then lie in blocks of two groups are a gap apart. The
 * scale changes over the frame, so the smallest about the window counts. */
static bool add_gap(const struct vdt_frame *frame, double gap, double box[4])
{
    double reach[2] = {0, 0};
    for (int round = 0; round < 2; round++) {
        double least[2] = {INFINITY, INFINITY};
        for (int corner = 0; corner < 4; corner++) {
            double right = corner % 2, low = corner / 2, spacing[2];
            const double point[2] = {right > 0 ? box[2] + reach[0] : box[0] - reach[0],
                                     low > 0 ? box[3] + reach[1] : box[1] - reach[1]};
            if (!vdt_frame_spacing(frame, point, spacing))
                return false;
            least[0] = fmin(least[0], spacing[0]);
            least[1] = fmin(least[1], spacing[1]);
        }
        for (int i = 0; i < 2; i++)
            reach[i] = gap / 2 / least[i];
    }
    for (int i = 0; i < 4; i++)
        box[i] += i < 2 ? -reach[i] : reach[i - 2];
    return true;
}

bool vdt_group_box(const struct vdt_groups *groups, const struct vdt_frame *frame,
                   struct vdt_scene *scene, const struct vdt_window *window, double box[4])
{
    if (!vdt_place_ground(frame, scene, window, box))
        return false;
    if (groups->gap > 0 && !add_gap(frame, groups->gap, box))
        return false;
    /* Rounding must not make a window touch the block beside its own: a thousandth of a pixel is no
     * ground that two windows could share. */
    for (int i = 0; i < 4; i++)
        box[i] += i < 2 ? 1e-3 : -1e-3;
    return true;
}

/* The group that all values are of. */
static int group_of_values(const struct vdt_split *rule, const struct vdt_group_query *query)
{
    int group = VDT_SPLIT_NONE;
    for (size_t i = 0; i < query->value_count; i++) {
        int own = vdt_split_hash(rule, query->values[i], strlen(query->values[i]));
        if (i > 0 && own != group)
            return VDT_SPLIT_NONE;
        group = own;
    }
    return group;
}

int vdt_group_of(const struct vdt_groups *groups, const struct vdt_frame *frame,
                 const struct vdt_group_query *query)
{
    double box[4];
    if (!groups->split)
        return 0;
    switch (groups->by) {
    case VDT_SPLIT_SCENE:
        return vdt_split_hash(&groups->rule, query->digest, strlen(query->digest));
    case VDT_SPLIT_FIELD: return group_of_values(&groups->rule, query);
    case VDT_SPLIT_TIME: {
        char time[VDT_TIME_SIZE];
        return vdt_time_read(query->acquired, time)
                   ? vdt_time_group((const char(*)[VDT_TIME_SIZE])groups->limits, groups->count,
                                    time)
                   : VDT_SPLIT_NONE;
    }
    case VDT_SPLIT_AREAS: return VDT_SPLIT_NONE; /* a plan knows them: vdt_areas_group */
    case VDT_SPLIT_RANDOM: return vdt_split_hash(&groups->rule, query->key, strlen(query->key));
    default: break;
    }
    return vdt_group_box(groups, frame, query->scene, query->window, box)
               ? vdt_split_ground(&groups->rule, box)
               : VDT_SPLIT_NONE;
}
