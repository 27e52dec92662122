/* Paths to datasets, and what to say when they lead nowhere. */
#include "store/foreign_find.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "store/h5.h"

/* Names of datasets for a message, as many as fit. */
struct list {
    char text[600];
    size_t length;
    unsigned more;
};

static herr_t note(hid_t file, const char *name, const H5O_info_t *info, void *payload)
{
    (void)file;
    struct list *list = payload;
    if (info->type != H5O_TYPE_DATASET)
        return 0;
    size_t room = sizeof list->text - list->length;
    int length =
        snprintf(list->text + list->length, room, "%s/%s", list->length == 0 ? "" : ", ", name);
    if (length < 0 || (size_t)length >= room) {
        list->text[list->length] = '\0';
        list->more++;
    } else {
        list->length += (size_t)length;
    }
    return 0;
}

static vdt_status not_found(hid_t file, const char *path, const char *name, struct vdt_error *error)
{
    struct list list = {0};
    char more[32] = "";
    if (H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_INC, note, &list, H5O_INFO_BASIC) < 0)
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "%s: no dataset \"%s\", and some that cannot be read", path, name);
    if (list.more > 0)
        snprintf(more, sizeof more, " and %u more", list.more);
    return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: no dataset \"%s\"; there is: %s%s", path, name,
                    list.length == 0 ? "none" : list.text, more);
}

/* Called by HDF5 before it opens the file that a link names. */
static herr_t refuse_link(const char *parent_file, const char *parent, const char *file,
                          const char *object, unsigned *flags, hid_t access, void *payload)
{
    (void)parent_file, (void)parent, (void)object, (void)flags, (void)access;
    char(*target)[256] = payload;
    snprintf(*target, sizeof *target, "%s", file);
    return -1;
}

vdt_status vdt_foreign_find(hid_t file, const char *path, const char *name, hid_t *dataset,
                            struct vdt_error *error)
{
    char target[256] = "";
    H5O_info_t info;
    vdt_cleanup(vdt_h5_close_plist) hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
    if (access < 0 || H5Pset_elink_cb(access, refuse_link, &target) < 0)
        return vdt_fail_memory(error, path);
    hid_t found = H5Dopen2(file, name, access);
    if (found >= 0) {
        *dataset = found;
        return VDT_OK;
    }
    if (target[0] != '\0')
        return vdt_fail(error, VDT_ERR_UNSUPPORTED, "%s: %s leads into another file, %s: open that",
                        path, name, target);
    if (H5Oget_info_by_name2(file, name, &info, H5O_INFO_BASIC, access) >= 0 &&
        info.type == H5O_TYPE_DATASET)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: %s cannot be opened: it is damaged", path,
                        name);
    return not_found(file, path, name, error);
}
