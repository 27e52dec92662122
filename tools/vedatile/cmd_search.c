/* vedatile search: entries of the catalog as a table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog_options.h"
#include "json.h"
#include "report.h"
#include "text.h"

enum { MOST_POLYGON = 16 << 20, COLUMNS = 7 };

struct search_values {
    const char *text;
    struct reals bbox;
    const char *polygon;
    const char *class_name;
    const char *task;
    const char *sensor;
    const char *time;
    const char *tag;
    const char *owner;
    const char *filter;
    bool bin;
    struct count limit;
    struct catalog_values catalog;
    bool json;
};

#define AT(field) offsetof(struct search_values, field)
#define TEXT_ROW(named, field, stands, said)                                                      \
    {                                                                                             \
        .name = named, .kind = OPTION_TEXT, .offset = AT(field), .argument = stands, .help = said \
    }

static const struct option search_options[] = {
    {.name = "TEXT",
     .kind = OPTION_POSITION,
     .offset = AT(text),
     .help = "words of the name, description, tags or classes; default: any"},
    {.name = "bbox",
     .kind = OPTION_REALS,
     .offset = AT(bbox),
     .argument = "W,S,E,N",
     .least = 4,
     .most = 4,
     .low = -360,
     .help = "entries that meet this box, in degrees",
     .excludes = "polygon"},
    {.name = "polygon",
     .kind = OPTION_TEXT,
     .offset = AT(polygon),
     .argument = "FILE",
     .flags = OPTION_PATH,
     .help = "entries that meet the geometry of this GeoJSON file, in degrees"},
    TEXT_ROW("class", class_name, "NAME", "entries that have this class"),
    TEXT_ROW("task", task, "NAME", "classification, detection, segmentation, ..."),
    TEXT_ROW("sensor", sensor, "NAME", "entries of this sensor"),
    TEXT_ROW("time", time, "FROM/TO",
             "entries of this time: 2024-05-01T00:00:00Z, or two with a slash; .. is open"),
    TEXT_ROW("tag", tag, "NAME", "entries with this tag"),
    TEXT_ROW("owner", owner, "NAME", "entries of this user"),
    TEXT_ROW("filter", filter, "CQL2", "an expression, such as \"samples > 1000\""),
    {.name = "bin",
     .kind = OPTION_FLAG,
     .offset = AT(bin),
     .help = "what you removed, and what can still be restored"},
    {.name = "limit",
     .kind = OPTION_COUNT,
     .offset = AT(limit),
     .argument = "N",
     .least = 1,
     .most = 1000000,
     .help = "at most so many entries; default: 100"},
    OPTION_ROWS_CATALOG(AT(catalog)),
    OPTION_ROW_JSON(AT(json)),
    {0},
};

/* --- the table ---------------------------------------------------------------------------- */

static void join(const json_t *list, char *to, size_t size)
{
    size_t i;
    const json_t *item;
    to[0] = '\0';
    json_array_foreach(list, i, item)
    {
        strncat(to, i > 0 ? ", " : "", size - strlen(to) - 1);
        strncat(to, json_is_string(item) ? json_string_value(item) : "", size - strlen(to) - 1);
    }
}

static uint64_t samples_of(const json_t *data)
{
    uint64_t sum = 0;
    const char *group;
    json_t *count;
    json_object_foreach(json_object_get(data, "count"), group, count) sum +=
        (uint64_t)json_integer_value(count);
    return sum;
}

struct row {
    char cells[COLUMNS][96];
};

static void fill_row(struct row *row, const json_t *document)
{
    const json_t *data = json_object_get(document, "data");
    size_t room = sizeof row->cells[0];
    const json_t *version = json_object_get(data, "version");
    snprintf(row->cells[0], room, "%s", catalog_text(document, "id"));
    snprintf(row->cells[1], room, "%s", catalog_text(document, "name"));
    snprintf(row->cells[2], room, "%s%s", catalog_text(document, "userId"),
             json_is_true(json_object_get(data, "public")) ? "" : " (private)");
    if (json_is_integer(version))
        snprintf(row->cells[3], room, "%" JSON_INTEGER_FORMAT, json_integer_value(version));
    else
        snprintf(row->cells[3], room, "-");
    snprintf(row->cells[4], room, "%llu", (unsigned long long)samples_of(data));
    text_bytes(row->cells[5], room, (uint64_t)json_integer_value(json_object_get(data, "bytes")));
    join(json_object_get(data, "classes"), row->cells[6], room);
}

static void print_table(const json_t *entries)
{
    static const struct row head = {
        {"id", "name", "owner", "version", "samples", "size", "classes"}};
    size_t widths[COLUMNS], count = json_array_size(entries);
    struct row *rows = calloc(count + 1, sizeof *rows);
    if (rows == NULL)
        return;
    rows[0] = head;
    for (size_t i = 0; i < count; i++)
        fill_row(&rows[i + 1], json_array_get(entries, i));
    for (size_t c = 0; c < COLUMNS; c++) {
        widths[c] = 0;
        for (size_t i = 0; i <= count; i++)
            if (text_width(rows[i].cells[c]) > widths[c])
                widths[c] = text_width(rows[i].cells[c]);
    }
    for (size_t i = 0; i <= count; i++) {
        for (size_t c = 0; c < COLUMNS - 1; c++)
            text_cell(stdout, rows[i].cells[c], widths[c] + 2);
        text_print(stdout, rows[i].cells[COLUMNS - 1]);
        putchar('\n');
    }
    free(rows);
}

static int print_found(json_t *found, bool json)
{
    const json_t *entries = json_object_get(found, "entries");
    if (json)
        return json_print(found);
    if (json_array_size(entries) == 0)
        puts("no entries");
    else
        print_table(entries);
    if (json_is_true(json_object_get(found, "more")))
        puts("... and more: --limit shows them");
    json_decref(found);
    return EXIT_DONE;
}

/* --- the search --------------------------------------------------------------------------- */

/* The text of a small file, owned; NULL after a report. */
static char *read_text(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = file == NULL ? NULL : malloc(MOST_POLYGON + 1);
    size_t size = text == NULL ? 0 : fread(text, 1, MOST_POLYGON + 1, file);
    bool whole = text != NULL && !ferror(file) && size <= MOST_POLYGON;
    if (file != NULL)
        fclose(file);
    if (whole) {
        text[size] = '\0';
        return text;
    }
    free(text);
    report_failed(&search_command, "%s: cannot be read, or is no small file", path);
    return NULL;
}

static int search(const struct search_values *values, const char *polygon)
{
    struct catalog_session session;
    struct vdt_error error = {.status = VDT_OK};
    char *document = NULL;
    struct vdt_search wanted = {.text = values->text,
                                .bbox = values->bbox.count == 4 ? values->bbox.items : NULL,
                                .polygon = polygon,
                                .class_name = values->class_name,
                                .task = values->task,
                                .sensor = values->sensor,
                                .time = values->time,
                                .tag = values->tag,
                                .owner = values->owner,
                                .filter = values->filter,
                                .bin = values->bin,
                                .limit = values->limit.value};
    int code = catalog_connect(&search_command, &values->catalog, PROGRESS_NONE, false, &session);
    if (code != OPTIONS_RUN)
        return code;
    if (vdt_catalog_search(session.catalog, &wanted, &document, &error))
        code = catalog_failed(&search_command, &session, &error);
    else
        code = print_found(catalog_json(document), values->json);
    catalog_close(&session);
    return code;
}

static int run_search(int argc, char **argv)
{
    struct search_values values = {0};
    char *polygon = NULL;
    int code = options_parse(&search_command, argc, argv, &values);
    if (code == OPTIONS_RUN && values.bbox.count != 0 && values.bbox.count != 4)
        code = report_wrong(&search_command, "--bbox has %zu numbers: give west,south,east,north",
                            values.bbox.count);
    if (code == OPTIONS_RUN && values.polygon != NULL &&
        (polygon = read_text(values.polygon)) == NULL)
        code = EXIT_FAILED;
    if (code == OPTIONS_RUN)
        code = search(&values, polygon);
    free(polygon);
    options_clear(&search_command, &values);
    return code;
}

const struct command search_command = {
    .name = "search",
    .summary = "finds entries of the catalog",
    .usage = "[TEXT] [--bbox W,S,E,N] [--class NAME] [--filter CQL2] [--json]",
    .notes = "Conditions are joined by and. You see what is public, your own, and what others "
             "share with you.\n\n"
             "examples:\n"
             "  vedatile search roofs --task segmentation\n"
             "  vedatile search --bbox -35,-8.1,-34.8,-7.9 --time 2019-01-01T00:00:00Z/..\n"
             "  vedatile search --filter \"samples > 1000 AND name LIKE 'Olinda%'\" --json\n",
    .options = search_options,
    .run = run_search,
};
