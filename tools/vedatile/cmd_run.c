/* vedatile run: the runs of a store. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vedatile/evaluation.h>
#include <vedatile/run.h>
#include <vedatile/store.h>

#include "eval_table.h"
#include "json.h"
#include "options.h"
#include "report.h"
#include "text.h"

struct run_values {
    const char *action;
    const char *store;
    struct words names;
    const char *group;
    const char *model;
    const char *model_reference;
    const char *metadata;
    struct words classes;
    bool any_class;
    bool softmax;
    bool free_run;
    bool yes;
    bool json;
};

#define AT(field) offsetof(struct run_values, field)

static bool action_accepts(const char *text, char *message, size_t size)
{
    static const char *const actions[] = {"list", "show", "create", "commit", "compare", "remove"};
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        if (strcmp(text, actions[i]) == 0)
            return true;
    snprintf(message, size, "list, show, create, commit, compare or remove");
    return false;
}

static const struct option run_options[] = {
    {.name = "ACTION",
     .kind = OPTION_POSITION,
     .required = true,
     .offset = AT(action),
     .accepts = action_accepts,
     .help = "list, show, create, commit, compare or remove"},
    {.name = "STORE",
     .kind = OPTION_POSITION,
     .required = true,
     .offset = AT(store),
     .help = "the store that is predicted; with --free the file of a run"},
    {.name = "NAME",
     .kind = OPTION_POSITIONS,
     .offset = AT(names),
     .help = "the run; two of them to compare, the older first"},
    {.name = "group",
     .kind = OPTION_TEXT,
     .offset = AT(group),
     .argument = "NAME",
     .help = "create: the group that is predicted; default: test, or the only one"},
    {.name = "model",
     .kind = OPTION_TEXT,
     .offset = AT(model),
     .argument = "NAME",
     .help = "create: the model that predicts"},
    {.name = "model-reference",
     .kind = OPTION_TEXT,
     .offset = AT(model_reference),
     .argument = "TEXT",
     .help = "create: its version, a commit or an address"},
    {.name = "metadata",
     .kind = OPTION_TEXT,
     .offset = AT(metadata),
     .argument = "JSON",
     .help = "create: a JSON object to keep with the run"},
    {.name = "classes",
     .kind = OPTION_COMMAS,
     .offset = AT(classes),
     .argument = "A,B,...",
     .help = "create: what can be predicted; default: the store's classes"},
    {.name = "any-class",
     .kind = OPTION_FLAG,
     .offset = AT(any_class),
     .help = "create: take classes that are not among them"},
    {.name = "softmax",
     .kind = OPTION_FLAG,
     .offset = AT(softmax),
     .help = "create: refuse scores of a sample that do not add up to 1"},
    {.name = "free",
     .kind = OPTION_FLAG,
     .offset = AT(free_run),
     .help = "a run of no store: STORE is its file, and there is no NAME"},
    {.name = "yes", .kind = OPTION_FLAG, .offset = AT(yes), .help = "remove: do not ask"},
    OPTION_ROW_JSON(AT(json)),
    {0},
};

/* --- telling ------------------------------------------------------------------------------------
 */

static json_t *object_of(const char *text)
{
    json_error_t problem;
    json_t *object = json_loads(text, 0, &problem);
    return object == NULL ? json_object() : object;
}

static json_t *info_json(const struct vdt_run_info *info, const char *problem)
{
    json_t *model = json_pack("{s:o,s:o,s:o}", "name", json_from_text(info->model), "reference",
                              json_from_text(info->model_reference), "metadata",
                              object_of(info->model_metadata));
    json_t *json = json_pack(
        "{s:o,s:o,s:s,s:o,s:o,s:s,s:o,s:s,s:s,s:s,s:I,s:I,s:I,s:I}", "name",
        json_from_text(info->name), "path", json_from_text(info->path), "state",
        problem != NULL   ? "damaged"
        : info->committed ? "committed"
                          : "open",
        "model", model, "metadata", object_of(info->metadata), "store_uuid", info->store_uuid,
        "group", json_from_text(info->group), "created_at", info->created_at, "committed_at",
        info->committed_at, "content_sha256", info->content_sha256, "samples",
        (json_int_t)info->samples, "predicted", (json_int_t)info->predicted, "annotations",
        (json_int_t)info->annotations, "rasters", (json_int_t)info->rasters);
    if (problem != NULL)
        json_object_set_new(json, "problem", json_from_text(problem));
    return json;
}

static void print_row(const struct vdt_run_info *info, const char *problem)
{
    text_cell(stdout, info->name, 24);
    text_cell(stdout, problem != NULL ? "damaged" : info->committed ? "committed" : "open", 10);
    text_cell(stdout, info->model, 16);
    if (problem != NULL)
        text_print(stdout, problem);
    else
        printf("%" PRIu64 " of %" PRIu64 " samples, %" PRIu64 " predictions", info->predicted,
               info->samples, info->annotations);
    putchar('\n');
}

struct listing {
    json_t *array; /* NULL: print as it comes */
    uint64_t count;
};

static bool each_run(const struct vdt_run_info *info, const char *problem, void *payload)
{
    struct listing *listing = payload;
    listing->count++;
    if (listing->array != NULL)
        json_array_append_new(listing->array, info_json(info, problem));
    else
        print_row(info, problem);
    return true;
}

static int list_runs(const struct run_values *values)
{
    struct vdt_error error = {.status = VDT_OK};
    struct listing listing = {values->json ? json_array() : NULL, 0};
    if (access(values->store, F_OK) != 0)
        return report_failed(&run_command, "%s: no such store", values->store);
    if (vdt_run_list(values->store, each_run, &listing, &error)) {
        json_decref(listing.array);
        return report_error(&run_command, &error);
    }
    if (values->json)
        return json_print(json_pack("{s:o}", "runs", listing.array));
    if (listing.count == 0)
        puts("no runs");
    return EXIT_DONE;
}

static void print_info(const struct vdt_run_info *info)
{
    const struct {
        const char *name, *value;
    } rows[] = {{"name", info->name},
                {"state", info->committed ? "committed" : "open"},
                {"model", info->model},
                {"reference", info->model_reference},
                {"group", info->group},
                {"created", info->created_at},
                {"committed", info->committed_at},
                {"digest", info->content_sha256},
                {"metadata", strcmp(info->metadata, "{}") == 0 ? "" : info->metadata}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (*rows[i].value != '\0') {
            printf("%-12s", rows[i].name);
            text_print(stdout, rows[i].value);
            putchar('\n');
        }
    printf("%-12s%" PRIu64 ", %" PRIu64 " predicted\n", "samples", info->samples, info->predicted);
    printf("%-12s%" PRIu64 "\n", "predictions", info->annotations);
    if (info->rasters > 0)
        printf("%-12s%" PRIu64 "\n", "rasters", info->rasters);
}

/* How the store of a committed run is now. */
struct kinship {
    bool known; /* there is a store to compare */
    uint64_t vanished, gained;
    struct vdt_error problem; /* that they cannot be compared, and why */
};

static struct kinship compare_with(const char *store, const char *name)
{
    struct kinship kinship = {.known = true};
    struct vdt_run_reader *reader = NULL;
    struct vdt_reader *samples = NULL;
    vdt_status status = vdt_run_open(store, name, &reader, &kinship.problem);
    if (status == VDT_OK)
        status = vdt_reader_open(store, &samples, &kinship.problem);
    if (status == VDT_OK)
        status = vdt_run_compare_store(reader, samples, &kinship.vanished, &kinship.gained,
                                       &kinship.problem);
    kinship.problem.status = status;
    vdt_reader_free(samples);
    vdt_run_reader_free(reader);
    return kinship;
}

static json_t *kinship_json(const struct kinship *kinship)
{
    if (!kinship->known)
        return json_null();
    if (kinship->problem.status != VDT_OK)
        return json_pack("{s:o}", "problem", json_from_text(kinship->problem.message));
    return json_pack("{s:I,s:I}", "vanished", (json_int_t)kinship->vanished, "gained",
                     (json_int_t)kinship->gained);
}

/* Nothing where all is as it was. */
static void print_kinship(const struct kinship *kinship)
{
    if (!kinship->known)
        return;
    if (kinship->problem.status != VDT_OK) {
        printf("%-12s", "store");
        text_print(stdout, kinship->problem.message);
        putchar('\n');
    }
    if (kinship->vanished > 0)
        printf("%-12s%" PRIu64 " samples of the run are not in it any more\n", "store",
               kinship->vanished);
    if (kinship->gained > 0)
        printf("%-12s%" PRIu64 " samples came after the run\n", "store", kinship->gained);
}

struct wanted {
    const char *store, *name;
    bool json, found;
    int code;
};

static bool show_one(const struct vdt_run_info *info, const char *problem, void *payload)
{
    struct wanted *wanted = payload;
    if (strcmp(info->name, wanted->name) != 0)
        return true;
    wanted->found = true;
    struct kinship kinship = {.known = false};
    if (problem == NULL && info->committed)
        kinship = compare_with(wanted->store, wanted->name);
    if (problem != NULL) {
        wanted->code = report_failed(&run_command, "%s", problem);
    } else if (wanted->json) {
        json_t *json = info_json(info, NULL);
        json_object_set_new(json, "store", kinship_json(&kinship));
        wanted->code = json_print(json);
    } else {
        print_info(info);
        print_kinship(&kinship);
    }
    return false;
}

static int show_free(const struct run_values *values)
{
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_run_reader *reader = NULL;
    if (vdt_run_open(NULL, values->store, &reader, &error))
        return report_error(&run_command, &error);
    const struct vdt_run_info *info = vdt_run_reader_info(reader);
    int code = EXIT_DONE;
    if (values->json)
        code = json_print(info_json(info, NULL));
    else
        print_info(info);
    vdt_run_reader_free(reader);
    return code;
}

static int no_such_run(const struct run_values *values)
{
    return report_failed(&run_command,
                         "%s: there is no run '%s'; 'vedatile run list %s' lists them",
                         values->store, values->names.items[0], values->store);
}

static int show_run(const struct run_values *values)
{
    struct vdt_error error = {.status = VDT_OK};
    if (values->free_run)
        return show_free(values);
    struct wanted wanted = {values->store, values->names.items[0], values->json, false, EXIT_DONE};
    if (vdt_run_list(values->store, show_one, &wanted, &error))
        return report_error(&run_command, &error);
    if (!wanted.found)
        return no_such_run(values);
    return wanted.code;
}

/* --- doing --------------------------------------------------------------------------------------
 */

static struct vdt_run_options options_of(const struct run_values *values)
{
    return (struct vdt_run_options){
        .store = values->free_run ? NULL : values->store,
        .path = values->free_run ? values->store : NULL,
        .name = values->free_run ? NULL : values->names.items[0],
        .group = values->group,
        .model = values->model,
        .model_reference = values->model_reference,
        .metadata = values->metadata,
        .classes = (const char *const *)values->classes.items,
        .class_count = values->classes.count,
        .any_class = values->any_class,
        .softmax = values->softmax,
    };
}

static int tell(const struct run_values *values, struct vdt_run *run)
{
    struct vdt_run_info info;
    vdt_run_get_info(run, &info);
    if (values->json)
        return json_print(info_json(&info, NULL));
    text_print(stdout, info.path);
    printf(": %s, %" PRIu64 " of %" PRIu64 " samples predicted\n",
           info.committed ? "committed" : "open", info.predicted, info.samples);
    return EXIT_DONE;
}

static int create_run(const struct run_values *values)
{
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_run_options options = options_of(values);
    struct vdt_run *run = NULL;
    if (vdt_run_create(&options, &run, &error))
        return report_error(&run_command, &error);
    int code = tell(values, run);
    vdt_run_free(run);
    return code;
}

static int commit_run(const struct run_values *values)
{
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_run_options options = options_of(values);
    struct vdt_run *run = NULL;
    int code = EXIT_DONE;
    if (vdt_run_resume(&options, &run, &error) || vdt_run_commit(run, NULL, NULL, &error))
        code = report_error(&run_command, &error);
    else
        code = tell(values, run);
    if (code == EXIT_DONE && !values->free_run && !values->json) {
        struct kinship kinship = compare_with(values->store, values->names.items[0]);
        print_kinship(&kinship);
    }
    vdt_run_free(run);
    return code;
}

static bool confirmed(const char *name)
{
    char answer[16] = "";
    if (!isatty(STDIN_FILENO))
        return false;
    fprintf(stderr, "Remove the run '%s' for good? [y/N] ", name);
    return fgets(answer, sizeof answer, stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y');
}

static bool has_name(const struct vdt_run_info *info, const char *problem, void *payload)
{
    struct wanted *wanted = payload;
    (void)problem;
    wanted->found = strcmp(info->name, wanted->name) == 0;
    return !wanted->found;
}

static int remove_run(const struct run_values *values)
{
    struct vdt_error error = {.status = VDT_OK};
    const char *name = values->free_run ? values->store : values->names.items[0];
    struct wanted wanted = {.name = name, .found = values->free_run};
    if (!wanted.found && vdt_run_list(values->store, has_name, &wanted, &error))
        return report_error(&run_command, &error);
    if (!wanted.found)
        return no_such_run(values);
    if (!values->yes && !confirmed(name))
        return report_failed(&run_command, "nothing was removed; --yes removes without asking");
    if (vdt_run_remove(values->free_run ? NULL : values->store, name, &error))
        return report_error(&run_command, &error);
    if (values->json)
        return json_print(json_pack("{s:o}", "removed", json_from_text(name)));
    text_print(stdout, name);
    puts(": removed");
    return EXIT_DONE;
}

static int compare_runs(const struct run_values *values)
{
    struct vdt_error error = {.status = VDT_OK};
    struct vdt_evaluation *evaluation = NULL;
    const struct vdt_evaluate_options options = {
        .store = values->store, .run = values->names.items[1], .baseline = values->names.items[0]};
    int code;
    if (vdt_evaluate(&options, &evaluation, &error))
        code = report_error(&run_command, &error);
    else if (values->json)
        code = puts(vdt_evaluation_json(evaluation)) < 0 ? EXIT_FAILED : EXIT_DONE;
    else
        code = eval_table_print(vdt_evaluation_json(evaluation));
    vdt_evaluation_free(evaluation);
    return code;
}

static int run_run(int argc, char **argv)
{
    static const struct {
        const char *action;
        size_t names; /* that it takes */
        int (*run)(const struct run_values *values);
    } actions[] = {{"list", 0, list_runs},       {"show", 1, show_run},
                   {"create", 1, create_run},    {"commit", 1, commit_run},
                   {"compare", 2, compare_runs}, {"remove", 1, remove_run}};
    struct run_values values = {0};
    int code = options_parse(&run_command, argc, argv, &values);
    for (size_t i = 0; code == OPTIONS_RUN && i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(values.action, actions[i].action) != 0)
            continue;
        size_t names = values.free_run && actions[i].names == 1 ? 0 : actions[i].names;
        if (values.free_run && actions[i].names != 1)
            code = report_wrong(&run_command, "%s: --free is for one run", values.action);
        else if (values.names.count != names)
            code = report_wrong(&run_command, "%s takes %zu name%s of a run", values.action, names,
                                text_plural(names));
        else
            code = actions[i].run(&values);
    }
    options_clear(&run_command, &values);
    return code;
}

const struct command run_command = {
    .name = "run",
    .summary = "the runs of a store: what models predict",
    .usage = "list STORE | show|create|commit|remove STORE NAME | compare STORE OLD NEW",
    .notes =
        "An open run takes predictions ('vedatile predictions import', or Python); a committed\n"
        "one never changes.\n\n"
        "examples:\n"
        "  vedatile run list roofs.h5\n"
        "  vedatile run create roofs.h5 may --model unet --group test\n"
        "  vedatile run compare roofs.h5 april may\n",
    .options = run_options,
    .run = run_run,
};
