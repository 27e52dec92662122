/* HDF5's view of a store file: committed bytes below, an overlay for what replaces them. */
#include "store/driver.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/path.h"
#include "store/journal.h"

/* What tells one commit from the next without a lock. */
struct stamp {
    bool journal;
    struct timespec changed;
    off_t size;
};

struct driver;

struct vdt_file {
    char *path;
    char *part; /* while a new store has no name yet, else NULL */
    char *journal_path;
    int fd;
    int journal; /* -1 unless writing a named store */
    bool writing;
    bool abandoned;
    uint64_t kept;      /* bytes of the last commit */
    uint64_t committed; /* the same in whole pages: below, writes go to the overlay */
    uint64_t size;      /* of the file */
    const struct driver *driver;
    struct vdt_overlay overlay;
    struct vdt_error failure;
    struct stamp stamp;
    bool probing;
    unsigned probed;
    uint64_t probe_address, probe_size;
};

/* What HDF5 hands to our callbacks; its first member must be H5FD_t. */
struct driver {
    H5FD_t base;
    struct vdt_file *file;
    haddr_t eoa;
};

struct driver_info {
    struct vdt_file *file;
};

static hid_t driver_id;
static pthread_once_t driver_once = PTHREAD_ONCE_INIT;

/* --- callbacks ---------------------------------------------------------------------------- */

static H5FD_t *driver_open(const char *name, unsigned flags, hid_t fapl, haddr_t maxaddr)
{
    (void)name, (void)flags, (void)maxaddr;
    const struct driver_info *info = H5Pget_driver_info(fapl);
    struct driver *driver = info == NULL ? NULL : calloc(1, sizeof *driver);
    if (driver != NULL) {
        driver->file = info->file;
        info->file->driver = driver;
    }
    return (H5FD_t *)driver;
}

static herr_t driver_close(H5FD_t *base)
{
    free(base);
    return 0;
}

static herr_t driver_query(const H5FD_t *base, unsigned long *flags)
{
    const struct driver *driver = (const struct driver *)base;
    *flags = 0;
    /* A reader claims nothing: a merged read would hide where a chunk lies. */
    if (driver == NULL || driver->file->writing)
        *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA |
                 H5FD_FEAT_AGGREGATE_SMALLDATA;
    return 0;
}

static haddr_t driver_get_eoa(const H5FD_t *base, H5FD_mem_t type)
{
    (void)type;
    return ((const struct driver *)base)->eoa;
}

static herr_t driver_set_eoa(H5FD_t *base, H5FD_mem_t type, haddr_t address)
{
    (void)type;
    ((struct driver *)base)->eoa = address;
    return 0;
}

static haddr_t driver_get_eof(const H5FD_t *base, H5FD_mem_t type)
{
    (void)type;
    return ((const struct driver *)base)->file->size;
}

/* Bytes beyond the end of the file read as zeros, as HDF5 expects. */
static vdt_status read_file(struct vdt_file *file, void *data, size_t size, uint64_t offset)
{
    size_t inside = offset >= file->size         ? 0
                    : size < file->size - offset ? size
                                                 : (size_t)(file->size - offset);
    memset((char *)data + inside, 0, size - inside);
    return vdt_read_at(file->fd, data, inside, offset, file->path, &file->failure);
}

static herr_t driver_read(H5FD_t *base, H5FD_mem_t type, hid_t dxpl, haddr_t address, size_t size,
                          void *data)
{
    (void)dxpl;
    struct vdt_file *file = ((struct driver *)base)->file;
    if (file->probing && type == H5FD_MEM_DRAW) {
        file->probed++;
        file->probe_address = address;
        file->probe_size = size;
        return 0;
    }
    if (read_file(file, data, size, address) != VDT_OK)
        return -1;
    if (file->overlay.count == 0 || size == 0)
        return 0;
    for (uint64_t number = address / VDT_PAGE; number <= (address + size - 1) / VDT_PAGE;
         number++) {
        const unsigned char *page = vdt_overlay_find(&file->overlay, number);
        if (page == NULL)
            continue;
        uint64_t from = number * VDT_PAGE < address ? address : number * VDT_PAGE;
        uint64_t to = (number + 1) * VDT_PAGE;
        to = to < address + size ? to : address + size;
        memcpy((char *)data + (from - address), page + from % VDT_PAGE, to - from);
    }
    return 0;
}

/* Bytes below `committed`: into the overlay, page by page. */
static vdt_status write_overlay(struct vdt_file *file, const char *data, size_t size,
                                uint64_t address)
{
    while (size > 0) {
        uint64_t number = address / VDT_PAGE;
        size_t at = address % VDT_PAGE;
        size_t step = size < VDT_PAGE - at ? size : VDT_PAGE - at;
        unsigned char *page = vdt_overlay_find(&file->overlay, number);
        if (page == NULL) {
            page = vdt_overlay_add(&file->overlay, number);
            if (page == NULL)
                return vdt_fail_memory(&file->failure, file->path);
            vdt_status status = read_file(file, page, VDT_PAGE, number * VDT_PAGE);
            if (status != VDT_OK)
                return status;
        }
        memcpy(page + at, data, step);
        data += step;
        address += step;
        size -= step;
    }
    return VDT_OK;
}

static herr_t driver_write(H5FD_t *base, H5FD_mem_t type, hid_t dxpl, haddr_t address, size_t size,
                           const void *data)
{
    (void)type, (void)dxpl;
    struct vdt_file *file = ((struct driver *)base)->file;
    if (file->abandoned)
        return 0;
    if (!file->writing)
        return -1;
    size_t below = address >= file->committed         ? 0
                   : size < file->committed - address ? size
                                                      : (size_t)(file->committed - address);
    vdt_status status = write_overlay(file, data, below, address);
    if (status == VDT_OK && below < size)
        status = vdt_write_at(file->fd, (const char *)data + below, size - below, address + below,
                              file->path, &file->failure);
    if (status != VDT_OK)
        return -1;
    if (address + size > file->size)
        file->size = address + size;
    return 0;
}

static herr_t driver_truncate(H5FD_t *base, hid_t dxpl, hbool_t closing)
{
    (void)dxpl, (void)closing;
    struct driver *driver = (struct driver *)base;
    struct vdt_file *file = driver->file;
    if (!file->writing || file->abandoned || driver->eoa == file->size ||
        driver->eoa < file->committed)
        return 0;
    if (ftruncate(file->fd, (off_t)driver->eoa) != 0) {
        vdt_fail_errno(&file->failure, file->path);
        return -1;
    }
    file->size = driver->eoa;
    return 0;
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

/* --- opening ------------------------------------------------------------------------------ */

static struct stamp stamp_now(const struct vdt_file *file)
{
    struct stat info;
    struct stamp stamp = {0};
    /* A writer keeps its journal in place for as long as it lives; without one the store itself
     * must not have moved. */
    stamp.journal = stat(file->journal_path, &info) == 0;
    if (!stamp.journal && fstat(file->fd, &info) != 0)
        return stamp;
    stamp.changed = info.st_mtim;
    stamp.size = info.st_size;
    return stamp;
}

bool vdt_file_changed(const struct vdt_file *file)
{
    struct stamp now = stamp_now(file);
    return now.journal != file->stamp.journal || now.size != file->stamp.size ||
           now.changed.tv_sec != file->stamp.changed.tv_sec ||
           now.changed.tv_nsec != file->stamp.changed.tv_nsec;
}

static void file_cleanup(struct vdt_file **file)
{
    vdt_file_free(*file);
}

static struct vdt_file *new_file(const char *path)
{
    struct vdt_file *file = calloc(1, sizeof *file);
    if (file == NULL)
        return NULL;
    file->fd = file->journal = -1;
    file->path = vdt_copy_string(path);
    file->journal_path = vdt_path_with(path, ".journal");
    if (file->path == NULL || file->journal_path == NULL) {
        vdt_file_free(file);
        return NULL;
    }
    return file;
}

static vdt_status lock(struct vdt_file *file, struct vdt_error *error)
{
    if (flock(file->fd, LOCK_EX | LOCK_NB) == 0)
        return VDT_OK;
    if (errno == EWOULDBLOCK)
        return vdt_fail(error, VDT_ERR_BUSY,
                        "%s: another process has it open: try again when it is done", file->path);
    return vdt_fail_errno(error, file->path);
}

static vdt_status measure(struct vdt_file *file, struct vdt_error *error)
{
    struct stat info;
    if (fstat(file->fd, &info) != 0)
        return vdt_fail_errno(error, file->path);
    if (!S_ISREG(info.st_mode))
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: not a file", file->path);
    file->size = (uint64_t)info.st_size;
    return VDT_OK;
}

/* The journal of a named store that is being written. */
static vdt_status open_journal(struct vdt_file *file, struct vdt_error *error)
{
    file->journal = open(file->journal_path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    return file->journal < 0 ? vdt_fail_errno(error, file->journal_path) : VDT_OK;
}

static void set_committed(struct vdt_file *file)
{
    file->kept = file->size;
    file->committed = (file->size + VDT_PAGE - 1) / VDT_PAGE * VDT_PAGE;
}

/* Makes a commit that a crash interrupted happen, or forgets one that was not complete. */
static vdt_status recover(struct vdt_file *file, struct vdt_error *error)
{
    bool valid = false;
    vdt_status status = vdt_journal_read(file->journal_path, &file->overlay, &valid, error);
    if (status == VDT_OK && valid)
        status = vdt_overlay_apply(&file->overlay, file->fd, file->path, error);
    vdt_overlay_clear(&file->overlay);
    if (status == VDT_OK)
        status = open_journal(file, error);
    if (status == VDT_OK && ftruncate(file->journal, 0) != 0)
        status = vdt_fail_errno(error, file->journal_path);
    return status;
}

vdt_status vdt_file_create(const char *path, struct vdt_file **out, struct vdt_error *error)
{
    struct stat info;
    if (stat(path, &info) == 0)
        return vdt_fail(error, VDT_ERR_EXISTS, "%s: exists already", path);
    vdt_cleanup(file_cleanup) struct vdt_file *file = new_file(path);
    if (file == NULL || (file->part = vdt_path_with(path, ".part")) == NULL)
        return vdt_fail_memory(error, path);
    int fd = open(file->part, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return vdt_fail_errno(error, path);
    file->fd = fd;
    vdt_status status = lock(file, error);
    if (status != VDT_OK) {
        free(file->part); /* the other process's */
        file->part = NULL;
        return status;
    }
    if (ftruncate(fd, 0) != 0)
        return vdt_fail_errno(error, path);
    file->writing = true;
    *out = file;
    file = NULL;
    return VDT_OK;
}

vdt_status vdt_file_open_write(const char *path, struct vdt_file **out, struct vdt_error *error)
{
    vdt_cleanup(file_cleanup) struct vdt_file *file = new_file(path);
    if (file == NULL)
        return vdt_fail_memory(error, path);
    file->fd = open(path, O_RDWR | O_CLOEXEC);
    if (file->fd < 0)
        return vdt_fail_errno(error, path);
    vdt_status status = lock(file, error);
    if (status == VDT_OK)
        status = measure(file, error);
    if (status == VDT_OK)
        status = recover(file, error);
    if (status != VDT_OK)
        return status;
    file->writing = true;
    *out = file;
    file = NULL;
    return VDT_OK;
}

vdt_status vdt_file_open_read(const char *path, struct vdt_file **out, struct vdt_error *error)
{
    vdt_cleanup(file_cleanup) struct vdt_file *file = new_file(path);
    if (file == NULL)
        return vdt_fail_memory(error, path);
    file->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (file->fd < 0)
        return vdt_fail_errno(error, path);
    file->stamp = stamp_now(file);
    bool valid = false;
    vdt_status status = measure(file, error);
    if (status == VDT_OK)
        status = vdt_journal_read(file->journal_path, &file->overlay, &valid, error);
    if (status != VDT_OK)
        return status;
    *out = file;
    file = NULL;
    return VDT_OK;
}

vdt_status vdt_file_hdf5(struct vdt_file *file, hid_t *id, struct vdt_error *error)
{
    pthread_once(&driver_once, register_driver);
    struct driver_info info = {.file = file};
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    /* Superblock 2: no "open for writing" mark that a crash would leave behind. */
    H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V110);
    H5Pset_driver(access, driver_id, &info);
    hid_t opened;
    if (file->part != NULL)
        opened = H5Fcreate(file->path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    else
        opened = H5Fopen(file->path, file->writing ? H5F_ACC_RDWR : H5F_ACC_RDONLY, access);
    H5Pclose(access);
    if (opened < 0)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: not a store: no whole HDF5 file", file->path);
    if (file->writing && file->part == NULL) {
        /* What lies behind HDF5's own end is left from a transaction that a crash ended. */
        if (ftruncate(file->fd, (off_t)file->driver->eoa) != 0) {
            vdt_file_abandon(file);
            H5Fclose(opened);
            return vdt_fail_errno(error, file->path);
        }
        file->size = file->driver->eoa;
        set_committed(file);
    }
    *id = opened;
    return VDT_OK;
}

/* --- commits ------------------------------------------------------------------------------ */

/* Gives a new store its name; never replaces a file that came into being meanwhile. */
static vdt_status publish(struct vdt_file *file, struct vdt_error *error)
{
    if (link(file->part, file->path) == 0)
        unlink(file->part);
    else if (errno == EEXIST)
        return vdt_fail(error, VDT_ERR_EXISTS, "%s: exists already", file->path);
    else if (rename(file->part, file->path) != 0) /* no hard links on this file system */
        return vdt_fail_errno(error, file->path);
    free(file->part);
    file->part = NULL;
    vdt_status status = vdt_sync_folder(file->path, error);
    return status == VDT_OK ? open_journal(file, error) : status;
}

vdt_status vdt_file_commit(struct vdt_file *file, struct vdt_error *error)
{
    if (fsync(file->fd) != 0)
        return vdt_fail_errno(error, file->path);
    vdt_status status = VDT_OK;
    if (file->part != NULL)
        status = publish(file, error);
    else if (file->overlay.count > 0) {
        status = vdt_journal_write(file->journal, file->journal_path, &file->overlay, error);
        if (status == VDT_OK)
            status = vdt_overlay_apply(&file->overlay, file->fd, file->path, error);
        if (status == VDT_OK && ftruncate(file->journal, 0) != 0)
            status = vdt_fail_errno(error, file->journal_path);
        vdt_overlay_clear(&file->overlay);
    }
    if (status == VDT_OK)
        status = measure(file, error); /* the last page may have been filled up */
    if (status == VDT_OK)
        set_committed(file);
    return status;
}

void vdt_file_abandon(struct vdt_file *file)
{
    file->abandoned = true;
}

const struct vdt_error *vdt_file_failure(const struct vdt_file *file)
{
    return file->failure.status == VDT_OK ? NULL : &file->failure;
}

void vdt_file_free(struct vdt_file *file)
{
    if (file == NULL)
        return;
    if (file->part != NULL && file->fd >= 0)
        unlink(file->part);
    else if (file->abandoned && file->kept > 0 && ftruncate(file->fd, (off_t)file->kept) != 0) {
        /* Harmless: the next writer cuts the rest off. */
    }
    if (file->journal >= 0) {
        struct stat info;
        if (fstat(file->journal, &info) == 0 && info.st_size == 0)
            unlink(file->journal_path);
        close(file->journal);
    }
    if (file->fd >= 0)
        close(file->fd);
    vdt_overlay_clear(&file->overlay);
    free(file->path);
    free(file->part);
    free(file->journal_path);
    free(file);
}

int vdt_file_descriptor(const struct vdt_file *file)
{
    return file->fd;
}

uint64_t vdt_file_size(const struct vdt_file *file)
{
    return file->size;
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
