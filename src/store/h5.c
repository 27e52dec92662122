/* Quiet HDF5 and its text attributes. */
#include "store/h5.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "store/version.h"

enum { LONGEST_TEXT = 16 << 20, MOST_TEXTS = 65535 };

struct vdt_h5_quiet vdt_h5_silence(void)
{
    struct vdt_h5_quiet quiet = {0};
    H5Eget_auto2(H5E_DEFAULT, &quiet.function, &quiet.payload);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    return quiet;
}

void vdt_h5_restore(struct vdt_h5_quiet *quiet)
{
    H5Eset_auto2(H5E_DEFAULT, quiet->function, quiet->payload);
}

#define CLOSER(name, close)             \
    void vdt_h5_close_##name(hid_t *id) \
    {                                   \
        if (*id >= 0)                   \
            close(*id);                 \
    }
CLOSER(file, H5Fclose)
CLOSER(group, H5Gclose)
CLOSER(dataset, H5Dclose)
CLOSER(space, H5Sclose)
CLOSER(type, H5Tclose)
CLOSER(plist, H5Pclose)
CLOSER(attribute, H5Aclose)

static hid_t text_type(size_t size)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, size == 0 ? 1 : size);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

static vdt_status write_attribute(hid_t object, const char *name, hid_t type, hid_t space,
                                  const void *data, struct vdt_error *error)
{
    if (H5Aexists(object, name) > 0)
        H5Adelete(object, name);
    vdt_cleanup(vdt_h5_close_attribute) hid_t attribute =
        H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute < 0 || H5Awrite(attribute, type, data) < 0)
        return vdt_fail(error, VDT_ERR_IO, "cannot write the attribute \"%s\"", name);
    return VDT_OK;
}

vdt_status vdt_h5_write_text(hid_t object, const char *name, const char *text,
                             struct vdt_error *error)
{
    vdt_cleanup(vdt_h5_close_type) hid_t type = text_type(strlen(text));
    vdt_cleanup(vdt_h5_close_space) hid_t space = H5Screate(H5S_SCALAR);
    return write_attribute(object, name, type, space, text, error);
}

vdt_status vdt_h5_write_texts(hid_t object, const char *name, const char *const *texts,
                              size_t count, struct vdt_error *error)
{
    size_t longest = 1;
    for (size_t i = 0; i < count; i++)
        longest = strlen(texts[i]) > longest ? strlen(texts[i]) : longest;
    vdt_cleanup(vdt_free_pointer) char *rows = vdt_allocate_zero(count, longest);
    if (rows == NULL)
        return vdt_fail_memory(error, name);
    for (size_t i = 0; i < count; i++)
        memcpy(rows + i * longest, texts[i], strlen(texts[i]));
    hsize_t dims = count;
    vdt_cleanup(vdt_h5_close_type) hid_t type = text_type(longest);
    vdt_cleanup(vdt_h5_close_space) hid_t space = H5Screate_simple(1, &dims, NULL);
    return write_attribute(object, name, type, space, rows, error);
}

/* The attribute's rows as they lie in the file: `count` texts of `size` bytes. */
static vdt_status read_rows(hid_t object, const char *name, const char *what, char **rows,
                            size_t *count, size_t *size, struct vdt_error *error)
{
    if (H5Aexists(object, name) <= 0)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: no attribute \"%s\"", what, name);
    vdt_cleanup(vdt_h5_close_attribute) hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
    vdt_cleanup(vdt_h5_close_type) hid_t type = H5Aget_type(attribute);
    vdt_cleanup(vdt_h5_close_space) hid_t space = H5Aget_space(attribute);
    hssize_t found = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);
    *size = type < 0 ? 0 : H5Tget_size(type);
    if (type < 0 || H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) != 0 ||
        found < 0 || found > MOST_TEXTS || *size == 0 || *size > LONGEST_TEXT ||
        (size_t)found * *size > LONGEST_TEXT)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: attribute \"%s\" is not fixed-size text", what,
                        name);
    *count = (size_t)found;
    char *data = vdt_allocate_zero(*count + 1, *size);
    if (data == NULL)
        return vdt_fail_memory(error, what);
    if (found > 0 && H5Aread(attribute, type, data) < 0) {
        free(data);
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: attribute \"%s\" cannot be read", what, name);
    }
    *rows = data;
    return VDT_OK;
}

static char *copy_row(const char *row, size_t size)
{
    size_t length = strnlen(row, size);
    char *copy = malloc(length + 1);
    if (copy != NULL) {
        memcpy(copy, row, length);
        copy[length] = '\0';
    }
    return copy;
}

vdt_status vdt_h5_read_text(hid_t object, const char *name, const char *what, char **text,
                            struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *rows = NULL;
    size_t count = 0, size = 0;
    vdt_status status = read_rows(object, name, what, &rows, &count, &size, error);
    if (status != VDT_OK)
        return status;
    char *copy = copy_row(rows, count == 0 ? 0 : size);
    if (copy == NULL)
        return vdt_fail_memory(error, what);
    *text = copy;
    return VDT_OK;
}

vdt_status vdt_h5_read_texts(hid_t object, const char *name, const char *what, char ***texts,
                             size_t *count, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *rows = NULL;
    size_t found = 0, size = 0;
    vdt_status status = read_rows(object, name, what, &rows, &found, &size, error);
    if (status != VDT_OK)
        return status;
    char **copies = vdt_allocate_zero(found, sizeof *copies);
    for (size_t i = 0; copies != NULL && i < found; i++) {
        copies[i] = copy_row(rows + i * size, size);
        if (copies[i] == NULL) {
            vdt_h5_free_texts(copies, i);
            copies = NULL;
        }
    }
    if (copies == NULL)
        return vdt_fail_memory(error, what);
    *texts = copies;
    *count = found;
    return VDT_OK;
}

void vdt_h5_free_texts(char **texts, size_t count)
{
    for (size_t i = 0; texts != NULL && i < count; i++)
        free(texts[i]);
    free(texts);
}

static char version[32];
static pthread_once_t version_once = PTHREAD_ONCE_INIT;

static void find_version(void)
{
    unsigned major = 0, minor = 0, release = 0;
    H5get_libversion(&major, &minor, &release);
    snprintf(version, sizeof version, "%u.%u.%u", major, minor, release);
}

const char *vdt_h5_version(void)
{
    pthread_once(&version_once, find_version);
    return version;
}
