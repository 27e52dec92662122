/* vedatile info: what is in a store. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <vedatile/store.h>

#include "failure_list.h"
#include "json.h"
#include "options.h"
#include "report.h"
#include "store_text.h"
#include "text.h"

enum { SCENES_SHOWN = 10, FAILURES_SHOWN = 10, LABEL_COLUMN = 10 };

struct info_values {
    const char *store;
    bool json;
};

#define AT(field) offsetof(struct info_values, field)

static const struct option info_options[] = {
    {.name = "STORE",
     .kind = OPTION_POSITION,
     .required = true,
     .offset = AT(store),
     .help = "the store to describe"},
    OPTION_ROW_JSON(AT(json)),
    {0},
};

static json_t *groups_json(const struct vdt_reader *reader)
{
    json_t *groups = json_object();
    for (size_t i = 0; i < vdt_reader_group_count(reader); i++) {
        json_t *group = json_object();
        json_object_set_new(group, "count", json_from_count(vdt_reader_count(reader, i)));
        json_object_set_new(group, "boxes", json_from_count(vdt_reader_box_count(reader, i)));
        json_object_set_new(groups, vdt_reader_group_name(reader, i), group);
    }
    return groups;
}

static json_t *views_json(const struct vdt_reader *reader)
{
    json_t *views = json_object();
    for (size_t i = 0; i < vdt_reader_view_count(reader); i++) {
        struct vdt_view view = vdt_reader_view(reader, i);
        json_t *object = json_object();
        json_object_set_new(object, "group", json_from_text(view.group));
        json_object_set_new(object, "count", json_from_count(view.count));
        json_object_set_new(views, view.name, object);
    }
    return views;
}

static json_t *scenes_json(const struct vdt_reader *reader)
{
    json_t *scenes = json_array();
    for (size_t i = 0; i < vdt_reader_scene_count(reader); i++) {
        struct vdt_scene_record scene = vdt_reader_scene(reader, i);
        json_t *object = json_object();
        json_object_set_new(object, "uri", json_from_text(scene.uri));
        json_object_set_new(object, "bytes", json_from_count(scene.size));
        json_object_set_new(object, "digest", json_from_text(scene.digest));
        json_object_set_new(object, "acquired", json_from_text(scene.acquired));
        json_object_set_new(object, "cols", json_integer(scene.cols));
        json_object_set_new(object, "rows", json_integer(scene.rows));
        json_array_append_new(scenes, object);
    }
    return scenes;
}

static json_t *tile_json(const struct vdt_tile_spec *tile)
{
    json_t *object = json_object();
    json_object_set_new(object, "bands", json_integer(tile->bands));
    json_object_set_new(object, "rows", json_integer(tile->rows));
    json_object_set_new(object, "cols", json_integer(tile->cols));
    json_object_set_new(object, "dtype", json_string(vdt_dtype_name(tile->dtype)));
    return object;
}

static json_t *bounds_json(const double bounds[4], bool known)
{
    if (!known)
        return json_null();
    json_t *array = json_array();
    for (int i = 0; i < 4; i++)
        json_array_append_new(array, json_from_real(bounds[i]));
    return array;
}

static json_t *info_json(const struct vdt_reader *reader, const double bounds[4], bool known)
{
    struct vdt_store_spec spec = vdt_reader_spec(reader);
    json_t *object = json_object();
    json_object_set_new(object, "format", json_from_text(vdt_reader_format(reader)));
    json_object_set_new(object, "uuid", json_from_text(vdt_reader_uuid(reader)));
    json_object_set_new(object, "name", json_from_text(spec.name));
    json_object_set_new(object, "tile", tile_json(&spec.tile));
    json_object_set_new(object, "tasks", store_tasks_json(spec.tasks));
    json_object_set_new(object, "classes", json_from_texts(spec.classes, spec.class_count));
    json_object_set_new(object, "groups", groups_json(reader));
    json_object_set_new(object, "views", views_json(reader));
    json_object_set_new(object, "bounds", bounds_json(bounds, known));
    json_object_set_new(object, "codec", json_string(vdt_codec_name(spec.image_codec)));
    json_object_set_new(object, "bytes", json_from_count(vdt_reader_file_bytes(reader)));
    json_object_set_new(object, "percent_cached",
                        json_from_real(vdt_reader_percent_cached(reader)));
    json_object_set_new(object, "mask_codec", json_string(vdt_codec_name(spec.mask_codec)));
    json_object_set_new(object, "band_names", json_from_texts(spec.band_names, spec.tile.bands));
    json_object_set_new(object, "scenes", scenes_json(reader));
    json_object_set_new(object, "created_at", json_from_text(vdt_reader_created_at(reader)));
    json_object_set_new(object, "producer", json_from_text(vdt_reader_producer(reader)));
    json_t *times = json_loads(vdt_reader_times(reader), 0, NULL);
    json_object_set_new(object, "times", times ? times : json_null());
    json_t *members = json_loads(vdt_reader_scene_members(reader), 0, NULL);
    json_object_set_new(object, "scene_members", members ? members : json_null());
    json_t *config = json_loads(vdt_reader_feed_config(reader), 0, NULL);
    json_object_set_new(object, "feed_config", config ? config : json_null());
    json_t *failures = json_loads(vdt_reader_feed_failures(reader), 0, NULL);
    json_object_set_new(object, "failures", failures ? failures : json_null());
    return object;
}

static void print_line(const char *label, const char *value)
{
    text_cell(stdout, label, LABEL_COLUMN);
    text_print(stdout, value);
    putchar('\n');
}

static void print_names(const char *label, const char *const *names, size_t count)
{
    text_cell(stdout, label, LABEL_COLUMN);
    printf("%zu", count);
    for (size_t i = 0; i < count; i++) {
        fputs(i ? ", " : ": ", stdout);
        text_print(stdout, names[i]);
    }
    putchar('\n');
}

static void print_groups(const struct vdt_reader *reader)
{
    struct vdt_store_spec spec = vdt_reader_spec(reader);
    size_t width = 0;
    for (size_t i = 0; i < vdt_reader_group_count(reader); i++) {
        size_t wide = text_width(vdt_reader_group_name(reader, i));
        width = wide > width ? wide : width;
    }
    puts("groups");
    for (size_t i = 0; i < vdt_reader_group_count(reader); i++) {
        uint64_t count = vdt_reader_count(reader, i);
        fputs("  ", stdout);
        text_cell(stdout, vdt_reader_group_name(reader, i), width);
        printf("  %8" PRIu64 " sample%s", count, text_plural(count));
        if (spec.tasks & (VDT_DETECTION | VDT_INSTANCE))
            printf("  %8" PRIu64 " boxes", vdt_reader_box_count(reader, i));
        putchar('\n');
    }
}

static void print_views(const struct vdt_reader *reader)
{
    size_t count = vdt_reader_view_count(reader), width = 0;
    for (size_t i = 0; i < count; i++) {
        size_t wide = text_width(vdt_reader_view(reader, i).name);
        width = wide > width ? wide : width;
    }
    if (count > 0)
        puts("views");
    for (size_t i = 0; i < count; i++) {
        struct vdt_view view = vdt_reader_view(reader, i);
        fputs("  ", stdout);
        text_cell(stdout, view.name, width);
        printf("  %8" PRIu64 " of %s\n", view.count, view.group);
    }
}

static void print_scenes(const struct vdt_reader *reader)
{
    size_t count = vdt_reader_scene_count(reader);
    printf("scenes    %zu\n", count);
    for (size_t i = 0; i < count && i < SCENES_SHOWN; i++) {
        struct vdt_scene_record scene = vdt_reader_scene(reader, i);
        fputs("  ", stdout);
        text_print(stdout, scene.uri);
        printf("  %d x %d pixels", (int)scene.cols, (int)scene.rows);
        if (scene.acquired[0]) {
            fputs("  ", stdout);
            text_print(stdout, scene.acquired);
        }
        putchar('\n');
    }
    if (count > SCENES_SHOWN)
        printf("  and %zu more; --json lists all\n", count - SCENES_SHOWN);
}

static void print_producer(const char *producer)
{
    text_cell(stdout, "producer", LABEL_COLUMN);
    while (*producer) {
        char line[256];
        size_t size = strcspn(producer, "\n");
        snprintf(line, sizeof line, "%.*s", (int)size, producer);
        text_print(stdout, line);
        producer += size;
        producer += strspn(producer, "\n");
        if (*producer)
            fputs(", ", stdout);
    }
    putchar('\n');
}

/* Scenes and windows that a feed could not read. */
static void print_failures(const struct vdt_reader *reader)
{
    json_t *failures = json_loads(vdt_reader_feed_failures(reader), 0, NULL);
    if (json_array_size(failures) > 0)
        printf("failed    %zu\n", json_array_size(failures));
    failure_list_print(stdout, failures, FAILURES_SHOWN, "  ", "--json lists all");
    json_decref(failures);
}

/* The time axis, if there is one. */
static void print_times(const struct vdt_reader *reader)
{
    json_t *times = json_loads(vdt_reader_times(reader), 0, NULL);
    size_t count = json_array_size(times);
    for (size_t i = 0; i < count; i++) {
        const char *time = json_string_value(json_array_get(times, i));
        if (i == 0) {
            text_cell(stdout, "times", LABEL_COLUMN);
            printf("%zu", count);
        }
        fputs(i ? ", " : ": ", stdout);
        text_print(stdout, time && time[0] ? time : "?");
    }
    if (count > 0)
        putchar('\n');
    json_decref(times);
}

static void print_info(const struct vdt_reader *reader, const double bounds[4], bool known)
{
    struct vdt_store_spec spec = vdt_reader_spec(reader);
    char text[256], bytes[32];
    print_line("name", spec.name);
    print_line("format", vdt_reader_format(reader));
    print_line("uuid", vdt_reader_uuid(reader));
    print_line("created", vdt_reader_created_at(reader));
    snprintf(text, sizeof text, "%u x %u pixels (columns x rows), %u band%s, %s", spec.tile.cols,
             spec.tile.rows, spec.tile.bands, text_plural(spec.tile.bands),
             vdt_dtype_name(spec.tile.dtype));
    print_line("tile", text);
    print_names("bands", spec.band_names, spec.tile.bands);
    print_times(reader);
    print_line("tasks", store_tasks(text, sizeof text, spec.tasks));
    print_names("classes", spec.classes, spec.class_count);
    bool masks = spec.tasks & ~(uint32_t)(VDT_CLASSIFICATION | VDT_DETECTION);
    snprintf(text, sizeof text, "%s%s%s%s", vdt_codec_name(spec.image_codec),
             masks ? " (masks " : "", masks ? vdt_codec_name(spec.mask_codec) : "",
             masks ? ")" : "");
    print_line("codec", text);
    print_line("size", text_bytes(bytes, sizeof bytes, vdt_reader_file_bytes(reader)));
    snprintf(text, sizeof text, "%.2f %% of it; the rest comes as it is read",
             vdt_reader_percent_cached(reader));
    if (vdt_reader_percent_cached(reader) < 100)
        print_line("here", text);
    if (known)
        snprintf(text, sizeof text, "west %.6f, south %.6f, east %.6f, north %.6f degrees",
                 bounds[0], bounds[1], bounds[2], bounds[3]);
    print_line("bounds", known ? text : "unknown");
    print_groups(reader);
    print_views(reader);
    print_scenes(reader);
    print_failures(reader);
    print_producer(vdt_reader_producer(reader));
}

static int info(const struct info_values *values)
{
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_reader *reader = NULL;
    double bounds[4] = {0};
    bool known = false;
    int code = EXIT_DONE;
    if (vdt_reader_open(values->store, &reader, &error) ||
        store_bounds(reader, bounds, &known, &error))
        code = report_error(&info_command, &error);
    else if (values->json)
        code = json_print(info_json(reader, bounds, known));
    else
        print_info(reader, bounds, known);
    vdt_reader_free(reader);
    return code;
}

static int run_info(int argc, char **argv)
{
    struct info_values values = {0};
    int code = options_parse(&info_command, argc, argv, &values);
    return code == OPTIONS_RUN ? info(&values) : code;
}

const struct command info_command = {
    .name = "info",
    .summary = "says what is in a store",
    .usage = "STORE [--json]",
    .notes = "examples:\n"
             "  vedatile info roofs.h5\n"
             "  vedatile info roofs.h5 --json | jq .groups.train.count\n",
    .options = info_options,
    .run = run_info,
};
