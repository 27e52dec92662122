/* The page overlay and its journal file. */
#include "store/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/path.h"
#include "base/random.h"

enum { LONGEST_TAIL = 65536 };

/* As it lies on disk; the records follow. */
struct header {
    char magic[8];
    uint64_t generation;
    uint64_t pages;
    uint64_t tail; /* offset of the first remembered byte of the store */
    uint64_t size; /* offset behind the last one */
    uint32_t tail_crc;
    uint32_t crc; /* over the header up to here and the records */
};

struct record {
    uint64_t number;
    unsigned char bytes[VDT_PAGE];
};

static const char magic[8] = {'V', 'D', 'T', 'J', 'R', 'N', 'L', '1'};

static uint32_t slot_of(const struct vdt_overlay *overlay, uint64_t number)
{
    uint32_t slot = (uint32_t)vdt_mix(number) & (overlay->capacity - 1);
    while (overlay->numbers[slot] != 0 && overlay->numbers[slot] != number + 1)
        slot = (slot + 1) & (overlay->capacity - 1);
    return slot;
}

unsigned char *vdt_overlay_find(const struct vdt_overlay *overlay, uint64_t number)
{
    return overlay->count == 0 ? NULL : overlay->pages[slot_of(overlay, number)];
}

static bool enlarge(struct vdt_overlay *overlay)
{
    struct vdt_overlay larger = {.capacity = overlay->capacity == 0 ? 64 : overlay->capacity * 2,
                                 .count = overlay->count};
    larger.numbers = vdt_allocate_zero(larger.capacity, sizeof *larger.numbers);
    larger.pages = vdt_allocate_zero(larger.capacity, sizeof *larger.pages);
    if (larger.numbers == NULL || larger.pages == NULL) {
        free(larger.numbers);
        free(larger.pages);
        return false;
    }
    for (uint32_t i = 0; i < overlay->capacity; i++)
        if (overlay->numbers[i] != 0) {
            uint32_t slot = slot_of(&larger, overlay->numbers[i] - 1);
            larger.numbers[slot] = overlay->numbers[i];
            larger.pages[slot] = overlay->pages[i];
        }
    free(overlay->numbers);
    free(overlay->pages);
    *overlay = larger;
    return true;
}

unsigned char *vdt_overlay_add(struct vdt_overlay *overlay, uint64_t number)
{
    if (2 * (overlay->count + 1) > overlay->capacity && !enlarge(overlay))
        return NULL;
    unsigned char *page = malloc(VDT_PAGE);
    if (page == NULL)
        return NULL;
    uint32_t slot = slot_of(overlay, number);
    overlay->numbers[slot] = number + 1;
    overlay->pages[slot] = page;
    overlay->count++;
    return page;
}

void vdt_overlay_clear(struct vdt_overlay *overlay)
{
    for (uint32_t i = 0; i < overlay->capacity; i++)
        free(overlay->pages[i]);
    free(overlay->numbers);
    free(overlay->pages);
    *overlay = (struct vdt_overlay){0};
}

void vdt_overlay_patch(const struct vdt_overlay *overlay, void *data, size_t size, uint64_t address)
{
    if (overlay->count == 0 || size == 0)
        return;
    for (uint64_t number = address / VDT_PAGE; number <= (address + size - 1) / VDT_PAGE;
         number++) {
        const unsigned char *page = vdt_overlay_find(overlay, number);
        if (page == NULL)
            continue;
        uint64_t from = number * VDT_PAGE < address ? address : number * VDT_PAGE;
        uint64_t to = (number + 1) * VDT_PAGE;
        to = to < address + size ? to : address + size;
        memcpy((char *)data + (from - address), page + from % VDT_PAGE, to - from);
    }
}

vdt_status vdt_overlay_apply(const struct vdt_overlay *overlay, int fd, const char *path,
                             struct vdt_error *error)
{
    for (uint32_t i = 0; i < overlay->capacity; i++) {
        if (overlay->numbers[i] == 0)
            continue;
        vdt_status status = vdt_write_at(fd, overlay->pages[i], VDT_PAGE,
                                         (overlay->numbers[i] - 1) * VDT_PAGE, path, error);
        if (status != VDT_OK)
            return status;
    }
    return fsync(fd) == 0 ? VDT_OK : vdt_fail_errno(error, path);
}

/* --- the file ----------------------------------------------------------------------------- */

static uint32_t header_crc(const struct header *header)
{
    return vdt_crc32c(0, header, offsetof(struct header, crc));
}

/* A journal of no pages, under the next generation. */
static vdt_status write_empty(struct vdt_journal *journal, struct vdt_error *error)
{
    struct header header = {.generation = ++journal->generation};
    memcpy(header.magic, magic, sizeof magic);
    header.crc = header_crc(&header);
    return vdt_write_at(journal->fd, &header, sizeof header, 0, journal->path, error);
}

vdt_status vdt_journal_open(struct vdt_journal *journal, const char *path, struct vdt_error *error)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    /* The time keeps generations of one writer apart from those of the next. */
    struct vdt_journal opened = {
        .path = path, .generation = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec};
    opened.fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (opened.fd < 0)
        return vdt_fail_errno(error, path);
    vdt_status status = vdt_journal_reset(&opened, error);
    /* A journal that a crash could make vanish protects nothing. */
    if (status == VDT_OK)
        status = vdt_sync_folder(path, error);
    if (status != VDT_OK) {
        vdt_journal_close(&opened, false);
        return status;
    }
    *journal = opened;
    return VDT_OK;
}

static vdt_status tail_crc(int fd, const char *path, uint64_t from, uint64_t to, uint32_t *crc,
                           struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) void *bytes = vdt_allocate(to - from, 1);
    if (bytes == NULL)
        return vdt_fail_memory(error, path);
    vdt_status status = vdt_read_at(fd, bytes, to - from, from, path, error);
    if (status == VDT_OK)
        *crc = vdt_crc32c(0, bytes, to - from);
    return status;
}

vdt_status vdt_journal_write(struct vdt_journal *journal, const struct vdt_overlay *overlay,
                             const struct vdt_journal_store *store, struct vdt_error *error)
{
    struct header header = {.generation = ++journal->generation,
                            .pages = overlay->count,
                            .tail = store->tail,
                            .size = store->size};
    uint64_t offset = sizeof header;
    memcpy(header.magic, magic, sizeof magic);
    if (header.size - header.tail > LONGEST_TAIL)
        header.tail = header.size - LONGEST_TAIL;
    vdt_status status =
        tail_crc(store->fd, store->path, header.tail, header.size, &header.tail_crc, error);
    header.crc = header_crc(&header);
    for (uint32_t i = 0; status == VDT_OK && i < overlay->capacity; i++) {
        if (overlay->numbers[i] == 0)
            continue;
        struct record record = {.number = overlay->numbers[i] - 1};
        memcpy(record.bytes, overlay->pages[i], VDT_PAGE);
        header.crc = vdt_crc32c(header.crc, &record, sizeof record);
        status = vdt_write_at(journal->fd, &record, sizeof record, offset, journal->path, error);
        offset += sizeof record;
    }
    if (status == VDT_OK)
        status = vdt_write_at(journal->fd, &header, sizeof header, 0, journal->path, error);
    if (status == VDT_OK && fsync(journal->fd) != 0)
        status = vdt_fail_errno(error, journal->path);
    return status;
}

vdt_status vdt_journal_reset(struct vdt_journal *journal, struct vdt_error *error)
{
    vdt_status status = write_empty(journal, error);
    if (status == VDT_OK && ftruncate(journal->fd, sizeof(struct header)) != 0)
        status = vdt_fail_errno(error, journal->path);
    return status;
}

void vdt_journal_close(struct vdt_journal *journal, bool keep)
{
    if (journal->fd < 0)
        return;
    if (!keep)
        unlink(journal->path);
    close(journal->fd);
    journal->fd = -1;
}

static vdt_status read_records(int fd, const char *path, const struct header *header,
                               struct vdt_overlay *overlay, bool *valid, struct vdt_error *error)
{
    uint32_t crc = header_crc(header);
    for (uint64_t i = 0; i < header->pages; i++) {
        struct record record;
        vdt_status status = vdt_read_at(fd, &record, sizeof record,
                                        sizeof *header + i * sizeof record, path, error);
        if (status == VDT_ERR_FORMAT)
            return VDT_OK; /* emptied at this moment by the writer */
        if (status != VDT_OK)
            return status;
        crc = vdt_crc32c(crc, &record, sizeof record);
        if (record.number >= header->size / VDT_PAGE + 1 ||
            vdt_overlay_find(overlay, record.number) != NULL)
            return VDT_OK; /* not ours */
        unsigned char *page = vdt_overlay_add(overlay, record.number);
        if (page == NULL)
            return vdt_fail_memory(error, path);
        memcpy(page, record.bytes, VDT_PAGE);
    }
    *valid = crc == header->crc;
    return VDT_OK;
}

static bool belongs_to(const struct header *header, int store)
{
    struct stat info;
    uint32_t crc = 0;
    return header->tail <= header->size && header->size - header->tail <= LONGEST_TAIL &&
           fstat(store, &info) == 0 && (uint64_t)info.st_size >= header->size &&
           tail_crc(store, "", header->tail, header->size, &crc, NULL) == VDT_OK &&
           crc == header->tail_crc;
}

static bool read_header(int fd, struct header *header)
{
    return pread(fd, header, sizeof *header, 0) == (ssize_t)sizeof *header &&
           memcmp(header->magic, magic, sizeof magic) == 0;
}

vdt_status vdt_journal_read(const char *path, int store, struct vdt_overlay *overlay, bool *valid,
                            struct vdt_error *error)
{
    *valid = false;
    vdt_cleanup(vdt_close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? VDT_OK : vdt_fail_errno(error, path);
    struct stat info;
    struct header header;
    if (fstat(fd, &info) != 0)
        return vdt_fail_errno(error, path);
    if (!read_header(fd, &header) || header.pages == 0 ||
        header.pages > ((uint64_t)info.st_size - sizeof header) / sizeof(struct record) ||
        !belongs_to(&header, store))
        return VDT_OK;
    vdt_status status = read_records(fd, path, &header, overlay, valid, error);
    if (!*valid)
        vdt_overlay_clear(overlay);
    return status;
}

uint64_t vdt_journal_generation(const char *path)
{
    struct header header;
    vdt_cleanup(vdt_close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return 0;
    return read_header(fd, &header) ? header.generation : 1;
}
