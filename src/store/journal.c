/* The page overlay and its journal file. */
#include "store/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/path.h"
#include "base/random.h"

struct header {
    char magic[8];
    uint64_t pages;
    uint32_t crc; /* over the records */
    uint32_t zero;
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

vdt_status vdt_journal_write(int fd, const char *path, const struct vdt_overlay *overlay,
                             struct vdt_error *error)
{
    struct header header = {.pages = overlay->count};
    uint64_t offset = sizeof header;
    memcpy(header.magic, magic, sizeof magic);
    for (uint32_t i = 0; i < overlay->capacity; i++) {
        if (overlay->numbers[i] == 0)
            continue;
        struct record record = {.number = overlay->numbers[i] - 1};
        memcpy(record.bytes, overlay->pages[i], VDT_PAGE);
        header.crc = vdt_crc32c(header.crc, &record, sizeof record);
        vdt_status status = vdt_write_at(fd, &record, sizeof record, offset, path, error);
        if (status != VDT_OK)
            return status;
        offset += sizeof record;
    }
    vdt_status status = vdt_write_at(fd, &header, sizeof header, 0, path, error);
    if (status == VDT_OK && fsync(fd) != 0)
        status = vdt_fail_errno(error, path);
    return status;
}

static vdt_status read_records(int fd, const char *path, const struct header *header,
                               struct vdt_overlay *overlay, bool *valid, struct vdt_error *error)
{
    uint32_t crc = 0;
    for (uint64_t i = 0; i < header->pages; i++) {
        struct record record;
        vdt_status status = vdt_read_at(fd, &record, sizeof record,
                                        sizeof *header + i * sizeof record, path, error);
        if (status != VDT_OK)
            return status;
        crc = vdt_crc32c(crc, &record, sizeof record);
        if (record.number > UINT64_MAX / VDT_PAGE / 2 ||
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

vdt_status vdt_journal_read(const char *path, struct vdt_overlay *overlay, bool *valid,
                            struct vdt_error *error)
{
    *valid = false;
    vdt_cleanup(vdt_close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? VDT_OK : vdt_fail_errno(error, path);
    struct stat info;
    struct header header;
    if (fstat(fd, &info) != 0)
        return vdt_fail_errno(error, path);
    if ((uint64_t)info.st_size < sizeof header)
        return VDT_OK;
    vdt_status status = vdt_read_at(fd, &header, sizeof header, 0, path, error);
    if (status != VDT_OK)
        return status;
    uint64_t records = ((uint64_t)info.st_size - sizeof header) / sizeof(struct record);
    if (memcmp(header.magic, magic, sizeof magic) != 0 || header.pages > records)
        return VDT_OK;
    status = read_records(fd, path, &header, overlay, valid, error);
    if (!*valid)
        vdt_overlay_clear(overlay);
    return status;
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
