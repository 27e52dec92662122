/* Files and folders of labels of images. */
#include "source/labels/label_paths.h"

#include <cpl_string.h>
#include <cpl_vsi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

/* VSIStatL has no type in strict C. */
bool vdt_label_is_folder(const char *path)
{
    struct stat info;
    if (strncmp(path, "/vsi", 4) != 0)
        return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
    char **names = VSIReadDir(path);
    CSLDestroy(names);
    return names != NULL;
}

static bool is_file(const char *path)
{
    VSILFILE *file = vdt_label_is_folder(path) ? NULL : VSIFOpenL(path, "rb");
    if (file != NULL)
        VSIFCloseL(file);
    return file != NULL;
}

bool vdt_label_ends_with(const char *path, const char *end)
{
    size_t length = strlen(path), wanted = strlen(end);
    return length >= wanted && strcasecmp(path + length - wanted, end) == 0;
}

char *vdt_label_path_join(const char *folder, const char *name)
{
    size_t length = strlen(folder), room = length + strlen(name) + 2;
    char *path = vdt_allocate(room, 1);
    bool slash = length > 0 && folder[length - 1] != '/';
    if (path != NULL)
        snprintf(path, room, "%s%s%s", folder, slash ? "/" : "", name);
    return path;
}

char *vdt_label_folder_above(const char *path)
{
    char *above = vdt_copy_string(path);
    char *slash = above == NULL ? NULL : strrchr(above, '/');
    if (slash != NULL)
        slash[1] = '\0';
    else if (above != NULL)
        above[0] = '\0';
    return above;
}

char *vdt_label_split_folder(const char *yaml, const char *root, const char *folder)
{
    if (folder[0] == '/')
        return vdt_copy_string(folder);
    vdt_cleanup(vdt_free_pointer) char *above = vdt_label_folder_above(yaml);
    if (above == NULL)
        return NULL;
    while (strncmp(folder, "./", 2) == 0)
        folder += 2;
    while (root != NULL && strncmp(root, "./", 2) == 0)
        root += 2;
    if (root != NULL && strcmp(root, ".") == 0)
        root = NULL;
    vdt_cleanup(vdt_free_pointer) char *base = root == NULL || root[0] == '\0'
                                                   ? vdt_copy_string(above)
                                               : root[0] == '/' ? vdt_copy_string(root)
                                                                : vdt_label_path_join(above, root);
    vdt_cleanup(vdt_free_pointer) char *below =
        base == NULL ? NULL : vdt_label_path_join(base, folder);
    if (below == NULL || vdt_label_is_folder(below))
        return below == NULL ? NULL : vdt_copy_string(below);
    /* "path" may be that of another machine, and Roboflow's folders begin with "../". */
    while (strncmp(folder, "../", 3) == 0)
        folder += 3;
    return vdt_label_path_join(above, folder);
}

char *vdt_label_folder_of(const char *images)
{
    static const char from[] = "images", to[] = "labels";
    char *labels = vdt_copy_string(images);
    for (size_t at = labels == NULL ? 0 : strlen(labels); at-- > 0;)
        if (strncmp(labels + at, from, sizeof from - 1) == 0 &&
            (at == 0 || labels[at - 1] == '/') &&
            (labels[at + sizeof from - 1] == '/' || labels[at + sizeof from - 1] == '\0')) {
            memcpy(labels + at, to, sizeof to - 1);
            break;
        }
    return labels;
}

/* --- lists ------------------------------------------------------------------------------- */

/* Not labels of an image. */
static bool is_list(const char *name)
{
    static const char *const lists[] = {"classes.txt", "train.txt", "val.txt",
                                        "valid.txt",   "test.txt",  "labels.txt"};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        if (strcmp(name, lists[i]) == 0)
            return true;
    const char *slash = strrchr(name, '/');
    name = slash == NULL ? name : slash + 1;
    return strcmp(name, "classes.txt") == 0 || strncmp(name, "README", 6) == 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

vdt_status vdt_label_paths_list(const char *folder, const char *end, struct vdt_label_paths *list,
                                struct vdt_error *error)
{
    char **names = VSIReadDirRecursive(folder);
    size_t count = 0;
    if (names == NULL)
        return vdt_fail(error, VDT_ERR_IO, "%s: the folder is empty, or cannot be read", folder);
    for (size_t i = 0; names[i] != NULL; i++) {
        if (vdt_label_ends_with(names[i], end) && !is_list(names[i]))
            names[count++] = names[i];
        else
            VSIFree(names[i]);
    }
    names[count] = NULL;
    qsort(names, count, sizeof *names, compare_names);
    *list = (struct vdt_label_paths){names, count};
    return VDT_OK;
}

void vdt_label_paths_clear(struct vdt_label_paths *list)
{
    CSLDestroy(list->names);
    *list = (struct vdt_label_paths){0};
}

static vdt_status find_names(const char *folder, char **path, struct vdt_error *error)
{
    static const char *const usual[] = {"data.yaml", "data.yml", "dataset.yaml", "classes.txt",
                                        "obj.names"};
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
        char *wanted = vdt_label_path_join(folder, usual[i]);
        if (wanted == NULL)
            return vdt_fail_memory(error, folder);
        if (is_file(wanted)) {
            *path = wanted;
            return VDT_OK;
        }
        free(wanted);
    }
    return VDT_OK;
}

vdt_status vdt_label_names_file(const char *folder, char **path, struct vdt_error *error)
{
    char text[4096];
    *path = NULL;
    if (snprintf(text, sizeof text, "%s", folder) >= (int)sizeof text)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: a name that is too long", folder);
    vdt_status status = VDT_OK;
    for (int level = 0; level < 3 && status == VDT_OK && *path == NULL; level++) {
        status = find_names(text, path, error);
        size_t length = strlen(text);
        while (length > 1 && text[length - 1] == '/')
            text[--length] = '\0';
        char *slash = strrchr(text, '/');
        if (slash == NULL && (text[0] == '\0' || strcmp(text, ".") == 0))
            break;
        if (slash == NULL)
            text[0] = '\0';
        else
            slash[1] = '\0';
        if (strcmp(text, "/") == 0)
            break;
    }
    return status;
}
