/* The options that shape a batch, checked against what there is to load. */
#include "load/recipe.h"

#include <string.h>

#include "base/error.h"

static vdt_status set_box_pad(struct vdt_recipe *recipe, uint32_t wanted, struct vdt_error *error)
{
    const struct vdt_sources *sources = recipe->sources;
    uint64_t most = 0, number = 0;
    if (wanted == 0 || !recipe->spec.boxes)
        return VDT_OK;
    for (uint64_t i = 0; i < sources->samples; i++) {
        uint64_t index = 0;
        const struct vdt_source *source = &sources->items[vdt_sources_find(sources, i, &index)];
        uint64_t rows = vdt_source_box_rows(source, index);
        if (rows > most) {
            most = rows;
            number = i;
        }
    }
    if (most > wanted) {
        uint64_t index = 0;
        const struct vdt_source *source =
            &sources->items[vdt_sources_find(sources, number, &index)];
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "%s: /%s sample %llu has %llu boxes, more than the room for %lu",
                        vdt_source_path(source), source->group_name, (unsigned long long)index,
                        (unsigned long long)most, (unsigned long)wanted);
    }
    recipe->spec.box_pad = wanted == UINT32_MAX ? (most == 0 ? 1 : (uint32_t)most) : wanted;
    return VDT_OK;
}

/* Labels of another file as they are delivered: those of an image's rows and columns are a mask. */
static void set_values(struct vdt_recipe *recipe, const struct vdt_hdf5_spec *values)
{
    const struct vdt_plan_transform *transform = &recipe->transform;
    struct vdt_batch_spec *spec = &recipe->spec;
    if (values->label_dtype == 0)
        return;
    spec->value_dtype = values->label_dtype;
    spec->value_rank = values->label_rank;
    memcpy(spec->value_shape, values->label_shape, sizeof spec->value_shape);
    spec->value_bytes = values->label_bytes;
    if (transform->labels_as_is || values->label_rank != 2 ||
        values->label_shape[0] != transform->in.rows ||
        values->label_shape[1] != transform->in.cols)
        return;
    recipe->value_pixel = vdt_dtype_size(values->label_dtype);
    spec->value_shape[0] = transform->out.rows;
    spec->value_shape[1] = transform->out.cols;
    spec->value_bytes = recipe->value_pixel * transform->out.rows * transform->out.cols;
}

vdt_status vdt_recipe_init(struct vdt_recipe *recipe, const struct vdt_sources *sources,
                           const struct vdt_loader_options *options, struct vdt_error *error)
{
    *recipe = (struct vdt_recipe){
        .sources = sources, .seed = options->seed, .skip = options->on_damage == VDT_DAMAGE_SKIP};
    if (options->on_damage > VDT_DAMAGE_SKIP || options->verify > VDT_VERIFY_NEVER)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "no such way to verify or to meet damage");
    vdt_status status = vdt_transform_init(&recipe->transform, &options->transform, &sources->tile,
                                           sources->axes, error);
    if (status != VDT_OK)
        return status;
    struct vdt_batch_spec *spec = &recipe->spec;
    spec->image = recipe->transform.out;
    spec->axes = recipe->transform.out_axes;
    spec->image_bytes = recipe->transform.out_bytes;
    spec->class_count = sources->class_count;
    spec->mask_size = sources->mask_size;
    spec->instances = (sources->tasks & VDT_INSTANCE) != 0;
    spec->boundaries = (sources->tasks & VDT_BOUNDARY) != 0;
    spec->contacts = (sources->tasks & VDT_CONTACT) != 0;
    spec->distances = (sources->tasks & VDT_DISTANCE) != 0;
    spec->targets = (sources->tasks & VDT_REGRESSION) != 0;
    spec->boxes = (sources->tasks & (VDT_DETECTION | VDT_INSTANCE)) != 0;
    set_values(recipe, &sources->values);
    status = set_box_pad(recipe, options->box_pad, error);
    if (status != VDT_OK)
        vdt_recipe_clear(recipe);
    return status;
}

void vdt_recipe_clear(struct vdt_recipe *recipe)
{
    vdt_transform_clear(&recipe->transform);
    *recipe = (struct vdt_recipe){0};
}
