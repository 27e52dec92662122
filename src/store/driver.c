/* HDF5's callbacks into a store's file. */
#include "store/driver.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/error.h"
#include "store/object_header.h"
#include "store/reader.h"

/* What HDF5 hands to our callbacks; its first member must be H5FD_t. */
struct vdt_driver {
    H5FD_t base;
    struct vdt_file *file; /* NULL once detached */
    haddr_t eoa;
};

struct driver_info {
    struct vdt_file *file;
};

enum { META_LEAST = 2048, META_MOST = 65536, META_SHARE = 256 };

static hid_t driver_id;
static pthread_once_t driver_once = PTHREAD_ONCE_INIT;

/* --- callbacks ---------------------------------------------------------------------------- */

static H5FD_t *driver_open(const char *name, unsigned flags, hid_t fapl, haddr_t maxaddr)
{
    (void)name, (void)flags, (void)maxaddr;
    const struct driver_info *info = H5Pget_driver_info(fapl);
    struct vdt_driver *driver = info == NULL ? NULL : calloc(1, sizeof *driver);
    if (driver != NULL) {
        driver->file = info->file;
        info->file->driver = driver;
    } else if (info != NULL) {
        info->file->failure.status = vdt_fail_memory(&info->file->failure, info->file->path);
    }
    return (H5FD_t *)driver;
}

static herr_t driver_close(H5FD_t *base)
{
    struct vdt_driver *driver = (struct vdt_driver *)base;
    if (driver->file != NULL)
        driver->file->driver = NULL;
    free(driver);
    return 0;
}

static herr_t driver_query(const H5FD_t *base, unsigned long *flags)
{
    const struct vdt_driver *driver = (const struct vdt_driver *)base;
    *flags = 0;
    /* A reader claims nothing: a merged read would hide where a chunk lies. */
    if (driver == NULL || driver->file == NULL || driver->file->writing)
        *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA |
                 H5FD_FEAT_AGGREGATE_SMALLDATA;
    return 0;
}

static haddr_t driver_get_eoa(const H5FD_t *base, H5FD_mem_t type)
{
    (void)type;
    return ((const struct vdt_driver *)base)->eoa;
}

static herr_t driver_set_eoa(H5FD_t *base, H5FD_mem_t type, haddr_t address)
{
    (void)type;
    ((struct vdt_driver *)base)->eoa = address;
    return 0;
}

static haddr_t driver_get_eof(const H5FD_t *base, H5FD_mem_t type)
{
    (void)type;
    const struct vdt_driver *driver = (const struct vdt_driver *)base;
    return driver->file == NULL ? driver->eoa : driver->file->size;
}

static herr_t driver_read(H5FD_t *base, H5FD_mem_t type, hid_t dxpl, haddr_t address, size_t size,
                          void *data)
{
    (void)dxpl;
    struct vdt_file *file = ((struct vdt_driver *)base)->file;
    if (file == NULL)
        return -1;
    if (file->probing && type == H5FD_MEM_DRAW) {
        file->probed++;
        file->probe_address = address;
        file->probe_size = size;
        return 0;
    }
    vdt_status status = vdt_file_read(file, data, size, address, &file->failure);
    if (status == VDT_OK && type == H5FD_MEM_OHDR)
        status = vdt_object_header_check(file, data, size, address, &file->failure);
    return status == VDT_OK ? 0 : -1;
}

/* HDF5 must not know of a failed write: it could not close the file any more, and would crash on it
 * when the process ends. The writer asks vdt_file_failure before it commits. */
static herr_t done(struct vdt_file *file, vdt_status status)
{
    if (status != VDT_OK)
        vdt_file_abandon(file);
    return 0;
}

static herr_t driver_write(H5FD_t *base, H5FD_mem_t type, hid_t dxpl, haddr_t address, size_t size,
                           const void *data)
{
    (void)type, (void)dxpl;
    struct vdt_file *file = ((struct vdt_driver *)base)->file;
    if (file == NULL || file->abandoned)
        return 0;
    return done(file, vdt_file_write(file, data, size, address, &file->failure));
}

static herr_t driver_truncate(H5FD_t *base, hid_t dxpl, hbool_t closing)
{
    (void)dxpl, (void)closing;
    struct vdt_driver *driver = (struct vdt_driver *)base;
    struct vdt_file *file = driver->file;
    if (file == NULL || !file->writing || file->abandoned)
        return 0;
    return done(file, vdt_file_truncate(file, driver->eoa, &file->failure));
}

static const H5FD_class_t driver_class = {
    .name = "vedatile",
    .maxaddr = (haddr_t)1 << 62,
    .fc_degree = H5F_CLOSE_STRONG,
    .fapl_size = sizeof(struct driver_info),
    .open = driver_open,
    .close = driver_close,
    .query = driver_query,
    .get_eoa = driver_get_eoa,
    .set_eoa = driver_set_eoa,
    .get_eof = driver_get_eof,
    .read = driver_read,
    .write = driver_write,
    .truncate = driver_truncate,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

static void register_driver(void)
{
    driver_id = H5FDregister(&driver_class);
}

void vdt_store_prepare(void)
{
    H5open();
    H5PLset_loading_state(0);
    pthread_once(&driver_once, register_driver);
}

/* Metadata lies together, so that opening a store that is fetched piece by piece asks for few of
 * them. What is left of a run when a writer ends is lost: a small share of what is there already.
 */
static hsize_t meta_block(const struct vdt_file *file)
{
    uint64_t share = file->size / META_SHARE;
    if (file->part != NULL || share >= META_MOST)
        return META_MOST;
    return share < META_LEAST ? META_LEAST : (hsize_t)share;
}

/* --- for the store ------------------------------------------------------------------------ */

vdt_status vdt_file_hdf5(struct vdt_file *file, hid_t *id, struct vdt_error *error)
{
    pthread_once(&driver_once, register_driver);
    struct driver_info info = {.file = file};
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    /* Superblock 2: no "open for writing" mark that a crash would leave behind. */
    H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V110);
    H5Pset_driver(access, driver_id, &info);
    H5Pset_meta_block_size(access, meta_block(file));
    bool creating = file->part != NULL;
    hid_t opened;
    if (creating)
        opened = H5Fcreate(file->path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    else
        /* HDF5 completes a relative name by asking where it runs, which not everybody may. */
        opened = H5Fopen(file->runs != NULL ? "/" : file->path,
                         file->writing ? H5F_ACC_RDWR : H5F_ACC_RDONLY, access);
    H5Pclose(access);
    if (opened < 0 && file->failure.status == VDT_ERR_MEMORY)
        return vdt_fail_memory(error, file->path);
    if (opened < 0)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: not a store: no whole HDF5 file", file->path);
    if (file->writing && !creating) {
        vdt_status status = vdt_file_cut(file, file->driver->eoa, error);
        if (status != VDT_OK) {
            vdt_file_abandon(file);
            H5Fclose(opened);
            return status;
        }
    }
    *id = opened;
    return VDT_OK;
}

void vdt_driver_detach(struct vdt_driver *driver)
{
    driver->file = NULL;
}

void vdt_file_probe(struct vdt_file *file, bool on)
{
    file->probing = on;
    file->probed = 0;
}

unsigned vdt_file_probed(struct vdt_file *file, uint64_t *address, uint64_t *size)
{
    unsigned probed = file->probed;
    *address = file->probe_address;
    *size = file->probe_size;
    file->probed = 0;
    return probed;
}
