/* Folders and text files. */
#include "exchange/file.h"

#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

enum { FOLDERS_OPEN = 16 };

void vdt_file_name(const char *key, char *name)
{
    static const char digits[] = "0123456789ABCDEF";
    char *end = name;
    for (const unsigned char *c = (const unsigned char *)key; *c != '\0'; c++) {
        bool plain = (*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') ||
                     (*c >= 'a' && *c <= 'z') || *c == '_' || *c == '-';
        if (plain) {
            *end++ = (char)*c;
        } else {
            *end++ = '%';
            *end++ = digits[*c >> 4];
            *end++ = digits[*c & 15];
        }
    }
    *end = '\0';
}

char *vdt_path_join(const char *folder, ...)
{
    struct vdt_buffer path = {0};
    va_list names;
    va_start(names, folder);
    bool good = vdt_buffer_append(&path, folder, strlen(folder));
    for (const char *name; good && (name = va_arg(names, const char *)) != NULL;)
        good = vdt_buffer_append(&path, "/", 1) && vdt_buffer_append(&path, name, strlen(name));
    va_end(names);
    good = good && vdt_buffer_append(&path, "", 1);
    if (!good)
        vdt_buffer_clear(&path);
    return good ? (char *)path.data : NULL;
}

static vdt_status make_folder(const char *path, struct vdt_error *error)
{
    return mkdir(path, 0777) == 0 || errno == EEXIST ? VDT_OK : vdt_fail_errno(error, path);
}

vdt_status vdt_make_folders(const char *root, const char *path, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *part = vdt_copy_string(path);
    if (part == NULL)
        return vdt_fail_memory(error, path);
    vdt_status status = VDT_OK;
    for (char *c = part + strlen(root); status == VDT_OK && *c != '\0'; c++) {
        if (*c != '/' || c == part + strlen(root))
            continue;
        *c = '\0';
        status = make_folder(part, error);
        *c = '/';
    }
    return status == VDT_OK ? make_folder(path, error) : status;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

vdt_status vdt_remove_tree(const char *path, struct vdt_error *error)
{
    if (nftw(path, remove_entry, FOLDERS_OPEN, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0)
        return vdt_fail_errno(error, path);
    return VDT_OK;
}

bool vdt_path_exists(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

vdt_status vdt_text_open(struct vdt_text_file *text, const char *path, struct vdt_error *error)
{
    struct vdt_text_file opened = {.path = vdt_copy_string(path)};
    if (opened.path == NULL)
        return vdt_fail_memory(error, path);
    opened.file = fopen(path, "wbx");
    if (opened.file == NULL) {
        free(opened.path);
        return vdt_fail_errno(error, path);
    }
    *text = opened;
    return VDT_OK;
}

vdt_status vdt_text_close(struct vdt_text_file *text, struct vdt_error *error)
{
    if (text->file == NULL)
        return VDT_OK;
    bool failed = ferror(text->file) != 0;
    failed |= fclose(text->file) != 0;
    text->file = NULL;
    vdt_status status = VDT_OK;
    if (failed)
        status = vdt_fail(error, VDT_ERR_IO, "%s: cannot be written: %s", text->path,
                          errno == 0 ? "the disk is full" : strerror(errno));
    vdt_text_abandon(text);
    return status;
}

void vdt_text_abandon(struct vdt_text_file *text)
{
    if (text->file != NULL)
        fclose(text->file);
    free(text->path);
    *text = (struct vdt_text_file){0};
}

vdt_status vdt_text_json(struct vdt_text_file *text, json_t *value, bool line,
                         struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *json = value == NULL ? NULL : vdt_json_text(value);
    json_decref(value);
    if (json == NULL)
        return vdt_fail_memory(error, text->path);
    fputs(json, text->file);
    if (line)
        fputc('\n', text->file);
    return VDT_OK;
}

vdt_status vdt_write_file(const char *path, const void *data, size_t size, struct vdt_error *error)
{
    struct vdt_text_file text = {0};
    vdt_status status = vdt_text_open(&text, path, error);
    if (status != VDT_OK)
        return status;
    fwrite(data, 1, size, text.file);
    return vdt_text_close(&text, error);
}
