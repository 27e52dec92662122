/* PATH.partial: made, mapped and checked. */
#define _GNU_SOURCE /* F_OFD_SETLKW */
#include "catalog/partial_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"
#include "base/path.h"

enum { VERSION = 1, PAGE = 4096, BOOT = 64, MOST_TEXT = 1 << 20 };

struct header {
    char magic[8];
    uint32_t version;
    uint32_t block_size;
    uint64_t size;
    uint64_t blocks;
    uint64_t text;
    uint32_t crc;
    uint32_t zero[5];
};
static_assert(sizeof(struct header) == 64, "as on disk");

static const char magic[8] = {'V', 'D', 'T', 'P', 'A', 'R', 'T', 'L'};

/* Where the parts lie. */
struct places {
    uint64_t list, state, here, durable, end;
};

static uint64_t paged(uint64_t bytes)
{
    return (bytes + PAGE - 1) / PAGE * PAGE;
}

static struct places places_of(const struct header *header)
{
    struct places places = {.list = paged(sizeof *header + header->text)};
    uint64_t bits = paged((header->blocks + 63) / 64 * 8);
    places.state = places.list + paged(header->blocks * VDT_BLOCK_DIGEST);
    places.here = places.state + PAGE;
    places.durable = places.here + bits;
    places.end = places.durable + bits;
    return places;
}

static uint32_t crc_of(const struct header *header, const void *text, const void *list)
{
    uint32_t crc = vdt_crc32c(0, header, offsetof(struct header, crc));
    crc = vdt_crc32c(crc, text, (size_t)header->text);
    return vdt_crc32c(crc, list, (size_t)header->blocks * VDT_BLOCK_DIGEST);
}

/* Names this run of the machine; "" where that cannot be said. */
static void read_boot(char boot[BOOT])
{
    memset(boot, 0, BOOT);
    vdt_cleanup(vdt_close_fd) int fd =
        open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && read(fd, boot, BOOT - 1) < 0)
        boot[0] = '\0';
}

/* --- making ------------------------------------------------------------------------------- */

/* Texts of struct vdt_partial_about. */
static const struct text_member {
    const char *name;
    size_t offset;
} members[] = {{"store", offsetof(struct vdt_partial_about, store)},
               {"manifest", offsetof(struct vdt_partial_about, manifest)},
               {"entry", offsetof(struct vdt_partial_about, entry)},
               {"server", offsetof(struct vdt_partial_about, server)},
               {"login", offsetof(struct vdt_partial_about, login)},
               {"ca_file", offsetof(struct vdt_partial_about, ca_file)},
               {"http_proxy", offsetof(struct vdt_partial_about, http_proxy)},
               {"https_proxy", offsetof(struct vdt_partial_about, https_proxy)},
               {"no_proxy", offsetof(struct vdt_partial_about, no_proxy)}};

enum { MEMBERS = sizeof members / sizeof *members };

static const char **member_of(const struct vdt_partial_about *about, int member)
{
    return (const char **)(void *)((char *)about + members[member].offset);
}

static char *about_text(const struct vdt_partial_about *about, const struct vdt_block_list *list)
{
    char digest[VDT_DIGEST_TEXT];
    vdt_block_list_digest(list, digest);
    vdt_cleanup(vdt_json_release) json_t *json =
        json_pack("{s:I, s:s}", "version", (json_int_t)about->version, "digest", digest);
    bool set = json != NULL;
    for (int i = 0; set && i < MEMBERS; i++)
        if (*member_of(about, i) != NULL)
            set =
                json_object_set_new(json, members[i].name, json_string(*member_of(about, i))) == 0;
    return set ? vdt_json_text(json) : NULL;
}

static vdt_status write_file(int fd, const char *what, const struct vdt_partial_about *about,
                             const struct vdt_block_list *list, struct vdt_error *error)
{
    char boot[BOOT];
    vdt_cleanup(vdt_free_pointer) char *text = about_text(about, list);
    if (text == NULL)
        return vdt_fail_memory(error, what);
    struct header header = {.version = VERSION,
                            .block_size = list->block_size,
                            .size = list->size,
                            .blocks = list->count,
                            .text = strlen(text)};
    memcpy(header.magic, magic, sizeof magic);
    header.crc = crc_of(&header, text, list->digests);
    struct places places = places_of(&header);
    uint64_t bits = places.end - places.here;
    vdt_cleanup(vdt_free_pointer) void *zeros = vdt_allocate_zero((size_t)bits, 1);
    if (zeros == NULL)
        return vdt_fail_memory(error, what);
    read_boot(boot);
    /* Bits are written, not left as a hole: a full disk must show now, not as a fault in a map. */
    vdt_status status = vdt_write_at(fd, zeros, (size_t)bits, places.here, what, error);
    if (status == VDT_OK)
        status = vdt_write_at(fd, boot, BOOT, places.state, what, error);
    if (status == VDT_OK)
        status = vdt_write_at(fd, list->digests, (size_t)list->count * VDT_BLOCK_DIGEST,
                              places.list, what, error);
    if (status == VDT_OK)
        status = vdt_write_at(fd, text, (size_t)header.text, sizeof header, what, error);
    if (status == VDT_OK)
        status = vdt_write_at(fd, &header, sizeof header, 0, what, error);
    if (status == VDT_OK && fsync(fd) != 0)
        status = vdt_fail_errno(error, what);
    return status;
}

/* The store: its length and no bytes. It gets its name after PATH.partial has: a store without it
 * would pass for a whole one. */
static vdt_status make_sparse(const char *path, const char *temporary, uint64_t size,
                              struct vdt_error *error)
{
    vdt_cleanup(vdt_close_fd) int fd =
        open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0 || ftruncate(fd, (off_t)size) != 0)
        return vdt_fail_errno(error, path);
    if (link(temporary, path) == 0)
        unlink(temporary);
    else if (errno == EEXIST)
        return vdt_fail(error, VDT_ERR_EXISTS, "%s: exists already", path);
    else if (access(path, F_OK) == 0 || rename(temporary, path) != 0) /* no hard links here */
        return vdt_fail_errno(error, path);
    return vdt_sync_folder(path, error);
}

/* Of two that make the same store one comes second, and must not take the other's PATH.partial
 * away. Where folders cannot be locked there is no lock. */
static int lock_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    vdt_cleanup(vdt_free_pointer) char *folder =
        slash == NULL ? vdt_copy_string(".") : vdt_copy_string(path);
    if (folder == NULL)
        return -1;
    if (slash != NULL)
        folder[slash == path ? 1 : slash - path] = '\0';
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        flock(fd, LOCK_EX);
    return fd;
}

vdt_status vdt_partial_create(const char *path, const struct vdt_partial_about *about,
                              const struct vdt_block_list *list, struct vdt_error *error)
{
    struct stat info;
    vdt_cleanup(vdt_close_fd) int folder = lock_folder(path);
    (void)folder;
    vdt_cleanup(vdt_free_pointer) char *name = vdt_path_with(path, ".partial");
    vdt_cleanup(vdt_free_pointer) char *part = vdt_path_with(path, ".partial.part");
    vdt_cleanup(vdt_free_pointer) char *sparse = vdt_path_with(path, ".sparse.part");
    if (name == NULL || part == NULL || sparse == NULL)
        return vdt_fail_memory(error, path);
    if (lstat(path, &info) == 0)
        return vdt_fail(error, VDT_ERR_EXISTS, "%s: exists already", path);
    vdt_cleanup(vdt_close_fd) int fd =
        open(part, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0)
        return vdt_fail_errno(error, part);
    vdt_status status = write_file(fd, part, about, list, error);
    if (status == VDT_OK && rename(part, name) != 0)
        status = vdt_fail_errno(error, name);
    if (status != VDT_OK) {
        unlink(part);
        return status;
    }
    status = vdt_sync_folder(path, error);
    if (status == VDT_OK)
        status = make_sparse(path, sparse, list->size, error);
    if (status != VDT_OK) {
        unlink(sparse);
        unlink(name);
    }
    return status;
}

/* --- opening ------------------------------------------------------------------------------ */

static vdt_status damaged(const struct vdt_partial_file *file, struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_FORMAT,
                    "%s: damaged: remove it and the store beside it, and pull the store again",
                    file->path);
}

static bool sane(const struct header *header, uint64_t size)
{
    if (memcmp(header->magic, magic, sizeof magic) != 0 || header->version != VERSION ||
        header->text > MOST_TEXT || header->block_size < VDT_BLOCK_SIZE_MIN ||
        header->block_size > VDT_BLOCK_SIZE_MAX || header->blocks > size / VDT_BLOCK_DIGEST ||
        header->blocks == 0 || header->blocks != vdt_block_count(header->size, header->block_size))
        return false;
    return places_of(header).end == size;
}

static vdt_status read_about(struct vdt_partial_file *file, const char *text, size_t size,
                             struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) char *copy = vdt_allocate(size + 1, 1);
    vdt_cleanup(vdt_json_release) json_t *json = NULL;
    if (copy == NULL)
        return vdt_fail_memory(error, file->path);
    memcpy(copy, text, size);
    copy[size] = '\0';
    vdt_status status = vdt_json_parse(copy, file->path, &json, error);
    if (status != VDT_OK)
        return status;
    for (int i = 0; i < MEMBERS; i++) {
        const char *value = json_string_value(json_object_get(json, members[i].name));
        if (value != NULL && (*member_of(&file->about, i) = vdt_copy_string(value)) == NULL)
            return vdt_fail_memory(error, file->path);
    }
    file->about.version = (uint32_t)json_integer_value(json_object_get(json, "version"));
    vdt_block_list_digest(&file->list, file->digest);
    return file->about.store == NULL ? damaged(file, error) : VDT_OK;
}

/* After another boot what was not known to be on the disk is fetched again. */
static void follow_boot(struct vdt_partial_file *file, char *state)
{
    char boot[BOOT];
    read_boot(boot);
    if (strncmp(boot, state, BOOT) == 0)
        return;
    if (!file->writable) {
        file->here = file->durable;
        return;
    }
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    while (fcntl(file->fd, F_OFD_SETLKW, &lock) != 0 && errno == EINTR) {
    }
    if (strncmp(boot, state, BOOT) != 0) {
        for (uint64_t i = 0; i < file->words; i++)
            atomic_store(&file->here[i], atomic_load(&file->durable[i]));
        memcpy(state, boot, BOOT);
    }
    lock.l_type = F_UNLCK;
    fcntl(file->fd, F_OFD_SETLK, &lock);
}

static vdt_status map_file(struct vdt_partial_file *file, struct vdt_error *error)
{
    struct stat info;
    struct header header;
    if (fstat(file->fd, &info) != 0)
        return vdt_fail_errno(error, file->path);
    if (!S_ISREG(info.st_mode) || info.st_size < (off_t)sizeof header ||
        vdt_read_at(file->fd, &header, sizeof header, 0, file->path, NULL) != VDT_OK ||
        !sane(&header, (uint64_t)info.st_size))
        return damaged(file, error);
    void *data = mmap(NULL, (size_t)info.st_size,
                      file->writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, file->fd, 0);
    if (data == MAP_FAILED)
        return vdt_fail_errno(error, file->path);
    file->data = data;
    file->size = (size_t)info.st_size;
    struct places places = places_of(&header);
    char *bytes = data;
    file->list = (struct vdt_block_list){.size = header.size,
                                         .block_size = header.block_size,
                                         .count = header.blocks,
                                         .digests = (void *)(bytes + places.list)};
    file->words = (header.blocks + 63) / 64;
    file->here = (void *)(bytes + places.here);
    file->durable = (void *)(bytes + places.durable);
    if (crc_of(&header, bytes + sizeof header, bytes + places.list) != header.crc)
        return damaged(file, error);
    vdt_status status = read_about(file, bytes + sizeof header, (size_t)header.text, error);
    if (status == VDT_OK)
        follow_boot(file, bytes + places.state);
    return status;
}

vdt_status vdt_partial_file_open(const char *path, struct vdt_partial_file *out,
                                 struct vdt_error *error)
{
    struct vdt_partial_file file = {.fd = -1, .path = vdt_path_with(path, ".partial")};
    if (file.path == NULL)
        return vdt_fail_memory(error, path);
    file.fd = open(file.path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    file.writable = file.fd >= 0;
    if (file.fd < 0 && (errno == EACCES || errno == EROFS || errno == EPERM))
        file.fd = open(file.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    vdt_status status = file.fd < 0 ? vdt_fail_errno(error, file.path) : map_file(&file, error);
    if (status == VDT_OK)
        *out = file;
    else
        vdt_partial_file_close(&file);
    return status;
}

void vdt_partial_file_close(struct vdt_partial_file *file)
{
    if (file->data != NULL)
        munmap(file->data, file->size);
    if (file->fd >= 0)
        close(file->fd);
    free(file->path);
    for (int i = 0; i < MEMBERS; i++)
        free((void *)*member_of(&file->about, i));
    *file = (struct vdt_partial_file){.fd = -1};
}

uint64_t vdt_partial_count(const struct vdt_partial_file *file)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i < file->words; i++)
        count += (uint64_t)__builtin_popcountll(atomic_load(&file->here[i]));
    return count;
}
