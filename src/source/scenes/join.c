/* Scenes of several members: their handles, their bands and their pixels. */
#include "source/scenes/join.h"

#include <cpl_conv.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "source/scenes/convert_pixels.h"
#include "source/scenes/scene_state.h"

/* Files of one mosaic that a worker has open: windows near each other need the same few. */
enum { OPEN_MOST = 24 };

/* A member of a mosaic; its bands in the order of the joined scene's. */
struct member {
    struct vdt_scene *scene; /* NULL: not open */
    uint64_t used;           /* the clock of its last use */
    int *numbers;            /* [band_count] */
    bool *has_nodata;
    double *nodata;
};

struct vdt_join_state {
    const struct vdt_scene_recipe *recipe;
    struct member *members;
    size_t open_count;
    uint64_t clock;
    unsigned char *pixels; /* of a member, where they cannot be read in place */
    size_t pixel_capacity;
    uint8_t *valid;
    size_t valid_capacity;
    int *numbers; /* of the bands that are wanted, in a member */
    bool *has_nodata;
    double *nodata;
};

/* --- bands -------------------------------------------------------------------------------- */

struct vdt_band_at vdt_band_at(const struct vdt_scene *scene, int number)
{
    struct vdt_band_at at = {(struct vdt_scene *)scene, number};
    while (at.scene->join != NULL) {
        const struct vdt_joined_band *band = &at.scene->join->recipe->bands[at.number - 1];
        at = (struct vdt_band_at){at.scene->join->members[band->member].scene, band->number};
    }
    return at;
}

GDALRasterBandH vdt_scene_band(const struct vdt_scene *scene, int number)
{
    struct vdt_band_at at = vdt_band_at(scene, number);
    return GDALGetRasterBand(at.scene->dataset, at.number);
}

bool vdt_scene_band_is_alpha(const struct vdt_scene *scene, int number)
{
    return GDALGetRasterColorInterpretation(vdt_scene_band(scene, number)) == GCI_AlphaBand;
}

GDALDataType vdt_scene_band_type(const struct vdt_scene *scene, int number)
{
    return scene->join != NULL ? (GDALDataType)scene->join->recipe->bands[number - 1].type
                               : GDALGetRasterDataType(vdt_scene_band(scene, number));
}

const struct vdt_joined_band *vdt_joined_band(const struct vdt_scene *scene, int number)
{
    return scene->join == NULL ? NULL : &scene->join->recipe->bands[number - 1];
}

const struct vdt_scene_recipe *vdt_join_recipe(const struct vdt_scene *scene)
{
    return scene->join == NULL ? NULL : scene->join->recipe;
}

struct vdt_scene *vdt_join_member(const struct vdt_scene *scene, size_t index)
{
    return scene->join->members[index].scene;
}

static struct vdt_band_selection shifted(const struct vdt_band_selection *selection, int first,
                                         int count, int *numbers)
{
    struct vdt_band_selection part = *selection;
    part.bands = numbers;
    part.count = count;
    part.names = NULL;
    part.has_nodata += first;
    part.nodata += first;
    part.scale = part.scale == NULL ? NULL : part.scale + first;
    part.offset = part.offset == NULL ? NULL : part.offset + first;
    return part;
}

static void take_bands(const struct vdt_band_selection *selection, int first, int count,
                       int *numbers, struct vdt_selection_part *part)
{
    part->wanted = shifted(selection, first, count, numbers);
    if (selection->stored == NULL)
        return;
    part->stored = shifted(selection->stored, first, count, numbers);
    part->wanted.stored = &part->stored;
}

void vdt_join_suffix(const struct vdt_scene *scene, int number, char text[40])
{
    text[0] = '\0';
    if (scene->join == NULL || scene->join->recipe->kind != VDT_SCENE_TIMES)
        return;
    size_t date = scene->join->recipe->bands[number - 1].member;
    const char *acquired = scene->join->recipe->members[date].info.acquired;
    if (acquired[0] != '\0')
        snprintf(text, 40, "@%.32s", acquired);
    else
        snprintf(text, 40, "@%zu", date + 1);
}

/* --- members ------------------------------------------------------------------------------ */

static void close_member(struct vdt_join_state *join, size_t index)
{
    struct member *member = &join->members[index];
    join->open_count -= member->scene != NULL;
    vdt_scene_free(member->scene);
    member->scene = NULL;
}

/* The first stays: bands are described from it. */
static void make_room(struct vdt_join_state *join)
{
    if (join->open_count < OPEN_MOST)
        return;
    size_t oldest = 0;
    for (size_t i = 1; i < join->recipe->member_count; i++)
        if (join->members[i].scene != NULL &&
            (oldest == 0 || join->members[i].used < join->members[oldest].used))
            oldest = i;
    if (oldest > 0)
        close_member(join, oldest);
}

/* Which of a member's bands are the mosaic's, and what is nodata in them. */
static vdt_status learn_bands(const struct vdt_scene *scene, struct member *member,
                              struct vdt_error *error)
{
    int count = scene->info.band_count, found = 0;
    if (member->numbers != NULL)
        return VDT_OK;
    member->numbers = vdt_allocate((size_t)count, sizeof(int));
    member->has_nodata = vdt_allocate_zero((size_t)count, sizeof(bool));
    member->nodata = vdt_allocate_zero((size_t)count, sizeof(double));
    if (member->numbers == NULL || member->has_nodata == NULL || member->nodata == NULL)
        return vdt_fail_memory(error, scene->path);
    for (int i = 1; i <= member->scene->info.band_count && found < count; i++)
        if (!vdt_scene_band_is_alpha(member->scene, i)) {
            vdt_scene_band_nodata(member->scene, i, &member->has_nodata[found],
                                  &member->nodata[found]);
            member->numbers[found++] = i;
        }
    return VDT_OK;
}

static vdt_status need_member(struct vdt_scene *scene, size_t index, struct member **out,
                              struct vdt_error *error)
{
    struct vdt_join_state *join = scene->join;
    struct member *member = &join->members[index];
    member->used = ++join->clock;
    *out = member;
    if (member->scene != NULL)
        return VDT_OK;
    if (join->recipe->kind == VDT_SCENE_MOSAIC)
        make_room(join);
    vdt_status status = vdt_join_open_member(&join->recipe->members[index], &member->scene, error);
    if (status != VDT_OK)
        return status;
    join->open_count++;
    return join->recipe->kind == VDT_SCENE_MOSAIC ? learn_bands(scene, member, error) : VDT_OK;
}

vdt_status vdt_join_attach(struct vdt_scene *scene, const struct vdt_scene_recipe *recipe,
                           struct vdt_error *error)
{
    size_t bands = (size_t)recipe->info.band_count;
    scene->join = vdt_allocate_zero(1, sizeof *scene->join);
    if (scene->join == NULL)
        return vdt_fail_memory(error, scene->path);
    *scene->join = (struct vdt_join_state){
        .recipe = recipe,
        .members = vdt_allocate_zero(recipe->member_count, sizeof *scene->join->members),
        .numbers = vdt_allocate(bands, sizeof(int)),
        .has_nodata = vdt_allocate(bands, sizeof(bool)),
        .nodata = vdt_allocate(bands, sizeof(double)),
    };
    if (scene->join->members == NULL || scene->join->numbers == NULL ||
        scene->join->has_nodata == NULL || scene->join->nodata == NULL)
        return vdt_fail_memory(error, scene->path);
    struct member *member;
    size_t needed = recipe->kind == VDT_SCENE_MOSAIC ? 1 : recipe->member_count;
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < needed; i++)
        status = need_member(scene, i, &member, error);
    return status;
}

void vdt_join_detach(struct vdt_scene *scene)
{
    struct vdt_join_state *join = scene->join;
    if (join == NULL)
        return;
    for (size_t i = 0; join->members != NULL && i < join->recipe->member_count; i++) {
        close_member(join, i);
        free(join->members[i].numbers);
        free(join->members[i].has_nodata);
        free(join->members[i].nodata);
    }
    free(join->members);
    free(join->pixels);
    free(join->valid);
    free(join->numbers);
    free(join->has_nodata);
    free(join->nodata);
    free(join);
    scene->join = NULL;
}

/* --- stacks ------------------------------------------------------------------------------- */

int vdt_join_run(const struct vdt_scene *scene, const struct vdt_band_selection *selection,
                 int first)
{
    const struct vdt_joined_band *bands = scene->join->recipe->bands;
    size_t member = bands[selection->bands[first] - 1].member;
    int end = first + 1;
    while (end < selection->count && bands[selection->bands[end] - 1].member == member)
        end++;
    return end - first;
}

/* Whether bands of the scene itself are wanted, and not only what was put behind them. */
static bool own_bands(const struct vdt_scene_recipe *recipe,
                      const struct vdt_band_selection *selection)
{
    for (int i = 0; i < selection->count; i++)
        if (recipe->bands[selection->bands[i] - 1].member == 0)
            return true;
    return false;
}

/* A pixel is image when some member's is, or when each member's is. */
static void add_valid(bool each, size_t count, const uint8_t *found, uint8_t *valid)
{
    if (each)
        for (size_t i = 0; i < count; i++)
            valid[i] &= found[i];
    else
        for (size_t i = 0; i < count; i++)
            valid[i] |= found[i];
}

/* A file may reach farther than the scene, which ends where its grid does. */
static void blank_outside(const struct vdt_scene *scene, const struct vdt_band_selection *selection,
                          const struct vdt_window *window, uint8_t *inside, unsigned char *pixels,
                          uint8_t *valid)
{
    const struct vdt_scene_info *info = &scene->info;
    size_t at = 0;
    if (window->col >= 0 && window->row >= 0 && (int64_t)window->col + window->cols <= info->cols &&
        (int64_t)window->row + window->rows <= info->rows)
        return;
    for (int64_t row = window->row; row < (int64_t)window->row + window->rows; row++)
        for (int64_t col = window->col; col < (int64_t)window->col + window->cols; col++)
            inside[at++] = row >= 0 && row < info->rows && col >= 0 && col < info->cols;
    vdt_scene_blank(selection, at, inside, pixels, valid);
}

static vdt_status read_stack(struct vdt_scene *scene, const struct vdt_band_selection *selection,
                             const struct vdt_window *window, unsigned char *pixels, uint8_t *valid,
                             struct vdt_error *error)
{
    struct vdt_join_state *join = scene->join;
    const struct vdt_scene_recipe *recipe = join->recipe;
    size_t count = (size_t)window->cols * (size_t)window->rows;
    size_t plane = count * vdt_dtype_size(selection->dtype);
    bool main_only = recipe->kind == VDT_SCENE_EXTRA && own_bands(recipe, selection);
    if (!vdt_grow(&join->valid, &join->valid_capacity, count, 1))
        return vdt_fail_memory(error, scene->path);
    memset(valid, selection->any_nodata, count);
    for (int first = 0, run; first < selection->count; first += run) {
        struct vdt_join_member member;
        size_t index = recipe->bands[selection->bands[first] - 1].member;
        const struct vdt_scene_recipe *part = &recipe->members[index];
        run = vdt_join_run(scene, selection, first);
        vdt_status status = vdt_join_take(scene, index, selection, first, run, &member, error);
        if (status != VDT_OK)
            return status;
        const struct vdt_window moved = {window->col - part->col, window->row - part->row,
                                         window->cols, window->rows};
        status = vdt_scene_read(member.scene, &member.part.wanted, &moved,
                                pixels + (size_t)first * plane, join->valid, error);
        if (status != VDT_OK)
            return status;
        if (!main_only || index == 0)
            add_valid(selection->any_nodata, count, join->valid, valid);
    }
    blank_outside(scene, selection, window, join->valid, pixels, valid);
    return VDT_OK;
}

/* --- mosaics ------------------------------------------------------------------------------ */

static void clip_axis(int32_t start, int32_t count, int32_t from, int32_t size, int32_t *first,
                      int32_t *kept)
{
    int64_t low = start > from ? start : from;
    int64_t high = (int64_t)start + count;
    if ((int64_t)from + size < high)
        high = (int64_t)from + size;
    *first = (int32_t)low;
    *kept = high > low ? (int32_t)(high - low) : 0;
}

/* The part of a window that a member covers, in the mosaic's pixels; empty: 0 columns or rows. */
static struct vdt_window shared_part(const struct vdt_scene_recipe *member,
                                     const struct vdt_window *window)
{
    struct vdt_window part;
    clip_axis(window->col, window->cols, member->col, member->info.cols, &part.col, &part.cols);
    clip_axis(window->row, window->rows, member->row, member->info.rows, &part.row, &part.rows);
    return part;
}

#define COPY_LOOP(NAME, TYPE)                                                              \
    static void copy_##NAME(void *to, const void *from, const uint8_t *take, size_t count) \
    {                                                                                      \
        TYPE *t = to;                                                                      \
        const TYPE *f = from;                                                              \
        for (size_t i = 0; i < count; i++)                                                 \
            t[i] = take[i] ? f[i] : t[i];                                                  \
    }

COPY_LOOP(8, uint8_t)
COPY_LOOP(16, uint16_t)
COPY_LOOP(32, uint32_t)
COPY_LOOP(64, uint64_t)

static void copy_taken(size_t size, void *to, const void *from, const uint8_t *take, size_t count)
{
    switch (size) {
    case 1: copy_8(to, from, take, count); break;
    case 2: copy_16(to, from, take, count); break;
    case 4: copy_32(to, from, take, count); break;
    default: copy_64(to, from, take, count); break;
    }
}

/* Puts a member's valid pixels where there is none yet. How many those were. */
static size_t lay_under(struct vdt_join_state *join, const struct vdt_band_selection *selection,
                        const struct vdt_window *window, const struct vdt_window *part,
                        unsigned char *pixels, uint8_t *valid)
{
    size_t size = vdt_dtype_size(selection->dtype), cols = (size_t)part->cols, taken = 0;
    size_t plane = size * (size_t)window->cols * (size_t)window->rows;
    size_t part_plane = size * cols * (size_t)part->rows;
    for (int32_t row = 0; row < part->rows; row++) {
        uint8_t *take = join->valid + (size_t)row * cols;
        size_t at = (size_t)(part->row - window->row + row) * (size_t)window->cols +
                    (size_t)(part->col - window->col);
        size_t some = 0;
        for (size_t i = 0; i < cols; i++) {
            take[i] &= !valid[at + i];
            some += take[i];
            valid[at + i] |= take[i];
        }
        for (int b = 0; some > 0 && b < selection->count; b++)
            copy_taken(size, pixels + (size_t)b * plane + at * size,
                       join->pixels + (size_t)b * part_plane + (size_t)row * cols * size, take,
                       cols);
        taken += some;
    }
    return taken;
}

/* Nodata of the file becomes that of the mosaic, in bands of pixels that are image in others. */
static void use_own_nodata(const struct vdt_join_state *join,
                           const struct vdt_band_selection *selection, size_t count,
                           unsigned char *pixels)
{
    double one = 1, none = 0;
    size_t size = vdt_dtype_size(selection->dtype);
    for (int i = 0; i < selection->count; i++) {
        double own = selection->nodata[i], theirs = join->nodata[i];
        if (!join->has_nodata[i] || own == theirs || (isnan(own) && isnan(theirs)))
            continue;
        own = vdt_dtype_fits(selection->dtype, own) ? own : 0;
        struct vdt_band_selection from = {
            .dtype = selection->dtype, .has_nodata = &join->has_nodata[i], .nodata = &theirs};
        const struct vdt_band_selection to = {.dtype = selection->dtype,
                                              .nodata = &own,
                                              .stored = &from,
                                              .scale = &one,
                                              .offset = &none};
        void *band = pixels + (size_t)i * count * size;
        vdt_convert_pixels(&to, 0, band, count, band);
    }
}

vdt_status vdt_join_take(struct vdt_scene *scene, size_t index,
                         const struct vdt_band_selection *selection, int first, int count,
                         struct vdt_join_member *out, struct vdt_error *error)
{
    struct vdt_join_state *join = scene->join;
    struct member *member;
    vdt_status status = need_member(scene, index, &member, error);
    if (status != VDT_OK)
        return status;
    bool mosaic = join->recipe->kind == VDT_SCENE_MOSAIC;
    for (int i = 0; i < count; i++) {
        int band = selection->bands[first + i] - 1;
        join->numbers[i] = mosaic ? member->numbers[band] : join->recipe->bands[band].number;
        if (mosaic) {
            join->has_nodata[i] = member->has_nodata[band];
            join->nodata[i] = member->nodata[band];
        }
    }
    out->scene = member->scene;
    take_bands(selection, first, count, join->numbers, &out->part);
    if (mosaic) { /* what is no image in this file */
        struct vdt_band_selection *stored =
            selection->stored == NULL ? &out->part.wanted : &out->part.stored;
        stored->has_nodata = join->has_nodata;
        stored->nodata = join->nodata;
    }
    return VDT_OK;
}

/* Reads a part of the mosaic from one member. */
static vdt_status read_part(struct vdt_scene *scene, size_t index,
                            const struct vdt_band_selection *selection,
                            const struct vdt_window *part, unsigned char *pixels, uint8_t *valid,
                            struct vdt_error *error)
{
    const struct vdt_scene_recipe *recipe = &scene->join->recipe->members[index];
    struct vdt_join_member member;
    vdt_status status = vdt_join_take(scene, index, selection, 0, selection->count, &member, error);
    if (status != VDT_OK)
        return status;
    const struct vdt_window moved = {part->col - recipe->col, part->row - recipe->row, part->cols,
                                     part->rows};
    status = vdt_scene_read(member.scene, &member.part.wanted, &moved, pixels, valid, error);
    if (status == VDT_OK && selection->stored == NULL)
        use_own_nodata(scene->join, selection, (size_t)part->cols * (size_t)part->rows, pixels);
    return status;
}

/* Room for a part beside the window that it goes into. */
static bool make_scratch(struct vdt_join_state *join, const struct vdt_band_selection *selection,
                         const struct vdt_window *part)
{
    size_t count = (size_t)part->cols * (size_t)part->rows;
    size_t size = (size_t)selection->count * vdt_dtype_size(selection->dtype);
    return vdt_grow(&join->valid, &join->valid_capacity, count, 1) &&
           vdt_grow(&join->pixels, &join->pixel_capacity, count * size, 1);
}

/* Most windows lie wholly in the first file that they meet, and have no holes there. */
static vdt_status read_mosaic(struct vdt_scene *scene, const struct vdt_band_selection *selection,
                              const struct vdt_window *window, unsigned char *pixels,
                              uint8_t *valid, struct vdt_error *error)
{
    const struct vdt_scene_recipe *recipe = scene->join->recipe;
    size_t count = (size_t)window->cols * (size_t)window->rows, open = count;
    bool begun = false;
    for (size_t i = 0; open > 0 && i < recipe->member_count; i++) {
        const struct vdt_window part = shared_part(&recipe->members[i], window);
        bool all = part.cols == window->cols && part.rows == window->rows;
        if (part.cols == 0 || part.rows == 0)
            continue;
        if (!begun && !all) {
            vdt_scene_blank_all(selection, count, pixels);
            memset(valid, 0, count);
        }
        if ((begun || !all) && !make_scratch(scene->join, selection, &part))
            return vdt_fail_memory(error, scene->path);
        unsigned char *to = begun || !all ? scene->join->pixels : pixels;
        uint8_t *mask = begun || !all ? scene->join->valid : valid;
        vdt_status status = read_part(scene, i, selection, &part, to, mask, error);
        if (status != VDT_OK)
            return status;
        if (to != pixels) {
            open -= lay_under(scene->join, selection, window, &part, pixels, valid);
        } else if (memchr(valid, 0, count) == NULL) {
            open = 0;
        } else {
            vdt_scene_blank(selection, count, valid, pixels, valid);
            open = 0;
            for (size_t k = 0; k < count; k++)
                open += valid[k] == 0;
        }
        begun = true;
    }
    if (!begun) {
        vdt_scene_blank_all(selection, count, pixels);
        memset(valid, 0, count);
    }
    return VDT_OK;
}

vdt_status vdt_join_read(struct vdt_scene *scene, const struct vdt_band_selection *selection,
                         const struct vdt_window *window, void *pixels, uint8_t *valid,
                         struct vdt_error *error)
{
    return scene->join->recipe->kind == VDT_SCENE_MOSAIC
               ? read_mosaic(scene, selection, window, pixels, valid, error)
               : read_stack(scene, selection, window, pixels, valid, error);
}
