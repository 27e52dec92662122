/* Scenes of several members. Private to source/.
 *
 * A joined scene has no dataset of its own. What is known of it is in its recipe; its members are
 * scenes with their own handles, opened when they are needed. */
#ifndef SOURCE_JOIN_H
#define SOURCE_JOIN_H

#include <gdal.h>

#include "source/scenes/scene_recipe.h"

/* The bands and their types, nodata and names, for any scene. */
struct vdt_band_at {
    struct vdt_scene *scene; /* of one file */
    int number;
};
/* Which file has a band; members that bands are described from are open always. */
struct vdt_band_at vdt_band_at(const struct vdt_scene *scene, int number);
GDALRasterBandH vdt_scene_band(const struct vdt_scene *scene, int number);
bool vdt_scene_band_is_alpha(const struct vdt_scene *scene, int number);
GDALDataType vdt_scene_band_type(const struct vdt_scene *scene, int number);
/* scene.c */
void vdt_scene_band_nodata(const struct vdt_scene *scene, int number, bool *has, double *value);

/* bands.c: the description, or "band_N"; in a stack the description, the STAC common name, or the
 * file's name; of dates with "@" and the time. */
enum { VDT_BAND_NAME = 256 };
void vdt_scene_band_name(const struct vdt_scene *scene, int number, char name[VDT_BAND_NAME]);
/* "@" and the time of a band's date, "" for scenes without dates. */
void vdt_join_suffix(const struct vdt_scene *scene, int number, char text[40]);
/* What a joined scene knows of a band; NULL for a file. */
const struct vdt_joined_band *vdt_joined_band(const struct vdt_scene *scene, int number);
const struct vdt_scene_recipe *vdt_join_recipe(const struct vdt_scene *scene);
/* An open member: those of a stack are all open. */
struct vdt_scene *vdt_join_member(const struct vdt_scene *scene, size_t index);

/* Some bands of a selection, as a member has them. Borrows from the selection. */
struct vdt_selection_part {
    struct vdt_band_selection wanted;
    struct vdt_band_selection stored; /* what it is made of where it is converted */
};

/* An open member and what to read of it; both until the next is taken. */
struct vdt_join_member {
    struct vdt_scene *scene;
    struct vdt_selection_part part;
};
vdt_status vdt_join_take(struct vdt_scene *scene, size_t index,
                         const struct vdt_band_selection *selection, int first, int count,
                         struct vdt_join_member *out, struct vdt_error *error);
/* How many bands of a selection, from `first` on, are of one member. */
int vdt_join_run(const struct vdt_scene *scene, const struct vdt_band_selection *selection,
                 int first);

/* scene_recipe.c: a scene of `recipe` as a member, with the digest that it had. */
vdt_status vdt_join_open_member(const struct vdt_scene_recipe *recipe, struct vdt_scene **scene,
                                struct vdt_error *error);

struct vdt_join_state;
/* For a scene that is otherwise complete. Opens the members that bands are described from. */
vdt_status vdt_join_attach(struct vdt_scene *scene, const struct vdt_scene_recipe *recipe,
                           struct vdt_error *error);
void vdt_join_detach(struct vdt_scene *scene);

/* As vdt_scene_overview. */
vdt_status vdt_join_overview(struct vdt_scene *scene, const struct vdt_band_selection *selection,
                             int32_t cols, int32_t rows, void *pixels, uint8_t *valid,
                             struct vdt_error *error);

/* As vdt_scene_read. */
vdt_status vdt_join_read(struct vdt_scene *scene, const struct vdt_band_selection *selection,
                         const struct vdt_window *window, void *pixels, uint8_t *valid,
                         struct vdt_error *error);

#endif
