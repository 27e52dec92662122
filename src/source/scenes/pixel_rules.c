/* What a feed asks of its tiles' pixels. */
#include "source/scenes/pixel_rules.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "source/quiet.h"
#include "source/scenes/bands.h"
#include "source/scenes/convert_pixels.h"
#include "source/scenes/join.h"
#include "source/scenes/scene_state.h"

/* --- nodata ------------------------------------------------------------------------------- */

/* The numbers of the chosen bands; *count of them. */
static vdt_status find_chosen(struct vdt_scene *scene, const struct vdt_pixel_rules *rules,
                              int **numbers, size_t *count, struct vdt_error *error)
{
    *count = rules->band_count;
    if (rules->bands != NULL)
        return vdt_bands_find(scene, rules->bands, rules->band_count, numbers, error);
    vdt_cleanup(vdt_selection_clear) struct vdt_band_selection all = {0};
    vdt_status status = vdt_scene_select(scene, NULL, 0, &all, error);
    if (status != VDT_OK)
        return status;
    *count = (size_t)all.count;
    *numbers = all.bands;
    all.bands = NULL;
    return VDT_OK;
}

static vdt_status state_each(struct vdt_scene *scene, const struct vdt_pixel_rules *rules,
                             struct vdt_nodata *nodata, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) int *numbers = NULL;
    size_t count = 0;
    vdt_status status = find_chosen(scene, rules, &numbers, &count, error);
    if (status != VDT_OK)
        return status;
    if (count != rules->nodata_count)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: %zu nodata values for %zu bands: give one for all or one for each",
                        scene->path, rules->nodata_count, count);
    for (size_t i = 0; i < count; i++)
        nodata[numbers[i] - 1] =
            (struct vdt_nodata){.stated = true, .has = true, .value = rules->nodata[i]};
    return VDT_OK;
}

vdt_status vdt_pixel_rules_nodata(struct vdt_scene *scene, const struct vdt_pixel_rules *rules,
                                  struct vdt_error *error)
{
    size_t count = (size_t)scene->info.band_count;
    if ((!rules->no_nodata && rules->nodata_count == 0) || scene->join != NULL)
        return VDT_OK; /* members of a joined scene have it already */
    vdt_cleanup(vdt_free_pointer) struct vdt_nodata *nodata =
        vdt_allocate_zero(count, sizeof *nodata);
    if (nodata == NULL)
        return vdt_fail_memory(error, scene->path);
    vdt_status status = VDT_OK;
    if (rules->nodata_count > 1)
        status = state_each(scene, rules, nodata, error);
    else
        for (size_t i = 0; i < count; i++)
            nodata[i] = (struct vdt_nodata){.stated = true,
                                            .has = !rules->no_nodata,
                                            .value = rules->no_nodata ? 0 : rules->nodata[0]};
    if (status != VDT_OK)
        return status;
    free(scene->nodata);
    scene->nodata = nodata;
    nodata = NULL;
    return VDT_OK;
}

/* A stated value is wrong when no pixel can have it; what files declare is often so. */
static vdt_status check_stated(const struct vdt_scene *scene, const struct vdt_pixel_rules *rules,
                               const struct vdt_band_selection *selection, struct vdt_error *error)
{
    for (int i = 0; rules->nodata_count > 0 && i < selection->count; i++)
        if (!vdt_dtype_fits(selection->dtype, selection->nodata[i]))
            return vdt_fail(error, VDT_ERR_ARGUMENT,
                            "%s: nodata %.17g: no pixel of band %d can have it: they are %s",
                            scene->path, selection->nodata[i], selection->bands[i],
                            vdt_dtype_name(selection->dtype));
    return VDT_OK;
}

/* --- type and unit ------------------------------------------------------------------------ */

/* A copy of what tiles have, without names: they move to it when it is done. */
static bool copy_bands(const struct vdt_band_selection *from, struct vdt_band_selection *made)
{
    size_t count = (size_t)from->count;
    *made = (struct vdt_band_selection){.bands = vdt_allocate(count, sizeof(int)),
                                        .count = from->count,
                                        .has_nodata = vdt_allocate(count, sizeof(bool)),
                                        .nodata = vdt_allocate(count, sizeof(double)),
                                        .any_nodata = from->any_nodata,
                                        .scale = vdt_allocate(count, sizeof(double)),
                                        .offset = vdt_allocate(count, sizeof(double)),
                                        .stored = vdt_allocate_zero(1, sizeof *made->stored)};
    if (made->bands == NULL || made->has_nodata == NULL || made->nodata == NULL ||
        made->scale == NULL || made->offset == NULL || made->stored == NULL)
        return false;
    memcpy(made->bands, from->bands, count * sizeof(int));
    memcpy(made->has_nodata, from->has_nodata, count * sizeof(bool));
    memcpy(made->nodata, from->nodata, count * sizeof(double));
    return true;
}

/* Whether any band's scale or offset changes its values. */
static bool find_scales(const struct vdt_scene *scene, bool unscale,
                        struct vdt_band_selection *made)
{
    bool any = false;
    for (int i = 0; i < made->count; i++) {
        GDALRasterBandH band = vdt_scene_band(scene, made->bands[i]);
        int has_scale = 0, has_offset = 0;
        double scale = GDALGetRasterScale(band, &has_scale);
        double offset = GDALGetRasterOffset(band, &has_offset);
        made->scale[i] = unscale && has_scale ? scale : 1;
        made->offset[i] = unscale && has_offset ? offset : 0;
        any |= made->scale[i] != 1 || made->offset[i] != 0;
    }
    return any;
}

static void find_new_nodata(const struct vdt_band_selection *selection,
                            struct vdt_band_selection *made)
{
    bool real = vdt_dtype_is_real(made->dtype);
    for (int i = 0; i < made->count; i++) {
        bool scaled = made->scale[i] != 1 || made->offset[i] != 0;
        if (scaled || !vdt_dtype_fits(made->dtype, made->nodata[i]))
            made->nodata[i] = real ? (double)NAN : 0;
        else if (made->dtype == VDT_FLOAT32)
            made->nodata[i] = (double)(float)made->nodata[i];
        /* What is no number is nodata in an integer type, so there is a value for it. */
        if (!real && vdt_dtype_is_real(selection->dtype) && !made->has_nodata[i])
            made->nodata[i] = 0;
    }
}

/* *converted: the selection is one of converted pixels now; nothing to do leaves it as it is. */
static vdt_status convert(const struct vdt_scene *scene, const struct vdt_pixel_rules *rules,
                          struct vdt_band_selection *selection, bool *converted,
                          struct vdt_error *error)
{
    vdt_cleanup(vdt_selection_clear) struct vdt_band_selection made = {0};
    *converted = false;
    if (rules->dtype == 0 && !rules->unscale)
        return VDT_OK;
    if (!copy_bands(selection, &made))
        return vdt_fail_memory(error, scene->path);
    bool scaled = find_scales(scene, rules->unscale, &made);
    made.dtype = rules->dtype != 0 ? rules->dtype : VDT_FLOAT32;
    if (!scaled && made.dtype == selection->dtype)
        return VDT_OK;
    find_new_nodata(selection, &made);
    made.names = selection->names;
    selection->names = NULL;
    *made.stored = *selection;
    *selection = made;
    made = (struct vdt_band_selection){0};
    *converted = true;
    return VDT_OK;
}

/* --- identity ----------------------------------------------------------------------------- */

static bool append(struct vdt_buffer *text, const char *format, double value)
{
    char number[48];
    int length = snprintf(number, sizeof number, format, value);
    return vdt_buffer_append(text, number, (size_t)length);
}

/* What was done to the pixels becomes a part of the scene's digest. */
static vdt_status add_rule(struct vdt_scene *scene, const struct vdt_pixel_rules *rules,
                           const struct vdt_band_selection *selection, bool converted,
                           struct vdt_error *error)
{
    vdt_cleanup(vdt_buffer_clear) struct vdt_buffer text = {0};
    bool stated = rules->no_nodata || rules->nodata_count > 0;
    if (!stated && !converted && !selection->any_nodata)
        return VDT_OK;
    bool good = append(&text, "pixels of %g bands", selection->count);
    if (rules->no_nodata)
        good = good && append(&text, " without %gnodata", 0);
    for (size_t i = 0; good && i < rules->nodata_count; i++)
        good = append(&text, " nodata %.17g", rules->nodata[i]);
    if (selection->any_nodata)
        good = good && append(&text, " valid %g", 1);
    if (converted)
        good = good && append(&text, " type %g", (double)selection->dtype);
    for (int i = 0; converted && good && i < selection->count; i++)
        good = append(&text, " scale %.17g", selection->scale[i]) &&
               append(&text, " offset %.17g", selection->offset[i]);
    if (!good || !vdt_buffer_append(&text, "", 1))
        return vdt_fail_memory(error, scene->path);
    return vdt_scene_add_rule(scene, (const char *)text.data, error);
}

vdt_status vdt_pixel_rules_select(struct vdt_scene *scene, const struct vdt_pixel_rules *rules,
                                  struct vdt_band_selection *selection, struct vdt_error *error)
{
    bool converted = false;
    vdt_cleanup(vdt_selection_clear) struct vdt_band_selection chosen = {0};
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    vdt_status status = vdt_pixel_rules_nodata(scene, rules, error);
    if (status == VDT_OK)
        status = vdt_bands_select(scene, rules->bands, rules->band_count, &chosen, error);
    if (status == VDT_OK)
        status = check_stated(scene, rules, &chosen, error);
    chosen.any_nodata = rules->valid_rule == VDT_VALID_ANY && chosen.count > 1;
    if (status == VDT_OK)
        status = convert(scene, rules, &chosen, &converted, error);
    if (status == VDT_OK)
        status = add_rule(scene, rules, &chosen, converted, error);
    if (status != VDT_OK)
        return status;
    *selection = chosen;
    chosen = (struct vdt_band_selection){0};
    return VDT_OK;
}
