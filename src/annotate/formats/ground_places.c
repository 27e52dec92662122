/* Geotransforms of a set's samples, from its store. */
#include "annotate/formats/ground_places.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "source/ground/lonlat.h"

void vdt_ground_places_clear(struct vdt_ground_places *places)
{
    free(places->places);
    vdt_strings_clear(&places->crs);
    *places = (struct vdt_ground_places){0};
}

static void close_reader(struct vdt_reader **reader)
{
    vdt_reader_free(*reader);
}

static bool invert(const double g[6], double inverse[6])
{
    double determinant = g[1] * g[5] - g[2] * g[4];
    if (!(fabs(determinant) > 0) || !isfinite(determinant))
        return false;
    inverse[1] = g[5] / determinant;
    inverse[2] = -g[2] / determinant;
    inverse[4] = -g[4] / determinant;
    inverse[5] = g[1] / determinant;
    inverse[0] = -(inverse[1] * g[0] + inverse[2] * g[3]);
    inverse[3] = -(inverse[4] * g[0] + inverse[5] * g[3]);
    return true;
}

static void surround(struct vdt_ground_place *place, double cols, double rows)
{
    double *box = place->box;
    box[0] = box[1] = INFINITY;
    box[2] = box[3] = -INFINITY;
    for (int i = 0; i < 4; i++) {
        double at[2] = {i % 2 == 0 ? 0 : cols, i / 2 == 0 ? 0 : rows};
        vdt_affine(place->from_pixel, at, at);
        box[0] = fmin(box[0], at[0]);
        box[1] = fmin(box[1], at[1]);
        box[2] = fmax(box[2], at[0]);
        box[3] = fmax(box[3], at[1]);
    }
}

static vdt_status add(struct vdt_ground_places *places, const struct vdt_annotations *set,
                      const struct vdt_reader *reader, uint32_t index, struct vdt_error *error)
{
    struct vdt_sample sample;
    const struct vdt_set_sample *row = &set->samples.rows[index];
    struct vdt_ground_place place = {.sample = index};
    size_t group, crs;
    const char *name = vdt_strings_at(&set->samples.groups, row->group);
    if (vdt_reader_find_group(reader, name, &group, NULL) != VDT_OK ||
        row->index >= vdt_reader_count(reader, group))
        return VDT_OK; /* the store has it no more */
    vdt_status status = vdt_reader_sample(reader, group, row->index, &sample, NULL, error);
    const char *reference = vdt_strings_at(&set->samples.references, index);
    if (status == VDT_OK && strcmp(sample.key, reference) != 0)
        return VDT_OK; /* another store of the same name */
    const char *wkt = status == VDT_OK ? vdt_reader_crs(reader, sample.crs) : "";
    if (status != VDT_OK || *wkt == '\0' || !invert(sample.geotransform, place.to_pixel))
        return status;
    memcpy(place.from_pixel, sample.geotransform, sizeof place.from_pixel);
    surround(&place, row->cols, row->rows);
    if (!vdt_strings_intern(&places->crs, wkt, strlen(wkt), &crs) ||
        !vdt_grow(&places->places, &places->capacity, places->count + 1, sizeof *places->places))
        return vdt_fail_memory(error, vdt_set_name(set));
    place.crs = (uint32_t)crs;
    places->places[places->count++] = place;
    return VDT_OK;
}

/* Samples across 180 degrees in a CRS of degrees. */
static void find_turns(struct vdt_ground_places *places)
{
    for (size_t crs = 0; crs < places->crs.count; crs++) {
        if (!vdt_crs_in_degrees(vdt_strings_at(&places->crs, crs)))
            continue;
        for (size_t i = 0; i < places->count; i++) {
            struct vdt_ground_place *place = &places->places[i];
            place->turns = place->turns ||
                           (place->crs == crs && (place->box[0] < -180 || place->box[2] > 180));
        }
    }
}

vdt_status vdt_ground_places_read(const struct vdt_annotations *set,
                                  struct vdt_ground_places *places, struct vdt_error *error)
{
    vdt_cleanup(close_reader) struct vdt_reader *reader = NULL;
    if (set->store == NULL)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: GeoJSON needs a store, whose samples have a place on the ground",
                        vdt_set_name(set));
    vdt_status status = vdt_reader_open(set->store, &reader, error);
    for (uint32_t i = 0; status == VDT_OK && i < set->samples.count; i++)
        status = add(places, set, reader, i, error);
    if (status == VDT_OK && places->count == 0)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED,
                        "%s: no sample of the store has a place on the ground", set->store);
    find_turns(places);
    return status;
}
