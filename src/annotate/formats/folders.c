/* Folders with a label file for each sample. */
#include "annotate/formats/folders.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/path.h"

enum { DEEPEST = 8, FILE_MOST = 256 << 20 };

void vdt_paths_clear(struct vdt_paths *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->paths[i]);
    free(list->paths);
    *list = (struct vdt_paths){0};
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void close_folder(DIR **folder)
{
    if (*folder != NULL)
        closedir(*folder);
}

static vdt_status walk(const char *folder, const char *end, int depth, struct vdt_paths *list,
                       struct vdt_error *error)
{
    vdt_cleanup(close_folder) DIR *open = opendir(folder);
    if (open == NULL)
        return vdt_fail_errno(error, folder);
    vdt_status status = VDT_OK;
    for (struct dirent *entry; status == VDT_OK && (entry = readdir(open)) != NULL;) {
        struct stat info;
        size_t length = strlen(entry->d_name);
        if (entry->d_name[0] == '.')
            continue;
        vdt_cleanup(vdt_free_pointer) char *path = vdt_path_join(folder, entry->d_name, NULL);
        if (path == NULL)
            return vdt_fail_memory(error, folder);
        if (stat(path, &info) != 0)
            continue;
        if (S_ISDIR(info.st_mode) && depth < DEEPEST) {
            status = walk(path, end, depth + 1, list, error);
        } else if (S_ISREG(info.st_mode) && length > strlen(end) &&
                   strcmp(entry->d_name + length - strlen(end), end) == 0) {
            if (!vdt_grow(&list->paths, &list->capacity, list->count + 1, sizeof *list->paths))
                return vdt_fail_memory(error, folder);
            list->paths[list->count++] = path;
            path = NULL;
        }
    }
    return status;
}

vdt_status vdt_paths_find(const char *folder, const char *end, struct vdt_paths *list,
                          struct vdt_error *error)
{
    vdt_status status = walk(folder, end, 0, list, error);
    if (status == VDT_OK && list->count > 0)
        qsort(list->paths, list->count, sizeof *list->paths, by_text);
    return status;
}

static void close_file(FILE **file)
{
    if (*file != NULL)
        fclose(*file);
}

vdt_status vdt_text_read(const char *path, char **text, size_t *size, struct vdt_error *error)
{
    struct stat info;
    vdt_cleanup(close_file) FILE *file = fopen(path, "rb");
    if (file == NULL || fstat(fileno(file), &info) != 0)
        return vdt_fail_errno(error, path);
    if (!S_ISREG(info.st_mode) || info.st_size > FILE_MOST)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: no label file", path);
    vdt_cleanup(vdt_free_pointer) char *read = vdt_allocate((size_t)info.st_size + 1, 1);
    if (read == NULL)
        return vdt_fail_memory(error, path);
    *size = fread(read, 1, (size_t)info.st_size, file);
    read[*size] = '\0';
    *text = read;
    read = NULL;
    return VDT_OK;
}

vdt_status vdt_folder_sample(struct vdt_staged *staged, struct vdt_annotations *set,
                             const char *path, uint32_t *sample, uint32_t *rows, uint32_t *cols,
                             struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *stem = vdt_path_stem(path);
    uint32_t found = UINT32_MAX;
    if (stem == NULL || !vdt_set_find_file(set, stem, &found))
        return vdt_fail_memory(error, path);
    const char *reference =
        found == UINT32_MAX ? stem : vdt_strings_at(&set->samples.references, found);
    if (found != UINT32_MAX) {
        *rows = set->samples.rows[found].rows;
        *cols = set->samples.rows[found].cols;
    }
    vdt_status status = vdt_staged_sample(staged, reference, *rows, *cols, sample, error);
    if (status == VDT_OK) /* a file without objects says that nothing is there */
        staged->set->samples.rows[*sample].marked = 2;
    return status;
}

char *vdt_folder_file(const char *folder, const char *reference, const char *end)
{
    const char *slash = strrchr(reference, '/');
    const char *base = slash == NULL ? reference : slash + 1;
    const char *dot = strrchr(base, '.');
    size_t length = dot == NULL || dot == base ? strlen(base) : (size_t)(dot - base);
    size_t size = strlen(folder) + length + strlen(end) + 2;
    char *path = malloc(size);
    if (path != NULL)
        snprintf(path, size, "%s/%.*s%s", folder, (int)length, base, end);
    return path;
}
