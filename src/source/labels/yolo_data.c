/* data.yaml of a YOLO data set: keys at the left margin, with a scalar, a list or a map of names.
 */
#include "source/labels/yolo_data.h"

#include <cpl_vsi.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "source/quiet.h"

enum { FILE_MOST = 4 << 20, NAMES_MOST = 65535 };

struct yaml {
    const char *path;
    char *at; /* not read yet, NUL-terminated; changed while it is read */
    size_t line;
};

static void vsi_free(GByte **bytes)
{
    VSIFree(*bytes);
}

void vdt_yolo_data_clear(struct vdt_yolo_data *data)
{
    for (size_t i = 0; i < data->name_count; i++)
        free(data->names[i]);
    free(data->names);
    free(data->root);
    for (int s = 0; s < 3; s++) {
        for (size_t i = 0; i < data->splits[s].count; i++)
            free(data->splits[s].folders[i]);
        free(data->splits[s].folders);
    }
    *data = (struct vdt_yolo_data){0};
}

static vdt_status fail_line(const struct yaml *yaml, const char *what, struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_FORMAT, "%s: line %zu: %s", yaml->path, yaml->line, what);
}

/* --- scalars ----------------------------------------------------------------------------- */

static char *skip_blanks(char *text)
{
    return text + strspn(text, " \t\r");
}

/* Takes a plain or quoted scalar from the line's text that ends before one of `ends`; NULL for an
 * unclosed quote. *rest is behind it. */
static char *take_scalar(char *text, const char *ends, char **rest)
{
    text = skip_blanks(text);
    if (*text == '"' || *text == '\'') {
        char quote = *text, *to = text + 1, *begin = to, *from = to;
        for (; *from != '\0'; from++) {
            if (quote == '\'' && from[0] == quote && from[1] == quote)
                from++;
            else if (quote == '"' && from[0] == '\\' && from[1] != '\0')
                from++;
            else if (*from == quote)
                break;
            *to++ = *from;
        }
        if (*from == '\0')
            return NULL;
        *rest = skip_blanks(from + 1);
        *to = '\0';
        return begin;
    }
    char *end = text;
    while (*end != '\0' && strchr(ends, *end) == NULL &&
           !(*end == '#' && end > text && (end[-1] == ' ' || end[-1] == '\t')))
        end++;
    *rest = end;
    char *last = end;
    while (last > text && strchr(" \t\r", last[-1]) != NULL)
        last--;
    if (last == end) /* the end mark is looked at by the caller */
        return text;
    *last = '\0';
    return text;
}

static vdt_status set_name(struct yaml *yaml, struct vdt_yolo_data *data, size_t id,
                           const char *name, size_t length, struct vdt_error *error)
{
    if (id >= NAMES_MOST)
        return fail_line(yaml, "a class id that is too large", error);
    size_t before = data->name_capacity;
    if (!vdt_grow(&data->names, &data->name_capacity, id + 1, sizeof *data->names))
        return vdt_fail_memory(error, yaml->path);
    if (data->name_capacity > before)
        memset(data->names + before, 0, (data->name_capacity - before) * sizeof *data->names);
    data->name_count = id + 1 > data->name_count ? id + 1 : data->name_count;
    free(data->names[id]);
    char *copy = vdt_allocate(length + 1, 1);
    data->names[id] = copy;
    if (copy == NULL)
        return vdt_fail_memory(error, yaml->path);
    memcpy(copy, name, length);
    copy[length] = '\0';
    return VDT_OK;
}

static vdt_status add_folder(struct yaml *yaml, struct vdt_yolo_split *split, const char *name,
                             size_t length, struct vdt_error *error)
{
    if (!vdt_grow(&split->folders, &split->capacity, split->count + 1, sizeof *split->folders))
        return vdt_fail_memory(error, yaml->path);
    char *copy = vdt_allocate(length + 1, 1);
    if (copy == NULL)
        return vdt_fail_memory(error, yaml->path);
    memcpy(copy, name, length);
    copy[length] = '\0';
    split->folders[split->count++] = copy;
    return VDT_OK;
}

/* --- values ------------------------------------------------------------------------------ */

/* What a key is about; split NULL: names. */
struct target {
    struct vdt_yolo_data *data;
    struct vdt_yolo_split *split;
    size_t items;
};

/* An item of a list or map: `key` NULL for a list. */
static vdt_status put_item(struct yaml *yaml, struct target *target, const char *key,
                           const char *text, size_t length, struct vdt_error *error)
{
    char *end = NULL;
    size_t id = target->items++;
    if (target->split != NULL)
        return key != NULL ? fail_line(yaml, "a list of folders is wanted", error)
                           : add_folder(yaml, target->split, text, length, error);
    if (key != NULL) {
        id = strtoul(key, &end, 10);
        if (end == key || *end != '\0')
            return fail_line(yaml, "names go with numbers from 0 on", error);
    }
    return set_name(yaml, target->data, id, text, length, error);
}

/* [a, b] or {0: a, 1: b}, over as many lines as it takes. */
static vdt_status read_flow(struct yaml *yaml, struct target *target, struct vdt_error *error)
{
    bool map = *yaml->at == '{';
    char close = map ? '}' : ']';
    yaml->at++;
    for (;;) {
        for (; *yaml->at != '\0' && strchr(" \t\r\n,", *yaml->at) != NULL; yaml->at++)
            yaml->line += *yaml->at == '\n';
        if (*yaml->at == '#') {
            yaml->at += strcspn(yaml->at, "\n");
            continue;
        }
        if (*yaml->at == close) {
            yaml->at++;
            return VDT_OK;
        }
        if (*yaml->at == '\0')
            return fail_line(yaml, "a bracket is not closed", error);
        char *rest = NULL, *key = NULL;
        if (map) {
            key = take_scalar(yaml->at, ":\n", &rest);
            if (key == NULL || *rest != ':')
                return fail_line(yaml, "\"number: name\" is wanted", error);
            *rest++ = '\0';
            yaml->at = rest;
        }
        char *text = take_scalar(yaml->at, map ? ",}\n" : ",]\n", &rest);
        if (text == NULL)
            return fail_line(yaml, "a quote is not closed", error);
        size_t length = strlen(text) < (size_t)(rest - text) ? strlen(text) : (size_t)(rest - text);
        yaml->at = rest;
        vdt_status status = put_item(yaml, target, key, text, length, error);
        if (status != VDT_OK)
            return status;
    }
}

/* The line that is next, its end cut off; NULL at the end. Comments and empty lines are passed. */
static char *next_line(struct yaml *yaml, bool indented)
{
    while (*yaml->at != '\0') {
        char *line = yaml->at, *first = skip_blanks(line);
        size_t length = strcspn(line, "\n");
        if (*first == '\n' || *first == '#' || *first == '\0') {
            yaml->at = line + length + (line[length] == '\n');
            yaml->line++;
            continue;
        }
        if (indented && *line != ' ' && *line != '\t' && *line != '-')
            return NULL;
        yaml->at = line + length + (line[length] == '\n');
        line[length] = '\0';
        return line;
    }
    return NULL;
}

/* "- a" or "0: a" lines below a key. */
static vdt_status read_block(struct yaml *yaml, struct target *target, struct vdt_error *error)
{
    for (char *line; (line = next_line(yaml, true)) != NULL; yaml->line++) {
        char *at = skip_blanks(line), *key = NULL, *rest = NULL;
        if (at[0] == '-' && (at[1] == ' ' || at[1] == '\t')) {
            at += 2;
        } else {
            key = take_scalar(at, ":", &rest);
            if (key == NULL || *rest != ':')
                return fail_line(yaml, "\"- name\" or \"number: name\" is wanted", error);
            *rest++ = '\0';
            at = rest;
        }
        char *text = take_scalar(at, "", &rest);
        if (text == NULL)
            return fail_line(yaml, "a quote is not closed", error);
        size_t length = strlen(text) < (size_t)(rest - text) ? strlen(text) : (size_t)(rest - text);
        vdt_status status = put_item(yaml, target, key, text, length, error);
        if (status != VDT_OK)
            return status;
    }
    return VDT_OK;
}

static vdt_status read_value(struct yaml *yaml, struct target *target, struct vdt_error *error)
{
    yaml->at = skip_blanks(yaml->at);
    if (*yaml->at == '[' || *yaml->at == '{')
        return read_flow(yaml, target, error);
    if (*yaml->at == '\n' || *yaml->at == '#' || *yaml->at == '\0') {
        yaml->at += strcspn(yaml->at, "\n");
        yaml->at += *yaml->at == '\n';
        yaml->line++;
        return read_block(yaml, target, error);
    }
    char *line = next_line(yaml, false), *rest = NULL;
    char *text = line == NULL ? NULL : take_scalar(line, "", &rest);
    if (text == NULL || target->split == NULL)
        return fail_line(yaml, "a list is wanted", error);
    size_t length = strlen(text) < (size_t)(rest - text) ? strlen(text) : (size_t)(rest - text);
    yaml->line++;
    return length == 0 ? VDT_OK : add_folder(yaml, target->split, text, length, error);
}

static vdt_status read_key(struct yaml *yaml, struct vdt_yolo_data *data, struct vdt_error *error)
{
    static const char *const splits[] = {"train", "val", "test"};
    struct vdt_yolo_split root = {0};
    size_t length = strcspn(yaml->at, ":\n");
    if (yaml->at[length] != ':')
        return fail_line(yaml, "\"key: value\" is wanted", error);
    char *key = yaml->at;
    key[length] = '\0';
    yaml->at += length + 1;
    struct target target = {.data = data};
    for (int i = 0; i < 3; i++)
        if (strcmp(key, splits[i]) == 0)
            target.split = &data->splits[i];
    bool path = strcmp(key, "path") == 0;
    if (path)
        target.split = &root;
    if (target.split != NULL || strcmp(key, "names") == 0) {
        vdt_status status = read_value(yaml, &target, error);
        for (size_t i = 0; i < root.count; i++) {
            free(data->root);
            data->root = root.folders[i];
        }
        free(root.folders);
        return status;
    }
    /* Of no interest: the line, and what is below it. */
    yaml->at += strcspn(yaml->at, "\n");
    yaml->at += *yaml->at == '\n';
    yaml->line++;
    while (next_line(yaml, true) != NULL)
        yaml->line++;
    return VDT_OK;
}

static vdt_status read_yaml(struct yaml *yaml, struct vdt_yolo_data *data, struct vdt_error *error)
{
    for (;;) {
        size_t blank = strspn(yaml->at, " \t\r\n");
        for (size_t i = 0; i < blank; i++)
            yaml->line += yaml->at[i] == '\n';
        yaml->at += blank;
        if (*yaml->at == '\0')
            return VDT_OK;
        if (*yaml->at == '#' || strncmp(yaml->at, "---", 3) == 0) {
            yaml->at += strcspn(yaml->at, "\n");
            continue;
        }
        vdt_status status = read_key(yaml, data, error);
        if (status != VDT_OK)
            return status;
    }
}

static vdt_status read_names(struct yaml *yaml, struct vdt_yolo_data *data, struct vdt_error *error)
{
    vdt_status status = VDT_OK;
    while (status == VDT_OK && *yaml->at != '\0') {
        size_t whole = strcspn(yaml->at, "\n"), length = whole;
        char *text = skip_blanks(yaml->at);
        length -= (size_t)(text - yaml->at) < whole ? (size_t)(text - yaml->at) : whole;
        while (length > 0 && strchr(" \t\r", text[length - 1]) != NULL)
            length--;
        if (length > 0)
            status = set_name(yaml, data, data->name_count, text, length, error);
        yaml->at += whole + (yaml->at[whole] == '\n');
        yaml->line++;
    }
    return status;
}

vdt_status vdt_yolo_data_read(const char *path, struct vdt_yolo_data *data, struct vdt_error *error)
{
    vdt_cleanup(vdt_yolo_data_clear) struct vdt_yolo_data read = {0};
    vdt_cleanup(vsi_free) GByte *bytes = NULL;
    vsi_l_offset size = 0;
    vdt_cleanup(vdt_quiet_end) struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    if (!VSIIngestFile(NULL, path, &bytes, &size, FILE_MOST))
        return vdt_fail(error, VDT_ERR_IO, "%s: cannot be read: %s", path,
                        vdt_quiet_text(&quiet, "no file, or too large for a list of names"));
    if (strlen((const char *)bytes) != size)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: no text", path);
    const char *dot = strrchr(path, '.');
    bool is_yaml = dot != NULL && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
    struct yaml yaml = {.path = path, .at = (char *)bytes, .line = 1};
    if (strncmp(yaml.at, "\xef\xbb\xbf", 3) == 0)
        yaml.at += 3;
    vdt_status status = is_yaml ? read_yaml(&yaml, &read, error) : read_names(&yaml, &read, error);
    if (status != VDT_OK)
        return status;
    *data = read;
    read = (struct vdt_yolo_data){0};
    return VDT_OK;
}
